//! Loop program → text that [`parse`](super::parse) reads back: a line for each loop, allocation and statement, in the
//! manner of `tvm.lower(..., simple_mode=True)`.
//!
//! ```text
//! program matmul {
//!     input X: i8[1, 32] @dram tile(1: 16)
//!     output Y: i8[1, 16] @dram tile(1: 16)
//!     alloc C: i32[1, 16] @acc tile(1: 16) base 0
//!     for r in 0..2 {
//!         load X_buf[0] <- X[r] y 1 x 1 stride 1
//!         gemm C[0] += X_buf[0] * W_buf[0] inner 1 (dst 1, wgt 1) uops [(0, 0, 0)]
//!     }
//!     alu shr C[0], 8
//!     store C[0] -> Y[0] y 1 x 1 stride 1
//! }
//! ```
//!
//! - In loops and scalar statements an index counts elements of the logical array; in `load`, `store`, `gemm`, `reset` and
//!   `alu` the one index counts tiles from the buffer's start.
//! - A number is an `i32`; other types follow it: `5i8`. `index(e)` is an index taken as a value.
//! - `constant(v) T` is an array in DRAM that holds `v` everywhere, and an input or output that `repeats` an array has a last
//!   dimension more than that, along which each element is the same, or `repeats(n)` has n of them. An input that is the
//!   `image` of another one is the same array in other tiles.
//! - `planes v`: the first dimension of an output counts the digits of `i32` values to the base 256, from the lowest on, to which
//!   `v` is added.
//! - `outside v` says what stands beyond the edges of an array, and `along(d, d)` in which dimensions that counts beyond its end,
//!   where it does not in all: in the others tiles alone reach there.
//! - `tile(d: n)` lists the lanes of a layout, from the outermost, and `order(d, d)` its dimensions, where their tiles are in
//!   another order than they are. An instruction's loop that runs once is left out, as
//!   are steps of zero and a lone micro-op without displacement. Displacements stand as `(dst, src, wgt)`, and as
//!   `(dst, src)` or `dst` where the others are zero.
//! - With origins, `from` gives the bytes of the tensor's line and `by` those of the directive, as `file:start..end`, and `call`
//!   the number of the call in a program, behind the first.
//!   Behind an `alloc` they are the buffer's; `at` begins the statement's, where they differ.
//!
//! The text has everything that the program has except the numbers of ids, which [`canonical`](super::canonical) fixes.

mod indices;

use std::borrow::Cow;
use std::fmt::{self, Write};

use tilewright_syntax::Span;

use super::ir::{
    Alu, AluOperand, Buffer, BufferId, Direction, Dma, For, Gemm, Index, Insn, InsnLoop, Leaf, LoopId, LoopProgram,
    MicroOp, Origin, Pad, Role, Stmt, Store, TileRef,
};
use crate::scalar::{BinaryOp, CastMode, CompareOp, DType, Scalar};
pub use indices::print_index;

/// What a text shows beside the program itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrintOptions {
    /// Where each statement and buffer comes from.
    pub origins: bool,
}

/// Micro-ops on one line; longer lists are broken.
const UOPS_ON_A_LINE: usize = 8;

/// The text of a program, ending in a newline.
pub fn print(program: &LoopProgram, options: &PrintOptions) -> String {
    print_noted(program, options, &[])
}

/// The same with a comment behind each instruction, in the order of the text; none where it is empty.
pub fn print_noted(program: &LoopProgram, options: &PrintOptions, notes: &[String]) -> String {
    let mut printer = Printer { notes: notes.iter(), ..Printer::new(program, options, 1) };
    // Writing to a `String` cannot fail.
    let _ = printer.program();
    printer.out
}

/// A statement on one line, without the body of a loop and without origins.
pub(super) fn print_stmt_head(program: &LoopProgram, stmt: &Stmt) -> String {
    let mut printer = Printer::new(program, &PrintOptions { origins: false }, 0);
    let _ = match stmt {
        Stmt::For(s) => printer.for_head(s),
        other => printer.stmt(other),
    };
    printer.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A buffer with what is known of it.
pub(super) fn print_table_entry(program: &LoopProgram, buffer: &Buffer) -> String {
    let mut printer = Printer::new(program, &PrintOptions { origins: false }, 0);
    let _ = printer.buffer(buffer);
    printer.out
}

/// The name of a loop. An id that the program does not have shows as a word that no name can be.
pub(super) fn loop_name(program: &LoopProgram, id: LoopId) -> String {
    program.loops.get(id.0 as usize).map_or_else(|| format!("?loop{}", id.0), |l| l.name.clone())
}

/// The name of a buffer, likewise.
pub(super) fn buffer_name(program: &LoopProgram, id: BufferId) -> String {
    program.buffers.get(id.0 as usize).map_or_else(|| format!("?buffer{}", id.0), |b| b.name.clone())
}

/// The name of a conversion: `i8` wraps, `sat8` saturates, `fits8` keeps what is an `i8` already.
pub(super) fn cast_name(to: DType, mode: CastMode) -> &'static str {
    match (mode, to) {
        (CastMode::Wrap, to) => to.name(),
        (CastMode::Saturate, DType::I8) => "sat8",
        (CastMode::Saturate, DType::I32) => "sat32",
        (CastMode::Exact, DType::I8) => "fits8",
        (CastMode::Exact, DType::I32) => "fits32",
    }
}

/// How tightly an operator binds its operands; those written as calls bind like names.
pub(super) fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Shr | BinaryOp::Shl => 1,
        BinaryOp::Add | BinaryOp::Sub => 2,
        BinaryOp::Mul => 3,
        BinaryOp::Min | BinaryOp::Max | BinaryOp::Div(_) => 4,
    }
}

fn symbol(op: BinaryOp) -> Cow<'static, str> {
    let name = match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Min => "min",
        BinaryOp::Max => "max",
        BinaryOp::Shr => ">>",
        BinaryOp::Shl => "<<",
        BinaryOp::Div(quotient) => return quotient.to_string().into(),
    };
    name.into()
}

struct Printer<'p> {
    program: &'p LoopProgram,
    options: &'p PrintOptions,
    /// Blocks around the current line.
    depth: usize,
    /// Comments of the instructions that are still to come.
    notes: std::slice::Iter<'p, String>,
    out: String,
}

impl<'p> Printer<'p> {
    fn new(program: &'p LoopProgram, options: &'p PrintOptions, depth: usize) -> Printer<'p> {
        Printer { program, options, depth, notes: [].iter(), out: String::new() }
    }

    fn program(&mut self) -> fmt::Result {
        writeln!(self.out, "program {} {{", self.program.name)?;
        for buffer in self.program.buffers.iter().filter(|b| b.role != Role::Temporary) {
            self.indent();
            match buffer.role {
                Role::Constant(value) => write!(self.out, "constant({value}) ")?,
                Role::Counted(first) => write!(self.out, "counted({first}) ")?,
                Role::Input => self.out.push_str("input "),
                Role::Output | Role::Temporary => self.out.push_str("output "),
            }
            self.buffer(buffer)?;
            self.out.push('\n');
        }
        self.stmts(&self.program.body)?;
        self.out.push_str("}\n");
        Ok(())
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n("    ", self.depth));
    }

    fn stmts(&mut self, stmts: &[Stmt]) -> fmt::Result {
        for stmt in stmts {
            self.indent();
            self.stmt(stmt)?;
            self.out.push('\n');
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &Stmt) -> fmt::Result {
        match stmt {
            Stmt::For(s) => return self.for_loop(s),
            Stmt::Alloc { buffer, origin } => return self.alloc(*buffer, *origin),
            Stmt::Store(s) => self.scalar_store(s)?,
            Stmt::Insn(Insn::Dma(s)) => self.dma(s)?,
            Stmt::Insn(Insn::Gemm(s)) => self.gemm(s)?,
            Stmt::Insn(Insn::Alu(s)) => self.alu(s)?,
        }
        self.origin(stmt.origin())?;
        match stmt {
            Stmt::Insn(_) => self.note(),
            _ => Ok(()),
        }
    }

    fn note(&mut self) -> fmt::Result {
        match self.notes.next() {
            Some(note) if !note.is_empty() => write!(self.out, "  // {note}"),
            _ => Ok(()),
        }
    }

    fn for_loop(&mut self, s: &For) -> fmt::Result {
        self.for_head(s)?;
        self.out.push_str(" {\n");
        self.depth += 1;
        self.stmts(&s.body)?;
        self.depth -= 1;
        self.indent();
        self.out.push('}');
        Ok(())
    }

    fn for_head(&mut self, s: &For) -> fmt::Result {
        if let Some(mark) = s.mark {
            write!(self.out, "@{} ", mark.name())?;
        }
        let extent = self.program.loops.get(s.var.0 as usize).map_or(0, |l| l.extent);
        write!(self.out, "for {} in 0..{extent}", loop_name(self.program, s.var))?;
        self.origin(s.origin)
    }

    fn alloc(&mut self, id: BufferId, origin: Origin) -> fmt::Result {
        self.out.push_str("alloc ");
        let Some(buffer) = self.program.buffers.get(id.0 as usize) else {
            self.out.push_str(&buffer_name(self.program, id));
            return Ok(());
        };
        self.buffer(buffer)?;
        if self.options.origins && origin != buffer.origin {
            self.out.push_str(" at");
            self.origin(origin)?;
        }
        Ok(())
    }

    fn buffer(&mut self, b: &Buffer) -> fmt::Result {
        let extents = b.shape.iter().zip(&b.array);
        let shape: Vec<String> =
            extents.map(|(n, own)| if n == own { n.to_string() } else { format!("{own} of {n}") }).collect();
        write!(self.out, "{}: {}[{}] @{}", b.name, b.dtype.name(), shape.join(", "), b.scope.name())?;
        if let Some(layout) = &b.layout {
            let lanes: Vec<String> = layout.lanes.iter().map(|l| format!("{}: {}", l.dim, l.size)).collect();
            write!(self.out, " tile({})", lanes.join(", "))?;
            if !layout.order.is_empty() {
                let order: Vec<String> = layout.order.iter().map(usize::to_string).collect();
                write!(self.out, " order({})", order.join(", "))?;
            }
        }
        if let Some(base) = b.base {
            write!(self.out, " base {base}")?;
        }
        if b.slots != 1 {
            write!(self.out, " slots {}", b.slots)?;
        }
        if b.copies != 0 {
            write!(self.out, " copies {}", b.copies)?;
        }
        if let Some(outside) = &b.outside {
            write!(self.out, " outside {}", outside.value)?;
            if !outside.dims.iter().copied().eq(0..b.shape.len()) {
                let dims: Vec<String> = outside.dims.iter().map(usize::to_string).collect();
                write!(self.out, " along({})", dims.join(", "))?;
            }
        }
        match b.repeats {
            0 => {}
            1 => self.out.push_str(" repeats"),
            several => write!(self.out, " repeats({several})")?,
        }
        if let Some(offset) = b.planes {
            write!(self.out, " planes {offset}")?;
        }
        if let Some(input) = &b.image_of {
            write!(self.out, " image {input}")?;
        }
        self.origin(b.origin)
    }

    fn origin(&mut self, origin: Origin) -> fmt::Result {
        if !self.options.origins {
            return Ok(());
        }
        for (word, span) in [("from", origin.tensor), ("by", origin.directive)] {
            if let Some(Span { file, start, end }) = span {
                write!(self.out, " {word} {}:{start}..{end}", file.0)?;
            }
        }
        if origin.call > 0 {
            write!(self.out, " call {}", origin.call)?;
        }
        Ok(())
    }

    fn scalar_store(&mut self, s: &Store) -> fmt::Result {
        self.access(s.buffer, &s.indices)?;
        self.out.push_str(" = ");
        self.value(&s.value, 0)
    }

    fn access(&mut self, buffer: BufferId, indices: &[Index]) -> fmt::Result {
        let indices: Vec<String> = indices.iter().map(|i| print_index(self.program, i)).collect();
        write!(self.out, "{}[{}]", buffer_name(self.program, buffer), indices.join(", "))
    }

    /// Writes a value, in parentheses where it binds less tightly than `least`.
    fn value(&mut self, value: &Scalar<Leaf>, least: u8) -> fmt::Result {
        match value {
            Scalar::Const { value, dtype: DType::I32 } => write!(self.out, "{value}"),
            Scalar::Const { value, dtype } => write!(self.out, "{value}{}", dtype.name()),
            Scalar::Leaf(Leaf::Load(load)) => self.access(load.buffer, &load.indices),
            Scalar::Leaf(Leaf::Index(index)) => write!(self.out, "index({})", print_index(self.program, index)),
            Scalar::Binary { op, left, right } => self.binary(*op, left, right, least),
            Scalar::Approx { .. } => self.value(&value.expanded(), least),
            Scalar::Select { op, parts } => {
                self.out.push_str(select_name(*op));
                for (at, part) in parts.each().into_iter().enumerate() {
                    self.out.push_str(if at == 0 { "(" } else { ", " });
                    self.value(part, 0)?;
                }
                self.out.push(')');
                Ok(())
            }
            Scalar::Cast { to, mode, value } => {
                write!(self.out, "{}(", cast_name(*to, *mode))?;
                self.value(value, 0)?;
                self.out.push(')');
                Ok(())
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Scalar<Leaf>, right: &Scalar<Leaf>, least: u8) -> fmt::Result {
        let own = precedence(op);
        if matches!(op, BinaryOp::Min | BinaryOp::Max | BinaryOp::Div(_)) {
            write!(self.out, "{}(", symbol(op))?;
            self.value(left, 0)?;
            self.out.push_str(", ");
            self.value(right, 0)?;
            self.out.push(')');
            return Ok(());
        }
        if own < least {
            self.out.push('(');
        }
        self.value(left, own)?;
        write!(self.out, " {} ", symbol(op))?;
        self.value(right, own + 1)?;
        if own < least {
            self.out.push(')');
        }
        Ok(())
    }

    fn tile(&mut self, tile: &TileRef) -> fmt::Result {
        self.access(tile.buffer, std::slice::from_ref(&tile.offset))
    }

    fn dma(&mut self, s: &Dma) -> fmt::Result {
        self.out.push_str(if s.direction == Direction::Load { "load " } else { "store " });
        self.tile(&s.sram)?;
        self.out.push_str(if s.direction == Direction::Load { " <- " } else { " -> " });
        self.tile(&s.dram)?;
        write!(self.out, " y {} x {} stride {}", s.y_size, s.x_size, s.x_stride)?;
        if s.pad != Pad::default() {
            let [top, bottom, left, right] = s.pad.tiles();
            write!(self.out, " pad {top} {bottom} {left} {right}")?;
        }
        Ok(())
    }

    fn gemm(&mut self, s: &Gemm) -> fmt::Result {
        match &s.operands {
            None => {
                self.out.push_str("reset ");
                self.tile(&s.dst)?;
            }
            Some((src, wgt)) => {
                self.out.push_str("gemm ");
                self.tile(&s.dst)?;
                self.out.push_str(" += ");
                self.tile(src)?;
                self.out.push_str(" * ");
                self.tile(wgt)?;
            }
        }
        self.insn_loops(s.outer, s.inner)?;
        self.uops(&s.uops, if s.operands.is_some() { 3 } else { 1 })
    }

    fn alu(&mut self, s: &Alu) -> fmt::Result {
        write!(self.out, "alu {} ", s.opcode.name())?;
        self.tile(&s.dst)?;
        self.out.push_str(", ");
        let fields = match &s.operand {
            AluOperand::Imm(imm) => {
                write!(self.out, "{imm}")?;
                1
            }
            AluOperand::Tile(src) => {
                self.tile(src)?;
                2
            }
        };
        self.insn_loops(s.outer, s.inner)?;
        self.uops(&s.uops, fields)
    }

    fn insn_loops(&mut self, outer: InsnLoop, inner: InsnLoop) -> fmt::Result {
        for (word, l) in [("outer", outer), ("inner", inner)] {
            if l == InsnLoop::ONCE {
                continue;
            }
            write!(self.out, " {word} {}", l.extent)?;
            let steps = [("dst", l.dst), ("src", l.src), ("wgt", l.wgt)];
            let steps: Vec<String> = steps.iter().filter(|(_, n)| *n != 0).map(|(w, n)| format!("{w} {n}")).collect();
            if !steps.is_empty() {
                write!(self.out, " ({})", steps.join(", "))?;
            }
        }
        Ok(())
    }

    /// Writes a list of micro-ops with at least `fields` displacements each.
    fn uops(&mut self, uops: &[MicroOp], fields: usize) -> fmt::Result {
        if matches!(uops, [MicroOp { dst: 0, src: 0, wgt: 0 }]) {
            return Ok(());
        }
        let words: Vec<String> = uops.iter().map(|u| micro_op(u, fields)).collect();
        if words.len() <= UOPS_ON_A_LINE {
            return write!(self.out, " uops [{}]", words.join(", "));
        }
        self.out.push_str(" uops [\n");
        for line in words.chunks(UOPS_ON_A_LINE) {
            self.indent();
            writeln!(self.out, "    {},", line.join(", "))?;
        }
        self.indent();
        self.out.push(']');
        Ok(())
    }
}

/// The name of a choice, by what it asks of its first two operands.
pub fn select_name(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Less => "select_lt",
        CompareOp::LessEqual => "select_le",
        CompareOp::Greater => "select_gt",
        CompareOp::GreaterEqual => "select_ge",
        CompareOp::Equal => "select_eq",
        CompareOp::NotEqual => "select_ne",
    }
}

fn micro_op(u: &MicroOp, fields: usize) -> String {
    let needed = match (u.src, u.wgt) {
        (0, 0) => 1,
        (_, 0) => 2,
        _ => 3,
    };
    match fields.max(needed) {
        1 => format!("{}", u.dst),
        2 => format!("({}, {})", u.dst, u.src),
        _ => format!("({}, {}, {})", u.dst, u.src, u.wgt),
    }
}
