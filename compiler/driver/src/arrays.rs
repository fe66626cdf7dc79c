//! Arrays of tensors: the command line's files, or seeded random data → the integers that a kernel takes.
//!
//! A file of integers holds them as they are. A file of floating-point numbers holds what they stand for, and is quantised
//! to the format of its tensor.

use std::path::{Path, PathBuf};

use tilewright::{Array, Arrays, Artifact, Loss, Numbers, Quantised, TensorInfo};
use tilewright_syntax::{Diagnostic, Sources, Span};

use crate::cli::Assignment;
use crate::error::{DriverError, Failure};
use crate::files;
use crate::npy::{Kind, Npy};

/// A file for a tensor, as an option gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorFile {
    /// The name of the tensor.
    pub tensor: String,
    pub path: PathBuf,
}

/// Finds the inputs that `--input` names.
pub fn input_files(
    artifact: &Artifact,
    given: &[Assignment],
    sources: &mut Sources,
) -> Result<Vec<TensorFile>, Failure> {
    tensor_files(given, "--input", ("inputs", &|name| artifact.input(name)), sources)
}

/// Finds the outputs that `--expect` names.
pub fn expected_files(
    artifact: &Artifact,
    given: &[Assignment],
    sources: &mut Sources,
) -> Result<Vec<TensorFile>, Failure> {
    tensor_files(given, "--expect", ("outputs", &|name| artifact.output(name)), sources)
}

/// Finds the outputs that `--output` names. No two of them may go to one file.
pub fn output_files(
    artifact: &Artifact,
    given: &[Assignment],
    sources: &mut Sources,
) -> Result<Vec<TensorFile>, Failure> {
    let found = tensor_files(given, "--output", ("outputs", &|name| artifact.output(name)), sources)?;
    for (at, file) in found.iter().enumerate() {
        if let Some(first) = found[..at].iter().position(|f| files::same_file(&f.path, &file.path)) {
            let mut span = |at: usize| given[at].place("--output", sources).1;
            let what = format!("the file `{}`", file.path.display());
            return Err(DriverError::Twice { what, first: span(first), second: span(at) }.into());
        }
    }
    Ok(found)
}

/// What is looked for by name, and who finds it.
type Names<'a> = (&'static str, &'a dyn Fn(&str) -> tilewright::Result<&'a TensorInfo>);

fn tensor_files(
    given: &[Assignment],
    option: &str,
    (what, find): Names,
    sources: &mut Sources,
) -> Result<Vec<TensorFile>, Failure> {
    let mut found: Vec<TensorFile> = Vec::new();
    let mut names: Vec<Span> = Vec::new();
    for assignment in given {
        let (span, _) = assignment.place(option, sources);
        let name = assignment.name.clone();
        find(&name).map_err(|errors| unknown_name(errors, span, what))?;
        if let Some(first) = found.iter().position(|f| f.tensor == name) {
            let what = format!("`{name}`");
            return Err(DriverError::Twice { what, first: names[first], second: span }.into());
        }
        found.push(TensorFile { tensor: name, path: PathBuf::from(&assignment.value) });
        names.push(span);
    }
    Ok(found)
}

/// Shows the name where it stands on the command line.
pub fn unknown_name(errors: Vec<Diagnostic>, span: Span, what: &str) -> Failure {
    Failure::from(errors).placed(|error| error.primary(span, format!("not one of the {what}")))
}

/// The inputs of a program, from files and from nowhere.
#[derive(Debug, Default)]
pub struct Inputs {
    /// All of them.
    pub arrays: Arrays,
    /// Those that files give as floating-point numbers, with what these lost.
    pub losses: Vec<(String, Loss)>,
}

/// Every input: from its file, where there is one, else random.
pub fn inputs(artifact: &Artifact, files: &[TensorFile], seed: u64) -> Result<Inputs, DriverError> {
    let mut inputs = Inputs { arrays: artifact.random_inputs(seed), losses: Vec::new() };
    for file in files {
        let loaded = load(&file.path, tensor(artifact, file))?;
        inputs.losses.extend(loaded.loss.map(|loss| (file.tensor.clone(), loss)));
        inputs.arrays.insert(file.tensor.clone(), loaded.array);
    }
    Ok(inputs)
}

/// The inputs that files give for many runs: arrays of their input's shape, or with a dimension more.
pub fn batch_inputs(artifact: &Artifact, files: &[TensorFile]) -> Result<Inputs, DriverError> {
    let mut inputs = Inputs::default();
    for file in files {
        let loaded = load_some(&file.path, tensor(artifact, file))?;
        inputs.losses.extend(loaded.loss.map(|loss| (file.tensor.clone(), loss)));
        inputs.arrays.insert(file.tensor.clone(), loaded.array);
    }
    Ok(inputs)
}

/// The tensor that a file is for.
pub fn tensor<'a>(artifact: &'a Artifact, file: &TensorFile) -> &'a TensorInfo {
    artifact.tensor(&file.tensor).expect("files are found for tensors of the program")
}

/// The values of a file, as a tensor has them.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub array: Array,
    /// What the numbers of the file lost; none for a file of integers.
    pub loss: Option<Loss>,
    /// What the file says: its numbers, or those that its integers stand for.
    pub numbers: Numbers,
}

/// Reads the array of a tensor, whose shape it must have.
pub fn load(path: &Path, tensor: &TensorInfo) -> Result<Loaded, DriverError> {
    loaded(path, tensor, |found| found == shape(tensor))
}

/// Reads the numbers of a tensor, or of so many of them in a dimension in front; in that shape.
pub fn load_numbers(path: &Path, tensor: &TensorInfo, runs: Option<usize>) -> Result<Numbers, DriverError> {
    let Some(runs) = runs else { return Ok(load(path, tensor)?.numbers) };
    let whole: Vec<u64> = [runs as u64].into_iter().chain(shape(tensor)).collect();
    let numbers = loaded(path, tensor, |found| found == shape(tensor) || found == whole)?.numbers;
    let whole: Vec<usize> = [runs].into_iter().chain(tensor.shape.iter().copied()).collect();
    Ok(numbers.broadcast(whole).expect("each run has the shape of the tensor").to_owned())
}

/// Reads the array of a tensor, or several of them, one for each index of a dimension in front.
pub fn load_some(path: &Path, tensor: &TensorInfo) -> Result<Loaded, DriverError> {
    let several = |found: &[u64]| found.get(1..) == Some(&shape(tensor));
    loaded(path, tensor, |found| found == shape(tensor) || several(found))
}

/// Reads the classes of samples.
pub fn load_labels(path: &Path) -> Result<Vec<i32>, DriverError> {
    let malformed = |reason: &str| DriverError::Npy { path: path.to_owned(), reason: reason.to_owned() };
    let bytes = files::read_bytes(path)?;
    let npy = Npy::read(&bytes).map_err(|error| malformed(&error.to_string()))?;
    match (npy.integers(), npy.shape.len()) {
        (Some(labels), 1) => Ok(labels.into_iter().collect()),
        (Some(_), dimensions) => Err(malformed(&format!("labels have 1 dimension, not {dimensions}"))),
        (None, _) => Err(malformed(&format!("labels are `int32` or `int8`, and it holds `{}`", npy.dtype_name()))),
    }
}

fn loaded(path: &Path, tensor: &TensorInfo, fits: impl Fn(&[u64]) -> bool) -> Result<Loaded, DriverError> {
    let malformed = |reason: &str| DriverError::Npy { path: path.to_owned(), reason: reason.to_owned() };
    let bytes = files::read_bytes(path)?;
    let npy = Npy::read(&bytes).map_err(|error| malformed(&error.to_string()))?;
    let kind = npy.kind().filter(|kind| !matches!(kind, Kind::Integers(dtype) if *dtype != tensor.format.dtype));
    let (of, declared) = (of(tensor), tensor.span);
    let Some(kind) = kind else {
        let (found, expected) = (npy.dtype_name(), tensor.format.dtype.name());
        return Err(DriverError::NpyType { path: path.to_owned(), of, found, expected, declared });
    };
    if !fits(&npy.shape) {
        let (found, expected) = (npy.shape, shape(tensor));
        return Err(DriverError::NpyShape { path: path.to_owned(), of, found, expected, declared });
    }
    let partly = || malformed("its values do not fill its shape");
    if let Kind::Integers(_) = kind {
        let array = npy.integers().ok_or_else(partly)?;
        return Ok(Loaded { numbers: tensor.numbers(&array), array, loss: None });
    }
    let numbers = npy.numbers().ok_or_else(partly)?;
    let Quantised { array, loss } =
        tensor.quantise(&numbers).map_err(|index| DriverError::NpyNan { path: path.to_owned(), of, index })?;
    Ok(Loaded { array, loss: Some(loss), numbers })
}

fn shape(tensor: &TensorInfo) -> Vec<u64> {
    tensor.shape.iter().map(|d| *d as u64).collect()
}

/// `input \`X\``, as errors say it.
fn of(tensor: &TensorInfo) -> String {
    format!("{} `{}`", if tensor.is_input() { "input" } else { "output" }, tensor.name)
}
