//! Powers for square roots, eight and sixteen at a time.

use crate::curve::fe::{Fe, ROOT_STEPS};
use ark_bn254::Fq;
use veilpass_kernels::{Backend, LANES, Lanes, Machine, Task};

/// Below this, lanes take longer than one after the other.
const FEW: usize = 3;

/// `x^((p − 3)/4)` of each number ([`Fe::root_power`]), in lanes where the processor can: of more than eight numbers in
/// two vectors, so that one works while the other waits for its product.
pub(crate) fn root_powers(values: &[Fe]) -> Vec<Fe> {
    let wide = if values.len() < FEW {
        None
    } else if values.len() <= LANES {
        Machine::current().run(RootPowers::<1>(values))
    } else {
        Machine::current().run(RootPowers::<2>(values))
    };
    wide.unwrap_or_else(|| values.iter().map(|x| x.root_power()).collect())
}

pub(super) struct RootPowers<'a, const VECTORS: usize>(pub(super) &'a [Fe]);

impl<const VECTORS: usize> Task for RootPowers<'_, VECTORS> {
    type Out = Option<Vec<Fe>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Vec<Fe>> {
        if !B::WIDE {
            return None;
        }
        let mut powers = Vec::with_capacity(self.0.len().next_multiple_of(VECTORS * LANES));
        for values in self.0.chunks(VECTORS * LANES) {
            let mut padded = [[Fe::ONE.to_ark(); LANES]; VECTORS];
            for (to, from) in padded.as_flattened_mut().iter_mut().zip(values) {
                *to = from.to_ark();
            }
            let mut x = [B::Fq::splat(Fe::ONE.to_ark()); VECTORS];
            for (x, padded) in x.iter_mut().zip(padded) {
                *x = B::Fq::from_field(padded);
            }
            let mut square = x;
            multiply(&mut square, &x);
            let mut odd = [x; 16];
            for power in odd.iter_mut().skip(1) {
                multiply(&mut x, &square);
                *power = x;
            }
            let mut started = false;
            for (squarings, n) in ROOT_STEPS {
                let Some(power) = odd.get(usize::from(n >> 1)) else { continue };
                if !started {
                    x = *power;
                    started = true;
                    continue;
                }
                for _ in 0..squarings {
                    let same = x;
                    multiply(&mut x, &same);
                }
                multiply(&mut x, power);
            }
            for x in &x {
                powers.extend(x.to_field().iter().map(|x| Fe::of(*x)));
            }
        }
        powers.truncate(self.0.len());
        Some(powers)
    }
}

#[inline(always)]
fn multiply<L: Lanes<Fq>, const VECTORS: usize>(x: &mut [L; VECTORS], by: &[L; VECTORS]) {
    for (x, by) in x.iter_mut().zip(by) {
        *x = x.mul(*by);
    }
}
