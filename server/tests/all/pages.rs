//! What browser pages of other origins may call, and OPTIONS.

use crate::authority_harness::Serving;
use crate::platform_kit::{ADULT, Answer, JSON, World, call};
use crate::serving::{Running, tls_file};
use std::time::Duration;
use veilpass_server::client::{Client, ClientSettings};
use veilpass_server::http::TlsFiles;

const ORIGIN: (&str, &str) = ("Origin", "https://wallet.example");

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.head.lines().find_map(|line| {
        let (n, value) = line.split_once(": ")?;
        n.eq_ignore_ascii_case(name).then_some(value)
    })
}

#[test]
fn wallets_in_a_page_reach_their_routes_and_no_other() {
    let world = World::new(380);
    let served = world.serve();
    let asked = served.ask(ADULT);
    let id = &asked.id;
    let ask = |method: &str, path: &str, more: &[(&str, &str)], body: &[u8]| {
        let headers: Vec<_> =
            [&[ORIGIN], more].concat().into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        call(served.address, method, path, &headers, body)
    };
    let open = "access-control-allow-origin";
    let preflight = |path: &str| ask("OPTIONS", path, &[("Access-Control-Request-Method", "POST")], b"");
    for (path, methods, allow) in [
        (format!("/v1/requests/{id}"), "GET, HEAD", "GET,HEAD"),
        (format!("/v1/requests/{id}/presentation"), "POST", "POST"),
        ("/openapi.json".to_owned(), "GET, HEAD", "GET,HEAD"),
    ] {
        let answer = preflight(&path);
        assert_eq!((answer.status, header(&answer, open)), (204, Some("*")), "{answer:?}");
        assert_eq!(header(&answer, "access-control-allow-methods"), Some(methods), "{path}");
        assert_eq!(header(&answer, "access-control-allow-headers"), Some("Content-Type, If-None-Match"));
        assert_eq!(header(&answer, "access-control-max-age"), Some("7200"));
        assert_eq!(header(&answer, "allow"), Some(allow), "{path}");
        assert!(header(&answer, "access-control-allow-credentials").is_none());
    }
    let signed = ask("GET", &format!("/v1/requests/{id}"), &[], b"");
    assert_eq!((signed.status, header(&signed, open)), (200, Some("*")));
    // Refusals can be read as well.
    let refused = ask("POST", &format!("/v1/requests/{id}/presentation"), &[("Content-Type", JSON)], b"{}");
    assert_eq!((refused.status, header(&refused, open)), (400, Some("*")));
    let absent = ask("GET", &format!("/v1/requests/{}", "0".repeat(32)), &[], b"");
    assert_eq!((absent.status, header(&absent, open)), (404, Some("*")));

    // Routes with a token of the platform's own program are not for pages of other origins.
    let result = format!("/v1/requests/{id}/result");
    for path in ["/v1/requests", &result, "/readyz", "/healthz"] {
        let answer = preflight(path);
        assert_eq!((answer.status, header(&answer, open)), (204, None), "{answer:?}");
        assert!(header(&answer, "access-control-allow-methods").is_none());
        assert!(header(&answer, "allow").is_some(), "{answer:?}");
    }
    let bearer = format!("Bearer {}", asked.result_token);
    let told = ask("GET", &result, &[("Authorization", &bearer)], b"");
    assert_eq!((told.status, header(&told, open)), (200, None));
    // What is not there has no options.
    for path in ["/", "/v1", "/v1/nothing", "*"] {
        assert_eq!(ask("OPTIONS", path, &[], b"").status, 404, "{path}");
    }
    served.stop();
}

#[tokio::test]
async fn what_is_published_is_for_every_page() {
    let mut serving = Serving::start(870).await;
    serving.seal_elsewhere().await;
    serving.until_epoch(1).await;
    let open = "access-control-allow-origin";
    for path in ["/v1/published/vkey", "/v1/published/epochs/1.note", "/v1/epochs/latest", "/openapi.json"] {
        let got = serving.ask("GET", path, &[ORIGIN], b"").await;
        assert_eq!((got.status, got.header(open)), (200, Some("*")), "{path}");
        assert_eq!(got.header("access-control-expose-headers"), Some("ETag, Retry-After"));
        let asked = serving.ask("OPTIONS", path, &[ORIGIN], b"").await;
        assert_eq!((asked.status, asked.header("access-control-allow-methods")), (204, Some("GET, HEAD")));
    }
    let etag = serving.get("/v1/epochs/latest").await.header("etag").unwrap().to_owned();
    let same = serving.ask("GET", "/v1/epochs/latest", &[ORIGIN, ("If-None-Match", &etag)], b"").await;
    assert_eq!((same.status, same.header(open)), (304, Some("*")));
    for path in ["/v1/applications", "/v1/enrolments", "/v1/removals", "/v1/withdrawals"] {
        let asked = serving.ask("OPTIONS", path, &[ORIGIN], b"").await;
        assert_eq!(
            (asked.status, asked.header(open), asked.header("allow")),
            (204, None, Some("POST")),
            "{path}"
        );
    }
    serving.stop().await;
}

/// A certificate that was renewed is used from the next connection on; a broken one changes nothing.
#[test]
fn a_certificate_is_read_again_at_sighup() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let lay = |certificate: &str| std::fs::copy(tls_file(certificate), at("chain.pem")).unwrap();
    lay("localhost.pem");
    std::fs::copy(tls_file("localhost.key"), at("key.pem")).unwrap();
    let server = Running::start(|settings| {
        settings.tls = Some(TlsFiles { certificate: at("chain.pem"), key: at("key.pem") });
    });
    // A client of its own for each look: a connection that stands keeps its certificate.
    let trusts = |ca: &str| {
        let settings = ClientSettings {
            ca_file: Some(tls_file(ca)),
            timeout: Duration::from_secs(5),
            ..ClientSettings::default()
        };
        let url = format!("https://localhost:{}/healthz", server.address.port());
        Client::new(settings).unwrap().get(&url, 10).is_ok()
    };
    let hang_up = || {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
        std::thread::sleep(Duration::from_millis(500));
    };
    assert!(trusts("localhost.pem") && !trusts("renewed.pem"));
    // `other.pem` does not fit the key.
    lay("other.pem");
    hang_up();
    assert!(trusts("localhost.pem"), "a pair that does not fit was taken");
    std::fs::write(at("chain.pem"), "-----BEGIN NONSENSE").unwrap();
    hang_up();
    assert!(trusts("localhost.pem"), "a broken file was taken");
    // The control: a good pair is taken.
    lay("renewed.pem");
    std::fs::copy(tls_file("renewed.key"), at("key.pem")).unwrap();
    hang_up();
    assert!(trusts("renewed.pem") && !trusts("localhost.pem"));
    server.stop();
}
