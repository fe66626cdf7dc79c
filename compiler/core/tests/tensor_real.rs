//! What kernels approximate: the evaluation in real numbers, against the integers where nothing is rounded, and against
//! numbers worked out by hand where something is.

use ndarray::{ArrayD, IxDyn, array};
use proptest::prelude::*;
use tilewright_core::tensor::{self, Constants, EvaluateError, Kernel, RealEvaluation, TensorId};
use tilewright_syntax::ast::Item;
use tilewright_syntax::{Sources, parse};

fn kernel(text: &str) -> Kernel {
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    let program = parse(&sources, file).expect("the text is a program");
    let Item::Kernel(kernel) = &program.items[0] else { panic!("the first item is a kernel") };
    tensor::check(kernel, &[], &Constants::default()).expect("the kernel is well formed")
}

/// The outputs of a kernel of one dimension, as numbers.
fn real(kernel: &Kernel, inputs: &[&[f64]]) -> Vec<f64> {
    let ids = kernel.ids().filter(|id| kernel.tensor(*id).is_input());
    let inputs: Vec<(TensorId, ArrayD<f64>)> = ids
        .zip(inputs)
        .map(|(id, values)| (id, ArrayD::from_shape_vec(IxDyn(&[values.len()]), values.to_vec()).unwrap()))
        .collect();
    outputs(kernel, &tensor::evaluate_real(kernel, &inputs).expect("the inputs fit"))
}

fn outputs(kernel: &Kernel, values: &RealEvaluation) -> Vec<f64> {
    let outputs = kernel.ids().filter(|id| kernel.tensor(*id).output);
    outputs.flat_map(|id| values.get(id).iter().copied().collect::<Vec<_>>()).collect()
}

#[test]
fn shifts_divide_and_drop_nothing() {
    let kernel = kernel("kernel k { input X: i32[3]; output Y[i] = (X[i] >> 3) << 1 }");
    assert_eq!(real(&kernel, &[&[1.0, -13.0, 0.5]]), [0.25, -3.25, 0.125]);
}

#[test]
fn half_of_the_divisor_is_no_part_of_the_number() {
    for value in ["X[i] + 8 >> 4", "8 + X[i] >> 4", "i32(sat8((i32(X[i]) + 8) >> 4))"] {
        let kernel = kernel(&format!("kernel k {{ input X: i32[2]; output Y[i] = {value} }}"));
        assert_eq!(real(&kernel, &[&[24.0, -24.0]]), [1.5, -1.5], "{value}");
    }
    for value in ["X[i] + 7 >> 4", "X[i] + 16 >> 4", "X[i] - 8 >> 4"] {
        let kernel = kernel(&format!("kernel k {{ input X: i32[1]; output Y[i] = {value} }}"));
        assert_ne!(real(&kernel, &[&[24.0]]), [1.5], "{value}");
    }
}

#[test]
fn conversions_keep_numbers_and_clip_does_not() {
    let text = "kernel k { input X: i32[2]; output Y[i] = i8(X[i]); output Z[i] = sat8(X[i]); output C[i] = clip(X[i], -9, 9) }";
    assert_eq!(real(&kernel(text), &[&[1000.5, -7.25]]), [1000.5, -7.25, 1000.5, -7.25, 9.0, -7.25]);
}

#[test]
fn sums_do_not_wrap_and_extremes_have_no_limits() {
    let text = "kernel k {
        input X: i32[3]
        input B: i8[3]
        S[o < 1] = sum(i: X[i])
        M[o < 1] = max(i: B[i])
        N[o < 1] = min(i: B[i])
        output R[o] = S[o]
        output P[o] = M[o]
        output Q[o] = N[o]
    }";
    let x = [2e9, 2e9, 0.25];
    assert_eq!(real(&kernel(text), &[&x, &[-500.0, -400.5, -600.0]]), [4e9 + 0.25, -400.5, -600.0]);
    assert_eq!(real(&kernel(text), &[&x, &[500.0, 400.5, 600.0]]), [4e9 + 0.25, 600.0, 400.5]);
}

#[test]
fn choices_compare_numbers() {
    let text = "kernel k { input X: i32[3]; output Y[i] = select(X[i] > i, X[i], -1) }";
    assert_eq!(real(&kernel(text), &[&[0.5, 0.5, 2.5]]), [0.5, -1.0, 2.5]);
}

#[test]
fn numbers_beyond_edges_are_those_that_the_input_says() {
    let text = "kernel k { input X: i32[2] outside 3; output Y[i < 4] = X[i - 1] }";
    assert_eq!(real(&kernel(text), &[&[0.5, 1.5]]), [3.0, 0.5, 1.5, 3.0]);
}

/// Each step halves what the one before left, and adds its own.
#[test]
fn steps_carry_numbers() {
    let text = "kernel k {
        input X: i32[3, 1]
        scan t in 3 {
            state s[j < 1]: i32 = 1
            z[j] = (s[j] >> 1) + X[t, j]
            next s[j] = z[j]
        }
        output Y[t] = z[t, 0]
    }";
    let kernel = kernel(text);
    let x = array![[0.0], [1.0], [0.125]].into_dyn();
    let values = tensor::evaluate_real(&kernel, &[(TensorId(0), x)]).unwrap();
    assert_eq!(outputs(&kernel, &values), [0.5, 1.25, 0.75]);
}

#[test]
fn formats_scale_numbers() {
    let kernel = kernel(
        "kernel k {
            input X: i8.q2[2]
            P[i] = i32(X[i]) * i32.q5(3)
            output Y[i] = P[i] + 0.5
            output Z[i] = i32.q3(P[i], nearest)
            output S[i] = sat8.q5(P[i])
            output H[i] = P[i] >> 1
            output M[i] = max(i32.q9(P[i]), 1.25)
        }",
    );
    let (x, p) = ([0.3, -40.0], [0.3 * 3.0, -120.0]);
    let expected = [p.map(|p| p + 0.5), p, p, p.map(|p| p / 2.0), [1.25, 1.25]].concat();
    assert_eq!(real(&kernel, &[&x]), expected);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let kernel = kernel("kernel k { input X: i8[2]; output Y[i] = X[i] }");
    let refused = |inputs: &[(TensorId, ArrayD<f64>)]| tensor::evaluate_real(&kernel, inputs).unwrap_err();
    let zeros = |shape: &[usize]| ArrayD::zeros(IxDyn(shape));
    assert_eq!(refused(&[]), EvaluateError::MissingInput { name: "X".to_owned() });
    assert_eq!(refused(&[(TensorId(1), zeros(&[2]))]), EvaluateError::NotAnInput { name: "Y".to_owned() });
    assert!(matches!(refused(&[(TensorId(0), zeros(&[3]))]), EvaluateError::WrongShape { .. }));
}

const EXACT: &str = "kernel k(n = 4, m = 5) {
    input X: i8[n, m]
    input W: i8[m, m]
    scan t in n {
        state s[j < m]: i32 = 0
        z[j] = sum(r: i32(X[t, r]) * i32(W[j, r]))
        a[j] = max(min(z[j] + s[j], 100), -100)
        next s[j] = select(a[j] < j, a[j] << 1, -a[j])
    }
    P[i] = max(j: a[i, j])
    output Y[i, j] = a[i, j] - P[i]
    output S[i < n + 1, j] = s[i, j]
}";

proptest! {
    /// Where nothing is rounded, wraps or saturates, both evaluations are one.
    #[test]
    fn integers_are_numbers(x in prop::collection::vec(-128..128i32, 20), w in prop::collection::vec(-128..128i32, 25)) {
        let kernel = kernel(EXACT);
        let arrays = [(TensorId(0), (4, 5), x), (TensorId(1), (5, 5), w)]
            .map(|(id, shape, values)| (id, ArrayD::from_shape_vec(IxDyn(&[shape.0, shape.1]), values).unwrap()));
        let integers = tensor::evaluate(&kernel, &arrays).unwrap();
        let reals = tensor::evaluate_real(&kernel, &arrays.map(|(id, array)| (id, array.mapv(f64::from)))).unwrap();
        for id in kernel.ids() {
            prop_assert_eq!(&integers.get(id).mapv(f64::from), reals.get(id));
        }
    }
}
