//! What `authority serve` and `platform serve` have in common: configuration in four layers, the line
//! that says where the server listens, `--check`.
//!
//! A flag goes before the environment (`VEILPASS_…`), that before the file, that before the default. The
//! file is TOML with the names of the flags: `seal-every = 600`.

mod authority;
mod platform;
mod test_mode;

pub use authority::ServeAuthority;
pub use platform::ServePlatform;

use crate::common::read_text;
use crate::outcome::{Failure, Reply, pretty};
use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use veilpass_server::explain::nearest;
use veilpass_server::http::{ServeError, Settings, TlsFiles};

/// Lays one layer of settings over another: what the upper says, counts.
macro_rules! over {
    ($layer:ident, $upper:expr, $lower:expr, $($field:ident),+ $(,)?) => {
        $layer { $($field: $upper.$field.or($lower.$field)),+ }
    };
}
use over;

/// Where the configuration stands, and whether it is only to be checked.
#[derive(Debug, Clone, Args)]
pub struct Configured {
    /// A TOML file with the same names as these flags
    #[arg(long, value_name = "FILE", env = "VEILPASS_CONFIG")]
    config: Option<PathBuf>,
    /// Check the configuration and all that it names, print it, and stop
    #[arg(long)]
    pub check: bool,
}

impl Configured {
    /// The file's layer; nothing where no file is named.
    pub fn file<T: DeserializeOwned + Serialize + Default>(&self) -> Result<T, Failure> {
        let Some(path) = &self.config else { return Ok(T::default()) };
        let wrong = |e: &dyn std::fmt::Display| Failure::Usage(format!("{}: {e}", path.display()));
        let table: toml::Table = toml::from_str(&read_text(path)?).map_err(|e| wrong(&e))?;
        // A name that is misspelt must not be a setting that is silently not made.
        let known = serde_json::to_value(T::default()).map_err(|e| wrong(&e))?;
        let names = || known.as_object().into_iter().flat_map(|known| known.keys().map(String::as_str));
        if let Some(name) = table.keys().find(|name| known.get(name).is_none()) {
            let meant = nearest(name, names()).map(|meant| format!("; did you mean `{meant}`?"));
            return Err(wrong(&format!("there is no setting `{name}`{}", meant.unwrap_or_default())));
        }
        // One by one: the reader of all of them does not say which one it stumbled over.
        for (name, value) in &table {
            let alone = toml::Table::from_iter([(name.clone(), value.clone())]);
            let read: Result<T, toml::de::Error> = alone.try_into();
            read.map_err(|e| wrong(&format!("`{name}`: {}", e.message())))?;
        }
        table.try_into().map_err(|e: toml::de::Error| wrong(&e))
    }
}

/// How a server listens. Everything can be left out but the address.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[command(next_help_heading = "Listening")]
pub struct Listening {
    /// Address, such as 127.0.0.1:8443; port 0 picks one
    #[arg(long, value_name = "ADDR", env = "VEILPASS_LISTEN")]
    listen: Option<SocketAddr>,
    /// Address for Prometheus metrics (/metrics), apart from what the public reaches [default: none]
    #[arg(long, value_name = "ADDR", env = "VEILPASS_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    /// Certificate chain, PEM
    #[arg(long, value_name = "FILE", env = "VEILPASS_TLS_CERTIFICATE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", env = "VEILPASS_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Plain HTTP also on other addresses than loopback, because a proxy encrypts
    #[arg(long, env = "VEILPASS_PLAIN_HTTP", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    plain_http: Option<bool>,
    /// A proxy whose X-Forwarded-For names the client; may be repeated
    #[arg(long, value_name = "IP", env = "VEILPASS_TRUSTED_PROXY", value_delimiter = ',', num_args = 1..)]
    trusted_proxy: Option<Vec<IpAddr>>,
    /// Most connections at one time [default: 4096]
    #[arg(long, value_name = "N", env = "VEILPASS_MAX_CONNECTIONS")]
    max_connections: Option<usize>,
    /// Seconds for the head of a request [default: 10]
    #[arg(long, value_name = "S", env = "VEILPASS_HEADER_TIMEOUT")]
    header_timeout: Option<u64>,
    /// Seconds between two requests of one connection [default: 75]
    #[arg(long, value_name = "S", env = "VEILPASS_IDLE_TIMEOUT")]
    idle_timeout: Option<u64>,
    /// Seconds for a whole request [default: 20]
    #[arg(long, value_name = "S", env = "VEILPASS_REQUEST_TIMEOUT")]
    request_timeout: Option<u64>,
    /// Seconds that requests under way get when the server stops [default: 10]
    #[arg(long, value_name = "S", env = "VEILPASS_SHUTDOWN_GRACE")]
    shutdown_grace: Option<u64>,
    /// Requests of one client per second, 0 for no limit [default: 50]
    #[arg(long, value_name = "N", env = "VEILPASS_RATE_PER_SECOND")]
    rate_per_second: Option<u32>,
    /// Requests that a client may make at once after a rest [default: 200]
    #[arg(long, value_name = "N", env = "VEILPASS_RATE_BURST")]
    rate_burst: Option<u32>,
}

impl Listening {
    /// This layer over another.
    pub fn over(self, lower: Listening) -> Listening {
        over!(
            Listening,
            self,
            lower,
            listen,
            metrics_listen,
            tls_certificate,
            tls_key,
            plain_http,
            trusted_proxy,
            max_connections,
            header_timeout,
            idle_timeout,
            request_timeout,
            shutdown_grace,
            rate_per_second,
            rate_burst
        )
    }

    /// In test mode: the settings that go with it, which say where nothing else does that it listens on this
    /// address and takes requests as they come.
    fn in_test_mode(self, listen: SocketAddr) -> Result<Listening, Failure> {
        let given = [
            ("metrics-listen", self.metrics_listen.is_some()),
            ("tls-certificate", self.tls_certificate.is_some()),
            ("tls-key", self.tls_key.is_some()),
            ("plain-http", self.plain_http.is_some()),
            ("trusted-proxy", self.trusted_proxy.is_some()),
        ];
        not_in_test_mode(&given)?;
        Ok(Listening {
            listen: self.listen.or(Some(listen)),
            rate_per_second: self.rate_per_second.or(Some(0)),
            ..self
        })
    }

    /// As the server takes it.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let listen = self.listen.ok_or_else(|| Failure::Usage("--listen is missing".into()))?;
        let tls = match (&self.tls_certificate, &self.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })
            }
            _ => return Err(Failure::Usage("--tls-certificate and --tls-key belong together".into())),
        };
        let seconds = |given: Option<u64>, default: Duration, name: &str| match given {
            Some(0) => Err(Failure::Usage(format!("--{name} is at least 1 second"))),
            given => Ok(given.map_or(default, Duration::from_secs)),
        };
        let base = Settings::new(listen);
        let settings = Settings {
            metrics: self.metrics_listen,
            tls,
            plain_http: self.plain_http.unwrap_or(base.plain_http),
            trusted_proxies: self.trusted_proxy.clone().unwrap_or_default(),
            max_connections: self.max_connections.unwrap_or(base.max_connections),
            header_timeout: seconds(self.header_timeout, base.header_timeout, "header-timeout")?,
            idle_timeout: seconds(self.idle_timeout, base.idle_timeout, "idle-timeout")?,
            request_timeout: seconds(self.request_timeout, base.request_timeout, "request-timeout")?,
            shutdown_grace: seconds(self.shutdown_grace, base.shutdown_grace, "shutdown-grace")?,
            rate_per_second: self.rate_per_second.unwrap_or(base.rate_per_second),
            rate_burst: self.rate_burst.unwrap_or(base.rate_burst),
            ..base
        };
        if settings.max_connections == 0 || (settings.rate_per_second > 0 && settings.rate_burst == 0) {
            return Err(Failure::Usage("a limit of 0 would let nobody in".into()));
        }
        Ok(settings)
    }
}

impl From<&Settings> for Listening {
    /// Every setting as it is in force.
    fn from(s: &Settings) -> Listening {
        Listening {
            listen: Some(s.listen),
            metrics_listen: s.metrics,
            tls_certificate: s.tls.as_ref().map(|tls| tls.certificate.clone()),
            tls_key: s.tls.as_ref().map(|tls| tls.key.clone()),
            plain_http: Some(s.plain_http),
            trusted_proxy: Some(s.trusted_proxies.clone()),
            max_connections: Some(s.max_connections),
            header_timeout: Some(s.header_timeout.as_secs()),
            idle_timeout: Some(s.idle_timeout.as_secs()),
            request_timeout: Some(s.request_timeout.as_secs()),
            shutdown_grace: Some(s.shutdown_grace.as_secs()),
            rate_per_second: Some(s.rate_per_second),
            rate_burst: Some(s.rate_burst),
        }
    }
}

/// Refuses settings that contradict `--test`, from whichever layer they come.
fn not_in_test_mode(given: &[(&str, bool)]) -> Result<(), Failure> {
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Failure::Usage(format!(
            "--{flag} does not go with --test: test mode makes all that it needs itself. Leave it out, also in the \
             environment and in the configuration file; or serve a real platform, without --test"
        ))),
    }
}

/// The one line that a server writes to standard output, once it can be reached (contract §1).
pub fn announce(address: SocketAddr, metrics: Option<SocketAddr>) -> Result<(), Failure> {
    let mut line = serde_json::json!({ "listening": address.to_string() });
    if let (Some(metrics), Some(members)) = (metrics, line.as_object_mut()) {
        members.insert("metrics".into(), metrics.to_string().into());
    }
    put_line(&line)
}

/// The same line of a server in test mode.
fn announce_test(address: SocketAddr) -> Result<(), Failure> {
    put_line(&serde_json::json!({ "listening": address.to_string(), "test": true }))
}

fn put_line(line: &serde_json::Value) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| Failure::fault("standard output", e))
}

/// Why a server does not listen: an address or a file that was named.
pub fn not_listening(error: &ServeError) -> Failure {
    match error {
        ServeError::PlainHttp(_) | ServeError::Tls(..) => Failure::Usage(error.to_string()),
        other => Failure::Fault(other.to_string()),
    }
}

/// What `--check` answers: the configuration as it would be used. It holds no secret.
pub fn checked(effective: &impl Serialize) -> Result<Reply, Failure> {
    let json = serde_json::to_string(effective).map_err(|e| Failure::fault("writing JSON", e))?;
    let text = format!("the configuration is good\n{}", pretty(&json));
    Ok(Reply::raw(json, text))
}

/// A folder that must be given in some layer.
pub fn required<'a, T>(value: &'a Option<T>, flag: &str) -> Result<&'a T, Failure> {
    value.as_ref().ok_or_else(|| Failure::Usage(format!("--{flag} is missing")))
}
