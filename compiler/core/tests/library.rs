//! The standard library: its page says what it is, its source is in canonical form, and other files see what they name.

use tilewright_core::modules::{LIBRARY, Modules, complete, documentation};
use tilewright_syntax::ast::Item;
use tilewright_syntax::{Sources, parse_with_trivia, print};

#[test]
fn the_page_is_that_of_the_source() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/stdlib.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page, documentation(), "`tilewright std --page` prints the page");
}

#[test]
fn every_definition_is_in_canonical_form_and_has_a_comment() {
    for module in LIBRARY {
        let mut sources = Sources::default();
        let file = sources.add(module.name, module.text);
        let parsed = parse_with_trivia(&sources, file).unwrap_or_else(|e| panic!("{}: {e:?}", module.name));
        assert_eq!(print(&parsed.program, &parsed.trivia), module.text, "{}", module.name);
        for item in &parsed.program.items {
            let Item::Def(def) = item else { panic!("{} has definitions only", module.name) };
            let before = &module.text[..def.span.start as usize];
            assert!(
                before.lines().last().is_some_and(|line| line.starts_with("//")),
                "`{}` has a comment",
                def.name.name
            );
            assert!(documentation().contains(&format!("### {}\n", def.name.name)));
        }
    }
}

/// The examples are run on all engines, so what they use is tested.
#[test]
fn every_definition_is_used_by_an_example() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dsl-examples");
    let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
    let programs = files.filter(|path| path.extension().is_some_and(|e| e == "tw"));
    let examples: Vec<String> = programs.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let text = LIBRARY[0].text;
    for name in text.lines().filter_map(|line| line.strip_prefix("def ")?.split('(').next()) {
        let call = format!("{name}(");
        let in_library = text.matches(&call).count() > 1;
        assert!(in_library || examples.iter().any(|example| example.contains(&call)), "no example uses `{name}`");
    }
}

#[test]
fn files_are_read_once_and_see_what_they_use() {
    let mut sources = Sources::default();
    let main = sources.add("a/main.tw", "use \"b.tw\": one\nuse \"c/d.tw\"\nuse vta");
    let mut reads = Vec::new();
    let mut read = |path: &str| {
        reads.push(path.to_owned());
        match path {
            "a/b.tw" => Ok("use \"c/d.tw\"\nfn one(x) = x\nfn two(x) = x".to_owned()),
            "a/c/d.tw" => Ok("fn three(x) = x".to_owned()),
            _ => Err("there is no such file".to_owned()),
        }
    };
    complete(&mut sources, main, &mut read).unwrap();
    assert_eq!(reads, ["a/b.tw", "a/c/d.tw"]);
    let modules = Modules::load(&sources, main).unwrap();
    let names: Vec<&str> = modules.functions(main).iter().map(|f| f.name.name.as_str()).collect();
    assert_eq!(names, ["one", "three"]);
    let names: Vec<&str> = modules.defs(main, &[]).iter().map(|def| def.name.name.as_str()).collect();
    assert_eq!(names.len(), LIBRARY[0].text.matches("\ndef ").count());
    let b = sources.find("a/b.tw").unwrap();
    assert_eq!(modules.functions(b).len(), 3);
}
