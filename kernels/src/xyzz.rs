//! Points over two denominators, for sums in lanes, and what makes one sum of eight partial ones.
//!
//! The formulas hold unless equal or opposite points meet. Then ZZ is zero, and so it stays in all sums that follow: who
//! looks at it in the end need not look before.

use crate::coordinate::Coordinate;
use crate::lanes::{Block, LANES, Lanes};
use ark_bn254::Fq;

/// `(X/ZZ, Y/ZZZ)`, ZZ³ = ZZZ².
#[derive(Clone, Copy)]
pub(crate) struct Point<C> {
    pub x: C,
    pub y: C,
    pub zz: C,
    pub zzz: C,
}

/// What additions need of coordinates.
pub trait Arithmetic: Copy {
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// Square.
    fn square(self) -> Self;
}

impl<C: Coordinate> Arithmetic for C {
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Coordinate::sub(self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Coordinate::mul(self, other)
    }
    #[inline(always)]
    fn square(self) -> Self {
        Coordinate::square(self)
    }
}

/// The Explicit-Formulas Database's add-2008-s, madd-2008-s and mmadd-2008-s.
impl<C: Arithmetic> Point<C> {
    /// Over one denominator `(x, y)` and `(x + p, y + r)`; the sum's has the factors pp and ppp.
    #[inline(always)]
    fn meet(x: C, y: C, p: C, r: C) -> Self {
        let pp = p.square();
        let ppp = p.mul(pp);
        let q = x.mul(pp);
        let x = r.square().sub(ppp).sub(q).sub(q);
        Point { x, y: r.mul(q.sub(x)).sub(y.mul(ppp)), zz: pp, zzz: ppp }
    }

    /// Of two affine points.
    #[inline(always)]
    pub fn of_two((x, y): (C, C), other: (C, C)) -> Self {
        Point::meet(x, y, other.0.sub(x), other.1.sub(y))
    }

    /// With an affine one.
    #[inline(always)]
    pub fn add_affine(self, (x, y): (C, C)) -> Self {
        let (u, s) = (x.mul(self.zz), y.mul(self.zzz));
        let sum = Point::meet(self.x, self.y, u.sub(self.x), s.sub(self.y));
        Point { zz: self.zz.mul(sum.zz), zzz: self.zzz.mul(sum.zzz), ..sum }
    }

    /// With another.
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        let this = Point { x: self.x.mul(o.zz), y: self.y.mul(o.zzz), ..self };
        let sum = this.add_affine((o.x, o.y));
        Point { zz: sum.zz.mul(o.zz), zzz: sum.zzz.mul(o.zzz), ..sum }
    }
}

/// Coordinates when eight partial sums have become four.
pub trait Half: Arithmetic {
    /// From memory.
    fn from_block(block: &Block) -> Self;
    /// For memory.
    fn to_block(self) -> Block;
    /// To eight of ark's.
    fn to_field(self) -> [Fq; LANES];
}

/// Of four points in each of two rows.
#[derive(Clone, Copy)]
pub struct Single<L>(L);

/// `c0 + c1·u` of four points, c0 in the lower lanes and c1 in the higher.
#[derive(Clone, Copy)]
pub struct Pair<L>(L);

macro_rules! half {
    ($half:ident, $mul:item) => {
        impl<L: Lanes<Fq>> Arithmetic for $half<L> {
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                $half(self.0.sub(other.0))
            }
            #[inline(always)]
            $mul
            #[inline(always)]
            fn square(self) -> Self {
                self.mul(self)
            }
        }

        impl<L: Lanes<Fq>> Half for $half<L> {
            #[inline(always)]
            fn from_block(block: &Block) -> Self {
                $half(L::from_block(block))
            }
            #[inline(always)]
            fn to_block(self) -> Block {
                self.0.to_block()
            }
            #[inline(always)]
            fn to_field(self) -> [Fq; LANES] {
                self.0.to_field()
            }
        }
    };
}
half!(
    Single,
    fn mul(self, other: Self) -> Self {
        Single(self.0.mul(other.0))
    }
);
half!(
    Pair,
    /// In the lower lanes `a0·b0 − a1·b1`, in the higher ones `a0·b1 + a1·b0`.
    fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0.to_block(), other.0.to_block());
        let (a0, a1) = (L::from_block(&lanes::<LOW>(&a, &a)), L::from_block(&lanes::<HIGH>(&a, &a)));
        let turned = L::from_block(&lanes::<BY_FOUR>(&b, &b)).negate_where(0x0f);
        Pair(L::two_products(a0, other.0, a1, turned))
    }
);

// The lower halves of both blocks, or the higher halves; or of the first each lane in the place of the one that is four,
// two or one away.
const LOW: u8 = 0;
const HIGH: u8 = 1;
const BY_FOUR: u8 = 4;
const BY_TWO: u8 = 2;
const BY_ONE: u8 = 3;

/// Lanes in other places.
#[inline(always)]
fn lanes<const FROM: u8>(a: &Block, b: &Block) -> Block {
    let mut to = Block::default();
    for limb in 0..5 {
        let (a, b) = (&a.0[limb], &b.0[limb]);
        to.0[limb] = match FROM {
            LOW => [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]],
            HIGH => [a[4], a[5], a[6], a[7], b[4], b[5], b[6], b[7]],
            BY_FOUR => [a[4], a[5], a[6], a[7], a[0], a[1], a[2], a[3]],
            BY_TWO => [a[2], a[3], a[0], a[1], a[6], a[7], a[4], a[5]],
            _ => [a[1], a[0], a[3], a[2], a[5], a[4], a[7], a[6]],
        };
    }
    to
}

/// Half of the lanes of a coordinate of two rows, or of both parts of a coordinate in the extension.
#[inline(always)]
fn half<C: Coordinate, H: Half, const FROM: u8>(first: C, second: C) -> H {
    let mut blocks = [Block::default(); 2];
    first.store(&mut blocks[..C::BLOCKS]);
    if C::BLOCKS == 1 {
        second.store(&mut blocks[1..]);
    }
    H::from_block(&lanes::<FROM>(&blocks[0], &blocks[1]))
}

impl<H: Half> Point<H> {
    /// The sum of eight points in each of two rows; in the extension, of the first eight only. It is in all lanes: the
    /// first row or c0 in the lower four, the second or c1 in the higher.
    #[inline(always)]
    pub fn of_eight<C: Coordinate>(first: Point<C>, second: Point<C>) -> Self {
        let (low, high) = (Point::half::<C, LOW>(first, second), Point::half::<C, HIGH>(first, second));
        low.add(high).add_lane::<BY_TWO>().add_lane::<BY_ONE>()
    }

    #[inline(always)]
    fn half<C: Coordinate, const FROM: u8>(a: Point<C>, b: Point<C>) -> Self {
        Point {
            x: half::<C, H, FROM>(a.x, b.x),
            y: half::<C, H, FROM>(a.y, b.y),
            zz: half::<C, H, FROM>(a.zz, b.zz),
            zzz: half::<C, H, FROM>(a.zzz, b.zzz),
        }
    }

    /// The sum with the point in another lane.
    #[inline(always)]
    fn add_lane<const FROM: u8>(self) -> Self {
        let [x, y, zz, zzz] = [self.x.to_block(), self.y.to_block(), self.zz.to_block(), self.zzz.to_block()];
        self.add(Point {
            x: H::from_block(&lanes::<FROM>(&x, &x)),
            y: H::from_block(&lanes::<FROM>(&y, &y)),
            zz: H::from_block(&lanes::<FROM>(&zz, &zz)),
            zzz: H::from_block(&lanes::<FROM>(&zzz, &zzz)),
        })
    }
}
