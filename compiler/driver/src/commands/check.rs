//! `tilewright check FILE`: every kernel and schedule of a file, down to legal loops.

use tilewright::{Options, check};
use tilewright_syntax::Sources;

use crate::cli::CheckArgs;
use crate::compile::{params, read_program};
use crate::error::{Exit, Failure};
use crate::report::{GOOD, print_diagnostics};
use crate::{files, target};

pub fn run(args: &CheckArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(&args.file, sources)?;
    let params = params(&args.params.params, sources)?;
    let config = target::read(args.target.target.as_deref(), sources)?;
    let options = Options { file, params, config, ..Options::default() };
    print_diagnostics(&check(sources, &options)?, sources);
    files::print(&format!("{GOOD}✔{GOOD:#} {}\n", args.file.display()))?;
    Ok(Exit::Success)
}
