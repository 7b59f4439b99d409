//! The researchers' bench: what `attest-v1` costs, beside what others cost, measured in one run.
//!
//! Nothing here is compared across machines or days. Whatever is compared runs in one process in alternation
//! ([`measure::alternate`]), with the same thread pool, and its ratio is that of the medians. Each figure keeps
//! its spread and its count, and a [`Report`] names the machine and the way the program was compiled.
//!
//! | module | what it holds |
//! |---|---|
//! | [`measure`], [`clock`], [`stats`], [`fit`] | wall and processor time, alternation, medians, exponents |
//! | [`proving`], [`verifying`], [`tree`], [`rows`], [`peak`] | what is measured of Veilpass |
//! | [`ark`], [`semaphore`] | what it is compared with |
//! | [`circuit`] | a circuit of your own, counted and measured (`examples/own_predicate.rs`) |
//! | [`report`], [`text`], [`plot`], [`page`] | JSON and CSV, text, pictures, `docs/benchmarks.md` |
//! | [`plan`] | one run from options to report |
//!
//! Units: times are milliseconds, sizes bytes, memory MiB where it is a result and bytes where it is a size.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]
#![deny(missing_docs, unsafe_code)]

pub mod ark;
pub mod circuit;
pub mod clock;
mod error;
pub mod fit;
pub mod fixture;
pub mod machine;
pub mod measure;
pub mod page;
pub mod peak;
pub mod plan;
pub mod plot;
pub mod proving;
pub mod report;
pub mod rows;
pub mod semaphore;
pub mod stats;
pub mod text;
pub mod tree;
pub mod verifying;

pub use error::BenchError;
pub use machine::Machine;
pub use plan::{Budget, Compare, Event, Options, run};
pub use report::Report;
