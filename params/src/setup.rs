//! A Groth16 setup on one machine: whoever runs it could keep the trapdoor and forge proofs, so what
//! it makes is marked `dev` unless it is the last step of a ceremony.

use crate::proving_key::{ProvingKey, ProvingKeyError};
use ark_bn254::{Bn254, Fr, G1Projective, G2Projective};
use ark_ec::PrimeGroup;
use ark_ff::{UniformRand, Zero};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, R1CS_PREDICATE_LABEL, SynthesisError, SynthesisMode,
};
use rand::{CryptoRng, RngCore};
use std::fmt;
use veilpass_circuits::{Circuit, Synthesis};
use veilpass_verifier::Origin;
use zeroize::Zeroizing;

/// Where a setup is. It takes a few seconds, nearly all of them in [`Stage::Points`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The circuit's matrices are made and S14 is checked on them.
    Matrices,
    /// The key's points are computed.
    Points,
    /// The pair is checked like a file that was read.
    Checks,
    /// Done.
    Done,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 4] = [Stage::Matrices, Stage::Points, Stage::Checks, Stage::Done];
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Matrices => "constraint matrices",
            Stage::Points => "points of the proving key",
            Stage::Checks => "checks",
            Stage::Done => "done",
        })
    }
}

/// Why there is no key pair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Other wires are in no row than the circuit says: a public input that should be unconstrained stands in a row
    /// (S14), or another wire stands in none.
    #[error("wires {0:?} are in no constraint, and the circuit names others")]
    Challenge(Vec<usize>),
    /// arkworks sees other matrices than the prover uses.
    #[error("the circuit's matrices differ from those that arkworks has")]
    Matrices,
    /// arkworks could not make the key.
    #[error("setup: {0}")]
    Groth16(String),
    /// The pair did not pass the checks of a loaded key.
    #[error(transparent)]
    Key(#[from] ProvingKeyError),
}

/// Makes a key pair for a circuit. `rng` must be the operating system's, and nobody's record of it
/// may survive: whoever knows the numbers drawn here can prove anything.
pub fn setup<C: Circuit, R: RngCore + CryptoRng>(
    circuit: C,
    origin: Origin,
    rng: &mut R,
    mut progress: impl FnMut(Stage),
) -> Result<ProvingKey<C>, SetupError> {
    progress(Stage::Matrices);
    check_rows(&circuit)?;
    check_matrices(&circuit)?;

    progress(Stage::Points);
    // The standard generators, so that "δ is the generator" means that nobody contributed. What ark
    // copies of the trapdoor inside is freed, not wiped: one more reason for the DEV mark.
    let [alpha, beta, gamma, delta] = [(); 4].map(|()| Zeroizing::new(nonzero(rng)));
    let (g1, g2) = (G1Projective::generator(), G2Projective::generator());
    let groth16 = Groth16::<Bn254>::generate_parameters_with_qap(
        Synthesis::blank(&circuit),
        *alpha,
        *beta,
        *gamma,
        *delta,
        g1,
        g2,
        rng,
    )
    .map_err(groth16_error)?;

    progress(Stage::Checks);
    let key = ProvingKey::from_groth16(circuit, origin, groth16)?;
    progress(Stage::Done);
    Ok(key)
}

fn groth16_error(e: SynthesisError) -> SetupError {
    SetupError::Groth16(e.to_string())
}

fn nonzero<R: RngCore + CryptoRng>(rng: &mut R) -> Fr {
    loop {
        let x = Fr::rand(rng);
        if !x.is_zero() {
            return x;
        }
    }
}

/// The unconstrained inputs are in no row, so that the QAP gives each one row of its own and nothing else (S14 on the
/// matrices); every other wire is in some row.
fn check_rows<C: Circuit>(circuit: &C) -> Result<(), SetupError> {
    // A circuit needs no constant.
    let free: Vec<usize> = circuit.shape().wires_in_no_row().into_iter().filter(|wire| *wire > 0).collect();
    if free == circuit.unconstrained_wires() { Ok(()) } else { Err(SetupError::Challenge(free)) }
}

/// The matrices that the prover uses are those that arkworks has after its own passes.
fn check_matrices<C: Circuit>(circuit: &C) -> Result<(), SetupError> {
    let cs = ConstraintSystem::<Fr>::new_ref();
    cs.set_mode(SynthesisMode::Setup);
    Synthesis::blank(circuit).generate_constraints(cs.clone()).map_err(groth16_error)?;
    cs.finalize();
    let theirs = cs.to_matrices().map_err(groth16_error)?;
    let ours = circuit.shape().matrices();
    let equal = theirs.get(R1CS_PREDICATE_LABEL).is_some_and(|m| *m == ours.abc)
        && cs.num_instance_variables() == ours.inputs
        && cs.num_instance_variables() + cs.num_witness_variables() == ours.wires;
    if equal { Ok(()) } else { Err(SetupError::Matrices) }
}
