//! The LSTMs of `dsl-examples/lstm` are as near to floating point as they say.

use std::process::Command;

/// Whether the outputs of an example are within `atol` of floating point, for some seeds.
fn is_within(example: &str, atol: f64) {
    for seed in ["0", "1", "2"] {
        let output = Command::new(env!("CARGO_BIN_EXE_tilewright"))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dsl-examples/lstm"))
            .args(["run", "--float", "--seed", seed, "--atol", &atol.to_string()])
            .args(example.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn a_sequence_is_within_its_bounds() {
    is_within("sequence.tw", 0.04);
    is_within("sequence.tw -p level=2", 0.01);
}

/// Level 1 is the cheapest that the cell promises a bound for.
#[test]
fn cells_are_within_their_bounds() {
    for size in ["-p x=512 -p h=512", "-p x=640 -p h=640 -p m=3"] {
        is_within(&format!("cell.tw {size}"), 0.04);
        is_within(&format!("cell.tw {size} -p level=2"), 0.01);
    }
}
