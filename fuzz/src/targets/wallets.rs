//! What a wallet reads: its credential and the insides of its encrypted files.

use super::code_of;
use crate::strict::{Shape, one_reading};
use crate::{BYTES, POINTS, Target, Verdict, repair, seeds};
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::json;
use veilpass_prover::{Refusal, plaintext};
use zeroize::Zeroizing;

const WORDS: &[&str] = &[
    "\"pseudonym_secret\":",
    "\"device_secret\":",
    "\"credential\":null",
    "\"expires_on\":null",
    "\"nationality\":",
    "\"province\":",
    "\"generation\":",
    "\"sex\":",
    "\"candidates\":[]",
    "\"operation\":{\"enrol\":null}",
    "rotate",
    "\"place\":",
    "\"pins\":",
    "\"slots\":",
    "\"history\":",
    "\"platforms\":",
    "\"path\":",
    "\"leaf\":",
    "\"searched\":",
    "\"visits\":",
    "7K2M0QX4R3",
];

/// Contract §4, "Credential, public part".
pub const CREDENTIAL: Target = Target {
    name: "credential",
    judge: credential,
    seeds: seeds::credentials,
    repair: None,
    words: WORDS,
    short: 200_000,
    full: BYTES,
};

/// Contract §4, "Wallet file": what is inside.
pub const WALLET: Target = Target {
    name: "wallet_plaintext",
    judge: |input| {
        again(
            input,
            plaintext::wallet,
            &Shape { nullable: &["credential", "expires_on"], ..Shape::default() },
        )
    },
    seeds: seeds::wallets,
    repair: None,
    words: WORDS,
    short: 200_000,
    full: BYTES,
};

/// What is inside the file of what a wallet remembers.
pub const STATE: Target = Target {
    name: "state_plaintext",
    judge: |input| again(input, plaintext::state, &STATE_SHAPE),
    seeds: seeds::states,
    repair: None,
    words: WORDS,
    short: 30_000,
    full: BYTES,
};

/// What is inside the file of prepared answers.
pub const PREPARED: Target = Target {
    name: "prepared_plaintext",
    judge: prepared,
    seeds: seeds::prepared,
    repair: Some(repair::prepared),
    words: &["veilpass prepared v1\n"],
    short: 20_000,
    // In more than half of them points are read.
    full: 2 * POINTS,
};

const STATE_SHAPE: Shape = Shape {
    optional: &[
        "candidates",
        "visits",
        "age",
        "at_least",
        "below",
        "nationality",
        "province",
        "enrolled_on_or_before",
        "generation_at_most",
        "documents",
        "sex",
    ],
    nullable: &["authority", "epochs", "cells", "leaf", "place", "path", "credential", "expires_on", "day"],
    open: &["sex", "document_class", "nationality", "province", "age"],
    longest: 0,
};

fn in_ranges(attributes: &Attributes) {
    assert_eq!(attributes.check(), Ok(()));
    assert_eq!(
        Attributes::unpack(&attributes.pack()).as_ref(),
        Some(attributes),
        "packed it is something else"
    );
}

fn credential(input: &[u8]) -> Verdict {
    let read = Credential::from_json(input);
    if let Ok(credential) = &read {
        in_ranges(&credential.attributes);
        let shape = Shape { nullable: &["expires_on"], ..Shape::default() };
        one_reading(input, &shape, &|text| Some(Credential::from_json(text).ok()?.to_json().into_bytes()));
    }
    Verdict::from(&read)
}

/// One length, one text of each store, all points in their groups.
fn prepared(input: &[u8]) -> Verdict {
    let read = plaintext::prepared(input);
    match &read {
        Ok(again) => {
            assert_eq!(again.as_slice(), input, "two texts of one store");
            let longer = plaintext::prepared(&[input, &[0]].concat());
            assert!(longer.is_err() && plaintext::prepared(&input[..input.len() - 1]).is_err());
        }
        Err(e) => code_of(e.code(), &["file_damaged"]),
    }
    Verdict::from(&read)
}

type Reader = fn(&[u8]) -> Result<Zeroizing<String>, Refusal>;

fn again(input: &[u8], reader: Reader, shape: &Shape) -> Verdict {
    let read = reader(input);
    match &read {
        Ok(_) => {
            one_reading(input, shape, &|text| Some(reader(text).ok()?.as_bytes().to_vec()));
            // Credentials inside are as good as those outside.
            let value: serde_json::Value = serde_json::from_slice(input).expect("an accepted text is JSON");
            let candidates = value["candidates"].as_array().into_iter().flatten().map(|c| &c["credential"]);
            for inner in candidates.chain([&value["credential"]]).filter(|inner| !inner.is_null()) {
                let text = json::to_string(inner);
                assert!(
                    Credential::from_json(text.as_bytes()).is_ok(),
                    "a credential that is none outside: {text}"
                );
            }
        }
        Err(e) => code_of(e.code(), &["file_damaged"]),
    }
    Verdict::from(&read)
}
