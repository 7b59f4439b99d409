//! A crowd for the platform that learns (`adaptive`): people of all kinds, wallets of some of them, and an
//! epoch with its cells for each day.

use super::testkit::*;
use crate::rules::Rules;
use crate::state::Own;
use crate::wallet::Wallet;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;
use veilpass_protocol::attributes::{Attributes, DocumentClass, Sex};
use veilpass_protocol::cells::{Cell, Cells};
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::Fr;

/// The day on which the watching begins. The two years that follow hold a 29 February and a February
/// without one.
pub(crate) const FIRST: &str = "2024-01-10";
/// How many days are sealed.
pub(crate) const DAYS: u32 = 800;

/// A number of a day as a day.
pub(crate) fn number(n: u32) -> Day {
    Day::new(n).unwrap()
}

/// An instant of a civil day (UTC+08:00).
pub(crate) fn time_of(day: Day, hour: u64) -> Timestamp {
    let since_1970 = u64::from(day.number() - super::testkit::day("1970-01-01").number());
    Timestamp::new(since_1970 * 86_400 + hour * 3600 - 8 * 3600)
}

/// What everybody has synced on a day.
struct Sealed {
    note: String,
    cells: Cells,
}

/// People, of whom the first have wallets.
pub(crate) struct Crowd {
    pub(crate) people: Vec<Attributes>,
    wallets: Vec<Wallet>,
    sealed: Vec<Sealed>,
}

impl Crowd {
    /// So many people, and wallets for so many of them: first those whose dates are awkward, then
    /// whoever comes.
    pub(crate) fn new(seed: u64, people: usize, wallets: usize) -> Crowd {
        let mut world = World::empty(seed);
        let mut rng = world.rng.clone();
        let mut crowd: Vec<Attributes> = awkward(&mut rng);
        crowd.resize_with(people, || anybody(&mut rng));
        let first = day(FIRST);

        let mut places: Vec<usize> = (0..people).collect();
        places.shuffle(&mut rng);
        let mut leaves: Vec<Fr> = (0..people as u64).map(|i| Fr::from(1_000_000 + i)).collect();
        let mut holders: Vec<Wallet> =
            crowd[..wallets].iter().map(|attributes| world.applicant(attributes.clone())).collect();
        for (holder, place) in holders.iter().zip(&places) {
            leaves[*place] = leaf(holder);
        }
        let mut counts = BTreeMap::<Cell, u64>::new();
        for person in &crowd {
            *counts.entry(cell(person)).or_default() += 1;
        }
        world.cells = counts.into_iter().collect();
        world.seal(time_of(first, 0), &leaves, &[]);

        // One wallet syncs. The others get the same, with the path of their own leaf: hashing all tiles
        // again for each of them would take longer than all questions.
        assert!(holders[0].sync(&world, &world.key(), time_of(first, 1)).unwrap().enrolled);
        let state = holders[0].state.clone();
        for (holder, place) in holders.iter_mut().zip(&places) {
            let place = *place as u64;
            let path = Some(world.tree.path(place).unwrap());
            holder.state = state.clone();
            holder.state.own = Own { leaf: Some(leaf(holder)), place: Some(place), path, searched: 0 };
        }
        // Counted once for each year: nothing else changes in them.
        let people = std::mem::take(&mut world.cells);
        let mut of_year = BTreeMap::<i32, Cells>::new();
        let mut sealed = Vec::new();
        for n in first.number()..first.number() + DAYS {
            let at = time_of(number(n), 0);
            if n > first.number() {
                world.seal(at, &[], &[]);
            }
            let epoch = world.newest().epoch;
            let year = number(n).ymd().0;
            let cells =
                of_year.entry(year).or_insert_with(|| Cells::count(epoch, at, people.iter().copied()));
            let note = world.notes.last_key_value().unwrap().1.1.clone();
            cells.epoch = epoch;
            sealed.push(Sealed { note, cells: cells.clone() });
        }
        Crowd { people: crowd, wallets: holders, sealed }
    }

    /// The wallet of a person as it was on the first day, with other rules.
    pub(crate) fn wallet(&self, person: usize, rules: Rules) -> Wallet {
        let wallet = &self.wallets[person];
        Wallet {
            k: wallet.k.clone(),
            d: wallet.d.clone(),
            credential: wallet.credential.clone(),
            state: wallet.state.clone(),
            prepared: Default::default(),
            home: wallet.home.clone(),
            rules,
        }
    }

    /// The wallet has synced on this day.
    pub(crate) fn sync(&self, wallet: &mut Wallet, today: Day) {
        let sealed = &self.sealed[(today.number() - day(FIRST).number()) as usize];
        let epochs = wallet.state.epochs.as_mut().unwrap();
        epochs.install(&sealed.note, &Default::default(), time_of(today, 0)).unwrap();
        wallet.state.cells = Some(sealed.cells.clone());
    }

    /// The cells that are published on this day.
    pub(crate) fn cells(&self, today: Day) -> &Cells {
        &self.sealed[(today.number() - day(FIRST).number()) as usize].cells
    }
}

fn cell(person: &Attributes) -> Cell {
    Cell {
        sex: person.sex,
        document_class: person.document_class,
        nationality: person.nationality,
        province: person.province,
        birth_year: person.birth_date.ymd().0,
    }
}

/// Somebody. Every third is of an age at which answers change while they are watched.
pub(crate) fn anybody(rng: &mut StdRng) -> Attributes {
    use DocumentClass::*;
    let first = day(FIRST).number();
    let years = |n: u32| n * 36_525 / 100;
    let (youngest, oldest) = match rng.gen_range(0..12) {
        0..4 => (years(12), years(18)),
        4 => (years(58), years(60)),
        _ => (years(1), years(90)),
    };
    let born = first - rng.gen_range(youngest..oldest);
    let class = *[ResidentCard, ResidentCard, ResidentCard, NationalPassport, ForeignPassport, HkMacaoPermit]
        .choose(rng)
        .unwrap();
    let (nationality, province) = match class {
        ResidentCard => (156, *[11, 31, 44, 50, 65].choose(rng).unwrap()),
        NationalPassport => (156, 0),
        HkMacaoPermit => (*[344, 446].choose(rng).unwrap(), 0),
        _ => (*[36, 250, 276, 392, 410, 643, 840].choose(rng).unwrap(), 0),
    };
    let soon = rng.gen_ratio(1, 10);
    Attributes {
        birth_date: number(born),
        expires_on: (soon || rng.gen_ratio(9, 10))
            .then(|| number(first + rng.gen_range(0..if soon { DAYS } else { 7000 }))),
        enrolled_on: number((first - rng.gen_range(0..2500)).max(born)),
        sex: *[Sex::Male, Sex::Female, Sex::Male, Sex::Female, Sex::Unknown].choose(rng).unwrap(),
        document_class: class,
        nationality,
        province,
        generation: *[0, 0, 0, 0, 0, 0, 0, 0, 1, 2].choose(rng).unwrap(),
    }
}

/// People who were born, enrolled or have a document that ends on the days at which rules have edges.
fn awkward(rng: &mut StdRng) -> Vec<Attributes> {
    let births = [
        "2008-02-29",
        "2008-02-28",
        "2008-03-01",
        "2006-02-28",
        "2006-03-01",
        "2006-11-01",
        "2006-11-30",
        "2006-12-01",
        "2007-12-31",
        "2008-01-01",
        "2010-02-01",
        "2010-02-28",
        "2010-03-01",
        "2012-02-29",
        "1964-02-29",
        "1964-08-01",
        "1979-02-12",
        "2011-07-31",
        "2011-08-01",
    ];
    let mut people: Vec<Attributes> = births
        .into_iter()
        .map(|birth| Attributes {
            birth_date: day(birth),
            enrolled_on: day("2020-07-01"),
            expires_on: Some(day("2046-06-01")),
            ..anybody(rng)
        })
        .collect();
    let edges = [
        ("2023-07-01", "2024-01-31"),
        ("2023-07-02", "2024-02-01"),
        ("2023-12-31", "2024-02-29"),
        ("2024-01-01", "2024-03-01"),
        ("2024-01-09", "2025-01-01"),
        (FIRST, "2024-12-31"),
    ];
    people.extend(edges.map(|(enrolled, expires)| Attributes {
        enrolled_on: day(enrolled),
        expires_on: Some(day(expires)),
        birth_date: day("1980-05-17"),
        ..anybody(rng)
    }));
    people
}
