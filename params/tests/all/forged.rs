//! Known incidents against a key of the real circuit: forged proofs that arkworks accepts, under keys
//! that our lint refuses.

use crate::fixture::{ArkProof, fixture};
use ark_bn254::{Bn254, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::UniformRand;
use ark_groth16::Groth16;
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_circuits::Attest;
use veilpass_params::{ProvingKey, ProvingKeyError};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::Statement;
use veilpass_verifier::{KeyFault, KeyPart, Origin, PreparedKey, VerifyingKey};

type ArkKey = ark_groth16::ProvingKey<Bn254>;

/// A setup of the real circuit with a γ and δ of the caller's choice.
fn setup(gamma: Fr, delta: Fr, rng: &mut StdRng) -> ArkKey {
    let (g1, g2) = (G1Projective::generator(), ark_bn254::G2Projective::generator());
    let (alpha, beta) = (Fr::rand(rng), Fr::rand(rng));
    Groth16::<Bn254>::generate_parameters_with_qap(Attest::blank(), alpha, beta, gamma, delta, g1, g2, rng)
        .unwrap()
}

fn ark_accepts(key: &ArkKey, statement: &Statement, proof: &ArkProof) -> bool {
    let prepared = ark_groth16::prepare_verifying_key(&key.vk);
    Groth16::<Bn254>::verify_proof(&prepared, proof, &statement.to_array()).unwrap()
}

/// Ours, through both doors: the pair as a proving key, and the verifying key alone.
fn ours(key: &ArkKey) -> KeyFault {
    let refused = ProvingKey::from_groth16(Origin::Ceremony, key.clone()).unwrap_err();
    let ProvingKeyError::Unsafe(fault) = refused else { panic!("{refused}") };
    let points = veilpass_verifier::KeyPoints {
        alpha_g1: key.vk.alpha_g1,
        beta_g2: key.vk.beta_g2,
        gamma_g2: key.vk.gamma_g2,
        delta_g2: key.vk.delta_g2,
        ic: key.vk.gamma_abc_g1.clone(),
    };
    let alone = PreparedKey::new(VerifyingKey::from_points(Origin::Ceremony, points)).unwrap_err();
    assert_eq!(alone, fault);
    fault
}

fn input_commitment(ic: &[G1Affine], statement: &Statement) -> G1Projective {
    let inputs = statement.to_array();
    ic[1..].iter().zip(inputs).fold(ic[0].into_group(), |sum, (p, x)| sum + *p * x)
}

/// Veil Cash, FoomCash: nobody ran the second phase, γ = δ. Any statement, the public key alone.
#[test]
fn gamma_is_delta() {
    let mut rng = StdRng::seed_from_u64(1);
    let same = Fr::rand(&mut rng);
    let key = setup(same, same, &mut rng);
    let nonsense = Statement::from_array(std::array::from_fn(|i| Fr::from(i as u64)));
    let c = -input_commitment(&key.vk.gamma_abc_g1, &nonsense);
    let forged = ArkProof { a: key.vk.alpha_g1, b: key.vk.beta_g2, c: c.into_affine() };
    assert!(ark_accepts(&key, &nonsense, &forged), "positive control");
    assert_eq!(ours(&key), KeyFault::GammaIsDelta);
}

/// δ = 1: with the numerators of the input points, which the first phase publishes, the same again.
#[test]
fn delta_is_the_generator() {
    let mut rng = StdRng::seed_from_u64(2);
    let gamma = Fr::rand(&mut rng);
    let key = setup(gamma, Fr::from(1u64), &mut rng);
    assert_eq!(key.vk.delta_g2, G2Affine::generator());
    let numerators: Vec<G1Affine> = key.vk.gamma_abc_g1.iter().map(|p| (*p * gamma).into_affine()).collect();
    let nonsense = Statement::from_array(std::array::from_fn(|i| Fr::from(i as u64)));
    let c = -input_commitment(&numerators, &nonsense);
    let forged = ArkProof { a: key.vk.alpha_g1, b: key.vk.beta_g2, c: c.into_affine() };
    assert!(ark_accepts(&key, &nonsense, &forged), "positive control");
    assert_eq!(ours(&key), KeyFault::DeltaIsGenerator);
}

/// An infinite point for the challenge: one honest proof answers every request (S14).
#[test]
fn infinite_challenge_point() {
    let f = fixture();
    let answer = &f.answers[0];
    let mut key = f.key.groth16().clone();
    let honest = crate::fixture::ark_proof(&answer.proof());
    assert!(ark_accepts(&key, &answer.statement, &honest));
    // Who makes the key moves the honest challenge's share into the constant.
    let share = key.vk.gamma_abc_g1[14] * answer.statement.challenge;
    key.vk.gamma_abc_g1[0] = (key.vk.gamma_abc_g1[0] + share).into_affine();
    key.vk.gamma_abc_g1[14] = G1Affine::identity();
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..3 {
        let other = Statement { challenge: Fr::rand(&mut rng), ..answer.statement.clone() };
        assert!(ark_accepts(&key, &other, &honest), "positive control");
    }
    assert_eq!(ours(&key), KeyFault::Infinity(KeyPart::Input(14)));
}

/// arkworks takes any number of inputs: with fewer it leaves the rest out. Ours takes a `Statement`.
#[test]
fn too_few_inputs() {
    let f = fixture();
    let answer = &f.answers[0];
    let mut values = answer.statement.to_array();
    values[13] = Fr::from(0u64);
    let short =
        Groth16::<Bn254>::verify_proof(&f.ark, &crate::fixture::ark_proof(&answer.proof()), &values[..13]);
    assert_eq!(short, Ok(false), "refused only because the challenge is not zero: no error is raised");
    let mut key = f.key.groth16().clone();
    key.vk.gamma_abc_g1.pop();
    assert_eq!(ours(&key), KeyFault::InputCount(14));
}
