//! The reference evaluation against loops written by hand and against a point-by-point evaluation of random kernels.

use ndarray::{Array, ArrayD, IxDyn};
use proptest::prelude::*;
use tilewright_core::affine::Affine;
use tilewright_core::scalar::{BinaryOp, DType};
use tilewright_core::tensor::{self, AxisId, Constants, EvaluateError, Kernel, Leaf, Read, Reducer, TensorId};
use tilewright_syntax::ast::Item;
use tilewright_syntax::{Sources, parse};

fn kernel(text: &str) -> Kernel {
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    let program = parse(&sources, file).expect("the text is a program");
    let Item::Kernel(kernel) = &program.items[0] else { panic!("the first item is a kernel") };
    tensor::check(kernel, &[], &Constants::default()).expect("the kernel is well formed")
}

/// Values that differ from place to place, over the whole range of their type.
fn filled(kernel: &Kernel, seed: u64) -> Vec<(TensorId, ArrayD<i32>)> {
    let inputs = kernel.ids().filter(|id| kernel.tensor(*id).is_input());
    inputs
        .map(|id| {
            let tensor = kernel.tensor(id);
            let shape: Vec<usize> = tensor.shape.iter().map(|n| *n as usize).collect();
            let (min, max) = tensor.dtype.limits();
            let mut state = seed.wrapping_add(u64::from(id.0) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((i128::from(state) * i128::from(max - min + 1)) >> 64) as i64 + min
            };
            let values: Vec<i32> =
                std::iter::repeat_with(next).map(|v| v as i32).take(shape.iter().product()).collect();
            (id, ArrayD::from_shape_vec(IxDyn(&shape), values).expect("as many values as elements"))
        })
        .collect()
}

/// Evaluates one definition point by point, straight from what the types say.
fn pointwise(kernel: &Kernel, id: TensorId, arrays: &tensor::Evaluation) -> ArrayD<i32> {
    let compute = kernel.tensor(id).compute().expect("a computed tensor");
    let shape: Vec<usize> = kernel.tensor(id).shape.iter().map(|n| *n as usize).collect();
    let reduced: Vec<AxisId> = compute.reduction.iter().flat_map(|r| r.axes.clone()).collect();
    let extents: Vec<usize> = reduced.iter().map(|a| kernel.axis(*a).extent as usize).collect();
    Array::from_shape_fn(IxDyn(&shape), |at| {
        let (start, op) = joining(kernel, id);
        let mut joined = start;
        for inner in ndarray::indices(extents.as_slice()) {
            let value = |axis: AxisId| match compute.axes.iter().position(|a| *a == axis) {
                Some(d) => at[d] as i64,
                None => inner[reduced.iter().position(|a| *a == axis).expect("an axis of the definition")] as i64,
            };
            let point = compute.value.eval(&mut |leaf| match leaf {
                Leaf::Axis(axis) => value(*axis) as i32,
                Leaf::Read(read) => element(kernel, read, arrays.get(read.tensor), &value),
            });
            joined = op.eval(joined, point);
        }
        joined
    })
}

/// How the values of a definition are joined, and what they are joined with first.
fn joining(kernel: &Kernel, id: TensorId) -> (i32, BinaryOp) {
    let tensor = kernel.tensor(id);
    match tensor.compute().and_then(|c| c.reduction.as_ref()).map(|r| r.reducer) {
        None | Some(Reducer::Sum) => (0, BinaryOp::Add),
        Some(Reducer::Max) => (tensor.dtype.limits().0 as i32, BinaryOp::Max),
        Some(Reducer::Min) => (tensor.dtype.limits().1 as i32, BinaryOp::Min),
    }
}

fn element(kernel: &Kernel, read: &Read, array: &ArrayD<i32>, value: &dyn Fn(AxisId) -> i64) -> i32 {
    let index: Vec<usize> = read.indices.iter().map(|i: &Affine<AxisId>| i.eval(value) as usize).collect();
    match (array.get(IxDyn(&index)), kernel.tensor(read.tensor).outside) {
        (Some(value), _) => *value,
        (None, Some(outside)) => outside,
        (None, None) => panic!("a read outside of `{}`", kernel.tensor(read.tensor).name),
    }
}

/// Compares every computed tensor with its point-by-point evaluation.
fn agrees(kernel: &Kernel, seed: u64) {
    let values = tensor::evaluate(kernel, &filled(kernel, seed)).expect("the inputs fit");
    for id in kernel.ids().filter(|id| !kernel.tensor(*id).is_input()) {
        let name = &kernel.tensor(id).name;
        assert!(*values.get(id) == pointwise(kernel, id, &values), "`{name}` differs in\n{}", tensor::print(kernel));
    }
}

#[test]
fn a_matrix_product_is_what_three_loops_compute() {
    let kernel = kernel(
        "kernel matmul(m = 3, k = 70, n = 5) {
            input X: i8[m, k]
            input W: i8[n, k]
            C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
            output Y[i, j] = i8(C[i, j])
        }",
    );
    let inputs = filled(&kernel, 1);
    let (x, w) = (&inputs[0].1, &inputs[1].1);
    let values = tensor::evaluate(&kernel, &inputs).unwrap();
    let (c, y) = (kernel.find("C").unwrap(), kernel.find("Y").unwrap());
    for i in 0..3 {
        for j in 0..5 {
            let mut sum = 0i32;
            for r in 0..70 {
                sum += x[[i, r]] * w[[j, r]];
            }
            assert_eq!(values.get(c)[[i, j]], sum);
            assert_eq!(values.get(y)[[i, j]], i32::from(sum as i8));
        }
    }
}

#[test]
fn a_convolution_reads_zeros_around_its_input() {
    let kernel = kernel(
        "kernel conv(h = 6, ci = 5, co = 4) {
            input X: i8[ci, h, h] outside 0
            input F: i8[co, ci, 3, 3]
            output C[o, y < h, x < h] = sum(c, r, s: X[c, y + r - 1, x + s - 1] * F[o, c, r, s])
        }",
    );
    let inputs = filled(&kernel, 2);
    let (x, f) = (&inputs[0].1, &inputs[1].1);
    let values = tensor::evaluate(&kernel, &inputs).unwrap();
    for ((o, y, xx), got) in
        values.get(TensorId(2)).clone().into_dimensionality::<ndarray::Ix3>().unwrap().indexed_iter()
    {
        let mut sum = 0;
        for (c, r, s) in ndarray::indices((5, 3, 3)) {
            let (iy, ix) = ((y + r).wrapping_sub(1), (xx + s).wrapping_sub(1));
            sum += x.get([c, iy, ix].as_slice()).unwrap_or(&0) * f[[o, c, r, s]];
        }
        assert_eq!(*got, sum, "at {o}, {y}, {xx}");
    }
}

#[test]
fn sums_wrap_in_32_bits_and_conversions_do_as_they_are_named() {
    let kernel = kernel(
        "kernel k {
            input X: i32[4]
            output S[] = sum(i: X[i])
            output W[i] = i8(X[i])
            output T[i] = sat8(X[i])
            output R[i] = X[i] >> 3
            output L[i] = X[i] << 3
            output N[i] = -X[i]
        }",
    );
    let x = ArrayD::from_shape_vec(IxDyn(&[4]), vec![i32::MAX, 200, -129, i32::MIN]).unwrap();
    let values = tensor::evaluate(&kernel, &[(TensorId(0), x)]).unwrap();
    let result = |name: &str| values.get(kernel.find(name).unwrap()).iter().copied().collect::<Vec<_>>();
    assert_eq!(result("S"), [70]);
    assert_eq!(result("W"), [-1, -56, 127, 0]);
    assert_eq!(result("T"), [127, 127, -128, -128]);
    assert_eq!(result("R"), [268_435_455, 25, -17, -268_435_456]);
    assert_eq!(result("L"), [-8, 1600, -1032, 0]);
    assert_eq!(result("N"), [-i32::MAX, -200, 129, i32::MIN]);
}

#[test]
fn greatest_and_least_values_keep_their_type() {
    let kernel = kernel(
        "kernel pool {
            input X: i8[6, 40]
            input V: i32[40]
            output M[y < 3] = max(r < 2, x: X[y * 2 + r, x])
            output L[y < 3] = min(r < 2, x: X[y * 2 + r, x])
            output G[] = max(x: V[x] - 5)
        }",
    );
    let (x, v) = (ArrayD::from_elem(IxDyn(&[6, 40]), -128), ArrayD::from_elem(IxDyn(&[40]), i32::MIN + 7));
    let values = tensor::evaluate(&kernel, &[(TensorId(0), x.clone()), (TensorId(1), v.clone())]).unwrap();
    let result = |name: &str| values.get(kernel.find(name).unwrap()).iter().copied().collect::<Vec<_>>();
    assert_eq!((result("M"), result("L"), result("G")), (vec![-128; 3], vec![-128; 3], vec![i32::MIN + 2]));
    assert_eq!(kernel.tensor(kernel.find("M").unwrap()).dtype, DType::I8);
    agrees(&kernel, 5);
}

#[test]
fn rows_agree_with_points_where_axes_meet_in_divisions_and_rows_are_long() {
    for text in [
        // A row longer than a chunk, with steps other than 1.
        "kernel k { input X: i8[20000]; output Y[i < 6000] = X[3 * i + 7] + X[19999 - i] }",
        // Divisions of inner axes, of outer axes and of both.
        "kernel k { input X: i8[40, 30]; output Y[i < 200, j < 90, q < 7] = X[i / 5, j % 30] + X[(i + j) / 8, 0 + q] }",
        "kernel k { input X: i8[97]; output Y[a < 70, b < 90] = sum(c < 20: i32(X[(a + b + c) / 2]) * c + a) }",
        // Reads outside of an array, near and far.
        "kernel k { input X: i8[9] outside 1; output Y[i < 20] = X[i] }",
        "kernel k { input X: i8[9] outside -3; output Y[i < 50, j < 40] = X[1000000 * i - j] }",
        "kernel k { input X: i8[9, 9] outside 5; output Y[i < 20] = sum(r < 20: X[i - 5, r - 4] * X[r - 1, i]) }",
        // More points than one row holds, with the reduction split between rows.
        "kernel k { input X: i8[300, 300]; output Y[i < 2] = sum(a, b: i32(X[a, b]) * i) }",
        // Tensors without axes.
        "kernel k { input X: i32[]; output Y[] = X[] + 1; output Z[i < 3] = X[] }",
    ] {
        agrees(&kernel(text), 7);
    }
}

#[test]
fn a_scan_computes_step_by_step() {
    let kernel = kernel(
        "kernel k(steps = 5, h = 3) {
            input X: i32[steps, h]
            input A: i8[h]
            input W: i8[h, h]
            scan t in steps {
                state s[j < h]: i8 = A[j]
                state c[j < h]: i32 = 7
                x[j] = X[t, j] * 3
                z[j] = sum(k: i32(s[k]) * i32(W[j, k]))
                e[j] = (x[j] + z[j] + c[j] + t) >> 2
                next s[j] = i8(e[j])
                next c[j] = max(c[j], i32(s[j]))
            }
            output S[t < steps, j] = s[t + 1, j]
            output C[j] = c[steps, j] + x[2, j]
        }",
    );
    let inputs = filled(&kernel, 4);
    let (x, a, w) = (&inputs[0].1, &inputs[1].1, &inputs[2].1);
    let values = tensor::evaluate(&kernel, &inputs).unwrap();
    let result = |name: &str| values.get(kernel.find(name).unwrap());
    let (mut s, mut c) = (vec![a[[0]], a[[1]], a[[2]]], [7; 3]);
    for t in 0..5 {
        let product = |j: usize| (0..3).map(|k| s[k] * w[[j, k]]).sum::<i32>();
        let x = |j: usize| x[[t, j]].wrapping_mul(3);
        let step = |j: usize| x(j).wrapping_add(product(j)).wrapping_add(c[j]).wrapping_add(t as i32);
        let next: Vec<i32> = (0..3).map(|j| i32::from((step(j) >> 2) as i8)).collect();
        (0..3).for_each(|j| c[j] = c[j].max(s[j]));
        s = next;
        assert_eq!((0..3).map(|j| result("S")[[t, j]]).collect::<Vec<_>>(), s, "step {t}");
    }
    let last = |j: usize| c[j].wrapping_add(x[[2, j]].wrapping_mul(3));
    assert_eq!(result("C").iter().copied().collect::<Vec<_>>(), [last(0), last(1), last(2)]);
    let printed = tensor::print(&kernel);
    assert_eq!(printed, tensor::print(&self::kernel(&printed)));
    assert_eq!(tensor::evaluate(&self::kernel(&printed), &inputs), Ok(values));
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let kernel = kernel("kernel k { input X: i8[2]; output Y[i] = X[i] }");
    let refused = |inputs: &[(TensorId, ArrayD<i32>)]| tensor::evaluate(&kernel, inputs).unwrap_err();
    let array = |values: &[i32]| ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap();
    assert_eq!(refused(&[]), EvaluateError::MissingInput { name: "X".to_owned() });
    assert_eq!(refused(&[]).to_string(), "input `X` is missing");
    let short = refused(&[(TensorId(0), array(&[1]))]);
    assert_eq!(short.to_string(), "input `X` has shape [2], but an array of shape [1] is given");
    let large = refused(&[(TensorId(0), array(&[1, 128]))]);
    assert_eq!(large.to_string(), "input `X` is `i8`, which cannot hold 128");
    let computed = refused(&[(TensorId(0), array(&[1, 2])), (TensorId(1), array(&[1, 2]))]);
    assert_eq!(computed.to_string(), "`Y` is given but is not an input");
}

/// Expressions over axes `a`, `b` and, in sums, `r`, of type `i32`. `X` and `V` are read anywhere, because they say what
/// stands outside.
fn value(axes: &'static [&'static str]) -> impl Strategy<Value = String> {
    let axis = prop::sample::select(axes);
    let index = (axis.clone(), prop::sample::select(axes), -3i64..4, -6i64..20, 1i64..5, 0usize..4).prop_map(
        |(a, b, c, k, d, form)| match form {
            0 => format!("{a} * {c} + {k}"),
            1 => format!("{a} - {b} + {k}"),
            2 => format!("({a} + {b} * {c}) / {d}"),
            _ => format!("({a} * {c} + {k}) % {d} + {b}"),
        },
    );
    let leaf = prop_oneof![
        (index.clone(), index.clone()).prop_map(|(i, j)| format!("i32(X[{i}, {j}])")),
        index.prop_map(|i| format!("V[{i}]")),
        axis.prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone(), prop::sample::select(&["+", "-", "*"][..]))
                .prop_map(|(a, b, op)| format!("({a} {op} {b})")),
            (inner.clone(), inner.clone(), prop::sample::select(&["min", "max"][..]))
                .prop_map(|(a, b, f)| format!("{f}({a}, {b})")),
            (inner.clone(), -300i32..300).prop_map(|(a, k)| format!("({a} + {k})")),
            (inner.clone(), -31..32).prop_map(|(a, n)| format!("({a} >> {n})")),
            (inner.clone(), -31..32).prop_map(|(a, n)| format!("({a} << {n})")),
            (inner.clone(), inner.clone(), prop::sample::select(&["<<", ">>"][..]))
                .prop_map(|(a, b, op)| format!("({a} {op} ({b}))")),
            (inner.clone(), prop::sample::select(&["i8", "sat8"][..])).prop_map(|(a, f)| format!("i32({f}({a}))")),
            inner.prop_map(|a| format!("clip({a}, -100, 99)")),
        ]
    })
}

fn random_kernel() -> impl Strategy<Value = String> {
    let extents = (1i64..12, 1i64..70, 1i64..9);
    let reducer = prop::sample::select(&["sum", "max", "min"][..]);
    (extents, value(&["a", "b"]), reducer, value(&["a", "b", "r"]), value(&["a", "b"])).prop_map(
        |((a, b, r), first, reducer, joined, last)| {
            format!(
                "kernel random {{
                input X: i8[5, 7] outside -2
                input V: i32[30] outside 0
                P[a < {a}, b < {b}] = {first}
                S[a < {a}, b < {b}] = {reducer}(r < {r}: {joined})
                output Q[a, b] = i8(P[a, b] + S[a, b])
                output T[b, a] = sat8(({last}) - P[a, b])
            }}"
            )
        },
    )
}

proptest! {
    #[test]
    fn rows_agree_with_points(text in random_kernel(), seed in any::<u64>()) {
        agrees(&kernel(&text), seed);
    }

    #[test]
    fn the_printed_kernel_is_the_kernel(text in random_kernel()) {
        let first = kernel(&text);
        let printed = tensor::print(&first);
        let second = kernel(&printed);
        prop_assert_eq!(&printed, &tensor::print(&second));
        let inputs = filled(&first, 3);
        prop_assert_eq!(tensor::evaluate(&first, &inputs), tensor::evaluate(&second, &inputs));
    }
}
