//! What a platform keeps over restarts, failures and new epochs.

use crate::logs::Written;
use crate::platform_kit::{ADULT, JSON, Served, World, call, hex, published, runtime};
use axum::Router;
use axum::routing::get;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;
use veilpass_server::http::{Problem, Server, Settings, log, now};
use veilpass_server::platform::{PlatformService, PlatformServiceError, PlatformSettings};
use veilpass_verifier::{KeyError, Origin};

fn refused(settings: PlatformSettings) -> PlatformServiceError {
    runtime().block_on(PlatformService::bind(settings)).unwrap_err()
}

#[test]
fn what_was_answered_stays_answered_over_a_restart() {
    let mut world = World::new(360);
    let served = world.serve();
    let [accepted, declined, tried, fresh] = [(); 4].map(|()| served.ask(ADULT));
    let [p, q, r, s] = [&accepted, &declined, &tried, &fresh].map(|a| world.present(&a.request, 3, 7));
    assert!(served.send(&accepted, &p).is_received());
    assert!(served.answer(&declined, JSON, br#"{"v":1,"declined":true}"#).is_received());
    for _ in 0..4 {
        assert_eq!(served.answer(&tried, JSON, b"{}").status, 400);
    }
    served.stop();

    let served = world.serve();
    let replayed = "409 request_replayed unacceptable";
    assert_eq!(served.send(&accepted, &p).said(), replayed);
    assert_eq!(served.send(&accepted, &world.copy(&p)).said(), replayed);
    assert_eq!(served.send(&declined, &q).said(), replayed);
    assert_eq!(served.answer(&tried, JSON, b"{}").status, 400);
    assert_eq!(served.send(&tried, &r).said(), replayed);
    assert_eq!(served.result(&accepted)["state"], "accepted");
    assert_eq!(served.result(&declined)["state"], "declined");
    assert_eq!(served.result(&tried), json!({"state": "refused", "code": "presentation_syntax"}));
    // The pseudonym is remembered as well: this is the same person again, in the same scope.
    assert_eq!(served.send(&fresh, &s).said(), "403 pseudonym_spent unacceptable");
    let s = world.present(&fresh.request, 3, 8);
    assert!(served.send(&fresh, &s).is_received());
    let mode = std::fs::metadata(world.folder().join("platform.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    served.stop();
}

#[test]
fn a_store_that_fails_accepts_nothing() {
    let mut world = World::new(361);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let presentation = world.present(&asked.request, 3, 7);
    let unavailable = "503 unavailable";
    // The very last step fails.
    world.execute("CREATE TRIGGER full BEFORE UPDATE ON request BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    let answer = served.send(&asked, &presentation);
    assert_eq!(answer.said(), unavailable);
    assert!(answer.has_header("retry-after: 5") && !answer.body.contains("disk full"));
    assert_eq!(served.answer(&asked, JSON, br#"{"v":1,"declined":true}"#).said(), unavailable);
    assert_eq!(served.answer(&asked, JSON, b"{}").said(), unavailable);
    world.execute("DROP TRIGGER full");
    assert_eq!(world.query("SELECT count(*) FROM pseudonym"), 0);
    assert_eq!(served.result(&asked), json!({"state": "pending"}));
    // Nothing can be read.
    world.execute("ALTER TABLE request RENAME TO lost; ALTER TABLE epochs RENAME TO lost_epochs");
    assert_eq!(served.send(&asked, &presentation).said(), unavailable);
    assert_eq!(served.ask_for(ADULT).said(), unavailable);
    assert_eq!(served.get(&format!("/v1/requests/{}", asked.id), None).said(), unavailable);
    let result = format!("/v1/requests/{}/result", asked.id);
    assert_eq!(served.get(&result, Some(&asked.result_token)).said(), unavailable);
    let ready = served.get("/readyz", None);
    assert_eq!((ready.status, &ready.json()["code"]), (503, &json!("unavailable")));
    assert_eq!(served.get("/healthz", None).status, 200);
    world.execute("ALTER TABLE lost RENAME TO request; ALTER TABLE lost_epochs RENAME TO epochs");
    assert_eq!(served.get("/readyz", None).status, 200);
    assert!(served.send(&asked, &presentation).is_received());
    served.stop();
}

#[test]
fn what_is_over_is_forgotten() {
    let mut world = World::new(362);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let presentation = world.present(&asked.request, 3, 7);
    assert!(served.send(&asked, &presentation).is_received());
    served.stop();
    let today = i64::from(asked.request.valid_on.number());
    let at = |seconds: u64| now().minus(seconds).seconds();
    for (digit, age) in [("a", 3600 + 130), ("b", 3600)] {
        world.execute(&format!(
            "INSERT INTO request (id, nonce, token_hash, signed, once, expires_at)
             SELECT '{}', '{}', token_hash, signed, 0, {} FROM request LIMIT 1",
            digit.repeat(32),
            digit.repeat(22),
            at(age)
        ));
    }
    for (byte, last_day) in
        [("01", (today - 1).to_string()), ("02", today.to_string()), ("03", "NULL".into())]
    {
        world.execute(&format!(
            "INSERT INTO pseudonym VALUES (x'{}', x'{}', {last_day})",
            byte.repeat(32),
            byte.repeat(32)
        ));
    }
    let served = world.serve();
    let forgotten = || world.query("SELECT count(*) FROM request WHERE id LIKE 'aa%'") == 0;
    for _ in 0..100 {
        if forgotten() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(forgotten());
    assert_eq!(world.query("SELECT count(*) FROM request"), 2);
    assert_eq!(world.query("SELECT count(*) FROM pseudonym"), 3);
    assert_eq!(world.query("SELECT count(*) FROM pseudonym WHERE hex(scope) LIKE '01%'"), 0);
    // That of a `none` scope, two days beyond its day.
    assert_eq!(world.query("SELECT max(last_day) FROM pseudonym"), today + 2);
    served.stop();
}

#[test]
fn epochs_are_followed_in_a_folder() {
    let mut world = World::new(363);
    let mut settings = world.settings();
    settings.epochs_every = 1;
    let served = Served::start(settings.clone(), &world.token);
    let ready = served.ready_when(|r| r["ready"] == true);
    assert_eq!((&ready["epoch"], &ready["sealed_at"]), (&json!(3), &json!(world.statements[2].sealed_at)));
    assert!(ready["epochs_read_at"].is_string() && ready["epochs_succeeded_at"] == ready["epochs_read_at"]);
    let asked = served.ask(ADULT);
    world.seal(now(), 5);
    served.ready_when(|r| r["epoch"] == 4);
    let presentation = world.present(&asked.request, 4, 1);
    assert!(served.send(&asked, &presentation).is_received());

    // A note that is refused, and then none at all: what is installed stays in use, and it says so.
    world.publish(5, "hello\n");
    let ready = served.ready_when(|r| r["epochs_problem"] == "epochs_syntax");
    assert_eq!((&ready["ready"], &ready["epoch"]), (&json!(true), &json!(4)));
    std::fs::remove_dir_all(world.published()).unwrap();
    let ready = served.ready_when(|r| r["epochs_problem"] == "unavailable");
    assert!(
        ready["ready"] == true && ready["epochs_succeeded_at"].as_str() < ready["epochs_read_at"].as_str()
    );
    served.stop();

    // With nothing to read, a restart knows what it knew, and that older epochs are older.
    let served = Served::start(settings.clone(), &world.token);
    let ready = served.ready_when(|r| r["epochs_read_at"].is_string());
    assert_eq!((&ready["ready"], &ready["epoch"]), (&json!(true), &json!(4)));
    let asked = served.ask(ADULT);
    let presentation = world.present(&asked.request, 4, 2);
    assert!(served.send(&asked, &presentation).is_received());
    std::fs::create_dir_all(world.published().join("epochs")).unwrap();
    world.publish(3, &world.statements[2].sign(&world.signer).unwrap());
    let ready = served.ready_when(|r| r["epochs_problem"] == "epochs_stale");
    assert_eq!((&ready["ready"], &ready["epoch"]), (&json!(true), &json!(4)));
    served.stop();

    // What was saved under one authority is not read under another.
    let stranger = AuthoritySigner::generate(&mut world.rng, crate::people::ORIGIN).unwrap();
    settings.authority = stranger.public();
    let error = refused(settings);
    assert!(matches!(error, PlatformServiceError::Epochs(_)));
    assert_eq!(error.code(), Some("epoch_signature"));
}

#[test]
fn epochs_grow_stale_while_it_runs() {
    let mut world = World::new(369);
    world.seal(now().plus(1), 0);
    let mut settings = world.settings();
    settings.epochs_every = 1;
    settings.policy = settings.policy.with_max_age(3).unwrap();
    let served = Served::start(settings, &world.token);
    let asked = served.ask(ADULT);
    let presentation = world.present(&asked.request, 4, 1);
    let ready = served.ready_when(|r| r["code"] == "epochs_stale");
    assert_eq!((&ready["ready"], &ready["epoch"]), (&json!(false), &json!(4)));
    for _ in 0..6 {
        assert_eq!(served.send(&asked, &presentation).said(), "503 epochs_stale misconfigured");
    }
    // Requests can be made all the same: they are answered when an epoch has come.
    let late = served.ask(ADULT);
    world.seal(now().plus(60), 0);
    served.ready_when(|r| r["ready"] == true);
    let late = (world.present(&late.request, 5, 2), late);
    assert!(served.send(&asked, &presentation).is_received());
    assert!(served.send(&late.1, &late.0).is_received());
    served.stop();
}

#[test]
fn contradictions_are_kept_as_evidence() {
    let mut world = World::new(364);
    let mut settings = world.settings();
    settings.http.metrics = Some("127.0.0.1:0".parse().unwrap());
    settings.epochs_every = 1;
    let served = Served::start(settings.clone(), &world.token);
    // The control: without evidence it is ready.
    let good = served.ready_when(|r| r["epoch"] == 3);
    assert_eq!((&good["ready"], &good["contradictions"]), (&json!(true), &json!(0)));
    let mut other = world.statements[2].clone();
    other.root = veilpass_protocol::field::Fr::from(666u64);
    world.publish(3, &other.sign(&world.signer).unwrap());
    let ready = served.ready_when(|r| r["epochs_problem"] == "epochs_conflict");
    // An operator has to look, so it is not ready; presentations are judged all the same.
    assert_eq!((&ready["ready"], &ready["code"]), (&json!(false), &json!("epochs_conflict")));
    assert_eq!(ready["contradictions"], 1);
    assert!(ready["detail"].as_str().unwrap().contains("contradict each other"));
    assert_eq!(served.get("/readyz", None).status, 503);
    let metrics = call(served.metrics.unwrap(), "GET", "/metrics", &[], b"").body;
    assert!(metrics.lines().any(|l| l == "veilpass_platform_epoch_contradictions 1"), "{metrics}");
    let asked = served.ask(ADULT);
    let presentation = world.present(&asked.request, 3, 1);
    assert!(served.send(&asked, &presentation).is_received());
    assert_eq!(world.query("SELECT json_array_length(saved, '$.equivocations') FROM epochs"), 1);
    served.stop();
    let served = Served::start(settings, &world.token);
    let ready = served.ready_when(|r| r["epochs_problem"] == "epochs_conflict");
    assert_eq!(ready["ready"], false, "evidence is remembered");
    assert_eq!(world.query("SELECT json_array_length(saved, '$.equivocations') FROM epochs"), 1);
    served.stop();
}

#[test]
fn epochs_are_followed_at_an_address() {
    let mut world = World::new(365);
    let newest: Arc<Mutex<Option<String>>> = Arc::default();
    let shown = Arc::clone(&newest);
    let authority = Router::new().route(
        "/v1/epochs/latest",
        get(move || {
            let note = shown.lock().unwrap().clone();
            async move { note.ok_or_else(Problem::not_found) }
        }),
    );
    let server = runtime().block_on(Server::bind(Settings::new("127.0.0.1:0".parse().unwrap()))).unwrap();
    let address = format!("http://id.localhost:{}", server.address().port());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = runtime().spawn(server.run(authority, async { drop(stopped.await) }));

    let mut settings = world.settings();
    settings.epochs = published(&address);
    settings.epochs_every = 1;
    let served = Served::start(settings, &world.token);
    // The authority is there and has sealed nothing yet.
    let ready = served.ready_when(|r| r["epochs_read_at"].is_string());
    assert_eq!((&ready["ready"], &ready["code"]), (&json!(false), &json!("epochs_stale")));
    let note = world.statements[2].sign(&world.signer).unwrap();
    *newest.lock().unwrap() = Some(note);
    served.ready_when(|r| r["epoch"] == 3);
    let asked = served.ask(ADULT);
    let note = world.seal(now(), 5);
    *newest.lock().unwrap() = Some(note);
    served.ready_when(|r| r["epoch"] == 4);
    let presentation = world.present(&asked.request, 4, 1);
    assert!(served.send(&asked, &presentation).is_received());
    stop.send(()).unwrap();
    runtime().block_on(running).unwrap().unwrap();
    let ready = served.ready_when(|r| r["epochs_problem"] == "unavailable");
    assert_eq!((&ready["ready"], &ready["epoch"]), (&json!(true), &json!(4)));
    served.stop();
}

#[test]
fn settings_that_cannot_be() {
    let world = World::new(366);
    let with = |change: fn(&mut PlatformSettings)| {
        let mut settings = world.settings();
        change(&mut settings);
        refused(settings)
    };
    assert_eq!(with(|s| s.verifying_key.truncate(100)).code(), Some("key_syntax"));
    let dev = world.trapdoor.key(Origin::Dev).to_bytes();
    let mut settings = world.settings();
    settings.verifying_key = dev.clone();
    assert!(matches!(refused(settings.clone()), PlatformServiceError::Key(KeyError::Dev(_))));
    settings.policy = settings.policy.allowing_dev_keys();
    assert!(runtime().block_on(PlatformService::bind(settings)).is_ok());
    let mut trapdoor = world.trapdoor.clone();
    trapdoor.gamma = trapdoor.delta;
    let mut settings = world.settings();
    settings.verifying_key = trapdoor.key(Origin::Ceremony).to_bytes();
    assert_eq!(refused(settings).code(), Some("key_unsafe"));
    for change in [
        |s: &mut PlatformSettings| s.ttl = 0,
        |s: &mut PlatformSettings| s.ttl = 86_401,
        |s: &mut PlatformSettings| s.epochs_every = 0,
    ] {
        assert!(matches!(with(change), PlatformServiceError::Setting(_)));
    }
    assert!(matches!(with(|s| s.folder.push("absent")), PlatformServiceError::Folder(_)));
    // A name that others resolve is reached by https, on its own port.
    let mut settings = world.settings();
    settings.host = "forum.example".parse().unwrap();
    let served = Served::start(settings, &world.token);
    let asked = served.ask(ADULT);
    assert_eq!(asked.request_uri, format!("https://forum.example/v1/requests/{}", asked.id));
    served.stop();
    std::fs::write(world.folder().join("platform.db"), "no database").unwrap();
    assert!(matches!(with(|_| ()), PlatformServiceError::Store(_)));
}

#[test]
fn what_it_counts_tells_nobody_from_another() {
    let mut world = World::new(367);
    let mut settings = world.settings();
    settings.http.metrics = Some("127.0.0.1:0".parse().unwrap());
    let served = Served::start(settings, &world.token);
    let asked = served.ask(ADULT);
    let presentation = world.present(&asked.request, 3, 12345);
    assert!(served.send(&asked, &presentation).is_received());
    assert_eq!(served.send(&asked, &presentation).status, 409);
    let text = call(served.metrics.unwrap(), "GET", "/metrics", &[], b"").body;
    for line in [
        "veilpass_platform_requests_total 1",
        "veilpass_platform_answers_total{outcome=\"accepted\"} 1",
        "veilpass_platform_answers_total{outcome=\"request_replayed\"} 1",
        "veilpass_platform_epoch_readings_total{outcome=\"ok\"} 1",
        "veilpass_platform_epoch 3",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    crate::http::explained(&text);
    let nonce = asked.request.nonce.to_string();
    for secret in [&hex(12345), &asked.id, &asked.result_token, &nonce, &world.token] {
        assert!(!text.contains(secret.as_str()), "{secret}: {text}");
    }
    assert_eq!(served.get("/metrics", None).status, 404);
    served.stop();
}

#[test]
fn it_describes_its_routes() {
    let world = World::new(368);
    let served = world.serve();
    let description = served.get("/openapi.json", None).json();
    let paths = description["paths"].as_object().unwrap();
    let names: Vec<&str> = paths.keys().map(String::as_str).collect();
    let expected = [
        "/healthz",
        "/readyz",
        "/v1/requests",
        "/v1/requests/{id}",
        "/v1/requests/{id}/presentation",
        "/v1/requests/{id}/result",
    ];
    assert_eq!(names, expected);
    let tokens = description["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(tokens.keys().collect::<Vec<_>>(), ["platform_token", "result_token"]);
    assert_eq!(served.get("/docs/", None).status, 200);
    assert_eq!(description["servers"][0]["url"], "/");
    // What the description gives as examples is what the server takes and gives.
    let schemas = &description["components"]["schemas"];
    let example = |name: &str| schemas[name]["example"].to_string();
    let made = served.ask_for(&example("NewRequest"));
    assert_eq!(made.status, 201, "{made:?}");
    Request::from_json(example("Request").as_bytes()).unwrap().check_link().unwrap();
    Presentation::from_json(example("Presentation").as_bytes()).unwrap();
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let declined =
        served.post(&format!("/v1/requests/{id}/presentation"), None, JSON, example("Decline").as_bytes());
    assert!(declined.is_received(), "{declined:?}");
    served.stop();
}

/// Everything that a platform logs in a run with accepted, refused and declined answers, a failing store
/// and a bad epoch.
#[test]
fn its_log_tells_nobody_from_another() {
    let mut world = World::new(370);
    let mut settings = world.settings();
    settings.epochs_every = 1;
    let written = Written::default();
    let writer = written.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut secrets = vec![world.token.clone(), hex(12345), hex(54321)];
    // As in `logs`: with a second subscriber none is asked once and for all whether it wants an event.
    let _second = tracing::Dispatch::new(log::subscriber(std::io::sink));
    // One thread, so that everything that the service does is heard by this subscriber.
    tracing::subscriber::with_default(log::subscriber(move || writer.clone()), || {
        runtime.block_on(async {
            let service = PlatformService::bind(settings).await.unwrap();
            let served = Served::at(service.address(), &world.token);
            let client = tokio::task::spawn_blocking(move || {
                let asked = [(); 3].map(|()| served.ask(ADULT));
                let [a, b, c] = &asked;
                let (good, wrong) =
                    (world.present(&a.request, 3, 12345), world.present(&a.request, 3, 54321));
                assert!(served.send(a, &good).is_received());
                assert_eq!(served.send(a, &good).status, 409);
                assert_eq!(served.send(b, &wrong).status, 403);
                let name = format!(r#"{{"{}":"{}"}}"#, hex(12345), hex(54321));
                assert_eq!(served.answer(b, JSON, name.as_bytes()).status, 400);
                assert!(served.answer(c, JSON, br#"{"v":1,"declined":true}"#).is_received());
                served.result(a);
                assert_eq!(served.get(&format!("/v1/requests/{}/result", a.id), Some("x")).status, 401);
                world.publish(4, "hello\n");
                served.ready_when(|r| r["epochs_problem"] == "epochs_syntax");
                world.execute("DROP TABLE pseudonym");
                let new = world.present(&b.request, 3, 54321);
                assert_eq!(served.send(b, &new).said(), "503 unavailable");
                asked
            });
            let (done, asked) = tokio::sync::oneshot::channel();
            let shutdown = async { done.send(client.await.unwrap()).unwrap() };
            service.run(shutdown).await.unwrap();
            for asked in asked.await.unwrap() {
                secrets.extend([asked.id, asked.result_token, asked.request.nonce.to_string()]);
            }
        });
    });
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    for said in ["epochs_syntax", "proof_invalid", "store: ", "/v1/requests/{id}/presentation"] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in\n{text}");
    }
}
