//! Sums over segments of a list of points, by rounds of pairwise additions.

use crate::affine::{Addition, Scratch, Summand, add_all, copy};
use crate::coordinate::{Group, Stored};
use crate::lanes::{Backend, Line};
use std::sync::{Arc, Mutex, PoisonError};

/// A sum for each segment.
#[doc(hidden)]
pub struct Segments<P> {
    /// The sums that are not infinity, in order.
    pub points: Vec<P>,
    /// For each segment whether its sum is among them.
    pub present: Vec<bool>,
}

/// Memory for sums of points, of either group.
#[derive(Default)]
#[doc(hidden)]
pub struct Room {
    points: Vec<Line>,
    kept: Vec<Line>,
    additions: Vec<Addition>,
    scratch: Scratch,
}

/// Rooms that are used again and again, each by one thread at a time: what a system's allocator returns to the system
/// after each sum, and gets anew as page faults for the next, took up to a fifth of a proof.
#[derive(Clone, Default)]
pub struct Rooms(Arc<Mutex<Vec<Room>>>);

impl Rooms {
    /// Works in one of them.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Room) -> T) -> T {
        let free = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = free().pop().unwrap_or_default();
        let out = work(&mut room);
        free().push(room);
        out
    }
}

/// For each segment of `summands` (`ends[i]` is where segment i ends and the next begins) its sum. Sources with a
/// negative summand must be in reduced form. What `room` held is of no use.
#[inline(always)]
pub(crate) fn sums<G: Group, B: Backend>(
    source: &[G::Stored],
    summands: &[Summand],
    ends: &[u32],
    room: &mut Room,
) -> Segments<G::Stored> {
    let Room { points: lines, kept, additions, scratch } = room;
    let mut holes = Vec::new();
    // (first, count) of each segment, at first in `summands`, then in `points`.
    let mut places = Vec::with_capacity(ends.len());
    let mut begin = 0;
    for end in ends {
        places.push((begin, end - begin));
        begin = *end;
    }
    let (singles, total) = round(&mut places, additions, |n| summands[n as usize]);
    let needed = total * G::Stored::LINES;
    lines.resize(lines.len().max(needed), Line::default());
    let points = G::Stored::view(&mut lines[..needed]);
    singles.into_iter().for_each(|(summand, to)| points[to as usize] = copy(source, summand));
    add_all::<G, B, true>(source, additions, points, scratch, &mut holes);
    close(&mut places, &mut holes, points);
    while places.iter().any(|(_, count)| *count > 1) {
        // In place: a sum goes where its summands or earlier ones were. What has no partner may be written over first.
        let (singles, _) = round(&mut places, additions, |n| Summand::new(n as usize, false));
        kept.clear();
        singles.iter().for_each(|(summand, _)| kept.extend_from_slice(points[summand.index()].lines()));
        add_all::<G, B, false>(&[], additions, points, scratch, &mut holes);
        let kept = G::Stored::view(kept).iter();
        singles.iter().zip(kept).for_each(|((_, to), point)| points[*to as usize] = *point);
        close(&mut places, &mut holes, points);
    }
    let present: Vec<bool> = places.iter().map(|(_, count)| *count == 1).collect();
    let mut sums = Vec::with_capacity(present.iter().filter(|present| **present).count());
    sums.extend(places.iter().filter(|(_, count)| *count == 1).map(|(first, _)| points[*first as usize]));
    Segments { points: sums, present }
}

/// The additions of one round, pair by pair, and what is left over of odd segments, with its place among the sums; how
/// many sums there are. `places` become those of the sums.
#[inline(always)]
fn round(
    places: &mut [(u32, u32)],
    additions: &mut Vec<Addition>,
    at: impl Fn(u32) -> Summand,
) -> (Vec<(Summand, u32)>, usize) {
    additions.clear();
    let mut to = 0;
    let mut singles = Vec::new();
    for (first, count) in places.iter_mut() {
        let begin = to;
        for pair in 0..*count / 2 {
            let left = *first + 2 * pair;
            additions.push(Addition { left: at(left), right: at(left + 1), to });
            to += 1;
        }
        if *count % 2 == 1 {
            singles.push((at(*first + *count - 1), to));
            to += 1;
        }
        (*first, *count) = (begin, to - begin);
    }
    (singles, to as usize)
}

/// Fills the holes that infinities left with the last point of their segment.
fn close<P: Copy>(places: &mut [(u32, u32)], holes: &mut Vec<u32>, points: &mut [P]) {
    // From behind, so that a segment's last point is never itself a hole.
    holes.sort_unstable();
    while let Some(hole) = holes.pop() {
        let segment = places.partition_point(|(first, count)| first + count <= hole);
        let (first, count) = &mut places[segment];
        *count -= 1;
        points[hole as usize] = points[(*first + *count) as usize];
    }
}
