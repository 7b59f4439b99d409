//! Inverses in both prime fields and the quadratic extension, by the binary algorithm with approximations that nobody
//! has to predict: T. Pornin, "Optimized Binary GCD for Modular Inversion" (ePrint 2020/972), algorithm 2. Every sum of a
//! few thousand points waits for one.

use crate::field::{Field, at_least, minus, minus_inverse};
use ark_bn254::{Fq, Fq2, FqConfig, Fr, FrConfig};
use ark_ff::{Field as _, MontConfig};
use std::hint::select_unpredictable as select;

/// Halvings between two updates of the long numbers.
const INNER: u32 = 31;
/// Enough for numbers of 254 bits: 17 · 31 ≥ 2 · 254 − 1.
const OUTER: u32 = 17;

/// Elements that can be inverted many at once.
pub trait Invert: ark_ff::Field {
    /// The inverse; `None` for zero.
    fn invert(self) -> Option<Self>;
}

macro_rules! invert {
    ($field:ty, $config:ty) => {
        impl Invert for $field {
            fn invert(self) -> Option<$field> {
                /// R² as an element, R = 2^256.
                const R_SQUARED: $field = <$field>::new(<$config as MontConfig<4>>::R2);
                let inverse = inverse(self.limbs(), <$field as Field>::P)?;
                // The limbs of x are xR, so those of the inverse are x⁻¹R⁻¹, which are the limbs of x⁻¹R⁻².
                Some(<$field>::from_limbs(inverse) * R_SQUARED)
            }
        }
    };
}
invert!(Fq, FqConfig);
invert!(Fr, FrConfig);

impl Invert for Fq2 {
    /// `(c₀ − c₁u)/(c₀² + c₁²)`.
    fn invert(self) -> Option<Fq2> {
        let norm = (self.c0.square() + self.c1.square()).invert()?;
        Some(Fq2::new(self.c0 * norm, -(self.c1 * norm)))
    }
}

/// Inverts all of them with one inversion; false, and nothing done, if one is zero.
pub fn invert_all<F: Invert, const N: usize>(values: &mut [F; N]) -> bool {
    let mut before = [F::ONE; N];
    let mut product = F::ONE;
    for (before, value) in before.iter_mut().zip(values.iter()) {
        *before = product;
        product *= value;
    }
    let Some(mut inverse) = product.invert() else { return false };
    for (before, value) in before.into_iter().zip(values.iter_mut()).rev() {
        let next = inverse * *value;
        *value = inverse * before;
        inverse = next;
    }
    true
}

/// `y⁻¹ mod m` for an odd m below 2^254 and y below m; `None` if they have a common factor, as zero has.
fn inverse(y: [u64; 4], m: [u64; 4]) -> Option<[u64; 4]> {
    let negative = minus_inverse(m[0]) & MASK;
    let (mut a, mut b) = (y, m);
    let (mut u, mut v) = ([1, 0, 0, 0], [0; 4]);
    for _ in 0..OUTER {
        let n = length(a).max(length(b)).max(64);
        let (mut x, mut y) = (approximation(a, n), approximation(b, n));
        // f + 2^32·g in one word, which wraps at g = 2^31.
        let (mut fg0, mut fg1) = (1i64, 1i64 << 32);
        for _ in 0..INNER {
            // Nobody can predict them: y is subtracted if x is odd, and x is taken for y if it is then also smaller.
            let (odd, less) = (x & 1 == 1, x < y);
            let (swap, before) = (odd & less, (x, fg0));
            x = select(odd, select(less, y.wrapping_sub(x), x.wrapping_sub(y)), x) >> 1;
            fg0 = select(odd, select(less, fg1.wrapping_sub(fg0), fg0.wrapping_sub(fg1)), fg0);
            y = select(swap, before.0, y);
            fg1 = select(swap, before.1, fg1) << 1;
        }
        let ((mut f0, mut g0), (mut f1, mut g1)) = (apart(fg0), apart(fg1));
        let (next, flip) = halved(combine(a, f0, b, g0));
        if flip {
            (f0, g0) = (-f0, -g0);
        }
        let (other, flip) = halved(combine(a, f1, b, g1));
        if flip {
            (f1, g1) = (-f1, -g1);
        }
        (a, b) = (next, other);
        (u, v) = (reduced(combine(u, f0, v, g0), m, negative), reduced(combine(u, f1, v, g1), m, negative));
    }
    (b == [1, 0, 0, 0]).then_some(v)
}

/// f and g of `f + 2^32·g`, both above −2^31 and at most 2^31.
fn apart(fg: i64) -> (i64, i64) {
    const OFFSET: i64 = 0x7fff_ffff;
    let fg = fg.wrapping_add(OFFSET << 32 | OFFSET) as u64;
    ((fg & 0xffff_ffff) as i64 - OFFSET, (fg >> 32) as i64 - OFFSET)
}

const MASK: u64 = (1 << INNER) - 1;

fn length(x: [u64; 4]) -> u32 {
    let top = x.iter().rposition(|limb| *limb != 0).unwrap_or(0);
    64 * top as u32 + 64 - x[top].leading_zeros()
}

/// The low 31 bits, and above them the highest 33 of n.
fn approximation(x: [u64; 4], n: u32) -> u64 {
    if n == 64 {
        return x[0];
    }
    let (at, shift) = (((n - 33) / 64) as usize, (n - 33) % 64);
    let above = if at < 3 { x[at + 1] } else { 0 };
    let high = ((u128::from(above) << 64 | u128::from(x[at])) >> shift) as u64;
    (high << INNER) | (x[0] & MASK)
}

/// `a·f + b·g`, 320 bits with sign.
fn combine(a: [u64; 4], f: i64, b: [u64; 4], g: i64) -> [u64; 5] {
    let mut out = [0; 5];
    let mut carry = 0i128;
    for i in 0..4 {
        carry += i128::from(a[i]) * i128::from(f) + i128::from(b[i]) * i128::from(g);
        out[i] = carry as u64;
        carry >>= 64;
    }
    out[4] = carry as u64;
    out
}

/// `|x|/2^31`, and whether x is negative.
fn halved(x: [u64; 5]) -> ([u64; 4], bool) {
    let negative = (x[4] as i64) < 0;
    let flip = u64::from(negative).wrapping_neg();
    let mut carry = u64::from(negative);
    let x = x.map(|limb| {
        let (sum, over) = (limb ^ flip).overflowing_add(carry);
        carry = u64::from(over);
        sum
    });
    (shifted(x), negative)
}

fn shifted(x: [u64; 5]) -> [u64; 4] {
    std::array::from_fn(|i| x[i] >> INNER | x[i + 1] << (64 - INNER))
}

/// `x/2^31 mod m`, for |x| ≤ 2^31·m.
fn reduced(x: [u64; 5], m: [u64; 4], negative: u64) -> [u64; 4] {
    let t = (x[0].wrapping_mul(negative) & MASK) as i64;
    let mut carry = 0i128;
    let mut sum = [0; 5];
    for i in 0..4 {
        carry += i128::from(x[i]) + i128::from(m[i]) * i128::from(t);
        sum[i] = carry as u64;
        carry >>= 64;
    }
    sum[4] = x[4].wrapping_add(carry as u64);
    let below_zero = (sum[4] as i64) < 0;
    let out = shifted(sum);
    if below_zero {
        // The missing bits above are ones, and wrap away.
        return plus(out, m);
    }
    if at_least(out, m) { minus(out, m) } else { out }
}

/// Sum modulo 2^256.
fn plus(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut carry = false;
    std::array::from_fn(|i| {
        let (sum, over) = a[i].overflowing_add(b[i]);
        let (sum, over_too) = sum.overflowing_add(u64::from(carry));
        carry = over || over_too;
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{One, UniformRand, Zero};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn hold<F: Field + Invert>() {
        let mut rng = StdRng::seed_from_u64(31);
        let mut values: Vec<F> = (0..300u64).map(F::from).collect();
        values.extend((0..254u64).map(|n| F::from(2u8).pow([n])));
        values.extend((0..254u64).map(|n| F::from(2u8).pow([n]).inverse().unwrap()));
        values.extend((0..100_000).map(|_| F::rand(&mut rng)));
        for x in values {
            assert_eq!(x.invert(), x.inverse(), "{x}");
            assert_eq!((-x).invert(), (-x).inverse(), "-{x}");
        }
        // By their limbs: small numbers and those near p, whatever element they stand for.
        for n in 0..20u64 {
            let low = F::from_limbs([n, 0, 0, 0]);
            let high = F::from_limbs(if n == 0 { [1, 0, 0, 0] } else { minus(F::P, [n, 0, 0, 0]) });
            assert_eq!((low.invert(), high.invert()), (low.inverse(), high.inverse()));
        }
        assert_eq!(F::ZERO.invert(), None);
    }

    #[test]
    fn inverses_equal_ark() {
        hold::<Fq>();
        hold::<Fr>();
        let mut rng = StdRng::seed_from_u64(33);
        for _ in 0..1_000 {
            let x = Fq2::rand(&mut rng);
            assert_eq!(x.invert(), x.inverse());
        }
        assert_eq!(Fq2::zero().invert(), None);
    }

    #[test]
    fn all_or_none() {
        let mut rng = StdRng::seed_from_u64(32);
        let values: [Fq; 8] = std::array::from_fn(|_| Fq::rand(&mut rng));
        let mut inverted = values;
        assert!(invert_all(&mut inverted));
        assert!(values.iter().zip(&inverted).all(|(x, y)| (*x * y).is_one()));
        for zero in 0..8 {
            let mut values = values;
            values[zero] = Fq::zero();
            let before = values;
            assert!(!invert_all(&mut values) && values == before);
        }
    }
}
