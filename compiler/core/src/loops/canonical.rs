//! Loop program → the same program in the one numbering that its text has.
//!
//! In canonical form
//! - buffers are numbered inputs and outputs first, then in order of their `Alloc`s; loops in order of their `For`s, outer
//!   before inner, so that terms of an index stand in the order of the loops;
//! - tables hold nothing that does not occur;
//! - every index is simplified with the extents of its loops.
//!
//! [`parse`](super::parse) yields canonical programs, and `parse(print(p)) == canonical(p)` for every `p` that keeps the
//! rules of [`verify`](super::verify). `canonical` is idempotent.

use super::ir::{
    Alu, AluOperand, BufferId, Dma, For, Gemm, Index, Leaf, Load, LoopId, LoopProgram, Role, Stmt, Store, TileRef,
};
use crate::affine::Interval;

/// The program in canonical form. Ids that the program's tables do not have keep pointing past the tables' ends.
pub fn canonical(program: &LoopProgram) -> LoopProgram {
    let order = Order::of(program);
    let buffers = order.buffers.old.iter().map(|&b| program.buffers[b as usize].clone()).collect();
    let loops = order.loops.old.iter().map(|&l| program.loops[l as usize].clone()).collect();
    let mut renamed = LoopProgram { name: program.name.clone(), buffers, loops, body: Vec::new() };
    renamed.body = Renaming { order: &order, program: &renamed }.stmts(&program.body);
    renamed
}

/// One kind of id, in order of appearance.
#[derive(Default)]
struct Numbering {
    /// Old ids by new id.
    old: Vec<u32>,
    /// New ids by old id.
    new: Vec<Option<u32>>,
}

impl Numbering {
    fn of_table(len: usize) -> Numbering {
        Numbering { old: Vec::new(), new: vec![None; len] }
    }

    fn appear(&mut self, id: u32) {
        if let Some(new @ None) = self.new.get_mut(id as usize) {
            *new = Some(self.old.len() as u32);
            self.old.push(id);
        }
    }

    fn get(&self, id: u32) -> u32 {
        self.new.get(id as usize).copied().flatten().unwrap_or(u32::MAX)
    }
}

struct Order {
    buffers: Numbering,
    loops: Numbering,
}

impl Order {
    fn of(program: &LoopProgram) -> Order {
        let mut order = Order {
            buffers: Numbering::of_table(program.buffers.len()),
            loops: Numbering::of_table(program.loops.len()),
        };
        for (id, buffer) in program.buffers.iter().enumerate() {
            if buffer.role != Role::Temporary {
                order.buffers.appear(id as u32);
            }
        }
        order.visit(&program.body);
        order
    }

    fn visit(&mut self, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::For(s) => {
                    self.loops.appear(s.var.0);
                    self.visit(&s.body);
                }
                Stmt::Alloc { buffer, .. } => self.buffers.appear(buffer.0),
                _ => {}
            }
        }
    }
}

struct Renaming<'a> {
    order: &'a Order,
    /// Has the tables of the canonical form.
    program: &'a LoopProgram,
}

impl Renaming<'_> {
    fn buffer(&self, id: BufferId) -> BufferId {
        BufferId(self.order.buffers.get(id.0))
    }

    fn loop_id(&self, id: LoopId) -> LoopId {
        LoopId(self.order.loops.get(id.0))
    }

    fn index(&self, index: &Index) -> Index {
        let range = |v: LoopId| {
            self.program.loops.get(v.0 as usize).map_or(Interval::new(0, i64::MAX), |l| Interval::below(l.extent))
        };
        index.substitute(&|v| Index::var(self.loop_id(v)), &range)
    }

    fn indices(&self, indices: &[Index]) -> Vec<Index> {
        indices.iter().map(|i| self.index(i)).collect()
    }

    fn tile(&self, tile: &TileRef) -> TileRef {
        TileRef { buffer: self.buffer(tile.buffer), offset: self.index(&tile.offset) }
    }

    fn leaf(&self, leaf: &Leaf) -> Leaf {
        match leaf {
            Leaf::Load(l) => Leaf::Load(Load { buffer: self.buffer(l.buffer), indices: self.indices(&l.indices) }),
            Leaf::Index(index) => Leaf::Index(self.index(index)),
        }
    }

    fn stmts(&self, stmts: &[Stmt]) -> Vec<Stmt> {
        stmts.iter().map(|s| self.stmt(s)).collect()
    }

    fn stmt(&self, stmt: &Stmt) -> Stmt {
        match stmt {
            Stmt::For(s) => {
                let For { mark, origin, .. } = *s;
                Stmt::For(For { var: self.loop_id(s.var), mark, body: self.stmts(&s.body), origin })
            }
            Stmt::Alloc { buffer, origin } => Stmt::Alloc { buffer: self.buffer(*buffer), origin: *origin },
            Stmt::Store(s) => Stmt::Store(Store {
                buffer: self.buffer(s.buffer),
                indices: self.indices(&s.indices),
                value: s.value.map(&mut |leaf| self.leaf(leaf)),
                origin: s.origin,
            }),
            Stmt::Dma(s) => Stmt::Dma(Dma { sram: self.tile(&s.sram), dram: self.tile(&s.dram), ..s.clone() }),
            Stmt::Gemm(s) => Stmt::Gemm(Gemm {
                dst: self.tile(&s.dst),
                operands: s.operands.as_ref().map(|(src, wgt)| (self.tile(src), self.tile(wgt))),
                ..s.clone()
            }),
            Stmt::Alu(s) => {
                let operand = match &s.operand {
                    AluOperand::Imm(imm) => AluOperand::Imm(*imm),
                    AluOperand::Tile(tile) => AluOperand::Tile(self.tile(tile)),
                };
                Stmt::Alu(Alu { dst: self.tile(&s.dst), operand, ..s.clone() })
            }
        }
    }
}
