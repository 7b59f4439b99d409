//! Measures the figures that README names, on this machine: `cargo run -p veilpass-tests --bin figures`.
//! Medians; the dev profile, which demo and tests share. With `VEILPASS_MACHINE=portable` without AVX-512.

use rand::rngs::OsRng;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use veilpass_circuits::{Attest, Circuit};
use veilpass_kernels::Machine;
use veilpass_params::{ProvingKey, dev, setup};
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::scope::LinkKind;
use veilpass_server::authority::{Authority, IMPORT_HEADER, PlaceOrder};
use veilpass_tests::{World, now};
use veilpass_verifier::{AcceptedEpochs, Origin, Policy, Screened, Verifier, VerifyingKey};

/// Median and extremes of several runs.
fn measure(name: &str, runs: usize, mut work: impl FnMut()) {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort();
    let ms = |t: Duration| t.as_secs_f64() * 1000.0;
    println!(
        "{name:<52} {:>9.2} ms   ({:.2} to {:.2}, n = {runs})",
        ms(times[runs / 2]),
        ms(times[0]),
        ms(times[runs - 1])
    );
}

fn ok<T, E: std::fmt::Display>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|e| panic!("{e}"))
}

fn main() {
    println!("computes with {} instructions", Machine::current().name());
    let stats = Attest.shape().stats();
    println!(
        "rows {}, wires {}, of them in B {}, domain {}",
        stats.rows, stats.wires, stats.wires_in_b, stats.domain
    );
    let (vk, pk) = (dev::verifying_key_bytes(), dev::proving_key_bytes());
    println!("proof 128 B, verifying key {} B, proving key {} B", vk.len(), pk.len());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{threads} cores\n");

    measure("setup", 3, || drop(ok(setup(Attest, Origin::Dev, &mut OsRng, |_| ()))));
    measure("proving key: read and check the file", 5, || drop(ok(ProvingKey::from_bytes(Attest, pk))));
    measure("verifying key: read and check the file", 20, || drop(ok(VerifyingKey::from_bytes(vk))));

    let mut world = World::new(20);
    let adult =
        Predicates { age: Some(AgePredicate { at_least: Some(18), below: None }), ..Predicates::valid() };
    let request = world.request(LinkKind::None, adult);
    let (statement, witness) = world.claim(0, &request, 2);
    measure(&format!("cold proof, self-check included, {threads} threads"), 15, || {
        world.prove(&statement, &witness);
    });
    let one = ok(rayon::ThreadPoolBuilder::new().num_threads(1).build());
    one.install(|| {
        measure("cold proof, self-check included, 1 thread", 15, || {
            world.prove(&statement, &witness);
        });
    });
    let policy = Policy::default().allowing_dev_keys();
    let verifier = ok(Verifier::new(policy).with_key(vk));
    let epochs = ok(AcceptedEpochs::from_notes(&world.notes, world.signer.public(), &policy, now()));
    let presentation = world.present(0, &request, 2).to_json();
    measure("verification from JSON to evidence, 1 thread", 200, || {
        ok(verifier.verify(&request, presentation.as_bytes(), &epochs, now()));
    });
    measure("verification of 256 in a batch, 1 thread", 5, || {
        let screened = || ok(verifier.screen(&request, presentation.as_bytes(), &epochs, now()));
        let screened = std::iter::repeat_with(screened).take(256).collect();
        let verdicts = Screened::check_all(screened, &mut OsRng);
        assert!(verdicts.iter().all(Result::is_ok));
    });

    let runtime = ok(tokio::runtime::Builder::new_multi_thread().enable_all().build());
    for people in [1_000, 100_000] {
        runtime.block_on(registry(people));
    }
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM: not known here");
    println!("\npeak memory of all this together: {peak}");
}

async fn registry(people: usize) {
    let place = ok(tempfile::tempdir());
    let file = place.path().join("people.csv");
    let mut rows = IMPORT_HEADER.join(",") + "\n";
    for i in 0..people {
        let (c, d) = (2 * i + 10, 2 * i + 11);
        ok(writeln!(
            rows,
            "{c:064x},{d:064x},P{i},1990-05-05,2036-06-01,2024-07-06,female,foreign_passport,250,0,0"
        ));
    }
    ok(std::fs::write(&file, rows));
    let folder = place.path().join("A");
    let authority =
        ok(Authority::init(&folder, "id.example", &[dev::verifying_key_bytes().to_vec()], &mut OsRng).await);
    let time = |what: &str, begun: Instant| {
        println!(
            "{:<52} {:>9.0} ms",
            format!("{what}, {people} people"),
            begun.elapsed().as_secs_f64() * 1000.0
        );
    };
    let begun = Instant::now();
    let report = ok(authority.import(&file, None, now(), &mut OsRng, &mut |_| ()).await);
    assert_eq!(report.added, people as u64);
    time("import", begun);
    let begun = Instant::now();
    ok(authority.seal(now(), PlaceOrder::Random, &mut OsRng).await);
    time("seal", begun);
    let begun = Instant::now();
    let published = ok(authority.publish(Path::new(&place.path().join("published"))).await);
    time(&format!("publish ({} bytes)", published.bytes), begun);
    authority.close().await;
}
