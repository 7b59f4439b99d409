//! Known incidents against a key of the real circuit, and their relatives: forged proofs that arkworks
//! accepts, under keys that our lint refuses.

use crate::fixture::{ArkProof, fixture};
use ark_bn254::{Bn254, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{FftField, Field, UniformRand};
use ark_groth16::Groth16;
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_circuits::{Attest, Circuit, Synthesis};
use veilpass_params::{ProvingKey, ProvingKeyError};
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::Statement;
use veilpass_verifier::{KeyFault, KeyPart, Origin, PreparedKey, VerifyingKey};

type ArkKey = ark_groth16::ProvingKey<Bn254>;

/// A setup of the real circuit with a γ and δ of the caller's choice.
fn setup(gamma: Fr, delta: Fr, rng: &mut StdRng) -> ArkKey {
    let (alpha, beta) = (Fr::rand(rng), Fr::rand(rng));
    whole_setup([alpha, beta, gamma, delta], rng)
}

/// The same with all four.
fn whole_setup([alpha, beta, gamma, delta]: [Fr; 4], rng: &mut StdRng) -> ArkKey {
    let (g1, g2) = (G1Projective::generator(), ark_bn254::G2Projective::generator());
    Groth16::<Bn254>::generate_parameters_with_qap(
        Synthesis::blank(&Attest),
        alpha,
        beta,
        gamma,
        delta,
        g1,
        g2,
        rng,
    )
    .unwrap()
}

fn ark_accepts(key: &ArkKey, statement: &Statement, proof: &ArkProof) -> bool {
    let prepared = ark_groth16::prepare_verifying_key(&key.vk);
    Groth16::<Bn254>::verify_proof(&prepared, proof, &statement.to_array()).unwrap()
}

/// A statement that nobody could prove.
fn nonsense() -> Statement {
    Statement::from_array(std::array::from_fn(|i| Fr::from(i as u64)))
}

/// Ours, through both doors: the pair as a proving key, and the verifying key alone.
fn ours(key: &ArkKey) -> KeyFault {
    let refused = ProvingKey::from_groth16(Attest, Origin::Ceremony, key.clone()).unwrap_err();
    let ProvingKeyError::Unsafe(fault) = refused else { panic!("{refused}") };
    let points = veilpass_verifier::KeyPoints {
        alpha_g1: key.vk.alpha_g1,
        beta_g2: key.vk.beta_g2,
        gamma_g2: key.vk.gamma_g2,
        delta_g2: key.vk.delta_g2,
        ic: key.vk.gamma_abc_g1.clone(),
    };
    let alone = PreparedKey::new(VerifyingKey::from_points(ATTEST_V1, Origin::Ceremony, points)).unwrap_err();
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
    let nonsense = nonsense();
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
    let nonsense = nonsense();
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

/// `powersoftau new` without a contribution, then an honest second phase: β is the generator, where γ is in
/// every key of that kind. Any statement, the public key alone.
#[test]
fn a_first_phase_that_nobody_ran() {
    let mut rng = StdRng::seed_from_u64(4);
    let one = Fr::from(1u64);
    let delta = Fr::rand(&mut rng);
    let key = whole_setup([one, one, one, delta], &mut rng);
    assert_eq!((key.vk.alpha_g1, key.vk.beta_g2), (G1Affine::generator(), G2Affine::generator()));
    let nonsense = nonsense();
    let a = input_commitment(&key.vk.gamma_abc_g1, &nonsense) + key.vk.alpha_g1;
    let forged = ArkProof { a: a.into_affine(), b: key.vk.beta_g2, c: G1Affine::identity() };
    assert!(ark_accepts(&key, &nonsense, &forged), "positive control");
    assert_eq!(ours(&key), KeyFault::BetaIs(KeyPart::Gamma));
    // Without infinity as well, which our verifier would not take.
    let t = Fr::rand(&mut rng);
    let b = (key.vk.delta_g2 * t + key.vk.beta_g2).into_affine();
    let forged = ArkProof { a: a.into_affine(), b, c: (a * t).into_affine() };
    assert!(ark_accepts(&key, &nonsense, &forged), "positive control");
}

/// β = δ: the second phase repeats a number of the first.
#[test]
fn beta_is_delta() {
    let mut rng = StdRng::seed_from_u64(5);
    let [alpha, beta, gamma] = [(); 3].map(|()| Fr::rand(&mut rng));
    let key = whole_setup([alpha, beta, gamma, beta], &mut rng);
    let nonsense = nonsense();
    let a = input_commitment(&key.vk.gamma_abc_g1, &nonsense).into_affine();
    let forged = ArkProof { a, b: key.vk.gamma_g2, c: -key.vk.alpha_g1 };
    assert!(ark_accepts(&key, &nonsense, &forged), "positive control");
    assert_eq!(ours(&key), KeyFault::BetaIs(KeyPart::Delta));
}

/// α or β known, here 1, the other parts honest. With β = 1 take any wires at all and
/// `A = α + a(τ), B = 1 + b(τ)` with `a = (Az + Cz) / (1 + Bz)` in every row; with α = 1 the mirror image.
/// No row has to hold: the two halves are no longer tied to the same wires.
#[test]
fn alpha_or_beta_is_the_generator() {
    let mut rng = StdRng::seed_from_u64(6);
    let one = Fr::from(1u64);
    for part in [KeyPart::Alpha, KeyPart::Beta] {
        let mut secrets = [(); 4].map(|()| Fr::rand(&mut rng));
        secrets[usize::from(part == KeyPart::Beta)] = one;
        let [alpha, beta, _, delta] = secrets;
        let tau = Fr::rand(&mut rng.clone()); // the first number that the setup draws
        let key = whole_setup(secrets, &mut rng);
        assert_eq!(key.h_query[1], (key.h_query[0] * tau).into_affine());

        let m = Attest.shape().matrices();
        let size = (m.rows() + m.inputs).next_power_of_two() as u64;
        let mut wires = vec![one];
        wires.extend(nonsense().to_array());
        wires.extend((m.inputs..m.wires).map(|_| Fr::rand(&mut rng)));
        assert!(Attest.shape().failing_rows(&wires).count() > m.rows() / 2, "nothing is proven");
        // Lagrange's polynomials at τ, as the first phase publishes them in both groups, and three sums
        // over the rows: of A, of B, and of the half that is chosen.
        let (root, vanishing) = (Fr::get_root_of_unity(size).unwrap(), tau.pow([size]) - one);
        let scale = vanishing * Fr::from(size).inverse().unwrap();
        let zero = Fr::from(0u64);
        let (mut at, mut a, mut b, mut c, mut free) = (one, zero, zero, zero, zero);
        for row in 0..size as usize {
            let lagrange = scale * at * (tau - at).inverse().unwrap();
            let [x, y, z] = match row {
                row if row < m.rows() => m.evaluate(row, &wires),
                row if row < m.rows() + m.inputs => [wires[row - m.rows()], zero, zero],
                _ => [zero; 3],
            };
            (a, b, c) = (a + x * lagrange, b + y * lagrange, c + z * lagrange);
            let (kept, other) = if part == KeyPart::Beta { (y, x) } else { (x, y) };
            free += (other + z) * (one + kept).inverse().unwrap() * lagrange;
            at *= root;
        }
        let (left, right) =
            if part == KeyPart::Beta { (alpha + free, one + b) } else { (one + a, beta + free) };
        // All rows agree, so the quotient by the vanishing polynomial is one and h_query gives it; by its
        // value at τ it is shorter to write.
        let (kept, other) = if part == KeyPart::Beta { (b, a) } else { (a, b) };
        let quotient = (free * (one + kept) - other - c) * delta.inverse().unwrap();
        let private = key.l_query.iter().zip(&wires[m.inputs..]).map(|(p, z)| *p * z).sum::<G1Projective>();
        let (g1, g2) = (G1Projective::generator(), ark_bn254::G2Projective::generator());
        let forged = ArkProof {
            a: (g1 * left).into_affine(),
            b: (g2 * right).into_affine(),
            c: (private + g1 * quotient).into_affine(),
        };
        assert!(ark_accepts(&key, &nonsense(), &forged), "positive control, {part}");
        assert_eq!(ours(&key), KeyFault::FirstPhaseSkipped(part));
    }
}
