//! Work in eight lanes, where the processor has wide multipliers. Of a batch: weights, walks and lines of eight proofs
//! with each instruction. [`super::g1::weigh`], [`super::g2::walk`] and [`super::miller::product`] are the same for one
//! proof after the other; the tests hold one against the other. Of a single proof: what does not wait for each other lies
//! side by side ([`flat`], [`alone`], [`single`], [`sum()`]).
//!
//! Vectors pass through no closure: closures do not have the machine's instructions.

mod alone;
mod flat;
mod roots;
mod single;
mod sum;
mod tower;
mod walk;
mod weigh;

use super::fe::Fe;
use super::fe12::Fe12;
use super::g1::Weight;
use super::g2;
use super::point::{Coordinate, G1, G2};
pub(crate) use alone::is_inside;
#[cfg(test)]
pub(crate) use alone::walk_alone;
use ark_bn254::Fq;
pub(crate) use roots::root_powers;
pub(crate) use single::Fixed;
pub(crate) use sum::sum;
use tower::{Twelve, Two};
use veilpass_kernels::{Backend, LANES, Lanes, Machine, Task};
use walk::{Lines, Unused, enter, walk};
use weigh::weigh;

/// Runs a task of a single proof. Machines without vectors have a better plan, so that it is compiled for them in tests only.
fn run<T: Task>(machine: Machine, task: T) -> Option<T::Out> {
    #[cfg(test)]
    return Some(machine.run(task));
    #[cfg(not(test))]
    machine.run_wide(task)
}

/// Eight points.
#[derive(Clone, Copy)]
struct Points<C> {
    x: C,
    y: C,
}

/// The inverse in each lane; `None` if one is 0.
#[inline(always)]
fn inverse<L: Lanes<Fq>>(x: L) -> Option<L> {
    let mut each = x.to_field().map(Fe::of);
    if each.iter().any(|x| x.is_zero()) {
        return None;
    }
    Fe::invert_all(&mut each);
    Some(L::from_field(each.map(Fe::to_ark)))
}

/// One proof's part in a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) a: G1,
    pub(crate) b: G2,
    pub(crate) weight: Weight,
    /// Whether its lines count.
    pub(crate) counts: bool,
}

/// What comes out of a batch.
pub(crate) struct Batch {
    /// `∏ e(cᵢAᵢ, Bᵢ)` over those that count, before the final exponentiation.
    pub(crate) f: Fe12,
    /// Whether each B is in its subgroup.
    pub(crate) in_subgroup: Vec<bool>,
}

/// The product of the lines that count.
struct Product<L> {
    /// `(−x/y, 1/y)` of the points of G1; `(0, 0)` makes every line 1.
    at: Vec<Points<L>>,
    f: Twelve<L>,
}

impl<L: Lanes<Fq>> Lines<L> for Product<L> {
    #[inline(always)]
    fn square(&mut self) {
        self.f = self.f.square();
    }
    #[inline(always)]
    fn line(&mut self, n: usize, slope: Two<L>, shift: Two<L>) {
        if let Some(at) = self.at.get(n) {
            self.f = self.f.mul_by_monic_line(slope.scale(at.x), shift.scale(at.y));
        }
    }
}

struct Whole<'a>(&'a [Pair]);

/// Computes the product of the pairs eight at a time, if the processor has wide multipliers. `None` if it has not, or if
/// two points met on the way where the formulas do not hold: then a point is outside its subgroup, or chance had a part.
pub(crate) fn product(pairs: &[Pair]) -> Option<Batch> {
    let mut padded = pairs.to_vec();
    let last = *pairs.last()?;
    padded.resize(pairs.len().next_multiple_of(LANES), Pair { counts: false, ..last });
    let mut batch = Machine::current().run(Whole(&padded))?;
    batch.in_subgroup.truncate(pairs.len());
    Some(batch)
}

impl Task for Whole<'_> {
    type Out = Option<Batch>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Batch> {
        if !B::WIDE {
            return None;
        }
        let (vectors, _) = self.0.as_chunks::<LANES>();
        let mut lines = Product { at: weigh::<B::Fq>(vectors)?, f: Twelve::one() };
        let mut points = Vec::with_capacity(self.0.len());
        for pair in self.0 {
            points.push(pair.b);
        }
        let in_subgroup = walk(enter::<B::Fq>(&points), &mut lines)?;
        Some(Batch { f: lines.f.product(), in_subgroup })
    }
}

/// Points that are walked together: with more they would leave the second-level cache.
const TOGETHER: usize = 256;

struct Inside<'a>(&'a [G2]);

/// Which of these points of the twist are in the subgroup: [`g2::in_subgroup`] of each, eight at a time where the
/// processor can.
pub(crate) fn in_subgroup(points: &[G2]) -> Vec<bool> {
    let wide =
        |points: &[G2]| if points.len() < LANES { None } else { Machine::current().run(Inside(points)) };
    let parts = points.chunks(TOGETHER);
    // One after the other as well where the walk meets a point that its formulas are not for.
    parts.flat_map(|p| wide(p).unwrap_or_else(|| p.iter().map(|q| g2::in_subgroup(*q)).collect())).collect()
}

impl Task for Inside<'_> {
    type Out = Option<Vec<bool>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Vec<bool>> {
        if !B::WIDE {
            return None;
        }
        let mut inside = walk(enter::<B::Fq>(self.0), &mut Unused)?;
        inside.truncate(self.0.len());
        Some(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::g1::{At, weigh};
    use crate::curve::g2::walk;
    use crate::curve::miller;
    use ark_bn254::{Fq2, G1Affine, G2Affine};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{PrimeField, UniformRand};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use veilpass_protocol::field::Fr;

    fn outside(rng: &mut StdRng) -> G2Affine {
        loop {
            if let Some(q) = G2Affine::get_point_from_x_unchecked(Fq2::rand(rng), true) {
                return q;
            }
        }
    }

    #[test]
    fn lanes_say_what_one_after_the_other_says() {
        let mut rng = StdRng::seed_from_u64(1);
        for n in [1, 2, 7, 8, 9, 24, 70] {
            let mut pairs: Vec<Pair> = (0..n)
                .map(|_| Pair {
                    a: G1::of(&G1Affine::rand(&mut rng)).unwrap(),
                    b: G2::of(&G2Affine::rand(&mut rng)).unwrap(),
                    weight: Weight::random(&mut rng),
                    counts: rng.gen_bool(0.9),
                })
                .collect();
            if n > 8 {
                // Outside, and left out; equal points.
                pairs[3].b = G2::of(&outside(&mut rng)).unwrap();
                pairs[3].counts = false;
                (pairs[5].a, pairs[6].a) = (pairs[4].a, pairs[4].a.neg());
                pairs[7].b = pairs[6].b;
            }
            let walked = walk(&pairs.iter().map(|p| p.b).collect::<Vec<_>>());
            let (a, weights): (Vec<G1>, Vec<Weight>) = pairs.iter().map(|p| (p.a, p.weight)).unzip();
            let at = At::all(&weigh(&a, &weights)).into_iter().zip(&pairs);
            let at: Vec<Option<At>> = at.map(|(at, p)| p.counts.then_some(at)).collect();
            let slow = miller::product(&at, &walked.lines);
            if let Some(batch) = product(&pairs) {
                assert_eq!(batch.in_subgroup, walked.in_subgroup, "{n}");
                assert_eq!(batch.f, slow, "{n}");
            } else {
                assert_eq!(Machine::current(), Machine::portable(), "no lanes, no test");
            }
        }
        assert!(product(&[]).is_none());
        assert!(Machine::portable().run(Whole(&[])).is_none());
    }

    #[test]
    fn subgroup_of_many() {
        let mut rng = StdRng::seed_from_u64(5);
        for n in [0, 1, 7, 8, 9, 255, 256, 257, 300] {
            let points: Vec<G2> = (0..n)
                .map(|i| if i % 7 == 3 { outside(&mut rng) } else { G2Affine::rand(&mut rng) })
                .map(|q| G2::of(&q).unwrap())
                .collect();
            let slow: Vec<bool> = points.iter().map(|q| g2::in_subgroup(*q)).collect();
            assert_eq!(in_subgroup(&points), slow, "{n}");
            let lanes = Machine::current().run(Inside(&points));
            assert_eq!(lanes.is_some(), Machine::current() != Machine::portable(), "{n}");
            assert!(lanes.is_none_or(|inside| inside == slow), "{n}");
            assert_eq!(slow.iter().filter(|inside| !**inside).count(), (n + 3) / 7);
        }
    }

    #[test]
    fn powers_of_many() {
        let mut rng = StdRng::seed_from_u64(4);
        let mut values: Vec<Fe> = (0..50).map(|_| Fe::of(Fq::rand(&mut rng))).collect();
        values.extend([Fe::ZERO, Fe::ONE, Fe::ONE.neg()]);
        for n in [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 53] {
            let values = &values[values.len() - n..];
            let slow: Vec<Fe> = values.iter().map(|x| x.root_power()).collect();
            assert_eq!(root_powers(values), slow);
            let machine = Machine::current();
            let one = machine.run(roots::RootPowers::<1>(values));
            let two = machine.run(roots::RootPowers::<2>(values));
            assert!(
                one.is_none_or(|powers| powers == slow) && two.is_none_or(|powers| powers == slow),
                "{n}"
            );
        }
    }

    /// A point whose order is 10069 is named, and it alone.
    #[test]
    fn a_point_of_small_order_is_outside() {
        let mut rng = StdRng::seed_from_u64(2);
        let quotient: [u64; 4] = {
            let cofactor = <ark_bn254::g2::Config as ark_ec::CurveConfig>::COFACTOR;
            let (mut rest, mut out) = (0u128, [0; 4]);
            for n in (0..4).rev() {
                let t = rest << 64 | u128::from(cofactor[n]);
                (out[n], rest) = ((t / 10069) as u64, t % 10069);
            }
            assert_eq!(rest, 0);
            out
        };
        let small = loop {
            let q = outside(&mut rng).mul_bigint(Fr::MODULUS).into_affine().mul_bigint(quotient);
            if let Some(q) = G2::of(&q.into_affine()) {
                break q;
            }
        };
        let a = G1::of(&G1Affine::generator()).unwrap();
        let good = G2::of(&G2Affine::generator()).unwrap();
        let pair = |b| Pair { a, b, weight: Weight::random(&mut StdRng::seed_from_u64(3)), counts: true };
        let wide = Machine::current() != Machine::portable();
        assert_eq!(product(&[pair(good), pair(good)]).is_some(), wide);
        let met = product(&[pair(good), pair(small), pair(good)]);
        assert_eq!(met.map(|batch| batch.in_subgroup), wide.then(|| vec![true, false, true]));
        let points: Vec<G2> = (0..20).map(|n| if n == 11 { small } else { good }).collect();
        let inside: Vec<bool> = (0..20).map(|n| n != 11).collect();
        assert_eq!(in_subgroup(&points), inside);
    }
}
