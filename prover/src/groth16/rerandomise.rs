//! Another proof of the same statement from a proof that exists: anybody can make one.

use ark_bn254::Bn254;
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, UniformRand, Zero};
use ark_serialize::CanonicalSerialize;
use rand::{CryptoRng, RngCore};
use veilpass_protocol::field::Fr;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_verifier::{Proof, ProofPointError, VerifyingKey};

/// `(A/ρ, ρB + ρtδ, C + tA)` for fresh ρ and t: distributed like an honest proof of the same statement
/// (ePrint 2020/811, Theorem 3). It is why platforms judge replay by nonce and pseudonym.
pub fn rerandomise<R: RngCore + CryptoRng>(
    key: &VerifyingKey,
    proof: &Proof,
    rng: &mut R,
) -> Result<[u8; PROOF_BYTES], ProofPointError> {
    loop {
        let factors = (Fr::rand(rng), Fr::rand(rng));
        if let Some(other) = rerandomised(key, proof, factors) {
            return other;
        }
    }
}

/// With given factors; `None` if they will not do.
fn rerandomised(
    key: &VerifyingKey,
    proof: &Proof,
    (rho, t): (Fr, Fr),
) -> Option<Result<[u8; PROOF_BYTES], ProofPointError>> {
    type G2 = <Bn254 as Pairing>::G2;
    let inverse = rho.inverse()?;
    let a = *proof.a() * inverse;
    let b: G2 = *proof.b() * rho + key.points().delta_g2 * (rho * t);
    let c = proof.c().into_group() + *proof.a() * t;
    if a.is_zero() || b.is_zero() || c.is_zero() {
        return None;
    }
    let mut bytes = [0; PROOF_BYTES];
    let points = (a.into_affine(), b.into_affine(), c.into_affine());
    // Compressed points have a fixed size that fits.
    points.serialize_compressed(&mut bytes[..]).ok()?;
    Some(Proof::from_bytes(&bytes).map(|p| p.to_bytes()))
}
