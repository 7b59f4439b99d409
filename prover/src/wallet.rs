//! The wallet: two secrets, a credential, and what it remembers.

use crate::credential::explain;
use crate::crypt::{self, SealFailed, WorkFactor};
use crate::home::Home;
use crate::refusal::Refusal;
use crate::rules::Rules;
use crate::state::{HistoryEntry, State};
use crate::store::Store;
use age::secrecy::SecretString;
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use veilpass_circuits::Witness;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::field::{Fr, from_hex, to_hex};
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret, pairing_words};
use veilpass_protocol::json;
use veilpass_protocol::network_number::NetworkNumber;
use zeroize::{Zeroize, Zeroizing};

/// A wallet in memory. It does no IO: the caller keeps two files, [`Wallet::wallet_file`] (secrets and
/// credential) and [`Wallet::state_file`] (what it remembers), and writes them atomically. A third,
/// [`Wallet::prepared_file`], only saves time.
pub struct Wallet {
    pub(crate) k: Arc<PseudonymSecret>,
    pub(crate) d: Arc<DeviceSecret>,
    pub(crate) credential: Option<Credential>,
    pub(crate) home: Option<Home>,
    pub(crate) state: State,
    /// Answers that are prepared: [`Wallet::use_prepared`].
    pub(crate) prepared: Store,
    pub(crate) rules: Rules,
}

/// What may be shown of a wallet: never a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The credential, if the wallet has one.
    pub credential: Option<Credential>,
    /// Number of the newest synced epoch.
    pub epoch: Option<u64>,
}

/// How a wallet stands with its authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has no credential.
    Unenrolled,
    /// It has a credential and has never synced.
    Unsynced,
    /// Its leaf has not been found in a sealed tree yet.
    Waiting,
    /// Its leaf is in the newest tree.
    Listed,
    /// Its leaf was in the tree and is no longer: withdrawn, replaced by another device, or removed.
    Removed,
}

impl Wallet {
    /// A new wallet with fresh secrets, for one authority.
    pub fn new<R: RngCore + CryptoRng>(rng: &mut R) -> Wallet {
        Wallet::from_secrets(PseudonymSecret::generate(rng), DeviceSecret::generate(rng))
    }

    pub(crate) fn from_secrets(k: PseudonymSecret, d: DeviceSecret) -> Wallet {
        Wallet {
            k: Arc::new(k),
            d: Arc::new(d),
            credential: None,
            home: None,
            state: State::default(),
            prepared: Store::default(),
            rules: Rules::ALL,
        }
    }

    /// The identity commitment `C`.
    pub fn identity_commitment(&self) -> Fr {
        self.k.commitment()
    }

    /// The device commitment `D`.
    pub fn device_commitment(&self) -> Fr {
        self.d.commitment()
    }

    /// The six words that the holder compares with the registrar.
    pub fn words(&self) -> [&'static str; 6] {
        pairing_words(&self.identity_commitment(), &self.device_commitment())
    }

    /// The credential, if there is one.
    pub fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// Takes a credential (contract §4), if every part of it can be explained (W9). The signature is
    /// checked now if the authority is known, else at the first sync.
    pub fn enrol(&mut self, credential: &[u8]) -> Result<(), Refusal> {
        let credential =
            Credential::from_json(credential).map_err(|e| Refusal::AttributesUnexplained(e.to_string()))?;
        if self.rules.w9 {
            explain(&credential, &self.k, &self.d, self.authority_key())?;
        }
        self.credential = Some(credential);
        Ok(())
    }

    /// What may be shown.
    pub fn show(&self) -> Shown {
        let newest = self.state.epochs.as_ref().and_then(|epochs| epochs.newest());
        Shown { credential: self.credential.clone(), epoch: newest.map(|statement| statement.epoch) }
    }

    /// How the wallet stands with its authority, as of the newest synced epoch.
    pub fn standing(&self) -> Standing {
        let Some(credential) = &self.credential else { return Standing::Unenrolled };
        let own = self.state.own(&credential.leaf());
        match (self.state.epochs.is_some(), own.path.is_some(), own.place.is_some()) {
            (false, ..) => Standing::Unsynced,
            (true, true, _) => Standing::Listed,
            (true, false, true) => Standing::Removed,
            (true, false, false) => Standing::Waiting,
        }
    }

    /// The private inputs of the wallet's own leaf in the newest synced epoch, with slot 0: an explicit
    /// export of both secrets, also to test what a wallet without rules could do. `None` without a path.
    pub fn export_witness(&self) -> Option<Witness> {
        let credential = self.credential.as_ref()?;
        let path = self.state.own(&credential.leaf()).path?;
        Some(Witness {
            k: *self.k.expose(),
            d: *self.d.expose(),
            packed: credential.attributes.pack(),
            link: credential.link,
            slot: Fr::default(),
            path: path.0,
        })
    }

    /// How many pairs of contradicting statements of its authority the wallet keeps as evidence.
    pub fn contradictions(&self) -> usize {
        self.state.epochs.as_ref().map_or(0, |epochs| epochs.equivocations().len())
    }

    /// What became of earlier requests, oldest first.
    pub fn history(&self) -> &[HistoryEntry] {
        &self.state.history
    }

    /// Keeps what the platform said of an answer: `accepted`, or a code of contract §7. Returns whether the
    /// history still has the entry.
    pub fn remember_reply(&mut self, answered: &HistoryEntry, said: &str) -> bool {
        let entry = self.state.history.iter_mut().rev().find(|entry| *entry == answered);
        entry.map(|entry| entry.platform = Some(said.to_owned())).is_some()
    }

    /// Bodies of a withdrawal (contract §8): Network Number and device secret, which proves possession and
    /// is of no further use. The first is of the newest change that the authority has answered: it counts
    /// from its confirmation on, before its leaf is in a tree. The last is of the credential in use. Each
    /// with its Network Number; none without a credential.
    pub fn withdrawals(&self) -> Vec<(NetworkNumber, Zeroizing<String>)> {
        let mut answered = self.state.candidates.iter().rev();
        let waiting = answered.find_map(|c| Some((c.credential.as_ref()?.network_number, &c.d)));
        let current = self.credential.as_ref().map(|c| (c.network_number, &self.d));
        let same = waiting.zip(current).is_some_and(|(w, c)| w.1.expose() == c.1.expose());
        let body = |(number, secret): (NetworkNumber, &Arc<DeviceSecret>)| {
            let mut text = Zeroizing::new(String::with_capacity(160));
            text.push_str(r#"{"network_number":""#);
            text.push_str(number.as_str());
            text.push_str(r#"","device_secret":""#);
            push_hex(&mut text, secret.expose());
            text.push_str("\"}");
            (number, text)
        };
        waiting.filter(|_| !same).into_iter().chain(current).map(body).collect()
    }

    /// The wallet file (contract §4): an age file that holds both secrets, the credential and the
    /// authority's address and key. Also the holder's backup.
    pub fn wallet_file(&self, passphrase: &SecretString, work: WorkFactor) -> Result<Vec<u8>, SealFailed> {
        crypt::seal(self.plain().as_bytes(), passphrase, work)
    }

    /// What is inside the wallet file.
    pub(crate) fn plain(&self) -> Zeroizing<String> {
        let credential = self.credential.as_ref().map_or("null".to_owned(), Credential::to_json);
        let home = self.home.as_ref().map(json::to_string).unwrap_or_default();
        // Enough room from the start, so that no copy of a secret is left behind by growing.
        let mut text = Zeroizing::new(String::with_capacity(256 + credential.len() + home.len()));
        text.push_str(r#"{"v":1,"pseudonym_secret":""#);
        push_hex(&mut text, self.k.expose());
        text.push_str(r#"","device_secret":""#);
        push_hex(&mut text, self.d.expose());
        text.push_str(r#"","credential":"#);
        text.push_str(&credential);
        if !home.is_empty() {
            text.push_str(r#","authority":"#);
            text.push_str(&home);
        }
        text.push('}');
        text
    }

    /// Reads what is inside the wallet file; nothing is remembered yet.
    pub(crate) fn read(plain: &[u8]) -> Result<Wallet, Refusal> {
        let contents: Contents = json::parse(plain).map_err(|e| Refusal::FileDamaged(e.to_string()))?;
        let (k, d) = secrets(&contents.pseudonym_secret, &contents.device_secret)
            .ok_or_else(|| Refusal::FileDamaged("a secret is zero, or both are the same".into()))?;
        let Contents { credential, authority, .. } = contents;
        Ok(Wallet { credential, home: authority, ..Wallet::from_secrets(k, d) })
    }

    /// What the wallet remembers, encrypted under a key that follows from its pseudonym secret.
    pub fn state_file(&self) -> Result<Vec<u8>, SealFailed> {
        self.state.seal(&self.k)
    }

    /// Opens a wallet. Without a state file (a backup on a new device) it remembers nothing: not what it
    /// answered (W4, W5), nor which slots it used.
    ///
    /// A promoted change concerns both files, a reset even the key of the state, and two files are not
    /// replaced at one instant. So the next state is written beside the old one first, then the wallet
    /// file, then the next state takes the place of the old one. Of several state files the one that is
    /// about the credential in the wallet file is read, else the first that fits the secrets.
    pub fn open(
        wallet_file: &[u8],
        state_files: &[&[u8]],
        passphrase: &SecretString,
    ) -> Result<Wallet, Refusal> {
        let mut wallet = Wallet::read(&crypt::open(wallet_file, passphrase)?)?;
        let states = state_files.iter().map(|file| State::open(file, &wallet.k));
        let mut states: Vec<State> = states.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        if states.is_empty() && !state_files.is_empty() {
            return Err(Refusal::FileDamaged("state: it belongs to another wallet".into()));
        }
        let leaf = wallet.credential.as_ref().map(Credential::leaf);
        let best = states.iter().position(|state| leaf.is_some() && state.own.leaf == leaf).unwrap_or(0);
        if best < states.len() {
            wallet.state = states.swap_remove(best);
        }
        Ok(wallet)
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wallet(…)")
    }
}

/// Inside the wallet file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(rename = "v", deserialize_with = "json::version_1")]
    _v: u32,
    pseudonym_secret: SecretHex,
    device_secret: SecretHex,
    #[serde(deserialize_with = "credential_or_null")]
    credential: Option<Credential>,
    /// Absent until the authority is known, and from files of older wallets.
    #[serde(default, deserialize_with = "home_object")]
    authority: Option<Home>,
}

/// An authority as an object; an array or `null` will not do.
fn home_object<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Home>, D::Error> {
    json::object(d).map(Some)
}

/// Appends a secret to a text that has room for it: no copy is left behind.
pub(crate) fn push_hex(text: &mut String, secret: &Fr) {
    text.push_str(&Zeroizing::new(to_hex(secret)));
}

/// Both secrets as they were stored; `None` if one is zero or they are the same.
pub(crate) fn secrets(k: &SecretHex, d: &SecretHex) -> Option<(PseudonymSecret, DeviceSecret)> {
    (k.0 != d.0).then_some(())?;
    PseudonymSecret::from_fr(k.0).zip(DeviceSecret::from_fr(d.0))
}

/// 64 hex digits, read without a copy of the text, wiped when dropped.
pub(crate) struct SecretHex(Fr);

impl Drop for SecretHex {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<'de> Deserialize<'de> for SecretHex {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SecretHex;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 hex digits")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretHex, E> {
                // The text is a secret: the error does not repeat it.
                from_hex(text).map(SecretHex).map_err(|_| E::custom("a secret is not canonical"))
            }
        }
        d.deserialize_str(Visitor)
    }
}

/// A credential object with attributes in their ranges, or `null`; an array will not do.
pub(crate) fn credential_or_null<'de, D: serde::Deserializer<'de>>(
    d: D,
) -> Result<Option<Credential>, D::Error> {
    #[derive(Deserialize)]
    struct Object(#[serde(deserialize_with = "json::object")] Credential);
    let credential = Option::<Object>::deserialize(d)?.map(|object| object.0);
    if let Some(credential) = &credential {
        credential.attributes.check().map_err(serde::de::Error::custom)?;
    }
    Ok(credential)
}
