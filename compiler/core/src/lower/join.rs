//! The loops of several kernels, one after the other → one loop program. Tensors that one kernel computes and another one
//! reads become one buffer in DRAM, allocated where the first of them begins.
//!
//! ```text
//! T: alloc C ... Y[i, j] = ...   Z: alloc C ... = X[i, r] ...     (Y is `T` in the program, and so is X)
//! →   alloc T: i8[1, 64] @dram;  alloc T.C ... T[T.i, T.j] = ...;  alloc Z.C ... = T[Z.i, Z.r] ...
//! ```
//!
//! Names of what a kernel keeps to itself stand behind the name of its call, so they stay unique. A buffer has room for
//! what the tiles of every kernel touch, what one of them says stands outside of it, and the order of tiles that one of them
//! asks for. Two orders for one tensor are an error.

use std::collections::{BTreeMap, HashMap};

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use crate::affine::Interval;
use crate::loops::canonicalize;
use crate::loops::ir::{Buffer, BufferId, LoopId, LoopProgram, LoopVar, Origin, Outside, Role, Stmt};
use crate::loops::rename::Renaming;
use crate::tensor::Kernel;

/// The loops of one call.
#[derive(Clone, Debug)]
pub struct Part {
    /// The name of the call; no two have the same.
    pub name: String,
    pub program: LoopProgram,
    /// What the kernel's inputs and outputs are in the joined program.
    pub tensors: BTreeMap<String, String>,
}

/// Two calls whose schedules lay the tensor out that passes from one to the other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("conflicting layouts of `{tensor}`")]
pub struct TwoOrders {
    pub tensor: String,
    /// The directives, in the order of the calls.
    pub first: Option<Span>,
    pub second: Option<Span>,
}

impl TwoOrders {
    /// The error's stable code.
    pub const CODE: &'static str = "E0506";

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut d = Diagnostic::error(Self::CODE, self.to_string());
        if let Some(span) = self.second {
            d = d.primary(span, "here its tiles are in one order");
        }
        if let Some(span) = self.first {
            d = d.secondary(span, "here they are in another");
        }
        d.help("name the dimensions in the same order in both schedules, or leave one directive out: the other then applies to both")
    }
}

/// Joins the loops of calls, in their order. `kernel` computes what all of them do.
pub fn join(kernel: &Kernel, parts: Vec<Part>) -> Result<LoopProgram, TwoOrders> {
    let (buffers, loops, body) = (Vec::new(), Vec::new(), Vec::new());
    let program = LoopProgram { name: kernel.name.clone(), buffers, loops, body };
    let mut joined = Joined { kernel, program, shared: HashMap::new(), differ: None };
    (0..).zip(parts).for_each(|(call, part)| joined.append(call, part));
    canonicalize(&mut joined.program);
    joined.differ.map_or(Ok(joined.program), Err)
}

struct Joined<'a> {
    kernel: &'a Kernel,
    program: LoopProgram,
    /// The buffers of tensors that the program names.
    shared: HashMap<String, BufferId>,
    /// The first tensor that two calls lay out in two orders.
    differ: Option<TwoOrders>,
}

impl Joined<'_> {
    fn append(&mut self, call: u32, mut part: Part) {
        part.program.buffers.iter_mut().for_each(|buffer| buffer.origin.call = call);
        number(&mut part.program.body, call);
        let ids: Vec<BufferId> = part.program.buffers.iter().map(|buffer| self.buffer(&part, buffer)).collect();
        let first = self.program.loops.len() as u32;
        let own = part.program.loops.iter();
        self.program.loops.extend(own.map(|l| LoopVar { name: qualified(&part, &l.name), extent: l.extent }));
        let loops = &self.program.loops;
        let renaming = Renaming {
            buffer: &|id| ids[id.0 as usize],
            var: &|id| LoopId(first + id.0),
            range: &|id| Interval::below(loops[id.0 as usize].extent),
        };
        let mut body = part.program.body;
        renaming.stmts(&mut body);
        self.program.body.extend(body);
    }

    /// What a buffer of a part is in the whole; made and allocated if it is not there yet.
    fn buffer(&mut self, part: &Part, buffer: &Buffer) -> BufferId {
        let next = BufferId(self.program.buffers.len() as u32);
        let Some(name) = part.tensors.get(&buffer.name).filter(|_| buffer.role != Role::Temporary) else {
            self.program.buffers.push(Buffer { name: qualified(part, &buffer.name), ..buffer.clone() });
            return next;
        };
        if let Some(id) = self.shared.get(name) {
            let there = &mut self.program.buffers[id.0 as usize];
            there.outside = joined_outside(there.outside.take(), &buffer.outside);
            match (&there.layout, &buffer.layout) {
                (None, Some(_)) => {
                    there.layout = buffer.layout.clone();
                    there.origin.directive = buffer.origin.directive;
                }
                (Some(first), Some(second)) if first != second => {
                    let (first, second) = (there.origin.directive, buffer.origin.directive);
                    self.differ.get_or_insert(TwoOrders { tensor: name.clone(), first, second });
                }
                _ => {}
            }
            for (extent, touched) in there.shape.iter_mut().zip(&buffer.shape) {
                *extent = (*extent).max(*touched);
            }
            return *id;
        }
        self.shared.insert(name.clone(), next);
        let (role, origin) = self.place(name, buffer.origin);
        self.program.buffers.push(Buffer { name: name.clone(), role, origin, ..buffer.clone() });
        if role == Role::Temporary {
            self.program.body.push(Stmt::Alloc { buffer: next, origin });
        }
        next
    }

    /// How a tensor takes part in the program, and where it comes from: what comes from outside, from the program itself.
    fn place(&self, name: &str, origin: Origin) -> (Role, Origin) {
        let tensor = self.kernel.find(name).map(|id| self.kernel.tensor(id));
        match tensor {
            Some(t) if t.is_input() => (Role::Input, Origin { tensor: Some(t.span), ..origin }),
            Some(t) if t.output => (Role::Output, origin),
            _ => (Role::Temporary, origin),
        }
    }
}

/// What stands outside of a tensor that two kernels read; they agree on the value.
fn joined_outside(first: Option<Outside>, second: &Option<Outside>) -> Option<Outside> {
    match (first, second) {
        (Some(mut first), Some(second)) => {
            first.dims.extend(&second.dims);
            first.dims.sort_unstable();
            first.dims.dedup();
            Some(first)
        }
        (first, second) => first.or_else(|| second.clone()),
    }
}

/// Notes in all statements which call they are from.
fn number(stmts: &mut [Stmt], call: u32) {
    for stmt in stmts {
        stmt.origin_mut().call = call;
        if let Stmt::For(f) = stmt {
            number(&mut f.body, call);
        }
    }
}

fn qualified(part: &Part, name: &str) -> String {
    format!("{}.{name}", part.name)
}
