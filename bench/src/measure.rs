//! Repeated work under the clock, several subjects in alternation.
//!
//! What is compared takes turns, round by round: whatever disturbs the machine for a while disturbs all
//! of them. The first round tells what a round costs. It is not counted, except where a round can take minutes
//! ([`Effort::of_few`]) or where the time does not allow another few ([`Effort::within`]).

use crate::clock::{Begun, ms};
use crate::error::BenchError;
use crate::report::{Entry, Impl};
use crate::stats::Summary;
use std::time::{Duration, Instant};

/// One piece of work that is repeated. It answers for its own correctness: a wrong result is an error, since the
/// time of a wrong result means nothing.
pub type Work<'a> = Box<dyn FnMut() -> Result<(), BenchError> + Send + 'a>;

/// Work with a name.
pub struct Subject<'a> {
    /// Name of the result.
    pub name: String,
    /// Whose code it is.
    pub by: Impl,
    /// How many things one run does: times are per thing.
    pub per_run: usize,
    work: Work<'a>,
}

impl<'a> Subject<'a> {
    /// One thing each run.
    pub fn new(
        name: impl Into<String>,
        by: Impl,
        work: impl FnMut() -> Result<(), BenchError> + Send + 'a,
    ) -> Subject<'a> {
        Subject { name: name.into(), by, per_run: 1, work: Box::new(work) }
    }

    /// Times are per one of `count` things that a run does.
    pub fn per(self, count: usize) -> Subject<'a> {
        Subject { per_run: count.max(1), ..self }
    }

    /// Runs once, and keeps wall and processor time per thing.
    fn timed(&mut self, (wall, cpu): &mut (Vec<f64>, Vec<f64>)) -> Result<Duration, BenchError> {
        let begun = Begun::now();
        (self.work)()?;
        let took = begun.took();
        wall.push(ms(took.wall) / self.per_run as f64);
        cpu.push(ms(took.cpu) / self.per_run as f64);
        Ok(took.wall)
    }
}

/// How often something is repeated: until the time is over, within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// At least so many rounds, however long they take.
    pub at_least: usize,
    /// At most so many rounds.
    pub at_most: usize,
    /// Beyond `at_least`, no round begins that is expected to end after this.
    pub time: Duration,
    /// What the first round is for.
    pub first: First,
}

/// What the first round is for, beside telling what a round costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// It fills caches and is not counted.
    WarmsUp,
    /// It counts.
    Counts,
    /// It is not counted if it took a quarter of the time or less. Otherwise it counts.
    Depends,
}

impl Effort {
    /// At least three rounds, then until the time is over.
    pub fn of_seconds(seconds: f64) -> Effort {
        Effort { at_most: 1000, time: Duration::from_secs_f64(seconds.max(0.0)), ..Effort::of_rounds(3) }
    }

    /// So many rounds, however long they take.
    pub fn of_rounds(rounds: usize) -> Effort {
        Effort { at_least: rounds, at_most: rounds, time: Duration::ZERO, first: First::WarmsUp }
    }

    /// For what can take minutes: every round counts, and two are enough.
    pub fn of_few(self) -> Effort {
        let first = if self.first == First::WarmsUp { First::Counts } else { self.first };
        Effort { at_least: self.at_least.min(2), first, ..self }
    }

    /// One round, then until the time is over: the cost of the first round decides how many follow.
    pub fn within(seconds: f64) -> Effort {
        Effort { at_least: 1, first: First::Depends, ..Effort::of_seconds(seconds) }
    }

    /// A share of the time.
    pub fn share(self, part: f64) -> Effort {
        Effort { time: self.time.mul_f64(part.clamp(0.0, 1.0)), ..self }
    }
}

/// Runs all subjects in turn, on a pool of so many threads. Each gives two results, wall time under its own name
/// and processor time under that name with `_cpu`, in milliseconds.
pub fn alternate(
    threads: usize,
    effort: Effort,
    mut subjects: Vec<Subject<'_>>,
) -> Result<Vec<Entry>, BenchError> {
    let pool = pool(threads)?;
    let mut times: Vec<(Vec<f64>, Vec<f64>)> = subjects.iter().map(|_| Default::default()).collect();
    pool.install(|| {
        let mut begun = Instant::now();
        let first = subjects.iter_mut().zip(&mut times).map(|(subject, times)| subject.timed(times));
        let first = first.collect::<Result<Vec<Duration>, BenchError>>()?;
        let repeats = shares(&first);
        let cost: Duration = first.iter().zip(&repeats).map(|(own, times)| *own * *times as u32).sum();
        let counts = match effort.first {
            First::WarmsUp => false,
            First::Counts => true,
            First::Depends => begun.elapsed() > effort.time / 4,
        };
        let mut rounds = usize::from(counts);
        if !counts {
            times.iter_mut().for_each(|times| *times = Default::default());
            begun = Instant::now();
        }
        while rounds < effort.at_most && (rounds < effort.at_least || begun.elapsed() + cost <= effort.time) {
            for ((subject, times), repeats) in subjects.iter_mut().zip(&mut times).zip(&repeats) {
                for _ in 0..*repeats {
                    subject.timed(times)?;
                }
            }
            rounds += 1;
        }
        Ok::<(), BenchError>(())
    })?;
    let mut entries = Vec::new();
    for (subject, (wall, cpu)) in subjects.into_iter().zip(times) {
        let named = [(subject.name.clone(), wall), (format!("{}_cpu", subject.name), cpu)];
        entries.extend(named.into_iter().filter_map(|(name, samples)| {
            Some(Entry { summary: Summary::of(samples)?, name, by: subject.by, threads, unit: "ms".into() })
        }));
    }
    Ok(entries)
}

/// How often each subject runs in a round. Short work beside long work runs several times, each under the clock: it
/// would have few samples otherwise, and each of them with caches that the long work has filled.
fn shares(first: &[Duration]) -> Vec<usize> {
    let longest = first.iter().max().copied().unwrap_or_default();
    let share = |own: &Duration| (longest.as_secs_f64() / 8.0 / own.as_secs_f64().max(1e-9)) as usize;
    first.iter().map(|own| if longest < WORTHWHILE { 1 } else { share(own).clamp(1, 50) }).collect()
}

/// Rounds shorter than this are many anyway.
const WORTHWHILE: Duration = Duration::from_millis(10);

/// A pool of its own, so that what runs in it sees so many threads and no more.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool, BenchError> {
    let built = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
    built.map_err(|e| BenchError::Threads { threads, cause: e.to_string() })
}

/// 1, 2, 3 … 8, then doubled, up to `most`, which is the last.
pub fn thread_counts(most: usize) -> Vec<usize> {
    let most = most.max(1);
    let doubled = std::iter::successors(Some(16usize), |n| n.checked_mul(2));
    let mut counts: Vec<usize> = (1..=8).chain(doubled).take_while(|n| *n < most).collect();
    counts.push(most);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn subjects_take_turns_and_the_first_round_is_not_counted() {
        let order = Mutex::new(Vec::new());
        let subject = |name: &'static str| {
            let order = &order;
            Subject::new(name, Impl::Veilpass, move || {
                order.lock().map_err(|_| BenchError::Wrong("lock"))?.push(name);
                Ok(())
            })
        };
        let effort = Effort::of_rounds(3);
        let entries = alternate(1, effort, vec![subject("a"), subject("b").per(2)]).unwrap();
        let names: Vec<&str> = entries.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["a", "a_cpu", "b", "b_cpu"]);
        assert!(entries.iter().all(|e| e.summary.n == 3 && e.threads == 1));
        assert_eq!(order.into_inner().unwrap(), ["a", "b"].repeat(4));
    }

    /// What takes as long as the time allows runs once, and that counts; what is cheap is warmed up first.
    #[test]
    fn the_first_round_tells_how_many_follow() {
        let rounds = |work: Duration, effort: Effort| {
            let count = Mutex::new(0);
            let subject = Subject::new("a", Impl::Veilpass, || {
                *count.lock().map_err(|_| BenchError::Wrong("lock"))? += 1;
                std::thread::sleep(work);
                Ok(())
            });
            let entries = alternate(1, effort, vec![subject]).unwrap();
            (count.into_inner().unwrap(), entries[0].summary.n)
        };
        let (long, short) = (Duration::from_millis(40), Duration::from_millis(2));
        assert_eq!(rounds(long, Effort::within(0.01)), (1, 1));
        assert_eq!(rounds(long, Effort::within(0.0).of_few()), (1, 1));
        let (run, counted) = rounds(short, Effort { at_most: 5, ..Effort::within(1.0) });
        assert_eq!((run, counted), (6, 5));
        assert_eq!(rounds(long, Effort::of_seconds(0.0)), (4, 3), "however long they take");
        assert_eq!(rounds(long, Effort::of_seconds(0.0).of_few()), (2, 2));
    }

    #[test]
    fn short_work_runs_more_often() {
        let ms = Duration::from_millis;
        assert_eq!(shares(&[ms(400), ms(10), ms(200), Duration::ZERO]), [1, 5, 1, 50]);
        assert_eq!(shares(&[ms(9), ms(1)]), [1, 1]);
        assert_eq!(shares(&[]), [0; 0]);
    }

    #[test]
    fn a_wrong_answer_ends_the_measurement() {
        let wrong = Subject::new("a", Impl::Ark, || Err(BenchError::Wrong("a")));
        let outcome = alternate(1, Effort::of_seconds(0.0), vec![wrong]);
        assert!(matches!(outcome, Err(BenchError::Wrong("a"))));
    }

    #[test]
    fn pools_have_their_size_and_counts_end_at_the_last() {
        assert_eq!(pool(3).unwrap().install(rayon::current_num_threads), 3);
        assert_eq!(thread_counts(0), [1]);
        assert_eq!(thread_counts(2), [1, 2]);
        assert_eq!(thread_counts(8), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(thread_counts(40), [1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 40]);
    }
}
