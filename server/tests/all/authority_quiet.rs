//! A whole life over HTTP, and then a search of everything that was logged, counted or told in an
//! error for what must not stand there.

use crate::authority_harness::{Serving, Wallet, application, number, parse, send};
use crate::people::Fixture;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;
use veilpass_protocol::field::to_hex;
use veilpass_server::http;

/// Lines that were logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

#[tokio::test]
async fn logs_metrics_and_refusals_hold_nothing_of_anybody() {
    let lines = Lines::default();
    // This test has one thread: what the server says on it is caught here. As long as there is only one
    // subscriber, tracing asks the thread that comes by first, here any test's, whether anybody listens;
    // a second one makes it ask them all.
    let _second = tracing::Dispatch::new(http::log::subscriber(std::io::sink));
    let _guard = tracing::subscriber::set_default(http::log::subscriber(lines.clone()));
    let side = |settings: &mut http::Settings| settings.metrics = Some("127.0.0.1:0".parse().unwrap());
    let mut serving = Serving::with(Fixture::new(880).await, 0, side).await;
    let wallets: Vec<Wallet> = (0..4).map(|_| Wallet::new(&mut serving.fixture.rng)).collect();
    let mut secrets: Vec<String> = vec![serving.token.clone()];
    let mut told: Vec<String> = Vec::new();

    // A good life…
    for (i, wallet) in wallets[..2].iter().enumerate() {
        let number = number(i + 1);
        let (application, code) = serving.file("enrol", &number).await;
        let answer = serving.redeem(&code, wallet).await.good(201).json();
        serving.confirm(&application, &answer["words"]).await.good(200);
        let credential = &answer["credential"];
        secrets.extend([number, application, code.clone(), code.replace('-', "")]);
        secrets.push(credential["network_number"].as_str().unwrap().to_owned());
        secrets.push(credential["signature"].as_str().unwrap().to_owned());
        secrets.extend(wallet.commitments());
        secrets.extend([to_hex(wallet.k.expose()), wallet.secret()]);
    }
    let numbers: Vec<String> = secrets.iter().filter(|s| s.len() == 10).cloned().collect();
    serving.seal_elsewhere().await;
    serving.until_epoch(1).await;
    // …and everything that goes wrong in one.
    let (application, code) = serving.file("enrol", &number(3)).await;
    secrets.extend([application.clone(), code.clone(), number(3)]);
    let withdrawal =
        |number: &str, wallet: &Wallet| json!({"network_number": number, "device_secret": wallet.secret()});
    for reply in [
        serving.redeem(&code, &wallets[0]).await,
        serving.redeem("7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ", &wallets[2]).await,
        serving
            .confirm(&application, &json!(["abandon", "ability", "able", "about", "above", "absent"]))
            .await,
        serving
            .as_registrar(
                "/v1/applications",
                &crate::authority_harness::application("enrol", "440301199911130013X"),
            )
            .await,
        serving.as_registrar("/v1/applications", &json!({"secret-member-name": number(1)})).await,
        serving
            .as_registrar("/v1/removals", &json!({"network_number": numbers[0], "reason": "secret-reason"}))
            .await,
        serving.post("/v1/withdrawals", &withdrawal(&numbers[0], &wallets[1])).await,
        serving.post("/v1/withdrawals", &withdrawal(&numbers[0], &wallets[0])).await,
        serving.post("/v1/withdrawals", &withdrawal(&numbers[0], &wallets[0])).await,
        serving.post_raw("/v1/removals", Some("secret-token"), b"{}").await,
        serving.post("/v1/enrolments", &json!({"code": {"secret-code": 1}})).await,
        serving.post("/v1/enrolments", &json!("secret-code at line secret column 1")).await,
        serving.post("/v1/withdrawals", &json!({"network_number": 20_460_101})).await,
        serving.get("/v1/published/tiles/1/0/0?secret-query").await,
        serving.get("/v1/published/platforms/secret-host.example.json").await,
        serving.get(&format!("/v1/applications/{application}/confirm")).await,
        serving.get("/secret-path").await,
    ] {
        if reply.status >= 300 {
            told.push(reply.text().to_owned());
        }
    }
    secrets.extend(wallets[2].commitments());
    let agent = [("User-Agent", "secret-agent"), ("X-Forwarded-For", "secret-address")];
    serving.ask("GET", "/healthz", &agent, b"").await.good(200);
    serving
        .as_registrar("/v1/removals", &json!({"network_number": numbers[1], "reason": "fraud"}))
        .await
        .good(202);
    serving.seal_elsewhere().await;
    serving.until_epoch(2).await;
    let metrics = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let metrics = parse(&send(serving.metrics.unwrap(), metrics).await).good(200);
    let public = serving.get("/metrics").await;
    public.refused(404, "not_found");
    serving.stop().await;

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
    // They say what happened…
    for (text, sign) in [
        (log.as_str(), "\"route\":\"/v1/enrolments\""),
        (&log, "\"route\":\"/v1/published/tiles/{epoch}/{level}/{tile}\""),
        (&log, "\"code\":\"commitment_used\""),
        (&log, "\"published\""),
        (metrics.text(), "veilpass_epoch 2"),
        (metrics.text(), "veilpass_publications_total{outcome=\"done\"}"),
        (metrics.text(), "route=\"/v1/applications/{id}/confirm\""),
    ] {
        assert!(text.contains(sign), "{sign} is not in\n{text}");
    }
    assert!(told.len() >= 10, "{told:?}");
    // …and to whom they do not.
    // Dates are looked for whole: the digits of a bare year occur in the fractions of any timestamp.
    secrets
        .extend(["secret", "abandon", "1999-11-13", "19991113", "2046-06-01", "20460101"].map(str::to_owned));
    // A refusal may name a member of ours; what it holds is what must not be told.
    let refusals = told.join("\n").replace("`device_secret`", "");
    let body = application_text();
    assert!(body.contains("2046-06-01"), "the search would find what was sent: {body}");
    for (where_, text) in [("log", log.as_str()), ("metrics", metrics.text()), ("refusals", &refusals)] {
        for secret in &secrets {
            assert!(
                !text.to_lowercase().contains(&secret.to_lowercase()),
                "{secret} is in the {where_}:\n{text}"
            );
        }
    }
}

fn application_text() -> String {
    application("enrol", &number(1)).to_string()
}
