//! Positive controls: `attest-v1` broken on purpose, so that every engine has something to cry about.
//!
//! An engine that is silent about the real circuit shows something only if it is not silent about these.
//! Each control names what a prover could do with it, and the engines that must see it. The others cannot:
//! why, is in `docs/notes/soundness.md`.

use super::agreement::Variant;
use super::audit::{given, input};
use super::cases::{Case, tamper};
use super::circuit::Attest;
use super::clauses;
use crate::audit::{Engine, Propagation, Subject, Unsatisfied, audit};
use crate::core::circuit::Circuit;
use crate::core::clause::Clause;
use crate::core::shape::Matrices;
use ark_ff::{AdditiveGroup, Field};
use rand::{SeedableRng, rngs::StdRng};
use serde::Serialize;
use std::collections::BTreeSet;
use veilpass_protocol::field::Fr;

/// A broken circuit.
pub struct Control {
    /// Its name in reports.
    pub name: &'static str,
    /// What is broken.
    pub what: &'static str,
    /// The clause that is tampered with in the statements that are judged (S14: true ones).
    pub tampered: Clause,
    /// The engines of [`crate::audit`] that must cry.
    pub engines: &'static [Engine],
    /// Whether the plain check must differ.
    pub differs: bool,
    matrices: Matrices,
    /// Clause of each row.
    clauses: Vec<Clause>,
    /// For each wire beyond those of `attest-v1`, the combination of others that an honest prover gives it.
    honest: Vec<Vec<(Fr, usize)>>,
}

/// What the engines said of a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// What is broken.
    pub what: &'static str,
    /// The engines of [`crate::audit`] that cried.
    pub cried: BTreeSet<Engine>,
    /// Statements on which the plain check said something else.
    pub differing: u64,
    /// Whether all who must have cried did, and nobody else.
    pub as_expected: bool,
}

impl Control {
    /// Runs all engines, and the plain check on statements in which a clause is tampered with.
    pub fn run(&self, seed: u64, statements: u64) -> Result<Outcome, Unsatisfied> {
        // A typical one, and one of which everything is asked: enough for the engines to see what they can.
        let honest: Vec<Vec<Fr>> =
            super::audit::witnesses(seed).into_iter().take(2).map(|witness| self.extended(witness)).collect();
        let propagation = Propagation::new(&self.matrices, given());
        let determined = propagation.determine();
        let witnesses: Vec<Vec<Fr>> =
            honest.iter().map(|witness| propagation.solve(&determined, witness)).collect();
        let accepted = super::audit::accepted();
        let chosen = super::audit::chosen(seed);
        let subject = Subject {
            matrices: &self.matrices,
            given: given(),
            dropped: &[],
            witnesses: &witnesses,
            accepted: &accepted,
            chosen,
        };
        let cried = audit(&subject, &|_, _, _| {})?.crying();
        let assign = |case: &Case| {
            let honest = self.extended(Attest.assign(&case.statement, &case.witness).to_vec());
            // Public outputs are the verifier's, whatever follows from the rest.
            let mut solved = propagation.solve(&determined, &honest);
            for name in ["root", "pseudonym"] {
                input(name).into_iter().for_each(|wire| solved[wire] = honest[wire]);
            }
            solved
        };
        let statement = |seed: u64| tamper(self.tampered, &mut StdRng::seed_from_u64(seed)).0;
        let variant = Variant {
            matrices: &self.matrices,
            clauses: &self.clauses,
            assign: &assign,
            statement: &statement,
        };
        let differing = variant.agreement(seed, statements).differing;
        let expected: BTreeSet<Engine> = self.engines.iter().copied().collect();
        let as_expected = cried == expected && (differing > 0) == self.differs;
        Ok(Outcome { name: self.name, what: self.what, cried, differing, as_expected })
    }

    fn extended(&self, mut witness: Vec<Fr>) -> Vec<Fr> {
        for combination in &self.honest {
            witness.push(combination.iter().map(|(c, wire)| witness[*wire] * c).sum());
        }
        witness
    }
}

/// All controls.
pub fn controls() -> Vec<Control> {
    use Engine::{Deletion, Jacobian, Mutation, Propagation, Structure};
    let mut all = Vec::new();
    let path = rows_of(clauses::S1, "path");
    let pseudonym = rows_of(clauses::S4, "pseudonym");
    let (k, d) = (private(0), private(1));
    let child = |i: usize| private(5 + i);

    let mut add = |name, what, tampered, engines, differs, breaking: &dyn Fn(&mut Broken)| {
        let mut broken = Broken::new();
        breaking(&mut broken);
        let Broken { matrices, clauses, honest } = broken;
        all.push(Control { name, what, tampered, engines, differs, matrices, clauses, honest });
    };
    add(
        "range_check_missing",
        "the top bit of valid_on − enrolled_on is no bit: any order of days passes",
        clauses::S6,
        &[Structure, Mutation, Propagation, Deletion],
        true,
        &|broken| broken.remove(rows_of(clauses::S6, "comparisons")[17]),
    );
    add(
        "bit_is_no_bit",
        "a lower bit of expires_on − valid_on may be any number: any order of days passes",
        clauses::S6,
        &[Structure, Propagation, Deletion],
        false,
        &|broken| broken.remove(rows_of(clauses::S6, "comparisons")[18 + 3]),
    );
    add(
        "membership_missing",
        "the product over the eight children of the lowest level need not be 0: any leaf passes",
        clauses::S3,
        &[Structure],
        true,
        &|broken| broken.remove(path[6]),
    );
    add(
        "pseudonym_free",
        "the last row of H_3 is missing: any pseudonym passes",
        clauses::S4,
        &[Structure, Mutation, Propagation, Jacobian],
        true,
        &|broken| broken.remove(pseudonym[pseudonym.len() - 1]),
    );
    add(
        "output_unused",
        "the leaf is computed and the path begins with a wire of its own: anybody's leaf passes",
        clauses::S1,
        &[Structure, Propagation, Deletion],
        false,
        &|broken| broken.begin_path_with_a_wire(&path[..7], std::array::from_fn(child)),
    );
    add(
        "secrets_mixed",
        "the pseudonym is made from a wire of its own instead of k: as many pseudonyms as one likes",
        clauses::S4,
        &[Propagation, Jacobian, Deletion],
        false,
        &|broken| {
            let other = broken.wire_like(vec![(Fr::ONE, k)]);
            broken.replace(&pseudonym, k, other);
        },
    );
    add(
        "secrets_swapped",
        "the pseudonym is made from d instead of k: a new device is a new pseudonym",
        clauses::S14,
        &[],
        true,
        &|broken| broken.replace(&pseudonym, k, d),
    );
    add(
        "off_by_one",
        "slots − slot has 16 bits instead of slots − 1 − slot: one slot more passes",
        clauses::S5,
        &[],
        true,
        &|broken| broken.drop_constants(&rows_of(clauses::S5, "comparisons")[31..]),
    );
    add(
        "row_twice",
        "a row of the leaf's hash stands there again, scaled and with its factors swapped",
        clauses::S2,
        &[Structure, Deletion],
        false,
        &|broken| broken.repeat(rows_of(clauses::S2, "leaf")[7]),
    );
    add("row_linear", "a wire is twice another one, by a row", clauses::S2, &[Structure], false, &|broken| {
        broken.double(k)
    });
    all
}

fn rows_of(clause: Clause, gadget: &str) -> Vec<usize> {
    let tags = Attest.shape().tags();
    (0..tags.len()).filter(|row| tags[*row].clause == clause && tags[*row].gadget == gadget).collect()
}

/// The wire of a private input, in the order of [`super::Witness`].
fn private(position: usize) -> usize {
    1 + veilpass_protocol::statement::INPUTS + position
}

/// The matrices of `attest-v1` under the knife.
struct Broken {
    matrices: Matrices,
    clauses: Vec<Clause>,
    honest: Vec<Vec<(Fr, usize)>>,
}

impl Broken {
    fn new() -> Broken {
        let clauses = Attest.shape().tags().iter().map(|tag| tag.clause).collect();
        Broken { matrices: Attest.shape().matrices().clone(), clauses, honest: Vec::new() }
    }

    fn remove(&mut self, row: usize) {
        self.matrices.abc.iter_mut().for_each(|m| drop(m.remove(row)));
        self.clauses.remove(row);
    }

    /// A new wire, to which an honest prover gives the value of a combination of others.
    fn wire_like(&mut self, combination: Vec<(Fr, usize)>) -> usize {
        self.honest.push(combination);
        self.matrices.wires += 1;
        self.matrices.wires - 1
    }

    fn replace(&mut self, rows: &[usize], old: usize, new: usize) {
        for matrix in &mut self.matrices.abc {
            for row in rows {
                matrix[*row].iter_mut().filter(|(_, wire)| *wire == old).for_each(|entry| entry.1 = new);
                matrix[*row].sort_by_key(|(_, wire)| *wire);
            }
        }
    }

    /// In the membership rows of the lowest level, child − leaf becomes child − wire.
    fn begin_path_with_a_wire(&mut self, membership: &[usize], children: [usize; 8]) {
        let is_child = |entry: &&(Fr, usize)| children.contains(&entry.1);
        let minus_leaf = self.matrices.abc[0][membership[0]].iter().filter(|entry| !is_child(entry));
        let leaf = minus_leaf.map(|(c, wire)| (-*c, *wire)).collect();
        let wire = self.wire_like(leaf);
        for matrix in &mut self.matrices.abc[..2] {
            for row in membership {
                if let Some((_, child)) = matrix[*row].iter().find(is_child).copied() {
                    matrix[*row] = vec![(Fr::ONE, child), (-Fr::ONE, wire)];
                }
            }
        }
    }

    /// In the row of the top bit T = (slots − 1 − slot − Σ lower)/2^15, which says T·(T − 1) = 0: T without its
    /// constant.
    fn drop_constants(&mut self, rows: &[usize]) {
        for row in rows {
            for (m, keep) in [(0, Fr::ZERO), (1, -Fr::ONE)] {
                let entries = &mut self.matrices.abc[m][*row];
                entries.retain(|(_, wire)| *wire != 0);
                if keep != Fr::ZERO {
                    entries.insert(0, (keep, 0));
                }
            }
        }
    }

    fn repeat(&mut self, row: usize) {
        let scaled = |entries: &[(Fr, usize)], by: u64| {
            entries.iter().map(|(c, wire)| (*c * Fr::from(by), *wire)).collect::<Vec<_>>()
        };
        let [a, b, c] = [0, 1, 2].map(|m: usize| self.matrices.abc[m][row].clone());
        for (matrix, entries) in
            self.matrices.abc.iter_mut().zip([scaled(&b, 3), scaled(&a, 5), scaled(&c, 15)])
        {
            matrix.push(entries);
        }
        self.clauses.push(self.clauses[row]);
    }

    fn double(&mut self, wire: usize) {
        let new = self.wire_like(vec![(Fr::from(2u64), wire)]);
        let rows = [vec![(Fr::from(2u64), wire)], vec![(Fr::ONE, 0)], vec![(Fr::ONE, new)]];
        for (matrix, entries) in self.matrices.abc.iter_mut().zip(rows) {
            matrix.push(entries);
        }
        self.clauses.push(clauses::S1);
    }
}
