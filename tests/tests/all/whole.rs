//! The whole way from a request to a decision, and what is left of it in any other circumstances.

use ark_ff::AdditiveGroup;
use veilpass_circuits::{Attest, Circuit};
use veilpass_protocol::field::Fr;
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::scope::LinkKind;
use veilpass_prover::groth16::rerandomise;
use veilpass_tests::{World, now};
use veilpass_verifier::{AcceptError, AcceptedEpochs, InMemory, Policy, Proof, Reuse, Verifier};

struct Platform {
    verifier: Verifier,
    epochs: AcceptedEpochs,
    memory: InMemory,
}

fn platform(world: &World) -> Platform {
    let policy = Policy::default().allowing_dev_keys();
    let mut epochs = AcceptedEpochs::starting_without_memory(world.signer.public());
    for note in &world.notes {
        epochs.install(note, &policy, now()).unwrap();
    }
    let verifier = Verifier::new(policy).with_verifying_key(world.key.clone()).unwrap();
    Platform { verifier, epochs, memory: InMemory::new() }
}

/// Two presentations of one person and one request, whatever they look like, count once; a pseudonym
/// that is spent stays spent.
#[test]
fn replay_is_judged_by_nonce_and_pseudonym() {
    let mut world = World::new(10);
    let p = platform(&world);
    let adult =
        Predicates { age: Some(AgePredicate { at_least: Some(18), below: None }), ..Predicates::valid() };
    let request = world.request(LinkKind::Account, adult.clone());
    let presentation = world.present(0, &request, 2);
    let accept = |presentation: &str, request: &_| {
        let accepted = p.verifier.accept(
            request,
            presentation.as_bytes(),
            &p.epochs,
            &p.memory,
            Reuse::OncePerScope,
            now(),
        );
        accepted.map(|v| *v.pseudonym()).map_err(|e| match e {
            AcceptError::Refused(e) => e.code(),
            AcceptError::Store(never) => match never {},
        })
    };
    let u = accept(&presentation.to_json(), &request).unwrap();
    assert_eq!(accept(&presentation.to_json(), &request), Err("request_replayed"));
    let mut again = presentation.clone();
    let proof = Proof::from_bytes(&presentation.proof).unwrap();
    again.proof = rerandomise(&world.key.clone(), &proof, world.rng()).unwrap();
    assert_ne!(again.proof, presentation.proof);
    assert_eq!(accept(&again.to_json(), &request), Err("request_replayed"));
    // A new request of the same person: the account's pseudonym is the same, and spent.
    let second = world.request(LinkKind::Account, adult);
    let later = world.present(0, &second, 2);
    assert_eq!(later.pseudonym, u);
    assert_eq!(accept(&later.to_json(), &second), Err("pseudonym_spent"));
    assert_eq!(
        p.verifier.verify(&second, later.to_json().as_bytes(), &p.epochs, now()).unwrap().pseudonym(),
        &u
    );
}

/// S14: the same proof for any other challenge is refused, although no constraint mentions it.
#[test]
fn a_proof_is_bound_to_its_challenge() {
    let mut world = World::new(11);
    let p = platform(&world);
    let request = world.request(LinkKind::None, Predicates::valid());
    let presentation = world.present(4, &request, 2);
    assert!(p.verifier.verify(&request, presentation.to_json().as_bytes(), &p.epochs, now()).is_ok());
    let others = (0..20).map(|_| world.request(LinkKind::None, Predicates::valid())).collect::<Vec<_>>();
    for other in others {
        let refused =
            p.verifier.verify(&other, presentation.to_json().as_bytes(), &p.epochs, now()).unwrap_err();
        assert_eq!(refused.code(), "proof_invalid");
    }
}

/// The empty place is no member: a wallet cannot prove with the leaf 0.
#[test]
fn an_empty_place_proves_nothing() {
    let mut world = World::new(12);
    let request = world.request(LinkKind::None, Predicates::valid());
    // Place 1199 was emptied in epoch 2; its former owner has the path still.
    let (statement, witness) = world.claim(1199, &request, 2);
    let clause = Attest.check(&statement, &witness).unwrap_err();
    assert_eq!(clause.as_str(), "S1");
    let mut nobody = witness.clone();
    (nobody.k, nobody.d, nobody.packed) = (Fr::ZERO, Fr::ZERO, Fr::ZERO);
    assert!(Attest.check(&statement, &nobody).is_err());
}
