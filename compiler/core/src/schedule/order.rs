//! The order in which the stages of a schedule are computed.

use crate::schedule::{Schedule, StageId, checks};
use crate::scope::Scope;
use crate::tensor::Read;

/// What is known of a stage while the order is found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Not,
    /// It waits for what it needs.
    Open,
    Done,
}

/// The stages of a schedule, producers first, with their places.
#[derive(Clone, Debug)]
pub struct Order {
    pub stages: Vec<StageId>,
    /// For each stage its place in the order.
    pub places: Vec<usize>,
}

impl Order {
    pub fn of(schedule: &Schedule) -> Order {
        let stages = schedule.producers_first();
        let mut places = vec![0; schedule.stages.len()];
        stages.iter().enumerate().for_each(|(place, stage)| places[stage.0 as usize] = place);
        Order { stages, places }
    }
}

impl Schedule {
    /// What a stage needs, and loads into the accumulator last: it has to hold nothing that waits for what is computed before.
    fn needs_before_loads(&self, stage: StageId) -> Vec<StageId> {
        let (loads, others): (Vec<_>, Vec<_>) = self.needs(stage).into_iter().partition(|need| self.is_load(*need));
        let loaded: Vec<StageId> = loads.iter().flat_map(|load| self.needs(*load)).collect();
        [loaded, others, loads].concat()
    }

    /// Whether a stage copies from device memory to the accumulator.
    fn is_load(&self, stage: StageId) -> bool {
        let from_dram = |read: &Read| self.scope(read.tensor) == Scope::Dram;
        self.stage(stage).scope == Scope::Acc && checks::is_copy(self, stage).is_some_and(from_dram)
    }

    /// The stages so that each comes after those that it needs. Among equals, those of the kernel come first, in the order of
    /// its source, and then the others in the order in which they were made, wherever their directives are written.
    ///
    /// What is left of a cycle among them is no order, and refused.
    pub fn producers_first(&self) -> Vec<StageId> {
        let mut by_tensor: Vec<StageId> = self.stage_ids().collect();
        let own_span = |s: StageId| (s.0 < self.own as u32).then(|| self.kernel.tensor(self.stage(s).tensor).span);
        by_tensor.sort_by_key(|s| (s.0 as usize >= self.own, own_span(*s), *s));
        let mut visits = vec![Visit::Not; self.stages.len()];
        let mut order = Vec::with_capacity(by_tensor.len());
        // Stages whose needs are visited, each with those that are left.
        let mut open: Vec<(StageId, std::vec::IntoIter<StageId>)> = Vec::new();
        let visit = |stage: StageId, visits: &mut [Visit], open: &mut Vec<_>| {
            if visits[stage.0 as usize] == Visit::Not {
                visits[stage.0 as usize] = Visit::Open;
                open.push((stage, self.needs_before_loads(stage).into_iter()));
            }
        };
        for stage in by_tensor {
            visit(stage, &mut visits, &mut open);
            while let Some((stage, needs)) = open.last_mut() {
                match needs.next() {
                    Some(need) => visit(need, &mut visits, &mut open),
                    None => {
                        visits[stage.0 as usize] = Visit::Done;
                        order.push(*stage);
                        open.pop();
                    }
                }
            }
        }
        order
    }
}
