//! Many affine additions and doublings at once, with one inversion for thousands of them (Montgomery's
//! trick): 6 products for an addition, where projective ones take 11 and more.

// One index runs through the vectors of a group.
#![allow(clippy::needless_range_loop)]

use crate::coordinate::{Coordinate, Group, Stored, inverses};
use crate::lanes::{Backend, Block, LANES};
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
#[derive(Default)]
pub(crate) struct Scratch {
    /// Five coordinates for each vector, [`FIELDS`].
    rows: Vec<Block>,
    again: Vec<Addition>,
}

/// Coordinates that are kept of each vector.
const FIELDS: usize = 5;

impl Scratch {
    /// Room for so many vectors.
    #[inline(always)]
    fn rows<C: Coordinate>(&mut self, vectors: usize) -> &mut [Block] {
        let blocks = vectors * FIELDS * C::BLOCKS;
        if self.rows.len() < blocks {
            self.rows.resize(blocks, Block::default());
        }
        &mut self.rows[..blocks]
    }
}

/// Keeps a coordinate of a vector.
#[inline(always)]
fn keep<C: Coordinate>(rows: &mut [Block], vector: usize, field: usize, x: C) {
    x.store(&mut rows[(vector * FIELDS + field) * C::BLOCKS..][..C::BLOCKS]);
}

/// A coordinate of a vector that was kept.
#[inline(always)]
fn kept<C: Coordinate>(rows: &[Block], vector: usize, field: usize) -> C {
    C::load(&rows[(vector * FIELDS + field) * C::BLOCKS..][..C::BLOCKS])
}

/// Carries out additions. Of `source` and with signs, or, without `FOREIGN`, of the target itself: then no sum may go
/// where a later addition still has a summand. Where the sum is infinity nothing is written, and `to` is put into `holes`.
#[inline(always)]
pub(crate) fn add_all<G: Group, B: Backend, const FOREIGN: bool>(
    source: &[G::Stored],
    additions: &[Addition],
    target: &mut [G::Stored],
    scratch: &mut Scratch,
    holes: &mut Vec<u32>,
) {
    for chunk in additions.chunks(VECTORS * LANES) {
        if add_chunk::<G, B, FOREIGN>(source, chunk, target, scratch) {
            continue;
        }
        // Somewhere the two have one x: equal or opposite points. They are done one by one, the others again; all
        // summands are read before anything is written.
        let mut again = std::mem::take(&mut scratch.again);
        again.clear();
        let mut alone = Vec::new();
        for addition in chunk {
            let from: &[G::Stored] = if FOREIGN { source } else { target };
            let left = read_one::<G, B>(from, addition.left);
            let right = read_one::<G, B>(from, addition.right);
            if left.x() != right.x() {
                again.push(*addition);
                continue;
            }
            let sum = (left.into_group() + right).into_affine();
            match stored::<G, B>(sum) {
                Some(point) => alone.push((addition.to, point)),
                None => holes.push(addition.to),
            }
        }
        let held = add_chunk::<G, B, FOREIGN>(source, &again, target, scratch);
        debug_assert!(held, "equal abscissas are gone");
        for (to, point) in alone {
            target[to as usize] = point;
        }
        scratch.again = again;
    }
}

/// One inversion for the whole chunk. False, and nothing of use written, if two summands have one x.
///
/// Vectors go in groups of [`CHAINS`]; within a group each step is done for all of them before the next, so that
/// there is always a product that need not wait for another.
#[inline(always)]
fn add_chunk<G: Group, B: Backend, const FOREIGN: bool>(
    source: &[G::Stored],
    additions: &[Addition],
    target: &mut [G::Stored],
    scratch: &mut Scratch,
) -> bool {
    type C<G, B> = <G as Group>::Coordinate<B>;
    let Some(last) = additions.last() else { return true };
    let one = C::<G, B>::from_base([num_one::<G>(); LANES]);
    let mut products = [one; CHAINS];
    let groups = additions.len().div_ceil(CHAINS * LANES);
    let rows = scratch.rows::<C<G, B>>(groups * CHAINS);
    let from: &[G::Stored] = if FOREIGN { source } else { target };
    for (n, group) in additions.chunks(CHAINS * LANES).enumerate() {
        for ahead in additions.iter().skip(CHAINS * LANES * (n + 1)).take(CHAINS * LANES) {
            for summand in [ahead.left, ahead.right] {
                B::prefetch(&from[summand.index()]);
            }
        }
        let mut steps = [one; CHAINS];
        for chain in 0..CHAINS {
            let eight: [Addition; LANES] = from_fn(|lane| *group.get(chain * LANES + lane).unwrap_or(last));
            let (x1, y1) = read_eight::<G, B, FOREIGN>(from, eight.map(|a| a.left));
            let (x2, y2) = read_eight::<G, B, FOREIGN>(from, eight.map(|a| a.right));
            steps[chain] = x2.sub(x1);
            let vector = n * CHAINS + chain;
            keep(rows, vector, 0, x1);
            keep(rows, vector, 1, y1);
            keep(rows, vector, 2, x2);
            keep(rows, vector, 3, y2);
            keep(rows, vector, 4, products[chain]);
        }
        for chain in 0..CHAINS {
            products[chain] = products[chain].mul(steps[chain]);
        }
    }
    let Some(mut inverse) = inverses(products) else { return false };
    for (group, rows) in
        additions.chunks(CHAINS * LANES).zip(rows.chunks_exact(CHAINS * FIELDS * C::<G, B>::BLOCKS)).rev()
    {
        let mut slopes = [one; CHAINS];
        for chain in 0..CHAINS {
            slopes[chain] = inverse[chain].mul(kept(rows, chain, 4));
        }
        for chain in 0..CHAINS {
            let (x1, y1): (C<G, B>, C<G, B>) = (kept(rows, chain, 0), kept(rows, chain, 1));
            let (x2, y2): (C<G, B>, C<G, B>) = (kept(rows, chain, 2), kept(rows, chain, 3));
            inverse[chain] = inverse[chain].mul(x2.sub(x1));
            slopes[chain] = slopes[chain].mul(y2.sub(y1));
        }
        let mut xs = [one; CHAINS];
        for chain in 0..CHAINS {
            xs[chain] = slopes[chain].square().sub(kept(rows, chain, 0)).sub(kept(rows, chain, 2));
        }
        for chain in 0..CHAINS {
            let (x1, y1): (C<G, B>, C<G, B>) = (kept(rows, chain, 0), kept(rows, chain, 1));
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
pub(crate) fn double_all<G: Group, B: Backend>(points: &mut [G::Stored], scratch: &mut Scratch) {
    type C<G, B> = <G as Group>::Coordinate<B>;
    let one = C::<G, B>::from_base([num_one::<G>(); LANES]);
    for chunk in points.chunks_mut(VECTORS * LANES) {
        let mut products = [one; CHAINS];
        let rows = scratch.rows::<C<G, B>>(chunk.len().div_ceil(CHAINS * LANES) * CHAINS);
        for (n, group) in chunk.chunks(CHAINS * LANES).enumerate() {
            let mut twice = [one; CHAINS];
            for chain in 0..CHAINS {
                let (x, y) =
                    C::<G, B>::read(from_fn(|lane| group.get(chain * LANES + lane).unwrap_or(&group[0])));
                twice[chain] = y.add(y);
                let vector = n * CHAINS + chain;
                keep(rows, vector, 0, x);
                keep(rows, vector, 1, y);
                keep(rows, vector, 2, twice[chain]);
                keep(rows, vector, 3, products[chain]);
            }
            for chain in 0..CHAINS {
                products[chain] = products[chain].mul(twice[chain]);
            }
        }
        let Some(mut inverse) = inverses(products) else {
            debug_assert!(false, "a point of order two");
            return;
        };
        let rows = rows.chunks_exact(CHAINS * FIELDS * C::<G, B>::BLOCKS);
        for (group, rows) in chunk.chunks_mut(CHAINS * LANES).zip(rows).rev() {
            let mut slopes = [one; CHAINS];
            for chain in 0..CHAINS {
                slopes[chain] = inverse[chain].mul(kept(rows, chain, 3));
            }
            for chain in 0..CHAINS {
                let square = kept::<C<G, B>>(rows, chain, 0).square();
                inverse[chain] = inverse[chain].mul(kept(rows, chain, 2));
                slopes[chain] = slopes[chain].mul(square.add(square).add(square));
            }
            for chain in 0..CHAINS {
                let (x1, y1): (C<G, B>, C<G, B>) = (kept(rows, chain, 0), kept(rows, chain, 1));
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
