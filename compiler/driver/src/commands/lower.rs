//! `tilewright lower FILE`: what the compiler makes of a program, in any of its forms.
//!
//! A file enters at the form that its name says: `.loops` or `.legal` is a loop program, before legalisation or after it,
//! `.asm` an assembler text, everything else source. From there the forms are made one after the other, as far as is asked for.

mod schedule;
mod times;
mod tokens;

use std::path::Path;

use clap::ValueEnum;
use tilewright::LoopSource;
use tilewright::assembler::{assemble, assembler_program};
use tilewright::steps::steps;
use tilewright::target::{loops_line, of_loops};
use tilewright_core::emit::emit;
use tilewright_core::legalize::{Cx, LegalProgram, LegalizeError};
use tilewright_core::loops::ir::LoopProgram;
use tilewright_core::loops::print::{PrintOptions, print, print_noted};
use tilewright_core::loops::verify::verify;
use tilewright_core::loops::without_single_loops;
use tilewright_core::pipeline::{self, ChoiceError, Front, PASSES, Pass, PassReport, Request, Scheduled};
use tilewright_core::tensor;
use tilewright_isa::{Program, text};
use tilewright_syntax::ast::Item;
use tilewright_syntax::{Diagnostic, FileId, Parsed, Sources, parse_with_trivia};

use crate::cli::{Form, LowerArgs};
use crate::compile::{params, read_used};
use crate::error::{DriverError, Exit, Failure};
use crate::load::{Kind, nothing_to_choose};
use crate::parallel::waiting;
use crate::report::{FAINT, HEADING, print_diagnostics};
use crate::{files, steps, target};
use times::Times;

pub fn run(args: &LowerArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let extension = args.file.extension().and_then(|e| e.to_str());
    let default = if extension == Some("asm") { Form::Asm } else { Form::Legal };
    let wanted = Wanted::new(args, default)?;
    let inputs = [&*args.file].into_iter().chain(args.target.target.as_deref());
    files::check_outputs(&[&args.output], inputs)?;
    let file = files::read_source(&args.file, sources)?;
    let written = match extension {
        Some("asm") => from_assembler(args, &wanted, file, sources)?,
        Some("loops" | "legal") => from_loops(args, &wanted, file, sources)?,
        _ => from_source(args, &wanted, file, sources)?,
    };
    match written {
        None => {}
        Some(Written::Text(text)) => files::write_text_to(&args.output, &text)?,
        Some(Written::Stream(bytes)) => files::write_bytes_to(&args.output, &bytes, "an instruction stream")?,
    }
    Ok(Exit::Success)
}

/// A form, ready to be written.
enum Written {
    Text(String),
    Stream(Vec<u8>),
}

/// After which passes the loop program is shown.
#[derive(PartialEq, Eq)]
enum PrintAfter {
    Nothing,
    Pass(&'static str),
    All,
    Changed,
}

/// The passes to run: all, which ends in a sealed program, or some.
enum Passes {
    All,
    Some(Vec<&'static Pass>),
}

/// What is asked for.
struct Wanted {
    /// The form to write; None where only the way is looked at.
    form: Option<Form>,
    /// The form up to which the compiler has to go.
    goal: Form,
    print_after: PrintAfter,
    passes: Passes,
    step: bool,
    /// Whether tokens stand beside the instructions of the legal form.
    tokens: bool,
    /// Whether loops of one iteration are shown.
    full: bool,
    verify_each: bool,
    time_passes: bool,
}

impl Wanted {
    /// The text by which one sees whether a pass changes a program; empty where no pass is shown.
    fn text_to_compare(&self, program: &LoopProgram) -> String {
        match self.print_after {
            PrintAfter::Nothing => String::new(),
            _ => print(program, &PrintOptions::default()),
        }
    }

    /// The text of a loop program.
    fn shown(&self, program: &LoopProgram) -> String {
        match self.full {
            true => print(program, &PrintOptions::default()),
            false => print(&without_single_loops(program), &PrintOptions::default()),
        }
    }

    /// Takes the default where no form is asked for, nor a look at the way.
    fn new(args: &LowerArgs, default: Form) -> Result<Wanted, Failure> {
        let print_after = print_after(args.print_after.as_deref())?;
        let passes = chosen_passes(args.passes.as_deref())?;
        let legalizes =
            args.verify_each || !matches!(print_after, PrintAfter::Nothing) || matches!(passes, Passes::Some(_));
        let default = if matches!(passes, Passes::Some(_)) { Form::Legal } else { default };
        let form = match args.emit {
            None if args.step || args.time_passes || !matches!(print_after, PrintAfter::Nothing) => None,
            None => Some(default),
            form => form,
        };
        if form == Some(Form::Bin)
            && args.output == Path::new(files::STANDARD)
            && (args.step || args.print_after.is_some())
        {
            let message = "`--emit bin` would be mixed with text on standard output: give `-o FILE`";
            return Err(Failure::Usage(message.to_owned()));
        }
        if form.is_none() && args.output != Path::new(files::STANDARD) {
            let message = "`-o` is for a form, which `--step`, `--print-after` and `--time-passes` do not write: give `--emit FORM`";
            return Err(Failure::Usage(message.to_owned()));
        }
        let on_the_way = if legalizes { Form::Legal } else { Form::Ast };
        let for_steps = if args.step { Form::Schedule } else { Form::Ast };
        let for_times =
            if args.time_passes && form.is_none() && matches!(passes, Passes::All) { Form::Bin } else { Form::Ast };
        let goal = form.unwrap_or(Form::Ast).max(on_the_way).max(for_steps).max(for_times);
        let LowerArgs { step, tokens, full, verify_each, time_passes, .. } = *args;
        if tokens && (form != Some(Form::Legal) || matches!(passes, Passes::Some(_))) {
            let message = "`--tokens` stands beside the instructions of the whole legal form: give `--emit legal`";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(Wanted { form, goal, print_after, passes, step, tokens, full, verify_each, time_passes })
    }

    fn show_times(&self, times: &Times) -> Result<(), DriverError> {
        if self.time_passes { files::print_aside(&times.shown()) } else { Ok(()) }
    }

    /// The text, if it is of the form that is to be written.
    fn text(&self, form: Form, text: impl FnOnce() -> String) -> Option<Written> {
        (self.form == Some(form)).then(|| Written::Text(text()))
    }
}

fn print_after(given: Option<&str>) -> Result<PrintAfter, DriverError> {
    Ok(match given {
        None => PrintAfter::Nothing,
        Some("all") => PrintAfter::All,
        Some("changed") => PrintAfter::Changed,
        Some(name) => match PASSES.iter().find(|pass| pass.name == name) {
            Some(pass) => PrintAfter::Pass(pass.name),
            None => {
                let known = PASSES.iter().map(|pass| pass.name).chain(["all", "changed"]).collect();
                return Err(DriverError::UnknownPass { name: name.to_owned(), known });
            }
        },
    })
}

/// The passes of these names, in the order of the list.
fn chosen_passes(names: Option<&[String]>) -> Result<Passes, DriverError> {
    let Some(names) = names else { return Ok(Passes::All) };
    let known = || PASSES.iter().map(|pass| pass.name);
    match names.iter().find(|name| !known().any(|known| known == **name)) {
        Some(name) => Err(DriverError::UnknownPass { name: name.clone(), known: known().collect() }),
        None => Ok(Passes::Some(PASSES.iter().filter(|pass| names.iter().any(|name| name == pass.name)).collect())),
    }
}

fn from_source(
    args: &LowerArgs,
    wanted: &Wanted,
    file: FileId,
    sources: &mut Sources,
) -> Result<Option<Written>, Failure> {
    let params = params(&args.params.params, sources)?;
    let config = target::read(args.target.target.as_deref(), sources)?;
    let mut times = Times::start();
    let Parsed { program, trivia } = parse_with_trivia(sources, file)?;
    if wanted.goal != Form::Ast {
        read_used(file, sources)?;
    }
    let ast = wanted.text(Form::Ast, || tilewright_syntax::print(&program, &trivia));
    if wanted.goal == Form::Ast {
        return Ok(ast);
    }
    let (chosen, schedule) = (args.choice.program.as_deref(), args.choice.schedule.as_deref());
    let has_choice = |item: &Item| matches!(item, Item::Schedule(_) | Item::Program(_));
    let is_chosen = chosen.is_some() || schedule.is_some();
    let request = Request { sources, file, params: &params, program: chosen, schedule, config: &config };
    if wanted.goal == Form::Tensor && !is_chosen && !program.items.iter().any(has_choice) {
        return Ok(Some(Written::Text(kernels(&request)?)));
    }
    let make = if args.as_written { pipeline::front_as_written } else { pipeline::front };
    let begun = waiting(format!("compiling {}", args.file.display()), || make(&request));
    let front = match begun {
        Err(told) if wanted.goal == Form::Tensor && told.iter().all(|d| d.code == ChoiceError::SEVERAL_SCHEDULES) => {
            return Ok(Some(Written::Text(kernels(&request)?)));
        }
        front => front?,
    };
    times.phase("front", None);
    let tensor = wanted.text(Form::Tensor, || tensor::print(&front.kernel));
    if wanted.goal == Form::Tensor {
        return Ok(tensor);
    }
    let scheduled = applied(&front, wanted.step, sources)?;
    times.phase("schedule", None);
    print_diagnostics(&scheduled.diagnostics(), sources);
    let schedule = match wanted.form {
        Some(Form::Schedule) => Some(Written::Text(schedule::source((args, &params), &front, &scheduled, sources)?)),
        _ => None,
    };
    let earlier = ast.or(tensor).or(schedule);
    if wanted.goal == Form::Schedule {
        wanted.show_times(&times)?;
        return Ok(earlier);
    }
    let refused = |error: &LegalizeError| scheduled.refused(error);
    times.skip();
    let loops = scheduled.loops()?;
    times.phase("loops", Some(&loops));
    let later = from_loop_program(loops, (front.cx(), &refused), wanted, times)?;
    Ok(earlier.or(later))
}

/// The text of every kernel of the file.
fn kernels(request: &Request) -> Result<String, Vec<Diagnostic>> {
    Ok(pipeline::kernels(request)?.iter().map(tensor::print).collect::<Vec<_>>().join("\n"))
}

/// The schedules with all directives applied, shown after each of them if that is wanted.
fn applied<'a>(front: &'a Front, step: bool, sources: &Sources) -> Result<Scheduled<'a>, Failure> {
    if !step {
        return Ok(front.schedule()?);
    }
    let (calls, schedules) = steps(front);
    files::print(&steps::show(&calls, sources))?;
    Ok(front.scheduled(schedules?))
}

fn from_loops(
    args: &LowerArgs,
    wanted: &Wanted,
    file: FileId,
    sources: &mut Sources,
) -> Result<Option<Written>, Failure> {
    if wanted.step {
        return Err(Failure::Usage("`--step` needs a schedule, and a loop program has none".to_owned()));
    }
    nothing_to_choose(Kind::Loops, &args.params, &args.choice)?;
    no_way_back(wanted, "a loop program", Form::Loops)?;
    let given = target::given(args.target.target.as_deref(), sources)?;
    let config = of_loops(sources, file, given.as_ref())?;
    pipeline::executable(&config)?;
    let mut times = Times::start();
    let source = LoopSource::read(sources, file)?;
    times.phase("read", Some(&source.program));
    let refused = |error: &LegalizeError| vec![error.diagnostic()];
    let written = from_loop_program(source.program.clone(), (&Cx { config }, &refused), wanted, times);
    written.map_err(|failure| failure.placed(|error| source.placed(error)))
}

fn from_assembler(
    args: &LowerArgs,
    wanted: &Wanted,
    file: FileId,
    sources: &mut Sources,
) -> Result<Option<Written>, Failure> {
    let some_passes = matches!(wanted.passes, Passes::Some(_)) || wanted.time_passes;
    if wanted.step || wanted.verify_each || some_passes || !matches!(wanted.print_after, PrintAfter::Nothing) {
        let message = "`--step`, `--print-after`, `--verify-each`, `--passes` and `--time-passes` are about loops, and an \
                       assembler text has none";
        return Err(Failure::Usage(message.to_owned()));
    }
    nothing_to_choose(Kind::Assembler, &args.params, &args.choice)?;
    no_way_back(wanted, "an assembler text", Form::Asm)?;
    let program = assemble(sources, file)?;
    target::agree(args.target.target.as_deref(), &program.config, "this assembler text", sources)?;
    Ok(machine_form(&program, wanted))
}

fn no_way_back(wanted: &Wanted, from: &'static str, first: Form) -> Result<(), DriverError> {
    let name = |form: &Form| form.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned());
    match wanted.form.filter(|form| *form < first) {
        None => Ok(()),
        Some(form) => {
            let possible = Form::value_variants().iter().filter(|form| **form >= first).map(name).collect();
            Err(DriverError::NoWayBack { from, form: name(&form), possible })
        }
    }
}

/// A target, and how it is told what it refuses.
type Target<'a> = (&'a Cx, &'a dyn Fn(&LegalizeError) -> Vec<Diagnostic>);

fn from_loop_program(
    program: LoopProgram,
    (cx, refused): Target,
    wanted: &Wanted,
    mut times: Times,
) -> Result<Option<Written>, Failure> {
    let shown = |program: &LoopProgram| loops_line(&cx.config) + &wanted.shown(program);
    let loops = wanted.text(Form::Loops, || shown(&program));
    if wanted.goal == Form::Loops {
        wanted.show_times(&times)?;
        return Ok(loops);
    }
    let after = legalize(program, (cx, refused), wanted, &mut times)?;
    if let (AfterPasses::Sealed(legal), true) = (&after, wanted.tokens) {
        let notes = tokens::notes(&emit(legal).map_err(|error| error.diagnostic())?);
        let text = loops_line(&cx.config) + &print_noted(legal.program(), &PrintOptions::default(), &notes);
        wanted.show_times(&times)?;
        return Ok(Some(Written::Text(text)));
    }
    let text = loops.or_else(|| wanted.text(Form::Legal, || shown(after.program())));
    let text = match after {
        AfterPasses::Sealed(legal) if wanted.goal > Form::Legal => {
            times.skip();
            let assembler = assembler_program(&emit(&legal).map_err(|error| error.diagnostic())?)?;
            times.phase("emit", None);
            text.or(machine_form(&assembler, wanted))
        }
        _ => text,
    };
    wanted.show_times(&times)?;
    Ok(text)
}

/// What the passes leave.
enum AfterPasses {
    Sealed(LegalProgram),
    /// After some of them, so that nothing is proven of it.
    Open(LoopProgram),
}

impl AfterPasses {
    fn program(&self) -> &LoopProgram {
        match self {
            AfterPasses::Sealed(legal) => legal.program(),
            AfterPasses::Open(program) => program,
        }
    }
}

/// Runs the passes; shows and verifies what is asked for.
fn legalize(
    mut program: LoopProgram,
    (cx, refused): Target,
    wanted: &Wanted,
    times: &mut Times,
) -> Result<AfterPasses, Failure> {
    let mut seen = Ok(());
    if wanted.verify_each {
        rules("build", verify(&program).err().into_iter().flatten().map(|rule| rule.to_string()).collect())?;
    }
    let mut before = wanted.text_to_compare(&program);
    times.skip();
    let mut watch = |pass: PassReport| {
        times.phase(pass.name, Some(pass.program));
        if seen.is_ok() {
            seen = look(&pass, wanted, &before);
            before = wanted.text_to_compare(pass.program);
        }
        times.skip();
    };
    let after = match &wanted.passes {
        Passes::All if wanted.print_after == PrintAfter::Nothing => {
            let legalized = waiting("legalising".to_owned(), || pipeline::legalize(program, cx, &mut watch));
            legalized.map(AfterPasses::Sealed)
        }
        Passes::All => pipeline::legalize(program, cx, &mut watch).map(AfterPasses::Sealed),
        Passes::Some(passes) => pipeline::run_passes(passes.iter().copied(), &mut program, cx, &mut watch)
            .map(|()| AfterPasses::Open(program)),
    };
    seen?;
    if matches!(after, Ok(AfterPasses::Sealed(_))) {
        times.phase("seal", None);
    }
    Ok(after.map_err(|error| refused(&error))?)
}

/// `before` is the text of the program before the pass, where it matters whether the pass changed it; numbers of ids are no
/// part of that.
fn look(pass: &PassReport, wanted: &Wanted, before: &str) -> Result<(), DriverError> {
    let shown = match wanted.print_after {
        PrintAfter::Nothing => false,
        PrintAfter::Pass(name) => name == pass.name,
        PrintAfter::All | PrintAfter::Changed => true,
    };
    if shown {
        let changed = wanted.text_to_compare(pass.program) != before;
        if changed || wanted.print_after != PrintAfter::Changed {
            let changed = if changed { "" } else { " (nothing changed)" };
            let text = wanted.shown(pass.program);
            files::print(&format!("{HEADING}// after {}{HEADING:#}{FAINT}{changed}{FAINT:#}\n{text}\n", pass.name))?;
        }
    }
    match wanted.verify_each {
        true => rules(pass.name, pass.broken_rules()),
        false => Ok(()),
    }
}

fn rules(pass: &str, rules: Vec<String>) -> Result<(), DriverError> {
    match rules.is_empty() {
        true => Ok(()),
        false => Err(DriverError::BrokenRule { pass: pass.to_owned(), rules }),
    }
}

fn machine_form(program: &Program, wanted: &Wanted) -> Option<Written> {
    match wanted.form {
        Some(Form::Bin) => Some(Written::Stream(program.to_bytes())),
        _ => wanted.text(Form::Asm, || text::print(program)),
    }
}
