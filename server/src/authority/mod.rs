//! The authority: who is enrolled, sealed into epochs and published (contract §5, `authority …`).
//!
//! Its state is one folder:
//!
//! | file | what |
//! |---|---|
//! | `authority.db` | the registry ([`crate::store::sqlite`]) |
//! | `signing.key` | the Ed25519 key that signs notes, credentials and platform entries; private |
//! | `fingerprint.key` | the key of person fingerprints ([`person::FingerprintKey`]); private |
//! | `vkey` | the public key line |
//! | `circuits/<id>.vk` | the verifying keys that epoch statements name |

pub mod applications;
pub mod codes;
mod countries;
pub mod documents;
mod held;
pub mod import;
pub(crate) mod lines;
pub mod person;
mod personal;
mod publish;
mod registrars;
pub mod resident;
mod restore;
pub(crate) mod rows;
mod seal;
pub(crate) mod service;

pub use applications::{Application, Document, Redeemed};
pub use codes::OneTimeCode;
pub use import::{ImportProgress, ImportReport, Rejection};
pub use publish::Published;
pub use registrars::NewRegistrar;
pub use restore::Restored;
pub use rows::{HEADER as IMPORT_HEADER, ImportCode};
pub use seal::{Epoch, PlaceOrder};
pub use service::{AuthorityService, AuthorityServiceError, AuthoritySettings, description};

pub use crate::store::life::{ApplicationId, Refused, Revision};

use crate::backup::Scratch;
use crate::error::RegistryError;
use crate::files::{self, Access, NewFolder};
use crate::store::sqlite::SqliteStore;
use crate::store::{Identity, RegistryStore, Removal, database_file};
use ed25519_dalek::VerifyingKey as PlatformKey;
use person::FingerprintKey;
use rand::{CryptoRng, RngCore};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::directory::PlatformEntry;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::note::{AuthorityKey, AuthoritySigner};
use veilpass_protocol::scope::Host;
use veilpass_verifier::{KeyError, VerifyingKey};
use zeroize::Zeroizing;

const DATABASE: &str = "authority.db";
const SIGNING_KEY: &str = "signing.key";
const FINGERPRINT_KEY: &str = "fingerprint.key";
const VKEY: &str = "vkey";
const CIRCUITS: &str = "circuits";

/// A reset waits this long after the old leaf's removal, and one seal interval more: AGE_MAX, the
/// longest that any platform goes on with an epoch (protocol.md, "Accepted epochs").
const RESET_WAIT: u64 = 48 * 3600;
/// What counts as the seal interval where sealing is by hand.
const SEALED_BY_HAND: u64 = 24 * 3600;

/// Whether a folder may be a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    /// It must be the one that was used last.
    Here,
    /// It is being restored.
    Anywhere,
}

/// An authority on its folder. Clones are handles on the same one.
#[derive(Clone)]
pub struct Authority {
    folder: PathBuf,
    store: Arc<dyn RegistryStore>,
    signer: Arc<AuthoritySigner>,
    fingerprints: Arc<FingerprintKey>,
    circuits: Vec<CircuitId>,
    reset_wait: u64,
}

impl Authority {
    /// Makes a new authority in `folder`, which must be absent or empty: two new keys, an empty
    /// registry, and copies of the verifying key files, at least one, that its epochs will name.
    pub async fn init<R: RngCore + CryptoRng>(
        folder: &Path,
        origin: &str,
        verifying_keys: &[Vec<u8>],
        rng: &mut R,
    ) -> Result<Authority, RegistryError> {
        let vacant = |e: files::FileError| match e.kind {
            ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => {
                RegistryError::NotVacant(folder.display().to_string())
            }
            _ => RegistryError::File(e),
        };
        // A name that the database cannot have would be found out only when everything is in its place.
        database_file(&folder.join(DATABASE))?;
        let signer =
            AuthoritySigner::generate(rng, origin).map_err(|e| RegistryError::Argument(e.to_string()))?;
        let fingerprints = FingerprintKey::generate(rng);
        let mut circuits = Vec::new();
        let staged = NewFolder::begin(folder, DATABASE).map_err(vacant)?;
        files::make_folder(&staged.path().join(CIRCUITS))?;
        for file in verifying_keys {
            let key = VerifyingKey::from_bytes(file)?;
            // What no platform would use is not announced either.
            veilpass_verifier::lint(&key).map_err(KeyError::Unsafe)?;
            let id = key.circuit_id();
            if !circuits.contains(&id) {
                files::create(&circuit_file(staged.path(), &id), file, Access::Public)?;
                circuits.push(id);
            }
        }
        if circuits.is_empty() {
            return Err(RegistryError::Argument("an authority needs at least one verifying key".into()));
        }
        let private = |name: &str, text: &str| {
            files::create(&staged.path().join(name), text.as_bytes(), Access::Private)
        };
        private(SIGNING_KEY, &Zeroizing::new(format!("{}\n", *signer.to_secret_string())))?;
        private(FINGERPRINT_KEY, &fingerprints.to_text())?;
        private(DATABASE, "")?;
        files::create(&staged.path().join(VKEY), key_line(&signer).as_bytes(), Access::Public)?;
        let store = SqliteStore::open(&staged.path().join(DATABASE)).await?;
        let identity = Identity {
            origin: origin.to_owned(),
            vkey: signer.public().to_string(),
            fingerprint_check: fingerprints.check_value(),
            circuits,
        };
        let initialised = store.initialise(&identity).await;
        store.close().await;
        initialised?;
        staged.finish().map_err(vacant)?;
        Authority::open(folder).await
    }

    /// Opens an authority's folder. Key files that are not those of the registry are refused: under
    /// another fingerprint key everybody could enrol a second time. A database that is older than what it has
    /// published is refused as well.
    pub async fn open(folder: &Path) -> Result<Authority, RegistryError> {
        Authority::open_at(folder, Home::Here).await
    }

    async fn open_at(folder: &Path, home: Home) -> Result<Authority, RegistryError> {
        let not_ours = |what: &str| RegistryError::NotOurs(format!("{}: {what}", folder.display()));
        let database = database_file(&folder.join(DATABASE))?;
        if !database.exists() {
            return Err(not_ours("no authority's folder (no authority.db)"));
        }
        let secret = Zeroizing::new(files::read_text(&folder.join(SIGNING_KEY))?);
        let signer = AuthoritySigner::from_secret_string(secret.trim_end())
            .map_err(|_| not_ours("signing.key is no signing key"))?;
        let text = Zeroizing::new(files::read_text(&folder.join(FINGERPRINT_KEY))?);
        let fingerprints = FingerprintKey::from_text(&text)
            .map_err(|_| not_ours("fingerprint.key is no fingerprint key"))?;
        let store = match home {
            Home::Here => SqliteStore::open(&database).await?,
            Home::Anywhere => SqliteStore::open_copy(&database).await?,
        };
        Scratch::clear(folder)?;
        // What a killed seal may have left in the log; a reader in the way leaves it to the next.
        store.erase_remnants().await?;
        let identity = store.identity().await?.ok_or_else(|| not_ours("the registry is not initialised"))?;
        if identity.vkey != signer.public().to_string() || identity.origin != signer.public().origin() {
            return Err(not_ours("signing.key is not the key of this registry"));
        }
        if identity.fingerprint_check != fingerprints.check_value() {
            return Err(not_ours("fingerprint.key is not the key of this registry"));
        }
        let circuits = identity.circuits;
        let authority = Authority {
            folder: folder.to_owned(),
            store: Arc::new(store),
            signer: Arc::new(signer),
            fingerprints: Arc::new(fingerprints),
            circuits,
            reset_wait: RESET_WAIT + SEALED_BY_HAND,
        };
        if home == Home::Here {
            // An older database in the place of this one: nothing is done on top of it.
            authority.check_published().await?;
        }
        Ok(authority)
    }

    /// For an authority that seals each so many seconds: it decides how long a reset waits. Without
    /// this, or with 0, sealing is by hand.
    pub fn with_seal_interval(self, seconds: u64) -> Authority {
        let interval = if seconds == 0 { SEALED_BY_HAND } else { seconds };
        Authority { reset_wait: RESET_WAIT.saturating_add(interval), ..self }
    }

    /// Another wait than the protocol's: for tests that show what the wait is for.
    #[doc(hidden)]
    pub fn with_reset_wait_for_tests(self, seconds: u64) -> Authority {
        Authority { reset_wait: seconds, ..self }
    }

    /// Seconds from the removal of a person's leaf to the earliest seal of a reset's.
    pub fn reset_wait(&self) -> u64 {
        self.reset_wait
    }

    /// The public key; it names the origin.
    pub fn key(&self) -> AuthorityKey {
        self.signer.public()
    }

    /// The verifying keys that epoch statements name.
    pub fn circuits(&self) -> &[CircuitId] {
        &self.circuits
    }

    /// The store, for services beside these commands.
    pub fn store(&self) -> &Arc<dyn RegistryStore> {
        &self.store
    }

    /// Notes a removal; it takes effect at the next seal. A pending enrolment can be removed too: it is
    /// then sealed as added and removed in one epoch, because nobody is removed in silence. Once a
    /// removal is sealed its Network Number is forgotten, and asking again gives
    /// `network_number_unknown`.
    pub async fn remove(
        &self,
        number: &NetworkNumber,
        reason: RemovalReason,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        match self.store.remove(number, reason, now).await? {
            Removal::Pending => Ok(()),
            Removal::Unknown => Err(RegistryError::NetworkNumberUnknown),
            Removal::AlreadyPending => Err(RegistryError::AlreadyRemoved),
        }
    }

    /// Notes the removal of every leaf whose person is not on record (after a restore); how many there are.
    pub async fn remove_without_record(&self, reason: RemovalReason) -> Result<u64, RegistryError> {
        Ok(self.store.remove_without_record(reason).await?)
    }

    /// A sealed epoch, the newest for `None`.
    pub async fn epoch(&self, number: Option<u64>) -> Result<Epoch, RegistryError> {
        let missing = || number.map_or(RegistryError::NoEpoch, RegistryError::EpochUnknown);
        let stored = self.store.epoch(number).await?.ok_or_else(missing)?;
        Epoch::read(stored, &self.key())
    }

    /// Signs a platform's entry in the directory and stores it in place of an earlier one of the host.
    pub async fn put_platform(
        &self,
        host: Host,
        key: &PlatformKey,
        name: &str,
        purposes: &[String],
    ) -> Result<PlatformEntry, RegistryError> {
        let name = plain_text(name, 200, "a platform's name")?;
        for purpose in purposes {
            plain_text(purpose, 500, "a purpose")?;
        }
        if format!("{host}.json").len() > files::LONGEST_NAME {
            return Err(RegistryError::Argument("this host name is too long for a file of its own".into()));
        }
        let entry = PlatformEntry::issue(&self.signer, host, name, key, purposes.to_vec());
        // A key that nobody should sign with (small order) is refused before it is published.
        entry.verify(&self.key()).map_err(|e| RegistryError::Argument(e.to_string()))?;
        self.store.put_platform(&entry.host, &entry.to_json()).await?;
        Ok(entry)
    }

    /// Ends all work; the log is merged into the database file.
    pub async fn close(self) {
        self.store.close().await;
    }
}

/// Reads a platform's Ed25519 public key: 32 bytes in base64url without padding (contract §1).
pub fn platform_key(text: &str) -> Result<PlatformKey, RegistryError> {
    let key = veilpass_protocol::json::base64url::decode(text)
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .and_then(|bytes| PlatformKey::from_bytes(&bytes).ok())
        .filter(|key| !key.is_weak());
    key.ok_or_else(|| {
        RegistryError::Argument("a platform's key is an Ed25519 public key in base64url".into())
    })
}

fn key_line(signer: &AuthoritySigner) -> String {
    format!("{}\n", signer.public())
}

fn circuit_file(folder: &Path, id: &CircuitId) -> PathBuf {
    folder.join(CIRCUITS).join(format!("{id}.vk"))
}

/// A text for people to read: not empty, not endless, no control characters.
fn plain_text<'a>(text: &'a str, longest: usize, what: &str) -> Result<&'a str, RegistryError> {
    if text.trim().is_empty() || text.chars().count() > longest || text.chars().any(char::is_control) {
        let rule = format!("{what} is 1-{longest} characters without control characters");
        return Err(RegistryError::Argument(rule));
    }
    Ok(text)
}
