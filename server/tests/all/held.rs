//! What stands in the database is held against what was signed and published, before anything is signed.

use crate::people::{Fixture, at, people};
use std::path::{Path, PathBuf};
use veilpass_server::authority::{Authority, PlaceOrder};
use veilpass_server::store::sqlite::SqliteStore;
use veilpass_server::store::{RegistryStore, StoreError};
use veilpass_server::{Blame, RegistryError};

/// Changes the database as somebody does who writes into its file: no trigger is in the way.
async fn tamper(fixture: &Fixture, statements: &[&'static str]) {
    let store = SqliteStore::open(&fixture.folder().join("authority.db")).await.unwrap();
    for sql in statements {
        sqlx::query(*sql).execute(store.pool()).await.unwrap();
    }
    store.close().await;
}

async fn sealed(seed: u64) -> Fixture {
    let mut fixture = Fixture::new(seed).await;
    fixture.import(&people(0..300)).await;
    fixture.seal(0).await;
    fixture.authority.publish(&fixture.folder().join("published")).await.unwrap();
    fixture
}

/// Seal, publish and the check at start-up refuse, and nothing is sealed.
async fn refused_everywhere(fixture: &mut Fixture, names: &str) {
    let before = fixture.authority.epoch(None).await.unwrap().statement.epoch;
    let seal = fixture.authority.seal(at(10), PlaceOrder::Random, &mut fixture.rng).await.unwrap_err();
    let publish = fixture.authority.publish(&fixture.home.path().join("out")).await.unwrap_err();
    let check = fixture.authority.check().await.unwrap_err();
    for error in [seal, publish, check] {
        assert_eq!((error.blame(), error.code()), (Blame::Fault, Some("unavailable")), "{error}");
        assert!(error.to_string().contains(names), "{error}");
    }
    assert_eq!(fixture.authority.epoch(None).await.unwrap().statement.epoch, before);
}

#[tokio::test]
async fn untouched_rows_are_sealed() {
    let mut fixture = sealed(60).await;
    fixture.authority.check().await.unwrap();
    assert_eq!(fixture.seal(10).await.statement.epoch, 2);
}

#[tokio::test]
async fn an_exchanged_leaf_is_refused_with_its_place() {
    let mut fixture = sealed(61).await;
    let exchange = [
        "DROP TRIGGER leaf_is_fixed",
        "UPDATE leaf SET leaf = (SELECT leaf FROM leaf WHERE place = 3) WHERE place = 117",
    ];
    tamper(&fixture, &exchange).await;
    refused_everywhere(&mut fixture, "place 117 does not hold what epoch 1 was signed with").await;
}

#[tokio::test]
async fn a_deleted_leaf_and_an_added_one_are_refused() {
    let mut fixture = sealed(62).await;
    tamper(&fixture, &["DELETE FROM leaf WHERE place = 5"]).await;
    refused_everywhere(&mut fixture, "place 5 does not hold").await;

    let mut fixture = sealed(63).await;
    tamper(&fixture, &["DROP TRIGGER leaf_is_fixed", "UPDATE leaf SET place = 5000 WHERE place = 299"]).await;
    refused_everywhere(&mut fixture, "place 5000 holds a leaf that epoch 1 does not know").await;
}

#[tokio::test]
async fn without_published_tiles_the_place_is_not_known_and_that_is_said() {
    let mut fixture = sealed(64).await;
    std::fs::remove_dir_all(fixture.folder().join("published")).unwrap();
    tamper(&fixture, &["DELETE FROM leaf WHERE place = 5"]).await;
    refused_everywhere(&mut fixture, "no published tiles of that epoch").await;
}

#[tokio::test]
async fn changed_cells_and_circuits_are_refused() {
    let mut fixture = sealed(65).await;
    tamper(&fixture, &["DROP TRIGGER leaf_is_fixed", "UPDATE leaf SET sex = 1"]).await;
    refused_everywhere(&mut fixture, "coarse cells are not those").await;

    let fixture = sealed(66).await;
    tamper(&fixture, &["UPDATE circuit SET circuit_id = zeroblob(32)"]).await;
    let mut again = Fixture { authority: Authority::open(&fixture.folder()).await.unwrap(), ..fixture };
    refused_everywhere(&mut again, "list of circuits").await;
}

#[tokio::test]
async fn a_changed_note_is_damage() {
    let mut fixture = sealed(67).await;
    fixture.seal(5).await;
    let older =
        ["DROP TRIGGER epoch_is_fixed", "UPDATE epoch SET note = (SELECT note FROM epoch WHERE epoch = 1)"];
    tamper(&fixture, &older).await;
    let seal = fixture.authority.seal(at(10), PlaceOrder::Random, &mut fixture.rng).await.unwrap_err();
    assert_eq!(seal, RegistryError::Store(StoreError::Damaged("an epoch's note or cells")));
}

#[tokio::test]
async fn a_pending_leaf_is_the_hash_of_its_row() {
    for change in [
        "UPDATE pending SET birth_date = '2001-01-01' WHERE sequence = 302",
        "UPDATE pending SET nationality = 250 WHERE sequence = 302",
        "UPDATE pending SET identity_commitment = device_commitment, device_commitment = identity_commitment WHERE sequence = 302",
    ] {
        let mut fixture = sealed(68).await;
        fixture.import(&people(300..304)).await;
        tamper(&fixture, &["DROP TRIGGER IF EXISTS pending_is_fixed", change]).await;
        let error = fixture.authority.seal(at(10), PlaceOrder::Random, &mut fixture.rng).await.unwrap_err();
        assert!(error.to_string().contains("pending change 302"), "{error}");
        assert_eq!(fixture.authority.epoch(None).await.unwrap().statement.epoch, 1);
    }
}

/// The database file's bytes, with nothing left in the log.
async fn database(fixture: &Fixture) -> (PathBuf, Vec<u8>) {
    fixture.authority.store().close().await;
    let path = fixture.folder().join("authority.db");
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

fn drop_log(path: &Path) {
    for end in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let _ = std::fs::remove_file(name);
    }
}

/// An older database in the same file, so that only the published folder tells.
#[tokio::test]
async fn a_registry_that_is_older_than_what_it_published_signs_nothing() {
    let fixture = sealed(69).await;
    let (path, older) = database(&fixture).await;
    let mut fixture = Fixture { authority: Authority::open(&fixture.folder()).await.unwrap(), ..fixture };
    let elsewhere = fixture.home.path().join("elsewhere");
    fixture.seal(10).await;
    fixture.authority.publish(&elsewhere).await.unwrap();
    fixture.authority.store().close().await;
    drop_log(&path);
    std::fs::write(&path, &older).unwrap();

    // Every command opens it first.
    let behind = RegistryError::Behind { folder: elsewhere.clone(), shown: 2, known: 1 };
    let opened = Authority::open(&fixture.folder()).await.err().unwrap();
    assert_eq!((&opened, opened.blame()), (&behind, Blame::Fault));

    // What was opened while the folder was out of its sight does not go on when it is back.
    let aside = fixture.home.path().join("aside");
    std::fs::rename(&elsewhere, &aside).unwrap();
    let mut fixture = Fixture { authority: Authority::open(&fixture.folder()).await.unwrap(), ..fixture };
    std::fs::rename(&aside, &elsewhere).unwrap();
    let seal = fixture.authority.seal(at(20), PlaceOrder::Random, &mut fixture.rng).await.unwrap_err();
    assert_eq!(seal, behind);
    assert_eq!(fixture.authority.publish(&elsewhere).await.unwrap_err(), behind);
    assert_eq!(fixture.authority.check().await.unwrap_err(), behind);

    // The control: out of its sight, the fork succeeds. Back in sight, it goes no further.
    std::fs::rename(&elsewhere, &aside).unwrap();
    assert_eq!(fixture.seal(20).await.statement.epoch, 2);
    std::fs::rename(&aside, &elsewhere).unwrap();
    let forked = RegistryError::Forked { folder: elsewhere.clone(), epoch: 2 };
    let seal = fixture.authority.seal(at(30), PlaceOrder::Random, &mut fixture.rng).await.unwrap_err();
    assert_eq!(seal, forked);
    assert_eq!(fixture.authority.publish(&elsewhere).await.unwrap_err(), forked);
}

/// A copy of the folder, published folder included, cannot tell that it is older. Its file can.
#[tokio::test]
async fn a_copied_database_is_refused_when_it_is_opened() {
    let fixture = sealed(70).await;
    let (path, bytes) = database(&fixture).await;
    // The control: the same bytes in the same file are no copy.
    std::fs::write(&path, &bytes).unwrap();
    Authority::open(&fixture.folder()).await.unwrap().close().await;
    // Neither is a folder that was moved.
    let moved = fixture.home.path().join("moved");
    std::fs::rename(fixture.folder(), &moved).unwrap();
    Authority::open(&moved).await.unwrap().close().await;
    let path = moved.join("authority.db");
    std::fs::remove_file(&path).unwrap();
    drop_log(&path);
    std::fs::write(&path, &bytes).unwrap();
    let error = Authority::open(&moved).await.err().unwrap();
    assert!(matches!(error, RegistryError::Store(StoreError::Copied(_))), "{error}");
    assert_eq!(error.blame(), Blame::Fault);
    assert!(error.to_string().contains("restore"), "{error}");
}

#[tokio::test]
async fn a_damaged_database_is_refused_when_it_is_opened() {
    let fixture = sealed(71).await;
    let (path, bytes) = database(&fixture).await;
    let mut torn = bytes.clone();
    torn[4096 * 3..4096 * 9].fill(0x5a);
    let cut = &bytes[..bytes.len() / 2];
    for damaged in [&torn[..], cut, b"not a database at all, but long enough to be read as one"] {
        std::fs::write(&path, damaged).unwrap();
        let error = Authority::open(&fixture.folder()).await.err().unwrap();
        assert!(matches!(error, RegistryError::Store(StoreError::Unreadable(_))), "{error}");
    }
    std::fs::write(&path, &bytes).unwrap();
    Authority::open(&fixture.folder()).await.unwrap();
}

/// Names that SQLite would read as an address.
#[tokio::test]
async fn any_folder_name_will_do() {
    let home = tempfile::tempdir().unwrap();
    for name in ["file:x", "a?mode=memory", "b%20c", "d#e", "f'g"] {
        let path = home.path().join(name);
        std::fs::write(&path, "").unwrap();
        SqliteStore::open(&path).await.unwrap().close().await;
        assert!(std::fs::metadata(&path).unwrap().len() > 0, "{name}");
    }
    assert_eq!(home.path().read_dir().unwrap().count(), 5);
}
