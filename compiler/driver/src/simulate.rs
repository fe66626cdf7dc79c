//! A compiled program and its inputs → a run on the simulated accelerator, in values and in time, and whether its outputs are the reference's.

use tilewright_core::emit::{SegmentKind, Stream, image};
use tilewright_core::legalize::LegalProgram;
use tilewright_core::loops::ir::Buffer;
use tilewright_core::tensor::{Array, Evaluation, Kernel, TensorId};
use tilewright_sim::recording::Extent;
use tilewright_sim::{Dram, Options, Recording, Report, Simulator, Stop, TokenCounts};
use tilewright_syntax::Diagnostic;

use crate::compile::Compiled;
use crate::cycles::{self, Timed};
use crate::error::our_mistake;
use crate::target::NamedTiming;

/// What lies in device memory where the program has not written yet, so that an element that it leaves out is no zero by
/// chance.
const UNWRITTEN: u8 = 0xA5;

/// A finished run.
#[derive(Debug)]
pub struct Run {
    /// The stream with memory before and after it.
    pub recording: Recording,
    pub report: Report,
    /// The same run in time, if that was asked for.
    pub timed: Option<Timed>,
    /// The outputs as the accelerator computed them.
    pub outputs: Vec<(TensorId, Array)>,
}

/// The first value in which an output differs from the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub output: String,
    pub index: Vec<usize>,
    pub expected: i32,
    pub got: i32,
    /// Values that differ, in all outputs.
    pub count: usize,
}

/// Packs the inputs into device memory, executes the stream and unpacks the outputs; with a timing, simulates its cycles
/// as well.
pub fn run(
    compiled: &Compiled,
    inputs: &[(TensorId, Array)],
    description: String,
    timing: Option<&NamedTiming>,
) -> Result<Run, Diagnostic> {
    let Compiled { front, legal, stream, .. } = compiled;
    let mut recording = recording(stream, legal, &front.kernel, inputs, description)?;
    let mut dram = recording.memory().map_err(|error| refused(error.code(), &error))?;
    let mut simulator =
        Simulator::new(&stream.config).map_err(|error| Diagnostic::error(error.code(), error.to_string()))?;
    let options = Options { detect_races: true, ..Options::default() };
    let report = simulator.run(&stream.insns, &mut dram, &options).map_err(|stop| our_mistake(stopped(&stop)))?;
    let outputs = outputs(stream, legal, &front.kernel, &dram)?;
    recording.after = Some(after(stream, &dram));
    let timed = timing.map(|timing| cycles::simulate(&recording, timing, 1)).transpose();
    let timed = timed.map_err(|stop| our_mistake(stopped(&stop)))?;
    Ok(Run { recording, report, timed, outputs })
}

/// Simulates the cycles of a compiled program, which hang on no values.
pub fn time(compiled: &Compiled, timing: &NamedTiming) -> Result<Timed, Diagnostic> {
    let recording = without_memory(&compiled.stream, String::new());
    cycles::simulate(&recording, timing, 1).map_err(|stop| our_mistake(stopped(&stop)))
}

fn recording(
    stream: &Stream,
    legal: &LegalProgram,
    kernel: &Kernel,
    inputs: &[(TensorId, Array)],
    description: String,
) -> Result<Recording, Diagnostic> {
    let mut before = Vec::new();
    for segment in &stream.segments {
        match segment.kind {
            SegmentKind::Uops => before.extend(stream.uop_bytes().map_err(|error| refused(error.code(), &error))?),
            SegmentKind::Tensor(id) => {
                let buffer = legal.program().buffer(id);
                let input = inputs.iter().find(|(tensor, _)| kernel.tensor(*tensor).name == buffer.name);
                match (image::constant_bytes(buffer), input) {
                    (Some(constant), _) => before.extend(constant),
                    (None, Some((_, array))) => before.extend(packed(buffer, array)?),
                    (None, None) => before.resize(before.len() + segment.bytes, UNWRITTEN),
                }
            }
        }
    }
    Ok(Recording { before: Some(before), ..without_memory(stream, description) })
}

fn without_memory(stream: &Stream, description: String) -> Recording {
    let extent = |s: &tilewright_core::emit::Segment| Extent { address: s.address.into(), bytes: s.bytes as u64 };
    Recording {
        description,
        config: stream.config,
        segments: stream.segments.iter().map(extent).collect(),
        insns: stream.insns.clone(),
        before: None,
        after: None,
        tokens_before: TokenCounts::default(),
        rtl_cycles: Default::default(),
    }
}

fn packed(buffer: &Buffer, array: &Array) -> Result<Vec<u8>, Diagnostic> {
    image::pack(buffer, array).map_err(|error| refused(error.code(), &error))
}

fn outputs(
    stream: &Stream,
    legal: &LegalProgram,
    kernel: &Kernel,
    dram: &Dram,
) -> Result<Vec<(TensorId, Array)>, Diagnostic> {
    let mut outputs = Vec::new();
    for segment in &stream.segments {
        let SegmentKind::Tensor(buffer) = segment.kind else { continue };
        let buffer = legal.program().buffer(buffer);
        if let Some(tensor) = kernel.find(&buffer.name).filter(|id| kernel.tensor(*id).output) {
            let bytes = dram.read(segment.address.into(), segment.bytes).unwrap_or(&[]);
            outputs.push((tensor, image::unpack(buffer, bytes).map_err(|error| refused(error.code(), &error))?));
        }
    }
    Ok(outputs)
}

fn after(stream: &Stream, dram: &Dram) -> Vec<u8> {
    let bytes = stream.segments.iter().flat_map(|s| dram.read(s.address.into(), s.bytes));
    bytes.flatten().copied().collect()
}

/// Compares every output with the reference.
pub fn compare(kernel: &Kernel, outputs: &[(TensorId, Array)], reference: &Evaluation) -> Option<Mismatch> {
    let mut first: Option<Mismatch> = None;
    for (tensor, got) in outputs {
        let expected = reference.get(*tensor);
        for ((index, got), expected) in got.indexed_iter().zip(expected).filter(|((_, got), expected)| got != expected)
        {
            let found = first.get_or_insert_with(|| Mismatch {
                output: kernel.tensor(*tensor).name.clone(),
                index: (0..kernel.tensor(*tensor).shape.len()).map(|d| index[d]).collect(),
                expected: *expected,
                got: *got,
                count: 0,
            });
            found.count += 1;
        }
    }
    first
}

fn refused(code: &'static str, error: &dyn std::error::Error) -> Diagnostic {
    our_mistake(Diagnostic::error(code, error.to_string()))
}

/// Why a run did not end. A deadlock's modules have a note each.
pub fn stopped(stop: &Stop) -> Diagnostic {
    match stop {
        Stop::Deadlock(deadlock) => {
            let told = Diagnostic::error(stop.code(), format!("deadlock after {} instructions", deadlock.executed));
            deadlock.waiting.iter().fold(told, |told, waiting| told.note(waiting.to_string()))
        }
        Stop::Trap(_) | Stop::TooLong { .. } => Diagnostic::error(stop.code(), stop.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};
    use tilewright_core::pipeline::{Request, front};
    use tilewright_core::tensor::evaluate;
    use tilewright_isa::Config;
    use tilewright_syntax::Sources;

    use super::*;

    #[test]
    fn the_first_value_that_differs_is_found() {
        let mut sources = Sources::default();
        let text = "kernel k {\n input X: i8[2, 3]\n output Y[i, j] = X[i, j]\n}\nschedule s for k {\n}";
        let file = sources.add("k.tw", text);
        let config = Config::default();
        let request = Request { sources: &sources, file, params: &[], program: None, schedule: None, config: &config };
        let kernel = front(&request).unwrap().kernel;
        let (x, y) = (kernel.find("X").unwrap(), kernel.find("Y").unwrap());
        let values = ArrayD::from_shape_fn(IxDyn(&[2, 3]), |i| (i[0] * 3 + i[1]) as i32);
        let reference = evaluate(&kernel, &[(x, values.clone())]).unwrap();
        assert_eq!(compare(&kernel, &[(y, values.clone())], &reference), None);

        let mut wrong = values;
        wrong[[0, 2]] = -1;
        wrong[[1, 1]] = -2;
        let (output, index) = ("Y".to_owned(), vec![0, 2]);
        let expected = Mismatch { output, index, expected: 2, got: -1, count: 2 };
        assert_eq!(compare(&kernel, &[(y, wrong)], &reference), Some(expected));
    }
}
