//! Inputs that somebody spoiled, for each kind of file that is read. Every one of them is taken or refused: nothing panics,
//! overflows the stack or takes longer than it should.
//!
//! ```sh
//! cargo test --release -p tilewright-tests --test fuzz                                  # a few of each kind
//! TILEWRIGHT_CASES=1000000 cargo test --release -p tilewright-tests --test fuzz source  # very many of one
//! ```
//!
//! Inputs are drawn from good ones by a generator with a seed, so a failure comes again; the message has the number of the
//! case and its input, which belongs into `kept` when it is mended. With `TILEWRIGHT_CASES` the input at hand is also written to the
//! build's temporary folder before it is tried, for what ends the process.

mod entries;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Mutator;

/// Time that one small input may take, in any build.
const MOST: Duration = Duration::from_secs(10);

/// How many inputs of each kind are tried where the environment does not say it.
const FEW: u64 = 200;

/// Tries inputs that are made from the seeds.
fn campaign(name: &str, seeds: &[Vec<u8>], try_one: impl Fn(&[u8])) {
    assert!(!seeds.is_empty(), "{name} has nothing to begin with");
    let many = std::env::var("TILEWRIGHT_CASES").ok().and_then(|n| n.parse().ok());
    let place = many.map(|_: u64| Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}")));
    let mut mutator = Mutator::new(name, seeds);
    for case in 0..many.unwrap_or(FEW) {
        let input = mutator.draw();
        if let Some(place) = &place {
            std::fs::write(place, &input).expect("the temporary folder can be written to");
        }
        held(&format!("{name}, case {case}"), &input, &try_one);
    }
}

/// Tries one input.
fn held(name: &str, input: &[u8], try_one: &impl Fn(&[u8])) {
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| try_one(input)));
    let took = start.elapsed();
    let shown = || String::from_utf8_lossy(input).escape_debug().to_string();
    assert!(outcome.is_ok(), "{name} panics on:\n{}", shown());
    assert!(took <= MOST, "{name} takes {took:?} for:\n{}", shown());
}

/// The inputs that were found once, by the kind that their ending names.
fn kept(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/kept");
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == kind));
    found.sort();
    found
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                for path in kept(stringify!($name)) {
                    let input = std::fs::read(&path).expect("what is kept can be read");
                    held(&path.display().to_string(), &input, &entries::$name);
                }
                campaign(stringify!($name), &entries::seeds::$name(), entries::$name);
            }
        )*
    };
}

targets!(source, loops, assembler, recording, target, artifact);
