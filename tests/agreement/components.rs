//! Kernels that call kernels: a component computes what its definitions would compute where it is called, alone, in parts of
//! tensors and in the steps of scans. All engines agree on each.

use tilewright_core::pipeline::{Request, front};
use tilewright_core::tensor::{self, Array, Kernel, TensorId};
use tilewright_isa::Config;
use tilewright_syntax::Sources;
use tilewright_tests::{Case, engines_agree};

fn agree(text: &str) {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}\n{text}", refused.text));
}

fn kernel(text: &str) -> Kernel {
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    let config = Config::default();
    let request = Request { sources: &sources, file, params: &[], program: None, schedule: Some("s"), config: &config };
    let front = front(&request).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
    front.kernel
}

/// The outputs for some inputs, by name.
fn outputs(kernel: &Kernel) -> Vec<(String, Array)> {
    let (inputs, _) = tilewright_tests::random_inputs(kernel, 5);
    let found = tensor::evaluate(kernel, &inputs).expect("the inputs fit");
    let is_output = |id: &TensorId| kernel.tensor(*id).output;
    kernel.ids().filter(is_output).map(|id| (kernel.tensor(id).name.clone(), found.get(id).clone())).collect()
}

const CELL: &str = "kernel gate(h = 32) {
    input z: i32.q12[h]
    a[j] = clip(z[j] + 2, 0, 4)
    output y[j] = i32.q10(a[j], nearest)
}

kernel cell(x = 16, h = 32) {
    input xs: i8.q7[x]
    input hid: i8.q7[h]
    input c: i32.q12[h]
    input w: i8.q6[2, h, x]
    input u: i8.q6[2, h, h]
    zx[g, j] = sum(t: xs[t] * w[g, j, t])
    zh[g, j] = sum(k: hid[k] * u[g, j, k])
    z[g, j] = i32.q12(zx[g, j] + zh[g, j])
    f = gate(z[0], h = h)
    p[j] = i32.q12(f[j] * i32.q10(c[j] >> 8))
    output next_c[j] = clip(p[j] + (z[1, j] >> 8), -1, 0.99)
    output next_h[j] = i8.q7(next_c[j])
}
";

/// A recurrence of the cell, with the states in its call's parts.
fn sequence(call: &str, schedule: &str) -> String {
    format!(
        "kernel sequence(steps = 3, x = 16, h = 32) {{
            input xs: i8.q7[steps, x]
            input w: i8.q6[2, h, x]
            input u: i8.q6[2, h, h]
            scan t in steps {{
                state hid[j < h]: i8.q7 = 0
                state cs[j < h]: i32.q12 = 0
                {call}
                next cs[j] = c1[j]
                next hid[j] = h1[j]
            }}
            output hs[t, j] = h1[t, j]
        }}
        schedule s for sequence {{
            {schedule}
        }}
        {CELL}"
    )
}

const CALLED: &str = "c1, h1 = cell(xs[t], hid, cs, w, u, x = x, h = h)";

/// What the call stands for.
const INLINED: &str = "c1_zx[g < 2, j < h] = sum(k < x: xs[t, k] * w[g, j, k])
    c1_zh[g < 2, j < h] = sum(k < h: hid[k] * u[g, j, k])
    c1_z[g, j] = i32.q12(c1_zx[g, j] + c1_zh[g, j])
    c1_f_a[j < h] = clip(c1_z[0, j] + 2, 0, 4)
    c1_f[j] = i32.q10(c1_f_a[j], nearest)
    c1_p[j] = i32.q12(c1_f[j] * i32.q10(cs[j] >> 8))
    c1[j] = clip(c1_p[j] + (c1_z[1, j] >> 8), -1, 0.99)
    h1[j] = i8.q7(c1[j])";

const SCHEDULE: &str = "use vta: gemv_tiles
    xs_buf = xs.cache_read(inp)
    hid_buf = hid.cache_read(inp)
    w_buf = w.cache_read(wgt)
    u_buf = u.cache_read(wgt)
    cs.set_scope(acc)
    for z in [c1_zx, c1_zh] {
        z.set_scope(acc)
    }
    gemv_tiles(c1_zh, j, k) -> jo, ko
    for e in [c1_z, c1_f_a, c1_f, c1_p, c1, h1] {
        e.set_scope(acc)
    }";

#[test]
fn a_component_in_a_scan_is_what_it_stands_for() {
    let (called, inlined) = (kernel(&sequence(CALLED, "")), kernel(&sequence(INLINED, "")));
    assert_eq!(outputs(&called), outputs(&inlined));
    let names = |kernel: &Kernel| kernel.tensors.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&called), names(&inlined));
}

#[test]
fn a_component_in_a_scan_runs() {
    agree(&sequence(CALLED, &format!("{SCHEDULE}\n    gemv_tiles(c1_zx, j, t_) -> jx, kx")));
}

#[test]
fn components_of_parts_run_outside_of_scans() {
    agree(&format!(
        "kernel whole(h = 32) {{
            input v: i32.q12[3, h]
            input w: i32.q12[h]
            a = gate(v[1])
            b = gate(w, h = h)
            c[j] = i32.q12(b[j]) + w[j]
            d = gate(c)
            s[j] = a[j] + d[j]
            output y[j] = i8(s[j])
        }}
        {CELL}"
    ));
    agree(
        "kernel whole(h = 32) {
            input v: i32[2, 4, h]
            output y = total(v[1])
        }
        kernel total(h = 32, n = 4) {
            input x: i32[n, h]
            scan t in n {
                state s[j < h]: i32 = 0
                e[j] = s[j] + x[t, j]
                next s[j] = e[j]
            }
            f[j] = s[n, j] + 0
            output y[j] = i8(f[j])
        }
        schedule s for whole {
            v_acc = v.cache_read(acc)
            for e in [y_s, y_e, y_f] {
                e.set_scope(acc)
            }
        }",
    );
}
