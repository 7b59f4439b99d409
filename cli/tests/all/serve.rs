//! How servers are configured: flags before the environment, before the file, before the defaults; and
//! what is refused before anything listens.

use crate::binary::{run, veilpass};
use crate::server::{Server, client, get, post, text};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn authority(at: &Path) -> String {
    text(&veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"])
}

/// Runs with an environment.
fn with(at: &Path, environment: &[(&str, &str)], line: &str) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(line.split_whitespace())
        .arg("--json")
        .current_dir(at)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

#[test]
fn four_layers_and_what_is_in_force() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    authority(at);
    std::fs::write(
        at.join("authority.toml"),
        "listen = \"127.0.0.1:0\"\nseal-every = 600\nmax-connections = 77\ntrusted-proxy = [\"10.0.0.1\"]\n",
    )
    .unwrap();
    let line = "authority serve --dir A --config authority.toml --check";
    let (exit, shown) = with(at, &[], line);
    assert_eq!(exit, 0);
    assert_eq!(
        (&shown["seal-every"], &shown["max-connections"], &shown["rate-burst"], &shown["trusted-proxy"]),
        (&json!(600), &json!(77), &json!(200), &json!(["10.0.0.1"])),
        "the file before the defaults"
    );
    let environment = [("VEILPASS_SEAL_EVERY", "60"), ("VEILPASS_RATE_BURST", "9")];
    let (_, shown) = with(at, &environment, line);
    assert_eq!(
        (&shown["seal-every"], &shown["rate-burst"]),
        (&json!(60), &json!(9)),
        "the environment before the file"
    );
    let (_, shown) = with(at, &environment, &format!("{line} --seal-every 0"));
    assert_eq!(
        (&shown["seal-every"], &shown["rate-burst"]),
        (&json!(0), &json!(9)),
        "flags before the environment"
    );
    // Nothing was started, and the same configuration serves.
    let server = Server::try_start(
        at,
        "authority",
        &["authority", "serve", "--dir", "A", "--config", "authority.toml"],
    );
    let server = server.unwrap();
    assert_eq!(get(&client(), &server.url("/healthz"), None).unwrap().0, 200);
    server.stop();
}

#[test]
fn what_cannot_be_is_refused_before_anything_listens() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let vkey = authority(at);
    veilpass(at, "platform keygen --dir P").ok();
    for (name, text) in [
        ("misspelt.toml", "seal-evry = 600\n"),
        ("typed.toml", "seal-every = \"often\"\n"),
        ("broken.toml", "seal-every = \n"),
    ] {
        std::fs::write(at.join(name), text).unwrap();
        let line = format!("authority serve --dir A --listen 127.0.0.1:0 --check --config {name}");
        assert_eq!(veilpass(at, &line).exit, 2, "{name}");
    }
    for flags in [
        "",
        "--listen 0.0.0.0:0",
        "--listen 127.0.0.1:0 --header-timeout 0",
        "--listen 127.0.0.1:0 --max-connections 0",
        "--listen 127.0.0.1:0 --rate-burst 0",
        "--listen 127.0.0.1:0 --tls-certificate nothing.pem",
        "--listen 127.0.0.1:0 --tls-certificate nothing.pem --tls-key nothing.pem",
    ] {
        assert_eq!(veilpass(at, &format!("authority serve --dir A --check {flags}")).exit, 2, "{flags}");
    }
    assert_eq!(veilpass(at, "authority serve --dir A --check --listen 0.0.0.0:0 --plain-http").exit, 0);
    assert_eq!(
        veilpass(at, "authority serve --dir P --check --listen 127.0.0.1:0").exit,
        2,
        "no authority's folder"
    );

    let platform = |flags: &str| {
        let line = format!(
            "platform serve --dir P --host forum.localhost --listen 127.0.0.1:0 --authority {vkey} --epochs A --check {flags}"
        );
        run(at, &line.split_whitespace().collect::<Vec<_>>())
    };
    assert_eq!(platform("").code(), "key_dev", "a development key, unless it is allowed");
    let shown = platform("--allow-dev --grace 60").ok();
    assert_eq!(
        (&shown["grace"], &shown["allow-dev"], &shown["ttl"]),
        (&json!(60), &json!(true), &json!(300))
    );
    assert_eq!(platform("--allow-dev --grace 86401").exit, 2, "a policy can only be stricter");
    assert_eq!(platform("--allow-dev --min-live 999").exit, 2, "a policy can only be stricter");
    assert_eq!(platform("--allow-dev --epochs-every 0").exit, 2);
    assert!(!shown.to_string().contains("token"), "no secret is shown");
}

#[test]
fn a_replaced_token_is_worth_nothing() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    authority(at);
    let token = |line: &str| text(&veilpass(at, line).ok()["token"]);
    let first = token("authority registrar --dir A --name R");
    let server = Server::authority(at);
    let body = json!({"network_number": "7K2M0QX4R3", "reason": "deceased"});
    let ask = |token: &str| post(&client(), &server.url("/v1/removals"), &body, Some(token)).unwrap();
    assert_eq!(ask(&first).1["code"], json!("network_number_unknown"));
    let second = token("authority registrar --dir A --name R --new-token");
    assert_eq!(ask(&first).1["code"], json!("unauthorised"));
    assert_eq!(ask(&second).1["code"], json!("network_number_unknown"));
    assert_eq!(veilpass(at, "authority registrar --dir A --name Nobody --new-token").exit, 2);
    server.stop();
}

/// A misspelt name or value in a file says what was meant.
#[test]
fn a_file_is_explained() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    authority(at);
    for (text, words) in [
        ("seal-evry = 600\n", "there is no setting `seal-evry`; did you mean `seal-every`?"),
        ("zzz = 600\n", "there is no setting `zzz`"),
        ("listen = 8443\n", "`listen`: "),
        ("listen = \"127.0.0.1:0\"\nidle-timeout = \"long\"\n", "`idle-timeout`: "),
    ] {
        std::fs::write(at.join("wrong.toml"), text).unwrap();
        let run = veilpass(at, "authority serve --dir A --check --config wrong.toml");
        assert_eq!(run.exit, 2, "{text}");
        assert!(run.stderr.contains(words), "{text}: {}", run.stderr);
    }
}

#[test]
fn registrars_and_tokens_are_replaced_listed_and_removed() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    authority(at);
    let list = || veilpass(at, "authority registrar --dir A --list").ok()["registrars"].clone();
    assert_eq!(list(), json!([]));
    veilpass(at, "authority registrar --dir A --name Hall").ok();
    assert_eq!(list()[0]["registrar"], "Hall");
    let removed = veilpass(at, "authority registrar --dir A --remove Hall").ok();
    assert_eq!(removed, json!({"registrar": "Hall", "state": "removed", "erased": 0}));
    assert_eq!(list(), json!([]));
    for wrong in ["", "--remove Hall", "--list --remove Hall", "--list --name Hall", "--list --new-token"] {
        assert_eq!(veilpass(at, &format!("authority registrar --dir A {wrong}")).exit, 2, "{wrong}");
    }
    veilpass(at, "platform keygen --dir P").ok();
    let hash = || std::fs::read_to_string(at.join("P/token.sha256")).unwrap();
    let before = hash();
    let token = text(&veilpass(at, "platform token --dir P --new").ok()["token"]);
    assert_eq!(token.len(), 43);
    assert_ne!(hash(), before);
    // What cannot be shown does not count.
    let kept = hash();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let unshown = Command::new(env!("CARGO_BIN_EXE_veilpass"))
        .args(["platform", "token", "--dir", "P", "--new"])
        .current_dir(at)
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!((unshown.status.code(), hash()), (Some(3), kept));
    assert_eq!(veilpass(at, "platform token --dir P").exit, 2);
}

#[test]
fn a_typing_error_in_a_request_is_explained() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    for (predicates, more, words) in [
        (r#"{"valid":true,"age":18}"#, "", "`predicates.age` must be an object such as {\"at_least\":18}"),
        (r#"{"valid":true,"agee":{"at_least":18}}"#, "", "did you mean `age`?"),
        (r#"{"valid":true,"age":{"at_least":21}}"#, "", "ages 14, 16, 18, 60"),
        (r#"{"valid":true}"#, "--link tokens", "needs `slots`"),
    ] {
        let line =
            format!("platform request --host forum.example --out r.json --predicates {predicates} {more}");
        let run = veilpass(at, &line);
        assert_eq!(run.exit, 1, "{line}");
        let detail = text(&run.json()["error"]["detail"]);
        assert!(detail.contains(words), "{line}: {detail}");
    }
    veilpass(at, "platform request --host forum.example --out r.json --predicates {\"valid\":true}").ok();
}
