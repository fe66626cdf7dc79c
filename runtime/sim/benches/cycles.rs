//! How fast streams are simulated in time, without values: `cargo bench -p tilewright-sim --bench cycles`.
//!
//! Criterion prints elements per second, which are simulated cycles here. The streams are recorded ones beside the
//! repository; without them, one that the repository holds.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs;
use std::path::{Path, PathBuf};
use tilewright_sim::Recording;
use tilewright_sim::cycles::{CycleOptions, Tables, Timing, insn_base, simulate};

const RECORDED: [&str; 4] =
    ["group-conv-mobilenet-d8", "conv2d-tuned-resnet-c5", "conv2d-transpose-dcgan-ct3", "matrix-multiply-blocked"];

fn load(folder: &Path) -> Recording {
    let json = fs::read_to_string(folder.join("trace.json")).expect("trace.json can be read");
    let insns = fs::read(folder.join("insns.bin")).expect("insns.bin can be read");
    Recording::from_parts(&json, &insns, None, None).expect("the folder holds a recording")
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = root.join("../../../shared/vta-traces");
    if shared.exists() {
        return RECORDED.iter().map(|name| shared.join(name)).collect();
    }
    eprintln!("SKIPPED: {} does not exist", shared.display());
    vec![root.join("tests/data/timing/pipeline-003")]
}

fn time(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("time");
    for folder in folders() {
        let recording = load(&folder);
        let insn_base = insn_base(recording.segments.iter().map(|segment| (segment.address, segment.bytes)));
        let tokens_before = recording.tokens_before;
        let options = CycleOptions { tokens_before, insn_base, ..CycleOptions::default() };
        let Recording { config, insns, .. } = &recording;
        let run = || simulate(config, insns, &Timing::DE10, &options, &mut ()).expect("the stream runs");
        let tables = || {
            let mut tables = Tables::new(insns.len());
            simulate(config, insns, &Timing::DE10, &options, &mut tables).expect("the stream runs");
            tables
        };
        let name = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        group.throughput(Throughput::Elements(run().cycles));
        group.bench_function(&name, |bencher| bencher.iter(run));
        group.bench_function(format!("{name}, with tables"), |bencher| bencher.iter(tables));
    }
    group.finish();
}

criterion_group!(benches, time);
criterion_main!(benches);
