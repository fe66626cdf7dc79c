//! The lint: each reliance is found where it is and not where it is not, and recorded streams give exactly the
//! findings that their documentation predicts.

use std::fs;
use std::path::Path;
use tilewright_isa::{Config, Content, Program, Segment, lint, text};

/// The findings of a stream in text form, one per line.
fn findings(text: &str) -> String {
    findings_after(text, [0; 4])
}

fn findings_after(text: &str, tokens_before: [u32; 4]) -> String {
    let program = text::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let insns = program.decode().unwrap();
    let found = lint(&program.config, &insns, |index| program.uop_word(index), tokens_before);
    found.iter().map(|finding| format!("{finding}\n")).collect()
}

/// Two micro-ops with different destinations, at 0 and 1 of the micro-op buffer.
const UOPS: &str = "
.segment \"uops\" at 0x1000 uops 2
    uop 0: dst 0 src 0 wgt 0
    uop 1: dst 8 src 8 wgt 1
load uop sram_base 0 dram_base 0x400 y_size 1 x_size 2 x_stride 2
";

#[test]
fn a_plain_stream_has_no_findings() {
    let stream = format!(
        "{UOPS}
        gemm reset uop 0..2 iter_out 1 iter_in 8 (dst 1)
        alu add uop 0..2 iter_out 1 iter_in 8 (dst 1 src 1) imm 3
        [push_next] alu shr uop 0..2 iter_out 1 iter_in 8 (dst 1) imm -16
        [pop_prev push_prev] store out sram_base 0 dram_base 0 y_size 1 x_size 16 x_stride 16
        [pop_next] finish"
    );
    assert_eq!(findings(&stream), "");
}

#[test]
fn operations_that_are_not_everywhere() {
    let stream = format!(
        "{UOPS}
        alu mul uop 0..2 iter_out 1 iter_in 1 imm 3
        load acc8 sram_base 0 dram_base 0 y_size 1 x_size 16 x_stride 16
        finish"
    );
    insta::assert_snapshot!(findings(&stream), @"
    W0801: instruction 1: mul: the RTL cannot decode it and HLS ignores it
    W0802: instruction 2: loads 8-bit values into acc: the RTL and HLS have no such load
    ");
}

#[test]
fn shifts() {
    let stream = format!(
        "{UOPS}
        alu shr uop 0..2 iter_out 1 iter_in 1
        alu shr uop 0..2 iter_out 1 iter_in 1 imm 16
        alu shr uop 0..2 iter_out 1 iter_in 1 imm -17
        alu shr uop 0..2 iter_out 1 iter_in 1 imm 32
        alu shr uop 0..2 iter_out 1 iter_in 1 imm -32768
        alu shr uop 0..2 iter_out 1 iter_in 1 imm 15
        finish"
    );
    insta::assert_snapshot!(findings(&stream), @"
    W0803: instruction 1: shifts by acc values: where one is negative this shifts left, the RTL right by its low 5 bits, and HLS treats 16 to 31 as a shift left
    W0804: instruction 2: shifts by 16: HLS takes the low 5 bits as a signed number
    W0804: instruction 3: shifts by -17: HLS takes the low 5 bits as a signed number
    W0805: instruction 4: shifts by 32: no implementation defines 32 or more
    W0805: instruction 5: shifts by -32768: no implementation defines 32 or more
    ");
}

#[test]
fn a_store_behind_a_load_is_stale_until_something_is_computed_there() {
    let stream = format!(
        "{UOPS}
        load acc sram_base 0 dram_base 0 y_size 1 x_size 16 x_stride 16
        gemm uop 0..1 iter_out 1 iter_in 8 (dst 1)
        [push_next] gemm uop 1..2 iter_out 1 iter_in 7 (dst 1)
        [pop_prev] store out sram_base 0 dram_base 0 y_size 1 x_size 15 x_stride 15
        [push_prev] store out sram_base 15 dram_base 0 y_size 1 x_size 1 x_stride 1
        [pop_next] finish"
    );
    insta::assert_snapshot!(findings(&stream), @"W0806: instruction 5: stores acc elements that instruction 1 loaded and no gemm or alu wrote since: the RTL and HLS store an older copy");
}

#[test]
fn counts_of_zero_and_indices_past_the_end() {
    let stream = format!(
        "{UOPS}
        gemm uop 0..2 iter_out 0 iter_in 1
        alu add uop 1..1 iter_out 1 iter_in 1 imm 0
        load acc sram_base 0 dram_base 0 y_size 0 x_size 1 x_stride 1
        load acc sram_base 2047 dram_base 0 y_size 1 x_size 2 x_stride 1
        gemm uop 0..2 iter_out 1 iter_in 2041 (dst 1 src 1 wgt 1)
        gemm reset uop 8191..8193 iter_out 1 iter_in 1
        [push_prev] store out sram_base 0 dram_base 0 y_size 1 x_size 0 x_stride 1 y_pad_0 3
        [pop_next] finish"
    );
    insta::assert_snapshot!(findings(&stream), @"
    W0807: instruction 1: an iteration count is 0: nothing here, but the RTL's counter wraps
    W0807: instruction 2: the micro-op range is empty: nothing here, but the RTL's counter wraps
    W0807: instruction 3: y_size is 0: nothing here, but the RTL's counter wraps
    W0808: instruction 4: acc element 2048 is past the end, 2048: the RTL wraps
    W0808: instruction 5: acc element 2048 is past the end, 2048: the RTL wraps
    W0808: instruction 5: inp element 2048 is past the end, 2048: the RTL wraps
    W0808: instruction 5: wgt element 2041 is past the end, 1024: the RTL wraps
    W0808: instruction 6: uop element 8192 is past the end, 8192: the RTL wraps
    ");
}

#[test]
fn destinations_that_come_again_too_soon() {
    let stream = format!(
        "{UOPS}
        alu add uop 0..1 iter_out 1 iter_in 4 imm 1
        alu add uop 0..2 iter_out 1 iter_in 4 imm 1
        alu add uop 0..2 iter_out 1 iter_in 2 (dst 8) imm 1
        alu add uop 0..1 iter_out 3 (dst 3) iter_in 4 (dst 1) imm 1
        alu add uop 0..1 iter_out 3 (dst 2) iter_in 4 (dst 1) imm 1
        alu add uop 0..1 iter_out 3 (dst 4) iter_in 4 (dst 1) imm 1
        gemm uop 0..1 iter_out 1 iter_in 4
        finish"
    );
    insta::assert_snapshot!(findings(&stream), @"
    W0809: instruction 1: writes acc element 0 again 1 micro-ops later: the RTL asserts, and HLS has a hazard
    W0809: instruction 2: writes acc element 0 again 2 micro-ops later: a hazard in HLS
    W0809: instruction 3: writes acc element 8 again 1 micro-ops later: the RTL asserts, and HLS has a hazard
    W0809: instruction 4: writes acc element 3 again 1 micro-ops later: the RTL asserts, and HLS has a hazard
    W0809: instruction 5: writes acc element 2 again 2 micro-ops later: a hazard in HLS
    ");
}

#[test]
fn tokens() {
    let many = "[push_next] load inp sram_base 0 dram_base 0 y_size 0 x_size 0 x_stride 0\n".repeat(256);
    let taken = "[pop_prev] load uop sram_base 0 dram_base 0 y_size 0 x_size 0 x_stride 0\n".repeat(256);
    insta::assert_snapshot!(findings(&format!("{many}{taken}finish")), @"W0810: instruction 255: up to 256 tokens may be in load→compute: the RTL counts to 255 and loses the others");
    let unordered = "[pop_prev] load inp sram_base 0 dram_base 0 y_size 1 x_size 1 x_stride 1\nfinish";
    insta::assert_snapshot!(findings(unordered), @"
    W0814: instruction 0: pop_prev has no queue in load: it is ignored here
    W0811: instruction 1: finish does not wait for instruction 0: the RTL may return before it is done
    ");
    let deadlock = "[pop_next] load inp sram_base 0 dram_base 0 y_size 1 x_size 1 x_stride 1
        [pop_prev push_prev] gemm uop 0..1 iter_out 1 iter_in 1
        finish";
    insta::assert_snapshot!(findings(deadlock), @"
    W0812: instruction 0: load waits here for a token that is never posted: the RTL times out and returns success
    W0812: instruction 1: compute waits here for a token that is never posted: the RTL times out and returns success
    ");
    let handed_over = findings_after(deadlock, [1, 0, 0, 0]);
    insta::assert_snapshot!(handed_over, @"W0811: instruction 2: finish does not wait for instruction 0: the RTL may return before it is done");
    let left = "[push_next] load inp sram_base 0 dram_base 0 y_size 1 x_size 1 x_stride 1\n[pop_prev push_next] finish";
    insta::assert_snapshot!(findings(left), @"W0813: instruction 1: 1 token is left in compute→store at the end: the next run finds them on hardware");
}

#[test]
fn pads_of_a_store() {
    let stream =
        "[push_prev] store out sram_base 0 dram_base 0 y_size 1 x_size 1 x_stride 1 x_pad_1 2\n[pop_next] finish";
    insta::assert_snapshot!(findings(stream), @"W0815: instruction 0: a store with pads: only zero pads have a meaning");
}

/// The findings of a recorded run, a line each.
fn recorded(folder: &Path) -> String {
    let json = fs::read_to_string(folder.join("trace.json")).unwrap();
    let trace: serde_json::Value = serde_json::from_str(&json).unwrap();
    let config = Config::from_value(&trace["config"]).unwrap();
    let mut program = Program::from_bytes(config, &fs::read(folder.join("insns.bin")).unwrap()).unwrap();
    let memory = fs::read(folder.join("before.bin")).unwrap();
    let mut rest = memory.as_slice();
    for segment in trace["segments"].as_array().unwrap() {
        let (bytes, behind) = rest.split_at(segment["bytes"].as_u64().unwrap() as usize);
        rest = behind;
        let address = segment["address"].as_u64().unwrap();
        program.segments.push(Segment { name: String::new(), address, content: Content::Bytes(bytes.to_vec()) });
    }
    let insns = program.decode().unwrap();
    let found = lint(&config, &insns, |index| program.uop_word(index), [0; 4]);
    found.iter().map(|finding| format!("{finding}\n")).collect()
}

/// VTA's own streams run everywhere, so they have no findings, except for two whose tokens do not add up: TVM left
/// tokens behind in one run and relied on them in the next.
#[test]
fn recorded_runs_rely_on_nothing_but_tokens_of_the_run_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vta-traces");
    let Ok(entries) = fs::read_dir(&folder) else {
        return eprintln!("SKIPPED: no recorded streams at {}", folder.display());
    };
    let folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("before.bin").exists());
    let mut found: Vec<(String, String)> = folders
        .map(|path| (path.file_name().unwrap().to_string_lossy().to_string(), recorded(&path)))
        .filter(|(_, findings)| !findings.is_empty())
        .collect();
    found.sort();
    let shown: Vec<String> = found.iter().map(|(name, findings)| format!("{name}\n{findings}")).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    group-conv-mobilenet-d8
    W0812: instruction 2: compute waits here for a token that is never posted: the RTL times out and returns success
    W0812: instruction 4: load waits here for a token that is never posted: the RTL times out and returns success
    W0812: instruction 17: store waits here for a token that is never posted: the RTL times out and returns success

    matrix-multiply-blocked
    W0811: instruction 141: finish does not wait for instruction 137: the RTL may return before it is done
    W0813: instruction 141: 1 token is left in store→compute at the end: the next run finds them on hardware
    ");
}
