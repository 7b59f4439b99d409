//! Names of what a row enforces.

use serde::{Serialize, Serializer};
use std::fmt;

/// A clause of a circuit's statement, by its id in the specification: letters, then a number, `S7`. Of several failing
/// clauses the lowest is named; ids are ordered by their letters, then by their number, so that `S9` is before `S10`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Clause(&'static str);

impl Clause {
    /// The clause with this id.
    pub const fn new(id: &'static str) -> Clause {
        Clause(id)
    }

    /// The id.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Letters, number, and the whole id for ids of another form.
    fn key(self) -> (&'static str, u64, &'static str) {
        let letters = self.0.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = self.0.get(letters.len()..).and_then(|digits| digits.parse().ok());
        (letters, number.unwrap_or(0), self.0)
    }
}

impl Ord for Clause {
    fn cmp(&self, other: &Clause) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Clause {
    fn partial_cmp(&self, other: &Clause) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Clause {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0)
    }
}

/// What a row of the matrices belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    /// The clause that fails when the row does.
    pub clause: Clause,
    /// The line of the cost ledger on which the row is counted.
    pub gadget: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_ordered_by_letters_and_number() {
        let mut ids = ["S10", "S2", "A3", "S9", "S1", "S", "S02"].map(Clause::new);
        ids.sort();
        assert_eq!(ids.map(Clause::as_str), ["A3", "S", "S1", "S02", "S2", "S9", "S10"]);
    }
}
