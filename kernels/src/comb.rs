//! Multiples of single points that are used often, and sums of them.
//!
//! Of every window of a scalar's bits the odd multiples are kept, so that every digit is one summand and none is zero:
//! with bits b, `2·Σ bᵢ·2ⁱ − (2ⁿ − 1) = Σ (2bᵢ − 1)·2ⁱ`, and each window of signs is an odd number. The summands are
//! added in eight lanes as if there were no exceptions; where one occurs, the denominator is zero in the end, and the sum
//! is computed anew by ark.

// One index runs through the windows of several arrays.
#![allow(clippy::needless_range_loop)]

use crate::affine::{Addition, Scratch, Summand, add_all, stored_all};
use crate::coordinate::{Coordinate, G1, G2, Group};
use crate::lanes::{Backend, LANES, Machine, Task};
use crate::xyzz::{Arithmetic as _, Half, Pair, Point, Single};
use ark_bn254::{Fq, Fq2, Fr, G1Projective, G2Projective};
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
    /// Rows that one task sums.
    #[doc(hidden)]
    const ROWS: usize;
    /// Eight numbers: coordinates of four points each in two rows, or of four points in the extension.
    #[doc(hidden)]
    type Half<B: Backend>: Half;
    /// From Jacobian coordinates, in lanes 0 and 4; `None` for infinity.
    #[doc(hidden)]
    fn jacobian(x: [Fq; LANES], y: [Fq; LANES], z: [Fq; LANES]) -> [Option<Self::Projective>; 2];
    /// Runs the task.
    #[doc(hidden)]
    fn table(machine: Machine, task: Table<'_, Self>) -> Vec<Self::Stored>;
    /// Runs the task.
    #[doc(hidden)]
    fn combine(machine: Machine, task: Combine<'_, Self>) -> [Option<Self::Projective>; 2];
}

macro_rules! compiled_here {
    () => {
        fn table(machine: Machine, task: Table<'_, Self>) -> Vec<Self::Stored> {
            machine.run(task)
        }
        fn combine(machine: Machine, task: Combine<'_, Self>) -> [Option<Self::Projective>; 2] {
            machine.run(task)
        }
    };
}

impl Combed for G1 {
    type Projective = G1Projective;
    const ROWS: usize = 2;
    type Half<B: Backend> = Single<B::Fq>;
    fn jacobian(x: [Fq; LANES], y: [Fq; LANES], z: [Fq; LANES]) -> [Option<G1Projective>; 2] {
        [0, 4].map(|n| (z[n] != Fq::ZERO).then(|| G1Projective::new_unchecked(x[n], y[n], z[n])))
    }
    compiled_here!();
}

impl Combed for G2 {
    type Projective = G2Projective;
    const ROWS: usize = 1;
    type Half<B: Backend> = Pair<B::Fq>;
    fn jacobian(x: [Fq; LANES], y: [Fq; LANES], z: [Fq; LANES]) -> [Option<G2Projective>; 2] {
        let [x, y, z] = [x, y, z].map(|of| Fq2::new(of[0], of[4]));
        [(z != Fq2::ZERO).then(|| G2Projective::new_unchecked(x, y, z)), None]
    }
    compiled_here!();
}

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

/// `Σ kᵢ·Pᵢ` for each row, in G1 by two rows at a time. The combs are for one machine.
pub fn products<G: Combed, const N: usize>(rows: [&[(&Comb<G>, &Fr)]; N]) -> [G::Projective; N] {
    let mut sums = [G::Projective::ZERO; N];
    for (rows, sums) in rows.chunks(G::ROWS).zip(sums.chunks_mut(G::ROWS)) {
        let machine = rows[0].first().map(|(comb, _)| comb.machine);
        let fits = |(comb, _): &(&Comb<G>, &Fr)| Some(comb.machine) == machine && !comb.multiples.is_empty();
        let in_lanes = match machine {
            Some(machine) if rows.iter().all(|row| !row.is_empty() && row.iter().all(fits)) => {
                G::combine(machine, Combine { rows })
            }
            _ => [None; 2],
        };
        for n in 0..rows.len() {
            let by_ark = || rows[n].iter().map(|(comb, scalar)| comb.point * *scalar).sum();
            sums[n] = in_lanes[n].unwrap_or_else(by_ark);
        }
    }
    sums
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
        let mut points = Vec::with_capacity(DIGITS * MULTIPLES + powers.len());
        points.resize(DIGITS * MULTIPLES, G::Stored::default());
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
            for part in additions.chunks(TOGETHER) {
                add_all::<G, B, false>(&[], part, &mut points, &mut scratch, &mut holes);
            }
        }
        debug_assert!(holes.is_empty(), "the order is prime, and no sum a multiple of it");
        points.truncate(DIGITS * MULTIPLES);
        points
    }
}

/// See [`products`].
#[doc(hidden)]
pub struct Combine<'a, G: Combed> {
    rows: &'a [&'a [(&'a Comb<G>, &'a Fr)]],
}

/// In lanes on every machine, as many rows as one task sums; `None` where an exception occurred.
#[cfg(test)]
pub(crate) fn in_lanes<G: Combed>(rows: &[&[(&Comb<G>, &Fr)]]) -> [Option<G::Projective>; 2] {
    struct InLanes<'a, G: Combed>(Combine<'a, G>);
    impl<G: Combed> Task for InLanes<'_, G> {
        type Out = [Option<G::Projective>; 2];
        #[inline(always)]
        fn run<B: Backend>(self) -> Self::Out {
            self.0.in_lanes::<B>()
        }
    }
    rows[0][0].0.machine.run(InLanes(Combine { rows }))
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
        let bits = (signs.0[w * WINDOW / 64] >> (w * WINDOW % 64)) as usize & (2 * MULTIPLES - 1);
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
        let none = G::Coordinate::<B>::from_base([G::Base::ZERO; LANES]);
        let mut sums = [Point { x: none, y: none, zz: none, zzz: none }; 2];
        for n in 0..self.rows.len() {
            let mut first = (none, none);
            for (at, (comb, scalar)) in self.rows[n].iter().enumerate() {
                let signs = signs(scalar);
                for step in 0..STEPS {
                    let summands = eight::<G, B>(&comb.multiples, &signs, step);
                    match (at, step) {
                        (0, 0) => first = summands,
                        (0, 1) => sums[n] = Point::of_two(first, summands),
                        _ => sums[n] = sums[n].add_affine(summands),
                    }
                }
            }
        }
        let second = sums[self.rows.len() - 1];
        let sum = Point::<G::Half<B>>::of_eight(sums[0], second);
        // Jacobian coordinates with Z = ZZ.
        G::jacobian(sum.x.mul(sum.zz).to_field(), sum.y.mul(sum.zzz).to_field(), sum.zz.to_field())
    }
}
