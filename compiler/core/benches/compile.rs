//! How long the compiler takes, in process and warm: from the text of a program to its instructions.
//!
//! `tutorials` are the blocked matmul, the same with buffers that rotate, and the convolution of VTA's tutorials. `growth`
//! compiles one kernel for 10^4 to 10^6 instructions; its time for each instruction should stay where it is.
//! `docs/performance.md` has figures.

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tilewright_core::emit::{Stream, emit};
use tilewright_core::modules::complete;
use tilewright_core::pipeline::{Request, front, legalize};
use tilewright_isa::Config;
use tilewright_syntax::Sources;

/// The allocator of the `tilewright` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn compile(text: &str, params: &[(String, i64)]) -> Stream {
    let config = Config::default();
    let mut sources = Sources::default();
    let file = sources.add("bench.tw", text);
    complete(&mut sources, file, &mut |path| Err(format!("{path} is no part of the library")))
        .expect("no files are used");
    let request = Request { sources: &sources, file, params, program: None, schedule: None, config: &config };
    let front = front(&request).expect("a valid program");
    let schedule = front.schedule(&mut |_| {}).expect("a valid schedule");
    let loops = schedule.loops().expect("it has loops");
    let legal = legalize(loops, front.cx(), &mut |_| {}).expect("it is legal");
    emit(&legal).expect("it can be emitted")
}

fn tutorials(c: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dsl-examples");
    let channels = [("ci".to_string(), 256), ("co".to_string(), 256)];
    let examples: [(&str, &[(String, i64)]); 3] =
        [("blocked_matmul", &[]), ("double_buffered_matmul", &[]), ("conv", &channels)];
    for (name, params) in examples {
        let text = std::fs::read_to_string(folder.join(format!("{name}.tw"))).expect("the example is there");
        c.bench_function(name, |b| b.iter(|| compile(&text, params)));
    }
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

criterion_group!(benches, tutorials, growth);
criterion_main!(benches);
