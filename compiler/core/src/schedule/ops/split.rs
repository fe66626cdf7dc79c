//! `C.split(j, 16) -> jo, ji`: one loop becomes two, of blocks and inside a block.
//!
//! ```text
//! before   for j in 0..256 { C[j] }
//! after    for jo in 0..16 { for ji in 0..16 { C[jo * 16 + ji] } }
//! ```
//!
//! Checks: the axis is a loop; both names are free in the stage; the factor divides the iterations; the loop is not part
//! of a tile.

use crate::schedule::args::Call;
use crate::schedule::{AxisSource, Schedule, ScheduleError, Split, StageAxis, StageAxisId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_args(2..=2)?;
    call.expect_results(2)?;
    let stage = call.stage(schedule)?;
    let axis = call.axis(schedule, stage, 0)?;
    let factor = call.positive(1)?;
    names_are_free(schedule, call)?;
    let s = schedule.stage_mut(stage);
    if let (true, Some(tile)) = (s.in_tile(axis), s.tensorize) {
        let reason = format!("splits `{}`, a loop of the tile", s.axis(axis).name);
        return Err(ScheduleError::BreaksEarlier { span: call.span(), earlier: tile.span, reason });
    }
    let outer = StageAxisId(s.axes.len() as u32);
    let inner = StageAxisId(outer.0 + 1);
    let reduce = s.axis(axis).reduce;
    let sources = [AxisSource::Outer(axis), AxisSource::Inner(axis)];
    for (name, source) in call.directive.results.iter().zip(sources) {
        let (name, span) = (name.name.clone(), name.span);
        s.axes.push(StageAxis { name, reduce, source, split: None, span, shaped_by: Some(call.span()) });
    }
    s.axis_mut(axis).split = Some(Split { factor, outer, inner, span: call.span() });
    let depth = s.depth(axis).expect("a loop");
    s.leaves.splice(depth..=depth, [outer, inner]);
    Ok(())
}

fn names_are_free(schedule: &Schedule, call: &Call) -> Result<(), ScheduleError> {
    let stage = schedule.stage(call.stage(schedule)?);
    let results = &call.directive.results;
    for (at, name) in results.iter().enumerate() {
        let earlier = results[..at].iter().find(|r| r.name == name.name).map(|r| r.span);
        let axis = stage.axes.iter().find(|a| a.name == name.name).map(|a| a.span);
        if let Some(first) = earlier.or(axis) {
            return Err(ScheduleError::NameTaken { name: name.clone(), first });
        }
    }
    Ok(())
}
