//! Enrolling, renewing, rotating, resetting and withdrawing at an authority (protocol.md, "Enrolment and
//! the life of a credential").

use super::home::{self, Met, meet};
use super::key::drop_prepared;
use super::{At, agree, refusal};
use crate::common::{document, terminal};
use crate::network::{Authority, Network};
use crate::outcome::{Failure, Reply, tell};
use clap::Args;
use rand::rngs::OsRng;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::identity::pairing_words;
use veilpass_protocol::json::object;
use veilpass_protocol::operation::Operation;
use veilpass_prover::{CodeHash, Taken, Wallet as Holder};
use veilpass_server::typed;
use zeroize::Zeroizing;

/// With which code at which authority.
#[derive(Debug, Args)]
pub struct Redeem {
    /// The authority's address; after the first time the wallet remembers it
    #[arg(long, value_name = "URL")]
    pub authority: Option<String>,
    /// The code that the registrar gave; case, dashes and spaces do not count. Without it the wallet asks, and
    /// nobody else on this machine sees it
    #[arg(long, env = "VEILPASS_CODE", hide_env_values = true)]
    pub code: Option<String>,
    #[command(flatten)]
    pub network: Network,
}

/// The authority's answer (contract §8).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enrolled {
    #[serde(deserialize_with = "object")]
    credential: Credential,
    words: [String; 6],
}

/// Takes a credential from a file, as imports give them.
pub fn from_file(at: &At, credential: &Path) -> Result<Reply, Failure> {
    let _lock = at.lock()?;
    let (mut holder, passphrase) = at.open()?;
    holder.enrol(&document(credential)?).map_err(|e| refusal(&e))?;
    at.save_wallet(&holder, &passphrase)?;
    at.save_state(&holder)?;
    let words = holder.words();
    let text = format!(
        "The wallet has your entry. Its six words are\n\n     {}\n\nNext: veilpass wallet sync --from PLACE. PLACE is the address of your authority, or a folder with what it published; \
         with a folder add --authority FOLDER/vkey.",
        words.join(" ")
    );
    Reply::new(&json!({"credential": value(holder.credential())?, "words": words}), text)
}

/// Redeems a code for an operation.
pub fn redeem(at: &At, operation: Operation, with: &Redeem) -> Result<Reply, Failure> {
    // What is wrong with the arguments is said before the passphrase is asked for.
    with.authority.as_deref().map(|address| Authority::at(address, &with.network)).transpose()?;
    let typed = code(with.code.as_deref())?;
    let _lock = at.lock()?;
    let (mut holder, passphrase) = at.open()?;
    let Met { authority, home } = meet(&holder, with.authority.as_deref(), &with.network)?;
    let new_home = holder.settle_at(home.clone()).map_err(|e| refusal(&e))?;
    if operation == Operation::Enrol && holder.is_live() {
        let what =
            "this wallet is enrolled: renew, rotate or reset it, or make another one for another person";
        return Err(Failure::Usage(what.into()));
    }
    drop_prepared(at);
    let code = CodeHash::of(&typed);
    let commitments = holder.begin(operation, code, &mut OsRng);
    // Before anything is sent: whatever dies now, the same code gives the same commitments again.
    at.save_state(&holder)?;
    let credential = match ask(&authority, &typed, commitments) {
        Ok(credential) => credential,
        Err(failure) => {
            // Of such a code nothing was accepted, so nothing of it need be kept.
            if matches!(failure, Failure::Refused { code: "code_unknown" | "code_expired", .. }) {
                holder.forget(operation, code);
                at.save_state(&holder)?;
            }
            return Err(failure);
        }
    };
    let taken = holder.take(operation, code, credential.to_json().as_bytes()).map_err(|e| refusal(&e))?;
    if taken == Taken::Current || new_home {
        at.save_wallet(&holder, &passphrase)?;
    }
    at.save_state(&holder)?;
    let words = pairing_words(&commitments.0, &commitments.1);
    let state = match operation {
        Operation::Enrol => "You are NOT enrolled yet.".to_owned(),
        other => format!("The {other} is NOT in force yet."),
    };
    let until = match taken {
        Taken::Current => "",
        Taken::Waiting => "\n   Until then your wallet goes on as before.",
    };
    let text = format!(
        "The authority has answered. {state}\n\n\
         1. Read these six words to the registrar, who confirms them:\n\n     {}\n\n\
         2. The registrar gave you six words for the authority. They must be these:\n\n     {}\n\n   \
         If they differ, stop: you reached another authority. Ask the registrar for the right address.\n\n\
         3. The authority's list is renewed at intervals, often once an hour. Then type\n\n     {}\n\n   \
         It says when you are in the list.{until}",
        words.join(" "),
        home::told(&home),
        at.command("sync")
    );
    let authority = home::value(Some(&home));
    Reply::new(
        &json!({"credential": value(Some(&credential))?, "words": words, "authority": authority}),
        text,
    )
}

/// The code as the authority takes it; asked for where it is not given.
fn code(given: Option<&str>) -> Result<Zeroizing<String>, Failure> {
    let asked;
    let text = match given {
        Some(text) => text,
        None if terminal() => {
            asked = Zeroizing::new(crate::common::ask("The code that the registrar gave you: ")?);
            &asked
        }
        None => {
            return Err(Failure::Usage("the registrar's code is missing: --code, or VEILPASS_CODE".into()));
        }
    };
    typed::code(text)
        .map(Zeroizing::new)
        .map_err(|e| Failure::Usage(format!("the code cannot be read: {e}; nothing was sent")))
}

/// Sends code and commitments; the credential, if the words beside it are those of the commitments.
fn ask(authority: &Authority, code: &str, (c, d): (Fr, Fr)) -> Result<Credential, Failure> {
    let body = json!({"code": code, "identity_commitment": to_hex(&c), "device_commitment": to_hex(&d)});
    let body = Zeroizing::new(body.to_string());
    let answer: Enrolled = authority.post("/v1/enrolments", &body, None)?;
    if answer.words.each_ref().map(String::as_str) != pairing_words(&c, &d) {
        let what = "the authority's words are not those of what this wallet sent: somebody is in between";
        return Err(Failure::refused("words_differ", what));
    }
    Ok(answer.credential)
}

/// A removal or withdrawal that was noted (contract §8).
#[derive(Deserialize)]
struct Noted {
    network_number: String,
    state: String,
}

/// Withdraws.
pub fn withdraw(at: &At, given: Option<&str>, network: &Network, yes: bool) -> Result<Reply, Failure> {
    if !yes && !terminal() {
        return Err(Failure::Usage(
            "there is no terminal to ask you on, so nothing was sent. Add --yes to agree without being asked"
                .into(),
        ));
    }
    given.map(|address| Authority::at(address, network)).transpose()?;
    let _lock = at.lock()?;
    let (mut holder, _) = at.open()?;
    let none = || Failure::refused("not_enrolled", "this wallet was never enrolled");
    let bodies = holder.withdrawals();
    let number = number(&holder).filter(|_| !bodies.is_empty()).ok_or_else(none)?;
    let Met { authority, home } = meet(&holder, given, network)?;
    holder.settle_at(home).map_err(|e| refusal(&e))?;
    if !yes {
        tell!(
            "The entry with your Network Number {number} will be removed. Then no site accepts this wallet any \
             more. You can come back with a reset: it takes days, and sites will not recognise you."
        );
        if !agree("Withdraw?")? {
            return Err(Failure::refused("declined", "nothing was sent"));
        }
    }
    drop_prepared(at);
    let mut noted: Result<Noted, Failure> = Err(none());
    for (_, body) in &bodies {
        noted = authority.post("/v1/withdrawals", body, None);
        // Which of two secrets counts depends on what the registrar has confirmed.
        if !matches!(&noted, Err(Failure::Refused { code: "unauthorised", .. })) {
            break;
        }
    }
    let noted = noted?;
    let ours = bodies.iter().any(|(number, _)| number.as_str() == noted.network_number);
    if !ours || noted.state != "pending" {
        return Err(Failure::Fault("the authority's answer is about something else".into()));
    }
    let number = noted.network_number;
    let text = format!(
        "{number} is withdrawn. The entry leaves the list when the list is renewed, often within an hour."
    );
    Reply::new(&json!({"network_number": number, "state": "pending"}), text)
}

fn number(holder: &Holder) -> Option<String> {
    holder.credential().map(|credential| credential.network_number.to_string())
}

/// A credential as a JSON value.
pub fn value(credential: Option<&Credential>) -> Result<Option<Value>, Failure> {
    let text = credential.map(Credential::to_json);
    text.map(|t| serde_json::from_str(&t)).transpose().map_err(|e| Failure::fault("the credential", e))
}
