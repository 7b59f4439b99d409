//! Import and seal at scale: the figures of README, and a bound that a mistake in complexity breaks.

use crate::people::{Fixture, at, csv_file, people, root_of};
use std::time::{Duration, Instant};
use veilpass_server::authority::PlaceOrder;

/// Memory in use, in MiB, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}

/// 5,000 people, or 1,000 and 100,000 with `VEILPASS_LONG=1`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_and_seal() {
    let long = std::env::var_os("VEILPASS_LONG").is_some();
    for rows in if long { vec![1000, 100_000] } else { vec![5000] } {
        let mut fixture = Fixture::new(90).await;
        let all = people(0..rows);
        let file = fixture.file("people.csv", &csv_file(&all));
        let before = resident();
        let started = Instant::now();
        let report = fixture.import_file(&file, None).await.unwrap();
        let imported = started.elapsed();
        let grown = resident().zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
        assert_eq!((report.added, report.rejected.len()), (rows as u64, 0));
        let started = Instant::now();
        let epoch = fixture.authority.seal(at(1), PlaceOrder::AsAccepted, &mut fixture.rng).await.unwrap();
        let sealed = started.elapsed();
        assert_eq!((epoch.statement.live, epoch.statement.root), (rows as u64, root_of(&all)));
        fixture.import(&people(rows..rows + 10)).await;
        let started = Instant::now();
        fixture.authority.seal(at(2), PlaceOrder::Random, &mut fixture.rng).await.unwrap();
        let again = started.elapsed();
        let out = fixture.home.path().join("published");
        let started = Instant::now();
        fixture.authority.publish(&out).await.unwrap();
        let published = started.elapsed();
        let rate = rows as f64 / imported.as_secs_f64();
        println!(
            "{rows} people: import {imported:.2?} ({rate:.0} rows/s, {grown} MiB more), seal {sealed:.2?}, \
             seal of ten more {again:.2?}, publish {published:.2?}"
        );
        // Generous: a shared machine is slow, an accidental quadratic is slower.
        let bound = Duration::from_millis(30_000 + rows as u64 * 2);
        assert!(imported < bound && sealed < bound / 2, "{rows}: {imported:?}, {sealed:?}");
    }
}
