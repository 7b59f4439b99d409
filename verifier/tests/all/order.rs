//! Every code of contract §7 that files can produce, and the order of §6: of any two faults in
//! different stages the earlier stage is reported.

use crate::testkit::{Trapdoor, g1, g2};
use crate::world::{Authority, HOUR, noon};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use veilpass_verifier::protocol::challenge::Nonce;
use veilpass_verifier::protocol::circuit_id::CircuitId;
use veilpass_verifier::protocol::day::Day;
use veilpass_verifier::protocol::epoch::EpochStatement;
use veilpass_verifier::protocol::field::Fr;
use veilpass_verifier::protocol::predicates::Predicates;
use veilpass_verifier::protocol::presentation::Presentation;
use veilpass_verifier::protocol::request::{NewRequest, Request};
use veilpass_verifier::protocol::scope::LinkKind;
use veilpass_verifier::protocol::statement::Statement;
use veilpass_verifier::{Files, Origin, Policy, verify_files};

/// (stage, code, blame), in the order of contract §6 and §7.
const FAULTS: [(u8, &str, &str); 22] = [
    (0, "key_syntax", "misconfigured"),
    (1, "key_mismatch", "misconfigured"),
    (2, "key_unsafe", "misconfigured"),
    (3, "key_dev", "misconfigured"),
    (4, "request_syntax", "misconfigured"),
    (5, "request_policy", "misconfigured"),
    (6, "request_date", "misconfigured"),
    (7, "epochs_syntax", "misconfigured"),
    (8, "epoch_signature", "misconfigured"),
    (9, "epochs_conflict", "misconfigured"),
    (10, "epochs_stale", "misconfigured"),
    (10, "epochs_from_future", "misconfigured"),
    (11, "epoch_below_floor", "misconfigured"),
    (12, "presentation_syntax", "malformed"),
    (12, "version_unsupported", "malformed"),
    (12, "not_canonical", "malformed"),
    (13, "circuit_unknown", "unacceptable"),
    (14, "epoch_unknown", "unacceptable"),
    (14, "epoch_replaced", "unacceptable"),
    (15, "request_expired", "unacceptable"),
    (16, "proof_point", "malformed"),
    (17, "proof_invalid", "invalid_proof"),
];

/// Files with these faults and no others.
fn outcome(faults: &[&str]) -> Result<(), (String, String)> {
    let has = |code: &str| faults.contains(&code);
    let mut rng = StdRng::seed_from_u64(1);

    let mut trapdoor = Trapdoor::from_seed(1);
    if has("key_unsafe") {
        trapdoor.gamma = trapdoor.delta;
    }
    let origin = if has("key_dev") { Origin::Dev } else { Origin::Ceremony };
    let key = trapdoor.key(origin);
    let circuit = key.circuit_id();
    let mut key = key.to_bytes();
    if has("key_syntax") {
        key.push(0);
    }

    // Sealed 30, 29 and 1 hours ago: epoch 1 is out of the window, 2 in it.
    let mut times = [30, 29, 1].map(|hours| noon().minus(hours * HOUR));
    if has("epochs_stale") {
        times = times.map(|t| t.minus(47 * HOUR));
    }
    if has("epochs_from_future") {
        times = times.map(|t| t.plus(HOUR + 121));
    }
    let mut authority = Authority::new(1);
    for (i, time) in times.into_iter().enumerate() {
        let people = if has("epoch_below_floor") { 999 } else { 1000 };
        authority.seal(time, if i == 0 { people } else { 0 });
    }
    let mut notes = authority.notes.clone();
    if has("epochs_conflict") {
        let mut other: EpochStatement = authority.statements[2].clone();
        other.cells = [7; 32];
        notes.push(authority.sign(&other));
    }
    if has("epoch_signature") {
        notes[2] = notes[2].replace("added 0", "added 1");
    }
    if has("epochs_syntax") {
        notes[0] = "veilpass epoch v1\n".into();
    }

    let mut predicates = Predicates::valid();
    if has("request_policy") {
        predicates.generation_at_most = Some(3);
    }
    let days = if has("request_date") { 2 } else { 0 };
    let request = Request::new(NewRequest {
        circuit: if has("key_mismatch") { CircuitId([5; 32]) } else { circuit },
        rp: "forum.example".parse().unwrap(),
        context: "".parse().unwrap(),
        link: LinkKind::Account,
        slots: 1,
        period: 0,
        predicates: Predicates::valid(),
        valid_on: Day::of(noon()).checked_add(days).unwrap(),
        nonce: Nonce::new(&[1; 16]).unwrap(),
        response_uri: "https://forum.example/answer".into(),
        expires_at: if has("request_expired") { noon() } else { noon().plus(1) },
    });
    let mut request = request.unwrap();
    request.predicates = predicates;

    let epoch = if has("epoch_unknown") {
        1
    } else if has("epoch_replaced") {
        2
    } else {
        3
    };
    let root = authority.statements[epoch as usize - 1].root;
    let pseudonym = Fr::from(7u64);
    let statement = Statement::for_request(&request, root, pseudonym).unwrap();
    let proven =
        if has("proof_invalid") { Statement { root: Fr::from(1u64), ..statement } } else { statement };
    let mut proof = trapdoor.simulate(&proven, &mut rng);
    if has("proof_point") {
        proof[..32].fill(0);
        proof[31] = 0x40;
    }
    let circuit = if has("circuit_unknown") { CircuitId([6; 32]) } else { request.circuit };
    let presentation = Presentation { circuit, epoch, pseudonym, proof }.to_json();
    let presentation = match () {
        () if has("presentation_syntax") => presentation.replace("\"epoch\"", "\"epoche\""),
        () if has("version_unsupported") => presentation.replace("\"v\":1", "\"v\":2"),
        () if has("not_canonical") => {
            let r = "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001";
            let seven = format!("{:064x}", 7);
            assert!(presentation.contains(&seven));
            presentation.replace(&seven, r)
        }
        () => presentation,
    };
    let mut request = request.to_json();
    if has("request_syntax") {
        request.push('!');
    }
    let policy = Policy::default().with_grace(HOUR).unwrap();
    let files = Files {
        request: request.as_bytes(),
        presentation: presentation.as_bytes(),
        notes: &notes,
        authority: &authority.key(),
        key: &key,
        policy,
        now: noon(),
    };
    match verify_files(&files) {
        Ok(verified) => {
            assert_eq!(verified.pseudonym(), &pseudonym);
            Ok(())
        }
        Err(e) => {
            assert!(!e.to_string().is_empty());
            Err((e.code().into(), e.blame().as_str().into()))
        }
    }
}

#[test]
fn each_fault_by_its_code_and_blame() {
    assert_eq!(outcome(&[]), Ok(()), "positive control");
    for (_, code, blame) in FAULTS {
        assert_eq!(outcome(&[code]), Err((code.into(), blame.into())));
    }
    let codes: BTreeSet<_> = FAULTS.iter().map(|(_, code, _)| code).collect();
    assert_eq!(codes.len(), FAULTS.len());
}

#[test]
fn of_two_faults_the_earlier_stage_is_reported() {
    for (i, (stage, code, _)) in FAULTS.iter().enumerate() {
        for (later_stage, later, _) in &FAULTS[i + 1..] {
            if stage == later_stage {
                continue;
            }
            // Which circuit a request names cannot be told from one that is none.
            let expected = if (*code, *later) == ("key_mismatch", "request_syntax") { later } else { code };
            let reported = outcome(&[code, later]).unwrap_err().0;
            assert_eq!(&reported, expected, "{code} with {later}");
        }
    }
}

/// The lint's faults through the file interface, where keys are built from known trapdoors.
#[test]
fn unsafe_keys_by_file() {
    let good = Trapdoor::from_seed(1);
    let mut equal = good.points();
    equal.delta_g2 = equal.gamma_g2;
    let mut generator = good.points();
    generator.delta_g2 = g2(Fr::from(1u64));
    let mut infinite = good.points();
    infinite.ic[14] = ark_bn254::G1Affine::identity();
    let mut short = good.points();
    short.ic.pop();
    let mut twice = good.points();
    twice.ic[2] = twice.ic[1];
    let mut long = good.points();
    long.ic.push(g1(Fr::from(2u64)));
    for points in [equal, generator, infinite, short, twice, long] {
        let key = veilpass_verifier::VerifyingKey::from_points(
            veilpass_verifier::protocol::circuit_id::ATTEST_V1,
            Origin::Ceremony,
            points,
        );
        let verifier = veilpass_verifier::Verifier::new(Policy::default());
        let refused = verifier.with_key(&key.to_bytes()).unwrap_err();
        assert_eq!(refused.code(), "key_unsafe", "{refused}");
    }
}
