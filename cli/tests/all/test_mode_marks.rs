//! `platform serve --test` and a real platform cannot be taken for each other.

use crate::binary::veilpass;
use crate::server::{Server, client, get, post, text};
use crate::test_mode::{Site, adult};
use serde_json::json;
use std::path::Path;
use std::process::Command;

#[test]
fn every_answer_is_marked() {
    let site = Site::open();
    let made = site.ask(&adult());
    let path = format!("/v1/requests/{}", made.id);
    let wallet = format!("/test/wallet?request_uri=http%3A%2F%2Flocalhost%3A1{path}");
    for (head, body, status, json) in [
        ("GET /healthz HTTP/1.1", "", 200, true),
        ("GET /readyz HTTP/1.1", "", 200, true),
        ("GET /nothing HTTP/1.1", "", 404, true),
        ("DELETE /healthz HTTP/1.1", "", 404, true),
        ("POST /v1/requests HTTP/1.1", "{}", 401, true),
        ("POST /v1/requests HTTP/1.1\r\nAuthorization: Bearer test", "{}", 400, true),
        (&format!("GET {path} HTTP/1.1"), "", 200, false),
        (&format!("GET {path}/result HTTP/1.1"), "", 401, true),
        (&format!("POST {path}/presentation HTTP/1.1"), "junk", 400, true),
        (&format!("OPTIONS {path} HTTP/1.1"), "", 204, false),
        ("POST /test/wallet/nobody HTTP/1.1\r\nContent-Type: application/json", "{}", 404, true),
        ("POST /test/wallet/adult HTTP/1.1\r\nContent-Type: application/json", "{}", 400, true),
        ("GET /test/wallet HTTP/1.1", "", 200, false),
        (&format!("GET {wallet} HTTP/1.1"), "", 400, true),
        ("GET /openapi.json HTTP/1.1", "", 200, false),
        ("GET /docs/ HTTP/1.1", "", 200, false),
        ("HEAD /healthz HTTP/1.1", "", 200, false),
    ] {
        let answer = site.raw(head, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
        assert!(answer.contains("\r\nveilpass-test: true\r\n"), "{head}: {answer}");
        assert_eq!(answer.contains("\r\n\r\n{\"test\":true"), json, "{head}: {answer}");
    }
    let (_, described) = get(&client(), &site.server.url("/openapi.json"), None).unwrap();
    assert_eq!(described["paths"]["/test/wallet/{person}"]["post"]["tags"], json!(["test"]));
    assert!(described["paths"]["/v1/requests"].is_object() && described.get("test").is_none());
    let member =
        |schema: &str| described["components"]["schemas"][schema]["properties"].get("test").is_some();
    for answered in ["RequestMade", "Result", "ProblemDocument", "TestAnswered"] {
        assert!(member(answered), "{answered}");
    }
    assert!(!member("NewRequest") && !member("TestQuestion"), "what is sent has no such member");

    let site = Site::with(&["--rate-per-second", "1", "--rate-burst", "1"]);
    let limited =
        (0..4).map(|_| site.raw("GET /readyz HTTP/1.1", "")).find(|a| a.starts_with("HTTP/1.1 429"));
    let limited = limited.expect("a limit that is set is kept");
    assert!(
        limited.contains("\r\nveilpass-test: true\r\n") && limited.contains("{\"test\":true"),
        "{limited}"
    );
}

fn refused(at: &Path, environment: &[(&str, &str)], line: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(["platform", "serve", "--test"])
        .args(line.split_whitespace())
        .current_dir(at)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{line} {environment:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn settings_of_a_real_platform_are_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for flags in [
        "--dir P",
        "--authority test.example/veilpass+0a0a0a0a+AA",
        "--epochs A",
        "--epochs-every 5",
        "--ca ca.pem",
        "--key attest-v1.vk",
        "--grace 60",
        "--max-age 60",
        "--min-live 2000",
        "--allow-dev",
        "--metrics-listen 127.0.0.1:0",
        "--plain-http",
        "--trusted-proxy 127.0.0.1",
        "--tls-certificate c.pem --tls-key k.pem",
    ] {
        let said = refused(at, &[], flags);
        let flag = flags.split_whitespace().next().unwrap();
        assert!(said.contains(&format!("{flag} does not go with --test")), "{flags}: {said}");
    }
    assert!(refused(at, &[("VEILPASS_DIR", "P")], "").contains("--dir does not go with --test"));
    std::fs::write(at.join("real.toml"), "authority = \"vkey\"\n").unwrap();
    assert!(refused(at, &[], "--config real.toml").contains("--authority does not go with --test"));
    assert!(refused(at, &[], "--listen 0.0.0.0:0").contains("loopback addresses only"));
    assert!(refused(at, &[("VEILPASS_LISTEN", "192.0.2.1:8444")], "").contains("loopback addresses only"));
    assert!(refused(at, &[], "--host forum.example").contains("`localhost`"));
    assert!(refused(at, &[], "--ttl 0").contains("at least 1 second"));
    // Only the flag begins test mode.
    std::fs::write(at.join("test.toml"), "test = true\n").unwrap();
    assert!(refused(at, &[], "--config test.toml").contains("there is no setting `test`"));
    // The control.
    std::fs::write(at.join("good.toml"), "listen = \"127.0.0.1:0\"\nhost = \"shop.localhost\"\n").unwrap();
    let shown = veilpass(at, "platform serve --test --config good.toml --check").ok();
    assert_eq!((&shown["host"], &shown["listen"]), (&json!("shop.localhost"), &json!("127.0.0.1:0")));
    assert_eq!(veilpass(at, "platform serve --test --check").ok()["listen"], json!("127.0.0.1:8444"));
}

#[test]
fn a_real_platform_has_nothing_of_it() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let vkey = text(&veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"]);
    veilpass(at, "platform keygen --dir P").ok();
    std::fs::create_dir_all(at.join("published/epochs")).unwrap();
    let line = format!(
        "platform serve --dir P --host localhost --listen 127.0.0.1:0 --authority {vkey} --epochs published --allow-dev"
    );
    let site = Site { server: Server::start(at, "platform", &line), place };
    let (status, said) = post(&client(), &site.server.url("/v1/requests"), &adult(), Some("test")).unwrap();
    assert_eq!((status, &said["code"], said.get("test")), (401, &json!("unauthorised"), None));
    let (status, said) = site.answer("adult", &json!({"request_uri": "x"}));
    assert_eq!((status, &said["code"]), (404, &json!("not_found")));
    assert!(!site.raw("GET /healthz HTTP/1.1", "").to_lowercase().contains("test"));
    let (_, described) = get(&client(), &site.server.url("/openapi.json"), None).unwrap();
    assert!(described["paths"].get("/test/wallet").is_none());
}
