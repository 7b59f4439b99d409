//! Times the kernels: `cargo run --release -p veilpass-kernels --example timing`.

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{CurveGroup, PrimeGroup, VariableBaseMSM};
use ark_ff::UniformRand;
use std::time::Instant;
use veilpass_kernels::{Domain, FixedBases, G1, G2, Machine};

fn time<T>(what: &str, times: usize, mut f: impl FnMut() -> T) {
    let mut all: Vec<f64> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(f());
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    println!("{what:50} {:9.3} ms", all[times / 2]);
}

fn main() {
    let mut rng = rand::thread_rng();
    let g1: Vec<G1Affine> =
        G1Projective::normalize_batch(&(0..14_000).map(|_| G1Projective::rand(&mut rng)).collect::<Vec<_>>());
    let g2: Vec<G2Affine> =
        G2Projective::normalize_batch(&(0..3_937).map(|_| G2Projective::rand(&mut rng)).collect::<Vec<_>>());
    let scalars: Vec<Fr> = (0..14_000).map(|_| Fr::rand(&mut rng)).collect();
    let _ = G1Projective::generator();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            println!("{threads} threads");
            time("ark MSM of 14,000 in G1", 5, || G1Projective::msm_unchecked(&g1, &scalars));
            time("ark MSM of 3,937 in G2", 5, || G2Projective::msm_unchecked(&g2, &scalars[..3_937]));
            for machine in Machine::all() {
                let domain = Domain::new(machine, 8192).unwrap();
                time(&format!("{}: FFT of 8,192", machine.name()), 21, || {
                    domain.coefficients(&scalars[..8192])
                });
                for window in [13, 15] {
                    let name = format!("{} {window} bits", machine.name());
                    time(&format!("{name}: table of 14,000 in G1"), 1, || {
                        FixedBases::<G1>::new(machine, &g1, window)
                    });
                    let table = FixedBases::<G1>::new(machine, &g1, window);
                    time(&format!("{name}: sum of 14,000 in G1, {} MB", table.bytes() >> 20), 11, || {
                        table.sum(&scalars)
                    });
                    let table = FixedBases::<G1>::new(machine, &g1[..5_800], window);
                    time(&format!("{name}: sum of 5,800 in G1, {} MB", table.bytes() >> 20), 11, || {
                        table.sum(&scalars)
                    });
                    let table = FixedBases::<G2>::new(machine, &g2, window);
                    time(&format!("{name}: sum of 3,937 in G2, {} MB", table.bytes() >> 20), 11, || {
                        table.sum(&scalars)
                    });
                }
            }
        });
    }
}
