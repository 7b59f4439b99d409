//! A whole run, as short as can be: its figures mean nothing, its form is that of contract §9.

use std::time::Duration;
use veilpass_bench::report::{Impl, Report, SCHEMA};
use veilpass_bench::{Budget, Compare, Event, Options, page, run, text};

#[test]
fn a_run_gives_a_report_a_page_and_pictures() {
    let _alone = crate::alone();
    let shortest = Budget {
        key: 0.0,
        proofs: 0.0,
        checks: 0.0,
        batches: 0.0,
        trees: 0.0,
        largest_tree: 11,
        semaphore: 0.0,
        total: Some(0.0),
        quick: true,
    };
    let options = Options {
        budget: shortest,
        compare: vec![Compare::Ark],
        threads: 1,
        child: None,
        semaphore: "/nowhere".into(),
    };
    let (mut steps, mut begun, mut done) = (0, 0, 0);
    let report = run(&options, &mut |event| match event {
        Event::Steps(count) => steps = count,
        Event::Begins { step, left } => {
            assert_eq!(left, Some(Duration::ZERO), "{step}");
            begun += 1;
        }
        Event::Done => done += 1,
    })
    .unwrap();
    assert!(steps > 5 && begun == steps && done == steps, "{steps} {begun} {done}");

    assert_eq!(report.schema, SCHEMA);
    for (name, by) in [
        ("rows", Impl::Veilpass),
        ("key_load", Impl::Veilpass),
        ("key_load_prepared", Impl::Veilpass),
        ("key_prepare", Impl::Veilpass),
        ("key_tables", Impl::Veilpass),
        ("prove_cold", Impl::Veilpass),
        ("prove_cold_unprepared", Impl::Veilpass),
        ("prove_cold_checked", Impl::Veilpass),
        ("prepare_another", Impl::Veilpass),
        ("prepare", Impl::Veilpass),
        ("present_repeat", Impl::Veilpass),
        ("present_repeat_checked", Impl::Veilpass),
        ("prove_cold", Impl::Ark),
        ("prove_cold_cpu", Impl::Ark),
        ("verify_single", Impl::Veilpass),
        ("verify_single", Impl::Ark),
        ("verify_presentation", Impl::Veilpass),
        ("verify_batch_8", Impl::Veilpass),
        ("verify_batch_1024", Impl::Veilpass),
        ("tree_build_2048", Impl::Veilpass),
        ("tree_update_1000_2048", Impl::Veilpass),
    ] {
        let entry = report.get(name, by, 1).unwrap_or_else(|| panic!("{name} is missing"));
        let s = &entry.summary;
        assert!(s.median > 0.0 && s.p10 <= s.median && s.median <= s.p90, "{name}: {s:?}");
    }
    let mut names: Vec<_> = report.results.iter().map(|e| (&e.name, e.by, e.threads)).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "each figure stands there once");
    let ratios: Vec<&str> = report.ratios.keys().map(String::as_str).collect();
    // On one thread all but one.
    let expected =
        ["present_repeat", "present_repeat_checked", "prove_cold_1t", "verify_batch_1024", "verify_single"];
    assert_eq!(ratios, expected);
    assert_eq!((report.sizes.proof, report.sizes.presentation), (128, 201));
    assert_eq!(report.fits.len(), 3);

    let folder = std::env::temp_dir().join(format!("veilpass-bench-{}", std::process::id()));
    let files = page::write(&report, &folder).unwrap();
    assert_eq!(files.len(), 7, "{files:?}");
    let json = std::fs::read_to_string(folder.join("benchmarks/results.json")).unwrap();
    assert_eq!(Report::from_json(&json).unwrap(), report);
    let page = std::fs::read_to_string(folder.join("benchmarks.md")).unwrap();
    assert!(page.contains("bench --quick --compare ark --out docs"));
    // Every wall time has its line.
    for entry in report.results.iter().filter(|e| e.unit == "ms" && !e.name.ends_with("_cpu")) {
        assert!(page.contains(&text::words(&entry.name)), "{}", entry.name);
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(text::text(&report).contains("verification in batches of 1024, each"));
}

#[test]
fn semaphore_that_is_not_there_ends_the_run_in_words() {
    let options = Options {
        budget: Budget::QUICK,
        compare: vec![Compare::Semaphore],
        threads: 1,
        child: None,
        semaphore: "/nowhere".into(),
    };
    let said = run(&options, &mut |_| ()).unwrap_err().to_string();
    assert!(said.contains("/nowhere") && said.contains("--semaphore"), "{said}");
}
