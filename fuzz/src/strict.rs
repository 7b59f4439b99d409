//! One text has one reading (contract §1), tried on every JSON text that a parser accepts: the same value
//! in another order or spelling reads the same, and what makes two readers differ is refused.

use crate::mutate::hash;
use serde_json::{Map, Value};
use std::fmt::Write;

/// What the objects of a format allow. Members are named without their place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape {
    /// Members that may be absent.
    pub optional: &'static [&'static str],
    /// Members that may be `null`.
    pub nullable: &'static [&'static str],
    /// Members whose objects have names of their own choosing (still none twice).
    pub open: &'static [&'static str],
    /// Longest text that is read; 0 for no bound.
    pub longest: usize,
}

/// How a text is spelt anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    /// The same value: members in the reverse order, white space, letters as escapes.
    Respelt,
    /// A member that nobody knows, in one object.
    Unknown,
    /// One object without one of its members.
    Missing,
    /// One member twice.
    Repeated,
    /// One object as the array of its values.
    Array,
    /// One member `null`.
    Null,
}

const REFUSED: [Edit; 5] = [Edit::Unknown, Edit::Missing, Edit::Repeated, Edit::Array, Edit::Null];

/// Checks a text that was read. `read` gives the value's own spelling, or `None` where it refuses.
pub fn one_reading(text: &[u8], shape: &Shape, read: &dyn Fn(&[u8]) -> Option<Vec<u8>>) {
    let spelt = read(text).expect("the text was read a moment ago");
    assert_eq!(read(&spelt).as_ref(), Some(&spelt), "what was written is not read as it was");
    let value: Value = serde_json::from_slice(text).expect("an accepted text is JSON");
    let h = hash(text);
    // One of them each time, decided by the text, so that an input shows the same every time.
    if h.is_multiple_of(4) {
        let other = Writer::write(&value, Edit::Respelt, 0, 0, shape).0;
        if shape.longest == 0 || other.len() <= shape.longest {
            assert_eq!(read(other.as_bytes()), Some(spelt), "another spelling reads differently: {other}");
        }
        let twice = [text, b" 1"].concat();
        assert_eq!(read(&twice), None, "something follows the value");
        return;
    }
    let edit = REFUSED[(h >> 8) as usize % REFUSED.len()];
    let objects = count(&value);
    let (other, done) =
        Writer::write(&value, edit, (h >> 16) as usize % objects.max(1), (h >> 32) as usize, shape);
    if done && (shape.longest == 0 || other.len() <= shape.longest) {
        assert_eq!(read(other.as_bytes()), None, "{edit:?} is accepted: {other}");
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(count).sum::<usize>(),
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

/// Writes a value with one edit in one object.
struct Writer<'a> {
    out: String,
    edit: Edit,
    /// Objects to come before the one that is edited.
    before: Option<usize>,
    choice: usize,
    shape: &'a Shape,
    done: bool,
}

impl Writer<'_> {
    fn write(value: &Value, edit: Edit, object: usize, choice: usize, shape: &Shape) -> (String, bool) {
        let mut w = Writer { out: String::new(), edit, before: Some(object), choice, shape, done: false };
        w.value(value, "");
        (w.out, w.done)
    }

    fn value(&mut self, value: &Value, name: &str) {
        match value {
            Value::Object(members) => self.object(members, name),
            Value::Array(items) => {
                self.out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.out.push(',');
                    }
                    self.value(item, name);
                }
                self.out.push(']');
            }
            Value::String(text) => self.string(text),
            other => self.push(&other.to_string()),
        }
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn string(&mut self, text: &str) {
        if self.edit != Edit::Respelt {
            return self.push(&Value::from(text).to_string());
        }
        self.out.push('"');
        for (i, unit) in text.encode_utf16().enumerate() {
            match char::from_u32(unit.into()) {
                // Every other letter as it is, where it can be.
                Some(c) if i % 2 == 1 && (' '..='~').contains(&c) && c != '"' && c != '\\' => {
                    self.out.push(c)
                }
                _ => {
                    let _ = write!(self.out, "\\u{unit:04X}");
                }
            }
        }
        self.out.push('"');
    }

    fn object(&mut self, members: &Map<String, Value>, name: &str) {
        let here = self.before == Some(0);
        self.before = self.before.and_then(|n| n.checked_sub(1));
        let edit = if here { self.edit } else { Edit::Respelt };
        let open = self.shape.open.contains(&name);
        let chosen = members.keys().nth(self.choice % members.len().max(1)).cloned();
        let is = |list: &[&str]| chosen.as_deref().is_some_and(|c| list.contains(&c));
        if here && edit == Edit::Array {
            self.done = true;
            return self.value(&Value::Array(members.values().cloned().collect()), name);
        }
        let mut written: Vec<(&str, &Value)> = members.iter().map(|(n, v)| (n.as_str(), v)).collect();
        let null = Value::Null;
        if here {
            match edit {
                Edit::Unknown if !open => written.push(("zz", &null)),
                Edit::Missing if !open && chosen.is_some() && !is(self.shape.optional) => {
                    written.retain(|(n, _)| Some(*n) != chosen.as_deref());
                }
                Edit::Repeated if chosen.is_some() => {
                    let again = written.iter().find(|(n, _)| Some(*n) == chosen.as_deref()).copied();
                    written.extend(again);
                }
                Edit::Null if chosen.is_some() && !is(self.shape.nullable) => {
                    for (_, value) in written.iter_mut().filter(|(n, _)| Some(*n) == chosen.as_deref()) {
                        *value = &null;
                    }
                }
                _ => (),
            }
            let same =
                written.len() == members.len() && written.iter().all(|(n, v)| members.get(*n) == Some(*v));
            self.done |= !same;
        }
        if self.edit == Edit::Respelt {
            written.reverse();
        }
        self.out.push('{');
        for (i, (member, value)) in written.into_iter().enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            if self.edit == Edit::Respelt {
                self.push("\n\t ");
            }
            self.string(member);
            self.out.push(':');
            self.value(value, member);
        }
        self.out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { optional: &["o"], nullable: &["n"], open: &["m"], longest: 0 };

    fn written(edit: Edit, object: usize, choice: usize) -> Option<String> {
        let value = serde_json::json!({"a": {"b": 1}, "n": null, "o": "é\u{1f600}x"});
        let (text, done) = Writer::write(&value, edit, object, choice, &SHAPE);
        done.then_some(text)
    }

    #[test]
    fn edits() {
        let is = |edit, object, choice, text: &str| {
            assert_eq!(written(edit, object, choice).as_deref(), Some(text))
        };
        is(Edit::Unknown, 1, 0, r#"{"a":{"b":1,"zz":null},"n":null,"o":"é😀x"}"#);
        is(Edit::Missing, 0, 0, r#"{"n":null,"o":"é😀x"}"#);
        is(Edit::Repeated, 1, 0, r#"{"a":{"b":1,"b":1},"n":null,"o":"é😀x"}"#);
        is(Edit::Array, 1, 0, r#"{"a":[1],"n":null,"o":"é😀x"}"#);
        is(Edit::Null, 0, 2, r#"{"a":{"b":1},"n":null,"o":null}"#);
        // Nothing to be refused: an optional member is absent, a nullable one null.
        assert_eq!(written(Edit::Missing, 0, 2), None);
        assert_eq!(written(Edit::Null, 0, 1), None);
        let respelt =
            Writer::write(&serde_json::json!({"a": 1, "é": "ab\u{1f600}"}), Edit::Respelt, 0, 0, &SHAPE).0;
        assert_eq!(respelt, "{\n\t \"\\u00E9\":\"\\u0061b\\uD83D\\uDE00\",\n\t \"\\u0061\":1}");
    }

    /// A reader that is lax in one way is found out.
    #[test]
    fn lax_readers_are_noticed() {
        let strict =
            |text: &[u8]| veilpass_protocol::json::parse::<veilpass_protocol::predicates::AgePredicate>(text);
        let ours =
            |text: &[u8]| strict(text).ok().map(|v| veilpass_protocol::json::to_string(&v).into_bytes());
        let lax =
            |text: &[u8]| serde_json::from_slice::<Value>(text).ok().map(|v| v.to_string().into_bytes());
        let shape = Shape { optional: &["at_least", "below"], ..Shape::default() };
        let mut noticed = 0;
        for (a, b) in (10..40).zip(50..80) {
            let text = format!(r#"{{"at_least":{a},"below":{b}}}"#);
            one_reading(text.as_bytes(), &shape, &ours);
            noticed +=
                u32::from(std::panic::catch_unwind(|| one_reading(text.as_bytes(), &shape, &lax)).is_err());
        }
        assert!(noticed > 5, "{noticed}");
    }
}
