//! Cases under keys whose trapdoor is known.

use super::{Case, Cases, Points, number};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::Field;
use rand::Rng;
use rand::rngs::StdRng;
use std::io::Write;
use testkit::{Trapdoor, any_statement};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::Proof;

#[path = "../../../verifier/tests/all/testkit.rs"]
mod testkit;

/// Keys of no circuit whose trapdoor is known: any statement can be proved, and what is unsafe can be shown.
pub fn simulated<W: Write>(out: &mut Cases<W>, seed: u64, rng: &mut StdRng) -> std::io::Result<()> {
    let good = Trapdoor::from_seed(seed);
    let (one, zero) = (Fr::from(1u64), Fr::from(0u64));
    let case = |trapdoor: &Trapdoor, inputs: [Fr; INPUTS], rng: &mut StdRng| {
        let inputs = Statement::from_array(inputs);
        let proof = Proof::from_bytes(&trapdoor.simulate(&inputs, rng)).unwrap_or_else(|e| panic!("{e}"));
        let proof = Points { a: *proof.a(), b: *proof.b(), c: *proof.c() };
        let inputs = inputs.to_array().iter().map(number).collect();
        Case { key: Some(trapdoor.points()), inputs, proof, above_p: None }
    };
    for inputs in [
        any_statement(rng).to_array(),
        any_statement(rng).to_array(),
        [zero; INPUTS],
        [-one; INPUTS],
        std::array::from_fn(|i| Fr::from(2u64).pow([18 * i as u64])),
    ] {
        out.add("simulated: any statement", &case(&good, inputs, rng))?;
        let other = case(&Trapdoor::from_seed(seed + 1000), inputs, rng);
        out.add("simulated: under another key", &Case { key: Some(good.points()), ..other })?;
    }
    let gamma_one = Trapdoor { gamma: one, ..good.clone() };
    out.add("simulated: γ is the generator", &case(&gamma_one, any_statement(rng).to_array(), rng))?;

    let sign = if seed.is_multiple_of(2) { one } else { -one };
    for (kind, bad) in [
        ("unsafe: γ = ±δ", Trapdoor { gamma: sign * good.delta, ..good.clone() }),
        ("unsafe: δ = ±1", Trapdoor { delta: sign, ..good.clone() }),
        ("unsafe: β = ±γ", Trapdoor { beta: sign * good.gamma, ..good.clone() }),
        ("unsafe: β = ±δ", Trapdoor { beta: sign * good.delta, ..good.clone() }),
        ("unsafe: α = ±1", Trapdoor { alpha: sign, ..good.clone() }),
        ("unsafe: β = ±1", Trapdoor { beta: sign, ..good.clone() }),
    ] {
        out.add_different(kind, &case(&bad, any_statement(rng).to_array(), rng), "key_unsafe")?;
    }
    let (i, j) = (rng.gen_range(0..=INPUTS), rng.gen_range(1..=INPUTS));
    let j = (i + j) % (INPUTS + 1);
    let mut bad = good.clone();
    bad.ic[j] = sign * bad.ic[i];
    let shared = case(&bad, any_statement(rng).to_array(), rng);
    out.add_different("unsafe: two IC points equal or opposite", &shared, "key_unsafe")?;
    let mut bad = good.clone();
    bad.ic[1 + (seed as usize) % INPUTS] = zero;
    let free = case(&bad, any_statement(rng).to_array(), rng);
    out.add_different("unsafe: an IC point is infinite", &free, "key_infinity")?;
    let alpha = case(&Trapdoor { alpha: zero, ..good.clone() }, any_statement(rng).to_array(), rng);
    out.add_different("unsafe: α is infinite", &alpha, "key_infinity")?;

    let mut x = any_statement(rng).to_array();
    x[INPUTS - 1] = zero;
    let mut short = case(&good, x, rng);
    short.inputs.pop();
    out.add_different("inputs: a zero is missing", &short, "inputs_missing")?;
    // C = 0 and the equation holds: A·B = αβ + γ·IC.
    let sum = good.ic[0] + good.ic[1..].iter().zip(x).map(|(ic, x)| *ic * x).sum::<Fr>();
    let a = testkit::g1(good.alpha * good.beta + good.gamma * sum);
    let no_c = Points { a, b: G2Affine::generator(), c: G1Affine::identity() };
    let infinite = Case { proof: no_c, ..case(&good, x, rng) };
    out.add_different("proof: infinity, equation holds", &infinite, "proof_infinity")
}
