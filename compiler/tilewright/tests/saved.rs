//! Every example survives being saved and read: the same stream from the same lines, and the same values. What is not whole
//! is refused and no more.

use std::path::{Path, PathBuf};

use tilewright::{Artifact, Config, Options, RunOptions, Sources, compile, complete};
use walkdir::WalkDir;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dsl-examples")
}

/// The example at a path; none where it needs another machine than VTA's default.
fn compiled(path: &Path) -> Option<Artifact> {
    let read = |path: &str| std::fs::read_to_string(path).map_err(|error| error.to_string());
    let name = path.to_str().unwrap();
    let mut sources = Sources::default();
    let file = sources.add(name, read(name).unwrap());
    complete(&mut sources, file, &mut |path| read(path)).unwrap();
    let one_multiplier = name.ends_with("one_multiplier.tw");
    let target = examples().join("lstm/one_multiplier.json");
    let config =
        if one_multiplier { Config::from_json(&read(target.to_str()?).unwrap()).unwrap() } else { Config::default() };
    compile(&sources, &Options { file, config, ..Options::default() }).ok()
}

#[test]
fn every_example_is_read_as_it_was_saved() {
    let mut saved = 0;
    for entry in WalkDir::new(examples()).sort_by_file_name() {
        let path = entry.unwrap().into_path();
        let Some(artifact) = path.extension().filter(|e| *e == "tw").and_then(|_| compiled(&path)) else { continue };
        let read = Artifact::from_bytes(&artifact.to_bytes().unwrap()).unwrap_or_else(|e| panic!("{path:?}: {e:?}"));
        assert_eq!(read.stream(), artifact.stream(), "{path:?}");
        assert_eq!(read.tensors(), artifact.tensors(), "{path:?}");
        assert_eq!(read.source_map(), artifact.source_map(), "{path:?}");
        assert_eq!(read.schedule(), artifact.schedule(), "{path:?}");
        let inputs = artifact.random_inputs(3);
        assert_eq!(read.random_inputs(3), inputs, "{path:?}");
        let runs = [&read, &artifact].map(|artifact| artifact.run(&inputs, &RunOptions::default()).unwrap());
        assert_eq!(runs[0].outputs, runs[1].outputs, "{path:?}");
        assert_eq!(runs[0].report, runs[1].report, "{path:?}");
        saved += 1;
    }
    assert!(saved > 20, "only {saved} examples are compiled");
}

/// A content whose checksum is right and whose parts are not is refused as well.
#[test]
fn what_is_made_up_is_refused() {
    let artifact = compiled(&examples().join("matmul.tw")).unwrap();
    let whole = artifact.to_bytes().unwrap();
    let checksum = |bytes: &[u8]| {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
    };
    let mut refused = 0;
    for at in (28..whole.len()).step_by(7) {
        for change in [0x01, 0x20, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            let sum = checksum(&bytes[28..]);
            bytes[20..28].copy_from_slice(&sum.to_le_bytes());
            // Comments and names may be others and mean the same; whatever is read runs or stops, and does not panic.
            match Artifact::from_bytes(&bytes) {
                Err(errors) => {
                    assert_eq!(errors[0].code, "E0667");
                    refused += 1;
                }
                Ok(read) => drop(read.run(&read.random_inputs(0), &RunOptions::default())),
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
