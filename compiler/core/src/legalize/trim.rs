//! Cuts off the ends of copies for the GEMM core that nobody reads. Loop program → loop program.
//!
//! ```text
//! before   for a in 0..16 { X_buf[a] = X[a - 1] }; for x in 0..14 { ... X_buf[x + 1] ... }
//! after    for a in 0..14 { X_buf[a] = X[a] };     for x in 0..14 { ... X_buf[x] ... }
//! ```
//!
//! Bounds inference gives a copy all that the loops reach, and products with the border of an image are left out only when
//! they are built. Without the border a transfer has no zeros to write, rows follow each other without a gap, and the buffer
//! is smaller.
//!
//! The pieces of a loop that was cut have a buffer each, which share storage as long as they are equal (`slots`); so what one
//! of them needs, all of them keep. Left whole are dimensions in which lanes of a tile lie, and those that a writer walks by
//! anything but a loop of its own.

use std::collections::HashMap;

use crate::affine::{Affine, Interval};
use crate::legalize::nest::{
    Nest, drop_empty_loops, equal_copies, is_intrinsic, rewrite_stores, stores, substitute_loop, tile_loops,
};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, Index, Leaf, Load, LoopId, LoopProgram, Mark, Scope};
use crate::scalar::Scalar;

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    if program.body.iter().any(is_intrinsic) {
        return Ok(());
    }
    let mut nests = Vec::new();
    stores(&program.body, &mut |nest| nests.push(nest));
    let kept = kept(program, &nests);
    if kept.is_empty() {
        return Ok(());
    }
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |nest| Ok::<_, LegalizeError>(trimmed(program, nest, &kept)))?;
    drop_empty_loops(&mut program.body);
    for ((buffer, dim), range) in kept {
        let buffer = &mut program.buffers[buffer.0 as usize];
        for extents in [&mut buffer.shape, &mut buffer.array] {
            extents[dim] = extents[dim].min(range.max + 1) - range.min;
        }
    }
    crate::loops::canonicalize(program);
    Ok(())
}

/// The indices that are kept of a dimension of a buffer, where these are not all.
type Kept = HashMap<(BufferId, usize), Interval>;

fn kept(program: &LoopProgram, nests: &[Nest]) -> Kept {
    let mut kept = Kept::new();
    for group in equal_copies(program, nests).into_iter().filter(|g| is_operand(program.buffer(g[0]))) {
        let rank = program.buffer(group[0]).shape.len();
        for dim in 0..rank {
            let Some(range) = reads(program, nests, &group, dim) else { continue };
            let whole = Interval::below(program.buffer(group[0]).shape[dim]);
            let free = || writers(nests, &group).all(|nest| written(program, nest, dim, range).is_some());
            if range != whole && range.min >= 0 && range.max <= whole.max && free() {
                kept.extend(group.iter().map(|b| ((*b, dim), range)));
            }
        }
    }
    kept
}

/// Whether only products read a buffer, whose tiles have no place yet.
fn is_operand(buffer: &Buffer) -> bool {
    let lies = buffer.base.is_some() || buffer.layout.as_ref().is_some_and(|l| !l.lanes.is_empty());
    matches!(buffer.scope, Scope::Inp | Scope::Wgt) && !lies
}

fn writers<'a>(nests: &'a [Nest], group: &'a [BufferId]) -> impl Iterator<Item = &'a Nest> {
    nests.iter().filter(|nest| group.contains(&nest.store.buffer))
}

/// The indices of a dimension that are read; none where nothing is, or where lanes walk it.
fn reads(program: &LoopProgram, nests: &[Nest], group: &[BufferId], dim: usize) -> Option<Interval> {
    let mut found: Option<Interval> = None;
    for nest in nests {
        let tile = tile_loops(nest);
        for load in loads(nest).into_iter().filter(|load| group.contains(&load.buffer)) {
            let index = &load.indices[dim];
            if tile.iter().any(|l| index.mentions(&|v| v == l.var)) {
                return None;
            }
            let range = index.range(&|l| program.loop_range(l));
            found = Some(found.map_or(range, |f| Interval::new(f.min.min(range.min), f.max.max(range.max))));
        }
    }
    found
}

fn loads(nest: &Nest) -> Vec<&Load> {
    let mut found = Vec::new();
    nest.store.value.leaves(&mut |leaf| {
        if let Leaf::Load(load) = leaf {
            found.push(load);
        }
    });
    found
}

/// Which iterations of a copy write what is kept.
enum Written {
    All,
    None,
    /// Those of one loop in this range.
    Of(LoopId, Interval),
}

/// None where that is not a matter of one loop that is free to be shortened.
fn written(program: &LoopProgram, nest: &Nest, dim: usize, kept: Interval) -> Option<Written> {
    if !matches!(nest.store.value, Scalar::Leaf(Leaf::Load(_))) {
        return None;
    }
    let index = &nest.store.indices[dim];
    let range = index.range(&|l| program.loop_range(l));
    if kept.min <= range.min && range.max <= kept.max {
        return Some(Written::All);
    }
    if range.max < kept.min || kept.max < range.min {
        return Some(Written::None);
    }
    let var = index.plus_constant(-index.offset()).as_var()?;
    let own = nest.loops.iter().find(|l| l.var == var)?;
    let alone = nest.store.indices.iter().filter(|e| e.mentions(&|v| v == var)).count() == 1;
    if !alone || !matches!(own.mark, None | Some(Mark::DmaCopy)) {
        return None;
    }
    let of = Interval::new(kept.min.max(range.min) - index.offset(), kept.max.min(range.max) - index.offset());
    Some(Written::Of(var, of))
}

/// A nest without the iterations that write what is cut off, and with indices that count from what is kept.
fn trimmed(program: &mut LoopProgram, mut nest: Nest, kept: &Kept) -> Vec<crate::loops::ir::Stmt> {
    let buffer = nest.store.buffer;
    for dim in 0..nest.store.indices.len() {
        let Some(range) = kept.get(&(buffer, dim)) else { continue };
        match written(program, &nest, dim, *range) {
            None | Some(Written::All) => {}
            Some(Written::None) => return Vec::new(),
            Some(Written::Of(var, iterations)) => {
                let first = Affine::var(var).plus_constant(iterations.min);
                substitute_loop(program, &mut nest, var, &first);
                program.loops[var.0 as usize].extent = iterations.max - iterations.min + 1;
            }
        }
    }
    let shift = |b: BufferId, indices: &mut [Index]| {
        for (dim, index) in indices.iter_mut().enumerate() {
            if let Some(range) = kept.get(&(b, dim)) {
                *index = index.plus_constant(-range.min);
            }
        }
    };
    shift(buffer, &mut nest.store.indices);
    nest.store.value.leaves_mut(&mut |leaf| {
        if let Leaf::Load(load) = leaf {
            shift(load.buffer, &mut load.indices);
        }
    });
    vec![nest.into_stmt()]
}

#[cfg(test)]
mod tests {
    use tilewright_isa::Config;
    use tilewright_syntax::FileId;

    use super::*;
    use crate::loops::parse::parse;
    use crate::loops::print::{PrintOptions, print};

    /// A copy with a border of one, of which the products read what `index` says.
    fn program(extent: i64, index: &str) -> String {
        format!(
            "program p {{
    input X: i8[16, 14] @dram outside 0
    input W: i8[16, 16] @dram
    output Y: i8[16, 14] @dram
    alloc C: i32[16, 14] @acc
    alloc X_buf: i8[16, 16] @inp
    for a in 0..16 {{
        for b in 0..16 {{
            X_buf[a, b] = X[a, b - 1]
        }}
    }}
    for x in 0..{extent} {{
        @gemm for o in 0..16 {{
            for c in 0..16 {{
                C[o, x] = C[o, x] + i32(X_buf[c, {index}]) * i32(W[o, c])
            }}
        }}
    }}
}}
"
        )
    }

    fn trimmed_text(text: &str) -> String {
        let mut program = parse(FileId::default(), text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        run(&mut program, &Cx { config: Config::default() }).expect("the pass refuses nothing");
        print(&program, &PrintOptions::default())
    }

    #[test]
    fn a_border_that_is_not_read_is_not_loaded() {
        insta::assert_snapshot!(trimmed_text(&program(14, "x + 1")));
    }

    #[test]
    fn a_border_that_is_read_stays() {
        for text in [program(16, "x"), program(8, "x * 2")] {
            let shape = if text.contains("x * 2") { "X_buf: i8[16, 15]" } else { "X_buf: i8[16, 16]" };
            let shown = trimmed_text(&text);
            assert!(shown.contains(shape), "{shown}");
        }
    }

    /// Where tiles are single elements, nothing but the instructions themselves tells that tiles have their places.
    #[test]
    fn programs_with_instructions_stay_as_they_are() {
        let text = "program p {
    input X: i8[14] @dram tile() outside 0
    input W: i8[1] @dram tile()
    output Y: i8[14] @dram tile()
    alloc C: i32[16] @acc tile()
    alloc X_buf: i8[16] @inp tile()
    alloc W_buf: i8[1] @wgt tile()
    for a in 0..16 {
        X_buf[a] = X[a - 1]
    }
    for b in 0..1 {
        W_buf[b] = W[b]
    }
    for x in 0..16 {
        gemm C[x] += X_buf[x] * W_buf[0]
    }
    for y in 0..14 {
        @gemm for o in 0..1 {
            for c in 0..1 {
                C[y] = C[y] + i32(X_buf[y + 1]) * i32(W_buf[0])
            }
        }
    }
}
";
        assert_eq!(trimmed_text(text), text);
    }

    /// Buffers of one tensor that are read apart may share storage, so they keep what either needs.
    #[test]
    fn pieces_stay_alike() {
        let text = program(7, "x + 1");
        let (head, body) = text.split_once("    alloc X_buf").expect("it is allocated");
        let second = format!("    alloc X_buf{}", body.strip_suffix("}\n").expect("the program ends"));
        let second = second.replace("X_buf", "X_buf_2").replace("x + 1", "x + 8");
        let second = ["a", "b", "c", "o", "x"].iter().fold(second, |text, name| {
            let loops = [(format!("for {name} in"), format!("for {name}_2 in"))];
            loops.iter().fold(text, |text, (from, to)| text.replace(from, to))
        });
        let second = second
            .replace("X_buf_2[a, b] = X[a, b - 1]", "X_buf_2[a_2, b_2] = X[a_2, b_2 - 1]")
            .replace("C[o, x]", "C[o_2, x_2]")
            .replace("X_buf_2[c, x + 8]", "X_buf_2[c_2, x_2 + 8]")
            .replace("W[o, c]", "W[o_2, c_2]");
        let both = format!("{head}    alloc X_buf{}{second}}}\n", body.strip_suffix("}\n").expect("the program ends"));
        let shown = trimmed_text(&both);
        assert!(shown.contains("alloc X_buf: i8[16, 14]") && shown.contains("alloc X_buf_2: i8[16, 14]"), "{shown}");
    }
}
