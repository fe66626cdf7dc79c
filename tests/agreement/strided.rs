//! Random chains of stages in the accumulator that read each other in steps, so that what lies between is neither loaded nor
//! computed. All engines agree on each, or it is refused with a code that is named.

use std::fmt::Write;

use proptest::prelude::*;

use crate::drawn::{Drawn, mostly_accepted, shuffled};

/// How a stage reads the one before: at `y * step[0] + first[0], x * step[1] + first[1]`, and a second time further on.
#[derive(Clone, Debug)]
struct Reading {
    step: [i64; 2],
    first: [i64; 2],
    /// Steps from the first element that is read to the second; none reads it once.
    second: Option<[i64; 2]>,
    op: u8,
}

impl Reading {
    /// The extents that are read, where the reader has these.
    fn reach(&self, extents: [i64; 2]) -> [i64; 2] {
        let last = self.second.unwrap_or_default();
        [0, 1].map(|d| (extents[d] - 1) * self.step[d] + self.first[d] + last[d] + 1)
    }

    fn value(&self, of: &str) -> String {
        let at = |more: [i64; 2]| {
            let [y, x] = [0, 1].map(|d| (self.step[d], self.first[d] + more[d]));
            format!("{of}[i, y * {} + {}, x * {} + {}]", y.0, y.1, x.0, x.1)
        };
        let first = at([0, 0]);
        match (self.second, self.op % 3) {
            (None, 0) => format!("max({first}, -5)"),
            (None, 1) => format!("{first} + 3"),
            (None, _) => first,
            (Some(more), 0) => format!("max({first}, {})", at(more)),
            (Some(more), _) => format!("{first} + {}", at(more)),
        }
    }
}

fn reading() -> impl Strategy<Value = Reading> {
    let places = (prop::array::uniform2(1..4_i64), prop::array::uniform2(0..3_i64));
    let second = prop::option::of(prop::array::uniform2(0..5_i64));
    (places, second, any::<u8>()).prop_map(|((step, first), second, op)| Reading { step, first, second, op })
}

/// How the last stage is cut, and where the others are computed.
#[derive(Clone, Debug)]
struct Cuts {
    blocks: [i64; 2],
    order: [u8; 4],
    /// Counted from the outermost loop of the output; 0 leaves a stage outside.
    places: [u8; 5],
    peel: [i64; 2],
    slots: bool,
}

fn cuts() -> impl Strategy<Value = Cuts> {
    let loops = (prop::array::uniform2(0..4_i64), any::<[u8; 4]>(), prop::array::uniform5(0..4_u8));
    (loops, prop::array::uniform2(0..2_i64), any::<bool>()).prop_map(|((blocks, order, places), peel, slots)| Cuts {
        blocks,
        order,
        places,
        peel,
        slots,
    })
}

fn program(extents: [i64; 2], readings: &[Reading], beyond: i64, cuts: &Cuts) -> String {
    let mut sizes = vec![extents];
    for reading in readings.iter().rev() {
        sizes.push(reading.reach(sizes[sizes.len() - 1]));
    }
    sizes.reverse();
    let [rows, columns] = sizes[0].map(|n| n + beyond);
    let mut text = format!("kernel k(n = BLOCK_OUT) {{\n    input T: i32[n, {rows}, {columns}]\n");
    for (at, (reading, [h, w])) in readings.iter().zip(&sizes[1..]).enumerate() {
        let of = if at == 0 { "T".to_owned() } else { format!("S{at}") };
        let _ = writeln!(text, "    S{}[i, y < {h}, x < {w}] = {}", at + 1, reading.value(&of));
    }
    let last = readings.len();
    let _ = writeln!(text, "    output Y[i, y, x] = i8(S{last}[i, y, x])\n}}\nschedule s for k {{");
    let _ = writeln!(text, "    Tq = T.cache_read(acc)");
    (1..=last).for_each(|n| text.push_str(&format!("    S{n}.set_scope(acc)\n")));
    let mut loops = Vec::new();
    for (axis, block) in ["y", "x"].into_iter().zip(cuts.blocks) {
        match block {
            0 => loops.push(axis.to_owned()),
            n => {
                let _ = writeln!(text, "    Y.split({axis}, {n}) -> {axis}o, {axis}i");
                loops.extend([format!("{axis}o"), format!("{axis}i")]);
            }
        }
    }
    let loops = shuffled(loops, &cuts.order);
    let _ = writeln!(
        text,
        "    Y.reorder({}, i)\n    Y.peel({}, {}, {})",
        loops.join(", "),
        loops[0],
        cuts.peel[0],
        cuts.peel[1]
    );
    // From the last stage on, so that each is computed no further in than what reads it.
    let mut innermost = loops.len();
    let stages = (1..=last).rev().map(|n| format!("S{n}")).chain(["Tq".to_owned()]);
    for (stage, place) in stages.zip(cuts.places) {
        innermost = innermost.min(usize::from(place));
        if innermost > 0 {
            let _ = writeln!(text, "    {stage}.compute_at(Y, {})", loops[innermost - 1]);
        }
    }
    if cuts.slots && innermost > 0 {
        text.push_str("    Tq.double_buffer()\n");
    }
    text + "}\n"
}

/// Rows that are taken for the lanes of tiles, and what does not fit.
const REFUSALS: [&str; 2] = ["E0505", "E0507"];

pub fn programs() -> impl Strategy<Value = Drawn> {
    let readings = prop::collection::vec(reading(), 1..4);
    (prop::array::uniform2(1..5_i64), readings, 0..3_i64, cuts())
        .prop_map(|(extents, readings, beyond, cuts)| Drawn::new(program(extents, &readings, beyond, &cuts)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: super::cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_steps_agree_or_are_refused(program in programs()) {
        program.is_accepted(&REFUSALS);
    }
}

#[test]
fn most_random_steps_are_accepted() {
    mostly_accepted(programs(), 80, |program| program.is_accepted(&REFUSALS));
}
