//! The plain engine: ark-groth16 over the matrices that `circuits` extracted once. Nothing is
//! synthesized again for a proof.

use super::{ProveError, Prover};
use ark_bn254::Bn254;
use ark_ff::{PrimeField, Zero};
use ark_groth16::Groth16;
use ark_serialize::CanonicalSerialize;
use rand::{CryptoRng, RngCore};
use sha2::{Digest, Sha512};
use veilpass_circuits::{Witness, assign, shape};
use veilpass_params::ProvingKey;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::field::{Fr, to_bytes};
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::Statement;
use veilpass_verifier::{KeyFault, PreparedKey, Proof};
use zeroize::{Zeroize, Zeroizing};

/// A proving key, ready to prove, with the verifying key that checks every proof before it leaves.
pub struct ArkProver {
    key: ProvingKey,
    check: PreparedKey,
}

impl ArkProver {
    /// Takes a proving key, which has been checked against its verifying key and the circuit's shape.
    pub fn new(key: ProvingKey) -> Result<ArkProver, KeyFault> {
        let check = PreparedKey::new(key.verifying_key().clone())?;
        Ok(ArkProver { key, check })
    }
}

impl Prover for ArkProver {
    fn circuit(&self) -> CircuitId {
        self.check.circuit_id()
    }

    fn prove<R: RngCore + CryptoRng>(
        &self,
        statement: &Statement,
        witness: &Witness,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        self.prove_blinded(statement, witness, blinding(statement, witness, rng))
    }
}

impl ArkProver {
    /// The work itself, apart from the RNG: it is compiled once, here, and not again in every crate that
    /// proves.
    fn prove_blinded(
        &self,
        statement: &Statement,
        witness: &Witness,
        [r, s]: [Zeroizing<Fr>; 2],
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let assignment = assign(statement, witness);
        // ark would make a well-formed proof of nothing from a bad assignment.
        if let Some(clause) = shape().failing_clause(&assignment) {
            return Err(ProveError::Unsatisfied(clause));
        }
        let matrices = shape().matrices();
        let proof = Groth16::<Bn254>::create_proof_with_reduction_and_matrices(
            self.key.groth16(),
            *r,
            *s,
            &matrices.abc,
            matrices.inputs,
            matrices.rows(),
            &assignment,
        )
        .map_err(|e| ProveError::Engine(e.to_string()))?;
        let mut bytes = [0; PROOF_BYTES];
        let mut rest = &mut bytes[..];
        (proof.a, proof.b, proof.c).serialize_compressed(&mut rest).map_err(|_| ProveError::SelfCheck)?;
        let checked = Proof::from_bytes(&bytes).map_err(|_| ProveError::SelfCheck)?;
        self.check.check(statement, &checked).map_err(|_| ProveError::SelfCheck)?;
        Ok(bytes)
    }
}

/// The two blinding factors, hedged: hashed from 32 fresh bytes, the holder's secrets and all public
/// inputs. Should the RNG ever repeat itself, two presentations still have different factors; with equal
/// ones anybody could interpolate a proof for any challenge.
fn blinding<R: RngCore + CryptoRng>(
    statement: &Statement,
    witness: &Witness,
    rng: &mut R,
) -> [Zeroizing<Fr>; 2] {
    let mut seed = Sha512::new();
    let mut fresh = Zeroizing::new([0u8; 32]);
    seed.update("veilpass:blind:v1");
    for secret in [&witness.k, &witness.d, &witness.slot] {
        seed.update(Zeroizing::new(to_bytes(secret)));
    }
    for input in statement.to_array() {
        seed.update(to_bytes(&input));
    }
    [(); 2].map(|()| {
        loop {
            rng.fill_bytes(&mut *fresh);
            seed.update(fresh.as_slice());
            let mut wide: [u8; 64] = seed.clone().finalize().into();
            let factor = Zeroizing::new(Fr::from_be_bytes_mod_order(&wide));
            wide.zeroize();
            seed.update(b".");
            if !factor.is_zero() {
                break factor;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    /// An RNG that always gives zeros.
    struct Stuck;

    impl RngCore for Stuck {
        fn next_u32(&mut self) -> u32 {
            0
        }
        fn next_u64(&mut self) -> u64 {
            0
        }
        fn fill_bytes(&mut self, dest: &mut [u8]) {
            dest.fill(0);
        }
        fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand::Error> {
            dest.fill(0);
            Ok(())
        }
    }
    impl CryptoRng for Stuck {}

    #[test]
    fn blinding_differs_even_with_a_stuck_rng() {
        let witness = Witness { k: Fr::from(1u64), d: Fr::from(2u64), ..Witness::default() };
        let mut inputs = [Fr::zero(); 14];
        let mut seen = Vec::new();
        for n in 0..14 {
            inputs[n] += Fr::from(1u64);
            seen.extend(blinding(&Statement::from_array(inputs), &witness, &mut Stuck).map(|f| *f));
        }
        let other = Witness { k: Fr::from(3u64), ..witness.clone() };
        seen.extend(blinding(&Statement::from_array(inputs), &other, &mut Stuck).map(|f| *f));
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), count), (30, 30));
        let mut rng = StdRng::seed_from_u64(1);
        let statement = Statement::from_array(inputs);
        assert_ne!(blinding(&statement, &witness, &mut rng), blinding(&statement, &witness, &mut rng));
    }
}
