//! What is attested of a person, and how it is packed into one field element (contract §2).

use crate::day::{Day, NO_EXPIRY};
use crate::field::Fr;
use crate::json::{nullable, serde_as_text};
use ark_ff::{BigInt, PrimeField};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A name that is not in a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown name of a {0}")]
pub struct UnknownName(pub &'static str);

/// A closed list of names with numbers. No default, no "other": an unknown name is an error.
macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($(#[$vdoc:meta])* $variant:ident = $number:literal $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The number in hashed data.
            pub fn number(self) -> u8 {
                match self { $($name::$variant => $number),+ }
            }

            /// The value with this number.
            pub fn from_number(number: u8) -> Option<$name> {
                match number { $($number => Some($name::$variant),)+ _ => None }
            }

            /// The name in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;
            fn from_str(text: &str) -> Result<Self, UnknownName> {
                $name::ALL.iter().copied().find(|v| v.as_str() == text).ok_or(UnknownName($what))
            }
        }

        serde_as_text!($name);
    };
}
pub(crate) use closed_list;

closed_list! {
    /// Sex as the document states it.
    Sex, "sex":
    /// Not given.
    Unknown = 0 "unknown",
    /// Male.
    Male = 1 "male",
    /// Female.
    Female = 2 "female",
    /// Given as neither.
    NotApplicable = 3 "not_applicable",
}

closed_list! {
    /// The kind of document that was examined.
    DocumentClass, "document class":
    /// Resident identity card of the mainland.
    ResidentCard = 1 "resident_card",
    /// Passport of the People's Republic.
    NationalPassport = 2 "national_passport",
    /// Passport of another state.
    ForeignPassport = 3 "foreign_passport",
    /// Permanent residence card for foreigners.
    PermanentResidence = 4 "permanent_residence",
    /// Mainland travel permit for residents of Hong Kong and Macao.
    HkMacaoPermit = 5 "hk_macao_permit",
    /// Mainland travel permit for residents of Taiwan.
    TaiwanPermit = 6 "taiwan_permit",
    /// Residence permit for residents of Hong Kong, Macao and Taiwan.
    ResidencePermit = 7 "residence_permit",
}

closed_list! {
    /// The groups of document classes that a platform may ask for; single classes cannot be asked.
    DocumentGroup, "group of documents":
    /// Resident card, national passport.
    Citizen = 1 "citizen",
    /// Foreign passport, permanent residence.
    Foreign = 2 "foreign",
    /// The permits for compatriots.
    Compatriot = 3 "compatriot",
}

impl DocumentGroup {
    /// The classes of the group.
    pub fn classes(self) -> &'static [DocumentClass] {
        use DocumentClass::*;
        match self {
            DocumentGroup::Citizen => &[ResidentCard, NationalPassport],
            DocumentGroup::Foreign => &[ForeignPassport, PermanentResidence],
            DocumentGroup::Compatriot => &[HkMacaoPermit, TaiwanPermit, ResidencePermit],
        }
    }

    /// The group as a 16-bit set, bit i = class i.
    pub fn set(self) -> u16 {
        self.classes().iter().fold(0, |set, class| set | 1 << class.number())
    }
}

/// The attributes of a credential, in the JSON form of contract §4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// Date of birth.
    pub birth_date: Day,
    /// Last day on which the document is valid; `None` = it does not expire.
    #[serde(deserialize_with = "nullable")]
    pub expires_on: Option<Day>,
    /// Day on which the authority accepted the person's present identity commitment.
    pub enrolled_on: Day,
    /// Sex.
    pub sex: Sex,
    /// Class of the document.
    pub document_class: DocumentClass,
    /// ISO 3166-1 numeric code, 1–999.
    pub nationality: u16,
    /// First two digits of GB/T 2260, 1–99, or 0 for documents that have none.
    pub province: u8,
    /// Number of earlier identity commitments of this person, 0–254.
    pub generation: u8,
}

/// An attribute outside its range; names the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is out of range")]
pub struct AttributeRange(pub &'static str);

/// Field widths of `P` from the lowest bit, with the position of each (contract §2).
const WIDTHS: [u32; 9] = [18, 18, 18, 2, 4, 10, 7, 14, 8];

impl Attributes {
    /// Checks the ranges that the types leave open: nationality 1–999, province 0–99, generation 0–254.
    pub fn check(&self) -> Result<(), AttributeRange> {
        if !(1..=999).contains(&self.nationality) {
            return Err(AttributeRange("nationality"));
        }
        if self.province > 99 {
            return Err(AttributeRange("province"));
        }
        if self.generation > 254 {
            return Err(AttributeRange("generation"));
        }
        Ok(())
    }

    /// `expires_on` as packed: the Day, or 262143 where there is none.
    pub fn expires_number(&self) -> u32 {
        self.expires_on.map_or(NO_EXPIRY, Day::number)
    }

    /// `P = Σ field · 2^offset`.
    pub fn pack(&self) -> Fr {
        let fields = [
            self.birth_date.number(),
            self.expires_number(),
            self.enrolled_on.number(),
            self.sex.number().into(),
            self.document_class.number().into(),
            self.nationality.into(),
            self.province.into(),
            0,
            self.generation.into(),
        ];
        let mut packed = 0u128;
        let mut offset = 0;
        for (value, width) in fields.iter().zip(WIDTHS) {
            packed |= u128::from(*value) << offset;
            offset += width;
        }
        Fr::from(packed)
    }

    /// Reads `P` back; `None` if a field has no meaning (§2) or reserved bits are set.
    pub fn unpack(packed: &Fr) -> Option<Attributes> {
        let BigInt([low, high, 0, 0]) = packed.into_bigint() else {
            return None;
        };
        let mut rest = u128::from(high) << 64 | u128::from(low);
        let mut next = |width: u32| {
            let value = (rest & ((1 << width) - 1)) as u32;
            rest >>= width;
            value
        };
        let [birth, expires, enrolled, sex, class, nationality, province, reserved, generation] =
            WIDTHS.map(&mut next);
        if rest != 0 || reserved != 0 {
            return None;
        }
        let attributes = Attributes {
            birth_date: Day::new(birth)?,
            expires_on: if expires == NO_EXPIRY { None } else { Some(Day::new(expires)?) },
            enrolled_on: Day::new(enrolled)?,
            sex: Sex::from_number(sex as u8)?,
            document_class: DocumentClass::from_number(class as u8)?,
            nationality: nationality as u16,
            province: province as u8,
            generation: generation as u8,
        };
        attributes.check().ok()?;
        Some(attributes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::field::to_hex;

    /// The attributes of contract §3.
    pub(crate) fn known() -> Attributes {
        Attributes {
            birth_date: "1999-11-13".parse().unwrap(),
            expires_on: Some("2046-06-01".parse().unwrap()),
            enrolled_on: "2024-07-06".parse().unwrap(),
            sex: Sex::Male,
            document_class: DocumentClass::ResidentCard,
            nationality: 156,
            province: 44,
            generation: 0,
        }
    }

    #[test]
    fn known_packing() {
        let p = known().pack();
        assert_eq!(to_hex(&p), "000000000000000000000000000000000000000000000b09c15405157e451d27");
        assert_eq!(Attributes::unpack(&p), Some(known()));
    }

    #[test]
    fn unpack_refuses_what_has_no_meaning() {
        let p = known().pack();
        let bit = |n: u32| Fr::from(1u128 << n);
        assert_eq!(Attributes::unpack(&(p + bit(77))), None, "a reserved bit");
        assert_eq!(Attributes::unpack(&(p + bit(99))), None, "above the fields");
        assert_eq!(Attributes::unpack(&(p + bit(59))), None, "document class 9");
        assert_eq!(Attributes::unpack(&-Fr::from(1u64)), None);
        assert_eq!(Attributes::unpack(&Fr::from(0u64)), None, "document class 0");
        let mut none = known();
        none.expires_on = None;
        none.generation = 254;
        assert_eq!(Attributes::unpack(&none.pack()), Some(none.clone()));
        none.generation = 255;
        assert!(none.check().is_err());
        assert_eq!(Attributes::unpack(&none.pack()), None);
    }

    #[test]
    fn json_is_strict() {
        let text = r#"{"birth_date":"1999-11-13","expires_on":"2046-06-01","enrolled_on":"2024-07-06","sex":"male","document_class":"resident_card","nationality":156,"province":44,"generation":0}"#;
        assert_eq!(crate::json::parse::<Attributes>(text.as_bytes()).unwrap(), known());
        assert_eq!(crate::json::to_string(&known()), text);
        for (from, to) in [
            (r#""male""#, r#"{"male":null}"#),
            (r#""expires_on":"2046-06-01","#, ""),
            ("\"male\"", "\"Male\""),
            ("156", "-1"),
            ("1999-11-13", "1999-11-31"),
        ] {
            assert!(crate::json::parse::<Attributes>(text.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        let never = text.replace("\"2046-06-01\"", "null");
        assert_eq!(crate::json::parse::<Attributes>(never.as_bytes()).unwrap().expires_on, None);
    }

    #[test]
    fn groups_cover_every_class_once() {
        let all = DocumentGroup::ALL.iter().fold(0u16, |acc, g| {
            assert_eq!(acc & g.set(), 0);
            acc | g.set()
        });
        assert_eq!(all, 0b1111_1110);
    }
}
