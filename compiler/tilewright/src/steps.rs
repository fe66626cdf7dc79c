//! The directives of schedules one after the other → the loop nest after each of them.

use tilewright_core::loops::print::{PrintOptions, print};
use tilewright_core::lower::build;
use tilewright_core::pipeline::{Call, Front};
use tilewright_core::schedule::{Context, Schedule, Step};
use tilewright_syntax::Span;

use crate::Result;

/// The text of a loop nest, or why a schedule has none yet.
pub type Nest = std::result::Result<String, String>;

/// What the directives of one call do.
#[derive(Clone, Debug)]
pub struct CallSteps {
    /// Its name in a program; none for a lone kernel.
    pub name: Option<String>,
    pub kernel: String,
    pub schedule: String,
    /// The nest before the first directive.
    pub before: Nest,
    /// Up to one that cannot be applied.
    pub directives: Vec<DirectiveStep>,
}

/// A directive that was applied.
#[derive(Clone, Debug)]
pub struct DirectiveStep {
    /// Its statement.
    pub span: Span,
    /// The calls and repetitions that it came from, the outermost first.
    pub context: Vec<Context>,
    /// The nest after it.
    pub nest: Nest,
}

/// Applies the schedules of all calls, directive by directive; and the schedules with all directives, or why one cannot be applied,
/// which is one of the last call that was looked at.
///
/// ```
/// use tilewright::steps::steps;
/// use tilewright::{Options, Sources, front};
///
/// let mut sources = Sources::default();
/// sources.add("k.tw", "
///     kernel k {
///         input x: i32[64]
///         output y[i] = i8(x[i])
///     }
///     schedule s for k {
///         y.split(i, 16) -> io, ii
///     }");
/// let front = front(&sources, &Options::default()).unwrap();
/// let (calls, schedules) = steps(&front);
/// let nests = [&calls[0].before, &calls[0].directives[0].nest].map(|nest| nest.as_ref().unwrap());
/// assert!(!nests[0].contains("for io in 0..4") && nests[1].contains("for io in 0..4"));
/// assert_eq!(schedules.unwrap().len(), 1);
/// ```
pub fn steps(front: &Front) -> (Vec<CallSteps>, Result<Vec<Schedule>>) {
    let (mut calls, mut schedules) = (Vec::new(), Vec::new());
    for call in front.calls() {
        let (steps, schedule) = of_call(front, call);
        calls.push(steps);
        match schedule {
            Ok(schedule) => schedules.push(schedule),
            Err(errors) => return (calls, Err(errors)),
        }
    }
    (calls, Ok(schedules))
}

fn of_call(front: &Front, call: &Call) -> (CallSteps, Result<Schedule>) {
    let mut directives = Vec::new();
    let schedule = front.schedule_call(call, &mut |step: Step| {
        directives.push(DirectiveStep { span: step.span, context: step.context.to_vec(), nest: nest(step.after) });
    });
    let steps = CallSteps {
        name: call.name().map(str::to_owned),
        kernel: call.kernel.name.clone(),
        schedule: call.schedule.name.name.clone(),
        before: nest(&front.unscheduled(call)),
        directives,
    };
    (steps, schedule)
}

fn nest(schedule: &Schedule) -> Nest {
    match build(schedule) {
        Ok(program) => Ok(print(&program, &PrintOptions::default())),
        Err(error) => Err(error.to_string()),
    }
}
