//! The names of the published folder (contract §4). A name is read into what it stands for, and the
//! file's path is made from that: nothing that a client writes reaches the file system as it is.

use axum::http::HeaderValue;
use std::fmt;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::scope::Host;

/// How long a file may be kept without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// It never changes under this name.
    Immutable,
    /// It may change: ask each time, with the ETag.
    Ask,
}

impl Caching {
    /// The `Cache-Control` header.
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Caching::Immutable => "public, max-age=31536000, immutable",
            Caching::Ask => "no-cache",
        })
    }
}

/// A file of the published folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// `vkey`
    Vkey,
    /// `epochs/<n>.note`
    Note(u64),
    /// `epochs/<n>.cells`
    Cells(u64),
    /// `tiles/<n>/<L>/<I>`
    Tile {
        /// The epoch.
        epoch: u64,
        /// The level, 0–2.
        level: u8,
        /// The number within the level.
        index: u64,
    },
    /// `circuits/<id>.vk`
    Circuit(CircuitId),
    /// `platforms.json`
    Platforms,
    /// `platforms/<host>.json`
    Platform(Host),
}

impl Name {
    /// Reads a path below the folder; `None` for whatever has not exactly the form of a name.
    pub fn parse(path: &str) -> Option<Name> {
        let mut parts = path.split('/');
        let name = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
            ("vkey", None, ..) => Name::Vkey,
            ("platforms.json", None, ..) => Name::Platforms,
            ("epochs", Some(file), None, _) => match file.split_once('.')? {
                (n, "note") => Name::Note(epoch(n)?),
                (n, "cells") => Name::Cells(epoch(n)?),
                _ => return None,
            },
            ("circuits", Some(file), None, _) => Name::Circuit(file.strip_suffix(".vk")?.parse().ok()?),
            ("platforms", Some(file), None, _) => Name::Platform(file.strip_suffix(".json")?.parse().ok()?),
            ("tiles", Some(n), Some(level), Some(index)) => Name::Tile {
                epoch: epoch(n)?,
                level: number(level).and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 3)?,
                index: number(index)?,
            },
            _ => return None,
        };
        parts.next().is_none().then_some(name)
    }

    /// The media type of its content.
    pub fn media_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Name::Vkey | Name::Note(_) => "text/plain; charset=utf-8",
            Name::Cells(_) | Name::Platforms | Name::Platform(_) => "application/json",
            Name::Tile { .. } | Name::Circuit(_) => "application/octet-stream",
        })
    }

    /// Whether its content can change.
    pub fn caching(&self) -> Caching {
        match self {
            Name::Note(_) | Name::Cells(_) | Name::Tile { .. } | Name::Circuit(_) => Caching::Immutable,
            Name::Vkey | Name::Platforms | Name::Platform(_) => Caching::Ask,
        }
    }
}

/// The path below the folder.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Vkey => f.write_str("vkey"),
            Name::Note(n) => write!(f, "epochs/{n}.note"),
            Name::Cells(n) => write!(f, "epochs/{n}.cells"),
            Name::Tile { epoch, level, index } => write!(f, "tiles/{epoch}/{level}/{index}"),
            Name::Circuit(id) => write!(f, "circuits/{id}.vk"),
            Name::Platforms => f.write_str("platforms.json"),
            Name::Platform(host) => write!(f, "platforms/{host}.json"),
        }
    }
}

fn epoch(text: &str) -> Option<u64> {
    number(text).filter(|n| *n > 0)
}

/// A decimal number as it is written: no sign, no leading zeros. One file, one name.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    (digits && !leading).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_contract_and_no_others() {
        let circuit = "0123456789abcdef".repeat(4);
        for name in [
            "vkey",
            "epochs/1.note",
            "epochs/18446744073709551615.cells",
            "tiles/7/0/0",
            "tiles/7/2/2097151",
            &format!("circuits/{circuit}.vk"),
            "platforms.json",
            "platforms/forum.example.json",
            "platforms/localhost.json",
            "platforms/json.json",
        ] {
            assert_eq!(Name::parse(name).map(|n| n.to_string()).as_deref(), Some(name));
        }
        for name in [
            "",
            "/",
            "/vkey",
            "vkey/",
            "vkey/x",
            "Vkey",
            "signing.key",
            "../signing.key",
            "..",
            "epochs",
            "epochs/",
            "epochs/0.note",
            "epochs/01.note",
            "epochs/+1.note",
            "epochs/1.note.cells",
            "epochs/1.",
            "epochs/.note",
            "epochs/18446744073709551616.note",
            "epochs/1.note/",
            "epochs/../vkey",
            "epochs/..%2fvkey",
            "tiles/1/0",
            "tiles/1/3/0",
            "tiles/0/0/0",
            "tiles/1/00/0",
            "tiles/1/256/0",
            "tiles/1/0/-1",
            "tiles/1/0/0/0",
            "tiles/.new/0/0",
            "circuits/0.vk",
            "platforms/.json",
            "platforms/...json",
            "platforms/127.0.0.1.json",
            "platforms/Forum.example.json",
            "platforms/a/b.json",
            "platforms/..%2f..%2fsigning.key",
            "platforms.json/x",
        ] {
            assert_eq!(Name::parse(name), None, "{name}");
        }
        assert_eq!(Name::parse(&format!("circuits/{}.vk", circuit.to_uppercase())), None);
    }
}
