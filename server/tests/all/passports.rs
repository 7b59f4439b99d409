//! One person behind several passports, and several behind passports that look alike (protocol.md, "Enrolment"
//! 1; ADR 14).

use crate::counter::{Counter, REGISTRAR, Wallet, day, passport};
use crate::people::{Person, at, codes, person, with_check};
use rand::RngCore;
use veilpass_protocol::attributes::{DocumentClass, Sex};
use veilpass_protocol::operation::Operation::{Enrol, Renew, Reset};
use veilpass_server::authority::person::{FingerprintKey, PersonFp, PersonKey};
use veilpass_server::authority::{Application, Document, OneTimeCode};
use veilpass_server::store::life::{ApplicationId, Examined, Filing};

/// The passport of a woman.
fn of(state: &str, name: &str, birth: &str, number: &str, optional: &str) -> Document {
    let mut lines = passport("P<", state, number, birth, "320101", optional);
    lines[0] = format!("{:<<44}", format!("P<{state:<<3}{name}"));
    Document::Mrz { document_class: DocumentClass::ForeignPassport, lines }
}

const FIRST: (&str, &str) = ("500000001", "100000001<2001");
const SECOND: (&str, &str) = ("500000777", "100000777<2001");

fn jane((number, optional): (&str, &str)) -> Document {
    of("USA", "DOE<<JANE", "850315", number, optional)
}

/// The optional field of a United States passport changes with each booklet: one person enrolled twice.
#[tokio::test]
async fn a_new_booklet_is_the_same_person() {
    let mut counter = Counter::new(501).await;
    let (wallet, other) = (counter.wallet(), counter.wallet());
    counter.whole(Enrol, &jane(FIRST), &wallet, at(0)).await.unwrap();
    counter.seal(at(1)).await;
    assert_eq!(counter.whole(Enrol, &jane(SECOND), &other, at(2)).await, Err("document_used"));
    counter.whole(Renew, &jane(SECOND), &wallet, at(3)).await.unwrap();
    counter.seal(at(4)).await;
    assert_eq!(counter.whole(Enrol, &jane(("500000888", "")), &other, at(5)).await, Err("document_used"));
    assert_eq!(counter.fixture.count("SELECT count(*) FROM person").await, 1);
}

/// A value that a state prints for everybody made two people one: the second was turned away, and could have
/// reset the first.
#[tokio::test]
async fn one_value_for_everybody_is_nobodys_number() {
    let mut counter = Counter::new(502).await;
    for state in ["FRA", "CZE", "LTU", "SRB", "UZB"] {
        for (i, (name, birth)) in [("DOE<<JANE", "850315"), ("ROE<<JANE", "850315"), ("DOE<<JANE", "850316")]
            .into_iter()
            .enumerate()
        {
            let document = of(state, name, birth, &format!("E1234567{i}"), "00000000000000");
            let wallet = counter.wallet();
            assert!(counter.whole(Enrol, &document, &wallet, at(0)).await.is_ok(), "{state} {name} {birth}");
        }
    }
}

/// A state whose field is a number for life: the name may change.
#[tokio::test]
async fn a_number_for_life() {
    let mut counter = Counter::new(503).await;
    let (wallet, other) = (counter.wallet(), counter.wallet());
    let born = |name, number| of("CZE", name, "690622", number, "6956220612");
    counter.whole(Enrol, &born("NOVAKOVA<<JANA", "99009054"), &wallet, at(0)).await.unwrap();
    counter.seal(at(1)).await;
    let married = born("SVOBODOVA<<JANA", "99009055");
    assert_eq!(counter.whole(Enrol, &married, &other, at(2)).await, Err("document_used"));
    counter.whole(Renew, &married, &wallet, at(3)).await.unwrap();
    // A namesake of the same day has another number.
    let namesake = of("CZE", "SVOBODOVA<<JANA", "690622", "99009056", "6956220623");
    assert!(counter.whole(Enrol, &namesake, &other, at(4)).await.is_ok());
}

/// The fingerprint of a person key under the registry's own key.
fn fingerprint(counter: &Counter, key: &PersonKey) -> PersonFp {
    let text = std::fs::read_to_string(counter.fixture.folder().join("fingerprint.key")).unwrap();
    FingerprintKey::from_text(&text).unwrap().fingerprint(key)
}

/// An application as the earlier rule filed it: whatever stood in the field was the person's number.
async fn filed_before(counter: &mut Counter, state: &str, birth: &str, optional: &str) -> Application {
    let person = fingerprint(counter, &PersonKey::of_personal_number(state, optional));
    let examined = Examined {
        birth_date: day(birth),
        expires_on: Some(day("2032-01-01")),
        sex: Sex::Female,
        document_class: DocumentClass::ForeignPassport,
        nationality: 840,
        province: 0,
    };
    let rng = &mut counter.fixture.rng;
    let mut id = ApplicationId([0; 16]);
    rng.fill_bytes(&mut id.0);
    let code = OneTimeCode::generate(rng);
    let filing = Filing {
        id,
        registrar: REGISTRAR.to_owned(),
        operation: Enrol,
        person,
        former: None,
        examined,
        code: code.hash(),
        filed_at: at(0),
        expires_at: at(900),
    };
    counter.authority.store().file(&filing).await.unwrap();
    Application { id, code, expires_at: at(900) }
}

/// Jane, live since before the rule changed.
async fn enrolled_before(seed: u64) -> (Counter, Wallet) {
    let mut counter = Counter::new(seed).await;
    let wallet = counter.wallet();
    let application = filed_before(&mut counter, "USA", "1985-03-15", FIRST.1).await;
    let redeemed = counter.redeem(&application, &wallet, at(0)).await.unwrap();
    counter.confirm(&application, &redeemed, at(0)).await.unwrap();
    counter.seal(at(1)).await;
    (counter, wallet)
}

/// Who is on record under the earlier rule is found by the booklet of then, and from the first examination on
/// by every later one.
#[tokio::test]
async fn people_of_the_earlier_rule() {
    let (mut counter, wallet) = enrolled_before(504).await;
    let other = counter.wallet();
    assert_eq!(counter.whole(Enrol, &jane(FIRST), &other, at(2)).await, Err("document_used"));
    counter.whole(Renew, &jane(FIRST), &wallet, at(3)).await.unwrap();
    assert_eq!(counter.whole(Enrol, &jane(SECOND), &other, at(4)).await, Err("person_pending"));
    counter.seal(at(5)).await;
    assert_eq!(counter.whole(Enrol, &jane(SECOND), &other, at(6)).await, Err("document_used"));
    counter.whole(Renew, &jane(SECOND), &wallet, at(7)).await.unwrap();
    counter.seal(at(8)).await;
    let third = counter.wallet();
    counter.whole(Reset, &jane(("500000888", "")), &third, at(9)).await.unwrap();
    assert_eq!(counter.fixture.count("SELECT count(*) FROM person").await, 1);
    assert_eq!(counter.fixture.count("SELECT count(*) FROM person_alias").await, 1);
    // What an application needed of it goes with the application.
    counter.seal(at(10)).await;
    counter.seal(at(200 * 3600)).await;
    assert_eq!(counter.fixture.count("SELECT count(*) FROM application_alias").await, 0);
}

/// The control, and the limit of it: of somebody whose booklet changed before any examination the registry
/// holds nothing but an HMAC of the old field.
#[tokio::test]
async fn a_booklet_that_changed_unseen_is_not_recognised() {
    let (mut counter, wallet) = enrolled_before(505).await;
    assert_eq!(counter.whole(Renew, &jane(SECOND), &wallet, at(2)).await, Err("person_unknown"));
}

/// A constant made two people one under the earlier rule. Somebody with another birth year, sex or nationality is
/// not taken for the one on record, and so cannot reset them.
#[tokio::test]
async fn a_constant_of_the_earlier_rule() {
    let (mut counter, wallet) = enrolled_before(506).await;
    let other = counter.wallet();
    let mary = of("USA", "ROE<<MARY", "860315", "500000999", FIRST.1);
    assert_eq!(counter.whole(Reset, &mary, &other, at(2)).await, Err("person_unknown"));
    assert!(counter.whole(Enrol, &mary, &other, at(3)).await.is_ok());
    counter.whole(Renew, &jane(FIRST), &wallet, at(4)).await.unwrap();
    assert_eq!(counter.fixture.count("SELECT count(*) FROM person").await, 2);
}

/// An application that was redeemed before the rule changed and is confirmed after it is one person's, too.
#[tokio::test]
async fn an_enrolment_across_the_change() {
    let mut counter = Counter::new(507).await;
    let (wallet, other) = (counter.wallet(), counter.wallet());
    let application = filed_before(&mut counter, "USA", "1985-03-15", FIRST.1).await;
    let redeemed = counter.redeem(&application, &wallet, at(0)).await.unwrap();
    assert_eq!(counter.whole(Enrol, &jane(FIRST), &other, at(1)).await, Err("person_pending"));
    counter.confirm(&application, &redeemed, at(2)).await.unwrap();
    assert_eq!(counter.fixture.count("SELECT count(*) FROM person").await, 1);
}

/// A permanent residence card that was imported before its number was read as one (ADR 13).
#[tokio::test]
async fn imports_of_the_earlier_rule() {
    use veilpass_protocol::field::{Fr, from_hex};
    use veilpass_protocol::network_number::NetworkNumber;
    use veilpass_server::store::Enrolment;
    let mut counter = Counter::new(508).await;
    let number = with_check("91112419900101001");
    let row = Person {
        class: "permanent_residence".into(),
        number: number.clone(),
        birth: "1990-01-01".into(),
        sex: "male".into(),
        nationality: "124".into(),
        province: "11".into(),
        ..person(1)
    };
    let former = PersonKey::of_document(124, DocumentClass::PermanentResidence, &number);
    let enrolment = Enrolment {
        person: fingerprint(&counter, &former),
        former: None,
        network_number: NetworkNumber::generate(&mut counter.fixture.rng),
        identity_commitment: from_hex(&row.c).unwrap(),
        device_commitment: from_hex(&row.d).unwrap(),
        link: Fr::default(),
        leaf: row.leaf(),
        attributes: row.attributes(),
    };
    counter.authority.store().accept(&[enrolment], at(0)).await.unwrap();
    assert_eq!(counter.fixture.import(std::slice::from_ref(&row)).await.already, 1);
    let other = Person { c: person(2).c, d: person(2).d, ..row };
    assert_eq!(codes(&counter.fixture.import(&[other]).await), [(2, "document_used")]);
}
