//! Random programs that keep every rule, in both forms of the IR. A list of choices decides; where it ends, every
//! choice is the first, so that shorter lists make smaller programs.

use proptest::prelude::*;
use tilewright_core::affine::Interval;
use tilewright_core::loops::ir::*;
use tilewright_core::scalar::{BinaryOp, CastMode, DType, Scalar};
use tilewright_isa::AluOpcode;
use tilewright_syntax::{FileId, Span};

/// Sides of the GEMM core that the programs are made for.
pub const BATCH: i64 = 2;
pub const BLOCK_IN: i64 = 4;
pub const BLOCK_OUT: i64 = 3;

/// Names that are words of the text in other places.
const WORDS: [&str; 12] = ["X", "i", "for", "max", "i8", "index", "load", "uops", "from", "at", "tile.x", "_0"];

pub fn program() -> impl Strategy<Value = LoopProgram> {
    prop::collection::vec(any::<u32>(), 0..400).prop_map(|choices| Builder::new(choices).program())
}

/// An index over three loops of the returned extents, in bounds of nothing in particular.
pub fn index() -> impl Strategy<Value = (Vec<i64>, Index)> {
    prop::collection::vec(any::<u32>(), 0..40).prop_map(|choices| {
        let mut builder = Builder::new(choices);
        let extents: Vec<i64> = (0..3).map(|_| 1 + builder.below(6)).collect();
        builder.program.loops =
            extents.iter().enumerate().map(|(i, n)| LoopVar { name: format!("l{i}"), extent: *n }).collect();
        builder.open = (0..3).map(LoopId).collect();
        (extents, builder.index(2))
    })
}

struct Builder {
    choices: std::vec::IntoIter<u32>,
    program: LoopProgram,
    open: Vec<LoopId>,
    alive: Vec<BufferId>,
}

impl Builder {
    fn new(choices: Vec<u32>) -> Builder {
        let program = LoopProgram { name: "random".into(), buffers: Vec::new(), loops: Vec::new(), body: Vec::new() };
        Builder { choices: choices.into_iter(), program, open: Vec::new(), alive: Vec::new() }
    }

    fn below(&mut self, n: i64) -> i64 {
        i64::from(self.choices.next().unwrap_or(0)) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as i64) as usize]
    }

    fn name(&mut self, number: usize) -> String {
        let word = self.pick(&WORDS);
        if number == 0 { word.to_owned() } else { format!("{word}_{number}") }
    }

    fn program(mut self) -> LoopProgram {
        // An entry that nothing uses, so that the numbering is not canonical.
        self.program.loops.push(LoopVar { name: "unused".into(), extent: 3 });
        for _ in 0..1 + self.below(3) {
            let role = self.pick(&[Role::Output, Role::Input, Role::Constant(-7)]);
            let buffer = self.buffer(role, Scope::Dram);
            self.alive.push(buffer);
        }
        // Where each memory has a buffer, intrinsics find operands.
        let mut body = Vec::new();
        for scope in [Scope::Acc, Scope::Inp, Scope::Wgt] {
            if self.below(4) != 1 {
                body.extend(self.alloc(scope));
                body.extend(self.mirror());
            }
        }
        for output in self.alive.clone() {
            if self.program.buffer(output).role == Role::Output && self.below(8) != 1 {
                body.push(self.fill(output));
            }
        }
        body.extend(self.block(3));
        self.program.body = body;
        self.program
    }

    /// An allocation and most often a first value for each element: what is undefined ends a run.
    fn alloc(&mut self, scope: Scope) -> Vec<Stmt> {
        let buffer = self.buffer(Role::Temporary, scope);
        self.alive.push(buffer);
        let origin = self.program.buffer(buffer).origin;
        let origin = if self.below(2) == 0 { origin } else { self.origin() };
        let mut stmts = vec![Stmt::Alloc { buffer, origin }];
        if self.below(32) != 1 {
            stmts.push(self.fill(buffer));
        }
        stmts
    }

    /// A buffer in DRAM with the shape and the tiles of the last one, so that transfers find their other side.
    fn mirror(&mut self) -> Vec<Stmt> {
        let Some(like) = self.program.buffers.last().cloned() else { return Vec::new() };
        let number = self.program.buffers.len();
        let buffer = BufferId(number as u32);
        let name = self.name(number);
        let (scope, outside) = (Scope::Dram, None);
        self.program.buffers.push(Buffer { name, scope, base: None, outside, planes: None, slots: 1, ..like.clone() });
        self.alive.push(buffer);
        vec![Stmt::Alloc { buffer, origin: like.origin }, self.fill(buffer)]
    }

    /// Loops that write every element.
    fn fill(&mut self, buffer: BufferId) -> Stmt {
        let Buffer { shape, dtype, .. } = self.program.buffer(buffer).clone();
        let vars: Vec<LoopId> = shape.iter().map(|n| self.loop_var(*n)).collect();
        let indices: Vec<Index> = vars.iter().map(|v| Index::var(*v)).collect();
        let (factor, start) = (self.below(90), self.below(200) - 100);
        let spread = indices.iter().fold(Index::constant(start), |sum, i| sum.times(3).plus(&i.times(factor)));
        let value = Scalar::cast(dtype, CastMode::Wrap, Scalar::Leaf(Leaf::Index(spread)));
        let origin = self.origin();
        let store = Stmt::Store(Store { buffer, indices, value, origin });
        vars.into_iter().rev().fold(store, |body, var| Stmt::For(For { var, mark: None, body: vec![body], origin }))
    }

    fn buffer(&mut self, role: Role, scope: Scope) -> BufferId {
        let (lanes, dtype) = match scope {
            Scope::Acc => (vec![BATCH, BLOCK_OUT], self.pick(&[DType::I32, DType::I32, DType::I8])),
            Scope::Inp => (vec![BATCH, BLOCK_IN], DType::I8),
            Scope::Wgt => (vec![BLOCK_OUT, BLOCK_IN], DType::I8),
            Scope::Dram => (self.dram_lanes(), self.pick(&DType::ALL)),
        };
        let dims = 2 + self.below(2) as usize;
        let mut shape: Vec<i64> = (0..dims).map(|_| 1 + self.below(4)).collect();
        let mut layout = None;
        if self.below(8) != 1 {
            let first = self.below((dims - lanes.len() + 1) as i64) as usize;
            let lanes: Vec<Lane> =
                lanes.into_iter().enumerate().map(|(i, size)| Lane { dim: first + i, size }).collect();
            lanes.iter().for_each(|l| shape[l.dim] *= l.size);
            let order = Layout::canonical_order(self.permutation(dims));
            layout = Some(Layout { lanes, order });
        }
        let number = self.program.buffers.len();
        let (name, origin) = (self.name(number), self.origin());
        let id = BufferId(number as u32);
        // Bases far enough apart never overlap.
        let based = scope != Scope::Dram && layout.is_some() && self.below(2) == 1;
        let base = based.then_some(number as i64 * 1000);
        let copies = self.below(2) as usize;
        let slots = if role == Role::Temporary { self.pick(&[1, 1, 2, 5]) } else { 1 };
        let array = if self.below(3) == 0 { shape.iter().map(|n| 1 + self.below(*n)).collect() } else { shape.clone() };
        let outside = (role == Role::Input && self.below(3) == 0).then(|| Outside {
            value: self.below(9) as i32 - 4,
            dims: (0..shape.len()).filter(|_| self.below(3) != 0).collect(),
        });
        let repeats =
            if matches!(role, Role::Input | Role::Output) { self.below(4).min(shape.len() as i64) as usize } else { 0 };
        let image_of = None;
        let in_planes = role == Role::Output && dtype == DType::I8 && shape.first().is_some_and(|n| *n <= 4);
        let in_planes = in_planes && repeats < shape.len() && array.first() == shape.first();
        let planes = in_planes.then(|| self.below(300) as i32 - 150);
        let planes = planes.filter(|offset| *offset > 0);
        let buffer = Buffer {
            name,
            dtype,
            scope,
            role,
            shape,
            array,
            repeats,
            planes,
            image_of,
            outside,
            layout,
            base,
            slots,
            copies,
            origin,
        };
        self.program.buffers.push(buffer);
        id
    }

    /// Some order of the numbers below a small `n`, by one choice.
    fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut which = self.below(1 << 16) as usize;
        let mut left: Vec<usize> = (0..n).collect();
        let mut take = |count: usize| {
            let at = which % count;
            which /= count;
            left.remove(at)
        };
        (1..=n).rev().map(&mut take).collect()
    }

    fn dram_lanes(&mut self) -> Vec<i64> {
        match self.below(4) {
            0 => vec![BATCH, BLOCK_OUT],
            1 => vec![BATCH, BLOCK_IN],
            2 => vec![BLOCK_OUT, BLOCK_IN],
            _ => vec![],
        }
    }

    fn origin(&mut self) -> Origin {
        let mut place = || {
            let (start, length) = (self.below(100) as usize, self.below(10) as usize);
            (length > 0).then(|| Span::new(FileId(start as u32 % 2), start, start + length))
        };
        let (tensor, directive) = (place(), place());
        Origin { tensor, directive, call: self.below(3) as u32 }
    }

    fn block(&mut self, depth: usize) -> Vec<Stmt> {
        let alive = self.alive.len();
        let stmts = (0..1 + self.below(4)).flat_map(|_| self.stmt(depth)).collect();
        self.alive.truncate(alive);
        stmts
    }

    /// A statement; none where the one chosen has no operands here.
    fn stmt(&mut self, depth: usize) -> Vec<Stmt> {
        let stmt = match self.below(11) {
            0 if depth > 0 => {
                let scope = self.pick(&[Scope::Acc, Scope::Inp, Scope::Wgt, Scope::Dram]);
                return self.alloc(scope);
            }
            1 | 2 if depth > 0 => Some(self.for_loop(depth)),
            3 | 4 => self.dma(),
            5..=8 => self.gemm(),
            9 => self.alu(),
            _ => self.store(),
        };
        stmt.into_iter().collect()
    }

    fn for_loop(&mut self, depth: usize) -> Stmt {
        let extent = 1 + self.below(5);
        let var = self.loop_var(extent);
        self.open.push(var);
        let mark =
            self.pick(&[None, None, Some(Mark::Gemm), Some(Mark::DmaCopy), Some(Mark::Unroll), Some(Mark::Vthread)]);
        let body = self.block(depth - 1);
        self.open.pop();
        Stmt::For(For { var, mark, body, origin: self.origin() })
    }

    fn loop_var(&mut self, extent: i64) -> LoopId {
        let number = self.program.loops.len();
        let name = self.name(number);
        self.program.loops.push(LoopVar { name, extent });
        LoopId(number as u32)
    }

    fn ranges(&self) -> impl Fn(LoopId) -> Interval + use<> {
        let extents: Vec<i64> = self.program.loops.iter().map(|l| l.extent).collect();
        move |v| Interval::below(extents[v.0 as usize])
    }

    fn index(&mut self, depth: usize) -> Index {
        let mut sum = Index::constant(self.below(9) - 4);
        for _ in 0..self.below(3) {
            let term = match self.below(5) {
                0 | 1 if !self.open.is_empty() => {
                    let open = self.open.clone();
                    Index::var(self.pick(&open))
                }
                2 if depth > 0 => self.index(depth - 1).div(1 + self.below(6), &self.ranges()),
                3 if depth > 0 => self.index(depth - 1).modulo(1 + self.below(6), &self.ranges()),
                4 if depth > 0 => {
                    let least = self.below(9) - 4;
                    let within = Interval::new(least, least + self.below(6));
                    self.index(depth - 1).clip(within, &self.ranges())
                }
                _ => Index::constant(1),
            };
            sum = sum.plus(&term.times(self.below(9) - 4));
        }
        sum
    }

    fn index_below(&mut self, n: i64) -> Index {
        self.index(2).modulo(n, &self.ranges())
    }

    fn access(&mut self, buffer: BufferId) -> Vec<Index> {
        self.program.buffer(buffer).shape.clone().into_iter().map(|n| self.index_below(n)).collect()
    }

    fn store(&mut self) -> Option<Stmt> {
        let buffer = self.alive_where(&|b| !b.role.is_given())?;
        let value = self.value(3);
        let value = match self.program.buffer(buffer).dtype {
            DType::I8 => Scalar::cast(DType::I8, self.pick(&[CastMode::Wrap, CastMode::Saturate]), value),
            DType::I32 => value,
        };
        let indices = self.access(buffer);
        Some(Stmt::Store(Store { buffer, indices, value, origin: self.origin() }))
    }

    fn value(&mut self, depth: usize) -> Scalar<Leaf> {
        match self.below(if depth == 0 { 4 } else { 7 }) {
            0 => Scalar::int(self.choices.next().unwrap_or(0) as i32),
            1 => Scalar::Const { value: self.below(256) as i32 - 128, dtype: DType::I8 },
            2 => Scalar::Leaf(Leaf::Index(self.index(2))),
            4 => {
                let op = self.pick(&[BinaryOp::Shr, BinaryOp::Shl]);
                let value = self.value(depth - 1);
                let amount = match self.below(4) {
                    3 => Scalar::Leaf(Leaf::Index(self.index(2))),
                    _ => Scalar::int(self.below(63) as i32 - 31),
                };
                Scalar::binary(op, value, amount)
            }
            5 => {
                let op = self.pick(&[BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Min, BinaryOp::Max]);
                Scalar::binary(op, self.value(depth - 1), self.value(depth - 1))
            }
            6 => {
                let mode = self.pick(&[CastMode::Wrap, CastMode::Saturate]);
                Scalar::cast(self.pick(&DType::ALL), mode, self.value(depth - 1))
            }
            _ => {
                let alive = self.alive.clone();
                let buffer = self.pick(&alive);
                Scalar::Leaf(Leaf::Load(Load { buffer, indices: self.access(buffer) }))
            }
        }
    }

    fn alive_where(&mut self, which: &dyn Fn(&Buffer) -> bool) -> Option<BufferId> {
        let found: Vec<BufferId> = self.alive.iter().copied().filter(|b| which(self.program.buffer(*b))).collect();
        if found.is_empty() { None } else { Some(self.pick(&found)) }
    }

    fn tiled(&mut self, scope: Scope, which: &dyn Fn(&Buffer) -> bool) -> Option<BufferId> {
        self.alive_where(&|b| b.scope == scope && b.layout.is_some() && which(b))
    }

    fn tiles(&self, buffer: BufferId) -> i64 {
        let b = self.program.buffer(buffer);
        b.layout.as_ref().map_or(0, |l| l.tiles(&b.shape).iter().product())
    }

    fn tile(&mut self, buffer: BufferId, room: i64) -> TileRef {
        TileRef { buffer, offset: self.index_below(room + 1) }
    }

    fn dma(&mut self) -> Option<Stmt> {
        let scope = self.pick(&Scope::ON_CHIP);
        let sram = self.tiled(scope, &|_| true)?;
        let direction = self.pick(&[Direction::Load, Direction::Store]);
        let near = self.program.buffer(sram).clone();
        let lanes = |b: &Buffer| b.layout.as_ref().map(Layout::lane_count);
        let dram = self.tiled(Scope::Dram, &|far| {
            let types = far.dtype == near.dtype || (scope == Scope::Acc && far.dtype == DType::I8);
            let writable = direction == Direction::Load || !far.role.is_given();
            lanes(far) == lanes(&near) && types && writable
        })?;
        let (x_size, x_stride) = (1 + self.below(self.tiles(sram).min(self.tiles(dram))), self.below(4));
        let rows = (self.tiles(dram) - x_size).checked_div(x_stride).unwrap_or(0) + 1;
        let y_size = 1 + self.below(rows.min(self.tiles(sram) / x_size));
        let mut pad = Pad::default();
        if direction == Direction::Load && self.below(2) == 0 {
            pad.y = [self.below(self.tiles(sram) / x_size - y_size + 1), 0];
            let rows = pad.y[0] + y_size;
            pad.x = [0, self.below(self.tiles(sram) / rows - x_size + 1)];
            pad.y.rotate_left(self.below(2) as usize);
            pad.x.rotate_left(self.below(2) as usize);
        }
        let used = (pad.y[0] + y_size + pad.y[1]) * (pad.x[0] + x_size + pad.x[1]);
        let sram = self.tile(sram, self.tiles(sram) - used);
        let dram = self.tile(dram, self.tiles(dram) - (y_size - 1) * x_stride - x_size);
        Some(Stmt::Insn(Insn::Dma(Dma { direction, sram, dram, y_size, x_size, x_stride, pad, origin: self.origin() })))
    }

    fn gemm(&mut self) -> Option<Stmt> {
        let dst = self.tiled(Scope::Acc, &|b| b.dtype == DType::I32)?;
        let operands = self.tiled(Scope::Inp, &|_| true).zip(self.tiled(Scope::Wgt, &|_| true));
        let operands = operands.filter(|_| self.below(4) != 1);
        let (src, wgt) = operands.unzip();
        let ([outer, inner], uops, [d, s, w]) = self.walk([Some(dst), src, wgt]);
        let (dst, src, wgt) = (self.tile(dst, d), src.map(|b| self.tile(b, s)), wgt.map(|b| self.tile(b, w)));
        Some(Stmt::Insn(Insn::Gemm(Gemm { dst, operands: src.zip(wgt), outer, inner, uops, origin: self.origin() })))
    }

    fn alu(&mut self) -> Option<Stmt> {
        let dst = self.tiled(Scope::Acc, &|_| true)?;
        let src = self.tiled(Scope::Acc, &|_| true).filter(|_| self.below(2) > 0);
        let ([outer, inner], uops, [d, s, _]) = self.walk([Some(dst), src, None]);
        let operand = match src {
            Some(src) => AluOperand::Tile(self.tile(src, s)),
            None => AluOperand::Imm(self.below(63) as i16 - 31),
        };
        let opcode = self.pick(&AluOpcode::ALL);
        let dst = self.tile(dst, d);
        Some(Stmt::Insn(Insn::Alu(Alu { opcode, dst, operand, outer, inner, uops, origin: self.origin() })))
    }

    /// Instruction loops and micro-ops that stay within the operands, and the tiles that are left behind them.
    fn walk(&mut self, operands: [Option<BufferId>; 3]) -> ([InsnLoop; 2], Vec<MicroOp>, [i64; 3]) {
        let mut room = operands.map(|b| b.map_or(0, |b| self.tiles(b) - 1));
        let loops = [(); 2].map(|()| {
            let extent = 1 + self.below(3);
            let steps = [0, 1, 2].map(|field: usize| {
                let step = self.below(room[field] / extent + 1);
                room[field] -= step * (extent - 1);
                step
            });
            InsnLoop { extent, dst: steps[0], src: steps[1], wgt: steps[2] }
        });
        let reach = room.map(|n| self.below(n + 1));
        let uops = (0..1 + self.below(11)).map(|_| {
            let [dst, src, wgt] = reach.map(|n| self.below(n + 1));
            MicroOp { dst, src, wgt }
        });
        (loops, uops.collect(), [room[0] - reach[0], room[1] - reach[1], room[2] - reach[2]])
    }
}
