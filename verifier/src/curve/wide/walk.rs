//! The walk of a Miller loop through the twist, eight points with each instruction: [`super::super::g2::walk`] in lanes.

use super::tower::Two;
use super::{Points, inverse};
use crate::curve::fe::Fe;
use crate::curve::g2::{PSI_X, PSI_Y, STEPS, loop_digits};
use crate::curve::point::G2;
use ark_bn254::Fq;
use ark_ff::AdditiveGroup;
use veilpass_kernels::{LANES, Lanes};

/// What becomes of the lines on the way.
pub(super) trait Lines<L> {
    /// Before the lines of a further digit.
    fn square(&mut self);
    /// The line of the points of vector `n`.
    fn line(&mut self, n: usize, slope: Two<L>, shift: Two<L>);
}

/// Only the end of the walk counts.
pub(super) struct Unused;

impl<L> Lines<L> for Unused {
    #[inline(always)]
    fn square(&mut self) {}
    #[inline(always)]
    fn line(&mut self, _: usize, _: Two<L>, _: Two<L>) {}
}

/// Points of the twist in step.
struct Walk<L> {
    points: Vec<Points<Two<L>>>,
    before: Vec<L>,
    norms: Vec<L>,
}

impl<L: Lanes<Fq>> Walk<L> {
    /// Adds the others, or their opposites, or doubles if there are none.
    #[inline(always)]
    fn step<S: Lines<L>>(&mut self, others: &[Points<Two<L>>], negative: bool, lines: &mut S) -> Option<()> {
        let mut product = L::splat(Fe::ONE.to_ark());
        let mut next = others.iter();
        for ((p, before), norm) in self.points.iter().zip(&mut self.before).zip(&mut self.norms) {
            let below = match next.next() {
                Some(q) => q.x.sub(p.x),
                None => p.y.add(p.y),
            };
            *before = product;
            *norm = below.norm();
            product = product.mul(*norm);
        }
        let mut inverses = inverse(product)?;
        let mut next = others.iter().rev();
        let rest = self.before.iter().zip(&self.norms).enumerate();
        for (p, (n, (before, norm))) in self.points.iter_mut().zip(rest).rev() {
            let (below, above, other) = match next.next() {
                Some(q) => {
                    let y = if negative { q.y.neg() } else { q.y };
                    (q.x.sub(p.x), y.sub(p.y), Points { x: q.x, y })
                }
                None => {
                    let square = p.x.square();
                    (p.y.add(p.y), square.add(square).add(square), *p)
                }
            };
            let inverse = below.conjugate().scale(inverses.mul(*before));
            inverses = inverses.mul(*norm);
            let slope = above.mul(inverse);
            let shift = slope.mul(other.x).sub(other.y);
            lines.line(n, slope, shift);
            let x = slope.square().sub(p.x).sub(other.x);
            // slope·(x₀ − x) − y₀.
            *p = Points { x, y: shift.sub(slope.mul(x)) };
        }
        Some(())
    }
}

/// Walks the points through the loop; which of them are in the subgroup. `None` if two points met where the formulas do
/// not hold.
#[inline(always)]
pub(super) fn walk<L: Lanes<Fq>, S: Lines<L>>(
    points: Vec<Points<Two<L>>>,
    lines: &mut S,
) -> Option<Vec<bool>> {
    let zero = L::splat(Fq::ZERO);
    let (before, norms) = (vec![zero; points.len()], vec![zero; points.len()]);
    let mut walk = Walk { before, norms, points: points.clone() };
    // Q, ψ(Q), ψ²(Q), ψ³(Q).
    let mut images = vec![points];
    for _ in 0..3 {
        let next = psi(images.last()?);
        images.push(next);
    }
    for Step { square, image, negative } in steps() {
        if square {
            lines.square();
        }
        let others = image.and_then(|n| images.get(n)).map_or(&[][..], Vec::as_slice);
        walk.step(others, negative, lines)?;
    }
    let mut in_subgroup = Vec::with_capacity(walk.points.len() * LANES);
    for (end, third) in walk.points.iter().zip(images.last()?) {
        // End = −ψ³(Q): all four differences are 0.
        let (x, y) = (end.x.sub(third.x), end.y.add(third.y));
        let mut inside = [true; LANES];
        for difference in &[x.c0, x.c1, y.c0, y.c1] {
            for (inside, difference) in inside.iter_mut().zip(difference.to_field()) {
                *inside &= difference == Fq::ZERO;
            }
        }
        in_subgroup.extend(inside);
    }
    Some(in_subgroup)
}

/// Points of the twist, eight in each vector; the last is repeated where they end.
#[inline(always)]
pub(super) fn enter<L: Lanes<Fq>>(points: &[G2]) -> Vec<Points<Two<L>>> {
    let mut out = Vec::with_capacity(points.len().div_ceil(LANES));
    for eight in points.chunks(LANES) {
        let Some(last) = eight.last() else { continue };
        let mut four = [[Fq::ZERO; LANES]; 4];
        let [x0, x1, y0, y1] = &mut four;
        let lanes = x0.iter_mut().zip(x1).zip(y0.iter_mut().zip(y1));
        for (p, ((x0, x1), (y0, y1))) in eight.iter().chain(std::iter::repeat_n(last, LANES)).zip(lanes) {
            (*x0, *x1, *y0, *y1) = (p.x.c0.to_ark(), p.x.c1.to_ark(), p.y.c0.to_ark(), p.y.c1.to_ark());
        }
        let [x0, x1, y0, y1] = four;
        let x = Two { c0: L::from_field(x0), c1: L::from_field(x1) };
        out.push(Points { x, y: Two { c0: L::from_field(y0), c1: L::from_field(y1) } });
    }
    out
}

#[inline(always)]
fn psi<L: Lanes<Fq>>(q: &[Points<Two<L>>]) -> Vec<Points<Two<L>>> {
    let (psi_x, psi_y) = (Two::splat(PSI_X), Two::splat(PSI_Y));
    let mut out = Vec::with_capacity(q.len());
    for q in q {
        out.push(Points { x: q.x.conjugate().mul(psi_x), y: q.y.conjugate().mul(psi_y) });
    }
    out
}

/// A step of the loop: whether the product is squared before, and which image under ψ is added; none to double.
pub(super) struct Step {
    pub(super) square: bool,
    pub(super) image: Option<usize>,
    pub(super) negative: bool,
}

pub(super) fn steps() -> Vec<Step> {
    let mut steps = Vec::with_capacity(STEPS);
    for (n, digit) in loop_digits().enumerate() {
        steps.push(Step { square: n > 0, image: None, negative: false });
        if digit != 0 {
            steps.push(Step { square: false, image: Some(0), negative: digit < 0 });
        }
    }
    steps.push(Step { square: false, image: Some(1), negative: false });
    steps.push(Step { square: false, image: Some(2), negative: true });
    steps
}
