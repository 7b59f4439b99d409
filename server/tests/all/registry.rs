//! The folder itself: making, opening, registrars, platforms.

use crate::people::{Fixture, ORIGIN, at, csv_file, key_file, other_key_file, people, unsafe_key_file};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::directory::PlatformEntry;
use veilpass_protocol::note::AuthorityKey;
use veilpass_server::authority::{Authority, PlaceOrder, platform_key};
use veilpass_server::{Blame, RegistryError, token};

fn rng() -> StdRng {
    StdRng::seed_from_u64(60)
}

/// Every file below a folder with its bytes.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(snapshot(&path));
        } else {
            all.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    all
}

#[tokio::test]
async fn init_makes_a_folder_of_its_own() {
    let fixture = Fixture::new(60).await;
    let folder = fixture.folder();
    let files: Vec<String> = snapshot(&folder)
        .into_keys()
        .map(|p| p.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    let id = CircuitId::of_file(&key_file());
    assert_eq!(
        files,
        [
            "authority.db".into(),
            format!("circuits/{id}.vk"),
            "fingerprint.key".into(),
            "signing.key".into(),
            "vkey".into()
        ]
    );
    for private in ["authority.db", "authority.db-wal", "fingerprint.key", "signing.key"] {
        let mode = std::fs::metadata(folder.join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
    let line = std::fs::read_to_string(folder.join("vkey")).unwrap();
    assert_eq!(line.strip_suffix('\n').unwrap().parse::<AuthorityKey>().unwrap(), fixture.authority.key());
    assert_eq!(fixture.authority.key().origin(), ORIGIN);
    assert_eq!(fixture.authority.circuits(), [id]);
}

#[tokio::test]
async fn init_overwrites_nothing() {
    let fixture = Fixture::new(61).await;
    let folder = fixture.folder();
    let before = snapshot(&folder);
    let error = Authority::init(&folder, ORIGIN, &[key_file()], &mut rng()).await.err().unwrap();
    assert!(matches!(error, RegistryError::NotVacant(_)));
    assert_eq!((error.blame(), error.code()), (Blame::WrongUse, None));
    assert_eq!(snapshot(&folder), before);

    let other = fixture.home.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("letter"), "mine").unwrap();
    assert!(Authority::init(&other, ORIGIN, &[key_file()], &mut rng()).await.is_err());
    assert_eq!(snapshot(&other).len(), 1);
    // What is refused for another reason leaves nothing behind either.
    for (origin, keys, code) in [
        ("two words", vec![key_file()], None),
        (ORIGIN, vec![], None),
        (ORIGIN, vec![b"no key".to_vec()], Some("key_syntax")),
        (ORIGIN, vec![key_file(), unsafe_key_file()], Some("key_unsafe")),
    ] {
        let place = fixture.home.path().join("third");
        let error = Authority::init(&place, origin, &keys, &mut rng()).await.err().unwrap();
        assert_eq!(error.code(), code, "{error}");
        assert!(!place.exists());
    }
    let mut names: Vec<_> =
        std::fs::read_dir(fixture.home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["authority", "other"]);
    // An empty folder that somebody has prepared may be filled.
    let empty = fixture.home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let made = Authority::init(&empty, ORIGIN, &[key_file(), key_file(), other_key_file()], &mut rng())
        .await
        .unwrap();
    assert_eq!(made.circuits().len(), 2);
}

#[tokio::test]
async fn opening_needs_the_right_keys() {
    let fixture = Fixture::new(62).await;
    let other =
        Authority::init(&fixture.home.path().join("other"), ORIGIN, &[key_file()], &mut rng()).await.unwrap();
    other.close().await;
    let folder = fixture.folder();
    let key = fixture.authority.key();
    fixture.authority.close().await;
    assert_eq!(Authority::open(&folder).await.unwrap().key(), key);
    for name in ["signing.key", "fingerprint.key"] {
        let own = std::fs::read(folder.join(name)).unwrap();
        for wrong in [std::fs::read(fixture.home.path().join("other").join(name)).unwrap(), b"x".to_vec()] {
            std::fs::write(folder.join(name), wrong).unwrap();
            let error = Authority::open(&folder).await.err().unwrap();
            assert!(matches!(&error, RegistryError::NotOurs(text) if text.contains(name)), "{error}");
        }
        std::fs::write(folder.join(name), own).unwrap();
    }
    assert_eq!(Authority::open(&folder).await.unwrap().key(), key);
    let error = Authority::open(&fixture.home.path().join("none")).await.err().unwrap();
    assert_eq!(error.blame(), Blame::WrongUse);
}

#[tokio::test]
async fn registrars() {
    let mut fixture = Fixture::new(63).await;
    let token = fixture.authority.add_registrar("Counter 7", at(0), &mut fixture.rng).await.unwrap();
    assert_eq!(token.len(), 43);
    let store = fixture.authority.store();
    assert_eq!(store.registrar(&token::hash(&token)).await.unwrap().as_deref(), Some("Counter 7"));
    assert_eq!(store.registrar(&token::hash("other")).await.unwrap(), None);
    let again = fixture.authority.add_registrar("Counter 7", at(1), &mut fixture.rng).await.unwrap_err();
    assert_eq!(
        (again.blame(), &again),
        (Blame::WrongUse, &RegistryError::RegistrarExists("Counter 7".into()))
    );
    for name in ["", "  ", "a\nb", &"x".repeat(201)] {
        assert!(fixture.authority.add_registrar(name, at(1), &mut fixture.rng).await.is_err(), "{name}");
    }
    let files: Vec<u8> = snapshot(&fixture.folder()).into_values().flatten().collect();
    assert!(!files.windows(token.len()).any(|w| w == token.as_bytes()), "the token is stored hashed");
}

#[tokio::test]
async fn platforms() {
    let mut fixture = Fixture::new(64).await;
    let key = ed25519_dalek::SigningKey::generate(&mut fixture.rng).verifying_key();
    let purposes = ["Age check for comments".to_owned()];
    let host = || "forum.example".parse().unwrap();
    let entry = fixture.authority.put_platform(host(), &key, "Forum", &purposes).await.unwrap();
    assert_eq!(entry.verify(&fixture.authority.key()).unwrap(), key);
    let text = entry.to_json();
    assert_eq!(PlatformEntry::from_json(text.as_bytes()).unwrap(), entry);
    let newer = fixture.authority.put_platform(host(), &key, "The Forum", &purposes).await.unwrap();
    let stored = fixture.authority.store().published_state().await.unwrap().platforms;
    assert_eq!(stored, [(host(), newer.to_json())]);
    for (name, purpose) in [("", "p"), ("n", ""), ("n", "a\u{7}b")] {
        assert!(fixture.authority.put_platform(host(), &key, name, &[purpose.to_owned()]).await.is_err());
    }
    let encoded = veilpass_protocol::json::base64url::encode(key.as_bytes());
    assert_eq!(platform_key(&encoded).unwrap(), key);
    for bad in ["", "AAAA", &format!("{encoded}="), &"A".repeat(43)] {
        assert!(platform_key(bad).is_err(), "{bad}");
    }
}

/// A service can run these on a runtime of several threads.
#[tokio::test]
async fn work_can_move_between_threads() {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    let mut fixture = Fixture::new(65).await;
    let file = fixture.file("people.csv", &csv_file(&people(0..3)));
    let mut see = |_| ();
    let authority = &fixture.authority;
    let report = send(authority.import(&file, None, at(0), &mut fixture.rng, &mut see)).await.unwrap();
    assert_eq!(report.added, 3);
    let epoch = send(authority.seal(at(0), PlaceOrder::Random, &mut fixture.rng)).await.unwrap();
    let out = fixture.home.path().join("published");
    assert_eq!(send(authority.publish(&out)).await.unwrap().epoch, epoch.statement.epoch);
}
