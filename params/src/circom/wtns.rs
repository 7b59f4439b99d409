//! `.wtns`, version 2: the value of every wire.

use super::FormatError;
use super::container::{Sections, begin, put_field, put_fr, section};
use ark_ff::Field;
use veilpass_protocol::field::Fr;
use zeroize::Zeroizing;

const MAGIC: &str = "wtns";
const VERSION: u32 = 2;
const HEADER: u32 = 1;
const VALUES: u32 = 2;
/// Bytes of the header: the field and the number of values.
const HEADER_LENGTH: usize = 36 + 4;
const VALUE: usize = 32;

/// Writes an assignment, wire 0 first. The file holds the secrets of whoever proves with it.
pub fn write_wtns(assignment: &[Fr]) -> Zeroizing<Vec<u8>> {
    let length = assignment.len() * VALUE;
    // In one piece, so that no copy is left behind as it grows.
    let mut out = Zeroizing::new(Vec::with_capacity(12 + 2 * 12 + HEADER_LENGTH + length));
    begin(&mut out, MAGIC, VERSION, 2);
    section(&mut out, HEADER, HEADER_LENGTH);
    put_field(&mut out);
    out.extend((assignment.len() as u32).to_le_bytes());
    section(&mut out, VALUES, length);
    assignment.iter().for_each(|value| put_fr(&mut out, value));
    out
}

/// Reads an assignment. Whether it fits a circuit, also in its length, is for the caller to see.
pub fn read_wtns(bytes: &[u8]) -> Result<Zeroizing<Vec<Fr>>, FormatError> {
    let sections = Sections::read(bytes, MAGIC, VERSION)?;
    let mut header = sections.reader(HEADER, "the header")?;
    header.field()?;
    let count = header.u32()?;
    header.end()?;
    let mut reader = sections.reader(VALUES, "the values")?;
    let mut values = Zeroizing::new(Vec::with_capacity(reader.room(count, VALUE)));
    for _ in 0..count {
        values.push(reader.fr()?);
    }
    reader.end()?;
    if values.first() != Some(&Fr::ONE) {
        return Err(FormatError::NotOne);
    }
    Ok(values)
}
