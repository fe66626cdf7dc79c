//! The schedule: where and when each tensor is computed. Kernel + directives → [`Schedule`], a stage for each tensor.
//!
//! A directive is a documented rewrite of the stages (one file each under `ops`), with named legality checks (`checks`).
//! Directives apply in order; after each, everything that earlier ones established is checked again. Extents of loops
//! are not stored: they follow from the regions that consumers demand (`regions`).

mod apply;
mod args;
pub mod auto;
mod checks;
mod error;
mod expand;
mod follow;
mod joining;
mod links;
mod ops;
mod order;
mod print;
mod recover;
pub mod regions;
pub mod rolling;
mod scans;
mod still_legal;
mod values;
mod warning;

use tilewright_syntax::Span;
use tilewright_syntax::ast::Ident;

use crate::gemm::Core;
use crate::scope::Scope;
use crate::tensor::{AxisId, Compute, Kernel, Leaf, TensorId};
use links::{Changes, Links};

pub use apply::{Directive, Step, apply, directives};
pub use checks::HoldError;
pub use error::ScheduleError;
pub(crate) use expand::integer;
pub use expand::{Context, ExpandError};
pub use follow::FollowError;
pub use ops::directive_usages;
pub use order::Order;
pub use print::print;
pub use recover::all_errors;
pub use regions::{Regions, StageLoop};
pub use scans::{Kept, ScanId, TURNS};
pub use warning::Warning;

/// A stage: the computation of one tensor. Inputs have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(pub u32);

/// An axis of a stage: one of the tensor's own, or one that a split or a fusion made. An index into the stage's `axes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageAxisId(pub u32);

/// A kernel, with the copies that the schedule added, and how each of its tensors is computed.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub name: String,
    /// Its tensors and their definitions are changed by [`Schedule::add_tensor`] and [`Schedule::redefine`] alone.
    pub kernel: Kernel,
    pub core: Core,
    pub stages: Vec<Stage>,
    /// How many of the stages compute tensors of the kernel. They come first; directives made the others.
    own: usize,
    /// `layout`, in the order in which it was said.
    pub tile_orders: Vec<TileOrder>,
    /// Directives without effect, in order.
    pub warnings: Vec<Warning>,
    links: Links,
    changes: Changes,
    /// The bounds of stages that nothing has changed since they were asked for.
    bounds: Regions,
}

#[derive(Clone, Debug)]
pub struct Stage {
    pub tensor: TensorId,
    pub scope: Scope,
    /// The directive that set the scope.
    pub scope_span: Option<Span>,
    pub axes: Vec<StageAxis>,
    /// The loops, from the outermost to the innermost.
    pub leaves: Vec<StageAxisId>,
    /// Changed by [`Schedule::attach`] alone, which keeps the tables.
    pub attach: Option<Attach>,
    /// `compute_inline`: the readers compute the value themselves, and the stage is none any more. Changed by
    /// [`Schedule::inline`] alone.
    pub inlined: Option<Span>,
    /// `pragma dma_copy`, and the axis from which on the loops are the copy.
    pub dma_copy: Option<Marked>,
    /// `pragma alu`, and the axis from which on the loops are operations of the ALU.
    pub alu: Option<Marked>,
    /// `unroll`, in the order in which it was said.
    pub unrolled: Vec<Marked>,
    /// `tensorize gemm`, and the outermost axis of the tile.
    pub tensorize: Option<Marked>,
    /// `double_buffer`.
    pub double_buffer: Option<DoubleBuffer>,
    /// `rolling_buffer`. Changed by [`Schedule::roll`] alone.
    pub rolling: Option<RollsOver>,
    /// `run_ahead`.
    pub ahead: Option<Ahead>,
    /// Whether a copy continues beyond the edges of its tensor with the nearest elements, since its readers hold indices there.
    pub continued: bool,
    /// `bind(AXIS, vthread)`, in the order in which they were said.
    pub vthreads: Vec<Marked>,
}

#[derive(Clone, Debug)]
pub struct StageAxis {
    pub name: String,
    pub reduce: bool,
    pub source: AxisSource,
    /// The split that replaced the axis by two; a leaf has none.
    pub split: Option<Split>,
    /// The fusion that made one loop of the axis and another; a leaf has none.
    pub fused: Option<Fused>,
    /// Where the axis got its name.
    pub span: Span,
    pub peeled: Option<Peeled>,
    /// The last directive that gave the loop its place or extent.
    pub shaped_by: Option<Span>,
}

/// `peel`: how many of the first and of the last iterations stand apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeled {
    pub first: i64,
    pub last: i64,
    pub span: Span,
}

/// Where the values of an axis come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisSource {
    Tensor(AxisId),
    /// Runs over the blocks of a split axis.
    Outer(StageAxisId),
    /// Runs inside one block.
    Inner(StageAxisId),
    /// Runs over all pairs of values of two axes, the second one faster.
    Fused(StageAxisId, StageAxisId),
}

/// `axis = outer * factor + inner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    pub factor: i64,
    pub outer: StageAxisId,
    pub inner: StageAxisId,
    pub span: Span,
}

/// `outer = into / extent(inner)`, `inner = into % extent(inner)`: what one of two fused axes became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fused {
    pub outer: StageAxisId,
    pub inner: StageAxisId,
    pub into: StageAxisId,
    pub span: Span,
}

/// `compute_at` and `reverse_compute_at`: the stage is computed inside a loop of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attach {
    pub stage: StageId,
    pub axis: StageAxisId,
    /// Whether it is computed behind what the iteration completes, which it reads, or in front of what reads it.
    pub follows: bool,
    pub span: Span,
}

/// `double_buffer`: iterations of the loop at which the stage is computed take `slots` copies of its buffer in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoubleBuffer {
    pub slots: i64,
    pub span: Span,
}

/// `layout`: the order in which a tensor's tiles lie in device memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileOrder {
    pub tensor: TensorId,
    /// Each dimension once, from the one whose tiles are farthest apart to the one whose tiles are neighbours.
    pub dims: Vec<usize>,
    pub span: Span,
}

/// `rolling_buffer`: what the iterations of a loop read again is computed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollsOver {
    /// None for the loop at which the stage is computed.
    pub over: Option<StageLoop>,
    pub span: Span,
}

/// `run_ahead`: by how many steps of its scan a stage is ahead of what reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ahead {
    pub steps: i64,
    pub span: Span,
}

/// A directive that says what the loops from an axis inwards become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    pub axis: StageAxisId,
    pub span: Span,
}

impl Schedule {
    /// The schedule without directives: each tensor in loops over its axes, in order, in DRAM.
    pub fn new(name: impl Into<String>, kernel: Kernel, core: Core) -> Schedule {
        let mut schedule = Schedule {
            name: name.into(),
            links: Links::of(&kernel),
            kernel,
            core,
            stages: Vec::new(),
            own: 0,
            tile_orders: Vec::new(),
            warnings: Vec::new(),
            changes: Changes::default(),
            bounds: Regions::default(),
        };
        for tensor in schedule.kernel.ids() {
            if schedule.kernel.tensor(tensor).compute().is_some() {
                schedule.add_stage(tensor);
            }
        }
        schedule.own = schedule.stages.len();
        schedule.find_hosts();
        schedule.enter_scans();
        schedule.take_changes();
        schedule
    }

    /// The axes of a computed tensor before any directive: its own, and those that it reduces.
    fn original_axes(&self, tensor: TensorId) -> Vec<StageAxis> {
        let compute = self.kernel.tensor(tensor).compute().expect("stages are of computed tensors");
        let reduced = compute.reduction.iter().flat_map(|r| r.axes.iter().map(|a| (*a, true)));
        let all = compute.axes.iter().map(|a| (*a, false)).chain(reduced);
        let axis = |(axis, reduce)| StageAxis {
            name: self.kernel.axis(axis).name.clone(),
            reduce,
            source: AxisSource::Tensor(axis),
            split: None,
            peeled: None,
            fused: None,
            span: self.kernel.axis(axis).span,
            shaped_by: None,
        };
        all.map(axis).collect()
    }

    pub fn stage(&self, id: StageId) -> &Stage {
        &self.stages[id.0 as usize]
    }

    /// The stages in the order in which they were made, without those that their readers compute.
    pub fn stage_ids(&self) -> impl Iterator<Item = StageId> {
        (0..).map(StageId).zip(&self.stages).filter(|(_, s)| s.inlined.is_none()).map(|(id, _)| id)
    }

    /// The name of the stage's tensor.
    pub fn stage_name(&self, id: StageId) -> &str {
        &self.kernel.tensor(self.stage(id).tensor).name
    }

    pub fn compute(&self, id: StageId) -> &Compute {
        self.kernel.tensor(self.stage(id).tensor).compute().expect("stages are of computed tensors")
    }

    /// What `layout` says of a tensor.
    pub fn tile_order(&self, tensor: TensorId) -> Option<&TileOrder> {
        self.tile_orders.iter().find(|o| o.tensor == tensor)
    }

    /// Whether a stage's buffer is allocated inside a loop, whose iterations can take copies of it in turn.
    pub fn can_rotate(&self, stage: StageId) -> bool {
        self.own_loop(stage).is_some() || self.storage_depth(stage) > 0
    }

    /// Whether a reduction starts from what a stage computes, or from what is computed with it in its loops.
    pub fn starts_from(&self, sum: StageId, producer: StageId) -> bool {
        let Some(start) = self.compute(sum).start() else { return false };
        let mut found = false;
        start.leaves(&mut |leaf| {
            let read = if let Leaf::Read(read) = leaf { self.stage_of(read.tensor) } else { None };
            found |= read.is_some_and(|stage| checks::lies_within(self, stage, producer));
        });
        found
    }

    /// The slots of a stage's buffer.
    pub fn slots(&self, stage: StageId) -> i64 {
        self.stage(stage).double_buffer.map_or(1, |d| d.slots)
    }

    /// Whether a stage computes a tensor of the kernel; directives made the others.
    fn is_own(&self, stage: StageId) -> bool {
        (stage.0 as usize) < self.own
    }

    /// The memory that holds a tensor.
    pub fn scope(&self, tensor: TensorId) -> Scope {
        self.stage_of(tensor).map_or(Scope::Dram, |s| self.stage(s).scope)
    }
}

impl StageAxis {
    /// A loop that a directive makes.
    fn new(name: &Ident, reduce: bool, source: AxisSource, directive: Span) -> StageAxis {
        let Ident { name, span } = name.clone();
        StageAxis { name, reduce, source, split: None, fused: None, peeled: None, span, shaped_by: Some(directive) }
    }
}

impl Stage {
    /// The stage of a tensor with its axes, before any directive.
    fn new(tensor: TensorId, axes: Vec<StageAxis>) -> Stage {
        Stage {
            tensor,
            scope: Scope::Dram,
            scope_span: None,
            leaves: (0..axes.len() as u32).map(StageAxisId).collect(),
            axes,
            attach: None,
            inlined: None,
            dma_copy: None,
            alu: None,
            unrolled: Vec::new(),
            tensorize: None,
            double_buffer: None,
            rolling: None,
            ahead: None,
            continued: false,
            vthreads: Vec::new(),
        }
    }

    pub fn axis(&self, id: StageAxisId) -> &StageAxis {
        &self.axes[id.0 as usize]
    }

    fn axis_mut(&mut self, id: StageAxisId) -> &mut StageAxis {
        &mut self.axes[id.0 as usize]
    }

    /// How far from the outermost loop a leaf stands; None where the axis is a loop no more.
    pub fn depth(&self, axis: StageAxisId) -> Option<usize> {
        self.leaves.iter().position(|l| *l == axis)
    }

    /// Whether a leaf lies in the tile that `tensorize` names.
    pub fn in_tile(&self, axis: StageAxisId) -> bool {
        match self.tensorize {
            Some(tile) => self.depth(axis) >= self.depth(tile.axis),
            None => false,
        }
    }

    /// Whether an axis came out of splitting or fusing another one.
    pub fn made_of(&self, axis: StageAxisId, origin: StageAxisId) -> bool {
        match self.axis(axis).source {
            AxisSource::Outer(from) | AxisSource::Inner(from) => from == origin || self.made_of(from, origin),
            AxisSource::Fused(a, b) => [a, b].into_iter().any(|from| from == origin || self.made_of(from, origin)),
            AxisSource::Tensor(_) => false,
        }
    }

    /// The stage's axis for an axis of its tensor.
    pub fn root_axis(&self, axis: AxisId) -> StageAxisId {
        let root = self.axes.iter().position(|a| a.source == AxisSource::Tensor(axis));
        StageAxisId(root.expect("a stage has an axis for each of its tensor's") as u32)
    }
}
