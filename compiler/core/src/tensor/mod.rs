//! The tensor program: kernels after names, types, extents and bounds have been checked. AST → [`Kernel`].
//!
//! Every index is in range (or its tensor says what stands outside), every operand has its type, extents are numbers.
//! Nothing here says where or when a value is computed; that is the schedule's.

pub mod approximation_error;
pub mod check;
pub mod component_error;
pub mod constants;
pub mod error;
pub mod evaluate;
pub mod format;
pub mod format_error;
pub mod graph;
mod infer;
pub mod join;
pub mod number;
pub mod print;
mod range;
pub mod scan_error;

use tilewright_syntax::Span;

use crate::affine::Affine;
use crate::scalar::{BinaryOp, DType, Scalar};

pub use check::function::check_functions;
pub use check::{Kernels, check, check_with};
pub use constants::Constants;
pub use error::TensorError;
pub use evaluate::{Array, EvaluateError, Evaluation, RealEvaluation, evaluate, evaluate_real};
pub use format::Format;
pub use graph::Graph;
pub use number::Number;
pub use print::print;

/// A tensor of a kernel, an input or computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub u32);

/// An axis, spatial or reduced, of one computed tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AxisId(pub u32);

/// What is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub name: String,
    pub span: Span,
    /// In the order of the source; a definition reads only tensors before it, but for the next values of states.
    pub tensors: Vec<Tensor>,
    pub axes: Vec<Axis>,
    /// In the order of the source.
    pub scans: Vec<Scan>,
}

/// A recurrence: what each step computes from the states that the step before it left.
///
/// Every tensor of a scan has the steps as its first dimension. Step `t` computes element `t` of the other tensors and
/// element `t + 1` of the states, whose element 0 is their initial value; it reads all of them at `t`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The name of the axis over the steps, of which each definition of the scan has its own.
    pub axis: String,
    /// At least 1.
    pub steps: i64,
    pub span: Span,
    /// States and definitions, in the order of the source.
    pub tensors: Vec<TensorId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    pub name: String,
    /// Number of values, counted from zero; at least 1.
    pub extent: i64,
    /// Where the axis is introduced.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub name: String,
    /// The name where it is introduced.
    pub span: Span,
    pub dtype: DType,
    /// How many bits of an element stand behind the binary point: it denotes the integer divided by 2^fraction. At most 31;
    /// nothing behind the tensor program asks for it.
    pub fraction: u8,
    /// Extent of each dimension, in elements.
    pub shape: Vec<i64>,
    pub output: bool,
    /// What a read beyond its edges yields: said by an input, and by the kernels that read the tensor in a program.
    pub outside: Option<i32>,
    pub definition: Definition,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// Comes from outside.
    Input,
    Compute(Compute),
    /// What one step of a scan leaves to the next. One element more than there are steps, in the first dimension.
    State(State),
}

/// `T[0, ..] = init[..]` and, for each step `t`, the element `t + 1` of what `next` computes for `t`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The tensor of the initial value.
    pub init: TensorId,
    /// Its first axis runs over the steps.
    pub next: Compute,
}

/// `T[axes] = value`, or `T[axes] = reducer(reduce: value)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compute {
    /// One for each dimension, in order.
    pub axes: Vec<AxisId>,
    pub reduction: Option<Reduction>,
    pub value: Scalar<Leaf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduction {
    pub reducer: Reducer,
    pub axes: Vec<AxisId>,
    /// What the values are joined to, over the tensor's own axes, in the place of the reducer's start. No kernel has it;
    /// `fold_bias` makes it.
    pub start: Option<Scalar<Leaf>>,
}

/// How the values of a reduction are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reducer {
    /// Wrapping `i32` sum.
    Sum,
    /// The greatest value, in the type of the values.
    Max,
    /// The least value, in the type of the values.
    Min,
}

impl Reducer {
    pub const ALL: [Reducer; 3] = [Reducer::Sum, Reducer::Max, Reducer::Min];

    /// The name in the source language.
    pub fn name(self) -> &'static str {
        match self {
            Reducer::Sum => "sum",
            Reducer::Max => "max",
            Reducer::Min => "min",
        }
    }

    /// The operation that joins two values; the order in which it does is free.
    pub fn op(self) -> BinaryOp {
        match self {
            Reducer::Sum => BinaryOp::Add,
            Reducer::Max => BinaryOp::Max,
            Reducer::Min => BinaryOp::Min,
        }
    }

    /// The type of the result for values of a type.
    pub fn result(self, values: DType) -> DType {
        match self {
            Reducer::Sum => DType::I32,
            Reducer::Max | Reducer::Min => values,
        }
    }

    /// What joins with every value of a type to that value.
    pub fn start(self, dtype: DType) -> i32 {
        let (least, greatest) = dtype.limits();
        match self {
            Reducer::Sum => 0,
            Reducer::Max => least as i32,
            Reducer::Min => greatest as i32,
        }
    }
}

/// The leaves of a tensor's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    Read(Read),
    /// An axis as an `i32` value.
    Axis(AxisId),
}

/// `T[indices]`, one index for each dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub tensor: TensorId,
    pub indices: Vec<Affine<AxisId>>,
    pub span: Span,
}

impl Kernel {
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0 as usize]
    }

    pub fn axis(&self, id: AxisId) -> &Axis {
        &self.axes[id.0 as usize]
    }

    /// The ids of all tensors, in order.
    pub fn ids(&self) -> impl Iterator<Item = TensorId> + use<> {
        (0..self.tensors.len() as u32).map(TensorId)
    }

    /// The scan that a tensor belongs to.
    pub fn scan_of(&self, id: TensorId) -> Option<&Scan> {
        self.scans.iter().find(|s| s.tensors.contains(&id))
    }

    pub fn find(&self, name: &str) -> Option<TensorId> {
        self.ids().find(|id| self.tensor(*id).name == name)
    }
}

impl Tensor {
    /// What computes the elements, for a state those behind its initial value.
    pub fn compute(&self) -> Option<&Compute> {
        match &self.definition {
            Definition::Compute(c) => Some(c),
            Definition::State(s) => Some(&s.next),
            Definition::Input => None,
        }
    }

    /// As [`Tensor::compute`], for changes.
    pub fn compute_mut(&mut self) -> Option<&mut Compute> {
        match &mut self.definition {
            Definition::Compute(c) => Some(c),
            Definition::State(s) => Some(&mut s.next),
            Definition::Input => None,
        }
    }

    pub fn state(&self) -> Option<&State> {
        match &self.definition {
            Definition::State(s) => Some(s),
            _ => None,
        }
    }

    pub fn is_input(&self) -> bool {
        matches!(self.definition, Definition::Input)
    }
}

impl Compute {
    /// What a reduction starts from, where a schedule says so.
    pub fn start(&self) -> Option<&Scalar<Leaf>> {
        self.reduction.as_ref()?.start.as_ref()
    }

    /// Calls a function with every read, in the order of [`Compute::reads`].
    pub fn each_read<'a>(&'a self, f: &mut dyn FnMut(&'a Read)) {
        let mut leaf = |leaf: &'a Leaf| {
            if let Leaf::Read(read) = leaf {
                f(read);
            }
        };
        self.value.leaves(&mut leaf);
        if let Some(start) = self.start() {
            start.leaves(&mut leaf);
        }
    }

    /// Every read, from left to right: those of the value, and then of what it starts from.
    pub fn reads(&self) -> Vec<&Read> {
        let mut reads = self.value_reads();
        reads.extend(self.start_reads());
        reads
    }

    /// The reads of what a reduction starts from.
    pub fn start_reads(&self) -> Vec<&Read> {
        self.start().into_iter().flat_map(reads_in).collect()
    }

    /// The reads of what a reduction joins, or of a value that is none.
    pub fn value_reads(&self) -> Vec<&Read> {
        reads_in(&self.value)
    }

    /// Puts an expression in the place of each leaf.
    pub fn replace_leaves(&mut self, replace: &mut dyn FnMut(&Leaf) -> Scalar<Leaf>) {
        self.value = self.value.flat_map(replace);
        if let Some(start) = self.reduction.as_mut().and_then(|r| r.start.as_mut()) {
            *start = start.flat_map(replace);
        }
    }
}

fn reads_in(value: &Scalar<Leaf>) -> Vec<&Read> {
    let mut reads = Vec::new();
    value.leaves(&mut |leaf| {
        if let Leaf::Read(read) = leaf {
            reads.push(read);
        }
    });
    reads
}
