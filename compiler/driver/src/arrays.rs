//! Arrays of tensors: the command line's files, or seeded random data → the integers that a kernel takes.
//!
//! A file of integers holds them as they are. A file of floating-point numbers holds what they stand for, and is quantised
//! to the format of its tensor (see `formats`).

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tilewright_core::scalar::DType;
use tilewright_core::tensor::{Array, Compute, Kernel, Read, Reducer, Tensor, TensorId};
use tilewright_syntax::{Sources, Span};

use crate::cli::Assignment;
use crate::error::{DriverError, Unknown};
use crate::files;
use crate::formats::{Loss, Quantised, nearest, numbers, quantise};
use crate::npy::{Kind, Npy};

/// A file for a tensor, as an option gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorFile {
    pub tensor: TensorId,
    pub path: PathBuf,
}

/// Finds the inputs that `--input` names.
pub fn input_files(
    kernel: &Kernel,
    given: &[Assignment],
    sources: &mut Sources,
) -> Result<Vec<TensorFile>, DriverError> {
    tensor_files(kernel, given, "--input", Tensor::is_input, DriverError::UnknownInput, sources)
}

/// Finds the outputs that `--expect` names.
pub fn expected_files(
    kernel: &Kernel,
    given: &[Assignment],
    sources: &mut Sources,
) -> Result<Vec<TensorFile>, DriverError> {
    tensor_files(kernel, given, "--expect", |t| t.output, DriverError::UnknownOutput, sources)
}

/// Finds the outputs that `--output` names. No two of them may go to one file.
pub fn output_files(
    kernel: &Kernel,
    given: &[Assignment],
    sources: &mut Sources,
) -> Result<Vec<TensorFile>, DriverError> {
    let found = tensor_files(kernel, given, "--output", |t| t.output, DriverError::UnknownOutput, sources)?;
    for (at, file) in found.iter().enumerate() {
        if let Some(first) = found[..at].iter().position(|f| files::same_file(&f.path, &file.path)) {
            let mut span = |at: usize| given[at].place("--output", sources).1;
            let what = format!("the file `{}`", file.path.display());
            return Err(DriverError::Twice { what, first: span(first), second: span(at) });
        }
    }
    Ok(found)
}

fn tensor_files(
    kernel: &Kernel,
    given: &[Assignment],
    option: &str,
    belongs: impl Fn(&Tensor) -> bool,
    unknown: impl Fn(Unknown) -> DriverError,
    sources: &mut Sources,
) -> Result<Vec<TensorFile>, DriverError> {
    let mut found: Vec<TensorFile> = Vec::new();
    let mut names: Vec<Span> = Vec::new();
    for assignment in given {
        let (span, _) = assignment.place(option, sources);
        let Some(tensor) = kernel.find(&assignment.name).filter(|id| belongs(kernel.tensor(*id))) else {
            let known = kernel.tensors.iter().filter(|t| belongs(t)).map(|t| t.name.clone()).collect();
            return Err(unknown(Unknown { name: assignment.name.clone(), span, known }));
        };
        if let Some(first) = found.iter().position(|f| f.tensor == tensor) {
            let what = format!("`{}`", assignment.name);
            return Err(DriverError::Twice { what, first: names[first], second: span });
        }
        found.push(TensorFile { tensor, path: PathBuf::from(&assignment.value) });
        names.push(span);
    }
    Ok(found)
}

/// The inputs of a kernel, from files and from nowhere.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Each of them, in order.
    pub arrays: Vec<(TensorId, Array)>,
    /// Those that files give as floating-point numbers, with what these lost.
    pub losses: Vec<(TensorId, Loss)>,
}

/// Every input of the kernel: from its file, where there is one, else random.
pub fn inputs(kernel: &Kernel, files: &[TensorFile], seed: u64) -> Result<Inputs, DriverError> {
    let mut inputs = Inputs { arrays: random_inputs(kernel, seed), losses: Vec::new() };
    for file in files {
        let loaded = load(&file.path, kernel.tensor(file.tensor))?;
        inputs.losses.extend(loaded.loss.map(|loss| (file.tensor, loss)));
        inputs
            .arrays
            .iter_mut()
            .filter(|(id, _)| *id == file.tensor)
            .for_each(|(_, array)| *array = loaded.array.clone());
    }
    Ok(inputs)
}

/// Random values for every input of a kernel.
pub fn random_inputs(kernel: &Kernel, seed: u64) -> Vec<(TensorId, Array)> {
    let wanted = kernel.ids().filter(|id| kernel.tensor(*id).is_input());
    wanted.map(|id| (id, random(kernel, id, seed))).collect()
}

/// The values of a file, as a tensor has them.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub array: Array,
    /// What the numbers of the file lost; none for a file of integers.
    pub loss: Option<Loss>,
    /// What the file says: its numbers, or those that its integers stand for.
    pub numbers: ArrayD<f64>,
}

/// Reads the array of a tensor, whose shape it must have.
pub fn load(path: &Path, tensor: &Tensor) -> Result<Loaded, DriverError> {
    loaded(path, tensor, |found| found == shape(tensor))
}

/// Reads the array of a tensor, or several of them, one for each index of a dimension in front.
pub fn load_some(path: &Path, tensor: &Tensor) -> Result<Loaded, DriverError> {
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
        (Some(_), dimensions) => Err(malformed(&format!("labels have 1 dimension, and it has {dimensions}"))),
        (None, _) => Err(malformed(&format!("labels are `int32` or `int8`, and it holds `{}`", npy.dtype_name()))),
    }
}

fn loaded(path: &Path, tensor: &Tensor, fits: impl Fn(&[u64]) -> bool) -> Result<Loaded, DriverError> {
    let malformed = |reason: &str| DriverError::Npy { path: path.to_owned(), reason: reason.to_owned() };
    let bytes = files::read_bytes(path)?;
    let npy = Npy::read(&bytes).map_err(|error| malformed(&error.to_string()))?;
    let kind = npy.kind().filter(|kind| !matches!(kind, Kind::Integers(dtype) if *dtype != tensor.dtype));
    let (of, declared) = (of(tensor), tensor.span);
    let Some(kind) = kind else {
        let (found, expected) = (npy.dtype_name(), tensor.dtype.name());
        return Err(DriverError::NpyType { path: path.to_owned(), of, found, expected, declared });
    };
    if !fits(&npy.shape) {
        let (found, expected) = (npy.shape, shape(tensor));
        return Err(DriverError::NpyShape { path: path.to_owned(), of, found, expected, declared });
    }
    let partly = || malformed("its values do not fill its shape");
    if let Kind::Integers(_) = kind {
        let array = npy.integers().ok_or_else(partly)?;
        return Ok(Loaded { numbers: numbers(&array, tensor), array, loss: None });
    }
    let numbers = npy.numbers().ok_or_else(partly)?;
    let Quantised { array, loss } = quantise(&numbers, tensor.dtype, tensor.fraction)
        .map_err(|index| DriverError::NpyNan { path: path.to_owned(), of, index })?;
    Ok(Loaded { array, loss: Some(loss), numbers })
}

fn shape(tensor: &Tensor) -> Vec<u64> {
    tensor.shape.iter().map(|d| *d as u64).collect()
}

/// `input \`X\``, as errors say it.
fn of(tensor: &Tensor) -> String {
    format!("{} `{}`", if tensor.is_input() { "input" } else { "output" }, tensor.name)
}

/// Values of an input that depend on the seed, its place among the tensors, its type and shape, and on nothing else but the
/// sums that weights of a recurrence stand in. For a plain type they are integers from its whole range, each equally likely;
/// for a format with fraction bits numbers between -1 and 1, most of them near 0.
pub fn random(kernel: &Kernel, input: TensorId, seed: u64) -> Array {
    let tensor = kernel.tensor(input);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(input.0.into());
    let shape: Vec<usize> = tensor.shape.iter().map(|d| *d as usize).collect();
    let size = terms(kernel, input).map_or(1.0, |terms| 2.0 / (terms as f64).sqrt());
    ArrayD::from_shape_simple_fn(IxDyn(&shape), || match (tensor.fraction, tensor.dtype) {
        (0, DType::I8) => i32::from(rng.next_u32() as i8),
        (0, DType::I32) => rng.next_u32() as i32,
        _ => nearest(bell(&mut rng) * size.min(1.0), tensor),
    })
}

/// The mean of four numbers between -1 and 1, each equally likely: a standard deviation of 0.29. Products of many such
/// numbers sum up to a few units, where an activation function is neither a line nor constant.
fn bell(rng: &mut ChaCha8Rng) -> f64 {
    let sum: i64 = (0..4).map(|_| i64::from(rng.next_u32() as i32)).sum();
    sum as f64 / (1_i64 << 33) as f64
}

/// The terms of the longest sum of products in the steps of a scan that an input is a weight of, which is the same in each step.
/// With weights of 0.58 by the root of these, as networks begin their training with, what a step leaves to the next neither
/// grows nor fades, and small differences stay small.
fn terms(kernel: &Kernel, input: TensorId) -> Option<i64> {
    let in_steps = kernel.scans.iter().flat_map(|scan| &scan.tensors).filter_map(|id| kernel.tensor(*id).compute());
    let of = |compute: &Compute| {
        let reduction = compute.reduction.as_ref().filter(|reduction| reduction.reducer == Reducer::Sum)?;
        let (step, reads) = (compute.axes[0], compute.value_reads());
        let is_weight = |read: &&Read| !read.indices.iter().any(|index| index.mentions(&|axis| axis == step));
        let found = reads.len() > 1 && reads.into_iter().filter(is_weight).any(|read| read.tensor == input);
        found.then(|| reduction.axes.iter().map(|axis| kernel.axis(*axis).extent).product())
    };
    in_steps.filter_map(of).max()
}

#[cfg(test)]
mod tests {
    use tilewright_core::pipeline::{Request, front};
    use tilewright_core::tensor::Definition;

    use super::*;

    fn tensor(dtype: DType, n: i64) -> Tensor {
        Tensor {
            name: "X".to_owned(),
            span: Span::default(),
            dtype,
            fraction: 0,
            shape: vec![n],
            output: false,
            outside: None,
            definition: Definition::Input,
        }
    }

    /// Random values of an input with other inputs before it.
    fn values_behind(tensor: &Tensor, seed: u64, others: usize) -> Array {
        let (name, span) = ("k".to_owned(), Span::default());
        let tensors = vec![tensor.clone(); others + 1];
        let kernel = Kernel { name, span, tensors, axes: Vec::new(), scans: Vec::new() };
        random(&kernel, TensorId(others as u32), seed)
    }

    fn values(tensor: &Tensor) -> Array {
        values_behind(tensor, 0, 0)
    }

    #[test]
    fn random_values_are_the_same_everywhere() {
        let values =
            |dtype, seed, others| values_behind(&tensor(dtype, 4), seed, others).into_iter().collect::<Vec<_>>();
        assert_eq!(values(DType::I8, 0, 0), [108, 103, 55, 95]);
        assert_eq!(values(DType::I8, 1, 0), [-79, -22, 107, -40]);
        assert_eq!(values(DType::I8, 0, 1), [19, 15, 102, 98]);
        assert_eq!(values(DType::I32, 0, 0), [-1483064468, -1249511577, -1160200137, 2001118559]);
    }

    #[test]
    fn random_numbers_lie_between_minus_1_and_1() {
        for (dtype, fraction, one) in [(DType::I8, 7, 128.0), (DType::I8, 4, 16.0), (DType::I32, 13, 8192.0)] {
            let values = values(&Tensor { fraction, ..tensor(dtype, 10_000) }).mapv(|v| f64::from(v) / one);
            let deviation = values.std(0.0);
            assert!(values.iter().all(|number| number.abs() <= 1.0), "{fraction}");
            assert!(
                values.mean().unwrap().abs() < 0.01 && (deviation - 1.0 / 12f64.sqrt()).abs() < 0.01,
                "{deviation}"
            );
        }
        let few = values(&Tensor { fraction: 7, ..tensor(DType::I8, 4) });
        assert_eq!(few.into_iter().collect::<Vec<_>>(), [-28, -75, -51, 0]);
        // A format that ends at 1/2.
        let values = values(&Tensor { fraction: 8, ..tensor(DType::I8, 10_000) });
        assert_eq!((values.iter().min(), values.iter().max()), (Some(&-128), Some(&127)));
    }

    #[test]
    fn random_values_fill_the_range() {
        let values = values(&tensor(DType::I8, 10_000));
        assert_eq!((values.iter().min(), values.iter().max()), (Some(&-128), Some(&127)));
    }

    /// `xs` differs from step to step, and `v` is read behind the steps.
    const RECURRENCE: &str = "kernel k(steps = 30, n = 256) {
        input xs: i8.q7[steps, n]
        input u: i8.q7[n, n]
        input w: i8.q7[n, n]
        input v: i8.q7[n, n]
        scan t in steps {
            state s[j < n]: i8.q7 = 0
            a[j] = sum(k: i32(xs[t, k]) * i32(w[j, k]))
            b[j] = sum(k: i32(s[k]) * i32(u[j, k]))
            next s[j] = sat8.q7(a[j] + b[j])
        }
        d[j] = sum(k: i32(s[steps, k]) * i32(v[j, k]))
        output Y[j] = sat8.q7(d[j])
    }";

    #[test]
    fn random_weights_of_a_recurrence_are_small() {
        let mut sources = Sources::default();
        let file = sources.add("k.tw", format!("{RECURRENCE}\nschedule s for k {{\n}}"));
        let config = tilewright_isa::Config::default();
        let request = Request { sources: &sources, file, params: &[], program: None, schedule: None, config: &config };
        let kernel = front(&request).unwrap().kernel;
        let all = 1.0 / 12f64.sqrt();
        let expected = [("xs", all), ("u", all * 2.0 / 16.0), ("w", all * 2.0 / 16.0), ("v", all)];
        let inputs = random_inputs(&kernel, 5);
        for ((id, array), (name, deviation)) in inputs.iter().zip(expected) {
            let found = array.mapv(|value| f64::from(value) / 128.0).std(0.0);
            assert_eq!(kernel.tensor(*id).name, name);
            assert!((found / deviation - 1.0).abs() < 0.03, "{name}: {found}");
        }
    }
}
