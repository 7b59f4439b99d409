//! The engine: Groth16 for a circuit, from numbers to points.
//!
//! With wires z, rows A·z and B·z and the key of ark-groth16 the unblinded proof is
//!
//! ```text
//! A₀ = α + Σ zᵢ·[uᵢ(τ)]₁      B₀ = β + Σ zᵢ·[vᵢ(τ)]₂      C₀ = Σ zᵢ·Lᵢ + [h]
//! ```
//!
//! which ark makes when both of its blinding factors are 0. It is then re-randomised, so that B is not needed in G1. All
//! bases are known beforehand, so every sum is one pass over buckets ([`FixedBases`]).

use super::blinding::{BlindingKey, Unblinded, blinded};
use super::key::PreparedProvingKey;
use super::once::Once;
use super::prepared::Prepared;
use super::quotient::{Quotient, with_inputs};
use super::session::Session;
use super::spectrum::Basis;
use super::{ProveError, Prover};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use rand::{CryptoRng, RngCore};
use std::sync::{Mutex, OnceLock, PoisonError};
use veilpass_circuits::builder::RowValues;
use veilpass_circuits::{Attest, Circuit, Dimensions, Witness};
use veilpass_kernels::{Comb, FixedBases, G1, G2, Machine, Rooms};
use veilpass_params::ProvingKey;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::field::Fr;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::{PublicInputs, Statement};
use veilpass_verifier::{KeyFault, PreparedKey, Proof, VerifyingKey};
use zeroize::Zeroizing;

/// Widths of the digits: what makes the fewest additions, buckets included, for about 5,800 points of A and
/// 4,000 of B, and for 14,000 of L and H together.
const WINDOW_OF_A_AND_B: usize = 13;
const WINDOW_OF_C: usize = 15;

/// A proving key, ready to prove, with the verifying key that checks every proof before it leaves.
pub struct Engine<C: Circuit = Attest> {
    circuit: C,
    machine: Machine,
    alpha: G1Affine,
    beta: G2Affine,
    /// Until the tables are made from it: then its points are in them.
    bases: Mutex<Option<Bases<C>>>,
    check: PreparedKey,
    quotient: Quotient,
    delta: Comb<G2>,
    /// `U = [u₁₄(τ)]₁`.
    challenge_point: G1Affine,
    challenge: OnceLock<Comb<G1>>,
    rooms: Rooms,
    tables: Once<Tables>,
}

/// Multiples of the key's points, about 30 MB.
struct Tables {
    a: FixedBases<G1>,
    b: FixedBases<G2>,
    /// L, then H.
    c: FixedBases<G1>,
}

/// The points of a key, as the engine sums them: of a proving key as it was set up, or of one that was prepared, with
/// which a proof takes a little less.
pub struct Bases<C = Attest> {
    circuit: C,
    verifying_key: VerifyingKey,
    a: Vec<G1Affine>,
    b: Vec<G2Affine>,
    /// L for all wires, then H.
    c: Vec<G1Affine>,
    basis: Basis,
}

impl<C: Circuit> From<ProvingKey<C>> for Bases<C> {
    fn from(key: ProvingKey<C>) -> Bases<C> {
        let (circuit, verifying_key, key) = key.into_parts();
        let public = vec![G1Affine::zero(); circuit.dimensions().inputs];
        let c = [public, key.l_query, key.h_query].concat();
        Bases { circuit, verifying_key, a: key.a_query, b: key.b_g2_query, c, basis: Basis::Powers }
    }
}

impl From<PreparedProvingKey> for Bases {
    fn from(key: PreparedProvingKey) -> Bases {
        let PreparedProvingKey { verifying_key, a, b, c, .. } = key;
        Bases { circuit: Attest, verifying_key, a, b, c, basis: Basis::OddValues }
    }
}

/// Why there is no engine for a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The verifying key inside is unsafe.
    #[error("unsafe verifying key inside: {0}")]
    Unsafe(#[from] KeyFault),
    /// The domain is smaller than 64 or larger than 2^27.
    #[error("the circuit needs a domain of {0} rows; the engine has those from 64 to 2^27")]
    Domain(usize),
}

impl<C: Circuit> Engine<C> {
    /// Takes a proving key, [`ProvingKey`] or [`PreparedProvingKey`]: the first has been checked against its verifying key
    /// and the circuit's shape. The tables are made when the first proof needs them, or by [`Engine::make_tables`].
    ///
    /// # Errors
    /// A key that is unsafe, or of a circuit of a size that the engine does not have.
    pub fn new(key: impl Into<Bases<C>>) -> Result<Engine<C>, EngineError> {
        Engine::on(Machine::current(), key)
    }

    /// On a machine of one's choice: for comparisons.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn on(machine: Machine, key: impl Into<Bases<C>>) -> Result<Engine<C>, EngineError> {
        let bases = key.into();
        let dimensions = bases.circuit.dimensions();
        if !(64..=1 << 27).contains(&dimensions.domain()) {
            return Err(EngineError::Domain(dimensions.domain()));
        }
        let points = bases.verifying_key.points();
        let (alpha, beta, delta) = (points.alpha_g1, points.beta_g2, Comb::new(machine, points.delta_g2));
        let check = PreparedKey::new(bases.verifying_key.clone())?;
        Ok(Engine {
            circuit: bases.circuit.clone(),
            machine,
            alpha,
            beta,
            check,
            quotient: Quotient::new(machine, bases.basis, dimensions),
            delta,
            // A key without this point has another shape.
            challenge_point: bases.a.get(dimensions.inputs - 1).copied().unwrap_or_default(),
            challenge: OnceLock::new(),
            bases: Mutex::new(Some(bases)),
            rooms: Rooms::default(),
            tables: Once::new(),
        })
    }

    /// The machine that computes: `portable` or `avx512ifma`.
    pub fn machine(&self) -> &'static str {
        self.machine.name()
    }

    /// Makes the tables now, if they are not there yet.
    pub fn make_tables(&self) {
        self.tables();
    }

    /// Bytes of the tables (they are made if they are not there yet).
    pub fn table_bytes(&self) -> usize {
        let t = self.tables();
        t.a.bytes() + t.b.bytes() + t.c.bytes()
    }

    fn tables(&self) -> &Tables {
        self.tables.get_or_make(|| {
            let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(Bases { a, b, c, .. }) = &bases else { unreachable!("the tables are made once") };
            let (a, (b, c)) = rayon::join(
                || FixedBases::new(self.machine, a, WINDOW_OF_A_AND_B, &self.rooms),
                || {
                    rayon::join(
                        || FixedBases::new(self.machine, b, WINDOW_OF_A_AND_B, &self.rooms),
                        || FixedBases::new(self.machine, c, WINDOW_OF_C, &self.rooms),
                    )
                },
            );
            Tables { a, b, c }
        })
    }

    /// Proves without asking the verifier afterwards: for measurements. Nobody should send such a proof: a
    /// malformed key could mark its user.
    pub fn prove_unchecked<R: RngCore + CryptoRng>(
        &self,
        statement: &C::Statement,
        witness: &C::Witness,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let (wires, rows) = self.circuit.assign_rows(statement, witness);
        if let Some(clause) = rows.failing {
            return Err(ProveError::Unsatisfied(clause));
        }
        let proof = self.unblinded(&wires, rows);
        let Dimensions { inputs, private_inputs, .. } = self.circuit.dimensions();
        let key = BlindingKey::new(wires.iter().skip(inputs).take(private_inputs));
        blinded(&proof, &self.delta, &key, &statement.public_inputs(), rng).ok_or(ProveError::SelfCheck)
    }

    /// Proves a statement: 128 bytes `A ‖ B ‖ C`, compressed (contract §4), which the verifier accepted before they are
    /// handed out.
    ///
    /// # Errors
    /// The lowest clause that does not hold; a key that makes no valid proofs.
    pub fn prove<R: RngCore + CryptoRng>(
        &self,
        statement: &C::Statement,
        witness: &C::Witness,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let bytes = self.prove_unchecked(statement, witness, rng)?;
        self.checked(statement, bytes)
    }

    /// The sums for a satisfied assignment.
    pub(super) fn unblinded(&self, wires: &[Fr], rows: RowValues) -> Unblinded {
        let ((a, b), c) = rayon::join(
            || rayon::join(|| self.sum_a(wires), || self.sum_b(wires)),
            || {
                let inputs = self.circuit.dimensions().inputs;
                let polynomials = self.quotient.polynomials(&with_inputs(rows, wires, inputs));
                let h = self.quotient.divide(&polynomials);
                drop(polynomials);
                self.sum_c(wires, &h)
            },
        );
        self.with_constants(a, b, c)
    }

    /// α and β added.
    pub(super) fn with_constants(&self, a: Sum1, b: Sum2, c: Sum1) -> Unblinded {
        Unblinded { a: a + self.alpha, b: b + self.beta, c }
    }

    /// `Σ zᵢ·[uᵢ(τ)]₁`.
    pub(super) fn sum_a(&self, wires: &[Fr]) -> Sum1 {
        self.tables().a.sum(wires)
    }

    /// `Σ zᵢ·[vᵢ(τ)]₂`.
    pub(super) fn sum_b(&self, wires: &[Fr]) -> Sum2 {
        self.tables().b.sum(wires)
    }

    /// `Σ zᵢ·Lᵢ + [h]`; either may be left out by being empty.
    pub(super) fn sum_c(&self, wires: &[Fr], h: &[Fr]) -> Sum1 {
        let count = self.circuit.dimensions().wires;
        let mut scalars = Zeroizing::new(Vec::with_capacity(count + h.len()));
        scalars.extend_from_slice(wires);
        scalars.resize(count, Fr::default());
        scalars.extend_from_slice(h);
        self.tables().c.sum(&scalars)
    }

    /// Multiples of δ.
    pub(super) fn delta(&self) -> &Comb<G2> {
        &self.delta
    }

    /// Multiples of the challenge's point, made when somebody prepares.
    pub(super) fn challenge(&self) -> &Comb<G1> {
        self.challenge.get_or_init(|| Comb::new(self.machine, self.challenge_point))
    }

    pub(super) fn quotient(&self) -> &Quotient {
        &self.quotient
    }

    /// The verifier's word on a proof, before it is handed out.
    pub(super) fn checked(
        &self,
        statement: &C::Statement,
        bytes: [u8; PROOF_BYTES],
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let proof = Proof::from_bytes(&bytes).map_err(|_| ProveError::SelfCheck)?;
        self.check.check(statement, &proof).map_err(|_| ProveError::SelfCheck)?;
        Ok(bytes)
    }
}

type Sum1 = <G1Affine as AffineRepr>::Group;
type Sum2 = <G2Affine as AffineRepr>::Group;

impl Engine<Attest> {
    /// A state from which presentations for other platforms, predicates and days follow quickly.
    pub fn session(&self, statement: &Statement, witness: &Witness) -> Result<Session<'_>, ProveError> {
        Session::new(self, statement, witness)
    }

    /// A state to which only the challenge is missing; it is checked at two challenges, and so at all.
    pub fn prepare<R: RngCore + CryptoRng>(
        &self,
        statement: &Statement,
        witness: &Witness,
        rng: &mut R,
    ) -> Result<Prepared, ProveError> {
        self.session(statement, witness)?.prepare(rng)
    }
}

impl Prover for Engine<Attest> {
    fn circuit(&self) -> CircuitId {
        self.check.circuit_id()
    }

    fn verifying_key(&self) -> Option<&PreparedKey> {
        Some(&self.check)
    }

    fn prove<R: RngCore + CryptoRng>(
        &self,
        statement: &Statement,
        witness: &Witness,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        Engine::prove(self, statement, witness, rng)
    }
}
