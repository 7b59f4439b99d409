//! What both binary formats share: a magic, a version, and sections of a type and a length.

use super::FormatError;
use ark_ff::{BigInteger, PrimeField};
use std::collections::BTreeMap;
use std::fmt::Write;
use veilpass_protocol::field::{Fr, from_bytes, to_bytes};

/// Bytes of a field element.
const FIELD: u32 = 32;

/// Bytes that are read from the front.
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// What the bytes are, for errors.
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], what: &'static str) -> Reader<'a> {
        Reader { bytes, what }
    }

    pub fn take(&mut self, length: u64) -> Result<&'a [u8], FormatError> {
        let split = usize::try_from(length).ok().and_then(|length| self.bytes.split_at_checked(length));
        let (taken, rest) = split.ok_or(FormatError::Truncated(self.what))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        self.take(N as u64)?.try_into().map_err(|_| FormatError::Truncated(self.what))
    }

    pub fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, FormatError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub fn fr(&mut self) -> Result<Fr, FormatError> {
        let mut bytes: [u8; FIELD as usize] = self.array()?;
        bytes.reverse();
        from_bytes(&bytes).map_err(|_| FormatError::NotCanonical(self.what))
    }

    /// Length of a field element and the modulus: only ours are read.
    pub fn field(&mut self) -> Result<(), FormatError> {
        let size = self.u32()?;
        if size != FIELD {
            return Err(FormatError::FieldSize(size));
        }
        let prime = self.take(FIELD.into())?;
        if prime != Fr::MODULUS.to_bytes_le() {
            let mut hex = String::new();
            // Writing to a String does not fail.
            prime.iter().rev().for_each(|byte| _ = write!(hex, "{byte:02x}"));
            return Err(FormatError::Prime(hex.trim_start_matches('0').into()));
        }
        Ok(())
    }

    /// How often something of `size` bytes fits into what is left, `count` at most: room to reserve.
    pub fn room(&self, count: u32, size: usize) -> usize {
        (count as usize).min(self.bytes.len() / size)
    }

    pub fn end(self) -> Result<(), FormatError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(FormatError::Trailing(self.what)) }
    }
}

/// The sections of a file, by type.
pub struct Sections<'a>(BTreeMap<u32, &'a [u8]>);

impl<'a> Sections<'a> {
    pub fn read(bytes: &'a [u8], magic: &'static str, version: u32) -> Result<Sections<'a>, FormatError> {
        let mut reader = Reader::new(bytes, "the list of sections");
        if reader.take(magic.len() as u64).ok() != Some(magic.as_bytes()) {
            return Err(FormatError::Magic(magic));
        }
        let found = reader.u32()?;
        if found != version {
            return Err(FormatError::Version(found));
        }
        let mut sections = BTreeMap::new();
        for _ in 0..reader.u32()? {
            let (kind, length) = (reader.u32()?, reader.u64()?);
            if sections.insert(kind, reader.take(length)?).is_some() {
                return Err(FormatError::SectionTwice(kind));
            }
        }
        reader.end()?;
        Ok(Sections(sections))
    }

    pub fn get(&self, kind: u32) -> Option<&'a [u8]> {
        self.0.get(&kind).copied()
    }

    pub fn reader(&self, kind: u32, what: &'static str) -> Result<Reader<'a>, FormatError> {
        self.get(kind).map(|bytes| Reader::new(bytes, what)).ok_or(FormatError::SectionMissing(kind))
    }
}

/// The beginning of a file that has this many sections.
pub fn begin(out: &mut Vec<u8>, magic: &str, version: u32, sections: u32) {
    out.extend(magic.as_bytes());
    out.extend(version.to_le_bytes());
    out.extend(sections.to_le_bytes());
}

/// A section of `length` bytes, which the caller appends.
pub fn section(out: &mut Vec<u8>, kind: u32, length: usize) {
    out.extend(kind.to_le_bytes());
    out.extend((length as u64).to_le_bytes());
}

/// What [`Reader::field`] reads.
pub fn put_field(out: &mut Vec<u8>) {
    out.extend(FIELD.to_le_bytes());
    out.extend(Fr::MODULUS.to_bytes_le());
}

pub fn put_fr(out: &mut Vec<u8>, x: &Fr) {
    let mut bytes = to_bytes(x);
    bytes.reverse();
    out.extend(bytes);
}
