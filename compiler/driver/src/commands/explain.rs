//! `tilewright explain CODE`: what an error means, with an example and its fix; `--list`: all codes.

use tilewright_syntax::{EXPLANATIONS, explain};

use crate::cli::ExplainArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::files;
use crate::report::{FAINT, HEADING};

pub fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let Some(code) = &args.code else {
        let lines = EXPLANATIONS.iter().map(|one| format!("{HEADING}{}{HEADING:#}  {}\n", one.code, one.title));
        files::print(&lines.collect::<String>())?;
        return Ok(Exit::Success);
    };
    let Some(explanation) = explain(code) else {
        return Err(DriverError::UnknownCode { code: code.clone() }.into());
    };
    files::print(&shown(explanation.text))?;
    Ok(Exit::Success)
}

/// The text as it is, with its headings and fences marked by colour.
fn shown(page: &str) -> String {
    let line = |line: &str| match line {
        line if line.starts_with('#') => format!("{HEADING}{line}{HEADING:#}\n"),
        line if line.starts_with("```") => format!("{FAINT}{line}{FAINT:#}\n"),
        line => format!("{line}\n"),
    };
    page.lines().map(line).collect()
}
