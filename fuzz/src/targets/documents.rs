//! Resident numbers and machine readable zones, with the standards' rules written down a second time.

use crate::{BYTES, Target, Verdict, repair, seeds};
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_server::authority::Document;
use veilpass_server::authority::documents::mrz;
use veilpass_server::authority::resident::resident_number;
use veilpass_server::reading::examine;

/// GB 11643.
pub const RESIDENT: Target = Target {
    name: "resident_number",
    judge: resident,
    seeds: seeds::resident_numbers,
    repair: Some(repair::resident_number),
    words: &["440301", "110105", "830000", "911124", "19991113", "20000229", "19000229", "X", "x"],
    short: 1_000_000,
    full: BYTES,
};

/// ICAO 9303, TD3 and TD1; lines are parted by LF.
pub const MRZ: Target = Target {
    name: "mrz",
    judge: zone,
    seeds: seeds::zones,
    repair: Some(repair::zone),
    words: &["P<", "I<", "C<", "<<", "<", "D<<", "CHN", "FRA", "XXX", "M", "F", "000000", "991231", "280229"],
    short: 500_000,
    full: BYTES,
};

fn attributes(document: &Document) {
    let today = seeds::today();
    if let Ok(a) = examine(document, today) {
        assert_eq!(a.check(), Ok(()));
        assert!(a.birth_date <= today && a.expires_on.is_none_or(|day| day >= today));
        assert_eq!(Attributes::unpack(&a.pack()), Some(a), "packed it is something else");
    }
}

fn resident(input: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(input) else { return Verdict::Rejected };
    let read = resident_number(text);
    if let Ok(said) = &read {
        let b = text.as_bytes();
        assert_eq!(b.len(), 18);
        assert!(b[..17].iter().all(u8::is_ascii_digit));
        // GB 11643: weights 2^(17-i) mod 11, and the table of check characters.
        let sum: u32 =
            b[..17].iter().enumerate().map(|(i, d)| u32::from(d - b'0') * (1u32 << (17 - i)) % 11).sum();
        assert_eq!(b[17], b"10X98765432"[sum as usize % 11], "the check character");
        let date = format!("{}-{}-{}", &text[6..10], &text[10..12], &text[12..14]);
        assert_eq!(said.birth_date.to_string(), date);
        assert_eq!(said.sex, if (b[16] - b'0') % 2 == 1 { Sex::Male } else { Sex::Female });
        // A 9 is followed by the province and the state; before it stand people from Hong Kong, Macao and Taiwan.
        let (class, nationality, province) = match &text[..2] {
            nine if nine.starts_with('9') => (DocumentClass::PermanentResidence, &text[3..6], &text[1..3]),
            region @ ("71" | "81" | "82" | "83") => (DocumentClass::ResidencePermit, "156", region),
            region => (DocumentClass::ResidentCard, "156", region),
        };
        assert_eq!(
            (said.document_class, format!("{:03}", said.nationality)),
            (class, nationality.to_owned())
        );
        assert_eq!(said.province.to_string(), province);
        assert!(said.document_class != DocumentClass::PermanentResidence || said.nationality != 156);
        attributes(&Document::ResidentNumber { number: text.to_owned(), expires_on: None });
    }
    Verdict::from(&read)
}

fn zone(input: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(input) else { return Verdict::Rejected };
    let lines: Vec<&str> = text.split('\n').collect();
    let read = mrz(&lines, seeds::today());
    if let Ok(said) = &read {
        assert!(
            lines
                .iter()
                .all(|l| l.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'<'))
        );
        // Where the dates stand, and every check digit of the layout.
        let (dates, digits): (&str, Vec<(String, u8)>) = match lines[..] {
            [one, two] => {
                assert!(one.len() == 44 && two.len() == 44 && one.starts_with('P'));
                (&two[13..27], repair::td3_digits(two))
            }
            [one, two, three] => {
                assert!(one.len() == 30 && two.len() == 30 && three.len() == 30);
                (&two[0..14], repair::td1_digits(one, two))
            }
            _ => panic!("{} lines", lines.len()),
        };
        for (covered, digit) in digits {
            assert_eq!(
                char::from(repair::check_digit(covered.as_bytes())),
                char::from(digit),
                "a check digit over {covered}"
            );
        }
        let (birth, expires) =
            (said.birth_date.to_string().replace('-', ""), said.expires_on.to_string().replace('-', ""));
        assert_eq!(
            (&birth[2..], &expires[2..]),
            (&dates[0..6], &dates[8..14]),
            "other dates than are printed"
        );
        assert!(expires.starts_with("20") && said.birth_date <= seeds::today());
        assert!((1..=999).contains(&said.nationality));
        let owned: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        for document_class in DocumentClass::ALL {
            attributes(&Document::Mrz { document_class: *document_class, lines: owned.clone() });
        }
    }
    Verdict::from(&read)
}
