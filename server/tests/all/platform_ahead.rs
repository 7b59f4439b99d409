//! Wallets that know a newer epoch than the platform: it looks for the epoch before it refuses.

use crate::platform_kit::{ADULT, Served, World, published, runtime};
use axum::Router;
use axum::routing::get;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use veilpass_protocol::presentation::Presentation;
use veilpass_server::http::{Server, Settings, now};

/// An authority at an address, which counts how often it is asked.
struct Authority {
    note: Arc<Mutex<String>>,
    wait: Arc<Mutex<Duration>>,
    asked: Arc<AtomicUsize>,
    url: String,
}

impl Authority {
    fn with(note: String) -> Authority {
        let (note, wait, asked) =
            (Arc::new(Mutex::new(note)), Arc::<Mutex<Duration>>::default(), Arc::default());
        let shown = (Arc::clone(&note), Arc::clone(&wait), Arc::clone(&asked));
        let latest = move || {
            let (note, wait, asked): (_, _, Arc<AtomicUsize>) = shown.clone();
            asked.fetch_add(1, Ordering::SeqCst);
            let (note, wait) = (note.lock().unwrap().clone(), *wait.lock().unwrap());
            async move {
                tokio::time::sleep(wait).await;
                note
            }
        };
        let routes = Router::new().route("/v1/epochs/latest", get(latest));
        let server = runtime().block_on(Server::bind(Settings::new("127.0.0.1:0".parse().unwrap()))).unwrap();
        let url = format!("http://id.localhost:{}", server.address().port());
        runtime().spawn(server.run(routes, std::future::pending()));
        Authority { note, wait, asked, url }
    }

    fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A platform that reads epochs once a minute, and whose first reading was more than two seconds ago.
fn platform(world: &World, authority: &Authority) -> Served {
    let mut settings = world.settings();
    assert_eq!(settings.epochs_every, 60);
    settings.epochs = published(&authority.url);
    let served = Served::start(settings, &world.token);
    served.ready_when(|r| r["epoch"] == 3);
    std::thread::sleep(Duration::from_millis(3100));
    served
}

#[test]
fn a_person_who_has_just_synced_is_accepted() {
    let mut world = World::new(370);
    let authority = Authority::with(world.statements[2].sign(&world.signer).unwrap());
    let served = platform(&world, &authority);
    let asked = served.ask(ADULT);
    *authority.note.lock().unwrap() = world.seal(now(), 5);
    let presentation = world.present(&asked.request, 4, 1);
    assert!(served.send(&asked, &presentation).is_received());
    assert_eq!(authority.times_asked(), 2, "at the start, and for this presentation");
    served.stop();
}

/// Anybody can name an epoch that does not exist: the authority is not asked for each.
#[test]
fn invented_epochs_do_not_flood_the_authority() {
    let mut world = World::new(371);
    let authority = Authority::with(world.statements[2].sign(&world.signer).unwrap());
    let served = platform(&world, &authority);
    let begun = Instant::now();
    for n in 0..40 {
        let asked = served.ask(ADULT);
        let good = world.present(&asked.request, 3, n);
        let invented = Presentation { epoch: 1_000_000 + n, ..good };
        assert_eq!(served.send(&asked, &invented).said(), "403 epoch_unknown unacceptable");
    }
    let most = 2 + begun.elapsed().as_secs() as usize / 2;
    assert!((2..=1 + most).contains(&authority.times_asked()), "{} of {most}", authority.times_asked());
    // An epoch that is older than the newest is not looked for, nor is one for a request that was answered.
    let before = authority.times_asked();
    std::thread::sleep(Duration::from_millis(3100));
    let asked = served.ask(ADULT);
    let good = world.present(&asked.request, 3, 77);
    let old = Presentation { epoch: 0, ..good.clone() };
    assert!(served.send(&asked, &old).status >= 400);
    assert!(served.send(&asked, &good).is_received());
    let late = Presentation { epoch: 9, ..good };
    assert_eq!(served.send(&asked, &late).said(), "403 epoch_unknown unacceptable");
    assert_eq!(authority.times_asked(), before);
    served.stop();
}

/// An authority that does not answer holds nobody up for longer than five seconds.
#[test]
fn an_authority_that_hangs_does_not_hold_answers() {
    let mut world = World::new(372);
    let authority = Authority::with(world.statements[2].sign(&world.signer).unwrap());
    let served = platform(&world, &authority);
    *authority.wait.lock().unwrap() = Duration::from_secs(12);
    let asked = served.ask(ADULT);
    let unknown = Presentation { epoch: 4, ..world.present(&asked.request, 3, 1) };
    let begun = Instant::now();
    assert_eq!(served.send(&asked, &unknown).said(), "403 epoch_unknown unacceptable");
    let waited = begun.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(9)).contains(&waited), "{waited:?}");
    // Others are served at once.
    let asked = served.ask(ADULT);
    let known = world.present(&asked.request, 3, 2);
    let begun = Instant::now();
    assert!(served.send(&asked, &known).is_received());
    assert!(begun.elapsed() < Duration::from_secs(3));
    served.stop();
}
