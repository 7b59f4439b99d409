//! The published folder: what wallets and platforms read, as static files (contract §4).
//!
//! Every file appears whole. Notes come last, so that whoever reads the newest finds its tiles and
//! cells; tiles of a new epoch appear all at once. The tiles of the epoch that was published before are
//! kept for readers who are under way.

use super::held::newest_number;
use super::{Authority, CIRCUITS, VKEY, circuit_file, key_line};
use crate::error::RegistryError;
use crate::files::{self, Access, FileError};
use crate::store::{StoreError, StoredEpoch};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::scope::Host;
use veilpass_protocol::tree::Tree;

/// Held in the authority's folder while it publishes.
const PUBLISH_LOCK: &str = "publish.lock";

/// What was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The newest epoch.
    pub epoch: u64,
    /// Number of files in the folder.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
}

impl Authority {
    /// Brings the folder up to date; what is as it should be is left alone. A folder of another
    /// authority is refused.
    pub async fn publish(&self, out: &Path) -> Result<Published, RegistryError> {
        // One publisher of an authority at a time: two would sweep away each other's staged tiles.
        let _lock = files::lock(&self.folder.join(PUBLISH_LOCK))?;
        let state = self.store.published_state().await?;
        let (newest, tree) = self.signed_tree(state.signed).await?;
        let newest = newest.ok_or(RegistryError::NoEpoch)?;
        let mut folder = Folder::open(out, &key_line(&self.signer))?;
        for id in &self.circuits {
            let path = circuit_file(&self.folder, id);
            let file = files::read(&path)?;
            // It was checked when the authority was founded, and its name is its hash.
            if CircuitId::of_file(&file) != *id {
                let what = format!("{}: not the key of this name; it was changed", path.display());
                return Err(RegistryError::NotOurs(what));
            }
            folder.put(&format!("{CIRCUITS}/{id}.vk"), &file)?;
        }
        // What was published stays: an older database, put back, must not make this authority sign a second
        // text for an epoch that wallets and platforms hold.
        let published = newest_number(out)?.unwrap_or(0);
        if published > newest.epoch {
            return Err(RegistryError::Behind {
                folder: out.to_owned(),
                shown: published,
                known: newest.epoch,
            });
        }
        self.remember_published(out)?;
        folder.put_tiles(newest.epoch, &tree)?;
        for number in 1..=newest.epoch {
            if number < published && folder.has_epoch(number)? {
                continue;
            }
            let epoch =
                self.store.epoch(Some(number)).await?.ok_or(StoreError::Damaged("an epoch is missing"))?;
            folder.put_epoch(number, &epoch)?;
        }
        folder.drop_older_tiles(newest.epoch)?;
        // Last, so that no entry can keep removals from taking effect.
        folder.put_directory(&state.platforms)?;
        Ok(Published { epoch: newest.epoch, files: folder.files, bytes: folder.bytes })
    }

    /// Publishes the key alone: what a first wallet needs before there is an epoch.
    pub async fn publish_key(&self, out: &Path) -> Result<(), RegistryError> {
        let _lock = files::lock(&self.folder.join(PUBLISH_LOCK))?;
        Folder::open(out, &key_line(&self.signer))?;
        Ok(())
    }

    /// Brings only the platform directory of a published folder up to date: what a change of it takes,
    /// without a look at the tree.
    pub async fn publish_directory(&self, out: &Path) -> Result<(), RegistryError> {
        let _lock = files::lock(&self.folder.join(PUBLISH_LOCK))?;
        let platforms = self.store.platforms().await?;
        Folder::open(out, &key_line(&self.signer))?.put_directory(&platforms)
    }
}

/// The folder that is being brought up to date.
struct Folder {
    path: PathBuf,
    files: u64,
    bytes: u64,
}

impl Folder {
    fn open(path: &Path, key_line: &str) -> Result<Folder, RegistryError> {
        let vkey = path.join(VKEY);
        if files::read_if_there(&vkey, files::LARGEST)?.is_some_and(|there| there != key_line.as_bytes()) {
            let text = format!("{} is the published folder of another authority", path.display());
            return Err(RegistryError::NotOurs(text));
        }
        for below in ["epochs", "tiles", CIRCUITS, "platforms"] {
            files::make_folder(&path.join(below))?;
        }
        let mut folder = Folder { path: path.to_owned(), files: 0, bytes: 0 };
        folder.put(VKEY, key_line.as_bytes())?;
        Ok(folder)
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        files::update(&self.path.join(name), bytes, Access::Public)?;
        self.count(bytes.len());
        Ok(())
    }

    fn epoch_file(&self, number: u64, kind: &str) -> PathBuf {
        self.path.join(format!("epochs/{number}.{kind}"))
    }

    /// Whether both files of an epoch are here; then they are counted.
    fn has_epoch(&mut self, number: u64) -> Result<bool, FileError> {
        let mut sizes = Vec::with_capacity(2);
        for kind in ["cells", "note"] {
            let path = self.epoch_file(number, kind);
            files::check_place(&path)?;
            match fs::metadata(&path) {
                Ok(there) => sizes.push(there.len() as usize),
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
                Err(e) => return Err(FileError::new(&path, &e)),
            }
        }
        sizes.into_iter().for_each(|size| self.count(size));
        Ok(true)
    }

    /// The note comes last: whoever reads it finds the cells.
    fn put_epoch(&mut self, number: u64, epoch: &StoredEpoch) -> Result<(), RegistryError> {
        let files = [("cells", epoch.cells.as_slice()), ("note", epoch.note.as_bytes())];
        for (kind, bytes) in files {
            let path = self.epoch_file(number, kind);
            if files::read_if_there(&path, files::LARGEST)?.is_some_and(|there| there != bytes) {
                return Err(RegistryError::Forked { folder: self.path.clone(), epoch: number });
            }
            self.put(&format!("epochs/{number}.{kind}"), bytes)?;
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.files += 1;
        self.bytes += bytes as u64;
    }

    fn put_directory(&mut self, platforms: &[(Host, String)]) -> Result<(), RegistryError> {
        let mut hosts = Vec::with_capacity(platforms.len());
        for (host, entry) in platforms {
            self.put(&format!("platforms/{host}.json"), entry.as_bytes())?;
            hosts.push(host);
        }
        let list = serde_json::to_string(&hosts).map_err(|e| RegistryError::Internal(e.to_string()))?;
        Ok(self.put("platforms.json", list.as_bytes())?)
    }

    fn put_tiles(&mut self, epoch: u64, tree: &Tree) -> Result<(), RegistryError> {
        let tiles = self.path.join("tiles");
        let place = tiles.join(epoch.to_string());
        // What a run that was killed has left behind.
        let staged = tiles.join(".new");
        if staged.exists() {
            fs::remove_dir_all(&staged).map_err(files::at(&staged))?;
        }
        let there = place.exists();
        let target = if there { &place } else { &staged };
        let mut levels = BTreeSet::new();
        files::make_folder(target)?;
        for id in tree.tile_ids() {
            let tile = tree.tile(id).ok_or_else(|| RegistryError::Internal(format!("tile {id} is empty")))?;
            if levels.insert(id.level) {
                files::make_folder(&target.join(id.level.to_string()))?;
            }
            let bytes = tile.encode();
            files::update(&target.join(id.to_string()), &bytes, Access::Public)?;
            self.count(bytes.len());
        }
        files::sync_folder(target)?;
        if !there {
            fs::rename(&staged, &place).map_err(files::at(&place))?;
            files::sync_folder(&tiles)?;
        }
        Ok(())
    }

    /// Removes older tiles but those of the epoch that was published before the newest, for readers who
    /// are under way; counts these.
    fn drop_older_tiles(&mut self, newest: u64) -> Result<(), RegistryError> {
        let tiles = self.path.join("tiles");
        let mut older = BTreeMap::new();
        for entry in fs::read_dir(&tiles).map_err(files::at(&tiles))? {
            let path = entry.map_err(files::at(&tiles))?.path();
            let epoch = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            if let Some(epoch) = epoch.filter(|epoch: &u64| *epoch < newest) {
                older.insert(epoch, path);
            }
        }
        if let Some((_, before)) = older.pop_last() {
            self.count_below(&before)?;
        }
        for path in older.values() {
            fs::remove_dir_all(path).map_err(files::at(path))?;
        }
        Ok(())
    }

    fn count_below(&mut self, path: &Path) -> Result<(), RegistryError> {
        for entry in fs::read_dir(path).map_err(files::at(path))? {
            let path = entry.map_err(files::at(path))?.path();
            let about = fs::metadata(&path).map_err(files::at(&path))?;
            if about.is_dir() {
                self.count_below(&path)?;
            } else {
                self.files += 1;
                self.bytes += about.len();
            }
        }
        Ok(())
    }
}
