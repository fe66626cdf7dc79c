//! The functions against what they approximate, for all that they are given.

use super::*;
use crate::affine::Interval;
use crate::scalar::CompareOp;

use super::formula::{Formula, Node};

/// The greatest and the mean error, in every number of the format or every so many, as shares of values above 1 where the
/// function grows.
fn errors(approx: &Approx) -> (f64, f64) {
    let unit = f64::from(1u32 << approx.fraction);
    let step = 1 << approx.fraction.saturating_sub(12);
    let (start, end) = approx.arguments();
    let steps = Steps::of(approx);
    let (mut greatest, mut sum, mut count) = (0f64, 0f64, 0f64);
    for x in (start..end).step_by(step) {
        let real = approx.function.real(x as f64 / unit);
        let weight = if approx.function.grows() { real.abs().max(1.0) } else { 1.0 };
        let error = (f64::from(steps.eval(x as i32)) / unit - real).abs() / weight;
        (greatest, sum, count) = (greatest.max(error), sum + error, count + 1.0);
    }
    (greatest, sum / count)
}

fn approx(function: &Function, method: Method, fraction: u8) -> Approx {
    Approx::new(function.clone(), method, 8.0f64.min(127.0 / 2f64.powi(i32::from(fraction) - 24)), fraction)
        .expect("a range that every format has")
}

/// `1 / (1 + x²)`, a function with two corners, and a steep step.
fn formulas() -> [Function; 3] {
    let one = Node::Const(1f64.to_bits());
    let bell = vec![Node::Argument, Node::Mul(0, 0), one.clone(), Node::Add(1, 2), Node::Div(2, 3)];
    let corners = vec![Node::Argument, Node::Const(0), one, Node::Max(0, 1), Node::Min(3, 2)];
    let [low, high] = [-4f64, 4.0].map(|value| Node::Const(value.to_bits()));
    let step = vec![Node::Argument, Node::Const(0), low, high, Node::Select(CompareOp::Less, [0, 1, 2, 3])];
    [("bell", bell), ("corners", corners), ("step", step)]
        .map(|(name, nodes)| Function::Formula(Formula::new(name.to_owned(), nodes).into()))
}

fn all() -> impl Iterator<Item = (Function, Method)> {
    let functions = Function::ALL.into_iter().chain(formulas());
    functions.flat_map(|function| function.methods().iter().map(move |method| (function.clone(), *method)))
}

/// What each method of each function promises at 12 fraction bits.
#[test]
fn errors_are_as_stated() {
    let mut told = String::new();
    for function in Function::ALL {
        for method in function.methods() {
            let (greatest, mean) = errors(&approx(&function, *method, 12));
            assert!(mean < greatest, "{function:?} {method:?}: {greatest}, {mean}");
            told.push_str(&format!("{} {}: {greatest:.5}\n", function.name(), method.name()));
        }
    }
    insta::assert_snapshot!(told);
}

/// The integer functions of Kim et al., "I-BERT" (2021), have errors of 2.1e-3 (exponential of negative numbers) and 1.8e-2.
#[test]
fn two_cheap_methods_are_nearer_than_those_of_i_bert() {
    let exp = Steps::of(&approx(&Function::Exp, Method::Quadratic, 12));
    let error = |x: i32| (f64::from(exp.eval(x)) / 4096.0 - libm::exp(f64::from(x) / 4096.0)).abs();
    let greatest = (-16 * 4096..=0).map(error).fold(0.0, f64::max);
    assert!(greatest < 1.6e-3, "{greatest}");
    assert!(errors(&approx(&Function::Gelu, Method::Linear2, 12)).0 < 1.8e-2);
}

/// Each format has the errors of the method, or of a few of its units; a root has those of its steepest place.
#[test]
fn errors_are_small_in_every_format() {
    for (function, method) in all() {
        let (at_16, _) = errors(&approx(&function, method, 16));
        for fraction in FRACTIONS {
            let unit = 0.5f64.powi(fraction.into());
            let (greatest, _) = errors(&approx(&function, method, fraction));
            let steep = if function == Function::Sqrt { at_16 * unit.sqrt() * 300.0 } else { 0.0 };
            assert!(
                greatest <= at_16 * 1.1 + 3.0 * unit + steep,
                "{function:?} {method:?} at {fraction}: {greatest}, {at_16}"
            );
        }
    }
}

/// No step overflows, whatever the argument: the operations in 64 bits, without wrapping, give the same.
#[test]
fn nothing_wraps_for_any_argument() {
    let arguments = [i32::MIN, i32::MIN + 1, -(1 << 24), -70_000, -1, 0, 1, 5, 40_000, 1 << 24, i32::MAX - 1, i32::MAX];
    for (function, method) in all() {
        for fraction in [5, 6, 9, 12, 15, 16, 19, 22, 23, 24] {
            let greatest = f64::from(i32::MAX) / f64::from(1u32 << fraction);
            for range in [0.03125, 1.0, 2.5, 16.0f64.min(greatest), greatest] {
                let approx = match Approx::new(function.clone(), method, range, fraction) {
                    Err(ApproxError::Values { .. } | ApproxError::Least { .. }) => continue,
                    made => made.expect("a range of the format"),
                };
                let end = 17i32.checked_shl(fraction.into()).unwrap_or(i32::MAX).max(1);
                let dense = (-end..=end).step_by((end as usize / 500).max(1));
                let steps = Steps::of(&approx);
                for x in arguments.into_iter().chain(dense) {
                    assert_eq!(
                        steps.eval_wide(x.into()),
                        Some(i64::from(steps.eval(x))),
                        "{approx} at {fraction} bits of {x}"
                    );
                }
            }
        }
    }
}

/// The range of an interval holds the values of all that it holds.
#[test]
fn ranges_hold_the_values() {
    for (function, method) in all() {
        let steps = Steps::of(&approx(&function, method, 12));
        for start in (-40_000..40_000).step_by(977) {
            let range = steps.range(Interval::new(start, start + 15));
            for x in start..start + 16 {
                let value = i64::from(steps.eval(x as i32));
                assert!(range.min <= value && value <= range.max, "{function:?} {method:?} of {x}");
            }
        }
    }
}

#[test]
fn the_function_is_constant_outside_of_its_range() {
    for function in
        [Function::Sigmoid, Function::Tanh, Function::Exp, Function::Exp2, Function::Erf].into_iter().chain(formulas())
    {
        for method in function.methods() {
            let approx = Approx::new(function.clone(), *method, 0.875, 10).expect("a range of the format");
            assert_eq!(approx.eval(896), approx.eval(9000), "{approx}");
            assert_eq!(approx.eval(-896), approx.eval(i32::MIN), "{approx}");
        }
    }
}

#[test]
fn lines_go_on_outside_of_their_range() {
    for function in [Function::Gelu, Function::Silu, Function::Softplus] {
        for method in function.methods() {
            let approx = Approx::new(function.clone(), *method, 4.0, 10).expect("a range of the format");
            assert_eq!(approx.eval(20_000) - approx.eval(10_000), 10_000, "{approx}");
            assert_eq!(approx.eval(-20_000), approx.eval(-10_000), "{approx}");
        }
    }
}

#[test]
fn a_range_and_a_format_that_do_not_fit_are_refused() {
    let refused = |range, fraction| {
        Approx::new(Function::Tanh, Method::Plan, range, fraction).expect_err("no approximation").to_string()
    };
    insta::assert_snapshot!([refused(8.0, 0), refused(-1.0, 12), refused(0.00001, 12), refused(2e9, 12)].join("\n"));
}

/// Within a range, the line of `hard` is nearer than that for all numbers, and than the tangent.
#[test]
fn a_line_suits_its_range() {
    let within = |method, fitted: f64, range: f64| {
        let approx = Approx::new(Function::Tanh, method, fitted, 14).expect("a range of the format");
        let unit = f64::from(1u32 << 14);
        let error = |x: i32| (f64::from(approx.eval(x)) / unit - (f64::from(x) / unit).tanh()).abs();
        (0..(range * unit) as i32).map(error).fold(0.0, f64::max)
    };
    for range in [0.3, 0.5, 0.7, 0.9] {
        let fitted = within(Method::Hard, range, range);
        assert!(fitted < 0.8 * within(Method::Tangent, range, range), "{range}: {fitted}");
        assert!(fitted < within(Method::Hard, 8.0, range), "{range}: {fitted}");
    }
}
