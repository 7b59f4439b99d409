//! This very binary as child processes: servers that run until they are dropped, commands that run to
//! their end. Everything that they write to standard error is kept in a log of their own.

use crate::outcome::Failure;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The wallets' passphrase: made up like the people.
pub const PASSPHRASE: &str = "demo: correct horse battery staple";

/// How long a server may take to start.
const START: Duration = Duration::from_secs(60);

/// Starts this binary, with its state and logs below one folder.
pub struct Binary {
    program: PathBuf,
    folder: PathBuf,
}

/// What a command answered.
pub struct Ran {
    /// Its one JSON document.
    pub json: Value,
    /// 0 done, 1 refused.
    pub exit: i32,
}

impl Ran {
    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        self.json["error"]["code"].as_str()
    }
}

impl Binary {
    /// The binary that runs now.
    pub fn new(folder: &Path) -> Result<Binary, Failure> {
        let program = std::env::current_exe().map_err(|e| Failure::fault("this program", e))?;
        std::fs::create_dir_all(folder.join("logs")).map_err(|e| Failure::fault("the logs", e))?;
        Ok(Binary { program, folder: folder.to_owned() })
    }

    /// A path below the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The log of an actor.
    pub fn log(&self, actor: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{actor}.log"))
    }

    fn command(&self, actor: &str) -> Result<Command, Failure> {
        let log = self.log(actor);
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|e| Failure::fault(&log.display().to_string(), e))?;
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).stderr(log).env("VEILPASS_PASSPHRASE", PASSPHRASE);
        // What stands in this environment is meant for somebody else's servers.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("VEILPASS_") && name != "VEILPASS_PASSPHRASE" {
                command.env_remove(name);
            }
        }
        Ok(command)
    }

    /// Runs a command to its end, as one actor of the story; `secret` is a token or a document, which
    /// never stands on a command line. A fault of the command is a fault of the demo.
    pub fn run<I, A>(&self, actor: &str, secret: &Secret<'_>, arguments: I) -> Result<Ran, Failure>
    where
        I: IntoIterator<Item = A>,
        A: AsRef<OsStr>,
    {
        let mut command = self.command(actor)?;
        command.args(arguments).arg("--json").stdout(Stdio::piped()).stdin(Stdio::piped());
        if let Some(token) = secret.token {
            command.env("VEILPASS_TOKEN", token);
        }
        let name = format!("{:?}", command.get_args().take(2).collect::<Vec<_>>());
        let fault = |e: &dyn std::fmt::Display| Failure::fault(&format!("{actor}: {name}"), e);
        let mut child = command.spawn().map_err(|e| fault(&e))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(secret.input.as_bytes()).map_err(|e| fault(&e))?;
        }
        let output = child.wait_with_output().map_err(|e| fault(&e))?;
        let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        match output.status.code() {
            Some(exit @ (0 | 1)) if !json.is_null() => Ok(Ran { json, exit }),
            other => Err(fault(&format!("exit {other:?}, {json}; its log is {}", self.log(actor).display()))),
        }
    }

    /// Runs a command that must not be refused.
    pub fn done<I, A>(&self, actor: &str, arguments: I) -> Result<Value, Failure>
    where
        I: IntoIterator<Item = A>,
        A: AsRef<OsStr>,
    {
        let ran = self.run(actor, &Secret::default(), arguments)?;
        accepted(actor, ran)
    }

    /// Starts a server and waits until it says where it listens.
    pub fn serve<I, A>(&self, actor: &str, arguments: I) -> Result<Running, Failure>
    where
        I: IntoIterator<Item = A>,
        A: AsRef<OsStr>,
    {
        let mut command = self.command(actor)?;
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| Failure::fault(actor, e))?;
        let Some(stdout) = child.stdout.take() else {
            return Err(Failure::fault(actor, "it has no standard output"));
        };
        let mut running = Running { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let (send, line) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // Nobody listens any more if the server took too long.
            let _ = send.send(read.map(|_| line));
        });
        let line = line.recv_timeout(START).map_err(|_| Failure::fault(actor, "it did not start in time"))?;
        let line = line.map_err(|e| Failure::fault(actor, e))?;
        let said: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        let address = said["listening"].as_str().and_then(|a| a.parse().ok());
        running.address = address.ok_or_else(|| {
            let log = self.log(actor);
            Failure::fault(actor, format!("it did not start; its log is {}", log.display()))
        })?;
        Ok(running)
    }
}

/// What a command gets beside its arguments.
#[derive(Default)]
pub struct Secret<'a> {
    /// `VEILPASS_TOKEN`.
    pub token: Option<&'a str>,
    /// Standard input.
    pub input: &'a str,
}

/// The answer of a command that must not have been refused.
pub fn accepted(actor: &str, ran: Ran) -> Result<Value, Failure> {
    match ran.exit {
        0 => Ok(ran.json),
        _ => Err(Failure::fault(actor, format!("refused: {}", ran.json))),
    }
}

/// A server; it is ended with the demo, however that ends.
pub struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Asks it to stop and waits; whether it stopped cleanly.
    pub fn stop(mut self) -> Result<(), Failure> {
        self.terminate()?;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            match self.child.try_wait().map_err(|e| Failure::fault("a server", e))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Failure::fault("a server", format!("ended with {status}"))),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Err(Failure::fault("a server", "did not stop when it was asked to"))
    }

    fn terminate(&self) -> Result<(), Failure> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::fault("a server", "it has no process id"))?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|e| Failure::fault("stopping a server", e))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only where the story broke off: whoever stopped it has waited for it.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
