//! What a platform links to check Veilpass presentations.
//!
//! The library does no IO and reads no clock: the platform's own request, the presentation, the
//! accepted epochs and the time are arguments. The result is evidence ([`VerifiedPresentation`]) or
//! a refusal by blame ([`VerifyError`]), never a bool. The normative texts are
//! `docs/spec/protocol.md` ("Verification") and `docs/spec/contract.md` (§6, §7).
//!
//! ```
//! use veilpass_verifier::protocol::{day::Timestamp, note::AuthorityKey, request::Request};
//! use veilpass_verifier::{AcceptError, AcceptedEpochs, InMemory, Policy, Proven, Reuse, Verifier};
//! # macro_rules! example { ($name:literal) => { concat!(env!("CARGO_MANIFEST_DIR"), "/example/", $name) } }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let key_file = include_bytes!(example!("attest-v1.vk"));
//! # let (vkey, note) = (include_str!(example!("authority.vkey")), include_str!(example!("epoch.note")));
//! # let (sent, received) = (include_bytes!(example!("request.json")), include_bytes!(example!("presentation.json")));
//! # let your_clock = || "2026-11-22T04:00:00Z".parse::<Timestamp>();
//!
//! // At the start: the key you ship, the authority you trust, a store for what was answered.
//! let policy = Policy::default().allowing_dev_keys(); // in production: Policy::default()
//! let verifier = Verifier::new(policy).with_key(key_file)?;
//! let authority: AuthorityKey = vkey.trim().parse()?;
//! let mut epochs = AcceptedEpochs::starting_without_memory(authority); // later: restore(saved, authority)
//! let store = InMemory::new(); // in production: your database behind `Memory`
//!
//! // Every few minutes: the newest epoch note. Save `epochs.save()` beside your data.
//! epochs.install(note, &policy, your_clock()?)?;
//!
//! // For each answer: the request that you sent, and the bytes that came back.
//! let request = Request::from_json(sent)?;
//! let verified = verifier.accept(&request, received, &epochs, &store, Reuse::MayReturn, your_clock()?)?;
//! assert!(verified.proven().contains(&Proven::AgeAtLeast(18)));
//! let user = veilpass_verifier::protocol::field::to_hex(verified.pseudonym());
//! # assert!(user.ends_with("12d687"));
//!
//! // The same answer again, however its proof is re-randomised, is refused by name.
//! let again = verifier.accept(&request, received, &epochs, &store, Reuse::MayReturn, your_clock()?);
//! assert!(matches!(again, Err(AcceptError::Refused(e)) if e.code() == "request_replayed"));
//! # Ok(())
//! # }
//! ```
//!
//! A store that answers asynchronously takes the same steps one by one: [`Verifier::screen`], a look
//! whether the nonce is known, [`Screened::check_proof`], then one atomic insert of
//! [`VerifiedPresentation::entry`]. Nothing is granted before that insert.
//!
//! A platform with many answers at once checks what it has screened together: [`Screened::check_all`].
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]
#![deny(missing_docs, unsafe_code)]

mod batch;
mod curve;
mod epochs;
mod error;
mod evidence;
mod files;
mod key;
mod lint;
mod memory;
mod pairing;
pub mod points;
mod policy;
mod proof;
mod verifier;

pub use epochs::{AcceptedEpochs, EpochsError, Equivocation, Install};
pub use error::{Blame, Malformed, Misconfigured, Unacceptable, VerifyError};
pub use evidence::{Proven, VerifiedPresentation};
pub use files::{Files, verify_files};
pub use key::{KeyError, KeyPoints, Origin, VerifyingKey};
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
