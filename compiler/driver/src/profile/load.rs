//! Paths and options → what is profiled: a program's stream with the origin of each instruction, or a recorded stream.

use std::path::Path;

use tilewright::profile::{Figures, profile_recording};
use tilewright::time::NamedTiming;
use tilewright::{Artifact, compile, stopped};
use tilewright_sim::Recording;
use tilewright_syntax::{FileId, Sources};

use crate::cli::{Choice, ProfileArgs};
use crate::compile::{options, params};
use crate::error::Failure;
use crate::load::{self, Wanted};
use crate::report::tell;
use crate::{recordings, target};

/// What is profiled.
#[derive(Debug)]
pub struct Loaded {
    /// As the user named it.
    pub name: String,
    /// The stream, without memory.
    pub recording: Recording,
    /// Where the timing is stated if `--timing` does not say otherwise.
    pub timing: NamedTiming,
    /// None for a recording.
    pub artifact: Option<Artifact>,
}

impl Loaded {
    /// Profiles it.
    pub fn profile(&self, timing: &NamedTiming) -> Result<Figures, Failure> {
        let mut figures = match &self.artifact {
            Some(artifact) => artifact.profile(timing)?,
            None => profile_recording(&self.name, &self.recording, timing)
                .map_err(|stop| Failure::from(stopped(&stop).note(format!("in {}`{}`", self.kind(), self.name))))?,
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
        self.artifact.as_ref().map(|artifact| artifact.source_map().alternatives.clone()).unwrap_or_default()
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
        return Ok(Loaded { name, recording, timing: NamedTiming::default(), artifact: None });
    }
    let wanted = Wanted { params: &args.params, choice: &args.choice, machine: &args.machine };
    let name = path.display().to_string();
    Ok(match load::load(path, wanted, sources)? {
        (load::Loaded::Program(artifact), timing) => {
            Loaded { name, recording: artifact.recording(String::new()), timing, artifact: Some(artifact) }
        }
        (load::Loaded::Stream(recording), timing) => Loaded { name, recording: *recording, timing, artifact: None },
    })
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
    let (config, timing) = target::read_timed(args.machine.target.as_deref(), sources)?;
    let artifact = compile(sources, &options(file, params, choice, config))?;
    tell(artifact.warnings(), sources);
    let (name, recording) = (path.display().to_string(), artifact.recording(String::new()));
    Ok(Loaded { name, recording, timing, artifact: Some(artifact) })
}
