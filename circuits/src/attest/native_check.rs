//! S1 to S14 over plain values, written from the text of protocol.md.
//!
//! It shares with the circuit the field and the hash and nothing else: no gadget, no constant, no
//! helper. Widths and offsets are written a second time on purpose, so that a slip in one place
//! shows as a difference.

use super::clauses;
use super::{Statement, Witness};
use crate::core::clause::Clause;
use ark_ff::{Field, PrimeField};
use veilpass_protocol::field::{Fr, to_u64};
use veilpass_protocol::poseidon::hash;

/// Whether statement and witness satisfy `attest-v1`, for any field elements; of several failing
/// clauses the lowest is named. S3 and S14 never are: S3 defines C and D, and `challenge` is in no
/// clause about values.
pub fn native_check(statement: &Statement, witness: &Witness) -> Result<(), Clause> {
    let holds = |clause: Clause, is_true: bool| if is_true { Ok(()) } else { Err(clause) };

    // S3 and the first half of S2 define the leaf.
    let identity_commitment = hash(&[witness.k]);
    let device_commitment = hash(&[witness.d]);
    let leaf = hash(&[identity_commitment, device_commitment, witness.packed, witness.link]);
    holds(clauses::S1, is_in_tree(leaf, &witness.path, statement.root))?;

    let fields = Fields::unpack(&witness.packed).ok_or(clauses::S2)?;

    holds(clauses::S4, statement.pseudonym == hash(&[witness.k, statement.scope, witness.slot]))?;

    let slots_after = statement.slots - Fr::ONE - witness.slot;
    holds(clauses::S5, is_below(witness.slot, 1 << 16) && is_below(slots_after, 1 << 16))?;

    let enrolled_on = Fr::from(fields.enrolled_on);
    let expires_on = Fr::from(fields.expires_on);
    let birth_date = Fr::from(fields.birth_date);
    let s6 = is_day_order(enrolled_on, statement.valid_on) && is_day_order(statement.valid_on, expires_on);
    holds(clauses::S6, s6)?;
    let s7 = is_day_order(statement.born_on_or_after, birth_date)
        && is_day_order(birth_date, statement.born_on_or_before);
    holds(clauses::S7, s7)?;
    holds(clauses::S8, is_day_order(enrolled_on, statement.enrolled_on_or_before))?;

    let generations_left = statement.generation_at_most - Fr::from(fields.generation);
    holds(clauses::S9, is_below(generations_left, 256))?;

    holds(clauses::S10, is_in_set(fields.sex, statement.sexes, 4))?;
    holds(clauses::S11, is_in_set(fields.document_class, statement.document_classes, 16))?;
    holds(clauses::S12, is_zero_or(fields.nationality, statement.nationality))?;
    holds(clauses::S13, is_zero_or(fields.province, statement.province))
}

/// For each level the current node is one of 8 children that hash to the next; the last is the root.
fn is_in_tree(leaf: Fr, path: &[[Fr; 8]], root: Fr) -> bool {
    let mut current = leaf;
    for children in path {
        if !children.contains(&current) {
            return false;
        }
        current = hash(children);
    }
    current == root
}

/// `P` taken apart: contract §2.
struct Fields {
    birth_date: u32,
    expires_on: u32,
    enrolled_on: u32,
    sex: u32,
    document_class: u32,
    nationality: u32,
    province: u32,
    generation: u32,
}

impl Fields {
    /// `None` if a reserved bit or a bit above the fields is set.
    fn unpack(packed: &Fr) -> Option<Fields> {
        let [low, high, 0, 0] = packed.into_bigint().0 else { return None };
        let mut rest = u128::from(high) << 64 | u128::from(low);
        let mut take = |width: u32| {
            let field = rest % (1 << width);
            rest >>= width;
            field as u32
        };
        let [birth_date, expires_on, enrolled_on] = [take(18), take(18), take(18)];
        let [sex, document_class, nationality, province] = [take(2), take(4), take(10), take(7)];
        let [reserved, generation, above] = [take(14), take(8), take(29)];
        (reserved == 0 && above == 0).then_some(Fields {
            birth_date,
            expires_on,
            enrolled_on,
            sex,
            document_class,
            nationality,
            province,
            generation,
        })
    }
}

fn is_below(x: Fr, end: u64) -> bool {
    to_u64(&x).is_some_and(|n| n < end)
}

/// `low ≤ high`: the difference, as a field element, is below 2^18.
fn is_day_order(low: Fr, high: Fr) -> bool {
    is_below(high - low, 262_144)
}

/// `set` is a number of `bits` bits, and bit number `value` is 1.
fn is_in_set(value: u32, set: Fr, bits: u32) -> bool {
    to_u64(&set).is_some_and(|set| set < 1 << bits && set >> value & 1 == 1)
}

fn is_zero_or(attribute: u32, asked: Fr) -> bool {
    asked == Fr::from(0u8) || asked == Fr::from(attribute)
}
