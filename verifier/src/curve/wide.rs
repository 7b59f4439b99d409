//! A batch's work in eight lanes: weights, walks and lines of eight proofs with each instruction, where the
//! processor has wide multipliers. [`super::g1::weigh`], [`super::g2::walk`] and [`super::miller::product`] are the same for one
//! proof after the other; the tests hold one against the other.
//!
//! Vectors pass through no closure: closures do not have the machine's instructions.

use super::fe::{Fe, ROOT_STEPS};
use super::fe12::Fe12;
use super::g1::{BETA, Weight};
use super::g2::{PSI_X, PSI_Y, loop_digits};
use super::point::{Coordinate, G1, G2};
use ark_bn254::Fq;
use ark_ff::AdditiveGroup;
use veilpass_kernels::{Backend, LANES, Lanes, Line, Machine, Task};

/// `c0 + c1·u` in each lane.
#[derive(Clone, Copy)]
struct Two<L> {
    c0: L,
    c1: L,
}

impl<L: Lanes<Fq>> Two<L> {
    #[inline(always)]
    fn splat(x: super::fe2::Fe2) -> Self {
        Two { c0: L::splat(x.c0.to_ark()), c1: L::splat(x.c1.to_ark()) }
    }

    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Two { c0: self.c0.add(o.c0), c1: self.c1.add(o.c1) }
    }

    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Two { c0: self.c0.sub(o.c0), c1: self.c1.sub(o.c1) }
    }

    #[inline(always)]
    fn neg(self) -> Self {
        Two { c0: self.c0.negate_where(0xff), c1: self.c1.negate_where(0xff) }
    }

    #[inline(always)]
    fn conjugate(self) -> Self {
        Two { c0: self.c0, c1: self.c1.negate_where(0xff) }
    }

    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        let (low, high) = (self.c0.mul(o.c0), self.c1.mul(o.c1));
        let cross = self.c0.add(self.c1).mul(o.c0.add(o.c1));
        Two { c0: low.sub(high), c1: cross.sub(low).sub(high) }
    }

    #[inline(always)]
    fn square(self) -> Self {
        let product = self.c0.mul(self.c1);
        Two { c0: self.c0.add(self.c1).mul(self.c0.sub(self.c1)), c1: product.add(product) }
    }

    #[inline(always)]
    fn scale(self, by: L) -> Self {
        Two { c0: self.c0.mul(by), c1: self.c1.mul(by) }
    }

    #[inline(always)]
    fn norm(self) -> L {
        self.c0.mul(self.c0).add(self.c1.mul(self.c1))
    }

    /// Times `9 + u`.
    #[inline(always)]
    fn times_xi(self) -> Self {
        let two = self.add(self);
        let four = two.add(two);
        let nine = four.add(four).add(self);
        Two { c0: nine.c0.sub(self.c1), c1: nine.c1.add(self.c0) }
    }
}

/// An element of `F_p⁶` in each lane.
#[derive(Clone, Copy)]
struct Six<L> {
    c0: Two<L>,
    c1: Two<L>,
    c2: Two<L>,
}

impl<L: Lanes<Fq>> Six<L> {
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        Six { c0: self.c0.add(o.c0), c1: self.c1.add(o.c1), c2: self.c2.add(o.c2) }
    }

    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        Six { c0: self.c0.sub(o.c0), c1: self.c1.sub(o.c1), c2: self.c2.sub(o.c2) }
    }

    #[inline(always)]
    fn times_v(self) -> Self {
        Six { c0: self.c2.times_xi(), c1: self.c0, c2: self.c1 }
    }

    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        let (a, b, c) = (self.c0.mul(o.c0), self.c1.mul(o.c1), self.c2.mul(o.c2));
        let bc = self.c1.add(self.c2).mul(o.c1.add(o.c2)).sub(b).sub(c);
        let ab = self.c0.add(self.c1).mul(o.c0.add(o.c1)).sub(a).sub(b);
        let ac = self.c0.add(self.c2).mul(o.c0.add(o.c2)).sub(a).sub(c);
        Six { c0: a.add(bc.times_xi()), c1: ab.add(c.times_xi()), c2: ac.add(b) }
    }

    #[inline(always)]
    fn mul_by_01(self, a: Two<L>, b: Two<L>) -> Self {
        let (aa, bb) = (self.c0.mul(a), self.c1.mul(b));
        let ab = self.c0.add(self.c1).mul(a.add(b)).sub(aa).sub(bb);
        Six { c0: aa.add(self.c2.mul(b).times_xi()), c1: ab, c2: self.c2.mul(a).add(bb) }
    }
}

/// An element of `F_p¹²` in each lane.
#[derive(Clone, Copy)]
struct Twelve<L> {
    c0: Six<L>,
    c1: Six<L>,
}

impl<L: Lanes<Fq>> Twelve<L> {
    #[inline(always)]
    fn one() -> Self {
        let zero = L::splat(Fq::ZERO);
        let none = Two { c0: zero, c1: zero };
        let none = Six { c0: none, c1: none, c2: none };
        let mut one = Twelve { c0: none, c1: none };
        one.c0.c0.c0 = L::splat(Fe::ONE.to_ark());
        one
    }

    #[inline(always)]
    fn square(self) -> Self {
        let ab = self.c0.mul(self.c1);
        let sum = self.c0.add(self.c1).mul(self.c0.add(self.c1.times_v()));
        Twelve { c0: sum.sub(ab).sub(ab.times_v()), c1: ab.add(ab) }
    }

    #[inline(always)]
    fn mul_by_monic_line(self, l1: Two<L>, l2: Two<L>) -> Self {
        let a = self.c1.mul_by_01(l1, l2);
        let b = self.c0.mul_by_01(l1, l2);
        Twelve { c0: self.c0.add(a.times_v()), c1: self.c1.add(b) }
    }

    /// The product of all lanes.
    #[inline(always)]
    fn product(self) -> Fe12 {
        let (x, y) = (self.c0, self.c1);
        let all = [
            x.c0.c0, x.c0.c1, x.c1.c0, x.c1.c1, x.c2.c0, x.c2.c1, y.c0.c0, y.c0.c1, y.c1.c0, y.c1.c1,
            y.c2.c0, y.c2.c1,
        ];
        let mut rows = [[Fq::ZERO; LANES]; 12];
        for (row, x) in rows.iter_mut().zip(&all) {
            *row = x.to_field();
        }
        let mut rows = rows.map(|row| row.into_iter());
        let mut product = Fe12::ONE;
        for _ in 0..LANES {
            let lane = rows.each_mut().map(|row| row.next().unwrap_or(Fq::ZERO));
            product = product.mul(Fe12::of_coefficients(lane));
        }
        product
    }
}

/// Eight points.
#[derive(Clone, Copy)]
struct Points<C> {
    x: C,
    y: C,
}

/// The inverse in each lane; `None` if one is 0.
#[inline(always)]
fn inverse<L: Lanes<Fq>>(x: L) -> Option<L> {
    let mut each = x.to_field().map(Fe::of);
    if each.iter().any(|x| x.is_zero()) {
        return None;
    }
    Fe::invert_all(&mut each);
    Some(L::from_field(each.map(Fe::to_ark)))
}

/// Points of G1 in step, as [`super::point::Many`].
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

/// Points of the twist in step, and the product of their lines.
struct Walk<L> {
    points: Vec<Points<Two<L>>>,
    /// `(−x/y, 1/y)` of the points of G1; `(0, 0)` makes every line 1.
    at: Vec<Points<L>>,
    before: Vec<L>,
    norms: Vec<L>,
    f: Twelve<L>,
}

impl<L: Lanes<Fq>> Walk<L> {
    /// Adds the others, or their opposites, or doubles if there are none; and multiplies the lines in.
    #[inline(always)]
    fn step(&mut self, others: &[Points<Two<L>>], negative: bool) -> Option<()> {
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
        let rest = self.before.iter().zip(&self.norms).zip(&self.at);
        for (p, ((before, norm), at)) in self.points.iter_mut().zip(rest).rev() {
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
            self.f = self.f.mul_by_monic_line(slope.scale(at.x), shift.scale(at.y));
            let x = slope.square().sub(p.x).sub(other.x);
            // slope·(x₀ − x) − y₀.
            *p = Points { x, y: shift.sub(slope.mul(x)) };
        }
        Some(())
    }
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

/// One proof's part in a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) a: G1,
    pub(crate) b: G2,
    pub(crate) weight: Weight,
    /// Whether its lines count.
    pub(crate) counts: bool,
}

/// What comes out of a batch.
pub(crate) struct Batch {
    /// `∏ e(cᵢAᵢ, Bᵢ)` over those that count, before the final exponentiation.
    pub(crate) f: Fe12,
    /// Whether each B is in its subgroup.
    pub(crate) in_subgroup: Vec<bool>,
}

struct Whole<'a>(&'a [Pair]);

/// Computes the product of the pairs eight at a time, if the processor has wide multipliers. `None` if it has not, or if
/// two points met on the way where the formulas do not hold: then a point is outside its subgroup, or chance had a part.
pub(crate) fn product(pairs: &[Pair]) -> Option<Batch> {
    let mut padded = pairs.to_vec();
    let last = *pairs.last()?;
    padded.resize(pairs.len().next_multiple_of(LANES), Pair { counts: false, ..last });
    let mut batch = Machine::detect().run(Whole(&padded))?;
    batch.in_subgroup.truncate(pairs.len());
    Some(batch)
}

impl Task for Whole<'_> {
    type Out = Option<Batch>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Batch> {
        if !B::WIDE {
            return None;
        }
        let (vectors, _) = self.0.as_chunks::<LANES>();
        let at = weigh::<B::Fq>(vectors)?;
        let zero = B::Fq::splat(Fq::ZERO);
        let mut points = Vec::with_capacity(vectors.len());
        for v in vectors {
            let coordinates = [
                v.map(|p| p.b.x.c0.to_ark()),
                v.map(|p| p.b.x.c1.to_ark()),
                v.map(|p| p.b.y.c0.to_ark()),
                v.map(|p| p.b.y.c1.to_ark()),
            ];
            let mut four = [zero; 4];
            for (to, from) in four.iter_mut().zip(&coordinates) {
                *to = B::Fq::from_field(*from);
            }
            let [x0, x1, y0, y1] = four;
            points.push(Points { x: Two { c0: x0, c1: x1 }, y: Two { c0: y0, c1: y1 } });
        }
        let mut walk = Walk {
            at,
            before: vec![zero; points.len()],
            norms: vec![zero; points.len()],
            f: Twelve::one(),
            points: points.clone(),
        };
        // Q, ψ(Q), ψ²(Q), ψ³(Q).
        let mut images = vec![points];
        for _ in 0..3 {
            let next = psi(images.last()?);
            images.push(next);
        }
        for Step { square, image, negative } in steps() {
            if square {
                walk.f = walk.f.square();
            }
            let others = image.and_then(|n| images.get(n)).map_or(&[][..], Vec::as_slice);
            walk.step(others, negative)?;
        }
        let mut in_subgroup = Vec::with_capacity(vectors.len() * LANES);
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
        Some(Batch { f: walk.f.product(), in_subgroup })
    }
}

/// A step of the loop: whether the product is squared before, and which image under ψ is added; none to double.
struct Step {
    square: bool,
    image: Option<usize>,
    negative: bool,
}

fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
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
fn weigh<L: Lanes<Fq>>(vectors: &[[Pair; LANES]]) -> Option<Vec<Points<L>>> {
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

/// `x^((p − 3)/4)` of each number ([`Fe::root_power`]), sixteen at a time where the processor can: two vectors, so that
/// one works while the other waits for its product.
pub(crate) fn root_powers(values: &[Fe]) -> Vec<Fe> {
    let wide = if values.len() < LANES { None } else { Machine::detect().run(RootPowers(values)) };
    wide.unwrap_or_else(|| values.iter().map(|x| x.root_power()).collect())
}

struct RootPowers<'a>(&'a [Fe]);

impl Task for RootPowers<'_> {
    type Out = Option<Vec<Fe>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Option<Vec<Fe>> {
        if !B::WIDE {
            return None;
        }
        let mut powers = Vec::with_capacity(self.0.len().next_multiple_of(2 * LANES));
        for values in self.0.chunks(2 * LANES) {
            let mut padded = [Fe::ONE.to_ark(); 2 * LANES];
            for (to, from) in padded.iter_mut().zip(values) {
                *to = from.to_ark();
            }
            let (vectors, _) = padded.as_chunks::<LANES>();
            let [x, y] = vectors else { continue };
            let (mut x, mut y) = (B::Fq::from_field(*x), B::Fq::from_field(*y));
            let (xx, yy) = (x.mul(x), y.mul(y));
            let mut odd = [(x, y); 16];
            for power in odd.iter_mut().skip(1) {
                (x, y) = (x.mul(xx), y.mul(yy));
                *power = (x, y);
            }
            let mut started = false;
            for (squarings, n) in ROOT_STEPS {
                let Some(power) = odd.get(usize::from(n >> 1)) else { continue };
                if !started {
                    (x, y) = *power;
                    started = true;
                    continue;
                }
                for _ in 0..squarings {
                    (x, y) = (x.mul(x), y.mul(y));
                }
                (x, y) = (x.mul(power.0), y.mul(power.1));
            }
            let last = [x.to_field(), y.to_field()];
            powers.extend(last.as_flattened().iter().map(|x| Fe::of(*x)));
        }
        powers.truncate(self.0.len());
        Some(powers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::g1::{At, weigh};
    use crate::curve::g2::walk;
    use crate::curve::miller;
    use ark_bn254::{Fq2, G1Affine, G2Affine};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{PrimeField, UniformRand};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    use veilpass_protocol::field::Fr;

    fn outside(rng: &mut StdRng) -> G2Affine {
        loop {
            if let Some(q) = G2Affine::get_point_from_x_unchecked(Fq2::rand(rng), true) {
                return q;
            }
        }
    }

    #[test]
    fn lanes_say_what_one_after_the_other_says() {
        let mut rng = StdRng::seed_from_u64(1);
        for n in [1, 2, 7, 8, 9, 24, 70] {
            let mut pairs: Vec<Pair> = (0..n)
                .map(|_| Pair {
                    a: G1::of(&G1Affine::rand(&mut rng)).unwrap(),
                    b: G2::of(&G2Affine::rand(&mut rng)).unwrap(),
                    weight: Weight::random(&mut rng),
                    counts: rng.gen_bool(0.9),
                })
                .collect();
            if n > 8 {
                // Outside, and left out; equal points.
                pairs[3].b = G2::of(&outside(&mut rng)).unwrap();
                pairs[3].counts = false;
                (pairs[5].a, pairs[6].a) = (pairs[4].a, pairs[4].a.neg());
                pairs[7].b = pairs[6].b;
            }
            let walked = walk(&pairs.iter().map(|p| p.b).collect::<Vec<_>>());
            let (a, weights): (Vec<G1>, Vec<Weight>) = pairs.iter().map(|p| (p.a, p.weight)).unzip();
            let at = At::all(&weigh(&a, &weights)).into_iter().zip(&pairs);
            let at: Vec<Option<At>> = at.map(|(at, p)| p.counts.then_some(at)).collect();
            let slow = miller::product(&at, &walked.lines);
            if let Some(batch) = product(&pairs) {
                assert_eq!(batch.in_subgroup, walked.in_subgroup, "{n}");
                assert_eq!(batch.f, slow, "{n}");
            } else {
                assert_eq!(Machine::detect(), Machine::portable(), "no lanes, no test");
            }
        }
        assert!(product(&[]).is_none());
        assert!(Machine::portable().run(Whole(&[])).is_none());
    }

    #[test]
    fn powers_of_many() {
        let mut rng = StdRng::seed_from_u64(4);
        let mut values: Vec<Fe> = (0..50).map(|_| Fe::of(Fq::rand(&mut rng))).collect();
        values.extend([Fe::ZERO, Fe::ONE, Fe::ONE.neg()]);
        for n in [0, 1, 7, 8, 15, 16, 17, 53] {
            let values = &values[values.len() - n..];
            let slow: Vec<Fe> = values.iter().map(|x| x.root_power()).collect();
            assert_eq!(root_powers(values), slow);
            assert!(Machine::detect().run(RootPowers(values)).is_none_or(|powers| powers == slow), "{n}");
        }
    }

    /// A point whose order is 10069 meets itself: no result, rather than a wrong one.
    #[test]
    fn no_result_where_formulas_do_not_hold() {
        let mut rng = StdRng::seed_from_u64(2);
        let quotient: [u64; 4] = {
            let cofactor = <ark_bn254::g2::Config as ark_ec::CurveConfig>::COFACTOR;
            let (mut rest, mut out) = (0u128, [0; 4]);
            for n in (0..4).rev() {
                let t = rest << 64 | u128::from(cofactor[n]);
                (out[n], rest) = ((t / 10069) as u64, t % 10069);
            }
            assert_eq!(rest, 0);
            out
        };
        let small = loop {
            let q = outside(&mut rng).mul_bigint(Fr::MODULUS).into_affine().mul_bigint(quotient);
            if let Some(q) = G2::of(&q.into_affine()) {
                break q;
            }
        };
        let a = G1::of(&G1Affine::generator()).unwrap();
        let good = G2::of(&G2Affine::generator()).unwrap();
        let pair = |b| Pair { a, b, weight: Weight::random(&mut StdRng::seed_from_u64(3)), counts: true };
        let wide = Machine::detect() != Machine::portable();
        assert_eq!(product(&[pair(good), pair(good)]).is_some(), wide);
        let met = product(&[pair(good), pair(small), pair(good)]);
        assert!(met.is_none_or(|batch| batch.in_subgroup == [true, false, true]));
    }
}
