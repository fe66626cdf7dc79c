//! `tilewright asm FILE`: assembler text → instruction stream, 16 bytes an instruction.

use tilewright::assembler::assemble;
use tilewright_syntax::Sources;

use crate::cli::AsmArgs;
use crate::error::{Exit, Failure};
use crate::files;

pub fn run(args: &AsmArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = files::read_source(&args.file, sources)?;
    files::check_outputs(&[&args.output], [&*args.file])?;
    let program = assemble(sources, file)?;
    files::write_bytes_to(&args.output, &program.to_bytes(), "an instruction stream")?;
    Ok(Exit::Success)
}
