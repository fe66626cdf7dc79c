//! `tilewright bench TABLE`: every row of a table of operators compiled, run, compared with the reference and timed.
//!
//! A row that cannot be compiled or run is told on standard error, and the others run all the same.

use std::path::Path;

use tilewright_syntax::{Diagnostic, Sources};

use crate::bench::figures::Figures;
use crate::bench::measure::{Machine, Measured, compile_all, run_all};
use crate::bench::{export, shelf, shown, table};
use crate::cli::BenchArgs;
use crate::error::{Exit, Failure};
use crate::files::{self, STANDARD, Staged};
use crate::report::tell;
use crate::target;

pub fn run(args: &BenchArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    check_outputs(args)?;
    let (shelf, file) = shelf::open(&args.table, sources)?;
    let rows = table::pick(table::read(file, sources)?, &args.rows)?;
    let (config, stated) = target::read_timed(args.target.target.as_deref(), sources)?;
    let timing = args.timing.as_deref().map(|given| target::timing(given, sources)).transpose()?.unwrap_or(stated);
    let machine = Machine { config, timing };

    let batch = compile_all(rows, &shelf, &machine.config, sources);
    let compile_seconds = batch.compile_time.as_secs_f64();
    let measured = run_all(batch, &machine);
    let figures = Figures::new(&machine, &measured, compile_seconds);
    write(args, &figures)?;
    for Measured { row, outcome } in &measured {
        let told = outcome.as_ref().err().into_iter().flatten();
        let told: Vec<Diagnostic> = told.map(|told| told.clone().note(format!("in row `{}`", row.name))).collect();
        tell(&told, sources);
    }
    Ok(exit(&measured))
}

/// Values that differ weigh more than rows that do not run.
fn exit(measured: &[Measured]) -> Exit {
    let outcomes = || measured.iter().map(|row| &row.outcome);
    if outcomes().any(|outcome| outcome.as_ref().is_ok_and(|run| !run.verified())) {
        Exit::Differs
    } else if outcomes().any(Result::is_err) {
        Exit::Wrong
    } else {
        Exit::Good
    }
}

/// Refuses outputs that would replace what the command reads, or each other.
fn check_outputs(args: &BenchArgs) -> Result<(), Failure> {
    let outputs: Vec<&Path> = args.csv.as_deref().into_iter().chain(args.json.as_deref()).collect();
    if outputs == [Path::new(STANDARD); 2] {
        let message = "`--csv` and `--json` would be mixed on standard output: give one of them a file";
        return Err(Failure::Usage(message.to_owned()));
    }
    let inputs = [Some(&args.table), args.target.target.as_ref(), args.timing.as_ref()];
    for output in &outputs {
        files::keep_inputs(output, inputs.into_iter().flatten().map(|path| &**path))?;
    }
    Ok(files::keep_apart(&outputs)?)
}

/// Writes files first, so that one that cannot be written is told before the report.
fn write(args: &BenchArgs, figures: &Figures) -> Result<(), Failure> {
    let (mut staged, mut shown) = (Vec::new(), None);
    let mut output = |path: Option<&Path>, text: &dyn Fn() -> String| -> Result<(), Failure> {
        match path {
            Some(path) if path == Path::new(STANDARD) => shown = Some(text()),
            Some(path) => staged.push(files::stage(path, text().as_bytes())?),
            None => {}
        }
        Ok(())
    };
    let table = args.table.display().to_string();
    output(args.csv.as_deref(), &|| export::csv(figures))?;
    output(args.json.as_deref(), &|| format!("{:#}\n", export::json(&table, figures)))?;
    staged.into_iter().try_for_each(Staged::commit)?;
    Ok(files::print(&shown.unwrap_or_else(|| shown::report(figures)))?)
}
