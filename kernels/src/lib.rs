//! BN254 arithmetic eight at a time, for the proving engine, the trees and the batch verifier.
//!
//! A [`Task`] is written once over [`Lanes`]; a [`Machine`] runs it with ark's own arithmetic or with the
//! processor's wide multipliers, as they are found at run time. Both give the same results, which the tests
//! hold on random and edge values.
//!
//! Nothing here is constant-time: what is secret leaves its traces in the time of whoever proves on their own
//! device.

#[cfg(feature = "sums")]
mod affine;
#[cfg(feature = "sums")]
mod comb;
#[cfg(feature = "sums")]
mod coordinate;
mod fft;
mod field;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(feature = "sums")]
mod inverse;
mod lanes;
#[cfg(feature = "sums")]
mod msm;
#[cfg(feature = "sums")]
mod multiply;
mod portable;
#[cfg(feature = "sums")]
mod segments;
#[cfg(all(test, feature = "sums"))]
mod tests;
mod threads;
#[cfg(feature = "sums")]
mod xyzz;

#[cfg(feature = "sums")]
pub use comb::{Comb, Combed, products};
#[cfg(feature = "sums")]
pub use coordinate::{G1, G2, Group};
pub use fft::Domain;
pub use field::Field;
#[cfg(feature = "sums")]
pub use inverse::{Invert, invert_all};
pub use lanes::{Backend, Block, LANES, Lanes, Line, Machine, Slack, Task};
#[cfg(feature = "sums")]
pub use msm::FixedBases;
#[cfg(feature = "sums")]
pub use multiply::{Recoded, multiples, transform};
#[cfg(feature = "sums")]
pub use segments::Rooms;
pub use threads::spread;
