//! The Network Number: the handle between a person and the authority. It identifies and never
//! authenticates, and stands in no proof, no tree and no message to a platform.

use crate::json::serde_as_text;
use rand::{CryptoRng, Rng, RngCore};
use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Nine characters of `0-9A-Z` and the check character of ISO 7064 MOD 37,36.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkNumber([u8; 10]);

/// A text that is no Network Number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNetworkNumber {
    /// Not as many characters of `0-9A-Z` as there should be.
    #[error("a Network Number is 9 characters of 0-9A-Z and a check character")]
    Form,
    /// The check character does not fit: a digit was misread.
    #[error("the check character does not fit: please compare the number again")]
    Check,
}

/// ISO 7064, hybrid system MOD 37,36: the check character for nine characters of the alphabet.
fn check_character(body: &[u8]) -> Option<u8> {
    let mut p = 36;
    for c in body {
        let value = ALPHABET.iter().position(|a| a == c)?;
        let sum = match (p + value) % 36 {
            0 => 36,
            s => s,
        };
        p = sum * 2 % 37;
    }
    ALPHABET.get((37 - p) % 36).copied()
}

impl NetworkNumber {
    /// From the nine characters before the check character.
    pub fn from_body(body: &str) -> Result<NetworkNumber, InvalidNetworkNumber> {
        let bytes = <[u8; 9]>::try_from(body.as_bytes()).map_err(|_| InvalidNetworkNumber::Form)?;
        let check = check_character(&bytes).ok_or(InvalidNetworkNumber::Form)?;
        let mut out = [check; 10];
        for (to, from) in out.iter_mut().zip(bytes) {
            *to = from;
        }
        Ok(NetworkNumber(out))
    }

    /// Draws one uniformly (36^9 ≈ 10^14); the authority sees to it that it is new.
    pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> NetworkNumber {
        let mut body = [0u8; 9];
        for c in &mut body {
            *c = ALPHABET.get(rng.gen_range(0..ALPHABET.len())).copied().unwrap_or_default();
        }
        let check = check_character(&body).unwrap_or_default();
        let mut out = [check; 10];
        for (to, from) in out.iter_mut().zip(body) {
            *to = from;
        }
        NetworkNumber(out)
    }

    /// The ten characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for NetworkNumber {
    type Err = InvalidNetworkNumber;

    fn from_str(text: &str) -> Result<NetworkNumber, InvalidNetworkNumber> {
        let body = text.get(..9).filter(|_| text.len() == 10).ok_or(InvalidNetworkNumber::Form)?;
        let number = NetworkNumber::from_body(body)?;
        if !text.bytes().all(|b| ALPHABET.contains(&b)) {
            return Err(InvalidNetworkNumber::Form);
        }
        if number.as_str() == text { Ok(number) } else { Err(InvalidNetworkNumber::Check) }
    }
}

impl fmt::Display for NetworkNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NetworkNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkNumber(…)")
    }
}

serde_as_text!(NetworkNumber);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_number() {
        assert_eq!(NetworkNumber::from_body("7K2M0QX4R").unwrap().as_str(), "7K2M0QX4R3");
        assert!("7K2M0QX4R3".parse::<NetworkNumber>().is_ok());
        assert_eq!("7K2M0QX4R4".parse::<NetworkNumber>(), Err(InvalidNetworkNumber::Check));
        for bad in ["7k2m0qx4r3", "7K2M0QX4R", "7K2M0QX4R33", "7K2M0QX4Ré", "7K2M0QX4R-", ""] {
            assert_eq!(bad.parse::<NetworkNumber>(), Err(InvalidNetworkNumber::Form), "{bad}");
        }
    }

    /// What the check character is for: every single wrong character is noticed.
    #[test]
    fn single_errors_are_noticed() {
        let number = NetworkNumber::generate(&mut rand::thread_rng());
        for i in 0..10 {
            for c in ALPHABET {
                let mut other = number.0;
                other[i] = *c;
                let text = String::from_utf8(other.to_vec()).unwrap();
                assert_eq!(text.parse::<NetworkNumber>().is_ok(), other == number.0, "{text}");
            }
        }
    }
}
