//! Epoch statements: what the authority signs each time it seals (contract §4).

use crate::attributes::{UnknownName, closed_list};
use crate::circuit_id::CircuitId;
use crate::day::Timestamp;
use crate::field::{Fr, from_hex, hex32, serde_hex, to_hex};
use crate::json::{self, serde_as_text};
use crate::note::{AuthorityKey, AuthoritySigner, NoteError, check_origin};
use serde::{Serialize, Serializer, ser::SerializeMap};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use std::str::FromStr;

/// Longest time in seconds that a replaced epoch may still be accepted (protocol.md).
pub const GRACE_MAX: u64 = 24 * 3600;
/// Longest time in seconds that the newest epoch is accepted after it was sealed.
pub const AGE_MAX: u64 = 48 * 3600;
/// What a reset's new leaf waits after the old one's removal, beside one seal interval.
pub const RESET_WAIT_BASE: u64 = 48 * 3600;
/// How far ahead of the reader's clock `sealed_at` may lie, in seconds.
pub const MAX_SKEW: u64 = 120;
/// Smallest number of live leaves of an acceptable epoch.
pub const MIN_LIVE: u64 = 1000;

closed_list! {
    /// Why a leaf was removed, in the order that holds everywhere.
    RemovalReason, "removal reason":
    /// By the holder.
    Withdrawn = 0 "withdrawn",
    /// A new leaf takes its place (rotate, renew, reset).
    Replaced = 1 "replaced",
    /// The document ran out.
    Expired = 2 "expired",
    /// The person died.
    Deceased = 3 "deceased",
    /// The document was found not to be genuine, or was reported lost.
    DocumentInvalid = 4 "document_invalid",
    /// Obtained by fraud.
    Fraud = 5 "fraud",
    /// By order of a court.
    CourtOrder = 6 "court_order",
    /// A mistake of the authority.
    Error = 7 "error",
}

/// Number of removals by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovedCounts([u64; 8]);

impl RemovedCounts {
    /// Removals for one reason.
    pub fn get(&self, reason: RemovalReason) -> u64 {
        self.0.get(usize::from(reason.number())).copied().unwrap_or_default()
    }

    /// Counts more of them.
    pub fn add(&mut self, reason: RemovalReason, count: u64) {
        if let Some(n) = self.0.get_mut(usize::from(reason.number())) {
            *n = n.saturating_add(count);
        }
    }

    /// All removals.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

impl Serialize for RemovedCounts {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(8))?;
        for reason in RemovalReason::ALL {
            map.serialize_entry(reason.as_str(), &self.get(*reason))?;
        }
        map.end()
    }
}

/// An earlier epoch that was replaced less than GRACE_MAX before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowEntry {
    /// Its number.
    pub epoch: u64,
    /// When its immediate successor was sealed.
    pub replaced_at: Timestamp,
    /// Its root.
    #[serde(with = "serde_hex")]
    pub root: Fr,
}

/// An epoch statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochStatement {
    /// The authority's name.
    pub origin: String,
    /// From 1.
    pub epoch: u64,
    /// Grows strictly from epoch to epoch.
    pub sealed_at: Timestamp,
    /// SHA-256 of the text of the epoch before; zeros in epoch 1.
    pub prev: [u8; 32],
    /// Root of the tree.
    pub root: Fr,
    /// Places ever used.
    pub places_used: u64,
    /// Leaves in the tree.
    pub live: u64,
    /// New leaves since the epoch before.
    pub added: u64,
    /// Removed leaves since the epoch before.
    pub removed: RemovedCounts,
    /// SHA-256 of the cells file.
    pub cells: [u8; 32],
    /// Verifying keys in use: information, it extends nothing.
    pub circuits: Vec<CircuitId>,
    /// Newest first.
    pub window: Vec<WindowEntry>,
}

/// Why a note is no epoch statement of the authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EpochError {
    /// Not in the form of contract §4 (`epochs_syntax`).
    #[error("not an epoch statement: {0}")]
    Syntax(String),
    /// Not signed by this authority (`epoch_signature`).
    #[error("the epoch statement is not signed by this authority")]
    Signature,
    /// It contradicts itself: window out of order, counts that cannot be (`epochs_conflict`).
    #[error("the epoch statement contradicts itself: {0}")]
    Conflict(&'static str),
}

/// The changes that make the next epoch.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the members of `EpochStatement`
pub struct Changes {
    pub sealed_at: Timestamp,
    pub root: Fr,
    pub added: u64,
    pub removed: RemovedCounts,
    pub cells: [u8; 32],
    pub circuits: Vec<CircuitId>,
}

/// Changes that cannot follow the epoch before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NextEpochError {
    /// `sealed_at` does not grow.
    #[error("the time is not later than that of the epoch before")]
    NotLater,
    /// More removals than live leaves, or numbers above 2^53 − 1.
    #[error("the counts cannot be")]
    Counts,
}

impl EpochStatement {
    /// The statement after `previous` (`None`: the first).
    pub fn next(
        origin: &str,
        previous: Option<&EpochStatement>,
        changes: Changes,
    ) -> Result<EpochStatement, NextEpochError> {
        let sealed_at = changes.sealed_at;
        if previous.is_some_and(|p| sealed_at <= p.sealed_at) {
            return Err(NextEpochError::NotLater);
        }
        let before = |count: fn(&EpochStatement) -> u64| previous.map_or(0, count);
        // What cannot be written in the statement cannot be sealed: it could never be read again.
        let sum = |a: u64, b: u64| {
            a.checked_add(b).filter(|n| *n <= crate::scope::MAX_PERIOD).ok_or(NextEpochError::Counts)
        };
        if changes.removed.0.iter().any(|n| *n > crate::scope::MAX_PERIOD) {
            return Err(NextEpochError::Counts);
        }
        let live = before(|p| p.live)
            .checked_add(changes.added)
            .and_then(|n| n.checked_sub(changes.removed.total()));
        let latest = previous.map(|p| WindowEntry { epoch: p.epoch, replaced_at: sealed_at, root: p.root });
        let older = previous.map(|p| p.window.as_slice()).unwrap_or_default();
        let recent = |w: &&WindowEntry| {
            sealed_at.seconds() - w.replaced_at.seconds().min(sealed_at.seconds()) < GRACE_MAX
        };
        Ok(EpochStatement {
            origin: origin.to_owned(),
            epoch: sum(before(|p| p.epoch), 1)?,
            sealed_at,
            prev: previous.map_or([0; 32], EpochStatement::hash),
            root: changes.root,
            places_used: sum(before(|p| p.places_used), changes.added)?,
            live: live.ok_or(NextEpochError::Counts)?,
            added: changes.added,
            removed: changes.removed,
            cells: changes.cells,
            circuits: changes.circuits,
            window: latest.into_iter().chain(older.iter().filter(recent).copied()).collect(),
        })
    }

    /// The text that is signed: contract §4, each line ended by LF.
    pub fn text(&self) -> String {
        let mut t = format!("{}\nveilpass epoch v1\n", self.origin);
        let removed: Vec<String> =
            RemovalReason::ALL.iter().map(|r| format!("{r}={}", self.removed.get(*r))).collect();
        let circuits: Vec<String> = self.circuits.iter().map(CircuitId::to_string).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(
            t,
            "epoch {}\nsealed_at {}\nprev {}\nroot {}",
            self.epoch,
            self.sealed_at,
            hex::encode(self.prev),
            to_hex(&self.root)
        );
        let _ = writeln!(
            t,
            "places_used {}\nlive {}\nadded {}\nremoved {}",
            self.places_used,
            self.live,
            self.added,
            removed.join(" ")
        );
        let _ = writeln!(t, "cells {}\ncircuits {}", hex::encode(self.cells), circuits.join(" "));
        for w in &self.window {
            let _ = writeln!(t, "window {} {} {}", w.epoch, w.replaced_at, to_hex(&w.root));
        }
        t
    }

    /// SHA-256 of the text: `prev` of the next epoch.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text()).into()
    }

    /// The statement signed as a note.
    pub fn sign(&self, signer: &AuthoritySigner) -> Result<String, NoteError> {
        signer.sign_note(&self.text())
    }

    /// Reads the text of a statement: its form, not yet whether it contradicts itself.
    pub fn from_text(text: &str) -> Result<EpochStatement, EpochError> {
        let syntax = |what: &str| EpochError::Syntax(what.to_owned());
        let body = text.strip_suffix('\n').ok_or_else(|| syntax("the last line does not end"))?;
        let mut lines = body.split('\n');
        let origin = lines.next().unwrap_or_default();
        if lines.next() != Some("veilpass epoch v1") {
            return Err(syntax("the second line is not `veilpass epoch v1`"));
        }
        let mut field = |name: &'static str| {
            let line = lines.next().and_then(|l| l.strip_prefix(name)).and_then(|l| l.strip_prefix(' '));
            line.ok_or_else(|| syntax(&format!("line `{name}` is missing or out of order")))
        };
        let bad = |name: &str| syntax(&format!("line `{name}` is not in its form"));
        let statement = EpochStatement {
            origin: origin.to_owned(),
            epoch: number(field("epoch")?).ok_or_else(|| bad("epoch"))?,
            sealed_at: field("sealed_at")?.parse().map_err(|_| bad("sealed_at"))?,
            prev: hex32(field("prev")?).ok_or_else(|| bad("prev"))?,
            root: from_hex(field("root")?).map_err(|_| bad("root"))?,
            places_used: number(field("places_used")?).ok_or_else(|| bad("places_used"))?,
            live: number(field("live")?).ok_or_else(|| bad("live"))?,
            added: number(field("added")?).ok_or_else(|| bad("added"))?,
            removed: removed_counts(field("removed")?).ok_or_else(|| bad("removed"))?,
            cells: hex32(field("cells")?).ok_or_else(|| bad("cells"))?,
            circuits: field("circuits")?
                .split(' ')
                .map(|id| id.parse().map_err(|_| bad("circuits")))
                .collect::<Result<_, _>>()?,
            window: lines
                .map(|line| window_entry(line).ok_or_else(|| bad("window")))
                .collect::<Result<_, _>>()?,
        };
        if check_origin(origin).is_err() || statement.epoch == 0 {
            return Err(syntax("no origin, or epoch 0"));
        }
        Ok(statement)
    }

    /// What must hold within one statement, whoever signed it: the window runs back from the epoch
    /// before without a gap, its times fall strictly and lie within GRACE_MAX, and the counts fit.
    pub fn check(&self) -> Result<(), EpochError> {
        let conflict = |holds: bool, what| {
            if holds { Ok(()) } else { Err(EpochError::Conflict(what)) }
        };
        let first = self.epoch == 1;
        conflict(first == (self.prev == [0; 32]), "`prev` is zero in epoch 1 and nowhere else")?;
        conflict(first == self.window.is_empty(), "the window begins with the epoch before")?;
        let mut expected = (self.epoch - 1, self.sealed_at);
        for (i, w) in self.window.iter().enumerate() {
            let in_time = if i == 0 { w.replaced_at == self.sealed_at } else { w.replaced_at < expected.1 };
            conflict(
                w.epoch >= 1 && w.epoch == expected.0,
                "the window's epochs do not run back one by one",
            )?;
            conflict(in_time, "the window's times are out of order")?;
            conflict(
                self.sealed_at.seconds() - w.replaced_at.seconds() < GRACE_MAX,
                "the window reaches back too far",
            )?;
            expected = (w.epoch - 1, w.replaced_at);
        }
        conflict(self.live <= self.places_used && self.added <= self.places_used, "the counts do not fit")?;
        conflict(
            !first
                || (self.added == self.places_used
                    && self.live.saturating_add(self.removed.total()) == self.added),
            "the counts of epoch 1 do not fit",
        )
    }

    /// The JSON form: the same names, and the signed note itself.
    pub fn to_json(&self, note: &str) -> String {
        #[derive(Serialize)]
        struct Json<'a> {
            v: u32,
            origin: &'a str,
            epoch: u64,
            sealed_at: Timestamp,
            #[serde(with = "json::hex32")]
            prev: [u8; 32],
            #[serde(with = "serde_hex")]
            root: Fr,
            places_used: u64,
            live: u64,
            added: u64,
            removed: RemovedCounts,
            #[serde(with = "json::hex32")]
            cells: [u8; 32],
            circuits: &'a [CircuitId],
            window: &'a [WindowEntry],
            note: &'a str,
        }
        json::to_string(&Json {
            v: 1,
            origin: &self.origin,
            epoch: self.epoch,
            sealed_at: self.sealed_at,
            prev: self.prev,
            root: self.root,
            places_used: self.places_used,
            live: self.live,
            added: self.added,
            removed: self.removed,
            cells: self.cells,
            circuits: &self.circuits,
            window: &self.window,
            note,
        })
    }
}

/// Reads a signed note: form first, then the signature, then whether it contradicts itself.
pub fn open_note(note: &str, key: &AuthorityKey) -> Result<EpochStatement, EpochError> {
    let form = |e| match e {
        NoteError::Syntax => EpochError::Syntax(NoteError::Syntax.to_string()),
        NoteError::Signature => EpochError::Signature,
    };
    let statement = peek_note(note)?;
    let text = key.verify_note(note).map_err(form)?;
    if statement.origin != key.origin() || text != statement.text() {
        return Err(EpochError::Signature);
    }
    statement.check()?;
    Ok(statement)
}

/// Reads a note's statement without checking who signed it: to find the newest among several, or to
/// explain one. Nothing may be decided from it.
pub fn peek_note(note: &str) -> Result<EpochStatement, EpochError> {
    let (text, _) =
        note.rsplit_once("\n\n").ok_or_else(|| EpochError::Syntax("no signature block".into()))?;
    EpochStatement::from_text(&format!("{text}\n"))
}

/// A number without sign or leading zeros, at most 2^53 − 1.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|n| plain && *n <= crate::scope::MAX_PERIOD)
}

fn removed_counts(text: &str) -> Option<RemovedCounts> {
    let mut counts = RemovedCounts::default();
    let mut parts = text.split(' ');
    for reason in RemovalReason::ALL {
        let count = parts.next()?.strip_prefix(reason.as_str())?.strip_prefix('=')?;
        counts.add(*reason, number(count)?);
    }
    parts.next().is_none().then_some(counts)
}

fn window_entry(line: &str) -> Option<WindowEntry> {
    let mut parts = line.strip_prefix("window ")?.split(' ');
    let entry = WindowEntry {
        epoch: number(parts.next()?)?,
        replaced_at: parts.next()?.parse().ok()?,
        root: from_hex(parts.next()?).ok()?,
    };
    parts.next().is_none().then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn changes(sealed_at: Timestamp, added: u64, withdrawn: u64) -> Changes {
        let mut removed = RemovedCounts::default();
        removed.add(RemovalReason::Withdrawn, withdrawn);
        Changes {
            sealed_at,
            root: Fr::from(sealed_at.seconds()),
            added,
            removed,
            cells: [1; 32],
            circuits: vec![CircuitId([2; 32])],
        }
    }

    fn chain(times: &[&str]) -> Vec<EpochStatement> {
        let mut all: Vec<EpochStatement> = Vec::new();
        for t in times {
            let next =
                EpochStatement::next("id.example/veilpass", all.last(), changes(at(t), 1000, 0)).unwrap();
            all.push(next);
        }
        all
    }

    #[test]
    fn text_round_trips_and_hashes_chain() {
        let all = chain(&["2026-11-22T06:00:00Z", "2026-11-22T07:00:00Z", "2026-11-22T08:00:00Z"]);
        let last = &all[2];
        assert_eq!(last.check(), Ok(()));
        assert_eq!(last.prev, all[1].hash());
        assert_eq!(
            last.window.iter().map(|w| (w.epoch, w.replaced_at.to_string())).collect::<Vec<_>>(),
            [(2, "2026-11-22T08:00:00Z".into()), (1, "2026-11-22T07:00:00Z".into())]
        );
        assert_eq!((last.live, last.places_used), (3000, 3000));
        let text = last.text();
        assert!(text.starts_with(
            "id.example/veilpass\nveilpass epoch v1\nepoch 3\nsealed_at 2026-11-22T08:00:00Z\nprev "
        ));
        assert!(text.contains("\nremoved withdrawn=0 replaced=0 expired=0 deceased=0 document_invalid=0 fraud=0 court_order=0 error=0\ncells "));
        assert_eq!(EpochStatement::from_text(&text).as_ref(), Ok(last));
        let json: serde_json::Value = serde_json::from_str(&last.to_json("n")).unwrap();
        assert_eq!(json["window"][0]["epoch"], 2);
        assert_eq!(json["removed"]["court_order"], 0);
        assert_eq!(json["note"], "n");
    }

    #[test]
    fn the_window_holds_a_day() {
        let all = chain(&[
            "2026-11-20T00:00:00Z",
            "2026-11-21T07:59:59Z",
            "2026-11-21T08:00:00Z",
            "2026-11-21T08:00:01Z",
            "2026-11-22T08:00:00Z",
        ]);
        // Epoch 1 was replaced at 07:59:59 of the day before, epoch 2 exactly 24 hours before: both out.
        assert_eq!(all[4].window.iter().map(|w| w.epoch).collect::<Vec<_>>(), [4, 3]);
        assert_eq!(all[4].check(), Ok(()));
    }

    #[test]
    fn impossible_successors() {
        let all = chain(&["2026-11-22T06:00:00Z"]);
        let next = |c| EpochStatement::next("o", all.last(), c).unwrap_err();
        assert_eq!(next(changes(at("2026-11-22T06:00:00Z"), 0, 0)), NextEpochError::NotLater);
        assert_eq!(next(changes(at("2026-11-22T07:00:00Z"), 0, 1001)), NextEpochError::Counts);
    }

    /// Found by fuzzing: a statement with a number above 2^53 − 1 could be signed, and read by nobody.
    #[test]
    fn what_follows_can_be_read() {
        let max = (1u64 << 53) - 1;
        let first = chain(&["2026-11-22T06:00:00Z"]).remove(0);
        let next = |previous: &EpochStatement, added, withdrawn| {
            EpochStatement::next("o", Some(previous), changes(at("2026-11-22T07:00:00Z"), added, withdrawn))
        };
        let full = next(&first, max - first.places_used, 0).unwrap();
        assert_eq!(EpochStatement::from_text(&full.text()), Ok(full));
        for (epoch, places_used, added, withdrawn) in
            [(1, max, 1, 0), (max, 1000, 0, 0), (1, 1000, u64::MAX, 0), (1, 1000, max, max + 1)]
        {
            let previous = EpochStatement { epoch, places_used, ..first.clone() };
            assert_eq!(next(&previous, added, withdrawn), Err(NextEpochError::Counts));
        }
    }

    #[test]
    fn forms_that_are_refused() {
        let text = chain(&["2026-11-22T06:00:00Z", "2026-11-22T07:00:00Z"])[1].text();
        for (from, to) in [
            ("epoch 2\n", "epoch 02\n"),
            ("epoch 2\n", "epoch 0\n"),
            ("epoch 2\n", "epoch 2 \n"),
            ("epoch 2\n", "epoch 2\nextra 1\n"),
            ("v1", "v2"),
            ("withdrawn=0 ", ""),
            ("withdrawn=0", "withdrawn=-0"),
            ("sealed_at", "sealed"),
            ("live 2000\n", ""),
            ("window 1", "windows 1"),
            ("\nwindow 1", "\n\nwindow 1"),
            ("prev ", "prev f"),
            ("epoch 2\n", "epoch 9007199254740993\n"),
            ("\n", "\r\n"),
        ] {
            assert!(text.contains(from));
            assert!(
                matches!(EpochStatement::from_text(&text.replacen(from, to, 1)), Err(EpochError::Syntax(_))),
                "{from} -> {to}"
            );
        }
        assert!(EpochStatement::from_text(text.trim_end()).is_err());
    }

    #[test]
    fn contradictions_are_noticed() {
        let all = chain(&[
            "2026-11-22T05:00:00Z",
            "2026-11-22T06:00:00Z",
            "2026-11-22T07:00:00Z",
            "2026-11-22T08:00:00Z",
        ]);
        let good = all[3].clone();
        let edits: [fn(&mut EpochStatement); 8] = [
            |s| s.window.swap(0, 1),
            |s| s.window.clear(),
            |s| s.window.retain(|w| w.epoch != 2),
            |s| s.window[1].replaced_at = s.sealed_at,
            |s| s.window[0].replaced_at = s.window[0].replaced_at.minus(1),
            |s| s.window[2].replaced_at = s.sealed_at.minus(GRACE_MAX),
            |s| s.prev = [0; 32],
            |s| s.live = s.places_used + 1,
        ];
        for (i, edit) in edits.iter().enumerate() {
            let mut s = good.clone();
            edit(&mut s);
            assert!(matches!(s.check(), Err(EpochError::Conflict(_))), "edit {i}");
        }
    }

    #[test]
    fn signed_notes() {
        let signer = AuthoritySigner::generate(&mut rand::thread_rng(), "id.example/veilpass").unwrap();
        let statement = chain(&["2026-11-22T06:00:00Z"]).remove(0);
        let note = statement.sign(&signer).unwrap();
        assert_eq!(open_note(&note, &signer.public()), Ok(statement.clone()));
        assert_eq!(
            open_note(&note.replace("live 1000", "live 1001"), &signer.public()),
            Err(EpochError::Signature)
        );
        let other = AuthoritySigner::generate(&mut rand::thread_rng(), "id.example/veilpass").unwrap();
        assert_eq!(open_note(&note, &other.public()), Err(EpochError::Signature));
        assert!(matches!(open_note(&statement.text(), &signer.public()), Err(EpochError::Syntax(_))));
        // Another origin inside a note that this key signed.
        let mut renamed = statement;
        renamed.origin = "other.example".into();
        assert_eq!(open_note(&renamed.sign(&signer).unwrap(), &signer.public()), Err(EpochError::Signature));
    }

    /// A note of a million bytes can be signed and not be read again: why a seal reads its note back.
    #[test]
    fn windows_of_ten_thousand_lines_do_not_fit_a_note() {
        let signer = AuthoritySigner::generate(&mut rand::thread_rng(), "id.example").unwrap();
        let mut statement = chain(&["2026-11-22T06:00:00Z"]).remove(0);
        statement.origin = "id.example".into();
        let entry = WindowEntry { epoch: 1, replaced_at: statement.sealed_at, root: statement.root };
        while statement.text().len() <= 999_900 {
            let missing = (999_900 - statement.text().len()) / 98 + 1;
            statement.window.extend(std::iter::repeat_n(entry, missing));
        }
        assert!(statement.text().len() < 1_000_000);
        let note = statement.sign(&signer).unwrap();
        assert!(matches!(open_note(&note, &signer.public()), Err(EpochError::Syntax(_))));
    }
}
