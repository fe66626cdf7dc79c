//! A schedule for a kernel that has none. Kernel → directives as an author would write them, from the largest tiles on.
//!
//! ```text
//! kernel: C[i, j] = sum(r: ...)          X_buf = X.cache_read(inp, C)
//!         output Y[i, j] = i8(C[i, j])   W_buf = W.cache_read(wgt, C)
//!                                   →    C.set_scope(acc)
//!                                        C.split(j, BLOCK_OUT) -> jo, ji ...
//!                                        C.tensorize(ji, gemm)
//! ```
//!
//! Everything is computed in the accumulator, in groups: a tensor that has to be stored, and what is computed for it. A
//! group starts out whole. Who finds that a buffer does not fit calls [`Automatic::shrink`] and tries the next schedule:
//! first operands are brought in smaller slices of the reduction, then the stored tensor is computed in smaller tiles. Who
//! finds that a schedule works in no size tries [`Automatic::next`].

mod group;
mod loads;
mod roles;
mod write;

use tilewright_syntax::{Span, ast};

use crate::gemm::Core;
use crate::schedule::{Order, Schedule, StageId, checks, ops, regions};
use crate::scope::Scope;
use crate::tensor::Kernel;

use group::{Choice, Group};
use write::Buffer;

/// The name of schedules that are made here.
pub const NAME: &str = "automatic";

/// A schedule that can be made smaller.
#[derive(Clone, Debug)]
pub struct Automatic {
    /// The kernel without directives, but for copies that are none and for what is computed in the steps of scans.
    plain: Schedule,
    /// What is computed in the steps of scans that it stands behind.
    joined: Vec<StageId>,
    groups: Vec<Group>,
    /// The place in the source that it stands for.
    span: Span,
    choice: Choice,
}

impl Automatic {
    /// The schedule with the largest tiles.
    pub fn new(kernel: &Kernel, core: Core, span: Span) -> Automatic {
        let mut plain = without_copies(Schedule::new(NAME, kernel.clone(), core), span);
        let joined = join_steps(&mut plain, span);
        let choice = Choice::FIRST;
        let groups = group::groups(&plain, choice);
        Automatic { plain, joined, groups, span, choice }
    }

    /// The next schedule to try where no size of this one works: with the factors of products the other way round, with more
    /// that is kept between groups, and with a load for each access. None where everything was tried.
    pub fn next(&self) -> Option<Automatic> {
        let choice = self.choice.next()?;
        let groups = group::groups(&self.plain, choice);
        Some(Automatic { groups, choice, ..self.clone() })
    }

    /// The schedule in which transfers overlap with what is computed; None where nothing is computed in tiles.
    pub fn overlapping(&self) -> Option<Automatic> {
        let mut overlapping = self.clone();
        let tiled = overlapping.groups.iter_mut().filter(|group| group.is_tiled());
        let changed = tiled.map(|group| group.overlaps = true).count();
        (changed > 0).then_some(overlapping)
    }

    /// The schedule as source. All of it has the place for which it stands.
    pub fn source(&self) -> ast::Schedule {
        write::schedule(&self.plain, &self.joined, &self.groups, self.span)
    }

    /// Lets the schedule use less of a scratchpad, where a buffer did not fit; false if it cannot.
    pub fn shrink(&mut self, buffer: &str, scope: Scope) -> bool {
        let buffers = write::buffers(&self.plain, &self.groups, self.span);
        let exact = buffers.iter().find(|b| b.name == buffer).map(|b| (b.group, b.operand_of));
        // What is there in several tilings is numbered, and a temporary is named after what it is computed for.
        let is_derived = |rest: &str| rest.split('_').all(|word| word == "part" || word.parse::<u32>().is_ok());
        let derived = |b: &&Buffer| {
            buffer.strip_prefix(b.name.as_str()).and_then(|rest| rest.strip_prefix('_')).is_some_and(is_derived)
        };
        let derived = || buffers.iter().filter(derived).max_by_key(|b| b.name.len());
        let of_derived = |b: &Buffer| match buffer.contains("_part") {
            true => (b.group, b.computed_by.or(b.operand_of)),
            false => (b.group, b.operand_of),
        };
        match exact.or_else(|| derived().map(of_derived)) {
            Some((group, reduction)) => self.groups[group].shrink(scope, reduction),
            None => false,
        }
    }
}

/// The schedule in which the readers of copies of tensors read these themselves.
fn without_copies(mut plain: Schedule, span: Span) -> Schedule {
    let stages: Vec<StageId> = plain.stage_ids().collect();
    for stage in stages {
        if regions::copied_whole(&plain, stage).is_some() && plain.scan_of(plain.stage(stage).tensor).is_none() {
            ops::inline(&mut plain, stage, span);
        }
    }
    plain
}

/// Computes what is read of scans element by element in their steps, so that nobody has to keep it for all of them.
fn join_steps(plain: &mut Schedule, span: Span) -> Vec<StageId> {
    let mut joined = Vec::new();
    for stage in Order::of(plain).stages {
        let scans: Vec<_> = plain.scan_ids().collect();
        let simple = plain.compute(stage).reduction.is_none() && reads_copies(plain, stage);
        let joins = |scan: &&_| simple && plain.can_join(stage, **scan).is_ok();
        if let Some(scan) = scans.iter().find(joins).copied()
            && plain.join_steps(stage, scan, span).is_ok()
        {
            joined.push(stage);
        }
    }
    joined
}

/// Whether the states that a stage reads get copies of what their steps compute, which it can copy as well.
fn reads_copies(s: &Schedule, stage: StageId) -> bool {
    let states = s.compute(stage).reads().into_iter().filter_map(|read| s.stage_of(read.tensor));
    states.filter(|from| s.initial(*from).is_some()).all(|state| checks::is_copy(s, state).is_some())
}
