//! What a platform links to check Veilpass presentations.
//!
//! The library does no IO and reads no clock: the platform's own request, the presentation, the
//! accepted epochs and the time are arguments. The result is evidence ([`VerifiedPresentation`]) or
//! a refusal by blame ([`VerifyError`]), never a bool. The normative texts are
//! `docs/spec/protocol.md` ("Verification") and `docs/spec/contract.md` (§6, §7).
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]
#![deny(missing_docs, unsafe_code)]

mod epochs;
mod error;
mod evidence;
mod files;
mod key;
mod lint;
mod memory;
mod pairing;
mod policy;
mod proof;
mod verifier;

pub use epochs::{AcceptedEpochs, EpochsError, Equivocation, Install};
pub use error::{Blame, Malformed, Misconfigured, Unacceptable, VerifyError};
pub use evidence::{Proven, VerifiedPresentation};
pub use files::{Files, verify_files};
pub use key::{KeyError, KeyPoints, Origin, PUBLIC_INPUTS, VerifyingKey};
pub use lint::{KeyFault, KeyPart, lint};
pub use memory::{Consumed, Entry, InMemory, Memory, Reuse};
pub use pairing::{PreparedKey, ProofInvalid};
pub use policy::{Policy, TooLoose};
pub use proof::{PROOF_BYTES, Proof, ProofPart, ProofPointError};
pub use verifier::{AcceptError, Screened, Verifier};

/// The protocol's types, for platforms that depend on this crate alone.
pub use veilpass_protocol as protocol;

#[cfg(test)]
extern crate self as veilpass_verifier;
#[cfg(test)]
#[path = "../tests/all/testkit.rs"]
mod testkit;
