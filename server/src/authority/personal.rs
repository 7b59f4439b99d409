//! Personal numbers in passports ([ADR 14]). ICAO 9303-4 leaves positions 29-42 of the second line to the
//! issuing state. Some states print the holder's number there, for life; the United States print one that
//! changes with each booklet, others the same value in every passport or nothing.
//!
//! So the field is a personal number only for the states of this list, and only where it proves to be one:
//! by form, check digit and the birth date in it. A value that is the same for everybody has neither.
//!
//! [ADR 14]: ../../../docs/adr/0014-the-person-behind-a-passport.md

use veilpass_protocol::day::Day;

/// Whether the field, trailing fillers cut off, is a personal number of the state's (letters of the zone)
/// for somebody who was born on this day.
pub fn is_personal_number(state: &str, field: &str, birth_date: Day) -> bool {
    let Some(digits) = field.bytes().map(|b| b.is_ascii_digit().then(|| u32::from(b - b'0'))).collect()
    else {
        return false;
    };
    let born = match state {
        "CZE" => czech(digits),
        "LTU" => lithuanian(digits),
        "SRB" => serbian(digits),
        "UZB" => uzbek(digits),
        _ => None,
    };
    born == Some(birth_date)
}

/// Rodné číslo, the ten digits given since 1954: YYMMDD, an order of four; the whole is a multiple of 11.
/// Women have 50 added to the month, either sex another 20 where a day's numbers run out.
fn czech(digits: Vec<u32>) -> Option<Day> {
    let [y1, y2, m1, m2, d1, d2, ..] = digits[..] else { return None };
    let remainder = digits.iter().fold(0, |rest, digit| (rest * 10 + digit) % 11);
    if digits.len() != 10 || remainder != 0 {
        return None;
    }
    let (year, printed) = (10 * y1 + y2, 10 * m1 + m2);
    let month = [0, 20, 50, 70].into_iter().filter_map(|added| printed.checked_sub(added));
    let month = month.into_iter().find(|month| (1..=12).contains(month))?;
    day(if year < 54 { 2000 } else { 1900 } + year, month, 10 * d1 + d2)
}

/// Asmens kodas: century and sex, YYMMDD, an order of three, a check digit by weights 1, 2, 3 …, or 3, 4, 5 …
/// where those leave 10.
fn lithuanian(digits: Vec<u32>) -> Option<Day> {
    let [g, y1, y2, m1, m2, d1, d2, .., check] = digits[..] else { return None };
    let by = |first: usize| {
        let weights = (1..=9).cycle().skip(first - 1);
        digits.iter().zip(weights).take(10).map(|(digit, weight)| digit * weight).sum::<u32>() % 11
    };
    let expected = [by(1), by(3), 0].into_iter().find(|rest| *rest != 10);
    if digits.len() != 11 || expected != Some(check) {
        return None;
    }
    day(century(g)? + 10 * y1 + y2, 10 * m1 + m2, 10 * d1 + d2)
}

/// JMBG: DDMM, the year's last three digits, a region, an order of three, a check digit by weights 7 to 2.
fn serbian(digits: Vec<u32>) -> Option<Day> {
    let [d1, d2, m1, m2, y1, y2, y3, .., check] = digits[..] else { return None };
    let weights = [7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum();
    let expected = match 11 - sum % 11 {
        10 | 11 => 0,
        digit => digit,
    };
    if digits.len() != 13 || expected != check {
        return None;
    }
    let year = 100 * y1 + 10 * y2 + y3;
    day(if year < 800 { 2000 } else { 1000 } + year, 10 * m1 + m2, 10 * d1 + d2)
}

/// JShShIR: century and sex, DDMMYY, a district, an order of three, a check digit by weights 7, 3, 1.
fn uzbek(digits: Vec<u32>) -> Option<Day> {
    let [g, d1, d2, m1, m2, y1, y2, .., check] = digits[..] else { return None };
    let weights = [7, 3, 1].into_iter().cycle();
    let sum: u32 = digits.iter().zip(weights).take(13).map(|(digit, weight)| digit * weight).sum();
    if digits.len() != 14 || sum % 10 != check {
        return None;
    }
    day(century(g)? + 10 * y1 + y2, 10 * m1 + m2, 10 * d1 + d2)
}

/// 1 and 2: born in the 19th century, and so on; odd is male, even female.
fn century(digit: u32) -> Option<u32> {
    (1..=6).contains(&digit).then(|| 1800 + (digit - 1) / 2 * 100)
}

fn day(year: u32, month: u32, day: u32) -> Option<Day> {
    Day::from_ymd(year as i32, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Czech one is that of a published specimen, the Lithuanian and the Serbian one are examples of the
    /// package python-stdnum; the Uzbek one is made up and its check digit worked out by hand (sum 113).
    const KNOWN: [(&str, &str, &str); 4] = [
        ("CZE", "6956220612", "1969-06-22"),
        ("LTU", "33309240064", "1933-09-24"),
        ("SRB", "0101006500006", "2006-01-01"),
        ("UZB", "40201855120013", "1985-01-02"),
    ];

    fn born(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn known_numbers() {
        for (state, number, birth) in KNOWN {
            assert!(is_personal_number(state, number, born(birth)), "{state}");
            assert!(!is_personal_number(state, number, born("1985-03-15")), "{state}: another's birth date");
            for other in ["USA", "FRA", "D", "", "UTO"] {
                assert!(!is_personal_number(other, number, born(birth)), "{state} as {other}");
            }
        }
    }

    /// One changed digit is no number any more: by the check digit, or by the birth date. The Lithuanian check
    /// digit, which has two sets of weights, misses some changes of the order.
    #[test]
    fn a_changed_digit_is_noticed() {
        for (state, number, birth) in KNOWN {
            for at in 0..number.len() {
                for digit in '0'..='9' {
                    let mut changed = number.to_owned();
                    changed.replace_range(at..=at, &digit.to_string());
                    let same = changed == number;
                    if state == "LTU" && (7..10).contains(&at) {
                        continue;
                    }
                    assert_eq!(
                        is_personal_number(state, &changed, born(birth)),
                        same,
                        "{state} {at} {digit}"
                    );
                }
            }
        }
    }

    /// What states print where they have no number for a person: nothing, fillers, one value for all.
    #[test]
    fn constants_are_no_numbers() {
        let constants = [
            "",
            "0",
            "000000000",
            "0000000000",
            "00000000000",
            "0000000000000",
            "00000000000000",
            "1234567890",
            "99999999999999",
            "100000001<2001",
            "P<P",
            "AB",
            "695622<0612",
            "69562206120",
            "695622061",
        ];
        for (state, _, birth) in KNOWN {
            for constant in constants {
                assert!(!is_personal_number(state, constant, born(birth)), "{state} {constant}");
            }
        }
    }
}
