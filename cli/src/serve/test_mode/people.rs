//! The made-up people of test mode: four who answer, and a crowd around them.

use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_protocol::day::{Day, birth_limit};
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_prover::Wallet;
use veilpass_server::authority::IMPORT_HEADER;

/// People in the crowd. A wallet answers only what fits 1,000 people (W8). With 4,800, that holds for adults,
/// for minors, for either sex of both, and for people younger than 16.
const CROWD: u32 = 4800;
/// Days for which everybody has been enrolled: longer than any day of enrolment that may be asked for first.
const ENROLLED: i64 = 400;
/// Days for which a document is still valid.
const VALID: i64 = 3650;
/// Everybody is a citizen (156) of Guangdong (44), so that these two can be asked for as well.
const PLACE: &str = "national_passport,156,44,0";

/// Somebody who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// Is 30 years old and agrees to everything.
    Adult,
    /// Is 15 years old and agrees to everything.
    Minor,
    /// Is 40 years old, with a document that expired ten days ago.
    Expired,
    /// Is 35 years old and says no to everything.
    Declines,
}

impl Person {
    /// All of them.
    pub const ALL: [Person; 4] = [Person::Adult, Person::Minor, Person::Expired, Person::Declines];

    /// The name in routes.
    pub fn name(self) -> &'static str {
        match self {
            Person::Adult => "adult",
            Person::Minor => "minor",
            Person::Expired => "expired",
            Person::Declines => "declines",
        }
    }

    /// Who that is, for the page.
    pub fn about(self) -> &'static str {
        match self {
            Person::Adult => "30 years old, says yes",
            Person::Minor => "15 years old, says yes",
            Person::Expired => "40 years old, with an expired document, says yes",
            Person::Declines => "35 years old, says no",
        }
    }

    /// By the name in routes.
    pub fn from_name(name: &str) -> Option<Person> {
        Person::ALL.into_iter().find(|person| person.name() == name)
    }

    /// Whether this person says yes.
    pub fn agrees(self) -> bool {
        self != Person::Declines
    }

    /// The wallet, with secrets that are the same at each start: so are the pseudonyms that sites keep.
    pub fn wallet(self) -> Wallet {
        let seed = match self {
            Person::Adult => 1,
            Person::Minor => 2,
            Person::Expired => 3,
            Person::Declines => 4,
        };
        Wallet::new(&mut StdRng::seed_from_u64(seed))
    }

    fn age(self) -> u32 {
        match self {
            Person::Adult => 30,
            Person::Minor => 15,
            Person::Expired => 40,
            Person::Declines => 35,
        }
    }

    fn expires(self, today: Day) -> Option<Day> {
        today.checked_add(if self == Person::Expired { -10 } else { VALID })
    }
}

/// The import file of the four; `None` if the clock is so early that nobody can be of such an age.
pub fn those_who_answer(today: Day, wallets: &[(Person, Wallet)]) -> Option<String> {
    let mut rows = String::new();
    for (number, (person, wallet)) in wallets.iter().enumerate() {
        // In the middle of a year of life: wallets say nothing about an age near a birthday (W5).
        let born = birth_limit(today, person.age())?.checked_add(-180)?;
        let commitments = [wallet.identity_commitment(), wallet.device_commitment()];
        rows += &row(commitments, &format!("P{number}"), born, person.expires(today)?, number, today)?;
    }
    Some(file(&rows))
}

/// The import file of the crowd: half of them adults, a quarter each in the brackets 14–15 and 16–17 of the
/// published counts.
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

fn row(
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

fn file(rows: &str) -> String {
    format!("{}\n{rows}", IMPORT_HEADER.join(","))
}
