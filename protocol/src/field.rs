//! The scalar field of BN254 and its only accepted encodings (contract §1).
//!
//! A field element travels as 64 lower-case hex digits or as 32 big-endian bytes, always below the
//! modulus `r`. Anything else is refused instead of reduced: accepting both `x` and `x + r` is how
//! Semaphore, Nightfall and others let one secret spend twice.

pub use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};

/// An encoding of a field element that is not the canonical one: wrong length, a digit that is not
/// lower-case hex, or a number ≥ `r`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the canonical encoding of a field element (64 lower-case hex digits, below r)")]
pub struct NotCanonical;

/// 32 big-endian bytes, the only binary form.
pub fn to_bytes(x: &Fr) -> [u8; 32] {
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(x.into_bigint().to_bytes_be()) {
        *to = from;
    }
    out
}

/// Reads 32 big-endian bytes; numbers ≥ `r` are refused.
pub fn from_bytes(bytes: &[u8; 32]) -> Result<Fr, NotCanonical> {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks_exact(8)) {
        *limb = chunk.iter().fold(0, |n, b| n << 8 | u64::from(*b));
    }
    Fr::from_bigint(ark_ff::BigInt::new(limbs)).ok_or(NotCanonical)
}

/// 64 lower-case hex digits, big-endian.
pub fn to_hex(x: &Fr) -> String {
    hex::encode(to_bytes(x))
}

/// Reads 64 lower-case hex digits below `r`.
pub fn from_hex(text: &str) -> Result<Fr, NotCanonical> {
    from_bytes(&hex32(text).ok_or(NotCanonical)?)
}

/// Reads exactly 64 lower-case hex digits as 32 bytes (hashes, circuit ids; no bound on the value).
pub fn hex32(text: &str) -> Option<[u8; 32]> {
    let digits = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 64 || !text.bytes().all(digits) {
        return None;
    }
    let mut out = [0u8; 32];
    hex::decode_to_slice(text, &mut out).ok()?;
    Some(out)
}

/// The first 31 bytes of a SHA-256 digest as a number: below 2^248, so canonical by construction.
pub fn from_digest(digest: &[u8; 32]) -> Fr {
    let mut limbs = [0u64; 4];
    for b in digest.iter().take(31) {
        let mut carry = u64::from(*b);
        for limb in &mut limbs {
            let high = *limb >> 56;
            *limb = *limb << 8 | carry;
            carry = high;
        }
    }
    Fr::from_bigint(ark_ff::BigInt::new(limbs)).unwrap_or_default()
}

/// The value as `u64`, if it is below 2^64.
pub fn to_u64(x: &Fr) -> Option<u64> {
    match x.into_bigint().0 {
        [low, 0, 0, 0] => Some(low),
        _ => None,
    }
}

/// Serde form of a field element, for `#[serde(with = "veilpass_protocol::field::serde_hex")]`.
pub mod serde_hex {
    use super::Fr;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes 64 hex digits.
    pub fn serialize<S: Serializer>(x: &Fr, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::to_hex(x))
    }

    /// Reads 64 canonical hex digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Fr, D::Error> {
        super::from_hex(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: &str = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";

    #[test]
    fn canonical_only() {
        assert_eq!(from_hex(R), Err(NotCanonical));
        let below = R.replace("0000001", "0000000");
        assert_eq!(to_hex(&from_hex(&below).unwrap()), below);
        assert_eq!(from_hex(&below).unwrap(), -Fr::from(1u64));
        for bad in [
            &R.to_uppercase()[..],
            "",
            "1",
            &format!("0{below}"),
            &below[1..],
            &"f".repeat(64),
            &format!(" {}", &below[1..]),
        ] {
            assert_eq!(from_hex(bad), Err(NotCanonical), "{bad}");
        }
    }

    #[test]
    fn digest_takes_the_first_31_bytes() {
        let mut d = [0u8; 32];
        d[30] = 7;
        d[31] = 9;
        assert_eq!(from_digest(&d), Fr::from(7u64));
        let x = from_digest(&[0xff; 32]);
        assert_eq!(to_hex(&x), format!("00{}", "ff".repeat(31)));
        assert_eq!(to_u64(&Fr::from(u64::MAX)), Some(u64::MAX));
        assert_eq!(to_u64(&x), None);
    }
}
