//! The loop IR: a schedule made explicit as loops over buffers. The same IR, with intrinsics in the place of inner loops,
//! is the legal form that emission takes.

pub mod access;
mod build;
mod canonical;
pub mod cost;
pub mod dependence;
pub mod given;
pub mod interpret;
pub mod ir;
mod join;
pub mod lifetimes;
pub mod parse;
mod pieces;
pub mod print;
mod rename;
pub mod verify;

pub use build::{BuildError, build};
pub use canonical::{canonical, canonicalize};
pub use join::{Part, TwoOrders, join};
pub use rename::rename_loop;
