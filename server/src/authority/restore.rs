//! Backup and restore of an authority's folder (contract §5).
//!
//! A backup is older than what the authority has signed since. `restore` therefore reads what was published,
//! checks it under the authority's own key, and goes on from there: a second text under a number that people
//! and platforms hold would be evidence against an honest authority.

use super::held::chain;
use super::seal::{Epoch, in_background};
use super::{Authority, CIRCUITS, DATABASE, FINGERPRINT_KEY, Home, SIGNING_KEY, VKEY};
use crate::backup::{self, Kind, Manifest, Scratch};
use crate::error::RegistryError;
use crate::files::{Access, FileError, NewFolder};
use crate::published::Published;
use crate::store::{Adopted, Adoption, StoreError, StoredEpoch};
use age::secrecy::SecretString;
use serde::Serialize;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::directory::{PlatformEntry, read_hosts};
use veilpass_protocol::epoch::{EpochStatement, open_note};
use veilpass_protocol::field::Fr;
use veilpass_protocol::scope::Host;
use veilpass_protocol::tile::{Tile, TileId};
use veilpass_protocol::tree::Tree;

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The newest epoch of the backup, 0 for none.
    pub from_epoch: u64,
    /// The newest published epoch, which the registry goes on from.
    pub epoch: u64,
    /// What was found.
    #[serde(flatten)]
    pub adopted: Adopted,
    /// Registrars must examine again who came to them from here on …
    pub examine_from: Timestamp,
    /// … until the restore.
    pub examine_until: Timestamp,
}

impl Authority {
    /// Writes one encrypted file with keys and database at one moment, also while a server uses the folder.
    pub async fn backup<W: Write + Send + 'static>(
        &self,
        mut out: W,
        passphrase: SecretString,
        now: Timestamp,
    ) -> Result<W, RegistryError> {
        let scratch = Scratch::in_folder(&self.folder)?;
        self.store.snapshot(scratch.path()).await?;
        let circuits = self.circuits.iter().map(|id| format!("{CIRCUITS}/{id}.vk"));
        let others = [SIGNING_KEY, FINGERPRINT_KEY, VKEY].map(String::from);
        let names: Vec<String> = others.into_iter().chain(circuits).chain([DATABASE.to_owned()]).collect();
        let folder = self.folder.clone();
        in_background(move || {
            let path =
                |name: &String| if name == DATABASE { scratch.path().to_owned() } else { folder.join(name) };
            let sources: Vec<_> = names.iter().map(path).collect();
            let manifest = Manifest::new(Kind::Authority, now, names);
            backup::write(&mut out, &passphrase, &manifest, &sources)?;
            Ok(out)
        })
        .await?
    }

    /// Unpacks a backup into `folder`, which must be absent or empty, and takes up what was published since.
    /// Without success nothing is left there, unless the program is killed: then a folder `.new-…` beside it.
    pub async fn restore(
        folder: &Path,
        backup: impl Read,
        passphrase: &SecretString,
        published: Published,
        now: Timestamp,
    ) -> Result<Restored, RegistryError> {
        let vacant = |e: FileError| match e.kind {
            ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => {
                RegistryError::NotVacant(folder.display().to_string())
            }
            _ => RegistryError::File(e),
        };
        let staged = NewFolder::begin(folder, DATABASE).map_err(vacant)?;
        let access = |name: &str| match name {
            SIGNING_KEY | FINGERPRINT_KEY | DATABASE => Some(Access::Private),
            VKEY => Some(Access::Public),
            _ => circuit_name(name).then_some(Access::Public),
        };
        let manifest = backup::unpack(backup, passphrase, Kind::Authority, staged.path(), access)?;
        let authority = Authority::open_at(staged.path(), Home::Anywhere).await?;
        let restored = authority.take_up(published, Some(manifest.made_at), now).await;
        authority.store.close().await;
        let restored = restored?;
        staged.finish().map_err(vacant)?;
        Ok(restored)
    }

    /// Takes up what was published, in a folder that was copied or put back as it is.
    pub async fn restore_in_place(
        folder: &Path,
        published: Published,
        now: Timestamp,
    ) -> Result<Restored, RegistryError> {
        // A copy of the whole folder would be compared with itself.
        if let Published::Folder(shown) = &published {
            let real = |path: &Path| path.canonicalize().map_err(|e| FileError::new(path, &e));
            if real(shown)?.starts_with(real(folder)?) {
                let why = "it lies in the folder that is to be restored, and may be as old".to_owned();
                return Err(RegistryError::Published { place: shown.display().to_string(), why });
            }
        }
        let authority = Authority::open_at(folder, Home::Anywhere).await?;
        let restored = authority.take_up(published, None, now).await;
        authority.store.close().await;
        restored
    }

    async fn take_up(
        &self,
        published: Published,
        made_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Restored, RegistryError> {
        let known = match self.store.epoch(None).await? {
            Some(stored) => Some(Epoch::read(stored, &self.key())?.statement),
            None => None,
        };
        let last_change = self.store.last_change().await?;
        let from_epoch = known.as_ref().map_or(0, |known| known.epoch);
        // The rows of the backup itself, before anything is built on them.
        self.signed_tree(self.store.published_state().await?.signed).await?;
        let source = Source { place: place_of(&published), published };
        let authority = self.clone();
        let read = in_background(move || source.read(&authority, known.as_ref())).await??;
        let (shown, mut adoption) = read;
        adoption.enter_from = shown.sealed_at.plus(self.reset_wait);
        if shown.epoch <= from_epoch {
            let stored = self.store.epoch(Some(shown.epoch)).await?;
            let ours = Epoch::read(stored.ok_or(StoreError::Damaged("an epoch is missing"))?, &self.key())?;
            if ours.statement != shown {
                return Err(RegistryError::Forked { folder: self.folder.clone(), epoch: shown.epoch });
            }
        }
        let adopted = self.store.adopt(&adoption).await?;
        let epoch = shown.epoch.max(from_epoch);
        let examine_from = made_at.or(last_change).unwrap_or(now).minus(EARLIEST_OPEN);
        Ok(Restored { from_epoch, epoch, adopted, examine_from, examine_until: now })
    }
}

/// Who applied so long before the backup may have been confirmed after it: a code lasts 15 minutes, and a
/// redeemed one is confirmed within a day (protocol.md, "Enrolment" 2 and 3).
const EARLIEST_OPEN: u64 = 24 * 3600 + 15 * 60;

/// `circuits/<id>.vk`.
fn circuit_name(name: &str) -> bool {
    let id = name.strip_prefix(CIRCUITS).and_then(|name| name.strip_prefix('/')?.strip_suffix(".vk"));
    id.is_some_and(|id| id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn place_of(published: &Published) -> String {
    match published {
        Published::Folder(folder) => folder.display().to_string(),
        Published::Url { base, .. } => base.clone(),
    }
}

/// What was published, and how to name it in errors.
struct Source {
    published: Published,
    place: String,
}

impl Source {
    fn wrong(&self, why: impl ToString) -> RegistryError {
        RegistryError::Published { place: self.place.clone(), why: why.to_string() }
    }

    /// The newest statement, and everything of it that the registry lacks, checked.
    fn read(
        &self,
        authority: &Authority,
        known: Option<&EpochStatement>,
    ) -> Result<(EpochStatement, Adoption), RegistryError> {
        let note = self.published.newest_note().map_err(|e| self.wrong(e))?;
        let note = note.ok_or_else(|| self.wrong("no epoch is published there"))?;
        let shown =
            open_note(&note, &authority.key()).map_err(|e| self.wrong(format!("the newest note: {e}")))?;
        let platforms = self.platforms(authority)?;
        let mut adoption = Adoption {
            epochs: Vec::new(),
            leaves: Vec::new(),
            first_new_place: known.map_or(0, |known| known.places_used),
            sealed_at: shown.sealed_at,
            enter_from: shown.sealed_at,
            platforms,
        };
        let from = known.map_or(0, |known| known.epoch);
        if shown.epoch <= from {
            return Ok((shown, adoption));
        }
        if let Some(known) = known {
            let (_, theirs) = self.epoch(authority, known.epoch)?;
            if theirs != *known {
                return Err(RegistryError::Forked { folder: self.place.clone().into(), epoch: known.epoch });
            }
        }
        let mut before = known.cloned();
        for number in from + 1..=shown.epoch {
            let (stored, statement) = self.epoch(authority, number)?;
            if !chain(before.as_ref(), &statement) {
                return Err(self.wrong(format!("epoch {number} does not follow from the one before")));
            }
            before = Some(statement.clone());
            adoption.epochs.push((stored, statement));
        }
        if before.as_ref() != Some(&shown) {
            return Err(self.wrong("the newest note is not the one of its number"));
        }
        adoption.leaves = self.leaves(&shown)?;
        Ok((shown, adoption))
    }

    fn file(&self, name: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        self.published.file(name).map_err(|e| self.wrong(format!("{name}: {e}")))
    }

    fn needed(&self, name: &str) -> Result<Vec<u8>, RegistryError> {
        self.file(name)?.ok_or_else(|| self.wrong(format!("{name} is missing")))
    }

    fn epoch(
        &self,
        authority: &Authority,
        number: u64,
    ) -> Result<(StoredEpoch, EpochStatement), RegistryError> {
        let name = format!("epochs/{number}.note");
        let note =
            String::from_utf8(self.needed(&name)?).map_err(|_| self.wrong(format!("{name} is not text")))?;
        let cells = self.needed(&format!("epochs/{number}.cells"))?;
        let stored = StoredEpoch { epoch: number, note, cells };
        let read = Epoch::read(stored.clone(), &authority.key());
        let statement =
            read.map_err(|_| self.wrong(format!("{name}: not what this authority signed")))?.statement;
        Ok((stored, statement))
    }

    /// All leaves, from the tiles of the newest epoch, which must give its root.
    fn leaves(&self, shown: &EpochStatement) -> Result<Vec<(u64, Fr)>, RegistryError> {
        let capacity = TileId { level: 0, index: 0 }.capacity() as u64;
        let mut all = Vec::new();
        for index in 0..shown.places_used.div_ceil(capacity) {
            let id = TileId { level: 0, index };
            let name = format!("tiles/{}/{id}", shown.epoch);
            let nodes = match self.file(&name)? {
                Some(bytes) => {
                    let tile = Tile::decode(id, &bytes).map_err(|e| self.wrong(format!("{name}: {e}")))?;
                    tile.nodes().to_vec()
                }
                // A tile without any leaf has no file; the root tells whether that is so.
                None => Vec::new(),
            };
            let missing = (capacity as usize).saturating_sub(nodes.len());
            all.extend(nodes);
            all.extend(std::iter::repeat_n(Fr::default(), missing));
        }
        all.truncate(usize::try_from(shown.places_used).unwrap_or(usize::MAX));
        let leaves: Vec<_> =
            (0..).zip(&all).filter(|(_, leaf)| **leaf != Fr::default()).map(|(n, leaf)| (n, *leaf)).collect();
        if Tree::from_leaves(all).root() != shown.root || leaves.len() as u64 != shown.live {
            return Err(self.wrong(format!("the tiles of epoch {} do not give its root", shown.epoch)));
        }
        Ok(leaves)
    }

    fn platforms(&self, authority: &Authority) -> Result<Vec<(Host, String)>, RegistryError> {
        let Some(list) = self.file("platforms.json")? else { return Ok(Vec::new()) };
        let hosts = read_hosts(&list).map_err(|e| self.wrong(format!("platforms.json: {e}")))?;
        let mut platforms = Vec::with_capacity(hosts.len());
        for host in hosts {
            let name = format!("platforms/{host}.json");
            let bytes = self.needed(&name)?;
            let entry = PlatformEntry::from_json(&bytes).map_err(|e| self.wrong(format!("{name}: {e}")))?;
            if entry.host != host || entry.verify(&authority.key()).is_err() {
                return Err(self.wrong(format!("{name}: not what this authority signed")));
            }
            platforms.push((host, entry.to_json()));
        }
        Ok(platforms)
    }
}
