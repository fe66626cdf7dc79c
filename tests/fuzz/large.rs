//! Texts of a megabyte that have very many of one thing, in a row, in a chain, or inside one another: all are checked or refused about
//! as fast as texts of that length that have a few of each.

use std::fmt::Write;

/// Bytes of a text.
const SIZE: usize = 1_000_000;

/// About as many directives as a schedule may have.
const MANY: usize = 9_990;

/// A kernel up to its definitions, and one that is whole.
const OPEN: &str = "kernel k(n = 16) {\n    input X: i32[n]\n";
const WHOLE: &str = "kernel k(n = 16) {\n    input X: i32[n]\n    output Y[i] = i8(X[i])\n}\n";
const END: &str = "    output Y[i] = i8(X[i])\n}\n";

/// A beginning, as many lines as have room, and an end.
fn lines(begin: &str, line: &dyn Fn(usize) -> String, end: &str) -> String {
    let mut text = begin.to_owned();
    for at in 0.. {
        let next = line(at);
        if text.len() + next.len() + end.len() > SIZE {
            break;
        }
        text.push_str(&next);
    }
    text + end
}

/// Names in a list: `i0, i1`.
fn list(name: &str, count: usize, behind: &str) -> String {
    (0..count).map(|at| format!("{name}{at}{behind}")).collect::<Vec<_>>().join(", ")
}

/// A kernel and a schedule of so many directives.
fn directives(count: usize, kernel: &str, directive: &dyn Fn(usize) -> String) -> String {
    let mut text = format!("{kernel}schedule s for k {{\n");
    (0..count).for_each(|at| {
        let _ = writeln!(text, "    {}", directive(at));
    });
    text + "}\n"
}

fn of_dimensions(count: usize) -> String {
    let (ones, axes) = (vec!["1"; count].join(", "), list("i", count, ""));
    format!("kernel k {{\n    input X: i32[{ones}]\n    output Y[{axes}] = i8(X[{axes}])\n}}\n")
}

/// Every kind, by its name.
pub fn texts() -> Vec<(&'static str, String)> {
    let value = |value: &str| format!("{OPEN}    output Y[i] = i8({value})\n}}\n");
    let mut found = items();
    found.extend([
        ("axes", of_dimensions(55_000)),
        ("axes of a sum", value(&format!("sum({}: X[i])", list("r", 80_000, " < 2")))),
        ("parameters", format!("kernel k({}) {{\n    input X: i32[4]\n{END}", list("p", 60_000, " = 1"))),
        ("summands", value(&("X[i] + ".repeat(140_000) + "1"))),
        ("constants", value(&("X[i] + ".to_owned() + &"1 + ".repeat(240_000) + "1"))),
        ("brackets", value(&("(".repeat(200_000) + "X[i]" + &")".repeat(200_000)))),
        ("open brackets", "{".repeat(SIZE)),
        ("closed brackets", "}".repeat(SIZE)),
        ("signs", value(&("-".repeat(900_000) + "X[i]"))),
        ("lines", "\n".repeat(SIZE)),
        ("words", "x ".repeat(SIZE / 2)),
        ("one word", "a".repeat(SIZE)),
        ("digits", "9".repeat(SIZE)),
        (
            "a long name",
            format!("kernel k {{\n    input {0}a: i32[4]\n    output Y[i] = {0}b[i]\n}}\n", "a".repeat(300_000)),
        ),
        (
            "splits in a chain",
            directives(MANY, WHOLE, &|at| match at {
                0 => "Y.split(i, 2) -> a0, b0".to_owned(),
                at => format!("Y.split(a{}, 2) -> a{at}, b{at}", at - 1),
            }),
        ),
        (
            "copies in a chain",
            directives(MANY / 2, WHOLE, &|at| match at {
                0 => "X0 = X.cache_read(acc)".to_owned(),
                at => format!("X{at} = X{}.cache_read(acc)", at - 1),
            }),
        ),
        ("wrong directives", directives(MANY, WHOLE, &|at| format!("Y.spilt(i, 2) -> a{at}, b{at}"))),
        ("wrong axes", directives(MANY, WHOLE, &|at| format!("Y.split(q{at}, 2) -> a{at}, b{at}"))),
        ("unrolled loops", directives(MANY, WHOLE, &|_| "Y.unroll(i)".to_owned())),
    ]);
    found
}

/// Kinds of which each line is one.
fn items() -> Vec<(&'static str, String)> {
    vec![
        ("functions", lines(WHOLE, &|at| format!("fn f{at}(x) = x + 1\n"), "")),
        ("functions in a chain", lines("fn f0(x) = x\n", &|at| format!("fn f{}(x) = f{at}(x)\n", at + 1), WHOLE)),
        (
            "functions in a circle",
            lines("fn f0(x) = f1(x)\n", &|at| format!("fn f{}(x) = f{}(x)\n", at + 1, at + 2), WHOLE),
        ),
        ("stages", lines(OPEN, &|at| format!("    A{at}[i] = X[i]\n"), END)),
        (
            "stages in a chain",
            lines(&format!("{OPEN}    A0[i] = X[i]\n"), &|at| format!("    A{}[i] = A{at}[i]\n", at + 1), END),
        ),
        ("unknown tensors", lines(OPEN, &|at| format!("    A{at}[i] = B{at}[i]\n"), END)),
        ("inputs", lines(OPEN, &|at| format!("    input B{at}: i32[n]\n"), END)),
        ("kernels", lines("", &|at| format!("kernel k{at} {{\n input X: i32[4]\n output Y[i] = i8(X[i])\n}}\n"), "")),
        (
            "kernels that call unknown ones",
            lines("", &|at| format!("kernel k{at} {{\n input X: i32[4]\n output Y = z(X)\n}}\n"), ""),
        ),
        ("definitions", lines(WHOLE, &|at| format!("def d{at}(s, a) -> x, y {{\n    s.split(a, 4) -> x, y\n}}\n"), "")),
        ("uses", lines("", &|_| "use vta\n".to_owned(), WHOLE)),
        ("comments", lines("", &|_| "//\n".to_owned(), WHOLE)),
        (
            "scans",
            lines(
                OPEN,
                &|at| {
                    format!(
                        "    scan t{at} in 4 {{\n        state h{at}[i < n]: i32 = 0\n        next h{at}[i] = h{at}[i] + 1\n    }}\n"
                    )
                },
                END,
            ),
        ),
        ("tests", lines(WHOLE, &|at| format!("test t{at} for k {{\n    X = 1\n    expect Y = 1\n}}\n"), "")),
    ]
}
