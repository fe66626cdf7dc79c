//! `lower`: every form, the way to it, and that forms which read back give the same bytes.

use insta::assert_snapshot;
use tilewright_core::pipeline::PASSES;

use crate::support::{Folder, MATMUL};

#[test]
fn every_form() {
    let folder = Folder::new();
    for form in ["ast", "tensor", "schedule", "loops", "legal", "asm"] {
        assert_snapshot!(format!("form_{form}"), folder.run(&format!("lower matmul.tw --emit {form}")).good());
    }
}

#[test]
fn a_kernel_without_a_schedule_shows_the_one_to_start_from() {
    let folder = Folder::new();
    let (kernel, _) = MATMUL.split_once("schedule").unwrap();
    folder.write("plain.tw", kernel);
    let schedule = folder.run("lower plain.tw --emit schedule").good().to_owned();
    assert_snapshot!("form_schedule_automatic", schedule);
    let of_other = folder.run("lower matmul.tw --schedule automatic --emit schedule").good().to_owned();
    assert_eq!(of_other.replace("matmul.tw", "plain.tw"), schedule);
    folder.write("started.tw", schedule.replace("matmul.tw", "plain.tw"));
    let bytes = |file: &str| folder.run(&format!("lower {file} --emit bin")).stdout;
    assert_eq!(bytes("started.tw"), bytes("plain.tw"));
    assert!(folder.run("run plain.tw").good().contains("matmul  schedule automatic  core"));
}

#[test]
fn a_schedule_that_was_printed_gives_the_same_bytes() {
    let folder = Folder::new();
    folder.write("halves.tw", "def halves(C, i, f = 2) -> io {\n    C.split(i, f) -> io, ii\n    C.unroll(ii)\n}\n");
    let kernel = "\
kernel scale(n = 512) {
    input X: i32[n]
    A[i] = X[i] + 1
    B[i] = A[i] * 3
    output Y[i] = i8(B[i])
}

schedule fast(block = 2 * BLOCK_OUT) for scale {
    use \"halves.tw\": halves
    X_acc = X.cache_read(acc)
    for stage in [A, B] {
        stage.set_scope(acc)
    }
    Y.split(i, block) -> io, ii
    halves(Y, io, f = block / 16) -> rows
    for stage in [B, A, X_acc] {
        stage.compute_at(Y, rows)
    }
}
";
    let program = "\
use \"scale.tw\"

program twice(n = 64) {
    input X: i32[n]
    input Z: i32[n]
    output P = scale(X, n = n) with fast(block = 32)
    output Q = scale(Z, n = n) with fast
    output R = scale(Z, n = n) with automatic
}
";
    folder.write("scale.tw", kernel);
    folder.write("twice.tw", program);
    std::fs::create_dir(folder.path("out")).unwrap();
    for (name, file, options) in
        [("kernel", "scale.tw", " -p fast.block=64"), ("program", "twice.tw", " -p n=128 -p fast.block=64")]
    {
        let written = folder.run(&format!("lower {file}{options} --emit schedule -o out/written.tw"));
        assert_eq!(written.status, Some(0), "{written}");
        let bytes = folder.run(&format!("lower {file}{options} --emit bin")).stdout;
        assert!(!bytes.is_empty());
        assert_eq!(folder.run("lower out/written.tw --emit bin").stdout, bytes, "{name}{options}");
        folder.run("fmt out/written.tw --check").good();
        assert_snapshot!(format!("form_schedule_of_{name}"), String::from_utf8(folder.read("out/written.tw")).unwrap());
    }
}

#[test]
fn the_source_form_is_the_source() {
    let folder = Folder::new();
    folder.write("spaced.tw", MATMUL.replace("    ", "  "));
    assert_eq!(folder.run("lower spaced.tw --emit ast").good(), MATMUL);
}

#[test]
fn the_default_is_the_legal_form() {
    let folder = Folder::new();
    assert_eq!(folder.run("lower matmul.tw").good(), folder.run("lower matmul.tw --emit legal").good());
}

#[test]
fn forms_that_read_back_give_the_same_bytes() {
    let folder = Folder::new();
    let bytes = folder.run("lower matmul.tw --emit bin").stdout;
    assert!(!bytes.is_empty() && bytes.len().is_multiple_of(16));
    for (form, file) in [("loops", "a.loops"), ("legal", "b.legal"), ("asm", "c.asm")] {
        folder.run(&format!("lower matmul.tw --emit {form} -o {file}")).good();
        assert_eq!(folder.run(&format!("lower {file} --emit bin")).stdout, bytes, "{form}");
    }
    for form in ["legal", "asm"] {
        let from_source = folder.run(&format!("lower matmul.tw --emit {form}")).stdout;
        assert_eq!(folder.run(&format!("lower a.loops --emit {form}")).stdout, from_source, "{form}");
    }
    assert_eq!(folder.run("asm c.asm").stdout, bytes);
}

#[test]
fn some_passes_alone_run_in_the_order_of_the_list() {
    let folder = Folder::new();
    let all: Vec<&str> = PASSES.iter().map(|pass| pass.name).collect();
    let every = folder.run(&format!("lower matmul.tw --passes {}", all.join(","))).good().to_owned();
    assert_eq!(every, folder.run("lower matmul.tw").good());
    let reversed: Vec<&str> = all.iter().rev().copied().collect();
    assert_eq!(folder.run(&format!("lower matmul.tw --passes {}", reversed.join(","))).good(), every);
    // Half on the source and half on what that leaves is all of it.
    let (first, second) = all.split_at(all.len() / 2);
    folder.run(&format!("lower matmul.tw --passes {} -o half.loops", first.join(","))).good();
    assert_eq!(folder.run(&format!("lower half.loops --passes {} --verify-each", second.join(","))).good(), every);
    let shown = folder.run(&format!("lower matmul.tw --passes {},{} --print-after all", all[3], all[0]));
    let headings = shown.good().lines().filter(|line| line.starts_with("// after"));
    let headings: Vec<&str> = headings.filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(headings, [all[0], all[3]]);
}

#[test]
fn passes_that_cannot_be_chosen_are_errors() {
    let folder = Folder::new();
    assert_snapshot!("passes_unknown", folder.run("lower matmul.tw --passes normalise,fold"));
    assert_eq!(folder.run("lower matmul.tw --passes fold --emit asm").status, Some(2));
    folder.write("m.asm", "");
    assert_eq!(folder.run("lower m.asm --passes fold").status, Some(2));
    // Without the passes before it, a pass may have nothing to work on; that is no panic.
    for pass in PASSES {
        let alone = folder.run(&format!("lower matmul.tw --passes {}", pass.name));
        assert!(alone.status.is_some_and(|status| status < 2), "{alone}");
    }
}

#[test]
fn phases_and_passes_are_timed() {
    let folder = Folder::new();
    let phases = |arguments: &str| -> Vec<String> {
        let run = folder.run(arguments);
        assert_eq!((run.status, &*run.stdout), (Some(0), &b""[..]), "{run}");
        let names = run.stderr.lines().skip(2).filter_map(|line| line.split_whitespace().next());
        names.map(str::to_owned).collect()
    };
    let passes: Vec<&str> = PASSES.iter().map(|pass| pass.name).collect();
    let all = [&["front", "schedule", "loops"][..], &passes, &["seal", "emit", "total"]].concat();
    assert_eq!(phases("lower matmul.tw --time-passes"), all);
    folder.run("lower matmul.tw --emit loops -o m.loops").good();
    let from_loops = [&["read"][..], &passes, &["seal", "emit", "total"]].concat();
    assert_eq!(phases("lower m.loops --time-passes"), from_loops);
    let some = ["front", "schedule", "loops", passes[2], "total"];
    assert_eq!(phases(&format!("lower matmul.tw --time-passes --passes {}", passes[2])), some);
    // What is left can be counted in the program: two loops and what stands in them.
    let run = folder.run("lower matmul.tw --time-passes --emit legal");
    assert_eq!(run.stdout, folder.run("lower matmul.tw").stdout);
    let row = run.stderr.lines().find(|line| line.starts_with("allocate")).unwrap();
    assert_eq!(row.split_whitespace().rev().take(3).collect::<Vec<_>>(), ["6", "1", "9"], "{run}");
}

#[test]
fn a_form_goes_to_a_file() {
    let folder = Folder::new();
    assert_eq!(folder.run("lower matmul.tw --emit bin -o m.bin").good(), "");
    assert_eq!(folder.read("m.bin"), folder.run("lower matmul.tw --emit bin -o -").stdout);
}

#[test]
fn each_directive_shows_what_it_changes() {
    assert_snapshot!("step", Folder::new().run("lower matmul.tw --step").good());
}

#[test]
fn steps_before_a_wrong_directive_are_shown() {
    let folder = Folder::new();
    folder.write("wrong.tw", MATMUL.replace("C.split(r, BLOCK_IN)", "C.split(q, BLOCK_IN)"));
    let said = folder.run("lower wrong.tw --step");
    assert_eq!(said.status, Some(1), "{said}");
    assert!(said.text().contains("line 13: C.split(j, BLOCK_OUT) -> jo, ji"), "{said}");
    assert!(!said.text().contains("line 14:"), "{said}");
    assert!(said.stderr.starts_with("error["), "{said}");
}

#[test]
fn groups_of_directives_are_steps_as_well() {
    let folder = Folder::new();
    let grouped = "    C {\n        set_scope(acc)\n    }\n";
    folder.write("grouped.tw", MATMUL.replace("    C.set_scope(acc)\n", grouped));
    let said = folder.run("lower grouped.tw --step");
    assert!(said.good().contains("line 12: set_scope(acc)\n"), "{said}");
}

#[test]
fn passes_are_shown_as_asked() {
    let folder = Folder::new();
    assert_snapshot!("after_fold", folder.run("lower matmul.tw --print-after fold").good());
    let headings = |arguments: &str| {
        let said = folder.run(arguments);
        said.good().lines().filter(|line| line.starts_with("//")).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = headings("lower matmul.tw --print-after all --verify-each");
    assert_snapshot!("passes", all.join("\n"));
    let changed: Vec<String> = all.into_iter().filter(|line| !line.contains("nothing changed")).collect();
    assert_eq!(headings("lower matmul.tw --print-after changed"), changed);
}

#[test]
fn a_form_can_be_asked_for_beside_the_way() {
    let folder = Folder::new();
    let said = folder.run("lower matmul.tw --print-after allocate --emit schedule");
    assert!(said.good().starts_with("// after allocate"), "{said}");
    assert!(said.text().ends_with(folder.run("lower matmul.tw --emit schedule").good()), "{said}");
}

#[test]
fn parameters_and_targets_count_here_too() {
    let folder = Folder::new();
    folder.write("block32.json", "{\"LOG_BLOCK\": 5}");
    let said = folder.run("lower matmul.tw -p n=96 --target block32.json --emit schedule");
    assert!(said.good().starts_with("// For -p n=96 --target block32.json\n\nuse \"matmul.tw\": matmul\n"), "{said}");
    assert!(said.text().contains("//     Y: i8[1, 96]"), "{said}");
    let said = folder.run("lower matmul.tw --target block32.json --emit asm");
    assert!(said.good().contains("LOG_BLOCK_IN 5"), "{said}");
}

#[test]
fn an_assembler_text_stays_assembler() {
    let folder = Folder::new();
    folder.run("lower matmul.tw --emit asm -o m.asm").good();
    assert_eq!(folder.run("lower m.asm").good().as_bytes(), folder.read("m.asm"));
}

#[test]
fn a_loop_program_says_its_target() {
    let folder = Folder::new();
    folder.write("block.json", "{\"LOG_BLOCK_IN\": 5, \"LOG_BLOCK_OUT\": 4}");
    let bytes = folder.run("lower matmul.tw --target block.json --emit bin").stdout;
    for form in ["loops", "legal"] {
        let text = folder.run(&format!("lower matmul.tw --target block.json --emit {form}"));
        assert!(text.good().starts_with("// target: {\"LOG_"), "{text}");
        folder.write("m.loops", text.stdout);
        assert_eq!(folder.run("lower m.loops --emit bin").stdout, bytes, "{form}");
        let again = folder.run(&format!("lower m.loops --emit {form}")).stdout;
        assert_eq!(again, folder.read("m.loops"), "{form}");
    }
    assert!(!folder.run("lower matmul.tw").good().contains("target"));
}

#[test]
fn texts_say_what_their_target_cannot_do() {
    let folder = Folder::new();
    folder.write("few.json", "{\"tilewright\": {\"mul\": false, \"acc_8bit\": false}}");
    let bytes = folder.run("lower matmul.tw --target few.json --emit bin").stdout;
    for (form, file) in [("loops", "a.loops"), ("legal", "b.legal"), ("asm", "c.asm")] {
        folder.run(&format!("lower matmul.tw --target few.json --emit {form} -o {file}")).good();
        for target in ["", " --target few.json"] {
            let again = folder.run(&format!("lower {file}{target} --emit bin -o again.bin"));
            assert_eq!((again.status, folder.read("again.bin") == bytes), (Some(0), true), "{form}: {again}");
        }
    }
}

#[test]
fn kernels_are_shown_without_a_schedule() {
    let folder = Folder::new();
    let kernel =
        |name: &str, n: &str| format!("kernel {name}({n} = 16) {{\n    input X: i8[{n}]\n    output Y[i] = X[i]\n}}\n");
    let one = kernel("a", "n");
    folder.write("one.tw", &one);
    assert_eq!(folder.run("lower one.tw --emit ast").good(), one);
    assert!(folder.run("lower one.tw --emit tensor -p n=48").good().contains("// i8[48]"));
    assert_eq!(folder.run("lower one.tw --emit tensor -p m=48").status, Some(1));
    assert_eq!(folder.run("lower one.tw --emit tensor -p s.n=48").status, Some(1));
    assert_eq!(folder.run("lower one.tw --emit tensor --schedule s").status, Some(1));

    folder.write("two.tw", one + "\n" + &kernel("b", "m"));
    let both = folder.run("lower two.tw --emit tensor -p m=32");
    assert!(both.good().contains("// i8[16]") && both.text().contains("// i8[32]"), "{both}");
    assert_eq!(folder.run("lower two.tw --emit tensor -p k=32").status, Some(1));
    assert!(folder.run("lower two.tw --emit schedule").good().contains("schedule"));

    let schedules = "\nschedule s for a {\n}\n\nschedule t for a {\n}\n";
    folder.write("several.tw", kernel("a", "n") + schedules);
    let with_both = folder.run("lower several.tw --emit tensor");
    assert_eq!(with_both.good(), folder.run("lower several.tw --emit tensor --schedule t").good());
}

#[test]
fn a_form_goes_to_a_file_beside_the_way() {
    let folder = Folder::new();
    for way in ["--step", "--print-after fold"] {
        let shown = folder.run(&format!("lower matmul.tw {way} --emit legal -o m.loops"));
        assert_eq!(shown.good(), folder.run(&format!("lower matmul.tw {way}")).good());
        assert_eq!(folder.read("m.loops"), folder.run("lower matmul.tw").stdout);
    }
}

#[test]
fn tokens_stand_beside_the_instructions_that_exchange_them() {
    let folder = Folder::new();
    let shown = folder.run("lower matmul.tw --tokens");
    let has = |text: &str| shown.text().lines().any(|line| line.trim_start() == text);
    assert!(has("load X_buf[0] <- X[ro] y 1 x 1 stride 1  // after compute 1 of 2"), "{shown}");
    assert!(has("store C[0] -> Y[0] y 1 x 4 stride 4  // after compute, before compute"), "{shown}");
    // They are comments: the text is the same program.
    folder.write("m.legal", shown.good());
    assert_eq!(folder.run("lower m.legal").good(), folder.run("lower matmul.tw").good());
    assert_eq!(folder.run("lower matmul.tw --tokens --emit asm").status, Some(2));
    assert_eq!(folder.run("lower matmul.tw --tokens --passes fold").status, Some(2));
}

#[test]
fn loops_of_one_iteration_are_shown_where_all_are() {
    let folder = Folder::new();
    let kernel = "kernel k(m = 1, n = 16) {\n    input X: i32[m, n]\n    output Y[i, j] = i8(X[i, j])\n}\n";
    folder.write("k.tw", kernel);
    let (short, full) = (folder.run("lower k.tw --emit loops"), folder.run("lower k.tw --emit loops --full"));
    assert!(full.good().contains(" in 0..1 {") && !short.good().contains(" in 0..1 {"), "{short}{full}");
    folder.write("short.loops", short.good());
    folder.write("full.loops", full.good());
    let [one, other] = ["short", "full"].map(|name| folder.run(&format!("lower {name}.loops --emit asm")));
    assert_eq!(one.good(), other.good());
}
