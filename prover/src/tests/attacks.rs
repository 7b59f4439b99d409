//! Each rule of protocol.md with the attack that it stops: the attack works on a wallet without the
//! rule (the control) and not on one with it. All other rules are off, so that none helps out.

use super::testkit::*;
use crate::rules::Rules;
use crate::{Channel, Refusal, SyncError, Wallet};
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use veilpass_protocol::attributes::{Attributes, Sex};
use veilpass_protocol::cells::Cell;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::Fr;
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::request::{Request, SignedRequest};
use veilpass_protocol::scope::LinkKind;

/// A hostile platform with one victim: it sees whether it gets an answer, and nothing else.
struct Platform<'a> {
    victim: &'a mut Wallet,
    rng: StdRng,
    questions: u32,
}

impl<'a> Platform<'a> {
    fn against(victim: &'a mut Wallet, rules: Rules, world: &World) -> Platform<'a> {
        victim.rules = rules;
        Platform { victim, rng: world.rng.clone(), questions: 0 }
    }

    fn asks(&mut self, ask: Ask) -> bool {
        self.asks_at(ask, now())
    }

    fn asks_at(&mut self, ask: Ask, time: Timestamp) -> bool {
        self.questions += 1;
        self.victim.respond(&ask, time, &mut self.rng).is_ok()
    }
}

/// The lowest of `2^bits` numbers from `low` on for which the answer is yes (monotone).
fn search(low: u32, bits: u32, mut yes: impl FnMut(u32) -> bool) -> u32 {
    let mut found = low;
    for bit in (0..bits).rev() {
        let middle = found + (1 << bit) - 1;
        if !yes(middle) {
            found = middle + 1;
        }
    }
    found
}

fn number(n: u32) -> Day {
    Day::new(n).unwrap()
}

fn today() -> u32 {
    day("2026-11-22").number()
}

fn age(at_least: Option<u32>, below: Option<u32>) -> Predicates {
    Predicates { age: Some(AgePredicate { at_least, below }), ..Predicates::valid() }
}

/// W1: by moving `valid_on` the platform finds the days of expiry (within 22 years) and of enrolment
/// (within the last 1,023 days) in 23 questions.
#[test]
fn w1_the_date_is_moved() {
    let mut world = World::new(50);
    let people = [("2031-03-09", "2025-02-17"), ("2046-06-01", "2024-07-06")];
    let attributes = people.map(|(expires, enrolled)| Attributes {
        expires_on: Some(day(expires)),
        enrolled_on: day(enrolled),
        ..adult()
    });
    let mut wallets = world.people(&attributes);
    for (wallet, (expires, enrolled)) in wallets.iter_mut().zip(people) {
        let mut platform = Platform::against(wallet, Rules::NONE, &world);
        let first_refused = search(today() + 1, 13, |n| !platform.asks(ask().on(number(n))));
        let found = search(today() - 1023, 10, |n| platform.asks(ask().on(number(n))));
        assert_eq!((number(first_refused - 1), number(found)), (day(expires), day(enrolled)));
        assert!(platform.questions <= 23);
    }
    // With W1 nothing but today is answered, whoever is asked.
    for wallet in &mut wallets {
        let mut platform = Platform::against(wallet, Rules { w1: true, ..Rules::NONE }, &world);
        let answered: Vec<u32> =
            (today() - 1023..today() + 8192).filter(|n| platform.asks(ask().on(number(*n)))).collect();
        assert_eq!(answered, [today()]);
    }
}

/// W2: with free thresholds the year of birth takes 7 questions; where the date can be moved as well
/// (W1 off) the whole date takes 16.
#[test]
fn w2_ages_are_searched() {
    let mut world = World::new(51);
    let births = ["1999-11-13", "1988-02-29", "1971-07-30"];
    let mut wallets = world.people(&births.map(|birth| Attributes { birth_date: day(birth), ..adult() }));
    for (wallet, birth) in wallets.iter_mut().zip(births) {
        let mut platform = Platform::against(wallet, Rules { w1: true, ..Rules::NONE }, &world);
        let age_now = search(0, 7, |n| !platform.asks(ask().asking(&age(Some(n + 1), None))));
        let (year, month, day_of_month) = day(birth).ymd();
        let had_birthday = (month, day_of_month) <= (11, 22);
        assert_eq!(age_now as i32, 2026 - year - i32::from(!had_birthday));
        assert!(platform.questions <= 7);

        // Born on or before day n: at least so old on the next anniversary of n.
        let mut platform = Platform::against(platform.victim, Rules::NONE, &world);
        let found = search(day("1900-01-01").number(), 16, |n| {
            let (year, month, d) = number(n).ymd();
            let valid_on = (2027..2035).find_map(|y| Day::from_ymd(y, month, d)).unwrap();
            let years = u32::try_from(valid_on.ymd().0 - year).unwrap_or(0);
            platform.asks(ask().on(valid_on).asking(&age(Some(years), None)))
        });
        assert_eq!(number(found), day(birth));
        assert!(platform.questions <= 16);
    }
    // With W1 and W2 these three adults under 60 give one and the same answers to every question of age.
    let transcripts: BTreeSet<Vec<bool>> = wallets
        .iter_mut()
        .map(|wallet| {
            let mut platform = Platform::against(wallet, Rules { w1: true, w2: true, ..Rules::NONE }, &world);
            let bounds =
                (0..=100).flat_map(|n| [age(Some(n), None), age(None, Some(n)), age(Some(18), Some(n))]);
            bounds.map(|predicates| platform.asks(ask().asking(&predicates))).collect()
        })
        .collect();
    assert_eq!(transcripts.len(), 1);
    assert!(transcripts.first().is_some_and(|answers| answers.contains(&true)));
}

/// W3: by moving `enrolled_on_or_before` the platform finds the day of enrolment in 13 questions, and
/// `generation_at_most` gives the number of resets.
#[test]
fn w3_other_inputs_are_searched() {
    let mut world = World::new(52);
    let (a, b) = (("2024-07-06", 0), ("2024-11-30", 0));
    let mut wallets = world.people(&[a, b, ("2024-11-30", 3)].map(|(enrolled, generation)| Attributes {
        enrolled_on: day(enrolled),
        generation,
        ..adult()
    }));
    let since =
        |n: u32| ask().asking(&Predicates { enrolled_on_or_before: Some(number(n)), ..Predicates::valid() });
    let resets = |n: u8| ask().asking(&Predicates { generation_at_most: Some(n), ..Predicates::valid() });
    for (wallet, enrolled) in wallets.iter_mut().zip([a.0, b.0]) {
        let mut platform = Platform::against(wallet, Rules { w1: true, ..Rules::NONE }, &world);
        assert_eq!(number(search(today() - 8191, 13, |n| platform.asks(since(n)))), day(enrolled));
        assert_eq!(platform.questions, 13);
    }
    let mut platform = Platform::against(&mut wallets[2], Rules { w1: true, ..Rules::NONE }, &world);
    assert_eq!((0..8).find(|n| platform.asks(resets(*n))), Some(3));
    // With W3 the two who enrolled in one half-year cannot be told apart, and resets are 0 or not.
    let rules = Rules { w1: true, w3: true, ..Rules::NONE };
    let mut transcript = |index: usize| {
        let mut platform = Platform::against(&mut wallets[index], rules, &world);
        let days: Vec<bool> = (today() - 8191..=today()).map(|n| platform.asks(since(n))).collect();
        (days, (0..254).map(|n| platform.asks(resets(n))).collect::<Vec<_>>())
    };
    let (first, second, third) = (transcript(0), transcript(1), transcript(2));
    assert_eq!(first, second);
    assert_eq!(first.0, third.0);
    assert_eq!(first.0.iter().filter(|yes| **yes).count(), 3, "1 January and 1 July 2025, 1 January 2026");
    assert_eq!(
        (first.1.iter().filter(|yes| **yes).count(), third.1.iter().filter(|yes| **yes).count()),
        (1, 0)
    );
}

/// W4: attributes are collected one by one.
#[test]
fn w4_attributes_are_collected() {
    let mut world = World::new(53);
    let mut wallet = world.person(adult());
    let questions: Vec<Predicates> = Sex::ALL
        .iter()
        .map(|sex| Predicates { sex: Some(*sex), ..Predicates::valid() })
        .chain([14, 16, 18, 60].map(|n| age(Some(n), None)))
        .chain((1..100).map(|province| Predicates { province: Some(province), ..Predicates::valid() }))
        .collect();
    let mut platform = Platform::against(&mut wallet, Rules::NONE, &world);
    let told = questions.iter().filter(|p| platform.asks(ask().account().asking(p))).count();
    assert_eq!(told, 5, "sex, three ages, province: all in one visit");
    // With W4: one of them, then one every thirty days, as long as the person agrees, and five in all.
    wallet.state.pins = Default::default();
    let mut told: Vec<(u64, &Predicates)> = Vec::new();
    for n in (0..400).step_by(10) {
        let time = now().plus(n * 86_400);
        next_epoch(&mut world, time, [&mut wallet]);
        let mut platform = Platform::against(&mut wallet, Rules { w4: true, ..Rules::NONE }, &world);
        for p in &questions {
            let answered = platform.asks_at(ask().account().on(Day::of(time)).asking(p), time);
            if answered && told.iter().all(|(_, known)| *known != p) {
                told.push((n, p));
            }
        }
    }
    assert_eq!(told.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [0, 30, 60, 90, 120]);
}

/// W4: a chain of extensions in one visit, each chosen by the answers before.
#[test]
fn w4_extensions_collect_one_question_more() {
    let mut world = World::new(57);
    let mut wallet = world.person(adult());
    let parts: Vec<fn(&mut Predicates, u32)> = vec![
        |p, n| p.sex = Sex::ALL.get(n as usize).copied(),
        |p, n| {
            p.age = [14, 16, 18, 60].get(n as usize).map(|n| AgePredicate { at_least: Some(*n), below: None })
        },
        |p, n| p.province = Some(1 + n as u8),
        |p, n| p.generation_at_most = (n == 0).then_some(0),
    ];
    // It begins with the least, and adds to what was answered whatever is answered next.
    let collect = |platform: &mut Platform<'_>| {
        let mut known = Predicates::valid();
        let mut answers = usize::from(platform.asks(ask().account().asking(&known)));
        for part in &parts {
            for n in 0..60 {
                let mut next = known.clone();
                part(&mut next, n);
                if next != known && platform.asks(ask().account().asking(&next)) {
                    answers += 1;
                    known = next;
                    break;
                }
            }
        }
        (answers, known)
    };
    let (answers, known) = collect(&mut Platform::against(&mut wallet, Rules::NONE, &world));
    assert_eq!(answers, 5, "everything, in one visit: {known:?}");
    wallet.state.pins = Default::default();
    let (answers, known) =
        collect(&mut Platform::against(&mut wallet, Rules { w4: true, ..Rules::NONE }, &world));
    assert_eq!(answers, 2, "the first question and one extension: {known:?}");
}

/// Another epoch with the same tree, known to these wallets.
fn next_epoch<'a>(world: &mut World, time: Timestamp, wallets: impl IntoIterator<Item = &'a mut Wallet>) {
    world.seal(time, &[], &[]);
    let note = &world.notes.last_key_value().unwrap().1.1;
    for wallet in wallets {
        wallet.state.epochs.as_mut().unwrap().install(note, &Default::default(), time).unwrap();
    }
}

/// W5: a daily question finds the birthday on the day on which the answer changes.
#[test]
fn w5_the_birthday_is_waited_for() {
    let births = ["2008-11-24", "2008-11-30", "2008-12-01"];
    let first_yes = |rules: Rules| {
        let mut world = World::new(54);
        let mut wallets = world.people(&births.map(|birth| Attributes { birth_date: day(birth), ..adult() }));
        let mut first = [const { None }; 3];
        for n in 1..12 {
            let time = now().plus(n * 86_400);
            next_epoch(&mut world, time, &mut wallets);
            for (wallet, first) in wallets.iter_mut().zip(&mut first) {
                let adults = ask().on(Day::of(time)).asking(&age(Some(18), None));
                if Platform::against(wallet, rules, &world).asks_at(adults, time) {
                    first.get_or_insert(Day::of(time).to_string());
                }
            }
        }
        first.map(Option::unwrap_or_default)
    };
    assert_eq!(first_yes(Rules::NONE), ["2026-11-24", "2026-11-30", "2026-12-01"], "the birthdays");
    assert_eq!(first_yes(Rules { w5: true, ..Rules::NONE }), ["2026-12-01"; 3], "the month, and no more");
}

/// W6: somebody else asks in the bank's name and collects the pseudonym by which the bank knows its
/// customer.
#[test]
fn w6_another_asks_in_the_banks_name() {
    let mut world = World::new(55);
    let mut wallet = world.person(adult());
    let bank = Ask { rp: "bank.example", ..ask().account() };
    let known = wallet.respond(&bank, now(), &mut world.rng).unwrap().pseudonym;
    let evil = from_origin("evil.example");
    let elsewhere = Ask { response_uri: Some("https://evil.example/collect"), ..bank.clone() };
    let forged = SignedRequest::sign(
        &Request::from_json(bank.json().as_bytes()).unwrap(),
        &ed25519_dalek::SigningKey::from_bytes(&[66; 32]),
    );
    let attempts = [
        (bank.json(), evil.clone(), "request_host"),
        (bank.json(), Channel::default(), "request_unsigned"),
        (elsewhere.json(), from_origin("bank.example"), "request_host"),
        (forged, Channel::default(), "asker_unknown"),
    ];
    wallet.rules = Rules::NONE;
    for (request, channel, _) in &attempts[..3] {
        let stolen = wallet.respond_over(request.as_bytes(), channel, now(), &mut world.rng).unwrap();
        assert_eq!(stolen.pseudonym, known);
    }
    wallet.rules = Rules { w6: true, ..Rules::NONE };
    for (request, channel, code) in &attempts {
        let refused = wallet.respond_over(request.as_bytes(), channel, now(), &mut world.rng).unwrap_err();
        assert_eq!(refused.code(), *code);
    }
    let own = Ask { rp: "evil.example", ..bank };
    let answer = wallet.respond_over(own.json().as_bytes(), &evil, now(), &mut world.rng).unwrap();
    assert_ne!(answer.pseudonym, known, "in its own name it gets another pseudonym");
}

/// W7: the attacker opens a session at the bank, shows its code to the victim, and is signed in as
/// the victim.
#[test]
fn w7_a_foreign_code_is_scanned() {
    let mut world = World::new(56);
    let mut wallet = world.person(adult());
    let account = Ask { rp: "bank.example", ..ask().account() };
    let known = wallet.respond(&account, now(), &mut world.rng).unwrap().pseudonym;
    let scanned = Channel { origin: None, scanned: true };
    let session_of_the_attacker = Ask { nonce: 99, ..account.clone() };
    let mut scan = |wallet: &mut Wallet, ask: &Ask| {
        wallet.respond_over(ask.json().as_bytes(), &scanned, now(), &mut world.rng)
    };
    wallet.rules = Rules::NONE;
    assert_eq!(scan(&mut wallet, &session_of_the_attacker).unwrap().pseudonym, known);
    wallet.rules = Rules { w7: true, ..Rules::NONE };
    assert_eq!(scan(&mut wallet, &session_of_the_attacker), Err(Refusal::LinkNotHere));
    let tokens = Ask { link: LinkKind::Tokens, slots: 1, ..account.clone() };
    assert_eq!(scan(&mut wallet, &tokens), Err(Refusal::LinkNotHere));
    // An age gate may be scanned: its pseudonym signs nobody in, and is another each time.
    let gate = Ask { link: LinkKind::None, slots: 65_536, ..account };
    assert_ne!(scan(&mut wallet, &gate).unwrap().pseudonym, scan(&mut wallet, &gate).unwrap().pseudonym);
}

/// W8: predicates that fit one person, and a tree that was made for one.
#[test]
fn w8_a_crowd_of_one() {
    let mut world = World::new(57);
    let person = Attributes { sex: Sex::Female, nationality: 36, province: 0, ..adult() };
    let cell = Cell { sex: Sex::Female, nationality: 36, province: 0, ..world.cells[0].0 };
    world.cells.push((cell, 1));
    let mut wallet = world.person(person);
    let single_out = ask().predicates(r#"{"valid":true,"sex":"female","nationality":36}"#);
    let mut platform = Platform::against(&mut wallet, Rules::NONE, &world);
    assert!(platform.asks(single_out.clone()));
    let mut platform = Platform::against(&mut wallet, Rules { w8: true, ..Rules::NONE }, &world);
    assert!(!platform.asks(single_out) && platform.asks(ask()));

    // A small tree is refused at the sync. (An authority that lies about `live` is not stopped by this;
    // that takes a log.)
    let mut small = World::empty(58);
    let mut alone = small.applicant(adult());
    small.seal(now(), &[leaf(&alone)], &[]);
    let error = alone.sync(&small, &small.key(), now()).unwrap_err();
    assert!(matches!(error, SyncError::Epochs(_)));
    assert_eq!(error.code(), "epoch_below_floor");
}

/// W9: tiles that are asked for tell who is there; odd credentials mark their owner.
#[test]
fn w9_the_server_watches_and_marks() {
    let mut world = World::empty(59);
    world.seal_others(now().minus(7200), 40_000);
    // People in tiles 9 (the newest) and, by way of the tree, in tiles 2 and 5.
    let mut wallets: Vec<Wallet> = (0..3).map(|_| world.applicant(adult())).collect();
    let leaves: Vec<Fr> = wallets.iter().map(leaf).collect();
    world.tree.update(&[(2 * 4096 + 7, leaves[1]), (5 * 4096 + 1, leaves[2])]).unwrap();
    world.seal(now().minus(3600), &[leaves[0]], &[]);
    let fetched = |wallet: &mut Wallet, rules: Rules, world: &World| {
        wallet.rules = rules;
        assert!(wallet.sync(world, &world.key(), now()).unwrap().enrolled);
        world.fetched_tiles()
    };
    // At the second sync each wallet knows its place.
    for wallet in &mut wallets {
        fetched(wallet, Rules::ALL, &world);
    }
    let naive: Vec<Vec<u64>> =
        wallets.iter_mut().map(|w| fetched(w, Rules { w9: false, ..Rules::ALL }, &world)).collect();
    assert_eq!(naive, [vec![9], vec![2], vec![5]], "the tile tells one from the other");
    let covered: Vec<Vec<u64>> = wallets.iter_mut().map(|w| fetched(w, Rules::ALL, &world)).collect();
    assert_eq!(covered, [vec![8, 9], (0..8).collect(), (0..8).collect()]);

    // Where few people live in a block, the next wider one is fetched.
    let emptied: Vec<u64> =
        (0..32_768).filter(|p| *p != 2 * 4096 + 7 && *p != 5 * 4096 + 1 && p % 10 != 0).collect();
    world.seal(now().minus(60), &[], &emptied);
    assert_eq!(fetched(&mut wallets[1], Rules::ALL, &world), (0..10).collect::<Vec<_>>());
    assert_eq!(fetched(&mut wallets[2], Rules::ALL, &world), (0..10).collect::<Vec<_>>());

    // A mark in the credential: a link that nobody can explain would be carried into the leaf.
    let mut wallet = Wallet::new(&mut world.rng);
    let mut marked: Credential = world.credential(&wallet, adult());
    marked.link = Fr::from(1u64);
    wallet.rules = Rules { w9: false, ..Rules::ALL };
    assert_eq!(wallet.enrol(marked.to_json().as_bytes()), Ok(()));
    wallet.rules = Rules::ALL;
    assert!(matches!(wallet.enrol(marked.to_json().as_bytes()), Err(Refusal::AttributesUnexplained(_))));
}
