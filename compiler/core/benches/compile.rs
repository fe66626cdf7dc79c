//! How long the compiler takes, in process and warm: from the text of a program to its instructions.
//!
//! `tutorials` are the blocked matmul, the same with buffers that rotate, and the convolution of VTA's tutorials. `autoencoder`
//! has 117 stages and 305 directives. `chain` compiles kernels of more and more elementwise stages; the time for each stage
//! should stay where it is. `growth` compiles one kernel for 10^4 to 10^6 instructions; its time for each instruction should
//! stay where it is. `docs/performance.md` has figures.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tilewright_core::emit::Stream;
use tilewright_core::modules::complete;
use tilewright_core::pipeline::{self, Request, front};
use tilewright_isa::Config;
use tilewright_syntax::Sources;

/// The allocator of the `tilewright` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dsl-examples")
}

fn compile(text: &str, params: &[(String, i64)]) -> Stream {
    let config = Config::default();
    let mut sources = Sources::default();
    let file = sources.add("bench.tw", text);
    let mut example =
        |path: &str| std::fs::read_to_string(examples().join("lstm").join(path)).map_err(|e| e.to_string());
    complete(&mut sources, file, &mut example).expect("what the program uses is there");
    let request = Request { sources: &sources, file, params, program: None, schedule: None, config: &config };
    let front = front(&request).expect("a valid program");
    let compiled = pipeline::compile(&front, &mut |_| ControlFlow::Continue(())).expect("it is legal");
    compiled.expect("nothing stops it").stream
}

fn tutorials(c: &mut Criterion) {
    let channels = [("ci".to_string(), 256), ("co".to_string(), 256)];
    let programs: [(&str, &[(String, i64)]); 3] =
        [("blocked_matmul", &[]), ("double_buffered_matmul", &[]), ("conv", &channels)];
    for (name, params) in programs {
        let text = std::fs::read_to_string(examples().join(format!("{name}.tw"))).expect("the example is there");
        c.bench_function(name, |b| b.iter(|| compile(&text, params)));
    }
}

fn autoencoder(c: &mut Criterion) {
    let text = std::fs::read_to_string(examples().join("lstm/autoencoder.tw")).expect("the example is there");
    let mut group = c.benchmark_group("autoencoder");
    group.sample_size(20);
    group.bench_function("117 stages", |b| b.iter(|| compile(&text, &[])));
    group.finish();
}

/// A kernel of so many elementwise stages, each of which reads the one before; with a schedule for each stage if it is not to
/// be the automatic one.
fn chain_of(stages: usize, scheduled: bool) -> String {
    let mut text = "kernel chain(n = 64) {\n    input X: i32[n]\n    S0[i] = X[i] + 1\n".to_string();
    for stage in 1..stages {
        let _ = writeln!(text, "    S{stage}[i] = max(S{}[i], {}) + {}", stage - 1, stage % 100, stage % 7);
    }
    let _ = writeln!(text, "    output Y[i] = i8(S{}[i])\n}}", stages - 1);
    if scheduled {
        text.push_str("schedule written for chain {\n    X_buf = X.cache_read(acc)\n");
        (0..stages).for_each(|stage| {
            let _ = writeln!(text, "    S{stage} {{ set_scope(acc); split(i, 16) -> io, ii }}");
        });
        text.push_str("}\n");
    }
    text
}

fn chains(c: &mut Criterion) {
    let mut group = c.benchmark_group("chain");
    group.sample_size(20);
    for (scheduled, name) in [(false, "automatic"), (true, "written")] {
        for stages in [25, 50, 100, 200, 400] {
            let text = chain_of(stages, scheduled);
            group.throughput(Throughput::Elements(stages as u64));
            group.bench_function(format!("{name}, {stages} stages"), |b| b.iter(|| compile(&text, &[])));
        }
    }
    group.finish();
}

/// One tile of the result at a time: five instructions for each.
const TILEWISE: &str = "
kernel matmul(m = 1, k = BLOCK_IN, n = BLOCK_OUT) {
    input X: i8[m, k]
    input W: i8[n, k]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    output Y[i, j] = i8(C[i, j])
}

schedule tilewise for matmul {
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    C.set_scope(acc)
    Y.split(j, BLOCK_OUT) -> yo, yi
    C.compute_at(Y, yo)
    C.split(i, BATCH) -> io, ii
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(ro, io, ii, j, ri)
    C.tensorize(ii, gemm)
    X_buf.compute_at(C, ro)
    W_buf.compute_at(C, ro)
}
";

fn growth(c: &mut Criterion) {
    let mut group = c.benchmark_group("growth");
    group.sample_size(10);
    for tiles in [2_000, 20_000, 200_000] {
        let params = [("m".to_string(), tiles / 500), ("n".to_string(), 16 * 500)];
        let insns = compile(TILEWISE, &params).insns.len();
        group.throughput(Throughput::Elements(insns as u64));
        group.bench_function(format!("{insns} instructions"), |b| b.iter(|| compile(TILEWISE, &params)));
    }
    group.finish();
}

criterion_group!(benches, tutorials, autoencoder, chains, growth);
criterion_main!(benches);
