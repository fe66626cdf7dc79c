//! Reductions on the vector ALU: pooling and sums over the accumulator, in any order of loops. All engines agree, or the
//! program is refused with a code that is named.

use proptest::prelude::*;
use tilewright_isa::{Config, MemoryType, Op};
use tilewright_tests::{Agreed, Case, engines_agree};

use crate::drawn::{Drawn, mostly_accepted};

fn agree(text: &str) -> Agreed {
    engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}\n{text}", refused.text))
}

fn alu_instructions(agreed: &Agreed) -> usize {
    agreed.stream.insns.iter().filter(|i| matches!(i.op, Op::Alu(_))).count()
}

/// Max pooling of windows of `size` by `size` at steps of `step`.
fn pool(dtype: &str, size: i64, step: i64, schedule: &str) -> String {
    format!(
        "kernel pool(ch = BLOCK_OUT * 2, h = 9) {{
            input X: {dtype}[ch, h, h]
            P[c, y < (h - {size}) / {step} + 1, x < (h - {size}) / {step} + 1] =
                max(r < {size}, s < {size}: X[c, y * {step} + r, x * {step} + s])
            output Y[c, y, x] = i8(P[c, y, x])
        }}
        schedule s for pool {{
            Xb = X.cache_read(acc)
            P.set_scope(acc)
            {schedule}
        }}"
    )
}

#[test]
fn windows_of_max_pooling_are_joined_inside_of_one_instruction() {
    for (size, step) in [(2, 2), (3, 2), (3, 1)] {
        // One instruction sets the tiles to -128, the other takes the maxima.
        assert_eq!(alu_instructions(&agree(&pool("i8", size, step, ""))), 2);
        // The least `i32` takes one more to make.
        assert_eq!(alu_instructions(&agree(&pool("i32", size, step, ""))), 3);
    }
}

/// Nothing is loaded that lies between windows of one pixel; between larger ones everything is, as no number divides all steps.
#[test]
fn pixels_between_windows_of_one_are_not_loaded() {
    let tiles = |size: i64, step: i64, schedule: &str| {
        agree(&pool("i32", size, step, schedule)).report.bytes[MemoryType::Acc] / 64
    };
    for (step, pixels) in [(2, 5 * 5), (3, 3 * 3), (4, 3 * 3)] {
        assert_eq!(tiles(1, step, ""), 2 * pixels, "steps of {step}");
        assert_eq!(tiles(1, step, "P.reorder(y, c, x)\n Xb.compute_at(P, y)"), 2 * pixels, "row by row, {step}");
    }
    assert_eq!(tiles(2, 3, ""), 2 * 9 * 9);
}

#[test]
fn loads_of_bytes_widen_them() {
    let Agreed { stream, .. } = agree(&pool("i8", 2, 2, ""));
    let widened = |i: &tilewright_isa::Insn| matches!(i.op, Op::Load(m) if m.memory_type == MemoryType::Acc8Bit);
    assert_eq!(stream.insns.iter().filter(|i| widened(i)).count(), 1);
}

#[test]
fn a_machine_that_cannot_widen_bytes_is_not_asked_to() {
    let config = Config::from_json(r#"{"tilewright": {"acc_8bit": false}}"#).unwrap();
    let refused = engines_agree(&Case { config, ..Case::new(&pool("i8", 2, 2, "")) }).unwrap_err();
    assert_eq!(refused.codes, ["E0504"]);
    engines_agree(&Case { config, ..Case::new(&pool("i32", 2, 2, "")) }).unwrap_or_else(|e| panic!("{}", e.text));
}

#[test]
fn rows_may_be_loaded_while_they_are_pooled() {
    agree(&pool("i8", 3, 2, "P.reorder(y, r, c, x, s)\n Xb.compute_at(P, y)"));
    agree(&pool("i8", 3, 2, "P.reorder(y, r, c, x, s)\n Xb.compute_at(P, r)"));
    agree(&pool("i32", 2, 2, "P.split(c, BLOCK_OUT) -> co, ci\n P.reorder(co, s, y, ci, r, x)\n Xb.compute_at(P, co)"));
}

/// Global average pooling: one tile for each 16 channels, so that values of one tile never follow each other closely.
/// Windows of 3 by 3 over a border of zeros, which the loads pad; channels fill no whole tile, and the last window has a
/// border or not. The rows that two windows share are loaded once where the buffer rolls.
#[test]
fn windows_over_a_border_are_padded_by_their_loads() {
    for (dtype, op) in [("i8", "max"), ("i32", "max"), ("i8", "min")] {
        for (h, step) in [(9, 2), (8, 2), (7, 1)] {
            let out = (h - 1) / step + 1;
            let text = |rolling: &str| {
                format!(
                    "kernel pool(ch = 40) {{
                        input X: {dtype}[ch, {h}, {h}] outside 0
                        P[c, y < {out}, x < {out}] = {op}(r < 3, s < 3: X[c, y * {step} + r - 1, x * {step} + s - 1])
                        output Y[c, y, x] = i8(P[c, y, x])
                    }}
                    schedule rows for pool {{
                        X_acc = X.cache_read(acc)
                        P.set_scope(acc)
                        P.reorder(y, c)
                        X_acc.compute_at(P, y)
                        {rolling}
                    }}"
                )
            };
            let pads = |agreed: &Agreed| {
                let padded = |insn: &&tilewright_isa::Insn| match &insn.op {
                    Op::Load(mem) => mem.y_pad_0 + mem.y_pad_1 + mem.x_pad_0 + mem.x_pad_1 > 0,
                    _ => false,
                };
                agreed.stream.insns.iter().filter(padded).count()
            };
            let plain = agree(&text(""));
            assert!(pads(&plain) > 0, "{dtype} {op} of {h} by {step}");
            // By steps of one, the last window's only other row is border, which is no load.
            if step > 1 {
                let rolled = agree(&text("X_acc.rolling_buffer()"));
                assert!(
                    rolled.report.bytes[MemoryType::Acc] < plain.report.bytes[MemoryType::Acc],
                    "{dtype} {op} of {h} by {step}"
                );
            }
        }
    }
}

#[test]
fn global_average_pooling() {
    for channels in [16, 32, 64] {
        agree(&format!(
            "kernel average(ch = {channels}, h = 7) {{
                input X: i8[ch, h, h]
                S[c] = sum(y, x: i32(X[c, y, x]))
                A[c] = (S[c] * 21 + 512) >> 10
                Q[c] = sat8(A[c])
                output Y[c] = Q[c]
            }}
            schedule s for average {{
                Xb = X.cache_read(acc)
                S.set_scope(acc); A.set_scope(acc); Q.set_scope(acc)
            }}"
        ));
    }
}

/// A reduction over one to three axes of a tensor in the accumulator, in loops of any order.
fn reduction() -> impl Strategy<Value = String> {
    let shape = (prop::array::uniform3(1..5_i64), any::<u8>(), any::<u8>());
    let loops = (any::<[u8; 4]>(), any::<u8>(), prop::sample::select(&["sum", "max", "min"][..]), any::<[bool; 3]>());
    (shape, loops).prop_map(|((extents, lanes, kept), (order, split, reducer, [narrow, add, at]))| {
        let axes = ["a", "b", "c"];
        // One axis has the lanes and is kept; each of the others is kept or reduced.
        let lane = usize::from(lanes) % 3;
        let is_kept = |n: usize| n == lane || kept & (1 << n) != 0;
        let size = |n: usize| if n == lane { 16 * extents[n].min(3) } else { extents[n] };
        let own: Vec<&str> = (0..3).filter(|n| is_kept(*n)).map(|n| axes[n]).collect();
        let mut reduced: Vec<String> = (0..3).filter(|n| !is_kept(*n)).map(|n| axes[n].to_string()).collect();
        reduced.push("z < 2".to_string());
        let own = own.join(", ");
        let (dtype, read) = if narrow { ("i8", "i32(X[a, b, c])") } else { ("i32", "X[a, b, c]") };
        // The greatest of sums would need a tile for the sum.
        let add = add && reducer == "sum";
        let value = if add { format!("{read} + B[{}]", axes[lane]) } else { read.to_string() };
        let mut names = ["a", "b", "c", "z"];
        names.sort_by_key(|n| order[usize::from(n.as_bytes()[0] % 4)]);
        let halved = axes[usize::from(split) % 3];
        let factor = if halved == axes[lane] { 16 } else { 1 };
        let outermost = if names[0] == halved { format!("{halved}o") } else { names[0].to_string() };
        let place = if at { format!("Xb.compute_at(R, {outermost})") } else { String::new() };
        let b = if add { "Bb = B.cache_read(acc)" } else { "" };
        format!(
            "kernel k() {{
                input X: {dtype}[{}, {}, {}]
                input B: i32[{}]
                R[{own}] = {reducer}({}: {value})
                output Y[{own}] = i8(R[{own}])
            }}
            schedule s for k {{
                Xb = X.cache_read(acc)
                {b}
                R.set_scope(acc)
                R.reorder({})
                R.split({halved}, {factor}) -> {halved}o, {halved}i
                {place}
            }}",
            size(0),
            size(1),
            size(2),
            size(lane),
            reduced.join(", "),
            names.join(", ")
        )
    })
}

/// A place that leaves a part of a tile.
const REFUSALS: [&str; 2] = ["E0505", "E0508"];

/// A window over rows and columns of a tensor in the accumulator, with a border of zeros.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Of the result; the channels are in blocks.
    sizes: [i64; 3],
    size: i64,
    step: i64,
    border: i64,
    reducer: &'static str,
    narrow: bool,
    /// Keys that sort the loops, and the number of loops around the copy.
    order: [u8; 5],
    place: usize,
}

fn window() -> impl Strategy<Value = Window> {
    let sizes = (1..3_i64, prop::array::uniform2(1..7_i64));
    let shape = (1..4_i64, 1..3_i64, 0..2_i64, prop::sample::select(&["sum", "max", "min"][..]), any::<bool>());
    (sizes, shape, any::<[u8; 5]>(), 0..5_usize).prop_map(|((ch, [h, w]), shape, order, place)| {
        let (size, step, border, reducer, narrow) = shape;
        let sizes = [ch, h, w];
        Window { sizes, size, step, border: border.min(size - 1), reducer, narrow, order, place }
    })
}

fn pooling(window: &Window) -> String {
    let Window { sizes: [ch, h, w], size, step, border, reducer, narrow, order, place } = *window;
    let reach = |n: i64| ((n - 1) * step + size - 2 * border).max(1);
    let (rows, columns) = (reach(h), reach(w));
    let (dtype, read) = if narrow { ("i8", ["i32(", ")"]) } else { ("i32", ["", ""]) };
    let mut loops: Vec<(u8, &str)> = order.into_iter().zip(["co", "y", "x", "r", "s"]).collect();
    loops.sort();
    let loops: Vec<&str> = loops.into_iter().map(|(_, name)| name).collect();
    let copy = place.checked_sub(1).map_or(String::new(), |at| format!("Xb.compute_at(P, {})", loops[at]));
    format!(
        "kernel pool(ch = BLOCK_OUT * {ch}) {{
    input X: {dtype}[ch, {rows}, {columns}] outside 0
    P[c, y < {h}, x < {w}] =
        {reducer}(r < {size}, s < {size}: {}X[c, y * {step} + r - {border}, x * {step} + s - {border}]{})
    output Y[c, y, x] = i8(P[c, y, x])
}}

schedule s for pool {{
    Xb = X.cache_read(acc)
    P.set_scope(acc)
    P.split(c, BLOCK_OUT) -> co, ci
    P.reorder({}, ci)
    {copy}
}}
",
        read[0],
        read[1],
        loops.join(", ")
    )
}

pub fn programs() -> impl Strategy<Value = Drawn> {
    reduction().prop_map(Drawn::new)
}

pub fn windows() -> impl Strategy<Value = Drawn> {
    window().prop_map(|window| Drawn::new(pooling(&window)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_reductions_agree_or_are_refused(program in programs()) {
        program.is_accepted(&REFUSALS);
    }

    #[test]
    fn random_windows_agree_or_are_refused(program in windows()) {
        program.is_accepted(&REFUSALS);
    }
}

#[test]
fn most_random_reductions_are_accepted() {
    mostly_accepted(programs(), 75, |program| program.is_accepted(&REFUSALS));
    mostly_accepted(windows(), 75, |program| program.is_accepted(&REFUSALS));
}
