//! What the interpreter computes, and what it finds wrong.

use ndarray::{Array, ArrayD, IxDyn};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tilewright_core::gemm::Core;
use tilewright_core::loops::interpret::{Arrays, InterpretError, interpret, interpret_within};
use tilewright_core::loops::ir::{LoopProgram, Role};
use tilewright_core::loops::{canonical, print};
use tilewright_core::scalar::DType;

use super::{generate, program};

const CORE: Core = Core { batch: 1, block_in: 16, block_out: 16 };
const SMALL: Core = Core { batch: 2, block_in: 2, block_out: 3 };

fn array(shape: &[usize], value: impl FnMut(usize) -> i32) -> ArrayD<i32> {
    Array::from_iter((0..shape.iter().product()).map(value)).into_shape_with_order(IxDyn(shape)).unwrap()
}

/// Values of an `i8` array without a pattern that a wrong index could keep.
fn bytes(shape: &[usize], seed: usize) -> ArrayD<i32> {
    array(shape, |i| (((i + seed) * 2_654_435_761) >> 7) as i8 as i32)
}

fn arrays<const N: usize>(list: [(&str, ArrayD<i32>); N]) -> Arrays {
    list.map(|(name, a)| (name.to_owned(), a)).into()
}

/// The outputs of a text on some inputs.
fn run<const N: usize>(text: &str, core: Core, inputs: [(&str, ArrayD<i32>); N]) -> Result<Arrays, InterpretError> {
    interpret(&program(text), core, &arrays(inputs))
}

/// The one output of a program without inputs.
fn output(text: &str, core: Core) -> Vec<i32> {
    let outputs = run(text, core, []).unwrap();
    outputs.into_values().next().unwrap().into_raw_vec_and_offset().0
}

fn failure(text: &str) -> String {
    run(text, SMALL, []).unwrap_err().to_string()
}

const MATMUL_LOOPS: &str = "
program matmul {
    input X: i8[2, 64] @dram
    input W: i8[48, 64] @dram
    output Y: i8[2, 48] @dram
    alloc C: i32[2, 48] @acc
    for io in 0..2 {
        for jo in 0..3 {
            @gemm for ji in 0..16 { C[io, jo * 16 + ji] = 0 }
        }
    }
    for ro in 0..4 {
        alloc X_buf: i8[2, 16] @inp
        @dma_copy for i in 0..2 { for r in 0..16 { X_buf[i, r] = X[i, r + ro * 16] } }
        alloc W_buf: i8[48, 16] @wgt
        @dma_copy for j in 0..48 { for s in 0..16 { W_buf[j, s] = W[j, s + ro * 16] } }
        for ia in 0..2 {
            for ja in 0..3 {
                @gemm for jb in 0..16 {
                    for ri in 0..16 {
                        C[ia, ja * 16 + jb] =
                            C[ia, ja * 16 + jb] + i32(X_buf[ia, ri]) * i32(W_buf[ja * 16 + jb, ri])
                    }
                }
            }
        }
    }
    @dma_copy for iy in 0..2 {
        for jy in 0..48 { Y[iy, jy] = i8(C[iy, jy]) }
    }
}";

const MATMUL_TILES: &str = "
program matmul {
    input X: i8[2, 64] @dram tile(1: 16)
    input W: i8[48, 64] @dram tile(0: 16, 1: 16)
    output Y: i8[2, 48] @dram tile(1: 16)
    alloc C: i32[2, 48] @acc tile(1: 16) base 0
    reset C[0] outer 2 (dst 3) inner 3 (dst 1)
    for ro in 0..4 {
        alloc X_buf: i8[2, 16] @inp tile(1: 16) base 0
        load X_buf[0] <- X[ro] y 2 x 1 stride 4
        alloc W_buf: i8[48, 16] @wgt tile(0: 16, 1: 16) base 0
        load W_buf[0] <- W[ro] y 3 x 1 stride 4
        gemm C[0] += X_buf[0] * W_buf[0] outer 2 (dst 3, src 1) uops [(0, 0, 0), (1, 0, 1), (2, 0, 2)]
    }
    store C[0] -> Y[0] y 1 x 6 stride 6
}";

#[test]
fn loops_and_tiles_multiply_alike() {
    let (x, w) = (bytes(&[2, 64], 1), bytes(&[48, 64], 77));
    let expected = array(&[2, 48], |at| {
        let (i, j) = (at / 48, at % 48);
        let sum: i32 = (0..64).map(|r| x[[i, r].as_slice()] * w[[j, r].as_slice()]).sum();
        sum as i8 as i32
    });
    for text in [MATMUL_LOOPS, MATMUL_TILES] {
        let outputs = run(text, CORE, [("X", x.clone()), ("W", w.clone())]).unwrap();
        assert_eq!(outputs, arrays([("Y", expected.clone())]), "{text}");
    }
}

#[test]
fn a_core_with_a_batch_multiplies_rows_of_its_tiles() {
    let text = "
program matmul {
    input X: i8[4, 6] @dram tile(0: 2, 1: 2)
    input W: i8[6, 6] @dram tile(0: 3, 1: 2)
    output Y: i32[4, 6] @dram tile(0: 2, 1: 3)
    alloc C: i32[4, 6] @acc tile(0: 2, 1: 3)
    alloc A: i8[4, 6] @inp tile(0: 2, 1: 2)
    alloc B: i8[6, 6] @wgt tile(0: 3, 1: 2)
    load A[0] <- X[0] y 2 x 3 stride 3
    load B[0] <- W[0] y 1 x 6 stride 0
    for i in 0..2 {
        reset C[i * 2] uops [0, 1]
        gemm C[i * 2] += A[i * 3] * B[0] outer 2 (dst 1, wgt 3) inner 3 (src 1, wgt 1)
    }
    store C[0] -> Y[0] y 1 x 4 stride 4
}";
    let (x, w) = (bytes(&[4, 6], 5), bytes(&[6, 6], 9));
    let expected = array(&[4, 6], |at| (0..6).map(|r| x[[at / 6, r].as_slice()] * w[[at % 6, r].as_slice()]).sum());
    assert_eq!(run(text, SMALL, [("X", x), ("W", w)]), Ok(arrays([("Y", expected)])));
}

#[test]
fn alu_operations_work_on_lanes() {
    let text = |op: &str| {
        format!(
            "program p {{
                output Y: i32[3] @dram tile(0: 3)
                alloc A: i32[2, 3] @acc tile(1: 3)
                for i in 0..3 {{ A[0, i] = index(i) * 1000 - 1000 A[1, i] = index(i) * 2 - 2 }}
                alu {op}
                store A[0] -> Y[0] y 1 x 1 stride 1
            }}"
        )
    };
    let core = Core { batch: 1, block_in: 1, block_out: 3 };
    let results = ["min A[0], 5", "max A[0], -7", "add A[0], A[1]", "mul A[0], A[1]", "shr A[0], 3", "shr A[0], -3"]
        .map(|op| output(&text(op), core));
    let shifted = output(&text("shr A[0], A[1]"), core);
    assert_eq!(
        results,
        [[-1000, 0, 5], [-7, 0, 1000], [-1002, 0, 1002], [2000, 0, 2000], [-125, 0, 125], [-8000, 0, 8000],]
            .map(Vec::from)
    );
    assert_eq!(shifted, [-4000, 0, 250]);
}

#[test]
fn a_store_keeps_low_bits_and_the_accumulator_all() {
    let text = "
program p {
    output Y: i8[3] @dram tile(0: 3)
    output Z: i32[3] @dram tile(0: 3)
    alloc A: i8[3] @acc tile(0: 3)
    alloc B: i32[3] @acc tile(0: 3)
    for i in 0..3 { A[i] = 100i8 }
    alu mul A[0], 3
    store A[0] -> Y[0] y 1 x 1 stride 1
    load B[0] <- Y[0] y 1 x 1 stride 1
    alu add B[0], A[0]
    store B[0] -> Z[0] y 1 x 1 stride 1
}";
    let core = Core { batch: 1, block_in: 1, block_out: 3 };
    let expected = arrays([("Y", array(&[3], |_| 44)), ("Z", array(&[3], |_| 344))]);
    assert_eq!(run(text, core, []), Ok(expected));
}

#[test]
fn scalars_wrap_saturate_and_shift() {
    let values = [
        ("2147483647 + 1", i32::MIN),
        ("65536 * 65536 - 1", -1),
        ("i32(i8(200))", -56),
        ("i32(sat8(200))", 127),
        ("sat8(-200)", -128),
        ("sat32(7)", 7),
        ("-5 >> 1", -3),
        ("3 << 31", i32::MIN),
        ("min(max(4, 6), 5i8)", 5),
        ("10 - 4 - 3", 3),
        ("10 - (4 - 3)", 9),
        ("2 + 3 << 1", 10),
        ("index(7 / 2 * 2)", 6),
    ];
    for (value, expected) in values {
        let text = format!("program p {{ output Y: i32[] @dram Y[] = {value} }}");
        assert_eq!(output(&text, SMALL), [expected], "{value}");
    }
}

#[test]
fn scalars_and_tiles_see_one_buffer() {
    let text = "
program p {
    output Y: i32[4, 6] @dram tile(0: 2, 1: 3)
    alloc C: i32[4, 6] @acc tile(0: 2, 1: 3)
    for i in 0..4 { for j in 0..6 { C[i, j] = index(i * 10 + j) } }
    alu add C[3], 100
    store C[0] -> Y[0] y 1 x 4 stride 4
    for k in 0..24 { Y[k / 6, k % 6] = Y[k / 6, k % 6] * 2 }
}";
    let expected: Vec<i32> =
        (0..24).map(|k| (k / 6 * 10 + k % 6 + if k / 6 >= 2 && k % 6 >= 3 { 100 } else { 0 }) * 2).collect();
    assert_eq!(output(text, SMALL), expected);
}

#[test]
fn a_read_before_a_write_names_buffer_index_and_loops() {
    let text = "
program p {
    output Y: i32[6] @dram
    alloc C: i32[4, 6] @acc
    for i in 0..3 { for j in 0..5 { C[i, j] = 1 } }
    for k in 0..6 { Y[k] = C[2, k] }
}";
    insta::assert_snapshot!(failure(text), @"`C` is read at [2, 5] before it is written, where k = 5");
}

#[test]
fn tiles_that_are_read_before_a_write_are_told_by_logical_index() {
    let text = "
program p {
    output Y: i32[4, 6] @dram tile(0: 2, 1: 3)
    alloc C: i32[4, 6] @acc tile(0: 2, 1: 3)
    for i in 0..4 { for j in 0..4 { C[i, j] = 1 } }
    for t in 0..4 { alu add C[3 - t], 1 }
}";
    insta::assert_snapshot!(failure(text), @"`C` is read at [2, 4] before it is written, where t = 0");
}

#[test]
fn an_allocation_forgets_each_time() {
    let text = "
program p {
    output Y: i32[2] @dram
    for i in 0..2 {
        alloc t: i32[2] @acc
        t[i] = 1
        Y[i] = t[0]
    }
}";
    insta::assert_snapshot!(failure(text), @"`t` is read at [0] before it is written, where i = 1");
}

#[test]
fn an_output_must_be_written_completely() {
    let text = "program p { output Y: i32[2, 3] @dram for i in 0..2 { for j in 0..2 { Y[i, j] = 0 } } }";
    insta::assert_snapshot!(failure(text), @"output `Y` is never written at [0, 2]");
}

#[test]
fn inputs_must_be_those_of_the_program() {
    let text = "program p { input X: i8[2] @dram input B: i32[2] @dram }";
    let told = |inputs: &Arrays| interpret(&program(text), CORE, inputs).unwrap_err().to_string();
    let (x, b) = (array(&[2], |_| 1), array(&[2], |_| 1000));
    insta::assert_snapshot!(told(&arrays([("X", x.clone())])), @"input `B` is missing");
    insta::assert_snapshot!(
        told(&arrays([("X", x.clone()), ("B", b.clone()), ("C", b.clone())])),
        @"`C` is not an input of this program; its inputs are X, B"
    );
    insta::assert_snapshot!(
        told(&arrays([("X", bytes(&[2, 1], 0)), ("B", b.clone())])),
        @"input `X` has shape [2, 1], expected [2]"
    );
    insta::assert_snapshot!(
        told(&arrays([("X", b.clone()), ("B", b)])),
        @"input `X` has 1000 at [0], which i8 cannot hold"
    );
}

#[test]
fn what_is_too_large_is_refused_at_once() {
    let large = "program p { alloc A: i8[1000000, 1000000] @dram }";
    insta::assert_snapshot!(failure(large), @"the buffers have 1000000000000 elements together; at most 134217728 can be interpreted");
    let long = "program p { output Y: i8[] @dram
        for a in 0..1000000 { for b in 0..1000000 { Y[] = 1i8 } } }";
    insta::assert_snapshot!(failure(long), @"the program executes 1000000000000 statements; at most 68719476736 can be interpreted");
    let idle = "program p { output Y: i8[] @dram Y[] = 1i8
        for a in 0..1000000 { for b in 0..1000000 { for c in 0..1000000 { } } } }";
    assert_eq!(output(idle, SMALL), [1]);
}

#[test]
fn tiles_must_be_elements_of_the_scratchpads() {
    let text = "program p { input X: i8[8] @dram tile(0: 8) alloc A: i8[8] @inp tile(0: 8)
        load A[0] <- X[0] y 1 x 1 stride 1 }";
    insta::assert_snapshot!(failure(text), @"buffer `A` has tiles of 8 values, but an element of @inp has 4");
    let plain = "program p { output Y: i8[1] @dram alloc A: i8[8] @inp tile(0: 8) A[3] = 1i8 Y[0] = A[3] }";
    assert_eq!(output(plain, SMALL), [1]);
}

#[test]
fn an_ill_formed_program_is_refused() {
    let text = "program p { output Y: i32[2] @dram for i in 0..2 { Y[i + 1] = 0 } }";
    insta::assert_snapshot!(failure(text), @r"
    rule 12: index `i + 1` of `Y` is in 1..3, dimension 0 in 0..2
      in for i in 0..2 > Y[i + 1] = 0
    ");
}

/// An array for each input, in the range of its type.
fn inputs(p: &LoopProgram) -> Arrays {
    let inputs = p.buffers.iter().enumerate().filter(|(_, b)| b.role == Role::Input);
    inputs
        .map(|(seed, b)| {
            let shape: Vec<usize> = b.user_shape().iter().map(|n| *n as usize).collect();
            let array = bytes(&shape, seed);
            (b.name.clone(), if b.dtype == DType::I8 { array } else { array * 1_000_003 })
        })
        .collect()
}

/// Random programs are worth running: most have a result, and all kinds of statements occur in them.
#[test]
fn random_programs_are_of_all_kinds() {
    let mut runner = TestRunner::deterministic();
    let (mut texts, mut results) = (String::new(), 0);
    for _ in 0..400 {
        let p = generate::program().new_tree(&mut runner).unwrap().current();
        let core = Core { batch: generate::BATCH, block_in: generate::BLOCK_IN, block_out: generate::BLOCK_OUT };
        results += usize::from(interpret(&p, core, &inputs(&p)).is_ok_and(|outputs| !outputs.is_empty()));
        texts += &print::print(&p, &Default::default());
    }
    assert!(results > 100, "{results}");
    for word in
        [" += ", "reset ", "alu ", "load ", "store ", " % ", " / ", "outer ", "uops ", "sat8(", "@gemm ", "order("]
    {
        let count = texts.matches(word).count();
        assert!(count > 5, "{count} times `{word}`");
    }
}

#[test]
fn programs_that_are_too_long_are_refused_before_they_begin() {
    let text = "program p {\n    output Y: i8[4] @dram\n    for i in 0..4 {\n        Y[i] = 1i8\n    }\n}\n";
    let within = |most| interpret_within(&program(text), CORE, &Arrays::new(), most);
    let Err(InterpretError::TooLong { steps, most: 0 }) = within(0) else { panic!("it executes statements") };
    assert!(steps >= 4 && within(steps).is_ok());
    let refused = within(steps - 1).unwrap_err().to_string();
    assert_eq!(refused, format!("the program executes {steps} statements; at most {} can be interpreted", steps - 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_programs_have_a_result_or_an_undefined_value(p in generate::program()) {
        let core = Core { batch: generate::BATCH, block_in: generate::BLOCK_IN, block_out: generate::BLOCK_OUT };
        let result = interpret(&p, core, &inputs(&p));
        prop_assert_eq!(&interpret(&canonical(&p), core, &inputs(&p)), &result);
        match result {
            Ok(outputs) => {
                for b in p.buffers.iter().filter(|b| b.role == Role::Output) {
                    let (least, greatest) = b.user_dtype().limits();
                    let array = &outputs[&b.name];
                    prop_assert!(array.iter().all(|v| (least..=greatest).contains(&i64::from(*v))));
                }
            }
            Err(InterpretError::Uninitialised { .. } | InterpretError::Unwritten { .. }) => {}
            Err(other) => prop_assert!(false, "{other}\n{}", print::print(&p, &Default::default())),
        }
    }
}
