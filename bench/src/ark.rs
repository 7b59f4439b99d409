//! arkworks used the ordinary way, as its documentation shows it: the circuit synthesized for each proof
//! ([`Groth16::create_random_proof_with_reduction`]), a prepared verifying key, inputs prepared at each check.
//!
//! It is compiled with `parallel` and `asm` and the same flags as ours. Without bmi2 and adx at build time `asm` is
//! only the carry instructions of x86-64, not the multiplication; a default build has neither.

use crate::error::BenchError;
use crate::fixture::rng;
use crate::measure::Subject;
use crate::report::Impl;
use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, PreparedVerifyingKey, Proof, ProvingKey, prepare_verifying_key};
use ark_relations::gr1cs::ConstraintSynthesizer;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::rngs::StdRng;
use std::hint::black_box;
use veilpass_circuits::{Attest, Synthesis, Witness};
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::Statement;

/// The bytes of a proof of any circuit.
pub fn prove<C: ConstraintSynthesizer<Fr>>(
    key: &ProvingKey<Bn254>,
    circuit: C,
    rng: &mut StdRng,
) -> Result<[u8; PROOF_BYTES], BenchError> {
    let proof = Groth16::<Bn254>::create_random_proof_with_reduction(circuit, key, rng);
    encode(&proof.map_err(BenchError::ark)?)
}

/// A proof in the form in which it is sent.
pub fn encode(proof: &Proof<Bn254>) -> Result<[u8; PROOF_BYTES], BenchError> {
    let mut bytes = [0; PROOF_BYTES];
    proof.serialize_compressed(&mut bytes[..]).map_err(BenchError::ark)?;
    Ok(bytes)
}

/// ark's decoding and ark's check.
pub fn verify(
    key: &PreparedVerifyingKey<Bn254>,
    inputs: &[Fr],
    bytes: &[u8; PROOF_BYTES],
) -> Result<bool, BenchError> {
    let proof = Proof::<Bn254>::deserialize_compressed(&bytes[..]).map_err(BenchError::ark)?;
    Groth16::<Bn254>::verify_proof(key, &proof, inputs).map_err(BenchError::ark)
}

/// `prove_cold`: from statement and witness to 128 bytes.
pub fn cold<'a>(key: &'a ProvingKey<Bn254>, statement: &'a Statement, witness: &'a Witness) -> Subject<'a> {
    let mut rng = rng(2);
    Subject::new("prove_cold", Impl::Ark, move || {
        black_box(prove(key, Synthesis::new(&Attest, statement, witness), &mut rng)?);
        Ok(())
    })
}

/// `verify_single`: from 128 bytes and the inputs to the verdict.
pub fn single<'a>(
    key: &'a ProvingKey<Bn254>,
    statement: &Statement,
    proof: &'a [u8; PROOF_BYTES],
) -> Subject<'a> {
    let (prepared, inputs) = (prepare_verifying_key(&key.vk), statement.to_array());
    Subject::new("verify_single", Impl::Ark, move || match verify(&prepared, &inputs, proof)? {
        true => Ok(()),
        false => Err(BenchError::Wrong("ark's verification")),
    })
}
