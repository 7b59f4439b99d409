//! Positive controls: parsers that are broken on purpose, each in another way, under the runner that CI runs,
//! with no more executions than a short run gives to the cheapest target.

use veilpass_fuzz::runner::{Limits, run};
use veilpass_fuzz::{BYTES, Target, Verdict, repair};
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::Request;

const LIMITS: Limits = Limits { executions: 200_000, time: None };
const REQUEST: &[u8] = br#"{"v":1,"circuit":"00000000000000000000000000000000000000000000000000000000000000aa","rp":"forum.example","context":"","link":"none","slots":65536,"period":82870,"predicates":{"valid":true,"age":{"at_least":18}},"valid_on":"2026-11-22","nonce":"AAECAwQFBgcICQoLDA0ODw","response_uri":"https://forum.example/v1/requests/0f8c1d/presentation","expires_at":"2026-11-22T08:05:00Z"}"#;

fn broken(name: &'static str, judge: fn(&[u8]) -> Verdict, words: &'static [&'static str]) -> Target {
    Target { name, judge, seeds: Vec::new, repair: None, words, full: BYTES, short: LIMITS.executions }
}

/// The message of the crash that the runner finds, and the input that it was made as short as.
fn found(target: &Target, corpus: &[Vec<u8>]) -> (String, Vec<u8>) {
    let report = run(target, corpus, 1, LIMITS);
    let crash =
        report.crash.unwrap_or_else(|| panic!("{}: nothing found in {}", target.name, report.executions));
    assert!(report.executions <= LIMITS.executions);
    (crash.message, crash.input)
}

/// A slice beyond the end, once the input is a tile of a kind that no seed is: a panic on received bytes.
#[test]
fn a_panic_is_found_and_made_short() {
    let target = broken(
        "control_panic",
        |input| {
            if input.len() > 20 && input[3] == 0xff {
                let _ = input[input.len()];
            }
            Verdict::Accepted
        },
        &[],
    );
    let (message, input) = found(&target, &[vec![0; 400]]);
    assert!(message.contains("out of bounds"), "{message}");
    assert_eq!((input.len(), input[3]), (21, 0xff));
}

/// A count that overflows: found at the bound, among the numbers that the mutator knows.
#[test]
fn an_overflow_is_found() {
    let target = broken(
        "control_overflow",
        |input| {
            let Ok(request) = Request::from_json(input) else { return Verdict::Rejected };
            // Believed to be small, because it is in every example.
            assert!(
                u32::try_from(request.period).is_ok_and(|p| p.checked_add(1).is_some()),
                "the period runs over"
            );
            Verdict::Accepted
        },
        &[],
    );
    let (message, input) = found(&target, &[REQUEST.to_vec()]);
    assert!(message.contains("the period runs over"), "{message}");
    assert!(Request::from_json(&input).is_ok());
}

/// A reader that takes two texts for one value: white space, padding, another order of members.
#[test]
fn a_second_spelling_is_found() {
    let target = broken(
        "control_spelling",
        |input| {
            // Trims what no reader may trim.
            let read = Presentation::read(input.strip_suffix(b"\0").unwrap_or(input));
            if let Ok(p) = &read {
                assert_eq!(p.to_binary(), input, "two texts of one presentation");
            }
            Verdict::from(&read)
        },
        &[],
    );
    let good = [&[1u8][..], &[7; 32], &[0; 7], &[3], &[0; 31], &[5], &[9; 128]].concat();
    assert!(Presentation::read(&good).is_ok());
    let (message, input) = found(&target, std::slice::from_ref(&good));
    assert!(message.contains("two texts"), "{message}");
    assert_eq!(input.len(), good.len() + 1);
}

/// A fault behind a check character, which mutation alone hits once in 36 times at best: the repair leads there.
#[test]
fn what_lies_behind_a_check_is_found() {
    let target = broken(
        "control_behind",
        |input| {
            let read = std::str::from_utf8(input)
                .map_err(|_| ())
                .and_then(|t| t.parse::<NetworkNumber>().map_err(|_| ()));
            assert!(!read.is_ok_and(|number| number.as_str().starts_with("ZZ")), "a number of that kind");
            Verdict::from(&read)
        },
        &["ZZ"],
    );
    let target = Target { repair: Some(repair::network_number), ..target };
    let (message, _) = found(&target, &[b"7K2M0QX4R3".to_vec()]);
    assert!(message.contains("a number of that kind"), "{message}");
}

/// And a parser that is sound is left in peace, with the same seed and the same number of tries.
#[test]
fn nothing_is_found_where_nothing_is() {
    let target = broken("control_sound", |input| Verdict::from(&Request::from_json(input)), &[]);
    let report = run(&target, &[REQUEST.to_vec()], 1, Limits { executions: 20_000, time: None });
    assert!(report.crash.is_none() && report.executions == 20_000);
    assert!(report.accepted > 100 && report.rejected > 1000, "{} {}", report.accepted, report.rejected);
    let again = run(&target, &[REQUEST.to_vec()], 1, Limits { executions: 20_000, time: None });
    assert_eq!(
        (again.accepted, again.rejected),
        (report.accepted, report.rejected),
        "a seed gives the same run"
    );
}
