//! `docs/benchmarks.md` and the files beside it, made from a report and nothing else.

use crate::error::BenchError;
use crate::plot::{Picture, pictures};
use crate::report::{Entry, Impl, Report};
use crate::text::{has, number, power, times, words};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Name of the page, and of the folder beside it.
const PAGE: &str = "benchmarks.md";
const FOLDER: &str = "benchmarks";

/// Writes the page into a folder, and the pictures, the JSON and the CSV into `benchmarks/` beside it. Says what
/// was written.
pub fn write(report: &Report, folder: &Path) -> Result<Vec<PathBuf>, BenchError> {
    let pictures = pictures(report)?;
    let beside = folder.join(FOLDER);
    std::fs::create_dir_all(&beside).map_err(|e| BenchError::file(&beside, e))?;
    let mut files = vec![
        (folder.join(PAGE), page(report, &pictures)),
        (beside.join("results.json"), report.to_json()? + "\n"),
        (beside.join("results.csv"), report.to_csv()),
    ];
    files.extend(pictures.into_iter().map(|p| (beside.join(format!("{}.svg", p.name)), p.svg)));
    let mut written = Vec::new();
    for (path, content) in files {
        if path.symlink_metadata().is_ok_and(|there| !there.is_file()) {
            let odd = std::io::Error::other("this is not a regular file; move it away");
            return Err(BenchError::file(&path, odd));
        }
        std::fs::write(&path, content).map_err(|e| BenchError::file(&path, e))?;
        written.push(path);
    }
    Ok(written)
}

/// The page as Markdown.
pub fn page(report: &Report, pictures: &[Picture]) -> String {
    let m = &report.machine;
    let mut command = "veilpass bench".to_owned();
    if report.quick {
        command += " --quick";
    }
    for (by, name) in [(Impl::Ark, "ark"), (Impl::Semaphore, "semaphore")] {
        if has(report, by) && !(by == Impl::Ark && report.get("prove_cold", Impl::Ark, 1).is_none()) {
            command += &format!(" --compare {name}");
        }
    }
    let mut out = format!(
        "# Benchmarks\n\nMade by `cargo run --release -p veilpass-cli -- {} --out docs`; do not edit. All figures, with \
         processor times: [results.json](benchmarks/results.json) ([schema](bench.schema.json)), \
         [results.csv](benchmarks/results.csv).\n\n",
        command.trim_start_matches("veilpass ")
    );
    _ = writeln!(
        out,
        "Measured on {}, {} cores, {} ({}); {}.\n",
        m.cpu,
        m.cores,
        m.os,
        if m.features.is_empty() { "no extensions that matter".into() } else { m.features.join(", ") },
        m.build()
    );
    if !m.is_release() {
        out += "**Not compiled for speed**: these figures are for comparing within this run only.\n\n";
    }
    out += METHOD;
    if report.quick {
        out += "This was a quick run: its time was divided by what each measurement costs. Where there was time for one round \
                only, the first counts, and n is 1.\n\n";
    }
    out += &disturbance(report);
    if !report.ratios.is_empty() {
        out += "\n## Ratios\n\nMedians of ours over the other's, in alternation in one run; on one thread of processor time, \
                which other work on the machine disturbs less, on two of wall time.\n\n| ratio | | |\n|---|---|---|\n";
        for (name, ratio) in &report.ratios {
            _ = writeln!(out, "| `{name}` | {} | {} |", number(*ratio), times(*ratio));
        }
    }
    let picture = |out: &mut String, name: &str| {
        if let Some(p) = pictures.iter().find(|p| p.name == name) {
            _ = writeln!(out, "\n![{}]({FOLDER}/{name}.svg)", p.caption);
        }
    };
    let sections: [(&str, &str, &[&str]); 4] = [
        ("Proofs", "proofs", &["key_", "look_", "prove_", "prepare", "present_", "semaphore_prove"]),
        ("Verification", "verification", &["verify_", "semaphore_verify"]),
        ("The authority's tree", "tree", &["tree_"]),
        ("Memory", "memory", &["peak_"]),
    ];
    for (title, name, prefixes) in sections {
        let entries: Vec<&Entry> = report
            .results
            .iter()
            .filter(|e| !e.name.ends_with("_cpu") && prefixes.iter().any(|p| e.name.starts_with(p)))
            .collect();
        if entries.is_empty() {
            continue;
        }
        _ = writeln!(out, "\n## {title}");
        picture(&mut out, name);
        out += &table(report, &entries);
        if name == "tree" {
            for fit in &report.fits {
                let what = fit.name.replace('_', " ");
                _ = writeln!(
                    out,
                    "\n{what}: grows with the number of leaves to the power {}.",
                    power(fit.exponent)
                );
            }
        }
    }
    let s = &report.sizes;
    _ = write!(
        out,
        "\n## Sizes\n\n| | bytes |\n|---|---|\n| proof | {} |\n| presentation, binary | {} |\n| verifying key | {} |\n\
         | proving key | {} |\n",
        s.proof, s.presentation, s.verifying_key, s.proving_key
    );
    out += "\n## Rows\n";
    picture(&mut out, "rows");
    out += "\n| | rows |\n|---|---|\n";
    for entry in report.results.iter().filter(|e| e.unit == "rows") {
        let words = words(&entry.name);
        _ = writeln!(out, "| {} | {} |", words.strip_prefix("rows: ").unwrap_or("all"), entry.summary.median);
    }
    out
}

const METHOD: &str = "\
What is compared takes turns in one process on one pool of threads; a round before the first is not counted. Compare figures \
within this page only: such machines are noisy. *ark* is ark-groth16 0.6 used the ordinary way \
(`create_random_proof_with_reduction`, `verify_proof` with a prepared key, decoding included), on the same circuit and key, \
built with `parallel` and `asm` and the same flags as ours. Without bmi2 and adx at build time, as here unless said \
otherwise, `asm` is the carry instructions only. Our cold proof begins with credential, path and request and ends with 128 \
bytes; the key is loaded and its tables are made.
";

/// Whether other work took its share of the machine: then wall time on one thread is above processor time.
fn disturbance(report: &Report) -> String {
    let timed = report.results.iter().filter(|e| e.unit == "ms" && e.threads == 1 && e.summary.n > 1);
    let pairs: Vec<(f64, f64)> = timed
        .filter_map(|e| {
            let cpu = report.get(&format!("{}_cpu", e.name), e.by, 1)?;
            Some((e.summary.median, cpu.summary.median))
        })
        .collect();
    let above = pairs.iter().filter(|(wall, cpu)| *wall > 1.1 * cpu).count();
    if above == 0 {
        return String::new();
    }
    format!(
        "\n**The machine was not ours alone**: of {} medians on one thread {above} are more than a tenth above their \
         processor time. Figures of several threads suffer most.\n",
        pairs.len()
    )
}

fn table(report: &Report, entries: &[&Entry]) -> String {
    let mut out =
        "\n| | by | threads | median | p10 – p90 | n | processor |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for Entry { name, by, threads, unit, summary: s } in entries {
        let cpu = report.get(&format!("{name}_cpu"), *by, *threads);
        let cpu = cpu.map_or(String::new(), |e| format!("{} {unit}", number(e.summary.median)));
        let spread = if s.n > 1 { format!("{} – {}", number(s.p10), number(s.p90)) } else { String::new() };
        let (words, median) = (words(name), number(s.median));
        _ = writeln!(out, "| {words} | {by} | {threads} | {median} {unit} | {spread} | {} | {cpu} |", s.n);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::rows;
    use crate::stats::Summary;

    #[test]
    fn a_shared_machine_is_called_one() {
        let mut report = Report::new(true);
        for (name, median) in [("verify_single", 3.0), ("verify_single_cpu", 2.0)] {
            let summary = Summary { n: 9, ..Summary::exact(median) };
            let (name, by, unit) = (name.into(), Impl::Veilpass, "ms".into());
            report.results.push(Entry { name, by, threads: 1, unit, summary });
        }
        assert!(page(&report, &[]).contains("of 1 medians on one thread 1 are"));
        report.results.truncate(1);
        assert!(!page(&report, &[]).contains("not ours alone"));
    }

    #[test]
    fn the_page_names_machine_and_command() {
        let mut report = Report::new(true);
        report.results = rows();
        let page = page(&report, &[]);
        assert!(page.contains("bench --quick --out docs") && page.contains(&report.machine.rustc));
        assert!(page.contains("| path | "));
        assert!(!page.contains("## Ratios"), "no empty sections");
    }
}
