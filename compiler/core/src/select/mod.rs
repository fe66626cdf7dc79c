//! Instruction selection for elementwise stages: a scalar expression → operations of the two-address vector ALU.
//!
//! ```text
//! i8(clip((x0 >> 8) + x1, 0, 127))   →   x0: shr 8; add x1; max 0; min 127
//! ```
//!
//! The expression is saturated by the rules in [`rules`], with an interval analysis that guards them, and the cheapest
//! chains are extracted ([`extract`]). Limits are on nodes and iterations and never on time, so the same expression gives
//! the same operations on every machine. The result computes the same 32-bit value for all operands in the given ranges.

mod choice;
mod cut;
mod extract;
mod language;
mod rules;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use egg::{Id, Runner};
use thiserror::Error;
use tilewright_isa::AluOpcode;

use crate::affine::Interval;
use crate::scalar::{BinaryOp, CastMode, Scalar};
pub use cut::{Part, cut};
use extract::{Chains, Paths};
use language::{Graph, Inserted, Lane, Operand, Ranges};

const NODE_LIMIT: usize = 10_000;
const ITERATION_LIMIT: usize = 30;

/// What to select.
pub struct Request<'a> {
    /// The expression, over numbers of operands, each a tile of the accumulator.
    pub value: &'a Scalar<u32>,
    /// The values that an operand's lanes hold.
    pub range: &'a dyn Fn(u32) -> Interval,
    /// What messages call an operand.
    pub name: &'a dyn Fn(u32) -> String,
    /// Whether only the low 8 bits of the result are read, as a STORE does.
    pub low_bits: bool,
    /// Whether the machine has MUL.
    pub multiplier: bool,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { low_bits, multiplier, .. } = self;
        write!(f, "Request({}, low_bits: {low_bits}, multiplier: {multiplier})", display(self.value, self.name))
    }
}

/// What a chain begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Start {
    /// The operand's own tile, which the chain overwrites and does not read again.
    Operand(u32),
    /// A tile that a GEMM reset has cleared.
    Zero,
}

/// The second operand of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpOperand {
    Imm(i16),
    Operand(u32),
    /// The tile that is written, as it is before: `mul` squares it.
    Own,
}

/// `tile = opcode(tile, operand)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SelectedOp {
    pub opcode: AluOpcode,
    pub operand: OpOperand,
}

/// Operations on one tile that compute the expression, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub start: Start,
    pub ops: Vec<SelectedOp>,
    /// Cycles per tile: 1 for an immediate, 2 for a register operand, 1 to clear a tile.
    pub cost: u32,
}

/// Why an expression has no selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No chain in one tile computes it; parts of it have to be operands ([`cut`]).
    Parts,
    /// The machine cannot compute it.
    Error(SelectError),
}

/// Why no operations of the machine compute an expression. Each message names the part of it that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectError {
    #[error("`{expression}` needs a multiplication, and this target has none")]
    Multiplication { expression: String },
    #[error("`{expression}` subtracts a value, which takes a multiplication by -1, and this target has none")]
    Subtraction { expression: String },
}

impl SelectError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            SelectError::Multiplication { .. } => "E0452",
            SelectError::Subtraction { .. } => "E0454",
        }
    }
}

impl Selection {
    /// The same operations on operands with other numbers.
    fn renamed(self, number: &dyn Fn(u32) -> u32) -> Selection {
        let start = match self.start {
            Start::Operand(k) => Start::Operand(number(k)),
            Start::Zero => Start::Zero,
        };
        let operand = |operand| match operand {
            OpOperand::Operand(k) => OpOperand::Operand(number(k)),
            other => other,
        };
        let ops = self.ops.into_iter().map(|op| SelectedOp { operand: operand(op.operand), ..op }).collect();
        Selection { start, ops, cost: self.cost }
    }

    /// The value that the operations leave in a lane.
    pub fn eval(&self, operand: &dyn Fn(u32) -> i32) -> i32 {
        let start = match self.start {
            Start::Operand(k) => operand(k),
            Start::Zero => 0,
        };
        self.ops.iter().fold(start, |lane, op| {
            let second = match op.operand {
                OpOperand::Imm(value) => value.into(),
                OpOperand::Operand(k) => operand(k),
                OpOperand::Own => lane,
            };
            op.opcode.eval(lane, second)
        })
    }
}

/// Selections that were asked for, by all that they depend on. Passes share them, since they ask about the same expressions.
/// Names are no part of that: they occur only in errors, which are not kept.
#[derive(Debug, Default)]
pub struct Selections {
    /// None where no chain in one tile computes an expression.
    found: HashMap<Key, Option<Vec<Selection>>>,
}

/// How many selections a thread remembers.
const REMEMBERED: usize = 4096;

thread_local! {
    /// What a thread found before: the schedules that are tried for a kernel ask about the same expressions.
    static BEFORE: RefCell<Selections> = RefCell::default();
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    value: Scalar<u32>,
    /// Of each operand, in the order in which the value names them.
    ranges: Vec<Interval>,
    low_bits: bool,
    multiplier: bool,
}

impl Selections {
    /// What [`candidates`] finds.
    pub fn candidates(&mut self, request: &Request) -> Result<&[Selection], Refusal> {
        if request.value.has_quotient() {
            return Err(Refusal::Parts);
        }
        let mut ranges = Vec::new();
        request.value.leaves(&mut |k| ranges.push((request.range)(*k)));
        let Request { low_bits, multiplier, .. } = *request;
        let found = match self.found.entry(Key { value: request.value.clone(), ranges, low_bits, multiplier }) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(place) => {
                let found = remembered(request)?;
                place.insert(found)
            }
        };
        found.as_deref().ok_or(Refusal::Parts)
    }
}

/// The selections of an expression, remembered for the thread; None where no chain in one tile computes it.
///
/// They are remembered for operands that are numbered from 0 in their order: which tiles these are changes no selection.
fn remembered(request: &Request) -> Result<Option<Vec<Selection>>, Refusal> {
    let mut operands = Vec::new();
    request.value.leaves(&mut |k| operands.push(*k));
    operands.sort_unstable();
    operands.dedup();
    let number = |k: &u32| operands.binary_search(k).expect("all operands are listed") as u32;
    let own = |k: u32| operands[k as usize];
    let value = request.value.map(&mut { number });
    let mut ranges = Vec::new();
    value.leaves(&mut |k| ranges.push((request.range)(own(*k))));
    let Request { low_bits, multiplier, .. } = *request;
    let key = Key { value, ranges, low_bits, multiplier };
    let back = |found: Option<Vec<Selection>>| Some(found?.into_iter().map(|s| s.renamed(&own)).collect());
    if let Some(found) = BEFORE.with_borrow(|before| before.found.get(&key).cloned()) {
        return Ok(back(found));
    }
    let (range, name) = (|k: u32| (request.range)(own(k)), |k: u32| (request.name)(own(k)));
    let found = match candidates(&Request { value: &key.value, range: &range, name: &name, low_bits, multiplier }) {
        Ok(found) => Some(found),
        Err(Refusal::Parts) => None,
        Err(error) => return Err(error),
    };
    BEFORE.with_borrow_mut(|before| {
        if before.found.len() >= REMEMBERED {
            before.found.clear();
        }
        before.found.insert(key, found.clone());
    });
    Ok(back(found))
}

/// The cheapest selection from each start that has one, cheapest first. One from [`Start::Zero`] is always there: it is
/// the copy, where no operand may be overwritten.
pub fn candidates(request: &Request) -> Result<Vec<Selection>, Refusal> {
    let (graph, root, inserted) = saturate(request);
    let exact = graph.find(inserted.class);
    let mut targets = vec![exact];
    if request.low_bits {
        targets.extend(untruncated(&graph, root));
    }
    let paths = Paths::of(&graph, request.multiplier);
    let mut found: Vec<Selection> = starts(request.value)
        .into_iter()
        .filter_map(|start| {
            let chains = Chains::find(&paths, start);
            let reached = targets.iter().filter_map(|t| Some((chains.cost(&graph, *t)?, *t)));
            let (cost, target) = reached.min_by_key(|(cost, _)| *cost)?;
            let ops = chains.steps(&graph, target);
            Some(Selection { start, ops, cost })
        })
        .collect();
    found.sort_by_key(|s| (s.cost, s.start));
    if found.is_empty() {
        return Err(blame(&graph, &Chains::find(&paths, Start::Zero), &inserted, request));
    }
    Ok(found)
}

/// The saturated graph, the class of the result's low 8 bits (sign-extended, where only these are asked for), and the
/// classes of the expression's parts.
fn saturate<'a>(request: &Request<'a>) -> (Graph, Id, Inserted<'a>) {
    let mut ranges = BTreeMap::new();
    request.value.leaves(&mut |k| {
        ranges.insert(Operand(*k), (request.range)(*k));
    });
    let mut graph = Graph::new(Ranges::new(ranges));
    let inserted = language::insert(&mut graph, request.value);
    let root = if request.low_bits { graph.add(Lane::Wrap8(inserted.class)) } else { inserted.class };
    (without_time(|| run(graph, request.multiplier)), root, inserted)
}

fn run(graph: Graph, multiplier: bool) -> Graph {
    let runner = Runner::default().with_egraph(graph).with_node_limit(NODE_LIMIT).with_iter_limit(ITERATION_LIMIT);
    runner.run(rules::shared(multiplier)).egraph
}

/// Runs egg with a clock that stands still: its limit on time would make a result depend on the machine, and the true clock is
/// calibrated when it is first read, for milliseconds.
fn without_time<T>(run: impl FnOnce() -> T) -> T {
    let (clock, _) = quanta::Clock::mock();
    quanta::with_clock(&clock, run)
}

/// The values whose low 8 bits are those of a class.
fn untruncated(graph: &Graph, root: Id) -> Vec<Id> {
    let wrapped = graph[root].nodes.iter().filter_map(|n| match n {
        Lane::Wrap8(x) => Some(graph.find(*x)),
        _ => None,
    });
    std::iter::once(graph.find(root)).chain(wrapped).collect()
}

fn starts(value: &Scalar<u32>) -> Vec<Start> {
    let mut starts = vec![Start::Zero];
    value.leaves(&mut |k| starts.push(Start::Operand(*k)));
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// The innermost part without a chain whose own parts have one, and why it has none.
fn blame(graph: &Graph, chains: &Chains, root: &Inserted, request: &Request) -> Refusal {
    let mut culprit = root;
    while let Some(part) = culprit.parts.iter().find(|p| chains.cost(graph, p.class).is_none()) {
        culprit = part;
    }
    let expression = display(culprit.value, request.name);
    let is_constant = |p: &Inserted| language::constant(graph, p.class).is_some();
    let is_computed = |p: &Inserted| !matches!(p.value, Scalar::Leaf(_) | Scalar::Const { .. });
    let has = |which: &dyn Fn(&Inserted) -> bool| culprit.parts.iter().any(which);
    match culprit.value {
        _ if request.multiplier => Refusal::Parts,
        Scalar::Binary { op: BinaryOp::Mul, .. } if has(&is_constant) && has(&is_computed) => Refusal::Parts,
        Scalar::Binary { op: BinaryOp::Mul, .. } => Refusal::Error(SelectError::Multiplication { expression }),
        Scalar::Binary { op: BinaryOp::Sub, .. } if !is_constant(&culprit.parts[1]) => {
            Refusal::Error(SelectError::Subtraction { expression })
        }
        Scalar::Select { .. } if !has(&is_computed) => Refusal::Error(SelectError::Multiplication { expression }),
        _ => Refusal::Parts,
    }
}

/// The expression as messages show it, in the notation of the source language.
pub fn display(value: &Scalar<u32>, name: &dyn Fn(u32) -> String) -> String {
    let nested = |part: &Scalar<u32>| match part {
        Scalar::Binary { op, .. } if infix(*op).is_some() => format!("({})", display(part, name)),
        _ => display(part, name),
    };
    match value {
        Scalar::Const { value, .. } => value.to_string(),
        Scalar::Leaf(k) => name(*k),
        Scalar::Cast { mode: CastMode::Saturate, value, .. } => format!("sat8({})", display(value, name)),
        Scalar::Cast { mode: CastMode::Exact, value, .. } => display(value, name),
        Scalar::Cast { to, value, .. } => format!("{}({})", to.name(), display(value, name)),
        Scalar::Approx { approx, value } => format!("{approx}({})", display(value, name)),
        Scalar::Select { op, parts } => {
            let [left, right, yes, no] = parts.each().map(|part| display(part, name));
            format!("select({left} {} {right}, {yes}, {no})", op.symbol())
        }
        Scalar::Binary { op, left, right } => match infix(*op) {
            Some(sign) => format!("{} {sign} {}", nested(left), nested(right)),
            None => {
                let function = if *op == BinaryOp::Min { "min" } else { "max" };
                format!("{function}({}, {})", display(left, name), display(right, name))
            }
        },
    }
}

fn infix(op: BinaryOp) -> Option<&'static str> {
    match op {
        BinaryOp::Add => Some("+"),
        BinaryOp::Sub => Some("-"),
        BinaryOp::Mul => Some("*"),
        BinaryOp::Shr => Some(">>"),
        BinaryOp::Shl => Some("<<"),
        BinaryOp::Div(_) => Some("/"),
        BinaryOp::Min | BinaryOp::Max => None,
    }
}
