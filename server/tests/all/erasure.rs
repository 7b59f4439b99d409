//! What the authority knows after sealing is what protocol.md says, down to the bytes of its files.

use crate::people::{Fixture, Person, at, people};
use std::path::Path;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::to_bytes;

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

/// Of these persons: how many document numbers, birth dates and packed attributes are in the files.
fn found(folder: &Path, people: &[Person]) -> [usize; 3] {
    let all = bytes_of(folder);
    let count =
        |needle: &dyn Fn(&Person) -> Vec<u8>| people.iter().filter(|p| contains(&all, &needle(p))).count();
    [
        count(&|p| p.number.clone().into_bytes()),
        count(&|p| p.birth.clone().into_bytes()),
        count(&|p| to_bytes(&p.attributes().pack())[21..].to_vec()),
    ]
}

/// People of different days of birth, so that one date left behind would be noticed.
fn spread(range: std::ops::Range<usize>) -> Vec<Person> {
    people(range.start * 1000..range.end * 1000).into_iter().step_by(1000).collect()
}

#[tokio::test]
async fn attributes_are_gone_after_sealing() {
    let mut fixture = Fixture::new(30).await;
    let (first, second) = (spread(0..150), spread(150..300));
    let number = |fixture: &Fixture| fixture.folder();
    let folder = number(&fixture);
    fixture.import(&first).await;
    let [numbers, births, packed] = found(&folder, &first);
    assert_eq!((numbers, packed), (0, 0), "the document number is never stored");
    assert_eq!(births, first.len(), "until sealing the birth date is there, so this search can find it");

    let out = fixture.home.path().join("credentials.jsonl");
    let file = fixture.file("first.csv", &crate::people::csv_file(&first));
    fixture.import_file(&file, Some(&out)).await.unwrap();
    let credentials = std::fs::read_to_string(&out).unwrap();
    let withdrawn = credentials.lines().take(20).map(|line| {
        veilpass_protocol::credential::Credential::from_json(line.as_bytes()).unwrap().network_number
    });
    for number in withdrawn {
        fixture.authority.remove(&number, RemovalReason::Withdrawn, at(0)).await.unwrap();
    }
    fixture.seal(1).await;
    assert_eq!(found(&folder, &first), [0, 0, 0], "the registry is open, nothing was compacted");

    fixture.import(&second).await;
    assert_eq!(found(&folder, &second)[1], second.len());
    fixture.seal(2).await;
    let all = [first, second].concat();
    assert_eq!(found(&folder, &all), [0, 0, 0]);
    fixture.authority.close().await;
    assert_eq!(found(&folder, &all), [0, 0, 0]);
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
    let file = fixture.file("people.csv", &crate::people::csv_file(&all));
    let out = fixture.home.path().join("credentials.jsonl");
    fixture.import_file(&file, Some(&out)).await.unwrap();
    let text = std::fs::read_to_string(&out).unwrap();
    let credential =
        veilpass_protocol::credential::Credential::from_json(text.lines().next().unwrap().as_bytes())
            .unwrap();
    fixture.seal(1).await;
    let number = credential.network_number;
    assert!(contains(&bytes_of(&fixture.folder()), number.as_str().as_bytes()));
    fixture.authority.remove(&number, RemovalReason::Deceased, at(2)).await.unwrap();
    fixture.seal(3).await;
    let files = bytes_of(&fixture.folder());
    for gone in
        [number.as_str().as_bytes(), &to_bytes(&all[0].leaf()), &to_bytes(&credential.identity_commitment)]
    {
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
