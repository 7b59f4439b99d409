//! Changes of a credential that are under way (protocol.md, "Enrolment and the life of a credential").
//!
//! Renewing, rotating and resetting give the wallet a new leaf, and a reset new secrets. Until that leaf
//! has been found in a sealed tree the old one may still be what platforms accept, so the wallet keeps
//! using it, and keeps what is to come as a candidate.

use crate::credential::explain;
use crate::refusal::Refusal;
use crate::wallet::{Wallet, push_hex};
use rand::{CryptoRng, RngCore};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret};
use veilpass_protocol::json::base64url;
use veilpass_protocol::operation::Operation;
use zeroize::Zeroizing;

/// Candidates that are kept at most; codes that were mistyped must not pile up for ever.
const MAX_CANDIDATES: usize = 16;

/// By what a wallet knows a registrar's code again without keeping it: SHA-256("veilpass:wallet-code:v1"
/// ‖ the code as it is read: upper case, without dashes and spaces, O as 0, I and L as 1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeHash([u8; 32]);

impl CodeHash {
    /// Of a code as it was typed or scanned.
    pub fn of(code: &str) -> CodeHash {
        let read = code.chars().filter(|c| *c != '-' && !c.is_whitespace());
        let text: Zeroizing<String> = Zeroizing::new(
            read.map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect(),
        );
        CodeHash(Sha256::new().chain_update("veilpass:wallet-code:v1").chain_update(&*text).finalize().into())
    }
}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeHash(…)")
    }
}

/// A change that has been asked for and not yet been found in a sealed tree.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) operation: Operation,
    pub(crate) code: CodeHash,
    /// Shared with the wallet where the operation keeps a secret; wiped with the last who holds it.
    pub(crate) k: Arc<PseudonymSecret>,
    pub(crate) d: Arc<DeviceSecret>,
    /// What the authority answered; `None` until it did.
    pub(crate) credential: Option<Credential>,
    /// Places that were in use when it was begun, as far as the wallet knew: its leaf stands in none.
    pub(crate) since: u64,
    /// The new leaf stands in no place below this.
    pub(crate) searched: u64,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Candidate) -> bool {
        self.operation == other.operation
            && self.code == other.code
            && self.k.expose() == other.k.expose()
            && self.d.expose() == other.d.expose()
            && self.credential == other.credential
            && (self.since, self.searched) == (other.since, other.searched)
    }
}

impl Candidate {
    pub(crate) fn leaf(&self) -> Option<Fr> {
        self.credential.as_ref().map(Credential::leaf)
    }

    /// Appends the JSON form to a text that has room for it ([`Candidate::ROOM`] and the credential).
    pub(crate) fn write(&self, text: &mut String) {
        text.push_str(r#"{"operation":""#);
        text.push_str(self.operation.as_str());
        text.push_str(r#"","code":""#);
        text.push_str(&base64url::encode(&self.code.0));
        text.push_str(r#"","pseudonym_secret":""#);
        push_hex(text, self.k.expose());
        text.push_str(r#"","device_secret":""#);
        push_hex(text, self.d.expose());
        text.push_str(r#"","credential":"#);
        text.push_str(&self.credential.as_ref().map_or("null".to_owned(), Credential::to_json));
        text.push_str(&format!(r#","since":{},"searched":{}}}"#, self.since, self.searched));
    }

    /// Room for one without its credential.
    pub(crate) const ROOM: usize = 384;
}

/// The JSON form as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Json {
    operation: Operation,
    #[serde(with = "base64url")]
    code: [u8; 32],
    pseudonym_secret: crate::wallet::SecretHex,
    device_secret: crate::wallet::SecretHex,
    #[serde(deserialize_with = "crate::wallet::credential_or_null")]
    credential: Option<Credential>,
    since: u64,
    searched: u64,
}

impl Json {
    /// `None`: a secret is zero, or both are the same.
    pub(crate) fn candidate(self) -> Option<Candidate> {
        let (k, d) = crate::wallet::secrets(&self.pseudonym_secret, &self.device_secret)?;
        Some(Candidate {
            operation: self.operation,
            code: CodeHash(self.code),
            k: Arc::new(k),
            d: Arc::new(d),
            credential: self.credential,
            since: self.since,
            searched: self.searched,
        })
    }
}

/// What became of a credential that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is the wallet's own now; write both files. The person is enrolled once its leaf is found.
    Current,
    /// It waits in the state until a sync finds its leaf; the credential in use stays in use.
    Waiting,
}

impl Wallet {
    /// Begins an operation: the commitments that go to the authority with the code. The state file must
    /// have been written before they are sent.
    ///
    /// The same code for the same operation gives the same commitments again, so that a lost answer can
    /// be asked for once more. Another code begins anew, with fresh secrets where the operation makes
    /// some; what was begun before is kept.
    pub fn begin<R: RngCore + CryptoRng>(
        &mut self,
        operation: Operation,
        code: CodeHash,
        rng: &mut R,
    ) -> (Fr, Fr) {
        if let Some(known) = self.candidate(operation, code) {
            return (known.k.commitment(), known.d.commitment());
        }
        // A first enrolment uses the secrets that the wallet was born with. They go to an authority with
        // one code only: an application may lapse, and its commitments stay used.
        let unused = self.credential.is_none() && !self.state.candidates.iter().any(|c| self.has(c));
        let keeps = |o: Operation| o == Operation::Renew || (o == Operation::Enrol && unused);
        let k = match operation {
            o if keeps(o) || o == Operation::Rotate => self.k.clone(),
            _ => Arc::new(PseudonymSecret::generate(rng)),
        };
        let d = if keeps(operation) { self.d.clone() } else { Arc::new(DeviceSecret::generate(rng)) };
        let commitments = (k.commitment(), d.commitment());
        let newest = self.state.epochs.as_ref().and_then(|epochs| epochs.newest());
        // What is asked for only now stands in no place that is in use already.
        let since = newest.map_or(0, |statement| statement.places_used);
        let candidates = &mut self.state.candidates;
        if candidates.len() >= MAX_CANDIDATES {
            let unanswered = candidates.iter().position(|c| c.credential.is_none());
            candidates.remove(unanswered.unwrap_or(0));
        }
        candidates.push(Candidate { operation, code, k, d, credential: None, since, searched: since });
        commitments
    }

    /// Takes the authority's answer to what was begun with this code, if every part of it can be
    /// explained (W9).
    pub fn take(
        &mut self,
        operation: Operation,
        code: CodeHash,
        credential: &[u8],
    ) -> Result<Taken, Refusal> {
        let credential =
            Credential::from_json(credential).map_err(|e| Refusal::AttributesUnexplained(e.to_string()))?;
        let at = self.state.candidates.iter().position(|c| c.operation == operation && c.code == code);
        let live = self.is_live();
        let own = at.and_then(|at| self.state.candidates.get(at)).is_some_and(|c| self.has(c));
        let authority = self.authority_key().cloned();
        let Some(candidate) = at.and_then(|at| self.state.candidates.get_mut(at)) else {
            return Err(Refusal::AttributesUnexplained("nothing was begun with this code".into()));
        };
        if self.rules.w9 {
            explain(&credential, &candidate.k, &candidate.d, authority.as_ref())?;
        }
        candidate.credential = Some(credential.clone());
        if operation == Operation::Enrol && own && !live {
            self.credential = Some(credential);
            return Ok(Taken::Current);
        }
        Ok(Taken::Waiting)
    }

    /// Forgets what was begun with a code that the authority does not know, or no longer: nothing was
    /// accepted for it.
    pub fn forget(&mut self, operation: Operation, code: CodeHash) {
        self.state
            .candidates
            .retain(|c| c.operation != operation || c.code != code || c.credential.is_some());
    }

    /// The operations that were begun and whose leaf has not been found, oldest first. An exported file
    /// holds nothing of them.
    pub fn pending(&self) -> impl Iterator<Item = Operation> + '_ {
        let waits =
            |c: &&Candidate| !self.has(c) || c.leaf() != self.credential.as_ref().map(Credential::leaf);
        self.state.candidates.iter().filter(waits).map(|c| c.operation)
    }

    fn candidate(&self, operation: Operation, code: CodeHash) -> Option<&Candidate> {
        self.state.candidates.iter().find(|c| c.operation == operation && c.code == code)
    }

    /// Whether a candidate has the secrets that are in use.
    pub(crate) fn has(&self, candidate: &Candidate) -> bool {
        candidate.k.expose() == self.k.expose() && candidate.d.expose() == self.d.expose()
    }

    /// Whether the newest synced tree has the leaf of the credential in use.
    pub fn is_live(&self) -> bool {
        self.credential.as_ref().is_some_and(|c| self.state.own(&c.leaf()).path.is_some())
    }

    /// A candidate's leaf was found: it is what the wallet uses from now on, and what was begun before it
    /// is over. What was answered and which slots were used is remembered beyond that.
    pub(crate) fn promote(&mut self, at: usize) -> Option<Operation> {
        let candidate = self.state.candidates.drain(..=at).next_back()?;
        self.k = candidate.k;
        self.d = candidate.d;
        self.credential = candidate.credential;
        Some(candidate.operation)
    }

    /// The leaf in use was found: the change that led to it is over, and so is what was begun before.
    pub(crate) fn settle(&mut self) {
        let leaf = self.credential.as_ref().map(Credential::leaf);
        let place = self.state.own.place;
        // A renewal that changes no attribute is over only when the leaf stands in its new place.
        let moved = |c: &Candidate| c.since > 0 && place.is_some_and(|place| place >= c.since);
        let done = |c: &Candidate| c.leaf() == leaf && (c.operation != Operation::Renew || moved(c));
        if let Some(at) = self.state.candidates.iter().rposition(|c| leaf.is_some() && done(c)) {
            self.state.candidates.drain(..=at);
        }
    }
}
