//! What is done with an input of each kind: all that a command does with it before it runs what is right.

use tilewright::assembler::{assemble, portability, recording_of};
use tilewright::time::NamedTiming;
use tilewright::{Artifact, Config, LoopSource, Sources, Target, compile_loops, complete, render};
use tilewright_core::pipeline;
use tilewright_sim::{Options, Recording, replay};
use tilewright_syntax::{Diagnostic, FileId, parse_with_trivia, print};

use crate::npy::Npy;
use crate::table;

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

/// A schedule is checked as the source that it stands in.
pub fn schedule(input: &[u8]) {
    source(input);
}

/// Read as an array file, with its values.
pub fn array(input: &[u8]) {
    if let Ok(npy) = Npy::read(input) {
        let _ = (npy.kind(), npy.dtype_name(), npy.integers(), npy.numbers());
    }
}

/// Read as a table of rows.
pub fn bench_table(input: &[u8]) {
    let Some((sources, file)) = sources(input) else { return };
    match table::read(file, &sources) {
        Ok(rows) => drop(table::pick(rows, &["a".to_owned()])),
        Err(error) => told(&[error.diagnostic()], &sources),
    }
}
