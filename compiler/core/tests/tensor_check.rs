//! Checked kernels: what stands in them, how they are printed, who reads whom, and that no numbers make the check panic.

use ndarray::{Array, IxDyn};
use proptest::prelude::*;
use tilewright_core::scalar::DType;
use tilewright_core::tensor::{self, Constants, Graph, Kernel, TensorId};
use tilewright_syntax::ast::{self, Item};
use tilewright_syntax::{Diagnostic, Sources, parse};

const MATMUL: &str = include_str!("../../../dsl-examples/matmul.tw");
const MATMUL_TILES: &str = include_str!("../../../dsl-examples/matmul_tiles.tw");
const CONV: &str = "kernel conv(h = 14, ci = 256, co = 256, shift = 8) {
    input X: i8[ci, h, h] outside 0
    input F: i8[co, ci, 3, 3]
    input b: i32[co]
    C[o, y < h, x < h] = sum(c, r, s: i32(X[c, y + r - 1, x + s - 1]) * i32(F[o, c, r, s]))
    output Y[o, y, x] = i8(clip((C[o, y, x] >> shift) + b[o], 0, 127))
}";

fn parsed(text: &str) -> ast::Kernel {
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    let program = parse(&sources, file).expect("the text is a program");
    let kernel = program.items.into_iter().find_map(|item| match item {
        Item::Kernel(kernel) => Some(kernel),
        _ => None,
    });
    kernel.expect("the text has a kernel")
}

fn target() -> Constants {
    [("BATCH", 1), ("BLOCK_IN", 16), ("BLOCK_OUT", 16)].into_iter().collect()
}

fn check(text: &str, overrides: &[(&str, i64)]) -> Result<Kernel, Vec<Diagnostic>> {
    let overrides: Vec<(String, i64)> = overrides.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
    tensor::check(&parsed(text), &overrides, &target())
}

#[test]
fn kernels_are_printed_with_their_extents_and_types() {
    let texts = [MATMUL, MATMUL_TILES, CONV].map(|text| tensor::print(&check(text, &[]).expect("the example is good")));
    insta::assert_snapshot!("printed_kernels", texts.join("\n"));
}

#[test]
fn expressions_are_printed_with_the_parentheses_that_they_need() {
    let text = "kernel k(n = 20) {
        input X: i8[n] outside -1
        input V: i32[n, 8]
        A[i < 6, j] = V[3 * i + 2 - j % 2, j] - (V[0, j] - V[1, j] - 5) * (i - -3)
        B[i, j] = (A[i, j] >> 2 << 1) + (1 << 4) - (-A[i, j] + 7 >> 3)
        D[i < 6] = sat8(X[0 + i] * X[i / 2])
        E[i < 4] = i8(3)
        output Y[i, j] = max(min(B[i, j], 5), clip(i32(D[i]), -9, 9)) * (A[i, j] * 2)
        output Z[i < n - 1] = min(X[i + 1], -4)
    }";
    let printed = tensor::print(&check(text, &[]).expect("the kernel is good"));
    insta::assert_snapshot!("printed_expressions", printed);
    assert_eq!(tensor::print(&check(&printed, &[]).expect("printed kernels are good")), printed);
}

#[test]
fn formats_are_printed_so_that_they_are_read_back() {
    let text = "kernel k(n = 20) {
        input X: i8.q7[n] outside 0.5
        input V: i32.q12[n]
        input w: i32.q31[n]
        A[i] = i32.q12(X[i]) + V[i]
        B[i] = i32.q12(X[i] * X[i] * i32.q8(0.3), nearest) - 0.3
        C[i] = (V[i] >> 3) + i32.q12(V[i] * V[i]) * 2
        D[i] = sat8.q7(C[i] * i32.q4(1.5), nearest)
        E[i < 4] = i8.q6(-0.25)
        F[i < 4] = i32.q20(1)
        G[i] = select(V[i] * 3 < i32.q12(X[i]), w[i], w[i] - 0.00000000046)
        H[i] = i32.q3(i32.q31(w[i] >> 1) >> 30)
        I[i] = i32.q24(V[i]) + V[i] * V[i]
        J[i] = max(min(X[i], 0.3), i8.q7(-1))
        K[i] = i32.q2(V[i] << 4) * i << 2
        L[i] = (i32.q12(V[i] * i32.q12(0.5)) * i32.q12(-1)) >> 2
        scan t in 3 {
            state s[i < n]: i32.q12 = 0.5
            state u[i < n]: i8.q7 = X[i]
            p[i] = i32.q12(u[i] * u[i], nearest)
            next u[i] = sat8.q7(s[i])
            next s[i] = p[i] - s[i]
        }
        output Y[i] = clip(i32.q7(A[i] + s[3, i]), -1, 0.5)
    }";
    let kernel = check(text, &[]).expect("the kernel is good");
    let printed = tensor::print(&kernel);
    insta::assert_snapshot!("printed_formats", printed);
    let again = check(&printed, &[]).unwrap_or_else(|e| panic!("{e:?}"));
    assert_eq!(tensor::print(&again), printed);
    let values = |kernel: &Kernel| kernel.tensors.iter().map(|t| (t.name.clone(), t.format())).collect::<Vec<_>>();
    assert_eq!(values(&again), values(&kernel));
    assert_eq!(bits(&again), bits(&kernel));
}

/// What a kernel yields for some inputs, in all of its tensors.
fn bits(kernel: &Kernel) -> Vec<Vec<i32>> {
    let some = |i: usize, dtype| match dtype {
        DType::I8 => (i * 37) as i8 as i32,
        DType::I32 => (i as i32).wrapping_mul(1_234_567),
    };
    let inputs: Vec<(TensorId, tensor::Array)> = kernel
        .ids()
        .filter(|id| kernel.tensor(*id).is_input())
        .map(|id| {
            let t = kernel.tensor(id);
            (id, Array::from_shape_fn(IxDyn(&[t.shape[0] as usize]), |i| some(i[0], t.dtype)))
        })
        .collect();
    let found = tensor::evaluate(kernel, &inputs).expect("the inputs fit");
    kernel.ids().map(|id| found.get(id).iter().copied().collect()).collect()
}

#[test]
fn conversions_move_the_point_and_round_as_stated() {
    let value = |value: &str, x: i32| {
        let text = format!("kernel k {{ input x: i32.q12[1]; output y[i < 1] = {value}; }}");
        let kernel = check(&text, &[]).unwrap_or_else(|e| panic!("{value}: {e:?}"));
        let input = Array::from_elem(IxDyn(&[1]), x);
        let y = kernel.find("y").expect("it is there");
        let found = tensor::evaluate(&kernel, &[(TensorId(0), input)]).expect("the input fits");
        (kernel.tensor(y).format().to_string(), found.get(y)[[0]])
    };
    let is = |text: &str, x, format: &str, y| assert_eq!(value(text, x), (format.to_owned(), y), "{text}");
    is("i32.q8(x[i])", -1, "i32.q8", -1);
    is("i32.q8(x[i], nearest)", -1, "i32.q8", 0);
    is("i32.q8(x[i], nearest)", 8, "i32.q8", 1);
    is("i32.q8(x[i], nearest)", -8, "i32.q8", 0);
    is("i32.q8(x[i], nearest)", i32::MAX, "i32.q8", i32::MIN >> 4);
    is("i32.q31(x[i])", 4097, "i32.q31", i32::MIN + (1 << 19));
    is("i8.q7(x[i])", 4096, "i8.q7", -128);
    is("sat8.q7(x[i])", 4096, "i8.q7", 127);
    is("sat8.q7(1)", 0, "i8.q7", 127);
    is("i8(x[i])", 130, "i8.q12", -126);
    is("x[i] * 3", 2, "i32.q12", 6);
    is("x[i] * i32.q8(0.3)", 2, "i32.q20", 154);
    is("x[i] + 1", 2, "i32.q12", 4098);
    is("-x[i] >> 1", 3, "i32.q12", -2);
    is("select(x[i] < 0.5, 0.25, x[i])", 2047, "i32.q12", 1024);
    is("i32.q4(i32.q8(0.3))", 0, "i32.q4", 4);
}

#[test]
fn parameters_take_their_values_from_outside_from_the_target_and_from_each_other() {
    let text = "kernel k(n = BLOCK_IN * 4, half = n / 2, top = max(half, 3) - 1) {
        input X: i8[n, half, top]
        output Y[i, j, l] = X[i, j, l]
    }";
    let shape =
        |overrides: &[(&str, i64)]| check(text, overrides).expect("the kernel is good").tensors[0].shape.clone();
    assert_eq!(shape(&[]), [64, 32, 31]);
    assert_eq!(shape(&[("n", 6)]), [6, 3, 2]);
    assert_eq!(shape(&[("half", 5), ("half", 7)]), [64, 7, 6]);
    let values = tensor::check::parameters(&parsed(text), &[("n".to_owned(), 6)], &target()).expect("all have values");
    assert_eq!(["n", "half", "top", "BATCH"].map(|name| values.get(name)), [Some(6), Some(3), Some(2), Some(1)]);
}

#[test]
fn products_of_i8_are_the_same_whether_they_are_widened_or_not() {
    let form = |product: &str| {
        let text = format!("kernel k {{ input X: i8[8]; output Y[] = sum(i: {product}); }}");
        let kernel = check(&text, &[]).expect("the kernel is good");
        (tensor::print(&kernel), kernel.tensors[1].dtype)
    };
    assert_eq!(form("X[i] * X[i]"), form("i32(X[i]) * i32(X[i])"));
    assert_eq!(form("X[i]"), form("i32(X[i])"));
    assert_eq!(form("X[i]").1, DType::I32);
}

#[test]
fn the_type_of_a_tensor_is_that_of_its_value() {
    let dtype = |value: &str| {
        let text = format!("kernel k {{ input X: i8[8]; input V: i32[8]; output Y[i < 8] = {value}; }}");
        check(&text, &[]).unwrap_or_else(|e| panic!("{value}: {e:?}")).tensors[2].dtype
    };
    for value in ["X[i]", "max(X[i], 0)", "clip(X[i], -5, 5)", "i8(V[i])", "sat8(V[i])", "i8(300)"] {
        assert_eq!(dtype(value), DType::I8, "{value}");
    }
    for value in ["V[i]", "X[i] + 1", "X[i] << 1", "-X[i]", "i", "0", "min(V[i], 7)", "i32(X[i])", "X[i] * X[i]"] {
        assert_eq!(dtype(value), DType::I32, "{value}");
    }
}

#[test]
fn the_graph_follows_the_reads() {
    let text = "kernel k {
        input A: i8[8]
        input B: i8[8]
        C[i] = A[i] + A[7 - i]
        D[i] = C[i] + i32(B[i])
        output E[i] = C[i] - D[i]
    }";
    let graph = Graph::new(&check(text, &[]).expect("the kernel is good"));
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(TensorId);
    assert_eq!(graph.producers(a), []);
    assert_eq!(graph.producers(c), [a]);
    assert_eq!(graph.producers(d), [b, c]);
    assert_eq!(graph.producers(e), [c, d]);
    let order: Vec<TensorId> = graph.groups().concat();
    let place = |t| order.iter().position(|o| *o == t).expect("every tensor has a place");
    for (producer, consumer) in [(a, c), (c, d), (b, d), (c, e), (d, e)] {
        assert!(place(producer) < place(consumer));
    }
}

#[test]
fn the_deepest_expressions_that_the_syntax_allows_are_checked_printed_and_evaluated() {
    let chain = vec!["X[i]"; 500].join(" + ");
    let nested = format!("{}X[i]{}", "max(-5, ".repeat(250), ")".repeat(250));
    let text = format!("kernel k {{ input X: i32[3]; output Y[i] = {chain}; output Z[i] = {nested}; }}");
    let kernel = check(&text, &[]).expect("the kernel is good");
    assert_eq!(tensor::print(&check(&tensor::print(&kernel), &[]).expect("the text is good")), tensor::print(&kernel));
    let x = Array::from_shape_vec(IxDyn(&[3]), vec![-7, 0, 7]).expect("three values");
    let values = tensor::evaluate(&kernel, &[(TensorId(0), x)]).expect("the input fits");
    assert_eq!(values.get(TensorId(1)).as_slice(), Some(&[-3500, 0, 3500][..]));
    assert_eq!(values.get(TensorId(2)).as_slice(), Some(&[-5, 0, 7][..]));
}

/// Numbers near the limits of types and sizes.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1, 2, i64::MAX - 1, i64::MAX]),
        (0u32..63, -1i64..2).prop_map(|(bits, near)| (1i64 << bits) + near),
    ]
}

proptest! {
    #[test]
    fn no_parameters_make_the_check_panic(m in number(), n in number(), s in number(), form in 0usize..6) {
        let text = [
            "kernel k(m, n, s) { input X: i8[m, n]; output Y[i, j] = X[i, j] >> s; }",
            "kernel k(m, n, s) { input X: i8[16] outside s; output Y[i < m, j < n] = X[i * m + j * n + s]; }",
            "kernel k(m, n, s) { input X: i8[m * n - s]; output Y[i] = sum(r < n: X[i] * r) ; }",
            "kernel k(m, n, s) { input X: i8[16] outside 0; output Y[i < 4] = X[(i * m + n) / s] + X[(n - i * m) % s]; }",
            "kernel k(m, n, s) { input X: i32[4]; output Y[i] = X[i] * m + (n << s) - -n / s; }",
            "kernel k(m, n = m << 1, s = n % m) { input X: i8[8]; output Y[i < 1] = X[i * m * n - i * s * s + n - n]; }",
        ][form];
        for error in check(text, &[("m", m), ("n", n), ("s", s)]).err().unwrap_or_default() {
            prop_assert!(error.code.starts_with("E02"));
        }
    }
}
