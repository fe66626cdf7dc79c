//! What is left out, and that values stay.

use std::collections::BTreeSet;

use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;
use tilewright_isa::Config;
use tilewright_syntax::FileId;

use super::run;
use crate::legalize::Cx;
use crate::loops::interpret::interpret;
use crate::loops::ir::{LoopProgram, Role};
use crate::loops::parse::parse;
use crate::loops::print::{PrintOptions, print};

fn cx() -> Cx {
    Cx { config: Config::default() }
}

fn program(text: &str) -> LoopProgram {
    parse(FileId::default(), text).unwrap_or_else(|e| panic!("{e:?}\n{text}"))
}

/// What the pass makes of a program.
fn shrunk(text: &str) -> LoopProgram {
    let mut program = program(text);
    run(&mut program, &cx()).expect("the pass refuses nothing");
    program
}

fn shown(text: &str) -> String {
    print(&shrunk(text), &PrintOptions::default())
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
        shapes(&shrunk(&rows(13, WHOLE, &readers)))
    };
    assert_eq!(several("z * 8 + 1"), [[3, 16]]);
    assert_eq!(several("z * 6 + 3"), [[6, 16]]);
    assert_eq!(several("z * 6 + 2"), [[13, 16]]);
    assert_eq!(several("(z + 1) / 2 * 4 + 1"), [[3, 16]]);
}

#[test]
fn what_stands_in_the_way_leaves_a_buffer_whole() {
    let whole = |text: &str| shapes(&shrunk(text)) == [[13, 16]];
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
    assert!(whole(&border.replace("X: i32[13, 16] @dram", "X: i32[13, 16] @dram outside 0")));
    // One row of a tile is no step.
    let lanes = "for i in 0..1 { for y in 0..16 { Y[i, y] = i8(T[i, y]) } }
        for j in 0..1 { for z in 0..16 { Y[j, z] = i8(T[j + 12, z]) } }";
    assert!(whole(&rows(13, WHOLE, lanes)));
    // Instructions that are there already address tiles.
    let loaded = "load T[0] <- X[0] y 1 x 13 stride 13";
    let tiles = rows(13, loaded, &by_two).replace("13, 16] @dram", "13, 16] @dram tile(1: 16)");
    assert!(whole(&tiles.replace("13, 16] @acc", "13, 16] @acc tile(1: 16)")));
}

/// A copy with a border of one, of which the products read what `index` says.
fn border(extent: i64, index: &str) -> String {
    format!(
        "program p {{
            input X: i8[16, 14] @dram outside 0
            input W: i8[16, 16] @dram
            output Y: i8[16, {extent}] @dram
            alloc C: i32[16, {extent}] @acc
            alloc X_buf: i8[16, 16] @inp
            for a in 0..16 {{ for b in 0..16 {{ X_buf[a, b] = X[a, b - 1] }} }}
            for x in 0..{extent} {{
                @gemm for o in 0..16 {{ for c in 0..16 {{
                    C[o, x] = C[o, x] + i32(X_buf[c, {index}]) * i32(W[o, c])
                }} }}
            }}
            for y in 0..16 {{ for z in 0..{extent} {{ Y[y, z] = i8(C[y, z]) }} }}
        }}"
    )
}

#[test]
fn a_border_that_is_not_read_is_not_loaded() {
    insta::assert_snapshot!(shown(&border(14, "x + 1")));
}

#[test]
fn a_border_that_is_read_stays() {
    let buffer = |text: &str| shapes(&shrunk(text))[1].clone();
    assert_eq!(buffer(&border(16, "x")), [16, 16]);
    // Every second element would be loaded from a row that is padded, so only the end goes.
    assert_eq!(buffer(&border(8, "x * 2")), [16, 15]);
}

#[test]
fn ends_and_what_lies_between_go_together() {
    let inside = border(6, "x * 2 + 3").replace("X[a, b - 1]", "X[a, b / 2]");
    assert_eq!(shapes(&shrunk(&inside))[1], [16, 6]);
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
    assert_eq!(shown(text), text);
}

/// Buffers of one tensor that are read apart may share storage, so they keep what either needs.
#[test]
fn pieces_stay_alike() {
    let piece = |n: i64, first: i64| {
        format!(
            "alloc X{n}: i8[16, 16] @inp
            for a{n} in 0..16 {{ for b{n} in 0..16 {{ X{n}[a{n}, b{n}] = X[a{n}, b{n} - 1] }} }}
            for x{n} in 0..7 {{ @gemm for o{n} in 0..16 {{ for c{n} in 0..16 {{
                C[o{n}, x{n}] = C[o{n}, x{n}] + i32(X{n}[c{n}, x{n} + {first}]) * i32(W[o{n}, c{n}])
            }} }} }}"
        )
    };
    let text = format!(
        "program p {{
            input X: i8[16, 14] @dram outside 0
            input W: i8[16, 16] @dram
            output Y: i8[16, 7] @dram
            alloc C: i32[16, 7] @acc
            {} {}
            for y in 0..16 {{ for z in 0..7 {{ Y[y, z] = i8(C[y, z]) }} }}
        }}",
        piece(1, 1),
        piece(2, 8)
    );
    assert_eq!(shapes(&shrunk(&text))[1..], [[16, 14], [16, 14]]);
}

/// What no output depends on goes, also in a circle, and with it all that was computed for it alone.
#[test]
fn what_nothing_depends_on_is_not_computed() {
    let text = shown(
        "program p {
            input X: i8[4] @dram
            output Y: i8[4] @dram
            alloc S: i32[4] @acc
            alloc T: i32[4] @acc
            alloc U: i8[4] @dram
            for a in 0..3 {
                for b in 0..4 { T[b] = S[b] + X[b] }
                for c in 0..4 { S[c] = T[c] }
                for d in 0..4 { Y[d] = X[d] }
            }
            for e in 0..4 { U[e] = i8(T[e]) }
        }",
    );
    insta::assert_snapshot!(text);
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

        // Brute force: all that is read, and between its ends every `step`-th, by the greatest number by which all of it differs.
        let read: BTreeSet<i64> =
            readers.iter().flat_map(|(step, start, extent)| (0..*extent).map(move |y| y * step + start)).collect();
        let least = read.first().copied().unwrap_or_default();
        let last = read.last().copied().unwrap_or_default();
        let step = (1..=total).rev().find(|g| read.iter().all(|n| (n - least) % g == 0)).unwrap_or(1);
        let kept = (least..=last).filter(|n| (n - least) % step == 0).count() as i64;
        let after = shrunk(&text);
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
