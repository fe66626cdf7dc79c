//! Random loop programs that no schedule makes, as text: a value goes through copies, elementwise nests, windows, buffers that
//! roll or rotate, recurrences and products, with loops that are split, fused, exchanged, cut in two or marked.
//!
//! ```text
//! input X: i32[2, 16] @dram   for i { for j { v0[i, j] = X[i, j] } }   for y { alloc b ...; v1[y, j] = v0[y, j] + b[0, j] }   ...
//! ```
//!
//! Every element is written before it is read, so each program has one meaning; whether the machine can run it is another matter.

use std::fmt::{self, Write};

use proptest::prelude::*;

/// What a program is made from.
#[derive(Clone)]
pub struct LoopText {
    rows: i64,
    tiles: i64,
    /// Columns by which the arrays are less than whole tiles.
    missing: i64,
    pieces: Vec<Piece>,
    /// Whether the output keeps all bits of the value.
    wide: bool,
    /// How the loops of the output's copy are written.
    last: u8,
}

/// What happens to the value next, how its loops are written, and numbers that choose details.
#[derive(Clone, Copy, Debug)]
struct Piece {
    kind: Kind,
    loops: u8,
    numbers: [u8; 3],
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Elementwise,
    InPlace,
    /// Stored as bytes, and loaded again.
    ThroughDram,
    /// Joined over three rows of a buffer that is filled before.
    Reduction,
    /// Three rows of another input, loaded again in each iteration.
    Window,
    /// The same rows, each loaded once.
    Rolling,
    /// One row of another input, in slots.
    Rotating,
    /// A row that is computed in the loop that reads it.
    Temporary,
    /// Rows that nobody reads, all or all but the first.
    Unread,
    /// Each row from the one before.
    Recurrence,
    Product,
}

pub fn loop_texts() -> impl Strategy<Value = LoopText> {
    use Kind::*;
    let kinds = vec![
        Elementwise,
        InPlace,
        ThroughDram,
        Reduction,
        Window,
        Rolling,
        Rotating,
        Temporary,
        Unread,
        Recurrence,
        Product,
    ];
    let piece = (prop::sample::select(kinds), any::<u8>(), any::<[u8; 3]>()).prop_map(|(kind, loops, numbers)| Piece {
        kind,
        loops,
        numbers,
    });
    let missing = prop_oneof![3 => Just(0), 1 => 1..16_i64];
    (1..5_i64, 1..4_i64, missing, prop::collection::vec(piece, 1..6), any::<bool>(), any::<u8>())
        .prop_map(|(rows, tiles, missing, pieces, wide, last)| LoopText { rows, tiles, missing, pieces, wide, last })
}

impl fmt::Debug for LoopText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.text())
    }
}

impl LoopText {
    /// The program as it is read.
    pub fn text(&self) -> String {
        let columns = self.tiles * 16 - self.missing;
        let mut w = Writer { rows: self.rows, columns, filled: self.tiles * 16, ..Writer::default() };
        w.interface.push(format!("input X: i32{} @dram", w.shape(self.rows)));
        let dtype = if self.wide { "i32" } else { "i8" };
        w.interface.push(format!("output Y: {dtype}{} @dram", w.shape(self.rows)));
        w.value = w.alloc("i32", self.rows, "acc", "");
        let (v, loops) = (w.value.clone(), self.last / 16);
        w.nest(loops, &mut |i, j| format!("{v}[{i}, {j}] = X[{i}, {j}]"));
        for piece in &self.pieces {
            w.piece(piece);
        }
        let v = w.value.clone();
        w.nest(self.last, &mut |i, j| match self.wide {
            true => format!("Y[{i}, {j}] = {v}[{i}, {j}]"),
            false => format!("Y[{i}, {j}] = i8({v}[{i}, {j}])"),
        });
        format!("program shaped {{\n{}\n{}}}\n", w.interface.join("\n"), w.body)
    }
}

/// A program on its way.
#[derive(Default)]
struct Writer {
    rows: i64,
    columns: i64,
    /// The columns with those that fill the last tile.
    filled: i64,
    interface: Vec<String>,
    body: String,
    /// The buffer in the accumulator that holds the value.
    value: String,
    /// Buffers and loops so far.
    names: usize,
}

impl Writer {
    fn name(&mut self, letter: &str) -> String {
        self.names += 1;
        format!("{letter}{}", self.names)
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.body, "{line}");
    }

    fn shape(&self, rows: i64) -> String {
        match self.columns == self.filled {
            true => format!("[{rows}, {}]", self.columns),
            false => format!("[{rows}, {} of {}]", self.columns, self.filled),
        }
    }

    fn alloc(&mut self, dtype: &str, rows: i64, scope: &str, slots: &str) -> String {
        let name = self.name("b");
        let shape = self.shape(rows);
        self.line(&format!("alloc {name}: {dtype}{shape} @{scope}{slots}"));
        name
    }

    /// Another input with so many rows.
    fn input(&mut self, rows: i64) -> String {
        let name = self.name("in");
        self.interface.insert(0, format!("input {name}: i32{} @dram", self.shape(rows)));
        name
    }

    /// Loops over all rows and columns around a statement, in one of several ways to write them.
    fn nest(&mut self, loops: u8, statement: &mut dyn FnMut(&str, &str) -> String) {
        let rows = self.rows;
        self.rows_and_columns(loops, rows, statement);
    }

    fn rows_and_columns(&mut self, loops: u8, rows: i64, statement: &mut dyn FnMut(&str, &str) -> String) {
        let columns = self.columns;
        let [i, j, o] = ["i", "j", "o"].map(|letter| self.name(letter));
        let block = if columns % 16 == 0 { 16 } else { 1 };
        let (blocks, all) = (columns / block, rows * columns);
        let (heads, row, column) = match loops % 8 {
            0 => (format!("for {i} in 0..{rows} {{ for {j} in 0..{columns} {{"), i, j),
            1 => (format!("for {j} in 0..{columns} {{ for {i} in 0..{rows} {{"), i, j),
            2 => {
                let heads = format!("for {o} in 0..{blocks} {{ for {i} in 0..{rows} {{ for {j} in 0..{block} {{");
                (heads, i, format!("({o} * {block} + {j})"))
            }
            3 => (format!("for {o} in 0..{all} {{"), format!("({o} / {columns})"), format!("({o} % {columns})")),
            4 => {
                let heads = format!("for {o} in 0..{} {{ for {j} in 0..{block} {{", rows * blocks);
                (heads, format!("({o} / {blocks})"), format!("({o} % {blocks} * {block} + {j})"))
            }
            5 => (format!("@unroll for {i} in 0..{rows} {{ for {j} in 0..{columns} {{"), i, j),
            6 => (format!("for {i} in 0..{rows} {{ for {j} in 0..{columns} {{"), format!("({} - {i})", rows - 1), j),
            _ if rows > 1 => {
                let head = format!("for {o} in 0..1 {{ for {j} in 0..{columns} {{\n{}\n}} }}", statement(&o, &j));
                self.line(&head);
                let j = self.name("j");
                let heads = format!("for {i} in 0..{} {{ for {j} in 0..{columns} {{", rows - 1);
                (heads, format!("({i} + 1)"), j)
            }
            _ => (format!("for {i} in 0..{rows} {{ for {j} in 0..{columns} {{"), i, j),
        };
        let closing = "} ".repeat(heads.matches('{').count());
        self.line(&format!("{heads}\n{}\n{closing}", statement(&row, &column)));
    }

    /// A loop over columns.
    fn row(&mut self, statement: &mut dyn FnMut(&str) -> String) {
        let j = self.name("j");
        let columns = self.columns;
        self.line(&format!("for {j} in 0..{columns} {{\n{}\n}}", statement(&j)));
    }

    fn piece(&mut self, piece: &Piece) {
        let (Piece { kind, loops, numbers: [a, b, c] }, v) = (*piece, self.value.clone());
        match kind {
            Kind::Elementwise => {
                let to = self.alloc("i32", self.rows, "acc", "");
                self.nest(loops, &mut |i, j| {
                    format!("{to}[{i}, {j}] = {}", expression(&format!("{v}[{i}, {j}]"), a, b))
                });
                self.value = to;
            }
            Kind::InPlace => {
                self.nest(loops, &mut |i, j| {
                    format!("{v}[{i}, {j}] = {}", expression(&format!("{v}[{i}, {j}]"), a, b))
                });
            }
            Kind::ThroughDram => {
                let bytes = self.alloc("i8", self.rows, "dram", "");
                self.nest(loops, &mut |i, j| format!("{bytes}[{i}, {j}] = i8({v}[{i}, {j}])"));
                let (loaded, to) = (self.alloc("i8", self.rows, "acc", ""), self.alloc("i32", self.rows, "acc", ""));
                self.nest(a, &mut |i, j| format!("{loaded}[{i}, {j}] = {bytes}[{i}, {j}]"));
                self.nest(b, &mut |i, j| format!("{to}[{i}, {j}] = i32({loaded}[{i}, {j}])"));
                self.value = to;
            }
            Kind::Reduction => self.reduction(&v, loops, [a, b]),
            Kind::Window => self.rows_of_input(&v, c, false),
            Kind::Rolling => self.rows_of_input(&v, c, true),
            Kind::Rotating => self.rotating(&v, a, b),
            Kind::Temporary => self.temporary(&v, [a, b, c]),
            Kind::Unread => self.unread(&v, loops, [a, b]),
            Kind::Recurrence => self.recurrence(&v, loops, a),
            Kind::Product => self.product(&v, loops, a),
        }
    }

    /// Three rows of an input that has two more than the value are joined in each row.
    fn reduction(&mut self, v: &str, loops: u8, [a, b]: [u8; 2]) {
        let from = self.input(self.rows + 2);
        let wide = self.alloc("i32", self.rows + 2, "acc", "");
        self.rows_and_columns(a, self.rows + 2, &mut |i, j| format!("{wide}[{i}, {j}] = {from}[{i}, {j}]"));
        let to = self.alloc("i32", self.rows, "acc", "");
        self.nest(loops, &mut |i, j| format!("{to}[{i}, {j}] = {v}[{i}, {j}]"));
        let r = self.name("r");
        self.line(&format!("for {r} in 0..3 {{"));
        let joined = |i: &str, j: &str| (format!("{to}[{i}, {j}]"), format!("{wide}[{i} + {r}, {j}]"));
        self.nest(loops / 8, &mut |i, j| {
            let (own, other) = joined(i, j);
            let value = ["max({own}, {other})", "{own} + {other}", "min({own}, {other})"][usize::from(b % 3)];
            format!("{own} = {}", value.replace("{own}", &own).replace("{other}", &other))
        });
        self.line("}");
        self.value = to;
    }

    /// Each row of the value with three rows of an input, which are loaded for it: all of them, or those that are not there yet.
    fn rows_of_input(&mut self, v: &str, c: u8, rolls: bool) {
        let from = self.input(self.rows + 2);
        let to = self.alloc("i32", self.rows, "acc", "");
        let y = self.name("y");
        let mark = ["", "@unroll ", ""][usize::from(c % 3)];
        let head = format!("{mark}for {y} in 0..{} {{", self.rows);
        let rows = match rolls {
            false => {
                self.line(&head);
                let three = self.alloc("i32", 3, "acc", "");
                self.rows_and_columns(0, 3, &mut |i, j| format!("{three}[{i}, {j}] = {from}[{y} + {i}, {j}]"));
                ["0", "1", "2"].map(|r| format!("{three}[{r}, "))
            }
            true => {
                let three = self.alloc("i32", 3, "acc", "");
                self.rows_and_columns(0, 2, &mut |i, j| format!("{three}[{i}, {j}] = {from}[{i}, {j}]"));
                self.line(&head);
                self.row(&mut |j| format!("{three}[({y} + 2) % 3, {j}] = {from}[{y} + 2, {j}]"));
                ["0", "1", "2"].map(|r| format!("{three}[({y} + {r}) % 3, "))
            }
        };
        let [first, second, third] = rows;
        self.row(&mut |j| format!("{to}[{y}, {j}] = max({first}{j}], {second}{j}]) + {third}{j}] + {v}[{y}, {j}]"));
        self.line("}");
        self.value = to;
    }

    /// A row of an input is loaded into one of several slots; the loop is whole or in two pieces.
    fn rotating(&mut self, v: &str, a: u8, b: u8) {
        let from = self.input(self.rows);
        let to = self.alloc("i32", self.rows, "acc", "");
        let cut = i64::from(a) % self.rows;
        for (start, rows) in [(0, cut), (cut, self.rows - cut)].into_iter().filter(|(_, rows)| *rows > 0) {
            let y = self.name("y");
            self.line(&format!("for {y} in 0..{rows} {{"));
            let row = self.alloc("i32", 1, "acc", &format!(" slots {}", 2 + b % 2));
            self.row(&mut |j| format!("{row}[0, {j}] = {from}[{y} + {start}, {j}]"));
            self.row(&mut |j| format!("{to}[{y} + {start}, {j}] = {row}[0, {j}] + {v}[{y} + {start}, {j}]"));
            self.line("}");
        }
        self.value = to;
    }

    /// A buffer that lives in an iteration, whose loop may be virtual threads or stay in order.
    fn temporary(&mut self, v: &str, [a, b, c]: [u8; 3]) {
        let to = self.alloc("i32", self.rows, "acc", "");
        let y = self.name("y");
        let mark = ["", "@vthread ", "@unroll ", "@serial "][usize::from(c % 4)];
        self.line(&format!("{mark}for {y} in 0..{} {{", self.rows));
        let row = self.alloc("i32", 1, "acc", "");
        self.row(&mut |j| format!("{row}[0, {j}] = {}", expression(&format!("{v}[{y}, {j}]"), a, b)));
        self.row(&mut |j| format!("{to}[{y}, {j}] = max({row}[0, {j}], {v}[{y}, {j}])"));
        self.line("}");
        self.value = to;
    }

    /// A copy of the value of which nothing, the last row or every second row is read.
    fn unread(&mut self, v: &str, loops: u8, [a, b]: [u8; 2]) {
        let copy = self.alloc("i32", self.rows, "acc", "");
        self.nest(loops, &mut |i, j| format!("{copy}[{i}, {j}] = {}", expression(&format!("{v}[{i}, {j}]"), b, a)));
        let i = self.name("i");
        let (rows, row) = match a % 3 {
            0 => return,
            1 => (1, format!("{}", self.rows - 1)),
            _ => ((self.rows + 1) / 2, format!("{i} * 2")),
        };
        self.line(&format!("for {i} in 0..{rows} {{"));
        self.row(&mut |j| format!("{v}[{row}, {j}] = {copy}[{row}, {j}] + 1"));
        self.line("}");
    }

    /// Row by row, each from the one before, which keeps them all or only the last.
    fn recurrence(&mut self, v: &str, loops: u8, a: u8) {
        let whole = a.is_multiple_of(2);
        let state = self.alloc("i32", if whole { self.rows + 1 } else { 2 }, "acc", "");
        let to = self.alloc("i32", self.rows, "acc", "");
        self.row(&mut |j| format!("{state}[0, {j}] = {}", i32::from(a) - 100));
        let t = self.name("t");
        let [old, new] = match whole {
            true => [t.clone(), format!("{t} + 1")],
            false => [format!("{t} % 2"), format!("({t} + 1) % 2")],
        };
        self.line(&format!("@serial for {t} in 0..{} {{", self.rows));
        self.row(&mut |j| format!("{state}[{new}, {j}] = ({state}[{old}, {j}] >> 1) + {v}[{t}, {j}]"));
        if !whole {
            self.row(&mut |j| format!("{to}[{t}, {j}] = {state}[{new}, {j}] + {a}"));
        }
        self.line("}");
        if whole {
            self.nest(loops, &mut |i, j| format!("{to}[{i}, {j}] = {state}[{i} + 1, {j}] + {a}"));
        }
        self.value = to;
    }

    /// The value's bytes times weights, in micro-ops of the core; weights that fill tiles are inputs and zero there.
    fn product(&mut self, v: &str, loops: u8, a: u8) {
        let (columns, filled, rows) = (self.columns, self.filled, self.rows);
        let extent = |n: i64| if n == filled { n.to_string() } else { format!("{n} of {filled}") };
        let weights = self.name("w");
        let square = format!("[{0}, {0}]", extent(columns));
        self.interface.insert(0, format!("input {weights}: i8{square} @dram"));
        let bytes = self.alloc("i8", rows, "dram", "");
        self.nest(loops, &mut |i, j| format!("{bytes}[{i}, {j}] = i8({v}[{i}, {j}])"));
        let (inp, to) = (self.alloc("i8", rows, "inp", ""), self.alloc("i32", rows, "acc", ""));
        let wgt = self.name("b");
        self.line(&format!("alloc {wgt}: i8{square} @wgt"));
        self.nest(a / 8, &mut |i, j| format!("{inp}[{i}, {j}] = {bytes}[{i}, {j}]"));
        self.rows_and_columns(a, columns, &mut |i, j| format!("{wgt}[{i}, {j}] = {weights}[{i}, {j}]"));
        self.nest(0, &mut |i, j| format!("{to}[{i}, {j}] = 0"));
        let [i, jo, ko, ji, ki] = ["i", "jo", "ko", "ji", "ki"].map(|letter| self.name(letter));
        let (j, k) = (format!("{jo} * 16 + {ji}"), format!("{ko} * 16 + {ki}"));
        let tiles = filled / 16;
        let outer = [(&i, rows), (&jo, tiles), (&ko, tiles)];
        let first = usize::from(loops / 8 % 3);
        for at in 0..3 {
            let (name, extent) = outer[(first + at) % 3];
            self.line(&format!("for {name} in 0..{extent} {{"));
        }
        self.line(&format!("@gemm for {ji} in 0..16 {{ for {ki} in 0..16 {{"));
        self.line(&format!("{to}[{i}, {j}] = {to}[{i}, {j}] + i32({inp}[{i}, {k}]) * i32({wgt}[{j}, {k}])"));
        self.line(&"} ".repeat(5));
        self.value = to;
    }
}

/// An expression of one value: a chain of operations, or one that is none.
fn expression(value: &str, a: u8, b: u8) -> String {
    let n = i32::from(b) - 128;
    match a % 8 {
        0 => format!("{value} + {n}"),
        1 => format!("max({value} >> {}, {n})", b % 12),
        2 => format!("min({value}, {n}) << {}", b % 4),
        3 => format!("{value} - {n}"),
        4 => format!("{n} - {value}"),
        5 => format!("({value} >> 3) * ({value} + {n})"),
        6 => format!("max({value} >> 1, {n}) + min({value}, 5)"),
        _ => format!("({value} + {value}) - max({value}, {n}) * 3"),
    }
}
