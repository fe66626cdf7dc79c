//! `tilewright explain CODE`: what an error means, with an example and its fix.

use tilewright_syntax::explain;

use crate::cli::ExplainArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::files;
use crate::report::{FAINT, HEADING};

pub fn run(args: &ExplainArgs) -> Result<Exit, Failure> {
    let Some(explanation) = explain(&args.code) else {
        return Err(DriverError::UnknownCode { code: args.code.clone() }.into());
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
