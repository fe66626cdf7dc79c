//! `tilewright disasm FILE`: instruction stream, or recording → assembler text, with what does not run alike everywhere
//! noted above its instructions.

use tilewright::assembler::{portability, recorded_program};
use tilewright_isa::{Program, text};
use tilewright_sim::TokenCounts;
use tilewright_syntax::{Diagnostic, Sources};

use crate::cli::DisasmArgs;
use crate::error::{Exit, Failure};
use crate::{files, recordings, target};

pub fn run(args: &DisasmArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let inputs = [&*args.file].into_iter().chain(args.target.target.as_deref());
    files::check_outputs(&[&args.output], inputs)?;
    let mut tokens_before = TokenCounts::default();
    let program = match args.file.is_dir() {
        true if args.target.target.is_some() => {
            return Err(Failure::Usage("a recording has its own target: omit `--target`".to_owned()));
        }
        true => {
            let recording = recordings::read(&args.file)?;
            tokens_before = recording.tokens_before;
            recorded_program(&recording)?
        }
        false => {
            let config = target::read(args.target.target.as_deref(), sources)?;
            let bytes = files::read_bytes(&args.file)?;
            Program::from_bytes(config, &bytes).map_err(|error| {
                Diagnostic::error(error.code(), error.to_string()).note(format!("in `{}`", args.file.display()))
            })?
        }
    };
    files::write_text_to(&args.output, &shown(&program, &tokens_before))?;
    Ok(Exit::Success)
}

/// The text, with findings above their instructions. A stream that holds words which are no instructions has none.
fn shown(program: &Program, tokens_before: &TokenCounts) -> String {
    let Ok(findings) = portability(program, tokens_before) else { return text::print(program) };
    text::print_annotated(program, |insn| {
        let from = findings.partition_point(|finding| finding.insn < insn);
        let mine = findings[from..].iter().take_while(|finding| finding.insn == insn);
        let lines: Vec<String> = mine.map(|f| format!("{}: {}", f.code, f.message)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    })
}
