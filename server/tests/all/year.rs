//! A year of random operations: no person ever has two pseudonyms that a platform accepts at one time
//! (security.md, promise 2; protocol.md, "Enrolment" 5 and "Accepted epochs").
//!
//! A model says after each seal whose leaf is in the tree, and before each operation how it ends. At each
//! seal the roots that platforms may accept are gathered: for every epoch n that one may still hold as
//! its newest, {n} and its window. Between seals these sets only shrink. With a shorter RESET_WAIT
//! the same checks fail.

use crate::counter::{Counter, REGISTRAR, Wallet, card, some, words};
use crate::people::{at, people};
use rand::Rng;
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, BTreeSet};
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::{EpochStatement, RemovalReason};
use veilpass_protocol::field::Fr;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::operation::Operation;
use veilpass_server::authority::{Application, Redeemed};
use veilpass_verifier::{AcceptedEpochs, Policy};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const AGE_MAX: u64 = 48 * HOUR;

/// A change that is confirmed and not sealed.
struct Pending {
    operation: Operation,
    credential: Credential,
    wallet: Wallet,
    due: Option<Timestamp>,
    application: Application,
}

/// A redemption that is not confirmed.
struct Unconfirmed {
    application: Application,
    operation: Operation,
    redeemed: Redeemed,
    wallet: Wallet,
    until: Timestamp,
}

/// What the model knows of a person.
#[derive(Default)]
struct Life {
    recorded: bool,
    live: Option<(Credential, Wallet)>,
    pending: Option<Pending>,
    unconfirmed: Option<Unconfirmed>,
    removing: bool,
    removed_at: Option<Timestamp>,
}

impl Life {
    fn number(&self) -> Option<NetworkNumber> {
        let pending = self.pending.as_ref().map(|p| p.credential.network_number);
        pending.or(self.live.as_ref().map(|(c, _)| c.network_number))
    }

    /// How an operation with fitting commitments ends.
    fn expected(&self, operation: Operation) -> Result<(), &'static str> {
        let resets = |p: &Pending| p.operation == Operation::Reset && !self.removing;
        let underway = match (&self.pending, &self.unconfirmed, self.removing) {
            (Some(pending), _, _) if resets(pending) => Some("reset_waits"),
            (None, None, false) => None,
            _ => Some("person_pending"),
        };
        match operation {
            Operation::Enrol if underway.is_some() => Err(underway.unwrap()),
            Operation::Enrol if self.recorded => Err("document_used"),
            Operation::Enrol => Ok(()),
            _ if !self.recorded => Err("person_unknown"),
            _ if underway.is_some() => Err(underway.unwrap()),
            Operation::Renew | Operation::Rotate if self.live.is_none() => Err("person_unknown"),
            _ => Ok(()),
        }
    }

    fn sealed(&mut self, now: Timestamp, wait: u64) {
        if self.removing {
            (self.live, self.pending, self.removing, self.removed_at) = (None, None, false, Some(now));
            return;
        }
        let Some(pending) = &mut self.pending else { return };
        if pending.operation == Operation::Reset {
            match pending.due {
                None => {
                    pending.due = Some(now.plus(wait));
                    (self.live, self.removed_at) = (None, Some(now));
                    return;
                }
                Some(due) if now < due => return,
                Some(_) => (),
            }
        }
        let pending = self.pending.take().unwrap();
        (self.live, self.removed_at) = (Some((pending.credential, pending.wallet)), None);
    }
}

/// An epoch with the people of the model in it: who, under which `C`.
struct Sealed {
    statement: EpochStatement,
    holders: Vec<(usize, Fr)>,
}

/// Somebody with two identities: at one platform, or at two platforms that hold different epochs.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Broken {
    AtOnePlatform,
    Anywhere,
}

struct World {
    counter: Counter,
    lives: Vec<Life>,
    now: Timestamp,
    wait: u64,
    leaves: BTreeMap<Fr, (usize, Fr)>,
    epochs: Vec<Sealed>,
    /// Platforms of the real library, the first of which installs every note.
    platforms: Vec<AcceptedEpochs>,
    broken: BTreeSet<Broken>,
    done: BTreeMap<&'static str, u32>,
}

/// The numbers of the epochs that a platform accepts which holds `newest`, by contract §6.
fn accepted(newest: &EpochStatement, now: Timestamp) -> BTreeSet<u64> {
    let mut epochs = BTreeSet::new();
    if now < newest.sealed_at.plus(AGE_MAX) {
        epochs.insert(newest.epoch);
        epochs.extend(newest.window.iter().filter(|w| now < w.replaced_at.plus(DAY)).map(|w| w.epoch));
    }
    epochs
}

impl World {
    async fn new(seed: u64, people_count: usize, wait: Option<u64>, crowd: usize) -> World {
        let mut counter = Counter::new(seed).await;
        if let Some(seconds) = wait {
            counter.authority = counter.authority.clone().with_reset_wait_for_tests(seconds);
        }
        if crowd > 0 {
            assert_eq!(counter.fixture.import(&people(0..crowd)).await.added, crowd as u64);
        }
        let key = counter.authority.key();
        let platforms = match crowd {
            0 => vec![],
            _ => (0..3).map(|_| AcceptedEpochs::starting_without_memory(key.clone())).collect(),
        };
        World {
            wait: counter.authority.reset_wait(),
            counter,
            lives: (0..people_count).map(|_| Life::default()).collect(),
            now: at(0),
            leaves: BTreeMap::new(),
            epochs: Vec::new(),
            platforms,
            broken: BTreeSet::new(),
            done: BTreeMap::new(),
        }
    }

    async fn run(&mut self, days: u64, pace: u64) {
        let end = self.now.plus(days * DAY);
        while self.now < end {
            self.now = self.now.plus(1 + some(&mut self.counter.fixture.rng, pace));
            let mut lapsed = Vec::new();
            for life in &mut self.lives {
                lapsed.extend(life.unconfirmed.take_if(|u| u.until <= self.now));
            }
            for u in lapsed {
                let answer = self.counter.redeem(&u.application, &u.wallet, self.now).await;
                assert_eq!(answer.err().and_then(|e| e.code()), Some("code_expired"), "at {}", self.now);
            }
            let who = self.counter.fixture.rng.gen_range(0..self.lives.len());
            match self.counter.fixture.rng.gen_range(0..100) {
                0..=49 => self.operate(who).await,
                50..=59 => self.confirm_late().await,
                60..=67 => self.remove(who).await,
                _ => self.seal().await,
            }
        }
        self.seal().await;
    }

    async fn operate(&mut self, who: usize) {
        let (now, document) = (self.now, card(who));
        let operation = *Operation::ALL.choose(&mut self.counter.fixture.rng).unwrap();
        let fresh = self.counter.wallet();
        let wallet = match (&self.lives[who].live, operation) {
            (Some((_, current)), Operation::Renew) => current.clone(),
            (Some((_, current)), Operation::Rotate) => Wallet { d: fresh.d, ..current.clone() },
            _ => fresh,
        };
        let application = self.counter.file(operation, &document, now).await;
        let answer = self.counter.redeem(&application, &wallet, now).await;
        let expected = self.lives[who].expected(operation);
        let redeemed = match (answer, expected) {
            (Ok(redeemed), Ok(())) => redeemed,
            (Err(e), Err(code)) => {
                assert_eq!(e.code(), Some(code), "{operation} of {who} at {now}");
                *self.done.entry(code).or_default() += 1;
                return;
            }
            (answer, expected) => panic!("{operation} of {who} at {now}: {expected:?}, {:?}", answer.err()),
        };
        let until = now.plus(DAY);
        let unconfirmed = Unconfirmed { application, operation, redeemed, wallet, until };
        self.lives[who].unconfirmed = Some(unconfirmed);
        if self.counter.fixture.rng.gen_bool(0.7) {
            self.confirm(who).await;
        }
    }

    async fn confirm(&mut self, who: usize) {
        let Some(Unconfirmed { application, operation, redeemed, wallet, .. }) =
            self.lives[who].unconfirmed.take()
        else {
            return;
        };
        let words = words(&redeemed);
        self.counter.authority.confirm(REGISTRAR, &application.id, &words, self.now).await.unwrap();
        let life = &mut self.lives[who];
        let due = match (operation, &life.live, life.removed_at) {
            (Operation::Reset, None, Some(removed_at)) => Some(removed_at.plus(self.wait)),
            _ => None,
        };
        let credential = redeemed.credential;
        self.leaves.insert(credential.leaf(), (who, credential.identity_commitment));
        life.recorded = true;
        life.pending = Some(Pending { operation, credential, wallet, due, application });
        *self.done.entry(operation.as_str()).or_default() += 1;
    }

    async fn confirm_late(&mut self) {
        let waiting = (0..self.lives.len()).find(|who| self.lives[*who].unconfirmed.is_some());
        if let Some(who) = waiting {
            self.confirm(who).await;
        }
    }

    async fn remove(&mut self, who: usize) {
        let life = &mut self.lives[who];
        let Some(number) = life.number() else { return };
        let authority = self.counter.authority.clone();
        let mut expected = if life.removing { Err(Some("already_removed")) } else { Ok(()) };
        let answer = if self.counter.fixture.rng.gen_bool(0.5) {
            let wallet = life.pending.as_ref().map(|p| &p.wallet).or(life.live.as_ref().map(|(_, w)| w));
            let device = wallet.unwrap().d.clone();
            // Another device has begun a change: the old one ends nothing.
            if life.unconfirmed.as_ref().is_some_and(|u| u.wallet.d.commitment() != device.commitment()) {
                expected = Err(Some("person_pending"));
            }
            authority.withdraw(&number, &device, self.now).await
        } else {
            authority.remove(&number, RemovalReason::DocumentInvalid, self.now).await
        };
        assert_eq!(answer.map_err(|e| e.code()), expected, "{who} at {}", self.now);
        if expected == Err(Some("person_pending")) {
            *self.done.entry("person_pending").or_default() += 1;
            return;
        }
        life.removing = true;
        let unconfirmed = life.unconfirmed.take().map(|u| (u.application, u.wallet));
        let pending = life.pending.as_ref().map(|p| (p.application.clone(), p.wallet.clone()));
        // The wallets of what ended here are told when they ask again.
        for (application, wallet) in unconfirmed.into_iter().chain(pending) {
            let answer = self.counter.redeem(&application, &wallet, self.now).await;
            assert_eq!(answer.err().and_then(|e| e.code()), Some("already_removed"), "{who} at {}", self.now);
        }
        *self.done.entry("remove").or_default() += 1;
    }

    async fn seal(&mut self) {
        if self.epochs.last().is_some_and(|e| self.now <= e.statement.sealed_at) {
            self.now = self.now.plus(1);
        }
        let epoch = self.counter.seal(self.now).await;
        let all = self.counter.leaves().await;
        let known: Vec<(usize, Fr)> = all.iter().filter_map(|leaf| self.leaves.get(leaf)).copied().collect();
        for (who, life) in self.lives.iter_mut().enumerate() {
            life.sealed(self.now, self.wait);
            // Old and new are never both there, nor neither: exactly the leaf that the model says.
            let leaf = life.live.as_ref().map(|(c, _)| c.leaf());
            let found: Vec<Fr> = known.iter().filter(|(w, _)| *w == who).map(|(_, c)| *c).collect();
            let expected = life.live.iter().map(|(c, _)| c.identity_commitment).collect::<Vec<_>>();
            assert_eq!(found, expected, "{who} at {}", self.now);
            assert!(leaf.is_none_or(|leaf| all.contains(&leaf)), "{who} at {}", self.now);
        }
        *self.done.entry("seal").or_default() += 1;
        for (i, platform) in self.platforms.iter_mut().enumerate() {
            if i == 0 || self.counter.fixture.rng.gen_bool(0.2) {
                platform.install(&epoch.note, &Policy::default(), self.now).unwrap();
            }
        }
        self.epochs.push(Sealed { statement: epoch.statement, holders: known });
        self.check();
    }

    /// Gathers what platforms may accept now, and who is in it under two identities.
    fn check(&mut self) {
        let now = self.now;
        let newest_first = || self.epochs.iter().rev();
        let mut anywhere = BTreeSet::new();
        for held in newest_first().take_while(|e| now < e.statement.sealed_at.plus(AGE_MAX)) {
            let epochs = accepted(&held.statement, now);
            anywhere.extend(&epochs);
            if self.doubled(&epochs) {
                self.broken.insert(Broken::AtOnePlatform);
            }
        }
        if self.doubled(&anywhere) {
            self.broken.insert(Broken::Anywhere);
        }
        for platform in &self.platforms {
            let Some(newest) = platform.newest() else { continue };
            let recent = newest_first().take(150).map(|e| e.statement.epoch);
            let real = recent.filter(|n| platform.root(*n, &Policy::default(), now).is_ok()).collect();
            assert_eq!(accepted(newest, now), real, "the library accepts the same epochs");
            assert!(!self.doubled(&real));
        }
    }

    fn doubled(&self, epochs: &BTreeSet<u64>) -> bool {
        let mut identities: BTreeMap<usize, BTreeSet<Fr>> = BTreeMap::new();
        for (who, c) in epochs.iter().flat_map(|n| &self.epochs[*n as usize - 1].holders) {
            identities.entry(*who).or_default().insert(*c);
        }
        identities.values().any(|c| c.len() > 1)
    }
}

fn long() -> bool {
    std::env::var_os("VEILPASS_LONG").is_some()
}

fn seed() -> u64 {
    let seed = if long() { rand::random() } else { 2026 };
    println!("seed {seed}");
    seed
}

#[tokio::test]
async fn a_year_of_random_operations() {
    let (count, pace) = if long() { (60, 2 * HOUR) } else { (24, 12 * HOUR) };
    let mut world = World::new(seed(), count, None, 0).await;
    world.run(365, pace).await;
    assert_eq!(world.broken, BTreeSet::new());
    println!("{:?}", world.done);
    // The year had everything in it.
    for what in
        ["enrol", "renew", "rotate", "reset", "remove", "person_pending", "reset_waits", "document_used"]
    {
        assert!(world.done.get(what).is_some_and(|n| *n >= 5), "{what}: {:?}", world.done);
    }
}

/// The same with a crowd and the platforms' own library, which refuses epochs of fewer than 1,000.
#[tokio::test]
async fn weeks_with_the_library_of_platforms() {
    let mut world = World::new(seed() ^ 1, 12, None, 1010).await;
    world.run(if long() { 200 } else { 15 }, 3 * HOUR).await;
    assert_eq!(world.broken, BTreeSet::new());
}

/// What the wait is for: without it the checks fail, and with half of it those across platforms.
#[tokio::test]
async fn without_the_wait_the_checks_fail() {
    for (wait, expected) in
        [(0, vec![Broken::AtOnePlatform, Broken::Anywhere]), (DAY, vec![Broken::Anywhere])]
    {
        let mut world = World::new(seed() ^ 2, 12, Some(wait), 0).await;
        world.run(60, 6 * HOUR).await;
        assert_eq!(world.broken.into_iter().collect::<Vec<_>>(), expected, "{wait}");
    }
}
