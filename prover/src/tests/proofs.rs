//! Real proofs: from a request to 128 bytes that a platform accepts, and the proofs that are not made.

use super::testkit::*;
use crate::groth16::{Engine, ProveError, Prover, rerandomise};
use crate::{AnswerError, Wallet};
use ark_ec::AffineRepr;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::convert::Infallible;
use std::sync::LazyLock;
use veilpass_circuits::Attest;
use veilpass_circuits::Witness;
use veilpass_circuits::attest::clauses;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::identity::pseudonym;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;
use veilpass_protocol::statement::Statement;
use veilpass_protocol::tree::Tree;
use veilpass_verifier::{Files, Origin, Policy, Proof, VerifyError, verify_files};

static PROVER: LazyLock<Engine> = LazyLock::new(|| Engine::new(dev::proving_key().unwrap()).unwrap());

fn asked(ask: Ask) -> Ask {
    Ask { circuit: PROVER.circuit(), ..ask }
}

fn present(wallet: &mut Wallet, ask: &Ask, rng: &mut StdRng) -> Presentation {
    let question =
        wallet.examine(ask.json().as_bytes(), &from_origin(ask.rp), false, PROVER.circuit(), now()).unwrap();
    wallet.answer(&question, true, &*PROVER, now(), rng, |_| Ok::<(), Infallible>(())).unwrap()
}

fn verify(world: &World, ask: &Ask, presentation: &Presentation) -> Result<(), VerifyError> {
    let notes: Vec<String> = world.notes.values().map(|(_, note)| note.clone()).collect();
    let verified = verify_files(&Files {
        request: ask.json().as_bytes(),
        presentation: presentation.to_json().as_bytes(),
        notes: &notes,
        authority: &world.key(),
        key: dev::verifying_key_bytes(),
        policy: Policy::default().allowing_dev_keys(),
        now: now(),
    })?;
    assert_eq!(verified.pseudonym(), &presentation.pseudonym);
    Ok(())
}

#[test]
fn a_platform_accepts_what_a_wallet_presents() {
    let mut world = World::new(60);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let gate =
        asked(ask().predicates(
            r#"{"valid":true,"age":{"at_least":18},"documents":"citizen","generation_at_most":0}"#,
        ));
    let presentation = present(&mut wallet, &gate, &mut rng);
    assert_eq!(verify(&world, &gate, &presentation), Ok(()));
    // The slot is hidden and drawn, so it is not slot 0's pseudonym.
    let scope = Request::from_json(gate.json().as_bytes()).unwrap().scope().unwrap();
    assert_ne!(presentation.pseudonym, pseudonym(&wallet.k, &scope, 0));
    // Anybody can make other bytes of it that prove the same: no reason to judge replay by bytes.
    let proof = Proof::from_bytes(&presentation.proof).unwrap();
    let other = rerandomise(&dev::verifying_key().unwrap(), &proof, &mut rng).unwrap();
    assert_ne!(other, presentation.proof);
    assert_eq!(verify(&world, &gate, &Presentation { proof: other, ..presentation.clone() }), Ok(()));
    // Bound to this nonce and this host.
    for other in [Ask { nonce: 2, ..gate.clone() }, Ask { rp: "evil.example", ..gate }] {
        assert_eq!(verify(&world, &other, &presentation).unwrap_err().code(), "proof_invalid");
    }
}

fn satisfied() -> (Statement, Witness) {
    satisfied_by(adult())
}

/// A statement and a witness for it: one leaf in an otherwise empty tree, slot 2 of 3.
pub(super) fn satisfied_by(attributes: Attributes) -> (Statement, Witness) {
    let mut world = World::empty(61);
    let wallet = world.applicant(attributes.clone());
    let mut tree = Tree::new();
    tree.update(&[(9, leaf(&wallet))]).unwrap();
    let poll = Ask { link: veilpass_protocol::scope::LinkKind::Tokens, slots: 3, ..ask() };
    let request = Request::from_json(poll.json().as_bytes()).unwrap();
    let u = pseudonym(&wallet.k, &request.scope().unwrap(), 2);
    let statement = Statement::for_request(&request, tree.root(), u).unwrap();
    let witness = Witness {
        k: *wallet.k.expose(),
        d: *wallet.d.expose(),
        packed: attributes.pack(),
        link: 0.into(),
        slot: 2.into(),
        path: tree.path(9).unwrap().0,
    };
    (statement, witness)
}

/// Never a bad proof: an unsatisfiable witness is refused by its clause, before any proving.
#[test]
fn what_is_not_true_is_not_proved() {
    let (statement, witness) = satisfied();
    let mut rng = StdRng::seed_from_u64(1);
    let mut refused = |change: fn(&mut Statement, &mut Witness)| {
        let (mut s, mut w) = (statement.clone(), witness.clone());
        change(&mut s, &mut w);
        PROVER.prove(&s, &w, &mut rng).unwrap_err()
    };
    assert_eq!(refused(|s, _| s.root += s.slots), ProveError::Unsatisfied(clauses::S1));
    assert_eq!(refused(|_, w| w.packed = w.k), ProveError::Unsatisfied(clauses::S1));
    assert_eq!(refused(|s, _| s.pseudonym = s.scope), ProveError::Unsatisfied(clauses::S4));
    assert_eq!(refused(|s, _| s.slots = 2.into()), ProveError::Unsatisfied(clauses::S5));
    assert_eq!(refused(|s, _| s.valid_on = 90_002.into()), ProveError::Unsatisfied(clauses::S6));
    assert_eq!(refused(|s, _| s.born_on_or_before = 72_998.into()), ProveError::Unsatisfied(clauses::S7));
    assert_eq!(refused(|s, _| s.province = 11.into()), ProveError::Unsatisfied(clauses::S13));
    assert!(PROVER.prove(&statement, &witness, &mut rng).is_ok());
}

/// A key with one wrong point passes for a key, but its proofs do not verify and are not handed out.
#[test]
fn proofs_of_a_damaged_key_are_not_handed_out() {
    let (statement, witness) = satisfied();
    let mut groth16 = dev::proving_key().unwrap().groth16().clone();
    groth16.l_query[0] = ark_bn254::G1Affine::generator();
    let damaged = Engine::new(ProvingKey::from_groth16(Attest, Origin::Dev, groth16).unwrap()).unwrap();
    assert_eq!(damaged.circuit(), PROVER.circuit(), "its verifying key is untouched");
    let mut rng = StdRng::seed_from_u64(2);
    assert_eq!(damaged.prove(&statement, &witness, &mut rng), Err(ProveError::SelfCheck));

    // The wallet sends nothing then, and has marked nothing.
    let mut world = World::new(62);
    let mut wallet = world.person(adult());
    let question = wallet
        .examine(
            asked(ask()).json().as_bytes(),
            &from_origin("forum.example"),
            false,
            PROVER.circuit(),
            now(),
        )
        .unwrap();
    let before = wallet.state.clone();
    let answer = wallet.answer(&question, true, &damaged, now(), &mut rng, |_| Err("must not be called"));
    assert_eq!(answer, Err(AnswerError::Prove(ProveError::SelfCheck)));
    assert_eq!(wallet.state, before);
}
