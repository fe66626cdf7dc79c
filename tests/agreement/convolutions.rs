//! Random convolutions under random schedules: odd sizes, padding, strides, windows of any size, blocks that do not divide.
//! Each is refused with a diagnostic that a legality check gives, or all engines agree on it.

use std::fmt::Write;

use proptest::prelude::*;
use tilewright_isa::MemoryType;
use tilewright_tests::{Case, engines_agree};

use crate::drawn::{Drawn, mostly_accepted, shuffled};

/// What is added to the shifted sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bias {
    None,
    /// On the vector ALU.
    Added,
    /// As what the sum starts from.
    Folded,
}

/// What a kernel and its schedule are made from.
#[derive(Clone, Debug)]
struct Choices {
    height: i64,
    width: i64,
    channels: [i64; 2],
    window: [i64; 2],
    pad: [i64; 2],
    stride: i64,
    /// Sizes of blocks of output rows, columns and channels; 0 leaves the axis whole.
    blocks: [i64; 3],
    /// Keys that sort the loops of the output and those of the product.
    output_order: [u8; 6],
    product_order: [u8; 9],
    /// Where the operands are computed, counted from the outermost loop of the product; 0 leaves them outside.
    places: [u8; 2],
    bias: Bias,
    /// Keys that sort the dimensions of weights, output and input in device memory.
    memory_orders: [[u8; 4]; 3],
    /// Iterations of the outermost loop of the output that stand apart.
    peel: [i64; 2],
    /// Loops of the product in which the result, the output and the bias are computed, counted from the outermost; 0 leaves
    /// them outside. With the output there, the blocks are those of the product.
    follow: [u8; 3],
    /// How the input and the weights stay where another iteration reads them again: not, in the loop at which they are
    /// computed, or in one around; and with slots.
    roll: [u8; 2],
}

fn choices() -> impl Strategy<Value = Choices> {
    let sizes = (1..9_i64, 1..9_i64, prop::array::uniform2(1..40_i64));
    // Every other window is shorter than its step may be.
    let window = prop_oneof![prop::array::uniform2(1..3_i64), prop::array::uniform2(1..4_i64)];
    let windows = (window, prop::array::uniform2(0..3_i64), 1..4_i64);
    let schedule = (prop::array::uniform3(0..5_i64), any::<[u8; 6]>(), any::<[u8; 9]>());
    let bias = prop_oneof![Just(Bias::None), Just(Bias::Added), Just(Bias::Folded)];
    let places = (prop::array::uniform2(0..5_u8), bias, prop::array::uniform2(0..2_i64));
    let follow = prop_oneof![Just([0; 3]), prop::array::uniform3(0..8_u8)];
    let placed = (places, follow, prop::array::uniform2(0..4_u8), any::<[[u8; 4]; 3]>());
    (sizes, windows, schedule, placed).prop_map(|(sizes, windows, schedule, (places, follow, roll, orders))| Choices {
        follow,
        roll,
        memory_orders: orders,
        height: sizes.0,
        width: sizes.1,
        channels: sizes.2,
        window: windows.0,
        pad: windows.1,
        stride: windows.2,
        blocks: schedule.0,
        output_order: schedule.1,
        product_order: schedule.2,
        places: places.0,
        bias: places.1,
        peel: places.2,
    })
}

impl Choices {
    fn program(&self) -> String {
        let mut out = self.kernel();
        out.push_str("schedule random for random {\n");
        for line in self.schedule() {
            let _ = writeln!(out, "    {line}");
        }
        out.push_str("}\n");
        out
    }

    /// The input is as large as the output's windows reach, less what stands outside.
    fn kernel(&self) -> String {
        let Choices { height: h, width: w, channels: [ci, co], window: [kh, kw], pad: [py, px], stride, .. } = self;
        let reach = |n: &i64, k: &i64, pad: &i64| ((n - 1) * stride + k - 2 * pad).max(1);
        let (rows, columns) = (reach(h, kh, py), reach(w, kw, px));
        let (bias, input) = match self.bias {
            Bias::None => ("", String::new()),
            Bias::Added => (" + b[o]", format!("    input b: i32[{co}]\n")),
            Bias::Folded => (" + i32(b[o])", format!("    input b: i8[{co}]\n")),
        };
        format!(
            "kernel random {{\n    input X: i8[{ci}, {rows}, {columns}] outside 0\n    \
             input F: i8[{co}, {ci}, {kh}, {kw}]\n{input}    C[o, y < {h}, x < {w}] = sum(c, r, s: \
             i32(X[c, y * {stride} + r - {py}, x * {stride} + s - {px}]) * i32(F[o, c, r, s]))\n    \
             S[o, y, x] = max((C[o, y, x] >> 4){bias}, 0)\n    output Y[o, y, x] = i8(S[o, y, x])\n}}\n"
        )
    }

    /// Some tensors lie in an order of their own; the input less often, as its border needs whole rows.
    fn memory_orders(&self) -> Vec<String> {
        let tensors = [("F", "o c r s", 2), ("Y", "o y x", 2), ("X", "c d1 d2", 6)].into_iter().zip(self.memory_orders);
        let said = tensors.filter(|((_, _, every), keys)| keys[0] % every == 0);
        let names = |dims: &str| dims.split(' ').map(String::from).collect();
        said.map(|((t, dims, _), keys)| format!("{t}.layout({})", shuffled(names(dims), &keys).join(", "))).collect()
    }

    fn schedule(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            ["X_buf = X.cache_read(inp)", "F_buf = F.cache_read(wgt)", "C.set_scope(acc)", "S.set_scope(acc)"]
                .map(String::from)
                .to_vec();
        match self.bias {
            Bias::None => {}
            Bias::Added => lines.push("b_buf = b.cache_read(acc)".to_string()),
            Bias::Folded => lines.extend(["S.fold_bias(C)", "b_buf = b.cache_read(wgt)"].map(String::from)),
        }
        lines.extend(self.memory_orders());
        let (mut outer, mut inner) = (Vec::new(), Vec::new());
        let [result_follows, output_follows, _] = self.follow.map(|at| at > 0);
        for (axis, block) in ["y", "x", "o"].into_iter().zip(self.blocks) {
            match block {
                0 => inner.push(axis.to_string()),
                _ if output_follows => {}
                n => {
                    let factor = if axis == "o" { format!("{n} * BLOCK_OUT") } else { n.to_string() };
                    lines.push(format!("Y.split({axis}, {factor}) -> {axis}o, {axis}i"));
                    outer.push(format!("{axis}o"));
                    inner.push(format!("{axis}i"));
                }
            }
        }
        let outer = shuffled(outer, &self.output_order);
        if let (Some(first), Some(last)) = (outer.first(), outer.last()) {
            lines.push(format!("Y.reorder({}, {})", outer.join(", "), inner.join(", ")));
            lines.push(format!("Y.peel({first}, {}, {})", self.peel[0], self.peel[1]));
            lines.extend(["S", "C"].map(|stage| format!("{stage}.compute_at(Y, {last})")));
        }
        lines.push("C.split(o, BLOCK_OUT) -> ob, oi".to_string());
        lines.push("C.split(c, BLOCK_IN) -> cb, ci".to_string());
        let mut loops = ["cb", "ob", "y", "x", "r", "s"].map(String::from).to_vec();
        for (axis, block) in ["y", "x", "ob"].into_iter().zip(self.blocks).filter(|(_, n)| output_follows && *n > 0) {
            lines.push(format!("C.split({axis}, {block}) -> {axis}o, {axis}i"));
            loops.retain(|l| l != axis);
            loops.extend([format!("{axis}o"), format!("{axis}i")]);
        }
        let loops = shuffled(loops, &self.product_order);
        lines.push(format!("C.reorder({}, oi, ci)", loops.join(", ")));
        lines.push("C.tensorize(oi, gemm)".to_string());
        for (operand, place) in ["X_buf", "F_buf"].into_iter().zip(self.places) {
            if place > 0 {
                lines.push(format!("{operand}.compute_at(C, {})", loops[usize::from(place - 1)]));
            }
        }
        lines.extend(self.rolling(&outer, &loops));
        // What the result passes on or reads is done no further in.
        let [result, output, bias] = self.follow.map(|at| (usize::from(at).max(1) - 1) % loops.len());
        if result_follows {
            lines.push(format!("S.reverse_compute_at(C, {})", loops[result]));
        }
        if output_follows {
            let at = if result_follows { output.min(result) } else { output };
            lines.push(format!("Y.reverse_compute_at(C, {})", loops[at]));
        }
        let reduced = |l: &String| ["cb", "r", "s"].contains(&l.as_str());
        let before_sums = loops.iter().position(reduced).unwrap_or_default();
        match self.bias {
            Bias::Added if self.follow[2] > 0 && result_follows => {
                lines.push(format!("b_buf.compute_at(C, {})", loops[bias.min(result)]));
            }
            Bias::Folded if self.follow[2] > 0 && before_sums > 0 => {
                lines.push(format!("b_buf.compute_at(C, {})", loops[bias % before_sums]));
            }
            _ => {}
        }
        lines
    }

    /// What is kept from iteration to iteration, of the loops at which operands are computed or of those around.
    fn rolling(&self, outer: &[String], loops: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        let around = |stage: &str| match outer.last() {
            Some(last) => format!("{stage}.rolling_buffer(Y, {last})"),
            None => format!("{stage}.rolling_buffer(C, {})", loops[0]),
        };
        match (self.roll[0], outer.last()) {
            (1, _) if self.places[0] > 0 => lines.push("X_buf.rolling_buffer()".to_string()),
            (2, Some(last)) => {
                lines.extend([format!("X_buf.compute_at(Y, {last})"), "X_buf.rolling_buffer()".to_string()]);
            }
            (3, _) if self.places[0] > 0 => lines.push(around("X_buf")),
            _ => {}
        }
        if self.roll[1] == 3 && self.places[1] > 0 {
            lines.push(around("F_buf"));
        }
        if self.roll[1] == 2 && !lines.is_empty() {
            lines.push("X_buf.double_buffer()".to_string());
        }
        lines
    }
}

/// What a legality check may say to a schedule of this family: a stage that cannot follow or roll, a part of a tile, too large, a
/// block outside of the array.
const REFUSALS: [&str; 5] = ["E0327", "E0328", "E0505", "E0507", "E0508"];

pub fn scheduled() -> impl Strategy<Value = Drawn> {
    choices().prop_map(|choices| Drawn::new(choices.program()))
}

/// The programs for which a condition holds.
fn kind(name: &'static str, of: impl Fn(&Choices) -> bool) -> impl Strategy<Value = Drawn> {
    choices().prop_filter(name, of).prop_map(|choices| Drawn::new(choices.program()))
}

/// Kernels of this family without a schedule. A simple one keeps a bias of bytes in no scratchpad.
pub fn unscheduled() -> impl Strategy<Value = Drawn> {
    let wide = |c: &Choices| c.bias != Bias::Folded;
    choices().prop_filter("with wide operands", wide).prop_map(|choices| Drawn::new(choices.kernel()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_convolutions_agree_or_are_refused(program in scheduled()) {
        program.is_accepted(&REFUSALS);
    }

    #[test]
    fn random_convolutions_without_a_schedule_agree_or_are_refused(program in unscheduled()) {
        program.is_accepted(&REFUSALS);
    }
}

#[test]
fn most_random_convolutions_are_accepted() {
    let plain = |c: &Choices| c.follow[1] == 0;
    let rolling = move |c: &Choices| plain(c) && c.roll[0] == 2 && c.blocks[..2].iter().any(|b| *b > 0);
    let accepts = |program: &Drawn| program.is_accepted(&REFUSALS);
    mostly_accepted(kind("plain", plain), 65, accepts);
    mostly_accepted(kind("with a following output", move |c| !plain(c)), 40, accepts);
    mostly_accepted(kind("with a rolling buffer", rolling), 40, accepts);
    mostly_accepted(kind("with a folded bias", move |c| plain(c) && c.bias == Bias::Folded), 65, accepts);
    let strided = move |c: &Choices| plain(c) && c.window.contains(&1) && c.stride > 1;
    mostly_accepted(kind("that step over pixels", strided), 65, accepts);
}

#[test]
fn most_random_convolutions_without_a_schedule_are_accepted() {
    mostly_accepted(unscheduled(), 95, |program| program.is_accepted(&REFUSALS));
}

/// Of 9 taps over 6 by 6 pixels, those over the border are left out where the loops over taps stand outside.
#[test]
fn products_with_the_border_are_left_out() {
    let text = include_str!("../../dsl-examples/conv.tw");
    let params = [("h", 6), ("ci", 16), ("co", 16)].map(|(name, value)| (name.to_owned(), value));
    let uops = |text: &str| {
        let agreed = engines_agree(&Case { params: &params, ..Case::new(text) });
        agreed.unwrap_or_else(|refused| panic!("{}", refused.text)).report.gemm_uops
    };
    assert_eq!(uops(text), (3 * 6 - 2) * (3 * 6 - 2));
    // Where each pixel would be an instruction of its own, the border is multiplied.
    let operands = "    stream_operands";
    let inside = text.replace(operands, &format!("    C.reorder(cb, ob, yi, x, r, s)\n{operands}"));
    assert_ne!(text, inside);
    assert_eq!(uops(&inside), 9 * 6 * 6);
}

/// Each row of the input is loaded once, whatever the rows of a block are.
#[test]
fn rows_that_are_read_again_stay_where_they_are() {
    let text = include_str!("../../dsl-examples/conv.tw");
    let rolling = text.replace(
        "-> X_buf, F_buf\n",
        "-> X_buf, F_buf\n    X_buf.rolling_buffer(C, yo)\n    F_buf.rolling_buffer(C, yo)\n",
    );
    assert_ne!(text, rolling);
    for rows in [2, 3, 4, 7] {
        let params =
            [("h", 14), ("ci", 32), ("co", 32), ("rows.th", rows)].map(|(name, value)| (name.to_owned(), value));
        let loaded = |text: &str| {
            let agreed = engines_agree(&Case { params: &params, ..Case::new(text) });
            agreed.unwrap_or_else(|refused| panic!("{}", refused.text)).report.bytes
        };
        let (plain, rolling) = (loaded(text), loaded(&rolling));
        assert_eq!((rolling[MemoryType::Inp], rolling[MemoryType::Wgt]), (14 * 14 * 32, 9 * 32 * 32), "{rows} rows");
        assert!(
            plain[MemoryType::Inp] > rolling[MemoryType::Inp] && plain[MemoryType::Wgt] > rolling[MemoryType::Wgt],
            "{rows} rows"
        );
    }
}

/// A convolution with a window of one that steps over pixels loads those that it multiplies, whatever its rows in a block, the
/// pieces of its loops and the loop at which its input is computed.
#[test]
fn pixels_that_a_convolution_steps_over_are_not_loaded() {
    let kernel = "kernel step(ci = 32, co = 32, h = 13, step = 2) {
        input X: i8[ci, h, h]
        input F: i8[co, ci]
        C[o, y < (h - 1) / step + 1, x < (h - 1) / step + 1] = sum(c: i32(X[c, y * step, x * step]) * i32(F[o, c]))
        output Y[o, y, x] = i8(C[o, y, x])
    }";
    let loaded = |step: i64, directives: &str| {
        let text = format!(
            "{kernel}
            schedule s for step {{
                X_buf = X.cache_read(inp)
                F_buf = F.cache_read(wgt)
                C.set_scope(acc)
                C.split(o, BLOCK_OUT) -> ob, oi
                C.split(c, BLOCK_IN) -> cb, ci
                C.reorder(y, cb, ob, x, oi, ci)
                C.tensorize(oi, gemm)
                {directives}
            }}"
        );
        let params = [("step".to_owned(), step)];
        let agreed = engines_agree(&Case { params: &params, ..Case::new(&text) });
        agreed.unwrap_or_else(|refused| panic!("{}", refused.text)).report.bytes[MemoryType::Inp]
    };
    for (step, rows) in [(2, 7), (3, 5)] {
        let inside = "X_buf.compute_at(C, cb)";
        let split = "C.split(y, 2) -> yo, yi\n C.reorder(yo, cb, yi)";
        assert_eq!(loaded(step, ""), rows * rows * 32, "outside");
        assert_eq!(loaded(step, inside), rows * rows * 32, "inside");
        assert_eq!(loaded(step, &format!("{inside}\n X_buf.double_buffer()\n C.peel(y, 1, 1)")), rows * rows * 32);
        assert_eq!(loaded(step, &format!("{split}\n X_buf.compute_at(C, cb)")), rows * rows * 32, "in blocks");
        assert_eq!(loaded(step, "X.layout(d1, d2, c)\n X_buf.compute_at(C, y)"), rows * rows * 32, "across");
    }
}
