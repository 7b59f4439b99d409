//! A made-up population, written as an import file.

use rand::Rng;
use rand::seq::SliceRandom;
use std::fmt::Write;
use veilpass_protocol::attributes::Sex;
use veilpass_protocol::day::Day;
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::poseidon::hash;

/// First six digits of resident numbers: districts of five provinces.
const DISTRICTS: [&str; 5] = ["110101", "310101", "440301", "330106", "510104"];

/// Somebody with a resident card.
pub struct Person {
    /// Identity and device commitment, as hex.
    pub commitments: [String; 2],
    /// Date of birth.
    pub born: Day,
    /// Last day of the card.
    pub expires: Option<Day>,
}

impl Person {
    /// Anybody, aged 12 to 80: the wallet's secrets are drawn and forgotten.
    pub fn anybody(today: Day, rng: &mut impl Rng) -> Person {
        let mut commitment = || to_hex(&hash(&[Fr::from(rng.r#gen::<u128>())]));
        let commitments = [commitment(), commitment()];
        let born = today.checked_add(-rng.gen_range(12 * 366..80 * 365)).unwrap_or(today);
        let expires = if rng.gen_bool(0.1) { None } else { today.checked_add(rng.gen_range(30..7300)) };
        Person { commitments, born, expires }
    }
}

/// A resident number (GB 11643): district, birth date, running number – odd for men –, check character
/// of ISO 7064 MOD 11-2. `running` counts people, so that no two have the same number.
pub fn resident_number(district: &str, born: Day, running: usize, sex: Sex) -> String {
    let (y, m, d) = born.ymd();
    let order = (running * 2 + usize::from(sex == Sex::Male)) % 1000;
    let body = format!("{district}{y:04}{m:02}{d:02}{order:03}");
    let sum = body
        .bytes()
        .zip([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
        .map(|(b, w)| usize::from(b - b'0') * w);
    let check = b"10X98765432"[sum.sum::<usize>() % 11];
    format!("{body}{}", char::from(check))
}

/// The import file (contract §4), in random order.
pub fn import_file(people: &[Person], enrolled: Day, rng: &mut impl Rng) -> String {
    let mut rows: Vec<String> = people
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let sex = if i % 2 == 0 { Sex::Male } else { Sex::Female };
            let district = DISTRICTS[i % DISTRICTS.len()];
            let number = resident_number(district, p.born, i / 2, sex);
            let expires = p.expires.map(|d| d.to_string()).unwrap_or_default();
            let [c, d] = &p.commitments;
            format!(
                "{c},{d},{number},{},{expires},{enrolled},{sex},resident_card,156,{},0\n",
                p.born,
                &district[..2]
            )
        })
        .collect();
    rows.shuffle(rng);
    let mut file = format!("{}\n", veilpass_server::authority::IMPORT_HEADER.join(","));
    rows.iter().for_each(|row| {
        // Writing into a String cannot fail.
        let _ = file.write_str(row);
    });
    file
}
