//! From one platform to the next in the same epoch.
//!
//! The three sums are linear in the wires. A new scope, other predicates or another slot change a few hundred
//! of 5,800 wires, most of them to small numbers: only the differences are summed. H is not linear and is
//! made anew.

use super::ProveError;
use super::blinding::{BlindingKey, Unblinded, blinded};
use super::engine::Engine;
use super::prepared::Prepared;
use super::quotient::Polynomials;
use ark_bn254::{G1Projective, G2Projective};
use rand::{CryptoRng, RngCore};
use veilpass_circuits::{Witness, assign_rows};
use veilpass_protocol::field::Fr;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::Statement;
use zeroize::Zeroizing;

/// The state of one holder under one key: wires and sums of the statement at hand. It holds secrets and
/// stays in memory.
pub struct Session<'e> {
    engine: &'e Engine,
    statement: Statement,
    witness: Witness,
    wires: Zeroizing<Vec<Fr>>,
    a: G1Projective,
    b: G2Projective,
    /// Without H.
    l: G1Projective,
    /// The polynomials, H among them, of the statement at hand.
    polynomials: Polynomials,
    h: Zeroizing<Vec<Fr>>,
}

impl<'e> Session<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        statement: &Statement,
        witness: &Witness,
    ) -> Result<Session<'e>, ProveError> {
        let (wires, rows) = assign_rows(statement, witness);
        if let Some(clause) = rows.failing {
            return Err(ProveError::Unsatisfied(clause));
        }
        let polynomials = engine.quotient().polynomials(&wires, rows);
        let ((a, b), (l, h)) = rayon::join(
            || rayon::join(|| engine.sum_a(&wires), || engine.sum_b(&wires)),
            || rayon::join(|| engine.sum_c(&wires, &[]), || engine.quotient().divide(&polynomials)),
        );
        let (statement, witness) = (statement.clone(), witness.clone());
        Ok(Session { engine, statement, witness, wires, a, b, l, polynomials, h })
    }

    /// Turns to another statement of the same holder. If it does not hold, the session stays where it was.
    pub fn turn_to(&mut self, statement: &Statement, witness: &Witness) -> Result<(), ProveError> {
        let (wires, rows) = assign_rows(statement, witness);
        if let Some(clause) = rows.failing {
            return Err(ProveError::Unsatisfied(clause));
        }
        let engine = self.engine;
        let change: Zeroizing<Vec<Fr>> =
            Zeroizing::new(wires.iter().zip(self.wires.iter()).map(|(new, old)| *new - old).collect());
        let ((a, b), (l, (polynomials, h))) = rayon::join(
            || rayon::join(|| engine.sum_a(&change), || engine.sum_b(&change)),
            || {
                rayon::join(
                    || engine.sum_c(&change, &[]),
                    || {
                        let polynomials = engine.quotient().polynomials(&wires, rows);
                        let h = engine.quotient().divide(&polynomials);
                        (polynomials, h)
                    },
                )
            },
        );
        self.a += a;
        self.b += b;
        self.l += l;
        (self.statement, self.witness) = (statement.clone(), witness.clone());
        (self.wires, self.polynomials, self.h) = (wires, polynomials, h);
        Ok(())
    }

    /// A proof of the statement at hand, without the verifier's word on it: for measurements.
    pub fn prove_unchecked<R: RngCore + CryptoRng>(
        &self,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        let c = self.l + self.engine.sum_c(&[], &self.h);
        let proof = self.engine.with_constants(self.a, self.b, c);
        blinded(&proof, self.engine.combs().1, &self.blinding_key(), &self.statement, rng)
            .ok_or(ProveError::SelfCheck)
    }

    /// A proof of the statement at hand, which the verifier accepted.
    pub fn prove<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<[u8; PROOF_BYTES], ProveError> {
        self.engine.checked(&self.statement, self.prove_unchecked(rng)?)
    }

    /// The state from which the statement at hand is presented for any challenge.
    pub fn prepare<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Prepared, ProveError> {
        Prepared::new(self, rng)
    }

    pub(super) fn engine(&self) -> &'e Engine {
        self.engine
    }

    pub(super) fn statement(&self) -> &Statement {
        &self.statement
    }

    pub(super) fn blinding_key(&self) -> BlindingKey {
        BlindingKey::new(&self.witness)
    }

    /// The sums, H included, and what C gains when the challenge grows by one.
    pub(super) fn sums(&self) -> (Unblinded, G1Projective) {
        let per_challenge = self.engine.quotient().per_challenge(&self.polynomials.b);
        let (h, r) =
            rayon::join(|| self.engine.sum_c(&[], &self.h), || self.engine.sum_c(&[], &per_challenge));
        (self.engine.with_constants(self.a, self.b, self.l + h), r)
    }
}
