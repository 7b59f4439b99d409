//! `veilpass registrar`: what somebody does who examines documents at a desk (contract §8).

use crate::common::{ask, read, terminal};
use crate::network::{self, Authority, Network, Reader, published_key};
use crate::out::Out;
use crate::outcome::{Failure, Form, Reply, check_kept};
use clap::{Args, Subcommand};
use qrcode::render::unicode::Dense1x2;
use qrcode::{Color, QrCode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::identity::authority_words;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::operation::Operation;
use veilpass_server::files::Access;
use veilpass_server::typed;
use zeroize::Zeroizing;

/// What a registrar does.
#[derive(Debug, Subcommand)]
pub enum Registrar {
    /// File an application for a person whose document was examined; gives the code for their wallet
    Apply {
        #[command(flatten)]
        at: Desk,
        /// enrol, renew, rotate or reset
        #[arg(long)]
        operation: Operation,
        /// The document as JSON (`document` of contract §8): a file, or - for standard input
        #[arg(long, value_name = "FILE|-")]
        document: PathBuf,
        /// A file that gets the code as a QR code (SVG); - is standard output
        #[arg(long, value_name = "OUT.svg|-")]
        qr: Option<Out>,
    },
    /// Confirm an application, with the six words that the person's wallet shows
    Confirm {
        #[command(flatten)]
        at: Desk,
        /// The application, as `apply` named it
        #[arg(long, value_name = "ID")]
        application: String,
        /// The six words, with anything between them; asked for where they are not given
        #[arg(long)]
        words: Option<String>,
    },
    /// Remove somebody with the next epoch
    Remove {
        #[command(flatten)]
        at: Desk,
        /// Whom
        #[arg(long, value_parser = typed::network_number)]
        network_number: NetworkNumber,
        /// Why: it is counted in the epoch
        #[arg(long, value_name = "CLASS")]
        reason: RemovalReason,
    },
}

/// At which authority, and as whom (`VEILPASS_TOKEN`, or a file).
#[derive(Debug, Args)]
pub struct Desk {
    /// The authority's address
    #[arg(long, value_name = "URL")]
    authority: String,
    /// A file that holds the registrar's token
    #[arg(long, value_name = "F")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    network: Network,
}

/// Longest document that is read.
const MAX_DOCUMENT: usize = 8 * 1024;

impl Desk {
    fn authority(&self) -> Result<Authority, Failure> {
        Authority::at(&self.authority, &self.network)
    }

    fn token(&self) -> Result<Zeroizing<String>, Failure> {
        network::token(self.token_file.as_deref(), "the registrar")
    }
}

/// An application that was filed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filed {
    application: String,
    code: String,
    expires_at: Timestamp,
}

/// Runs one of them.
pub fn run(command: Registrar, form: Form) -> Result<Option<Reply>, Failure> {
    let reply = match command {
        Registrar::Apply { at, operation, document, qr } => {
            return apply(&at, operation, &document, qr.as_ref(), form);
        }
        Registrar::Confirm { at, application, words } => confirm(&at, &application, words.as_deref()),
        Registrar::Remove { at, network_number, reason } => {
            let (authority, token) = (at.authority()?, at.token()?);
            let body = json!({"network_number": network_number, "reason": reason});
            let noted: serde_json::Value = authority.post("/v1/removals", &body.to_string(), Some(&token))?;
            Reply::new(&noted, format!("{network_number} leaves the list when it is renewed ({reason})."))
        }
    };
    reply.map(Some)
}

impl Registrar {
    /// The output that the person names.
    pub fn out(&self) -> Option<&Out> {
        match self {
            Registrar::Apply { qr, .. } => qr.as_ref(),
            _ => None,
        }
    }
}

fn apply(
    at: &Desk,
    operation: Operation,
    document: &Path,
    qr: Option<&Out>,
    form: Form,
) -> Result<Option<Reply>, Failure> {
    check_kept(form)?;
    let (authority, token) = (at.authority()?, at.token()?);
    let body = application(operation, &Zeroizing::new(read(document)?))?;
    let key = published_key(&Reader::new(authority.address(), &at.network)?)?;
    let filed: Filed = authority.post("/v1/applications", &body, Some(&token))?;
    let code = QrCode::new(&filed.code).map_err(|e| Failure::fault("the QR code", e))?;
    let Filed { application, code: text, expires_at } = filed;
    let (address, words) = (authority.address(), authority_words(&key).join(" "));
    let shown = format!(
        "{}\nThe code for the person, until {expires_at}:\n\n     {text}\n\n\
         1. The person types\n\n     veilpass wallet {operation} --authority {address} --code {text}\n\n   \
         and compares the authority's six words with these. Give them to the person:\n\n     {words}\n\n\
         2. The wallet shows six words of its own. Confirm them:\n\n     \
         veilpass registrar confirm --authority {address}{} --application {application}",
        drawn(&code),
        at.token_file.as_ref().map(|file| format!(" --token-file {}", file.display())).unwrap_or_default()
    );
    let reply =
        Reply::new(&json!({"application": application, "code": text, "expires_at": expires_at}), shown)?;
    // The code first: a picture that cannot be written must not cost it.
    reply.show_once(form).map_err(|e| {
        Failure::Fault(format!("{}; the code was not shown: file the application again", e.detail()))
    })?;
    qr.map_or(Ok(()), |out| out.write(svg(&code).as_bytes(), Access::Private))?;
    Ok(None)
}

/// The body of an application; the document passes through as it was written.
fn application(operation: Operation, document: &[u8]) -> Result<Zeroizing<String>, Failure> {
    // What is wrong in it is not repeated: it is about a person.
    let wrong = || Failure::Usage("--document: a JSON object of at most 8 KiB".into());
    if document.len() > MAX_DOCUMENT {
        return Err(wrong());
    }
    let raw: &RawValue = serde_json::from_slice(document).map_err(|_| wrong())?;
    if !raw.get().starts_with('{') {
        return Err(wrong());
    }
    let mut body = Zeroizing::new(String::with_capacity(64 + raw.get().len()));
    for part in [r#"{"operation":""#, operation.as_str(), r#"","document":"#, raw.get(), "}"] {
        body.push_str(part);
    }
    Ok(body)
}

fn confirm(at: &Desk, application: &str, words: Option<&str>) -> Result<Reply, Failure> {
    let application = typed::line(application).to_ascii_lowercase();
    // It becomes part of a path.
    if application.is_empty() || !application.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Failure::Usage("--application: as `apply` named it".into()));
    }
    let words = match words {
        Some(words) => typed::words(words),
        None if terminal() => typed::words(&ask("The six words that the person's wallet shows: ")?),
        None => return Err(Failure::Usage("the six words are missing: --words".into())),
    };
    if words.len() != 6 {
        let what =
            format!("the wallet shows six words, and {} were typed; nothing was confirmed", words.len());
        return Err(Failure::Usage(what));
    }
    let (authority, token) = (at.authority()?, at.token()?);
    let route = format!("/v1/applications/{application}/confirm");
    let confirmed: serde_json::Value =
        authority.post(&route, &json!({"words": words}).to_string(), Some(&token))?;
    Reply::new(
        &confirmed,
        "Confirmed. The person is in the list when it is renewed. (A reset waits for about two days.)",
    )
}

/// The code in block characters. Terminals write light on dark, so what is light in a QR code is drawn.
fn drawn(code: &QrCode) -> String {
    code.render().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build()
}

/// The code as a drawing: one path of unit squares in a quiet zone of four.
fn svg(code: &QrCode) -> String {
    let width = code.width();
    let side = width + 8;
    let mut path = String::new();
    for (i, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            // Writing into a String cannot fail.
            let _ = write!(path, "M{} {}h1v1h-1z", i % width + 4, i / width + 4);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\"/></svg>\n"
    )
}
