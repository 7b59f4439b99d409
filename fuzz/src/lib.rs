//! Parsers under mutated bytes: one function per format of `docs/spec/contract.md`, used by a runner that
//! needs nothing but the stable toolchain (`src/main.rs`) and by libFuzzer (`fuzz_targets/`).
//!
//! A target says whether its parser accepts some bytes, and panics if a promise does not hold: what was
//! accepted lies in the contract's ranges and reads the same after it was written again, one text has one
//! reading, a refusal has a code of the closed list. See `README.md`.
#![deny(missing_docs)]

pub mod corpus;
pub mod mutate;
pub mod repair;
pub mod runner;
mod seeds;
mod strict;
pub mod targets;

/// What a parser made of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It read a value.
    Accepted,
    /// It refused with one of its errors.
    Rejected,
}

impl<T, E> From<&Result<T, E>> for Verdict {
    fn from(read: &Result<T, E>) -> Verdict {
        if read.is_ok() { Verdict::Accepted } else { Verdict::Rejected }
    }
}

/// A parser with what is promised of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: the folder of its corpus.
    pub name: &'static str,
    /// Reads bytes; panics if a promise does not hold.
    pub judge: fn(&[u8]) -> Verdict,
    /// Good values, and bad ones that come near, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Makes check digits, hashes or signatures fit again after a mutation, so that what lies behind them is
    /// reached.
    pub repair: Option<fn(&mut Vec<u8>)>,
    /// Words of the format.
    pub words: &'static [&'static str],
    /// Executions of the short run.
    pub short: u64,
    /// Executions of the full run: 10^7, or 10^5 where points of curves are decoded.
    pub full: u64,
}

/// Executions of the full run of a parser of bytes.
pub const BYTES: u64 = 10_000_000;
/// Executions of the full run where points of curves are decoded.
pub const POINTS: u64 = 100_000;

/// The target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    targets::ALL.iter().find(|target| target.name == name)
}
