//! Waveforms, read back by another library: in every cycle every signal is what the run did.

use crate::runs::Run;
use std::io::Cursor;
use tilewright_isa::Module;
use tilewright_sim::Queue;
use tilewright_sim::cycles::trace::TraceFormat;
use tilewright_sim::cycles::{MemoryWait, Span, State};
use wellen::simple::{Waveform, read_from_reader};
use wellen::{SignalValueRef, TimescaleUnit};

/// Reads the waveform, holds every signal against the run, and returns how many changes were compared.
pub fn check(run: &Run) -> usize {
    let (bytes, summary) = run.trace(TraceFormat::Vcd);
    let changes = bytes.split(|byte| *byte == b'\n').skip_while(|line| *line != b"$enddefinitions $end").skip(1);
    let changes = changes.filter(|line| matches!(line.first(), Some(b's' | b'b')));
    assert_eq!(changes.count() as u64, summary.events);
    let mut wave = read_from_reader(Cursor::new(bytes)).expect("a waveform");
    let scale = wave.hierarchy().timescale().expect("a time scale");
    assert_eq!((scale.factor, scale.unit), (1, TimescaleUnit::NanoSeconds));
    assert_eq!(wave.time_table().last(), Some(&run.cycles()));
    let compared = check_units(run, &mut wave) + check_counters(run, &mut wave) + check_bus(run, &mut wave);
    assert_eq!(compared as u64, summary.events, "every change belongs to a signal that is known");
    compared
}

fn check_units(run: &Run, wave: &mut Waveform) -> usize {
    let attribution = run.attribution();
    let [load, compute, store] = &attribution.modules;
    let mut compared = 0;
    for (unit, spans) in [("fetch", &attribution.fetch), ("load", load), ("compute", compute), ("store", store)] {
        let states = spans.iter().map(|span| (span.cycles.start, text(span.state)));
        compared += compare(wave, unit, "state", run, states);
        let number = |span: &Span| span.insn.map_or("x".repeat(32), |insn| format!("{insn:032b}"));
        compared += compare(wave, unit, "insn", run, spans.iter().map(|span| (span.cycles.start, number(span))));
    }
    compared
}

fn check_counters(run: &Run, wave: &mut Waveform) -> usize {
    let (queues, tokens) = (run.queues(), run.tokens());
    let mut compared = 0;
    for module in Module::ALL {
        let lengths = queues.iter().map(|lengths| format!("{:021b}", lengths[module as usize]));
        compared += compare(wave, module.name(), "queue", run, (0..).zip(lengths));
    }
    for queue in Queue::ALL {
        let counts = tokens.iter().map(|counts| format!("{:08b}", counts[queue as usize]));
        compared += compare(wave, "tokens", queue.key(), run, (0..).zip(counts));
    }
    compared
}

fn check_bus(run: &Run, wave: &mut Waveform) -> usize {
    let cycles = run.cycles();
    let mut on_bus = [vec!["idle"; cycles as usize], vec!["idle"; cycles as usize]];
    let reads = run.tables.reads.iter().map(|read| (0, read.client.name(), read.first_beat, read.last_beat));
    let writes = run.tables.writes.iter().map(|write| (1, "store", write.first_beat, write.last_beat));
    for (channel, who, first, last) in reads.chain(writes).filter(|(_, _, first, _)| *first < cycles) {
        on_bus[channel][first as usize..cycles.min(last.saturating_add(1)) as usize].fill(who);
    }
    let [reads, writes] = on_bus.map(|cycles| (0..).zip(cycles.into_iter().map(str::to_owned)));
    compare(wave, "bus", "read", run, reads) + compare(wave, "bus", "write", run, writes)
}

/// Compares a signal with what it is from certain cycles on; it is told only when it changes. Returns the changes.
fn compare(
    wave: &mut Waveform,
    scope: &str,
    name: &str,
    run: &Run,
    expected: impl Iterator<Item = (u64, String)>,
) -> usize {
    let mut expected: Vec<(u64, String)> = expected.collect();
    expected.dedup_by(|next, last| next.1 == last.1);
    let found = changes(wave, scope, name);
    assert!(found.last().is_none_or(|(at, _)| *at < run.cycles()), "{scope}.{name} changes behind the end");
    let differs = (0..found.len().max(expected.len())).find(|at| found.get(*at) != expected.get(*at));
    if let Some(at) = differs {
        panic!("{scope}.{name}, change {at}: {:?} in the waveform, {:?} in the run", found.get(at), expected.get(at));
    }
    found.len()
}

/// The values of a signal, with the cycle from which on it has each.
fn changes(wave: &mut Waveform, scope: &str, name: &str) -> Vec<(u64, String)> {
    let hierarchy = wave.hierarchy();
    let var = hierarchy.lookup_var(&["vta", scope], name).unwrap_or_else(|| panic!("{scope}.{name} is declared"));
    let signal = hierarchy[var].signal_ref();
    wave.load_signals(&[signal]);
    let times = wave.time_table();
    let change = |(time, value): (u32, SignalValueRef)| {
        let value = match value {
            SignalValueRef::String(text) => text.to_owned(),
            SignalValueRef::BitVec(bits) => bits.bit_string(),
            _ => panic!("{scope}.{name} is neither text nor a vector"),
        };
        (times[time as usize], value)
    };
    wave.get_signal(signal).expect("it was loaded").iter_changes().map(change).collect()
}

fn text(state: State) -> String {
    match state {
        State::Working => "working".to_owned(),
        State::Token { queue, .. } => format!("token_{}", queue.key()),
        State::Memory(MemoryWait::Latency) => "memory_latency".to_owned(),
        State::Memory(MemoryWait::Bandwidth) => "memory_bandwidth".to_owned(),
        State::Memory(MemoryWait::Contention(client)) => format!("contention_{client}"),
        State::Starved => "starved".to_owned(),
        State::Blocked(module) => format!("blocked_{module}"),
        State::Finished => "finished".to_owned(),
    }
}
