//! What the service does by itself: sealing on schedule, following what other processes do, telling
//! when it cannot, and going on.

use crate::authority_harness::{Reply, Serving, Wallet, application, number};
use crate::people::{Fixture, people};
use crate::registry::snapshot;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use veilpass_protocol::operation::Operation;
use veilpass_server::authority::{Document, PlaceOrder};
use veilpass_server::http;

fn ready(epoch: Option<u64>) -> impl Fn(&Reply) -> bool {
    move |reply| reply.status == 200 && reply.json() == json!({"ready": true, "epoch": epoch})
}

#[tokio::test]
async fn epochs_on_schedule() {
    let mut fixture = Fixture::new(840).await;
    fixture.import(&people(0..50)).await;
    let serving = Serving::with(fixture, 1, |_| ()).await;
    serving.until_epoch(3).await;
    let fixture = serving.stop().await;
    let newest = fixture.authority.epoch(None).await.unwrap().statement;
    assert!(newest.epoch >= 3);
    let mut last = None;
    for n in 1..=newest.epoch {
        let statement = fixture.authority.epoch(Some(n)).await.unwrap().statement;
        assert_eq!((statement.live, statement.added), (50, if n == 1 { 50 } else { 0 }));
        assert!(last.is_none_or(|last| statement.sealed_at > last));
        last = Some(statement.sealed_at);
    }
    // Nobody seals any more.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(fixture.authority.epoch(None).await.unwrap().statement.epoch, newest.epoch);
}

/// The schedule counts from the newest epoch, not from the start of the process.
#[tokio::test]
async fn a_restart_keeps_the_schedule() {
    let mut fixture = Fixture::new(841).await;
    let order = PlaceOrder::Random;
    let ago = http::now().minus(3600);
    fixture.authority.seal(ago, order, &mut fixture.rng).await.unwrap();
    // An hour is over: it seals at once.
    let serving = Serving::with(fixture, 3600, |_| ()).await;
    serving.until_epoch(2).await;
    let fixture = serving.stop().await;
    // Started again, it does not.
    let serving = Serving::with(fixture, 3600, |_| ()).await;
    serving.until("readiness", "/readyz", ready(Some(2))).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    serving.until("readiness", "/readyz", ready(Some(2))).await;
    serving.stop().await;
}

#[tokio::test]
async fn on_demand_it_seals_nothing_by_itself() {
    let mut serving = Serving::start(842).await;
    serving.until("readiness", "/readyz", ready(None)).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    serving.get("/v1/epochs/latest").await.refused(404, "not_found");
    assert_eq!(serving.get("/healthz").await.good(200).json(), json!({"ok": true}));
    assert_eq!(serving.seal_elsewhere().await, 1);
    serving.until_epoch(1).await;
    serving.until("readiness", "/readyz", ready(Some(1))).await;
    serving.stop().await;
}

/// A platform that another process enters shows, and nothing of the tree is touched for that.
#[tokio::test]
async fn the_directory_of_another_process() {
    let mut serving = Serving::start(843).await;
    serving.fixture.import(&people(0..20)).await;
    serving.seal_elsewhere().await;
    serving.until_epoch(1).await;
    let folder = serving.fixture.folder().join("published");
    // If the tree were published again, this would be mended.
    let tile = folder.join("tiles/1/0/0");
    std::fs::write(&tile, "changed by hand").unwrap();
    let key = ed25519_dalek::SigningKey::generate(&mut serving.fixture.rng).verifying_key();
    for name in ["Forum", "The Forum"] {
        let host = "forum.example".parse().unwrap();
        let entry = serving.fixture.authority.put_platform(host, &key, name, &["p".into()]).await.unwrap();
        let target = "/v1/published/platforms/forum.example.json";
        serving.until(name, target, |r| r.status == 200 && r.text() == entry.to_json()).await;
        let hosts = serving.get("/v1/published/platforms.json").await.good(200);
        assert_eq!(hosts.text(), r#"["forum.example"]"#);
    }
    assert_eq!(std::fs::read(&tile).unwrap(), b"changed by hand");
    // A start looks at everything.
    let fixture = serving.stop().await;
    let serving = Serving::with(fixture, 0, |_| ()).await;
    serving.until("readiness", "/readyz", ready(Some(1))).await;
    assert_ne!(std::fs::read(&tile).unwrap(), b"changed by hand");
    serving.stop().await;
}

#[tokio::test]
async fn a_start_publishes_what_was_sealed_meanwhile() {
    let mut fixture = Fixture::new(844).await;
    fixture.import(&people(0..20)).await;
    for round in 0..3 {
        fixture.seal(round).await;
    }
    assert!(!fixture.folder().join("published").exists());
    let serving = Serving::with(fixture, 0, |_| ()).await;
    serving.until_epoch(3).await;
    let elsewhere = serving.fixture.home.path().join("elsewhere");
    serving.fixture.authority.publish(&elsewhere).await.unwrap();
    let names = |folder: &std::path::Path| {
        let files = snapshot(folder).into_iter();
        files.map(|(p, b)| (p.strip_prefix(folder).unwrap().to_owned(), b)).collect::<Vec<_>>()
    };
    assert_eq!(names(&serving.fixture.folder().join("published")), names(&elsewhere));
    serving.stop().await;
}

/// A folder that cannot be written: it answers, says so, and makes up for it.
#[tokio::test]
async fn what_fails_is_told_and_tried_again() {
    let mut serving = Serving::start(845).await;
    serving.seal_elsewhere().await;
    serving.until_epoch(1).await;
    let folder = serving.fixture.folder().join("published");
    // Root writes everywhere: another authority's key is what it refuses to write beside.
    let own = std::fs::read(folder.join("vkey")).unwrap();
    std::fs::write(folder.join("vkey"), "another+00000000+AAAA\n").unwrap();
    serving.seal_elsewhere().await;
    let told =
        serving.until("a failure", "/readyz", |r| r.status == 503 && r.text().contains("publishing")).await;
    told.refused(503, "unavailable");
    assert_eq!(told.json()["detail"], "not ready: publishing");
    // Everything else works, and the old epoch stays readable.
    serving.get("/healthz").await.good(200);
    assert!(serving.get("/v1/epochs/latest").await.good(200).text().contains("\nepoch 1\n"));
    serving.as_registrar("/v1/applications", &application("enrol", &number(1))).await.good(201);
    std::fs::write(folder.join("vkey"), own).unwrap();
    serving.until_epoch(2).await;
    serving.until("readiness", "/readyz", ready(Some(2))).await;
    serving.stop().await;
}

/// A seal that fails: the last epoch is from the future, as after a clock that was set back.
#[tokio::test]
async fn a_clock_that_went_back() {
    let mut fixture = Fixture::new(846).await;
    let order = PlaceOrder::Random;
    fixture.authority.seal(http::now().plus(1000), order, &mut fixture.rng).await.unwrap();
    let serving = Serving::with(fixture, 1, |_| ()).await;
    serving.until_epoch(1).await;
    // Nothing is due yet, and nothing fails.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    serving.until("readiness", "/readyz", ready(Some(1))).await;
    serving.stop().await;
}

/// Personal data that has to go goes while it serves, without a seal.
#[tokio::test]
async fn housekeeping() {
    let mut fixture = Fixture::new(847).await;
    let document = Document::ResidentNumber { number: number(1), expires_on: None };
    let past = http::now().minus(3600);
    let Fixture { authority, rng, .. } = &mut fixture;
    authority.add_registrar("Counter", past, rng).await.unwrap();
    authority.file_application("Counter", Operation::Enrol, &document, past, rng).await.unwrap();
    assert_eq!(fixture.count("SELECT count(*) FROM application").await, 1);
    let serving = Serving::with(fixture, 0, |_| ()).await;
    serving.until("readiness", "/readyz", ready(None)).await;
    for _ in 0..50 {
        if serving.fixture.count("SELECT count(*) FROM application").await == 0 {
            serving.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the application is still there");
}

/// A stop in the middle of work waits for it: what was begun is whole.
#[tokio::test]
async fn a_stop_under_way() {
    let mut fixture = Fixture::new(848).await;
    fixture.import(&people(0..3000)).await;
    let serving = Serving::with(fixture, 1, |_| ()).await;
    let fixture = serving.stop().await;
    let folder = fixture.folder().join("published");
    if let Ok(epoch) = fixture.authority.epoch(None).await {
        assert_eq!(epoch.statement.live, 3000);
        assert!(folder.join(format!("epochs/{}.note", epoch.statement.epoch)).exists());
    }
    // The folder is free again.
    let serving = Serving::with(fixture, 1, |_| ()).await;
    serving.until("an epoch", "/v1/epochs/latest", |reply| reply.status == 200).await;
    let mode = std::fs::metadata(folder.join("epochs/1.note")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    serving.stop().await;
}

/// A reset waits RESET_WAIT and one interval of the schedule that the service keeps (protocol.md,
/// "Accepted epochs").
#[tokio::test]
async fn a_reset_waits_by_the_schedule() {
    let mut fixture = Fixture::new(849).await;
    let wallets = [(); 2].map(|()| Wallet::new(&mut fixture.rng));
    let serving = Serving::with(fixture, 2, |_| ()).await;
    serving.complete("enrol", &number(1), &wallets[0]).await;
    let live =
        |n: u64| move |reply: &Reply| reply.status == 200 && reply.text().contains(&format!("\nlive {n}\n"));
    serving.until("the person", "/v1/epochs/latest", live(1)).await;
    serving.complete("reset", &number(1), &wallets[1]).await;
    serving.until("the old leaf's end", "/v1/epochs/latest", live(0)).await;
    let wait = "SELECT p.not_before - person.removed_at FROM pending p JOIN person USING (person_fp)";
    assert_eq!(serving.fixture.count(wait).await, 48 * 3600 + 2);
    serving.stop().await;
}
