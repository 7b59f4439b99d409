//! Checks that need several crates.

mod purity;
mod whole;
