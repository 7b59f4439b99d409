//! `veilpass platform`: a platform's keys and requests, on folders and files.

use crate::ask::{Ask, ResultOf};
use crate::authority::{failure, void};
use crate::backup::{Backup, Restore};
use crate::common::{Clock, run_server, verifying_key};
use crate::out::Out;
use crate::outcome::{Failure, Form, Reply};
use crate::serve::ServePlatform;
use clap::Subcommand;
use rand::rngs::OsRng;
use serde_json::json;
use std::path::PathBuf;
use veilpass_protocol::scope::{Context, Host, LinkKind};
use veilpass_server::files::Access;
use veilpass_server::platform::{PlatformKeys, RequestOptions, predicates_from_json};
use veilpass_server::typed;
use veilpass_verifier::VerifyingKey;

/// What a platform does.
#[derive(Debug, Subcommand)]
pub enum Platform {
    /// Make the key that signs requests, and the token for the platform's own service
    Keygen {
        /// Folder, which must be absent or empty
        #[arg(long)]
        dir: PathBuf,
    },
    /// Make a new API token; the one before is void at once, also at a server that runs
    Token {
        /// The platform's folder
        #[arg(long)]
        dir: PathBuf,
        /// Make one; there is nothing else to do with tokens
        #[arg(long, required = true)]
        new: bool,
    },
    /// Write a request
    Request {
        /// The platform's host
        #[arg(long, value_parser = typed::host)]
        host: Host,
        /// Verifying key file that will check the answer [default: the DEV key]
        #[arg(long)]
        key: Option<PathBuf>,
        /// What is asked, as JSON: {"valid":true,"age":{"at_least":18}}
        #[arg(long)]
        predicates: String,
        /// none: two visits do not meet; tokens: n pseudonyms a period; account: one lasting pseudonym
        #[arg(long, default_value = "none")]
        link: LinkKind,
        /// A subdivision of the platform, part of the pseudonym's scope
        #[arg(long, default_value = "")]
        context: Context,
        /// Period of `tokens`
        #[arg(long)]
        period: Option<u64>,
        /// Pseudonyms a period, of `tokens`
        #[arg(long)]
        slots: Option<u32>,
        /// Where the answer goes [default: https://HOST/v1/requests/ID/presentation]
        #[arg(long)]
        response_uri: Option<String>,
        /// Seconds until the request expires
        #[arg(long, default_value_t = 300)]
        ttl: u64,
        /// Sign with the key in this platform's folder
        #[arg(long, value_name = "DIR")]
        sign: Option<PathBuf>,
        /// The file that gets the request: JSON, or a compact JWS with --sign; - is standard output
        #[arg(long, value_name = "FILE|-")]
        out: Out,
        #[command(flatten)]
        clock: Clock,
    },
    /// Ask at a running platform server: makes a request that a wallet can answer
    Ask(Ask),
    /// Read at a running platform server what became of a request
    Result(ResultOf),
    /// Write keys and database into one encrypted file, also while the platform serves
    Backup(Backup),
    /// Make a folder of a backup
    Restore(Restore),
    /// Serve requests, presentations and results over HTTP; reads new epochs by itself
    Serve(Box<ServePlatform>),
}

impl Platform {
    /// The output that the person names.
    pub fn out(&self) -> Option<&Out> {
        match self {
            Platform::Request { out, .. } => Some(out),
            Platform::Backup(backup) => Some(backup.out()),
            _ => None,
        }
    }
}

/// Runs one of them.
pub fn run(command: Platform, form: Form) -> Result<Option<Reply>, Failure> {
    let reply = match command {
        Platform::Ask(ask) => ask.run(),
        Platform::Result(result) => result.run(),
        Platform::Serve(serve) => return run_server(serve.run()),
        Platform::Backup(backup) => run_server(backup.platform()),
        Platform::Restore(restore) => run_server(restore.platform()),
        Platform::Keygen { dir } => {
            let draft = PlatformKeys::draft(&dir, &mut OsRng).map_err(failure)?;
            let made = draft.new_platform();
            let text = format!("key for the directory: {}\ntoken, shown this once: {}", made.key, made.token);
            Reply::new(&json!({"key": made.key, "token": made.token}), text)?.show_once(form)?;
            draft.keep().map_err(|e| void(&e))?;
            return Ok(None);
        }
        Platform::Token { dir, new: _ } => {
            let new = PlatformKeys::open(&dir).map_err(failure)?.new_token(&mut OsRng);
            let text = format!("new token, shown this once; the one before is void:\n{}", new.token);
            Reply::new(&json!({"token": new.token}), text)?.show_once(form)?;
            new.keep().map_err(|e| void(&e))?;
            return Ok(None);
        }
        Platform::Request {
            host,
            key,
            predicates,
            link,
            context,
            period,
            slots,
            response_uri,
            ttl,
            sign,
            out,
            clock,
        } => {
            let key = VerifyingKey::from_bytes(&verifying_key(key.as_ref())?);
            let key = key.map_err(|e| Failure::refused(e.code(), &e))?;
            let predicates =
                predicates_from_json(&predicates).map_err(|e| Failure::refused("request_syntax", e))?;
            let mut options = RequestOptions::new(host, key.circuit_id(), predicates);
            options.link = link;
            options.context = context;
            options.period = period;
            options.slots = slots;
            options.response_uri = response_uri;
            options.ttl = ttl;
            let keys = sign.as_deref().map(PlatformKeys::open).transpose().map_err(failure)?;
            let made = options.make(keys.as_ref(), clock.now()?, &mut OsRng).map_err(failure)?;
            out.write(made.text().as_bytes(), Access::Public)?;
            let what = if made.signed.is_some() { "signed request" } else { "request" };
            let text = format!("{what} of {} in {out}, until {}", made.request.rp, made.request.expires_at);
            Ok(Reply::raw(made.request.to_json(), text))
        }
    };
    reply.map(Some)
}
