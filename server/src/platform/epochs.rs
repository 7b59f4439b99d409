//! The accepted epochs of a running platform: read again and again, saved before they are used, and
//! remembered over restarts (protocol.md, "Accepted epochs").

use super::store::PlatformStore;
use crate::published::{Published, PublishedError};
use crate::store::StoreError;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::timeout;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::note::AuthorityKey;
use veilpass_verifier::{AcceptedEpochs, EpochsError, Install, Policy};

/// How long a presentation waits for the next regular reading.
const READING_WAIT: Duration = Duration::from_secs(12);
/// Presentations that wait for a reading at one time. One more is judged by what is known.
const READING_WAITING: usize = 256;

/// Follows the newest epoch of one authority.
#[derive(Debug)]
pub struct Follower {
    source: Published,
    store: PlatformStore,
    policy: Policy,
    state: RwLock<Following>,
    /// One reading at a time: each begins with what the one before has installed.
    reading: Mutex<()>,
    /// Counts the readings.
    readings: watch::Sender<u64>,
    /// Places for presentations that wait for a reading.
    places: Semaphore,
}

/// What is known, and how it came to be known.
#[derive(Debug, Clone)]
pub struct Following {
    /// What is accepted.
    pub epochs: Arc<AcceptedEpochs>,
    /// When the newest note was read last, successfully or not.
    pub read_at: Option<Timestamp>,
    /// When a note was last read and found in order.
    pub succeeded_at: Option<Timestamp>,
    /// What was wrong the last time.
    pub problem: Option<FollowError>,
}

/// Why a reading brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// Nothing could be read.
    #[error("the newest epoch could not be read: {0}")]
    Read(#[from] PublishedError),
    /// The reading itself broke.
    #[error("the reading of epochs broke off")]
    BrokenOff,
    /// What was read is refused.
    #[error(transparent)]
    Refused(#[from] EpochsError),
    /// It could not be saved, and is not used therefore.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FollowError {
    /// The code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            FollowError::Read(_) | FollowError::BrokenOff | FollowError::Store(_) => "unavailable",
            FollowError::Refused(e) => e.code(),
        }
    }
}

impl Follower {
    /// Takes up what the store remembers. That it was saved under another authority's key is an error:
    /// beginning anew would forget which epochs were seen.
    pub async fn restore(
        store: PlatformStore,
        source: Published,
        authority: AuthorityKey,
        policy: Policy,
    ) -> Result<Follower, FollowError> {
        let epochs = match store.saved_epochs().await? {
            Some(saved) => AcceptedEpochs::restore(&saved, authority)?,
            None => AcceptedEpochs::starting_without_memory(authority),
        };
        let epochs = Arc::new(epochs);
        let state = Following { epochs, read_at: None, succeeded_at: None, problem: None };
        Ok(Follower {
            source,
            store,
            policy,
            state: RwLock::new(state),
            reading: Mutex::new(()),
            readings: watch::Sender::new(0),
            places: Semaphore::new(READING_WAITING),
        })
    }

    /// What is known now.
    pub fn following(&self) -> Following {
        // Writers only assign whole values, so what a poisoned lock guards is whole.
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The accepted epochs, if presentations can be judged by them at all. Where none was ever
    /// installed, the reason is why the last note was refused.
    pub fn usable(&self, now: Timestamp) -> Result<Arc<AcceptedEpochs>, EpochsError> {
        let Following { epochs, problem, .. } = self.following();
        match (epochs.check(&self.policy, now), problem) {
            (Ok(()), _) => Ok(epochs),
            (Err(EpochsError::Missing), Some(FollowError::Refused(why))) => Err(why),
            (Err(e), _) => Err(e),
        }
    }

    /// Reads the newest note and installs it. Whatever goes wrong, the epochs installed before stay in
    /// use until they are stale.
    pub async fn read(&self, now: Timestamp) -> Result<(), FollowError> {
        let _one_at_a_time = self.reading.lock().await;
        let outcome = self.fetch_and_install(now).await;
        let before = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            state.read_at = Some(now);
            if outcome.is_ok() {
                state.succeeded_at = Some(now);
            }
            std::mem::replace(&mut state.problem, outcome.as_ref().err().cloned())
        };
        self.readings.send_modify(|readings| *readings += 1);
        match &outcome {
            // Said once, not with each reading.
            Err(problem) if before.as_ref() != Some(problem) => {
                tracing::warn!(code = problem.code(), "epochs: {problem}");
            }
            Ok(()) if before.is_some() => tracing::info!("epochs are read again"),
            _ => (),
        }
        outcome
    }

    /// Waits for this epoch: a wallet that has just synced is ahead of the next regular reading.
    ///
    /// It does not begin a reading. The authority would see it, and could guess that a person whose wallet synced a
    /// moment ago is at this platform.
    pub async fn wait_for(&self, epoch: u64) {
        let Ok(_place) = self.places.try_acquire() else { return };
        let is_known = || self.following().epochs.newest().is_some_and(|newest| newest.epoch >= epoch);
        let mut readings = self.readings.subscribe();
        // Whether the epoch came or the time is over: the presentation is judged by what is known then. One reading may
        // have been under way when the presentation came, so two are waited for.
        let _ = timeout(READING_WAIT, async {
            for _ in 0..2 {
                if is_known() || readings.changed().await.is_err() {
                    return;
                }
            }
        })
        .await;
    }

    async fn fetch_and_install(&self, now: Timestamp) -> Result<(), FollowError> {
        let source = self.source.clone();
        let note = tokio::task::spawn_blocking(move || source.newest_note()).await;
        // An authority that has sealed nothing yet is there, but nothing can be judged by it.
        let note = note.map_err(|_| FollowError::BrokenOff)??.ok_or(EpochsError::Missing)?;
        let known = self.following().epochs;
        let mut epochs = AcceptedEpochs::clone(&known);
        let installed = epochs.install(&note, &self.policy, now);
        if epochs != *known {
            self.keep(epochs).await?;
        }
        match installed {
            Ok(Install::Newest) => self.say_newest(),
            Ok(Install::NewestWithAnotherPast) => {
                self.say_newest();
                tracing::error!(
                    "the authority has signed two different pasts; both notes are kept in the database"
                );
            }
            Ok(Install::AlreadyKnown) => (),
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }

    /// Saved first, used afterwards: what a presentation was judged by is remembered after a restart.
    /// Evidence of contradictions is saved although the note itself was refused.
    async fn keep(&self, epochs: AcceptedEpochs) -> Result<(), FollowError> {
        let newest = epochs.newest().map_or(0, |newest| newest.epoch);
        self.store.save_epochs(newest, &epochs.save()).await?;
        let pairs = epochs.equivocations().len();
        let before = {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut state.epochs, Arc::new(epochs))
        };
        if pairs > before.equivocations().len() {
            tracing::error!(pairs, "the authority has signed notes that contradict each other: publish them");
        }
        Ok(())
    }

    fn say_newest(&self) {
        if let Some(newest) = self.following().epochs.newest() {
            tracing::info!(epoch = newest.epoch, sealed_at = %newest.sealed_at, "a new epoch is in use");
        }
    }
}
