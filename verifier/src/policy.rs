//! How long and how far a platform trusts an epoch. Stricter than the protocol, never looser.

use veilpass_protocol::epoch::{AGE_MAX, GRACE_MAX, MIN_LIVE};

/// A platform's choices. [`Policy::default`] has the protocol's own bounds and refuses DEV keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    grace: u64,
    max_age: u64,
    min_live: u64,
    allow_dev: bool,
}

/// A value that would accept more than the protocol allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TooLoose {
    /// A replaced epoch may be accepted for at most [`GRACE_MAX`] seconds.
    #[error("grace is at most {GRACE_MAX} seconds")]
    Grace,
    /// The newest epoch may be at most [`AGE_MAX`] seconds old.
    #[error("max-age is at most {AGE_MAX} seconds")]
    MaxAge,
    /// An epoch must have at least [`MIN_LIVE`] live leaves.
    #[error("min-live is at least {MIN_LIVE}")]
    MinLive,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { grace: GRACE_MAX, max_age: AGE_MAX, min_live: MIN_LIVE, allow_dev: false }
    }
}

impl Policy {
    /// Accepts a replaced epoch for so many seconds after its replacement (0 = not at all).
    pub fn with_grace(self, seconds: u64) -> Result<Policy, TooLoose> {
        if seconds > GRACE_MAX {
            return Err(TooLoose::Grace);
        }
        Ok(Policy { grace: seconds, ..self })
    }

    /// Accepts the newest epoch for so many seconds after its sealing.
    pub fn with_max_age(self, seconds: u64) -> Result<Policy, TooLoose> {
        if seconds > AGE_MAX {
            return Err(TooLoose::MaxAge);
        }
        Ok(Policy { max_age: seconds, ..self })
    }

    /// Asks for so many live leaves, the crowd in which every holder hides.
    pub fn with_min_live(self, leaves: u64) -> Result<Policy, TooLoose> {
        if leaves < MIN_LIVE {
            return Err(TooLoose::MinLive);
        }
        Ok(Policy { min_live: leaves, ..self })
    }

    /// Accepts keys marked `dev`, whose maker can forge proofs: in tests and demonstrations.
    pub fn allowing_dev_keys(self) -> Policy {
        Policy { allow_dev: true, ..self }
    }

    /// Seconds for which a replaced epoch is accepted.
    pub fn grace(&self) -> u64 {
        self.grace
    }

    /// Seconds for which the newest epoch is accepted.
    pub fn max_age(&self) -> u64 {
        self.max_age
    }

    /// Fewest live leaves.
    pub fn min_live(&self) -> u64 {
        self.min_live
    }

    /// Whether DEV keys are accepted.
    pub fn dev_keys_allowed(&self) -> bool {
        self.allow_dev
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stricter_only() {
        let policy = Policy::default();
        assert_eq!((policy.grace(), policy.max_age(), policy.min_live()), (86_400, 172_800, 1000));
        assert!(!policy.dev_keys_allowed());
        assert_eq!(policy.with_grace(86_401), Err(TooLoose::Grace));
        assert_eq!(policy.with_max_age(172_801), Err(TooLoose::MaxAge));
        assert_eq!(policy.with_min_live(999), Err(TooLoose::MinLive));
        let strict = policy
            .with_grace(0)
            .and_then(|p| p.with_max_age(60))
            .and_then(|p| p.with_min_live(5000))
            .map(Policy::allowing_dev_keys)
            .unwrap();
        assert_eq!((strict.grace(), strict.max_age(), strict.min_live()), (0, 60, 5000));
        assert!(strict.dev_keys_allowed());
    }
}
