//! What was answered to whom: the pins of W4 and the overrides of W5, per host and context.

use crate::refusal::{MonthOverride, Refusal};
use serde::{Deserialize, Serialize};
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::json::{object, objects};
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::scope::{Context, Host};

/// W4: a new agreement is possible this long after the last one.
pub const AGREEMENT_WAIT: u64 = 30 * 86_400;
/// W4: so many new agreements after the first answer.
pub const MAX_NEW_AGREEMENTS: usize = 4;

/// Predicates that the person agreed to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agreement {
    #[serde(deserialize_with = "object")]
    predicates: Predicates,
    at: Timestamp,
}

/// Everything that one host has had answered in one context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    host: Host,
    context: Context,
    /// In order of time; never two of the same predicates.
    #[serde(deserialize_with = "objects")]
    agreements: Vec<Agreement>,
    /// W5: the month rule was set aside once.
    month_override: bool,
}

/// All pins of a wallet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PinBook(#[serde(deserialize_with = "objects")] Vec<Pin>);

impl PinBook {
    /// W4: the first answered predicates are pinned. What follows from an answered question may be asked
    /// again, because the answer tells nothing new. The first extension, a question that the first one
    /// follows from, may come at once. Every other question needs a new agreement, 30 days after the last one
    /// at the earliest. There are four new agreements at most, the extension included.
    pub(crate) fn judge(
        &self,
        host: &Host,
        context: &Context,
        predicates: &Predicates,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let agreements = self.find(host, context).map_or(&[][..], |pin| &pin.agreements);
        let Some(last) = agreements.last() else { return Ok(()) };
        if agreements.iter().any(|a| follows(predicates, &a.predicates)) {
            return Ok(());
        }
        if let [first] = agreements
            && follows(&first.predicates, predicates)
        {
            return Ok(());
        }
        if agreements.len() > MAX_NEW_AGREEMENTS {
            return Err(Refusal::PredicatesPinned(format!(
                "the site has changed its question {MAX_NEW_AGREEMENTS} times; your wallet answers only the questions from before"
            )));
        }
        let from = last.at.plus(AGREEMENT_WAIT);
        if now < from {
            return Err(Refusal::PredicatesPinned(format!(
                "your wallet can answer the new question from {from} on"
            )));
        }
        Ok(())
    }

    /// Everything that a host has had answered, in whichever context: contexts are the platform's own
    /// names, and what it knows under one it knows under all. The person sees it before agreeing to more.
    pub(crate) fn answered<'a>(&'a self, host: &'a Host) -> impl Iterator<Item = &'a Predicates> {
        let pins = self.0.iter().filter(move |pin| pin.host == *host);
        pins.flat_map(|pin| pin.agreements.iter().map(|a| &a.predicates))
    }

    /// W5: whether the month rule may still be set aside for this host and context.
    pub(crate) fn month_override(&self, host: &Host, context: &Context) -> MonthOverride {
        if self.find(host, context).is_some_and(|pin| pin.month_override) {
            MonthOverride::Used
        } else {
            MonthOverride::Possible
        }
    }

    /// Keeps an answer, before it is sent.
    pub(crate) fn record(
        &mut self,
        host: &Host,
        context: &Context,
        predicates: &Predicates,
        overridden: bool,
        now: Timestamp,
    ) {
        let at = match self.0.iter().position(|pin| pin.host == *host && pin.context == *context) {
            Some(at) => at,
            None => {
                self.0.push(Pin {
                    host: host.clone(),
                    context: context.clone(),
                    agreements: Vec::new(),
                    month_override: false,
                });
                self.0.len() - 1
            }
        };
        if let Some(pin) = self.0.get_mut(at) {
            pin.month_override |= overridden;
            if !pin.agreements.iter().any(|a| follows(predicates, &a.predicates)) {
                pin.agreements.push(Agreement { predicates: predicates.clone(), at: now });
            }
        }
    }

    fn find(&self, host: &Host, context: &Context) -> Option<&Pin> {
        self.0.iter().find(|pin| pin.host == *host && pin.context == *context)
    }
}

/// Whether everything that is asked follows from what was told, on that day and on every later one: the same
/// parts, a lower age, or a later day of enrolment.
fn follows(asked: &Predicates, told: &Predicates) -> bool {
    fn same<T: PartialEq>(asked: Option<T>, told: Option<T>) -> bool {
        asked.is_none() || asked == told
    }
    let any = AgePredicate { at_least: None, below: None };
    let (age, known) = (asked.age.unwrap_or(any), told.age.unwrap_or(any));
    let at_least = age.at_least.is_none_or(|years| known.at_least.is_some_and(|known| years <= known));
    // Not of a higher age: who was below 16 is not below 18 for ever.
    let below = same(age.below, known.below);
    let enrolled = asked
        .enrolled_on_or_before
        .is_none_or(|day| told.enrolled_on_or_before.is_some_and(|known| known <= day));
    at_least
        && below
        && enrolled
        && same(asked.sex, told.sex)
        && same(asked.documents, told.documents)
        && same(asked.nationality, told.nationality)
        && same(asked.province, told.province)
        && same(asked.generation_at_most, told.generation_at_most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn province(n: u8) -> Predicates {
        Predicates { province: Some(n), ..Predicates::valid() }
    }

    fn days(n: u64) -> Timestamp {
        Timestamp::new(1_800_000_000).plus(n * 86_400)
    }

    fn refused(result: Result<(), Refusal>) -> bool {
        result.is_err_and(|e| e.code() == "predicates_pinned")
    }

    #[test]
    fn five_answers_at_most_and_thirty_days_apart() {
        let (host, context): (Host, Context) = ("forum.example".parse().unwrap(), "".parse().unwrap());
        let mut book = PinBook::default();
        assert_eq!(book.judge(&host, &context, &province(11), days(0)), Ok(()));
        book.record(&host, &context, &province(11), false, days(0));
        assert_eq!(book.judge(&host, &context, &province(11), days(1)), Ok(()));
        for n in 1..=4u64 {
            let next = province(11 + n as u8);
            assert!(refused(book.judge(&host, &context, &next, days(30 * n).minus(1))));
            let told: Vec<Predicates> = (11..11 + n as u8).map(province).collect();
            assert_eq!(book.judge(&host, &context, &next, days(30 * n)), Ok(()));
            assert!(book.answered(&host).eq(&told));
            book.record(&host, &context, &next, false, days(30 * n));
        }
        assert!(refused(book.judge(&host, &context, &province(20), days(4000))), "a fifth time");
        assert_eq!(book.judge(&host, &context, &province(12), days(4000)), Ok(()));
    }

    /// Repeating what is known does not move the 30 days.
    #[test]
    fn the_wait_counts_from_the_agreement() {
        let (host, context): (Host, Context) = ("forum.example".parse().unwrap(), "".parse().unwrap());
        let mut book = PinBook::default();
        book.record(&host, &context, &province(11), false, days(0));
        book.record(&host, &context, &province(11), false, days(29));
        assert!(book.judge(&host, &context, &province(12), days(30)).is_ok());
    }

    fn parsed(text: &str) -> Predicates {
        veilpass_protocol::json::parse(text.as_bytes()).unwrap()
    }

    /// The two features of one host that the documents describe, in either order: an 18+ button and a log-in.
    #[test]
    fn a_button_and_a_login_go_together() {
        let (host, context): (Host, Context) = ("forum.example".parse().unwrap(), "".parse().unwrap());
        let (login, button) = (Predicates::valid(), parsed(r#"{"valid":true,"age":{"at_least":18}}"#));
        for order in [[&login, &button], [&button, &login]] {
            let mut book = PinBook::default();
            for predicates in order {
                assert_eq!(book.judge(&host, &context, predicates, days(0)), Ok(()));
                book.record(&host, &context, predicates, false, days(0));
            }
            // Nothing else comes at once, and what was told may be asked for ever.
            assert!(refused(book.judge(&host, &context, &province(44), days(1))));
            for predicates in [&login, &button, &parsed(r#"{"valid":true,"age":{"at_least":16}}"#)] {
                assert_eq!(book.judge(&host, &context, predicates, days(1)), Ok(()));
            }
        }
    }

    #[test]
    fn only_what_was_told_follows() {
        let told = parsed(
            r#"{"valid":true,"age":{"at_least":16,"below":60},"sex":"male","documents":"citizen","nationality":156,
                "province":44,"enrolled_on_or_before":"2026-01-01","generation_at_most":0}"#,
        );
        let new = [
            r#""age":{"at_least":18}"#,
            r#""age":{"below":18}"#,
            r#""sex":"female""#,
            r#""documents":"foreign""#,
            r#""nationality":250"#,
            r#""province":11"#,
            r#""enrolled_on_or_before":"2025-07-01""#,
        ];
        let known = [
            r#""age":{"at_least":14}"#,
            r#""age":{"at_least":16,"below":60}"#,
            r#""sex":"male","province":44"#,
            r#""documents":"citizen","nationality":156"#,
            r#""enrolled_on_or_before":"2026-07-01""#,
            r#""generation_at_most":0"#,
        ];
        for (parts, expected) in [(&new[..], false), (&known[..], true)] {
            for part in parts {
                assert_eq!(
                    follows(&parsed(&format!(r#"{{"valid":true,{part}}}"#)), &told),
                    expected,
                    "{part}"
                );
            }
        }
        assert!(follows(&told, &told) && follows(&Predicates::valid(), &told));
        assert!(!follows(&told, &Predicates::valid()));
    }

    /// The first extension once: a chain of them would collect facts one by one.
    #[test]
    fn a_second_extension_waits() {
        let (host, context): (Host, Context) = ("forum.example".parse().unwrap(), "".parse().unwrap());
        let mut book = PinBook::default();
        let chain = ["", r#","sex":"male""#, r#","sex":"male","province":44"#]
            .map(|more| parsed(&format!(r#"{{"valid":true{more}}}"#)));
        for predicates in &chain[..2] {
            assert_eq!(book.judge(&host, &context, predicates, days(0)), Ok(()));
            book.record(&host, &context, predicates, false, days(0));
        }
        assert!(refused(book.judge(&host, &context, &chain[2], days(30).minus(1))));
        assert_eq!(book.judge(&host, &context, &chain[2], days(30)), Ok(()));
        // It is one of the four: five questions in all.
        for n in 1..=3u64 {
            let next = province(10 + n as u8);
            assert_eq!(book.judge(&host, &context, &next, days(30 * n)), Ok(()));
            book.record(&host, &context, &next, false, days(30 * n));
        }
        assert!(refused(book.judge(&host, &context, &province(20), days(4000))));
    }

    #[test]
    fn values_not_texts_and_each_host_and_context_by_itself() {
        let (host, context): (Host, Context) = ("forum.example".parse().unwrap(), "a".parse().unwrap());
        let adult = |at_least| Predicates {
            age: Some(AgePredicate { at_least, below: None }),
            ..Predicates::valid()
        };
        let mut book = PinBook::default();
        book.record(&host, &context, &adult(Some(18)), true, days(0));
        assert!(refused(book.judge(&host, &context, &province(44), days(0))));
        let below =
            Predicates { age: Some(AgePredicate { at_least: None, below: Some(60) }), ..Predicates::valid() };
        assert!(refused(book.judge(&host, &context, &below, days(0))));
        let (other_host, other_context): (Host, Context) =
            ("bank.example".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(book.judge(&other_host, &context, &adult(Some(16)), days(0)), Ok(()));
        assert_eq!(book.judge(&host, &other_context, &adult(Some(16)), days(0)), Ok(()));
        book.record(&host, &other_context, &adult(Some(16)), false, days(0));
        assert_eq!(book.answered(&host).count(), 2, "what one context knows, the host knows");
        assert_eq!(book.answered(&other_host).count(), 0);
        assert_eq!(book.month_override(&host, &context), MonthOverride::Used);
        assert_eq!(book.month_override(&host, &other_context), MonthOverride::Possible);
        let again: Predicates =
            veilpass_protocol::json::parse(br#"{"age":{"at_least":18},"valid":true}"#).unwrap();
        assert_eq!(book.judge(&host, &context, &again, days(0)), Ok(()));
    }
}
