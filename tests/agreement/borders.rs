//! What stands beyond the edges of an array may be any value: transfers pad with zeros, and the rest is filled.

use tilewright_tests::{Agreed, Case, engines_agree};

fn agree(text: &str) -> Agreed {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}\n{text}", refused.text))
}

/// Windows of 3 by 3 around pixels, as pooling layers of frameworks have them: what is outside is less than all numbers, or greater.
#[test]
fn windows_reach_over_edges() {
    for (dtype, op, outside) in [("i8", "max", -128), ("i8", "min", 127), ("i32", "max", -70_000), ("i8", "max", 0)] {
        for (h, step) in [(7, 2), (8, 2), (6, 1), (9, 3)] {
            for directives in [
                "",
                "P.reorder(y, c)\n X_a.compute_at(P, y)",
                "P.split(c, 16) -> co, ci\n P.reorder(co, y, x, r, s, ci)\n X_a.compute_at(P, co)",
            ] {
                let out = (h - 1) / step + 1;
                let kernel = format!(
                    "kernel pool(ch = 32, h = {h}) {{
                        input X: {dtype}[ch, h, h] outside {outside}
                        P[c, y < {out}, x < {out}] = {op}(r < 3, s < 3: X[c, y * {step} + r - 1, x * {step} + s - 1])
                        output Y[c, y, x] = i8(P[c, y, x])
                    }}"
                );
                agree(&format!(
                    "{kernel}\nschedule s for pool {{\n X_a = X.cache_read(acc)\n P.set_scope(acc)\n {directives}\n}}"
                ));
            }
        }
    }
}

/// Products with the border count where it is no zero.
#[test]
fn products_with_a_border_that_is_no_zero_count() {
    for (ci, outside) in [(16, 3), (32, -128), (16, 0)] {
        agree(&format!(
            "kernel conv(h = 5, ci = {ci}, co = 16) {{
                input X: i8[ci, h, h] outside {outside}
                input F: i8[co, ci, 3, 3]
                C[o, y < h, x < h] = sum(c, r, s: i32(X[c, y + r - 1, x + s - 1]) * i32(F[o, c, r, s]))
                output Y[o, y, x] = i8(C[o, y, x] >> 6)
            }}"
        ));
    }
}
