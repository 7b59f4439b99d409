//! What the authority publishes: notes, cells, tiles; and what a platform keeps of them.

use super::code_of;
use crate::mutate::hash;
use crate::strict::{Shape, one_reading};
use crate::{BYTES, Target, Verdict, repair, seeds};
use serde_json::Value;
use sha2::{Digest, Sha256};
use veilpass_protocol::attributes::{DocumentClass, DocumentGroup, Sex};
use veilpass_protocol::cells::Cells;
use veilpass_protocol::epoch::{Changes, EpochError, EpochStatement, RemovalReason, open_note, peek_note};
use veilpass_protocol::predicates::{AgePredicate, Predicates};
use veilpass_protocol::scope::MAX_PERIOD;
use veilpass_protocol::tile::{Tile, TileId};
use veilpass_protocol::tree::zero;
use veilpass_verifier::{AcceptedEpochs, EpochsError};

const WORDS: &[&str] = &[
    "veilpass epoch v1\n",
    "epoch ",
    "sealed_at ",
    "prev ",
    "root ",
    "places_used ",
    "live ",
    "added ",
    "removed ",
    "cells ",
    "circuits ",
    "window ",
    "withdrawn=",
    "error=0",
    "\n— id.example/veilpass ",
    "— ",
    "id.example/veilpass\n",
    "1",
    "2",
    "1200",
];

/// The text that is signed (contract §4, "Epoch note").
pub const TEXT: Target = Target {
    name: "epoch_text",
    judge: text,
    seeds: || {
        seeds::notes()
            .iter()
            .filter_map(|n| Some(format!("{}\n", n.split_once("\n\n")?.0).into_bytes()))
            .collect()
    },
    repair: Some(repair::epoch_window),
    words: WORDS,
    short: 400_000,
    full: BYTES,
};

/// The note with its signatures; the repair signs it anew.
pub const NOTE: Target = Target {
    name: "epoch_note",
    judge: note,
    seeds: || seeds::notes().into_iter().map(String::into_bytes).collect(),
    repair: Some(repair::sign_note),
    words: WORDS,
    short: 50_000,
    full: BYTES,
};

/// What `AcceptedEpochs` saves.
pub const SAVED: Target = Target {
    name: "epochs_saved",
    judge: saved,
    seeds: seeds::saved_epochs,
    repair: None,
    words: &[
        "\"note\":null",
        "\"note\":",
        "\"equivocations\":[]",
        "\"installed\":",
        "\"contradicting\":",
        "\\n",
    ],
    short: 500_000,
    full: BYTES,
};

/// The cells file.
pub const CELLS: Target = Target {
    name: "cells",
    judge: cells,
    seeds: seeds::cells,
    repair: None,
    words: &[
        "\"156\":",
        "\"0\":",
        "\"0-13\":",
        "\"60-\":",
        "\"male\":",
        "\"age\":",
        "\"sex\":",
        "100",
        "1000",
        "200",
    ],
    short: 200_000,
    full: BYTES,
};

/// Tiles: a byte for the level, then the tile.
pub const TILE: Target = Target {
    name: "tile",
    judge: tile,
    seeds: seeds::tiles,
    repair: None,
    words: &[],
    short: 300_000,
    full: BYTES,
};

fn statement(read: &EpochStatement) {
    let text = read.text();
    assert_eq!(EpochStatement::from_text(&text).as_ref(), Ok(read), "its own text reads differently");
    let counts = [read.epoch, read.places_used, read.live, read.added];
    assert!(counts.iter().chain(read.window.iter().map(|w| &w.epoch)).all(|n| *n <= MAX_PERIOD));
    if let Err(e) = read.check() {
        assert!(matches!(e, EpochError::Conflict(_)));
        return;
    }
    let in_time = |w: &veilpass_protocol::epoch::WindowEntry| {
        read.sealed_at.minus(w.replaced_at.seconds()).seconds() < 24 * 3600
    };
    assert!(read.window.iter().all(in_time), "a window of more than a day");
    let numbers = read.window.iter().map(|w| w.epoch);
    assert!(numbers.eq((1..read.epoch).rev().take(read.window.len())), "a window with a gap");
    // Whatever may follow it can be written and read.
    let h = hash(text.as_bytes());
    let mut removed = veilpass_protocol::epoch::RemovedCounts::default();
    removed.add(RemovalReason::ALL[h as usize % 8], h >> 60);
    let changes = Changes {
        sealed_at: read.sealed_at.plus(1 + (h >> 32) % 90_000),
        root: read.root,
        added: h >> 56,
        removed,
        cells: read.cells,
        circuits: read.circuits.clone(),
    };
    if let Ok(next) = EpochStatement::next(&read.origin, Some(read), changes) {
        assert_eq!(
            EpochStatement::from_text(&next.text()).as_ref(),
            Ok(&next),
            "the next statement cannot be read"
        );
        assert_eq!(next.check(), Ok(()), "the next statement contradicts itself");
    }
}

fn text(input: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(input) else { return Verdict::Rejected };
    let read = EpochStatement::from_text(text);
    if let Ok(read) = &read {
        assert_eq!(read.text(), text, "two texts of one statement");
        statement(read);
    }
    Verdict::from(&read)
}

fn note(input: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(input) else { return Verdict::Rejected };
    let key = seeds::authority().public();
    let read = open_note(text, &key);
    match &read {
        Ok(read) => {
            assert_eq!(peek_note(text).as_ref(), Ok(read), "two readings of one note");
            assert!(text.starts_with(&format!("{}\n", read.text())), "the note has another text");
            assert_eq!(read.origin, key.origin());
            statement(read);
        }
        Err(e) => {
            code_of(
                EpochsError::from(e.clone()).code(),
                &["epochs_syntax", "epoch_signature", "epochs_conflict"],
            );
        }
    }
    Verdict::from(&read)
}

fn saved(input: &[u8]) -> Verdict {
    let restore = |bytes: &[u8]| AcceptedEpochs::restore(bytes, seeds::authority().public());
    let read = restore(input);
    match &read {
        Ok(read) => {
            assert_eq!(restore(&read.save()).as_ref(), Ok(read));
            let shape = Shape { nullable: &["note"], ..Shape::default() };
            one_reading(input, &shape, &|text| Some(restore(text).ok()?.save()));
        }
        Err(e) => code_of(e.code(), &["epochs_syntax", "epoch_signature", "epochs_conflict"]),
    }
    Verdict::from(&read)
}

fn cells(input: &[u8]) -> Verdict {
    let epoch =
        serde_json::from_slice::<Value>(input).ok().and_then(|v| v.get("epoch")?.as_u64()).unwrap_or(7);
    let read = Cells::from_file(input, epoch, &Sha256::digest(input).into());
    if let Ok(cells) = &read {
        assert_eq!(cells.to_jcs(), input, "two texts of one file");
        assert_eq!(cells.hash().as_slice(), Sha256::digest(input).as_slice());
        let value: Value = serde_json::from_slice(input).expect("an accepted text is JSON");
        named(&value["sex"], |n| Sex::ALL.iter().any(|s| s.as_str() == n), Sex::ALL.len());
        named(&value["document_class"], |n| DocumentClass::ALL.iter().any(|c| c.as_str() == n), 7);
        named(&value["age"], |n| ["0-13", "14-15", "16-17", "18-59", "60-"].contains(&n), 5);
        let number = |n: &str, max: u16| n.parse::<u16>().is_ok_and(|k| k <= max && k.to_string() == n);
        named(&value["nationality"], |n| number(n, 999) && n != "0", 0);
        named(&value["province"], |n| number(n, 99), 0);
        let crowd = Predicates {
            age: Some(AgePredicate { at_least: Some(18), below: Some(60) }),
            sex: Some(Sex::Female),
            documents: Some(DocumentGroup::Compatriot),
            nationality: Some(156),
            province: Some(44),
            ..Predicates::valid()
        };
        for live in [0, 1, 1000, MAX_PERIOD] {
            cells.crowd(&crowd, live);
        }
    }
    Verdict::from(&read)
}

/// Each name is one of the list's, all of a closed list are there, and each count is in hundreds.
fn named(map: &Value, known: impl Fn(&str) -> bool, all: usize) {
    let map = map.as_object().expect("an object");
    assert!(map.keys().all(|name| known(name)), "a name that nobody knows");
    assert!(all == 0 || map.len() == all, "a name is missing");
    let hundreds = |n: &Value| n.as_u64().is_some_and(|n| n % 100 == 0 && n <= MAX_PERIOD);
    assert!(
        map.values().all(|n| hundreds(n) && (all > 0 || n.as_u64() > Some(0))),
        "a count that is not in hundreds"
    );
}

fn tile(input: &[u8]) -> Verdict {
    let (level, bytes) = input.split_first().map_or((0, input), |(level, rest)| (level % 3, rest));
    let id = TileId { level, index: 0 };
    let read = Tile::decode(id, bytes);
    if let Ok(tile) = &read {
        assert_eq!(tile.encode(), bytes, "two texts of one tile");
        assert!(!tile.nodes().is_empty() && tile.nodes().len() <= id.capacity());
        assert!(tile.nodes().last() != Some(&zero(id.height())), "it ends with an empty node");
        assert_eq!(Tile::new(id, tile.nodes().to_vec()).as_ref(), Some(tile));
        // Hashing is slow and not what is tried here.
        if tile.nodes().len() <= 8 && hash(input).is_multiple_of(16) {
            tile.top();
        }
    }
    Verdict::from(&read)
}
