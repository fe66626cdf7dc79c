//! Random chains of windows whose buffers roll, in any combination and order: of each, later iterations compute what the
//! buffers that read it have not kept.

use std::fmt::Write;

use proptest::prelude::*;

use crate::drawn::{Drawn, mostly_accepted, shuffled};

/// A window over the rows of what stands before it.
#[derive(Clone, Debug)]
struct Window {
    operation: &'static str,
    rows: i64,
    stride: i64,
    rolls: bool,
    slots: bool,
}

fn windows() -> impl Strategy<Value = Vec<Window>> {
    let operation = prop::sample::select(vec!["max", "min", "sum"]);
    let stride = prop::sample::select(vec![1, 1, 1, 2, 3]);
    let window = (operation, 1i64..5, stride, prop::bool::weighted(0.7), prop::bool::weighted(0.2));
    let window =
        window.prop_map(|(operation, rows, stride, rolls, slots)| Window { operation, rows, stride, rolls, slots });
    prop::collection::vec(window, 1..4)
}

fn programs() -> impl Strategy<Value = Drawn> {
    let columns = prop::sample::select(vec![1, 3, 16, 20]);
    let tiled = prop::option::weighted(0.3, prop::sample::select(vec![2, 8, 16]));
    (windows(), 2i64..14, columns, 1i64..14, tiled, prop::bool::ANY, prop::collection::vec(any::<u8>(), 4)).prop_map(
        |(windows, rows, columns, block, tiled, has_border, keys)| {
            Drawn::new(program(&windows, (rows, columns), block.min(rows), tiled, has_border, &keys))
        },
    )
}

/// The windows, the last one of so many rows and columns, in blocks of rows and perhaps of columns.
fn program(
    windows: &[Window],
    (rows, columns): (i64, i64),
    block: i64,
    tiled: Option<i64>,
    has_border: bool,
    keys: &[u8],
) -> String {
    let mut sizes = vec![rows];
    for window in windows.iter().rev() {
        sizes.push((sizes[sizes.len() - 1] - 1) * window.stride + window.rows);
    }
    sizes.reverse();
    let (border, shift) = if has_border { (" outside 3", " - 1") } else { ("", "") };
    let mut text = format!("kernel k {{\n    input X: i32[{}, {columns}]{border}\n", sizes[0]);
    let name = |at: usize| if at == 0 { "X".to_string() } else { format!("S{at}") };
    for (at, Window { operation, rows, stride, .. }) in windows.iter().enumerate() {
        let shift = if at == 0 { shift } else { "" };
        let (stage, from, size) = (name(at + 1), name(at), sizes[at + 1]);
        writeln!(text, "    {stage}[y < {size}, x] = {operation}(r < {rows}: {from}[y * {stride} + r{shift}, x])")
            .unwrap();
    }
    let last = name(windows.len());
    write!(text, "    output Y[y, x] = i8({last}[y, x])\n}}\nschedule s for k {{\n    X_acc = X.cache_read(acc)\n")
        .unwrap();
    (1..=windows.len()).for_each(|at| writeln!(text, "    {}.set_scope(acc)", name(at)).unwrap());
    writeln!(text, "    Y.split(y, {block}) -> yo, yi").unwrap();
    if let Some(tile) = tiled {
        write!(text, "    Y.split(x, {tile}) -> xo, xi\n    Y.reorder(xo, yo, yi, xi)\n").unwrap();
    }
    // What a window reads is computed for it: the copy of the input for the first one.
    let buffer = |at: usize| if at == 0 { "X_acc".to_string() } else { name(at) };
    (0..=windows.len()).rev().for_each(|at| writeln!(text, "    {}.compute_at(Y, yo)", buffer(at)).unwrap());
    let rolling = (0..windows.len()).filter(|at| windows[*at].rolls && windows[*at].rows > windows[*at].stride);
    for at in shuffled(rolling.collect(), keys) {
        writeln!(text, "    {}.rolling_buffer()", buffer(at)).unwrap();
        if windows[at].slots {
            writeln!(text, "    {}.double_buffer()", buffer(at)).unwrap();
        }
    }
    text + "}\n"
}

#[test]
fn buffers_that_roll_feed_others_that_roll() {
    mostly_accepted(programs(), 95, |program| program.is_accepted(&["E0328", "E0317"]));
}
