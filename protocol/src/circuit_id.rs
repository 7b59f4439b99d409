//! The name of a circuit's key: the hash of the whole verifying key file (contract §4).

use crate::field::hex32;
use crate::json::serde_as_text;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// SHA-256 of a verifying key file, so that neither the key nor its DEV mark can be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircuitId(pub [u8; 32]);

/// A circuit as key files name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamedCircuit {
    /// The name in the head of its key files.
    pub name: &'static str,
    /// Public inputs, the constant one not counted.
    pub public_inputs: usize,
}

/// The statement of presentations (protocol.md, "Statement").
pub const ATTEST_V1: NamedCircuit = NamedCircuit { name: "attest-v1", public_inputs: 14 };

/// The circuits whose keys the product reads.
pub const CIRCUITS: &[NamedCircuit] = &[ATTEST_V1];

/// A text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a circuit id is 64 lower-case hex digits")]
pub struct InvalidCircuitId;

impl CircuitId {
    /// The id of a verifying key file.
    pub fn of_file(bytes: &[u8]) -> CircuitId {
        CircuitId(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for CircuitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for CircuitId {
    type Err = InvalidCircuitId;

    fn from_str(text: &str) -> Result<CircuitId, InvalidCircuitId> {
        hex32(text).map(CircuitId).ok_or(InvalidCircuitId)
    }
}

serde_as_text!(CircuitId);
