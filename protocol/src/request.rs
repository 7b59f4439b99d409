//! The request of a platform, plain and signed (contract §4).

use crate::challenge::{Nonce, challenge, handover};
use crate::circuit_id::CircuitId;
use crate::day::{Day, Timestamp};
use crate::field::Fr;
use crate::json::{self, base64url, object, version_1};
use crate::predicates::{Predicates, ThresholdNotAllowed};
use crate::scope::{Context, Host, LinkKind, MAX_PERIOD, ScopeParameters};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use fluent_uri::Uri;
use serde::{Deserialize, Serialize};

/// Longest request that is read, in bytes.
pub const MAX_REQUEST: usize = 16 * 1024;

/// A text that is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RequestSyntax(pub String);

/// A well-formed request that nobody may ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// `rp` is no host name in the form of contract §2.
    #[error("`rp` is no host name: 1-253 bytes of lower-case labels, no IP address, port or trailing dot")]
    Host,
    /// `response_uri` is not https (http for loopback names) with the host `rp`.
    #[error("`response_uri` must be https with the host `rp` and nothing but host, port, path and query")]
    ResponseUri,
    /// `slots` does not fit `link`.
    #[error("`slots` does not fit `link`: 1 for account, 1-65536 for tokens, 65536 for none")]
    Slots,
    /// `period` does not fit `link`.
    #[error("`period` does not fit `link`: 0 for account, the Day of valid_on for none")]
    Period,
    /// `tokens` whose two numbers were not given.
    #[error(
        "`link` \"tokens\" needs `slots` (pseudonyms that a person has in each period, 1 to 65536) and `period` (the number of the period, such as 20414)"
    )]
    TokensIncomplete,
    /// A threshold outside the closed lists.
    #[error(transparent)]
    Threshold(#[from] ThresholdNotAllowed),
}

/// What a platform asks of a wallet. Every member is required.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(deserialize_with = "version_1")]
    v: u32,
    /// The verifying key that will check the answer.
    pub circuit: CircuitId,
    /// The platform's host, as sent; [`Request::host`] checks it.
    pub rp: String,
    /// The platform's own subdivision.
    pub context: Context,
    /// Kind of link.
    pub link: LinkKind,
    /// Number of slots.
    pub slots: u32,
    /// Period that the pseudonym holds for.
    pub period: u64,
    /// What is asked.
    #[serde(deserialize_with = "object")]
    pub predicates: Predicates,
    /// The day for which everything is to hold.
    pub valid_on: Day,
    /// Fresh for each request.
    pub nonce: Nonce,
    /// Where the answer goes, as sent.
    pub response_uri: String,
    /// From this instant on no answer is accepted.
    pub expires_at: Timestamp,
}

/// The members of a new request; `v` is always 1.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the members of `Request`
pub struct NewRequest {
    pub circuit: CircuitId,
    pub rp: Host,
    pub context: Context,
    pub link: LinkKind,
    pub slots: u32,
    pub period: u64,
    pub predicates: Predicates,
    pub valid_on: Day,
    pub nonce: Nonce,
    pub response_uri: String,
    pub expires_at: Timestamp,
}

impl Request {
    /// A request that has passed [`Request::check`].
    pub fn new(n: NewRequest) -> Result<Request, PolicyError> {
        let request = Request {
            v: 1,
            circuit: n.circuit,
            rp: n.rp.as_str().to_owned(),
            context: n.context,
            link: n.link,
            slots: n.slots,
            period: n.period,
            predicates: n.predicates,
            valid_on: n.valid_on,
            nonce: n.nonce,
            response_uri: n.response_uri,
            expires_at: n.expires_at,
        };
        request.check()?;
        Ok(request)
    }

    /// Reads the JSON form: syntax and ranges, not yet what may be asked ([`Request::check`]).
    pub fn from_json(bytes: &[u8]) -> Result<Request, RequestSyntax> {
        if bytes.len() > MAX_REQUEST {
            return Err(RequestSyntax(format!("longer than {MAX_REQUEST} bytes")));
        }
        let request: Request = json::parse(bytes).map_err(|e| RequestSyntax(e.to_string()))?;
        request.predicates.check_ranges().map_err(|e| RequestSyntax(e.to_string()))?;
        if request.period > MAX_PERIOD {
            return Err(RequestSyntax("`period` is above 2^53 - 1".into()));
        }
        Ok(request)
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }

    /// `rp` as a host name.
    pub fn host(&self) -> Result<Host, PolicyError> {
        self.rp.parse().map_err(|_| PolicyError::Host)
    }

    /// What the scope is made of.
    pub fn scope_parameters(&self) -> Result<ScopeParameters, PolicyError> {
        let p = ScopeParameters {
            link: self.link,
            slots: self.slots,
            rp: self.host()?,
            context: self.context.clone(),
            period: self.period,
        };
        if p.slots_fit() { Ok(p) } else { Err(PolicyError::Slots) }
    }

    /// The scope of the pseudonym that is asked for.
    pub fn scope(&self) -> Result<Fr, PolicyError> {
        Ok(self.scope_parameters()?.scope())
    }

    /// The challenge of the plain transport: `client_id` = `rp`.
    pub fn challenge(&self) -> Fr {
        challenge(&handover(&self.rp, &self.nonce, &self.response_uri))
    }

    /// Checks everything that does not depend on who reads it or when: host, answer address, slots,
    /// period, thresholds. Both sides call it; neither trusts the other to have done so.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.check_addresses()?;
        self.check_link()?;
        self.predicates.check_thresholds(self.valid_on)?;
        Ok(())
    }

    /// Checks who asks and where the answer goes: `rp` is a host name and `response_uri` lies on it.
    pub fn check_addresses(&self) -> Result<Host, PolicyError> {
        let host = self.host()?;
        check_response_uri(&self.response_uri, &host)?;
        Ok(host)
    }

    /// Checks that `slots` and `period` fit `link`.
    pub fn check_link(&self) -> Result<(), PolicyError> {
        if !self.link.slots_fit(self.slots) {
            return Err(PolicyError::Slots);
        }
        let period_fits = match self.link {
            LinkKind::Account => self.period == 0,
            LinkKind::Tokens => self.period <= MAX_PERIOD,
            LinkKind::None => self.period == u64::from(self.valid_on.number()),
        };
        if period_fits { Ok(()) } else { Err(PolicyError::Period) }
    }
}

/// RFC 3986, exactly: no user information, no fragment, the host letter by letter `host`; the port is
/// no part of the host. Plain http only for names that wallets resolve to loopback.
fn check_response_uri(text: &str, host: &Host) -> Result<(), PolicyError> {
    let uri = Uri::parse(text).map_err(|_| PolicyError::ResponseUri)?;
    let authority = uri.authority().ok_or(PolicyError::ResponseUri)?;
    let scheme = uri.scheme().as_str();
    let scheme_fits = scheme == "https" || (scheme == "http" && host.is_loopback());
    let port_fits = authority.port().is_none_or(|p| p.as_str().parse::<u16>().is_ok_and(|n| n > 0));
    if text.len() > 2048
        || !scheme_fits
        || !port_fits
        || authority.host() != host.as_str()
        || authority.has_userinfo()
        || uri.has_fragment()
    {
        return Err(PolicyError::ResponseUri);
    }
    Ok(())
}

/// A request as a compact JWS (RFC 7515) with EdDSA (RFC 8037), not yet verified. The signature is
/// checked over the bytes as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    signing_input: String,
    signature: [u8; 64],
    request: Request,
}

/// The only header there is, its two members in either order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
}

const TYP: &str = "oauth-authz-req+jwt";
const ALG: &str = "EdDSA";

/// The signature does not fit the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request's signature does not fit the platform's key")]
pub struct RequestSignature;

impl SignedRequest {
    /// Signs a request; the result is the compact JWS.
    pub fn sign(request: &Request, key: &SigningKey) -> String {
        let header = json::to_string(&Header { typ: TYP.into(), alg: ALG.into() });
        let input = format!(
            "{}.{}",
            base64url::encode(header.as_bytes()),
            base64url::encode(request.to_json().as_bytes())
        );
        let signature = base64url::encode(&key.sign(input.as_bytes()).to_bytes());
        format!("{input}.{signature}")
    }

    /// Reads a compact JWS without verifying it.
    pub fn decode(text: &str) -> Result<SignedRequest, RequestSyntax> {
        let syntax = |what: &str| RequestSyntax(format!("signed request: {what}"));
        if text.len() > 2 * MAX_REQUEST {
            return Err(syntax("too long"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(syntax("not three parts with dots between them"));
        };
        let bytes =
            |part: &str| base64url::decode(part).ok_or_else(|| syntax("not base64url without padding"));
        let head: Header = json::parse(&bytes(header)?).map_err(|e| syntax(&e.to_string()))?;
        if head.typ != TYP || head.alg != ALG {
            return Err(syntax("the header must name oauth-authz-req+jwt and EdDSA"));
        }
        let request = Request::from_json(&bytes(payload)?)?;
        let signature =
            <[u8; 64]>::try_from(bytes(signature)?).map_err(|_| syntax("the signature is not 64 bytes"))?;
        Ok(SignedRequest { signing_input: format!("{header}.{payload}"), signature, request })
    }

    /// The request inside, whoever signed it. A platform reads its own request this way; a wallet calls
    /// [`SignedRequest::verify`] first.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Checks the signature and gives the request.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&Request, RequestSignature> {
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(self.signing_input.as_bytes(), &signature).map_err(|_| RequestSignature)?;
        Ok(&self.request)
    }
}

/// A request in either form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyRequest {
    /// JSON.
    Plain(Request),
    /// Compact JWS, not verified.
    Signed(SignedRequest),
}

impl AnyRequest {
    /// Reads JSON or a compact JWS (which never begins with a brace); white space around either is
    /// ignored.
    pub fn read(bytes: &[u8]) -> Result<AnyRequest, RequestSyntax> {
        let bytes = bytes.trim_ascii();
        if bytes.first() == Some(&b'{') {
            return Request::from_json(bytes).map(AnyRequest::Plain);
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| RequestSyntax("neither JSON nor a signed request".into()))?;
        SignedRequest::decode(text).map(AnyRequest::Signed)
    }

    /// The request inside, whoever signed it.
    pub fn request(&self) -> &Request {
        match self {
            AnyRequest::Plain(r) => r,
            AnyRequest::Signed(s) => &s.request,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The example of contract §4.
    pub(crate) const EXAMPLE: &str = r#"{"v":1,"circuit":"00000000000000000000000000000000000000000000000000000000000000aa","rp":"forum.example","context":"","link":"none","slots":65536,"period":82870,"predicates":{"valid":true,"age":{"at_least":18}},"valid_on":"2026-11-22","nonce":"AAECAwQFBgcICQoLDA0ODw","response_uri":"https://forum.example/v1/requests/0f8c1d/presentation","expires_at":"2026-11-22T08:05:00Z"}"#;

    fn example(from: &str, to: &str) -> Result<Request, RequestSyntax> {
        assert!(EXAMPLE.contains(from));
        Request::from_json(EXAMPLE.replacen(from, to, 1).as_bytes())
    }

    #[test]
    fn the_example_round_trips() {
        let r = Request::from_json(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(r.check(), Ok(()));
        assert_eq!(r.to_json(), EXAMPLE);
        assert_eq!(
            crate::field::to_hex(&r.challenge()),
            "00c598d53e108e825b8cca14bbb4ffc3504c1e354dd8c9e99b8d319ee5b8069a"
        );
        assert_eq!(
            crate::field::to_hex(&r.scope().unwrap()),
            "004ad957ad806f92c0a036a69d462a9dcc4fbb7c7778e3946f62a0cad10dcc7e"
        );
    }

    #[test]
    fn syntax() {
        for (from, to) in [
            ("\"v\":1", "\"v\":2"),
            ("\"v\":1,", ""),
            ("\"context\":\"\",", ""),
            ("\"context\"", "\"extra\":1,\"context\""),
            ("82870", "9007199254740992"),
            ("\"none\"", "\"None\""),
            ("65536", "-1"),
            ("2026-11-22\"", "2026-11-31\""),
            ("AAECAwQFBgcICQoLDA0ODw", "AAEC"),
            ("aa\"", "AA\""),
            ("08:05:00Z", "08:05:00+00:00"),
            ("true", "false"),
            ("{\"at_least\":18}", "[18,60]"),
            ("\"rp\":", "\"rp\":\"a.b\",\"rp\":"),
        ] {
            assert!(example(from, to).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn policy() {
        let check = |from, to| example(from, to).unwrap().check();
        assert_eq!(check("\"forum.example\"", "\"Forum.example\""), Err(PolicyError::Host));
        assert_eq!(check("\"forum.example\"", "\"127.0.0.1\""), Err(PolicyError::Host));
        assert_eq!(check("\"forum.example\"", "\"bank.example\""), Err(PolicyError::ResponseUri));
        assert_eq!(check("82870", "82871"), Err(PolicyError::Period));
        assert_eq!(check("65536", "3"), Err(PolicyError::Slots));
        assert_eq!(check("\"none\"", "\"account\""), Err(PolicyError::Slots));
        assert_eq!(check("\"none\",\"slots\":65536", "\"account\",\"slots\":1"), Err(PolicyError::Period));
        assert_eq!(
            check("\"none\",\"slots\":65536,\"period\":82870", "\"account\",\"slots\":1,\"period\":0"),
            Ok(())
        );
        assert_eq!(check("18}", "17}"), Err(PolicyError::Threshold(ThresholdNotAllowed("age"))));
    }

    #[test]
    fn answer_addresses() {
        let uri = "https://forum.example/v1/requests/0f8c1d/presentation";
        for good in ["https://forum.example", "https://forum.example:8443/a?b=c"] {
            assert_eq!(example(uri, good).unwrap().check(), Ok(()), "{good}");
        }
        for bad in [
            "http://forum.example/",
            "https://forum.example@evil.example/",
            "https://user@forum.example/",
            "https://forum.example.evil.example/",
            "https://FORUM.example/",
            "https://forum.example/#x",
            "https://forum.example:0/",
            "https://forum.example:99999/",
            "https:/forum.example",
            "//forum.example/",
            "https:forum.example",
            "https://forum%2eexample/",
            "https://evil.example\\\\@forum.example/",
            "https://forum.example /",
            "ftp://forum.example/",
            "",
        ] {
            assert_eq!(example(uri, bad).unwrap().check(), Err(PolicyError::ResponseUri), "{bad}");
        }
        let local = EXAMPLE.replace("forum.example", "a.localhost");
        let http = local.replace("https://", "http://").replace("a.localhost/v1", "a.localhost:4000/v1");
        assert_eq!(Request::from_json(http.as_bytes()).unwrap().check(), Ok(()));
    }

    #[test]
    fn signed_requests() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let request = Request::from_json(EXAMPLE.as_bytes()).unwrap();
        let jws = SignedRequest::sign(&request, &key);
        let decoded = SignedRequest::decode(&jws).unwrap();
        assert_eq!(decoded.verify(&key.verifying_key()), Ok(&request));
        assert_eq!(decoded.verify(&SigningKey::from_bytes(&[8; 32]).verifying_key()), Err(RequestSignature));
        assert_eq!(AnyRequest::read(format!("{jws}\n").as_bytes()).unwrap().request(), &request);
        assert_eq!(AnyRequest::read(EXAMPLE.as_bytes()).unwrap(), AnyRequest::Plain(request.clone()));
        // The members of the header in the other order, signed over those bytes.
        let header = base64url::encode(br#"{"alg":"EdDSA","typ":"oauth-authz-req+jwt"}"#);
        let input = format!("{header}.{}", jws.split('.').nth(1).unwrap());
        let other = format!("{input}.{}", base64url::encode(&key.sign(input.as_bytes()).to_bytes()));
        assert!(SignedRequest::decode(&other).unwrap().verify(&key.verifying_key()).is_ok());
        for bad in [
            r#"{"alg":"none","typ":"oauth-authz-req+jwt"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","typ":"JWT"}"#,
            r#"{"alg":"EdDSA","typ":"oauth-authz-req+jwt","kid":"1"}"#,
        ] {
            let text = format!("{}.{}", base64url::encode(bad.as_bytes()), jws.split_once('.').unwrap().1);
            assert!(SignedRequest::decode(&text).is_err(), "{bad}");
        }
        assert!(SignedRequest::decode(&format!("{jws}.")).is_err());
        assert!(AnyRequest::read(b"\xff").is_err());
    }
}
