//! Statement `attest-v1`: circuit, private inputs, plain check.

pub mod agreement;
pub mod audit;
pub mod cases;
mod circuit;
pub mod controls;
mod native_check;
mod witness;

pub(crate) use circuit::synthesize;
pub use circuit::{Attest, assign, assign_rows, circuit_check, wire_names};
pub use native_check::native_check;
pub use veilpass_protocol::statement::Statement;
pub use witness::{PRIVATE_INPUTS, Witness};
