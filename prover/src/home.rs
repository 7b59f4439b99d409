//! The authority that a wallet belongs to. The wallet learns address and key at its first enrolment or
//! sync, shows the key as six words, and keeps both in the wallet file.

use crate::refusal::Refusal;
use crate::wallet::Wallet;
use serde::{Deserialize, Serialize};
use veilpass_protocol::note::AuthorityKey;

/// Where a wallet reads what its authority publishes, and the key that signs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// The authority's address, or a published folder on disk.
    pub place: String,
    /// The authority's public key.
    pub key: AuthorityKey,
}

impl Wallet {
    /// The authority that this wallet belongs to, once it is known.
    pub fn home(&self) -> Option<&Home> {
        self.home.as_ref()
    }

    /// The key by which this wallet judges credentials and epochs, once it is known.
    pub fn authority_key(&self) -> Option<&AuthorityKey> {
        self.home.as_ref().map(|home| &home.key).or_else(|| self.state.authority())
    }

    /// Pins the authority. A wallet that holds a credential or epochs of another key refuses
    /// ([`Refusal::EpochSignature`]); the same key may move to another address.
    ///
    /// Returns whether anything changed, so that the wallet file must be written.
    pub fn settle_at(&mut self, home: Home) -> Result<bool, Refusal> {
        let answered = self.state.candidates.iter().any(|candidate| candidate.credential.is_some());
        let bound = self.credential.is_some() || answered || self.state.authority().is_some();
        if bound && self.authority_key().is_some_and(|known| *known != home.key) {
            return Err(Refusal::EpochSignature("this wallet belongs to another authority".into()));
        }
        let changed = self.home.as_ref() != Some(&home);
        self.home = Some(home);
        Ok(changed)
    }
}
