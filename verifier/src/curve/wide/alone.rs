//! The walk of one point through a Miller loop, in lanes: what a step multiplies at the same time lies side by side.
//! [`super::super::g2::walk_one`] is the same with one product after the other.
//!
//! Homogeneous coordinates with a fourth one, `V = 3b′Z`, which spares each doubling the product with `3b′`.

use super::flat::{Flat, Packed};
use super::run;
use super::walk::{Step, steps};
use crate::curve::fe2::Fe2;
use crate::curve::g2::{self, STEPS, TRIPLE_B, psi};
use crate::curve::point::G2;
use ark_bn254::Fq;
use veilpass_kernels::{Backend, LANES, Machine, Slack, Task};

/// `X, Y, Z, V` in the first lanes.
struct Walker<L>(Flat<L>);

/// A lane that is 0 in every vector here.
const O: u64 = 6;

impl<L: Slack<Fq>> Walker<L> {
    /// Doubles. The line: `−2YZ, 3X², 3b′Z² − Y²` in the first lanes.
    #[inline(always)]
    fn double(&mut self) -> Flat<L> {
        let t = self.0;
        let left = t.arrange(t, &[0, 1, 2, 1, 0, 1, O, O]);
        let right = t.arrange(t, &[1, 1, 3, 2, 0, 3, O, O]);
        // XY, b = Y², e = 3b′Z², YZ, X², YV: below 1.1p.
        let p = left.times::<2>(right);
        let two = p.plus(p);
        let (three, four) = (two.plus(p), two.plus(two));
        let (eight, opposite) = (four.plus(four), p.opposite());
        // 2XY·(b − 3e), (b + 3e)·(b + 3e), 12e·e, 8YZ·b, 8YV·b. Below 19p and below 9p, so that products come out below 5p.
        let left = two.arrange(eight, &[0, O, O, 11, 13, O, O, O]);
        let left = left.plus(p.arrange(four.plus(eight), &[O, 1, 10, O, O, O, O, O]));
        let left = left.plus(three.arrange(three, &[O, 2, O, O, O, O, O, O])).settled::<0>();
        let right = p.arrange(p, &[1, 1, 2, 1, 1, O, O, O]);
        let right = right.plus(three.arrange(three.opposite(), &[10, 2, O, O, O, O, O, O])).settled::<4>();
        let q = left.times::<9>(right);
        let next = q.arrange(q, &[0, 1, 3, 4, O, O, O, O]);
        self.0 = next.plus(q.opposite().arrange(q, &[O, 2, O, O, O, O, O, O])).trimmed::<5>();
        let line = opposite.plus(opposite).arrange(three, &[3, 12, O, O, O, O, O, O]);
        let line = line.plus(p.arrange(opposite, &[O, O, 2, O, O, O, O, O]));
        line.plus(p.arrange(opposite, &[O, O, 9, O, O, O, O, O])).trimmed::<4>()
    }

    /// Adds `(x, y)`, which lie in the first lanes. The line: `λ, −θ, θx − λy`.
    #[inline(always)]
    fn add(&mut self, point: Flat<L>) -> Flat<L> {
        let t = self.0;
        let p = t.arrange(t, &[2, 2, O, O, O, O, O, O]).times::<2>(point);
        // λ = X − xZ, θ = Y − yZ.
        let d = t.arrange(t, &[0, 1, O, O, O, O, O, O]).plus(p.opposite()).trimmed::<2>();
        // λ², θ², θx, λy.
        let left = d.arrange(d, &[0, 1, 1, 0, O, O, O, O]);
        let p = left.times::<2>(d.arrange(point, &[0, 1, 8, 9, O, O, O, O]));
        let (opposite_d, opposite) = (d.opposite(), p.opposite());
        let line = d.arrange(opposite_d, &[0, 9, O, O, O, O, O, O]);
        let line = line.plus(p.arrange(p, &[O, O, 2, O, O, O, O, O]));
        let line = line.plus(opposite.arrange(p, &[O, O, 3, O, O, O, O, O])).trimmed::<4>();
        // e = λ³, f = θ²Z, g = λ²X.
        let left = d.arrange(t, &[0, 10, 8, O, O, O, O, O]);
        let p = left.times::<2>(p.arrange(p, &[0, 1, 0, O, O, O, O, O]));
        let two = p.plus(p);
        // λ·(e + f − 2g), θ·(3g − e − f), Ye, Ze, Ve.
        let left = d.arrange(t, &[0, 1, 9, 10, 11, O, O, O]);
        let right = p.arrange(p.opposite(), &[0, 8, 0, 0, 0, O, O, O]);
        let right = right.plus(p.arrange(p.opposite(), &[1, 9, O, O, O, O, O, O]));
        let right =
            right.plus(two.plus(p).arrange(two.opposite(), &[10, 2, O, O, O, O, O, O])).settled::<4>();
        let q = left.times::<10>(right);
        let next = q.arrange(q, &[0, 1, 3, 4, O, O, O, O]);
        self.0 = next.plus(q.opposite().arrange(q, &[O, 2, O, O, O, O, O, O])).trimmed::<2>();
        line
    }
}

/// The coefficients of eight steps' lines, a step in each lane.
pub(crate) type Eight = [Packed; 3];

/// Walks a point of the twist. Its lines; `None` if it is not in the subgroup.
pub(crate) fn walk_alone(machine: Machine, q: G2) -> Option<Vec<Eight>> {
    run(machine, Walk { machine, q })?
}

/// Is this point of the twist in the subgroup? [`g2::in_subgroup`], or where the processor has wide multipliers by the
/// end of its walk.
pub(crate) fn is_inside(q: G2) -> bool {
    let machine = Machine::current();
    if machine == Machine::portable() { g2::in_subgroup(q) } else { walk_alone(machine, q).is_some() }
}

struct Walk {
    machine: Machine,
    q: G2,
}

impl Task for Walk {
    type Out = Option<Vec<Eight>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Vec<Eight>> {
        let Walk { machine, q } = self;
        let first = psi(q);
        let second = psi(first);
        let enter = [q, q.neg(), first, first.neg(), second, second.neg()];
        let mut points = Vec::with_capacity(enter.len());
        for p in enter {
            points.push(Flat::<B::Fq>::enter(&[p.x, p.y, Fe2::ZERO, Fe2::ZERO, Fe2::ZERO, Fe2::ZERO]));
        }
        let mut walker = Walker(Flat::enter(&[q.x, q.y, Fe2::ONE, TRIPLE_B, Fe2::ZERO, Fe2::ZERO]));
        let mut lines = Vec::with_capacity(STEPS.div_ceil(LANES));
        let mut eight = Vec::with_capacity(LANES);
        for (n, Step { image, negative, .. }) in steps().into_iter().enumerate() {
            let point = image.and_then(|image| points.get(2 * image + usize::from(negative)));
            eight.push(match point {
                Some(point) => walker.add(*point),
                None => walker.double(),
            });
            if eight.len() == LANES || n + 1 == STEPS {
                let [l0, l1, l2, ..] = Flat::transpose(&eight);
                lines.push([l0.write(machine), l1.write(machine), l2.write(machine)]);
                eight.clear();
            }
        }
        let [x, y, z, ..] = walker.0.leave();
        let end = psi(second).neg();
        let there = !z.is_zero() && x == end.x.mul(z) && y == end.y.mul(z);
        there.then_some(lines)
    }
}
