//! Numbers in and out of `run`: floating-point arrays, what outputs are expected to be, and the program in floating point.

use insta::assert_snapshot;

use crate::support::{Folder, npy};

/// Halves what it takes, rounded down, in 8 bits.
const HALVE: &str = "\
kernel halve(n = 16) {
    input X: i8[n]
    D[i] = i32(X[i]) >> 1
    output Y[i] = i8(D[i])
    E[i] = D[i] + 1
    output Z[i] = i8(E[i])
}

schedule s for halve {
    X_acc = X.cache_read(acc)
    D.set_scope(acc)
    E.set_scope(acc)
}
";

const X: [f32; 16] = [1.5, 2.5, -3.25, 100.0, 200.0, -500.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];

fn float32(values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy("<f4", &format!("({},)", values.len()), false, &bytes)
}

fn float64(values: &[f64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    npy("<f8", &format!("({},)", values.len()), false, &bytes)
}

/// `count` numbers, the first of which are given and the others 0.
fn padded(values: &[f32], count: usize) -> Vec<f32> {
    let mut padded = values.to_vec();
    padded.resize(count, 0.0);
    padded
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("halve.tw", HALVE);
    folder.write("x.npy", float32(&X));
    folder
}

#[test]
fn floating_point_inputs_are_quantised() {
    let folder = folder();
    let said = folder.run("run halve.tw --input X=x.npy --output Y=y.npy");
    let quantised = said.good().lines().find(|line| line.contains("quantised")).unwrap();
    assert_eq!(quantised, "· quantised  X: i8[16]   2 of 16 values clipped (12.5 %)   largest error 372");
    // 2, 2, -3, 100, 127 and -128, halved.
    let y = folder.read("y.npy");
    assert_eq!(y[y.len() - 16..][..6], [1, 1, -2i8 as u8, 50, 63, -64i8 as u8]);

    let figures = folder.run("run halve.tw --input X=x.npy --stats json").json();
    let expected = serde_json::json!([
        {"input": "X", "type": "i8[16]", "values": 16, "clipped": 2, "largest_error": 372.0}
    ]);
    assert_eq!(figures["quantised"], expected);
    let wide: Vec<f64> = X.iter().copied().map(f64::from).collect();
    folder.write("wide.npy", float64(&wide));
    let wide = folder.run("run halve.tw --input X=wide.npy --stats json").json();
    assert_eq!(wide["quantised"], expected);
    assert!(folder.run("run halve.tw --stats json").json().get("quantised").is_none());
}

#[test]
fn outputs_are_numbers_on_request() {
    let folder = folder();
    folder.run("run halve.tw --input X=x.npy --output Y=y.npy --output Z=z.npy --float-outputs").good();
    let (y, z) = (folder.read("y.npy"), folder.read("z.npy"));
    assert!(String::from_utf8_lossy(&y[..128]).contains("'descr': '<f4'"));
    assert_eq!(y[128..][..16], [1.0_f32, 1.0, -2.0, 50.0].map(f32::to_le_bytes).concat());
    assert_eq!(z[128..][..8], [2.0_f32, 2.0].map(f32::to_le_bytes).concat());
    // What was written is what is expected of the next run, as numbers and as integers.
    folder.run("run halve.tw --input X=x.npy --expect Y=y.npy --expect Z=z.npy").good();
    folder.run("run halve.tw --input X=x.npy --output Y=i.npy").good();
    folder.run("run halve.tw --input X=x.npy --expect Y=i.npy").good();
    assert_eq!(folder.run("run halve.tw --float-outputs").status, Some(2));
}

#[test]
fn outputs_are_held_against_arrays() {
    let folder = folder();
    folder.write("y.npy", float32(&padded(&[0.875, 1.25, -1.75, 50.0, 63.0, -64.0], 16)));
    let run = "run halve.tw --input X=x.npy --values-only --expect Y=y.npy";
    assert_snapshot!("expected", folder.run(&format!("{run} --atol 0.25")).good());
    assert_snapshot!("not_expected", folder.run(&format!("{run} --atol 0.2 --output Y=out.npy")));
    // The output is what the program says, and may be looked at.
    assert!(folder.names().contains(&"out.npy".to_owned()));
    assert_eq!(folder.run(run).status, Some(3));

    let said = folder.run(&format!("{run} --atol 0.2 --stats json"));
    assert_eq!(said.status, Some(3));
    let expected = serde_json::json!([{
        "output": "Y", "file": "y.npy", "largest_error": 0.25, "index": [1], "wanted": 1.25, "got": 1.0,
        "mean_error": 0.0390625, "atol": 0.2, "beyond": 2, "values": 16,
    }]);
    assert_eq!(said.json()["expected"], expected);
}

#[test]
fn a_program_is_computed_in_floating_point() {
    let folder = folder();
    let run = "run halve.tw --input X=x.npy --values-only --float";
    assert_snapshot!("float", folder.run(run).good());
    assert_snapshot!("far_from_float", folder.run(&format!("{run} --atol 0.25")));
    folder.run(&format!("{run} --atol 0.5")).good();
    let float = folder.run(&format!("{run} --stats json")).json()["float"].clone();
    assert_eq!((float[0]["output"].as_str(), float[0]["largest_error"].as_f64()), (Some("Y"), Some(0.5)));
    assert_eq!((&float[0]["atol"], &float[0]["beyond"]), (&serde_json::Value::Null, &0.into()));
    assert_eq!(float[1]["output"], "Z");
}

#[test]
fn arrays_that_cannot_be_compared() {
    let folder = folder();
    folder.write("nan.npy", float32(&padded(&[0.0, f32::NAN], 16)));
    folder.write("short.npy", float32(&[0.0; 8]));
    folder.write("int64.npy", npy("<i8", "(16,)", false, &[0; 128]));
    assert_snapshot!("input_nan", folder.run("run halve.tw --input X=nan.npy"));
    assert_snapshot!("expected_nan", folder.run("run halve.tw --expect Y=nan.npy"));
    assert_snapshot!("expected_shape", folder.run("run halve.tw --expect Y=short.npy"));
    assert_snapshot!("expected_type", folder.run("run halve.tw --expect Y=int64.npy"));
    assert_snapshot!("expected_unknown", folder.run("run halve.tw --expect X=short.npy"));
    assert_snapshot!("atol_alone", folder.run("run halve.tw --atol 0.1"));
    assert_snapshot!("atol_negative", folder.run("run halve.tw --float --atol=-1"));
    folder.write("y.npy", float32(&[0.0; 16]));
    let said = folder.run("run halve.tw --expect Y=y.npy --output Y=y.npy");
    assert!(said.status == Some(1) && said.stderr.contains("E0607"), "{said}");
}

/// Integers stand for numbers with seven fraction bits.
#[test]
fn formats_say_what_integers_stand_for() {
    let folder = folder();
    folder.write("q7.tw", HALVE.replace("X: i8[n]", "X: i8.q7[n]").replace("D[i] + 1", "D[i] + 0.5"));
    folder.write("x.npy", float32(&padded(&[0.5, -0.25, 0.99, 2.0 / 256.0, -3.0], 16)));
    folder.write("y.npy", float32(&padded(&[0.25, -0.125, 0.495, 1.0 / 256.0, -0.5], 16)));
    folder.write("z.npy", float32(&[[0.75, 0.375, 0.995, 0.503, 0.0].as_slice(), &[0.5; 11]].concat()));
    let run = "run q7.tw --input X=x.npy --expect Y=y.npy --expect Z=z.npy --float --atol 0.004 --values-only";
    assert_snapshot!("formats", folder.run(run).good());
    folder.run("run q7.tw --input X=x.npy --output Y=out.npy --float-outputs").good();
    assert_eq!(folder.read("out.npy")[128..][..8], [0.25_f32, -0.125].map(f32::to_le_bytes).concat());
    // The accelerator drops the last bit of an odd integer.
    assert_eq!(folder.run(&run.replace("0.004", "0.003")).status, Some(3));
    folder.run("run q7.tw --seed 3 --float --atol 0.004").good();
}

/// Where the computation in floating point overflows, nothing can be said of a difference.
#[test]
fn what_is_no_number_is_not_tolerated() {
    let folder = Folder::new();
    let product = ["X[i]"; 60].join(" * ");
    folder.write(
        "over.tw",
        format!(
            "kernel k(n = 64) {{\n    input X: i32[n]\n    A[i] = {product}\n    B[i] = A[i] - A[i]\n    \
             output Y[i] = i8(B[i])\n}}\n"
        ),
    );
    let said = folder.run("run over.tw --float --atol 0.001");
    assert!(said.status == Some(3) && said.stderr.contains("differs by NaN"), "{said}");
    assert_eq!(folder.run("run over.tw --float").status, Some(0));
}
