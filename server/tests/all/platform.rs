//! A platform's keys and requests.

use crate::people::at;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::os::unix::fs::PermissionsExt;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::json::{base64url, parse};
use veilpass_protocol::predicates::Predicates;
use veilpass_protocol::request::{AnyRequest, SignedRequest};
use veilpass_protocol::scope::LinkKind;
use veilpass_server::platform::{PlatformKeys, RequestOptions};
use veilpass_server::{Blame, RegistryError, token};

fn options(predicates: &str) -> RequestOptions {
    let predicates: Predicates = parse(predicates.as_bytes()).unwrap();
    RequestOptions::new("forum.example".parse().unwrap(), CircuitId([7; 32]), predicates)
}

#[test]
fn keys_are_made_once() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("platform");
    let mut rng = StdRng::seed_from_u64(80);
    let new = PlatformKeys::generate(&folder, &mut rng).unwrap();
    let keys = PlatformKeys::open(&folder).unwrap();
    assert_eq!(base64url::encode(keys.key().as_bytes()), new.key);
    let stored = std::fs::read_to_string(keys.token_file()).unwrap();
    assert_eq!(stored.trim_end(), hex::encode(token::hash(&new.token)));
    for file in ["request.key", "token.sha256"] {
        let path = folder.join(file);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!std::fs::read_to_string(&path).unwrap().contains(&new.token));
    }
    assert!(!format!("{new:?}").contains(&new.token));
    let again = PlatformKeys::generate(&folder, &mut rng).unwrap_err();
    assert!(matches!(again, RegistryError::NotVacant(_)));
    assert_eq!(PlatformKeys::open(&folder).unwrap().key(), keys.key());
    std::fs::write(folder.join("request.key"), "x").unwrap();
    assert_eq!(PlatformKeys::open(&folder).unwrap_err().blame(), Blame::WrongUse);
    assert_eq!(PlatformKeys::open(home.path()).unwrap_err().blame(), Blame::WrongUse);
}

#[test]
fn requests_with_defaults() {
    let mut rng = StdRng::seed_from_u64(81);
    let made = options(r#"{"valid":true,"age":{"at_least":18}}"#).make(None, at(0), &mut rng).unwrap();
    let r = &made.request;
    assert_eq!(made.signed, None);
    assert_eq!((r.link, r.slots, r.period), (LinkKind::None, 65536, 82870));
    assert_eq!((r.valid_on.to_string(), r.expires_at), ("2026-11-22".into(), at(300)));
    let id = r.response_uri.strip_prefix("https://forum.example/v1/requests/").unwrap();
    assert_eq!(id.strip_suffix("/presentation").unwrap().len(), 32);
    assert_eq!(AnyRequest::read(made.text().as_bytes()).unwrap(), AnyRequest::Plain(r.clone()));
    let next = options(r#"{"valid":true}"#).make(None, at(0), &mut rng).unwrap().request;
    assert_ne!((&next.nonce, &next.response_uri), (&r.nonce, &r.response_uri));
    // 16:00 UTC is midnight in UTC+08:00.
    let late = options(r#"{"valid":true}"#).make(None, at(8 * 3600), &mut rng).unwrap().request;
    assert_eq!((late.valid_on.to_string(), late.period), ("2026-11-23".into(), 82871));
    let mut o = options(r#"{"valid":true}"#);
    o.link = LinkKind::Account;
    let r = o.make(None, at(0), &mut rng).unwrap().request;
    assert_eq!((r.slots, r.period), (1, 0));
    // How many, and in which period, only the platform knows.
    for (slots, period) in [(None, None), (Some(3), None), (None, Some(1))] {
        let mut o = options(r#"{"valid":true}"#);
        (o.link, o.slots, o.period) = (LinkKind::Tokens, slots, period);
        assert_eq!(o.make(None, at(0), &mut rng).unwrap_err().code(), Some("request_policy"));
    }
    let mut o = options(r#"{"valid":true}"#);
    (o.link, o.slots, o.period, o.ttl) = (LinkKind::Tokens, Some(3), Some(20414), 60);
    o.context = "poll-1".parse().unwrap();
    o.response_uri = Some("https://forum.example:8443/answers".into());
    let r = o.make(None, at(0), &mut rng).unwrap().request;
    assert_eq!((r.slots, r.period, r.expires_at), (3, 20414, at(60)));
    // Scope T of contract §3.
    let scope = veilpass_protocol::field::to_hex(&r.scope().unwrap());
    assert_eq!(scope, "009c0cb3708f530297fc5940e3dba48e96a495f8243f4a0875f92832e6f10dd2");
}

#[test]
fn signed_requests() {
    let home = tempfile::tempdir().unwrap();
    let mut rng = StdRng::seed_from_u64(82);
    PlatformKeys::generate(home.path(), &mut rng).unwrap();
    let keys = PlatformKeys::open(home.path()).unwrap();
    let made = options(r#"{"valid":true}"#).make(Some(&keys), at(0), &mut rng).unwrap();
    let signed = SignedRequest::decode(&made.text()).unwrap();
    assert_eq!(signed.verify(&keys.key()).unwrap(), &made.request);
}

#[test]
fn what_nobody_may_ask_is_refused() {
    let mut rng = StdRng::seed_from_u64(83);
    type Change = fn(&mut RequestOptions);
    let cases: [(&str, Change); 6] = [
        (r#"{"valid":true,"age":{"at_least":17}}"#, |_| ()),
        (r#"{"valid":true,"enrolled_on_or_before":"2026-07-01"}"#, |_| ()),
        (r#"{"valid":true}"#, |o| o.slots = Some(1)),
        (r#"{"valid":true}"#, |o| o.period = Some(0)),
        (r#"{"valid":true}"#, |o| o.response_uri = Some("https://other.example/".into())),
        (r#"{"valid":true}"#, |o| o.response_uri = Some("http://forum.example/".into())),
    ];
    for (predicates, change) in cases {
        let mut o = options(predicates);
        change(&mut o);
        let error = o.make(None, at(0), &mut rng).unwrap_err();
        assert_eq!((error.blame(), error.code()), (Blame::Refused, Some("request_policy")), "{predicates}");
    }
}
