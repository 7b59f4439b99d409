//! Sums in G1: windows of fixed points, random weights, and buckets.

use super::fe::Fe;
use super::point::{Affine, Coordinate, G1, Jacobian, Many};
use super::wide;
use ark_bn254::g1::Config;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::{BigInt, PrimeField};
use rand::{CryptoRng, RngCore};
use veilpass_protocol::field::Fr;

/// Bits of a window of [`Table`].
const BITS: u32 = 6;
/// Windows for 254 bits and a carry.
const WINDOWS: usize = 43;
/// Multiples `1·P … 32·P`; the negative ones cost nothing.
const MULTIPLES: usize = 1 << (BITS - 1);

/// All `m·2^(6j)·P` with `1 ≤ m ≤ 32` for one fixed point: 86 KB. A multiple of `P` is then at most 43 additions
/// without a doubling, and three for a number of 17 bits.
#[derive(Debug)]
pub(crate) struct Table {
    /// Windows one after another; empty for infinity.
    points: Vec<G1>,
}

impl Table {
    /// Tables of many points at once, with shared inversions.
    pub(crate) fn of(points: &[Option<G1>]) -> Vec<Table> {
        let finite: Vec<G1> = points.iter().flatten().copied().collect();
        // The windows' bases, each for all points.
        let mut base = Many::new(finite.clone());
        let mut bases: Vec<G1> = Vec::with_capacity(finite.len() * WINDOWS);
        for window in 0..WINDOWS {
            bases.extend(&base.points);
            if window + 1 < WINDOWS {
                for _ in 0..BITS {
                    base.double(|_, _| ());
                }
            }
        }
        // Multiple by multiple. No sum meets an equal or opposite point: the order is a large prime.
        let mut tables: Vec<Vec<G1>> = vec![Vec::with_capacity(WINDOWS * MULTIPLES); finite.len()];
        let mut rows: Vec<Vec<G1>> = bases.iter().map(|b| vec![*b]).collect();
        let mut sum = Many::new(bases.clone());
        sum.double(|_, _| ());
        for multiple in 2..=MULTIPLES {
            for (row, p) in rows.iter_mut().zip(&sum.points) {
                row.push(*p);
            }
            if multiple < MULTIPLES {
                sum.add(bases.iter().copied(), |_, _| ());
            }
        }
        for window in rows.chunks(finite.len().max(1)) {
            for (table, row) in tables.iter_mut().zip(window) {
                table.extend(row);
            }
        }
        let mut tables = tables.into_iter();
        points.iter().map(|p| Table { points: p.and_then(|_| tables.next()).unwrap_or_default() }).collect()
    }

    /// Appends points whose sum is `scalar·P`.
    pub(crate) fn multiple(&self, scalar: BigInt<4>, terms: &mut Vec<G1>) {
        let BigInt([mut l0, mut l1, mut l2, mut l3]) = scalar;
        let mut carry = 0;
        for window in self.points.chunks_exact(MULTIPLES) {
            // A digit from −31 to 32.
            let digit = (l0 & ((1 << BITS) - 1)) as usize + carry;
            (l0, l1, l2, l3) = (
                (l0 >> BITS) | (l1 << (64 - BITS)),
                (l1 >> BITS) | (l2 << (64 - BITS)),
                (l2 >> BITS) | (l3 << (64 - BITS)),
                l3 >> BITS,
            );
            carry = usize::from(digit > MULTIPLES);
            let place = if carry == 1 { 2 * MULTIPLES - digit } else { digit };
            if let Some(p) = place.checked_sub(1).and_then(|n| window.get(n)) {
                terms.push(if carry == 1 { p.neg() } else { *p });
            }
            if l0 | l1 | l2 | l3 == 0 && carry == 0 {
                break;
            }
        }
    }
}

/// The sum of points.
pub(crate) fn sum(points: &[G1]) -> Jacobian<Fe> {
    let one_by_one = || points.iter().fold(Jacobian::INFINITY, |sum, p| sum.add_affine(*p));
    wide::sum(points).unwrap_or_else(one_by_one)
}

/// `(x, y) ↦ (βx, y)`, which is `λ·` on G1.
fn endomorphism(p: G1) -> G1 {
    Affine { x: p.x.mul(BETA), y: p.y }
}

pub(crate) const BETA: Fe = {
    let [beta] = Config::ENDO_COEFFS else { panic!() };
    Fe::of(*beta)
};

/// A random weight of a batch, `k₁ + λk₂` with two random odd numbers of `−2⁶⁴ < k < 2⁶⁴`.
///
/// Both are sums `Σ dⱼ·16ʲ` with sixteen digits among `±1, ±3, … ±15`, so there are 2⁶⁴ of each. Different pairs are
/// different modulo `r`: a difference would be a vector shorter than 2⁶⁶ in the lattice of `(a, b)` with `a + λb ≡ 0`, whose
/// shortest vector has 127 bits. So there are 2¹²⁸ weights, none of them 0, all equally likely.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weight {
    raw: [u64; 2],
}

impl Weight {
    pub(crate) fn random<R: RngCore + CryptoRng>(rng: &mut R) -> Weight {
        Weight { raw: [rng.next_u64(), rng.next_u64()] }
    }

    /// `2·raw + 1 − 2⁶⁴`: the digits of `raw`, taken twice less 15.
    fn halves(self) -> [i128; 2] {
        self.raw.map(|raw| 2 * i128::from(raw) + 1 - (1 << 64))
    }

    /// The digit at a place of one half: which odd multiple (`2n + 1`), and whether it is negative.
    #[inline(always)]
    pub(crate) fn digit(self, place: u32, half: u32) -> (usize, bool) {
        let [first, second] = self.raw;
        let raw = if half == 0 { first } else { second };
        let nibble = (raw >> (4 * place)) as usize & 15;
        if nibble < 8 { (7 - nibble, true) } else { (nibble - 8, false) }
    }

    /// The weight as a scalar.
    pub(crate) fn scalar(self) -> Fr {
        let [k1, k2] = self.halves().map(Fr::from);
        k1 + k2 * <Config as GLVConfig>::LAMBDA
    }
}

/// `cᵢ·Aᵢ` for each `i`, in step: one table of eight odd multiples each, 60 doublings, 31 additions.
pub(crate) fn weigh(points: &[G1], weights: &[Weight]) -> Vec<G1> {
    let mut multiples: Vec<Vec<G1>> = vec![points.to_vec()];
    let mut twice = Many::new(points.to_vec());
    twice.double(|_, _| ());
    let mut odd = Many::new(points.to_vec());
    for _ in 0..7 {
        odd.add(twice.points.iter().copied(), |_, _| ());
        multiples.push(odd.points.clone());
    }
    // The digit's multiple, of A or of λA.
    let digit = |n: usize, place: u32, half: u32| {
        let (at, negative) = weights.get(n).map_or((0, false), |w| w.digit(place, half));
        // Always there; infinity has no place in the formulas.
        let p = multiples.get(at).and_then(|m| m.get(n)).copied();
        let p = p.unwrap_or(Affine { x: Fe::ZERO, y: Fe::ZERO });
        let p = if negative { p.neg() } else { p };
        if half == 1 { endomorphism(p) } else { p }
    };
    let every = 0..points.len();
    let mut sum = Many::new(every.clone().map(|n| digit(n, 15, 0)).collect());
    sum.add(every.clone().map(|n| digit(n, 15, 1)), |_, _| ());
    for place in (0..15).rev() {
        for _ in 0..4 {
            sum.double(|_, _| ());
        }
        for half in 0..2 {
            sum.add(every.clone().map(|n| digit(n, place, half)), |_, _| ());
        }
    }
    // Where two points were equal or opposite on the way (nobody can aim at it without knowing the weights), the plain way.
    let plain = odd.plain.iter().zip(&sum.plain);
    let each = sum.points.iter().zip(plain).zip(points.iter().zip(weights));
    each.map(|((sum, (odd, plain)), (p, weight))| if *odd && *plain { *sum } else { weigh_one(*p, *weight) })
        .collect()
}

/// The slow twin of [`weigh`].
fn weigh_one(p: G1, weight: Weight) -> G1 {
    let scalar = weight.scalar().into_bigint();
    let mut sum = Jacobian::INFINITY;
    for limb in scalar.0.iter().rev() {
        for bit in (0..64).rev() {
            sum = sum.double();
            if limb >> bit & 1 == 1 {
                sum = sum.add_affine(p);
            }
        }
    }
    // Neither the weight nor the point is zero, and the order is prime.
    sum.to_affine().unwrap_or(p)
}

/// `Σ cᵢ·Cᵢ`: signed windows of eight bits of both halves, a bucket for each digit.
pub(crate) fn weighted_sum(points: &[G1], weights: &[Weight]) -> Jacobian<Fe> {
    // 65 bits and a sign: eight windows and a carry.
    const PLACES: usize = 9;
    const BUCKETS: usize = 128;
    let mut buckets = vec![[Jacobian::<Fe>::INFINITY; BUCKETS]; PLACES];
    for (p, weight) in points.iter().zip(weights) {
        for (half, p) in weight.halves().into_iter().zip([*p, endomorphism(*p)]) {
            let p = if half < 0 { p.neg() } else { p };
            let mut rest = half.unsigned_abs();
            for window in &mut buckets {
                let low = (rest & 255) as usize;
                let negative = low > BUCKETS;
                rest = (rest >> 8) + u128::from(negative);
                let place = if negative { 256 - low } else { low };
                if let Some(bucket) = place.checked_sub(1).and_then(|n| window.get_mut(n)) {
                    *bucket = bucket.add_affine(if negative { p.neg() } else { p });
                }
            }
        }
    }
    let mut sum = Jacobian::INFINITY;
    for window in buckets.iter().rev() {
        for _ in 0..8 {
            sum = sum.double();
        }
        let (mut running, mut total) = (Jacobian::INFINITY, Jacobian::INFINITY);
        for bucket in window.iter().rev() {
            running = running.add(*bucket);
            total = total.add(running);
        }
        sum = sum.add(total);
    }
    sum
}

/// Where a line is evaluated: `(−x/y, 1/y)`. No finite point of G1 has `y = 0`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) x: Fe,
    pub(crate) y: Fe,
}

impl At {
    /// All points with one inversion.
    pub(crate) fn all(points: &[G1]) -> Vec<At> {
        let mut inverses: Vec<Fe> = points.iter().map(|p| p.y).collect();
        Fe::invert_all(&mut inverses);
        points.iter().zip(inverses).map(|(p, y)| At { x: p.x.mul(y).neg(), y }).collect()
    }

    /// From Jacobian coordinates, one inversion for all; `None` for infinity.
    pub(crate) fn all_jacobian<const N: usize>(points: [Jacobian<Fe>; N]) -> [Option<At>; N] {
        let mut inverses = points.map(|p| if p.z.is_zero() { Fe::ZERO } else { p.y });
        Fe::invert_all(&mut inverses);
        let mut inverses = inverses.into_iter();
        points.map(|p| {
            let y = inverses.next().filter(|y| !y.is_zero())?;
            // x/y = XZ/Y, 1/y = Z³/Y.
            let zy = p.z.mul(y);
            Some(At { x: p.x.mul(zy).neg(), y: p.z.square().mul(zy) })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G1Projective};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{AdditiveGroup, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn ark(p: Jacobian<Fe>) -> G1Projective {
        p.to_affine().map_or(G1Projective::ZERO, |p| p.to_ark().into())
    }

    fn extreme(rng: &mut StdRng) -> Vec<Fr> {
        let one = Fr::from(1u64);
        let powers = (0..254u64).map(|n| Fr::from(2u64).pow_(n));
        let mut all =
            vec![Fr::ZERO, one, -one, Fr::from(u64::MAX), Fr::from(32u64), Fr::from(33u64), Fr::from(31u64)];
        all.extend(powers.clone());
        all.extend(powers.map(|p| p - one));
        all.extend((0..40).map(|_| Fr::rand(rng)));
        all
    }

    trait Power {
        fn pow_(self, n: u64) -> Self;
    }

    impl Power for Fr {
        fn pow_(self, n: u64) -> Fr {
            ark_ff::Field::pow(&self, [n])
        }
    }

    #[test]
    fn tables_give_the_plain_multiple() {
        let mut rng = StdRng::seed_from_u64(1);
        let points = [G1Affine::rand(&mut rng), G1Affine::zero(), G1Affine::generator()];
        let tables = Table::of(&points.map(|p| G1::of(&p)));
        assert!(Table::of(&[]).is_empty() && Table::of(&[None]).len() == 1);
        let start = G1Affine::rand(&mut rng);
        for scalar in extreme(&mut rng) {
            let mut all = vec![G1::of(&start).unwrap()];
            for (p, table) in points.iter().zip(&tables) {
                let mut terms = Vec::new();
                table.multiple(scalar.into_bigint(), &mut terms);
                assert!(terms.len() <= WINDOWS);
                assert_eq!(ark(sum(&terms)), *p * scalar);
                all.extend(&terms);
                // Down to infinity, and through an equal point.
                if let Some(point) = G1::of(&(*p * scalar).into_affine()) {
                    terms.push(point.neg());
                    assert_eq!(ark(sum(&terms)), G1Projective::ZERO);
                    terms.rotate_right(1);
                    assert_eq!(ark(sum(&terms)), G1Projective::ZERO);
                    terms.push(point);
                    terms.push(point);
                    assert_eq!(ark(sum(&terms)), (*p * scalar).double());
                }
            }
            let plain: G1Projective = points.iter().map(|p| *p * scalar).sum();
            assert_eq!(ark(sum(&all)), plain + start);
        }
    }

    #[test]
    fn weights_weigh() {
        let mut rng = StdRng::seed_from_u64(2);
        let mut weights: Vec<Weight> = (0..40).map(|_| Weight::random(&mut rng)).collect();
        for raw in [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 0x7777_7777_7777_7777, 0x8888_8888_8888_8888] {
            weights.extend([Weight { raw: [raw; 2] }, Weight { raw: [raw, 0] }, Weight { raw: [5, raw] }]);
        }
        let points: Vec<G1Affine> = weights.iter().map(|_| G1Affine::rand(&mut rng)).collect();
        let ours: Vec<G1> = points.iter().filter_map(G1::of).collect();
        let each = weigh(&ours, &weights);
        let mut sum = G1Projective::ZERO;
        for ((p, weight), ours) in points.iter().zip(&weights).zip(each) {
            let [k1, k2] = weight.halves();
            assert!(k1 & 1 == 1 && k2 & 1 == 1 && k1.unsigned_abs() < 1 << 64 && k2.unsigned_abs() < 1 << 64);
            assert_ne!(weight.scalar(), Fr::ZERO);
            assert_eq!(ours.to_ark(), (*p * weight.scalar()).into_affine());
            assert_eq!(weigh_one(G1::of(p).unwrap(), *weight), ours);
            sum += *p * weight.scalar();
        }
        assert_eq!(ark(weighted_sum(&ours, &weights)), sum);
        assert!(weigh(&[], &[]).is_empty());
        assert_eq!(ark(weighted_sum(&[], &[])), G1Projective::ZERO);
        // Opposite points under one weight.
        let two = [ours[0], ours[0].neg()];
        assert_eq!(ark(weighted_sum(&two, &[weights[0]; 2])), G1Projective::ZERO);
    }

    #[test]
    fn evaluation_points() {
        let mut rng = StdRng::seed_from_u64(3);
        let p = G1::of(&G1Affine::rand(&mut rng)).unwrap();
        let j = Jacobian::of(p).double();
        let affine = j.to_affine().unwrap();
        let [one] = At::all(&[affine])[..] else { panic!() };
        let [two, none] = At::all_jacobian([j, Jacobian::INFINITY]);
        let two = two.unwrap();
        assert!(none.is_none() && one.x == two.x && one.y == two.y);
        assert!(one.y.mul(affine.y) == Fe::ONE && one.x.mul(affine.y) == affine.x.neg());
    }
}
