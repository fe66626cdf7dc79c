//! After a directive only what it may have an influence on is checked again. That has to come to the same as checking all:
//! on the schedules of every example, with directives left out, moved and said twice, so that many of them break something.

use std::path::Path;

use tilewright_core::modules::complete;
use tilewright_core::pipeline::{Call, Front, Request, front};
use tilewright_isa::Config;
use tilewright_syntax::{Sources, render};

/// Numbers that look random and are the same in each run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

#[test]
fn what_is_checked_after_a_directive_is_all_that_it_can_break() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dsl-examples");
    let mut draw = Draw(1);
    let (mut applied, mut refused) = (0, 0);
    for entry in walkdir::WalkDir::new(&folder).sort_by_file_name() {
        let entry = entry.expect("the folder can be read");
        if entry.path().extension().is_none_or(|e| e != "tw") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).expect("the example can be read");
        let names = text.lines().filter_map(|line| line.strip_prefix("schedule ")?.split(['(', ' ']).next());
        for name in names {
            let mut sources = Sources::default();
            let file = sources.add(entry.path().to_string_lossy().into_owned(), text.clone());
            let mut read = |path: &str| std::fs::read_to_string(path).map_err(|e| e.to_string());
            complete(&mut sources, file, &mut read).expect("what an example uses is there");
            let config = Config::default();
            let schedule = Some(name);
            let request = Request { sources: &sources, file, params: &[], program: None, schedule, config: &config };
            let Ok(front) = front(&request) else { continue };
            for _ in 0..4 {
                let counts = changed_directives_agree(&sources, &front, &front.calls()[0], &mut draw);
                (applied, refused) = (applied + counts.0, refused + counts.1);
            }
        }
    }
    assert!(applied > 1_000 && refused > 100, "{applied} directives were applied, and {refused} refused");
}

/// Applies the directives of a call in another order than its own. Returns how many were applied and refused.
fn changed_directives_agree(sources: &Sources, front: &Front, call: &Call, draw: &mut Draw) -> (usize, usize) {
    let directives = front.directives(call).expect("the example's schedule can be expanded");
    let mut order: Vec<usize> = (0..directives.len()).collect();
    for _ in 0..directives.len() / 6 + 2 {
        let (from, to) = (draw.below(order.len()), draw.below(order.len()));
        match draw.below(3) {
            0 => drop(order.remove(from)),
            1 => order.insert(to, order[from]),
            _ => order.swap(from, to),
        }
    }
    let (mut applied, mut refused) = (0, 0);
    let mut schedule = front.unscheduled(call);
    for at in order {
        let outcomes = [&schedule, &schedule.unchecked()].map(|before| {
            let after = front.with_directive(call, before, &directives[at]);
            after.map_err(|told| told.iter().map(|d| render(d, sources, false)).collect::<String>())
        });
        match outcomes {
            [Ok(one), Ok(_)] => (schedule, applied) = (one, applied + 1),
            [Err(one), Err(all)] => {
                assert_eq!(one, all, "in a schedule of `{}`", call.kernel.name);
                refused += 1;
            }
            [one, all] => panic!(
                "in a schedule of `{}`, `{}`: {} where it was looked at alone, and {} with everything",
                call.kernel.name,
                directives[at].text(),
                one.err().unwrap_or("legal".to_owned()),
                all.err().unwrap_or("legal".to_owned()),
            ),
        }
    }
    (applied, refused)
}
