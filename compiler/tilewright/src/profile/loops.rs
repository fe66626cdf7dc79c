//! The legal loop program and charges → cycles beside its loops and statements.
//!
//! Each instruction is charged to the statement that it came from; a loop has what is charged inside it. So the lines
//! without a loop around them sum to all cycles.

use serde::{Deserialize, Serialize};
use tilewright_core::loops::ir::{AluOperand, Direction, Insn, LoopProgram, Stmt};
use tilewright_sim::profile::Charge;

/// A loop or a statement with the cycles that are charged to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopLine {
    /// Loops around it.
    pub depth: usize,
    pub text: String,
    #[serde(flatten)]
    pub charge: Charge,
}

/// The lines of a program. `statements` says for each instruction which statement it came from, as
/// [`tilewright_core::emit::Stream::statements`] does; FINISH comes from none and has a line of its own at the end.
pub(super) fn lines(program: &LoopProgram, statements: &[Option<u32>], charges: &[Charge]) -> Vec<LoopLine> {
    let mut by_statement: Vec<Charge> = Vec::new();
    let mut finish = Charge::default();
    for (statement, charge) in statements.iter().zip(charges) {
        match statement {
            Some(statement) => {
                let at = *statement as usize;
                by_statement.resize(by_statement.len().max(at + 1), Charge::default());
                by_statement[at].add(charge);
            }
            None => finish.add(charge),
        }
    }
    let mut listing = Listing { program, by_statement, next: 0, lines: Vec::new() };
    listing.block(&program.body, 0);
    listing.lines.push(line(0, "finish".to_owned(), &finish));
    listing.lines
}

struct Listing<'a> {
    program: &'a LoopProgram,
    by_statement: Vec<Charge>,
    /// The number of the next statement.
    next: usize,
    lines: Vec<LoopLine>,
}

impl Listing<'_> {
    /// Lists statements and returns what is charged to them.
    fn block(&mut self, block: &[Stmt], depth: usize) -> Charge {
        let mut all = Charge::default();
        for stmt in block {
            let text = match stmt {
                Stmt::For(f) => {
                    let var = self.program.loop_var(f.var);
                    let at = self.lines.len();
                    let text = format!("for {} in 0..{}", var.name, var.extent);
                    self.lines.push(line(depth, text, &Charge::default()));
                    let inside = self.block(&f.body, depth + 1);
                    self.lines[at] = line(depth, std::mem::take(&mut self.lines[at].text), &inside);
                    all.add(&inside);
                    continue;
                }
                Stmt::Alloc { .. } => continue,
                stmt => self.text(stmt),
            };
            let charge = self.by_statement.get(self.next).copied().unwrap_or_default();
            self.next += 1;
            self.lines.push(line(depth, text, &charge));
            all.add(&charge);
        }
        all
    }

    fn text(&self, stmt: &Stmt) -> String {
        let name = |buffer| self.program.buffer(buffer).name.as_str();
        match stmt {
            Stmt::Insn(Insn::Dma(dma)) => match dma.direction {
                Direction::Load => format!("load {} <- {}", name(dma.sram.buffer), name(dma.dram.buffer)),
                Direction::Store => format!("store {} <- {}", name(dma.dram.buffer), name(dma.sram.buffer)),
            },
            Stmt::Insn(Insn::Gemm(gemm)) => match &gemm.operands {
                Some((src, wgt)) => {
                    format!("gemm {} += {} * {}", name(gemm.dst.buffer), name(src.buffer), name(wgt.buffer))
                }
                None => format!("gemm reset {}", name(gemm.dst.buffer)),
            },
            Stmt::Insn(Insn::Alu(alu)) => {
                let operand = match &alu.operand {
                    AluOperand::Imm(imm) => imm.to_string(),
                    AluOperand::Tile(tile) => name(tile.buffer).to_owned(),
                };
                format!("alu {} {}, {operand}", alu.opcode.name(), name(alu.dst.buffer))
            }
            Stmt::Store(store) => name(store.buffer).to_owned(),
            Stmt::For(_) | Stmt::Alloc { .. } => String::new(),
        }
    }
}

fn line(depth: usize, text: String, charge: &Charge) -> LoopLine {
    LoopLine { depth, text, charge: *charge }
}
