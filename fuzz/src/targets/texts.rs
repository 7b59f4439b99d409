//! Short texts that have a parser of their own: one value, one spelling – but for codes, which people type.

use crate::{BYTES, Target, Verdict, repair, seeds};
use std::fmt::Display;
use std::str::FromStr;
use veilpass_protocol::attributes::{DocumentClass, DocumentGroup, Sex};
use veilpass_protocol::challenge::Nonce;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::field;
use veilpass_protocol::json::base64url;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::operation::Operation;
use veilpass_protocol::scope::{Context, Host, LinkKind};
use veilpass_prover::CodeHash;
use veilpass_server::authority::{ApplicationId, OneTimeCode};
use veilpass_server::reading::{is_published_name, published_name};

/// Contract §2, "Network Number".
pub const NETWORK_NUMBER: Target = Target {
    name: "network_number",
    judge: network_number,
    seeds: || [&b"7K2M0QX4R3"[..], b"000000000V", b"ZZZZZZZZZH", b"7K2M0QX4R4"].map(<[u8]>::to_vec).into(),
    repair: Some(repair::network_number),
    words: &["0", "Z", "7K2M", "O", "I"],
    short: 1_000_000,
    full: BYTES,
};

/// One-time codes.
pub const CODE: Target = Target {
    name: "one_time_code",
    judge: code,
    seeds: || {
        let codes = [0u64, 1, 2]
            .map(|seed| OneTimeCode::generate(&mut seeds::rng(seed)).as_text().as_bytes().to_vec());
        codes.into_iter().chain([b"7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ".to_vec()]).collect()
    },
    repair: None,
    words: &["-", " ", "O", "o", "I", "l", "L", "1", "0", "U", "7", "8", "\u{a0}", "\t"],
    short: 1_000_000,
    full: BYTES,
};

/// Days, instants, hosts, contexts, nonces, field elements, names of lists and of published files; the first
/// byte says which.
pub const NAMES: Target = Target {
    name: "names",
    judge: names,
    seeds: seeds::names,
    repair: None,
    words: &[
        "2026-11-22",
        "T08:00:00Z",
        "forum.example",
        "localhost",
        "xn--",
        "0x",
        ".",
        "-",
        "/",
        "tiles/7/0/3",
        "epochs/",
        ".note",
        ".cells",
        "circuits/",
        ".vk",
        "platforms/",
        ".json",
        "vkey",
        "..",
        "resident_card",
        "withdrawn",
        "account",
    ],
    short: 1_000_000,
    full: BYTES,
};

fn network_number(input: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(input) else { return Verdict::Rejected };
    let read = text.parse::<NetworkNumber>();
    if let Ok(number) = &read {
        assert_eq!(number.as_str(), text);
        assert_eq!(NetworkNumber::from_body(&text[..9]), Ok(*number));
        // ISO 7064, hybrid MOD 37,36: over all ten characters the result is 1.
        let value = |b: u8| if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b - b'A') + 10 };
        let all = text.bytes().take(9).fold(36, |p, b| {
            let s = (p + value(b)) % 36;
            (if s == 0 { 36 } else { s }) * 2 % 37
        });
        assert_eq!((all + value(text.as_bytes()[9])) % 36, 1, "the check character");
    }
    Verdict::from(&read)
}

fn code(input: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(input) else { return Verdict::Rejected };
    let read = OneTimeCode::read(text);
    let Some(code) = &read else { return Verdict::Rejected };
    let spelt = code.as_text();
    assert_eq!(OneTimeCode::read(&spelt).as_ref(), Some(code));
    assert_eq!(spelt.len(), 32);
    assert!(text.len() <= 100);
    // Wallet and authority take the same texts for the same code.
    assert!(CodeHash::of(text) == CodeHash::of(&spelt), "the wallet takes it for another code");
    Verdict::Accepted
}

/// Reads a text and insists on its one spelling.
fn spelling<T: FromStr + Display>(text: &str) -> bool {
    let read = text.parse::<T>().ok();
    let read = read.map(|value| value.to_string());
    assert!(read.as_deref().is_none_or(|spelt| spelt == text), "two spellings: {text:?} and {read:?}");
    read.is_some()
}

fn names(input: &[u8]) -> Verdict {
    let Some((which, rest)) = input.split_first() else { return Verdict::Rejected };
    let Ok(text) = std::str::from_utf8(rest) else { return Verdict::Rejected };
    let read = match which % 16 {
        0 => spelling::<Day>(text),
        1 => spelling::<Timestamp>(text),
        2 => host(text),
        3 => spelling::<Context>(text) && text.len() <= 256 && !text.chars().any(char::is_control),
        4 => spelling::<Nonce>(text),
        5 => spelling::<CircuitId>(text),
        6 => spelling::<ApplicationId>(text),
        7 => spelling::<LinkKind>(text),
        8 => spelling::<Operation>(text),
        9 => spelling::<RemovalReason>(text),
        10 => spelling::<DocumentClass>(text),
        11 => spelling::<Sex>(text) || spelling::<DocumentGroup>(text),
        12 => field::from_hex(text).is_ok_and(|x| {
            assert_eq!(field::to_hex(&x), text, "two spellings");
            assert_eq!(field::from_bytes(&field::to_bytes(&x)), Ok(x));
            true
        }),
        13 => <&[u8; 32]>::try_from(rest).is_ok_and(|bytes| {
            field::from_bytes(bytes).is_ok_and(|x| {
                assert_eq!(&field::to_bytes(&x), bytes, "two spellings");
                true
            })
        }),
        14 => base64url::decode(text).is_some_and(|bytes| {
            assert_eq!(base64url::encode(&bytes), text, "two spellings");
            true
        }),
        _ => published_name(text).is_some_and(|spelt| {
            assert_eq!(spelt, text, "two names of one file");
            assert!(is_published_name(text), "clients do not ask for {text}");
            true
        }),
    };
    if read { Verdict::Accepted } else { Verdict::Rejected }
}

/// Contract §2: 1–253 bytes of lower-case A-labels, no IP literal, no port, no trailing dot.
fn host(text: &str) -> bool {
    let read = spelling::<Host>(text);
    if read {
        assert!((1..=253).contains(&text.len()));
        assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.'));
        let label = |l: &str| (1..=63).contains(&l.len()) && !l.starts_with('-') && !l.ends_with('-');
        assert!(text.split('.').all(label));
        assert!(text.parse::<std::net::IpAddr>().is_err(), "an address");
    }
    read
}
