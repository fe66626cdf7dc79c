//! The compiler: kernels and schedules in, instruction streams out. `pipeline` lists the passes.

pub mod affine;
pub mod loops;
pub mod scalar;
pub mod select;
pub mod tensor;
