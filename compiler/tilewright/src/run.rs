//! An artifact and its inputs → a run on the simulated accelerator, in values and in time.

use tilewright_core::emit;
use tilewright_sim::recording::Extent;
use tilewright_sim::{Options, Recording, RecordingError, Report, Stop};
use tilewright_syntax::Diagnostic;

use crate::fault::{Fault, internal_error, mismatch, stopped_run};
use crate::input_error::check_inputs;
use crate::memory::Memory;
use crate::time::{NamedTiming, Timed};
use crate::{Arrays, Artifact, Result, findings};

/// What a run is to find out besides its outputs.
///
/// ```
/// use tilewright::RunOptions;
///
/// assert_eq!(RunOptions::timed().timing.unwrap().name, "de10");
/// ```
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The machine whose cycles are simulated; none for values alone.
    pub timing: Option<NamedTiming>,
    /// What a recording of the run says of itself; none for no recording.
    pub record: Option<String>,
}

impl RunOptions {
    /// With the cycles of VTA's reference board.
    pub fn timed() -> RunOptions {
        RunOptions { timing: Some(NamedTiming::default()), ..RunOptions::default() }
    }
}

/// A finished run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The outputs as the accelerator computed them, by name.
    pub outputs: Arrays,
    /// What the accelerator did.
    pub report: Report,
    /// The same run in time, if that was asked for.
    pub timed: Option<Timed>,
    /// The stream with memory before and after it, if that was asked for.
    pub recording: Option<Recording>,
}

impl Run {
    /// Why the outputs are not to be relied on: they differ from the reference, or equal it by chance because the stream
    /// does not order all of its work. None for a good run.
    pub fn fault(&self, reference: &Arrays) -> Option<Fault> {
        if let Some(mismatch) = mismatch(&self.outputs, reference) {
            return Some(Fault::Differs(mismatch));
        }
        let findings = findings(&self.report);
        (!findings.is_empty()).then_some(Fault::Unordered(findings))
    }
}

/// Why there is no finished run.
#[derive(Debug)]
pub(crate) enum NoRun {
    /// Of inputs or of a machine that do not fit the program.
    Refused(Vec<Diagnostic>),
    /// The stream did not come to its end, in values or in time.
    Stopped(Stop),
}

impl From<Vec<Diagnostic>> for NoRun {
    fn from(diagnostics: Vec<Diagnostic>) -> NoRun {
        NoRun::Refused(diagnostics)
    }
}

impl NoRun {
    /// Whether the stream is wrong, rather than too long for the simulation or not begun.
    pub fn is_fault(&self) -> bool {
        matches!(self, NoRun::Stopped(stop) if !stop.is_limit())
    }

    /// As it is shown; at least one.
    pub fn diagnostics(self) -> Vec<Diagnostic> {
        match self {
            NoRun::Refused(diagnostics) => diagnostics,
            NoRun::Stopped(stop) => stopped_run(&stop),
        }
    }
}

impl Artifact {
    /// Runs the program on the simulated accelerator.
    ///
    /// Runs may happen at the same time on any number of threads. Each has a machine as it is after power-on, whose memory
    /// later runs take over. Races are looked for in the first run: the order of instructions and the places that they touch
    /// depend on no values, and neither do cycles, which are simulated once for each timing.
    ///
    /// # Errors
    /// Inputs that are missing, unknown, of another shape, or beyond the range of their type; a run beyond the limits of the
    /// simulation. A stream that stops for another reason is an internal compiler error.
    ///
    /// ```
    /// # use tilewright::{Options, RunOptions, Sources, compile};
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[4]
    /// #     output y[i] = i8(x[i] + 2)
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let errors = artifact.run(&Default::default(), &RunOptions::default()).unwrap_err();
    /// assert_eq!((errors[0].code, errors[0].message.as_str()), ("E0627", "input `x` has no values"));
    /// ```
    pub fn run(&self, inputs: &Arrays, options: &RunOptions) -> Result<Run> {
        self.attempt(inputs, options).map_err(|no_run| no_run.diagnostics())
    }

    /// The same, with what kept the run from its end.
    pub(crate) fn attempt(&self, inputs: &Arrays, options: &RunOptions) -> std::result::Result<Run, NoRun> {
        self.fits_memory(1)?;
        check_inputs(self, inputs)?;
        let memory = self.memory()?;
        let (outputs, report, recording) = self.0.machines.with(self.config(), memory, inputs, |machine| {
            let before = options.record.as_ref().map(|_| memory.image(&machine.dram));
            let known = self.0.races.get();
            let run = Options { detect_races: known.is_none(), ..Options::default() };
            let report = machine.simulator.run(&self.0.stream.insns, &mut machine.dram, &run);
            let mut report = report.map_err(NoRun::Stopped)?;
            match known {
                Some(races) => report.races = races.clone(),
                None => drop(self.0.races.set(report.races.clone())),
            }
            let recording = match options.record.clone() {
                Some(description) => {
                    let after = Some(memory.image(&machine.dram));
                    Some(self.recording(description)?.with_images(before, after).map_err(broken)?)
                }
                None => None,
            };
            Ok::<_, NoRun>((memory.outputs(&machine.dram)?, report, recording))
        })?;
        let timed = options.timing.as_ref().map(|timing| self.timed(timing)).transpose().map_err(NoRun::Stopped)?;
        Ok(Run { outputs, report, timed, recording })
    }

    /// Runs the program and returns the stream with memory before and after it, for other simulators.
    ///
    /// # Errors
    /// As [`Artifact::run`].
    ///
    /// ```
    /// # use tilewright::{Options, Sources, compile};
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[4]
    /// #     output y[i] = i8(x[i] + 2)
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let recording = artifact.record(&artifact.random_inputs(0), "k on random values").unwrap();
    /// assert_eq!(recording.insns, artifact.stream().insns);
    /// assert_eq!(recording.before.unwrap().len(), recording.after.unwrap().len());
    /// ```
    pub fn record(&self, inputs: &Arrays, description: &str) -> Result<Recording> {
        let options = RunOptions { record: Some(description.to_owned()), ..RunOptions::default() };
        Ok(self.run(inputs, &options)?.recording.expect("a recording was asked for"))
    }

    /// The stream without memory, as recordings have it.
    ///
    /// # Errors
    /// Device memory that cannot be simulated, of an artifact that was read from a file.
    pub fn recording(&self, description: String) -> Result<Recording> {
        let stream = &self.0.stream;
        let extent = |s: &emit::Segment| Extent { address: s.address.into(), bytes: s.bytes as u64 };
        let segments = stream.segments.iter().map(extent).collect();
        Recording::new(description, stream.config, segments, stream.insns.clone()).map_err(broken)
    }

    fn memory(&self) -> Result<&Memory> {
        if let Some(memory) = self.0.memory.get() {
            return Ok(memory);
        }
        let memory = Memory::new(&self.0.stream, &self.0.legal)?;
        Ok(self.0.memory.get_or_init(|| memory))
    }
}

fn broken(error: RecordingError) -> Vec<Diagnostic> {
    vec![internal_error(Diagnostic::error(error.code(), error.to_string()))]
}

#[cfg(test)]
mod tests {
    use tilewright_sim::{Cause, Deadlock, Trap};

    use super::*;

    fn trap(cause: Cause) -> NoRun {
        NoRun::Stopped(Trap { insn: 3, mnemonic: "gemm", cause }.into())
    }

    #[test]
    fn a_limit_of_the_simulation_is_no_fault() {
        for limit in [trap(Cause::Budget { value: 2, limit: 1 }), NoRun::Stopped(Stop::TooLong { count: 2, limit: 1 })]
        {
            assert!(!limit.is_fault());
            let diagnostics = limit.diagnostics();
            assert!(diagnostics[0].notes.is_empty() && diagnostics[0].help.len() == 1, "{diagnostics:?}");
        }
        let deadlock = NoRun::Stopped(Deadlock { executed: 1, waiting: Vec::new() }.into());
        for fault in [trap(Cause::UopOverrun { value: 2, limit: 1 }), deadlock] {
            assert!(fault.is_fault());
            let notes = &fault.diagnostics()[0].notes;
            assert_eq!(notes[..], ["this is an internal compiler error; the program is not at fault"]);
        }
    }
}
