//! Random kernels and programs without a schedule, on random cores: the automatic schedule brings them to the accelerator, and all
//! engines agree. `grammar` draws them from the whole of it.
//!
//! ```sh
//! TILEWRIGHT_CASES=20000 TILEWRIGHT_SEED=2 cargo test --release -p tilewright-tests --test agreement unscheduled
//! ```
//!
//! Each seed, up to 255, draws other programs. What is refused is counted by reason, and a small program for each is written into the
//! build's temporary folder, with what is told.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::drawn::Drawn;
use crate::grammar;

/// Targets: the default one, one multiplier, two and four rows, blocks of different sizes, and small scratchpads.
const TARGETS: [&str; 6] = [
    "{}",
    r#"{"LOG_BLOCK": 0, "LOG_BATCH": 0, "LOG_INP_BUFF_SIZE": 11, "LOG_WGT_BUFF_SIZE": 10, "LOG_ACC_BUFF_SIZE": 12}"#,
    r#"{"LOG_BATCH": 1}"#,
    r#"{"LOG_BATCH": 2}"#,
    r#"{"LOG_BLOCK_IN": 4, "LOG_BLOCK_OUT": 5}"#,
    r#"{"LOG_BLOCK": 3, "LOG_INP_BUFF_SIZE": 11, "LOG_WGT_BUFF_SIZE": 13, "LOG_ACC_BUFF_SIZE": 12}"#,
];

/// How many programs are tried for a smaller one that is refused for the same reason.
const MAX_STEPS: usize = 100;

/// How many programs are few, and how many of them may be refused.
const FEW: u32 = 96;
const MOST_REFUSED: u32 = 1;

fn programs() -> impl Strategy<Value = Drawn> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    (0..TARGETS.len(), bytes).prop_map(|(target, bytes)| Drawn::on(TARGETS[target], &grammar::text(&bytes)))
}

/// What becomes of a program: None where it runs, otherwise the code of the error and what is told, or a panic.
fn refusal(program: &Drawn) -> Option<(String, String)> {
    match catch_unwind(AssertUnwindSafe(|| program.run())) {
        Ok(Ok(())) => None,
        Ok(Err(refused)) => Some((refused.codes[0].to_string(), refused.text)),
        Err(message) => {
            let message = message.downcast_ref::<String>().map_or("", |text| text);
            Some(("panic".to_string(), message.to_string()))
        }
    }
}

/// A small program that fares alike, with what is told of it.
fn smallest(tree: &mut impl ValueTree<Value = Drawn>, reason: &str) -> (Drawn, String) {
    let mut found = (tree.current(), String::new());
    for _ in 0..MAX_STEPS {
        let program = tree.current();
        let alike = refusal(&program).filter(|(code, _)| code == reason);
        let goes_on = match alike {
            Some((_, told)) => {
                found = (program, told);
                tree.simplify()
            }
            None => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    found
}

#[test]
fn nearly_all_random_kernels_run_without_a_schedule() {
    let seed: u8 = std::env::var("TILEWRIGHT_SEED").map_or(0, |seed| seed.parse().expect("a number up to 255"));
    let cases = crate::cases();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Default::default(), rng);
    let family = programs();
    let mut refused: BTreeMap<String, u32> = BTreeMap::new();
    for case in 0..cases {
        let mut tree = family.new_tree(&mut runner).expect("every text is a program");
        let Some((reason, _)) = refusal(&tree.current()) else { continue };
        *refused.entry(reason.clone()).or_default() += 1;
        // A run of the tests alone has no time for more than what is refused.
        let (program, told) = match cases > FEW {
            true => smallest(&mut tree, &reason),
            false => (tree.current(), String::new()),
        };
        let name = format!("unscheduled-{seed}-{case}-{reason}.tw");
        let told: String = told.lines().map(|line| format!("// {line}\n")).collect();
        std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), format!("{}{told}", program.0))
            .expect("the temporary folder can be written to");
    }
    eprintln!("of {cases} with seed {seed} were refused: {refused:?}");
    let all: u32 = refused.values().sum();
    // Among few programs, one says little.
    assert!(all * 1000 <= cases.max(MOST_REFUSED * 1000), "refused: {refused:?}");
}
