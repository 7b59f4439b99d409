//! Statement `attest-v1`: circuit, private inputs, plain check.

pub mod agreement;
pub mod audit;
pub mod cases;
mod circuit;
pub mod clauses;
pub mod controls;
mod native_check;
mod witness;

pub use circuit::Attest;
pub use native_check::native_check;
pub use veilpass_protocol::statement::Statement;
pub use witness::{PRIVATE_INPUTS, Witness};
