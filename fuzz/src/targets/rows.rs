//! Import files: the lines, and one row in both forms.

use super::code_of;
use crate::strict::{Shape, one_reading};
use crate::{BYTES, Target, Verdict, repair, seeds};
use serde_json::Value;
use std::sync::OnceLock;
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::day::Day;
use veilpass_protocol::field::Fr;
use veilpass_protocol::json;
use veilpass_server::authority::IMPORT_HEADER;
use veilpass_server::authority::person::{FingerprintKey, Fingerprints};
use veilpass_server::reading::{Checked, Form, Lines, Row, csv_fields};

const WORDS: &[&str] = &[
    "440301199911130013",
    "11010519491231002X",
    "resident_card",
    "foreign_passport",
    "taiwan_permit",
    "male",
    "female",
    "unknown",
    "not_applicable",
    "156",
    "44",
    "\"document_number\":",
    "\"expires_on\":null",
    "\"\"",
    "\",\"",
    "1999-11-13",
];

/// Contract §4, "Import file", as CSV: a line, or several.
pub const CSV: Target = Target {
    name: "import_csv",
    judge: |input| each_line(input, Form::Csv),
    seeds: || seeds::rows().into_iter().map(|row| csv_of(&row).into_bytes()).collect(),
    repair: Some(repair::resident_number),
    words: WORDS,
    short: 200_000,
    full: BYTES,
};

/// The same as JSONL.
pub const JSON_LINES: Target = Target {
    name: "import_jsonl",
    judge: |input| each_line(input, Form::JsonLines),
    seeds: || seeds::rows().into_iter().map(|row| json::to_string(&row).into_bytes()).collect(),
    repair: Some(repair::resident_number),
    words: WORDS,
    short: 150_000,
    full: BYTES,
};

fn key() -> &'static FingerprintKey {
    static KEY: OnceLock<FingerprintKey> = OnceLock::new();
    KEY.get_or_init(|| FingerprintKey::generate(&mut seeds::rng(9)))
}

/// Reads all lines; accepted if one of them is.
fn each_line(input: &[u8], form: Form) -> Verdict {
    let mut lines = Lines::new(input);
    let (mut number, mut accepted) = (0, false);
    while let Some(line) = lines.next_line().expect("a slice does not fail") {
        assert!(line.number > number, "lines are counted upwards");
        number = line.number;
        if let Some(bytes) = &line.bytes {
            assert!(bytes.len() <= 16 * 1024 && !bytes.contains(&b'\n'));
            accepted |= row(bytes, form);
        }
    }
    assert_eq!(lines.bytes_read(), input.len() as u64, "every byte belongs to a line");
    if accepted { Verdict::Accepted } else { Verdict::Rejected }
}

/// What a row stands for.
type Told = (Fingerprints, Fr, Fr, Fr, Attributes);

fn checked(line: &[u8], form: Form) -> Option<Told> {
    let today = seeds::today();
    let read = Row::read(form, line).and_then(|row| row.check(today, key()));
    match read {
        Ok(Checked { person, identity_commitment: c, device_commitment: d, leaf, attributes }) => {
            in_ranges(&attributes, today);
            assert!(c != d && c != Fr::default() && d != Fr::default());
            Some((person, c, d, leaf, attributes))
        }
        Err((code, detail)) => {
            code_of(
                code.as_str(),
                &[
                    "row_syntax",
                    "commitment_invalid",
                    "birth_date",
                    "expires_on",
                    "enrolled_on",
                    "attribute_range",
                    "document_invalid",
                ],
            );
            // The explanation never repeats what the row says: it is made of the rules' own words.
            assert!(detail.len() < 120, "a detail of {} bytes", detail.len());
            None
        }
    }
}

fn in_ranges(a: &Attributes, today: Day) {
    assert_eq!(a.check(), Ok(()));
    assert!(a.birth_date <= a.enrolled_on && a.enrolled_on <= today);
    assert!(a.expires_on.is_none_or(|day| day >= a.birth_date));
    assert_eq!(Attributes::unpack(&a.pack()).as_ref(), Some(a), "packed it is something else");
}

fn row(line: &[u8], form: Form) -> bool {
    let Some(told) = checked(line, form) else { return false };
    // The same row in the other form, and in its own once more, says the same.
    let row = match form {
        Form::Csv => {
            let fields = csv_fields(line).expect("it was read a moment ago");
            assert_eq!(
                Some(&fields),
                strict_fields(line).as_ref(),
                "not a line of RFC 4180, or read in another way"
            );
            value_of(&fields)
        }
        Form::JsonLines => {
            let shape = Shape { nullable: &["expires_on"], ..Shape::default() };
            let spelt = |text: &[u8]| {
                checked(text, Form::JsonLines)?;
                Some(json::to_string(&serde_json::from_slice::<Value>(text).ok()?).into_bytes())
            };
            one_reading(line, &shape, &spelt);
            serde_json::from_slice(line).expect("an accepted text is JSON")
        }
    };
    let (csv, jsonl) = (csv_of(&row), json::to_string(&row));
    assert_eq!(checked(csv.as_bytes(), Form::Csv).as_ref(), Some(&told), "as CSV it is another row: {csv}");
    assert_eq!(
        checked(jsonl.as_bytes(), Form::JsonLines).as_ref(),
        Some(&told),
        "as JSON it is another row: {jsonl}"
    );
    true
}

/// The fields of a line exactly as RFC 4180 has them: quotes around a whole field or nowhere, doubled inside.
fn strict_fields(line: &[u8]) -> Option<Vec<String>> {
    let mut rest = std::str::from_utf8(line).ok()?;
    let mut fields = Vec::new();
    loop {
        let field = if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut inside = quoted;
            loop {
                let (text, after) = inside.split_once('"')?;
                field.push_str(text);
                match after.strip_prefix('"') {
                    Some(more) => {
                        field.push('"');
                        inside = more;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
            field
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            if field.contains('"') {
                return None;
            }
            rest = after;
            field.to_owned()
        };
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return rest.is_empty().then_some(fields),
        }
    }
}

const NUMBERS: [&str; 3] = ["nationality", "province", "generation"];

/// A row of CSV as an object.
fn value_of(fields: &[String]) -> Value {
    let member = |(name, field): (&&str, &String)| {
        let value = match *name {
            "expires_on" if field.is_empty() => Value::Null,
            name if NUMBERS.contains(&name) => Value::from(field.parse::<i64>().expect("a number was read")),
            _ => Value::from(field.as_str()),
        };
        ((*name).to_owned(), value)
    };
    Value::Object(IMPORT_HEADER.iter().zip(fields).map(member).collect())
}

/// A row as a line of CSV.
fn csv_of(row: &Value) -> String {
    let field = |name: &&str| match &row[*name] {
        Value::Null => String::new(),
        Value::String(text) if text.contains([',', '"']) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    IMPORT_HEADER.iter().map(field).collect::<Vec<_>>().join(",")
}
