//! A platform's service on loopback, an authority that seals into a folder, and holders whose proofs are
//! simulated.

use crate::people::ORIGIN;
use crate::testkit::{Trapdoor, rerandomise};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::{Changes, EpochStatement, RemovedCounts};
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::note::AuthoritySigner;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;
use veilpass_protocol::statement::Statement;
use veilpass_server::client::{Client, ClientSettings};
use veilpass_server::http::{Settings, now};
use veilpass_server::platform::{PlatformKeys, PlatformService, PlatformSettings};
use veilpass_server::published::Published;
use veilpass_verifier::{Origin, VerifyingKey};

pub const JSON: &str = "application/json";
pub const BINARY: &str = "application/octet-stream";
pub const ADULT: &str = r#"{"predicates":{"valid":true,"age":{"at_least":18}}}"#;
pub const ACCOUNT: &str = r#"{"predicates":{"valid":true},"link":"account"}"#;

/// One runtime for every service of the tests.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap())
}

/// A place to read epochs from: a folder as text, or an address.
pub fn published(place: &str) -> Published {
    Published::new(place, Client::new(ClientSettings::default()).unwrap()).unwrap()
}

pub struct World {
    pub home: TempDir,
    pub token: String,
    pub keys: PlatformKeys,
    pub trapdoor: Trapdoor,
    pub key: VerifyingKey,
    pub signer: AuthoritySigner,
    pub statements: Vec<EpochStatement>,
    pub rng: StdRng,
}

impl World {
    /// Nothing is sealed yet.
    pub fn empty(seed: u64) -> World {
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let home = tempfile::tempdir().unwrap();
        let token = PlatformKeys::generate(&home.path().join("platform"), &mut rng).unwrap().token;
        let keys = PlatformKeys::open(&home.path().join("platform")).unwrap();
        let trapdoor = Trapdoor::from_seed(seed);
        let key = trapdoor.key(Origin::Ceremony);
        let signer = AuthoritySigner::generate(&mut rng, ORIGIN).unwrap();
        std::fs::create_dir_all(home.path().join("published/epochs")).unwrap();
        World { home, token, keys, trapdoor, key, signer, statements: Vec::new(), rng }
    }

    /// Epochs sealed two hours, one hour and ten minutes ago, with 2,000 people.
    pub fn new(seed: u64) -> World {
        let mut world = World::empty(seed);
        world.seal(now().minus(7200), 2000);
        world.seal(now().minus(3600), 0);
        world.seal(now().minus(600), 0);
        world
    }

    pub fn folder(&self) -> PathBuf {
        self.home.path().join("platform")
    }

    pub fn published(&self) -> PathBuf {
        self.home.path().join("published")
    }

    /// The statement that would follow, unsigned.
    pub fn draft(&self, sealed_at: Timestamp, added: u64) -> EpochStatement {
        let changes = Changes {
            sealed_at,
            root: Fr::from(1000 + self.statements.len() as u64),
            added,
            removed: RemovedCounts::default(),
            cells: [1; 32],
            circuits: vec![CircuitId([2; 32])],
        };
        EpochStatement::next(ORIGIN, self.statements.last(), changes).unwrap()
    }

    /// Seals an epoch and publishes its note, which is given.
    pub fn seal(&mut self, sealed_at: Timestamp, added: u64) -> String {
        let statement = self.draft(sealed_at, added);
        let note = statement.sign(&self.signer).unwrap();
        self.publish(statement.epoch, &note);
        self.statements.push(statement);
        note
    }

    /// Lays a note in the published folder, whatever it is.
    pub fn publish(&self, epoch: u64, note: &str) {
        let folder = self.published().join("epochs");
        std::fs::write(folder.join("new"), note).unwrap();
        std::fs::rename(folder.join("new"), folder.join(format!("{epoch}.note"))).unwrap();
    }

    pub fn settings(&self) -> PlatformSettings {
        let mut http = Settings::new("127.0.0.1:0".parse().unwrap());
        http.rate_per_second = 0;
        PlatformSettings::new(
            self.folder(),
            "forum.localhost".parse().unwrap(),
            http,
            self.signer.public(),
            published(self.published().to_str().unwrap()),
            self.key.to_bytes(),
        )
    }

    pub fn serve(&self) -> Served {
        Served::start(self.settings(), &self.token)
    }

    /// A presentation for `request` in a sealed epoch, under any pseudonym.
    pub fn present(&mut self, request: &Request, epoch: u64, pseudonym: u64) -> Presentation {
        let root = self.statements[epoch as usize - 1].root;
        let pseudonym = Fr::from(pseudonym);
        let statement = Statement::for_request(request, root, pseudonym).unwrap();
        let proof = self.trapdoor.simulate(&statement, &mut self.rng);
        Presentation { circuit: self.key.circuit_id(), epoch, pseudonym, proof }
    }

    /// The same with another proof of the same.
    pub fn copy(&mut self, presentation: &Presentation) -> Presentation {
        let proof = rerandomise(&self.key, &presentation.proof, &mut self.rng);
        assert_ne!(proof, presentation.proof);
        Presentation { proof, ..presentation.clone() }
    }

    /// One number from the database; 0 where there is none.
    pub fn query(&self, text: &str) -> i64 {
        use sqlx::Row;
        let text = sqlx::AssertSqlSafe(text.to_owned());
        let row = runtime()
            .block_on(async { sqlx::query(text).fetch_optional(&mut self.database().await).await.unwrap() });
        row.map_or(0, |row| row.try_get(0).unwrap_or(0))
    }

    /// What the program itself never does to its database.
    pub fn execute(&self, text: &str) {
        let text = sqlx::AssertSqlSafe(text.to_owned());
        runtime().block_on(async {
            sqlx::raw_sql(text).execute(&mut self.database().await).await.unwrap();
        });
    }

    async fn database(&self) -> sqlx::SqliteConnection {
        use sqlx::ConnectOptions;
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(self.folder().join("platform.db"))
            .busy_timeout(Duration::from_secs(5));
        options.connect().await.unwrap()
    }
}

/// A service that runs.
pub struct Served {
    pub address: SocketAddr,
    pub metrics: Option<SocketAddr>,
    token: String,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
}

/// What `POST /v1/requests` gave.
#[derive(Debug, Clone)]
pub struct Asked {
    pub id: String,
    pub result_token: String,
    pub request_uri: String,
    pub request: Request,
}

impl Served {
    pub fn start(settings: PlatformSettings, token: &str) -> Served {
        let service = runtime().block_on(PlatformService::bind(settings)).unwrap();
        let (address, metrics) = (service.address(), service.metrics_address());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = runtime().spawn(async move {
            service.run(async { drop(stopped.await) }).await.unwrap();
        });
        Served { address, metrics, token: token.to_owned(), stop: Some(stop), running: Some(running) }
    }

    /// One that somebody else runs.
    pub fn at(address: SocketAddr, token: &str) -> Served {
        Served { address, metrics: None, token: token.to_owned(), stop: None, running: None }
    }

    pub fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        runtime().block_on(self.running.take().unwrap()).unwrap();
    }

    pub fn post(&self, path: &str, bearer: Option<&str>, media_type: &str, body: &[u8]) -> Answer {
        let mut headers = vec![("Content-Type", media_type.to_owned())];
        headers.extend(bearer.map(|token| ("Authorization", format!("Bearer {token}"))));
        call(self.address, "POST", path, &headers, body)
    }

    pub fn get(&self, path: &str, bearer: Option<&str>) -> Answer {
        let headers: Vec<_> =
            bearer.map(|token| ("Authorization", format!("Bearer {token}"))).into_iter().collect();
        call(self.address, "GET", path, &headers, b"")
    }

    pub fn ask_for(&self, body: &str) -> Answer {
        self.post("/v1/requests", Some(&self.token), JSON, body.as_bytes())
    }

    pub fn ask(&self, body: &str) -> Asked {
        let answer = self.ask_for(body);
        assert_eq!(answer.status, 201, "{answer:?}");
        let json = answer.json();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        let request = Request::from_json(json["request"].to_string().as_bytes()).unwrap();
        Asked {
            id: text("id"),
            result_token: text("result_token"),
            request_uri: text("request_uri"),
            request,
        }
    }

    pub fn answer(&self, asked: &Asked, media_type: &str, body: &[u8]) -> Answer {
        self.post(&format!("/v1/requests/{}/presentation", asked.id), None, media_type, body)
    }

    pub fn send(&self, asked: &Asked, presentation: &Presentation) -> Answer {
        self.answer(asked, JSON, presentation.to_json().as_bytes())
    }

    pub fn result(&self, asked: &Asked) -> Value {
        let answer = self.get(&format!("/v1/requests/{}/result", asked.id), Some(&asked.result_token));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// What `/readyz` says, once `until` holds for it.
    pub fn ready_when(&self, until: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let now = self.get("/readyz", None).json();
            if until(&now) {
                return now;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never: {:?}", self.get("/readyz", None));
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn has_header(&self, line: &str) -> bool {
        self.head.lines().any(|l| l.eq_ignore_ascii_case(line))
    }

    /// Checks the form of a problem and gives status, code and blame.
    pub fn problem(&self) -> (u16, String, Option<String>) {
        let json = self.json();
        let code = json["code"].as_str().unwrap().to_owned();
        assert!(self.has_header("content-type: application/problem+json"), "{self:?}");
        assert_eq!(json["type"], format!("urn:veilpass:error:{code}"));
        assert_eq!(json["status"], self.status);
        assert!(json["title"].is_string() && json["detail"].is_string());
        (self.status, code, json["blame"].as_str().map(str::to_owned))
    }

    /// The same as one text: `403 proof_invalid invalid_proof`.
    pub fn said(&self) -> String {
        let (status, code, blame) = self.problem();
        format!("{status} {code}{}", blame.map(|b| format!(" {b}")).unwrap_or_default())
    }

    pub fn is_received(&self) -> bool {
        self.status == 200 && self.body == r#"{"received":true}"#
    }
}

/// One exchange over a connection of its own.
pub fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: forum.localhost\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses early may have closed its side; its answer counts.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?} {read:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

pub fn hex(pseudonym: u64) -> String {
    to_hex(&Fr::from(pseudonym))
}
