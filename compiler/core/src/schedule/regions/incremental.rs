//! Bounds that are kept. While directives are applied, one makes those be inferred again that it may change, and only once
//! they are asked for. While loops are built, a piece of one makes those be inferred again that it does change.
//!
//! The bounds of a stage follow from its loops and its definition, from the bounds of the stages that read it, and from those
//! of the stage in whose loops it is computed. Where it computes its whole tensor, or what a step of a scan does, its readers
//! have no part in it. So what follows from a change is found by going from a stage to those that it reads and to those in its
//! loops, and ends where a tensor is computed as a whole.
//!
//! Followers are computed between their host's bounds and those of what they read themselves. Where a schedule has any, all
//! bounds are inferred again.

use std::collections::{BinaryHeap, HashSet};

use super::{Known, Regions, StageBounds, bounds, demanded, infer, infer_within, region_within, settle, whole};
use crate::schedule::order::Order;
use crate::schedule::{Schedule, StageId};
use crate::scope::Scope;

/// What is known of the bounds of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// They were never asked for, or may be others since.
    #[default]
    Stale,
    /// They wait for those that they follow from.
    Open,
    Known,
}

impl Regions {
    /// Infers the bounds of some stages of a schedule that has no followers, and of those that they follow from, where they
    /// are not known yet.
    pub(super) fn complete(&mut self, schedule: &Schedule, wanted: impl Iterator<Item = StageId>) {
        self.stages.resize_with(schedule.stages.len(), StageBounds::default);
        self.states.resize(schedule.stages.len(), State::Stale);
        let mut open: Vec<(StageId, std::vec::IntoIter<StageId>)> = Vec::new();
        for stage in wanted {
            self.open(schedule, stage, &mut open);
            while let Some((stage, from)) = open.last_mut() {
                match from.next() {
                    Some(from) => self.open(schedule, from, &mut open),
                    None => {
                        let stage = *stage;
                        let region = demanded(schedule, self, stage);
                        settle(schedule, self, (stage, region), &Known::default());
                        self.states[stage.0 as usize] = State::Known;
                        open.pop();
                    }
                }
            }
        }
    }

    /// Begins to infer the bounds of a stage. Where they follow from themselves, which no legal schedule does, the stage
    /// computes its whole tensor.
    fn open(&mut self, schedule: &Schedule, stage: StageId, open: &mut Vec<(StageId, std::vec::IntoIter<StageId>)>) {
        match self.states[stage.0 as usize] {
            State::Known => {}
            State::Stale => {
                self.states[stage.0 as usize] = State::Open;
                open.push((stage, follows_from(schedule, stage).into_iter()));
            }
            State::Open => {
                let whole = whole(schedule, stage);
                self.stages[stage.0 as usize] = bounds(schedule, stage, whole, &Known::default());
            }
        }
    }

    /// Forgets the bounds of a stage, of those in its loops, and of those that follow from them.
    fn forget(&mut self, schedule: &Schedule, stage: StageId, forgotten: &mut Vec<StageId>) {
        let mut open = vec![stage];
        while let Some(stage) = open.pop() {
            match self.states.get_mut(stage.0 as usize) {
                Some(state @ State::Known) => *state = State::Stale,
                _ => continue,
            }
            forgotten.push(stage);
            open.extend(schedule.guests(stage));
            open.extend(schedule.read_stages(stage).into_iter().filter(|p| !stands_alone(schedule, *p)));
        }
    }
}

/// The stages from whose bounds those of a stage follow: that in whose loops it is computed, which its readers are
/// computed in as well or have an index of, and its readers.
fn follows_from(schedule: &Schedule, stage: StageId) -> Vec<StageId> {
    let mut from: Vec<StageId> = schedule.stage(stage).attach.map(|at| at.stage).into_iter().collect();
    if !stands_alone(schedule, stage) {
        from.extend(schedule.readers(schedule.stage(stage).tensor));
    }
    from
}

/// Whether the region of a stage follows from its schedule alone: it computes its whole tensor, or what a step does.
fn stands_alone(schedule: &Schedule, stage: StageId) -> bool {
    let s = schedule.stage(stage);
    (s.attach.is_none() && s.scope == Scope::Dram) || schedule.kept(stage).is_some()
}

impl Schedule {
    /// Infers the bounds of some stages, where something that they follow from was changed.
    pub(in crate::schedule) fn settle(&mut self, wanted: &[StageId]) {
        self.forget_changed();
        let mut bounds = std::mem::take(&mut self.bounds);
        match self.has_followers() {
            true => bounds = infer(self),
            false => bounds.complete(self, wanted.iter().copied()),
        }
        self.bounds = bounds;
    }

    /// The bounds of one stage, the others perhaps outdated.
    pub(in crate::schedule) fn bounds_of(&mut self, stage: StageId) -> &Regions {
        self.settle(&[stage]);
        &self.bounds
    }

    /// The bounds that were inferred last.
    pub(in crate::schedule) fn settled(&self) -> &Regions {
        &self.bounds
    }

    /// Forgets the bounds that what was changed may have an influence on.
    pub(in crate::schedule) fn forget_changed(&mut self) {
        let mut bounds = std::mem::take(&mut self.bounds);
        let mut forgotten = Vec::new();
        if self.changes.followed || self.has_followers() {
            bounds = Regions::default();
        }
        for stage in &self.changes.stages {
            bounds.forget(self, *stage, &mut forgotten);
        }
        for tensor in &self.changes.read {
            self.stage_of(*tensor).into_iter().for_each(|s| bounds.forget(self, s, &mut forgotten));
        }
        // Where a reader is computed decides what a scan keeps.
        for inside in self.changes.moved.iter().flat_map(|stage| self.with_guests(*stage)) {
            bounds.forget(self, inside, &mut forgotten);
            self.read_stages(inside).into_iter().for_each(|s| bounds.forget(self, s, &mut forgotten));
        }
        self.changes.forgotten.append(&mut forgotten);
        self.bounds = bounds;
    }
}

/// Bounds that others took the place of.
#[derive(Debug)]
pub struct Replaced {
    stages: Vec<(StageId, StageBounds)>,
    /// All of them, where they were not inferred one by one.
    all: Option<Regions>,
}

impl Regions {
    /// Puts bounds back that were replaced last.
    pub fn restore(&mut self, replaced: Replaced) {
        if let Some(all) = replaced.all {
            *self = all;
        }
        for (stage, bounds) in replaced.stages {
            self.stages[stage.0 as usize] = bounds;
        }
    }
}

/// Infers the bounds of one stage again, whose region is known, while its loops are restricted to other pieces. That is all
/// that changes where nothing else is computed inside of them.
pub fn infer_stage(schedule: &Schedule, regions: &mut Regions, stage: StageId, known: &Known) -> Replaced {
    let before = regions.stages[stage.0 as usize].clone();
    settle(schedule, regions, (stage, known.regions[&stage].clone()), known);
    Replaced { stages: vec![(stage, before)], all: None }
}

/// Infers bounds again after something else is known of one stage, for which `regions` hold otherwise: those that are others
/// then.
pub fn infer_from(
    schedule: &Schedule,
    order: &Order,
    regions: &mut Regions,
    changed: StageId,
    known: &Known,
) -> Replaced {
    if schedule.has_followers() {
        let all = std::mem::replace(regions, infer_within(schedule, &order.stages, known));
        return Replaced { stages: Vec::new(), all: Some(all) };
    }
    let (mut open, mut queued) = (BinaryHeap::new(), HashSet::new());
    let mut queue = |stage: StageId, open: &mut BinaryHeap<_>| {
        if queued.insert(stage) {
            open.push((order.places[stage.0 as usize], stage));
        }
    };
    queue(changed, &mut open);
    let mut replaced = Vec::new();
    // The bounds of a stage follow from those of stages behind it.
    while let Some((_, stage)) = open.pop() {
        let region = region_within(schedule, regions, stage, known);
        let before = regions.stages[stage.0 as usize].clone();
        settle(schedule, regions, (stage, region), known);
        if regions.stages[stage.0 as usize] == before {
            continue;
        }
        replaced.push((stage, before));
        // Its loops are in the indices of all that is read in them.
        for inside in schedule.with_guests(stage) {
            queue(inside, &mut open);
            schedule.read_stages(inside).into_iter().for_each(|producer| queue(producer, &mut open));
        }
    }
    Replaced { stages: replaced, all: None }
}
