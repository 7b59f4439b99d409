//! The servers as child processes, and what talks to them in the tests.

use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use veilpass_server::client::{Client, ClientSettings};

/// A server that was started by a test and ends with it.
pub struct Server {
    child: Child,
    /// Where it listens, `127.0.0.1:port`.
    pub address: String,
}

impl Server {
    /// Starts `veilpass …`, waits for its one line, and keeps its log in `<name>.log`.
    pub fn start(folder: &Path, name: &str, line: &str) -> Server {
        Server::try_start(folder, name, &line.split_whitespace().collect::<Vec<_>>())
            .unwrap_or_else(|| panic!("{name} did not start: {}", log(folder, name)))
    }

    /// The same; `None` if it ended instead.
    pub fn try_start(folder: &Path, name: &str, arguments: &[&str]) -> Option<Server> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veilpass"));
        command.args(arguments);
        Server::spawn(folder, name, command)
    }

    /// The same for a server that goes on when a file grows beyond a limit, as on a full disk, instead of
    /// being ended by SIGXFSZ.
    pub fn start_deaf_to_limits(folder: &Path, name: &str, line: &str) -> Server {
        let mut command = Command::new("sh");
        command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#, env!("CARGO_BIN_EXE_veilpass")]);
        command.args(line.split_whitespace());
        Server::spawn(folder, name, command)
            .unwrap_or_else(|| panic!("{name} did not start: {}", log(folder, name)))
    }

    fn spawn(folder: &Path, name: &str, mut command: Command) -> Option<Server> {
        let log = File::options().create(true).append(true).open(log_path(folder, name)).unwrap();
        let mut child = command
            .current_dir(folder)
            // What a server that is killed leaves behind goes away with the test's folder.
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Option<Value> = serde_json::from_str(&line).ok();
        let Some(said) = said else {
            child.wait().unwrap();
            return None;
        };
        let address = said["listening"].as_str().unwrap().to_owned();
        Some(Server { child, address })
    }

    /// An authority that seals on demand and lets everybody ask as often as they like.
    pub fn authority(folder: &Path) -> Server {
        let line = "authority serve --dir A --listen 127.0.0.1:0 --seal-every 0 --rate-per-second 0";
        Server::start(folder, "authority", line)
    }

    /// An address below it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: nothing is finished, nothing is said.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and a clean end.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "it ended with {status}");
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Where a server's log is.
pub fn log_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

/// A server's log.
pub fn log(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(log_path(folder, name)).unwrap()
}

/// A client with short patience.
pub fn client() -> Client {
    let settings = ClientSettings { timeout: Duration::from_secs(20), ..ClientSettings::default() };
    Client::new(settings).unwrap()
}

/// What came back: status and document. `None` if nobody answered.
pub type Answered = Option<(u16, Value)>;

/// Posts a document.
pub fn post(client: &Client, url: &str, body: &Value, bearer: Option<&str>) -> Answered {
    let answer = client.post(url, "application/json", body.to_string().as_bytes(), bearer, 1 << 20).ok()?;
    Some((answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
}

/// Gets a document.
pub fn get(client: &Client, url: &str, bearer: Option<&str>) -> Answered {
    let answer = match bearer {
        Some(bearer) => client.get_as(url, bearer, 1 << 20),
        None => client.get(url, 1 << 20),
    };
    let answer = answer.ok()?;
    Some((answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
}

/// A text in a document.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
