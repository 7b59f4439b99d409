//! Decoding of the 128 proof bytes (contract §4): `A ‖ B ‖ C`, compressed, one encoding each.

use crate::curve::decode::{self, Encoded};
use crate::curve::point::{G1, G2};
use crate::curve::wide::is_inside;
use crate::key::put;
use ark_bn254::{G1Affine, G2Affine};
use std::fmt;

/// Bytes of a proof.
pub const PROOF_BYTES: usize = 128;

/// A Groth16 proof whose three points are on their curves, in their subgroups and not infinity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    a: G1Affine,
    b: G2Affine,
    c: G1Affine,
}

/// One of the proof's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofPart {
    /// A in G1, bytes 0–31.
    A,
    /// B in G2, bytes 32–95.
    B,
    /// C in G1, bytes 96–127.
    C,
}

impl fmt::Display for ProofPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A proof point that is refused (`proof_point`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofPointError {
    /// No point of the curve's subgroup has this encoding.
    #[error("{0} is no point of its group")]
    Invalid(ProofPart),
    /// Infinity has no place in a proof.
    #[error("{0} is infinity")]
    Infinity(ProofPart),
    /// The point has another, canonical encoding.
    #[error("{0} is not in its canonical encoding")]
    NotCanonical(ProofPart),
}

/// The three points of a proof, on their curves and not infinity. Whether B is in its subgroup has not been
/// asked yet: the first step of its Miller loop answers that for nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points {
    pub(crate) a: G1,
    pub(crate) b: G2,
    pub(crate) c: G1,
}

fn point<P>(read: Encoded<P>, part: ProofPart) -> Result<P, ProofPointError> {
    match read {
        Encoded::Point(point) => Ok(point),
        Encoded::Infinity => Err(ProofPointError::Infinity(part)),
        Encoded::Nothing => Err(ProofPointError::Invalid(part)),
    }
}

impl Points {
    /// B outside its subgroup, for whoever finds out later.
    pub(crate) const OUTSIDE: ProofPointError = ProofPointError::Invalid(ProofPart::B);

    /// Reads a proof up to the subgroup of B. The first point that is wrong is named.
    pub(crate) fn read(bytes: &[u8; PROOF_BYTES]) -> Result<Points, ProofPointError> {
        let (a, b, c) = decode::proof(parts(bytes));
        Points::joined(a, b, c)
    }

    /// [`Points::read`] of many, together.
    pub(crate) fn read_all(proofs: &[&[u8; PROOF_BYTES]]) -> Vec<Result<Points, ProofPointError>> {
        let each = || proofs.iter().map(|bytes| parts(bytes));
        let ends = decode::g1_all(each().flat_map(|[a, _, _, c]| [a, c]));
        let (ends, _) = ends.as_chunks::<2>();
        let middles = decode::g2_all(each().map(|[_, b0, b1, _]| (b0, b1)));
        ends.iter().zip(middles).map(|([a, c], b)| Points::joined(*a, b, *c)).collect()
    }

    fn joined(a: Encoded<G1>, b: Encoded<G2>, c: Encoded<G1>) -> Result<Points, ProofPointError> {
        let a = point(a, ProofPart::A)?;
        let b = point(b, ProofPart::B)?;
        match point(c, ProofPart::C) {
            Ok(c) => Ok(Points { a, b, c }),
            Err(_) if !is_inside(b) => Err(Points::OUTSIDE),
            Err(e) => Err(e),
        }
    }
}

/// The numbers in a proof: A, the two of B, C.
fn parts(bytes: &[u8; PROOF_BYTES]) -> [&[u8; 32]; 4] {
    const NONE: &[u8; 32] = &[0xff; 32];
    let (parts, _) = bytes.as_chunks::<32>();
    // 128 bytes are four parts; were they not, they would be no point.
    if let [a, b0, b1, c] = parts { [a, b0, b1, c] } else { [NONE; 4] }
}

impl Proof {
    /// Reads a proof. Every point is checked on its own; the subgroup check is never batched.
    pub fn from_bytes(bytes: &[u8; PROOF_BYTES]) -> Result<Proof, ProofPointError> {
        let Points { a, b, c } = Points::read(bytes)?;
        if !is_inside(b) {
            return Err(Points::OUTSIDE);
        }
        let proof = Proof { a: a.to_ark(), b: b.to_ark(), c: c.to_ark() };
        // The reader takes one encoding of each point. Should it ever take another, no proof comes of it.
        let again = proof.to_bytes();
        for (part, range) in [(ProofPart::A, 0..32), (ProofPart::B, 32..96), (ProofPart::C, 96..128)] {
            if again.get(range.clone()) != bytes.get(range) {
                return Err(ProofPointError::NotCanonical(part));
            }
        }
        Ok(proof)
    }

    /// `None` never: no point of a proof is infinity.
    pub(crate) fn points(&self) -> Option<Points> {
        Some(Points { a: G1::of(&self.a)?, b: G2::of(&self.b)?, c: G1::of(&self.c)? })
    }

    /// The 128 bytes it was read from.
    pub fn to_bytes(&self) -> [u8; PROOF_BYTES] {
        let mut out = Vec::with_capacity(PROOF_BYTES);
        put(&mut out, &self.a);
        put(&mut out, &self.b);
        put(&mut out, &self.c);
        let mut bytes = [0; PROOF_BYTES];
        for (to, from) in bytes.iter_mut().zip(out) {
            *to = from;
        }
        bytes
    }

    /// A in G1.
    pub fn a(&self) -> &G1Affine {
        &self.a
    }

    /// B in G2.
    pub fn b(&self) -> &G2Affine {
        &self.b
    }

    /// C in G1.
    pub fn c(&self) -> &G1Affine {
        &self.c
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Trapdoor, any_statement, g1, g2, proof_bytes};
    use ark_serialize::CanonicalDeserialize;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use veilpass_protocol::field::Fr;

    fn good() -> [u8; PROOF_BYTES] {
        proof_bytes(g1(Fr::from(3u64)), g2(Fr::from(4u64)), g1(Fr::from(5u64)))
    }

    const PARTS: [(ProofPart, std::ops::Range<usize>); 3] =
        [(ProofPart::A, 0..32), (ProofPart::B, 32..96), (ProofPart::C, 96..128)];

    #[test]
    fn round_trip() {
        let proof = Proof::from_bytes(&good()).unwrap();
        assert_eq!(proof.to_bytes(), good());
        assert_eq!((*proof.a(), *proof.b(), *proof.c()), (g1(3.into()), g2(4.into()), g1(5.into())));
    }

    #[test]
    fn infinity_in_every_place_and_spelling() {
        for (part, range) in PARTS {
            let mut bad = good();
            bad[range.clone()].fill(0);
            bad[range.end - 1] = 0x40;
            assert_eq!(Proof::from_bytes(&bad), Err(ProofPointError::Infinity(part)));
            // With another x, and with both flags.
            bad[range.start] = 9;
            assert!(Proof::from_bytes(&bad).is_err());
            bad[range.end - 1] = 0xc0;
            assert_eq!(Proof::from_bytes(&bad), Err(ProofPointError::Invalid(part)));
        }
    }

    /// x + p has the same residue, and no room in 254 bits for most x: 0x30… + 0x30… fits.
    #[test]
    fn coordinates_above_the_modulus() {
        use ark_bn254::Fq;
        use ark_ff::{BigInteger, PrimeField};
        let mut tried = 0;
        let mut rng = StdRng::seed_from_u64(8);
        while tried < 20 {
            let mut bytes =
                proof_bytes(g1(rand::Rng::r#gen::<u64>(&mut rng).into()), g2(4.into()), g1(5.into()));
            let flag = bytes[31] & 0x80;
            let mut x = Proof::from_bytes(&bytes).unwrap().a().x.into_bigint();
            x.add_with_carry(&Fq::MODULUS);
            if x.num_bits() > 254 {
                continue;
            }
            bytes[..32].copy_from_slice(&x.to_bytes_le());
            bytes[31] |= flag;
            assert_eq!(Proof::from_bytes(&bytes), Err(ProofPointError::Invalid(ProofPart::A)));
            tried += 1;
        }
    }

    #[test]
    fn points_off_curve_or_subgroup() {
        let mut on_twist = 0;
        for x in 0..64u8 {
            for (part, range) in PARTS {
                let mut bad = good();
                bad[range.clone()].fill(0);
                bad[range.start] = x;
                let read = Proof::from_bytes(&bad);
                if part == ProofPart::B {
                    assert_eq!(read, Err(ProofPointError::Invalid(part)));
                    let loose = G2Affine::deserialize_compressed_unchecked(&bad[range]);
                    on_twist += usize::from(loose.is_ok());
                } else if let Ok(read) = read {
                    assert_eq!(read.to_bytes(), bad);
                }
            }
        }
        assert!(on_twist > 8, "the test must reach the subgroup check: {on_twist}");
    }

    /// Whatever decodes is what it was decoded from: one proof, one encoding of each point.
    #[test]
    fn every_bit_flip_decodes_to_itself_or_not_at_all() {
        let mut rng = StdRng::seed_from_u64(9);
        let trapdoor = Trapdoor::from_seed(1);
        let bytes = trapdoor.simulate(&any_statement(&mut rng), &mut rng);
        let mut decoded = 0;
        for bit in 0..PROOF_BYTES * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(proof) = Proof::from_bytes(&bad) {
                assert_eq!(proof.to_bytes(), bad, "bit {bit}");
                decoded += 1;
            }
        }
        assert!(decoded >= 3, "at least the three sign flips decode: {decoded}");
    }
}
