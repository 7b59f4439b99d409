//! The made-up people of test mode who answer.

use crate::crowd::{VALID, file, row};
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_protocol::day::{Day, birth_limit};
use veilpass_prover::Wallet;

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
