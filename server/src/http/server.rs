//! A server: where it listens and within which limits.

use super::accept::{self, Front};
use super::around::{self, Around};
use super::limit::Limiter;
use super::metrics::{self, Metrics};
use super::pages::Pages;
use super::stream::Limits;
use super::tls::Tls;
use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Files that stay free for the database, for reading and for calls to others.
const OTHER_FILES: u64 = 64;

/// Connections of the listener for metrics.
const METRICS_CONNECTIONS: usize = 16;

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
    /// Time for the head of a request, from its first byte; a new connection has begun one.
    pub header_timeout: Duration,
    /// Time between two requests of one connection. Longer than load balancers keep theirs (60 seconds),
    /// or they send requests into connections that are being closed.
    pub idle_timeout: Duration,
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
            idle_timeout: Duration::from_secs(75),
            request_timeout: Duration::from_secs(20),
            shutdown_grace: Duration::from_secs(10),
            rate_per_second: 50,
            rate_burst: 200,
        }
    }
}

impl Settings {
    /// Whether they can be: the certificate is read, and plain HTTP goes only where it may. Gives what
    /// speaks TLS, where that is set.
    fn acceptor(&self) -> Result<Option<Tls>, ServeError> {
        let tls = self.tls.clone().map(Tls::open).transpose()?;
        if tls.is_none() && !self.plain_http && !self.listen.ip().to_canonical().is_loopback() {
            return Err(ServeError::PlainHttp(self.listen));
        }
        match self.metrics {
            Some(metrics) if !self.plain_http && !metrics.ip().to_canonical().is_loopback() => {
                Err(ServeError::PlainHttp(metrics))
            }
            _ => Ok(tls),
        }
    }

    /// Checks them without listening.
    pub fn check(&self) -> Result<(), ServeError> {
        self.acceptor().map(|_| ())
    }

    fn limits(&self) -> Limits {
        Limits { head: self.header_timeout, idle: self.idle_timeout, answer: self.request_timeout }
    }
}

/// Why a server did not start or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}. Choose another address or port; port 0 picks a free one")]
    Listen(SocketAddr, String),
    /// Neither TLS nor a proxy that encrypts, on an address that others reach.
    #[error("{0} is not a loopback address: set a certificate, or say that a proxy encrypts (plain HTTP)")]
    PlainHttp(SocketAddr),
    /// A certificate or key cannot be used. Nothing of the file is repeated.
    #[error("{0}: {1}")]
    Tls(PathBuf, &'static str),
}

/// A layer around everything that a server answers, errors of the server itself included.
pub type Outermost = fn(Router) -> Router;

/// A server that listens already; requests wait until it runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    metrics_listener: Option<(TcpListener, SocketAddr)>,
    tls: Option<Arc<Tls>>,
    hangup: Option<Signal>,
    connections: usize,
    settings: Settings,
    metrics: Metrics,
    pages: Option<Pages>,
    outermost: Option<Outermost>,
}

impl Server {
    /// Reads the certificate, if there is one, and listens.
    pub async fn bind(settings: Settings) -> Result<Server, ServeError> {
        let tls = settings.acceptor()?.map(Arc::new);
        // Caught from here on: uncaught it would end the process.
        let hangup = signal(SignalKind::hangup())
            .map_err(|e| tracing::warn!(kind = ?e.kind(), "SIGHUP cannot be caught"))
            .ok();
        let connections = within_file_limit(settings.max_connections.max(1));
        let (listener, address) = listen(settings.listen).await?;
        let metrics_listener = match settings.metrics {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(Server {
            listener,
            address,
            metrics_listener,
            tls,
            hangup,
            connections,
            settings,
            metrics: Metrics::new(),
            pages: None,
            outermost: None,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it gives its metrics, if anywhere.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_listener.as_ref().map(|(_, address)| *address)
    }

    /// Opens routes to pages of other origins.
    pub fn with_pages(self, pages: Pages) -> Server {
        Server { pages: Some(pages), ..self }
    }

    /// Puts a layer around all routes and around the server's own errors.
    pub fn with_outermost(self, layer: Outermost) -> Server {
        Server { outermost: Some(layer), ..self }
    }

    /// How many connections it takes at one time, within the limit of open files.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// What it counts; services add their own.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Serves until `shutdown` is ready; requests under way are then finished for at most
    /// [`Settings::shutdown_grace`].
    pub async fn run(self, routes: Router, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let limits = self.settings.limits();
        let Settings { rate_per_second, rate_burst, trusted_proxies, .. } = self.settings;
        let limiter = Limiter::new(rate_per_second, rate_burst, trusted_proxies).map(Arc::new);
        let around = Around {
            limiter: limiter.clone(),
            request_timeout: self.settings.request_timeout,
            metrics: Some(self.metrics.clone()),
            pages: self.pages,
        };
        let routes = around::wrap(routes, around);
        let routes = match self.outermost {
            Some(layer) => layer(routes),
            None => routes,
        };
        let front = Front {
            listener: self.listener,
            tls: self.tls.clone(),
            routes,
            connections: self.connections,
            limits,
            grace: self.settings.shutdown_grace,
            counts: Some(self.metrics.clone()),
        };
        let side = self.metrics_listener.map(|(listener, _)| Front {
            listener,
            tls: None,
            routes: around::wrap(
                metrics::routes(self.metrics),
                Around {
                    limiter: None,
                    request_timeout: self.settings.request_timeout,
                    metrics: None,
                    pages: None,
                },
            ),
            connections: METRICS_CONNECTIONS,
            limits,
            grace: Duration::ZERO,
            counts: None,
        });
        let (stop, stopping) = watch::channel(false);
        let side = async {
            if let Some(side) = side {
                accept::serve(side, stopping.clone()).await;
            }
        };
        let tidy = async {
            if let Some(limiter) = limiter {
                limiter.forget_idle(stopping.clone()).await;
            }
        };
        let end = async {
            tokio::select! {
                () = shutdown => {},
                () = reload(self.tls, self.hangup) => {},
            }
            stop.send_replace(true);
        };
        tokio::join!(accept::serve(front, stopping.clone()), side, tidy, end);
        Ok(())
    }
}

/// Reads the certificate again at each SIGHUP; never ready.
async fn reload(tls: Option<Arc<Tls>>, hangup: Option<Signal>) {
    if let Some(mut hangup) = hangup {
        while hangup.recv().await.is_some() {
            match tls.clone() {
                Some(tls) => drop(tokio::task::spawn_blocking(move || tls.reload()).await),
                None => tracing::info!("SIGHUP: there is no TLS certificate to read again"),
            }
        }
    }
    std::future::pending().await
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let refused = |e: std::io::Error| ServeError::Listen(address, e.to_string());
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// Raises the limit of open files as far as this process may, and keeps the connections below it.
fn within_file_limit(connections: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let files = if raised.is_ok() { limit.maximum } else { limit.current };
    let Some(files) = files else { return connections };
    let possible = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX).max(1);
    if possible < connections {
        tracing::warn!(
            connections,
            possible,
            "fewer connections than wanted: the limit of open files is low"
        );
    }
    connections.min(possible)
}
