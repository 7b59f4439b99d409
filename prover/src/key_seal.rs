//! The prepared proving key as a wallet keeps it: an age file under a passphrase that follows from the pseudonym secret.
//!
//! Nothing in it is secret. But with points of his choice a stranger could ask the wallet questions: a proof that comes out
//! right exactly if some wire has some value, and that is made anew, visibly later, if it does not. So a wallet
//! reads only what it wrote itself.

use crate::crypt::{self, SealFailed, WorkFactor};
use crate::groth16::{KeyFile, PreparedKeyError, PreparedProvingKey};
use crate::refusal::Refusal;
use crate::wallet::Wallet;
use age::secrecy::SecretString;
use veilpass_protocol::identity::PseudonymSecret;
use veilpass_verifier::VerifyingKey;

/// Of the file's passphrase; no other file has the same.
const LABEL: &str = "veilpass:wallet-proving-key:v1";

/// What one wallet's prepared proving keys are sealed with.
pub struct KeySeal(SecretString);

impl Wallet {
    /// For the prepared proving keys of this wallet.
    pub fn key_seal(&self) -> KeySeal {
        KeySeal::new(&self.k)
    }
}

impl KeySeal {
    pub(crate) fn new(k: &PseudonymSecret) -> KeySeal {
        KeySeal(crypt::derived(LABEL, k))
    }

    /// The file.
    pub fn seal(&self, key: &PreparedProvingKey) -> Result<Vec<u8>, SealFailed> {
        crypt::seal(&key.to_bytes(), &self.0, WorkFactor::NONE)
    }

    /// Opens a file; `None` if it was made from another proving key than the one named, with this verifying key inside.
    pub fn open(
        &self,
        file: &[u8],
        verifying_key: &VerifyingKey,
        made_from: KeyFile,
    ) -> Result<Option<PreparedProvingKey>, Refusal> {
        let damaged = |what: String| Refusal::FileDamaged(format!("the prepared proving key: {what}"));
        let plain = crypt::open(file, &self.0).map_err(|e| match e {
            Refusal::PassphraseWrong => damaged("it belongs to another wallet".into()),
            other => other,
        })?;
        match PreparedProvingKey::from_bytes(&plain, verifying_key, made_from) {
            Ok(key) => Ok(Some(key)),
            Err(PreparedKeyError::OtherKey) => Ok(None),
            Err(fault) => Err(damaged(fault.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veilpass_params::dev;
    use veilpass_protocol::field::Fr;

    fn seal_of(k: u64) -> KeySeal {
        KeySeal::new(&PseudonymSecret::from_fr(Fr::from(k)).unwrap())
    }

    /// Whoever writes into a wallet's folder without its secrets writes nothing that the wallet reads.
    #[test]
    fn a_wallet_reads_its_own_keys_only() {
        let dev = dev::proving_key().unwrap();
        let (vk, name) = (dev.verifying_key(), KeyFile::of(dev::proving_key_bytes()));
        let key = PreparedProvingKey::new(&dev);
        let file = seal_of(7).seal(&key).unwrap();
        assert!(seal_of(7).open(&file, vk, name) == Ok(Some(key.clone())));
        assert!(seal_of(7).open(&file, vk, KeyFile::of(b"another")) == Ok(None));
        let refused = |file: &[u8]| match seal_of(7).open(file, vk, name) {
            Err(Refusal::FileDamaged(what)) => what,
            other => panic!("{:?}", other.map(|key| key.is_some())),
        };
        assert!(refused(&seal_of(8).seal(&key).unwrap()).contains("another wallet"));
        refused(&key.to_bytes());
        for at in [0, 30, 150, file.len() / 2, file.len() - 1] {
            let mut bad = file.clone();
            bad[at] ^= 1;
            refused(&bad);
        }
        // Sealed by the wallet, and no prepared key.
        let state = crypt::seal(b"veilpass", &seal_of(7).0, WorkFactor::NONE).unwrap();
        assert!(refused(&state).contains("not a prepared proving key"));
    }
}
