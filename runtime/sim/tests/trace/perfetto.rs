//! Perfetto traces, decoded by a protobuf library: slices, counters and flows are what the run did.

use crate::runs::{Run, modules, name};
use crate::schema::{Trace, TrackEvent, Type};
use prost::Message;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use tilewright_isa::{Insn, Module, Op};
use tilewright_sim::Queue;
use tilewright_sim::cycles::trace::TraceFormat;
use tilewright_sim::cycles::{Client, MemoryWait, Span, State, Totals};

/// A slice as a viewer sees it.
#[derive(Clone, Debug, PartialEq)]
struct Slice {
    cycles: Range<u64>,
    depth: usize,
    category: String,
    name: String,
    annotations: BTreeMap<String, i64>,
    flows: Vec<u64>,
    ended_flows: Vec<u64>,
}

impl Slice {
    fn insn(&self) -> Option<usize> {
        self.annotations.get("insn").map(|insn| *insn as usize)
    }
}

/// A trace by the names of its tracks.
struct Decoded {
    /// In order of their beginnings.
    slices: HashMap<String, Vec<Slice>>,
    /// Values from a cycle on.
    counters: HashMap<String, Vec<(u64, i64)>>,
    events: u64,
}

/// The words of a trace, by number.
#[derive(Default)]
struct Words {
    categories: HashMap<u64, String>,
    names: HashMap<u64, String>,
    keys: HashMap<u64, String>,
    tracks: HashMap<u64, String>,
}

/// Decodes a trace as its format demands: in order, with names and tracks before they are used.
fn decode(bytes: &[u8], cycles: u64) -> Decoded {
    let trace = Trace::decode(bytes).expect("a trace");
    assert_eq!(trace.encoded_len(), bytes.len(), "there is something that is not in the schema");
    let mut words = Words::default();
    let mut decoded = Decoded { slices: HashMap::new(), counters: HashMap::new(), events: 0 };
    let mut open: HashMap<String, Vec<usize>> = HashMap::new();
    let mut before = 0;
    for packet in trace.packet {
        assert_eq!(packet.trusted_packet_sequence_id, Some(1));
        words.learn(&packet);
        let Some(event) = packet.track_event else { continue };
        assert_eq!(packet.sequence_flags, Some(2), "the event needs the names");
        let at = packet.timestamp.expect("an event has a time");
        assert!(before <= at && at <= cycles, "events are in order of time and end with the run");
        before = at;
        decoded.events += 1;
        decoded.add(&words, at, &event, &mut open);
    }
    assert!(open.values().all(Vec::is_empty), "every slice ends");
    decoded
}

impl Words {
    fn learn(&mut self, packet: &crate::schema::TracePacket) {
        if let Some(data) = &packet.interned_data {
            assert_eq!(packet.sequence_flags, Some(1), "names begin anew");
            let tables = [
                (&mut self.categories, &data.event_categories),
                (&mut self.names, &data.event_names),
                (&mut self.keys, &data.debug_annotation_names),
            ];
            for (table, entries) in tables {
                table.extend(entries.iter().map(|entry| (entry.iid.unwrap(), entry.name.clone().unwrap())));
            }
        }
        if let Some(track) = &packet.track_descriptor {
            let name = match (&track.process, &track.thread, &track.counter) {
                (Some(process), None, None) => process.process_name.clone(),
                (None, Some(thread), None) => thread.thread_name.clone(),
                (None, None, Some(_)) => track.name.clone(),
                _ => panic!("a track of no kind: {track:?}"),
            };
            let parent = track.parent_uuid.map(|parent| &self.tracks[&parent]);
            assert_eq!(parent.map(String::as_str), (name.as_deref() != Some("vta")).then_some("vta"));
            assert_eq!(self.tracks.insert(track.uuid.unwrap(), name.unwrap()), None);
        }
    }
}

impl Decoded {
    fn add(&mut self, words: &Words, at: u64, event: &TrackEvent, open: &mut HashMap<String, Vec<usize>>) {
        let track = words.tracks[&event.track_uuid.unwrap()].clone();
        let slices = self.slices.entry(track.clone()).or_default();
        let stack = open.entry(track.clone()).or_default();
        match event.r#type() {
            Type::SliceBegin => {
                let annotation = |annotation: &crate::schema::DebugAnnotation| {
                    let value = annotation.int_value.or(annotation.uint_value.map(|value| value as i64));
                    (words.keys[&annotation.name_iid.unwrap()].clone(), value.unwrap())
                };
                let slice = Slice {
                    cycles: at..u64::MAX,
                    depth: stack.len(),
                    category: words.categories[&event.category_iids[0]].clone(),
                    name: words.names[&event.name_iid.unwrap()].clone(),
                    annotations: event.debug_annotations.iter().map(annotation).collect(),
                    flows: event.flow_ids.clone(),
                    ended_flows: event.terminating_flow_ids.clone(),
                };
                stack.push(slices.len());
                slices.push(slice);
            }
            Type::SliceEnd => {
                let slice = &mut slices[stack.pop().expect("a slice that ends has begun")];
                slice.cycles.end = at;
                assert!(!slice.cycles.is_empty(), "{slice:?}");
            }
            Type::Counter => self.counters.entry(track).or_default().push((at, event.counter_value.unwrap())),
            other => panic!("an event of type {other:?}"),
        }
    }

    fn of(&self, track: &str) -> &[Slice] {
        self.slices.get(track).map_or(&[], |slices| slices)
    }
}

/// Decodes a run's trace and holds all of it against the run. Returns the number of flows.
pub fn check(run: &Run) -> usize {
    let (bytes, summary) = run.trace(TraceFormat::Perfetto);
    let decoded = decode(&bytes, run.cycles());
    assert_eq!(decoded.events, summary.events);
    check_states(run, &decoded);
    check_insns(run, &decoded);
    check_bus(run, &decoded);
    check_counters(run, &decoded);
    check_flows(run, &decoded)
}

/// The innermost slices of a track, cut where another is inside.
fn innermost(slices: &[Slice]) -> Vec<Slice> {
    let mut pieces = Vec::new();
    for (at, slice) in slices.iter().enumerate() {
        let inside = slices[at + 1..].iter().take_while(|inner| inner.depth > slice.depth);
        let mut from = slice.cycles.start;
        for inner in inside {
            assert_eq!(inner.depth, 1, "slices lie two deep: {inner:?}");
            assert!(inner.cycles.end <= slice.cycles.end);
            pieces.push(Slice { cycles: from..inner.cycles.start, ..slice.clone() });
            from = inner.cycles.end;
        }
        pieces.push(Slice { cycles: from..slice.cycles.end, ..slice.clone() });
    }
    pieces.retain(|piece| !piece.cycles.is_empty());
    pieces.sort_by_key(|piece| piece.cycles.start);
    pieces
}

/// The innermost slices of every unit are the spans of the attribution, and add up to its totals.
fn check_states(run: &Run, decoded: &Decoded) {
    let attribution = run.attribution();
    let [load, compute, store] = &attribution.modules;
    for (unit, spans) in [("fetch", &attribution.fetch), ("load", load), ("compute", compute), ("store", store)] {
        let pieces = innermost(decoded.of(unit));
        assert_eq!(pieces.len(), spans.len(), "{unit}");
        for (piece, span) in pieces.iter().zip(spans) {
            assert_eq!((&piece.cycles, piece.insn()), (&span.cycles, span.insn), "{unit}: {piece:?}, {span:?}");
            assert_eq!((piece.category.clone(), piece.name.clone()), words(unit, span, run), "{unit}: {span:?}");
            let poster = piece.annotations.get("poster").map(|poster| *poster as usize);
            let expected = if let State::Token { poster, .. } = span.state { poster } else { None };
            assert_eq!(poster, expected, "{unit}: {span:?}");
        }
        assert_eq!(totals(&pieces), Totals::of(spans), "{unit}");
    }
}

/// Category and name of what shows a span.
fn words(unit: &str, span: &Span, run: &Run) -> (String, String) {
    let (category, name) = match span.state {
        State::Working if unit != "fetch" => ("instruction", name(&run.insns[span.insn.unwrap()])),
        State::Working if span.insn.is_some() => ("fetch", "enqueue".to_owned()),
        State::Working => ("fetch", "fetch".to_owned()),
        State::Token { queue, .. } => ("token", format!("token {queue}")),
        State::Memory(MemoryWait::Latency) => ("memory", "latency".to_owned()),
        State::Memory(MemoryWait::Bandwidth) => ("memory", "bandwidth".to_owned()),
        State::Memory(MemoryWait::Contention(client)) => ("memory", format!("contention {client}")),
        State::Starved => ("starved", "starved".to_owned()),
        State::Blocked(module) => ("blocked", format!("blocked {module}")),
        State::Finished => ("finished", "finished".to_owned()),
    };
    (category.to_owned(), name)
}

/// Cycles by what slices say of themselves.
fn totals(pieces: &[Slice]) -> Totals {
    let sum = |is: &dyn Fn(&Slice) -> bool| {
        pieces.iter().filter(|piece| is(piece)).map(|piece| piece.cycles.end - piece.cycles.start).sum::<u64>()
    };
    let of_name = |name: String| sum(&|piece| piece.name == name);
    Totals {
        working: sum(&|piece| piece.category == "instruction" || piece.category == "fetch"),
        token: Queue::ALL.map(|queue| of_name(format!("token {queue}"))),
        latency: of_name("latency".to_owned()),
        bandwidth: of_name("bandwidth".to_owned()),
        contention: Client::ALL.map(|client| of_name(format!("contention {client}"))),
        starved: of_name("starved".to_owned()),
        blocked: Module::ALL.map(|module| of_name(format!("blocked {module}"))),
        finished: of_name("finished".to_owned()),
    }
}

/// Every instruction that started is one slice from its start until it was done, annotated with its fields.
fn check_insns(run: &Run, decoded: &Decoded) {
    for module in Module::ALL {
        let slices = decoded.of(module.name()).iter().filter(|slice| slice.category == "instruction");
        let slices: Vec<(usize, Range<u64>)> =
            slices.map(|slice| (slice.insn().unwrap(), slice.cycles.clone())).collect();
        let started = run.insns.iter().zip(&run.tables.insns).enumerate();
        let started = started.filter(|(_, (insn, times))| insn.module() == module && times.started < run.cycles());
        let expected =
            started.map(|(index, (_, times))| (index, times.started..run.cycles().min(times.done.saturating_add(1))));
        assert_eq!(slices, expected.collect::<Vec<_>>());
        for slice in decoded.of(module.name()).iter().filter(|slice| slice.category == "instruction") {
            let mut expected = fields(&run.insns[slice.insn().unwrap()]);
            expected.insert("insn".to_owned(), slice.insn().unwrap() as i64);
            assert_eq!(slice.annotations, expected);
        }
    }
}

/// The fields of an instruction that annotate it.
fn fields(insn: &Insn) -> BTreeMap<String, i64> {
    let loops = |bgn: u32, end: u32, out: u32, inner: u32| {
        vec![("uop_bgn", bgn as i64), ("uop_end", end.into()), ("iter_out", out.into()), ("iter_in", inner.into())]
    };
    let factors = |[out, inner, src_out, src_in]: [u32; 4]| {
        let names = ["dst_factor_out", "dst_factor_in", "src_factor_out", "src_factor_in"];
        names.into_iter().zip([out, inner, src_out, src_in].map(i64::from)).collect::<Vec<_>>()
    };
    let (mut always, sometimes) = match &insn.op {
        Op::Load(mem) | Op::Store(mem) if mem.x_size > 0 => {
            let rows = [("y_size", mem.y_size), ("x_size", mem.x_size), ("x_stride", mem.x_stride)];
            let mut fields: Vec<(&str, i64)> = rows.map(|(name, value)| (name, value.into())).into();
            fields.extend([("sram_base", mem.sram_base.into()), ("dram_base", mem.dram_base.into())]);
            let pads = [("y_pad_0", mem.y_pad_0), ("y_pad_1", mem.y_pad_1)];
            let pads = pads.into_iter().chain([("x_pad_0", mem.x_pad_0), ("x_pad_1", mem.x_pad_1)]);
            (fields, pads.map(|(name, value)| (name, value.into())).collect())
        }
        Op::Gemm(gemm) => {
            let mut all = factors([gemm.dst_factor_out, gemm.dst_factor_in, gemm.src_factor_out, gemm.src_factor_in]);
            all.extend([("wgt_factor_out", gemm.wgt_factor_out.into()), ("wgt_factor_in", gemm.wgt_factor_in.into())]);
            (loops(gemm.uop_bgn, gemm.uop_end, gemm.iter_out, gemm.iter_in), all)
        }
        Op::Alu(alu) => {
            let mut always = loops(alu.uop_bgn, alu.uop_end, alu.iter_out, alu.iter_in);
            always.extend(alu.use_imm.then_some(("imm", i64::from(alu.imm))));
            (always, factors([alu.dst_factor_out, alu.dst_factor_in, alu.src_factor_out, alu.src_factor_in]))
        }
        _ => (Vec::new(), Vec::new()),
    };
    always.extend(sometimes.into_iter().filter(|(_, value)| *value != 0));
    always.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Every burst is a slice from its first to its last beat.
fn check_bus(run: &Run, decoded: &Decoded) {
    let shown = |slices: &[Slice]| {
        let row = |slice: &Slice| {
            let address = (slice.annotations["address"], slice.annotations["beats"]);
            (slice.cycles.start, slice.cycles.end, slice.name.clone(), slice.insn(), address)
        };
        slices.iter().map(row).collect::<Vec<_>>()
    };
    let cycles = run.cycles();
    let end = |last: u64| cycles.min(last.saturating_add(1));
    let reads = run.tables.reads.iter().filter(|read| read.first_beat < cycles).map(|read| {
        let address = (read.address as i64, read.beats as i64);
        (read.first_beat, end(read.last_beat), format!("read {}", read.client), read.insn, address)
    });
    let mut reads: Vec<_> = reads.collect();
    reads.sort();
    assert_eq!(shown(decoded.of("bus reads")), reads);
    let writes = run.tables.writes.iter().filter(|write| write.first_beat < cycles).map(|write| {
        let address = (write.address as i64, write.beats as i64);
        (write.first_beat, end(write.last_beat), "write".to_owned(), Some(write.insn), address)
    });
    assert_eq!(shown(decoded.of("bus writes")), writes.collect::<Vec<_>>());
}

/// Every counter has its value in every cycle, told only when it changes.
fn check_counters(run: &Run, decoded: &Decoded) {
    let (queues, tokens) = (run.queues(), run.tokens());
    let of_queues = Module::ALL.map(|module| {
        (format!("queue {module}"), queues.iter().map(|lengths| lengths[module as usize]).collect::<Vec<_>>())
    });
    let of_tokens = Queue::ALL.map(|queue| {
        (format!("tokens {queue}"), tokens.iter().map(|counts| counts[queue as usize]).collect::<Vec<_>>())
    });
    for (track, expected) in of_queues.into_iter().chain(of_tokens) {
        let changes = (0..expected.len()).filter(|cycle| *cycle == 0 || expected[*cycle] != expected[*cycle - 1]);
        let changes: Vec<_> = changes.map(|cycle| (cycle as u64, expected[cycle] as i64)).collect();
        assert_eq!(decoded.counters.get(&track).cloned().unwrap_or_default(), changes, "{track}");
    }
}

/// Every flow leads from the instruction that posted a token to the one that took it, later.
fn check_flows(run: &Run, decoded: &Decoded) -> usize {
    let mut begun = HashMap::new();
    let mut ended = HashMap::new();
    for (_, module) in modules() {
        for slice in decoded.of(module.name()) {
            for flow in &slice.flows {
                assert_eq!(begun.insert(*flow, slice), None, "a flow begins once");
            }
            for flow in &slice.ended_flows {
                assert_eq!(ended.insert(*flow, slice), None, "a flow ends once");
            }
        }
    }
    assert_eq!(begun.len(), ended.len());
    let mut flows = Vec::new();
    for (flow, poster) in &begun {
        let taker = ended.get(flow).expect("a flow that begins ends");
        assert!(poster.cycles.end <= taker.cycles.start, "{poster:?} {taker:?}");
        let index = (poster.insn().unwrap(), taker.insn().unwrap());
        let modules = (run.insns[index.0].module(), run.insns[index.1].module());
        let queue = Queue::between(modules.0, modules.1).expect("tokens pass between neighbours");
        flows.push((queue as usize, index.0, index.1));
    }
    flows.sort_unstable();
    let expected = run.tokens_taken().into_iter().map(|(queue, poster, taker)| (queue as usize, poster, taker));
    let expected = expected.filter(|(_, _, taker)| run.tables.insns[*taker].started < run.cycles());
    assert_eq!(flows, expected.collect::<Vec<_>>());
    flows.len()
}
