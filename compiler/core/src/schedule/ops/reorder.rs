//! `C.reorder(ro, io, ii)`: the named loops stand in this order, in the places that they hold together.
//!
//! ```text
//! before   for io { for ii { for ro { ... } } }
//! after    for ro { for io { for ii { ... } } }
//! ```
//!
//! Every order of loops is legal: the sums of a reduction wrap, so they commute. Checks: each axis is a loop and stands
//! once; no loop crosses the edge of a tile.

use crate::schedule::args::Call;
use crate::schedule::{Schedule, ScheduleError, StageAxisId, StageId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(2..=usize::MAX)?;
    let stage = call.stage(schedule)?;
    let mut named: Vec<StageAxisId> = Vec::new();
    for at in 0..call.directive.args.len() {
        let axis = call.axis(schedule, stage, at)?;
        if let Some(first) = named.iter().position(|a| *a == axis) {
            let (first, second) = (call.directive.args[first].span, call.directive.args[at].span);
            let axis = schedule.stage(stage).axis(axis).name.clone();
            let directive = call.directive.name.name.clone();
            return Err(ScheduleError::AxisTwice { directive, axis, first, second });
        }
        named.push(axis);
    }
    let before = schedule.stage(stage).leaves.clone();
    place(schedule, stage, &named, call)?;
    if schedule.stage(stage).leaves == before {
        let reason = "the loops are already in this order".to_string();
        schedule.warnings.push(call.no_effect(reason, None));
    }
    Ok(())
}

/// Lets the named loops stand in their order, in the places that they hold together.
pub fn place(schedule: &mut Schedule, stage: StageId, named: &[StageAxisId], call: &Call) -> Result<(), ScheduleError> {
    let s = schedule.stage_mut(stage);
    let tile_before = tile_of(&s.leaves, s.tensorize.map(|t| t.axis));
    let mut order = named.iter();
    let places: Vec<usize> = (0..s.leaves.len()).filter(|d| named.contains(&s.leaves[*d])).collect();
    for depth in places {
        let axis = *order.next().expect("as many places as names");
        if s.leaves[depth] != axis {
            s.leaves[depth] = axis;
            s.axis_mut(axis).shaped_by = Some(call.span());
        }
    }
    match s.tensorize {
        Some(tile) if tile_of(&s.leaves, Some(tile.axis)) != tile_before => Err(ScheduleError::BreaksEarlier {
            span: call.span(),
            earlier: tile.span,
            reason: "moves a loop into the tile or out of it".to_string(),
        }),
        _ => Ok(()),
    }
}

/// The loops from an axis inwards, in no order.
fn tile_of(leaves: &[StageAxisId], axis: Option<StageAxisId>) -> Vec<StageAxisId> {
    let from = leaves.iter().position(|l| Some(*l) == axis).unwrap_or(leaves.len());
    let mut tile = leaves[from..].to_vec();
    tile.sort();
    tile
}
