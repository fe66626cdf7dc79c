//! `accuracy`: samples in, decisions and how many of them are right out.

use insta::assert_snapshot;

use crate::support::{Folder, npy};

const CLASSIFY: &str = "\
kernel classify(n = 16, classes = 16) {
    input X: i8[n]
    input W: i8[classes, n]
    C[j] = sum(r: i32(X[r]) * i32(W[j, r]))
    D[j] = C[j] >> 4
    output Y[j] = i8(D[j])
}
";

/// An array with the same number at each of some places, and 0 elsewhere.
fn float32(shape: &str, count: usize, places: &[(usize, f32)]) -> Vec<u8> {
    let mut values = vec![0.0; count];
    places.iter().for_each(|(at, value)| values[*at] = *value);
    npy("<f4", shape, false, &values.iter().flat_map(|value: &f32| value.to_le_bytes()).collect::<Vec<_>>())
}

fn labels(labels: &[i32]) -> Vec<u8> {
    let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
    npy("<i4", &format!("({},)", labels.len()), false, &bytes)
}

/// The class of a sample is the place of its greatest element. The fourth sample is so small that it is quantised to zeros.
fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("classify")).unwrap();
    folder.write("classify.tw", CLASSIFY);
    let samples = [(0, 64.0), (16 + 1, 50.0), (32 + 2, 200.0), (48 + 3, 0.25), (64 + 9, 3.0)];
    folder.write("classify/X.npy", float32("(5, 16)", 80, &samples));
    let identity: Vec<(usize, f32)> = (0..16).map(|at| (at * 17, 16.0)).collect();
    folder.write("classify/W.npy", float32("(16, 16)", 256, &identity));
    folder.write("classify/labels.npy", labels(&[0, 1, 2, 3, 4]));
    folder
}

#[test]
fn the_report() {
    assert_snapshot!("accuracy", folder().run("accuracy classify.tw").good());
    assert_snapshot!("accuracy_of_one", folder().run("accuracy classify.tw --samples 1").good());
}

#[test]
fn a_line_for_each_sample() {
    assert_snapshot!("accuracy_csv", folder().run("accuracy classify.tw --csv").good());
}

#[test]
fn figures_for_programs() {
    let figures = folder().run("accuracy classify.tw --json").json();
    assert_eq!((figures["samples"].as_u64(), figures["verified"].as_u64()), (Some(5), Some(5)));
    assert_eq!((figures["accuracy"].as_f64(), figures["float_accuracy"].as_f64()), (Some(60.0), Some(80.0)));
    assert_eq!(figures["decided_otherwise"], 1);
    assert_eq!(figures["decisions"].as_array().unwrap().len(), 5);
    assert!(figures["sample_cycles"].as_u64() > Some(0), "{figures}");
}

#[test]
fn a_loss_may_be_too_large() {
    let folder = folder();
    folder.run("accuracy classify.tw --max-loss 20").good();
    assert_snapshot!("accuracy_too_low", folder.run("accuracy classify.tw --max-loss 19.5").stderr);
    assert_eq!(folder.run("accuracy classify.tw --max-loss 19.5").status, Some(3));
    // Without the sample that is too small, both are right as often.
    folder.run("accuracy classify.tw --max-loss 0 --samples 3").good();
}

#[test]
fn arrays_come_from_where_options_say() {
    let folder = folder();
    std::fs::rename(folder.path("classify"), folder.path("elsewhere")).unwrap();
    assert_eq!(folder.run("accuracy classify.tw").status, Some(1));
    let report = folder.run("accuracy classify.tw --inputs elsewhere").good().to_owned();
    folder.write("labels.npy", labels(&[0, 1, 2, 0, 9]));
    let all = folder.run("accuracy classify.tw --inputs elsewhere --labels labels.npy");
    assert!(all.good().contains("accelerator  100.00 %   5 of 5") && all.good() != report, "{all}");
    folder.write("x.npy", float32("(2, 16)", 32, &[(0, 1.0), (16 + 1, 1.0)]));
    folder.write("two.npy", labels(&[0, 1]));
    let two = folder.run("accuracy classify.tw --inputs elsewhere --input X=x.npy --labels two.npy");
    assert!(two.good().contains("100.00 %   2 of 2"), "{two}");
}

#[test]
fn the_help_says_where_arrays_come_from() {
    let said = Folder::new().run("accuracy --help");
    let words = said.good().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("digits/NAME.npy for digits.tw"), "{said}");
}

#[test]
fn mistakes() {
    let folder = folder();
    folder.write("one.npy", float32("(16,)", 16, &[]));
    folder.write("none.npy", float32("(0, 16)", 0, &[]));
    folder.write("thin.npy", float32("(5, 8)", 40, &[]));
    folder.write("four.npy", labels(&[0, 1, 2, 3]));
    folder.write("many.npy", labels(&[0, 1, 2, 16, 0]));
    folder.write("negative.npy", labels(&[0, 1, -1, 1, 0]));
    folder.write("names.npy", npy("<i8", "(5,)", false, &[0; 40]));
    folder.write("two.tw", CLASSIFY.replace("D[j])\n}", "D[j])\n    output Z[j] = i8(C[j])\n}"));
    let said = |options: &str| folder.run(&format!("accuracy classify.tw {options}")).to_string();
    assert_snapshot!("accuracy_no_samples", said("--input X=one.npy"));
    assert_snapshot!("accuracy_empty", said("--input X=none.npy"));
    assert_snapshot!("accuracy_shape", said("--input X=thin.npy"));
    assert_snapshot!("accuracy_few_labels", said("--labels four.npy"));
    assert_snapshot!("accuracy_label", said("--labels many.npy"));
    assert_snapshot!("accuracy_negative_label", said("--labels negative.npy"));
    assert_snapshot!("accuracy_labels_of_another_type", said("--labels names.npy"));
    assert_snapshot!("accuracy_missing", said("--inputs nowhere"));
    assert_snapshot!("accuracy_unknown_output", said("--output Q"));
    assert_snapshot!("accuracy_several_outputs", folder.run("accuracy two.tw --inputs classify"));
    assert_snapshot!("accuracy_csv_is_input", said("--csv classify/X.npy"));
}

/// The images that training never saw: right nearly always in floating point, and on the accelerator at most a point less.
#[test]
fn the_trained_classifier_is_as_right_as_in_floating_point() {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dsl-examples/lstm/digits.tw");
    let said = Folder::new().run(&format!("accuracy {program} --max-loss 1 --json -"));
    let figures = (said.good().len(), said.json()).1;
    assert_eq!((&figures["samples"], &figures["verified"]), (&360.into(), &360.into()));
    assert!(figures["float_accuracy"].as_f64().is_some_and(|share| share >= 98.0), "{figures}");
}
