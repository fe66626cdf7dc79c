//! Makes products of what sums start from, where that lies in `wgt`: the GEMM core adds it up like everything else.
//!
//! ```text
//! before   @gemm for ot { C[ot, y] = i32(b_buf[ot]) << 8 }
//! after    @gemm for ot { C[ot, y] = 0 }
//!          @gemm for ot { for l in 0..16 { C[ot, y] += i32(one_buf[0, l]) * i32(b_buf[ot, l]) } }
//! ```
//!
//! The weights' tile has each element of `b` in all of its columns, so `b` gets a last dimension along which it repeats. The
//! other factor is a constant of the program: its lanes add up to the power of two by which the element is scaled.
//!
//! What lies in the accumulator is copied by the ALU, so the loops of such a start are no tile of the GEMM core.

use super::BuildError;
use crate::affine::Affine;
use crate::gemm::Core;
use crate::loops::ir::{
    Buffer, BufferId, Index, Leaf, Load, LoopId, LoopProgram, Mark, Origin, Role, Scope, Stmt, Store,
};
use crate::loops::nest::{Nest, NestLoop, accumulation, rewrite_stores, stores, wrap};
use crate::scalar::{BinaryOp, CastMode, DType, Scalar};

pub fn reduction_init(program: &mut LoopProgram, core: Core) -> Result<(), BuildError> {
    unmark_copies(program)?;
    let mut nests = Vec::new();
    stores(&program.body, &mut |nest| nests.push(nest));
    let begun: Vec<(&Nest, Start)> = nests.iter().filter_map(|n| Some((n, start(program, n)?))).collect();
    if begun.is_empty() {
        return Ok(());
    }
    let widened = widened(program, &nests, &begun)?;
    let mut factors = Factors { core, found: Vec::new() };
    for (nest, start) in &begun {
        factors.find(program, nest, start.shift)?;
    }
    for buffer in &widened {
        widen(program, *buffer, core.block_in);
    }
    let body = std::mem::take(&mut program.body);
    let body = rewrite_stores(body, &mut |nest| {
        Ok::<_, BuildError>(match start(program, &nest) {
            Some(start) => started(program, core, nest, &start, &factors),
            None if widened.contains(&nest.store.buffer) => vec![widened_copy(program, core, nest)],
            None => vec![nest.into_stmt()],
        })
    })?;
    program.body = factors.loads(program);
    program.body.extend(body);
    Ok(())
}

/// Takes the marks of the GEMM core from what a sum starts from in the accumulator.
fn unmark_copies(program: &mut LoopProgram) -> Result<(), BuildError> {
    let copies = |program: &LoopProgram, nest: &Nest| {
        let from_acc = |l: &Load| program.buffer(l.buffer).scope == Scope::Acc;
        let load = match &nest.store.value {
            Scalar::Leaf(Leaf::Load(load)) => Some(load),
            _ => None,
        };
        accumulation(&nest.store).is_none() && load.is_some_and(from_acc)
    };
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |mut nest| {
        if copies(program, &nest) {
            nest.loops.iter_mut().for_each(|l| l.mark = l.mark.filter(|mark| *mark != Mark::Gemm));
        }
        Ok::<_, BuildError>(vec![nest.into_stmt()])
    })?;
    Ok(())
}

/// What a sum starts from: an element of a buffer in `wgt`, times a power of two.
struct Start {
    element: Load,
    shift: u32,
}

/// Recognises a tile of the GEMM core that is set to `i32(W[..])` or `i32(W[..]) << shift`.
fn start(program: &LoopProgram, nest: &Nest) -> Option<Start> {
    nest.loops.iter().find(|l| l.mark == Some(Mark::Gemm))?;
    let (value, shift) = match &nest.store.value {
        Scalar::Binary { op: BinaryOp::Shl, left, right } => match &**right {
            Scalar::Const { value, .. } => (&**left, *value as u32),
            _ => return None,
        },
        value => (value, 0),
    };
    let Scalar::Cast { to: DType::I32, value, .. } = value else { return None };
    let Scalar::Leaf(Leaf::Load(element)) = &**value else { return None };
    let found =
        program.buffer(element.buffer).scope == Scope::Wgt && program.buffer(nest.store.buffer).scope == Scope::Acc;
    found.then(|| Start { element: element.clone(), shift })
}

/// The buffers in `wgt` that sums start from, and the inputs that they are copies of. Nothing else may read them, since
/// they get another shape.
fn widened(program: &LoopProgram, nests: &[Nest], begun: &[(&Nest, Start)]) -> Result<Vec<BufferId>, BuildError> {
    let mut found: Vec<BufferId> = Vec::new();
    for (_, start) in begun {
        if !found.contains(&start.element.buffer) {
            found.push(start.element.buffer);
        }
    }
    let copies = found.clone();
    for nest in nests.iter().filter(|n| copies.contains(&n.store.buffer)) {
        match &nest.store.value {
            Scalar::Leaf(Leaf::Load(load)) if program.buffer(load.buffer).role == Role::Input => {
                if !found.contains(&load.buffer) {
                    found.push(load.buffer);
                }
            }
            _ => return Err(refused(program, nest, nest.store.buffer, "it is not a copy of an input".to_string())),
        }
    }
    for nest in nests.iter().filter(|n| !copies.contains(&n.store.buffer) && start(program, n).is_none()) {
        let mut other = None;
        nest.store.value.leaves(&mut |leaf| {
            if let Leaf::Load(l) = leaf {
                other = other.or(Some(l.buffer).filter(|b| found.contains(b)));
            }
        });
        if let Some(b) = other {
            let reader = &program.buffer(nest.store.buffer).name;
            return Err(refused(program, nest, b, format!("`{reader}` reads it as well")));
        }
    }
    Ok(found)
}

fn refused(program: &LoopProgram, nest: &Nest, buffer: BufferId, reason: String) -> BuildError {
    BuildError::Shape {
        tensor: program.buffer(buffer).name.clone(),
        what: "weights that a sum starts from",
        reason,
        origin: nest.origin(),
        help: "the input may be read by one `cache_read(wgt)` only, and the copy by sums only".to_string(),
    }
}

/// Adds a last dimension, along which an input repeats.
fn widen(program: &mut LoopProgram, id: BufferId, size: i64) {
    let buffer = &mut program.buffers[id.0 as usize];
    buffer.shape.push(size);
    buffer.array.push(size);
    buffer.repeats = usize::from(buffer.role == Role::Input);
    if let Some(layout) = buffer.layout.as_mut().filter(|l| !l.order.is_empty()) {
        layout.order.push(buffer.shape.len() - 1);
    }
}

/// The constants by which elements are multiplied.
struct Factors {
    core: Core,
    found: Vec<Factor>,
}

struct Factor {
    shift: u32,
    in_dram: BufferId,
    in_inp: BufferId,
    origin: Origin,
}

impl Factors {
    /// Makes the constant for a shift, if it is not there yet: as many lanes as needed, each the same power of two.
    fn find(&mut self, program: &mut LoopProgram, nest: &Nest, shift: u32) -> Result<(), BuildError> {
        if self.found.iter().any(|f| f.shift == shift) {
            return Ok(());
        }
        let core = self.core;
        let total = 1i64 << shift;
        let lanes = total.min(core.block_in);
        let value = total / lanes;
        let limit = DType::I8.limits().1;
        if value > limit || total % lanes != 0 {
            let reason = format!("{} lanes of at most {limit} do not add up to {total}", core.block_in);
            return Err(BuildError::Shape {
                tensor: program.buffer(nest.store.buffer).name.clone(),
                what: "a product with the factor by which it is scaled",
                reason,
                origin: nest.origin(),
                help: "leave `fold_bias` out, or shift by less".to_string(),
            });
        }
        let origin = nest.origin();
        let mut add = |name: String, scope, role| {
            let buffer = Buffer::new(name, DType::I8, scope, role, vec![core.batch, core.block_in]);
            program.fresh_buffer(Buffer { array: vec![core.batch, lanes], origin, ..buffer })
        };
        let in_dram = add(format!("one_{shift}"), Scope::Dram, Role::Constant(value as i32));
        let in_inp = add(format!("one_{shift}_buf"), Scope::Inp, Role::Temporary);
        self.found.push(Factor { shift, in_dram, in_inp, origin });
        Ok(())
    }

    /// The loads of all constants, which stand in front of everything.
    fn loads(&self, program: &mut LoopProgram) -> Vec<Stmt> {
        let mut stmts = Vec::new();
        for factor in &self.found {
            let core = self.core;
            let origin = factor.origin;
            let mut walk =
                |stem: &str, extent: i64| NestLoop { var: program.new_loop(stem, extent), mark: None, origin };
            let loops = [walk("row", core.batch), walk("lane", core.block_in)];
            let indices: Vec<Index> = loops.iter().map(|l| Affine::var(l.var)).collect();
            let value = Scalar::Leaf(Leaf::Load(Load { buffer: factor.in_dram, indices: indices.clone() }));
            stmts.push(Stmt::Alloc { buffer: factor.in_inp, origin });
            stmts.push(wrap(&loops, Stmt::Store(Store { buffer: factor.in_inp, indices, value, origin })));
        }
        stmts
    }
}

/// A tile set to zero, and the product that makes it what the sum starts from.
fn started(program: &mut LoopProgram, core: Core, nest: Nest, start: &Start, factors: &Factors) -> Vec<Stmt> {
    let factor = factors.found.iter().find(|f| f.shift == start.shift).expect("each shift has its constant");
    let origin = nest.store.origin;
    let fresh: Vec<NestLoop> = nest.loops.iter().map(|l| NestLoop { var: program.fresh_loop(l.var), ..*l }).collect();
    let of = |l: LoopId| {
        let at = nest.loops.iter().position(|n| n.var == l);
        Affine::var(at.map_or(l, |at| fresh[at].var))
    };
    let renamed = |program: &LoopProgram, indices: &[Index]| -> Vec<Index> {
        indices.iter().map(|e| e.substitute(&of, &|l| program.loop_range(l))).collect()
    };
    let (indices, element) = (renamed(program, &nest.store.indices), renamed(program, &start.element.indices));
    let lane = program.new_loop("lane", core.block_in);
    let row = batch_row(program, core, &fresh, &element).map_or(Affine::constant(0), Affine::var);
    let load = |buffer, indices| Scalar::Leaf(Leaf::Load(Load { buffer, indices }));
    let wide = |value| Scalar::cast(DType::I32, CastMode::Wrap, value);
    let along = [element, vec![Affine::var(lane)]].concat();
    let product = Scalar::binary(
        BinaryOp::Mul,
        wide(load(factor.in_inp, vec![row, Affine::var(lane)])),
        wide(load(start.element.buffer, along)),
    );
    let value = Scalar::binary(BinaryOp::Add, load(nest.store.buffer, indices.clone()), product);
    let product = Store { buffer: nest.store.buffer, indices, value, origin };
    let loops = [fresh, vec![NestLoop { var: lane, mark: None, origin }]].concat();
    let zero = Nest { store: Store { value: Scalar::int(0), ..nest.store }, ..nest };
    vec![zero.into_stmt(), wrap(&loops, Stmt::Store(product))]
}

/// The loop of a tile that runs over its rows.
fn batch_row(program: &LoopProgram, core: Core, loops: &[NestLoop], element: &[Index]) -> Option<LoopId> {
    let tile = loops.iter().skip_while(|l| l.mark != Some(Mark::Gemm)).map(|l| l.var);
    let rows = core.batch;
    let is_row = |l: &LoopId| program.loop_var(*l).extent == rows && !element.iter().any(|e| e.mentions(&|v| v == *l));
    tile.filter(|_| rows > 1).find(is_row)
}

/// A copy with the dimension that was added.
fn widened_copy(program: &mut LoopProgram, core: Core, mut nest: Nest) -> Stmt {
    let origin = nest.store.origin;
    let lane = program.new_loop("lane", core.block_in);
    nest.loops.push(NestLoop { var: lane, mark: None, origin });
    nest.store.indices.push(Affine::var(lane));
    nest.store.value.leaves_mut(&mut |leaf| {
        if let Leaf::Load(load) = leaf {
            load.indices.push(Affine::var(lane));
        }
    });
    nest.into_stmt()
}
