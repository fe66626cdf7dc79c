//! Each pass alone, by the list of the pipeline: on the loops of random schedules and on loop programs that no schedule makes,
//! with the passes before it and without them. What a pass leaves keeps the rules of the IR, computes the same and reads back, or
//! the pass refuses and says where; and every pass has something to do in enough of the programs.

use proptest::prelude::*;
use tilewright_core::legalize::Cx;
use tilewright_core::loops::parse::parse_with_spans;
use tilewright_core::pipeline::{PASSES, Pass};
use tilewright_isa::Config;
use tilewright_syntax::Sources;
use tilewright_tests::passes::{CHECKS, Tally, each_pass_holds};

use crate::drawn::{Drawn, drawn_alike};
use crate::loop_programs::{LoopText, loop_texts};
use crate::{
    borders, convolutions, elementwise, gated, held, padding, programs, random, reductions, scan_directives, scans,
    strided, wide,
};

/// The random programs that the other properties draw.
fn schedules() -> impl Strategy<Value = Drawn> {
    prop_oneof![
        1 => random::scheduled(),
        1 => random::unscheduled(),
        1 => convolutions::scheduled(),
        1 => convolutions::unscheduled(),
        1 => gated::programs(),
        1 => held::programs(),
        1 => padding::programs(),
        1 => programs::programs(),
        1 => reductions::programs(),
        1 => reductions::windows(),
        1 => scan_directives::programs(),
        1 => scans::programs().prop_map(|(program, _)| program),
        1 => strided::programs(),
        // What only a pass or two have to do with.
        3 => borders::programs(),
        4 => elementwise::programs(),
        2 => wide::programs(),
    ]
}

fn of_schedule(drawn: &Drawn, some: u32, tally: &mut Tally) {
    // A schedule that is refused has no loops.
    if let Ok((program, cx)) = drawn.loops() {
        each_pass_holds(&program, &cx, some, tally);
    }
}

fn of_text(drawn: &LoopText, some: u32, tally: &mut Tally) {
    let text = drawn.text();
    let file = Sources::default().add("shaped.loops", text.as_str());
    let (mut program, spans) = parse_with_spans(file, &text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    spans.become_origins(&mut program);
    each_pass_holds(&program, &Cx { config: Config::default() }, some, tally);
}

/// A pass that changes hardly any program is hardly tested.
fn every_pass_changes_some(tallies: &[Tally]) {
    let programs: usize = tallies.iter().map(|tally| tally.programs).sum();
    for Pass { name, .. } in &PASSES {
        let changed: usize = tallies.iter().filter_map(|tally| tally.changed.get(name)).sum();
        match CHECKS.contains(name) {
            true => assert_eq!(changed, 0, "`{name}` changes programs"),
            false => assert!(changed * 50 >= programs, "`{name}` changes {changed} of {programs} programs"),
        }
    }
}

fn few() -> ProptestConfig {
    ProptestConfig { cases: super::cases() / 2, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn passes_hold_on_random_schedules(program in schedules(), some in any::<u32>()) {
        of_schedule(&program, some, &mut Tally::default());
    }

    #[test]
    fn passes_hold_on_random_loop_programs(program in loop_texts(), some in any::<u32>()) {
        of_text(&program, some, &mut Tally::default());
    }
}

#[test]
fn every_pass_has_something_to_do() {
    let (mut scheduled, mut shaped) = (Tally::default(), Tally::default());
    // Of fewer programs, none may have virtual threads.
    let number = super::cases().max(96);
    for (program, some) in drawn_alike((schedules(), any::<u32>()), number) {
        of_schedule(&program, some, &mut scheduled);
    }
    for (program, some) in drawn_alike((loop_texts(), any::<u32>()), number) {
        of_text(&program, some, &mut shaped);
    }
    for tally in [&scheduled, &shaped] {
        eprintln!("{tally:?}");
        assert!(tally.whole * 2 >= tally.programs, "few programs go through all passes: {tally:?}");
    }
    every_pass_changes_some(&[scheduled, shaped]);
}
