//! Verification in the order of contract §6; the first failure is reported:
//!
//! key, request, epochs (misconfigured) → presentation syntax → circuit → epoch → request expired,
//! replayed → points → pairing → pseudonym spent.

use crate::batch::{self, Item};
use crate::epochs::AcceptedEpochs;
use crate::error::{Misconfigured, Unacceptable, VerifyError};
use crate::evidence::VerifiedPresentation;
use crate::key::{KeyError, Origin, VerifyingKey};
use crate::memory::{Consumed, Memory, Reuse};
use crate::pairing::PreparedKey;
use crate::policy::Policy;
use crate::proof::{PROOF_BYTES, Points};
use rand::{CryptoRng, RngCore};
use std::collections::BTreeMap;
use std::sync::Arc;
use veilpass_protocol::circuit_id::{ATTEST_V1, CircuitId};
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;
use veilpass_protocol::statement::Statement;

/// The platform's pinned keys and its policy. Cheap to share between threads; it changes nothing.
#[derive(Debug, Clone)]
pub struct Verifier {
    policy: Policy,
    keys: BTreeMap<CircuitId, Arc<PreparedKey>>,
}

/// A presentation that has passed every cheap check, up to "request expired". The next questions are
/// whether the request has been answered already (the platform's store knows), then the proof.
#[derive(Debug, Clone)]
#[must_use = "the proof has not been checked yet"]
pub struct Screened {
    key: Arc<PreparedKey>,
    statement: Statement,
    presentation: Presentation,
    request: Request,
    now: Timestamp,
}

/// Why [`Verifier::accept`] did not accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError<E> {
    /// The presentation is refused.
    #[error(transparent)]
    Refused(#[from] VerifyError),
    /// The store could not answer. Nothing is known about the presentation and it is not accepted.
    #[error("the platform's store failed")]
    Store(E),
}

impl Verifier {
    /// Without any key yet.
    pub fn new(policy: Policy) -> Verifier {
        Verifier { policy, keys: BTreeMap::new() }
    }

    /// Pins the key in this file: well formed, safe, and no DEV key unless the policy allows it. Ship
    /// the file with the platform; never fetch it.
    pub fn with_key(self, file: &[u8]) -> Result<Verifier, KeyError> {
        self.with_verifying_key(VerifyingKey::from_bytes(file)?)
    }

    /// Pins a key that has been read already.
    pub fn with_verifying_key(mut self, key: VerifyingKey) -> Result<Verifier, KeyError> {
        let (id, origin) = (key.circuit_id(), key.origin());
        if key.circuit() != ATTEST_V1 {
            return Err(KeyError::Syntax("a key of another circuit than presentations have"));
        }
        let prepared = PreparedKey::new(key)?;
        if origin == Origin::Dev && !self.policy.dev_keys_allowed() {
            return Err(KeyError::Dev(id));
        }
        self.keys.insert(id, Arc::new(prepared));
        Ok(self)
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The circuits whose keys are pinned.
    pub fn circuits(&self) -> impl Iterator<Item = CircuitId> + '_ {
        self.keys.keys().copied()
    }

    /// Everything before the proof. `request` is the platform's own, as it was sent; `presentation` is
    /// what came back, in either form; `now` is the platform's clock.
    pub fn screen(
        &self,
        request: &Request,
        presentation: &[u8],
        epochs: &AcceptedEpochs,
        now: Timestamp,
    ) -> Result<Screened, VerifyError> {
        let asked = request.circuit;
        let key = self.keys.get(&asked).ok_or(KeyError::Mismatch { asked })?;
        check_request(request, now)?;
        epochs.check(&self.policy, now)?;
        let presentation = Presentation::read(presentation)?;
        if presentation.circuit != asked {
            return Err(Unacceptable::CircuitUnknown(presentation.circuit).into());
        }
        let root = epochs.root(presentation.epoch, &self.policy, now)?;
        if now >= request.expires_at {
            return Err(Unacceptable::RequestExpired(request.expires_at).into());
        }
        let statement = Statement::for_request(request, root, presentation.pseudonym)?;
        Ok(Screened { key: Arc::clone(key), statement, presentation, request: request.clone(), now })
    }

    /// Screens the presentation and checks its proof. The result is evidence, and has used nothing up:
    /// what it says counts once only if its [`crate::Entry`] goes into the platform's store, in
    /// one atomic insert. [`Verifier::accept`] does both.
    pub fn verify(
        &self,
        request: &Request,
        presentation: &[u8],
        epochs: &AcceptedEpochs,
        now: Timestamp,
    ) -> Result<VerifiedPresentation, VerifyError> {
        self.screen(request, presentation, epochs, now)?.check_proof()
    }

    /// Verifies and uses up: the request's nonce always, the pseudonym as `reuse` says. Nothing is
    /// consumed by a presentation that is refused.
    pub fn accept<M: Memory>(
        &self,
        request: &Request,
        presentation: &[u8],
        epochs: &AcceptedEpochs,
        memory: &M,
        reuse: Reuse,
        now: Timestamp,
    ) -> Result<VerifiedPresentation, AcceptError<M::Error>> {
        let screened = self.screen(request, presentation, epochs, now)?;
        let answered = memory.is_answered(&request.nonce);
        if answered.map_err(AcceptError::Store)? {
            return Err(VerifyError::from(Unacceptable::RequestReplayed).into());
        }
        let verified = screened.check_proof()?;
        let consumed = memory.consume(&verified.entry(reuse));
        match consumed.map_err(AcceptError::Store)? {
            Consumed::First => Ok(verified),
            Consumed::Replayed => Err(VerifyError::from(Unacceptable::RequestReplayed).into()),
            Consumed::Spent => Err(VerifyError::from(Unacceptable::PseudonymSpent).into()),
        }
    }
}

impl Screened {
    /// The platform's request, whose nonce a store is asked about.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Decodes the proof's points and checks the pairing.
    pub fn check_proof(self) -> Result<VerifiedPresentation, VerifyError> {
        self.key.check_bytes(&self.statement, &self.presentation.proof)?;
        Ok(self.proven())
    }

    /// Checks many proofs together, each with the outcome that [`Screened::check_proof`] has for it, in order. A batch
    /// costs a small part of what its proofs cost one by one as long as most are good; a batch of nothing but bad proofs
    /// costs about half as much again. Up to eight are checked one by one.
    ///
    /// `rng` must be unpredictable for the makers of the proofs: a bad proof passes with probability 2⁻¹²⁸ over it.
    pub fn check_all<R: RngCore + CryptoRng>(
        screened: Vec<Screened>,
        rng: &mut R,
    ) -> Vec<Result<VerifiedPresentation, VerifyError>> {
        let proofs: Vec<&[u8; PROOF_BYTES]> = screened.iter().map(|s| &s.presentation.proof).collect();
        let points = Points::read_all(&proofs);
        let inputs: Vec<_> = screened.iter().map(|s| s.statement.to_array()).collect();
        // One product for each key; within a key, the order of the items.
        let mut of_keys: BTreeMap<CircuitId, (&PreparedKey, Vec<Item<'_>>)> = BTreeMap::new();
        for ((screened, points), inputs) in screened.iter().zip(&points).zip(&inputs) {
            if let Ok(points) = points {
                let of_key = of_keys.entry(screened.key.circuit_id()).or_insert((&screened.key, Vec::new()));
                of_key.1.push(Item { inputs, points: *points });
            }
        }
        let mut verdicts: BTreeMap<CircuitId, _> = of_keys
            .into_iter()
            .map(|(id, (key, items))| (id, batch::check(key, &items, rng).into_iter()))
            .collect();
        let mut points = points.into_iter();
        let outcome = |screened: Screened| {
            // Each presentation has its points, and each of these a verdict; should one be missing, the
            // presentation is checked by itself.
            let Some(points) = points.next() else { return screened.check_proof() };
            points?;
            let of_key = verdicts.get_mut(&screened.key.circuit_id());
            match of_key.and_then(Iterator::next) {
                Some(Ok(())) => Ok(screened.proven()),
                Some(Err(flaw)) => Err(flaw.into()),
                None => screened.check_proof(),
            }
        };
        screened.into_iter().map(outcome).collect()
    }

    /// Only after the proof was checked.
    fn proven(self) -> VerifiedPresentation {
        VerifiedPresentation::new(self.request, self.presentation, self.statement, self.now)
    }
}

/// The platform's own request: what may be asked (W2, W3, contract §4), and for which day.
pub(crate) fn check_request(request: &Request, now: Timestamp) -> Result<(), Misconfigured> {
    request.check()?;
    let today = Day::of(now);
    if request.valid_on.number().abs_diff(today.number()) > 1 {
        return Err(Misconfigured::RequestDate { valid_on: request.valid_on, today });
    }
    Ok(())
}
