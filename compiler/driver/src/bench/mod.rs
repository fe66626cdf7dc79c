//! What `tilewright bench` does: a table of operators → each compiled, run and timed → figures beside those of another compiler.
//!
//! | file | in → out |
//! |---|---|
//! | `table` | the text of a table → rows, checked |
//! | `catalog` | the name of a table or of a program → its text, from inside of the command or from disk |
//! | `measure` | rows → what each takes, in table order whatever core ran it |
//! | `recurrence` | figures → the table of what a step of each recurrence takes |
//! | `fidelity` | figures → the table of rows that are compared with floating point |
//! | `figures` | what was measured → the ratios, shares and sums that are shown |
//! | `report` | figures → the report |
//! | `export` | figures → CSV and JSON |
//!
//! Rows are compiled one after the other on one thread, since their compile time is a figure; they are executed on all cores.

pub mod catalog;
pub mod error;
pub mod export;
pub mod fidelity;
pub mod figures;
pub mod measure;
pub mod recurrence;
pub mod report;
pub mod table;

use crate::error::Failure;

impl From<error::BenchError> for Failure {
    fn from(error: error::BenchError) -> Failure {
        error.diagnostic().into()
    }
}
