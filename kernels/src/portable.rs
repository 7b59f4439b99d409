//! Vectors of ark's field elements: the slow twin of every other backend.

// One index runs through several arrays.
#![allow(clippy::needless_range_loop)]

use crate::field::Field;
use crate::lanes::{Block, LANES, Lanes, Line, Slack};
use std::array::from_fn;

/// Eight elements in ark's form.
#[derive(Clone, Copy)]
pub struct Eight<F>([F; LANES]);

impl<F: Field> Lanes<F> for Eight<F> {
    #[inline(always)]
    fn from_field(x: [F; LANES]) -> Self {
        Eight(x)
    }
    #[inline(always)]
    fn to_field(self) -> [F; LANES] {
        self.0
    }
    #[inline(always)]
    fn splat(x: F) -> Self {
        Eight([x; LANES])
    }
    #[inline(always)]
    fn read(lines: [&Line; LANES]) -> (Self, Self) {
        let element = |i: usize, at: usize| {
            let l = &lines[i].0;
            F::from_limbs([l[at], l[at + 1], l[at + 2], l[at + 3]])
        };
        (Eight(from_fn(|i| element(i, 0))), Eight(from_fn(|i| element(i, 4))))
    }
    #[inline(always)]
    fn write(first: Self, second: Self) -> [Line; LANES] {
        from_fn(|i| {
            let (a, b) = (first.0[i].limbs(), second.0[i].limbs());
            Line([a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]])
        })
    }
    #[inline(always)]
    fn from_block(block: &Block) -> Self {
        let l = &block.0;
        Eight(from_fn(|i| F::from_limbs([l[0][i], l[1][i], l[2][i], l[3][i]])))
    }
    #[inline(always)]
    fn to_block(self) -> Block {
        let mut block = Block::default();
        for (i, x) in self.0.iter().enumerate() {
            let limbs = x.limbs();
            for j in 0..4 {
                block.0[j][i] = limbs[j];
            }
        }
        block
    }
    #[inline(always)]
    fn transpose(vectors: [Self; LANES]) -> [Self; LANES] {
        from_fn(|i| Eight(from_fn(|j| vectors[j].0[i])))
    }
    #[inline(always)]
    fn reduced(self) -> Self {
        self
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Eight(from_fn(|i| self.0[i] + other.0[i]))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Eight(from_fn(|i| self.0[i] - other.0[i]))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Eight(from_fn(|i| self.0[i] * other.0[i]))
    }
    #[inline(always)]
    fn two_products(a: Self, b: Self, c: Self, d: Self) -> Self {
        Eight(from_fn(|i| F::sum_of_products(&[a.0[i], c.0[i]], &[b.0[i], d.0[i]])))
    }
    #[inline(always)]
    fn dot<const N: usize>(a: &[Self; N], b: &[Block]) -> Self {
        let mut sum = [F::ZERO; LANES];
        for (a, b) in a.iter().zip(b) {
            let b = Self::from_block(b);
            for lane in 0..LANES {
                sum[lane] += a.0[lane] * b.0[lane];
            }
        }
        Eight(sum)
    }
    #[inline(always)]
    fn negate_where(self, mask: u8) -> Self {
        Eight(from_fn(|i| if mask >> i & 1 == 1 { -self.0[i] } else { self.0[i] }))
    }
}

/// Always reduced, so that nothing is ever loose.
impl<F: Field> Slack<F> for Eight<F> {
    type Sum = Self;

    #[inline(always)]
    fn arrange(self, other: Self, from: &[u64; LANES]) -> Self {
        Eight(from.map(|i| if i < 8 { self.0[i as usize] } else { other.0[i as usize - 8] }))
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.add(other)
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.sub(other)
    }
    #[inline(always)]
    fn settled<const K: u64>(self) -> Self {
        self
    }
    #[inline(always)]
    fn trimmed<const K: u64>(self) -> Self {
        self
    }
    #[inline(always)]
    fn nothing() -> Self {
        Eight([F::ZERO; LANES])
    }
    #[inline(always)]
    fn accumulate(sum: &mut Self, a: Self, b: Self) {
        *sum = sum.add(a.mul(b));
    }
    #[inline(always)]
    fn finish(sum: Self) -> Self {
        sum
    }
}
