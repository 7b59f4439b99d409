//! `veilpass explain CODE`: what a code means, for a person, a platform's engineer and an operator.

mod table;

use crate::outcome::{Audience, Failure, Reply};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use table::CODES;

/// What a code of contract §7 means.
#[derive(Debug, Serialize)]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// For a person with a wallet: what happened, and what to do.
    pub person: &'static str,
    /// For an engineer of a platform.
    pub engineer: &'static str,
    /// For an operator of a server, and for registrars.
    pub operator: &'static str,
}

/// The arguments.
#[derive(Debug, Args)]
pub struct Explain {
    /// A code such as request_expired; without one, all of them
    code: Option<String>,
    /// The page docs/codes.md
    #[arg(long, conflicts_with = "code")]
    page: bool,
}

/// What a reader is told about a code; nothing for what is not in the table.
pub fn sentence(code: &str, audience: Audience) -> Option<&'static str> {
    let known = CODES.iter().find(|known| known.code == code)?;
    Some(match audience {
        Audience::Person => known.person,
        Audience::Engineer => known.engineer,
        Audience::Operator => known.operator,
    })
}

/// Runs it.
pub fn run(explain: &Explain) -> Result<Reply, Failure> {
    if explain.page {
        return Reply::new(&json!({"page": page()}), page().trim_end());
    }
    let Some(asked) = &explain.code else {
        let names: Vec<&str> = CODES.iter().map(|code| code.code).collect();
        return Reply::new(&json!({"codes": CODES}), names.join("\n"));
    };
    let spelt = asked.trim().to_lowercase().replace('-', "_");
    let Some(code) = CODES.iter().find(|code| code.code == spelt) else {
        return Err(Failure::Usage(format!("there is no code {asked}; `veilpass explain` lists them all")));
    };
    let Code { code: name, person, engineer, operator } = code;
    let text = format!(
        "{name}\n\nfor a person:\n  {person}\n\nfor a platform's engineer:\n  {engineer}\n\nfor an operator or registrar:\n  {operator}"
    );
    Reply::new(code, text)
}

/// The page that is made from the table.
fn page() -> String {
    let mut page = String::from(
        "# Codes\n\nFor everybody who meets a code: what happened, and what to do next. `veilpass explain CODE` says the same. \
         Contract §7 has the codes by whose fault they are.\nThis page is made by `veilpass explain --page > docs/codes.md`.\n\n\
         | code | for a person | for a platform's engineer | for an operator or registrar |\n|---|---|---|---|\n",
    );
    for Code { code, person, engineer, operator } in CODES {
        page += &format!("| `{code}` | {person} | {engineer} | {operator} |\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The codes of contract §7, as the page writes them.
    fn contract() -> BTreeSet<String> {
        let text = include_str!("../../../docs/spec/contract.md");
        let section = text.split("## 7. Codes").nth(1).unwrap().split("## 8.").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
        let code = |text: &&str| {
            text.contains('_') || ["declined", "unauthorised", "timeout", "unavailable"].contains(text)
        };
        let parameters = ["response_uri", "valid_on"];
        let codes = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
        codes.filter(code).filter(|text| !parameters.contains(text)).map(str::to_owned).collect()
    }

    #[test]
    fn the_table_has_the_codes_of_the_contract() {
        let ours: BTreeSet<String> = CODES.iter().map(|code| code.code.to_owned()).collect();
        assert_eq!(ours.len(), CODES.len(), "each stands here once");
        assert_eq!(ours, contract());
        assert!(
            veilpass_prover::Refusal::CODES.iter().all(|code| sentence(code, Audience::Person).is_some())
        );
    }

    #[test]
    fn the_page_is_the_table() {
        let there = include_str!("../../../docs/codes.md");
        assert!(there == page(), "run `veilpass explain --page > docs/codes.md`");
    }

    /// Words of the protocol are not words for people, and sentences are short.
    #[test]
    fn people_read_plain_sentences() {
        let words = [
            "leaf",
            "epoch",
            "nullifier",
            "pseudonym",
            "commitment",
            "root",
            "proof",
            "circuit",
            "predicate",
        ];
        for Code { code, person, engineer, operator } in CODES {
            let lower = person.to_lowercase();
            assert!(words.iter().all(|word| !lower.contains(word)), "{code}: {person}");
            for text in [person, engineer, operator] {
                assert!(text.ends_with('.') && !text.contains('|'), "{code}: {text}");
                let longest =
                    text.split_inclusive(['.', ';', ':']).map(|s| s.split_whitespace().count()).max();
                assert!(longest.unwrap_or(0) <= 25, "{code}: {text}");
            }
        }
    }
}
