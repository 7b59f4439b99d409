//! What a platform counts besides its requests: nothing that tells one person from another.

use super::epochs::{FollowError, Follower};
use crate::http::{Counter, Gauge, Metrics, Outcomes};

/// The platform's own counters.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Requests that were made.
    pub asked: Counter,
    /// Answers by what became of them: `accepted`, `declined`, or a code of contract §7.
    pub answers: Outcomes,
    readings: Outcomes,
    epoch: Gauge,
    sealed_at: Gauge,
    contradictions: Gauge,
}

impl Counts {
    /// Adds them to a server's.
    pub fn new(metrics: &Metrics) -> Counts {
        Counts {
            asked: metrics.counter("platform_requests", "Requests that were made"),
            answers: metrics.outcomes("platform_answers", "Answers by outcome or code"),
            readings: metrics.outcomes("platform_epoch_readings", "Readings of the newest epoch"),
            epoch: metrics.gauge("platform_epoch", "Number of the newest epoch in use"),
            sealed_at: metrics
                .gauge("platform_epoch_sealed_at_seconds", "When that was sealed, in seconds since 1970"),
            contradictions: metrics.gauge(
                "platform_epoch_contradictions",
                "Pairs of notes that the authority signed and that contradict each other; alert above 0",
            ),
        }
    }

    /// What a reading of the newest epoch brought.
    pub fn read(&self, outcome: &Result<(), FollowError>, follower: &Follower) {
        self.readings.count(outcome.as_ref().map_or_else(FollowError::code, |()| "ok"));
        let epochs = follower.following().epochs;
        self.contradictions.set(i64::try_from(epochs.equivocations().len()).unwrap_or(i64::MAX));
        if let Some(newest) = epochs.newest() {
            self.epoch.set(i64::try_from(newest.epoch).unwrap_or(i64::MAX));
            self.sealed_at.set(i64::try_from(newest.sealed_at.seconds()).unwrap_or(i64::MAX));
        }
    }
}
