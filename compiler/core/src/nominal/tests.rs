//! Nominal work against counts that are made point by point, and the cases that its definition speaks of.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tilewright_isa::Capabilities;
use tilewright_syntax::ast::Item;
use tilewright_syntax::{Sources, parse};

use super::*;
use crate::tensor::{Constants, check};

fn kernel(text: &str) -> Kernel {
    let mut sources = Sources::default();
    let file = sources.add("k.tw", text);
    let program = parse(&sources, file).unwrap();
    let Some(Item::Kernel(kernel)) = program.items.first() else { panic!("{text} is no kernel") };
    check(kernel, &[], &Constants::default()).unwrap()
}

fn of(text: &str) -> NominalWork {
    nominal(&kernel(text), &Config::default()).unwrap()
}

/// A convolution with a border of zeros, a shift, a bias and a clip.
fn convolution((ci, co, h, k, stride): (i64, i64, i64, i64, i64)) -> String {
    format!(
        "kernel conv {{
             input X: i8[{ci}, {h}, {h}] outside 0
             input F: i8[{co}, {ci}, {k}, {k}]
             input b: i32[{co}]
             C[o, y < {out}, x < {out}] = sum(c, r, s:
                 i32(X[c, y * {stride} + r - {pad}, x * {stride} + s - {pad}]) * i32(F[o, c, r, s]))
             S[o, y, x] = clip((C[o, y, x] >> 8) + b[o], 0, 127)
             output Y[o, y, x] = i8(S[o, y, x])
         }}",
        out = (h + stride - 1) / stride,
        pad = k / 2,
    )
}

#[test]
fn a_convolution_leaves_out_its_border_and_the_pixels_that_nobody_reads() {
    let (products, vectors) = (166 * 166 * 16, 56 * 56 * 4);
    let expected = NominalWork {
        gemm: products,
        reset: vectors,
        alu_imm: 3 * vectors,
        alu_reg: vectors,
        read_bytes: 64 * 56 * 56 + 64 * 64 * 9 + 64 * 4,
        written_bytes: 64 * 56 * 56,
    };
    assert_eq!(of(&convolution((64, 64, 56, 3, 1))), expected);
    let pointwise = of(&convolution((64, 128, 56, 1, 2)));
    assert_eq!((pointwise.gemm, pointwise.reset), (28 * 28 * 4 * 8, 28 * 28 * 8));
    assert_eq!(pointwise.read_bytes, 64 * 28 * 28 + 64 * 128 + 128 * 4);
}

#[test]
fn channels_that_fill_no_tile_count_as_one() {
    let work = of(&convolution((3, 20, 8, 1, 1)));
    assert_eq!((work.gemm, work.reset), (8 * 8 * 2, 8 * 8 * 2));
}

#[test]
fn groups_are_no_lanes_and_blocks_of_an_axis_may_choose_among_inputs() {
    let text = "kernel grouped {
        input X: i8[32, 4, 4]
        input F: i8[32, 16]
        C[o, y, x < 4] = sum(c < 16: i32(X[o / 16 * 16 + c, y, x]) * i32(F[o, c]))
        output Y[o, y, x] = i8(C[o, y, x])
    }";
    let work = of(&text.replace("y, x < 4] = sum", "y < 4, x < 4] = sum"));
    assert_eq!((work.gemm, work.reset, work.alu_imm, work.alu_reg), (32, 32, 0, 0));
}

#[test]
fn every_core_has_its_own_tiles() {
    let text = "kernel matmul {
        input X: i8[8, 64]
        input W: i8[64, 64]
        C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
        output Y[i, j] = i8(C[i, j])
    }";
    let config = Config::from_json(r#"{"LOG_BATCH": 2, "LOG_BLOCK": 5}"#).unwrap();
    let work = nominal(&kernel(text), &config).unwrap();
    assert_eq!((work.gemm, work.reset), (2 * 2 * 2, 2 * 2));
    // The axis with the fewer empty lanes runs along BLOCK_OUT, whichever factor it belongs to.
    let narrow = nominal(&kernel(&text.replace("W: i8[64, 64]", "W: i8[1, 64]")), &Config::default()).unwrap();
    assert_eq!((narrow.gemm, narrow.reset), (4, 1));
}

#[test]
fn elementwise_kernels_count_their_operations() {
    let text = "kernel add {
        input A: i32[16, 100]
        input B: i32[16, 100]
        S[i, j] = (A[i, j] + B[i, j]) >> 1
        output Y[i, j] = i8(S[i, j])
    }";
    let (read_bytes, written_bytes) = (2 * 1600 * 4, 1600);
    let expected = NominalWork { alu_reg: 100, alu_imm: 100, read_bytes, written_bytes, ..NominalWork::default() };
    assert_eq!(of(text), expected);
}

#[test]
fn values_that_are_joined_take_an_operation_each_but_for_the_first() {
    let text = "kernel pool {
        input X: i32[16, 4, 4] outside 0
        P[c, y < 2, x < 2] = max(r < 3, s < 3: X[c, y * 2 + r - 1, x * 2 + s - 1])
        output Y[c, y, x] = i8(P[c, y, x])
    }";
    // Along each side two of three values for the first window, and three for the second.
    let expected =
        NominalWork { alu_reg: 5 * 5 - 4, read_bytes: 16 * 16 * 4, written_bytes: 64, ..NominalWork::default() };
    assert_eq!(of(text), expected);
}

#[test]
fn what_no_output_depends_on_is_no_work() {
    let text = "kernel k {
        input A: i32[16]
        input B: i32[16]
        T[i] = B[i] + 1
        output Y[i] = i8(A[i])
    }";
    assert_eq!(of(text), NominalWork { read_bytes: 64, written_bytes: 16, ..NominalWork::default() });
}

#[test]
fn reads_of_one_input_are_laid_over_each_other() {
    let text = "kernel k {
        input A: i32[20, 20]
        T[i < 16, j < 4] = A[0 + i, 0 + j] + A[i + 1, j + 1] + A[0 + i, 0 + j]
        output Y[i, j] = i8(T[i, j])
    }";
    // Two blocks of 16 by 4 elements share 15 by 3.
    assert_eq!(of(text).read_bytes, 4 * (2 * 64 - 45));
}

#[test]
fn a_value_that_the_alu_cannot_compute_is_told() {
    let text = "kernel k {
        input A: i32[16]
        input B: i32[16]
        T[i] = A[i] * B[i]
        output Y[i] = i8(T[i])
    }";
    let with_multiplier = nominal(&kernel(text), &Config::default()).unwrap();
    assert_eq!(with_multiplier.alu_reg, 1);
    let capabilities = Capabilities { mul: false, ..*Config::default().capabilities() };
    let error = nominal(&kernel(text), &Config::default().with_capabilities(capabilities)).unwrap_err();
    assert_eq!(error.to_string(), "`A * B` needs a multiplication, and this target has none");
}

/// The tiles with a product inside of the input, one point after the other.
fn tiles_one_by_one((ci, co, h, k, stride): (i64, i64, i64, i64, i64)) -> usize {
    let out = (h + stride - 1) / stride;
    let mut tiles = BTreeSet::new();
    for (o, c) in (0..co).flat_map(|o| (0..ci).map(move |c| (o, c))) {
        for (y, x) in (0..out).flat_map(|y| (0..out).map(move |x| (y, x))) {
            for (r, s) in (0..k).flat_map(|r| (0..k).map(move |s| (r, s))) {
                let (row, column) = (y * stride + r - k / 2, x * stride + s - k / 2);
                if (0..h).contains(&row) && (0..h).contains(&column) {
                    tiles.insert((o / 16, c / 16, y, x, r, s));
                }
            }
        }
    }
    tiles.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn products_are_those_that_a_walk_over_all_points_finds(
        ci in 1i64..20, co in 1i64..20, h in 1i64..6, k in 1i64..4, stride in 1i64..3,
    ) {
        let sizes = (ci, co, h, k, stride);
        prop_assert_eq!(of(&convolution(sizes)).gemm, tiles_one_by_one(sizes) as u64);
    }
}
