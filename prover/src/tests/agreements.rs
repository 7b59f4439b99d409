//! What the person is shown and agrees to: W4, W5, and what is kept of it.

use super::testkit::*;
use crate::{AnswerError, MonthOverride, Question, Refusal, Wallet};
use rand::rngs::StdRng;
use std::convert::Infallible;
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::presentation::Presentation;

fn answer(
    wallet: &mut Wallet,
    question: &Question,
    agreed: bool,
    time: Timestamp,
    rng: &mut StdRng,
) -> Result<Presentation, AnswerError<Infallible>> {
    wallet.answer(question, agreed, &FakeProver, time, rng, |_| Ok(()))
}

/// W4: other predicates than before need an agreement to everything together.
#[test]
fn a_new_agreement_shows_the_union() {
    let mut world = World::new(70);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let origin = from_origin("forum.example");
    let examine = |wallet: &Wallet, predicates: &str, time: Timestamp| {
        let ask = ask().account().predicates(predicates).on(Day::of(time));
        wallet.examine(ask.json().as_bytes(), &origin, false, CIRCUIT, time)
    };
    let (adults, men) = (r#"{"valid":true,"age":{"at_least":18}}"#, r#"{"valid":true,"sex":"male"}"#);
    let here = r#"{"valid":true,"province":44}"#;

    let first = examine(&wallet, adults, now()).unwrap();
    assert_eq!((first.together.clone(), first.told.len()), (None, 2));
    answer(&mut wallet, &first, true, now(), &mut rng).unwrap();
    assert_eq!(examine(&wallet, adults, now()).unwrap().together, None, "nothing new");
    assert_eq!(examine(&wallet, men, now()).unwrap_err().code(), "predicates_pinned");

    let later = now().plus(30 * 86_400);
    world.seal(later, &[], &[]);
    wallet.sync(&world, &world.key(), later).unwrap();
    let second = examine(&wallet, men, later).unwrap();
    let union = second.together.clone().unwrap();
    assert_eq!((second.told.len(), union.len()), (2, 3));
    assert!(union.iter().any(|s| s.contains("18")) && union.iter().any(|s| s.contains("male")));
    // Two questions were open; once one is answered, the other has to wait.
    let third = examine(&wallet, here, later).unwrap();
    answer(&mut wallet, &second, true, later, &mut rng).unwrap();
    let refused = answer(&mut wallet, &third, true, later, &mut rng).unwrap_err();
    assert!(matches!(refused, AnswerError::Refused(Refusal::PredicatesPinned(_))));
}

/// Between question and answer time passes: it is judged again.
#[test]
fn an_old_question_is_judged_again() {
    let mut world = World::new(71);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let ask = Ask { expires_at: now().plus(300), ..ask() };
    let question =
        wallet.examine(ask.json().as_bytes(), &from_origin("forum.example"), false, CIRCUIT, now()).unwrap();
    let late = answer(&mut wallet, &question, true, now().plus(300), &mut rng);
    assert_eq!(late, Err(AnswerError::Refused(Refusal::RequestExpired(now().plus(300)))));
    assert!(answer(&mut wallet, &question, true, now().plus(299), &mut rng).is_ok());
}

/// What became of questions is kept; a declined one pins nothing and uses nothing up.
#[test]
fn declined_is_remembered_and_costs_nothing() {
    let mut world = World::new(72);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let question = wallet
        .examine(ask().json().as_bytes(), &from_origin("forum.example"), false, CIRCUIT, now())
        .unwrap();
    let before = wallet.state.clone();
    let declined = answer(&mut wallet, &question, false, now(), &mut rng);
    assert_eq!(declined, Err(AnswerError::Refused(Refusal::Declined)));
    assert_eq!((&wallet.state.pins, &wallet.state.slots), (&before.pins, &before.slots));
    answer(&mut wallet, &question, true, now(), &mut rng).unwrap();
    let outcomes: Vec<&str> = wallet.history().iter().map(|entry| entry.outcome.as_str()).collect();
    assert_eq!(outcomes, ["declined", "answered"]);
}

/// W5: the person may set the rule aside once per host and context.
#[test]
fn the_month_rule_is_set_aside_once() {
    let mut world = World::new(5);
    let mut wallet = world.person(Attributes { birth_date: day("2008-11-20"), ..adult() });
    let adults = ask().predicates(r#"{"valid":true,"age":{"at_least":18}}"#);
    let origin = from_origin("forum.example");
    let mut rng = world.rng.clone();
    let examine = |wallet: &Wallet, this_month| {
        wallet.examine(adults.json().as_bytes(), &origin, this_month, CIRCUIT, now())
    };
    assert_eq!(examine(&wallet, false).unwrap_err(), Refusal::AgeThisMonth(MonthOverride::Possible));
    let question = examine(&wallet, true).unwrap();
    assert!(question.tells_birthday);
    wallet.answer(&question, true, &FakeProver, now(), &mut rng, |_| Ok::<(), Infallible>(())).unwrap();
    assert_eq!(examine(&wallet, true).unwrap_err(), Refusal::AgeThisMonth(MonthOverride::Used));
    // Where the rule does not apply, setting it aside uses nothing up.
    let other = Ask { context: "other", ..ask().predicates(r#"{"valid":true,"age":{"at_least":16}}"#) };
    let question = wallet.examine(other.json().as_bytes(), &origin, true, CIRCUIT, now()).unwrap();
    assert!(!question.tells_birthday);
}

/// The price of W4 (SECURITY.md): what was answered shows in the next visit, also where pseudonyms do not
/// meet. A platform writes a number into pins, one context for each bit, and reads it again.
#[test]
fn pins_are_a_memory_that_their_platform_can_read() {
    let mut world = World::new(73);
    let mut wallets = world.people(&[adult(), adult()]);
    let mut rng = world.rng.clone();
    let bits = ["b0", "b1", "b2", "b3"];
    let mut asks = |wallet: &mut Wallet, context: &'static str, predicates: &str| {
        let ask = Ask { context, ..ask().predicates(predicates) };
        wallet.respond(&ask, now(), &mut rng).is_ok()
    };
    for (wallet, mark) in wallets.iter_mut().zip([0b0110, 0b1011]) {
        for (i, context) in bits.into_iter().enumerate() {
            assert!(mark >> i & 1 == 0 || asks(wallet, context, r#"{"valid":true,"province":44}"#));
        }
    }
    let read = wallets.iter_mut().map(|wallet| {
        let refused = bits.map(|context| !asks(wallet, context, r#"{"valid":true,"sex":"male"}"#));
        refused.into_iter().rev().fold(0, |mark, bit| mark << 1 | u8::from(bit))
    });
    assert_eq!(read.collect::<Vec<_>>(), [0b0110, 0b1011]);
}
