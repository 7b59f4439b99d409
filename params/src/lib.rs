//! Keys of `attest-v1`: the proving key and its file, the setup that makes a pair, the DEV pair that
//! every command defaults to, and what other tools read: snarkjs' JSON, and the files of the circom world.
//!
//! The verifying key (type, file, id, lint) is in `veilpass_verifier`: platforms need nothing of this
//! crate. No IO and no global randomness; files are bytes, and whoever writes them does so atomically.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]
#![deny(missing_docs)]

pub mod circom;
pub mod dev;
mod inspect;
mod proving_key;
mod setup;
pub mod snarkjs;

pub use inspect::{Inspection, Kind, NoKey, inspect};
pub use proving_key::{ProvingKey, ProvingKeyError};
pub use setup::{SetupError, Stage, setup};
