//! What is traced: streams that were recorded, random ones, and what each did, cycle by cycle, from its tables alone.

use proptest::prelude::*;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use tilewright_isa::{Alu, AluOpcode, Config, Gemm, Insn, Mem, MemoryType, Module, Op, Tokens};
use tilewright_sim::cycles::trace::{TraceFormat, TraceSummary, TracedRun, write};
use tilewright_sim::cycles::{
    Attribution, CycleOptions, CycleReport, NEVER, Tables, Timing, attribute, insn_base, simulate,
};
use tilewright_sim::{Queue, Recording, TokenCounts};

/// A counter never holds more.
const MOST_TOKENS: usize = 255;

/// A stream that ran to its end.
pub struct Run {
    pub insns: Vec<Insn>,
    pub timing: Timing,
    pub options: CycleOptions,
    pub tables: Tables,
    pub report: CycleReport,
}

impl Run {
    /// `None` if the stream does not run to its end.
    pub fn new(config: &Config, insns: Vec<Insn>, timing: Timing, options: CycleOptions) -> Option<Run> {
        let mut tables = Tables::new(insns.len());
        let report = simulate(config, &insns, &timing, &options, &mut tables).ok()?;
        tables.finish(report.cycles);
        Some(Run { insns, timing, options, tables, report })
    }

    pub fn recorded(folder: &Path, timing: Timing) -> Run {
        let json = fs::read_to_string(folder.join("trace.json")).unwrap();
        let insns = fs::read(folder.join("insns.bin")).unwrap();
        let recording = Recording::from_parts(&json, &insns, None, None).unwrap();
        let insn_base = insn_base(recording.segments.iter().map(|segment| (segment.address, segment.bytes)));
        let tokens_before = recording.tokens_before;
        let options = CycleOptions { tokens_before, insn_base, ..CycleOptions::default() };
        Run::new(&recording.config, recording.insns, timing, options).expect("a recorded stream runs")
    }

    pub fn cycles(&self) -> u64 {
        self.report.cycles
    }

    pub fn trace(&self, format: TraceFormat) -> (Vec<u8>, TraceSummary) {
        let Run { insns, timing, options, tables, report } = self;
        let mut bytes = Vec::new();
        let run = TracedRun { insns, tables, report, timing, options };
        let summary = write(format, &run, &mut bytes).unwrap();
        assert_eq!(summary.bytes, bytes.len() as u64);
        (bytes, summary)
    }

    pub fn attribution(&self) -> Attribution {
        attribute(&self.insns, &self.tables, &self.report, &self.timing, &self.options)
    }

    /// Who posted each token that was taken, with the queue and who took it: what the machines do, in every cycle.
    pub fn tokens_taken(&self) -> Vec<(Queue, usize, usize)> {
        let mut taken = Vec::new();
        self.play_tokens(|_, _| {}, |queue, poster, taker| taken.extend(poster.map(|poster| (queue, poster, taker))));
        taken.sort_unstable_by_key(|(queue, poster, taker)| (*queue as usize, *poster, *taker));
        taken
    }

    /// The counters in each cycle of the run, in the order of [`Queue::ALL`].
    pub fn tokens(&self) -> Vec<[u64; 4]> {
        let mut counts = Vec::new();
        self.play_tokens(|_, fifos| counts.push(fifos.each_ref().map(|fifo| fifo.len() as u64)), |_, _, _| {});
        counts
    }

    /// The lengths of the queues in each cycle of the run, in the order of [`Module::ALL`].
    pub fn queues(&self) -> Vec<[u64; 3]> {
        let mut changes = vec![[0i64; 3]; self.cycles() as usize + 1];
        let times = self.insns.iter().zip(&self.tables.insns);
        for (insn, times) in times {
            for (cycle, change) in [(times.queued, 1), (times.done, -1)] {
                if cycle < self.cycles() {
                    changes[cycle as usize + 1][insn.module() as usize] += change;
                }
            }
        }
        let lengths = changes.iter().scan([0i64; 3], |lengths, change| {
            lengths.iter_mut().zip(change).for_each(|(length, change)| *length += change);
            Some(lengths.map(|length| length as u64))
        });
        lengths.take(self.cycles() as usize).collect()
    }

    /// Goes through the cycles of the run: shows the counters as they are at the beginning of each, then takes, then
    /// posts.
    fn play_tokens(
        &self,
        mut shows: impl FnMut(u64, &[VecDeque<Option<usize>>; 4]),
        mut takes: impl FnMut(Queue, Option<usize>, usize),
    ) {
        let mut steps = vec![Vec::new(); self.cycles() as usize + 1];
        for (index, times) in self.tables.insns.iter().enumerate().filter(|_| self.options.wait_for_tokens) {
            for (cycle, posts) in [(times.started, false), (times.done, true)] {
                if cycle != NEVER {
                    steps[cycle as usize].push((posts, index));
                }
            }
        }
        let before = |queue| MOST_TOKENS.min(self.options.tokens_before.of(queue) as usize);
        let mut fifos = Queue::ALL.map(|queue| VecDeque::from(vec![None; before(queue)]));
        for cycle in 0..self.cycles() {
            shows(cycle, &fifos);
            steps[cycle as usize].sort_unstable();
            for &(posts, index) in &steps[cycle as usize] {
                let insn = &self.insns[index];
                if !posts {
                    insn.pops().for_each(|queue| takes(queue, fifos[queue as usize].pop_front().unwrap(), index));
                    continue;
                }
                let open = insn.pushes().filter(|queue| fifos[*queue as usize].len() < MOST_TOKENS);
                let open: Vec<Queue> = open.collect();
                open.into_iter().for_each(|queue| fifos[queue as usize].push_back(Some(index)));
            }
        }
    }
}

/// The name of a module's instruction in a trace.
pub fn name(insn: &Insn) -> String {
    match &insn.op {
        Op::Load(mem) | Op::Store(mem) if mem.x_size == 0 => "no-op".to_owned(),
        Op::Load(mem) => format!("load {}", mem.memory_type),
        Op::Gemm(Gemm { reset: true, .. }) => "gemm reset".to_owned(),
        Op::Alu(alu) => format!("alu {}", alu.alu_opcode),
        Op::Store(_) | Op::Gemm(_) | Op::Finish => insn.mnemonic().to_owned(),
    }
}

/// Streams of `tests/data` and, where they exist, of the folder beside the repository.
pub fn recorded() -> Vec<(String, Run)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> =
        fs::read_dir(root.join("tests/data/timing")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.push(root.join("tests/data/matrix-multiply"));
    let shared = root.join("../../../shared/vta-traces");
    if shared.exists() {
        let names = ["matrix-multiply-blocked", "conv2d-tuned-resnet-c5", "group-conv-mobilenet-d8"];
        folders.extend(names.map(|name| shared.join(name)));
    } else {
        eprintln!("SKIPPED: {} does not exist", shared.display());
    }
    folders.sort();
    let name = |folder: &Path| folder.file_name().unwrap().to_string_lossy().into_owned();
    folders.iter().map(|folder| (name(folder), Run::recorded(folder, Timing::DE10))).collect()
}

/// An instruction of any kind; most are small, and many exchange tokens.
fn insn() -> impl Strategy<Value = Insn> {
    let flag = || prop::bool::weighted(0.3);
    let tokens = (flag(), flag(), flag(), flag()).prop_map(|(pop_prev, pop_next, push_prev, push_next)| Tokens {
        pop_prev,
        pop_next,
        push_prev,
        push_next,
    });
    let sizes = (0..12u32, any::<[u8; 4]>(), 0..8usize, 0..5usize);
    (tokens, sizes).prop_map(|(tokens, (kind, bytes, memory, opcode))| {
        let [y_size, x_size, pad_0, pad_1] = bytes.map(|byte| byte % 6);
        let memories = [MemoryType::Uop, MemoryType::Wgt, MemoryType::Inp, MemoryType::Acc];
        let mem = Mem {
            y_size: y_size.into(),
            x_size: u16::from(x_size) * 3,
            x_stride: 20,
            ..Mem::noop(memories[memory % 4])
        };
        let gemm = Gemm {
            reset: pad_0 > 3,
            uop_bgn: 0,
            uop_end: y_size.into(),
            iter_out: x_size.into(),
            iter_in: 2,
            dst_factor_out: 1,
            dst_factor_in: 0,
            src_factor_out: pad_1.into(),
            src_factor_in: 0,
            wgt_factor_out: 0,
            wgt_factor_in: 3,
        };
        let op = match kind {
            0..4 => Op::Load(Mem { y_pad_0: pad_0 % 2, x_pad_1: pad_1 % 3, ..mem }),
            4..7 => Op::Store(Mem { memory_type: MemoryType::Out, ..mem }),
            7..9 => Op::Gemm(gemm),
            9..11 => Op::Alu(alu(&gemm, AluOpcode::ALL[opcode])),
            _ if memory == 0 => Op::Finish,
            _ => Op::Load(Mem::noop(mem.memory_type)),
        };
        Insn { tokens, op }
    })
}

fn alu(gemm: &Gemm, alu_opcode: AluOpcode) -> Alu {
    let Gemm { uop_bgn, uop_end, iter_out, iter_in, .. } = *gemm;
    Alu {
        reset: false,
        uop_bgn,
        uop_end,
        iter_out,
        iter_in,
        dst_factor_out: 0,
        dst_factor_in: 1,
        src_factor_out: 0,
        src_factor_in: 2,
        alu_opcode,
        use_imm: gemm.reset,
        imm: -3,
    }
}

/// Random streams that run to their end, on machines with full queues, slow and fast memory, and on some to which
/// something is free.
pub fn random() -> impl Strategy<Value = Run> {
    let count = || prop_oneof![3 => 0..16u64, 1 => 250..260u64];
    let before = (count(), count(), count(), count());
    let machine = (prop::sample::select(vec![4u64, 8, 64]), prop::sample::select(vec![2u64, 16, 256]), 0..20u64);
    let depth = prop_oneof![1..5u64, Just(512u64)];
    let stream = prop::collection::vec(insn(), 0..60);
    let unlike = || prop::bool::weighted(0.1);
    let unlike = [unlike(), unlike(), unlike(), unlike(), unlike()];
    (stream, before, machine, depth, unlike).prop_filter_map(
        "it deadlocks",
        |(insns, before, (bus_bytes, burst_beats, read_latency), queue_depth, unlike)| {
            let timing = Timing { bus_bytes, burst_beats, read_latency, queue_depth, ..Timing::DE10 };
            let (load_to_compute, compute_to_load, compute_to_store, store_to_compute) = before;
            let tokens_before = TokenCounts { load_to_compute, compute_to_load, compute_to_store, store_to_compute };
            let [waits, until_all_done, unlimited_bandwidth, instant_fetch, free_instructions] = unlike;
            let options = CycleOptions {
                tokens_before,
                wait_for_tokens: !waits,
                until_all_done,
                unlimited_bandwidth,
                instant_fetch,
                free_instructions,
                ..CycleOptions::default()
            };
            Run::new(&Config::default(), insns, timing, options)
        },
    )
}

/// The compute module waits for load and store, which post in the same cycle; a token of load was there before.
pub fn two_posts_at_once() -> Run {
    let noop = |memory_type, tokens| Insn { tokens, op: Op::Load(Mem::noop(memory_type)) };
    let none = Tokens::default();
    let insns = vec![
        noop(MemoryType::Inp, none),
        noop(MemoryType::Inp, Tokens { push_next: true, ..none }),
        Insn { tokens: Tokens { push_prev: true, ..none }, op: Op::Store(Mem::noop(MemoryType::Out)) },
        noop(MemoryType::Acc, Tokens { pop_prev: true, pop_next: true, ..none }),
        Insn { tokens: none, op: Op::Finish },
    ];
    let tokens_before = TokenCounts { load_to_compute: 1, ..TokenCounts::default() };
    let options = CycleOptions { tokens_before, ..CycleOptions::default() };
    let run = Run::new(&Config::default(), insns, Timing::DE10, options).expect("all tokens come");
    assert_eq!(run.tables.insns[1].done, run.tables.insns[2].done);
    run
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:?} {:?}", self.timing, self.options)?;
        self.insns.iter().zip(&self.tables.insns).try_for_each(|(insn, times)| writeln!(f, "{insn:?} {times:?}"))
    }
}

/// The modules with their positions among the units.
pub fn modules() -> impl Iterator<Item = (usize, Module)> {
    (1..).zip(Module::ALL)
}
