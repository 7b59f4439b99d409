//! What a presentation shows of its person besides what was asked: nothing that these tests can see. Real
//! proofs of people with different attributes, places, generations and trees.

use super::crowd::anybody;
use super::testkit::*;
use crate::Wallet;
use crate::groth16::{Engine, Prover, rerandomise};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::LazyLock;
use veilpass_params::dev;
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::presentation::Presentation;
use veilpass_verifier::Proof;

static PROVER: LazyLock<Engine> = LazyLock::new(|| Engine::new(dev::proving_key().unwrap()).unwrap());

/// How often the comparison of two people may cry although they do not differ.
const FALSE_ALARM: f64 = 1e-6;

/// Presentations of each of the two people that are compared; more with `VEILPASS_LONG=1`.
fn presentations() -> usize {
    if std::env::var_os("VEILPASS_LONG").is_some() { 400 } else { 24 }
}

fn gate() -> Ask {
    Ask { circuit: PROVER.circuit(), ..ask().predicates(r#"{"valid":true,"age":{"at_least":18}}"#) }
}

fn present(wallet: &mut Wallet, rng: &mut StdRng) -> Presentation {
    let (gate, channel) = (gate(), from_origin("forum.example"));
    let question = wallet.examine(gate.json().as_bytes(), &channel, false, PROVER.circuit(), now()).unwrap();
    wallet.answer(&question, true, &*PROVER, now(), rng, |_| Ok::<(), Infallible>(())).unwrap()
}

/// Adults of all kinds with valid documents.
fn adults(count: usize, rng: &mut StdRng) -> Vec<Attributes> {
    let good = |a: &Attributes| {
        a.birth_date < day("2008-11-01") && a.expires_on.is_none_or(|last| last > day("2026-12-01"))
    };
    std::iter::repeat_with(|| anybody(rng)).filter(good).take(count).collect()
}

#[test]
fn everybodys_presentation_has_the_same_form() {
    let mut rng = StdRng::seed_from_u64(80);
    let mut seen: Vec<Presentation> = Vec::new();
    for (seed, others) in [(81, 1_200), (82, 5_000), (83, 40_000)] {
        let mut world = World::empty(seed);
        world.seal_others(now().minus(3600), others);
        for mut wallet in world.people(&adults(5, &mut rng)) {
            seen.push(present(&mut wallet, &mut rng));
        }
    }
    // The same request and the same number of an epoch: all that may differ are pseudonym and proof.
    let first = outside(&seen[0]);
    assert_eq!((seen.len(), seen[0].to_binary().len()), (15, 201));
    assert!(seen.iter().all(|p| outside(p) == first), "{seen:?}");
    // The control: one digit more would have been seen.
    assert_ne!(outside(&Presentation { epoch: 10, ..seen[0].clone() }), first);
}

/// What stands around pseudonym and proof in both forms, and how long these are.
fn outside(p: &Presentation) -> ([String; 3], [usize; 2], Vec<u8>) {
    let text = p.to_json();
    let (before, rest) = text.split_once(r#""pseudonym":""#).unwrap();
    let (pseudonym, rest) = rest.split_once('"').unwrap();
    let (between, rest) = rest.split_once(r#""proof":""#).unwrap();
    let (proof, behind) = rest.split_once('"').unwrap();
    let around = [before, between, behind].map(str::to_owned);
    (around, [pseudonym.len(), proof.len()], p.to_binary()[..41].to_vec())
}

/// Compares two samples bit by bit: the bit whose frequencies differ most, and how likely a difference like
/// that is at any bit, if all come from one distribution (Fisher's exact test times the number of bits).
fn difference(one: &[Vec<u8>], other: &[Vec<u8>]) -> (usize, f64) {
    let (n, m) = (one.len(), other.len());
    let logarithms = (1..=n + m).scan(0.0, |sum, k| {
        *sum += (k as f64).ln();
        Some(*sum)
    });
    let factorial: Vec<f64> = std::iter::once(0.0).chain(logarithms).collect();
    let choose = |n: usize, k: usize| factorial[n] - factorial[k] - factorial[n - k];
    let ones = |sample: &[Vec<u8>], bit: usize| {
        sample.iter().filter(|bytes| bytes[bit / 8] >> (bit % 8) & 1 == 1).count()
    };
    let bits = one[0].len() * 8;
    let chance = |bit: usize| {
        let (here, all) = (ones(one, bit), ones(one, bit) + ones(other, bit));
        let of = |here: usize| (choose(n, here) + choose(m, all - here) - choose(n + m, all)).exp();
        let observed = of(here) * (1.0 + 1e-9);
        (all.saturating_sub(m)..=n.min(all)).map(of).filter(|p| *p <= observed).sum::<f64>()
    };
    let worst = (0..bits).map(|bit| (bit, chance(bit))).min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    (worst.0, (worst.1 * bits as f64).min(1.0))
}

/// Many presentations of one person against many of another: no bit of pseudonym or proof prefers one of
/// them. (Bits that are fixed by the encoding are fixed for both.)
#[test]
fn nobody_is_known_by_the_bits_of_a_proof() {
    let mut rng = StdRng::seed_from_u64(84);
    let mut world = World::new(85);
    let he = adult();
    let she = Attributes {
        birth_date: day("1947-02-28"),
        expires_on: None,
        enrolled_on: day("2026-01-05"),
        sex: Sex::Female,
        document_class: DocumentClass::ForeignPassport,
        nationality: 840,
        province: 0,
        generation: 7,
    };
    let mut wallets = world.people(&[he, she]);
    let [his, hers] = [0, 1].map(|i| {
        let made = (0..presentations()).map(|_| present(&mut wallets[i], &mut rng));
        made.collect::<Vec<Presentation>>()
    });
    let bytes = |of: &[Presentation]| of.iter().map(|p| p.to_binary()[41..].to_vec()).collect::<Vec<_>>();
    let (bit, chance) = difference(&bytes(&his), &bytes(&hers));
    assert!(chance > FALSE_ALARM, "bit {bit}: {chance:e}");
    println!("2 x {}: bit {bit} differs most, of chance {chance:.2} at any bit", his.len());

    // Nothing repeats either: no pseudonym, and none of the points A, B and C.
    for part in [0..32, 32..64, 64..128, 128..160] {
        let all: BTreeSet<Vec<u8>> =
            bytes(&his).iter().chain(&bytes(&hers)).map(|bytes| bytes[part.clone()].to_vec()).collect();
        assert_eq!(all.len(), 2 * his.len(), "{part:?}");
    }

    // The control: proofs that verify as well as these, each made anew until one bit of C says the sex.
    let key = dev::verifying_key().unwrap();
    let mut marked = |of: &[Presentation], mark: u8| -> Vec<Vec<u8>> {
        let remade = of.iter().map(|p| {
            let honest = Proof::from_bytes(&p.proof).unwrap();
            let proof = std::iter::repeat_with(|| rerandomise(&key, &honest, &mut rng).unwrap());
            let proof = { proof }.find(|proof| proof[100] & 1 == mark).unwrap();
            Presentation { proof, ..p.clone() }.to_binary()[41..].to_vec()
        });
        remade.collect()
    };
    let (bit, chance) = difference(&marked(&his, 0), &marked(&hers, 1));
    assert_eq!(bit, (32 + 100) * 8);
    assert!(chance < FALSE_ALARM, "{chance:e}");
}
