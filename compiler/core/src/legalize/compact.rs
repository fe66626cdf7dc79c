//! Leaves out of what is on chip the elements that nobody reads, where what is read is every `step`-th of a dimension. Loop
//! program → loop program.
//!
//! ```text
//! before   for a in 0..7 { for b in 0..55 { X_buf[a, b] = X[a, b] } }; ... X_buf[y * 2, x * 2] ...
//! after    for a in 0..4 { for b in 0..28 { X_buf[a, b] = X[a * 2, b * 2] } }; ... X_buf[y, x] ...
//! ```
//!
//! Bounds inference gives a buffer the whole hull of what is read, since regions are boxes. A convolution that steps by two
//! and has a window of one reads a quarter of that. Here indices that all readers have are known, so the others are dropped
//! with the iterations that wrote them: of copies, which then load less, and of computed stages, which compute less. What
//! such a stage reads may be thinned out in turn, so the pass repeats until nothing changes.
//!
//! An element keeps its value, or nobody reads it, so any loops may stand around. What must hold is that each writer has a
//! loop of its own to shorten. Left whole are dimensions that the lanes of a tile could walk, and what a copy fills from
//! beyond the edge of an array: transfers pad whole rows with zeros.

use crate::affine::{Affine, Atom, gcd};
use crate::legalize::nest::{
    Nest, NestLoop, drop_empty_loops, equal_copies, is_intrinsic, rewrite_stores, stores, substitute_loop, tile_loops,
};
use crate::legalize::{Cx, LegalizeError};
use crate::loops::ir::{Buffer, BufferId, Index, Leaf, Load, LoopId, LoopProgram, Mark, Role, Scope};

pub fn run(program: &mut LoopProgram, _: &Cx) -> Result<(), LegalizeError> {
    if program.body.iter().any(is_intrinsic) {
        return Ok(());
    }
    loop {
        let found = strided(program);
        if found.iter().all(Option::is_none) {
            break;
        }
        thin_out(program, &found)?;
    }
    crate::loops::canonicalize(program);
    Ok(())
}

/// A dimension in which only the indices `first + step * n` are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Strided {
    dim: usize,
    step: i64,
    first: i64,
}

impl Strided {
    /// How many of the indices below an extent are read.
    fn kept(self, extent: i64) -> i64 {
        (extent - self.first + self.step - 1) / self.step
    }

    /// An index that is read, counted among those that are.
    fn position(self, program: &LoopProgram, index: &Index) -> Index {
        let odd = |l: LoopId| index.coefficient(l).is_none_or(|c| c % self.step != 0);
        let index = standing(program, index, &odd);
        index.plus_constant(-self.first).div(self.step, &|l| program.loop_range(l))
    }
}

/// An index in which those of the loops that run once, of which `which` holds, stand at their only value.
fn standing(program: &LoopProgram, index: &Index, which: &dyn Fn(LoopId) -> bool) -> Index {
    let once = |l: LoopId| program.loop_var(l).extent == 1 && which(l);
    if !index.mentions(&once) {
        return index.clone();
    }
    let value = |l: LoopId| if once(l) { Affine::constant(0) } else { Affine::var(l) };
    index.substitute(&value, &|l| program.loop_range(l))
}

/// What is known of the indices of one dimension that are read.
#[derive(Clone, Copy, Default)]
struct Reads {
    /// One of them.
    first: Option<i64>,
    /// All of them differ from it by multiples of this.
    step: i64,
}

impl Reads {
    fn join(&mut self, index: &Index) {
        let first = *self.first.get_or_insert(index.offset());
        self.step = gcd(gcd(self.step, index.step()), index.offset() - first);
    }
}

/// One dimension of each buffer to leave elements out of. Equal copies of one tensor stay equal, or they are left whole.
fn strided(program: &LoopProgram) -> Vec<Option<Strided>> {
    let mut nests = Vec::new();
    stores(&program.body, &mut |nest| nests.push(nest));
    let mut reads: Vec<Vec<Reads>> = program.buffers.iter().map(|b| vec![Reads::default(); b.shape.len()]).collect();
    for nest in &nests {
        for load in reads_of(nest) {
            for (dim, index) in load.indices.iter().enumerate() {
                let known = &mut reads[load.buffer.0 as usize][dim];
                match in_lanes(program, nest, load.buffer, index) {
                    true => known.step = 1,
                    false => known.join(&standing(program, index, &|_| true)),
                }
            }
        }
    }
    let candidates = program.buffers.iter().zip(reads).enumerate().map(|(id, (buffer, reads))| {
        let writers = || nests.iter().filter(|nest| nest.store.buffer == BufferId(id as u32));
        candidates(buffer, &reads).find(|s| writers().all(|nest| can_leave_out(program, nest, *s)))
    });
    let mut found: Vec<Option<Strided>> = candidates.collect();
    for group in equal_copies(program, &nests) {
        let own = |b: &BufferId| found[b.0 as usize];
        if group.iter().any(|b| own(b) != own(&group[0])) {
            group.iter().for_each(|b| found[b.0 as usize] = None);
        }
    }
    found
}

/// What a nest reads for others than the element that it writes.
fn reads_of(nest: &Nest) -> Vec<&Load> {
    let mut found = Vec::new();
    nest.store.value.leaves(&mut |leaf| {
        if let Leaf::Load(l) = leaf
            && (l.buffer, &l.indices) != (nest.store.buffer, &nest.store.indices)
        {
            found.push(l);
        }
    });
    found
}

/// Whether an index could run over the lanes of a tile: in the tile of a product, or on a loop that runs once in an operand of
/// the ALU, whose tiles are counted by loops.
fn in_lanes(program: &LoopProgram, nest: &Nest, b: BufferId, index: &Index) -> bool {
    let in_tile = tile_loops(nest).iter().any(|l| index.mentions(&|v| v == l.var));
    let walks = |l: &NestLoop| index.coefficient(l.var) != Some(0);
    let runs = |l: &NestLoop| program.loop_var(l.var).extent > 1;
    let stands = || nest.loops.iter().any(walks) && !nest.loops.iter().any(|l| walks(l) && runs(l));
    in_tile || (program.buffer(b).scope == Scope::Acc && stands())
}

/// The dimensions of a buffer that is a temporary on chip, of which readers leave elements out.
fn candidates(buffer: &Buffer, reads: &[Reads]) -> impl Iterator<Item = Strided> {
    let temporary = buffer.role == Role::Temporary && buffer.scope != Scope::Dram;
    let lies = buffer.base.is_some() || buffer.layout.as_ref().is_some_and(|l| !l.lanes.is_empty());
    let dims = reads.iter().zip(&buffer.array).enumerate().filter_map(move |(dim, (reads, extent))| {
        let step = reads.step;
        let first = reads.first?.checked_rem_euclid(step)?;
        (temporary && !lies && step > 1 && first < *extent && *extent > 1).then_some(Strided { dim, step, first })
    });
    dims.collect::<Vec<_>>().into_iter()
}

/// Whether a writer can leave out the iterations that write what nobody reads.
fn can_leave_out(program: &LoopProgram, nest: &Nest, s: Strided) -> bool {
    written(program, nest, s).is_some() && !reads_of(nest).into_iter().any(|l| reaches_outside(program, l))
}

fn reaches_outside(program: &LoopProgram, load: &Load) -> bool {
    let buffer = program.buffer(load.buffer);
    let outside = |(index, extent): (&Index, &i64)| {
        let range = index.range(&|l| program.loop_range(l));
        range.min < 0 || range.max >= *extent
    };
    buffer.outside.is_some() && load.indices.iter().zip(&buffer.shape).any(outside)
}

/// The iterations of a nest that write what is read.
enum Written {
    All,
    None,
    /// `first + period * n` of one loop, for `n` below `count`.
    Every {
        var: LoopId,
        first: i64,
        period: i64,
        count: i64,
    },
}

/// Which iterations write what is read; nothing where this is not a matter of one loop that is free to be shortened.
fn written(program: &LoopProgram, nest: &Nest, s: Strided) -> Option<Written> {
    let index = standing(program, &nest.store.indices[s.dim], &|_| true);
    let is_read = |index: i64| (index - s.first).rem_euclid(s.step) == 0;
    let mut odd = index.terms().iter().filter(|(_, c)| c % s.step != 0);
    let Some((atom, c)) = odd.next() else {
        return Some(if is_read(index.offset()) { Written::All } else { Written::None });
    };
    let Atom::Var(var) = *atom else { return None };
    let free = |l: &NestLoop| l.var == var && matches!(l.mark, None | Some(Mark::DmaCopy));
    let outer = &nest.loops[..nest.loops.len() - tile_loops(nest).len()];
    if odd.next().is_some() || !outer.iter().any(free) {
        return None;
    }
    let period = s.step / gcd(*c, s.step);
    let first = (0..period).find(|n| is_read(index.offset() + c * n));
    let count = first.map_or(0, |first| (program.loop_var(var).extent - first + period - 1) / period);
    Some(match first {
        Some(first) if count > 0 => Written::Every { var, first, period, count },
        _ => Written::None,
    })
}

/// Leaves out of each buffer what lies between the elements that are read, in one dimension.
fn thin_out(program: &mut LoopProgram, found: &[Option<Strided>]) -> Result<(), LegalizeError> {
    let body = std::mem::take(&mut program.body);
    program.body = rewrite_stores(body, &mut |mut nest| {
        let own = found[nest.store.buffer.0 as usize];
        match own.and_then(|s| written(program, &nest, s)) {
            None | Some(Written::All) => {}
            Some(Written::None) => return Ok(Vec::new()),
            Some(Written::Every { var, first, period, count }) => {
                program.loops[var.0 as usize].extent = count;
                let index = Affine::var(var).times(period).plus_constant(first);
                substitute_loop(program, &mut nest, var, &index);
            }
        }
        let position = |b: BufferId, indices: &mut [Index]| {
            if let Some(s) = found[b.0 as usize] {
                indices[s.dim] = s.position(program, &indices[s.dim]);
            }
        };
        position(nest.store.buffer, &mut nest.store.indices);
        nest.store.value.leaves_mut(&mut |leaf| {
            if let Leaf::Load(l) = leaf {
                position(l.buffer, &mut l.indices);
            }
        });
        Ok::<_, LegalizeError>(vec![nest.into_stmt()])
    })?;
    drop_empty_loops(&mut program.body);
    for (buffer, s) in program.buffers.iter_mut().zip(found) {
        if let Some(s) = s {
            [&mut buffer.shape, &mut buffer.array]
                .into_iter()
                .for_each(|extents| extents[s.dim] = s.kept(extents[s.dim]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ndarray::{ArrayD, IxDyn};
    use proptest::prelude::*;
    use tilewright_isa::Config;
    use tilewright_syntax::FileId;

    use super::*;
    use crate::loops::interpret::interpret;
    use crate::loops::parse::parse;
    use crate::loops::print::{PrintOptions, print};

    fn cx() -> Cx {
        Cx { config: Config::default() }
    }

    fn program(text: &str) -> LoopProgram {
        parse(FileId::default(), text).unwrap_or_else(|e| panic!("{e:?}\n{text}"))
    }

    /// What the pass makes of a program.
    fn compacted(text: &str) -> LoopProgram {
        let mut program = program(text);
        run(&mut program, &cx()).expect("the pass refuses nothing");
        program
    }

    fn shown(text: &str) -> String {
        print(&compacted(text), &PrintOptions::default())
    }

    /// The shapes of all temporaries.
    fn shapes(program: &LoopProgram) -> Vec<Vec<i64>> {
        program.buffers.iter().filter(|b| b.role == Role::Temporary).map(|b| b.shape.clone()).collect()
    }

    /// A copy `T` of rows of 16 elements of `X`, filled by `writer`, and what reads it, with 16 columns `c` around.
    fn rows(rows: i64, writer: &str, readers: &str) -> String {
        format!(
            "program p {{
                input X: i32[{rows}, 16] @dram
                output Y: i8[64, 16] @dram
                alloc T: i32[{rows}, 16] @acc
                {writer}
                {readers}
            }}"
        )
    }

    const WHOLE: &str = "for a in 0..13 { for b in 0..16 { T[a, b] = X[a, b] } }";

    fn reader(name: &str, extent: i64, index: &str) -> String {
        format!(
            "for {name} in 0..{extent} {{ for {name}_c in 0..16 {{ Y[{name}, {name}_c] = i8(T[{index}, {name}_c]) }} }}"
        )
    }

    #[test]
    fn a_copy_in_pieces_holds_every_second_pixel_of_every_second_row() {
        let text = shown(
            "program p {
                input X: i8[16, 56, 56] @dram
                input F: i8[16, 16] @dram
                output Y: i8[16, 4, 28] @dram
                alloc F_buf: i8[16, 16] @wgt
                for f in 0..16 { for g in 0..16 { F_buf[f, g] = F[f, g] } }
                for o in 0..2 {
                    alloc C: i32[16, 2, 28] @acc
                    for i in 0..2 { for j in 0..28 { @gemm for k in 0..16 { C[k, i, j] = 0 } } }
                    alloc X_buf: i8[16, 3, 55] @inp
                    for a in 0..16 { for b in 0..3 { for c in 0..30 { X_buf[a, b, c] = X[a, o * 4 + b, c] } } }
                    for d in 0..16 { for e in 0..3 { for h in 0..25 { X_buf[d, e, h + 30] = X[d, o * 4 + e, h + 30] } } }
                    for r in 0..1 { for y in 0..2 { for x in 0..28 { @gemm for p in 0..16 { for q in 0..16 {
                        C[p, y, x] = C[p, y, x] + i32(X_buf[q, r + y * 2, x * 2]) * i32(F_buf[p, q])
                    } } } } }
                    for m in 0..16 { for u in 0..2 { for v in 0..28 { Y[m, o * 2 + u, v] = i8(C[m, u, v]) } } }
                }
            }",
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_an_operation_reads_in_steps_is_neither_computed_nor_loaded_between_them() {
        let text = shown(
            "program p {
                input X: i32[13, 16] @dram
                output Y: i8[4, 16] @dram
                alloc T: i32[13, 16] @acc
                for a in 0..13 { for b in 0..16 { T[a, b] = X[a, b] } }
                alloc S: i32[7, 16] @acc
                for c in 0..7 { for d in 0..16 { S[c, d] = max(T[c * 2, d], 0) + index(c) } }
                for e in 0..4 { for f in 0..16 { Y[e, f] = i8(S[e * 2, f]) } }
            }",
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn iterations_that_write_nothing_that_is_read_disappear() {
        let writers = "for o in 0..2 {
            for a in 0..16 { T[o * 4, a] = X[o * 4, a] }
            for b in 0..16 { T[o * 4 + 1, b] = X[o * 4 + 1, b] }
        }
        for l in 0..5 { for c in 0..16 { T[8 + l, c] = X[8 + l, c] } }";
        let text = shown(&rows(13, writers, &reader("y", 4, "y * 4")));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn readers_in_other_steps_share_what_they_have_in_common() {
        let several = |second: &str| {
            let readers = reader("y", 3, "y * 4 + 1") + &reader("z", 2, second);
            shapes(&compacted(&rows(13, WHOLE, &readers)))
        };
        assert_eq!(several("z * 8 + 1"), [[3, 16]]);
        assert_eq!(several("z * 6 + 3"), [[6, 16]]);
        assert_eq!(several("z * 6 + 2"), [[13, 16]]);
        assert_eq!(several("(z + 1) / 2 * 4 + 1"), [[3, 16]]);
    }

    #[test]
    fn what_stands_in_the_way_leaves_a_buffer_whole() {
        let whole = |text: &str| shapes(&compacted(text)) == [[13, 16]];
        let by_two = reader("y", 7, "y * 2");
        // The loops of the writer have other statements in them, are virtual threads, or walk the dimension together.
        let shared = "for a in 0..13 { for b in 0..16 { T[a, b] = X[a, b] } for c in 0..16 { Y[a, c] = 0 } }";
        let threads = "@vthread for a in 0..13 { for b in 0..16 { T[a, b] = X[a, b] } }";
        let oblique = "for a in 0..10 { for b in 0..4 { for c in 0..16 { T[a + b, c] = X[a + b, c] } } }";
        for writer in [shared, threads, oblique] {
            assert!(whole(&rows(13, writer, &by_two)), "{writer}");
        }
        // What stands outside of the array comes from padding, by whole rows.
        let border = rows(13, "for a in 0..13 { for b in 0..16 { T[a, b] = X[a - 1, b] } }", &by_two);
        assert!(whole(
            &border.replace("16] @dram\n                output", "16] @dram outside 0\n                output")
        ));
        // One row of a tile is no step.
        let lanes = "for i in 0..1 { for y in 0..16 { Y[i, y] = i8(T[i, y]) } }
            for j in 0..1 { for z in 0..16 { Y[j, z] = i8(T[j + 12, z]) } }";
        assert!(whole(&rows(13, WHOLE, lanes)));
        // Instructions that are there already address tiles.
        let loaded = "load T[0] <- X[0] y 1 x 13 stride 13";
        let tiles = rows(13, loaded, &by_two).replace("13, 16] @dram", "13, 16] @dram tile(1: 16)");
        assert!(whole(&tiles.replace("13, 16] @acc", "13, 16] @acc tile(1: 16)")));
    }

    /// Some readers at `step * y + start` for `y` below an extent, of a buffer that pieces of some lengths fill.
    fn drawn() -> impl Strategy<Value = (Vec<i64>, Vec<(i64, i64, i64)>)> {
        let pieces = prop::collection::vec(1..12_i64, 1..4);
        (pieces, prop::collection::vec((1..7_i64, 0..8_i64, 2..5_i64), 1..4))
    }

    proptest! {
        #[test]
        fn buffers_hold_what_is_read_of_them_and_values_stay((pieces, readers) in drawn()) {
            let total: i64 = pieces.iter().sum();
            let fits = |(step, start, extent): &&(i64, i64, i64)| (extent - 1) * step + start < total;
            let readers: Vec<_> = readers.iter().filter(fits).collect();
            prop_assume!(!readers.is_empty());
            let mut body = String::new();
            let mut start = 0;
            for (n, piece) in pieces.iter().enumerate() {
                body += &format!("for a{n} in 0..{piece} {{ T[a{n} + {start}] = X[a{n} + {start}] }}\n");
                start += piece;
            }
            let mut outputs = String::new();
            for (n, (step, start, extent)) in readers.iter().enumerate() {
                outputs += &format!("output Y{n}: i8[{extent}] @dram\n");
                body += &format!("for y{n} in 0..{extent} {{ Y{n}[y{n}] = T[y{n} * {step} + {start}] }}\n");
            }
            let text = format!("program p {{ input X: i8[{total}] @dram\n{outputs} alloc T: i8[{total}] @inp\n{body} }}");

            // Brute force: all that is read, and the greatest number by which all of it differs.
            let read: BTreeSet<i64> =
                readers.iter().flat_map(|(step, start, extent)| (0..*extent).map(move |y| y * step + start)).collect();
            let least = read.first().copied().unwrap_or_default();
            let step = (1..=total).rev().find(|g| read.iter().all(|n| (n - least) % g == 0)).unwrap_or(1);
            let kept = (0..total).filter(|n| (n - least) % step == 0).count() as i64;
            let after = compacted(&text);
            prop_assert_eq!(shapes(&after), vec![vec![kept]]);

            let core = cx().core();
            let values = (0..total).map(|n| (n * 37 % 101) as i32).collect();
            let x = ArrayD::from_shape_vec(IxDyn(&[total as usize]), values).expect("as many values");
            let inputs = [("X".to_owned(), x)].into();
            let results = [&program(&text), &after].map(|p| interpret(p, core, &inputs).map_err(|e| e.to_string()));
            prop_assert!(results[0].is_ok());
            prop_assert_eq!(&results[0], &results[1]);
        }
    }
}
