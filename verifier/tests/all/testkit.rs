//! A Groth16 key whose trapdoor is known, and what can be built with it: proofs of any statement,
//! true or not, without a circuit. A simulated proof has the distribution of an honest one, so the
//! verifier can be tested before and apart from circuit and prover.
#![allow(dead_code)] // each of the two crates that include it uses a part

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, UniformRand};
use ark_serialize::CanonicalSerialize;
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::Statement;
use veilpass_verifier::protocol::circuit_id::ATTEST_V1;
use veilpass_verifier::{KeyPoints, Origin, Proof, VerifyingKey};

/// Discrete logarithms of a verifying key's points.
#[derive(Clone)]
pub struct Trapdoor {
    pub alpha: Fr,
    pub beta: Fr,
    pub gamma: Fr,
    pub delta: Fr,
    pub ic: Vec<Fr>,
}

pub fn g1(x: Fr) -> G1Affine {
    (G1Affine::generator() * x).into_affine()
}

pub fn g2(x: Fr) -> G2Affine {
    (G2Affine::generator() * x).into_affine()
}

/// The 128 bytes of three points.
pub fn proof_bytes(a: G1Affine, b: G2Affine, c: G1Affine) -> [u8; 128] {
    let mut out = Vec::new();
    a.serialize_compressed(&mut out).unwrap();
    b.serialize_compressed(&mut out).unwrap();
    c.serialize_compressed(&mut out).unwrap();
    out.try_into().unwrap()
}

impl Trapdoor {
    pub fn from_seed(seed: u64) -> Trapdoor {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut draw = || Fr::rand(&mut rng);
        Trapdoor {
            alpha: draw(),
            beta: draw(),
            gamma: draw(),
            delta: draw(),
            ic: (0..=ATTEST_V1.public_inputs).map(|_| draw()).collect(),
        }
    }

    pub fn points(&self) -> KeyPoints {
        KeyPoints {
            alpha_g1: g1(self.alpha),
            beta_g2: g2(self.beta),
            gamma_g2: g2(self.gamma),
            delta_g2: g2(self.delta),
            ic: self.ic.iter().map(|x| g1(*x)).collect(),
        }
    }

    pub fn key(&self, origin: Origin) -> VerifyingKey {
        VerifyingKey::from_points(ATTEST_V1, origin, self.points())
    }

    /// A proof of any statement: A and B at random, C solved from the verification equation.
    pub fn simulate(&self, statement: &Statement, rng: &mut StdRng) -> [u8; 128] {
        let (a, b) = (Fr::rand(rng), Fr::rand(rng));
        let values = statement.to_array();
        let inputs = self.ic.iter().skip(1).zip(values).map(|(ic, x)| *ic * x);
        let inputs = self.ic[0] + inputs.sum::<Fr>();
        let c = a * b - self.alpha * self.beta - self.gamma * inputs;
        let c = c * self.delta.inverse().unwrap();
        proof_bytes(g1(a), g2(b), g1(c))
    }

    pub fn simulate_proof(&self, statement: &Statement, rng: &mut StdRng) -> Proof {
        Proof::from_bytes(&self.simulate(statement, rng)).unwrap()
    }
}

/// A statement of 14 random field elements.
pub fn any_statement(rng: &mut StdRng) -> Statement {
    Statement::from_array(std::array::from_fn(|_| Fr::rand(rng)))
}

/// Re-randomises a proof, as anybody can: `A/ρ, ρB + ρtδ, C + tA`.
pub fn rerandomise(key: &VerifyingKey, proof: &[u8; 128], rng: &mut StdRng) -> [u8; 128] {
    let proof = Proof::from_bytes(proof).unwrap();
    let (rho, t) = (Fr::rand(rng), Fr::rand(rng));
    let a = (*proof.a() * rho.inverse().unwrap()).into_affine();
    let b = (*proof.b() * rho + key.points().delta_g2 * (rho * t)).into_affine();
    let c = (*proof.a() * t + proof.c()).into_affine();
    proof_bytes(a, b, c)
}
