//! The accept loop.

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;

/// How a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address; port 0 picks one.
    pub listen: SocketAddr,
    /// Address for Prometheus metrics, apart from what the public reaches; none by default.
    pub metrics: Option<SocketAddr>,
    /// Certificate chain and key as PEM files. Without them plain HTTP is spoken, which is refused on
    /// other addresses than loopback unless [`Settings::plain_http`] says that something else encrypts.
    pub tls: Option<TlsFiles>,
    /// A proxy in front of this server encrypts.
    pub plain_http: bool,
    /// Proxies whose `X-Forwarded-For` names the client; from anybody else the header counts for nothing.
    pub trusted_proxies: Vec<IpAddr>,
    /// Most connections at one time.
    pub max_connections: usize,
    /// Time for the head of a request.
    pub header_timeout: Duration,
    /// Time for a whole request: its body, the work, and the answer.
    pub request_timeout: Duration,
    /// Time that requests under way get when the server stops.
    pub shutdown_grace: Duration,
    /// Requests of one client per second, on average; 0 sets no limit.
    pub rate_per_second: u32,
    /// Requests that a client may make at once after a rest.
    pub rate_burst: u32,
}

/// A certificate chain and its private key, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Settings {
    /// The defaults, at an address.
    pub fn new(listen: SocketAddr) -> Settings {
        Settings {
            listen,
            metrics: None,
            tls: None,
            plain_http: false,
            trusted_proxies: Vec::new(),
            max_connections: 4096,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(20),
            shutdown_grace: Duration::from_secs(10),
            rate_per_second: 50,
            rate_burst: 200,
        }
    }
}

/// Why a server did not start or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, String),
}

/// A server that listens already; requests wait until it runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    settings: Settings,
}

impl Server {
    /// Listens.
    pub async fn bind(settings: Settings) -> Result<Server, ServeError> {
        let refused = |e: std::io::Error| ServeError::Listen(settings.listen, e.to_string());
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Server { listener, address, settings })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready.
    pub async fn run(self, routes: Router, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        tokio::pin!(shutdown);
        loop {
            let stream = tokio::select! {
                () = &mut shutdown => return Ok(()),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(_) => continue,
                },
            };
            let service = TowerToHyperService::new(routes.clone());
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.settings.header_timeout)
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move {
                let _ = connection.await;
            });
        }
    }
}
