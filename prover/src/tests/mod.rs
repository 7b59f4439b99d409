//! Tests of the wallet as a whole: its codes, its files, syncing, and the attack that each rule stops.

mod adaptive;
mod adversary;
mod agreements;
mod attacks;
mod candidates;
mod codes;
mod crowd;
mod files;
mod prepared;
mod prepared_files;
mod proofs;
mod same_form;
mod syncing;
mod testkit;
mod toxic;
