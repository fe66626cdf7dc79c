//! Execution: a decoded stream, the scratchpads and device memory → both memories after the run, and a [`Report`].
//!
//! Each instruction is checked as a whole before it has any effect, so a trap leaves what the instructions before it
//! left. Values and time are separate: nothing here knows a cycle, and the order of execution is [`crate::schedule`]'s.

mod alu;
mod alu_chain;
mod bounds;
mod gemm;
pub(crate) mod load_store;
pub(crate) mod nest;

use crate::hazards::Detector;
use crate::kernels::Level;
use crate::memory::Dram;
use crate::report::{Cause, Finish, Overflow, Report, Stop, Trap};
use crate::schedule::Heads;
use crate::scratchpad::Scratchpads;
use crate::tokens::{TokenCounts, TokenState};
use alu_chain::Chain;
use gemm::GemmPlan;
use nest::{UopCache, UopList};
use thiserror::Error;
use tilewright_isa::{Codec, Config, Insn, Mem, MemoryType, Module, Op};

/// Why there is no simulator for a configuration.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SimError {
    #[error("values of {inp}, {wgt} and {acc} bits (inp, wgt, acc) cannot be executed, only 8, 8 and 32")]
    Widths { inp: usize, wgt: usize, acc: usize },
    #[error("this host does not have the instructions of level {level}")]
    Level { level: Level },
}

impl SimError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            SimError::Widths { .. } => "E0903",
            SimError::Level { .. } => "E0904",
        }
    }
}

/// How to run a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Tokens that an earlier run left in the queues. They order nothing within this run.
    pub tokens_before: TokenCounts,
    /// Values computed or moved after which the run is trapped: multiply-accumulates of GEMM, lanes of ALU, bytes of
    /// loads and stores. One instruction alone can ask for 2^42 micro-ops.
    pub max_work: u64,
    /// Whether to look for races, at a cost of at most that of the run.
    pub detect_races: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { tokens_before: TokenCounts::default(), max_work: 1 << 40, detect_races: false }
    }
}

/// An accelerator: its configuration and the contents of its scratchpads, which stay from run to run.
#[derive(Clone, Debug)]
pub struct Simulator {
    config: Config,
    engine: Engine,
}

/// The parts of a simulator that execute.
#[derive(Clone, Debug)]
struct Engine {
    codec: Codec,
    pads: Scratchpads,
    uops: UopCache,
    plan: GemmPlan,
    /// ALU operations whose results are not in ACC yet. Empty between runs.
    chain: Chain,
    level: Level,
}

/// What an instruction needs beside the scratchpads.
struct Context<'a> {
    config: &'a Config,
    depths: &'a Depths,
    dram: &'a mut Dram,
    report: &'a mut Report,
    level: Level,
    work_left: u64,
}

/// The depth of each memory in elements, looked up by every instruction.
#[derive(Clone, Copy, Debug)]
struct Depths([u64; MemoryType::ALL.len()]);

impl Depths {
    fn new(config: &Config) -> Depths {
        Depths(MemoryType::ALL.map(|memory| config.depth(memory) as u64))
    }

    fn of(&self, memory: MemoryType) -> u64 {
        self.0[memory as usize]
    }
}

impl Context<'_> {
    /// Takes from what the run may spend: so many steps, of so many values each.
    fn spend(&mut self, steps: u64, values: usize) -> Result<(), Cause> {
        let (value, limit) = (steps.saturating_mul(values as u64), self.work_left);
        self.work_left = limit.checked_sub(value).ok_or(Cause::Budget { value, limit })?;
        Ok(())
    }
}

impl Simulator {
    /// A machine with all-zero scratchpads, on the host's best level. Fails for widths other than int8 × int8 → int32.
    pub fn new(config: &Config) -> Result<Simulator, SimError> {
        Simulator::with_level(config, Level::best())
    }

    /// As [`Simulator::new`], with the host's instructions limited to a level. All levels give the same bits.
    pub fn with_level(config: &Config, level: Level) -> Result<Simulator, SimError> {
        if !config.has_byte_lanes() {
            let (inp, wgt, acc) = (config.inp_width(), config.wgt_width(), config.acc_width());
            return Err(SimError::Widths { inp, wgt, acc });
        }
        if !level.is_available() {
            return Err(SimError::Level { level });
        }
        let engine = Engine {
            codec: Codec::new(config),
            pads: Scratchpads::new(config, level),
            uops: UopCache::default(),
            plan: GemmPlan::default(),
            chain: Chain::default(),
            level,
        };
        Ok(Simulator { config: *config, engine })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Executes the stream up to its FINISH, or to its end if it has none.
    pub fn run(&mut self, insns: &[Insn], dram: &mut Dram, options: &Options) -> Result<Report, Stop> {
        if u32::try_from(insns.len()).is_err() {
            return Err(Stop::TooLong { count: insns.len(), limit: u32::MAX });
        }
        let mut report = Report::default();
        let mut heads = Heads::new(insns);
        let mut tokens = TokenState::new(&options.tokens_before);
        let config = self.config;
        let (level, depths) = (self.engine.level, Depths::new(&config));
        let mut cx =
            Context { config: &config, depths: &depths, dram, report: &mut report, level, work_left: options.max_work };
        let mut detector = options.detect_races.then(|| Detector::new(&config, insns, cx.dram));
        let mut executed = 0;
        while let Some(index) = heads.pick(insns, &tokens) {
            let insn = &insns[index];
            let clock = tokens.start(insn);
            if let Err(cause) = self.engine.execute(&insn.op, &mut cx) {
                self.engine.settle();
                return Err(Trap { insn: index, mnemonic: insn.mnemonic(), cause }.into());
            }
            if let Some(detector) = &mut detector {
                detector.record(index, insn, &clock, &config, self.engine.uop_list(&insn.op));
            }
            if let Some(queue) = tokens.finish(insn) {
                cx.report.overflows.push(Overflow { queue, insn: index });
            }
            heads.advance(index);
            executed += 1;
            if insn.op == Op::Finish {
                report.finish = finish(index, insns, &heads, &tokens);
                break;
            }
        }
        self.engine.settle();
        if report.finish == Finish::Missing && !heads.is_done() {
            return Err(heads.deadlock(insns, &tokens, executed).into());
        }
        report.tokens_left = tokens.counts();
        report.races = detector.map(Detector::into_races);
        Ok(report)
    }
}

impl Engine {
    /// Brings ACC up to date.
    fn settle(&mut self) {
        self.chain.flush(self.level, &mut self.pads.acc);
    }

    /// The micro-ops that an instruction executes, if any.
    fn uop_list(&mut self, op: &Op) -> Option<&UopList> {
        let (executions, bgn, end) = match op {
            Op::Gemm(gemm) => (gemm.uop_executions(), gemm.uop_bgn, gemm.uop_end),
            Op::Alu(alu) => (alu.uop_executions(), alu.uop_bgn, alu.uop_end),
            _ => return None,
        };
        if executions == 0 { None } else { self.uops.get(&self.codec, &self.pads.uop, bgn, end) }
    }

    fn execute(&mut self, op: &Op, cx: &mut Context<'_>) -> Result<(), Cause> {
        if !matches!(op, Op::Alu(_)) {
            self.settle();
        }
        let counts = &mut cx.report.instructions;
        match op {
            Op::Load(mem) | Op::Store(mem) if mem.is_noop() => counts.noop += 1,
            Op::Load(mem) => {
                *load_count(counts, mem) += 1;
                load_store::load(&mut self.pads, mem, cx)?;
                if mem.memory_type == MemoryType::Uop {
                    self.uops.invalidate();
                }
            }
            Op::Store(mem) => {
                counts.store += 1;
                load_store::store(&self.pads, mem, cx)?;
            }
            Op::Gemm(gemm) => {
                *if gemm.reset { &mut counts.gemm_reset } else { &mut counts.gemm } += 1;
                gemm::run(self, gemm, cx)?;
            }
            Op::Alu(alu) => {
                counts.alu += 1;
                alu::run(self, alu, cx)?;
            }
            Op::Finish => counts.finish += 1,
        }
        Ok(())
    }
}

fn load_count<'a>(counts: &'a mut crate::report::InsnCounts, mem: &Mem) -> &'a mut u64 {
    match mem.memory_type {
        MemoryType::Uop => &mut counts.load_uop,
        MemoryType::Wgt => &mut counts.load_wgt,
        MemoryType::Inp => &mut counts.load_inp,
        MemoryType::Acc8Bit => &mut counts.load_acc8,
        MemoryType::Acc | MemoryType::Out => &mut counts.load_acc,
    }
}

/// What FINISH, which has just run, leaves undone or unordered. A no-op is no work that could be left.
fn finish(insn: usize, insns: &[Insn], heads: &Heads, tokens: &TokenState) -> Finish {
    let compute = tokens.clock(Module::Compute);
    let unordered = [Module::Load, Module::Store].into_iter().filter_map(|module| {
        let known = compute[module as usize] as usize;
        let done = tokens.clock(module)[module as usize] as usize;
        if known == done {
            return None;
        }
        heads.of_module(module).take(done).skip(known).find(|&index| !insns[index].is_noop())
    });
    let mut not_run = heads.not_run();
    let first_not_run = not_run.next();
    let count = usize::from(first_not_run.is_some()) + not_run.count();
    Finish::Reached { insn, unordered: unordered.collect(), not_run: count, first_not_run }
}
