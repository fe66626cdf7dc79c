//! What `tilewright profile` says: a program or a recording → figures → a report, a file of figures, or a comparison.
//!
//! | file | in → out |
//! |---|---|
//! | `load` | path and options → what is profiled |
//! | `figures` | profile → every figure, in the documented form |
//! | `source` | origins and charges → cycles beside the lines of the program |
//! | `loops` | statements and charges → cycles beside the loops of the legal program |
//! | `advice` | answers → what in a schedule would bring the gain |
//! | `compare` | two sets of figures → their differences |
//! | `shown` | figures → the report |
//!
//! The report, the file and the comparison are all made from [`figures::Figures`], so they cannot contradict each other.

pub mod advice;
pub mod compare;
pub mod error;
pub mod figures;
pub mod load;
pub mod loops;
pub mod shown;
pub mod source;
