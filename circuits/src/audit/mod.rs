//! Mechanical checks of constraint matrices, whatever circuit they came from.
//!
//! How Zcash Orchard, Penumbra and Semaphore came to have many nullifiers for one secret was a wire that a
//! prover could choose freely, in a circuit that had been reviewed. [`audit`] runs five engines; what each
//! proves and what it cannot is in `docs/notes/soundness.md`.
//!
//! | engine | question |
//! |---|---|
//! | structure | which wires and rows are there in vain? |
//! | mutation | which single wire of a good assignment can be changed without breaking a row? |
//! | propagation | which wires do not follow from the inputs by sound rules? |
//! | jacobian | in which directions can a good assignment move with its inputs fixed? |
//! | deletion | without which row does nothing change? |
//!
//! None sees a *wrong* assertion between wires that are determined anyway. For that a second description
//! of the statement is needed: [`crate::attest::agreement`].

mod deletion;
mod facts;
mod jacobian;
mod mutation;
mod propagation;
mod report;
mod rows;

pub use deletion::{Deletions, deletions, refusing_alone};
pub use jacobian::{Jacobian, SHOWN, jacobian};
pub use mutation::{Mutation, Mutations, Unnoticed, Unsatisfied, unnoticed};
pub use propagation::{Determined, Propagation, Rule, Step, undetermined};
pub use report::{Accepted, Engine, EngineReport, Finding, Kind, Report, Subject, audit};
pub use rows::{Structure, structure};
