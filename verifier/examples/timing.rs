//! Our verifier against arkworks used the ordinary way, in turns:
//! `cargo run --release -p veilpass-verifier --example timing`. Medians; of long runs on one thread, its own time.
//!
//! arkworks: `Proof::deserialize_compressed`, which checks everything, and `Groth16::verify_proof` with a prepared key. Ours:
//! the same 128 bytes and the same statement, decoding included. `ours`, `ark` or `batch` as argument runs one of
//! them alone, for `perf stat`.

#[path = "../tests/all/testkit.rs"]
mod testkit;

use ark_bn254::Bn254;
use ark_groth16::{Groth16, PreparedVerifyingKey, prepare_verifying_key};
use ark_serialize::CanonicalDeserialize;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::hint::black_box;
use std::time::Instant;
use testkit::{Trapdoor, any_statement};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::Statement;
use veilpass_verifier::{Origin, PreparedKey, Proof};

const BATCH: usize = 1024;

/// A statement as platforms ask it: four hashes, ten small numbers.
fn usual_statement(rng: &mut StdRng) -> Statement {
    let [root, scope, pseudonym, .., challenge] = any_statement(rng).to_array();
    let small = [1u64, 82870, 0, 76296, 262143, 255, 15, 65535, 0, 0].map(Fr::from);
    let mut all = [root, scope, pseudonym].to_vec();
    all.extend(small);
    all.push(challenge);
    Statement::from_array(all.try_into().unwrap_or_else(|_| unreachable!()))
}

fn by_ark(key: &PreparedVerifyingKey<Bn254>, statement: &Statement, proof: &[u8; 128]) -> bool {
    let proof = ark_groth16::Proof::deserialize_compressed(&proof[..]);
    proof.is_ok_and(|proof| {
        Groth16::<Bn254>::verify_proof(key, &proof, &statement.to_array()).is_ok_and(|valid| valid)
    })
}

/// What a platform does with a queue: each proof decoded and checked by itself, then one product.
fn by_batch(key: &PreparedKey, items: &[(Statement, [u8; 128])], rng: &mut StdRng) -> bool {
    key.check_batch_bytes(items, rng).iter().all(Result::is_ok)
}

fn micros(work: impl FnOnce() -> bool) -> f64 {
    let begun = Instant::now();
    assert!(black_box(work()), "every proof here is good");
    begun.elapsed().as_secs_f64() * 1e6
}

/// Time of this thread on a processor, so that what else runs on the machine does not count in long runs; wall time
/// where the system does not say.
fn own_micros(work: impl FnOnce() -> bool) -> f64 {
    let on_processor = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let begun = on_processor();
    let wall = micros(work);
    begun.zip(on_processor()).map_or(wall, |(begun, ended)| (ended - begun) / 1e3)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let mut rng = StdRng::seed_from_u64(1);
    let trapdoor = Trapdoor::from_seed(1);
    let key = trapdoor.key(Origin::Dev);
    let points = key.points().clone();
    let ark = prepare_verifying_key(&ark_groth16::VerifyingKey::<Bn254> {
        alpha_g1: points.alpha_g1,
        beta_g2: points.beta_g2,
        gamma_g2: points.gamma_g2,
        delta_g2: points.delta_g2,
        gamma_abc_g1: points.ic,
    });
    let begun = Instant::now();
    let Ok(ours) = PreparedKey::new(key) else { panic!("the key is safe") };
    println!("key prepared in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);

    let items: Vec<(Statement, [u8; 128])> = (0..BATCH)
        .map(|_| {
            let statement = usual_statement(&mut rng);
            let proof = trapdoor.simulate(&statement, &mut rng);
            (statement, proof)
        })
        .collect();
    let single = |n: usize| items.get(n % BATCH).is_some_and(|(s, p)| ours.check_bytes(s, p).is_ok());
    let of_ark = |n: usize| items.get(n % BATCH).is_some_and(|(s, p)| by_ark(&ark, s, p));
    match std::env::args().nth(1).as_deref() {
        Some("ours") => return assert!((0..1000).all(single)),
        Some("ark") => return assert!((0..1000).all(of_ark)),
        Some("batch") => return assert!(by_batch(&ours, &items, &mut rng)),
        Some("none") => return,
        _ => {}
    }

    // Nothing but bad proofs.
    let other = Trapdoor::from_seed(2);
    let flood: Vec<(Statement, [u8; 128])> = items
        .iter()
        .take(256)
        .map(|(statement, _)| (statement.clone(), other.simulate(statement, &mut rng)))
        .collect();

    let mut times: [Vec<f64>; 6] = Default::default();
    for round in 0..15 {
        for n in 0..20 {
            let n = round * 20 + n;
            times[0].push(micros(|| of_ark(n)));
            times[1].push(micros(|| single(n)));
            let Some((statement, bytes)) = items.get(n) else { continue };
            let proof = Proof::from_bytes(bytes).unwrap_or_else(|e| panic!("{e}"));
            times[2].push(micros(|| ours.check(statement, &proof).is_ok()));
            times[3].push(micros(|| Proof::from_bytes(bytes).is_ok()));
        }
        times[4].push(micros(|| by_batch(&ours, &items, &mut rng)) / BATCH as f64);
        let refused = |rng: &mut StdRng| ours.check_batch_bytes(&flood, rng).iter().all(Result::is_err);
        if round < 5 {
            times[5].push(own_micros(|| refused(&mut rng)) / flood.len() as f64);
        }
    }
    let names = [
        "ark: deserialisation and verify_proof".to_owned(),
        "ours: check_bytes".to_owned(),
        "ours: check of a decoded proof".to_owned(),
        "ours: Proof::from_bytes".to_owned(),
        format!("ours: batch of {BATCH}, each"),
        format!("ours: batch of {}, all bad, each, 1 thread", flood.len()),
    ];
    let medians = times.map(median);
    for (name, time) in names.iter().zip(medians) {
        println!("{name:<42} {time:>9.1} µs   1/{:.1}", medians[0] / time);
    }
}
