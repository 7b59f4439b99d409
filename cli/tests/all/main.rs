//! The binary held against docs/spec/contract.md, from outside.

mod attacks;
mod binary;
mod demo;
mod known_values;
mod life;
mod vectors;
