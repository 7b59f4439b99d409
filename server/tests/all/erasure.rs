//! What the authority knows after sealing is what protocol.md says, down to the bytes of its files.

use crate::counter::{Counter, card};
use crate::people::{Fixture, Person, at, people, person};
use crate::seal::enrol;
use std::collections::BTreeSet;
use std::path::Path;
use veilpass_protocol::day::Day;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::{from_hex, to_bytes};
use veilpass_protocol::operation::Operation;

/// All files of a folder, one after the other.
fn bytes_of(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_of(&path));
        } else {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

/// The texts of a shape in some bytes (`d` = digit, anything else stands for itself).
fn texts<'a>(bytes: &'a [u8], shape: &'static [u8]) -> impl Iterator<Item = String> + 'a {
    let fits = move |w: &&[u8]| {
        w.iter().zip(shape).all(|(b, s)| if *s == b'd' { b.is_ascii_digit() } else { b == s })
    };
    bytes.windows(shape.len()).filter(fits).map(|w| String::from_utf8_lossy(w).into_owned())
}

/// How many of these are in the files: birth dates, document numbers, packed attributes (of a few).
fn found(folder: &Path, people: &[Person]) -> (usize, usize, usize) {
    let all = bytes_of(folder);
    let births: BTreeSet<&str> = people.iter().map(|p| p.birth.as_str()).collect();
    // Nothing here was sealed before 2015; the other dates are in notes.
    let dates: BTreeSet<String> = texts(&all, b"dddd-dd-dd").filter(|date| date.as_str() < "2015").collect();
    assert!(dates.iter().all(|date| births.contains(date.as_str())), "only birth dates are stored as text");
    let numbers = texts(&all, b"Edddddddd").filter(|text| people.iter().any(|p| p.number == *text)).count();
    let packed = people.iter().step_by(people.len() / 5).map(|p| to_bytes(&p.attributes().pack()));
    (dates.len(), numbers, packed.filter(|p| contains(&all, &p[21..])).count())
}

/// People of different days of birth before 2015, so that one date left behind would be noticed.
fn spread(range: std::ops::Range<usize>) -> Vec<Person> {
    let day =
        |i: usize| Day::from_ymd(1950, 1, 1).unwrap().checked_add(i as i64 * 37 % 20000).unwrap().to_string();
    range.map(|i| Person { birth: day(i), enrolled: "2020-01-01".into(), ..person(i * 10 + 9) }).collect()
}

#[tokio::test]
async fn attributes_are_gone_after_sealing() {
    let mut fixture = Fixture::new(30).await;
    let folder = fixture.folder();
    let (first, second) = (spread(0..1300), spread(1300..2600));
    let all = [first.clone(), second.clone()].concat();
    fixture.import(&first).await;
    let (births, numbers, packed) = found(&folder, &all);
    assert_eq!((numbers, packed), (0, 0), "the document number is never stored");
    assert_eq!(births, first.len(), "until sealing the birth date is there, so this search can find it");

    for number in enrol(&mut fixture, &first).await.iter().step_by(7) {
        fixture.authority.remove(number, RemovalReason::Withdrawn, at(0)).await.unwrap();
    }
    fixture.seal(1).await;
    assert_eq!(found(&folder, &all), (0, 0, 0), "the registry is open, nothing was compacted");

    fixture.import(&second).await;
    assert_eq!(found(&folder, &all).0, second.len());
    fixture.seal(2).await;
    assert_eq!(found(&folder, &all), (0, 0, 0));
    fixture.authority.close().await;
    assert_eq!(found(&folder, &all), (0, 0, 0));
}

/// The columns, so that a new one cannot slip in unnoticed.
#[tokio::test]
async fn what_is_kept() {
    let fixture = Fixture::new(31).await;
    let store = veilpass_server::store::sqlite::SqliteStore::open(&fixture.folder().join("authority.db"))
        .await
        .unwrap();
    for (table, expected) in [
        ("person", "person_fp generation removed_at"),
        ("used", "value"),
        ("person_alias", "person_fp record_fp"),
        ("code", "hash used ended"),
        (
            "leaf",
            "place person_fp network_number identity_commitment device_commitment link leaf generation enrolled_on \
             expires_on sex document_class nationality province birth_year",
        ),
    ] {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT name FROM pragma_table_info(?1)")
            .bind(table)
            .fetch_all(store.pool())
            .await
            .unwrap();
        let columns: Vec<&str> = rows.iter().map(|(name,)| name.as_str()).collect();
        assert_eq!(columns, expected.split_whitespace().collect::<Vec<_>>(), "{table}");
    }
}

/// Who was removed leaves the person record and the used commitments, nothing else.
#[tokio::test]
async fn what_is_kept_of_the_removed() {
    let mut fixture = Fixture::new(32).await;
    let all = people(0..10);
    let number = enrol(&mut fixture, &all).await[0];
    fixture.seal(1).await;
    assert!(contains(&bytes_of(&fixture.folder()), number.as_str().as_bytes()));
    fixture.authority.remove(&number, RemovalReason::Deceased, at(2)).await.unwrap();
    fixture.seal(3).await;
    let files = bytes_of(&fixture.folder());
    for gone in [
        number.as_str().as_bytes(),
        &to_bytes(&all[0].leaf()),
        &from_hex(&all[0].c).map(|c| to_bytes(&c)).unwrap(),
    ] {
        assert!(!contains(&files, gone));
    }
    assert_eq!(fixture.count("SELECT count(*) FROM person").await, 10);
    assert_eq!(fixture.count("SELECT count(*) FROM used").await, 20);
    assert_eq!(
        fixture.count("SELECT removed_at FROM person WHERE removed_at IS NOT NULL").await,
        at(3).seconds() as i64
    );
    // The same row again is no longer `already`, and its commitments stay used by anybody.
    assert_eq!(crate::people::codes(&fixture.import(&all[..1]).await), [(2, "document_used")]);
    let other = Person { c: all[0].c.clone(), ..crate::people::person(50) };
    assert_eq!(crate::people::codes(&fixture.import(&[other]).await), [(2, "commitment_used")]);
}

/// Birth dates of the counter's people in the files; nothing else there is a date before 2000.
fn births(folder: &Path) -> usize {
    let all = bytes_of(folder);
    texts(&all, b"19dd-dd-dd").collect::<BTreeSet<_>>().len()
}

/// Each way in which an application ends erases what it said, at its time and from every file.
#[tokio::test]
async fn attributes_of_applications_are_gone_in_time() {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;
    let mut counter = Counter::new(33).await;
    let folder = counter.fixture.folder();
    let (mut confirmed, mut codes) = (Vec::new(), Vec::new());
    for i in 0..400 {
        let application = counter.file(Operation::Enrol, &card(i), at(0)).await;
        let wallet = counter.wallet();
        codes.push((application.code.clone(), wallet.clone()));
        // A quarter never comes back, a quarter is never confirmed.
        if i % 4 > 0 {
            let redeemed = counter.redeem(&application, &wallet, at(1)).await.unwrap();
            if i % 4 > 1 {
                counter.confirm(&application, &redeemed, at(2)).await.unwrap();
                confirmed.push((i, redeemed.credential.network_number));
            }
        }
    }
    assert_eq!(births(&folder), 400, "so this search finds them");
    let files = bytes_of(&folder);
    for (code, wallet) in &codes {
        assert!(!contains(&files, code.as_text().as_bytes()));
        assert!(
            !contains(&files, &to_bytes(wallet.k.expose()))
                && !contains(&files, &to_bytes(wallet.d.expose()))
        );
    }

    // Sealed, but the codes have not expired: the same body again still gets the credential.
    counter.seal(at(3)).await;
    assert_eq!(births(&folder), 400);
    counter.authority.housekeeping(at(15 * MINUTE)).await.unwrap();
    assert_eq!(births(&folder), 100, "those that wait for their registrar");
    counter.authority.housekeeping(at(24 * HOUR)).await.unwrap();
    assert_eq!(births(&folder), 100);
    counter.authority.housekeeping(at(24 * HOUR + 1)).await.unwrap();
    assert_eq!(births(&folder), 0);

    // Resets hold theirs as long as they wait, and a removal ends that.
    let (waiting, removed) = (at(30 * HOUR), confirmed[40].1);
    for (i, _) in &confirmed[..100] {
        let wallet = counter.wallet();
        counter.whole(Operation::Reset, &card(*i), &wallet, waiting).await.unwrap();
    }
    counter.seal(waiting.plus(1)).await;
    counter.authority.housekeeping(waiting.plus(HOUR)).await.unwrap();
    assert_eq!(births(&folder), 100);
    counter.authority.remove(&removed, RemovalReason::Deceased, waiting.plus(HOUR)).await.unwrap();
    counter.seal(waiting.plus(2 * HOUR)).await;
    assert_eq!(births(&folder), 99);
    // Where the code has expired already, the seal itself erases.
    counter.seal(waiting.plus(73 * HOUR)).await;
    assert_eq!(births(&folder), 0);
    assert_eq!(counter.fixture.count("SELECT count(*) FROM application").await, 0);
    assert_eq!(counter.fixture.count("SELECT count(*) FROM code").await, 500);
    assert_eq!(counter.fixture.count("SELECT count(*) FROM leaf").await, 199);
}
