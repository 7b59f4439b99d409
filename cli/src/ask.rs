//! `platform ask` and `platform result`: what a platform's own program does at its server (contract §8),
//! from the command line.

use crate::network::{self, Network};
use crate::outcome::{Failure, Reply};
use crate::progress;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use std::path::PathBuf;
use veilpass_protocol::scope::{Context, LinkKind};
use veilpass_server::typed;

/// Longest answer that is read.
const MAX_ANSWER: usize = 64 * 1024;
/// Seconds that the server is asked to wait for an outcome (contract §8), below the time of an exchange.
const WAIT: u64 = 20;

/// Ask a running platform server for a new request.
#[derive(Debug, Args)]
pub struct Ask {
    /// The platform server's address
    #[arg(long, value_name = "URL")]
    platform: String,
    /// A file that holds the platform's token [default: VEILPASS_TOKEN]
    #[arg(long, value_name = "F")]
    token_file: Option<PathBuf>,
    /// What is asked, as JSON: {"valid":true,"age":{"at_least":18}}
    #[arg(long, default_value = r#"{"valid":true}"#)]
    predicates: Box<str>,
    /// none: two visits do not meet; tokens: n pseudonyms a period; account: one lasting pseudonym
    #[arg(long)]
    link: Option<LinkKind>,
    /// A subdivision of the platform, part of the pseudonym's scope
    #[arg(long)]
    context: Option<Context>,
    /// Period of `tokens`
    #[arg(long)]
    period: Option<u64>,
    /// Pseudonyms a period, of `tokens`
    #[arg(long)]
    slots: Option<u32>,
    #[command(flatten)]
    network: Network,
}

/// Read what became of a request.
#[derive(Debug, Args)]
pub struct ResultOf {
    /// The platform server's address
    #[arg(long, value_name = "URL")]
    platform: String,
    /// The request, as `ask` named it
    #[arg(long)]
    id: String,
    /// Its result token, as `ask` gave it
    #[arg(long, env = "VEILPASS_RESULT_TOKEN", hide_env_values = true)]
    token: String,
    #[command(flatten)]
    network: Network,
}

/// What the server is asked for (contract §8).
#[derive(Serialize)]
struct Wanted<'a> {
    predicates: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<LinkKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a Context>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slots: Option<u32>,
}

/// A request that was made (contract §8).
#[derive(Deserialize)]
struct Made {
    id: String,
    result_token: String,
    request_uri: String,
    /// A server in test mode says so.
    #[serde(default)]
    test: bool,
}

/// What became of a request (contract §8).
#[derive(Deserialize, Serialize)]
struct Told {
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pseudonym: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl Ask {
    /// Makes the request, and says how a wallet answers it.
    pub fn run(&self) -> Result<Reply, Failure> {
        let base = network::base(&self.platform, ADDRESS)?;
        let predicates: &RawValue = serde_json::from_str(&self.predicates)
            .map_err(|_| Failure::Usage("--predicates: a JSON object such as {\"valid\":true}".into()))?;
        let body = Wanted {
            predicates,
            link: self.link,
            context: self.context.as_ref(),
            period: self.period,
            slots: self.slots,
        };
        let body = serde_json::to_string(&body).map_err(|e| Failure::fault("writing JSON", e))?;
        let url = format!("{base}/v1/requests");
        let token = network::token(self.token_file.as_deref(), "the platform")?;
        let client = self.network.client()?;
        let answer = client.post(&url, "application/json", body.as_bytes(), Some(&token), MAX_ANSWER);
        let made: Made = network::read(answer.map_err(|e| network::failure(&e))?)?;
        let Made { id, result_token, request_uri, test } = made;
        let answer = match test {
            true => format!(
                "The made-up people answer in a browser at\n\n     {base}/test/wallet?request_uri={request_uri}"
            ),
            false => format!(
                "The wallet answers with\n\n     veilpass wallet present --send --request {request_uri}"
            ),
        };
        let text = format!(
            "{answer}\n\n\
             The result is read with\n\n     \
             veilpass platform result --platform {base} --id {id} --token {result_token}"
        );
        let document = json!({"id": id, "result_token": result_token, "request_uri": request_uri});
        Reply::new(&document, text)
    }
}

impl ResultOf {
    /// Waits for the outcome for some seconds at most, and tells it.
    pub fn run(&self) -> Result<Reply, Failure> {
        let base = network::base(&self.platform, ADDRESS)?;
        let id = typed::line(&self.id);
        // It becomes part of a path.
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Failure::Usage("--id: as `platform ask` named it".into()));
        }
        let url = format!("{base}/v1/requests/{id}/result?wait={WAIT}");
        let client = self.network.client()?;
        let spinner = progress::spinner("waiting for an answer");
        let answer = client.get_as(&url, typed::line(&self.token), MAX_ANSWER);
        spinner.finish_and_clear();
        let told: Told = network::read(answer.map_err(|e| network::failure(&e))?)?;
        let text = match (told.state.as_str(), &told.pseudonym, &told.code) {
            ("accepted", Some(pseudonym), _) => format!("Accepted, under the pseudonym {pseudonym}."),
            ("refused", _, Some(code)) => format!("Refused after five tries, the last with {code}."),
            ("declined", ..) => "Declined: the person, or the wallet, does not answer.".to_owned(),
            ("expired", ..) => "Expired: nobody answered in time. Ask again.".to_owned(),
            ("pending", ..) => "Pending: nobody has answered yet. Type the same again.".to_owned(),
            (other, ..) => format!("The state is {other}."),
        };
        Reply::new(&told, text)
    }
}

/// What `--platform` takes.
const ADDRESS: &str = "--platform: an address like http://127.0.0.1:8444";
