//! `C.fuse(y, x) -> f`: two loops, one directly inside the other, become one over all pairs of their values.
//!
//! ```text
//! before   for y in 0..14 { for x in 0..16 { C[y, x] } }
//! after    for f in 0..224 { C[f / 16, f % 16] }
//! ```
//!
//! Checks: `can_fuse`; the name is free in the stage; neither loop is part of a tile.

use tilewright_syntax::quoted;

use crate::schedule::args::Call;
use crate::schedule::checks::{FuseError, can_fuse, fusible};
use crate::schedule::ops::{names_are_free, outside_tile};
use crate::schedule::{AxisSource, Fused, Schedule, ScheduleError, StageAxis, StageAxisId, StageId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_args(2..=2)?;
    call.expect_results(1)?;
    let stage = call.stage(schedule)?;
    let (outer, inner) = call.two_axes(schedule, stage)?;
    names_are_free(schedule, stage, call)?;
    for axis in [outer, inner] {
        outside_tile(schedule, stage, axis, call, "fuses")?;
    }
    if let Err(error) = can_fuse(schedule, stage, outer, inner) {
        let help = help(error, fusible(schedule, stage));
        let s = schedule.stage(stage);
        let name = |axis| s.axis(axis).name.clone();
        return Err(ScheduleError::CannotFuse {
            span: call.span(),
            outer: name(outer),
            inner: name(inner),
            reason: error.reason(&name(outer), &name(inner)),
            place: s.axis(inner).span,
            help,
        });
    }
    warn_if_single(schedule, stage, [outer, inner], call);
    let s = schedule.stage_mut(stage);
    let into = StageAxisId(s.axes.len() as u32);
    let source = AxisSource::Fused(outer, inner);
    s.axes.push(StageAxis::new(&call.directive.results[0], s.axis(outer).reduce, source, call.span()));
    for axis in [outer, inner] {
        s.axis_mut(axis).fused = Some(Fused { outer, inner, into, span: call.span() });
    }
    let depth = s.depth(outer).expect("a loop");
    s.leaves.splice(depth..=depth + 1, [into]);
    Ok(())
}

/// One of the loops runs once, so that the other one is all pairs already.
fn warn_if_single(schedule: &mut Schedule, stage: StageId, axes: [StageAxisId; 2], call: &Call) {
    let bounds = schedule.bounds_of(stage);
    let Some(single) = axes.into_iter().find(|axis| bounds.extent(stage, *axis) == 1) else { return };
    let a = schedule.stage(stage).axis(single);
    let warning = call.no_effect(format!("`{}` runs once", a.name), Some((a.span, "this axis")));
    schedule.warnings.push(warning);
}

fn help(error: FuseError, legal: Vec<String>) -> String {
    match (error, legal.as_slice()) {
        (FuseError::TooMany, _) => "leave one of the earlier ones out".to_string(),
        (_, []) => "no two loops of this stage can be fused in this order; `reorder` moves them".to_string(),
        _ => format!("loops that can be fused in this order: {}", quoted(&legal)),
    }
}
