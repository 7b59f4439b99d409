//! The platform directory: which key a host signs its requests with, said by the authority (contract §4).

use crate::json::{self, base64url, version_1};
use crate::note::{AuthorityKey, AuthoritySigner};
use crate::scope::Host;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An entry `platforms/<host>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformEntry {
    #[serde(deserialize_with = "version_1")]
    v: u32,
    /// The platform's host.
    pub host: Host,
    /// The name that people know it by.
    pub name: String,
    /// Ed25519 public key, 32 bytes.
    #[serde(with = "base64url")]
    pub key: [u8; 32],
    /// What it says it asks for, and why.
    pub purposes: Vec<String>,
    #[serde(with = "base64url")]
    signature: [u8; 64],
}

/// Why an entry is not to be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Not in the form of contract §4.
    #[error("not a platform directory: {0}")]
    Syntax(String),
    /// The key is no Ed25519 key.
    #[error("the key of {0} is no Ed25519 public key")]
    Key(Host),
    /// Not signed by this authority.
    #[error("the entry of {0} is not signed by this authority")]
    Signature(Host),
    /// Hosts out of order, or one twice.
    #[error("the directory's hosts are not in ascending order: {0}")]
    Order(Host),
}

/// All members that are signed.
#[derive(Serialize)]
struct Signed<'a> {
    v: u32,
    host: &'a Host,
    name: &'a str,
    #[serde(with = "base64url")]
    key: &'a [u8; 32],
    purposes: &'a [String],
}

impl PlatformEntry {
    /// Signs an entry.
    pub fn issue(
        signer: &AuthoritySigner,
        host: Host,
        name: &str,
        key: &VerifyingKey,
        purposes: Vec<String>,
    ) -> PlatformEntry {
        let mut entry = PlatformEntry {
            v: 1,
            host,
            name: name.to_owned(),
            key: key.to_bytes(),
            purposes,
            signature: [0; 64],
        };
        entry.signature = signer.sign_message(&entry.message());
        entry
    }

    /// 'veilpass:platform:v1' ‖ SHA-256 of the JCS form of all members but the signature.
    fn message(&self) -> Vec<u8> {
        let jcs = json::to_jcs(&Signed {
            v: self.v,
            host: &self.host,
            name: &self.name,
            key: &self.key,
            purposes: &self.purposes,
        });
        [&b"veilpass:platform:v1"[..], &Sha256::digest(jcs)].concat()
    }

    /// Checks the authority's signature and gives the platform's key.
    pub fn verify(&self, authority: &AuthorityKey) -> Result<VerifyingKey, DirectoryError> {
        if !authority.verify_message(&self.message(), &self.signature) {
            return Err(DirectoryError::Signature(self.host.clone()));
        }
        let key = VerifyingKey::from_bytes(&self.key).ok().filter(|key| !key.is_weak());
        key.ok_or_else(|| DirectoryError::Key(self.host.clone()))
    }

    /// Reads one entry, not verified yet.
    pub fn from_json(bytes: &[u8]) -> Result<PlatformEntry, DirectoryError> {
        json::parse(bytes).map_err(|e| DirectoryError::Syntax(e.to_string()))
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }
}

/// Reads `platforms.json`, the array of all hosts in ascending order.
pub fn read_hosts(bytes: &[u8]) -> Result<Vec<Host>, DirectoryError> {
    let hosts: Vec<Host> =
        serde_json::from_slice(bytes).map_err(|e| DirectoryError::Syntax(e.to_string()))?;
    match hosts.iter().zip(hosts.iter().skip(1)).find(|(a, b)| a >= b) {
        Some((_, late)) => Err(DirectoryError::Order(late.clone())),
        None => Ok(hosts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;

    #[test]
    fn entries() {
        let signer = AuthoritySigner::generate(&mut rand::thread_rng(), "id.example").unwrap();
        let key = SigningKey::from_bytes(&[3; 32]).verifying_key();
        let entry = PlatformEntry::issue(
            &signer,
            "forum.example".parse().unwrap(),
            "论坛",
            &key,
            vec!["age check".into()],
        );
        let read = PlatformEntry::from_json(entry.to_json().as_bytes()).unwrap();
        assert_eq!(read.verify(&signer.public()), Ok(key));
        let host: Host = "forum.example".parse().unwrap();
        for (from, to) in [("forum.example", "forun.example"), ("论坛", "银行"), ("age check", "log-in")]
        {
            let forged = PlatformEntry::from_json(entry.to_json().replace(from, to).as_bytes()).unwrap();
            assert!(matches!(forged.verify(&signer.public()), Err(DirectoryError::Signature(_))), "{to}");
        }
        let other = AuthoritySigner::generate(&mut rand::thread_rng(), "id.example").unwrap();
        assert_eq!(read.verify(&other.public()), Err(DirectoryError::Signature(host)));
        // The message by a second reading of the text.
        let mut value: serde_json::Value = serde_json::from_str(&entry.to_json()).unwrap();
        value.as_object_mut().unwrap().remove("signature");
        let jcs = serde_json_canonicalizer::to_vec(&value).unwrap();
        assert_eq!(entry.message(), [&b"veilpass:platform:v1"[..], &Sha256::digest(jcs)].concat());
    }

    #[test]
    fn host_lists() {
        assert_eq!(read_hosts(br#"["a.example","b.example"]"#).unwrap().len(), 2);
        assert!(read_hosts(b"[]").unwrap().is_empty());
        for bad in
            [r#"["b.example","a.example"]"#, r#"["a.example","a.example"]"#, r#"["A.example"]"#, "{}", "[] x"]
        {
            assert!(read_hosts(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
