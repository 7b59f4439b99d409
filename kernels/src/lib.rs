//! BN254 arithmetic eight at a time, for the proving engine, the trees and the batch verifier.
//!
//! A [`Task`] is written once over [`Lanes`]; a [`Machine`] runs it with ark's own arithmetic or with the
//! processor's wide multipliers, as they are found at run time. Both give the same results, which the tests
//! hold on random and edge values.
//!
//! Nothing here is constant-time: what is secret leaves its traces in the time of whoever proves on their own
//! device.

mod affine;
mod comb;
mod coordinate;
mod fft;
mod field;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod lanes;
mod msm;
mod portable;
mod segments;
#[cfg(test)]
mod tests;

pub use comb::Comb;
pub use coordinate::{G1, G2, Group};
pub use fft::Domain;
pub use field::Field;
pub use lanes::{Backend, Block, LANES, Lanes, Line, Machine, Task};
pub use msm::FixedBases;
