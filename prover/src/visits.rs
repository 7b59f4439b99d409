//! Which platforms were answered, and how they asked: what a wallet prepares answers for.

use serde::{Deserialize, Serialize};
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::json::{object, objects};
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::request::{NewRequest, Request};
use veilpass_protocol::scope::{Context, Host, LinkKind, ScopeParameters};

/// Answers that are kept ready: as many as platforms, parts of platforms or sets of predicates, the ones that were
/// answered last. Each takes some hundredths of a second once for every epoch and day, and 644 bytes.
pub const MAX_PREPARED: usize = 16;

/// How a platform asked when it was answered last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Visit {
    pub(crate) circuit: CircuitId,
    pub(crate) host: Host,
    pub(crate) context: Context,
    pub(crate) link: LinkKind,
    pub(crate) slots: u32,
    /// Of that answer.
    pub(crate) period: u64,
    #[serde(deserialize_with = "object")]
    pub(crate) predicates: Predicates,
}

impl Visit {
    pub(crate) fn of(circuit: CircuitId, parameters: &ScopeParameters, predicates: &Predicates) -> Visit {
        Visit {
            circuit,
            host: parameters.rp.clone(),
            context: parameters.context.clone(),
            link: parameters.link,
            slots: parameters.slots,
            period: parameters.period,
            predicates: predicates.clone(),
        }
    }

    /// The request that is to be expected on a day, but for what only its challenge hangs on. `None` if nobody may ask it.
    pub(crate) fn expected(&self, today: Day) -> Option<Request> {
        Request::new(NewRequest {
            circuit: self.circuit,
            rp: self.host.clone(),
            context: self.context.clone(),
            link: self.link,
            slots: self.slots,
            period: self.period,
            predicates: self.predicates.clone(),
            valid_on: today,
            nonce: Nonce::new(&[0; 16]).ok()?,
            response_uri: format!("https://{}/", self.host),
            expires_at: Timestamp::MAX,
        })
        .ok()
    }

    /// Whether it is the same question, be it for another period.
    fn same(&self, other: &Visit) -> bool {
        Visit { period: other.period, ..self.clone() } == *other
    }
}

/// The last visits, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct VisitBook(#[serde(deserialize_with = "objects")] Vec<Visit>);

impl VisitBook {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps a visit, and forgets the oldest beyond [`MAX_PREPARED`].
    pub(crate) fn record(&mut self, visit: Visit) {
        self.0.retain(|known| !known.same(&visit));
        self.0.push(visit);
        let excess = self.0.len().saturating_sub(MAX_PREPARED);
        self.0.drain(..excess);
    }

    /// Under one circuit, newest first. Older wallets also recorded visits under `none`.
    pub(crate) fn of(&self, circuit: CircuitId) -> impl Iterator<Item = &Visit> {
        self.0
            .iter()
            .rev()
            .take(MAX_PREPARED)
            .filter(move |visit| visit.circuit == circuit && visit.link != LinkKind::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(host: &str, link: LinkKind, period: u64) -> Visit {
        let slots = if link == LinkKind::None { 65_536 } else { 1 };
        let rp = host.parse().unwrap();
        let parameters = ScopeParameters { link, slots, rp, context: Context::default(), period };
        Visit::of(CircuitId([7; 32]), &parameters, &Predicates::valid())
    }

    #[test]
    fn the_last_ones_each_once() {
        let mut book = VisitBook::default();
        for n in 0..40 {
            book.record(visit(&format!("h{}.example", n % 20), LinkKind::Account, 0));
        }
        let hosts: Vec<String> = book.of(CircuitId([7; 32])).map(|v| v.host.to_string()).collect();
        assert_eq!(hosts, (4..20).rev().map(|n| format!("h{n}.example")).collect::<Vec<_>>());
        assert_eq!(book.of(CircuitId([8; 32])).count(), 0);
        // Another period is the same question; another link is not.
        let mut book = VisitBook::default();
        for (link, period) in [(LinkKind::Tokens, 3), (LinkKind::Account, 0), (LinkKind::Tokens, 4)] {
            book.record(visit("a.example", link, period));
        }
        let kept: Vec<_> = book.of(CircuitId([7; 32])).map(|v| (v.link, v.period)).collect();
        assert_eq!(kept, [(LinkKind::Tokens, 4), (LinkKind::Account, 0)]);
    }

    #[test]
    fn the_request_that_is_expected() {
        let day = Day::new(82_870).unwrap();
        let expected = visit("a.example", LinkKind::Tokens, 5).expected(day).unwrap();
        assert_eq!((expected.period, expected.valid_on), (5, day));
        let impossible = Visit { slots: 2, ..visit("a.example", LinkKind::Account, 0) };
        assert_eq!(impossible.expected(day), None);
    }

    #[test]
    fn nothing_is_prepared_for_none() {
        let mut book = VisitBook::default();
        book.record(visit("a.example", LinkKind::None, 0));
        book.record(visit("b.example", LinkKind::Account, 0));
        assert_eq!(book.of(CircuitId([7; 32])).count(), 1, "the account alone");
    }
}
