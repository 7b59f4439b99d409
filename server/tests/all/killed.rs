//! A run that dies in the middle, in two ways, and the same file again.

use crate::people::{Fixture, at, csv_file, people, root_of};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use veilpass_protocol::credential::Credential;
use veilpass_server::authority::Authority;

const ROWS: usize = 5000;
const CHILD: &str = "VEILPASS_TEST_KILLED_CHILD";

async fn finish(fixture: &mut Fixture, file: &Path, out: &Path, before: u64) {
    let all = people(0..ROWS);
    let report = fixture.import_file(file, Some(out)).await.unwrap();
    assert_eq!((report.read, report.rejected.len()), (ROWS as u64, 0));
    assert!(report.already >= before, "{} rows were committed, {} are there", before, report.already);
    assert_eq!(report.added + report.already, ROWS as u64);
    let credentials = std::fs::read_to_string(out).unwrap();
    assert_eq!(credentials.lines().count(), ROWS);
    for (line, person) in credentials.lines().zip(&all).step_by(97) {
        let credential = Credential::from_json(line.as_bytes()).unwrap();
        credential.verify(&fixture.authority.key()).unwrap();
        assert_eq!(credential.leaf(), person.leaf());
    }
    let epoch = fixture.seal(0).await;
    assert_eq!((epoch.statement.live, epoch.statement.root), (ROWS as u64, root_of(&all)));
    let again = fixture.import_file(file, None).await.unwrap();
    assert_eq!((again.added, again.already), (0, ROWS as u64));
}

/// The future is dropped between two batches, as when a service is told to stop.
#[tokio::test]
async fn dropped_after_some_batches() {
    let mut fixture = Fixture::new(20).await;
    let file = fixture.file("people.csv", &csv_file(&people(0..ROWS)));
    let out = fixture.home.path().join("credentials.jsonl");
    let rows = AtomicU64::new(0);
    let stop = tokio::sync::Notify::new();
    let mut see = |p: veilpass_server::authority::ImportProgress| {
        rows.store(p.rows, Ordering::SeqCst);
        if p.rows == 2000 {
            stop.notify_one();
        }
    };
    tokio::select! {
        biased;
        () = stop.notified() => {}
        done = fixture.authority.import(&file, Some(&out), at(0), &mut fixture.rng, &mut see) => {
            panic!("the import was to be stopped, but ended: {done:?}");
        }
    }
    let rows = rows.load(Ordering::SeqCst);
    assert!((2000..ROWS as u64).contains(&rows));
    assert!(!out.exists(), "an unfinished file does not appear");
    finish(&mut fixture, &file, &out, rows).await;
}

/// SIGKILL to a process of its own, at different points of the run. This test starts itself as the
/// child.
#[tokio::test]
async fn killed_by_the_system() {
    if let Ok(home) = std::env::var(CHILD) {
        return child(&PathBuf::from(home)).await;
    }
    for kill_after in [1, 3] {
        let mut fixture = Fixture::new(21).await;
        let file = fixture.file("people.csv", &csv_file(&people(0..ROWS)));
        let out = fixture.home.path().join("credentials.jsonl");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::killed_by_the_system", "--nocapture"])
            .env(CHILD, fixture.home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let batches =
            lines.map(Result::unwrap).filter(|line| line.contains("rows done")).take(kill_after).count();
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(batches, kill_after);
        assert!(!status.success(), "the child was to die");
        assert!(!out.exists());
        fixture.authority.close().await;
        fixture.authority = Authority::open(&fixture.home.path().join("authority")).await.unwrap();
        finish(&mut fixture, &file, &out, kill_after as u64 * 1000).await;
    }
}

async fn child(home: &Path) {
    let authority = Authority::open(&home.join("authority")).await.unwrap();
    let mut rng = StdRng::seed_from_u64(99);
    let mut see = |p: veilpass_server::authority::ImportProgress| {
        println!("\n{} rows done", p.rows);
        // Time for the parent to strike before the run is over; the next batch begins meanwhile.
        std::thread::sleep(std::time::Duration::from_millis(30));
    };
    let (file, out) = (home.join("people.csv"), home.join("credentials.jsonl"));
    authority.import(&file, Some(&out), at(0), &mut rng, &mut see).await.unwrap();
    // Not reached in time: the parent kills this process.
    std::thread::sleep(std::time::Duration::from_secs(20));
}
