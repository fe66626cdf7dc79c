//! Inputs that somebody spoiled, for each kind of file that is read. Every one of them is taken or refused: nothing panics,
//! overflows the stack or takes longer than it should.
//!
//! ```sh
//! cargo test --release -p tilewright-tests --test fuzz                                  # a few of each kind
//! TILEWRIGHT_CASES=1000000 cargo test --release -p tilewright-tests --test fuzz source  # very many of one
//! TILEWRIGHT_SECONDS=30 cargo test --release -p tilewright-tests --test fuzz            # each kind for half a minute, all at once
//! ```
//!
//! Inputs are drawn from good ones by a generator with a seed, so a failure comes again; the message has the number of the
//! case and its input, which belongs into `kept` when it is mended. With `TILEWRIGHT_CASES` the input at hand is also written to the
//! temporary folder (`TMPDIR`, best in memory) before it is tried, for what ends the process.

mod entries;
mod large;
mod mutate;
mod seeds;

// The files that the command alone reads: its readers need nothing else of it.
#[allow(dead_code)]
#[path = "../../compiler/driver/src/bench/error.rs"]
mod error;
#[allow(dead_code)]
#[path = "../../compiler/driver/src/npy/mod.rs"]
mod npy;
#[allow(dead_code)]
#[path = "../../compiler/driver/src/bench/table.rs"]
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Mutator;

/// Time that one small input may take, in any build.
const MOST: Duration = Duration::from_secs(10);

/// For how long each kind is tried where `TILEWRIGHT_SECONDS` says it, whatever the number of inputs.
fn given_time() -> Option<Duration> {
    let seconds = std::env::var("TILEWRIGHT_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("TILEWRIGHT_SECONDS is a number")))
}

/// How many inputs of each kind are tried where the environment does not say it.
const FEW: u64 = 200;

/// Tries inputs that are made from the seeds.
fn campaign(name: &str, seeds: &[Vec<u8>], try_one: impl Fn(&[u8])) {
    assert!(!seeds.is_empty(), "{name} has nothing to begin with");
    let many = std::env::var("TILEWRIGHT_CASES").ok().and_then(|n| n.parse().ok());
    let place = many.map(|_: u64| std::env::temp_dir().join(format!("tilewright-fuzz-{name}")));
    let mut mutator = Mutator::new(name, seeds);
    let (start, time) = (Instant::now(), given_time());
    let most = if time.is_some() { u64::MAX } else { FEW };
    for case in 0..many.unwrap_or(most) {
        if time.is_some_and(|time| start.elapsed() >= time) {
            println!("{name}: {case} inputs");
            break;
        }
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
    // Of a large input its beginning says what it is.
    let shown = || String::from_utf8_lossy(&input[..input.len().min(1 << 16)]).escape_debug().to_string();
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
                campaign(stringify!($name), &seeds::$name(), entries::$name);
            }
        )*
    };
}

targets!(source, schedule, loops, assembler, recording, target, artifact, array, bench_table);

/// Each is held to the same time as a small input.
#[test]
fn very_many_of_one_thing_are_checked_or_refused() {
    for (name, text) in large::texts() {
        let start = Instant::now();
        held(name, text.as_bytes(), &entries::source);
        println!("{name}: {:.1?}", start.elapsed());
    }
}
