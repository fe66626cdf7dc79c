//! What `tilewright profile` says: a program or a recording → figures → a report, a file of figures, or a comparison.
//!
//! | file | in → out |
//! |---|---|
//! | `load` | path and options → what is profiled |
//! | `report` | figures → the report |
//!
//! The report, the file and the comparison are all made from [`tilewright::profile::ProfileFigures`], so they cannot contradict each other.

pub mod error;
pub mod load;
pub mod report;
