//! What `tilewright bisect` shows: what [`tilewright::bisect`] finds → a table of prefixes, and the directive at fault as an error.

pub mod error;
pub mod report;
