//! Resident numbers (GB 11643), of three kinds of document ([ADR 13]). The first digits say which:
//!
//! | digits | document |
//! |---|---|
//! | 1-6 are a region of a province | resident card of a citizen |
//! | 1-2 are 81, 82, 83 (or 71) | residence permit of somebody from Hong Kong, Macao or Taiwan |
//! | 1 is 9, 2-3 a province, 4-6 a state (ISO 3166-1) | permanent residence card of a foreigner, form of 2023 |
//!
//! Birth date, order number and check character stand in the same places in all three.
//!
//! [ADR 13]: ../../../docs/adr/0013-whose-a-resident-number-is.md

use super::countries;
use super::documents::DocumentError;
use super::person::{Identified, PersonKey};
use std::ops::Range;
use std::sync::OnceLock;
use veilpass_protocol::attributes::{DocumentClass, Sex};
use veilpass_protocol::day::Day;

/// ISO 3166-1 numeric code of China: of citizens, and of people from Hong Kong, Macao and Taiwan who hold
/// permits (they are Chinese citizens by the permits' own rules).
pub const CHINA: u16 = 156;
/// Codes of ISO 3166-1 that are no foreign state's: China, Taiwan, Hong Kong, Macao.
const NOT_FOREIGN: [u16; 4] = [CHINA, 158, 344, 446];

/// What a resident number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResidentNumber {
    /// Date of birth.
    pub birth_date: Day,
    /// Sex: an odd order number is male.
    pub sex: Sex,
    /// The document that bears such a number.
    pub document_class: DocumentClass,
    /// ISO 3166-1 numeric code.
    pub nationality: u16,
    /// Two digits of GB/T 2260: of the region; for a foreigner, of the province that they applied in.
    pub province: u8,
}

/// Reads a resident number. Only the capital `X` is accepted, and no other digits than `0-9`: one person,
/// one spelling, so that nobody is two persons under two spellings.
pub fn resident_number(number: &str) -> Result<ResidentNumber, DocumentError> {
    let digits = number.get(..17).filter(|_| has_form(number)).ok_or(DocumentError::ResidentNumber)?;
    if number.chars().last() != check_character(digits) {
        return Err(DocumentError::NumberCheck);
    }
    let part = |range: Range<usize>| {
        digits.get(range).and_then(|part| part.parse::<u16>().ok()).ok_or(DocumentError::ResidentNumber)
    };
    let (document_class, nationality, province) = match part(0..2)? {
        90..=99 => (DocumentClass::PermanentResidence, part(3..6)?, part(1..3)?),
        region @ (71 | 81..=83) => (DocumentClass::ResidencePermit, CHINA, region),
        region => (DocumentClass::ResidentCard, CHINA, region),
    };
    let foreign = document_class == DocumentClass::PermanentResidence;
    if document_class != DocumentClass::ResidencePermit && !is_province(province) {
        return Err(DocumentError::NumberProvince);
    }
    if foreign && !is_foreign(nationality) {
        return Err(DocumentError::NumberNationality);
    }
    let (month, day) = (part(10..12)? as u8, part(12..14)? as u8);
    let birth_date = Day::from_ymd(i32::from(part(6..10)?), month, day).ok_or(DocumentError::NumberDate)?;
    let sex = if part(16..17)? % 2 == 1 { Sex::Male } else { Sex::Female };
    Ok(ResidentNumber { birth_date, sex, document_class, nationality, province: province as u8 })
}

impl ResidentNumber {
    /// Whose number it is.
    pub fn identified(&self, number: &str) -> Identified {
        // Before ADR 13 a permanent residence card was known by nationality, class and number.
        let class = DocumentClass::PermanentResidence;
        let former = || PersonKey::of_document(self.nationality, class, number);
        let person = PersonKey::of_resident_number(number);
        Identified { person, former: (self.document_class == class).then(former) }
    }
}

/// Whether a number of ISO 3166-1 is a foreign state's.
pub fn is_foreign(nationality: u16) -> bool {
    countries::is_assigned(nationality) && !NOT_FOREIGN.contains(&nationality)
}

/// Whether a text has the form of a resident number: 17 digits and a digit or `X`.
pub fn has_form(number: &str) -> bool {
    let bytes = number.as_bytes();
    let digits = bytes.iter().take(17).all(u8::is_ascii_digit);
    bytes.len() == 18 && digits && matches!(bytes.last(), Some(b'0'..=b'9' | b'X'))
}

/// ISO 7064 MOD 11-2 over digits.
fn check_character(digits: &str) -> Option<char> {
    let sum = digits.chars().try_fold(0, |p, c| Some((p + c.to_digit(10)?) * 2 % 11))?;
    match (12 - sum) % 11 {
        10 => Some('X'),
        check => char::from_digit(check, 10),
    }
}

/// Whether two digits are those of a province of GB/T 2260 that issues resident cards. Only the province is
/// judged: the list of the `id-card` crate lacks codes that cards were issued under (440301 is Shenzhen, 441900
/// Dongguan), and a card's holder must not be turned away for a gap in a list.
fn is_province(province: u16) -> bool {
    static PROVINCES: [OnceLock<bool>; 100] = [const { OnceLock::new() }; 100];
    let listed = |rest: u32| {
        let digits = format!("{province:02}{rest:04}19900101001");
        check_character(&digits).is_some_and(|check| id_card::validate(&format!("{digits}{check}")))
    };
    let known = || (11..=65).contains(&province) && (0..10_000).any(listed);
    PROVINCES.get(usize::from(province)).is_some_and(|p| *p.get_or_init(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn with_check(digits: &str) -> String {
        format!("{digits}{}", check_character(digits).unwrap())
    }

    /// The numbers of contract §3, and the example of GB 11643.
    #[test]
    fn known_resident_numbers() {
        let card = |birth, sex, province| ResidentNumber {
            birth_date: day(birth),
            sex,
            document_class: DocumentClass::ResidentCard,
            nationality: CHINA,
            province,
        };
        assert_eq!(resident_number("440301199911130013"), Ok(card("1999-11-13", Sex::Male, 44)));
        assert_eq!(resident_number("11010519491231002X"), Ok(card("1949-12-31", Sex::Female, 11)));
    }

    /// Published samples: two residence permits of the Beijing police as the package `id-validator` quotes
    /// them (1.0.13), and the permanent residence card in the tests of the library Hutool (`IdcardUtilTest`).
    #[test]
    fn samples_of_other_documents() {
        let permit = DocumentClass::ResidencePermit;
        let card = DocumentClass::PermanentResidence;
        for (number, birth, sex, class, nationality, province) in [
            ("810000199408230021", "1994-08-23", Sex::Female, permit, 156, 81),
            ("830000199201300022", "1992-01-30", Sex::Female, permit, 156, 83),
            ("932682198501010017", "1985-01-01", Sex::Male, card, 682, 32),
        ] {
            let read = resident_number(number).unwrap();
            assert_eq!((read.birth_date, read.sex), (day(birth), sex), "{number}");
            assert_eq!(
                (read.document_class, read.nationality, read.province),
                (class, nationality, province),
                "{number}"
            );
        }
    }

    /// Each way of writing that is not the one form is refused for its form, with words that name it.
    #[test]
    fn other_ways_to_write_a_number() {
        for bad in [
            "11010519491231002x",        // small letter
            "11010519491231002\u{ff38}", // full-width X
            "11010519491231002\u{2169}", // Roman numeral ten
            "11010519491231002\u{0425}", // Cyrillic
            "44030119991113001",         // length
            "4403011999111300133",       // length
            "440301991113001",           // the old form of 15 digits
            "CAN110081080310",           // the old form of permanent residence cards
            "44030119991113001\u{ff13}", // full-width digit
            "44030119991113001\u{0663}", // Arabic digit
            "440301 19991113 0013",
            "440301-19991113-0013",
            "440301\u{2011}19991113\u{2011}0013",
            "440301199911130013\u{a0}",
            "440301199911130013\n",
            "\u{feff}440301199911130013",
            "+40301199911130013",
            "X40301199911130013",
            "",
            " 440301199911130013",
        ] {
            assert_eq!(resident_number(bad), Err(DocumentError::ResidentNumber), "{bad:?}");
            assert!(!has_form(bad), "{bad:?}");
        }
        let words = DocumentError::ResidentNumber.to_string();
        for word in ["18 characters", "17 digits", "capital X", "no space", "full-width"] {
            assert!(words.contains(word), "{words}");
        }
    }

    /// Every fault behind the form has a name of its own.
    #[test]
    fn what_is_wrong_with_a_number() {
        use DocumentError::*;
        assert_eq!(resident_number("110105194912310021"), Err(NumberCheck));
        for (digits, fault) in [
            ("44030119990229001", NumberDate),
            ("44030119991301001", NumberDate),
            ("44030117991231001", NumberDate),
            ("81000019990229001", NumberDate),
            ("91112419990229001", NumberDate),
            ("00000019991113001", NumberProvince),
            ("16010119991113001", NumberProvince),
            ("84000019991113001", NumberProvince),
            ("99030119991113001", NumberProvince), // 90 is no province
            ("98100119991113001", NumberProvince), // nobody applies in Hong Kong
            ("91115619991113001", NumberNationality),
            ("91115819991113001", NumberNationality),
            ("91134419991113001", NumberNationality),
            ("91144619991113001", NumberNationality),
            ("91100019991113001", NumberNationality),
            ("91199919991113001", NumberNationality),
        ] {
            assert_eq!(resident_number(&with_check(digits)), Err(fault), "{digits}");
        }
    }

    /// Where the other implementation knows the region, both judge alike.
    #[test]
    fn agrees_with_another_implementation() {
        let mut good = 0;
        for region in ["110105", "440305", "310101", "650102"] {
            for date in ["19491231", "19990229", "20000229", "20261301"] {
                for order in ["002", "013", "999"] {
                    for check in "0123456789X".chars() {
                        let number = format!("{region}{date}{order}{check}");
                        assert_eq!(resident_number(&number).is_ok(), id_card::validate(&number), "{number}");
                        good += usize::from(id_card::validate(&number));
                    }
                }
            }
        }
        assert_eq!(good, 4 * 2 * 3);
    }

    /// One changed digit is always noticed (MOD 11-2).
    #[test]
    fn every_single_digit_error_is_noticed() {
        let good = "440301199911130013";
        for at in 0..18 {
            for digit in b'0'..=b'9' {
                let mut bytes = good.as_bytes().to_vec();
                if bytes[at] != digit {
                    bytes[at] = digit;
                    assert!(resident_number(std::str::from_utf8(&bytes).unwrap()).is_err(), "{at} {digit}");
                }
            }
        }
    }
}
