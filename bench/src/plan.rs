//! One run, from options to report.

use crate::error::BenchError;
use crate::measure::{Effort, thread_counts};
use crate::peak::{Child, Probe};
use crate::proving::Setting;
use crate::report::{Entry, Report, Sizes};
use crate::semaphore::{self, Semaphore};
use crate::verifying::{BATCHES, Checks, LARGEST};
use crate::{rows, tree};
use std::path::PathBuf;
use std::time::{Duration, Instant};
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

/// How long each kind of measurement should take, in seconds for each of its measurements. Without `total`, three
/// repetitions are made however long they take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Loading the key, on each number of threads.
    pub key: f64,
    /// Proofs, on each number of threads.
    pub proofs: f64,
    /// Single checks beside the largest batch.
    pub checks: f64,
    /// Batches, for each size on each number of threads.
    pub batches: f64,
    /// Building and changing a tree, for each size.
    pub trees: f64,
    /// The largest tree, as an exponent of two.
    pub largest_tree: u32,
    /// Semaphore in Node, and its key on each number of threads.
    pub semaphore: f64,
    /// Seconds for the whole run. What is left is divided among the steps that are left, in proportion to what
    /// each should take. A measurement that has no time left is made once.
    pub total: Option<f64>,
    /// Whether the report says that it was quick.
    pub quick: bool,
}

impl Budget {
    /// For figures that are published: about twenty minutes on two cores.
    pub const FULL: Budget = Budget {
        key: 20.0,
        proofs: 60.0,
        checks: 60.0,
        batches: 5.0,
        trees: 5.0,
        largest_tree: tree::TO,
        semaphore: 60.0,
        total: None,
        quick: false,
    };
    /// About two minutes, also where the processor has no wide instructions.
    pub const QUICK: Budget = Budget {
        key: 2.0,
        proofs: 6.0,
        checks: 5.0,
        batches: 0.5,
        trees: 0.3,
        largest_tree: 16,
        semaphore: 8.0,
        total: Some(105.0),
        quick: true,
    };
}

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long.
    pub budget: Budget,
    /// With what to compare.
    pub compare: Vec<Compare>,
    /// Most threads.
    pub threads: usize,
    /// How to start this program for a measurement of memory; without, memory is not measured.
    pub child: Option<Child>,
    /// Folder of Semaphore's packages, where they are installed when they are asked for.
    pub semaphore: PathBuf,
}

/// Seconds that are set aside for a measurement of memory.
const MEMORY: f64 = 2.0;

/// What happens, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many steps will be taken.
    Steps(usize),
    /// A step begins.
    Begins {
        /// What is measured.
        step: &'a str,
        /// What is left of the time that the run should take. Unknown for a run without such a time.
        left: Option<Duration>,
    },
    /// It is done.
    Done,
}

/// What a step adds to the report.
type Work<'a> = Box<dyn FnOnce(&mut Report, Effort) -> Result<(), BenchError> + 'a>;

/// A part of a run.
struct Step<'a> {
    name: String,
    /// What it should take, in seconds.
    seconds: f64,
    work: Work<'a>,
}

/// Steps in order.
#[derive(Default)]
struct Plan<'a>(Vec<Step<'a>>);

impl<'a> Plan<'a> {
    fn step(
        &mut self,
        name: impl Into<String>,
        seconds: f64,
        work: impl FnOnce(&mut Report, Effort) -> Result<(), BenchError> + 'a,
    ) {
        self.0.push(Step { name: name.into(), seconds, work: Box::new(work) });
    }

    /// A step that only adds results.
    fn measure(
        &mut self,
        name: impl Into<String>,
        seconds: f64,
        work: impl FnOnce(Effort) -> Result<Vec<Entry>, BenchError> + 'a,
    ) {
        self.step(name, seconds, |report, effort| {
            report.results.extend(work(effort)?);
            Ok(())
        });
    }

    /// Runs the steps. Of a run that should end at some time, each has its share of the time that is left.
    fn run(
        self,
        report: &mut Report,
        end: Option<Instant>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), BenchError> {
        tell(Event::Steps(self.0.len()));
        let mut wanted: f64 = self.0.iter().map(|step| step.seconds).sum();
        for Step { name, seconds, work } in self.0 {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            tell(Event::Begins { step: &name, left });
            let effort = match left {
                None => Effort::of_seconds(seconds),
                Some(left) => {
                    Effort::within(seconds * (left.as_secs_f64() / wanted.max(f64::EPSILON)).min(1.0))
                }
            };
            work(report, effort)?;
            wanted -= seconds;
            tell(Event::Done);
        }
        Ok(())
    }
}

/// Runs everything that is asked for. `tell` hears of each step before and after it.
pub fn run(options: &Options, tell: &mut dyn FnMut(Event<'_>)) -> Result<Report, BenchError> {
    let budget = options.budget;
    let end = budget.total.map(|total| Instant::now() + Duration::from_secs_f64(total));
    let with_ark = options.compare.contains(&Compare::Ark);
    let counts = &thread_counts(options.threads);
    let mut proving = Setting::new()?;
    let checks = &Checks::new(&mut proving)?;
    let proving = &proving;

    let mut plan = Plan::default();
    // What can fail for reasons outside comes first: nobody wants to wait for that.
    if options.compare.contains(&Compare::Semaphore) {
        let folder = &options.semaphore;
        plan.step("Semaphore's packages (430 MB)", 0.0, move |_, _| Semaphore::install(folder).map(drop));
        plan.measure("Semaphore's proofs", budget.semaphore, move |effort| {
            semaphore::measure(&Semaphore::install(folder)?, counts, effort)
        });
    }
    plan.measure("rows", 0.0, |_| Ok(rows::rows()));
    for &threads in counts {
        let on = on(threads);
        plan.measure(format!("the key, {on}"), budget.key, move |effort| proving.loading(threads, effort));
        plan.measure(format!("proofs, {on}"), budget.proofs, move |effort| {
            proving.measure(threads, effort, with_ark)
        });
    }
    plan.measure("checks, 1 thread", budget.checks, move |effort| checks.compared(LARGEST, effort, with_ark));
    for size in BATCHES {
        if size < LARGEST {
            let name = format!("batches of {size}, 1 thread");
            plan.measure(name, budget.batches, move |effort| checks.batch(size, effort));
        }
    }
    for exponent in tree::FROM..=budget.largest_tree {
        for &threads in ends(counts) {
            let name = format!("tree of 2^{exponent}, {}", on(threads));
            plan.measure(name, budget.trees, move |effort| {
                tree::build(1 << exponent, threads, effort.of_few())
            });
        }
        let name = format!("changes in a tree of 2^{exponent}");
        plan.measure(name, budget.trees, move |effort| tree::update(1 << exponent, 1, effort));
    }
    for child in options.child.iter() {
        for probe in Probe::ALL.into_iter().filter(|probe| *probe != Probe::ProveArk || with_ark) {
            let threads = options.threads;
            let name = format!("memory: {}", probe.name());
            plan.step(name, MEMORY, move |report, _| remember(report, probe, child, threads));
        }
    }

    let mut report = Report::new(budget.quick);
    plan.run(&mut report, end, tell)?;
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
