//! The credential: what the authority gives the holder (public part, contract §4).

use crate::attributes::Attributes;
use crate::field::{Fr, serde_hex, to_bytes};
use crate::identity::leaf;
use crate::json::{self, base64url, object, version_1};
use crate::network_number::NetworkNumber;
use crate::note::{AuthorityKey, AuthoritySigner};
use serde::{Deserialize, Serialize};

/// A credential. It holds personal data but no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    #[serde(deserialize_with = "version_1")]
    v: u32,
    /// The authority's name.
    pub origin: String,
    /// The person's number at the authority.
    pub network_number: NetworkNumber,
    /// `C`.
    #[serde(with = "serde_hex")]
    pub identity_commitment: Fr,
    /// `D`.
    #[serde(with = "serde_hex")]
    pub device_commitment: Fr,
    /// `X`.
    #[serde(with = "serde_hex")]
    pub link: Fr,
    /// What is attested.
    #[serde(deserialize_with = "object")]
    pub attributes: Attributes,
    #[serde(with = "base64url")]
    signature: [u8; 64],
}

/// Bytes that are no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a credential: {0}")]
pub struct CredentialSyntax(pub String);

/// The authority's signature does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential is not signed by this authority")]
pub struct CredentialSignature;

impl Credential {
    /// Signs a credential with `X` = 0.
    pub fn issue(
        signer: &AuthoritySigner,
        number: NetworkNumber,
        identity_commitment: Fr,
        device_commitment: Fr,
        attributes: Attributes,
    ) -> Credential {
        let mut credential = Credential {
            v: 1,
            origin: signer.public().origin().to_owned(),
            network_number: number,
            identity_commitment,
            device_commitment,
            link: Fr::default(),
            attributes,
            signature: [0; 64],
        };
        credential.signature = signer.sign_message(&credential.message());
        credential
    }

    /// The leaf that the credential stands for.
    pub fn leaf(&self) -> Fr {
        leaf(&self.identity_commitment, &self.device_commitment, &self.attributes.pack(), &self.link)
    }

    /// 'veilpass:credential:v1' ‖ network number (10 ASCII) ‖ leaf (32).
    fn message(&self) -> Vec<u8> {
        [&b"veilpass:credential:v1"[..], self.network_number.as_str().as_bytes(), &to_bytes(&self.leaf())]
            .concat()
    }

    /// Checks origin and signature.
    pub fn verify(&self, authority: &AuthorityKey) -> Result<(), CredentialSignature> {
        if self.origin == authority.origin() && authority.verify_message(&self.message(), &self.signature) {
            Ok(())
        } else {
            Err(CredentialSignature)
        }
    }

    /// Reads the JSON form; ranges are checked, the signature is not.
    pub fn from_json(bytes: &[u8]) -> Result<Credential, CredentialSyntax> {
        let credential: Credential = json::parse(bytes).map_err(|e| CredentialSyntax(e.to_string()))?;
        credential.attributes.check().map_err(|e| CredentialSyntax(e.to_string()))?;
        Ok(credential)
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::tests::known;
    use crate::field::to_hex;

    #[test]
    fn issue_and_verify() {
        let signer = AuthoritySigner::generate(&mut rand::thread_rng(), "id.example/veilpass").unwrap();
        let one = crate::poseidon::hash(&[Fr::from(1u64)]);
        let two = crate::poseidon::hash(&[Fr::from(2u64)]);
        let credential = Credential::issue(&signer, "7K2M0QX4R3".parse().unwrap(), one, two, known());
        assert_eq!(
            to_hex(&credential.leaf()),
            "03489ee1b54bf2b48dbebd8f92e94409b6aa6b89102f4a0ff8347a7fb8876f88"
        );
        let text = credential.to_json();
        assert_eq!(Credential::from_json(text.as_bytes()), Ok(credential.clone()));
        assert_eq!(credential.verify(&signer.public()), Ok(()));
        for (from, to) in [
            ("1999-11-13", "2009-11-13"),
            ("7K2M0QX4R3", "0000000000"),
            ("\"male\"", "\"female\""),
            ("id.example", "ie.example"),
        ] {
            let to = if to == "0000000000" {
                NetworkNumber::from_body("000000000").unwrap().to_string()
            } else {
                to.into()
            };
            let forged = Credential::from_json(text.replace(from, &to).as_bytes()).unwrap();
            assert_eq!(forged.verify(&signer.public()), Err(CredentialSignature), "{to}");
        }
        assert!(Credential::from_json(text.replace("156", "1000").as_bytes()).is_err());
        assert!(Credential::from_json(text.replace("\"v\":1", "\"v\":2").as_bytes()).is_err());
    }
}
