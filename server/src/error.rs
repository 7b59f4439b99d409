//! What can go wrong, by who has to act: a refusal has a code of contract §7, wrong use means that the
//! command was not one that can be obeyed, a fault is the machine's or ours.

use crate::authority::documents::DocumentError;
use crate::backup::BackupError;
use crate::files::FileError;
use crate::store::StoreError;
use crate::store::life::Refused;
use std::path::PathBuf;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::request::PolicyError;
use veilpass_verifier::KeyError;

/// Who has to act (contract §1, exit codes 1, 2 and 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Refused; there is a code.
    Refused,
    /// Wrong use.
    WrongUse,
    /// Disk, store, or a fault of the program.
    Fault,
}

/// Why a command of the authority or of a platform was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A document was refused (`document_invalid`).
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// An operation of a credential's life, with the code of [`Refused::code`].
    #[error(transparent)]
    Operation(#[from] Refused),
    /// No live leaf and no pending enrolment has the Network Number (`network_number_unknown`).
    #[error("no live leaf or pending enrolment has this Network Number")]
    NetworkNumberUnknown,
    /// A removal is pending already (`already_removed`).
    #[error("a removal of this Network Number is pending already")]
    AlreadyRemoved,
    /// There is no such epoch (`not_found`).
    #[error("epoch {0} is not sealed yet")]
    EpochUnknown(u64),
    /// No epoch has been sealed (`not_found`).
    #[error("no epoch has been sealed yet")]
    NoEpoch,
    /// The request is one that no platform may make (`request_policy`).
    #[error(transparent)]
    RequestPolicy(#[from] PolicyError),
    /// The verifying key is refused (`key_syntax`, `key_unsafe`).
    #[error(transparent)]
    Key(#[from] KeyError),

    /// `init` or `keygen` where something is already.
    #[error("{0} exists and is not empty; nothing was changed")]
    NotVacant(String),
    /// The folder is no authority's or platform's, or not the one that its files say.
    #[error("{0}")]
    NotOurs(String),
    /// A name, origin, key or text that cannot be used.
    #[error("{0}")]
    Argument(String),
    /// A registrar of this name exists.
    #[error("there is a registrar of the name {0} already")]
    RegistrarExists(String),
    /// A seal must be later than the last one.
    #[error("{now} is not later than the last epoch's {last}")]
    NotLater {
        /// When it was to be sealed.
        now: Timestamp,
        /// When the newest epoch was sealed.
        last: Timestamp,
    },

    /// Rows do not give what was signed last.
    #[error(
        "the database was changed by something else than this program: {0}. Nothing was signed. Put back a \
         backup (`veilpass authority restore`)"
    )]
    Altered(String),
    /// A published folder shows a newer epoch than the registry knows.
    #[error(
        "{} shows epoch {shown}, and this registry knows {known} epochs: it is older than what it has \
         published. Nothing was signed. Take up what was published by `veilpass authority restore`",
        folder.display()
    )]
    Behind {
        /// The published folder.
        folder: PathBuf,
        /// Its newest epoch.
        shown: u64,
        /// The registry's newest epoch.
        known: u64,
    },
    /// A published folder shows another text of an epoch.
    #[error(
        "{} shows epoch {epoch} with another text than this registry has: two copies of this authority have \
         signed. Nothing more was signed. Find out which one people and platforms have seen, and stop the other",
        folder.display()
    )]
    Forked {
        /// The published folder.
        folder: PathBuf,
        /// The epoch.
        epoch: u64,
    },

    /// A backup cannot be written or read.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What was published cannot be read, or is not what this authority signed.
    #[error("{place}: {why}. Nothing was restored. Name the published folder, or the authority's address")]
    Published {
        /// The folder or address.
        place: String,
        /// What is wrong.
        why: String,
    },

    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What should not happen.
    #[error("internal fault: {0}")]
    Internal(String),
}

impl RegistryError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        use RegistryError::*;
        match self {
            Document(_) | Operation(_) | NetworkNumberUnknown | AlreadyRemoved | EpochUnknown(_)
            | NoEpoch | RequestPolicy(_) | Key(_) => Blame::Refused,
            Backup(BackupError::Passphrase | BackupError::Damaged(_)) => Blame::Refused,
            Backup(BackupError::OtherKind(_)) => Blame::WrongUse,
            NotVacant(_) | NotOurs(_) | Argument(_) | RegistrarExists(_) | NotLater { .. } => Blame::WrongUse,
            Altered(_)
            | Behind { .. }
            | Forked { .. }
            | Published { .. }
            | Backup(_)
            | File(_)
            | Store(_)
            | Internal(_) => Blame::Fault,
        }
    }

    /// The code of contract §7: a refusal's own, `unavailable` for a fault. Wrong use has none.
    pub fn code(&self) -> Option<&'static str> {
        use RegistryError::*;
        match self {
            Document(_) => Some("document_invalid"),
            Operation(refused) => Some(refused.code()),
            NetworkNumberUnknown => Some("network_number_unknown"),
            AlreadyRemoved => Some("already_removed"),
            EpochUnknown(_) | NoEpoch => Some("not_found"),
            RequestPolicy(_) => Some("request_policy"),
            Key(e) => Some(e.code()),
            Backup(BackupError::Passphrase) => Some("passphrase_wrong"),
            Backup(BackupError::Damaged(_)) => Some("file_damaged"),
            _ if self.blame() == Blame::Fault => Some("unavailable"),
            _ => None,
        }
    }
}
