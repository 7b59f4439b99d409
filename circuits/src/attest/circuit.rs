//! The circuit: S1 to S13 as rows. S14 has none, on purpose.

use super::{Statement, Witness};
use crate::clause::{Clause, Gadget};
use crate::gadgets::membership::assert_member;
use crate::gadgets::poseidon::{assert_hash, hash};
use crate::gadgets::range::{assert_at_most, bits, bits_at, number};
use crate::gadgets::set::{assert_selected, assert_zero_or_equal};
use crate::shape::shape;
use crate::system::{Builder, Lc, RowValues};
use ark_ff::{AdditiveGroup, Field};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::INPUTS;
use zeroize::Zeroizing;

/// Width of a Day (contract §2).
const DAY: u32 = 18;
/// Width of `slot`, and of `slots − 1 − slot`.
const SLOT: u32 = 16;
/// Width of a generation.
const GENERATION: u32 = 8;

/// Describes `attest-v1` to a builder. Wires: one, 14 public inputs, the private inputs in the order of
/// [`Witness`], then what the gadgets compute. Without inputs all are zero: same shape, broken rows.
pub(crate) fn synthesize(b: &mut Builder, inputs: Option<(&Statement, &Witness)>) {
    let (statement, witness) = match inputs {
        Some((statement, witness)) => (statement.to_array(), witness.clone()),
        None => ([Fr::ZERO; INPUTS], Witness::default()),
    };
    // The order is that of `Statement`; each name is tested against its clause.
    let [
        root,
        scope,
        pseudonym,
        slots,
        valid_on,
        born_on_or_after,
        born_on_or_before,
        enrolled_on_or_before,
        generation_at_most,
        sexes,
        document_classes,
        nationality_asked,
        province_asked,
        _challenge,
    ] = statement.map(|value| b.wire(value));
    let [k, d, packed, link, slot] =
        [witness.k, witness.d, witness.packed, witness.link, witness.slot].map(|value| b.wire(value));
    let path = witness.path.map(|children| children.map(|value| b.wire(value)));

    b.enforce(Clause::S3, Gadget::Commitments);
    b.part(|| "commitments.identity".into());
    let identity_commitment = hash(b, [&k]);
    b.part(|| "commitments.device".into());
    let device_commitment = hash(b, [&d]);

    b.enforce(Clause::S2, Gadget::Unpacking);
    let attributes = Attributes::unpack(b, &packed);

    b.enforce(Clause::S2, Gadget::Leaf);
    let leaf = hash(b, [&identity_commitment, &device_commitment, &packed, &link]);

    b.enforce(Clause::S1, Gadget::Path);
    assert_path(b, leaf, &path, &root);

    b.enforce(Clause::S4, Gadget::Pseudonym);
    assert_hash(b, [&k, &scope, &slot], &pseudonym);

    b.enforce(Clause::S5, Gadget::Comparisons);
    bits(b, &slot, SLOT);
    let last_slot = &slots - &b.constant(Fr::ONE);
    assert_at_most(b, &slot, &last_slot, SLOT);

    b.enforce(Clause::S6, Gadget::Comparisons);
    assert_at_most(b, &attributes.enrolled_on, &valid_on, DAY);
    assert_at_most(b, &valid_on, &attributes.expires_on, DAY);
    b.enforce(Clause::S7, Gadget::Comparisons);
    assert_at_most(b, &born_on_or_after, &attributes.birth_date, DAY);
    assert_at_most(b, &attributes.birth_date, &born_on_or_before, DAY);
    b.enforce(Clause::S8, Gadget::Comparisons);
    assert_at_most(b, &attributes.enrolled_on, &enrolled_on_or_before, DAY);
    b.enforce(Clause::S9, Gadget::Comparisons);
    assert_at_most(b, &attributes.generation, &generation_at_most, GENERATION);

    b.enforce(Clause::S10, Gadget::Sets);
    let set = bits(b, &sexes, 4);
    assert_selected(b, &set, &attributes.sex);
    b.enforce(Clause::S11, Gadget::Sets);
    let set = bits(b, &document_classes, 16);
    assert_selected(b, &set, &attributes.document_class);
    b.enforce(Clause::S12, Gadget::Sets);
    assert_zero_or_equal(b, &nationality_asked, &attributes.nationality);
    b.enforce(Clause::S13, Gadget::Sets);
    assert_zero_or_equal(b, &province_asked, &attributes.province);
}

/// S1: level by level the current node is one of 8 children, and these hash to the next.
fn assert_path(b: &mut Builder, leaf: Lc, path: &[[Lc; 8]], root: &Lc) {
    let mut current = leaf;
    for (level, children) in path.iter().enumerate() {
        b.part(|| format!("path.level{level}.member"));
        assert_member(b, &current, children);
        b.part(|| format!("path.level{level}.hash"));
        if level + 1 < path.len() {
            current = hash(b, children.each_ref());
        } else {
            assert_hash(b, children.each_ref(), root);
        }
    }
}

/// The fields of `P` that clauses speak of: numbers, and as bits where they select.
struct Attributes {
    birth_date: Lc,
    expires_on: Lc,
    enrolled_on: Lc,
    sex: Vec<Lc>,
    document_class: Vec<Lc>,
    nationality: Lc,
    province: Lc,
    generation: Lc,
}

impl Attributes {
    /// S2, second half: offsets and widths of contract §2. The reserved bits 77…90 have no wire, so a
    /// `P` with one of them set has no decomposition.
    fn unpack(b: &mut Builder, packed: &Lc) -> Attributes {
        let positions: Vec<u32> = (0..77).chain(91..99).collect();
        let bits = bits_at(b, packed, &positions);
        Attributes {
            birth_date: number(&bits[0..18]),
            expires_on: number(&bits[18..36]),
            enrolled_on: number(&bits[36..54]),
            sex: bits[54..56].to_vec(),
            document_class: bits[56..60].to_vec(),
            nationality: number(&bits[60..70]),
            province: number(&bits[70..77]),
            generation: number(&bits[77..85]),
        }
    }
}

/// The full assignment: wire 0 = 1, public inputs, private wires. Any field elements are allowed: then
/// the rows of failing clauses break, and no others.
pub fn assign(statement: &Statement, witness: &Witness) -> Zeroizing<Vec<Fr>> {
    let mut b = Builder::wires_only();
    synthesize(&mut b, Some((statement, witness)));
    b.finish().0
}

/// What a proof needs, straight from the numbers: the assignment as [`assign`] gives it, and `A·z` and `B·z`
/// for each row of [`shape`], without a matrix or a constraint system.
pub fn assign_rows(statement: &Statement, witness: &Witness) -> (Zeroizing<Vec<Fr>>, RowValues) {
    let mut b = Builder::with_values();
    synthesize(&mut b, Some((statement, witness)));
    b.finish_values()
}

/// A name for each wire of the circuit: of the inputs their own, of what is computed the place where.
pub fn wire_names() -> Vec<String> {
    let mut b = Builder::with_rows();
    synthesize(&mut b, None);
    b.names(Statement::NAMES.map(String::from).into_iter().chain(Witness::names()))
}

/// What the rows of the real matrices say: the lowest failing clause, if any.
pub fn circuit_check(statement: &Statement, witness: &Witness) -> Result<(), Clause> {
    shape().failing_clause(&assign(statement, witness)).map_or(Ok(()), Err)
}

/// The circuit for arkworks: for ark-groth16's generator, and as an oracle for [`assign`] and
/// [`shape`], which do not go through arkworks.
#[derive(Debug, Clone, Default)]
pub struct Attest {
    inputs: Option<(Statement, Witness)>,
}

impl Attest {
    /// Without inputs: for a setup.
    pub fn blank() -> Attest {
        Attest::default()
    }

    /// With inputs: for a proof.
    pub fn new(statement: Statement, witness: Witness) -> Attest {
        Attest { inputs: Some((statement, witness)) }
    }
}

impl ConstraintSynthesizer<Fr> for Attest {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let mut b = Builder::with_rows();
        synthesize(&mut b, self.inputs.as_ref().map(|(statement, witness)| (statement, witness)));
        let (wires, rows) = b.finish();
        let blank = self.inputs.is_none();
        let value = |wire: Fr| if blank { Err(SynthesisError::AssignmentMissing) } else { Ok(wire) };
        let mut variables = vec![Variable::One];
        for (index, wire) in wires.iter().enumerate().skip(1) {
            variables.push(if index <= INPUTS {
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
