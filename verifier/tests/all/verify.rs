//! What is accepted, what the evidence says, and that one presentation answers one request only.

use crate::testkit::rerandomise;
use crate::world::{HOUR, World, noon};
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_verifier::protocol::attributes::{DocumentGroup, Sex};
use veilpass_verifier::protocol::challenge::Nonce;
use veilpass_verifier::protocol::circuit_id::CircuitId;
use veilpass_verifier::protocol::day::Day;
use veilpass_verifier::protocol::field::Fr;
use veilpass_verifier::protocol::predicates::{AgePredicate, Predicates};
use veilpass_verifier::protocol::presentation::Presentation;
use veilpass_verifier::protocol::request::{NewRequest, Request};
use veilpass_verifier::protocol::scope::LinkKind;
use veilpass_verifier::{Blame, KeyError, Origin, Policy, Proven, Screened, Verifier, VerifyError};

fn code<T: std::fmt::Debug>(result: Result<T, VerifyError>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn evidence_says_what_was_proven() {
    let mut w = World::new();
    let request = w.ask(LinkKind::Account, 1);
    for epoch in [1, 2, 3] {
        let p = w.answer(&request, epoch, 7);
        for bytes in [p.to_json().into_bytes(), p.to_binary()] {
            let verified = w.verifier.verify(&request, &bytes, &w.epochs, noon()).unwrap();
            assert_eq!(verified.pseudonym(), &Fr::from(7u64));
            assert_eq!(verified.scope(), &request.scope().unwrap());
            assert_eq!((verified.epoch(), verified.circuit()), (epoch, w.circuit));
            assert_eq!(verified.root(), &w.authority.statements[epoch as usize - 1].root);
            assert_eq!(verified.request(), &request);
            assert_eq!(verified.presentation(), &p);
            assert_eq!(verified.verified_at(), noon());
            let today = Day::of(noon());
            assert_eq!(verified.proven(), [Proven::ValidOn(today), Proven::AgeAtLeast(18)]);
        }
    }
}

#[test]
fn every_predicate_has_its_name() {
    let mut w = World::new();
    let predicates = Predicates {
        age: Some(AgePredicate { at_least: Some(16), below: Some(60) }),
        sex: Some(Sex::Female),
        documents: Some(DocumentGroup::Citizen),
        nationality: Some(156),
        province: Some(44),
        enrolled_on_or_before: Some("2026-01-01".parse().unwrap()),
        generation_at_most: Some(0),
        ..Predicates::valid()
    };
    let new = NewRequest { predicates, ..w.new_request(LinkKind::None, 1) };
    let request = Request::new(new).unwrap();
    let p = w.answer(&request, 3, 7).to_binary();
    let verified = w.verifier.verify(&request, &p, &w.epochs, noon()).unwrap();
    let words: Vec<String> = verified.proven().iter().map(Proven::to_string).collect();
    assert_eq!(
        words,
        [
            "valid on 2026-11-22",
            "at least 16 years old",
            "younger than 60 years",
            "sex female",
            "a document of the group citizen",
            "nationality 156",
            "province 44",
            "enrolled on or before 2026-01-01",
            "at most 0 earlier identities",
        ]
    );
}

/// A presentation made for another question is no answer to this one.
#[test]
fn another_request_is_another_statement() {
    let mut w = World::new();
    let request = w.ask(LinkKind::Account, 1);
    let p = w.answer(&request, 3, 7).to_binary();
    assert!(w.verifier.verify(&request, &p, &w.epochs, noon()).is_ok());
    type Edit = fn(&mut NewRequest);
    let edits: [Edit; 11] = [
        |r| r.nonce = Nonce::new(&[9; 16]).unwrap(),
        |r| r.response_uri = "https://forum.example/other".into(),
        |r| {
            r.rp = "other.example".parse().unwrap();
            r.response_uri = "https://other.example/v1/requests/0f8c1d/presentation".into();
        },
        |r| r.context = "x".parse().unwrap(),
        |r| (r.link, r.slots) = (LinkKind::Tokens, 1),
        |r| r.valid_on = Day::of(noon()).checked_add(1).unwrap(),
        |r| r.predicates.age = Some(AgePredicate { at_least: Some(16), below: None }),
        |r| r.predicates.age = None,
        |r| r.predicates.sex = Some(Sex::Male),
        |r| r.predicates.documents = Some(DocumentGroup::Foreign),
        |r| r.predicates.generation_at_most = Some(0),
    ];
    for (i, edit) in edits.iter().enumerate() {
        let mut new = w.new_request(LinkKind::Account, 1);
        edit(&mut new);
        let other = Request::new(new).unwrap();
        let refused = w.verifier.verify(&other, &p, &w.epochs, noon()).unwrap_err();
        assert_eq!((refused.blame(), refused.code()), (Blame::InvalidProof, "proof_invalid"), "edit {i}");
    }
    // Another epoch has another root; another pseudonym is not the proven one.
    let good = w.answer(&request, 3, 7);
    for bad in [Presentation { epoch: 2, ..good.clone() }, Presentation { pseudonym: Fr::from(8u64), ..good }]
    {
        assert_eq!(code(w.verifier.verify(&request, &bad.to_binary(), &w.epochs, noon())), "proof_invalid");
    }
}

/// The last second in which something is accepted, and the first in which it is not.
#[test]
fn boundaries_of_time() {
    let mut w = World::new();
    let long = NewRequest { expires_at: noon().plus(72 * HOUR), ..w.new_request(LinkKind::Account, 1) };
    let request = Request::new(long).unwrap();
    let (newest, replaced) = (w.answer(&request, 3, 7).to_binary(), w.answer(&request, 2, 7).to_binary());
    let sealed_at = w.authority.statements[2].sealed_at;
    // `valid_on` is today's; a day later it still may be, two days later not: so max_age 48 h is not
    // reached by one request, and a shorter one is set.
    let strict = Policy::default().with_max_age(10 * HOUR).unwrap().with_grace(5 * HOUR).unwrap();
    let verifier = Verifier::new(strict).with_verifying_key(w.trapdoor.key(Origin::Ceremony)).unwrap();
    let verify = |p: &[u8], now| verifier.verify(&request, p, &w.epochs, now);
    assert!(verify(&newest, sealed_at.plus(10 * HOUR - 1)).is_ok());
    assert_eq!(code(verify(&newest, sealed_at.plus(10 * HOUR))), "epochs_stale");
    assert!(verify(&replaced, sealed_at.plus(5 * HOUR - 1)).is_ok());
    assert_eq!(code(verify(&replaced, sealed_at.plus(5 * HOUR))), "epoch_replaced");
    assert_eq!(code(verify(&replaced, sealed_at.plus(10 * HOUR))), "epochs_stale");
    assert!(verify(&newest, sealed_at.minus(120)).is_ok());
    assert_eq!(code(verify(&newest, sealed_at.minus(121))), "epochs_from_future");

    let request = w.ask(LinkKind::Account, 2);
    let p = w.answer(&request, 3, 7).to_binary();
    let verify = |now| w.verifier.verify(&request, &p, &w.epochs, now);
    assert!(verify(noon().plus(299)).is_ok());
    assert_eq!(code(verify(noon().plus(300))), "request_expired");

    // A day off is allowed on either side of the civil day of UTC+08:00, two are not.
    for (days, fits) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let valid_on = Day::of(noon()).checked_add(days).unwrap();
        let new = NewRequest { valid_on, ..w.new_request(LinkKind::Account, 3) };
        let request = Request::new(new).unwrap();
        let p = w.answer(&request, 3, 7).to_binary();
        let verified = w.verifier.verify(&request, &p, &w.epochs, noon());
        assert_eq!(verified.map_err(|e| e.code()).err(), (!fits).then_some("request_date"));
    }
}

#[test]
fn keys_are_pinned_and_dev_keys_refused() {
    let w = World::new();
    let dev = w.trapdoor.key(Origin::Dev);
    let refused = Verifier::new(Policy::default()).with_key(&dev.to_bytes()).unwrap_err();
    assert_eq!(refused, KeyError::Dev(dev.circuit_id()));
    let allowing = Policy::default().allowing_dev_keys();
    let verifier = Verifier::new(allowing).with_key(&dev.to_bytes()).unwrap();
    assert_eq!(verifier.circuits().collect::<Vec<_>>(), [dev.circuit_id()]);
    let request = w.ask(LinkKind::Account, 1);
    let refused = verifier.verify(&request, b"{}", &w.epochs, noon()).unwrap_err();
    assert_eq!((refused.blame(), refused.code()), (Blame::Misconfigured, "key_mismatch"));
}

/// Two keys pinned: each request is checked under the key that it names and no other.
#[test]
fn the_request_names_the_key() {
    let mut w = World::new();
    let second = crate::testkit::Trapdoor::from_seed(2);
    let verifier = w.verifier.clone().with_verifying_key(second.key(Origin::Ceremony)).unwrap();
    let request = w.ask(LinkKind::Account, 1);
    let p = w.answer(&request, 3, 7);
    assert!(verifier.verify(&request, &p.to_binary(), &w.epochs, noon()).is_ok());
    let circuit = second.key(Origin::Ceremony).circuit_id();
    let other = Request::new(NewRequest { circuit, ..w.new_request(LinkKind::Account, 1) }).unwrap();
    assert_eq!(code(verifier.verify(&other, &p.to_binary(), &w.epochs, noon())), "circuit_unknown");
    let relabelled = Presentation { circuit, ..p };
    assert_eq!(code(verifier.verify(&other, &relabelled.to_binary(), &w.epochs, noon())), "proof_invalid");
}

/// The slow twin of the batch: one by one. Every kind of refusal among good ones, two keys mixed.
#[test]
fn batch_has_the_outcome_of_single() {
    let mut w = World::new();
    let second = crate::testkit::Trapdoor::from_seed(2);
    let second_key = second.key(Origin::Ceremony);
    let second_id = second_key.circuit_id();
    w.verifier = w.verifier.with_verifying_key(second_key).unwrap();
    let mut items: Vec<(Request, Vec<u8>)> = Vec::new();
    for n in 0..24u8 {
        let mut new = w.new_request([LinkKind::Account, LinkKind::Tokens, LinkKind::None][n as usize % 3], n);
        if n % 4 == 1 {
            new.circuit = second_id;
        }
        if n == 7 {
            new.expires_at = noon();
        }
        let mut request = Request::new(new).unwrap();
        let home = (w.trapdoor.clone(), w.circuit);
        if n % 4 == 1 {
            (w.trapdoor, w.circuit) = (second.clone(), second_id);
        }
        let mut p = w.answer(&request, 1 + u64::from(n) % 3, n.into());
        let key = w.trapdoor.key(Origin::Ceremony);
        (w.trapdoor, w.circuit) = home;
        match n {
            3 => p.proof[0] ^= 1,
            4 => p.proof[31] ^= 0x80,
            5 => p.pseudonym = Fr::from(999u64),
            6 => p.epoch = 9,
            8 => p.circuit = CircuitId([0; 32]),
            9 => p.proof[32..96].fill(0),
            10 => p.proof = rerandomise(&key, &p.proof, &mut w.rng),
            11 => request.slots = 2,
            12 => request.circuit = CircuitId([7; 32]),
            _ => (),
        }
        let bytes = if n % 2 == 0 { p.to_binary() } else { p.to_json().into_bytes() };
        items.push((request, if n == 13 { b"{".to_vec() } else { bytes }));
    }
    let single: Vec<_> = items.iter().map(|(r, p)| w.verifier.verify(r, p, &w.epochs, noon())).collect();
    let codes: std::collections::BTreeSet<_> =
        single.iter().flat_map(|r| r.as_ref().err().map(|e| e.code())).collect();
    for expected in [
        "proof_point",
        "proof_invalid",
        "epoch_unknown",
        "request_expired",
        "circuit_unknown",
        "key_mismatch",
        "request_policy",
        "presentation_syntax",
    ] {
        assert!(codes.contains(expected), "{expected} of {codes:?}");
    }
    assert!(single.iter().filter(|r| r.is_ok()).count() >= 10);
    let mut rng = StdRng::seed_from_u64(1);
    // A presentation that is refused before its proof is not in the batch, and has that refusal in both.
    let screened: Vec<_> = items.iter().map(|(r, p)| w.verifier.screen(r, p, &w.epochs, noon())).collect();
    let passed = screened.iter().flatten().cloned().collect();
    let mut checked = Screened::check_all(passed, &mut rng).into_iter();
    let batch: Vec<_> = screened.into_iter().map(|s| s.and_then(|_| checked.next().unwrap())).collect();
    assert_eq!(batch, single);
    assert_eq!(Screened::check_all(vec![], &mut rng), []);
}

/// Received bytes never panic: every truncation and many mutations of both forms.
#[test]
fn no_bytes_panic() {
    let mut w = World::new();
    let request = w.ask(LinkKind::Account, 1);
    let p = w.answer(&request, 3, 7);
    let mut rng = StdRng::seed_from_u64(5);
    for good in [p.to_json().into_bytes(), p.to_binary()] {
        for end in 0..good.len() {
            assert!(w.verifier.verify(&request, &good[..end], &w.epochs, noon()).is_err());
        }
        for _ in 0..300 {
            let mut bad = good.clone();
            for _ in 0..rand::Rng::gen_range(&mut rng, 1..4) {
                let i = rand::Rng::gen_range(&mut rng, 0..bad.len());
                bad[i] = rand::Rng::r#gen(&mut rng);
            }
            if bad != good {
                let refused = w.verifier.verify(&request, &bad, &w.epochs, noon()).unwrap_err();
                assert_ne!(refused.blame(), Blame::Misconfigured, "{:?}", String::from_utf8_lossy(&bad));
            }
        }
    }
}
