//! A server on loopback for tests, with routes that misbehave, and a client that sends bytes as told.

use axum::Router;
use axum::extract::Path as Part;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use veilpass_server::client::{Client, ClientSettings};
use veilpass_server::http::{Bearer, Metrics, Problem, Received, Server, Settings, TlsFiles, openapi};

/// Length of what `/v1/huge` answers: more than any socket holds.
pub const HUGE: usize = 32 << 20;

pub struct Running {
    pub address: SocketAddr,
    pub metrics_address: Option<SocketAddr>,
    pub metrics: Metrics,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    pub fn start(change: impl FnOnce(&mut Settings)) -> Running {
        let mut settings = settings();
        change(&mut settings);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(Server::bind(settings)).unwrap();
        let (address, metrics_address, metrics) =
            (server.address(), server.metrics_address(), server.metrics());
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let shutdown = async {
                let _ = stopped.await;
            };
            runtime.block_on(server.run(routes(), shutdown)).unwrap();
        });
        Running { address, metrics_address, metrics, stop, thread }
    }

    /// Tells it to stop, and says how long it took.
    pub fn stop(self) -> Duration {
        let begun = Instant::now();
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
        begun.elapsed()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn ask(&self, bytes: &str) -> Reply {
        ask(self.address, bytes.as_bytes())
    }

    pub fn get(&self, path: &str, headers: &str) -> Reply {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n"))
    }

    /// A value of the metrics, by the line's beginning.
    pub fn metric(&self, line: &str) -> Option<f64> {
        let text = self.metrics.text();
        text.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok())
    }
}

pub fn settings() -> Settings {
    Settings {
        header_timeout: Duration::from_millis(700),
        idle_timeout: Duration::from_millis(1200),
        request_timeout: Duration::from_millis(1500),
        shutdown_grace: Duration::from_secs(5),
        rate_per_second: 0,
        ..Settings::new(([127, 0, 0, 1], 0).into())
    }
}

pub fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

pub fn tls() -> TlsFiles {
    TlsFiles { certificate: tls_file("localhost.pem"), key: tls_file("localhost.key") }
}

pub fn client() -> Client {
    Client::new(ClientSettings { timeout: Duration::from_secs(10), ..ClientSettings::default() }).unwrap()
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(echo), components(schemas(veilpass_server::http::ProblemDocument)))]
struct Api;

#[utoipa::path(post, path = "/v1/echo", request_body = String, responses(
    (status = 200, body = String),
    (status = 413, body = veilpass_server::http::ProblemDocument, content_type = "application/problem+json"),
))]
async fn echo(body: Received) -> Result<impl IntoResponse, Problem> {
    Ok((
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        format!("{} {}", body.media_type, body.bytes.len()),
    ))
}

pub fn routes() -> Router {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "slow"
    };
    let panic = || async {
        let text = String::from("planted-in-a-panic");
        if text.len() > 1 {
            panic!("{text}");
        }
    };
    let cached = |headers: axum::http::HeaderMap| async move {
        let tag = [(header::ETAG, "\"7\""), (header::CACHE_CONTROL, "no-cache")];
        if headers.get(header::IF_NONE_MATCH).is_some_and(|v| v == "\"7\"") {
            return (tag, StatusCode::NOT_MODIFIED).into_response();
        }
        (tag, "seven").into_response()
    };
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/v1/echo", post(echo))
        .route("/v1/slow", get(slow))
        .route("/v1/panic", get(panic))
        .route("/v1/things/{id}", get(|Part(id): Part<u32>| async move { id.to_string() }))
        .route("/v1/secret", get(|_: Bearer| async { "well" }))
        .route("/v1/moved", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/healthz")]) }))
        .route("/v1/huge", get(|| async { vec![7u8; HUGE] }))
        .route("/v1/cached", get(cached))
        .merge(openapi::docs(<Api as utoipa::OpenApi>::openapi()))
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (n, value) = line.split_once(": ")?;
            n.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The code of a problem, whose form is checked.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        let code = document["code"].as_str().unwrap().to_owned();
        assert_eq!(document["type"], format!("urn:veilpass:error:{code}"));
        assert_eq!(document["status"], self.status);
        assert!(document["title"].is_string() && document["detail"].is_string());
        code
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub fn ask(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = connect(address);
    // A server that refuses early may have closed its side before everything was written.
    let written = stream.write_all(bytes);
    assert!(written.as_ref().err().is_none_or(|e| e.kind() == ErrorKind::BrokenPipe), "{written:?}");
    reply(stream)
}

/// Reads an answer to its end; the server closes.
pub fn reply(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

/// Whether the server has closed this connection within a time.
pub fn closes_within(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    let (begun, mut rest) = (Instant::now(), [0u8; 4096]);
    while begun.elapsed() < time {
        match stream.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) => return e.kind() == ErrorKind::ConnectionReset,
        }
    }
    false
}
