//! Holds the rows of the registry against the last signed statement, and against what was published.
//! Nothing is signed or published on top of rows that say something else.

use super::seal::Epoch;
use super::seal::in_background;
use super::service::PUBLISHED;
use super::{Authority, VKEY, key_line};
use crate::error::RegistryError;
use crate::files::{self, Access, FileError};
use crate::published::note_number;
use crate::store::{Entering, SignedState, StoreError};
use rayon::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use veilpass_protocol::cells::{Cell, Cells};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::epoch::{Changes, EpochStatement, open_note};
use veilpass_protocol::field::{Fr, to_bytes};
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::tile::{Tile, TileId};
use veilpass_protocol::tree::Tree;

/// Names the folders that this authority has published into, one absolute path a line.
const PUBLISHED_IN: &str = "published-in";

impl Authority {
    /// Checks that the rows give the newest signed epoch, and that no published folder is ahead of them.
    /// Needs memory and time in step with the number of places.
    pub async fn check(&self) -> Result<(), RegistryError> {
        self.check_published().await?;
        let signed = self.store.published_state().await?.signed;
        self.signed_tree(signed).await.map(drop)
    }

    /// The newest signed epoch, and its tree made of rows that were held against its statement.
    pub(super) async fn signed_tree(
        &self,
        signed: SignedState,
    ) -> Result<(Option<EpochStatement>, Tree), RegistryError> {
        let (circuits, folders, key) = (self.circuits.clone(), self.published_folders()?, self.key());
        in_background(move || {
            let SignedState { latest, leaves, cells, restored } = signed;
            let newest = latest.map(|stored| Epoch::read(stored, &key)).transpose()?;
            let newest = newest.map(|epoch| epoch.statement);
            let tree = signed_tree(newest.as_ref(), &leaves, &circuits, &folders)?;
            // A restored registry does not know the cells of leaves without a record, until it has sealed.
            match &newest {
                Some(newest) if restored.is_none_or(|restored| newest.epoch > restored) => {
                    check_cells(newest, cells)?;
                }
                _ => (),
            }
            Ok((newest, tree))
        })
        .await?
    }

    /// Refuses if a folder that this authority has published into shows a newer epoch than the registry
    /// knows, or another text of one that it knows.
    pub(super) async fn check_published(&self) -> Result<(), RegistryError> {
        let mut published = Vec::new();
        for folder in self.published_folders()? {
            published.extend(newest_note(&folder, &self.key())?.map(|shown| (folder, shown)));
        }
        // Read after the folders: what another process publishes now is in the registry already.
        let known = self.store.revision().await?.epoch;
        for (folder, shown) in published {
            if shown.epoch > known {
                return Err(RegistryError::Behind { folder, shown: shown.epoch, known });
            }
            let stored = self.store.epoch(Some(shown.epoch)).await?;
            let stored = stored.ok_or(StoreError::Damaged("an epoch is missing"))?;
            if Epoch::read(stored, &self.key())?.statement != shown {
                return Err(RegistryError::Forked { folder, epoch: shown.epoch });
            }
        }
        Ok(())
    }

    /// The published folders that are there: the authority's own, and those it has published into.
    fn published_folders(&self) -> Result<Vec<PathBuf>, RegistryError> {
        let mut folders = vec![self.folder.join(PUBLISHED)];
        folders.extend(self.published_elsewhere()?);
        // What is not there, or belongs to another authority by now, tells nothing.
        let ours = key_line(&self.signer);
        folders.retain(|folder| files::read(&folder.join(VKEY)).is_ok_and(|line| line == ours.as_bytes()));
        Ok(folders)
    }

    fn published_elsewhere(&self) -> Result<Vec<PathBuf>, RegistryError> {
        let list = self.folder.join(PUBLISHED_IN);
        if !list.exists() {
            return Ok(Vec::new());
        }
        Ok(files::read_text(&list)?.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect())
    }

    /// Remembers a folder that is published into, so that later seals look at it.
    pub(super) fn remember_published(&self, folder: &Path) -> Result<(), RegistryError> {
        let folder = std::path::absolute(folder).map_err(files::at(folder))?;
        let mut known = self.published_elsewhere()?;
        // A path that is no text, or has a line end, cannot stand in the list; it is not looked at later.
        let Some(text) = folder.to_str().filter(|text| !text.contains('\n')) else { return Ok(()) };
        let own = std::path::absolute(self.folder.join(PUBLISHED)).map_err(files::at(&folder))?;
        if folder != own && !known.contains(&folder) {
            known.push(PathBuf::from(text));
            let lines: String = known.iter().map(|path| format!("{}\n", path.display())).collect();
            files::write(&self.folder.join(PUBLISHED_IN), lines.as_bytes(), Access::Private)?;
        }
        Ok(())
    }

    /// Refuses pending leaves that are not the hash of their own attributes and commitments.
    pub(super) async fn check_entering(&self, entering: Vec<(u64, Entering)>) -> Result<(), RegistryError> {
        in_background(move || match first_inconsistent(&entering) {
            Some(sequence) => Err(RegistryError::Altered(format!(
                "pending change {sequence} holds a leaf that is not the hash of its own row"
            ))),
            None => Ok(()),
        })
        .await?
    }
}

/// On all cores: a first seal of an import checks every row.
fn first_inconsistent(entering: &[(u64, Entering)]) -> Option<u64> {
    entering.par_iter().find_first(|(_, entering)| !entering.is_consistent()).map(|(sequence, _)| *sequence)
}

fn signed_tree(
    newest: Option<&EpochStatement>,
    leaves: &[(u64, Fr)],
    circuits: &[CircuitId],
    folders: &[PathBuf],
) -> Result<Tree, RegistryError> {
    let altered = |what: String| Err(RegistryError::Altered(what));
    let Some(newest) = newest else {
        return match leaves.first() {
            Some((place, _)) => altered(format!("place {place} holds a leaf, and no epoch is sealed yet")),
            None => Ok(Tree::new()),
        };
    };
    let epoch = newest.epoch;
    if let Some((place, _)) = leaves.iter().find(|(place, _)| *place >= newest.places_used) {
        return altered(format!("place {place} holds a leaf that epoch {epoch} does not know"));
    }
    let places =
        usize::try_from(newest.places_used).map_err(|_| RegistryError::Internal("too many places".into()))?;
    let mut all = vec![Fr::default(); places];
    for (place, leaf) in leaves {
        if let Some(slot) = all.get_mut(*place as usize) {
            *slot = *leaf;
        }
    }
    let tree = Tree::from_leaves(all);
    if tree.root() != newest.root {
        let place = match differing_place(&tree, newest, folders) {
            Some(place) => format!("place {place}"),
            None => "some place (no published tiles of that epoch are here to tell which)".to_owned(),
        };
        return altered(format!("{place} does not hold what epoch {epoch} was signed with"));
    }
    if newest.circuits != circuits {
        return altered(format!("the list of circuits is not the one that epoch {epoch} was signed with"));
    }
    Ok(tree)
}

/// The cells are rounded to hundreds before they are signed, and held against that.
fn check_cells(newest: &EpochStatement, cells: Vec<(Cell, u64)>) -> Result<(), RegistryError> {
    if Cells::count(newest.epoch, newest.sealed_at, cells).hash() != newest.cells {
        let what =
            format!("the people's coarse cells are not those that epoch {} was signed with", newest.epoch);
        return Err(RegistryError::Altered(what));
    }
    Ok(())
}

/// The first place whose leaf differs from the published tiles of the epoch.
fn differing_place(tree: &Tree, newest: &EpochStatement, folders: &[PathBuf]) -> Option<u64> {
    let capacity = TileId { level: 0, index: 0 }.capacity() as u64;
    let tiles = newest.places_used.div_ceil(capacity);
    for folder in folders {
        let folder = folder.join("tiles").join(newest.epoch.to_string());
        if !folder.is_dir() {
            continue;
        }
        for index in 0..tiles {
            let id = TileId { level: 0, index };
            // A tile without any leaf has no file.
            let signed = match fs::read(folder.join(id.to_string())) {
                Ok(bytes) => match Tile::decode(id, &bytes) {
                    Ok(tile) => tile.nodes().to_vec(),
                    // Somebody wrote into the published folder as well; another one may tell.
                    Err(_) => break,
                },
                Err(_) => Vec::new(),
            };
            let differs = |at: &u64| {
                let signed = signed.get(*at as usize).copied().unwrap_or_default();
                to_bytes(&signed) != to_bytes(&tree.get(index * capacity + at))
            };
            if let Some(at) = (0..capacity).find(differs) {
                return Some(index * capacity + at);
            }
        }
    }
    None
}

/// Whether a statement follows from the one before in number, time, counts, hash and window.
pub(super) fn chain(before: Option<&EpochStatement>, statement: &EpochStatement) -> bool {
    let changes = Changes {
        sealed_at: statement.sealed_at,
        root: statement.root,
        added: statement.added,
        removed: statement.removed,
        cells: statement.cells,
        circuits: statement.circuits.clone(),
    };
    EpochStatement::next(&statement.origin, before, changes).as_ref() == Ok(statement)
}

/// The newest note in a published folder that this authority has signed. Files that are something else are passed
/// over: a stray file must not keep removals from being sealed.
fn newest_note(folder: &Path, key: &AuthorityKey) -> Result<Option<EpochStatement>, RegistryError> {
    for number in note_numbers(folder)?.into_iter().rev() {
        let path = folder.join(format!("epochs/{number}.note"));
        let note = files::read(&path)?;
        let statement = std::str::from_utf8(&note).ok().and_then(|note| open_note(note, key).ok());
        if let Some(statement) = statement.filter(|statement| statement.epoch == number) {
            return Ok(Some(statement));
        }
        tracing::warn!(file = %path.display(), "not a note of this authority; passed over");
    }
    Ok(None)
}

/// The highest number of a note in a published folder.
pub(super) fn newest_number(folder: &Path) -> Result<Option<u64>, FileError> {
    Ok(note_numbers(folder)?.pop())
}

/// The numbers of notes in a published folder, ascending.
fn note_numbers(folder: &Path) -> Result<Vec<u64>, FileError> {
    let epochs = folder.join("epochs");
    if !epochs.exists() {
        return Ok(Vec::new());
    }
    let mut numbers = Vec::new();
    for entry in fs::read_dir(&epochs).map_err(files::at(&epochs))? {
        numbers.extend(note_number(&entry.map_err(files::at(&epochs))?.path()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
