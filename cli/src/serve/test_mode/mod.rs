//! `platform serve --test`: a platform with an authority, people and a wallet, for engineers who build a site
//! ([ADR 20](../../../../docs/adr/0020-test-mode.md)). Nothing of it is reached without `--test`.

mod form;
mod page;
mod people;
mod routes;
mod stage;
mod wallet;

use super::platform::refused;
use crate::outcome::{Failure, tell};
use stage::{NAME, Stage, TOKEN};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use veilpass_protocol::scope::Host;
use veilpass_server::http;
use veilpass_server::platform::PlatformService;

/// Where it listens, where nothing else is said.
pub const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8444);

/// How it serves.
#[derive(Debug)]
pub struct TestSettings {
    /// The platform's host, a loopback name.
    pub host: Host,
    /// How it listens, on a loopback address.
    pub http: http::Settings,
    /// Seconds until a request expires.
    pub ttl: u64,
}

impl TestSettings {
    /// That only this machine reaches it: everybody can answer as anybody, and the token is public.
    pub fn check(&self) -> Result<(), Failure> {
        if !self.http.listen.ip().to_canonical().is_loopback() {
            return Err(Failure::Usage(format!(
                "--listen {}: test mode listens on loopback addresses only, because everybody who reaches it can \
                 answer as anybody; use {LISTEN}",
                self.http.listen
            )));
        }
        if !self.host.is_loopback() {
            return Err(Failure::Usage(format!(
                "--host {}: test mode takes `localhost` and names that end in `.localhost`",
                self.host
            )));
        }
        Ok(())
    }
}

/// Serves until SIGTERM or Ctrl-C.
pub async fn run(settings: TestSettings) -> Result<(), Failure> {
    let begun = Instant::now();
    settings.check()?;
    http::log::init();
    // Caught from here on, so that whoever ends it while it starts leaves no folder behind.
    let shutdown = http::shutdown_signal();
    let stage = Stage::set(&settings.host, http::now()).await?;
    let served = serve(&stage, settings, begun, shutdown).await;
    served.and(stage.end().await)
}

async fn serve(
    stage: &Stage,
    TestSettings { host, http, ttl }: TestSettings,
    begun: Instant,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let service = PlatformService::bind(stage.platform(host.clone(), http, ttl)).await.map_err(refused)?;
    let address = service.address();
    let base = format!("http://{host}:{}", address.port());
    let service = service.with_test(routes::router(Arc::clone(&stage.wallets), &base));
    let wallets = Arc::clone(&stage.wallets);
    tokio::task::spawn_blocking(move || {
        if let Err(failure) = wallets.warm() {
            tracing::error!("test mode: the proving key cannot be used: {}", failure.detail());
        }
    });
    tracing::warn!(
        ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "test mode: made-up people and a public token; no identity is proved"
    );
    super::announce_test(address)?;
    welcome(&base);
    tokio::select! {
        served = service.run(shutdown) => served.map_err(refused),
        () = stage.keep_fresh() => Ok(()),
    }
}

/// What to try, for people.
fn welcome(base: &str) {
    tell!(
        "Test mode: {NAME} at {base}. The people are made up, and no identity is proved.\n\
         The platform token is `{TOKEN}`. Try:\n\
         \n  curl -s {base}/v1/requests -H 'Authorization: Bearer {TOKEN}' \\\n    \
         -H 'Content-Type: application/json' -d '{{\"predicates\":{{\"valid\":true,\"age\":{{\"at_least\":18}}}}}}'\n  \
         curl -s {base}/test/wallet/adult -H 'Content-Type: application/json' \\\n    \
         -d '{{\"request_uri\":\"<request_uri of the first answer>\"}}'\n  \
         curl -s {base}/v1/requests/<id>/result -H 'Authorization: Bearer <result_token>'\n\
         \nThe people are adult, minor, expired and declines. In a browser the wallet is {base}/test/wallet."
    );
}
