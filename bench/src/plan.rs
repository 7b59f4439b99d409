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

/// How long each kind of measurement may take, in seconds for each of its measurements; three repetitions are made
/// however long they take.
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
    /// Whether the report says that it was quick.
    pub quick: bool,
}

impl Budget {
    /// For figures that are published: about twenty minutes on two cores.
    pub const FULL: Budget = Budget {
        key: 10.0,
        proofs: 60.0,
        checks: 60.0,
        batches: 5.0,
        trees: 5.0,
        largest_tree: tree::TO,
        semaphore: 60.0,
        quick: false,
    };
    /// Less than two minutes.
    pub const QUICK: Budget = Budget {
        key: 1.0,
        proofs: 6.0,
        checks: 5.0,
        batches: 0.5,
        trees: 0.3,
        largest_tree: 16,
        semaphore: 8.0,
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

/// What a step adds to the report.
type Work<'a> = Box<dyn FnOnce(&mut Report) -> Result<(), BenchError> + 'a>;

/// Steps with their names, in order.
#[derive(Default)]
struct Plan<'a>(Vec<(String, Work<'a>)>);

impl<'a> Plan<'a> {
    fn step(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce(&mut Report) -> Result<(), BenchError> + 'a,
    ) {
        self.0.push((name.into(), Box::new(work)));
    }

    /// A step that only adds results.
    fn measure(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce() -> Result<Vec<Entry>, BenchError> + 'a,
    ) {
        self.step(name, |report| {
            report.results.extend(work()?);
            Ok(())
        });
    }
}

/// Runs everything that is asked for. `tell` hears of each step before and after it.
pub fn run(options: &Options, tell: &mut dyn FnMut(Event<'_>)) -> Result<Report, BenchError> {
    let (budget, seconds) = (options.budget, Effort::of_seconds);
    let with_ark = options.compare.contains(&Compare::Ark);
    let counts = &thread_counts(options.threads);
    let mut proving = Setting::new()?;
    let checks = &Checks::new(&mut proving)?;
    let proving = &proving;

    let mut plan = Plan::default();
    // What can fail for reasons outside comes first: nobody wants to wait for that.
    if options.compare.contains(&Compare::Semaphore) {
        let folder = &options.semaphore;
        plan.step("Semaphore's packages (430 MB)", move |_| Semaphore::install(folder).map(drop));
        plan.measure("Semaphore's proofs", move || {
            semaphore::measure(&Semaphore::install(folder)?, counts, seconds(budget.semaphore))
        });
    }
    plan.measure("rows", || Ok(rows::rows()));
    for &threads in counts {
        let on = on(threads);
        plan.measure(format!("the key, {on}"), move || proving.loading(threads, seconds(budget.key)));
        plan.measure(format!("proofs, {on}"), move || {
            proving.measure(threads, seconds(budget.proofs), with_ark)
        });
    }
    plan.measure("checks, 1 thread", move || checks.compared(LARGEST, seconds(budget.checks), with_ark));
    for size in BATCHES {
        for &threads in counts.iter().filter(|threads| (size, **threads) != (LARGEST, 1)) {
            let name = format!("batches of {size}, {}", on(threads));
            plan.measure(name, move || checks.batch(size, threads, seconds(budget.batches)));
        }
    }
    for exponent in tree::FROM..=budget.largest_tree {
        for &threads in ends(counts) {
            let name = format!("tree of 2^{exponent}, {}", on(threads));
            plan.measure(name, move || tree::build(1 << exponent, threads, seconds(budget.trees).of_few()));
        }
        let name = format!("changes in a tree of 2^{exponent}");
        plan.measure(name, move || tree::update(1 << exponent, 1, seconds(budget.trees)));
    }
    for child in options.child.iter() {
        for probe in Probe::ALL.into_iter().filter(|probe| *probe != Probe::ProveArk || with_ark) {
            let threads = options.threads;
            let name = format!("memory: {}", probe.name());
            plan.step(name, move |report| remember(report, probe, child, threads));
        }
    }

    let mut report = Report::new(budget.quick);
    report.machine.profile += &format!("; our engine uses {} instructions", proving.machine());
    tell(Event::Steps(plan.0.len()));
    for (name, work) in plan.0 {
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
