//! Where a stream relies on behaviour that differs between implementations of the instruction set: the functional
//! simulator, whose meaning is the default here, the RTL, and the HLS design.
//!
//! Findings are facts of the stream alone: no values are computed. Micro-ops are followed where the caller knows what
//! device memory holds; where it does not, the checks that need them say nothing.

use crate::alu::AluOpcode;
use crate::config::Config;
use crate::elements::{Dim, ElementSet};
use crate::encode::Codec;
use crate::insn::{Alu, Insn, Mem, Op, Uop};
use crate::limits::MAX_TOKENS;
use crate::memory::MemoryType;
use crate::program::UopBuffer;
use crate::stream::{Order, Queue, most_outstanding};
use std::fmt;

/// What kind of reliance a finding is; the discriminant is the number of its stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    Mul = 801,
    Acc8BitLoad = 802,
    ShiftByRegister = 803,
    ShiftBeyondFiveBits = 804,
    ShiftBeyondWidth = 805,
    StaleOut = 806,
    EmptyCount = 807,
    PastBuffer = 808,
    CloseDestinations = 809,
    TooManyTokens = 810,
    FinishUnordered = 811,
    MissingToken = 812,
    TokensLeft = 813,
    FlagWithoutQueue = 814,
    StorePads = 815,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W{:04}", *self as u16)
    }
}

/// One reliance of one instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    /// The instruction's number in the stream.
    pub insn: usize,
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: instruction {}: {}", self.code, self.insn, self.message)
    }
}

/// All findings of a stream, by instruction. The instructions must have an encoding under the configuration.
///
/// `uop_word` gives the micro-op word at an index of DRAM, counted in micro-ops, where it is known
/// ([`crate::Program::uop_word`]). `tokens_before` lie in the queues at the start, in the order of [`Queue::ALL`].
pub fn lint(
    config: &Config,
    insns: &[Insn],
    uop_word: impl Fn(u64) -> Option<u32>,
    tokens_before: [u32; 4],
) -> Vec<Finding> {
    let mut linter = Linter::new(config);
    for (index, insn) in insns.iter().enumerate() {
        linter.index = index;
        linter.insn(insn, &uop_word);
    }
    if !insns.is_empty() {
        tokens(insns, tokens_before, &mut linter);
    }
    linter.findings.sort_by_key(|finding| (finding.insn, finding.code));
    linter.findings
}

struct Linter {
    config: Config,
    codec: Codec,
    uops: UopBuffer,
    /// For each ACC element, the LOAD that wrote it last, unless GEMM or ALU wrote it since.
    loaded_by: Vec<Option<usize>>,
    /// Whether there is such an element.
    any_loaded: bool,
    index: usize,
    findings: Vec<Finding>,
}

/// The loops of a GEMM or ALU, as far as both have them.
struct Nest {
    uop_bgn: u32,
    uop_end: u32,
    iter_out: u32,
    iter_in: u32,
    dst_factor: (u32, u32),
}

impl Linter {
    fn new(config: &Config) -> Linter {
        Linter {
            config: *config,
            codec: Codec::new(config),
            uops: UopBuffer::new(config),
            loaded_by: vec![None; config.depth(MemoryType::Acc)],
            any_loaded: false,
            index: 0,
            findings: Vec::new(),
        }
    }

    fn find(&mut self, code: Code, message: impl Into<String>) {
        self.findings.push(Finding { code, insn: self.index, message: message.into() });
    }

    fn insn(&mut self, insn: &Insn, uop_word: &impl Fn(u64) -> Option<u32>) {
        self.flags(insn);
        match &insn.op {
            _ if insn.is_noop() => {}
            Op::Load(mem) => self.load(mem, uop_word),
            Op::Store(mem) => self.store(mem),
            Op::Gemm(gemm) => {
                let dst_factor = (gemm.dst_factor_out, gemm.dst_factor_in);
                let (iter_out, iter_in) = (gemm.iter_out, gemm.iter_in);
                let nest = Nest { uop_bgn: gemm.uop_bgn, uop_end: gemm.uop_end, iter_out, iter_in, dst_factor };
                let Some(uops) = self.nest(&nest) else { return };
                if !gemm.reset {
                    let src = (gemm.src_factor_out, gemm.src_factor_in);
                    let wgt = (gemm.wgt_factor_out, gemm.wgt_factor_in);
                    self.past(&nest, uops.iter().map(|uop| uop.src), src, MemoryType::Inp);
                    self.past(&nest, uops.iter().map(|uop| uop.wgt), wgt, MemoryType::Wgt);
                }
            }
            Op::Alu(alu) => self.alu(alu),
            Op::Finish => {}
        }
    }

    fn flags(&mut self, insn: &Insn) {
        let (module, tokens) = (insn.module(), insn.tokens);
        for (name, flag, side) in [
            ("pop_prev", tokens.pop_prev, module.prev()),
            ("pop_next", tokens.pop_next, module.next()),
            ("push_prev", tokens.push_prev, module.prev()),
            ("push_next", tokens.push_next, module.next()),
        ] {
            if flag && side.is_none() {
                self.find(Code::FlagWithoutQueue, format!("{name} has no queue in {module}: it is ignored here"));
            }
        }
    }

    fn load(&mut self, mem: &Mem, uop_word: &impl Fn(u64) -> Option<u32>) {
        if mem.memory_type == MemoryType::Acc8Bit {
            self.find(Code::Acc8BitLoad, "loads 8-bit values into acc: the RTL and HLS have no such load");
        }
        self.rows(mem);
        match mem.memory_type {
            MemoryType::Uop => self.uops.load(mem, uop_word),
            MemoryType::Acc | MemoryType::Acc8Bit => {
                let elements = self.acc_elements(mem);
                self.loaded_by[elements].fill(Some(self.index));
                self.any_loaded = true;
            }
            _ => {}
        }
    }

    fn store(&mut self, mem: &Mem) {
        if [mem.y_pad_0, mem.y_pad_1, mem.x_pad_0, mem.x_pad_1] != [0; 4] {
            self.find(Code::StorePads, "a store with pads: only zero pads have a meaning");
        }
        self.rows(mem);
        let stale = self.loaded_by[self.acc_elements(mem)].iter().find_map(|load| *load);
        if let Some(load) = stale {
            let what = format!("stores acc elements that instruction {load} loaded and no gemm or alu wrote since");
            self.find(Code::StaleOut, format!("{what}: the RTL and HLS store an older copy"));
        }
    }

    /// What LOAD and STORE have in common: the number of rows and the end of the scratchpad.
    fn rows(&mut self, mem: &Mem) {
        if mem.y_size == 0 {
            self.find(Code::EmptyCount, "y_size is 0: nothing here, but the RTL's counter wraps");
        }
        let (end, depth) =
            (u64::from(mem.sram_base) + mem.sram_rows() * mem.sram_row(), self.config.depth(mem.memory_type));
        if end > depth as u64 {
            let memory = mem.memory_type;
            self.find(
                Code::PastBuffer,
                format!("{memory} element {} is past the end, {depth}: the RTL wraps", end - 1),
            );
        }
    }

    /// The elements of ACC that it moves, as far as ACC reaches.
    fn acc_elements(&self, mem: &Mem) -> std::ops::Range<usize> {
        let depth = self.loaded_by.len();
        let start = usize::from(mem.sram_base).min(depth);
        let len = (mem.sram_rows() * mem.sram_row()).min((depth - start) as u64);
        start..start + len as usize
    }

    /// What GEMM and ALU have in common; the micro-ops, if known.
    fn nest(&mut self, nest: &Nest) -> Option<Vec<Uop>> {
        if nest.iter_out == 0 || nest.iter_in == 0 {
            self.find(Code::EmptyCount, "an iteration count is 0: nothing here, but the RTL's counter wraps");
            return None;
        }
        if nest.uop_end <= nest.uop_bgn {
            self.find(Code::EmptyCount, "the micro-op range is empty: nothing here, but the RTL's counter wraps");
            return None;
        }
        let depth = self.config.depth(MemoryType::Uop);
        if nest.uop_end as usize > depth {
            let last = nest.uop_end - 1;
            self.find(Code::PastBuffer, format!("uop element {last} is past the end, {depth}: the RTL wraps"));
        }
        let Some(words) = self.uops.range(nest.uop_bgn, nest.uop_end) else {
            self.loaded_by.fill(None);
            self.any_loaded = false;
            return None;
        };
        let uops: Vec<Uop> = words.iter().map(|word| self.codec.decode_uop(*word)).collect();
        self.past(nest, uops.iter().map(|uop| uop.dst), nest.dst_factor, MemoryType::Acc);
        self.written(nest, &uops);
        Some(uops)
    }

    /// Reports the largest index of an operand when its scratchpad does not hold it.
    fn past(&mut self, nest: &Nest, bases: impl Iterator<Item = u32>, factor: (u32, u32), memory: MemoryType) {
        let steps = |count: u32, factor: u32| u64::from(count - 1) * u64::from(factor);
        let reach = steps(nest.iter_out, factor.0) + steps(nest.iter_in, factor.1);
        let last = bases.max().map_or(0, u64::from) + reach;
        let depth = self.config.depth(memory);
        if last >= depth as u64 {
            self.find(Code::PastBuffer, format!("{memory} element {last} is past the end, {depth}: the RTL wraps"));
        }
    }

    fn written(&mut self, nest: &Nest, uops: &[Uop]) {
        if !self.any_loaded {
            return;
        }
        let mut written = ElementSet::new(self.loaded_by.len());
        let dim = |count: u32, stride: u32| Dim { count: count.into(), stride: stride.into() };
        let (outer, inner) = (dim(nest.iter_out, nest.dst_factor.0), dim(nest.iter_in, nest.dst_factor.1));
        written.insert_nest(uops.iter().map(|uop| uop.dst), outer, inner);
        written.iter().for_each(|element| self.loaded_by[element] = None);
        self.any_loaded = self.loaded_by.iter().any(Option::is_some);
    }

    fn alu(&mut self, alu: &Alu) {
        if !alu.alu_opcode.is_in_rtl() {
            self.find(Code::Mul, format!("{}: the RTL cannot decode it and HLS ignores it", alu.alu_opcode));
        }
        if alu.alu_opcode == AluOpcode::Shr {
            self.shift(alu);
        }
        let dst_factor = (alu.dst_factor_out, alu.dst_factor_in);
        let (iter_out, iter_in) = (alu.iter_out, alu.iter_in);
        let nest = Nest { uop_bgn: alu.uop_bgn, uop_end: alu.uop_end, iter_out, iter_in, dst_factor };
        let Some(uops) = self.nest(&nest) else { return };
        if !alu.use_imm {
            let factor = (alu.src_factor_out, alu.src_factor_in);
            self.past(&nest, uops.iter().map(|uop| uop.src), factor, MemoryType::Acc);
        }
        if let Some((dst, distance)) = close_destinations(&nest, &uops) {
            let what = format!("writes acc element {dst} again {distance} micro-ops later");
            let who = if distance == 1 { "the RTL asserts, and HLS has a hazard" } else { "a hazard in HLS" };
            self.find(Code::CloseDestinations, format!("{what}: {who}"));
        }
    }

    fn shift(&mut self, alu: &Alu) {
        if !alu.use_imm {
            let what = "shifts by acc values: where one is negative this shifts left, the RTL right by its low 5 bits";
            return self.find(Code::ShiftByRegister, format!("{what}, and HLS treats 16 to 31 as a shift left"));
        }
        let imm = alu.imm;
        if !alu.alu_opcode.immediates().contains(&imm) {
            self.find(Code::ShiftBeyondWidth, format!("shifts by {imm}: no implementation defines 32 or more"));
        } else if !(-16..16).contains(&imm) {
            let what = format!("shifts by {imm}: HLS takes the low 5 bits as a signed number");
            self.find(Code::ShiftBeyondFiveBits, what);
        }
    }
}

/// A destination that one of the next two micro-op executions writes again, with the distance, 1 before 2.
///
/// The distance between two executions' destinations depends only on which loops turn over between them, so starting
/// points at the first and the last three inner iterations of the first outer one meet every case.
fn close_destinations(nest: &Nest, uops: &[Uop]) -> Option<(u64, u64)> {
    let (count, inner) = (uops.len() as u64, u64::from(nest.iter_in));
    let total = count * inner * u64::from(nest.iter_out);
    let dst = |step: u64| {
        let (u, i, o) = (step % count, step / count % inner, step / count / inner);
        u64::from(uops[u as usize].dst) + o * u64::from(nest.dst_factor.0) + i * u64::from(nest.dst_factor.1)
    };
    let starts = || (0..inner.min(1)).chain(inner.saturating_sub(3).max(1)..inner);
    (1..=2).find_map(|distance| {
        starts()
            .flat_map(|i| i * count..(i + 1) * count)
            .find(|step| step + distance < total && dst(*step) == dst(step + distance))
            .map(|step| (dst(step), distance))
    })
}

/// Findings about the token queues and the end of the run, of a stream with at least one instruction.
fn tokens(insns: &[Insn], tokens_before: [u32; 4], linter: &mut Linter) {
    for queue in Queue::ALL {
        if let (count, Some(index)) = most_outstanding(insns, queue, tokens_before)
            && count > MAX_TOKENS
        {
            linter.index = index;
            let what = format!("up to {count} tokens may be in {queue}");
            linter.find(Code::TooManyTokens, format!("{what}: the RTL counts to {MAX_TOKENS} and loses the others"));
        }
    }
    let order = Order::new(insns, tokens_before);
    let mut waiting = [false; 3];
    for index in order.never_start() {
        linter.index = index;
        let module = insns[index].module();
        if !std::mem::replace(&mut waiting[module as usize], true) {
            let what = format!("{module} waits here for a token that is never posted");
            linter.find(Code::MissingToken, format!("{what}: the RTL times out and returns success"));
        }
    }
    let finish = insns.iter().position(|insn| insn.op == Op::Finish);
    linter.index = finish.unwrap_or(insns.len() - 1);
    let started = finish.filter(|finish| order.starts(*finish));
    if let Some(first) = started.and_then(|finish| order.unordered_before(finish)) {
        let what = format!("finish does not wait for instruction {first}");
        linter.find(Code::FinishUnordered, format!("{what}: the RTL may return before it is done"));
    }
    for (queue, left) in Queue::ALL.into_iter().zip(order.tokens_left()).filter(|(_, left)| *left > 0) {
        let what = format!("{left} token{} left in {queue} at the end", if left == 1 { " is" } else { "s are" });
        linter.find(Code::TokensLeft, format!("{what}: the next run finds them on hardware"));
    }
}
