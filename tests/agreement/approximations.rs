//! Approximated functions: all engines agree on every method of each, in every kind of expression.

use tilewright_core::approx::Function;
use tilewright_tests::{Case, engines_agree};

fn agree(text: &str) {
    if let Err(refused) = engines_agree(&Case::new(text)) {
        panic!("{text}\n{}", refused.text);
    }
}

/// Arguments of all sizes come from a shift of random ones.
#[test]
fn every_method_of_every_function() {
    for function in Function::ALL {
        for method in function.methods() {
            let (function, method) = (function.name(), method.name());
            agree(&format!(
                "fn f(x) = approx({function}, {method}, 8)(x)\n\
                 kernel k(n = 48) {{\n input A: i32.q12[3, n]\n small[i, j] = A[i, j] >> 15\n wide[i, j] = f(A[i, j])\n \
                 near[i, j] = f(small[i, j])\n output Y[i, j] = i8.q7(wide[i, j])\n output Z[i, j] = i8.q7(near[i, j])\n \
                 output L[i, j] = i8(near[i, j])\n}}\n"
            ));
        }
    }
}

/// Functions that a program writes down, by every method that they have.
#[test]
fn functions_of_programs() {
    let formulas = [
        ("mish", "x * approx(tanh, quartic8, 8)(approx(softplus, quartic8, 8)(x))"),
        ("bell", "1 / (1 + x * x)"),
        ("leaky", "select(x > 0.5, x, clip(x >> 3, -0.75, x))"),
    ];
    let methods = ["lines4", "lines8", "lines16", "linear", "quadratic", "cubic", "quartic", "quintic", "sextic"];
    for (name, body) in formulas {
        for method in methods {
            agree(&format!(
                "fn {name}(x) = {body}\n\
                 kernel k(n = 40) {{\n input A: i32.q10[2, n]\n small[i, j] = A[i, j] >> 16\n \
                 wide[i, j] = approx({name}, {method}, 6)(A[i, j])\n near[i, j] = approx({name}, {method}, 6)(small[i, j])\n \
                 output Y[i, j] = i8.q5(wide[i, j])\n output Z[i, j] = i8(near[i, j])\n}}\n"
            ));
        }
    }
}

/// What an LSTM does with its gates, in a scan whose state stays in the accumulator.
#[test]
fn functions_in_a_recurrence() {
    agree(
        "fn sigma(x) = approx(sigmoid, parabola, 8)(x)\n\
         kernel k(n = 32) {\n input Z: i32.q12[4, 3, n]\n \
         scan t in 4 {\n  state c[j < n]: i32.q12 = 0\n  \
         f[j] = sigma(Z[t, 0, j] >> 15)\n  i[j] = sigma(Z[t, 1, j] >> 16)\n  \
         g[j] = approx(tanh, quintic, 8)(Z[t, 2, j] >> 15)\n  \
         later[j] = i32.q12(f[j] * c[j]) + i32.q12(i[j] * g[j])\n  next c[j] = later[j]\n }\n \
         last[j] = sat8.q7(approx(tanh, ramps, 4)(c[4, j]))\n output Y[j] = last[j]\n}\n\
         schedule s for k {\n Z_acc = Z.cache_read(acc)\n \
         for v in [f, i, g, later, c, last] {\n  v.set_scope(acc)\n }\n}\n",
    );
}
