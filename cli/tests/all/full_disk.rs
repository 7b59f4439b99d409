//! Writes that fail while a server runs: refused and told as long as that lasts, and forgotten afterwards.
//!
//! The limit on the size of files stands for a full disk: SQLite ends the transaction by itself after either.

use crate::binary::veilpass;
use crate::life::{HEADER, crowd};
use crate::server::{Server, client, get, post, text};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use veilpass_server::client::Client;

/// Changes the largest size of files of a running process.
fn limit_files(pid: u32, limit: Option<u64>) {
    let pid = Pid::from_raw(pid as i32);
    prlimit(pid, Resource::Fsize, Rlimit { current: limit, maximum: None }).unwrap();
}

/// A change, tried on a healthy disk, on one that takes nothing, and on one that has recovered.
fn through_a_full_disk(server: &Server, client: &Client, change: impl Fn() -> (u16, Value)) {
    let ready = || get(client, &server.url("/readyz"), None).unwrap();
    for round in 0..3 {
        assert_eq!(change().0, 201, "round {round}");
        assert_eq!(ready().0, 200, "round {round}");
        limit_files(server.id(), Some(0));
        for _ in 0..3 {
            let (status, said) = change();
            assert_eq!((status, text(&said["code"]).as_str()), (503, "unavailable"), "round {round}: {said}");
            assert_eq!(ready().0, 503, "round {round}");
        }
        limit_files(server.id(), None);
        assert_eq!(ready().0, 200, "readiness tells the truth at once, round {round}");
        let (status, said) = change();
        assert_eq!(status, 201, "round {round}: {said}");
    }
}

#[test]
fn an_authority_goes_on_after_failed_writes() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    veilpass(at, "authority init --dir A --origin id.example/veilpass").ok();
    let token = text(&veilpass(at, "authority registrar --dir A --name Hall").ok()["token"]);
    let server =
        Server::start_deaf_to_limits(at, "authority", "authority serve --dir A --listen 127.0.0.1:0");
    let client = client();
    let body = json!({"operation": "enrol", "document":
        {"type": "resident_number", "number": "440301199911130013", "expires_on": "2046-06-01"}});
    let apply = || post(&client, &server.url("/v1/applications"), &body, Some(&token)).unwrap();
    through_a_full_disk(&server, &client, apply);
    // What was refused is not there; what was acknowledged is.
    server.stop();
    veilpass(at, "authority seal --dir A").ok();
}

#[test]
fn a_platform_goes_on_after_failed_writes() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let vkey = text(&veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"]);
    std::fs::write(at.join("people.csv"), format!("{HEADER}\n{}", crowd(1_100))).unwrap();
    veilpass(at, "authority import --dir A people.csv").ok();
    veilpass(at, "authority seal --dir A").ok();
    veilpass(at, "authority publish --dir A --out pub").ok();
    let token = text(&veilpass(at, "platform keygen --dir P").ok()["token"]);
    let line = format!(
        "platform serve --dir P --host forum.localhost --listen 127.0.0.1:0 --authority {vkey} --epochs pub --allow-dev"
    );
    let server = Server::start_deaf_to_limits(at, "platform", &line);
    let client = client();
    let body = json!({"predicates": {"valid": true}});
    let ask = || post(&client, &server.url("/v1/requests"), &body, Some(&token)).unwrap();
    through_a_full_disk(&server, &client, ask);
}
