//! What people type, paste, scan or save: read as it was meant. Texts come with the dashes and spaces of a
//! word processor, the full-width letters of a Chinese keyboard, the line ends and the byte order mark of
//! Windows. Only the command line and files that people keep pass through here; what programs send each
//! other (JSON over HTTP) has one spelling.

use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;
use veilpass_protocol::network_number::{InvalidNetworkNumber, NetworkNumber};
use veilpass_protocol::scope::{Host, InvalidHost};

/// The byte order mark that Windows puts before text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A file's bytes without a byte order mark.
pub fn unmarked(bytes: Vec<u8>) -> Vec<u8> {
    match bytes.strip_prefix(MARK) {
        Some(rest) => rest.to_vec(),
        None => bytes,
    }
}

/// Whether bytes begin like text in UTF-16, as PowerShell and Notepad may save it.
pub fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// A text whose lines end in LF, whether they did or ended in CR LF.
pub fn lines(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")
}

/// A line without the spaces, line ends and invisible marks around it.
pub fn line(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Spaces of no width and marks of direction, which come along when text is copied.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Everything that looks like a dash or minus.
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{30fc}' | '\u{fe58}' | '\u{fe63}'
    )
}

/// Letters and digits as ASCII has them where they only differ in width or ornament (NFKC), dashes as `-`,
/// and nothing invisible.
fn plain(text: &str) -> String {
    text.nfkc().filter(|c| !is_invisible(*c)).map(|c| if is_dash(c) { '-' } else { c }).collect()
}

/// Without the separators that people put between groups.
fn grouped(text: &str) -> String {
    plain(text).chars().filter(|c| *c != '-' && !c.is_whitespace()).collect()
}

/// A text that can be no one-time code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has letters A-Z and digits in groups, as the registrar's paper shows it")]
pub struct NoCode;

/// A one-time code in capitals, without what separates its groups. Whether it is one says the authority.
pub fn code(text: &str) -> Result<String, NoCode> {
    let code = grouped(text).to_uppercase();
    let sound = !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric());
    if sound { Ok(code) } else { Err(NoCode) }
}

/// Words in small letters, whatever separates them.
pub fn words(text: &str) -> Vec<String> {
    let plain = plain(text).to_lowercase();
    plain.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A Network Number, in small letters or in groups as well.
pub fn network_number(text: &str) -> Result<NetworkNumber, InvalidNetworkNumber> {
    grouped(text).to_uppercase().parse()
}

/// A host: capitals and the dot of the root at its end do not count.
pub fn host(text: &str) -> Result<Host, InvalidHost> {
    let host = plain(line(text)).to_ascii_lowercase();
    Host::from_str(host.strip_suffix('.').unwrap_or(&host))
}

/// An address whose scheme and host are written small, which is what they are compared as; anything else is
/// given back as it is, without the spaces around it.
pub fn address(text: &str) -> String {
    let text = line(text);
    // Only an address is touched: a file may be called anything.
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (server, path) = rest.split_at(end);
    format!("{}://{}{path}", scheme.to_ascii_lowercase(), plain(server).to_ascii_lowercase())
}

/// Whether somebody agrees.
pub fn is_yes(text: &str) -> bool {
    matches!(plain(line(text)).to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_as_they_come() {
        for typed in [
            "7ZZZ-ZZZZ-0O",
            "7zzz zzzz 0o\n",
            "7ZZZ\u{2011}ZZZZ\u{2013}0O",
            "7ZZZ\u{a0}ZZZZ\t0O\r\n",
            "７ＺＺＺ－ｚｚｚｚ　０Ｏ",
            "\u{feff}7ZZZ\u{200b}ZZZZ\u{2212}0O",
        ] {
            assert_eq!(code(typed), Ok("7ZZZZZZZ0O".to_owned()), "{typed:?}");
        }
        for typed in ["", " - ", "7ZZZ_ZZZZ", "7ZZZ.ZZZZ", "Ж", "7zzz,zzzz"] {
            assert_eq!(code(typed), Err(NoCode), "{typed:?}");
        }
    }

    #[test]
    fn words_as_they_come() {
        for typed in [
            "abandon ability",
            "Abandon, ABILITY.",
            "1. abandon\r\n2. ability",
            "ａｂａｎｄｏｎ、ability",
            "abandon\u{2013}ability",
        ] {
            assert_eq!(words(typed), ["abandon", "ability"], "{typed:?}");
        }
        assert_eq!(words(" ,\n"), [""; 0]);
    }

    #[test]
    fn network_numbers_as_they_come() {
        let known = "7K2M0QX4R3".parse().unwrap();
        for typed in [
            "7K2M0QX4R3",
            "7k2m0qx4r3\n",
            " 7K2M-0QX4-R3",
            "7K2M\u{a0}0QX4\u{2011}R3",
            "７Ｋ２Ｍ０ＱＸ４Ｒ３",
        ] {
            assert_eq!(network_number(typed), Ok(known), "{typed:?}");
        }
        assert_eq!(network_number("7K2M0QX4R4"), Err(InvalidNetworkNumber::Check));
        assert_eq!(network_number("7K2M0QX4"), Err(InvalidNetworkNumber::Form));
    }

    #[test]
    fn hosts_and_addresses_as_they_come() {
        for typed in ["forum.example", "Forum.Example", " FORUM.EXAMPLE.\r\n", "ｆｏｒｕｍ．example"] {
            assert_eq!(host(typed).map(|h| h.to_string()), Ok("forum.example".to_owned()), "{typed:?}");
        }
        for typed in
            ["", "forum.example..", "forum example", "bücher.example", "forum.example:443", "10.0.0.1"]
        {
            assert!(host(typed).is_err(), "{typed:?}");
        }
        for (typed, meant) in [
            ("HTTPS://Forum.Example/v1/Ab?C=D", "https://forum.example/v1/Ab?C=D"),
            (" Http://Id.LOCALHOST:41733\r\n", "http://id.localhost:41733"),
            ("https://ｆｏｒｕｍ.example#Ａ", "https://forum.example#Ａ"),
            ("Published Folder", "Published Folder"),
            ("A/B", "A/B"),
        ] {
            assert_eq!(address(typed), meant);
        }
    }

    #[test]
    fn files_from_windows() {
        assert_eq!(unmarked(b"\xef\xbb\xbf{}".to_vec()), b"{}");
        assert_eq!(unmarked(b"{}".to_vec()), b"{}");
        assert_eq!(lines("\u{feff}a\r\n\r\nb\r\n"), "a\n\nb\n");
        assert_eq!(lines("a\nb\rc\n"), "a\nb\rc\n");
        assert_eq!(line("\u{feff} id.example+00+AA== \r\n"), "id.example+00+AA==");
        assert!(is_utf16(b"\xff\xfe{\0") && !is_utf16(b"{}"));
        assert!(is_yes(" Yes\r\n") && is_yes("Ｙ") && !is_yes("") && !is_yes("yep") && !is_yes("n"));
    }
}
