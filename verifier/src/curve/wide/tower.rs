//! The tower of fields over the base field, one element in each lane.

use crate::curve::fe::Fe;
use crate::curve::fe2::Fe2;
use crate::curve::fe12::Fe12;
use ark_bn254::Fq;
use ark_ff::AdditiveGroup;
use veilpass_kernels::{LANES, Lanes};

/// `c0 + c1·u` in each lane.
#[derive(Clone, Copy)]
pub(super) struct Two<L> {
    pub(super) c0: L,
    pub(super) c1: L,
}

impl<L: Lanes<Fq>> Two<L> {
    #[inline(always)]
    pub(super) fn splat(x: Fe2) -> Self {
        Two { c0: L::splat(x.c0.to_ark()), c1: L::splat(x.c1.to_ark()) }
    }

    #[inline(always)]
    pub(super) fn add(self, o: Self) -> Self {
        Two { c0: self.c0.add(o.c0), c1: self.c1.add(o.c1) }
    }

    #[inline(always)]
    pub(super) fn sub(self, o: Self) -> Self {
        Two { c0: self.c0.sub(o.c0), c1: self.c1.sub(o.c1) }
    }

    #[inline(always)]
    pub(super) fn neg(self) -> Self {
        Two { c0: self.c0.negate_where(0xff), c1: self.c1.negate_where(0xff) }
    }

    #[inline(always)]
    pub(super) fn conjugate(self) -> Self {
        Two { c0: self.c0, c1: self.c1.negate_where(0xff) }
    }

    #[inline(always)]
    pub(super) fn mul(self, o: Self) -> Self {
        let (low, high) = (self.c0.mul(o.c0), self.c1.mul(o.c1));
        let cross = self.c0.add(self.c1).mul(o.c0.add(o.c1));
        Two { c0: low.sub(high), c1: cross.sub(low).sub(high) }
    }

    #[inline(always)]
    pub(super) fn square(self) -> Self {
        let product = self.c0.mul(self.c1);
        Two { c0: self.c0.add(self.c1).mul(self.c0.sub(self.c1)), c1: product.add(product) }
    }

    #[inline(always)]
    pub(super) fn scale(self, by: L) -> Self {
        Two { c0: self.c0.mul(by), c1: self.c1.mul(by) }
    }

    #[inline(always)]
    pub(super) fn norm(self) -> L {
        self.c0.mul(self.c0).add(self.c1.mul(self.c1))
    }

    /// Times `9 + u`.
    #[inline(always)]
    pub(super) fn times_xi(self) -> Self {
        let two = self.add(self);
        let four = two.add(two);
        let nine = four.add(four).add(self);
        Two { c0: nine.c0.sub(self.c1), c1: nine.c1.add(self.c0) }
    }
}

/// An element of `F_p⁶` in each lane.
#[derive(Clone, Copy)]
pub(super) struct Six<L> {
    c0: Two<L>,
    c1: Two<L>,
    c2: Two<L>,
}

impl<L: Lanes<Fq>> Six<L> {
    #[inline(always)]
    pub(super) fn add(self, o: Self) -> Self {
        Six { c0: self.c0.add(o.c0), c1: self.c1.add(o.c1), c2: self.c2.add(o.c2) }
    }

    #[inline(always)]
    pub(super) fn sub(self, o: Self) -> Self {
        Six { c0: self.c0.sub(o.c0), c1: self.c1.sub(o.c1), c2: self.c2.sub(o.c2) }
    }

    #[inline(always)]
    pub(super) fn times_v(self) -> Self {
        Six { c0: self.c2.times_xi(), c1: self.c0, c2: self.c1 }
    }

    #[inline(always)]
    pub(super) fn mul(self, o: Self) -> Self {
        let (a, b, c) = (self.c0.mul(o.c0), self.c1.mul(o.c1), self.c2.mul(o.c2));
        let bc = self.c1.add(self.c2).mul(o.c1.add(o.c2)).sub(b).sub(c);
        let ab = self.c0.add(self.c1).mul(o.c0.add(o.c1)).sub(a).sub(b);
        let ac = self.c0.add(self.c2).mul(o.c0.add(o.c2)).sub(a).sub(c);
        Six { c0: a.add(bc.times_xi()), c1: ab.add(c.times_xi()), c2: ac.add(b) }
    }

    #[inline(always)]
    pub(super) fn mul_by_01(self, a: Two<L>, b: Two<L>) -> Self {
        let (aa, bb) = (self.c0.mul(a), self.c1.mul(b));
        let ab = self.c0.add(self.c1).mul(a.add(b)).sub(aa).sub(bb);
        Six { c0: aa.add(self.c2.mul(b).times_xi()), c1: ab, c2: self.c2.mul(a).add(bb) }
    }
}

/// An element of `F_p¹²` in each lane.
#[derive(Clone, Copy)]
pub(super) struct Twelve<L> {
    c0: Six<L>,
    c1: Six<L>,
}

impl<L: Lanes<Fq>> Twelve<L> {
    #[inline(always)]
    pub(super) fn one() -> Self {
        let zero = L::splat(Fq::ZERO);
        let none = Two { c0: zero, c1: zero };
        let none = Six { c0: none, c1: none, c2: none };
        let mut one = Twelve { c0: none, c1: none };
        one.c0.c0.c0 = L::splat(Fe::ONE.to_ark());
        one
    }

    #[inline(always)]
    pub(super) fn square(self) -> Self {
        let ab = self.c0.mul(self.c1);
        let sum = self.c0.add(self.c1).mul(self.c0.add(self.c1.times_v()));
        Twelve { c0: sum.sub(ab).sub(ab.times_v()), c1: ab.add(ab) }
    }

    #[inline(always)]
    pub(super) fn mul_by_monic_line(self, l1: Two<L>, l2: Two<L>) -> Self {
        let a = self.c1.mul_by_01(l1, l2);
        let b = self.c0.mul_by_01(l1, l2);
        Twelve { c0: self.c0.add(a.times_v()), c1: self.c1.add(b) }
    }

    /// The product of all lanes.
    #[inline(always)]
    pub(super) fn product(self) -> Fe12 {
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
