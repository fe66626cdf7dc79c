//! Changes of a run → a Perfetto trace: packets with track events, as protocol buffers.
//!
//! One process has a thread for each unit and each channel of the bus, and a track for each counter. A module's
//! instruction is a slice from its start until it is done, with its waits for memory inside; all other states are slices
//! of their own. So the innermost slices of a thread tile the run. A flow leads from the instruction that posted a token
//! to the one that took it.
//!
//! The first packet carries all names; the others refer to them by number.

use super::names::{self, CATEGORIES, Category, KEYS, Key};
use super::output::Output;
use super::walk::{Channel, Counter, Sink, Transfer, Unit};
use super::wire::{Fields, varint_len};
use super::{TraceSummary, TracedRun};
use crate::cycles::attribution::State;
use crate::cycles::pairs::Pairs;
use crate::tokens::Queue;
use std::io;
use tilewright_isa::{Insn, Op};

/// Fields of `Trace` and `TracePacket`.
mod packet {
    pub const PACKET: u32 = 1;
    pub const TIMESTAMP: u32 = 8;
    pub const SEQUENCE_ID: u32 = 10;
    pub const TRACK_EVENT: u32 = 11;
    pub const INTERNED_DATA: u32 = 12;
    pub const SEQUENCE_FLAGS: u32 = 13;
    pub const TRACK_DESCRIPTOR: u32 = 60;
    /// Values of `SEQUENCE_FLAGS`: the names begin anew; names are needed.
    pub const STATE_CLEARED: u64 = 1;
    pub const NEEDS_STATE: u64 = 2;
}

/// Fields of `TrackEvent` and its types.
mod event {
    pub const CATEGORY_IIDS: u32 = 3;
    pub const DEBUG_ANNOTATIONS: u32 = 4;
    pub const TYPE: u32 = 9;
    pub const NAME_IID: u32 = 10;
    pub const TRACK_UUID: u32 = 11;
    pub const COUNTER_VALUE: u32 = 30;
    pub const FLOW_IDS: u32 = 47;
    pub const TERMINATING_FLOW_IDS: u32 = 48;
    pub const SLICE_BEGIN: u64 = 1;
    pub const SLICE_END: u64 = 2;
    pub const COUNTER: u64 = 4;
}

/// Fields of `TrackDescriptor` and what is in it.
mod track {
    pub const UUID: u32 = 1;
    pub const NAME: u32 = 2;
    pub const PROCESS: u32 = 3;
    pub const THREAD: u32 = 4;
    pub const PARENT_UUID: u32 = 5;
    pub const COUNTER: u32 = 8;
    pub const PROCESS_PID: u32 = 1;
    pub const PROCESS_NAME: u32 = 6;
    pub const THREAD_PID: u32 = 1;
    pub const THREAD_TID: u32 = 2;
    pub const THREAD_NAME: u32 = 5;
}

/// Fields of `InternedData`, each a message of `iid` and `name`.
mod interned {
    pub const EVENT_CATEGORIES: u32 = 1;
    pub const EVENT_NAMES: u32 = 2;
    pub const DEBUG_ANNOTATION_NAMES: u32 = 3;
    pub const IID: u32 = 1;
    pub const NAME: u32 = 2;
}

/// Fields of `DebugAnnotation`.
mod annotation {
    pub const NAME_IID: u32 = 1;
    pub const UINT_VALUE: u32 = 3;
    pub const INT_VALUE: u32 = 4;
}

const SEQUENCE: u64 = 1;
const PROCESS_TRACK: u64 = 1;
const PID: u64 = 1;
/// Tracks of the units, of the channels and of the counters follow the process.
const UNIT_TRACKS: u64 = PROCESS_TRACK + 1;
const CHANNEL_TRACKS: u64 = UNIT_TRACKS + Unit::ALL.len() as u64;
const COUNTER_TRACKS: u64 = CHANNEL_TRACKS + 2;

/// The open slices of a unit.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// The instruction whose slice it is in.
    insn: Option<usize>,
    /// Whether another slice is open, in that one or alone.
    inner: bool,
}

/// Writes a Perfetto trace.
#[derive(Debug)]
pub(super) struct Perfetto<'a, W> {
    insns: &'a [Insn],
    pairs: Pairs,
    output: Output<W>,
    /// The track event that is being put together.
    event: Vec<u8>,
    units: [Open; 4],
    /// Whether a burst's slice is open on the channel.
    channels: [bool; 2],
}

impl<'a, W: io::Write> Perfetto<'a, W> {
    /// Begins with the names and the tracks.
    pub fn new(run: &TracedRun<'a>, mut output: Output<W>) -> Perfetto<'a, W> {
        output.bytes.message(packet::PACKET, |packet| {
            packet.varint(packet::SEQUENCE_ID, SEQUENCE);
            packet.varint(packet::SEQUENCE_FLAGS, packet::STATE_CLEARED);
            packet.message(packet::INTERNED_DATA, intern_names);
        });
        push_tracks(&mut output.bytes);
        let (units, channels) = ([Open::default(); 4], [false; 2]);
        let pairs = Pairs::new(run.insns, &run.tables.insns, run.report.cycles, run.options);
        Perfetto { insns: run.insns, pairs, output, event: Vec::new(), units, channels }
    }

    /// Begins an event.
    #[inline]
    fn start(&mut self, kind: u64, track: u64) {
        self.event.clear();
        self.event.varint(event::TYPE, kind);
        self.event.varint(event::TRACK_UUID, track);
    }

    #[inline]
    fn begin(&mut self, track: u64, category: Category, name: u64) {
        self.start(event::SLICE_BEGIN, track);
        self.event.varint(event::CATEGORY_IIDS, category as u64);
        self.event.varint(event::NAME_IID, name);
    }

    fn end(&mut self, at: u64, track: u64) -> io::Result<()> {
        self.start(event::SLICE_END, track);
        self.write(at)
    }

    /// Writes the event that was put together.
    #[inline]
    fn write(&mut self, at: u64) -> io::Result<()> {
        let bytes = &mut self.output.bytes;
        let body = self.event.len() as u64;
        // Five tags of one byte, the sequence's number and its flags, and three values.
        let len = 6 + varint_len(at) + varint_len(body) + body;
        bytes.head(packet::PACKET, len);
        bytes.varint(packet::TIMESTAMP, at);
        bytes.varint(packet::SEQUENCE_ID, SEQUENCE);
        bytes.varint(packet::SEQUENCE_FLAGS, packet::NEEDS_STATE);
        bytes.bytes(packet::TRACK_EVENT, &self.event);
        self.output.event()
    }

    /// Annotates the event that is being put together.
    fn annotate(&mut self, key: Key, value: u64) {
        annotate(&mut self.event, key, annotation::UINT_VALUE, value);
    }

    fn begin_insn(&mut self, at: u64, track: u64, index: usize) -> io::Result<()> {
        let insn = &self.insns[index];
        self.begin(track, Category::Instruction, names::instruction(insn));
        self.annotate(Key::Insn, index as u64);
        let event = &mut self.event;
        names::fields(&insn.op, &mut |key, value| annotate(event, key, annotation::UINT_VALUE, value));
        if let Op::Alu(alu) = &insn.op
            && alu.use_imm
        {
            annotate(event, Key::Imm, annotation::INT_VALUE, i64::from(alu.imm) as u64);
        }
        for queue in self.pairs.taken(index, insn) {
            event.fixed64(event::FLOW_IDS, flow(queue, index));
        }
        for (queue, poster) in self.pairs.posters(index, insn) {
            event.fixed64(event::TERMINATING_FLOW_IDS, flow(queue, poster));
        }
        self.write(at)
    }

    /// A slice of a state other than a module's work.
    fn begin_state(&mut self, at: u64, track: u64, state: State, insn: Option<usize>) -> io::Result<()> {
        let (category, name) = names::state(state, insn.is_some());
        self.begin(track, category, name);
        if let Some(index) = insn {
            self.annotate(Key::Insn, index as u64);
        }
        if let State::Token { poster: Some(poster), .. } = state {
            self.annotate(Key::Poster, poster as u64);
        }
        self.write(at)
    }

    /// Ends what is open in a unit, except the slice of `keep`.
    fn close(&mut self, at: u64, unit: Unit, keep: Option<usize>) -> io::Result<()> {
        let (open, track) = (self.units[unit.place()], UNIT_TRACKS + unit.place() as u64);
        if open.inner {
            self.end(at, track)?;
        }
        if open.insn.is_some() && open.insn != keep {
            self.end(at, track)?;
        }
        self.units[unit.place()] = Open { insn: open.insn.filter(|insn| keep == Some(*insn)), inner: false };
        Ok(())
    }

    fn close_channel(&mut self, at: u64, channel: Channel) -> io::Result<()> {
        let open = std::mem::take(&mut self.channels[channel as usize]);
        if open { self.end(at, CHANNEL_TRACKS + channel as u64) } else { Ok(()) }
    }
}

impl<W: io::Write> Sink for Perfetto<'_, W> {
    const BURSTS: bool = true;

    #[inline]
    fn state(&mut self, at: u64, unit: Unit, state: State, insn: Option<usize>) -> io::Result<()> {
        let works = matches!(state, State::Working | State::Memory(_));
        let runs = insn.filter(|_| works && unit != Unit::Fetch);
        self.close(at, unit, runs)?;
        let (place, track) = (unit.place(), UNIT_TRACKS + unit.place() as u64);
        if let Some(index) = runs
            && self.units[place].insn.is_none()
        {
            self.begin_insn(at, track, index)?;
            self.units[place].insn = runs;
        }
        if runs.is_none() || state != State::Working {
            self.begin_state(at, track, state, insn)?;
            self.units[place].inner = true;
        }
        Ok(())
    }

    #[inline]
    fn counter(&mut self, at: u64, counter: Counter, value: u64) -> io::Result<()> {
        self.start(event::COUNTER, COUNTER_TRACKS + counter.place() as u64);
        self.event.varint(event::COUNTER_VALUE, value);
        self.write(at)
    }

    #[inline]
    fn bus(&mut self, at: u64, channel: Channel, transfer: Option<Transfer>) -> io::Result<()> {
        self.close_channel(at, channel)?;
        let Some(Transfer { client, insn, address, beats }) = transfer else { return Ok(()) };
        self.begin(CHANNEL_TRACKS + channel as u64, Category::Bus, names::burst(client));
        if let Some(insn) = insn {
            self.annotate(Key::Insn, insn as u64);
        }
        self.annotate(Key::Address, address);
        self.annotate(Key::Beats, beats);
        self.channels[channel as usize] = true;
        self.write(at)
    }

    fn finish(mut self, cycles: u64) -> io::Result<TraceSummary> {
        for unit in Unit::ALL {
            self.close(cycles, unit, None)?;
        }
        self.close_channel(cycles, Channel::Reads)?;
        self.close_channel(cycles, Channel::Writes)?;
        self.output.finish()
    }
}

/// The token that the instruction posts into the queue; it posts at most one.
fn flow(queue: Queue, poster: usize) -> u64 {
    (poster as u64) << 2 | queue as u64
}

#[inline]
fn annotate(event: &mut Vec<u8>, key: Key, field: u32, value: u64) {
    event.head(event::DEBUG_ANNOTATIONS, 3 + varint_len(value));
    event.varint(annotation::NAME_IID, key as u64);
    event.varint(field, value);
}

fn intern_names(data: &mut Vec<u8>) {
    let mut put = |field, number: usize, name: &str| {
        data.message(field, |entry| {
            entry.varint(interned::IID, number as u64 + 1);
            entry.bytes(interned::NAME, name.as_bytes());
        });
    };
    CATEGORIES.iter().enumerate().for_each(|(at, name)| put(interned::EVENT_CATEGORIES, at, name));
    names::slices().iter().enumerate().for_each(|(at, name)| put(interned::EVENT_NAMES, at, name));
    KEYS.iter().enumerate().for_each(|(at, name)| put(interned::DEBUG_ANNOTATION_NAMES, at, name));
}

/// Describes the process and all tracks in it.
fn push_tracks(bytes: &mut Vec<u8>) {
    push_track(bytes, PROCESS_TRACK, |track| {
        track.message(track::PROCESS, |process| {
            process.varint(track::PROCESS_PID, PID);
            process.bytes(track::PROCESS_NAME, b"vta");
        });
    });
    let threads = Unit::ALL.map(Unit::name).into_iter().chain(["bus reads", "bus writes"]);
    for (uuid, name) in (UNIT_TRACKS..).zip(threads) {
        push_track(bytes, uuid, |track| {
            track.varint(track::PARENT_UUID, PROCESS_TRACK);
            track.message(track::THREAD, |thread| {
                thread.varint(track::THREAD_PID, PID);
                thread.varint(track::THREAD_TID, uuid);
                thread.bytes(track::THREAD_NAME, name.as_bytes());
            });
        });
    }
    for (uuid, counter) in (COUNTER_TRACKS..).zip(Counter::ALL) {
        let name = match counter {
            Counter::Queue(module) => format!("queue {module}"),
            Counter::Tokens(queue) => format!("tokens {queue}"),
        };
        push_track(bytes, uuid, |track| {
            track.varint(track::PARENT_UUID, PROCESS_TRACK);
            track.bytes(track::NAME, name.as_bytes());
            track.message(track::COUNTER, |_| {});
        });
    }
}

fn push_track(bytes: &mut Vec<u8>, uuid: u64, fill: impl FnOnce(&mut Vec<u8>)) {
    bytes.message(packet::PACKET, |packet| {
        packet.varint(packet::SEQUENCE_ID, SEQUENCE);
        packet.message(packet::TRACK_DESCRIPTOR, |track| {
            track.varint(track::UUID, uuid);
            fill(track);
        });
    });
}
