//! What `tilewright accuracy` does: a program that classifies, samples and their classes → how often it is right, on the
//! accelerator and in floating point.
//!
//! | file | in → out |
//! |---|---|
//! | `samples` | the files of arrays → the inputs of each sample |
//! | `measure` | samples → the decision on each of them, worked on by all cores |
//! | `shown` | decisions → the report, CSV and JSON |

pub mod error;
pub mod measure;
pub mod samples;
pub mod shown;
