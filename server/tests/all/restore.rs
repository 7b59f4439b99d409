//! Backups while a registry is in use, and restores that go on from what was published.

use crate::counter::{Counter, Wallet, card};
use crate::people::{Fixture, at, people};
use crate::seal::enrol;
use age::secrecy::SecretString;
use std::collections::BTreeSet;
use std::path::PathBuf;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::Fr;
use veilpass_protocol::operation::Operation;
use veilpass_server::authority::{Authority, PlaceOrder, Restored};
use veilpass_server::backup::BackupError;
use veilpass_server::client::{Client, ClientSettings};
use veilpass_server::published::Published;
use veilpass_server::store::{Adopted, StoreError};
use veilpass_server::{Blame, RegistryError, platform};

fn passphrase() -> SecretString {
    SecretString::from("correct horse battery staple".to_owned())
}

fn published(folder: &std::path::Path) -> Published {
    Published::new(folder.to_str().unwrap(), Client::new(ClientSettings::default()).unwrap()).unwrap()
}

/// A registry with 20 people at epoch 1, published; its backup; then a life that the backup does not know.
struct Lost {
    fixture: Fixture,
    out: PathBuf,
    backup: Vec<u8>,
}

impl Lost {
    async fn new(seed: u64) -> Lost {
        let mut fixture = Fixture::new(seed).await;
        let out = fixture.home.path().join("published");
        let numbers = enrol(&mut fixture, &people(0..20)).await;
        fixture.seal(0).await;
        fixture.authority.publish(&out).await.unwrap();
        // Waiting at the time of the backup: one who enters, one who enters and is withdrawn, two who leave.
        let waiting = enrol(&mut fixture, &people(20..22)).await;
        fixture.authority.remove(&waiting[1], RemovalReason::Withdrawn, at(1)).await.unwrap();
        fixture.authority.remove(&numbers[3], RemovalReason::Deceased, at(1)).await.unwrap();
        let backup = fixture.authority.backup(Vec::new(), passphrase(), at(100)).await.unwrap();
        fixture.seal(200).await;
        // After the backup: people come and go.
        enrol(&mut fixture, &people(22..25)).await;
        fixture.authority.remove(&numbers[7], RemovalReason::Fraud, at(201)).await.unwrap();
        fixture.seal(300).await;
        fixture.authority.publish(&out).await.unwrap();
        Lost { fixture, out, backup }
    }

    fn place(&self) -> PathBuf {
        self.fixture.home.path().join("restored")
    }

    async fn restore(&self) -> Result<Restored, RegistryError> {
        let source = published(&self.out);
        Authority::restore(&self.place(), self.backup.as_slice(), &passphrase(), source, at(1000)).await
    }

    async fn leaves(&self, authority: &Authority) -> BTreeSet<(u64, [u8; 32])> {
        let state = authority.store().published_state().await.unwrap().signed;
        state.leaves.iter().map(|(n, leaf)| (*n, veilpass_protocol::field::to_bytes(leaf))).collect()
    }
}

#[tokio::test]
async fn a_restored_registry_goes_on_with_the_next_number() {
    let mut lost = Lost::new(80).await;
    let newest = lost.fixture.authority.epoch(None).await.unwrap();
    let leaves = lost.leaves(&lost.fixture.authority).await;
    lost.fixture.authority.store().close().await;

    let restored = lost.restore().await.unwrap();
    assert_eq!((restored.from_epoch, restored.epoch), (1, 3));
    let adopted = Adopted { people: 19, removed_since: 2, sealed_since: 1, dropped: 0, without_record: 3 };
    assert_eq!(restored.adopted, adopted);
    assert_eq!((restored.examine_from, restored.examine_until), (at(100).minus(24 * 3600 + 900), at(1000)));

    let authority = Authority::open(&lost.place()).await.unwrap();
    assert_eq!(authority.epoch(None).await.unwrap(), newest);
    assert_eq!(lost.leaves(&authority).await, leaves);
    let next = authority.seal(at(1100), PlaceOrder::Random, &mut lost.fixture.rng).await.unwrap().statement;
    assert_eq!((next.epoch, next.prev, next.root), (4, newest.statement.hash(), newest.statement.root));
    assert_eq!((next.live, next.added, next.removed.total()), (22, 0, 0));
    authority.publish(&lost.out).await.unwrap();
    // Persons on record are known, and those without are not.
    let fixture = Fixture { authority, ..lost.fixture };
    let mut fixture = fixture;
    let report = fixture.import(&people(0..25)).await;
    let used: Vec<u64> = report.rejected.iter().map(|r| r.line).collect();
    assert_eq!((report.added, report.already, used.as_slice()), (3, 19, &[5, 9, 23][..]));
}

/// Whoever has no record may hold a live leaf: nobody enters beside it, and not as long as it may be accepted.
#[tokio::test]
async fn nobody_enters_twice_after_a_restore() {
    let lost = Lost::new(89).await;
    lost.fixture.authority.store().close().await;
    lost.restore().await.unwrap();
    let authority = Authority::open(&lost.place()).await.unwrap();
    let wait = authority.reset_wait();
    let mut fixture = Fixture { authority, ..lost.fixture };
    let hours = |n: u64| 1_000 + n * 3_600;
    // Person 22 has a leaf without a record, and enrols again.
    assert_eq!(fixture.import(&people(22..23)).await.added, 1);
    assert_eq!(fixture.seal(hours(0)).await.statement.added, 0);
    assert_eq!(fixture.seal(1_000 + 2 * wait).await.statement.added, 0, "as long as such leaves remain");
    fixture.authority.remove_without_record(RemovalReason::Error).await.unwrap();
    let removed = 2_000 + 2 * wait;
    assert_eq!(fixture.seal(removed).await.statement.removed.get(RemovalReason::Error), 3);
    assert_eq!(fixture.seal(removed + wait - 1).await.statement.added, 0, "the last epoch may be accepted");
    assert_eq!(fixture.seal(removed + wait).await.statement.added, 1);
    fixture.authority.check().await.unwrap();
}

/// The control: what happens without `restore`.
#[tokio::test]
async fn a_folder_put_back_from_an_old_copy_would_sign_an_old_number_again() {
    let mut lost = Lost::new(81).await;
    let third = lost.fixture.authority.epoch(Some(2)).await.unwrap().statement;
    lost.fixture.authority.store().close().await;
    lost.restore().await.unwrap();
    // An authority whose published folder nobody looks at, made of the backup alone.
    let first = lost.fixture.home.path().join("first");
    std::fs::create_dir_all(first.join("epochs")).unwrap();
    for name in ["vkey", "epochs/1.note", "epochs/1.cells"] {
        std::fs::copy(lost.out.join(name), first.join(name)).unwrap();
    }
    let place = lost.fixture.home.path().join("fork");
    let source = published(&first);
    let backup = lost.backup.as_slice();
    let restored = Authority::restore(&place, backup, &passphrase(), source, at(1000)).await.unwrap();
    assert_eq!((restored.from_epoch, restored.epoch), (1, 1));
    let authority = Authority::open(&place).await.unwrap();
    // Its list of published folders is not in the backup, so it sees no other.
    let order = PlaceOrder::AsAccepted;
    let fork = authority.seal(at(1100), order, &mut lost.fixture.rng).await.unwrap().statement;
    assert_eq!(fork.epoch, third.epoch);
    assert_ne!(fork.hash(), third.hash());
    let refused = authority.publish(&lost.out).await.unwrap_err();
    assert!(matches!(refused, RegistryError::Behind { .. } | RegistryError::Forked { .. }), "{refused}");
}

#[tokio::test]
async fn leaves_without_a_record_can_be_removed_together() {
    let mut lost = Lost::new(82).await;
    lost.fixture.authority.store().close().await;
    lost.restore().await.unwrap();
    let authority = Authority::open(&lost.place()).await.unwrap();
    assert_eq!(authority.remove_without_record(RemovalReason::Error).await.unwrap(), 3);
    assert_eq!(authority.remove_without_record(RemovalReason::Error).await.unwrap(), 0);
    let next = authority.seal(at(1100), PlaceOrder::Random, &mut lost.fixture.rng).await.unwrap().statement;
    assert_eq!((next.live, next.removed.get(RemovalReason::Error)), (19, 3));
    let after = authority.seal(at(1200), PlaceOrder::Random, &mut lost.fixture.rng).await.unwrap().statement;
    assert_eq!((after.live, after.root), (19, next.root));
    authority.check().await.unwrap();
}

#[tokio::test]
async fn what_was_published_is_checked_before_anything_is_restored() {
    let lost = Lost::new(83).await;
    lost.fixture.authority.store().close().await;
    let whole: Vec<(PathBuf, Vec<u8>)> = crate::registry::snapshot(&lost.out).into_iter().collect();
    let keep = |name: &str| std::fs::read(lost.out.join(name)).unwrap();
    let (first, second, tile) = (keep("epochs/1.note"), keep("epochs/2.note"), keep("tiles/3/0/0"));
    let mut swapped = tile.clone();
    swapped.rotate_left(32);
    let attacks: [(&str, Option<&[u8]>); 8] = [
        ("epochs/3.note", Some(&second)),
        ("epochs/2.note", Some(&first)),
        ("epochs/2.note", None),
        ("epochs/2.cells", Some(b"{}")),
        ("epochs/3.note", Some(b"nothing of the kind")),
        ("tiles/3/0/0", None),
        ("tiles/3/0/0", Some(&swapped)),
        ("tiles/3/0/0", Some(&tile[..tile.len() - 32])),
    ];
    for (name, bytes) in attacks {
        match bytes {
            Some(bytes) => std::fs::write(lost.out.join(name), bytes).unwrap(),
            None => std::fs::remove_file(lost.out.join(name)).unwrap(),
        }
        let error = lost.restore().await.unwrap_err();
        assert!(matches!(error, RegistryError::Published { .. }), "{name}: {error}");
        assert_eq!(error.blame(), Blame::Fault);
        assert!(!lost.place().exists(), "{name}: nothing is left");
        for (path, bytes) in &whole {
            std::fs::write(lost.out.join(path), bytes).unwrap();
        }
    }
    // Another authority's folder; none at all.
    let other = Lost::new(84).await;
    let backup = || lost.backup.as_slice();
    for folder in [other.out.clone(), lost.fixture.home.path().join("nowhere")] {
        let source = published(&folder);
        let refused = Authority::restore(&lost.place(), backup(), &passphrase(), source, at(1000)).await;
        assert!(matches!(refused, Err(RegistryError::Published { .. })), "{refused:?}");
    }
    // Two histories of one authority.
    std::fs::write(lost.out.join("epochs/1.note"), &second).unwrap();
    let error = lost.restore().await.unwrap_err();
    assert!(matches!(error, RegistryError::Published { .. }), "{error}");
    std::fs::write(lost.out.join("epochs/1.note"), &first).unwrap();
    lost.restore().await.unwrap();
}

#[tokio::test]
async fn a_backup_opens_with_its_passphrase_whole_or_not_at_all() {
    let lost = Lost::new(85).await;
    let place = lost.place();
    let restore = async |bytes: &[u8], passphrase: &str| {
        let (passphrase, source) = (SecretString::from(passphrase.to_owned()), published(&lost.out));
        Authority::restore(&place, bytes, &passphrase, source, at(1000)).await
    };
    let error = restore(&lost.backup, "another").await.unwrap_err();
    assert_eq!(error, RegistryError::Backup(BackupError::Passphrase));
    assert_eq!((error.blame(), error.code()), (Blame::Refused, Some("passphrase_wrong")));
    let mut flipped = lost.backup.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let cuts = [0, 10, 200, lost.backup.len() / 2, lost.backup.len() - 1].map(|n| &lost.backup[..n]);
    for damaged in cuts.into_iter().chain([&flipped[..]]) {
        let error = restore(damaged, "correct horse battery staple").await.unwrap_err();
        assert_eq!((error.blame(), error.code()), (Blame::Refused, Some("file_damaged")), "{error}");
        assert!(!place.exists());
    }
    let kept = place.with_file_name("kept");
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(kept.join("something"), "").unwrap();
    let source = published(&lost.out);
    let refused = Authority::restore(&kept, lost.backup.as_slice(), &passphrase(), source, at(1000)).await;
    assert!(matches!(refused, Err(RegistryError::NotVacant(_))), "{refused:?}");
    // No secret of the registry stands in it.
    for file in ["signing.key", "fingerprint.key"] {
        let secret = std::fs::read(lost.fixture.folder().join(file)).unwrap();
        assert!(!lost.backup.windows(16).any(|window| secret.windows(16).any(|s| s == window)), "{file}");
    }
}

/// A copy of the whole folder is not compared with itself, and tokens of the time of the backup are void.
#[tokio::test]
async fn a_copy_does_not_vouch_for_itself() {
    let mut lost = Lost::new(90).await;
    let token = lost.fixture.authority.add_registrar("Eve", at(300), &mut lost.fixture.rng).await.unwrap();
    let hash = veilpass_server::token::hash(&token);
    assert!(lost.fixture.authority.store().registrar(&hash).await.unwrap().is_some(), "the control");
    let own = lost.fixture.folder().join("published");
    lost.fixture.authority.publish(&own).await.unwrap();
    lost.fixture.authority.store().close().await;
    let error = Authority::restore_in_place(&lost.fixture.folder(), published(&own), at(1000)).await;
    assert!(matches!(error, Err(RegistryError::Published { .. })), "{error:?}");
    Authority::restore_in_place(&lost.fixture.folder(), published(&lost.out), at(1000)).await.unwrap();
    let authority = Authority::open(&lost.fixture.folder()).await.unwrap();
    assert!(authority.store().registrar(&hash).await.unwrap().is_none());
}

/// A folder that was copied is taken up where it is.
#[tokio::test]
async fn a_copied_folder_is_taken_up_in_place() {
    let lost = Lost::new(86).await;
    lost.fixture.authority.store().close().await;
    let copy = lost.fixture.home.path().join("copy");
    for (path, bytes) in crate::registry::snapshot(&lost.fixture.folder()) {
        let to = copy.join(path.strip_prefix(lost.fixture.folder()).unwrap_or(&path));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, bytes).unwrap();
    }
    let error = Authority::open(&copy).await.err().unwrap();
    assert!(matches!(error, RegistryError::Store(StoreError::Copied(_))), "{error}");
    let restored = Authority::restore_in_place(&copy, published(&lost.out), at(1000)).await.unwrap();
    assert_eq!((restored.from_epoch, restored.epoch, restored.adopted.without_record), (3, 3, 0));
    let authority = Authority::open(&copy).await.unwrap();
    authority.check().await.unwrap();
    assert_eq!(authority.epoch(None).await.unwrap().statement.epoch, 3);
}

/// Ten backups while people are imported and sealed: each is whole and of one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_of_a_registry_in_use_are_of_one_moment() {
    let mut fixture = Fixture::new(87).await;
    let out = fixture.home.path().join("published");
    fixture.import(&people(0..50)).await;
    fixture.seal(0).await;
    fixture.authority.publish(&out).await.unwrap();
    let beside = fixture.authority.clone();
    let writing = tokio::spawn(async move {
        for round in 0..10usize {
            fixture.import(&people(50 + 40 * round..90 + 40 * round)).await;
            fixture.seal(10 + round as u64).await;
        }
        fixture
    });
    let mut backups = Vec::new();
    while backups.len() < 4 || !writing.is_finished() {
        backups.push(beside.backup(Vec::new(), passphrase(), at(5)).await.unwrap());
    }
    let fixture = writing.await.unwrap();
    fixture.authority.publish(&out).await.unwrap();
    for (number, backup) in backups.iter().enumerate().take(4) {
        let place = fixture.home.path().join(format!("restored-{number}"));
        let source = published(&out);
        let restored = Authority::restore(&place, backup.as_slice(), &passphrase(), source, at(1000)).await;
        let restored = restored.unwrap();
        assert_eq!(restored.epoch, 11);
        let all = restored.adopted.people + restored.adopted.without_record;
        assert_eq!(all, 450, "{restored:?}");
        Authority::open(&place).await.unwrap().check().await.unwrap();
    }
    let leaves = fixture.authority.store().published_state().await.unwrap().signed.leaves;
    assert!(leaves.iter().all(|(_, leaf)| *leaf != Fr::default()));
}

#[tokio::test]
async fn a_platform_keeps_its_keys_through_a_restore() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("P");
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    platform::PlatformKeys::generate(&folder, &mut rng).unwrap();
    let backup = platform::backup(&folder, Vec::new(), passphrase(), at(5)).await.unwrap();
    let place = home.path().join("Q");
    let restored = platform::restore(&place, backup.as_slice(), &passphrase(), at(9)).await.unwrap();
    assert_eq!((restored.forgotten_from, restored.forgotten_until), (Some(at(5)), at(9)));
    let keys = |folder| platform::PlatformKeys::open(folder).unwrap().key();
    assert_eq!(keys(&place), keys(&folder));
    // A platform's backup is not an authority's.
    let lost = Lost::new(88).await;
    let error = platform::restore(&home.path().join("R"), lost.backup.as_slice(), &passphrase(), at(9)).await;
    assert_eq!(error.unwrap_err(), RegistryError::Backup(BackupError::OtherKind("authority")));
}

/// Eight people at epoch 1. At the time of the backup there are under way: a renewal, a rotation and two resets, all
/// confirmed, an application that was filed and one that was redeemed.
async fn with_changes(seed: u64) -> (Counter, PathBuf, Vec<u8>) {
    let mut counter = Counter::new(seed).await;
    let out = counter.fixture.home.path().join("published");
    let mut wallets = Vec::new();
    for i in 0..8 {
        let wallet = counter.wallet();
        counter.whole(Operation::Enrol, &card(i), &wallet, at(0)).await.unwrap();
        wallets.push(wallet);
    }
    counter.seal(at(1)).await;
    counter.authority.publish(&out).await.unwrap();
    counter.whole(Operation::Renew, &card(0), &wallets[0], at(2)).await.unwrap();
    let moved = Wallet { d: counter.device(), ..wallets[1].clone() };
    counter.whole(Operation::Rotate, &card(1), &moved, at(2)).await.unwrap();
    for i in [2, 3] {
        let anew = counter.wallet();
        counter.whole(Operation::Reset, &card(i), &anew, at(2)).await.unwrap();
    }
    counter.file(Operation::Enrol, &card(8), at(3)).await;
    let (open, wallet) = (counter.file(Operation::Enrol, &card(9), at(3)).await, counter.wallet());
    counter.redeem(&open, &wallet, at(3)).await.unwrap();
    let backup = counter.authority.backup(Vec::new(), passphrase(), at(100)).await.unwrap();
    (counter, out, backup)
}

/// Restores, and holds the leaves against those of the lost registry.
async fn taken_up(counter: Counter, out: &std::path::Path, backup: &[u8], now: u64) -> (Counter, Restored) {
    let leaves: BTreeSet<_> = counter.leaves().await.iter().map(veilpass_protocol::field::to_bytes).collect();
    counter.authority.publish(out).await.unwrap();
    counter.authority.store().close().await;
    let place = counter.fixture.home.path().join("restored");
    let restored = Authority::restore(&place, backup, &passphrase(), published(out), at(now)).await.unwrap();
    let mut fixture = counter.fixture;
    let authority = Authority::open(&place).await.unwrap();
    // Registrars have their old tokens no more; here they are found by name.
    fixture.authority = authority.clone();
    let counter = Counter { fixture, authority };
    let now: BTreeSet<_> = counter.leaves().await.iter().map(veilpass_protocol::field::to_bytes).collect();
    assert_eq!(now, leaves);
    counter.authority.check().await.unwrap();
    (counter, restored)
}

/// The next seal has taken up renewal and rotation and has removed the old leaves of the resets, which wait: they are
/// not known any more, and the two people apply again.
#[tokio::test]
async fn changes_that_were_sealed_after_the_backup_are_taken_up() {
    let (mut counter, out, backup) = with_changes(90).await;
    let second = counter.seal(at(200)).await.statement;
    assert_eq!((second.added, second.removed.total(), second.live), (2, 4, 6));
    let (mut counter, restored) = taken_up(counter, &out, &backup, 300).await;
    // Dropped: two applications and the two resets.
    let adopted = Adopted { people: 6, removed_since: 4, sealed_since: 2, dropped: 4, without_record: 0 };
    assert_eq!((restored.epoch, &restored.adopted), (2, &adopted));

    // Whoever has a leaf is on record.
    let wallet = counter.wallet();
    assert_eq!(
        counter.whole(Operation::Enrol, &card(1), &wallet, at(400)).await.err(),
        Some("document_used"),
        "the person with the new device is on record"
    );
    // The two begin their resets anew; the wait counts from the newest published epoch.
    let wait = counter.authority.reset_wait();
    for i in [2, 3] {
        let anew = counter.wallet();
        counter.whole(Operation::Reset, &card(i), &anew, at(400)).await.unwrap();
    }
    assert_eq!(
        counter.seal(at(200 + wait - 1)).await.statement.added,
        0,
        "as long as the old leaf may be accepted"
    );
    let later = counter.seal(at(400 + wait)).await.statement;
    assert_eq!((later.added, later.live), (2, 8));
    counter.authority.check().await.unwrap();
}

/// The same, but the resets came into force before the registry was lost.
#[tokio::test]
async fn resets_that_came_into_force_after_the_backup_are_taken_up() {
    let (mut counter, out, backup) = with_changes(91).await;
    counter.seal(at(200)).await;
    let wait = counter.authority.reset_wait();
    let third = counter.seal(at(300 + wait)).await.statement;
    assert_eq!((third.added, third.live), (2, 8));
    let (mut counter, restored) = taken_up(counter, &out, &backup, 400 + wait).await;
    let adopted = Adopted { people: 8, removed_since: 4, sealed_since: 4, dropped: 2, without_record: 0 };
    assert_eq!((restored.epoch, &restored.adopted), (3, &adopted));
    // They are live people: no second reset is needed, and none can be had by an enrolment.
    for i in [2, 3] {
        let wallet = counter.wallet();
        let refused = counter.whole(Operation::Enrol, &card(i), &wallet, at(500 + wait)).await.err();
        assert_eq!(refused, Some("document_used"));
    }
    let next = counter.seal(at(600 + wait)).await.statement;
    assert_eq!((next.epoch, next.added, next.live, next.root), (4, 0, 8, third.root));

    // A second restore, from the same backup: it goes on from the newest epoch again.
    let place = counter.fixture.home.path().join("again");
    counter.authority.publish(&out).await.unwrap();
    let source = published(&out);
    let again =
        Authority::restore(&place, backup.as_slice(), &passphrase(), source, at(700 + wait)).await.unwrap();
    assert_eq!((again.from_epoch, again.epoch, again.adopted), (1, 4, adopted));
}
