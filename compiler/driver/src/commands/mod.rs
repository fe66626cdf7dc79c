//! The commands, one a file: arguments → what is written, and the exit status.

pub mod accuracy;
pub mod approx;
pub mod asm;
pub mod bench;
pub mod bisect;
pub mod build;
pub mod check;
pub mod completions;
pub mod disasm;
pub mod explain;
pub mod fmt;
pub mod init;
pub mod library;
pub mod list;
pub mod lower;
pub mod man;
pub mod profile;
pub mod replay;
pub mod run;
pub mod sweep;
pub mod target;
pub mod test;
