//! One pass alone: whatever loop program it gets, what it leaves keeps the rules of the IR, computes the same outputs, and reads
//! back from its text; or the pass refuses the program, and says where.
//!
//! In: a loop program and a pass of the list. Out: the program after it. Anything else panics with both programs.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};
use tilewright_core::legalize::Cx;
use tilewright_core::loops::interpret::{Arrays, interpret};
use tilewright_core::loops::ir::{LoopProgram, Role};
use tilewright_core::loops::{parse, print};
use tilewright_core::pipeline::{PASSES, Pass, run_passes};
use tilewright_syntax::Sources;

use crate::{Values, assert_same};

/// Passes that change nothing, and refuse what would become wrong in later ones.
pub const CHECKS: [&str; 1] = ["padding"];

/// How many programs the passes were run on, and what they did.
#[derive(Debug, Default)]
pub struct Tally {
    pub programs: usize,
    /// Programs that all passes took, in their order.
    pub whole: usize,
    /// For each pass the programs in which it changed something.
    pub changed: BTreeMap<&'static str, usize>,
}

/// Runs every pass on a program that no other pass has seen; all of them in their order; and in their order the checks and those
/// whose bits are set in `some`, so that each pass also meets what those before it did not prepare.
pub fn each_pass_holds(program: &LoopProgram, cx: &Cx, some: u32, tally: &mut Tally) {
    let inputs = inputs_of(program, 7);
    let text = print::print(program, &Default::default());
    let expected =
        interpret(program, cx.core(), &inputs).unwrap_or_else(|e| panic!("a program to begin with: {e}\n{text}"));
    let begin = Tested { program: program.clone(), text };
    let mut changed: Vec<&'static str> = Vec::new();
    let mut run = |pass: &Pass, before: &Tested| {
        let after = holds(pass, before, cx, (&inputs, &expected))?;
        if after.text != before.text && !changed.contains(&pass.name) {
            changed.push(pass.name);
        }
        Some(after)
    };
    for pass in &PASSES {
        run(pass, &begin);
    }
    let is_chosen = |(bit, pass): &(usize, &Pass)| some >> bit & 1 == 1 || CHECKS.contains(&pass.name);
    let mut chosen = PASSES.iter().enumerate().filter(is_chosen).map(|(_, pass)| pass);
    chosen.try_fold(begin.clone(), |before, pass| run(pass, &before));
    let whole = PASSES.iter().try_fold(begin, |before, pass| run(pass, &before)).is_some();
    tally.programs += 1;
    tally.whole += usize::from(whole);
    changed.into_iter().for_each(|pass| *tally.changed.entry(pass).or_default() += 1);
}

/// A program that computes what is expected, with its text.
#[derive(Clone)]
struct Tested {
    program: LoopProgram,
    text: String,
}

/// The program after a pass; None where the pass refuses it.
fn holds(pass: &Pass, before: &Tested, cx: &Cx, (inputs, expected): (&Arrays, &Arrays)) -> Option<Tested> {
    let mut program = before.program.clone();
    if let Err(refused) = run_passes([pass], &mut program, cx, &mut |_| {}) {
        let told = refused.diagnostic();
        assert!(
            told.labels.iter().any(|label| label.primary),
            "`{}` refuses without a place: {}\n{}",
            pass.name,
            told.message,
            before.text
        );
        return None;
    }
    let text = print::print(&program, &Default::default());
    if text == before.text {
        return Some(Tested { program, text });
    }
    let stage = format!("`{}`, which made\n{text}\nof\n{}", pass.name, before.text);
    let found = interpret(&program, cx.core(), inputs).unwrap_or_else(|e| panic!("{e}: {stage}"));
    assert_same(&stage, &found, expected);
    let mut sources = Sources::default();
    let file = sources.add("printed.loops", text.as_str());
    let read = parse::parse(file, &text).unwrap_or_else(|e| panic!("{e:?}: {stage}"));
    assert_eq!(print::print(&read, &Default::default()), text, "reads back differently: {stage}");
    Some(Tested { program, text })
}

/// Values for the inputs of a loop program.
fn inputs_of(program: &LoopProgram, seed: u64) -> Arrays {
    let mut values = Values::seeded(seed);
    let inputs = program.buffers.iter().filter(|b| b.role == Role::Input);
    let array = |shape: &[i64], value: &mut dyn FnMut() -> i32| {
        let shape: Vec<usize> = shape.iter().map(|n| *n as usize).collect();
        ArrayD::from_shape_fn(IxDyn(&shape), |_| value())
    };
    inputs.map(|b| (b.name.clone(), array(b.user_shape(), &mut || values.next(b.dtype)))).collect()
}
