//! `C.tensorize(ii, gemm)`: the loops from an axis inwards are one micro-op of the GEMM core.
//!
//! ```text
//! before   for io { for ii in 0..BATCH { for ji in 0..BLOCK_OUT { for ri in 0..BLOCK_IN { C[...] += X * W } } } }
//! after    for io { @gemm for ii { for ji { for ri { C[...] += X * W } } } }
//! ```
//!
//! Checks: `gemm_tile`; nothing is computed inside the tile; the stage has no tile yet.

use crate::gemm::Side;
use crate::schedule::args::Call;
use crate::schedule::checks::{TileError, gemm_tile, part};
use crate::schedule::{Marked, Schedule, ScheduleError, StageAxisId, StageId};

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(2..=2)?;
    let stage = call.stage(schedule)?;
    let word = call.name(1, "`gemm`")?;
    if word.name != "gemm" {
        return Err(ScheduleError::UnknownWord { what: "intrinsic", name: word, known: vec!["gemm"], of: None });
    }
    let axis = call.axis(schedule, stage, 0)?;
    if let Some(before) = schedule.stage(stage).tensorize {
        let (span, stage) = (call.span(), schedule.stage_name(stage).to_string());
        return Err(ScheduleError::SaidTwice { span, first: before.span, stage, what: "tensorized" });
    }
    // Loops of a tile run over all of it, so the tile is judged by the extents that the mark gives it.
    schedule.stage_mut(stage).tensorize = Some(Marked { axis, span: call.span() });
    schedule.settle(&[stage]);
    let outcome = gemm_tile(schedule, schedule.settled(), stage, axis);
    match outcome {
        Ok(_) => Ok(()),
        Err(error) => Err(not_a_gemm(schedule, call, stage, axis, &error)),
    }
}

fn not_a_gemm(schedule: &Schedule, call: &Call, stage: StageId, axis: StageAxisId, error: &TileError) -> ScheduleError {
    let core = Side::ALL.map(|side| format!("{} = {}", side.name(), schedule.core.size(side))).join(", ");
    let help = match error {
        TileError::NotAProduct => "a GEMM is `C[i, j] = sum(r: i32(A[i, r]) * i32(B[j, r]))` of `i8` tensors",
        TileError::Nest(_) => {
            "split the axes by BATCH, BLOCK_OUT and BLOCK_IN, reorder the inner halves innermost, and name the first"
        }
    };
    ScheduleError::NotAGemm {
        span: call.span(),
        stage: schedule.stage_name(stage).to_string(),
        axis: schedule.stage(stage).axis(axis).name.clone(),
        part: part(schedule, error),
        definition: schedule.kernel.tensor(schedule.stage(stage).tensor).span,
        core: format!("one micro-op of this target multiplies tiles with {core}"),
        help: help.to_string(),
    }
}
