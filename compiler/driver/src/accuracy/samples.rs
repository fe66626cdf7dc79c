//! Files of arrays → the inputs of each sample, and its class.
//!
//! An array of its input's shape is the same for all samples; one with a dimension more, in front, has one for each.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis};
use tilewright::{Arrays, Artifact, Loss, NumberArrays, TensorInfo};

use super::error::AccuracyError;
use crate::arrays::{self, Loaded, TensorFile};
use crate::error::Failure;

/// What a program is to decide on.
#[derive(Debug)]
pub struct Samples {
    /// Arrays that are the same for all samples.
    shared: Vec<(String, Loaded)>,
    /// Arrays with the samples as their first dimension.
    own: Vec<(String, Loaded)>,
    /// The class of each sample.
    pub labels: Vec<usize>,
}

/// The folder in which arrays of a program lie that are not named: it stands beside the program and has its name.
pub fn folder(program: &Path) -> PathBuf {
    program.with_extension("")
}

/// The file of each input: the one that is given, or else the one in the folder that has the input's name.
pub fn files(artifact: &Artifact, given: &[TensorFile], folder: &Path) -> Vec<TensorFile> {
    let of = |input: &TensorInfo| match given.iter().find(|file| file.tensor == input.name) {
        Some(file) => file.clone(),
        None => TensorFile { tensor: input.name.clone(), path: folder.join(format!("{}.npy", input.name)) },
    };
    artifact.inputs().map(of).collect()
}

impl Samples {
    /// Reads the arrays and the labels; takes the first `most` samples of them, where there are more.
    pub fn read(
        artifact: &Artifact,
        files: &[TensorFile],
        labels: &Path,
        output: &TensorInfo,
        most: Option<usize>,
    ) -> Result<Samples, Failure> {
        let (mut shared, mut own) = (Vec::new(), Vec::new());
        let mut first: Option<(&Path, usize)> = None;
        for file in files {
            let (path, tensor) = (&file.path, arrays::tensor(artifact, file));
            let loaded = arrays::load_some(path, tensor)?;
            if loaded.array.ndim() == tensor.shape.len() {
                shared.push((file.tensor.clone(), loaded));
                continue;
            }
            agree(path, loaded.array.len_of(Axis(0)), &mut first)?;
            own.push((file.tensor.clone(), loaded));
        }
        if own.iter().all(|(_, loaded)| loaded.array.is_empty()) {
            let inputs = files.iter().map(|file| file.tensor.clone()).collect();
            return Err(AccuracyError::NoSamples { inputs }.into());
        }
        let found = arrays::load_labels(labels)?;
        agree(labels, found.len(), &mut first)?;
        let labels = classes(labels, &found[..most.unwrap_or(found.len()).min(found.len())], output)?;
        Ok(Samples { shared, own, labels })
    }

    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The integers that a sample's inputs are on the accelerator.
    pub fn integers(&self, sample: usize) -> Arrays {
        self.inputs(sample, |loaded| &loaded.array).collect()
    }

    /// The numbers that files give for a sample's inputs.
    pub fn numbers(&self, sample: usize) -> NumberArrays {
        self.inputs(sample, |loaded| &loaded.numbers).collect()
    }

    fn inputs<'a, T: Clone + 'a>(
        &'a self,
        sample: usize,
        of: impl Fn(&'a Loaded) -> &'a ArrayD<T> + Copy + 'a,
    ) -> impl Iterator<Item = (String, ArrayD<T>)> + 'a {
        let shared = self.shared.iter().map(move |(name, loaded)| (name.clone(), of(loaded).clone()));
        let slice = move |loaded: &'a Loaded| of(loaded).index_axis(Axis(0), sample).to_owned();
        shared.chain(self.own.iter().map(move |(name, loaded)| (name.clone(), slice(loaded))))
    }

    /// What the numbers of files lost.
    pub fn losses(&self) -> impl Iterator<Item = (&str, Loss)> {
        self.shared.iter().chain(&self.own).filter_map(|(name, loaded)| Some((&**name, loaded.loss?)))
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

fn classes(path: &Path, labels: &[i32], output: &TensorInfo) -> Result<Vec<usize>, AccuracyError> {
    let classes = output.shape.iter().product();
    let class = |(index, label): (usize, &i32)| match usize::try_from(*label) {
        Ok(class) if class < classes => Ok(class),
        _ => {
            let (path, output) = (path.to_owned(), output.name.clone());
            Err(AccuracyError::NoClass { path, index, label: *label, output, classes })
        }
    };
    labels.iter().enumerate().map(class).collect()
}
