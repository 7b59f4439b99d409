//! Who a person is to the registry: a keyed fingerprint, and nothing else (protocol.md, "Enrolment" 1).
//!
//! `person_fp` = HMAC-SHA-256(key, u32 key version ‖ person key). The key lies outside the database:
//! resident numbers have so little entropy that a bare hash could be turned back into all of them.

use hmac::{Hmac, Mac};
use rand::{CryptoRng, RngCore};
use sha2::Sha256;
use std::fmt;
use veilpass_protocol::attributes::{DocumentClass, Sex};
use veilpass_protocol::day::Day;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What identifies a person across documents: u8 kind, then each part as u16 length ‖ bytes, so that
/// no two persons share an encoding whatever their documents say. It exists only while a document is
/// examined.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PersonKey(Vec<u8>);

impl PersonKey {
    /// Kind 1: the resident number, wherever it can be had.
    pub fn of_resident_number(number: &str) -> PersonKey {
        PersonKey::encode(1, &[number.as_bytes()])
    }

    /// Kind 2: issuing state (letters of the zone) ‖ personal number, where the field holds one.
    pub fn of_personal_number(state: &str, number: &str) -> PersonKey {
        PersonKey::encode(2, &[state.as_bytes(), number.as_bytes()])
    }

    /// Kind 3: issuing state ‖ u32 birth date ‖ u8 sex ‖ name as the zone prints it.
    pub fn of_name(state: &str, birth_date: Day, sex: Sex, name: &str) -> PersonKey {
        let (birth, sex) = (birth_date.number().to_be_bytes(), [sex.number()]);
        PersonKey::encode(3, &[state.as_bytes(), &birth, &sex, name.as_bytes()])
    }

    /// Kind 4, import rows without a resident number: u16 nationality ‖ u8 document class ‖ number.
    pub fn of_document(nationality: u16, class: DocumentClass, number: &str) -> PersonKey {
        PersonKey::encode(4, &[&nationality.to_be_bytes(), &[class.number()], number.as_bytes()])
    }

    /// Parts are lines of a zone or numbers of at most 32 characters: their lengths fit 16 bits.
    fn encode(kind: u8, parts: &[&[u8]]) -> PersonKey {
        let mut out = vec![kind];
        for part in parts {
            out.extend_from_slice(&(part.len() as u16).to_be_bytes());
            out.extend_from_slice(part);
        }
        PersonKey(out)
    }
}

/// Whose a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The person.
    pub person: PersonKey,
    /// Under whom the same document was enrolled before the rule changed ([ADR 14]), where that is somebody else.
    ///
    /// [ADR 14]: ../../../docs/adr/0014-the-person-behind-a-passport.md
    pub former: Option<PersonKey>,
}

/// The fingerprints of [`Identified`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprints {
    /// The person's.
    pub person: PersonFp,
    /// The one that they may be on record under.
    pub former: Option<PersonFp>,
}

impl From<PersonKey> for Identified {
    fn from(person: PersonKey) -> Identified {
        Identified { person, former: None }
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey(…)")
    }
}

/// The fingerprint under which the registry knows a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonFp(pub [u8; 32]);

/// The key of all fingerprints and its version.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FingerprintKey {
    version: u32,
    key: [u8; 32],
}

/// A text that is no fingerprint key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint key file")]
pub struct InvalidFingerprintKey;

const HEADER: &str = "veilpass fingerprint key v1";

impl FingerprintKey {
    /// Draws the first key of a registry: version 1.
    pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> FingerprintKey {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        FingerprintKey { version: 1, key }
    }

    /// The fingerprints of whoever a document belongs to.
    pub fn fingerprints(&self, identified: &Identified) -> Fingerprints {
        Fingerprints {
            person: self.fingerprint(&identified.person),
            former: identified.former.as_ref().map(|former| self.fingerprint(former)),
        }
    }

    /// The fingerprint of a person.
    pub fn fingerprint(&self, person: &PersonKey) -> PersonFp {
        PersonFp(self.mac(&person.0))
    }

    /// A value that only this key gives, kept in the database: with another key file everybody could
    /// enrol a second time unnoticed. Kind 0 is no person's.
    pub fn check_value(&self) -> [u8; 32] {
        self.mac(&[0])
    }

    fn mac(&self, data: &[u8]) -> [u8; 32] {
        // A key shorter than the block is filled up with zeros (RFC 2104, section 2).
        let mut block = Zeroizing::new([0u8; 64]);
        block.iter_mut().zip(self.key).for_each(|(to, from)| *to = from);
        <Hmac<Sha256> as Mac>::new((&*block).into())
            .chain_update(self.version.to_be_bytes())
            .chain_update(data)
            .finalize()
            .into_bytes()
            .into()
    }

    /// The file form: three lines.
    pub fn to_text(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(hex::encode(self.key));
        Zeroizing::new(format!("{HEADER}\nversion {}\n{}\n", self.version, *key))
    }

    /// Reads the file form.
    pub fn from_text(text: &str) -> Result<FingerprintKey, InvalidFingerprintKey> {
        let mut lines = text.lines();
        let (Some(HEADER), Some(version), Some(key), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(InvalidFingerprintKey);
        };
        let version =
            version.strip_prefix("version ").and_then(|v| v.parse().ok()).ok_or(InvalidFingerprintKey)?;
        let key = veilpass_protocol::field::hex32(key).ok_or(InvalidFingerprintKey)?;
        Ok(FingerprintKey { version, key })
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FingerprintKey(version {}, …)", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> FingerprintKey {
        FingerprintKey { version: 1, key: [0x0b; 32] }
    }

    /// HMAC from its definition (RFC 2104), over the encoding spelt out byte by byte.
    #[test]
    fn fingerprint_by_the_definition() {
        use sha2::Digest;
        let message = [&[0, 0, 0, 1, 1, 0, 18][..], b"440301199911130013"].concat();
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            block[..32].iter_mut().for_each(|b| *b ^= 0x0b);
            block
        };
        let inner = Sha256::digest([&pad(0x36)[..], &message].concat());
        let outer: [u8; 32] = Sha256::digest([&pad(0x5c)[..], &inner].concat()).into();
        let person = PersonKey::of_resident_number("440301199911130013");
        assert_eq!(key().fingerprint(&person), PersonFp(outer));
    }

    #[test]
    fn no_two_persons_share_an_encoding() {
        let day = "1974-08-12".parse().unwrap();
        let class = DocumentClass::ForeignPassport;
        let all = [
            PersonKey::of_resident_number("AB1"),
            PersonKey::of_personal_number("AB", "1"),
            PersonKey::of_personal_number("A", "B1"),
            PersonKey::of_name("AB", day, Sex::Male, "1"),
            PersonKey::of_name("AB", day, Sex::Female, "1"),
            PersonKey::of_document(250, class, "AB1"),
            PersonKey::of_document(251, class, "AB1"),
            PersonKey::of_document(250, DocumentClass::PermanentResidence, "AB1"),
        ];
        for (i, a) in all.iter().enumerate() {
            assert_eq!(all.iter().filter(|b| *b == a).count(), 1, "{i}");
            assert_ne!(key().fingerprint(a).0, key().check_value());
        }
        let next = FingerprintKey { version: 2, ..key() };
        assert_ne!(next.fingerprint(&all[0]), key().fingerprint(&all[0]));
    }

    #[test]
    fn file_form() {
        let text = key().to_text().to_string();
        assert_eq!(*FingerprintKey::from_text(&text).unwrap().to_text(), text);
        for bad in [
            &text[1..],
            &text.replace("version 1", "version -1"),
            &text.replace("0b", "0B"),
            &format!("{text}x"),
            "",
        ] {
            assert!(FingerprintKey::from_text(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", key()).contains("0b0b"));
        assert_eq!(format!("{:?}", PersonKey::of_resident_number("1")), "PersonKey(…)");
    }
}
