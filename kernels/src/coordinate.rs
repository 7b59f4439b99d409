//! Coordinates of points: the base field for G1, its quadratic extension for G2, eight at a time.

use crate::field::minus;
use crate::inverse::{Invert, invert_all};
use crate::lanes::{Backend, Block, LANES, Lanes, Line, Machine};
use crate::msm::{Multiples, Sums, ToArk};
use crate::segments::Segments;
use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::Field;
use std::array::from_fn;

/// A point as it is stored: x, then y. Infinity is never stored.
pub trait Stored: Copy + Default + Send + Sync + 'static {
    /// Lines of one point.
    const LINES: usize;
    /// Lines as points.
    fn view(lines: &mut [Line]) -> &mut [Self];
    /// `−P` of a point in reduced form.
    fn negated(self) -> Self;
    /// The lines of one point.
    fn lines(&self) -> &[Line];
}

/// In G1.
pub type Stored1 = [Line; 1];
/// In G2: a line for each coordinate.
pub type Stored2 = [Line; 2];

/// `−y` of a reduced element in a backend's form: whatever the form, it is `p − y`.
#[inline(always)]
fn opposite(y: [u64; 4]) -> [u64; 4] {
    if y == [0; 4] { y } else { minus(<Fq as crate::Field>::P, y) }
}

impl Stored for Stored1 {
    const LINES: usize = 1;
    #[inline(always)]
    fn view(lines: &mut [Line]) -> &mut [Self] {
        lines.as_chunks_mut().0
    }
    #[inline(always)]
    fn negated(mut self) -> Self {
        let l = &mut self[0].0;
        let y = opposite([l[4], l[5], l[6], l[7]]);
        l[4..].copy_from_slice(&y);
        self
    }
    fn lines(&self) -> &[Line] {
        self
    }
}

impl Stored for Stored2 {
    const LINES: usize = 2;
    #[inline(always)]
    fn view(lines: &mut [Line]) -> &mut [Self] {
        lines.as_chunks_mut().0
    }
    #[inline(always)]
    fn negated(mut self) -> Self {
        let l = &mut self[1].0;
        let (c0, c1) = (opposite([l[0], l[1], l[2], l[3]]), opposite([l[4], l[5], l[6], l[7]]));
        l[..4].copy_from_slice(&c0);
        l[4..].copy_from_slice(&c1);
        self
    }
    fn lines(&self) -> &[Line] {
        self
    }
}

/// A group of points and their coordinates.
pub trait Group: Sized + 'static {
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

    // The long computations are compiled here, for each group, and not again in every crate that uses one.
    /// Runs the task.
    #[doc(hidden)]
    fn sums(machine: Machine, task: Sums<'_, Self>) -> Segments<Self::Stored>;
    /// Runs the task.
    #[doc(hidden)]
    fn multiples(machine: Machine, task: Multiples<'_, Self>);
    /// Runs the task.
    #[doc(hidden)]
    fn to_ark(machine: Machine, task: ToArk<'_, Self>) -> Vec<Self::Affine>;
}

macro_rules! compiled_here {
    () => {
        fn sums(machine: Machine, task: Sums<'_, Self>) -> Segments<Self::Stored> {
            machine.run(task)
        }
        fn multiples(machine: Machine, task: Multiples<'_, Self>) {
            machine.run(task)
        }
        fn to_ark(machine: Machine, task: ToArk<'_, Self>) -> Vec<Self::Affine> {
            machine.run(task)
        }
    };
}

/// Eight coordinates.
pub trait Coordinate: Copy {
    /// ark's.
    type Base: Field + Invert;
    /// A point in memory.
    type Stored: Stored;
    /// Blocks that one of these takes in memory.
    const BLOCKS: usize;

    /// Puts it into memory, [`Coordinate::BLOCKS`] long.
    fn store(self, to: &mut [Block]);
    /// Takes it from there.
    fn load(from: &[Block]) -> Self;
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

    compiled_here!();
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

    compiled_here!();
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
    const BLOCKS: usize = 1;

    #[inline(always)]
    fn store(self, to: &mut [Block]) {
        to[0] = self.0.to_block();
    }
    #[inline(always)]
    fn load(from: &[Block]) -> Self {
        In1(L::from_block(&from[0]))
    }
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
    const BLOCKS: usize = 2;

    #[inline(always)]
    fn store(self, to: &mut [Block]) {
        to[0] = self.0.to_block();
        to[1] = self.1.to_block();
    }
    #[inline(always)]
    fn load(from: &[Block]) -> Self {
        In2(L::from_block(&from[0]), L::from_block(&from[1]))
    }
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
    /// Four products, but two reductions and one negation; Karatsuba's three products need three and five sums.
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let minus = other.1.negate_where(0xff);
        In2(
            L::two_products(self.0, other.0, self.1, minus),
            L::two_products(self.0, other.1, self.1, other.0),
        )
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
pub(crate) fn inverses<C: Coordinate>(x: [C; 4]) -> Option<[C; 4]> {
    let (low, high) = (x[0].mul(x[1]), x[2].mul(x[3]));
    let mut lanes = low.mul(high).to_base();
    if !invert_all(&mut lanes) {
        return None;
    }
    let inverse = C::from_base(lanes);
    let (low, high) = (inverse.mul(high), inverse.mul(low));
    Some([low.mul(x[1]), low.mul(x[0]), high.mul(x[3]), high.mul(x[2])])
}
