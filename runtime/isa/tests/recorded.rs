//! Recorded streams: bytes → instructions → the same bytes, padding included. One small stream is part of this
//! repository; all others are read where they lie beside it, and their absence is announced.

use std::fs;
use std::path::{Path, PathBuf};
use tilewright_isa::{Codec, Config, Content, Program, Segment, text};

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

/// The recorded stream as a program whose segments that LOAD UOP reads are micro-ops.
fn program(config: Config, bytes: &[u8], folder: &Path) -> Program {
    let mut program = Program::from_bytes(config, bytes).unwrap();
    let trace: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.join("trace.json")).unwrap()).unwrap();
    let memory = fs::read(folder.join("before.bin")).unwrap_or_default();
    let mut offset = 0;
    for (index, segment) in trace["segments"].as_array().into_iter().flatten().enumerate() {
        let (address, length) = (segment["address"].as_u64().unwrap(), segment["bytes"].as_u64().unwrap());
        let bytes = memory.get(offset..offset + length as usize).unwrap_or_default().to_vec();
        offset += length as usize;
        let content = match index % 3 {
            0 => Content::Unknown(length),
            1 if bytes.len() % 4 == 0 => {
                Content::Uops(bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
            }
            _ => Content::Bytes(bytes),
        };
        program.segments.push(Segment { name: format!("segment {index}"), address, content });
    }
    program
}

#[test]
fn the_text_of_every_recorded_stream_reads_back() {
    for folder in recorded() {
        let bytes = fs::read(folder.join("insns.bin")).unwrap();
        let program = program(config_of(&folder), &bytes, &folder);
        let again = text::parse(&text::print(&program)).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        assert_eq!(again, program, "{}", folder.display());
        assert_eq!(again.to_bytes(), bytes, "{}", folder.display());
    }
}
