//! The legal loop program → which on-chip buffers that are loaded or stored in loops take turns already, so that advice
//! proposes slots only where there are none.

use tilewright_core::loops::ir::{BufferId, Direction, Insn, LoopProgram, Stmt};
use tilewright_core::scope::Scope;

/// On-chip buffers of one kind that are transferred again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transferred {
    /// The names of those that have one slot, in the order of their transfers.
    pub single: Vec<String>,
    /// Whether any has several.
    pub rotates: bool,
}

/// What a program transfers inside of its loops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// What the load module brings.
    pub copies: Transferred,
    /// What the store module takes.
    pub results: Transferred,
}

impl Slots {
    pub(super) fn of(program: &LoopProgram) -> Slots {
        let mut slots = Slots::default();
        program.body.iter().for_each(|stmt| slots.add(program, stmt, false));
        slots
    }

    fn add(&mut self, program: &LoopProgram, stmt: &Stmt, in_loop: bool) {
        match stmt {
            Stmt::For(f) => f.body.iter().for_each(|stmt| self.add(program, stmt, true)),
            Stmt::Insn(Insn::Dma(dma)) if in_loop => {
                let buffer = dma.sram.buffer;
                match (dma.direction, program.buffer(buffer).scope) {
                    (Direction::Store, _) => self.results.add(program, buffer),
                    (Direction::Load, Scope::Inp | Scope::Wgt) => self.copies.add(program, buffer),
                    // The compute module loads its accumulators itself.
                    (Direction::Load, _) => {}
                }
            }
            _ => {}
        }
    }
}

impl Transferred {
    fn add(&mut self, program: &LoopProgram, buffer: BufferId) {
        let buffer = program.buffer(buffer);
        match buffer.shape[..buffer.copies].iter().any(|copies| *copies > 1) {
            true => self.rotates = true,
            false if self.single.contains(&buffer.name) => {}
            false => self.single.push(buffer.name.clone()),
        }
    }
}
