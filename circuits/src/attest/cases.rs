//! Statements with their witnesses, for audits and tests: good ones, tampered ones, bent ones.
//!
//! They are numbers that the clauses speak of, not people: dates need not exist, codes need not be assigned.

use super::clauses;
use super::{Statement, Witness};
use crate::core::clause::Clause;
use ark_ff::{AdditiveGroup, Field, UniformRand};
use rand::{Rng, rngs::StdRng};
use veilpass_protocol::field::Fr;
use veilpass_protocol::poseidon::hash;

/// A small number as a field element.
pub fn fr(n: u64) -> Fr {
    Fr::from(n)
}

/// The fields of `P` as numbers; here they need not make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Fields {
    pub birth_date: u64,
    pub expires_on: u64,
    pub enrolled_on: u64,
    pub sex: u64,
    pub document_class: u64,
    pub nationality: u64,
    pub province: u64,
    pub reserved: u64,
    pub generation: u64,
}

impl Fields {
    /// Σ field · 2^offset.
    pub fn pack(&self) -> Fr {
        let fields = [
            (self.birth_date, 18),
            (self.expires_on, 18),
            (self.enrolled_on, 18),
            (self.sex, 2),
            (self.document_class, 4),
            (self.nationality, 10),
            (self.province, 7),
            (self.reserved, 14),
            (self.generation, 8),
        ];
        fields.iter().rev().fold(Fr::ZERO, |sum, (value, width)| sum * fr(1 << width) + fr(*value))
    }
}

/// A statement, its witness, and what makes it easy to bend.
#[derive(Debug, Clone)]
pub struct Case {
    /// What `packed` is made of.
    pub fields: Fields,
    /// Place of the current node at each level.
    pub places: [usize; 11],
    /// The public inputs.
    pub statement: Statement,
    /// The private inputs.
    pub witness: Witness,
}

impl Case {
    /// Puts the leaf of the witness into its path and makes the root agree.
    pub fn rehang(&mut self) {
        let w = &mut self.witness;
        let mut node = hash(&[hash(&[w.k]), hash(&[w.d]), w.packed, w.link]);
        for (children, place) in w.path.iter_mut().zip(self.places) {
            children[place] = node;
            node = hash(children);
        }
        self.statement.root = node;
    }

    /// Makes the pseudonym agree.
    pub fn rename(&mut self) {
        self.statement.pseudonym = hash(&[self.witness.k, self.statement.scope, self.witness.slot]);
    }

    /// Puts other attributes into the tree.
    pub fn repack(&mut self, change: impl FnOnce(&mut Fields)) {
        change(&mut self.fields);
        self.witness.packed = self.fields.pack();
        self.rehang();
    }

    /// Uses another slot, with the pseudonym that belongs to it.
    pub fn reslot(&mut self, slot: Fr) {
        self.witness.slot = slot;
        self.rename();
    }

    fn finished(mut self) -> Case {
        self.witness.packed = self.fields.pack();
        self.rehang();
        self.rename();
        self
    }
}

/// A person of 27 years with a resident card, and a platform that asks for the age of 18.
pub fn typical(rng: &mut StdRng) -> Case {
    typical_draft(rng).finished()
}

/// Its path and its pseudonym do not hang together yet: hashing costs most of a case.
fn typical_draft(rng: &mut StdRng) -> Case {
    let fields = Fields {
        birth_date: 72_999,
        expires_on: 90_001,
        enrolled_on: 82_001,
        sex: 1,
        document_class: 1,
        nationality: 156,
        province: 44,
        reserved: 0,
        generation: 0,
    };
    let statement = Statement {
        root: Fr::ZERO,
        scope: Fr::rand(rng),
        pseudonym: Fr::ZERO,
        slots: fr(3),
        valid_on: fr(82_870),
        born_on_or_after: fr(0),
        born_on_or_before: fr(76_296),
        enrolled_on_or_before: fr(262_143),
        generation_at_most: fr(255),
        sexes: fr(15),
        document_classes: fr(65_535),
        nationality: fr(0),
        province: fr(0),
        challenge: Fr::rand(rng),
    };
    let witness = Witness {
        k: Fr::rand(rng),
        d: Fr::rand(rng),
        packed: Fr::ZERO,
        link: Fr::ZERO,
        slot: fr(2),
        path: std::array::from_fn(|_| std::array::from_fn(|_| Fr::rand(rng))),
    };
    let places = std::array::from_fn(|_| rng.gen_range(0..8));
    Case { fields, places, statement, witness }
}

/// Everything asked, and every bound met exactly.
pub fn tight(rng: &mut StdRng) -> Case {
    tight_draft(rng).finished()
}

fn tight_draft(rng: &mut StdRng) -> Case {
    let mut case = typical_draft(rng);
    let day = rng.gen_range(1..262_143);
    case.fields = Fields {
        birth_date: rng.gen_range(1..262_143),
        expires_on: day,
        enrolled_on: day,
        sex: rng.gen_range(0..4),
        document_class: rng.gen_range(0..16),
        nationality: rng.gen_range(2..1024),
        province: rng.gen_range(2..128),
        reserved: 0,
        generation: rng.gen_range(0..255),
    };
    let Fields { birth_date, sex, document_class, nationality, province, generation, .. } =
        case.fields.clone();
    let s = &mut case.statement;
    (s.slots, s.valid_on, s.enrolled_on_or_before) = (fr(1), fr(day), fr(day));
    (s.born_on_or_after, s.born_on_or_before) = (fr(birth_date), fr(birth_date));
    (s.generation_at_most, s.nationality, s.province) = (fr(generation), fr(nationality), fr(province));
    (s.sexes, s.document_classes) = (fr(1 << sex), fr(1 << document_class));
    case.witness.slot = fr(0);
    case.witness.link = Fr::rand(rng);
    case
}

/// All fields and bounds as large as they can be.
pub fn largest(rng: &mut StdRng) -> Case {
    let mut case = typical_draft(rng);
    case.fields = Fields {
        birth_date: 262_143,
        expires_on: 262_143,
        enrolled_on: 262_143,
        sex: 3,
        document_class: 15,
        nationality: 1023,
        province: 127,
        reserved: 0,
        generation: 255,
    };
    case.statement.slots = fr(65_536);
    case.statement.valid_on = fr(262_143);
    case.statement.born_on_or_before = fr(262_143);
    case.witness.slot = fr(65_535);
    case.witness.link = -Fr::ONE;
    case.witness.k = -Fr::ONE;
    case.places = [7; 11];
    case.finished()
}

/// All fields zero, and the path of an otherwise empty tree.
pub fn smallest(rng: &mut StdRng) -> Case {
    let mut case = typical_draft(rng);
    case.fields = Fields {
        birth_date: 0,
        expires_on: 0,
        enrolled_on: 0,
        sex: 0,
        document_class: 0,
        nationality: 0,
        province: 0,
        reserved: 0,
        generation: 0,
    };
    let s = &mut case.statement;
    (s.slots, s.valid_on, s.born_on_or_before, s.enrolled_on_or_before) = (fr(1), fr(0), fr(0), fr(0));
    (s.generation_at_most, s.sexes, s.document_classes) = (fr(0), fr(1), fr(1));
    case.witness.slot = fr(0);
    case.places = [0; 11];
    only_member(&mut case.witness.path);
    case.finished()
}

/// The path of a leaf that is alone in the tree, at place 0.
pub fn only_member(path: &mut [[Fr; 8]; 11]) {
    let mut empty = Fr::ZERO;
    for children in path {
        *children = [empty; 8];
        empty = hash(children);
    }
}

/// A random person and a random platform that asks what is true.
pub fn random(rng: &mut StdRng) -> Case {
    let mut case = tight_draft(rng);
    let mut days: [u64; 3] = std::array::from_fn(|_| rng.gen_range(0..262_144));
    days.sort_unstable();
    (case.fields.enrolled_on, case.fields.expires_on) = (days[0], days[2]);
    let slots = pick([1, 2, 7, 65_536], rng);
    let Fields { birth_date, enrolled_on, sex, document_class, generation, .. } = case.fields;
    let s = &mut case.statement;
    s.valid_on = fr(days[1]);
    s.born_on_or_after = fr(rng.gen_range(0..=birth_date));
    s.born_on_or_before = fr(rng.gen_range(birth_date..262_144));
    s.enrolled_on_or_before = fr(rng.gen_range(enrolled_on..262_144));
    s.generation_at_most = fr(rng.gen_range(generation..256));
    s.sexes = fr(rng.gen_range(0..16) | 1 << sex);
    s.document_classes = fr(rng.gen_range(0..65_536) | 1 << document_class);
    s.slots = fr(slots);
    case.witness.slot = fr(rng.gen_range(0..slots));
    if rng.r#gen() {
        s.nationality = Fr::ZERO;
    }
    if rng.r#gen() {
        s.province = Fr::ZERO;
    }
    case.finished()
}

/// The five good cases of the audits.
pub fn five(rng: &mut StdRng) -> [Case; 5] {
    [typical(rng), tight(rng), largest(rng), smallest(rng), random(rng)]
}

/// Bends a good case so that `clause` is the lowest that fails, in one of several ways.
///
/// Two clauses cannot fail: S3 defines C and D, so a wrong secret makes another leaf (S1); S14 is in no
/// row, so another challenge is another proof, not another verdict.
pub fn tamper(clause: Clause, rng: &mut StdRng) -> (Case, Option<Clause>) {
    let mut case = pick([typical as fn(&mut StdRng) -> Case, tight, random], rng)(rng);
    let f = case.fields.clone();
    let level = rng.gen_range(0..11);
    let any = Fr::rand(rng);
    let beyond = |low: u64, rng: &mut StdRng| {
        pick([fr(low), fr(low + 1), fr(low << 20), -fr(1 << 20), half(), any], rng)
    };
    let way = rng.gen_range(0..3);
    let s = &mut case.statement;
    match (clause, way) {
        (clauses::S1, 0) => s.root += fr(1),
        (clauses::S1, 1) => case.witness.path[level] = [any; 8],
        (clauses::S1, _) => {
            // The node itself is replaced by a sibling: that level no longer has it.
            let place = case.places[level];
            case.witness.path[level][place] = case.witness.path[level][(place + 1) % 8];
        }
        (clauses::S2, 0) => case.repack(|f| f.reserved = 1 << rng.gen_range(0..14)),
        (clauses::S2, 1) => {
            case.witness.packed += fr(2).pow([rng.gen_range(99..253u64)]);
            case.rehang();
        }
        (clauses::S2, _) => {
            case.witness.packed = pick([fr(2).pow([99u64]), -Fr::ONE, half(), any], rng);
            case.rehang();
        }
        (clauses::S3, 0) => case.witness.d += fr(1),
        (clauses::S3, 1) => case.witness.k += fr(1),
        (clauses::S3, _) => std::mem::swap(&mut case.witness.k, &mut case.witness.d),
        (clauses::S4, 0) => s.pseudonym += fr(1),
        (clauses::S4, 1) => s.scope = any,
        (clauses::S4, _) => case.witness.slot += fr(1),
        (clauses::S5, 0) => {
            let slot = s.slots + beyond(0, rng);
            case.reslot(slot);
        }
        (clauses::S5, 1) => s.slots = case.witness.slot - beyond(0, rng),
        (clauses::S5, _) => s.slots = case.witness.slot + beyond(65_537, rng),
        (clauses::S6, 0) => s.valid_on = fr(f.expires_on) + beyond(1, rng),
        (clauses::S6, 1) => s.valid_on = fr(f.enrolled_on) - beyond(1, rng),
        (clauses::S6, _) => {
            s.valid_on = fr(f.expires_on.max(1));
            case.repack(|f| (f.enrolled_on, f.expires_on) = (f.expires_on.max(1), f.expires_on.max(1) - 1));
        }
        (clauses::S7, 0) => s.born_on_or_after = fr(f.birth_date) + beyond(1, rng),
        (clauses::S7, 1) => s.born_on_or_before = fr(f.birth_date) - beyond(1, rng),
        (clauses::S7, _) => s.born_on_or_before = fr(f.birth_date) + beyond(262_144, rng),
        (clauses::S8, 0) => s.enrolled_on_or_before = fr(f.enrolled_on) - fr(1),
        (clauses::S8, 1) => s.enrolled_on_or_before = fr(f.enrolled_on) - beyond(1, rng),
        (clauses::S8, _) => s.enrolled_on_or_before = fr(f.enrolled_on) + beyond(262_144, rng),
        (clauses::S9, 0) => s.generation_at_most = fr(f.generation) - fr(1),
        (clauses::S9, 1) => s.generation_at_most = fr(f.generation) - beyond(1, rng),
        (clauses::S9, _) => s.generation_at_most = fr(f.generation) + beyond(256, rng),
        (clauses::S10, 0) => s.sexes = fr(15 ^ 1 << f.sex),
        (clauses::S10, 1) => s.sexes = beyond(16, rng),
        (clauses::S10, _) => s.sexes = fr(0),
        (clauses::S11, 0) => s.document_classes = fr(65_535 ^ 1 << f.document_class),
        (clauses::S11, 1) => s.document_classes = beyond(65_536, rng),
        (clauses::S11, _) => s.document_classes = fr(0),
        (clauses::S12, 0) => s.nationality = fr(f.nationality + 1),
        (clauses::S12, 1) => s.nationality = fr(f.nationality) + beyond(1024, rng),
        (clauses::S12, _) => s.nationality = any,
        (clauses::S13, 0) => s.province = fr(f.province + 1),
        (clauses::S13, 1) => s.province = fr(f.province) + beyond(128, rng),
        (clauses::S13, _) => s.province = any,
        (clauses::S14, 0) => s.challenge += fr(1),
        (clauses::S14, 1) => s.challenge = Fr::ZERO,
        (clauses::S14, _) => s.challenge = any,
        (other, _) => unreachable!("{other} is not a clause of attest-v1"),
    }
    let expected = match clause {
        clauses::S3 => Some(clauses::S1),
        clauses::S14 => None,
        other => Some(other),
    };
    (case, expected)
}

/// 1/2: no small number at all.
fn half() -> Fr {
    fr(2).inverse().unwrap_or_default()
}

/// One of them.
fn pick<T: Copy, const N: usize>(items: [T; N], rng: &mut StdRng) -> T {
    items[rng.gen_range(0..N)]
}

/// A value that lies on or near an edge, or anywhere.
fn value(old: Fr, rng: &mut StdRng) -> Fr {
    let edges = [
        0u64,
        1,
        2,
        15,
        16,
        127,
        128,
        255,
        256,
        1023,
        1024,
        65_535,
        65_536,
        65_537,
        262_143,
        262_144,
        u64::MAX,
    ];
    match rng.gen_range(0..9) {
        0 => old + fr(1),
        1 => old - fr(1),
        2 => -old,
        3 => fr(pick(edges, rng)),
        4 => -fr(pick(edges, rng)),
        5 => fr(rng.r#gen::<u64>() >> rng.gen_range(0..64)),
        6 => old + fr(2).pow([rng.gen_range(0..254u64)]),
        7 => fr(pick(edges, rng)) * half(),
        _ => Fr::rand(rng),
    }
}

/// One to three random changes; now and then the tree or the pseudonym is made to agree again, so that
/// later clauses are reached.
pub fn bend(case: &mut Case, rng: &mut StdRng) {
    for _ in 0..rng.gen_range(1..4) {
        match rng.gen_range(0..10) {
            0..5 => {
                let mut inputs = case.statement.to_array();
                let i = rng.gen_range(0..14);
                inputs[i] = value(inputs[i], rng);
                case.statement = Statement::from_array(inputs);
            }
            5 => {
                let f = &mut case.fields;
                let mut fields = vec![
                    (&mut f.birth_date, 18),
                    (&mut f.expires_on, 18),
                    (&mut f.enrolled_on, 18),
                    (&mut f.sex, 2),
                    (&mut f.document_class, 4),
                    (&mut f.nationality, 10),
                    (&mut f.province, 7),
                    (&mut f.generation, 8),
                ];
                let (field, width) = fields.swap_remove(rng.gen_range(0..8));
                *field = rng.gen_range(0..1 << width);
                case.witness.packed = case.fields.pack();
            }
            6 => {
                let w = &mut case.witness;
                let secret = vec![&mut w.k, &mut w.d, &mut w.link].swap_remove(rng.gen_range(0..3));
                *secret = value(*secret, rng);
            }
            7 => case.witness.packed = value(case.witness.packed, rng),
            8 => case.witness.slot = value(case.witness.slot, rng),
            _ => {
                let child = &mut case.witness.path[rng.gen_range(0..11)][rng.gen_range(0..8)];
                *child = value(*child, rng);
            }
        }
    }
    if rng.gen_range(0..8) > 0 {
        case.rehang();
    }
    if rng.gen_range(0..8) > 0 {
        case.rename();
    }
}
