//! The tests of `attest-v1`: one binary, a module per question.
//!
//! `VEILPASS_LONG=1` runs more random cases; `VEILPASS_PIN=1` prints the shape to be pinned.

mod agreement;
mod audits;
mod cases;
mod clauses;
mod pinned;
