//! The rules of the hardware's timing once more, as plainly as they can be said: every machine is stepped in every cycle
//! and sees what all of them were at its start. Slow, and independent of the model that jumps from event to event.

use std::collections::VecDeque;
use tilewright_isa::{Config, Insn, Mem, MemoryType, Module, Op};
use tilewright_sim::Queue;
use tilewright_sim::cycles::{Client, CycleOptions, InsnTimes, NEVER, Timing};

/// A read as `[client, commanded, granted, first beat, last beat, address, beats]`.
pub type ReadRow = [u64; 7];

/// What a run has to show.
#[derive(Debug, PartialEq)]
pub struct Run {
    /// Whether it came to its end within the limit.
    pub ended: bool,
    pub cycles: u64,
    pub times: Vec<InsnTimes>,
    pub reads: Vec<ReadRow>,
}

/// What a load does about padding in one cycle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pad {
    /// Writes a zero, where no beat is written.
    Zero,
    /// Passes a data row that has no zeros of its own, beside a beat or not.
    PassedRow,
}

struct Load {
    insn: usize,
    client: usize,
    first_command: u64,
    bursts: VecDeque<(u64, u64)>,
    beats_to_write: u64,
    /// One entry for each cycle, in order.
    padding: VecDeque<Pad>,
    padding_from: u64,
    /// From bus to scratchpad.
    delay: u64,
    busy_until: u64,
}

#[derive(Default)]
struct ModuleNow {
    queue: VecDeque<usize>,
    running: bool,
    done_at: u64,
    load: Option<Load>,
}

/// What the machines show each other at the start of a cycle.
struct Snapshot {
    slots: [Option<usize>; 5],
    fifo: usize,
    outstanding: u64,
    lengths: [usize; 3],
    tokens: [u64; 4],
    /// The modules that start in this cycle, and the queues that they take from.
    starts: [bool; 3],
    taken: [bool; 4],
}

struct Machine<'a> {
    config: &'a Config,
    insns: &'a [Insn],
    timing: &'a Timing,
    now: u64,
    modules: [ModuleNow; 3],
    tokens: [u64; 4],
    /// Commands and requests are indices of `reads`.
    slots: [Option<usize>; 5],
    fifo: VecDeque<usize>,
    counter: u64,
    burst: Option<(usize, u64)>,
    outstanding: u64,
    last_beat: bool,
    /// Per cycle, the client that has the bus.
    bus: Vec<Option<usize>>,
    buffer: VecDeque<usize>,
    fetched: usize,
    fetch_command_at: u64,
    drain_from: u64,
    run: Run,
    finished: bool,
}

pub fn run(config: &Config, insns: &[Insn], timing: &Timing, options: &CycleOptions, limit: u64) -> Run {
    let times = vec![InsnTimes { queued: NEVER, started: NEVER, done: NEVER }; insns.len()];
    let mut machine = Machine {
        config,
        insns,
        timing,
        now: 0,
        modules: Default::default(),
        tokens: Queue::ALL.map(|queue| options.tokens_before.of(queue).min(255)),
        slots: [None; 5],
        fifo: VecDeque::new(),
        counter: 0,
        burst: None,
        outstanding: 0,
        last_beat: false,
        bus: Vec::new(),
        buffer: VecDeque::new(),
        fetched: 0,
        fetch_command_at: 1,
        drain_from: NEVER,
        run: Run { ended: true, cycles: 0, times, reads: Vec::new() },
        finished: false,
    };
    while !machine.finished && machine.run.times.iter().any(|times| times.done == NEVER) {
        machine.step(options.insn_base);
        machine.now += 1;
        if machine.now > limit {
            machine.run.ended = false;
            break;
        }
    }
    machine.run.reads.sort_by_key(|read| (read[1], read[0]));
    machine.run
}

impl Machine<'_> {
    fn step(&mut self, insn_base: u64) {
        let old = self.snapshot();
        self.step_bus();
        self.step_fifo(&old);
        self.step_grant(&old);
        self.step_fetch(&old, insn_base);
        for module in Module::ALL {
            self.step_module(module, &old);
        }
    }

    fn snapshot(&self) -> Snapshot {
        let head = |module: &ModuleNow| module.queue.front().map(|insn| &self.insns[*insn]).filter(|_| !module.running);
        let ready = |insn: &Insn| insn.pops().all(|queue| self.tokens[queue as usize] > 0);
        let starting = [0, 1, 2].map(|module| head(&self.modules[module]).filter(|insn| ready(insn)));
        let takes = |queue: Queue| starting.iter().flatten().any(|insn| insn.pops().any(|from| from == queue));
        Snapshot {
            slots: self.slots,
            fifo: self.fifo.len(),
            outstanding: self.outstanding,
            lengths: [0, 1, 2].map(|module| self.modules[module].queue.len()),
            tokens: self.tokens,
            starts: starting.map(|insn| insn.is_some()),
            taken: Queue::ALL.map(takes),
        }
    }

    fn step_bus(&mut self) {
        self.last_beat = false;
        let mut client = None;
        if let Some((read, left)) = &mut self.burst {
            let row = &mut self.run.reads[*read];
            client = Some(row[0] as usize);
            row[3] = row[3].min(self.now);
            *left -= 1;
            if *left == 0 {
                row[4] = self.now;
                self.last_beat = true;
                self.outstanding -= 1;
                self.burst = None;
            }
        }
        self.bus.push(client);
    }

    fn step_fifo(&mut self, old: &Snapshot) {
        if old.fifo == 0 {
            self.counter = 0;
        } else if self.counter < self.timing.read_latency {
            self.counter += 1;
        } else if self.burst.is_none() {
            let read = self.fifo.pop_front().unwrap();
            self.burst = Some((read, self.run.reads[read][6]));
        }
    }

    fn step_grant(&mut self, old: &Snapshot) {
        if self.last_beat || old.outstanding >= self.timing.outstanding_reads {
            return;
        }
        if let Some(read) = old.slots.iter().flatten().next() {
            self.slots[self.run.reads[*read][0] as usize] = None;
            self.run.reads[*read][2] = self.now;
            self.fifo.push_back(*read);
            self.outstanding += 1;
        }
    }

    fn command(&mut self, client: usize, (address, beats): (u64, u64)) {
        self.slots[client] = Some(self.run.reads.len());
        self.run.reads.push([client as u64, self.now, NEVER, NEVER, NEVER, address, beats]);
    }

    fn step_fetch(&mut self, old: &Snapshot, insn_base: u64) {
        let received = self.now >= 1 && self.bus[self.now as usize - 1] == Some(Client::Fetch.index());
        if received {
            // Each further beat puts it off, so the last one counts.
            self.drain_from = self.now + 1;
        }
        let complete = self.slots[0].is_none() && self.drain_from <= self.now && !received;
        if self.now == self.fetch_command_at && self.fetched < self.insns.len() {
            let most = (self.timing.burst_beats * self.timing.bus_bytes / 16).max(1) as usize;
            let count = most.min(self.insns.len() - self.fetched);
            let burst = (insn_base + 16 * self.fetched as u64, (16 * count as u64).div_ceil(self.timing.bus_bytes));
            self.buffer.extend(self.fetched..self.fetched + count);
            self.fetched += count;
            self.drain_from = NEVER;
            self.command(Client::Fetch.index(), burst);
        } else if complete && let Some(insn) = self.buffer.front().copied() {
            let module = self.insns[insn].module() as usize;
            if (old.lengths[module] as u64) < self.timing.queue_depth {
                self.buffer.pop_front();
                self.modules[module].queue.push_back(insn);
                self.run.times[insn].queued = self.now;
            }
        } else if complete && self.fetch_command_at < self.now {
            self.fetch_command_at = self.now + 1;
        }
    }

    fn step_module(&mut self, module: Module, old: &Snapshot) {
        let at = module as usize;
        if !self.modules[at].running {
            if old.starts[at] {
                self.start(at, self.modules[at].queue[0]);
            }
            return;
        }
        self.step_load(at, old);
        if self.modules[at].done_at != self.now {
            return;
        }
        let insn = self.modules[at].queue.pop_front().unwrap();
        self.modules[at].running = false;
        self.modules[at].load = None;
        self.run.times[insn].done = self.now;
        self.run.cycles = self.now;
        self.finished |= self.insns[insn].op == Op::Finish;
        for queue in self.insns[insn].pushes() {
            // A full counter keeps its value if it is taken from in the same cycle.
            if old.tokens[queue as usize] < 255 || old.taken[queue as usize] {
                self.tokens[queue as usize] += 1;
            }
        }
    }

    fn start(&mut self, at: usize, insn: usize) {
        for queue in self.insns[insn].pops() {
            self.tokens[queue as usize] -= 1;
        }
        self.run.times[insn].started = self.now;
        self.modules[at].running = true;
        self.modules[at].done_at = match &self.insns[insn].op {
            Op::Finish => self.now + self.timing.noop_cycles,
            Op::Load(mem) | Op::Store(mem) if mem.x_size == 0 => self.now + self.timing.noop_cycles,
            Op::Gemm(gemm) => self.now + gemm.uop_executions() * self.timing.gemm_interval + self.timing.gemm_depth,
            Op::Alu(alu) => {
                let timing = self.timing;
                let interval = if alu.use_imm { timing.alu_imm_interval } else { timing.alu_reg_interval };
                self.now + alu.uop_executions() * interval + timing.alu_depth
            }
            Op::Store(mem) => self.now + self.store_cycles(mem),
            Op::Load(mem) => {
                self.modules[at].load = Some(self.load(insn, mem));
                NEVER
            }
        };
    }

    /// 3 T + 3 for each burst, in the hardware as it was measured.
    fn store_cycles(&self, mem: &Mem) -> u64 {
        let timing = self.timing;
        let tensor = (self.config.element_bytes(MemoryType::Out) as u64 / timing.bus_bytes).max(1);
        let cycles = |beats: u64| {
            let pauses = (1..beats).filter(|beat| beat % tensor == 0).count() as u64;
            beats + pauses * timing.store_tensor_cycles + timing.store_burst_cycles + 1
        };
        self.bursts(mem).iter().map(|(_, beats)| cycles(*beats)).sum::<u64>().max(1)
    }

    fn bursts(&self, mem: &Mem) -> VecDeque<(u64, u64)> {
        let element = self.config.element_bytes(mem.memory_type) as u64;
        let bus = self.timing.bus_bytes;
        let mut bursts = VecDeque::new();
        for y in 0..u64::from(mem.y_size) {
            let start = (u64::from(mem.dram_base) + y * u64::from(mem.x_stride)) * element;
            let end = (start + u64::from(mem.x_size) * element).div_ceil(bus);
            let mut first = start / bus;
            for beat in first + 1..=end {
                if beat == end || beat % self.timing.burst_beats == 0 {
                    bursts.push_back((first * bus, beat - first));
                    first = beat;
                }
            }
        }
        bursts
    }

    fn load(&self, insn: usize, mem: &Mem) -> Load {
        let (client, tail) = match mem.memory_type {
            MemoryType::Uop => (Client::Load(MemoryType::Uop), self.timing.uop_tail),
            MemoryType::Inp => (Client::Load(MemoryType::Inp), self.timing.load_tail),
            MemoryType::Wgt => (Client::Load(MemoryType::Wgt), self.timing.load_tail),
            _ => (Client::Load(MemoryType::Acc), self.timing.load_tail),
        };
        let mut padding = VecDeque::new();
        for y in 0..mem.sram_rows() {
            let data_row = y >= mem.y_pad_0.into() && y < u64::from(mem.y_pad_0) + u64::from(mem.y_size);
            let sides = u64::from(mem.x_pad_0 + mem.x_pad_1);
            match data_row {
                false => padding.extend((0..mem.sram_row()).map(|_| Pad::Zero)),
                true if sides == 0 && mem.y_pad_1 > 0 => padding.push_back(Pad::PassedRow),
                true => padding.extend((0..sides).map(|_| Pad::Zero)),
            }
        }
        let bursts = self.bursts(mem);
        Load {
            insn,
            client: client.index(),
            first_command: self.now + 1 + u64::from(mem.y_pad_0),
            beats_to_write: bursts.iter().map(|(_, beats)| beats).sum(),
            bursts,
            padding,
            padding_from: self.now + tail - 1,
            delay: tail - 1,
            busy_until: self.now,
        }
    }

    fn step_load(&mut self, at: usize, old: &Snapshot) {
        let Some(mut load) = self.modules[at].load.take() else { return };
        let started = self.run.times[load.insn].started;
        if self.now >= load.first_command
            && old.slots[load.client].is_none()
            && let Some(burst) = load.bursts.pop_front()
        {
            self.command(load.client, burst);
        }
        let on_bus = self.now.checked_sub(load.delay).filter(|cycle| *cycle > started);
        let writes = on_bus.is_some_and(|cycle| self.bus[cycle as usize] == Some(load.client));
        if writes {
            load.beats_to_write -= 1;
            load.busy_until = self.now;
        }
        let next = load.padding.front().filter(|next| !writes || **next == Pad::PassedRow);
        if next.is_some() && self.now >= load.padding_from {
            load.padding.pop_front();
            load.busy_until = self.now;
        }
        if load.beats_to_write == 0 && load.padding.is_empty() {
            self.modules[at].done_at = self.modules[at].done_at.min(load.busy_until + 1);
        }
        self.modules[at].load = Some(load);
    }
}
