//! Native check and circuit say the same on any field elements.

use crate::cases::{self, Case, amount, fr};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, UniformRand};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::collections::BTreeMap;
use veilpass_circuits::attest::Statement;
use veilpass_circuits::{Clause, Witness, circuit_check, native_check};

fn verdict(statement: &Statement, witness: &Witness, about: &str) -> Option<Clause> {
    let native = native_check(statement, witness);
    assert_eq!(circuit_check(statement, witness), native, "{about}");
    native.err()
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
        3 => fr(*edges.choose(rng).unwrap()),
        4 => -fr(*edges.choose(rng).unwrap()),
        5 => fr(rng.r#gen::<u64>() >> rng.gen_range(0..64)),
        6 => old + fr(2).pow([rng.gen_range(0..254u64)]),
        7 => fr(*edges.choose(rng).unwrap()) * fr(2).inverse().unwrap(),
        _ => Fr::rand(rng),
    }
}

/// One to three random changes; now and then the tree or the pseudonym is made to agree again, so that
/// later clauses are reached.
fn bend(case: &mut Case, rng: &mut StdRng) {
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
                let fields = [
                    (&mut f.birth_date, 18),
                    (&mut f.expires_on, 18),
                    (&mut f.enrolled_on, 18),
                    (&mut f.sex, 2),
                    (&mut f.document_class, 4),
                    (&mut f.nationality, 10),
                    (&mut f.province, 7),
                    (&mut f.generation, 8),
                ];
                let (field, width) = fields.into_iter().nth(rng.gen_range(0..8)).unwrap();
                *field = rng.gen_range(0..1 << width);
                case.witness.packed = case.fields.pack();
            }
            6 => {
                let w = &mut case.witness;
                let secret = [&mut w.k, &mut w.d, &mut w.link].into_iter().nth(rng.gen_range(0..3)).unwrap();
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

fn bent_cases(seeds: impl Iterator<Item = u64>) -> BTreeMap<Option<Clause>, u64> {
    let mut seen = BTreeMap::new();
    for seed in seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut case = cases::random(&mut rng);
        bend(&mut case, &mut rng);
        *seen.entry(verdict(&case.statement, &case.witness, &format!("seed {seed}"))).or_default() += 1;
    }
    seen
}

/// In the long form a million statements, about an hour on two cores.
#[test]
fn on_bent_cases() {
    let cases = amount(3_000, 1_000_000);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let mut seen: BTreeMap<Option<Clause>, u64> = BTreeMap::new();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads as u64)
            .map(|first| scope.spawn(move || bent_cases((first..cases).step_by(threads))))
            .collect();
        for (outcome, times) in parts.into_iter().flat_map(|part| part.join().unwrap()) {
            *seen.entry(outcome).or_default() += times;
        }
    });
    let reachable =
        Clause::ALL.iter().filter(|c| !matches!(c, Clause::S3 | Clause::S14)).map(|c| Some(*c)).chain([None]);
    for outcome in reachable {
        let times = seen.get(&outcome).copied().unwrap_or_default();
        assert!(times * 150 >= cases, "{outcome:?} came up only {times} times of {cases}");
    }
}

#[test]
fn on_nothing_but_random_field_elements() {
    for seed in 0..amount(50, 1_000) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut any = || Fr::rand(&mut rng);
        let statement = Statement::from_array(std::array::from_fn(|_| any()));
        let path = std::array::from_fn(|_| std::array::from_fn(|_| any()));
        let witness = Witness { k: any(), d: any(), packed: any(), link: any(), slot: any(), path };
        assert_eq!(verdict(&statement, &witness, &format!("seed {seed}")), Some(Clause::S1));
    }
    assert_eq!(
        verdict(&Statement::from_array([Fr::ZERO; 14]), &Witness::default(), "zeros"),
        Some(Clause::S1)
    );
}

/// Where every bound is met exactly, one more or less is refused: of the 13 inputs that clauses speak
/// of, `slots` + 1 alone leaves a true statement.
#[test]
fn on_public_inputs_shifted_by_one() {
    for seed in 0..3 {
        let case = cases::tight(&mut StdRng::seed_from_u64(seed));
        let mut accepted = Vec::new();
        for (i, name) in Statement::NAMES.iter().enumerate() {
            for change in [fr(1), -fr(1)] {
                let mut inputs = case.statement.to_array();
                inputs[i] += change;
                let up = change == fr(1);
                if verdict(&Statement::from_array(inputs), &case.witness, name).is_none() {
                    accepted.push((*name, up));
                }
            }
        }
        // One more day, slot or generation than needed is a weaker statement that is still true.
        let mut weaker = vec![("slots", true), ("born_on_or_after", false), ("born_on_or_before", true)];
        weaker.extend([
            ("enrolled_on_or_before", true),
            ("generation_at_most", true),
            ("challenge", true),
            ("challenge", false),
        ]);
        // A set may lose or gain another element than the one that counts.
        accepted.retain(|(name, _)| !["sexes", "document_classes"].contains(name));
        assert_eq!(accepted, weaker, "seed {seed}");
    }
}

#[test]
fn on_public_inputs_swapped() {
    let mut refused = 0;
    let mut pairs = 0;
    for seed in 0..3 {
        let case = cases::tight(&mut StdRng::seed_from_u64(seed));
        for i in 0..14 {
            for j in 0..i {
                let mut inputs = case.statement.to_array();
                inputs.swap(i, j);
                let changed = inputs != case.statement.to_array();
                let about = format!("seed {seed}: {} and {}", Statement::NAMES[i], Statement::NAMES[j]);
                let verdict = verdict(&Statement::from_array(inputs), &case.witness, &about);
                assert!(changed || verdict.is_none(), "{about}");
                pairs += u32::from(changed);
                refused += u32::from(verdict.is_some());
            }
        }
    }
    assert!(refused + 3 >= pairs && pairs > 3 * 80, "{refused} of {pairs}");
}
