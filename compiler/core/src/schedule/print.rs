//! The stage tree as text: what the directives of a schedule come to, each stage with its scope, place and loops.

use std::fmt::Write;

use crate::schedule::regions::{Regions, infer};
use crate::schedule::{Schedule, StageId};

/// Writes every stage, producers first: its type and scope, where it is computed, and its loops from the outermost.
pub fn print(schedule: &Schedule) -> String {
    let mut out = String::new();
    let regions = infer(schedule);
    for stage in schedule.producers_first() {
        print_stage(schedule, &regions, stage, &mut out);
    }
    out
}

fn print_stage(schedule: &Schedule, regions: &Regions, id: StageId, out: &mut String) {
    let stage = schedule.stage(id);
    let tensor = schedule.kernel.tensor(stage.tensor);
    let sizes: Vec<String> = regions.region(id).extent.iter().map(i64::to_string).collect();
    let place = match stage.attach {
        None => "at root".to_string(),
        Some(at) => {
            let side = if at.follows { "after" } else { "at" };
            format!("{side} {}, {}", schedule.stage_name(at.stage), schedule.stage(at.stage).axis(at.axis).name)
        }
    };
    let scope = stage.scope.name();
    let _ = writeln!(out, "{}: {}[{}] @{scope} {place}", tensor.name, tensor.dtype.name(), sizes.join(", "));
    for axis in &stage.leaves {
        let a = stage.axis(*axis);
        let kind = if a.reduce { "reduce" } else { "for" };
        let mut marks = String::new();
        if stage.dma_copy.is_some_and(|m| m.axis == *axis) {
            marks.push_str("  pragma dma_copy");
        }
        if stage.alu.is_some_and(|m| m.axis == *axis) {
            marks.push_str("  pragma alu");
        }
        if stage.unrolled.iter().any(|m| m.axis == *axis) {
            marks.push_str("  unroll");
        }
        if stage.tensorize.is_some_and(|m| m.axis == *axis) {
            marks.push_str("  tensorize gemm");
        }
        let _ = writeln!(out, "    {kind} {} in 0..{}{marks}", a.name, regions.extent(id, *axis));
    }
}
