//! Our verifier on keys and proofs that snarkjs made of our files: `foreign-proofs FOLDER`, with what
//! formats.mjs wrote there. The other direction of `interop-cases`.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_serialize::CanonicalSerialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::{KeyPoints, Origin, PreparedKey, Proof, VerifyingKey};

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/formats".into()));
    let key = read(&folder, "verification_key.json");
    let points = KeyPoints {
        alpha_g1: g1(&key["vk_alpha_1"]),
        beta_g2: g2(&key["vk_beta_2"]),
        gamma_g2: g2(&key["vk_gamma_2"]),
        delta_g2: g2(&key["vk_delta_2"]),
        ic: list(&key["IC"]).iter().map(g1).collect(),
    };
    let prepared = PreparedKey::new(VerifyingKey::from_points(ATTEST_V1, Origin::Dev, points));
    let prepared = prepared.unwrap_or_else(|e| panic!("our lint refuses snarkjs's key: {e}"));
    let mut count = [0, 0];
    for case in list(&read(&folder, "proofs.json")) {
        let inputs: Vec<Fr> = list(&case["public"]).iter().map(number).collect();
        let inputs: [Fr; INPUTS] = inputs.try_into().unwrap_or_else(|_| panic!("14 public inputs"));
        let proof = &case["proof"];
        let mut bytes = [0u8; 128];
        (g1(&proof["pi_a"]), g2(&proof["pi_b"]), g1(&proof["pi_c"]))
            .serialize_compressed(&mut bytes[..])
            .unwrap_or_else(|e| panic!("{e}"));
        let proof = Proof::from_bytes(&bytes).unwrap_or_else(|e| panic!("{e}"));
        let ours = prepared.check(&Statement::from_array(inputs), &proof).is_ok();
        assert_eq!(Value::Bool(ours), case["accepted"], "{}: we accept it: {ours}", case["name"]);
        count[usize::from(ours)] += 1;
    }
    println!(
        "our verifier agrees with snarkjs on its own proofs: {} accepted, {} refused",
        count[1], count[0]
    );
    assert!(count[1] >= 2 && count[0] >= 10, "too few cases");
}

fn read(folder: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no array: {value}"))
}

fn number<T: std::str::FromStr>(value: &Value) -> T {
    let read = value.as_str().and_then(|text| text.parse().ok());
    read.unwrap_or_else(|| panic!("no number: {value}"))
}

fn g1(value: &Value) -> G1Affine {
    G1Affine::new(number(&value[0]), number(&value[1]))
}

fn g2(value: &Value) -> G2Affine {
    let fq2 = |v: &Value| Fq2::new(number::<Fq>(&v[0]), number::<Fq>(&v[1]));
    G2Affine::new(fq2(&value[0]), fq2(&value[1]))
}
