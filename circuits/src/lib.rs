//! Veilpass circuits: the statement `attest-v1` (clauses S1–S14 of `docs/spec/protocol.md`) as rank-1
//! constraints over BN254's scalar field, and as a plain check that shares nothing with them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`attest`] | the circuit, its private inputs, the plain check |
//! | [`gadgets`] | Poseidon, membership, ranges, sets: each enforces all that its name says |
//! | [`system`] | linear combinations that carry their values, rows that know their clause |
//! | [`mod@shape`] | the matrices, extracted once; counts, digest and ledger |
//! | [`audit`] | mechanical checks of any constraint matrices: mutated wires, undetermined wires |
//!
//! Why each clause is enforced by its rows: `docs/notes/statement.md`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]
#![deny(missing_docs)]

pub mod attest;
pub mod audit;
pub mod clause;
pub mod gadgets;
pub mod shape;
pub mod system;

pub use attest::{Attest, Witness, assign, assign_rows, circuit_check, native_check};
pub use clause::{Clause, Gadget};
pub use shape::{Dimensions, Shape, Stats, dimensions, shape};
