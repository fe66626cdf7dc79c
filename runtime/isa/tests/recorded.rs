//! Recorded streams: bytes → instructions → the same bytes, padding included. One small stream is part of this
//! repository; all others are read where they lie beside it, and their absence is announced.

use std::fs;
use std::path::{Path, PathBuf};
use tilewright_isa::{Codec, Config};

fn assert_round_trip(codec: &Codec, bytes: &[u8], name: &str) {
    let insns = codec.decode_stream(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (index, (insn, raw)) in insns.iter().zip(bytes.as_chunks::<16>().0).enumerate() {
        let word = u128::from_le_bytes(*raw);
        let again = codec.encode_padded(insn, codec.padding(insn, word)).unwrap();
        assert_eq!(again, word, "{name}: instruction {index}");
    }
}

/// The folders of recorded streams beside the repository; empty, and said so, when they are not there.
fn recorded() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folders = ["vta-traces", "vta-timing"].map(|folder| shared.join(folder));
    let mut streams: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("insns.bin").exists())
        .collect();
    streams.sort();
    if streams.is_empty() {
        eprintln!("SKIPPED: no recorded streams at {}", shared.display());
    }
    streams
}

fn config_of(folder: &Path) -> Config {
    let trace: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("trace.json")).unwrap()).unwrap();
    Config::from_value(&trace["config"]).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

#[test]
fn the_copied_stream_round_trips() {
    let bytes = include_bytes!("data/matrix-multiply.insns.bin");
    assert_eq!(bytes.len(), 56 * 16);
    assert_round_trip(&Codec::new(&Config::default()), bytes, "matrix-multiply");
}

#[test]
fn every_recorded_stream_round_trips() {
    for folder in recorded() {
        let bytes = fs::read(folder.join("insns.bin")).unwrap();
        assert_round_trip(&Codec::new(&config_of(&folder)), &bytes, &folder.display().to_string());
    }
}
