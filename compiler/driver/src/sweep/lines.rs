//! The combinations of a sweep as they are done → lines beside the file that is to hold all of them.

use tilewright::sweep::{Combination, Outcome, Parameter};

use super::report::{cells, names};
use crate::files::Partial;

/// The lines that stand there while the sweep runs, so that nothing is lost, however it ends. Their ratios are missing,
/// since nobody knows the best yet.
#[derive(Debug)]
pub struct Lines {
    file: Option<Partial>,
    has_schedule: bool,
}

impl Lines {
    /// Begins with the names of the columns; without a file nothing is kept.
    pub fn new(file: Option<Partial>, parameters: &[Parameter], has_schedule: bool) -> Lines {
        let lines = Lines { file, has_schedule };
        lines.write(names(parameters, has_schedule));
        lines
    }

    pub fn add(&self, combination: &Combination, outcome: &Outcome) {
        self.write(cells(combination, outcome, None, self.has_schedule));
    }

    fn write(&self, cells: Vec<String>) {
        let Some(file) = &self.file else { return };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(cells).expect("memory takes all");
        file.add(&writer.into_inner().expect("memory takes all"));
    }

    /// The whole file has them now.
    pub fn remove(self) {
        self.file.into_iter().for_each(Partial::remove);
    }
}
