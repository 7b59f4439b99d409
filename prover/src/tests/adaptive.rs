//! What a platform learns that asks and asks, and chooses each question by the answers to all before.
//!
//! It may use every public input, every kind of link, as many contexts or hosts as it likes, the hours
//! around midnight, and two years; the person agrees to everything that the wallet lets through, without
//! ever setting the month rule aside. Each question goes to the wallet itself – reading, rules, crowd,
//! pins, slots, and the statement checked on the leaf and its path – and nothing is left out but the proof
//! and the writing of files: a million proofs cannot be made. What real ones look like is the subject of
//! `same_form`.

use super::adversary::{Adversary, Knowledge, Spread, shifted};
use super::crowd::{Crowd, DAYS, FIRST, number};
use super::testkit::*;
use crate::rules::Rules;
use std::collections::BTreeMap;
use veilpass_protocol::attributes::{Attributes, DocumentGroup, Sex};
use veilpass_protocol::day::Day;
use veilpass_protocol::predicates::{AGES, AgePredicate, Predicates};

/// Four weeks: the promise of protocol.md's rules W1, W2, W3 and W5 together.
const FOUR_WEEKS: u32 = 28;

/// People, people who are watched, requests to each; more with `VEILPASS_LONG=1`.
fn size() -> (usize, usize, u32) {
    if std::env::var_os("VEILPASS_LONG").is_some() { (100_000, 1000, 1000) } else { (20_000, 40, 200) }
}

fn asking(change: impl FnOnce(&mut Predicates)) -> Predicates {
    let mut p = Predicates::valid();
    change(&mut p);
    p
}

fn age(at_least: Option<u32>, below: Option<u32>) -> Predicates {
    asking(|p| p.age = Some(AgePredicate { at_least, below }))
}

fn since(day: Day) -> Predicates {
    asking(|p| p.enrolled_on_or_before = Some(day))
}

/// Every first of January and July before a day.
fn half_years(before: Day) -> Vec<Day> {
    let days = (2015..=before.ymd().0).flat_map(|year| [1, 7].map(|m| Day::from_ymd(year, m, 1).unwrap()));
    days.filter(|day| *day < before).collect()
}

/// Both questions about each age that the rules leave: of the closed list, or any.
fn ages(rules: Rules) -> Vec<Predicates> {
    let years: Vec<u32> = if rules.w2 { AGES.to_vec() } else { (1..100).collect() };
    years.into_iter().flat_map(|n| [age(Some(n), None), age(None, Some(n))]).collect()
}

/// How a person is watched.
#[derive(Clone, Copy)]
struct Watch {
    rules: Rules,
    requests: u32,
    /// So many days, and which of them besides the edges of months.
    days: u32,
    every: u32,
    spread: Spread,
}

/// Everything that a platform can try on one person.
fn watched(crowd: &Crowd, person: usize, watch: Watch) -> Adversary<'_> {
    let mut a = Adversary::new(crowd, person, watch.rules, watch.requests, watch.spread);
    let first = day(FIRST);
    if a.ask(&Predicates::valid(), first, first, 1) {
        doors(&mut a, first);
        standing(&mut a, first);
        wait(&mut a, watch, first);
        // Whatever is left goes into questions of all kinds, also to those whose documents have ended.
        while a.left > 0 {
            something(&mut a, shifted(first, i64::from(watch.days) - 1));
        }
    }
    a
}

/// Questions that the rules forbid, and searches where they let one through.
fn doors(a: &mut Adversary<'_>, first: Day) {
    let valid = Predicates::valid();
    for (hour, days) in [(1, &[-2, -1, 1][..]), (12, &[-3650, -365, -30, -1, 1, 30, 3650]), (23, &[-1, 1, 2])]
    {
        for days in days {
            a.ask(&valid, shifted(first, *days), first, hour);
        }
    }
    a.search(Knowledge::expires, |a, n| {
        a.ask(&valid, number((n + 1).min(Day::MAX.number())), first, 12);
    });
    a.search(Knowledge::enrolled, |a, n| {
        a.ask(&valid, number(n), first, 12);
    });
    for p in [age(Some(21), None), age(None, Some(30)), age(Some(18), Some(19)), age(Some(60), Some(18))] {
        a.ask(&p, first, first, 12);
    }
    a.search(Knowledge::enrolled, |a, n| {
        a.ask(&since(number(n)), first, first, 12);
    });
    for g in [1, 2, 3] {
        a.ask(&asking(|p| p.generation_at_most = Some(g)), first, first, 12);
    }
}

/// What does not change from day to day.
fn standing(a: &mut Adversary<'_>, first: Day) {
    let mut questions: Vec<Predicates> = Vec::new();
    questions.extend(Sex::ALL.iter().map(|sex| asking(|p| p.sex = Some(*sex))));
    questions.extend(DocumentGroup::ALL.iter().map(|group| asking(|p| p.documents = Some(*group))));
    questions.extend((1..=99).map(|n| asking(|p| p.province = Some(n))));
    questions.extend((1..=999).map(|n| asking(|p| p.nationality = Some(n))));
    questions.push(asking(|p| p.generation_at_most = Some(0)));
    for p in &questions {
        if a.left > 1 && a.open(p, first, first, 12) {
            a.ask(p, first, first, 12);
        }
    }
    a.halve(&half_years(first).into_iter().map(since).collect::<Vec<_>>(), first, first, 12);
    a.halve(&ages(a.wallet.rules), first, first, 12);
}

/// Waits for answers to change: day by day, closest around the edges of months, also at night.
fn wait(a: &mut Adversary<'_>, watch: Watch, first: Day) {
    let ages = ages(watch.rules);
    for n in 1..watch.days {
        let today = shifted(first, n.into());
        let (begin, end) = today.month_bounds();
        if today != begin && today != end && n % watch.every != 0 {
            continue;
        }
        let night = if today == begin { (1, -1) } else { (23, 1) };
        for (hour, days) in [(12, 0), night] {
            let valid_on = shifted(today, days);
            if (days != 0 && today != begin && today != end) || a.left < 2 {
                continue;
            }
            if a.open(&Predicates::valid(), valid_on, today, hour)
                && !a.ask(&Predicates::valid(), valid_on, today, hour)
                && valid_on == today
            {
                return;
            }
            a.halve(&ages, valid_on, today, hour);
            if today == begin {
                a.halve(&half_years(today).into_iter().map(since).collect::<Vec<_>>(), valid_on, today, hour);
            }
        }
        if a.left > (watch.days - n) / watch.every + 100 {
            something(a, today);
        }
    }
}

/// Any question at all: the wallet has to answer as the rules' text says.
fn something(a: &mut Adversary<'_>, today: Day) {
    let years = [None, None, Some(14), Some(16), Some(18), Some(60), Some(17), Some(40)];
    let (at_least, below) = (a.any(&years), a.any(&years));
    let p = Predicates {
        valid: Default::default(),
        age: (at_least.is_some() || below.is_some()).then_some(AgePredicate { at_least, below }),
        sex: a.coin().then(|| a.any(Sex::ALL)),
        documents: a.coin().then(|| a.any(DocumentGroup::ALL)),
        nationality: a.coin().then(|| a.any(&[156, 156, 250, 344, 4])),
        province: (a.coin() && a.coin()).then(|| a.any(&[11, 31, 44, 99])),
        enrolled_on_or_before: a.coin().then(|| a.any(&[day("2020-07-01"), day("2023-07-01"), today])),
        generation_at_most: a.coin().then(|| a.any(&[0, 0, 1])),
    };
    let (hour, days) = (a.any(&[1, 12, 23]), a.any(&[-1, 0, 0, 0, 1, 30]));
    a.ask(&p, shifted(today, days), today, hour);
}

/// What the statements that may be asked for say of a person in all that time, from their meaning: two
/// people of whom they say the same have to look the same.
type Said = (Sex, usize, u16, u8, bool, Option<Day>, bool, [i32; 4], u32);

fn said(person: &Attributes, last: Day) -> Said {
    let first = day(FIRST);
    let month = |day: Day| day.ymd().0 * 12 + i32::from(day.ymd().1);
    let group = DocumentGroup::ALL.iter().position(|g| g.classes().contains(&person.document_class)).unwrap();
    // The half-year of enrolment, and whether that was on the first day of the watch: it shows then.
    let half_year = half_years(shifted(last, -178)).into_iter().find(|day| person.enrolled_on <= *day);
    let born = month(shifted(person.birth_date, -1));
    let turns = AGES.map(|years| (born + 12 * years as i32).clamp(month(first) - 2, month(last) + 2));
    let expires = person.expires_number().clamp(first.number() - 2, last.number() + 1);
    (
        person.sex,
        group,
        person.nationality,
        person.province,
        person.generation == 0,
        half_year,
        person.enrolled_on >= first,
        turns,
        expires,
    )
}

/// What came of watching one person.
struct Seen {
    requests: u32,
    /// Bits of what the platform knows, and of all that the statements say: how far each narrows the crowd.
    learned: f64,
    statements: f64,
    /// Days on which the person may have been born.
    born_within: u32,
    /// The document ended meanwhile; the person had enrolled since the half-year began.
    expired: bool,
    enrolled: bool,
}

#[test]
fn an_adaptive_platform_learns_what_may_be_asked_and_no_date() {
    let (people, targets, requests) = size();
    let crowd = Crowd::new(90, people, targets);
    let every = if requests < 1000 { 8 } else { 1 };
    let watch = Watch { rules: Rules::ALL, requests, days: DAYS, every, spread: Spread::Contexts };
    let last = shifted(day(FIRST), i64::from(DAYS) - 1);
    let mut alike = BTreeMap::<Said, Vec<usize>>::new();
    for (i, person) in crowd.people.iter().enumerate() {
        alike.entry(said(person, last)).or_default().push(i);
    }
    let one = |i: usize| {
        let a = watched(&crowd, i, watch);
        let person = &crowd.people[i];
        assert!(a.is_right(person), "person {i}: {person:?} is not within {:?}", a.known);
        assert!(a.known.birth().width() >= FOUR_WEEKS, "person {i}: born {:?}", a.known.birth());
        let expired = person.expires_on.is_some_and(|day| day <= last);
        assert!(expired || a.known.expires().width() >= FOUR_WEEKS, "person {i}: {:?}", a.known);
        // Whoever answers has enrolled: seen within four weeks after a half-year began, that is a narrower span.
        let enrolled = person.enrolled_on > *half_years(day(FIRST)).last().unwrap();
        assert!(enrolled || a.known.enrolled().width() >= FOUR_WEEKS, "person {i}: {:?}", a.known);
        let same = &alike[&said(person, last)];
        for other in same {
            assert!(a.known.fits(&crowd.people[*other]), "person {i} is told from {other}");
        }
        let fit = crowd.people.iter().filter(|other| a.known.fits(other)).count();
        let bits = |left: usize| (people as f64 / left as f64).log2();
        Seen {
            requests: requests - a.left,
            learned: bits(fit),
            statements: bits(same.len()),
            born_within: a.known.birth().width(),
            expired,
            enrolled,
        }
    };
    let half = targets / 2;
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let other = scope.spawn(|| (half..targets).map(one).collect::<Vec<_>>());
        let mut seen: Vec<_> = (0..half).map(one).collect();
        seen.extend(other.join().unwrap());
        seen
    });
    let mean = |of: fn(&Seen) -> f64| seen.iter().map(of).sum::<f64>() / seen.len() as f64;
    assert!(seen.iter().all(|s| s.learned <= s.statements));
    println!(
        "{targets} of {people} people, {} requests: {:.2} bits learned of {:.2} that the statements have; \
         birth dates within {} days at best; {} documents ended, {} enrolled in the nine days before",
        seen.iter().map(|s| s.requests).sum::<u32>(),
        mean(|s| s.learned),
        mean(|s| s.statements),
        seen.iter().map(|s| s.born_within).min().unwrap(),
        seen.iter().filter(|s| s.expired).count(),
        seen.iter().filter(|s| s.enrolled).count(),
    );
    // It is a good platform: it learns nearly everything that may be asked.
    assert!(mean(|s| s.learned) > 0.7 * mean(|s| s.statements));
}

/// The same platform against wallets without one of the rules: it has to succeed.
#[test]
fn without_a_rule_the_adaptive_platform_finds_dates() {
    let crowd = Crowd::new(91, 3000, 30);
    let find = |birth: &str| crowd.people.iter().position(|p| p.birth_date == day(birth)).unwrap();
    let watch =
        |rules: Rules, days: u32| Watch { rules, requests: 400, days, every: 1, spread: Spread::Contexts };
    let exact = |a: &Adversary<'_>, i: usize, which: fn(&Knowledge) -> super::adversary::Span| {
        assert!(a.is_right(&crowd.people[i]));
        which(&a.known).width() == 1
    };
    // W1: expiry and enrolment, on the first day.
    for i in 0..12 {
        let a = watched(&crowd, i, watch(Rules { w1: false, ..Rules::ALL }, 1));
        assert!(exact(&a, i, Knowledge::expires) && exact(&a, i, Knowledge::enrolled), "{:?}", a.known);
    }
    // W3: enrolment.
    for i in 0..3 {
        let a = watched(&crowd, i, watch(Rules { w3: false, ..Rules::ALL }, 1));
        assert!(exact(&a, i, Knowledge::enrolled), "{:?}", a.known);
    }
    // W5: the birthday of whoever comes of age; W2: everybody's month, and without W5 the day.
    for birth in ["2006-02-28", "2008-02-29", "2006-03-01"] {
        let i = find(birth);
        let a = watched(&crowd, i, watch(Rules { w5: false, ..Rules::ALL }, 60));
        assert!(exact(&a, i, Knowledge::birth), "{birth}: {:?}", a.known);
    }
    let adult = find("1979-02-12");
    let a = watched(&crowd, adult, watch(Rules { w2: false, ..Rules::ALL }, 60));
    assert!((FOUR_WEEKS..=31).contains(&a.known.birth().width()), "{:?}", a.known);
    let a = watched(&crowd, adult, watch(Rules { w2: false, w5: false, ..Rules::ALL }, 60));
    assert!(exact(&a, adult, Knowledge::birth), "{:?}", a.known);
    let a = watched(&crowd, adult, watch(Rules::ALL, 60));
    assert!(a.known.birth().width() > 40 * 365, "between 18 and 60, and no more: {:?}", a.known);
}

/// W4 binds a host and a context. A host with a context for each question knows what many hosts would
/// know together, and no more.
#[test]
fn many_hosts_learn_what_many_contexts_do() {
    let crowd = Crowd::new(92, 3000, 22);
    let mut known: Vec<Knowledge> = Vec::new();
    for i in [1, 10, 20] {
        let [contexts, hosts] = [Spread::Contexts, Spread::Hosts].map(|spread| {
            let watch = Watch { rules: Rules::ALL, requests: 150, days: 120, every: 40, spread };
            watched(&crowd, i, watch).known
        });
        assert_eq!(contexts, hosts);
        assert!(!known.contains(&contexts), "the three were told apart");
        known.push(contexts);
    }
}
