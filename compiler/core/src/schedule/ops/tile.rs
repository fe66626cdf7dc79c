//! `C.tile(y, x, 4, 8) -> yo, xo, yi, xi`: two loops become loops over tiles and loops inside a tile.
//!
//! ```text
//! before   for y in 0..16 { for x in 0..32 { C[y, x] } }
//! after    for yo in 0..4 { for xo in 0..4 { for yi in 0..4 { for xi in 0..8 { C[yo * 4 + yi, xo * 8 + xi] } } } }
//! ```
//!
//! It is `split(y, 4) -> yo, yi`, `split(x, 8) -> xo, xi` and `reorder(yo, xo, yi, xi)`. Checks: as theirs; the axes are two.

use crate::schedule::args::Call;
use crate::schedule::ops::reorder::place;
use crate::schedule::ops::split::{idle, split_loop};
use crate::schedule::ops::{names_are_free, outside_tile};
use crate::schedule::{Schedule, ScheduleError, StageAxisId, StageId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_args(4..=4)?;
    call.expect_results(4)?;
    let stage = call.stage(schedule)?;
    let (y, x) = call.two_axes(schedule, stage)?;
    let (fy, fx) = (call.positive(2)?, call.positive(3)?);
    names_are_free(schedule, stage, call)?;
    for axis in [y, x] {
        outside_tile(schedule, stage, axis, call, "splits")?;
    }
    warn_if_idle(schedule, stage, [(y, fy), (x, fx)], call);
    let names = &call.directive.results;
    let [yo, yi] = split_loop(schedule, stage, y, fy, [&names[0], &names[2]], call);
    let [xo, xi] = split_loop(schedule, stage, x, fx, [&names[1], &names[3]], call);
    place(schedule, stage, &[yo, xo, yi, xi], call)
}

/// Neither loop is taken apart. With all of `y` in a tile of one `x`, the loops change places, which is an effect.
fn warn_if_idle(schedule: &mut Schedule, stage: StageId, loops: [(StageAxisId, i64); 2], call: &Call) {
    let written = &call.directive.args[2..];
    let reason = |(at, (axis, factor)): (usize, (StageAxisId, i64))| idle(schedule, stage, axis, factor, &written[at]);
    let reasons: Vec<String> = loops.into_iter().enumerate().filter_map(reason).collect();
    let [(_, fy), (_, fx)] = loops;
    if let [first, second] = reasons.as_slice()
        && (fy == 1 || fx > 1)
    {
        let reason = if first == second { first.clone() } else { format!("{first}, and {second}") };
        schedule.warnings.push(call.no_effect(reason, None));
    }
}
