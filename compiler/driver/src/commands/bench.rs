//! `tilewright bench TABLE`: every row of a table of operators and recurrences compiled, run, compared with the reference and timed.
//!
//! A row that cannot be compiled or run is told on standard error, and the others run all the same.

use tilewright::Target;
use tilewright_syntax::{Diagnostic, Sources};

use crate::bench::figures::Figures;
use crate::bench::measure::{Machine, Measured, compile_all, run_all};
use crate::bench::{catalog, export, report, table};
use crate::cli::BenchArgs;
use crate::error::{Exit, Failure};
use crate::exports::{self, Forms};
use crate::report::print_diagnostics;
use crate::{interrupt, target};

pub fn run(args: &BenchArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    exports::check(&args.exports, [&*args.table].into_iter().chain(args.machine.files()))?;
    let (catalog, file) = catalog::open(&args.table, sources)?;
    let rows = table::pick(table::read(file, sources)?, &args.rows)?;
    let Target { config, timing } = target::machine(&args.machine, sources)?;
    let machine = Machine { config, timing, timing_given: args.machine.timing.is_some() };

    let count = rows.len();
    let batch = compile_all(rows, &catalog, &machine, sources);
    // The programs have been read by now, and the longest part is still to come.
    exports::check(&args.exports, args.machine.files())?;
    let compile_seconds = batch.compile_time.as_secs_f64();
    let measured = run_all(batch, &machine);
    let figures = Figures::new(&machine, &measured, compile_seconds);
    let table = args.table.display().to_string();
    let forms = Forms {
        csv: &|| export::csv(&figures),
        json: &|| format!("{:#}\n", export::json(&table, &figures)),
        report: &|| report::report(&figures),
    };
    exports::write(&args.exports, &forms)?;
    for Measured { row, outcome } in measured.iter().filter(|measured| measured.does_not_fit().is_none()) {
        let told = outcome.as_ref().err().into_iter().flatten();
        let told: Vec<Diagnostic> = told.map(|told| told.clone().note(format!("in row `{}`", row.name))).collect();
        print_diagnostics(&told, sources);
    }
    interrupt::told(measured.len(), count, "rows")?;
    Ok(exit(&measured))
}

/// Values that differ weigh more than rows that do not run.
fn exit(measured: &[Measured]) -> Exit {
    if measured.iter().any(|row| row.outcome.as_ref().is_ok_and(|run| !run.verified())) {
        Exit::Differs
    } else if measured.iter().any(|row| row.outcome.is_err() && row.does_not_fit().is_none()) {
        Exit::Wrong
    } else {
        Exit::Success
    }
}
