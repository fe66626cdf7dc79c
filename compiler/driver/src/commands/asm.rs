//! `tilewright asm FILE`: assembler text → instruction stream, 16 bytes an instruction.

use tilewright_isa::{Program, text};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span};

use crate::cli::AsmArgs;
use crate::error::{Exit, Failure};
use crate::files;

pub fn run(args: &AsmArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = files::read_source(&args.file, sources)?;
    files::keep_inputs(&args.output, [&*args.file].into_iter())?;
    let program = assemble(file, sources)?;
    files::write_bytes_to(&args.output, &program.to_bytes(), "an instruction stream")?;
    Ok(Exit::Good)
}

/// Reads an assembler text.
pub fn assemble(file: FileId, sources: &Sources) -> Result<Program, Diagnostic> {
    text::parse(&sources.file(file).text).map_err(|error| {
        let span = Span::new(file, error.bytes.start, error.bytes.end);
        Diagnostic::error(error.kind.code(), error.kind.to_string()).primary(span, "here")
    })
}
