//! The life of a credential, step by step, with every refusal (protocol.md, "Enrolment and the life of a
//! credential"; contract §7).

use crate::counter::{Counter, OTHER, REGISTRAR, Wallet, card, day, passport, words, zone_of_card};
use crate::people::{at, with_check};
use veilpass_protocol::attributes::DocumentClass;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::identity::pairing_words;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::operation::Operation;
use veilpass_server::authority::Document;
use veilpass_server::{Blame, RegistryError};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

fn code<T>(result: Result<T, RegistryError>) -> &'static str {
    let error = result.err().expect("a refusal");
    assert_eq!(error.blame(), Blame::Refused, "{error}");
    error.code().unwrap()
}

#[tokio::test]
async fn from_the_counter_into_the_tree() {
    let mut counter = Counter::new(200).await;
    let wallet = counter.wallet();
    let application = counter.file(Operation::Enrol, &card(1), at(0)).await;
    assert_eq!(application.expires_at, at(15 * MINUTE));
    assert!(!format!("{application:?}").contains(application.code.as_text().as_str()));

    let first = counter.redeem(&application, &wallet, at(1)).await.unwrap();
    assert!(!first.again);
    assert_eq!(first.words, pairing_words(&wallet.k.commitment(), &wallet.d.commitment()));
    first.credential.verify(&counter.authority.key()).unwrap();
    let a = &first.credential.attributes;
    assert_eq!((a.birth_date, a.expires_on), (day("1940-01-04"), Some(day("2046-06-01"))));
    assert_eq!((a.enrolled_on, a.generation, a.nationality, a.province), (day("2026-11-22"), 0, 156, 44));
    assert_eq!(counter.fixture.count("SELECT count(*) FROM person").await, 0, "nobody is on record yet");

    // Unconfirmed it is not sealed; the same again is the same answer.
    assert_eq!(counter.seal(at(2)).await.statement.live, 0);
    let again = counter.redeem(&application, &wallet, at(3)).await.unwrap();
    assert!(again.again);
    assert_eq!(again.credential.to_json(), first.credential.to_json());
    counter.confirm(&application, &first, at(4)).await.unwrap();
    counter.confirm(&application, &first, at(5)).await.unwrap();
    assert_eq!(counter.fixture.count("SELECT count(*) FROM pending").await, 1, "twice is once");
    assert_eq!(counter.seal(at(6)).await.statement.live, 1);
    assert_eq!(counter.leaves().await, [first.credential.leaf()]);

    // Sealed, but the code has not expired: still the same. Then it is gone, and the code stays used.
    assert!(counter.redeem(&application, &wallet, at(15 * MINUTE - 1)).await.unwrap().again);
    counter.confirm(&application, &first, at(15 * MINUTE - 1)).await.unwrap();
    assert_eq!(code(counter.redeem(&application, &wallet, at(15 * MINUTE)).await), "code_used");
    assert_eq!(code(counter.confirm(&application, &first, at(15 * MINUTE)).await), "not_found");
    assert_eq!(counter.fixture.count("SELECT count(*) FROM application").await, 0);
}

#[tokio::test]
async fn the_same_answer_until_it_is_sealed() {
    let mut counter = Counter::new(201).await;
    let wallet = counter.wallet();
    let application = counter.file(Operation::Enrol, &card(1), at(0)).await;
    let first = counter.redeem(&application, &wallet, at(1)).await.unwrap();
    counter.confirm(&application, &first, at(2)).await.unwrap();
    // Long after the code has expired, but never sealed.
    let late = counter.redeem(&application, &wallet, at(50 * HOUR)).await.unwrap();
    assert!(late.again && late.credential == first.credential);
    counter.seal(at(51 * HOUR)).await;
    assert_eq!(code(counter.redeem(&application, &wallet, at(51 * HOUR)).await), "code_used");
}

#[tokio::test]
async fn codes() {
    let mut counter = Counter::new(202).await;
    let (wallet, other) = (counter.wallet(), counter.wallet());
    let unused = counter.file(Operation::Enrol, &card(1), at(0)).await;
    let used = counter.file(Operation::Enrol, &card(2), at(0)).await;
    counter.redeem(&used, &wallet, at(1)).await.unwrap();
    for wrong in ["", "x", "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ"] {
        let rng = &mut counter.fixture.rng;
        let answer = counter.authority.redeem(wrong, &other.c(), &other.dc(), at(1), rng).await;
        assert_eq!(code(answer), "code_unknown");
    }
    // Another wallet, or half of another, and not even its form counts before the code.
    assert_eq!(code(counter.redeem(&used, &other, at(1)).await), "code_used");
    let half = Wallet { d: other.d.clone(), ..wallet.clone() };
    assert_eq!(code(counter.redeem(&used, &half, at(1)).await), "code_used");
    let text = used.code.as_text();
    let answer = counter.authority.redeem(&text, "", "", at(1), &mut counter.fixture.rng).await;
    assert_eq!(code(answer), "code_used");

    assert_eq!(code(counter.redeem(&unused, &other, at(15 * MINUTE)).await), "code_expired");
    // The application is erased; what it was is still told.
    counter.authority.housekeeping(at(16 * MINUTE)).await.unwrap();
    assert_eq!(counter.fixture.count("SELECT count(*) FROM application WHERE state = 'filed'").await, 0);
    assert_eq!(code(counter.redeem(&unused, &other, at(60 * 24 * HOUR)).await), "code_expired");
    assert_eq!(code(counter.redeem(&used, &wallet, at(60 * 24 * HOUR)).await), "code_expired", "unconfirmed");
    // People type as they like.
    let sloppy = counter.file(Operation::Enrol, &card(3), at(0)).await;
    let text = sloppy.code.as_text().to_lowercase().replace('-', " ").replace('0', "o");
    let rng = &mut counter.fixture.rng;
    assert!(counter.authority.redeem(&text, &other.c(), &other.dc(), at(1), rng).await.is_ok());
}

#[tokio::test]
async fn commitments() {
    let mut counter = Counter::new(203).await;
    let (first, wallet) = (counter.wallet(), counter.wallet());
    counter.whole(Operation::Enrol, &card(1), &first, at(0)).await.unwrap();
    let application = counter.file(Operation::Enrol, &card(2), at(0)).await;
    let text = application.code.as_text();
    let (c, d) = (wallet.c(), wallet.dc());
    let zero = "0".repeat(64);
    // r itself is 0 spelt otherwise.
    let r = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    let (first_c, first_d) = (first.c(), first.dc());
    for (c, d, expected) in [
        (zero.as_str(), d.as_str(), "commitment_invalid"),
        (&c, &zero, "commitment_invalid"),
        (&c, &c, "commitment_invalid"),
        (r, &d, "commitment_invalid"),
        (&"f".repeat(64), &d, "commitment_invalid"),
        (&c.to_uppercase(), &d, "commitment_invalid"),
        (&c[1..], &d, "commitment_invalid"),
        ("", &d, "commitment_invalid"),
        (&first_c, &d, "commitment_used"),
        (&c, &first_d, "commitment_used"),
        (&first_d, &d, "commitment_used"),
        (&c, &first_c, "commitment_used"),
    ] {
        let answer = counter.authority.redeem(&text, c, d, at(1), &mut counter.fixture.rng).await;
        assert_eq!(code(answer), expected, "{c} {d}");
    }
    // What was refused used neither the code nor the commitments.
    assert!(counter.redeem(&application, &wallet, at(1)).await.is_ok());
}

#[tokio::test]
async fn words_and_registrars() {
    let mut counter = Counter::new(204).await;
    let wallet = counter.wallet();
    let application = counter.file(Operation::Enrol, &card(1), at(0)).await;
    let id = application.id;
    assert_eq!(id.to_string().parse(), Ok(id));
    let confirm = async |registrar: &str, words: &[String]| {
        counter.authority.confirm(registrar, &id, words, at(2)).await
    };
    assert_eq!(code(confirm(REGISTRAR, &vec!["abandon".to_owned(); 6]).await), "words_differ", "too early");
    let text = application.code.as_text();
    let mut rng = rand::rngs::OsRng;
    let redeemed = counter.authority.redeem(&text, &wallet.c(), &wallet.dc(), at(1), &mut rng).await.unwrap();
    let right = words(&redeemed);
    let mut swapped = right.clone();
    swapped.reverse();
    let mut longer = right.clone();
    longer.push("abandon".into());
    for wrong in [&swapped, &longer, &right[..5].to_vec(), &vec![]] {
        assert_eq!(code(confirm(REGISTRAR, wrong).await), "words_differ");
    }
    assert_eq!(code(confirm(OTHER, &right).await), "not_found", "another registrar's");
    let unknown = "00112233445566778899aabbccddeeff".parse().unwrap();
    assert_eq!(code(counter.authority.confirm(REGISTRAR, &unknown, &right, at(2)).await), "not_found");
    confirm(REGISTRAR, &right).await.unwrap();
    assert_eq!(code(confirm(REGISTRAR, &swapped).await), "words_differ", "also afterwards");

    let rng = &mut counter.fixture.rng;
    let token = counter.fixture.authority.add_registrar("Counter 9", at(0), rng).await.unwrap();
    assert_eq!(counter.authority.registrar(&token).await.unwrap().as_deref(), Some("Counter 9"));
    assert_eq!(counter.authority.registrar("").await.unwrap(), None);
    assert_eq!(counter.authority.registrar(&token.to_lowercase()).await.unwrap(), None);
}

#[tokio::test]
async fn documents() {
    let mut counter = Counter::new(205).await;
    let Document::ResidentNumber { number, .. } = card(1) else { panic!() };
    let resident =
        |number: &str, expires_on| Document::ResidentNumber { number: number.to_owned(), expires_on };
    let mrz = |document_class, lines| Document::Mrz { document_class, lines };
    use DocumentClass::*;
    let zone =
        |first: &str, state: &str, expires: &str| passport(first, state, "E1234567", "740812", expires, "");
    let unborn = with_check("44030120261123001");
    let utopia = zone("P<", "UTO", "301231");
    let mut broken = zone("P<", "FRA", "301231");
    broken[1].replace_range(0..1, "F");
    let refused = [
        resident("440301199911130014", None),
        resident(&unborn, None),
        resident(&number, Some(day("2026-11-21"))),
        resident(&number, Some(day("1940-01-03"))),
        mrz(ForeignPassport, zone("P<", "FRA", "261121")),
        mrz(ForeignPassport, zone("P<", "CHN", "301231")),
        mrz(NationalPassport, zone("P<", "FRA", "301231")),
        // Under a passport's zone a citizen would be somebody else than under the resident number.
        mrz(NationalPassport, zone("P<", "CHN", "301231")),
        mrz(PermanentResidence, zone("P<", "FRA", "301231")),
        mrz(ForeignPassport, zone_of_card("I<", "FRA", "740812", "301231")),
        mrz(PermanentResidence, zone_of_card("AR", "CHN", "740812", "301231")),
        // Somebody from Taiwan is no foreigner, and a residence permit comes with its number.
        mrz(ForeignPassport, zone("P<", "TWN", "301231")),
        mrz(ResidencePermit, zone_of_card("CR", "CHN", "740815", "301231")),
        resident("810000199001010018", None),
        resident(&with_check("99030119900101001"), None),
        mrz(ResidentCard, zone("P<", "CHN", "301231")),
        mrz(ForeignPassport, utopia),
        mrz(ForeignPassport, broken),
        mrz(ForeignPassport, vec![]),
    ];
    for (i, document) in refused.iter().enumerate() {
        let rng = &mut counter.fixture.rng;
        let filed =
            counter.authority.file_application(REGISTRAR, Operation::Enrol, document, at(0), rng).await;
        assert_eq!(code(filed), "document_invalid", "{i}");
        assert!(!format!("{document:?}").contains("1940"));
    }
    let born = |birth: &str, state: &str| passport("P<", state, "E1234567", birth, "261122", "");
    let card = |first: &str, state: &str, birth: &str| zone_of_card(first, state, birth, "301231");
    let accepted = [
        (resident(&number, None), ResidentCard, 156, 44, None),
        (resident("440301199911130013", Some(day("2026-11-22"))), ResidentCard, 156, 44, Some("2026-11-22")),
        (mrz(ForeignPassport, born("740812", "FRA")), ForeignPassport, 250, 0, Some("2026-11-22")),
        (mrz(TaiwanPermit, card("CT", "CHN", "740814")), TaiwanPermit, 156, 0, Some("2030-12-31")),
        (resident(&with_check("81000019900101001"), None), ResidencePermit, 156, 81, None),
        (resident(&with_check("82000019900101002"), None), ResidencePermit, 156, 82, None),
        (resident("830000199201300022", None), ResidencePermit, 156, 83, None),
        (resident("932682198501010017", None), PermanentResidence, 682, 32, None),
        (mrz(PermanentResidence, card("AR", "D", "740816")), PermanentResidence, 276, 0, Some("2030-12-31")),
    ];
    for (document, class, nationality, province, expires) in accepted {
        let application = counter.file(Operation::Enrol, &document, at(0)).await;
        let wallet = counter.wallet();
        let redeemed = counter.redeem(&application, &wallet, at(0)).await.unwrap();
        let a = redeemed.credential.attributes;
        assert_eq!((a.document_class, a.nationality, a.province), (class, nationality, province));
        assert_eq!(a.expires_on, expires.map(day));
    }
}

/// Each operation against each state of a person.
#[tokio::test]
async fn who_may_do_what() {
    use Operation::*;
    let mut counter = Counter::new(206).await;
    let mut now = 0;
    let mut person = 0;
    for state in
        ["nobody", "redeemed", "pending", "live", "removing", "rotating", "resetting", "waiting", "removed"]
    {
        for operation in Operation::ALL {
            person += 1;
            now += 10;
            let (document, wallet) = (card(person), counter.wallet());
            let mut current = wallet.clone();
            if state == "redeemed" {
                let application = counter.file(Enrol, &document, at(now)).await;
                counter.redeem(&application, &wallet, at(now)).await.unwrap();
            } else if state != "nobody" {
                let number = counter.whole(Enrol, &document, &wallet, at(now)).await.unwrap().network_number;
                if state != "pending" {
                    counter.seal(at(now + 1)).await;
                }
                let remove = |reason| counter.authority.remove(&number, reason, at(now + 2));
                match state {
                    "removing" => remove(RemovalReason::Error).await.unwrap(),
                    "removed" => {
                        remove(RemovalReason::Error).await.unwrap();
                        counter.seal(at(now + 3)).await;
                    }
                    "rotating" => {
                        current.d = counter.device();
                        counter.whole(Rotate, &document, &current, at(now + 2)).await.unwrap();
                    }
                    "resetting" | "waiting" => {
                        current = counter.wallet();
                        counter.whole(Reset, &document, &current, at(now + 2)).await.unwrap();
                        if state == "waiting" {
                            counter.seal(at(now + 3)).await;
                        }
                    }
                    _ => (),
                }
            }
            let offered = match operation {
                Enrol | Reset => counter.wallet(),
                Renew => current,
                Rotate => Wallet { k: current.k, d: counter.device() },
            };
            let got = counter.whole(operation, &document, &offered, at(now + 4)).await;
            let expected = match (state, operation) {
                ("nobody", Enrol) => Ok(0),
                ("live", Renew | Rotate) => Ok(0),
                ("live" | "removed", Reset) => Ok(1),
                ("nobody", _) | ("redeemed", Renew | Rotate | Reset) => Err("person_unknown"),
                ("resetting" | "waiting", _) => Err("reset_waits"),
                ("removed", Renew | Rotate) => Err("person_unknown"),
                ("live" | "removed", Enrol) => Err("document_used"),
                _ => Err("person_pending"),
            };
            assert_eq!(got.map(|c| c.attributes.generation), expected, "{operation} when {state}");
            now += 10;
        }
    }
}

#[tokio::test]
async fn which_commitments_an_operation_takes() {
    use Operation::*;
    let mut counter = Counter::new(207).await;
    let (mine, fresh, theirs) = (counter.wallet(), counter.wallet(), counter.wallet());
    counter.whole(Enrol, &card(1), &mine, at(0)).await.unwrap();
    counter.whole(Enrol, &card(2), &theirs, at(0)).await.unwrap();
    counter.seal(at(1)).await;
    let mixed = |k: &Wallet, d: &Wallet| Wallet { k: k.k.clone(), d: d.d.clone() };
    for (operation, wallet, expected) in [
        (Renew, fresh.clone(), "commitment_invalid"),
        (Renew, mixed(&mine, &fresh), "commitment_invalid"),
        (Renew, mixed(&fresh, &mine), "commitment_invalid"),
        (Rotate, mine.clone(), "commitment_used"),
        (Rotate, fresh.clone(), "commitment_invalid"),
        (Rotate, mixed(&theirs, &fresh), "commitment_used"),
        (Rotate, mixed(&mine, &theirs), "commitment_used"),
        (Reset, mine.clone(), "commitment_used"),
        (Reset, mixed(&mine, &fresh), "commitment_used"),
        (Reset, mixed(&fresh, &mine), "commitment_used"),
        (Reset, mixed(&fresh, &theirs), "commitment_used"),
    ] {
        assert_eq!(
            counter.whole(operation, &card(1), &wallet, at(2)).await.err(),
            Some(expected),
            "{operation}"
        );
    }
    counter.whole(Renew, &card(1), &mine, at(3)).await.unwrap();
}

#[tokio::test]
async fn renewal_and_rotation_change_both_leaves_in_one_epoch() {
    let mut counter = Counter::new(208).await;
    let mut wallet = counter.wallet();
    let before = counter.whole(Operation::Enrol, &card(1), &wallet, at(0)).await.unwrap();
    counter.seal(at(1)).await;
    // A year later, with another expiry.
    let later = at(370 * 24 * HOUR);
    let Document::ResidentNumber { number, .. } = card(1) else { panic!() };
    let renewed = Document::ResidentNumber { number, expires_on: None };
    let after = counter.whole(Operation::Renew, &renewed, &wallet, later).await.unwrap();
    assert_eq!(after.network_number, before.network_number);
    assert_eq!(
        after.attributes,
        veilpass_protocol::attributes::Attributes { expires_on: None, ..before.attributes.clone() }
    );
    assert_eq!(counter.leaves().await, [before.leaf()], "until the seal");
    let epoch = counter.seal(later.plus(1)).await.statement;
    assert_eq!((epoch.added, epoch.removed.get(RemovalReason::Replaced), epoch.live), (1, 1, 1));
    assert_eq!(counter.leaves().await, [after.leaf()]);

    wallet.d = counter.device();
    let rotated = counter.whole(Operation::Rotate, &renewed, &wallet, later.plus(2)).await.unwrap();
    assert_eq!(rotated.attributes, after.attributes);
    assert_eq!(to_hex(&rotated.device_commitment), wallet.dc());
    let epoch = counter.seal(later.plus(3)).await.statement;
    assert_eq!((epoch.added, epoch.removed.total(), epoch.live, epoch.places_used), (1, 1, 1, 3));
    assert_eq!(counter.leaves().await, [rotated.leaf()]);
    assert_eq!(counter.fixture.count("SELECT count(*) FROM person WHERE removed_at IS NULL").await, 1);
}

#[tokio::test]
async fn a_reset_waits() {
    let mut counter = Counter::new(209).await;
    counter.authority = counter.authority.clone().with_seal_interval(HOUR);
    let (old, new) = (counter.wallet(), counter.wallet());
    let before = counter.whole(Operation::Enrol, &card(1), &old, at(0)).await.unwrap();
    counter.seal(at(1)).await;
    let after = counter.whole(Operation::Reset, &card(1), &new, at(2)).await.unwrap();
    assert_eq!(after.network_number, before.network_number);
    assert_eq!((after.attributes.generation, after.attributes.enrolled_on), (1, day("2026-11-22")));
    // First the old leaf goes.
    let removed = 3;
    let epoch = counter.seal(at(removed)).await.statement;
    assert_eq!((epoch.added, epoch.removed.get(RemovalReason::Replaced), epoch.live), (0, 1, 0));
    for waiting in [removed + HOUR, removed + 48 * HOUR, removed + 49 * HOUR - 1] {
        assert_eq!(counter.seal(at(waiting)).await.statement.live, 0);
        assert_eq!(counter.whole(Operation::Renew, &card(1), &new, at(waiting)).await, Err("reset_waits"));
    }
    let epoch = counter.seal(at(removed + 49 * HOUR)).await.statement;
    assert_eq!((epoch.added, epoch.removed.total(), epoch.live), (1, 0, 1));
    assert_eq!(counter.leaves().await, [after.leaf()]);
    counter.whole(Operation::Renew, &card(1), &new, at(removed + 50 * HOUR)).await.unwrap();
}

#[tokio::test]
async fn by_hand_a_reset_waits_a_day_more() {
    let mut counter = Counter::new(210).await;
    let (old, new) = (counter.wallet(), counter.wallet());
    counter.whole(Operation::Enrol, &card(1), &old, at(0)).await.unwrap();
    counter.seal(at(1)).await;
    counter.whole(Operation::Reset, &card(1), &new, at(2)).await.unwrap();
    counter.seal(at(3)).await;
    assert_eq!(counter.seal(at(3 + 72 * HOUR - 1)).await.statement.live, 0);
    assert_eq!(counter.seal(at(3 + 72 * HOUR)).await.statement.live, 1);
}

#[tokio::test]
async fn who_withdrew_returns_by_a_reset() {
    let mut counter = Counter::new(211).await;
    let (old, new, wrong) = (counter.wallet(), counter.wallet(), counter.wallet());
    let before = counter.whole(Operation::Enrol, &card(1), &old, at(0)).await.unwrap();
    counter.seal(at(1)).await;
    let number = before.network_number;
    let withdraw = async |number: &NetworkNumber, wallet: &Wallet| {
        counter.authority.withdraw(number, &wallet.d, at(2)).await
    };
    assert_eq!(code(withdraw(&number, &wrong).await), "unauthorised");
    let unknown = NetworkNumber::from_body("000000000").unwrap();
    assert_eq!(code(withdraw(&unknown, &old).await), "unauthorised");
    withdraw(&number, &old).await.unwrap();
    assert_eq!(code(withdraw(&number, &wrong).await), "unauthorised", "nobody learns that it is pending");
    assert_eq!(code(withdraw(&number, &old).await), "already_removed");
    let removed = 3;
    assert_eq!(counter.seal(at(removed)).await.statement.removed.get(RemovalReason::Withdrawn), 1);
    assert_eq!(code(counter.authority.withdraw(&number, &old.d, at(4)).await), "unauthorised");

    // A month later the wait is over; the day after the removal it is not.
    let reset = counter.whole(Operation::Reset, &card(1), &new, at(removed + 24 * HOUR)).await.unwrap();
    assert_ne!(reset.network_number, number);
    assert_eq!(reset.attributes.generation, 1);
    assert_eq!(counter.seal(at(removed + 72 * HOUR - 1)).await.statement.live, 0);
    assert_eq!(counter.seal(at(removed + 72 * HOUR)).await.statement.live, 1);
    counter.authority.withdraw(&reset.network_number, &new.d, at(removed + 73 * HOUR)).await.unwrap();
    counter.seal(at(removed + 74 * HOUR)).await;
    let third = counter.wallet();
    let month = removed + 800 * HOUR;
    let reset = counter.whole(Operation::Reset, &card(1), &third, at(month)).await.unwrap();
    assert_eq!(reset.attributes.generation, 2);
    assert_eq!(counter.seal(at(month + 1)).await.statement.live, 1, "long removed: at once");
}

/// A removal of somebody whose change waits is counted, and nothing of the change becomes live.
#[tokio::test]
async fn removed_while_a_change_waits() {
    for (seed, operation, sealed, removals) in [
        (220, Operation::Rotate, false, (1, 1)),
        (221, Operation::Reset, false, (1, 1)),
        (222, Operation::Reset, true, (0, 1)),
    ] {
        let mut counter = Counter::new(seed).await;
        let old = counter.wallet();
        let number = counter.whole(Operation::Enrol, &card(1), &old, at(0)).await.unwrap().network_number;
        counter.seal(at(1)).await;
        let fresh = counter.wallet();
        let new = if operation == Operation::Rotate { Wallet { d: fresh.d, ..old.clone() } } else { fresh };
        counter.whole(operation, &card(1), &new, at(2)).await.unwrap();
        if sealed {
            counter.seal(at(3)).await;
        }
        // The device of the confirmed change is the holder's, not the one before.
        let refused = counter.authority.withdraw(&number, &old.d, at(4)).await;
        assert_eq!(code(refused), "unauthorised");
        counter.authority.withdraw(&number, &new.d, at(4)).await.unwrap();
        let epoch = counter.seal(at(5)).await.statement;
        let counted =
            (epoch.removed.get(RemovalReason::Replaced), epoch.removed.get(RemovalReason::Withdrawn));
        assert_eq!((counted, epoch.added, epoch.live), (removals, 1, 0), "{operation}");
        assert_eq!(counter.seal(at(100 * HOUR)).await.statement.live, 0);
        assert_eq!(counter.fixture.count("SELECT count(*) FROM pending").await, 0);
        let back = counter.wallet();
        counter.whole(Operation::Reset, &card(1), &back, at(101 * HOUR)).await.unwrap();
    }
}

/// A removal ends what is redeemed and unconfirmed; the wallet's offer stays used.
#[tokio::test]
async fn removed_before_the_confirmation() {
    let mut counter = Counter::new(223).await;
    let (old, new) = (counter.wallet(), counter.wallet());
    let number = counter.whole(Operation::Enrol, &card(1), &old, at(0)).await.unwrap().network_number;
    counter.seal(at(1)).await;
    let application = counter.file(Operation::Reset, &card(1), at(2)).await;
    let redeemed = counter.redeem(&application, &new, at(3)).await.unwrap();
    counter.authority.remove(&number, RemovalReason::Fraud, at(4)).await.unwrap();
    assert_eq!(code(counter.confirm(&application, &redeemed, at(5)).await), "not_found");
    assert_eq!(code(counter.redeem(&application, &new, at(5)).await), "already_removed");
    assert_eq!(counter.seal(at(6)).await.statement.live, 0);
    assert_eq!(counter.whole(Operation::Reset, &card(1), &new, at(7)).await, Err("commitment_used"));
}

#[tokio::test]
async fn unconfirmed_it_lapses_after_a_day() {
    let mut counter = Counter::new(224).await;
    let (wallet, other) = (counter.wallet(), counter.wallet());
    let application = counter.file(Operation::Enrol, &card(1), at(0)).await;
    let redeemed = counter.redeem(&application, &wallet, at(10)).await.unwrap();
    let last = at(10 + 24 * HOUR - 1);
    assert_eq!(counter.whole(Operation::Enrol, &card(1), &other, last).await, Err("person_pending"));
    assert!(counter.redeem(&application, &wallet, last).await.unwrap().again);
    // Nobody has tidied up: the time alone decides.
    let lapsed = last.plus(1);
    assert_eq!(code(counter.confirm(&application, &redeemed, lapsed).await), "not_found");
    assert_eq!(code(counter.redeem(&application, &wallet, lapsed).await), "code_expired");
    assert_eq!(counter.whole(Operation::Enrol, &card(1), &wallet, lapsed).await, Err("commitment_used"));
    counter.whole(Operation::Enrol, &card(1), &other, lapsed).await.unwrap();
}

/// Passports are in `passports.rs`.
#[tokio::test]
async fn another_document_is_the_same_person() {
    let mut counter = Counter::new(225).await;
    // A resident number is the person, whatever else the card says.
    let Document::ResidentNumber { number, .. } = card(7) else { panic!() };
    let (third, fourth) = (counter.wallet(), counter.wallet());
    counter.whole(Operation::Enrol, &card(7), &third, at(4)).await.unwrap();
    let again = Document::ResidentNumber { number, expires_on: None };
    assert_eq!(counter.whole(Operation::Enrol, &again, &fourth, at(4)).await, Err("person_pending"));
}

#[tokio::test]
async fn imports_beside_applications() {
    use crate::people::{codes, person};
    let mut counter = Counter::new(226).await;
    let row = person(1);
    let document = Document::ResidentNumber { number: row.number.clone(), expires_on: None };
    let wallet = counter.wallet();
    let application = counter.file(Operation::Enrol, &document, at(0)).await;
    let redeemed = counter.redeem(&application, &wallet, at(0)).await.unwrap();
    assert_eq!(codes(&counter.fixture.import(std::slice::from_ref(&row)).await), [(2, "person_pending")]);
    counter.confirm(&application, &redeemed, at(0)).await.unwrap();
    assert_eq!(codes(&counter.fixture.import(&[row]).await), [(2, "document_used")]);
    // Who was imported can do everything; a row that is live stays `already` while a change waits.
    let row = person(2);
    assert_eq!(counter.fixture.import(std::slice::from_ref(&row)).await.added, 1);
    counter.seal(at(1)).await;
    let document = Document::ResidentNumber { number: row.number.clone(), expires_on: None };
    let wallet = counter.wallet();
    let reset = counter.whole(Operation::Reset, &document, &wallet, at(2)).await.unwrap();
    assert_eq!(u32::from(reset.attributes.generation), row.generation.parse::<u32>().unwrap() + 1);
    assert_eq!(counter.fixture.import(&[row]).await.already, 1);
}

/// A server sees what another process did.
#[tokio::test]
async fn revisions() {
    let mut counter = Counter::new(227).await;
    let zero = counter.authority.revision().await.unwrap();
    assert_eq!((zero.epoch, zero.directory), (0, 0));
    counter.seal(at(1)).await;
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
    for name in ["One", "Another"] {
        let host = "forum.example".parse().unwrap();
        counter.authority.put_platform(host, &key, name, &["To vote".to_owned()]).await.unwrap();
    }
    let then = counter.authority.revision().await.unwrap();
    assert_eq!((then.epoch, then.directory), (1, 2));
}
