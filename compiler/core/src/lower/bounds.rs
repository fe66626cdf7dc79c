//! The bounds in the piece of each loop that is being built, and how to come back to those around it.

use super::pieces::inner_stages;
use crate::affine::Interval;
use crate::schedule::regions::{Known, Region, Replaced, infer, infer_from, infer_stage};
use crate::schedule::rolling::Rolling;
use crate::schedule::{Order, Regions, Schedule, StageId, StageLoop};

pub(super) struct Bounds {
    /// The bounds, as they follow from what is known.
    pub regions: Regions,
    pub known: Known,
    /// What was changed since the outermost piece was entered, the last change last.
    changes: Vec<Change>,
}

/// What was known before.
enum Change {
    Piece(StageLoop, Option<Interval>),
    Region(StageId, Option<Region>),
    Held(StageId, Option<Region>),
    Rolling(StageId, Option<Rolling>),
    Bounds(Replaced),
}

/// A state to come back to.
pub(super) struct Before(usize);

impl Bounds {
    pub fn of(schedule: &Schedule) -> Bounds {
        Bounds { regions: infer(schedule), known: Known::default(), changes: Vec::new() }
    }

    /// From here on the region of a stage is what it is.
    pub fn begin(&mut self, stage: StageId) {
        let before = self.known.regions.insert(stage, self.regions.region(stage).clone());
        self.changes.push(Change::Region(stage, before));
    }

    /// From here on the buffer of a stage holds what it does.
    pub fn hold(&mut self, stage: StageId) {
        let before = self.known.held.insert(stage, self.regions.held(stage).clone());
        self.changes.push(Change::Held(stage, before));
    }

    /// From here on the buffer of a stage rolls.
    pub fn roll(&mut self, schedule: &Schedule, order: &Order, stage: StageId, ring: Region, rolling: Rolling) {
        let held = self.known.held.insert(stage, ring);
        let before = self.known.rolling.insert(stage, rolling);
        self.changes.extend([Change::Held(stage, held), Change::Rolling(stage, before)]);
        self.infer_from(schedule, order, stage);
    }

    /// Enters a piece of a loop.
    pub fn enter(&mut self, schedule: &Schedule, order: &Order, l: StageLoop, piece: Interval) -> Before {
        let before = Before(self.changes.len());
        let around = self.known.pieces.insert(l, piece);
        self.changes.push(Change::Piece(l, around));
        let alone = self.known.regions.contains_key(&l.stage) && inner_stages(schedule, l).next().is_none();
        match alone {
            true => {
                let replaced = infer_stage(schedule, &mut self.regions, l.stage, &self.known);
                self.changes.push(Change::Bounds(replaced));
            }
            false => self.infer_from(schedule, order, l.stage),
        }
        before
    }

    fn infer_from(&mut self, schedule: &Schedule, order: &Order, changed: StageId) {
        let replaced = infer_from(schedule, order, &mut self.regions, changed, &self.known);
        self.changes.push(Change::Bounds(replaced));
    }

    /// Leaves a piece: all that became known in it is forgotten.
    pub fn leave(&mut self, before: Before) {
        for change in self.changes.drain(before.0..).rev() {
            match change {
                Change::Piece(l, before) => put(&mut self.known.pieces, l, before),
                Change::Region(stage, before) => put(&mut self.known.regions, stage, before),
                Change::Held(stage, before) => put(&mut self.known.held, stage, before),
                Change::Rolling(stage, before) => put(&mut self.known.rolling, stage, before),
                Change::Bounds(replaced) => self.regions.restore(replaced),
            }
        }
    }
}

fn put<K: std::hash::Hash + Eq, V>(map: &mut std::collections::HashMap<K, V>, key: K, before: Option<V>) {
    match before {
        Some(before) => drop(map.insert(key, before)),
        None => drop(map.remove(&key)),
    }
}
