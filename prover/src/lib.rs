//! The wallet: keeps the holder's two secrets and credential, follows the tree, and answers requests
//! by the rules W1–W9 of `docs/spec/protocol.md`.
//!
//! A library without IO and without a clock: files are bytes, the time and the RNG are arguments, and
//! what is published comes through a [`Source`]. (age, which encrypts the files, draws its own salts
//! from the operating system.)
//!
//! | module | what it holds |
//! |---|---|
//! | [`Wallet`] | secrets, credential, files; `new`, `enrol`, `show`, `wallet_file`, `open` |
//! | `sync`, `tiles` | epochs as a platform checks them (W8), directory (W6), the own leaf (W9) |
//! | `present`, `asker`, `rules`, `pins`, `slots` | what is answered, to whom, and how often (W1–W8) |
//! | [`groth16`] | the proving engine |
//! | `prepare`, `visits`, `store` | answers that are prepared for platforms that were answered before |
//! | `candidates` | renewals, rotations and resets that are under way |
//! | `crypt`, `state` | the encrypted files |
//! | `home` | the authority that the wallet belongs to |
//! | `words`, `names` | what is asked, for people |
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]
#![deny(missing_docs)]

mod asker;
mod candidates;
mod credential;
mod crypt;
pub mod groth16;
mod home;
mod key_seal;
mod names;
mod pins;
#[doc(hidden)]
pub mod plaintext;
mod prepare;
mod present;
mod refusal;
mod rules;
mod slots;
mod source;
mod state;
mod store;
mod sync;
mod tiles;
mod visits;
mod wallet;
mod words;

#[cfg(test)]
mod tests;

pub use age::secrecy::{ExposeSecret, SecretString};
pub use asker::{Channel, answer_address};
pub use candidates::{CodeHash, Taken};
pub use crypt::{SealFailed, WorkFactor};
pub use groth16::KeyFile;
pub use home::Home;
pub use key_seal::KeySeal;
pub use pins::{AGREEMENT_WAIT, MAX_NEW_AGREEMENTS};
pub use present::{AnswerError, Question};
pub use refusal::{MonthOverride, Refusal};
pub use source::{Source, SourceError};
pub use state::HistoryEntry;
pub use sync::{SyncError, Synced, next_sync};
pub use visits::MAX_PREPARED;
pub use wallet::{Shown, Standing, Wallet};
pub use words::told;
