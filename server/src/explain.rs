//! Why a JSON text is not the object that was expected, in words for the person who wrote it.
//!
//! The strict reader of the protocol decides; this module only explains its refusal. It reads the schema
//! that the OpenAPI description of the route shows, so that description and explanation cannot differ.
//! Values that were sent are never repeated: some of them are about a person.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// Longest name of a member that is repeated, where it can only be a misspelt name.
const LONGEST_NAME: usize = 32;

/// The first place at which `bytes` differ from the schema of `T`. None if the schema finds no fault,
/// for instance because a member stands twice.
pub fn object<T: ToSchema>(bytes: &[u8]) -> Option<String> {
    within::<T>(bytes, "")
}

/// The same for a part that stands alone, with the name of its place.
pub fn within<T: ToSchema>(bytes: &[u8], place: &str) -> Option<String> {
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(e) if e.classify() == serde_json::error::Category::Eof => {
            return Some("the JSON ends too early: a bracket or a quotation mark is not closed".into());
        }
        Err(e) => return Some(format!("this is not JSON (line {}, column {})", e.line(), e.column())),
    };
    let mut named: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut named);
    let schemas = Schemas(named.into_iter().map(|(name, schema)| (name, json(&schema))).collect());
    schemas.fault(&json(&T::schema()), &value, place)
}

/// The known name that a misspelt one most likely stands for: at most a third of it differs.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|name| (distance(&word.to_lowercase(), name), name)).min()?;
    (near.0 <= near.1.chars().count().div_ceil(3)).then_some(near.1)
}

/// Letters to insert, leave out or exchange (Levenshtein). Both words are short.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let (mut diagonal, mut left) = (i, i + 1);
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn json(schema: &RefOr<Schema>) -> Value {
    // A schema has text keys and no failing serializer.
    serde_json::to_value(schema).unwrap_or_default()
}

/// The schemas that others refer to by name.
struct Schemas(Vec<(String, Value)>);

impl Schemas {
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) else {
            return schema;
        };
        self.0.iter().find(|(known, _)| known == name).map_or(schema, |(_, schema)| schema)
    }

    fn fault(&self, schema: &Value, value: &Value, at: &str) -> Option<String> {
        let target = self.resolved(schema);
        let parts = |name: &str| target[name].as_array();
        if let Some(all) = parts("allOf") {
            return all.iter().find_map(|part| self.fault(part, value, at));
        }
        if let Some(several) = parts("oneOf") {
            return self.fault_in_one_of(several, value, at);
        }
        if let Some(allowed) = parts("enum") {
            return fault_in_list(target, allowed, value, at);
        }
        if !has_type(target, value) {
            return Some(must_be(target, at));
        }
        match value {
            Value::Object(members) => self.fault_in_members(target, members, at),
            Value::Array(items) => {
                let number = items.len() as u64;
                let fits = target["minItems"].as_u64().is_none_or(|least| number >= least)
                    && target["maxItems"].as_u64().is_none_or(|most| number <= most);
                if !fits {
                    return Some(must_be(target, at));
                }
                let inner = &target["items"];
                items.iter().find_map(|item| self.fault(inner, item, &format!("{at}[]")))
            }
            Value::Number(number) => {
                let number = number.as_f64()?;
                let fits = target["minimum"].as_f64().is_none_or(|least| number >= least)
                    && target["maximum"].as_f64().is_none_or(|most| number <= most);
                (!fits).then(|| must_be(target, at))
            }
            _ => None,
        }
    }

    fn fault_in_members(
        &self,
        schema: &Value,
        members: &serde_json::Map<String, Value>,
        at: &str,
    ) -> Option<String> {
        let known = schema["properties"].as_object()?;
        let place = if at.is_empty() { "the body".to_owned() } else { format!("`{at}`") };
        let unknown = members.keys().find(|name| !known.contains_key(*name));
        // Our readers refuse every unknown member, whether the schema says so or not.
        if let Some(name) = unknown {
            let word = |b: u8| b.is_ascii_lowercase() || b == b'_';
            let shown = name.len() <= LONGEST_NAME && !name.is_empty() && name.bytes().all(word);
            let shown = if shown { format!("no member `{name}`") } else { "not all of its members".into() };
            return Some(match nearest(name, known.keys().map(String::as_str)) {
                Some(meant) => format!("{place} takes {shown}; did you mean `{meant}`?"),
                None => format!("{place} takes {shown}; it takes {}", list(known.keys(), "and")),
            });
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            if !members.contains_key(name) {
                let described = self.resolved(&known[name]);
                let described = explained(described).or_else(|| explained(&known[name]));
                return Some(format!(
                    "`{}` is missing{}",
                    path(at, name),
                    described.map(|d| format!(": {d}")).unwrap_or_default()
                ));
            }
        }
        if members.len() < schema["minProperties"].as_u64().unwrap_or(0) as usize {
            return Some(must_be(schema, at));
        }
        members
            .iter()
            .find_map(|(name, value)| known.get(name).and_then(|s| self.fault(s, value, &path(at, name))))
    }

    /// Several forms: the one that the member `type` names, or none of them.
    fn fault_in_one_of(&self, several: &[Value], value: &Value, at: &str) -> Option<String> {
        let faults: Vec<Option<String>> = several.iter().map(|s| self.fault(s, value, at)).collect();
        if faults.iter().any(Option::is_none) {
            return None;
        }
        let kinds: Vec<(&str, &Value)> = several
            .iter()
            .map(|schema| self.resolved(schema))
            .filter_map(|schema| Some((schema.pointer("/properties/type/enum/0")?.as_str()?, schema)))
            .collect();
        let kind = value["type"].as_str();
        if let Some((_, schema)) = kinds.iter().find(|(name, _)| Some(*name) == kind) {
            return self.fault(schema, value, at);
        }
        if kinds.is_empty() || !value.is_object() {
            return Some(format!("`{at}` must be an object"));
        }
        let names = list(kinds.iter().map(|(name, _)| *name), "or");
        Some(format!("`{}` must be {names}", path(at, "type")))
    }
}

fn path(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => true,
    };
    match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

fn fault_in_list(schema: &Value, allowed: &[Value], value: &Value, at: &str) -> Option<String> {
    if allowed.contains(value) {
        return None;
    }
    let words: Vec<String> = allowed.iter().map(Value::to_string).collect();
    let known = allowed.iter().filter_map(Value::as_str);
    let meant = value.as_str().and_then(|word| nearest(word, known));
    let meant = meant.map(|meant| format!("; did you mean \"{meant}\"?")).unwrap_or_default();
    let said = explained(schema).filter(|_| meant.is_empty()).map(|d| format!(": {d}")).unwrap_or_default();
    Some(format!("`{at}` must be {}{meant}{said}", plain_list(words.iter(), "or")))
}

fn must_be(schema: &Value, at: &str) -> String {
    let kind = match &schema["type"] {
        Value::String(name) => name.as_str(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|n| *n != "null").unwrap_or_default()
        }
        _ => "",
    };
    let kind = match kind {
        "object" => "an object",
        "array" => "a list",
        "string" => "a text",
        "boolean" => "true or false",
        "integer" | "number" => "a whole number",
        _ => "of another form",
    };
    let range = match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        _ => String::new(),
    };
    let example = &schema["example"];
    let example = if example.is_null() { String::new() } else { format!(" such as {example}") };
    let described = explained(schema).map(|d| format!(": {d}")).unwrap_or_default();
    let place = if at.is_empty() { "the body".to_owned() } else { format!("`{at}`") };
    format!("{place} must be {kind}{range}{example}{described}")
}

/// The first line of the description.
fn explained(schema: &Value) -> Option<&str> {
    schema["description"].as_str()?.lines().next()
}

fn list<T: std::fmt::Display>(names: impl Iterator<Item = T>, word: &str) -> String {
    plain_list(names.map(|name| format!("`{name}`")), word)
}

fn plain_list<T: std::fmt::Display>(names: impl Iterator<Item = T>, word: &str) -> String {
    let mut names: Vec<String> = names.map(|name| name.to_string()).collect();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} {word} {last}", names.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words() {
        let known = ["none", "tokens", "account"];
        assert_eq!(nearest("acount", known), Some("account"));
        assert_eq!(nearest("ACCOUNT", known), Some("account"));
        assert_eq!(nearest("token", known), Some("tokens"));
        assert_eq!(nearest("friend", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
