//! The exported files have snarkjs' shapes. (That snarkjs accepts them is tested with snarkjs itself.)

use crate::fixture::fixture;
use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use serde_json::Value;
use std::str::FromStr;
use veilpass_params::snarkjs;
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_protocol::field::Fr;
use veilpass_verifier::{KeyPoints, Origin, VerifyingKey};

fn fq(v: &Value) -> Fq {
    let text = v.as_str().unwrap();
    assert!(text.bytes().all(|b| b.is_ascii_digit()), "decimal: {text}");
    Fq::from_str(text).unwrap()
}

fn g1(v: &Value) -> G1Affine {
    assert_eq!(v[2], "1");
    G1Affine::new(fq(&v[0]), fq(&v[1]))
}

fn g2(v: &Value) -> G2Affine {
    assert_eq!(v[2], serde_json::json!(["1", "0"]));
    let fq2 = |v: &Value| Fq2::new(fq(&v[0]), fq(&v[1]));
    G2Affine::new(fq2(&v[0]), fq2(&v[1]))
}

#[test]
fn verification_key() {
    let key = fixture().key.verifying_key();
    let json: Value = serde_json::from_str(&snarkjs::verification_key(key)).unwrap();
    assert_eq!(
        (&json["protocol"], &json["curve"], &json["nPublic"]),
        (&"groth16".into(), &"bn128".into(), &14.into())
    );
    let points = key.points();
    assert_eq!(g1(&json["vk_alpha_1"]), points.alpha_g1);
    assert_eq!(g2(&json["vk_beta_2"]), points.beta_g2);
    assert_eq!(g2(&json["vk_gamma_2"]), points.gamma_g2);
    assert_eq!(g2(&json["vk_delta_2"]), points.delta_g2);
    let ic: Vec<G1Affine> = json["IC"].as_array().unwrap().iter().map(g1).collect();
    assert_eq!(ic, points.ic);
}

/// `vk_gamma_2` of every key that snarkjs makes is the generator; these are its digits there (for
/// instance in Semaphore's published keys). They fix the order of the two coordinates of F₂.
#[test]
fn the_generator_as_snarkjs_writes_it() {
    let points = fixture().key.verifying_key().points().clone();
    let key = VerifyingKey::from_points(
        ATTEST_V1,
        Origin::Dev,
        KeyPoints { gamma_g2: G2Affine::generator(), ..points },
    );
    let json: Value = serde_json::from_str(&snarkjs::verification_key(&key)).unwrap();
    let known = serde_json::json!([
        [
            "10857046999023057135944570762232829481370756359578518086990519993285655852781",
            "11559732032986387107991004021392285783925812861821192530917403151452391805634"
        ],
        [
            "8495653923123431417604973247489272438418190587263600148770280649306958101930",
            "4082367875863433681332203403145435568316851327593401208105741076214120093531"
        ],
        ["1", "0"]
    ]);
    assert_eq!(json["vk_gamma_2"], known);
}

#[test]
fn proof_and_public_inputs() {
    for answer in &fixture().answers {
        let proof = answer.proof();
        let json: Value = serde_json::from_str(&snarkjs::proof(&proof)).unwrap();
        assert_eq!((&json["protocol"], &json["curve"]), (&"groth16".into(), &"bn128".into()));
        assert_eq!(
            (g1(&json["pi_a"]), g2(&json["pi_b"]), g1(&json["pi_c"])),
            (*proof.a(), *proof.b(), *proof.c())
        );
        let public: Vec<String> = serde_json::from_str(&snarkjs::public(&answer.statement)).unwrap();
        let values: Vec<Fr> = public.iter().map(|x| Fr::from_str(x).unwrap()).collect();
        assert_eq!(values, answer.statement.to_array());
        assert_eq!(
            (public[3].as_str(), public[4].as_str(), public[5].as_str()),
            match answer.request.slots {
                1 if answer.request.predicates.sex.is_some() => ("1", "82870", "60956"),
                1 => ("1", "82870", "0"),
                3 => ("3", "82870", "0"),
                _ => ("65536", "82870", "0"),
            }
        );
    }
}
