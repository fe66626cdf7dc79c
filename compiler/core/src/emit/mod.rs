//! Emission: a legal program → the machine's instructions, its micro-ops, and where everything lies in device memory.
//!
//! | step | in → out |
//! |---|---|
//! | [`dram`] | DRAM buffers → segments |
//! | [`walk`] | loops → a list of operations with addresses |
//! | [`uops`] | operations → micro-ops, and when they are loaded |
//! | [`footprint`], [`hazards`] | operations → what each has to wait for |
//! | [`order`] | operations that wait → in an order in which others do not wait with them |
//! | [`relay`] | waits between load and store → waits through compute |
//! | [`tokens`] | waits → tokens |
//! | [`assemble`] | operations and tokens → instructions |
//!
//! Compute and store execute in the order of the program; loads may overtake each other, and micro-op loads and relays are
//! put between them. Equal programs give equal streams. The work is linear in the instructions and in the tiles that they
//! touch.

mod assemble;
pub mod dram;
pub mod footprint;
pub mod hazards;
pub mod image;
pub mod order;
pub mod relay;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod uops;
pub mod walk;

use std::collections::HashMap;

use thiserror::Error;
use tilewright_isa::{Codec, Config, EncodeError, Insn, Mem, MemoryType, Module, Op, Uop};
use tilewright_syntax::Diagnostic;

use crate::legalize::LegalProgram;
use crate::loops::ir::{self, BufferId, Direction, LoopProgram, Origin, Stmt};
use assemble::Item;
use dram::DramMap;
use footprint::{Space, Touch};
use hazards::{Clock, History};
use relay::{Relayed, Source, Step};
use uops::UopPlan;
use walk::Walk;

/// A program as the machine runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub config: Config,
    /// In ascending order of addresses; they do not overlap.
    pub segments: Vec<Segment>,
    /// The content of the segment of kind [`SegmentKind::Uops`], which exists if there are any.
    pub uops: Vec<Uop>,
    pub insns: Vec<Insn>,
    /// The statement that each instruction executes, by its number among the transfers, products and ALU operations of the
    /// program, in the order of its text. A relay or a micro-op load belongs to the instruction that it serves; FINISH to
    /// none.
    pub statements: Vec<Option<u32>>,
    /// The origin of each instruction's statement.
    pub origins: Vec<Origin>,
}

/// A range of device memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub name: String,
    /// In bytes.
    pub address: u32,
    pub bytes: usize,
    pub kind: SegmentKind,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// The array of a DRAM buffer; [`image`] converts it.
    Tensor(BufferId),
    Uops,
}

/// What no check of a program by itself can exclude: the whole is too large for the machine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EmitError {
    #[error(
        "`{segment}` takes {bytes} bytes of device memory from address {address} on, which goes beyond the 4 GiB that \
         instructions address"
    )]
    DeviceMemory { segment: String, bytes: u64, address: u64 },
    #[error("`{program}` becomes {operations} instructions; the limit is {limit}")]
    TooManyOperations { program: String, operations: u64, limit: u64 },
    #[error("an instruction needs {needed} micro-ops at once, but the micro-op buffer takes {capacity}")]
    MicroOps { needed: usize, capacity: usize },
}

impl EmitError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            EmitError::DeviceMemory { .. } => "E0460",
            EmitError::TooManyOperations { .. } => "E0461",
            EmitError::MicroOps { .. } => "E0464",
        }
    }

    /// The error as it is shown. It is about the program as a whole, so it has no place in it.
    pub fn diagnostic(&self) -> Diagnostic {
        let help = match self {
            EmitError::DeviceMemory { .. } => "process the data in several runs",
            EmitError::TooManyOperations { .. } => {
                "every loop that is not inside an instruction is unrolled: let `compute_at` name loops further outside, so \
                 that fewer and larger loads and GEMM instructions remain, or process the data in several runs"
            }
            EmitError::MicroOps { .. } => "put fewer loops inside the instruction",
        };
        Diagnostic::error(self.code(), self.to_string()).help(help)
    }
}

impl Stream {
    /// The bytes of the micro-op segment.
    pub fn uop_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let codec = Codec::new(&self.config);
        let words = self.uops.iter().map(|uop| Ok(codec.encode_uop(uop)?.to_le_bytes()));
        Ok(words.collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// Emits a legal program.
pub fn emit(legal: &LegalProgram) -> Result<Stream, EmitError> {
    stream(legal.program(), legal.config())
}

fn stream(program: &LoopProgram, config: &Config) -> Result<Stream, EmitError> {
    let mut dram = DramMap::new(program)?;
    let walk = walk::walk(program)?;
    let plan = uops::plan(&walk, config)?;
    let uop_segment = match plan.data.len() as u64 {
        0 => 0,
        count => dram.append("micro-ops", SegmentKind::Uops, count * UOP_BYTES, UOP_BYTES)?,
    };
    let mut items = items(&walk, &plan);
    let touches = shared_touches(&walk);
    let mut steps = steps(&walk, &touches, &items);
    let durations: Vec<u64> = items.iter().map(|item| assemble::cycles(&walk, item, config)).collect();
    if let Some(order) = order::order(&steps, &durations) {
        items = order.iter().map(|k| items[*k as usize]).collect();
        steps = self::steps(&walk, &touches, &items);
    }
    let relayed = relay::relay(&steps);
    let flags = tokens::tokens(relayed.steps.clone());

    let assembler = Assembler { walk: &walk, plan: &plan, segments: first_tiles(&walk, &dram, config), uop_segment };
    let (ops, statements): (Vec<Op>, Vec<Option<u32>>) = assembler.instructions(&items, &relayed).unzip();
    let origin =
        |statement: &Option<u32>| statement.map_or(Origin::default(), |s| walk.statements[s as usize].origin());
    let origins = statements.iter().map(origin).collect();
    let insns = ops.into_iter().zip(flags).map(|(op, tokens)| Insn { tokens, op }).collect();
    Ok(Stream { config: *config, segments: dram.segments, uops: plan.data, insns, statements, origins })
}

const UOP_BYTES: u64 = tilewright_isa::config::UOP_BYTES as u64;

/// All instructions but relays, in program order. The last is FINISH.
fn items(walk: &Walk, plan: &UopPlan) -> Vec<Item> {
    let mut items = Vec::with_capacity(walk.operations.len() + plan.loads.len() + 1);
    let mut loads = plan.loads.iter().peekable();
    for k in 0..walk.operations.len() as u32 {
        while let Some(load) = loads.next_if(|l| l.before == k) {
            items.push(Item::LoadUops(*load));
        }
        items.push(Item::Operation(k));
    }
    items.push(Item::Finish);
    items
}

/// What each instruction has to wait for. FINISH waits for everything.
fn steps(walk: &Walk, touches: &[Vec<Touch>], items: &[Item]) -> Vec<Step> {
    let mut history = History::default();
    let mut everything = Clock::default();
    let mut steps = Vec::with_capacity(items.len());
    for (position, item) in items.iter().enumerate() {
        let mut needs = Clock::default();
        let module = match item {
            Item::LoadUops(_) => Module::Compute,
            Item::Finish => {
                needs = everything;
                Module::Compute
            }
            Item::Operation(k) => {
                let operation = &walk.operations[*k as usize];
                let module = module(walk, walk.statements[operation.statement as usize]);
                for touch in &touches[operation.statement as usize] {
                    let tiles = touch.runs.iter().map(|run| run.at(operation.at[touch.operand], touch.places));
                    history.touch(touch.space, tiles, touch.write, (module, position as u32), &mut needs);
                }
                module
            }
        };
        everything.raise(module, position as u32 + 1);
        steps.push(Step { module, needs });
    }
    steps
}

/// The touches of each statement, without those of DRAM buffers that are only read or only written: these are most of
/// the tiles, and no hazard is in them.
fn shared_touches(walk: &Walk) -> Vec<Vec<Touch>> {
    let mut touches: Vec<Vec<Touch>> =
        walk.statements.iter().map(|stmt| footprint::footprint(walk.program, stmt)).collect();
    let accessed = |space: Space, write: bool| touches.iter().flatten().any(|t| t.space == space && t.write == write);
    let shared: Vec<bool> = (0..walk.program.buffers.len() as u32)
        .map(|b| accessed(Space::Dram(b), true) && accessed(Space::Dram(b), false))
        .collect();
    for touch in &mut touches {
        touch.retain(|t| !matches!(t.space, Space::Dram(b) if !shared[b as usize]));
    }
    // A segment's smallest tiles are its places.
    let mut smallest: HashMap<Space, i64> = HashMap::new();
    for touch in touches.iter().flatten() {
        smallest.entry(touch.space).and_modify(|places| *places = touch.places.min(*places)).or_insert(touch.places);
    }
    touches.iter_mut().flatten().for_each(|touch| touch.places /= smallest[&touch.space]);
    touches
}

/// The module that executes a statement, as [`Insn::module`] has it.
fn module(walk: &Walk, stmt: &Stmt) -> Module {
    match stmt {
        Stmt::Insn(ir::Insn::Dma(dma)) => match (dma.direction, assemble::memory_type(walk.program, dma)) {
            (Direction::Store, _) => Module::Store,
            (Direction::Load, memory) => memory.loaded_by(),
        },
        _ => Module::Compute,
    }
}

/// For each statement that is a transfer, the number of its DRAM buffer's first tile; 0 for the others.
fn first_tiles(walk: &Walk, dram: &DramMap, config: &Config) -> Vec<u32> {
    let first = |stmt: &&Stmt| match stmt {
        Stmt::Insn(ir::Insn::Dma(dma)) => {
            let tile = config.element_bytes(assemble::memory_type(walk.program, dma)) as u64;
            (dram.address(dma.dram.buffer) / tile) as u32
        }
        _ => 0,
    };
    walk.statements.iter().map(first).collect()
}

struct Assembler<'a> {
    walk: &'a Walk<'a>,
    plan: &'a UopPlan,
    /// As [`first_tiles`] has them.
    segments: Vec<u32>,
    /// The address of the micro-op segment, in bytes.
    uop_segment: u64,
}

impl Assembler<'_> {
    fn instructions(&self, items: &[Item], relayed: &Relayed) -> impl Iterator<Item = (Op, Option<u32>)> {
        relayed.sources.iter().map(|source| match source {
            Source::Step(k) => (self.op(&items[*k as usize]), self.statement(&items[*k as usize])),
            Source::RelayFor(k) => (Op::Load(Mem::noop(MemoryType::Uop)), self.statement(&items[*k as usize])),
        })
    }

    fn op(&self, item: &Item) -> Op {
        match item {
            Item::Finish => Op::Finish,
            Item::LoadUops(load) => assemble::load_uops(load, (self.uop_segment / UOP_BYTES) as u32),
            Item::Operation(k) => {
                let operation = &self.walk.operations[*k as usize];
                let segment = self.segments[operation.statement as usize];
                assemble::operation(self.walk, operation, self.plan.ranges[*k as usize], segment)
            }
        }
    }

    fn statement(&self, item: &Item) -> Option<u32> {
        let operation = match item {
            Item::Finish => return None,
            Item::LoadUops(load) => load.before,
            Item::Operation(k) => *k,
        };
        Some(self.walk.operations[operation as usize].statement)
    }
}
