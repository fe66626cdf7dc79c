//! Paths and options → what is profiled: a program's stream with the origin of each instruction, or a recorded stream.

use std::path::Path;

use tilewright_core::legalize::LegalProgram;
use tilewright_core::loops::ir::Origin;
use tilewright_core::pipeline::{Front, Request};
use tilewright_isa::Insn;
use tilewright_sim::profile::{Profile, Subject, profile};
use tilewright_sim::recording::{Extent, RtlCycles};
use tilewright_sim::{Recording, Stop, TokenCounts};
use tilewright_syntax::ast::Item;
use tilewright_syntax::{FileId, Sources};

use crate::cli::ProfileArgs;
use crate::compile::{Compiled, compile, params, read_program};
use crate::error::{Failure, our_mistake};
use crate::report::tell;
use crate::simulate::stopped;
use crate::target::NamedTiming;
use crate::{cycles, recordings, target};

/// What is profiled.
#[derive(Debug)]
pub struct Loaded {
    /// As the user named it.
    pub name: String,
    /// The stream, without memory.
    pub recording: Recording,
    /// Where the timing is stated if `--timing` does not say otherwise.
    pub timing: NamedTiming,
    pub program: Option<Program>,
}

/// What a program has and a recording has not.
#[derive(Debug)]
pub struct Program {
    pub front: Front,
    pub schedule: String,
    pub legal: LegalProgram,
    /// By instruction, as [`tilewright_core::emit::Stream`] has them.
    pub statements: Vec<Option<u32>>,
    pub origins: Vec<Origin>,
}

impl Loaded {
    pub fn insns(&self) -> &[Insn] {
        &self.recording.insns
    }

    /// What of it runs in time.
    pub fn subject(&self) -> Subject<'_> {
        cycles::subject(&self.recording)
    }

    /// Profiles it.
    pub fn profile(&self, timing: &NamedTiming) -> Result<Profile, Failure> {
        profile(&self.subject(), &timing.timing).map_err(|stop| self.cannot_run(&stop))
    }

    /// A program's stream always runs, unless the compiler is wrong.
    fn cannot_run(&self, stop: &Stop) -> Failure {
        match self.program {
            Some(_) => our_mistake(stopped(stop)).into(),
            None => stopped(stop).note(format!("in the recording `{}`", self.name)).into(),
        }
    }
}

/// Whether the path is that of a recording.
pub fn is_recording(path: &Path) -> bool {
    path.is_dir()
}

/// Loads a program or a recording with the options of the command.
pub fn load(path: &Path, args: &ProfileArgs, sources: &mut Sources) -> Result<Loaded, Failure> {
    if is_recording(path) {
        let (name, recording) = (path.display().to_string(), recordings::read_stream(path)?);
        return Ok(Loaded { name, recording, timing: NamedTiming::default(), program: None });
    }
    let file = read_program(path, sources)?;
    let choice = (args.choice.program.as_deref(), args.choice.schedule.as_deref());
    program(path, file, choice, args, sources)
}

/// Loads one of the file's programs, or a kernel with one of its schedules.
pub fn program(
    path: &Path,
    file: FileId,
    (program, schedule): (Option<&str>, Option<&str>),
    args: &ProfileArgs,
    sources: &mut Sources,
) -> Result<Loaded, Failure> {
    let params = params(&args.params.params, sources)?;
    let (config, timing) = target::read_timed(args.machine.target.as_deref(), sources)?;
    let compiled = compile(&Request { sources, file, params: &params, program, schedule, config: &config })?;
    tell(&compiled.warnings, sources);
    let Compiled { front, schedule, legal, stream, .. } = compiled;
    let segments = stream.segments.iter();
    let segments = segments.map(|segment| Extent { address: segment.address.into(), bytes: segment.bytes as u64 });
    let recording = Recording {
        description: String::new(),
        config,
        segments: segments.collect(),
        insns: stream.insns,
        before: None,
        after: None,
        tokens_before: TokenCounts::default(),
        rtl_cycles: RtlCycles::default(),
    };
    let program = Some(Program { front, schedule, legal, statements: stream.statements, origins: stream.origins });
    Ok(Loaded { name: path.display().to_string(), recording, timing, program })
}

impl Program {
    /// The names of the schedules that the file has for this kernel; none for a program of several.
    pub fn schedules(&self) -> Vec<String> {
        if self.front.calls().iter().any(|call| call.name().is_some()) {
            return Vec::new();
        }
        let of_kernel = |item: &Item| match item {
            Item::Schedule(schedule) if schedule.kernel.name == self.front.kernel.name => {
                Some(schedule.name.name.clone())
            }
            _ => None,
        };
        self.front.program.items.iter().filter_map(of_kernel).collect()
    }
}
