//! The loop IR: a schedule made explicit as loops over buffers. The same IR, with intrinsics in the place of inner loops,
//! is the legal form that emission takes.

pub mod access;
mod canonical;
pub mod cost;
pub mod dependence;
pub mod given;
mod insn;
pub mod interpret;
pub mod ir;
pub mod lifetimes;
pub mod nest;
pub mod parse;
pub mod print;
pub mod ranges;
pub(crate) mod rename;
mod single;
pub mod verify;

pub use canonical::{canonical, canonicalize};
pub use rename::rename_loop;
pub use single::without_single_loops;
