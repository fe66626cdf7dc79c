//! Race detection: what each instruction touches, and the token order → pairs of instructions that touch the same
//! bytes, one of them writing, while no chain of tokens puts one before the other.
//!
//! For every element of a scratchpad, and every granule of device memory that a store may write, a shadow holds the
//! last instruction of each module that wrote or read it, numbered within its module. A later access by another module
//! is ordered exactly if its clock counts that instruction. Each kind of access to a memory comes from one module,
//! which runs in order, so the last one stands for all before it: any race shows as some pair, whatever order of
//! execution was chosen.
//!
//! | memory | written by | read by |
//! |---|---|---|
//! | INP, WGT | load | compute |
//! | ACC | compute | store (compute's own reads are in order with its writes) |
//! | device memory | store | load and compute |
//!
//! The micro-op buffer belongs to compute alone. Sets of elements are exact: no hulls, so no false alarms.

mod footprint;

use crate::execute::load_store::Rows;
use crate::execute::nest::UopList;
use crate::memory::Dram;
use crate::tokens::{Clock, Clocks, TokenCounts};
use footprint::{Footprint, projection};
use std::fmt;
use std::ops::Range;
use tilewright_isa::{Config, Insn, MemoryType, Module, Op, PerMemory};

/// Pairs that are reported one by one; further ones are only counted.
const MAX_RACES: usize = 64;
/// Granules of device memory that can be followed.
const MAX_GRANULES: u64 = 1 << 30;

/// A memory that two modules share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedMemory {
    /// One with a buffer of its own, no view, that [`MemoryType::is_shared`].
    Scratchpad(MemoryType),
    Dram,
}

/// Two instructions of different modules that touch the same place, at least one of them writing, in no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    /// The one that happened to run first.
    pub first: usize,
    pub second: usize,
    /// Whether the first wrote and the second read, or the other way round.
    pub first_writes: bool,
    pub memory: SharedMemory,
    /// From the first place that both touch to behind the last: elements of a scratchpad, bytes of device memory.
    pub region: Range<u64>,
    /// How much of the region both touch, in the same unit.
    pub shared: u64,
}

impl fmt::Display for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Race { first, second, region: Range { start, end }, .. } = self;
        let (one, other) = if self.first_writes { ("writes", "reads") } else { ("reads", "writes") };
        write!(f, "instruction {first} {one} and instruction {second} {other} ")?;
        match self.memory {
            SharedMemory::Dram => write!(f, "device memory at {start:#x}..{end:#x}")?,
            SharedMemory::Scratchpad(memory) => write!(f, "{memory} elements {start}..{end}")?,
        }
        if self.shared < end - start {
            write!(f, " ({} of them)", self.shared)?;
        }
        write!(f, ", and no tokens order them")
    }
}

/// What the detector found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Races {
    /// The first pairs, in the order in which they were found.
    pub pairs: Vec<Race>,
    /// Places with races beyond those in `pairs`: elements or granules.
    pub more: u64,
    /// Whether device memory was too large to be followed, so that only scratchpads were.
    pub dram_skipped: bool,
}

impl Races {
    /// Whether none was found and nothing was left out.
    pub fn is_clean(&self) -> bool {
        *self == Races::default()
    }
}

/// The last writer and the last reader of each element, numbered from 1 within their modules; 0 for none.
#[derive(Clone, Debug, Default)]
struct Shadow {
    writes: Vec<u32>,
    reads: Vec<u32>,
}

impl Shadow {
    fn new(len: usize) -> Shadow {
        Shadow { writes: vec![0; len], reads: vec![0; len] }
    }
}

/// A piece of device memory that stores may write.
#[derive(Debug)]
struct DramShadow {
    /// Address of the first byte, a multiple of the granule.
    address: u64,
    writes: Vec<u32>,
    /// By load and by compute.
    reads: [Vec<u32>; 2],
    /// Whether load and compute have read anything here.
    is_read: [bool; 2],
}

/// Follows a run; see the module's comment.
#[derive(Debug)]
pub(crate) struct Detector {
    /// Empty for views, and for what one module has alone.
    scratchpads: PerMemory<Shadow>,
    /// In order of address.
    dram: Vec<DramShadow>,
    /// Bytes that are always accessed together, a power of two.
    granule: u64,
    clocks: Clocks,
    /// For each module, the instructions that it has run.
    order: [Vec<u32>; 3],
    races: Races,
}

/// One instruction's access to places of one memory.
#[derive(Clone, Copy)]
struct Access {
    writes: bool,
    insn: usize,
    /// The instruction's number in its own module.
    number: u32,
}

impl Detector {
    pub fn new(config: &Config, insns: &[Insn], dram: &Dram, tokens_before: &TokenCounts) -> Detector {
        let mut written = written_ranges(config, insns, dram);
        let granule = granule(config, insns, &written);
        for range in &mut written {
            // Outwards: an element may begin before the segment does, but none is accessed there.
            *range = range.start / granule * granule..range.end.next_multiple_of(granule);
        }
        let granules: u64 = written.iter().map(|range| (range.end - range.start) / granule).sum();
        let dram_skipped = granules > MAX_GRANULES;
        if dram_skipped {
            written.clear();
        }
        let is_followed = |memory: MemoryType| memory.scratchpad() == memory && memory.is_shared();
        let shadow = |memory| if is_followed(memory) { Shadow::new(config.depth(memory)) } else { Shadow::default() };
        let dram = written.into_iter().map(|range| {
            let len = ((range.end - range.start) / granule) as usize;
            DramShadow {
                address: range.start,
                writes: vec![0; len],
                reads: [vec![0; len], vec![0; len]],
                is_read: [false; 2],
            }
        });
        Detector {
            scratchpads: PerMemory::new(shadow),
            dram: dram.collect(),
            granule,
            clocks: Clocks::new(tokens_before),
            order: Default::default(),
            races: Races { dram_skipped, ..Races::default() },
        }
    }

    pub fn into_races(self) -> Races {
        self.races
    }

    /// Records an instruction that has run without a trap; `list` are its micro-ops, if it executes any.
    pub fn record(&mut self, index: usize, insn: &Insn, config: &Config, list: Option<&UopList>) {
        let module = insn.module();
        let clock = &self.clocks.step(insn);
        self.order[module as usize].push(index as u32);
        let number = clock[module as usize] + 1;
        let access = |writes| Access { writes, insn: index, number };
        match &insn.op {
            Op::Load(mem) | Op::Store(mem) if mem.is_noop() => {}
            Op::Load(mem) => {
                if mem.memory_type.is_shared() {
                    let start = usize::from(mem.sram_base);
                    let range = start..start + (mem.sram_rows() * mem.sram_row()) as usize;
                    self.scratchpad(mem.memory_type.scratchpad(), access(true), clock, range);
                }
                self.dram(access(false), module, clock, &Rows::unchecked(config, mem));
            }
            Op::Store(mem) => {
                let start = usize::from(mem.sram_base);
                let range = start..start + usize::from(mem.x_size) * usize::from(mem.y_size);
                self.scratchpad(mem.memory_type.scratchpad(), access(false), clock, range);
                self.dram(access(true), module, clock, &Rows::unchecked(config, mem));
            }
            Op::Gemm(gemm) => {
                for nest in list.iter().flat_map(|list| &list.nests) {
                    self.footprint(MemoryType::Acc, access(true), clock, &projection::gemm_dst(gemm, nest));
                    if !gemm.reset {
                        self.footprint(MemoryType::Inp, access(false), clock, &projection::gemm_src(gemm, nest));
                        self.footprint(MemoryType::Wgt, access(false), clock, &projection::gemm_wgt(gemm, nest));
                    }
                }
            }
            Op::Alu(alu) => {
                for nest in list.iter().flat_map(|list| &list.nests) {
                    self.footprint(MemoryType::Acc, access(true), clock, &projection::alu_dst(alu, nest));
                }
            }
            Op::Finish => {}
        }
    }

    fn footprint(&mut self, memory: MemoryType, access: Access, clock: &Clock, footprint: &Footprint) {
        footprint.for_each_run(|range| self.scratchpad(memory, access, clock, range));
    }

    fn scratchpad(&mut self, memory: MemoryType, access: Access, clock: &Clock, range: Range<usize>) {
        let other = if access.writes { memory.read_by() } else { memory.loaded_by() };
        let Shadow { writes, reads } = &mut self.scratchpads[memory];
        let (theirs, ours) = if access.writes { (reads, writes) } else { (writes, reads) };
        ours[range.clone()].fill(access.number);
        let theirs = &theirs[range.clone()];
        if is_unordered(theirs, clock[other as usize]) {
            let places = Places { memory: SharedMemory::Scratchpad(memory), start: range.start as u64, unit: 1 };
            report(&mut self.races, &self.order[other as usize], access, places, theirs, clock[other as usize]);
        }
    }

    fn dram(&mut self, access: Access, module: Module, clock: &Clock, rows: &Rows) {
        let Range { start, end } = rows.hull();
        let first = self.dram.partition_point(|shadow| shadow.end(self.granule) <= start);
        for shadow in first..self.dram.len() {
            if self.dram[shadow].address >= end {
                return;
            }
            for row in rows.ranges() {
                self.dram_row(access, module, clock, shadow, row);
            }
        }
    }

    fn dram_row(&mut self, access: Access, module: Module, clock: &Clock, shadow: usize, row: Range<u64>) {
        let shadow = &mut self.dram[shadow];
        let (start, end) = (row.start.max(shadow.address), row.end.min(shadow.end(self.granule)));
        if start >= end {
            return;
        }
        let granules = |address: u64| ((address - shadow.address) / self.granule) as usize;
        let range = granules(start)..granules(end);
        let places = Places { memory: SharedMemory::Dram, start, unit: self.granule };
        let others: &[Module] = if access.writes { &[Module::Load, Module::Compute] } else { &[Module::Store] };
        let DramShadow { writes, reads, is_read, .. } = shadow;
        if access.writes {
            writes[range.clone()].fill(access.number);
        } else {
            reads[module as usize][range.clone()].fill(access.number);
            is_read[module as usize] = true;
        }
        for &other in others {
            if access.writes && !is_read[other as usize] {
                continue;
            }
            let theirs = if access.writes { &reads[other as usize] } else { &*writes };
            let (theirs, known) = (&theirs[range.clone()], clock[other as usize]);
            if is_unordered(theirs, known) {
                report(&mut self.races, &self.order[other as usize], access, places, theirs, known);
            }
        }
    }
}

impl DramShadow {
    fn end(&self, granule: u64) -> u64 {
        self.address + self.writes.len() as u64 * granule
    }
}

/// Whether one of the accesses is not among the first `known` of its module. Without a branch per element.
fn is_unordered(numbers: &[u32], known: u32) -> bool {
    numbers.iter().fold(false, |found, &number| found | (number > known))
}

/// Where the elements of a slice of a shadow lie.
#[derive(Clone, Copy)]
struct Places {
    memory: SharedMemory,
    start: u64,
    unit: u64,
}

/// Adds the races of an access with the `numbers` of another module, of which `order` are the instructions.
fn report(races: &mut Races, order: &[u32], access: Access, places: Places, numbers: &[u32], known: u32) {
    for (at, &number) in numbers.iter().enumerate().filter(|&(_, &number)| number > known) {
        let first = order[number as usize - 1] as usize;
        let start = places.start + at as u64 * places.unit;
        let region = start..start + places.unit;
        let same = |race: &&mut Race| (race.first, race.second, race.memory) == (first, access.insn, places.memory);
        // Neighbouring elements mostly belong to the pair that was found last.
        if let Some(race) = races.pairs.iter_mut().rev().find(same) {
            race.region = race.region.start.min(region.start)..race.region.end.max(region.end);
            race.shared += places.unit;
        } else if races.pairs.len() == MAX_RACES {
            races.more += numbers[at..].iter().filter(|&&number| number > known).count() as u64;
            return;
        } else {
            let Places { memory, unit: shared, .. } = places;
            races.pairs.push(Race { first, second: access.insn, first_writes: !access.writes, memory, region, shared });
        }
    }
}

/// The bytes of the smallest element that the stream moves from or to the ranges: addresses are multiples of it.
fn granule(config: &Config, insns: &[Insn], written: &[Range<u64>]) -> u64 {
    let sizes = insns.iter().filter(|insn| !insn.is_noop()).filter_map(|insn| match &insn.op {
        Op::Load(mem) | Op::Store(mem) => {
            let hull = Rows::unchecked(config, mem).hull();
            let next = written.partition_point(|range| range.end <= hull.start);
            let meets = written.get(next).is_some_and(|range| range.start < hull.end);
            meets.then(|| config.element_bytes(mem.memory_type) as u64)
        }
        _ => None,
    });
    sizes.min().unwrap_or(1)
}

/// The mapped ranges of device memory in which stores write, in order and apart from each other. Hulls, which only
/// decide what is followed.
fn written_ranges(config: &Config, insns: &[Insn], dram: &Dram) -> Vec<Range<u64>> {
    let stores = insns.iter().filter(|insn| !insn.is_noop()).filter_map(|insn| match &insn.op {
        Op::Store(mem) => Some(Rows::unchecked(config, mem).hull()),
        _ => None,
    });
    let mut hulls: Vec<Range<u64>> = stores.filter(|hull| hull.start < hull.end).collect();
    hulls.sort_unstable_by_key(|hull| hull.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for hull in hulls {
        match merged.last_mut() {
            Some(last) if hull.start <= last.end => last.end = last.end.max(hull.end),
            _ => merged.push(hull),
        }
    }
    let mapped: Vec<Range<u64>> = dram.mapped().collect();
    let mut clipped = Vec::new();
    for Range { start, end } in merged {
        let first = mapped.partition_point(|extent| extent.end <= start);
        let inside = mapped[first..].iter().take_while(|extent| extent.start < end);
        clipped.extend(inside.map(|extent| extent.start.max(start)..extent.end.min(end)));
    }
    clipped
}
