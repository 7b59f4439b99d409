//! Random weights of a batch, eight points with each instruction.

use super::{Pair, Points, inverse};
use crate::curve::fe::Fe;
use crate::curve::g1::BETA;
use ark_bn254::Fq;
use ark_ff::AdditiveGroup;
use veilpass_kernels::{LANES, Lanes, Line};

/// Points of G1 in step, as [`crate::curve::point::Many`].
struct Many1<L> {
    points: Vec<Points<L>>,
    before: Vec<L>,
}

impl<L: Lanes<Fq>> Many1<L> {
    /// Adds the others, or doubles if there are none. Each is spelled once in the task: what is inlined twice is compiled
    /// twice, for each machine.
    #[inline(always)]
    fn step(&mut self, others: &[Points<L>]) -> Option<()> {
        let mut product = L::splat(Fe::ONE.to_ark());
        let mut next = others.iter();
        for (p, before) in self.points.iter().zip(&mut self.before) {
            *before = product;
            product = product.mul(match next.next() {
                Some(q) => q.x.sub(p.x),
                None => p.y.add(p.y),
            });
        }
        let mut inverses = inverse(product)?;
        let mut next = others.iter().rev();
        for (p, before) in self.points.iter_mut().zip(&self.before).rev() {
            let (below, above, other) = match next.next() {
                Some(q) => (q.x.sub(p.x), q.y.sub(p.y), q.x),
                None => {
                    let square = p.x.mul(p.x);
                    (p.y.add(p.y), square.add(square).add(square), p.x)
                }
            };
            let slope = above.mul(inverses.mul(*before));
            inverses = inverses.mul(below);
            let x = slope.mul(slope).sub(p.x).sub(other);
            *p = Points { x, y: slope.mul(p.x.sub(x)).sub(p.y) };
        }
        Some(())
    }
}

/// A step of the weights' multiplication.
#[derive(Clone, Copy)]
enum Weighing {
    /// `2A`, to be kept.
    Twice,
    /// The odd multiple `2n + 1`, to be kept.
    Multiple(usize),
    /// The highest digit, with which the sum begins.
    Begin,
    Double,
    /// The digit at this place of this half.
    Digit(u32, u32),
}

fn weighings() -> Vec<Weighing> {
    let mut steps = vec![Weighing::Twice];
    steps.extend((1..8).map(Weighing::Multiple));
    steps.extend([Weighing::Begin, Weighing::Digit(15, 1)]);
    for place in (0..15).rev() {
        steps.extend([Weighing::Double; 4]);
        steps.extend([Weighing::Digit(place, 0), Weighing::Digit(place, 1)]);
    }
    steps
}

/// `(−x/y, 1/y)` of `cᵢ·Aᵢ`, or `(0, 0)` of those that do not count.
#[inline(always)]
pub(super) fn weigh<L: Lanes<Fq>>(vectors: &[[Pair; LANES]]) -> Option<Vec<Points<L>>> {
    let mut once = Vec::with_capacity(vectors.len());
    for v in vectors {
        let x = L::from_field(v.map(|p| p.a.x.to_ark()));
        once.push(Points { x, y: L::from_field(v.map(|p| p.a.y.to_ark())) });
    }
    let zero = L::splat(Fq::ZERO);
    let beta = L::splat(BETA.to_ark());
    let mut sum = Many1 { before: vec![zero; once.len()], points: once.clone() };
    // Lines of the odd multiples, 1 to 15, of each point.
    let mut multiples = vec![[[Line::default(); LANES]; 8]; once.len()];
    let mut others: Vec<Points<L>> = Vec::new();
    for weighing in weighings() {
        match weighing {
            Weighing::Twice | Weighing::Double => others.clear(),
            Weighing::Multiple(_) => {}
            Weighing::Begin | Weighing::Digit(..) => {
                let (place, half) =
                    if let Weighing::Digit(place, half) = weighing { (place, half) } else { (15, 0) };
                others.clear();
                for (v, lines) in vectors.iter().zip(&multiples) {
                    let (chosen, negative) = choose(v, lines, place, half);
                    let (x, y) = L::read(chosen);
                    let x = if half == 1 { x.mul(beta) } else { x };
                    others.push(Points { x, y: y.negate_where(negative) });
                }
            }
        }
        if let Weighing::Begin = weighing {
            sum.points.copy_from_slice(&others);
            continue;
        }
        sum.step(&others)?;
        let multiple = match weighing {
            Weighing::Twice => {
                others.extend_from_slice(&sum.points);
                sum.points.copy_from_slice(&once);
                0
            }
            Weighing::Multiple(n) => n,
            _ => continue,
        };
        for (of_vector, p) in multiples.iter_mut().zip(&sum.points) {
            if let Some(lines) = of_vector.get_mut(multiple) {
                *lines = L::write(p.x, p.y);
            }
        }
    }
    let mut product = L::splat(Fe::ONE.to_ark());
    for (p, before) in sum.points.iter().zip(&mut sum.before) {
        *before = product;
        product = product.mul(p.y);
    }
    let mut inverses = inverse(product)?;
    for ((p, before), v) in sum.points.iter_mut().zip(&sum.before).zip(vectors).rev() {
        let counts = L::from_field(v.map(|p| if p.counts { Fe::ONE.to_ark() } else { Fq::ZERO }));
        let y = inverses.mul(*before);
        inverses = inverses.mul(p.y);
        let y = y.mul(counts);
        *p = Points { x: p.x.mul(y).negate_where(0xff), y };
    }
    Some(sum.points)
}

/// The line of each lane's digit, and the lanes whose digit is negative.
#[inline(always)]
fn choose<'a>(
    pairs: &[Pair; LANES],
    multiples: &'a [[Line; LANES]; 8],
    place: u32,
    half: u32,
) -> ([&'a Line; LANES], u8) {
    let [first, ..] = multiples;
    let mut chosen = first.each_ref();
    let mut negative = 0u8;
    for (lane, (chosen, pair)) in chosen.iter_mut().zip(pairs).enumerate() {
        let (multiple, minus) = pair.weight.digit(place, half);
        if let Some(line) = multiples.get(multiple).and_then(|lines| lines.get(lane)) {
            *chosen = line;
        }
        negative |= u8::from(minus) << lane;
    }
    (chosen, negative)
}
