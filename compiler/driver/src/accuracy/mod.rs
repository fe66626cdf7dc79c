//! What `tilewright accuracy` does: a program that classifies, samples and their classes → how often it is right, on the
//! accelerator and in floating point.
//!
//! | file | in → out |
//! |---|---|
//! | `samples` | the files of arrays → the inputs of each sample, and its label |
//! | `report` | what is decided on them → the report, CSV and JSON |
//!
//! [`tilewright::accuracy`] decides.

pub mod error;
pub mod report;
pub mod samples;
