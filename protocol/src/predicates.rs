//! What a platform may ask for (contract §4), by name. Closed: an unknown predicate is an error.

use crate::attributes::{DocumentGroup, Sex};
use crate::day::Day;
use crate::json::{some, some_object};
use serde::{Deserialize, Serialize};

/// Ages that may be asked for: a constant of the protocol (W2).
pub const AGES: [u32; 4] = [14, 16, 18, 60];
/// How far back `enrolled_on_or_before` must lie (W3).
pub const ENROLLED_DAYS_BACK: i64 = 180;

/// At least so old, younger than, or both; one of the two is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgePredicate {
    /// Has had this birthday.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,
    /// Has not had this birthday yet.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub below: Option<u32>,
}

/// The predicates of a request. `valid` is always asked, the rest where it is `Some`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicates {
    /// Always asked.
    pub valid: Valid,
    /// Age on `valid_on`.
    #[serde(default, deserialize_with = "some_object", skip_serializing_if = "Option::is_none")]
    pub age: Option<AgePredicate>,
    /// One sex.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// One group of document classes.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub documents: Option<DocumentGroup>,
    /// ISO 3166-1 numeric, 1–999.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub nationality: Option<u16>,
    /// First two digits of GB/T 2260, 1–99.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub province: Option<u8>,
    /// The identity commitment was accepted on or before this day.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub enrolled_on_or_before: Option<Day>,
    /// At most so many earlier identity commitments.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub generation_at_most: Option<u8>,
}

/// The member `valid`: present and `true`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Valid;

impl Serialize for Valid {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bool(true)
    }
}

impl<'de> Deserialize<'de> for Valid {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if bool::deserialize(d)? { Ok(Valid) } else { Err(serde::de::Error::custom("`valid` must be true")) }
    }
}

/// A code or number that can be no value of its attribute, or that would mean "not asked".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`predicates.{0}` {rule}", rule = range_rule(.0))]
pub struct PredicateRange(pub &'static str);

fn range_rule(name: &str) -> &'static str {
    match name {
        "nationality" => "must be a number from 1 to 999 (ISO 3166-1)",
        "province" => "must be a number from 1 to 99 (first two digits of GB/T 2260)",
        "generation_at_most" => "must be 0",
        _ => "needs `at_least`, `below` or both; ages are 14, 16, 18, 60",
    }
}

/// A threshold outside the closed lists (W2, W3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`predicates.{0}` {rule}", rule = threshold_rule(.0))]
pub struct ThresholdNotAllowed(pub &'static str);

fn threshold_rule(name: &str) -> &'static str {
    match name {
        "enrolled_on_or_before" => "must be a 1 January or 1 July at least 180 days before today",
        "generation_at_most" => "must be 0",
        _ => "may only name the ages 14, 16, 18, 60, with `at_least` smaller than `below`",
    }
}

impl Predicates {
    /// Only "has a valid identity".
    pub fn valid() -> Predicates {
        Predicates::default()
    }

    /// Refuses codes that would silently mean "not asked" or can never hold.
    pub fn check_ranges(&self) -> Result<(), PredicateRange> {
        if self.nationality.is_some_and(|n| !(1..=999).contains(&n)) {
            return Err(PredicateRange("nationality"));
        }
        if self.province.is_some_and(|p| !(1..=99).contains(&p)) {
            return Err(PredicateRange("province"));
        }
        if self.generation_at_most == Some(255) {
            return Err(PredicateRange("generation_at_most"));
        }
        match self.age {
            Some(AgePredicate { at_least: None, below: None }) => Err(PredicateRange("age")),
            _ => Ok(()),
        }
    }

    /// Checks the closed lists: ages 14, 16, 18, 60 with `at_least` < `below`; a 1 January or 1 July at
    /// least 180 days before `valid_on`; generation 0.
    pub fn check_thresholds(&self, valid_on: Day) -> Result<(), ThresholdNotAllowed> {
        if let Some(AgePredicate { at_least, below }) = self.age {
            let listed = |age: Option<u32>| age.is_none_or(|a| AGES.contains(&a));
            let ordered = at_least.zip(below).is_none_or(|(a, b)| a < b);
            if !listed(at_least) || !listed(below) || !ordered || at_least.or(below).is_none() {
                return Err(ThresholdNotAllowed("age"));
            }
        }
        if let Some(day) = self.enrolled_on_or_before {
            let (_, month, first) = day.ymd();
            let back = i64::from(valid_on.number()) - i64::from(day.number());
            if first != 1 || !matches!(month, 1 | 7) || back < ENROLLED_DAYS_BACK {
                return Err(ThresholdNotAllowed("enrolled_on_or_before"));
            }
        }
        if self.generation_at_most.is_some_and(|g| g != 0) {
            return Err(ThresholdNotAllowed("generation_at_most"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{parse, to_string};

    fn read(text: &str) -> Option<Predicates> {
        parse::<Predicates>(text.as_bytes()).ok().filter(|p| p.check_ranges().is_ok())
    }

    #[test]
    fn readings() {
        assert_eq!(read(r#"{"valid":true}"#), Some(Predicates::valid()));
        let p = read(r#"{"valid":true,"age":{"at_least":18},"sex":"female","documents":"citizen","nationality":156,"province":44,"enrolled_on_or_before":"2026-01-01","generation_at_most":0}"#).unwrap();
        assert_eq!(read(&to_string(&p)), Some(p));
        for bad in [
            "{}",
            r#"{"valid":false}"#,
            r#"{"valid":1}"#,
            r#"{"valid":true,"age":{}}"#,
            r#"{"valid":true,"age":[18]}"#,
            r#"{"valid":true,"age":null}"#,
            r#"{"valid":true,"nationality":0}"#,
            r#"{"valid":true,"nationality":1000}"#,
            r#"{"valid":true,"province":0}"#,
            r#"{"valid":true,"province":100}"#,
            r#"{"valid":true,"generation_at_most":255}"#,
            r#"{"valid":true,"sex":["male"]}"#,
            r#"{"valid":true,"documents":"resident_card"}"#,
            r#"{"valid":true,"adult":true}"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn thresholds() {
        let on: Day = "2026-11-22".parse().unwrap();
        let age = |at_least, below| {
            Predicates { age: Some(AgePredicate { at_least, below }), ..Predicates::valid() }
                .check_thresholds(on)
        };
        assert!(
            age(Some(18), None).is_ok() && age(None, Some(14)).is_ok() && age(Some(16), Some(60)).is_ok()
        );
        for bad in [
            age(Some(17), None),
            age(None, Some(21)),
            age(Some(18), Some(18)),
            age(Some(60), Some(18)),
            age(Some(18), Some(19)),
            age(None, None),
        ] {
            assert_eq!(bad, Err(ThresholdNotAllowed("age")));
        }
        let enrolled = |d: &str| {
            Predicates { enrolled_on_or_before: Some(d.parse().unwrap()), ..Predicates::valid() }
                .check_thresholds(on)
        };
        assert!(enrolled("2026-01-01").is_ok() && enrolled("2025-07-01").is_ok());
        assert!(enrolled("2026-07-01").is_err(), "144 days");
        assert!(
            enrolled("2025-07-02").is_err()
                && enrolled("2025-03-01").is_err()
                && enrolled("2027-01-01").is_err()
        );
        assert!(
            Predicates { generation_at_most: Some(1), ..Predicates::valid() }.check_thresholds(on).is_err()
        );
    }
}
