//! Sealing: the changes gathered since the last epoch become a new root and a signed statement.

use super::Authority;
use crate::error::RegistryError;
use crate::store::{Change, Sealing, SealingState, StoreError, StoredEpoch};
use rand::seq::SliceRandom;
use rand::{CryptoRng, RngCore};
use std::collections::BTreeMap;
use veilpass_protocol::cells::{Cell, Cells};
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::{
    Changes, EpochStatement, NextEpochError, RemovalReason, RemovedCounts, open_note,
};
use veilpass_protocol::field::Fr;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::tree::{CAPACITY, Tree};

/// How often a sealer looks again when changes come in between.
const ATTEMPTS: u32 = 5;

/// In which order the additions of an epoch take the next places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceOrder {
    /// At random: a place must not tell who came before whom.
    Random,
    /// As they were accepted; for tests only.
    AsAccepted,
}

/// A sealed epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// What was signed.
    pub statement: EpochStatement,
    /// The signed note.
    pub note: String,
    /// The bytes of the cells file.
    pub cells: Vec<u8>,
    /// Of a seal: whether what it erased is gone from the files as well; not while another program
    /// reads the database. The next command that finds no reader makes up for it. An epoch that is
    /// read back was sealed earlier and says `true`.
    pub erased: bool,
}

impl Epoch {
    /// The JSON form of contract §4.
    pub fn to_json(&self) -> String {
        self.statement.to_json(&self.note)
    }

    /// Reads what the store holds; what this authority has not signed is a damaged store.
    pub(super) fn read(stored: StoredEpoch, key: &AuthorityKey) -> Result<Epoch, RegistryError> {
        let statement = open_note(&stored.note, key)
            .ok()
            .filter(|statement| statement.epoch == stored.epoch)
            .filter(|statement| Cells::from_file(&stored.cells, stored.epoch, &statement.cells).is_ok())
            .ok_or(StoreError::Damaged("an epoch's note or cells"))?;
        Ok(Epoch { statement, note: stored.note, cells: stored.cells, erased: true })
    }
}

impl Authority {
    /// Seals an epoch, on top of rows that were held against the last signed one. With nothing to change there is still a new epoch with the same root. A time
    /// that is not later than the last epoch's is refused and changes nothing.
    pub async fn seal<R: RngCore + CryptoRng + Send>(
        &self,
        now: Timestamp,
        order: PlaceOrder,
        rng: &mut R,
    ) -> Result<Epoch, RegistryError> {
        let mut attempt = 1;
        loop {
            self.check_published().await?;
            let SealingState { signed, changes, dropped } = self.store.sealing_state(now).await?;
            let cells = signed.cells.clone();
            let (previous, tree) = self.signed_tree(signed).await?;
            if let Some(last) = previous.as_ref().map(|p| p.sealed_at).filter(|last| now <= *last) {
                return Err(RegistryError::NotLater { now, last });
            }
            let entering = changes.iter().filter_map(|c| Some((c.sequence, c.enters.clone()?)));
            self.check_entering(entering.collect()).await?;
            let mut entering: Vec<u64> =
                changes.iter().filter(|c| c.enters.is_some()).map(|c| c.sequence).collect();
            if order == PlaceOrder::Random {
                entering.shuffle(rng);
            }
            // Seconds of work for a large tree: not on the threads that answer requests.
            let authority = self.clone();
            let before = Before { previous, tree, cells, dropped };
            let (epoch, sealing) =
                in_background(move || authority.next_epoch(before, &changes, now, entering)).await??;
            match self.store.seal(&sealing).await {
                Ok(()) => {
                    let erased = self.store.erase_remnants().await?;
                    return Ok(Epoch { erased, ..epoch });
                }
                // The text that was just signed is dropped here and leaves this process never.
                Err(StoreError::Superseded) if attempt < ATTEMPTS => attempt += 1,
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// The statement that follows from the state, and what the store has to do for it.
    fn next_epoch(
        &self,
        before: Before,
        changes: &[Change],
        now: Timestamp,
        entering: Vec<u64>,
    ) -> Result<(Epoch, Sealing), RegistryError> {
        let Before { previous, mut tree, cells: people, dropped } = before;
        let first_place = previous.as_ref().map_or(0, |p| p.places_used);
        let added = entering.len() as u64;
        let places_used = first_place + added;
        if places_used > CAPACITY {
            return Err(RegistryError::Internal("the tree is full".into()));
        }
        let placed: Vec<(u64, u64)> = entering.into_iter().zip(first_place..).collect();
        let place_of: BTreeMap<u64, u64> = placed.iter().copied().collect();

        let mut leaves: Vec<(u64, Fr)> = Vec::with_capacity(changes.len());
        let mut cells: BTreeMap<Cell, u64> = BTreeMap::new();
        for (cell, count) in people {
            *cells.entry(cell).or_default() += count;
        }
        let mut removed = RemovedCounts::default();
        let (mut consumed, mut waiting) = (Vec::with_capacity(changes.len()), Vec::new());
        for change in changes {
            if let Some(leaving) = &change.leaves {
                if tree.get(leaving.place) == Fr::default() {
                    return Err(StoreError::Damaged("a leaf's place").into());
                }
                leaves.push((leaving.place, Fr::default()));
                let left = cells.get_mut(&leaving.cell).and_then(|n| n.checked_sub(1).map(|less| *n = less));
                left.ok_or(StoreError::Damaged("the cells"))?;
                removed.add(change.leaves_for(), 1);
            }
            match (&change.enters, change.reason) {
                (Some(entering), None) => {
                    let place = place_of.get(&change.sequence).copied();
                    leaves.push((place.ok_or(StoreError::Damaged("a pending change"))?, entering.leaf));
                    *cells.entry(entering.cell()).or_default() += 1;
                }
                // Its place is taken and left in the same epoch: nobody is removed in silence.
                (Some(_), Some(reason)) => removed.add(reason, 1),
                (None, _) => (),
            }
            if change.waits() {
                waiting.push(change.sequence);
            } else {
                consumed.push((change.sequence, change.reason));
            }
        }
        for (place, reason) in &dropped {
            leaves.push((*place, Fr::default()));
            removed.add(*reason, 1);
        }
        tree.update(&leaves).map_err(|_| StoreError::Damaged("a leaf's place"))?;

        let live = tree.level(0).iter().filter(|leaf| **leaf != Fr::default()).count() as u64;
        let number = previous.as_ref().map_or(0, |p| p.epoch) + 1;
        let cells = Cells::count(number, now, cells);
        let changes = Changes {
            sealed_at: now,
            root: tree.root(),
            added,
            removed,
            cells: cells.hash(),
            circuits: self.circuits.clone(),
        };
        let statement = EpochStatement::next(self.signer.public().origin(), previous.as_ref(), changes)
            .map_err(|e| match (e, &previous) {
                (NextEpochError::NotLater, Some(p)) => RegistryError::NotLater { now, last: p.sealed_at },
                _ => StoreError::Damaged("the counts of the last epoch").into(),
            })?;
        // The chain of counts and the leaves themselves must tell the same.
        if statement.live != live || statement.places_used != places_used {
            return Err(StoreError::Damaged("the counts of the last epoch").into());
        }
        let note = statement.sign(&self.signer).map_err(|_| too_many_epochs())?;
        // What nobody could read must not be committed: a note's window grows with each seal of a day.
        if !matches!(open_note(&note, &self.key()), Ok(read) if read == statement) {
            return Err(too_many_epochs());
        }
        let cells = cells.to_jcs();
        let epoch = StoredEpoch { epoch: number, note: note.clone(), cells: cells.clone() };
        let sealing = Sealing {
            epoch,
            sealed_at: now,
            places_used,
            live,
            removed: statement.removed.total(),
            placed,
            consumed,
            waiting,
            not_before: now.plus(self.reset_wait),
            dropped: dropped.into_iter().map(|(place, _)| place).collect(),
        };
        Ok((Epoch { statement, note, cells, erased: false }, sealing))
    }
}

/// Notes are limited to a million bytes, and each epoch of the last day takes a line of about 98.
fn too_many_epochs() -> RegistryError {
    RegistryError::Argument(
        "too many epochs within 24 hours: their window does not fit a note any more".into(),
    )
}

/// What an epoch is made on: the statement before, its tree, and the number of people in each cell.
struct Before {
    previous: Option<EpochStatement>,
    tree: Tree,
    cells: Vec<(Cell, u64)>,
    dropped: Vec<(u64, RemovalReason)>,
}

/// Long work on a thread of its own.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RegistryError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| RegistryError::Internal("a background task ended early".into()))
}
