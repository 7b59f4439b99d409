//! `veilpass wallet show`: whose wallet it is, and how things stand; never a secret.

use super::{At, change, home};
use crate::outcome::{Failure, Reply};
use serde_json::json;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::operation::Operation;
use veilpass_prover::{Standing, Wallet as Holder};

/// Shows it.
pub fn run(at: &At) -> Result<Reply, Failure> {
    let (holder, _) = at.open()?;
    let value = json!({
        "credential": change::value(holder.credential())?,
        "epoch": holder.show().epoch,
        "authority": home::value(holder.home()),
    });
    Reply::new(&value, text(at, &holder))
}

fn text(at: &At, holder: &Holder) -> String {
    let mut lines = vec![("Wallet", at.dir.display().to_string())];
    if let Some(home) = holder.home() {
        lines.push(("Authority", home::told(home)));
    }
    if let Some(credential) = holder.credential() {
        lines.extend(of_credential(credential));
    }
    lines.push(("State", state(at, holder)));
    let pending: Vec<&str> = holder.pending().map(Operation::as_str).collect();
    if !pending.is_empty() {
        lines.push(("Waiting", format!("{} (your wallet goes on as before until then)", pending.join(", "))));
    }
    let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name:<16}{value}")).collect();
    lines.join("\n")
}

fn of_credential(credential: &Credential) -> [(&'static str, String); 4] {
    let about = &credential.attributes;
    let expires = about.expires_on.map_or("has no last day".to_owned(), |day| format!("valid until {day}"));
    [
        ("Network Number", credential.network_number.to_string()),
        ("Document", format!("{}, {expires}", about.document_class.to_string().replace('_', " "))),
        ("Born", about.birth_date.to_string()),
        ("Examined", about.enrolled_on.to_string()),
    ]
}

/// How the wallet stands with its authority, and what to do about it.
pub fn state(at: &At, holder: &Holder) -> String {
    let list = holder.show().epoch.map(|epoch| format!(" (number {epoch})")).unwrap_or_default();
    match holder.standing() {
        Standing::Unenrolled => format!("not enrolled. Next: {}", at.command("enrol")),
        Standing::Unsynced => format!("never synced. Next: {}", at.command("sync")),
        Standing::Listed => format!("in the authority's list{list}"),
        Standing::Waiting => format!(
            "not in the authority's list{list} yet. The list is renewed at intervals; sync again later. If it \
             stays so, ask the registrar whether your six words were confirmed."
        ),
        Standing::Removed => format!(
            "no longer in the authority's list{list}. The entry was withdrawn, replaced by another device of yours, or \
             removed by the authority. If you did not do this, ask a registrar."
        ),
    }
}
