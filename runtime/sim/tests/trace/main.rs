//! Traces, read back by independent readers and held against what each run did: `perfetto` decodes the protobuf with a
//! library and the published schema, `waveform` reads the value changes with a library for waveforms. `runs` has the
//! streams and a slow, cycle-by-cycle account of queues and tokens.

mod perfetto;
mod runs;
mod schema;
mod waveform;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use runs::Run;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use tilewright_isa::Config;
use tilewright_sim::cycles::trace::{TraceFormat, TracedRun, write};
use tilewright_sim::cycles::{CycleOptions, State, Timing};

#[test]
fn recorded_streams_are_traced_in_every_cycle() {
    let runs = runs::recorded();
    assert!(runs.len() >= 8);
    let mut flows = 0;
    for (name, run) in &runs {
        println!("{name}: {} cycles", run.cycles());
        flows += perfetto::check(run);
        waveform::check(run);
    }
    assert!(flows > 20, "{flows} flows");
}

#[test]
fn random_streams_are_traced_in_every_cycle() {
    let cases = std::env::var("TILEWRIGHT_CASES").map_or(200, |cases| cases.parse().expect("a number of cases"));
    let settings = ProptestConfig {
        cases,
        failure_persistence: None,
        max_global_rejects: 40 * cases,
        ..ProptestConfig::default()
    };
    let seen = RefCell::new((0, 0));
    let result = TestRunner::new(settings).run(&runs::random(), |run| {
        let mut seen = seen.borrow_mut();
        seen.0 += perfetto::check(&run);
        seen.1 += waveform::check(&run);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let (flows, changes) = seen.into_inner();
    println!("{flows} flows, {changes} changes of signals");
    assert!(flows > cases as usize / 4 && changes > 50 * cases as usize, "{flows} flows, {changes} changes");
}

/// A wait names the queue whose token came last, and who posted it: not one whose token lay there before, although its
/// queue was posted to in the same cycle.
#[test]
fn waits_are_charged_to_the_token_that_was_missing() {
    let cases = std::env::var("TILEWRIGHT_CASES").map_or(400, |cases| cases.parse().expect("a number of cases"));
    let settings = ProptestConfig {
        cases,
        failure_persistence: None,
        max_global_rejects: 40 * cases,
        ..ProptestConfig::default()
    };
    let waits = RefCell::new(0);
    let result = TestRunner::new(settings).run(&runs::random(), |run| {
        *waits.borrow_mut() += check_waits(&run);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let random = waits.into_inner();
    let recorded: u32 = runs::recorded().iter().map(|(_, run)| check_waits(run)).sum();
    println!("{random} waits ended in random streams, {recorded} in recorded ones");
    assert!(random > 0 && recorded > 10, "{random} and {recorded} waits ended");
    assert_eq!(check_waits(&runs::two_posts_at_once()), 1);
}

/// The number of waits that ended.
fn check_waits(run: &Run) -> u32 {
    let taken: BTreeSet<_> = run.tokens_taken().into_iter().map(|(queue, by, to)| (queue as usize, by, to)).collect();
    let counts = run.tokens();
    let mut ended = 0;
    for span in run.attribution().modules.iter().flatten() {
        let State::Token { queue, poster } = span.state else { continue };
        let insn = span.insn.expect("an instruction waits");
        let last = span.cycles.end as usize - 1;
        assert_eq!(counts[last][queue as usize], 0, "{insn} waits for {queue:?} in cycle {last}: {run:?}");
        if span.cycles.end < run.cycles() {
            let poster = poster.expect("a wait ends with a token");
            assert!(taken.contains(&(queue as usize, poster, insn)), "{insn} took no token of {poster}: {run:?}");
            ended += 1;
        }
    }
    ended
}

#[test]
fn an_empty_stream_has_an_empty_trace() {
    let run = Run::new(&Config::default(), Vec::new(), Timing::DE10, CycleOptions::default()).unwrap();
    for format in TraceFormat::ALL {
        assert_eq!(run.trace(format).1.events, 0);
    }
    perfetto::check(&run);
}

#[test]
fn formats_are_known_by_their_extensions() {
    let format = |path: &str| TraceFormat::of_path(Path::new(path));
    assert_eq!(format("out/run.pftrace"), Some(TraceFormat::Perfetto));
    assert_eq!(format("RUN.VCD"), Some(TraceFormat::Vcd));
    assert_eq!((format("run.json"), format("vcd"), format(".vcd")), (None, None, None));
    for format in TraceFormat::ALL {
        assert_eq!(TraceFormat::of_path(&Path::new("run").with_extension(format.extension())), Some(format));
    }
}

/// A writer that takes so many bytes and counts how they come.
struct Full {
    left: usize,
    longest: usize,
}

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.longest = self.longest.max(bytes.len());
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// However long a trace is, it leaves in pieces of one size; and a writer's error ends it.
#[test]
fn traces_are_streamed() {
    let noops = (0..20_000).map(|_| tilewright_isa::Insn {
        tokens: Default::default(),
        op: tilewright_isa::Op::Load(tilewright_isa::Mem::noop(tilewright_isa::MemoryType::Inp)),
    });
    let run = Run::new(&Config::default(), noops.collect(), Timing::DE10, CycleOptions::default()).unwrap();
    let Run { insns, timing, options, tables, report } = &run;
    let traced = TracedRun { insns, tables, report, timing, options };
    for format in TraceFormat::ALL {
        let mut out = Full { left: usize::MAX, longest: 0 };
        let summary = write(format, &traced, &mut out).unwrap();
        assert!(summary.bytes > 1 << 20 && out.longest < 1 << 17, "{summary:?}, {} at once", out.longest);
        let mut out = Full { left: summary.bytes as usize - 1, longest: 0 };
        assert_eq!(write(format, &traced, &mut out).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
