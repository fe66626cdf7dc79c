//! Support for the tests of the whole of Tilewright: a program goes through all three engines, which have to agree.
//!
//! In: source text, parameters, a configuration. Out: what the run cost, or the diagnostics with which it was refused.
//! Any disagreement, race, deadlock or broken rule of an IR panics with what differs.

pub mod passes;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ndarray::{ArrayD, IxDyn};
use tilewright::time::NamedTiming;
use tilewright::{Artifact, Options, RunOptions, compile, complete, findings, front as front_of};
use tilewright_core::emit::{SegmentKind, Stream};
use tilewright_core::legalize::Cx;
use tilewright_core::loops::interpret::{Arrays, interpret};
use tilewright_core::loops::ir::LoopProgram;
use tilewright_core::loops::{parse, print};
use tilewright_core::pipeline::{Front, PASSES, Progress, compile_scheduled, legalize};
use tilewright_core::scalar::DType;
use tilewright_core::tensor::{Kernel, TensorId};
use tilewright_isa::Config;
use tilewright_isa::lint::{Code, lint};
use tilewright_sim::Report;
use tilewright_syntax::ast::{Text, UseSource};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span, Trivia, render};

/// A program to put through the engines.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// Where the program stands in `dsl-examples`; files that it uses are looked for from there.
    pub path: &'a str,
    pub text: &'a str,
    pub params: &'a [(String, i64)],
    pub config: Config,
    /// Seeds the inputs.
    pub seed: u64,
}

impl<'a> Case<'a> {
    pub fn new(text: &'a str) -> Case<'a> {
        Case { path: "case.tw", text, params: &[], config: Config::default(), seed: 1 }
    }
}

/// What a program became.
#[derive(Debug)]
pub struct Agreed {
    pub report: Report,
    pub stream: Stream,
    pub legal: String,
}

/// The rendered diagnostics of a refused program, and their codes.
#[derive(Clone, Debug)]
pub struct Refused {
    pub codes: Vec<&'static str>,
    pub text: String,
}

/// Puts a program through reference evaluation, the interpreter (as scheduled, after every pass, and as read back from its
/// text) and the simulator. Panics where two of them differ.
pub fn engines_agree(case: &Case) -> Result<Agreed, Refused> {
    let (sources, file) = sources_of(case)?;
    let refuse = |errors: Vec<Diagnostic>| refused(&sources, &errors);
    let options = Options { file, params: case.params.to_vec(), config: case.config, ..Options::default() };
    let front = front_of(&sources, &options).map_err(refuse)?;
    let scheduled = front.schedule().map_err(refuse)?;
    // What is refused need not compute what the kernel does.
    let artifact = Artifact::of_schedules(&front, &scheduled, &sources).map_err(refuse)?;
    let (_, arrays) = random_inputs(&front.kernel, case.seed);
    let mut expected = artifact.reference(&arrays).map_err(refuse)?;
    expected.retain(|name, _| artifact.tensor(name).is_some_and(|tensor| tensor.is_output()));
    let mut texts = Vec::new();
    let compiled = compile_scheduled(&scheduled, &mut |progress| {
        let (name, program) = match progress {
            Progress::Loops(loops) => ("schedule", loops),
            Progress::Pass(pass) => (pass.name, pass.program),
            _ => return ControlFlow::Continue(()),
        };
        // Where transfers cannot pad, all passes begin anew.
        if name == PASSES[0].name {
            texts.truncate(1);
        }
        texts.push((name, check_program(name, program, &front, &arrays, &expected)));
        ControlFlow::Continue(())
    });
    compiled.map_err(|refusal| refuse(refusal.diagnostics))?;
    schedule_reads_back(&options, &front, &artifact);
    for (stage, text) in &texts {
        reads_back(stage, text, &front, &artifact, (&arrays, &expected));
    }
    destinations_are_apart(artifact.stream());
    let (report, found) = simulate(&artifact, &arrays);
    assert_same("simulator", &found, &expected);
    let legal = print::print(artifact.legal().program(), &Default::default());
    Ok(Agreed { report, stream: artifact.stream().clone(), legal })
}

/// The loops of a program as its schedule leaves them, with what passes may know of the target.
pub fn scheduled_loops(case: &Case) -> Result<(LoopProgram, Cx), Refused> {
    let (sources, file) = sources_of(case)?;
    let refuse = |errors: Vec<Diagnostic>| refused(&sources, &errors);
    let options = Options { file, params: case.params.to_vec(), config: case.config, ..Options::default() };
    let front = front_of(&sources, &options).map_err(refuse)?;
    let loops = front.schedule().and_then(|scheduled| scheduled.loops()).map_err(refuse)?;
    Ok((loops, *front.cx()))
}

/// The cycles that a program takes with one of its schedules.
pub fn cycles(case: &Case, schedule: Option<&str>) -> Result<u64, Refused> {
    let (sources, file) = sources_of(case)?;
    let schedule = schedule.map(str::to_owned);
    let options = Options { file, params: case.params.to_vec(), schedule, config: case.config, ..Options::default() };
    let timed = compile(&sources, &options).and_then(|artifact| artifact.time(&NamedTiming::default()));
    timed.map(|timed| timed.report.cycles).map_err(|errors| refused(&sources, &errors))
}

/// The text of a program, with the files that it uses.
fn sources_of(case: &Case) -> Result<(Sources, FileId), Refused> {
    let mut sources = Sources::default();
    let file = sources.add(case.path, case.text);
    let mut example = |path: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../dsl-examples").join(path);
        std::fs::read_to_string(path).map_err(|e| e.to_string())
    };
    complete(&mut sources, file, &mut example).map_err(|error| refused(&sources, &[error]))?;
    Ok((sources, file))
}

/// The hardware's ALU must not write a tile again within two micro-ops.
fn destinations_are_apart(stream: &Stream) {
    let bytes = stream.uop_bytes().expect("emitted micro-ops can be encoded");
    let words: Vec<u32> = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let first = stream.segments.iter().find(|s| s.kind == SegmentKind::Uops).map_or(0, |s| u64::from(s.address) / 4);
    let word = |at: u64| words.get(at.checked_sub(first)? as usize).copied();
    let close = lint(&stream.config, &stream.insns, word, [0; 4]);
    let close: Vec<_> = close.into_iter().filter(|f| f.code == Code::CloseDestinations).collect();
    assert!(close.is_empty(), "{close:?}");
}

/// What a user is told of a program that is refused.
pub fn refused(sources: &Sources, errors: &[Diagnostic]) -> Refused {
    Refused {
        codes: errors.iter().map(|d| d.code).collect(),
        text: errors.iter().map(|d| render(d, sources, false)).collect::<Vec<_>>().join("\n\n"),
    }
}

/// A printed loop program, which may stand behind any pass, gives the same instructions. Passes that join buffers see more
/// where they begin anew with what they have joined already, so instructions may also be others that compute the same.
fn reads_back(stage: &str, text: &str, front: &Front, artifact: &Artifact, (arrays, expected): (&Arrays, &Arrays)) {
    let mut sources = artifact.sources().clone();
    let file = sources.add("printed.loops", text);
    let program = parse::parse(file, text).expect("read before");
    let legal = legalize(program, front.cx(), &mut |_| {}).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let read = Artifact::of_legal(front, legal, Vec::new(), &sources).expect("emitted before");
    if read.stream().insns != artifact.stream().insns {
        assert_same(stage, &simulate(&read, arrays).1, expected);
    }
}

/// The schedules, printed as a file of their own, give the same instructions, where calls that shared a schedule have one each.
fn schedule_reads_back(options: &Options, front: &Front, artifact: &Artifact) {
    let name = |id: FileId| artifact.sources().file(id).name.clone();
    let named = |id: FileId| UseSource::File(Text { text: name(id), span: Span::default() });
    let source = front.source(&named).expect("applied before");
    let text = tilewright_syntax::print(&source, &Trivia::default());
    let mut sources = artifact.sources().clone();
    let file = sources.add("printed.tw", text.as_str());
    let again = || {
        let params = front.params_to_repeat(&options.params);
        let front = front_of(&sources, &Options { file, params, ..options.clone() })?;
        let scheduled = front.schedule()?;
        legalize(scheduled.loops()?, front.cx(), &mut |_| {}).map_err(|e| scheduled.refused(&e))
    };
    let legal = again().unwrap_or_else(|errors| panic!("{}\n{text}", refused(&sources, &errors).text));
    let read = Artifact::of_legal(front, legal, Vec::new(), &sources).expect("emitted before");
    let (stream, again) = (artifact.stream(), read.stream());
    assert!(again.insns == stream.insns && again.uops == stream.uops, "other instructions from\n{text}");
}

/// A loop program keeps the rules, computes what is expected, and reads back as itself. Returns its text.
fn check_program(stage: &str, program: &LoopProgram, front: &Front, arrays: &Arrays, expected: &Arrays) -> String {
    let text = print::print(program, &Default::default());
    let found = interpret(program, front.cx().core(), arrays).unwrap_or_else(|e| panic!("{stage}: {e}\n{text}"));
    assert_same(stage, &found, expected);
    let mut sources = Sources::default();
    let file = sources.add("printed.loops", text.as_str());
    let read = parse::parse(file, &text).unwrap_or_else(|e| panic!("{stage}: {e:?}\n{text}"));
    assert_eq!(print::print(&read, &Default::default()), text, "{stage} reads back differently");
    text
}

/// Values over the whole range of a type, which a seed determines.
#[derive(Clone, Debug)]
pub struct Values(u64);

impl Values {
    pub fn seeded(seed: u64) -> Values {
        Values(seed)
    }

    pub fn next(&mut self, dtype: DType) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = (self.0 >> 33) as i32;
        match dtype {
            DType::I8 => bits as i8 as i32,
            DType::I32 => bits.wrapping_mul(0x9E37),
        }
    }
}

/// Values for every input over the whole range of its type, by id and by name.
pub fn random_inputs(kernel: &Kernel, seed: u64) -> (Vec<(TensorId, ArrayD<i32>)>, Arrays) {
    let mut values = Values::seeded(seed);
    let mut by_id = Vec::new();
    let mut by_name = BTreeMap::new();
    for id in kernel.ids().filter(|id| kernel.tensor(*id).is_input()) {
        let tensor = kernel.tensor(id);
        let shape: Vec<usize> = tensor.shape.iter().map(|n| *n as usize).collect();
        let array = ArrayD::from_shape_fn(IxDyn(&shape), |_| values.next(tensor.dtype));
        by_name.insert(tensor.name.clone(), array.clone());
        by_id.push((id, array));
    }
    (by_id, by_name)
}

/// Runs a program; returns the figures and the outputs.
fn simulate(artifact: &Artifact, arrays: &Arrays) -> (Report, Arrays) {
    let run = artifact.run(arrays, &RunOptions::default()).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(findings(&run.report), Vec::<String>::new());
    (run.report, run.outputs)
}

fn assert_same(engine: &str, found: &Arrays, expected: &Arrays) {
    for (name, wanted) in expected {
        let got = &found[name];
        assert_eq!(got.shape(), wanted.shape(), "{engine}: shape of `{name}`");
        if let Some((index, value)) = wanted.indexed_iter().find(|(i, v)| got[i.clone()] != **v) {
            panic!("{engine}: `{name}` at {index:?} is {}, expected {value}", got[index.clone()]);
        }
    }
}
