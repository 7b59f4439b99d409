//! A queue in front of the batch: a platform puts screened presentations in and takes verdicts out.
//!
//! It has no thread and no clock. The caller says what time it is, and all work is done in [`Stream::take`] and
//! [`Stream::flush`], on the caller's thread and those it was told to use.

use crate::error::VerifyError;
use crate::evidence::VerifiedPresentation;
use crate::verifier::{Screened, settle};
use rand::{CryptoRng, RngCore};
use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

/// How a [`Stream`] gathers and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most presentations in one batch; so many make a batch at once. A proof costs less in a larger batch, with little
    /// to gain beyond some hundreds; the answer to the first one waits for the last.
    pub batch: NonZeroUsize,
    /// Most presentations that are held, a few kilobytes each; one more is refused.
    pub capacity: NonZeroUsize,
    /// The longest that a presentation waits for others.
    pub max_wait: Duration,
    /// Threads for a batch.
    pub threads: NonZeroUsize,
}

/// Screened presentations on their way to a verdict, each with a tag of the platform's own: whatever finds the
/// person who waits. Tags are carried, never compared; they may repeat.
///
/// Verdicts come out in the order in which presentations went in, one for each, with the outcome that
/// [`Screened::check_proof`] has for it; a bad proof spoils no other one. A stream of nothing but bad proofs costs about
/// half as much again as checking each by itself.
///
/// What was screened was in time when it was screened; how long it waits here changes nothing. Verdicts are evidence
/// and have used nothing up: see [`VerifiedPresentation::entry`].
#[derive(Debug)]
pub struct Stream<'v, T> {
    limits: Limits,
    waiting: VecDeque<(T, Duration, Screened<'v>)>,
}

/// A [`Stream`] holds as many presentations as it may. What was to be pushed is given back.
pub struct Full<'v, T> {
    /// The tag.
    pub tag: T,
    /// The presentation.
    pub screened: Screened<'v>,
}

impl<T> fmt::Debug for Full<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full")
    }
}

impl<T> fmt::Display for Full<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream holds as many presentations as it may")
    }
}

impl<T> std::error::Error for Full<'_, T> {}

impl<'v, T> Stream<'v, T> {
    /// An empty one.
    pub fn new(limits: Limits) -> Stream<'v, T> {
        Stream { limits, waiting: VecDeque::new() }
    }

    /// How many presentations wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Puts a presentation in. `at` is the time on any clock of the caller's that keeps its origin; a monotonic one is
    /// best.
    pub fn push(&mut self, tag: T, screened: Screened<'v>, at: Duration) -> Result<(), Box<Full<'v, T>>> {
        if self.waiting.len() >= self.limits.capacity.get() {
            return Err(Box::new(Full { tag, screened }));
        }
        self.waiting.push_back((tag, at, screened));
        Ok(())
    }

    /// Whether [`Stream::take`] has work: a batch is full, the capacity is reached, or somebody has waited long enough. A clock that
    /// went backwards counts as that: nobody waits for it to come round again.
    pub fn is_due(&self, at: Duration) -> bool {
        let Some((_, since, _)) = self.waiting.front() else { return false };
        let most = self.limits.batch.min(self.limits.capacity);
        let waited = at.checked_sub(*since);
        self.waiting.len() >= most.get() || waited.is_none_or(|waited| waited >= self.limits.max_wait)
    }

    /// When the first one has waited long enough: until then, or the next push, there is nothing to do.
    pub fn due_at(&self) -> Option<Duration> {
        self.waiting.front().map(|(_, since, _)| since.saturating_add(self.limits.max_wait))
    }

    /// Checks one batch if it is due, and gives its verdicts; nothing otherwise. Call it until it gives nothing.
    /// `rng` must be unpredictable for whoever made the proofs.
    pub fn take<R: RngCore + CryptoRng>(
        &mut self,
        at: Duration,
        rng: &mut R,
    ) -> Vec<(T, Result<VerifiedPresentation, VerifyError>)> {
        if self.is_due(at) { self.flush(rng) } else { Vec::new() }
    }

    /// Checks one batch without waiting for it to be due: at the end, until it gives nothing.
    pub fn flush<R: RngCore + CryptoRng>(
        &mut self,
        rng: &mut R,
    ) -> Vec<(T, Result<VerifiedPresentation, VerifyError>)> {
        let most = self.waiting.len().min(self.limits.batch.get());
        let (tags, screened): (Vec<T>, Vec<_>) =
            self.waiting.drain(..most).map(|(tag, _, screened)| (tag, Ok(screened))).unzip();
        tags.into_iter().zip(settle(self.limits.threads, screened, rng)).collect()
    }
}
