//! Replay: by nonce and by pseudonym, never by proof bytes; consumed after verification, atomically.

use crate::testkit::rerandomise;
use crate::world::{World, noon};
use std::sync::atomic::{AtomicUsize, Ordering};
use veilpass_verifier::protocol::challenge::Nonce;
use veilpass_verifier::protocol::presentation::Presentation;
use veilpass_verifier::protocol::request::Request;
use veilpass_verifier::protocol::scope::LinkKind;
use veilpass_verifier::{
    AcceptError, Blame, Consumed, Entry, InMemory, Memory, Origin, Reuse, VerifiedPresentation, Verifier,
    VerifyError,
};

fn accept(
    w: &World,
    memory: &InMemory,
    request: &Request,
    p: &Presentation,
    reuse: Reuse,
) -> Result<VerifiedPresentation, VerifyError> {
    match w.verifier.accept(request, &p.to_binary(), &w.epochs, memory, reuse, noon()) {
        Ok(verified) => Ok(verified),
        Err(AcceptError::Refused(e)) => Err(e),
    }
}

fn code(result: Result<VerifiedPresentation, VerifyError>) -> &'static str {
    match result {
        Ok(_) => "accepted",
        Err(e) => e.code(),
    }
}

#[test]
fn an_answered_request_is_answered() {
    let mut w = World::new();
    let memory = InMemory::new();
    let request = w.ask(LinkKind::Account, 1);
    let p = w.answer(&request, 3, 7);
    let reuse = Reuse::MayReturn;
    assert_eq!(code(accept(&w, &memory, &request, &p, reuse)), "accepted");
    let refused = accept(&w, &memory, &request, &p, reuse).unwrap_err();
    assert_eq!((refused.blame(), refused.code()), (Blame::Unacceptable, "request_replayed"));
    // Other proof bytes, the same presentation: anybody can make them.
    let key = w.trapdoor.key(Origin::Ceremony);
    let other = Presentation { proof: rerandomise(&key, &p.proof, &mut w.rng), ..p.clone() };
    assert_ne!(other.proof, p.proof);
    assert!(w.verifier.verify(&request, &other.to_binary(), &w.epochs, noon()).is_ok(), "positive control");
    assert_eq!(code(accept(&w, &memory, &request, &other, reuse)), "request_replayed");
    // Replay is found before the points are looked at.
    let broken = Presentation { proof: [0; 128], ..p };
    assert_eq!(code(accept(&w, &memory, &request, &broken, reuse)), "request_replayed");
}

#[test]
fn a_refused_try_uses_nothing_up() {
    let mut w = World::new();
    let memory = InMemory::new();
    let request = w.ask(LinkKind::Tokens, 1);
    let good = w.answer(&request, 3, 7);
    let mut forged = good.clone();
    forged.proof = w.answer(&w.ask(LinkKind::Tokens, 2), 3, 7).proof;
    for _ in 0..3 {
        assert_eq!(code(accept(&w, &memory, &request, &forged, Reuse::OncePerScope)), "proof_invalid");
    }
    assert_eq!(code(accept(&w, &memory, &request, &good, Reuse::OncePerScope)), "accepted");
}

#[test]
fn who_may_return() {
    use LinkKind::{Account, None, Tokens};
    use Reuse::{MayReturn, OncePerScope};
    // (link, first time, second time) → the second answer, to another request.
    let cases = [
        (Account, MayReturn, MayReturn, "accepted"),
        (Account, OncePerScope, OncePerScope, "pseudonym_spent"),
        (Account, MayReturn, OncePerScope, "pseudonym_spent"),
        (Account, OncePerScope, MayReturn, "accepted"),
        (Tokens, MayReturn, MayReturn, "pseudonym_spent"),
        (None, MayReturn, MayReturn, "pseudonym_spent"),
    ];
    for (link, first, second, expected) in cases {
        let mut w = World::new();
        let memory = InMemory::new();
        let (one, two, three) = (w.ask(link, 1), w.ask(link, 2), w.ask(link, 3));
        let (p, q, other) = (w.answer(&one, 3, 7), w.answer(&two, 3, 7), w.answer(&three, 3, 8));
        assert_eq!(code(accept(&w, &memory, &one, &p, first)), "accepted");
        assert_eq!(code(accept(&w, &memory, &two, &q, second)), expected, "{link} {first:?} {second:?}");
        // Spent: the request stays open for another pseudonym.
        let retry = w.answer(&two, 3, 9);
        let still_open = if expected == "accepted" { "request_replayed" } else { "accepted" };
        assert_eq!(code(accept(&w, &memory, &two, &retry, second)), still_open);
        assert_eq!(code(accept(&w, &memory, &three, &other, OncePerScope)), "accepted");
    }
}

/// The same pseudonym number in another scope is another pseudonym.
#[test]
fn pseudonyms_are_compared_within_their_scope() {
    let mut w = World::new();
    let memory = InMemory::new();
    for (n, context) in ["a", "b", "c"].into_iter().enumerate() {
        let mut new = w.new_request(LinkKind::Account, n as u8);
        new.context = context.parse().unwrap();
        let request = Request::new(new).unwrap();
        let p = w.answer(&request, 3, 7);
        assert_eq!(code(accept(&w, &memory, &request, &p, Reuse::OncePerScope)), "accepted");
    }
}

#[test]
fn one_of_many_at_once() {
    let mut w = World::new();
    let memory = InMemory::new();
    let request = w.ask(LinkKind::Account, 1);
    let p = w.answer(&request, 3, 7);
    let accepted = AtomicUsize::new(0);
    std::thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| match code(accept(&w, &memory, &request, &p, Reuse::MayReturn)) {
                "accepted" => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
                other => assert_eq!(other, "request_replayed"),
            });
        }
    });
    assert_eq!(accepted.into_inner(), 1);
}

#[test]
fn nonces_are_forgotten_when_their_requests_expire() {
    let mut w = World::new();
    let memory = InMemory::new();
    let request = w.ask(LinkKind::Account, 1);
    let p = w.answer(&request, 3, 7);
    accept(&w, &memory, &request, &p, Reuse::OncePerScope).unwrap();
    memory.forget_expired(noon().plus(300 + 119));
    assert_eq!(memory.is_answered(&request.nonce), Ok(true));
    memory.forget_expired(noon().plus(300 + 120));
    assert_eq!(memory.is_answered(&request.nonce), Ok(false));
    // The pseudonym is still known.
    let again = w.ask(LinkKind::Account, 2);
    let q = w.answer(&again, 3, 7);
    assert_eq!(code(accept(&w, &memory, &again, &q, Reuse::OncePerScope)), "pseudonym_spent");
}

/// A store that cannot answer is no store that has not seen it.
#[test]
fn a_failing_store_accepts_nothing() {
    struct Failing {
        at_consume: bool,
    }
    impl Memory for Failing {
        type Error = &'static str;
        fn is_answered(&self, _: &Nonce) -> Result<bool, &'static str> {
            if self.at_consume { Ok(false) } else { Err("down") }
        }
        fn consume(&self, _: &Entry<'_>) -> Result<Consumed, &'static str> {
            Err("down")
        }
    }
    let mut w = World::new();
    let request = w.ask(LinkKind::Account, 1);
    let p = w.answer(&request, 3, 7).to_binary();
    for at_consume in [false, true] {
        let store = Failing { at_consume };
        let refused = w.verifier.accept(&request, &p, &w.epochs, &store, Reuse::MayReturn, noon());
        assert_eq!(refused, Err(AcceptError::Store("down")));
    }
}

/// What an asynchronous store does itself: screen, ask, check, insert.
#[test]
fn the_steps_apart_are_the_steps_together() {
    let mut w = World::new();
    let memory = InMemory::new();
    let request = w.ask(LinkKind::None, 1);
    let p = w.answer(&request, 3, 7).to_binary();
    let verifier: &Verifier = &w.verifier;
    let screened = verifier.screen(&request, &p, &w.epochs, noon()).unwrap();
    assert_eq!(memory.is_answered(&screened.request().nonce), Ok(false));
    let verified = screened.check_proof().unwrap();
    let entry = verified.entry(Reuse::MayReturn);
    assert_eq!(entry.reuse(), Reuse::OncePerScope, "`none` implies once");
    assert_eq!(
        (entry.nonce(), entry.pseudonym(), entry.scope()),
        (&request.nonce, verified.pseudonym(), verified.scope())
    );
    assert_eq!(memory.consume(&entry), Ok(Consumed::First));
    assert_eq!(memory.consume(&entry), Ok(Consumed::Replayed));
}
