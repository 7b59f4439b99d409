//! `authority serve`: the authority's configuration in its four layers.

use super::{Configured, Listening, announce, checked, not_listening, over};
use crate::authority::failure;
use crate::outcome::{Failure, Reply};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use veilpass_server::authority::{Authority, AuthorityService, AuthorityServiceError, AuthoritySettings};
use veilpass_server::http;

/// Seconds between two seals, where nothing else is said.
const SEAL_EVERY: u64 = 3600;

/// The arguments.
#[derive(Debug, Args)]
pub struct ServeAuthority {
    /// The authority's folder
    #[arg(long)]
    dir: PathBuf,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    configured: Configured,
}

/// What only an authority has.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Own {
    /// Seconds between two seals; 0: only on demand, by `authority seal` [default: 3600]
    #[arg(long, value_name = "S", env = "VEILPASS_SEAL_EVERY")]
    seal_every: Option<u64>,
}

/// The file's layer, and what `--check` prints.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Layer {
    seal_every: Option<u64>,
    #[serde(flatten)]
    listening: Listening,
}

impl ServeAuthority {
    /// Serves until SIGTERM or Ctrl-C.
    pub async fn run(self) -> Result<Option<Reply>, Failure> {
        let file: Layer = self.configured.file()?;
        let lower = Own { seal_every: file.seal_every };
        let own = over!(Own, self.own, lower, seal_every);
        let http = self.listening.over(file.listening).settings()?;
        let seal_every = own.seal_every.unwrap_or(SEAL_EVERY);
        if self.configured.check {
            let registry = Authority::open(&self.dir).await.map_err(failure)?;
            registry.close().await;
            http.check().map_err(|e| not_listening(&e))?;
            let listening = Listening::from(&http);
            return checked(&Layer { seal_every: Some(seal_every), listening }).map(Some);
        }
        http::log::init();
        let settings = AuthoritySettings { folder: self.dir, http, seal_every };
        let service = AuthorityService::bind(settings).await.map_err(refused)?;
        announce(service.address(), service.metrics_address())?;
        service.run(http::shutdown_signal()).await.map_err(refused)?;
        Ok(None)
    }
}

fn refused(error: AuthorityServiceError) -> Failure {
    match error {
        AuthorityServiceError::Registry(e) => failure(e),
        AuthorityServiceError::Serve(e) => not_listening(&e),
        other => Failure::Fault(other.to_string()),
    }
}
