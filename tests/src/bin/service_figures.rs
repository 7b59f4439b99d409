//! Measures the servers' figures that README names, on this machine, through the real binary:
//!
//! ```text
//! cargo build && cargo run -p veilpass-tests --bin service-figures
//! ```
//!
//! The servers run as child processes on loopback with their defaults, but without the rate limit. The
//! clients share the machine with them, so a server of its own does better.

use rand::rngs::OsRng;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use veilpass_params::dev;
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::identity::pairing_words;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::poseidon::hash;
use veilpass_protocol::request::Request;
use veilpass_prover::groth16::{Engine, Prover};
use veilpass_prover::{Channel, Source, SourceError, Wallet};
use veilpass_server::client::{Client, ClientSettings};
use veilpass_server::http::now;
use veilpass_server::published::Published;

const HEADER: &str = "identity_commitment,device_commitment,document_number,birth_date,expires_on,enrolled_on,sex,document_class,nationality,province,generation\n";
const CROWD: u64 = 10_000;
const ENROLMENTS: u64 = 2_000;
const PRESENTATIONS: usize = 200;
const THREADS: usize = 8;

fn ok<T, E: std::fmt::Display>(outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|e| panic!("{e}"))
}

/// A server that is ended with this program.
struct Server(Child, String);

impl Server {
    fn start(folder: &Path, line: &str) -> Server {
        let begun = Instant::now();
        let mut child = ok(Command::new(binary())
            .args(line.split_whitespace())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn());
        let mut said = String::new();
        let stdout = child.stdout.take().unwrap_or_else(|| panic!("no standard output"));
        ok(BufReader::new(stdout).read_line(&mut said));
        let said: Value = ok(serde_json::from_str(&said));
        let name: String = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let server = Server(child, text(&said["listening"]));
        println!(
            "{name:<24} start-up {:.0} ms, {} MiB",
            begun.elapsed().as_secs_f64() * 1000.0,
            server.memory()
        );
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.1)
    }

    /// Resident memory in MiB.
    fn memory(&self) -> u64 {
        let status = ok(std::fs::read_to_string(format!("/proc/{}/status", self.0.id())));
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn binary() -> std::path::PathBuf {
    ok(std::env::current_exe()).with_file_name("veilpass")
}

fn run(folder: &Path, line: &str) -> Value {
    let output =
        ok(Command::new(binary()).args(line.split_whitespace()).arg("--json").current_dir(folder).output());
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    ok(serde_json::from_slice(&output.stdout))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn client() -> Client {
    ok(Client::new(ClientSettings { timeout: Duration::from_secs(60), ..ClientSettings::default() }))
}

fn post(client: &Client, url: &str, body: &Value, bearer: Option<&str>) -> (u16, Value) {
    let answer = ok(client.post(url, "application/json", body.to_string().as_bytes(), bearer, 1 << 20));
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

/// Does the work on several threads; prints how many a second, and the times of single ones.
fn measure<T: Send>(name: &str, work: Vec<T>, each: impl Fn(&Client, T) + Sync) {
    let count = work.len();
    let (work, times) = (Mutex::new(work), Mutex::new(Vec::with_capacity(count)));
    let next = || work.lock().ok().and_then(|mut work| work.pop());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let client = client();
                while let Some(item) = next() {
                    let begun = Instant::now();
                    each(&client, item);
                    if let Ok(mut times) = times.lock() {
                        times.push(begun.elapsed());
                    }
                }
            });
        }
    });
    let took = begun.elapsed().as_secs_f64();
    let mut times = times.into_inner().unwrap_or_default();
    times.sort();
    let at = |share: f64| times[((count - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "{name:<24} {:>6.0} a second; median {:.1} ms, p99 {:.1} ms ({count}, {THREADS} clients)",
        count as f64 / took,
        at(0.5),
        at(0.99)
    );
}

/// Reads what an authority publishes.
struct Web(Published);

impl Source for Web {
    fn newest_note(&self) -> Result<String, SourceError> {
        let note = self.0.newest_note().map_err(|e| SourceError(e.to_string()))?;
        note.ok_or_else(|| SourceError("no epoch".into()))
    }

    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.file(path).map_err(|e| SourceError(e.to_string()))
    }
}

/// A row of the import file.
fn row([c, d]: [Fr; 2], i: u64) -> String {
    let [c, d] = [c, d].map(|x| to_hex(&x));
    format!("{c},{d},P{i},1990-05-05,2046-06-01,2024-07-06,female,foreign_passport,250,0,0\n")
}

fn main() {
    let place = ok(tempfile::tempdir());
    let at = place.path();
    let vkey = text(&run(at, "authority init --dir A --origin id.example/veilpass")["vkey"]);
    let token = text(&run(at, "authority registrar --dir A --name R")["token"]);
    let mut wallet = Wallet::new(&mut OsRng);
    let own = row([wallet.identity_commitment(), wallet.device_commitment()], 0);
    let crowd = (1..CROWD).map(|i| row([2 * i + 10, 2 * i + 11].map(|n| hash(&[Fr::from(n)])), i));
    ok(std::fs::write(at.join("people.csv"), format!("{HEADER}{own}{}", crowd.collect::<String>())));
    run(at, "authority import --dir A people.csv --credentials c.jsonl");
    run(at, "authority seal --dir A");
    let platform = run(at, "platform keygen --dir P");
    let key = text(&platform["key"]);
    let entry =
        format!("authority platform --dir A --host forum.localhost --key {key} --name F --purposes x");
    run(at, &entry);

    println!("{CROWD} people\n");
    let authority =
        Server::start(at, "authority serve --dir A --listen 127.0.0.1:0 --seal-every 0 --rate-per-second 0");
    enrolments(&authority, &token);
    println!("{:<24} {} MiB after that", "authority serve", authority.memory());

    let url = authority.url("");
    let line = format!(
        "platform serve --dir P --host forum.localhost --listen 127.0.0.1:0 --authority {vkey} --epochs {url} --allow-dev --rate-per-second 0"
    );
    let forum = Server::start(at, &line);
    let credentials = ok(std::fs::read_to_string(at.join("c.jsonl")));
    ok(wallet.enrol(credentials.lines().next().unwrap_or_default().as_bytes()));
    let source = Web(ok(Published::new(&url, client())));
    let key: AuthorityKey = ok(vkey.parse());
    assert!(ok(wallet.sync(&source, &key, now())).enrolled);
    presentations(&forum, &text(&platform["token"]), &mut wallet);
    println!("{:<24} {} MiB after that", "platform serve", forum.memory());
}

/// Durable enrolments: each is on disk before it is answered.
fn enrolments(authority: &Server, token: &str) {
    let people: Vec<u64> = (0..ENROLMENTS).collect();
    let filed = Mutex::new(Vec::new());
    measure("applications", people, |client, i| {
        let document =
            json!({"type": "resident_number", "number": resident_number(i), "expires_on": "2046-06-01"});
        let body = json!({"operation": "enrol", "document": document});
        let (status, said) = post(client, &authority.url("/v1/applications"), &body, Some(token));
        assert_eq!(status, 201, "{said}");
        if let Ok(mut filed) = filed.lock() {
            filed.push((i, said));
        }
    });
    let filed = filed.into_inner().unwrap_or_default();
    let commitments = |i: u64| [2 * i, 2 * i + 1].map(|n| hash(&[Fr::from(n + 1_000_000_000)]));
    let confirm = filed.clone();
    measure("enrolments", filed, |client, (i, said)| {
        let [c, d] = commitments(i).map(|x| to_hex(&x));
        let body = json!({"code": said["code"], "identity_commitment": c, "device_commitment": d});
        let (status, said) = post(client, &authority.url("/v1/enrolments"), &body, None);
        assert_eq!(status, 201, "{said}");
    });
    measure("confirmations", confirm, |client, (i, said)| {
        let [c, d] = commitments(i);
        let url = authority.url(&format!("/v1/applications/{}/confirm", text(&said["application"])));
        let (status, said) = post(client, &url, &json!({"words": pairing_words(&c, &d)}), Some(token));
        assert_eq!(status, 200, "{said}");
    });
}

/// Presentations that were made before; the server checks each and spends its pseudonym durably.
fn presentations(forum: &Server, token: &str, wallet: &mut Wallet) {
    let prover = ok(Engine::new(ok(dev::proving_key())));
    let client = client();
    let body = json!({"predicates": {"valid": true, "age": {"at_least": 18}}});
    let mut made = Vec::new();
    for _ in 0..PRESENTATIONS {
        let (status, said) = post(&client, &forum.url("/v1/requests"), &body, Some(token));
        assert_eq!(status, 201, "{said}");
        let signed = ok(client.get(&text(&said["request_uri"]), 1 << 16)).body;
        let question = ok(wallet.examine(&signed, &Channel::default(), false, prover.circuit(), now()));
        let persist = |_: &[u8]| Ok::<(), std::convert::Infallible>(());
        let answer = wallet.answer(&question, true, &prover, now(), &mut OsRng, persist);
        let answer = answer.unwrap_or_else(|_| panic!("the wallet refused"));
        let request = ok(Request::from_json(said["request"].to_string().as_bytes()));
        made.push((request.response_uri, ok(serde_json::from_str::<Value>(&answer.to_json()))));
    }
    measure("presentations", made, |client, (uri, answer)| {
        let (status, said) = post(client, &uri, &answer, None);
        assert_eq!(status, 200, "{said}");
    });
}

/// A resident number (GB 11643) for each index.
fn resident_number(index: u64) -> String {
    let body = format!(
        "330106{:04}{:02}{:02}{:03}",
        1950 + index / 100_000,
        1 + index / 10_000 % 10,
        1 + index / 500 % 20,
        index % 500
    );
    let sum: u32 = body
        .bytes()
        .zip([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
        .map(|(b, w)| u32::from(b - b'0') * w)
        .sum();
    format!("{body}{}", char::from(b"10X98765432"[sum as usize % 11]))
}
