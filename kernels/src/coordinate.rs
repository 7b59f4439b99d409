//! Coordinates of points: the base field for G1, its quadratic extension for G2, eight at a time.

use crate::lanes::{Backend, LANES, Lanes, Line};
use crate::portable::negated;
use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, Field, batch_inversion};
use std::array::from_fn;

/// A point as it is stored: x, then y. Infinity is never stored.
pub trait Stored: Copy + Default + Send + Sync + 'static {
    /// `−P` of a point in reduced form.
    fn negated(self) -> Self;
    /// The lines of one point.
    fn lines(&self) -> &[Line];
}

/// In G1.
pub type Stored1 = [Line; 1];
/// In G2: a line for each coordinate.
pub type Stored2 = [Line; 2];

impl Stored for Stored1 {
    #[inline(always)]
    fn negated(mut self) -> Self {
        let l = &mut self[0].0;
        let y = negated::<Fq>([l[4], l[5], l[6], l[7]]);
        l[4..].copy_from_slice(&y);
        self
    }
    fn lines(&self) -> &[Line] {
        self
    }
}

impl Stored for Stored2 {
    #[inline(always)]
    fn negated(mut self) -> Self {
        let l = &mut self[1].0;
        let (c0, c1) = (negated::<Fq>([l[0], l[1], l[2], l[3]]), negated::<Fq>([l[4], l[5], l[6], l[7]]));
        l[..4].copy_from_slice(&c0);
        l[4..].copy_from_slice(&c1);
        self
    }
    fn lines(&self) -> &[Line] {
        self
    }
}

/// A group of points and their coordinates.
pub trait Group: 'static {
    /// ark's points.
    type Affine: AffineRepr<BaseField = Self::Base> + Copy;
    /// ark's coordinates.
    type Base: Field;
    /// A point in memory.
    type Stored: Stored;
    /// Eight coordinates.
    type Coordinate<B: Backend>: Coordinate<Base = Self::Base, Stored = Self::Stored>;

    /// From affine coordinates on the curve.
    fn point(x: Self::Base, y: Self::Base) -> Self::Affine;
}

/// Eight coordinates.
pub trait Coordinate: Copy {
    /// ark's.
    type Base: Field;
    /// A point in memory.
    type Stored: Stored;

    /// From eight of ark's.
    fn from_base(x: [Self::Base; LANES]) -> Self;
    /// To eight of ark's.
    fn to_base(self) -> [Self::Base; LANES];
    /// x and y of eight points.
    fn read(points: [&Self::Stored; LANES]) -> (Self, Self);
    /// Eight points.
    fn write(x: Self, y: Self) -> [Self::Stored; LANES];
    /// The canonical form.
    fn reduced(self) -> Self;
    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// Square.
    fn square(self) -> Self;
    /// `−x` in the lanes whose bit is set.
    fn negate_where(self, mask: u8) -> Self;
}

/// G1 of BN254.
pub enum G1 {}

impl Group for G1 {
    type Affine = G1Affine;
    type Base = Fq;
    type Stored = Stored1;
    type Coordinate<B: Backend> = In1<B::Fq>;

    fn point(x: Fq, y: Fq) -> G1Affine {
        G1Affine::new_unchecked(x, y)
    }
}

/// G2 of BN254.
pub enum G2 {}

impl Group for G2 {
    type Affine = G2Affine;
    type Base = Fq2;
    type Stored = Stored2;
    type Coordinate<B: Backend> = In2<B::Fq>;

    fn point(x: Fq2, y: Fq2) -> G2Affine {
        G2Affine::new_unchecked(x, y)
    }
}

/// Coordinates in G1.
#[derive(Clone, Copy)]
pub struct In1<L>(L);

/// Coordinates in G2: `c0 + c1·u`, `u² = −1`.
#[derive(Clone, Copy)]
pub struct In2<L>(L, L);

impl<L: Lanes<Fq>> Coordinate for In1<L> {
    type Base = Fq;
    type Stored = Stored1;

    #[inline(always)]
    fn from_base(x: [Fq; LANES]) -> Self {
        In1(L::from_field(x))
    }
    #[inline(always)]
    fn to_base(self) -> [Fq; LANES] {
        self.0.to_field()
    }
    #[inline(always)]
    fn read(points: [&Stored1; LANES]) -> (Self, Self) {
        let (x, y) = L::read(points.map(|p| &p[0]));
        (In1(x), In1(y))
    }
    #[inline(always)]
    fn write(x: Self, y: Self) -> [Stored1; LANES] {
        L::write(x.0, y.0).map(|line| [line])
    }
    #[inline(always)]
    fn reduced(self) -> Self {
        In1(self.0.reduced())
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        In1(self.0.add(other.0))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        In1(self.0.sub(other.0))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        In1(self.0.mul(other.0))
    }
    #[inline(always)]
    fn square(self) -> Self {
        In1(self.0.mul(self.0))
    }
    #[inline(always)]
    fn negate_where(self, mask: u8) -> Self {
        In1(self.0.negate_where(mask))
    }
}

impl<L: Lanes<Fq>> Coordinate for In2<L> {
    type Base = Fq2;
    type Stored = Stored2;

    #[inline(always)]
    fn from_base(x: [Fq2; LANES]) -> Self {
        In2(L::from_field(x.map(|x| x.c0)), L::from_field(x.map(|x| x.c1)))
    }
    #[inline(always)]
    fn to_base(self) -> [Fq2; LANES] {
        let (c0, c1) = (self.0.to_field(), self.1.to_field());
        from_fn(|i| Fq2::new(c0[i], c1[i]))
    }
    #[inline(always)]
    fn read(points: [&Stored2; LANES]) -> (Self, Self) {
        let (x, y) = (L::read(points.map(|p| &p[0])), L::read(points.map(|p| &p[1])));
        (In2(x.0, x.1), In2(y.0, y.1))
    }
    #[inline(always)]
    fn write(x: Self, y: Self) -> [Stored2; LANES] {
        let (x, y) = (L::write(x.0, x.1), L::write(y.0, y.1));
        from_fn(|i| [x[i], y[i]])
    }
    #[inline(always)]
    fn reduced(self) -> Self {
        In2(self.0.reduced(), self.1.reduced())
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        In2(self.0.add(other.0), self.1.add(other.1))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        In2(self.0.sub(other.0), self.1.sub(other.1))
    }
    /// Karatsuba's: three products.
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (low, high) = (self.0.mul(other.0), self.1.mul(other.1));
        let cross = self.0.add(self.1).mul(other.0.add(other.1));
        In2(low.sub(high), cross.sub(low).sub(high))
    }
    /// `(c0 + c1)(c0 − c1) + 2·c0·c1·u`.
    #[inline(always)]
    fn square(self) -> Self {
        let product = self.0.mul(self.1);
        In2(self.0.add(self.1).mul(self.0.sub(self.1)), product.add(product))
    }
    #[inline(always)]
    fn negate_where(self, mask: u8) -> Self {
        In2(self.0.negate_where(mask), self.1.negate_where(mask))
    }
}

/// The inverses of all lanes of all vectors with one inversion; `None` if any of them is zero.
#[inline(always)]
pub(crate) fn inverses<C: Coordinate, const N: usize>(x: [C; N]) -> Option<[C; N]> {
    let mut all = [[C::Base::ZERO; LANES]; N];
    for (row, x) in all.iter_mut().zip(x) {
        *row = x.to_base();
    }
    let flat = all.as_flattened_mut();
    if flat.contains(&C::Base::ZERO) {
        return None;
    }
    batch_inversion(flat);
    let mut out = x;
    for (x, row) in out.iter_mut().zip(all) {
        *x = C::from_base(row);
    }
    Some(out)
}
