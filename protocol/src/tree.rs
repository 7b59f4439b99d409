//! The tree of leaves: arity 8, depth 11, 2^33 places (contract §2).

use crate::field::Fr;
use crate::poseidon::{hash, hash_eights};
use crate::tile::{Tile, TileId};
use ark_ff::Zero;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::OnceLock;

/// Children of a node.
pub const ARITY: usize = 8;
/// Height of the root.
pub const DEPTH: usize = 11;
/// Number of places.
pub const CAPACITY: u64 = 1 << 33;

/// A node `H_8` of its children.
pub fn node(children: &[Fr; ARITY]) -> Fr {
    hash(children)
}

/// `z_h`, the root of an empty subtree of height `h`: `z_0 = 0`, `z_h = H_8(z_{h-1} × 8)`. Heights
/// above 11 do not occur and give `z_11`.
pub fn zero(height: usize) -> Fr {
    static ZEROS: OnceLock<[Fr; DEPTH + 1]> = OnceLock::new();
    let zeros = ZEROS.get_or_init(|| {
        let mut z = Fr::zero();
        std::array::from_fn(|h| {
            if h > 0 {
                z = node(&[z; ARITY]);
            }
            z
        })
    });
    zeros.get(height.min(DEPTH)).copied().unwrap_or_default()
}

/// A place outside the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("place {0} is outside the tree (0 to 2^33 - 1)")]
pub struct PlaceOutside(pub u64);

/// An authentication path: from the leaf upwards, the 8 children among which the node stands. The
/// position is not part of it (S1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(pub [[Fr; ARITY]; DEPTH]);

impl Path {
    /// The root that the path leads to, if the leaf and every node above it stands among its children.
    pub fn root_of(&self, leaf: &Fr) -> Option<Fr> {
        self.0.iter().try_fold(*leaf, |current, children| children.contains(&current).then(|| node(children)))
    }
}

/// The whole tree in memory, as far as places are in use: about 37 bytes a place.
#[derive(Debug, Clone)]
pub struct Tree {
    /// `levels[h]` = nodes of height h; what lies beyond the end is `zero(h)`.
    levels: [Vec<Fr>; DEPTH + 1],
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::new()
    }
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The eight nodes from `8 · parent` on, those beyond the end empty.
fn children(nodes: &[Fr], parent: u64, height: usize) -> [Fr; ARITY] {
    let start = usize::try_from(parent).unwrap_or(usize::MAX).saturating_mul(ARITY);
    let mut present = nodes.get(start..).unwrap_or_default().iter();
    std::array::from_fn(|_| present.next().copied().unwrap_or_else(|| zero(height)))
}

impl Tree {
    /// The empty tree.
    pub fn new() -> Tree {
        Tree { levels: std::array::from_fn(|_| Vec::new()) }
    }

    /// A tree of these leaves in the places from 0 on (0 = empty), on as many threads as there are cores.
    pub fn from_leaves(leaves: Vec<Fr>) -> Tree {
        Tree::from_leaves_on(cores(), leaves)
    }

    /// [`Tree::from_leaves`] on so many threads.
    pub fn from_leaves_on(threads: NonZeroUsize, leaves: Vec<Fr>) -> Tree {
        let mut tree = Tree::new();
        tree.set_level(0, leaves);
        for h in 0..DEPTH {
            let below = tree.level(h);
            let parents = below.len().div_ceil(ARITY) as u64;
            let groups: Vec<_> = (0..parents).map(|p| children(below, p, h)).collect();
            let nodes = hash_eights(threads, &groups);
            tree.set_level(h + 1, nodes);
        }
        tree
    }

    fn set_level(&mut self, height: usize, nodes: Vec<Fr>) {
        if let Some(level) = self.levels.get_mut(height) {
            *level = nodes;
        }
    }

    /// Changes many leaves; every touched node is hashed once. Places up to the highest one named come
    /// into use, so name them in sequence: the memory grows with the highest place.
    pub fn update(&mut self, changes: &[(u64, Fr)]) -> Result<(), PlaceOutside> {
        self.update_on(cores(), changes)
    }

    /// [`Tree::update`] on so many threads.
    pub fn update_on(&mut self, threads: NonZeroUsize, changes: &[(u64, Fr)]) -> Result<(), PlaceOutside> {
        if let Some((place, _)) = changes.iter().find(|(place, _)| *place >= CAPACITY) {
            return Err(PlaceOutside(*place));
        }
        let mut dirty: BTreeMap<u64, Fr> = changes.iter().copied().collect();
        for h in 0..=DEPTH {
            let Some(level) = self.levels.get_mut(h) else {
                break;
            };
            for (place, value) in &dirty {
                let index = *place as usize;
                if index >= level.len() {
                    level.resize(index + 1, zero(h));
                }
                if let Some(slot) = level.get_mut(index) {
                    *slot = *value;
                }
            }
            let parents: std::collections::BTreeSet<u64> = dirty.keys().map(|p| p / ARITY as u64).collect();
            let groups: Vec<_> = parents.iter().map(|p| children(level, *p, h)).collect();
            dirty = parents.into_iter().zip(hash_eights(threads, &groups)).collect();
        }
        Ok(())
    }

    /// The root.
    pub fn root(&self) -> Fr {
        self.level(DEPTH).first().copied().unwrap_or_else(|| zero(DEPTH))
    }

    /// The leaf in a place; 0 where none is.
    pub fn get(&self, place: u64) -> Fr {
        usize::try_from(place).ok().and_then(|i| self.level(0).get(i)).copied().unwrap_or_default()
    }

    /// Number of places in use, removed ones included.
    pub fn places(&self) -> u64 {
        self.level(0).len() as u64
    }

    /// The nodes of a height, as far as places are in use.
    pub fn level(&self, height: usize) -> &[Fr] {
        self.levels.get(height).map(Vec::as_slice).unwrap_or_default()
    }

    /// The path of a place.
    pub fn path(&self, place: u64) -> Result<Path, PlaceOutside> {
        if place >= CAPACITY {
            return Err(PlaceOutside(place));
        }
        Ok(Path(std::array::from_fn(|h| children(self.level(h), place >> (3 * (h + 1)), h))))
    }

    /// A tile of the tree; `None` where it would hold nothing.
    pub fn tile(&self, id: TileId) -> Option<Tile> {
        let nodes = self.level(id.height());
        let start = usize::try_from(id.index).ok()?.checked_mul(id.capacity())?;
        let nodes = nodes.get(start..)?;
        Tile::new(id, nodes.get(..id.capacity()).unwrap_or(nodes).to_vec())
    }

    /// The ids of all tiles that hold something, level by level.
    pub fn tile_ids(&self) -> Vec<TileId> {
        let all = (0..3).flat_map(|level| {
            let capacity = TileId { level, index: 0 }.capacity();
            let count = self.level(TileId { level, index: 0 }.height()).len().div_ceil(capacity);
            (0..count as u64).map(move |index| TileId { level, index })
        });
        all.filter(|id| self.tile(*id).is_some()).collect()
    }
}

/// Root of a tree with leaves in any places, without a [`Tree`].
pub fn sparse_root(leaves: &BTreeMap<u64, Fr>) -> Result<Fr, PlaceOutside> {
    if let Some(place) = leaves.keys().find(|place| **place >= CAPACITY) {
        return Err(PlaceOutside(*place));
    }
    let mut nodes = leaves.clone();
    for h in 0..DEPTH {
        let mut parents: BTreeMap<u64, [Fr; ARITY]> = BTreeMap::new();
        for (place, value) in nodes {
            let children = parents.entry(place / ARITY as u64).or_insert([zero(h); ARITY]);
            if let Some(child) = children.get_mut((place % ARITY as u64) as usize) {
                *child = value;
            }
        }
        nodes = parents.into_iter().map(|(place, children)| (place, node(&children))).collect();
    }
    Ok(nodes.get(&0).copied().unwrap_or_else(|| zero(DEPTH)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{from_hex, to_hex};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    #[test]
    fn known_roots() {
        assert_eq!(to_hex(&zero(1)), "035ebc384d320413c9b97d446bf7de69e04d6278d68d52934a4f5f653348622a");
        assert_eq!(to_hex(&zero(11)), "113546cad171002bd1b8f16603b113e11df1e25b1185ae23b092a7804737d912");
        let l = from_hex("03489ee1b54bf2b48dbebd8f92e94409b6aa6b89102f4a0ff8347a7fb8876f88").unwrap();
        let (c, d) = (hash(&[Fr::from(1u64)]), hash(&[Fr::from(2u64)]));
        let root = |leaves: &[(u64, Fr)]| {
            let map: BTreeMap<u64, Fr> = leaves.iter().copied().collect();
            let mut tree = Tree::new();
            tree.update(leaves).unwrap();
            assert_eq!(sparse_root(&map).unwrap(), tree.root());
            to_hex(&tree.root())
        };
        assert_eq!(root(&[]), to_hex(&zero(11)));
        assert_eq!(root(&[(0, l)]), "14c4dda7a74017b33f3a94750f066755144a216ed2a648918943dbe4b7e81ece");
        assert_eq!(
            root(&[(0, l), (9, d), (4096, c)]),
            "131b8e345b36479355555ff3a5a5e6ad576fdeda52bf7552476b7f65bce1c358"
        );
    }

    #[test]
    fn batches_equal_the_sparse_root() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut tree = Tree::new();
        let mut slow = BTreeMap::new();
        for _ in 0..30 {
            let changes: Vec<(u64, Fr)> = (0..rng.gen_range(0..40))
                .map(|_| {
                    (
                        rng.gen_range(0..5000),
                        if rng.gen_bool(0.2) { Fr::zero() } else { Fr::from(rng.r#gen::<u64>()) },
                    )
                })
                .collect();
            tree.update(&changes).unwrap();
            slow.extend(changes);
            assert_eq!(tree.root(), sparse_root(&slow).unwrap());
        }
        assert_eq!(Tree::from_leaves(tree.level(0).to_vec()).root(), tree.root());
        for place in slow.keys().take(50) {
            assert_eq!(tree.path(*place).unwrap().root_of(&tree.get(*place)), Some(tree.root()));
        }
        assert_eq!(tree.path(0).unwrap().root_of(&Fr::from(3u64)), None);
    }

    #[test]
    fn places_end() {
        let last = CAPACITY - 1;
        assert!(sparse_root(&BTreeMap::from([(last, Fr::from(1u64))])).is_ok());
        assert_eq!(sparse_root(&BTreeMap::from([(CAPACITY, Fr::from(1u64))])), Err(PlaceOutside(CAPACITY)));
        assert_eq!(Tree::new().update(&[(CAPACITY, Fr::zero())]), Err(PlaceOutside(CAPACITY)));
        assert_eq!(Tree::new().path(CAPACITY), Err(PlaceOutside(CAPACITY)));
        assert_eq!(Tree::new().path(last).unwrap().root_of(&Fr::zero()), Some(zero(DEPTH)));
    }
}
