//! The proving engine: Groth16 over BN254 behind one small interface.
//!
//! Symbols are those of `docs/notes/proving.md`. Names of variables are older: `n` is its N, `h` its quotient, and `a`,
//! `b`, `c` are the polynomials u, v, w or the sums for A, B, C. Comments at items name them by these variables.

mod blinding;
mod engine;
#[cfg(test)]
mod kept;
mod key;
mod once;
pub(crate) mod prepared;
mod quotient;
mod rerandomise;
mod session;
mod spectrum;
#[cfg(test)]
mod tests;

pub use engine::{Bases, Engine, EngineError};
pub use key::{KeyFile, PreparedKeyError, PreparedProvingKey};
pub use prepared::{PREPARED_BYTES, Prepared, PreparedError};
pub use rerandomise::rerandomise;
pub use session::Session;

use rand::{CryptoRng, RngCore};
use veilpass_circuits::{Clause, Witness};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::Statement;
use veilpass_verifier::PreparedKey;

/// Makes proofs of `attest-v1` under one proving key.
pub trait Prover {
    /// The circuit whose key it has.
    fn circuit(&self) -> CircuitId;

    /// The verifying key of the same pair. A prepared state is presented with it and checked by it; without it nothing
    /// prepared is used.
    fn verifying_key(&self) -> Option<&PreparedKey> {
        None
    }

    /// Proves a statement: 128 bytes `A ‖ B ‖ C`, compressed (contract §4), which the verifier accepted
    /// before they are handed out.
    fn prove<R: RngCore + CryptoRng>(
        &self,
        statement: &Statement,
        witness: &Witness,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError>;
}

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The witness does not satisfy the statement; names the lowest failing clause.
    #[error("clause {0} does not hold")]
    Unsatisfied(Clause),
    /// The engine could not compute a proof.
    #[error("no proof could be computed: {0}")]
    Engine(String),
    /// The proof was made and the verifier refuses it: a damaged or malformed key. A key like that
    /// could also mark its users, so nothing is handed out.
    #[error("the proof that was made does not verify; the proving key must be replaced")]
    SelfCheck,
}
