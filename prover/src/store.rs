//! What is prepared, and the file that holds it: like the state an age file under a passphrase that follows from the
//! pseudonym secret. Inside:
//!
//! ```text
//! "veilpass prepared v1\n" ‖ u64 epoch ‖ leaf (32) ‖ hash of the proving key file (32) ‖ u8 count
//! ‖ count × (u32 slot ‖ state, 640 bytes, see `groth16::Prepared`) ‖ zeros, as if there were 16
//! ```
//!
//! Its length is always the same, so it tells nothing of how many platforms its owner visits. It is a cache: whatever is
//! wrong with it, it is dropped, and answers are proved as if it had never been there.

use crate::crypt::{self, SealFailed, WorkFactor};
use crate::groth16::prepared::{HEAD_BYTES, head_of, read_head};
use crate::groth16::{KeyFile, PREPARED_BYTES, PreparedError};
use crate::refusal::Refusal;
use crate::visits::MAX_PREPARED;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::field::{Fr, from_bytes, to_bytes};
use veilpass_protocol::identity::PseudonymSecret;
use veilpass_protocol::statement::Statement;
use zeroize::Zeroizing;

const MAGIC: &[u8] = b"veilpass prepared v1\n";
const ENTRY_BYTES: usize = 4 + PREPARED_BYTES;
/// Length of the file's inside, whatever it holds.
const FILE_BYTES: usize = MAGIC.len() + 8 + 32 + 32 + 1 + MAX_PREPARED * ENTRY_BYTES;

/// What everything in a store was prepared for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Basis {
    pub(crate) epoch: u64,
    /// The credential's leaf.
    pub(crate) leaf: Fr,
    pub(crate) key_file: KeyFile,
}

/// A prepared state and the slot that is hidden in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) slot: u32,
    pub(crate) state: Zeroizing<[u8; PREPARED_BYTES]>,
}

impl Entry {
    /// Circuit and statement, the challenge zero.
    pub(crate) fn head(&self) -> Result<(CircuitId, Statement), PreparedError> {
        read_head(&self.state)
    }

    /// Whether it is for this circuit and statement.
    pub(crate) fn is_for(&self, circuit: CircuitId, statement: &Statement) -> bool {
        self.state.get(..HEAD_BYTES) == Some(head_of(circuit, statement).as_slice())
    }
}

/// Everything that is prepared.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) basis: Basis,
    pub(crate) entries: Vec<Entry>,
    /// Since it was read.
    pub(crate) changed: bool,
}

impl Store {
    /// Index of what answers this question in some slot: its pseudonym does not matter.
    pub(crate) fn answering(&self, circuit: CircuitId, statement: &Statement) -> Option<usize> {
        self.entries.iter().position(|entry| {
            let head = entry.head();
            head.is_ok_and(|(of, known)| of == circuit && same_question(&known, statement))
        })
    }

    /// Index of the entry for this very statement.
    pub(crate) fn at(&self, circuit: CircuitId, statement: &Statement) -> Option<usize> {
        self.entries.iter().position(|entry| entry.is_for(circuit, statement))
    }

    /// Room for all entries from the start, so that no copy of one is left behind by growing.
    pub(crate) fn make_room(&mut self) {
        if self.entries.is_empty() {
            self.entries.reserve_exact(MAX_PREPARED);
        }
    }

    /// The encrypted file.
    pub(crate) fn seal(&self, k: &PseudonymSecret) -> Result<Vec<u8>, SealFailed> {
        crypt::seal(&self.plain(), &crypt::derived(LABEL, k), WorkFactor::NONE)
    }

    /// Opens the encrypted file.
    pub(crate) fn open(file: &[u8], k: &PseudonymSecret) -> Result<Store, Refusal> {
        let plain = crypt::open(file, &crypt::derived(LABEL, k)).map_err(|e| match e {
            Refusal::PassphraseWrong => damaged("it belongs to another wallet"),
            other => other,
        })?;
        Store::read(&plain)
    }

    /// What is inside the encrypted file.
    pub(crate) fn plain(&self) -> Zeroizing<Vec<u8>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
        plain.extend_from_slice(MAGIC);
        plain.extend_from_slice(&self.basis.epoch.to_be_bytes());
        plain.extend_from_slice(&to_bytes(&self.basis.leaf));
        plain.extend_from_slice(&self.basis.key_file.0);
        let kept = self.entries.iter().take(MAX_PREPARED);
        plain.push(kept.len() as u8);
        for entry in kept {
            plain.extend_from_slice(&entry.slot.to_be_bytes());
            plain.extend_from_slice(entry.state.as_slice());
        }
        plain.resize(FILE_BYTES, 0);
        plain
    }

    /// Reads what is inside the encrypted file. Points are read when an entry is used.
    pub(crate) fn read(plain: &[u8]) -> Result<Store, Refusal> {
        if plain.len() != FILE_BYTES {
            return Err(damaged("its length"));
        }
        let rest = plain.strip_prefix(MAGIC).ok_or_else(|| damaged("its first line"))?;
        let ends = || damaged("it ends early");
        let (epoch, rest) = rest.split_first_chunk::<8>().ok_or_else(ends)?;
        let (leaf, rest) = rest.split_first_chunk::<32>().ok_or_else(ends)?;
        let (key_file, rest) = rest.split_first_chunk::<32>().ok_or_else(ends)?;
        let (count, rest) = rest.split_first().ok_or_else(ends)?;
        let leaf = from_bytes(leaf).map_err(|_| damaged("its leaf"))?;
        let basis = Basis { epoch: u64::from_be_bytes(*epoch), leaf, key_file: KeyFile(*key_file) };
        let mut store = Store { basis, entries: Vec::new(), changed: false };
        store.make_room();
        if usize::from(*count) > MAX_PREPARED {
            return Err(damaged("too many entries"));
        }
        let (entries, _) = rest.as_chunks::<ENTRY_BYTES>();
        for (n, bytes) in entries.iter().enumerate() {
            if n >= usize::from(*count) {
                if bytes.iter().any(|byte| *byte != 0) {
                    return Err(damaged("something after the last entry"));
                }
                continue;
            }
            let (slot, state) = bytes.split_first_chunk::<4>().ok_or_else(ends)?;
            let state: &[u8; PREPARED_BYTES] = state.try_into().map_err(|_| ends())?;
            let entry = Entry { slot: u32::from_be_bytes(*slot), state: Zeroizing::new(*state) };
            let (circuit, statement) = entry.head().map_err(|e| damaged(&e.to_string()))?;
            if store.at(circuit, &statement).is_some() {
                return Err(damaged("an entry twice"));
            }
            store.entries.push(entry);
        }
        Ok(store)
    }
}

/// Whether two statements differ in pseudonym and challenge at most.
fn same_question(one: &Statement, other: &Statement) -> bool {
    Statement { pseudonym: other.pseudonym, challenge: other.challenge, ..one.clone() } == *other
}

fn damaged(what: &str) -> Refusal {
    Refusal::FileDamaged(format!("what was prepared: {what}"))
}

/// Of the file's passphrase. Another than the state's, so that neither file is taken for the other.
const LABEL: &str = "veilpass:wallet-prepared:v1";
