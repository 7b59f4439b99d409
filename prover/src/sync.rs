//! Synchronising: epochs checked as a platform checks them (W8), all platform entries (W6), and the own
//! leaf (W9). It reads a [`Source`] and changes what the wallet remembers, all of it or nothing.

use crate::credential::explain;
use crate::refusal::Refusal;
use crate::source::{Source, SourceError};
use crate::state::{Own, State};
use crate::tiles::{Cover, Found, Tiles, TilesError};
use crate::wallet::Wallet;
use rand::{CryptoRng, Rng, RngCore};
use veilpass_protocol::cells::Cells;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::directory::{PlatformEntry, read_hosts};
use veilpass_protocol::epoch::{EpochStatement, open_note};
use veilpass_protocol::field::Fr;
use veilpass_protocol::note::AuthorityKey;
use veilpass_verifier::{AcceptedEpochs, EpochsError, Policy};

/// Only notes of epochs with numbers that are multiples of this are asked for when the wallet looks for
/// the time of its enrolment: that tells no more than the block of tiles it fetches next.
const NOTE_GRID: u64 = 64;

/// What a sync has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// Number of the newest epoch.
    pub epoch: u64,
    /// Its root.
    pub root: Fr,
    /// Whether the wallet's own leaf is in it.
    pub enrolled: bool,
}

/// Why a sync failed. Nothing of what was fetched is used, except that contradicting notes are kept as
/// evidence: write the state file all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The epoch is refused as a platform would refuse it.
    #[error(transparent)]
    Epochs(#[from] EpochsError),
    /// Something else that was fetched, or the wallet's credential, is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl SyncError {
    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            // The wallet's row of contract §7 is closed; what contradicts itself or its past is not what an
            // authority signs, and what is from the future is as little current as what is stale.
            SyncError::Epochs(e) => match e.code() {
                "epochs_syntax" | "epochs_conflict" => "epoch_signature",
                "epochs_from_future" => "epochs_stale",
                code => code,
            },
            SyncError::Refused(e) => e.code(),
            SyncError::Source(_) => "unavailable",
        }
    }
}

impl From<TilesError> for SyncError {
    fn from(e: TilesError) -> SyncError {
        match e {
            TilesError::Source(e) => e.into(),
            TilesError::Root(what) => Refusal::EpochSignature(what).into(),
        }
    }
}

/// Seconds until the next sync of a wallet that syncs every so many: between half and one and a half
/// times that, so that the times of fetching tell nothing of a person's habits.
pub fn next_sync<R: RngCore + CryptoRng>(every: u64, rng: &mut R) -> u64 {
    let half = every / 2;
    rng.gen_range(half..=every.saturating_add(half)).max(1)
}

impl Wallet {
    /// Fetches and checks the newest epoch and all that belongs to it.
    pub fn sync<S: Source + ?Sized>(
        &mut self,
        source: &S,
        authority: &AuthorityKey,
        now: Timestamp,
    ) -> Result<Synced, SyncError> {
        if self.state.authority().is_some_and(|pinned| pinned != authority) {
            return Err(Refusal::EpochSignature("this wallet belongs to another authority".into()).into());
        }
        let mut epochs = match &self.state.epochs {
            Some(epochs) => epochs.clone(),
            None => AcceptedEpochs::starting_without_memory(authority.clone()),
        };
        // A note that was known may have become stale since, which `install` does not say again.
        let policy = Policy::default();
        let note = source.newest_note()?;
        let installed = epochs.install(&note, &policy, now).and_then(|_| epochs.check(&policy, now));
        if let Err(e) = installed {
            if let Some(known) = &mut self.state.epochs {
                *known = epochs;
            }
            return Err(e.into());
        }
        let fetched = self.fetch(source, authority, epochs.newest().ok_or(EpochsError::Missing)?);
        let (synced, cells, platforms, own) = match fetched {
            Ok(fetched) => fetched,
            Err(e) => {
                // A server that withholds a file must not make the evidence against it go away.
                if let Some(known) = &mut self.state.epochs {
                    known.take_evidence(&epochs);
                }
                return Err(e);
            }
        };
        let old = std::mem::take(&mut self.state);
        self.state = State { epochs: Some(epochs), cells: Some(cells), platforms, own, ..old };
        Ok(synced)
    }

    /// All that belongs to an epoch.
    fn fetch<S: Source + ?Sized>(
        &self,
        source: &S,
        authority: &AuthorityKey,
        statement: &EpochStatement,
    ) -> Result<(Synced, Cells, Vec<PlatformEntry>, Own), SyncError> {
        let cover = if self.rules.w9 { Cover::W9 } else { Cover { tiles: 1, live: 0 } };
        if let Some(credential) = &self.credential {
            explain(credential, &self.k, &self.d, Some(authority))?;
        }
        let cells = fetch_cells(source, statement)?;
        let platforms = fetch_platforms(source, authority)?;
        let own = match &self.credential {
            Some(credential) => find_own(
                source,
                statement,
                authority,
                credential,
                &self.state.own(&credential.leaf()),
                cover,
            )?,
            None => Own::default(),
        };
        let enrolled = own.path.is_some();
        let synced = Synced { epoch: statement.epoch, root: statement.root, enrolled };
        Ok((synced, cells, platforms, own))
    }
}

fn required<S: Source + ?Sized>(source: &S, path: &str) -> Result<Vec<u8>, SourceError> {
    source.file(path)?.ok_or_else(|| SourceError(format!("`{path}` is missing")))
}

fn fetch_cells<S: Source + ?Sized>(source: &S, statement: &EpochStatement) -> Result<Cells, SyncError> {
    let file = required(source, &format!("epochs/{}.cells", statement.epoch))?;
    Cells::from_file(&file, statement.epoch, &statement.cells)
        .map_err(|e| Refusal::EpochSignature(e.to_string()).into())
}

/// All entries, always: which ones a wallet reads must not tell which platforms its owner visits.
fn fetch_platforms<S: Source + ?Sized>(
    source: &S,
    authority: &AuthorityKey,
) -> Result<Vec<PlatformEntry>, SyncError> {
    let bad = |what: String| SyncError::from(Refusal::EpochSignature(what));
    let hosts = read_hosts(&required(source, "platforms.json")?).map_err(|e| bad(e.to_string()))?;
    let mut entries = Vec::with_capacity(hosts.len());
    for host in hosts {
        let path = format!("platforms/{host}.json");
        let entry =
            PlatformEntry::from_json(&required(source, &path)?).map_err(|e| bad(format!("{path}: {e}")))?;
        entry.verify(authority).map_err(|e| bad(e.to_string()))?;
        if entry.host != host {
            return Err(bad(format!("{path} is the entry of {}", entry.host)));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Where the own leaf is in the newest tree.
fn find_own<S: Source + ?Sized>(
    source: &S,
    statement: &EpochStatement,
    authority: &AuthorityKey,
    credential: &Credential,
    known: &Own,
    cover: Cover,
) -> Result<Own, SyncError> {
    let leaf = credential.leaf();
    let used = statement.places_used;
    let mut tiles = Tiles::new(source, statement.epoch, statement.root, used, cover);
    if let Some(place) = known.place {
        let found = tiles.look_up(&leaf, place)?;
        return Ok(Own { path: found.map(|f| f.path), ..known.clone() });
    }
    let since = places_before(source, statement, authority, credential.attributes.enrolled_on)?;
    let from = since.max(known.searched);
    let found = match tiles.search(&leaf, from, used)? {
        None => tiles.search(&leaf, known.searched, from)?,
        found => found,
    };
    Ok(match found {
        Some(Found { place, path }) => {
            Own { leaf: Some(leaf), place: Some(place), path: Some(path), searched: place }
        }
        None => Own { leaf: Some(leaf), place: None, path: None, searched: used },
    })
}

/// Places that were in use before a day, as far as the notes on the grid tell: a leaf that was accepted
/// on that day stands in none of them. Notes that are no longer published leave the answer at 0.
fn places_before<S: Source + ?Sized>(
    source: &S,
    newest: &EpochStatement,
    authority: &AuthorityKey,
    day: Day,
) -> Result<u64, SyncError> {
    let mut places = 0;
    // All of them, always: a search that stopped early would tell when the wallet's owner enrolled.
    for middle in 1..=(newest.epoch - 1) / NOTE_GRID {
        let number = middle * NOTE_GRID;
        let Some(note) = source.file(&format!("epochs/{number}.note"))? else { return Ok(0) };
        let note =
            String::from_utf8(note).map_err(|_| EpochsError::Syntax(format!("epoch {number} is no text")))?;
        let statement = open_note(&note, authority).map_err(EpochsError::from)?;
        if statement.epoch != number || statement.places_used > newest.places_used {
            return Err(EpochsError::Conflict(format!("epoch {number} does not fit the newest")).into());
        }
        if Day::of(statement.sealed_at) < day {
            places = statement.places_used;
        }
    }
    Ok(places)
}
