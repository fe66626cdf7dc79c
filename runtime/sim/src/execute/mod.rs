//! Execution: a decoded stream, the scratchpads and device memory → both memories after the run, and a [`Report`].
//!
//! Each instruction is checked as a whole before it has any effect, so a trap leaves what the instructions before it
//! left. Values and time are separate: nothing here knows a cycle, and the order of execution is [`crate::issue`]'s.

mod alu;
mod alu_chain;
mod bounds;
mod gemm;
pub(crate) mod load_store;
pub(crate) mod nest;

use crate::hazards::Detector;
use crate::issue::Issue;
use crate::kernels::Level;
use crate::memory::Dram;
use crate::report::{Cause, Finish, Overflow, Report, Stop, Trap};
use crate::scratchpad::Scratchpads;
use crate::tokens::{Queue, TokenCounts, TokenState};
use alu_chain::Chain;
use gemm::GemmPlans;
use nest::{UopCache, UopList};
use thiserror::Error;
use tilewright_isa::{Codec, Config, Insn, MemoryType, Module, Op, PerMemory, WidthsError};

/// Why there is no simulator for a configuration.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SimError {
    #[error(transparent)]
    Widths(#[from] WidthsError),
    #[error("this host does not have the instructions of level {level}")]
    Level { level: Level },
}

impl SimError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            SimError::Widths(error) => error.code(),
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
    /// Whether to look for races, at a cost of up to twice that of the run. They are those of the stream and its
    /// micro-ops, whatever the data are: of many runs of a stream, one is enough to find them.
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
    plans: GemmPlans,
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
    work: Work,
}

/// The depth of each memory in elements, looked up by every instruction.
#[derive(Clone, Copy, Debug)]
struct Depths(PerMemory<u64>);

impl Depths {
    fn new(config: &Config) -> Depths {
        Depths(PerMemory::new(|memory| config.depth(memory) as u64))
    }

    fn of(&self, memory: MemoryType) -> u64 {
        self.0[memory]
    }
}

/// What a run may still spend, in values computed or moved.
struct Work {
    left: u64,
}

impl Work {
    /// Takes so many steps, of so many values each.
    #[inline]
    fn spend(&mut self, steps: u64, values: usize) -> Result<(), Cause> {
        let (value, limit) = (steps.saturating_mul(values as u64), self.left);
        self.left = limit.checked_sub(value).ok_or(Cause::Budget { value, limit })?;
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
        config.executable()?;
        if !level.is_available() {
            return Err(SimError::Level { level });
        }
        let engine = Engine {
            codec: Codec::new(config),
            pads: Scratchpads::new(config, level),
            uops: UopCache::default(),
            plans: GemmPlans::default(),
            chain: Chain::default(),
            level,
        };
        Ok(Simulator { config: *config, engine })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Makes the scratchpads those of a machine after power-on, in the memory that they have.
    ///
    /// ```
    /// use tilewright_isa::{Config, Insn, Mem, MemoryType, Op, Tokens};
    /// use tilewright_sim::{Dram, Options, Segment, Simulator};
    ///
    /// let row = |memory| Mem { y_size: 1, x_size: 1, x_stride: 1, ..Mem::noop(memory) };
    /// let insn = |op| Insn { tokens: Tokens::default(), op };
    /// let store = [insn(Op::Store(row(MemoryType::Out)))];
    /// let load_and_store = [insn(Op::Load(row(MemoryType::Acc8Bit))), store[0]];
    ///
    /// let mut simulator = Simulator::new(&Config::default())?;
    /// // Segments that every run begins with, and the memory that runs write.
    /// let image = Dram::new(vec![Segment { address: 0, bytes: vec![7; 16] }])?;
    /// let mut dram = image.clone();
    /// simulator.run(&load_and_store, &mut dram, &Options::default())?;
    ///
    /// simulator.reset();
    /// dram.clone_from(&image);
    /// simulator.run(&store, &mut dram, &Options::default())?;
    /// assert_eq!(dram.read(0, 16), Some(&[0; 16][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(&mut self) {
        self.engine.pads.clear();
        self.engine.uops.invalidate();
    }

    /// Executes the stream up to its FINISH, or to its end if it has none.
    pub fn run(&mut self, insns: &[Insn], dram: &mut Dram, options: &Options) -> Result<Report, Stop> {
        if u32::try_from(insns.len()).is_err() {
            return Err(Stop::TooLong { count: insns.len(), limit: u32::MAX });
        }
        let mut report = Report::default();
        let mut issue = Issue::new(insns);
        let mut tokens = TokenState::new(&options.tokens_before);
        let config = self.config;
        let (level, depths) = (self.engine.level, Depths::new(&config));
        let mut cx = Context {
            config: &config,
            depths: &depths,
            dram,
            report: &mut report,
            level,
            work: Work { left: options.max_work },
        };
        let mut detector = options.detect_races.then(|| Detector::new(&config, insns, cx.dram, &options.tokens_before));
        let mut executed = 0;
        while let Some(index) = issue.issue(&tokens) {
            let insn = &insns[index];
            tokens.take(insn);
            if let Err(cause) = self.engine.execute(&insn.op, &mut cx) {
                self.engine.settle();
                return Err(Trap { insn: index, mnemonic: insn.mnemonic(), cause }.into());
            }
            if let Some(detector) = &mut detector {
                detector.record(index, insn, &config, self.engine.uop_list(&insn.op));
            }
            if let Some(queue) = tokens.post(insn) {
                cx.report.overflows.push(Overflow { queue, insn: index });
            }
            executed += 1;
            if matches!(insn.op, Op::Finish) {
                report.finish = finish(index, insns, &issue, &tokens);
                break;
            }
        }
        self.engine.settle();
        if report.finish == Finish::Missing && !issue.is_done() {
            return Err(issue.deadlock(&tokens, executed).into());
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
                counts.load[mem.memory_type] += 1;
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

/// What FINISH, which has just run, leaves undone or unordered. A no-op is no work that could be left.
fn finish(insn: usize, insns: &[Insn], issue: &Issue<'_>, tokens: &TokenState) -> Finish {
    // What a module did before it posted the last token that compute has taken is ordered, and nothing else is, as no
    // order leads from load or store to compute past their own tokens.
    let unordered = [(Module::Load, Queue::LoadToCompute), (Module::Store, Queue::StoreToCompute)];
    let unordered = unordered.into_iter().filter_map(|(module, queue)| {
        let mut left = tokens.posted(queue);
        let unordered = issue.issued_by(module).take_while(|&index| {
            let posts = insns[index].pushes().any(|posted| posted == queue);
            let taken = posts && left == 0;
            left -= u64::from(posts && left > 0);
            !taken
        });
        unordered.filter(|&index| !insns[index].is_noop()).last()
    });
    let (not_run, first_not_run) = issue.left();
    Finish::Reached { insn, unordered: unordered.collect(), not_run, first_not_run }
}
