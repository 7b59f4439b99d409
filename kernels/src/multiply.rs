//! Many multiples of many points of G1, eight at a time, and the Fourier transform of points that they make.
//!
//! Complete addition formulas (Renes, Costello, Batina, EUROCRYPT 2016, algorithms 7 and 9): no two points are an
//! exception, and infinity is a point like others. Scalars are halved by the endomorphism `(x, y) ↦ (βx, y)`
//! (Gallant, Lambert, Vanstone, CRYPTO 2001).

// One index runs through several rows of eight.
#![allow(clippy::needless_range_loop)]

use crate::lanes::{Backend, LANES, Lanes, Line, Machine, Task};
use ark_bn254::g1::Config;
use ark_bn254::{Fq, Fr, G1Projective};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::{AdditiveGroup, Field, PrimeField};
use rayon::prelude::*;

/// Bits of a digit.
const WINDOW: usize = 4;
/// Signed digits of a half of at most 128 bits; the last takes the carry.
const DIGITS: usize = 33;
/// Multiples `0·P … 8·P`.
const MULTIPLES: usize = 9;
/// Points that one task multiplies.
const TOGETHER: usize = 128;

/// A scalar as the multiplication reads it: digits from −7 to 8 of its two halves, `k₁ + λk₂`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recoded {
    halves: [[i8; DIGITS]; 2],
}

impl Recoded {
    /// Of a scalar.
    pub fn new(scalar: &Fr) -> Recoded {
        let (first, second) = <Config as GLVConfig>::scalar_decomposition(*scalar);
        Recoded { halves: [digits(first), digits(second)] }
    }
}

fn digits((positive, half): (bool, Fr)) -> [i8; DIGITS] {
    let limbs = half.into_bigint().0;
    debug_assert!(limbs[2] == 0 && limbs[3] == 0, "halves have 128 bits");
    let mut carry = 0;
    std::array::from_fn(|n| {
        let value = (limbs[n * WINDOW / 64] >> (n * WINDOW % 64)) as i8 & 0xf;
        let value = value + carry;
        carry = i8::from(value > 8);
        let digit = value - 16 * carry;
        if positive { digit } else { -digit }
    })
}

/// `scalars[i] · points[i]`, as many as there are of both.
pub fn multiples(machine: Machine, points: &[G1Projective], scalars: &[&Recoded]) -> Vec<G1Projective> {
    let parts = points.par_chunks(TOGETHER).zip(scalars.par_chunks(TOGETHER));
    let parts: Vec<_> = parts.map(|(points, scalars)| machine.run(Multiply { points, scalars })).collect();
    parts.concat()
}

/// `X_k = Σ ω^(jk)·x_j` in natural order; `powers` are `ω^i` for i below half the number of points, a power of two.
/// Decimation in frequency: the products of a stage are independent.
pub fn transform(machine: Machine, points: &[G1Projective], powers: &[Recoded]) -> Vec<G1Projective> {
    let half = points.len() / 2;
    let mut points = points.to_vec();
    let mut distance = half;
    while distance > 0 {
        let place = |m: usize| 2 * (m / distance) * distance + m % distance;
        let (mut sums, mut scaled): (Vec<_>, Vec<_>) = (0..half)
            .into_par_iter()
            .map(|m| (points[place(m)], points[place(m) + distance]))
            .map(|(u, v)| (u + v, u - v))
            .unzip();
        let turned: Vec<usize> = (0..half).filter(|m| m % distance > 0).collect();
        let factors: Vec<&Recoded> =
            turned.iter().map(|m| &powers[m % distance * (half / distance)]).collect();
        let differences: Vec<G1Projective> = turned.iter().map(|m| scaled[*m]).collect();
        let products = multiples(machine, &differences, &factors);
        turned.into_iter().zip(products).for_each(|(m, product)| scaled[m] = product);
        for (m, (sum, scaled)) in sums.drain(..).zip(scaled).enumerate() {
            (points[place(m)], points[place(m) + distance]) = (sum, scaled);
        }
        distance /= 2;
    }
    let shift = usize::BITS - points.len().trailing_zeros();
    (0..points.len()).map(|k| points[k.reverse_bits().checked_shr(shift).unwrap_or(0)]).collect()
}

struct Multiply<'a> {
    points: &'a [G1Projective],
    scalars: &'a [&'a Recoded],
}

/// Homogeneous coordinates, `(X/Z, Y/Z)`.
#[derive(Clone, Copy)]
struct Point<L> {
    x: L,
    y: L,
    z: L,
}

impl<L: Lanes<Fq>> Point<L> {
    #[inline(always)]
    fn infinity() -> Self {
        let zero = L::splat(Fq::ZERO);
        Point { x: zero, y: L::splat(Fq::ONE), z: zero }
    }

    /// From ark's Jacobian coordinates, `(X/Z², Y/Z³)`.
    #[inline(always)]
    fn from_jacobian(x: L, y: L, z: L) -> Self {
        Point { x: x.mul(z), y, z: z.mul(z).mul(z) }
    }

    #[inline(always)]
    fn to_jacobian(self) -> (L, L, L) {
        (self.x.mul(self.z), self.y.mul(self.z.mul(self.z)), self.z)
    }

    /// Algorithm 9.
    #[inline(always)]
    fn double(self) -> Self {
        let yy = self.y.mul(self.y);
        let yz = self.y.mul(self.z);
        let bzz = nine(self.z.mul(self.z));
        let xy = self.x.mul(self.y);
        let two = yy.add(yy);
        let four = two.add(two);
        let eight = four.add(four);
        let difference = yy.sub(bzz.add(bzz).add(bzz));
        let x = difference.mul(xy);
        Point { x: x.add(x), y: L::two_products(difference, yy.add(bzz), bzz, eight), z: yz.mul(eight) }
    }

    /// Algorithm 7.
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        let xx = self.x.mul(o.x);
        let yy = self.y.mul(o.y);
        let zz = self.z.mul(o.z);
        let xy = self.x.add(self.y).mul(o.x.add(o.y)).sub(xx.add(yy));
        let yz = self.y.add(self.z).mul(o.y.add(o.z)).sub(yy.add(zz));
        let xz = nine(self.x.add(self.z).mul(o.x.add(o.z)).sub(xx.add(zz)));
        let xx = xx.add(xx).add(xx);
        let bzz = nine(zz);
        let (sum, difference) = (yy.add(bzz), yy.sub(bzz));
        Point {
            x: L::two_products(xy, difference, yz, xz.negate_where(0xff)),
            y: L::two_products(difference, sum, xz, xx),
            z: L::two_products(sum, yz, xx, xy),
        }
    }
}

/// `3b·x`, b = 3.
#[inline(always)]
fn nine<L: Lanes<Fq>>(x: L) -> L {
    let two = x.add(x);
    let four = two.add(two);
    four.add(four).add(x)
}

impl Task for Multiply<'_> {
    type Out = Vec<G1Projective>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Vec<G1Projective> {
        let beta = B::Fq::splat(Config::ENDO_COEFFS[0]);
        let mut out = Vec::with_capacity(self.points.len());
        for (points, scalars) in self.points.chunks(LANES).zip(self.scalars.chunks(LANES)) {
            let mut rows = [[Fq::ZERO; LANES]; 3];
            for lane in 0..LANES {
                let point = points.get(lane).unwrap_or(&points[0]);
                (rows[0][lane], rows[1][lane], rows[2][lane]) = (point.x, point.y, point.z);
            }
            let [x, y, z] = rows;
            let once = Point::<B::Fq>::from_jacobian(
                B::Fq::from_field(x),
                B::Fq::from_field(y),
                B::Fq::from_field(z),
            );
            // (X, Y) and (Z, Z) of each multiple, a line for each lane.
            let mut table = [[[Line::default(); LANES]; 2]; MULTIPLES];
            let mut multiple = Point::infinity();
            for lines in table.iter_mut() {
                *lines = [B::Fq::write(multiple.x, multiple.y), B::Fq::write(multiple.z, multiple.z)];
                multiple = multiple.add(once);
            }
            let mut sum = Point::<B::Fq>::infinity();
            for place in (0..DIGITS).rev() {
                if place + 1 < DIGITS {
                    for _ in 0..WINDOW {
                        sum = sum.double();
                    }
                }
                for half in 0..2 {
                    let (mut xy, mut zz) = ([&table[0][0][0]; LANES], [&table[0][1][0]; LANES]);
                    let mut negative = 0u8;
                    for lane in 0..LANES {
                        let scalar = scalars.get(lane).unwrap_or(&scalars[0]);
                        let digit = scalar.halves[half][place];
                        let [first, second] = &table[usize::from(digit.unsigned_abs())];
                        (xy[lane], zz[lane]) = (&first[lane], &second[lane]);
                        negative |= u8::from(digit < 0) << lane;
                    }
                    let (x, y) = B::Fq::read(xy);
                    let (z, _) = B::Fq::read(zz);
                    let x = if half == 1 { x.mul(beta) } else { x };
                    sum = sum.add(Point { x, y: y.negate_where(negative), z });
                }
            }
            let (x, y, z) = sum.to_jacobian();
            let (x, y, z) = (x.to_field(), y.to_field(), z.to_field());
            for lane in 0..points.len() {
                out.push(G1Projective::new_unchecked(x[lane], y[lane], z[lane]));
            }
        }
        out
    }
}
