//! Two servers, each a process of its own: one is left alone, at the other 2,000 connections stall.
//! Honest requests go to both in turn, so that whatever else the machine does slows both.

use crate::serving::{Reply, ask, connect, routes, settings};
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use veilpass_server::http::{Server, Settings};

const CHILD: &str = "VEILPASS_TEST_STALLED_CHILD";
const STALLED: usize = 2000;

struct Apart {
    child: Child,
    /// Kept open: the child writes its result to it at the end.
    lines: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Apart {
    fn start(connections: usize) -> Apart {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["stalled::a_server_for_the_others", "--exact", "--nocapture"])
            .env(CHILD, connections.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split("listening ").nth(1)?.parse().ok());
        Apart { child, lines, address: address.expect("the child says where it listens") }
    }

    /// Resident memory in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Its input ends, which is its sign to stop.
    fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.lines.all(|line| line.is_ok()));
        assert!(self.child.wait().unwrap().success());
    }
}

/// Not a test by itself: the server in the child process.
#[test]
fn a_server_for_the_others() {
    let Ok(connections) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = Settings {
            max_connections: connections.parse().unwrap(),
            header_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(120),
            shutdown_grace: Duration::ZERO,
            ..settings()
        };
        let server = Server::bind(settings).await.unwrap();
        println!("listening {}", server.address());
        let shutdown = async {
            let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
        };
        server.run(routes(), shutdown).await.unwrap();
    });
}

fn honest(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    let body = "x".repeat(1000);
    let request = format!(
        "POST /v1/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 1000\r\n\r\n{body}"
    );
    // The time of the answer, not of the farewell.
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut first = [0u8; 12];
    stream.read_exact(&mut first).unwrap();
    let took = begun.elapsed();
    assert_eq!(&first, b"HTTP/1.1 200");
    took
}

/// Half of them with half a head, half with half a body.
fn stall(address: SocketAddr) -> Vec<TcpStream> {
    let part = |i: usize| match i % 2 {
        0 => "POST /v1/echo HTTP/1.1\r\nhost: x\r\nx-half: ha",
        _ => "POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 16000\r\n\r\nhalf",
    };
    let one = |i| {
        let mut stream = connect(address);
        stream.write_all(part(i).as_bytes()).unwrap();
        stream
    };
    (0..STALLED).map(one).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn besieged(connections: usize, open_at_least: usize) {
    let (alone, besieged) = (Apart::start(connections), Apart::start(connections));
    for _ in 0..20 {
        honest(alone.address);
        honest(besieged.address);
    }
    let before = besieged.memory();
    let mut stalled = stall(besieged.address);
    let rounds = if std::env::var_os("VEILPASS_LONG").is_some() { 2000 } else { 300 };
    let (mut quiet, mut crowded) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        quiet.push(honest(alone.address));
        crowded.push(honest(besieged.address));
    }
    let grown = besieged.memory().saturating_sub(before);
    let open = stalled.iter_mut().filter_map(|s| s.set_nonblocking(true).ok().map(|()| s.read(&mut [0])));
    let open =
        open.filter(|read| read.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock)).count();
    let (quiet, crowded) = (median(quiet), median(crowded));
    println!(
        "{STALLED} stalled connections, cap {connections}: {open} still open, median {quiet:?} alone and \
         {crowded:?} besieged ({rounds} requests each), {grown} KiB more"
    );
    assert!(open >= open_at_least && open <= connections, "{open}");
    let factor = if std::env::var_os("VEILPASS_LONG").is_some() { 2 } else { 3 };
    assert!(crowded <= quiet * factor, "{quiet:?} alone, {crowded:?} besieged");
    assert!(grown < 96 * 1024, "{grown} KiB more");
    let reply: Reply =
        ask(besieged.address, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(reply.status, 200);
    alone.stop();
    besieged.stop();
}

#[test]
fn honest_requests_go_on_beside_stalled_ones() {
    besieged(4096, STALLED);
}

/// The crowd is larger than the cap: it drives out itself, and honest requests are still answered.
#[test]
fn a_crowd_over_the_cap_drives_out_itself() {
    besieged(256, 150);
}
