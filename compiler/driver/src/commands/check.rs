//! `tilewright check FILE...`: every kernel and schedule of files, down to legal loops.

use std::path::Path;

use serde_json::json;
use tilewright::Options;
use tilewright_syntax::{Diagnostic, Severity, Sources};

use crate::cli::{CheckArgs, DiagnosticsFormat};
use crate::compile::{params, read_program};
use crate::error::{Exit, Failure};
use crate::parallel::waiting;
use crate::report::{GOOD, print_diagnostics};
use crate::{diagnostics, files, programs, target};

pub fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let paths = programs::expanded(&args.files)?;
    if args.format == DiagnosticsFormat::Json {
        return in_json(args, &paths);
    }
    programs::each(&paths, |path, sources| {
        let warnings = check(args, path, sources)?;
        print_diagnostics(&warnings, sources);
        files::print(&format!("{GOOD}✔{GOOD:#} {}\n", path.display()))?;
        Ok(Exit::Success)
    })
}

/// Returns the warnings.
fn check(args: &CheckArgs, path: &Path, sources: &mut Sources) -> Result<Vec<Diagnostic>, Failure> {
    let file = read_program(path, sources)?;
    let params = params(&args.params.params, sources)?;
    let config = target::read(args.target.target.as_deref(), sources)?;
    let options = Options { file, params, config, ..Options::default() };
    Ok(waiting(format!("checking {}", path.display()), || tilewright::check(sources, &options))?)
}

/// One object for all files. Usage errors are told as ever.
fn in_json(args: &CheckArgs, paths: &[std::path::PathBuf]) -> Result<Exit, Failure> {
    let (mut found, mut exit) = (Vec::new(), Exit::Success);
    for path in paths {
        let mut sources = Sources::default();
        let told = match check(args, path, &mut sources) {
            Ok(warnings) => warnings,
            Err(Failure::Reported { diagnostics, .. }) => diagnostics,
            Err(usage) => return Err(usage),
        };
        let is_right = told.iter().all(|d| d.severity == Severity::Warning);
        exit = if is_right { exit } else { Exit::Wrong };
        let told: Vec<_> = told.iter().map(|d| diagnostics::json(d, &sources)).collect();
        found.push(json!({"file": path.display().to_string(), "ok": is_right, "diagnostics": told}));
    }
    files::print_data(&format!("{:#}\n", json!({"version": diagnostics::VERSION, "files": found})))?;
    Ok(exit)
}
