//! From one platform to the next in the same epoch.
//!
//! The three sums are linear in the wires and in H. A new scope, other predicates or another slot change a few hundred
//! of 5,800 wires, most of them to small numbers: only the differences are summed. H changes
//! throughout.

use super::ProveError;
use super::blinding::{BlindingKey, Unblinded, blinded};
use super::engine::Engine;
use super::prepared::Prepared;
use ark_bn254::{G1Projective, G2Projective};
use ark_ff::AdditiveGroup;
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
    h: Zeroizing<Vec<Fr>>,
    /// The polynomial B, for the late challenge.
    b_coefficients: Zeroizing<Vec<Fr>>,
    a: G1Projective,
    b: G2Projective,
    c: G1Projective,
}

impl<'e> Session<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        statement: &Statement,
        witness: &Witness,
    ) -> Result<Session<'e>, ProveError> {
        let empty = || Zeroizing::new(Vec::new());
        let mut session = Session {
            engine,
            statement: statement.clone(),
            witness: witness.clone(),
            wires: empty(),
            h: empty(),
            b_coefficients: empty(),
            a: G1Projective::ZERO,
            b: G2Projective::ZERO,
            c: G1Projective::ZERO,
        };
        session.turn_to(statement, witness)?;
        Ok(session)
    }

    /// Turns to another statement of the same holder. If it does not hold, the session stays where it was.
    pub fn turn_to(&mut self, statement: &Statement, witness: &Witness) -> Result<(), ProveError> {
        let (wires, rows) = assign_rows(statement, witness);
        if let Some(clause) = rows.failing {
            return Err(ProveError::Unsatisfied(clause));
        }
        let (engine, quotient) = (self.engine, self.engine.quotient());
        let change = difference(&wires, &self.wires);
        let ((a, b), (c, h, b_coefficients)) = rayon::join(
            || rayon::join(|| engine.sum_a(&change), || engine.sum_b(&change)),
            || {
                let polynomials = quotient.polynomials(&wires, rows);
                let h = quotient.divide(&polynomials);
                (engine.sum_c(&change, &difference(&h, &self.h)), h, polynomials.b)
            },
        );
        self.a += a;
        self.b += b;
        self.c += c;
        (self.statement, self.witness) = (statement.clone(), witness.clone());
        (self.wires, self.h, self.b_coefficients) = (wires, h, b_coefficients);
        Ok(())
    }

    /// A proof of the statement at hand, without the verifier's word on it: for measurements.
    pub fn prove_unchecked<R: RngCore + CryptoRng>(
        &self,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        blinded(&self.unblinded(), self.engine.combs().1, &self.blinding_key(), &self.statement, rng)
            .ok_or(ProveError::SelfCheck)
    }

    /// A proof of the statement at hand, which the verifier accepted.
    pub fn prove<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<[u8; PROOF_BYTES], ProveError> {
        self.engine.checked(&self.statement, self.prove_unchecked(rng)?)
    }

    /// The state from which the statement at hand is presented for any challenge.
    pub fn prepare<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Prepared, ProveError> {
        let (challenge, delta) = self.engine.combs();
        Ok(self.prepare_to_keep(rng)?.with_tables(challenge, delta))
    }

    /// The same without tables of multiples: to be kept as bytes, or presented once.
    pub fn prepare_to_keep<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Prepared, ProveError> {
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

    pub(super) fn unblinded(&self) -> Unblinded {
        self.engine.with_constants(self.a, self.b, self.c)
    }

    /// What C gains when the challenge grows by one.
    pub(super) fn per_challenge(&self) -> G1Projective {
        self.engine.sum_c(&[], &self.engine.quotient().per_challenge(&self.b_coefficients))
    }
}

/// `new − old`, place by place; what is missing in `old` is zero.
fn difference(new: &[Fr], old: &[Fr]) -> Zeroizing<Vec<Fr>> {
    let old = old.iter().copied().chain(std::iter::repeat(Fr::ZERO));
    Zeroizing::new(new.iter().zip(old).map(|(new, old)| *new - old).collect())
}
