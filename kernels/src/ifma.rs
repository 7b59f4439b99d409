//! Eight lanes of AVX-512 IFMA: 52-bit limbs, Montgomery form with R = 2^260.
//!
//! The only module with `unsafe`. Two reasons occur: an intrinsic is called (the processor has it, because
//! vectors are made only inside [`run`], which [`Machine`](crate::Machine) calls only where [`available`] said
//! so), and [`run`] itself.
//!
//! **Bounds.** Between operations limbs are below 2^52 and values below 2p; sums and differences are brought back
//! there exactly. Only what [`Slack`] computes leaves these bounds: products take values up to 84p, which five limbs
//! hold, since `2^260 > 84.6p`. For the same reason a sum of products below `s·p²` is reduced to less than
//! `(s/84.6 + 1)·p`: to 1.05p for one product of values below 2p, to 1.76p for 16 of them, and to 84.4p for the most
//! that is allowed, `s = 84²`.

// One index runs through the limbs of several vectors.
#![allow(clippy::needless_range_loop)]

use crate::field::{Field, MASK};
use crate::lanes::{Backend, Block, LANES, Lanes, Line, Slack, Task};
use ark_bn254::{Fq, Fr};
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// An intrinsic of AVX-512F, DQ or IFMA.
macro_rules! simd {
    ($e:expr) => {{
        // SAFETY: vectors exist only inside `run`, on processors that have the instruction.
        #[allow(unsafe_code)]
        unsafe {
            $e
        }
    }};
}

/// Whether this processor has what the module needs.
pub(crate) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512ifma")
}

/// Runs a task with vectors of this module. Only for processors where [`available`] holds.
#[allow(unsafe_code)]
pub(crate) fn run<T: Task>(task: T) -> T::Out {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn with_features<T: Task>(task: T) -> T::Out {
        task.run::<Ifma>()
    }
    // SAFETY: `Machine` has this kind only after `available` found these features.
    unsafe { with_features(task) }
}

/// The backend.
pub(crate) struct Ifma;

impl Backend for Ifma {
    const WIDE: bool = true;
    type Fq = Vector<Fq>;
    type Fr = Vector<Fr>;

    #[inline(always)]
    fn prefetch<T>(value: &T) {
        let first: *const i8 = std::ptr::from_ref(value).cast();
        for line in 0..size_of::<T>().div_ceil(64) {
            simd!(_mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(64 * line)));
        }
    }
}

/// Eight elements; limb i of all of them in one register.
#[derive(Clone, Copy)]
pub struct Vector<F>([__m512i; 5], PhantomData<F>);

#[inline(always)]
fn all(x: u64) -> __m512i {
    simd!(_mm512_set1_epi64(x as i64))
}

// Closures do not have the machine's instructions, so vectors never pass through `map`.
#[inline(always)]
fn spread(limbs: [u64; 5]) -> [__m512i; 5] {
    [all(limbs[0]), all(limbs[1]), all(limbs[2]), all(limbs[3]), all(limbs[4])]
}

#[inline(always)]
fn zero() -> __m512i {
    simd!(_mm512_setzero_si512())
}

/// Carries upwards; limbs may be negative but the highest, which is left as it comes.
#[inline(always)]
fn carry(mut t: [__m512i; 5]) -> [__m512i; 5] {
    let mask = all(MASK);
    for i in 0..4 {
        t[i + 1] = simd!(_mm512_add_epi64(t[i + 1], _mm512_srai_epi64::<52>(t[i])));
        t[i] = simd!(_mm512_and_si512(t[i], mask));
    }
    t
}

/// Subtracts `m` where the value is not below it.
#[inline(always)]
fn subtract_once(t: [__m512i; 5], m: [u64; 5]) -> [__m512i; 5] {
    let mut less = t;
    for i in 0..5 {
        less[i] = simd!(_mm512_sub_epi64(t[i], all(m[i])));
    }
    let less = carry(less);
    let negative = simd!(_mm512_movepi64_mask(less[4]));
    let mut out = t;
    for i in 0..5 {
        out[i] = simd!(_mm512_mask_blend_epi64(negative, less[i], t[i]));
    }
    out
}

/// `t += a·b`, in ten limbs. None gets more than nine numbers below 2^52 of a product: after 24 products all are
/// below `216 · 2^52`.
#[inline(always)]
fn accumulate(t: &mut [__m512i; 10], a: [__m512i; 5], b: [__m512i; 5]) {
    for i in 0..5 {
        for j in 0..5 {
            t[i + j] = simd!(_mm512_madd52lo_epu64(t[i + j], a[j], b[i]));
            t[i + j + 1] = simd!(_mm512_madd52hi_epu64(t[i + j + 1], a[j], b[i]));
        }
    }
}

/// Montgomery's reduction: what is T on entering comes out below `T/2^260 + p`. Nine more numbers and a carry leave
/// the limbs of 24 products below 2^60 on the way; in the end, T being below `(84p)²`, five below 2^52 suffice.
#[inline(always)]
fn montgomery<F: Field>(mut t: [__m512i; 10]) -> [__m512i; 5] {
    let (p, n) = (spread(F::P52), all(F::N52));
    for i in 0..5 {
        let q = simd!(_mm512_madd52lo_epu64(zero(), t[i], n));
        for j in 0..5 {
            t[i + j] = simd!(_mm512_madd52lo_epu64(t[i + j], p[j], q));
            t[i + j + 1] = simd!(_mm512_madd52hi_epu64(t[i + j + 1], p[j], q));
        }
        // The lowest limb is a multiple of 2^52 now.
        t[i + 1] = simd!(_mm512_add_epi64(t[i + 1], _mm512_srli_epi64::<52>(t[i])));
    }
    carry([t[5], t[6], t[7], t[8], t[9]])
}

impl<F: Field> Vector<F> {
    #[inline(always)]
    fn of(limbs: [__m512i; 5]) -> Self {
        Vector(limbs, PhantomData)
    }

    #[inline(always)]
    fn constant(limbs: [u64; 5]) -> Self {
        Vector::of(spread(limbs))
    }

    /// From 64-bit limbs, one register each.
    #[inline(always)]
    fn from_words(w: [__m512i; 4]) -> Self {
        let mask = all(MASK);
        simd!({
            let joined = [
                w[0],
                _mm512_or_si512(_mm512_slli_epi64::<12>(w[1]), _mm512_srli_epi64::<52>(w[0])),
                _mm512_or_si512(_mm512_slli_epi64::<24>(w[2]), _mm512_srli_epi64::<40>(w[1])),
                _mm512_or_si512(_mm512_slli_epi64::<36>(w[3]), _mm512_srli_epi64::<28>(w[2])),
                _mm512_srli_epi64::<16>(w[3]),
            ];
            let mut limbs = joined;
            for i in 0..4 {
                limbs[i] = _mm512_and_si512(joined[i], mask);
            }
            Vector::of(limbs)
        })
    }

    #[inline(always)]
    fn words(self) -> [__m512i; 4] {
        let l = self.0;
        simd!([
            _mm512_or_si512(l[0], _mm512_slli_epi64::<52>(l[1])),
            _mm512_or_si512(_mm512_srli_epi64::<12>(l[1]), _mm512_slli_epi64::<40>(l[2])),
            _mm512_or_si512(_mm512_srli_epi64::<24>(l[2]), _mm512_slli_epi64::<28>(l[3])),
            _mm512_or_si512(_mm512_srli_epi64::<36>(l[3]), _mm512_slli_epi64::<16>(l[4])),
        ])
    }
}

/// Rows to columns, eight by eight.
#[inline(always)]
fn transpose(r: [__m512i; 8]) -> [__m512i; 8] {
    simd!({
        let (mut low, mut high) = ([zero(); 4], [zero(); 4]);
        for i in 0..4 {
            low[i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
            high[i] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
        }
        let (even, odd) = (blocks(low), blocks(high));
        [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
    })
}

/// The same for blocks of 128 bits, four by four.
#[inline(always)]
fn blocks(r: [__m512i; 4]) -> [__m512i; 4] {
    simd!({
        let even = [_mm512_shuffle_i64x2::<0x88>(r[0], r[1]), _mm512_shuffle_i64x2::<0x88>(r[2], r[3])];
        let odd = [_mm512_shuffle_i64x2::<0xdd>(r[0], r[1]), _mm512_shuffle_i64x2::<0xdd>(r[2], r[3])];
        [
            _mm512_shuffle_i64x2::<0x88>(even[0], even[1]),
            _mm512_shuffle_i64x2::<0x88>(odd[0], odd[1]),
            _mm512_shuffle_i64x2::<0xdd>(even[0], even[1]),
            _mm512_shuffle_i64x2::<0xdd>(odd[0], odd[1]),
        ]
    })
}

#[inline(always)]
fn load(x: &[u64; 8]) -> __m512i {
    simd!(_mm512_loadu_si512(x.as_ptr().cast()))
}

#[inline(always)]
fn store(x: __m512i) -> [u64; 8] {
    let mut out = [0u64; 8];
    simd!(_mm512_storeu_si512(out.as_mut_ptr().cast(), x));
    out
}

impl<F: Field> Lanes<F> for Vector<F> {
    #[inline(always)]
    fn from_field(x: [F; LANES]) -> Self {
        let mut columns = [[0u64; LANES]; 4];
        for (lane, x) in x.iter().enumerate() {
            let limbs = x.limbs();
            for i in 0..4 {
                columns[i][lane] = limbs[i];
            }
        }
        let [a, b, c, d] = &columns;
        let arks = Vector::<F>::from_words([load(a), load(b), load(c), load(d)]);
        arks.mul(Vector::constant(F::ENTER))
    }

    #[inline(always)]
    fn to_field(self) -> [F; LANES] {
        let [a, b, c, d] = self.mul(Vector::constant(F::LEAVE)).reduced().words();
        let words = [store(a), store(b), store(c), store(d)];
        std::array::from_fn(|lane| F::from_limbs(std::array::from_fn(|i| words[i][lane])))
    }

    #[inline(always)]
    fn splat(x: F) -> Self {
        Lanes::from_field([x; LANES])
    }

    #[inline(always)]
    fn read(lines: [&Line; LANES]) -> (Self, Self) {
        let mut rows = [zero(); 8];
        for (row, line) in rows.iter_mut().zip(lines) {
            *row = load(&line.0);
        }
        let [a, b, c, d, e, f, g, h] = transpose(rows);
        (Vector::from_words([a, b, c, d]), Vector::from_words([e, f, g, h]))
    }

    #[inline(always)]
    fn write(first: Self, second: Self) -> [Line; LANES] {
        let ([a, b, c, d], [e, f, g, h]) = (first.words(), second.words());
        let mut lines = [Line::default(); LANES];
        for (line, row) in lines.iter_mut().zip(transpose([a, b, c, d, e, f, g, h])) {
            line.0 = store(row);
        }
        lines
    }

    #[inline(always)]
    fn from_block(block: &Block) -> Self {
        let [a, b, c, d, e] = &block.0;
        Vector::of([load(a), load(b), load(c), load(d), load(e)])
    }

    #[inline(always)]
    fn to_block(self) -> Block {
        let [a, b, c, d, e] = self.0;
        Block([store(a), store(b), store(c), store(d), store(e)])
    }

    #[inline(always)]
    fn transpose(vectors: [Self; LANES]) -> [Self; LANES] {
        let mut out = vectors;
        for limb in 0..5 {
            let mut rows = [zero(); LANES];
            for i in 0..LANES {
                rows[i] = vectors[i].0[limb];
            }
            let columns = transpose(rows);
            for i in 0..LANES {
                out[i].0[limb] = columns[i];
            }
        }
        out
    }

    #[inline(always)]
    fn reduced(self) -> Self {
        Vector::of(subtract_once(subtract_once(self.0, F::P52), F::P52))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let mut t = self.0;
        for i in 0..5 {
            t[i] = simd!(_mm512_add_epi64(t[i], other.0[i]));
        }
        Vector::of(subtract_once(carry(t), F::P2_52))
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let mut t = self.0;
        for i in 0..5 {
            t[i] = simd!(_mm512_sub_epi64(t[i], other.0[i]));
        }
        // The sign first, by the carries alone.
        let mut high = t[0];
        for limb in &t[1..] {
            high = simd!(_mm512_add_epi64(*limb, _mm512_srai_epi64::<52>(high)));
        }
        let negative = simd!(_mm512_movepi64_mask(high));
        for i in 0..5 {
            t[i] = simd!(_mm512_mask_add_epi64(t[i], negative, t[i], all(F::P2_52[i])));
        }
        Vector::of(carry(t))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let mut t = [zero(); 10];
        accumulate(&mut t, self.0, other.0);
        Vector::of(montgomery::<F>(t))
    }

    #[inline(always)]
    fn two_products(a: Self, b: Self, c: Self, d: Self) -> Self {
        let mut t = [zero(); 10];
        accumulate(&mut t, a.0, b.0);
        accumulate(&mut t, c.0, d.0);
        Vector::of(montgomery::<F>(t))
    }

    #[inline(always)]
    fn dot<const N: usize>(a: &[Self; N], b: &[Block]) -> Self {
        const { assert!(N <= 16) };
        let mut t = [zero(); 10];
        for (a, b) in a.iter().zip(b) {
            accumulate(&mut t, a.0, Self::from_block(b).0);
        }
        Vector::of(montgomery::<F>(t))
    }

    #[inline(always)]
    fn negate_where(self, mask: u8) -> Self {
        let negative = Vector::of([zero(); 5]).sub(self);
        let mut out = self.0;
        for i in 0..5 {
            out[i] = simd!(_mm512_mask_blend_epi64(mask, self.0[i], negative.0[i]));
        }
        Vector::of(out)
    }
}

/// `2^260 − p`, whose multiples are subtractions modulo 2^260.
const fn complement(p: [u64; 5]) -> [u64; 5] {
    [MASK + 1 - p[0], MASK - p[1], MASK - p[2], MASK - p[3], MASK - p[4]]
}

impl<F: Field> Vector<F> {
    /// `⌊2^260/p⌋` or less: 84.
    const QUOTIENT: u64 = (MASK + 1) / (F::P52[4] + 1);

    #[inline(always)]
    fn plus_p(self, times: u64) -> [__m512i; 5] {
        let mut t = self.0;
        for i in 0..5 {
            t[i] = simd!(_mm512_add_epi64(t[i], all(times * F::P52[i])));
        }
        t
    }
}

impl<F: Field> Slack<F> for Vector<F> {
    type Sum = [__m512i; 10];

    #[inline(always)]
    fn arrange(self, other: Self, from: &[u64; LANES]) -> Self {
        let mut out = self.0;
        let from = load(from);
        for i in 0..5 {
            out[i] = simd!(_mm512_permutex2var_epi64(self.0[i], from, other.0[i]));
        }
        Vector::of(out)
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        let mut t = self.0;
        for i in 0..5 {
            t[i] = simd!(_mm512_add_epi64(t[i], other.0[i]));
        }
        Vector::of(t)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        let mut t = self.0;
        for i in 0..5 {
            t[i] = simd!(_mm512_sub_epi64(t[i], other.0[i]));
        }
        Vector::of(t)
    }

    #[inline(always)]
    fn settled<const K: u64>(self) -> Self {
        Vector::of(carry(self.plus_p(K)))
    }

    /// Let v be the value and h its highest limb, which is off by less than 2^12 for what the others have not carried
    /// on. With `q = ⌊84h/2^52⌋`, v − qp is not negative, since 84 < 2^260/p − 0.5 leaves more room than 2^12 where `q > 0`;
    /// and below `p + 0.7p`, since `v < 84.7p`.
    #[inline(always)]
    fn trimmed<const K: u64>(self) -> Self {
        let mut t = self.plus_p(K);
        let high = simd!(_mm512_max_epi64(t[4], zero()));
        let q = simd!(_mm512_madd52hi_epu64(zero(), high, all(Self::QUOTIENT)));
        let less = complement(F::P52);
        for i in 0..5 {
            t[i] = simd!(_mm512_madd52lo_epu64(t[i], q, all(less[i])));
            if i < 4 {
                t[i + 1] = simd!(_mm512_madd52hi_epu64(t[i + 1], q, all(less[i])));
            }
        }
        let mut t = carry(t);
        t[4] = simd!(_mm512_and_si512(t[4], all(MASK)));
        Vector::of(t)
    }

    #[inline(always)]
    fn nothing() -> [__m512i; 10] {
        [zero(); 10]
    }

    #[inline(always)]
    fn accumulate(sum: &mut [__m512i; 10], a: Self, b: Self) {
        accumulate(sum, a.0, b.0);
    }

    #[inline(always)]
    fn finish(sum: [__m512i; 10]) -> Self {
        Vector::of(montgomery::<F>(sum))
    }
}
