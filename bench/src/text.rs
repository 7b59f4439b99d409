//! The report for people at a terminal.

use crate::report::{Entry, Impl, Report};
use std::fmt::Write as _;

/// A number with three significant digits, in full where it is larger.
pub fn number(value: f64) -> String {
    match value.abs() {
        x if x >= 99.95 => format!("{value:.0}"),
        x if x >= 9.995 => format!("{value:.1}"),
        x if x >= 0.9995 => format!("{value:.2}"),
        x if x >= 0.09995 => format!("{value:.3}"),
        x if x >= 0.009995 => format!("{value:.4}"),
        _ => format!("{value:.5}"),
    }
}

/// What a result's name says, in words.
pub fn words(name: &str) -> String {
    if let Some(name) = name.strip_suffix("_cpu") {
        return format!("{}: processor time", words(name));
    }
    let count = |text: &str| text.parse::<u64>().ok();
    let size = |text: &str| match count(text) {
        Some(n) if n.is_power_of_two() && n >= 1024 => format!("2^{}", n.trailing_zeros()),
        _ => text.to_owned(),
    };
    let numbered = |prefix: &str| name.strip_prefix(prefix);
    if let Some(n) = numbered("verify_batch_") {
        return format!("verification in batches of {n}, each");
    }
    if let Some(n) = numbered("tree_build_") {
        return format!("building a tree of {} leaves", size(n));
    }
    if let Some((k, n)) = numbered("tree_update_").and_then(|rest| rest.split_once('_')) {
        let leaves = if k == "1" { "1 leaf".to_owned() } else { format!("{k} leaves") };
        return format!("changing {leaves} of {}", size(n));
    }
    if let Some(part) = numbered("rows_") {
        return format!("rows: {part}");
    }
    match name {
        "rows" => "rows".into(),
        "key_load" => "reading and checking the proving key".into(),
        "key_load_prepared" => "reading and checking its prepared form".into(),
        "key_prepare" => "making the prepared form, once for a key".into(),
        "key_tables" => "making the engine's tables".into(),
        "prove_cold_portable" => "cold proof, portable instructions".into(),
        "prove_cold_unprepared" => "cold proof, key not prepared".into(),
        "prove_cold" => "cold proof".into(),
        "prove_cold_checked" => "cold proof, checked before it leaves".into(),
        "prepare" => "preparing a state that was checked".into(),
        "present_repeat" => "repeat presentation".into(),
        "present_repeat_checked" => "repeat presentation, checked".into(),
        "prepare_another" => "preparing a state for another platform".into(),
        "verify_single" => "verification, decoding included".into(),
        "verify_presentation" => "verification from JSON to evidence".into(),
        "semaphore_prove_cold" => "Semaphore's key: cold proof".into(),
        "semaphore_verify_single" => "Semaphore's key: verification".into(),
        "peak_idle" => "peak memory doing nothing".into(),
        "peak_prove" => "peak memory: loading the key, one proof".into(),
        "peak_tree_1048576" => "peak memory: a tree of 2^20 leaves".into(),
        other => other.replace('_', " "),
    }
}

/// Everything but processor times, which JSON and CSV have.
pub fn text(report: &Report) -> String {
    let m = &report.machine;
    let mut out = format!("{}, {} cores, {}\n{}\n", m.cpu, m.cores, m.os, m.build());
    if !m.is_release() {
        out += "Not compiled for speed: figures are for comparing within this run only.\n";
    }
    let head = ["", "", "threads", "median", "p10", "p90", "n"];
    let [_, _, threads, median, p10, p90, n] = head;
    _ = writeln!(out, "\n{:<48} {:<9} {threads:>7} {median:>10} {p10:>9} {p90:>9} {n:>5}", "", "");
    for Entry { name, by, threads, unit, summary: s } in &report.results {
        if name.ends_with("_cpu") {
            continue;
        }
        let words = words(name);
        if unit == "rows" {
            _ = writeln!(out, "{words:<48} {:<9} {:>7} {:>10}", "", "", s.median);
            continue;
        }
        let [median, p10, p90] = [s.median, s.p10, s.p90].map(number);
        let median = format!("{median} {unit}");
        let spread = if s.n > 1 { [p10, p90] } else { Default::default() };
        _ = writeln!(
            out,
            "{words:<48} {by:<9} {threads:>7} {median:>10} {:>9} {:>9} {:>5}",
            spread[0], spread[1], s.n
        );
    }
    let s = &report.sizes;
    _ = writeln!(
        out,
        "\nproof {} B, presentation {} B, verifying key {} B, proving key {} B",
        s.proof, s.presentation, s.verifying_key, s.proving_key
    );
    for fit in &report.fits {
        let words = fit.name.replace('_', " ");
        _ = writeln!(out, "{words}: grows with the number of leaves to the power {}", power(fit.exponent));
    }
    for (name, ratio) in &report.ratios {
        _ = writeln!(out, "{name:<26} {:>9}   ({})", number(*ratio), times(*ratio));
    }
    out.trim_end().to_owned()
}

/// An exponent with two digits.
pub fn power(exponent: f64) -> String {
    // No "-0.00".
    format!("{:.2}", (exponent * 100.0).round() / 100.0 + 0.0)
}

/// A ratio in words.
pub fn times(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 1.0 {
        format!("1/{}", number(1.0 / ratio))
    } else {
        format!("{} times", number(ratio))
    }
}

/// Whether a comparison with somebody was made.
pub fn has(report: &Report, by: Impl) -> bool {
    report.results.iter().any(|e| e.by == by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown = [1234.5, 99.96, 12.345, 1.2345, 0.12345, 0.012345, 0.00001].map(number);
        assert_eq!(shown, ["1234", "100", "12.3", "1.23", "0.123", "0.0123", "0.00001"]);
        assert_eq!((power(-0.001), power(0.994)), ("0.00".into(), "0.99".into()));
        assert_eq!((times(0.25), times(2.0)), ("1/4.00".into(), "2.00 times".into()));
    }

    #[test]
    fn names_are_words() {
        assert_eq!(words("tree_update_1_1048576"), "changing 1 leaf of 2^20");
        assert_eq!(words("prove_cold_cpu"), "cold proof: processor time");
        assert_eq!(words("rows_S6"), "rows: S6");
        assert_eq!(words("verify_batch_1024"), "verification in batches of 1024, each");
    }
}
