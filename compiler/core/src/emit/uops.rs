//! Micro-ops: operations → the micro-op segment, when to load what of it, and each operation's place in the buffer.
//!
//! GEMM and ALU have no base registers, so an operation's addresses stand in its micro-ops, and each combination of
//! addresses is a sequence of its own. Equal sequences are one, and one that lies within another is not repeated.
//!
//! The operations are cut into epochs: a scan collects sequences until they fill the buffer, and loads at the start of the
//! epoch bring those that are not there. What an epoch needs and finds stays where it is; the others go into the gaps, at
//! first into those that nothing holds, and each gap takes one load. Where gaps are too small or loads too many, one load
//! brings the whole epoch. Loads and the operations that read the buffer run in compute, in order, so they need no tokens.

use std::collections::{BTreeMap, HashMap};

use tilewright_isa::{Config, MemoryType, Uop};

use super::EmitError;
use super::walk::{Operation, Walk};
use crate::costs::UOP_LOAD;
use crate::loops::ir::{MicroOp, Stmt};

/// The most micro-ops that one load brings, and the highest place where one can put them: fields of 16 bits.
const MAX_LOAD: usize = tilewright_isa::limits::MAX_SIZE as usize;

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
        planner.plan.ranges.push((0, 0));
        if let Some(number) = sequences.number(stmt, operation) {
            planner.place(k as u32, number, &sequences.all)?;
        }
    }
    planner.close(&sequences.all);
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
    let Stmt::Insn(insn) = stmt else { return None };
    let (_, _, uops) = insn.walk()?;
    let operands = insn.operands().count();
    let (reads_src, reads_wgt) = (operands > 1, operands > 2);
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
    /// Where each sequence starts that is in the buffer.
    resident: BTreeMap<usize, usize>,
    /// Where in the segment the content of an earlier load lies.
    segments: HashMap<Vec<Uop>, u32>,
}

/// What the buffer has to hold at the same time.
#[derive(Default)]
struct Epoch {
    /// The sequences that get a place, in the order of their first use, and how long they are together.
    hosts: Vec<usize>,
    size: usize,
    /// The host in which each sequence in use lies, and how far from its start.
    inside: HashMap<usize, (usize, usize)>,
    /// The host in which each micro-op occurs first, and how far from its start.
    first: HashMap<Uop, (usize, usize)>,
    /// The operations, each with its sequence.
    operations: Vec<(u32, usize)>,
}

/// Sequences with their places. Runs of them without a gap are loaded together.
type Placed = Vec<(usize, usize)>;

impl Planner {
    /// Notes that an operation uses a sequence: in this epoch, or in a next one if this one has no room for it.
    fn place(&mut self, operation: u32, number: usize, all: &[Vec<Uop>]) -> Result<(), EmitError> {
        if !self.epoch.inside.contains_key(&number) {
            let needed = all[number].len();
            if needed > self.capacity {
                return Err(EmitError::MicroOps { needed, capacity: self.capacity });
            }
            if !self.epoch.find(number, all) && self.epoch.size + needed > self.capacity {
                self.close(all);
            }
            self.epoch.add(number, all);
        }
        self.epoch.operations.push((operation, number));
        Ok(())
    }

    /// Ends the epoch: its sequences get their places, and its operations their ranges.
    fn close(&mut self, all: &[Vec<Uop>]) {
        let epoch = std::mem::take(&mut self.epoch);
        let Some((before, _)) = epoch.operations.first().copied() else { return };
        let loads = self.parts(&epoch, all).unwrap_or_else(|| self.whole(&epoch, all));
        for load in &loads {
            self.load(before, load, all);
        }
        for (operation, number) in epoch.operations {
            let (host, offset) = epoch.inside[&number];
            let start = (self.resident[&host] + offset) as u32;
            self.plan.ranges[operation as usize] = (start, start + all[number].len() as u32);
        }
    }

    /// Loads of what is missing; none where that is impossible or takes longer than loading everything.
    fn parts(&self, epoch: &Epoch, all: &[Vec<Uop>]) -> Option<Vec<Placed>> {
        let missing: Vec<usize> =
            epoch.hosts.iter().copied().filter(|host| !self.resident.contains_key(host)).collect();
        let mut longest_first = missing.clone();
        longest_first.sort_by_key(|host| std::cmp::Reverse(all[*host].len()));
        let everything = self.resident.iter().map(|(host, start)| (*start, all[*host].len()));
        let needed = epoch.hosts.iter().filter_map(|host| Some((*self.resident.get(host)?, all[*host].len())));
        let unneeded = self.gaps(needed);
        let loads = fill(self.gaps(everything), &missing, all)
            .or_else(|| fill(unneeded.clone(), &missing, all))
            .or_else(|| fill(unneeded, &longest_first, all))?;
        let beats = |placed: &Placed| placed.iter().map(|(host, _)| all[*host].len()).sum::<usize>() / 2;
        let cost: usize = loads.iter().map(|placed| UOP_LOAD as usize + beats(placed)).sum();
        (cost <= UOP_LOAD as usize + epoch.size / 2).then_some(loads)
    }

    /// The parts of the buffer that none of some ranges (start, length) holds.
    fn gaps(&self, held: impl Iterator<Item = (usize, usize)>) -> Vec<(usize, usize)> {
        let mut held: Vec<(usize, usize)> = held.collect();
        held.sort();
        held.push((self.capacity, 0));
        let mut next = 0;
        let mut gaps = Vec::new();
        for (start, len) in held {
            if start > next {
                gaps.push((next, start - next));
            }
            next = start + len;
        }
        gaps
    }

    /// One load of everything, in order of use.
    fn whole(&mut self, epoch: &Epoch, all: &[Vec<Uop>]) -> Vec<Placed> {
        self.resident.clear();
        let mut next = 0;
        let placed = epoch.hosts.iter().map(|host| {
            let start = next;
            next += all[*host].len();
            (*host, start)
        });
        vec![placed.collect()]
    }

    /// Brings sequences that lie one behind the other; what they overwrite is gone.
    fn load(&mut self, before: u32, placed: &Placed, all: &[Vec<Uop>]) {
        let Some((_, start)) = placed.first().copied() else { return };
        let content: Vec<Uop> = placed.iter().flat_map(|(host, _)| all[*host].iter().copied()).collect();
        let end = start + content.len();
        self.resident.retain(|host, at| *at >= end || *at + all[*host].len() <= start);
        self.resident.extend(placed.iter().copied());
        let data = &mut self.plan.data;
        let offset = *self.segments.entry(content).or_insert_with_key(|content| {
            data.extend(content);
            (data.len() - content.len()) as u32
        });
        for part in (start..end).step_by(MAX_LOAD) {
            let count = (end - part).min(MAX_LOAD) as u16;
            let offset = offset + (part - start) as u32;
            self.plan.loads.push(UopLoad { before, sram_base: part as u16, offset, count });
        }
    }
}

/// Places for sequences, one after the other, each in the first gap that has room; for each gap that is used the sequences in
/// it. None where one finds no room.
fn fill(gaps: Vec<(usize, usize)>, missing: &[usize], all: &[Vec<Uop>]) -> Option<Vec<Placed>> {
    let mut free: Vec<(usize, usize, Placed)> = gaps.into_iter().map(|(start, len)| (start, len, Vec::new())).collect();
    for host in missing {
        let needed = all[*host].len();
        let (start, len, placed) = free.iter_mut().find(|(_, len, _)| *len >= needed)?;
        placed.push((*host, *start));
        (*start, *len) = (*start + needed, *len - needed);
    }
    Some(free.into_iter().map(|(_, _, placed)| placed).filter(|placed| !placed.is_empty()).collect())
}

impl Epoch {
    /// Whether a sequence lies within one that has a place, starting where its first micro-op first stands.
    fn find(&mut self, number: usize, all: &[Vec<Uop>]) -> bool {
        let sequence = &all[number];
        let Some((host, offset)) = sequence.first().and_then(|uop| self.first.get(uop)).copied() else { return false };
        let found = all[host][offset..].starts_with(sequence);
        if found {
            self.inside.insert(number, (host, offset));
        }
        found
    }

    /// Gives a sequence a place of its own, unless it lies within another.
    fn add(&mut self, number: usize, all: &[Vec<Uop>]) {
        if self.find(number, all) {
            return;
        }
        for (offset, uop) in all[number].iter().enumerate() {
            self.first.entry(*uop).or_insert((number, offset));
        }
        self.hosts.push(number);
        self.size += all[number].len();
        self.inside.insert(number, (number, 0));
    }
}
