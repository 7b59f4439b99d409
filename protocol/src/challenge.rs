//! The transport's handover and the challenge that binds a proof to it (contract §2).

use crate::field::{Fr, from_digest};
use crate::json::{base64url, serde_as_text};
use minicbor::Encoder;
use minicbor::encode::Error;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A platform's nonce: 16 to 32 random bytes, in base64url. Kept as the text that was sent, because
/// the handover hashes that text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(String);

/// A nonce that is not 16–32 bytes in base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a nonce is 16-32 bytes in base64url without padding")]
pub struct InvalidNonce;

impl Nonce {
    /// From random bytes, 16 to 32 of them.
    pub fn new(bytes: &[u8]) -> Result<Nonce, InvalidNonce> {
        if !(16..=32).contains(&bytes.len()) {
            return Err(InvalidNonce);
        }
        Ok(Nonce(base64url::encode(bytes)))
    }

    /// The text as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Nonce {
    type Err = InvalidNonce;

    fn from_str(text: &str) -> Result<Nonce, InvalidNonce> {
        Nonce::new(&base64url::decode(text).ok_or(InvalidNonce)?)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(Nonce);

/// The handover of OpenID4VP 1.0 (appendix B.2.6.1) without response encryption: CBOR of
/// `["OpenID4VPHandover", SHA-256(CBOR [client_id, nonce, null, response_uri])]`, shortest lengths.
pub fn handover(client_id: &str, nonce: &Nonce, response_uri: &str) -> Vec<u8> {
    let encode = || -> Result<Vec<u8>, Error<Infallible>> {
        let mut info = Encoder::new(Vec::new());
        info.array(4)?.str(client_id)?.str(nonce.as_str())?.null()?.str(response_uri)?;
        let mut out = Encoder::new(Vec::new());
        out.array(2)?.str("OpenID4VPHandover")?.bytes(&Sha256::digest(info.into_writer()))?;
        Ok(out.into_writer())
    };
    // Writing into a Vec cannot fail (its error type has no value).
    encode().unwrap_or_default()
}

/// First 31 bytes of SHA-256("veilpass:challenge:v1" ‖ u32 len ‖ handover).
pub fn challenge(handover: &[u8]) -> Fr {
    let digest = Sha256::new()
        .chain_update("veilpass:challenge:v1")
        .chain_update((handover.len() as u32).to_be_bytes())
        .chain_update(handover)
        .finalize();
    from_digest(&digest.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::to_hex;

    #[test]
    fn known_challenge() {
        let h = handover(
            "forum.example",
            &"AAECAwQFBgcICQoLDA0ODw".parse().unwrap(),
            "https://forum.example/v1/requests/0f8c1d/presentation",
        );
        assert_eq!(
            hex::encode(&h),
            "82714f70656e494434565048616e646f7665725820dbe56a7c02ffe6c9f96f5f004067970dd1b0a1a587d4b6b7b306b8e4c0afce52"
        );
        assert_eq!(
            to_hex(&challenge(&h)),
            "00c598d53e108e825b8cca14bbb4ffc3504c1e354dd8c9e99b8d319ee5b8069a"
        );
    }

    #[test]
    fn nonces() {
        assert!(
            Nonce::new(&[0; 15]).is_err() && Nonce::new(&[0; 33]).is_err() && Nonce::new(&[0; 32]).is_ok()
        );
        for bad in ["AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODx", "AAEC", "AAECAwQFBgcICQoLDA0OD+"] {
            assert!(bad.parse::<Nonce>().is_err(), "{bad}");
        }
    }

    /// Any change of the three parts changes the challenge, also moving a byte from one to the next.
    #[test]
    fn parts_do_not_run_into_each_other() {
        let n: Nonce = "AAECAwQFBgcICQoLDA0ODw".parse().unwrap();
        assert_ne!(handover("ab", &n, "c"), handover("a", &n, "bc"));
    }
}
