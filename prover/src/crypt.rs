//! Encryption of the wallet's files with age and a passphrase (contract §4).
//!
//! One exception to "no clock and no RNG inside": the age library draws its own salts and file keys
//! from the operating system, and times one small scrypt when it opens a file.

use crate::refusal::Refusal;
use age::scrypt::{Identity, Recipient};
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::iter::once;
use veilpass_protocol::field::to_bytes;
use veilpass_protocol::identity::PseudonymSecret;
use veilpass_protocol::json::base64url;
use zeroize::Zeroizing;

/// Longest file that is read.
const MAX_FILE: usize = 64 << 20;

/// How much a guess at the passphrase costs: scrypt with N = 2^n, r = 8, p = 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// For every real wallet: 128 MiB and about half a second a guess. Fixed, not measured, so that a
    /// wallet made on a busy or slow machine is as hard to guess as any other.
    pub const PRODUCTION: WorkFactor = WorkFactor(17);
    /// The most that is accepted when reading: a file must not keep its reader busy for minutes.
    pub const MAX: WorkFactor = WorkFactor(20);

    /// For passphrases of 254 bits, which stretching would only make slow.
    pub(crate) const NONE: WorkFactor = WorkFactor(1);

    /// N = 2^`log_n`, from 1 to [`WorkFactor::MAX`]. Small ones are for tests, and for keys that need
    /// no stretching.
    pub const fn new(log_n: u8) -> Option<WorkFactor> {
        if log_n >= 1 && log_n <= WorkFactor::MAX.0 { Some(WorkFactor(log_n)) } else { None }
    }
}

/// Encrypting failed; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the wallet's file could not be encrypted: {0}")]
pub struct SealFailed(String);

/// Encrypts to a passphrase; `age -d` opens the result.
pub(crate) fn seal(plain: &[u8], passphrase: &SecretString, work: WorkFactor) -> Result<Vec<u8>, SealFailed> {
    let mut recipient = Recipient::new(passphrase.clone());
    recipient.set_work_factor(work.0);
    age::encrypt(&recipient, plain).map_err(|e| SealFailed(e.to_string()))
}

/// Decrypts what [`seal`] made.
pub(crate) fn open(file: &[u8], passphrase: &SecretString) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let damaged = |what: String| Refusal::FileDamaged(what);
    if file.len() > MAX_FILE {
        return Err(damaged("too long".into()));
    }
    let mut identity = Identity::new(passphrase.clone());
    identity.set_max_work_factor(WorkFactor::MAX.0);
    let decryptor = Decryptor::new_buffered(file).map_err(|e| damaged(e.to_string()))?;
    if !decryptor.is_scrypt() {
        return Err(damaged("not encrypted with a passphrase".into()));
    }
    let mut reader = decryptor.decrypt(once(&identity as _)).map_err(|e| match e {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => Refusal::PassphraseWrong,
        other => damaged(other.to_string()),
    })?;
    // Large enough from the start: growing would leave copies of the secrets behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(file.len()));
    reader.read_to_end(&mut plain).map_err(|e| damaged(e.to_string()))?;
    Ok(plain)
}

/// A passphrase that follows from the pseudonym secret: base64url of SHA-256(label ‖ k). Whoever can open the wallet file can
/// open what is encrypted with it, without a second slow scrypt, and it follows `k` when the person changes the passphrase.
pub(crate) fn derived(label: &str, k: &PseudonymSecret) -> SecretString {
    let secret = Zeroizing::new(to_bytes(k.expose()));
    let digest = Sha256::new().chain_update(label).chain_update(secret.as_slice()).finalize();
    let digest = Zeroizing::new(<[u8; 32]>::from(digest));
    SecretString::from(base64url::encode(&*digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: WorkFactor = WorkFactor(2);

    fn passphrase(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn round_trip_and_both_errors() {
        let file = seal(b"secret", &passphrase("horse"), QUICK).unwrap();
        assert!(file.starts_with(b"age-encryption.org/v1\n-> scrypt "));
        assert_eq!(&*open(&file, &passphrase("horse")).unwrap(), b"secret");
        assert_eq!(open(&file, &passphrase("Horse")), Err(Refusal::PassphraseWrong));
        let body = file.len() - 1;
        // Before the stanza's body (the wrapped key) and after it.
        for at in [0, 25, body - 30, body] {
            let mut bad = file.clone();
            bad[at] ^= 1;
            assert!(matches!(open(&bad, &passphrase("horse")), Err(Refusal::FileDamaged(_))), "byte {at}");
        }
        for bad in [&b""[..], b"{}", &file[..40], &file[..file.len() - 1]] {
            assert!(matches!(open(bad, &passphrase("horse")), Err(Refusal::FileDamaged(_))));
        }
    }

    #[test]
    fn costly_files_are_refused_unread() {
        let file = seal(b"secret", &passphrase("horse"), QUICK).unwrap();
        let text = String::from_utf8_lossy(&file).into_owned();
        let line = text.lines().nth(1).unwrap();
        let costly = line.replace(" 2", " 21");
        assert_ne!(line, costly);
        let at = file.windows(line.len()).position(|w| w == line.as_bytes()).unwrap();
        let bad = [&file[..at], costly.as_bytes(), &file[at + line.len()..]].concat();
        assert!(matches!(open(&bad, &passphrase("horse")), Err(Refusal::FileDamaged(_))));
        assert_eq!(WorkFactor::new(0), None);
        assert_eq!(WorkFactor::new(21), None);
        assert_eq!(WorkFactor::new(17), Some(WorkFactor::PRODUCTION));
    }

    #[test]
    fn files_for_keys_are_not_ours() {
        let key: age::x25519::Recipient = age::x25519::Identity::generate().to_public();
        let file = age::encrypt(&key, b"secret").unwrap();
        assert!(matches!(open(&file, &passphrase("horse")), Err(Refusal::FileDamaged(_))));
    }
}
