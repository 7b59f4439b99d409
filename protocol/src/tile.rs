//! Tiles: the tree as static files, so that a path is found without asking for it (contract §4).

use crate::field::{Fr, from_bytes, to_bytes};
use crate::poseidon::hash_eights;
use crate::tree::{ARITY, CAPACITY, DEPTH, Path, PlaceOutside, zero};
use std::fmt;
use std::num::NonZeroUsize;

/// Nodes of a full tile of level 0 or 1 (four levels of the tree, 8^4).
pub const TILE_NODES: usize = 4096;
/// Levels of tiles: nodes of height 0, 4 and 8.
pub const TILE_LEVELS: u8 = 3;

/// Which tile: level `L` and index `I` of `tiles/<n>/<L>/<I>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0, 1 or 2.
    pub level: u8,
    /// Position among the tiles of the level.
    pub index: u64,
}

impl TileId {
    /// The three tiles in which a place and its ancestors stand.
    pub fn of_place(place: u64) -> [TileId; 3] {
        [0, 1, 2].map(|level| TileId { level, index: place >> (12 * (u32::from(level) + 1)) })
    }

    /// Height of the nodes in the tile.
    pub fn height(self) -> usize {
        4 * usize::from(self.level)
    }

    /// Most nodes that it holds: 4,096, at the top 512.
    pub fn capacity(self) -> usize {
        if self.level == 2 { 512 } else { TILE_NODES }
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.level, self.index)
    }
}

/// A tile; trailing empty nodes are cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    id: TileId,
    nodes: Vec<Fr>,
}

/// Bytes that are no tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// Not a multiple of 32 bytes, or more nodes than the tile holds.
    #[error("tile {0}: {1} bytes are not a whole number of nodes that fits the tile")]
    Length(TileId, usize),
    /// A node ≥ r.
    #[error("tile {0}: node {1} is not canonical")]
    NotCanonical(TileId, usize),
    /// It ends with an empty node, or holds nothing: such tiles have another form.
    #[error("tile {0}: trailing empty nodes must be cut off")]
    TrailingEmpty(TileId),
    /// A tile that a path needs is not there, or the leaf's place lies beyond it.
    #[error("tile {0} is missing")]
    Missing(TileId),
    /// Tiles of different trees.
    #[error("tile {0} does not fit the tile above it")]
    Mismatch(TileId),
    /// No such place.
    #[error(transparent)]
    Place(#[from] PlaceOutside),
}

impl Tile {
    /// Cuts trailing empty nodes off; `None` if nothing is left.
    pub fn new(id: TileId, mut nodes: Vec<Fr>) -> Option<Tile> {
        let empty = zero(id.height());
        while nodes.last() == Some(&empty) {
            nodes.pop();
        }
        (!nodes.is_empty() && nodes.len() <= id.capacity()).then_some(Tile { id, nodes })
    }

    /// Which tile it is.
    pub fn id(&self) -> TileId {
        self.id
    }

    /// The nodes, without the trailing empty ones.
    pub fn nodes(&self) -> &[Fr] {
        &self.nodes
    }

    /// 32 bytes each node.
    pub fn encode(&self) -> Vec<u8> {
        self.nodes.iter().flat_map(to_bytes).collect()
    }

    /// Reads a tile; there is one form for each.
    pub fn decode(id: TileId, bytes: &[u8]) -> Result<Tile, TileError> {
        let (chunks, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || chunks.len() > id.capacity() {
            return Err(TileError::Length(id, bytes.len()));
        }
        let nodes = chunks
            .iter()
            .enumerate()
            .map(|(i, chunk)| from_bytes(chunk).map_err(|_| TileError::NotCanonical(id, i)));
        let nodes: Vec<Fr> = nodes.collect::<Result<_, _>>()?;
        if nodes.last().is_none_or(|last| *last == zero(id.height())) {
            return Err(TileError::TrailingEmpty(id));
        }
        Ok(Tile { id, nodes })
    }

    /// Groups of eight from the tile's nodes up to its top: the group of `position` on each level, and
    /// the top node.
    fn climb(&self, mut position: usize) -> (Vec<[Fr; ARITY]>, Fr) {
        let levels = if self.id.level == 2 { DEPTH - 8 } else { 4 };
        let mut nodes = self.nodes.clone();
        let mut groups = Vec::with_capacity(levels);
        for h in (self.id.height()..).take(levels) {
            let group = |parent: usize| -> [Fr; ARITY] {
                let mut present = nodes.iter().skip(parent * ARITY);
                std::array::from_fn(|_| present.next().copied().unwrap_or_else(|| zero(h)))
            };
            position /= ARITY;
            groups.push(group(position));
            let parents: Vec<_> = (0..nodes.len().div_ceil(ARITY)).map(group).collect();
            nodes = hash_eights(NonZeroUsize::MIN, &parents);
        }
        (groups, nodes.first().copied().unwrap_or_default())
    }

    /// Root of the subtree that the tile covers (of level 2: the tree's root).
    pub fn top(&self) -> Fr {
        self.climb(0).1
    }
}

/// The path of a place from the three tiles in which it stands (levels 0, 1, 2), checked against each
/// other; gives the root as well.
pub fn path_from_tiles(place: u64, tiles: [&Tile; 3]) -> Result<(Path, Fr), TileError> {
    if place >= CAPACITY {
        return Err(PlaceOutside(place).into());
    }
    let mut groups = Vec::with_capacity(DEPTH);
    let mut below: Option<Fr> = None;
    for (tile, id) in tiles.into_iter().zip(TileId::of_place(place)) {
        if tile.id != id {
            return Err(TileError::Missing(id));
        }
        let position = (place >> (12 * u32::from(id.level))) as usize % id.capacity();
        if below.is_some_and(|b| tile.nodes.get(position) != Some(&b)) {
            return Err(TileError::Mismatch(id));
        }
        let (mut climbed, top) = tile.climb(position);
        groups.append(&mut climbed);
        below = Some(top);
    }
    let path = <[[Fr; ARITY]; DEPTH]>::try_from(groups).map_err(|_| PlaceOutside(place))?;
    Ok((Path(path), below.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;
    use ark_ff::Zero;

    fn tree() -> Tree {
        let mut leaves: Vec<Fr> = (1..=9000u64).map(Fr::from).collect();
        leaves[8999] = Fr::zero();
        leaves[100] = Fr::zero();
        Tree::from_leaves(leaves)
    }

    #[test]
    fn tiles_cover_the_tree() {
        let t = tree();
        let ids: Vec<String> = t.tile_ids().iter().map(TileId::to_string).collect();
        assert_eq!(ids, ["0/0", "0/1", "0/2", "1/0", "2/0"]);
        let tile = t.tile(TileId { level: 0, index: 2 }).unwrap();
        assert_eq!(tile.nodes().len(), 8999 - 8192, "the removed last leaf is cut off");
        assert_eq!(Tile::decode(tile.id(), &tile.encode()), Ok(tile.clone()));
        assert_eq!(t.tile(TileId { level: 2, index: 0 }).unwrap().top(), t.root());
        assert_eq!(t.tile(TileId { level: 0, index: 3 }), None);
    }

    #[test]
    fn paths_from_tiles_equal_the_trees() {
        let t = tree();
        for place in [0, 7, 8, 100, 4095, 4096, 8191, 8998] {
            let tiles = TileId::of_place(place).map(|id| t.tile(id).unwrap());
            let (path, root) = path_from_tiles(place, [&tiles[0], &tiles[1], &tiles[2]]).unwrap();
            assert_eq!(root, t.root());
            assert_eq!(path, t.path(place).unwrap(), "place {place}");
            assert_eq!(path.root_of(&t.get(place)), Some(root));
        }
    }

    #[test]
    fn foreign_tiles_are_noticed() {
        let t = tree();
        let tiles = TileId::of_place(5).map(|id| t.tile(id).unwrap());
        let forged = Tile::new(tiles[0].id(), vec![Fr::from(77u64)]).unwrap();
        assert_eq!(
            path_from_tiles(5, [&forged, &tiles[1], &tiles[2]]),
            Err(TileError::Mismatch(tiles[1].id()))
        );
        assert_eq!(
            path_from_tiles(5000, [&tiles[0], &tiles[1], &tiles[2]]),
            Err(TileError::Missing(TileId { level: 0, index: 1 }))
        );
    }

    #[test]
    fn bad_bytes() {
        let id = TileId { level: 0, index: 0 };
        assert!(matches!(Tile::decode(id, &[0; 33]), Err(TileError::Length(..))));
        assert!(matches!(Tile::decode(id, &[0xff; 32]), Err(TileError::NotCanonical(..))));
        assert!(matches!(Tile::decode(id, &[0; 32]), Err(TileError::TrailingEmpty(_))));
        assert!(matches!(Tile::decode(id, &[]), Err(TileError::TrailingEmpty(_))));
        assert!(matches!(
            Tile::decode(TileId { level: 2, index: 0 }, &[1; 32 * 513]),
            Err(TileError::Length(..))
        ));
        let z4 = to_bytes(&zero(4));
        assert!(matches!(Tile::decode(TileId { level: 1, index: 0 }, &z4), Err(TileError::TrailingEmpty(_))));
    }
}
