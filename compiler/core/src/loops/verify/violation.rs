//! What can be wrong with a loop program: one variant for each way to break a rule.

use std::ops::Range;

use thiserror::Error;

use crate::affine::Interval;
use crate::loops::ir::{BufferId, LoopId, Scope};
use crate::scalar::DType;

/// A broken rule, with what is needed to tell it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    #[error("there is no buffer with number {}", .id.0)]
    UnknownBuffer { id: BufferId },
    #[error("there is no loop with number {}", .id.0)]
    UnknownLoop { id: LoopId },
    #[error("`{name}` cannot be written as a name")]
    Name { name: String },
    #[error("the name `{name}` is already in use")]
    NameTwice { name: String },
    #[error("extent {extent} is not in 1..2^31")]
    Extent { extent: i64 },
    #[error("a buffer has at most 2^40 elements")]
    TooManyElements,
    #[error("{slots} slots: 1 to 2^31 - 1 are possible, and more than 1 for temporaries only")]
    Slots { slots: i64 },
    #[error("{copies} dimensions count copies, of {dims}")]
    Copies { copies: usize, dims: usize },
    #[error("the array has {array:?} elements and the buffer {shape:?}")]
    Array { array: Vec<i64>, shape: Vec<i64> },
    #[error("`outside` of `{name}`, which is not in DRAM")]
    Outside { name: String },
    #[error("`outside` along {dims:?} of {all} dimensions: they must ascend")]
    OutsideDimensions { dims: Vec<usize>, all: usize },
    #[error("`repeats` of `{name}`, which is no input or output with so many dimensions")]
    Repeats { name: String },
    #[error("`planes` of `{name}`, which is not an output of `i8` whose first dimension counts 1 to 4 of them")]
    Planes { name: String },
    #[error("`{name}` is an image of `{of}`, which is no input with the same array")]
    Image { name: String, of: String },
    #[error("the constant {value} is not an `{}`", .dtype.name())]
    Constant { value: i64, dtype: DType },
    #[error("an input or output is in @{}", .scope.name())]
    InterfaceScope { scope: Scope },
    #[error("`{name}` is an input or output and is allocated")]
    AllocatedInterface { name: String },
    #[error("`{name}` is allocated a second time")]
    AllocatedTwice { name: String },
    #[error("a lane of dimension {dim}, but the buffer has {dims} from 0 on")]
    LaneDimension { dim: usize, dims: usize },
    #[error("dimension {dim} has a second lane")]
    LaneTwice { dim: usize },
    #[error("a lane of {size} in dimension {dim} of {extent}: it must be at least 2 and divide it")]
    LaneSize { dim: usize, size: i64, extent: i64 },
    #[error("order {order:?} of {dims} dimensions: it must name each once, and not as they are declared")]
    Order { order: Vec<usize>, dims: usize },
    #[error("base {base} is negative")]
    NegativeBase { base: i64 },
    #[error("a base, but the buffer is in no scratchpad")]
    BaseInDram,
    #[error("`{name}` (tiles {tiles:?}) overlaps `{other}` (tiles {other_tiles:?}) in @{}", .scope.name())]
    Overlap { name: String, tiles: Range<i64>, other: String, other_tiles: Range<i64>, scope: Scope },
    #[error("`{name}` is bound a second time")]
    BoundTwice { name: String },
    #[error("`{name}` is used outside its loop")]
    OutsideLoop { name: String },
    #[error("`{name}` is used where it is not allocated")]
    NotAlive { name: String },
    #[error("`{name}` takes {expected} indices, not {got}")]
    IndexCount { name: String, expected: usize, got: usize },
    #[error("number {number} in index `{index}` is not within ±2^31")]
    IndexNumber { index: String, number: i64 },
    #[error("index `{index}` leaves 64 bits")]
    IndexOverflow { index: String },
    #[error("index `{index}` of `{name}` is in {}, dimension {dim} in 0..{extent}", show(.range))]
    OutOfBounds { name: String, dim: usize, index: String, range: Interval, extent: i64 },
    #[error("an `i32` value is stored in `{name}`, which holds {}", .dtype.name())]
    StoredType { name: String, dtype: DType },
    #[error("constant {value} is not an {}", .dtype.name())]
    ConstantRange { value: i32, dtype: DType },
    #[error("index `{index}` taken as a value is in {}, beyond i32", show(.range))]
    IndexValue { index: String, range: Interval },
    #[error("a shift by a constant that is not in -31..32")]
    ShiftAmount,
    #[error("an ALU shift by {amount}, which is not in -31..32")]
    AluShift { amount: i16 },
    #[error("input `{name}` is written")]
    InputWritten { name: String },
    #[error("the {operand} operand `{name}` is in @{}, expected {expected}", .scope.name())]
    OperandScope { operand: &'static str, name: String, scope: Scope, expected: String },
    #[error("`{name}` has no layout")]
    NoLayout { name: String },
    #[error("tiles of `{name}` have {lanes} values, those of `{other}` {other_lanes}")]
    TileSizes { name: String, lanes: i64, other: String, other_lanes: i64 },
    #[error("tiles {} of `{name}` are addressed, but it has 0..{tiles}", show(.range))]
    TileOutOfBounds { name: String, range: Interval, tiles: i64 },
    #[error("{what} is {count}, expected at least {least}")]
    Count { what: &'static str, count: i64, least: i64 },
    #[error("{what} is {value}, but has no meaning here and must be 0")]
    Unused { what: &'static str, value: i64 },
    #[error("no micro-op")]
    NoMicroOp,
    #[error("`{name}` holds {}, expected {}", .dtype.name(), .expected.name())]
    OperandType { name: String, dtype: DType, expected: DType },
}

impl Violation {
    /// What can be written instead, where that is more than the rule says.
    pub fn help(&self) -> Option<String> {
        match self {
            Violation::NegativeBase { .. } | Violation::BaseInDram => Some(
                "only buffers in @inp, @wgt and @acc have a base, from 0; those without one are placed".to_string(),
            ),
            Violation::Overlap { tiles, other, other_tiles, .. } => {
                let (size, first) = (tiles.end - tiles.start, other_tiles.end);
                let below = (size <= other_tiles.start).then(|| format!("0 to {}, or ", other_tiles.start - size));
                let below = below.unwrap_or_default();
                Some(format!("beside `{other}` a base can be {below}{first} and more; without one it is placed there"))
            }
            _ => None,
        }
    }

    /// The number of the rule, as the module comment lists it.
    pub fn rule(&self) -> u8 {
        match self {
            Violation::UnknownBuffer { .. } | Violation::UnknownLoop { .. } => 1,
            Violation::Name { .. } | Violation::NameTwice { .. } => 2,
            Violation::Extent { .. }
            | Violation::TooManyElements
            | Violation::Array { .. }
            | Violation::Slots { .. }
            | Violation::Copies { .. } => 3,
            Violation::InterfaceScope { .. }
            | Violation::Outside { .. }
            | Violation::OutsideDimensions { .. }
            | Violation::Repeats { .. }
            | Violation::Planes { .. }
            | Violation::Image { .. }
            | Violation::Constant { .. }
            | Violation::AllocatedInterface { .. }
            | Violation::AllocatedTwice { .. } => 4,
            Violation::LaneDimension { .. }
            | Violation::LaneTwice { .. }
            | Violation::LaneSize { .. }
            | Violation::Order { .. } => 5,
            Violation::NegativeBase { .. } | Violation::BaseInDram => 6,
            Violation::Overlap { .. } => 7,
            Violation::BoundTwice { .. } | Violation::OutsideLoop { .. } => 8,
            Violation::NotAlive { .. } => 9,
            Violation::IndexCount { .. } => 10,
            Violation::IndexNumber { .. } | Violation::IndexOverflow { .. } => 11,
            Violation::OutOfBounds { .. } => 12,
            Violation::StoredType { .. } | Violation::ConstantRange { .. } | Violation::IndexValue { .. } => 13,
            Violation::ShiftAmount | Violation::AluShift { .. } => 14,
            Violation::InputWritten { .. } => 15,
            Violation::OperandScope { .. } => 16,
            Violation::NoLayout { .. } | Violation::TileSizes { .. } => 17,
            Violation::TileOutOfBounds { .. } => 18,
            Violation::Count { .. } | Violation::Unused { .. } | Violation::NoMicroOp => 19,
            Violation::OperandType { .. } => 20,
        }
    }
}

/// An interval as a half-open range, in the manner of loops.
fn show(range: &Interval) -> String {
    match range.max.checked_add(1) {
        Some(end) => format!("{}..{end}", range.min),
        None => format!("{}..={}", range.min, range.max),
    }
}
