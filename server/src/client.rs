//! The HTTP client of wallets and platforms. It blocks, so that a wallet needs no runtime; services call
//! it from `spawn_blocking`.
//!
//! It goes where it was sent and nowhere else: no redirect is followed (protocol W6), a proxy is asked only
//! where the settings name one and never for this machine, names under `.localhost` never leave the machine (contract §4), and whatever
//! comes back is bounded in length and time.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use ureq::config::Config;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use ureq::http::{Request, Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body, Proxy, ProxyProtocol};
use veilpass_protocol::json;
use zeroize::Zeroizing;

/// Whom a client trusts and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    /// Time for a connection to stand.
    pub connect_timeout: Duration,
    /// Time for a whole exchange.
    pub timeout: Duration,
    /// Certificates that are trusted in place of the web's, as a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The proxy that other machines are reached through; `None` reaches them directly.
    pub proxy: Option<ProxySettings>,
}

/// A proxy, as the environment names it.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxySettings {
    /// `http://proxy.example:3128`; it may hold a name and a password.
    pub url: String,
    /// Hosts that are reached directly, in the forms of `NO_PROXY`.
    pub except: Vec<String>,
}

/// The address may hold a password.
impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySettings").field("except", &self.except).finish_non_exhaustive()
    }
}

impl ProxySettings {
    /// What `HTTPS_PROXY` (else `ALL_PROXY`) and `NO_PROXY` say, in either case of letters. `HTTP_PROXY` is for
    /// plain HTTP, which goes to this machine only and through no proxy.
    pub fn from_environment() -> Option<ProxySettings> {
        ProxySettings::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<ProxySettings> {
        let first = |names: [&str; 2]| names.iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
        let url = first(["HTTPS_PROXY", "https_proxy"]).or_else(|| first(["ALL_PROXY", "all_proxy"]))?;
        let except = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
        let except = except.split(',').map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
        Some(ProxySettings { url, except: except.collect() })
    }

    fn proxy(&self) -> Result<Proxy, ClientError> {
        let named = Proxy::new(&self.url).map_err(|_| ClientError::Proxy)?;
        if !matches!(named.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
            return Err(ClientError::Proxy);
        }
        let mut builder = Proxy::builder(named.protocol()).host(named.host()).port(named.port());
        builder = named.username().into_iter().fold(builder, |builder, name| builder.username(name));
        builder = named.password().into_iter().fold(builder, |builder, word| builder.password(word));
        builder = self.except.iter().fold(builder, |builder, host| builder.no_proxy(host));
        builder.build().map_err(|_| ClientError::Proxy)
    }
}

impl Default for ClientSettings {
    fn default() -> ClientSettings {
        ClientSettings {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            ca_file: None,
            proxy: None,
        }
    }
}

impl ClientSettings {
    /// The defaults, with the proxy that the environment names.
    pub fn from_environment() -> ClientSettings {
        ClientSettings { proxy: ProxySettings::from_environment(), ..ClientSettings::default() }
    }
}

/// Why there is no answer. No message names a path or a query: those may hold what must not be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The file of trusted certificates cannot be used.
    #[error("{0}: {1}")]
    TrustedCertificates(PathBuf, String),
    /// `HTTPS_PROXY` or `ALL_PROXY` cannot be used. It may hold a password and is not repeated.
    #[error(
        "HTTPS_PROXY or ALL_PROXY is not the address of an http or https proxy, such as http://proxy.example:3128"
    )]
    Proxy,
    /// This is no address of a server.
    #[error("not an address that is asked: {0}")]
    Address(&'static str),
    /// Plain HTTP goes to this machine only.
    #[error("plain http is spoken to localhost only")]
    PlainHttp,
    /// Nobody is there, or it is not whom the certificate names.
    #[error("{host} cannot be reached: {cause}")]
    Unreachable {
        /// The host that was asked.
        host: String,
        /// What the network or TLS said.
        cause: String,
    },
    /// Too slow.
    #[error("{0} did not answer in time")]
    Timeout(String),
    /// The answer points elsewhere, where nobody follows.
    #[error("the answer is a redirect ({0}), which is not followed")]
    Redirect(u16),
    /// The answer is longer than what was asked for can be.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// A token or media type that no header can carry.
    #[error("a header has characters that cannot be sent")]
    Header,
}

/// What came back, whatever its status.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; 304 only from [`Client::get_if_changed`].
    pub status: u16,
    /// The media type without parameters, in lower case; empty if there was none.
    pub media_type: String,
    /// The entity tag, as it was sent.
    pub etag: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the status says that it worked (2xx).
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The code of a problem document (contract §7), if this is one.
    pub fn problem_code(&self) -> Option<String> {
        self.problem()?.code.filter(|code| {
            // What is shown and compared is a code, not whatever a server puts in its place.
            code.len() <= 64
                && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
    }

    /// The words beside the code, without control characters and cut to 500 characters.
    pub fn problem_detail(&self) -> Option<String> {
        let detail = self.problem()?.detail?;
        Some(detail.chars().filter(|c| !c.is_control()).take(500).collect())
    }

    /// What we read of a problem document; other members may stand beside it, but none of ours twice.
    fn problem(&self) -> Option<Problem> {
        if self.media_type != "application/problem+json" {
            return None;
        }
        json::parse(&self.body).ok()
    }
}

/// The members of a problem document that mean something to a client.
#[derive(Deserialize)]
struct Problem {
    #[serde(default, deserialize_with = "json::some")]
    code: Option<String>,
    #[serde(default, deserialize_with = "json::some")]
    detail: Option<String>,
}

/// Bodies may be secrets: only their length is shown.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("media_type", &self.media_type)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A client; clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    /// For this machine.
    near: Agent,
    /// For all others, through the proxy if there is one.
    far: Agent,
}

impl Client {
    /// A client. Fails only if the file of trusted certificates is not usable.
    pub fn new(settings: ClientSettings) -> Result<Client, ClientError> {
        let roots = match &settings.ca_file {
            None => RootCerts::WebPki,
            Some(file) => RootCerts::new_with_certs(&certificates(file)?),
        };
        let proxy = settings.proxy.as_ref().map(ProxySettings::proxy).transpose()?;
        let tls = TlsConfig::builder().root_certs(roots).build();
        let agent = |proxy| {
            Agent::with_parts(
                config(&settings, &tls, proxy),
                DefaultConnector::default(),
                Loopback::default(),
            )
        };
        let near = agent(None);
        let far = if proxy.is_some() { agent(proxy) } else { near.clone() };
        Ok(Client { near, far })
    }

    /// Gets what is at an address, at most `max` bytes of it.
    pub fn get(&self, url: &str, max: usize) -> Result<Answer, ClientError> {
        self.ask(Request::get(parse(url)?), Vec::new(), None, max)
    }

    /// The same with a token.
    pub fn get_as(&self, url: &str, bearer: &str, max: usize) -> Result<Answer, ClientError> {
        self.ask(Request::get(parse(url)?), Vec::new(), Some(bearer), max)
    }

    /// Gets it unless it is what it was: then the answer has status 304 and no body.
    pub fn get_if_changed(&self, url: &str, etag: Option<&str>, max: usize) -> Result<Answer, ClientError> {
        let mut request = Request::get(parse(url)?);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        self.ask(request, Vec::new(), None, max)
    }

    /// Posts a body.
    pub fn post(
        &self,
        url: &str,
        media_type: &str,
        body: &[u8],
        bearer: Option<&str>,
        max: usize,
    ) -> Result<Answer, ClientError> {
        let request = Request::post(parse(url)?).header(CONTENT_TYPE, media_type);
        self.ask(request, body.to_vec(), bearer, max)
    }

    fn ask(
        &self,
        mut request: ureq::http::request::Builder,
        body: Vec<u8>,
        bearer: Option<&str>,
        max: usize,
    ) -> Result<Answer, ClientError> {
        if let Some(token) = bearer {
            let text = Zeroizing::new(format!("Bearer {token}"));
            let mut value = HeaderValue::from_str(&text).map_err(|_| ClientError::Header)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let conditional = request.headers_ref().is_some_and(|headers| headers.contains_key(IF_NONE_MATCH));
        let host = request.uri_ref().and_then(Uri::host).unwrap_or_default().to_owned();
        let body = Zeroizing::new(body);
        let failed = |e| failure(e, &host, max);
        let agent = if is_this_machine(&host) { &self.near } else { &self.far };
        let has_body = request.method_ref() == Some(&ureq::http::Method::POST);
        let response = if has_body {
            let request = request.body(body.as_slice()).map_err(|_| ClientError::Header)?;
            agent.run(request).map_err(failed)?
        } else {
            let request = request.body(()).map_err(|_| ClientError::Header)?;
            agent.run(request).map_err(failed)?
        };
        let status = response.status().as_u16();
        if (300..400).contains(&status) && !(status == 304 && conditional) {
            return Err(ClientError::Redirect(status));
        }
        read(response, max).map_err(failed)
    }
}

/// What both agents have.
fn config(settings: &ClientSettings, tls: &TlsConfig, proxy: Option<Proxy>) -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(proxy)
        .user_agent("veilpass")
        .accept("*/*")
        .timeout_connect(Some(settings.connect_timeout))
        .timeout_global(Some(settings.timeout))
        // Below the time after which our servers close a connection that nobody uses.
        .max_idle_age(Duration::from_secs(5))
        .max_response_header_size(32 * 1024)
        .tls_config(tls.clone())
        .build()
}

fn read(mut response: Response<Body>, max: usize) -> Result<Answer, ureq::Error> {
    let header = |name| response.headers().get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let media_type = header(CONTENT_TYPE).and_then(|v| v.split(';').next()).unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    let etag = header(ETAG).map(str::to_owned);
    let status = response.status().as_u16();
    // The reader refuses what reaches its limit.
    let body = response.body_mut().with_config().limit((max as u64).saturating_add(1)).read_to_vec()?;
    Ok(Answer { status, media_type, etag, body })
}

/// An address with a host, without a name or password in it; plain HTTP for this machine only.
pub(crate) fn parse(url: &str) -> Result<Uri, ClientError> {
    let uri: Uri = url.parse().map_err(|_| ClientError::Address("it cannot be read"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(ClientError::Address("it begins with https://"));
    };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(ClientError::Address("it has a host, and no name before it"));
    }
    match scheme {
        "https" => Ok(uri),
        "http" if is_this_machine(authority.host()) => Ok(uri),
        "http" => Err(ClientError::PlainHttp),
        _ => Err(ClientError::Address("it begins with https://")),
    }
}

/// `localhost`, a name under it, or a loopback address.
fn is_this_machine(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    is_localhost(host) || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_localhost(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn certificates(file: &PathBuf) -> Result<Vec<Certificate<'static>>, ClientError> {
    let unusable =
        |cause: &dyn fmt::Display| ClientError::TrustedCertificates(file.clone(), cause.to_string());
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(|e| unusable(&e))?.collect();
    let found = found.map_err(|e| unusable(&e))?;
    if found.is_empty() {
        return Err(unusable(&"there is no certificate in it"));
    }
    Ok(found.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}

fn failure(e: ureq::Error, host: &str, max: usize) -> ClientError {
    match e {
        ureq::Error::Timeout(_) => ClientError::Timeout(host.to_owned()),
        ureq::Error::BodyExceedsLimit(_) => ClientError::TooLong(max),
        ureq::Error::Http(_) => ClientError::Header,
        ureq::Error::BadUri(_) => ClientError::Address("it cannot be read"),
        other => ClientError::Unreachable { host: host.to_owned(), cause: other.to_string() },
    }
}

/// Names under `.localhost` are this machine, whatever a name server says (contract §4).
#[derive(Debug, Default)]
struct Loopback(DefaultResolver);

impl Resolver for Loopback {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let Some(host) = uri.host().filter(|host| is_localhost(host)) else {
            return self.0.resolve(uri, config, timeout);
        };
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let mut found = self.empty();
        tracing::trace!(host, "a name of this machine");
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            found.push(SocketAddr::new(address, port));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for url in [
            "http://localhost",
            "http://LOCALHOST:8080/x",
            "http://forum.localhost:1/v1/requests/0f",
            "http://127.0.0.1:80/",
            "http://127.9.9.9/",
            "http://[::1]:80/",
            "https://id.example/veilpass",
        ] {
            assert!(parse(url).is_ok(), "{url}");
        }
        for url in [
            "http://id.example/",
            "http://localhost.example/",
            "http://notlocalhost/",
            "http://10.0.0.1/",
            "http://[::2]/",
            "http://0.0.0.0/",
            "http://localhost./",
        ] {
            assert_eq!(parse(url), Err(ClientError::PlainHttp), "{url}");
        }
        for url in [
            "",
            "/v1/requests",
            "id.example",
            "ftp://id.example/",
            "file:///etc/passwd",
            "http://localhost@id.example/",
            "https://id.example@other.example/",
            "https://",
            "https://id example/",
        ] {
            assert!(matches!(parse(url), Err(ClientError::Address(_))), "{url}");
        }
    }

    #[test]
    fn the_environment_names_a_proxy() {
        let read = |pairs: &[(&str, &str)]| {
            ProxySettings::from_variables(|name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("HTTP_PROXY", "http://p:1"), ("HTTPS_PROXY", "")]), None);
        let named =
            read(&[("https_proxy", "http://n:geheim@p.example:3128"), ("NO_PROXY", " a.example ,,.b ")])
                .unwrap();
        assert_eq!(named.except, ["a.example", ".b"]);
        assert!(named.proxy().is_ok() && !format!("{named:?}").contains("geheim"));
        assert_eq!(
            read(&[("ALL_PROXY", "http://p:1"), ("HTTPS_PROXY", "http://q:1")]).unwrap().url,
            "http://q:1"
        );
        for bad in ["socks5://p:1", "ftp://p", "http://", "geheim geheim"] {
            let settings = ProxySettings { url: bad.into(), except: Vec::new() };
            assert_eq!(settings.proxy().err(), Some(ClientError::Proxy), "{bad}");
        }
    }

    #[test]
    fn only_a_problem_document_has_a_code() {
        let answer = |media_type: &str, body: &str| Answer {
            status: 404,
            media_type: media_type.into(),
            etag: None,
            body: body.into(),
        };
        let problem = "application/problem+json";
        assert_eq!(answer(problem, r#"{"code":"not_found"}"#).problem_code(), Some("not_found".into()));
        assert_eq!(answer("application/json", r#"{"code":"not_found"}"#).problem_code(), None);
        assert_eq!(answer(problem, r#"{"code":"\u001b[2Jnot"}"#).problem_code(), None);
        assert_eq!(answer(problem, r#"{"code":7}"#).problem_code(), None);
        assert_eq!(answer(problem, "<html>").problem_code(), None);
        // A document that says two things says nothing (found by fuzzing).
        assert_eq!(answer(problem, r#"{"code":"not_found","code":"code_used"}"#).problem_code(), None);
        assert_eq!(answer(problem, r#"["not_found",null]"#).problem_code(), None);
        let detail = answer(problem, r#"{"code":"x","detail":"a\u001b[2Jb"}"#).problem_detail();
        assert_eq!(detail, Some("a[2Jb".into()));
    }
}
