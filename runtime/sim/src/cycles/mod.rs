//! The cycle model: a configuration, a stream and a machine's [`Timing`] → when everything happens, in cycles.
//!
//! Fetch, load, compute and store are concurrent machines around one memory. No tensor data is touched: values and
//! time are independent, so this runs beside [`crate::Simulator`] or without it. Contention and overlap are not
//! estimated; they follow from the machines.
//!
//! **Time.** A cycle is the value of the hardware's counter: launch is seen in cycle 0, and the length of a run is the
//! cycle in which FINISH is done. Everything is registered: what one machine does in cycle *c* is seen by the others
//! from *c* + 1. That is why the machines of one cycle can be stepped in any order that looks at the state first, and
//! why each knows when it acts next: time jumps from one such cycle to the next, and no cycle in which something
//! happens is passed over.
//!
//! | file | machine |
//! |---|---|
//! | `machine` | the loop over events, tokens and the three modules |
//! | `fetch` | instruction bursts and their way into the queues |
//! | `queue` | a module's instruction queue and what it is doing |
//! | `counters` | token counters |
//! | `memory` | read commands, their grant, and their beats |
//! | `loader` | the bursts and the padding of one LOAD |
//! | `check`, `sizes` | what an instruction must fulfil; sizes looked up once |
//! | `compute` | how long GEMM and ALU take |
//! | `store` | the write bursts of one STORE |
//! | `observe`, `tables` | what happened, as events and as CSV |
//! | `steps` | starts and ends of all instructions, in order |
//! | `pairs` | which post each take of a token took |
//! | `units` | what each unit did from a cycle on, from the tables of a run |
//! | `attribution` | where the cycles of a run went |
//! | `trace` | the same as files for other viewers |

mod attribution;
mod check;
mod compute;
mod counters;
mod fetch;
mod loader;
mod machine;
mod memory;
mod observe;
mod pairs;
mod queue;
mod report;
mod sizes;
mod steps;
mod store;
mod tables;
pub mod trace;
mod units;

pub use attribution::{Attribution, MemoryWait, Span, State, Totals, attribute};
pub use machine::{CycleOptions, insn_base, simulate};
pub use memory::{CLIENTS, Client};
pub use observe::{NEVER, Observer, Read, Write};
pub use report::{Basis, CycleReport, Work, basis};
pub use tables::{InsnTimes, Tables};
pub use tilewright_isa::{Timing, TimingError};
