//! A guard against regressions: ratios within one run, never times, with limits far from what is usual. It runs
//! in the dev profile beside whatever else the machine does, so a limit may be kept in any of three tries.

use crate::alone;
use veilpass_bench::measure::Effort;
use veilpass_bench::proving::Setting;
use veilpass_bench::report::{Entry, Impl};
use veilpass_bench::verifying::Checks;
use veilpass_bench::{rows, tree};

/// A result of one thread.
type Side = (&'static str, Impl);

/// Ours over the other's, at most so much.
struct Limit(f64, Side, Side);

const OURS: Impl = Impl::Veilpass;

/// Processor time, which other processes disturb less.
fn cpu(results: &[Entry], (name, by): Side) -> f64 {
    let found = results.iter().find(|e| e.name == format!("{name}_cpu") && e.by == by);
    found.unwrap_or_else(|| panic!("{name} was not measured")).summary.median
}

fn guard(limits: Vec<Limit>, measure: impl Fn() -> Vec<Entry>) {
    let mut open = limits;
    let mut said = Vec::new();
    for _ in 0..3 {
        let results = measure();
        open.retain(|Limit(limit, ours, theirs)| {
            let ratio = cpu(&results, *ours) / cpu(&results, *theirs);
            said.push(format!("{ours:?} over {theirs:?}: {ratio:.4}, limit {limit}"));
            ratio > *limit
        });
        if open.is_empty() {
            return;
        }
    }
    panic!("{}", said.join("\n"));
}

#[test]
fn ratios_stay_where_they_were() {
    let _alone = alone();
    let mut setting = Setting::new().unwrap();
    let checks = Checks::new(&mut setting).unwrap();
    // Usual, in release: 0.09 (0.54 without the wide instructions); 0.0001; 0.19; 0.46.
    let ark = ("prove_cold", Impl::Ark);
    let proofs = vec![Limit(0.9, ("prove_cold", OURS), ark), Limit(0.01, ("present_repeat", OURS), ark)];
    guard(proofs, || setting.measure(1, Effort::of_rounds(2), true).unwrap());
    // Usual, in release with the wide instructions: 0.09; 0.46.
    let verdicts = vec![
        Limit(0.8, ("verify_single", OURS), ("verify_single", Impl::Ark)),
        Limit(0.7, ("verify_batch_64", OURS), ("verify_single", OURS)),
    ];
    guard(verdicts, || checks.compared(64, Effort::of_rounds(3), true).unwrap());
}

#[test]
fn trees_grow_in_proportion_and_changes_do_not() {
    let _alone = alone();
    let kept = (0..3).any(|_| {
        let mut results = Vec::new();
        for exponent in [10, 12, 14] {
            results.extend(tree::build(1 << exponent, 1, Effort::of_rounds(2)).unwrap());
            results.extend(tree::update(1 << exponent, 1, Effort::of_rounds(5)).unwrap());
        }
        let fits = tree::fits(&results, 1);
        let power = |name: &str| fits.iter().find(|fit| fit.name == name).unwrap().exponent;
        println!("{fits:?}");
        power("tree_build") < 1.3 && power("tree_update_1") < 0.5
    });
    assert!(kept, "in none of three tries");
}

/// Not a time at all, but the first thing that makes proofs slower.
#[test]
fn the_circuit_keeps_within_its_rows() {
    let rows = rows::rows();
    let all = rows.iter().find(|e| e.name == "rows").unwrap().summary.median;
    assert!(all <= 6100.0, "{all}");
}
