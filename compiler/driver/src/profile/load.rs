//! Paths and options → what is profiled: a program's stream with the origin of each instruction, or a recorded stream.

use std::path::Path;

use tilewright::profile::{ProfileFigures, profile_recording};
use tilewright::time::{NamedTiming, timed_stream};
use tilewright::{Artifact, Diagnostic, Target, compile, executable};
use tilewright_sim::Recording;
use tilewright_sim::profile::TimedStream;
use tilewright_syntax::{FileId, Sources};

use crate::cli::{Choice, ProfileArgs};
use crate::compile::{options, params};
use crate::error::Failure;
use crate::load::{self, Wanted};
use crate::report::print_diagnostics;
use crate::{pictures, recordings, target};

/// What is profiled.
#[derive(Debug)]
pub struct Loaded {
    /// As the user named it.
    pub name: String,
    /// Where the timing is stated if `--timing` does not say otherwise.
    pub timing: NamedTiming,
    pub stream: Stream,
}

/// Where the stream comes from.
#[derive(Debug)]
pub enum Stream {
    Compiled(Artifact),
    /// Without memory.
    Recorded(Box<Recording>),
}

impl Loaded {
    /// Profiles it.
    pub fn profile(&self, timing: &NamedTiming) -> Result<ProfileFigures, Failure> {
        let mut figures = match &self.stream {
            Stream::Compiled(artifact) => artifact.profile(timing)?,
            Stream::Recorded(recording) => {
                let in_stream = |error: Diagnostic| error.note(format!("in {}`{}`", self.kind(), self.name));
                let figures = executable(&recording.config);
                let figures = figures.and_then(|()| profile_recording(&self.name, recording, timing));
                figures.map_err(|errors| Failure::from(errors).placed(in_stream))?
            }
        };
        figures.subject = self.name.clone();
        Ok(figures)
    }

    /// What messages call a stream that is no program.
    fn kind(&self) -> &'static str {
        if is_recording(Path::new(&self.name)) { "the recording " } else { "" }
    }

    /// The names of the schedules that the file has for this kernel.
    pub fn schedules(&self) -> Vec<String> {
        match &self.stream {
            Stream::Compiled(artifact) => artifact.source_map().alternatives.clone(),
            Stream::Recorded(_) => Vec::new(),
        }
    }

    /// The stream as it is run in time.
    pub fn timed_stream(&self) -> TimedStream<'_> {
        match &self.stream {
            Stream::Compiled(artifact) => artifact.timed_stream(),
            Stream::Recorded(recording) => timed_stream(recording),
        }
    }

    /// What its pictures are called.
    pub fn title(&self) -> String {
        match &self.stream {
            Stream::Compiled(artifact) => pictures::title(artifact),
            Stream::Recorded(_) => self.name.clone(),
        }
    }
}

/// Whether the path is that of a recording.
pub fn is_recording(path: &Path) -> bool {
    path.is_dir()
}

/// Loads a program or a recording with the options of the command.
pub fn load(path: &Path, args: &ProfileArgs, sources: &mut Sources) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    if is_recording(path) {
        let stream = Stream::Recorded(Box::new(recordings::read_stream(path)?));
        return Ok(Loaded { name, timing: NamedTiming::default(), stream });
    }
    let wanted = Wanted { params: &args.params, choice: &args.choice, machine: &args.machine };
    let (loaded, timing) = load::load(path, wanted, sources)?;
    let stream = match loaded {
        load::Loaded::Program(artifact) => Stream::Compiled(artifact),
        load::Loaded::Stream(recording) => Stream::Recorded(recording),
    };
    Ok(Loaded { name, timing, stream })
}

/// Loads one of the file's programs, or a kernel with one of its schedules.
pub fn program(
    path: &Path,
    file: FileId,
    choice: &Choice,
    args: &ProfileArgs,
    sources: &mut Sources,
) -> Result<Loaded, Failure> {
    let params = params(&args.params.params, sources)?;
    let Target { config, timing } = target::read_timed(args.machine.target.as_deref(), sources)?;
    let artifact = compile(sources, &options(file, params, choice, config))?;
    print_diagnostics(artifact.warnings(), sources);
    Ok(Loaded { name: path.display().to_string(), timing, stream: Stream::Compiled(artifact) })
}
