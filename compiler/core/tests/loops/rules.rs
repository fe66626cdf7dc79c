//! Each rule of the verifier, broken in each way, and what is told then.

use proptest::prelude::*;
use tilewright_core::loops::ir::*;
use tilewright_core::loops::verify::{Violation, verify};
use tilewright_core::scalar::{DType, Scalar};

use super::{generate, program};

fn broken(p: &LoopProgram) -> String {
    let errors = verify(p).expect_err("breaks a rule");
    errors.iter().map(|e| e.to_string()).collect::<Vec<_>>().join("\n")
}

/// A legal program with room for one more statement, which breaks a rule.
fn with(stmt: &str) -> String {
    broken(&program(&format!(
        "program p {{
            input X: i8[4, 16] @dram tile(1: 16)
            input B: i32[4, 16] @dram tile(1: 16)
            output Y: i8[4, 16] @dram tile(1: 16)
            alloc C: i32[4, 16] @acc tile(1: 16) base 0
            alloc S: i8[4, 16] @acc tile(1: 16)
            alloc A: i8[4, 16] @inp tile(1: 16)
            alloc W: i8[16, 16] @wgt tile(0: 16, 1: 16)
            alloc T: i32[4, 16] @acc
            for i in 0..4 {{ for j in 0..16 {{
                {stmt}
            }} }}
        }}"
    )))
}

/// A small program after a change that no text can make.
fn changed(change: impl FnOnce(&mut LoopProgram)) -> String {
    let mut p = program("program p { output Y: i8[4] @dram alloc C: i32[4] @acc for i in 0..4 { Y[i] = 1i8 } }");
    change(&mut p);
    broken(&p)
}

/// The ways to break each rule.
fn cases() -> Vec<(&'static str, String)> {
    vec![
        ("1: unknown buffer", changed(|p| p.body.push(Stmt::Alloc { buffer: BufferId(9), origin: Origin::default() }))),
        ("1: unknown loop", changed(|p| store(p).indices = vec![Index::var(LoopId(7))])),
        ("1: unknown loop bound", changed(|p| first_loop(p).var = LoopId(7))),
        ("2: no word", changed(|p| p.loops[0].name = "i j".into())),
        ("2: program name", changed(|p| p.name = "1st".into())),
        ("2: twice", changed(|p| p.buffers[1].name = "Y".into())),
        ("3: loop", changed(|p| p.loops[0].extent = 0)),
        ("3: shape", changed(|p| p.buffers[1].shape = vec![1 << 31])),
        ("3: elements", broken(&program("program p { alloc C: i32[2000000000, 1000] @acc }"))),
        ("3: slots", changed(|p| p.buffers[1].slots = 0)),
        ("3: slots of an output", changed(|p| p.buffers[0].slots = 2)),
        ("3: copies", changed(|p| p.buffers[1].copies = 3)),
        ("4: scope", broken(&program("program p { input X: i8[4] @inp }"))),
        ("4: repeats", broken(&program("program p { output Y: i8[4] @dram repeats(2) for i in 0..4 { Y[i] = 1i8 } }"))),
        ("4: planes", broken(&program("program p { output Y: i8[5] @dram planes 0 for i in 0..5 { Y[i] = 1i8 } }"))),
        ("4: along", broken(&program("program p { input X: i8[4] @dram outside 0 along(1) }"))),
        ("4: constant", broken(&program("program p { constant(300) one: i8[4] @dram }"))),
        ("4: allocated", changed(|p| p.body.push(Stmt::Alloc { buffer: BufferId(0), origin: Origin::default() }))),
        ("4: twice", changed(|p| p.body.push(Stmt::Alloc { buffer: BufferId(1), origin: Origin::default() }))),
        ("5: dimension", broken(&program("program p { input X: i8[4] @dram tile(1: 2) }"))),
        ("5: twice", broken(&program("program p { input X: i8[4] @dram tile(0: 2, 0: 2) }"))),
        ("5: size", broken(&program("program p { input X: i8[4] @dram tile(0: 3) }"))),
        ("5: one", broken(&program("program p { input X: i8[4] @dram tile(0: 1) }"))),
        ("5: order", broken(&program("program p { input X: i8[4, 4] @dram tile() order(1, 1) }"))),
        ("5: order of all", broken(&program("program p { input X: i8[4, 4] @dram tile() order(1) }"))),
        ("5: order as declared", broken(&program("program p { input X: i8[4, 4] @dram tile() order(0, 1) }"))),
        ("6: dram", broken(&program("program p { input X: i8[4] @dram tile(0: 2) base 0 }"))),
        ("6: negative", broken(&program("program p { alloc C: i32[4] @acc tile(0: 4) base -1 }"))),
        ("7", with("alloc D: i32[2, 16] @acc tile(1: 16) base 3 C[i, j] = 1")),
        ("8: outside", broken(&program("program p { output Y: i8[4] @dram for i in 0..4 {} Y[i] = 0i8 }"))),
        ("8: twice", changed(|p| p.body.push(p.body[1].clone()))),
        ("9", broken(&program("program p { for i in 0..4 { alloc t: i32[1] @acc } t[0] = 0 }"))),
        ("10", with("T[i] = 0")),
        ("11: number", changed(|p| store(p).indices = vec![Index::var(LoopId(0)).times(1 << 40)])),
        (
            "11: overflow",
            broken(&program(
                "program p { output Y: i32[4] @dram for i in 0..2147483647 { for j in 0..2147483647 { for k in 0..9 {
            Y[(i * 2147483647 + j * 2147483647 + k * 2147483647) % 4] = 0 } } } }",
            )),
        ),
        ("12: store", with("T[i, j + 1] = 0")),
        ("12: load", with("T[i, j] = T[i - 1, j]")),
        ("12: divided", with("T[i, (i * 16 + j) / 3] = 0")),
        ("13: stored", with("Y[i, j] = T[i, j]")),
        ("13: arithmetic", with("Y[i, j] = X[i, j] + X[i, j]")),
        ("13: constant", changed(|p| store(p).value = Scalar::Const { value: 200, dtype: DType::I8 })),
        (
            "13: index",
            broken(&program(
                "program p { output Y: i32[1] @dram for i in 0..65536 { for j in 0..65536 {
            Y[0] = index(i * 65536 + j) } } }",
            )),
        ),
        ("14: amount", with("T[i, j] = T[i, j] >> 32")),
        ("14: alu", with("alu shr C[0], 32")),
        ("15: store", with("X[i, j] = 1i8")),
        ("15: dma", with("store S[0] -> X[0] y 1 x 1 stride 1")),
        ("16: gemm", with("gemm C[0] += W[0] * A[0]")),
        ("16: alu", with("alu add A[0], 1")),
        ("16: dma", with("load S[0] <- C[0] y 1 x 1 stride 1")),
        ("16: dma dram", with("load Y[0] <- X[0] y 1 x 1 stride 1")),
        ("17: layout", with("reset T[0]")),
        ("17: sizes", with("load W[0] <- X[0] y 1 x 1 stride 1")),
        ("17: alu", with("alloc D: i32[2, 8] @acc tile(1: 8) alu add C[0], D[0]")),
        ("18: offset", with("reset C[i + 1]")),
        ("18: loops", with("reset C[0] outer 2 (dst 2) inner 2 (dst 1) uops [0, 1]")),
        ("18: before", with("gemm C[0] += A[i] * W[0] outer 2 (src -1)")),
        ("18: rows", with("load C[i] <- B[0] y 2 x 1 stride 4")),
        ("19: sizes", with("load C[0] <- B[0] y 0 x 1 stride -1")),
        ("19: extent", with("reset C[0] outer 0")),
        ("19: micro ops", with("reset C[0] uops []")),
        ("19: unused", with("alu add C[0], 1 uops [(0, 1)]")),
        ("20: gemm", with("gemm S[0] += A[0] * W[0]")),
        ("20: dma", with("load A[0] <- B[0] y 1 x 1 stride 1")),
        ("20: accumulator", with("load S[0] <- B[0] y 1 x 1 stride 1")),
    ]
}

#[test]
fn every_way_to_break_a_rule_is_told() {
    let told: Vec<String> = cases().into_iter().map(|(case, told)| format!("[{case}]\n{told}\n")).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn every_rule_is_broken_by_its_cases() {
    for (case, told) in cases() {
        let rule = case.split(':').next().unwrap();
        assert!(told.starts_with(&format!("rule {rule}: ")), "{case}\n{told}");
    }
    let rules: std::collections::BTreeSet<&str> =
        cases().iter().map(|(case, _)| case.split(':').next().unwrap()).collect();
    assert_eq!(rules.len(), 20);
}

fn first_loop(p: &mut LoopProgram) -> &mut For {
    match &mut p.body[1] {
        Stmt::For(s) => s,
        other => panic!("{other:?} is no loop"),
    }
}

fn store(p: &mut LoopProgram) -> &mut Store {
    match &mut first_loop(p).body[0] {
        Stmt::Store(s) => s,
        other => panic!("{other:?} is no store"),
    }
}

#[test]
fn buffers_that_follow_each_other_may_share_a_place() {
    let p = program(
        "program p {
            for i in 0..2 { alloc C: i32[16] @acc tile(0: 16) base 0 }
            for j in 0..2 { alloc D: i32[16] @acc tile(0: 16) base 0 alloc A: i8[16] @inp tile(0: 16) base 0 }
            alloc E: i32[16] @acc tile(0: 16) base 1
            alloc F: i32[16] @acc tile(0: 16) base 0
        }",
    );
    assert_eq!(verify(&p), Ok(()));
}

#[test]
fn buffers_that_are_done_give_their_place_to_those_that_begin() {
    let text = |used_last: &str| {
        format!(
            "program p {{
                output Y: i32[16] @dram
                alloc C: i32[16] @acc tile(0: 16) base 0
                alloc D: i32[16] @acc tile(0: 16) base 0
                for i in 0..16 {{ C[i] = 1 }}
                for j in 0..16 {{ Y[j] = C[j] }}
                for k in 0..16 {{ D[k] = 2 }}
                for l in 0..16 {{ Y[l] = {used_last}[l] }}
            }}"
        )
    };
    assert_eq!(verify(&program(&text("D"))), Ok(()));
    assert_eq!(verify(&program(&text("C"))).unwrap_err()[0].violation.rule(), 7);
}

#[test]
fn a_pass_that_breaks_everything_is_told_of_some() {
    let stores = "Y[4] = 0i8 ".repeat(1000);
    let p = program(&format!("program p {{ output Y: i8[4] @dram {stores} }}"));
    assert_eq!(verify(&p).unwrap_err().len(), 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// The verdict on bounds agrees with a walk through all iterations.
    #[test]
    fn bounds_hold_for_all_iterations_or_are_refused((extents, index) in generate::index(), size in 1i64..40) {
        let mut p = program(&format!("program p {{ output Y: i8[{size}] @dram }}"));
        p.loops = extents.iter().enumerate().map(|(i, n)| LoopVar { name: format!("l{i}"), extent: *n }).collect();
        let origin = Origin::default();
        let value = Scalar::Const { value: 0, dtype: DType::I8 };
        let store = Stmt::Store(Store { buffer: BufferId(0), indices: vec![index.clone()], value, origin });
        p.body = (0..3).rev().fold(vec![store], |body, l| {
            vec![Stmt::For(For { var: LoopId(l), mark: None, body, origin })]
        });
        let iterations = (0..extents[0]).flat_map(|a| {
            let extents = &extents;
            (0..extents[1]).flat_map(move |b| (0..extents[2]).map(move |c| [a, b, c]))
        });
        let inside = { iterations }.all(|at| (0..size).contains(&index.eval(&|v| at[v.0 as usize])));
        match verify(&p) {
            Ok(()) => prop_assert!(inside),
            Err(errors) => {
                prop_assert!(!inside, "{}", errors[0]);
                let out_of_bounds = matches!(*errors[0].violation, Violation::OutOfBounds { .. });
                prop_assert!(out_of_bounds);
            }
        }
    }
}
