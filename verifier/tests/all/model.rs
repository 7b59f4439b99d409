//! A model of accepted epochs: an authority that seals at its interval with outages, and platforms
//! that fetch when it pleases them, from mirrors that lag, with clocks up to two minutes off and
//! restarts with and without memory.
//!
//! Someone is removed in one epoch and, RESET_WAIT later, has a new leaf in another. Asserted of every
//! platform, by its own clock: no epoch before the removal is accepted RESET_WAIT after it or later;
//! never an old and a new epoch at one time; and what is accepted is what protocol.md says, computed a
//! second time from the authority's timeline. Broken rules are run too: each must be caught.

use crate::world::{Authority, HOUR, noon};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use veilpass_verifier::protocol::day::Timestamp;
use veilpass_verifier::protocol::epoch::{EpochStatement, RESET_WAIT_BASE};
use veilpass_verifier::{AcceptedEpochs, Policy};

const DAYS: u64 = 24 * HOUR;
const SKEW: i64 = 120;

/// What happened before somebody started to look.
struct Timeline {
    authority: Authority,
    /// Seal interval, a part of RESET_WAIT.
    interval: u64,
    /// Number of the first epoch without the removed leaf.
    removal: u64,
    /// Number of the first epoch with the person's new leaf.
    reset: u64,
}

impl Timeline {
    fn random(rng: &mut StdRng) -> Timeline {
        let interval = [HOUR / 2, HOUR, 6 * HOUR, DAYS][rng.gen_range(0..4)];
        let mut authority = Authority::new(1);
        let (start, end) = (noon(), noon().plus(9 * DAYS));
        let mut now = start;
        while now < end {
            authority.seal(now, if now == start { 2000 } else { 0 });
            let outage = if rng.gen_bool(0.02) { rng.gen_range(0..3 * DAYS) } else { 0 };
            now = now.plus(interval + outage + rng.gen_range(0..60));
        }
        let sealed = |epoch: &&EpochStatement| epoch.sealed_at >= start.plus(2 * DAYS);
        let removed = authority.statements.iter().find(sealed).unwrap();
        let (removal, removed_at) = (removed.epoch, removed.sealed_at);
        let waited = |epoch: &&EpochStatement| epoch.sealed_at >= removed_at.plus(RESET_WAIT_BASE + interval);
        let reset = authority.statements.iter().find(waited).map_or(u64::MAX, |s| s.epoch);
        Timeline { authority, interval, removal, reset }
    }

    fn sealed_at(&self, epoch: u64) -> Timestamp {
        self.authority.statements[epoch as usize - 1].sealed_at
    }

    fn len(&self) -> u64 {
        self.authority.statements.len() as u64
    }
}

/// A rule for what is accepted: the real one, or a broken one.
trait Rule {
    fn new(timeline: &Timeline, policy: Policy) -> Self;
    fn fetch(&mut self, timeline: &Timeline, epoch: u64, now: Timestamp);
    fn accepts(&self, timeline: &Timeline, epoch: u64, now: Timestamp) -> bool;
    fn restart(&mut self, timeline: &Timeline, with_memory: bool);
}

struct Real {
    epochs: AcceptedEpochs,
    policy: Policy,
    /// The rule once more, from protocol.md and the timeline: the newest epoch installed.
    newest: Option<u64>,
}

impl Rule for Real {
    fn new(timeline: &Timeline, policy: Policy) -> Real {
        let epochs = AcceptedEpochs::starting_without_memory(timeline.authority.key());
        Real { epochs, policy, newest: None }
    }

    fn fetch(&mut self, timeline: &Timeline, epoch: u64, now: Timestamp) {
        let note = &timeline.authority.notes[epoch as usize - 1];
        let installed = self.epochs.install(note, &self.policy, now).is_ok();
        let sealed_at = timeline.sealed_at(epoch);
        let in_time = sealed_at <= now.plus(120) && now < sealed_at.plus(self.policy.max_age());
        let expected = match self.newest {
            Some(newest) if epoch <= newest => epoch == newest,
            _ => in_time,
        };
        assert_eq!(installed, expected, "epoch {epoch} at {now}");
        if installed {
            self.newest = Some(epoch);
        }
    }

    fn accepts(&self, timeline: &Timeline, epoch: u64, now: Timestamp) -> bool {
        let accepted = self.epochs.root(epoch, &self.policy, now).is_ok();
        let expected = self.newest.is_some_and(|newest| {
            let sealed_at = timeline.sealed_at(newest);
            let usable = sealed_at <= now.plus(120) && now < sealed_at.plus(self.policy.max_age());
            let in_window = || {
                let replaced_at = timeline.sealed_at(epoch + 1);
                sealed_at < replaced_at.plus(DAYS) && now < replaced_at.plus(self.policy.grace())
            };
            usable && (epoch == newest || (epoch < newest && in_window()))
        });
        assert_eq!(accepted, expected, "epoch {epoch} at {now}, newest {:?}", self.newest);
        accepted
    }

    fn restart(&mut self, timeline: &Timeline, with_memory: bool) {
        let authority = timeline.authority.key();
        if with_memory {
            self.epochs = AcceptedEpochs::restore(&self.epochs.save(), authority).unwrap();
        } else {
            *self =
                Real { epochs: AcceptedEpochs::starting_without_memory(authority), newest: None, ..*self };
        }
    }
}

/// How a broken rule goes wrong. All of them were, or are, somebody's rule.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// The grace of every epoch known runs from when the platform learned of a newer one.
    GraceFromLearning,
    /// The window's grace runs from when the newest statement was installed.
    GraceFromInstall,
    /// The newest statement is good for AGE_MAX after it was fetched.
    AgeFromFetch,
    /// The newest statement is good until there is a newer one.
    NoAge,
}

struct Broken<const FAULT: u8> {
    policy: Policy,
    newest: Option<(u64, Timestamp)>,
    learned: Vec<(u64, Timestamp)>,
}

impl<const FAULT: u8> Broken<FAULT> {
    const FAULT: Fault =
        [Fault::GraceFromLearning, Fault::GraceFromInstall, Fault::AgeFromFetch, Fault::NoAge]
            [FAULT as usize];
}

impl<const FAULT: u8> Rule for Broken<FAULT> {
    fn new(_: &Timeline, policy: Policy) -> Self {
        Broken { policy, newest: None, learned: Vec::new() }
    }

    fn fetch(&mut self, timeline: &Timeline, epoch: u64, now: Timestamp) {
        let sealed_at = timeline.sealed_at(epoch);
        let in_time = sealed_at <= now.plus(120) && now < sealed_at.plus(self.policy.max_age());
        if !in_time || self.newest.is_some_and(|(newest, _)| epoch <= newest) {
            return;
        }
        if let Some((old, _)) = self.newest {
            self.learned.push((old, now));
        }
        self.newest = Some((epoch, now));
    }

    fn accepts(&self, timeline: &Timeline, epoch: u64, now: Timestamp) -> bool {
        let Some((newest, installed_at)) = self.newest else { return false };
        let (fault, sealed_at) = (Self::FAULT, timeline.sealed_at(newest));
        let aged_from = if fault == Fault::AgeFromFetch { installed_at } else { sealed_at };
        let usable = fault == Fault::NoAge || now < aged_from.plus(self.policy.max_age());
        let grace = self.policy.grace();
        let learned = || self.learned.iter().any(|(n, at)| *n == epoch && now < at.plus(grace));
        let in_window = || {
            let replaced_at = timeline.sealed_at(epoch + 1);
            let from = if fault == Fault::GraceFromInstall { installed_at } else { replaced_at };
            sealed_at < replaced_at.plus(DAYS) && now < from.plus(grace)
        };
        let old = || in_window() || (fault == Fault::GraceFromLearning && learned());
        usable && (epoch == newest || (epoch < newest && old()))
    }

    fn restart(&mut self, _: &Timeline, with_memory: bool) {
        if !with_memory {
            (self.newest, self.learned) = (None, Vec::new());
        }
    }
}

/// One platform's life. Gives the number of acceptances looked at, or what went wrong.
fn live<R: Rule>(timeline: &Timeline, rng: &mut StdRng) -> Result<u64, String> {
    let policy = if rng.gen_bool(0.5) {
        Policy::default()
    } else {
        let stricter = Policy::default().with_grace(rng.gen_range(0..=DAYS)).unwrap();
        stricter.with_max_age(rng.gen_range(HOUR..=2 * DAYS)).unwrap()
    };
    let mut rule = R::new(timeline, policy);
    let removed_at = timeline.sealed_at(timeline.removal);
    let too_late = removed_at.plus(RESET_WAIT_BASE + timeline.interval);
    let mut real_time = noon();
    let mut seen = 0;
    while real_time < noon().plus(10 * DAYS) {
        let pause = match rng.gen_range(0..10) {
            0 => rng.gen_range(0..3 * DAYS),
            1..4 => rng.gen_range(0..DAYS),
            _ => rng.gen_range(0..2 * HOUR),
        };
        real_time = real_time.plus(pause);
        let skew = rng.gen_range(-SKEW..=SKEW);
        let now = Timestamp::new(real_time.seconds().saturating_add_signed(skew));
        let mut sealed = (1..=timeline.len()).filter(|n| timeline.sealed_at(*n) <= real_time);
        let newest = sealed.next_back().unwrap_or(1);
        match rng.gen_range(0..12) {
            0 => rule.restart(timeline, true),
            1 => rule.restart(timeline, false),
            2 => rule.fetch(timeline, rng.gen_range(1..=newest), now),
            3..7 => rule.fetch(timeline, newest, now),
            _ => (),
        }
        let accepted: Vec<u64> = (1..=newest).filter(|n| rule.accepts(timeline, *n, now)).collect();
        seen += accepted.len() as u64;
        let old = accepted.iter().find(|n| **n < timeline.removal);
        let new = accepted.iter().find(|n| **n >= timeline.reset);
        if let Some(old) = old.filter(|_| now >= too_late) {
            return Err(format!("epoch {old} accepted at {now}, removed at {removed_at}"));
        }
        if let (Some(old), Some(new)) = (old, new) {
            return Err(format!("epochs {old} and {new} accepted together at {now}"));
        }
    }
    Ok(seen)
}

/// Runs one rule through many lives; the first fault with its seed.
fn explore<R: Rule>(timelines: u64, lives: u64) -> Result<u64, String> {
    let mut seen = 0;
    for seed in 0..timelines {
        let mut rng = StdRng::seed_from_u64(seed);
        let timeline = Timeline::random(&mut rng);
        for life in 0..lives {
            seen += live::<R>(&timeline, &mut rng).map_err(|e| format!("seed {seed}, life {life}: {e}"))?;
        }
    }
    Ok(seen)
}

fn long() -> bool {
    std::env::var_os("VEILPASS_LONG").is_some_and(|v| v == "1")
}

#[test]
fn nothing_is_accepted_reset_wait_after_a_removal() {
    let timelines = if long() { 400 } else { 24 };
    let seen = explore::<Real>(timelines, 20).unwrap();
    assert!(seen > 10_000, "the platforms must have accepted something: {seen}");
}

/// The positive controls: the model finds each of the rules that look right and are not.
#[test]
fn broken_rules_are_caught() {
    for (fault, found) in [
        ("grace from learning", explore::<Broken<0>>(40, 40)),
        ("grace from install", explore::<Broken<1>>(40, 40)),
        ("age from fetch", explore::<Broken<2>>(40, 40)),
        ("no age", explore::<Broken<3>>(40, 40)),
    ] {
        assert!(found.is_err(), "{fault}");
    }
}
