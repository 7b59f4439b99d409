//! One row of an import file: read, then checked as far as that needs no registry.
//!
//! The first failure is reported, in this order: form of the row · commitments · birth date · expiry ·
//! enrolment · ranges and names · document number. What needs the registry comes after: a person on
//! record, then commitments used before.

use super::documents::{self, DocumentError};
use super::person::{FingerprintKey, Fingerprints, Identified, PersonKey};
use super::resident;
use serde::{Deserialize, Serialize};
use std::fmt;
use veilpass_protocol::attributes::{Attributes, DocumentClass, DocumentGroup};
use veilpass_protocol::day::Day;
use veilpass_protocol::field::{Fr, from_hex};
use veilpass_protocol::identity::leaf;
use veilpass_protocol::json;

/// The header of a CSV import file, and the names in a JSONL one (contract §4).
pub const HEADER: [&str; 11] = [
    "identity_commitment",
    "device_commitment",
    "document_number",
    "birth_date",
    "expires_on",
    "enrolled_on",
    "sex",
    "document_class",
    "nationality",
    "province",
    "generation",
];

/// Why a row was not imported (contract §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportCode {
    /// Not a row of the file's form.
    RowSyntax,
    /// A commitment is not canonical or 0, or both are equal.
    CommitmentInvalid,
    /// No date, or after today.
    BirthDate,
    /// No date, or before the birth date.
    ExpiresOn,
    /// No date, after today, or before the birth date.
    EnrolledOn,
    /// A number out of its range, or a name outside its list.
    AttributeRange,
    /// The document number is refused, or does not agree with the row.
    DocumentInvalid,
    /// The person is on record.
    DocumentUsed,
    /// A commitment was accepted before.
    CommitmentUsed,
    /// A wallet has redeemed a code for the person, unconfirmed so far.
    PersonPending,
}

impl ImportCode {
    /// The code.
    pub fn as_str(self) -> &'static str {
        match self {
            ImportCode::RowSyntax => "row_syntax",
            ImportCode::CommitmentInvalid => "commitment_invalid",
            ImportCode::BirthDate => "birth_date",
            ImportCode::ExpiresOn => "expires_on",
            ImportCode::EnrolledOn => "enrolled_on",
            ImportCode::AttributeRange => "attribute_range",
            ImportCode::DocumentInvalid => "document_invalid",
            ImportCode::DocumentUsed => "document_used",
            ImportCode::CommitmentUsed => "commitment_used",
            ImportCode::PersonPending => "person_pending",
        }
    }
}

impl fmt::Display for ImportCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ImportCode {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// Code and explanation of a refused row. The explanation never repeats what the row says.
pub type Refusal = (ImportCode, String);

fn refuse<T>(code: ImportCode, detail: &str) -> Result<T, Refusal> {
    Err((code, detail.to_owned()))
}

/// The form of an import file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values under the exact header.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// A row as it stands in the file. It has no `Debug`: it is somebody's document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    identity_commitment: String,
    device_commitment: String,
    document_number: String,
    birth_date: String,
    #[serde(deserialize_with = "json::nullable")]
    expires_on: Option<String>,
    enrolled_on: String,
    sex: String,
    document_class: String,
    nationality: i64,
    province: i64,
    generation: i64,
}

impl Row {
    /// Reads a line.
    pub fn read(form: Form, line: &[u8]) -> Result<Row, Refusal> {
        match form {
            Form::Csv => Row::from_csv(line),
            Form::JsonLines => json::parse(line).map_err(|e| {
                // The reader's message may quote the row; only the position is taken from it.
                let column = e.0.rsplit_once("column ").map(|(_, column)| column);
                let column = column.and_then(|column| column.parse::<u32>().ok()).unwrap_or_default();
                let rule = "not an object with exactly the members of a row";
                (ImportCode::RowSyntax, format!("{rule} (column {column})"))
            }),
        }
    }

    fn from_csv(line: &[u8]) -> Result<Row, Refusal> {
        let fields = csv_fields(line)?;
        let fields = <[String; 11]>::try_from(fields)
            .map_err(|f| (ImportCode::RowSyntax, format!("{} fields, expected {}", f.len(), HEADER.len())))?;
        let [c, d, number, birth, expires, enrolled, sex, class, nationality, province, generation] = fields;
        Ok(Row {
            identity_commitment: c,
            device_commitment: d,
            document_number: number,
            birth_date: birth,
            expires_on: Some(expires).filter(|text| !text.is_empty()),
            enrolled_on: enrolled,
            sex,
            document_class: class,
            nationality: integer(&nationality, "nationality")?,
            province: integer(&province, "province")?,
            generation: integer(&generation, "generation")?,
        })
    }

    /// Checks everything that needs no registry.
    pub fn check(&self, today: Day, key: &FingerprintKey) -> Result<Checked, Refusal> {
        let identity_commitment = commitment(&self.identity_commitment)?;
        let device_commitment = commitment(&self.device_commitment)?;
        if identity_commitment == device_commitment {
            return refuse(ImportCode::CommitmentInvalid, "the two commitments are equal");
        }
        let attributes = self.attributes(today)?;
        let person = self.person(&attributes).map_err(|e| (ImportCode::DocumentInvalid, e.to_string()))?;
        Ok(Checked {
            person: key.fingerprints(&person),
            identity_commitment,
            device_commitment,
            leaf: leaf(&identity_commitment, &device_commitment, &attributes.pack(), &Fr::default()),
            attributes,
        })
    }

    fn attributes(&self, today: Day) -> Result<Attributes, Refusal> {
        let day = |text: &str, code| text.parse::<Day>().map_err(|e| (code, e.to_string()));
        let birth_date = day(&self.birth_date, ImportCode::BirthDate)?;
        if birth_date > today {
            return refuse(ImportCode::BirthDate, "after today");
        }
        let expires_on =
            self.expires_on.as_deref().map(|text| day(text, ImportCode::ExpiresOn)).transpose()?;
        if expires_on.is_some_and(|expires| expires < birth_date) {
            return refuse(ImportCode::ExpiresOn, "before the birth date");
        }
        let enrolled_on = day(&self.enrolled_on, ImportCode::EnrolledOn)?;
        if enrolled_on > today {
            return refuse(ImportCode::EnrolledOn, "after today");
        }
        if enrolled_on < birth_date {
            return refuse(ImportCode::EnrolledOn, "before the birth date");
        }
        let range = |detail: String| (ImportCode::AttributeRange, detail);
        let out = |name: &str| range(format!("{name} is out of range"));
        let attributes = Attributes {
            birth_date,
            expires_on,
            enrolled_on,
            sex: self.sex.parse().map_err(|e| range(format!("{e}")))?,
            document_class: self.document_class.parse().map_err(|e| range(format!("{e}")))?,
            nationality: self.nationality.try_into().map_err(|_| out("nationality"))?,
            province: self.province.try_into().map_err(|_| out("province"))?,
            generation: self.generation.try_into().map_err(|_| out("generation"))?,
        };
        attributes.check().map_err(|e| range(e.to_string()))?;
        Ok(attributes)
    }

    /// Whose document it is. Where the document bears a resident number, the number must say what the row
    /// says; elsewhere it must at least not be that of another group.
    fn person(&self, attributes: &Attributes) -> Result<Identified, DocumentError> {
        let (number, class) = (self.document_number.as_str(), attributes.document_class);
        let read = resident::resident_number(number);
        let bears_one = match class {
            DocumentClass::ResidentCard => true,
            // Permits had other numbers before 2018, permanent residence cards before 2023.
            DocumentClass::ResidencePermit | DocumentClass::PermanentResidence => resident::has_form(number),
            _ => false,
        };
        if !bears_one {
            documents::document_number(number)?;
            // The resident number wherever it can be had, also where another document bears it.
            return match read {
                Ok(says) if !same_group(says.document_class, class) => {
                    Err(DocumentError::NumberOf(says.document_class))
                }
                Ok(says) => Ok(says.identified(number)),
                Err(_) => Ok(PersonKey::of_document(attributes.nationality, class, number).into()),
            };
        }
        let says = read?;
        if says.document_class != class {
            return Err(DocumentError::NumberOf(says.document_class));
        }
        // Of a citizen's nationality the number says nothing that the class does not.
        let named = class != DocumentClass::PermanentResidence || says.nationality == attributes.nationality;
        let agree = [
            (says.birth_date == attributes.birth_date, "the birth date"),
            (says.sex == attributes.sex, "the sex"),
            (says.province == attributes.province, "the province"),
            (named, "the nationality"),
        ];
        match agree.iter().find(|(agrees, _)| !agrees) {
            Some((_, what)) => Err(DocumentError::Disagrees(what)),
            None => Ok(says.identified(number)),
        }
    }
}

/// Whether two classes are of one group that a platform may ask for.
fn same_group(one: DocumentClass, other: DocumentClass) -> bool {
    DocumentGroup::ALL.iter().any(|group| [one, other].iter().all(|class| group.classes().contains(class)))
}

/// A row that has passed every check that needs no registry.
pub struct Checked {
    /// Who.
    pub person: Fingerprints,
    /// `C`.
    pub identity_commitment: Fr,
    /// `D`.
    pub device_commitment: Fr,
    /// `L`, with `X` = 0.
    pub leaf: Fr,
    /// What is attested.
    pub attributes: Attributes,
}

/// The fields of one line of CSV (RFC 4180): quotes stand around a whole field or nowhere, and doubled inside.
/// No field goes over the end of a line, and nothing is skipped.
pub fn csv_fields(line: &[u8]) -> Result<Vec<String>, Refusal> {
    let text = std::str::from_utf8(line).map_err(|_| (ImportCode::RowSyntax, "not UTF-8".to_owned()))?;
    let (mut rest, mut fields) = (text, Vec::new());
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted),
            None => {
                let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
                (!field.contains('"')).then(|| (field.to_owned(), after))
            }
        }
        .ok_or_else(|| (ImportCode::RowSyntax, "not a line of CSV".to_owned()))?;
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return refuse(ImportCode::RowSyntax, "not a line of CSV"),
        }
    }
}

/// A field after its opening quote, and what follows the closing one.
fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (text, after) = rest.split_once('"')?;
        field.push_str(text);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Some((field, after)),
        }
    }
}

fn commitment(text: &str) -> Result<Fr, Refusal> {
    match from_hex(text) {
        Ok(value) if value != Fr::default() => Ok(value),
        Ok(_) => refuse(ImportCode::CommitmentInvalid, "a commitment is 0"),
        Err(e) => Err((ImportCode::CommitmentInvalid, e.to_string())),
    }
}

/// A whole number in a CSV field, as JSON would write it.
fn integer(text: &str, name: &str) -> Result<i64, Refusal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !digits.starts_with('0'));
    match text.parse() {
        Ok(number) if plain => Ok(number),
        _ => Err((ImportCode::RowSyntax, format!("{name} is not a whole number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What another reader would take for another row is none: found by fuzzing. Text after a closing quote
    /// used to be joined to the field, and what followed a bare CR in a line with quotes was dropped.
    #[test]
    fn a_line_of_csv_has_one_reading() {
        let fields = |line: &str| csv_fields(line.as_bytes()).ok();
        let is = |line, expected: &[&str]| {
            assert_eq!(
                fields(line).as_deref(),
                Some(&expected.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>()[..])
            )
        };
        is("a,,b", &["a", "", "b"]);
        is("", &[""]);
        is("\"a\",\"b,c\",\"\",\"d\"\"e\"", &["a", "b,c", "", "d\"e"]);
        for bad in [
            "a\"b",
            "a\"",
            "\"a",
            "\"a\"b",
            "\"a\" ,b",
            "\"a\"\rb,c",
            "\"a\",\"b",
            "\"a\"\"",
            "a,b\"c\"",
            " \"a\"",
        ] {
            assert_eq!(fields(bad), None, "{bad:?}");
        }
    }
}
