//! A guard against regressions: ratios within one run, never times, with limits far from what is usual. It runs
//! in the dev profile beside whatever else the machine does, so it takes the best of a few rounds' medians.

use veilpass_bench::measure::Effort;
use veilpass_bench::proving::Setting;
use veilpass_bench::report::{Entry, Impl, Report};
use veilpass_bench::verifying::Checks;
use veilpass_bench::{rows, tree};

/// The least ratio of medians among three tries; it ends at the first below the limit.
fn at_most(limit: f64, what: &str, mut measure: impl FnMut() -> f64) {
    let tries: Vec<f64> = (0..3).map(|_| measure()).take_while(|ratio| *ratio > limit).collect();
    assert!(tries.len() < 3, "{what}: {tries:?} where {limit} is the limit");
}

/// Processor time, which other processes disturb less.
fn cpu(results: &[Entry], name: &str, by: Impl) -> f64 {
    let name = format!("{name}_cpu");
    let found = results.iter().find(|e| e.name == name && e.by == by);
    found.unwrap_or_else(|| panic!("{name} was not measured")).summary.median
}

#[test]
fn ratios_stay_where_they_were() {
    let mut setting = Setting::new().unwrap();
    let checks = Checks::new(&mut setting).unwrap();
    at_most(0.5, "cold proof against ark's", || {
        let results = setting.measure(1, Effort::of_rounds(2), true).unwrap();
        cpu(&results, "prove_cold", Impl::Veilpass) / cpu(&results, "prove_cold", Impl::Ark)
    });
    at_most(0.05, "repeat presentation against ark's proof", || {
        let results = setting.measure(1, Effort::of_rounds(2), true).unwrap();
        cpu(&results, "present_repeat", Impl::Veilpass) / cpu(&results, "prove_cold", Impl::Ark)
    });
    at_most(0.9, "a new platform against our cold proof", || {
        let results = setting.measure(1, Effort::of_rounds(3), false).unwrap();
        cpu(&results, "prove_new_platform", Impl::Veilpass) / cpu(&results, "prove_cold", Impl::Veilpass)
    });
    at_most(1.1, "single verification against ark's", || {
        let results = checks.compared(8, Effort::of_rounds(3), true).unwrap();
        cpu(&results, "verify_single", Impl::Veilpass) / cpu(&results, "verify_single", Impl::Ark)
    });
    at_most(0.6, "verification in batches of 64, each, against a single one", || {
        let results = checks.compared(64, Effort::of_rounds(3), false).unwrap();
        cpu(&results, "verify_batch_64", Impl::Veilpass) / cpu(&results, "verify_single", Impl::Veilpass)
    });
}

#[test]
fn trees_grow_in_proportion_and_changes_do_not() {
    let exponent = |name: &str| {
        let mut results = Vec::new();
        for exponent in [10, 12, 14] {
            results.extend(tree::build(1 << exponent, 1, Effort::of_rounds(2)).unwrap());
            results.extend(tree::update(1 << exponent, 1, Effort::of_rounds(5)).unwrap());
        }
        tree::fits(&results, 1).into_iter().find(|fit| fit.name == name).unwrap().exponent
    };
    at_most(1.3, "building a tree grows with its size to the power", || exponent("tree_build"));
    at_most(0.5, "changing one leaf grows with the size to the power", || exponent("tree_update_1"));
}

/// Not a time at all, but the first thing that makes proofs slower.
#[test]
fn the_circuit_keeps_within_its_rows() {
    let mut report = Report::new(true);
    report.results = rows::rows();
    let rows = report.get("rows", Impl::Veilpass, 1).unwrap().summary.median;
    assert!(rows <= 6100.0, "{rows}");
}
