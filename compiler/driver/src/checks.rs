//! What the outputs of a run are held against besides the reference: arrays that are expected, and the kernel computed in
//! floating point. Outputs and arrays → how far they are apart, and what is told of that.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::Axis;
use serde_json::{Map, Value, json};
use tilewright::distance::{Distance, distance};
use tilewright::{Arrays, Artifact, Numbers, index_text};

use crate::arrays::{self, TensorFile};
use crate::error::DriverError;
use crate::report::{BAD, GOOD, HEADING, grouped, short};

/// What an output is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    File(PathBuf),
    /// The same kernel, on the same inputs, in floating point.
    Float,
}

/// An output beside what it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    pub output: String,
    pub against: Against,
    pub distance: Distance,
    /// The greatest difference that is tolerated; none where any is.
    pub atol: Option<f64>,
}

/// The numbers that outputs are compared with, by the name of the output.
#[derive(Debug, Default)]
pub struct Wanted(Vec<(String, Against, Numbers, Option<f64>)>);

impl Wanted {
    /// Reads what outputs are expected to be, of so many runs, where there are several.
    pub fn read(
        artifact: &Artifact,
        files: &[TensorFile],
        atol: Option<f64>,
        runs: Option<usize>,
    ) -> Result<Wanted, DriverError> {
        let wanted = |file: &TensorFile| {
            let numbers = arrays::load_numbers(&file.path, arrays::tensor(artifact, file), runs)?;
            Ok((file.tensor.clone(), Against::File(file.path.clone()), numbers, Some(atol.unwrap_or(0.0))))
        };
        Ok(Wanted(files.iter().map(wanted).collect::<Result<_, _>>()?))
    }

    /// Adds what all outputs are in floating point, of which `values` has every tensor.
    pub fn add_float(&mut self, artifact: &Artifact, values: &BTreeMap<String, Numbers>, atol: Option<f64>) {
        let name = |output: &tilewright::TensorInfo| output.name.clone();
        self.0.extend(artifact.outputs().map(|o| (name(o), Against::Float, values[&o.name].clone(), atol)));
    }

    /// The same for so many of the first runs of a batch.
    pub fn first(mut self, runs: usize) -> Wanted {
        for (_, _, numbers, _) in &mut self.0 {
            numbers.slice_axis_inplace(Axis(0), (..runs).into());
        }
        self
    }

    /// Compares the outputs of a run.
    pub fn checks(&self, artifact: &Artifact, outputs: &Arrays) -> Vec<Check> {
        let check = |(name, against, wanted, atol): &(String, Against, Numbers, Option<f64>)| {
            let got = artifact.tensor(name)?.numbers(outputs.get(name)?);
            let distance = distance(wanted, &got, atol.unwrap_or(f64::INFINITY));
            Some(Check { output: name.clone(), against: against.clone(), distance, atol: *atol })
        };
        self.0.iter().filter_map(check).collect()
    }
}

impl Check {
    pub fn holds(&self) -> bool {
        self.atol.is_none() || self.distance.beyond == 0
    }

    /// The line of a report.
    pub fn line(&self) -> String {
        let Check { output, against, distance, atol } = self;
        let mark = match (self.holds(), atol) {
            (true, None) => format!("{HEADING}·{HEADING:#}"),
            (true, Some(_)) => format!("{GOOD}✔{GOOD:#}"),
            (false, _) => format!("{BAD}✘{BAD:#}"),
        };
        let (name, place) = match against {
            Against::File(path) => ("expected", format!("   {}", path.display())),
            Against::Float => ("float", String::new()),
        };
        let at = if distance.largest != 0.0 { format!(" at {}", index_text(&distance.index)) } else { String::new() };
        let tolerated = match atol {
            Some(_) if !self.holds() => format!("   {} beyond {}", self.beyond(), self.tolerated()),
            Some(_) => format!("   at most {} allowed", self.tolerated()),
            None => String::new(),
        };
        let (largest, mean) = (short(distance.largest), short(distance.mean));
        format!(
            "{mark} {HEADING}{name:<10}{HEADING:#} {output}{place}   largest error {largest}{at}, mean {mean}{tolerated}\n"
        )
    }

    /// `3 of 64 values`.
    fn beyond(&self) -> String {
        format!("{} of {} values", grouped(self.distance.beyond as u64), grouped(self.distance.values as u64))
    }

    fn tolerated(&self) -> String {
        short(self.atol.unwrap_or(f64::INFINITY))
    }

    pub fn json(&self) -> Value {
        let Distance { largest, index, wanted, got, mean, beyond, values } = &self.distance;
        let mut object = Map::new();
        object.insert("output".to_owned(), json!(self.output));
        if let Against::File(path) = &self.against {
            object.insert("file".to_owned(), json!(path.display().to_string()));
        }
        for (key, value) in [
            ("largest_error", json!(largest)),
            ("index", json!(index)),
            ("wanted", json!(wanted)),
            ("got", json!(got)),
            ("mean_error", json!(mean)),
            ("atol", json!(self.atol)),
            ("beyond", json!(beyond)),
            ("values", json!(values)),
        ] {
            object.insert(key.to_owned(), value);
        }
        object.into()
    }

    /// Why the check does not hold.
    pub fn error(&self) -> Option<DriverError> {
        let Distance { largest, index, wanted, got, .. } = &self.distance;
        let (output, index, by, atol) = (self.output.clone(), index.clone(), short(*largest), self.tolerated());
        let notes = [format!("expected {wanted}, got {got}"), format!("{} differ by more", self.beyond())];
        (!self.holds()).then(|| match &self.against {
            Against::File(path) => DriverError::NotExpected { output, path: path.clone(), index, by, atol, notes },
            Against::Float => DriverError::FarFromFloat { output, index, by, atol, notes },
        })
    }
}

/// The checks against files, or those against floating point, as JSON.
pub fn json(checks: &[Check], against_files: bool) -> Value {
    let wanted = checks.iter().filter(|check| matches!(check.against, Against::File(_)) == against_files);
    wanted.map(Check::json).collect()
}
