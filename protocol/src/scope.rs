//! Scope: for whom, for what and for how long a pseudonym holds (contract §2).

use crate::attributes::UnknownName;
use crate::field::{Fr, from_digest};
use crate::json::serde_as_text;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::is_nfc;

/// Slots of a `none` link: so many that two visits do not meet.
pub const NONE_SLOTS: u32 = 65_536;
/// Largest integer that JSON carries safely, and so the largest period.
pub const MAX_PERIOD: u64 = (1 << 53) - 1;

/// What links the visits of one person at one platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    /// One lasting pseudonym.
    Account,
    /// `n` pseudonyms per period.
    Tokens,
    /// 65,536 slots per day: two visits do not meet.
    None,
}

impl LinkKind {
    /// The number in hashed data.
    pub fn number(self) -> u8 {
        match self {
            LinkKind::Account => 0,
            LinkKind::Tokens => 1,
            LinkKind::None => 2,
        }
    }

    /// Whether a scope of this kind may have so many slots: 1 for `account`, 1–65,536 for `tokens`,
    /// 65,536 for `none`.
    pub fn slots_fit(self, slots: u32) -> bool {
        match self {
            LinkKind::Account => slots == 1,
            LinkKind::Tokens => (1..=NONE_SLOTS).contains(&slots),
            LinkKind::None => slots == NONE_SLOTS,
        }
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LinkKind::Account => "account",
            LinkKind::Tokens => "tokens",
            LinkKind::None => "none",
        })
    }
}

impl FromStr for LinkKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<LinkKind, UnknownName> {
        match text {
            "account" => Ok(LinkKind::Account),
            "tokens" => Ok(LinkKind::Tokens),
            "none" => Ok(LinkKind::None),
            _ => Err(UnknownName("kind of link")),
        }
    }
}

serde_as_text!(LinkKind);

/// A host name: 1–253 bytes of lower-case A-labels, no IP literal, no port, no trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// A text that is no host name in the form of contract §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a host is 1-253 bytes of lower-case labels, no IP address, no port, no trailing dot")]
pub struct InvalidHost;

impl Host {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether wallets resolve the name to loopback, where plain http is allowed (contract §4).
    pub fn is_loopback(&self) -> bool {
        self.0 == "localhost" || self.0.ends_with(".localhost")
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Host, InvalidHost> {
        let label = |l: &str| {
            let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=63).contains(&l.len())
                && l.bytes().all(good)
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l != "xn--"
        };
        // What browsers would read as an IPv4 address: a last label that is a number (WHATWG URL).
        let last = text.rsplit('.').next().unwrap_or_default();
        let hexadecimal = last.strip_prefix("0x").is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = hexadecimal || last.bytes().all(|b| b.is_ascii_digit());
        if text.len() > 253 || !text.split('.').all(label) || number {
            return Err(InvalidHost);
        }
        Ok(Host(text.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(Host);

/// A platform's own subdivision: 0–256 bytes of UTF-8 in NFC without control characters, compared
/// as bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Context(String);

/// A context that is too long, not in NFC or has control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a context is 0-256 bytes of UTF-8 in NFC without control characters")]
pub struct InvalidContext;

impl Context {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Context {
    type Err = InvalidContext;

    fn from_str(text: &str) -> Result<Context, InvalidContext> {
        if text.len() > 256 || text.chars().any(char::is_control) || !is_nfc(text) {
            return Err(InvalidContext);
        }
        Ok(Context(text.to_owned()))
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(Context);

/// Everything that a scope is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeParameters {
    /// Kind of link.
    pub link: LinkKind,
    /// Number of slots: 1 (`account`), 1–65,536 (`tokens`), 65,536 (`none`).
    pub slots: u32,
    /// The platform's host.
    pub rp: Host,
    /// The platform's own subdivision.
    pub context: Context,
    /// 0 (`account`), any (`tokens`), the Day of `valid_on` (`none`), at most 2^53 − 1.
    pub period: u64,
}

impl ScopeParameters {
    /// Whether the number of slots is one that the kind of link may have.
    pub fn slots_fit(&self) -> bool {
        self.link.slots_fit(self.slots)
    }

    /// First 31 bytes of SHA-256("veilpass:scope:v1" ‖ u8 link ‖ u32 slots ‖ u16 len ‖ rp ‖ u16 len ‖
    /// context ‖ u64 period).
    pub fn scope(&self) -> Fr {
        // Host and Context are shorter than 2^16 bytes by construction.
        let length = |text: &str| (text.len() as u16).to_be_bytes();
        let (rp, context) = (self.rp.as_str(), self.context.as_str());
        let digest = Sha256::new()
            .chain_update("veilpass:scope:v1")
            .chain_update([self.link.number()])
            .chain_update(self.slots.to_be_bytes())
            .chain_update(length(rp))
            .chain_update(rp)
            .chain_update(length(context))
            .chain_update(context)
            .chain_update(self.period.to_be_bytes())
            .finalize();
        from_digest(&digest.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::to_hex;

    #[test]
    fn known_scopes() {
        for (link, slots, context, period, hex) in [
            (LinkKind::Account, 1, "", 0, "000fcf9cd81f530772fbf6811ff6306c263649096eec9c411728a4756169887f"),
            (
                LinkKind::Tokens,
                3,
                "poll-1",
                20414,
                "009c0cb3708f530297fc5940e3dba48e96a495f8243f4a0875f92832e6f10dd2",
            ),
            (
                LinkKind::None,
                65536,
                "",
                82870,
                "004ad957ad806f92c0a036a69d462a9dcc4fbb7c7778e3946f62a0cad10dcc7e",
            ),
        ] {
            let p = ScopeParameters {
                link,
                slots,
                rp: "forum.example".parse().unwrap(),
                context: context.parse().unwrap(),
                period,
            };
            assert!(p.slots_fit());
            assert_eq!(to_hex(&p.scope()), hex);
        }
    }

    #[test]
    fn hosts() {
        let long = format!("{}.example", "a".repeat(63));
        for good in [
            "forum.example",
            "localhost",
            "a.localhost",
            "xn--fiq228c.example",
            "1a.2b",
            "3com.example",
            &long,
        ] {
            assert!(good.parse::<Host>().is_ok(), "{good}");
        }
        let label64 = format!("{}.example", "a".repeat(64));
        let too_long = vec!["a".repeat(63); 4].join(".");
        for bad in [
            "",
            ".",
            "forum.example.",
            "Forum.example",
            "forum..example",
            "127.0.0.1",
            "1.2",
            "0x7f.1",
            "a.0x1",
            "a.0x",
            "[::1]",
            "::1",
            "forum.example:443",
            "förum.example",
            "a_b.example",
            "-a.example",
            "a-.example",
            "xn--",
            "a b",
            &label64,
            &too_long,
        ] {
            assert!(bad.parse::<Host>().is_err(), "{bad}");
        }
    }

    #[test]
    fn contexts() {
        assert!("".parse::<Context>().is_ok());
        assert!("é".repeat(128).parse::<Context>().is_ok());
        for bad in ["e\u{301}", "a\nb", "\u{7f}", "\u{85}", &"a".repeat(257)] {
            assert!(bad.parse::<Context>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn slots() {
        let p = |link, slots| {
            ScopeParameters {
                link,
                slots,
                rp: "a.b".parse().unwrap(),
                context: Context::default(),
                period: 0,
            }
            .slots_fit()
        };
        assert!(p(LinkKind::Tokens, 1) && p(LinkKind::Tokens, 65536));
        assert!(
            !p(LinkKind::Tokens, 0)
                && !p(LinkKind::Tokens, 65537)
                && !p(LinkKind::Account, 2)
                && !p(LinkKind::None, 1)
        );
    }
}
