//! What is done with an input of each kind: all that a command does with it before it runs what is right.

use tilewright::assembler::{assemble, portability, recording_of};
use tilewright::time::NamedTiming;
use tilewright::{Artifact, Config, LoopSource, Sources, Target, compile_loops, complete, render};
use tilewright_core::pipeline;
use tilewright_sim::{Options, Recording, replay};
use tilewright_syntax::{Diagnostic, FileId, parse_with_trivia, print};

/// Values that a run may compute here.
const WORK: u64 = 1 << 22;

fn sources(input: &[u8]) -> Option<(Sources, FileId)> {
    let mut sources = Sources::default();
    let file = sources.add("input", std::str::from_utf8(input).ok()?);
    Some((sources, file))
}

fn told(diagnostics: &[Diagnostic], sources: &Sources) {
    for diagnostic in diagnostics {
        let text = render(diagnostic, sources, false);
        assert!(!text.contains("internal compiler error"), "{text}");
    }
}

/// Parsed, printed, and checked down to legal loops.
pub fn source(input: &[u8]) {
    let Some((mut sources, file)) = sources(input) else { return };
    match parse_with_trivia(&sources, file) {
        Ok(parsed) => drop(print(&parsed.program, &parsed.trivia)),
        Err(errors) => return told(&errors, &sources),
    }
    if let Err(error) = complete(&mut sources, file, &mut |_| Err("there is no such file".to_owned())) {
        return told(&[error], &sources);
    }
    match pipeline::check(&sources, file, &[], &Config::default()) {
        Ok(found) | Err(found) => told(&found, &sources),
    }
}

/// Read, and compiled where it keeps the rules.
pub fn loops(input: &[u8]) {
    let Some((sources, file)) = sources(input) else { return };
    match LoopSource::read(&sources, file) {
        Ok(_) => {
            if let Err(errors) = compile_loops(&sources, file, None) {
                told(&errors, &sources);
            }
        }
        Err(errors) => told(&errors, &sources),
    }
}

/// Assembled, looked through for what is not portable, and run.
pub fn assembler(input: &[u8]) {
    let Some((sources, file)) = sources(input) else { return };
    let program = match assemble(&sources, file) {
        Ok(program) => program,
        Err(errors) => return told(&errors, &sources),
    };
    let Ok(recording) = recording_of(&program, String::new()) else { return };
    let _ = portability(&program, &recording.tokens_before);
    run(&recording);
}

/// The parts of a recording, one after the other behind their lengths, read and run.
pub fn recording(input: &[u8]) {
    let Some((trace, insns)) = split(input) else { return };
    if let Ok(recording) = Recording::from_parts(trace, insns, None, None) {
        run(&recording);
    }
}

fn run(recording: &Recording) {
    let bytes: u64 = recording.segments.iter().map(|segment| segment.bytes).sum();
    if bytes <= 1 << 26 {
        let _ = replay(recording, &Options { max_work: WORK, detect_races: true, ..Options::default() });
    }
    if recording.insns.len() <= 1 << 12 {
        let _ = tilewright::time::simulate(recording, &NamedTiming::default(), 1);
    }
}

/// A text up to the first zero byte, and what is behind it.
fn split(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == 0)?;
    Some((std::str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))
}

pub fn target(input: &[u8]) {
    let Some((sources, file)) = sources(input) else { return };
    if let Err(errors) = Target::read(&sources, file) {
        told(&errors, &sources);
    }
    if let Err(errors) = tilewright::target::read_timing(&sources, file) {
        told(&errors, &sources);
    }
}

pub fn artifact(input: &[u8]) {
    let _ = Artifact::from_bytes(input);
}

/// What is spoiled.
pub mod seeds {
    use std::path::Path;

    use tilewright::assembler::assembler_program;
    use tilewright::{Options, Sources, compile, complete};
    use tilewright_core::loops::print::{PrintOptions, print};
    use tilewright_isa::text;
    use walkdir::WalkDir;

    /// Kernels that compile at once, with and without schedules.
    const SMALL: [&str; 4] = [
        "kernel k(n = 64) {\n    input X: i32[n]\n    A[i] = max(X[i] + 1, 0) >> 2\n    output Y[i] = i8(A[i])\n}\n",
        "kernel m(m = BATCH, k = 32, n = 32) {\n    input X: i8[m, k]\n    input W: i8[n, k]\n    \
         C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))\n    output Y[i, j] = i8(C[i, j])\n}\n\n\
         schedule s(cols = BLOCK_OUT) for m {\n    use vta\n    C.set_scope(acc)\n    gemm_tiles(C, i, j, r) -> io, jo, ro\n    \
         load_operands(X, W, C, ro) -> X_buf, W_buf\n}\n",
        "kernel s(n = 16, steps = 4) {\n    input X: i32[steps, n]\n    scan t in steps {\n        state h[i < n]: i32 = 0\n        \
         next h[i] = h[i] + X[t, i]\n    }\n    output Y[i] = i8(h[steps, i])\n}\n",
        "fn twice(x) = x + x\n\nkernel c(n = 32) {\n    input X: i32[n]\n    a = d(X)\n    output Y[i] = twice(a[i])\n}\n\n\
         kernel d(n = 32) {\n    input X: i32[n]\n    output Y[i] = X[i] * 3\n}\n\ntest t for c {\n    X = 1\n    expect Y = 6\n}\n",
    ];

    fn compiled() -> impl Iterator<Item = tilewright::Artifact> {
        SMALL.iter().take(3).map(|text| {
            let mut sources = Sources::default();
            let file = sources.add("input", *text);
            complete(&mut sources, file, &mut |_| Err(String::new())).expect("the library is there");
            compile(&sources, &Options { file, ..Options::default() }).expect("seeds are right")
        })
    }

    /// The small kernels and the tests of errors, which name every directive.
    pub fn source() -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("errors");
        let entries = WalkDir::new(folder).max_depth(1).sort_by_file_name().into_iter().map(|e| e.unwrap().into_path());
        let files = entries.filter(|path| path.extension().is_some_and(|ending| ending == "tw"));
        let texts = files.map(|path| std::fs::read(path).unwrap()).filter(|text| text.len() < 1500);
        SMALL.iter().map(|text| text.as_bytes().to_vec()).chain(texts).collect()
    }

    pub fn loops() -> Vec<Vec<u8>> {
        compiled().map(|a| print(a.legal().program(), &PrintOptions::default()).into_bytes()).collect()
    }

    pub fn assembler() -> Vec<Vec<u8>> {
        compiled().map(|a| text::print(&assembler_program(a.stream()).unwrap()).into_bytes()).collect()
    }

    pub fn recording() -> Vec<Vec<u8>> {
        let one = |artifact: tilewright::Artifact| {
            let parts = artifact.recording(String::new()).unwrap().to_parts().unwrap();
            [parts.trace_json.as_bytes(), &[0], &parts.insns].concat()
        };
        compiled().map(one).collect()
    }

    pub fn target() -> Vec<Vec<u8>> {
        [
            r#"{"TARGET": "sim", "LOG_INP_WIDTH": 3, "LOG_BATCH": 0, "LOG_BLOCK": 4, "LOG_UOP_BUFF_SIZE": 15}"#,
            r#"{"LOG_BLOCK": 5, "tilewright": {"timing": {"preset": "pynq", "clock_mhz": 50}}}"#,
            r#"{"read_latency": 40, "bus_bytes": 8}"#,
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
    }

    pub fn artifact() -> Vec<Vec<u8>> {
        compiled().map(|artifact| artifact.to_bytes().unwrap()).collect()
    }
}
