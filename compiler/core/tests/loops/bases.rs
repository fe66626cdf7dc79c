//! Bases that a text states: they are honoured or refused, and never another one.

use insta::assert_snapshot;
use proptest::prelude::*;
use tilewright_core::legalize::{Cx, LegalizeError};
use tilewright_core::loops::ir::{LoopProgram, Scope};
use tilewright_core::loops::parse::parse_with_spans;
use tilewright_core::loops::verify::verify;
use tilewright_core::pipeline::legalize;
use tilewright_isa::Config;
use tilewright_syntax::FileId;

use super::told;

/// A product in the accumulator and what is computed from it, with a place for each buffer's base.
fn text(bases: [Option<i64>; 4], slots: i64) -> String {
    let [x, w, c, s] = bases.map(|base| base.map_or(String::new(), |base| format!("base {base}")));
    format!(
        "program p {{
    input X: i8[1, 32] @dram
    input W: i8[32, 32] @dram
    output Y: i8[1, 32] @dram
    alloc C: i32[1, 32] @acc {c}
    for i in 0..1 {{ for j in 0..2 {{ @gemm for k in 0..16 {{ C[i, j * 16 + k] = 0 }} }} }}
    for ro in 0..2 {{
        alloc X_buf: i8[1, 16] @inp {x} slots {slots}
        @dma_copy for a in 0..1 {{ for b in 0..16 {{ X_buf[a, b] = X[a, ro * 16 + b] }} }}
        alloc W_buf: i8[32, 16] @wgt {w}
        @dma_copy for d in 0..32 {{ for e in 0..16 {{ W_buf[d, e] = W[d, ro * 16 + e] }} }}
        for f in 0..1 {{ for g in 0..2 {{ @gemm for h in 0..16 {{ for l in 0..16 {{
            C[f, g * 16 + h] = C[f, g * 16 + h] + i32(X_buf[f, l]) * i32(W_buf[g * 16 + h, l])
        }} }} }} }}
    }}
    alloc S: i32[1, 32] @acc {s}
    for m in 0..1 {{ for n in 0..32 {{ S[m, n] = C[m, n] >> 8 }} }}
    for o in 0..1 {{ for q in 0..32 {{ Y[o, q] = i8(S[o, q]) }} }}
}}
"
    )
}

fn read(text: &str) -> LoopProgram {
    let (mut program, spans) = parse_with_spans(FileId(0), text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    spans.become_origins(&mut program);
    program
}

fn lowered(text: &str) -> Result<LoopProgram, LegalizeError> {
    let program = read(text);
    verify(&program).unwrap_or_else(|e| panic!("{}\n{text}", e[0]));
    let cx = Cx { config: Config::default() };
    legalize(program, &cx, &mut |_| {}).map(|legal| legal.program().clone())
}

fn base(program: &LoopProgram, name: &str) -> Option<i64> {
    program.buffers.iter().find(|b| b.name == name)?.base
}

fn refusal(text: &str) -> String {
    told(text, &lowered(text).expect_err("is refused").diagnostic())
}

#[test]
fn a_stated_base_is_honoured_and_the_others_go_around_it() {
    let legal = lowered(&text([Some(7), Some(3), Some(1), None], 1)).unwrap();
    assert_eq!(["X_buf", "W_buf", "C"].map(|name| base(&legal, name)), [Some(7), Some(3), Some(1)]);
    // The result of the shift takes the place of the product that dies there.
    assert_eq!(base(&legal, "S"), None);
    let legal = lowered(&text([None, None, None, Some(0)], 1)).unwrap();
    assert_eq!(["C", "S"].map(|name| base(&legal, name)), [Some(2), Some(0)]);
}

#[test]
fn the_base_of_a_buffer_that_rotates_is_that_of_its_first_slot() {
    let legal = lowered(&text([Some(5), None, None, None], 2)).unwrap();
    let buffer = legal.buffers.iter().find(|b| b.name == "X_buf").unwrap();
    assert_eq!((buffer.base, buffer.shape[0]), (Some(5), 2));
}

#[test]
fn what_reaches_beyond_the_scratchpad_is_refused() {
    assert_snapshot!(refusal(&text([Some(2047), None, None, None], 2)));
    assert_snapshot!("a_base_far_beyond", refusal(&text([None, None, Some(i64::MAX), None], 1)));
}

#[test]
fn slots_that_grow_into_another_buffer_are_refused() {
    let text = "program p {
    input X: i8[4, 16] @dram
    output Y: i8[4, 16] @dram
    for i in 0..4 {
        alloc A: i8[1, 16] @acc base 0 slots 2
        for j in 0..16 { A[0, j] = X[i, j] }
        alloc B: i8[1, 16] @acc base 1
        for k in 0..16 { B[0, k] = A[0, k] }
        for l in 0..16 { Y[i, l] = B[0, l] }
    }
}
";
    assert_snapshot!(refusal(text));
}

#[test]
fn bases_that_leave_no_room_are_named() {
    let text = "program p {
    input X: i32[1024, 16] @dram
    output Y: i8[1024, 16] @dram
    output Z: i8[1024, 16] @dram
    alloc A: i32[1024, 16] @acc base 512
    for i in 0..1024 { for j in 0..16 { A[i, j] = X[i, j] } }
    alloc B: i32[1024, 16] @acc
    for k in 0..1024 { for l in 0..16 { B[k, l] = X[1023 - k, l] } }
    for m in 0..1024 { for n in 0..16 { Y[m, n] = i8(A[m, n]) } }
    for o in 0..1024 { for q in 0..16 { Z[o, q] = i8(B[o, q]) } }
}
";
    assert_snapshot!(refusal(text));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn bases_are_honoured_or_refused(
        bases in (0..2050i64, 0..1030i64, 0..2050i64, 0..2050i64),
        near in any::<[bool; 4]>(),
        stated in any::<[bool; 4]>(),
        slots in 1..4i64,
    ) {
        let bases = [bases.0, bases.1, bases.2, bases.3];
        let bases = [0, 1, 2, 3].map(|at: usize| stated[at].then_some(if near[at] { bases[at] % 4 } else { bases[at] }));
        match lowered(&text(bases, slots)) {
            Ok(legal) => {
                prop_assert_eq!(verify(&legal), Ok(()));
                for (name, stated) in ["X_buf", "W_buf", "C", "S"].into_iter().zip(bases) {
                    prop_assert!(stated.is_none() || base(&legal, name) == stated, "{}", name);
                }
                // Read back, it is the same.
                let again = tilewright_core::loops::print::print(&legal, &Default::default());
                let again = lowered(&again).unwrap();
                let places = |p: &LoopProgram| {
                    let on_chip = p.buffers.iter().filter(|b| b.scope != Scope::Dram);
                    on_chip.map(|b| (b.name.clone(), b.base)).collect::<Vec<_>>()
                };
                prop_assert_eq!(places(&again), places(&legal));
            }
            Err(error) => prop_assert!(["E0512", "E0507"].contains(&error.code()), "{}", error),
        }
    }
}
