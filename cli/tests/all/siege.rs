//! A platform under siege: thousands of connections that stall, and junk presentations as fast as they
//! can be sent. Honest requests are answered, about as fast as before, and memory stays bounded.

use crate::binary::veilpass;
use crate::server::{Server, client, post, text};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use veilpass_server::client::Client;

const STALLED: usize = 2_000;

/// How much slower honest requests may become. The attackers share this machine with the server, so the
/// default form is lenient; the long form, alone on its machine, is not.
fn tolerance() -> f64 {
    if std::env::var_os("VEILPASS_LONG").is_some() { 2.0 } else { 6.0 }
}

struct Platform {
    _place: tempfile::TempDir,
    server: Server,
    token: String,
    pid: u32,
}

fn platform() -> Platform {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let vkey = text(&veilpass(at, "authority init --dir A --origin id.example/veilpass").ok()["vkey"]);
    std::fs::write(at.join("people.csv"), crowd()).unwrap();
    veilpass(at, "authority import --dir A people.csv").ok();
    veilpass(at, "authority seal --dir A").ok();
    veilpass(at, "authority publish --dir A --out pub").ok();
    let token = text(&veilpass(at, "platform keygen --dir P").ok()["token"]);
    let line = format!(
        "platform serve --dir P --host forum.localhost --listen 127.0.0.1:0 --authority {vkey} --epochs pub --allow-dev"
    );
    let server = Server::start(at, "platform", &line);
    let pid = server.id();
    Platform { _place: place, server, token, pid }
}

fn crowd() -> String {
    const HEADER: &str = "identity_commitment,device_commitment,document_number,birth_date,expires_on,enrolled_on,sex,document_class,nationality,province,generation\n";
    let row = |i: u64| {
        format!(
            "{:064x},{:064x},P{i},1990-05-05,2046-06-01,2024-07-06,female,foreign_passport,250,0,0\n",
            2 * i + 1,
            2 * i + 2
        )
    };
    format!("{HEADER}{}", (0..1_100).map(row).collect::<String>())
}

/// Median time of an honest platform's and wallet's exchanges.
fn honest(client: &Client, platform: &Platform, rounds: usize) -> Duration {
    let body = json!({"predicates": {"valid": true}});
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            // Below the limit of one client.
            std::thread::sleep(Duration::from_millis(45));
            let begun = Instant::now();
            let (status, made) =
                post(client, &platform.server.url("/v1/requests"), &body, Some(&platform.token)).unwrap();
            assert_eq!(status, 201, "{made}");
            let answer = client.get(&text(&made["request_uri"]), 1 << 16).unwrap();
            assert_eq!(answer.status, 200);
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A request made for the attackers to answer with junk.
fn victim(client: &Client, platform: &Platform) -> Value {
    let body = json!({"predicates": {"valid": true}});
    post(client, &platform.server.url("/v1/requests"), &body, Some(&platform.token)).unwrap().1
}

/// Sends junk over one connection as fast as it is answered, from an address of its own.
fn junk(address: SocketAddr, from: u8, id: &str, circuit: &str, over: &AtomicBool, sent: &AtomicU64) {
    let bodies = [
        "{}".to_owned(),
        "x".repeat(16_000),
        format!(
            r#"{{"v":1,"circuit":"{circuit}","epoch":1,"pseudonym":"{:064x}","proof":"{}"}}"#,
            7,
            "A".repeat(171)
        ),
        r#"{"v":1,"circuit":1}"#.to_owned(),
    ];
    let mut answer = vec![0u8; 4096];
    while !over.load(Ordering::Relaxed) {
        let Some(mut stream) = connect_from(from, address) else { continue };
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        for body in bodies.iter().cycle() {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let head = format!(
                "POST /v1/requests/{id}/presentation HTTP/1.1\r\nhost: forum.localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_err() {
                break;
            }
            match stream.read(&mut answer) {
                Ok(n) if n > 0 => sent.fetch_add(1, Ordering::Relaxed),
                _ => break,
            };
        }
    }
}

/// A connection from another address of this machine: another client, for the limits.
fn connect_from(last: u8, to: SocketAddr) -> Option<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().ok()?;
        socket.bind(SocketAddr::from(([127, 0, 1, last], 0))).ok()?;
        let stream = socket.connect(to).await.ok()?.into_std().ok()?;
        stream.set_nonblocking(false).ok()?;
        Some(stream)
    })
}

#[test]
fn honest_requests_are_answered() {
    let platform = platform();
    let client = client();
    let address: SocketAddr = platform.server.address.parse().unwrap();
    let victim = victim(&client, &platform);
    let (id, circuit) = (text(&victim["id"]), text(&victim["request"]["circuit"]));
    let alone = honest(&client, &platform, 60);
    let before = memory(platform.pid);

    let stalled: Vec<TcpStream> = (0..STALLED)
        .filter_map(|i| {
            let mut stream = connect_from(200 + (i % 50) as u8, address)?;
            stream.write_all(b"POST /v1/requests HTTP/1.1\r\nhost: forum.localhost\r\ncontent-le").ok()?;
            Some(stream)
        })
        .collect();
    let (over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let (besieged, most) = std::thread::scope(|scope| {
        for from in 1..=4 {
            let (id, circuit, over, sent) = (&id, &circuit, &over, &sent);
            scope.spawn(move || junk(address, from, id, circuit, over, sent));
        }
        std::thread::sleep(Duration::from_millis(300));
        let besieged = honest(&client, &platform, 60);
        let most = memory(platform.pid);
        over.store(true, Ordering::Relaxed);
        (besieged, most)
    });
    let junk = sent.load(Ordering::Relaxed);
    println!(
        "{} stalled, {junk} pieces of junk answered; median {alone:?} alone, {besieged:?} besieged; {before} MiB before, {most} MiB at most",
        stalled.len()
    );
    assert!(stalled.len() >= STALLED - 10, "only {} connections", stalled.len());
    assert!(junk > 100, "the attackers did not get far: {junk}");
    assert!(most < before + 200, "{before} MiB became {most} MiB");
    assert!(besieged.as_secs_f64() <= alone.as_secs_f64() * tolerance(), "{alone:?} became {besieged:?}");
}
