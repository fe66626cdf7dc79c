//! The end of legalisation: what passes here can be emitted without failing. `LoopProgram` → [`LegalProgram`].
//!
//! Besides the rules of the IR (`loops::verify`), a legal program keeps these:
//!
//! 1. Its statements are loops, allocations and intrinsics; no stores.
//! 2. Every buffer that an intrinsic mentions has a layout; those on chip have the lanes of their scratchpad's elements
//!    and lie inside it.
//! 3. Counts and steps fit in the fields of an instruction, and steps are not negative.
//! 4. All tensors together fit in the addresses that an instruction can name.

use tilewright_isa::limits::{ADDRESS_SPACE, MAX_ITER, MAX_PAD, MAX_SIZE};
use tilewright_isa::{Config, MemoryType};

use crate::legalize::allocate::{addressable, memory};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{
    Alu, AluOperand, Buffer, BufferId, Dma, Gemm, Insn, InsnLoop, LoopProgram, MicroOp, Origin, Scope, Stmt,
};
use crate::loops::verify::verify;

/// Largest DRAM address, in bytes: half of what 32 bits can count, which leaves room for micro-ops and instructions.
const DRAM_LIMIT: i64 = (ADDRESS_SPACE / 2) as i64;

/// A program of which it is proven that the target runs it. Only [`seal`] makes one.
#[derive(Clone, Debug)]
pub struct LegalProgram {
    program: LoopProgram,
    config: Config,
}

impl LegalProgram {
    pub fn program(&self) -> &LoopProgram {
        &self.program
    }

    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// Checks everything that emission relies on.
pub fn seal(program: LoopProgram, cx: &Cx) -> Result<LegalProgram, LegalizeError> {
    if let Err(errors) = verify(&program) {
        let first = &errors[0];
        return Err(illegal(first.to_string(), first.at.origin(&program)));
    }
    block(&program, &cx.config, &program.body)?;
    dram(&program)?;
    Ok(LegalProgram { program, config: cx.config })
}

fn illegal(reason: String, origin: Origin) -> LegalizeError {
    LegalizeError::NotLegal { reason, origin }
}

fn block(program: &LoopProgram, config: &Config, stmts: &[Stmt]) -> Result<(), LegalizeError> {
    for stmt in stmts {
        match stmt {
            Stmt::For(f) => block(program, config, &f.body)?,
            Stmt::Alloc { .. } => {}
            Stmt::Store(s) => {
                let reason = format!("a store to `{}` is not an instruction", program.buffer(s.buffer).name);
                return Err(illegal(reason, s.origin));
            }
            Stmt::Insn(Insn::Dma(d)) => dma(program, config, d)?,
            Stmt::Insn(Insn::Gemm(g)) => gemm(program, config, g)?,
            Stmt::Insn(Insn::Alu(a)) => alu(program, config, a)?,
        }
    }
    Ok(())
}

fn dma(program: &LoopProgram, config: &Config, d: &Dma) -> Result<(), LegalizeError> {
    on_chip(program, config, d.sram.buffer, d.origin)?;
    for (field, value) in [("y_size", d.y_size), ("x_size", d.x_size), ("x_stride", d.x_stride)] {
        field_fits(field, value, MAX_SIZE.into(), d.origin)?;
    }
    for tiles in d.pad.tiles() {
        if tiles > i64::from(MAX_PAD) {
            return Err(LegalizeError::PadTooLarge { tiles, origin: d.origin });
        }
    }
    Ok(())
}

fn gemm(program: &LoopProgram, config: &Config, g: &Gemm) -> Result<(), LegalizeError> {
    on_chip(program, config, g.dst.buffer, g.origin)?;
    for operand in g.operands.iter().flat_map(|(src, wgt)| [src, wgt]) {
        on_chip(program, config, operand.buffer, g.origin)?;
    }
    let depths = [MemoryType::Acc, MemoryType::Inp, MemoryType::Wgt].map(|m| config.depth(m) as i64);
    instruction(config, &g.outer, &g.inner, &g.uops, depths, g.origin)
}

fn alu(program: &LoopProgram, config: &Config, a: &Alu) -> Result<(), LegalizeError> {
    on_chip(program, config, a.dst.buffer, a.origin)?;
    if let AluOperand::Tile(t) = &a.operand {
        on_chip(program, config, t.buffer, a.origin)?;
    }
    let acc = config.depth(MemoryType::Acc) as i64;
    instruction(config, &a.outer, &a.inner, &a.uops, [acc, acc, 1], a.origin)
}

/// The loops and micro-ops of an instruction; `depths` are those of the memories of dst, src and wgt.
fn instruction(
    config: &Config,
    outer: &InsnLoop,
    inner: &InsnLoop,
    uops: &[MicroOp],
    depths: [i64; 3],
    origin: Origin,
) -> Result<(), LegalizeError> {
    for l in [outer, inner] {
        field_fits("an iteration count", l.extent, MAX_ITER.into(), origin)?;
        for (step, depth) in [l.dst, l.src, l.wgt].into_iter().zip(depths) {
            field_fits("a loop's step", step, depth - 1, origin)?;
        }
    }
    field_fits("the number of micro-ops", uops.len() as i64, config.depth(MemoryType::Uop) as i64, origin)
}

fn field_fits(field: &str, value: i64, limit: i64, origin: Origin) -> Result<(), LegalizeError> {
    match (0..=limit).contains(&value) {
        true => Ok(()),
        false => Err(illegal(format!("{field} is {value}, and the field holds 0 to {limit}"), origin)),
    }
}

fn on_chip(program: &LoopProgram, config: &Config, b: BufferId, origin: Origin) -> Result<(), LegalizeError> {
    let buffer = program.buffer(b);
    let memory = memory(buffer.scope);
    let [rows, columns] = config.element_shape(memory);
    let lanes = buffer.layout.as_ref().map(|l| l.lane_count());
    if lanes != Some((rows * columns) as i64) {
        let reason = format!(
            "`{}` does not consist of tiles of {rows} x {columns}, the elements of `{}`",
            buffer.name,
            buffer.scope.name()
        );
        return Err(illegal(reason, origin));
    }
    let depth = addressable(config, memory);
    match buffer.base {
        Some(base) if base + buffer.tiles() <= depth => Ok(()),
        Some(_) => {
            Err(illegal(format!("`{}` exceeds the {depth} tiles of `{}`", buffer.name, buffer.scope.name()), origin))
        }
        None => Err(illegal(format!("`{}` has no address in `{}`", buffer.name, buffer.scope.name()), origin)),
    }
}

fn dram(program: &LoopProgram) -> Result<(), LegalizeError> {
    let mut end = 0_i64;
    for buffer in program.buffers.iter().filter(|b| b.scope == Scope::Dram) {
        end = end.saturating_add(bytes(buffer));
        if end > DRAM_LIMIT {
            let (buffer, origin) = (buffer.name.clone(), buffer.origin);
            return Err(LegalizeError::AddressRange { buffer, limit: DRAM_LIMIT, origin });
        }
    }
    Ok(())
}

fn bytes(buffer: &Buffer) -> i64 {
    let elements = buffer.shape.iter().fold(1_i64, |n, d| n.saturating_mul(*d));
    elements.saturating_mul(buffer.dtype.bytes() as i64)
}
