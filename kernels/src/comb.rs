//! Multiples of single points that are used often, and sums of them.
//!
//! Of every window of a scalar's bits the odd multiples are kept, so that every digit is one summand and none is zero:
//! with bits b, `2·Σ bᵢ·2ⁱ − (2ⁿ − 1) = Σ (2bᵢ − 1)·2ⁱ`, and each window of signs is an odd number. The summands are
//! added in eight lanes, without exceptions: where one occurs (equal or opposite points meet, or a sum is infinity), the
//! denominator becomes zero and stays zero, and the sum is computed anew by ark.

// One index runs through the windows of several arrays.
#![allow(clippy::needless_range_loop)]

use crate::affine::{Addition, Scratch, Summand, add_all, stored_all};
use crate::coordinate::{Coordinate, G1, G2, Group};
use crate::lanes::{Backend, Block, LANES, Machine, Task};
use ark_bn254::{Fr, G1Projective, G2Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInt, Field as _, MontConfig, PrimeField};
use std::array::from_fn;
use std::sync::Arc;

/// Bits of a digit.
const WINDOW: usize = 8;
/// Digits of a scalar: whole vectors of them.
const DIGITS: usize = 32;
/// Multiples for each digit: 1, 3, 5, … 255.
const MULTIPLES: usize = 1 << (WINDOW - 1);
/// Vectors of summands in a product.
const STEPS: usize = DIGITS / LANES;

/// Additions to a table that share an inversion: more would save little, and their scratch memory would be new to the
/// process each time.
const TOGETHER: usize = 1024;

/// `(2d + 1) · 2^(8w) · P` for all windows w and d below 128: a product costs 32 additions and no doubling. 4,096
/// affine points, 256 KB in G1 and 512 KB in G2, which copies share.
pub struct Comb<G: Combed> {
    machine: Machine,
    point: G::Affine,
    /// Empty for infinity.
    multiples: Arc<Vec<G::Stored>>,
}

impl<G: Combed> Clone for Comb<G> {
    fn clone(&self) -> Comb<G> {
        Comb { machine: self.machine, point: self.point, multiples: self.multiples.clone() }
    }
}

/// The groups, with what is compiled for them here.
pub trait Combed: Group<Affine: AffineRepr<ScalarField = Fr, Group = Self::Projective>> {
    /// ark's points in Jacobian coordinates.
    type Projective: CurveGroup<Affine = Self::Affine, ScalarField = Fr, BaseField = Self::Base>;
    /// From Jacobian coordinates on the curve.
    #[doc(hidden)]
    fn jacobian(x: Self::Base, y: Self::Base, z: Self::Base) -> Self::Projective;
    /// Runs the task.
    #[doc(hidden)]
    fn table(machine: Machine, task: Table<'_, Self>) -> Vec<Self::Stored>;
    /// Runs the task.
    #[doc(hidden)]
    fn combine(machine: Machine, task: Combine<'_, Self>) -> [Option<Self::Projective>; 2];
}

macro_rules! combed {
    ($group:ty, $projective:ty) => {
        impl Combed for $group {
            type Projective = $projective;
            fn jacobian(x: Self::Base, y: Self::Base, z: Self::Base) -> $projective {
                <$projective>::new_unchecked(x, y, z)
            }
            fn table(machine: Machine, task: Table<'_, Self>) -> Vec<Self::Stored> {
                machine.run(task)
            }
            fn combine(machine: Machine, task: Combine<'_, Self>) -> [Option<$projective>; 2] {
                machine.run(task)
            }
        }
    };
}
combed!(G1, G1Projective);
combed!(G2, G2Projective);

impl<G: Combed> Comb<G> {
    /// Makes the table.
    pub fn new(machine: Machine, point: G::Affine) -> Comb<G> {
        let multiples = match point.is_zero() {
            true => Vec::new(),
            false => {
                let powers = std::iter::successors(Some(point.into_group()), |power| Some(power.double()));
                let powers: Vec<G::Projective> = powers.take(WINDOW * DIGITS).collect();
                G::table(machine, Table { powers: &G::Projective::normalize_batch(&powers) })
            }
        };
        Comb { machine, point, multiples: Arc::new(multiples) }
    }

    /// For which the table is.
    pub fn machine(&self) -> Machine {
        self.machine
    }

    /// The point itself.
    pub fn point(&self) -> G::Affine {
        self.point
    }

    /// `scalar · P`.
    pub fn mul(&self, scalar: &Fr) -> G::Projective {
        let [product] = products([&[(self, scalar)]]);
        product
    }

    /// `sum += scalar · P`.
    pub fn add_multiple(&self, sum: &mut G::Projective, scalar: &Fr) {
        *sum += self.mul(scalar);
    }
}

/// `Σ kᵢ·Pᵢ` for each row; one or two rows.
pub fn products<G: Combed, const N: usize>(rows: [&[(&Comb<G>, &Fr)]; N]) -> [G::Projective; N] {
    const { assert!(N == 1 || N == 2) };
    let present = |row: &&[(&Comb<G>, &Fr)]| row.iter().all(|(comb, _)| !comb.multiples.is_empty());
    let sums = match rows[0].first() {
        Some((comb, _)) if rows.iter().all(|row| present(row) && !row.is_empty()) => {
            G::combine(comb.machine, Combine { rows: &rows })
        }
        _ => [None; 2],
    };
    from_fn(|n| {
        let by_ark = || rows[n].iter().map(|(comb, scalar)| comb.point * *scalar).sum();
        sums[n].unwrap_or_else(by_ark)
    })
}

/// `(k + 2²⁵⁶ − 1)/2`: its bits are the signs of the powers of two that sum up to k.
fn signs(k: &Fr) -> BigInt<4> {
    // −1/2, and 2^256.
    const MINUS_HALF: Fr = Fr::new(Fr::MODULUS_MINUS_ONE_DIV_TWO);
    const POWER: Fr = Fr::new_unchecked(<ark_bn254::FrConfig as MontConfig<4>>::R2);
    ((Fr::ONE - POWER - k) * MINUS_HALF).into_bigint()
}

/// See [`Comb`].
#[doc(hidden)]
pub struct Table<'a, G: Group> {
    /// `2ⁱ · P`.
    powers: &'a [G::Affine],
}

impl<G: Group> Task for Table<'_, G> {
    type Out = Vec<G::Stored>;

    /// First 1 of each window, then as often as there are some, as many more: `(2d + 1) + 2^k`, d below 2^(k − 1).
    #[inline(always)]
    fn run<B: Backend>(self) -> Vec<G::Stored> {
        let powers = stored_all::<G, B>(self.powers);
        let mut points = vec![G::Stored::default(); DIGITS * MULTIPLES];
        for w in 0..DIGITS {
            points[w * MULTIPLES] = powers[w * WINDOW];
        }
        points.extend(&powers);
        let (mut scratch, mut holes, mut additions) = (Scratch::default(), Vec::new(), Vec::new());
        for k in 1..WINDOW {
            let present = 1 << (k - 1);
            additions.clear();
            for w in 0..DIGITS {
                let power = Summand::new(DIGITS * MULTIPLES + w * WINDOW + k, false);
                for d in w * MULTIPLES..w * MULTIPLES + present {
                    let left = Summand::new(d, false);
                    additions.push(Addition { left, right: power, to: (d + present) as u32 });
                }
            }
            // No sum is infinity: the order is odd and a prime above 2^253.
            for part in additions.chunks(TOGETHER) {
                add_all::<G, B, false>(&[], part, &mut points, &mut scratch, &mut holes);
            }
        }
        points.truncate(DIGITS * MULTIPLES);
        points
    }
}

/// See [`products`].
#[doc(hidden)]
pub struct Combine<'a, G: Combed> {
    rows: &'a [&'a [(&'a Comb<G>, &'a Fr)]],
}

/// `(X/ZZ, Y/ZZZ)`, ZZ³ = ZZZ².
#[derive(Clone, Copy)]
struct Point<C> {
    x: C,
    y: C,
    zz: C,
    zzz: C,
}

impl<C: Coordinate> Point<C> {
    /// With an affine one: madd-2008-s of the Explicit-Formulas Database.
    #[inline(always)]
    fn add_affine(self, x: C, y: C) -> Self {
        let u = x.mul(self.zz);
        let s = y.mul(self.zzz);
        let p = u.sub(self.x);
        let r = s.sub(self.y);
        let pp = p.square();
        let ppp = p.mul(pp);
        let q = self.x.mul(pp);
        let x = r.square().sub(ppp).sub(q).sub(q);
        let y = r.mul(q.sub(x)).sub(self.y.mul(ppp));
        Point { x, y, zz: self.zz.mul(pp), zzz: self.zzz.mul(ppp) }
    }

    /// add-2008-s.
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        let this = Point { x: self.x.mul(o.zz), y: self.y.mul(o.zzz), zz: self.zz, zzz: self.zzz };
        let mut sum = this.add_affine(o.x, o.y);
        sum.zz = sum.zz.mul(o.zz);
        sum.zzz = sum.zzz.mul(o.zzz);
        sum
    }

    /// Each coordinate's lanes elsewhere.
    #[inline(always)]
    fn moved<const FROM: u8>(self, o: Self) -> Self {
        Point {
            x: moved::<C, FROM>(self.x, o.x),
            y: moved::<C, FROM>(self.y, o.y),
            zz: moved::<C, FROM>(self.zz, o.zz),
            zzz: moved::<C, FROM>(self.zzz, o.zzz),
        }
    }
}

/// The lower halves of both, and the higher halves; of what follows only the first is read, and its lanes trade places
/// with those 2 or 1 away.
const LOW: u8 = 0;
const HIGH: u8 = 1;
const BY_TWO: u8 = 2;
const BY_ONE: u8 = 3;

#[inline(always)]
fn moved<C: Coordinate, const FROM: u8>(a: C, b: C) -> C {
    let (mut from_a, mut from_b) = ([Block::default(); 2], [Block::default(); 2]);
    a.store(&mut from_a);
    b.store(&mut from_b);
    let mut to = [Block::default(); 2];
    for block in 0..C::BLOCKS {
        for limb in 0..5 {
            let (a, b) = (&from_a[block].0[limb], &from_b[block].0[limb]);
            to[block].0[limb] = match FROM {
                LOW => [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]],
                HIGH => [a[4], a[5], a[6], a[7], b[4], b[5], b[6], b[7]],
                BY_TWO => [a[2], a[3], a[0], a[1], a[6], a[7], a[4], a[5]],
                _ => [a[1], a[0], a[3], a[2], a[5], a[4], a[7], a[6]],
            };
        }
    }
    C::load(&to)
}

/// The summands of eight windows.
#[inline(always)]
fn eight<G: Group, B: Backend>(
    multiples: &[G::Stored],
    signs: &BigInt<4>,
    step: usize,
) -> (G::Coordinate<B>, G::Coordinate<B>) {
    let mut points = [&multiples[0]; LANES];
    let mut negative = 0;
    for lane in 0..LANES {
        let w = LANES * step + lane;
        let bits = (signs.0[w / 8] >> (8 * (w % 8))) as usize & (2 * MULTIPLES - 1);
        // 2·bits − 255 is negative where the highest bit is missing.
        let minus = usize::from(bits < MULTIPLES);
        let d = (bits ^ minus.wrapping_neg()) & (MULTIPLES - 1);
        points[lane] = &multiples[w * MULTIPLES + d];
        negative |= (minus as u8) << lane;
    }
    let (x, y) = G::Coordinate::<B>::read(points);
    (x, y.negate_where(negative))
}

impl<G: Combed> Task for Combine<'_, G> {
    type Out = [Option<G::Projective>; 2];

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Out {
        if B::WIDE { self.in_lanes::<B>() } else { self.one_by_one::<B>() }
    }
}

impl<G: Combed> Combine<'_, G> {
    /// By ark's additions.
    fn one_by_one<B: Backend>(self) -> [Option<G::Projective>; 2] {
        let sum = |row: &[(&Comb<G>, &Fr)]| {
            let mut sum = G::Projective::ZERO;
            for (comb, scalar) in row {
                let signs = signs(scalar);
                for step in 0..STEPS {
                    let (x, y) = eight::<G, B>(&comb.multiples, &signs, step);
                    x.to_base().into_iter().zip(y.to_base()).for_each(|(x, y)| sum += G::point(x, y));
                }
            }
            sum
        };
        from_fn(|n| self.rows.get(n).map(|row| sum(row)))
    }

    #[inline(always)]
    fn in_lanes<B: Backend>(self) -> [Option<G::Projective>; 2] {
        let one = G::Coordinate::<B>::from_base([G::Base::ONE; LANES]);
        let mut sums = [Point { x: one, y: one, zz: one, zzz: one }; 2];
        for n in 0..self.rows.len() {
            let mut first = true;
            for (comb, scalar) in self.rows[n] {
                let signs = signs(scalar);
                for step in 0..STEPS {
                    let (x, y) = eight::<G, B>(&comb.multiples, &signs, step);
                    sums[n] = match first {
                        true => Point { x, y, zz: one, zzz: one },
                        false => sums[n].add_affine(x, y),
                    };
                    first = false;
                }
            }
        }
        let second = sums[self.rows.len() - 1];
        let sum = sums[0].moved::<LOW>(second).add(sums[0].moved::<HIGH>(second));
        let sum = sum.add(sum.moved::<BY_TWO>(sum));
        let sum = sum.add(sum.moved::<BY_ONE>(sum));
        // Jacobian coordinates with Z = ZZ.
        let x = sum.x.mul(sum.zz).to_base();
        let y = sum.y.mul(sum.zzz).to_base();
        let z = sum.zz.to_base();
        [0, 4].map(|n| (z[n] != G::Base::ZERO).then(|| G::jacobian(x[n], y[n], z[n])))
    }
}
