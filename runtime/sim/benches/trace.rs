//! How fast traces are written: `cargo bench -p tilewright-sim --bench trace`.
//!
//! Criterion prints elements per second, which are events here: begins and ends of slices and values of counters in a
//! Perfetto trace, value changes in a waveform. What is written is counted and dropped. The recorded streams lie beside
//! the repository; without them, only the synthetic one is measured.

#[allow(dead_code, reason = "another benchmark uses the other streams")]
mod streams;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};
use tilewright_isa::{Config, Insn};
use tilewright_sim::cycles::trace::{TraceFormat, TraceSummary, TracedRun, write};
use tilewright_sim::cycles::{CycleOptions, CycleReport, Tables, Timing, insn_base, simulate};
use tilewright_sim::{Recording, TokenCounts};

const RECORDED: [&str; 4] =
    ["group-conv-mobilenet-d8", "conv2d-transpose-dcgan-ct3", "matrix-multiply-blocked", "conv2d-tuned-resnet-c5"];

/// A stream that has been run.
struct Run {
    insns: Vec<Insn>,
    options: CycleOptions,
    tables: Tables,
    report: CycleReport,
}

impl Run {
    fn new(config: &Config, insns: Vec<Insn>, options: CycleOptions) -> Run {
        let mut tables = Tables::new(insns.len());
        let report = simulate(config, &insns, &Timing::DE10, &options, &mut tables).expect("the stream runs");
        tables.finish(report.cycles);
        Run { insns, options, tables, report }
    }

    fn traced(&self) -> TracedRun<'_> {
        let Run { insns, options, tables, report } = self;
        TracedRun { insns, tables, report, timing: &Timing::DE10, options }
    }
}

fn recorded(folder: &Path) -> Run {
    let json = fs::read_to_string(folder.join("trace.json")).expect("trace.json can be read");
    let insns = fs::read(folder.join("insns.bin")).expect("insns.bin can be read");
    let recording = Recording::from_parts(&json, &insns, None, None).expect("the folder holds a recording");
    let insn_base = insn_base(recording.segments.iter().map(|segment| (segment.address, segment.bytes)));
    let tokens_before = recording.tokens_before;
    Run::new(&recording.config, recording.insns, CycleOptions { tokens_before, insn_base, ..CycleOptions::default() })
}

/// Small instructions with many tokens, as many of them as the longest recorded streams have.
fn synthetic() -> Run {
    let stream = streams::small_instructions(&Config::default(), 250_000);
    let insns = stream.setup.into_iter().chain(stream.insns).collect();
    Run::new(
        &Config::default(),
        insns,
        CycleOptions { tokens_before: TokenCounts::default(), ..CycleOptions::default() },
    )
}

fn runs() -> Vec<(&'static str, Run)> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vta-traces");
    let mut runs = vec![("small-instructions", synthetic())];
    if shared.exists() {
        runs.extend(RECORDED.map(|name| (name, recorded(&shared.join(name)))));
    } else {
        eprintln!("SKIPPED: {} does not exist", shared.display());
    }
    runs
}

/// The shortest of the repeats within a second, which other work on the machine disturbs least.
fn best_of(mut once: impl FnMut() -> TraceSummary) -> Duration {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_secs(1) {
        let start = Instant::now();
        black_box(once());
        best = best.min(start.elapsed());
    }
    best
}

fn trace(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("trace");
    group.sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    for (name, run) in runs() {
        for format in TraceFormat::ALL {
            let once = || write(format, &run.traced(), &mut std::io::sink()).expect("nothing fails");
            let summary = once();
            let rate = summary.events as f64 / best_of(once).as_secs_f64() / 1e6;
            println!("{name}.{}: {summary:?}, at best {rate:.1} M events/s", format.extension());
            group.throughput(Throughput::Elements(summary.events));
            group.bench_function(format!("{name}.{}", format.extension()), |bencher| bencher.iter(once));
        }
    }
    group.finish();
}

criterion_group!(benches, trace);
criterion_main!(benches);
