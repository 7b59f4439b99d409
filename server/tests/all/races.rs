//! Races on one-time codes and on one person: whatever the order, one wins and the others are told.

use crate::counter::{Counter, card, words};
use crate::people::at;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::time::Instant;
use veilpass_protocol::operation::Operation;
use veilpass_server::RegistryError;
use veilpass_server::authority::Redeemed;

fn long() -> bool {
    std::env::var_os("VEILPASS_LONG").is_some()
}

/// 64 wallets, one code: one of them is enrolled, every round.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_and_many_wallets() {
    let mut counter = Counter::new(300).await;
    for round in 0..if long() { 200 } else { 20 } {
        let application = counter.file(Operation::Enrol, &card(round), at(0)).await;
        let mut tasks = Vec::new();
        for i in 0..64 {
            let (wallet, authority) = (counter.wallet(), counter.authority.clone());
            let code = application.code.clone();
            tasks.push(tokio::spawn(async move {
                let mut rng = StdRng::seed_from_u64(round as u64 * 64 + i);
                let answer =
                    authority.redeem(&code.as_text(), &wallet.c(), &wallet.dc(), at(1), &mut rng).await;
                (wallet, answer)
            }));
        }
        let mut won = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                (wallet, Ok(redeemed)) => won.push((wallet, redeemed)),
                (_, Err(e)) => assert_eq!(e.code(), Some("code_used"), "{e}"),
            }
        }
        let [(wallet, redeemed)] = &won[..] else { panic!("{} wallets in round {round}", won.len()) };
        assert!(!redeemed.again);
        assert!(counter.redeem(&application, wallet, at(2)).await.unwrap().again);
    }
    assert_eq!(
        counter.fixture.count("SELECT count(*) FROM used").await,
        2 * counter.fixture.count("SELECT count(*) FROM application WHERE state = 'redeemed'").await,
        "the losers used nothing"
    );
}

/// The same wallet again and again at once gets one and the same answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_and_one_impatient_wallet() {
    let mut counter = Counter::new(301).await;
    let (application, wallet) = (counter.file(Operation::Enrol, &card(1), at(0)).await, counter.wallet());
    let mut tasks = Vec::new();
    for i in 0..32 {
        let (authority, wallet, code) = (counter.authority.clone(), wallet.clone(), application.code.clone());
        tasks.push(tokio::spawn(async move {
            let mut rng = StdRng::seed_from_u64(i);
            authority.redeem(&code.as_text(), &wallet.c(), &wallet.dc(), at(1), &mut rng).await.unwrap()
        }));
    }
    let mut answers: Vec<Redeemed> = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|a| !a.again).count(), 1);
    assert!(answers.iter().all(|a| a.credential == answers[0].credential && a.words == answers[0].words));
}

/// Applications of many counters for one person: one change is under way, also through seals and
/// confirmations at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_applications_for_one_person() {
    let mut counter = Counter::new(302).await;
    for round in 0..if long() { 100 } else { 10 } {
        let person = card(round);
        let mut tasks = Vec::new();
        for i in 0..8 {
            let (application, wallet) =
                (counter.file(Operation::Enrol, &person, at(0)).await, counter.wallet());
            let authority = counter.authority.clone();
            tasks.push(tokio::spawn(async move {
                let mut rng = StdRng::seed_from_u64(round as u64 * 8 + i);
                let code = application.code.as_text().to_string();
                let redeemed = authority.redeem(&code, &wallet.c(), &wallet.dc(), at(1), &mut rng).await?;
                authority.confirm(crate::counter::REGISTRAR, &application.id, &words(&redeemed), at(1)).await
            }));
        }
        let seal = counter.seal(at(2 + round as u64)).await.statement;
        assert!(seal.live <= round as u64 + 1);
        let mut done = 0;
        for task in tasks {
            let answer: Result<(), RegistryError> = task.await.unwrap();
            match answer.as_ref().map_err(|e| e.code()) {
                Ok(()) => done += 1,
                Err(Some("person_pending" | "document_used")) => (),
                Err(_) => panic!("{answer:?}"),
            }
        }
        assert_eq!(done, 1, "round {round}");
    }
}

/// Redemptions that are on disk when they are answered, one after the other and 64 at a time. Printed;
/// the bound only catches what is broken.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn durable_redemptions() {
    let mut counter = Counter::new(303).await;
    let count = if long() { 2000 } else { 200 };
    for parallel in [1, 64] {
        let mut waiting = Vec::new();
        for i in 0..count {
            let application = counter.file(Operation::Enrol, &card(parallel * 50 + i), at(0)).await;
            waiting.push((application.code, counter.wallet()));
        }
        let started = Instant::now();
        let mut times = Vec::new();
        for chunk in waiting.chunks(parallel) {
            let tasks: Vec<_> = chunk
                .iter()
                .cloned()
                .map(|(code, wallet)| {
                    let authority = counter.authority.clone();
                    tokio::spawn(async move {
                        let (started, mut rng) = (Instant::now(), StdRng::from_entropy());
                        let (code, c, d) = (code.as_text().to_string(), wallet.c(), wallet.dc());
                        authority.redeem(&code, &c, &d, at(1), &mut rng).await.unwrap();
                        started.elapsed()
                    })
                })
                .collect();
            for task in tasks {
                times.push(task.await.unwrap());
            }
        }
        times.sort();
        let took = started.elapsed();
        let rate = count as f64 / took.as_secs_f64();
        println!(
            "{parallel} at a time: {rate:.0} durable redemptions/s, p99 {:.1?}",
            times[count * 99 / 100]
        );
        assert!(rate > 2.0, "{took:?}");
    }
}
