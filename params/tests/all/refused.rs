//! What must be refused of an honest presentation that somebody changed.

use crate::fixture::{fixture, now, rerandomise};
use ark_ff::UniformRand;
use rand::SeedableRng;
use rand::rngs::StdRng;
use veilpass_protocol::field::Fr;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::scope::LinkKind;
use veilpass_protocol::statement::{INPUTS, Statement};
use veilpass_verifier::{AcceptError, InMemory, Proven, Reuse};

#[test]
fn honest_presentations_are_accepted_in_both_forms() {
    let f = fixture();
    for (n, answer) in f.answers.iter().enumerate() {
        for bytes in [answer.presentation.to_binary(), answer.presentation.to_json().into_bytes()] {
            let verified = f.verifier.verify(&answer.request, &bytes, &f.epochs, now()).unwrap();
            assert_eq!(verified.statement(), &answer.statement);
            assert!(verified.proven().contains(&Proven::AgeAtLeast(18)));
            assert_eq!(verified.proven().len(), if n == 3 { 9 } else { 2 });
        }
    }
}

#[test]
fn every_single_bit_flip_of_a_proof_is_refused() {
    let f = fixture();
    let answer = &f.answers[0];
    let (mut points, mut invalid) = (0, 0);
    for bit in 0..1024 {
        let mut bad = answer.presentation.clone();
        bad.proof[bit / 8] ^= 1 << (bit % 8);
        let refused = f.verifier.verify(&answer.request, &bad.to_binary(), &f.epochs, now()).unwrap_err();
        match refused.code() {
            "proof_point" => points += 1,
            "proof_invalid" => invalid += 1,
            other => panic!("bit {bit}: {other}"),
        }
    }
    assert_eq!(points + invalid, 1024);
    assert!(points > 300 && invalid > 100, "{points} {invalid}");
}

/// And of a whole presentation.
#[test]
fn every_single_bit_flip_of_a_presentation_is_refused() {
    let f = fixture();
    let answer = &f.answers[2];
    let good = answer.presentation.to_binary();
    for bit in 0..(good.len() - 128) * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let refused = f.verifier.verify(&answer.request, &bad, &f.epochs, now()).unwrap_err();
        let expected: &[&str] = match bit / 8 {
            0 => &["version_unsupported", "presentation_syntax"],
            1..33 => &["circuit_unknown"],
            33..41 => &["epoch_unknown"],
            _ => &["proof_invalid", "not_canonical"],
        };
        assert!(expected.contains(&refused.code()), "bit {bit}: {}", refused.code());
    }
}

#[test]
fn a_rerandomised_proof_is_the_same_answer() {
    let f = fixture();
    let mut rng = StdRng::seed_from_u64(1);
    for answer in &f.answers {
        let memory = InMemory::new();
        let accept = |p: &Presentation| {
            let bytes = p.to_binary();
            f.verifier.accept(&answer.request, &bytes, &f.epochs, &memory, Reuse::MayReturn, now())
        };
        assert!(accept(&answer.presentation).is_ok());
        let proof = rerandomise(&answer.proof(), f.key.groth16().vk.delta_g2, &mut rng);
        let other = Presentation { proof, ..answer.presentation.clone() };
        let bytes = other.to_binary();
        assert!(f.verifier.verify(&answer.request, &bytes, &f.epochs, now()).is_ok(), "a valid proof");
        match accept(&other) {
            Err(AcceptError::Refused(e)) => assert_eq!(e.code(), "request_replayed"),
            Ok(_) => panic!("accepted twice"),
        }
    }
}

/// S14: the proof is bound to a public input that is in no constraint.
#[test]
fn every_other_challenge_is_refused() {
    let f = fixture();
    let mut rng = StdRng::seed_from_u64(2);
    let one = Fr::from(1u64);
    for answer in &f.answers {
        let (good, proof) = (answer.statement.challenge, answer.proof());
        let mut others = vec![Fr::from(0u64), one, -one, good + one, good - one, -good, good + good];
        others.extend((0..40).map(|_| Fr::rand(&mut rng)));
        for challenge in others {
            let statement = Statement { challenge, ..answer.statement.clone() };
            assert!(f.prepared.check(&statement, &proof).is_err(), "{challenge}");
        }
    }
}

#[test]
fn every_public_input_shifted_or_swapped_is_refused() {
    let f = fixture();
    let one = Fr::from(1u64);
    for answer in [&f.answers[2], &f.answers[3]] {
        let (values, proof) = (answer.statement.to_array(), answer.proof());
        for i in 0..INPUTS {
            for value in [values[i] + one, values[i] - one] {
                let mut bad = values;
                bad[i] = value;
                assert!(f.prepared.check(&Statement::from_array(bad), &proof).is_err(), "{i}");
            }
            for j in 0..i {
                let mut bad = values;
                bad.swap(i, j);
                let refused = f.prepared.check(&Statement::from_array(bad), &proof).is_err();
                assert_eq!(refused, values[i] != values[j], "{i} {j}");
            }
        }
    }
}

/// The only public input that travels is the pseudonym; with r added it is no field element, in
/// neither form.
#[test]
fn the_modulus_cannot_be_added() {
    let f = fixture();
    let r = num_words("30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001");
    for answer in &f.answers {
        let binary = answer.presentation.to_binary();
        let mut carry = 0u16;
        let mut bad = binary.clone();
        for i in (0..32).rev() {
            let sum = u16::from(binary[41 + i]) + u16::from(r[i]) + carry;
            bad[41 + i] = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(carry, 0, "two moduli fit into 256 bits");
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let json = answer.presentation.to_json();
        let json = json.replace(&hex(&binary[41..73]), &hex(&bad[41..73]));
        for bytes in [bad, json.into_bytes()] {
            let refused = f.verifier.verify(&answer.request, &bytes, &f.epochs, now()).unwrap_err();
            assert_eq!(refused.code(), "not_canonical");
        }
    }
}

fn num_words(hex: &str) -> Vec<u8> {
    (0..32).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// A presentation for one request answers no other.
#[test]
fn presentations_answer_their_own_request() {
    let f = fixture();
    for (i, answer) in f.answers.iter().enumerate() {
        for (j, other) in f.answers.iter().enumerate() {
            let bytes = answer.presentation.to_binary();
            let outcome = f.verifier.verify(&other.request, &bytes, &f.epochs, now());
            assert_eq!(outcome.map_err(|e| e.code()).err(), (i != j).then_some("proof_invalid"));
        }
    }
    let links: Vec<LinkKind> = f.answers.iter().map(|a| a.request.link).collect();
    assert!(
        links.contains(&LinkKind::Account)
            && links.contains(&LinkKind::Tokens)
            && links.contains(&LinkKind::None)
    );
}
