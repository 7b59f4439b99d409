//! From one platform to the next in the same epoch.
//!
//! The three sums are linear in the wires and in the quotient h. A new scope, other predicates or another slot change
//! a few hundred of 5,800 wires: only the differences to the statement where the session began are summed. h changes
//! throughout; it is computed anew, or, once [`Session::look_ahead`] has been called, its commitment follows from
//! the rows that changed.

use super::ProveError;
use super::blinding::{BlindingKey, Unblinded, blinded};
use super::engine::Engine;
use super::openings::{Changes, Changing, Openings};
use super::prepared::Prepared;
use super::quotient::{Polynomials, with_inputs};
use ark_bn254::G1Projective;
use ark_ff::{PrimeField, Zero};
use rand::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use veilpass_circuits::system::RowValues;
use veilpass_circuits::{Witness, assign_rows};
use veilpass_protocol::field::Fr;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::statement::{INPUTS, Statement};
use zeroize::Zeroizing;

/// Statements with random numbers from which the rows are learnt that scope, slot and predicates change. A
/// row that none of them shows costs a later turn its advantage, and nothing else.
const TRIALS: u8 = 24;

/// The state of one holder under one key, on one epoch. It holds secrets and stays in memory.
pub struct Session<'e> {
    engine: &'e Engine,
    base: Base,
    openings: Option<Openings>,
    now: Now,
}

/// Where the session began.
struct Base {
    wires: Zeroizing<Vec<Fr>>,
    rows: RowValues,
    polynomials: Polynomials,
    h: Zeroizing<Vec<Fr>>,
    sums: Unblinded,
}

/// The statement at hand.
struct Now {
    statement: Statement,
    witness: Witness,
    /// Without α and β.
    sums: Unblinded,
    late: Late,
}

/// What the late challenge needs of it.
enum Late {
    /// The base's polynomial B.
    Base,
    /// The polynomial B.
    Polynomial(Zeroizing<Vec<Fr>>),
    /// By how much wires and rows differ from the base's.
    Changes(Changes),
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
        let now = Now { statement: statement.clone(), witness: witness.clone(), sums, late: Late::Base };
        Ok(Session { engine, base: Base { wires, rows, polynomials, h, sums }, openings: None, now })
    }

    /// Computes, once, what a change of any row adds to the quotient's commitment: the work of some sixty cold
    /// proofs, after which a turn to another platform costs a fifth of one. Worth it in the background, for
    /// holders who meet many platforms in one epoch. A first session of an engine also makes the key's part of it.
    pub fn look_ahead(&mut self) {
        if self.openings.is_none() {
            self.openings = Some(Openings::new(self.engine, &self.base.polynomials, self.changing()));
        }
    }

    /// The wires and rows that depend on scope, slot and predicates: those that differ for random numbers.
    fn changing(&self) -> Changing {
        let Base { wires, rows, .. } = &self.base;
        let (mut of_wires, mut of_rows) = (vec![false; wires.len()], vec![false; rows.a.len()]);
        let note = |changing: &mut [bool], new: &[Fr], old: &[Fr]| {
            let differences = difference(new, old);
            changing.iter_mut().zip(differences.iter()).for_each(|(changing, x)| *changing |= !x.is_zero());
        };
        for trial in 0..TRIALS {
            let number = |input: usize| {
                let hash = Sha256::new().chain_update([trial]).chain_update(input.to_le_bytes()).finalize();
                Fr::from_le_bytes_mod_order(&hash)
            };
            let root = self.now.statement.root;
            let statement = Statement { root, ..Statement::from_array(std::array::from_fn(number)) };
            let witness = Witness { slot: number(INPUTS), ..self.now.witness.clone() };
            // It need not hold.
            let (new_wires, new_rows) = assign_rows(&statement, &witness);
            let new_rows = with_inputs(new_rows, &new_wires);
            note(&mut of_wires, &new_wires, wires);
            note(&mut of_rows, &new_rows.a, &rows.a);
            note(&mut of_rows, &new_rows.b, &rows.b);
        }
        let places = |changing: Vec<bool>| {
            changing
                .into_iter()
                .enumerate()
                .filter_map(|(place, changing)| changing.then_some(place))
                .collect()
        };
        Changing { wires: places(of_wires), rows: places(of_rows) }
    }

    /// Turns to another statement of the same holder. If it does not hold, the session stays where it was.
    pub fn turn_to(&mut self, statement: &Statement, witness: &Witness) -> Result<(), ProveError> {
        let (wires, rows) = satisfied(statement, witness)?;
        let (engine, quotient, base) = (self.engine, self.engine.quotient(), &self.base);
        let ahead = self.openings.as_ref().and_then(|openings| {
            let changes = openings.changes([&base.wires, &wires], &base.rows, &rows)?;
            Some((openings.gain(engine, &base.rows, &changes), Late::Changes(changes)))
        });
        let (gain, late) = ahead.unwrap_or_else(|| {
            let wires = difference(&wires, &base.wires);
            let ((a, b), (c, late)) = rayon::join(
                || rayon::join(|| engine.sum_a(&wires), || engine.sum_b(&wires)),
                || {
                    let polynomials = quotient.polynomials(&rows);
                    let h = difference(&quotient.divide(&polynomials), &base.h);
                    (engine.sum_c(&wires, &h), Late::Polynomial(polynomials.b))
                },
            );
            (Unblinded { a, b, c }, late)
        });
        let sums = base.sums + gain;
        self.now = Now { statement: statement.clone(), witness: witness.clone(), sums, late };
        Ok(())
    }

    /// A proof of the statement at hand, without the verifier's word on it: for measurements.
    pub fn prove_unchecked<R: RngCore + CryptoRng>(
        &self,
        rng: &mut R,
    ) -> Result<[u8; PROOF_BYTES], ProveError> {
        blinded(&self.unblinded(), self.engine.delta(), &self.blinding_key(), self.statement(), rng)
            .ok_or(ProveError::SelfCheck)
    }

    /// A proof of the statement at hand, which the verifier accepted.
    pub fn prove<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<[u8; PROOF_BYTES], ProveError> {
        self.engine.checked(self.statement(), self.prove_unchecked(rng)?)
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
        BlindingKey::new(&self.now.witness)
    }

    pub(super) fn unblinded(&self) -> Unblinded {
        let Unblinded { a, b, c } = self.now.sums;
        self.engine.with_constants(a, b, c)
    }

    /// Whether the last turn was made by the rows that changed.
    #[cfg(test)]
    pub(super) fn by_changes(&self) -> bool {
        matches!(self.now.late, Late::Changes(_))
    }

    /// What C gains when the challenge grows by one.
    pub(super) fn per_challenge(&self) -> G1Projective {
        let of = |b: &[Fr]| self.engine.sum_c(&[], &self.engine.quotient().per_challenge(b));
        match (&self.now.late, &self.openings) {
            (Late::Polynomial(b), _) => of(b),
            (Late::Changes(changes), Some(openings)) => openings.late(changes),
            (Late::Changes(_), None) => unreachable!("changes come from openings"),
            (Late::Base, _) => of(&self.base.polynomials.b),
        }
    }
}

/// Wires and rows of a statement that holds.
fn satisfied(
    statement: &Statement,
    witness: &Witness,
) -> Result<(Zeroizing<Vec<Fr>>, RowValues), ProveError> {
    let (wires, rows) = assign_rows(statement, witness);
    match rows.failing {
        Some(clause) => Err(ProveError::Unsatisfied(clause)),
        None => {
            let rows = with_inputs(rows, &wires);
            Ok((wires, rows))
        }
    }
}

/// `new − old`, place by place; what is missing in `old` is zero.
pub(super) fn difference(new: &[Fr], old: &[Fr]) -> Zeroizing<Vec<Fr>> {
    let old = old.iter().copied().chain(std::iter::repeat(Fr::zero()));
    Zeroizing::new(new.iter().zip(old).map(|(new, old)| *new - old).collect())
}
