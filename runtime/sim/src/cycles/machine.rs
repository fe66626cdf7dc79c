//! The machine: stream, configuration, timing → events in order of time, until FINISH is done or nothing can happen.
//!
//! In a cycle, fetch moves instructions first (it sees the queues as they were), then modules take tokens and start,
//! then modules are done and post, then idle modules look whether they start in a later cycle, and last a read is
//! granted. Takes precede posts, so both in one cycle leave a counter as it is.

use super::Timing;
use super::check::{MAX_CYCLES, check};
use super::compute::{alu_issue_cycles, gemm_issue_cycles};
use super::counters::{Counters, TokenUse};
use super::fetch::Fetch;
use super::loader::Loader;
use super::memory::{Burst, Client, Memory};
use super::observe::{NEVER, Observer, Read};
use super::queue::{ModuleState, Phase, Queued};
use super::report::{CycleReport, Work};
use super::sizes::Sizes;
use super::store;
use crate::issue::Issue;
use crate::report::{Cause, Stop, Trap};
use crate::tokens::{TokenCounts, TokenState};
use tilewright_isa::{Config, Insn, Mem, Module, Op};

/// How to run a stream in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CycleOptions {
    /// Tokens that an earlier run left in the counters.
    pub tokens_before: TokenCounts,
    /// Where the instructions lie in device memory, in bytes; see [`insn_base`].
    pub insn_base: u64,
    /// Whether instructions wait for tokens. Without, a run shows what waiting costs; no hardware does that, nor what the
    /// options below ask for.
    pub wait_for_tokens: bool,
    /// Whether the run goes on behind FINISH, until everything is done that can be.
    pub until_all_done: bool,
    /// Whether each row of a LOAD or STORE, and each burst of instructions, is one burst of a single beat.
    pub unlimited_bandwidth: bool,
    /// Whether all instructions are in their queues in cycle 0, however deep these are, and none is read from memory.
    pub instant_fetch: bool,
    /// Whether GEMM and ALU instructions follow each other without a gap between their micro-ops. One with less than two
    /// cycles of micro-ops takes two.
    pub free_instructions: bool,
}

impl Default for CycleOptions {
    fn default() -> CycleOptions {
        CycleOptions {
            tokens_before: TokenCounts::default(),
            insn_base: PAGE,
            wait_for_tokens: true,
            until_all_done: false,
            unlimited_bandwidth: false,
            instant_fetch: false,
            free_instructions: false,
        }
    }
}

const PAGE: u64 = 4096;

/// Where the instructions lie: on the first 4,096-byte boundary that is at least 4,096 bytes behind the last segment.
/// `segments` are addresses and lengths, in bytes.
pub fn insn_base(segments: impl IntoIterator<Item = (u64, u64)>) -> u64 {
    let end = segments.into_iter().map(|(address, bytes)| address.saturating_add(bytes)).max().unwrap_or(0);
    end.saturating_add(2 * PAGE - 1) / PAGE * PAGE
}

/// Runs the stream in time, up to its FINISH, or to its end if it has none. The observer is told what happens.
///
/// Stops like the functional simulator: with a trap for an instruction that leaves its scratchpads, and at once in a
/// deadlock.
///
/// # Panics
/// If `timing` does not pass [`Timing::check`]; presets and what was read by [`Timing::from_value`] do.
pub fn simulate<O: Observer>(
    config: &Config,
    insns: &[Insn],
    timing: &Timing,
    options: &CycleOptions,
    observer: &mut O,
) -> Result<CycleReport, Stop> {
    if u32::try_from(insns.len()).is_err() {
        return Err(Stop::TooLong { count: insns.len(), limit: u32::MAX });
    }
    timing.check().unwrap_or_else(|error| panic!("{error}"));
    let mut machine = Machine::new(config, insns, timing, options, observer);
    machine.run()?;
    Ok(machine.report())
}

/// An instruction as it stands in its queue.
fn queued(insns: &[Insn], index: usize, cycle: u64, options: &CycleOptions) -> Queued {
    let insn = &insns[index];
    let tokens = if options.wait_for_tokens { TokenUse::of(insn, insn.module()) } else { TokenUse::default() };
    Queued { insn: index as u32, tokens, cycle }
}

struct Machine<'a, O> {
    sizes: Sizes,
    insns: &'a [Insn],
    timing: &'a Timing,
    options: &'a CycleOptions,
    observer: &'a mut O,
    fetch: Fetch,
    memory: Memory,
    modules: [ModuleState; 3],
    /// The running LOAD of the load and of the compute module; the third never has one.
    loaders: [Option<Loader>; 3],
    counters: Counters,
    work: Work,
    /// The latest cycle in which an instruction was done.
    last_done: u64,
    finish: Option<usize>,
}

impl<'a, O: Observer> Machine<'a, O> {
    fn new(
        config: &Config,
        insns: &'a [Insn],
        timing: &'a Timing,
        options: &'a CycleOptions,
        observer: &'a mut O,
    ) -> Machine<'a, O> {
        let sizes = Sizes::new(config, timing, options.unlimited_bandwidth);
        Machine {
            sizes,
            insns,
            timing,
            options,
            observer,
            fetch: Fetch::new(options.insn_base, insns.len(), timing),
            memory: Memory::new(timing, sizes.beat_limit),
            modules: Module::ALL.map(|_| ModuleState::new()),
            loaders: [None, None, None],
            counters: Counters::new(&options.tokens_before),
            work: Work::default(),
            last_done: 0,
            finish: None,
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        if self.options.instant_fetch {
            (0..self.insns.len()).for_each(|index| self.enqueue(index, 0));
            self.prepare_idle(0);
        } else {
            let launch = self.fetch.launch();
            self.command_fetch(launch);
        }
        while self.finish.is_none() || self.options.until_all_done {
            let [load, compute, store] = &self.modules;
            let module = load.next.min(compute.next).min(store.next);
            let now = module.min(self.fetch.wake).min(self.memory.next_grant());
            if now == NEVER {
                break;
            }
            if now == self.fetch.wake {
                self.drain();
            }
            if now == module {
                self.step_modules(now)?;
            }
            if now == self.memory.next_grant() {
                self.grant();
            }
        }
        self.read_waiting();
        let executed = self.executed();
        if self.finish.is_none() && executed < self.insns.len() { Err(self.deadlock(executed)) } else { Ok(()) }
    }

    /// Moves fetched instructions into the queues.
    fn drain(&mut self) {
        let (modules, observer) = (&mut self.modules, &mut *self.observer);
        let (insns, depth, options) = (self.insns, self.timing.queue_depth as usize, self.options);
        let now = self.fetch.wake;
        let command = self.fetch.drain(|index, cycle| {
            let module = insns[index].module();
            let queue = &mut modules[module as usize].queue;
            if queue.len() >= depth {
                return Err(module);
            }
            queue.push_back(queued(insns, index, cycle, options));
            observer.queued(index, cycle);
            Ok(())
        });
        self.command_fetch(command);
        self.prepare_idle(now);
    }

    /// Puts an instruction into its queue.
    fn enqueue(&mut self, index: usize, cycle: u64) {
        let module = self.insns[index].module();
        self.modules[module as usize].queue.push_back(queued(self.insns, index, cycle, self.options));
        self.observer.queued(index, cycle);
    }

    /// Starts and ends what starts and ends in this cycle.
    fn step_modules(&mut self, now: u64) -> Result<(), Stop> {
        let due = Module::ALL.map(|module| self.modules[module as usize].next == now);
        let was = Module::ALL.map(|module| self.modules[module as usize].phase);
        for module in Module::ALL {
            if due[module as usize] && was[module as usize] == Phase::Starting {
                self.start(module, now)?;
            }
        }
        for module in Module::ALL {
            if due[module as usize] && was[module as usize] == Phase::Running {
                self.end(module, now);
            }
        }
        self.prepare_idle(now);
        Ok(())
    }

    /// Decides for idle modules whether their head starts in a later cycle. Tokens that are there stay there, as nobody
    /// else takes them.
    fn prepare_idle(&mut self, now: u64) {
        for module in &mut self.modules {
            if module.phase == Phase::Idle
                && let Some(head) = module.queue.front()
                && self.counters.have(head.tokens.pops)
            {
                module.phase = Phase::Starting;
                module.next = now.max(head.cycle) + 1;
            }
        }
    }

    fn start(&mut self, module: Module, now: u64) -> Result<(), Stop> {
        let head = self.modules[module as usize].head();
        let insn = head.insn as usize;
        self.counters.take(head.tokens.pops);
        self.observer.started(insn, now);
        let done = self.execute(insn, module, now).map_err(|cause| {
            let mnemonic = self.insns[insn].mnemonic();
            Trap { insn, mnemonic, cause }
        })?;
        let state = &mut self.modules[module as usize];
        state.phase = Phase::Running;
        state.started = now;
        state.next = done;
        Ok(())
    }

    /// The cycle in which an instruction that starts is done; [`NEVER`] if its reads decide that.
    fn execute(&mut self, insn: usize, module: Module, now: u64) -> Result<u64, Cause> {
        let op = &self.insns[insn].op;
        check(op, &self.sizes)?;
        let done = match op {
            Op::Finish => now + self.timing.noop_cycles,
            Op::Load(mem) | Op::Store(mem) if mem.is_noop() => now + self.timing.noop_cycles,
            Op::Load(mem) => self.start_load(insn, mem, module, now),
            Op::Store(mem) => self.start_store(insn, mem, now),
            Op::Gemm(gemm) => {
                let cycles = gemm_issue_cycles(gemm, self.timing);
                let busy = if gemm.reset { &mut self.work.reset } else { &mut self.work.gemm };
                *busy = busy.saturating_add(cycles);
                now + self.issuing(cycles, self.timing.gemm_depth)
            }
            Op::Alu(alu) => {
                let cycles = alu_issue_cycles(alu, self.timing);
                self.work.alu = self.work.alu.saturating_add(cycles);
                now + self.issuing(cycles, self.timing.alu_depth)
            }
        };
        if done != NEVER && done > MAX_CYCLES {
            return Err(Cause::Budget { value: done - now, limit: MAX_CYCLES.saturating_sub(now) });
        }
        Ok(done)
    }

    /// From the start of an instruction that issues micro-ops for so many cycles until it is done.
    fn issuing(&self, cycles: u64, depth: u64) -> u64 {
        if self.options.free_instructions { cycles.saturating_sub(1).max(1) } else { cycles + depth }
    }

    fn start_load(&mut self, insn: usize, mem: &Mem, module: Module, now: u64) -> u64 {
        let (mut loader, first) = Loader::new(insn, mem, now, &self.sizes, self.timing);
        let Some(burst) = loader.next_burst() else {
            return loader.done(now, 0);
        };
        self.memory.command(loader.client, first, burst);
        self.loaders[module as usize] = Some(loader);
        NEVER
    }

    fn start_store(&mut self, insn: usize, mem: &Mem, now: u64) -> u64 {
        let (done, beats) = store::run(mem, now, &self.sizes, self.timing);
        self.work.store += done - now;
        self.work.write_beats += beats;
        if O::WRITES {
            for write in store::writes(insn, mem, now, &self.sizes, self.timing) {
                self.observer.write(&write);
            }
        }
        done
    }

    fn end(&mut self, module: Module, now: u64) {
        let state = &mut self.modules[module as usize];
        let head = state.head();
        state.queue.pop_front();
        state.phase = Phase::Idle;
        state.next = NEVER;
        state.executed += 1;
        self.last_done = now;
        self.counters.post(head.tokens.pushes, head.insn as usize);
        self.fetch.room(module, now);
        self.observer.done(head.insn as usize, now);
        if self.insns[head.insn as usize].op == Op::Finish {
            self.finish = Some(head.insn as usize);
        }
    }

    /// Grants the next read, which fixes its beats, and lets its client go on.
    fn grant(&mut self) {
        let (client, mut read) = self.memory.grant();
        self.work.read_beats[client.index()] += read.beats;
        let module = match client {
            Client::Fetch => {
                self.fetch.last_beat(read.last_beat);
                self.observer.read(&read);
                return;
            }
            Client::Load(memory) => memory.loaded_by(),
        };
        let state = &mut self.modules[module as usize];
        let Some(loader) = &mut self.loaders[module as usize] else {
            unreachable!("{client} reads only for a running load");
        };
        read.insn = Some(loader.insn);
        self.observer.read(&read);
        loader.beats(read.first_beat, read.last_beat);
        match loader.next_burst() {
            Some(burst) => self.memory.command(client, read.granted + 1, burst),
            None => {
                state.next = loader.done(state.started, read.last_beat);
                self.loaders[module as usize] = None;
            }
        }
    }

    fn command_fetch(&mut self, command: Option<(u64, Burst)>) {
        if let Some((cycle, burst)) = command {
            self.memory.command(Client::Fetch, cycle, burst);
        }
    }

    /// Tells of commands that the end of the run left in their queues.
    fn read_waiting(&mut self) {
        for (client, commanded, Burst { address, beats }) in self.memory.waiting() {
            let insn = self.loaders.iter().flatten().find(|loader| loader.client == client).map(|loader| loader.insn);
            let (granted, first_beat, last_beat) = (NEVER, NEVER, NEVER);
            self.observer.read(&Read { client, insn, commanded, granted, first_beat, last_beat, address, beats });
        }
    }

    fn executed(&self) -> usize {
        self.modules.iter().map(|module| module.executed).sum()
    }

    /// Who waits for what, told as by the functional simulator.
    fn deadlock(&self, executed: usize) -> Stop {
        let executed_each = [0, 1, 2].map(|module| self.modules[module].executed);
        let tokens = TokenState::new(&self.counters.counts());
        Issue::after(self.insns, executed_each).deadlock(&tokens, executed).into()
    }

    fn report(self) -> CycleReport {
        CycleReport {
            cycles: self.last_done,
            finish: self.finish,
            executed: self.executed(),
            work: self.work,
            tokens_left: self.counters.counts(),
            overflows: self.counters.overflows,
        }
    }
}
