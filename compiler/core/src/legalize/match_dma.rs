//! Puts loads and stores of rectangles in the place of copies between DRAM and the scratchpads.
//!
//! ```text
//! before   for w0 in 0..256 { for w1 in 0..16 { W_buf[w0, w1] = W[w0, ro * 16 + w1] } }
//! after    load W_buf[0] <- W[ro] y 16 x 1 stride 16
//! ```
//!
//! A transfer writes or reads the scratchpad in one run, row after row, and steps through DRAM with one stride. Loops that
//! make up such a rectangle go into the instruction, the others stay around it.

use crate::legalize::match_gemm::not_whole;
use crate::legalize::nest::{Nest, NestLoop, rewrite_stores, wrap};
use crate::legalize::seal::DMA_FIELD;
use crate::legalize::tiles::{LaneLoop, strip_walker, tile_ref};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, Direction, Dma, Leaf, Load, LoopProgram, Mark, Scope, Stmt, TileRef};
use crate::scalar::{DType, Scalar};

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |nest| lower(program, cx, nest))?;
    Ok(())
}

fn lower(program: &mut LoopProgram, cx: &Cx, nest: Nest) -> Result<Vec<Stmt>, LegalizeError> {
    let source = copied(program, &nest)?;
    let target = Load { buffer: nest.store.buffer, indices: nest.store.indices.clone() };
    let direction = direction(program, cx, &nest, &source, &target)?;
    let (sram, dram) = match direction {
        Direction::Load => (&target, &source),
        Direction::Store => (&source, &target),
    };
    let lanes = lanes(program, &nest, sram, &source)?;
    let place = |load: &Load| {
        tile_ref(program, load.buffer, &load.indices, &lanes).map_err(|e| not_whole(program, &nest, load, &e))
    };
    let (sram, dram) = (place(sram)?, place(dram)?);
    Ok(vec![rectangle(program, &nest, direction, sram, dram)])
}

/// The read that a nest copies.
fn copied(program: &LoopProgram, nest: &Nest) -> Result<Load, LegalizeError> {
    match nest.store.value.untruncated() {
        Scalar::Leaf(Leaf::Load(l)) => Ok(l.clone()),
        _ => {
            let target = program.buffer(nest.store.buffer);
            let tensorized = nest.loops.iter().any(|l| l.mark == Some(Mark::Gemm));
            Err(LegalizeError::NoUnit {
                buffer: target.name.clone(),
                scope: target.scope,
                operand: None,
                origin: nest.origin(),
                help: no_unit_help(target, tensorized),
            })
        }
    }
}

fn no_unit_help(target: &Buffer, tensorized: bool) -> String {
    let name = &target.name;
    match (target.scope, target.role) {
        (Scope::Dram, crate::loops::ir::Role::Output) => format!(
            "only copies reach DRAM: compute the value in a tensor of its own, `{name}_acc`, set its scope to `acc`, \
             and let `{name}` copy it"
        ),
        (Scope::Dram, _) => format!("everything is computed in the accumulator: `{name}.set_scope(acc)`"),
        _ if tensorized => format!("a GEMM accumulates in `acc`: `{name}.set_scope(acc)`"),
        (scope, _) => format!("`{}` is only filled by loads; values are computed in `acc`", scope.name()),
    }
}

fn direction(
    program: &LoopProgram,
    cx: &Cx,
    nest: &Nest,
    source: &Load,
    target: &Load,
) -> Result<Direction, LegalizeError> {
    let (from, to) = (program.buffer(source.buffer), program.buffer(target.buffer));
    let direction = match (from.scope, to.scope) {
        (Scope::Dram, Scope::Inp | Scope::Wgt | Scope::Acc) => Direction::Load,
        (Scope::Acc, Scope::Dram) => Direction::Store,
        _ => {
            return Err(LegalizeError::NoPath {
                from: from.name.clone(),
                from_scope: from.scope,
                to: to.name.clone(),
                to_scope: to.scope,
                origin: nest.origin(),
                help: path_help(cx, from, to),
            });
        }
    };
    let dram = if direction == Direction::Load { from } else { to };
    let (allowed, fits) = match (direction, to.scope) {
        (Direction::Store, _) => ("only the low 8 bits of each lane (`i8`)", dram.dtype == DType::I8),
        (_, Scope::Acc) => ("only `i32` into `acc`", dram.dtype == DType::I32 || cx.config.capabilities().acc_8bit),
        _ => ("`i8` into `inp` and `wgt`", dram.dtype == DType::I8),
    };
    match fits {
        true => Ok(direction),
        false => Err(LegalizeError::TransferType {
            buffer: dram.name.clone(),
            dtype: dram.dtype.name(),
            allowed,
            origin: nest.origin(),
            help: type_help(direction, dram),
        }),
    }
}

fn type_help(direction: Direction, dram: &Buffer) -> String {
    let name = &dram.name;
    match (direction, dram.dtype) {
        (Direction::Store, _) => format!("store the low 8 bits: `{name}[...] = i8(...)`, after a shift or a `clip`"),
        (_, DType::I8) => format!(
            "make `{name}` an `i32` tensor, or an operand of the GEMM core; loads of `i8` into `acc` take a target with \
             `acc_8bit`"
        ),
        (_, DType::I32) => format!("make `{name}` an `i8` tensor, or load it into `acc`"),
    }
}

fn path_help(cx: &Cx, from: &Buffer, to: &Buffer) -> String {
    match (from.scope, to.scope) {
        (Scope::Dram, Scope::Dram) if from.dtype == DType::I8 && !cx.config.capabilities().acc_8bit => format!(
            "copies go through the accumulator, into which only `i32` is loaded: make `{}` an `i32` tensor",
            from.name
        ),
        (Scope::Dram, Scope::Dram) => format!("go through the accumulator: `{}.cache_read(acc)`", from.name),
        _ => "loads go from DRAM to `inp`, `wgt` or `acc`, and stores from `acc` to DRAM".to_string(),
    }
}

/// The loops that walk the lanes of the scratchpad's buffer; shortened to count tiles.
fn lanes(program: &mut LoopProgram, nest: &Nest, sram: &Load, source: &Load) -> Result<Vec<LaneLoop>, LegalizeError> {
    let buffer = program.buffer(sram.buffer);
    let name = buffer.name.clone();
    let mut lanes = Vec::new();
    for lane in buffer.layout.clone().unwrap_or_default().lanes {
        let index = &sram.indices[lane.dim];
        let stripped = strip_walker(program, &nest.loops, index, lane.size);
        lanes.push(stripped.map_err(|extent| LegalizeError::PartialTile {
            buffer: name.clone(),
            reason: format!(
                "dimension {} of `{name}` is copied {} at a time, and a tile has {}",
                lane.dim,
                extent.unwrap_or(1),
                lane.size
            ),
            origin: nest.origin(),
            help: format!(
                "compute `{}` at a loop further outside, whose iterations take a multiple of {}",
                program.buffer(source.buffer).name,
                lane.size
            ),
        })?);
    }
    Ok(lanes)
}

/// A loop with the steps that it makes in both memories, in tiles.
struct Walker {
    at: NestLoop,
    extent: i64,
    sram: i64,
    dram: i64,
}

fn rectangle(program: &LoopProgram, nest: &Nest, direction: Direction, sram: TileRef, dram: TileRef) -> Stmt {
    let (mut walkers, mut outside) = (Vec::new(), Vec::new());
    for l in nest.loops.iter().map(|l| NestLoop { mark: None, ..*l }) {
        let extent = program.loop_var(l.var).extent;
        match (sram.offset.coefficient(l.var), dram.offset.coefficient(l.var)) {
            _ if extent == 1 => {}
            (Some(s), Some(d)) if s > 0 => walkers.push(Walker { at: l, extent, sram: s, dram: d }),
            _ => outside.push(l),
        }
    }
    walkers.sort_by_key(|w| w.sram);
    let (mut x_size, mut y_size, mut x_stride) = (1, 1, 1);
    for w in walkers {
        let size = x_size * y_size;
        let continues_row = y_size == 1 && w.sram == x_size && w.dram == x_size && x_size * w.extent <= DMA_FIELD;
        let starts_rows = y_size == 1 && w.sram == x_size && (1..=DMA_FIELD).contains(&w.dram) && w.extent <= DMA_FIELD;
        let continues_rows = w.sram == size && w.dram == x_stride * y_size && y_size * w.extent <= DMA_FIELD;
        if continues_row {
            x_size *= w.extent;
            x_stride = x_size;
        } else if starts_rows {
            (y_size, x_stride) = (w.extent, w.dram);
        } else if continues_rows {
            y_size *= w.extent;
        } else {
            outside.push(w.at);
        }
    }
    let used = |l: &NestLoop| !outside.iter().any(|o| o.var == l.var);
    let drop_used = |t: TileRef| TileRef {
        buffer: t.buffer,
        offset: nest.loops.iter().filter(|l| used(l)).fold(t.offset, |e, l| e.without(l.var)),
    };
    let outside: Vec<NestLoop> =
        nest.loops.iter().filter(|l| !used(l)).map(|l| NestLoop { mark: None, ..*l }).collect();
    let (sram, dram) = (drop_used(sram), drop_used(dram));
    let origin = nest.origin();
    wrap(&outside, Stmt::Dma(Dma { direction, sram, dram, y_size, x_size, x_stride, origin }))
}
