//! A circuit as a value, and as arkworks takes it.

use super::builder::{Builder, Lc, RowValues};
use super::clause::Clause;
use super::shape::{Dimensions, Shape};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use std::sync::OnceLock;
use veilpass_protocol::circuit_id::NamedCircuit;
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::PublicInputs;
use zeroize::Zeroizing;

/// A statement about private numbers, as rows of a rank-1 constraint system.
///
/// A circuit describes its wires and rows in [`Circuit::synthesize`]; everything else follows from that description:
/// the matrices, the assignment, the values of the rows, the names of the wires. The description must add the same
/// wires and rows whatever the inputs are.
pub trait Circuit: Clone + Send + Sync {
    /// What verifier and prover both know.
    type Statement: PublicInputs + Clone + Send + Sync;
    /// What the prover alone knows.
    type Witness: Clone + Send + Sync;

    /// The name in files and reports, `attest-v1`.
    fn id(&self) -> &'static str;

    /// Names of the public inputs, in the order of their wires. Their number is the number of public inputs.
    fn public_names(&self) -> Vec<String>;

    /// Names of the private inputs, in the order of their wires; all other private wires are computed.
    fn private_names(&self) -> Vec<String>;

    /// Names of the public inputs that stand in no row, on purpose: the proof is bound to them by their own points of
    /// the key alone (S14 of `attest-v1`). A setup refuses a circuit in which others are in no row.
    fn unconstrained(&self) -> &'static [&'static str] {
        &[]
    }

    /// Adds the public inputs to the builder, then the private inputs, then computed wires and all rows. Without
    /// inputs every input is zero.
    fn synthesize(&self, b: &mut Builder, inputs: Option<(&Self::Statement, &Self::Witness)>);

    /// Lines of the cost ledger in their order. Lines that are not named follow in the order of the rows.
    fn ledger(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where what is computed once is kept: a static of the circuit.
    fn cache(&self) -> &Cache;

    /// The matrices, extracted once. They do not depend on a statement or witness.
    fn shape(&self) -> &Shape {
        self.cache().shape.get_or_init(|| self.shape_of(None))
    }

    /// The shape as it comes out for one statement and witness: always that of [`Circuit::shape`].
    fn shape_of(&self, inputs: Option<(&Self::Statement, &Self::Witness)>) -> Shape {
        let mut b = Builder::with_rows();
        self.synthesize(&mut b, inputs);
        let (wires, rows) = b.finish();
        Shape::new(rows, 1 + self.public_names().len(), wires.len()).with_ledger(self.ledger())
    }

    /// The numbers of rows and wires, counted once, without the matrices, which are many times larger.
    fn dimensions(&self) -> Dimensions {
        *self.cache().dimensions.get_or_init(|| {
            let mut b = Builder::with_values();
            self.synthesize(&mut b, None);
            let (wires, rows) = b.finish_values();
            Dimensions {
                rows: rows.a.len(),
                inputs: 1 + self.public_names().len(),
                private_inputs: self.private_names().len(),
                wires: wires.len(),
            }
        })
    }

    /// Name and number of public inputs, as key files have them.
    fn named(&self) -> NamedCircuit {
        NamedCircuit { name: self.id(), public_inputs: self.dimensions().inputs - 1 }
    }

    /// Wires of the inputs that [`Circuit::unconstrained`] names.
    fn unconstrained_wires(&self) -> Vec<usize> {
        let names = self.public_names();
        let place = |name: &&str| names.iter().position(|n| n == name).map(|place| 1 + place);
        self.unconstrained().iter().filter_map(place).collect()
    }

    /// The full assignment: wire 0 = 1, public inputs, private wires. Any field elements are allowed: then the
    /// rows of failing clauses break, and no others.
    fn assign(&self, statement: &Self::Statement, witness: &Self::Witness) -> Zeroizing<Vec<Fr>> {
        let mut b = Builder::wires_only();
        self.synthesize(&mut b, Some((statement, witness)));
        b.finish().0
    }

    /// What a proof needs, straight from the numbers: the assignment as [`Circuit::assign`] gives it, and `A·z` and
    /// `B·z` for each row, without a matrix or a constraint system.
    fn assign_rows(
        &self,
        statement: &Self::Statement,
        witness: &Self::Witness,
    ) -> (Zeroizing<Vec<Fr>>, RowValues) {
        let mut b = Builder::with_values();
        self.synthesize(&mut b, Some((statement, witness)));
        b.finish_values()
    }

    /// A name for each wire: of the inputs their own, of what is computed the place where.
    fn wire_names(&self) -> Vec<String> {
        let mut b = Builder::with_rows();
        self.synthesize(&mut b, None);
        b.names(self.public_names().into_iter().chain(self.private_names()))
    }

    /// What the rows of the matrices say: the lowest failing clause, if any.
    fn check(&self, statement: &Self::Statement, witness: &Self::Witness) -> Result<(), Clause> {
        self.shape().failing_clause(&self.assign(statement, witness)).map_or(Ok(()), Err)
    }
}

/// What is computed once for a circuit.
#[derive(Debug, Default)]
pub struct Cache {
    shape: OnceLock<Shape>,
    dimensions: OnceLock<Dimensions>,
}

impl Cache {
    /// An empty one.
    pub const fn new() -> Cache {
        Cache { shape: OnceLock::new(), dimensions: OnceLock::new() }
    }
}

/// A circuit for arkworks: for ark-groth16's generator, and as an oracle for [`Circuit::assign`] and
/// [`Circuit::shape`], which do not go through arkworks.
pub struct Synthesis<'a, C: Circuit> {
    circuit: &'a C,
    inputs: Option<(&'a C::Statement, &'a C::Witness)>,
}

impl<'a, C: Circuit> Synthesis<'a, C> {
    /// Without inputs: for a setup.
    pub fn blank(circuit: &'a C) -> Synthesis<'a, C> {
        Synthesis { circuit, inputs: None }
    }

    /// With inputs: for a proof.
    pub fn new(circuit: &'a C, statement: &'a C::Statement, witness: &'a C::Witness) -> Synthesis<'a, C> {
        Synthesis { circuit, inputs: Some((statement, witness)) }
    }
}

impl<C: Circuit> Clone for Synthesis<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Circuit> Copy for Synthesis<'_, C> {}

impl<C: Circuit> ConstraintSynthesizer<Fr> for Synthesis<'_, C> {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let mut b = Builder::with_rows();
        self.circuit.synthesize(&mut b, self.inputs);
        let (wires, rows) = b.finish();
        let (blank, inputs) = (self.inputs.is_none(), self.circuit.public_names().len());
        let value = |wire: Fr| if blank { Err(SynthesisError::AssignmentMissing) } else { Ok(wire) };
        let mut variables = vec![Variable::One];
        for (index, wire) in wires.iter().enumerate().skip(1) {
            variables.push(if index <= inputs {
                cs.new_input_variable(|| value(*wire))?
            } else {
                cs.new_witness_variable(|| value(*wire))?
            });
        }
        let convert = |lc: &Lc| {
            LinearCombination(lc.terms().iter().map(|(wire, c)| (*c, variables[*wire as usize])).collect())
        };
        for row in &rows {
            cs.enforce_r1cs_constraint(|| convert(&row.a), || convert(&row.b), || convert(&row.c))?;
        }
        Ok(())
    }
}
