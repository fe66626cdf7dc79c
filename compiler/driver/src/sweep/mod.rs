//! What `tilewright sweep` reads and shows: the values of parameters → what [`tilewright::sweep`] goes through → a table.

pub mod error;
pub mod lines;
pub mod report;
pub mod values;
