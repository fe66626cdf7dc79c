//! Files of arrays → the inputs of each sample, and its class.
//!
//! An array of its input's shape is the same for all samples; one with a dimension more, in front, has one for each.

use std::path::{Path, PathBuf};

use ndarray::Axis;
use tilewright::batch::BatchInputs;
use tilewright::{Artifact, Loss, TensorInfo};

use super::error::AccuracyError;
use crate::arrays::{self, Loaded, TensorFile};
use crate::error::Failure;

/// What a program is to decide on.
#[derive(Debug)]
pub struct Samples {
    /// The arrays of the inputs.
    loaded: Vec<(String, Loaded)>,
    /// The label of each sample.
    pub labels: Vec<i32>,
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
        most: Option<usize>,
    ) -> Result<Samples, Failure> {
        let mut all = Vec::new();
        let mut first: Option<(&Path, usize)> = None;
        for file in files {
            let (path, tensor) = (&file.path, arrays::tensor(artifact, file));
            let loaded = arrays::load_some(path, tensor)?;
            if loaded.array.ndim() > tensor.shape.len() {
                agree(path, loaded.array.len_of(Axis(0)), &mut first)?;
            }
            all.push((file.tensor.clone(), loaded));
        }
        if first.is_none_or(|(_, count)| count == 0) {
            let inputs = files.iter().map(|file| file.tensor.clone()).collect();
            return Err(AccuracyError::NoSamples { inputs }.into());
        }
        let mut found = arrays::load_labels(labels)?;
        agree(labels, found.len(), &mut first)?;
        found.truncate(most.unwrap_or(usize::MAX));
        Ok(Samples { loaded: all, labels: found })
    }

    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The inputs of a run for each sample, with the numbers that files give for them.
    pub fn inputs(&self, artifact: &Artifact) -> Result<BatchInputs, Failure> {
        let arrays = self.loaded.iter().map(|(name, loaded)| (name.clone(), loaded.array.clone())).collect();
        let numbers = self.loaded.iter().map(|(name, loaded)| (name.clone(), loaded.numbers.clone())).collect();
        let inputs = BatchInputs::new(artifact, arrays, None)?.with_numbers(artifact, numbers)?;
        Ok(inputs.first(self.count()))
    }

    /// What the numbers of files lost.
    pub fn losses(&self) -> impl Iterator<Item = (&str, Loss)> {
        self.loaded.iter().filter_map(|(name, loaded)| Some((&**name, loaded.loss?)))
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
