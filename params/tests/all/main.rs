//! Tests of keys, proofs and the verifier against arkworks' own prover and verifier.

mod ark_twin;
mod circom;
mod controls;
mod encodings;
mod fixture;
mod forged;
mod keys;
mod refused;
mod snarkjs;
#[path = "../../../verifier/tests/all/testkit.rs"]
mod testkit;
