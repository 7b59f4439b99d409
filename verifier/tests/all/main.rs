//! Tests of the verifier through its public interface. The proofs are simulated with a key whose
//! trapdoor is known: no circuit and no prover takes part.

mod batch;
mod epochs;
mod example;
mod memory;
mod model;
mod order;
mod testkit;
mod verify;
mod versions;
mod world;
