//! Random kernels of the matmul family under random schedules: each program is refused with a diagnostic that a legality
//! check gives, or all engines agree on it.
//!
//! A case is generated as text, so that the whole compiler takes part and a failure prints a program to keep.

use std::fmt::Write;

use proptest::prelude::*;

use crate::drawn::{Drawn, mostly_accepted, shuffled};

/// What a kernel and its schedule are made from. Numbers choose among what is possible where they are used.
#[derive(Clone, Debug)]
struct Choices {
    tiles: [i64; 3],
    /// Elements by which the sizes are less than whole tiles.
    missing: [i64; 3],
    weights_transposed: bool,
    factors_swapped: bool,
    /// Elementwise stages behind the product.
    chain: Vec<Elementwise>,
    extra_splits: [bool; 3],
    /// Keys that sort the outer loops, the loops of the tile, and the directives that are free of each other.
    outer_order: [u8; 6],
    tile_order: [u8; 3],
    order: [u8; 8],
    /// Where operands and results are computed; 0 leaves them at the root.
    places: [u8; 4],
    pragmas: [bool; 3],
    /// Slots of operands and results that are computed at a loop; 0 and 1 leave one.
    slots: [u8; 4],
    /// Which loops of the product and of the output are virtual threads.
    threads: [u8; 2],
    /// Whether the tensors in device memory lie in columns of tiles.
    columns: [bool; 3],
    log_batch: u32,
    /// Which elementwise stages their readers compute.
    inlined: [bool; 2],
    /// First and last iterations of the output's outermost loop that stand apart.
    peel: [i64; 2],
    /// Whether the output is an `i32`.
    wide: bool,
}

#[derive(Clone, Copy, Debug)]
enum Elementwise {
    Shift(i64),
    AddConstant(i64),
    Clip(i64, i64),
    AddBias,
    Scale(i64),
}

fn elementwise() -> impl Strategy<Value = Elementwise> {
    prop_oneof![
        (0..12_i64).prop_map(Elementwise::Shift),
        (-40_000..40_000_i64).prop_map(Elementwise::AddConstant),
        (-200..0_i64, 0..200_i64).prop_map(|(lo, hi)| Elementwise::Clip(lo, hi)),
        Just(Elementwise::AddBias),
        (1..5_i64).prop_map(|n| Elementwise::Scale(1 << n)),
    ]
}

fn choices() -> impl Strategy<Value = Choices> {
    let shape = (
        prop::array::uniform3((1..5_i64, prop_oneof![Just(0), 1..16_i64])),
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(elementwise(), 0..4),
    );
    let schedule = (any::<[bool; 3]>(), any::<[u8; 6]>(), any::<[u8; 3]>(), any::<[u8; 8]>());
    let places = (prop::array::uniform4(0..6_u8), any::<[bool; 3]>(), 0..3_u32);
    let overlap = (prop::array::uniform4(0..4_u8), prop::array::uniform2(0..6_u8), any::<[bool; 3]>());
    let apart =
        (prop::array::uniform2(prop::bool::weighted(0.2)), prop::array::uniform2(0..2_i64), prop::bool::weighted(0.3));
    (shape, schedule, places, overlap, apart).prop_map(|(shape, schedule, places, overlap, apart)| Choices {
        tiles: shape.0.map(|(tiles, _)| tiles),
        missing: shape.0.map(|(_, missing)| missing),
        weights_transposed: shape.1,
        factors_swapped: shape.2,
        chain: shape.3,
        extra_splits: schedule.0,
        outer_order: schedule.1,
        tile_order: schedule.2,
        order: schedule.3,
        places: places.0,
        pragmas: places.1,
        slots: overlap.0,
        threads: overlap.1,
        columns: overlap.2,
        log_batch: places.2,
        inlined: apart.0,
        peel: apart.1,
        wide: apart.2,
    })
}

impl Choices {
    /// A text for a machine with as many rows in a tile.
    fn drawn(&self, text: &str) -> Drawn {
        let target = format!(
            r#"{{"LOG_BATCH": {}, "LOG_UOP_BUFF_SIZE": 12, "LOG_INP_BUFF_SIZE": 13, "LOG_WGT_BUFF_SIZE": 15, "LOG_ACC_BUFF_SIZE": 14}}"#,
            self.log_batch
        );
        Drawn::on(&target, text)
    }

    /// The stages behind the product that have loops of their own, first to last. The output only copies the last one.
    fn loop_stages(&self) -> Vec<String> {
        let mut stages = self.stages();
        let last = stages.pop();
        let inlined = self.inlined.iter().chain(std::iter::repeat(&false));
        let own = stages.into_iter().zip(inlined).filter(|(_, inlined)| !**inlined).map(|(stage, _)| stage);
        own.chain(last).collect()
    }

    /// The stages behind the product, first to last; the last one is stored.
    fn stages(&self) -> Vec<String> {
        (0..self.chain.len()).map(|n| format!("S{n}")).collect()
    }

    fn has_bias(&self) -> bool {
        self.chain.iter().any(|e| matches!(e, Elementwise::AddBias))
    }

    fn program(&self) -> String {
        format!("{}\n{}", self.kernel(), self.schedule())
    }

    fn kernel(&self) -> String {
        let [m, k, n] = self.tiles;
        let [less_m, less_k, less_n] = self.missing;
        let mut out = format!(
            "kernel random(m = max(BATCH * {m} - {less_m}, 1), k = BLOCK_IN * {k} - {less_k}, \
             n = BLOCK_OUT * {n} - {less_n}) {{\n"
        );
        let (dims, index) = if self.weights_transposed { ("k, n", "r, j") } else { ("n, k", "j, r") };
        let (x, w) = ("i32(X[i, r])".to_string(), format!("i32(W[{index}])"));
        let product = if self.factors_swapped { format!("{w} * {x}") } else { format!("{x} * {w}") };
        let _ = writeln!(out, "    input X: i8[m, k]\n    input W: i8[{dims}]");
        if self.has_bias() {
            let _ = writeln!(out, "    input b: i32[n]");
        }
        let _ = writeln!(out, "    C[i, j] = sum(r: {product})");
        let mut value = "C[i, j]".to_string();
        for (name, op) in self.stages().iter().zip(&self.chain) {
            let e = match op {
                Elementwise::Shift(by) => format!("{value} >> {by}"),
                Elementwise::AddConstant(c) => format!("{value} + ({c})"),
                Elementwise::Clip(lo, hi) => format!("clip({value}, {lo}, {hi})"),
                Elementwise::AddBias => format!("{value} + b[j]"),
                Elementwise::Scale(c) => format!("{value} * {c}"),
            };
            let _ = writeln!(out, "    {name}[i, j] = {e}");
            value = format!("{name}[i, j]");
        }
        let value = if self.wide { value } else { format!("i8({value})") };
        let _ = writeln!(out, "    output Y[i, j] = {value}\n}}");
        out
    }

    fn schedule(&self) -> String {
        let mut out = "schedule random for random {\n".to_string();
        for line in self.placed_memories().into_iter().chain(self.loops()).chain(self.places()) {
            let _ = writeln!(out, "    {line}");
        }
        out.push_str("}\n");
        out
    }

    /// Copies, scopes and orders in device memory, in any order.
    fn placed_memories(&self) -> Vec<String> {
        let mut lines = vec![
            "X_buf = X.cache_read(inp)".to_string(),
            "W_buf = W.cache_read(wgt)".to_string(),
            "C.set_scope(acc)".to_string(),
        ];
        if self.has_bias() {
            lines.push("b_buf = b.cache_read(acc)".to_string());
        }
        let with_loops = self.loop_stages();
        lines.extend(self.stages().iter().map(|s| match with_loops.contains(s) {
            true => format!("{s}.set_scope(acc)"),
            false => format!("{s}.compute_inline()"),
        }));
        let weights = if self.weights_transposed { "W.layout(j, r)" } else { "W.layout(r, j)" };
        let orders = ["X.layout(r, i)", weights, "Y.layout(j, i)"].into_iter().zip(self.columns);
        lines.extend(orders.filter(|(_, said)| *said).map(|(order, _)| order.to_string()));
        shuffled(lines, &self.order)
    }

    fn loops(&self) -> Vec<String> {
        let mut lines = shuffled(
            vec![
                "C.split(i, BATCH) -> io, ii".to_string(),
                "C.split(j, BLOCK_OUT) -> jo, ji".to_string(),
                "C.split(r, BLOCK_IN) -> ro, ri".to_string(),
            ],
            &self.order[2..],
        );
        for ((split, axis), tiles) in self.extra_splits.iter().zip(["io", "jo", "ro"]).zip([0, 2, 1]) {
            if *split && !self.is_one_tile(axis) {
                let factor = 2 + i64::from(self.order[tiles]) % self.tiles[tiles];
                lines.push(format!("C.split({axis}, {factor}) -> {axis}o, {axis}i"));
            }
        }
        let outer = shuffled(self.outer_axes(), &self.outer_order).join(", ");
        let tile = shuffled(["ii", "ji", "ri"].map(String::from).to_vec(), &self.tile_order);
        lines.push(format!("C.reorder({outer}, {})", tile.join(", ")));
        lines.push(format!("C.tensorize({}, gemm)", tile[0]));
        lines
    }

    fn outer_axes(&self) -> Vec<String> {
        let split = |(axis, split): (&str, &bool)| match *split && !self.is_one_tile(axis) {
            true => vec![format!("{axis}o"), format!("{axis}i")],
            false => vec![axis.to_string()],
        };
        ["io", "jo", "ro"].into_iter().zip(&self.extra_splits).flat_map(split).collect()
    }

    /// Whether the place of the product leaves one tile of an axis, which cannot be split further.
    fn is_one_tile(&self, axis: &str) -> bool {
        self.places[3] > 0 && axis != "ro"
    }

    /// Where stages are computed. Results go into the output's loops first, so that operands may follow them there.
    fn places(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut results = self.loop_stages();
        results.insert(0, "C".to_string());
        if self.places[3] > 0 {
            lines.push("Y.split(i, BATCH) -> yio, yii".to_string());
            lines.push("Y.split(j, BLOCK_OUT) -> yjo, yji".to_string());
            lines.push("Y.reorder(yjo, yio, yii, yji)".to_string());
            lines.push(format!("Y.peel(yjo, {}, {})", self.peel[0], self.peel[1]));
            let at = ["yjo", "yio"][usize::from(self.places[3] % 2)];
            lines.extend(results.iter().rev().map(|stage| format!("{stage}.compute_at(Y, {at})")));
        }
        let outer = shuffled(self.outer_axes(), &self.outer_order);
        for (operand, place) in ["X_buf", "W_buf"].into_iter().zip(self.places) {
            if place > 0 {
                let axis = &outer[usize::from(place - 1) % outer.len()];
                lines.push(format!("{operand}.compute_at(C, {axis})"));
            }
        }
        lines.extend(self.overlaps(&outer));
        for (stage, marked) in ["X_buf", "W_buf", "Y"].into_iter().zip(self.pragmas) {
            if marked {
                lines.push(format!("{stage}.pragma(dma_copy)"));
            }
        }
        lines
    }
}

impl Choices {
    /// What makes iterations overlap: slots for what is computed at a loop, and virtual threads.
    fn overlaps(&self, outer: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut placed: Vec<(String, u8)> = Vec::new();
        for (operand, (place, slots)) in ["X_buf", "W_buf"].into_iter().zip(self.places.into_iter().zip(self.slots)) {
            if place > 0 {
                placed.push((operand.to_string(), slots));
            }
        }
        if self.places[3] > 0 {
            placed.push(("C".to_string(), self.slots[2]));
            placed.extend(self.loop_stages().into_iter().map(|stage| (stage, self.slots[3])));
        }
        for (stage, slots) in placed.into_iter().filter(|(_, slots)| *slots > 1) {
            lines.push(format!("{stage}.double_buffer({slots})"));
        }
        let spatial: Vec<&String> = outer.iter().filter(|axis| !axis.starts_with("ro")).collect();
        if let Some(axis) = spatial.get(usize::from(self.threads[0])) {
            lines.push(format!("C.bind({axis}, vthread)"));
        }
        if let (true, Some(axis)) = (self.places[3] > 0, ["yjo", "yio"].get(usize::from(self.threads[1]))) {
            lines.push(format!("Y.bind({axis}, vthread)"));
        }
        lines
    }
}

/// What a legality check may say to a schedule of this family: too large, or tiles that a place takes apart.
const REFUSALS: [&str; 4] = ["E0505", "E0506", "E0507", "E0508"];

pub fn scheduled() -> impl Strategy<Value = Drawn> {
    choices().prop_map(|choices| choices.drawn(&choices.program()))
}

/// Every kernel of this family fits, in some tiles; but a vector has no tiles of several rows.
pub fn unscheduled() -> impl Strategy<Value = Drawn> {
    let has_tiles = |choices: &Choices| !choices.has_bias() || choices.log_batch == 0;
    choices().prop_filter("tiles of one row", has_tiles).prop_map(|choices| choices.drawn(&choices.kernel()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_agree_or_are_refused(program in scheduled()) {
        program.is_accepted(&REFUSALS);
    }

    #[test]
    fn random_kernels_need_no_schedule(program in unscheduled()) {
        prop_assert!(program.is_accepted(&[]));
    }
}

#[test]
fn most_random_programs_are_accepted() {
    mostly_accepted(scheduled(), 60, |program| program.is_accepted(&REFUSALS));
}
