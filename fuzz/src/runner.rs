//! Replays a corpus, then runs seeded mutations of it. No instrumentation: what an input reaches is not
//! seen, so what was accepted is kept for a while as material for further mutations.

use crate::mutate::{Rng, hash, mutate};
use crate::{Target, Verdict};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

/// Accepted mutants that are kept beside the corpus.
const KEPT: usize = 256;

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Inputs of the corpus that were replayed.
    pub corpus: u64,
    /// Mutants that were run.
    pub executions: u64,
    /// Time for all of it.
    pub seconds: f64,
    /// Inputs, corpus included, that the parser accepted.
    pub accepted: u64,
    /// Inputs that it refused.
    pub rejected: u64,
    /// Longest time of one input.
    pub slowest: Duration,
    /// The input that broke a promise; the run ended with it.
    pub crash: Option<Crash>,
}

/// An input that breaks a promise.
#[derive(Debug, Clone)]
pub struct Crash {
    /// The input, as short as it could be made.
    pub input: Vec<u8>,
    /// What the panic said.
    pub message: String,
}

/// When a run ends.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Mutants at most.
    pub executions: u64,
    /// Time at most.
    pub time: Option<Duration>,
}

thread_local! {
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics are results here: they are kept instead of printed.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if INSIDE.with(|inside| *inside.borrow()) {
                SAID.with(|said| *said.borrow_mut() = info.to_string());
            } else {
                before(info);
            }
        }));
    });
}

thread_local! {
    static INSIDE: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs one input; what the panic said, if it broke a promise.
pub fn judge(target: &Target, input: &[u8]) -> Result<Verdict, String> {
    quiet();
    INSIDE.with(|inside| *inside.borrow_mut() = true);
    let judged = catch_unwind(AssertUnwindSafe(|| (target.judge)(input)));
    INSIDE.with(|inside| *inside.borrow_mut() = false);
    judged.map_err(|payload| {
        let said = SAID.with(|said| std::mem::take(&mut *said.borrow_mut()));
        // Panics of other threads are thrown again here without passing the hook.
        if said.is_empty() { words(&*payload) } else { said }
    })
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

/// Replays the corpus, then runs mutations of it with a seed.
pub fn run(target: &Target, corpus: &[Vec<u8>], seed: u64, limits: Limits) -> Report {
    let begun = Instant::now();
    let mut report = Report::default();
    let mut kept: Vec<Vec<u8>> = Vec::new();
    // Accepted mutants grow: what is much longer than the corpus only costs time.
    let longest = 64 + 2 * corpus.iter().map(Vec::len).max().unwrap_or_default();
    let mut rng = Rng::new(seed ^ hash(target.name.as_bytes()));
    for input in corpus {
        report.corpus += 1;
        if !report.count(target, input).1 {
            break;
        }
    }
    let over = |n: u64| limits.time.is_some_and(|t| n.is_multiple_of(64) && begun.elapsed() >= t);
    while report.crash.is_none() && report.executions < limits.executions && !over(report.executions) {
        let n = rng.below(corpus.len() + kept.len());
        let from = |n: usize| corpus.get(n).or_else(|| kept.get(n.saturating_sub(corpus.len())));
        let other = rng.below(corpus.len() + kept.len());
        let empty = Vec::new();
        let mut input =
            mutate(from(n).unwrap_or(&empty), from(other).unwrap_or(&empty), target.words, &mut rng);
        if let Some(repair) = target.repair.filter(|_| rng.below(2) == 0) {
            repair(&mut input);
        }
        report.executions += 1;
        let (accepted, held) = report.count(target, &input);
        if accepted && held && input.len() <= longest {
            if kept.len() < KEPT {
                kept.push(input);
            } else {
                let at = rng.below(KEPT);
                kept[at] = input;
            }
        }
    }
    report.seconds = begun.elapsed().as_secs_f64();
    report
}

impl Report {
    /// Runs and counts one input: whether it was accepted, and whether every promise held.
    fn count(&mut self, target: &Target, input: &[u8]) -> (bool, bool) {
        let begun = Instant::now();
        let judged = judge(target, input);
        self.slowest = self.slowest.max(begun.elapsed());
        let accepted = judged == Ok(Verdict::Accepted);
        match judged {
            Ok(Verdict::Accepted) => self.accepted += 1,
            Ok(Verdict::Rejected) => self.rejected += 1,
            Err(message) => self.crash = Some(Crash { input: shorten(target, input), message }),
        }
        (accepted, self.crash.is_none())
    }
}

/// A shorter input that breaks a promise as well: pieces are left out as long as that goes.
pub fn shorten(target: &Target, input: &[u8]) -> Vec<u8> {
    let mut input = input.to_vec();
    let mut piece = input.len().div_ceil(2).max(1);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut at = 0;
        while at < input.len() && Instant::now() < deadline {
            let end = (at + piece).min(input.len());
            let without = [&input[..at], &input[end..]].concat();
            if judge(target, &without).is_err() {
                input = without;
            } else {
                at = end;
            }
        }
        if piece == 1 || Instant::now() >= deadline {
            return input;
        }
        piece = piece.div_ceil(2);
    }
}
