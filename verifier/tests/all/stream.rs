//! The queue in front of the batch, against checking each presentation by itself.

use crate::testkit::{Trapdoor, proof_bytes};
use crate::world::{World, noon};
use ark_ec::CurveGroup;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::num::NonZeroUsize;
use std::time::Duration;
use veilpass_verifier::protocol::presentation::Presentation;
use veilpass_verifier::protocol::scope::LinkKind;
use veilpass_verifier::protocol::statement::Statement;
use veilpass_verifier::{Limits, Proof, Screened, Stream, VerifiedPresentation, VerifyError};

type Outcome = Result<VerifiedPresentation, VerifyError>;

fn limits(batch: usize, capacity: usize, millis: u64) -> Limits {
    let some = |n| NonZeroUsize::new(n).unwrap();
    Limits {
        batch: some(batch),
        capacity: some(capacity),
        max_wait: Duration::from_millis(millis),
        threads: some(2),
    }
}

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

fn screened<'w>(w: &'w World, p: &Presentation) -> Screened<'w> {
    let request = w.ask(LinkKind::Account, 1);
    w.verifier.screen(&request, &p.to_binary(), &w.epochs, noon()).unwrap()
}

/// Pushes and takes in any order, clocks in any order: each presentation has one verdict, in order, and its own.
#[test]
fn every_verdict_once_in_order_and_its_own() {
    let mut w = World::new();
    let mut rng = StdRng::seed_from_u64(1);
    for (batch, capacity, millis) in [(1, 1, 0), (3, 7, 5), (16, 40, 5), (40, 16, 1000), (64, 64, 3)] {
        let ways: Vec<u8> =
            (0..50).map(|_| if rng.gen_bool(0.7) { 0 } else { rng.gen_range(1..7) }).collect();
        let answers = answers(&mut w, &ways);
        let mut stream = Stream::new(limits(batch, capacity, millis));
        let (mut taken, mut next) = (Vec::new(), 0);
        while taken.len() < answers.len() {
            let at = Duration::from_millis(rng.gen_range(0..20));
            if next < answers.len() && rng.gen_bool(0.7) {
                // A tag that repeats: it is carried, never compared.
                match stream.push(next / 4, screened(&w, &answers[next].0), at) {
                    Ok(()) => next += 1,
                    Err(full) => {
                        assert_eq!((stream.len(), full.tag), (capacity, next / 4));
                        assert_eq!(full.to_string(), "the stream holds as many presentations as it may");
                        assert!(stream.is_due(at), "a full stream has work");
                    }
                }
            } else if next == answers.len() && rng.gen_bool(0.5) {
                taken.extend(stream.flush(&mut rng));
            } else {
                let due = stream.is_due(at);
                let now = stream.take(at, &mut rng);
                assert_eq!(due, !now.is_empty());
                assert!(now.len() <= batch);
                taken.extend(now);
            }
            assert!(stream.len() <= capacity);
            assert_eq!(stream.len() + taken.len(), next);
        }
        assert!(stream.is_empty() && stream.due_at().is_none());
        for (n, ((tag, outcome), (_, alone))) in taken.iter().zip(&answers).enumerate() {
            assert_eq!((*tag, outcome), (n / 4, alone), "{n}, bad in way {}", ways[n]);
        }
    }
}

#[test]
fn due_when_full_or_when_somebody_has_waited() {
    let mut w = World::new();
    let mut rng = StdRng::seed_from_u64(2);
    let answers = answers(&mut w, &[0; 4]);
    let ms = Duration::from_millis;
    let mut stream = Stream::new(limits(3, 10, 50));
    assert!(!stream.is_due(ms(0)) && !stream.is_due(Duration::MAX));
    assert!(stream.take(ms(0), &mut rng).is_empty() && stream.flush(&mut rng).is_empty());
    stream.push('a', screened(&w, &answers[0].0), ms(100)).unwrap();
    assert_eq!(stream.due_at(), Some(ms(150)));
    assert!(!stream.is_due(ms(100)) && !stream.is_due(ms(149)));
    // Waited, or the clock went backwards.
    assert!(stream.is_due(ms(150)) && stream.is_due(Duration::MAX) && stream.is_due(ms(99)));
    stream.push('b', screened(&w, &answers[1].0), ms(20)).unwrap();
    assert!(!stream.is_due(ms(149)), "the first one decides");
    stream.push('c', screened(&w, &answers[2].0), ms(101)).unwrap();
    stream.push('d', screened(&w, &answers[3].0), ms(102)).unwrap();
    assert!(stream.is_due(ms(103)), "a batch is full");
    let tags: Vec<char> = stream.take(ms(103), &mut rng).into_iter().map(|(tag, _)| tag).collect();
    assert_eq!(tags, ['a', 'b', 'c']);
    assert!(stream.take(ms(103), &mut rng).is_empty());
    assert_eq!(stream.take(ms(152), &mut rng)[0].0, 'd');
    // A wait without end, and a clock near its own.
    let mut stream = Stream::new(Limits { max_wait: Duration::MAX, ..limits(3, 10, 0) });
    stream.push('e', screened(&w, &answers[0].0), ms(1)).unwrap();
    assert_eq!(stream.due_at(), Some(Duration::MAX));
    assert!(!stream.is_due(ms(1_000_000)));
}

#[test]
fn only_bad_proofs() {
    let mut w = World::new();
    let mut rng = StdRng::seed_from_u64(3);
    for way in [3, 5] {
        let answers = answers(&mut w, &[way; 70]);
        let mut stream = Stream::new(limits(70, 70, 0));
        for (p, _) in &answers {
            stream.push((), screened(&w, p), Duration::ZERO).unwrap();
        }
        let taken = stream.flush(&mut rng);
        assert!(taken.iter().map(|(_, outcome)| outcome).eq(answers.iter().map(|(_, alone)| alone)));
    }
}
