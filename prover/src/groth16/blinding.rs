//! Blinding factors that cannot repeat, and the last step of every proof.

use ark_bn254::{Fq2, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};
use ark_serialize::CanonicalSerialize;
use rand::{CryptoRng, RngCore};
use sha2::{Digest, Sha256, Sha512};
use veilpass_kernels::{Comb, G2, Invert, invert_all};
use veilpass_protocol::field::{Fr, to_bytes};
use veilpass_protocol::presentation::PROOF_BYTES;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What the holder's own secrets add to the blinding: without it nobody can say which factors a given RNG
/// would lead to.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct BlindingKey([u8; 32]);

impl BlindingKey {
    /// From the private inputs, in the order of their wires.
    pub fn new<'a>(private_inputs: impl IntoIterator<Item = &'a Fr>) -> BlindingKey {
        let mut hash = Sha256::new();
        hash.update("veilpass:blinding-key:v2");
        for secret in private_inputs {
            hash.update(Zeroizing::new(to_bytes(secret)));
        }
        BlindingKey(hash.finalize().into())
    }
}

/// A proof with nothing to hide it, as sums of the key's points. It is never encoded.
#[derive(Clone, Copy)]
pub(super) struct Unblinded {
    pub a: G1Projective,
    pub b: G2Projective,
    pub c: G1Projective,
}

impl std::ops::Add for Unblinded {
    type Output = Unblinded;
    fn add(self, other: Unblinded) -> Unblinded {
        Unblinded { a: self.a + other.a, b: self.b + other.b, c: self.c + other.c }
    }
}

/// The two factors of [`Factors::draw`].
pub(super) struct Factors {
    pub rho: Zeroizing<Fr>,
    pub t: Zeroizing<Fr>,
}

impl Factors {
    /// Hedged: ρ and t are hashed from the holder's key, 32 fresh bytes, all public inputs and the point A
    /// that they hide. Should the RNG repeat itself, two presentations still have different factors; with
    /// equal ones anybody could interpolate a proof for any challenge. Calling again goes on from `attempt`.
    pub fn draw<R: RngCore + CryptoRng>(
        key: &BlindingKey,
        inputs: &[Fr],
        a: &G1Affine,
        attempt: u8,
        rng: &mut R,
    ) -> Factors {
        let mut fresh = Zeroizing::new([0u8; 32]);
        rng.fill_bytes(&mut *fresh);
        let mut seed = Sha512::new();
        seed.update("veilpass:blind:v1");
        seed.update(key.0);
        seed.update(fresh.as_slice());
        for input in inputs {
            // As `to_bytes`, which takes memory for each.
            for limb in input.into_bigint().0.iter().rev() {
                seed.update(limb.to_be_bytes());
            }
        }
        for coordinate in [a.x, a.y] {
            for limb in coordinate.into_bigint().0 {
                seed.update(limb.to_be_bytes());
            }
        }
        seed.update([attempt]);
        let factor = |name: &str| {
            let mut wide: [u8; 64] = seed.clone().chain_update(name).finalize().into();
            let factor = Zeroizing::new(reduced(&wide));
            wide.zeroize();
            factor
        };
        Factors { rho: factor("rho"), t: factor("t") }
    }
}

/// 512 bits, the highest first, modulo r: `Fr::from_be_bytes_mod_order` in three steps instead of thirty-four.
fn reduced(wide: &[u8; 64]) -> Fr {
    /// 2^248.
    const SHIFT: Fr = Fr::new(BigInt::new([0, 0, 0, 1 << 56]));
    let (high, low) = wide.split_at(2);
    std::iter::once(high).chain(low.chunks_exact(31)).fold(Fr::ZERO, |sum, part| {
        let mut limbs = Zeroizing::new([0u64; 4]);
        for (limb, bytes) in limbs.iter_mut().zip(part.rchunks(8)) {
            *limb = bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        }
        // Below 2^248, and so below r.
        sum * SHIFT + Fr::from_bigint(BigInt::new(*limbs)).unwrap_or_default()
    })
}

/// `(A/ρ, ρB + ρtδ, C + tA)`: with fresh factors it is distributed like an honest proof of the same
/// statement (ePrint 2020/811, Theorem 3). `None` if ρ is zero or a point is infinity.
pub(super) fn blind(proof: &Unblinded, delta: &Comb<G2>, factors: &Factors) -> Option<[u8; PROOF_BYTES]> {
    let inverse = Zeroizing::new(factors.rho.invert()?);
    let (b, (a, c)) = rayon::join(
        || {
            let mut b = proof.b * *factors.rho;
            delta.add_multiple(&mut b, &(*factors.rho * *factors.t));
            b
        },
        || (proof.a * *inverse, proof.c + proof.a * *factors.t),
    );
    encode(a, b, c)
}

/// Affine coordinates of several points with one inversion.
pub(super) fn affine<const N: usize>(points: [G1Projective; N]) -> [G1Affine; N] {
    let mut affine = G1Projective::normalize_batch(&points).into_iter();
    std::array::from_fn(|_| affine.next().unwrap_or_default())
}

/// The 128 bytes `A ‖ B ‖ C`, with one inversion for all coordinates; `None` if a point is infinity.
pub(super) fn encode(a: G1Projective, b: G2Projective, c: G1Projective) -> Option<[u8; PROOF_BYTES]> {
    // 1/(c₀ + c₁u) = (c₀ − c₁u)/(c₀² + c₁²).
    let mut inverses = [a.z, c.z, b.z.c0.square() + b.z.c1.square()];
    if !invert_all(&mut inverses) {
        return None;
    }
    let [of_a, of_c, of_norm] = inverses;
    let of_b = Fq2::new(b.z.c0 * of_norm, -(b.z.c1 * of_norm));
    let in_g1 = [(a, of_a), (c, of_c)].map(|(p, z)| {
        let zz = z.square();
        G1Affine::new_unchecked(p.x * zz, p.y * (zz * z))
    });
    let zz = of_b.square();
    let b = G2Affine::new_unchecked(b.x * zz, b.y * (zz * of_b));
    let [a, c] = in_g1;
    let mut bytes = [0; PROOF_BYTES];
    (a, b, c).serialize_compressed(&mut bytes[..]).ok()?;
    Some(bytes)
}

/// Blinds with fresh factors; `None` if a point stays infinity whatever the factors are.
pub(super) fn blinded<R: RngCore + CryptoRng>(
    proof: &Unblinded,
    delta: &Comb<G2>,
    key: &BlindingKey,
    inputs: &[Fr],
    rng: &mut R,
) -> Option<[u8; PROOF_BYTES]> {
    let a = proof.a.into_affine();
    (0..=u8::MAX).find_map(|attempt| blind(proof, delta, &Factors::draw(key, inputs, &a, attempt, rng)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    #[test]
    fn wide_numbers_are_reduced_as_by_ark() {
        let mut rng = StdRng::seed_from_u64(61);
        let mut numbers: Vec<[u8; 64]> = (0..64).map(|n| std::array::from_fn(|i| u8::from(i == n))).collect();
        numbers.extend((0..=64).map(|n| std::array::from_fn(|i| if i < n { 0 } else { 0xff })));
        numbers.extend((0..1_000).map(|_| std::array::from_fn(|_| rng.r#gen())));
        for wide in numbers {
            assert_eq!(reduced(&wide), Fr::from_be_bytes_mod_order(&wide), "{wide:?}");
        }
    }
}
