//! Random programs: a text with the target that it is for, how many of a family are accepted, and those that once failed.
//!
//! A drawn program is shown as its text, so what proptest prints when it has shrunk a failure can be kept: written to a
//! file of `kept`, it is run by [`kept_programs_agree`] from then on.

use std::fmt;
use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tilewright_core::legalize::Cx;
use tilewright_core::loops::ir::LoopProgram;
use tilewright_isa::Config;
use tilewright_tests::{Case, Refused, engines_agree, scheduled_loops};

/// How the first line of a program begins that is for another target than the default one; JSON follows.
const TARGET: &str = "// target: ";

/// A program, for the target that its first line names.
#[derive(Clone, PartialEq, Eq)]
pub struct Drawn(pub String);

impl Drawn {
    pub fn new(text: String) -> Drawn {
        Drawn(text)
    }

    /// A program for a machine that is given as JSON.
    pub fn on(target: &str, text: &str) -> Drawn {
        Drawn(format!("{TARGET}{target}\n{text}"))
    }

    pub fn config(&self) -> Config {
        match self.0.lines().next().and_then(|line| line.strip_prefix(TARGET)) {
            Some(json) => Config::from_json(json).expect("a valid configuration"),
            None => Config::default(),
        }
    }

    /// Whether all engines agree on the program; a refusal must be one of those that are named.
    pub fn is_accepted(&self, refusals: &[&str]) -> bool {
        match self.run() {
            Ok(()) => true,
            Err(refused) => {
                let named = refused.codes.iter().all(|code| refusals.contains(code));
                assert!(named, "refused for no reason of its own:\n{}\n{}", self.0, refused.text);
                false
            }
        }
    }

    /// The loops that its schedule makes.
    pub fn loops(&self) -> Result<(LoopProgram, Cx), Refused> {
        scheduled_loops(&Case { config: self.config(), ..Case::new(&self.0) })
    }

    pub fn run(&self) -> Result<(), Refused> {
        engines_agree(&Case { config: self.config(), seed: 7, ..Case::new(&self.0) }).map(|_| ())
    }
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

/// Items in an order that random keys choose; keys are taken again where they are fewer.
pub fn shuffled<T>(items: Vec<T>, keys: &[u8]) -> Vec<T> {
    let mut keyed: Vec<(u8, T)> = keys.iter().cycle().copied().zip(items).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, item)| item).collect()
}

/// So many programs of a family, the same ones each time.
pub fn drawn_alike<S: Strategy>(family: S, number: u32) -> impl Iterator<Item = S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..number).map(move |_| family.new_tree(&mut runner).unwrap().current())
}

/// A generator whose programs are mostly refused would test little: at least `percent` of a hundred must be accepted.
pub fn mostly_accepted<S: Strategy>(family: S, percent: u32, accepts: impl Fn(&S::Value) -> bool) {
    let cases = super::cases();
    let accepted = drawn_alike(family, cases).filter(|program| accepts(program)).count() as u32;
    eprintln!("{accepted} of {cases} were accepted");
    assert!(accepted * 100 >= cases * percent, "only {accepted} of {cases} were accepted");
}

#[test]
fn kept_programs_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("agreement/kept");
    let files = std::fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.expect("readable").path());
    let mut programs: Vec<_> = files.collect();
    programs.sort();
    assert!(!programs.is_empty());
    for path in programs {
        let text = std::fs::read_to_string(&path).expect("a text");
        if let Err(refused) = Drawn::new(text).run() {
            panic!("{}: {}", path.display(), refused.text);
        }
    }
}
