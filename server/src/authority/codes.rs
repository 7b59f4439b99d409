//! One-time codes: what a registrar hands to a person so that their wallet may do one operation
//! (protocol.md, "Enrolment" 2). 128 random bits, shown once, stored hashed.
//!
//! People read codes from paper and type them: 26 characters of Crockford's base32 in groups of four.
//! When read, case, `-` and spaces do not count, `O` is 0, `I` and `L` are 1.

use rand::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code: 130 bits, of which the first two are zero.
const CHARACTERS: usize = 26;
/// Longest text that is looked at; separators included.
const LONGEST: usize = 100;

/// A one-time code.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct OneTimeCode([u8; 16]);

impl OneTimeCode {
    /// Draws a new one.
    pub fn generate<R: RngCore + CryptoRng>(rng: &mut R) -> OneTimeCode {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        OneTimeCode(bytes)
    }

    /// Reads what somebody typed; `None` if it can be no code.
    pub fn read(text: &str) -> Option<OneTimeCode> {
        if text.len() > LONGEST {
            return None;
        }
        let (mut number, mut count) = (0u128, 0);
        for c in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
            let c = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = ALPHABET.iter().position(|a| char::from(*a) == c)?;
            // 26 characters hold 130 bits: the first must leave the two highest empty.
            if count == 0 && value >= 8 {
                return None;
            }
            number = number << 5 | value as u128;
            count += 1;
        }
        (count == CHARACTERS).then(|| OneTimeCode(number.to_be_bytes()))
    }

    /// The form that people see: `7ZZZ-…`, six groups of four characters and one of two.
    pub fn as_text(&self) -> Zeroizing<String> {
        let number = u128::from_be_bytes(self.0);
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + CHARACTERS / 4));
        for i in 0..CHARACTERS {
            if i > 0 && i % 4 == 0 {
                text.push('-');
            }
            let value = (number >> (5 * (CHARACTERS - 1 - i))) & 31;
            text.push(ALPHABET.get(value as usize).map_or('0', |c| char::from(*c)));
        }
        text
    }

    /// What is stored of it: SHA-256("veilpass:code:v1" ‖ 16 bytes). 128 random bits need no salt.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update("veilpass:code:v1").chain_update(self.0).finalize().into()
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    /// Known values, worked out by hand: all ones are `7` and 25 times `Z`.
    #[test]
    fn known_texts() {
        assert_eq!(*OneTimeCode([0xff; 16]).as_text(), "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ");
        assert_eq!(*OneTimeCode([0; 16]).as_text(), "0000-0000-0000-0000-0000-0000-00");
        let mut one = [0; 16];
        one[15] = 33;
        assert_eq!(*OneTimeCode(one).as_text(), "0000-0000-0000-0000-0000-0000-11");
    }

    #[test]
    fn reads_what_it_writes_and_what_people_make_of_it() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..200 {
            let code = OneTimeCode::generate(&mut rng);
            let text = code.as_text();
            assert_eq!(OneTimeCode::read(&text).unwrap(), code);
            let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            assert_eq!(OneTimeCode::read(&sloppy).unwrap(), code, "{sloppy}");
            assert_eq!(OneTimeCode::read(&text.replace('-', "").replace('1', "I")).unwrap(), code);
        }
    }

    #[test]
    fn refuses_what_is_no_code() {
        let good = "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ";
        assert!(OneTimeCode::read(good).is_some());
        for bad in [
            "",
            &good[1..],
            &format!("{good}0"),
            &good.replacen('7', "8", 1), // 129 bits
            &good.replacen('Z', "U", 1), // not in the alphabet
            &good.replacen('Z', "_", 1),
            &good.replacen('Z', "\u{ff3a}", 1), // full-width Z
            &format!("{good}{}", "-".repeat(100)),
        ] {
            assert!(OneTimeCode::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn neither_debug_nor_the_stored_hash_show_it() {
        let code = OneTimeCode([7; 16]);
        assert_eq!(format!("{code:?}"), "OneTimeCode(…)");
        assert_ne!(code.hash(), OneTimeCode([8; 16]).hash());
        let by_hand: [u8; 32] = Sha256::digest([&b"veilpass:code:v1"[..], &[7; 16]].concat()).into();
        assert_eq!(code.hash(), by_hand);
    }
}
