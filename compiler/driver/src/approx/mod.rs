//! What `tilewright approx` shows of what [`tilewright::approx`] measures: a table, CSV, JSON and a picture.

pub mod shown;
mod svg;

pub use svg::svg;
