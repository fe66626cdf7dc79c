//! Waveforms, read back by another library: in every cycle every signal is what the run did.

use crate::runs::Run;
use std::io::Cursor;
use tilewright_isa::Module;
use tilewright_sim::Queue;
use tilewright_sim::cycles::trace::TraceFormat;
use tilewright_sim::cycles::{MemoryWait, NEVER, Span, State};
use wellen::simple::{Waveform, read_from_reader};
use wellen::{SignalValueRef, TimescaleUnit};

/// Reads the waveform, holds every signal against the run, and returns how many values were compared.
pub fn check(run: &Run) -> usize {
    let (bytes, summary) = run.trace(TraceFormat::Vcd);
    let changes = bytes.split(|byte| *byte == b'\n').skip_while(|line| *line != b"$enddefinitions $end").skip(1);
    let changes = changes.filter(|line| matches!(line.first(), Some(b's' | b'b')));
    assert_eq!(changes.count() as u64, summary.events);
    let mut wave = read_from_reader(Cursor::new(bytes)).expect("a waveform");
    let scale = wave.hierarchy().timescale().expect("a time scale");
    assert_eq!((scale.factor, scale.unit), (1, TimescaleUnit::NanoSeconds));
    assert_eq!(wave.time_table().last(), Some(&run.cycles()));
    check_units(run, &mut wave) + check_counters(run, &mut wave) + check_bus(run, &mut wave)
}

fn check_units(run: &Run, wave: &mut Waveform) -> usize {
    let attribution = run.attribution();
    let [load, compute, store] = &attribution.modules;
    let mut compared = 0;
    for (unit, spans) in [("fetch", &attribution.fetch), ("load", load), ("compute", compute), ("store", store)] {
        let (states, insns) = (values(wave, unit, "state", run), values(wave, unit, "insn", run));
        for cycle in 0..run.cycles() {
            let Span { state, insn, .. } = &spans[spans.partition_point(|span| span.cycles.end <= cycle)];
            assert_eq!(states[cycle as usize], text(*state), "state of {unit} in {cycle}");
            let insn = insn.map_or("x".repeat(32), |insn| format!("{insn:032b}"));
            assert_eq!(insns[cycle as usize], insn, "instruction of {unit} in {cycle}");
            compared += 2;
        }
    }
    compared
}

fn check_counters(run: &Run, wave: &mut Waveform) -> usize {
    let (queues, tokens) = (run.queues(), run.tokens());
    let mut compared = 0;
    for module in Module::ALL {
        let lengths = queues.iter().map(|lengths| format!("{:021b}", lengths[module as usize]));
        compare(&values(wave, module.name(), "queue", run), lengths, &mut compared);
    }
    for queue in Queue::ALL {
        let counts = tokens.iter().map(|counts| format!("{:08b}", counts[queue as usize]));
        compare(&values(wave, "tokens", queue.key(), run), counts, &mut compared);
    }
    compared
}

fn check_bus(run: &Run, wave: &mut Waveform) -> usize {
    let cycles = run.cycles();
    let mut on_bus = [vec!["idle"; cycles as usize], vec!["idle"; cycles as usize]];
    let reads = run.tables.reads.iter().map(|read| (0, read.client.name(), read.first_beat, read.last_beat));
    let writes = run.tables.writes.iter().map(|write| (1, "store", write.first_beat, write.last_beat));
    for (channel, who, first, last) in reads.chain(writes).filter(|(_, _, first, _)| *first != NEVER) {
        for cycle in first..cycles.min(last.saturating_add(1)) {
            on_bus[channel][cycle as usize] = who;
        }
    }
    let mut compared = 0;
    for (signal, expected) in ["read", "write"].into_iter().zip(on_bus) {
        compare(&values(wave, "bus", signal, run), expected.into_iter().map(str::to_owned), &mut compared);
    }
    compared
}

fn compare(found: &[String], expected: impl Iterator<Item = String>, compared: &mut usize) {
    for (cycle, expected) in expected.enumerate() {
        assert_eq!(found[cycle], expected, "in cycle {cycle}");
        *compared += 1;
    }
}

/// What a signal is in each cycle of the run.
fn values(wave: &mut Waveform, scope: &str, name: &str, run: &Run) -> Vec<String> {
    let hierarchy = wave.hierarchy();
    let var = hierarchy.lookup_var(&["vta", scope], name).unwrap_or_else(|| panic!("{scope}.{name} is declared"));
    let signal = hierarchy[var].signal_ref();
    wave.load_signals(&[signal]);
    let times = wave.time_table();
    let mut values = Vec::new();
    let mut last = None;
    for (time, value) in wave.get_signal(signal).expect("it was loaded").iter_changes() {
        let at = times[time as usize];
        assert!(at < run.cycles(), "{scope}.{name} changes behind the end");
        last.into_iter().for_each(|last: String| values.resize(at as usize, last));
        last = Some(match value {
            SignalValueRef::String(text) => text.to_owned(),
            SignalValueRef::BitVec(bits) => bits.bit_string(),
            _ => panic!("{scope}.{name} is neither text nor a vector"),
        });
    }
    last.into_iter().for_each(|last| values.resize(run.cycles() as usize, last));
    assert_eq!(values.len() as u64, run.cycles(), "{scope}.{name} has a value from the beginning");
    values
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
