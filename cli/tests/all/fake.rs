//! A server that says what a test wants, however wrong.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// `POST /v1/enrolments`
    pub line: String,
    /// Everything before the body, letter by letter.
    pub head: String,
    pub body: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// What is said to it.
pub enum Say {
    Answer(u16, &'static str, Vec<u8>),
    Redirect(String),
    /// A body that goes on until nobody listens.
    Endless,
    /// Nothing, for so long.
    Silence(Duration),
}

/// A JSON answer.
pub fn json(status: u16, value: &Value) -> Say {
    Say::Answer(status, "application/json", value.to_string().into_bytes())
}

/// A problem document.
pub fn problem(status: u16, code: &str) -> Say {
    let document = serde_json::json!({"type": format!("urn:veilpass:error:{code}"), "title": "", "status": status, "code": code, "detail": "so \u{1b}[2J"});
    Say::Answer(status, "application/problem+json", document.to_string().into_bytes())
}

/// An authority's public key line, which every authority has at `/v1/published/vkey`.
pub fn vkey(line: &str) -> Say {
    Say::Answer(200, "text/plain", format!("{line}\n").into_bytes())
}

/// A key line of nobody in particular.
pub const SOME_VKEY: &str = "id.example/veilpass+7ca01c59+AYZ5wGjigREqY6u8EN0uQY+koTmj97l7Urrcsr+2EXN5";

/// A server on loopback that answers each request through a closure and keeps what it got.
pub struct Fake {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    heard: Heard,
}

/// Every byte that arrived, connection by connection, also of what was no request.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

impl Fake {
    pub fn serve(say: impl Fn(&Got) -> Say + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, got) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let heard = Heard::default();
        let (log, all, say) = (got.clone(), heard.clone(), Arc::new(say));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, all, say) = (log.clone(), all.clone(), say.clone());
                let connection = {
                    let mut all = all.lock().unwrap();
                    all.push(Vec::new());
                    all.len() - 1
                };
                std::thread::spawn(move || {
                    let mut stream = stream;
                    let keep = |bytes: &[u8]| all.lock().unwrap()[connection].extend_from_slice(bytes);
                    let Some(got) = receive(&mut stream, keep) else { return };
                    log.lock().unwrap().push(got.clone());
                    answer(&mut stream, say(&got));
                });
            }
        });
        Fake { address, got, heard }
    }

    /// Every byte of every connection since it serves.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// An address under a name of this machine.
    pub fn url(&self, name: &str) -> String {
        format!("http://{name}:{}", self.port())
    }

    /// What has arrived since the last call.
    pub fn got(&self) -> Vec<Got> {
        std::mem::take(&mut *self.got.lock().unwrap())
    }
}

fn receive(stream: &mut TcpStream, keep: impl Fn(&[u8])) -> Option<Got> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        let n = stream.read(&mut part).ok().filter(|n| *n > 0)?;
        keep(&part[..n]);
        bytes.extend_from_slice(&part[..n]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let length =
        head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    while bytes.len() < end + length.unwrap_or(0) {
        let n = stream.read(&mut part).ok().filter(|n| *n > 0)?;
        keep(&part[..n]);
        bytes.extend_from_slice(&part[..n]);
    }
    let line = head.lines().next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    Some(Got { line, head, body: String::from_utf8(bytes[end..].to_vec()).ok()? })
}

/// A client that went away is none of the server's business: errors of writing are what tests provoke.
fn answer(stream: &mut TcpStream, say: Say) {
    match say {
        Say::Answer(status, media_type, body) => {
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
        Say::Redirect(to) => {
            let head =
                format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
        }
        Say::Endless => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n");
            while stream.write_all(&[b' '; 4096]).is_ok() {}
        }
        Say::Silence(time) => std::thread::sleep(time),
    }
}
