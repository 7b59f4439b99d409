//! What every circuit is made of: nothing in here knows a statement.

pub mod builder;
pub mod circuit;
pub mod clause;
pub mod gadgets;
pub mod shape;
