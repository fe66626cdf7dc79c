//! Extraction: a saturated e-graph → the cheapest chains `(((start op a) op b) ...)` that compute its root.
//!
//! A chain is what a two-address ALU without moves can run in one tile: each step's operand is an immediate or another
//! tile that holds an operand of the expression, or the tile itself. An operand of which the chain makes its start is overwritten, so the
//! chain never reads it again.
//!
//! The cost of a chain is found for each start by relaxation over all nodes. Every step costs something, so a cheapest
//! chain has no cycle; classes and nodes are visited in their fixed order and only a lower cost replaces another, so
//! equal input gives equal output.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use egg::{Id, Language};
use tilewright_isa::AluOpcode;

use super::language::{Graph, Lane, Operand, constant};
use super::{OpOperand, SelectedOp, Start};
use crate::costs::{ALU_IMMEDIATE, ALU_REGISTER, RESET};

/// The additions that a constant beyond 16 bits may be split into: a chain that starts with the constant is cheaper
/// than more.
const MAX_ADDITIONS: i32 = 4;

/// How a class is computed from one start.
#[derive(Clone, Copy, Debug)]
struct Way {
    cost: u32,
    /// The edge of the last steps; none where they are those of [`Paths::seed`].
    edge: Option<u32>,
}

/// The cheapest chain from one start to every class that has one.
#[derive(Debug)]
pub struct Chains<'a> {
    paths: &'a Paths,
    start: Start,
    /// By the place of the class.
    ways: Vec<Option<Way>>,
}

/// What chains in a graph are made of, whatever their start is.
#[derive(Debug)]
pub struct Paths {
    /// The place of each class in the order of their ids.
    places: HashMap<Id, u32>,
    constants: Vec<Option<i32>>,
    operands: Vec<Vec<u32>>,
    /// In the order in which they are looked at.
    edges: Vec<Edge>,
    /// The edges from each class, in order.
    leaving: Vec<Vec<u32>>,
}

/// Steps that turn the value of one class into that of another.
#[derive(Debug)]
struct Edge {
    from: u32,
    to: u32,
    steps: Steps,
}

#[derive(Debug)]
enum Steps {
    Fixed(Vec<SelectedOp>),
    /// With an operand of a class that the chain has not overwritten.
    WithOperand(AluOpcode, u32),
}

impl Paths {
    pub fn of(graph: &Graph, multiplier: bool) -> Paths {
        let mut classes: Vec<Id> = graph.classes().map(|c| c.id).collect();
        classes.sort_unstable();
        let mut paths = Paths {
            places: classes.iter().copied().zip(0..).collect(),
            constants: classes.iter().map(|class| constant(graph, *class)).collect(),
            operands: classes.iter().map(|class| operands(graph, *class)).collect(),
            edges: Vec::new(),
            leaving: vec![Vec::new(); classes.len()],
        };
        for class in &classes {
            for node in &graph[*class].nodes {
                if let Some(op) = alu_op(node, multiplier) {
                    let [a, b] = [0, 1].map(|child| paths.places[&graph.find(node.children()[child])]);
                    paths.add_edges(op, (a, b), paths.places[class]);
                }
            }
        }
        for (number, edge) in (0..).zip(&paths.edges) {
            paths.leaving[edge.from as usize].push(number);
        }
        paths
    }

    fn add_edges(&mut self, op: AluOpcode, (a, b): (u32, u32), to: u32) {
        if a == b {
            let steps = Steps::Fixed(vec![SelectedOp { opcode: op, operand: OpOperand::Own }]);
            self.edges.push(Edge { from: a, to, steps });
        }
        let orders: &[(u32, u32)] = if op.is_commutative() { &[(a, b), (b, a)] } else { &[(a, b)] };
        for (from, operand) in orders.iter().copied() {
            let by_constant = self.constants[operand as usize].and_then(|c| step_by_constant(op, c));
            let steps = match by_constant {
                Some(steps) => Steps::Fixed(steps),
                None if self.operands[operand as usize].is_empty() => continue,
                None => Steps::WithOperand(op, operand),
            };
            self.edges.push(Edge { from, to, steps });
        }
    }

    /// The operand of a class that a chain from a start can read.
    fn readable(&self, class: u32, start: Start) -> Option<u32> {
        self.operands[class as usize].iter().copied().find(|k| Start::Operand(*k) != start)
    }

    fn cost(&self, edge: &Edge, start: Start) -> Option<u32> {
        match &edge.steps {
            Steps::Fixed(steps) => Some(cost(steps)),
            Steps::WithOperand(_, class) => self.readable(*class, start).map(|_| ALU_REGISTER),
        }
    }

    fn steps(&self, edge: &Edge, start: Start) -> Vec<SelectedOp> {
        match &edge.steps {
            Steps::Fixed(steps) => steps.clone(),
            Steps::WithOperand(op, class) => {
                self.readable(*class, start).map(|k| register(*op, k)).into_iter().collect()
            }
        }
    }

    /// The steps to a class that needs no other class: the start itself, and from a cleared tile every constant and operand.
    /// With what they cost.
    fn seed(&self, class: usize, start: Start) -> Option<(u32, Vec<SelectedOp>)> {
        let operands = &self.operands[class];
        let (before, steps) = match (start, self.constants[class], operands.first()) {
            (Start::Operand(k), _, _) if operands.contains(&k) => (0, Vec::new()),
            (Start::Zero, Some(value), _) => (RESET, build_constant(value)),
            (Start::Zero, None, Some(k)) => (RESET, vec![register(AluOpcode::Add, *k)]),
            _ => return None,
        };
        Some((before + cost(&steps), steps))
    }
}

impl<'a> Chains<'a> {
    /// Finds the chains from a start. Edges are looked at in their order, round after round; one from a class that has not
    /// become cheaper since changes nothing, and is left out.
    pub fn find(paths: &'a Paths, start: Start) -> Chains<'a> {
        let seeded = |class| paths.seed(class, start).map(|(cost, _)| Way { cost, edge: None });
        let ways: Vec<Option<Way>> = (0..paths.leaving.len()).map(seeded).collect();
        let mut chains = Chains { paths, start, ways };
        let mut waiting = vec![false; paths.edges.len()];
        let mut rounds = BinaryHeap::new();
        let wait =
            |class: usize, round: usize, after: Option<u32>, waiting: &mut [bool], rounds: &mut BinaryHeap<_>| {
                for edge in paths.leaving[class].iter().copied() {
                    if !std::mem::replace(&mut waiting[edge as usize], true) {
                        rounds.push(Reverse((round + usize::from(after.is_some_and(|after| edge <= after)), edge)));
                    }
                }
            };
        for class in 0..chains.ways.len() {
            if chains.ways[class].is_some() {
                wait(class, 0, None, &mut waiting, &mut rounds);
            }
        }
        while let Some(Reverse((round, number))) = rounds.pop() {
            waiting[number as usize] = false;
            if chains.relax(number) {
                let to = paths.edges[number as usize].to as usize;
                wait(to, round, Some(number), &mut waiting, &mut rounds);
            }
        }
        chains
    }

    /// The cost of a class, if a chain reaches it.
    pub fn cost(&self, graph: &Graph, class: Id) -> Option<u32> {
        Some(self.ways[self.place(graph, class)]?.cost)
    }

    /// The steps from the start to a class that a chain reaches.
    pub fn steps(&self, graph: &Graph, class: Id) -> Vec<SelectedOp> {
        let mut groups = Vec::new();
        let mut at = self.place(graph, class);
        while let Some(way) = self.ways[at] {
            match way.edge.map(|edge| &self.paths.edges[edge as usize]) {
                Some(edge) => {
                    groups.push(self.paths.steps(edge, self.start));
                    at = edge.from as usize;
                }
                None => {
                    groups.extend(self.paths.seed(at, self.start).map(|(_, steps)| steps));
                    break;
                }
            }
        }
        groups.into_iter().rev().flatten().collect()
    }

    fn place(&self, graph: &Graph, class: Id) -> usize {
        self.paths.places[&graph.find(class)] as usize
    }

    fn relax(&mut self, number: u32) -> bool {
        let edge = &self.paths.edges[number as usize];
        let Some(before) = self.ways[edge.from as usize] else { return false };
        let Some(cost) = self.paths.cost(edge, self.start) else { return false };
        let total = before.cost + cost;
        let way = &mut self.ways[edge.to as usize];
        if way.is_some_and(|w| w.cost <= total) {
            return false;
        }
        *way = Some(Way { cost: total, edge: Some(number) });
        true
    }
}

fn alu_op(node: &Lane, multiplier: bool) -> Option<AluOpcode> {
    match node {
        Lane::Add(_) => Some(AluOpcode::Add),
        Lane::Min(_) => Some(AluOpcode::Min),
        Lane::Max(_) => Some(AluOpcode::Max),
        Lane::Shr(_) => Some(AluOpcode::Shr),
        Lane::Mul(_) => multiplier.then_some(AluOpcode::Mul),
        Lane::Const(_) | Lane::Operand(_) | Lane::Wrap8(_) => None,
    }
}

fn step_by_constant(op: AluOpcode, value: i32) -> Option<Vec<SelectedOp>> {
    match (op, i16::try_from(value)) {
        (_, Ok(imm)) => op.immediates().contains(&imm).then(|| vec![immediate(op, imm)]),
        (AluOpcode::Add, Err(_)) => additions(value),
        _ => None,
    }
}

/// Splits the addition of a constant into additions of 16 bits each.
fn additions(value: i32) -> Option<Vec<SelectedOp>> {
    let mut rest = value;
    let mut steps = Vec::new();
    while rest != 0 {
        let part = rest.clamp(i16::MIN.into(), i16::MAX.into());
        steps.push(immediate(AluOpcode::Add, part as i16));
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
        vec![immediate(AluOpcode::Add, imm)]
    } else if let Ok(imm) = i16::try_from(value >> zeros) {
        vec![immediate(AluOpcode::Add, imm), immediate(AluOpcode::Shr, -(zeros as i16))]
    } else {
        let low = value as i16;
        let high = (value.wrapping_sub(low.into()) >> 16) as i16;
        vec![immediate(AluOpcode::Add, high), immediate(AluOpcode::Shr, -16), immediate(AluOpcode::Add, low)]
    }
}

fn operands(graph: &Graph, class: Id) -> Vec<u32> {
    let operand = |n: &Lane| match n {
        Lane::Operand(Operand(k)) => Some(*k),
        _ => None,
    };
    graph[class].nodes.iter().filter_map(operand).collect()
}

fn immediate(opcode: AluOpcode, value: i16) -> SelectedOp {
    SelectedOp { opcode, operand: OpOperand::Imm(value) }
}

fn register(opcode: AluOpcode, operand: u32) -> SelectedOp {
    SelectedOp { opcode, operand: OpOperand::Operand(operand) }
}

fn cost(steps: &[SelectedOp]) -> u32 {
    let each = |s: &SelectedOp| match s.operand {
        OpOperand::Imm(_) => ALU_IMMEDIATE,
        OpOperand::Operand(_) | OpOperand::Own => ALU_REGISTER,
    };
    steps.iter().map(each).sum()
}
