//! Integers modulo BN254's base prime `p`, for the verifier's own arithmetic.
//!
//! Montgomery form with `R = 2²⁵⁶`, as in arkworks, so that conversion is a copy. Values are kept below
//! `2p`, not `p`: a product then needs no final subtraction (Walter, "Montgomery exponentiation needs no final
//! subtractions", 1999), and since `16p² < R·2²⁵⁶` sums of two need no reduction before a product. No step
//! branches on a value: arkworks compares before it subtracts, and a wrongly predicted comparison costs as
//! much as a third of a product.

use ark_bn254::Fq;
use ark_ff::{BigInt, MontFp};

/// `p`, limbs from the lowest.
const P: [u64; 4] =
    [0x3c20_8c16_d87c_fd47, 0x9781_6a91_6871_ca8d, 0xb850_45b6_8181_585d, 0x3064_4e72_e131_a029];
/// `2p`.
const P2: [u64; 4] =
    [0x7841_182d_b0f9_fa8e, 0x2f02_d522_d0e3_951a, 0x70a0_8b6d_0302_b0bb, 0x60c8_9ce5_c263_4053];
/// `−p⁻¹ mod 2⁶⁴`.
const INV: u64 = 0x87d2_0782_e486_6389;

/// `⌊k·QUOTIENT/2^QUOTIENT_SHIFT⌋ = ⌊k·2²⁵³/p⌋` for `k < 64` (a test tries them all).
const QUOTIENT: u64 = 43330;
const QUOTIENT_SHIFT: u32 = 16;

/// `(p − 3)/4` for [`Fe::root_power`]: squarings, then a product with this odd power.
pub(crate) const ROOT_STEPS: [(u8, u8); 39] = [
    (2, 3),
    (10, 25),
    (8, 19),
    (5, 19),
    (4, 9),
    (4, 7),
    (9, 19),
    (7, 13),
    (10, 5),
    (7, 27),
    (1, 1),
    (7, 5),
    (10, 17),
    (6, 27),
    (5, 13),
    (8, 3),
    (11, 21),
    (1, 1),
    (9, 23),
    (6, 25),
    (5, 15),
    (10, 11),
    (6, 21),
    (7, 17),
    (5, 13),
    (7, 7),
    (6, 7),
    (7, 21),
    (7, 13),
    (6, 15),
    (5, 1),
    (10, 17),
    (1, 1),
    (9, 11),
    (6, 27),
    (9, 31),
    (7, 31),
    (5, 21),
    (4, 1),
];

/// A residue modulo `p`, below `2p`, in Montgomery form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fe([u64; 4]);

/// A product that has not been reduced yet.
#[derive(Clone, Copy)]
struct Wide([u64; 8]);

/// `acc + a·b + carry`, low and high.
#[inline(always)]
fn mac(acc: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let t = u128::from(acc) + u128::from(a) * u128::from(b) + u128::from(carry);
    (t as u64, (t >> 64) as u64)
}

/// `a + b` and the carry out of 256 bits.
#[inline(always)]
fn add4(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let (r0, c) = a[0].carrying_add(b[0], false);
    let (r1, c) = a[1].carrying_add(b[1], c);
    let (r2, c) = a[2].carrying_add(b[2], c);
    let (r3, c) = a[3].carrying_add(b[3], c);
    ([r0, r1, r2, r3], c)
}

/// `a − b` and the borrow.
#[inline(always)]
fn sub4(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let (r0, c) = a[0].borrowing_sub(b[0], false);
    let (r1, c) = a[1].borrowing_sub(b[1], c);
    let (r2, c) = a[2].borrowing_sub(b[2], c);
    let (r3, c) = a[3].borrowing_sub(b[3], c);
    ([r0, r1, r2, r3], c)
}

/// `if choice { a } else { b }` without a branch.
#[inline(always)]
fn select4(choice: bool, a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mask = u64::from(choice).wrapping_neg();
    let pick = |a: u64, b: u64| b ^ (mask & (a ^ b));
    [pick(a[0], b[0]), pick(a[1], b[1]), pick(a[2], b[2]), pick(a[3], b[3])]
}

/// Brings a value below `4p` under `2p`.
#[inline(always)]
fn below_2p(a: [u64; 4]) -> [u64; 4] {
    let (less, borrow) = sub4(a, P2);
    select4(borrow, a, less)
}

impl Wide {
    /// `a·b`.
    #[inline(always)]
    fn product(a: [u64; 4], b: [u64; 4]) -> Wide {
        let row = |r: [u64; 4], b: u64| {
            let (l0, c) = mac(r[0], a[0], b, 0);
            let (l1, c) = mac(r[1], a[1], b, c);
            let (l2, c) = mac(r[2], a[2], b, c);
            let (l3, c) = mac(r[3], a[3], b, c);
            (l0, [l1, l2, l3, c])
        };
        let (w0, r) = row([0; 4], b[0]);
        let (w1, r) = row(r, b[1]);
        let (w2, r) = row(r, b[2]);
        let (w3, r) = row(r, b[3]);
        Wide([w0, w1, w2, w3, r[0], r[1], r[2], r[3]])
    }

    /// `a²`: the mixed products once, doubled.
    #[inline(always)]
    fn square(a: [u64; 4]) -> Wide {
        let (w1, c) = mac(0, a[0], a[1], 0);
        let (w2, c) = mac(0, a[0], a[2], c);
        let (w3, w4) = mac(0, a[0], a[3], c);
        let (w3, c) = mac(w3, a[1], a[2], 0);
        let (w4, w5) = mac(w4, a[1], a[3], c);
        let (w5, w6) = mac(w5, a[2], a[3], 0);
        let w7 = w6 >> 63;
        let w6 = (w6 << 1) | (w5 >> 63);
        let w5 = (w5 << 1) | (w4 >> 63);
        let w4 = (w4 << 1) | (w3 >> 63);
        let w3 = (w3 << 1) | (w2 >> 63);
        let w2 = (w2 << 1) | (w1 >> 63);
        let w1 = w1 << 1;
        let (w0, c) = mac(0, a[0], a[0], 0);
        let (w1, c) = w1.carrying_add(c, false);
        let (l, h) = mac(w2, a[1], a[1], u64::from(c));
        let (w2, (w3, c)) = (l, w3.carrying_add(h, false));
        let (l, h) = mac(w4, a[2], a[2], u64::from(c));
        let (w4, (w5, c)) = (l, w5.carrying_add(h, false));
        let (l, h) = mac(w6, a[3], a[3], u64::from(c));
        Wide([w0, w1, w2, w3, w4, w5, l, w7 + h])
    }

    /// `self − other`, and whether it went below zero.
    #[inline(always)]
    fn minus(self, other: Wide) -> (Wide, bool) {
        let [a0, a1, a2, a3, a4, a5, a6, a7] = self.0;
        let [b0, b1, b2, b3, b4, b5, b6, b7] = other.0;
        let (r0, c) = a0.borrowing_sub(b0, false);
        let (r1, c) = a1.borrowing_sub(b1, c);
        let (r2, c) = a2.borrowing_sub(b2, c);
        let (r3, c) = a3.borrowing_sub(b3, c);
        let (r4, c) = a4.borrowing_sub(b4, c);
        let (r5, c) = a5.borrowing_sub(b5, c);
        let (r6, c) = a6.borrowing_sub(b6, c);
        let (r7, c) = a7.borrowing_sub(b7, c);
        (Wide([r0, r1, r2, r3, r4, r5, r6, r7]), c)
    }

    /// Adds `R·p` if asked: with it a difference of two products of residues is positive and below `R·p`.
    #[inline(always)]
    fn plus_rp_if(self, choice: bool) -> Wide {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = self.0;
        let (h, _) = add4([r4, r5, r6, r7], select4(choice, P, [0; 4]));
        Wide([r0, r1, r2, r3, h[0], h[1], h[2], h[3]])
    }

    /// Montgomery's reduction: `self/R mod p`, below `self/R + p`.
    #[inline(always)]
    fn reduce(self) -> [u64; 4] {
        let [t0, t1, t2, t3, t4, t5, t6, t7] = self.0;
        let step = |t: [u64; 5], extra: bool| {
            let k = t[0].wrapping_mul(INV);
            let (_, c) = mac(t[0], k, P[0], 0);
            let (l1, c) = mac(t[1], k, P[1], c);
            let (l2, c) = mac(t[2], k, P[2], c);
            let (l3, c) = mac(t[3], k, P[3], c);
            let (l4, c) = t[4].carrying_add(c, extra);
            ([l1, l2, l3, l4], c)
        };
        let (r, c) = step([t0, t1, t2, t3, t4], false);
        let (r, c) = step([r[0], r[1], r[2], r[3], t5], c);
        let (r, c) = step([r[0], r[1], r[2], r[3], t6], c);
        let (r, _) = step([r[0], r[1], r[2], r[3], t7], c);
        r
    }
}

impl Fe {
    pub(crate) const ZERO: Fe = Fe([0; 4]);
    pub(crate) const ONE: Fe = Fe::of(MontFp!("1"));

    /// The same residue in arkworks' type.
    pub(crate) const fn of(x: Fq) -> Fe {
        Fe(x.0.0)
    }

    /// Below `p`: the only form in which two residues may be compared.
    #[inline(always)]
    pub(crate) fn canonical(self) -> [u64; 4] {
        let (less, borrow) = sub4(self.0, P);
        select4(borrow, self.0, less)
    }

    /// To arkworks' type.
    pub(crate) fn to_ark(self) -> Fq {
        Fq::new_unchecked(BigInt::new(self.canonical()))
    }

    /// Is it the residue 0?
    #[inline(always)]
    pub(crate) fn is_zero(self) -> bool {
        self.canonical() == [0; 4]
    }

    #[inline(always)]
    pub(crate) fn add(self, other: Fe) -> Fe {
        Fe(below_2p(add4(self.0, other.0).0))
    }

    #[inline(always)]
    pub(crate) fn double(self) -> Fe {
        self.add(self)
    }

    #[inline(always)]
    pub(crate) fn sub(self, other: Fe) -> Fe {
        let (r, borrow) = sub4(self.0, other.0);
        Fe(add4(r, select4(borrow, P2, [0; 4])).0)
    }

    #[inline(always)]
    pub(crate) fn neg(self) -> Fe {
        Fe::ZERO.sub(self)
    }

    /// Coarsely integrated operand scanning. The accumulator stays below `a + p`, so that four limbs hold
    /// it.
    #[inline(always)]
    fn product(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        let round = |r: [u64; 4], b: u64| {
            let (t, c1) = mac(r[0], a[0], b, 0);
            let k = t.wrapping_mul(INV);
            let (_, c2) = mac(t, k, P[0], 0);
            let (t, c1) = mac(r[1], a[1], b, c1);
            let (r0, c2) = mac(t, k, P[1], c2);
            let (t, c1) = mac(r[2], a[2], b, c1);
            let (r1, c2) = mac(t, k, P[2], c2);
            let (t, c1) = mac(r[3], a[3], b, c1);
            let (r2, c2) = mac(t, k, P[3], c2);
            [r0, r1, r2, c1 + c2]
        };
        let r = round([0; 4], b[0]);
        let r = round(r, b[1]);
        let r = round(r, b[2]);
        round(r, b[3])
    }

    /// `a·b/R + p < 2p` for `a, b < 2p`, since `4p < R`.
    #[inline]
    pub(crate) fn mul(self, other: Fe) -> Fe {
        Fe(Fe::product(self.0, other.0))
    }

    /// Brings a value below `2²⁵⁹` under `2p`: `k = ⌊t/2²⁵³⌋`, `q = ⌊k·2²⁵³/p⌋`, and `t − qp < p + 2²⁵³ < 1.67p`.
    #[inline(always)]
    fn settled(t: [u64; 5]) -> Fe {
        let k = (t[4] << 3) | (t[3] >> 61);
        let q = (k * QUOTIENT) >> QUOTIENT_SHIFT;
        let (q0, c) = mac(0, q, P[0], 0);
        let (q1, c) = mac(0, q, P[1], c);
        let (q2, c) = mac(0, q, P[2], c);
        let q3 = P[3].wrapping_mul(q).wrapping_add(c);
        Fe(sub4([t[0], t[1], t[2], t[3]], [q0, q1, q2, q3]).0)
    }

    /// `9·self + other`.
    #[inline(always)]
    pub(crate) fn nine_times_plus(self, other: Fe) -> Fe {
        let (r0, c) = mac(other.0[0], self.0[0], 9, 0);
        let (r1, c) = mac(other.0[1], self.0[1], 9, c);
        let (r2, c) = mac(other.0[2], self.0[2], 9, c);
        let (r3, c) = mac(other.0[3], self.0[3], 9, c);
        Fe::settled([r0, r1, r2, r3, c])
    }

    #[inline]
    pub(crate) fn square(self) -> Fe {
        Fe(Wide::square(self.0).reduce())
    }

    /// `self^(2ⁿ)`.
    fn squared(mut self, n: u8) -> Fe {
        for _ in 0..n {
            self = self.square();
        }
        self
    }

    /// `self^((p − 3)/4)`, by sliding windows of five bits. For `p ≡ 3 mod 4` it gives a root and its
    /// inverse at once: `w = a^((p−3)/4)`, `a·w` is the root of `a` or of `−a`.
    pub(crate) fn root_power(self) -> Fe {
        let square = self.square();
        let mut odd = [self; 16];
        let mut last = self;
        for power in odd.iter_mut().skip(1) {
            last = last.mul(square);
            *power = last;
        }
        let mut steps = ROOT_STEPS.iter();
        let power = |n: u8| odd.get(usize::from(n >> 1)).copied().unwrap_or(Fe::ZERO);
        let mut result = steps.next().map_or(Fe::ONE, |(_, n)| power(*n));
        for (squarings, n) in steps {
            result = result.squared(*squarings).mul(power(*n));
        }
        result
    }

    /// A square root, if there is one.
    pub(crate) fn sqrt(self) -> Option<Fe> {
        self.sqrt_by(self.root_power())
    }

    /// The same from the [`Fe::root_power`].
    pub(crate) fn sqrt_by(self, power: Fe) -> Option<Fe> {
        let root = self.mul(power);
        (root.square() == self).then_some(root)
    }

    /// The inverse, 0 for 0: `self^(p − 2)`, and `p − 2 = 4·(p − 3)/4 + 1`. A power takes less time than arkworks'
    /// binary algorithm, whose branches nobody can predict.
    pub(crate) fn inverse_or_zero(self) -> Fe {
        self.root_power().squared(2).mul(self)
    }

    /// `y > −y` among the integers: the sign bit of arkworks' compressed points.
    pub(crate) fn is_upper(self) -> bool {
        self.to_ark() > -self.to_ark()
    }

    /// `a·b` for `(a₀ + a₁u)(b₀ + b₁u)`, `u² = −1`: three products and two reductions.
    #[inline]
    pub(crate) fn mul_pairs(a: (Fe, Fe), b: (Fe, Fe)) -> (Fe, Fe) {
        let low = Wide::product(a.0.0, b.0.0);
        let high = Wide::product(a.1.0, b.1.0);
        // Each sum is below 4p < R.
        let cross = Wide::product(add4(a.0.0, a.1.0).0, add4(b.0.0, b.1.0).0);
        // a₀b₁ + a₁b₀ < 8p² = 1.52·R·p, so its reduction is below 2.52p.
        let c1 = below_2p(cross.minus(low).0.minus(high).0.reduce());
        // |a₀b₀ − a₁b₁| < 4p² < R·p.
        let (c0, below_zero) = low.minus(high);
        (Fe(c0.plus_rp_if(below_zero).reduce()), Fe(c1))
    }

    /// `(a₀ + a₁u)² = (a₀ + a₁)(a₀ − a₁) + 2a₀a₁u`.
    #[inline]
    pub(crate) fn square_pair(a: (Fe, Fe)) -> (Fe, Fe) {
        (a.0.add(a.1).mul(a.0.sub(a.1)), a.0.mul(a.1).double())
    }
}

impl PartialEq for Fe {
    fn eq(&self, other: &Fe) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Fe {}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{AdditiveGroup, Field as _, PrimeField, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    /// Random and extreme residues, each in both of its forms below `2p`.
    fn values() -> Vec<(Fq, Fe)> {
        let mut rng = StdRng::seed_from_u64(1);
        let one = Fq::from(1u64);
        let r_inverse = Fq::new_unchecked(BigInt::new([1, 0, 0, 0]));
        let mut all = vec![Fq::ZERO, one, -one, one + one, -(one + one), r_inverse, -r_inverse];
        all.extend((0..40).map(|_| Fq::rand(&mut rng)));
        let both = |x: Fq| [(x, Fe::of(x)), (x, Fe(add4(Fe::of(x).0, P).0))];
        all.into_iter().flat_map(both).collect()
    }

    #[test]
    fn operations_are_those_of_arkworks() {
        let values = values();
        assert_eq!(Fq::MODULUS.0, P);
        for &(a, x) in &values {
            assert!(x.0 < P2 || sub4(x.0, P2).1);
            assert_eq!(x.to_ark(), a);
            assert_eq!(x.is_zero(), a == Fq::ZERO);
            assert_eq!(x.square().to_ark(), a.square());
            assert_eq!(x.double().to_ark(), a.double());
            assert_eq!(x.neg().to_ark(), -a);
            assert_eq!(x.inverse_or_zero().to_ark(), a.inverse().unwrap_or_default());
            assert_eq!(x.is_upper(), a > -a);
            let mut exponent = Fq::MODULUS;
            exponent.0[0] -= 3;
            assert_eq!(x.root_power().to_ark(), a.pow(BigInt::<4>::new(exponent.0) >> 2));
            match (x.sqrt(), a.sqrt()) {
                (Some(y), Some(b)) => assert!(y.to_ark() == b || y.to_ark() == -b),
                (ours, ark) => assert!(ours.is_none() && ark.is_none()),
            }
            for &(b, y) in &values {
                assert_eq!(x.add(y).to_ark(), a + b);
                assert_eq!(x.sub(y).to_ark(), a - b);
                assert_eq!(x.mul(y).to_ark(), a * b);
                assert_eq!(x == y, a == b);
            }
        }
    }

    #[test]
    fn quotients_of_small_numbers() {
        use ark_ff::BigInteger;
        for k in 0..64u64 {
            let q = (k * QUOTIENT) >> QUOTIENT_SHIFT;
            // q·p ≤ k·2²⁵³ < (q + 1)·p.
            let times = |n: u64| {
                let mut sum = BigInt::<5>::from(0u64);
                let p = BigInt::<5>::new([P[0], P[1], P[2], P[3], 0]);
                (0..n).for_each(|_| assert!(!sum.add_with_carry(&p)));
                sum
            };
            let power = BigInt::<5>::new([0, 0, 0, k << 61, k >> 3]);
            assert!(times(q) <= power && power < times(q + 1), "{k}");
        }
    }

    /// All operations stay below 2p, whichever form they are given.
    #[test]
    fn results_stay_below_twice_the_modulus() {
        let values = values();
        let held = |x: Fe| assert!(sub4(x.0, P2).1, "{x:?}");
        for &(_, x) in &values {
            for &(_, y) in &values {
                let (c0, c1) = Fe::mul_pairs((x, y), (y, x));
                let (d0, d1) = Fe::square_pair((x, y));
                [c0, c1, d0, d1, x.add(y), x.sub(y), x.mul(y), x.square(), x.neg()]
                    .into_iter()
                    .for_each(held);
                let nine = x.nine_times_plus(y);
                held(nine);
                assert_eq!(nine.to_ark(), x.to_ark() * Fq::from(9u64) + y.to_ark());
                let (e0, e1) = Fe::mul_pairs((x, x), (y, y));
                [e0, e1].into_iter().for_each(held);
            }
        }
    }
}
