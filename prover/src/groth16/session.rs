//! From one platform to the next in the same epoch.
//!
//! The three sums are linear in the wires and in the quotient h. A new scope, other predicates or another slot change
//! a few hundred of 5,800 wires: only the differences to the statement where the session began are summed. h changes
//! throughout, and is computed anew.

use super::ProveError;
use super::blinding::{BlindingKey, Unblinded};
use super::engine::Engine;
use super::prepared::Prepared;
use super::quotient::{Polynomials, with_inputs};
use ark_bn254::G1Projective;
use ark_ff::Zero;
use rand::{CryptoRng, RngCore};
use veilpass_circuits::builder::RowValues;
use veilpass_circuits::{Attest, Circuit, Witness};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::Statement;
use zeroize::Zeroizing;

/// The state of one holder under one key, on one epoch. It holds secrets and stays in memory.
pub struct Session<'e> {
    engine: &'e Engine,
    base: Base,
    now: Now,
}

/// Where the session began.
struct Base {
    wires: Zeroizing<Vec<Fr>>,
    polynomials: Polynomials,
    h: Zeroizing<Vec<Fr>>,
    sums: Unblinded,
}

/// The statement at hand.
struct Now {
    statement: Statement,
    blinding: BlindingKey,
    /// Without α and β.
    sums: Unblinded,
    /// The polynomial B, which a late challenge needs; `None` where it is the base's.
    b: Option<Zeroizing<Vec<Fr>>>,
}

impl<'e> Session<'e> {
    pub(super) fn new(
        engine: &'e Engine,
        statement: &Statement,
        witness: &Witness,
    ) -> Result<Session<'e>, ProveError> {
        let (wires, rows) = satisfied(statement, witness)?;
        let quotient = engine.quotient();
        let ((a, b), (c, h, polynomials)) = rayon::join(
            || rayon::join(|| engine.sum_a(&wires), || engine.sum_b(&wires)),
            || {
                let polynomials = quotient.polynomials(&rows);
                let h = quotient.divide(&polynomials);
                (engine.sum_c(&wires, &h), h, polynomials)
            },
        );
        let sums = Unblinded { a, b, c };
        let blinding = BlindingKey::new(witness.values());
        let now = Now { statement: statement.clone(), blinding, sums, b: None };
        Ok(Session { engine, base: Base { wires, polynomials, h, sums }, now })
    }

    /// Turns to another statement of the same holder. If it does not hold, the session stays where it was.
    pub fn turn_to(&mut self, statement: &Statement, witness: &Witness) -> Result<(), ProveError> {
        let (wires, rows) = satisfied(statement, witness)?;
        let (engine, quotient, base) = (self.engine, self.engine.quotient(), &self.base);
        let blinding = BlindingKey::new(witness.values());
        let wires = difference(&wires, &base.wires);
        let ((a, b), (c, b_polynomial)) = rayon::join(
            || rayon::join(|| engine.sum_a(&wires), || engine.sum_b(&wires)),
            || {
                let polynomials = quotient.polynomials(&rows);
                let h = difference(&quotient.divide(&polynomials), &base.h);
                (engine.sum_c(&wires, &h), polynomials.b)
            },
        );
        let sums = base.sums + Unblinded { a, b, c };
        self.now = Now { statement: statement.clone(), blinding, sums, b: Some(b_polynomial) };
        Ok(())
    }

    /// The state from which the statement at hand is presented for any challenge.
    pub fn prepare<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Prepared, ProveError> {
        let (challenge, delta) = (self.engine.challenge(), self.engine.delta());
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
        &self.now.statement
    }

    pub(super) fn blinding_key(&self) -> BlindingKey {
        self.now.blinding.clone()
    }

    pub(super) fn unblinded(&self) -> Unblinded {
        let Unblinded { a, b, c } = self.now.sums;
        self.engine.with_constants(a, b, c)
    }

    /// What C gains when the challenge grows by one.
    pub(super) fn per_challenge(&self) -> G1Projective {
        let b = self.now.b.as_ref().unwrap_or(&self.base.polynomials.b);
        self.engine.sum_c(&[], &self.engine.quotient().per_challenge(b))
    }
}

/// Wires and rows of a statement that holds.
fn satisfied(
    statement: &Statement,
    witness: &Witness,
) -> Result<(Zeroizing<Vec<Fr>>, RowValues), ProveError> {
    let (wires, rows) = Attest.assign_rows(statement, witness);
    match rows.failing {
        Some(clause) => Err(ProveError::Unsatisfied(clause)),
        None => {
            let rows = with_inputs(rows, &wires, Attest.dimensions().inputs);
            Ok((wires, rows))
        }
    }
}

/// `new − old`, place by place; what is missing in `old` is zero.
fn difference(new: &[Fr], old: &[Fr]) -> Zeroizing<Vec<Fr>> {
    let old = old.iter().copied().chain(std::iter::repeat(Fr::zero()));
    Zeroizing::new(new.iter().zip(old).map(|(new, old)| *new - old).collect())
}
