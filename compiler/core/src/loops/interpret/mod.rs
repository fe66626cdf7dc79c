//! What a loop program means: program + inputs → outputs, for both forms of the IR. One of the three engines whose
//! results agree bit for bit.
//!
//! - Every value is an `i32`. A buffer in `acc` keeps all 32 bits whatever its type; everywhere else a value lies in the
//!   range of its type, because scalar values do and a `store` keeps the low bits that the DRAM buffer's type has.
//! - A buffer with a layout is kept tile by tile, as [`Layout::locate`](super::ir::Layout::locate) says. Scalar
//!   statements see logical indices, intrinsics see tiles, and a program may mix them.
//! - The values of a temporary are undefined after its `Alloc`, each time that it is executed. Reading an element before
//!   it is written is an error that names buffer, index and the values of the loops; so is an output element that is
//!   never written. In a program that was compiled both are mistakes of the compiler, in one that was read those of its author.
//! - `base` has no meaning here: buffers never overlap. That they do not on the machine is the verifier's concern.
//!
//! The program is verified first, so execution itself stays in bounds. Cost: tens of nanoseconds for a scalar statement.

mod error;
mod memory;
mod resolve;
mod run;

use std::collections::BTreeMap;

use ndarray::ArrayD;

use super::given::{counted, filled, repeated, taken};
use super::ir::{Buffer, LoopProgram, Role, Stmt};
use super::verify::verify;
use crate::gemm::Core;
pub use error::InterpretError;
use memory::Memory;
use resolve::resolve;
use run::{Fault, Machine};

/// Most elements that all buffers of a program may have together: 8 bytes each are kept here.
pub const MAX_ELEMENTS: i64 = 1 << 27;

/// Most statements that a run may execute, micro-ops and tiles of transfers counted singly.
pub const MAX_STEPS: u64 = 1 << 36;

/// Row-major arrays of logical shape, by the names of their buffers.
pub type Arrays = BTreeMap<String, ArrayD<i32>>;

/// Executes a program. `inputs` holds an array for each input and nothing else; the result holds one for each output.
pub fn interpret(program: &LoopProgram, core: Core, inputs: &Arrays) -> Result<Arrays, InterpretError> {
    interpret_within(program, core, inputs, MAX_STEPS)
}

/// As [`interpret`], of programs that execute no more than `most` statements; a longer one is refused before it begins.
pub fn interpret_within(
    program: &LoopProgram,
    core: Core,
    inputs: &Arrays,
    most: u64,
) -> Result<Arrays, InterpretError> {
    verify(program).map_err(|mut errors| errors.swap_remove(0))?;
    check_tiles(program, core)?;
    check_size(program)?;
    let (block, steps) = resolve(program);
    if steps > most {
        return Err(InterpretError::TooLong { steps, most });
    }
    let mut machine = Machine::new(core, memories(program, inputs)?, program.loops.len());
    machine.run(&block).map_err(|fault| uninitialised(program, &fault))?;
    outputs(program, &machine.memories)
}

/// Elements of a scratchpad are what instructions take and give; to scalar statements tiles have no meaning.
fn check_tiles(program: &LoopProgram, core: Core) -> Result<(), InterpretError> {
    let mut in_instructions = vec![false; program.buffers.len()];
    note_operands(&program.body, &mut in_instructions);
    for (b, _) in program.buffers.iter().zip(in_instructions).filter(|(_, taken)| *taken) {
        if let (Some(layout), Some(expected)) = (&b.layout, b.scope.tile_size(core))
            && layout.lane_count() != expected
        {
            let lanes = layout.lane_count();
            return Err(InterpretError::TileSize { buffer: b.name.clone(), scope: b.scope, lanes, expected });
        }
    }
    Ok(())
}

/// Notes the buffers that are operands of instructions.
fn note_operands(stmts: &[Stmt], found: &mut [bool]) {
    for stmt in stmts {
        match stmt {
            Stmt::For(f) => note_operands(&f.body, found),
            Stmt::Insn(insn) => insn.operands().for_each(|operand| found[operand.tile.buffer.0 as usize] = true),
            Stmt::Alloc { .. } | Stmt::Store(_) => {}
        }
    }
}

fn check_size(program: &LoopProgram) -> Result<(), InterpretError> {
    let sizes = program.buffers.iter().map(|b| b.shape.iter().fold(1i64, |n, d| n.saturating_mul(*d)));
    let elements = sizes.fold(0i64, i64::saturating_add);
    if elements > MAX_ELEMENTS { Err(InterpretError::TooLarge { elements }) } else { Ok(()) }
}

fn memories(program: &LoopProgram, inputs: &Arrays) -> Result<Vec<Memory>, InterpretError> {
    let given = |b: &&Buffer| b.role == Role::Input && b.image_of.is_none();
    let names = || program.buffers.iter().filter(given).map(|b| &b.name);
    if let Some(name) = inputs.keys().find(|name| names().all(|n| n != *name)) {
        return Err(InterpretError::UnknownInput { name: name.clone(), inputs: names().cloned().collect() });
    }
    let memory = |b: &Buffer| match b.role {
        Role::Input => input(b, inputs),
        Role::Constant(value) => Ok(Memory::holding(b, &filled(b, value))),
        Role::Counted(first) => Ok(Memory::holding(b, &counted(b, first))),
        Role::Output | Role::Temporary => Ok(Memory::new(b)),
    };
    program.buffers.iter().map(memory).collect()
}

fn input(buffer: &Buffer, inputs: &Arrays) -> Result<Memory, InterpretError> {
    let name = || buffer.user_name().to_string();
    let array = inputs.get(buffer.user_name()).ok_or_else(|| InterpretError::MissingInput { name: name() })?;
    let shape = array.shape();
    let expected = buffer.user_shape();
    if shape.len() != expected.len() || shape.iter().zip(expected).any(|(a, b)| *a as i64 != *b) {
        let (expected, got) = (expected.to_vec(), shape.to_vec());
        return Err(InterpretError::InputShape { name: name(), expected, got });
    }
    let (least, greatest) = buffer.dtype.limits();
    if let Some((at, value)) = array.iter().enumerate().find(|(_, v)| !(least..=greatest).contains(&i64::from(**v))) {
        let index = memory::unravel(buffer.user_shape(), at as i64);
        return Err(InterpretError::InputRange { name: name(), index, value: *value, dtype: buffer.dtype });
    }
    Ok(Memory::holding(buffer, &repeated(buffer, array)))
}

fn outputs(program: &LoopProgram, memories: &[Memory]) -> Result<Arrays, InterpretError> {
    let outputs = program.buffers.iter().zip(memories).filter(|(b, _)| b.role == Role::Output);
    outputs
        .map(|(b, memory)| match memory.array(b) {
            Ok(array) => Ok((b.name.clone(), taken(b, array))),
            Err(index) => Err(InterpretError::Unwritten { buffer: b.name.clone(), index }),
        })
        .collect()
}

fn uninitialised(program: &LoopProgram, fault: &Fault) -> InterpretError {
    let buffer = &program.buffers[fault.buffer];
    let at = fault.loops.iter().rev().map(|(slot, value)| (program.loops[*slot].name.clone(), *value)).collect();
    InterpretError::Uninitialised { buffer: buffer.name.clone(), index: memory::logical(buffer, fault.cell), at }
}
