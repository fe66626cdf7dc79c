//! `tilewright init [FILE]`: a kernel with a schedule and a test to start from.

use crate::cli::InitArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::files;
use crate::report::FAINT;

/// What is written.
const PROGRAM: &str = include_str!("init.tw");

pub fn run(args: &InitArgs) -> Result<Exit, Failure> {
    if files::is_standard(&args.file) {
        files::print_data(PROGRAM)?;
        return Ok(Exit::Success);
    }
    let file = args.file.display();
    if files::is_there(&args.file)? {
        let reason = "it exists already".to_owned();
        return Err(DriverError::Unwritable { to: format!("`{file}`"), reason }.into());
    }
    files::write(&args.file, PROGRAM.as_bytes())?;
    let next = |command: &str, why: &str| format!("    tilewright {command} {file}   {FAINT}{why}{FAINT:#}\n");
    files::print(&format!(
        "{file} written\n\n{}{}{}",
        next("test", "compares it with what its tests expect"),
        next("profile", "shows where its cycles go"),
        next("lower --step", "shows what each directive does"),
    ))?;
    Ok(Exit::Success)
}
