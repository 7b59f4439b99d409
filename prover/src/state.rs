//! What a wallet remembers besides its secrets and its credential. It tells where its owner goes, so it
//! is encrypted like them.

use crate::candidates::{self, Candidate};
use crate::crypt::{self, SealFailed, WorkFactor};
use crate::pins::PinBook;
use crate::refusal::Refusal;
use crate::slots::SlotBook;
use crate::visits::VisitBook;
use serde::{Deserialize, Serialize};
use veilpass_protocol::cells::Cells;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::directory::PlatformEntry;
use veilpass_protocol::field::{Fr, from_bytes, from_hex, to_bytes, to_hex};
use veilpass_protocol::identity::PseudonymSecret;
use veilpass_protocol::json::{self, base64url, nullable, nullable_object, object, objects, version_1};
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::request::Request;
use veilpass_protocol::scope::Context;
use veilpass_protocol::tree::Path;
use veilpass_verifier::AcceptedEpochs;
use zeroize::Zeroizing;

/// Entries of the history that are kept.
const MAX_HISTORY: usize = 1000;
/// Letters of a claimed host that are kept; host names are no longer.
const MAX_HOST: usize = 253;

/// Where the wallet's own leaf is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Own {
    /// The leaf that all this is about; with another credential it is worth nothing.
    pub(crate) leaf: Option<Fr>,
    /// Its place, once it was found in a sealed tree.
    pub(crate) place: Option<u64>,
    /// Its path in the newest synced tree; `None` with a place means that the leaf was removed.
    pub(crate) path: Option<Path>,
    /// Every place below this was searched without finding it. Leaves never move and places are never
    /// used twice, so it need not be searched again.
    pub(crate) searched: u64,
}

/// The outcome of a request for which an answer was made.
pub(crate) const ANSWERED: &str = "answered";

/// What became of a request (contract §5, `wallet history`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// Who asked, as the request said: where it was refused nobody may have vouched for that.
    pub host: String,
    /// The platform's subdivision.
    pub context: Context,
    /// What was asked.
    #[serde(deserialize_with = "object")]
    pub predicates: Predicates,
    /// `answered`, or a code of contract §7.
    pub outcome: String,
    /// What the platform said of the answer: `accepted`, or a code of contract §7. Absent where nothing was
    /// sent, or no reply came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

impl HistoryEntry {
    /// Of a request as it was read.
    pub(crate) fn of(request: &Request, outcome: &str, at: Timestamp) -> HistoryEntry {
        HistoryEntry {
            at,
            // A claim need not be a host name, nor as short as one.
            host: request.rp.chars().take(MAX_HOST).collect(),
            context: request.context.clone(),
            predicates: request.predicates.clone(),
            outcome: outcome.to_owned(),
            platform: None,
        }
    }
}

/// All that a wallet remembers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    /// Synced epochs, and with them the authority's key. `None`: never synced.
    pub(crate) epochs: Option<AcceptedEpochs>,
    /// Cells of the newest synced epoch.
    pub(crate) cells: Option<Cells>,
    /// The platform directory, every entry verified.
    pub(crate) platforms: Vec<PlatformEntry>,
    /// The own leaf.
    pub(crate) own: Own,
    /// W4, W5.
    pub(crate) pins: PinBook,
    /// Used slots.
    pub(crate) slots: SlotBook,
    /// Oldest first.
    pub(crate) history: Vec<HistoryEntry>,
    /// Which answers are worth preparing.
    pub(crate) visits: VisitBook,
    /// Changes that are under way, in the order in which they were begun.
    pub(crate) candidates: Vec<Candidate>,
}

/// The state as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    #[serde(deserialize_with = "version_1")]
    v: u32,
    #[serde(deserialize_with = "nullable")]
    authority: Option<AuthorityKey>,
    /// What [`AcceptedEpochs::save`] wrote.
    #[serde(deserialize_with = "nullable")]
    epochs: Option<String>,
    #[serde(deserialize_with = "nullable_object")]
    cells: Option<Cells>,
    #[serde(deserialize_with = "objects")]
    platforms: Vec<PlatformEntry>,
    #[serde(deserialize_with = "nullable")]
    leaf: Option<String>,
    #[serde(deserialize_with = "nullable")]
    place: Option<u64>,
    /// 11 × 8 nodes of 32 bytes.
    #[serde(deserialize_with = "nullable")]
    path: Option<String>,
    searched: u64,
    pins: PinBook,
    slots: SlotBook,
    #[serde(deserialize_with = "objects")]
    history: Vec<HistoryEntry>,
    /// Absent from the files of wallets that prepared nothing.
    #[serde(default, skip_serializing_if = "VisitBook::is_empty")]
    visits: VisitBook,
    /// They hold secrets, so they are not written with the rest.
    #[serde(default, skip_serializing, deserialize_with = "objects")]
    candidates: Vec<candidates::Json>,
}

impl State {
    /// The authority that this wallet has synced with.
    pub(crate) fn authority(&self) -> Option<&AuthorityKey> {
        self.epochs.as_ref().map(AcceptedEpochs::authority)
    }

    /// What is known of a leaf; nothing, if it is another than the one that was looked for.
    pub(crate) fn own(&self, leaf: &Fr) -> Own {
        if self.own.leaf == Some(*leaf) {
            self.own.clone()
        } else {
            Own { leaf: Some(*leaf), ..Own::default() }
        }
    }

    /// Keeps what became of a request.
    pub(crate) fn remember(&mut self, entry: HistoryEntry) {
        self.history.push(entry);
        let excess = self.history.len().saturating_sub(MAX_HISTORY);
        self.history.drain(..excess);
    }

    /// The encrypted file.
    pub(crate) fn seal(&self, k: &PseudonymSecret) -> Result<Vec<u8>, SealFailed> {
        crypt::seal(self.plain().as_bytes(), &crypt::derived(LABEL, k), WorkFactor::NONE)
    }

    /// What is inside the encrypted file.
    pub(crate) fn plain(&self) -> Zeroizing<String> {
        let encode =
            |path: &Path| base64url::encode(&path.0.iter().flatten().flat_map(to_bytes).collect::<Vec<u8>>());
        let rest = Zeroizing::new(json::to_string(&Json {
            v: 1,
            authority: self.authority().cloned(),
            epochs: self.epochs.as_ref().map(|e| String::from_utf8_lossy(&e.save()).into_owned()),
            cells: self.cells.clone(),
            platforms: self.platforms.clone(),
            leaf: self.own.leaf.as_ref().map(to_hex),
            place: self.own.place,
            path: self.own.path.as_ref().map(encode),
            searched: self.own.searched,
            pins: self.pins.clone(),
            slots: self.slots.clone(),
            history: self.history.clone(),
            visits: self.visits.clone(),
            candidates: Vec::new(),
        }));
        // Enough room from the start, so that no copy of a secret is left behind by growing.
        let credentials = self.candidates.iter().filter_map(|c| c.credential.as_ref());
        let credentials: usize = credentials.map(|c| c.to_json().len()).sum();
        let room = rest.len() + 32 + self.candidates.len() * Candidate::ROOM + credentials;
        let mut plain = Zeroizing::new(String::with_capacity(room));
        plain.push_str(rest.strip_suffix('}').unwrap_or(&rest));
        plain.push_str(r#","candidates":["#);
        for (i, candidate) in self.candidates.iter().enumerate() {
            if i > 0 {
                plain.push(',');
            }
            candidate.write(&mut plain);
        }
        plain.push_str("]}");
        plain
    }

    /// Opens the encrypted file; `None` if it is for another pseudonym secret.
    pub(crate) fn open(file: &[u8], k: &PseudonymSecret) -> Result<Option<State>, Refusal> {
        match crypt::open(file, &crypt::derived(LABEL, k)) {
            Err(Refusal::PassphraseWrong) => Ok(None),
            opened => State::read(&opened?).map(Some),
        }
    }

    /// Reads what is inside the encrypted file.
    pub(crate) fn read(plain: &[u8]) -> Result<State, Refusal> {
        let damaged = |what: String| Refusal::FileDamaged(format!("state: {what}"));
        let j: Json = json::parse(plain).map_err(|e| damaged(e.to_string()))?;
        let epochs = match (j.authority, j.epochs) {
            (Some(key), Some(saved)) => {
                Some(AcceptedEpochs::restore(saved.as_bytes(), key).map_err(|e| damaged(e.to_string()))?)
            }
            (None, None) => None,
            _ => return Err(damaged("epochs without their authority".into())),
        };
        let path =
            j.path.map(|text| decode_path(&text).ok_or_else(|| damaged("the path".into()))).transpose()?;
        let leaf = j.leaf.map(|text| from_hex(&text).map_err(|e| damaged(e.to_string()))).transpose()?;
        if let Some(cells) = &j.cells {
            cells.check().map_err(|e| damaged(e.to_string()))?;
        }
        let candidates: Option<Vec<Candidate>> = j.candidates.into_iter().map(|c| c.candidate()).collect();
        Ok(State {
            epochs,
            cells: j.cells,
            platforms: j.platforms,
            own: Own { leaf, place: j.place, path, searched: j.searched },
            pins: j.pins,
            slots: j.slots,
            history: j.history,
            visits: j.visits,
            candidates: candidates.ok_or_else(|| damaged("the secrets of a candidate".into()))?,
        })
    }
}

fn decode_path(text: &str) -> Option<Path> {
    let bytes = base64url::decode(text)?;
    let (chunks, []) = bytes.as_chunks::<32>() else { return None };
    let nodes = chunks.iter().map(|chunk| from_bytes(chunk).ok()).collect::<Option<Vec<_>>>()?;
    let (levels, []) = nodes.as_chunks::<8>() else { return None };
    Some(Path(levels.try_into().ok()?))
}

/// Of the file's passphrase.
const LABEL: &str = "veilpass:wallet-state:v1";
