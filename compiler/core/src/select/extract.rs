//! Extraction: a saturated e-graph → the cheapest chains `(((start op a) op b) ...)` that compute its root.
//!
//! A chain is what a two-address ALU without moves can run in one tile: each step's operand is an immediate or another
//! tile that holds an operand of the expression, or the tile itself. An operand of which the chain makes its start is overwritten, so the
//! chain never reads it again.
//!
//! The cost of a chain is found for each start by relaxation over all nodes. Every step costs something, so a cheapest
//! chain has no cycle; classes and nodes are visited in their fixed order and only a lower cost replaces another, so
//! equal input gives equal output.

use std::collections::BTreeMap;

use egg::{Id, Language};

use super::language::{Graph, Lane, Operand, constant};
use super::{OpOperand, SelectedOp, Start};
use crate::loops::ir::AluOp;

/// What a step costs, in cycles per tile: a register operand is read in a cycle of its own.
const IMMEDIATE_COST: u32 = 1;
const REGISTER_COST: u32 = 2;
/// What it costs to clear a tile.
const ZERO_COST: u32 = 1;
/// The additions that a constant beyond 16 bits may be split into: a chain that starts with the constant is cheaper
/// than more.
const MAX_ADDITIONS: i32 = 4;

/// How a class is computed from one start.
#[derive(Clone, Debug)]
struct Way {
    cost: u32,
    /// The class that the last steps start from; none where they start from the chain's start.
    from: Option<Id>,
    steps: Vec<SelectedOp>,
}

/// The cheapest chain from one start to every class that has one.
#[derive(Debug)]
pub struct Chains {
    start: Start,
    ways: BTreeMap<Id, Way>,
}

impl Chains {
    /// Finds the chains from a start.
    pub fn find(graph: &Graph, start: Start, multiplier: bool) -> Chains {
        let mut classes: Vec<Id> = graph.classes().map(|c| c.id).collect();
        classes.sort_unstable();
        let mut chains = Chains { start, ways: BTreeMap::new() };
        for class in &classes {
            chains.seed(graph, *class);
        }
        let edges = edges(graph, &classes, start, multiplier);
        while edges.iter().filter(|e| chains.relax(e)).count() > 0 {}
        chains
    }

    /// The cost of a class, if a chain reaches it.
    pub fn cost(&self, graph: &Graph, class: Id) -> Option<u32> {
        self.ways.get(&graph.find(class)).map(|w| w.cost)
    }

    /// The steps from the start to a class that a chain reaches.
    pub fn steps(&self, graph: &Graph, class: Id) -> Vec<SelectedOp> {
        let mut groups = Vec::new();
        let mut next = Some(graph.find(class));
        while let Some(way) = next.and_then(|id| self.ways.get(&id)) {
            groups.push(way.steps.as_slice());
            next = way.from;
        }
        groups.into_iter().rev().flatten().copied().collect()
    }

    /// The classes that need no other class: the start itself, and from a cleared tile every constant and operand.
    fn seed(&mut self, graph: &Graph, class: Id) {
        let operands = operands(graph, class);
        let way = match (self.start, constant(graph, class), operands.first()) {
            (Start::Operand(k), _, _) if operands.contains(&k) => (0, Vec::new()),
            (Start::Zero, Some(value), _) => (ZERO_COST, build_constant(value)),
            (Start::Zero, None, Some(k)) => (ZERO_COST, vec![register(AluOp::Add, *k)]),
            _ => return,
        };
        self.ways.insert(class, Way { cost: way.0 + cost(&way.1), from: None, steps: way.1 });
    }

    fn relax(&mut self, edge: &Edge) -> bool {
        let Some(before) = self.ways.get(&edge.from) else { return false };
        let total = before.cost + edge.cost;
        if self.ways.get(&edge.to).is_some_and(|w| w.cost <= total) {
            return false;
        }
        self.ways.insert(edge.to, Way { cost: total, from: Some(edge.from), steps: edge.steps.clone() });
        true
    }
}

/// Steps that turn the value of one class into that of another.
struct Edge {
    from: Id,
    to: Id,
    cost: u32,
    steps: Vec<SelectedOp>,
}

fn edges(graph: &Graph, classes: &[Id], start: Start, multiplier: bool) -> Vec<Edge> {
    let mut edges = Vec::new();
    for class in classes {
        for node in &graph[*class].nodes {
            let Some(op) = alu_op(node, multiplier) else { continue };
            let (a, b) = (graph.find(node.children()[0]), graph.find(node.children()[1]));
            let orders: &[(Id, Id)] = if op == AluOp::Shr { &[(a, b)] } else { &[(a, b), (b, a)] };
            if a == b {
                let steps = vec![SelectedOp { opcode: op, operand: OpOperand::Own }];
                edges.push(Edge { from: a, to: *class, cost: cost(&steps), steps });
            }
            for (from, operand) in orders {
                if let Some(steps) = step(graph, op, *operand, start) {
                    edges.push(Edge { from: *from, to: *class, cost: cost(&steps), steps });
                }
            }
        }
    }
    edges
}

fn alu_op(node: &Lane, multiplier: bool) -> Option<AluOp> {
    match node {
        Lane::Add(_) => Some(AluOp::Add),
        Lane::Min(_) => Some(AluOp::Min),
        Lane::Max(_) => Some(AluOp::Max),
        Lane::Shr(_) => Some(AluOp::Shr),
        Lane::Mul(_) => multiplier.then_some(AluOp::Mul),
        Lane::Const(_) | Lane::Operand(_) | Lane::Wrap8(_) => None,
    }
}

/// The steps for an operation with a constant, or with an operand that the chain has not overwritten.
fn step(graph: &Graph, op: AluOp, operand: Id, start: Start) -> Option<Vec<SelectedOp>> {
    if let Some(steps) = constant(graph, operand).and_then(|c| step_by_constant(op, c)) {
        return Some(steps);
    }
    let readable = operands(graph, operand).into_iter().find(|k| Start::Operand(*k) != start)?;
    (op != AluOp::Shr).then(|| vec![register(op, readable)])
}

fn step_by_constant(op: AluOp, value: i32) -> Option<Vec<SelectedOp>> {
    match (op, i16::try_from(value)) {
        (AluOp::Shr, _) if value.abs() > 31 => None,
        (_, Ok(imm)) => Some(vec![immediate(op, imm)]),
        (AluOp::Add, Err(_)) => additions(value),
        _ => None,
    }
}

/// Splits the addition of a constant into additions of 16 bits each.
fn additions(value: i32) -> Option<Vec<SelectedOp>> {
    let mut rest = value;
    let mut steps = Vec::new();
    while rest != 0 {
        let part = rest.clamp(i16::MIN.into(), i16::MAX.into());
        steps.push(immediate(AluOp::Add, part as i16));
        rest -= part;
        if steps.len() > MAX_ADDITIONS as usize {
            return None;
        }
    }
    Some(steps)
}

/// The steps that make a constant from zero: at most its high half, a shift, and its low half.
fn build_constant(value: i32) -> Vec<SelectedOp> {
    let zeros = value.trailing_zeros().min(31);
    if value == 0 {
        Vec::new()
    } else if let Ok(imm) = i16::try_from(value) {
        vec![immediate(AluOp::Add, imm)]
    } else if let Ok(imm) = i16::try_from(value >> zeros) {
        vec![immediate(AluOp::Add, imm), immediate(AluOp::Shr, -(zeros as i16))]
    } else {
        let low = value as i16;
        let high = (value.wrapping_sub(low.into()) >> 16) as i16;
        vec![immediate(AluOp::Add, high), immediate(AluOp::Shr, -16), immediate(AluOp::Add, low)]
    }
}

fn operands(graph: &Graph, class: Id) -> Vec<u32> {
    let operand = |n: &Lane| match n {
        Lane::Operand(Operand(k)) => Some(*k),
        _ => None,
    };
    graph[class].nodes.iter().filter_map(operand).collect()
}

fn immediate(opcode: AluOp, value: i16) -> SelectedOp {
    SelectedOp { opcode, operand: OpOperand::Imm(value) }
}

fn register(opcode: AluOp, operand: u32) -> SelectedOp {
    SelectedOp { opcode, operand: OpOperand::Operand(operand) }
}

fn cost(steps: &[SelectedOp]) -> u32 {
    let each = |s: &SelectedOp| match s.operand {
        OpOperand::Imm(_) => IMMEDIATE_COST,
        OpOperand::Operand(_) | OpOperand::Own => REGISTER_COST,
    };
    steps.iter().map(each).sum()
}
