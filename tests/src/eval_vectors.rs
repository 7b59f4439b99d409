//! `eval.jsonl`: statements and private inputs, possible and impossible, with the clause that fails.

use crate::World;
use ark_ff::UniformRand;
use serde_json::{Value, json};
use veilpass_circuits::{Attest, Circuit, Witness, native_check};
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::identity::leaf;
use veilpass_protocol::poseidon::hash;
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::scope::LinkKind;
use veilpass_protocol::statement::Statement;

/// One change of a good claim.
type Edit = fn(&mut Statement, &mut Witness, Fr);

/// Changes by name. The vectors say what comes of each; some leave the statement true.
const EDITS: [(&str, Edit); 24] = [
    ("good", |_, _, _| ()),
    ("another root", |s, _, x| s.root = x),
    ("another scope", |s, _, x| s.scope = x),
    ("another pseudonym", |s, _, x| s.pseudonym = x),
    ("a child of the path changed", |_, w, x| w.path[5][3] = x),
    ("path of zeros", |_, w, _| w.path[0] = [Fr::from(0u64); 8]),
    ("another pseudonym secret", |_, w, x| w.k = x),
    ("another device secret", |_, w, x| w.d = x),
    ("a reserved bit", |_, w, _| w.packed += Fr::from(1u128 << 77)),
    ("above all bits", |_, w, _| w.packed += Fr::from(1u128 << 100)),
    ("a link", |_, w, x| w.link = x),
    ("slot is slots", |s, w, _| w.slot = s.slots),
    ("slot is -1", |_, w, _| w.slot = -Fr::from(1u64)),
    ("no slots", |s, _, _| s.slots = Fr::from(0u64)),
    ("valid before the enrolment", |s, _, _| s.valid_on = Fr::from(82000u64)),
    ("valid on no day", |s, _, x| s.valid_on = x),
    ("born too early", |s, _, _| s.born_on_or_after = Fr::from(262143u64)),
    ("born too late", |s, _, _| s.born_on_or_before = Fr::from(0u64)),
    ("enrolled too late", |s, _, _| s.enrolled_on_or_before = Fr::from(82000u64)),
    ("generation -1 at most", |s, _, _| s.generation_at_most = -Fr::from(1u64)),
    ("no sex", |s, _, _| s.sexes = Fr::from(0u64)),
    ("sexes of five bits", |s, _, _| s.sexes = Fr::from(31u64)),
    ("classes of seventeen bits", |s, _, _| s.document_classes = Fr::from(131071u64)),
    ("another challenge", |s, _, x| s.challenge = x),
];

fn leaf_of(w: &Witness) -> Fr {
    leaf(&hash(&[w.k]), &hash(&[w.d]), &w.packed, &w.link)
}

/// Puts the witness's leaf in the place of another one and proves against the root of that tree.
fn plant(statement: &mut Statement, witness: &mut Witness, before: Fr) {
    let (mut old, mut new) = (before, leaf_of(witness));
    for level in &mut witness.path {
        let top = hash(level);
        level.iter_mut().filter(|child| **child == old).for_each(|child| *child = new);
        (old, new) = (top, hash(level));
    }
    statement.root = new;
}

/// All lines.
pub fn lines(world: &mut World) -> Vec<Value> {
    let mut out = Vec::new();
    for (n, (name, edit)) in EDITS.into_iter().enumerate() {
        let request = world.request(LinkKind::Tokens, Predicates::valid());
        let (mut statement, mut witness) = world.claim(n + 1, &request, 2);
        let drawn = Fr::rand(world.rng());
        let before = leaf_of(&witness);
        edit(&mut statement, &mut witness, drawn);
        out.push(line(name, &statement, &witness));
        if before != leaf_of(&witness) {
            // The same with a dishonest authority, which plants the leaf.
            plant(&mut statement, &mut witness, before);
            out.push(line(&format!("{name}, planted"), &statement, &witness));
        }
    }
    for predicates in [r#"{"valid":true,"nationality":250}"#, r#"{"valid":true,"province":11}"#] {
        let predicates = veilpass_protocol::json::parse::<Predicates>(predicates.as_bytes())
            .unwrap_or_else(|e| panic!("{e}"));
        let request = world.request(LinkKind::Account, predicates);
        let (statement, witness) = world.claim(2, &request, 2);
        out.push(line("another nationality or province", &statement, &witness));
    }
    out
}

fn line(name: &str, statement: &Statement, witness: &Witness) -> Value {
    let verdict = |outcome: Result<(), veilpass_circuits::Clause>| json!({"ok": outcome.is_ok(), "clause": outcome.err().map(|c| c.as_str())});
    let path: Vec<Vec<String>> =
        witness.path.iter().map(|level| level.iter().map(to_hex).collect()).collect();
    json!({
        "name": name,
        "public": statement.to_array().iter().map(to_hex).collect::<Vec<_>>(),
        "private": {"k": to_hex(&witness.k), "d": to_hex(&witness.d), "packed": to_hex(&witness.packed), "link": to_hex(&witness.link), "slot": to_hex(&witness.slot), "path": path},
        "native": verdict(native_check(statement, witness)),
        "circuit": verdict(Attest.check(statement, witness)),
    })
}
