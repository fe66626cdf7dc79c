//! `tilewright fmt FILE`: a program → its canonical form, in place.

use tilewright_syntax::{Parsed, Sources, parse_with_trivia, print};

use crate::cli::FmtArgs;
use crate::diff::diff;
use crate::error::{Exit, Failure};
use crate::files;

pub fn run(args: &FmtArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = files::read_program(&args.file, sources)?;
    let Parsed { program, trivia } = parse_with_trivia(sources, file)?;
    let (before, after) = (&sources.file(file).text, print(&program, &trivia));
    if *before == after {
        return Ok(Exit::Success);
    }
    if args.check {
        files::print(&format!("{} is not in canonical form:\n\n{}", args.file.display(), diff(before, &after)))?;
        return Ok(Exit::Wrong);
    }
    files::rewrite(&args.file, after.as_bytes())?;
    files::print(&format!("{} rewritten\n", args.file.display()))?;
    Ok(Exit::Success)
}
