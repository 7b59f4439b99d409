//! What is logged of a run in which secrets stand wherever a client can put them.

use crate::serving::{ask, routes, settings};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use veilpass_server::http::{Server, log};

#[derive(Clone, Default)]
pub struct Written(pub Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn planted(address: SocketAddr) {
    let body = "planted-in-the-body";
    let n = body.len();
    for request in [
        "GET /v1/things/7777777?planted-in-the-query=1 HTTP/1.1\r\n".to_owned(),
        "GET /planted-in-the-path HTTP/1.1\r\n".into(),
        "PLANTED-METHOD /healthz HTTP/1.1\r\n".into(),
        "GET /docs/planted-in-the-path HTTP/1.1\r\n".into(),
        "GET /v1/panic?planted-in-the-query HTTP/1.1\r\n".into(),
        "GET /v1/secret HTTP/1.1\r\nauthorization: Bearer planted-in-a-header\r\n".into(),
        "GET /v1/secret HTTP/1.1\r\nauthorization: planted-in-a-header\r\ncookie: planted-in-a-header\r\n"
            .into(),
        "GET /healthz HTTP/1.1\r\nuser-agent: planted-in-a-header\r\nreferer: planted-in-a-header\r\n".into(),
        "GET /healthz HTTP/1.1\r\ntraceparent: planted-in-a-header\r\n".into(),
        format!("GET /healthz HTTP/1.1\r\ntraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"),
        "GET /healthz HTTP/1.1\r\nx-forwarded-for: 203.0.113.99\r\n".into(),
        format!("POST /v1/echo HTTP/1.1\r\ncontent-type: planted/header\r\ncontent-length: {n}\r\n"),
        format!("POST /v1/echo HTTP/1.1\r\ncontent-length: {}\r\n", n + 1),
    ] {
        let body = if request.starts_with("POST") { body } else { "" };
        let reply = ask(
            address,
            format!("{request}host: planted-host\r\nconnection: close\r\n\r\n{body}").as_bytes(),
        );
        assert!(reply.status >= 200);
    }
    // No request at all, and one whose sender goes.
    assert_eq!(ask(address, b"planted nonsense\r\n\r\n").status, 400);
    let mut gone = crate::serving::connect(address);
    gone.write_all(b"GET /v1/slow?planted HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
}

#[test]
fn the_logs_hold_nothing_that_a_client_sent() {
    let written = Written::default();
    let writer = written.clone();
    // As long as there is only one subscriber, tracing asks the thread that comes by first, here any
    // test's, whether anybody listens; a second one makes it ask them all.
    let _second = tracing::Dispatch::new(log::subscriber(std::io::sink));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // One thread, so that everything that the server does is heard by this subscriber.
    tracing::subscriber::with_default(log::subscriber(move || writer.clone()), || {
        runtime.block_on(async {
            let server = Server::bind(settings()).await.unwrap();
            let (address, metrics) = (server.address(), server.metrics());
            let client = tokio::task::spawn_blocking(move || planted(address));
            let shutdown = async { client.await.unwrap() };
            server.run(routes(), shutdown).await.unwrap();
            assert!(!metrics.text().to_lowercase().contains("planted"));
        });
        tracing::warn!(target: "sqlx::query", "planted in a statement");
    });
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(!text.to_lowercase().contains("planted"), "{text}");
    for secret in ["7777777", "203.0.113", "127.0.0.1", "nonsense"] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), 14, "{text}");
    let found = |route: &str, status: u16, code: &str| {
        let fits = |line: &&&serde_json::Value| {
            line["route"] == route
                && line["status"] == status
                && line["code"] == code
                && line["ms"].is_number()
        };
        requests.iter().find(fits).unwrap_or_else(|| panic!("{route} {status} {code} is not in\n{text}"))
    };
    found("/v1/things/{id}", 200, "");
    found("-", 404, "not_found");
    found("/v1/panic", 503, "unavailable");
    found("/v1/secret", 401, "unauthorised");
    found("/v1/slow", 0, "");
    let echo = found("/v1/echo", 200, "");
    assert_eq!((&echo["bytes_in"], &echo["method"]), (&19.into(), &"POST".into()));
    assert_eq!(found("/v1/echo", 408, "timeout")["method"], "POST");
    assert!(requests.iter().any(|line| line["method"] == "other"));
    let traced: Vec<_> = requests.iter().filter(|line| line["trace"].is_string()).collect();
    assert_eq!((traced.len(), &traced[0]["trace"]), (1, &TRACE.into()));
    assert!(lines.iter().any(|line| line["level"] == "ERROR" && line["message"] == "a handler panicked"));
}
