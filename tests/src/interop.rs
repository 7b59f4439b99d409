//! Cases for an independent verifier: a key, public inputs and a proof as raw numbers and coordinates, whether
//! our formats have a form for them or not; our verdict; and the JSON that snarkjs reads.

mod simulated;

pub use simulated::simulated;

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInteger, PrimeField};
use ark_serialize::CanonicalSerialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use veilpass_protocol::circuit_id::ATTEST_V1;
use veilpass_protocol::field::{Fr, from_bytes};
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::{KeyPoints, Origin, PreparedKey, Proof, VerifyError, VerifyingKey};

/// Where snarkjs says yes and we say no, by our own design: the only differences that there may be. A case
/// names one of them before either verdict is known, and must then show it.
pub const DIFFERENCES: [(&str, &str); 6] = [
    (
        "key_unsafe",
        "snarkjs has no lint: it takes keys under which anybody can forge or inputs can be exchanged",
    ),
    ("key_infinity", "snarkjs takes infinity in a key"),
    ("key_inputs", "snarkjs takes a key with more IC points than there are inputs"),
    ("inputs_missing", "snarkjs takes fewer inputs than the key has, as if the others were zero"),
    ("proof_infinity", "snarkjs takes infinity in a proof"),
    ("coordinate_above_p", "snarkjs reduces coordinates by p, so that one point has several texts"),
];

/// A number as it is written, reduced or not.
pub type Number = [u8; 32];

/// The points of a proof, anything that has coordinates.
#[derive(Clone, Copy)]
pub struct Points {
    /// A.
    pub a: G1Affine,
    /// B.
    pub b: G2Affine,
    /// C.
    pub c: G1Affine,
}

/// What is judged.
#[derive(Clone)]
pub struct Case {
    /// The key's points; `None` is the DEV key.
    pub key: Option<KeyPoints>,
    /// Public inputs, usually 14 and below r.
    pub inputs: Vec<Number>,
    /// The proof.
    pub proof: Points,
    /// Adds p to this coordinate of A's text: 0 or 1.
    pub above_p: Option<usize>,
}

/// Its 32 bytes.
pub fn number(x: &Fr) -> Number {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&x.into_bigint().to_bytes_be());
    bytes
}

fn decimal(x: &Number) -> String {
    let bits: Vec<bool> = x.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1 == 1)).collect();
    ark_ff::BigInt::<4>::from_bits_be(&bits).to_string()
}

fn g1(p: &G1Affine) -> Value {
    if p.is_zero() { json!(["0", "1", "0"]) } else { json!([p.x.to_string(), p.y.to_string(), "1"]) }
}

fn g2(p: &G2Affine) -> Value {
    let pair = |x: &Fq2| json!([x.c0.to_string(), x.c1.to_string()]);
    if p.is_zero() {
        json!([["0", "0"], ["1", "0"], ["0", "0"]])
    } else {
        json!([pair(&p.x), pair(&p.y), ["1", "0"]])
    }
}

/// The key in the form of `verification_key.json`, with any number of points.
pub fn key_json(key: &KeyPoints) -> Value {
    json!({
        "protocol": "groth16", "curve": "bn128", "nPublic": key.ic.len().saturating_sub(1),
        "vk_alpha_1": g1(&key.alpha_g1), "vk_beta_2": g2(&key.beta_g2), "vk_gamma_2": g2(&key.gamma_g2),
        "vk_delta_2": g2(&key.delta_g2), "IC": key.ic.iter().map(g1).collect::<Vec<_>>()
    })
}

impl Case {
    /// `proof.json`
    pub fn proof_json(&self) -> Value {
        let mut a = g1(&self.proof.a);
        if let Some(coordinate) = self.above_p {
            let mut sum = if coordinate == 0 { self.proof.a.x } else { self.proof.a.y }.into_bigint();
            sum.add_with_carry(&Fq::MODULUS);
            a[coordinate] = json!(sum.to_string());
        }
        json!({
            "pi_a": a, "pi_b": g2(&self.proof.b), "pi_c": g1(&self.proof.c),
            "protocol": "groth16", "curve": "bn128"
        })
    }

    /// `public.json`
    pub fn public_json(&self) -> Value {
        self.inputs.iter().map(decimal).collect()
    }

    /// What a platform of ours says, with its code: the key through its file and the lint, the inputs and
    /// the proof through their only encodings.
    pub fn judge(&self, dev: &PreparedKey) -> Result<(), &'static str> {
        let own;
        let key = match &self.key {
            None => dev,
            Some(points) => {
                let file = VerifyingKey::from_points(ATTEST_V1, Origin::Ceremony, points.clone()).to_bytes();
                let key = VerifyingKey::from_bytes(&file).map_err(|e| e.code())?;
                own = PreparedKey::new(key).map_err(|_| "key_unsafe")?;
                &own
            }
        };
        let inputs: Vec<Fr> =
            self.inputs.iter().map(from_bytes).collect::<Result<_, _>>().map_err(|_| "not_canonical")?;
        let inputs: [Fr; INPUTS] = inputs.try_into().map_err(|_| "no_statement")?;
        if self.above_p.is_some() {
            return Err("proof_point"); // 32 bytes have no such form; refused where they are read
        }
        let (a, b, c) = (self.proof.a, self.proof.b, self.proof.c);
        let mut bytes = [0; 128];
        (a, b, c).serialize_compressed(&mut bytes[..]).map_err(|_| "proof_point")?;
        let proof = Proof::from_bytes(&bytes).map_err(|e| VerifyError::from(e).code())?;
        if (proof.a(), proof.b(), proof.c()) != (&a, &b, &c) {
            return Err("proof_point"); // the coordinates are on no curve: no bytes mean them
        }
        key.check(&Statement::from_array(inputs), &proof).map_err(|_| "proof_invalid")
    }
}

/// Writes cases and counts them.
pub struct Cases<W> {
    out: W,
    dev: PreparedKey,
    /// Accepted and refused, by kind.
    pub counts: BTreeMap<&'static str, [usize; 2]>,
}

impl<W: Write> Cases<W> {
    /// Into a file of lines.
    pub fn new(out: W, dev: PreparedKey) -> Cases<W> {
        Cases { out, dev, counts: BTreeMap::new() }
    }

    /// Judges a case and writes it down.
    pub fn add(&mut self, kind: &'static str, case: &Case) -> std::io::Result<bool> {
        self.put(kind, case, None)
    }

    /// A case on which snarkjs must say yes and we no, for one of [`DIFFERENCES`].
    pub fn add_different(
        &mut self,
        kind: &'static str,
        case: &Case,
        why: &'static str,
    ) -> std::io::Result<()> {
        assert!(DIFFERENCES.iter().any(|(name, _)| *name == why), "{why} is no known difference");
        assert!(!self.put(kind, case, Some(why))?, "{kind}: ours accepts it");
        Ok(())
    }

    fn put(&mut self, kind: &'static str, case: &Case, differs: Option<&str>) -> std::io::Result<bool> {
        let verdict = case.judge(&self.dev);
        let count = self.counts.entry(kind).or_default();
        count[usize::from(verdict.is_err())] += 1;
        let key = case.key.as_ref().map_or(json!("dev.json"), key_json);
        let line = json!({
            "kind": kind, "key": key, "public": case.public_json(), "proof": case.proof_json(),
            "accepted": verdict.is_ok(), "code": verdict.err(), "differs": differs
        });
        writeln!(self.out, "{line}")?;
        Ok(verdict.is_ok())
    }

    /// All that were accepted and refused.
    pub fn totals(&self) -> [usize; 2] {
        self.counts.values().fold([0, 0], |[a, b], [c, d]| [a + c, b + d])
    }

    /// Ends the file.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
