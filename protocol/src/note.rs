//! The authority's Ed25519 key as a C2SP vkey, and what it signs: notes and short messages.
//!
//! Source: C2SP signed-note. The key name is the authority's origin.

use crate::json::serde_as_text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand::{CryptoRng, RngCore};
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Signature type of the C2SP key encodings: Ed25519.
const ED25519: u8 = 1;

/// A text that is no key line of the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a C2SP key line: <origin>+<8 hex digits>+<base64>")]
pub struct InvalidKey;

/// An origin that cannot name a key: empty, longer than 255 bytes, with white space, `+` or controls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin is 1-255 bytes without white space, control characters and `+`")]
pub struct InvalidOrigin;

/// Whether a text can name an authority.
pub fn check_origin(origin: &str) -> Result<(), InvalidOrigin> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if origin.is_empty() || origin.len() > 255 || origin.chars().any(bad) {
        return Err(InvalidOrigin);
    }
    Ok(())
}

/// The authority's public key: the vkey line `<origin>+<8 hex>+<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityKey {
    origin: String,
    key: VerifyingKey,
}

/// Why a note is not the authority's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not in the form of a signed note.
    #[error("not a signed note")]
    Syntax,
    /// No signature of this key, or a wrong one.
    #[error("the note is not signed by this authority")]
    Signature,
}

impl AuthorityKey {
    /// The authority's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The bare Ed25519 key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Checks a signed note and gives its text. Other signatures beside the authority's are allowed.
    pub fn verify_note(&self, note: &str) -> Result<String, NoteError> {
        let parsed = Note::from_bytes(note.as_bytes()).map_err(|_| NoteError::Syntax)?;
        let verifier = StandardVerifier::new(&self.to_string()).map_err(|_| NoteError::Signature)?;
        parsed.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(|_| NoteError::Signature)?;
        String::from_utf8(parsed.text().to_vec()).map_err(|_| NoteError::Syntax)
    }

    /// Checks a signature over a message that begins with a domain label.
    pub fn verify_message(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for AuthorityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&signed_note::new_ed25519_verifier_key(&self.origin, &self.key))
    }
}

impl FromStr for AuthorityKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<AuthorityKey, InvalidKey> {
        // The library checks the id against name and key; what remains is to take the parts out.
        StandardVerifier::new(text).map_err(|_| InvalidKey)?;
        let (origin, rest) = text.split_once('+').ok_or(InvalidKey)?;
        let (_, encoded) = rest.split_once('+').ok_or(InvalidKey)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidKey)?;
        let (ED25519, key) = bytes.split_first().map(|(t, k)| (*t, k)).ok_or(InvalidKey)? else {
            return Err(InvalidKey);
        };
        let key = <[u8; 32]>::try_from(key).map_err(|_| InvalidKey)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| InvalidKey)?;
        check_origin(origin).map_err(|_| InvalidKey)?;
        // A key of small order accepts one signature for every message.
        let parsed = AuthorityKey { origin: origin.to_owned(), key };
        if parsed.key.is_weak() || parsed.to_string() != text {
            return Err(InvalidKey);
        }
        Ok(parsed)
    }
}

serde_as_text!(AuthorityKey);

/// The authority's signing key.
pub struct AuthoritySigner {
    origin: String,
    key: SigningKey,
}

impl AuthoritySigner {
    /// Draws a key for an origin.
    pub fn generate<R: RngCore + CryptoRng>(
        rng: &mut R,
        origin: &str,
    ) -> Result<AuthoritySigner, InvalidOrigin> {
        check_origin(origin)?;
        Ok(AuthoritySigner { origin: origin.to_owned(), key: SigningKey::generate(rng) })
    }

    /// The key as one line of text, `PRIVATE+KEY+<origin>+<8 hex>+<base64>`, for a private file.
    pub fn to_secret_string(&self) -> Zeroizing<String> {
        let public = [&[ED25519][..], self.key.verifying_key().as_bytes()].concat();
        let id = signed_note::key_id(&self.origin, &public);
        let mut secret = Zeroizing::new(vec![ED25519]);
        secret.extend(self.key.as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(&*secret));
        Zeroizing::new(format!("PRIVATE+KEY+{}+{id:08x}+{}", self.origin, *encoded))
    }

    /// Reads [`AuthoritySigner::to_secret_string`].
    pub fn from_secret_string(text: &str) -> Result<AuthoritySigner, InvalidKey> {
        StandardSigner::new(text).map_err(|_| InvalidKey)?;
        let rest = text.strip_prefix("PRIVATE+KEY+").ok_or(InvalidKey)?;
        let (origin, rest) = rest.split_once('+').ok_or(InvalidKey)?;
        let (_, encoded) = rest.split_once('+').ok_or(InvalidKey)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| InvalidKey)?);
        let seed = bytes.split_first().map(|(_, seed)| seed).ok_or(InvalidKey)?;
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| InvalidKey)?);
        check_origin(origin).map_err(|_| InvalidKey)?;
        let signer = AuthoritySigner { origin: origin.to_owned(), key: SigningKey::from_bytes(&seed) };
        // The library takes an id in capitals as well.
        if *signer.to_secret_string() == text { Ok(signer) } else { Err(InvalidKey) }
    }

    /// The public half.
    pub fn public(&self) -> AuthorityKey {
        AuthorityKey { origin: self.origin.clone(), key: self.key.verifying_key() }
    }

    /// Signs a text (lines that end in LF) as a note.
    pub fn sign_note(&self, text: &str) -> Result<String, NoteError> {
        let signer = StandardSigner::new(&self.to_secret_string()).map_err(|_| NoteError::Signature)?;
        let mut note = Note::new(text.as_bytes(), &[]).map_err(|_| NoteError::Syntax)?;
        note.add_sigs(&[&signer]).map_err(|_| NoteError::Signature)?;
        String::from_utf8(note.to_bytes()).map_err(|_| NoteError::Syntax)
    }

    /// Signs a message that begins with a domain label.
    pub fn sign_message(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for AuthoritySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthoritySigner({}, …)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Example of the C2SP signed-note specification.
    #[test]
    fn known_note() {
        let key: AuthorityKey =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(key.verify_note(note).unwrap().ends_with("problem is.\n"));
        assert_eq!(key.verify_note(&note.replace("answer", "anvwer")), Err(NoteError::Signature));
        assert_eq!(key.verify_note("text\n"), Err(NoteError::Syntax));
        assert_eq!(key.origin(), "PeterNeumann");
        let signer = AuthoritySigner::from_secret_string(
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
        )
        .unwrap();
        assert_eq!(signer.public(), key);
        assert_eq!(
            &*signer.to_secret_string(),
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
        );
        assert_eq!(
            signer.sign_note(note.split("\n\n").next().map(|t| format!("{t}\n")).unwrap().as_str()).unwrap(),
            note
        );
    }

    #[test]
    fn keys_and_messages() {
        let signer = AuthoritySigner::generate(&mut rand::thread_rng(), "id.example/veilpass").unwrap();
        let key: AuthorityKey = signer.public().to_string().parse().unwrap();
        assert_eq!(key, signer.public());
        let signature = signer.sign_message(b"a");
        assert!(key.verify_message(b"a", &signature) && !key.verify_message(b"b", &signature));
        let line = key.to_string();
        for bad in [
            line.replace("id.", "ie."),
            line.replacen('+', "-", 1),
            format!("{line}\n"),
            format!(" {line}"),
            line.to_uppercase(),
            String::new(),
        ] {
            assert!(bad.parse::<AuthorityKey>().is_err(), "{bad}");
        }
        // One line for each key; capitals in the id were found by fuzzing.
        let secret = AuthoritySigner::from_secret_string(
            "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
        );
        let secret = secret.unwrap().to_secret_string();
        for bad in [
            secret.replace("c74f20a3", "C74f20a3"),
            secret.replace("c74f20a3", "c74f20a4"),
            format!("{}\n", *secret),
            format!("{}=", *secret),
        ] {
            assert!(AuthoritySigner::from_secret_string(&bad).is_err(), "{bad}");
        }
        for bad in ["", "a b", "a+b", "a\nb"] {
            assert!(AuthoritySigner::generate(&mut rand::thread_rng(), bad).is_err());
        }
        assert!(!format!("{signer:?}").contains(&*signer.to_secret_string()));
    }

    /// The identity point as a public key would accept the same signature for every message.
    #[test]
    fn weak_keys_are_refused() {
        let mut weak = [0u8; 32];
        weak[0] = 1;
        let key = VerifyingKey::from_bytes(&weak).unwrap();
        assert!(signed_note::new_ed25519_verifier_key("a", &key).parse::<AuthorityKey>().is_err());
    }
}
