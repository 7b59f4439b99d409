//! What a platform gets in the place of a bool: evidence of what was proven, and the only key to
//! using it up.

use crate::memory::{Entry, Reuse};
use std::fmt;
use veilpass_protocol::attributes::{DocumentGroup, Sex};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;
use veilpass_protocol::statement::Statement;

/// A presentation whose proof was checked against the platform's own request. Only the verifier
/// makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPresentation {
    request: Request,
    presentation: Presentation,
    statement: Statement,
    verified_at: Timestamp,
}

/// One thing that was proven of the holder, in the platform's own words: its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proven {
    /// A live credential that was enrolled by this day and had not expired on it.
    ValidOn(Day),
    /// Has had this birthday by `valid_on`.
    AgeAtLeast(u32),
    /// Has not had this birthday on `valid_on`.
    AgeBelow(u32),
    /// The sex in the document.
    Sex(Sex),
    /// The group that the document's class is in.
    Documents(DocumentGroup),
    /// Nationality, ISO 3166-1 numeric.
    Nationality(u16),
    /// First two digits of GB/T 2260.
    Province(u8),
    /// The identity commitment was accepted by this day.
    EnrolledOnOrBefore(Day),
    /// At most so many earlier identity commitments of this person.
    GenerationAtMost(u8),
}

impl fmt::Display for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proven::ValidOn(day) => write!(f, "valid on {day}"),
            Proven::AgeAtLeast(years) => write!(f, "at least {years} years old"),
            Proven::AgeBelow(years) => write!(f, "younger than {years} years"),
            Proven::Sex(sex) => write!(f, "sex {sex}"),
            Proven::Documents(group) => write!(f, "a document of the group {group}"),
            Proven::Nationality(code) => write!(f, "nationality {code:03}"),
            Proven::Province(code) => write!(f, "province {code:02}"),
            Proven::EnrolledOnOrBefore(day) => write!(f, "enrolled on or before {day}"),
            Proven::GenerationAtMost(n) => write!(f, "at most {n} earlier identities"),
        }
    }
}

impl VerifiedPresentation {
    pub(crate) fn new(
        request: Request,
        presentation: Presentation,
        statement: Statement,
        verified_at: Timestamp,
    ) -> VerifiedPresentation {
        VerifiedPresentation { request, presentation, statement, verified_at }
    }

    /// Everything that was proven, and nothing else was: first that the credential is valid, then what
    /// the request asked, in the order of contract §4.
    pub fn proven(&self) -> Vec<Proven> {
        let p = &self.request.predicates;
        let age = p.age.as_ref();
        [
            Some(Proven::ValidOn(self.request.valid_on)),
            age.and_then(|a| a.at_least).map(Proven::AgeAtLeast),
            age.and_then(|a| a.below).map(Proven::AgeBelow),
            p.sex.map(Proven::Sex),
            p.documents.map(Proven::Documents),
            p.nationality.map(Proven::Nationality),
            p.province.map(Proven::Province),
            p.enrolled_on_or_before.map(Proven::EnrolledOnOrBefore),
            p.generation_at_most.map(Proven::GenerationAtMost),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The pseudonym: one per person, scope and slot at a time. Compare it only within one scope.
    pub fn pseudonym(&self) -> &Fr {
        &self.statement.pseudonym
    }

    /// The pseudonym as text: 64 lower-case hex digits, as the HTTP service tells it. Store this as the name
    /// of an account.
    pub fn pseudonym_text(&self) -> String {
        to_hex(self.pseudonym())
    }

    /// The scope that the pseudonym holds for.
    pub fn scope(&self) -> &Fr {
        &self.statement.scope
    }

    /// Number of the epoch in whose tree the holder's leaf is.
    pub fn epoch(&self) -> u64 {
        self.presentation.epoch
    }

    /// Root of that epoch.
    pub fn root(&self) -> &Fr {
        &self.statement.root
    }

    /// The circuit, and so the verifying key, that proved it.
    pub fn circuit(&self) -> CircuitId {
        self.presentation.circuit
    }

    /// The platform's request that was answered.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The public inputs of the proof.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The presentation as it was read (its proof bytes are no identity: anybody can re-randomise
    /// them).
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// The platform's time at which it was verified.
    pub fn verified_at(&self) -> Timestamp {
        self.verified_at
    }

    /// What a store has to insert, in one transaction, before anything is granted.
    pub fn entry(&self, reuse: Reuse) -> Entry<'_> {
        Entry::new(self, reuse)
    }
}
