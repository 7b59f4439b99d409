//! `platform serve`: a platform's configuration in its four layers.

use super::test_mode::{self, LISTEN, TestSettings};
use super::{Configured, Listening, announce, checked, not_in_test_mode, not_listening, over, required};
use crate::authority::failure;
use crate::common::{authority_key, verifying_key};
use crate::outcome::{Failure, Reply};
use clap::Args;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use veilpass_protocol::epoch::{AGE_MAX, GRACE_MAX, MIN_LIVE};
use veilpass_protocol::scope::Host;
use veilpass_server::client::{Client, ClientSettings};
use veilpass_server::http;
use veilpass_server::platform::{
    EPOCHS_EVERY, PlatformKeys, PlatformService, PlatformServiceError, PlatformSettings,
};
use veilpass_server::published::Published;
use veilpass_server::typed;
use veilpass_verifier::{Policy, TooLoose, Verifier};

/// The arguments.
#[derive(Debug, Args)]
pub struct ServePlatform {
    /// Serve a test platform with an authority, people and a wallet, on this machine only; the token is `test`
    #[arg(long)]
    test: bool,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    configured: Configured,
}

/// What only a platform has. The policy can only be stricter than its defaults.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Own {
    /// The platform's folder, made by `platform keygen`
    #[arg(long, value_name = "DIR", env = "VEILPASS_DIR")]
    dir: Option<PathBuf>,
    /// Its host
    #[arg(long, env = "VEILPASS_HOST", value_parser = typed::host)]
    #[serde(deserialize_with = "host")]
    host: Option<Host>,
    /// The authority's vkey line, or a file that holds it
    #[arg(long, value_name = "VKEY", env = "VEILPASS_AUTHORITY")]
    authority: Option<String>,
    /// Where epochs are read from: the authority's address, or a published folder
    #[arg(long, value_name = "URL|DIR", env = "VEILPASS_EPOCHS")]
    epochs: Option<String>,
    /// Seconds between two looks for a new epoch [default: 10]
    #[arg(long, value_name = "S", env = "VEILPASS_EPOCHS_EVERY")]
    epochs_every: Option<u64>,
    /// Certificates that the authority's address is trusted by, PEM [default: the public ones]
    #[arg(long, value_name = "FILE", env = "VEILPASS_CA_FILE")]
    ca: Option<PathBuf>,
    /// Verifying key file [default: the DEV key]
    #[arg(long, value_name = "VK", env = "VEILPASS_KEY")]
    key: Option<PathBuf>,
    /// Seconds for which a request can be answered [default: 300]
    #[arg(long, value_name = "S", env = "VEILPASS_TTL")]
    ttl: Option<u64>,
    /// Seconds for which a replaced epoch is accepted, at most the default [default: 86400]
    #[arg(long, value_name = "S", env = "VEILPASS_GRACE")]
    grace: Option<u64>,
    /// Seconds for which the newest epoch is accepted, at most the default [default: 172800]
    #[arg(long, value_name = "S", env = "VEILPASS_MAX_AGE")]
    max_age: Option<u64>,
    /// Live leaves that an epoch must have, at least the default [default: 1000]
    #[arg(long, value_name = "N", env = "VEILPASS_MIN_LIVE")]
    min_live: Option<u64>,
    /// Accept a development key: its maker can forge proofs
    #[arg(long, env = "VEILPASS_ALLOW_DEV", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    allow_dev: Option<bool>,
}

/// A host in the file, as people write it.
fn host<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Host>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    text.map(|text| typed::host(&text)).transpose().map_err(D::Error::custom)
}

/// The file's layer, and what `--check` prints.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Layer {
    #[serde(flatten)]
    own: Own,
    #[serde(flatten)]
    listening: Listening,
}

impl ServePlatform {
    /// Serves until SIGTERM or Ctrl-C.
    pub async fn run(self) -> Result<Option<Reply>, Failure> {
        let file: Layer = self.configured.file()?;
        let own = over!(
            Own,
            self.own,
            file.own,
            dir,
            host,
            authority,
            epochs,
            epochs_every,
            ca,
            key,
            ttl,
            grace,
            max_age,
            min_live,
            allow_dev
        );
        let listening = self.listening.over(file.listening);
        if self.test {
            let settings = own.test_settings(listening)?;
            if self.configured.check {
                let own = Own { host: Some(settings.host), ttl: Some(settings.ttl), ..Own::default() };
                return checked(&Layer { own, listening: Listening::from(&settings.http) }).map(Some);
            }
            return test_mode::run(settings).await.map(|()| None);
        }
        let settings = own.settings(listening.settings()?)?;
        if self.configured.check {
            settings.http.check().map_err(|e| not_listening(&e))?;
            PlatformKeys::open(&settings.folder).map_err(failure)?;
            let verifier = Verifier::new(settings.policy).with_key(&settings.verifying_key);
            verifier.map_err(|e| Failure::refused(e.code(), &e))?;
            let listening = Listening::from(&settings.http);
            return checked(&Layer { own: own.in_force(&settings), listening }).map(Some);
        }
        http::log::init();
        let service = PlatformService::bind(settings).await.map_err(refused)?;
        announce(service.address(), service.metrics_address())?;
        service.run(http::shutdown_signal()).await.map_err(refused)?;
        Ok(None)
    }
}

impl Own {
    /// Every setting as it is in force.
    fn in_force(self, settings: &PlatformSettings) -> Own {
        let policy = &settings.policy;
        Own {
            epochs_every: Some(settings.epochs_every),
            ttl: Some(settings.ttl),
            grace: Some(policy.grace()),
            max_age: Some(policy.max_age()),
            min_live: Some(policy.min_live()),
            allow_dev: Some(policy.dev_keys_allowed()),
            ..self
        }
    }

    fn policy(&self) -> Result<Policy, Failure> {
        let strict = || -> Result<Policy, TooLoose> {
            Policy::default()
                .with_grace(self.grace.unwrap_or(GRACE_MAX))?
                .with_max_age(self.max_age.unwrap_or(AGE_MAX))?
                .with_min_live(self.min_live.unwrap_or(MIN_LIVE))
        };
        let policy = strict().map_err(|e| Failure::Usage(e.to_string()))?;
        Ok(if self.allow_dev == Some(true) { policy.allowing_dev_keys() } else { policy })
    }

    /// The settings of test mode; every other one is refused by its name.
    fn test_settings(self, listening: Listening) -> Result<TestSettings, Failure> {
        not_in_test_mode(&[
            ("dir", self.dir.is_some()),
            ("authority", self.authority.is_some()),
            ("epochs", self.epochs.is_some()),
            ("epochs-every", self.epochs_every.is_some()),
            ("ca", self.ca.is_some()),
            ("key", self.key.is_some()),
            ("grace", self.grace.is_some()),
            ("max-age", self.max_age.is_some()),
            ("min-live", self.min_live.is_some()),
            ("allow-dev", self.allow_dev.is_some()),
        ])?;
        let http = listening.in_test_mode(LISTEN)?.settings()?;
        let host = self.host.map_or_else(|| typed::host("localhost"), Ok);
        let host = host.map_err(|e| Failure::Usage(format!("--host: {e}")))?;
        let settings = TestSettings { host, http, ttl: at_least_one(self.ttl, 300, "ttl")? };
        settings.check()?;
        Ok(settings)
    }

    fn settings(&self, http: http::Settings) -> Result<PlatformSettings, Failure> {
        let client =
            Client::new(ClientSettings { ca_file: self.ca.clone(), ..ClientSettings::from_environment() });
        let client = client.map_err(|e| Failure::Usage(e.to_string()))?;
        let epochs = Published::new(required(&self.epochs, "epochs")?, client);
        Ok(PlatformSettings {
            folder: required(&self.dir, "dir")?.clone(),
            host: required(&self.host, "host")?.clone(),
            http,
            authority: authority_key(required(&self.authority, "authority")?)?,
            epochs: epochs.map_err(|e| Failure::Usage(format!("--epochs: {e}")))?,
            epochs_every: at_least_one(self.epochs_every, EPOCHS_EVERY, "epochs-every")?,
            verifying_key: verifying_key(self.key.as_ref())?,
            policy: self.policy()?,
            ttl: at_least_one(self.ttl, 300, "ttl")?,
        })
    }
}

fn at_least_one(given: Option<u64>, default: u64, flag: &str) -> Result<u64, Failure> {
    match given {
        Some(0) => Err(Failure::Usage(format!("--{flag} is at least 1 second"))),
        given => Ok(given.unwrap_or(default)),
    }
}

/// Why a platform does not start, or has stopped.
pub fn refused(error: PlatformServiceError) -> Failure {
    match error {
        PlatformServiceError::Folder(e) => failure(e),
        PlatformServiceError::Serve(e) => not_listening(&e),
        PlatformServiceError::Setting(what) => Failure::Usage(what.to_owned()),
        PlatformServiceError::Key(e) => Failure::refused(e.code(), &e),
        PlatformServiceError::Epochs(e) => Failure::refused(e.code(), &e),
        other => Failure::Fault(other.to_string()),
    }
}
