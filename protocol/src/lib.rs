//! Veilpass protocol, version 1: the values that wallets, platforms and the authority agree on.
//!
//! No constraints, no IO, no clock and no global randomness: everything takes bytes, a time or an
//! RNG as arguments. The normative texts are `docs/spec/protocol.md` and `docs/spec/contract.md`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]
#![deny(missing_docs)]

pub mod attributes;
pub mod cells;
pub mod challenge;
pub mod circuit_id;
pub mod credential;
pub mod day;
pub mod directory;
pub mod epoch;
pub mod field;
pub mod identity;
pub mod json;
pub mod network_number;
pub mod note;
pub mod operation;
pub mod poseidon;
pub mod predicates;
pub mod presentation;
pub mod request;
pub mod scope;
pub mod statement;
pub mod tile;
pub mod tree;
