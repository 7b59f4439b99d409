//! An import file (contract §4) of invented people, so that a registry for trials has a crowd to hide in.

use veilpass_protocol::day::Day;
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_server::authority::IMPORT_HEADER;

/// People in the crowd. A wallet answers only what fits 1,000 people (W8). With 4,800, that holds for adults,
/// for minors, for either sex of both, and for people younger than 16.
const CROWD: u32 = 4800;
/// Days for which everybody has been enrolled: longer than any day of enrolment that may be asked for first.
const ENROLLED: i64 = 400;
/// Days for which a document is still valid.
pub const VALID: i64 = 3650;
/// Everybody is a citizen (156) of Guangdong (44), so that these two can be asked for as well.
const PLACE: &str = "national_passport,156,44,0";

/// The import file of the crowd: half of the people are adults, a quarter each is in the brackets 14–15 and 16–17
/// of the published counts. `None` if the clock is so early that nobody can be of such an age.
pub fn crowd(today: Day) -> Option<String> {
    let (year, _, _) = today.ymd();
    let mut rows = String::new();
    for i in 0..CROWD {
        let age = match i % 4 {
            0 | 1 => 20 + i % 38,
            2 => 14,
            _ => 16,
        };
        let (month, day) = (u8::try_from(1 + i % 6).ok()?, u8::try_from(1 + i % 28).ok()?);
        let born = Day::from_ymd(year - i32::try_from(age).ok()?, month, day)?;
        // Values that no secret is known for: nobody in the crowd has a wallet.
        let commitment = |role: u64| Fr::from(u64::from(i) + 1 + role * (1 << 32));
        let number = format!("C{i}");
        let sex = (i / 4) as usize;
        rows += &row([commitment(1), commitment(2)], &number, born, today.checked_add(VALID)?, sex, today)?;
    }
    Some(file(&rows))
}

/// One row: the commitments of identity and device, and what the document says. An even `sex` is female.
pub fn row(
    commitments: [Fr; 2],
    number: &str,
    born: Day,
    expires: Day,
    sex: usize,
    today: Day,
) -> Option<String> {
    let [c, d] = commitments.map(|value| to_hex(&value));
    let enrolled = today.checked_add(-ENROLLED)?;
    let sex = if sex.is_multiple_of(2) { "female" } else { "male" };
    Some(format!("{c},{d},{number},{born},{expires},{enrolled},{sex},{PLACE}\n"))
}

/// The rows under their header.
pub fn file(rows: &str) -> String {
    format!("{}\n{rows}", IMPORT_HEADER.join(","))
}
