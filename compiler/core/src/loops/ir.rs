//! The types of the loop IR: buffers, loop variables, and a tree of statements.
//!
//! Before legalisation statements are loops, allocations and scalar stores over logical indices. Legalisation gives each
//! buffer a tile layout and an address and puts intrinsics (`Dma`, `Gemm`, `Alu`) in the place of inner loops; these
//! address whole elements of the scratchpads ("tiles"). Both forms have one meaning, which `interpret` states.

use std::collections::HashSet;

use tilewright_syntax::Span;

pub use super::insn::{Alu, AluOperand, Direction, Dma, Gemm, Insn, InsnLoop, MicroOp, Operand, Pad};
use crate::affine::{Affine, Interval};
use crate::scalar::{DType, Scalar};

pub use crate::scope::Scope;

/// A buffer, printed by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub u32);

/// A loop variable, printed by its name. Each `For` has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoopId(pub u32);

/// An index: quasi-affine in the variables of the enclosing loops.
pub type Index = Affine<LoopId>;

/// A program of loops. Names of buffers are unique, and names of loops are, so that the text form can be read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopProgram {
    pub name: String,
    pub buffers: Vec<Buffer>,
    pub loops: Vec<LoopVar>,
    pub body: Vec<Stmt>,
}

/// Where a statement or buffer comes from: the tensor's line, and the directive that shaped it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    pub tensor: Option<Span>,
    pub directive: Option<Span>,
    /// The number of the call in its program, whose schedule another call may share; 0 where there are none.
    pub call: u32,
}

/// How a buffer takes part in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Input,
    /// Holds one value in all elements of its array, from before the program runs.
    Constant(i32),
    /// Holds numbers from before the program runs: this one in its first element, and in each along the first dimension one more.
    Counted(i32),
    Output,
    /// Lives from its `Alloc` to the end of the block in which that stands.
    Temporary,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    pub name: String,
    /// The type of its values. An `Acc` buffer keeps each in a 32-bit lane.
    pub dtype: DType,
    pub scope: Scope,
    pub role: Role,
    /// Extent of each dimension, in elements.
    pub shape: Vec<i64>,
    /// Extent of each dimension of the array that it holds, which begins where the buffer does. Elements of the buffer
    /// beyond it fill tiles: they are zero until they are written, and no part of an output.
    pub array: Vec<i64>,
    /// How many of the last dimensions of an input or output are none of the array that a user gives or takes: each element
    /// of that fills them.
    pub repeats: usize,
    /// Of an output of `i32` that is kept in bytes, what is added to them: its first dimension counts planes, which hold the
    /// digits of each value to the base 256, from the lowest on. A digit is an `i8`.
    pub planes: Option<i32>,
    /// The input whose array it holds, in other tiles; none where it is that input itself.
    pub image_of: Option<String>,
    /// What a read outside of the buffer yields; only what lies in DRAM says so.
    pub outside: Option<Outside>,
    /// Set by legalisation.
    pub layout: Option<Layout>,
    /// Start in its scratchpad, in elements of that scratchpad. Set by legalisation; never for `Dram`.
    pub base: Option<i64>,
    /// How many copies of it the iterations of the loop around its `Alloc` take in turn; 1 for all but what a schedule
    /// rotates. It changes no value, only what may overlap: `legalize::slots` makes each access say which copy it means.
    pub slots: i64,
    /// How many of the first dimensions count copies: slots, and virtual threads.
    pub copies: usize,
    pub origin: Origin,
}

/// The value that stands beyond the edges of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    pub value: i32,
    /// The dimensions, ascending, in which what is read beyond the end of the array counts. In others tiles alone reach there, for
    /// what nothing takes or for products with zero.
    pub dims: Vec<usize>,
}

/// How an array lies in a memory of tiles: row-major over the tiles of the dimensions in their order, and inside each tile
/// row-major over the lanes. A dimension without a lane has one tile for each index. Lanes of size 1 are not listed, nor is
/// the order in which the dimensions are declared, so equal layouts compare equal.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Layout {
    /// From the outermost lane to the innermost; each divides the extent of its dimension.
    pub lanes: Vec<Lane>,
    /// The dimensions, from the one whose tiles are farthest apart to the one whose tiles are neighbours. Empty where they
    /// are in the order in which they are declared.
    pub order: Vec<usize>,
}

/// `size` consecutive indices of dimension `dim` lie in one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    pub dim: usize,
    pub size: i64,
}

impl Layout {
    /// The layout with these lanes and the dimensions in the order in which they are declared.
    pub fn of(lanes: Vec<Lane>) -> Layout {
        Layout { lanes, order: Vec::new() }
    }

    /// How an order of dimensions is kept: none where they are as declared.
    pub fn canonical_order(order: Vec<usize>) -> Vec<usize> {
        if order.is_sorted() { Vec::new() } else { order }
    }

    /// Values in one tile.
    pub fn lane_count(&self) -> i64 {
        self.lanes.iter().map(|l| l.size).product()
    }

    /// The number of indices of a dimension that lie in one tile.
    pub fn lane_size(&self, dim: usize) -> i64 {
        self.lanes.iter().filter(|l| l.dim == dim).map(|l| l.size).product()
    }

    /// How many elements of a tile lie between neighbouring indices of a dimension that has lanes.
    pub fn elements_behind(&self, dim: usize) -> i64 {
        let inner = self.lanes.iter().rev().take_while(|l| l.dim != dim);
        inner.map(|l| l.size).product()
    }

    /// Tiles along each dimension of an array of this shape.
    pub fn tiles(&self, shape: &[i64]) -> Vec<i64> {
        shape.iter().enumerate().map(|(d, n)| n / self.lane_size(d)).collect()
    }

    /// How many tiles lie between neighbouring tiles of each dimension of an array of this shape.
    pub fn steps(&self, shape: &[i64]) -> Vec<i64> {
        let tiles = self.tiles(shape);
        let mut steps = vec![1; shape.len()];
        (0..shape.len()).rev().fold(1, |step, place| {
            let dim = self.order.get(place).copied().unwrap_or(place);
            steps[dim] = step;
            step * tiles[dim]
        });
        steps
    }

    /// Where an element lies: its tile and its lane.
    pub fn locate(&self, shape: &[i64], index: &[i64]) -> (i64, i64) {
        let steps = self.steps(shape);
        let tile = index.iter().enumerate().map(|(d, i)| i / self.lane_size(d) * steps[d]).sum();
        let lane = self.lanes.iter().fold(0, |at, l| at * l.size + index[l.dim] % l.size);
        (tile, lane)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopVar {
    pub name: String,
    /// The variable counts from 0 to `extent - 1`.
    pub extent: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stmt {
    For(For),
    /// Makes a temporary buffer available until the end of the block; its content is undefined.
    Alloc {
        buffer: BufferId,
        origin: Origin,
    },
    Store(Store),
    Insn(Insn),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct For {
    pub var: LoopId,
    pub mark: Option<Mark>,
    pub body: Vec<Stmt>,
    pub origin: Origin,
}

/// What a schedule says a loop nest, from this loop inwards, has to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `tensorize gemm`: one micro-op of the GEMM core.
    Gemm,
    /// `pragma dma_copy`: loads or stores.
    DmaCopy,
    /// `bind(AXIS, vthread)`: the iterations of this one loop are interleaved, statement by statement.
    Vthread,
    /// The steps of a scan: iterations run in order, since each reads what the one before wrote.
    Serial,
    /// `unroll`: no loop of an instruction; this one loop becomes micro-ops, or an instruction for each iteration.
    Unroll,
}

impl Mark {
    pub const ALL: [Mark; 5] = [Mark::Gemm, Mark::DmaCopy, Mark::Vthread, Mark::Serial, Mark::Unroll];

    /// The name in schedules and, behind `@`, in the text form.
    pub fn name(self) -> &'static str {
        match self {
            Mark::Gemm => "gemm",
            Mark::DmaCopy => "dma_copy",
            Mark::Vthread => "vthread",
            Mark::Serial => "serial",
            Mark::Unroll => "unroll",
        }
    }
}

/// `buffer[indices] = value`, converted to the buffer's type by the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    pub buffer: BufferId,
    pub indices: Vec<Index>,
    pub value: Scalar<Leaf>,
    pub origin: Origin,
}

/// The leaves of a stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    Load(Load),
    /// An index as an `i32` value.
    Index(Index),
}

/// `buffer[indices]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    pub buffer: BufferId,
    pub indices: Vec<Index>,
}

/// A place in a buffer, in tiles from the buffer's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileRef {
    pub buffer: BufferId,
    pub offset: Index,
}

impl Role {
    /// Whether it holds values from before the program runs, which the program only reads.
    pub fn is_given(self) -> bool {
        matches!(self, Role::Input | Role::Constant(_) | Role::Counted(_))
    }
}

impl Buffer {
    /// A buffer that its array fills, and of which nothing more is said.
    pub fn new(name: String, dtype: DType, scope: Scope, role: Role, shape: Vec<i64>) -> Buffer {
        Buffer {
            name,
            dtype,
            scope,
            role,
            array: shape.clone(),
            shape,
            repeats: 0,
            planes: None,
            image_of: None,
            outside: None,
            layout: None,
            base: None,
            slots: 1,
            copies: 0,
            origin: Origin::default(),
        }
    }

    /// Values in one of its tiles; 1 without a layout.
    pub fn lane_count(&self) -> i64 {
        self.layout.as_ref().map_or(1, Layout::lane_count)
    }

    /// Its size in tiles of its layout.
    pub fn tiles(&self) -> i64 {
        self.layout.as_ref().map_or(self.shape.as_slice().iter().product(), |l| l.tiles(&self.shape).iter().product())
    }

    /// The shape of the array that a user gives or takes.
    pub fn user_shape(&self) -> &[i64] {
        &self.array[usize::from(self.planes.is_some())..self.array.len() - self.repeats]
    }

    /// The type of that array.
    pub fn user_dtype(&self) -> DType {
        if self.planes.is_some() { DType::I32 } else { self.dtype }
    }

    /// The name of that array.
    pub fn user_name(&self) -> &str {
        self.image_of.as_deref().unwrap_or(&self.name)
    }
}

impl LoopProgram {
    /// The ids of all buffers, in the order of the table.
    pub fn buffer_ids(&self) -> impl Iterator<Item = BufferId> + use<> {
        (0..self.buffers.len() as u32).map(BufferId)
    }

    pub fn buffer(&self, id: BufferId) -> &Buffer {
        &self.buffers[id.0 as usize]
    }

    /// The least type of which the form of a value says that it holds it.
    pub fn dtype_of(&self, value: &Scalar<Leaf>) -> DType {
        value.dtype(&|leaf| match leaf {
            Leaf::Load(load) => self.buffers.get(load.buffer.0 as usize).map_or(DType::I32, |b| b.dtype),
            Leaf::Index(_) => DType::I32,
        })
    }

    pub fn loop_var(&self, id: LoopId) -> &LoopVar {
        &self.loops[id.0 as usize]
    }

    /// A new buffer, under its name or one made from it that is free.
    pub fn fresh_buffer(&mut self, buffer: Buffer) -> BufferId {
        let name = numbered(&buffer.name, |name| self.buffers.iter().any(|b| b.name == name));
        self.buffers.push(Buffer { name, ..buffer });
        BufferId(self.buffers.len() as u32 - 1)
    }

    /// A new variable, under this name or one made from it that is free.
    pub fn new_loop(&mut self, stem: &str, extent: i64) -> LoopId {
        let name = numbered(stem, |name| self.loops.iter().any(|l| l.name == name));
        self.loops.push(LoopVar { name, extent });
        LoopId(self.loops.len() as u32 - 1)
    }

    /// A new variable with the extent of another, and a name made from its.
    pub fn fresh_loop(&mut self, like: LoopId) -> LoopId {
        let LoopVar { name, extent } = self.loop_var(like).clone();
        let number = |l: &LoopVar| {
            let digits = l.name.strip_prefix(&name)?.strip_prefix('_')?;
            digits.parse::<u32>().ok().filter(|_| !digits.starts_with('0'))
        };
        let taken: HashSet<u32> = self.loops.iter().filter_map(number).collect();
        let free = (2..).find(|n| !taken.contains(n)).expect("endlessly many numbers");
        self.loops.push(LoopVar { name: format!("{name}_{free}"), extent });
        LoopId(self.loops.len() as u32 - 1)
    }

    /// The values that a loop variable takes.
    pub fn loop_range(&self, id: LoopId) -> Interval {
        Interval::below(self.loop_var(id).extent)
    }
}

impl Stmt {
    /// Whether the statement, or one inside it, reads or writes a buffer. An allocation does neither.
    pub fn mentions(&self, b: BufferId) -> bool {
        match self {
            Stmt::For(s) => s.body.iter().any(|inner| inner.mentions(b)),
            Stmt::Alloc { .. } => false,
            Stmt::Store(s) => {
                let mut found = s.buffer == b;
                s.value.leaves(&mut |leaf| found |= matches!(leaf, Leaf::Load(l) if l.buffer == b));
                found
            }
            Stmt::Insn(s) => s.operands().any(|operand| operand.tile.buffer == b),
        }
    }

    pub fn origin(&self) -> Origin {
        match self {
            Stmt::For(s) => s.origin,
            Stmt::Alloc { origin, .. } => *origin,
            Stmt::Store(s) => s.origin,
            Stmt::Insn(s) => s.origin(),
        }
    }

    pub fn origin_mut(&mut self) -> &mut Origin {
        match self {
            Stmt::For(s) => &mut s.origin,
            Stmt::Alloc { origin, .. } => origin,
            Stmt::Store(s) => &mut s.origin,
            Stmt::Insn(s) => s.origin_mut(),
        }
    }
}

/// The name without the number that [`numbered`] may have given it.
pub fn stem(name: &str) -> &str {
    let is_number = |digits: &str| digits.parse::<u32>().is_ok();
    name.rsplit_once('_').filter(|(_, digits)| is_number(digits)).map_or(name, |(stem, _)| stem)
}

/// The first of `stem`, `stem_2`, `stem_3` and so on that is free.
fn numbered(stem: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(stem) {
        return stem.to_string();
    }
    let mut names = (2..).map(|n| format!("{stem}_{n}"));
    names.find(|name| !taken(name)).expect("endlessly many names")
}
