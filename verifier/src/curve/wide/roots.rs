//! Powers for square roots, sixteen at a time.

use crate::curve::fe::{Fe, ROOT_STEPS};
use veilpass_kernels::{Backend, LANES, Lanes, Machine, Task};

/// `x^((p − 3)/4)` of each number ([`Fe::root_power`]), sixteen at a time where the processor can: two vectors, so that
/// one works while the other waits for its product.
pub(crate) fn root_powers(values: &[Fe]) -> Vec<Fe> {
    let wide = if values.len() < LANES { None } else { Machine::detect().run(RootPowers(values)) };
    wide.unwrap_or_else(|| values.iter().map(|x| x.root_power()).collect())
}

pub(super) struct RootPowers<'a>(pub(super) &'a [Fe]);

impl Task for RootPowers<'_> {
    type Out = Option<Vec<Fe>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Vec<Fe>> {
        if !B::WIDE {
            return None;
        }
        let mut powers = Vec::with_capacity(self.0.len().next_multiple_of(2 * LANES));
        for values in self.0.chunks(2 * LANES) {
            let mut padded = [Fe::ONE.to_ark(); 2 * LANES];
            for (to, from) in padded.iter_mut().zip(values) {
                *to = from.to_ark();
            }
            let (vectors, _) = padded.as_chunks::<LANES>();
            let [x, y] = vectors else { continue };
            let (mut x, mut y) = (B::Fq::from_field(*x), B::Fq::from_field(*y));
            let (xx, yy) = (x.mul(x), y.mul(y));
            let mut odd = [(x, y); 16];
            for power in odd.iter_mut().skip(1) {
                (x, y) = (x.mul(xx), y.mul(yy));
                *power = (x, y);
            }
            let mut started = false;
            for (squarings, n) in ROOT_STEPS {
                let Some(power) = odd.get(usize::from(n >> 1)) else { continue };
                if !started {
                    (x, y) = *power;
                    started = true;
                    continue;
                }
                for _ in 0..squarings {
                    (x, y) = (x.mul(x), y.mul(y));
                }
                (x, y) = (x.mul(power.0), y.mul(power.1));
            }
            let last = [x.to_field(), y.to_field()];
            powers.extend(last.as_flattened().iter().map(|x| Fe::of(*x)));
        }
        powers.truncate(self.0.len());
        Some(powers)
    }
}
