//! What `tilewright run` does with a compiled program: arrays → values of one run or of many → the report, and the same as JSON.
//!
//! | file | in → out |
//! |---|---|
//! | `files` | options → the files of arrays, checked |
//! | `values` | files → inputs, a run or a batch of runs, and what is asked about its values |
//! | `report` | values → the report, and JSON |

pub mod files;
pub mod report;
pub mod values;
