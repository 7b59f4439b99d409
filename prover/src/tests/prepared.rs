//! Prepared answers: what is used, what never is, and how much sooner they are there.

use super::testkit::*;
use crate::groth16::{Engine, Prepared, ProveError, Prover};
use crate::{AnswerError, KeyFile, MAX_PREPARED, Refusal, Wallet};
use rand::rngs::StdRng;
use rand::{CryptoRng, RngCore};
use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Instant;
use veilpass_circuits::Attest;
use veilpass_circuits::Witness;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::Fr;
use veilpass_protocol::presentation::{PROOF_BYTES, Presentation};
use veilpass_protocol::scope::LinkKind;
use veilpass_protocol::statement::Statement;
use veilpass_verifier::{Files, Origin, Policy, PreparedKey, verify_files};

pub(super) static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(dev::proving_key().unwrap()).unwrap());

/// The engine, counting the proofs that it makes cold.
#[derive(Default)]
pub(super) struct Cold(pub(super) Cell<usize>);

impl Prover for Cold {
    fn circuit(&self) -> CircuitId {
        ENGINE.circuit()
    }

    fn verifying_key(&self) -> Option<&PreparedKey> {
        ENGINE.verifying_key()
    }

    fn prove<R: RngCore + CryptoRng>(
        &self,
        statement: &Statement,
        witness: &Witness,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        self.0.set(self.0.get() + 1);
        ENGINE.prove(statement, witness, rng)
    }
}

pub(super) fn none() -> Ask {
    Ask { circuit: ENGINE.circuit(), ..ask() }
}

pub(super) fn tokens(slots: u32) -> Ask {
    Ask { link: LinkKind::Tokens, slots, period: Some(3), ..none() }
}

/// A question whose answers are prepared and used once, with as many slots as `none` has.
pub(super) fn gate() -> Ask {
    tokens(65_536)
}

pub(super) fn prepare(wallet: &mut Wallet, time: Timestamp, rng: &mut StdRng) -> usize {
    wallet.prepare(&ENGINE, time, rng, |_| ()).unwrap()
}

/// Answers, and says whether it was proved cold.
pub(super) fn answer(
    wallet: &mut Wallet,
    ask: &Ask,
    time: Timestamp,
    rng: &mut StdRng,
) -> (Presentation, bool) {
    let prover = Cold::default();
    let presentation = try_answer(wallet, ask, time, rng, &prover, Ok(())).unwrap();
    (presentation, prover.0.get() == 1)
}

fn try_answer(
    wallet: &mut Wallet,
    ask: &Ask,
    time: Timestamp,
    rng: &mut StdRng,
    prover: &Cold,
    disk: Result<(), ()>,
) -> Result<Presentation, AnswerError<()>> {
    let channel = from_origin(ask.rp);
    let question = wallet.examine(ask.json().as_bytes(), &channel, false, ENGINE.circuit(), time)?;
    wallet.answer(&question, true, prover, time, rng, |_| disk)
}

pub(super) fn verifies(world: &World, ask: &Ask, presentation: &Presentation, time: Timestamp) -> bool {
    let notes: Vec<String> = world.notes.values().map(|(_, note)| note.clone()).collect();
    verify_files(&Files {
        request: ask.json().as_bytes(),
        presentation: presentation.to_json().as_bytes(),
        notes: &notes,
        authority: &world.key(),
        key: dev::verifying_key_bytes(),
        policy: Policy::default().allowing_dev_keys(),
        now: time,
    })
    .is_ok()
}

#[test]
fn the_next_answer_is_there_before_it_is_asked_for() {
    let mut world = World::new(90);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let account = Ask { context: "a", ..none().account() };
    let poll = Ask { context: "t", ..tokens(3) };
    for (n, gate) in [gate(), poll, account.clone()].into_iter().enumerate() {
        assert_eq!(wallet.unprepared(ENGINE.circuit(), now()), 0);
        let (first, cold) = answer(&mut wallet, &gate, now(), &mut rng);
        assert!(cold, "nobody knew that {gate:?} would ask");
        assert_eq!(wallet.unprepared(ENGINE.circuit(), now()), 1);
        let mut told = Vec::new();
        assert_eq!(wallet.prepare(&ENGINE, now(), &mut rng, |made| told.push(made)), Ok(1));
        assert_eq!((told, prepare(&mut wallet, now(), &mut rng)), (vec![1], 0), "once");

        let again = Ask { nonce: 100, ..gate.clone() };
        let (second, cold) = answer(&mut wallet, &again, now(), &mut rng);
        assert!(!cold);
        assert!(verifies(&world, &again, &second, now()) && !verifies(&world, &gate, &second, now()));
        assert!(verifies(&world, &gate, &first, now()), "control");
        let lasting = gate.link == LinkKind::Account;
        assert_eq!(first.pseudonym == second.pseudonym, lasting);
        assert_eq!(wallet.prepared.entries.len(), n.min(2) + usize::from(lasting), "a slot is used up");
        prepare(&mut wallet, now(), &mut rng);
    }
    // One state of an account serves many challenges, each with other bytes.
    let mut proofs = Vec::new();
    for nonce in [5, 6, 6] {
        let (presentation, cold) = answer(&mut wallet, &Ask { nonce, ..account.clone() }, now(), &mut rng);
        assert!(!cold);
        proofs.push(presentation.proof);
    }
    assert!(proofs[0] != proofs[1] && proofs[1] != proofs[2]);
}

/// A prover that has no verifying key at hand could not check what is prepared.
#[test]
fn nothing_is_released_unchecked() {
    struct Blind(Cold);
    impl Prover for Blind {
        fn circuit(&self) -> CircuitId {
            self.0.circuit()
        }
        fn prove<R: RngCore + CryptoRng>(
            &self,
            statement: &Statement,
            witness: &Witness,
            rng: &mut R,
        ) -> Result<[u8; PROOF_BYTES], ProveError> {
            self.0.prove(statement, witness, rng)
        }
    }
    let mut world = World::new(91);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    answer(&mut wallet, &none().account(), now(), &mut rng);
    prepare(&mut wallet, now(), &mut rng);
    let question = wallet
        .examine(
            none().account().json().as_bytes(),
            &from_origin("forum.example"),
            false,
            ENGINE.circuit(),
            now(),
        )
        .unwrap();
    assert!(wallet.is_prepared(&question, ENGINE.circuit(), now()));
    let blind = Blind(Cold::default());
    wallet.answer(&question, true, &blind, now(), &mut rng, |_| Ok::<(), ()>(())).unwrap();
    assert_eq!(blind.0.0.get(), 1);
}

/// Yesterday's, another epoch's, another credential's, another key's: not used, and gone.
#[test]
fn what_is_stale_is_dropped() {
    let mut world = World::new(92);
    let mut rng = world.rng.clone();
    let account = none().account();
    let mut ready = |world: &mut World| {
        let mut wallet = world.person(adult());
        answer(&mut wallet, &account, now(), &mut rng);
        assert_eq!(prepare(&mut wallet, now(), &mut rng), 1);
        wallet
    };
    // The day after, and already at half past midnight, when yesterday may still be asked for.
    let half_past_midnight = at("2026-11-22T16:30:00Z");
    for ask in [account.clone(), account.clone().on(day("2026-11-23"))] {
        let mut wallet = ready(&mut world);
        let mut rng = world.rng.clone();
        assert!(answer(&mut wallet, &ask, half_past_midnight, &mut rng).1, "{:?}", ask.valid_on);
        assert!(wallet.prepared.entries.is_empty() && wallet.prepared_changed());
    }
    // In the evening tomorrow may be asked for; what is prepared is today's.
    let mut wallet = ready(&mut world);
    let mut rng2 = world.rng.clone();
    let evening = at("2026-11-22T14:30:00Z");
    assert!(answer(&mut wallet, &account.clone().on(day("2026-11-23")), evening, &mut rng2).1);
    assert!(!answer(&mut wallet, &account, evening, &mut rng2).1, "control");

    // The next epoch.
    let mut wallet = ready(&mut world);
    world.seal_others(world.newest().sealed_at.plus(60), 10);
    wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!(wallet.unprepared(ENGINE.circuit(), now()), 1);
    assert!(wallet.prepared.entries.is_empty());
    assert!(answer(&mut wallet, &account, now(), &mut rng2).1);

    // Another credential, of which the tree says nothing.
    let mut wallet = ready(&mut world);
    wallet.credential = Some(world.credential(&wallet, adult()));
    wallet.credential.as_mut().unwrap().attributes.province = 11;
    wallet.forget_prepared(now());
    assert!(wallet.prepared.entries.is_empty());

    // A leaf that was removed: nothing is prepared for it any more.
    let mut wallet = ready(&mut world);
    let place = wallet.state.own.place.unwrap();
    world.seal(world.newest().sealed_at.plus(60), &[], &[place]);
    wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!(prepare(&mut wallet, now(), &mut rng2), 0);
    assert!(wallet.prepared.entries.is_empty());

    // Another proving key file.
    let mut wallet = ready(&mut world);
    let file = wallet.prepared_file().unwrap();
    assert_eq!(wallet.use_prepared(Some(&file), KeyFile::of(b"another"), now()), Ok(()));
    assert!(wallet.prepared.entries.is_empty() && wallet.prepared_changed());
    assert_eq!(wallet.use_prepared(Some(&file), KeyFile::default(), now()), Ok(()));
    assert!(wallet.prepared.entries.len() == 1 && !wallet.prepared_changed(), "control");
}

/// Other predicates, another part of the platform, another number of slots: their statements are others.
#[test]
fn another_question_is_another_statement() {
    let mut world = World::new(93);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let known = none().account();
    answer(&mut wallet, &known, now(), &mut rng);
    prepare(&mut wallet, now(), &mut rng);
    for other in [
        Ask { context: "x", ..known.clone().predicates(r#"{"valid":true,"age":{"at_least":18}}"#) },
        Ask { context: "x", ..known.clone() },
        Ask { rp: "shop.example", ..known.clone() },
        Ask { context: "", ..tokens(2) },
        Ask { period: Some(4), ..tokens(2) },
    ] {
        // A copy without other answers' pins.
        let pins = wallet.state.pins.clone();
        assert!(answer(&mut wallet, &other, now(), &mut rng).1, "{other:?}");
        wallet.state.pins = pins;
    }
    assert!(!answer(&mut wallet, &known, now(), &mut rng).1, "control: it was there all the time");
}

/// A slot is given out once, whatever happens between drawing and sending.
#[test]
fn no_slot_twice() {
    let mut world = World::new(94);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let poll = tokens(5);
    let mut sent: Vec<Fr> = vec![answer(&mut wallet, &poll, now(), &mut rng).0.pseudonym];

    // The disk is full: nothing is sent, and the same slot may be used by the next answer.
    prepare(&mut wallet, now(), &mut rng);
    let prover = Cold::default();
    let failed = try_answer(&mut wallet, &poll, now(), &mut rng, &prover, Err(()));
    assert_eq!((failed, prover.0.get()), (Err(AnswerError::Persist(())), 0));
    assert_eq!(wallet.prepared.entries.len(), 1);
    let prepared = wallet.prepared_file().unwrap();
    let (second, cold) = answer(&mut wallet, &poll, now(), &mut rng);
    assert!(!cold);

    // Killed after marking: the file of what is prepared still holds the slot, and it is not used again.
    wallet.use_prepared(Some(&prepared), KeyFile::default(), now()).unwrap();
    assert!(wallet.prepared.entries.is_empty() && wallet.prepared_changed());
    sent.push(second.pseudonym);
    // The other way round: drawn cold although an entry holds a slot; two questions of one scope.
    let other = poll.clone().predicates(r#"{"valid":true,"sex":"male"}"#);
    wallet.state.pins = Default::default();
    sent.push(answer(&mut wallet, &other, now(), &mut rng).0.pseudonym);
    wallet.state.pins = Default::default();
    assert_eq!(prepare(&mut wallet, now(), &mut rng), 2, "both questions, with the two slots that are left");
    let slots: Vec<u32> = wallet.prepared.entries.iter().map(|entry| entry.slot).collect();
    assert_ne!(slots[0], slots[1]);
    for ask in [&other, &poll] {
        let (next, cold) = answer(&mut wallet, ask, now(), &mut rng);
        assert!(!cold);
        sent.push(next.pseudonym);
        wallet.state.pins = Default::default();
    }
    assert_eq!(wallet.unprepared(ENGINE.circuit(), now()), 0, "no slot is left");
    let refused = try_answer(&mut wallet, &poll, now(), &mut rng, &Cold::default(), Ok(()));
    assert_eq!(refused, Err(AnswerError::Refused(Refusal::NoSlotLeft)));
    let count = sent.len();
    sent.sort();
    sent.dedup();
    assert_eq!((sent.len(), count), (5, 5));
}

/// Only what the rules would answer is prepared, and at most so much.
#[test]
fn what_is_prepared_and_how_much() {
    let mut world = World::new(95);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let mut visit = |wallet: &mut Wallet, ask: &Ask, this_month: bool, time: Timestamp| {
        let channel = from_origin(ask.rp);
        let question =
            wallet.examine(ask.json().as_bytes(), &channel, this_month, ENGINE.circuit(), time).unwrap();
        wallet.answer_unproved(&question, time, &mut rng).unwrap();
    };
    let circuit = ENGINE.circuit();
    let hosts: Vec<&'static str> =
        (0..20).map(|n| &*Box::leak(format!("h{n}.example").into_boxed_str())).collect();
    for rp in &hosts {
        let adults = gate().predicates(r#"{"valid":true,"age":{"at_least":18}}"#);
        visit(&mut wallet, &Ask { rp, ..adults }, false, now());
    }
    assert_eq!(wallet.unprepared(circuit, now()), MAX_PREPARED);
    assert_eq!(wallet.unprepared(CIRCUIT, now()), 0, "nobody asked under that key");
    // W1: it is always today's. W8: no crowd. W4: other predicates are pinned. Each with its control.
    assert_eq!(wallet.unprepared(circuit, now().plus(86_400)), MAX_PREPARED);
    assert_eq!(wallet.unprepared(circuit, now().plus(3 * 86_400)), 0, "the epoch is stale");
    let cells = wallet.state.cells.take();
    assert_eq!(wallet.unprepared(circuit, now()), 0);
    wallet.state.cells = cells;
    let pins = wallet.state.pins.clone();
    for rp in &hosts {
        let predicates = veilpass_protocol::json::parse(br#"{"valid":true,"sex":"male"}"#).unwrap();
        wallet.state.pins = if *rp == "h0.example" { Default::default() } else { wallet.state.pins };
        wallet.state.pins.record(&host(rp), &"".parse().unwrap(), &predicates, false, now());
    }
    assert_eq!(wallet.unprepared(circuit, now()), 0);
    wallet.state.pins = pins;
    assert_eq!(wallet.unprepared(circuit, now()), MAX_PREPARED);
    // W5: an answer that the person let through once is not made ready for the next time.
    let mut young =
        world.person(veilpass_protocol::attributes::Attributes { birth_date: day("2008-11-13"), ..adult() });
    let adults = gate().predicates(r#"{"valid":true,"age":{"at_least":18}}"#);
    visit(&mut young, &adults, true, now());
    assert_eq!(young.unprepared(circuit, now()), 0);
    visit(&mut young, &Ask { context: "b", ..gate() }, false, now());
    assert_eq!(young.unprepared(circuit, now()), 1, "control");
}

/// A key that gives no proof gives no state either, and the wallet is as it was.
#[test]
fn nothing_is_prepared_with_a_damaged_key() {
    let mut groth16 = dev::proving_key().unwrap().groth16().clone();
    groth16.h_query.swap(7, 8);
    let damaged = Engine::new(ProvingKey::from_groth16(Attest, Origin::Dev, groth16).unwrap()).unwrap();
    let mut world = World::new(97);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    answer(&mut wallet, &gate(), now(), &mut rng);
    assert_eq!(wallet.prepare(&damaged, now(), &mut rng, |_| ()), Err(ProveError::SelfCheck));
    assert!(wallet.prepared.entries.is_empty() && !wallet.prepared_changed());
    assert_eq!(prepare(&mut wallet, now(), &mut rng), 1, "control");
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// How much sooner a prepared answer is there: from the request to the presentation, rules and state file included; and the
/// proof alone, from the bytes in the file to the verifier's word.
#[test]
fn a_prepared_answer_is_there_sooner() {
    let mut world = World::new(96);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    answer(&mut wallet, &gate(), now(), &mut rng);
    let mut times = [const { Vec::new() }; 4];
    let mut record = |which: usize, begun: Instant| times[which].push(1e3 * begun.elapsed().as_secs_f64());
    let key = ENGINE.verifying_key().unwrap();
    for _ in 0..9 {
        wallet.prepared.entries.clear();
        let begun = Instant::now();
        assert!(answer(&mut wallet, &gate(), now(), &mut rng).1);
        record(0, begun);
        prepare(&mut wallet, now(), &mut rng);
        // As the command line does it: from the file.
        let file = wallet.prepared_file().unwrap();
        wallet.use_prepared(Some(&file), KeyFile::default(), now()).unwrap();
        let entry = wallet.prepared.entries[0].clone();
        let begun = Instant::now();
        assert!(!answer(&mut wallet, &gate(), now(), &mut rng).1);
        record(1, begun);

        let mut witness = wallet.export_witness().unwrap();
        witness.slot = Fr::from(entry.slot);
        let statement = Statement { challenge: 7.into(), ..entry.head().unwrap().1 };
        let begun = Instant::now();
        ENGINE.prove(&statement, &witness, &mut rng).unwrap();
        record(2, begun);
        let begun = Instant::now();
        let state = Prepared::from_bytes(&entry.state, key.key(), &witness).unwrap();
        let proof = state.present(statement.challenge, &mut rng).unwrap();
        key.check_bytes(&statement, &proof).unwrap();
        record(3, begun);
    }
    let [cold, prepared, prove, present] = times.each_ref().map(|t| median(t));
    let machine = ENGINE.machine();
    println!("answer, {machine}: cold {cold:.2} ms, prepared {prepared:.2} ms, 1/{:.1}", cold / prepared);
    println!("proof, {machine}: cold {prove:.2} ms, prepared {present:.2} ms, 1/{:.1}", prove / present);
    assert!(prepared < cold, "answer: cold {cold} ms, prepared {prepared} ms");
    assert!(present < prove / 2.0, "proof: cold {prove} ms, prepared {present} ms");
}
