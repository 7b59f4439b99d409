//! `veilpass wallet history`: what was asked, and what became of it.

use super::At;
use crate::outcome::{Failure, Reply};
use serde_json::json;
use veilpass_prover::{HistoryEntry, told};

/// Shows it, oldest first.
pub fn run(at: &At) -> Result<Reply, Failure> {
    let (holder, _) = at.open()?;
    Reply::new(&json!({"history": holder.history()}), table(holder.history()))
}

/// What became of a request, in words.
fn outcome(entry: &HistoryEntry) -> String {
    match (entry.outcome.as_str(), entry.platform.as_deref()) {
        ("answered", Some("accepted")) => "accepted by the site".to_owned(),
        ("answered", Some(code)) => format!("refused by the site ({code})"),
        ("answered", None) => "answered; no reply known".to_owned(),
        ("declined", _) => "you said no".to_owned(),
        (code, _) => format!("not answered ({code})"),
    }
}

fn table(history: &[HistoryEntry]) -> String {
    if history.is_empty() {
        return "No site has asked this wallet yet.".to_owned();
    }
    let row = |entry: &HistoryEntry| {
        let part = if entry.context.as_str().is_empty() {
            String::new()
        } else {
            format!(" “{}”", entry.context.as_str())
        };
        [entry.at.to_string(), outcome(entry), format!("{}{part}", entry.host)]
    };
    let rows: Vec<[String; 3]> = history.iter().map(row).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (at, outcome) = (width(0), width(1));
    let lines = rows.iter().zip(history).map(|([when, what, who], entry)| {
        let asked = told(&entry.predicates).join(" ");
        format!("{when:at$}  {what:outcome$}  {who}\n{:at$}  {asked}", "")
    });
    lines.collect::<Vec<_>>().join("\n")
}
