//! Veilpass circuits: the statement `attest-v1` (clauses S1–S14 of `docs/spec/protocol.md`) as rank-1
//! constraints over BN254's scalar field, and as a plain check that shares nothing with them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`circuit`] | the trait of a circuit, and a circuit as arkworks takes it |
//! | [`builder`] | linear combinations that carry their values, rows that know their clause |
//! | [`gadgets`] | Poseidon, membership, ranges, sets: each enforces all that its name says |
//! | [`mod@shape`] | the matrices with counts, digest and ledger |
//! | [`attest`] | the circuit `attest-v1`, its private inputs, the plain check |
//! | [`audit`] | mechanical checks of any constraint matrices: mutated wires, undetermined wires |
//!
//! Why each clause is enforced by its rows: `docs/notes/statement.md`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]
#![deny(missing_docs)]

pub mod attest;
pub mod audit;
mod core;

pub use crate::core::circuit::{Circuit, Synthesis};
pub use crate::core::clause::{Clause, Tag};
pub use crate::core::shape::{Dimensions, Shape, Stats};
pub use crate::core::{builder, circuit, gadgets, shape};
pub use attest::{Attest, Witness, native_check};
