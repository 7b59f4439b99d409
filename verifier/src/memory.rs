//! What a platform remembers: answered requests and used pseudonyms.
//!
//! Replay is judged by nonce and pseudonym, never by proof bytes: a Groth16 proof can be
//! re-randomised by anyone into another valid one.

use crate::evidence::VerifiedPresentation;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::epoch::MAX_SKEW;
use veilpass_protocol::field::{Fr, to_bytes};
use veilpass_protocol::scope::LinkKind;

/// Whether a pseudonym may come again in its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// The pseudonym is accepted one time in its scope: a vote, a voucher, a registration.
    OncePerScope,
    /// The pseudonym may return: an account. For `tokens` and `none` this means once all the same.
    MayReturn,
}

/// What a store inserts for one verified presentation. There is no other way to get one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    verified: &'a VerifiedPresentation,
    reuse: Reuse,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(verified: &'a VerifiedPresentation, reuse: Reuse) -> Entry<'a> {
        let reuse = match verified.request().link {
            LinkKind::Account => reuse,
            LinkKind::Tokens | LinkKind::None => Reuse::OncePerScope,
        };
        Entry { verified, reuse }
    }

    /// Unique in the store: a nonce that is there already means [`Consumed::Replayed`].
    pub fn nonce(&self) -> &'a Nonce {
        &self.verified.request().nonce
    }

    /// From this instant on the nonce can be forgotten: its request has expired, by every clock of a
    /// platform whose machines are within [`MAX_SKEW`] seconds of each other.
    pub fn nonce_needed_until(&self) -> Timestamp {
        self.verified.request().expires_at.plus(MAX_SKEW)
    }

    /// The scope of the pseudonym.
    pub fn scope(&self) -> &'a Fr {
        self.verified.scope()
    }

    /// Always recorded with its scope. If it is there already and [`Entry::reuse`] is
    /// [`Reuse::OncePerScope`], that means [`Consumed::Spent`].
    pub fn pseudonym(&self) -> &'a Fr {
        self.verified.pseudonym()
    }

    /// Whether the pseudonym may have been seen before, by link and by the platform's choice.
    pub fn reuse(&self) -> Reuse {
        self.reuse
    }
}

/// What became of an [`Entry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumed {
    /// Nonce and pseudonym are recorded now, and were free before.
    First,
    /// The nonce was used before; nothing was recorded.
    Replayed,
    /// The pseudonym was used before and may not return; nothing was recorded.
    Spent,
}

/// A platform's store, as far as replay is concerned. Stores that answer asynchronously do the same
/// two steps around [`crate::Screened::check_proof`] themselves.
pub trait Memory {
    /// Why the store could not answer.
    type Error;

    /// Whether this nonce was consumed already. Only to refuse early: [`Memory::consume`] decides.
    fn is_answered(&self, nonce: &Nonce) -> Result<bool, Self::Error>;

    /// Records the entry, all or nothing, atomically against every other call, durably before it
    /// returns [`Consumed::First`]. The nonce is judged before the pseudonym.
    fn consume(&self, entry: &Entry<'_>) -> Result<Consumed, Self::Error>;
}

/// A memory for tests, demonstrations and single processes that may forget when they stop.
#[derive(Debug, Default)]
pub struct InMemory {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    nonces: BTreeMap<Nonce, Timestamp>,
    pseudonyms: BTreeSet<([u8; 32], [u8; 32])>,
}

impl InMemory {
    /// Nothing seen yet.
    pub fn new() -> InMemory {
        InMemory::default()
    }

    /// Forgets the nonces of requests that have expired (those are refused before a nonce is looked
    /// up). Pseudonyms are kept.
    pub fn forget_expired(&self, now: Timestamp) {
        self.seen().nonces.retain(|_, until| now < *until);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // A panic between two inserts is impossible, so what a poisoned lock guards is whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory for InMemory {
    type Error = Infallible;

    fn is_answered(&self, nonce: &Nonce) -> Result<bool, Infallible> {
        Ok(self.seen().nonces.contains_key(nonce))
    }

    fn consume(&self, entry: &Entry<'_>) -> Result<Consumed, Infallible> {
        let mut seen = self.seen();
        if seen.nonces.contains_key(entry.nonce()) {
            return Ok(Consumed::Replayed);
        }
        let name = (to_bytes(entry.scope()), to_bytes(entry.pseudonym()));
        let new = seen.pseudonyms.insert(name);
        if !new && entry.reuse() == Reuse::OncePerScope {
            return Ok(Consumed::Spent);
        }
        seen.nonces.insert(entry.nonce().clone(), entry.nonce_needed_until());
        Ok(Consumed::First)
    }
}
