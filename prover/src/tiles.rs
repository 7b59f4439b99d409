//! W9, second half: finding the own leaf without telling where it is.
//!
//! Tiles of level 0 are fetched only in aligned blocks of eight, and a block in which fewer than 4,096
//! people live is made eight times wider, at most as wide as the tree. All that a server sees of a
//! person is the block. Every tile is checked against the root before it is believed.

use crate::source::{Source, SourceError};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use veilpass_protocol::field::Fr;
use veilpass_protocol::tile::{TILE_NODES, Tile, TileError, TileId, path_from_tiles};
use veilpass_protocol::tree::{CAPACITY, Path, zero};

/// Places in a tile of level 0.
const PLACES: u64 = TILE_NODES as u64;
/// Tiles of level 0 in the whole tree.
const ALL_TILES: u64 = CAPACITY / PLACES;

/// How much of the tree is fetched around a leaf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cover {
    /// Tiles in the smallest block.
    pub(crate) tiles: u64,
    /// Fewest live leaves in a block.
    pub(crate) live: u64,
}

impl Cover {
    /// W9.
    pub(crate) const W9: Cover = Cover { tiles: 8, live: 4096 };
}

/// Why the tiles could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TilesError {
    /// They could not be fetched.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// They are not those of the signed root.
    #[error("the tiles are not those of the signed root: {0}")]
    Root(String),
}

impl From<TileError> for TilesError {
    fn from(e: TileError) -> TilesError {
        TilesError::Root(e.to_string())
    }
}

/// The tiles of one epoch, fetched as needed and checked from the root down.
pub(crate) struct Tiles<'a, S: Source + ?Sized> {
    source: &'a S,
    epoch: u64,
    root: Fr,
    places_used: u64,
    cover: Cover,
    /// Checked tiles of levels 1 and 2; `None` = it holds nothing.
    upper: BTreeMap<TileId, Option<Tile>>,
}

/// A leaf that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) place: u64,
    pub(crate) path: Path,
}

/// Where to look for a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    /// It was found here before.
    At(u64),
    /// In the blocks that cover these places, and in whatever else is fetched, but not at the third.
    Between(u64, u64, Option<u64>),
}

/// A leaf that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) leaf: Fr,
    pub(crate) places: Places,
}

impl Wanted {
    /// The first tile from this one on that is needed for it.
    fn next_tile(&self, tile: u64, places_used: u64) -> Option<u64> {
        match self.places {
            Places::At(place) => Some(place / PLACES).filter(|at| *at >= tile),
            Places::Between(from, to, _) => {
                let next = tile.max(from / PLACES);
                (next.saturating_mul(PLACES) < to.min(places_used)).then_some(next)
            }
        }
    }

    fn may_be_at(&self, place: u64) -> bool {
        match self.places {
            Places::At(known) => place == known,
            Places::Between(_, _, but) => but != Some(place),
        }
    }
}

/// Tiles `start .. end` of level 0.
struct Block {
    end: u64,
    tiles: BTreeMap<u64, Option<Tile>>,
}

impl Block {
    fn find(&self, leaf: &Fr) -> Option<u64> {
        self.tiles.iter().find_map(|(index, tile)| {
            let position = tile.as_ref()?.nodes().iter().position(|node| node == leaf)?;
            Some(index * PLACES + position as u64)
        })
    }
}

impl<'a, S: Source + ?Sized> Tiles<'a, S> {
    /// The tiles of the epoch with this root.
    pub(crate) fn new(source: &'a S, epoch: u64, root: Fr, places_used: u64, cover: Cover) -> Tiles<'a, S> {
        Tiles { source, epoch, root, places_used: places_used.min(CAPACITY), cover, upper: BTreeMap::new() }
    }

    /// Looks for leaves, for all of them in every block that is fetched for one, in one pass from the
    /// first place to the last. Each block has the cover of W9 by itself, and which blocks are fetched
    /// depends on nothing but the ranges and on where a leaf is found.
    pub(crate) fn search(&mut self, wanted: &[Wanted]) -> Result<Vec<Option<Found>>, TilesError> {
        let mut found: Vec<Option<Found>> = wanted.iter().map(|_| None).collect();
        let mut tile = 0;
        loop {
            let missing = wanted.iter().zip(&found).filter(|(_, found)| found.is_none());
            let next = missing.filter_map(|(wanted, _)| wanted.next_tile(tile, self.places_used)).min();
            let Some(next) = next else { return Ok(found) };
            let block = self.block(next)?;
            for (wanted, found) in wanted.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
                let place = block.find(&wanted.leaf);
                if let Some(place) = place.filter(|at| wanted.may_be_at(*at)) {
                    *found = Some(self.path(place, &block)?);
                }
            }
            tile = block.end;
        }
    }

    fn path(&mut self, place: u64, block: &Block) -> Result<Found, TilesError> {
        let [bottom, middle, top] = TileId::of_place(place);
        let missing = |id: TileId| TilesError::Root(format!("tile {id} is missing"));
        let bottom =
            block.tiles.get(&bottom.index).and_then(Option::as_ref).ok_or_else(|| missing(bottom))?;
        let upper = |id: TileId| self.upper.get(&id).and_then(Option::as_ref).ok_or_else(|| missing(id));
        let (path, root) = path_from_tiles(place, [bottom, upper(middle)?, upper(top)?])?;
        if root == self.root {
            Ok(Found { place, path })
        } else {
            Err(TilesError::Root("another root".into()))
        }
    }

    /// The block around a tile: the smallest aligned one in which enough people live.
    fn block(&mut self, tile: u64) -> Result<Block, TilesError> {
        let used_tiles = self.places_used.div_ceil(PLACES);
        let mut width = self.cover.tiles;
        let mut tiles = BTreeMap::new();
        loop {
            let start = tile / width * width;
            let end = start.saturating_add(width);
            let whole = width >= ALL_TILES || (start == 0 && end >= used_tiles);
            // Where even full tiles would be too few people, the block is made wider before anything
            // is fetched: otherwise the order of fetching would tell the inner block.
            let most = end
                .min(used_tiles)
                .saturating_mul(PLACES)
                .min(self.places_used)
                .saturating_sub(start * PLACES);
            if whole || most >= self.cover.live {
                for index in start..end.min(used_tiles) {
                    if let Entry::Vacant(entry) = tiles.entry(index) {
                        entry.insert(self.fetch(TileId { level: 0, index })?);
                    }
                }
                let live: u64 = tiles.values().flatten().map(live_leaves).sum();
                if whole || live >= self.cover.live {
                    return Ok(Block { end, tiles });
                }
            }
            width = width.saturating_mul(8);
        }
    }

    /// Fetches a tile and checks it against the node above it, or the root.
    fn fetch(&mut self, id: TileId) -> Result<Option<Tile>, TilesError> {
        let expected = if id.level >= 2 {
            self.root
        } else {
            let above = TileId { level: id.level + 1, index: id.index >> 12 };
            let empty = zero(above.height());
            if !self.upper.contains_key(&above) {
                let fetched = self.fetch(above)?;
                self.upper.insert(above, fetched);
            }
            let nodes = self.upper.get(&above).and_then(Option::as_ref).map_or(&[][..], Tile::nodes);
            nodes.get(id.index as usize % above.capacity()).copied().unwrap_or(empty)
        };
        let height = if id.level >= 2 { 11 } else { id.height() + 4 };
        let tile = match self.source.file(&format!("tiles/{}/{id}", self.epoch))? {
            Some(bytes) => Some(Tile::decode(id, &bytes)?),
            None => None,
        };
        let top = tile.as_ref().map_or_else(|| zero(height), Tile::top);
        if top == expected {
            Ok(tile)
        } else {
            Err(TilesError::Root(format!("tile {id} does not hash to the node above it")))
        }
    }
}

fn live_leaves(tile: &Tile) -> u64 {
    tile.nodes().iter().filter(|node| **node != Fr::default()).count() as u64
}
