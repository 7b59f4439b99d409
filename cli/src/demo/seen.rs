//! What each party has seen, read from the databases and logs that are left, and the attempt to bring the
//! two sides together.

use super::cast::fault;
use super::process::Binary;
use crate::outcome::Failure;
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use veilpass_protocol::field::{hex32, to_hex};
use veilpass_server::platform::{Inspection, inspect};

/// What each party has seen.
#[derive(Debug, Serialize)]
pub struct Seen {
    authority: AuthoritySeen,
    platforms: PlatformsSeen,
    /// The attempt to bring the two sides together.
    pub joined: Joined,
}

#[derive(Debug, Serialize)]
struct AuthoritySeen {
    people: u64,
    epochs: u64,
    requests: usize,
    database_bytes: usize,
    log_bytes: usize,
}

#[derive(Debug, Serialize)]
struct PlatformsSeen {
    requests: usize,
    accepted: usize,
    declined: usize,
    pseudonyms: usize,
    database_bytes: usize,
    log_bytes: usize,
}

/// The join.
#[derive(Debug, Serialize)]
pub struct Joined {
    people: usize,
    pseudonyms: usize,
    /// Values of persons that stand on both sides.
    pub matches: usize,
}

/// One side: the bytes of its databases and of its logs.
struct Side {
    databases: Vec<u8>,
    logs: Vec<u8>,
}

impl Side {
    /// Everything in these folders that a server wrote, and the logs of these actors.
    fn read(binary: &Binary, actors: &[&str]) -> Result<Side, Failure> {
        let mut side = Side { databases: Vec::new(), logs: Vec::new() };
        for actor in actors {
            for file in files(&binary.path(actor))? {
                side.databases.extend(std::fs::read(&file).map_err(fault)?);
            }
            side.logs.extend(std::fs::read(binary.log(actor)).map_err(fault)?);
        }
        Ok(side)
    }

    fn requests(&self) -> usize {
        String::from_utf8_lossy(&self.logs).lines().filter(|line| line.contains("\"route\"")).count()
    }

    /// How many of these values (32 bytes as hex, or texts) the side holds, raw or as text.
    fn holds(&self, values: &HashSet<String>) -> usize {
        let raw: HashSet<[u8; 32]> = values.iter().filter_map(|v| hex32(v)).collect();
        let lengths: HashSet<usize> = values.iter().map(String::len).collect();
        let mut found = HashSet::new();
        for bytes in [&self.databases, &self.logs] {
            for window in bytes.windows(32) {
                if let Some(value) = <[u8; 32]>::try_from(window).ok().filter(|w| raw.contains(w)) {
                    found.insert(hex(&value));
                }
            }
            for window in lengths.iter().flat_map(|length| bytes.windows(*length)) {
                if let Some(text) = std::str::from_utf8(window).ok().filter(|text| values.contains(*text)) {
                    found.insert(text.to_owned());
                }
            }
        }
        found.len()
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// All files below a folder, but what is published to everybody and what the person carries.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Looks at everything, after all servers have stopped. `known`: the values by which the authority knows
/// people.
pub fn look(binary: &Binary, known: Vec<String>) -> Result<Seen, Failure> {
    let platforms = ["forum", "shop"];
    let known: HashSet<String> = known.into_iter().collect();
    let newest = binary.done("authority", ["authority", "epoch", "--dir", "authority"])?;
    let number = |name: &str| newest[name].as_u64().ok_or_else(|| fault(format!("`{name}` of the epoch")));
    let (authority, others) = (Side::read(binary, &["authority"])?, Side::read(binary, &platforms)?);
    let inspected: Vec<Inspection> = platforms
        .iter()
        .map(|name| crate::common::runtime()?.block_on(inspect(&binary.path(name))).map_err(fault))
        .collect::<Result<_, Failure>>()?;
    let pseudonyms: HashSet<String> =
        inspected.iter().flat_map(|i| i.pseudonyms.iter().map(to_hex)).collect();
    // The control: each side must be found to hold what it does hold, or the search is worth nothing.
    if authority.holds(&known) < known.len() / 2 || others.holds(&pseudonyms) != pseudonyms.len() {
        return Err(fault("the search does not find what is there"));
    }
    let matches = others.holds(&known) + authority.holds(&pseudonyms);
    Ok(Seen {
        authority: AuthoritySeen {
            people: number("live")?,
            epochs: number("epoch")?,
            requests: authority.requests(),
            database_bytes: authority.databases.len(),
            log_bytes: authority.logs.len(),
        },
        platforms: PlatformsSeen {
            requests: others.requests(),
            accepted: inspected.iter().map(|i| i.accepted).sum(),
            declined: inspected.iter().map(|i| i.declined).sum(),
            pseudonyms: pseudonyms.len(),
            database_bytes: others.databases.len(),
            log_bytes: others.logs.len(),
        },
        // A person is known by two commitments and a Network Number.
        joined: Joined { people: known.len() / 3, pseudonyms: pseudonyms.len(), matches },
    })
}

impl Seen {
    /// For people.
    pub fn text(&self) -> String {
        let (a, p, j) = (&self.authority, &self.platforms, &self.joined);
        format!(
            "What each party has seen, in its database and its log\n  \
             the authority   {} people, {} epochs, {} requests ({} and {} bytes); no platform, no pseudonym\n  \
             the platforms   {} requests, {} answers accepted, {} declined, {} pseudonyms ({} and {} bytes); no name, number, date or place\n  \
             joined          {} people × {} pseudonyms: {} values stand on both sides",
            a.people,
            a.epochs,
            a.requests,
            a.database_bytes,
            a.log_bytes,
            p.requests,
            p.accepted,
            p.declined,
            p.pseudonyms,
            p.database_bytes,
            p.log_bytes,
            j.people,
            j.pseudonyms,
            j.matches
        )
    }
}
