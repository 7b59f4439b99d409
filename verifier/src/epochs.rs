//! The epochs a platform accepts (protocol.md, "Accepted epochs").
//!
//! The newest statement and its window alone decide: installing statement n makes the accepted set
//! exactly {n} ∪ window(n), whatever was known before. A set that grew by what the platform happened
//! to fetch would restart the grace of an old root after every gap.

use crate::error::{Unacceptable, VerifyError};
use crate::policy::Policy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::{EpochError, EpochStatement, MAX_SKEW, WindowEntry, open_note, peek_note};
use veilpass_protocol::field::Fr;
use veilpass_protocol::json;
use veilpass_protocol::note::AuthorityKey;

/// Pairs of contradicting notes that are kept; more of the same proves nothing more.
const MAX_EQUIVOCATIONS: usize = 16;

/// The newest epoch statement of one authority, and what it makes acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedEpochs {
    authority: AuthorityKey,
    newest: Option<Installed>,
    equivocations: Vec<Equivocation>,
}

/// A statement with the note that it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Installed {
    statement: EpochStatement,
    note: String,
}

/// Two notes under the authority's signature that cannot both be honest: publish them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivocation {
    /// The note that was installed.
    pub installed: String,
    /// The note that contradicts it.
    pub contradicting: String,
}

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Install {
    /// It is the newest statement now.
    Newest,
    /// It is the newest statement now, but it names another past than the statement before it did.
    /// The pair is among [`AcceptedEpochs::equivocations`]: somebody has to look at it.
    NewestWithAnotherPast,
    /// The same text was installed before; nothing has changed.
    AlreadyKnown,
}

/// Why epoch statements are refused or cannot be used (contract §7, misconfigured).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EpochsError {
    /// Not an epoch note, no note at all, or not a saved state.
    #[error("epochs: {0}")]
    Syntax(String),
    /// Not signed by the authority.
    #[error("the epoch note is not signed by this authority")]
    Signature,
    /// One number with two texts, a time that runs backwards, or a window out of order.
    #[error("contradicting epochs: {0}")]
    Conflict(String),
    /// A statement older than the newest one was offered.
    #[error("epoch {offered} is older than the newest installed, {newest}")]
    Older {
        /// Number of the statement that was offered.
        offered: u64,
        /// Number of the newest statement.
        newest: u64,
    },
    /// The newest statement is too old for the policy: fetching has stopped, or sealing has.
    #[error("the newest epoch {epoch} was acceptable until {until}")]
    Stale {
        /// Its number.
        epoch: u64,
        /// From this instant on it is refused.
        until: Timestamp,
    },
    /// No statement has been installed yet.
    #[error("no epoch statement is installed")]
    Missing,
    /// Sealed more than [`MAX_SKEW`] seconds ahead of the time given: one of the clocks is wrong.
    #[error("epoch {epoch} was sealed at {sealed_at}, more than {MAX_SKEW} seconds from now")]
    FromFuture {
        /// Its number.
        epoch: u64,
        /// Its time.
        sealed_at: Timestamp,
    },
    /// Fewer live leaves than the policy asks: too small a crowd.
    #[error("epoch {epoch} has {live} live leaves, {floor} are needed")]
    BelowFloor {
        /// Its number.
        epoch: u64,
        /// Its live leaves.
        live: u64,
        /// What the policy asks.
        floor: u64,
    },
}

impl EpochsError {
    /// The stable code of contract §7.
    pub fn code(&self) -> &'static str {
        match self {
            EpochsError::Syntax(_) => "epochs_syntax",
            EpochsError::Signature => "epoch_signature",
            EpochsError::Conflict(_) => "epochs_conflict",
            EpochsError::Older { .. } | EpochsError::Stale { .. } | EpochsError::Missing => "epochs_stale",
            EpochsError::FromFuture { .. } => "epochs_from_future",
            EpochsError::BelowFloor { .. } => "epoch_below_floor",
        }
    }
}

impl From<EpochError> for EpochsError {
    fn from(e: EpochError) -> EpochsError {
        match e {
            EpochError::Signature => EpochsError::Signature,
            EpochError::Conflict(what) => EpochsError::Conflict(what.to_string()),
            other => EpochsError::Syntax(other.to_string()),
        }
    }
}

/// The saved form. Everything in it is verified again when it is read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    #[serde(deserialize_with = "json::version_1")]
    v: u32,
    #[serde(deserialize_with = "json::nullable")]
    note: Option<String>,
    #[serde(deserialize_with = "json::objects")]
    equivocations: Vec<Equivocation>,
}

impl AcceptedEpochs {
    /// Knows nothing yet, and so cannot notice that it is being shown an older or another history
    /// than before. For the first start; afterwards [`AcceptedEpochs::restore`] what was saved.
    pub fn starting_without_memory(authority: AuthorityKey) -> AcceptedEpochs {
        AcceptedEpochs { authority, newest: None, equivocations: Vec::new() }
    }

    /// Reads what [`AcceptedEpochs::save`] wrote, and verifies every note in it again.
    pub fn restore(saved: &[u8], authority: AuthorityKey) -> Result<AcceptedEpochs, EpochsError> {
        let saved: Saved = json::parse(saved).map_err(|e| EpochsError::Syntax(e.to_string()))?;
        let open = |note: String| -> Result<Installed, EpochsError> {
            let statement = open_note(&note, &authority)?;
            Ok(Installed { statement, note })
        };
        let newest = saved.note.map(open).transpose()?;
        for pair in &saved.equivocations {
            open_note(&pair.installed, &authority)?;
            open_note(&pair.contradicting, &authority)?;
        }
        Ok(AcceptedEpochs { authority, newest, equivocations: saved.equivocations })
    }

    /// The state as JSON, to be written atomically and given to [`AcceptedEpochs::restore`].
    pub fn save(&self) -> Vec<u8> {
        let saved = Saved {
            v: 1,
            note: self.newest.as_ref().map(|n| n.note.clone()),
            equivocations: self.equivocations.clone(),
        };
        json::to_string(&saved).into_bytes()
    }

    /// From a set of notes of which the one with the highest number counts and the others do not
    /// (contract §6). Two different texts under that number are a conflict.
    pub fn from_notes(
        notes: &[String],
        authority: AuthorityKey,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<AcceptedEpochs, EpochsError> {
        let mut numbered = Vec::with_capacity(notes.len());
        for note in notes {
            numbered.push((peek_note(note)?.epoch, note));
        }
        let highest = numbered.iter().map(|(number, _)| *number).max();
        let candidates = numbered.iter().filter(|(n, _)| Some(*n) == highest);
        let opened = candidates.map(|(_, note)| Ok((open_note(note, &authority)?, *note)));
        let opened: Vec<(EpochStatement, &String)> = opened.collect::<Result<_, EpochsError>>()?;
        let Some(((first, note), others)) = opened.split_first() else {
            return Err(EpochsError::Syntax("no epoch note".into()));
        };
        if others.iter().any(|(other, _)| other != first) {
            return Err(EpochsError::Conflict(format!("two texts for epoch {}", first.epoch)));
        }
        let mut epochs = AcceptedEpochs::starting_without_memory(authority);
        epochs.install(note, policy, now)?;
        Ok(epochs)
    }

    /// Takes a note that was fetched, at `now` by the platform's clock. Refused notes change nothing,
    /// except that contradictions are kept as evidence.
    pub fn install(&mut self, note: &str, policy: &Policy, now: Timestamp) -> Result<Install, EpochsError> {
        let statement = open_note(note, &self.authority)?;
        let known = self.newest.as_ref().map(|n| &n.statement);
        let contradiction = known.and_then(|known| contradiction(known, &statement));
        // A later time is not enough, and neither is a higher number.
        let later = |k: &EpochStatement| statement.epoch > k.epoch && statement.sealed_at > k.sealed_at;
        let not_later = known.filter(|k| !later(k)).map(|k| k.epoch);
        if contradiction.is_some() {
            self.keep_evidence(note);
        }
        match (not_later, &contradiction) {
            (Some(_), Some(what)) => return Err(EpochsError::Conflict(what.clone())),
            (Some(newest), None) if newest == statement.epoch => return Ok(Install::AlreadyKnown),
            (Some(newest), None) => {
                let offered = statement.epoch;
                return Err(EpochsError::Older { offered, newest });
            }
            // A later statement decides alone, even over what it contradicts.
            (None, _) => (),
        }
        check_statement(&statement, policy, now)?;
        self.newest = Some(Installed { statement, note: note.to_owned() });
        Ok(match contradiction {
            Some(_) => Install::NewestWithAnotherPast,
            None => Install::Newest,
        })
    }

    fn keep_evidence(&mut self, contradicting: &str) {
        let Some(known) = &self.newest else { return };
        let pair = Equivocation { installed: known.note.clone(), contradicting: contradicting.to_owned() };
        let room = self.equivocations.len() < MAX_EQUIVOCATIONS;
        if room && !self.equivocations.contains(&pair) {
            self.equivocations.push(pair);
        }
    }

    /// Whether the newest statement can be used at all at `now`: it is there, not stale, not from the
    /// future, and its crowd is large enough.
    pub fn check(&self, policy: &Policy, now: Timestamp) -> Result<(), EpochsError> {
        let newest = self.newest.as_ref().ok_or(EpochsError::Missing)?;
        check_statement(&newest.statement, policy, now)
    }

    /// The root of an epoch that is accepted at `now`.
    pub fn root(&self, epoch: u64, policy: &Policy, now: Timestamp) -> Result<Fr, VerifyError> {
        self.check(policy, now)?;
        let newest = self.newest.as_ref().ok_or(EpochsError::Missing)?;
        let newest = &newest.statement;
        if epoch == newest.epoch {
            return Ok(newest.root);
        }
        let entry = newest.window.iter().find(|w| w.epoch == epoch);
        let entry = entry.ok_or(Unacceptable::EpochUnknown(epoch))?;
        let accepted_until = entry.replaced_at.plus(policy.grace());
        if now < accepted_until {
            Ok(entry.root)
        } else {
            Err(Unacceptable::EpochReplaced { epoch, accepted_until }.into())
        }
    }

    /// The newest statement.
    pub fn newest(&self) -> Option<&EpochStatement> {
        self.newest.as_ref().map(|n| &n.statement)
    }

    /// The note of the newest statement.
    pub fn newest_note(&self) -> Option<&str> {
        self.newest.as_ref().map(|n| n.note.as_str())
    }

    /// The authority whose statements these are.
    pub fn authority(&self) -> &AuthorityKey {
        &self.authority
    }

    /// Takes over the pairs that another reading of the same authority has found.
    pub fn take_evidence(&mut self, other: &AcceptedEpochs) {
        for pair in &other.equivocations {
            if self.equivocations.len() < MAX_EQUIVOCATIONS && !self.equivocations.contains(pair) {
                self.equivocations.push(pair.clone());
            }
        }
    }

    /// Evidence that the authority has told two stories, oldest first.
    pub fn equivocations(&self) -> &[Equivocation] {
        &self.equivocations
    }
}

/// What the policy and the clock say about one statement.
fn check_statement(statement: &EpochStatement, policy: &Policy, now: Timestamp) -> Result<(), EpochsError> {
    let epoch = statement.epoch;
    let until = statement.sealed_at.plus(policy.max_age());
    if now >= until {
        return Err(EpochsError::Stale { epoch, until });
    }
    if statement.sealed_at > now.plus(MAX_SKEW) {
        let sealed_at = statement.sealed_at;
        return Err(EpochsError::FromFuture { epoch, sealed_at });
    }
    if statement.live < policy.min_live() {
        return Err(EpochsError::BelowFloor { epoch, live: statement.live, floor: policy.min_live() });
    }
    Ok(())
}

/// How two signed statements contradict each other, if they do: one number with two texts or two
/// roots, a predecessor with another hash, a time that does not grow with the number.
fn contradiction(a: &EpochStatement, b: &EpochStatement) -> Option<String> {
    let (old, new) = if a.epoch <= b.epoch { (a, b) } else { (b, a) };
    let number = old.epoch;
    if number == new.epoch {
        return (a != b).then(|| format!("two texts for epoch {number}"));
    }
    if new.sealed_at <= old.sealed_at {
        return Some(format!("epoch {} is not later than {number}", new.epoch));
    }
    if number + 1 == new.epoch && new.prev != old.hash() {
        return Some(format!("{} follows another text of {number}", new.epoch));
    }
    // Nobody is removed in silence: the counts go on from each other (contract §4).
    let places = new.places_used.checked_sub(old.places_used);
    let goes_on = places.is_some_and(|added| {
        let most = old.live.saturating_add(added);
        let exactly = added == new.added && most.checked_sub(new.removed.total()) == Some(new.live);
        if number + 1 == new.epoch { exactly } else { new.live <= most }
    });
    if !goes_on {
        return Some(format!("the counts of {} do not follow from those of {number}", new.epoch));
    }
    // Every epoch that both windows name was replaced once, by one successor, with one root.
    let told: BTreeMap<u64, &WindowEntry> = new.window.iter().map(|w| (w.epoch, w)).collect();
    let differs = |w: &&WindowEntry| told.get(&w.epoch).is_some_and(|t| t != w);
    if let Some(w) = old.window.iter().find(differs) {
        return Some(format!("epoch {} has two roots or was replaced twice", w.epoch));
    }
    let other_root = told.get(&number).is_some_and(|t| t.root != old.root);
    other_root.then(|| format!("two roots for epoch {number}"))
}
