//! What makes mutated values fit again: check digits, hashes, signatures. Without it next to nothing would
//! get past them. Written from the standards, apart from the parsers that are tried.

use crate::seeds;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use veilpass_protocol::network_number::NetworkNumber;

/// The check character of GB 11643 after the first run of 17 digits.
pub fn resident_number(bytes: &mut Vec<u8>) {
    let Some(at) = bytes.windows(17).position(|w| w.iter().all(u8::is_ascii_digit)) else { return };
    let sum: usize = (0..17).map(|i| usize::from(bytes[at + i] - b'0') * ((1 << (17 - i)) % 11)).sum();
    let check = b"10X98765432"[sum % 11];
    match bytes.get_mut(at + 17) {
        Some(byte) if byte.is_ascii_alphanumeric() => *byte = check,
        _ => bytes.insert(at + 17, check),
    }
}

/// First line and length of a file of prepared answers, with at least one entry; as many are counted as stand there
/// before the first that is all zeros, and nothing follows them. Without it the points of few mutants would be read.
pub fn prepared(bytes: &mut Vec<u8>) {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    let good = GOOD.get_or_init(|| seeds::prepared_file(1));
    bytes.resize(seeds::PREPARED, 0);
    bytes[..21].copy_from_slice(&good[..21]);
    let first = seeds::PREPARED_HEAD..seeds::PREPARED_HEAD + seeds::PREPARED_ENTRY;
    if bytes[first.clone()].iter().all(|byte| *byte == 0) {
        bytes[first.clone()].copy_from_slice(&good[first]);
    }
    let (head, entries) = bytes.split_at_mut(seeds::PREPARED_HEAD);
    let mut entries = entries.chunks_mut(seeds::PREPARED_ENTRY);
    let count = entries.by_ref().take_while(|entry| entry.iter().any(|byte| *byte != 0)).count();
    entries.for_each(|rest| rest.fill(0));
    head[seeds::PREPARED_HEAD - 1] = count as u8;
}

/// The check digit of ICAO 9303-3: weights 7, 3, 1.
pub fn check_digit(covered: &[u8]) -> u8 {
    let value = |b: u8| match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'Z' => u32::from(b - b'A') + 10,
        _ => 0,
    };
    let sum: u32 = covered.iter().zip([7, 3, 1].iter().cycle()).map(|(b, w)| value(*b) * w).sum();
    b'0' + (sum % 10) as u8
}

/// What the check digits of TD3 cover, each with the digit as printed (a filler for an unused personal
/// number is its 0). A document number that overflows has its own in the personal number's place.
pub fn td3_digits(two: &str) -> Vec<(String, u8)> {
    let digit = |at: usize| two.as_bytes().get(at).copied().unwrap_or_default();
    let at = |range: std::ops::Range<usize>| two.get(range).unwrap_or_default();
    let mut digits = vec![
        (at(13..19).to_owned(), digit(19)),
        (at(21..27).to_owned(), digit(27)),
        ([at(0..10), at(13..20), at(21..43)].concat(), digit(43)),
    ];
    if digit(9) != b'<' {
        digits.push((at(0..9).to_owned(), digit(9)));
    }
    if digit(42) != b'<' {
        digits.push((at(28..42).to_owned(), digit(42)));
    }
    digits
}

/// The same of TD1.
pub fn td1_digits(one: &str, two: &str) -> Vec<(String, u8)> {
    let digit = |line: &str, at: usize| line.as_bytes().get(at).copied().unwrap_or_default();
    let at = |line: &str, range: std::ops::Range<usize>| line.get(range).unwrap_or_default().to_owned();
    let mut digits = vec![
        (at(two, 0..6), digit(two, 6)),
        (at(two, 8..14), digit(two, 14)),
        ([at(one, 5..30), at(two, 0..7), at(two, 8..15), at(two, 18..29)].concat(), digit(two, 29)),
    ];
    if digit(one, 14) != b'<' {
        digits.push((at(one, 5..14), digit(one, 14)));
    }
    digits
}

// Repairs share one signature; these two change no length.
/// Check digits of a zone of two lines of 44 or three of 30.
#[allow(clippy::ptr_arg)]
pub fn zone(bytes: &mut Vec<u8>) {
    let line = |bytes: &[u8], n: usize| bytes.split(|b| *b == b'\n').nth(n).map(<[u8]>::len);
    let set = |bytes: &mut [u8], to: usize, covered: &dyn Fn(&[u8]) -> Vec<u8>| {
        let digit = check_digit(&covered(bytes));
        bytes[to] = digit;
    };
    match (line(bytes, 0), line(bytes, 1), line(bytes, 2)) {
        (Some(44), Some(44), None) => {
            let two = &mut bytes[45..];
            for (from, to) in [(0, 9), (13, 19), (21, 27), (28, 42)] {
                set(two, to, &|two| two[from..to].to_vec());
            }
            if two[28..42].iter().all(|b| *b == b'<') {
                two[42] = b'<';
            }
            set(two, 43, &|two| [&two[0..10], &two[13..20], &two[21..43]].concat());
        }
        (Some(30), Some(30), Some(30)) => {
            set(bytes, 14, &|b| b[5..14].to_vec());
            set(bytes, 31 + 6, &|b| b[31..37].to_vec());
            set(bytes, 31 + 14, &|b| b[39..45].to_vec());
            set(bytes, 31 + 29, &|b| [&b[5..30], &b[31..38], &b[39..46], &b[49..60]].concat());
        }
        _ => (),
    }
}

/// The check character of a Network Number.
pub fn network_number(bytes: &mut Vec<u8>) {
    let body = bytes.get(..9).and_then(|body| std::str::from_utf8(body).ok());
    if let Some(Ok(number)) = body.map(NetworkNumber::from_body) {
        *bytes = number.to_string().into_bytes();
    }
}

/// The authority's signature under the text of a note.
pub fn sign_note(bytes: &mut Vec<u8>) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let text = text.split_once("\n\n").map_or(text, |(text, _)| text);
    if let Ok(note) = seeds::authority().sign_note(&format!("{text}\n")) {
        *bytes = note.into_bytes();
    }
}

/// The window's first time is that of the seal, and its first number follows from the epoch's.
pub fn epoch_window(bytes: &mut Vec<u8>) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let line = |name: &str| text.lines().find_map(|l| l.strip_prefix(name));
    let (Some(sealed_at), Some(epoch)) =
        (line("sealed_at "), line("epoch ").and_then(|e| e.parse::<u64>().ok()))
    else {
        return;
    };
    let mut out = String::new();
    let mut expected = epoch.saturating_sub(1);
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("window ").map(|w| w.splitn(3, ' ').collect::<Vec<_>>()) {
            Some(parts) if parts.len() == 3 => {
                let at = if expected + 1 == epoch { sealed_at } else { parts[1] };
                out += &format!("window {expected} {at} {}", parts[2]);
                expected = expected.saturating_sub(1);
            }
            _ => out += line,
        }
    }
    *bytes = out.into_bytes();
}

/// The key id of a vkey line, from its name and key.
pub fn key_line(bytes: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, rest) = match text.strip_prefix("PRIVATE+KEY+") {
        Some(rest) => ("PRIVATE+KEY+", rest),
        None => ("", text.as_str()),
    };
    let parts: Vec<&str> = rest.split('+').collect();
    if let [origin, _, key @ ..] = &parts[..] {
        // C2SP: the first four bytes of SHA-256(name ‖ LF ‖ type ‖ key); for private lines the public key
        // would have to be known, so those keep their id.
        let encoded = key.join("+");
        let padded = encoded.replace('+', "-").replace('/', "_");
        if let Some(key) = veilpass_protocol::json::base64url::decode(&padded).filter(|_| head.is_empty()) {
            let id = Sha256::new().chain_update(origin).chain_update(b"\n").chain_update(key).finalize();
            let id: String = id[..4].iter().map(|b| format!("{b:02x}")).collect();
            *bytes = format!("{origin}+{id}+{encoded}").into_bytes();
        }
    }
}

/// The number of points that a verifying key's file says it has.
pub fn key_count(bytes: &mut Vec<u8>) {
    let Some(header) = bytes.windows(2).position(|w| w == b"\n\n").map(|at| at + 2) else { return };
    let at = header + 32 + 3 * 64;
    let points = bytes.len().saturating_sub(at + 8) / 32;
    bytes.truncate(at + 8 + points * 32);
    if let Some(count) = bytes.get_mut(at..at + 8) {
        count.copy_from_slice(&(points as u64).to_le_bytes());
    }
}

/// Flags of a proof's points that leave them what they are: no infinity, one sign.
pub fn proof_flags(bytes: &mut Vec<u8>) {
    bytes.resize(201, 0);
    bytes[0] = 1;
    bytes[41] &= 0x1f;
    for at in [73 + 31, 73 + 95, 73 + 127] {
        bytes[at] &= 0x9f;
    }
}

/// Changes of a proving key that stay in its head, where they are refused soon or accepted at great length.
#[allow(clippy::ptr_arg)]
pub fn proving_head(bytes: &mut Vec<u8>) {
    if let Some(how) = bytes.first_mut() {
        *how |= 1;
    }
}

/// Changes of a prepared proving key after which its hash is right.
#[allow(clippy::ptr_arg)]
pub fn right_hash(bytes: &mut Vec<u8>) {
    if let Some(how) = bytes.first_mut() {
        *how |= 2;
    }
}

/// Ends a file with the SHA-256 of what is before.
pub fn hash_at_the_end(file: &mut [u8]) {
    if let Some((whole, hash)) = file.split_last_chunk_mut::<32>() {
        *hash = Sha256::digest(&*whole).into();
    }
}

/// Writes the id of the verifying key that is inside a proving key's file into its header.
pub fn name_inner_key(file: &mut [u8]) {
    let Some(end) = file.windows(2).position(|w| w == b"\n\n").map(|at| at + 2) else { return };
    let origin = String::from_utf8_lossy(&file[..end])
        .lines()
        .find_map(|l| l.strip_prefix("origin ").map(str::to_owned));
    let Some(inner) = file.get(end..end + 32 + 3 * 64 + 8 + 15 * 32) else { return };
    let header =
        format!("veilpass verifying key v1\ncircuit attest-v1\norigin {}\n\n", origin.unwrap_or_default());
    let id = Sha256::new().chain_update(header).chain_update(inner).finalize();
    let id: String = id.iter().map(|b| format!("{b:02x}")).collect();
    if let Some(at) = end.checked_sub(66) {
        file[at..at + 64].copy_from_slice(id.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use crate::{Verdict, target};

    fn accepted(name: &str, input: &[u8]) -> bool {
        (target(name).unwrap().judge)(input) == Verdict::Accepted
    }

    /// Each repair leaves a good value good and makes one that was damaged under it good again.
    #[test]
    fn repaired_values_are_accepted() {
        for (name, edits) in [
            ("resident_number", &[(6, b'1'), (17, b'7')][..]),
            ("mrz", &[(45, b'7'), (46 + 8, b'9')]),
            ("network_number", &[(0, b'8'), (9, b'Q')]),
            ("epoch_note", &[(68, b'7')]),
        ] {
            let target = target(name).unwrap();
            let good = (target.seeds)().into_iter().find(|seed| accepted(name, seed)).unwrap();
            let mut same = good.clone();
            (target.repair.unwrap())(&mut same);
            assert!(accepted(name, &same), "{name}");
            for (at, byte) in edits {
                let mut bad = good.clone();
                bad[*at] = *byte;
                if bad != good {
                    assert!(!accepted(name, &bad), "{name} at {at}");
                    let mut repaired = bad;
                    (target.repair.unwrap())(&mut repaired);
                    assert!(
                        accepted(name, &repaired),
                        "{name} at {at}: {}",
                        String::from_utf8_lossy(&repaired)
                    );
                }
            }
        }
    }
}
