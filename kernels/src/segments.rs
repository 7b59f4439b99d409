//! Sums over segments of a list of points, by rounds of pairwise additions.

use crate::affine::{Addition, Scratch, Summand, add_all, copy};
use crate::coordinate::Group;
use crate::lanes::Backend;

/// A sum for each segment.
#[doc(hidden)]
pub struct Segments<P> {
    /// The sums that are not infinity, in order.
    pub points: Vec<P>,
    /// For each segment whether its sum is among them.
    pub present: Vec<bool>,
}

/// For each segment of `summands` (`ends[i]` is where segment i ends and the next begins) its sum. Sources with a
/// negative summand must be in reduced form.
#[inline(always)]
pub(crate) fn sums<G: Group, B: Backend>(
    source: &[G::Stored],
    summands: &[Summand],
    ends: &[u32],
) -> Segments<G::Stored> {
    let mut scratch = Scratch::new();
    let (mut additions, mut holes) = (Vec::new(), Vec::new());
    // (first, count) of each segment, at first in `summands`, then in `points`.
    let mut places = Vec::with_capacity(ends.len());
    let mut begin = 0;
    for end in ends {
        places.push((begin, end - begin));
        begin = *end;
    }
    let (singles, total) = round(&mut places, &mut additions, |n| summands[n as usize]);
    let mut points = vec![G::Stored::default(); total];
    singles.into_iter().for_each(|(summand, to)| points[to as usize] = copy(source, summand));
    add_all::<G, B, true>(source, &additions, &mut points, &mut scratch, &mut holes);
    close(&mut places, &mut holes, &mut points);
    let mut others = Vec::new();
    while places.iter().any(|(_, count)| *count > 1) {
        let (singles, total) = round(&mut places, &mut additions, |n| Summand::new(n as usize, false));
        others.resize(total, G::Stored::default());
        singles.into_iter().for_each(|(summand, to)| others[to as usize] = points[summand.index()]);
        add_all::<G, B, false>(&points, &additions, &mut others, &mut scratch, &mut holes);
        std::mem::swap(&mut points, &mut others);
        close(&mut places, &mut holes, &mut points);
    }
    // A vector of their own: the one at hand has room for the first round.
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
