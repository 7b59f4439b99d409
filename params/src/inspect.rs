//! What a key file is (`params inspect`).

use crate::proving_key::{ProvingKey, ProvingKeyError};
use serde::Serialize;
use veilpass_circuits::Attest;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_verifier::{KeyError, VerifyingKey};

/// Which half of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What platforms pin.
    VerifyingKey,
    /// What wallets prove with.
    ProvingKey,
}

/// What a key file says of itself, checked: the same JSON as `params inspect` writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// Which half of a pair.
    pub kind: Kind,
    /// Name of the statement.
    pub circuit: &'static str,
    /// Hash of the verifying key's file.
    pub circuit_id: CircuitId,
    /// `dev` or `ceremony`.
    pub origin: &'static str,
}

/// Why a file is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// Not a verifying key, and it does not begin like a proving key.
    #[error(transparent)]
    Verifying(#[from] KeyError),
    /// Begins like a proving key and is none.
    #[error(transparent)]
    Proving(#[from] ProvingKeyError),
}

impl NoKey {
    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            NoKey::Verifying(e) => e.code(),
            NoKey::Proving(e) => e.code(),
        }
    }
}

/// Reads a key file of either kind, all of it.
pub fn inspect(file: &[u8]) -> Result<Inspection, NoKey> {
    let (kind, key) = if file.starts_with(b"veilpass proving key ") {
        (Kind::ProvingKey, ProvingKey::from_bytes(Attest, file)?.verifying_key().clone())
    } else {
        (Kind::VerifyingKey, VerifyingKey::from_bytes(file)?)
    };
    Ok(Inspection {
        kind,
        circuit: key.circuit().name,
        circuit_id: key.circuit_id(),
        origin: key.origin().as_str(),
    })
}
