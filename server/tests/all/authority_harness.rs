//! An authority that serves on a socket, and a client that sends bytes as they are told. Whatever it
//! refuses is compared with its own description.

use crate::people::{Fixture, with_check};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::identity::{DeviceSecret, PseudonymSecret};
use veilpass_server::authority::{AuthorityService, AuthorityServiceError, AuthoritySettings};
use veilpass_server::http;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} stands twice");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The code of a problem, after a look at its form.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let problem = self.json();
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["type"], format!("urn:veilpass:error:{code}"));
        assert_eq!(problem["status"], self.status);
        for member in ["title", "detail"] {
            assert!(!problem[member].as_str().unwrap().is_empty());
        }
        assert_eq!(problem.as_object().unwrap().len(), 5, "{problem}");
        code
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", self.text());
    }

    #[track_caller]
    pub fn good(self, status: u16) -> Reply {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// Sends a request as it is given and reads until the server closes.
pub async fn send(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    let _ = read.expect("an answer in time");
    answer
}

/// Reads an answer to a request that asked to close.
pub fn parse(answer: &[u8]) -> Reply {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(answer)));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = answer[end + 4..].to_vec();
    if headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked") {
        body = dechunked(&body);
    }
    Reply { status, headers, body }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|w| w == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}

/// An authority that serves. The fixture's own handle is another one on the same folder.
pub struct Serving {
    pub fixture: Fixture,
    pub address: SocketAddr,
    pub metrics: Option<SocketAddr>,
    /// A registrar's name and token.
    pub registrar: String,
    pub token: String,
    description: Value,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), AuthorityServiceError>>,
}

impl Serving {
    /// One that seals only on demand.
    pub async fn start(seed: u64) -> Serving {
        Serving::with(Fixture::new(seed).await, 0, |_| ()).await
    }

    pub async fn with(
        mut fixture: Fixture,
        seal_every: u64,
        adjust: impl Fn(&mut http::Settings),
    ) -> Serving {
        let registrar = format!("Counter since {:?}", Instant::now());
        let token = fixture.authority.add_registrar(&registrar, http::now(), &mut fixture.rng).await.unwrap();
        let mut http = http::Settings::new("127.0.0.1:0".parse().unwrap());
        (http.rate_per_second, http.rate_burst) = (0, 0);
        adjust(&mut http);
        let settings = AuthoritySettings { folder: fixture.folder(), http, seal_every };
        let service = AuthorityService::bind(settings).await.unwrap();
        let (address, metrics) = (service.address(), service.metrics_address());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(service.run(async move {
            let _ = stopped.await;
        }));
        let get = "GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let description = parse(&send(address, get.as_bytes()).await).good(200).json();
        Serving { fixture, address, metrics, registrar, token, description, stop, task }
    }

    pub async fn stop(self) -> Fixture {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
        self.fixture
    }

    pub fn description(&self) -> &Value {
        &self.description
    }

    pub async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || method == "POST" {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        let request = [request.as_bytes(), b"\r\n", body].concat();
        let reply = parse(&send(self.address, &request).await);
        self.must_be_described(method, target, &reply);
        reply
    }

    pub async fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, &[], b"").await
    }

    /// Sends a body as JSON, with a token if there is one.
    pub async fn post_raw(&self, target: &str, token: Option<&str>, body: &[u8]) -> Reply {
        let bearer = format!("Bearer {}", token.unwrap_or_default());
        let headers = [("Content-Type", "application/json"), ("Authorization", &bearer)];
        self.ask("POST", target, &headers[..1 + usize::from(token.is_some())], body).await
    }

    /// As a registrar.
    pub async fn as_registrar(&self, target: &str, body: &Value) -> Reply {
        self.post_raw(target, Some(&self.token), body.to_string().as_bytes()).await
    }

    /// As anybody.
    pub async fn post(&self, target: &str, body: &Value) -> Reply {
        self.post_raw(target, None, body.to_string().as_bytes()).await
    }

    /// The template in the description that a path fits, if any.
    pub fn template(&self, path: &str) -> Option<String> {
        let path = path.split('?').next().unwrap();
        let fits = |template: &String| {
            let (a, b): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            a.len() == b.len()
                && a.iter().zip(&b).all(|(a, b)| a == b || (a.starts_with('{') && !b.is_empty()))
        };
        let mut templates: Vec<&String> = self.description["paths"].as_object().unwrap().keys().collect();
        // A literal name goes before a parameter.
        templates.sort_by_key(|t| t.contains('{'));
        templates.into_iter().find(|t| fits(t)).cloned()
    }

    /// Whatever a described route answers, its description names: the status, and the code.
    fn must_be_described(&self, method: &str, target: &str, reply: &Reply) {
        let method = if method == "HEAD" { "get" } else { &method.to_ascii_lowercase() };
        let Some(template) = self.template(target) else { return };
        let operation = &self.description["paths"][&template][method];
        if operation.is_null() {
            return;
        }
        let response = &operation["responses"][reply.status.to_string()];
        assert!(!response.is_null(), "{method} {template}: {} is not described", reply.status);
        if reply.status >= 400 && !reply.body.is_empty() {
            let (code, words) = (reply.code(), response["description"].as_str().unwrap());
            assert!(words.contains(&format!("`{code}`")), "{method} {template}: {code} is not described");
        }
    }

    /// Files an application and gives its name and code.
    pub async fn file(&self, operation: &str, number: &str) -> (String, String) {
        let filed =
            self.as_registrar("/v1/applications", &application(operation, number)).await.good(201).json();
        let text = |member: &str| filed[member].as_str().unwrap().to_owned();
        (text("application"), text("code"))
    }

    /// Redeems a code.
    pub async fn redeem(&self, code: &str, wallet: &Wallet) -> Reply {
        self.post("/v1/enrolments", &wallet.offer(code)).await
    }

    /// Confirms an application with the words.
    pub async fn confirm(&self, application: &str, words: &Value) -> Reply {
        self.as_registrar(&format!("/v1/applications/{application}/confirm"), &json!({ "words": words }))
            .await
    }

    /// One operation of a person from the application to the confirmation.
    pub async fn complete(&self, operation: &str, number: &str, wallet: &Wallet) -> Credential {
        let (application, code) = self.file(operation, number).await;
        let answer = self.redeem(&code, wallet).await.good(201).json();
        self.confirm(&application, &answer["words"]).await.good(200);
        Credential::from_json(answer["credential"].to_string().as_bytes()).unwrap()
    }

    /// Seals with the other handle, at the time that it is.
    pub async fn seal_elsewhere(&mut self) -> u64 {
        let Fixture { authority, rng, .. } = &mut self.fixture;
        let order = veilpass_server::authority::PlaceOrder::Random;
        loop {
            match authority.seal(http::now(), order, rng).await {
                Ok(epoch) => return epoch.statement.epoch,
                // Two epochs in one second are not to be had.
                Err(veilpass_server::RegistryError::NotLater { .. }) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(e) => panic!("{e}"),
            }
        }
    }

    /// Waits until what it asks for is there.
    pub async fn until(&self, what: &str, target: &str, good: impl Fn(&Reply) -> bool) -> Reply {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let reply = self.get(target).await;
            if good(&reply) {
                return reply;
            }
            assert!(Instant::now() < end, "{what}: still {reply:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until an epoch is published.
    pub async fn until_epoch(&self, epoch: u64) -> Reply {
        let line = format!("\nepoch {epoch}\n");
        self.until(&line, "/v1/epochs/latest", |r| r.status == 200 && r.text().contains(&line)).await
    }
}

/// The body of an application for a resident card.
pub fn application(operation: &str, number: &str) -> Value {
    let document = json!({"type": "resident_number", "number": number, "expires_on": "2046-06-01"});
    json!({"operation": operation, "document": document})
}

/// The resident number of the `i`-th person of the service's tests; none of them is imported.
pub fn number(i: usize) -> String {
    with_check(&format!("44030119991113{i:03}"))
}

/// The two secrets of a wallet.
#[derive(Clone)]
pub struct Wallet {
    pub k: PseudonymSecret,
    pub d: DeviceSecret,
}

impl Wallet {
    pub fn new(rng: &mut rand::rngs::StdRng) -> Wallet {
        Wallet { k: PseudonymSecret::generate(rng), d: DeviceSecret::generate(rng) }
    }

    pub fn commitments(&self) -> [String; 2] {
        [self.k.commitment(), self.d.commitment()].map(|c| veilpass_protocol::field::to_hex(&c))
    }

    pub fn offer(&self, code: &str) -> Value {
        let [c, d] = self.commitments();
        json!({"code": code, "identity_commitment": c, "device_commitment": d})
    }

    pub fn secret(&self) -> String {
        veilpass_protocol::field::to_hex(self.d.expose())
    }
}
