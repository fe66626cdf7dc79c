//! Sources and options → [`Artifact`]: a compiled program and all that is known of it.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock};

use tilewright_core::emit::{Stream, emit};
use tilewright_core::legalize::{Cx, LegalProgram};
use tilewright_core::loops::interpret::{InterpretError, MAX_STEPS, interpret_within};
use tilewright_core::loops::ir::LoopProgram;
use tilewright_core::pipeline::{self, Front, Request, Scheduled};
use tilewright_core::tensor::{Kernel, TensorId, evaluate, evaluate_real};
use tilewright_isa::Config;
use tilewright_sim::Races;
use tilewright_syntax::{Diagnostic, FileId, Sources};

use crate::input_error::{check_inputs, check_shapes};
use crate::memory::{Machines, Memory};
use crate::random::{draw, random};
use crate::source_map::SourceMap;
use crate::tensor::TensorInfo;
use crate::time::Times;
use crate::{Arrays, NumberArrays, Result, internal_error};

/// Most statements of a compiled loop program that is interpreted; longer ones would take more than seconds each.
pub const MOST_STATEMENTS: u64 = 1 << 26;

/// What of the sources is compiled, and for what.
///
/// ```
/// use tilewright::{Config, Options};
///
/// let wide = Config::from_json(r#"{"LOG_BLOCK": 5}"#).unwrap();
/// let options = Options { config: wide, params: vec![("n".to_owned(), 128)], ..Options::default() };
/// assert_eq!(options.schedule, None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The file that is compiled; the others are those that it uses. By default the one that was added first.
    pub file: FileId,
    /// Values of parameters: `NAME` is a kernel's or a program's, `SCHEDULE.NAME` a schedule's.
    pub params: Vec<(String, i64)>,
    /// The program to take; it may be left out where the file has one.
    pub program: Option<String>,
    /// The schedule to take, with its kernel alone; it may be left out where the file has one, or a program. `automatic`
    /// stands for one that is made for the kernel, which is also taken where the file has none.
    pub schedule: Option<String>,
    /// The machine.
    pub config: Config,
    /// Most bytes that runs may take for arrays and device memory; none for no limit.
    pub memory: Option<u64>,
}

impl Options {
    /// The same as the core takes it.
    pub(crate) fn request<'a>(&'a self, sources: &'a Sources) -> Request<'a> {
        let Options { file, params, program, schedule, config, memory: _ } = self;
        let (program, schedule) = (program.as_deref(), schedule.as_deref());
        Request { sources, file: *file, params, program, schedule, config }
    }
}

/// A compiled program. It is cheap to clone, and threads may share it.
///
/// ```
/// use tilewright::{Artifact, Options, RunOptions, Sources, compile};
///
/// let mut sources = Sources::default();
/// sources.add("k.tw", "
///     kernel k {
///         input x: i32[32]
///         s[i] = x[i] + 3
///         output y[i] = i8(s[i] >> 2)
///     }");
/// let artifact: Artifact = compile(&sources, &Options::default()).unwrap();
/// std::thread::scope(|scope| {
///     for seed in 0..2 {
///         let artifact = &artifact;
///         scope.spawn(move || {
///             let inputs = artifact.random_inputs(seed);
///             let run = artifact.run(&inputs, &RunOptions::default()).unwrap();
///             assert_eq!(run.fault(&artifact.reference(&inputs).unwrap()), None);
///         });
///     }
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Artifact(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub sources: Sources,
    /// What of the sources it is; none for a front that was taken apart.
    pub options: Option<Options>,
    pub meaning: Meaning,
    pub schedule: String,
    pub warnings: Vec<Diagnostic>,
    pub map: SourceMap,
    /// Inputs, stages and outputs, in the order of the kernel.
    pub tensors: Vec<TensorInfo>,
    pub legal: LegalProgram,
    pub stream: Stream,
    /// Made with the first run.
    pub memory: OnceLock<Memory>,
    pub machines: Machines,
    /// What the first run found, which is so in every run: order and places depend on no values.
    pub races: OnceLock<Option<Races>>,
    pub times: Mutex<Times>,
    /// Most bytes that runs may take.
    pub memory_limit: Mutex<Option<u64>>,
}

/// What a program computes, whatever its instructions do.
#[derive(Debug)]
pub(crate) enum Meaning {
    Kernel(Box<Kernel>),
    /// A loop program that is its own source, as its text says it.
    Loops(Box<LoopProgram>),
}

impl Meaning {
    /// Inputs, stages and outputs.
    pub fn tensors(&self) -> Vec<TensorInfo> {
        match self {
            Meaning::Kernel(kernel) => kernel.tensors.iter().map(TensorInfo::of_tensor).collect(),
            Meaning::Loops(program) => program.buffers.iter().filter_map(TensorInfo::of_buffer).collect(),
        }
    }
}

/// What an artifact is put together from.
pub(crate) struct Parts {
    pub sources: Sources,
    pub options: Option<Options>,
    pub meaning: Meaning,
    pub schedule: String,
    pub warnings: Vec<Diagnostic>,
    pub map: SourceMap,
    pub legal: LegalProgram,
    pub stream: Stream,
}

/// Compiles a program to its instruction stream.
///
/// The sources hold every file that the program uses; [`complete`](crate::complete) adds those, the standard library among
/// them.
///
/// # Errors
/// Everything that is wrong with the program, its parameters or its schedule, or does not fit the machine.
///
/// ```
/// use tilewright::{Options, Sources, compile, complete};
///
/// let mut sources = Sources::default();
/// let file = sources.add("main.tw", r#"
///     use "scale.tw": scaled
///     kernel k {
///         input x: i32[16]
///         output y[i] = i8(scaled(x[i]))
///     }"#);
/// complete(&mut sources, file, &mut |path| match path {
///     "scale.tw" => Ok("fn scaled(a) = a >> 4".to_owned()),
///     _ => Err("there is no such file".to_owned()),
/// }).unwrap();
/// let artifact = compile(&sources, &Options { file, ..Options::default() }).unwrap();
/// assert_eq!(artifact.name(), "k");
/// assert!(artifact.stream().insns.len() > 2);
/// ```
pub fn compile(sources: &Sources, options: &Options) -> Result<Artifact> {
    let artifact = Artifact::of_front(&front(sources, options)?, sources)?;
    Ok(artifact.with_options(options.clone()))
}

/// Checks kernels and chooses their schedules, and applies no directive yet: for those who look at the schedules or change
/// them.
///
/// # Errors
/// Everything that is wrong with the kernels, their parameters, or the choice of schedules.
///
/// ```
/// use tilewright::{Artifact, Options, Sources, front};
///
/// let mut sources = Sources::default();
/// sources.add("k.tw", "kernel k {
///     input x: i32[16]
///     output y[i] = i8(x[i])
/// }");
/// let front = front(&sources, &Options::default()).unwrap();
/// assert_eq!(front.schedule_names(), ["automatic"]);
/// Artifact::of_front(&front, &sources).unwrap();
/// ```
pub fn front(sources: &Sources, options: &Options) -> Result<Front> {
    pipeline::front(&options.request(sources))
}

/// Checks all of a file: every kernel, and every schedule and program down to legal loops. Of the options the file, its parameters and
/// the machine count. Returns the warnings.
///
/// # Errors
/// Everything that is wrong.
///
/// ```
/// use tilewright::{Options, Sources, check};
///
/// let mut sources = Sources::default();
/// sources.add("k.tw", "kernel k {
///     input x: i32[16]
///     output y[i] = i8(x[i])
/// }");
/// assert_eq!(check(&sources, &Options::default()).unwrap(), []);
/// ```
pub fn check(sources: &Sources, options: &Options) -> Result<Vec<Diagnostic>> {
    pipeline::check(sources, options.file, &options.params, &options.config)
}

impl Artifact {
    /// Compiles kernels and schedules that are chosen and checked.
    pub fn of_front(front: &Front, sources: &Sources) -> Result<Artifact> {
        Artifact::of_schedules(front, &front.schedule()?, sources)
    }

    /// Compiles kernels with schedules as far as these were applied.
    pub fn of_schedules(front: &Front, scheduled: &Scheduled, sources: &Sources) -> Result<Artifact> {
        let compiled = pipeline::compile_scheduled(scheduled, &mut |_| ControlFlow::Continue(()));
        let compiled = compiled.map_err(|refusal| refusal.diagnostics)?.expect("nothing stops it");
        Ok(Artifact::new(front, compiled.legal, compiled.stream, scheduled.diagnostics(), sources))
    }

    /// Emits a legal program that computes what the kernels do, however it was made of their schedules.
    pub fn of_legal(
        front: &Front,
        legal: LegalProgram,
        warnings: Vec<Diagnostic>,
        sources: &Sources,
    ) -> Result<Artifact> {
        let stream = emit(&legal).map_err(|error| vec![error.diagnostic()])?;
        Ok(Artifact::new(front, legal, stream, warnings, sources))
    }

    fn new(
        front: &Front,
        legal: LegalProgram,
        stream: Stream,
        warnings: Vec<Diagnostic>,
        sources: &Sources,
    ) -> Artifact {
        Artifact::of_parts(Parts {
            sources: sources.clone(),
            options: None,
            meaning: Meaning::Kernel(Box::new(front.kernel.clone())),
            schedule: front.schedule_names().join(", "),
            warnings,
            map: SourceMap::of(front),
            legal,
            stream,
        })
    }

    pub(crate) fn of_parts(parts: Parts) -> Artifact {
        let Parts { sources, options, meaning, schedule, warnings, map, legal, stream } = parts;
        let tensors = meaning.tensors();
        Artifact(Arc::new(Inner {
            sources,
            options,
            meaning,
            schedule,
            warnings,
            map,
            tensors,
            legal,
            stream,
            memory: OnceLock::new(),
            machines: Machines::default(),
            races: OnceLock::new(),
            times: Mutex::default(),
            memory_limit: Mutex::default(),
        }))
    }

    /// The same, which says what of its sources it is. Nobody else has it yet.
    fn with_options(mut self, options: Options) -> Artifact {
        self.limit_memory(options.memory);
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.options = Some(options);
        }
        self
    }

    /// The name of the kernel, of the program, or of the loop program.
    pub fn name(&self) -> &str {
        match &self.0.meaning {
            Meaning::Kernel(kernel) => &kernel.name,
            Meaning::Loops(program) => &program.name,
        }
    }

    /// The name of the schedule that was taken; of a program, the names of all; of a loop program, nothing.
    pub fn schedule(&self) -> &str {
        &self.0.schedule
    }

    /// What the schedule says without effect.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.0.warnings
    }

    /// The files that it was compiled from; spans refer to them.
    pub fn sources(&self) -> &Sources {
        &self.0.sources
    }

    /// The places in the sources that it comes from.
    pub fn source_map(&self) -> &SourceMap {
        &self.0.map
    }

    /// What is computed, checked; none for a loop program.
    pub fn kernel(&self) -> Option<&Kernel> {
        match &self.0.meaning {
            Meaning::Kernel(kernel) => Some(kernel),
            Meaning::Loops(_) => None,
        }
    }

    /// The loops in terms of the accelerator's instructions; its buffers have the layouts of arrays in device memory and
    /// on chip.
    pub fn legal(&self) -> &LegalProgram {
        &self.0.legal
    }

    /// Instructions, micro-ops and segments of device memory. For each instruction it has the statement of the
    /// [legal program](Artifact::legal) and the lines of the tensor and of the directive that it comes from.
    pub fn stream(&self) -> &Stream {
        &self.0.stream
    }

    /// The machine that it was compiled for: core, scratchpads, fields and capabilities.
    pub fn config(&self) -> &Config {
        &self.0.stream.config
    }

    /// Every tensor: inputs, stages on the way and outputs, in the order of the kernel.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.0.tensors
    }

    /// The tensor with a name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.0.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// The arrays that a run takes, in the order of the kernel.
    pub fn inputs(&self) -> impl Iterator<Item = &TensorInfo> {
        self.0.tensors.iter().filter(|tensor| tensor.is_input())
    }

    /// The arrays that a run returns, in the order of the kernel.
    pub fn outputs(&self) -> impl Iterator<Item = &TensorInfo> {
        self.0.tensors.iter().filter(|tensor| tensor.is_output())
    }

    /// The numbers that arrays of this program denote.
    pub fn numbers(&self, arrays: &Arrays) -> NumberArrays {
        let numbers = |(name, array): (&String, &crate::Array)| Some((name.clone(), self.tensor(name)?.numbers(array)));
        arrays.iter().filter_map(numbers).collect()
    }

    /// Values for every input that depend on the seed and on nothing of the schedule. For plain types they are integers from
    /// the whole range, each equally likely; for formats with fraction bits numbers between -1 and 1, most of them near 0,
    /// and smaller ones for weights of a recurrence.
    pub fn random_inputs(&self, seed: u64) -> Arrays {
        self.inputs().map(|input| (input.name.clone(), self.random_input(&input.name, seed))).collect()
    }

    /// The values of one input among these.
    pub(crate) fn random_input(&self, name: &str, seed: u64) -> crate::Array {
        let at = self.tensors().iter().position(|tensor| tensor.name == name).expect("it is an input");
        match self.kernel() {
            Some(kernel) => random(kernel, TensorId(at as u32), seed),
            None => draw(&self.tensors()[at], at as u32, 1.0, seed),
        }
    }

    /// The value of every tensor, the inputs included, as the kernel defines it, or of a loop program as its text does. What
    /// a program means is what this computes; the accelerator must agree with it bit for bit.
    ///
    /// # Errors
    /// Inputs that are missing, unknown, of another shape, or beyond the range of their type; of a loop program, also elements
    /// that it reads before it writes them.
    ///
    /// ```
    /// # use tilewright::{Options, Sources, compile};
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[4]
    /// #     s[i] = x[i] + 297
    /// #     output y[i] = i8(s[i] >> 4)
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let mut inputs = artifact.random_inputs(0);
    /// inputs.get_mut("x").unwrap().fill(3);
    /// let values = artifact.reference(&inputs).unwrap();
    /// assert_eq!((values["s"][0], values["y"][0]), (300, 18));
    /// ```
    pub fn reference(&self, inputs: &Arrays) -> Result<Arrays> {
        self.fits_memory(1)?;
        check_inputs(self, inputs)?;
        match &self.0.meaning {
            Meaning::Kernel(kernel) => Ok(reference(kernel, inputs)),
            Meaning::Loops(program) => {
                let found = self.interpreted(program, inputs, MAX_STEPS).map_err(|e| self.blamed(program, &e))?;
                Ok(found.into_iter().chain(inputs.clone()).collect())
            }
        }
    }

    /// The same definitions computed in `f64` on numbers, without rounding, wrapping or saturation, and with the functions
    /// themselves instead of their approximations: what the kernel is meant to compute.
    ///
    /// # Errors
    /// Inputs that are missing, unknown or of another shape; a loop program, whose values are integers and nothing else.
    pub fn reference_in_float(&self, inputs: &NumberArrays) -> Result<NumberArrays> {
        check_shapes(self, inputs)?;
        let kernel = self.kernel().ok_or_else(|| {
            let error =
                Diagnostic::error("E0643", format!("`{}` is a loop program, whose values are integers", self.name()));
            vec![error.help("formats and functions are in the kernel: compute that in floating point")]
        })?;
        let id = |name: &str| kernel.find(name).expect("inputs are the kernel's");
        let inputs: Vec<_> = inputs.iter().map(|(name, array)| (id(name), array.clone())).collect();
        let values = evaluate_real(kernel, &inputs).expect("inputs have their kernel's shapes");
        Ok(kernel.ids().map(|id| kernel.tensor(id).name.clone()).zip(values.into_arrays()).collect())
    }

    /// The outputs as the loop program computes them, statement by statement.
    ///
    /// # Errors
    /// As [`Artifact::reference`]; and programs of more than [`MOST_STATEMENTS`] statements.
    pub fn interpret(&self, inputs: &Arrays) -> Result<Arrays> {
        check_inputs(self, inputs)?;
        let program = self.0.legal.program();
        self.interpreted(program, inputs, MOST_STATEMENTS).map_err(|error| self.blamed(program, &error))
    }

    /// Of a program that executes no more than so many statements.
    pub(crate) fn interpreted(
        &self,
        program: &LoopProgram,
        inputs: &Arrays,
        most: u64,
    ) -> std::result::Result<Arrays, InterpretError> {
        interpret_within(program, Cx { config: *self.config() }.core(), inputs, most)
    }

    /// A loop program that is its own source means what its author wrote; one that was compiled means what its kernel does, so
    /// that the compiler is to blame where it means nothing.
    fn blamed(&self, program: &LoopProgram, error: &InterpretError) -> Vec<Diagnostic> {
        let is_compiled = matches!(self.0.meaning, Meaning::Kernel(_));
        let diagnostic = error.diagnostic(program);
        vec![if is_compiled && !error.is_limit() { internal_error(diagnostic) } else { diagnostic }]
    }
}

/// The value of every tensor of a kernel, whose inputs these are.
pub(crate) fn reference(kernel: &Kernel, inputs: &Arrays) -> Arrays {
    let id = |name: &str| kernel.find(name).expect("inputs are the kernel's");
    let inputs: Vec<_> = inputs.iter().map(|(name, array)| (id(name), array.clone())).collect();
    let values = evaluate(kernel, &inputs).expect("inputs have their kernel's types and shapes");
    kernel.ids().map(|id| kernel.tensor(id).name.clone()).zip(values.into_arrays()).collect()
}

#[cfg(test)]
mod tests {
    use super::Artifact;

    #[test]
    fn artifacts_are_shared_by_threads() {
        fn shared<T: Send + Sync + Clone + 'static>() {}
        shared::<Artifact>();
    }
}
