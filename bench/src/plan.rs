//! One run, from options to report.

use crate::error::BenchError;
use crate::measure::{Effort, thread_counts};
use crate::peak::{Child, Probe};
use crate::proving::{Setting, key_load};
use crate::report::{Report, Sizes};
use crate::semaphore::{self, Semaphore};
use crate::verifying::{BATCHES, Checks};
use crate::{rows, tree};
use std::path::PathBuf;
use veilpass_params::dev;
use veilpass_protocol::presentation::{PROOF_BYTES, Presentation};

/// What Veilpass is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// arkworks on the same circuit.
    Ark,
    /// Semaphore v4 of depth 32.
    Semaphore,
}

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything in less than two minutes: fewer repetitions, trees to 2^16.
    pub quick: bool,
    /// With what to compare.
    pub compare: Vec<Compare>,
    /// Most threads.
    pub threads: usize,
    /// How to start this program for a measurement of memory; without, memory is not measured.
    pub child: Option<Child>,
    /// Folder of Semaphore's packages, where they are installed when they are asked for.
    pub semaphore: PathBuf,
}

/// What happens, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many steps will be taken.
    Steps(usize),
    /// A step begins.
    Begins(&'a str),
    /// It is done.
    Done,
}

/// A step's name and what it adds to the report.
type Step<'a> = (String, Box<dyn FnOnce(&mut Report) -> Result<(), BenchError> + 'a>);

/// Runs everything that is asked for. `tell` hears of each step before and after it.
pub fn run(options: &Options, tell: &mut dyn FnMut(Event<'_>)) -> Result<Report, BenchError> {
    let seconds = |quick: f64, full: f64| Effort::of_seconds(if options.quick { quick } else { full });
    let with_ark = options.compare.contains(&Compare::Ark);
    let counts = thread_counts(options.threads);
    let mut proving = Setting::new()?;
    let checks = Checks::new(&mut proving)?;
    let (proving, checks) = (&proving, &checks);
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut step = |name: String, work: Box<dyn FnOnce(&mut Report) -> Result<(), BenchError>>| {
        steps.push((name, work));
    };
    macro_rules! measured {
        ($name:expr, $work:expr) => {
            step(
                $name,
                Box::new(move |report| {
                    report.results.extend($work?);
                    Ok(())
                }),
            )
        };
    }

    measured!("rows".into(), Ok::<_, BenchError>(rows::rows()));
    for &threads in &counts {
        let on = on(threads);
        measured!(format!("loading the key, {on}"), key_load(threads, seconds(1.0, 10.0)));
        measured!(format!("proofs, {on}"), proving.measure(threads, seconds(6.0, 60.0), with_ark));
    }
    measured!("single checks".into(), checks.single(seconds(2.0, 20.0), with_ark));
    for size in BATCHES {
        for &threads in &counts {
            let name = format!("batches of {size}, {}", on(threads));
            measured!(name, checks.batch(size, threads, seconds(0.5, 5.0)));
        }
    }
    let largest = if options.quick { 16 } else { tree::TO };
    for exponent in tree::FROM..=largest {
        for &threads in ends(&counts) {
            let name = format!("tree of 2^{exponent} leaves, {}", on(threads));
            measured!(name, tree::build(1 << exponent, threads, seconds(0.3, 5.0)));
        }
        let name = format!("changes in a tree of 2^{exponent} leaves");
        measured!(name, tree::update(1 << exponent, 1, seconds(0.3, 3.0)));
    }
    if let Some(child) = &options.child {
        for probe in Probe::ALL {
            if probe != Probe::ProveArk || with_ark {
                step(
                    format!("memory: {}", probe.name()),
                    Box::new(move |report| remember(report, probe, child, options.threads)),
                );
            }
        }
    }
    if options.compare.contains(&Compare::Semaphore) {
        let effort = seconds(10.0, 60.0);
        let counts = counts.clone();
        step(
            "Semaphore: packages, key, proofs".into(),
            Box::new(move |report| {
                let semaphore = Semaphore::install(&options.semaphore)?;
                report.results.extend(semaphore::measure(&semaphore, &counts, effort)?);
                Ok(())
            }),
        );
    }

    let mut report = Report::new(options.quick);
    tell(Event::Steps(steps.len()));
    for (name, work) in steps {
        tell(Event::Begins(&name));
        work(&mut report)?;
        tell(Event::Done);
    }
    report.fits = tree::fits(&report.results, 1);
    report.sizes = sizes(report.sizes.peak_rss, proving)?;
    report.find_ratios();
    Ok(report)
}

fn on(threads: usize) -> String {
    if threads == 1 { "1 thread".into() } else { format!("{threads} threads") }
}

/// The first and the last, once if they are the same.
fn ends(counts: &[usize]) -> impl Iterator<Item = &usize> {
    counts.iter().take(1).chain(counts.iter().skip(1).last())
}

fn remember(report: &mut Report, probe: Probe, child: &Child, threads: usize) -> Result<(), BenchError> {
    if let Some(bytes) = probe.run_in(child)? {
        report.results.push(probe.entry(bytes, threads));
        if probe == Probe::Prove {
            report.sizes.peak_rss = Some(bytes);
        }
    }
    Ok(())
}

fn sizes(peak_rss: Option<u64>, proving: &Setting) -> Result<Sizes, BenchError> {
    let presentation = Presentation {
        circuit: proving.key().circuit_id(),
        epoch: 1,
        pseudonym: Default::default(),
        proof: [0; PROOF_BYTES],
    };
    Ok(Sizes {
        proof: PROOF_BYTES as u64,
        presentation: presentation.to_binary().len() as u64,
        proving_key: dev::proving_key_bytes().len() as u64,
        verifying_key: dev::verifying_key_bytes().len() as u64,
        peak_rss,
    })
}
