//! The e-graph's language: what one lane of the vector ALU can compute, and the range of each value.
//!
//! In: a [`Scalar`] over operand numbers. Out: nodes of [`Lane`], and for each the range that its values lie in.
//! Invariant: every node denotes a total function to `i32`, the same one that [`Lane`]'s comments state; the ranges of
//! equal nodes are intersected, so each rule may rely on all that is known.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use egg::{Analysis, DidMerge, EGraph, Id, define_language};

use super::choice;
use crate::affine::Interval;
use crate::scalar::range::{BYTE, FULL, contains};
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};

/// An operand of the expression: the accumulator tile with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operand(pub u32);

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{}", self.0)
    }
}

impl FromStr for Operand {
    type Err = String;

    fn from_str(text: &str) -> Result<Operand, String> {
        let number = text.strip_prefix('x').and_then(|digits| digits.parse().ok());
        number.map(Operand).ok_or_else(|| format!("`{text}` is no operand"))
    }
}

define_language! {
    /// Values of one lane. Arithmetic wraps in 32 bits.
    pub enum Lane {
        Const(i32),
        Operand(Operand),
        "add" = Add([Id; 2]),
        "mul" = Mul([Id; 2]),
        "min" = Min([Id; 2]),
        "max" = Max([Id; 2]),
        // Arithmetic shift right; by a negative amount, a shift left by its magnitude.
        "shr" = Shr([Id; 2]),
        // The low 8 bits, sign-extended.
        "wrap8" = Wrap8(Id),
    }
}

/// The e-graph of one expression.
pub type Graph = EGraph<Lane, Ranges>;

/// Interval analysis: the range of each class, from the ranges of the operands.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    operands: BTreeMap<Operand, Interval>,
}

impl Ranges {
    pub fn new(operands: BTreeMap<Operand, Interval>) -> Ranges {
        Ranges { operands }
    }
}

impl Analysis<Lane> for Ranges {
    type Data = Interval;

    fn make(graph: &mut Graph, node: &Lane, _: Id) -> Interval {
        let range = |id: &Id| graph[*id].data;
        match node {
            Lane::Const(c) => Interval::new(i64::from(*c), i64::from(*c)),
            Lane::Operand(k) => graph.analysis.operands.get(k).map_or(FULL, |r| intersect(*r, FULL)),
            Lane::Add([a, b]) => BinaryOp::Add.range(range(a), range(b)),
            Lane::Mul([a, b]) => BinaryOp::Mul.range(range(a), range(b)),
            Lane::Min([a, b]) => BinaryOp::Min.range(range(a), range(b)),
            Lane::Max([a, b]) => BinaryOp::Max.range(range(a), range(b)),
            Lane::Shr([a, amount]) => BinaryOp::Shr.range(range(a), range(amount)),
            Lane::Wrap8(a) if contains(BYTE, range(a)) => range(a),
            Lane::Wrap8(_) => BYTE,
        }
    }

    fn merge(&mut self, a: &mut Interval, b: Interval) -> DidMerge {
        let both = intersect(*a, b);
        let changed = DidMerge(both != *a, both != b);
        *a = both;
        changed
    }

    /// Folds constants: a class with one value is that constant and nothing else.
    fn modify(graph: &mut Graph, id: Id) {
        if let Some(value) = constant(graph, id) {
            let folded = graph.add(Lane::Const(value));
            graph.union(id, folded);
            graph[id].nodes.retain(|n| matches!(n, Lane::Const(_) | Lane::Operand(_)));
        }
    }
}

/// The value of a class that has only one.
pub fn constant(graph: &Graph, id: Id) -> Option<i32> {
    let range = graph[id].data;
    (range.min == range.max).then_some(range.min as i32)
}

/// Whether all values of a class are values of `i8`.
pub fn fits_byte(graph: &Graph, id: Id) -> bool {
    contains(BYTE, graph[id].data)
}

/// Whether a shift to the left loses no bits.
pub fn shifts_exactly(graph: &Graph, id: Id, amount: u32) -> bool {
    let range = graph[id].data;
    amount < i32::BITS && contains(FULL, Interval::new(range.min << amount, range.max << amount))
}

/// What both intervals hold. Where they hold nothing in common the first stays, so that a range is never empty.
fn intersect(a: Interval, b: Interval) -> Interval {
    let both = Interval::new(a.min.max(b.min), a.max.min(b.max));
    if both.min <= both.max { both } else { a }
}

/// An expression with the class of each of its parts.
#[derive(Debug)]
pub struct Inserted<'a> {
    pub value: &'a Scalar<u32>,
    pub class: Id,
    pub parts: Vec<Inserted<'a>>,
}

/// Adds an expression. A subtraction becomes the addition of a product with -1, and a shift to the left a shift to the
/// right by a negative amount, so that no rule needs to know either.
pub fn insert<'a>(graph: &mut Graph, value: &'a Scalar<u32>) -> Inserted<'a> {
    let (class, parts) = match value {
        Scalar::Const { value, .. } => (graph.add(Lane::Const(*value)), Vec::new()),
        Scalar::Leaf(k) => (graph.add(Lane::Operand(Operand(*k))), Vec::new()),
        Scalar::Cast { to, mode, value } => {
            let part = insert(graph, value);
            (insert_cast(graph, *to, *mode, part.class), vec![part])
        }
        Scalar::Approx { .. } => (insert(graph, &value.expanded()).class, Vec::new()),
        Scalar::Select { op, parts } => {
            let mut inserted = Vec::new();
            for part in parts.each() {
                inserted.push(insert(graph, part));
            }
            let classes = [0, 1, 2, 3].map(|part: usize| graph.find(inserted[part].class));
            (choice::insert(graph, *op, classes), inserted)
        }
        Scalar::Binary { op, left, right } => {
            let parts = vec![insert(graph, left), insert(graph, right)];
            (insert_binary(graph, *op, parts[0].class, parts[1].class), parts)
        }
    };
    Inserted { value, class, parts }
}

fn insert_cast(graph: &mut Graph, to: DType, mode: CastMode, part: Id) -> Id {
    match (to, mode) {
        (DType::I32, _) | (DType::I8, CastMode::Exact) => part,
        (DType::I8, CastMode::Wrap) => graph.add(Lane::Wrap8(part)),
        (DType::I8, CastMode::Saturate) => {
            let (least, greatest) = (graph.add(Lane::Const(i8::MIN.into())), graph.add(Lane::Const(i8::MAX.into())));
            let raised = graph.add(Lane::Max([part, least]));
            graph.add(Lane::Min([raised, greatest]))
        }
    }
}

fn insert_binary(graph: &mut Graph, op: BinaryOp, a: Id, b: Id) -> Id {
    let node = match op {
        BinaryOp::Add => Lane::Add([a, b]),
        BinaryOp::Mul => Lane::Mul([a, b]),
        BinaryOp::Min => Lane::Min([a, b]),
        BinaryOp::Max => Lane::Max([a, b]),
        BinaryOp::Shr => return insert_shift(graph, a, b),
        BinaryOp::Shl => {
            let amount = negated(graph, b);
            return insert_shift(graph, a, amount);
        }
        BinaryOp::Div(_) => unreachable!("no chain holds a quotient"),
        BinaryOp::Sub => {
            let negated = negated(graph, b);
            Lane::Add([a, negated])
        }
    };
    graph.add(node)
}

/// A shift to the right. A constant amount that no immediate has leaves the sign, or to the left zero.
fn insert_shift(graph: &mut Graph, value: Id, amount: Id) -> Id {
    let amount = match constant(graph, amount) {
        Some(32..) => graph.add(Lane::Const(31)),
        Some(..-31) => return graph.add(Lane::Const(0)),
        _ => amount,
    };
    graph.add(Lane::Shr([value, amount]))
}

fn negated(graph: &mut Graph, value: Id) -> Id {
    let factor = match constant(graph, value) {
        Some(value) => return graph.add(Lane::Const(value.wrapping_neg())),
        None => graph.add(Lane::Const(-1)),
    };
    graph.add(Lane::Mul([value, factor]))
}
