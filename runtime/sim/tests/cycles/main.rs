//! The cycle model against what the hardware did: total cycles with both burst lengths, and the tables of
//! instructions, reads and writes, byte for byte.
//!
//! `limits` has what is refused and what stops a run; `random` holds the model against a second one, on random streams. A few streams lie in `tests/data`; all others are read from `shared` beside the repository where that exists.

mod limits;
mod random;
mod reference;

use std::fs;
use std::path::{Path, PathBuf};
use tilewright_sim::cycles::{CycleOptions, CycleReport, Tables, Timing, insn_base, simulate};
use tilewright_sim::{Queue, Recording, Stop, TokenCounts};

fn load(folder: &Path) -> Recording {
    let json = fs::read_to_string(folder.join("trace.json")).unwrap();
    let insns = fs::read(folder.join("insns.bin")).unwrap();
    Recording::from_parts(&json, &insns, None, None).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.join("trace.json").exists()).collect();
    folders.sort();
    folders
}

/// A folder of streams beside the repository, or `None` with a message.
fn shared(name: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(name);
    if !shared.exists() {
        eprintln!("SKIPPED: {} does not exist", shared.display());
    }
    shared.exists().then_some(shared)
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn options(recording: &Recording) -> CycleOptions {
    let segments = recording.segments.iter().map(|segment| (segment.address, segment.bytes));
    let insn_base = insn_base(segments);
    CycleOptions { tokens_before: recording.tokens_before, insn_base, ..CycleOptions::default() }
}

fn run(recording: &Recording, timing: &Timing) -> (CycleReport, Tables) {
    let mut tables = Tables::new(recording.insns.len());
    let report = simulate(&recording.config, &recording.insns, timing, &options(recording), &mut tables).unwrap();
    tables.finish(report.cycles);
    (report, tables)
}

/// The CSV files of a folder, by name, as the model writes them.
fn csv(recording: &Recording, tables: &Tables) -> [(&'static str, String); 3] {
    let [mut insns, mut reads, mut writes] = [Vec::new(), Vec::new(), Vec::new()];
    tables.write_instructions(&recording.insns, &mut insns).unwrap();
    tables.write_reads(&mut reads).unwrap();
    tables.write_writes(&mut writes).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    [("instructions.csv", text(insns)), ("reads.csv", text(reads)), ("writes.csv", text(writes))]
}

/// The first line in which a table differs from the hardware's, if tables are recorded. The file of an empty one is
/// left out.
fn difference(folder: &Path, name: &str, found: &str) -> Option<String> {
    let expected = match fs::read_to_string(folder.join(name)) {
        Ok(expected) => expected,
        Err(_) if folder.join("instructions.csv").exists() => found.lines().take(1).collect(),
        Err(_) => return None,
    };
    let rows = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (expected, found) = (rows(&expected), rows(found));
    let at = (0..expected.len().max(found.len())).find(|&line| expected.get(line) != found.get(line))?;
    Some(format!("{name}, line {}: {:?} in the recording, {:?} here", at + 1, expected.get(at), found.get(at)))
}

/// How many totals and tables of a folder were compared, and what differed.
fn compare(folder: &Path, differences: &mut Vec<String>) -> (usize, usize) {
    let recording = load(folder);
    let name = folder.file_name().unwrap().to_string_lossy();
    let cycles = recording.rtl_cycles;
    let mut totals = 0;
    for (timing, expected) in [(Timing::DE10, cycles.burst_beats_16), (Timing::PYNQ, cycles.burst_beats_256)] {
        let Some(expected) = expected else { continue };
        let found = run(&recording, &timing).0.cycles;
        totals += 1;
        if found != expected {
            differences.push(format!("{name}: {expected} cycles with {timing:?}, {found} here"));
        }
    }
    let tables = csv(&recording, &run(&recording, &Timing::DE10).1);
    let recorded = tables.iter().filter(|(file, _)| folder.join(file).exists()).count();
    let first = tables.iter().find_map(|(file, text)| difference(folder, file, text));
    differences.extend(first.map(|text| format!("{name}: {text}")));
    (totals, recorded)
}

/// Compares every stream of a folder and returns how many totals and tables there were.
fn compare_all(parent: &Path) -> (usize, usize) {
    let mut differences = Vec::new();
    let counts = folders(parent).into_iter().map(|folder| compare(&folder, &mut differences));
    let counts = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    counts
}

#[test]
fn streams_made_for_timing_are_exact() {
    if let Some(parent) = shared("vta-timing") {
        let (totals, tables) = compare_all(&parent);
        assert!(totals >= 2 * 205 && tables >= 2 * 205, "{totals} totals, {tables} tables");
    }
}

#[test]
fn recorded_programs_are_exact() {
    if let Some(parent) = shared("vta-traces") {
        let (totals, tables) = compare_all(&parent);
        assert!(totals >= 40 && tables >= 60, "{totals} totals, {tables} tables");
    }
}

#[test]
fn copied_streams_are_exact() {
    assert_eq!(compare_all(&data().join("timing")), (14, 17));
}

/// Made by TVM to run behind another program, whose token it needs.
#[test]
fn tokens_from_an_earlier_run_are_needed() {
    let Some(parent) = shared("vta-traces") else { return };
    let recording = load(&parent.join("group-conv-mobilenet-d8"));
    let options = CycleOptions { tokens_before: TokenCounts::default(), ..options(&recording) };
    let stop = simulate(&recording.config, &recording.insns, &Timing::DE10, &options, &mut ()).unwrap_err();
    let Stop::Deadlock(deadlock) = &stop else { panic!("{stop}") };
    let waits = deadlock.waiting.iter().any(|waiting| (waiting.insn, waiting.queue) == (2, Queue::StoreToCompute));
    assert!(waits, "{stop}");
}
