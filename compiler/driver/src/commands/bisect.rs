//! `tilewright bisect FILE`: every prefix of a schedule tried, and the first directive named after which the result or the
//! legality changes.
//!
//! In a program of several kernels each call is tried alone first, since what a directive does to its own kernel explains
//! most. Only if all of them are legal alone, and not together, each is tried with the others whole.

use tilewright::bisect::{Scan, Trials, Verdict, scan};
use tilewright::time::NamedTiming;
use tilewright::{Target, front};
use tilewright_core::pipeline::Front;
use tilewright_syntax::Sources;

use crate::bisect::error::{Fault, told};
use crate::bisect::shown::shown;
use crate::cli::BisectArgs;
use crate::compile::{options, params, read_program};
use crate::error::{Exit, Failure};
use crate::queue::Bar;
use crate::report::{GOOD, HEADING};
use crate::{files, target};

pub fn run(args: &BisectArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(&args.file, sources)?;
    let params = params(&args.params.params, sources)?;
    let Target { config, timing } = target::machine(&args.machine, sources)?;
    let front = front(sources, &options(file, params, &args.choice, config))?;
    let written: Vec<usize> = (0..front.calls().len()).filter(|at| !front.calls()[*at].automatic).collect();
    if written.is_empty() {
        return Err(Fault::NoSchedule.into());
    }
    for at in &written {
        let alone = front.alone(&front.calls()[*at]);
        let trials = Trials::new(&alone, sources, &timing, args.seed);
        show(&scan(&trials, 0, &Bar::default())?, &front, *at, sources)?;
    }
    together(&front, &written, &timing, args.seed, sources)?;
    files::print(&format!("{GOOD}✔{GOOD:#} the whole schedule is legal, and no directive changes the result\n"))?;
    Ok(Exit::Good)
}

/// Prints what was tried of a call; fails with what is at fault.
fn show(scan: &Scan, front: &Front, call: usize, sources: &Sources) -> Result<(), Failure> {
    files::print(&(shown(scan, &front.calls()[call], sources) + "\n"))?;
    told(scan).map_or(Ok(()), Err)
}

/// The whole program, whose calls are all right alone.
fn together(
    front: &Front,
    written: &[usize],
    timing: &NamedTiming,
    seed: u64,
    sources: &Sources,
) -> Result<(), Failure> {
    if front.calls().len() == 1 {
        return Ok(());
    }
    let trials = Trials::new(front, sources, timing, seed);
    let whole = front.schedule(&mut |_| {})?.schedules;
    match trials.run(whole) {
        Verdict::Legal { .. } => return Ok(()),
        Verdict::NotRun(why) => return Err(why.into()),
        Verdict::Refused(_) | Verdict::Wrong(_) => {}
    }
    files::print(&format!(
        "{HEADING}Each call is legal alone. With the complete schedules of the others:{HEADING:#}\n\n"
    ))?;
    written.iter().try_for_each(|at| show(&scan(&trials, *at, &Bar::default())?, front, *at, sources))
}
