//! Checks that need several crates.

mod platform;
mod purity;
mod whole;
