//! Micro-ops: operations → the micro-op segment, when to load what of it, and each operation's place in the buffer.
//!
//! GEMM and ALU have no base registers, so an operation's addresses stand in its micro-ops, and each combination of
//! addresses is a sequence of its own. Equal sequences are one, and one that lies within another is not repeated.
//!
//! The operations are cut into epochs: a scan collects sequences until the buffer is full, and one load at the start of
//! the epoch brings them all. No cut into fewer epochs exists, since each is as long as the buffer allows. Loads and the
//! operations that read the buffer run in compute, in order, so they need no tokens.

use std::collections::HashMap;

use tilewright_isa::{Config, MemoryType, Uop};

use super::EmitError;
use super::walk::{Operation, Walk};
use crate::loops::ir::{AluOperand, MicroOp, Stmt};

/// The most micro-ops that one load brings, and the highest place where one can put them: fields of 16 bits.
const MAX_LOAD: usize = u16::MAX as usize;

/// A load of consecutive micro-ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UopLoad {
    /// The operation before which it stands.
    pub before: u32,
    pub sram_base: u16,
    /// The first one's place in the segment, in micro-ops.
    pub offset: u32,
    pub count: u16,
}

/// All micro-ops of a program.
#[derive(Debug, Default)]
pub struct UopPlan {
    /// The segment.
    pub data: Vec<Uop>,
    /// In program order.
    pub loads: Vec<UopLoad>,
    /// `uop_bgn` and `uop_end` of each operation; 0 for transfers.
    pub ranges: Vec<(u32, u32)>,
}

/// Plans the micro-ops of all operations.
pub fn plan(walk: &Walk, config: &Config) -> Result<UopPlan, EmitError> {
    let capacity = config.depth(MemoryType::Uop).min(MAX_LOAD + 1);
    let mut sequences = Sequences::default();
    let mut planner = Planner { capacity, ..Planner::default() };
    for (k, operation) in walk.operations.iter().enumerate() {
        let stmt = walk.statements[operation.statement as usize];
        let range = match sequences.number(stmt, operation) {
            None => (0, 0),
            Some(number) => planner.place(k as u32, number, &sequences.all[number])?,
        };
        planner.plan.ranges.push(range);
    }
    planner.close();
    Ok(planner.plan)
}

/// The distinct sequences, numbered in the order in which they are first used.
#[derive(Default)]
struct Sequences {
    all: Vec<Vec<Uop>>,
    by_operation: HashMap<Operation, usize>,
    by_content: HashMap<Vec<Uop>, usize>,
}

impl Sequences {
    fn number(&mut self, stmt: &Stmt, operation: &Operation) -> Option<usize> {
        if let Some(number) = self.by_operation.get(operation) {
            return Some(*number);
        }
        let content = sequence(stmt, operation)?;
        let next = self.all.len();
        let number = *self.by_content.entry(content.clone()).or_insert(next);
        if number == next {
            self.all.push(content);
        }
        self.by_operation.insert(*operation, number);
        Some(number)
    }
}

/// The micro-ops of one execution; none for a transfer. Fields that the instruction ignores are 0.
fn sequence(stmt: &Stmt, operation: &Operation) -> Option<Vec<Uop>> {
    let [dst, src, wgt] = operation.at.map(i64::from);
    let (uops, reads_src, reads_wgt) = match stmt {
        Stmt::Gemm(g) => (&g.uops, g.operands.is_some(), g.operands.is_some()),
        Stmt::Alu(a) => (&a.uops, matches!(a.operand, AluOperand::Tile(_)), false),
        Stmt::For(_) | Stmt::Alloc { .. } | Stmt::Store(_) | Stmt::Dma(_) => return None,
    };
    let absolute = |u: &MicroOp| Uop {
        dst: (dst + u.dst) as u32,
        src: if reads_src { (src + u.src) as u32 } else { 0 },
        wgt: if reads_wgt { (wgt + u.wgt) as u32 } else { 0 },
    };
    Some(uops.iter().map(absolute).collect())
}

#[derive(Default)]
struct Planner {
    capacity: usize,
    plan: UopPlan,
    epoch: Epoch,
    /// Where in the segment the content of an earlier epoch lies.
    segments: HashMap<Vec<Uop>, u32>,
}

/// What the buffer holds from one load to the next.
#[derive(Default)]
struct Epoch {
    before: u32,
    content: Vec<Uop>,
    /// Where each sequence that is in use starts.
    starts: HashMap<usize, u32>,
    /// Where each micro-op lies first.
    first: HashMap<Uop, u32>,
}

impl Planner {
    /// The range of a sequence in the buffer at one operation, in a next epoch if this one has no room for it.
    fn place(&mut self, operation: u32, number: usize, sequence: &[Uop]) -> Result<(u32, u32), EmitError> {
        let len = sequence.len() as u32;
        if let Some(start) = self.epoch.starts.get(&number) {
            return Ok((*start, start + len));
        }
        if sequence.len() > self.capacity {
            return Err(EmitError::MicroOps { needed: sequence.len(), capacity: self.capacity });
        }
        let start = self.epoch.find(sequence).unwrap_or_else(|| {
            if self.epoch.content.len() + sequence.len() > self.capacity {
                self.close();
            }
            self.epoch.append(operation, sequence)
        });
        self.epoch.starts.insert(number, start);
        Ok((start, start + len))
    }

    /// Ends the epoch: its content gets its place in the segment and its loads.
    fn close(&mut self) {
        let epoch = std::mem::take(&mut self.epoch);
        if epoch.content.is_empty() {
            return;
        }
        let offset = self.segments.get(&epoch.content).copied().unwrap_or_else(|| {
            let offset = self.plan.data.len() as u32;
            self.plan.data.extend(&epoch.content);
            offset
        });
        let mut start = 0;
        for part in epoch.content.chunks(MAX_LOAD) {
            let (sram_base, count) = (start as u16, part.len() as u16);
            self.plan.loads.push(UopLoad { before: epoch.before, sram_base, offset: offset + start, count });
            start += part.len() as u32;
        }
        self.segments.insert(epoch.content, offset);
    }
}

impl Epoch {
    /// Where the sequence lies within what is already there, if it starts where its first micro-op first stands.
    fn find(&self, sequence: &[Uop]) -> Option<u32> {
        let start = *self.first.get(sequence.first()?)?;
        self.content[start as usize..].starts_with(sequence).then_some(start)
    }

    fn append(&mut self, operation: u32, sequence: &[Uop]) -> u32 {
        let start = self.content.len() as u32;
        if start == 0 {
            self.before = operation;
        }
        for (uop, place) in sequence.iter().zip(start..) {
            self.content.push(*uop);
            self.first.entry(*uop).or_insert(place);
        }
        start
    }
}
