//! Every directive at every stage of a scan: its states, their initial values, what the steps compute, copies, what is read
//! behind the scan. All engines agree, or the program is refused with an error that has a place; nothing else is demanded.

use std::fmt::Write;

use proptest::prelude::*;
use tilewright_core::schedule::directive_usages;
use tilewright_tests::{Case, engines_agree};

use crate::drawn::{Drawn, mostly_accepted};

/// A kernel that scans, with a schedule that makes it legal.
struct Scanning {
    kernel: &'static str,
    schedule: &'static str,
    /// Its inputs and stages, those of the schedule among them, with their loops.
    names: &'static [(&'static str, &'static [&'static str])],
}

const TJ: &[&str] = &["t", "j"];
const TIJ: &[&str] = &["t", "i", "j"];
const TILED: &[&str] = &["t", "jo", "ko", "ji", "ki"];

/// A state in the accumulator, one that is loaded for a product, tensors with a state and without, one of each read behind the
/// steps.
const SCANS: [Scanning; 4] = [
    Scanning {
        kernel: "input X: i32[3, 16]
            input A: i32[16]
            scan t in 3 {
                state s[j < 16]: i32 = A[j]
                state m[j < 16]: i32 = -5
                f[j] = X[t, j] >> 1
                e[j] = max(s[j], f[j])
                next m[j] = m[j] + e[j]
                next s[j] = e[j] + 3
            }
            output Y[j] = i8(m[3, j])",
        schedule: "X_acc = X.cache_read(acc); A_acc = A.cache_read(acc)
            for v in [s, m, e, f] { v.set_scope(acc) }",
        names: &[
            ("X", TJ),
            ("A", &["j"]),
            ("s", TJ),
            ("m", TJ),
            ("s_init", &["j"]),
            ("m_init", &["j"]),
            ("e", TJ),
            ("f", TJ),
            ("Y", &["j"]),
            ("X_acc", &["X0", "X1"]),
            ("A_acc", &["A0"]),
        ],
    },
    Scanning {
        kernel: "input xs: i8[3, 20]
            input w: i8[20, 20]
            input u: i8[20, 20]
            scan t in 3 {
                state h[j < 20]: i8 = 1
                x[j] = sum(k: i32(xs[t, k]) * i32(w[j, k]))
                z[j] = sum(k: i32(h[k]) * i32(u[j, k]))
                y[j] = x[j] + z[j]
                a[j] = clip(y[j] >> 7, -100, 100)
                next h[j] = i8(a[j])
            }
            output Y[t, j] = i8(a[t, j])",
        schedule: "xs_b = xs.cache_read(inp); h_b = h.cache_read(inp)
            w_b = w.cache_read(wgt); u_b = u.cache_read(wgt)
            for v in [x, z] { v { set_scope(acc); split(j, BLOCK_OUT) -> jo, ji; split(k, BLOCK_IN) -> ko, ki
                reorder(jo, ko, ji, ki); tensorize(ji, gemm) } }
            y.set_scope(acc); a.set_scope(acc)",
        names: &[
            ("xs", TJ),
            ("w", &["j", "k"]),
            ("u", &["j", "k"]),
            ("h", TJ),
            ("h_init", &["j"]),
            ("x", TILED),
            ("z", TILED),
            ("y", TJ),
            ("a", TJ),
            ("Y", TJ),
            ("xs_b", &["xs0", "xs1"]),
            ("h_b", &["h0", "h1"]),
            ("w_b", &["w0", "w1"]),
            ("u_b", &["u0", "u1"]),
        ],
    },
    Scanning {
        kernel: "input X: i32[4, 2, 16]
            scan t in 4 {
                state s[i < 2, j < 16]: i32 = X[0, i, j]
                e[i, j] = s[i, j] + X[t, i, j]
                g[j] = max(r < 2: X[t, r, j])
                next s[i, j] = max(e[i, j] >> 1, g[j])
            }
            D[t, j] = s[t + 1, 0, j] + e[t, 1, j]
            output Y[t, j] = i8(D[t, j])
            output Z[i, j] = i8(s[4, i, j])",
        schedule: "X_acc = X.cache_read(acc)
            for v in [s, e, g, D] { v.set_scope(acc) }
            Z_acc = Z.cache_write(acc)",
        names: &[
            ("X", TIJ),
            ("s", TIJ),
            ("s_init", &["i", "j"]),
            ("e", TIJ),
            ("g", &["t", "j", "r"]),
            ("D", TJ),
            ("Y", TJ),
            ("Z", &["i", "j"]),
            ("X_acc", &["X0", "X1", "X2"]),
            ("Z_acc", &["i", "j"]),
        ],
    },
    Scanning {
        kernel: "input X: i32[2, 16]
            scan t in 2 {
                state s[j < 16]: i32 = 0
                next s[j] = s[j] + X[t, j]
            }
            B[j] = s[2, j] >> 2
            scan u in 3 {
                state q[j < 16]: i32 = B[j]
                p[j] = q[j] + s[1, j]
                next q[j] = p[j] + B[j]
            }
            output Y[u, j] = i8(q[u + 1, j])",
        schedule: "X_acc = X.cache_read(acc)
            for v in [s, B, q, p] { v.set_scope(acc) }",
        names: &[
            ("X", TJ),
            ("s", TJ),
            ("s_init", &["j"]),
            ("B", &["j"]),
            ("q", &["u", "j"]),
            ("q_init", &["j"]),
            ("p", &["u", "j"]),
            ("Y", &["u", "j"]),
            ("X_acc", &["X0", "X1"]),
        ],
    },
];

/// A directive with the choices of its stage and arguments.
#[derive(Clone, Debug)]
struct Chosen {
    directive: &'static str,
    stage: usize,
    arguments: [usize; 4],
}

fn chosen() -> impl Strategy<Value = Chosen> {
    let names: Vec<&str> = directive_usages().into_iter().map(|(name, _)| name).collect();
    (prop::sample::select(names), any::<usize>(), any::<[usize; 4]>())
        .prop_map(|(directive, stage, arguments)| Chosen { directive, stage, arguments })
}

impl Chosen {
    /// The directive as the line of a schedule that has this number.
    fn line(&self, scan: &Scanning, number: usize) -> String {
        let [a, b, c, d] = self.arguments;
        let pick = |of: &[&'static str], at: usize| of[at % of.len()];
        let (stage, axes) = scan.names[self.stage % scan.names.len()];
        let (host, places) = scan.names[c % scan.names.len()];
        let (axis, other, place) = (pick(axes, a), pick(axes, b), pick(places, a));
        let scope = pick(&["acc", "acc", "inp", "wgt", "dram"], d);
        let (call, target, results) = match self.directive {
            "bind" => (format!("{axis}, vthread"), "", ""),
            "cache_read" | "cache_write" => (scope.to_string(), "n = ", ""),
            "compute_at" | "reverse_compute_at" => (format!("{host}, {place}"), "", ""),
            "compute_inline" | "compute_root" => (String::new(), "", ""),
            "double_buffer" | "run_ahead" if a % 2 == 0 => (String::new(), "", ""),
            "double_buffer" => ((1 + b % 3).to_string(), "", ""),
            "run_ahead" => ((1 + b % 4).to_string(), "", ""),
            "fold_bias" => (host.to_string(), "", ""),
            "fuse" => (format!("{axis}, {other}"), "", " -> f"),
            "layout" | "reorder" if c % 3 == 0 => (axes.join(", "), "", ""),
            "layout" | "reorder" => (format!("{axis}, {other}"), "", ""),
            "peel" => (format!("{axis}, {}, {}", b % 3, c % 2), "", ""),
            "pragma" => (["dma_copy", "alu"][b % 2].to_string(), "", ""),
            "reindex" => (format!("{scope}, {host}"), "n = ", ""),
            "rolling_buffer" if b % 2 == 0 => (String::new(), "", ""),
            "rolling_buffer" => (format!("{host}, {place}"), "", ""),
            "set_scope" => (scope.to_string(), "", ""),
            "split" => (format!("{axis}, {}", [2, 16, 3][b % 3]), "", " -> o, i"),
            "tensorize" => (format!("{axis}, gemm"), "", ""),
            "tile" => (format!("{axis}, {other}, {}, {}", [1, 2, 16][c % 3], [2, 16][d % 2]), "", " -> yo, xo, yi, xi"),
            "unroll" => (axis.to_string(), "", ""),
            unknown => panic!("nothing says what arguments `{unknown}` has"),
        };
        let numbered = |names: &str| names.replace(',', &format!("{number},"));
        let target = target.replace(" =", &format!("{number} ="));
        let results = if results.is_empty() { String::new() } else { format!("{}{number}", numbered(results)) };
        format!("{target}{stage}.{}({call}){results}", self.directive)
    }
}

pub fn programs() -> impl Strategy<Value = Drawn> {
    (0..SCANS.len(), prop::collection::vec(chosen(), 1..3)).prop_map(|(scan, directives)| {
        let scan = &SCANS[scan];
        let mut text = format!("kernel k {{\n{}\n}}\nschedule s for k {{\n{}\n", scan.kernel, scan.schedule);
        for (number, directive) in directives.iter().enumerate() {
            let _ = writeln!(text, "{}", directive.line(scan, number));
        }
        text.push_str("}\n");
        Drawn::new(text)
    })
}

/// Whether all engines agree on a program; what is refused says where.
fn is_accepted(program: &Drawn) -> bool {
    match engines_agree(&Case::new(&program.0)) {
        Ok(_) => true,
        Err(refused) => {
            assert!(refused.text.contains("--> case.tw:"), "an error without a place:{program:?}\n{}", refused.text);
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_directives_at_scans_agree_or_are_refused(program in programs()) {
        is_accepted(&program);
    }
}

#[test]
fn some_random_directives_at_scans_are_accepted() {
    mostly_accepted(programs(), 5, is_accepted);
}

/// A stage that a scan put into its steps may be inlined there, as its place is from no directive; the others are refused.
#[test]
fn what_steps_compute_can_be_inlined() {
    let inlines = |scan: &Scanning, stage: &str| {
        let text = format!(
            "kernel k {{\n{}\n}}\nschedule s for k {{\n{stage}.compute_inline()\n{}\n}}",
            scan.kernel,
            scan.schedule.replace(&format!(", {stage}"), "")
        );
        engines_agree(&Case::new(&text)).map(|agreed| agreed.legal).map_err(|refused| refused.codes)
    };
    for stage in ["e", "f"] {
        let legal = inlines(&SCANS[0], stage).unwrap_or_else(|codes| panic!("{codes:?}"));
        assert!(!legal.contains(&format!("alloc {stage}:")), "{legal}");
    }
    for stage in ["s", "m", "s_init", "m_init", "Y"] {
        assert_eq!(inlines(&SCANS[0], stage).unwrap_err(), ["E0323"], "{stage}");
    }
}
