//! What the commands that talk to a server share: the client, and what its failures mean (contract §1).

use crate::common::read_text;
use crate::outcome::Failure;
use clap::Args;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::time::Duration;
use veilpass_protocol::note::AuthorityKey;
use veilpass_prover::{Source, SourceError};
use veilpass_server::client::{Answer, Client, ClientError, ClientSettings};
use veilpass_server::published::{Published, PublishedError};
use veilpass_server::typed;
use zeroize::Zeroizing;

/// Longest answer to anything but a published file.
const MAX_ANSWER: usize = 64 * 1024;

/// How servers are reached.
#[derive(Debug, Clone, Args)]
pub struct Network {
    /// Certificates (PEM) to trust instead of the web's: for a private certificate authority
    #[arg(long = "ca", value_name = "FILE", env = "VEILPASS_CA_FILE")]
    ca: Option<PathBuf>,
    /// Seconds that an exchange may take
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

impl Network {
    /// The client.
    pub fn client(&self) -> Result<Client, Failure> {
        let timeout = Duration::from_secs(self.timeout);
        let defaults = ClientSettings::from_environment();
        let connect_timeout = defaults.connect_timeout.min(timeout);
        let settings = ClientSettings { connect_timeout, timeout, ca_file: self.ca.clone(), ..defaults };
        Client::new(settings).map_err(|e| failure(&e))
    }
}

/// An authority that is spoken to.
pub struct Authority {
    base: String,
    client: Client,
}

impl Authority {
    /// By its address.
    pub fn at(address: &str, network: &Network) -> Result<Authority, Failure> {
        let base = base(address, "--authority: an address like https://id.example")?;
        Ok(Authority { base, client: network.client()? })
    }

    /// Its address, without a slash at its end.
    pub fn address(&self) -> &str {
        &self.base
    }

    /// Posts a JSON document to one of its routes and reads the answer.
    pub fn post<T: DeserializeOwned>(
        &self,
        route: &str,
        body: &str,
        bearer: Option<&str>,
    ) -> Result<T, Failure> {
        let url = format!("{}{route}", self.base);
        let answer = self.client.post(&url, "application/json", body.as_bytes(), bearer, MAX_ANSWER);
        read(answer.map_err(|e| failure(&e))?)
    }
}

/// A server's address, without a slash at its end; `wrong` says what is expected.
pub fn base(address: &str, wrong: &str) -> Result<String, Failure> {
    let address = typed::address(address);
    if address.contains(['?', '#']) || !address.contains("://") {
        return Err(Failure::Usage(wrong.to_owned()));
    }
    Ok(address.trim_end_matches('/').to_owned())
}

/// The token of `who` ("the registrar"): from a file, else from `VEILPASS_TOKEN`.
pub fn token(file: Option<&Path>, who: &str) -> Result<Zeroizing<String>, Failure> {
    let text = match file {
        Some(file) => read_text(file)?,
        None => std::env::var("VEILPASS_TOKEN").map_err(|_| {
            Failure::Usage(format!(
                "{who}'s token is missing: set VEILPASS_TOKEN, or name a file with --token-file"
            ))
        })?,
    };
    let text = Zeroizing::new(text);
    let token = Zeroizing::new(typed::line(&text).to_owned());
    let sound = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    if sound {
        Ok(token)
    } else {
        Err(Failure::Usage(format!("{who}'s token has characters that no token has")))
    }
}

/// The JSON document of an answer that says it worked.
pub fn read<T: DeserializeOwned>(answer: Answer) -> Result<T, Failure> {
    if !answer.is_success() {
        return Err(refusal(&answer));
    }
    let what = "the server's answer cannot be read";
    if answer.media_type != "application/json" {
        return Err(Failure::Fault(format!("{what}: it is not application/json")));
    }
    // The parser's words may quote what it read.
    veilpass_protocol::json::parse(&answer.body).map_err(|_| Failure::Fault(what.to_owned()))
}

/// No answer: wrong use if the address is none, else exit 3.
pub fn failure(e: &ClientError) -> Failure {
    match e {
        ClientError::Address(_) | ClientError::PlainHttp | ClientError::Header => {
            Failure::Usage(e.to_string())
        }
        ClientError::Unreachable { .. } => {
            Failure::Fault(format!("{e}. Check the address, and whether you are online"))
        }
        _ => Failure::Fault(e.to_string()),
    }
}

/// An answer that says no. A problem document's code is the command's (exit 1); a server that is not
/// available, or speaks otherwise, is a fault (exit 3).
pub fn refusal(answer: &Answer) -> Failure {
    let said = answer.problem_code();
    let code = said.as_deref().and_then(|said| CODES.iter().find(|code| **code == said));
    let detail = answer.problem_detail().unwrap_or_default();
    match code {
        Some(code) => Failure::refused(code, detail),
        None if said.as_deref() == Some("unavailable") => {
            Failure::Fault(format!("the server is not available: {detail}"))
        }
        None => {
            Failure::Fault(format!("the server answered with status {} and no known code", answer.status))
        }
    }
}

/// Every code of contract §7 that a server refuses with. What is in none of its rows is not repeated as
/// if it meant something.
#[rustfmt::skip]
const CODES: &[&str] = &[
    // platforms
    "presentation_syntax", "version_unsupported", "not_canonical", "proof_point", "circuit_unknown",
    "epoch_unknown", "epoch_replaced", "request_expired", "request_replayed", "pseudonym_spent",
    "proof_invalid", "request_syntax", "request_policy", "request_date", "key_syntax", "key_mismatch",
    "key_unsafe", "key_dev", "epochs_syntax", "epoch_signature", "epochs_conflict", "epochs_stale",
    "epochs_from_future", "epoch_below_floor",
    // the authority
    "unauthorised", "document_invalid", "document_used", "person_unknown", "words_differ", "code_unknown",
    "code_used", "code_expired", "commitment_invalid", "commitment_used", "person_pending", "reset_waits",
    "network_number_unknown", "already_removed", "row_syntax", "birth_date", "expires_on", "enrolled_on",
    "attribute_range",
    // any server; `unavailable` is a fault
    "not_found", "too_large", "timeout", "rate_limited",
];

/// The published folder of an authority, on disk or at its address.
pub struct Reader(pub Published);

impl Reader {
    /// From what `--from` says.
    pub fn new(place: &str, network: &Network) -> Result<Reader, Failure> {
        let published = Published::new(place, network.client()?);
        published.map(Reader).map_err(|e| Failure::Usage(format!("--from: {e}")))
    }
}

/// The key that an authority publishes.
pub fn published_key(reader: &Reader) -> Result<AuthorityKey, Failure> {
    let unreadable = |why: String| Failure::Fault(format!("the authority's key cannot be read: {why}"));
    let file = reader.0.file("vkey").map_err(|e| match e {
        PublishedError::Client(e) => failure(&e),
        other => unreadable(other.to_string()),
    })?;
    let file = file.ok_or_else(|| unreadable("it is not published there; check the address".into()))?;
    let text = String::from_utf8(file).map_err(|_| unreadable("it is not text".into()))?;
    typed::line(&text).parse().map_err(|e| unreadable(format!("{e}")))
}

impl Source for Reader {
    fn newest_note(&self) -> Result<String, SourceError> {
        let note = self.0.newest_note().map_err(source_error)?;
        note.ok_or_else(|| SourceError("no epoch has been sealed yet".into()))
    }

    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.file(path).map_err(source_error)
    }
}

fn source_error(e: PublishedError) -> SourceError {
    SourceError(e.to_string())
}
