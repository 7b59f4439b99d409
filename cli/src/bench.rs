//! `veilpass bench`: what everything costs, beside what others cost.

use crate::common::read_text;
use crate::out::folder;
use crate::outcome::{Failure, Reply};
use crate::progress;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use veilpass_bench::peak::{Child, Probe};
use veilpass_bench::{BenchError, Budget, Compare, Event, Machine, Options, Report, page, text};

/// What to measure.
#[derive(Debug, Args)]
pub struct Bench {
    /// About two minutes instead of twenty: fewer repetitions, smaller trees
    #[arg(long)]
    quick: bool,
    /// Measure somebody else's in the same run; twice for both. Semaphore is installed through npm (430 MB)
    #[arg(long, value_enum)]
    compare: Vec<With>,
    /// Most threads; as many as there are cores where it is not said
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Folder that gets benchmarks.md, and beside it pictures, JSON and CSV
    #[arg(long, value_parser = folder)]
    out: Option<PathBuf>,
    /// Folder into which Semaphore's packages are installed
    #[arg(long, default_value = "bench/semaphore")]
    semaphore: PathBuf,
    /// Measure nothing: take the figures of this JSON, of an earlier run
    #[arg(long, value_name = "JSON", conflicts_with_all = ["quick", "compare", "threads"])]
    from: Option<PathBuf>,
    /// Measure nothing: say which processor, build and instructions figures would be of
    #[arg(long, conflicts_with_all = ["quick", "compare", "threads", "out", "from"])]
    machine: bool,
    /// Do one thing, then say how much memory it took
    #[arg(long, hide = true, conflicts_with_all = ["quick", "compare", "threads", "out", "from"])]
    probe: Option<String>,
}

/// Whom to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum With {
    /// arkworks on the same circuit and key
    Ark,
    /// Semaphore v4, depth 32, through npm, and its key through arkworks
    Semaphore,
}

/// Measures; writes files where `--out` says so.
pub fn run(what: &Bench) -> Result<Reply, Failure> {
    if let Some(name) = &what.probe {
        let bytes = Probe::from_name(name).map_err(|e| Failure::Usage(e.to_string()))?;
        let bytes = bytes.run().map_err(fault)?.map_or("unknown".to_owned(), |bytes| bytes.to_string());
        return Ok(Reply::raw(bytes.clone(), bytes));
    }
    if what.machine {
        let machine = Machine::here();
        let text = format!("{}, {} cores, {}\n{}", machine.cpu, machine.cores, machine.os, machine.build());
        return Reply::new(&machine, text);
    }
    let report = match &what.from {
        Some(file) => {
            let bad = |e: BenchError| Failure::Usage(format!("--from {}: {e}", file.display()));
            let mut report = Report::from_json(&read_text(file)?).map_err(bad)?;
            report.find_ratios();
            report
        }
        None => measured(what)?,
    };
    let mut text = text::text(&report);
    if let Some(folder) = &what.out {
        for file in page::write(&report, folder).map_err(fault)? {
            text += &format!("\nwritten: {}", file.display());
        }
    }
    Reply::new(&report, text)
}

fn measured(what: &Bench) -> Result<Report, Failure> {
    let program = std::env::current_exe().map_err(|e| Failure::fault("this program's own file", e))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        budget: if what.quick { Budget::QUICK } else { Budget::FULL },
        compare: what
            .compare
            .iter()
            .map(|with| match with {
                With::Ark => Compare::Ark,
                With::Semaphore => Compare::Semaphore,
            })
            .collect(),
        threads: what.threads.map_or(cores, usize::from),
        child: Some(Child { program, arguments: vec!["bench".into(), "--probe".into()] }),
        semaphore: what.semaphore.clone(),
    };
    let bar = progress::steps("getting ready");
    let report = veilpass_bench::run(&options, &mut |event| match event {
        Event::Steps(count) => bar.set_length(count as u64),
        Event::Begins { step, left } => bar.set_message(match left {
            None => step.to_owned(),
            Some(left) if left.as_secs() == 0 => format!("{step} (longer than planned)"),
            Some(left) => format!("{step} (about {} s left)", left.as_secs()),
        }),
        Event::Done => bar.inc(1),
    });
    bar.finish_and_clear();
    report.map_err(fault)
}

fn fault(e: BenchError) -> Failure {
    Failure::Fault(e.to_string())
}
