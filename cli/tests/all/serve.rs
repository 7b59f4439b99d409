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
