//! What a request would tell, in plain words: shown before the person agrees.

use crate::names::{country, province};
use veilpass_circuits::Clause;
use veilpass_circuits::attest::clauses;
use veilpass_protocol::attributes::DocumentGroup;
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::scope::{LinkKind, ScopeParameters};

/// One sentence for each thing that an answer to these predicates tells.
pub fn told(predicates: &Predicates) -> Vec<String> {
    let age = predicates.age.as_ref();
    let group = |g: DocumentGroup| match g {
        DocumentGroup::Citizen => "a resident identity card or national passport",
        DocumentGroup::Foreign => "a foreign passport or a permanent residence card",
        DocumentGroup::Compatriot => "a permit for residents of Hong Kong, Macao or Taiwan",
    };
    let sentences = [
        Some("You hold a valid identity.".to_owned()),
        age.and_then(|a| a.at_least).map(|n| format!("You are {n} or older.")),
        age.and_then(|a| a.below).map(|n| format!("You are younger than {n}.")),
        predicates.sex.map(|s| format!("Your document states your sex as `{s}`.")),
        predicates.documents.map(|g| format!("Your document is {}.", group(g))),
        predicates.nationality.map(|n| match country(n) {
            Some(name) => format!("Your nationality is that of {name} ({n:03})."),
            None => format!("Your nationality is {n:03} (ISO 3166-1)."),
        }),
        predicates.province.map(|p| match province(p) {
            Some(name) => format!("Your document is from {name} ({p:02})."),
            None => format!("Your document is from province {p:02} (GB/T 2260)."),
        }),
        predicates.enrolled_on_or_before.map(|d| format!("You have been enrolled since {d} or longer.")),
        predicates.generation_at_most.map(|n| match n {
            0 => "You never had another identity here.".to_owned(),
            n => format!("You had at most {n} other identities here."),
        }),
    ];
    sentences.into_iter().flatten().collect()
}

/// The part of a question that is not true for the person, by the clause that fails (protocol.md).
pub(crate) fn unmet(clause: Clause) -> &'static str {
    match clause {
        clauses::S6 => "the validity of your document on that day",
        clauses::S7 => "your age",
        clauses::S8 => "the day of your enrolment",
        clauses::S9 => "the number of your earlier identities",
        clauses::S10 => "the sex in your document",
        clauses::S11 => "the kind of your document",
        clauses::S12 => "your nationality",
        clauses::S13 => "the province of your document",
        // The wallet's own values: they hold for every credential that it could explain.
        _ => "your wallet's own data",
    }
}

/// What several answers tell together (W4): every sentence once.
pub(crate) fn told_by_all<'a>(answers: impl IntoIterator<Item = &'a Predicates>) -> Vec<String> {
    let mut union = Vec::new();
    for sentence in answers.into_iter().flat_map(told) {
        if !union.contains(&sentence) {
            union.push(sentence);
        }
    }
    union
}

/// What the pseudonym lets the asker do.
pub(crate) fn linked(parameters: &ScopeParameters) -> String {
    match parameters.link {
        LinkKind::Account => "It will recognise you on every visit.".to_owned(),
        LinkKind::Tokens => format!(
            "It will recognise you within period {} unless you use one of {} tokens each time.",
            parameters.period, parameters.slots
        ),
        LinkKind::None => "It will not recognise you on another visit.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Predicates {
        veilpass_protocol::json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_predicate_is_said() {
        let all = read(
            r#"{"valid":true,"age":{"at_least":16,"below":60},"sex":"female","documents":"foreign","nationality":36,"province":44,"enrolled_on_or_before":"2026-01-01","generation_at_most":0}"#,
        );
        let words = told(&all).join("\n");
        assert_eq!(told(&all).len(), 9);
        for part in [
            "16 or older",
            "younger than 60",
            "female",
            "foreign passport",
            "Australia (036)",
            "Guangdong (44)",
            "2026-01-01",
            "never had another",
        ] {
            assert!(words.contains(part), "{part}");
        }
        assert_eq!(told(&Predicates::valid()), ["You hold a valid identity."]);
    }

    #[test]
    fn a_union_says_nothing_twice() {
        let (adult, woman) =
            (read(r#"{"valid":true,"age":{"at_least":18}}"#), read(r#"{"valid":true,"sex":"female"}"#));
        assert_eq!(told_by_all([&adult, &woman, &adult]).len(), 3);
    }
}
