//! The text forms of a program on its way → what runs: loop programs → artifacts, assembler texts → recordings.

use tilewright_core::emit::emit;
use tilewright_core::legalize::Cx;
use tilewright_core::loops::parse::parse_with_spans;
use tilewright_core::loops::verify::{Location, VerifyError, verify};
use tilewright_core::pipeline::{executable, legalize};
use tilewright_isa::config::UOP_BYTES;
use tilewright_isa::{Config, Content, Program};
use tilewright_sim::recording::Extent;
use tilewright_sim::{Recording, RecordingError};
use tilewright_syntax::{Diagnostic, FileId, Sources};

use crate::artifact::{Meaning, Parts};
use crate::source_map::SourceMap;
use crate::{Artifact, Options, Result};

/// Compiles a loop program, before legalisation or after it, to its instruction stream. Its inputs and outputs are its arrays
/// in device memory; as it says itself what it computes, its reference is the interpretation of its text.
///
/// # Errors
/// A text that is no loop program, breaks a rule of one, or cannot be made legal for the machine.
///
/// ```
/// use tilewright::{Config, RunOptions, Sources, compile_loops};
///
/// let mut sources = Sources::default();
/// let file = sources.add("add.loops", "program add {
///     input X: i32[16] @dram
///     output Y: i8[16] @dram
///     alloc A: i32[16] @acc
///     for i in 0..16 { A[i] = X[i] }
///     for j in 0..16 { Y[j] = i8(A[j]) }
/// }");
/// let artifact = compile_loops(&sources, file, &Config::default()).unwrap();
/// let inputs = artifact.random_inputs(0);
/// let run = artifact.run(&inputs, &RunOptions::default()).unwrap();
/// assert_eq!(run.fault(&artifact.reference(&inputs).unwrap()), None);
/// ```
pub fn compile_loops(sources: &Sources, file: FileId, config: &Config) -> Result<Artifact> {
    executable(config)?;
    let parsed = parse_with_spans(file, &sources.file(file).text);
    let (mut program, spans) = parsed.map_err(|error| vec![Diagnostic::from(&error)])?;
    let broken = |error: &VerifyError| match spans.get(&error.at) {
        Some(span) => error.diagnostic().primary(span, "here"),
        None => error.diagnostic(),
    };
    verify(&program).map_err(|errors| errors.iter().map(broken).collect::<Vec<_>>())?;
    spans.become_origins(&mut program);
    // What has no place of its own is about the whole.
    let placed = |error: Diagnostic| match spans.get(&Location::Name) {
        Some(span) if error.labels.is_empty() => vec![error.primary(span, "this program")],
        _ => vec![error],
    };
    let legal = legalize(program.clone(), &Cx { config: *config }, &mut |_| {});
    let legal = legal.map_err(|error| placed(error.diagnostic()))?;
    let stream = emit(&legal).map_err(|error| placed(error.diagnostic()))?;
    let options = Options { file, config: *config, ..Options::default() };
    Ok(Artifact::of_parts(Parts {
        sources: sources.clone(),
        options: Some(options),
        meaning: Meaning::Loops(Box::new(program)),
        schedule: String::new(),
        warnings: Vec::new(),
        map: SourceMap::default(),
        legal,
        stream,
    }))
}

/// The recording of an assembler program that has not run: its instructions, and device memory as far as the text says it. What
/// it leaves open is zero.
///
/// # Errors
/// Words that are no instruction, and segments that overlap or are too large.
pub fn recording_of(program: &Program, description: String) -> Result<Recording> {
    let insns = program.decode().map_err(|error| vec![Diagnostic::error(error.error.code(), error.to_string())])?;
    let extents = program.segments.iter().map(|segment| Extent { address: segment.address, bytes: segment.len() });
    // The segments are checked before memory is taken for what is in them.
    let recording = Recording::new(description, program.config, extents.collect(), insns).map_err(malformed)?;
    let mut before = Vec::new();
    for segment in &program.segments {
        match &segment.content {
            Content::Unknown(bytes) => before.resize(before.len() + *bytes as usize, 0),
            Content::Bytes(bytes) => before.extend(bytes),
            Content::Uops(words) => {
                before.reserve(words.len() * UOP_BYTES);
                before.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            }
        }
    }
    recording.with_images(Some(before), None).map_err(malformed)
}

fn malformed(error: RecordingError) -> Vec<Diagnostic> {
    vec![Diagnostic::error(error.code(), error.to_string())]
}
