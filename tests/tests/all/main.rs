//! Checks that need several crates.

mod circuits;
mod machine;
mod platform;
mod purity;
mod whole;
