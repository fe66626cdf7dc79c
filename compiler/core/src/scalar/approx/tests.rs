//! The functions against what they approximate, for all that they are given.

use super::*;

/// The greatest and the mean error over [-16, 16), in every number of the format or every so many.
fn errors(approx: &Approx) -> (f64, f64) {
    let unit = f64::from(1u32 << approx.fraction);
    let step = 1 << approx.fraction.saturating_sub(12);
    let end = 16 << approx.fraction;
    let steps = Steps::of(approx);
    let (mut greatest, mut sum, mut count) = (0f64, 0f64, 0f64);
    for x in (-end..end).step_by(step) {
        let error = (f64::from(steps.eval(x)) / unit - approx.function.real(f64::from(x) / unit)).abs();
        (greatest, sum, count) = (greatest.max(error), sum + error, count + 1.0);
    }
    (greatest, sum / count)
}

fn approx(function: Function, method: Method, fraction: u8) -> Approx {
    Approx::new(function, method, 16.0, fraction).expect("a range that every format has")
}

/// What each method promises at 12 fraction bits, for the sigmoid and for the hyperbolic tangent.
#[test]
fn errors_are_as_stated() {
    let stated = [
        (Method::Tangent, 0.1194, 0.2389),
        (Method::Hard, 0.0420, 0.0845),
        (Method::Ramps, 0.0257, 0.0515),
        (Method::Parabola, 0.0161, 0.0325),
        (Method::Plan, 0.0192, 0.0387),
        (Method::Quintic, 0.0096, 0.0195),
        (Method::Quartic2, 0.0013, 0.0029),
        (Method::Quartic8, 1.0 / 2048.0, 0.0009),
    ];
    for (method, sigmoid, tanh) in stated {
        for (function, bound) in [(Function::Sigmoid, sigmoid), (Function::Tanh, tanh)] {
            let (greatest, mean) = errors(&approx(function, method, 12));
            assert!(greatest <= bound && mean < greatest, "{function:?} {method:?}: {greatest}, {mean}");
            assert!(greatest > bound * 0.7, "{function:?} {method:?} is better than stated: {greatest}");
        }
    }
}

/// Each format has the errors of the method, or of a few of its units.
#[test]
fn errors_are_small_in_every_format() {
    for method in Method::ALL {
        for function in Function::ALL {
            let (at_16, _) = errors(&approx(function, method, 16));
            for fraction in FRACTIONS {
                let unit = 0.5f64.powi(fraction.into());
                let (greatest, _) = errors(&approx(function, method, fraction));
                assert!(greatest <= at_16 + 3.0 * unit, "{function:?} {method:?} at {fraction}: {greatest}");
            }
        }
    }
}

/// No step overflows, whatever the argument: the operations in 64 bits, without wrapping, give the same.
#[test]
fn nothing_wraps_for_any_argument() {
    let arguments = [i32::MIN, i32::MIN + 1, -(1 << 24), -70_000, -1, 0, 1, 5, 40_000, 1 << 24, i32::MAX - 1, i32::MAX];
    for method in Method::ALL {
        for function in Function::ALL {
            for fraction in FRACTIONS {
                let greatest = f64::from(i32::MAX) / f64::from(1u32 << fraction);
                for range in [1.0, 2.5, 16.0f64.min(greatest), greatest] {
                    let approx = Approx::new(function, method, range, fraction).expect("a range of the format");
                    let end = 17i32.checked_shl(fraction.into()).unwrap_or(i32::MAX).max(1);
                    let dense = (-end..=end).step_by((end as usize / 500).max(1));
                    let (steps, value) = (Steps::of(&approx), approx.expand(&Scalar::Leaf(())));
                    for x in arguments.into_iter().chain(dense) {
                        let wide = in_64_bits(&value, i64::from(x));
                        assert_eq!(wide, Some(i64::from(steps.eval(x))), "{approx} at {fraction} bits of {x}");
                    }
                }
            }
        }
    }
}

/// The value in 64 bits; none where some step leaves 32.
fn in_64_bits(value: &Scalar<()>, x: i64) -> Option<i64> {
    use crate::scalar::BinaryOp::*;
    let result = match value {
        Scalar::Const { value, .. } => i64::from(*value),
        Scalar::Leaf(()) => x,
        Scalar::Binary { op, left, right } => {
            let (a, b) = (in_64_bits(left, x)?, in_64_bits(right, x)?);
            match op {
                Add => a + b,
                Sub => a - b,
                Mul => a * b,
                Min => a.min(b),
                Max => a.max(b),
                Shr => a >> b,
                Shl => a << b,
            }
        }
        _ => unreachable!("the methods use operations of the ALU alone"),
    };
    i32::try_from(result).ok().map(i64::from)
}

#[test]
fn the_function_is_constant_outside_of_its_range() {
    for method in Method::ALL {
        for function in Function::ALL {
            let approx = Approx::new(function, method, 0.875, 10).expect("a range of the format");
            assert_eq!(approx.eval(896), approx.eval(9000), "{approx}");
            assert_eq!(approx.eval(-896), approx.eval(i32::MIN), "{approx}");
            assert!(approx.eval(896) > approx.eval(800), "{approx}");
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
