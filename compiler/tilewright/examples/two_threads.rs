//! A program compiled once, run a hundred times on two threads, and profiled:
//! `cargo run --release -p tilewright --example two_threads`.

use std::time::Instant;

use tilewright::time::NamedTiming;
use tilewright::{Options, RunOptions, Sources, compile, grouped, render};

const RUNS: u64 = 100;

fn main() {
    let mut sources = Sources::default();
    let file = sources.add("matmul.tw", include_str!("../../../dsl-examples/matmul.tw"));
    let options = Options { file, params: vec![("m".to_owned(), 4)], ..Options::default() };
    let artifact = compile(&sources, &options).unwrap_or_else(|errors| {
        errors.iter().for_each(|error| eprintln!("{}", render(error, &sources, true)));
        std::process::exit(1)
    });

    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let artifact = &artifact;
            scope.spawn(move || {
                for seed in (thread..RUNS).step_by(2) {
                    let inputs = artifact.random_inputs(seed);
                    let run = artifact.run(&inputs, &RunOptions::default()).expect("random inputs fit");
                    let reference = artifact.reference(&inputs).expect("random inputs fit");
                    assert_eq!(run.fault(&reference), None, "with seed {seed}");
                }
            });
        }
    });
    let each = start.elapsed() / RUNS as u32;
    println!("{RUNS} runs of {} on two threads, all verified: {each:?} each", artifact.name());

    let figures = artifact.profile(&NamedTiming::default()).expect("what is compiled runs");
    println!("{} cycles, {:.1} % of them GEMM", grouped(figures.cycles), figures.gemm_utilisation * 100.0);
    let mut lines = figures.source.unwrap_or_default();
    lines.sort_by_key(|line| std::cmp::Reverse(line.charge.critical));
    for line in lines.iter().take(3) {
        println!("{:>8} cycles  line {:>2}: {}", grouped(line.charge.critical), line.line, line.text.trim());
    }
}
