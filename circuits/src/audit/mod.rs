//! Mechanical checks of constraint matrices, whatever circuit they came from.
//!
//! Two engines look for a wire that a prover could choose freely – how Zcash Orchard, Penumbra and
//! Semaphore came to have many nullifiers for one secret. [`unnoticed`] changes one wire of a good
//! assignment at a time; [`undetermined`] proves that every wire follows from the inputs. Neither sees
//! everything: the first misses freedoms that need two wires at once, the second says nothing of a
//! missing assertion between wires that are determined anyway (the clause tests find those).

mod mutation;
mod propagation;

pub use mutation::{Mutation, Unnoticed, Unsatisfied, unnoticed};
pub use propagation::undetermined;
