//! A presentation: what a wallet sends (contract §4). JSON, or 201 bytes.

use crate::circuit_id::CircuitId;
use crate::field::{Fr, from_bytes, from_hex, to_bytes, to_hex};
use crate::json::{self, base64url};
use crate::scope::MAX_PERIOD as MAX_INTEGER;
use serde::{Deserialize, Serialize};

/// Length of a Groth16 proof over BN254: A 32, B 64, C 32 bytes, compressed.
pub const PROOF_BYTES: usize = 128;
/// Length of the binary form.
pub const BINARY_BYTES: usize = 201;
/// Longest JSON form that is read.
pub const MAX_JSON: usize = 4096;
/// What a wallet sends when there is no presentation: the same bytes whatever the reason.
pub const DECLINE: &str = r#"{"v":1,"declined":true}"#;

/// Why bytes are no presentation; blame: malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresentationError {
    /// Neither form (`presentation_syntax`).
    #[error("not a presentation: {0}")]
    Syntax(String),
    /// Another version (`version_unsupported`).
    #[error("a presentation of another version")]
    VersionUnsupported,
    /// A value that is not in its one encoding (`not_canonical`): a number ≥ r, a wrong length, other
    /// digits.
    #[error("`{0}` is not in its canonical encoding")]
    NotCanonical(&'static str),
}

/// A proof and what the verifier needs to find its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentation {
    /// The verifying key that it was made for.
    pub circuit: CircuitId,
    /// Number of the epoch whose root was used.
    pub epoch: u64,
    /// The pseudonym.
    pub pseudonym: Fr,
    /// Groth16 proof, not decoded yet: points are checked where the proof is.
    pub proof: [u8; PROOF_BYTES],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    v: u64,
    circuit: String,
    epoch: u64,
    pseudonym: String,
    proof: String,
}

/// Just the version, of whatever object.
#[derive(Deserialize)]
struct Version {
    v: u64,
}

impl Presentation {
    /// Reads either form: JSON begins with a brace or white space, binary with the byte 1.
    pub fn read(bytes: &[u8]) -> Result<Presentation, PresentationError> {
        match bytes.first() {
            Some(b'{' | b' ' | b'\t' | b'\n' | b'\r') => Presentation::from_json(bytes),
            _ => Presentation::from_binary(bytes),
        }
    }

    /// Reads the JSON form.
    pub fn from_json(bytes: &[u8]) -> Result<Presentation, PresentationError> {
        let syntax = |what: String| PresentationError::Syntax(what);
        if bytes.len() > MAX_JSON {
            return Err(syntax(format!("longer than {MAX_JSON} bytes")));
        }
        if json::parse::<Version>(bytes).is_ok_and(|version| version.v != 1) {
            return Err(PresentationError::VersionUnsupported);
        }
        let j: Json = json::parse(bytes).map_err(|e| syntax(e.to_string()))?;
        if j.epoch > MAX_INTEGER {
            return Err(syntax("`epoch` is above 2^53 - 1".into()));
        }
        let circuit = j.circuit.parse().map_err(|_| PresentationError::NotCanonical("circuit"))?;
        let pseudonym = from_hex(&j.pseudonym).map_err(|_| PresentationError::NotCanonical("pseudonym"))?;
        let proof = base64url::decode(&j.proof).and_then(|bytes| bytes.try_into().ok());
        let proof = proof.ok_or(PresentationError::NotCanonical("proof"))?;
        Ok(Presentation { circuit, epoch: j.epoch, pseudonym, proof })
    }

    /// Reads `01 ‖ circuit 32 ‖ epoch u64 ‖ pseudonym 32 ‖ proof 128`.
    pub fn from_binary(bytes: &[u8]) -> Result<Presentation, PresentationError> {
        match bytes.first() {
            Some(1) => (),
            Some(_) if bytes.len() == BINARY_BYTES => {
                return Err(PresentationError::VersionUnsupported);
            }
            _ => {
                return Err(PresentationError::Syntax("neither JSON nor 201 bytes that begin with 1".into()));
            }
        }
        let mut rest = bytes.get(1..).unwrap_or_default();
        let parts = (take(&mut rest), take(&mut rest), take(&mut rest), take(&mut rest), rest.is_empty());
        let (Some(circuit), Some(epoch), Some(pseudonym), Some(proof), true) = parts else {
            return Err(PresentationError::Syntax(format!(
                "{} bytes instead of {BINARY_BYTES}",
                bytes.len()
            )));
        };
        let pseudonym = from_bytes(&pseudonym).map_err(|_| PresentationError::NotCanonical("pseudonym"))?;
        Ok(Presentation { circuit: CircuitId(circuit), epoch: u64::from_be_bytes(epoch), pseudonym, proof })
    }

    /// The JSON form; its length depends on the number of digits of `epoch` alone.
    pub fn to_json(&self) -> String {
        json::to_string(&Json {
            v: 1,
            circuit: self.circuit.to_string(),
            epoch: self.epoch,
            pseudonym: to_hex(&self.pseudonym),
            proof: base64url::encode(&self.proof),
        })
    }

    /// The binary form.
    pub fn to_binary(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BINARY_BYTES);
        out.push(1);
        out.extend(self.circuit.0);
        out.extend(self.epoch.to_be_bytes());
        out.extend(to_bytes(&self.pseudonym));
        out.extend(self.proof);
        out
    }
}

/// Takes the next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Presentation {
        Presentation {
            circuit: CircuitId([9; 32]),
            epoch: 7,
            pseudonym: Fr::from(5u64),
            proof: std::array::from_fn(|i| i as u8),
        }
    }

    #[test]
    fn both_forms_round_trip() {
        let p = sample();
        assert_eq!(p.to_binary().len(), BINARY_BYTES);
        assert_eq!(Presentation::read(&p.to_binary()), Ok(p.clone()));
        assert_eq!(Presentation::read(p.to_json().as_bytes()), Ok(p.clone()));
        let proof = base64url::encode(&p.proof);
        assert_eq!(proof.len(), 171);
        assert_eq!(
            p.to_json(),
            format!(
                r#"{{"v":1,"circuit":"{}","epoch":7,"pseudonym":"{}","proof":"{proof}"}}"#,
                "09".repeat(32),
                to_hex(&p.pseudonym)
            )
        );
    }

    #[test]
    fn each_error_by_its_name() {
        let text = sample().to_json();
        let read = |from: &str, to: &str| {
            assert!(text.contains(from));
            Presentation::read(text.replacen(from, to, 1).as_bytes()).unwrap_err()
        };
        assert_eq!(read("\"v\":1", "\"v\":2,\"other\":[]"), PresentationError::VersionUnsupported);
        assert_eq!(read("\"v\":1", "\"v\":0"), PresentationError::VersionUnsupported);
        for (from, to) in [
            ("\"v\":1", "\"v\":\"1\""),
            ("\"v\":1,", ""),
            ("\"v\":1", "\"v\":1,\"v\":1"),
            ("7", "-7"),
            ("7", "9007199254740992"),
            ("\"epoch\":7,", ""),
            ("}", "} {"),
        ] {
            assert!(matches!(read(from, to), PresentationError::Syntax(_)), "{from} -> {to}");
        }
        let r = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
        let u = to_hex(&sample().pseudonym);
        for bad in [r, &u[1..], &format!("{}G", &u[1..]), "F".repeat(64).as_str()] {
            assert_eq!(read(&u, bad), PresentationError::NotCanonical("pseudonym"));
        }
        assert_eq!(read("proof\":\"", "proof\":\"A"), PresentationError::NotCanonical("proof"));
        assert_eq!(read("circuit\":\"09", "circuit\":\"0F"), PresentationError::NotCanonical("circuit"));
        assert!(matches!(Presentation::read(DECLINE.as_bytes()), Err(PresentationError::Syntax(_))));
        assert!(matches!(Presentation::read(b""), Err(PresentationError::Syntax(_))));
        let good = sample().to_binary();
        assert!(matches!(Presentation::read(&good[..200]), Err(PresentationError::Syntax(_))));
        assert!(matches!(
            Presentation::read(&[good.clone(), vec![0]].concat()),
            Err(PresentationError::Syntax(_))
        ));
        let mut other = good.clone();
        other[0] = 2;
        assert_eq!(Presentation::read(&other), Err(PresentationError::VersionUnsupported));
        let mut big = good;
        big[41] = 0xff;
        assert_eq!(Presentation::read(&big), Err(PresentationError::NotCanonical("pseudonym")));
    }
}
