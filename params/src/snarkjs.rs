//! The files that snarkjs reads: `verification_key.json`, `proof.json`, `public.json`. Numbers are
//! decimal strings, points are projective with a third coordinate of one, F₂ is `[c0, c1]`.
//!
//! `vk_alphabeta_12` is left out: snarkjs writes it and never reads it, and its value depends on the
//! constant in the final exponentiation.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use serde::Serialize;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::{Proof, VerifyingKey};

type G1 = [String; 3];
type G2 = [[String; 2]; 3];

#[derive(Serialize)]
struct VerificationKey {
    protocol: &'static str,
    curve: &'static str,
    #[serde(rename = "nPublic")]
    n_public: usize,
    vk_alpha_1: G1,
    vk_beta_2: G2,
    vk_gamma_2: G2,
    vk_delta_2: G2,
    #[serde(rename = "IC")]
    ic: Vec<G1>,
}

#[derive(Serialize)]
struct ProofJson {
    pi_a: G1,
    pi_b: G2,
    pi_c: G1,
    protocol: &'static str,
    curve: &'static str,
}

const PROTOCOL: &str = "groth16";
const CURVE: &str = "bn128";

fn fq(x: &Fq) -> String {
    x.to_string()
}

fn fq2(x: &Fq2) -> [String; 2] {
    [fq(&x.c0), fq(&x.c1)]
}

/// Infinity is `0 : 1 : 0`; no key or proof that was read has one.
fn g1(p: &G1Affine) -> G1 {
    match p.is_zero() {
        true => ["0", "1", "0"].map(String::from),
        false => [fq(&p.x), fq(&p.y), "1".into()],
    }
}

fn g2(p: &G2Affine) -> G2 {
    let constant = |c: &str| [c.to_owned(), "0".to_owned()];
    match p.is_zero() {
        true => [constant("0"), constant("1"), constant("0")],
        false => [fq2(&p.x), fq2(&p.y), constant("1")],
    }
}

fn json<T: Serialize>(value: &T) -> String {
    // Text keys and plain members: no failure is possible.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// `verification_key.json`
pub fn verification_key(key: &VerifyingKey) -> String {
    let points = key.points();
    json(&VerificationKey {
        protocol: PROTOCOL,
        curve: CURVE,
        n_public: INPUTS,
        vk_alpha_1: g1(&points.alpha_g1),
        vk_beta_2: g2(&points.beta_g2),
        vk_gamma_2: g2(&points.gamma_g2),
        vk_delta_2: g2(&points.delta_g2),
        ic: points.ic.iter().map(g1).collect(),
    })
}

/// `proof.json`
pub fn proof(proof: &Proof) -> String {
    json(&ProofJson {
        pi_a: g1(proof.a()),
        pi_b: g2(proof.b()),
        pi_c: g1(proof.c()),
        protocol: PROTOCOL,
        curve: CURVE,
    })
}

/// `public.json`: the 14 public inputs in their order.
pub fn public(statement: &Statement) -> String {
    json(&statement.to_array().map(|x| x.to_string()).to_vec())
}
