//! Seeded mutations of bytes that know a little of texts: words of the format, numbers at their bounds,
//! what is inside base64url.

use veilpass_protocol::json::base64url;

/// SplitMix64: small, fast, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// From a seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.draw() % n as u64) as usize }
    }

    /// One of them; `None` of nothing.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

/// Bytes, 64 bits of which decide the same for the same input.
pub fn hash(bytes: &[u8]) -> u64 {
    let fnv =
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    Rng::new(fnv).draw()
}

/// Numbers at bounds, and spellings that some readers take for them.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "1e0",
    "01",
    "00",
    "7",
    "99",
    "100",
    "254",
    "255",
    "256",
    "999",
    "1000",
    "1023",
    "65535",
    "65536",
    "65537",
    "262142",
    "262143",
    "4294967295",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
];

/// What readers of texts stumble over.
const TEXTS: &[&str] = &[
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "\"\"",
    "\"v\":1,",
    "\"v\":2,",
    "\\u0000",
    "\\u0041",
    "\\ud800",
    "\\n",
    "\\\"",
    "é",
    "e\u{301}",
    "\u{ff13}",
    "\u{0}",
    "\u{7f}",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "\u{1f600}",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    ",",
    ":",
    "\"",
    "\"\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    "=",
    "+",
    "-",
    ".",
    "/",
    "<",
    "%2e",
    "A",
    "Z",
    "z",
    "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000",
    "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "2026-11-22",
    "1800-01-01",
    "2517-09-20",
    "2517-09-21",
    "2028-02-29",
    "2026-02-29",
    "2026-11-22T08:00:00Z",
    "9999-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
];

/// Inputs grow no longer than this, unless they were.
pub const LONGEST: usize = 20_000;

/// One to four edits of `input`, with pieces of `other`.
pub fn mutate(input: &[u8], other: &[u8], words: &[&str], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..1 + rng.draw().trailing_zeros().min(3) {
        edit(&mut bytes, other, words, rng);
    }
    bytes.truncate(LONGEST.max(input.len()));
    bytes
}

fn edit(bytes: &mut Vec<u8>, other: &[u8], words: &[&str], rng: &mut Rng) {
    let at = rng.below(bytes.len() + 1);
    let range = |bytes: &[u8], rng: &mut Rng| {
        let from = rng.below(bytes.len() + 1);
        let longest = if rng.below(4) == 0 { bytes.len() } else { 16 };
        from..(from + 1 + rng.below(longest)).min(bytes.len())
    };
    match rng.below(16) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.draw() as u8;
            }
        }
        2 => {
            // A neighbour, which often is of the same kind: another digit, another letter.
            if let Some(byte) = bytes.get_mut(at) {
                *byte = byte.wrapping_add([1, 2, 255, 254][rng.below(4)]);
            }
        }
        3 => bytes.insert(at, rng.draw() as u8),
        4 => {
            let range = range(bytes, rng);
            bytes.drain(range);
        }
        5 => {
            let range = range(bytes, rng);
            let copy = bytes[range].to_vec();
            bytes.splice(at..at, copy);
        }
        6 => bytes.truncate(at),
        7 => {
            let range = range(other, rng);
            bytes.splice(at..at, other[range].iter().copied());
        }
        8 => {
            // The beginning of this one and the end of the other.
            let from = rng.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        9 => replace_run(bytes, rng, |b| b.is_ascii_digit(), NUMBERS),
        10 | 11 => replace_run(
            bytes,
            rng,
            |b| b.is_ascii_alphanumeric() || b == b'_',
            if rng_even(at) { words } else { TEXTS },
        ),
        12 => insert(bytes, at, rng.pick(words)),
        13 => insert(bytes, at, rng.pick(TEXTS)),
        14 => inside(bytes, other, words, rng),
        _ => {
            // Two pieces change places.
            let (a, b) = (range(bytes, rng), range(bytes, rng));
            if a.end <= b.start {
                let swapped = [
                    &bytes[..a.start],
                    &bytes[b.clone()],
                    &bytes[a.end..b.start],
                    &bytes[a],
                    &bytes[b.end..],
                ]
                .concat();
                *bytes = swapped;
            }
        }
    }
}

fn rng_even(n: usize) -> bool {
    n.is_multiple_of(2)
}

fn insert(bytes: &mut Vec<u8>, at: usize, word: Option<&&str>) {
    if let Some(word) = word {
        bytes.splice(at..at, word.bytes());
    }
}

/// The run of such bytes around a random place.
fn run(bytes: &[u8], rng: &mut Rng, of: impl Fn(u8) -> bool) -> Option<std::ops::Range<usize>> {
    let at = rng.below(bytes.len());
    let at = at + bytes.get(at..)?.iter().position(|b| of(*b))?;
    let from = bytes[..at].iter().rposition(|b| !of(*b)).map_or(0, |before| before + 1);
    let to = bytes[at..].iter().position(|b| !of(*b)).map_or(bytes.len(), |n| at + n);
    Some(from..to)
}

fn replace_run(bytes: &mut Vec<u8>, rng: &mut Rng, of: impl Fn(u8) -> bool, by: &[&str]) {
    let run = run(bytes, rng, of);
    if let (Some(run), Some(word)) = (run, rng.pick(by)) {
        bytes.splice(run, word.bytes());
    }
}

/// Mutates what is inside a run of base64url and writes it again.
fn inside(bytes: &mut Vec<u8>, other: &[u8], words: &[&str], rng: &mut Rng) {
    let Some(run) = run(bytes, rng, |b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') else { return };
    let decoded = std::str::from_utf8(&bytes[run.clone()]).ok().and_then(base64url::decode);
    if let Some(mut decoded) = decoded.filter(|d| d.len() >= 8) {
        // What is inside may hold base64url itself; one level down is enough.
        for _ in 0..8 {
            let before = decoded.clone();
            edit(&mut decoded, other, words, rng);
            if decoded != before {
                break;
            }
        }
        bytes.splice(run, base64url::encode(&decoded).bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_every_edit_is_reached() {
        let input = br#"{"v":1,"nonce":"AAECAwQFBgcICQoLDA0ODw","period":82870}"#;
        let make = |seed| {
            let mut rng = Rng::new(seed);
            (0..2000).map(|_| mutate(input, b"other bytes", &["account"], &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        let all = make(3);
        let holds = |text: &str| all.iter().any(|m| String::from_utf8_lossy(m).contains(text));
        for text in ["account", "other", "9007199254740992", "\"v\":2,"] {
            assert!(holds(text), "{text}");
        }
        let nonce = |m: &Vec<u8>| {
            let text = String::from_utf8_lossy(m).into_owned();
            let nonce =
                text.split("\"nonce\":\"").nth(1).and_then(|rest| rest.split('"').next().map(str::to_owned));
            nonce.is_some_and(|n| {
                n != "AAECAwQFBgcICQoLDA0ODw" && n.len() > 20 && base64url::decode(&n).is_some()
            })
        };
        assert!(all.iter().any(nonce), "inside base64url");
    }

    #[test]
    fn nothing_is_too_short() {
        let mut rng = Rng::new(4);
        for _ in 0..5000 {
            mutate(b"", b"", &[], &mut rng);
        }
    }
}
