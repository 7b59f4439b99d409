//! Gadgets. Each takes combinations, adds the rows that enforce what its name says, and returns
//! combinations. They take any field elements: values that do not fit make rows fail, never panic.

pub mod membership;
pub mod poseidon;
pub mod range;
pub mod set;
