//! Bodies over HTTP (contract §8): what both servers take, and the problem documents that clients read. The
//! other answers are a credential or a note, which have targets of their own.

use super::code_of;
use crate::strict::{Shape, one_reading};
use crate::{BYTES, Target, Verdict, seeds};
use veilpass_protocol::json;
use veilpass_protocol::presentation::Presentation;
use veilpass_server::client::Answer;
use veilpass_server::http::Received;
use veilpass_server::reading::{DeskError, Taken, Wanted, body, is_decline, wanted};

/// Bodies to an authority; the first byte names the route.
pub const AUTHORITY: Target = Target {
    name: "http_authority",
    judge: authority,
    seeds: seeds::authority_bodies,
    repair: None,
    words: &[
        "\"operation\":\"enrol\"",
        "\"document\":",
        "\"type\":\"mrz\"",
        "\"type\":\"resident_number\"",
        "\"expires_on\":null",
        "\"lines\":[",
        "\"document_class\":",
        "\"number\":",
        "\"words\":[",
        "abandon",
        "zoo",
        "\"code\":",
        "\"reason\":\"fraud\"",
        "\"network_number\":",
        "\"device_secret\":",
        "\"identity_commitment\":",
        "{\"enrol\":null}",
    ],
    short: 300_000,
    full: BYTES,
};

/// Bodies to a platform: what its program asks for, and declines.
pub const PLATFORM: Target = Target {
    name: "http_platform",
    judge: platform,
    seeds: seeds::platform_bodies,
    repair: None,
    words: &[
        "\"predicates\":{\"valid\":true}",
        "\"link\":\"tokens\"",
        "\"context\":\"\"",
        "\"period\":",
        "\"slots\":",
        "\"once\":true",
        "\"declined\":true",
        "\"v\":1",
        "\"age\":{\"at_least\":18}",
        "\"sex\":\"male\"",
    ],
    short: 500_000,
    full: BYTES,
};

/// Problem documents as clients read them.
pub const PROBLEM: Target = Target {
    name: "http_problem",
    judge: problem,
    seeds: seeds::problems,
    repair: None,
    words: &["\"code\":\"not_found\"", "\"detail\":", "\\u001b[2J", "\"status\":404", "\"type\":"],
    short: 500_000,
    full: BYTES,
};

const ROUTES: [Taken; 5] =
    [Taken::Application, Taken::Words, Taken::Enrolment, Taken::Removal, Taken::Withdrawal];

fn authority(input: &[u8]) -> Verdict {
    let Some((route, text)) = input.split_first() else { return Verdict::Rejected };
    let route = ROUTES[usize::from(*route) % ROUTES.len()];
    let received =
        |text: &[u8]| Received { media_type: "application/json".into(), bytes: text.to_vec().into() };
    let spelt = |text: &[u8]| Some(json::to_string(&body(route, &received(text)).ok()?).into_bytes());
    let read = body(route, &received(text));
    match &read {
        Ok(_) => one_reading(text, &Shape { nullable: &["expires_on"], ..Shape::default() }, &spelt),
        Err(e) => {
            code_of(e.code(), &["request_syntax"]);
            assert_eq!(e.status().as_u16(), 400);
            // Rule and place go back, and at most the name of an unknown member in small letters: of what
            // was sent nothing that could steer a terminal, and nothing long.
            let said = format!("{e:?}");
            let plain = said.chars().all(|c| c.is_ascii_graphic() || c == ' ');
            assert!(plain && said.len() < 1_000, "{said}");
        }
    }
    Verdict::from(&read)
}

fn platform(input: &[u8]) -> Verdict {
    let declined = is_decline(input);
    if declined {
        assert!(Presentation::read(input).is_err(), "a decline that is a presentation");
        one_reading(input, &Shape::default(), &|text| {
            is_decline(text).then(|| b"{\"v\":1,\"declined\":true}".to_vec())
        });
    }
    let read = wanted(input);
    match &read {
        Ok(_) => {
            let shape = Shape {
                optional: &[
                    "link",
                    "context",
                    "period",
                    "slots",
                    "once",
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
                ..Shape::default()
            };
            let spelt = |text: &[u8]| -> Option<Vec<u8>> {
                Some(json::to_string::<Wanted>(&wanted(text).ok()?).into_bytes())
            };
            one_reading(input, &shape, &spelt);
        }
        Err(DeskError::Refused(e)) => code_of(e.code(), &["request_syntax"]),
        Err(other) => panic!("{other}"),
    }
    if declined || read.is_ok() { Verdict::Accepted } else { Verdict::Rejected }
}

fn problem(input: &[u8]) -> Verdict {
    let answer = |body: &[u8]| Answer {
        status: 404,
        media_type: "application/problem+json".into(),
        etag: None,
        body: body.to_vec(),
    };
    let code = answer(input).problem_code();
    if let Some(code) = &code {
        assert!(
            code.len() <= 64
                && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        );
        // A document that says two things says nothing.
        let text = std::str::from_utf8(input).expect("an accepted text is JSON").trim_end();
        let twice = format!("{},\"code\":\"{code}\"}}", text.strip_suffix('}').expect("an object"));
        assert_eq!(answer(twice.as_bytes()).problem_code(), None, "two codes: {twice}");
    }
    if let Some(detail) = answer(input).problem_detail() {
        assert!(!detail.chars().any(char::is_control) && detail.chars().count() <= 500);
    }
    if code.is_some() { Verdict::Accepted } else { Verdict::Rejected }
}
