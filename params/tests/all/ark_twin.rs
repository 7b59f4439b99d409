//! arkworks' verifier as the slow twin: the same verdict on good proofs, bad proofs and forged ones.

use crate::fixture::{ark_proof, fixture, points_bytes, rerandomise};
use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::UniformRand;
use ark_groth16::Groth16;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::Proof;

/// Both verdicts, which must be one.
fn verdict(statement: &Statement, proof: &Proof) -> bool {
    let f = fixture();
    let ours = f.prepared.check(statement, proof).is_ok();
    let theirs = Groth16::<Bn254>::verify_proof(&f.ark, &ark_proof(proof), &statement.to_array()).unwrap();
    assert_eq!(ours, theirs, "{statement:?} {proof:?}");
    ours
}

#[test]
fn honest_proofs_are_accepted_by_both() {
    for answer in &fixture().answers {
        assert!(verdict(&answer.statement, &answer.proof()));
    }
}

#[test]
fn rerandomised_proofs_are_accepted_by_both() {
    let f = fixture();
    let mut rng = StdRng::seed_from_u64(1);
    for answer in &f.answers {
        for _ in 0..4 {
            let other = rerandomise(&answer.proof(), f.key.groth16().vk.delta_g2, &mut rng);
            assert_ne!(other, answer.presentation.proof);
            assert!(verdict(&answer.statement, &Proof::from_bytes(&other).unwrap()));
        }
    }
}

/// Points exchanged, negated, multiplied, added to, taken from another proof or from the key.
#[test]
fn mutated_proofs_have_one_verdict() {
    let f = fixture();
    let mut rng = StdRng::seed_from_u64(2);
    let vk = &f.key.groth16().vk;
    let mut refused = 0;
    for round in 0..120 {
        let answer = &f.answers[round % f.answers.len()];
        let other = f.answers[(round + 1) % f.answers.len()].proof();
        let proof = answer.proof();
        let (mut a, mut b, mut c) = (*proof.a(), *proof.b(), *proof.c());
        let x = Fr::rand(&mut rng);
        match rng.gen_range(0..14) {
            0 => a = -a,
            1 => b = -b,
            2 => c = -c,
            3 => (a, b) = (-a, -b), // the same product: still good
            4 => a = *other.a(),
            5 => b = *other.b(),
            6 => c = *other.c(),
            7 => a = (a * x).into_affine(),
            8 => b = (b * x).into_affine(),
            9 => c = (c + vk.gamma_abc_g1[rng.gen_range(0..=INPUTS)]).into_affine(),
            10 => (a, c) = (c, a),
            11 => (a, b) = (vk.alpha_g1, vk.beta_g2),
            12 => b = (b + G2Affine::generator()).into_affine(),
            _ => a = (a + G1Affine::generator()).into_affine(),
        }
        let mutated = Proof::from_bytes(&points_bytes(a, b, c)).unwrap();
        refused += usize::from(!verdict(&answer.statement, &mutated));
    }
    assert!((80..120).contains(&refused), "{refused} of 120");
}

#[test]
fn other_statements_have_one_verdict() {
    let mut rng = StdRng::seed_from_u64(3);
    for answer in &fixture().answers {
        let proof = answer.proof();
        for n in 0..INPUTS {
            let mut values = answer.statement.to_array();
            values[n] = Fr::rand(&mut rng);
            assert!(!verdict(&Statement::from_array(values), &proof), "input {n}");
        }
    }
    for (i, answer) in fixture().answers.iter().enumerate() {
        for (j, other) in fixture().answers.iter().enumerate() {
            assert_eq!(verdict(&answer.statement, &other.proof()), i == j);
        }
    }
}

/// The batch of honest, re-randomised and broken proofs, against arkworks one by one.
#[test]
fn batch_has_the_verdicts_of_ark() {
    let f = fixture();
    let mut rng = StdRng::seed_from_u64(4);
    let delta = f.key.groth16().vk.delta_g2;
    let items: Vec<(Statement, Proof)> = (0..48)
        .map(|n| {
            let answer = &f.answers[n % f.answers.len()];
            let mut statement = answer.statement.clone();
            if n % 7 == 3 {
                statement.challenge += Fr::from(1u64);
            }
            let bytes = rerandomise(&answer.proof(), delta, &mut rng);
            (statement, Proof::from_bytes(&bytes).unwrap())
        })
        .collect();
    let theirs: Vec<bool> = items
        .iter()
        .map(|(s, p)| Groth16::<Bn254>::verify_proof(&f.ark, &ark_proof(p), &s.to_array()).unwrap())
        .collect();
    assert_eq!(theirs.iter().filter(|good| !**good).count(), 7);
    let ours = f.prepared.check_batch(&items, &mut rng);
    assert_eq!(ours.iter().map(|v| v.is_ok()).collect::<Vec<_>>(), theirs);
}
