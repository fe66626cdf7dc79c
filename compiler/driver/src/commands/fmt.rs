//! `tilewright fmt FILE...`: programs → their canonical form, in place, or from standard input to standard output.

use std::path::Path;

use tilewright_syntax::{Parsed, Sources, parse_with_trivia, print};

use crate::cli::FmtArgs;
use crate::diff::diff;
use crate::error::{Exit, Failure};
use crate::{files, programs};

pub fn run(args: &FmtArgs) -> Result<Exit, Failure> {
    let paths = programs::expanded(&args.files)?;
    programs::each(&paths, |path, sources| format(args.check, path, sources))
}

fn format(check: bool, path: &Path, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = files::read_program(path, sources)?;
    let Parsed { program, trivia } = parse_with_trivia(sources, file)?;
    let (before, after) = (&sources.file(file).text, print(&program, &trivia));
    if files::is_standard(path) && !check {
        files::print_data(&after)?;
        return Ok(Exit::Success);
    }
    if *before == after {
        return Ok(Exit::Success);
    }
    let name = &sources.file(file).name;
    if check {
        files::print(&format!("{name} is not in canonical form:\n\n{}", diff(before, &after)))?;
        return Ok(Exit::Wrong);
    }
    files::rewrite(path, after.as_bytes())?;
    files::print(&format!("{name} rewritten\n"))?;
    Ok(Exit::Success)
}
