//! `test` and `std`.

use insta::assert_snapshot;
use walkdir::WalkDir;

use crate::support::{Folder, MATMUL};

fn with_tests(tests: &str) -> String {
    format!("{MATMUL}\n{tests}")
}

const ONES: &str = "test ones for matmul(k = 16, n = 16) {\n    X = 1\n    W = 1\n    expect Y = 16\n}\n";

#[test]
fn tests_that_hold() {
    let folder = Folder::new();
    folder.write("good.tw", with_tests(ONES));
    assert_snapshot!("tests_hold", folder.run("test good.tw"));
}

#[test]
fn a_test_that_fails_shows_the_first_value_in_every_engine() {
    let folder = Folder::new();
    let wrong =
        ONES.replace("expect Y = 16", "expect Y = [[16, 16, 16, 3, 16, 16, 16, 16, 16, 16, 4, 16, 16, 16, 16, 16]]");
    folder.write("wrong.tw", with_tests(&format!("{ONES}\n{}", wrong.replace("ones", "wrong"))));
    let said = folder.run("test wrong.tw");
    assert_eq!(said.status, Some(3), "{said}");
    assert_snapshot!("tests_fail", said);
    assert_snapshot!("tests_one_by_name", folder.run("test wrong.tw ones"));
    assert_snapshot!("tests_unknown_name", folder.run("test wrong.tw one"));
    assert_snapshot!("tests_stats", folder.run("test wrong.tw --stats json wrong"));
}

const CENTRED: &str = "fn centred(x, shift) = x - 0.5 >> shift

test centre for centred {
    x: i32.q8 = [0.5, 1, -100]
    shift = 1
    expect [0, 0.25, -50.25]
}
";

#[test]
fn functions_are_tested_on_every_engine() {
    let folder = Folder::new();
    folder.write("function.tw", CENTRED);
    assert_snapshot!("tests_of_a_function", folder.run("test function.tw"));
    let far = CENTRED.replace("expect [0, 0.25, -50.25]", "expect [0, 0.27, -50] within 0.1");
    folder.write("far.tw", &far);
    let said = folder.run("test far.tw");
    assert_eq!(said.status, Some(3), "{said}");
    assert_snapshot!("tests_of_a_function_fail", said);
    folder.write("near.tw", far.replace("within 0.1", "within 0.25"));
    folder.run("test near.tw").good();
}

#[test]
fn the_tests_of_every_example_hold() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dsl-examples");
    let folder = Folder::new();
    for entry in WalkDir::new(examples) {
        let path = entry.unwrap().into_path();
        let has_tests = || std::fs::read_to_string(&path).unwrap().lines().any(|line| line.starts_with("test "));
        if path.extension().is_some_and(|e| e == "tw") && has_tests() {
            folder.run(&format!("test {}", path.display())).good();
        }
    }
}

#[test]
fn arrays_of_tests_stand_beside_the_file() {
    let folder = Folder::new();
    folder.write("from_file.tw", with_tests(&ONES.replace("X = 1", "X = \"x.npy\"")));
    assert_snapshot!("tests_missing_array", folder.run("test from_file.tw"));
    folder.run("run matmul.tw -p n=16 --output Y=x.npy").good();
    let square =
        ONES.replace("X = 1", "X = \"x.npy\"").replace("W = 1", "W = 0").replace("expect Y = 16", "expect Y = 0");
    folder.write("from_file.tw", with_tests(&square));
    folder.run("test from_file.tw").good();
}

#[test]
fn a_kernel_without_a_schedule_runs_with_the_automatic_one() {
    let folder = Folder::new();
    let kernel = MATMUL.split("schedule").next().unwrap();
    folder.write("kernel.tw", format!("{kernel}\n{ONES}"));
    assert_snapshot!("tests_without_schedule", folder.run("test kernel.tw"));
    folder.write("both.tw", with_tests(&ONES.replace(" {\n    X", " with automatic {\n    X")));
    assert_snapshot!("tests_with_automatic", folder.run("test both.tw"));
}

#[test]
fn a_schedule_in_a_file_of_its_own() {
    let folder = Folder::new();
    let (kernel, schedule) = MATMUL.split_at(MATMUL.find("schedule").unwrap());
    folder.write("kernel.tw", kernel);
    folder.write("fast.tw", format!("use \"kernel.tw\"\n\n{schedule}"));
    assert_eq!(folder.run("check fast.tw").good(), "✔ fast.tw\n");
    assert!(folder.run("run fast.tw").good().contains("all 64 values equal the reference"));
    // Where the schedule stands changes nothing, not even the order of what is free.
    let scan = include_str!("../../../../dsl-examples/scan.tw");
    let (kernel, schedule) = scan.split_at(scan.find("schedule").unwrap());
    folder.write("scan.tw", scan);
    folder.write("kernel.tw", kernel);
    folder.write("apart.tw", format!("use \"kernel.tw\"\nuse vta: alu_chain, gemv_tiles\n\n{schedule}"));
    assert_eq!(folder.run("lower apart.tw").good(), folder.run("lower scan.tw").good());
    folder.write("lost.tw", format!("use \"nothing.tw\"\n\n{schedule}"));
    assert_snapshot!("used_file_missing", folder.run("run lost.tw"));
}

#[test]
fn the_library_is_printed() {
    let folder = Folder::new();
    assert_eq!(folder.run("std").good(), "vta\n");
    assert!(folder.run("std vta").good().contains("def gemm_tiles("));
    assert_snapshot!("std_unknown", folder.run("std vat"));
}
