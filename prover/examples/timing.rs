//! Times the engine beside ark: `cargo run --release -p veilpass-prover --example timing`.

use ark_bn254::{Bn254, Fr};
use ark_ff::UniformRand;
use ark_groth16::Groth16;
use rand::SeedableRng;
use std::time::Instant;
use veilpass_circuits::attest::cases;
use veilpass_circuits::{Attest, assign_rows};
use veilpass_params::dev;
use veilpass_prover::groth16::Engine;

fn time<T>(what: &str, times: usize, mut f: impl FnMut() -> T) -> f64 {
    let mut all: Vec<f64> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(f());
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    println!("{what:50} {:9.3} ms", all[times / 2]);
    all[times / 2]
}

fn main() {
    let mut rng = rand::rngs::StdRng::seed_from_u64(1);
    let case = cases::typical(&mut rng);
    let (s, w) = (case.statement.clone(), case.witness.clone());
    time("load key", 3, || dev::proving_key().unwrap());
    let key = dev::proving_key().unwrap();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            println!("{threads} threads");
            let mut rng = rand::rngs::StdRng::seed_from_u64(1);
            let ark = time("ark", 5, || {
                let circuit = Attest::new(s.clone(), w.clone());
                Groth16::<Bn254>::create_random_proof_with_reduction(circuit, key.groth16(), &mut rng)
                    .unwrap()
            });
            let engine = Engine::new(key.clone()).unwrap();
            time("tables", 1, || engine.make_tables());
            println!("{} MB", engine.table_bytes() >> 20);
            time("wires and rows", 21, || assign_rows(&s, &w));
            let cold = time("cold, unchecked", 21, || engine.prove_unchecked(&s, &w, &mut rng).unwrap());
            println!("   1/{:.1}", ark / cold);
            let mut session = engine.session(&s, &w).unwrap();
            time("prepare", 5, || session.prepare(&mut rng).unwrap());
            let other = {
                let mut c = case.clone();
                c.statement.scope = Fr::rand(&mut rng);
                c.rename();
                c
            };
            let mut turn = false;
            let new = time("new platform", 21, || {
                turn = !turn;
                let c = if turn { &other } else { &case };
                session.turn_to(&c.statement, &c.witness).unwrap();
                session.prove_unchecked(&mut rng).unwrap()
            });
            println!("   {:.3} of cold", new / cold);
            let prepared = session.prepare(&mut rng).unwrap();
            let repeat = time("repeat", 101, || prepared.present(Fr::from(7u8), &mut rng).unwrap());
            println!("   1/{:.0}", ark / repeat);
        });
    }
}
