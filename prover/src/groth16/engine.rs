//! The engine: Groth16 for the one circuit, from numbers to points.
//!
//! With wires z, rows A·z and B·z and the key of ark-groth16 the unblinded proof is
//!
//! ```text
//! A = α + Σ zᵢ·[Aᵢ(τ)]₁      B = β + Σ zᵢ·[Bᵢ(τ)]₂      C = Σ zᵢ·[Lᵢ]₁ + Σ hₖ·[τᵏ Z(τ)/δ]₁
//! ```
//!
//! which is what ark makes with r = s = 0; it is then re-randomised, so that B is not needed in G1. All
//! bases are known beforehand, so every sum is one pass over buckets ([`FixedBases`]).

use super::blinding::{BlindingKey, Unblinded, blinded};
use super::openings::Lagrange;
use super::prepared::Prepared;
use super::quotient::{Quotient, with_inputs};
use super::session::Session;
use super::{ProveError, Prover};
use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use rand::{CryptoRng, RngCore};
use std::sync::{Mutex, OnceLock, PoisonError};
use veilpass_circuits::system::RowValues;
use veilpass_circuits::{Witness, assign_rows, dimensions};
use veilpass_kernels::{Comb, FixedBases, G1, G2, Machine, Rooms};
use veilpass_params::ProvingKey;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::field::Fr;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::{KeyFault, PreparedKey, Proof};
use zeroize::Zeroizing;

/// Widths of the digits: what makes the fewest additions, buckets included, for about 5,800 points of A and
/// 4,000 of B, and for 14,000 of L and H together.
const WINDOW_OF_A_AND_B: usize = 13;
const WINDOW_OF_C: usize = 15;

/// A proving key, ready to prove, with the verifying key that checks every proof before it leaves.
pub struct Engine {
    machine: Machine,
    alpha: G1Affine,
    beta: G2Affine,
    /// Until the tables are made from it: then its points are in them.
    key: Mutex<Option<ProvingKey>>,
    check: PreparedKey,
    quotient: Quotient,
    delta: Comb<G2>,
    challenge: Comb<G1>,
    rooms: Rooms,
    tables: OnceLock<Tables>,
    lagrange: OnceLock<Lagrange>,
}

/// Multiples of the key's points, about 30 MB.
struct Tables {
    a: FixedBases<G1>,
    b: FixedBases<G2>,
    /// L, then H.
    c: FixedBases<G1>,
}

impl Engine {
    /// Takes a proving key, which has been checked against its verifying key and the circuit's shape. The
    /// tables are made when the first proof needs them, or by [`Engine::make_tables`].
    pub fn new(key: ProvingKey) -> Result<Engine, KeyFault> {
        Engine::on(Machine::detect(), key)
    }

    /// On a machine of one's choice: for comparisons.
    pub fn on(machine: Machine, key: ProvingKey) -> Result<Engine, KeyFault> {
        let check = PreparedKey::new(key.verifying_key().clone())?;
        let groth16 = key.groth16();
        let delta = Comb::new(machine, groth16.vk.delta_g2);
        // A key without this point has another shape and is no `ProvingKey`.
        let challenge = Comb::new(machine, groth16.a_query.get(INPUTS).copied().unwrap_or_default());
        let quotient = Quotient::new(machine);
        let (alpha, beta) = (groth16.vk.alpha_g1, groth16.vk.beta_g2);
        let (key, tables) = (Mutex::new(Some(key)), OnceLock::new());
        let (rooms, lagrange) = (Rooms::default(), OnceLock::new());
        Ok(Engine { machine, alpha, beta, key, check, quotient, delta, challenge, rooms, tables, lagrange })
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
        self.tables.get_or_init(|| {
            let key = self.key.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(key) = &key else { unreachable!("the tables are made once") };
            let key = key.groth16();
            let (a, (b, c)) = rayon::join(
                || FixedBases::new(self.machine, &key.a_query, WINDOW_OF_A_AND_B, &self.rooms),
                || {
                    rayon::join(
                        || FixedBases::new(self.machine, &key.b_g2_query, WINDOW_OF_A_AND_B, &self.rooms),
                        || {
                            let points = [&key.l_query[..], &key.h_query].concat();
                            FixedBases::new(self.machine, &points, WINDOW_OF_C, &self.rooms)
                        },
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
        statement: &Statement,
        witness: &Witness,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let (wires, rows) = assign_rows(statement, witness);
        if let Some(clause) = rows.failing {
            return Err(ProveError::Unsatisfied(clause));
        }
        let proof = self.unblinded(&wires, rows);
        blinded(&proof, &self.delta, &BlindingKey::new(witness), statement, rng).ok_or(ProveError::SelfCheck)
    }

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

    /// The sums for a satisfied assignment.
    pub(super) fn unblinded(&self, wires: &[Fr], rows: RowValues) -> Unblinded {
        let ((a, b), c) = rayon::join(
            || rayon::join(|| self.sum_a(wires), || self.sum_b(wires)),
            || {
                let rows = with_inputs(rows, wires);
                self.sum_c(wires, &self.quotient.divide(&self.quotient.polynomials(&rows)))
            },
        );
        self.with_constants(a, b, c)
    }

    /// α and β added.
    pub(super) fn with_constants(&self, a: Sum1, b: Sum2, c: Sum1) -> Unblinded {
        Unblinded { a: a + self.alpha, b: b + self.beta, c }
    }

    /// `Σ zᵢ·[Aᵢ(τ)]₁`.
    pub(super) fn sum_a(&self, wires: &[Fr]) -> Sum1 {
        self.tables().a.sum(wires)
    }

    /// `Σ zᵢ·[Bᵢ(τ)]₂`.
    pub(super) fn sum_b(&self, wires: &[Fr]) -> Sum2 {
        self.tables().b.sum(wires)
    }

    /// `Σ zᵢ·[Lᵢ]₁ + Σ hₖ·[τᵏ Z(τ)/δ]₁`; either may be left out by being empty.
    pub(super) fn sum_c(&self, wires: &[Fr], h: &[Fr]) -> Sum1 {
        let dimensions = dimensions();
        let private = dimensions.wires - dimensions.inputs;
        let mut scalars = Zeroizing::new(vec![Fr::default(); private]);
        if let Some(wires) = wires.get(INPUTS + 1..) {
            scalars.copy_from_slice(wires);
        }
        scalars.reserve_exact(h.len());
        scalars.extend_from_slice(h);
        self.tables().c.sum(&scalars)
    }

    /// Points for sessions that turn often, made when the first of them asks.
    pub(super) fn lagrange(&self) -> &Lagrange {
        self.lagrange.get_or_init(|| {
            let dimensions = dimensions();
            let (private, n) = (dimensions.wires - dimensions.inputs, dimensions.domain());
            let h = self.tables().c.points(private, n - 1);
            match Lagrange::new(self.machine, &h, self.rooms.clone()) {
                Some(lagrange) => lagrange,
                None => unreachable!("there are roots of unity for the circuit's domain"),
            }
        })
    }

    /// The fixed points of presentations.
    pub(super) fn combs(&self) -> (&Comb<G1>, &Comb<G2>) {
        (&self.challenge, &self.delta)
    }

    pub(super) fn quotient(&self) -> &Quotient {
        &self.quotient
    }

    /// The verifier's word on a proof, before it is handed out.
    pub(super) fn checked(
        &self,
        statement: &Statement,
        bytes: [u8; PROOF_BYTES],
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let proof = Proof::from_bytes(&bytes).map_err(|_| ProveError::SelfCheck)?;
        self.check.check(statement, &proof).map_err(|_| ProveError::SelfCheck)?;
        Ok(bytes)
    }
}

type Sum1 = <G1Affine as AffineRepr>::Group;
type Sum2 = <G2Affine as AffineRepr>::Group;

impl Prover for Engine {
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
        let bytes = self.prove_unchecked(statement, witness, rng)?;
        self.checked(statement, bytes)
    }
}
