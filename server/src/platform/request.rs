//! Making a request.

use super::PlatformKeys;
use super::described::PredicatesDoc;
use crate::error::RegistryError;
use crate::explain;
use rand::{CryptoRng, RngCore};
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::json;
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::request::{NewRequest, PolicyError, Request, SignedRequest};
use veilpass_protocol::scope::{Context, Host, LinkKind, NONE_SLOTS};

/// Seconds for which a request can be answered, where nothing else is said.
pub const DEFAULT_TTL: u64 = 300;

/// What a platform wants to ask. [`RequestOptions::new`] gives what libraries should default to.
#[derive(Debug, Clone)]
pub struct RequestOptions {
    /// Who asks.
    pub host: Host,
    /// The verifying key that will check the answer.
    pub circuit: CircuitId,
    /// What is asked.
    pub predicates: Predicates,
    /// Kind of link; by default `none`: a lasting identifier is asked for, never forced.
    pub link: LinkKind,
    /// The platform's own subdivision; empty by default.
    pub context: Context,
    /// 0 for `account`, the day for `none`; `tokens` has no default.
    pub period: Option<u64>,
    /// 1 for `account`, 65,536 for `none`; `tokens` has no default.
    pub slots: Option<u32>,
    /// By default `https://<host>/v1/requests/<random id>/presentation`.
    pub response_uri: Option<String>,
    /// Seconds until it expires.
    pub ttl: u64,
}

/// A request in the form in which it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeRequest {
    /// The request.
    pub request: Request,
    /// The compact JWS, where it was signed.
    pub signed: Option<String>,
}

impl MadeRequest {
    /// What is written to a file or sent: the JWS if it is signed, else JSON.
    pub fn text(&self) -> String {
        self.signed.clone().unwrap_or_else(|| self.request.to_json())
    }
}

impl RequestOptions {
    /// These predicates, with `link` `none` and nothing else said.
    pub fn new(host: Host, circuit: CircuitId, predicates: Predicates) -> RequestOptions {
        RequestOptions {
            host,
            circuit,
            predicates,
            link: LinkKind::None,
            context: Context::default(),
            period: None,
            slots: None,
            response_uri: None,
            ttl: DEFAULT_TTL,
        }
    }

    /// Makes the request: a fresh nonce, for the civil day of now. What no platform may ask is refused.
    pub fn make<R: RngCore + CryptoRng>(
        self,
        keys: Option<&PlatformKeys>,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<MadeRequest, RegistryError> {
        let mut random = || {
            let mut bytes = [0u8; 16];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        let nonce = Nonce::new(&random()).map_err(|e| RegistryError::Internal(e.to_string()))?;
        let id = hex::encode(random());
        let valid_on = Day::of(now);
        if self.link == LinkKind::Tokens && (self.slots.is_none() || self.period.is_none()) {
            return Err(PolicyError::TokensIncomplete.into());
        }
        let (slots, period) = match self.link {
            LinkKind::Account | LinkKind::Tokens => (1, 0), // `tokens` has named both
            LinkKind::None => (NONE_SLOTS, u64::from(valid_on.number())),
        };
        let response_uri = self
            .response_uri
            .unwrap_or_else(|| format!("https://{}/v1/requests/{id}/presentation", self.host));
        let request = Request::new(NewRequest {
            circuit: self.circuit,
            rp: self.host,
            context: self.context,
            link: self.link,
            slots: self.slots.unwrap_or(slots),
            period: self.period.unwrap_or(period),
            predicates: self.predicates,
            valid_on,
            nonce,
            response_uri,
            expires_at: now.plus(self.ttl),
        })?;
        let signed = keys.map(|keys| SignedRequest::sign(&request, keys.signing_key()));
        Ok(MadeRequest { request, signed })
    }
}

/// Reads predicates. The error says which member is wrong and what it takes, as seen from a request.
pub fn predicates_from_json(text: &str) -> Result<Predicates, String> {
    let read: Result<Predicates, _> = json::parse(text.as_bytes());
    let predicates = read.map_err(|e| {
        explain::within::<PredicatesDoc>(text.as_bytes(), "predicates").unwrap_or_else(|| e.to_string())
    })?;
    predicates.check_ranges().map_err(|e| e.to_string())?;
    Ok(predicates)
}
