//! The matrices of a circuit, with their counts, digest and ledger (contract §9).

use super::builder::{Lc, Row};
use super::clause::{Clause, Tag};
use ark_ff::AdditiveGroup;
use ark_relations::gr1cs::{ConstraintSystemRef, Matrix, R1CS_PREDICATE_LABEL};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use veilpass_protocol::field::{Fr, to_bytes};

/// Constraint matrices over wires `0..wires`: 0 is the constant one, then the public inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrices {
    /// A, B, C: for each row its entries `(coefficient, wire)`, ascending by wire and none zero. This
    /// is the form that ark-groth16 takes.
    pub abc: [Matrix<Fr>; 3],
    /// Number of wires that are public, the constant one included.
    pub inputs: usize,
    /// Number of wires.
    pub wires: usize,
}

impl Matrices {
    /// The matrices of anybody's circuit in arkworks, after synthesis, merged and sorted as they are here. `None` for a
    /// system with other predicates than R1CS, or one that keeps no matrices.
    pub fn of_constraint_system(system: &ConstraintSystemRef<Fr>) -> Option<Matrices> {
        let mut predicates = system.to_matrices().ok()?;
        let [a, b, c]: [Matrix<Fr>; 3] = predicates.remove(R1CS_PREDICATE_LABEL)?.try_into().ok()?;
        let merged = |matrix: Matrix<Fr>| matrix.into_iter().map(merge).collect();
        let (inputs, private) = (system.num_instance_variables(), system.num_witness_variables());
        predicates.is_empty().then(|| Matrices {
            abc: [merged(a), merged(b), merged(c)],
            inputs,
            wires: inputs + private,
        })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.abc[0].len()
    }

    /// The three values of a row under an assignment (shorter assignments count as zero beyond).
    pub fn evaluate(&self, row: usize, assignment: &[Fr]) -> [Fr; 3] {
        let sum = |m: &Matrix<Fr>| {
            let entries = m.get(row).map(Vec::as_slice).unwrap_or_default();
            entries.iter().map(|(c, wire)| assignment.get(*wire).copied().unwrap_or_default() * c).sum()
        };
        [sum(&self.abc[0]), sum(&self.abc[1]), sum(&self.abc[2])]
    }

    /// Whether the row holds under an assignment.
    pub fn holds(&self, row: usize, assignment: &[Fr]) -> bool {
        let [a, b, c] = self.evaluate(row, assignment);
        a * b == c
    }

    /// SHA-256 over A, then B, then C, row by row: u32 number of entries, then (u32 wire, 32-byte
    /// coefficient) ascending by wire, all big-endian (contract §9).
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for row in self.abc.iter().flatten() {
            hash.update((row.len() as u32).to_be_bytes());
            for (coefficient, wire) in row {
                hash.update((*wire as u32).to_be_bytes());
                hash.update(to_bytes(coefficient));
            }
        }
        hash.finalize().into()
    }
}

/// One entry per wire, ascending, none zero.
pub(crate) fn merge(mut entries: Vec<(Fr, usize)>) -> Vec<(Fr, usize)> {
    entries.sort_by_key(|(_, wire)| *wire);
    entries.dedup_by(|next, kept| {
        let same = next.1 == kept.1;
        if same {
            kept.0 += next.0;
        }
        same
    });
    entries.retain(|(c, _)| *c != Fr::ZERO);
    entries
}

/// Matrices for judging many assignments: each combination stands there once, however often rows use it (an S-box
/// uses its input three times).
pub struct Combinations {
    /// The distinct rows of A, B and C.
    distinct: Vec<Vec<(Fr, usize)>>,
    /// For each row the places of its three in `distinct`.
    rows: Vec<[usize; 3]>,
}

impl Combinations {
    /// Finds equal combinations.
    pub fn of(matrices: &Matrices) -> Combinations {
        let mut places: HashMap<&[(Fr, usize)], usize> = HashMap::new();
        let mut distinct = Vec::new();
        let mut place = |entries| {
            *places.entry(entries).or_insert_with(|| {
                distinct.push(entries.to_vec());
                distinct.len() - 1
            })
        };
        let [a, b, c] = &matrices.abc;
        let rows = a.iter().zip(b).zip(c).map(|((a, b), c)| [place(a), place(b), place(c)]).collect();
        Combinations { distinct, rows }
    }

    /// The rows that an assignment breaks, ascending: what [`Matrices::holds`] says of each. Values that the
    /// assignment does not have are zero.
    pub fn failing_rows(&self, assignment: &[Fr]) -> Vec<usize> {
        let value = |wire: usize| assignment.get(wire).copied().unwrap_or_default();
        let sum = |entries: &Vec<(Fr, usize)>| entries.iter().map(|(c, wire)| value(*wire) * c).sum();
        let values: Vec<Fr> = self.distinct.iter().map(sum).collect();
        let fails = |[a, b, c]: &[usize; 3]| values[*a] * values[*b] != values[*c];
        self.rows.iter().enumerate().filter(|(_, row)| fails(row)).map(|(row, _)| row).collect()
    }
}

/// Matrices whose rows know their clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    matrices: Matrices,
    tags: Vec<Tag>,
    ledger: &'static [&'static str],
}

/// The numbers of a circuit that a prover needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// Number of rows.
    pub rows: usize,
    /// Number of public wires, the constant one included.
    pub inputs: usize,
    /// Number of private inputs: they are the wires after the public ones.
    pub private_inputs: usize,
    /// Number of wires.
    pub wires: usize,
}

impl Dimensions {
    /// Rows and input rows, rounded up to a power of two: the domain of ark-groth16 and snarkjs.
    pub fn domain(&self) -> usize {
        (self.rows + self.inputs).next_power_of_two()
    }
}

impl Shape {
    /// From the rows of a builder. `inputs` counts the constant one.
    pub fn new(rows: Vec<Row>, inputs: usize, wires: usize) -> Shape {
        let entries = |lc: &Lc| lc.terms().iter().map(|(wire, c)| (*c, *wire as usize)).collect();
        let mut abc = [(); 3].map(|()| Vec::with_capacity(rows.len()));
        let mut tags = Vec::with_capacity(rows.len());
        for row in rows {
            for (matrix, lc) in abc.iter_mut().zip([&row.a, &row.b, &row.c]) {
                matrix.push(entries(lc));
            }
            tags.push(row.tag);
        }
        Shape { matrices: Matrices { abc, inputs, wires }, tags, ledger: &[] }
    }

    /// With an order for the lines of the ledger.
    pub(super) fn with_ledger(self, ledger: &'static [&'static str]) -> Shape {
        Shape { ledger, ..self }
    }

    /// The matrices.
    pub fn matrices(&self) -> &Matrices {
        &self.matrices
    }

    /// Clause and ledger line of each row.
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.tags.len()
    }

    /// The rows that an assignment breaks.
    pub fn failing_rows(&self, assignment: &[Fr]) -> impl Iterator<Item = usize> {
        (0..self.rows()).filter(move |row| !self.matrices.holds(*row, assignment))
    }

    /// The lowest clause that an assignment breaks.
    pub fn failing_clause(&self, assignment: &[Fr]) -> Option<Clause> {
        self.failing_rows(assignment).filter_map(|row| self.tags.get(row)).map(|tag| tag.clause).min()
    }

    /// [`Matrices::digest`].
    pub fn digest(&self) -> [u8; 32] {
        self.matrices.digest()
    }

    /// Counts and ledger.
    pub fn stats(&self) -> Stats {
        let Matrices { abc, inputs, wires } = &self.matrices;
        let [a, b, c] = [&abc[0], &abc[1], &abc[2]].map(|m| m.iter().map(Vec::len).sum());
        let mut in_b = vec![false; *wires];
        abc[1].iter().flatten().for_each(|(_, wire)| in_b[*wire] = true);
        let mut names = self.ledger.to_vec();
        for tag in &self.tags {
            if !names.contains(&tag.gadget) {
                names.push(tag.gadget);
            }
        }
        let ledger = names.into_iter().map(|name| {
            let clauses = self.tags.iter().filter(|tag| tag.gadget == name).map(|tag| tag.clause);
            let mut line = LedgerLine { name, rows: clauses.clone().count(), clauses: clauses.collect() };
            line.clauses.sort_unstable();
            line.clauses.dedup();
            line
        });
        Stats {
            rows: self.rows(),
            inputs: *inputs,
            wires: *wires,
            wires_in_b: in_b.iter().filter(|x| **x).count(),
            nonzeros: Nonzeros { a, b, c },
            domain: (self.rows() + inputs).next_power_of_two(),
            shape: self.digest().iter().map(|byte| format!("{byte:02x}")).collect(),
            gadgets: ledger.filter(|line| line.rows > 0).collect(),
        }
    }

    /// Wires that occur in no constraint matrix. For `attest-v1` that is `challenge` and nothing else
    /// (S14): its column is only the input row that the QAP adds.
    pub fn wires_in_no_row(&self) -> Vec<usize> {
        let mut used = vec![false; self.matrices.wires];
        self.matrices.abc.iter().flatten().flatten().for_each(|(c, wire)| used[*wire] |= *c != Fr::ZERO);
        (0..used.len()).filter(|wire| !used[*wire]).collect()
    }
}

/// Figures of `params stats`, names as in contract §9.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Constraints.
    pub rows: usize,
    /// Public inputs, the constant one included.
    pub inputs: usize,
    /// All wires, the constant one and the public inputs included.
    pub wires: usize,
    /// Wires that occur in B: points in G2 of a proving key.
    pub wires_in_b: usize,
    /// Entries of the matrices.
    pub nonzeros: Nonzeros,
    /// Rows and input rows, rounded up to a power of two.
    pub domain: usize,
    /// [`Shape::digest`] in hex.
    pub shape: String,
    /// The cost ledger; its rows add up to `rows`.
    pub gadgets: Vec<LedgerLine>,
}

/// Entries per matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Nonzeros {
    pub a: usize,
    pub b: usize,
    pub c: usize,
}

/// What a gadget costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerLine {
    /// The gadget.
    pub name: &'static str,
    /// The clauses that its rows enforce.
    pub clauses: Vec<Clause>,
    /// Its rows.
    pub rows: usize,
}
