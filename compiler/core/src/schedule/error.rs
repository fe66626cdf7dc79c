//! What can be wrong with a directive, and how it is told.

use thiserror::Error;
use tilewright_syntax::ast::Ident;
use tilewright_syntax::{Diagnostic, Span, elsewhere, nearest, quoted};

use crate::schedule::checks::HoldError;
use crate::schedule::follow::FollowError;
use crate::schedule::ops::MAX_AXES;
use crate::schedule::rolling::RollError;
use crate::scope::Scope;
use crate::tensor::TensorError;

/// A place beside the one that is wrong, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub span: Span,
    pub text: String,
}

/// A directive that cannot be applied. `of` is the tensor that it is said of, where the schedule has it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    #[error("unknown directive `{}`", name.name)]
    UnknownDirective { name: Ident, known: Vec<&'static str> },
    #[error("unknown stage `{}`", name.name)]
    UnknownStage { name: Ident, known: Vec<(String, Span)> },
    #[error("`{}` is an input, which is not computed", name.name)]
    InputIsNoStage { name: Ident, input: Span },
    #[error("`{stage}` has no axis `{}`", name.name)]
    UnknownAxis { name: Ident, stage: String, definition: Span, loops: Vec<String> },
    #[error("`{}` was {how} and is no longer a loop", name.name)]
    AxisIsNoLoop { name: Ident, span: Span, how: &'static str, became: Vec<String> },
    #[error("`{}` cannot be used like this: {reason}", directive.name)]
    Arguments { directive: Ident, at: Option<Span>, reason: String, usage: &'static str, of: Option<Place> },
    #[error("expected {expected}")]
    ArgumentKind { span: Span, expected: &'static str, usage: &'static str, of: Option<Place> },
    #[error("{value} is too small: it has to be at least {least}")]
    TooSmall { span: Span, value: i64, least: i64, of: Option<Place> },
    #[error(transparent)]
    Constant(Box<TensorError>),
    #[error("unknown scope `{}`", name.name)]
    UnknownScope { name: Ident, of: Option<Place> },
    #[error("the name `{}` is already in use in this schedule", name.name)]
    NameTaken { name: Ident, first: Span },
    #[error("`{tensor}` would have more than {MAX_AXES} axes")]
    TooManyAxes { span: Span, tensor: String },
    #[error("`{axis}` appears twice in one {directive}")]
    AxisTwice { directive: String, axis: String, first: Span, second: Span },
    #[error("{reason}")]
    ScopeRefused { span: Span, reason: String, place: Span, place_text: String, help: String },
    #[error("no stage reads `{tensor}`, so there is nothing to cache it for")]
    NoReaders { span: Span, tensor: String, definition: Span },
    #[error("`{reader}` does not read `{tensor}`")]
    NotAReader { span: Span, reader: String, definition: Span, tensor: String, readers: Vec<String> },
    #[error("`{producer}` cannot be computed at `{host}`'s axis `{axis}`")]
    CannotHold {
        span: Span,
        producer: String,
        host: String,
        axis: String,
        reason: HoldError,
        place: Span,
        legal: Vec<String>,
    },
    #[error("`{stage}` cannot be computed in the loop `{axis}` of `{host}`")]
    CannotFollow {
        span: Span,
        stage: String,
        host: String,
        axis: String,
        reason: FollowError,
        place: Span,
        legal: Vec<String>,
    },
    #[error("the buffer of `{stage}` cannot roll with the loop `{axis}`")]
    CannotRoll { span: Span, stage: String, axis: String, reason: RollError, place: Span, legal: Vec<String> },
    #[error("this directive makes an earlier one illegal")]
    BreaksEarlier { span: Span, earlier: Span, reason: String },
    #[error("unknown {what} `{}`", name.name)]
    UnknownWord { what: &'static str, name: Ident, known: Vec<&'static str>, of: Option<Place> },
    #[error("`{stage}` is not a copy, so it cannot be a `dma_copy`")]
    NotACopy { span: Span, stage: String, definition: Span },
    #[error("the loops of `{stage}` from `{axis}` inwards are not a GEMM: {part}")]
    NotAGemm { span: Span, stage: String, axis: String, part: String, definition: Span, core: String, help: String },
    #[error("`{stage}` cannot be computed there: {reason}")]
    OutOfSteps { span: Span, stage: String, reason: String, scan: Span },
    #[error("`{stage}` cannot run {steps} ahead: {reason}", steps = steps_text(*steps))]
    CannotRunAhead { span: Span, stage: String, steps: i64, reason: String, scan: Option<Span> },
    #[error("the steps of `{axis}` have to run in order, outside all other loops")]
    StepsMoved { span: Span, axis: String, scan: Span },
    #[error("`{tensor}` has no dimension `{}`", name.name)]
    UnknownDimension { name: Ident, tensor: String, dims: Vec<String> },
    #[error("the layout of `{tensor}` leaves out {}", quoted(missing))]
    DimensionsMissing { span: Span, tensor: String, missing: Vec<String>, dims: Vec<String> },
    #[error("`{tensor}` is in `{}`, where its tiles follow the layout in device memory", scope.name())]
    OrderOnChip { span: Span, tensor: String, scope: Scope, place: Span },
    #[error("`{stage}` is already {what}")]
    SaidTwice { span: Span, first: Span, stage: String, what: &'static str },
    #[error("`{}` is computed inline and is no longer a stage", name.name)]
    StageIsInlined { name: Ident, span: Span },
    #[error("`{stage}` cannot be computed inline: {reason}")]
    CannotInline { span: Span, stage: String, reason: String, definition: Span, help: &'static str },
    #[error("what `{stage}` adds to `{sum}` cannot be folded into it")]
    CannotFold { span: Span, stage: String, sum: String, reason: String, definition: Span },
    #[error("{parts} parts do not divide the {} of `{axis}`", iterations(*extent))]
    Parts { span: Span, axis: String, extent: i64, parts: i64, axis_span: Span },
    #[error("the vector ALU does not compute `{stage}`: {reason}")]
    NotForAlu { span: Span, stage: String, reason: String, definition: Span, help: String },
    #[error("`{outer}` and `{inner}` cannot be fused: {reason}")]
    CannotFuse { span: Span, outer: String, inner: String, reason: String, place: Span, help: String },
    #[error("`{stage}` has no enclosing loop to rotate over")]
    NothingRotates { span: Span, stage: String, definition: Span, legal: Vec<String> },
    #[error("the iterations of `{stage}`'s axis `{axis}` cannot be virtual threads: {reason}")]
    CannotBind { span: Span, stage: String, axis: String, reason: &'static str, place: Span, legal: Vec<String> },
}

impl ScheduleError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ScheduleError::UnknownDirective { .. } => "E0301",
            ScheduleError::UnknownStage { .. } => "E0302",
            ScheduleError::InputIsNoStage { .. } => "E0303",
            ScheduleError::UnknownAxis { .. } => "E0304",
            ScheduleError::AxisIsNoLoop { .. } => "E0305",
            ScheduleError::Arguments { .. } => "E0306",
            ScheduleError::ArgumentKind { .. } => "E0307",
            ScheduleError::TooSmall { .. } => "E0308",
            ScheduleError::Constant(e) => e.code(),
            ScheduleError::UnknownScope { .. } => "E0309",
            ScheduleError::NameTaken { .. } => "E0311",
            ScheduleError::TooManyAxes { .. } => "E0341",
            ScheduleError::AxisTwice { .. } => "E0312",
            ScheduleError::ScopeRefused { .. } => "E0313",
            ScheduleError::NoReaders { .. } => "E0314",
            ScheduleError::NotAReader { .. } => "E0315",
            ScheduleError::CannotHold { .. } => "E0316",
            ScheduleError::CannotFollow { .. } => "E0327",
            ScheduleError::CannotRoll { .. } => "E0328",
            ScheduleError::BreaksEarlier { .. } => "E0317",
            ScheduleError::UnknownWord { .. } => "E0318",
            ScheduleError::NotACopy { .. } => "E0319",
            ScheduleError::NotAGemm { .. } => "E0320",
            ScheduleError::SaidTwice { .. } => "E0321",
            ScheduleError::OutOfSteps { .. } => "E0370",
            ScheduleError::StepsMoved { .. } => "E0371",
            ScheduleError::CannotRunAhead { .. } => "E0372",
            ScheduleError::StageIsInlined { .. } => "E0322",
            ScheduleError::CannotInline { .. } => "E0323",
            ScheduleError::CannotFuse { .. } => "E0324",
            ScheduleError::NothingRotates { .. } => "E0360",
            ScheduleError::CannotBind { .. } => "E0361",
            ScheduleError::CannotFold { .. } => "E0329",
            ScheduleError::Parts { .. } => "E0325",
            ScheduleError::NotForAlu { .. } => "E0326",
            ScheduleError::UnknownDimension { .. } | ScheduleError::DimensionsMissing { .. } => "E0362",
            ScheduleError::OrderOnChip { .. } => "E0363",
        }
    }

    /// Where an error about arguments keeps the tensor that the directive is said of.
    pub fn subject(&mut self) -> Option<&mut Option<Place>> {
        match self {
            ScheduleError::Arguments { of, .. }
            | ScheduleError::ArgumentKind { of, .. }
            | ScheduleError::TooSmall { of, .. }
            | ScheduleError::UnknownScope { of, .. }
            | ScheduleError::UnknownWord { of, .. } => Some(of),
            _ => None,
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        if let ScheduleError::Constant(e) = self {
            return e.diagnostic();
        }
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            ScheduleError::UnknownDirective { name, known } => {
                let hint = elsewhere::directive_hint(&name.name);
                d.primary(name.span, "no directive has this name").offer_or(hint, &name.name, known, "directives")
            }
            ScheduleError::UnknownStage { name, known } => unknown_stage(d, name, known),
            ScheduleError::InputIsNoStage { name, input } => d
                .primary(name.span, "has no loops")
                .secondary(*input, "comes from outside")
                .help(format!("schedule its copy: `{0}_buf = {0}.cache_read(inp)`, then `{0}_buf. ...`", name.name)),
            ScheduleError::UnknownAxis { name, stage, definition, loops } => d
                .primary(name.span, "no loop has this name")
                .secondary(*definition, format!("`{stage}` is defined here"))
                .offer(&name.name, loops, "loops from the outermost"),
            ScheduleError::AxisIsNoLoop { name, span, how, became } => d
                .primary(name.span, "no longer a loop")
                .secondary(*span, format!("{how} here"))
                .help(format!("the loops that it became, from the outermost: {}", quoted(became))),
            ScheduleError::Arguments { directive, at, usage, of, .. } => {
                let d = match at {
                    Some(span) => d.primary(*span, "not expected here"),
                    None => d.primary(directive.span, "used here"),
                };
                beside(d, of).help(format!("write it as `{usage}`"))
            }
            ScheduleError::ArgumentKind { span, expected, usage, of } => {
                beside(d.primary(*span, format!("is not {expected}")), of)
                    .help(format!("write the directive as `{usage}`"))
            }
            ScheduleError::TooSmall { span, value, of, .. } => {
                beside(d.primary(*span, format!("is {value}")), of).help("it counts iterations of the loop")
            }
            ScheduleError::Constant(_) => d,
            ScheduleError::UnknownScope { name, of } => {
                let known: Vec<&str> = Scope::ON_CHIP.iter().map(|s| s.name()).collect();
                let d = beside(d.primary(name.span, "no scratchpad has this name"), of);
                d.offer(&name.name, &known, "scopes")
            }
            ScheduleError::NameTaken { name, first } => {
                d.primary(name.span, "named again").secondary(*first, "named here first").help("choose another name")
            }
            ScheduleError::TooManyAxes { span, .. } => d
                .primary(*span, "after this")
                .help("leave splits out: those of one iteration, or of a loop that is a single block, change nothing"),
            ScheduleError::AxisTwice { first, second, .. } => {
                d.primary(*second, "again").secondary(*first, "first here").help("name each loop once")
            }
            ScheduleError::ScopeRefused { span, place, place_text, help, .. } => {
                d.primary(*span, "not this scope").secondary(*place, place_text).help(help)
            }
            ScheduleError::NoReaders { span, definition, .. } => {
                let d = d.primary(*span, "nothing would read the copy").secondary(*definition, "no stage reads it");
                d.help("leave it out; an output is stored from the tensor that it copies, whose scope can be set")
            }
            ScheduleError::NotAReader { span, reader, definition, tensor, readers } => d
                .primary(*span, "reads other tensors")
                .secondary(*definition, format!("`{reader}` is defined here"))
                .help(format!("readers of `{tensor}`: {}", quoted(readers))),
            ScheduleError::CannotHold { span, producer, reason, place, legal, .. } => {
                cannot_hold(d.primary(*span, reason.reason(producer)).secondary(*place, "this axis"), reason, legal)
            }
            ScheduleError::CannotFollow { span, stage, host, reason, place, legal, .. } => {
                let d = d.primary(*span, reason.reason(stage, host)).secondary(*place, "this axis");
                match legal.as_slice() {
                    [] => d.help("no axis can hold it: leave the directive out"),
                    _ => d.help(format!("axes that can hold it: {}", quoted(legal))),
                }
            }
            ScheduleError::CannotRoll { span, stage, axis, reason, place, legal } => {
                let d = d.primary(*span, reason.reason(stage, axis)).secondary(*place, "this loop");
                match legal.as_slice() {
                    [] => d.help("no axis lets it roll: leave the directive out"),
                    _ => d.help(format!("compute it at an axis along which the region that is read moves: {}", quoted(legal))),
                }
            }
            ScheduleError::BreaksEarlier { span, earlier, reason } => d
                .primary(*span, reason)
                .secondary(*earlier, "would no longer hold")
                .help("put this directive before the earlier one, or leave one of them out"),
            ScheduleError::UnknownWord { what, name, known, of } => {
                let d = beside(d.primary(name.span, format!("no {what} has this name")), of);
                d.offer(&name.name, known, &format!("{what}s"))
            }
            ScheduleError::NotACopy { span, definition, .. } => d
                .primary(*span, "asserts a copy")
                .secondary(*definition, "computes more than the value of one tensor")
                .help("a copy is `T[i] = S[i]`, or `T[i] = i8(S[i])` on the way out of the accumulator"),
            ScheduleError::NotAGemm { span, definition, core, help, .. } => d
                .primary(*span, "asserts one micro-op of the GEMM core")
                .secondary(*definition, "computed here")
                .note(core)
                .help(help),
            ScheduleError::NothingRotates { span, stage, definition, legal } => {
                let d = d.primary(*span, "asks for a copy in each iteration").secondary(*definition, "has one buffer");
                match legal.as_slice() {
                    [] => d.help(format!("no loop can hold `{stage}`: leave the directive out")),
                    _ => d.help(format!(
                        "compute it at a loop first, `{stage}.compute_at(HOST, AXIS)`; axes that can hold it: {}",
                        quoted(legal)
                    )),
                }
            }
            ScheduleError::CannotBind { span, place, legal, .. } => {
                let d = d.primary(*span, "cannot be interleaved").secondary(*place, "this axis");
                match legal.as_slice() {
                    [] => d.help("no axis of this stage can be one"),
                    _ => d.help(format!("axes that can be one: {}", quoted(legal))),
                }
            }
            ScheduleError::OutOfSteps { span, scan, .. } => d
                .primary(*span, "after this")
                .secondary(*scan, "the scan whose steps compute it")
                .help("only what does not depend on a state can be computed outside the steps that read it"),
            ScheduleError::CannotRunAhead { span, scan, .. } => {
                let d = d.primary(*span, "after this");
                let d = scan.iter().fold(d, |d, scan| d.secondary(*scan, "the scan whose steps compute it"));
                d.help("only what does not depend on a state can run ahead: everything that it reads has to be as far ahead, or outside the scan")
            }
            ScheduleError::StepsMoved { span, scan, .. } => d
                .primary(*span, "moves or splits the loop over the steps")
                .secondary(*scan, "each step needs the state of the previous one")
                .help("split and reorder the loops inside a step"),
            ScheduleError::UnknownDimension { name, dims, .. } => {
                d.primary(name.span, "no dimension has this name").offer(&name.name, dims, "dimensions")
            }
            ScheduleError::DimensionsMissing { span, dims, .. } => d
                .primary(*span, "names some of its dimensions")
                .help(format!("name each once, from the outermost to the innermost: {}", quoted(dims))),
            ScheduleError::OrderOnChip { span, place, .. } => {
                d.primary(*span, "applied to a tensor on chip").secondary(*place, "placed there here").help(
                    "apply it to the tensor in device memory; buffers on chip that are loaded from it or stored to it follow its layout",
                )
            }
            ScheduleError::SaidTwice { span, first, .. } => {
                d.primary(*span, "specified again").secondary(*first, "first specified here").help("leave one of them out")
            }
            ScheduleError::StageIsInlined { name, span } => d
                .primary(name.span, "has no loops and no memory")
                .secondary(*span, "computed in its readers since here")
                .help("name one of its readers, or leave `compute_inline` out"),
            ScheduleError::CannotInline { span, definition, help, .. } => {
                d.primary(*span, "asks its readers to compute it").secondary(*definition, "defined here").help(*help)
            }
            ScheduleError::CannotFold { span, reason, definition, .. } => {
                d.primary(*span, reason).secondary(*definition, "defined here").help(
                    "a stage that is all that reads a sum of products, and adds to it or to `SUM >> n` the value of an \
                     `i8` tensor, can be folded: `clip((C[o, y] >> 8) + i32(b[o]), 0, 127)`",
                )
            }
            ScheduleError::Parts { span, axis, extent, axis_span, .. } => d
                .primary(*span, "splits it into parts of one size")
                .secondary(*axis_span, format!("`{axis}` is introduced here"))
                .help(format!("numbers of parts that divide {extent}: {}", divisors(*extent))),
            ScheduleError::NotForAlu { span, definition, help, .. } => {
                d.primary(*span, "asserts operations of the ALU").secondary(*definition, "computed here").help(help)
            }
            ScheduleError::CannotFuse { span, place, help, .. } => {
                d.primary(*span, "fused here").secondary(*place, "this axis").help(help)
            }
        }
    }
}

fn cannot_hold(d: Diagnostic, reason: &HoldError, legal: &[String]) -> Diagnostic {
    match (legal, reason) {
        ([], HoldError::ReaderOutside { .. }) => d.help(
            "no axis has all of its readers inside; without `compute_at` it is computed before them, or each reader \
             gets a separate copy: `cache_read(SCOPE, READER)`",
        ),
        ([], _) => d.help("no axis of this schedule can hold it; without `compute_at` it is computed at the root"),
        _ => d.help(format!("axes that can hold it: {}", quoted(legal))),
    }
}

fn beside(d: Diagnostic, of: &Option<Place>) -> Diagnostic {
    match of {
        Some(place) => d.secondary(place.span, place.text.clone()),
        None => d,
    }
}

fn unknown_stage(d: Diagnostic, name: &Ident, known: &[(String, Span)]) -> Diagnostic {
    let names: Vec<&str> = known.iter().map(|(known, _)| known.as_str()).collect();
    let d = d.primary(name.span, "no tensor of the kernel has this name");
    let near = nearest(&name.name, names.iter().copied());
    let d = match known.iter().find(|(known, _)| near == Some(known.as_str())) {
        Some((near, span)) => d.secondary(*span, format!("`{near}` is introduced here")),
        None => d,
    };
    d.offer(&name.name, &names, "stages")
}

fn iterations(n: i64) -> String {
    if n == 1 { "1 iteration".to_string() } else { format!("{n} iterations") }
}

fn divisors(n: i64) -> String {
    let found: Vec<String> = (1..=n.min(4096)).filter(|d| n % d == 0).map(|d| d.to_string()).collect();
    match found.len() {
        0..=8 => found.join(", "),
        _ => format!("{}, ...", found[..8].join(", ")),
    }
}

/// A number of steps.
pub(super) fn steps_text(steps: i64) -> String {
    match steps {
        1 => "1 step".to_string(),
        n => format!("{n} steps"),
    }
}
