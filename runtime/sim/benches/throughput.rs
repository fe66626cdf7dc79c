//! How fast streams run, on every level of the host, beside the host's own peak.
//!
//! `cargo bench -p tilewright-sim` runs all of it; a filter such as `-- gemm` runs a part. Criterion prints elements
//! per second: multiply-accumulates for GEMM, vector operations (one ACC element) for ALU, instructions for streams of
//! small ones, and bytes per second for loads and stores.

mod peak;
mod streams;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use streams::Stream;
use tilewright_isa::{AluOpcode, Codec, Config, MemoryType, Params};
use tilewright_sim::{Level, Options, Simulator};

/// Measures the execution of a stream, on memory and scratchpads as its setup and its earlier runs left them.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, config: &Config, level: Level, stream: &Stream) {
    let mut simulator = Simulator::with_level(config, level).expect("the level is available");
    let mut dram = stream.dram.clone();
    let options = Options::default();
    simulator.run(&stream.setup, &mut dram, &options).expect("the setup runs");
    group.bench_function(format!("{name}/{level}"), |bencher| {
        bencher.iter(|| simulator.run(&stream.insns, &mut dram, &options).expect("the stream runs"));
    });
}

/// As [`measure`] on the best level, with the race detector.
fn measure_races(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, config: &Config, stream: &Stream) {
    let mut simulator = Simulator::new(config).expect("a valid machine");
    let mut dram = stream.dram.clone();
    let options = Options { detect_races: true, ..Options::default() };
    simulator.run(&stream.setup, &mut dram, &options).expect("the setup runs");
    group.bench_function(name, |bencher| {
        bencher.iter(|| simulator.run(&stream.insns, &mut dram, &options).expect("the stream runs"));
    });
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

/// The configurations whose speed matters beside the default.
fn machines() -> Vec<(&'static str, Config)> {
    let params = Params::default();
    let machine = |name, params| (name, Config::new(params).expect("a valid configuration"));
    vec![
        machine("1x16x16", params),
        machine("4x16x16", Params { log_batch: 2, log_inp_buff_size: 17, log_acc_buff_size: 19, ..params }),
        machine(
            "1x32x32",
            Params {
                log_block_in: 5,
                log_block_out: 5,
                log_inp_buff_size: 16,
                log_wgt_buff_size: 20,
                log_acc_buff_size: 18,
                ..params
            },
        ),
    ]
}

fn host_peak(c: &mut Criterion) {
    let mut group = c.benchmark_group("peak");
    for level in levels() {
        if let Some((macs, run)) = peak::loop_of(level) {
            group.throughput(Throughput::Elements(macs));
            group.bench_function(level.to_string(), |bencher| bencher.iter(run));
        }
    }
}

fn gemm(c: &mut Criterion) {
    for (name, config) in machines() {
        let macs = (config.batch() * config.block_in() * config.block_out()) as u64;
        let tiles = config.depth(MemoryType::Wgt) as u64;
        let mut group = c.benchmark_group(format!("gemm/{name}"));
        for level in levels() {
            group.throughput(Throughput::Elements(64 * tiles * macs));
            measure(&mut group, "matrix-vector", &config, level, &streams::matrix_vector(&config, 64, false));
            measure(&mut group, "matrix-vector-listed", &config, level, &streams::matrix_vector(&config, 64, true));
            group.throughput(Throughput::Elements(64 * 7056 * macs));
            measure(&mut group, "convolution", &config, level, &streams::convolution(&config, 64));
        }
    }
}

fn alu(c: &mut Criterion) {
    let config = Config::default();
    let mut group = c.benchmark_group("alu");
    for level in levels() {
        for (name, opcode, imm) in [
            ("add", AluOpcode::Add, None),
            ("add-imm", AluOpcode::Add, Some(3)),
            ("max-imm", AluOpcode::Max, Some(0)),
            ("shr-imm", AluOpcode::Shr, Some(1)),
            ("shr", AluOpcode::Shr, None),
            ("mul", AluOpcode::Mul, None),
        ] {
            for elements in [256, 1024] {
                group.throughput(Throughput::Elements(256 * u64::from(elements)));
                let stream = streams::alu_passes(&config, opcode, imm, elements, 256);
                measure(&mut group, &format!("{name}/{elements}"), &config, level, &stream);
            }
        }
    }
}

fn transfers(c: &mut Criterion) {
    let config = Config::default();
    let mut group = c.benchmark_group("transfer");
    for memory in [MemoryType::Inp, MemoryType::Wgt, MemoryType::Acc, MemoryType::Acc8Bit, MemoryType::Out] {
        let bytes = (config.depth(memory).min(65_535) * config.element_bytes(memory)) as u64;
        group.throughput(Throughput::Bytes(32 * bytes));
        for level in levels() {
            let stream = streams::transfers(&config, memory, 32);
            measure(&mut group, memory.name(), &config, level, &stream);
        }
        let from = vec![1u8; bytes as usize];
        let mut to = vec![0u8; bytes as usize];
        group.bench_function(format!("{memory}/memcpy"), |bencher| {
            bencher.iter(|| {
                (0..32).for_each(|_| std::hint::black_box(&mut to).copy_from_slice(std::hint::black_box(&from)))
            });
        });
    }
}

fn whole(c: &mut Criterion) {
    let config = Config::default();
    let mut group = c.benchmark_group("stream");
    let convolution = streams::whole_convolution(&config);
    for level in levels() {
        measure(&mut group, "convolution", &config, level, &convolution);
    }
    let count = 250_000;
    group.throughput(Throughput::Elements(count));
    let small = streams::small_instructions(&config, count as usize);
    for level in levels() {
        measure(&mut group, "small-instructions", &config, level, &small);
    }
    measure_races(&mut group, "small-instructions/races", &config, &small);
    let untuned = streams::untuned_convolution(&config, count as usize);
    for level in levels() {
        measure(&mut group, "untuned-convolution", &config, level, &untuned);
    }
    measure_races(&mut group, "untuned-convolution/races", &config, &untuned);
    let codec = Codec::new(&config);
    let bytes = codec.encode_stream(&small.insns).expect("the stream has an encoding");
    group.bench_function("small-instructions/decode", |bencher| bencher.iter(|| codec.decode_stream(&bytes)));
}

criterion_group!(benches, host_peak, gemm, alu, transfers, whole);
criterion_main!(benches);
