//! The nominal work of a kernel on a core, whatever its schedule: checked kernel → [`NominalWork`].
//!
//! What counts, for each tensor that an output depends on:
//!
//! | definition | work |
//! |---|---|
//! | input | each element that is read, once over the bus |
//! | sum of products of two `i8` values | one GEMM micro-op for each tile of the core in which some product is not by a zero from outside of an array, and one reset for each vector of the result |
//! | another sum, `max` or `min` | one ALU operation with a register for each vector of values but the first, and what computes the values |
//! | elementwise | for each vector, the operations that [`crate::select`] finds where one operand's vector is overwritten |
//! | output | each element once over the bus |
//!
//! A vector is what one ALU micro-op takes: BATCH by BLOCK_OUT elements. A tile is what one GEMM micro-op takes, by the rules
//! of [`crate::gemm`]; of several ways to lay it along the axes the one with the fewest tiles counts, and elementwise
//! tensors keep the lanes of the product that they read. Tensors between two definitions cost nothing but what computes them:
//! that a schedule or a program keeps one of them in device memory is its own choice.
//!
//! This is not a bound below which nothing can run. It is the work that the definitions name, each once and one
//! after the other: a schedule that lets the GEMM core do what the definitions leave to the ALU (a bias that is one more
//! product) can need less.

mod elements;
mod points;
mod tiles;
mod vectors;

use std::collections::BTreeSet;

use tilewright_isa::Config;

use crate::gemm::Core;
use crate::select::SelectError;
use crate::tensor::{Definition, Graph, Kernel, TensorId};
use vectors::{Lanes, Vectors};

/// How often the machine does what, and how many bytes go over the bus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NominalWork {
    /// Micro-op executions of GEMM that multiply.
    pub gemm: u64,
    /// Micro-op executions of GEMM that clear a vector.
    pub reset: u64,
    /// Micro-op executions of ALU with an immediate.
    pub alu_imm: u64,
    /// Micro-op executions of ALU with a register.
    pub alu_reg: u64,
    /// Bytes of inputs that are read.
    pub read_bytes: u64,
    /// Bytes of outputs.
    pub written_bytes: u64,
}

impl NominalWork {
    fn plus(self, other: NominalWork) -> NominalWork {
        NominalWork {
            gemm: self.gemm + other.gemm,
            reset: self.reset + other.reset,
            alu_imm: self.alu_imm + other.alu_imm,
            alu_reg: self.alu_reg + other.alu_reg,
            read_bytes: self.read_bytes + other.read_bytes,
            written_bytes: self.written_bytes + other.written_bytes,
        }
    }
}

/// The nominal work of a kernel; an error where the ALU of the target has no operations for one of its definitions.
pub fn nominal(kernel: &Kernel, config: &Config) -> Result<NominalWork, SelectError> {
    let side = |size: usize| size as i64;
    let core =
        Core { batch: side(config.batch()), block_in: side(config.block_in()), block_out: side(config.block_out()) };
    let multiplier = config.capabilities().mul;
    let needed = needed(kernel);
    let mut lanes: Vec<Option<Lanes>> = vec![None; kernel.tensors.len()];
    let mut sum = NominalWork::default();
    for id in kernel.ids().filter(|id| needed.contains(id)) {
        let tensor = kernel.tensor(id);
        let work = match tensor.compute() {
            None => {
                let read = elements::read(kernel, id, &needed) * tensor.dtype.bytes() as u64;
                NominalWork { read_bytes: read, ..NominalWork::default() }
            }
            Some(compute) => {
                let vectors = Vectors { kernel, core, multiplier, known: &lanes };
                let (own, work) = vectors.work(tensor, compute)?;
                lanes[id.0 as usize] = Some(own);
                work
            }
        };
        sum = sum.plus(work);
        if tensor.output {
            // Of an `i32` no more bytes need be stored than its range has, which is one at least.
            sum.written_bytes += tensor.shape.iter().product::<i64>() as u64;
        }
    }
    Ok(sum)
}

/// The tensors that outputs depend on, outputs among them.
fn needed(kernel: &Kernel) -> BTreeSet<TensorId> {
    let graph = Graph::new(kernel);
    let mut open: Vec<TensorId> = kernel.ids().filter(|id| kernel.tensor(*id).output).collect();
    let mut needed = BTreeSet::new();
    while let Some(id) = open.pop() {
        if needed.insert(id) {
            open.extend(graph.producers(id));
        }
    }
    needed
}

/// Whether a tensor is the initial value of a state that is needed.
fn starts_a_state(kernel: &Kernel, id: TensorId, needed: &BTreeSet<TensorId>) -> bool {
    let starts = |tensor: &TensorId| matches!(&kernel.tensor(*tensor).definition, Definition::State(s) if s.init == id);
    needed.iter().any(starts)
}

#[cfg(test)]
mod tests;
