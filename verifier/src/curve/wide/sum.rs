//! The sum of points of G1, eight at a time.

use crate::curve::fe::Fe;
use crate::curve::point::{G1, Jacobian};
use ark_bn254::Fq;
use ark_ff::AdditiveGroup;
use veilpass_kernels::{Backend, LANES, Lanes, Machine, Slack, Task};

/// Below this, lanes take longer than one after the other.
const FEW: usize = 12;

/// The sum of these points, if there are many of them and the processor has wide multipliers.
pub(crate) fn sum(points: &[G1]) -> Option<Jacobian<Fe>> {
    if points.len() < FEW { None } else { Machine::current().run_wide(SumOf(points)) }
}

/// Eight points in homogeneous coordinates `(X/Z, Y/Z)`; infinity is `(0, 1, 0)`. Values from 0 to 2p.
#[derive(Clone, Copy)]
struct Eight<L> {
    x: L,
    y: L,
    z: L,
}

impl<L: Slack<Fq>> Eight<L> {
    /// Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves" (ePrint 2015/1060), algorithm
    /// 7 with `3b = 9`: no exceptions, since no point of this curve has order two. Sums of two products stay below 60p².
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        let xx = self.x.mul(o.x);
        let yy = self.y.mul(o.y);
        let zz = self.z.mul(o.z);
        let xy = self.x.plus(self.y).settled::<0>().mul(o.x.plus(o.y).settled::<0>());
        let yz = self.y.plus(self.z).settled::<0>().mul(o.y.plus(o.z).settled::<0>());
        let xz = self.x.plus(self.z).settled::<0>().mul(o.x.plus(o.z).settled::<0>());
        // x₁y₂ + x₂y₁ and so on: from −2.1p to 1.2p.
        let xy = xy.minus(xx).minus(yy).settled::<3>();
        let yz = yz.minus(yy).minus(zz).settled::<3>();
        let xz = nine_times(xz.minus(xx).minus(zz)).trimmed::<20>();
        let minus_xz = L::splat(Fq::ZERO).minus(xz).settled::<2>();
        let zz = nine_times(zz);
        let xx = xx.plus(xx).plus(xx).settled::<0>();
        let (less, more) = (yy.minus(zz).settled::<10>(), yy.plus(zz).trimmed::<0>());
        Eight {
            x: L::two_products(xy, less, yz, minus_xz),
            y: L::two_products(less, more, xz, xx),
            z: L::two_products(more, yz, xx, xy),
        }
    }

    #[inline(always)]
    fn enter(points: &[G1]) -> Self {
        let (mut x, mut y, mut z) = ([Fq::ZERO; LANES], [Fe::ONE.to_ark(); LANES], [Fq::ZERO; LANES]);
        for ((p, x), (y, z)) in points.iter().zip(&mut x).zip(y.iter_mut().zip(&mut z)) {
            (*x, *y, *z) = (p.x.to_ark(), p.y.to_ark(), Fe::ONE.to_ark());
        }
        Eight { x: L::from_field(x), y: L::from_field(y), z: L::from_field(z) }
    }

    #[inline(always)]
    fn arrange(self, from: &[u64; LANES]) -> Self {
        Eight {
            x: self.x.arrange(self.x, from),
            y: self.y.arrange(self.y, from),
            z: self.z.arrange(self.z, from),
        }
    }
}

/// `9x`, loose.
#[inline(always)]
fn nine_times<L: Slack<Fq>>(x: L) -> L {
    let two = x.plus(x);
    let four = two.plus(two);
    four.plus(four).plus(x)
}

struct SumOf<'a>(&'a [G1]);

impl Task for SumOf<'_> {
    type Out = Jacobian<Fe>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Jacobian<Fe> {
        // First all points, then the halves, quarters and eighths of what has come of them.
        const HALVES: [[u64; LANES]; 3] =
            [[4, 5, 6, 7, 0, 1, 2, 3], [2, 3, 0, 1, 6, 7, 4, 5], [1, 0, 3, 2, 5, 4, 7, 6]];
        let mut sum = Eight::<B::Fq>::enter(&[]);
        let mut chunks = self.0.chunks(LANES);
        let mut halves = HALVES.iter();
        loop {
            let other = match (chunks.next(), halves.as_slice()) {
                (Some(points), _) => Eight::enter(points),
                (None, [half, ..]) => {
                    halves.next();
                    sum.arrange(half)
                }
                (None, []) => break,
            };
            sum = sum.add(other);
        }
        let [x, ..] = sum.x.to_field().map(Fe::of);
        let [y, ..] = sum.y.to_field().map(Fe::of);
        let [z, ..] = sum.z.to_field().map(Fe::of);
        Jacobian { x: x.mul(z), y: y.mul(z.square()), z }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G1Projective};
    use ark_ff::UniformRand;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Random, equal and opposite points, in every number.
    #[test]
    fn sums_are_those_of_arkworks() {
        let mut rng = StdRng::seed_from_u64(1);
        let (p, q) = (G1Affine::rand(&mut rng), G1Affine::rand(&mut rng));
        for n in 0..40 {
            for kind in 0..4 {
                let points: Vec<G1Affine> = (0..n)
                    .map(|i| match kind {
                        0 => G1Affine::rand(&mut rng),
                        1 => p,
                        2 => [p, -p, q, q, -q][rng.gen_range(0..5)],
                        // Down to infinity on the way, and at the end.
                        _ => [p, -p][i / 8 % 2],
                    })
                    .collect();
                let ours: Vec<G1> = points.iter().filter_map(G1::of).collect();
                let ark: G1Projective = points.iter().sum();
                let plain =
                    |sum: Jacobian<Fe>| sum.to_affine().map_or(G1Projective::ZERO, |sum| sum.to_ark().into());
                for machine in Machine::all() {
                    assert_eq!(plain(machine.run(SumOf(&ours))), ark, "{n} of kind {kind}");
                }
                assert!(sum(&ours).is_none_or(|sum| plain(sum) == ark));
            }
        }
    }
}
