//! The compiler: kernels and schedules in, instruction streams out. `pipeline` lists the passes.

pub mod affine;
pub mod cases;
mod costs;
pub mod emit;
pub mod gemm;
pub mod legalize;
pub mod loops;
pub mod lower;
pub mod modules;
pub mod nominal;
pub mod pipeline;
pub mod programs;
pub mod scalar;
pub mod schedule;
pub mod scope;
pub mod select;
pub mod tensor;

pub use scalar::approx;
