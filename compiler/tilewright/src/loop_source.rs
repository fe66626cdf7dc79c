//! The text of a loop program, before legalisation or after it → an artifact.

use tilewright_core::emit::emit;
use tilewright_core::legalize::Cx;
use tilewright_core::loops::ir::LoopProgram;
use tilewright_core::loops::parse::{Spans, parse_with_spans};
use tilewright_core::loops::verify::{Location, VerifyError, verify};
use tilewright_core::pipeline::{executable, legalize};
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, FileId, Sources};

use crate::artifact::{Meaning, Parts};
use crate::source_map::SourceMap;
use crate::target::of_loops;
use crate::{Artifact, Options, Result};

/// A loop program that keeps the rules of its language, and where in the text its parts are, which are their origins.
#[derive(Clone, Debug)]
pub struct LoopSource {
    pub program: LoopProgram,
    spans: Spans,
}

impl LoopSource {
    /// Reads a loop program.
    ///
    /// # Errors
    /// A text that is no loop program, or breaks a rule of one.
    pub fn read(sources: &Sources, file: FileId) -> Result<LoopSource> {
        let parsed = parse_with_spans(file, &sources.file(file).text);
        let (mut program, spans) = parsed.map_err(|error| vec![Diagnostic::from(&error)])?;
        let broken = |error: &VerifyError| match spans.get(&error.at) {
            Some(span) => error.diagnostic().primary(span, "here"),
            None => error.diagnostic(),
        };
        verify(&program).map_err(|errors| errors.iter().map(broken).collect::<Vec<_>>())?;
        spans.become_origins(&mut program);
        Ok(LoopSource { program, spans })
    }

    /// An error of the program, at its name where it has no place of its own.
    pub fn placed(&self, error: Diagnostic) -> Diagnostic {
        match self.spans.get(&Location::Name) {
            Some(span) if error.labels.is_empty() => error.primary(span, "this program"),
            _ => error,
        }
    }
}

/// Compiles a loop program, before legalisation or after it, to its instruction stream. Its inputs and outputs are its arrays
/// in device memory; as it says itself what it computes, its reference is the interpretation of its text.
///
/// The machine is that of the text, if its first line names one as printed loop programs do, or else the one that is given, or
/// VTA's default one.
///
/// # Errors
/// A text that is no loop program, breaks a rule of one, or cannot be made legal for the machine; a machine that is given and
/// differs from that of the text.
///
/// ```
/// use tilewright::{Config, RunOptions, Sources, compile_loops};
///
/// let text = "program add {
///     input X: i32[16] @dram
///     output Y: i8[16] @dram
///     alloc A: i32[16] @acc
///     for i in 0..16 { A[i] = X[i] }
///     for j in 0..16 { Y[j] = i8(A[j]) }
/// }";
/// let mut sources = Sources::default();
/// let file = sources.add("add.loops", text);
/// let artifact = compile_loops(&sources, file, None).unwrap();
/// let inputs = artifact.random_inputs(0);
/// let run = artifact.run(&inputs, &RunOptions::default()).unwrap();
/// assert_eq!(run.fault(&artifact.reference(&inputs).unwrap()), None);
///
/// let file = sources.add("wide.loops", format!("// target: {{\"LOG_BLOCK\": 5}}\n{text}"));
/// assert_eq!(compile_loops(&sources, file, None).unwrap().config().block_in(), 32);
/// let other = compile_loops(&sources, file, Some(&Config::default())).unwrap_err();
/// assert_eq!(other[0].code, "E0633");
/// ```
pub fn compile_loops(sources: &Sources, file: FileId, config: Option<&Config>) -> Result<Artifact> {
    let config = of_loops(sources, file, config)?;
    executable(&config)?;
    let source = LoopSource::read(sources, file)?;
    let legal = legalize(source.program.clone(), &Cx { config }, &mut |_| {});
    let legal = legal.map_err(|error| vec![source.placed(error.diagnostic())])?;
    let stream = emit(&legal).map_err(|error| vec![source.placed(error.diagnostic())])?;
    Ok(Artifact::of_parts(Parts {
        sources: sources.clone(),
        options: Some(Options { file, config, ..Options::default() }),
        meaning: Meaning::Loops(Box::new(source.program)),
        schedule: String::new(),
        warnings: Vec::new(),
        map: SourceMap::default(),
        legal,
        stream,
    }))
}
