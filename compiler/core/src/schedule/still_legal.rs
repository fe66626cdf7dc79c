//! Whether what earlier directives established still holds after a later one, which is the one to blame if not.
//!
//! A directive is judged at once, since a later one could hide what it breaks. Only the stages are looked at that it may have
//! an influence on ([`suspects`]): of all others everything was checked before and is what it was.

use tilewright_syntax::Span;

use crate::schedule::checks::{can_hold, can_interleave, gemm_tile, is_copy, part, runs_on_alu};
use crate::schedule::follow::can_follow;
use crate::schedule::links::{Changes, Seen};
use crate::schedule::regions::{self, LazyRegions, Regions};
use crate::schedule::rolling::can_roll;
use crate::schedule::{Attach, AxisSource, Schedule, ScheduleError, Stage, StageAxisId, StageId};

/// Checks what earlier directives established, after one that stands at `span`.
pub fn still_legal(s: &mut Schedule, span: Span) -> Result<(), ScheduleError> {
    s.forget_changed();
    let changes = s.take_changes();
    if scans_may_change(s, &changes) {
        s.scans_hold(span)?;
    }
    let suspects = suspects(s, &changes);
    // Bounds are inferred where a check needs them, which few stages have.
    let needy: Vec<StageId> = suspects.iter().copied().filter(|stage| needs_bounds(s.stage(*stage))).collect();
    if !needy.is_empty() {
        s.settle(&needy);
    }
    let all = regions::lazily(s);
    suspects.into_iter().try_for_each(|stage| stage_holds(s, &all, stage, span))
}

/// Whether the steps of a scan, or what runs in them, may be others than before.
fn scans_may_change(s: &Schedule, changes: &Changes) -> bool {
    let decides = |stage: &StageId| {
        let st = s.stage(*stage);
        st.double_buffer.is_some() || st.ahead.is_some() || s.hosted(*stage).is_some()
    };
    let changed = !changes.moved.is_empty() || !changes.read.is_empty() || changes.stages.iter().any(decides);
    changed && s.scan_ids().next().is_some()
}

/// The stages for which something that was checked may be otherwise, in the order in which they were made.
///
/// - A stage that was changed, and what is computed in its loops.
/// - What reads it on the ALU, which works on what lies in the accumulator.
/// - A stage that has other readers, or whose readers are computed in another place, and those in whose loops it is: it has
///   to be computed around all of them.
/// - A tile whose bounds may be others.
/// - A buffer that rolls, if something was changed in what its rows are computed for.
/// - All stages where some follow others, which depends on what lies between them.
fn suspects(s: &Schedule, changes: &Changes) -> Vec<StageId> {
    if changes.followed {
        return s.stage_ids().collect();
    }
    let mut found: Vec<StageId> = Vec::new();
    for stage in changes.stages.iter().copied() {
        found.push(stage);
        found.extend(s.guests(stage));
        let readers = s.readers(s.stage(stage).tensor).iter();
        found.extend(readers.filter(|r| s.stage(**r).alu.is_some()));
    }
    let moved = changes.moved.iter().flat_map(|stage| s.with_guests(*stage)).flat_map(|stage| s.read_stages(stage));
    let read = changes.read.iter().filter_map(|tensor| s.stage_of(*tensor));
    for stage in moved.chain(read) {
        let mut around = Some(stage);
        while let Some(stage) = around {
            found.push(stage);
            around = s.stage(stage).attach.map(|at| at.stage);
        }
    }
    found.extend(changes.forgotten.iter().filter(|stage| needs_bounds(s.stage(**stage))));
    found.extend(s.rolling().iter().filter(|stage| rolls_otherwise(s, changes, **stage)));
    found.sort_unstable();
    found.dedup();
    found.retain(|stage| s.stage(*stage).inlined.is_none());
    found
}

/// Whether a change is one of a stage that rolls, of the loops around it, or of what its rows are computed for.
fn rolls_otherwise(s: &Schedule, changes: &Changes, stage: StageId) -> bool {
    let (mut open, mut served) = (vec![stage], Seen::of(s));
    served.add(stage);
    while let Some(stage) = open.pop() {
        open.extend(s.readers(s.stage(stage).tensor).iter().filter(|r| served.add(**r)));
    }
    changes.stages.iter().any(|changed| s.with_guests(*changed).into_iter().any(|stage| served.has(stage)))
}

/// Whether a check of a stage asks for its bounds.
fn needs_bounds(stage: &Stage) -> bool {
    stage.tensorize.is_some() || stage.axes.iter().any(|a| matches!(a.source, AxisSource::Fused(..)))
}

fn stage_holds(s: &Schedule, all: &LazyRegions, stage: StageId, span: Span) -> Result<(), ScheduleError> {
    let st = s.stage(stage);
    let broken = |earlier: Span, reason: String| Err(ScheduleError::BreaksEarlier { span, earlier, reason });
    if let Some(at) = st.attach.filter(|_| !s.stands_in_steps(stage)) {
        attachment_holds(s, all, stage, at, span)?;
    }
    if needs_bounds(st) {
        whole_blocks(s, s.settled(), stage, span)?;
    }
    peeled_loops(s, stage, span)?;
    if let Some(copy) = st.dma_copy.filter(|_| is_copy(s, stage).is_none()) {
        return broken(copy.span, format!("after it, `{}` is not a copy", s.stage_name(stage)));
    }
    storage_rotates(s, stage, span)?;
    storage_rolls(s, all, stage, span)?;
    threads_remain(s, stage, span)?;
    unrolled_loops(s, stage, span)?;
    if let Some(alu) = st.alu
        && let Err((reason, _)) = runs_on_alu(s, stage)
    {
        return broken(alu.span, format!("after it, the ALU cannot compute `{}`: {reason}", s.stage_name(stage)));
    }
    if let Some(tile) = st.tensorize
        && let Err(error) = gemm_tile(s, s.settled(), stage, tile.axis)
    {
        return broken(
            tile.span,
            format!("after it, the tile of `{}` is not a GEMM: {}", s.stage_name(stage), part(s, &error)),
        );
    }
    Ok(())
}

fn storage_rotates(s: &Schedule, stage: StageId, span: Span) -> Result<(), ScheduleError> {
    match s.stage(stage).double_buffer {
        Some(rotation) if !s.can_rotate(stage) => Err(ScheduleError::BreaksEarlier {
            span,
            earlier: rotation.span,
            reason: format!(
                "after it, `{}` has one buffer for all iterations, which does not rotate",
                s.stage_name(stage)
            ),
        }),
        _ => Ok(()),
    }
}

fn storage_rolls(s: &Schedule, all: &LazyRegions, stage: StageId, span: Span) -> Result<(), ScheduleError> {
    let Some(earlier) = s.stage(stage).rolling.map(|r| r.span) else { return Ok(()) };
    let name = s.stage_name(stage);
    let reason = match s.rolls(stage).map(|over| (over, can_roll(s, all, stage, over))) {
        Some((_, Ok(Some(_)))) => return Ok(()),
        Some((over, Err(e))) => e.reason(name, &s.stage(over.stage).axis(over.axis).name),
        _ => format!("after it, no iteration reads anything of `{name}` again"),
    };
    Err(ScheduleError::BreaksEarlier { span, earlier, reason })
}

fn threads_remain(s: &Schedule, stage: StageId, span: Span) -> Result<(), ScheduleError> {
    for thread in &s.stage(stage).vthreads {
        let name = &s.stage(stage).axis(thread.axis).name;
        let reason = match s.stage(stage).depth(thread.axis) {
            None => format!("`{name}` is a virtual thread, and after this no longer a loop"),
            Some(_) => match can_interleave(s, stage, thread.axis) {
                Ok(()) => continue,
                Err(reason) => format!("`{name}` is a virtual thread, and after this {reason}"),
            },
        };
        return Err(ScheduleError::BreaksEarlier { span, earlier: thread.span, reason });
    }
    Ok(())
}

/// Fused loops need blocks of one size: where the last is smaller, no cut of the fused loop leaves it whole.
fn whole_blocks(s: &Schedule, regions: &Regions, stage: StageId, span: Span) -> Result<(), ScheduleError> {
    let st = s.stage(stage);
    let Some(limit) = regions.limits(stage).iter().find(|l| !l.is_linear()) else { return Ok(()) };
    let axis = st.axis(limit.axis);
    let split = axis.split.expect("limits are those of split axes");
    let reason = format!("the last block of `{}` is smaller than {}, and its loops are fused", axis.name, split.factor);
    Err(ScheduleError::BreaksEarlier { span, earlier: split.span, reason })
}

/// What became of an axis that is no loop outside of a tile any more.
fn takes(st: &Stage, axis: StageAxisId) -> Option<&'static str> {
    match st.depth(axis) {
        None if st.axis(axis).fused.is_some() => Some("fuses it"),
        None => Some("splits it"),
        Some(_) if st.in_tile(axis) => Some("moves it into the tile"),
        Some(_) => None,
    }
}

/// A loop that was unrolled stays a loop outside of the tile.
fn unrolled_loops(s: &Schedule, stage: StageId, span: Span) -> Result<(), ScheduleError> {
    let st = s.stage(stage);
    for unrolled in &st.unrolled {
        if let Some(does) = takes(st, unrolled.axis) {
            let reason = format!("`{}` was unrolled, and this {does}", st.axis(unrolled.axis).name);
            return Err(ScheduleError::BreaksEarlier { span, earlier: unrolled.span, reason });
        }
    }
    Ok(())
}

/// A peeled loop stays a loop outside of the tile.
fn peeled_loops(s: &Schedule, stage: StageId, span: Span) -> Result<(), ScheduleError> {
    let st = s.stage(stage);
    for (at, axis) in st.axes.iter().enumerate() {
        // Whether an axis is a loop is searched for, and few axes are peeled.
        let Some(peeled) = axis.peeled else { continue };
        if let Some(does) = takes(st, StageAxisId(at as u32)) {
            let reason = format!("iterations of `{}` were peeled, and this {does}", axis.name);
            return Err(ScheduleError::BreaksEarlier { span, earlier: peeled.span, reason });
        }
    }
    Ok(())
}

fn attachment_holds(
    s: &Schedule,
    all: &LazyRegions,
    stage: StageId,
    at: Attach,
    span: Span,
) -> Result<(), ScheduleError> {
    let name = s.stage_name(stage);
    let host = s.stage(at.stage);
    let axis = &host.axis(at.axis).name;
    let reason = if host.depth(at.axis).is_none() {
        let takes = if host.axis(at.axis).fused.is_some() { "fuses" } else { "splits" };
        format!("`{name}` is computed at `{axis}`, which it {takes}")
    } else {
        let held = match at.follows {
            true => can_follow(s, all, stage, at.stage, at.axis).map_err(|e| e.reason(name, s.stage_name(at.stage))),
            false => can_hold(s, stage, at.stage, at.axis).map_err(|e| e.reason(name)),
        };
        match held {
            Ok(()) => return Ok(()),
            Err(reason) => format!("`{name}` is computed at `{axis}`; after it, {reason}"),
        }
    };
    Err(ScheduleError::BreaksEarlier { span, earlier: at.span, reason })
}
