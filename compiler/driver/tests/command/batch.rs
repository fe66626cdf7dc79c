//! `run --batch` and `run --probe`: many inputs at once, and the values of any stage.

use insta::assert_snapshot;

use crate::support::{Folder, npy};

/// Two stages of which the second is beyond the range of the output, which saturates.
const SCALED: &str = "\
kernel scaled(n = 16) {
    input x: i32.q7[n]
    input w: i32.q7[n]
    p[i] = x[i] + w[i]
    s[i] = p[i] + p[i]
    output y[i] = sat8.q7(s[i])
}
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("scaled.tw", SCALED);
    folder
}

/// An array file of `int32`.
fn words(shape: &str, values: &[i32]) -> Vec<u8> {
    npy("<i4", shape, false, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// The integers behind the header of an array file.
fn values(bytes: &[u8]) -> (String, Vec<i8>) {
    let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let header = String::from_utf8(bytes[10..10 + length].to_vec()).unwrap();
    (header, bytes[10 + length..].iter().map(|byte| *byte as i8).collect())
}

#[test]
fn a_batch_is_its_runs_one_by_one() {
    let folder = folder();
    let x: Vec<i32> = (0..48).map(|k| k * 5 - 100).collect();
    folder.write("x.npy", words("(3, 16)", &x));
    let said = folder.run("run scaled.tw --batch --input x=x.npy --output y=y.npy");
    assert_snapshot!("batch", said);
    let (header, batch) = values(&folder.read("y.npy"));
    assert!(header.contains("(3, 16)"), "{header}");
    for run in 0..3 {
        folder.write("x1.npy", words("(16,)", &x[run * 16..][..16]));
        folder.run(&format!("run scaled.tw --input x=x1.npy --seed {run} --output y=y1.npy")).good();
        assert_eq!(values(&folder.read("y1.npy")).1, batch[run * 16..][..16], "run {run}");
    }
}

#[test]
fn what_is_the_same_in_all_runs_counts_none() {
    let folder = folder();
    folder.write("x.npy", words("(2, 16)", &[16; 32]));
    folder.write("w.npy", words("(16,)", &[16; 16]));
    folder.write("y.npy", npy("|i1", "(16,)", false, &[64; 16]));
    let options = "--batch 2 --input x=x.npy --input w=w.npy --expect y=y.npy --stats json";
    let figures = folder.run(&format!("run scaled.tw {options}")).json();
    assert_eq!((&figures["runs"], &figures["verified"]), (&2.into(), &true.into()), "{figures}");
    assert_eq!(figures["expected"][0]["values"], 32);
    assert_eq!(figures["expected"][0]["largest_error"], 0.0);
    assert_eq!(folder.run("run scaled.tw --batch 7 --values-only --stats json").json()["runs"], 7);
}

#[test]
fn runs_that_are_not_counted_alike_are_refused() {
    let folder = folder();
    folder.write("x.npy", words("(3, 16)", &[1; 48]));
    folder.write("w.npy", words("(2, 16)", &[1; 32]));
    assert_snapshot!("counts_differ", folder.run("run scaled.tw --batch --input x=x.npy --input w=w.npy"));
    assert_snapshot!("count_differs", folder.run("run scaled.tw --batch 4 --input x=x.npy"));
    assert_snapshot!("no_count", folder.run("run scaled.tw --batch"));
    assert_snapshot!("not_a_batch", folder.run("run scaled.tw --input x=x.npy"));
    assert_eq!(folder.run("run scaled.tw --batch 0").status, Some(2));
    assert_eq!(folder.run("run scaled.tw --batch 2 --record rec").status, Some(2));
}

#[test]
fn probes_show_where_accuracy_goes() {
    let folder = folder();
    assert_snapshot!("probes", folder.run("run scaled.tw --float --probe p --probe s --probe y"));
    let figures = folder.run("run scaled.tw --batch 4 --float --probe s --probe x --stats json").json();
    let names: Vec<_> = figures["probes"].as_array().unwrap().iter().map(|probe| probe["name"].clone()).collect();
    assert_eq!(names, ["s", "x"]);
    assert_eq!(figures["probes"][0]["values"], 64);
    assert_eq!(figures["probes"][1]["largest_error"], 0.0);
}

#[test]
fn saturated_values_are_counted() {
    let folder = folder();
    folder.write("x.npy", words("(16,)", &[127; 16]));
    folder.write("w.npy", words("(16,)", &[127; 16]));
    let options = "--input x=x.npy --input w=w.npy --probe y=y.npy --probe p=p.npy --float-outputs --stats json";
    let figures = folder.run(&format!("run scaled.tw {options}")).json();
    assert_eq!(figures["probes"][0]["saturated_share"], 1.0);
    assert_eq!(figures["probes"][1]["saturated"], 0);
    assert!(String::from_utf8_lossy(&folder.read("p.npy")).contains("<f4"));
    assert!(folder.path("y.npy").exists());
}

#[test]
fn what_is_not_there_cannot_be_probed() {
    let folder = folder();
    assert_snapshot!("unknown_stage", folder.run("run scaled.tw --probe z=z.npy"));
    assert_snapshot!("probed_twice", folder.run("run scaled.tw --probe s --probe s=s.npy"));
    assert_eq!(folder.run("run scaled.tw --probe s=-").status, Some(2));
    assert_snapshot!("probe_replaces", folder.run("run scaled.tw --probe s=scaled.tw"));
    assert!(!folder.path("z.npy").exists());
}
