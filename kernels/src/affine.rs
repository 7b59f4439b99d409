//! Many affine additions and doublings at once, with one inversion for thousands of them (Montgomery's
//! trick): 6 products for an addition, where projective ones take 11 and more.

// One index runs through the vectors of a group.
#![allow(clippy::needless_range_loop)]

use crate::coordinate::{Coordinate, Group, Stored, inverses};
use crate::lanes::{Backend, LANES};
use ark_ec::{AffineRepr, CurveGroup};
use std::array::from_fn;

/// Vectors that share an inversion. More would save little and leave the cache.
const VECTORS: usize = 384;
/// Independent chains of products, so that one need not wait for the other.
const CHAINS: usize = 4;

/// A summand: an index into the source and a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summand(u32);

impl Summand {
    /// `P[index]`, or its opposite. At most 2^31 points.
    #[inline(always)]
    pub fn new(index: usize, negative: bool) -> Summand {
        debug_assert!(index < 1 << 31);
        Summand((index as u32) << 1 | u32::from(negative))
    }
    #[inline(always)]
    pub(crate) fn index(self) -> usize {
        (self.0 >> 1) as usize
    }
    #[inline(always)]
    pub(crate) fn negative(self) -> bool {
        self.0 & 1 == 1
    }
}

/// `left + right`, to be put at `to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addition {
    pub left: Summand,
    pub right: Summand,
    pub to: u32,
}

/// What the additions of a chunk leave behind between the two passes.
pub(crate) struct Scratch<C> {
    rows: Vec<[C; 5]>,
    again: Vec<Addition>,
}

impl<C> Scratch<C> {
    pub fn new() -> Scratch<C> {
        Scratch { rows: Vec::with_capacity(VECTORS), again: Vec::new() }
    }
}

/// Carries out additions; without `SIGNED` no summand is negative. Where the sum is infinity nothing is written, and `to` is put into `holes`.
#[inline(always)]
pub(crate) fn add_all<G: Group, B: Backend, const SIGNED: bool>(
    source: &[G::Stored],
    additions: &[Addition],
    target: &mut [G::Stored],
    scratch: &mut Scratch<G::Coordinate<B>>,
    holes: &mut Vec<u32>,
) {
    for chunk in additions.chunks(VECTORS * LANES) {
        if add_chunk::<G, B, SIGNED>(source, chunk, target, scratch) {
            continue;
        }
        // Somewhere the two have one x: equal or opposite points. They are done one by one, the others again.
        let mut again = std::mem::take(&mut scratch.again);
        again.clear();
        for addition in chunk {
            let left = read_one::<G, B>(source, addition.left);
            let right = read_one::<G, B>(source, addition.right);
            if left.x() != right.x() {
                again.push(*addition);
                continue;
            }
            let sum = (left.into_group() + right).into_affine();
            match stored::<G, B>(sum) {
                Some(point) => target[addition.to as usize] = point,
                None => holes.push(addition.to),
            }
        }
        let held = add_chunk::<G, B, SIGNED>(source, &again, target, scratch);
        debug_assert!(held, "equal abscissas are gone");
        scratch.again = again;
    }
}

/// One inversion for the whole chunk. False, and nothing of use written, if two summands have one x.
///
/// Vectors go in groups of [`CHAINS`]; within a group each step is done for all of them before the next, so that
/// there is always a product that need not wait for another.
#[inline(always)]
fn add_chunk<G: Group, B: Backend, const SIGNED: bool>(
    source: &[G::Stored],
    additions: &[Addition],
    target: &mut [G::Stored],
    scratch: &mut Scratch<G::Coordinate<B>>,
) -> bool {
    type C<G, B> = <G as Group>::Coordinate<B>;
    let Some(last) = additions.last() else { return true };
    let one = C::<G, B>::from_base([num_one::<G>(); LANES]);
    let mut products = [one; CHAINS];
    let groups = additions.len().div_ceil(CHAINS * LANES);
    if scratch.rows.len() < groups * CHAINS {
        scratch.rows.resize(groups * CHAINS, [one; 5]);
    }
    for (n, group) in additions.chunks(CHAINS * LANES).enumerate() {
        for ahead in additions.iter().skip(CHAINS * LANES * (n + 1)).take(CHAINS * LANES) {
            for summand in [ahead.left, ahead.right] {
                B::prefetch(&source[summand.index()]);
            }
        }
        let mut steps = [one; CHAINS];
        for chain in 0..CHAINS {
            let eight: [Addition; LANES] = from_fn(|lane| *group.get(chain * LANES + lane).unwrap_or(last));
            let (x1, y1) = read_eight::<G, B, SIGNED>(source, eight.map(|a| a.left));
            let (x2, y2) = read_eight::<G, B, SIGNED>(source, eight.map(|a| a.right));
            steps[chain] = x2.sub(x1);
            // Field by field: a row is too long to be built elsewhere and moved.
            let row = &mut scratch.rows[n * CHAINS + chain];
            row[0] = x1;
            row[1] = y1;
            row[2] = x2;
            row[3] = y2;
            row[4] = products[chain];
        }
        for chain in 0..CHAINS {
            products[chain] = products[chain].mul(steps[chain]);
        }
    }
    let Some(mut inverse) = inverses(products) else { return false };
    for (group, rows) in
        additions.chunks(CHAINS * LANES).zip(scratch.rows[..groups * CHAINS].chunks_exact(CHAINS)).rev()
    {
        let mut slopes = [one; CHAINS];
        for chain in 0..CHAINS {
            slopes[chain] = inverse[chain].mul(rows[chain][4]);
        }
        for chain in 0..CHAINS {
            let [x1, y1, x2, y2, _] = rows[chain];
            inverse[chain] = inverse[chain].mul(x2.sub(x1));
            slopes[chain] = slopes[chain].mul(y2.sub(y1));
        }
        let mut xs = [one; CHAINS];
        for chain in 0..CHAINS {
            xs[chain] = slopes[chain].square().sub(rows[chain][0]).sub(rows[chain][2]);
        }
        for chain in 0..CHAINS {
            let [x1, y1, ..] = rows[chain];
            let y = slopes[chain].mul(x1.sub(xs[chain])).sub(y1);
            let points = C::<G, B>::write(xs[chain], y);
            for (addition, point) in group.iter().skip(chain * LANES).zip(points) {
                target[addition.to as usize] = point;
            }
        }
    }
    true
}

/// Doubles every point, in reduced form. No point of BN254's groups has order two, so y is never zero.
#[inline(always)]
pub(crate) fn double_all<G: Group, B: Backend>(
    points: &mut [G::Stored],
    scratch: &mut Scratch<G::Coordinate<B>>,
) {
    type C<G, B> = <G as Group>::Coordinate<B>;
    let one = C::<G, B>::from_base([num_one::<G>(); LANES]);
    for chunk in points.chunks_mut(VECTORS * LANES) {
        let mut products = [one; CHAINS];
        scratch.rows.clear();
        for group in chunk.chunks(CHAINS * LANES) {
            for chain in 0..CHAINS {
                let (x, y) =
                    C::<G, B>::read(from_fn(|lane| group.get(chain * LANES + lane).unwrap_or(&group[0])));
                scratch.rows.push([x, y, y.add(y), products[chain], y]);
            }
            for (product, row) in products.iter_mut().zip(scratch.rows.iter().rev().take(CHAINS).rev()) {
                *product = product.mul(row[2]);
            }
        }
        let Some(mut inverse) = inverses(products) else {
            debug_assert!(false, "a point of order two");
            return;
        };
        for (group, rows) in chunk.chunks_mut(CHAINS * LANES).zip(scratch.rows.chunks_exact(CHAINS)).rev() {
            let mut slopes = [one; CHAINS];
            for chain in 0..CHAINS {
                slopes[chain] = inverse[chain].mul(rows[chain][3]);
            }
            for chain in 0..CHAINS {
                let square = rows[chain][0].square();
                inverse[chain] = inverse[chain].mul(rows[chain][2]);
                slopes[chain] = slopes[chain].mul(square.add(square).add(square));
            }
            for chain in 0..CHAINS {
                let [x1, y1, ..] = rows[chain];
                let x = slopes[chain].square().sub(x1).sub(x1);
                let y = slopes[chain].mul(x1.sub(x)).sub(y1);
                let doubled = C::<G, B>::write(x.reduced(), y.reduced());
                group.iter_mut().skip(chain * LANES).zip(doubled).for_each(|(point, double)| *point = double);
            }
        }
    }
}

fn num_one<G: Group>() -> G::Base {
    <G::Base as ark_ff::Field>::ONE
}

#[inline(always)]
fn read_eight<G: Group, B: Backend, const SIGNED: bool>(
    source: &[G::Stored],
    summands: [Summand; LANES],
) -> (G::Coordinate<B>, G::Coordinate<B>) {
    let (x, y) = G::Coordinate::<B>::read(summands.map(|s| &source[s.index()]));
    if !SIGNED {
        return (x, y);
    }
    let signs = summands.iter().rev().fold(0u8, |signs, s| signs << 1 | u8::from(s.negative()));
    (x, y.negate_where(signs))
}

/// One summand as ark's point.
#[inline(always)]
fn read_one<G: Group, B: Backend>(source: &[G::Stored], summand: Summand) -> G::Affine {
    let (x, y) = read_eight::<G, B, true>(source, [summand; LANES]);
    G::point(x.to_base()[0], y.to_base()[0])
}

/// ark's point in this backend's form; `None` for infinity.
#[inline(always)]
pub(crate) fn stored<G: Group, B: Backend>(point: G::Affine) -> Option<G::Stored> {
    let (x, y) = point.xy()?;
    let (x, y) = (G::Coordinate::<B>::from_base([x; LANES]), G::Coordinate::<B>::from_base([y; LANES]));
    let [first, ..] = G::Coordinate::<B>::write(x.reduced(), y.reduced());
    Some(first)
}

/// Many of ark's points, none of them infinity, in this backend's form.
#[inline(always)]
pub(crate) fn stored_all<G: Group, B: Backend>(points: &[G::Affine]) -> Vec<G::Stored> {
    let mut out = Vec::with_capacity(points.len());
    for eight in points.chunks(LANES) {
        let coordinate = |lane: usize| eight.get(lane).unwrap_or(&eight[0]).xy().unwrap_or_default();
        let x = G::Coordinate::<B>::from_base(from_fn(|lane| coordinate(lane).0)).reduced();
        let y = G::Coordinate::<B>::from_base(from_fn(|lane| coordinate(lane).1)).reduced();
        out.extend(G::Coordinate::<B>::write(x, y).into_iter().take(eight.len()));
    }
    out
}

/// Points back to ark's.
#[inline(always)]
pub(crate) fn affine_all<G: Group, B: Backend>(points: &[G::Stored]) -> Vec<G::Affine> {
    let mut out = Vec::with_capacity(points.len());
    for eight in points.chunks(LANES) {
        let (x, y) = G::Coordinate::<B>::read(from_fn(|lane| eight.get(lane).unwrap_or(&eight[0])));
        let points = x.to_base().into_iter().zip(y.to_base()).map(|(x, y)| G::point(x, y));
        out.extend(points.take(eight.len()));
    }
    out
}

/// The summand as a point, for buckets with a single one.
#[inline(always)]
pub(crate) fn copy<P: Stored>(source: &[P], summand: Summand) -> P {
    let point = source[summand.index()];
    if summand.negative() { point.negated() } else { point }
}
