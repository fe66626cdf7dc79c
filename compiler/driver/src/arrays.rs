//! Input and output arrays: the command line's files, or seeded random data, ↔ the tensors of a kernel.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tilewright_core::scalar::DType;
use tilewright_core::tensor::{Array, Kernel, Tensor, TensorId};
use tilewright_syntax::{Sources, Span};

use crate::cli::Assignment;
use crate::error::{DriverError, Unknown};
use crate::files;
use crate::npy::Npy;

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

/// Every input of the kernel: from its file, where there is one, else random.
pub fn inputs(kernel: &Kernel, files: &[TensorFile], seed: u64) -> Result<Vec<(TensorId, Array)>, DriverError> {
    let wanted = kernel.ids().filter(|id| kernel.tensor(*id).is_input());
    let array = |id: TensorId| match files.iter().find(|f| f.tensor == id) {
        Some(file) => load(&file.path, kernel.tensor(id)),
        None => Ok(random(kernel.tensor(id), seed, id.0.into())),
    };
    wanted.map(|id| Ok((id, array(id)?))).collect()
}

/// Reads the array of a tensor; its type and shape must be the tensor's.
pub fn load(path: &Path, input: &Tensor) -> Result<Array, DriverError> {
    let malformed = |reason: String| DriverError::Npy { path: path.to_owned(), reason };
    let bytes = files::read_bytes(path)?;
    let npy = Npy::read(&bytes).map_err(|error| malformed(error.to_string()))?;
    let (path, name, declared) = (path.to_owned(), input.name.clone(), input.span);
    if npy.dtype() != Some(input.dtype) {
        let (found, expected) = (npy.dtype_name(), input.dtype.name());
        return Err(DriverError::NpyType { path, input: name, found, expected, declared });
    }
    let expected: Vec<u64> = input.shape.iter().map(|d| *d as u64).collect();
    if npy.shape != expected {
        return Err(DriverError::NpyShape { path, input: name, found: npy.shape, expected, declared });
    }
    npy.array().ok_or_else(|| malformed("its values do not fill its shape".to_owned()))
}

/// Values from the whole range of the type, each equally likely. They depend on the seed and the stream's number and on
/// nothing else.
pub fn random(tensor: &Tensor, seed: u64, stream: u64) -> Array {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let shape: Vec<usize> = tensor.shape.iter().map(|d| *d as usize).collect();
    ArrayD::from_shape_simple_fn(IxDyn(&shape), || match tensor.dtype {
        DType::I8 => i32::from(rng.next_u32() as i8),
        DType::I32 => rng.next_u32() as i32,
    })
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn random_values_are_the_same_everywhere() {
        let values = |dtype, seed, stream| random(&tensor(dtype, 4), seed, stream).into_iter().collect::<Vec<_>>();
        assert_eq!(values(DType::I8, 0, 0), [108, 103, 55, 95]);
        assert_eq!(values(DType::I8, 1, 0), [-79, -22, 107, -40]);
        assert_eq!(values(DType::I8, 0, 1), [19, 15, 102, 98]);
        assert_eq!(values(DType::I32, 0, 0), [-1483064468, -1249511577, -1160200137, 2001118559]);
    }

    #[test]
    fn random_values_fill_the_range() {
        let values = random(&tensor(DType::I8, 10_000), 0, 0);
        assert_eq!((values.iter().min(), values.iter().max()), (Some(&-128), Some(&127)));
    }
}
