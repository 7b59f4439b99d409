//! The published folder, read as a stranger reads it.

use crate::people::{Fixture, at, key_file, people};
use crate::registry::snapshot;
use crate::seal::enrol;
use std::collections::BTreeMap;
use std::path::Path;
use veilpass_protocol::cells::Cells;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::directory::{PlatformEntry, read_hosts};
use veilpass_protocol::epoch::{EpochStatement, RemovalReason, open_note};
use veilpass_protocol::field::Fr;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::tile::{Tile, TileId, path_from_tiles};
use veilpass_protocol::tree::{Tree, sparse_root};
use veilpass_server::{Blame, RegistryError};

fn tiles(folder: &Path, epoch: u64) -> BTreeMap<TileId, Tile> {
    let mut all = BTreeMap::new();
    for level in 0..3u8 {
        let path = folder.join(format!("tiles/{epoch}/{level}"));
        // An empty tree has no tiles, and an empty level no folder.
        for entry in path.read_dir().into_iter().flatten() {
            let entry = entry.unwrap();
            let id = TileId { level, index: entry.file_name().to_str().unwrap().parse().unwrap() };
            all.insert(id, Tile::decode(id, &std::fs::read(entry.path()).unwrap()).unwrap());
        }
    }
    all
}

/// Reads everything and checks it against itself; gives the newest statement and its leaves.
fn read(folder: &Path) -> (EpochStatement, BTreeMap<u64, Fr>) {
    let line = std::fs::read_to_string(folder.join("vkey")).unwrap();
    let key: AuthorityKey = line.trim_end().parse().unwrap();
    let mut statements: Vec<EpochStatement> = Vec::new();
    for n in 1.. {
        let Ok(note) = std::fs::read_to_string(folder.join(format!("epochs/{n}.note"))) else { break };
        let statement = open_note(&note, &key).unwrap();
        assert_eq!(statement.epoch, n);
        assert_eq!(statement.prev, statements.last().map_or([0; 32], EpochStatement::hash));
        let cells = std::fs::read(folder.join(format!("epochs/{n}.cells"))).unwrap();
        Cells::from_file(&cells, n, &statement.cells).unwrap();
        statements.push(statement);
    }
    let newest = statements.pop().unwrap();
    for id in &newest.circuits {
        let file = std::fs::read(folder.join(format!("circuits/{id}.vk"))).unwrap();
        assert_eq!(CircuitId::of_file(&file), *id);
    }
    let tiles = tiles(folder, newest.epoch);
    let mut leaves = BTreeMap::new();
    for (id, tile) in tiles.iter().filter(|(id, _)| id.level == 0) {
        let numbered = (id.index * 4096..).zip(tile.nodes());
        leaves
            .extend(numbered.filter(|(_, leaf)| **leaf != Fr::default()).map(|(place, leaf)| (place, *leaf)));
    }
    assert_eq!(sparse_root(&leaves).unwrap(), newest.root);
    assert_eq!(leaves.len() as u64, newest.live);
    let mut dense = vec![Fr::default(); newest.places_used as usize];
    for (place, leaf) in &leaves {
        dense[*place as usize] = *leaf;
    }
    let tree = Tree::from_leaves(dense);
    assert_eq!(tiles, tree.tile_ids().into_iter().map(|id| (id, tree.tile(id).unwrap())).collect());
    for place in leaves.keys().step_by(leaves.len().div_ceil(5).max(1)) {
        let three = TileId::of_place(*place).map(|id| &tiles[&id]);
        let (path, root) = path_from_tiles(*place, three).unwrap();
        assert_eq!((root, path.root_of(&leaves[place])), (newest.root, Some(newest.root)));
    }
    let hosts = read_hosts(&std::fs::read(folder.join("platforms.json")).unwrap()).unwrap();
    for host in &hosts {
        let entry = std::fs::read(folder.join(format!("platforms/{host}.json"))).unwrap();
        let entry = PlatformEntry::from_json(&entry).unwrap();
        entry.verify(&key).unwrap();
        assert_eq!(entry.host, *host);
    }
    assert_eq!(folder.join("platforms").read_dir().unwrap().count(), hosts.len());
    (newest, leaves)
}

#[tokio::test]
async fn a_stranger_can_rebuild_the_tree() {
    let mut fixture = Fixture::new(70).await;
    let out = fixture.home.path().join("published");
    let error = fixture.authority.publish(&out).await.unwrap_err();
    assert_eq!(
        (&error, error.blame(), error.code()),
        (&RegistryError::NoEpoch, Blame::Refused, Some("not_found"))
    );
    assert!(!out.exists());

    // More than one tile of leaves, with holes.
    let numbers = enrol(&mut fixture, &people(0..4500)).await;
    fixture.seal(0).await;
    for number in numbers.iter().step_by(9).chain(&numbers[4400..]).collect::<std::collections::BTreeSet<_>>()
    {
        fixture.authority.remove(number, RemovalReason::Withdrawn, at(1)).await.unwrap();
    }
    let sealed = fixture.seal(1).await;
    let key = ed25519_dalek::SigningKey::generate(&mut fixture.rng).verifying_key();
    for host in ["z.example", "a.example", "a-b.example"] {
        fixture.authority.put_platform(host.parse().unwrap(), &key, host, &["p".into()]).await.unwrap();
    }
    let published = fixture.authority.publish(&out).await.unwrap();
    let (newest, leaves) = read(&out);
    assert_eq!(newest, sealed.statement);
    assert_eq!(leaves.len() as u64, sealed.statement.live);
    let files = snapshot(&out);
    assert_eq!((published.epoch, published.files), (2, files.len() as u64));
    assert_eq!(published.bytes, files.values().map(|b| b.len() as u64).sum::<u64>());
    assert_eq!(
        std::fs::read_to_string(out.join("platforms.json")).unwrap(),
        r#"["a-b.example","a.example","z.example"]"#
    );

    // The same again, also after somebody has damaged a file.
    std::fs::write(out.join("tiles/2/1/0"), b"damaged").unwrap();
    std::fs::remove_file(out.join("epochs/1.cells")).unwrap();
    assert_eq!(fixture.authority.publish(&out).await.unwrap(), published);
    assert_eq!(snapshot(&out), files);
}

#[tokio::test]
async fn tiles_of_the_newest_epoch_and_the_one_before() {
    let mut fixture = Fixture::new(71).await;
    let out = fixture.home.path().join("published");
    fixture.seal(0).await;
    fixture.authority.publish(&out).await.unwrap();
    assert_eq!(read(&out).1.len(), 0);
    for round in 1..5u64 {
        fixture.import(&people(round as usize * 10..round as usize * 10 + 10)).await;
        fixture.seal(round).await;
        // What a killed run may leave behind.
        std::fs::create_dir_all(out.join("tiles/.new/0")).unwrap();
        std::fs::write(out.join("tiles/.new/0/7"), b"half").unwrap();
        let published = fixture.authority.publish(&out).await.unwrap();
        assert_eq!(read(&out).1.len() as u64, round * 10);
        let mut epochs: Vec<String> = out
            .join("tiles")
            .read_dir()
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        epochs.sort();
        assert_eq!(epochs, [round.to_string(), (round + 1).to_string()]);
        assert_eq!(published.files, snapshot(&out).len() as u64);
    }
    // Two epochs in one step: who reads is still under way in the one that was published before.
    fixture.seal(5).await;
    fixture.seal(6).await;
    fixture.authority.publish(&out).await.unwrap();
    assert!(out.join("tiles/7").exists() && out.join("tiles/5").exists() && !out.join("tiles/4").exists());
    let fresh = fixture.home.path().join("fresh");
    assert_eq!(fixture.authority.publish(&fresh).await.unwrap().epoch, 7);
    assert_eq!(read(&fresh), read(&out));
    assert!(!fresh.join("tiles/6").exists());
}

#[tokio::test]
async fn not_into_the_folder_of_another_authority() {
    let mut fixture = Fixture::new(72).await;
    let mut other = Fixture::new(73).await;
    let out = fixture.home.path().join("published");
    fixture.seal(0).await;
    other.seal(0).await;
    fixture.authority.publish(&out).await.unwrap();
    let before = snapshot(&out);
    let error = other.authority.publish(&out).await.unwrap_err();
    assert_eq!((error.blame(), error.code()), (Blame::WrongUse, None));
    assert_eq!(snapshot(&out), before);
    assert_eq!(
        std::fs::read(out.join(format!("circuits/{}.vk", CircuitId::of_file(&key_file())))).unwrap(),
        key_file()
    );
}

/// A database that is put back from an older copy must not replace what wallets and platforms hold.
#[tokio::test]
async fn what_was_published_is_not_rewritten() {
    let mut fixture = Fixture::new(77).await;
    let out = fixture.home.path().join("published");
    enrol(&mut fixture, &people(0..3)).await;
    fixture.seal(0).await;
    fixture.authority.publish(&out).await.unwrap();
    let note = out.join("epochs/1.note");
    let text = std::fs::read_to_string(&note).unwrap();
    let newer = out.join("epochs/2.note");
    for (path, bytes) in [(&note, format!("{text}x")), (&newer, text.clone())] {
        std::fs::write(path, &bytes).unwrap();
        let refused = fixture.authority.publish(&out).await;
        let older = matches!(refused, Err(RegistryError::Forked { .. } | RegistryError::Behind { .. }));
        assert!(older, "{refused:?}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), bytes, "it was left alone");
        std::fs::write(&note, &text).unwrap();
    }
    std::fs::remove_file(newer).unwrap();
    fixture.authority.publish(&out).await.unwrap();
}
