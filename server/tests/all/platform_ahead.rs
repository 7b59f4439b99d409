//! Wallets that know a newer epoch than the platform: the answer waits for the next regular reading. No answer makes
//! the platform read: the authority would see when somebody is there.

use crate::platform_kit::{ADULT, Served, World, published, runtime};
use axum::Router;
use axum::routing::get;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use veilpass_protocol::presentation::Presentation;
use veilpass_server::http::{Server, Settings, now};

/// Seconds between two readings.
const EVERY: u64 = 2;

/// An authority at an address, which notes when it is asked.
struct Authority {
    note: Arc<Mutex<String>>,
    wait: Arc<Mutex<Duration>>,
    asked: Arc<Mutex<Vec<Instant>>>,
    url: String,
}

impl Authority {
    fn with(note: String) -> Authority {
        let (note, wait, asked) =
            (Arc::new(Mutex::new(note)), Arc::<Mutex<Duration>>::default(), Arc::default());
        let shown = (Arc::clone(&note), Arc::clone(&wait), Arc::clone(&asked));
        let latest = move || {
            let (note, wait, asked): (_, _, Arc<Mutex<Vec<Instant>>>) = shown.clone();
            asked.lock().unwrap().push(Instant::now());
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

    /// Whether the platform has asked regularly and at no other time.
    fn asked_on_schedule(&self) {
        let asked = self.asked.lock().unwrap();
        let gaps: Vec<f64> = asked.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
        let every = EVERY as f64;
        assert!(gaps.iter().all(|gap| *gap > every - 0.5), "{gaps:?}");
    }
}

fn platform(world: &World, authority: &Authority) -> Served {
    let mut settings = world.settings();
    settings.epochs = published(&authority.url);
    settings.epochs_every = EVERY;
    let served = Served::start(settings, &world.token);
    served.ready_when(|r| r["epoch"] == 3);
    served
}

#[test]
fn a_person_who_has_just_synced_is_accepted() {
    let mut world = World::new(370);
    let authority = Authority::with(world.statements[2].sign(&world.signer).unwrap());
    let served = platform(&world, &authority);
    for epoch in 4..8 {
        std::thread::sleep(Duration::from_millis(300 * epoch));
        let asked = served.ask(ADULT);
        *authority.note.lock().unwrap() = world.seal(now(), 5);
        let presentation = world.present(&asked.request, epoch, epoch);
        assert!(served.send(&asked, &presentation).is_received(), "epoch {epoch}");
    }
    authority.asked_on_schedule();
    served.stop();
}

/// Anybody can name an epoch that does not exist. The authority sees nothing of it, and nobody else waits.
#[test]
fn invented_epochs_are_refused_after_a_reading() {
    let mut world = World::new(371);
    let authority = Authority::with(world.statements[2].sign(&world.signer).unwrap());
    let served = platform(&world, &authority);
    let invented: Vec<_> = (0..40)
        .map(|n| {
            let asked = served.ask(ADULT);
            let good = world.present(&asked.request, 3, n);
            (asked, Presentation { epoch: 1_000_000 + n, ..good })
        })
        .collect();
    let asked = served.ask(ADULT);
    let (good, old) = (world.present(&asked.request, 3, 77), world.present(&asked.request, 3, 78));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for (asked, invented) in &invented {
            let served = &served;
            scope.spawn(move || {
                assert_eq!(served.send(asked, invented).said(), "403 epoch_unknown unacceptable");
            });
        }
        // An epoch that is older than the newest is not waited for, nor is one for a request that was answered.
        assert!(served.send(&asked, &Presentation { epoch: 0, ..old.clone() }).status >= 400);
        assert!(served.send(&asked, &good).is_received());
        let late = Presentation { epoch: 9, ..old };
        assert_eq!(served.send(&asked, &late).said(), "403 epoch_unknown unacceptable");
        assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    });
    assert!(begun.elapsed() < Duration::from_secs(3 * EVERY), "{:?}", begun.elapsed());
    authority.asked_on_schedule();
    served.stop();
}

/// An authority that does not answer holds no answer for longer than twelve seconds.
#[test]
fn an_authority_that_hangs_does_not_hold_answers() {
    let mut world = World::new(372);
    let authority = Authority::with(world.statements[2].sign(&world.signer).unwrap());
    let served = platform(&world, &authority);
    *authority.wait.lock().unwrap() = Duration::from_secs(25);
    let asked = served.ask(ADULT);
    let unknown = Presentation { epoch: 4, ..world.present(&asked.request, 3, 1) };
    let begun = Instant::now();
    assert_eq!(served.send(&asked, &unknown).said(), "403 epoch_unknown unacceptable");
    let waited = begun.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(16)).contains(&waited), "{waited:?}");
    // Others are served at once.
    let asked = served.ask(ADULT);
    let known = world.present(&asked.request, 3, 2);
    let begun = Instant::now();
    assert!(served.send(&asked, &known).is_received());
    assert!(begun.elapsed() < Duration::from_secs(3));
    served.stop();
}
