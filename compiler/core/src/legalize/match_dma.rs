//! Puts loads and stores of rectangles in the place of copies between DRAM and the scratchpads.
//!
//! ```text
//! before   for w0 in 0..256 { for w1 in 0..16 { W_buf[w0, w1] = W[w0, ro * 16 + w1] } }
//! after    load W_buf[0] <- W[ro] y 16 x 1 stride 16
//! ```
//!
//! A transfer writes or reads the scratchpad in one run, row after row, and steps through DRAM with one stride. Loops that
//! make up such a rectangle go into the instruction, the others stay around it.

use tilewright_isa::limits::MAX_SIZE;

use crate::affine::Affine;
use crate::legalize::match_gemm::not_whole;
use crate::legalize::tiles::{LaneLoop, has_tiles, strip_walker, tile_ref};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{
    Buffer, Direction, Dma, Insn, Leaf, Load, LoopId, LoopProgram, Mark, Pad, Scope, Stmt, TileRef,
};
use crate::loops::nest::{Nest, NestLoop, rewrite_stores, split_loop, wrap};
use crate::scalar::{DType, Scalar};

pub fn run(program: &mut LoopProgram, cx: &Cx) -> Result<(), LegalizeError> {
    let (body, loops) = (std::mem::take(&mut program.body), program.loops.len());
    program.body = rewrite_stores(body, &mut |nest| lower(program, cx, nest))?;
    if program.loops.len() > loops {
        crate::loops::canonicalize(program);
    }
    Ok(())
}

fn lower(program: &mut LoopProgram, cx: &Cx, mut nest: Nest) -> Result<Vec<Stmt>, LegalizeError> {
    let target = |nest: &Nest| Load { buffer: nest.store.buffer, indices: nest.store.indices.clone() };
    let direction = direction(program, cx, &nest, &copied(program, &nest)?, &target(&nest))?;
    if !has_tiles(program, cx.core(), &nest.store) {
        return Ok(vec![nest.into_stmt()]);
    }
    split_tiles(program, &mut nest, direction)?;
    let (source, target) = (copied(program, &nest)?, target(&nest));
    let (sram, dram) = match direction {
        Direction::Load => (&target, &source),
        Direction::Store => (&source, &target),
    };
    let lanes = lanes(program, &nest, sram, &source)?;
    let place = |program: &LoopProgram, load: &Load| {
        tile_ref(program, load.buffer, &load.indices, &lanes).map_err(|e| not_whole(program, &nest, load, &e))
    };
    // The steps in the scratchpad are those of the loops with their padding.
    let sram = place(program, sram)?;
    let (dram, padded) = padding(program, &nest, dram)?;
    let dram = place(program, &dram)?;
    Ok(vec![rectangle(program, &nest, Transfer { direction, sram, dram, padded })?])
}

/// Takes loops apart that walk through tiles in DRAM of which each holds several of the scratchpad's, so that each of the two
/// steps through DRAM evenly: one over those tiles, and one inside of a tile.
fn split_tiles(program: &mut LoopProgram, nest: &mut Nest, direction: Direction) -> Result<(), LegalizeError> {
    let source = copied(program, nest)?;
    let own = [source.buffer, nest.store.buffer].map(|b| program.buffer(b).layout.clone().unwrap_or_default());
    if own[0].lane_count() == own[1].lane_count() {
        return Ok(());
    }
    let (dram, layout) = match direction {
        Direction::Load => (source.indices, &own[0]),
        Direction::Store => (nest.store.indices.clone(), &own[1]),
    };
    for lane in &layout.lanes {
        let index = &dram[lane.dim];
        let walker = nest.loops.iter().position(|l| index.coefficient(l.var) == Some(1) && l.mark.is_none());
        let Some(at) = walker else { continue };
        let var = nest.loops[at].var;
        let starts = index.without(var).modulo(lane.size, &|l| program.loop_range(l)) == Affine::constant(0);
        let extent = program.loop_var(var).extent;
        if starts && extent > lane.size && extent % lane.size == 0 {
            split_loop(program, nest, at, lane.size);
        }
    }
    Ok(())
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
        (Scope::Acc, Scope::Dram) => Direction::Store,
        (Scope::Dram, to) if to != Scope::Dram => Direction::Load,
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
        (Direction::Store, _) => ("only the low 8 bits of each lane (`i8`)".to_owned(), dram.dtype == DType::I8),
        (_, to) if to.is_operand() => {
            (format!("`i8` into {}", Scope::listed(Scope::is_operand, "and")), dram.dtype == DType::I8)
        }
        _ => ("only `i32` into `acc`".to_owned(), dram.dtype == DType::I32 || cx.config.capabilities().acc_8bit),
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
        _ => format!("loads go from DRAM to {}, and stores from `acc` to DRAM", Scope::listed(|_| true, "or")),
    }
}

/// The loops that walk the lanes of the scratchpad's buffer; shortened to count tiles.
fn lanes(program: &mut LoopProgram, nest: &Nest, sram: &Load, source: &Load) -> Result<Vec<LaneLoop>, LegalizeError> {
    let buffer = program.buffer(sram.buffer);
    let name = buffer.name.clone();
    let mut lanes = Vec::new();
    for lane in buffer.layout.clone().unwrap_or_default().lanes {
        let index = &sram.indices[lane.dim];
        let target = (nest.store.buffer, nest.store.indices.as_slice());
        let stripped = strip_walker(program, &nest.loops, index, lane.size, target);
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

/// Iterations of a loop that read outside of the array: before and behind those that read it.
struct Padded {
    var: LoopId,
    tiles: [i64; 2],
}

/// Takes out of the loops what lies outside of the array that is read: the access without it, and what was taken from which
/// loop. Arrays end with a tile, so of a dimension in lanes whole tiles lie outside.
fn padding(program: &mut LoopProgram, nest: &Nest, dram: &Load) -> Result<(Load, Vec<Padded>), LegalizeError> {
    let buffer = program.buffer(dram.buffer).clone();
    let Some(outside) = buffer.outside.as_ref().map(|o| o.value) else { return Ok((dram.clone(), Vec::new())) };
    let (mut inside, mut padded) = (dram.clone(), Vec::new());
    for (dim, extent) in buffer.shape.iter().enumerate() {
        let index = &dram.indices[dim];
        // Loops over lanes count tiles by here, while what stands beside them in an index counts elements.
        let lane = buffer.layout.as_ref().map_or(1, |l| l.lane_size(dim));
        let walker = nest.loops.iter().map(|l| l.var).find(|v| index.coefficient(*v) == Some(1));
        let start = walker.map_or(index.clone(), |v| index.without(v)).range(&|l| program.loop_range(l));
        let (first, last) = (start.min.div_euclid(lane), start.max.div_euclid(lane));
        let (walked, whole) = (walker.map_or(1, |v| program.loop_var(v).extent), extent / lane);
        if first >= 0 && last + walked <= whole {
            continue;
        }
        let refused = |reason: &str| {
            let (buffer, what, reason) = (buffer.name.clone(), LegalizeError::PADDED_LOAD, reason.to_string());
            let help = "let each block overlap the array in each dimension, or pass an array with its border";
            Err(LegalizeError::Shape { buffer, what, reason, origin: nest.origin(), help: help.to_string() })
        };
        if outside != 0 {
            return refused(&format!("the machine pads with zeros, and the pad value of the array is {outside}"));
        }
        let Some(var) = walker else {
            return refused("no loop runs over the dimension that is read outside its bounds");
        };
        // What is taken from a loop is taken from each dimension that it walks, and pads a transfer in one.
        if dram.indices.iter().enumerate().any(|(other, e)| other != dim && e.mentions(&|v| v == var)) {
            return refused("the loop over it runs over another dimension as well");
        }
        if start.min != start.max {
            return refused("how much of it is outside changes from one iteration to the next");
        }
        if start.min % lane != 0 {
            return refused("it begins inside a tile");
        }
        let own = &mut program.loops[var.0 as usize].extent;
        let tiles = [(-first).max(0), (first + *own - whole).max(0)];
        if *own - tiles[0] - tiles[1] < 1 {
            return refused("no part of it is inside the array");
        }
        *own -= tiles[0] + tiles[1];
        inside.indices[dim] = index.plus_constant(tiles[0] * lane);
        padded.push(Padded { var, tiles });
    }
    Ok((inside, padded))
}

/// Both sides of a copy, in tiles.
struct Transfer {
    direction: Direction,
    sram: TileRef,
    dram: TileRef,
    padded: Vec<Padded>,
}

/// A loop with the steps that it makes in both memories, in tiles.
struct Walker {
    at: NestLoop,
    extent: i64,
    pad: [i64; 2],
    sram: i64,
    dram: i64,
}

/// What an instruction transfers so far.
struct Rectangle {
    x_size: i64,
    y_size: i64,
    x_stride: i64,
    pad: Pad,
}

impl Rectangle {
    /// Draws a loop into the rectangle, if it continues it. One that runs once makes no step in DRAM.
    fn take(&mut self, w: &Walker) -> bool {
        let [plain, plain_x, plain_y] = [w.pad, self.pad.x, self.pad.y].map(|pad| pad == [0, 0]);
        let width = self.pad.x[0] + self.x_size + self.pad.x[1];
        let steps = |by: i64| w.extent == 1 || w.dram == by;
        let one_row = self.y_size == 1 && plain_y && w.sram == width;
        let longer =
            self.x_size * w.extent <= i64::from(MAX_SIZE) && steps(self.x_size) && plain_x && (plain || width == 1);
        let strided = w.extent <= i64::from(MAX_SIZE) && (w.extent == 1 || (1..=i64::from(MAX_SIZE)).contains(&w.dram));
        let higher = plain && plain_y && w.sram == width * self.y_size && steps(self.x_stride * self.y_size);
        if one_row && longer {
            (self.x_size, self.pad.x) = (self.x_size * w.extent, w.pad);
            self.x_stride = self.x_size;
        } else if one_row && strided {
            (self.y_size, self.pad.y) = (w.extent, w.pad);
            self.x_stride = if w.extent == 1 { self.x_size } else { w.dram };
        } else if higher && self.y_size * w.extent <= i64::from(MAX_SIZE) {
            self.y_size *= w.extent;
        } else {
            return false;
        }
        true
    }
}

fn rectangle(program: &LoopProgram, nest: &Nest, transfer: Transfer) -> Result<Stmt, LegalizeError> {
    let Transfer { direction, sram, dram, padded } = transfer;
    let (mut walkers, mut outside) = (Vec::new(), Vec::new());
    for at in &nest.loops {
        let l = NestLoop { mark: None, ..*at };
        let extent = program.loop_var(l.var).extent;
        let pad = padded.iter().find(|p| p.var == l.var).map_or([0, 0], |p| p.tiles);
        match (sram.offset.coefficient(l.var), dram.offset.coefficient(l.var)) {
            _ if extent == 1 && pad == [0, 0] => {}
            _ if at.mark == Some(Mark::Unroll) => outside.push(l),
            (Some(s), Some(d)) if s > 0 => walkers.push(Walker { at: l, extent, pad, sram: s, dram: d }),
            _ => outside.push(l),
        }
    }
    walkers.sort_by_key(|w| w.sram);
    let mut rectangle = Rectangle { x_size: 1, y_size: 1, x_stride: 1, pad: Pad::default() };
    let rest = walkers.iter().filter(|w| !rectangle.take(w));
    outside.extend(rest.map(|w| w.at));
    if let Some(p) = padded.iter().find(|p| outside.iter().any(|o| o.var == p.var)) {
        let reason = format!(
            "the loop `{}` goes outside the array and does not run along its rows",
            program.loop_var(p.var).name
        );
        let (buffer, what, origin) =
            (program.buffer(sram.buffer).name.clone(), LegalizeError::PADDED_LOAD, nest.origin());
        let ordered = program.buffer(dram.buffer).layout.as_ref().is_some_and(|l| !l.order.is_empty());
        let which = if ordered { ", in the order of `layout`," } else { "" };
        let help = format!("only the last two tiled dimensions{which} can be padded");
        return Err(LegalizeError::Shape { buffer, what, reason, origin, help });
    }
    let used = |l: &NestLoop| !outside.iter().any(|o| o.var == l.var);
    let drop_used = |t: TileRef| TileRef {
        buffer: t.buffer,
        offset: nest.loops.iter().filter(|l| used(l)).fold(t.offset, |e, l| e.without(l.var)),
    };
    let outside: Vec<NestLoop> =
        nest.loops.iter().filter(|l| !used(l)).map(|l| NestLoop { mark: None, ..*l }).collect();
    let (sram, dram) = (drop_used(sram), drop_used(dram));
    let Rectangle { x_size, y_size, x_stride, pad } = rectangle;
    let dma = Dma { direction, sram, dram, y_size, x_size, x_stride, pad, origin: nest.origin() };
    Ok(wrap(&outside, Stmt::Insn(Insn::Dma(dma))))
}
