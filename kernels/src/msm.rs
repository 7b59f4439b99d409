//! `Σ sᵢ·Pᵢ` for points that are known beforehand.
//!
//! Of every point its multiples by `2^(c·w)` are kept, so every digit of every scalar is one summand of one of
//! `2^(c−1)` buckets, and nothing is doubled when the scalars come. The buckets are summed by batched affine
//! additions, and their weighted sum is taken by rows and columns of a square: two more sums per bucket
//! instead of two projective additions.
//!
//! Source of the method: Pippenger's, with precomputation as in Brickell, Gordon, McCurley, Wilson, "Fast
//! exponentiation with precomputation" (EUROCRYPT '92); signed digits halve the buckets.

use crate::affine::{Scratch, Summand, affine_all, double_all, stored_all};
use crate::coordinate::Group;
use crate::lanes::{Backend, Machine, Task};
use crate::segments::{Room, Rooms, Segments, sums};
use ark_bn254::Fr;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInt, PrimeField};
use rayon::prelude::*;

/// Bytes of the summands that are added in one go: the sums of their pairs are half of it.
const PART_BYTES: usize = 2 << 19;

/// Bits of a scalar.
const BITS: usize = 254;

/// Multiples of fixed points, for one machine.
pub struct FixedBases<G: Group> {
    machine: Machine,
    window: usize,
    windows: usize,
    /// `multiples[point · windows + w] = 2^(window·w) · P`.
    multiples: Vec<G::Stored>,
    rooms: Rooms,
    /// For each place that a scalar has, the number of its point; none for points at infinity.
    places: Vec<Option<u32>>,
}

type Projective<G> = <<G as Group>::Affine as AffineRepr>::Group;

impl<G: Group> FixedBases<G>
where
    G::Affine: AffineRepr<ScalarField = Fr>,
{
    /// Makes the table: 254 doublings for each point. `window` is the width of a digit, 2 to 15; sums are made in
    /// `rooms`, which several tables may share.
    pub fn new(machine: Machine, points: &[G::Affine], window: usize, rooms: &Rooms) -> FixedBases<G> {
        let window = window.clamp(2, 15);
        let windows = BITS.div_ceil(window) + usize::from(BITS.is_multiple_of(window));
        let mut places = Vec::with_capacity(points.len());
        let mut bases = Vec::with_capacity(points.len());
        for point in points {
            places.push((!point.is_zero()).then_some(bases.len() as u32));
            bases.extend((!point.is_zero()).then_some(*point));
        }
        let mut multiples = vec![G::Stored::default(); bases.len() * windows];
        let chunk = bases.len().div_ceil(8 * rayon::current_num_threads()).max(256);
        multiples.par_chunks_mut(chunk * windows).zip(bases.par_chunks(chunk)).for_each(
            |(multiples, bases)| G::multiples(machine, Multiples { bases, window, windows, multiples }),
        );
        FixedBases { machine, window, windows, multiples, rooms: rooms.clone(), places }
    }

    /// Number of scalars that [`FixedBases::sum`] takes.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.multiples) + size_of_val(&*self.places)
    }

    /// `Σ sᵢ·Pᵢ`; scalars that are missing count as zero, those beyond are not read.
    pub fn sum(&self, scalars: &[Fr]) -> Projective<G> {
        let buckets = 1usize << (self.window - 1);
        let (summands, ends) = self.sort(scalars, buckets);
        let ranges = self.split(&ends, summands.len());
        let parts: Vec<Segments<G::Stored>> = ranges
            .into_par_iter()
            .map(|(buckets, first)| {
                let last = buckets.last().map_or(first, |end| *end);
                let ends: Vec<u32> = buckets.iter().map(|end| end - first).collect();
                let summands = &summands[first as usize..last as usize];
                self.rooms.with(|room| {
                    G::sums(self.machine, Sums { source: &self.multiples, summands, ends: &ends, room })
                })
            })
            .collect();
        self.weighted(parts)
    }

    /// The digits of all scalars, sorted by bucket, and where each bucket ends.
    fn sort(&self, scalars: &[Fr], buckets: usize) -> (Vec<Summand>, Vec<u32>) {
        // For each multiple of the table its bucket and sign, if its digit is not zero.
        let mut digits = vec![NONE; self.multiples.len()];
        let mut ends = vec![0u32; buckets];
        let mut total = 0;
        for (place, scalar) in self.places.iter().zip(scalars) {
            let Some(point) = place else { continue };
            if *scalar == Fr::ZERO {
                continue;
            }
            let first = *point as usize * self.windows;
            let row = &mut digits[first..first + self.windows];
            write_digits(scalar.into_bigint(), self.window, row);
            for digit in row.iter().filter(|digit| **digit != NONE) {
                ends[(digit >> 1) as usize] += 1;
                total += 1;
            }
        }
        let mut before = 0;
        for end in &mut ends {
            (before, *end) = (before + *end, before);
        }
        let mut summands = vec![Summand::new(0, false); total];
        for (index, digit) in digits.into_iter().enumerate().filter(|(_, digit)| *digit != NONE) {
            let end = &mut ends[(digit >> 1) as usize];
            summands[*end as usize] = Summand::new(index, digit & 1 == 1);
            *end += 1;
        }
        (summands, ends)
    }

    /// Ranges of buckets with about equally many summands, with the place of the first.
    fn split<'a>(&self, ends: &'a [u32], summands: usize) -> Vec<(&'a [u32], u32)> {
        let part = PART_BYTES / size_of::<G::Stored>();
        let parts = summands.div_ceil(part).next_multiple_of(rayon::current_num_threads());
        let parts = if summands < part / 16 { 1 } else { parts };
        let mut ranges = Vec::with_capacity(parts);
        let (mut rest, mut first) = (ends, 0);
        for part in 1..=parts {
            let target = (summands * part / parts) as u32;
            let cut = if part == parts { rest.len() } else { rest.partition_point(|end| *end <= target) };
            let (range, tail) = rest.split_at(cut);
            ranges.push((range, first));
            first = range.last().copied().unwrap_or(first);
            rest = tail;
        }
        ranges
    }

    /// `Σ (i + 1) · bucket[i]`: with `i + 1 = high · side + low`, the sum of `high · side · row` and
    /// `low · column`.
    fn weighted(&self, parts: Vec<Segments<G::Stored>>) -> Projective<G> {
        let side = 1usize << self.window.div_ceil(2);
        let mut number = 0;
        let present = parts.iter().flat_map(|part| &part.present).map(|present| {
            number += usize::from(*present);
            present.then(|| Summand::new(number - 1, false))
        });
        let places: Vec<Option<Summand>> = std::iter::once(None).chain(present).collect();
        let mut points = Vec::with_capacity(number);
        parts.into_iter().for_each(|part| points.extend(part.points));
        let sums_of = |lines: Vec<Vec<Summand>>| {
            let ends = lines.iter().scan(0, |end, line| {
                *end += line.len() as u32;
                Some(*end)
            });
            let (ends, summands) = (ends.collect::<Vec<u32>>(), lines.concat());
            let sums = self.rooms.with(|room| {
                G::sums(self.machine, Sums { source: &points, summands: &summands, ends: &ends, room })
            });
            G::to_ark(self.machine, ToArk { segments: &sums })
        };
        let (rows, columns) = rayon::join(
            || sums_of(places.chunks(side).map(|row| row.iter().flatten().copied().collect()).collect()),
            || {
                let column = |first| places.iter().skip(first).step_by(side).flatten().copied().collect();
                sums_of((0..side).map(column).collect())
            },
        );
        let mut total = weighted::<G>(&rows);
        for _ in 0..side.trailing_zeros() {
            total.double_in_place();
        }
        total + weighted::<G>(&columns)
    }
}

/// `Σ i · P[i]`, running sums from behind.
fn weighted<G: Group>(points: &[G::Affine]) -> Projective<G> {
    let mut running = Projective::<G>::ZERO;
    let mut total = Projective::<G>::ZERO;
    for point in points.iter().skip(1).rev() {
        running += point;
        total += running;
    }
    total
}

/// A digit that is zero.
const NONE: u16 = u16::MAX;

/// Signed digits: `s = Σ d_w · 2^(window·w)` with `|d_w| ≤ 2^(window−1)`, each as `2·(|d| − 1)`, plus one if it is
/// negative.
#[inline(always)]
fn write_digits(scalar: BigInt<4>, window: usize, digits: &mut [u16]) {
    let [a, b, c, d] = scalar.0;
    let limbs = [a, b, c, d, 0, 0];
    let (mask, half) = ((1u64 << window) - 1, 1u64 << (window - 1));
    let mut carry = 0;
    for (w, digit) in digits.iter_mut().enumerate() {
        let at = w * window;
        let (limb, shift) = (at / 64, at % 64);
        let bits = limbs[limb] >> shift | limbs[limb + 1] << 1 << (63 - shift);
        let value = (bits & mask) + carry;
        carry = u64::from(value > half);
        let size = if value > half { mask + 1 - value } else { value };
        *digit = if size == 0 { NONE } else { ((2 * (size - 1)) | carry) as u16 };
    }
}

/// See [`FixedBases`].
#[doc(hidden)]
pub struct Multiples<'a, G: Group> {
    bases: &'a [G::Affine],
    window: usize,
    windows: usize,
    multiples: &'a mut [G::Stored],
}

impl<G: Group> Task for Multiples<'_, G> {
    type Out = ();
    #[inline(always)]
    fn run<B: Backend>(self) {
        let mut points = stored_all::<G, B>(self.bases);
        let mut scratch = Scratch::default();
        for w in 0..self.windows {
            for (row, point) in self.multiples.chunks_mut(self.windows).zip(&points) {
                row[w] = *point;
            }
            if w + 1 < self.windows {
                // No closure: it would not have the machine's instructions.
                for _ in 0..self.window {
                    double_all::<G, B>(&mut points, &mut scratch);
                }
            }
        }
    }
}

/// See [`FixedBases`].
#[doc(hidden)]
pub struct Sums<'a, G: Group> {
    source: &'a [G::Stored],
    summands: &'a [Summand],
    ends: &'a [u32],
    room: &'a mut Room,
}

impl<G: Group> Task for Sums<'_, G> {
    type Out = Segments<G::Stored>;
    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Out {
        sums::<G, B>(self.source, self.summands, self.ends, self.room)
    }
}

/// See [`FixedBases`].
#[doc(hidden)]
pub struct ToArk<'a, G: Group> {
    segments: &'a Segments<G::Stored>,
}

impl<G: Group> Task for ToArk<'_, G> {
    type Out = Vec<G::Affine>;
    #[inline(always)]
    fn run<B: Backend>(self) -> Vec<G::Affine> {
        let mut present = affine_all::<G, B>(&self.segments.points).into_iter();
        let zero = Projective::<G>::ZERO.into_affine();
        let points = self.segments.present.iter();
        points.map(|p| if *p { present.next().unwrap_or(zero) } else { zero }).collect()
    }
}
