//! Micro benches of what proofs, checks and trees are made of:
//! `cargo bench -p veilpass-bench --features criterion`. Times are Criterion's; compare them within one run only.

use ark_bn254::{Bn254, Fq, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{Field, UniformRand};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_main};
use light_poseidon::{Poseidon, PoseidonHasher};
use std::hint::black_box;
use std::num::NonZeroUsize;
use veilpass_bench::fixture::{Holder, dev_key, rng};
use veilpass_circuits::{Attest, Circuit, native_check};
use veilpass_protocol::poseidon::{hash, hash_eights};
use veilpass_protocol::tree::{Tree, node};
use veilpass_prover::groth16::{Engine, Prover};
use veilpass_verifier::{PreparedKey, Proof};

fn fields(c: &mut Criterion) {
    let mut group = c.benchmark_group("field");
    let mut rng = rng(1);
    let (x, y) = (Fr::rand(&mut rng), Fr::rand(&mut rng));
    let (p, q) = (Fq::rand(&mut rng), Fq::rand(&mut rng));
    group.bench_function("fr_mul", |b| b.iter(|| black_box(x) * black_box(y)));
    group.bench_function("fr_square", |b| b.iter(|| black_box(x).square()));
    group.bench_function("fr_inverse", |b| b.iter(|| black_box(x).inverse()));
    group.bench_function("fq_mul", |b| b.iter(|| black_box(p) * black_box(q)));
    group.finish();
}

fn curves(c: &mut Criterion) {
    let mut group = c.benchmark_group("curve");
    let mut rng = rng(2);
    let (p, q) = (G1Affine::rand(&mut rng), G2Affine::rand(&mut rng));
    let x = Fr::rand(&mut rng);
    group.bench_function("g1_mixed_addition", |b| {
        let sum = p * x;
        b.iter(|| black_box(sum) + black_box(p));
    });
    group.bench_function("g1_multiplication", |b| b.iter(|| (black_box(p) * black_box(x)).into_affine()));
    group.bench_function("pairing", |b| b.iter(|| Bn254::pairing(black_box(p), black_box(q))));
    for log in [10, 12] {
        let points: Vec<G1Affine> = (0..1 << log).map(|_| G1Affine::rand(&mut rng)).collect();
        let scalars: Vec<Fr> = points.iter().map(|_| Fr::rand(&mut rng)).collect();
        group.throughput(Throughput::Elements(1 << log));
        group.bench_function(BenchmarkId::new("g1_msm_ark", format!("2^{log}")), |b| {
            b.iter(|| G1Projective::msm(black_box(&points), black_box(&scalars)));
        });
    }
    group.finish();
}

fn hashes(c: &mut Criterion) {
    let mut group = c.benchmark_group("poseidon");
    let x = Fr::rand(&mut rng(3));
    group.bench_function("1", |b| b.iter(|| hash(black_box(&[x]))));
    group.bench_function("3", |b| b.iter(|| hash(black_box(&[x; 3]))));
    group.bench_function("4", |b| b.iter(|| hash(black_box(&[x; 4]))));
    group.bench_function("8", |b| b.iter(|| node(black_box(&[x; 8]))));
    // The same function with the parameters of circom, t = 9.
    let mut other = ok(Poseidon::<Fr>::new_circom(8));
    assert_eq!(ok(other.hash(&[x; 8])), node(&[x; 8]));
    group.bench_function("8_light_poseidon", |b| b.iter(|| other.hash(black_box(&[x; 8]))));
    let eights: Vec<[Fr; 8]> = (0..512u64).map(|i| [x + Fr::from(i); 8]).collect();
    assert_eq!(hash_eights(NonZeroUsize::MIN, &eights)[0], node(&[x; 8]));
    group.throughput(Throughput::Elements(512));
    group.bench_function("8_in_lanes_512", |b| b.iter(|| hash_eights(NonZeroUsize::MIN, black_box(&eights))));
    group.finish();

    let mut group = c.benchmark_group("tree");
    let leaves: Vec<Fr> = (1..=4096u64).map(Fr::from).collect();
    group.throughput(Throughput::Elements(4096));
    group.bench_function("build_4096", |b| {
        b.iter_batched(|| leaves.clone(), |leaves| Tree::from_leaves(leaves).root(), BatchSize::LargeInput);
    });
    group.finish();
}

/// A holder that cannot be made, or a key that does not load, ends the bench with its reason.
fn ok<T, E: std::fmt::Display>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|e| panic!("{e}"))
}

fn statement(c: &mut Criterion) {
    let key = ok(dev_key());
    let mut holder = ok(Holder::new(1, key.circuit_id()));
    let request = ok(holder.request("forum.example"));
    let (statement, witness) = ok(holder.claim(&request));
    let engine = ok(Engine::new(key.clone()));
    let bytes = ok(engine.prove(&statement, &witness, &mut rng(4)));
    let proof = ok(Proof::from_bytes(&bytes));
    let prepared = ok(PreparedKey::new(key.verifying_key().clone()));

    let mut group = c.benchmark_group("statement");
    group.bench_function("claim", |b| b.iter(|| holder.claim(black_box(&request))));
    group.bench_function("native_check", |b| b.iter(|| native_check(black_box(&statement), &witness)));
    group.bench_function("assign", |b| b.iter(|| assign(black_box(&statement), &witness)));
    let assignment = Attest.assign(&statement, &witness);
    group.bench_function("all_rows", |b| b.iter(|| Attest.shape().failing_clause(black_box(&assignment))));
    group.finish();

    let mut group = c.benchmark_group("proof");
    group.bench_function("decode", |b| b.iter(|| Proof::from_bytes(black_box(&bytes))));
    let repeat = ok(engine.prepare(&statement, &witness, &mut rng(6)));
    group.bench_function("present", |b| {
        let mut rng = rng(7);
        b.iter(|| repeat.present(black_box(statement.challenge), &mut rng));
    });
    group.bench_function("check", |b| b.iter(|| prepared.check(black_box(&statement), &proof)));
    group.sample_size(10);
    engine.make_tables();
    group.bench_function("prepare", |b| {
        let mut rng = rng(5);
        b.iter(|| engine.prepare(black_box(&statement), &witness, &mut rng).is_ok());
    });
    group.bench_function("prove", |b| {
        let mut rng = rng(5);
        b.iter(|| engine.prove(black_box(&statement), &witness, &mut rng));
    });
    group.finish();
}

// The macro writes a function without a description.
#[allow(missing_docs)]
mod group {
    use super::{curves, fields, hashes, statement};
    criterion::criterion_group!(benches, fields, curves, hashes, statement);
}

criterion_main!(group::benches);
