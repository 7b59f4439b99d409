//! Each gadget as a circuit of its own, and broken on purpose, for tools that look at matrices.

use ark_ff::{AdditiveGroup, Field, UniformRand};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use veilpass_circuits::builder::{Builder, Lc};
use veilpass_circuits::gadgets::membership::assert_member;
use veilpass_circuits::gadgets::poseidon::{assert_hash, hash};
use veilpass_circuits::gadgets::range::{assert_at_most, bits, bits_at};
use veilpass_circuits::gadgets::set::{assert_selected, assert_zero_or_equal};
use veilpass_circuits::shape::{Matrices, Shape};
use veilpass_params::circom::R1cs;
use veilpass_protocol::field::Fr;
use veilpass_protocol::poseidon;
use veilpass_protocol::statement::{INPUTS, Statement};

/// A circuit with names for its wires, and assignments that satisfy it or do not.
pub struct Alone {
    /// Name of the gadget.
    pub name: String,
    /// Its matrices.
    pub r1cs: R1cs,
    /// A name for each wire.
    pub names: Vec<String>,
    /// Assignments of all wires, with what they are.
    pub assignments: Vec<(String, Vec<Fr>)>,
}

/// What a gadget is given: wires in the order outputs, public inputs, private inputs.
struct Plan {
    name: String,
    wires: [Vec<String>; 3],
    build: fn(&mut Builder, &[Lc]),
    /// Values of these wires that satisfy it, and values that do not.
    good: Vec<Vec<Fr>>,
    bad: Vec<Vec<Fr>>,
}

impl Plan {
    fn finished(self, rng: &mut StdRng) -> Alone {
        let run = |values: &[Fr]| {
            let mut b = Builder::with_rows();
            let wires: Vec<Lc> = values.iter().map(|x| b.wire(*x)).collect();
            b.part(|| self.name.clone());
            (self.build)(&mut b, &wires);
            let names = b.names(self.wires.iter().flatten().cloned());
            let (assignment, rows) = b.finish();
            (rows, assignment.to_vec(), names)
        };
        let [outputs, public, private] = [0, 1, 2].map(|i| self.wires[i].len());
        let (rows, first, names) = run(&self.good[0]);
        let shape = Shape::new(rows, 1 + outputs + public, first.len());
        let mut r1cs = R1cs::new(shape.matrices().clone(), private);
        (r1cs.outputs, r1cs.public_inputs) = (outputs, public);
        let mut assignments = Vec::new();
        for (what, list) in [("good", &self.good), ("bad", &self.bad)] {
            assignments
                .extend(list.iter().enumerate().map(|(i, values)| (format!("{what} {i}"), run(values).1)));
        }
        // Each of some wires changed in an assignment that is good otherwise.
        let mut wires: Vec<usize> = (1..first.len()).collect();
        wires.shuffle(rng);
        for wire in wires.into_iter().take(3) {
            let mut changed = first.clone();
            changed[wire] += Fr::ONE;
            assignments.push((format!("{} changed", names[wire]), changed));
        }
        Alone { name: self.name, r1cs, names, assignments }
    }
}

fn fr(n: u64) -> Fr {
    Fr::from(n)
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn numbered(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{name}[{i}]")).collect()
}

fn assert_hash_plan<const N: usize>(rng: &mut StdRng) -> Plan {
    let inputs: [Fr; N] = std::array::from_fn(|_| Fr::rand(rng));
    let with = |output: Fr| std::iter::once(output).chain(inputs).collect();
    Plan {
        name: format!("assert_hash_{N}"),
        wires: [named(&["output"]), vec![], numbered("input", N)],
        build: |b, wires| assert_hash::<N>(b, std::array::from_fn(|i| &wires[1 + i]), &wires[0]),
        good: vec![with(poseidon::hash(&inputs))],
        bad: vec![with(Fr::rand(rng)), with(Fr::ZERO)],
    }
}

/// The bits of `P` as `attest-v1` takes them: 14 in the middle must be zero.
fn positions() -> Vec<u32> {
    (0..77).chain(91..99).collect()
}

fn plans(rng: &mut StdRng) -> Vec<Plan> {
    let children: Vec<Fr> = (0..8).map(|_| Fr::rand(rng)).collect();
    let member = |current: Fr| [&[current], &children[..]].concat();
    let packed = fr(rng.r#gen::<u64>());
    let mut plans = vec![
        assert_hash_plan::<1>(rng),
        assert_hash_plan::<2>(rng),
        assert_hash_plan::<3>(rng),
        assert_hash_plan::<4>(rng),
        assert_hash_plan::<8>(rng),
    ];
    plans.extend([
        Plan {
            name: "hash_2".into(),
            wires: [named(&["output"]), vec![], numbered("input", 2)],
            build: |b, wires| {
                let output = hash(b, [&wires[1], &wires[2]]);
                let one = b.constant(Fr::ONE);
                b.row(&output, &one, &wires[0]);
            },
            good: vec![vec![poseidon::hash(&[fr(1), fr(2)]), fr(1), fr(2)]],
            bad: vec![vec![fr(3), fr(1), fr(2)]],
        },
        Plan {
            name: "member".into(),
            wires: [vec![], vec![], [named(&["current"]), numbered("child", 8)].concat()],
            build: |b, wires| assert_member(b, &wires[0], &std::array::from_fn(|i| wires[1 + i].clone())),
            good: [0, 4, 7].map(|i| member(children[i])).into(),
            bad: vec![member(Fr::rand(rng)), member(Fr::ZERO)],
        },
        Plan {
            name: "bits_18".into(),
            wires: [vec![], vec![], named(&["value"])],
            build: |b, wires| drop(bits(b, &wires[0], 18)),
            good: vec![vec![fr(0x2_a5c3)], vec![fr(0)], vec![fr(0x3_ffff)]],
            bad: vec![vec![fr(0x4_0000)], vec![-Fr::ONE]],
        },
        Plan {
            name: "unpacking".into(),
            wires: [vec![], vec![], named(&["packed"])],
            build: |b, wires| drop(bits_at(b, &wires[0], &positions())),
            good: vec![vec![packed], vec![packed + Fr::from(1u128 << 98)]],
            bad: vec![vec![Fr::from(1u128 << 77)], vec![Fr::from(1u128 << 99)]],
        },
        Plan {
            name: "at_most_18".into(),
            wires: [vec![], named(&["high"]), named(&["low"])],
            build: |b, wires| assert_at_most(b, &wires[1], &wires[0], 18),
            good: vec![vec![fr(7), fr(5)], vec![fr(7), fr(7)], vec![fr(0x3_ffff), fr(0)]],
            bad: vec![vec![fr(7), fr(8)], vec![fr(0x4_0000), fr(0)]],
        },
        Plan {
            name: "selected_16".into(),
            wires: [vec![], named(&["set"]), named(&["index"])],
            build: |b, wires| {
                let (set, index) = (bits(b, &wires[0], 16), bits(b, &wires[1], 4));
                assert_selected(b, &set, &index);
            },
            good: vec![vec![fr(0xa5c3), fr(15)], vec![fr(1), fr(0)]],
            bad: vec![vec![fr(0xa5c3), fr(14)], vec![fr(0x1_a5c3), fr(15)]],
        },
        Plan {
            name: "zero_or_equal".into(),
            wires: [vec![], named(&["asked"]), named(&["attribute"])],
            build: |b, wires| assert_zero_or_equal(b, &wires[0], &wires[1]),
            good: vec![vec![fr(156), fr(156)], vec![fr(0), fr(156)]],
            bad: vec![vec![fr(156), fr(250)]],
        },
    ]);
    plans
}

/// Every gadget.
pub fn gadgets() -> Vec<Alone> {
    let mut rng = StdRng::seed_from_u64(1);
    plans(&mut rng).into_iter().map(|plan| plan.finished(&mut rng)).collect()
}

/// A small circuit with as many public inputs as the statement has, so that our verifier takes a key that
/// somebody else's setup made for it. Most of them, like the challenge of `attest-v1`, are in no row.
pub fn fourteen() -> Alone {
    let mut rng = StdRng::seed_from_u64(3);
    let k = Fr::rand(&mut rng);
    let public = |root: Fr, low: u64, high: u64| {
        let mut inputs: Vec<Fr> = (0..INPUTS as u64).map(|i| fr(100 + i)).collect();
        (inputs[0], inputs[5], inputs[6]) = (root, fr(low), fr(high));
        inputs.push(k);
        inputs
    };
    let root = poseidon::hash(&[k]);
    let plan = Plan {
        name: "fourteen".into(),
        wires: [vec![], named(&Statement::NAMES), named(&["k"])],
        build: |b, wires| {
            assert_hash(b, [&wires[INPUTS]], &wires[0]);
            assert_at_most(b, &wires[5], &wires[6], 18);
        },
        good: vec![public(root, 60_956, 76_296), public(root, 5, 5)],
        bad: vec![public(root, 6, 5), public(k, 5, 6)],
    };
    plan.finished(&mut rng)
}

/// Gadget, row that is taken away, and what that allows.
const BROKEN: [(&str, usize, &str); 10] = [
    ("bits_18", 3, "a lower bit is no bit"),
    ("bits_18", 17, "the top bit is no bit: no width is checked"),
    ("unpacking", 84, "the top bit is no bit"),
    ("at_most_18", 17, "the top bit is no bit: any order passes"),
    ("member", 3, "a product in the middle is free"),
    ("member", 6, "the product need not be zero: everything is a member"),
    ("assert_hash_2", 239, "the output is in no row"),
    ("assert_hash_2", 2, "an S-box gives anything"),
    ("selected_16", 20, "a choice is free"),
    ("zero_or_equal", 0, "no row is left"),
];

/// Matrices without a row.
pub fn without(matrices: &Matrices, row: usize) -> Matrices {
    let mut matrices = matrices.clone();
    matrices.abc.iter_mut().for_each(|m| drop(m.remove(row)));
    matrices
}

/// Gadgets that are broken on purpose: an analyser that is of use cries at each. What is wrong with each
/// comes with it.
pub fn broken() -> Vec<(Alone, &'static str)> {
    let sound = gadgets();
    let gadget = |name: &str| {
        sound.iter().find(|gadget| gadget.name == name).unwrap_or_else(|| panic!("no gadget {name}"))
    };
    let mut out: Vec<(Alone, &'static str)> = Vec::new();
    for (name, row, what) in BROKEN {
        let Alone { r1cs, names, .. } = gadget(name);
        let r1cs = R1cs { matrices: without(&r1cs.matrices, row), ..r1cs.clone() };
        let name = format!("{name}_without_row_{row}");
        out.push((Alone { name, r1cs, names: names.clone(), assignments: vec![] }, what));
    }
    let mut rng = StdRng::seed_from_u64(2);
    let mut plan = assert_hash_plan::<1>(&mut rng);
    plan.name = "assert_hash_1_with_an_output_more".into();
    plan.wires[0].push("unused".into());
    plan.build = |b, wires| assert_hash(b, [&wires[2]], &wires[0]);
    plan.good.iter_mut().chain(&mut plan.bad).for_each(|values| values.insert(1, Fr::ZERO));
    out.push((plan.finished(&mut rng), "an output is in no row"));
    let twice = Plan {
        name: "bits_with_a_weight_twice".into(),
        wires: [vec![], vec![], named(&["value"])],
        build: |b, wires| {
            let low = [b.wire(Fr::ONE), b.wire(Fr::ZERO)];
            low.iter().for_each(|bit| b.boolean(bit));
            let rest = &(&wires[0] - &low[0]) - &low[1];
            b.boolean(&(&rest * fr(2).inverse().unwrap_or_default()));
        },
        good: vec![vec![fr(1)]],
        bad: vec![vec![fr(5)]],
    };
    out.push((twice.finished(&mut rng), "1 = 1 + 0 = 0 + 1, though every row is there"));
    out
}
