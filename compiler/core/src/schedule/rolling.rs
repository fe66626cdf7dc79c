//! Buffers that roll (`rolling_buffer`): what one iteration of a loop read and the next reads again stays where it is.
//!
//! ```text
//! X_buf of rows y - 1 .. y + 2, computed at y            rows in the buffer: 3, taken in turn
//! X_buf.rolling_buffer()                           →     y = 0: computes rows -1, 0, 1
//!                                                        y > 0: computes row y + 1, in the place of row y - 2
//! ```
//!
//! In one dimension, the *rolling* one, the region of the stage moves on by a *step* from iteration to iteration, and is longer
//! than that. The buffer is allocated in front of the loop; its rows are taken in turn, as many as the region has, rounded up
//! to steps so that what one iteration computes does not wrap around, and with `double_buffer` a step more for each further
//! slot. Row `n` of the tensor lies in row `(n - start) % rows` of the buffer.

use crate::affine::Interval;
use crate::schedule::checks::can_hold;
use crate::schedule::regions::{Known, Region, infer};
use crate::schedule::{Attach, Schedule, StageId, StageLoop};

/// Why a stage's buffer cannot roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollError {
    /// The region does not move with the loop, moves in several dimensions, backwards, or not by a number.
    NotOneStep,
    /// The iterations of the loop are virtual threads.
    Threads,
    /// The stage keeps its values from step to step of a scan.
    Kept,
    /// Other stages are computed in its loops, behind it.
    Followed,
}

impl RollError {
    pub fn reason(self, stage: &str, axis: &str) -> String {
        match self {
            RollError::NotOneStep => {
                format!(
                    "from one iteration of `{axis}` to the next, what is read of `{stage}` has to move on in one dimension"
                )
            }
            RollError::Threads => format!("the iterations of `{axis}` are virtual threads, so none is the next"),
            RollError::Kept => format!("`{stage}` keeps its values from step to step"),
            RollError::Followed => format!("other stages follow `{stage}` in its own loops"),
        }
    }
}

/// How the region of a stage moves with the loop at which it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roll {
    /// The loop.
    pub over: StageLoop,
    /// The dimension in which the region moves.
    pub dim: usize,
    /// By how much, in elements.
    pub step: i64,
    /// How much of the region was there in the iteration before, in elements.
    pub overlap: i64,
}

/// How the region of a stage would roll with the loop at which it is computed; None where nothing is read again.
pub fn can_roll(s: &Schedule, stage: StageId) -> Result<Option<Roll>, RollError> {
    let Some(over) = s.own_loop(stage) else { return Ok(None) };
    if s.kept(stage).is_some() {
        return Err(RollError::Kept);
    }
    if !s.followers(stage).is_empty() {
        return Err(RollError::Followed);
    }
    if s.stage(over.stage).vthreads.iter().any(|m| m.axis == over.axis) {
        return Err(RollError::Threads);
    }
    let regions = infer(s);
    let roll = movement(regions.region(stage), over).ok_or(RollError::NotOneStep)?;
    let Interval { min, max } = regions.range(over);
    Ok(Some(roll).filter(|r| r.overlap > 0 && min < max))
}

/// Every axis at which a stage could be computed in a buffer that rolls, as `C, y`.
pub fn rollable(s: &Schedule, stage: StageId) -> Vec<String> {
    let mut found = Vec::new();
    for host in s.stage_ids() {
        for axis in s.stage(host).leaves.clone() {
            let mut moved = s.clone();
            moved.stages[stage.0 as usize].attach = None;
            if can_hold(&moved, stage, host, axis).is_ok() {
                moved.stages[stage.0 as usize].attach =
                    s.stage(stage).attach.map(|at| Attach { stage: host, axis, ..at });
                if let Ok(Some(_)) = can_roll(&moved, stage) {
                    found.push(format!("{}, {}", s.stage_name(host), s.stage(host).axis(axis).name));
                }
            }
        }
    }
    found
}

/// How a region moves with a loop.
pub fn movement(region: &Region, over: StageLoop) -> Option<Roll> {
    let mut moving = (0..region.min.len()).filter(|d| region.min[*d].mentions(&|l| l == over));
    let (dim, None) = (moving.next()?, moving.next()) else { return None };
    let step = region.min[dim].coefficient(over).filter(|step| *step > 0)?;
    Some(Roll { over, dim, step, overlap: region.extent[dim] - step })
}

impl Roll {
    /// What a buffer holds that takes `slots` steps at once, when the region is given for all iterations, of which `first` is
    /// the first one.
    pub fn ring(&self, region: &Region, first: i64, slots: i64) -> Region {
        let behind = (self.overlap + self.step - 1).div_euclid(self.step) * self.step;
        let mut ring = region.clone();
        let start = region.min[self.dim].without(self.over).plus_constant(first * self.step);
        ring.min[self.dim] = start.plus_constant(self.overlap - behind);
        ring.extent[self.dim] = behind + self.step * slots;
        ring
    }

    /// The part of a region that the iteration before has not left.
    pub fn fresh(&self, region: &Region) -> Region {
        let mut fresh = region.clone();
        fresh.min[self.dim] = fresh.min[self.dim].plus_constant(self.overlap);
        fresh.extent[self.dim] = (fresh.extent[self.dim] - self.overlap).max(0);
        fresh
    }
}

impl Schedule {
    /// The loop at which a stage is computed, in front of what reads it.
    pub fn own_loop(&self, stage: StageId) -> Option<StageLoop> {
        let at = self.stage(stage).attach.filter(|at| !at.follows)?;
        Some(StageLoop { stage: at.stage, axis: at.axis })
    }

    /// The loop with which a stage's buffer rolls.
    pub fn rolls(&self, stage: StageId) -> Option<StageLoop> {
        self.stage(stage).rolling?;
        self.own_loop(stage)
    }

    /// The stages whose buffers roll with a loop.
    pub fn rolling_at(&self, over: StageLoop) -> Vec<StageId> {
        self.stage_ids().filter(|s| self.rolls(*s) == Some(over)).collect()
    }

    /// Whether a stage's buffer is allocated inside a loop, whose iterations can take copies of it in turn.
    pub fn can_rotate(&self, stage: StageId) -> bool {
        self.own_loop(stage).is_some() || self.storage_depth(stage) > 0
    }

    /// The slots of a stage's buffer.
    pub fn slots(&self, stage: StageId) -> i64 {
        self.stage(stage).double_buffer.map_or(1, |d| d.slots)
    }
}

/// A buffer that rolls while its loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolling {
    pub roll: Roll,
    /// The first value of the loop.
    pub first: i64,
}

impl Rolling {
    /// What the stage computes of the region that is read: all of it at first, and then what is not there already.
    pub fn region(&self, read: Region, known: &Known) -> Region {
        match known.pieces.get(&self.roll.over) {
            Some(piece) if piece.min > self.first => self.roll.fresh(&read),
            _ => read,
        }
    }
}
