//! Programs of two or three kernels, drawn at random: what one computes and stores another one loads, with sizes that do
//! not divide, borders of zeros around computed tensors, and schedules that are written or made. Each is refused with a
//! diagnostic that a legality check gives, or all engines agree on it.

use proptest::prelude::*;
use tilewright_isa::Config;
use tilewright_tests::{Agreed, Case, Refused, engines_agree};

use crate::drawn::Drawn;

/// The kernels that programs call.
const KERNELS: &str = "
use vta: gemm_tiles, load_operands

kernel dense(m = BATCH, k = 32, n = 32, shift = 4, add = 0) {
    input X: i8[m, k]
    input W: i8[n, k]
    C[i, j] = sum(r: i32(X[i, r]) * i32(W[j, r]))
    S[i, j] = clip((C[i, j] >> shift) + add, -100, 110)
    output Y[i, j] = i8(S[i, j])
}

def columns_of(X, W, C, S, Y, i, j, r, block) -> X_buf, W_buf {
    Y.split(j, block) -> jb, jj
    S { set_scope(acc); compute_at(Y, jb) }
    C { set_scope(acc); compute_at(Y, jb) }
    gemm_tiles(C, i, j, r) -> io, jo, ro
    load_operands(X, W, C, ro) -> X_buf, W_buf
}

schedule columns(block = 32) for dense {
    columns_of(X, W, C, S, Y, i, j, r, block) -> X_buf, W_buf
}

schedule columns_ahead(block = 32) for dense {
    columns_of(X, W, C, S, Y, i, j, r, block) -> X_buf, W_buf
    X_buf.double_buffer(2)
    W_buf.double_buffer(2)
}

kernel conv(h = 6, ci = 16, co = 16, shift = 5, add = 0) {
    input X: i8[ci, h, h] outside 0
    input F: i8[co, ci, 3, 3]
    C[o, y < h, x < h] = sum(c, r, s: i32(X[c, y + r - 1, x + s - 1]) * i32(F[o, c, r, s]))
    S[o, y, x] = clip((C[o, y, x] >> shift) + add, -90, 120)
    output Y[o, y, x] = i8(S[o, y, x])
}

def rows_of(X, F, C, S, Y, th) -> X_buf, F_buf {
    X_buf = X.cache_read(inp)
    F_buf = F.cache_read(wgt)
    C.set_scope(acc)
    S.set_scope(acc)
    Y.split(y, th) -> yo, yi
    Y.reorder(yo, o, yi, x)
    S.compute_at(Y, yo)
    C.compute_at(Y, yo)
    C.split(o, BLOCK_OUT) -> ob, ot
    C.split(c, BLOCK_IN) -> cb, ct
    C.reorder(cb, r, s, ob, y, x, ot, ct)
    C.tensorize(ot, gemm)
    X_buf.compute_at(C, cb)
    F_buf.compute_at(C, cb)
}

schedule rows(th = 3) for conv {
    rows_of(X, F, C, S, Y, th) -> X_buf, F_buf
}

schedule rows_ahead(th = 3) for conv {
    rows_of(X, F, C, S, Y, th) -> X_buf, F_buf
    X_buf.double_buffer(2)
    F_buf.double_buffer(2)
}

kernel pool(ch = 16, h = 6) {
    input X: i8[ch, h, h]
    P[c, y < h / 2, x < h / 2] = max(r < 2, s < 2: X[c, y * 2 + r, x * 2 + s])
    output Y[c, y, x] = P[c, y, x]
}

schedule windows for pool {
    X_buf = X.cache_read(acc)
    P.set_scope(acc)
    P.reorder(y, c, x, r, s)
    X_buf.compute_at(P, y)
}

kernel add(ch = 16, h = 6) {
    input A: i8[ch, h, h]
    input B: i8[ch, h, h]
    S[c, y, x] = clip(i32(A[c, y, x]) + i32(B[c, y, x]), 0, 127)
    output Y[c, y, x] = i8(S[c, y, x])
}

schedule whole for add {
    A_buf = A.cache_read(acc)
    B_buf = B.cache_read(acc)
    S.set_scope(acc)
}

kernel affine(m = 4, n = 32, factor = 3) {
    input A: i8[m, n]
    S[i, j] = i32(A[i, j]) * factor - 7
    output Y[i, j] = i8(S[i, j] >> 1)
}

schedule rowwise for affine {
    Y_acc = Y.cache_write(acc)
    A_buf = A.cache_read(acc)
    S.set_scope(acc)
    S.compute_at(Y_acc, i)
    A_buf.compute_at(Y_acc, i)
}
";

/// What a program is made from.
#[derive(Clone, Debug)]
struct Choices {
    shape: Shape,
    /// Sizes in tiles, and by how many elements they are less.
    sizes: [(i64, i64); 4],
    rows: i64,
    height: i64,
    /// What is added to results, which then fills up their tiles.
    adds: [i64; 2],
    /// The schedules of the first and of the second kernel with products: 0 for one that is made, otherwise its block.
    blocks: [i64; 2],
    /// Whether operands are loaded ahead.
    ahead: [bool; 2],
    log_batch: u32,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Dense,
    /// The first result is the second factor of the other product.
    AsWeights,
    /// The first result is both read again and handed out.
    Shared,
    Affine,
    Convolutions,
    Pooled,
    Residual,
}

fn choices() -> impl Strategy<Value = Choices> {
    use Shape::*;
    let shape = prop::sample::select(vec![Dense, AsWeights, Shared, Affine, Convolutions, Pooled, Residual]);
    let sizes = prop::array::uniform4((1..4_i64, prop_oneof![Just(0), 1..16_i64]));
    let extents = (1..6_i64, 1..4_i64, prop::array::uniform2(-9..9_i64));
    let schedules = (prop::array::uniform2(0..4_i64), any::<[bool; 2]>(), 0..3_u32);
    (shape, sizes, extents, schedules).prop_map(|(shape, sizes, extents, schedules)| Choices {
        shape,
        sizes,
        rows: extents.0,
        height: extents.1 * 2,
        adds: extents.2,
        blocks: schedules.0,
        ahead: schedules.1,
        log_batch: if matches!(shape, Dense | AsWeights | Shared) { schedules.2 } else { 0 },
    })
}

impl Choices {
    /// The target, as JSON.
    fn target(&self) -> String {
        format!(
            r#"{{"LOG_BATCH": {}, "LOG_UOP_BUFF_SIZE": 12, "LOG_INP_BUFF_SIZE": 13, "LOG_WGT_BUFF_SIZE": 15, "LOG_ACC_BUFF_SIZE": 14}}"#,
            self.log_batch
        )
    }

    fn config(&self) -> Config {
        Config::from_json(&self.target()).expect("a valid configuration")
    }

    fn size(&self, at: usize) -> i64 {
        let (tiles, less) = self.sizes[at];
        tiles * 16 - less
    }

    /// The schedule of a kernel with products.
    fn with(&self, at: usize, name: &str) -> String {
        let ahead = if self.ahead[at] { "_ahead" } else { "" };
        match self.blocks[at] {
            0 => " with automatic".to_owned(),
            block if name == "rows" => format!(" with rows{ahead}(th = {block})"),
            block => format!(" with columns{ahead}(block = {})", block * 16),
        }
    }

    fn program(&self) -> String {
        let Choices { height: h, adds: [p, q], .. } = self;
        // Written schedules store whole tiles, and a tile's rows are no part of their blocks.
        let m = self.rows << self.log_batch;
        let [k, n, o, b] = [0, 1, 2, 3].map(|at| self.size(at));
        let [first, second] = [0, 1].map(|at| self.with(at, "columns"));
        let [above, below] = [0, 1].map(|at| self.with(at, "rows"));
        let dense = format!("T = dense(X, V, m = {m}, k = {k}, n = {n}, add = {p}){first}");
        let inputs = format!("input X: i8[{m}, {k}]\n    input V: i8[{n}, {k}]");
        let conv = format!("T = conv(X, F, h = {h}, ci = {k}, co = {n}, add = {p}){above}");
        let image = format!("input X: i8[{k}, {h}, {h}]\n    input F: i8[{n}, {k}, 3, 3]");
        let body = match self.shape {
            Shape::Dense => format!(
                "{inputs}\n    input W: i8[{o}, {n}]\n    {dense}
    output Y = dense(T, W, m = {m}, k = {n}, n = {o}, add = {q}){second}"
            ),
            Shape::AsWeights => format!(
                "{inputs}\n    input A: i8[{b}, {n}]\n    {dense}
    output Y = dense(A, T, m = {b}, k = {n}, n = {m}, add = {q}){second}"
            ),
            Shape::Shared => format!(
                "{inputs}\n    input W: i8[{o}, {n}]\n    output {dense}
    H = dense(T, W, m = {m}, k = {n}, n = {o}, add = {q}){second}
    output Y = dense(H, U, m = {m}, k = {o}, n = {b}){first}
    input U: i8[{b}, {o}]
    output Z = dense(T, W, m = {m}, k = {n}, n = {o}){first}"
            ),
            Shape::Affine => format!("{inputs}\n    {dense}\n    output Y = affine(T, m = {m}, n = {n})"),
            Shape::Convolutions => format!(
                "{image}\n    input G: i8[{o}, {n}, 3, 3]\n    {conv}
    output Y = conv(T, G, h = {h}, ci = {n}, co = {o}, add = {q}){below}"
            ),
            Shape::Pooled => format!("{image}\n    {conv}\n    output Y = pool(T, ch = {n}, h = {h})"),
            Shape::Residual => format!(
                "{image}\n    input G: i8[{k}, {n}, 3, 3]\n    {conv}
    U = conv(T, G, h = {h}, ci = {n}, co = {k}, add = {q}){below}\n    output Y = add(U, X, ch = {k}, h = {h})"
            ),
        };
        format!("{KERNELS}\nprogram drawn {{\n    {body}\n}}\n")
    }
}

/// Programs, for the targets that they are drawn with.
pub fn programs() -> impl Strategy<Value = Drawn> {
    choices().prop_map(|choices| Drawn::on(&choices.target(), &choices.program()))
}

/// What a legality check may say: too large, or tiles that a place takes apart or that two kernels do not agree on.
const REFUSALS: [&str; 4] = ["E0505", "E0506", "E0507", "E0508"];

fn run(choices: &Choices) -> Result<Agreed, Refused> {
    let text = choices.program();
    let outcome = engines_agree(&Case { config: choices.config(), seed: 5, ..Case::new(&text) });
    if let Err(refused) = &outcome {
        let expected = refused.codes.iter().all(|c| REFUSALS.contains(c));
        assert!(expected, "refused for no reason of its own:\n{text}\n{}", refused.text);
    }
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_of_kernels_agree_or_are_refused(choices in choices()) {
        let _ = run(&choices);
    }
}

/// A generator whose programs are mostly refused would test little.
#[test]
fn most_random_programs_of_kernels_are_accepted() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let cases = 64;
    let outcomes: Vec<_> = (0..cases).map(|_| run(&choices().new_tree(&mut runner).unwrap().current())).collect();
    let accepted = outcomes.iter().filter(|o| o.is_ok()).count();
    let codes: Vec<_> = outcomes
        .iter()
        .filter_map(|o| o.as_ref().err())
        .map(|refused| refused.text.split("error").nth(1).unwrap())
        .collect();
    assert!(accepted * 2 >= cases, "only {accepted} of {cases} were accepted: {}", codes.join("\n"));
}

fn agree(program: &str) -> Agreed {
    let text = format!("{KERNELS}\n{program}");
    engines_agree(&Case::new(&text)).unwrap_or_else(|refused| panic!("{program}\n{}", refused.text))
}

/// A basic block of a ResNet: the tensors between its kernels stay in device memory, and one kernel runs with two sizes.
#[test]
fn a_residual_block() {
    let agreed = agree(
        "program block(h = 8, ch = 32) {
            input X: i8[ch, h, h]
            input F: i8[ch, ch, 3, 3]
            input G: i8[ch, ch, 3, 3]
            T = conv(X, F, h = h, ci = ch, co = ch) with rows_ahead(th = 4)
            U = conv(T, G, h = h, ci = ch, co = ch, shift = 6) with rows(th = 2)
            output Y = add(U, X, ch = ch, h = h)
        }",
    );
    assert!(agreed.legal.contains("alloc T: i8[32, 8, 8] @dram"), "{}", agreed.legal);
    assert!(agreed.legal.contains("outside 0"), "{}", agreed.legal);
}

/// What fills up the tiles of `T` is not zero, and the weights' zeros cancel it.
#[test]
fn filled_up_tiles_between_kernels_add_nothing() {
    agree(
        "program p {
            input X: i8[1, 20]
            input V: i8[18, 20]
            input W: i8[9, 18]
            T = dense(X, V, k = 20, n = 18, add = 5) with columns
            output Y = dense(T, W, k = 18, n = 9) with columns
        }",
    );
}

/// The channels of `T` fill up their last tile with what was computed, and those of the weights with zeros, also where one
/// tile of channels is copied after the other.
#[test]
fn borders_around_tensors_that_end_inside_of_a_tile() {
    agree(
        "program p(ch = 20) {
            input X: i8[ch, 6, 6]
            input F: i8[ch, ch, 3, 3]
            input G: i8[ch, ch, 3, 3]
            T = conv(X, F, ci = ch, co = ch, add = 7) with rows
            output Y = conv(T, G, ci = ch, co = ch) with rows_ahead(th = 2)
        }",
    );
}

/// A kernel whose sum takes rows of its input that lie apart, beyond the last one as well; and a program that computes it.
const TAPS: &str = "
kernel taps(h = 8, m = 8, step = BATCH) {
    input X: i8[h, 18] outside 0
    input W: i8[2, 16, 18]
    C[i < m, j] = sum(q, r: i32(X[i + q * step, r]) * i32(W[q, j, r]))
    S[i, j] = clip(C[i, j] >> 4, -100, 110)
    output Y[i, j] = i8(S[i, j])
}

schedule tapped for taps {
    X_buf = X.cache_read(inp)
    W_buf = W.cache_read(wgt)
    C.set_scope(acc)
    S.set_scope(acc)
    C.split(i, BATCH) -> io, ii
    C.split(j, BLOCK_OUT) -> jo, ji
    C.split(r, BLOCK_IN) -> ro, ri
    C.reorder(q, ro, io, jo, ii, ji, ri)
    C.tensorize(ii, gemm)
    // copies
}
";

/// Rows in lanes, of which the kernel reads some beyond the last: what it finds inside of the last tile is refused where it
/// was computed, and zero where it comes from outside. What only tiles read beyond the last row is taken for nothing.
#[test]
fn rows_beyond_an_edge_inside_of_a_tile() {
    let (mut agreed, mut at_edges) = (0, 0);
    for log_batch in [1, 2] {
        let config = Config::from_json(&format!("{{\"LOG_BATCH\": {log_batch}}}")).expect("a valid configuration");
        let batch = 1 << log_batch;
        for ((copies, directives), h, m) in
            [("whole", ""), ("apart", "X_buf.compute_at(C, q)\n    W_buf.compute_at(C, q)")]
                .into_iter()
                .flat_map(|s| (3..9).flat_map(move |h| (1..h + 2).map(move |m| (s, h, m))))
        {
            let taps = TAPS.replace("// copies", directives);
            let computed = format!(
                "{KERNELS}\n{taps}\nprogram p {{
                    input A: i8[{h}, 16]
                    input V: i8[18, 16]
                    input W: i8[2, 16, 18]
                    T = dense(A, V, m = {h}, k = 16, n = 18, add = 5) with automatic
                    output Y = taps(T, W, h = {h}, m = {m}) with tapped
                }}"
            );
            let params = [("h".to_owned(), h), ("m".to_owned(), m)];
            let lone = Case { config, params: &params, ..Case::new(&taps) };
            let reads_fill = h % batch != 0 && m + batch > h;
            let expected = format!("BATCH {batch}, {copies}, {h} rows, {m} results");
            match engines_agree(&Case { config, ..Case::new(&computed) }) {
                Ok(_) => {
                    assert!(!reads_fill, "{expected}: what fills up tiles was read");
                    agreed += 1;
                }
                Err(refused) => {
                    let at_edge = refused.text.contains("reads beyond the edge of an array");
                    // The schedule that is made may have taken the other dimension for the rows of a tile.
                    let other_way = refused.codes == ["E0506"];
                    assert!(other_way || reads_fill && at_edge, "{expected}: {}", refused.text);
                    at_edges += i32::from(at_edge);
                }
            }
            engines_agree(&lone).unwrap_or_else(|refused| panic!("{expected}: {}", refused.text));
        }
    }
    assert!(agreed > 10 && at_edges > 10, "{agreed} agreed, {at_edges} were refused");
}

/// A tile's products are all added, so where a sum ends inside of one, an input has to end with it.
#[test]
fn sums_that_end_inside_of_a_tile() {
    let part = "
kernel part(k = 40, l = 40, s = 18, a = 0, b = 0) {
    input X: i8[BATCH, k]
    input W: i8[32, l]
    C[i, j] = sum(r < s: i32(X[i, r + a]) * i32(W[j, r + b]))
    S[i, j] = C[i, j] >> 5
    output Y[i, j] = i8(S[i, j])
}

schedule simple for part {
    C.set_scope(acc)
    S.set_scope(acc)
    gemm_tiles(C, i, j, r) -> io, jo, ro
    load_operands(X, W, C, ro) -> X_buf, W_buf
}
";
    // The sizes of both factors, where the sum begins in them, and whether `X` may come from outside, and from a kernel.
    let cases = [
        ((18, 18), (0, 0), true, true),
        ((40, 40), (0, 0), false, false),
        ((18, 40), (0, 0), true, false),
        ((18, 40), (0, 16), true, false),
        ((40, 18), (0, 0), true, true),
        ((18, 34), (0, 16), true, true),
        ((34, 18), (16, 0), true, true),
        ((34, 40), (16, 16), true, false),
    ];
    for ((k, l), (a, b), alone, computed) in cases {
        let params = format!("k = {k}, l = {l}, a = {a}, b = {b}");
        let inputs = format!("input X: i8[BATCH, {k}]\n    input W: i8[32, {l}]");
        let call = format!("{inputs}\n    output Y = part(X, W, {params}) with simple");
        let two = format!(
            "input A: i8[BATCH, 16]\n    input V: i8[{k}, 16]\n    input W: i8[32, {l}]
    T = dense(A, V, k = 16, n = {k}, add = 5) with columns\n    output Y = part(T, W, {params}) with simple"
        );
        for (body, holds) in [(call, alone), (two, computed)] {
            let text = format!("{KERNELS}\n{part}\nprogram p {{\n    {body}\n}}\n");
            match engines_agree(&Case::new(&text)) {
                Ok(_) => assert!(holds, "{body}: what is no part of the sum was added"),
                Err(refused) => assert!(!holds && refused.codes == ["E0508"], "{body}\n{}", refused.text),
            }
        }
    }
}
