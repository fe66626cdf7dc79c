//! Programs that users reported, each with its inputs and the numbers that it must give → whether the accelerator gives
//! them, in as many cycles as it may take.
//!
//! All other tests compare Tilewright with itself. These numbers come from elsewhere: each program was written down a
//! second time in NumPy, from its definition and the language's rules, on inputs that both sides make in the same way.
//! The programs lie in `reported`; what an output must be is held as a fingerprint of all of its elements, with the first
//! and the last ones.

use std::path::{Path, PathBuf};

use tilewright::{
    Array, Arrays, Artifact, Config, Options, RunOptions, Sources, TensorInfo, compile, complete, render,
};
use tilewright_tests::refused;

/// How an input is filled: what its numbers are multiplied by, how many bits are dropped then, and what is added.
type Fill = [i64; 3];

/// An output: its name, the fingerprint, its first three elements and its last three.
type Output = (&'static str, i64, [i32; 3], [i32; 3]);

const BYTES: Fill = [1, 0, 0];
/// For `i32`: a few thousand, so that sums do not wrap.
const WIDE: Fill = [37, 0, 0];
/// For weights and the like, so that what is summed does not saturate everywhere.
const SMALL: Fill = [1, 2, 0];
const SMALLER: Fill = [1, 3, 0];

const TWO_ROWS: &str = r#"{"LOG_BATCH": 1}"#;
const ONE_MULTIPLIER: &str =
    r#"{"LOG_BLOCK": 0, "LOG_INP_BUFF_SIZE": 9, "LOG_WGT_BUFF_SIZE": 15, "LOG_ACC_BUFF_SIZE": 10}"#;
const ONE_BY_32: &str = r#"{"LOG_BLOCK_IN": 0, "LOG_BLOCK_OUT": 5, "LOG_INP_BUFF_SIZE": 11, "LOG_WGT_BUFF_SIZE": 15}"#;

/// A program and what it is run with.
#[derive(Clone, Debug)]
struct Reported {
    /// The file, relative to the folder.
    file: &'static str,
    folder: PathBuf,
    options: Options,
    /// How inputs are filled that are not filled like others of their type.
    fills: Vec<(&'static str, Fill)>,
    most_cycles: Option<u64>,
}

/// A program of the folder `reported`.
fn reported(file: &'static str) -> Reported {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("agreement/reported");
    Reported { file, folder, options: Options::default(), fills: Vec::new(), most_cycles: None }
}

/// A program of the examples that was reported for a target.
fn example(file: &'static str) -> Reported {
    Reported { folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("../dsl-examples"), ..reported(file) }
}

impl Reported {
    fn param(mut self, name: &str, value: i64) -> Reported {
        self.options.params.push((name.to_owned(), value));
        self
    }

    fn schedule(mut self, name: &str) -> Reported {
        self.options.schedule = Some(name.to_owned());
        self
    }

    fn on(mut self, target: &str) -> Reported {
        self.options.config = Config::from_json(target).expect("a target");
        self
    }

    fn filled(mut self, name: &'static str, fill: Fill) -> Reported {
        self.fills.push((name, fill));
        self
    }

    fn at_most(mut self, cycles: u64) -> Reported {
        self.most_cycles = Some(cycles);
        self
    }

    fn compiled(&self) -> Artifact {
        let read = |path: &str| std::fs::read_to_string(self.folder.join(path)).map_err(|e| e.to_string());
        let mut sources = Sources::default();
        let file = sources.add(self.file, read(self.file).expect("a program"));
        complete(&mut sources, file, &mut { read })
            .unwrap_or_else(|error| panic!("{}", render(&error, &sources, false)));
        let options = Options { file, ..self.options.clone() };
        compile(&sources, &options).unwrap_or_else(|errors| panic!("{}", refused(&sources, &errors).text))
    }

    /// The `n`-th input, counted from 0 in the order in which they are declared.
    fn input(&self, n: usize, tensor: &TensorInfo) -> Array {
        let usual = if tensor.type_name().starts_with("i8") { BYTES } else { WIDE };
        let fill = self.fills.iter().find(|(name, _)| *name == tensor.name).map_or(usual, |(_, fill)| *fill);
        let numbers = (0..tensor.shape.iter().product()).map(|k: usize| filled(fill, n, k)).collect();
        Array::from_shape_vec(tensor.shape.clone(), numbers).expect("as many as there are elements")
    }

    /// Runs the program and compares what it gives.
    fn gives(&self, expected: &[Output]) {
        let artifact = self.compiled();
        let inputs: Arrays =
            artifact.inputs().enumerate().map(|(n, tensor)| (tensor.name.clone(), self.input(n, tensor))).collect();
        assert!(self.fills.iter().all(|(name, _)| inputs.contains_key(*name)), "{}: no such input", self.file);
        let what = format!("{} {:?}", self.file, self.options.params);
        let run = artifact.run(&inputs, &RunOptions::timed()).unwrap_or_else(|errors| panic!("{what}: {errors:?}"));
        let found: Vec<Output> = expected.iter().map(|(name, ..)| summary(name, &run.outputs[*name])).collect();
        assert_eq!((found.as_slice(), run.outputs.len()), (expected, expected.len()), "{what}");
        let reference = artifact.reference(&inputs).expect("computed as it is defined");
        assert!(run.fault(&reference).is_none(), "{what}: {:?}", run.fault(&reference));
        let cycles = run.timed.expect("asked for").report.cycles;
        assert!(self.most_cycles.is_none_or(|most| cycles <= most), "{what}: {cycles} cycles");
    }
}

/// Element `k`, row-major, of the `n`-th input. The product makes neighbours differ, in rows and in columns.
fn filled([scale, dropped, added]: Fill, n: usize, k: usize) -> i32 {
    let (k, n) = (k as i64, n as i64);
    let byte = (k * 73 + n * 41 + 17) * (k + 5) % 251 - 125;
    i32::try_from(((byte * scale) >> dropped) + added).expect("within the type")
}

/// An output as it is held here. An element that changes alone changes the sum, and so do two different ones that change
/// places less than 1009 apart.
fn summary(name: &'static str, array: &Array) -> Output {
    const PRIME: i64 = (1 << 31) - 1;
    let elements: Vec<i32> = array.iter().copied().collect();
    let sum: i64 = (0..).zip(&elements).map(|(k, y)| (k % 1009 + 1) * i64::from(*y)).sum();
    let (first, last) = (elements.first_chunk().expect("three"), elements.last_chunk().expect("three"));
    (name, sum.rem_euclid(PRIME), *first, *last)
}

#[test]
fn tensors_are_subtracted_from_what_is_computed() {
    reported("computed-minus-tensor.tw").gives(&[("Y", 7638, [110, 76, -52], [73, 6, 25])]);
    reported("product-minus-tensor.tw").gives(&[("Y", 2_147_471_903, [-67, -87, 28], [123, -104, 25])]);
    let zero_points = reported("zero-point.tw").filled("P", SMALLER).filled("zp", [1, 1, 0]);
    zero_points.gives(&[("Y", 68_524, [-14, 34, -6], [34, -32, 26])]);
}

#[test]
fn states_are_multiplied_with_what_a_step_computes() {
    let steps = |file| reported(file).filled("z", [1, 4, 0]);
    steps("scan-temporary.tw").gives(&[("Y", 2_147_449_714, [-3, -6, 0], [0, -6, -2])]);
    steps("state-times-temporary.tw").gives(&[("Y", 354_372, [-2, -5, 2], [6, -2, 2])]);
}

#[test]
fn bytes_need_no_schedule() {
    reported("bytes-without-schedule.tw").gives(&[("Y", 2264, [-20, -44, 6], [-15, 22, 6])]);
    reported("relu-bytes.tw").gives(&[("y", 62_775, [0, 0, 12], [0, 44, 13])]);
    reported("row-sums.tw").gives(&[
        ("rows", 2_147_475_548, [-30, 43, -54], [0, -24, -60]),
        ("cols", 2_147_472_601, [-50, -8, 11], [15, 1, -35]),
    ]);
    reported("center-kernel.tw").gives(&[("Y", 346_001, [-32, -79, 20], [-53, 123, -57])]);
}

#[test]
fn outer_products_run() {
    const OUTER: &[Output] = &[("Y", 2_145_827_088, [26, 28, -15], [-105, 98, -78])];
    reported("outer-product.tw").gives(OUTER);
    reported("outer-product-of-matrices.tw").gives(OUTER);
}

/// Without a schedule, and with one that names the product nowhere, which is to cost no more than naming it.
#[test]
fn depthwise_convolutions_run() {
    const DEPTHWISE: &[Output] = &[("Y", 119_331_528, [0, 19, 42], [97, 0, 0])];
    let depthwise = |file| reported(file).filled("F", [1, 1, 0]).at_most(28_913);
    depthwise("depthwise-kernel.tw").gives(DEPTHWISE);
    depthwise("depthwise.tw").gives(DEPTHWISE);
}

#[test]
fn recurrences_run_without_a_schedule() {
    let weights = |file| reported(file).filled("w", SMALL).filled("u", SMALL);
    weights("gru.tw").gives(&[("Y", 2_147_416_798, [-19, 27, 25], [25, -62, 79])]);
    weights("both-directions.tw")
        .gives(&[("F", 2_147_399_902, [-10, 15, 33], [6, -23, 18]), ("B", 2_147_403_031, [20, 15, 20], [9, 21, 18])]);
}

#[test]
fn weights_of_four_bits_are_unpacked() {
    const NIBBLES: &[Output] = &[("Y", 116_886, [-4, 4, -11], [6, -3, 0])];
    reported("nibbles-kernel.tw").gives(NIBBLES);
    reported("nibbles.tw").gives(NIBBLES);
}

#[test]
fn scores_and_their_greatest_run_at_any_size() {
    let scores = reported("attention-scores.tw").filled("Q", SMALL);
    scores.gives(&[
        ("Y", 2_107_871_888, [-27, -43, -112], [-86, -85, -37]),
        ("top", 45_332, [67, 87, 104], [88, 78, 92]),
    ]);
    scores.param("s", 128).gives(&[
        ("Y", 1_412_163_046, [-87, -103, -128], [-104, -128, -128]),
        ("top", 819_960, [127, 88, 122], [127, 93, 122]),
    ]);
}

#[test]
fn products_run_on_any_core() {
    const PRODUCT: &[Output] = &[("y", 2_147_480_666, [104, -38, 70], [99, -22, -105])];
    for target in [ONE_MULTIPLIER, ONE_BY_32, TWO_ROWS, "{}"] {
        reported("one-multiplier-matmul.tw").on(target).gives(PRODUCT);
    }
    reported("batched-matmul.tw").gives(&[("Y", 2_146_700_737, [67, -69, -97], [-2, -68, -44])]);
}

#[test]
fn both_factors_may_be_computed() {
    const SCORES: &[Output] = &[("S", 496_673, [-10, -97, 123], [-39, -127, -103])];
    const NEAREST: &[Output] = &[("y", 9_120_778, [72, -27, -80], [60, -76, -122])];
    for target in ["{}", ONE_BY_32, TWO_ROWS] {
        reported("computed-weights.tw").on(target).gives(SCORES);
        reported("computed-weights-program.tw").on(target).filled("wq", SMALL).filled("wk", SMALL).gives(NEAREST);
    }
}

#[test]
fn layers_follow_each_other_on_other_cores() {
    const LAYERS: &[Output] = &[("Y", 28_923, [91, 8, 82], [96, 19, 52])];
    const DIGITS: &[Output] = &[("scores", 2_147_483_460, [0, -17, -9], [8, 4, 4])];
    let layers = example("two_layers.tw").filled("W", [1, 4, 1]);
    let digits = example("lstm/digits.tw").filled("w", SMALL).filled("u", SMALL);
    for target in ["{}", ONE_BY_32] {
        layers.clone().on(target).gives(LAYERS);
        digits.clone().on(target).gives(DIGITS);
    }
}

/// Values of which all bytes count, and values that two bytes hold.
#[test]
fn wide_outputs_are_joined_from_bytes() {
    reported("wide-output.tw").gives(&[("C", 1_765_667_851, [41_430, 24_016, -45_183], [53_563, 6821, -28_291])]);
    reported("wide-cell.tw").filled("A", [1 << 24, 0, 0]).gives(&[(
        "c",
        656_474_025,
        [-671_084_544, -1_459_613_696, 201_330_688],
        [-1_811_935_232, 1_056_968_704, -2_046_816_256],
    )]);
    reported("wide-cell.tw").gives(&[("c", 1_752_099, [2616, 877, 4540], [100, 6427, -418])]);
}

/// The fields include ones that are too small, and too large, for a number.
#[test]
fn tensors_say_how_far_to_shift() {
    reported("shift-by-tensor.tw").filled("B", SMALLER).gives(&[("y", 2_147_474_031, [-128, -128, 0], [-128, 0, 0])]);
    let fields = |scale| reported("lmul-field.tw").filled("a", [scale, 0, 16_256]).filled("b", [scale, 0, 16_256]);
    fields(4).gives(&[("y", 4193, [8, 2, -32], [11, -96, -88])]);
    fields(100).gives(&[("y", 4080, [0, 0, 0], [0, 0, 0])]);
}

/// Rows whose squares are in the middle of the range of the inverse root, and rows that are brought there first.
#[test]
fn a_row_is_repeated_for_every_row() {
    const NORMS: &[Output] = &[("Y", 1_116_930, [25, 58, 4], [37, 26, -19])];
    const NORMS_OF_SMALL: &[Output] = &[("Y", 1_105_910, [25, 58, 4], [38, 26, -19])];
    const CHAIN: &[Output] = &[("Y", 268_977, [-40, -87, 12], [-64, -93, 24])];
    let norms = reported("broadcast-along-lanes.tw").filled("g", BYTES);
    let chain = reported("dense-chain.tw").filled("W1", SMALL).filled("W2", SMALLER).filled("W3", SMALLER);
    for target in ["{}", TWO_ROWS] {
        norms.clone().on(target).filled("X", BYTES).gives(NORMS);
        norms.clone().on(target).filled("X", SMALL).gives(NORMS_OF_SMALL);
        chain.clone().on(target).gives(CHAIN);
    }
}

#[test]
fn rows_are_read_in_other_orders_than_they_are_computed() {
    const REVERSED: &[Output] = &[("Y", 23_999, [58, -84, 56], [-23, 127, -24])];
    for schedule in ["blocked", "blocked2", "plain"] {
        reported("reversed-rows.tw").schedule(schedule).param("b", 5).gives(REVERSED);
    }
    reported("enlarged-then-window.tw").gives(&[("Y", 41_906, [-106, 86, 100], [-3, 27, 64])]);
    reported("rolling-over-divided-index.tw").gives(&[("Y", 102_882, [96, 25, 75], [-69, 125, -72])]);
}

#[test]
fn borders_may_be_less_than_all_numbers_and_wider_than_a_load_pads() {
    reported("pool-least.tw").gives(&[("Y", 2_900_789, [-40, 36, 36], [117, 118, 63])]);
    reported("pool-clamped.tw").gives(&[("Y", 2_900_789, [-40, 36, 36], [117, 118, 63])]);
    reported("held-convolution.tw").filled("W", SMALL).gives(&[
        ("Y", 4_000_701, [10, -92, -55], [-128, 28, 127]),
        ("G", 2_146_801_668, [64, 123, -69], [7, -126, -8]),
    ]);
    reported("wide-padding.tw").gives(&[("Y", 2_146_042_341, [46, -96, -83], [83, 80, -43])]);
}

#[test]
fn tensors_are_joined() {
    let joined = |file, a, b| reported(file).param("a", a).param("b", b);
    joined("joined.tw", 5, 9).gives(&[("Y", 2_147_445_404, [-40, -87, 12], [-104, 115, -22])]);
    joined("joined.tw", 15, 14).gives(&[("Y", 2_147_053_904, [-40, -87, 12], [109, 27, 91])]);
    joined("joined-columns.tw", 5, 9).gives(&[("Y", 2_147_422_483, [-40, -87, 12], [-97, -69, 105])]);
    joined("joined-columns.tw", 32, 16).gives(&[("Y", 2_146_915_058, [-40, -87, 12], [-91, 81, -103])]);
}

#[test]
fn axes_choose_what_is_taken() {
    reported("triangular-sums.tw").gives(&[
        ("sums", 2_147_479_738, [56, -85, -30], [-109, -103, 76]),
        ("others", 2_147_474_439, [-23, 14, -94], [-23, 14, -94]),
        ("lower", 2_140_337_333, [56, -128, -128], [37, 49, 16]),
    ]);
}

/// What is not named costs no more than what is, and what does not change in a block is computed once.
#[test]
fn temporaries_cost_no_more_than_named_tensors() {
    reported("sum-with-temporary.tw").at_most(3_295).gives(&[("Y", 2_147_474_380, [-123, -89, 114], [71, -34, -85])]);
    let means = reported("mean-removal.tw").param("m", 1024).at_most(47_600);
    means.gives(&[("Y", 13_408_584, [-32, -79, 20], [34, -64, -16])]);
}
