//! One element of `F_p¹²` in two vectors: lane `i` has the real and the imaginary part of the coefficient of `wⁱ`, with
//! `w⁶ = ξ`; the two last lanes are 0. A product is then a sum of vector products without an addition in between, and
//! takes an eighth of the time of [`Fe12`]'s.

use super::run;
use crate::curve::fe::Fe;
use crate::curve::fe2::Fe2;
use crate::curve::fe12::{Cyclotomic, Fe12};
use ark_bn254::{Fq, Fq12Config};
use ark_ff::{AdditiveGroup, Fp12Config};
use veilpass_kernels::{Backend, Block, LANES, Machine, Slack, Task};

/// Two vectors of values from 0 to 2p, unless said otherwise.
#[derive(Clone, Copy)]
pub(super) struct Flat<L> {
    pub(super) re: L,
    pub(super) im: L,
}

/// A right factor, with the opposite of its imaginary part.
#[derive(Clone, Copy)]
pub(super) struct Factor<L> {
    pub(super) value: Flat<L>,
    minus: L,
}

/// Products of coefficients, before the reduction.
struct Sum<L: Slack<Fq>> {
    re: L::Sum,
    im: L::Sum,
}

impl<L: Slack<Fq>> Sum<L> {
    #[inline(always)]
    fn new() -> Self {
        Sum { re: L::nothing(), im: L::nothing() }
    }

    /// Adds `a·b`, where `minus = −b.im`.
    #[inline(always)]
    fn add(&mut self, a: Flat<L>, b: Flat<L>, minus: L) {
        L::accumulate(&mut self.re, a.re, b.re);
        L::accumulate(&mut self.im, a.re, b.im);
        L::accumulate(&mut self.re, a.im, minus);
        L::accumulate(&mut self.im, a.im, b.re);
    }

    #[inline(always)]
    fn finish(self) -> Flat<L> {
        Flat { re: L::finish(self.re), im: L::finish(self.im) }
    }
}

/// Lane by lane, what [`Slack::arrange`] takes for step `i` of a product: `wᵏ⁻ⁱ` of the one factor, from the second vector
/// where `ξ` has come out.
const TURNS: [[u64; LANES]; 6] = [
    [0, 1, 2, 3, 4, 5, 6, 6],
    [13, 0, 1, 2, 3, 4, 6, 6],
    [12, 13, 0, 1, 2, 3, 6, 6],
    [11, 12, 13, 0, 1, 2, 6, 6],
    [10, 11, 12, 13, 0, 1, 6, 6],
    [9, 10, 11, 12, 13, 0, 6, 6],
];

/// For a square: the four products that make up each coefficient. Of the left factors those above 7 are taken twice,
/// of the right ones those above 7 times `ξ`; 6 is 0.
const SQUARES: [([u64; LANES], [u64; LANES]); 4] = [
    ([0, 8, 1, 8, 2, 8, 6, 6], [0, 1, 1, 3, 2, 5, 6, 6]),
    ([3, 10, 4, 9, 5, 9, 6, 6], [11, 13, 12, 2, 13, 4, 6, 6]),
    ([9, 11, 8, 12, 8, 10, 6, 6], [13, 12, 2, 13, 4, 3, 6, 6]),
    ([10, 6, 11, 6, 9, 6, 6, 6], [12, 6, 13, 6, 3, 6, 6, 6]),
];

/// For a cyclotomic square: with `s² = ξ` in `F_p⁴`, the coefficients of `(fᵢ + fᵢ₊₃·s)²`, or half of them.
const CYCLOTOMIC: [([u64; LANES], [u64; LANES]); 2] = [
    ([0, 2, 1, 0, 2, 1, 6, 6], [0, 13, 1, 3, 2, 4, 6, 6]),
    ([3, 2, 4, 0, 5, 1, 6, 6], [11, 13, 12, 3, 13, 4, 6, 6]),
];

/// Opposites, from the second vector, in the odd lanes and in the even ones.
const ODD: [u64; LANES] = [0, 9, 2, 11, 4, 13, 6, 7];
const EVEN: [u64; LANES] = [8, 1, 10, 3, 12, 5, 6, 7];

impl<L: Slack<Fq>> Flat<L> {
    #[inline(always)]
    pub(super) fn one() -> Self {
        Flat::enter(&Fe12::ONE.powers_of_w())
    }

    #[inline(always)]
    pub(super) fn enter(coefficients: &[Fe2; 6]) -> Self {
        let (mut re, mut im) = ([Fq::ZERO; LANES], [Fq::ZERO; LANES]);
        for ((re, im), c) in re.iter_mut().zip(&mut im).zip(coefficients) {
            (*re, *im) = (c.c0.to_ark(), c.c1.to_ark());
        }
        Flat { re: L::from_field(re), im: L::from_field(im) }
    }

    #[inline(always)]
    pub(super) fn leave(self) -> [Fe2; 6] {
        let mut coefficients = [Fe2::ZERO; 6];
        let parts = self.re.to_field().into_iter().zip(self.im.to_field());
        for (c, (re, im)) in coefficients.iter_mut().zip(parts) {
            *c = Fe2 { c0: Fe::of(re), c1: Fe::of(im) };
        }
        coefficients
    }

    #[inline(always)]
    pub(super) fn read(packed: &Packed) -> Self {
        Flat { re: L::from_block(&packed.re), im: L::from_block(&packed.im) }
    }

    #[inline(always)]
    pub(super) fn write(self, machine: Machine) -> Packed {
        Packed { machine, re: self.re.to_block(), im: self.im.to_block() }
    }

    #[inline(always)]
    pub(super) fn arrange(self, other: Self, from: &[u64; LANES]) -> Self {
        Flat { re: self.re.arrange(other.re, from), im: self.im.arrange(other.im, from) }
    }

    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Flat { re: self.re.plus(other.re), im: self.im.plus(other.im) }
    }

    #[inline(always)]
    pub(super) fn settled<const K: u64>(self) -> Self {
        Flat { re: self.re.settled::<K>(), im: self.im.settled::<K>() }
    }

    #[inline(always)]
    pub(super) fn trimmed<const K: u64>(self) -> Self {
        Flat { re: self.re.trimmed::<K>(), im: self.im.trimmed::<K>() }
    }

    /// `−x`, loose, from −2p to 0.
    #[inline(always)]
    pub(super) fn opposite(self) -> Self {
        let zero = L::splat(Fq::ZERO);
        Flat { re: zero.minus(self.re), im: zero.minus(self.im) }
    }

    /// Every coefficient times `ξ = 9 + u`.
    #[inline(always)]
    pub(super) fn times_xi(self) -> Self {
        let two = self.plus(self);
        let four = two.plus(two);
        let nine = four.plus(four).plus(self);
        Flat { re: nine.re.minus(self.im).trimmed::<2>(), im: nine.im.plus(self.re).trimmed::<0>() }
    }

    /// Ready to be the right factor of [`Flat::of_products`].
    #[inline(always)]
    pub(super) fn factor(self) -> Factor<L> {
        Factor { value: self, minus: self.opposite().im.settled::<2>() }
    }

    /// Lane by lane, a sum of products.
    #[inline(always)]
    pub(super) fn of_products<const N: usize>(terms: [(Self, Factor<L>); N]) -> Self {
        let mut sum = Sum::new();
        for (a, b) in &terms {
            sum.add(*a, b.value, b.minus);
        }
        sum.finish()
    }

    /// Times a number in each lane.
    #[inline(always)]
    pub(super) fn scaled(self, by: L) -> Self {
        Flat { re: self.re.mul(by), im: self.im.mul(by) }
    }

    /// Lane `i` of vector `j` becomes lane `j` of vector `i`; what is missing is 0.
    #[inline(always)]
    pub(super) fn transpose(vectors: &[Self]) -> [Self; LANES] {
        let zero = L::splat(Fq::ZERO);
        let (mut re, mut im) = ([zero; LANES], [zero; LANES]);
        for (v, (re, im)) in vectors.iter().zip(re.iter_mut().zip(&mut im)) {
            (*re, *im) = (v.re, v.im);
        }
        let (re, im) = (L::transpose(re), L::transpose(im));
        let mut out = [Flat { re: zero, im: zero }; LANES];
        for (out, (re, im)) in out.iter_mut().zip(re.into_iter().zip(im)) {
            *out = Flat { re, im };
        }
        out
    }

    /// Lane by lane, where the other's values are below `K·p`.
    #[inline(always)]
    pub(super) fn times<const K: u64>(self, other: Self) -> Self {
        let mut sum = Sum::new();
        sum.add(self, other, other.opposite().im.settled::<K>());
        sum.finish()
    }

    /// Twelve products of 4p² for each part, which come out below 1.6p.
    #[inline(always)]
    pub(super) fn mul(self, other: Self) -> Self {
        let xi = other.times_xi();
        let (minus, minus_xi) = (other.opposite().im.settled::<2>(), xi.opposite().im.settled::<2>());
        let mut sum = Sum::new();
        for (i, turn) in TURNS.iter().enumerate() {
            let factor = self.arrange(self, &[i as u64; LANES]);
            sum.add(factor, other.arrange(xi, turn), minus.arrange(minus_xi, turn));
        }
        sum.finish()
    }

    /// Products of 48p² in all, at most: below 1.6p.
    #[inline(always)]
    pub(super) fn square(self) -> Self {
        let (twice, xi) = (self.plus(self).settled::<0>(), self.times_xi());
        let (minus, minus_xi) = (self.opposite().im.settled::<2>(), xi.opposite().im.settled::<2>());
        let mut sum = Sum::new();
        for (left, right) in &SQUARES {
            sum.add(self.arrange(twice, left), self.arrange(xi, right), minus.arrange(minus_xi, right));
        }
        sum.finish()
    }

    /// [`Fe12::cyclotomic_square`]: `3t ∓ 2f`, from −4p to 8p before it is trimmed.
    #[inline(always)]
    fn cyclotomic_square(self) -> Self {
        let (opposite, xi) = (self.opposite(), self.times_xi());
        let (minus, minus_xi) = (opposite.im.settled::<2>(), xi.opposite().im.settled::<2>());
        let mut sum = Sum::new();
        for (left, right) in &CYCLOTOMIC {
            sum.add(self.arrange(self, left), self.arrange(xi, right), minus.arrange(minus_xi, right));
        }
        let (t, f) = (sum.finish(), self.arrange(opposite, &EVEN));
        t.plus(t).plus(t).plus(f).plus(f).trimmed::<4>()
    }

    #[inline(always)]
    fn conjugate(self) -> Self {
        self.arrange(self.opposite().settled::<2>(), &ODD)
    }

    /// `self^(pⁿ)` with the powers of `ξ^((pⁿ − 1)/6)`.
    #[inline(always)]
    fn frobenius(self, n: usize, powers: &[Fe2; 6]) -> Self {
        let conjugate = Flat { im: self.opposite().im.settled::<2>(), ..self };
        (if n % 2 == 1 { conjugate } else { self }).times::<2>(Flat::enter(powers))
    }
}

/// An element in the memory of the machine that computes with it.
#[derive(Clone, Copy)]
pub(crate) struct Packed {
    machine: Machine,
    re: Block,
    im: Block,
}

impl Packed {
    pub(crate) fn of(machine: Machine, x: Fe12) -> Packed {
        Packed::out_of(machine, Operation { machine, of: Of::Coefficients(x.powers_of_w()) })
    }

    /// Below `p`, so that it may be compared.
    pub(crate) fn unpacked(&self) -> Fe12 {
        Fe12::of_powers_of_w(run(self.machine, Leave(self)).unwrap_or([Fe2::ZERO; 6]))
    }

    fn compute(&self, of: Of<'_>) -> Packed {
        Packed::out_of(self.machine, Operation { machine: self.machine, of })
    }

    /// What a task computes; 0, which is no proof's product, where there are no vectors and nobody should have asked.
    pub(super) fn out_of(machine: Machine, task: impl Task<Out = Packed>) -> Packed {
        run(machine, task).unwrap_or(Packed { machine, re: Block::default(), im: Block::default() })
    }
}

impl Cyclotomic for Packed {
    fn mul(self, o: Packed) -> Packed {
        Packed::out_of(self.machine, Product(&self, &o))
    }

    fn conjugate(self) -> Packed {
        self.compute(Of::Conjugate(&self))
    }

    fn frobenius(self, n: usize) -> Packed {
        let first = Fq12Config::FROBENIUS_COEFF_FP12_C1.get(n).map_or(Fe2::ZERO, |c| Fe2::of(*c));
        let mut powers = [Fe2::ONE; 6];
        let mut power = Fe2::ONE;
        for slot in &mut powers {
            *slot = power;
            power = power.mul(first);
        }
        self.compute(Of::Frobenius(&self, n, powers))
    }

    fn squared(self, n: u32) -> Packed {
        Packed::out_of(self.machine, Squares(&self, n))
    }
}

struct Product<'a>(&'a Packed, &'a Packed);

impl Task for Product<'_> {
    type Out = Packed;
    #[inline(always)]
    fn run<B: Backend>(self) -> Packed {
        Flat::<B::Fq>::read(self.0).mul(Flat::read(self.1)).write(self.0.machine)
    }
}

struct Squares<'a>(&'a Packed, u32);

impl Task for Squares<'_> {
    type Out = Packed;
    #[inline(always)]
    fn run<B: Backend>(self) -> Packed {
        let mut f = Flat::<B::Fq>::read(self.0);
        for _ in 0..self.1 {
            f = f.cyclotomic_square();
        }
        f.write(self.0.machine)
    }
}

/// What takes little time.
struct Operation<'a> {
    machine: Machine,
    of: Of<'a>,
}

enum Of<'a> {
    Coefficients([Fe2; 6]),
    Conjugate(&'a Packed),
    Frobenius(&'a Packed, usize, [Fe2; 6]),
}

impl Task for Operation<'_> {
    type Out = Packed;
    #[inline(always)]
    fn run<B: Backend>(self) -> Packed {
        let out: Flat<B::Fq> = match &self.of {
            Of::Coefficients(c) => Flat::enter(c),
            Of::Conjugate(f) => Flat::read(f).conjugate(),
            Of::Frobenius(f, n, powers) => Flat::read(f).frobenius(*n, powers),
        };
        out.write(self.machine)
    }
}

struct Leave<'a>(&'a Packed);

impl Task for Leave<'_> {
    type Out = [Fe2; 6];
    #[inline(always)]
    fn run<B: Backend>(self) -> [Fe2; 6] {
        Flat::<B::Fq>::read(self.0).leave()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::fe12::final_power;
    use ark_bn254::Fq12;
    use ark_ff::{Field, UniformRand};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    struct Square<'a>(&'a Packed);

    impl Task for Square<'_> {
        type Out = Packed;
        #[inline(always)]
        fn run<B: Backend>(self) -> Packed {
            Flat::<B::Fq>::read(self.0).square().write(self.0.machine)
        }
    }

    /// Random elements, 0, ±1, single coefficients, and coefficients that are all −1: the largest residues.
    #[test]
    fn lanes_compute_what_one_product_after_the_other_does() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut values: Vec<Fq12> = vec![Fq12::ZERO, Fq12::ONE, -Fq12::ONE];
        values.extend(
            (0..12).map(|n| Fq12::from_base_prime_field_elems((0..12).map(|m| Fq::from(n == m))).unwrap()),
        );
        values.push(Fq12::from_base_prime_field_elems([-Fq::ONE; 12]).unwrap());
        values.extend((0..16).map(|_| Fq12::rand(&mut rng)));
        let values: Vec<Fe12> = values.into_iter().map(Fe12::of).collect();
        for machine in Machine::all() {
            for &x in &values {
                let a = Packed::of(machine, x);
                assert_eq!(a.unpacked(), x);
                assert_eq!(a.conjugate().unpacked(), x.conjugate());
                assert_eq!(machine.run(Square(&a)).unpacked(), x.square());
                for n in 0..4 {
                    assert_eq!(a.frobenius(n).unpacked(), x.frobenius(n));
                }
                for &y in &values {
                    let b = Packed::of(machine, y);
                    assert_eq!(a.mul(b).unpacked(), x.mul(y));
                    // What comes of a chain is as good as what was entered.
                    let chain = a.mul(b).conjugate().mul(a).mul(b.conjugate());
                    assert_eq!(chain.unpacked(), x.mul(y).conjugate().mul(x).mul(y.conjugate()));
                }
                let Some(inverse) = x.inverse() else { continue };
                let slow = x.final_exponentiation().unwrap();
                let fast = final_power(a, Packed::of(machine, inverse));
                assert_eq!(fast.unpacked(), slow);
                assert_eq!(fast.squared(9).unpacked(), slow.squared(9));
                assert_eq!(fast.squared(0).unpacked(), slow);
            }
        }
    }
}
