//! `approx`: its table, its files and its picture, and what is wrong with what it is asked for.

use insta::assert_snapshot;

use crate::support::Folder;

#[test]
fn methods_stand_in_the_order_of_their_cost() {
    let folder = Folder::new();
    assert_snapshot!("approx_sigmoid", folder.run("approx sigmoid --q 8"));
    assert_snapshot!("approx_tanh_csv", folder.run("approx tanh --q 9 --range 2.5 --csv"));
    let json = folder.run("approx tanh --q 9 --range 2.5 --json").json();
    let methods = json["methods"].as_array().unwrap();
    let of = |name: &str| methods.iter().map(|m| m[name].as_f64().unwrap()).collect::<Vec<f64>>();
    assert!(of("cycles").is_sorted());
    assert_eq!(json["tried"]["count"], 2 * 2 * 5 * 256);
    let front: Vec<&serde_json::Value> = methods.iter().filter(|m| m["front"] == true).collect();
    assert!(front.is_sorted_by(|a, b| a["max_error"].as_f64() > b["max_error"].as_f64()));
    for (other, error) in methods.iter().zip(of("max_error")).filter(|(m, _)| m["front"] == false) {
        let beats = |m: &&serde_json::Value| m["cycles"].as_f64() <= other["cycles"].as_f64();
        assert!(front.iter().filter(|m| beats(m)).any(|m| m["max_error"].as_f64().unwrap() <= error), "{other}");
    }
}

/// A file is what standard output is, and the picture names each method.
#[test]
fn files_hold_the_same_figures() {
    let folder = Folder::new();
    let report = folder.run("approx sigmoid --q 6 --svg front.svg --csv t.csv --json t.json");
    assert_eq!(report.good(), folder.run("approx sigmoid --q 6").good());
    assert_eq!(folder.read("t.csv"), folder.run("approx sigmoid --q 6 --csv").stdout);
    assert_eq!(folder.read("t.json"), folder.run("approx sigmoid --q 6 --json -").stdout);
    let picture = String::from_utf8(folder.read("front.svg")).unwrap();
    for name in ["hard", "ramps", "parabola", "plan", "quintic", "quartic2", "quartic8"] {
        assert!(
            picture.contains(&format!(">\n{name}\n</text>")) || picture.contains(&format!(">{name}</text>")),
            "{picture}"
        );
    }
    assert_snapshot!("approx_svg", picture);
}

#[test]
fn what_is_asked_for_has_to_be_there() {
    let folder = Folder::new();
    for (name, arguments) in [
        ("approx_unknown", "approx expm1"),
        ("approx_bits", "approx tanh --q 30"),
        ("approx_range", "approx tanh --range 0"),
        ("approx_ending", "approx tanh --svg front.png"),
        ("approx_both", "approx tanh --csv --json"),
    ] {
        let said = folder.run(arguments);
        assert_ne!(said.status, Some(0), "{said}");
        assert_snapshot!(name, said);
    }
    assert!(!folder.names().iter().any(|name| name.starts_with("front")));
}
