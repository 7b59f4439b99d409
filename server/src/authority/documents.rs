//! Documents: what is wrong with one, and machine readable zones (ICAO 9303, TD3 and TD1). Resident
//! numbers are in [`super::resident`].
//!
//! A document is read exactly or refused, never repaired: who is enrolled is decided by what is
//! printed, not by what a program finds plausible. Messages name what is wrong and never repeat a
//! number, a date or a name.

use super::countries;
use super::person::{Identified, PersonKey};
use super::personal;
use mrz::{MrzData, MrzDate};
use veilpass_protocol::attributes::{DocumentClass, Sex};
use veilpass_protocol::day::Day;

/// A document that cannot be accepted (code `document_invalid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The resident number has another form. What somebody may have meant is not guessed.
    #[error(
        "a resident number has 18 characters: 17 digits 0-9, then a digit or a capital X; no space, hyphen or full-width"
    )]
    ResidentNumber,
    /// The check character of the resident number does not fit the digits before it.
    #[error(
        "the last character of the resident number does not fit its digits: compare each one with the card"
    )]
    NumberCheck,
    /// The resident number names no province of GB/T 2260.
    #[error("the resident number names no province: compare its first three digits with the card")]
    NumberProvince,
    /// Digits 4 to 6 of a number that begins with 9 are not those of a foreign state.
    #[error("digits 4 to 6 of a number that begins with 9 are the ISO 3166-1 number of a foreign state")]
    NumberNationality,
    /// The resident number has no date where the birth date stands.
    #[error("digits 7 to 14 of the resident number are not a date")]
    NumberDate,
    /// The number is that of another class of document than the row says.
    #[error("the number is that of a {}, which is not the class of the document", .0.as_str())]
    NumberOf(DocumentClass),
    /// The resident number says something else than the row or document does.
    #[error("the resident number does not agree with {0}")]
    Disagrees(&'static str),
    /// The number of another document is not 1–32 of `0-9A-Z`.
    #[error("a document number is 1-32 characters of 0-9 and A-Z")]
    Number,
    /// Not two lines of 44 or three lines of 30 characters of the zone's alphabet in its layout.
    #[error("not a machine readable zone: two lines of 44 or three lines of 30 of 0-9, A-Z and <")]
    Layout,
    /// A check digit is wrong or missing.
    #[error("a check digit of the machine readable zone does not hold")]
    CheckDigit,
    /// The birth date is unknown, incomplete or no date.
    #[error("the birth date is unknown or no date")]
    BirthDate,
    /// The date of expiry is unknown, incomplete or no date.
    #[error("the date of expiry is unknown or no date")]
    ExpiresOn,
    /// The sex is none of `M`, `F` and `<`.
    #[error("the sex is none of M, F and <")]
    Sex,
    /// The document ran out, or before its holder was born.
    #[error("the document has expired")]
    Expired,
    /// The zone is not that of a document of the class.
    #[error("the machine readable zone does not fit the class of the document")]
    Class,
    /// The nationality has no number in ISO 3166-1.
    #[error("the nationality has no number in ISO 3166-1")]
    Nationality,
}

/// Whether a text can be the number of a document that bears no resident number: 1–32 of `0-9A-Z`.
pub fn document_number(number: &str) -> Result<(), DocumentError> {
    let good = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase();
    if (1..=32).contains(&number.len()) && number.bytes().all(good) {
        Ok(())
    } else {
        Err(DocumentError::Number)
    }
}

/// What a machine readable zone says. Names are read for the person key alone and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MrzReading {
    /// Date of birth: the latest year that is not after today.
    pub birth_date: Day,
    /// Last day of validity, in the years 2000–2099.
    pub expires_on: Day,
    /// Sex; `<` is unknown.
    pub sex: Sex,
    /// ISO 3166-1 numeric code.
    pub nationality: u16,
    /// The person behind the document: issuing state with the personal number, or with birth date,
    /// sex and name (protocol.md, "Enrolment" 1).
    pub identified: Identified,
}

/// Reads a zone of two lines of 44 characters (TD3) or three of 30 (TD1). Every check digit must
/// hold; unknown dates are refused.
pub fn mrz<S: AsRef<str>>(lines: &[S], today: Day) -> Result<MrzReading, DocumentError> {
    let (data, zone) = match lines {
        [one, two] => Zone::td3(one.as_ref(), two.as_ref())?,
        [one, two, three] => Zone::td1(one.as_ref(), two.as_ref(), three.as_ref())?,
        _ => return Err(DocumentError::Layout),
    };
    if !data.valid() || !zone.digits_are_digits || data.document_number_legacy_encoding {
        return Err(DocumentError::CheckDigit);
    }
    let birth_date = birth_date(data.date_of_birth, today)?;
    let expires_on = match data.date_of_expiry {
        MrzDate::Calendar(d) => Day::from_ymd(d.year, d.month as u8, d.day as u8),
        _ => None,
    }
    .ok_or(DocumentError::ExpiresOn)?;
    let sex = match data.sex {
        mrz::Sex::Male => Sex::Male,
        mrz::Sex::Female => Sex::Female,
        mrz::Sex::Unspecified => Sex::Unknown,
        _ => return Err(DocumentError::Sex),
    };
    let nationality = countries::numeric(&data.nationality).ok_or(DocumentError::Nationality)?;
    let (state, field) = (data.issuing_country.as_str(), zone.optional);
    let by_field = || PersonKey::of_personal_number(state, field);
    let identified = if personal::is_personal_number(state, field, birth_date) {
        Identified::from(by_field())
    } else {
        // Before ADR 14 whatever stood in the field was taken for the person's number.
        let former = (!field.is_empty()).then(by_field);
        Identified { person: PersonKey::of_name(state, birth_date, sex, &name(zone.name)?), former }
    };
    Ok(MrzReading { birth_date, expires_on, sex, nationality, identified })
}

/// Columns that the parser does not hand out as they are printed.
struct Zone<'a> {
    /// Check digits are digits. The parser counts a filler as 0; the standard allows that only for an
    /// unused personal number, and a filler after the document number only where the number overflows.
    digits_are_digits: bool,
    /// TD3's optional field without trailing fillers. Of TD1 it is `""`: both optional fields of a card are
    /// passed over, because no state of the list in [`super::personal`] issues cards that are taken here.
    optional: &'a str,
    /// The name as printed, without trailing fillers.
    name: &'a str,
}

impl<'a> Zone<'a> {
    fn td3(one: &'a str, two: &'a str) -> Result<(MrzData, Zone<'a>), DocumentError> {
        let data = mrz::parse_td3(one, two).map_err(|_| DocumentError::Layout)?;
        let overflow = data.document_number_full.is_some();
        let optional = column(two, 28..42)?;
        let zone = Zone {
            digits_are_digits: (overflow || digit(two, 9))
                && [19, 27, 43].iter().all(|at| digit(two, *at))
                && (optional.is_empty() || digit(two, 42)),
            // Where the document number overflows, these columns are its remainder.
            optional: if overflow { "" } else { optional },
            name: column(one, 5..44)?,
        };
        Ok((data, zone))
    }

    fn td1(one: &'a str, two: &'a str, three: &'a str) -> Result<(MrzData, Zone<'a>), DocumentError> {
        let data = mrz::parse_td1(one, two, three).map_err(|_| DocumentError::Layout)?;
        let overflow = data.document_number_full.is_some();
        let zone = Zone {
            digits_are_digits: (overflow || digit(one, 14)) && [6, 14, 29].iter().all(|at| digit(two, *at)),
            optional: "",
            name: column(three, 0..30)?,
        };
        Ok((data, zone))
    }
}

/// A name in the one form that every zone of a person gives: the first 30 columns, which is what TD1 holds;
/// runs of fillers, with which issuers part surname and given names in more than one way, as one.
/// No check digit covers the name, so whatever is no letter is refused.
fn name(printed: &str) -> Result<String, DocumentError> {
    let words = printed.get(..30).unwrap_or(printed).split('<').filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("<");
    let letters = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'<');
    if letters && !name.is_empty() { Ok(name) } else { Err(DocumentError::Layout) }
}

fn column(line: &str, range: std::ops::Range<usize>) -> Result<&str, DocumentError> {
    Ok(line.get(range).ok_or(DocumentError::Layout)?.trim_end_matches('<'))
}

fn digit(line: &str, at: usize) -> bool {
    line.as_bytes().get(at).is_some_and(u8::is_ascii_digit)
}

/// The latest date with these two digits of the year that is not after today. The parser's own
/// century is ignored: it depends on the year in which the parser was published.
fn birth_date(printed: MrzDate, today: Day) -> Result<Day, DocumentError> {
    let (MrzDate::Calendar(date) | MrzDate::OutOfCalendar(date)) = printed else {
        return Err(DocumentError::BirthDate);
    };
    let (this_year, _, _) = today.ymd();
    let latest = this_year - (this_year - date.year).rem_euclid(100);
    (0..8)
        .filter_map(|century| Day::from_ymd(latest - 100 * century, date.month as u8, date.day as u8))
        .find(|day| *day <= today)
        .ok_or(DocumentError::BirthDate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPORT: [&str; 2] =
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
    const CARD: [&str; 3] = [
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    ];

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn today() -> Day {
        day("2026-11-22")
    }

    /// A TD3 zone with right check digits from its fields.
    fn td3(nationality: &str, birth: &str, sex: char, expires: &str, personal: &str) -> [String; 2] {
        let digit = |s: &str| mrz::check_digit(s).unwrap();
        let number = "L898902C3";
        let personal = format!("{personal:<<14}");
        let head = format!("{number}{}", digit(number));
        let (b, e, p) = (
            format!("{birth}{}", digit(birth)),
            format!("{expires}{}", digit(expires)),
            format!("{personal}{}", digit(&personal)),
        );
        let composite = digit(&format!("{head}{b}{e}{p}"));
        let two = format!("{head}{nationality:<<3}{b}{sex}{e}{p}{composite}");
        [PASSPORT[0].to_owned(), two]
    }

    /// The specimens of ICAO 9303 are well formed; their state has no number.
    #[test]
    fn specimens_are_refused_for_their_state_alone() {
        assert_eq!(mrz(&PASSPORT, today()), Err(DocumentError::Nationality));
        assert_eq!(mrz(&CARD, today()), Err(DocumentError::Nationality));
        let german = PASSPORT[1].replace("UTO", "D<<");
        let reading = mrz(&[PASSPORT[0], &german], today()).unwrap();
        assert_eq!((reading.birth_date, reading.expires_on), (day("1974-08-12"), day("2012-04-15")));
        assert_eq!((reading.sex, reading.nationality), (Sex::Female, 276));
        let card = CARD.map(|line| line.replace("UTO", "FRA"));
        let reading = mrz(&card, today()).unwrap();
        assert_eq!((reading.birth_date, reading.nationality), (day("1974-08-12"), 250));
    }

    #[test]
    fn every_check_digit_is_checked() {
        let good = PASSPORT[1].replace("UTO", "FRA");
        for at in [9, 19, 27, 42, 43] {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = b'0' + (bytes[at] - b'0' + 1) % 10;
            let two = String::from_utf8(bytes).unwrap();
            assert_eq!(mrz(&[PASSPORT[0], &two], today()), Err(DocumentError::CheckDigit), "{at}");
        }
        let card = CARD.map(|line| line.replace("UTO", "FRA"));
        for (line, at) in [(0, 14), (1, 6), (1, 14), (1, 29)] {
            let mut card = card.clone();
            let digit = card[line].as_bytes()[at];
            card[line].replace_range(at..=at, &((digit - b'0' + 1) % 10).to_string());
            assert_eq!(mrz(&card, today()), Err(DocumentError::CheckDigit), "{line} {at}");
        }
    }

    /// A filler is no check digit, though the arithmetic would take it for 0.
    #[test]
    fn fillers_are_no_check_digits() {
        let good = td3("FRA", "740812", 'F', "120415", "");
        assert_eq!(good[1].as_bytes()[42], b'0');
        let empty = format!("{}<{}", &good[1][..42], &good[1][43..]);
        assert!(mrz(&[&good[0], &empty], today()).is_ok(), "an unused personal number");
        let zero = (0..100)
            .map(|n| td3("FRA", "740812", 'F', "120415", &format!("A{n}")))
            .find(|z| z[1].as_bytes()[42] == b'0')
            .unwrap();
        assert!(mrz(&zero, today()).is_ok());
        let filler = format!("{}<{}", &zero[1][..42], &zero[1][43..]);
        assert_eq!(mrz(&[&zero[0], &filler], today()), Err(DocumentError::CheckDigit));
    }

    #[test]
    fn layouts() {
        let two = PASSPORT[1].replace("UTO", "FRA");
        for bad in [
            vec![],
            vec![PASSPORT[0]],
            vec![&PASSPORT[0][1..], &two],
            vec![PASSPORT[0], &two[1..]],
            vec![&two, PASSPORT[0]],
            vec![PASSPORT[0], &two, ""],
            vec![PASSPORT[0], "é898902C36FRA7408122F1204159ZE184226B<<<<<1"],
        ] {
            assert_eq!(mrz(&bad, today()), Err(DocumentError::Layout), "{bad:?}");
        }
        let lower = two.to_lowercase();
        assert_eq!(mrz(&[PASSPORT[0], &lower], today()), Err(DocumentError::Layout));
    }

    #[test]
    fn birth_is_the_latest_year_not_after_today() {
        let birth =
            |text: &str, on: &str| mrz(&td3("FRA", text, 'M', "300101", ""), day(on)).map(|r| r.birth_date);
        assert_eq!(birth("261122", "2026-11-22"), Ok(day("2026-11-22")));
        assert_eq!(birth("261123", "2026-11-22"), Ok(day("1926-11-23")));
        assert_eq!(birth("270101", "2026-11-22"), Ok(day("1927-01-01")));
        assert_eq!(birth("000229", "2026-11-22"), Ok(day("2000-02-29")));
        assert_eq!(birth("000229", "2000-02-28"), Err(DocumentError::BirthDate), "1900 was no leap year");
        assert_eq!(birth("000229", "2101-01-01"), Ok(day("2000-02-29")), "2100 will be none");
        for bad in ["740800", "740012", "000000", "741301", "740230", "74<<12", "<<<<<<", "74O812"] {
            assert_eq!(birth(bad, "2026-11-22"), Err(DocumentError::BirthDate), "{bad}");
        }
    }

    #[test]
    fn expiry_sex_and_nationality() {
        let read = |nationality: &str, sex, expires: &str| {
            mrz(&td3(nationality, "740812", sex, expires, ""), today())
        };
        assert_eq!(
            read("FRA", '<', "991231").map(|r| (r.sex, r.expires_on)),
            Ok((Sex::Unknown, day("2099-12-31")))
        );
        assert_eq!(read("FRA", 'X', "991231"), Err(DocumentError::Sex));
        for bad in ["<<<<<<", "300230", "300100"] {
            assert_eq!(read("FRA", 'M', bad), Err(DocumentError::ExpiresOn), "{bad}");
        }
        for bad in ["UTO", "XXA", "GBN", "RKS", "ZZZ", ""] {
            assert_eq!(read(bad, 'M', "300101"), Err(DocumentError::Nationality), "{bad}");
        }
        assert_eq!(read("D", 'M', "300101").map(|r| r.nationality), Ok(276));
    }

    fn whose(zone: &[String; 2]) -> Identified {
        mrz(zone, today()).unwrap().identified
    }

    /// A zone of a state of the list.
    fn of_state(state: &str, birth: &str, expires: &str, optional: &str) -> [String; 2] {
        let [one, two] = td3(state, birth, 'F', expires, optional);
        [one.replace("UTO", state), two]
    }

    /// The published specimen of a Czech passport of 2006: its field is a personal number.
    #[test]
    fn a_listed_state() {
        let specimen = [
            "P<CZESPECIMEN<<VZOR<<<<<<<<<<<<<<<<<<<<<<<<<".to_owned(),
            "99009054<4CZE6906229F16072996956220612<<<<74".to_owned(),
        ];
        let number = Identified::from(PersonKey::of_personal_number("CZE", "6956220612"));
        assert_eq!(whose(&specimen), number);
        // Another booklet, after a marriage: the number is the person.
        let renewed = of_state("CZE", "690622", "360729", "6956220612");
        assert_eq!(whose(&renewed), number);
        // Another person's number, somebody else's birth date, nothing, or what is no number: the name.
        for (birth, optional) in [
            ("690623", "6956220612"),
            ("690622", "6956220613"),
            ("690622", "0000000000"),
            ("690622", ""),
            ("690622", "695622<0612"),
        ] {
            let zone = of_state("CZE", birth, "360729", optional);
            let by_name = PersonKey::of_name(
                "CZE",
                day(&format!("19{}-{}-{}", &birth[..2], &birth[2..4], &birth[4..])),
                Sex::Female,
                "ERIKSSON<ANNA<MARIA",
            );
            assert_eq!(whose(&zone).person, by_name, "{optional}");
        }
    }

    /// The field of other states says nothing about the person, whether it changes or is always the same.
    #[test]
    fn an_unlisted_state() {
        let with = of_state("FRA", "740812", "120415", "ZE184226B");
        let renewed = of_state("FRA", "740812", "320415", "ZE184227B");
        let without = of_state("FRA", "740812", "320415", "");
        assert_eq!(whose(&with).person, whose(&renewed).person);
        assert_eq!(whose(&with).person, whose(&without).person);
        let mut other = of_state("FRA", "740812", "120415", "ZE184226B");
        other[0] = other[0].replace("ANNA", "ANNE");
        assert_ne!(whose(&with).person, whose(&other).person, "one value for everybody is nobody's number");
        // The rule before told persons apart by the field alone.
        let former = |field| Some(PersonKey::of_personal_number("FRA", field));
        assert_eq!((whose(&with).former, whose(&renewed).former), (former("ZE184226B"), former("ZE184227B")));
        assert_eq!((whose(&other).former, whose(&without).former), (former("ZE184226B"), None));
    }

    /// Neither optional field of a card says who somebody is.
    #[test]
    fn optional_fields_of_cards() {
        let digit = |s: &str| mrz::check_digit(s).unwrap();
        let card = |first: &str, second: &str| {
            let one = format!("{:<<30}", format!("I<FRAD231458907{first}"));
            let composite = digit(&format!("{}7408122{}{second:<<11}", &one[5..], "3204153"));
            let two = format!("7408122F3204153FRA{second:<<11}{composite}");
            mrz(&[one, two, "ERIKSSON<<ANNA<MARIA<<<<<<<<<<".to_owned()], today()).unwrap().identified
        };
        let plain = card("", "");
        assert_eq!(plain.former, None);
        for (first, second) in [("100000001<2001", ""), ("", "12345678901"), ("000000000", "1")] {
            assert_eq!(card(first, second), plain, "{first} {second}");
        }
    }
}
