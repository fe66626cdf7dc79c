//! Recurrent cells with gates: what several gates compute in one tensor is taken apart and joined with a state, products start
//! from others, and what needs no state runs ahead or before the scan. All engines agree, or the program is refused with a code.

use std::fmt::Write;

use proptest::prelude::*;
use tilewright_tests::{Agreed, Case, engines_agree};

use crate::drawn::{Drawn, mostly_accepted};

/// Where something that needs no state is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Steps,
    Ahead(i64),
    Before,
}

#[derive(Clone, Debug)]
struct Cell {
    steps: i64,
    /// Blocks of elements of a state, and by how many elements the last one is smaller.
    blocks: i64,
    missing: i64,
    gates: i64,
    /// Where the products with the input are computed, and where the bias is added to them.
    places: [Place; 2],
    /// The products with the state start from the others.
    folds: bool,
    /// The value of the bias comes first.
    bias_first: bool,
    /// Which gates are joined: with the state, with each other, with the result.
    joined: [i64; 4],
    /// The difference instead of the sum.
    minus: bool,
    /// What is read behind the steps: the results, the last state, what is left in the accumulator.
    outputs: [bool; 3],
    /// The tiles of the product with the state run inside of what is summed up.
    reduced_first: bool,
}

fn cell() -> impl Strategy<Value = Cell> {
    let place = || prop_oneof![Just(Place::Steps), (1..3_i64).prop_map(Place::Ahead), Just(Place::Before)];
    let shape = (1..5_i64, 1..3_i64, prop_oneof![3 => Just(0), 1 => 1..16_i64], 1..5_i64);
    let flags = prop::array::uniform4(any::<bool>());
    (shape, [place(), place()], flags, prop::array::uniform4(0..4_i64), any::<[bool; 3]>()).prop_map(
        |((steps, blocks, missing, gates), places, [folds, bias_first, minus, reduced_first], joined, outputs)| Cell {
            steps,
            blocks,
            missing,
            gates,
            places,
            folds,
            bias_first,
            joined: joined.map(|g| g % gates),
            minus,
            outputs,
            reduced_first,
        },
    )
}

impl Cell {
    fn program(&self) -> String {
        format!("{}\n{}", self.kernel(), self.schedule())
    }

    fn kernel(&self) -> String {
        let Cell { steps, blocks, missing, gates, joined: [a, b, c, d], outputs, .. } = self;
        let biased = if self.bias_first { "b[g, j] + zx[g, j]" } else { "zx[g, j] + b[g, j]" };
        let sign = if self.minus { "-" } else { "+" };
        let mut out = format!(
            "kernel cell(h = BLOCK_OUT * {blocks} - {missing}) {{
 input xs: i8[{steps}, h]
 input w: i8[{gates}, h, h]
 input u: i8[{gates}, h, h]
 input b: i32[{gates}, h]
 scan t in {steps} {{
  state hid[j < h]: i8 = 3
  state left[j < h]: i32 = 500
  zx[g, j] = sum(k: i32(xs[t, k]) * i32(w[g, j, k]))
  zb[g, j] = {biased}
  zh[g, j] = sum(k: i32(hid[k]) * i32(u[g, j, k]))
  z[g, j] = zb[g, j] + zh[g, j]
  s[g, j] = clip(z[g, j] >> 7, -100, 100)
  kept[j] = s[{a}, j] * left[j] >> 6
  new[j] = s[{b}, j] * s[{c}, j] >> 3
  c[j] = kept[j] {sign} new[j]
  bounded[j] = clip(c[j], -900, 900)
  o[j] = bounded[j] * s[{d}, j] >> 10
  next left[j] = c[j]
  next hid[j] = i8(o[j])
 }}
"
        );
        if outputs[0] || !(outputs[1] || outputs[2]) {
            out.push_str(" output Y[t, j] = i8(o[t, j])\n");
        }
        if outputs[1] {
            let _ = writeln!(out, " output X[j] = i8(o[{}, j])", steps - 1);
        }
        if outputs[2] {
            let _ = writeln!(out, " output C[j] = i8(left[{steps}, j] >> 3)");
        }
        out.push_str("}\n");
        out
    }

    fn schedule(&self) -> String {
        let mut out = "schedule s for cell {
 xs_buf = xs.cache_read(inp)
 hid_buf = hid.cache_read(inp)
 w_buf = w.cache_read(wgt)
 u_buf = u.cache_read(wgt)
 b_acc = b.cache_read(acc)
 for v in [zx, zb, zh, z, s, kept, new, c, bounded, o, left] {
  v.set_scope(acc)
 }
"
        .to_string();
        if self.outputs[2] {
            out.push_str(" C_acc = C.cache_write(acc)\n");
        }
        for (stage, place) in ["zx", "zb"].into_iter().zip(self.places) {
            let _ = match place {
                Place::Steps => Ok(()),
                Place::Ahead(steps) => writeln!(out, " {stage}.run_ahead({steps})"),
                Place::Before => writeln!(out, " {stage}.compute_root()"),
            };
        }
        for (stage, inner) in [("zx", false), ("zh", self.reduced_first)] {
            let order = if inner { "ko, t, g, jo" } else { "t, g, jo, ko" };
            let _ = writeln!(out, " {stage} {{ split(j, BLOCK_OUT) -> jo, ji; split(k, BLOCK_IN) -> ko, ki");
            let _ = writeln!(out, "  reorder({order}, ji, ki); tensorize(ji, gemm) }}");
        }
        if self.folds {
            out.push_str(" z.fold_bias(zh)\n");
        }
        out.push_str("}\n");
        out
    }
}

pub fn programs() -> impl Strategy<Value = Drawn> {
    cell().prop_map(|cell| Drawn::new(cell.program()))
}

/// What is before or ahead of what it needs is refused, and what is as many steps ahead as there are.
const REFUSALS: [&str; 2] = ["E0370", "E0372"];

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_cells_agree_or_are_refused(program in programs()) {
        program.is_accepted(&REFUSALS);
    }
}

#[test]
fn most_random_cells_are_accepted() {
    mostly_accepted(programs(), 40, |program| program.is_accepted(&REFUSALS));
}

fn legal(cell: &Cell) -> String {
    let text = cell.program();
    let Agreed { legal, .. } =
        engines_agree(&Case::new(&text)).unwrap_or_else(|refused| panic!("{}\n{text}", refused.text));
    legal
}

const PLAIN: Cell = Cell {
    steps: 4,
    blocks: 2,
    missing: 0,
    gates: 4,
    places: [Place::Before, Place::Before],
    folds: true,
    bias_first: true,
    joined: [1, 0, 3, 2],
    minus: false,
    outputs: [true, false, false],
    reduced_first: true,
};

/// Sums, gates and the state all lie in what was computed before the scan, or stay where they are: a step copies only what the
/// output takes.
#[test]
fn a_step_works_in_place() {
    let legal = legal(&PLAIN);
    let step = legal.split("@serial").nth(1).expect("the loop over the steps");
    assert_eq!(step.matches("reset").count(), 1, "{legal}");
    assert_eq!(step.matches("alloc").count(), 1, "only the state in `inp`: {legal}");
}

/// The same where the bias is added one step ahead, in place as well.
#[test]
fn what_runs_ahead_stays_in_place() {
    let legal = legal(&Cell { places: [Place::Before, Place::Ahead(1)], ..PLAIN });
    let step = legal.split("@serial").nth(1).expect("the loop over the steps");
    assert_eq!(step.matches("reset").count(), 1, "{legal}");
    let (store, bias) = (step.find("store"), step.find("b_acc"));
    assert!(store.is_some() && store < bias, "the bias of the next step stands behind the store: {legal}");
}
