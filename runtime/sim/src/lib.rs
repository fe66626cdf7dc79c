//! A simulator of VTA-class accelerators: a configuration, an instruction stream and device memory → the memory after
//! the run, with a report of what was done.
//!
//! [`Simulator`] is the machine with its scratchpads; [`Simulator::run`] executes a stream on a [`Dram`]. The meaning
//! of each instruction is that of VTA's functional simulator and stands, as a loop, at its type in `tilewright_isa`.
//! A program that does something wrong is a [`Stop`], never a panic.

pub mod cycles;
pub mod execute;
pub mod hazards;
mod issue;
mod kernels;
pub mod memory;
pub mod profile;
pub mod recording;
pub mod report;
mod scratchpad;
pub mod tokens;

pub use execute::{Options, SimError, Simulator};
pub use hazards::{Race, Races, SharedMemory};
pub use kernels::Level;
pub use memory::{Dram, MemoryError, Segment};
pub use recording::{Comparison, Difference, Outcome, Recording, RecordingError, ReplayError, replay};
pub use report::{Cause, Deadlock, Finish, InsnCounts, Overflow, Poster, Report, Stop, Trap, Waiting};
pub use tokens::{Queue, TokenCounts};
