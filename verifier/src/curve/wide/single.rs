//! The pairing of a single proof in lanes. All lines are there before the loop begins: those of a step are multiplied
//! first, eight steps with each instruction, so that the loop has one product for each step.

use super::alone::{Eight, walk_alone};
use super::flat::{Flat, Packed};
use super::run;
use super::walk::steps;
use crate::curve::fe::Fe;
use crate::curve::fe12::{Fe12, final_power};
use crate::curve::g2::Line;
use crate::curve::point::{G1, G2, Jacobian};
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
        let machine = Machine::current();
        if machine == Machine::portable() { None } else { Fixed::on(machine, lines) }
    }

    /// On a machine of one's choice: for comparisons.
    pub(crate) fn on(machine: Machine, lines: &[[Line; 2]]) -> Option<Fixed> {
        Some(Fixed { machine, steps: run(machine, Enter(lines))? })
    }

    /// The lines of B; `None` if it is not in the subgroup.
    pub(crate) fn walk(&self, b: G2) -> Option<Vec<Eight>> {
        walk_alone(self.machine, b)
    }

    /// `e(A, B) · e(P₁, Q₁) · e(P₂, Q₂)` with B's lines and the fixed `Q`. `None` only for a product that is 0, which
    /// lines never make.
    pub(crate) fn pairing(&self, a: G1, of_b: &[Eight], at: [Jacobian<Fe>; 2]) -> Option<Fe12> {
        let f = Packed::out_of(self.machine, Loop { fixed: self, a, of_b, at });
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
    of_b: &'a [Eight],
    at: [Jacobian<Fe>; 2],
}

impl Task for Loop<'_> {
    type Out = Packed;

    #[inline(always)]
    fn run<B: Backend>(self) -> Packed {
        let [ax, ay] = splat::<B::Fq>([self.a.x, self.a.y]);
        // A line times y: y + (slope·(−x) + shift·v)·w, or Y + (slope·(−XZ) + shift·Z³·v)·w at (X/Z², Y/Z³). Each times
        // the other's Y. At infinity the line is 1: there Y must not be 0.
        let [p, q] = self.at.map(|p| if p.z.is_zero() { Jacobian::INFINITY } else { p });
        let [first, second] =
            [(p, q.y), (q, p.y)].map(|(p, y)| [p.x.mul(p.z).mul(y).neg(), p.z.square().mul(p.z).mul(y)]);
        let (first, second) = (splat::<B::Fq>(first), splat::<B::Fq>(second));
        let [both, square] = splat::<B::Fq>([p.y.mul(q.y), p.y.mul(q.y).square()]);
        let mut steps = steps().into_iter();
        let mut f = Flat::<B::Fq>::one();
        for ([l0, l1, l2], [c, d]) in self.of_b.iter().zip(&self.fixed.steps) {
            let line = [Flat::read(l0).scaled(ay), Flat::read(l1).scaled(ax), Flat::read(l2)];
            for product in products(line, evaluated(c, first), evaluated(d, second), both, square) {
                let Some(step) = steps.next() else { break };
                if step.square {
                    f = f.square();
                }
                f = f.mul(product);
            }
        }
        f.write(self.fixed.machine)
    }
}

#[inline(always)]
fn splat<L: Lanes<Fq>>([a, b]: [Fe; 2]) -> [L; 2] {
    [L::splat(a.to_ark()), L::splat(b.to_ark())]
}

/// `c1` and `c2` of eight lines `n + (c1 + c2·v)·w`.
#[inline(always)]
fn evaluated<L: Slack<Fq>>([a, b, c, d]: &[Block; 4], [x, y]: [L; 2]) -> [Flat<L>; 2] {
    let slope = Flat { re: L::from_block(a), im: L::from_block(b) };
    let shift = Flat { re: L::from_block(c), im: L::from_block(d) };
    [slope.scaled(x), shift.scaled(y)]
}

/// Eight steps' products, a step in each lane: `(b0 + (b1 + b2·v)·w)` times
/// `(n + (c1 + c2·v)·w)·(n + (d1 + d2·v)·w) = n² + v·(c1 + c2·v)(d1 + d2·v) + n·(c1 + d1 + (c2 + d2)·v)·w`.
#[inline(always)]
fn products<L: Slack<Fq>>(
    [b0, b1, b2]: [Flat<L>; 3],
    [c1, c2]: [Flat<L>; 2],
    [d1, d2]: [Flat<L>; 2],
    n: L,
    square: L,
) -> [Flat<L>; LANES] {
    let (d1, d2) = (d1.factor(), d2.factor());
    let e0 = Flat::of_products([(c2, d2)]).times_xi();
    let e0 = Flat { re: e0.re.plus(square).settled::<0>(), im: e0.im };
    let e1 = Flat::of_products([(c1, d1)]);
    let e2 = Flat::of_products([(c1, d2), (c2, d1)]);
    let o0 = c1.plus(d1.value).settled::<0>().scaled(n);
    let o1 = c2.plus(d2.value).settled::<0>().scaled(n);
    let (xi_e2, xi_o1) = (e2.times_xi(), o1.times_xi());
    // Three products of 4p · 4p at most.
    let (b0, b1, b2) = (b0.factor(), b1.factor(), b2.factor());
    let each = [
        Flat::of_products([(e0, b0), (xi_o1, b2)]),
        Flat::of_products([(o0, b0), (e0, b1), (xi_e2, b2)]),
        Flat::of_products([(e1, b0), (o0, b1)]),
        Flat::of_products([(o1, b0), (e1, b1), (e0, b2)]),
        Flat::of_products([(e2, b0), (o1, b1), (o0, b2)]),
        Flat::of_products([(e2, b1), (e1, b2)]),
    ];
    Flat::transpose(&each)
}
