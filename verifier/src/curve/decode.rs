//! Compressed points, as arkworks writes them: `x` from its lowest byte, the two highest bits of the last byte for the
//! sign of `y` and for infinity. One encoding each: what would be written in another way is refused.

use super::fe::Fe;
use super::fe2::Fe2;
use super::point::{Affine, G1, G2};
use ark_bn254::Fq;
use ark_ff::{BigInt, MontFp, PrimeField};

/// `b = 3`.
const B1: Fe = Fe::of(MontFp!("3"));
/// `b′ = 3/(9 + u)`.
const B2: Fe2 = Fe2 {
    c0: Fe::of(MontFp!("19485874751759354771024239261021720505790618469301721065564631296452457478373")),
    c1: Fe::of(MontFp!("266929791119991161246907387137283842545076965332900288569378510910307636690")),
};

const UPPER: u8 = 0x80;
const INFINITY: u8 = 0x40;

/// What the bytes of a point are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded<P> {
    /// A point of the curve; whether of the subgroup is another question.
    Point(P),
    /// Infinity, spelled in some way.
    Infinity,
    /// No point.
    Nothing,
}

/// A number below `p` from its 32 bytes.
fn residue(bytes: &[u8; 32], mask: u8) -> Option<Fe> {
    let mut limbs = [0u64; 4];
    let (words, _) = bytes.as_chunks::<8>();
    for (limb, word) in limbs.iter_mut().zip(words) {
        *limb = u64::from_le_bytes(*word);
    }
    limbs[3] &= !(u64::from(mask) << 56);
    Fq::from_bigint(BigInt::new(limbs)).map(Fe::of)
}

/// Reads a point of G1 (`x³ + 3`; all points of this curve are in its group).
pub(crate) fn g1(bytes: &[u8; 32]) -> Encoded<G1> {
    let flags = bytes[31] & (UPPER | INFINITY);
    let Some(x) = residue(bytes, UPPER | INFINITY).filter(|_| flags != UPPER | INFINITY) else {
        return Encoded::Nothing;
    };
    if flags == INFINITY {
        return Encoded::Infinity;
    }
    let Some(y) = x.square().mul(x).add(B1).sqrt() else { return Encoded::Nothing };
    let y = if y.is_upper() == (flags == UPPER) { y } else { y.neg() };
    Encoded::Point(Affine { x, y })
}

/// Reads a point of the twist, of which the group G2 is a small part.
pub(crate) fn g2(c0: &[u8; 32], c1: &[u8; 32]) -> Encoded<G2> {
    let flags = c1[31] & (UPPER | INFINITY);
    let (Some(c0), Some(c1), true) =
        (residue(c0, 0), residue(c1, UPPER | INFINITY), flags != UPPER | INFINITY)
    else {
        return Encoded::Nothing;
    };
    if flags == INFINITY {
        return Encoded::Infinity;
    }
    let x = Fe2 { c0, c1 };
    let Some(y) = x.square().mul(x).add(B2).sqrt() else { return Encoded::Nothing };
    let y = if y.is_upper() == (flags == UPPER) { y } else { y.neg() };
    Encoded::Point(Affine { x, y })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::AffineRepr;
    use ark_ff::{BigInteger, UniformRand};
    use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
    use rand::rngs::StdRng;
    use rand::{RngCore, SeedableRng};

    /// Both readers on the same bytes. Points that do not exist, of both signs, `x` above `p`, both flags.
    fn same(bytes: &[u8; 64]) -> (bool, bool) {
        let (low, high) = (bytes[..32].try_into().unwrap(), bytes[32..].try_into().unwrap());
        let ark = G1Affine::deserialize_compressed_unchecked(&bytes[..32]);
        let one = match (g1(&low), ark) {
            (Encoded::Point(p), Ok(q)) => {
                assert_eq!(p.to_ark(), q);
                let mut again = Vec::new();
                q.serialize_compressed(&mut again).unwrap();
                assert_eq!(again, low);
                true
            }
            (Encoded::Infinity, Ok(q)) => q.is_zero(),
            (Encoded::Nothing, Err(_)) => false,
            (ours, ark) => panic!("{low:?}: {ours:?} {ark:?}"),
        };
        let ark = G2Affine::deserialize_compressed_unchecked(&bytes[..]);
        let two = match (g2(&low, &high), ark) {
            (Encoded::Point(p), Ok(q)) => {
                assert_eq!(p.to_ark(), q);
                let mut again = Vec::new();
                q.serialize_compressed(&mut again).unwrap();
                assert_eq!(again, bytes);
                true
            }
            (Encoded::Infinity, Ok(q)) => q.is_zero(),
            (Encoded::Nothing, Err(_)) => false,
            (ours, ark) => panic!("{bytes:?}: {ours:?} {ark:?}"),
        };
        (one, two)
    }

    #[test]
    fn reads_what_arkworks_reads() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut ones, mut twos) = (0, 0);
        let mut cases: Vec<[u8; 64]> = vec![[0; 64], [0xff; 64]];
        // Small x, x around p, each with each flag.
        let p = Fq::MODULUS;
        let mut edges: Vec<BigInt<4>> = (0..20u64).map(BigInt::from).collect();
        for n in 0..3u64 {
            let (mut low, mut high) = (p, p);
            low.sub_with_borrow(&BigInt::from(n));
            high.add_with_carry(&BigInt::from(n));
            edges.extend([low, high]);
        }
        for a in &edges {
            for b in &edges {
                for flag in [0, 0x40, 0x80, 0xc0] {
                    let mut bytes = [0; 64];
                    bytes[..32].copy_from_slice(&a.to_bytes_le());
                    bytes[32..].copy_from_slice(&b.to_bytes_le());
                    bytes[31] |= if a == b { flag } else { 0 };
                    bytes[63] |= flag;
                    cases.push(bytes);
                }
            }
        }
        for _ in 0..300 {
            let mut bytes = [0; 64];
            rng.fill_bytes(&mut bytes);
            cases.push(bytes);
            // Mostly below p.
            bytes[31] &= 0x9f;
            bytes[63] &= 0x9f;
            cases.push(bytes);
            let mut point = Vec::new();
            let p = G2Affine::rand(&mut rng);
            let p = if bytes[0] & 1 == 0 { p } else { -p };
            p.serialize_compressed(&mut point).unwrap();
            cases.push(point.try_into().unwrap());
        }
        for bytes in &cases {
            let (one, two) = same(bytes);
            ones += usize::from(one);
            twos += usize::from(two);
        }
        assert!(ones > 300 && twos > 300 && cases.len() - ones > 300, "{ones} {twos}");
    }
}
