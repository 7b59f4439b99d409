//! Refusals, by who is to blame (contract §7). The codes are a closed list.

use crate::epochs::EpochsError;
use crate::key::KeyError;
use crate::pairing::ProofInvalid;
use crate::proof::ProofPointError;
use std::fmt;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::presentation::PresentationError;
use veilpass_protocol::request::PolicyError;

/// Who or what has to change before it can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The sender: these bytes are no presentation.
    Malformed,
    /// Circumstances: too late, again, or an epoch or circuit that is not accepted.
    Unacceptable,
    /// The proof: it does not prove what this request asks.
    InvalidProof,
    /// The platform itself: its request, key, epochs or clock.
    Misconfigured,
}

impl Blame {
    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Blame::Malformed => "malformed",
            Blame::Unacceptable => "unacceptable",
            Blame::InvalidProof => "invalid_proof",
            Blame::Misconfigured => "misconfigured",
        }
    }
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a presentation is refused. `to_string()` is the detail for people, [`VerifyError::code`] the
/// stable name for programs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// These bytes are no presentation.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A presentation that comes too late, again, or from elsewhere.
    #[error(transparent)]
    Unacceptable(#[from] Unacceptable),
    /// Also a presentation made for another host, nonce, threshold or root.
    #[error(transparent)]
    InvalidProof(#[from] ProofInvalid),
    /// The platform's own mistake: no presentation would be accepted.
    #[error(transparent)]
    Misconfigured(#[from] Misconfigured),
}

/// These bytes are no presentation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Neither the JSON nor the binary form.
    #[error(transparent)]
    Presentation(#[from] PresentationError),
    /// A proof point that is none.
    #[error("proof: {0}")]
    ProofPoint(#[from] ProofPointError),
}

/// A presentation that comes too late, again, or from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unacceptable {
    /// Made for another circuit than the request names.
    #[error("the presentation is for circuit {0}, which was not asked for")]
    CircuitUnknown(CircuitId),
    /// Neither the newest epoch nor in its window.
    #[error("epoch {0} is neither the newest nor in its window")]
    EpochUnknown(u64),
    /// In the window, but its grace is over.
    #[error("epoch {epoch} was accepted until {accepted_until}")]
    EpochReplaced {
        /// The presentation's epoch.
        epoch: u64,
        /// From this instant on it is refused.
        accepted_until: Timestamp,
    },
    /// The answer came too late.
    #[error("the request expired at {0}")]
    RequestExpired(Timestamp),
    /// A presentation for this nonce has been accepted already.
    #[error("this request has been answered already")]
    RequestReplayed,
    /// The pseudonym may be used once in this scope, and was.
    #[error("this pseudonym has been used already in this scope")]
    PseudonymSpent,
}

/// The platform's own mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misconfigured {
    /// The verifying key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The request is not one.
    #[error("request: {0}")]
    RequestSyntax(String),
    /// The request asks for what nobody may ask.
    #[error("request: {0}")]
    RequestPolicy(#[from] PolicyError),
    /// The request's day is more than a day from today.
    #[error("the request is for {valid_on}, today is {today}")]
    RequestDate {
        /// The request's day.
        valid_on: Day,
        /// The civil day (UTC+08:00) of the time given.
        today: Day,
    },
    /// The epoch statements.
    #[error(transparent)]
    Epochs(#[from] EpochsError),
}

impl VerifyError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            VerifyError::Malformed(_) => Blame::Malformed,
            VerifyError::Unacceptable(_) => Blame::Unacceptable,
            VerifyError::InvalidProof(_) => Blame::InvalidProof,
            VerifyError::Misconfigured(_) => Blame::Misconfigured,
        }
    }

    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            VerifyError::Malformed(e) => e.code(),
            VerifyError::Unacceptable(e) => e.code(),
            VerifyError::InvalidProof(ProofInvalid) => "proof_invalid",
            VerifyError::Misconfigured(e) => e.code(),
        }
    }
}

impl Malformed {
    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            Malformed::Presentation(PresentationError::VersionUnsupported) => "version_unsupported",
            Malformed::Presentation(PresentationError::NotCanonical(_)) => "not_canonical",
            Malformed::Presentation(_) => "presentation_syntax",
            Malformed::ProofPoint(_) => "proof_point",
        }
    }
}

impl Unacceptable {
    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            Unacceptable::CircuitUnknown(_) => "circuit_unknown",
            Unacceptable::EpochUnknown(_) => "epoch_unknown",
            Unacceptable::EpochReplaced { .. } => "epoch_replaced",
            Unacceptable::RequestExpired(_) => "request_expired",
            Unacceptable::RequestReplayed => "request_replayed",
            Unacceptable::PseudonymSpent => "pseudonym_spent",
        }
    }
}

impl Misconfigured {
    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            Misconfigured::Key(e) => e.code(),
            Misconfigured::RequestSyntax(_) => "request_syntax",
            Misconfigured::RequestPolicy(_) => "request_policy",
            Misconfigured::RequestDate { .. } => "request_date",
            Misconfigured::Epochs(e) => e.code(),
        }
    }
}

/// Shortens the two steps `inner → class → VerifyError`.
macro_rules! through {
    ($($inner:ty => $class:ident),+ $(,)?) => {
        $(impl From<$inner> for VerifyError {
            fn from(e: $inner) -> VerifyError {
                VerifyError::$class(e.into())
            }
        })+
    };
}
through! {
    PresentationError => Malformed,
    ProofPointError => Malformed,
    KeyError => Misconfigured,
    PolicyError => Misconfigured,
    EpochsError => Misconfigured,
}
