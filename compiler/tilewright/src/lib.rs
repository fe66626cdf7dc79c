//! Tilewright as a library: a program's text → an [`Artifact`] → runs on the simulated accelerator, values of every stage,
//! profiles and recordings. The `tilewright` command is one front end of it.
//!
//! Nothing here reads or writes files, prints, or keeps state of the process. An artifact is shared freely: it is cheap to
//! clone, threads may run it at the same time, and its runs reuse the memory of the machines that ran before.
//!
//! ```
//! use tilewright::{Options, RunOptions, Sources, compile};
//!
//! let mut sources = Sources::default();
//! sources.add("double.tw", "
//!     kernel double(n = 64) {
//!         input x: i32[n]
//!         output y[i] = i8(x[i] + x[i])
//!     }");
//! let artifact = compile(&sources, &Options::default()).unwrap();
//!
//! let mut inputs = artifact.random_inputs(0);
//! inputs.get_mut("x").unwrap().fill(21);
//! let run = artifact.run(&inputs, &RunOptions::timed()).unwrap();
//! assert!(run.outputs["y"].iter().all(|y| *y == 42));
//! assert!(run.timed.unwrap().report.cycles > 0);
//! ```
//!
//! Everything that is wrong with a program, an array or a stream is a [`Diagnostic`] with a stable code, a place and what
//! would be right; functions that can fail return a list of them ([`Result`]), but for those that read one value: a
//! configuration, a timing or numbers of a format. [`render`] draws one.
//!
//! | module | what it has |
//! |---|---|
//! | `artifact` | [`compile`]: sources and options → [`Artifact`] |
//! | `loop_source` | the texts of loop programs → [`Artifact`] |
//! | [`assembler`] | assembler texts, and streams as such |
//! | [`target`] | target files → the machine and its timing |
//! | [`saved`] | an artifact as one file |
//! | [`fidelity`] | how near a program comes to floating point, of normal numbers |
//! | `tensor`, `quantise`, `random` | arrays and the numbers that they denote |
//! | `run`, `memory` | inputs → outputs on the accelerator |
//! | [`batch`] | many inputs → many runs on all cores |
//! | [`accuracy`] | how often a classifier is right |
//! | [`probe`] | the values of any stage: range, saturation, error |
//! | `fault`, `findings` | whether outputs are to be relied on |
//! | [`time`] | cycles |
//! | [`profile`](mod@profile), `source_map` | where the cycles go, charged to lines of the source |
//! | [`nominal`] | the cycles of the work that a kernel names, whatever its schedule |
//! | [`recurrence`] | what a step takes |
//! | [`distance`](mod@distance) | how far numbers are apart |
//! | [`steps`](mod@steps) | the loop nest after each directive |
//! | [`bisect`](mod@bisect) | the directive of a schedule that is at fault |
//! | [`sweep`] | every combination of parameters |
//! | [`approx`] | what approximations of functions cost, and how near they are |
//! | [`testing`] | the tests of a file |
//! | [`parallel`] | independent work on all cores |
//! | [`program`], [`machine`] | types of the compiler and of the simulator that functions here take or return |

pub mod accuracy;
pub mod approx;
mod artifact;
pub mod assembler;
pub mod batch;
pub mod bisect;
pub mod distance;
mod fault;
pub mod fidelity;
mod findings;
mod input_error;
mod limit;
mod loop_source;
mod memory;
pub mod nominal;
pub mod parallel;
pub mod probe;
pub mod profile;
mod quantise;
mod random;
pub mod recurrence;
mod run;
pub mod saved;
mod source_map;
pub mod steps;
pub mod sweep;
pub mod target;
mod tensor;
pub mod testing;
mod text;
pub mod time;

use std::collections::BTreeMap;

pub use artifact::{Artifact, MOST_STATEMENTS, Options, check, compile, front};
pub use fault::{Fault, Mismatch, does_not_fit, internal_error, stopped};
pub use findings::{findings, findings_in_time, unchecked};
pub use loop_source::{LoopSource, compile_loops};
pub use quantise::{Loss, Quantised};
pub use run::{Run, RunOptions};
pub use source_map::SourceMap;
pub use target::Target;
pub use tensor::{TensorInfo, TensorRole};
pub use text::{grouped, index_text};

pub use tilewright_core::modules::{LIBRARY, complete, documentation, file_name};
pub use tilewright_core::pipeline::executable;
pub use tilewright_core::tensor::Format;
pub use tilewright_isa::Config;
pub use tilewright_syntax::{Diagnostic, FileId, Sources, Span, render};

/// What a program becomes on its way: the types of the compiler that functions here take or return.
pub mod program {
    pub use tilewright_core::emit::Stream;
    pub use tilewright_core::legalize::LegalProgram;
    pub use tilewright_core::loops::ir::LoopProgram;
    pub use tilewright_core::pipeline::{Call, Front, Scheduled};
    pub use tilewright_core::scalar::DType;
    pub use tilewright_core::schedule::{Context, Directive, Schedule};
    pub use tilewright_core::tensor::Kernel;
}

/// The accelerator, what runs on it and what is found of that: the types of instructions and of the simulator that functions
/// here take or return.
pub mod machine {
    pub use tilewright_isa::{Finding, Insn, MemoryType, PerMemory, Program, Timing, TimingError};
    pub use tilewright_sim::cycles::{Basis, Client, CycleReport, Tables};
    pub use tilewright_sim::profile::{Charge, TimedStream};
    pub use tilewright_sim::{Recording, Report, Stop, TokenCounts};
}

/// The integers of a tensor in its shape, row-major. `ndarray` is the crate of this name.
pub type Array = ndarray::ArrayD<i32>;

/// The numbers that the integers of a tensor denote.
pub type Numbers = ndarray::ArrayD<f64>;

/// Arrays by the names of their tensors.
pub type Arrays = BTreeMap<String, Array>;

/// Numbers by the names of their tensors.
pub type NumberArrays = BTreeMap<String, Numbers>;

/// What a function returns that can fail: its value, or everything that is wrong, each with a stable code.
///
/// ```
/// use tilewright::{Options, Sources, compile, render};
///
/// let mut sources = Sources::default();
/// sources.add("k.tw", "
///     kernel k {
///         input x: i32[4]
///         output y[i] = z[i]
///     }");
/// let errors = compile(&sources, &Options::default()).unwrap_err();
/// assert_eq!(errors[0].code, "E0211");
/// assert!(render(&errors[0], &sources, false).contains("k.tw:4"));
/// ```
pub type Result<T> = std::result::Result<T, Vec<Diagnostic>>;
