//! The tests of `attest-v1`: one binary, a module per question.
//!
//! `VEILPASS_LONG=1` runs more random cases; `VEILPASS_PIN=1` prints the shape to be pinned.

mod agreement;
mod audits;
mod clauses;
mod pinned;

/// Number of random cases: more with `VEILPASS_LONG=1`.
fn amount(usual: u64, long: u64) -> u64 {
    if std::env::var("VEILPASS_LONG").is_ok_and(|v| v == "1") { long } else { usual }
}
