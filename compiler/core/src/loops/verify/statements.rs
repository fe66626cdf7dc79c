//! Rules 8 to 20: accesses, values and intrinsics of one statement.

use super::{MAX_NUMBER, Verifier, Violation, bounds};
use crate::affine::Interval;
use crate::loops::ir::{
    Alu, AluOperand, Buffer, BufferId, Direction, Dma, Gemm, Index, InsnLoop, Leaf, MicroOp, Scope, Store, TileRef,
};
use crate::loops::print::print_index;
use crate::scalar::{BinaryOp, DType, Scalar};

/// How far an intrinsic reaches from a tile reference, in tiles.
type Reach = (i128, i128);

/// An operand of an instruction: its name, its step in a loop and its displacement in a micro-op.
type Field = (&'static str, fn(&InsnLoop) -> i64, fn(&MicroOp) -> i64);

impl<'p> Verifier<'p> {
    pub(super) fn store(&mut self, s: &'p Store) {
        self.value(&s.value);
        self.access(s.buffer, &s.indices, true);
        if let Some(buffer) = self.written(s.buffer)
            && buffer.dtype == DType::I8
            && self.program.dtype_of(&s.value) == DType::I32
        {
            self.report(Violation::StoredType { name: buffer.name.clone(), dtype: buffer.dtype });
        }
    }

    /// The buffer, where it exists and may be used here.
    fn alive(&mut self, id: BufferId) -> Option<&'p Buffer> {
        let Some(buffer) = self.program.buffers.get(id.0 as usize) else {
            self.report(Violation::UnknownBuffer { id });
            return None;
        };
        if !self.alive[id.0 as usize] {
            self.report(Violation::NotAlive { name: buffer.name.clone() });
            return None;
        }
        Some(buffer)
    }

    /// The buffer that a statement writes, where it exists.
    fn written(&mut self, id: BufferId) -> Option<&'p Buffer> {
        let buffer = self.program.buffers.get(id.0 as usize)?;
        self.check(!buffer.role.is_given(), || Violation::InputWritten { name: buffer.name.clone() });
        Some(buffer)
    }

    /// Checks an access; whether all of it has to lie `inside` of the buffer.
    fn access(&mut self, id: BufferId, indices: &'p [Index], inside: bool) {
        let unsound = indices.iter().filter(|index| !self.index(index)).count();
        let Some(buffer) = self.alive(id) else { return };
        if buffer.shape.len() != indices.len() {
            let (name, expected, got) = (buffer.name.clone(), buffer.shape.len(), indices.len());
            return self.report(Violation::IndexCount { name, expected, got });
        }
        if unsound > 0 || !inside {
            return;
        }
        for (dim, (&extent, index)) in buffer.shape.iter().zip(indices).enumerate() {
            if let Err(range) = bounds::within(self.program, index, Interval::below(extent)) {
                let (name, index) = (buffer.name.clone(), print_index(self.program, index));
                self.report(Violation::OutOfBounds { name, dim, index, range, extent });
            }
        }
    }

    /// Rules 1, 8 and 11 for an index. Whether its range can be asked for.
    fn index(&mut self, index: &'p Index) -> bool {
        let mut vars = Vec::new();
        bounds::variables(index, &mut vars);
        for v in vars {
            match self.open.get(v.0 as usize) {
                Some(true) => {}
                Some(false) => {
                    let name = self.program.loop_var(v).name.clone();
                    self.report(Violation::OutsideLoop { name });
                    return false;
                }
                None => {
                    self.report(Violation::UnknownLoop { id: v });
                    return false;
                }
            }
        }
        let shown = || print_index(self.program, index);
        if let Some(number) = bounds::large_number(index, MAX_NUMBER) {
            self.report(Violation::IndexNumber { index: shown(), number });
            return false;
        }
        let fits = bounds::range(self.program, index).is_some();
        self.check(fits, || Violation::IndexOverflow { index: shown() });
        fits
    }

    /// Checks all of a value.
    fn value(&mut self, value: &'p Scalar<Leaf>) {
        match value {
            Scalar::Const { value, dtype } => {
                let (least, greatest) = dtype.limits();
                let fits = (least..=greatest).contains(&i64::from(*value));
                self.check(fits, || Violation::ConstantRange { value: *value, dtype: *dtype });
            }
            Scalar::Leaf(Leaf::Load(l)) => {
                let buffer = self.program.buffers.get(l.buffer.0 as usize);
                self.access(l.buffer, &l.indices, buffer.is_none_or(|b| b.outside.is_none()));
            }
            Scalar::Leaf(Leaf::Index(index)) => self.index_value(index),
            Scalar::Binary { op, left, right } => {
                self.value(left);
                self.value(right);
                if let (BinaryOp::Shr | BinaryOp::Shl, Scalar::Const { value: amount, .. }) = (op, &**right) {
                    self.check((-31..32).contains(amount), || Violation::ShiftAmount);
                }
            }
            Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => self.value(value),
            Scalar::Select { parts, .. } => parts.each().into_iter().for_each(|part| self.value(part)),
        }
    }

    fn index_value(&mut self, index: &'p Index) {
        let limits = Interval::new(i32::MIN.into(), i32::MAX.into());
        if self.index(index)
            && let Err(range) = bounds::within(self.program, index, limits)
        {
            let index = print_index(self.program, index);
            self.report(Violation::IndexValue { index, range });
        }
    }

    pub(super) fn dma(&mut self, s: &'p Dma) {
        self.at_least("y_size", s.y_size, 1);
        self.at_least("x_size", s.x_size, 1);
        self.at_least("x_stride", s.x_stride, 0);
        for (what, tiles) in ["rows before", "rows after", "tiles before", "tiles after"].into_iter().zip(s.pad.tiles())
        {
            match s.direction {
                Direction::Load => self.at_least(what, tiles, 0),
                Direction::Store => self.check(tiles == 0, || Violation::Unused { what, value: tiles }),
            }
        }
        let [y, x, stride] = [s.y_size, s.x_size, s.x_stride].map(i128::from);
        let [top, bottom, left, right] = s.pad.tiles().map(i128::from);
        let sram = self.tile(&s.sram, (0, (top + y + bottom) * (left + x + right) - 1), None);
        let dram = self.tile(&s.dram, (0, (y - 1) * stride + x - 1), sram.map(Buffer::lane_count));
        self.written(if s.direction == Direction::Load { s.sram.buffer } else { s.dram.buffer });
        let (Some(sram), Some(dram)) = (sram, dram) else { return };
        if sram.scope == Scope::Dram {
            self.scope("scratchpad", sram, &Scope::ON_CHIP);
        }
        if dram.scope != Scope::Dram {
            self.scope("DRAM", dram, &[Scope::Dram]);
        }
        self.tile_sizes(sram, dram, dram.lane_count() % sram.lane_count() == 0);
        match sram.scope {
            scope if scope.is_operand() => {
                self.dtype(sram, DType::I8);
                self.dtype(dram, sram.dtype);
            }
            Scope::Acc if dram.dtype != DType::I8 => self.dtype(dram, sram.dtype),
            _ => {}
        }
    }

    pub(super) fn gemm(&mut self, s: &'p Gemm) {
        let unused = if s.operands.is_none() { &["src", "wgt"][..] } else { &[] };
        let [dst, src, wgt] = self.walk(s.outer, s.inner, &s.uops, unused);
        let destination = self.operand("destination", &s.dst, dst, Scope::Acc);
        if let (Some(buffer), true) = (destination, s.operands.is_some()) {
            self.dtype(buffer, DType::I32);
        }
        if let Some((src_tile, wgt_tile)) = &s.operands {
            for (word, tile, reach, scope) in
                [("input", src_tile, src, Scope::Inp), ("weight", wgt_tile, wgt, Scope::Wgt)]
            {
                if let Some(buffer) = self.operand(word, tile, reach, scope) {
                    self.dtype(buffer, DType::I8);
                }
            }
        }
    }

    pub(super) fn alu(&mut self, s: &'p Alu) {
        let unused = if matches!(s.operand, AluOperand::Imm(_)) { &["src", "wgt"][..] } else { &["wgt"] };
        let [dst, src, _] = self.walk(s.outer, s.inner, &s.uops, unused);
        let dst = self.operand("destination", &s.dst, dst, Scope::Acc);
        match &s.operand {
            AluOperand::Imm(amount) => {
                self.check(s.opcode.immediates().contains(amount), || Violation::AluShift { amount: *amount });
            }
            AluOperand::Tile(tile) => {
                if let (Some(src), Some(dst)) = (self.operand("second", tile, src, Scope::Acc), dst) {
                    self.tile_sizes(dst, src, dst.lane_count() == src.lane_count());
                }
            }
        }
    }

    /// Checks loops and micro-ops of an instruction and returns how far `dst`, `src` and `wgt` reach.
    fn walk(&mut self, outer: InsnLoop, inner: InsnLoop, uops: &[MicroOp], unused: &[&'static str]) -> [Reach; 3] {
        self.at_least("the outer loop's extent", outer.extent, 1);
        self.at_least("the inner loop's extent", inner.extent, 1);
        self.check(!uops.is_empty(), || Violation::NoMicroOp);
        let fields: [Field; 3] =
            [("dst", |l| l.dst, |u| u.dst), ("src", |l| l.src, |u| u.src), ("wgt", |l| l.wgt, |u| u.wgt)];
        fields.map(|(what, step, displacement)| {
            let displacements = || uops.iter().map(displacement);
            if unused.contains(&what) {
                let numbers = displacements().chain([step(&outer), step(&inner)]);
                if let Some(value) = { numbers }.find(|n| *n != 0) {
                    self.report(Violation::Unused { what, value });
                }
            }
            let uops = (displacements().min().unwrap_or(0).into(), displacements().max().unwrap_or(0).into());
            [outer, inner].iter().fold(uops, |(min, max): Reach, l| {
                let last = (i128::from(l.extent) - 1).saturating_mul(step(l).into());
                (min.saturating_add(last.min(0)), max.saturating_add(last.max(0)))
            })
        })
    }

    fn operand(&mut self, word: &'static str, tile: &'p TileRef, reach: Reach, scope: Scope) -> Option<&'p Buffer> {
        let buffer = self.tile(tile, reach, None)?;
        if buffer.scope != scope {
            self.scope(word, buffer, &[scope]);
        }
        Some(buffer)
    }

    /// Checks that the tiles from a reference on exist, `reach` of them before and behind it. They have so many lanes, or
    /// those of the buffer's own.
    fn tile(&mut self, tile: &'p TileRef, reach: Reach, lanes: Option<i64>) -> Option<&'p Buffer> {
        let sound = self.index(&tile.offset);
        let buffer = self.alive(tile.buffer)?;
        let Some(layout) = &buffer.layout else {
            self.report(Violation::NoLayout { name: buffer.name.clone() });
            return None;
        };
        let lanes = lanes.filter(|lanes| layout.lane_count() % lanes == 0).unwrap_or(layout.lane_count());
        let tiles = buffer.tiles() * (layout.lane_count() / lanes);
        let clamp = |n: i128| n.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let (least, greatest) = (0i128.saturating_sub(reach.0), i128::from(tiles - 1).saturating_sub(reach.1));
        let limits = Interval::new(clamp(least), clamp(greatest));
        if sound && let Err(offset) = bounds::within(self.program, &tile.offset, limits) {
            let (min, max) = (reach.0.saturating_add(offset.min.into()), reach.1.saturating_add(offset.max.into()));
            let range = Interval::new(clamp(min), clamp(max));
            self.report(Violation::TileOutOfBounds { name: buffer.name.clone(), range, tiles });
        }
        Some(buffer)
    }

    fn at_least(&mut self, what: &'static str, count: i64, least: i64) {
        self.check(count >= least, || Violation::Count { what, count, least });
    }

    fn scope(&mut self, operand: &'static str, buffer: &Buffer, expected: &[Scope]) {
        let expected: Vec<String> = expected.iter().map(|scope| format!("@{}", scope.name())).collect();
        let expected = match expected.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => expected.concat(),
        };
        self.report(Violation::OperandScope { operand, name: buffer.name.clone(), scope: buffer.scope, expected });
    }

    fn dtype(&mut self, buffer: &Buffer, expected: DType) {
        let (name, dtype) = (|| buffer.name.clone(), buffer.dtype);
        self.check(dtype == expected, || Violation::OperandType { name: name(), dtype, expected });
    }

    fn tile_sizes(&mut self, a: &Buffer, b: &Buffer, fit: bool) {
        self.check(fit, || Violation::TileSizes {
            name: a.name.clone(),
            lanes: a.lane_count(),
            other: b.name.clone(),
            other_lanes: b.lane_count(),
        });
    }
}
