//! A path and options → a compiled program. The ending says what the file is: `.twm` an artifact, `.loops` and `.legal` a loop
//! program, `.asm` an assembler text, anything else a source.

use std::path::Path;

use tilewright::assembler::{assemble, recording_of};
use tilewright::time::NamedTiming;
use tilewright::{Artifact, Target, compile, compile_loops};
use tilewright_sim::Recording;
use tilewright_syntax::Sources;

use crate::cli::{Choice, MachineOptions, Params};
use crate::compile::{options, params, read_program};
use crate::error::Failure;
use crate::parallel::waiting;
use crate::report::print_diagnostics;
use crate::{files, target};

/// What a file becomes that is run.
#[derive(Debug)]
pub enum Loaded {
    Program(Artifact),
    /// Instructions and device memory, of which nothing more is known.
    Stream(Box<Recording>),
}

/// What a file is, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Source,
    Artifact,
    Loops,
    Assembler,
}

impl Kind {
    pub fn of(path: &Path) -> Kind {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("twm") => Kind::Artifact,
            Some("loops" | "legal") => Kind::Loops,
            Some("asm") => Kind::Assembler,
            _ => Kind::Source,
        }
    }

    /// As messages call it.
    fn name(self) -> &'static str {
        match self {
            Kind::Source => "a source",
            Kind::Artifact => "an artifact",
            Kind::Loops => "a loop program",
            Kind::Assembler => "an assembler text",
        }
    }
}

/// The options that say what becomes of a source.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub params: &'a Params,
    pub choice: &'a Choice,
    pub machine: &'a MachineOptions,
}

/// Reads and compiles a file, and says what its machine is in time. Warnings of its schedule are reported.
pub fn load(path: &Path, wanted: Wanted, sources: &mut Sources) -> Result<(Loaded, NamedTiming), Failure> {
    let kind = Kind::of(path);
    if kind != Kind::Source {
        nothing_to_choose(kind, wanted.params, wanted.choice)?;
    }
    let given = wanted.machine.target.as_deref();
    let loaded = match kind {
        Kind::Source => {
            let file = read_program(path, sources)?;
            let params = params(&wanted.params.params, sources)?;
            let Target { config, timing } = target::machine(wanted.machine, sources)?;
            let options = options(file, params, wanted.choice, config);
            let artifact = waiting(format!("compiling {}", path.display()), || compile(sources, &options))?;
            print_diagnostics(artifact.warnings(), sources);
            return Ok((Loaded::Program(artifact), timing));
        }
        Kind::Artifact => {
            let read = Artifact::from_bytes(&files::read_bytes(path)?);
            let artifact = read.map_err(|errors| in_file(errors, path))?;
            // Nothing else was read yet, and places refer to the sources of the artifact.
            *sources = artifact.sources().clone();
            target::agree(given, artifact.config(), "this artifact", sources)?;
            Loaded::Program(artifact)
        }
        Kind::Loops => {
            let file = files::read_source(path, sources)?;
            let config = target::given(given, sources)?;
            let compiled =
                waiting(format!("compiling {}", path.display()), || compile_loops(sources, file, config.as_ref()));
            Loaded::Program(compiled?)
        }
        Kind::Assembler => {
            let file = files::read_source(path, sources)?;
            let program = assemble(sources, file)?;
            target::agree(given, &program.config, "this assembler text", sources)?;
            Loaded::Stream(Box::new(recording_of(&program, String::new())?))
        }
    };
    // The text has its own target; a target that is given only says the timing.
    let Target { timing, .. } = target::machine(wanted.machine, sources)?;
    Ok((loaded, timing))
}

/// Refuses options that only a source has an answer to.
pub fn nothing_to_choose(kind: Kind, params: &Params, choice: &Choice) -> Result<(), Failure> {
    let option = match (&*params.params, &choice.program, &choice.schedule) {
        ([], None, None) => return Ok(()),
        ([], Some(_), _) => "`--program` chooses a program",
        ([], None, Some(_)) => "`--schedule` chooses a schedule",
        _ => "`-p` sets a parameter",
    };
    Err(Failure::Usage(format!("{option} of a source, and {} has none", kind.name())))
}

fn in_file(errors: Vec<tilewright::Diagnostic>, path: &Path) -> Failure {
    let noted = errors.into_iter().map(|error| error.note(format!("in `{}`", path.display())));
    noted.collect::<Vec<_>>().into()
}
