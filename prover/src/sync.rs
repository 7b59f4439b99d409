//! Synchronising: epochs checked as a platform checks them (W8), all platform entries (W6), and the own
//! leaf (W9). It reads a [`Source`] and changes what the wallet remembers, all of it or nothing.

use crate::credential::explain;
use crate::refusal::Refusal;
use crate::source::{Source, SourceError};
use crate::state::{Own, State};
use crate::tiles::{Cover, Found, Places, Tiles, TilesError, Wanted};
use crate::wallet::Wallet;
use rand::{CryptoRng, Rng, RngCore};
use veilpass_protocol::cells::Cells;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::directory::{PlatformEntry, read_hosts};
use veilpass_protocol::epoch::{EpochStatement, open_note};
use veilpass_protocol::field::Fr;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::operation::Operation;
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
    /// The leaf of a change that was under way has been found: secrets and credential are the new ones
    /// from now on. Write the wallet file as well as the state file.
    pub promoted: Option<Operation>,
    /// Changes that were begun and whose leaf has not been found.
    pub pending: usize,
}

/// What belongs to an epoch, checked.
struct Fetched {
    cells: Cells,
    platforms: Vec<PlatformEntry>,
    own: Own,
    /// Index of the candidate that `own` is about, if it is not the credential in use.
    promoted: Option<usize>,
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
        if self.authority_key().is_some_and(|pinned| pinned != authority) {
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
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(e) => {
                // A server that withholds a file must not make the evidence against it go away.
                if let Some(known) = &mut self.state.epochs {
                    known.take_evidence(&epochs);
                }
                return Err(e);
            }
        };
        let newest = epochs.newest().ok_or(EpochsError::Missing)?;
        let (epoch, root, used) = (newest.epoch, newest.root, newest.places_used);
        let Fetched { cells, platforms, own, promoted } = fetched;
        let old = std::mem::take(&mut self.state);
        let enrolled = own.path.is_some();
        self.state = State { epochs: Some(epochs), cells: Some(cells), platforms, own, ..old };
        for candidate in self.state.candidates.iter_mut().filter(|c| c.credential.is_some()) {
            candidate.searched = used;
        }
        let promoted = promoted.and_then(|at| self.promote(at));
        if enrolled {
            self.settle();
        }
        Ok(Synced { epoch, root, enrolled, promoted, pending: self.pending().count() })
    }

    /// All that belongs to an epoch.
    fn fetch<S: Source + ?Sized>(
        &mut self,
        source: &S,
        authority: &AuthorityKey,
        statement: &EpochStatement,
    ) -> Result<Fetched, SyncError> {
        let cover = if self.rules.w9 { Cover::W9 } else { Cover { tiles: 1, live: 0 } };
        let answered = self.state.candidates.iter().any(|c| c.credential.is_some() && !self.has(c));
        if let Some(credential) = &self.credential
            && let Err(refusal) = explain(credential, &self.k, &self.d, Some(authority))
        {
            // Taken before the authority's key was known, from somebody else: it must not stand in the way
            // of one that this authority has given since.
            if !answered || self.state.own(&credential.leaf()).place.is_some() {
                return Err(refusal.into());
            }
            self.credential = None;
            let same: Vec<bool> = self.state.candidates.iter().map(|c| self.has(c)).collect();
            let same = self.state.candidates.iter_mut().zip(same).filter(|(_, same)| *same);
            same.for_each(|(candidate, _)| candidate.credential = None);
        }
        // A candidate that was taken before the authority's key was known: the credential in use must
        // not be held up by it twice.
        for candidate in &mut self.state.candidates {
            if let Some(credential) = &candidate.credential
                && let Err(refusal) = explain(credential, &candidate.k, &candidate.d, Some(authority))
            {
                candidate.credential = None;
                return Err(refusal.into());
            }
        }
        let cells = fetch_cells(source, statement)?;
        let platforms = fetch_platforms(source, authority)?;
        let mut tiles = Tiles::new(source, statement.epoch, statement.root, statement.places_used, cover);
        let sought = self.sought();
        let found = find(source, statement, authority, &sought, &mut tiles)?;
        let mut found: Vec<(Option<usize>, Own)> =
            sought.into_iter().map(|s| s.candidate).zip(found).collect();
        // The newest change that is in the tree is the one that holds.
        let newest = found.iter().rposition(|(candidate, own)| candidate.is_some() && own.path.is_some());
        let (promoted, own) = match newest {
            Some(at) => found.swap_remove(at),
            None => found.into_iter().find(|(candidate, _)| candidate.is_none()).unwrap_or_default(),
        };
        Ok(Fetched { cells, platforms, own, promoted })
    }

    /// The leaf in use and those of the candidates, in this order.
    fn sought(&self) -> Vec<Sought<'_>> {
        let known = |credential: &Credential| self.state.own(&credential.leaf());
        let current = self.credential.as_ref().map(|c| (c, known(c)));
        let candidates = self.state.candidates.iter().enumerate().filter_map(|(i, candidate)| {
            let credential = candidate.credential.as_ref()?;
            let leaf = Some(credential.leaf());
            let own = Own { leaf, place: None, path: None, searched: candidate.searched };
            let same = current.as_ref().filter(|(c, _)| Some(c.leaf()) == leaf);
            // A renewal that changes no attribute gives the same leaf in another place; everything else
            // with the leaf in use is the credential in use.
            let but = match same {
                Some((_, current)) if candidate.operation == Operation::Renew => Some(current.place?),
                Some(_) => return None,
                None => None,
            };
            Some(Sought { candidate: Some(i), credential, own, but })
        });
        let first =
            current.clone().map(|(credential, own)| Sought { candidate: None, credential, own, but: None });
        first.into_iter().chain(candidates).collect()
    }
}

/// A leaf that is looked for, and what is known of it.
struct Sought<'a> {
    /// Index of the candidate; `None` for the credential in use.
    candidate: Option<usize>,
    credential: &'a Credential,
    own: Own,
    /// Where the same leaf is known to stand already.
    but: Option<u64>,
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

/// Where the leaves are in the newest tree.
fn find<S: Source + ?Sized>(
    source: &S,
    statement: &EpochStatement,
    authority: &AuthorityKey,
    sought: &[Sought<'_>],
    tiles: &mut Tiles<'_, S>,
) -> Result<Vec<Own>, SyncError> {
    let used = statement.places_used;
    // A candidate has been waited for since an epoch that is known; only for the others the time of
    // enrolment tells where to begin.
    let grid = if sought.iter().any(Sought::needs_grid) {
        places_on_grid(source, statement, authority)?
    } else {
        Vec::new()
    };
    let since = |s: &Sought<'_>| {
        let day = s.credential.attributes.enrolled_on;
        let before = grid.iter().filter(|(sealed, _)| s.needs_grid() && *sealed < day).map(|(_, n)| *n);
        before.max().unwrap_or(0).max(s.own.searched)
    };
    let first: Vec<Wanted> = sought.iter().map(|s| s.wanted(since(s), used)).collect();
    let mut found = tiles.search(&first)?;
    // Not since then: among the places before.
    let late = |(s, found): (&Sought<'_>, &Option<Found>)| {
        found.is_none() && s.own.place.is_none() && s.own.searched < since(s)
    };
    let late: Vec<bool> = sought.iter().zip(&found).map(late).collect();
    let chosen = || late.iter().enumerate().filter(|(_, late)| **late).map(|(i, _)| i);
    let second: Vec<Wanted> =
        chosen().filter_map(|i| sought.get(i).map(|s| s.wanted(s.own.searched, since(s)))).collect();
    for (i, earlier) in chosen().zip(tiles.search(&second)?) {
        if let Some(found) = found.get_mut(i) {
            *found = earlier;
        }
    }
    Ok(sought.iter().zip(found).map(|(s, found)| s.outcome(found, used)).collect())
}

impl Sought<'_> {
    fn needs_grid(&self) -> bool {
        self.own.place.is_none() && (self.candidate.is_none() || self.own.searched == 0)
    }

    fn wanted(&self, from: u64, to: u64) -> Wanted {
        let places = match self.own.place {
            Some(place) => Places::At(place),
            None => Places::Between(from, to, self.but),
        };
        Wanted { leaf: self.credential.leaf(), places }
    }

    fn outcome(&self, found: Option<Found>, used: u64) -> Own {
        match (self.own.place, found) {
            (Some(_), found) => Own { path: found.map(|f| f.path), ..self.own.clone() },
            (None, Some(Found { place, path })) => {
                Own { leaf: self.own.leaf, place: Some(place), path: Some(path), searched: place }
            }
            (None, None) => Own { leaf: self.own.leaf, place: None, path: None, searched: used },
        }
    }
}

/// The day of each epoch on the grid with the places that were in use then: a leaf that was accepted
/// after that day stands in none of them. Empty where a note is no longer published.
fn places_on_grid<S: Source + ?Sized>(
    source: &S,
    newest: &EpochStatement,
    authority: &AuthorityKey,
) -> Result<Vec<(Day, u64)>, SyncError> {
    let mut grid = Vec::new();
    // All of them, always: a search that stopped early would tell when the wallet's owner enrolled.
    for middle in 1..=(newest.epoch - 1) / NOTE_GRID {
        let number = middle * NOTE_GRID;
        let Some(note) = source.file(&format!("epochs/{number}.note"))? else { return Ok(Vec::new()) };
        let note =
            String::from_utf8(note).map_err(|_| EpochsError::Syntax(format!("epoch {number} is no text")))?;
        let statement = open_note(&note, authority).map_err(EpochsError::from)?;
        if statement.epoch != number || statement.places_used > newest.places_used {
            return Err(EpochsError::Conflict(format!("epoch {number} does not fit the newest")).into());
        }
        grid.push((Day::of(statement.sealed_at), statement.places_used));
    }
    Ok(grid)
}
