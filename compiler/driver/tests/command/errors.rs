//! The text of every error of the command's own, with what it was asked for and its exit status.

use insta::assert_snapshot;

use crate::support::{Folder, Said, npy};

/// Runs the command in a folder with a file of each kind.
fn said(arguments: &str) -> String {
    let folder = Folder::new();
    folder.write("binary.tw", b"kernel \xff");
    folder.write("hello.npy", "hello");
    folder.write("int64.npy", npy("<i8", "(1, 32)", false, &[0; 256]));
    folder.write("column.npy", npy("|i1", "(32, 1)", false, &[0; 32]));
    folder.write("short.npy", npy("|i1", "(1, 32)", false, &[0; 31]));
    folder.write("huge.npy", npy("|i1", "(1000000, 1000000)", false, &[0; 32]));
    folder.write("x.npy", npy("|i1", "(1, 32)", false, &[0; 32]));
    std::fs::create_dir(folder.path("folder")).unwrap();
    let said = folder.run(arguments).to_string();
    assert!(!folder.names().iter().any(|name| name.starts_with(".tilewright")), "{said}\nleaves temporary files");
    said
}

#[test]
fn files() {
    assert_snapshot!("missing", said("check matmull.tw"));
    assert_snapshot!("missing_in_a_missing_folder", said("fmt nowhere/matmul.tw"));
    assert_snapshot!("not_text", said("check binary.tw"));
    assert_snapshot!("directory", said("lower folder"));
    assert_snapshot!("unwritable", said("run matmul.tw --output Y=nowhere/y.npy"));
    assert_snapshot!("output_is_a_directory", said("run matmul.tw --output Y=folder"));
    assert_snapshot!("record_into_a_file", said("run matmul.tw --record matmul.tw"));
    assert_snapshot!("no_recording", said("replay folder"));
}

#[cfg(unix)]
#[test]
fn too_large_a_file_is_not_read() {
    let folder = Folder::new();
    std::fs::File::create(folder.path("large.tw")).unwrap().set_len(1 << 33).unwrap();
    assert_snapshot!("too_large_text", folder.run("check large.tw"));
    assert_snapshot!("too_large_array", folder.run("run matmul.tw --input X=large.tw"));
}

#[test]
fn parameters() {
    assert_snapshot!("parameter_no_number", said("run matmul.tw -p n=4x"));
    assert_snapshot!("parameter_unknown", said("run matmul.tw -p nn=64"));
    assert_snapshot!("parameter_of_a_schedule_unknown", said("run matmul.tw -p tutorial.tile=64"));
    assert_snapshot!("parameter_zero", said("run matmul.tw -p n=0"));
    assert_snapshot!("parameters_too_large", said("run matmul.tw -p n=1000000 -p k=1000000"));
    assert_snapshot!("parameter_largest", said("check matmul.tw -p n=0x7fff_ffff_ffff_ffff"));
    assert_snapshot!("parameter_smallest", said("check matmul.tw -p n=-9223372036854775808"));
}

#[test]
fn schedules() {
    assert_snapshot!("schedule_unknown", said("run matmul.tw --schedule tutorail"));
}

#[test]
fn inputs() {
    assert_snapshot!("npy_missing", said("run matmul.tw --input X=xx.npy"));
    assert_snapshot!("npy_malformed", said("run matmul.tw --input X=hello.npy"));
    assert_snapshot!("npy_short", said("run matmul.tw --input X=short.npy"));
    assert_snapshot!("npy_huge", said("run matmul.tw --input X=huge.npy"));
    assert_snapshot!("npy_type", said("run matmul.tw --input X=int64.npy"));
    assert_snapshot!("npy_shape", said("run matmul.tw --input X=column.npy"));
    assert_snapshot!("input_unknown", said("run matmul.tw --input x=x.npy"));
    assert_snapshot!("input_that_is_an_output", said("run matmul.tw --input Y=x.npy"));
    assert_snapshot!("input_twice", said("run matmul.tw --input X=x.npy --input X=short.npy"));
}

#[test]
fn outputs() {
    assert_snapshot!("output_unknown", said("run matmul.tw --output C=c.npy"));
    assert_snapshot!("output_twice", said("run matmul.tw --output Y=a.npy --output Y=b.npy"));
}

#[test]
fn two_outputs_into_one_file() {
    let folder = Folder::new();
    let second = "    output Z[i, j] = i8(C[i, j])\n}\n\nschedule";
    let text = crate::support::MATMUL.replace("}\n\nschedule", second);
    folder.write("two.tw", text);
    for second in ["a.npy", "./a.npy"] {
        let said = folder.run(&format!("run two.tw --output Y=a.npy --output Z={second}"));
        assert!(said.status == Some(1) && said.stderr.starts_with("error[E0625]"), "{said}");
        assert_eq!(folder.names(), ["matmul.tw", "two.tw"]);
    }
}

#[test]
fn outputs_do_not_replace_inputs() {
    assert_snapshot!("output_is_the_program", said("lower matmul.tw -o ./folder/../matmul.tw"));
    assert_snapshot!("output_is_an_input_array", said("run matmul.tw --input X=x.npy --output Y=x.npy"));
    let folder = Folder::new();
    folder.write("a.asm", "[] finish\n");
    folder.write("t.json", "{}");
    folder.write("odd.bin", [0; 16]);
    for arguments in [
        "run matmul.tw --output Y=matmul.tw",
        "run matmul.tw --target t.json --output Y=t.json",
        "lower matmul.tw --target t.json -o t.json",
        "lower a.asm -o a.asm",
        "asm a.asm -o a.asm",
        "disasm odd.bin -o odd.bin",
    ] {
        let before = folder.read("matmul.tw");
        let said = folder.run(arguments);
        assert!(said.status == Some(1) && said.stderr.starts_with("error[E0607]"), "{said}");
        assert_eq!(folder.read("matmul.tw"), before, "{arguments}");
    }
}

#[cfg(unix)]
#[test]
fn links_lead_to_what_they_replace() {
    let folder = Folder::new();
    std::os::unix::fs::symlink("matmul.tw", folder.path("link.tw")).unwrap();
    let said = folder.run("lower matmul.tw -o link.tw");
    assert!(said.stderr.starts_with("error[E0607]"), "{said}");
    folder.run("lower matmul.tw -o /dev/null").good();
}

#[test]
fn programs_in_another_form() {
    let folder = Folder::new();
    folder.write("p.loops", "program p {\n}\n");
    folder.write("p.asm", "[] finish\n");
    folder.write("p.legal", "program p {\n}\n");
    folder.write("p.twm", "");
    assert_snapshot!("sweep_takes_no_loops", folder.run("sweep p.loops"));
    assert_snapshot!("check_takes_no_assembler", folder.run("check p.asm"));
    for arguments in
        ["bisect p.asm", "test p.legal", "check p.loops", "fmt p.loops", "fmt p.asm --check", "check p.twm"]
    {
        let said = folder.run(arguments);
        assert!(said.status == Some(1) && said.stderr.starts_with("error[E0608]"), "{said}");
    }
}

#[test]
fn texts_for_another_target() {
    let folder = Folder::new();
    folder.write("block32.json", "{\"LOG_BLOCK\": 5}");
    folder.write("default.json", "{}");
    for form in ["asm", "loops"] {
        folder.run(&format!("lower matmul.tw --target block32.json --emit {form} -o m.{form}")).good();
        let said = folder.run(&format!("lower m.{form} --target default.json --emit bin"));
        assert_snapshot!(format!("other_target_of_{form}"), said);
        let same = folder.run(&format!("lower m.{form} --target block32.json --emit bin"));
        let left_away = folder.run(&format!("lower m.{form} --emit bin"));
        assert!(same.status == Some(0) && same.stdout == left_away.stdout, "{same}");
    }
    folder.write("plain.asm", "[] finish\n");
    folder.run("lower plain.asm --target default.json").good();
    assert_eq!(folder.run("lower plain.asm --target block32.json").status, Some(1));

    folder.write("p.loops", "// target: {\"LOG_BLOKC\": 5}\nprogram p {\n}\n");
    assert_snapshot!("target_line_unknown_key", folder.run("lower p.loops"));
    folder.write("p.loops", "// target: LOG_BLOCK 5\nprogram p {\n}\n");
    assert_snapshot!("target_line_not_json", folder.run("lower p.loops"));
}

#[test]
fn targets() {
    let said = |json: &str| {
        let folder = Folder::new();
        folder.write("target.json", json);
        folder.run("run matmul.tw --target target.json").to_string()
    };
    assert_snapshot!("target_unknown_key", said("{\n  \"LOG_BLOKC\": 5\n}\n"));
    assert_snapshot!("target_own_key", said("{\"tilewright\": {\"log_block\": 5}}"));
    assert_snapshot!("target_key_twice", said("{\"LOG_BLOCK\": 5, \"LOG_BLOCK\": 4}"));
    assert_snapshot!("target_not_a_number", said("{\"LOG_BLOCK\": \"5\"}"));
    assert_snapshot!("target_out_of_range", said("{\n  \"LOG_BLOCK\": 5,\n  \"LOG_BATCH\": 40\n}\n"));
    assert_snapshot!("target_uops_too_wide", said("{\"LOG_ACC_BUFF_SIZE\": 28}"));
    assert_snapshot!("target_not_json", said("{\n  \"LOG_BLOCK\": 5,\n"));
    assert_snapshot!("target_not_an_object", said("[]"));
    assert_snapshot!("target_other_widths", said("{\"LOG_INP_WIDTH\": 2}"));
}

/// What VTA's older files have besides is told once, however often a command reads the file.
#[test]
fn keys_without_effect() {
    let folder = Folder::new();
    folder.write("old.json", "{\n  \"HW_FREQ\": 100,\n  \"HW_CLK_TARGET\": 8,\n  \"LOG_BATCH\": 0\n}\n");
    assert_snapshot!("target_keys_without_effect", folder.run("check matmul.tw --target old.json"));
    folder.run("build matmul.tw -o m.twm").good();
    for arguments in [
        "check matmul.tw matmul.tw --target old.json",
        "run m.twm --target old.json",
        "run matmul.tw --target old.json --timing old.json",
        "replay m.twm --timing old.json",
        "target old.json",
    ] {
        let said = folder.run(arguments);
        assert!(said.status == Some(0) && said.stderr.matches("warning[W0701]").count() == 1, "{said}");
    }
}

/// No command makes or runs a stream for a machine whose values are no bytes, and all give one reason.
#[test]
fn targets_of_other_widths() {
    let folder = Folder::new();
    folder.write("narrow.json", r#"{"LOG_INP_WIDTH": 2, "LOG_INP_BUFF_SIZE": 14}"#);
    folder.write("empty.loops", "program p {\n}\n");
    folder.write("narrow.asm", ".config LOG_INP_WIDTH 2 LOG_INP_BUFF_SIZE 14\nfinish\n");
    folder.run("run matmul.tw --record rec").good();
    let trace = String::from_utf8(folder.read("rec/trace.json")).unwrap();
    let narrow = [("LOG_INP_WIDTH\": 3", "LOG_INP_WIDTH\": 2"), ("LOG_INP_BUFF_SIZE\": 15", "LOG_INP_BUFF_SIZE\": 14")];
    folder.write("rec/trace.json", narrow.iter().fold(trace, |trace, (from, to)| trace.replace(from, to)));
    assert_snapshot!("widths_refused", folder.run("check matmul.tw --target narrow.json"));
    for arguments in [
        "lower matmul.tw",
        "lower matmul.tw --emit tensor",
        "lower empty.loops",
        "run empty.loops",
        "build matmul.tw -o x.twm",
        "bisect matmul.tw",
        "sweep matmul.tw -p n=16,32",
        "test matmul.tw",
    ] {
        refused_for_widths(&folder.run(&format!("{arguments} --target narrow.json")));
    }
    for arguments in [
        "replay rec",
        "replay rec --time-only",
        "replay rec --values-only",
        "replay narrow.asm",
        "profile rec",
        "profile narrow.asm",
        "run narrow.asm",
    ] {
        refused_for_widths(&folder.run(arguments));
    }
    folder.run("disasm rec").good();
}

fn refused_for_widths(said: &Said) {
    let reason = "error[E0903]: values of 4, 8 and 32 bits (inp, wgt, acc) cannot be executed, only 8, 8 and 32\n";
    let help = "help: `LOG_INP_WIDTH` and `LOG_WGT_WIDTH` are 3, and `LOG_ACC_WIDTH` is 5, wherever";
    let has_both = said.stderr.starts_with(reason) && said.stderr.contains(help);
    assert!(said.status == Some(1) && has_both, "{said}");
}

/// A loop program that is run on its own is its own reference: what it leaves open is its author's mistake.
#[test]
fn undefined_values_of_loop_programs() {
    let folder = Folder::new();
    let text = "program p {
    input X: i32[16] @dram
    output Y: i8[16] @dram
    alloc A: i32[16] @acc
    for i in 0..8 { A[i] = X[i] }
    for j in 0..16 { Y[j] = i8(A[j]) }
}
";
    folder.write("open.loops", text);
    assert_snapshot!("loops_undefined", folder.run("run open.loops"));
}

#[test]
fn forms() {
    assert_snapshot!("pass_unknown", said("lower matmul.tw --print-after fould"));
    let folder = Folder::new();
    folder.write("stream.asm", "0: compute [] finish\n");
    folder.write("wrong.asm", "0: load [] finish\n");
    folder.write("empty.loops", "program p {\n}\n");
    folder.write(
        "wrong.loops",
        "program p {\n    output Y: i8[4] @dram\n    for i in 0..5 {\n        Y[i] = 0i8\n    }\n}\n",
    );
    folder.write("odd.bin", [0; 20]);
    assert_snapshot!("no_way_back_from_asm", folder.run("lower stream.asm --emit loops"));
    assert_snapshot!("no_way_back_from_loops", folder.run("lower empty.loops --emit tensor"));
    assert_snapshot!("asm_wrong_module", folder.run("asm wrong.asm"));
    assert_snapshot!("loops_break_a_rule", folder.run("lower wrong.loops"));
    assert_snapshot!("odd_stream", folder.run("disasm odd.bin"));
}

#[test]
fn codes() {
    let said = |arguments: &str| {
        let text = Folder::new().run(arguments).to_string();
        assert!(text.contains("[exit 1]"), "{text}");
        text
    };
    assert_snapshot!("code_unknown", said("explain E060l"));
    assert_snapshot!("code_far_off", said("explain matmul"));
}

/// Mistakes in the arguments themselves have a status of their own.
#[test]
fn usage() {
    for arguments in [
        "",
        "frobnicate",
        "check",
        "run matmul.tw -p n",
        "run matmul.tw -p =4",
        "run matmul.tw --input X",
        "run matmul.tw --seed -1",
        "run matmul.tw --stats yaml",
        "lower matmul.tw --emit hex",
        "replay folder --repeat 0",
        "lower matmul.tw --emit bin --step",
        "lower p.loops --step",
        "lower p.asm --print-after all",
        "lower p.asm -p n=4",
        "lower p.asm --schedule tutorial",
        "lower p.loops -p n=4",
        "lower p.loops --schedule tutorial",
        "lower matmul.tw --step -o p.txt",
        "lower matmul.tw --print-after all -o p.txt",
        "run matmul.tw --stats json --output Y=-",
    ] {
        let folder = Folder::new();
        folder.write("p.loops", "program p {\n}\n");
        folder.write("p.asm", "");
        let said = folder.run(arguments);
        assert_eq!(said.status, Some(2), "{said}");
        assert!(said.stdout.is_empty() && said.stderr.contains("Usage") || said.stderr.contains("--help"), "{said}");
    }
    assert_snapshot!("usage_of_mixed_output", said("lower matmul.tw --emit bin --step"));
    let folder = Folder::new();
    folder.write("p.loops", "program p {\n}\n");
    assert_snapshot!("usage_of_loops_with_a_parameter", folder.run("lower p.loops -p n=4"));
}

#[test]
fn errors_are_coloured_only_on_a_terminal_or_when_asked_to() {
    let folder = Folder::new();
    let forced = folder.command("check nowhere.tw").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(String::from_utf8(forced.stderr).unwrap().contains('\u{1b}'));
    assert!(!folder.run("check nowhere.tw").stderr.contains('\u{1b}'));
}
