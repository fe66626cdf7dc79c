//! Buffers that roll (`rolling_buffer`): what one iteration of a loop read and the next reads again stays where it is.
//!
//! ```text
//! X_buf of rows y - 1 .. y + 2, computed at y            rows in the buffer: 3, taken in turn
//! X_buf.rolling_buffer()                           →     y = 0: computes rows -1, 0, 1
//!                                                        y > 0: computes row y + 1, in the place of row y - 2
//! ```
//!
//! From one iteration of that loop to the next, the region of the stage stays where it is, or moves on in one dimension by a
//! *step* that is shorter than the region. The buffer is allocated in front of the loop. Where the region moves, the buffer's
//! rows are taken in turn, as many as the region has, rounded up to steps so that what one iteration computes does not wrap
//! around, and with `double_buffer` a step more for each further slot: row `n` of the tensor lies in row `(n - start) % rows`.
//!
//! The loop may be one around that at which the stage is computed. Then the buffer holds what all iterations in between
//! compute, each does so in the first iteration of the loop, and finds it there in the others.

use crate::affine::{Affine, Interval};
use crate::schedule::checks::{can_hold, places};
use crate::schedule::regions::{Known, LazyRegions, Region, Regions, enclosing, infer_within, lazily};
use crate::schedule::{Attach, Schedule, StageId, StageLoop};

/// Why a stage's buffer cannot roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollError {
    /// The loop is none of those around the stage.
    NotAround,
    /// The region moves in several dimensions, backwards, or not by a number.
    NotOneStep,
    /// The iterations of the loop are virtual threads.
    Threads,
    /// The stage keeps its values from step to step of a scan.
    Kept,
    /// Other stages are computed in its loops, behind it.
    Followed,
    /// It is read in the last iteration of the loop alone.
    LastOnly,
}

impl RollError {
    pub fn reason(self, stage: &str, axis: &str) -> String {
        match self {
            RollError::NotAround => format!("`{stage}` is not computed inside `{axis}`"),
            RollError::NotOneStep => {
                format!(
                    "from one iteration of `{axis}` to the next, the region of `{stage}` that is read has to move in one dimension"
                )
            }
            RollError::Threads => {
                format!("the iterations of `{axis}` are virtual threads, which have no next iteration")
            }
            RollError::Kept => format!("`{stage}` keeps its values from step to step"),
            RollError::LastOnly => format!("`{stage}` is read by what runs in the last iteration of `{axis}` alone"),
            RollError::Followed => format!("other stages follow `{stage}` in its own loops"),
        }
    }
}

/// How the region of a stage moves with a loop around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roll {
    /// The loop.
    pub over: StageLoop,
    /// None where the region is the same in each iteration.
    pub moves: Option<Move>,
}

/// A region that moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The dimension in which it moves.
    pub dim: usize,
    /// By how much, in elements.
    pub step: i64,
    /// How much of the region was there in the iteration before, in elements.
    pub overlap: i64,
}

/// How a stage would roll with a loop; None where nothing is read again.
pub fn can_roll(
    s: &Schedule,
    regions: &LazyRegions,
    stage: StageId,
    over: StageLoop,
) -> Result<Option<Roll>, RollError> {
    if s.kept(stage).is_some() {
        return Err(RollError::Kept);
    }
    if !s.followers(stage).is_empty() {
        return Err(RollError::Followed);
    }
    if s.stage(over.stage).axis(over.axis).reduce && s.serves_followers(stage, over.stage) {
        return Err(RollError::LastOnly);
    }
    let inside = loops_inside(s, stage, over).ok_or(RollError::NotAround)?;
    let is_thread = |l: &StageLoop| s.stage(l.stage).vthreads.iter().any(|m| m.axis == l.axis);
    if inside.iter().chain([&over]).any(is_thread) {
        return Err(RollError::Threads);
    }
    let region = regions.region(stage);
    let roll = movement(region, over, &inside).ok_or(RollError::NotOneStep)?;
    let Interval { min, max } = regions.range(over);
    // A region is a hull where an index is divided. What the first iteration computes is more exact, and later ones would
    // find less than they read.
    let known = Known { pieces: [(over, Interval::new(min, min))].into(), ..Known::default() };
    let first = infer_within(s, &s.producers_first(), &known);
    if first.region(stage).extent != region.extent {
        return Err(RollError::NotOneStep);
    }
    Ok(Some(roll).filter(|r| r.moves.is_none_or(|m| m.overlap > 0) && min < max))
}

/// The loops between one around a stage and the stage.
pub fn loops_inside(s: &Schedule, stage: StageId, over: StageLoop) -> Option<Vec<StageLoop>> {
    let around = enclosing(s, stage);
    let at = around.iter().position(|l| *l == over)?;
    Some(around[at + 1..].to_vec())
}

/// Every axis at which a stage could be computed in a buffer that rolls, as `C, y`.
pub fn rollable(s: &Schedule, stage: StageId) -> Vec<String> {
    let Some(attach) = s.stage(stage).attach else { return Vec::new() };
    let mut away = s.clone();
    away.attach(stage, None);
    places(s, |host, axis| {
        let mut moved = away.clone();
        moved.attach(stage, Some(Attach { stage: host, axis, ..attach }));
        let rolls = || can_roll(&moved, &lazily(&moved), stage, StageLoop { stage: host, axis });
        can_hold(&away, stage, host, axis).is_ok() && matches!(rolls(), Ok(Some(Roll { moves: Some(_), .. })))
    })
}

/// How a region moves with a loop, while those inside of it run.
pub fn movement(region: &Region, over: StageLoop, inside: &[StageLoop]) -> Option<Roll> {
    let mut moving = (0..region.min.len()).filter(|d| region.min[*d].mentions(&|l| l == over));
    let (dim, None) = (moving.next(), moving.next()) else { return None };
    let Some(dim) = dim else { return Some(Roll { over, moves: None }) };
    let step = region.min[dim].coefficient(over).filter(|step| *step > 0)?;
    let still = !region.min[dim].mentions(&|l| inside.contains(&l));
    still.then(|| Roll { over, moves: Some(Move { dim, step, overlap: region.extent[dim] - step }) })
}

impl Roll {
    /// What a buffer holds, when the region is given for all iterations, and those of the loops inside run. It takes `slots`
    /// steps at once.
    pub fn ring(&self, region: &Region, inside: &[StageLoop], slots: i64, regions: &Regions) -> Region {
        let mut ring = Region::default();
        for (dim, (min, extent)) in region.min.iter().zip(&region.extent).enumerate() {
            let (start, length) = match self.moves.filter(|m| m.dim == dim) {
                Some(Move { step, overlap, .. }) => {
                    let behind = (overlap + step - 1).div_euclid(step) * step;
                    let first = min.without(self.over).plus_constant(regions.range(self.over).min * step);
                    (first.plus_constant(overlap - behind), behind + step * slots)
                }
                None => {
                    let (moving, fixed) = min.partition(&|l| inside.contains(&l));
                    let range = regions.range_of(&moving);
                    (fixed.plus_constant(range.min), range.max - range.min + extent)
                }
            };
            ring.min.push(start);
            ring.extent.push(length);
        }
        ring
    }

    /// The part of what an iteration reads that the one before has not left, from `start` on in the dimension that moves. Where
    /// readers roll as well, a later iteration may begin to read behind that.
    fn fresh(&self, read: &Region, start: &Affine<StageLoop>) -> Region {
        let mut fresh = read.clone();
        match self.moves {
            Some(Move { dim, .. }) => {
                let left = start.minus(&read.min[dim]).as_constant().unwrap_or(0).max(0);
                fresh.min[dim] = fresh.min[dim].plus_constant(left);
                fresh.extent[dim] = (fresh.extent[dim] - left).max(0);
            }
            None => fresh.extent.fill(0),
        }
        fresh
    }

    /// Where an iteration adds to what is there, when the region is given that one reads if no reader rolls.
    pub fn start(&self, region: &Region) -> Affine<StageLoop> {
        self.moves.map_or(Affine::constant(0), |m| region.min[m.dim].plus_constant(m.overlap))
    }

    /// The dimension whose indices are taken modulo the rows.
    pub fn dim(&self) -> Option<usize> {
        self.moves.map(|m| m.dim)
    }
}

impl Schedule {
    /// The loop at which a stage is computed, in front of what reads it.
    pub fn own_loop(&self, stage: StageId) -> Option<StageLoop> {
        let at = self.stage(stage).attach.filter(|at| !at.follows)?;
        Some(StageLoop { stage: at.stage, axis: at.axis })
    }

    /// The loop with which a stage's buffer rolls: that at which it is computed, unless another one was named.
    pub fn rolls(&self, stage: StageId) -> Option<StageLoop> {
        let own = self.own_loop(stage)?;
        Some(self.stage(stage).rolling?.over.unwrap_or(own))
    }

    /// Whether what a rolling buffer keeps is computed in the iterations of a loop, so that none may be left out.
    pub fn fills_a_roll(&self, l: StageLoop) -> bool {
        let fills = |stage: StageId| {
            self.rolls(stage).is_some_and(|over| {
                over == l || loops_inside(self, stage, over).is_some_and(|inside| inside.contains(&l))
            })
        };
        self.rolling().iter().copied().any(fills)
    }

    /// The stages whose buffers roll with a loop.
    pub fn rolling_at(&self, over: StageLoop) -> Vec<StageId> {
        self.rolling().iter().copied().filter(|s| self.rolls(*s) == Some(over)).collect()
    }
}

/// A buffer that rolls while its loop runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rolling {
    pub roll: Roll,
    /// Where in the dimension that moves an iteration adds to what is there; zero where none moves.
    pub start: Affine<StageLoop>,
    /// The first value of the loop.
    pub first: i64,
}

impl Rolling {
    /// What the stage computes of the region that is read: all of it at first, and then what is not there already.
    pub fn region(&self, read: Region, known: &Known) -> Region {
        match known.pieces.get(&self.roll.over) {
            Some(piece) if piece.min > self.first => self.roll.fresh(&read, &self.start),
            _ => read,
        }
    }
}
