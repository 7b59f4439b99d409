//! The pairing of a single proof in lanes. All lines are there before the loop begins: those of a step are multiplied
//! first, eight steps with each instruction, so that the loop has one product for each step.

use super::alone::walk_alone;
use super::flat::{Flat, Packed};
use super::tower::{Six, Twelve, Two};
use super::walk::steps;
use crate::curve::fe::Fe;
use crate::curve::fe2::Fe2;
use crate::curve::fe12::{Fe12, final_power};
use crate::curve::g1::At;
use crate::curve::g2::Line;
use crate::curve::point::{G1, G2};
use ark_bn254::Fq;
use ark_ff::AdditiveGroup;
use veilpass_kernels::{Backend, Block, LANES, Lanes, Machine, Slack, Task};

/// Two fixed points' lines: for eight steps the slopes and shifts of the one, then of the other, each with its real part
/// and its imaginary one.
#[derive(Debug)]
pub(crate) struct Fixed {
    machine: Machine,
    steps: Vec<[[Block; 4]; 2]>,
}

impl Fixed {
    /// Two lines for each step. `None` where the processor has no wide multipliers.
    pub(crate) fn of(lines: &[[Line; 2]]) -> Option<Fixed> {
        let machine = Machine::detect();
        (machine != Machine::portable()).then(|| Fixed::on(machine, lines))
    }

    pub(crate) fn on(machine: Machine, lines: &[[Line; 2]]) -> Fixed {
        Fixed { machine, steps: machine.run(Enter(lines)) }
    }

    /// `e(A, B) · e(P₁, Q₁) · e(P₂, Q₂)` with the fixed `Q`; `None` for infinity. Nothing comes out if B is not in the subgroup.
    pub(crate) fn pairing(&self, a: G1, b: G2, at: [Option<At>; 2]) -> Option<Fe12> {
        let f = self.machine.run(Loop { fixed: self, a, b, at })?;
        // A product of lines is never 0, and always has an inverse.
        let inverse = f.unpacked().inverse()?;
        Some(final_power(f, Packed::of(self.machine, inverse)).unpacked())
    }
}

struct Enter<'a>(&'a [[Line; 2]]);

impl Task for Enter<'_> {
    type Out = Vec<[[Block; 4]; 2]>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Out {
        let mut out = Vec::with_capacity(self.0.len().div_ceil(LANES));
        for eight in self.0.chunks(LANES) {
            let mut blocks = [[Block::default(); 4]; 2];
            for (point, blocks) in blocks.iter_mut().enumerate() {
                let mut parts = [[Fq::ZERO; LANES]; 4];
                for (lane, lines) in eight.iter().enumerate() {
                    let Some(line) = lines.get(point) else { continue };
                    let values = [line.slope.c0, line.slope.c1, line.shift.c0, line.shift.c1];
                    for (part, value) in parts.iter_mut().zip(values) {
                        if let Some(slot) = part.get_mut(lane) {
                            *slot = value.to_ark();
                        }
                    }
                }
                for (block, part) in blocks.iter_mut().zip(parts) {
                    *block = B::Fq::from_field(part).to_block();
                }
            }
            out.push(blocks);
        }
        out
    }
}

/// The Miller loop.
struct Loop<'a> {
    fixed: &'a Fixed,
    a: G1,
    b: G2,
    at: [Option<At>; 2],
}

impl Task for Loop<'_> {
    type Out = Option<Packed>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Packed> {
        let lines = walk_alone::<B::Fq>(self.b)?;
        let (ax, ay) = (B::Fq::splat(self.a.x.to_ark()), B::Fq::splat(self.a.y.to_ark()));
        // Where a point is infinity its lines are 1.
        let [first, second] = self.at.map(|at| at.unwrap_or(At { x: Fe::ZERO, y: Fe::ZERO }));
        let (first, second) = (evaluation::<B::Fq>(first), evaluation::<B::Fq>(second));
        let mut steps = steps().into_iter();
        let mut f = Flat::<B::Fq>::one();
        for (line, [c, d]) in lines.into_iter().zip(&self.fixed.steps) {
            let line = Six { c0: line.c0.scale(ay), c1: line.c1.scale(ax), c2: line.c2 };
            for product in products(line, evaluated(c, first), evaluated(d, second)) {
                let Some(step) = steps.next() else { break };
                if step.square {
                    f = f.square();
                }
                f = f.mul(product);
            }
        }
        Some(f.write(self.fixed.machine))
    }
}

#[inline(always)]
fn evaluation<L: Lanes<Fq>>(at: At) -> [L; 2] {
    [L::splat(at.x.to_ark()), L::splat(at.y.to_ark())]
}

/// `l1` and `l2` of the lines `1 + (l1 + l2·v)·w`.
#[inline(always)]
fn evaluated<L: Lanes<Fq>>([a, b, c, d]: &[Block; 4], [x, y]: [L; 2]) -> [Two<L>; 2] {
    let slope = Two { c0: L::from_block(a), c1: L::from_block(b) };
    let shift = Two { c0: L::from_block(c), c1: L::from_block(d) };
    [slope.scale(x), shift.scale(y)]
}

/// Eight steps' products `(b0 + (b1 + b2·v)·w)·(1 + (c1 + c2·v)·w)·(1 + (d1 + d2·v)·w)`.
#[inline(always)]
fn products<L: Slack<Fq>>(b: Six<L>, [c1, c2]: [Two<L>; 2], [d1, d2]: [Two<L>; 2]) -> [Flat<L>; LANES] {
    let zero = L::splat(Fq::ZERO);
    let none = Two { c0: zero, c1: zero };
    // The two monic ones: (1 + v·cd) + (c + d)·w.
    let cd = Six { c0: c1, c1: c2, c2: none }.mul_by_01(d1, d2).times_v();
    let even = Six { c0: cd.c0.add(Two::splat(Fe2::ONE)), ..cd };
    let odd = Six { c0: c1.add(d1), c1: c2.add(d2), c2: none };
    let f = Twelve { c0: even, c1: odd }.mul_by_line(b.c0, b.c1, b.c2);
    let each = [f.c0.c0, f.c1.c0, f.c0.c1, f.c1.c1, f.c0.c2, f.c1.c2, none, none];
    let (mut re, mut im) = ([zero; LANES], [zero; LANES]);
    for ((re, im), c) in re.iter_mut().zip(&mut im).zip(each) {
        (*re, *im) = (c.c0, c.c1);
    }
    let (re, im) = (L::transpose(re), L::transpose(im));
    let mut out = [Flat { re: zero, im: zero }; LANES];
    for (out, (re, im)) in out.iter_mut().zip(re.into_iter().zip(im)) {
        *out = Flat { re, im };
    }
    out
}
