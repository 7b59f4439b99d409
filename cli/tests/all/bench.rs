//! `bench` from outside. What it measures is tested in `bench`; here only how it answers.

use crate::binary::veilpass;

#[test]
fn a_probe_answers_with_a_number() {
    let place = tempfile::tempdir().unwrap();
    let answer = veilpass(place.path(), "bench --probe idle");
    assert!(answer.exit == 0 && answer.stdout.trim().parse::<u64>().is_ok_and(|n| n > 1 << 20), "{answer:?}");
    assert_eq!(veilpass(place.path(), "bench --probe everything").exit, 2);
    assert_eq!(veilpass(place.path(), "bench --probe idle --quick").exit, 2);
}

#[test]
fn what_is_missing_is_said_before_anything_is_measured() {
    let place = tempfile::tempdir().unwrap();
    let answer = veilpass(place.path(), "bench --quick --compare semaphore");
    assert_eq!(answer.exit, 3, "{answer:?}");
    let detail = answer.json()["error"]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("--semaphore"), "{detail}");
    assert_eq!(veilpass(place.path(), "bench --compare rapidsnark").exit, 2);
}

#[test]
fn a_page_is_made_from_an_earlier_run() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    std::fs::write(at.join("run.json"), include_str!("../../../docs/benchmarks/results.json")).unwrap();
    let report = veilpass(at, "bench --from run.json --out made").ok();
    assert_eq!(report["schema"], "veilpass-bench-v1");
    let committed = include_str!("../../../docs/benchmarks.md");
    let made = std::fs::read_to_string(at.join("made/benchmarks.md")).unwrap();
    assert_eq!(
        made, committed,
        "docs/benchmarks.md is made, not written: `veilpass bench --from … --out docs`"
    );
    std::fs::write(at.join("other.json"), r#"{"schema":"veilpass-bench-v1"}"#).unwrap();
    assert_eq!(veilpass(at, "bench --from other.json").exit, 2);
}
