//! Changes of a run → a value change dump. States and clients are strings, as few viewers can name the values of a
//! vector; instructions, queues and tokens are vectors. An instruction of nobody is `x`.
//!
//! | signal | values |
//! |---|---|
//! | `vta.fetch.state`, and of `load`, `compute`, `store` | `working`, `token_load_to_compute` and the other queues, `memory_latency`, `memory_bandwidth`, `contention_wgt` and the other clients, `starved`, `blocked_load` and the other modules, `finished` |
//! | `vta.fetch.insn`, and of the modules | the instruction that the state is charged to |
//! | `vta.load.queue`, and of `compute`, `store` | instructions in the queue, the one that runs included |
//! | `vta.tokens.load_to_compute`, and of the other queues | tokens in the counter |
//! | `vta.bus.read` | `idle`, or the client whose beat is on the bus |
//! | `vta.bus.write` | `idle` or `store` |
//!
//! Declarations are written by a library; value changes are not, as it formats them bit by bit.

use super::TraceSummary;
use super::output::Output;
use super::walk::{Channel, Counter, Sink, Transfer, Unit};
use crate::cycles::attribution::{MemoryWait, State};
use crate::cycles::memory::Client;
use crate::tokens::Queue;
use std::io;
use tilewright_isa::Module;
use vcd::{IdCode, TimescaleUnit, VarType, Writer};

const INSN_BITS: u32 = 32;
/// For the deepest queue that a machine can have.
const QUEUE_BITS: u32 = 21;
const TOKEN_BITS: u32 = tilewright_isa::limits::TOKENS_WIDTH;

/// A signal's name in the value changes.
type Id = Vec<u8>;

/// Who uses a channel of the bus: a client, or the store module.
type Source = Option<Client>;

/// All signals, in the orders of [`Unit::ALL`], [`Counter::ALL`] and [`Channel`].
#[derive(Debug)]
struct Signals {
    states: [Id; 4],
    insns: [Id; 4],
    counters: [Id; 7],
    channels: [Id; 2],
}

/// Writes a waveform.
#[derive(Debug)]
pub(super) struct Waveform<W> {
    output: Output<W>,
    signals: Signals,
    /// The cycle whose changes are being written.
    at: Option<u64>,
    /// What the signals are, once they were written.
    states: [Option<State>; 4],
    insns: [Option<Option<usize>>; 4],
    channels: [Option<Option<Source>>; 2],
}

impl<W: io::Write> Waveform<W> {
    /// Begins with the declarations.
    pub fn new(mut output: Output<W>) -> io::Result<Waveform<W>> {
        let signals = declare(&mut Writer::new(&mut output.bytes))?;
        let (states, insns, channels) = ([None; 4], [None; 4], [None; 2]);
        Ok(Waveform { output, signals, at: None, states, insns, channels })
    }

    #[inline]
    fn time(&mut self, at: u64) {
        if self.at != Some(at) {
            self.at = Some(at);
            push_time(&mut self.output.bytes, at);
        }
    }
}

impl<W: io::Write> Sink for Waveform<W> {
    const BURSTS: bool = false;

    #[inline]
    fn state(&mut self, at: u64, unit: Unit, state: State, insn: Option<usize>) -> io::Result<()> {
        let place = unit.place();
        let text = state_text(state);
        if self.states[place].replace(state).map(state_text) != Some(text) {
            self.time(at);
            push_text(&mut self.output.bytes, text, &self.signals.states[place]);
            self.output.event()?;
        }
        if self.insns[place].replace(insn) != Some(insn) {
            self.time(at);
            push_vector(&mut self.output.bytes, insn.map(|insn| insn as u64), &self.signals.insns[place]);
            self.output.event()?;
        }
        Ok(())
    }

    #[inline]
    fn counter(&mut self, at: u64, counter: Counter, value: u64) -> io::Result<()> {
        self.time(at);
        push_vector(&mut self.output.bytes, Some(value), &self.signals.counters[counter.place()]);
        self.output.event()
    }

    #[inline]
    fn bus(&mut self, at: u64, channel: Channel, transfer: Option<Transfer>) -> io::Result<()> {
        let source = transfer.map(|transfer| transfer.client);
        if self.channels[channel as usize].replace(source) == Some(source) {
            return Ok(());
        }
        let text = match source {
            None => "idle",
            Some(None) => "store",
            Some(Some(client)) => client.name(),
        };
        let text = [text, ""];
        self.time(at);
        push_text(&mut self.output.bytes, text, &self.signals.channels[channel as usize]);
        self.output.event()
    }

    fn finish(mut self, cycles: u64) -> io::Result<TraceSummary> {
        self.time(cycles);
        self.output.finish()
    }
}

/// What a state is called, in two parts.
fn state_text(state: State) -> [&'static str; 2] {
    let text = match state {
        State::Memory(MemoryWait::Contention(client)) => return ["contention_", client.name()],
        State::Working => "working",
        State::Token { queue: Queue::LoadToCompute, .. } => "token_load_to_compute",
        State::Token { queue: Queue::ComputeToLoad, .. } => "token_compute_to_load",
        State::Token { queue: Queue::ComputeToStore, .. } => "token_compute_to_store",
        State::Token { queue: Queue::StoreToCompute, .. } => "token_store_to_compute",
        State::Memory(MemoryWait::Latency) => "memory_latency",
        State::Memory(MemoryWait::Bandwidth) => "memory_bandwidth",
        State::Starved => "starved",
        State::Blocked(Module::Load) => "blocked_load",
        State::Blocked(Module::Compute) => "blocked_compute",
        State::Blocked(Module::Store) => "blocked_store",
        State::Finished => "finished",
    };
    [text, ""]
}

/// Writes the declarations.
fn declare(writer: &mut Writer<&mut Vec<u8>>) -> io::Result<Signals> {
    writer.version("tilewright")?;
    writer.timescale(1, TimescaleUnit::NS)?;
    writer.add_module("vta")?;
    let none = || Id::new();
    let mut signals = Signals {
        states: [(); 4].map(|()| none()),
        insns: [(); 4].map(|()| none()),
        counters: [(); 7].map(|()| none()),
        channels: [(); 2].map(|()| none()),
    };
    for unit in Unit::ALL {
        writer.add_module(unit.name())?;
        signals.states[unit.place()] = id(writer.add_var(VarType::String, 1, "state", None)?);
        signals.insns[unit.place()] = id(writer.add_wire(INSN_BITS, "insn")?);
        if let Unit::Module(module) = unit {
            signals.counters[Counter::Queue(module).place()] = id(writer.add_wire(QUEUE_BITS, "queue")?);
        }
        writer.upscope()?;
    }
    writer.add_module("tokens")?;
    for queue in Queue::ALL {
        signals.counters[Counter::Tokens(queue).place()] = id(writer.add_wire(TOKEN_BITS, queue.key())?);
    }
    writer.upscope()?;
    writer.add_module("bus")?;
    signals.channels[Channel::Reads as usize] = id(writer.add_var(VarType::String, 1, "read", None)?);
    signals.channels[Channel::Writes as usize] = id(writer.add_var(VarType::String, 1, "write", None)?);
    writer.upscope()?;
    writer.upscope()?;
    writer.enddefinitions()?;
    Ok(signals)
}

fn id(code: IdCode) -> Id {
    code.to_string().into_bytes()
}

fn push_time(bytes: &mut Vec<u8>, at: u64) {
    bytes.push(b'#');
    bytes.extend_from_slice(itoa::Buffer::new().format(at).as_bytes());
    bytes.push(b'\n');
}

fn push_text(bytes: &mut Vec<u8>, text: [&str; 2], id: &[u8]) {
    bytes.push(b's');
    text.iter().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
    push_id(bytes, id);
}

/// A number without leading zeros, which readers fill in; `x` for none.
fn push_vector(bytes: &mut Vec<u8>, value: Option<u64>, id: &[u8]) {
    bytes.push(b'b');
    match value {
        None => bytes.push(b'x'),
        Some(value) => {
            let digits = u64::BITS - (value | 1).leading_zeros();
            bytes.extend((0..digits).rev().map(|digit| b'0' + (value >> digit & 1) as u8));
        }
    }
    push_id(bytes, id);
}

fn push_id(bytes: &mut Vec<u8>, id: &[u8]) {
    bytes.push(b' ');
    bytes.extend_from_slice(id);
    bytes.push(b'\n');
}
