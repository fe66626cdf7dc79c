//! Files of arrays → the inputs of each sample, and its class.
//!
//! An array of its input's shape is the same for all samples; one with a dimension more, in front, has one for each.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis};
use tilewright_core::tensor::{Array, Kernel, TensorId};

use super::error::AccuracyError;
use crate::arrays::{self, Loaded, TensorFile};
use crate::error::Failure;
use crate::formats::Loss;

/// What a program is to decide on.
#[derive(Debug)]
pub struct Samples {
    /// Arrays that are the same for all samples.
    shared: Vec<(TensorId, Loaded)>,
    /// Arrays with the samples as their first dimension.
    own: Vec<(TensorId, Loaded)>,
    /// The class of each sample.
    pub labels: Vec<usize>,
}

/// The folder in which arrays of a program lie that are not named: it stands beside the program and has its name.
pub fn folder(program: &Path) -> PathBuf {
    program.with_extension("")
}

/// The file of each input: the one that is given, or else the one in the folder that has the input's name.
pub fn files(kernel: &Kernel, given: &[TensorFile], folder: &Path) -> Vec<TensorFile> {
    let inputs = kernel.ids().filter(|id| kernel.tensor(*id).is_input());
    let of = |id: TensorId| match given.iter().find(|file| file.tensor == id) {
        Some(file) => file.clone(),
        None => TensorFile { tensor: id, path: folder.join(format!("{}.npy", kernel.tensor(id).name)) },
    };
    inputs.map(of).collect()
}

impl Samples {
    /// Reads the arrays and the labels; takes the first `most` samples of them, where there are more.
    pub fn read(
        kernel: &Kernel,
        files: &[TensorFile],
        labels: &Path,
        output: TensorId,
        most: Option<usize>,
    ) -> Result<Samples, Failure> {
        let (mut shared, mut own) = (Vec::new(), Vec::new());
        let mut first: Option<(&Path, usize)> = None;
        for TensorFile { tensor, path } in files {
            let loaded = arrays::load_some(path, kernel.tensor(*tensor))?;
            if loaded.array.ndim() == kernel.tensor(*tensor).shape.len() {
                shared.push((*tensor, loaded));
                continue;
            }
            agree(path, loaded.array.len_of(Axis(0)), &mut first)?;
            own.push((*tensor, loaded));
        }
        if own.iter().all(|(_, loaded)| loaded.array.is_empty()) {
            let inputs = files.iter().map(|file| kernel.tensor(file.tensor).name.clone()).collect();
            return Err(AccuracyError::NoSamples { inputs }.into());
        }
        let found = arrays::load_labels(labels)?;
        agree(labels, found.len(), &mut first)?;
        let labels = classes(kernel, labels, &found[..most.unwrap_or(found.len()).min(found.len())], output)?;
        Ok(Samples { shared, own, labels })
    }

    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The integers that a sample's inputs are on the accelerator.
    pub fn integers(&self, sample: usize) -> Vec<(TensorId, Array)> {
        self.inputs(sample, |loaded| &loaded.array)
    }

    /// The numbers that files give for a sample's inputs.
    pub fn numbers(&self, sample: usize) -> Vec<(TensorId, ArrayD<f64>)> {
        self.inputs(sample, |loaded| &loaded.numbers)
    }

    fn inputs<T: Clone>(&self, sample: usize, of: impl Fn(&Loaded) -> &ArrayD<T>) -> Vec<(TensorId, ArrayD<T>)> {
        let shared = self.shared.iter().map(|(id, loaded)| (*id, of(loaded).clone()));
        let own = self.own.iter().map(|(id, loaded)| (*id, of(loaded).index_axis(Axis(0), sample).to_owned()));
        shared.chain(own).collect()
    }

    /// What the numbers of files lost.
    pub fn losses(&self) -> impl Iterator<Item = (TensorId, Loss)> {
        self.shared.iter().chain(&self.own).filter_map(|(id, loaded)| Some((*id, loaded.loss?)))
    }
}

/// Holds a file to the number of samples of the first one.
fn agree<'a>(path: &'a Path, found: usize, first: &mut Option<(&'a Path, usize)>) -> Result<(), AccuracyError> {
    let (first, expected) = *first.get_or_insert((path, found));
    match found == expected {
        true => Ok(()),
        false => Err(AccuracyError::Counts { path: path.to_owned(), found, first: first.to_owned(), expected }),
    }
}

fn classes(kernel: &Kernel, path: &Path, labels: &[i32], output: TensorId) -> Result<Vec<usize>, AccuracyError> {
    let output = kernel.tensor(output);
    let classes = output.shape.iter().product::<i64>() as usize;
    let class = |(index, label): (usize, &i32)| match usize::try_from(*label) {
        Ok(class) if class < classes => Ok(class),
        _ => {
            let (path, output) = (path.to_owned(), output.name.clone());
            Err(AccuracyError::NoClass { path, index, label: *label, output, classes })
        }
    };
    labels.iter().enumerate().map(class).collect()
}
