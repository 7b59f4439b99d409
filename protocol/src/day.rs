//! Civil days, instants and the age rule (contract §2).

use crate::json::serde_as_text;
use std::fmt;
use std::str::FromStr;
use time::{Date, Month};

/// Julian day number of 1800-01-01, which is Day 0.
const JULIAN_DAY_ZERO: i32 = 2_378_497;
/// Seconds by which UTC+08:00, the zone of every civil day, is ahead of UTC.
const ZONE_SECONDS: u64 = 8 * 3600;
/// Days from 1800-01-01 to 1970-01-01.
const UNIX_EPOCH_DAY: u64 = 62_091;

/// The packed value of "no expiry"; no date has this number.
pub const NO_EXPIRY: u32 = 262_143;

/// A civil date, counted from 1800-01-01 = 0 to 262142 (18 bits; the last value means "no expiry").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

/// A text or number that is no date of the years 1800 to 2517.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date YYYY-MM-DD from 1800-01-01 on")]
pub struct InvalidDay;

impl Day {
    /// The last date that has a number of its own.
    pub const MAX: Day = Day(NO_EXPIRY - 1);

    /// The day with this number.
    pub fn new(number: u32) -> Option<Day> {
        (number <= Day::MAX.0).then_some(Day(number))
    }

    /// A date of the Gregorian calendar.
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Day> {
        let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
        Day::new(u32::try_from(date.to_julian_day() - JULIAN_DAY_ZERO).ok()?)
    }

    /// Year, month 1–12, day 1–31.
    pub fn ymd(self) -> (i32, u8, u8) {
        let date = Date::from_julian_day(JULIAN_DAY_ZERO + self.0 as i32).unwrap_or(Date::MIN);
        (date.year(), date.month().into(), date.day())
    }

    /// Days since 1800-01-01.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The civil day of UTC+08:00 at an instant.
    pub fn of(now: Timestamp) -> Day {
        let days = (now.0 + ZONE_SECONDS) / 86_400 + UNIX_EPOCH_DAY;
        u32::try_from(days).ok().and_then(Day::new).unwrap_or(Day::MAX)
    }

    /// This many days later (or earlier); `None` outside the range.
    pub fn checked_add(self, days: i64) -> Option<Day> {
        Day::new(u32::try_from(i64::from(self.0) + days).ok()?)
    }

    /// First and last day of this day's month.
    pub fn month_bounds(self) -> (Day, Day) {
        let (year, month, day) = self.ymd();
        let first = Day(self.0 + 1 - u32::from(day));
        let length = Month::try_from(month).map_or(31, |m| m.length(year));
        (first, Day((first.0 + u32::from(length) - 1).min(Day::MAX.0)))
    }
}

/// `B(valid_on, age)`: the latest birth date of a person who is at least `age` on `valid_on` – the
/// same month and day so many years before, and 28 February where that day does not exist: who was
/// born on 29 February is a year older from 1 March in other years.
pub fn birth_limit(valid_on: Day, age: u32) -> Option<Day> {
    let (year, month, day) = valid_on.ymd();
    let year = year.checked_sub(i32::try_from(age).ok()?)?;
    Day::from_ymd(year, month, day)
        .or_else(|| if (month, day) == (2, 29) { Day::from_ymd(year, 2, 28) } else { None })
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Splits a text of fixed shape (`d` = digit, anything else stands for itself) into its numbers.
fn numbers<const N: usize>(text: &str, shape: &str) -> Option<[u32; N]> {
    let fits = text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(b, s)| if s == b'd' { b.is_ascii_digit() } else { b == s });
    if !fits {
        return None;
    }
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).filter(|p| !p.is_empty());
    let mut out = [0; N];
    for n in &mut out {
        *n = parts.next()?.parse().ok()?;
    }
    Some(out)
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Day, InvalidDay> {
        let [y, m, d] = numbers(text, "dddd-dd-dd").ok_or(InvalidDay)?;
        Day::from_ymd(y as i32, m as u8, d as u8).ok_or(InvalidDay)
    }
}

/// An instant in whole seconds since 1970-01-01T00:00:00Z, up to the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// A text that is no instant `YYYY-MM-DDTHH:MM:SSZ` from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an instant YYYY-MM-DDTHH:MM:SSZ from 1970 on")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// 9999-12-31T23:59:59Z, the last instant that can be written.
    pub const MAX: Timestamp = Timestamp(253_402_300_799);

    /// From seconds since 1970; later than [`Timestamp::MAX`] becomes that.
    pub fn new(seconds: u64) -> Timestamp {
        Timestamp(seconds.min(Timestamp::MAX.0))
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// So many seconds later.
    pub fn plus(self, seconds: u64) -> Timestamp {
        Timestamp::new(self.0.saturating_add(seconds))
    }

    /// So many seconds earlier, at the earliest 1970.
    pub fn minus(self, seconds: u64) -> Timestamp {
        Timestamp(self.0.saturating_sub(seconds))
    }

    /// Seconds since midnight of the civil day (UTC+08:00).
    pub fn second_of_day(self) -> u64 {
        (self.0 + ZONE_SECONDS) % 86_400
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = Date::from_julian_day((self.0 / 86_400) as i32 + 2_440_588).unwrap_or(Date::MAX);
        let s = self.0 % 86_400;
        let (y, m, d) = (date.year(), u8::from(date.month()), date.day());
        write!(f, "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}Z", s / 3600, s / 60 % 60, s % 60)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Timestamp, InvalidTimestamp> {
        let [y, mo, d, h, mi, s] = numbers(text, "dddd-dd-ddTdd:dd:ddZ").ok_or(InvalidTimestamp)?;
        let month = Month::try_from(mo as u8).map_err(|_| InvalidTimestamp)?;
        let date = Date::from_calendar_date(y as i32, month, d as u8).map_err(|_| InvalidTimestamp)?;
        let days = u64::try_from(date.to_julian_day() - 2_440_588).map_err(|_| InvalidTimestamp)?;
        if h > 23 || mi > 59 || s > 59 {
            return Err(InvalidTimestamp);
        }
        Ok(Timestamp(days * 86_400 + u64::from(h * 3600 + mi * 60 + s)))
    }
}

serde_as_text!(Day);
serde_as_text!(Timestamp);

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    /// Values of contract §3.
    #[test]
    fn known_days() {
        for (text, number) in [
            ("1800-01-01", 0),
            ("1999-11-13", 72999),
            ("2046-06-01", 90001),
            ("2024-07-06", 82001),
            ("2008-02-29", 76029),
            ("2026-11-22", 82870),
        ] {
            assert_eq!(day(text).number(), number);
            assert_eq!(Day::new(number).unwrap().to_string(), text);
        }
        assert_eq!(Day::MAX.to_string().len(), 10);
        assert_eq!(Day::new(NO_EXPIRY), None);
        assert_eq!(day("1970-01-01").number() as u64, UNIX_EPOCH_DAY);
    }

    #[test]
    fn every_number_round_trips() {
        for n in 0..=Day::MAX.0 {
            let d = Day(n);
            let (y, m, dd) = d.ymd();
            assert_eq!(Day::from_ymd(y, m, dd), Some(d));
        }
    }

    #[test]
    fn refused_texts() {
        for bad in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "1799-12-31",
            "26-01-01",
            "2026-1-01",
            "2026-01-01 ",
            "+026-01-01",
            "9999-01-01",
            "",
        ] {
            assert_eq!(bad.parse::<Day>(), Err(InvalidDay), "{bad}");
        }
        for bad in [
            "2026-11-22T24:00:00Z",
            "2026-11-22T08:60:00Z",
            "2026-11-22T08:00:00",
            "2026-11-22T08:00:00+00:00",
            "2026-11-22t08:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-31T00:00:00Z",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(InvalidTimestamp), "{bad}");
        }
    }

    #[test]
    fn known_birth_limits() {
        for (valid_on, age, limit) in [
            ("2026-11-22", 18, "2008-11-22"),
            ("2026-02-28", 18, "2008-02-28"),
            ("2026-03-01", 18, "2008-03-01"),
            ("2028-02-29", 18, "2010-02-28"),
            ("2024-02-29", 16, "2008-02-29"),
        ] {
            assert_eq!(birth_limit(day(valid_on), age), Some(day(limit)));
        }
        assert_eq!(birth_limit(day("1810-01-01"), 18), None);
    }

    /// Age counted the way people do, birthday by birthday: the slow twin of `birth_limit`.
    fn age_on(birth: Day, today: Day) -> i32 {
        let ((by, bm, bd), (ty, tm, td)) = (birth.ymd(), today.ymd());
        let leap = |y: i32| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
        let anniversary = if (bm, bd) == (2, 29) && !leap(ty) { (3, 1) } else { (bm, bd) };
        ty - by - i32::from((tm, td) < anniversary)
    }

    #[test]
    fn every_birth_date_of_two_centuries_around_each_threshold() {
        let (first, last) = (day("1900-01-01"), day("2100-12-31"));
        for birth in (first.0..=last.0).map(Day) {
            for age in [14, 16, 18, 60] {
                let (y, m, d) = birth.ymd();
                let reached = Day::from_ymd(y + age, m, d).or_else(|| Day::from_ymd(y + age, 3, 1)).unwrap();
                for offset in [-1, 0, 1] {
                    let today = reached.checked_add(offset).unwrap();
                    let limit = birth_limit(today, age as u32).unwrap();
                    assert_eq!(
                        birth <= limit,
                        age_on(birth, today) >= age,
                        "born {birth}, on {today}, age {age}"
                    );
                    assert_eq!(birth <= limit, offset >= 0);
                }
            }
        }
    }

    #[test]
    fn the_civil_day_is_that_of_utc_plus_8() {
        let t = |s: &str| s.parse::<Timestamp>().unwrap();
        assert_eq!(Day::of(t("2026-11-22T15:59:59Z")), day("2026-11-22"));
        assert_eq!(Day::of(t("2026-11-22T16:00:00Z")), day("2026-11-23"));
        assert_eq!(Day::of(Timestamp(0)), day("1970-01-01"));
        assert_eq!(t("2026-11-22T08:00:00Z").to_string(), "2026-11-22T08:00:00Z");
        assert_eq!(t("2000-02-29T23:59:59Z").seconds(), 951_868_799);
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(t("2026-11-22T15:59:59Z").second_of_day(), 86_399);
    }

    #[test]
    fn month_bounds() {
        assert_eq!(day("2028-02-11").month_bounds(), (day("2028-02-01"), day("2028-02-29")));
        assert_eq!(day("2026-12-31").month_bounds(), (day("2026-12-01"), day("2026-12-31")));
    }
}
