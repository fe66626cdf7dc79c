//! The buffers of a program: those of its interface, those of stages, and what they hold before the first step of a scan.

use super::Builder;
use super::padding::dims_read_beyond;
use crate::affine::Affine;
use crate::loops::ir::{
    Buffer, BufferId, For, Index, Layout, Leaf, Load, LoopId, LoopVar, Origin, Outside, Role, Scope, Stmt, Store,
};
use crate::scalar::Scalar;
use crate::schedule::rolling::{Rolling, loops_inside, movement};
use crate::schedule::{Kept, ScanId, StageId, StageLoop, TURNS, regions};
use crate::tensor::TensorId;

impl Builder<'_> {
    /// Makes the buffers of inputs and outputs.
    pub(super) fn interface(&mut self) {
        for id in self.schedule.kernel.ids() {
            let tensor = self.schedule.kernel.tensor(id);
            match (tensor.is_input(), tensor.output) {
                (true, _) => self.buffer(id, Role::Input),
                (false, true) => self.buffer(id, Role::Output),
                (false, false) => {}
            }
        }
    }

    /// Makes a buffer for a tensor: whole in DRAM, elsewhere for the region that is computed in the current pieces.
    fn buffer(&mut self, id: TensorId, role: Role) {
        let tensor = self.schedule.kernel.tensor(id);
        let stage = self.schedule.stage_of(id);
        let scope = self.schedule.scope(id);
        let (mut shape, mut array) = match stage {
            Some(stage) if scope != Scope::Dram => {
                (self.bounds.regions.storage(stage), self.bounds.regions.held(stage).extent.clone())
            }
            _ => (self.touched_shape(id), tensor.shape.clone()),
        };
        if stage.is_some_and(|stage| regions::ends_with_tensor(self.schedule, stage)) {
            array.iter_mut().zip(&tensor.shape).for_each(|(own, whole)| *own = (*own).min(*whole));
        }
        if let Some(kept) = stage.and_then(|s| self.schedule.kept(s)) {
            // Whole tiles are read of what a sum starts from, and of all steps where a product sums over them.
            shape.iter_mut().zip(self.touched_shape(id)).for_each(|(own, touched)| *own = touched.max(*own));
            (shape[0], array[0]) = match kept {
                Kept::Turns => (TURNS, TURNS),
                Kept::Whole => (shape[0].max(tensor.shape[0]), tensor.shape[0]),
            };
        }
        // Products read whole tiles of what its host may not compute as far.
        if let Some(follower) = stage.filter(|s| scope.is_operand() && self.schedule.follows(*s).is_some()) {
            let touched = self.read_to(id, &self.bounds.known.held[&follower].min);
            shape.iter_mut().zip(touched).for_each(|(own, touched)| *own = touched.max(*own));
        }
        let outside = tensor.outside.map(|value| Outside { value, dims: dims_read_beyond(self.schedule, id) });
        let order = self.schedule.tile_order(id);
        let directive = stage.and_then(|s| self.schedule.stage(s).scope_span).or(order.map(|o| o.span));
        let origin = Origin { tensor: Some(tensor.span), directive, ..Origin::default() };
        let name = self.fresh_name(tensor.name.clone());
        let dtype = tensor.dtype;
        self.buffers.insert(id, BufferId(self.program.buffers.len() as u32));
        let order = order.map_or(Vec::new(), |o| Layout::canonical_order(o.dims.clone()));
        let layout = (!order.is_empty()).then_some(Layout { lanes: Vec::new(), order });
        // The rows of a buffer that rolls take turns already.
        let slots = stage.filter(|s| self.schedule.rolls(*s).is_none()).map_or(1, |s| self.schedule.slots(s));
        let buffer = Buffer::new(name, dtype, scope, role, shape);
        let buffer = Buffer { array, outside, layout, slots, origin, ..buffer };
        self.program.buffers.push(buffer);
    }

    /// The shape of a tensor in DRAM, with what tiles read beyond it.
    fn touched_shape(&self, id: TensorId) -> Vec<i64> {
        let tensor = self.schedule.kernel.tensor(id);
        let mut shape = tensor.shape.clone();
        if let Some(stage) = self.schedule.stage_of(id) {
            let stored = self.bounds.regions.storage(stage);
            // A step of a scan stores a part of it.
            shape.iter_mut().zip(stored).for_each(|(own, stored)| *own = stored.max(*own));
        }
        if tensor.outside.is_some() {
            return shape;
        }
        let start = vec![Affine::constant(0); shape.len()];
        shape.iter_mut().zip(self.read_to(id, &start)).for_each(|(own, touched)| *own = touched.max(*own));
        shape
    }

    /// How far a tensor is read in each dimension, counted from a start.
    fn read_to(&self, id: TensorId, start: &[Affine<StageLoop>]) -> Vec<i64> {
        let mut extents = vec![0; start.len()];
        for reader in self.schedule.readers(id).iter().copied() {
            for read in self.schedule.compute(reader).reads().into_iter().filter(|r| r.tensor == id) {
                let indices = regions::read_indices(self.schedule, &self.bounds.regions, reader, read);
                for ((extent, index), start) in extents.iter_mut().zip(indices).zip(start) {
                    *extent = (*extent).max(self.bounds.regions.range_of(&index.minus(start)).max + 1);
                }
            }
        }
        extents
    }

    /// Makes the buffers of a stage and of its followers, where the stage has none yet: one that keeps values from step to step
    /// of a scan has it before the first step, one that rolls in front of its loop, and a follower has it with its lead.
    pub(super) fn storage(&mut self, stage: StageId) -> Vec<Stmt> {
        let s = self.schedule;
        if s.kept(stage).is_some() || s.rolls(stage).is_some() || s.follows(stage).is_some() {
            return Vec::new();
        }
        let all = [stage].into_iter().chain(s.followers(stage));
        let held = all.map(|stage| {
            self.bounds.hold(stage);
            self.alloc(stage)
        });
        held.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    /// Makes the buffer of a stage that rolls with a loop, in front of it. In a piece of the loops around in which the region
    /// takes no even steps, each iteration computes all of it.
    pub(super) fn ring(&mut self, stage: StageId, over: StageLoop) -> Option<Stmt> {
        let inside = loops_inside(self.schedule, stage, over)?;
        let region = self.bounds.regions.region(stage).clone();
        let Some(roll) = movement(&region, over, &inside) else {
            self.bounds.hold(stage);
            return self.alloc(stage);
        };
        let ring = roll.ring(&region, &inside, self.schedule.slots(stage), &self.bounds.regions);
        let start = roll.start(&region);
        let rolling = Rolling { roll, start, first: self.bounds.regions.range(over).min };
        self.bounds.roll(self.schedule, &self.order, stage, ring, rolling);
        self.alloc(stage)
    }

    /// Makes the buffer of a stage, if that is no output.
    pub(super) fn alloc(&mut self, stage: StageId) -> Option<Stmt> {
        let tensor = self.schedule.stage(stage).tensor;
        if self.schedule.kernel.tensor(tensor).output {
            return None;
        }
        self.buffer(tensor, Role::Temporary);
        let directive = self.schedule.stage(stage).attach.map(|at| at.span);
        let origin = Origin { directive, ..self.origin(stage, None) };
        Some(Stmt::Alloc { buffer: self.buffers[&tensor], origin })
    }

    /// What stands before the steps of a scan: the buffers that keep values, and the first values of the states.
    pub(super) fn keepers(&mut self, scan: ScanId) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        for stage in self.schedule.keepers(scan) {
            let init = self.schedule.initial(stage).filter(|init| self.schedule.comes_with_state(*init));
            stmts.extend(init.into_iter().flat_map(|init| self.nest(init)));
            stmts.extend(self.alloc(stage));
            stmts.extend(self.first_value(stage));
        }
        stmts
    }

    /// `S[0, ..] = S_init[..]` for a state.
    fn first_value(&mut self, stage: StageId) -> Option<Stmt> {
        let init = self.schedule.initial(stage)?;
        let s = self.schedule.stage(init);
        let (from, to) = (self.buffers[&s.tensor], self.buffers[&self.schedule.stage(stage).tensor]);
        let axes = self.schedule.compute(init).axes.clone();
        let mut vars = Vec::new();
        for axis in &axes {
            let axis = self.schedule.kernel.axis(*axis);
            let name = self.fresh_name(format!("{}_{}_first", self.schedule.stage_name(stage), axis.name));
            self.program.loops.push(LoopVar { name, extent: axis.extent });
            vars.push(LoopId(self.program.loops.len() as u32 - 1));
        }
        let indices: Vec<Index> = vars.iter().map(|v| Affine::var(*v)).collect();
        let value = Scalar::Leaf(Leaf::Load(Load { buffer: from, indices: indices.clone() }));
        let origin = self.origin(stage, None);
        let indices = std::iter::once(Affine::constant(0)).chain(indices).collect();
        let store = Stmt::Store(Store { buffer: to, indices, value, origin });
        let around = |body, var: &LoopId| Stmt::For(For { var: *var, mark: None, body: vec![body], origin });
        Some(vars.iter().rev().fold(store, around))
    }
}
