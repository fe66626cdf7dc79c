//! The loops outside instructions, walked: the statements of a legal program → a list of operations, one for each
//! execution of a `Dma`, `Gemm` or `Alu` statement, in program order, with addresses in the place of indices.
//!
//! ```text
//! for ro in 0..2 { dma X_buf[0] <- X[ro]; gemm C[0], X_buf[0], ... }
//!     →   dma 0, 0;  gemm 0, 0, ...;  dma 0, 1;  gemm 0, 0, ...
//! ```
//!
//! The machine has no branches, so this is where loops end.

use super::EmitError;
use crate::loops::ir::{Index, LoopId, LoopProgram, Stmt, TileRef};

/// The most operations that a program may become: what is beyond would take gigabytes as a stream.
pub const MAX_OPERATIONS: u64 = 1 << 22;

/// One execution of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Which of [`Walk::statements`].
    pub statement: u32,
    /// Its operands, in tiles. On chip they count from the start of the scratchpad, in DRAM from that of the buffer.
    ///
    /// `[sram, dram, 0]` for a transfer, `[dst, src, wgt]` for the others; 0 where there is no such operand.
    pub at: [u32; 3],
}

/// A program as a list of operations.
#[derive(Debug)]
pub struct Walk<'p> {
    pub program: &'p LoopProgram,
    pub statements: Vec<&'p Stmt>,
    pub operations: Vec<Operation>,
}

/// Walks a legal program.
pub fn walk(program: &LoopProgram) -> Result<Walk<'_>, EmitError> {
    let mut numbered = Numbered { program, statements: Vec::new(), operands: Vec::new() };
    let nodes = numbered.block(&program.body);
    let count = nodes.iter().map(Node::count).fold(0, u64::saturating_add);
    if count > MAX_OPERATIONS {
        let (program, limit) = (program.name.clone(), MAX_OPERATIONS);
        return Err(EmitError::TooManyOperations { program, operations: count, limit });
    }
    let mut operations = Vec::with_capacity(count as usize);
    let mut values = vec![0; program.loops.len()];
    visit(&nodes, &numbered.operands, &mut values, &mut operations);
    Ok(Walk { program, statements: numbered.statements, operations })
}

/// The tree of loops with a number in the place of each statement.
enum Node {
    Loop { var: LoopId, extent: i64, body: Vec<Node> },
    Leaf { statement: u32 },
}

impl Node {
    /// The operations that it becomes.
    fn count(&self) -> u64 {
        match self {
            Node::Leaf { .. } => 1,
            Node::Loop { extent, body, .. } => {
                let once = body.iter().map(Node::count).fold(0, u64::saturating_add);
                once.saturating_mul((*extent).max(0) as u64)
            }
        }
    }
}

/// An operand as the statement has it: where its buffer starts, and the offset from there.
type Operand<'p> = Option<(i64, &'p Index)>;

struct Numbered<'p> {
    program: &'p LoopProgram,
    statements: Vec<&'p Stmt>,
    operands: Vec<[Operand<'p>; 3]>,
}

impl<'p> Numbered<'p> {
    fn block(&mut self, block: &'p [Stmt]) -> Vec<Node> {
        block.iter().filter_map(|stmt| self.node(stmt)).collect()
    }

    fn node(&mut self, stmt: &'p Stmt) -> Option<Node> {
        let operands = match stmt {
            Stmt::For(f) => {
                let extent = self.program.loop_var(f.var).extent;
                return Some(Node::Loop { var: f.var, extent, body: self.block(&f.body) });
            }
            Stmt::Alloc { .. } => return None,
            Stmt::Store(_) => unreachable!("a legal program has no scalar stores"),
            Stmt::Insn(insn) => {
                let mut operands = [None; 3];
                operands.iter_mut().zip(insn.operands()).for_each(|(place, o)| *place = self.operand(o.tile));
                operands
            }
        };
        self.statements.push(stmt);
        self.operands.push(operands);
        Some(Node::Leaf { statement: self.statements.len() as u32 - 1 })
    }

    fn operand(&self, place: &'p TileRef) -> Operand<'p> {
        Some((self.program.buffer(place.buffer).base.unwrap_or(0), &place.offset))
    }
}

fn visit(nodes: &[Node], operands: &[[Operand; 3]], values: &mut [i64], out: &mut Vec<Operation>) {
    for node in nodes {
        match node {
            Node::Leaf { statement } => {
                let at = operands[*statement as usize].map(|operand| address(operand, values));
                out.push(Operation { statement: *statement, at });
            }
            Node::Loop { var, extent, body } => {
                for value in 0..*extent {
                    values[var.0 as usize] = value;
                    visit(body, operands, values, out);
                }
            }
        }
    }
}

fn address(operand: Operand, values: &[i64]) -> u32 {
    let Some((base, offset)) = operand else { return 0 };
    let address = base + offset.eval(&|v: LoopId| values[v.0 as usize]);
    u32::try_from(address).expect("all references of a legal program lie in their buffers")
}
