//! `tilewright bisect FILE`: every prefix of a schedule tried, and the first directive named after which the result or the
//! legality changes.

use tilewright::bisect::{Tried, bisect};
use tilewright::{Target, front};
use tilewright_syntax::Sources;

use crate::bisect::error::told;
use crate::bisect::report::shown;
use crate::cli::BisectArgs;
use crate::compile::{options, params, read_program};
use crate::error::{Exit, Failure};
use crate::parallel::Bar;
use crate::report::{GOOD, HEADING};
use crate::{files, target};

pub fn run(args: &BisectArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = read_program(&args.file, sources)?;
    let params = params(&args.params.params, sources)?;
    let Target { config, timing } = target::machine(&args.machine, sources)?;
    let front = front(sources, &options(file, params, &args.choice, config))?;
    let (mut printed, mut together) = (Ok(()), false);
    let fault = bisect(&front, sources, (&timing, args.seed), &Bar::default(), &mut |tried: &Tried| {
        let mut text = String::new();
        if tried.together && !std::mem::replace(&mut together, true) {
            text =
                format!("{HEADING}Each call is legal alone. With the complete schedules of the others:{HEADING:#}\n\n");
        }
        text += &(shown(tried.scan, &front.calls()[tried.call], sources) + "\n");
        if printed.is_ok() {
            printed = files::print(&text);
        }
    });
    printed?;
    if let Some(failure) = fault?.as_ref().and_then(told) {
        return Err(failure);
    }
    files::print(&format!("{GOOD}✔{GOOD:#} the whole schedule is legal, and no directive changes the result\n"))?;
    Ok(Exit::Success)
}
