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
//!
//! Extents are numbers in each statement. Where they would change in the course of a loop, because the last block of a
//! split is smaller or because an access begins to reach beyond its array, the loop is cut there ([`pieces`]) and its body
//! is built once for each piece, with the bounds that hold in it.

mod ahead;
mod bounds;
mod buffers;
mod decisions;
mod error;
mod join;
mod marks;
mod nesting;
mod padding;
mod pieces;
mod reduction_init;

use std::collections::{HashMap, HashSet};

use crate::affine::{Affine, Interval};
use crate::costs::CYCLES_PER_INSTRUCTION;
use crate::loops::cost::Products;
use crate::loops::ir::{BufferId, For, Index, Leaf, Load, LoopId, LoopProgram, LoopVar, Mark, Scope, Stmt, Store};
use crate::loops::nest::store_of_nest;
use crate::loops::{canonicalize, rename_loop};
use crate::scalar::Scalar;
use crate::schedule::{Kept, Order, Schedule, StageAxisId, StageId, StageLoop, TURNS, regions};
use crate::tensor::{self, AxisId, Read, TensorId};
use bounds::Bounds;
use decisions::{decides, without_decided};
use pieces::{Inside, adds_zeros, copies_zeros, finishes, multiplies_zeros, pieces};

pub use error::BuildError;
pub use join::{Part, TwoOrders, join};
pub use reduction_init::reduction_init;

/// The most loops that a program may have.
pub const MAX_LOOPS: usize = 1 << 14;

/// Builds the loops of a schedule whose directives have all been checked. Products with zeros from outside of an array are
/// left out where that makes less work for the GEMM core, the instructions for more pieces counted.
pub fn build(schedule: &Schedule) -> Result<LoopProgram, BuildError> {
    if !multiplies_zeros(schedule) {
        return Ok(build_with(schedule, Inside::Everything)?.program);
    }
    let without = build_with(schedule, Inside::EverythingButZeros);
    if let Ok(built) = &without {
        let pieces = Products::of(&built.program).instructions.saturating_mul(CYCLES_PER_INSTRUCTION);
        if built.tiles_left_out.is_some_and(|tiles| tiles >= pieces) {
            return without.map(|built| built.program);
        }
    }
    let complete = build_with(schedule, Inside::Everything)?;
    let cycles = |built: &Built| Products::of(&built.program).cycles();
    match without {
        Ok(without) if complete.only_outside || cycles(&without) < cycles(&complete) => Ok(without.program),
        _ => Ok(complete.program),
    }
}

/// The loops of a schedule.
struct Built {
    program: LoopProgram,
    /// Whether they copy something that lies outside of its array, which no transfer does.
    only_outside: bool,
    /// How many products of tiles with zeros were left out; None where that was not counted.
    tiles_left_out: Option<i64>,
}

fn build_with(schedule: &Schedule, inside: Inside) -> Result<Built, BuildError> {
    nesting::is_limited(schedule)?;
    let order = Order::of(schedule);
    let roots: Vec<StageId> = order.stages.iter().copied().filter(|s| schedule.stage(*s).attach.is_none()).collect();
    let bounds = Bounds::of(schedule);
    padding::sums_end(schedule, &bounds.regions)?;
    let mut builder = Builder {
        schedule,
        guests: guests(schedule, &order),
        order,
        inside,
        bounds,
        program: LoopProgram {
            name: schedule.kernel.name.clone(),
            buffers: Vec::new(),
            loops: Vec::new(),
            body: Vec::new(),
        },
        buffers: HashMap::new(),
        loops: HashMap::new(),
        shared: shared_names(schedule),
        taken: HashSet::new(),
        numbers: HashMap::new(),
        last: HashSet::new(),
        only_outside: false,
        times: 1,
        tiles_left_out: Some(0),
        failed: None,
    };
    builder.interface();
    let mut body = Vec::new();
    for stage in roots.into_iter().filter(|stage| !schedule.comes_with_state(*stage)) {
        body.extend(builder.nest(stage));
    }
    builder.program.body = body;
    match builder.failed {
        Some(error) => Err(error),
        None => {
            canonicalize(&mut builder.program);
            let Builder { program, only_outside, tiles_left_out, .. } = builder;
            Ok(Built { program, only_outside, tiles_left_out })
        }
    }
}

/// What is computed in each loop, producers first.
fn guests(schedule: &Schedule, order: &Order) -> HashMap<StageLoop, Vec<StageId>> {
    let mut guests: HashMap<StageLoop, Vec<StageId>> = HashMap::new();
    for stage in order.stages.iter().copied() {
        if let Some(at) = schedule.stage(stage).attach {
            guests.entry(StageLoop { stage: at.stage, axis: at.axis }).or_default().push(stage);
        }
    }
    guests
}

/// Names of loops that several stages use.
fn shared_names(schedule: &Schedule) -> HashSet<String> {
    let mut seen = HashSet::new();
    let leaves =
        schedule.stage_ids().map(|id| schedule.stage(id)).flat_map(|s| s.leaves.iter().map(|l| &s.axis(*l).name));
    leaves.filter(|name| !seen.insert(*name)).cloned().collect()
}

/// What a nest does with its tensor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Sets it to the reducer's start: no reduced loops, and nothing else is computed inside.
    Init,
    Compute,
}

struct Builder<'a> {
    schedule: &'a Schedule,
    order: Order,
    /// What is computed in each loop, producers first.
    guests: HashMap<StageLoop, Vec<StageId>>,
    inside: Inside,
    bounds: Bounds,
    program: LoopProgram,
    buffers: HashMap<TensorId, BufferId>,
    /// The values of the loops around.
    loops: HashMap<StageLoop, Index>,
    shared: HashSet<String>,
    /// Names of loops and buffers that are taken.
    taken: HashSet<String>,
    /// For a name that is taken, the first number with which it may not be.
    numbers: HashMap<String, u32>,
    /// The reduced loops around that stand at their last value.
    last: HashSet<StageLoop>,
    /// Whether something is copied that lies outside of its array, which no transfer does.
    only_outside: bool,
    /// How often the loops around run.
    times: i64,
    tiles_left_out: Option<i64>,
    /// Set once there are too many loops; what is built from then on is not used.
    failed: Option<BuildError>,
}

impl Builder<'_> {
    /// A loop variable for a stage's axis. A name that several stages use is qualified by the tensor.
    fn new_loop(&mut self, stage: StageId, axis: StageAxisId, phase: Phase, extent: i64) -> LoopId {
        let name = &self.schedule.stage(stage).axis(axis).name;
        let qualified = match self.shared.contains(name) {
            true => format!("{}_{name}", self.schedule.stage_name(stage)),
            false => name.clone(),
        };
        let plain = if phase == Phase::Init { format!("{qualified}_init") } else { qualified };
        let name = self.fresh_name(plain);
        self.program.loops.push(LoopVar { name, extent });
        LoopId(self.program.loops.len() as u32 - 1)
    }

    /// The name, with a number where it is taken.
    fn fresh_name(&mut self, plain: String) -> String {
        if self.taken.insert(plain.clone()) {
            return plain;
        }
        let number = self.numbers.entry(plain.clone()).or_insert(2);
        loop {
            let name = format!("{plain}_{number}");
            *number += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    /// The statements of a stage: its allocation, and its loops with all that is computed in them.
    fn nest(&mut self, stage: StageId) -> Vec<Stmt> {
        self.bounds.begin(stage);
        let mut stmts = Vec::new();
        if let Some(scan) = self.schedule.hosted(stage) {
            stmts.extend(self.keepers(scan));
        }
        stmts.extend(self.loops_from(stage, 0, Phase::Compute));
        stmts
    }

    /// The loops of a stage from a depth inwards.
    fn loops_from(&mut self, stage: StageId, depth: usize, phase: Phase) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        if phase == Phase::Compute && self.schedule.storage_depth(stage) == depth {
            stmts.extend(self.storage(stage));
        }
        if phase == Phase::Compute && self.init_depth(stage) == Some(depth) {
            stmts.extend(self.loops_from(stage, depth, Phase::Init));
        }
        let s = self.schedule.stage(stage);
        let Some(axis) = s.leaves.get(depth).copied() else {
            stmts.extend(if phase == Phase::Init { Some(self.init(stage)) } else { self.update(stage) });
            return stmts;
        };
        if phase == Phase::Init && s.axis(axis).reduce {
            return self.loops_from(stage, depth + 1, phase);
        }
        let l = StageLoop { stage, axis };
        let range = self.bounds.regions.range(l);
        let mut rolling = self.schedule.rolling_at(l);
        rolling.retain(|inner| phase == Phase::Compute || self.schedule.starts_from(stage, *inner));
        for stage in &rolling {
            stmts.extend(self.ring(*stage, l));
        }
        let inside = if phase == Phase::Init { Inside::Start } else { self.inside };
        let last = self.completes(stage, depth);
        let pieces = self.cut_for_ahead(l, pieces(self.schedule, &self.bounds.regions, l, inside, last));
        stmts.extend(self.before_steps(l));
        let cut = pieces.len() > 1 || pieces[0] != range;
        let end = pieces.last().map_or(range.max, |p| p.max);
        for piece in pieces {
            if self.program.loops.len() >= MAX_LOOPS {
                let (kernel, s) = (self.program.name.clone(), s.axis(axis));
                self.failed = Some(BuildError::TooManyPieces { kernel, axis: s.name.clone(), span: s.span });
                break;
            }
            let before = cut.then(|| self.bounds.enter(self.schedule, &self.order, l, piece));
            if s.axis(axis).reduce && piece.min == end {
                self.last.insert(l);
            }
            // Zeros add nothing: only what they would be added to is set.
            let adds = phase == Phase::Init
                || self.schedule.fills_a_roll(l)
                || finishes(self.schedule, l)
                || !adds_zeros(self.schedule, &self.bounds.regions, stage);
            if !adds {
                self.leave_out(stage, depth, piece);
            }
            match (adds, self.init_depth(stage)) {
                (true, _) => stmts.extend(self.piece(l, depth, phase, piece)),
                (false, Some(init)) if init > depth => stmts.extend(self.piece(l, depth, Phase::Init, piece)),
                (false, _) => {}
            }
            self.last.remove(&l);
            if let Some(before) = before {
                self.bounds.leave(before);
            }
        }
        stmts
    }

    /// Counts the tiles of a piece that is left out. Where blocks are smaller at the end, loops inside are not all as long as
    /// they can be.
    fn leave_out(&mut self, stage: StageId, depth: usize, piece: Interval) {
        let s = self.schedule.stage(stage);
        let inner = s.leaves[depth + 1..].iter().take_while(|axis| !s.in_tile(**axis));
        let inner = inner.map(|axis| self.bounds.regions.extent(stage, *axis)).fold(1, i64::saturating_mul);
        let tiles = self.times.saturating_mul(piece.max - piece.min + 1).saturating_mul(inner);
        let exact = self.bounds.regions.limits(stage).is_empty();
        self.tiles_left_out = self.tiles_left_out.filter(|_| exact).map(|before| before.saturating_add(tiles));
    }

    /// One piece of a loop with its body.
    fn piece(&mut self, l: StageLoop, depth: usize, phase: Phase, piece: Interval) -> Vec<Stmt> {
        let StageLoop { stage, axis } = l;
        let extent = piece.max - piece.min + 1;
        let var = self.new_loop(stage, axis, phase, extent);
        let times = self.times;
        self.times = times.saturating_mul(extent);
        self.loops.insert(l, Affine::var(var).plus_constant(piece.min));
        let mut body = Vec::new();
        let (mut inside, mut followers) = (Vec::new(), Vec::new());
        let complete = self.completes(stage, depth + 1);
        for inner in self.guests.get(&l).into_iter().flatten().copied() {
            match self.schedule.stage(inner).attach {
                // Where nothing is summed up, what the sums start from is all that they need.
                _ if phase == Phase::Init && !self.schedule.starts_from(stage, inner) => {}
                Some(_) if self.is_ahead(inner) => {}
                Some(at) if at.follows && complete => followers.push(inner),
                Some(at) if !at.follows && (complete || !self.schedule.serves_followers(inner, stage)) => {
                    inside.push(inner);
                }
                _ => {}
            }
        }
        for inner in inside {
            match self.schedule.rolls(inner) {
                None => body.extend(self.nest(inner)),
                // Its buffer is there before the first iteration.
                Some(_) => body.extend(self.rows(inner)),
            }
        }
        body.extend(self.loops_from(stage, depth + 1, phase));
        for follower in followers {
            body.extend(self.loops_from(follower, 0, Phase::Compute));
        }
        body.extend(self.later_steps(l, piece));
        self.times = times;
        let mark = self.mark(stage, axis, phase);
        let origin = self.origin(stage, Some(axis));
        if !self.stand_alone(stage, mark, &body) {
            return vec![Stmt::For(For { var, mark, body, origin })];
        }
        let mut loops = Vec::with_capacity(body.len());
        for (at, mut stmt) in body.into_iter().enumerate() {
            let own = if at == 0 { var } else { self.new_loop(stage, axis, phase, extent) };
            rename_loop(&self.program, &mut stmt, var, own);
            loops.push(Stmt::For(For { var: own, mark, body: vec![stmt], origin }));
        }
        loops
    }

    /// Whether each statement in a loop of a stage gets a loop of its own: where what hangs on axes cut the loops inside, so that
    /// each part is a nest. They compute different elements, or add to the same in an order that is free.
    fn stand_alone(&self, stage: StageId, mark: Option<Mark>, body: &[Stmt]) -> bool {
        let own = self.buffers[&self.schedule.stage(stage).tensor];
        let is_part = |stmt: &Stmt| store_of_nest(stmt).is_some_and(|store| store.buffer == own);
        let in_order = matches!(mark, Some(Mark::Serial | Mark::Vthread | Mark::Unroll));
        body.len() > 1 && !in_order && decides(self.schedule, stage) && body.iter().all(is_part)
    }

    /// What an iteration adds to a buffer that rolls. Zeros are left out where the products with them are.
    fn rows(&mut self, stage: StageId) -> Vec<Stmt> {
        let zeros = copies_zeros(self.schedule, &self.bounds.regions, stage);
        self.only_outside |= zeros && self.inside != Inside::EverythingButZeros;
        let nothing = self.bounds.regions.region(stage).extent.contains(&0);
        match nothing || (zeros && self.inside == Inside::EverythingButZeros) {
            true => Vec::new(),
            false => self.loops_from(stage, 0, Phase::Compute),
        }
    }

    /// Whether the loops of a stage outside of a depth stand at the last of what they reduce.
    fn completes(&self, stage: StageId, depth: usize) -> bool {
        let s = self.schedule.stage(stage);
        let mut reduced = s.leaves[..depth].iter().filter(|l| s.axis(**l).reduce);
        reduced.all(|axis| self.last.contains(&StageLoop { stage, axis: *axis }))
    }

    /// The depth at which a reduction's tensor is set to its start; None where nothing is reduced. In the accumulator whole
    /// tiles are set: before a product's tile, or else before all loops, some of which may run over lanes.
    fn init_depth(&self, stage: StageId) -> Option<usize> {
        self.schedule.compute(stage).reduction.as_ref()?;
        let s = self.schedule.stage(stage);
        let reduced = s.leaves.iter().position(|l| s.axis(*l).reduce)?;
        Some(match s.tensorize.and_then(|t| s.depth(t.axis)) {
            Some(tile) => tile.min(reduced),
            // The steps of a scan stay outside.
            None if s.scope == Scope::Acc => {
                self.schedule.storage_depth(stage).max(usize::from(self.schedule.hosted(stage).is_some()))
            }
            None => reduced,
        })
    }

    /// `T[..] = start`.
    fn init(&self, stage: StageId) -> Stmt {
        let tensor = self.schedule.stage(stage).tensor;
        let dtype = self.schedule.kernel.tensor(tensor).dtype;
        let reduction = self.schedule.compute(stage).reduction.as_ref().expect("only reductions are begun");
        let start = match &reduction.start {
            Some(start) => self.value_of(stage, start),
            None => Scalar::Const { value: reduction.reducer.start(dtype), dtype },
        };
        let buffer = self.buffers[&tensor];
        let (indices, origin) = (self.own_indices(stage), self.origin(stage, None));
        Stmt::Store(Store { buffer, indices, value: start, origin })
    }

    /// `T[..] = value`, or for a reduction `T[..] = T[..] + value`, `T[..] = max(T[..], value)` and so on; nothing where the value
    /// changes nothing.
    fn update(&self, stage: StageId) -> Option<Stmt> {
        let compute = self.schedule.compute(stage);
        let buffer = self.buffers[&self.schedule.stage(stage).tensor];
        let indices = self.own_indices(stage);
        let value = self.value_of(stage, &compute.value);
        let value = match compute.reduction.as_ref().map(|r| r.reducer) {
            None => value,
            Some(reducer) => {
                let dtype = self.schedule.kernel.tensor(self.schedule.stage(stage).tensor).dtype;
                if matches!(value, Scalar::Const { value, .. } if value == reducer.start(dtype)) {
                    return None;
                }
                let joined = Scalar::Leaf(Leaf::Load(Load { buffer, indices: indices.clone() }));
                Scalar::binary(reducer.op(), joined, value)
            }
        };
        Some(Stmt::Store(Store { buffer, indices, value, origin: self.origin(stage, None) }))
    }

    fn value_of(&self, stage: StageId, value: &Scalar<tensor::Leaf>) -> Scalar<Leaf> {
        let value = without_decided(self.schedule, &self.bounds.regions, stage, value);
        value.expanded().map(&mut |leaf| match leaf {
            tensor::Leaf::Read(read) => Leaf::Load(self.load(stage, read)),
            tensor::Leaf::Axis(axis) => Leaf::Index(self.axis(stage, *axis)),
        })
    }

    /// Where a stage writes, counted from its region's start. A step writes the value of a state for the next one.
    fn own_indices(&self, stage: StageId) -> Vec<Index> {
        let axes = &self.schedule.compute(stage).axes;
        let ahead = i64::from(self.schedule.initial(stage).is_some());
        let steps = |d: usize| if d == 0 { ahead } else { 0 };
        let value = |(d, a): (usize, &AxisId)| self.relative(stage, d, &self.value(stage, *a).plus_constant(steps(d)));
        axes.iter().enumerate().map(value).collect()
    }

    fn load(&self, stage: StageId, read: &Read) -> Load {
        let buffer = self.buffers[&read.tensor];
        let indices = regions::read_indices(self.schedule, &self.bounds.regions, stage, read);
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
        regions::axis_value(self.schedule, &self.bounds.regions, stage, axis)
    }

    /// An index into a stage's tensor as an index into its buffer, which holds the region from when it was allocated.
    fn relative(&self, stage: StageId, dim: usize, index: &Affine<StageLoop>) -> Index {
        match self.schedule.kept(stage) {
            None => {}
            Some(Kept::Turns) if dim == 0 => return self.lower(index).modulo(TURNS, &|l| self.program.loop_range(l)),
            Some(_) => return self.lower(index),
        }
        // An output is whole, wherever it is computed.
        if self.schedule.kernel.tensor(self.schedule.stage(stage).tensor).output {
            return self.lower(index);
        }
        let held = &self.bounds.known.held[&stage];
        let index = self.lower(&index.minus(&held.min[dim]));
        match self.bounds.known.rolling.get(&stage).filter(|r| r.roll.dim() == Some(dim)) {
            Some(_) => index.modulo(held.extent[dim], &|l| self.program.loop_range(l)),
            None => index,
        }
    }

    fn lower(&self, e: &Affine<StageLoop>) -> Index {
        e.substitute(&|l| self.loops[&l].clone(), &|l| self.program.loop_range(l))
    }
}
