//! A platform that learns from a wallet's answers and declines, as far as the rules' text lets it.
//!
//! What it knows of a person is, for each attribute, the set of values that fit everything that it has
//! seen. The conditions of an answer are written here once more, from protocol.md and not from the
//! wallet's code; an answer that they forbid, or a decline where they promise an answer, stops the test.

use super::crowd::{Crowd, number, time_of};
use super::testkit::*;
use crate::Channel;
use crate::rules::Rules;
use crate::wallet::Wallet;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::day::{Day, birth_limit};
use veilpass_protocol::predicates::{AGES, Predicates};
use veilpass_protocol::scope::LinkKind;

/// Numbers that are still possible, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) low: u32,
    pub(crate) high: u32,
}

impl Span {
    /// How many numbers these are.
    pub(crate) fn width(self) -> u32 {
        self.high - self.low + 1
    }

    fn holds(self, n: u32) -> bool {
        (self.low..=self.high).contains(&n)
    }
}

/// Attributes with an order, and attributes that are codes, by their places in [`Knowledge`].
const BIRTH: usize = 0;
const EXPIRES: usize = 1;
const ENROLLED: usize = 2;
const GENERATION: usize = 3;
const SEX: usize = 0;
const CLASS: usize = 1;
const NATIONALITY: usize = 2;
const PROVINCE: usize = 3;

/// Everything that is still possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Knowledge {
    spans: [Span; 4],
    codes: [BTreeSet<u16>; 4],
}

impl Knowledge {
    fn nothing() -> Knowledge {
        let codes =
            [0..=3, 1..=7, 1..=999, 0..=99].map(|codes: std::ops::RangeInclusive<u16>| codes.collect());
        Knowledge { spans: [Span { low: 0, high: 262_143 }; 4], codes }
    }

    pub(crate) fn birth(&self) -> Span {
        self.spans[BIRTH]
    }

    pub(crate) fn expires(&self) -> Span {
        self.spans[EXPIRES]
    }

    pub(crate) fn enrolled(&self) -> Span {
        self.spans[ENROLLED]
    }

    /// Whether this person may be the one.
    pub(crate) fn fits(&self, person: &Attributes) -> bool {
        let numbers = [
            person.birth_date.number(),
            person.expires_number(),
            person.enrolled_on.number(),
            person.generation.into(),
        ];
        let codes = [
            person.sex.number().into(),
            person.document_class.number().into(),
            person.nationality,
            person.province.into(),
        ];
        self.spans.iter().zip(numbers).all(|(span, n)| span.holds(n))
            && self.codes.iter().zip(codes).all(|(set, code)| set.contains(&code))
    }

    /// Whether a condition is known to hold (or not to).
    fn truth(&self, condition: &Condition) -> Option<bool> {
        let decide = |all: bool, none: bool| if all { Some(true) } else { none.then_some(false) };
        match condition {
            Condition::Never => Some(false),
            Condition::AtMost(which, n) => decide(self.spans[*which].high <= *n, self.spans[*which].low > *n),
            Condition::AtLeast(which, n) => {
                decide(self.spans[*which].low >= *n, self.spans[*which].high < *n)
            }
            Condition::Among(which, set) => {
                let set: BTreeSet<u16> = set.iter().copied().collect();
                decide(self.codes[*which].is_subset(&set), self.codes[*which].is_disjoint(&set))
            }
        }
    }

    fn learn(&mut self, condition: &Condition, holds: bool) {
        match (condition, holds) {
            (Condition::Never, _) => (),
            (Condition::AtMost(which, n), true) => self.spans[*which].high = self.spans[*which].high.min(*n),
            (Condition::AtMost(which, n), false) => {
                self.spans[*which].low = self.spans[*which].low.max(n + 1)
            }
            (Condition::AtLeast(which, n), true) => self.spans[*which].low = self.spans[*which].low.max(*n),
            (Condition::AtLeast(which, n), false) => {
                self.spans[*which].high = self.spans[*which].high.min(n - 1)
            }
            (Condition::Among(which, set), _) => {
                self.codes[*which].retain(|code| set.contains(code) == holds)
            }
        }
    }
}

/// What must be so that a wallet answers; all conditions of a question must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// A rule forbids the question, whoever is asked.
    Never,
    AtMost(usize, u32),
    AtLeast(usize, u32),
    Among(usize, Vec<u16>),
}

/// What several names give to a platform: one context for each question, or one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    Contexts,
    Hosts,
}

/// Names of hosts and contexts; [`Ask`] takes lasting texts.
static NAMES: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
    let name = |n: usize| -> (&'static str, &'static str) {
        (format!("h{n}.example").leak(), format!("c{n}").leak())
    };
    (0..1200).map(name).collect()
});

/// A platform with one target.
pub(crate) struct Adversary<'a> {
    crowd: &'a Crowd,
    pub(crate) wallet: Wallet,
    spread: Spread,
    pub(crate) known: Knowledge,
    /// Requests that it may still make.
    pub(crate) left: u32,
    /// Predicates that were asked, each under a name of its own, so that W4 is in nobody's way.
    asked: Vec<Predicates>,
    synced: Option<Day>,
    rng: StdRng,
}

impl<'a> Adversary<'a> {
    pub(crate) fn new(crowd: &'a Crowd, person: usize, rules: Rules, left: u32, spread: Spread) -> Self {
        Adversary {
            crowd,
            wallet: crowd.wallet(person, rules),
            spread,
            known: Knowledge::nothing(),
            left,
            asked: Vec::new(),
            synced: None,
            rng: StdRng::seed_from_u64(person as u64),
        }
    }

    /// The conditions of an answer, from the text of the rules.
    fn conditions(&self, p: &Predicates, valid_on: Day, today: Day, hour: u64) -> Vec<Condition> {
        use Condition::*;
        let rules = &self.wallet.rules;
        let offset = i64::from(valid_on.number()) - i64::from(today.number());
        let moved = !(offset == 0 || (offset == -1 && hour < 2) || (offset == 1 && hour >= 22));
        let age_off_list = p.age.is_some_and(|a| {
            [a.at_least, a.below].into_iter().flatten().any(|n| !AGES.contains(&n))
                || a.at_least.zip(a.below).is_some_and(|(a, b)| a >= b)
        });
        let since_off_list = p.enrolled_on_or_before.is_some_and(|day| {
            let (_, month, first) = day.ymd();
            first != 1 || !(month == 1 || month == 7) || day.number() + 180 > valid_on.number()
        });
        let generation_off_list = p.generation_at_most.is_some_and(|g| g != 0);
        let small = self.crowd.cells(today).crowd(p, self.crowd.people.len() as u64) < 1000;
        let mut all = vec![AtMost(ENROLLED, valid_on.number()), AtLeast(EXPIRES, valid_on.number())];
        if (rules.w1 && moved)
            || (rules.w2 && age_off_list)
            || (rules.w3 && (since_off_list || generation_off_list))
            || (rules.w8 && small)
        {
            all.push(Never);
        }
        if let Some(age) = p.age {
            // W5: the first day of the month, and the first day of the next. Without it the day itself.
            let (year, month, _) = valid_on.ymd();
            let (begin, end) = if rules.w5 {
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                (Day::from_ymd(year, month, 1).unwrap(), Day::from_ymd(next.0, next.1, 1).unwrap())
            } else {
                (valid_on, valid_on)
            };
            let limit = |day: Day, years: u32| birth_limit(day, years).unwrap().number();
            all.extend(age.at_least.map(|years| AtMost(BIRTH, limit(begin, years))));
            all.extend(age.below.map(|years| AtLeast(BIRTH, limit(end, years) + 1)));
        }
        all.extend(p.enrolled_on_or_before.map(|day| AtMost(ENROLLED, day.number())));
        all.extend(p.generation_at_most.map(|g| AtMost(GENERATION, g.into())));
        all.extend(p.sex.map(|sex| Among(SEX, vec![sex.number().into()])));
        all.extend(
            p.documents.map(|group| {
                Among(CLASS, group.classes().iter().map(|class| class.number().into()).collect())
            }),
        );
        all.extend(p.nationality.map(|n| Among(NATIONALITY, vec![n])));
        all.extend(p.province.map(|n| Among(PROVINCE, vec![n.into()])));
        all
    }

    /// Whether the answer to a question is not known yet.
    pub(crate) fn open(&self, p: &Predicates, valid_on: Day, today: Day, hour: u64) -> bool {
        let conditions = self.conditions(p, valid_on, today, hour);
        let truths: Vec<_> = conditions.iter().map(|c| self.known.truth(c)).collect();
        !truths.contains(&Some(false)) && truths.contains(&None)
    }

    /// Asks, and learns. A decline that could have two reasons is followed by the question whether the
    /// document is valid.
    pub(crate) fn ask(&mut self, p: &Predicates, valid_on: Day, today: Day, hour: u64) -> bool {
        let answered = self.put(p, valid_on, today, hour);
        let conditions = self.conditions(p, valid_on, today, hour);
        if !self.conclude(&conditions, answered) && *p != Predicates::valid() {
            let valid = Predicates::valid();
            let alive = self.put(&valid, valid_on, today, hour);
            self.conclude(&self.conditions(&valid, valid_on, today, hour), alive);
            self.conclude(&conditions, answered);
        }
        answered
    }

    /// What follows from an answer or a decline; `false` if that is open between several conditions.
    fn conclude(&mut self, conditions: &[Condition], answered: bool) -> bool {
        let truths: Vec<_> = conditions.iter().map(|c| self.known.truth(c)).collect();
        if answered {
            assert!(
                !truths.contains(&Some(false)),
                "answered against the rules: {conditions:?}, {:?}",
                self.known
            );
            conditions.iter().for_each(|c| self.known.learn(c, true));
            return true;
        }
        if truths.contains(&Some(false)) {
            return true;
        }
        let mut open = conditions.iter().zip(&truths).filter(|(_, truth)| truth.is_none());
        match (open.next(), open.next()) {
            (None, _) => panic!("declined without a reason: {conditions:?}, {:?}", self.known),
            (Some((only, _)), None) => self.known.learn(only, false),
            _ => return false,
        }
        true
    }

    /// Makes one request, of whichever kind of link and channel comes next.
    fn put(&mut self, p: &Predicates, valid_on: Day, today: Day, hour: u64) -> bool {
        self.left = self.left.saturating_sub(1);
        if self.synced != Some(today) {
            if self.synced.is_some() {
                self.crowd.sync(&mut self.wallet, today);
            }
            self.synced = Some(today);
        }
        let name = self.asked.iter().position(|asked| asked == p).unwrap_or_else(|| {
            self.asked.push(p.clone());
            self.asked.len() - 1
        });
        let (rp, context) = match self.spread {
            Spread::Contexts => (NAMES[0].0, NAMES[name].1),
            Spread::Hosts => (NAMES[name].0, NAMES[0].1),
        };
        let (link, slots, period) = match self.rng.gen_range(0..3) {
            0 => (LinkKind::Account, 1, Some(0)),
            1 => (LinkKind::Tokens, 65_536, Some(self.rng.gen_range(0..1 << 50))),
            _ => (LinkKind::None, 65_536, None),
        };
        let nonce = self.rng.r#gen();
        let ask = Ask { rp, context, link, slots, period, nonce, ..ask().asking(p).on(valid_on) };
        // W7 forbids no scanned question but those that ask for a link.
        let scanned = link == LinkKind::None && self.rng.r#gen();
        let channel = Channel { origin: Some(host(rp)), scanned };
        let time = time_of(today, hour);
        let question = self.wallet.examine(ask.json().as_bytes(), &channel, false, CIRCUIT, time);
        question.is_ok_and(|q| self.wallet.answer_unproved(&q, time, &mut self.rng).is_ok())
    }

    /// Asks the middle one of these questions whose answers are open, until none is.
    pub(crate) fn halve(&mut self, questions: &[Predicates], valid_on: Day, today: Day, hour: u64) {
        while self.left > 1 {
            let open: Vec<&Predicates> =
                questions.iter().filter(|p| self.open(p, valid_on, today, hour)).collect();
            let Some(middle) = open.get(open.len() / 2) else { return };
            self.ask(middle, valid_on, today, hour);
        }
    }

    /// Halves what is possible of a number by questions that are made from a value.
    pub(crate) fn search(&mut self, which: impl Fn(&Knowledge) -> Span, mut ask: impl FnMut(&mut Self, u32)) {
        while self.left > 1 && which(&self.known).width() > 1 {
            let before = which(&self.known);
            ask(self, before.low + (before.width() - 1) / 2);
            if which(&self.known) == before {
                return;
            }
        }
    }

    /// One of these at random.
    pub(crate) fn any<T: Copy>(&mut self, of: &[T]) -> T {
        *of.choose(&mut self.rng).unwrap()
    }

    /// A coin.
    pub(crate) fn coin(&mut self) -> bool {
        self.rng.r#gen()
    }

    /// Whether all that it holds possible includes the truth.
    pub(crate) fn is_right(&self, person: &Attributes) -> bool {
        self.known.fits(person)
    }
}

/// A day that may not exist in the calendar of [`Day`].
pub(crate) fn shifted(day: Day, days: i64) -> Day {
    number((i64::from(day.number()) + days) as u32)
}
