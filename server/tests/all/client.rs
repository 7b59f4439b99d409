//! The client against servers that lie, lead elsewhere or go on for ever.

use crate::serving::{HUGE, Running, client, tls, tls_file};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use veilpass_server::client::{Client, ClientError, ClientSettings, ProxySettings};
use veilpass_server::published::{Published, PublishedError};

/// A server that answers every request with the same bytes.
fn answering(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), [0u8; 4096]);
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn it_gets_and_posts() {
    let (server, client) = (Running::start(|_| {}), client());
    let answer = client.get(&server.url("/v1/things/7"), 10).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"7"[..]));
    assert!(answer.is_success());
    let answer = client.post(&server.url("/v1/echo"), "text/plain", &[7; 100], None, 100).unwrap();
    assert_eq!((answer.media_type.as_str(), answer.body.as_slice()), ("text/plain", &b"text/plain 100"[..]));
    let answer = client.post(&server.url("/v1/echo"), "text/plain", &[7; 20_000], None, 1000).unwrap();
    assert_eq!((answer.status, answer.problem_code().as_deref()), (413, Some("too_large")));
    assert!(answer.problem_detail().unwrap().contains("16384"));
    assert_eq!(client.get(&server.url("/v1/secret"), 1000).unwrap().status, 401);
    assert_eq!(client.get_as(&server.url("/v1/secret"), "token", 1000).unwrap().status, 200);
    let newline = client.get_as(&server.url("/v1/secret"), "to\r\nken", 1000);
    assert_eq!(newline, Err(ClientError::Header));
    server.stop();
}

#[test]
fn it_asks_again_only_for_what_has_changed() {
    let (server, client) = (Running::start(|_| {}), client());
    let url = server.url("/v1/cached");
    let first = client.get_if_changed(&url, None, 100).unwrap();
    assert_eq!((first.status, first.etag.as_deref()), (200, Some("\"7\"")));
    let second = client.get_if_changed(&url, first.etag.as_deref(), 100).unwrap();
    assert_eq!((second.status, second.body.len()), (304, 0));
    assert_eq!(client.get_if_changed(&url, Some("\"6\""), 100).unwrap().body, b"seven");
    server.stop();
}

#[test]
fn names_under_localhost_are_this_machine() {
    let server = Running::start(|_| {});
    for host in ["localhost", "forum.localhost", "a.b.LOCALHOST"] {
        let url = format!("http://{host}:{}/healthz", server.address.port());
        assert_eq!(client().get(&url, 10).unwrap().body, b"ok", "{host}");
    }
    server.stop();
}

#[test]
fn no_redirect_is_followed() {
    let server = Running::start(|_| {});
    assert_eq!(client().get(&server.url("/v1/moved"), 100), Err(ClientError::Redirect(302)));
    for answer in [
        "HTTP/1.1 307 x\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 308 x\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 303 x\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 304 x\r\n\r\n",
    ] {
        let url = answering(answer);
        let posted = client().post(&url, "application/json", b"{}", None, 100);
        assert!(matches!(posted, Err(ClientError::Redirect(303..=308))), "{posted:?}");
    }
    server.stop();
}

#[test]
fn answers_have_limits_of_length_and_time() {
    let server = Running::start(|_| {});
    assert_eq!(client().get(&server.url("/v1/huge"), 1000), Err(ClientError::TooLong(1000)));
    let whole = client().get(&server.url("/v1/huge"), HUGE).unwrap();
    assert_eq!(whole.body.len(), HUGE);
    let endless = answering(concat!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "a\r\n0123456789\r\na\r\n0123456789\r\na\r\n0123456789\r\n"
    ));
    assert_eq!(client().get(&endless, 25), Err(ClientError::TooLong(25)));
    // Less than it promised, nothing at all, and no HTTP.
    for answer in ["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", "", "ready\r\n"] {
        let broken = client().get(&answering(answer), 1000);
        assert!(matches!(broken, Err(ClientError::Unreachable { .. })), "{broken:?}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = ClientSettings { timeout: Duration::from_millis(300), ..ClientSettings::default() };
    let (impatient, begun) = (Client::new(settings).unwrap(), Instant::now());
    let url = format!("http://{}/private/path?query", silent.local_addr().unwrap());
    let late = impatient.get(&url, 1000).unwrap_err();
    assert!(matches!(late, ClientError::Timeout(_)), "{late:?}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(!late.to_string().contains("private"), "{late}");
    server.stop();
}

#[test]
fn plain_http_goes_nowhere_else() {
    for url in ["http://id.example/", "http://192.0.2.1/", "http://localhost.id.example/"] {
        assert_eq!(client().get(url, 100), Err(ClientError::PlainHttp), "{url}");
        assert_eq!(client().post(url, "text/plain", b"", None, 100), Err(ClientError::PlainHttp), "{url}");
    }
}

#[test]
fn tls_is_with_whom_the_certificate_names() {
    let server = Running::start(|settings| settings.tls = Some(tls()));
    let trusting = |file: Option<&str>| {
        let ca_file = file.map(tls_file);
        Client::new(ClientSettings { ca_file, timeout: Duration::from_secs(10), ..ClientSettings::default() })
            .unwrap()
    };
    let (port, client) = (server.address.port(), trusting(Some("localhost.pem")));
    for host in ["localhost", "id.localhost", "127.0.0.1"] {
        let answer = client.get(&format!("https://{host}:{port}/healthz"), 100).unwrap();
        assert_eq!(answer.body, b"ok", "{host}");
    }
    let url = format!("https://localhost:{port}/healthz");
    let stranger = client.get(&format!("https://evil.localhost:{port}/healthz"), 100);
    for refused in [stranger, trusting(Some("other.pem")).get(&url, 100), trusting(None).get(&url, 100)] {
        assert!(matches!(refused, Err(ClientError::Unreachable { .. })), "{refused:?}");
    }
    // Plain HTTP to a port that speaks TLS, and a handshake that never goes on.
    let plain = client.get(&format!("http://localhost:{port}/healthz"), 100);
    assert!(matches!(plain, Err(ClientError::Unreachable { .. })), "{plain:?}");
    let mut stalled = crate::serving::connect(server.address);
    stalled.write_all(&[22, 3, 1]).unwrap();
    assert!(crate::serving::closes_within(&mut stalled, Duration::from_secs(4)));
    assert_eq!(client.get(&url, 100).unwrap().status, 200);
    server.stop();

    for name in ["absent.pem", "localhost.key", "README.md"] {
        let settings = ClientSettings { ca_file: Some(tls_file(name)), ..ClientSettings::default() };
        assert!(matches!(Client::new(settings), Err(ClientError::TrustedCertificates(..))), "{name}");
    }
}

#[test]
fn the_published_folder_is_read_from_an_address() {
    use axum::http::{StatusCode, header};
    use axum::response::IntoResponse;
    use axum::routing::get;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use veilpass_server::http::{Problem, Server};

    let (sent, epoch) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let latest = {
        let (sent, epoch) = (Arc::clone(&sent), Arc::clone(&epoch));
        move |headers: axum::http::HeaderMap| async move {
            let n = epoch.load(Ordering::SeqCst);
            if n == 0 {
                return Err(Problem::not_found());
            }
            let etag = format!("\"{n}\"");
            if headers.get(header::IF_NONE_MATCH).is_some_and(|v| *v == *etag) {
                return Ok(StatusCode::NOT_MODIFIED.into_response());
            }
            sent.fetch_add(1, Ordering::SeqCst);
            Ok(([(header::ETAG, etag)], format!("note {n}")).into_response())
        }
    };
    let routes = axum::Router::new()
        .route("/v1/epochs/latest", get(latest))
        .route("/v1/published/tiles/7/0/3", get(|| async { vec![7u8; 64] }))
        .route("/v1/published/vkey", get(|| async { Problem::unavailable("not now") }));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::bind(crate::serving::settings())).unwrap();
    let base = format!("http://id.localhost:{}/", server.address().port());
    runtime.spawn(server.run(routes, std::future::pending()));
    let published = Published::new(&base, client()).unwrap();
    assert_eq!(published.newest_note(), Ok(None));
    for n in [1, 2] {
        epoch.store(n, Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(published.clone().newest_note(), Ok(Some(format!("note {n}"))));
        }
    }
    assert_eq!(sent.load(Ordering::SeqCst), 2);
    assert_eq!(published.file("tiles/7/0/3"), Ok(Some(vec![7; 64])));
    assert_eq!(published.file("tiles/7/0/4"), Ok(None));
    let busy = PublishedError::Status { status: 503, code: Some("unavailable".into()) };
    assert_eq!(published.file("vkey"), Err(busy));
    // A 404 of somebody else's server does not say that the file is not there.
    let other = answering("HTTP/1.1 404 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let other = Published::new(&other, client()).unwrap();
    assert_eq!(other.file("vkey"), Err(PublishedError::Status { status: 404, code: None }));
}

/// A proxy that notes what it is asked and lets nobody through.
fn proxy() -> (String, std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::sync::Arc::<std::sync::Mutex<Vec<String>>>::default();
    let noted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // The client writes its request in several pieces.
            let (mut stream, mut request) = (stream.unwrap(), Vec::new());
            let mut piece = [0u8; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(n) if n > 0 => request.extend_from_slice(&piece[..n]),
                    _ => break,
                }
            }
            let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
            noted.lock().unwrap().push(line);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (url, asked)
}

#[test]
fn a_proxy_is_asked_for_other_machines_and_never_for_this_one() {
    let (url, asked) = proxy();
    let server = Running::start(|_| {});
    let through = |except: &[&str]| {
        let except = except.iter().map(|host| (*host).to_owned()).collect();
        let proxy = Some(ProxySettings { url: url.clone(), except });
        let timeout = Duration::from_secs(5);
        Client::new(ClientSettings { proxy, timeout, ..ClientSettings::default() }).unwrap()
    };
    let client = through(&["near.invalid"]);
    // This machine, by every name that it has.
    for host in ["127.0.0.1", "localhost", "forum.localhost"] {
        let address = format!("http://{host}:{}/healthz", server.address.port());
        assert_eq!(client.get(&address, 10).unwrap().body, b"ok", "{host}");
    }
    let excepted = client.get("https://near.invalid/", 10);
    assert!(matches!(excepted, Err(ClientError::Unreachable { .. })), "{excepted:?}");
    assert_eq!(*asked.lock().unwrap(), [""; 0], "nothing of these went to the proxy");
    // Plain HTTP to others stays forbidden, with a proxy as well.
    assert_eq!(client.get("http://id.example/", 10), Err(ClientError::PlainHttp));
    // The control: another machine is asked for through the proxy, by a tunnel.
    let far = client.get("https://far.invalid/secret-path", 10);
    assert!(far.is_err());
    let asked = asked.lock().unwrap();
    assert!(
        !asked.is_empty() && asked.iter().all(|line| line == "CONNECT far.invalid:443 HTTP/1.1"),
        "{asked:?}"
    );
    drop(asked);
    server.stop();
}
