//! Checking what was screened together, against checking each presentation by itself.

use crate::testkit::{Trapdoor, proof_bytes};
use crate::world::{World, noon};
use ark_ec::CurveGroup;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use veilpass_verifier::protocol::presentation::Presentation;
use veilpass_verifier::protocol::scope::LinkKind;
use veilpass_verifier::protocol::statement::Statement;
use veilpass_verifier::{Proof, Screened, VerifiedPresentation, VerifyError};

type Outcome = Result<VerifiedPresentation, VerifyError>;

/// Ways in which a proof is good or bad.
fn mar(p: &mut Presentation, way: u8) {
    let mut rng = StdRng::seed_from_u64(way.into());
    match way {
        // Infinity, no point, a point outside the subgroup.
        1 => {
            p.proof[..32].fill(0);
            p.proof[31] = 0x40;
        }
        2 => p.proof[96..].fill(0xff),
        3 => {
            p.proof[32..96].fill(0);
            p.proof[32] = (0..).find(|x| on_twist(*x)).unwrap();
        }
        // Another sign, another key, points of another proof.
        4 => p.proof[31] ^= 0x80,
        5 => {
            let statement = Statement::from_array([p.pseudonym; 14]);
            p.proof = Trapdoor::from_seed(2).simulate(&statement, &mut rng);
        }
        6 => {
            let proof = Proof::from_bytes(&p.proof).unwrap();
            let c = (*proof.c() + *proof.a()).into_affine();
            p.proof = proof_bytes(*proof.a(), *proof.b(), c);
        }
        _ => {}
    }
}

fn on_twist(x: u8) -> bool {
    use ark_serialize::CanonicalDeserialize;
    let mut bytes = [0; 64];
    bytes[0] = x;
    let loose = ark_bn254::G2Affine::deserialize_compressed_unchecked(&bytes[..]);
    loose.is_ok_and(|p| p.is_on_curve() && !p.is_in_correct_subgroup_assuming_on_curve())
}

/// Answers, of which each is bad in the way given (0 for good), with what each is by itself.
fn answers(w: &mut World, ways: &[u8]) -> Vec<(Presentation, Outcome)> {
    let mut all = Vec::new();
    for (n, way) in ways.iter().enumerate() {
        let request = w.ask(LinkKind::Account, 1);
        let mut p = w.answer(&request, 1 + n as u64 % 3, n as u64);
        mar(&mut p, *way);
        let outcome = w.verifier.verify(&request, &p.to_binary(), &w.epochs, noon());
        assert_eq!(outcome.is_ok(), *way == 0, "way {way}");
        all.push((p, outcome));
    }
    all
}

/// The outcomes of a batch, in the order of its presentations.
fn together(w: &World, answers: &[(Presentation, Outcome)], rng: &mut StdRng) -> Vec<Outcome> {
    let request = w.ask(LinkKind::Account, 1);
    let screen = |(p, _): &(Presentation, Outcome)| {
        w.verifier.screen(&request, &p.to_binary(), &w.epochs, noon()).unwrap()
    };
    Screened::check_all(answers.iter().map(screen).collect(), rng)
}

fn alone(answers: &[(Presentation, Outcome)]) -> Vec<Outcome> {
    answers.iter().map(|(_, outcome)| outcome.clone()).collect()
}

/// Good and bad proofs in any order, in batches of any size: each has its own outcome.
#[test]
fn each_has_its_own_outcome() {
    let mut w = World::new();
    let mut rng = StdRng::seed_from_u64(1);
    for size in [0, 1, 2, 8, 9, 16, 17, 40, 64, 150] {
        let ways: Vec<u8> =
            (0..size).map(|_| if rng.gen_bool(0.7) { 0 } else { rng.gen_range(1..7) }).collect();
        let answers = answers(&mut w, &ways);
        assert_eq!(together(&w, &answers, &mut rng), alone(&answers), "{ways:?}");
    }
}

#[test]
fn only_bad_proofs() {
    let mut w = World::new();
    let mut rng = StdRng::seed_from_u64(3);
    for way in [3, 5] {
        let answers = answers(&mut w, &[way; 70]);
        assert_eq!(together(&w, &answers, &mut rng), alone(&answers));
    }
}

/// What was screened owns what it needs: it outlives the verifier and goes to another thread.
#[test]
fn what_was_screened_stands_alone() {
    let mut w = World::new();
    let request = w.ask(LinkKind::Account, 1);
    let answer = w.answer(&request, 1, 1).to_binary();
    let expected = w.verifier.verify(&request, &answer, &w.epochs, noon());
    let screened = w.verifier.screen(&request, &answer, &w.epochs, noon()).unwrap();
    drop(w);
    assert_eq!(std::thread::spawn(|| screened.check_proof()).join().unwrap(), expected);
}
