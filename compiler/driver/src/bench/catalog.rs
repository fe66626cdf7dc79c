//! Where tables and the programs of their rows come from: a folder on disk, or the examples that are inside of the command.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use tilewright::complete;
use tilewright_syntax::{Diagnostic, FileId, Sources, nearest};

use super::error::BenchError;
use super::table::Row;
use crate::error::{DriverError, Failure};
use crate::files;

/// The examples as they were when the command was built.
static EXAMPLES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../dsl-examples");

/// The folder that messages show for what is inside of the command.
const FOLDER: &str = "dsl-examples";

/// The tables that are inside of the command, by the words for them.
const TABLES: [&str; 3] = ["operators", "lstm", "transformer"];

/// A place that has a table and the programs that its rows name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Catalog {
    Inside,
    Folder(PathBuf),
}

/// Opens a table: the word for one that is inside of the command, or a file.
pub fn open(table: &Path, sources: &mut Sources) -> Result<(Catalog, FileId), Failure> {
    if let Some(word) = TABLES.into_iter().find(|word| table == Path::new(word)) {
        let name = format!("{FOLDER}/{word}.toml");
        let text = inside(&name).map_err(|reason| BenchError::Malformed { reason, place: None })?;
        return Ok((Catalog::Inside, sources.add(name, text)));
    }
    let file = files::read_source(table, sources).map_err(|error| match (error, table.to_str()) {
        (DriverError::Unreadable { path, reason, near }, Some(name)) => {
            let near = nearest(name, TABLES).map(str::to_owned).or(near);
            DriverError::Unreadable { path, reason, near }
        }
        (error, _) => error,
    })?;
    Ok((Catalog::Folder(table.parent().unwrap_or(Path::new("")).to_owned()), file))
}

impl Catalog {
    /// Brings the program of a row, and all that it uses, to the sources.
    pub fn program(&self, row: &Row, sources: &mut Sources) -> Result<FileId, Diagnostic> {
        let name = match self {
            Catalog::Inside => format!("{FOLDER}/{}", row.file),
            Catalog::Folder(folder) => folder.join(&row.file).display().to_string(),
        };
        let file = match sources.find(&name) {
            Some(file) => file,
            None => {
                let text = self.read(&name).map_err(|reason| {
                    let (row, place) = (row.name.clone(), row.file_span);
                    BenchError::Missing { row, file: name.clone(), reason, place }.diagnostic()
                })?;
                sources.add(name, text)
            }
        };
        complete(sources, file, &mut |name| self.read(name))?;
        Ok(file)
    }

    fn read(&self, name: &str) -> Result<String, String> {
        match self {
            Catalog::Inside => inside(name),
            Catalog::Folder(_) => files::read_text(Path::new(name)).map_err(|error| match error {
                DriverError::Unreadable { reason, .. } => reason,
                error => error.to_string(),
            }),
        }
    }
}

fn inside(name: &str) -> Result<String, String> {
    let file = name.strip_prefix(FOLDER).and_then(|rest| EXAMPLES.get_file(rest.trim_start_matches('/')));
    let text = file.and_then(|file| file.contents_utf8());
    text.map(str::to_owned).ok_or_else(|| "it is not built in".to_owned())
}
