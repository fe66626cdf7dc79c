//! The tensor program: kernels after names, types, extents and bounds have been checked. AST → [`Kernel`].
//!
//! Every index is in range (or its tensor says what stands outside), every operand has its type, extents are numbers.
//! Nothing here says where or when a value is computed; that is the schedule's.

pub mod check;
pub mod constants;
pub mod error;
pub mod evaluate;
pub mod graph;
pub mod print;

use tilewright_syntax::Span;

use crate::affine::Affine;
use crate::scalar::{BinaryOp, DType, Scalar};

pub use check::check;
pub use constants::Constants;
pub use error::TensorError;
pub use evaluate::{Array, EvaluateError, Evaluation, evaluate};
pub use graph::Graph;
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
    /// In the order of the source; a definition reads only tensors before it.
    pub tensors: Vec<Tensor>,
    pub axes: Vec<Axis>,
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
    /// Extent of each dimension, in elements.
    pub shape: Vec<i64>,
    pub output: bool,
    pub definition: Definition,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Definition {
    /// Comes from outside; `outside` is what a read beyond its edges yields.
    Input {
        outside: Option<i32>,
    },
    Compute(Compute),
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

    pub fn find(&self, name: &str) -> Option<TensorId> {
        self.ids().find(|id| self.tensor(*id).name == name)
    }
}

impl Tensor {
    pub fn compute(&self) -> Option<&Compute> {
        match &self.definition {
            Definition::Compute(c) => Some(c),
            Definition::Input { .. } => None,
        }
    }

    pub fn is_input(&self) -> bool {
        matches!(self.definition, Definition::Input { .. })
    }
}

impl Compute {
    /// Every read in the value, from left to right.
    pub fn reads(&self) -> Vec<&Read> {
        let mut reads = Vec::new();
        self.value.leaves(&mut |leaf| {
            if let Leaf::Read(read) = leaf {
                reads.push(read);
            }
        });
        reads
    }
}
