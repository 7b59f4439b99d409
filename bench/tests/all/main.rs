//! Checks of the bench itself, and a guard on ratios.

mod guard;
mod probes;
mod whole;
