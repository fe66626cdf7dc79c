//! The rules of a loop program, checked between passes. `LoopProgram` → nothing, or what is broken, by number of rule.
//!
//! The program as a whole
//!  1. Every id stands in its table.
//!  2. Names of buffers and of loops are unique, each among its kind; they and the program's name are words of the text.
//!  3. Extents of loops and of buffers are in `1..2^31`; a buffer has at most 2^40 elements; its slots are in `1..2^31`, 1
//!     where it is no temporary, and the dimensions that count its copies are there. No array is larger than its buffer.
//!  4. Inputs, constants and outputs lie in DRAM and are never allocated; a temporary is allocated once in the text. Only what
//!     lies in DRAM says what stands outside of it, along dimensions that ascend, only inputs and outputs repeat, along dimensions
//!     that they have, an image is one of an input of the same array, only an output of `i8` is in planes, of which its first
//!     dimension counts 1 to 4, and a constant lies in its type, as do numbers that count.
//!  5. A layout has at most one lane for each dimension; lanes have at least two values and divide their dimension. Its order
//!     names each dimension once, and stands there only where it differs from that of the dimensions.
//!  6. Only a scratchpad's buffer has a base, and it is not negative.
//!  7. Buffers of one scratchpad that have bases and layouts, and whose lifetimes meet (`loops::lifetimes`), do not overlap.
//!
//! Every statement
//!  8. A loop variable is bound once, and used inside its loop only.
//!  9. A temporary is used behind its `Alloc`, in the same block or in one inside it.
//! 10. An element is addressed by one index for each dimension.
//! 11. Numbers in an index are within ±2^31, and no part of it leaves 64 bits in any iteration.
//! 12. Elements that are addressed exist, in every iteration, but for reads of a buffer that says what stands outside.
//! 13. A stored value has a type that its buffer can hold, a constant lies in its type, an index taken as a value in `i32`.
//! 14. A shift's amount, where it is a constant, is in `-31..32`, and so is the immediate of an ALU shift.
//! 15. Inputs and constants are not written.
//!
//! Intrinsics
//! 16. Operands lie in the right memory: `gemm` acc += inp * wgt, `alu` acc, `load` and `store` scratchpad and DRAM.
//! 17. Operands have layouts. Both sides of an ALU operation have tiles of one size, and tiles in DRAM hold whole ones of the
//!     scratchpad with which they are filled or which they fill.
//! 18. Tiles that are addressed exist, in every iteration of the program's and the instruction's loops.
//! 19. Counts are at least 1, the row stride and the padding of a transfer are not negative, and what an instruction does
//!     not use is zero; so is the padding of a store.
//! 20. `inp` and `wgt` hold `i8` and `gemm` sums are `i32`, while a reset takes both; a transfer keeps the type, except that
//!     `acc` takes and gives `i8`.
//!
//! Interval analysis decides 12 and 18. It is exact without divisions; with them, iterations are enumerated where there
//! are few, so a program is refused wrongly only where many iterations meet in a form that no pass makes.

mod bounds;
mod statements;
mod violation;

use std::collections::HashMap;
use std::ops::Range;

use thiserror::Error;
use tilewright_syntax::Diagnostic;

use super::ir::{Buffer, BufferId, Insn, Layout, LoopId, LoopProgram, Origin, Role, Scope, Stmt};
use super::lifetimes::{lifetimes, meet};
use super::print::{print_stmt_head, print_table_entry};
use crate::scalar::DType;

pub use violation::Violation;

/// Largest number in an index, and the limit of extents.
pub const MAX_NUMBER: i64 = 1 << 31;

/// Most elements of a buffer.
pub const MAX_BUFFER_ELEMENTS: i64 = 1 << 40;

/// Further violations are not reported: one mistake in a pass breaks every statement that it made.
const MAX_REPORTED: usize = 20;

/// A broken rule and where it is broken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("rule {}: {violation}\n  in {place}", .violation.rule())]
pub struct VerifyError {
    pub violation: Box<Violation>,
    pub at: Location,
    /// The enclosing loops and the statement, or the buffer, as they are printed.
    pub place: String,
}

/// What of a program breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// The program's name.
    Name,
    /// A declaration.
    Buffer(BufferId),
    /// The head of a loop.
    Loop(LoopId),
    /// A statement, by its positions in the blocks from the body inwards.
    Stmt(Vec<usize>),
}

impl Location {
    /// The origin that the program states for it. None of its own for a name, and for a loop that no statement opens.
    pub fn origin(&self, program: &LoopProgram) -> Origin {
        match self {
            Location::Name => Origin::default(),
            Location::Buffer(b) => program.buffers.get(b.0 as usize).map(|b| b.origin).unwrap_or_default(),
            Location::Loop(l) => head_of(&program.body, *l).unwrap_or_default(),
            Location::Stmt(path) => stmt_at(&program.body, path).map(Stmt::origin).unwrap_or_default(),
        }
    }
}

fn head_of(block: &[Stmt], var: LoopId) -> Option<Origin> {
    block.iter().find_map(|stmt| match stmt {
        Stmt::For(f) if f.var == var => Some(f.origin),
        Stmt::For(f) => head_of(&f.body, var),
        _ => None,
    })
}

fn stmt_at<'p>(block: &'p [Stmt], path: &[usize]) -> Option<&'p Stmt> {
    let (first, rest) = path.split_first()?;
    match (block.get(*first)?, rest) {
        (stmt, []) => Some(stmt),
        (Stmt::For(f), rest) => stmt_at(&f.body, rest),
        _ => None,
    }
}

impl VerifyError {
    /// The stable code.
    pub const CODE: &'static str = "E0410";

    /// What a user is told who wrote the loop program; the caller adds the place.
    pub fn diagnostic(&self) -> Diagnostic {
        let (rule, violation) = (self.violation.rule(), &self.violation);
        let d = Diagnostic::error(Self::CODE, format!("loop program violates rule {rule}: {violation}"))
            .note(format!("in {}", self.place));
        match self.violation.help() {
            Some(help) => d.help(help),
            None => d,
        }
    }
}

/// Checks every rule. The errors stand in the order of the text.
pub fn verify(program: &LoopProgram) -> Result<(), Vec<VerifyError>> {
    let mut verifier = Verifier::new(program);
    verifier.tables();
    // Without valid tables statements cannot be read.
    if verifier.errors.is_empty() {
        verifier.block(&program.body);
    }
    if verifier.errors.is_empty() { Ok(()) } else { Err(verifier.errors) }
}

struct Verifier<'p> {
    program: &'p LoopProgram,
    errors: Vec<VerifyError>,
    path: Vec<usize>,
    /// The statements that `path` leads through, outermost first.
    enclosing: Vec<&'p Stmt>,
    /// The temporaries that may be used here, by id and in order of their `Alloc`s.
    alive: Vec<bool>,
    alive_in_order: Vec<BufferId>,
    lifetimes: Vec<Option<Range<usize>>>,
    allocated: Vec<bool>,
    /// The loops around the current statement, and those met so far.
    open: Vec<bool>,
    bound: Vec<bool>,
}

impl<'p> Verifier<'p> {
    fn new(program: &'p LoopProgram) -> Verifier<'p> {
        let (buffers, loops) = (program.buffers.len(), program.loops.len());
        Verifier {
            program,
            errors: Vec::new(),
            path: Vec::new(),
            enclosing: Vec::new(),
            alive: program.buffers.iter().map(|b| b.role != Role::Temporary).collect(),
            alive_in_order: Vec::new(),
            lifetimes: lifetimes(program),
            allocated: vec![false; buffers],
            open: vec![false; loops],
            bound: vec![false; loops],
        }
    }

    /// Reports a violation by the current statement.
    fn report(&mut self, violation: Violation) {
        let words: Vec<String> = self.enclosing.iter().map(|s| print_stmt_head(self.program, s)).collect();
        self.report_at(violation, Location::Stmt(self.path.clone()), words.join(" > "));
    }

    fn report_at(&mut self, violation: Violation, at: Location, place: String) {
        if self.errors.len() < MAX_REPORTED {
            self.errors.push(VerifyError { violation: Box::new(violation), at, place });
        }
    }

    fn check(&mut self, holds: bool, violation: impl FnOnce() -> Violation) {
        if !holds {
            self.report(violation());
        }
    }

    /// Rules 2 to 6: what can be seen without the statements.
    fn tables(&mut self) {
        let program = self.program;
        if !is_word(&program.name) {
            let name = program.name.clone();
            self.report_at(Violation::Name { name }, Location::Name, format!("program {}", program.name));
        }
        let mut names = HashMap::new();
        for (id, buffer) in (0..).map(BufferId).zip(&program.buffers) {
            let first = names.insert(buffer.name.as_str(), ()).is_none();
            let image = image_violation(program, buffer);
            let violations = name_violation(&buffer.name, first).into_iter().chain(buffer_violations(buffer));
            for violation in violations.chain(image) {
                self.report_at(violation, Location::Buffer(id), print_table_entry(program, buffer));
            }
        }
        let mut names = HashMap::new();
        for (id, l) in (0..).map(LoopId).zip(&program.loops) {
            let first = names.insert(l.name.as_str(), ()).is_none();
            let place = format!("for {} in 0..{}", l.name, l.extent);
            if let Some(violation) = name_violation(&l.name, first) {
                self.report_at(violation, Location::Loop(id), place.clone());
            }
            if !is_extent(l.extent) {
                self.report_at(Violation::Extent { extent: l.extent }, Location::Loop(id), place);
            }
        }
    }

    fn block(&mut self, stmts: &'p [Stmt]) {
        let outer = self.alive_in_order.len();
        for (at, stmt) in stmts.iter().enumerate() {
            self.path.push(at);
            self.enclosing.push(stmt);
            self.stmt(stmt);
            self.enclosing.pop();
            self.path.pop();
        }
        for id in self.alive_in_order.split_off(outer) {
            self.alive[id.0 as usize] = false;
        }
    }

    fn stmt(&mut self, stmt: &'p Stmt) {
        match stmt {
            Stmt::For(s) => self.for_loop(s.var, &s.body),
            Stmt::Alloc { buffer, .. } => self.alloc(*buffer),
            Stmt::Store(s) => self.store(s),
            Stmt::Insn(Insn::Dma(s)) => self.dma(s),
            Stmt::Insn(Insn::Gemm(s)) => self.gemm(s),
            Stmt::Insn(Insn::Alu(s)) => self.alu(s),
        }
    }

    fn for_loop(&mut self, var: LoopId, body: &'p [Stmt]) {
        let slot = var.0 as usize;
        if slot >= self.bound.len() {
            return self.report(Violation::UnknownLoop { id: var });
        }
        let first = !std::mem::replace(&mut self.bound[slot], true);
        self.check(first, || Violation::BoundTwice { name: self.program.loops[slot].name.clone() });
        let outer = std::mem::replace(&mut self.open[slot], true);
        self.block(body);
        self.open[slot] = outer;
    }

    fn alloc(&mut self, id: BufferId) {
        let Some(buffer) = self.program.buffers.get(id.0 as usize) else {
            return self.report(Violation::UnknownBuffer { id });
        };
        let name = || buffer.name.clone();
        if buffer.role != Role::Temporary {
            return self.report(Violation::AllocatedInterface { name: name() });
        }
        let first = !std::mem::replace(&mut self.allocated[id.0 as usize], true);
        if !first {
            return self.report(Violation::AllocatedTwice { name: name() });
        }
        let shares = |b: &&BufferId| overlap(self.program.buffer(**b), buffer) && self.live_together(**b, id);
        if let Some(other) = self.alive_in_order.iter().find(shares).map(|b| self.program.buffer(*b)) {
            let (tiles, other_tiles) = (place(buffer).unwrap_or_default(), place(other).unwrap_or_default());
            let (name, other, scope) = (name(), other.name.clone(), buffer.scope);
            self.report(Violation::Overlap { name, tiles, other, other_tiles, scope });
        }
        self.alive[id.0 as usize] = true;
        self.alive_in_order.push(id);
    }

    fn live_together(&self, a: BufferId, b: BufferId) -> bool {
        let life = |b: BufferId| self.lifetimes[b.0 as usize].as_ref();
        life(a).zip(life(b)).is_some_and(|(a, b)| meet(a, b))
    }
}

/// Whether a name can be written in the text: letters, digits and `_`, and single dots inside.
pub fn is_word(name: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    name.split('.').all(word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_extent(n: i64) -> bool {
    (1..MAX_NUMBER).contains(&n)
}

fn name_violation(name: &str, first: bool) -> Option<Violation> {
    let name = name.to_owned();
    match first {
        _ if !is_word(&name) => Some(Violation::Name { name }),
        false => Some(Violation::NameTwice { name }),
        true => None,
    }
}

/// An image is one of an input that is none itself, and holds the same array.
fn image_violation(program: &LoopProgram, image: &Buffer) -> Option<Violation> {
    let of = image.image_of.as_ref()?;
    let sound = |b: &Buffer| b.role == Role::Input && b.repeats <= b.array.len() && b.planes.is_none();
    let same = |b: &Buffer| {
        let alike = sound(b) && b.user_shape() == image.user_shape() && b.dtype == image.dtype;
        b.name == *of && b.image_of.is_none() && alike
    };
    let found = sound(image) && program.buffers.iter().any(same);
    (!found).then(|| Violation::Image { name: image.name.clone(), of: of.clone() })
}

/// Rules 3 to 6 for one buffer. A layout is looked at only where the shape is sound.
fn buffer_violations(b: &Buffer) -> Vec<Violation> {
    if let Some(&extent) = b.shape.iter().find(|n| !is_extent(**n)) {
        return vec![Violation::Extent { extent }];
    }
    let elements = b.shape.iter().try_fold(1i64, |n, d| n.checked_mul(*d));
    if elements.is_none_or(|n| n > MAX_BUFFER_ELEMENTS) {
        return vec![Violation::TooManyElements];
    }
    if !is_extent(b.slots) || b.slots > 1 && b.role != Role::Temporary {
        return vec![Violation::Slots { slots: b.slots }];
    }
    if b.copies > b.shape.len() {
        return vec![Violation::Copies { copies: b.copies, dims: b.shape.len() }];
    }
    let mut found = Vec::new();
    let inside = b.shape.iter().zip(&b.array).all(|(n, own)| (1..=*n).contains(own));
    if b.array.len() != b.shape.len() || !inside {
        found.push(Violation::Array { array: b.array.clone(), shape: b.shape.clone() });
    }
    if let Some(outside) = &b.outside {
        let (ascend, last) = (outside.dims.is_sorted_by(|a, b| a < b), outside.dims.last());
        if b.scope != Scope::Dram {
            found.push(Violation::Outside { name: b.name.clone() });
        } else if !ascend || last.is_some_and(|dim| *dim >= b.shape.len()) {
            found.push(Violation::OutsideDimensions { dims: outside.dims.clone(), all: b.shape.len() });
        }
    }
    let interface = matches!(b.role, Role::Input | Role::Output);
    let planes = usize::from(b.planes.is_some());
    if b.repeats + planes > b.array.len() || b.repeats > 0 && !interface {
        found.push(Violation::Repeats { name: b.name.clone() });
    }
    let planes = b.array.first().is_some_and(|planes| (1..=4).contains(planes) && b.shape.first() == Some(planes));
    if b.planes.is_some() && (b.role != Role::Output || b.dtype != DType::I8 || !planes) {
        found.push(Violation::Planes { name: b.name.clone() });
    }
    let held = match b.role {
        Role::Constant(value) => vec![value.into()],
        Role::Counted(first) => vec![first.into(), i64::from(first) + b.array.first().map_or(0, |n| n - 1)],
        Role::Input | Role::Output | Role::Temporary => Vec::new(),
    };
    let (least, greatest) = b.dtype.limits();
    if let Some(value) = held.into_iter().find(|value| !(least..=greatest).contains(value)) {
        found.push(Violation::Constant { value, dtype: b.dtype });
    }
    if b.role != Role::Temporary && b.scope != Scope::Dram {
        found.push(Violation::InterfaceScope { scope: b.scope });
    }
    found.extend(layout_violation(b));
    match b.base {
        Some(base) if base < 0 => found.push(Violation::NegativeBase { base }),
        Some(_) if b.scope == Scope::Dram => found.push(Violation::BaseInDram),
        _ => {}
    }
    found
}

fn layout_violation(b: &Buffer) -> Option<Violation> {
    let Layout { lanes, order } = b.layout.as_ref()?;
    let mut named = order.clone();
    named.sort_unstable();
    if !order.is_empty() && (order.is_sorted() || !named.into_iter().eq(0..b.shape.len())) {
        return Some(Violation::Order { order: order.clone(), dims: b.shape.len() });
    }
    lanes.iter().enumerate().find_map(|(at, lane)| {
        let Some(extent) = b.shape.get(lane.dim) else {
            return Some(Violation::LaneDimension { dim: lane.dim, dims: b.shape.len() });
        };
        if lanes[..at].iter().any(|l| l.dim == lane.dim) {
            return Some(Violation::LaneTwice { dim: lane.dim });
        }
        let fits = lane.size >= 2 && extent % lane.size == 0;
        (!fits).then_some(Violation::LaneSize { dim: lane.dim, size: lane.size, extent: *extent })
    })
}

/// Whether two buffers have bases in one scratchpad and share an element of it.
fn overlap(a: &Buffer, b: &Buffer) -> bool {
    match place(a).zip(place(b)) {
        Some((a_tiles, b_tiles)) => a.scope == b.scope && meet(&a_tiles, &b_tiles),
        None => false,
    }
}

/// The tiles of its scratchpad that a buffer holds, where it has a base and a layout.
fn place(b: &Buffer) -> Option<Range<i64>> {
    b.layout.as_ref()?;
    b.base.map(|base| base..base.saturating_add(b.tiles()))
}
