//! `veilpass registrar` against a server that says what a test wants.

use crate::binary::{Run, run_with};
use crate::fake::{Fake, SOME_VKEY, Say, json, problem, vkey};
use serde_json::json;
use std::path::Path;

const TOKEN: &str = "Zm9ydHktdGhyZWUtY2hhcmFjdGVycy1vZi1iYXNlNjQ";
const CODE: &str = "7ZZZ-0123-4567-89AB-CDEF-GHJK-MN";

fn registrar(at: &Path, server: &str, words: &[&str], input: &str) -> Run {
    let common = ["--authority", server, "--token-file", "token", "--json"];
    run_with(at, &[&["registrar"], words, &common].concat(), input.as_bytes())
}

#[test]
fn applications_confirmations_removals() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    std::fs::write(at.join("token"), format!("{TOKEN}\n")).unwrap();
    let server = Fake::serve(|got| match got.line.as_str() {
        "GET /v1/published/vkey" => vkey(SOME_VKEY),
        "POST /v1/applications" => {
            json(201, &json!({"application": "0f8c1d", "code": CODE, "expires_at": "2026-11-22T08:15:00Z"}))
        }
        "POST /v1/applications/0f8c1d/confirm" => {
            json(200, &json!({"application": "0f8c1d", "state": "confirmed"}))
        }
        "POST /v1/applications/0f8c1e/confirm" => problem(422, "words_differ"),
        "POST /v1/removals" => {
            json(202, &json!({"network_number": "7K2M0QX4R3", "reason": "fraud", "state": "pending"}))
        }
        _ => problem(404, "not_found"),
    });
    let url = server.url("id.localhost");
    let document = r#"{"type":"resident_number","number":"440301199911130013","expires_on":"2046-06-01"}"#;
    let filed = registrar(
        at,
        &url,
        &["apply", "--operation", "rotate", "--document", "-", "--qr", "code.svg"],
        document,
    );
    assert_eq!(
        filed.ok(),
        json!({"application": "0f8c1d", "code": CODE, "expires_at": "2026-11-22T08:15:00Z"})
    );
    let got = server.got();
    let got: Vec<_> = got.into_iter().filter(|got| got.line.starts_with("POST")).collect();
    assert_eq!(got[0].body, format!(r#"{{"operation":"rotate","document":{document}}}"#));
    assert!(
        got[0]
            .head
            .to_ascii_lowercase()
            .contains(&format!("authorization: bearer {TOKEN}").to_ascii_lowercase())
    );
    let svg = std::fs::read_to_string(at.join("code.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.matches("h1v1h-1z").count() > 200);
    std::fs::write(at.join("document"), document).unwrap();
    let shown = run_with(
        at,
        &[
            "registrar",
            "apply",
            "--authority",
            &url,
            "--token-file",
            "token",
            "--operation",
            "enrol",
            "--document",
            "document",
        ],
        b"",
    );
    assert!(
        shown.stdout.contains("7ZZZ-0123-4567") && shown.stdout.contains("2026-11-22T08:15:00Z"),
        "{shown:?}"
    );
    assert!(shown.stdout.contains('█'), "a QR code: {shown:?}");
    assert!(!shown.stdout.contains("440301199911130013") && !shown.stderr.contains("440301199911130013"));

    let words = "abandon ability able about above absent";
    let confirm =
        |id: &str, words: &str| registrar(at, &url, &["confirm", "--application", id, "--words", words], "");
    server.got();
    assert_eq!(
        confirm("0f8c1d", "Abandon ability  able about above absent").ok()["state"],
        json!("confirmed")
    );
    for typed in [
        "1. abandon, 2. ability, 3. able\r\n4. about, 5. above, 6. ABSENT.",
        "ａｂａｎｄｏｎ ability\u{a0}able\u{2014}about、above absent",
    ] {
        assert_eq!(confirm(" 0F8C1D\n", typed).ok()["state"], json!("confirmed"), "{typed:?}");
        assert_eq!(
            server.got().last().unwrap().json(),
            json!({"words": words.split(' ').collect::<Vec<_>>()})
        );
    }
    std::fs::write(at.join("token"), format!("\u{feff}{TOKEN}\r\n")).unwrap();
    assert_eq!(
        confirm("0f8c1d", "Abandon ability  able about above absent").ok()["state"],
        json!("confirmed")
    );
    assert_eq!(server.got()[0].json(), json!({"words": words.split(' ').collect::<Vec<_>>()}));
    assert_eq!(confirm("0f8c1e", words).code(), "words_differ");
    assert_eq!(confirm("0f8c1d", "five words are not enough").exit, 2);
    assert_eq!(confirm("../removals", words).exit, 2);
    let remove = ["remove", "--network-number", "7K2M0QX4R3", "--reason", "fraud"];
    assert_eq!(registrar(at, &url, &remove, "").ok()["state"], json!("pending"));
    assert_eq!(
        server.got().last().unwrap().json(),
        json!({"network_number": "7K2M0QX4R3", "reason": "fraud"})
    );
    assert_eq!(
        registrar(at, &url, &["remove", "--network-number", "7K2M0QX4R3", "--reason", "whim"], "").exit,
        2
    );
}

/// Personal data goes nowhere it should not, and no token where nobody encrypts.
#[test]
fn what_is_wrong_is_not_sent() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    std::fs::write(at.join("token"), TOKEN).unwrap();
    let elsewhere = Fake::serve(|_| json(201, &json!({})));
    let target = elsewhere.url("evil.localhost");
    let server = Fake::serve(move |_| Say::Redirect(target.clone()));
    let url = server.url("id.localhost");
    let apply = |url: &str, document: &str| {
        registrar(at, url, &["apply", "--operation", "enrol", "--document", "-"], document)
    };
    for document in
        ["", "[]", "7", "{\"number\":440301199911130013", &format!("{{\"a\":\"{}\"}}", "x".repeat(9000))]
    {
        let refused = apply(&url, document);
        assert!(refused.exit == 2 && !refused.stderr.contains("4403"), "{refused:?}");
    }
    assert_eq!(apply("http://id.example", "{}").exit, 2, "plain http");
    assert_eq!(apply("id.example", "{}").exit, 2);
    assert_eq!((server.got(), elsewhere.got()), (vec![], vec![]));
    assert_eq!(apply(&url, "{}").exit, 3, "a redirect");
    assert_eq!((server.got().len(), elsewhere.got()), (1, vec![]));
    std::fs::write(at.join("token"), "two words").unwrap();
    assert_eq!(apply(&url, "{}").exit, 2);
}
