//! The routes that change something, over sockets: credentials, and every code of the
//! authority with its status (contract §7 and §8).

use crate::authority_harness::{Serving, Wallet, application, number, parse, send};
use crate::people::Fixture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use std::time::Duration;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::operation::Operation;
use veilpass_server::authority::Document;
use veilpass_server::http;

pub const REGISTRARS: [&str; 3] = ["/v1/applications", "/v1/applications/ID/confirm", "/v1/removals"];
pub const HOLDERS: [&str; 2] = ["/v1/enrolments", "/v1/withdrawals"];

fn wallets(seed: u64) -> impl FnMut() -> Wallet {
    let mut rng = StdRng::seed_from_u64(seed);
    move || Wallet::new(&mut rng)
}

#[tokio::test]
async fn from_the_application_to_the_tree() {
    let mut serving = Serving::start(800).await;
    let wallet = wallets(800)();
    let filed = serving.as_registrar("/v1/applications", &application("enrol", &number(1))).await.good(201);
    assert_eq!(filed.header("cache-control"), Some("no-store"));
    assert_eq!(filed.header("content-type"), Some("application/json"));
    let filed = filed.json();
    assert_eq!(filed.as_object().unwrap().len(), 3);
    let expires: Timestamp = filed["expires_at"].as_str().unwrap().parse().unwrap();
    assert!((895..=900).contains(&(expires.seconds() - http::now().seconds())));
    let (id, code) = (filed["application"].as_str().unwrap(), filed["code"].as_str().unwrap());
    assert_eq!((id.len(), code.len()), (32, 32));

    // The code as a person may type it.
    let sloppy = code.to_lowercase().replace('-', " ");
    let first = serving.redeem(&sloppy, &wallet).await.good(201);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let answer = first.json();
    let credential = Credential::from_json(answer["credential"].to_string().as_bytes()).unwrap();
    credential.verify(&serving.fixture.authority.key()).unwrap();
    assert_eq!(
        [credential.identity_commitment, credential.device_commitment],
        [wallet.k.commitment(), wallet.d.commitment()]
    );
    assert_eq!(credential.attributes.enrolled_on, Day::of(http::now()));
    assert_eq!(answer["words"].as_array().unwrap().len(), 6);
    // The same body again.
    let again = serving.redeem(code, &wallet).await.good(200);
    assert_eq!(again.body, first.body);

    // Unconfirmed, it is in no epoch.
    let epoch = serving.seal_elsewhere().await;
    assert_eq!(serving.fixture.authority.epoch(Some(epoch)).await.unwrap().statement.added, 0);
    let confirmed = serving.confirm(id, &answer["words"]).await.good(200);
    assert_eq!(confirmed.json(), json!({"application": id, "state": "confirmed"}));
    assert_eq!(confirmed.header("cache-control"), Some("no-store"));
    serving.confirm(id, &answer["words"]).await.good(200);
    let epoch = serving.seal_elsewhere().await;
    let statement = serving.fixture.authority.epoch(Some(epoch)).await.unwrap().statement;
    assert_eq!((statement.added, statement.live), (1, 1));
    // Sealed, but the code has not expired yet.
    assert_eq!(serving.redeem(code, &wallet).await.good(200).body, first.body);

    let number = credential.network_number.to_string();
    let gone = json!({"network_number": number, "device_secret": wallet.secret()});
    let gone = serving.post("/v1/withdrawals", &gone).await.good(202);
    assert_eq!(gone.json(), json!({"network_number": number, "state": "pending"}));
    assert_eq!(gone.header("cache-control"), Some("no-store"));
    let epoch = serving.seal_elsewhere().await;
    assert_eq!(serving.fixture.authority.epoch(Some(epoch)).await.unwrap().statement.live, 0);
    serving.stop().await;
}

#[tokio::test]
async fn removals() {
    let mut serving = Serving::start(801).await;
    let mut wallet = wallets(801);
    let credential = serving.complete("enrol", &number(1), &wallet()).await;
    serving.seal_elsewhere().await;
    let number = credential.network_number.to_string();
    let body = json!({"network_number": number, "reason": "deceased"});
    let noted = serving.as_registrar("/v1/removals", &body).await.good(202);
    assert_eq!(noted.json(), json!({"network_number": number, "reason": "deceased", "state": "pending"}));
    serving.as_registrar("/v1/removals", &body).await.refused(409, "already_removed");
    serving.seal_elsewhere().await;
    serving.as_registrar("/v1/removals", &body).await.refused(404, "network_number_unknown");
    for unknown in ["7K2M0QX4R3", "7K2M0QX4R4", "", "x"] {
        let body = json!({"network_number": unknown, "reason": "error"});
        serving.as_registrar("/v1/removals", &body).await.refused(404, "network_number_unknown");
    }
    for reason in ["", "Deceased", "other"] {
        let body = json!({"network_number": "7K2M0QX4R3", "reason": reason});
        serving.as_registrar("/v1/removals", &body).await.refused(400, "request_syntax");
    }
    serving.stop().await;
}

#[tokio::test]
async fn withdrawals_take_the_number_and_the_secret() {
    let serving = Serving::start(802).await;
    let mut wallet = wallets(802);
    let (own, other) = (wallet(), wallet());
    let mine = serving.complete("enrol", &number(1), &own).await.network_number.to_string();
    let others = serving.complete("enrol", &number(2), &other).await.network_number.to_string();
    let zero = "0".repeat(64);
    let upper = own.secret().to_uppercase();
    let too_large = "f".repeat(64);
    for (number, secret) in [
        (&mine, other.secret()),
        (&others, own.secret()),
        (&mine, veilpass_protocol::field::to_hex(own.k.expose())),
        (&mine, zero),
        (&mine, upper),
        (&mine, too_large),
        (&mine, String::new()),
        (&"7K2M0QX4R3".to_owned(), own.secret()),
        (&"7K2M0QX4R4".to_owned(), own.secret()),
        (&String::new(), own.secret()),
    ] {
        let body = json!({"network_number": number, "device_secret": secret});
        let reply = serving.post("/v1/withdrawals", &body).await;
        reply.refused(401, "unauthorised");
        // Nothing tells what was wrong.
        assert_eq!(reply.json()["detail"], "the credentials are missing or wrong");
    }
    let body = json!({"network_number": mine, "device_secret": own.secret()});
    serving.post("/v1/withdrawals", &body).await.good(202);
    serving.post("/v1/withdrawals", &body).await.refused(409, "already_removed");
    serving.stop().await;
}

#[tokio::test]
async fn tokens() {
    let serving = Serving::start(803).await;
    let right = format!("Bearer {}", serving.token);
    for route in REGISTRARS {
        for authorization in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            &format!("Bearer {}", "A".repeat(43)),
            &format!("{right}x"),
            &right[..right.len() - 1],
            &right.replace("Bearer", "Basic"),
            &serving.token,
        ] {
            let headers = [("Content-Type", "application/json"), ("Authorization", authorization)];
            let reply = serving.ask("POST", route, &headers, b"{}").await;
            reply.refused(401, "unauthorised");
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        }
        let json = ("Content-Type", "application/json");
        serving.ask("POST", route, &[json], b"{}").await.refused(401, "unauthorised");
        let twice = [json, ("Authorization", &right), ("Authorization", &right)];
        serving.ask("POST", route, &twice, b"{}").await.refused(401, "unauthorised");
        // A stranger's body is not even looked at.
        let long = vec![b' '; 20_000];
        serving
            .ask("POST", route, &[json, ("Authorization", "Bearer x")], &long)
            .await
            .refused(401, "unauthorised");
        serving
            .ask("POST", route, &[json, ("Authorization", &right)], b"{}")
            .await
            .refused(400, "request_syntax");
    }
    // Holders need none, and one does no harm.
    for route in HOLDERS {
        serving.post(route, &json!({})).await.refused(400, "request_syntax");
        serving.as_registrar(route, &json!({})).await.refused(400, "request_syntax");
    }
    serving.stop().await;
}

#[tokio::test]
async fn codes_are_for_one_wallet_and_a_quarter_of_an_hour() {
    let mut serving = Serving::start(806).await;
    let mut wallet = wallets(806);
    let (first, second) = (wallet(), wallet());
    for unknown in ["", "0", "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ", "\u{0}", &"-".repeat(1000)] {
        serving.redeem(unknown, &first).await.refused(404, "code_unknown");
    }
    let (_, code) = serving.file("enrol", &number(1)).await;
    serving.redeem(&code, &first).await.good(201);
    serving.redeem(&code, &second).await.refused(409, "code_used");
    serving.redeem(&code, &first).await.good(200);

    // Filed sixteen minutes ago.
    let (past, rng) = (http::now().minus(16 * 60), &mut serving.fixture.rng);
    let document = Document::ResidentNumber { number: number(2), expires_on: None };
    let (authority, counter) = (&serving.fixture.authority, serving.registrar.as_str());
    let old = authority.file_application(counter, Operation::Enrol, &document, past, rng).await.unwrap();
    serving.redeem(&old.code.as_text(), &second).await.refused(410, "code_expired");
    // Once it is erased with everything personal, the code is remembered all the same.
    authority.housekeeping(http::now()).await.unwrap();
    serving.redeem(&old.code.as_text(), &second).await.refused(410, "code_expired");

    // Redeemed, confirmed, sealed, and the code has expired: nothing is left to be told again.
    let rng = &mut serving.fixture.rng;
    let document = Document::ResidentNumber { number: number(3), expires_on: None };
    let old = authority.file_application(counter, Operation::Enrol, &document, past, rng).await.unwrap();
    let [c, d] = second.commitments();
    let redeemed = authority.redeem(&old.code.as_text(), &c, &d, past.plus(60), rng).await.unwrap();
    serving.redeem(&old.code.as_text(), &second).await.good(200);
    let words = redeemed.words.map(str::to_owned);
    authority.confirm(counter, &old.id, &words, http::now()).await.unwrap();
    let code = old.code.as_text();
    serving.seal_elsewhere().await;
    serving.redeem(&code, &second).await.refused(409, "code_used");
    serving.stop().await;
}

#[tokio::test]
async fn commitments() {
    let serving = Serving::start(807).await;
    let mut wallet = wallets(807);
    let (own, other) = (wallet(), wallet());
    let [c, d] = own.commitments();
    let (_, code) = serving.file("enrol", &number(1)).await;
    let order = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
    for (c, d) in [
        ("0".repeat(64), d.clone()),
        (c.clone(), "0".repeat(64)),
        (order.into(), d.clone()),
        (c.clone(), "f".repeat(64)),
        (c.clone(), c.clone()),
        (c.to_uppercase(), d.clone()),
        (c[1..].into(), d.clone()),
        (String::new(), d.clone()),
    ] {
        let body = json!({"code": code, "identity_commitment": c, "device_commitment": d});
        serving.post("/v1/enrolments", &body).await.refused(422, "commitment_invalid");
    }
    // None of these has used the code up.
    serving.redeem(&code, &own).await.good(201);
    let [other_c, other_d] = other.commitments();
    let (_, code) = serving.file("enrol", &number(2)).await;
    for (c, d) in [(&c, &other_d), (&other_c, &d), (&d, &other_d), (&other_c, &c), (&d, &c)] {
        let body = json!({"code": code, "identity_commitment": c, "device_commitment": d});
        serving.post("/v1/enrolments", &body).await.refused(409, "commitment_used");
    }
    serving.redeem(&code, &other).await.good(201);
    serving.stop().await;
}

#[tokio::test]
async fn confirmation_needs_the_words_and_the_registrar_who_filed() {
    let mut serving = Serving::start(808).await;
    let (application, code) = serving.file("enrol", &number(1)).await;
    let six = json!(["a", "b", "c", "d", "e", "f"]);
    // Nobody has redeemed it.
    serving.confirm(&application, &six).await.refused(422, "words_differ");
    let answer = serving.redeem(&code, &wallets(808)()).await.good(201).json();
    serving.confirm(&application, &six).await.refused(422, "words_differ");
    let mut swapped = answer["words"].clone();
    swapped.as_array_mut().unwrap().reverse();
    serving.confirm(&application, &swapped).await.refused(422, "words_differ");
    for wrong in
        [json!([]), json!(vec!["a"; 5]), json!(vec!["a"; 7]), json!("a b c d e f"), json!([1, 2, 3, 4, 5, 6])]
    {
        serving.confirm(&application, &wrong).await.refused(400, "request_syntax");
    }
    let body = json!({"words": answer["words"]}).to_string();
    let target = format!("/v1/applications/{application}/confirm");
    let fixture = &mut serving.fixture;
    let other = fixture.authority.add_registrar("Another", http::now(), &mut fixture.rng).await.unwrap();
    serving.post_raw(&target, Some(&other), body.as_bytes()).await.refused(404, "not_found");
    for id in [&"0".repeat(32), "x", &application.to_uppercase(), &application[1..], "..", "%2e%2e"] {
        serving.confirm(id, &answer["words"]).await.refused(404, "not_found");
    }
    serving.confirm(&application, &answer["words"]).await.good(200);
    serving.stop().await;
}

#[tokio::test]
async fn one_change_of_a_person_at_a_time() {
    let mut serving = Serving::start(809).await;
    let mut wallet = wallets(809);
    for operation in ["renew", "rotate", "reset"] {
        let (_, code) = serving.file(operation, &number(1)).await;
        serving.redeem(&code, &wallet()).await.refused(404, "person_unknown");
    }
    let own = wallet();
    let (application, code) = serving.file("enrol", &number(1)).await;
    let (_, rival) = serving.file("enrol", &number(1)).await;
    let answer = serving.redeem(&code, &own).await.good(201).json();
    serving.redeem(&rival, &wallet()).await.refused(409, "person_pending");
    serving.confirm(&application, &answer["words"]).await.good(200);
    serving.redeem(&rival, &wallet()).await.refused(409, "person_pending");
    serving.seal_elsewhere().await;
    serving.redeem(&rival, &wallet()).await.refused(409, "document_used");

    // A reset: the old leaf goes with the next epoch, the new one waits.
    serving.complete("reset", &number(1), &wallet()).await;
    let (_, renewal) = serving.file("renew", &number(1)).await;
    serving.seal_elsewhere().await;
    for code in [&renewal, &rival] {
        serving.redeem(code, &own).await.refused(409, "reset_waits");
    }
    let statement = serving.fixture.authority.epoch(None).await.unwrap().statement;
    assert_eq!((statement.live, statement.added), (0, 0));
    serving.stop().await;
}

/// Two wallets with one code at one time: one of them gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_many_want() {
    let serving = std::sync::Arc::new(Serving::start(810).await);
    let mut wallet = wallets(810);
    let rounds = if std::env::var_os("VEILPASS_LONG").is_some() { 200 } else { 4 };
    for round in 0..rounds {
        let (_, code) = serving.file("enrol", &number(1 + 2 * round % 900)).await;
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (serving, wallet, code) = (serving.clone(), wallet(), code.clone());
                tokio::spawn(async move { serving.redeem(&code, &wallet).await })
            })
            .collect();
        let mut won = 0;
        for reply in tries {
            let reply = reply.await.unwrap();
            match reply.status {
                201 => won += 1,
                _ => reply.refused(409, "code_used"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
}

/// A registry that fails is no client's business.
#[tokio::test]
async fn faults_are_told_without_their_cause() {
    let serving = Serving::start(811).await;
    let file = serving.fixture.folder().join("authority.db");
    let store = veilpass_server::store::sqlite::SqliteStore::open(&file).await.unwrap();
    sqlx::query("ALTER TABLE registrar RENAME TO elsewhere").execute(store.pool()).await.unwrap();
    let reply = serving.as_registrar("/v1/removals", &json!({})).await;
    reply.refused(503, "unavailable");
    assert_eq!(reply.json()["detail"], "this cannot be done at the moment");
    assert!(reply.header("retry-after").is_some());
    sqlx::query("ALTER TABLE elsewhere RENAME TO registrar").execute(store.pool()).await.unwrap();
    serving.as_registrar("/v1/removals", &json!({})).await.refused(400, "request_syntax");
    serving.stop().await;
}

#[tokio::test]
async fn elsewhere_there_is_nothing() {
    let serving = Serving::start(812).await;
    for target in [
        "/",
        "/v1",
        "/v1/",
        "/v2/applications",
        "/v1/applications/",
        "/metrics",
        "/v1/places/0",
        "/v1/leaves",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            serving.ask(method, target, &[], b"").await.refused(404, "not_found");
        }
    }
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        for target in ["/v1/applications", "/v1/enrolments", "/v1/removals", "/v1/withdrawals"] {
            serving.ask(method, target, &[], b"").await.refused(404, "not_found");
        }
    }
    for target in
        ["/v1/published/vkey", "/v1/epochs/latest", "/healthz", "/readyz", "/openapi.json", "/docs/"]
    {
        serving.ask("POST", target, &[], b"").await.refused(404, "not_found");
    }
    serving.stop().await;
}

/// Limits of every server, at this one: clients that ask too often, and those that never finish.
#[tokio::test]
async fn too_often_and_too_slow() {
    let few = |settings: &mut http::Settings| (settings.rate_per_second, settings.rate_burst) = (1, 5);
    let serving = Serving::with(Fixture::new(813).await, 0, few).await;
    let mut refused = 0;
    for _ in 0..20 {
        let reply = serving.post("/v1/enrolments", &json!({})).await;
        if reply.status == 429 {
            reply.refused(429, "rate_limited");
            assert!(reply.header("retry-after").is_some());
            refused += 1;
        }
    }
    assert!(refused >= 10, "{refused}");
    serving.stop().await;

    let short = |settings: &mut http::Settings| settings.request_timeout = Duration::from_millis(300);
    let serving = Serving::with(Fixture::new(814).await, 0, short).await;
    let request = format!(
        "POST /v1/applications HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"operation\":",
        serving.token
    );
    parse(&send(serving.address, request.as_bytes()).await).refused(408, "timeout");
    serving.stop().await;
}
