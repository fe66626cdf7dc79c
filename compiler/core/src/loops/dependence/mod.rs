//! Which iterations meet: two accesses of one buffer → for each loop around both the distances at which they may touch the
//! same element, or the proof that they never do.
//!
//! ```text
//! for t in 0..24 { for j in 0..128 { cell[(t + 1) % 2, j] = s[j] * cell[t % 2, j] } }
//!
//! from the store to the load, where t is the same:     never, as 1 is no multiple of 2
//! from the store to the load, where t comes later:     t by 1 to 23, j by 0
//! from the store to itself, in whatever iterations:    t by -23 to 23, j by 0
//! ```
//!
//! A question gives each loop a [`Direction`]. The answer is a box of distances that has all those at which the accesses
//! meet, and may have more: "never" is a proof, anything else the want of one. It is exact where each dimension is a sum of
//! loops that count each other's whole blocks, as splits make them; indices with quotients and with remainders, which slots
//! and rolling buffers have, are compared modulo their divisors.
//!
//! The passes ask one of three things: whether two accesses are [`disjoint`], which [`loops that carry`](carrying_loops) a
//! nest's output dependence, and whether [something runs after](follows) something else at one element.

mod access;
mod equations;

use crate::affine::Interval;
use crate::loops::ir::{Index, LoopId, LoopProgram};

pub use access::{Access, Place, accesses};

/// How the iteration of the second access relates to that of the first, in a loop around both. Loops that a question does not
/// list are in the same iteration, or around one access only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `=`
    Same,
    /// `<`: the second access is made in a later iteration.
    Later,
    /// `*`
    Any,
}

impl Direction {
    /// The distances that it allows in a loop of some extent. None are left of a later iteration where there is one alone.
    fn distances(self, extent: i64) -> Option<Interval> {
        let last = extent.saturating_sub(1).max(0);
        match self {
            Direction::Same => Some(Interval::new(0, 0)),
            Direction::Later => (last > 0).then(|| Interval::new(1, last)),
            Direction::Any => Some(Interval::new(-last, last)),
        }
    }
}

/// Where two accesses may meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependence {
    /// For each loop of the question, by how many iterations the second access comes later.
    pub distances: Vec<Interval>,
}

impl Dependence {
    /// Whether the accesses meet in the same iteration only.
    pub fn is_loop_independent(&self) -> bool {
        self.distances.iter().all(|d| (d.min, d.max) == (0, 0))
    }
}

/// The distances at which two places may have an element in common; none where they never do.
pub fn dependence(
    program: &LoopProgram,
    first: Place,
    second: Place,
    loops: &[(LoopId, Direction)],
) -> Option<Dependence> {
    equations::distances(program, first, second, loops).map(|distances| Dependence { distances })
}

/// Whether two elements are never the same one.
pub fn disjoint(program: &LoopProgram, first: &[Index], second: &[Index], loops: &[(LoopId, Direction)]) -> bool {
    dependence(program, Place::Element(first), Place::Element(second), loops).is_none()
}

/// The loops of a nest, from the outermost, that carry an output dependence of its store: in which several iterations may
/// write one element.
pub fn carrying_loops(program: &LoopProgram, nest: &[LoopId], stored: &[Index]) -> Vec<LoopId> {
    let loops: Vec<(LoopId, Direction)> = nest.iter().map(|l| (*l, Direction::Any)).collect();
    let itself = dependence(program, Place::Element(stored), Place::Element(stored), &loops);
    let distances = itself.map(|d| d.distances).unwrap_or_default();
    nest.iter().zip(distances).filter(|(_, d)| d.max > 0).map(|(l, _)| *l).collect()
}

/// Whether an access is made after another one, somewhere at the same element: in a later iteration of a loop around both, or
/// in the same ones and later in the text. The loops that are `outside` of what is asked about are in the same iteration.
pub fn follows(program: &LoopProgram, outside: usize, first: &Access, second: &Access) -> bool {
    let common = first.common_loops(second);
    if common <= outside && first.position >= second.position {
        return false;
    }
    let mut loops: Vec<(LoopId, Direction)> =
        first.loops[outside.min(common)..common].iter().map(|l| (*l, Direction::Any)).collect();
    let ask = |loops: &[(LoopId, Direction)]| dependence(program, first.place, second.place, loops);
    let Some(everywhere) = ask(&loops) else { return false };
    if everywhere.is_loop_independent() {
        return first.position < second.position;
    }
    // In the order of the loops: all outer ones in the same iteration, and this one in a later.
    for (at, distance) in everywhere.distances.iter().enumerate() {
        loops[at].1 = Direction::Later;
        if distance.max > 0 && ask(&loops).is_some() {
            return true;
        }
        if distance.min > 0 || distance.max < 0 {
            return false;
        }
        loops[at].1 = Direction::Same;
    }
    first.position < second.position && ask(&loops).is_some()
}
