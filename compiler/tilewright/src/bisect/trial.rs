//! The schedules of all calls, as far as they are applied → whether the program is legal with them, and has the values of
//! the reference: as loops, and as a stream on the simulated accelerator.

use tilewright_core::loops::interpret::interpret_within;
use tilewright_core::loops::ir::LoopProgram;
use tilewright_core::pipeline::Front;
use tilewright_core::schedule::Schedule;
use tilewright_syntax::{Diagnostic, Sources};

use crate::artifact::{MOST_STATEMENTS, reference};
use crate::fault::{Fault, internal_error, mismatch};
use crate::random::random_inputs;
use crate::time::NamedTiming;
use crate::{Arrays, Artifact, Result, RunOptions};

/// What a program is with some directives.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It has the values of the reference, and is ordered.
    Legal { cycles: u64, instructions: u64 },
    /// It is refused, for these reasons.
    Refused(Vec<Diagnostic>),
    /// It has other values, or is not ordered: what is wrong.
    Wrong(Diagnostic),
    /// It is legal, and its values are not known: why it cannot be run here.
    NotRun(Vec<Diagnostic>),
}

/// What programs are tried with.
#[derive(Debug)]
pub struct Trials<'a> {
    pub(super) front: &'a Front,
    sources: &'a Sources,
    timing: &'a NamedTiming,
    inputs: Arrays,
    reference: Arrays,
}

impl<'a> Trials<'a> {
    /// With random inputs.
    pub fn new(front: &'a Front, sources: &'a Sources, timing: &'a NamedTiming, seed: u64) -> Trials<'a> {
        let inputs = random_inputs(&front.kernel, seed);
        let reference = reference(&front.kernel, &inputs);
        Trials { front, sources, timing, inputs, reference }
    }

    /// Compiles, and no more: why it is refused, if it is.
    pub(super) fn compile(&self, schedules: Vec<Schedule>) -> Result<Artifact> {
        Artifact::of_schedules(self.front, &self.front.scheduled(schedules), self.sources)
    }

    /// Compiles and runs, one schedule for each call. Loops are interpreted also where no stream can be made of them.
    pub fn run(&self, schedules: Vec<Schedule>) -> Verdict {
        let loops = self.front.scheduled(schedules.clone()).loops();
        if let Some(wrong) = loops.ok().and_then(|loops| self.wrong_loops(&loops)) {
            return Verdict::Wrong(wrong);
        }
        let artifact = match self.compile(schedules) {
            Ok(artifact) => artifact,
            Err(errors) => return Verdict::Refused(errors),
        };
        let options = RunOptions { timing: Some(self.timing.clone()), ..RunOptions::default() };
        match artifact.attempt(&self.inputs, &options) {
            Ok(run) => match run.fault(&self.reference) {
                Some(fault) => Verdict::Wrong(fault.diagnostic()),
                None => Verdict::Legal {
                    cycles: run.timed.map_or(0, |timed| timed.report.cycles),
                    instructions: run.report.instructions.total(),
                },
            },
            Err(no_run) if no_run.is_fault() => Verdict::Wrong(no_run.diagnostics().remove(0)),
            Err(no_run) => Verdict::NotRun(no_run.diagnostics()),
        }
    }

    /// What is wrong with the values of loops. Of programs that are too large nothing is known.
    fn wrong_loops(&self, loops: &LoopProgram) -> Option<Diagnostic> {
        match interpret_within(loops, self.front.cx().core(), &self.inputs, MOST_STATEMENTS) {
            Ok(found) => mismatch(&found, &self.reference).map(|mismatch| Fault::Differs(mismatch).diagnostic()),
            Err(error) if error.is_limit() => None,
            Err(error) => Some(internal_error(error.diagnostic(loops))),
        }
    }
}

#[cfg(test)]
mod tests {
    use tilewright_core::pipeline::{Request, front};
    use tilewright_isa::Config;

    use super::*;
    use crate::bisect::{Finding, scan};

    fn example(sources: &mut Sources) -> Front {
        let file = sources.add("matmul.tw", include_str!("../../../../dsl-examples/matmul.tw"));
        let (config, params) = (Config::default(), [("k".to_owned(), 32), ("n".to_owned(), 32)]);
        front(&Request { sources, file, params: &params, program: None, schedule: None, config: &config }).unwrap()
    }

    /// Trials that hold the values of other inputs for right: the compiler offers no program with wrong ones.
    fn misled<'a>(front: &'a Front, sources: &'a Sources, timing: &'a NamedTiming) -> Trials<'a> {
        let other = Trials::new(front, sources, timing, 1);
        Trials { reference: other.reference, ..Trials::new(front, sources, timing, 0) }
    }

    #[test]
    fn wrong_values_are_seen_in_loops_that_are_no_stream() {
        let mut sources = Sources::default();
        let (front, timing) = (example(&mut sources), NamedTiming::default());
        let unscheduled = || vec![front.unscheduled(&front.calls()[0])];
        let right = Trials::new(&front, &sources, &timing, 0).run(unscheduled());
        assert!(matches!(&right, Verdict::Refused(errors) if errors[0].code == "E0502"), "{right:?}");
        let wrong = misled(&front, &sources, &timing).run(unscheduled());
        assert!(matches!(&wrong, Verdict::Wrong(error) if error.code == "E0650"), "{wrong:?}");
    }

    #[test]
    fn the_directive_behind_wrong_values_is_found() {
        let mut sources = Sources::default();
        let (front, timing) = (example(&mut sources), NamedTiming::default());
        let scanned = scan(&misled(&front, &sources, &timing), 0, &()).unwrap();
        assert_eq!(scanned.finding, Finding::Values(None));
        let scanned = scan(&Trials::new(&front, &sources, &timing, 0), 0, &()).unwrap();
        assert_eq!(scanned.finding, Finding::Nothing);
    }
}
