//! Key files and key lines.

use super::code_of;
use crate::{BYTES, POINTS, Target, Verdict, repair, seeds};
use std::sync::LazyLock;
use veilpass_circuits::Attest;
use veilpass_params::{ProvingKey, dev};
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::note::{AuthorityKey, AuthoritySigner};
use veilpass_prover::groth16::{KeyFile, PreparedProvingKey};
use veilpass_verifier::{KeyError, VerifyingKey, lint};

/// Contract §4, "Verifying key file".
pub const VERIFYING: Target = Target {
    name: "verifying_key",
    judge: verifying,
    seeds: seeds::verifying_keys,
    repair: Some(repair::key_count),
    words: &["dev\n\n", "ceremony\n\n", "veilpass verifying key v1\n", "circuit attest-v1\n", "origin "],
    short: 6_000,
    full: POINTS,
};

/// The proving key's file. It has 1.2 MB: an input is a list of changes to the DEV key, see [`changed`].
pub const PROVING: Target = Target {
    name: "proving_key",
    judge: proving,
    seeds: seeds::proving_keys,
    repair: Some(repair::proving_head),
    words: &[],
    short: 30,
    full: POINTS,
};

/// The file of the prepared proving key, likewise: changes to that of the DEV key.
pub const PREPARED: Target = Target {
    name: "prepared_key",
    judge: prepared,
    seeds: seeds::prepared_keys,
    repair: Some(repair::right_hash),
    words: &[],
    short: 200,
    full: POINTS,
};

/// Lines of the authority's key: the vkey of C2SP, and its private form.
pub const AUTHORITY: Target = Target {
    name: "authority_key",
    judge: line,
    seeds: seeds::key_lines,
    repair: Some(repair::key_line),
    words: &["PRIVATE+KEY+", "id.example/veilpass", "+", "="],
    short: 250_000,
    full: BYTES,
};

fn verifying(input: &[u8]) -> Verdict {
    let read = VerifyingKey::from_bytes(input);
    match &read {
        Ok(key) => {
            assert_eq!(key.to_bytes(), input, "two files of one key");
            assert_eq!(key.circuit_id(), CircuitId::of_file(input));
            if let Err(fault) = lint(key) {
                code_of(KeyError::from(fault).code(), &["key_unsafe"]);
            }
        }
        Err(e) => code_of(e.code(), &["key_syntax"]),
    }
    Verdict::from(&read)
}

fn proving(input: &[u8]) -> Verdict {
    let file = changed(dev::proving_key_bytes(), input, repair::name_inner_key);
    let read = ProvingKey::from_bytes(Attest, &file);
    match &read {
        Ok(key) => {
            assert_eq!(key.to_bytes(), file, "two files of one key");
            assert_eq!(key.circuit_id(), CircuitId::of_file(&key.verifying_key().to_bytes()));
            assert!(lint(key.verifying_key()).is_ok(), "an unsafe key is used");
        }
        Err(e) => code_of(e.code(), &["key_syntax", "key_mismatch", "key_unsafe"]),
    }
    Verdict::from(&read)
}

fn prepared(input: &[u8]) -> Verdict {
    static GOOD: LazyLock<(VerifyingKey, Vec<u8>)> = LazyLock::new(|| {
        let key = dev::proving_key().expect("the DEV key");
        (key.verifying_key().clone(), PreparedProvingKey::new(&key).to_bytes())
    });
    let (verifying_key, good) = &*GOOD;
    let file = changed(good, input, repair::hash_at_the_end);
    // What changes nothing tries nothing: were it accepted, the runner would go on from there.
    if file == *good && input != [0] {
        return Verdict::Rejected;
    }
    let name = KeyFile::of(dev::proving_key_bytes());
    let read = PreparedProvingKey::from_bytes(&file, verifying_key, name);
    if let Ok(key) = &read {
        assert_eq!(key.to_bytes(), file, "two files of one key");
    }
    Verdict::from(&read)
}

/// Bytes of header, verifying key and the first points.
pub const HEAD: usize = 1024;

/// A file with changes: a first byte says how, then four bytes each (missing ones are zero), a place of three and what is
/// set there. Bit 0 of the first byte: all places are in the file's head, where the parser decides most; bit 1: the file is
/// repaired; bit 2: the first place is the file's length.
pub fn changed(good: &[u8], input: &[u8], repair: fn(&mut [u8])) -> Vec<u8> {
    let mut file = good.to_vec();
    let Some((how, rest)) = input.split_first() else { return file };
    let mut changes = rest.chunks(4).map(|change| {
        let at = |n: usize| change.get(n).copied().unwrap_or_default();
        (usize::from(at(0)) << 16 | usize::from(at(1)) << 8 | usize::from(at(2)), at(3))
    });
    let cut = if how & 4 != 0 { changes.next() } else { None };
    for (at, byte) in changes {
        let at = if how & 1 != 0 { at % HEAD } else { at % file.len() };
        file[at] = byte;
    }
    if let Some((length, _)) = cut {
        // Around its own length, shorter or longer by up to 64 KiB.
        file.resize(file.len() - 0x8000 + length % 0x1_0000, 0);
    }
    if how & 2 != 0 {
        repair(&mut file);
    }
    file
}

fn line(input: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(input) else { return Verdict::Rejected };
    if text.starts_with("PRIVATE") {
        let read = AuthoritySigner::from_secret_string(text);
        if let Ok(signer) = &read {
            assert_eq!(*signer.to_secret_string(), text, "two texts of one key");
        }
        return Verdict::from(&read);
    }
    let read = text.parse::<AuthorityKey>();
    if let Ok(key) = &read {
        assert_eq!(key.to_string(), text, "two texts of one key");
        assert!(!key.verifying_key().is_weak());
        assert!(!key.verify_message(b"veilpass", &[0; 64]), "a key that accepts anything");
    }
    Verdict::from(&read)
}
