//! Requests: JSON and compact JWS.

use crate::strict::{Shape, one_reading};
use crate::{BYTES, Target, Verdict, seeds};
use veilpass_protocol::field::{Fr, to_bytes};
use veilpass_protocol::request::{AnyRequest, MAX_REQUEST, Request, SignedRequest};
use veilpass_protocol::scope::{MAX_PERIOD, NONE_SLOTS};
use veilpass_protocol::statement::Statement;
use veilpass_prover::{Channel, answer_address};
use veilpass_server::reading::client_goes_to;

const WORDS: &[&str] = &[
    "\"predicates\":{\"valid\":true}",
    "\"age\":{\"at_least\":18}",
    "\"below\":",
    "\"at_least\":",
    "\"sex\":\"female\"",
    "\"documents\":\"foreign\"",
    "\"nationality\":",
    "\"province\":",
    "\"generation_at_most\":",
    "\"enrolled_on_or_before\":",
    "\"link\":\"account\",\"slots\":1,\"period\":0",
    "\"link\":\"tokens\"",
    "\"none\"",
    "account",
    "tokens",
    "2026-01-01",
    "forum.example",
    "localhost",
    "a.localhost",
    "https://",
    "http://",
    "127.0.0.1",
    "[::1]",
    "@",
    "#",
    "?",
    "\\\\",
    "%2e",
    ":443",
    ":0",
    "xn--",
    "14",
    "16",
    "18",
    "60",
    "82870",
    "65536",
];

/// Contract §4, "Request".
pub const JSON: Target = Target {
    name: "request_json",
    judge: read,
    seeds: seeds::requests,
    repair: None,
    words: WORDS,
    short: 200_000,
    full: BYTES,
};

/// Contract §4, "Signed request".
pub const SIGNED: Target = Target {
    name: "request_signed",
    judge: read,
    seeds: seeds::signed_requests,
    repair: None,
    words: WORDS,
    short: 200_000,
    full: BYTES,
};

fn read(input: &[u8]) -> Verdict {
    let read = AnyRequest::read(input);
    if let Ok(any) = &read {
        let request = any.request();
        in_ranges(request);
        match any {
            AnyRequest::Plain(_) => {
                let shape = Shape {
                    optional: &[
                        "age",
                        "at_least",
                        "below",
                        "sex",
                        "documents",
                        "nationality",
                        "province",
                        "enrolled_on_or_before",
                        "generation_at_most",
                    ],
                    longest: MAX_REQUEST,
                    ..Shape::default()
                };
                one_reading(input.trim_ascii(), &shape, &|t| {
                    Some(Request::from_json(t).ok()?.to_json().into_bytes())
                });
            }
            AnyRequest::Signed(signed) => {
                let key = seeds::platform_key();
                let again = SignedRequest::sign(request, &key);
                let decoded = SignedRequest::decode(&again).expect("what was signed can be read");
                assert_eq!(
                    decoded.verify(&key.verifying_key()),
                    Ok(request),
                    "signed anew it is another request"
                );
                // The signature is over the bytes as sent: nobody's, unless these are the very same.
                let text = std::str::from_utf8(input.trim_ascii()).expect("a JWS is text");
                if text != again {
                    let both =
                        (signed.verify(&key.verifying_key()).is_ok(), again.rsplit_once('.').map(|a| a.1));
                    let same_signature = text.rsplit_once('.').map(|t| t.1) == both.1;
                    assert!(!(both.0 && same_signature), "one signature for two texts");
                }
            }
        }
        if request.check().is_ok() {
            asked(input, request);
        }
    }
    Verdict::from(&read)
}

/// What a request may say whoever reads it.
fn in_ranges(r: &Request) {
    assert!(r.period <= MAX_PERIOD);
    assert!((22..=43).contains(&r.nonce.as_str().len()), "a nonce of another length than 16-32 bytes");
    assert!(r.context.as_str().len() <= 256);
    let p = &r.predicates;
    assert!(
        p.nationality.is_none_or(|n| (1..=999).contains(&n))
            && p.province.is_none_or(|n| (1..=99).contains(&n))
    );
}

/// What may be asked: the contract's closed lists, read once more, and where the answer would go.
fn asked(input: &[u8], r: &Request) {
    let host = r.host().expect("checked");
    assert!(r.slots >= 1 && r.slots <= NONE_SLOTS);
    let p = &r.predicates;
    if let Some(age) = p.age {
        let listed = |n: Option<u32>| n.is_none_or(|n| matches!(n, 14 | 16 | 18 | 60));
        assert!(listed(age.at_least) && listed(age.below) && age.at_least.or(age.below).is_some());
        assert!(age.at_least.zip(age.below).is_none_or(|(a, b)| a < b));
    }
    if let Some(day) = p.enrolled_on_or_before {
        assert!(matches!(day.ymd(), (_, 1 | 7, 1)) && day.number() + 180 <= r.valid_on.number());
    }
    assert!(p.generation_at_most.is_none_or(|n| n == 0));
    // The client that posts the answer has another parser of addresses: both must see the same host.
    let (scheme, goes_to) = client_goes_to(&r.response_uri).expect("the client refuses a checked address");
    assert_eq!(goes_to, host.as_str(), "the answer goes to another host");
    assert!(scheme == "https" || host.is_loopback());
    assert_eq!(answer_address(input, &Channel::default()).as_ref(), Some(&r.response_uri));
    let scope = r.scope().expect("checked");
    assert!(
        to_bytes(&scope).first() == Some(&0) && to_bytes(&r.challenge()).first() == Some(&0),
        "31 bytes each"
    );
    let statement = Statement::for_request(r, Fr::from(1u64), Fr::from(2u64)).expect("checked");
    assert_eq!(statement.scope, scope);
    assert_eq!(Statement::from_array(statement.to_array()), statement);
}
