//! Recorded device runs, replayed: each must leave exactly the memory that was recorded after it.
//!
//! A few small ones lie in `tests/data`; all others are read from `shared/vta-traces` beside the repository where
//! that exists.

mod recordings;

use recordings::{data, folders, load, shared};
use std::path::Path;
use tilewright_isa::MemoryType;
use tilewright_sim::{Comparison, Level, Options, Recording, ReplayError, Simulator, Stop, replay};

fn replays(parent: &Path) -> usize {
    let folders = folders(parent);
    for folder in &folders {
        let outcome =
            replay(&load(folder), &Options::default()).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        assert_eq!(outcome.memory, Comparison::Equal, "{}", folder.display());
        assert!(outcome.report.finish.is_clean(), "{}: {:?}", folder.display(), outcome.report.finish);
        assert!(outcome.report.overflows.is_empty(), "{}", folder.display());
    }
    folders.len()
}

/// Each level of this host leaves the same memory, also where the default is another.
#[test]
fn every_level_replays() {
    let parents = [Some(data()), shared()];
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        for folder in parents.iter().flatten().flat_map(|parent| folders(parent)) {
            let recording = load(&folder);
            let mut simulator = Simulator::with_level(&recording.config, level).unwrap();
            let mut dram = recording.memory().unwrap();
            let options = Options { tokens_before: recording.tokens_before, ..Options::default() };
            simulator.run(&recording.insns, &mut dram, &options).unwrap();
            assert_eq!(recording.compare(&dram), Comparison::Equal, "{} on {level}", folder.display());
        }
    }
}

#[test]
fn copied_recordings_replay() {
    assert_eq!(replays(&data()), 4);
}

#[test]
fn shared_recordings_replay() {
    if let Some(shared) = shared() {
        assert!(replays(&shared) >= 30);
    }
}

#[test]
fn the_tutorial_moves_what_it_should() {
    let report = replay(&load(&data().join("matrix-multiply")), &Options::default()).unwrap().report;
    let bytes = report.bytes;
    assert_eq!((report.gemm_uops, report.reset_uops, report.alu_uops), (256, 16, 0));
    assert_eq!(MemoryType::REPORTED.map(|memory| bytes[memory]), [256, 65536, 0, 8, 256]);
    assert_eq!(report.instructions.total(), 56);
}

#[test]
fn a_stream_that_needs_tokens_deadlocks_without_them() {
    let Some(shared) = shared() else { return };
    let mut recording = load(&shared.join("group-conv-mobilenet-d8"));
    recording.tokens_before = Default::default();
    let Err(ReplayError::Stop(Stop::Deadlock(deadlock))) = replay(&recording, &Options::default()) else {
        panic!("it ran");
    };
    insta::assert_snapshot!(deadlock, @"deadlock after 2 instructions: load waits at instruction 4 for a token from compute→load, which instruction 3 would post but cannot run; compute waits at instruction 2 for a token from store→compute, which instruction 17 would post but cannot run; store waits at instruction 17 for a token from compute→store, which instruction 16 would post but cannot run");
}

#[test]
fn a_wrong_byte_is_named() {
    let mut recording = load(&data().join("matrix-multiply"));
    recording.after.as_mut().unwrap()[0x100 + 5] ^= 0x40;
    let outcome = replay(&recording, &Options::default()).unwrap();
    let Comparison::Differs(difference) = outcome.memory else { panic!("equal") };
    assert_eq!((difference.address, difference.expected), (0x2005, difference.got ^ 0x40));
}

#[test]
fn parts_come_back() {
    for folder in folders(&data()) {
        let recording = load(&folder);
        let parts = recording.to_parts().unwrap();
        let again = Recording::from_parts(&parts.trace_json, &parts.insns, parts.before, parts.after).unwrap();
        assert_eq!(again, recording);
    }
}
