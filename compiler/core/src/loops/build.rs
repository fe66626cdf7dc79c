//! Makes the loops of a schedule explicit. [`Schedule`] → [`LoopProgram`].
//!
//! ```text
//! C.split(r, 16) -> ro, ri                alloc C: i32[1, 256] @acc
//! C.reorder(ro, i, j, ri)          →      for i_init { for j_init { C[i_init, j_init] = 0 } }
//! X_buf.compute_at(C, ro)                 for ro {
//!                                             alloc X_buf: i8[1, 16] @inp
//!                                             for ... { X_buf[...] = X[...] }
//!                                             for i { for j { for ri { C[i, j] = C[i, j] + ... } } } }
//! ```
//!
//! Each stage's buffer holds the region that bounds inference gave it, and indices count from the region's start. A
//! reduction is preceded by loops that set its tensor to the reducer's start: they stand before the outermost reduced
//! loop, or before the tile where that is further out.

use std::collections::{HashMap, HashSet};

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use crate::affine::{Affine, Interval};
use crate::loops::ir::{
    Buffer, BufferId, For, Index, Leaf, Load, LoopId, LoopProgram, LoopVar, Mark, Origin, Role, Scope, Stmt, Store,
};
use crate::scalar::Scalar;
use crate::schedule::{Marked, Regions, Schedule, StageAxisId, StageId, StageLoop, regions};
use crate::tensor::{self, AxisId, Read, TensorId};

/// A kernel that has no loop program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    #[error("`{tensor}` is read outside of its array, which has no loops yet")]
    ReadOutside { tensor: String, span: Span, declared: Span },
}

impl BuildError {
    /// The error's stable code.
    pub const CODE: &'static str = "E0340";

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let BuildError::ReadOutside { span, declared, .. } = self;
        Diagnostic::error(Self::CODE, self.to_string())
            .primary(*span, "some of these elements lie outside")
            .secondary(*declared, "says what stands outside")
            .help("pass an input that already has the border, and read it inside its array")
    }
}

/// Builds the loops of a schedule whose directives have all been checked.
pub fn build(schedule: &Schedule) -> Result<LoopProgram, BuildError> {
    reads_inside(schedule)?;
    let regions = regions::infer(schedule).expect("checked after every directive");
    let mut builder = Builder {
        schedule,
        regions: &regions,
        program: LoopProgram {
            name: schedule.kernel.name.clone(),
            buffers: Vec::new(),
            loops: Vec::new(),
            body: Vec::new(),
        },
        buffers: HashMap::new(),
        loops: HashMap::new(),
        names: HashSet::new(),
    };
    builder.buffers();
    builder.loops();
    let roots = schedule.producers_first().into_iter().filter(|s| schedule.stage(*s).attach.is_none());
    let mut body = Vec::new();
    for stage in roots {
        body.extend(builder.nest(stage));
    }
    builder.program.body = body;
    Ok(super::canonical(&builder.program))
}

/// Buffers hold arrays without a border, so every read has to lie inside.
fn reads_inside(schedule: &Schedule) -> Result<(), BuildError> {
    let kernel = &schedule.kernel;
    for stage in schedule.stage_ids() {
        for read in schedule.compute(stage).reads() {
            let tensor = kernel.tensor(read.tensor);
            let inside = read.indices.iter().zip(&tensor.shape).all(|(e, n)| {
                let range = e.range(&|a| Interval::below(kernel.axis(a).extent));
                range.min >= 0 && range.max < *n
            });
            if !inside {
                let (tensor, declared) = (tensor.name.clone(), tensor.span);
                return Err(BuildError::ReadOutside { tensor, span: read.span, declared });
            }
        }
    }
    Ok(())
}

struct Builder<'a> {
    schedule: &'a Schedule,
    regions: &'a Regions,
    program: LoopProgram,
    buffers: HashMap<TensorId, BufferId>,
    loops: HashMap<StageLoop, LoopId>,
    /// Names of loops that are taken.
    names: HashSet<String>,
}

impl Builder<'_> {
    /// Makes the buffer of every tensor: whole for inputs, outputs and stages at the root, the region for others.
    fn buffers(&mut self) {
        for id in self.schedule.kernel.ids() {
            let tensor = self.schedule.kernel.tensor(id);
            let stage = self.schedule.stage_of(id);
            if stage.is_none() && !tensor.is_input() {
                continue;
            }
            let role = match (tensor.is_input(), tensor.output) {
                (true, _) => Role::Input,
                (false, true) => Role::Output,
                (false, false) => Role::Temporary,
            };
            let shape = stage.map_or(&tensor.shape, |s| &self.regions.region(s).extent);
            self.buffers.insert(id, BufferId(self.program.buffers.len() as u32));
            self.program.buffers.push(Buffer {
                name: tensor.name.clone(),
                dtype: tensor.dtype,
                scope: self.schedule.scope(id),
                role,
                shape: shape.clone(),
                layout: None,
                base: None,
                slots: stage.and_then(|s| self.schedule.stage(s).double_buffer).map_or(1, |d| d.slots),
                copies: 0,
                origin: Origin {
                    tensor: Some(tensor.span),
                    directive: stage.and_then(|s| self.schedule.stage(s).scope_span),
                },
            });
        }
    }

    /// Gives every loop of every stage a variable. A name that several stages use is qualified by the tensor.
    fn loops(&mut self) {
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for stage in self.schedule.stage_ids().map(|id| self.schedule.stage(id)) {
            for axis in &stage.leaves {
                *uses.entry(&stage.axis(*axis).name).or_default() += 1;
            }
        }
        for stage in self.schedule.stage_ids() {
            for axis in &self.schedule.stage(stage).leaves {
                let name = &self.schedule.stage(stage).axis(*axis).name;
                let name = match uses[name.as_str()] {
                    1 => name.clone(),
                    _ => format!("{}_{name}", self.schedule.stage_name(stage)),
                };
                let id = self.new_loop(&name, self.regions.extent(stage, *axis));
                self.loops.insert(StageLoop { stage, axis: *axis }, id);
            }
        }
    }

    fn new_loop(&mut self, name: &str, extent: i64) -> LoopId {
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        let mut candidates = std::iter::once(name.to_string()).chain(numbered);
        let name = candidates.find(|n| !self.names.contains(n)).expect("endlessly many candidates");
        self.names.insert(name.clone());
        self.program.loops.push(LoopVar { name, extent });
        LoopId(self.program.loops.len() as u32 - 1)
    }

    /// The statements of a stage: its allocation, and its loops with all that is computed in them.
    fn nest(&mut self, stage: StageId) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        let tensor = self.schedule.stage(stage).tensor;
        if !self.schedule.kernel.tensor(tensor).output {
            let directive = self.schedule.stage(stage).attach.map(|at| at.span);
            let origin = Origin { directive, ..self.origin(stage, None) };
            stmts.push(Stmt::Alloc { buffer: self.buffers[&tensor], origin });
        }
        stmts.extend(self.loops_from(stage, 0));
        stmts
    }

    /// The loops of a stage from a depth inwards.
    fn loops_from(&mut self, stage: StageId, depth: usize) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        if self.init_depth(stage) == Some(depth) {
            stmts.extend(self.init(stage, depth));
        }
        let Some(axis) = self.schedule.stage(stage).leaves.get(depth).copied() else {
            stmts.push(self.update(stage));
            return stmts;
        };
        let mut body = Vec::new();
        for inner in self.schedule.producers_first() {
            if self.schedule.stage(inner).attach.is_some_and(|at| at.stage == stage && at.axis == axis) {
                body.extend(self.nest(inner));
            }
        }
        body.extend(self.loops_from(stage, depth + 1));
        let var = self.loops[&StageLoop { stage, axis }];
        stmts.push(Stmt::For(For { var, mark: self.mark(stage, axis), body, origin: self.origin(stage, Some(axis)) }));
        stmts
    }

    /// The depth at which a reduction's tensor is set to its start; None where nothing is reduced. In the accumulator whole
    /// tiles are set: before a product's tile, or else before all loops, some of which may run over lanes.
    fn init_depth(&self, stage: StageId) -> Option<usize> {
        self.schedule.compute(stage).reduction.as_ref()?;
        let s = self.schedule.stage(stage);
        let reduced = s.leaves.iter().position(|l| s.axis(*l).reduce)?;
        Some(match s.tensorize.and_then(|t| s.depth(t.axis)) {
            Some(tile) => tile.min(reduced),
            None if s.scope == Scope::Acc => 0,
            None => reduced,
        })
    }

    /// Loops over the spatial axes from a depth inwards that set the tensor to the reducer's start.
    fn init(&mut self, stage: StageId, depth: usize) -> Vec<Stmt> {
        let s = self.schedule.stage(stage);
        let Some(reduction) = &self.schedule.compute(stage).reduction else { return Vec::new() };
        let dtype = self.schedule.kernel.tensor(s.tensor).dtype;
        let start = Scalar::Const { value: reduction.reducer.start(dtype), dtype };
        let spatial: Vec<StageAxisId> = s.leaves[depth..].iter().copied().filter(|l| !s.axis(*l).reduce).collect();
        let mut fresh = HashMap::new();
        for axis in &spatial {
            let original = self.loops[&StageLoop { stage, axis: *axis }];
            let name = format!("{}_init", self.program.loop_var(original).name);
            fresh.insert(original, self.new_loop(&name, self.regions.extent(stage, *axis)));
        }
        let ranges = |l: LoopId| self.program.loop_range(l);
        let renamed = |l: LoopId| Affine::var(*fresh.get(&l).unwrap_or(&l));
        let indices = self.own_indices(stage).iter().map(|e| e.substitute(&renamed, &ranges)).collect();
        let buffer = self.buffers[&s.tensor];
        let origin = self.origin(stage, None);
        let mut body = vec![Stmt::Store(Store { buffer, indices, value: start, origin })];
        let tile = self.tile_start(stage, &spatial);
        for axis in spatial.iter().rev() {
            let var = fresh[&self.loops[&StageLoop { stage, axis: *axis }]];
            let mark = (tile == Some(*axis)).then_some(Mark::Gemm);
            body = vec![Stmt::For(For { var, mark, body, origin: self.origin(stage, Some(*axis)) })];
        }
        body
    }

    /// The outermost of some axes that lies in the stage's tile.
    fn tile_start(&self, stage: StageId, axes: &[StageAxisId]) -> Option<StageAxisId> {
        axes.iter().copied().find(|a| self.schedule.stage(stage).in_tile(*a))
    }

    /// `T[..] = value`, or for a reduction `T[..] = T[..] + value`, `T[..] = max(T[..], value)` and so on.
    fn update(&self, stage: StageId) -> Stmt {
        let compute = self.schedule.compute(stage);
        let buffer = self.buffers[&self.schedule.stage(stage).tensor];
        let indices = self.own_indices(stage);
        let value = compute.value.map(&mut |leaf| match leaf {
            tensor::Leaf::Read(read) => Leaf::Load(self.load(stage, read)),
            tensor::Leaf::Axis(axis) => Leaf::Index(self.axis(stage, *axis)),
        });
        let value = match compute.reduction.as_ref().map(|r| r.reducer) {
            None => value,
            Some(reducer) => {
                let joined = Scalar::Leaf(Leaf::Load(Load { buffer, indices: indices.clone() }));
                Scalar::binary(reducer.op(), joined, value)
            }
        };
        Stmt::Store(Store { buffer, indices, value, origin: self.origin(stage, None) })
    }

    /// Where a stage writes, counted from its region's start.
    fn own_indices(&self, stage: StageId) -> Vec<Index> {
        let axes = &self.schedule.compute(stage).axes;
        axes.iter().enumerate().map(|(d, a)| self.relative(stage, d, &self.value(stage, *a))).collect()
    }

    fn load(&self, stage: StageId, read: &Read) -> Load {
        let buffer = self.buffers[&read.tensor];
        let indices = regions::read_indices(self.schedule, self.regions, stage, read);
        let indices = match self.schedule.stage_of(read.tensor) {
            None => indices.iter().map(|e| self.lower(e)).collect(),
            Some(producer) => indices.iter().enumerate().map(|(d, e)| self.relative(producer, d, e)).collect(),
        };
        Load { buffer, indices }
    }

    fn axis(&self, stage: StageId, axis: AxisId) -> Index {
        self.lower(&self.value(stage, axis))
    }

    fn value(&self, stage: StageId, axis: AxisId) -> Affine<StageLoop> {
        regions::axis_value(self.schedule, self.regions, stage, axis)
    }

    /// An index into a stage's tensor as an index into its buffer.
    fn relative(&self, stage: StageId, dim: usize, index: &Affine<StageLoop>) -> Index {
        self.lower(&index.minus(&self.regions.region(stage).min[dim]))
    }

    fn lower(&self, e: &Affine<StageLoop>) -> Index {
        e.substitute(&|l| Affine::var(self.loops[&l]), &|l| self.program.loop_range(l))
    }

    fn mark(&self, stage: StageId, axis: StageAxisId) -> Option<Mark> {
        let s = self.schedule.stage(stage);
        let here = |m: Option<Marked>| m.is_some_and(|m| m.axis == axis);
        // A virtual thread that is the outermost loop of a copy leaves the mark to the next loop.
        let is_thread = |a: StageAxisId| s.vthreads.iter().any(|m| m.axis == a);
        let copy = s.dma_copy.and_then(|m| s.leaves[s.depth(m.axis)?..].iter().copied().find(|l| !is_thread(*l)));
        match (here(s.tensorize), is_thread(axis)) {
            (true, _) => Some(Mark::Gemm),
            (false, true) => Some(Mark::Vthread),
            (false, false) => (copy == Some(axis)).then_some(Mark::DmaCopy),
        }
    }

    /// The directive behind a loop is the last that shaped it; behind a statement, the one that says what it becomes.
    fn origin(&self, stage: StageId, axis: Option<StageAxisId>) -> Origin {
        let s = self.schedule.stage(stage);
        let own = match axis {
            Some(axis) => s.axis(axis).shaped_by,
            None => s.tensorize.or(s.dma_copy).map(|m| m.span),
        };
        let directive = own.or(s.attach.map(|at| at.span)).or(s.scope_span);
        Origin { tensor: Some(self.schedule.kernel.tensor(s.tensor).span), directive }
    }
}
