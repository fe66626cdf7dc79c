//! Scans: states that go through device memory or stay in the accumulator, values that are read behind the steps, and random
//! recurrent networks under random schedules. All engines agree, or the program is refused with a code that is named.

use std::fmt::Write;

use proptest::prelude::*;
use tilewright_isa::{MemoryType, Op};
use tilewright_tests::{Agreed, Case, engines_agree};

use crate::drawn::{Drawn, mostly_accepted};

fn agree(text: &str) -> Agreed {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}\n{text}", refused.text))
}

/// A running maximum and a decaying sum, both in the accumulator.
fn cell(steps: i64, output: &str, schedule: &str) -> String {
    format!(
        "kernel cell(h = BLOCK_OUT * 2) {{
            input X: i32[{steps}, h]
            input A: i32[h]
            scan t in {steps} {{
                state c[j < h]: i32 = A[j]
                state m[j < h]: i32 = -5
                e[j] = (c[j] >> 1) + X[t, j]
                next m[j] = max(m[j], e[j])
                next c[j] = e[j] + t * 3
            }}
            {output}
        }}
        schedule s for cell {{
            Xq = X.cache_read(acc)
            c.set_scope(acc); m.set_scope(acc); e.set_scope(acc)
            {schedule}
        }}"
    )
}

#[test]
fn the_number_of_a_step_is_a_value() {
    agree(&cell(4, "output Y[j] = i8(m[4, j])", ""));
}

#[test]
fn states_stay_in_the_accumulator() {
    for steps in [1, 2, 5] {
        for output in [
            format!("output Y[j] = i8(m[{steps}, j])"),
            format!("output Y[t < {steps}, j] = i8(c[t + 1, j])"),
            "output Y[t, j] = i8(e[t, j])".to_string(),
        ] {
            agree(&cell(steps, &output, "").replace(" + t * 3", ""));
        }
    }
}

#[test]
fn loads_may_stand_in_the_steps() {
    let text = cell(5, "output Y[j] = i8(m[5, j])", "Xq.compute_at(e, t)").replace(" + t * 3", "");
    let Agreed { legal, .. } = agree(&text);
    let steps = legal.split("@serial").nth(1).expect("the loop over the steps");
    assert!(steps.contains("load Xq"), "{legal}");
}

/// States that only the steps read take turns in two places of device memory, and have one in the accumulator.
#[test]
fn slots_take_turns() {
    let Agreed { legal, .. } = agree(&cell(5, "output Y[j] = i8(m[5, j])", "").replace(" + t * 3", ""));
    assert!(legal.contains("alloc m: i32[6, 32]") && !legal.contains("alloc c: i32[2, 32]"), "{legal}");
}

/// Layers of a recurrent network: each reads its own state and the one below, or the input.
#[derive(Clone, Debug)]
struct Network {
    steps: i64,
    width: i64,
    /// Elements by which the state is less than whole tiles.
    missing: i64,
    layers: usize,
    /// A state in the accumulator is added to the first layer.
    cell: bool,
    /// What is read behind the steps.
    outputs: [bool; 3],
    /// Where weights and states are loaded; 0 leaves them where they are.
    places: [u8; 6],
    /// Products that are moved out of the steps.
    out: [bool; 2],
}

fn network() -> impl Strategy<Value = Network> {
    let shape = (1..5_i64, (1..3_i64, prop_oneof![Just(0), 1..16_i64]), 1..4_usize, any::<bool>());
    (shape, any::<[bool; 3]>(), prop::array::uniform6(0..4_u8), any::<bool>(), prop::bool::weighted(0.1)).prop_map(
        |((steps, (width, missing), layers, cell), outputs, places, hoisted, wrongly)| Network {
            steps,
            width,
            missing,
            layers,
            cell,
            outputs,
            places,
            out: [hoisted, wrongly],
        },
    )
}

impl Network {
    fn program(&self) -> String {
        format!("{}\n{}", self.kernel(), self.schedule())
    }

    fn kernel(&self) -> String {
        let Network { steps, width, missing, layers, cell, outputs, .. } = self;
        let mut out = format!("kernel net(h = BLOCK_OUT * {width} - {missing}) {{\n input xs: i8[{steps}, h]\n");
        for l in 0..*layers {
            let _ = writeln!(out, " input w{l}: i8[h, h]\n input u{l}: i8[h, h]");
        }
        let _ = writeln!(out, " scan t in {steps} {{");
        for l in 0..*layers {
            let _ = writeln!(out, "  state s{l}[j < h]: i8 = {l}");
        }
        if *cell {
            out.push_str("  state c[j < h]: i32 = 100\n");
        }
        for l in 0..*layers {
            let below = if l == 0 { "xs[t, k]".to_string() } else { format!("s{}[k]", l - 1) };
            let extra = if *cell && l == 0 { " + c[j]" } else { "" };
            let _ = writeln!(out, "  x{l}[j] = sum(k: i32({below}) * i32(w{l}[j, k]))");
            let _ = writeln!(out, "  z{l}[j] = sum(k: i32(s{l}[k]) * i32(u{l}[j, k]))");
            let _ = writeln!(out, "  a{l}[j] = clip((x{l}[j] + z{l}[j]{extra}) >> 7, -100, 100)");
            let _ = writeln!(out, "  next s{l}[j] = i8(a{l}[j])");
        }
        if *cell {
            out.push_str("  next c[j] = (c[j] >> 1) + a0[j]\n");
        }
        out.push_str(" }\n");
        let last = layers - 1;
        if outputs[0] || !(outputs[1] || outputs[2] && *cell) {
            let _ = writeln!(out, " output Y[t, j] = i8(a{last}[t, j])");
        }
        if outputs[1] {
            let _ = writeln!(out, " output X[j] = i8(x0[{}, j])", steps - 1);
        }
        if outputs[2] && *cell {
            let _ = writeln!(out, " output C[j] = i8(c[{steps}, j])");
        }
        out.push_str("}\n");
        out
    }

    fn schedule(&self) -> String {
        let mut out = "schedule s for net {\n xs_b = xs.cache_read(inp)\n".to_string();
        for l in 0..self.layers {
            let _ = writeln!(out, " w{l}_b = w{l}.cache_read(wgt); u{l}_b = u{l}.cache_read(wgt)");
            let _ = writeln!(out, " s{l}_b = s{l}.cache_read(inp)");
            for p in ["x", "z"] {
                let _ = writeln!(
                    out,
                    " {p}{l} {{ set_scope(acc); split(j, BLOCK_OUT) -> jo, ji; split(k, BLOCK_IN) -> ko, ki\n  \
                     reorder(jo, ko, ji, ki); tensorize(ji, gemm) }}"
                );
            }
            let _ = writeln!(out, " a{l}.set_scope(acc)");
        }
        if self.cell {
            out.push_str(" c.set_scope(acc)\n");
        }
        let axis = |place: u8| ["t", "jo", "ko"][usize::from(place - 1)];
        for (buffer, product, place) in
            [("w0_b", "x0", 0), ("u0_b", "z0", 1), ("xs_b", "x0", 2)].map(|(b, p, at)| (b, p, self.places[at]))
        {
            if place > 0 {
                let _ = writeln!(out, " {buffer}.compute_at({product}, {})", axis(place));
            }
        }
        // Above the first layer, the state below has one reader more.
        if self.layers == 1 && self.places[3] > 0 {
            let _ = writeln!(out, " s0_b.compute_at(z0, {})", axis(self.places[3]));
        }
        if self.out[0] && self.places[0] != 1 && self.places[2] != 1 && !self.outputs[1] {
            out.push_str(" x0.compute_root()\n");
        }
        if self.out[1] {
            out.push_str(" z0.compute_root()\n");
        }
        out.push_str("}\n");
        out
    }
}

/// Networks, those that move a product which depends on a state out of the steps among them.
pub fn programs() -> impl Strategy<Value = (Drawn, bool)> {
    network().prop_map(|network| (Drawn::new(network.program()), network.out[1]))
}

fn is_accepted((program, wrongly): &(Drawn, bool)) -> bool {
    // What depends on a state does not leave the steps.
    let accepted = program.is_accepted(if *wrongly { &["E0370"] } else { &[] });
    assert!(accepted != *wrongly, "depends on the steps:{program:?}");
    accepted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_networks_agree_or_are_refused(program in programs()) {
        is_accepted(&program);
    }
}

#[test]
fn most_random_networks_are_accepted() {
    mostly_accepted(programs(), 80, is_accepted);
}

/// Outputs of a scan are stored in its steps, from what the step computes, so that nothing is kept for all of them.
#[test]
fn outputs_are_stored_in_the_steps() {
    let kernel = "kernel k(steps = 6, n = 32) {
    input x: i8[steps, n]
    input u: i8[n, n]
    input b: i32[n]
    scan t in steps {
        state s[j < n]: i8 = 0
        y[j] = sum(k: i32(s[k]) * i32(u[j, k]))
        a[j] = clip((y[j] + b[j]) >> 6, -100, 100)
        next s[j] = i8(a[j])
    }
    d[t < steps, j] = a[t, j] >> 1
    output D[t, j] = i8(d[t, j])
    output S[t < steps, j] = s[t + 1, j]
    output A[t < steps, j] = i8(a[t, j])
}
";
    let by_hand = "schedule q for k {
    y.set_scope(acc)
    a.set_scope(acc)
    d.set_scope(acc)
    d.reverse_compute_at(s, t)
    D.reverse_compute_at(s, t)
    S.reverse_compute_at(s, t)
    A.reverse_compute_at(a, t)
    s_buf = s.cache_read(inp)
    u_buf = u.cache_read(wgt)
    b_acc = b.cache_read(acc)
    y { split(j, BLOCK_OUT) -> jo, ji; split(k, BLOCK_IN) -> ko, ki; reorder(ko, jo, ji, ki); tensorize(ji, gemm) }
}
";
    for schedule in ["", by_hand] {
        let agreed = agree(&format!("{kernel}{schedule}"));
        // Each step stores three rows and the state; nothing is loaded back but the state.
        let stores =
            agreed.stream.insns.iter().filter(|insn| matches!(insn.op, Op::Store(mem) if !mem.is_noop())).count();
        assert!(stores >= 6 * 4, "{stores} stores");
        assert_eq!(agreed.report.bytes[MemoryType::Acc], 32 * 4, "more than the bias is loaded into the accumulator");
    }
}
