//! Programs around the accumulator that are easily got wrong: indices that meet in one tile, narrow types between wide
//! ones, results in the place of their operands. All engines agree on each, or it is refused with the code that is named.

use std::collections::BTreeMap;
use std::fmt::Write;

use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;
use tilewright::{Arrays, Options, RunOptions};
use tilewright_core::legalize::Cx;
use tilewright_core::loops::parse;
use tilewright_core::pipeline::legalize;
use tilewright_isa::Config;
use tilewright_syntax::Sources;
use tilewright_tests::{Case, engines_agree};

use crate::drawn::{Drawn, mostly_accepted};

/// The first code of a refusal; empty where all engines agree.
fn answer(text: &str) -> &'static str {
    engines_agree(&Case::new(text)).map_or_else(|refused| refused.codes[0], |_| "")
}

/// A kernel of one stage `T`, computed in `acc` from `A`, and stored.
fn one_stage(shape: &str, axes: &str, value: &str) -> String {
    format!(
        "kernel k() {{\n input A: i32[{shape}]\n T[{axes}] = {value}\n output Y[i, j] = i8(T[i, j])\n}}\n\
         schedule s for k {{\n T.set_scope(acc)\n}}\n"
    )
}

#[test]
fn a_loop_over_lanes_that_moves_the_tile_has_an_element_in_each_tile() {
    for index in ["i + j, j", "j / 8, j", "i + j / 8, j", "i + j % 4, j"] {
        assert_eq!(answer(&one_stage("128, 64", "i < 8, j < 64", &format!("A[{index}]"))), "", "A[{index}]");
    }
}

#[test]
fn rows_that_move_alone_are_copied() {
    assert_eq!(answer(&one_stage("128, 64", "i < 8, j < 64", "A[7 - i, j]")), "");
    assert_eq!(answer(&one_stage("128, 64", "i < 8, j < 64", "A[i * 3 + 2, j]")), "");
}

#[test]
fn a_diagonal_has_an_element_in_each_tile() {
    let text = "kernel k(n = 64) {\n input A: i32[n, n]\n T[i] = A[i, i]\n output Y[i] = i8(T[i])\n}\n\
                schedule s for k {\n T.set_scope(acc)\n}\n";
    assert_eq!(answer(text), "");
}

/// A copy of an access is as large as the reader's tile, so all that an array holds need not fit at once.
#[test]
fn accesses_are_copied_one_by_one() {
    let config = Config::from_json(r#"{"LOG_ACC_BUFF_SIZE": 12}"#).expect("a valid configuration");
    for (first, second) in
        [("i, j", "j, i"), ("i, 63 - j", "i / 2, 7"), ("j, j", "0 + i, j % 3"), ("63 - i, j", "i, j / 4")]
    {
        let text = format!(
            "kernel k() {{\n input A: i32[64, 64]\n T[i < 64, j < 64] = A[{first}] - A[{second}]\n \
             output Y[i, j] = i8(T[i, j])\n}}\nschedule s for k {{\n T.set_scope(acc)\n Y.tile(i, j, 1, 16) -> io, jo, ii, ji\n \
             T.compute_at(Y, jo)\n P = A.reindex(acc, T)\n Q = A.reindex(acc, T)\n P.compute_at(Y, jo)\n Q.compute_at(Y, jo)\n}}\n"
        );
        engines_agree(&Case { config, ..Case::new(&text) })
            .unwrap_or_else(|refused| panic!("{}\n{text}", refused.text));
    }
}

#[test]
fn narrow_stages_keep_their_own_storage_and_their_values() {
    let kernel = "kernel k() {\n input A: i32[4, 32]\n G[i, j] = i8(A[i, j])\n ";
    let own_buffer = format!(
        "{kernel}output Y[i, j] = G[i, j]\n output Z[i, j] = i8(A[i, j])\n}}\n\
         schedule s for k {{\n Aq = A.cache_read(acc)\n G.set_scope(acc)\n}}\n"
    );
    assert_eq!(answer(&own_buffer), "");
    let widened = format!(
        "{kernel}P[i, j] = i32(G[i, j]) << 9\n R[i, j] = P[i, j] + A[i, j]\n Q[i, j] = R[i, j] >> 9\n \
         output Y[i, j] = i8(Q[i, j])\n}}\n\
         schedule s for k {{\n Aq = A.cache_read(acc)\n G.set_scope(acc); P.set_scope(acc); R.set_scope(acc)\n \
         Q.set_scope(acc)\n}}\n"
    );
    assert_eq!(answer(&widened), "");
    let converted = format!(
        "{kernel}output Y[i, j] = i8(i32(i8(G[i, j])))\n}}\n\
         schedule s for k {{\n Aq = A.cache_read(acc)\n G.set_scope(acc)\n}}\n"
    );
    assert_eq!(answer(&converted), "");
}

/// The blocks of rows do not divide, and weights that stay cut the loop over them: the result is computed in three places, all
/// of them in the product's own buffer. Three operations on each of its tiles are all that there is then.
#[test]
fn results_of_a_cut_loop_take_the_place_of_their_operand() {
    let text = "kernel k() {\n input X: i8[13, 16]\n input W: i8[32, 16]\n \
        C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))\n S[i, j] = clip(C[i, j] >> 3, 0, 99)\n \
        output Y[i, j] = i8(S[i, j])\n}\n\
        schedule s for k {\n Xb = X.cache_read(inp)\n Wb = W.cache_read(wgt)\n C.split(i, 5) -> ib, it\n \
        C.split(j, 16) -> jo, ji\n C.split(r, 16) -> ro, ri\n C.reorder(ro, ib, jo, it, ji, ri)\n C.tensorize(ji, gemm)\n \
        C.set_scope(acc)\n S.set_scope(acc)\n S.reverse_compute_at(C, ib)\n Y.reverse_compute_at(C, ib)\n \
        Xb.compute_at(C, ib)\n Wb.compute_at(C, jo)\n Wb.rolling_buffer(C, ib)\n}\n";
    let agreed = engines_agree(&Case::new(text)).unwrap_or_else(|refused| panic!("{}", refused.text));
    let tiles = 13 * 2;
    assert_eq!((agreed.report.reset_uops, agreed.report.alu_uops), (tiles, 3 * tiles));
}

/// Part of the result is computed before another part of the product is read for something else, elsewhere or at that place.
#[test]
fn results_do_not_overwrite_what_is_read_behind_them() {
    let kernel = |read: &str, places: &str| {
        format!(
            "kernel k() {{\n input A: i32[8, 16]\n P[i, j] = A[i, j] * 3\n S[i, j] = P[i, j] >> 1\n \
             T[i, j] = S[i, j] + {read}\n output Y[i, j] = i8(T[i, j])\n}}\n\
             schedule s for k {{\n Aq = A.cache_read(acc)\n for z in [P, S, T] {{\n z.set_scope(acc)\n }}\n {places}\n}}\n"
        )
    };
    for read in ["P[i, j]", "P[i / 2, j]", "P[7 - i, j]"] {
        for places in ["S.peel(i, 3)", "S.peel(i, 3); T.peel(i, 2)", "T.peel(i, 3, 2); S.compute_at(T, i)"] {
            assert_eq!(answer(&kernel(read, places)), "", "{read}, {places}");
        }
    }
}

/// The code with which a loop program, written by hand, is refused; empty where it is legal.
fn legalised(update: &str) -> &'static str {
    let text = format!(
        "program p {{
            input X: i32[4, 16] @dram
            output Y: i8[4, 16] @dram
            alloc C: i32[4, 16] @acc
            for a in 0..4 {{ for b in 0..16 {{ C[a, b] = X[a, b] }} }}
            {update}
            for c in 0..4 {{ for d in 0..16 {{ Y[c, d] = i8(C[c, d]) }} }}
        }}"
    );
    let mut sources = Sources::default();
    let file = sources.add("hand.loops", text.as_str());
    let program = parse::parse(file, &text).unwrap_or_else(|e| panic!("{e:?}"));
    legalize(program, &Cx { config: Config::default() }, &mut |_| {}).err().map_or("", |e| e.code())
}

#[test]
fn operations_are_not_distributed_over_iterations_that_meet() {
    let once = "for i in 0..4 { for j in 0..16 { C[i, j] = max(C[i, j] + 1, 0) } }";
    assert_eq!(legalised(once), "");
    let repeated = "for k in 0..3 { for i in 0..4 { for j in 0..16 { C[i, j] = max(C[i, j] + 1, 0) } } }";
    assert_eq!(legalised(repeated), "E0509");
    let neighbour = "for i in 0..3 { for j in 0..16 { C[i + 1, j] = C[i, j] + C[i + 1, j] } }";
    assert_eq!(legalised(neighbour), "E0509");
}

#[test]
fn a_single_value_has_no_loops_to_mark() {
    let text = "kernel k() {\n input X: i8[]\n output Y[] = X[]\n}\n\
                schedule s for k {\n Xb = X.cache_read(inp)\n Xb.pragma(dma_copy)\n}\n";
    assert_eq!(answer(text), "E0306");
}

/// Parts of a value have temporaries in the loops that a schedule makes, whatever these are.
#[test]
fn values_in_parts_are_computed_where_their_stage_is() {
    let kernel = |value: &str| {
        format!(
            "kernel k() {{\n input A: i32[13, 48]\n input B: i32[13, 48]\n S[i, j] = {value}\n \
             output Y[i, j] = i8(S[i, j])\n}}\n"
        )
    };
    let places = [
        "",
        "S.peel(i, 3)",
        "Y.split(i, 5) -> io, ii; S.compute_at(Y, io)",
        "Y.split(j, 16) -> jo, ji; Y.reorder(jo, i, ji); S.compute_at(Y, jo); S.double_buffer()",
        "Y.split(j, 16) -> jo, ji; Y.reorder(jo, i, ji); S.compute_at(Y, jo); Y.bind(jo, vthread)",
        "S.split(j, 16) -> jo, ji; S.reorder(jo, i, ji); S.unroll(jo)",
    ];
    for value in [
        "(A[i, j] >> 1) * max(B[i, j], 0)",
        "clip(A[i, j], -50, 50) * (100 - max(clip(A[i, j], -50, 50), B[i, j] >> 1))",
        "select(A[i, j] < 0, B[i, j], A[i, j] + 70000)",
    ] {
        for place in places {
            let text = format!(
                "{}schedule s for k {{\n Aq = A.cache_read(acc)\n Bq = B.cache_read(acc)\n S.set_scope(acc)\n {place}\n}}\n",
                kernel(value)
            );
            assert_eq!(answer(&text), "", "{text}");
        }
    }
}

/// A reduction of values in parts.
#[test]
fn sums_of_squared_differences_are_computed() {
    let text = "kernel k() {\n input A: i32[4, 6, 32]\n input B: i32[4, 6, 32]\n \
        S[i, j] = sum(r: (A[i, r, j] - B[i, r, j]) * (A[i, r, j] - B[i, r, j]))\n \
        T[i, j] = max(r: (A[i, r, j] >> 1) * max(B[i, r, j], 3))\n \
        output Y[i, j] = i8(S[i, j] + T[i, j])\n}\n";
    assert_eq!(answer(text), "");
}

/// A target that is one of its own operands: a state of a scan that stays in the accumulator.
#[test]
fn states_are_updated_by_values_in_parts() {
    let text = "kernel k() {\n input X: i32[5, 32]\n scan t in 5 {\n  state c[j < 32]: i32 = 0\n  \
        n[j] = (c[j] >> 1) * max(X[t, j], 0) + clip(X[t, j], -9, 9) * clip(c[j], -5, 5)\n  next c[j] = n[j]\n }\n \
        output Y[j] = i8(c[5, j])\n}\n\
        schedule s for k {\n Xq = X.cache_read(acc)\n c.set_scope(acc)\n n.set_scope(acc)\n}\n";
    assert_eq!(answer(text), "");
}

/// An operation of a random stage on earlier values.
fn stage() -> impl Strategy<Value = (u8, u8, u8, i64)> {
    (0..25_u8, any::<u8>(), any::<u8>(), -300..300_i64)
}

/// A program of stages in the accumulator, each computed from earlier ones.
fn program(stages: &[(u8, u8, u8, i64)], rows: i64, stored: u8) -> String {
    let mut kernel =
        format!("kernel k(n = BLOCK_OUT * 2) {{\n    input A: i32[{rows}, n]\n    input B: i32[{rows}, n]\n");
    let mut schedule = String::new();
    // Names of values, and whether each is `i8`.
    let mut values = vec![("A".to_string(), false), ("B".to_string(), false)];
    for (at, (op, left, right, c)) in stages.iter().enumerate() {
        let pick = |n: u8| &values[usize::from(n) % values.len()];
        let wide = |(name, narrow): &(String, bool)| match narrow {
            true => format!("i32({name}[i, j])"),
            false => format!("{name}[i, j]"),
        };
        let (x, y) = (wide(pick(*left)), wide(pick(*right)));
        let value = match op {
            0 => format!("{x} + {y}"),
            1 => format!("{x} - {y}"),
            2 => format!("max({x}, {y})"),
            3 => format!("min({x}, {c})"),
            4 => format!("({x} >> 3) + {c}"),
            5 => format!("clip({x}, -100, 90)"),
            6 => format!("i8({x})"),
            7 => format!("sat8({x} + {y})"),
            8 => format!("{x} * {y}"),
            9 => format!("select({x} < {c}, 0, {y})"),
            10 => format!("select({x} >= {y}, {x}, {y})"),
            11 => format!("select({x} != {c}, {c}, 7)"),
            12 => format!("select({y} <= {x}, {y}, 3)"),
            13 => format!("({x} >> 1) - max({y}, {c})"),
            14 => format!("select({x} < {y}, {x} * 3, {y} + {c})"),
            15 => format!("max({x} + {y}, 0) * (100000 - max({x} + {y}, 0))"),
            16 => format!("min({x} - ({y} >> 2), 100000)"),
            17..=20 => format!("{x} + j * 3 - {c}"),
            21..=23 => format!("max({x}, {y}) * (i + 1)"),
            _ => format!("clip({x}, -90, 90) * (clip({x}, -90, 90) - {c}) + ({y} << 2)"),
        };
        let name = format!("S{at}");
        let _ = writeln!(kernel, "    {name}[i, j] = {value}");
        let _ = writeln!(schedule, "    {name}.set_scope(acc)");
        values.push((name, (6..=7).contains(op)));
    }
    let last = values.last().expect("inputs are values").0.clone();
    let other = &values[usize::from(stored) % values.len()].0;
    let _ = writeln!(kernel, "    output Y[i, j] = i8({last}[i, j])\n    output Z[i, j] = i8({other}[i, j])\n}}");
    let mut copies = String::new();
    for input in ["A", "B"].into_iter().filter(|input| kernel.contains(&format!("{input}[i, j]"))) {
        let _ = writeln!(copies, "    {input}q = {input}.cache_read(acc)");
    }
    format!("{kernel}\nschedule s for k {{\n{copies}{schedule}}}\n")
}

/// Many stages and their temporaries may be too large together.
const REFUSALS: [&str; 1] = ["E0507"];

pub fn programs() -> impl Strategy<Value = Drawn> {
    let stages = prop::collection::vec(stage(), 1..5);
    (stages, 1..5_i64, any::<u8>()).prop_map(|(stages, rows, stored)| Drawn::new(program(&stages, rows, stored)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_stages_agree_or_are_refused(program in programs()) {
        program.is_accepted(&REFUSALS);
    }
}

#[test]
fn most_random_stages_are_accepted() {
    mostly_accepted(programs(), 70, |program| program.is_accepted(&REFUSALS));
}

/// The outputs of a kernel without a schedule, of which the engines agree on these inputs.
fn computed(text: &str, inputs: &Arrays) -> Arrays {
    let mut sources = Sources::default();
    sources.add("k.tw", text);
    let artifact = tilewright::compile(&sources, &Options::default()).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    let run = artifact.run(inputs, &RunOptions::default()).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    assert_eq!(artifact.interpret(inputs).unwrap(), run.outputs, "{text}");
    let reference = artifact.reference(inputs).unwrap();
    run.outputs.iter().for_each(|(name, array)| assert_eq!(reference[name], *array, "{name} of {text}"));
    run.outputs
}

/// What a shift by one bit at a time gives, for any amount.
fn shifted(value: i32, right: i32) -> i32 {
    let once = |x: i32| if right >= 0 { x >> 1 } else { x << 1 };
    (0..right.unsigned_abs().min(40)).fold(value, |x, _| once(x))
}

#[test]
fn shifts_take_any_amount() {
    let text = "kernel k(n = 48) {
        input A: i32[n]
        input e: i32[n]
        S[i] = A[i] >> e[i]
        T[i] = A[i] + 1 << (e[i] >> 1) + 3
        output Y[i] = S[i]
        output Z[i] = T[i]
        output U[i] = 256 >> 0 - e[i]
    }";
    let amounts = [0, 1, -1, 7, -7, 31, -31, 32, -32, 33, 100, -100, i32::MAX, i32::MIN, i32::MIN + 1, 5];
    let values = [1, -1, i32::MIN];
    let column = |of: &dyn Fn(usize) -> i32| ArrayD::from_shape_fn(IxDyn(&[48]), |at| of(at[0]));
    let (amount, value) = (|at: usize| amounts[at / 3], |at: usize| values[at % 3].wrapping_mul(12_345));
    let inputs = BTreeMap::from([("A".to_owned(), column(&value)), ("e".to_owned(), column(&amount))]);
    let outputs = computed(text, &inputs);
    for at in 0..48 {
        let (a, e) = (value(at), amount(at));
        assert_eq!(outputs["Y"][[at]], shifted(a, e), "{a} >> {e}");
        assert_eq!(outputs["Z"][[at]], shifted(a.wrapping_add(1), ((e >> 1) + 3).wrapping_neg()), "{a} << {e}");
        assert_eq!(outputs["U"][[at]], shifted(256, e.wrapping_neg()), "256 >> -{e}");
    }
}

/// The greatest numbers would wrap when half of the last bit is added.
#[test]
fn what_saturates_does_not_wrap_when_it_is_rounded() {
    for (fraction, dropped) in [(8, 1), (12, 5), (15, 8), (16, 9), (24, 17), (31, 24)] {
        let text =
            format!("kernel k(n = 16) {{\n input A: i32.q{fraction}[n]\n output Y[i] = sat8.q7(A[i], nearest)\n}}\n");
        let half = 1_i64 << (dropped - 1);
        let ends =
            [i32::MAX.into(), i32::MIN.into(), 127 << dropped, (127 << dropped) - half, (127 << dropped) - half - 1];
        let all = ends.into_iter().chain([(127 << dropped) + half, half, half - 1, -half, -half - 1]);
        let values: Vec<i32> = all.map(|v: i64| v.clamp(i32::MIN.into(), i32::MAX.into()) as i32).collect();
        let value = |at: usize| values[at % values.len()];
        let array = ArrayD::from_shape_fn(IxDyn(&[16]), |at| value(at[0]));
        let inputs = BTreeMap::from([("A".to_owned(), array)]);
        let outputs = computed(&text, &inputs);
        for at in 0..16 {
            let exact = ((i64::from(value(at)) + half) >> dropped).clamp(-128, 127) as i32;
            assert_eq!(outputs["Y"][[at]], exact, "{} without {dropped} bits", value(at));
        }
    }
}
