//! The two prime fields of BN254, with the numbers that the eight-lane kernels need.

use ark_bn254::{Fq, FqConfig, Fr, FrConfig};
use ark_ff::{BigInt, MontConfig, PrimeField};

/// Low 52 bits.
pub(crate) const MASK: u64 = (1 << 52) - 1;

/// A prime field of 254 bits in ark's Montgomery form (R = 2^256). Implemented for `Fq` and `Fr`, and for
/// nothing else.
pub trait Field: PrimeField<BigInt = BigInt<4>> + private::Sealed {
    /// The modulus p, 64-bit limbs, lowest first.
    const P: [u64; 4];
    /// p in 52-bit limbs.
    const P52: [u64; 5];
    /// 2p in 52-bit limbs.
    const P2_52: [u64; 5];
    /// `−p⁻¹ mod 2^52`.
    const N52: u64;
    /// `2^264 mod p` in 52-bit limbs: takes ark's form to that of R = 2^260.
    const ENTER: [u64; 5];
    /// `2^256 mod p` in 52-bit limbs: takes it back.
    const LEAVE: [u64; 5];

    /// ark's limbs in Montgomery form.
    fn limbs(&self) -> [u64; 4];
    /// From ark's limbs in Montgomery form, which must be below p.
    fn from_limbs(limbs: [u64; 4]) -> Self;
}

mod private {
    pub trait Sealed {}
    impl Sealed for ark_bn254::Fq {}
    impl Sealed for ark_bn254::Fr {}
}

macro_rules! field {
    ($field:ty, $config:ty) => {
        impl Field for $field {
            const P: [u64; 4] = <$config as MontConfig<4>>::MODULUS.0;
            const P52: [u64; 5] = to_52(Self::P);
            const P2_52: [u64; 5] = to_52(double(Self::P));
            const N52: u64 = minus_inverse(Self::P[0]) & MASK;
            const ENTER: [u64; 5] = to_52(times_2_to_the_8(<$config as MontConfig<4>>::R.0, Self::P));
            const LEAVE: [u64; 5] = to_52(<$config as MontConfig<4>>::R.0);

            #[inline(always)]
            fn limbs(&self) -> [u64; 4] {
                (self.0).0
            }
            #[inline(always)]
            fn from_limbs(limbs: [u64; 4]) -> $field {
                <$field>::new_unchecked(BigInt::new(limbs))
            }
        }
    };
}

field!(Fq, FqConfig);
field!(Fr, FrConfig);

/// 256 bits as five limbs of 52 (the highest has 48).
pub(crate) const fn to_52(w: [u64; 4]) -> [u64; 5] {
    [
        w[0] & MASK,
        (w[0] >> 52 | w[1] << 12) & MASK,
        (w[1] >> 40 | w[2] << 24) & MASK,
        (w[2] >> 28 | w[3] << 36) & MASK,
        w[3] >> 16,
    ]
}

const fn double(w: [u64; 4]) -> [u64; 4] {
    [w[0] << 1, w[1] << 1 | w[0] >> 63, w[2] << 1 | w[1] >> 63, w[3] << 1 | w[2] >> 63]
}

pub(crate) const fn at_least(a: [u64; 4], b: [u64; 4]) -> bool {
    let mut i = 4;
    while i > 0 {
        i -= 1;
        if a[i] != b[i] {
            return a[i] > b[i];
        }
    }
    true
}

/// `a − b` for `a ≥ b`.
pub(crate) const fn minus(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut out = [0; 4];
    let mut borrow = false;
    let mut i = 0;
    while i < 4 {
        let (d, under) = a[i].overflowing_sub(b[i]);
        let (d, under_too) = d.overflowing_sub(borrow as u64);
        out[i] = d;
        borrow = under || under_too;
        i += 1;
    }
    out
}

const fn times_2_to_the_8(mut w: [u64; 4], p: [u64; 4]) -> [u64; 4] {
    let mut i = 0;
    while i < 8 {
        w = double(w);
        if at_least(w, p) {
            w = minus(w, p);
        }
        i += 1;
    }
    w
}

/// `−p⁻¹ mod 2^64` by Newton's iteration; p is odd.
pub(crate) const fn minus_inverse(p: u64) -> u64 {
    let mut x = 1u64;
    let mut i = 0;
    while i < 6 {
        x = x.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(x)));
        i += 1;
    }
    x.wrapping_neg()
}
