//! The platform's desk: it asks, takes answers and tells their outcome (contract §8). Nothing in here
//! knows HTTP; the time and the generator are arguments.

use super::checker::{Checker, LONGEST_WAIT, Place};
use super::described::WantedDoc;
use super::epochs::Follower;
use super::keys::read_token_hash;
use super::store::{NewRow, PlatformStore, RequestState, StoredRequest};
use super::turns::{Turn, Turns};
use super::waiting::Waiting;
use super::{PlatformKeys, RequestOptions};
use crate::error::RegistryError;
use crate::explain;
use crate::store::StoreError;
use crate::token;
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tokio::time::timeout;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::json::{self, some, version_1};
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::presentation::PresentationError;
use veilpass_protocol::request::Request;
use veilpass_protocol::scope::{Context, Host, LinkKind, MAX_PERIOD};
use veilpass_verifier::{
    AcceptedEpochs, Blame, Consumed, Misconfigured, Reuse, Screened, Unacceptable, Verifier, VerifyError,
};
use zeroize::Zeroizing;

/// What a platform's own program asks for (`POST /v1/requests`). Only the predicates are required.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(deserialize_with = "json::object")]
    predicates: Predicates,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    link: Option<LinkKind>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    period: Option<u64>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    slots: Option<u32>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    once: Option<bool>,
}

/// A request that was made and remembered.
#[derive(Debug)]
pub struct Asked {
    /// 32 hex digits.
    pub id: String,
    /// Reads the result; shown this once.
    pub result_token: Zeroizing<String>,
    /// Where the wallet fetches the request.
    pub request_uri: String,
    /// The request itself.
    pub request: Request,
}

/// In which of its forms an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `application/json`: a presentation or a decline.
    Json,
    /// `application/octet-stream`: the 201 bytes.
    Binary,
    /// Anything else is no presentation.
    Other,
}

/// What was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A presentation, which is accepted.
    Accepted,
    /// That there will be none.
    Declined,
}

impl Taken {
    /// The name in counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Taken::Accepted => "accepted",
            Taken::Declined => "declined",
        }
    }
}

/// What became of a request, as its maker is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody has answered yet; the request can be answered until then.
    Pending(Timestamp),
    /// A presentation was accepted, under this pseudonym.
    Accepted(veilpass_protocol::field::Fr),
    /// Five tries were refused, the last with this code.
    Refused(String),
    /// The holder does not answer.
    Declined,
    /// Nobody has answered in time.
    Expired,
}

/// Why the desk does not do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// By blame, with a code of contract §7.
    #[error(transparent)]
    Refused(#[from] VerifyError),
    /// No such request.
    #[error("there is no such request")]
    NotFound,
    /// Not the token of this request.
    #[error("the token is missing or wrong")]
    Unauthorised,
    /// Too many presentations wait.
    #[error("too many presentations at one time")]
    Busy,
    /// The store failed; nothing was accepted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What should not happen.
    #[error("internal fault: {0}")]
    Internal(String),
}

impl DeskError {
    /// `request_syntax`, with words.
    pub fn syntax(what: impl Into<String>) -> DeskError {
        VerifyError::from(Misconfigured::RequestSyntax(what.into())).into()
    }
}

/// Settings of a desk.
#[derive(Debug, Clone)]
pub struct DeskSettings {
    /// Who asks.
    pub host: Host,
    /// Scheme, host and port under which wallets reach it.
    pub base: String,
    /// The verifying key that checks the answers.
    pub circuit: CircuitId,
    /// Seconds until a request expires.
    pub ttl: u64,
    /// Clients that may wait for an outcome at one time.
    pub waiting: usize,
}

/// The platform's desk.
#[derive(Debug)]
pub struct Desk {
    settings: DeskSettings,
    keys: PlatformKeys,
    verifier: Verifier,
    store: PlatformStore,
    epochs: Arc<Follower>,
    checker: Checker,
    turns: Arc<Turns>,
    waiting: Arc<Waiting>,
}

impl Desk {
    /// A desk on a store; needs a running tokio runtime, on which proofs are checked.
    pub fn new(
        settings: DeskSettings,
        keys: PlatformKeys,
        verifier: Verifier,
        store: PlatformStore,
        epochs: Arc<Follower>,
    ) -> Desk {
        let waiting = Waiting::new(settings.waiting);
        let (checker, turns) = (Checker::start(), Arc::default());
        Desk { settings, keys, verifier, store, epochs, checker, turns, waiting }
    }

    /// Who waits for an outcome.
    pub fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }

    /// Whether this is the platform's token. It is looked up for each request: the one before a new token
    /// is void at once.
    pub async fn is_token(&self, given: &str) -> Result<bool, DeskError> {
        let (file, given) = (self.keys.token_file().to_owned(), token::hash(given));
        let stored = tokio::task::spawn_blocking(move || read_token_hash(&file)).await;
        let stored = stored.map_err(|e| DeskError::Internal(e.to_string()))?;
        Ok(same(&given, &stored.map_err(|e| DeskError::Internal(e.to_string()))?))
    }

    /// Reads what the platform's program wants.
    pub fn wanted(body: &[u8]) -> Result<Wanted, DeskError> {
        let wanted: Wanted = json::parse(body).map_err(|e| {
            DeskError::syntax(explain::object::<WantedDoc>(body).unwrap_or_else(|| e.to_string()))
        })?;
        wanted.predicates.check_ranges().map_err(|e| DeskError::syntax(e.to_string()))?;
        if wanted.period.is_some_and(|period| period > MAX_PERIOD) {
            return Err(DeskError::syntax("`period` is above 2^53 - 1"));
        }
        Ok(wanted)
    }

    /// Makes a request and remembers it, before anybody can see it.
    pub async fn ask<R: RngCore + CryptoRng>(
        &self,
        wanted: Wanted,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Asked, DeskError> {
        let mut id = [0u8; 16];
        rng.fill_bytes(&mut id);
        let id = hex::encode(id);
        let request_uri = format!("{}/v1/requests/{id}", self.settings.base);
        let mut options =
            RequestOptions::new(self.settings.host.clone(), self.settings.circuit, wanted.predicates);
        options.link = wanted.link.unwrap_or(options.link);
        options.context = wanted.context.unwrap_or_default();
        (options.period, options.slots, options.ttl) = (wanted.period, wanted.slots, self.settings.ttl);
        options.response_uri = Some(format!("{request_uri}/presentation"));
        let made = options.make(Some(&self.keys), now, rng).map_err(|e| match e {
            RegistryError::RequestPolicy(e) => VerifyError::from(Misconfigured::from(e)).into(),
            other => DeskError::Internal(other.to_string()),
        })?;
        let signed = made.text();
        let (result_token, token_hash) = token::generate(rng);
        let reuse = if wanted.once == Some(true) { Reuse::OncePerScope } else { Reuse::MayReturn };
        let row = NewRow { id: &id, request: &made.request, signed: &signed, token_hash: &token_hash, reuse };
        self.store.add(row).await?;
        Ok(Asked { id, result_token: Zeroizing::new(result_token), request_uri, request: made.request })
    }

    /// The signed request, for wallets.
    pub async fn signed(&self, id: &str, now: Timestamp) -> Result<String, DeskError> {
        let stored = self.stored(id).await?;
        not_expired(&stored.request, now)?;
        Ok(stored.signed)
    }

    /// Takes an answer: a presentation is judged in the order of contract §6 and, if it is accepted, uses
    /// the request up in the same transaction that records it; a decline uses it up as well. Refusals
    /// count, five of them use it up; what is nobody's try (misconfigured, too late, answered already,
    /// no processor) does not.
    pub async fn receive(
        self: &Arc<Self>,
        id: &str,
        form: Form,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Taken, DeskError> {
        let stored = self.stored(id).await?;
        if form == Form::Json && is_decline(body) {
            not_expired(&stored.request, now)?;
            let first = self.store.decline(id).await?;
            self.waiting.wake(id);
            return if first { Ok(Taken::Declined) } else { Err(replayed()) };
        }
        let mut epochs = self.epochs.usable(now).map_err(VerifyError::from)?;
        let mut screened = self.screen(&stored.request, form, body, &epochs, now);
        if let Some(epoch) = newer(&screened, &epochs).filter(|_| stored.state == RequestState::Pending) {
            self.epochs.wait_for(epoch).await;
            epochs = self.epochs.usable(now).map_err(VerifyError::from)?;
            screened = self.screen(&stored.request, form, body, &epochs, now);
        }
        if stored.state != RequestState::Pending {
            // Nothing is left to be counted, and nobody makes the store write any more.
            return Err(screened.err().map_or_else(replayed, DeskError::from));
        }
        let screened = match screened {
            Ok(screened) => screened,
            Err(e) => return Err(self.refused(id, e).await?),
        };
        let turn = timeout(LONGEST_WAIT, self.turns.take(id)).await.map_err(|_| DeskError::Busy)?;
        let place = self.checker.place().await.ok_or(DeskError::Busy)?;
        // From here on it goes through although the sender may hang up: a try that was begun is counted.
        let check = ProofCheck { id: id.to_owned(), screened, reuse: stored.reuse, turn, place };
        let done = tokio::spawn(Arc::clone(self).check(check)).await;
        done.map_err(|_| broken_off())?
    }

    /// Everything before the proof.
    fn screen(
        &self,
        request: &Request,
        form: Form,
        body: &[u8],
        epochs: &AcceptedEpochs,
        now: Timestamp,
    ) -> Result<Screened, VerifyError> {
        match self.verifier.screen(request, body, epochs, now) {
            // The platform's own mistakes come first (contract §6).
            Err(VerifyError::Misconfigured(e)) => Err(e.into()),
            _ if !fits(form, body) => {
                let what = "the body is not in the form that its media type names".into();
                Err(PresentationError::Syntax(what).into())
            }
            other => other,
        }
    }

    async fn check(self: Arc<Self>, check: ProofCheck) -> Result<Taken, DeskError> {
        let id = check.id.clone();
        let taken = self.judge(check).await;
        self.waiting.wake(&id);
        taken
    }

    async fn judge(&self, check: ProofCheck) -> Result<Taken, DeskError> {
        let ProofCheck { id, screened, reuse, turn: _turn, place } = check;
        // While this one waited, others may have used the request up.
        if !self.store.is_pending(&id).await? {
            return Err(replayed());
        }
        let verified = match place.check(screened).await.ok_or_else(broken_off)? {
            Ok(verified) => verified,
            Err(e) => return Err(self.refused(&id, e).await?),
        };
        match self.store.consume(&verified, reuse).await? {
            Consumed::First => Ok(Taken::Accepted),
            Consumed::Replayed => Err(replayed()),
            // The transaction that found it spent has counted the try.
            Consumed::Spent => Err(VerifyError::from(Unacceptable::PseudonymSpent).into()),
        }
    }

    /// Counts a refused try, where it is one, and gives the refusal back.
    async fn refused(&self, id: &str, e: VerifyError) -> Result<DeskError, StoreError> {
        let late = matches!(e, VerifyError::Unacceptable(Unacceptable::RequestExpired(_)));
        if e.blame() != Blame::Misconfigured && !late {
            self.store.refuse(id, e.code()).await?;
            self.waiting.wake(id);
        }
        Ok(e.into())
    }

    /// What became of a request, for whoever has its token.
    pub async fn outcome(&self, id: &str, token: &str, now: Timestamp) -> Result<Outcome, DeskError> {
        let stored = self.stored(id).await?;
        if !same(&token::hash(token), &stored.token_hash) {
            return Err(DeskError::Unauthorised);
        }
        let damaged = |what| DeskError::Store(StoreError::Damaged(what));
        Ok(match stored.state {
            RequestState::Pending if now >= stored.request.expires_at => Outcome::Expired,
            RequestState::Pending => Outcome::Pending(stored.request.expires_at),
            RequestState::Declined => Outcome::Declined,
            RequestState::Accepted => {
                Outcome::Accepted(stored.pseudonym.ok_or_else(|| damaged("an accepted request"))?)
            }
            RequestState::Refused => {
                Outcome::Refused(stored.code.ok_or_else(|| damaged("a refused request"))?)
            }
        })
    }

    async fn stored(&self, id: &str) -> Result<StoredRequest, DeskError> {
        self.store.request(id).await?.ok_or(DeskError::NotFound)
    }
}

/// A presentation that has come as far as its proof.
struct ProofCheck {
    id: String,
    screened: Screened,
    reuse: Reuse,
    turn: Turn,
    place: Place,
}

/// Compares hashes of tokens in constant time.
pub fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

/// A check that panicked or was aborted; what it said of it may hold what it worked on.
fn broken_off() -> DeskError {
    DeskError::Internal("the check of a presentation broke off".into())
}

fn replayed() -> DeskError {
    VerifyError::from(Unacceptable::RequestReplayed).into()
}

fn not_expired(request: &Request, now: Timestamp) -> Result<(), DeskError> {
    if now < request.expires_at {
        return Ok(());
    }
    Err(VerifyError::from(Unacceptable::RequestExpired(request.expires_at)).into())
}

/// The epoch that the presentation names, if it is unknown because it is newer than all that are known.
fn newer(screened: &Result<Screened, VerifyError>, epochs: &AcceptedEpochs) -> Option<u64> {
    match screened {
        Err(VerifyError::Unacceptable(Unacceptable::EpochUnknown(epoch))) => {
            Some(*epoch).filter(|epoch| epochs.newest().is_none_or(|newest| *epoch > newest.epoch))
        }
        _ => None,
    }
}

/// The first byte tells the forms apart; the media type must say the same.
fn fits(form: Form, body: &[u8]) -> bool {
    let json = matches!(body.first(), Some(b'{' | b' ' | b'\t' | b'\n' | b'\r'));
    match form {
        Form::Json => json,
        Form::Binary => !json,
        Form::Other => false,
    }
}

/// `{"v":1,"declined":true}` and nothing else.
pub(crate) fn is_decline(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Decline {
        #[serde(deserialize_with = "version_1")]
        v: u32,
        declined: bool,
    }
    json::parse::<Decline>(body).is_ok_and(|decline| decline.v == 1 && decline.declined)
}
