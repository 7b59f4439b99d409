//! Checks that need several crates.

mod machine;
mod platform;
mod purity;
mod whole;
