//! The embedded DEV pair, the default of every command. One machine made it and could forge proofs
//! under it: verifiers refuse it unless they are told otherwise. `cargo xtask dev-keys` makes it anew
//! whenever the circuit changes.

use crate::proving_key::{ProvingKey, ProvingKeyError};
use veilpass_circuits::Attest;
use veilpass_verifier::{KeyError, VerifyingKey};

/// Where the pair lies in the repository, for whoever writes it anew.
pub const FOLDER: &str = "params/keys/attest-v1-dev";
/// File name of the verifying key.
pub const VERIFYING_KEY_FILE: &str = "attest-v1.vk";
/// File name of the proving key.
pub const PROVING_KEY_FILE: &str = "attest-v1.pk";

/// The file of the DEV verifying key.
pub fn verifying_key_bytes() -> &'static [u8] {
    include_bytes!("../keys/attest-v1-dev/attest-v1.vk")
}

/// The file of the DEV proving key.
pub fn proving_key_bytes() -> &'static [u8] {
    include_bytes!("../keys/attest-v1-dev/attest-v1.pk")
}

/// The DEV verifying key.
pub fn verifying_key() -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_bytes(verifying_key_bytes())
}

/// The DEV proving key. It fails as [`ProvingKeyError::AnotherCircuit`] when the circuit has changed
/// and the pair has not been made anew.
pub fn proving_key() -> Result<ProvingKey, ProvingKeyError> {
    ProvingKey::from_bytes(Attest, proving_key_bytes())
}
