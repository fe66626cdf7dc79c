//! What `tilewright approx` shows of what [`tilewright::approx`] measures: a table, CSV, JSON and a picture.

pub mod report;
mod svg;

pub use svg::svg;
