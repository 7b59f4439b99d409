//! Who plays: platforms and people, each through the binary or over HTTP, never through a shortcut.

use super::Tried;
use super::process::{Binary, Ran, Running, Secret};
use crate::outcome::Failure;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use veilpass_circuits::Witness;
use veilpass_protocol::field::to_hex;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::{Request, SignedRequest};
use veilpass_prover::{SecretString, Wallet};
use veilpass_server::client::Client;
use veilpass_server::platform::PlatformKeys;

/// Largest answer that is read.
const MAX_ANSWER: usize = 1 << 20;

pub fn fault(e: impl std::fmt::Display) -> Failure {
    Failure::Fault(e.to_string())
}

/// What the demo's own requests over HTTP go through: a platform's own program, in real life.
pub struct Web(pub Client);

impl Web {
    /// Posts JSON; the status and the document that came back.
    pub fn post(&self, url: &str, body: &[u8], bearer: Option<&str>) -> Result<(u16, Value), Failure> {
        let answer = self
            .0
            .post(url, "application/json", body, bearer, MAX_ANSWER)
            .map_err(|e| Failure::fault(url, e))?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
    }

    /// Gets a JSON document.
    pub fn get(&self, url: &str, bearer: Option<&str>) -> Result<(u16, Value), Failure> {
        let answer = match bearer {
            Some(bearer) => self.0.get_as(url, bearer, MAX_ANSWER),
            None => self.0.get(url, MAX_ANSWER),
        };
        let answer = answer.map_err(|e| Failure::fault(url, e))?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
    }
}

/// A platform: a server of its own, with its own folder and database.
pub struct Platform {
    /// Its name in logs and folders.
    pub actor: &'static str,
    /// Its host.
    pub host: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The public key for the directory.
    pub key: String,
    /// The token of its own program.
    pub token: String,
    running: Option<Running>,
}

/// A request that a platform has made over its own API.
pub struct Asked {
    /// Where wallets get the signed request.
    pub request_uri: String,
    /// The request.
    pub request: Request,
    result: String,
    result_token: String,
}

impl Platform {
    /// Makes its keys.
    pub fn new(binary: &Binary, actor: &'static str) -> Result<Platform, Failure> {
        let made = binary.done(actor, ["platform", "keygen", "--dir", actor])?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).ok_or_else(|| fault("no key"));
        Ok(Platform {
            actor,
            host: format!("{actor}.localhost"),
            folder: binary.path(actor),
            key: text("key")?,
            token: text("token")?,
            running: None,
        })
    }

    /// Starts its server. `epochs` is the authority's address or a folder.
    pub fn start(&mut self, binary: &Binary, vkey: &str, epochs: &str, grace: u64) -> Result<(), Failure> {
        let grace = grace.to_string();
        let arguments = [
            "platform",
            "serve",
            "--dir",
            self.actor,
            "--host",
            &self.host,
            "--listen",
            "127.0.0.1:0",
            "--authority",
            vkey,
            "--epochs",
            epochs,
            "--epochs-every",
            "1",
            "--grace",
            &grace,
            "--allow-dev",
        ];
        self.running = Some(binary.serve(self.actor, arguments)?);
        Ok(())
    }

    /// Its address for browsers and wallets.
    pub fn url(&self) -> String {
        format!("http://{}:{}", self.host, self.running.as_ref().map_or(0, Running::port))
    }

    /// Stops its server.
    pub fn stop(&mut self) -> Result<(), Failure> {
        self.running.take().map_or(Ok(()), Running::stop)
    }

    /// Asks for something over its own API.
    pub fn ask(&self, web: &Web, link: &str, predicates: Value) -> Result<Asked, Failure> {
        let body = json!({"predicates": predicates, "link": link}).to_string();
        let url = format!("{}/v1/requests", self.url());
        let (status, made) = web.post(&url, body.as_bytes(), Some(&self.token))?;
        let text = |name: &str| made[name].as_str().map(str::to_owned);
        match (status, text("id"), text("result_token"), text("request_uri")) {
            (201, Some(id), Some(result_token), Some(request_uri)) => Ok(Asked {
                request_uri,
                request: Request::from_json(made["request"].to_string().as_bytes()).map_err(fault)?,
                result: format!("{url}/{id}/result"),
                result_token,
            }),
            _ => Err(Failure::fault(self.actor, format!("no request: {status} {made}"))),
        }
    }

    /// What became of a request.
    pub fn result(&self, web: &Web, asked: &Asked) -> Result<Value, Failure> {
        let (status, result) = web.get(&asked.result, Some(&asked.result_token))?;
        if status == 200 {
            Ok(result)
        } else {
            Err(Failure::fault(self.actor, format!("no result: {result}")))
        }
    }

    /// Sends it an answer, as anybody can.
    pub fn receive(&self, web: &Web, asked: &Asked, answer: &[u8]) -> Result<Tried, Failure> {
        let (status, said) = web.post(&asked.request.response_uri, answer, None)?;
        let verdict = if status == 200 { Ok(()) } else { Err(problem(&said)) };
        let detail = said["detail"].as_str().unwrap_or_default();
        Ok(Tried { actor: "platform", verdict, bytes: answer.len(), said: detail.to_owned() })
    }

    /// Whether it can check answers, or the code of why it cannot.
    pub fn ready(&self, web: &Web) -> Result<Result<u64, String>, Failure> {
        let (status, said) = web.get(&format!("{}/readyz", self.url()), None)?;
        match (status, said["epoch"].as_u64()) {
            (200, Some(epoch)) => Ok(Ok(epoch)),
            // What is wrong with the epochs that it was offered, where it has none to go on with.
            _ => Ok(Err(said["epochs_problem"].as_str().map_or_else(|| problem(&said), str::to_owned))),
        }
    }

    /// Waits until it has read an epoch.
    pub fn wait_for(&self, web: &Web, epoch: u64) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let ready = self.ready(web)?;
            if ready == Ok(epoch) {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(Failure::fault(self.actor, format!("it did not read epoch {epoch}: {ready:?}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Signs a request that the API would not make: what a dishonest platform sends.
    pub fn sign(&self, request: &Request) -> Result<String, Failure> {
        let keys = PlatformKeys::open(&self.folder).map_err(fault)?;
        Ok(SignedRequest::sign(request, keys.signing_key()))
    }
}

fn problem(said: &Value) -> String {
    said["code"].as_str().unwrap_or("no code").to_owned()
}

/// A person with a wallet that keeps to its rules.
pub struct Holder {
    /// Its name in logs and folders.
    pub actor: &'static str,
    /// Both commitments, as hex.
    pub commitments: [String; 2],
    folder: PathBuf,
}

impl Holder {
    /// A new wallet.
    pub fn new(binary: &Binary, actor: &'static str) -> Result<Holder, Failure> {
        let made = binary.done(actor, ["wallet", "new", "--dir", actor])?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).ok_or_else(|| fault("no commitment"));
        Ok(Holder {
            actor,
            commitments: [text("identity_commitment")?, text("device_commitment")?],
            folder: binary.path(actor),
        })
    }

    /// Reads the newest epoch; whether the own leaf was found.
    pub fn sync(&self, binary: &Binary, from: &str, vkey: &str) -> Result<bool, Failure> {
        let arguments = ["wallet", "sync", "--dir", self.actor, "--from", from, "--authority", vkey];
        Ok(binary.done(self.actor, arguments)?["enrolled"] == json!(true))
    }

    /// Answers what stands at an address or in a file, agreeing to whatever the rules let through.
    /// `send`: the answer goes to the platform, else it stays here.
    pub fn present(&self, binary: &Binary, request: &str, send: bool) -> Result<Ran, Failure> {
        let mut arguments = vec!["wallet", "present", "--dir", self.actor, "--request", request, "--yes"];
        if send {
            arguments.push("--send");
        }
        binary.run(self.actor, &Secret::default(), arguments)
    }

    /// The wallet refuses: what it said, after checking that the platform got nothing but a decline.
    pub fn refuses(&self, ran: &Ran, bytes: usize) -> Tried {
        let verdict = ran.code().map_or(Ok(()), |code| Err(code.to_owned()));
        let said = ran.json["error"]["detail"].as_str().unwrap_or("the wallet answered").to_owned();
        Tried { actor: "wallet", verdict, bytes, said }
    }

    /// The private inputs of the newest synced tree, taken out of the wallet by its own holder.
    pub fn witness(&self) -> Result<Witness, Failure> {
        let read = |name: &str| std::fs::read(self.folder.join(name)).map_err(|e| Failure::fault(name, e));
        let passphrase = SecretString::from(super::process::PASSPHRASE.to_owned());
        let wallet = Wallet::open(&read("wallet.age")?, &[&read("state.age")?], &passphrase);
        let witness = wallet.map_err(fault)?.export_witness();
        witness.ok_or_else(|| Failure::fault(self.actor, "the wallet has no path"))
    }
}

/// A wallet without rules (`debug present`): proves whatever the circuit allows for this witness, for this
/// statement in the place of the one that was asked for.
pub fn hostile(
    binary: &Binary,
    actor: &str,
    request: &Request,
    (root, epoch): (&str, u64),
    witness: &Witness,
) -> Result<Result<Presentation, String>, Failure> {
    let path: Vec<Vec<String>> =
        witness.path.iter().map(|level| level.iter().map(to_hex).collect()).collect();
    let private = json!({
        "k": to_hex(&witness.k), "d": to_hex(&witness.d), "packed": to_hex(&witness.packed),
        "link": to_hex(&witness.link), "slot": to_hex(&witness.slot), "path": path,
    });
    // A thief's own machine: apart from everything that is searched at the end.
    let place = tempfile::tempdir().map_err(fault)?;
    let file = |name: &str, text: &str| -> Result<String, Failure> {
        let path: PathBuf = place.path().join(name);
        std::fs::write(&path, text).map_err(fault)?;
        Ok(path.display().to_string())
    };
    let (request, private) =
        (file("request.json", &request.to_json())?, file("private.json", &private.to_string())?);
    let (out, epoch) = (place.path().join("presentation.json").display().to_string(), epoch.to_string());
    let arguments = [
        "debug",
        "present",
        "--request",
        &request,
        "--root",
        root,
        "--epoch",
        &epoch,
        "--private",
        &private,
        "--out",
        &out,
    ];
    let ran = binary.run(actor, &Secret::default(), arguments)?;
    match ran.code() {
        Some(code) => Ok(Err(code.to_owned())),
        None => Presentation::from_json(ran.json.to_string().as_bytes()).map(Ok).map_err(fault),
    }
}

/// What the demo asks: so old or older.
pub fn at_least(age: u32) -> Value {
    json!({"valid": true, "age": {"at_least": age}})
}

/// Writes a file in the demo's folder.
pub fn keep(binary: &Binary, name: &str, text: &str) -> Result<String, Failure> {
    let path: &Path = &binary.path(name);
    std::fs::write(path, text).map_err(|e| Failure::fault(name, e))?;
    Ok(path.display().to_string())
}
