//! The rules that look at one request alone: the date (W1), the closed lists (W2, W3) and the month
//! rule (W5).

use crate::refusal::Refusal;
use veilpass_protocol::day::{Day, Timestamp, birth_limit};
use veilpass_protocol::predicates::{AgePredicate, Predicates};

/// Which of the rules W1–W9 hold. A wallet has all of them; only this crate's tests switch some off,
/// to show the attack that each one stops.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the ids of protocol.md
pub(crate) struct Rules {
    pub w1: bool,
    pub w2: bool,
    pub w3: bool,
    pub w4: bool,
    pub w5: bool,
    pub w6: bool,
    pub w7: bool,
    pub w8: bool,
    pub w9: bool,
}

impl Rules {
    /// What every wallet has.
    pub(crate) const ALL: Rules =
        Rules { w1: true, w2: true, w3: true, w4: true, w5: true, w6: true, w7: true, w8: true, w9: true };
}

/// Seconds after midnight in which yesterday is still a date that may be asked for (W1).
const MORNING: u64 = 2 * 3600;
/// Seconds after midnight from which tomorrow is one already (W1).
const EVENING: u64 = 22 * 3600;

/// W1: `valid_on` is the wallet's own civil date; before 02:00 also the day before, from 22:00 also the
/// day after. A platform that could move the date would find the days of expiry and enrolment.
pub(crate) fn check_date(valid_on: Day, now: Timestamp) -> Result<(), Refusal> {
    let today = Day::of(now);
    let yesterday = if now.second_of_day() < MORNING { today.checked_add(-1) } else { None };
    let tomorrow = if now.second_of_day() >= EVENING { today.checked_add(1) } else { None };
    if valid_on == today || Some(valid_on) == yesterday || Some(valid_on) == tomorrow {
        return Ok(());
    }
    Err(Refusal::RequestDate(valid_on.to_string()))
}

/// W2 and W3: ages, enrolment days and generations come from closed lists that are constants of the
/// protocol, so that no platform can search for a value by moving a threshold.
pub(crate) fn check_thresholds(rules: &Rules, predicates: &Predicates, valid_on: Day) -> Result<(), Refusal> {
    let check = |p: &Predicates| p.check_thresholds(valid_on).map_err(|e| Refusal::ThresholdNotAllowed(e.0));
    if rules.w2 {
        check(&Predicates { age: predicates.age, ..Predicates::valid() })?;
    }
    if rules.w3 {
        check(&Predicates { age: None, ..predicates.clone() })?;
    }
    Ok(())
}

/// W5: whether an age statement holds on the first day of the month of `valid_on` and on the first day of
/// the next as well, its bounds computed for that day. Otherwise the day on which the answer changes is the
/// birthday, and a platform that asks daily sees it.
///
/// Both ends are firsts of months, so that "old enough" and "too young" divide the dates of birth at the
/// same days, whatever the age and the year: what is learned is always from the 2nd of a month to the 1st
/// of the next (ADR 9).
pub(crate) fn same_all_month(age: &AgePredicate, birth_date: Day, valid_on: Day) -> bool {
    let (first, last) = valid_on.month_bounds();
    let next = last.checked_add(1).unwrap_or(last);
    [first, next].into_iter().all(|day| {
        let reached = |years: u32| birth_limit(day, years).map(|limit| birth_date <= limit);
        let old_enough = age.at_least.is_none_or(|years| reached(years) == Some(true));
        let young_enough = age.below.is_none_or(|years| reached(years) == Some(false));
        old_enough && young_enough
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use veilpass_protocol::predicates::AGES;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn w1_by_the_minute() {
        // 16:00Z is midnight in UTC+08:00; the civil day is then 2026-11-23.
        for (now, yesterday, tomorrow) in [
            ("2026-11-22T16:00:00Z", true, false),
            ("2026-11-22T17:59:59Z", true, false),
            ("2026-11-22T18:00:00Z", false, false),
            ("2026-11-23T13:59:59Z", false, false),
            ("2026-11-23T14:00:00Z", false, true),
            ("2026-11-23T15:59:59Z", false, true),
        ] {
            let allowed = |d: &str| check_date(day(d), at(now)).is_ok();
            assert!(allowed("2026-11-23"), "{now}");
            assert_eq!(allowed("2026-11-22"), yesterday, "{now}");
            assert_eq!(allowed("2026-11-24"), tomorrow, "{now}");
            assert!(!allowed("2026-11-21") && !allowed("2026-11-25") && !allowed("2025-11-23"), "{now}");
        }
    }

    #[test]
    fn w2_and_w3_are_the_protocols_lists() {
        let on = day("2026-11-22");
        let age = |n| Predicates {
            age: Some(AgePredicate { at_least: Some(n), below: None }),
            ..Predicates::valid()
        };
        assert!(
            (0..200).filter(|n| check_thresholds(&Rules::ALL, &age(*n), on).is_ok()).eq([14, 16, 18, 60])
        );
        let since = |d: &str| Predicates { enrolled_on_or_before: Some(day(d)), ..Predicates::valid() };
        assert_eq!(check_thresholds(&Rules::ALL, &since("2026-01-01"), on), Ok(()));
        assert_eq!(
            check_thresholds(&Rules::ALL, &since("2026-01-02"), on),
            Err(Refusal::ThresholdNotAllowed("enrolled_on_or_before"))
        );
        let generation = Predicates { generation_at_most: Some(1), ..Predicates::valid() };
        assert_eq!(
            check_thresholds(&Rules::ALL, &generation, on),
            Err(Refusal::ThresholdNotAllowed("generation_at_most"))
        );
    }

    #[test]
    fn w5_holds_at_both_ends_of_the_month() {
        let adult = AgePredicate { at_least: Some(18), below: None };
        let on = day("2026-11-22");
        assert!(same_all_month(&adult, day("2008-11-01"), on));
        assert!(!same_all_month(&adult, day("2008-11-02"), on), "18 from 2 November");
        assert!(!same_all_month(&adult, day("2008-12-01"), on));
        let minor = AgePredicate { at_least: None, below: Some(18) };
        assert!(same_all_month(&minor, day("2008-12-02"), on));
        assert!(!same_all_month(&minor, day("2008-12-01"), on), "18 on the first day of the next month");
        assert!(!same_all_month(&minor, day("2008-11-30"), on), "18 on the last day");
        // Born on 29 February: 18 from 1 March in other years.
        assert!(!same_all_month(&adult, day("2008-02-29"), day("2026-02-10")));
        assert!(same_all_month(&adult, day("2008-02-29"), day("2026-03-10")));
        let teen = AgePredicate { at_least: Some(14), below: Some(16) };
        assert!(
            same_all_month(&teen, day("2011-06-15"), on) && !same_all_month(&teen, day("2010-11-15"), on)
        );
    }

    /// The shortest and the longest run of birth dates that no answer about an age ever tells apart: four
    /// decades of birth dates, each asked in the months around each of the ages.
    fn told_apart(answers: fn(&AgePredicate, Day, Day) -> bool) -> (u32, u32) {
        let (mut shortest, mut longest, mut run) = (u32::MAX, 0, None);
        for born in day("1971-12-25").number()..day("2012-02-01").number() {
            let [one, other] = [born, born + 1].map(|n| Day::new(n).unwrap());
            let (year, month, _) = one.ymd();
            let differ = AGES.iter().any(|years| {
                (-1..=2).any(|later| {
                    let months = (year + *years as i32) * 12 + i32::from(month) - 1 + later;
                    let valid_on = Day::from_ymd(months / 12, (months % 12) as u8 + 1, 15).unwrap();
                    let [least, below] = [(Some(*years), None), (None, Some(*years))]
                        .map(|(at_least, below)| AgePredicate { at_least, below });
                    [least, below]
                        .iter()
                        .any(|age| answers(age, one, valid_on) != answers(age, other, valid_on))
                })
            });
            if differ {
                // The first run may have begun before.
                if let Some(run) = run.replace(1) {
                    (shortest, longest) = (shortest.min(run), longest.max(run));
                }
            } else if let Some(run) = &mut run {
                *run += 1;
            }
        }
        (shortest, longest)
    }

    /// All answers about ages that there can ever be leave a birth date within four weeks at least. With the
    /// last day of the month in the place of the first of the next, a wallet that said "below 18" in
    /// October and "at least 18" in November had told that its owner was born on the 1st.
    #[test]
    fn w5_leaves_four_weeks() {
        assert_eq!(told_apart(same_all_month), (28, 31));
        let by_the_last_day = |age: &AgePredicate, birth_date: Day, valid_on: Day| {
            let (first, last) = valid_on.month_bounds();
            [first, last].into_iter().all(|day| {
                let reached = |years: u32| birth_date <= birth_limit(day, years).unwrap();
                age.at_least.is_none_or(reached) && !age.below.is_some_and(reached)
            })
        };
        assert_eq!(told_apart(by_the_last_day), (1, 30), "the control");
    }
}
