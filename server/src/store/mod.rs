//! What the registry keeps, behind a trait of domain operations. SQLite is the first store
//! ([`sqlite::SqliteStore`]); each operation is one transaction, so that another can follow.

pub mod life;
pub mod sqlite;

use crate::authority::person::PersonFp;
use crate::files;
use async_trait::async_trait;
use life::{ApplicationId, Filing, Offer, Redemption, Refused, Revision};
use serde::Serialize;
use std::path::{Path, PathBuf};
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::cells::Cell;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::{EpochStatement, RemovalReason};
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::leaf;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::scope::Host;

/// Why a store could not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(String),
    /// What was read cannot have been written by this program.
    #[error("the database is damaged: {0}. Put back a backup (`restore`)")]
    Damaged(&'static str),
    /// SQLite cannot read the file whole.
    #[error("{} is damaged: SQLite cannot read all of it. Put back a backup (`restore`)", .0.display())]
    Unreadable(PathBuf),
    /// The file is a copy, or an older one that was put back: what happened since then is missing in it.
    #[error(
        "{} was copied here or put back, so newer changes may be missing in it. Run `restore` on this folder, \
         which compares it with what was published", .0.display()
    )]
    Copied(PathBuf),
    /// Another sealer was faster, or a change that was to be sealed has changed: look again.
    #[error("another epoch or change came in between")]
    Superseded,
    /// A drawn Network Number exists already: draw again. Nothing of the batch was kept.
    #[error("a Network Number is taken")]
    NetworkNumberTaken,
}

/// A database file as SQLite is to be told of it. A name that begins with `file:` would be read as an
/// address with options after a `?`; an absolute path is never one. Neither the file nor what SQLite keeps
/// beside it may be anything but a regular file.
pub fn database_file(path: &Path) -> Result<PathBuf, StoreError> {
    let problem = |e: files::FileError| StoreError::Database(e.to_string());
    let absolute = std::path::absolute(path).map_err(files::at(path)).map_err(problem)?;
    if absolute.to_str().is_none() {
        let e = files::FileError::unfit(path, "the path of a database has to be UTF-8 text");
        return Err(problem(e));
    }
    for beside in ["", "-wal", "-shm", "-journal"] {
        let mut name = absolute.clone().into_os_string();
        name.push(beside);
        files::check_regular(Path::new(&name)).map_err(problem)?;
    }
    Ok(absolute)
}

/// Whose registry it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The authority's name.
    pub origin: String,
    /// Its key line.
    pub vkey: String,
    /// [`crate::authority::person::FingerprintKey::check_value`] of the key in use.
    pub fingerprint_check: [u8; 32],
    /// Verifying keys that epoch statements name.
    pub circuits: Vec<CircuitId>,
}

/// An enrolment that has passed every check that needs no store.
#[derive(Clone)]
pub struct Enrolment {
    /// Who.
    pub person: PersonFp,
    /// Under which fingerprint they may be on record instead ([`crate::authority::person::Identified`]).
    pub former: Option<PersonFp>,
    /// Freshly drawn; used only if the enrolment is new.
    pub network_number: NetworkNumber,
    /// `C`.
    pub identity_commitment: Fr,
    /// `D`.
    pub device_commitment: Fr,
    /// `X`.
    pub link: Fr,
    /// `L` of the above and the attributes.
    pub leaf: Fr,
    /// Kept until the leaf is sealed.
    pub attributes: Attributes,
}

/// What became of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is pending under the drawn Network Number.
    Added,
    /// The same person has the same leaf already, live or pending, under this Network Number.
    Already(NetworkNumber),
    /// The person is on record, with another leaf or none.
    DocumentUsed,
    /// One of the commitments was accepted before, in whichever role.
    CommitmentUsed,
    /// A wallet has redeemed a code for the person, and the registrar has not confirmed it yet.
    PersonPending,
}

/// What became of a request to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It takes effect at the next seal.
    Pending,
    /// No live leaf and no pending enrolment has this Network Number.
    Unknown,
    /// A removal is pending already.
    AlreadyPending,
}

/// A change that the next epoch seals, wholly or (a reset with a live leaf) in its first half: the old
/// leaf goes, and the change waits for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Order of acceptance.
    pub sequence: u64,
    /// Why it was removed before its own leaf was sealed, or what a bare removal is for.
    pub reason: Option<RemovalReason>,
    /// The leaf that enters. With a reason it takes a place and leaves it in the same epoch.
    pub enters: Option<Entering>,
    /// The live leaf that goes.
    pub leaves: Option<Leaving>,
}

/// A leaf that has no place yet, with everything that it is the hash of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entering {
    /// `L` as it was stored.
    pub leaf: Fr,
    /// `C`.
    pub identity_commitment: Fr,
    /// `D`.
    pub device_commitment: Fr,
    /// `X`.
    pub link: Fr,
    /// What is attested.
    pub attributes: Attributes,
}

impl Entering {
    /// Whether the stored leaf is the hash of the rest (S2).
    pub fn is_consistent(&self) -> bool {
        let packed = self.attributes.pack();
        leaf(&self.identity_commitment, &self.device_commitment, &packed, &self.link) == self.leaf
    }

    /// The coarse cell that it is counted in.
    pub fn cell(&self) -> Cell {
        let Attributes { sex, document_class, nationality, province, birth_date, .. } = self.attributes;
        Cell { sex, document_class, nationality, province, birth_year: birth_date.ymd().0 }
    }
}

/// A live leaf that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Where it stands.
    pub place: u64,
    /// Its cell.
    pub cell: Cell,
}

impl Change {
    /// Why the live leaf goes: replaced by the change's own leaf, or removed.
    pub fn leaves_for(&self) -> RemovalReason {
        match (&self.enters, self.reason) {
            (None, Some(reason)) => reason,
            _ => RemovalReason::Replaced,
        }
    }

    /// Whether it stays pending behind this epoch: a reset whose old leaf only goes now.
    pub fn waits(&self) -> bool {
        self.enters.is_none() && self.reason.is_none()
    }
}

/// A sealed epoch as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEpoch {
    /// Its number, from 1.
    pub epoch: u64,
    /// The signed note.
    pub note: String,
    /// The bytes of the cells file.
    pub cells: Vec<u8>,
}

/// What the newest epoch was signed with, as the rows tell it at one moment.
#[derive(Debug, Clone)]
pub struct SignedState {
    /// The newest epoch; `None` before the first.
    pub latest: Option<StoredEpoch>,
    /// Live leaves with their places, ascending.
    pub leaves: Vec<(u64, Fr)>,
    /// How many live people on record each cell has.
    pub cells: Vec<(Cell, u64)>,
    /// The epoch that the registry was restored to, while leaves without a record remain: its cells are not
    /// known here.
    pub restored: Option<u64>,
}

/// What was published after a backup was made, and checked (contract §5, `restore`).
#[derive(Debug, Clone)]
pub struct Adoption {
    /// Epochs that the registry does not have, ascending.
    pub epochs: Vec<(StoredEpoch, EpochStatement)>,
    /// All live leaves of the newest epoch with their places, ascending.
    pub leaves: Vec<(u64, Fr)>,
    /// Places from here on came after the backup.
    pub first_new_place: u64,
    /// When the newest epoch was sealed.
    pub sealed_at: Timestamp,
    /// Nobody new enters before: whoever has left since the backup may still be accepted somewhere.
    pub enter_from: Timestamp,
    /// Platform entries as JSON.
    pub platforms: Vec<(Host, String)>,
}

/// What an adoption changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Adopted {
    /// People with a live leaf.
    pub people: u64,
    /// People whose leaf is gone since the backup: removed, or replaced by one without a record.
    pub removed_since: u64,
    /// Changes that waited in the backup and were sealed since then.
    pub sealed_since: u64,
    /// Changes and applications under way in the backup that must be filed again.
    pub dropped: u64,
    /// Live leaves whose person is not known.
    pub without_record: u64,
}

/// Everything that a sealer needs, at one moment.
#[derive(Debug, Clone)]
pub struct SealingState {
    /// What it goes on from.
    pub signed: SignedState,
    /// Pending changes that are due, in the order of acceptance.
    pub changes: Vec<Change>,
    /// Places of leaves without a record that are to be removed, with the reason.
    pub dropped: Vec<(u64, RemovalReason)>,
}

/// A new epoch with the changes that it consumes.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// The epoch; its number says which one must be the newest before.
    pub epoch: StoredEpoch,
    /// `sealed_at`.
    pub sealed_at: Timestamp,
    /// Places in use after it.
    pub places_used: u64,
    /// Live leaves after it.
    pub live: u64,
    /// Leaves that went, for whatever reason.
    pub removed: u64,
    /// Leaves that enter: sequence of the change and place.
    pub placed: Vec<(u64, u64)>,
    /// Changes that it consumes, of all kinds, as they were read.
    pub consumed: Vec<(u64, Option<RemovalReason>)>,
    /// Resets whose old leaf goes: they stay pending and enter no earlier than `not_before`.
    pub waiting: Vec<u64>,
    /// For those that wait.
    pub not_before: Timestamp,
    /// Places of leaves without a record that go.
    pub dropped: Vec<u64>,
}

/// Everything that is published, at one moment.
#[derive(Debug, Clone)]
pub struct PublishedState {
    /// The newest epoch and its leaves.
    pub signed: SignedState,
    /// Platform entries as JSON, ascending by host.
    pub platforms: Vec<(Host, String)>,
}

/// The registry's store. What the design forbids (two live leaves of one person, a place used
/// twice…) the store refuses by itself, not only through the program's checks.
#[async_trait]
pub trait RegistryStore: Send + Sync {
    /// Whose registry it is; `None` in a new store.
    async fn identity(&self) -> Result<Option<Identity>, StoreError>;

    /// Makes a new store somebody's registry. Fails if it is one already.
    async fn initialise(&self, identity: &Identity) -> Result<(), StoreError>;

    /// Adds a registrar; `false` if the name is taken.
    async fn add_registrar(
        &self,
        name: &str,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Whether there is a registrar of this name.
    async fn has_registrar(&self, name: &str) -> Result<bool, StoreError>;

    /// Gives a registrar another token; `false` if there is no registrar of this name. The one before is
    /// worth nothing from then on.
    async fn replace_registrar_token(&self, name: &str, token_hash: &[u8; 32]) -> Result<bool, StoreError>;

    /// Every registrar who was not removed, by name, with the time of the admission.
    async fn registrars(&self) -> Result<Vec<(String, Timestamp)>, StoreError>;

    /// Removes a registrar: the token is void, and applications that are not confirmed are erased, as when
    /// they lapse. Gives how many those were; `None` if there is no registrar of this name.
    async fn remove_registrar(&self, name: &str, now: Timestamp) -> Result<Option<u64>, StoreError>;

    /// The registrar whose token has this hash.
    async fn registrar(&self, token_hash: &[u8; 32]) -> Result<Option<String>, StoreError>;

    /// Accepts enrolments in order, all in one transaction; one outcome each.
    async fn accept(&self, enrolments: &[Enrolment], now: Timestamp) -> Result<Vec<Acceptance>, StoreError>;

    /// Notes a removal for the next seal.
    async fn remove(
        &self,
        number: &NetworkNumber,
        reason: RemovalReason,
        now: Timestamp,
    ) -> Result<Removal, StoreError>;

    /// Notes a removal by the holder, who shows that the device secret behind the current `D` is theirs:
    /// `device_commitment` is `H_1` of it and is compared in constant time.
    async fn withdraw(
        &self,
        number: &NetworkNumber,
        device_commitment: &Fr,
        now: Timestamp,
    ) -> Result<Result<Removal, Refused>, StoreError>;

    /// Files an application, and remembers its code for ever.
    async fn file(&self, filing: &Filing) -> Result<(), StoreError>;

    /// Redeems a code, once; the same offer again gets the same answer.
    async fn redeem(&self, offer: &Offer, now: Timestamp) -> Result<Result<Redemption, Refused>, StoreError>;

    /// Makes a redeemed application a pending change. A reset of somebody without a live leaf waits so
    /// many seconds from the removal.
    async fn confirm(
        &self,
        registrar: &str,
        id: &ApplicationId,
        words: &[String],
        reset_wait: u64,
        now: Timestamp,
    ) -> Result<Result<(), Refused>, StoreError>;

    /// Erases what has had its time, from the files as well where no reader is in the way.
    async fn housekeeping(&self, now: Timestamp) -> Result<(), StoreError>;

    /// Whether changes reach the disk: writes only if the last change did not.
    async fn probe(&self) -> Result<(), StoreError>;

    /// Newest epoch and revision of the directory.
    async fn revision(&self) -> Result<Revision, StoreError>;

    /// What a sealer needs that seals at `now`; a reset that is not due is not in it.
    async fn sealing_state(&self, now: Timestamp) -> Result<SealingState, StoreError>;

    /// Seals: compare-and-swap on the newest epoch's number, and on every change that is consumed.
    async fn seal(&self, sealing: &Sealing) -> Result<(), StoreError>;

    /// Sees to it that erased attributes are gone from the files as well; `false` if a reader was in
    /// the way, then the next seal or start does it.
    async fn erase_remnants(&self) -> Result<bool, StoreError>;

    /// An epoch, the newest for `None`.
    async fn epoch(&self, number: Option<u64>) -> Result<Option<StoredEpoch>, StoreError>;

    /// What is published.
    async fn published_state(&self) -> Result<PublishedState, StoreError>;

    /// The platform directory alone: entries as JSON, ascending by host.
    async fn platforms(&self) -> Result<Vec<(Host, String)>, StoreError>;

    /// Stores a platform's entry in place of an earlier one of the same host.
    async fn put_platform(&self, host: &Host, entry: &str) -> Result<(), StoreError>;

    /// Notes the removal of every leaf without a record for the next seal; how many there are.
    async fn remove_without_record(&self, reason: RemovalReason) -> Result<u64, StoreError>;

    /// Writes a copy of everything at one moment into an empty file.
    async fn snapshot(&self, to: &Path) -> Result<(), StoreError>;

    /// When something was noted last that is not in an epoch, and the newest epoch was sealed.
    async fn last_change(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Takes up what was published after a backup was made, in one transaction, and makes the store's file
    /// its own.
    async fn adopt(&self, adoption: &Adoption) -> Result<Adopted, StoreError>;

    /// Ends all work with the store.
    async fn close(&self);
}
