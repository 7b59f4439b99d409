//! What the registry keeps, behind a trait of domain operations. SQLite is the first store
//! ([`sqlite::SqliteStore`]); each operation is one transaction, so that another can follow.

pub mod sqlite;

use crate::authority::person::PersonFp;
use async_trait::async_trait;
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::cells::Cell;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field::Fr;
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
    #[error("the database is damaged: {0}")]
    Damaged(&'static str),
    /// Another sealer was faster, or a change that was to be sealed has changed: look again.
    #[error("another epoch or change came in between")]
    Superseded,
    /// A drawn Network Number exists already: draw again. Nothing of the batch was kept.
    #[error("a Network Number is taken")]
    NetworkNumberTaken,
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

/// A change that the next epoch seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Order of acceptance.
    pub sequence: u64,
    /// What it does.
    pub kind: ChangeKind,
}

/// What a pending change does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// A leaf that has no place yet.
    Enrol {
        /// The leaf.
        leaf: Fr,
        /// Its cell.
        cell: Cell,
        /// Withdrawn before its first seal: it takes a place and leaves it in the same epoch.
        withdrawn: Option<RemovalReason>,
    },
    /// A live leaf goes.
    Remove {
        /// Where it stands.
        place: u64,
        /// Its cell.
        cell: Cell,
        /// Why.
        reason: RemovalReason,
    },
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

/// Everything that a sealer needs, at one moment.
#[derive(Debug, Clone)]
pub struct SealingState {
    /// The newest epoch.
    pub latest: Option<StoredEpoch>,
    /// Live leaves with their places, ascending.
    pub leaves: Vec<(u64, Fr)>,
    /// How many live people each cell has.
    pub cells: Vec<(Cell, u64)>,
    /// Pending changes in the order of acceptance.
    pub changes: Vec<Change>,
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
    /// Enrolments that it consumes: sequence and place.
    pub placed: Vec<(u64, u64)>,
    /// Changes that it consumes, of all kinds, as they were read.
    pub consumed: Vec<(u64, Option<RemovalReason>)>,
}

/// Everything that is published, at one moment.
#[derive(Debug, Clone)]
pub struct PublishedState {
    /// The newest epoch; `None` before the first.
    pub latest: Option<StoredEpoch>,
    /// Live leaves with their places, ascending.
    pub leaves: Vec<(u64, Fr)>,
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

    /// What a sealer needs.
    async fn sealing_state(&self) -> Result<SealingState, StoreError>;

    /// Seals: compare-and-swap on the newest epoch's number, and on every change that is consumed.
    async fn seal(&self, sealing: &Sealing) -> Result<(), StoreError>;

    /// Sees to it that erased attributes are gone from the files as well; `false` if a reader was in
    /// the way, then the next seal or start does it.
    async fn erase_remnants(&self) -> Result<bool, StoreError>;

    /// An epoch, the newest for `None`.
    async fn epoch(&self, number: Option<u64>) -> Result<Option<StoredEpoch>, StoreError>;

    /// What is published.
    async fn published_state(&self) -> Result<PublishedState, StoreError>;

    /// Stores a platform's entry in place of an earlier one of the same host.
    async fn put_platform(&self, host: &Host, entry: &str) -> Result<(), StoreError>;

    /// Ends all work with the store.
    async fn close(&self);
}
