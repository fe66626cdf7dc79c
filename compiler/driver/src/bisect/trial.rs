//! The schedules of all calls, as far as they are applied → whether the program is legal with them, and has the values of
//! the reference: as loops, and as a stream on the simulated accelerator.

use std::collections::BTreeMap;

use tilewright_core::loops::interpret::{Arrays, InterpretError, interpret_within};
use tilewright_core::loops::ir::LoopProgram;
use tilewright_core::pipeline::{self, Front};
use tilewright_core::schedule::Schedule;
use tilewright_core::tensor::{Array, Evaluation, Kernel, TensorId, evaluate};
use tilewright_syntax::Diagnostic;

use crate::arrays;
use crate::compile::{Compiled, stream};
use crate::error::DriverError;
use crate::simulate::{self, Mismatch};
use crate::stats::findings;
use crate::target::NamedTiming;

/// Most statements of a loop program that is interpreted here; longer ones would take more than seconds each.
pub const MOST_STATEMENTS: u64 = 1 << 26;

/// What a program is with some directives.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It has the values of the reference, and is ordered.
    Legal { cycles: u64, instructions: u64 },
    /// It is refused, for these reasons.
    Refused(Vec<Diagnostic>),
    /// It has other values, or is not ordered: what is wrong.
    Wrong(Diagnostic),
}

/// What programs are tried with.
#[derive(Debug)]
pub struct Trials<'a> {
    pub front: &'a Front,
    timing: &'a NamedTiming,
    inputs: Vec<(TensorId, Array)>,
    by_name: Arrays,
    reference: Evaluation,
}

impl<'a> Trials<'a> {
    /// With random inputs.
    pub fn new(front: &'a Front, timing: &'a NamedTiming, seed: u64) -> Result<Trials<'a>, DriverError> {
        let kernel = &front.kernel;
        let inputs = arrays::random_inputs(kernel, seed);
        let reference = evaluate(kernel, &inputs).expect("inputs have their kernel's types and shapes");
        let named = |(id, array): &(TensorId, Array)| (kernel.tensor(*id).name.clone(), array.clone());
        let by_name: BTreeMap<String, Array> = inputs.iter().map(named).collect();
        Ok(Trials { front, timing, inputs, by_name, reference })
    }

    /// Compiles, and no more: why it is refused, if it is.
    pub fn compile(&self, schedules: Vec<Schedule>) -> Result<Compiled, Vec<Diagnostic>> {
        let scheduled = self.front.scheduled(schedules);
        let legal = pipeline::legalize(scheduled.loops()?, self.front.cx(), &mut |_| {});
        let legal = legal.map_err(|error| scheduled.refused(&error))?;
        let (stream, schedule) = (stream(&legal)?, self.front.schedule_names().join(", "));
        Ok(Compiled { front: self.front.clone(), schedule, warnings: Vec::new(), legal, stream })
    }

    /// Compiles and runs. Loops are interpreted also where no stream can be made of them.
    pub fn run(&self, schedules: Vec<Schedule>) -> Verdict {
        let loops = self.front.scheduled(schedules.clone()).loops();
        if let Some(wrong) = loops.ok().and_then(|loops| self.wrong_loops(&loops)) {
            return Verdict::Wrong(wrong.diagnostic());
        }
        let compiled = match self.compile(schedules) {
            Ok(compiled) => compiled,
            Err(told) => return Verdict::Refused(told),
        };
        match simulate::run(&compiled, &self.inputs, String::new(), Some(self.timing)) {
            Ok(run) => {
                let mismatch = simulate::compare(&self.front.kernel, &run.outputs, &self.reference);
                match (mismatch.map(differs), findings(&run.report)) {
                    (Some(error), _) => Verdict::Wrong(error.diagnostic()),
                    (None, findings) if !findings.is_empty() => {
                        Verdict::Wrong(DriverError::Unsound { findings, recorded: None }.diagnostic())
                    }
                    _ => Verdict::Legal {
                        cycles: run.timed.map_or(0, |timed| timed.report.cycles),
                        instructions: run.report.instructions.total(),
                    },
                }
            }
            Err(told) => Verdict::Wrong(told),
        }
    }

    /// What is wrong with the values of loops. Of programs that are too large nothing is known.
    fn wrong_loops(&self, loops: &LoopProgram) -> Option<DriverError> {
        let kernel = &self.front.kernel;
        match interpret_within(loops, self.front.cx().core(), &self.by_name, MOST_STATEMENTS) {
            Ok(found) => simulate::compare(kernel, &outputs(kernel, &found), &self.reference).map(differs),
            Err(InterpretError::TooLong { .. } | InterpretError::TooLarge { .. }) => None,
            Err(error) => Some(DriverError::Unsound { findings: vec![format!("as loops: {error}")], recorded: None }),
        }
    }
}

fn outputs(kernel: &Kernel, found: &Arrays) -> Vec<(TensorId, Array)> {
    kernel.ids().filter_map(|id| Some((id, found.get(&kernel.tensor(id).name)?.clone()))).collect()
}

fn differs(Mismatch { output, index, expected, got, count }: Mismatch) -> DriverError {
    DriverError::Differs { output, index, expected, got, count, recorded: None }
}

#[cfg(test)]
mod tests {
    use tilewright_core::pipeline::{Request, front};
    use tilewright_isa::Config;
    use tilewright_syntax::Sources;

    use super::*;
    use crate::bisect::Finding;
    use crate::bisect::error::told;
    use crate::bisect::prefixes::scan;
    use crate::error::{Exit, Failure};

    fn example(sources: &mut Sources) -> Front {
        let file = sources.add("matmul.tw", include_str!("../../../../dsl-examples/matmul.tw"));
        let (config, params) = (Config::default(), [("k".to_owned(), 32), ("n".to_owned(), 32)]);
        front(&Request { sources, file, params: &params, program: None, schedule: None, config: &config }).unwrap()
    }

    /// Trials that hold the values of other inputs for right: the compiler offers no program with wrong ones.
    fn misled<'a>(front: &'a Front, timing: &'a NamedTiming) -> Trials<'a> {
        let other = Trials::new(front, timing, 1).unwrap();
        Trials { reference: other.reference, ..Trials::new(front, timing, 0).unwrap() }
    }

    #[test]
    fn wrong_values_are_seen_in_loops_that_are_no_stream() {
        let mut sources = Sources::default();
        let (front, timing) = (example(&mut sources), NamedTiming::default());
        let unscheduled = || vec![front.unscheduled(&front.calls()[0])];
        let right = Trials::new(&front, &timing, 0).unwrap().run(unscheduled());
        assert!(matches!(&right, Verdict::Refused(told) if told[0].code == "E0502"), "{right:?}");
        let wrong = misled(&front, &timing).run(unscheduled());
        assert!(matches!(&wrong, Verdict::Wrong(told) if told.code == "E0650"), "{wrong:?}");
    }

    #[test]
    fn wrong_values_end_with_their_status() {
        let mut sources = Sources::default();
        let (front, timing) = (example(&mut sources), NamedTiming::default());
        let scanned = scan(&misled(&front, &timing), 0).unwrap();
        assert_eq!(scanned.finding, Finding::Values(None));
        let Some(Failure::Told { exit, diagnostics }) = told(&scanned) else { panic!("it is at fault") };
        let codes: Vec<&str> = diagnostics.iter().map(|d| d.code).collect();
        assert_eq!((exit, &codes[..]), (Exit::Differs, &["E0684", "E0650"][..]));
        assert_eq!(diagnostics[0].message, "the result is wrong before the first directive");
    }

    #[test]
    fn the_directive_that_changes_the_result_is_shown() {
        let mut sources = Sources::default();
        let (front, timing) = (example(&mut sources), NamedTiming::default());
        let mut scanned = scan(&Trials::new(&front, &timing, 0).unwrap(), 0).unwrap();
        assert_eq!(scanned.finding, Finding::Nothing);
        scanned.finding = Finding::Values(Some(1));
        let Some(Failure::Told { exit, diagnostics }) = told(&scanned) else { panic!("it is at fault") };
        assert_eq!(exit, Exit::Differs);
        assert_eq!(diagnostics[0].message, format!("`{}` changes the result", scanned.directives[1].text()));
        assert_eq!(diagnostics[0].labels[0].span, scanned.directives[1].span());
    }
}
