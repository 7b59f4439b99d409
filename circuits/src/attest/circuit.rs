//! The circuit: S1 to S13 as rows. S14 has none, on purpose.

use super::clauses::{S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S11, S12, S13};
use super::{Statement, Witness};
use crate::core::builder::{Builder, Lc};
use crate::core::circuit::{Cache, Circuit};
use crate::core::gadgets::membership::assert_member;
use crate::core::gadgets::poseidon::{assert_hash, hash};
use crate::core::gadgets::range::{assert_at_most, bits, bits_at, number};
use crate::core::gadgets::set::{assert_selected, assert_zero_or_equal};
use ark_ff::{AdditiveGroup, Field};
use veilpass_protocol::field::Fr;
use veilpass_protocol::statement::INPUTS;

/// Width of a Day (contract §2).
const DAY: u32 = 18;
/// Width of `slot`, and of `slots − 1 − slot`.
const SLOT: u32 = 16;
/// Width of a generation.
const GENERATION: u32 = 8;

/// Describes `attest-v1` to a builder. Wires: one, 14 public inputs, the private inputs in the order of
/// [`Witness`], then what the gadgets compute. Without inputs all are zero: same shape, broken rows.
fn synthesize(b: &mut Builder, inputs: Option<(&Statement, &Witness)>) {
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

    b.enforce(S3, "commitments");
    b.part(|| "commitments.identity".into());
    let identity_commitment = hash(b, [&k]);
    b.part(|| "commitments.device".into());
    let device_commitment = hash(b, [&d]);

    b.enforce(S2, "unpacking");
    let attributes = Attributes::unpack(b, &packed);

    b.enforce(S2, "leaf");
    let leaf = hash(b, [&identity_commitment, &device_commitment, &packed, &link]);

    b.enforce(S1, "path");
    assert_path(b, leaf, &path, &root);

    b.enforce(S4, "pseudonym");
    assert_hash(b, [&k, &scope, &slot], &pseudonym);

    b.enforce(S5, "comparisons");
    bits(b, &slot, SLOT);
    let last_slot = &slots - &b.constant(Fr::ONE);
    assert_at_most(b, &slot, &last_slot, SLOT);

    b.enforce(S6, "comparisons");
    assert_at_most(b, &attributes.enrolled_on, &valid_on, DAY);
    assert_at_most(b, &valid_on, &attributes.expires_on, DAY);
    b.enforce(S7, "comparisons");
    assert_at_most(b, &born_on_or_after, &attributes.birth_date, DAY);
    assert_at_most(b, &attributes.birth_date, &born_on_or_before, DAY);
    b.enforce(S8, "comparisons");
    assert_at_most(b, &attributes.enrolled_on, &enrolled_on_or_before, DAY);
    b.enforce(S9, "comparisons");
    assert_at_most(b, &attributes.generation, &generation_at_most, GENERATION);

    b.enforce(S10, "sets");
    let set = bits(b, &sexes, 4);
    assert_selected(b, &set, &attributes.sex);
    b.enforce(S11, "sets");
    let set = bits(b, &document_classes, 16);
    assert_selected(b, &set, &attributes.document_class);
    b.enforce(S12, "sets");
    assert_zero_or_equal(b, &nationality_asked, &attributes.nationality);
    b.enforce(S13, "sets");
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

/// The circuit `attest-v1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attest;

impl Circuit for Attest {
    type Statement = Statement;
    type Witness = Witness;

    fn id(&self) -> &'static str {
        "attest-v1"
    }

    fn public_names(&self) -> Vec<String> {
        Statement::NAMES.map(String::from).to_vec()
    }

    fn private_names(&self) -> Vec<String> {
        Witness::names().collect()
    }

    fn synthesize(&self, b: &mut Builder, inputs: Option<(&Statement, &Witness)>) {
        synthesize(b, inputs);
    }

    fn ledger(&self) -> &'static [&'static str] {
        &["path", "commitments", "unpacking", "leaf", "pseudonym", "comparisons", "sets"]
    }

    fn unconstrained(&self) -> &'static [&'static str] {
        &["challenge"]
    }

    fn cache(&self) -> &Cache {
        static CACHE: Cache = Cache::new();
        &CACHE
    }
}
