//! How deep loops nest. [`Schedule`] → whether any stage stands in more loops than passes go down to.

use super::BuildError;
use crate::schedule::{Schedule, StageId};

/// Most loops around a statement, so that later forms can be walked by recursion, and their text, with what stands inside, nests no deeper than is read.
pub const MAX_NESTING: usize = 504;

/// Refuses a stage that stands in more loops than that.
pub fn is_limited(schedule: &Schedule) -> Result<(), BuildError> {
    let mut around: Vec<Option<usize>> = vec![None; schedule.stages.len()];
    for stage in schedule.stage_ids() {
        let (loops, own) = (loops_around(schedule, stage, &mut around), schedule.stage(stage));
        if loops + own.leaves.len() > MAX_NESTING {
            let (tensor, span) = (schedule.stage_name(stage).to_owned(), schedule.kernel.tensor(own.tensor).span);
            let at = own.attach.map(|at| at.span);
            return Err(BuildError::TooDeep { tensor, loops: loops + own.leaves.len(), span, at });
        }
    }
    Ok(())
}

/// The loops around a stage. Stages may stand in one another in a chain that is longer than a stack is high.
fn loops_around(schedule: &Schedule, stage: StageId, known: &mut [Option<usize>]) -> usize {
    let mut way = vec![stage];
    let mut loops = loop {
        let last = way[way.len() - 1];
        match (known[last.0 as usize], schedule.stage(last).attach) {
            (Some(loops), _) => break loops,
            (None, None) => break 0,
            (None, Some(at)) => way.push(at.stage),
        }
    };
    while let Some(stage) = way.pop() {
        if let (None, Some(at)) = (known[stage.0 as usize], schedule.stage(stage).attach) {
            loops += schedule.stage(at.stage).depth(at.axis).map_or(0, |depth| depth + 1);
        }
        known[stage.0 as usize] = Some(loops);
    }
    loops
}
