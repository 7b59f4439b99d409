//! Presentations: JSON, 201 bytes, and the points of a proof.

use super::code_of;
use crate::strict::{Shape, one_reading};
use crate::{BYTES, POINTS, Target, Verdict, seeds};
use veilpass_protocol::presentation::{DECLINE, MAX_JSON, Presentation};
use veilpass_protocol::scope::MAX_PERIOD;
use veilpass_verifier::{PROOF_BYTES, Proof, VerifyError};

/// Contract §4, "Presentation", as JSON.
pub const JSON: Target = Target {
    name: "presentation_json",
    judge: read,
    seeds: || seeds::presentations().into_iter().filter(|p| p.first() != Some(&1)).collect(),
    repair: None,
    words: &["\"circuit\":", "\"epoch\":", "\"pseudonym\":", "\"proof\":", "\"v\":1,", DECLINE],
    short: 500_000,
    full: BYTES,
};

/// The 201 bytes.
pub const BINARY: Target = Target {
    name: "presentation_binary",
    judge: read,
    seeds: || seeds::presentations().into_iter().filter(|p| p.first() == Some(&1)).collect(),
    repair: None,
    words: &[],
    short: 1_000_000,
    full: BYTES,
};

/// A presentation as far as its points.
pub const PROOF: Target = Target {
    name: "proof",
    judge: proof,
    seeds: || {
        seeds::presentations()
            .into_iter()
            .filter_map(|p| Some(Presentation::read(&p).ok()?.to_binary()))
            .collect()
    },
    repair: Some(crate::repair::proof_flags),
    words: &[],
    short: 20_000,
    full: POINTS,
};

fn read(input: &[u8]) -> Verdict {
    let read = Presentation::read(input);
    match &read {
        Ok(p) => accepted(input, p),
        Err(e) => code_of(
            VerifyError::from(e.clone()).code(),
            &["presentation_syntax", "version_unsupported", "not_canonical"],
        ),
    }
    Verdict::from(&read)
}

fn accepted(input: &[u8], p: &Presentation) {
    let (json, binary) = (p.to_json(), p.to_binary());
    // The binary form has room for epochs that JSON has none for (contract §1, §4); no such epoch exists.
    let own = Presentation::read(json.as_bytes());
    assert!(
        if p.epoch <= MAX_PERIOD { own.as_ref() == Ok(p) } else { own.is_err() },
        "its own JSON reads differently"
    );
    assert_eq!(Presentation::read(&binary).as_ref(), Ok(p), "its own bytes read differently");
    assert_eq!(
        (binary.len(), json.len()),
        (201, 354 + p.epoch.to_string().len()),
        "a length that tells people apart"
    );
    if input.first() == Some(&1) {
        assert_eq!(input, binary, "two texts of one presentation");
    } else {
        let shape = Shape { longest: MAX_JSON, ..Shape::default() };
        one_reading(input, &shape, &|text| Some(Presentation::from_json(text).ok()?.to_json().into_bytes()));
    }
}

fn proof(input: &[u8]) -> Verdict {
    let Ok(p) = Presentation::read(input) else { return Verdict::Rejected };
    let read = Proof::from_bytes(&p.proof);
    match &read {
        Ok(read) => {
            assert_eq!(read.to_bytes(), p.proof, "a point with two encodings");
            assert!(read.a().is_on_curve() && read.b().is_on_curve() && read.c().is_on_curve());
            assert!(read.b().is_in_correct_subgroup_assuming_on_curve());
            assert!([31, 95, 127].iter().all(|at| p.proof[*at] & 0x40 == 0), "infinity in a proof");
            assert_eq!(p.proof.len(), PROOF_BYTES);
        }
        Err(e) => code_of(VerifyError::from(*e).code(), &["proof_point"]),
    }
    Verdict::from(&read)
}
