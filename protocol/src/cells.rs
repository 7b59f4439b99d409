//! Cells: how many live people there are of each kind, rounded down to hundreds, so that a wallet can
//! tell whether a question would single its owner out (W8, contract §4).

use crate::attributes::{DocumentClass, Sex};
use crate::day::{Day, Timestamp};
use crate::json::{self, unique_map, version_1};
use crate::predicates::Predicates;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Smallest crowd that a wallet lets itself be asked out of (W8).
pub const MIN_CROWD: u64 = 1000;
/// Counts are rounded down to multiples of this.
const STEP: u64 = 100;
/// Age brackets: first year of each, and its name.
const BRACKETS: [(u32, &str); 5] = [(0, "0-13"), (14, "14-15"), (16, "16-17"), (18, "18-59"), (60, "60-")];

/// What is counted of a person: the coarse cell that the authority keeps after sealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Sex.
    pub sex: Sex,
    /// Class of the document.
    pub document_class: DocumentClass,
    /// ISO 3166-1 numeric.
    pub nationality: u16,
    /// First two digits of GB/T 2260, or 0.
    pub province: u8,
    /// Year of birth.
    pub birth_year: i32,
}

/// Live counts per attribute value as published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cells {
    #[serde(deserialize_with = "version_1")]
    v: u32,
    /// The epoch that they belong to.
    pub epoch: u64,
    #[serde(deserialize_with = "unique_map")]
    sex: BTreeMap<String, u64>,
    #[serde(deserialize_with = "unique_map")]
    document_class: BTreeMap<String, u64>,
    #[serde(deserialize_with = "unique_map")]
    nationality: BTreeMap<String, u64>,
    #[serde(deserialize_with = "unique_map")]
    province: BTreeMap<String, u64>,
    #[serde(deserialize_with = "unique_map")]
    age: BTreeMap<String, u64>,
}

/// A file that is not the cells of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cells file: {0}")]
pub struct CellsError(pub String);

/// The bracket of an age in years.
fn bracket(age: u32) -> &'static str {
    BRACKETS.iter().rev().find(|(first, _)| age >= *first).map_or("0-13", |(_, name)| name)
}

impl Cells {
    /// Counts live people and rounds. Age = year of `sealed_at` (UTC+08:00) − year of birth.
    pub fn count(epoch: u64, sealed_at: Timestamp, people: impl IntoIterator<Item = (Cell, u64)>) -> Cells {
        let (year, _, _) = Day::of(sealed_at).ymd();
        let zeros = |names: Vec<&str>| -> BTreeMap<String, u64> {
            names.into_iter().map(|n| (n.to_owned(), 0)).collect()
        };
        let mut cells = Cells {
            v: 1,
            epoch,
            sex: zeros(Sex::ALL.iter().map(|s| s.as_str()).collect()),
            document_class: zeros(DocumentClass::ALL.iter().map(|c| c.as_str()).collect()),
            nationality: BTreeMap::new(),
            province: BTreeMap::new(),
            age: zeros(BRACKETS.iter().map(|(_, name)| *name).collect()),
        };
        for (cell, n) in people {
            let age = u32::try_from(year - cell.birth_year).unwrap_or(0);
            let keys = [
                (&mut cells.sex, cell.sex.to_string()),
                (&mut cells.document_class, cell.document_class.to_string()),
                (&mut cells.nationality, cell.nationality.to_string()),
                (&mut cells.province, cell.province.to_string()),
                (&mut cells.age, bracket(age).to_owned()),
            ];
            for (map, key) in keys {
                *map.entry(key).or_default() += n;
            }
        }
        let maps = [
            &mut cells.sex,
            &mut cells.document_class,
            &mut cells.nationality,
            &mut cells.province,
            &mut cells.age,
        ];
        for map in maps {
            map.values_mut().for_each(|n| *n -= *n % STEP);
        }
        cells.nationality.retain(|_, n| *n > 0);
        cells.province.retain(|_, n| *n > 0);
        cells
    }

    /// The file: JCS form (RFC 8785).
    pub fn to_jcs(&self) -> Vec<u8> {
        json::to_jcs(self)
    }

    /// SHA-256 of the file, as the epoch statement names it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.to_jcs()).into()
    }

    /// Reads the cells of an epoch and checks them against the hash in its statement.
    pub fn from_file(bytes: &[u8], epoch: u64, hash: &[u8; 32]) -> Result<Cells, CellsError> {
        if Sha256::digest(bytes).as_slice() != hash {
            return Err(CellsError("its hash is not the one in the epoch statement".into()));
        }
        let cells: Cells = json::parse(bytes).map_err(|e| CellsError(e.to_string()))?;
        if cells.epoch != epoch {
            return Err(CellsError(format!("it belongs to epoch {}", cells.epoch)));
        }
        cells.check()?;
        if cells.to_jcs() != bytes {
            return Err(CellsError("it is not in canonical form".into()));
        }
        Ok(cells)
    }

    /// Checks names and counts: every value of the three closed lists and nothing else, codes as numbers are
    /// written, hundreds up to 2^53 − 1, and no hundred at all only in the closed lists.
    pub fn check(&self) -> Result<(), CellsError> {
        let closed = |map: &BTreeMap<String, u64>, names: &[&str]| {
            map.len() == names.len() && names.iter().all(|name| map.contains_key(*name))
        };
        let codes = |map: &BTreeMap<String, u64>, range: std::ops::RangeInclusive<u16>| {
            let code =
                |name: &String| name.parse().is_ok_and(|n| range.contains(&n) && n.to_string() == *name);
            map.iter().all(|(name, n)| code(name) && *n > 0)
        };
        let sexes: Vec<&str> = Sex::ALL.iter().map(|s| s.as_str()).collect();
        let classes: Vec<&str> = DocumentClass::ALL.iter().map(|c| c.as_str()).collect();
        if !closed(&self.sex, &sexes)
            || !closed(&self.document_class, &classes)
            || !closed(&self.age, &BRACKETS.map(|(_, name)| name))
            || !codes(&self.nationality, 1..=999)
            || !codes(&self.province, 0..=99)
        {
            return Err(CellsError("its names are not those of its lists".into()));
        }
        let maps = [&self.sex, &self.document_class, &self.nationality, &self.province, &self.age];
        let count = |n: &u64| *n <= crate::scope::MAX_PERIOD && n.is_multiple_of(STEP);
        if self.epoch > crate::scope::MAX_PERIOD || !maps.iter().all(|map| map.values().all(count)) {
            return Err(CellsError("a count is above 2^53 - 1 or not in hundreds".into()));
        }
        Ok(())
    }

    /// W8: how many people the question leaves, c = live, then for each of sex, documents, nationality,
    /// province, age that is asked c = ⌊c·s / live⌋ with s = the sum of the cells that satisfy it.
    pub fn crowd(&self, predicates: &Predicates, live: u64) -> u64 {
        let get = |map: &BTreeMap<String, u64>, key: &str| map.get(key).copied().unwrap_or(0);
        let at = |age: u32| {
            predicates
                .age
                .is_some_and(|a| a.at_least.is_none_or(|n| age >= n) && a.below.is_none_or(|n| age < n))
        };
        let sums = [
            predicates.sex.map(|s| get(&self.sex, s.as_str())),
            predicates
                .documents
                .map(|g| g.classes().iter().map(|c| get(&self.document_class, c.as_str())).sum()),
            predicates.nationality.map(|n| get(&self.nationality, &n.to_string())),
            predicates.province.map(|p| get(&self.province, &p.to_string())),
            // The ages that may be asked for are the brackets' bounds, so a bracket is in or out as a whole.
            predicates.age.map(|_| {
                BRACKETS.iter().filter(|(first, _)| at(*first)).map(|(_, name)| get(&self.age, name)).sum()
            }),
        ];
        let share = |c: u64, s: u64| {
            u64::try_from(u128::from(c) * u128::from(s) / u128::from(live.max(1))).unwrap_or(u64::MAX)
        };
        sums.into_iter().flatten().fold(live, share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predicates::AgePredicate;

    fn sample() -> Cells {
        let cell = |sex, class, nationality, province, birth_year| Cell {
            sex,
            document_class: class,
            nationality,
            province,
            birth_year,
        };
        let people = [
            (cell(Sex::Male, DocumentClass::ResidentCard, 156, 44, 1990), 850),
            (cell(Sex::Female, DocumentClass::ResidentCard, 156, 11, 1960), 1199),
            (cell(Sex::Female, DocumentClass::ForeignPassport, 250, 0, 2009), 99),
            (cell(Sex::Unknown, DocumentClass::ForeignPassport, 250, 0, 2012), 1),
            (cell(Sex::Unknown, DocumentClass::TaiwanPermit, 158, 0, 2026), 50),
        ];
        Cells::count(7, "2026-11-22T08:00:00Z".parse().unwrap(), people)
    }

    #[test]
    fn counts_are_rounded_down() {
        let text = String::from_utf8(sample().to_jcs()).unwrap();
        assert_eq!(
            text,
            r#"{"age":{"0-13":0,"14-15":0,"16-17":0,"18-59":800,"60-":1100},"document_class":{"foreign_passport":100,"hk_macao_permit":0,"national_passport":0,"permanent_residence":0,"residence_permit":0,"resident_card":2000,"taiwan_permit":0},"epoch":7,"nationality":{"156":2000,"250":100},"province":{"0":100,"11":1100,"44":800},"sex":{"female":1200,"male":800,"not_applicable":0,"unknown":0},"v":1}"#
        );
        let cells = sample();
        assert_eq!(Cells::from_file(&cells.to_jcs(), 7, &cells.hash()), Ok(cells.clone()));
        assert!(Cells::from_file(&cells.to_jcs(), 8, &cells.hash()).is_err());
        assert!(Cells::from_file(&cells.to_jcs(), 7, &[0; 32]).is_err());
        let spaced = text.replace(':', ": ").into_bytes();
        assert!(Cells::from_file(&spaced, 7, &Sha256::digest(&spaced).into()).is_err());
        let twice = text.replace(r#""0":100,"#, r#""0":100,"0":100,"#).into_bytes();
        assert!(Cells::from_file(&twice, 7, &Sha256::digest(&twice).into()).is_err());
    }

    /// Counts that no JSON reader agrees on would make the sums run over.
    #[test]
    fn counts_without_bound_are_refused() {
        let text = String::from_utf8(sample().to_jcs()).unwrap();
        for (count, good) in
            [("9007199254740900", true), ("9007199254741000", false), ("9223372036854776000", false)]
        {
            let file =
                text.replace("\"resident_card\":2000", &format!("\"resident_card\":{count}")).into_bytes();
            let read = Cells::from_file(&file, 7, &Sha256::digest(&file).into());
            assert_eq!(read.is_ok(), good, "{count}");
        }
    }

    /// Names that nobody counts under, codes in another spelling, counts that were not rounded: found by
    /// fuzzing. A name that is missing would count as 0.
    #[test]
    fn names_are_those_of_the_lists_and_counts_are_rounded() {
        let text = String::from_utf8(sample().to_jcs()).unwrap();
        for (from, to) in [
            ("\"16-17\"", "\"16-18\""),
            ("\"16-17\":0,", ""),
            ("\"female\"", "\"femald\""),
            ("\"hk_macao_permit\":0,", ""),
            ("\"156\"", "\"0156\""),
            ("\"250\"", "\"1000\""),
            ("\"250\":100", "\"250\":0"),
            ("\"44\"", "\"440\""),
            ("\"44\"", "\"+4\""),
            ("\"60-\":1100", "\"60-\":1101"),
        ] {
            assert!(text.contains(from), "{from}");
            let file = text.replace(from, to).into_bytes();
            assert!(Cells::from_file(&file, 7, &Sha256::digest(&file).into()).is_err(), "{from} -> {to}");
        }
    }

    /// Ages are calendar years apart, whatever the day; midnight of the year is that of UTC+08:00.
    #[test]
    fn brackets() {
        for (age, name) in [
            (0, "0-13"),
            (13, "0-13"),
            (14, "14-15"),
            (15, "14-15"),
            (16, "16-17"),
            (17, "16-17"),
            (18, "18-59"),
            (59, "18-59"),
            (60, "60-"),
            (120, "60-"),
        ] {
            assert_eq!(bracket(age), name);
        }
    }

    #[test]
    fn crowds() {
        let cells = sample();
        let live = 2199;
        let crowd = |p: Predicates| cells.crowd(&p, live);
        assert_eq!(crowd(Predicates::valid()), 2199);
        assert_eq!(crowd(Predicates { sex: Some(Sex::Female), ..Default::default() }), 1200);
        let adult = Some(AgePredicate { at_least: Some(18), below: None });
        assert_eq!(crowd(Predicates { age: adult, ..Default::default() }), 1900);
        assert_eq!(
            crowd(Predicates { sex: Some(Sex::Female), age: adult, ..Default::default() }),
            1200 * 1900 / 2199
        );
        assert_eq!(crowd(Predicates { nationality: Some(158), ..Default::default() }), 0);
        assert_eq!(
            crowd(Predicates {
                age: Some(AgePredicate { at_least: Some(14), below: Some(18) }),
                ..Default::default()
            }),
            0
        );
        assert_eq!(
            crowd(Predicates {
                documents: Some(crate::attributes::DocumentGroup::Foreign),
                ..Default::default()
            }),
            100
        );
        assert_eq!(cells.crowd(&Predicates::valid(), 0), 0);
    }
}
