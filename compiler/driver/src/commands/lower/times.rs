//! `--time-passes`: how long each phase of the compiler and each pass takes, and what it leaves.

use std::time::{Duration, Instant};

use tilewright_core::loops::ir::{LoopProgram, Stmt};

use crate::report::{Align, grouped, table};

/// The phases so far. Wall time, measured here: the compiler itself has no clock.
pub struct Times {
    phases: Vec<Phase>,
    last: Instant,
}

struct Phase {
    name: String,
    took: Duration,
    /// Statements, loops among them, and buffers of the loop program after it, where there is one.
    left: Option<[usize; 3]>,
}

impl Times {
    pub fn start() -> Times {
        Times { phases: Vec::new(), last: Instant::now() }
    }

    /// What was done since the last phase is one of this name; looking at the program does not count.
    pub fn phase(&mut self, name: &str, left: Option<&LoopProgram>) {
        let took = self.last.elapsed();
        let left = left.map(|program| {
            let [statements, loops] = count(&program.body);
            [statements, loops, program.buffers.len()]
        });
        self.phases.push(Phase { name: name.to_owned(), took, left });
        self.last = Instant::now();
    }

    /// Goes on from here, after what is no work of the compiler.
    pub fn skip(&mut self) {
        self.last = Instant::now();
    }

    /// A line for each phase and one for all of them.
    pub fn shown(&self) -> String {
        let total: Duration = self.phases.iter().map(|phase| phase.took).sum();
        let milliseconds = |time: Duration| format!("{:.3} ms", time.as_secs_f64() * 1e3);
        let row = |phase: &Phase| {
            let share = phase.took.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE) * 100.0;
            let left = phase.left.map_or([const { String::new() }; 3], |left| left.map(|n| grouped(n as u64)));
            [vec![phase.name.clone(), milliseconds(phase.took), format!("{share:.1} %")], left.to_vec()].concat()
        };
        let mut rows: Vec<Vec<String>> = self.phases.iter().map(row).collect();
        rows.push(vec!["total".to_owned(), milliseconds(total)]);
        let aligns = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right, Align::Right];
        table(&aligns, &["phase or pass", "time", "share", "statements", "loops", "buffers"], &rows)
    }
}

/// Statements, and loops among them.
fn count(block: &[Stmt]) -> [usize; 2] {
    block.iter().fold([0, 0], |[statements, loops], stmt| match stmt {
        Stmt::For(f) => {
            let [inner, inner_loops] = count(&f.body);
            [statements + 1 + inner, loops + 1 + inner_loops]
        }
        _ => [statements + 1, loops],
    })
}
