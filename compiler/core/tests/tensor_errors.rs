//! Each kernel in `tensor_errors/` is wrong; the snapshot of its name shows what the user is told. A first line `// -p n=3`
//! gives parameters. Pages of the book about these errors are held to what they say.

use std::fs;
use std::path::{Path, PathBuf};

use tilewright_core::modules::Modules;
use tilewright_core::tensor::{self, Constants, Kernel};
use tilewright_syntax::ast::Item;
use tilewright_syntax::{Diagnostic, Sources, parse, render};

/// The sizes of the default target.
fn target() -> Constants {
    [("BATCH", 1), ("BLOCK_IN", 16), ("BLOCK_OUT", 16)].into_iter().collect()
}

/// The parameters in a first line `// -p m=1 -p n=3`.
fn overrides(text: &str) -> Vec<(String, i64)> {
    let first = text.lines().next().unwrap_or_default();
    let given = first.strip_prefix("// ").into_iter().flat_map(|options| options.split("-p ").skip(1));
    given
        .map(|option| {
            let (name, value) = option.trim().split_once('=').expect("an option is NAME=VALUE");
            (name.to_owned(), value.parse().expect("a value is a number"))
        })
        .collect()
}

fn check(name: &str, text: &str) -> (Sources, Result<Kernel, Vec<Diagnostic>>) {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let program = parse(&sources, file).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
    let kernel = program.items.iter().find_map(|item| match item {
        Item::Kernel(kernel) => Some(kernel),
        _ => None,
    });
    let kernel = kernel.expect("the file has a kernel");
    let modules = Modules::load(&sources, file).expect("nothing is used");
    let checked = tensor::check_functions(&modules, &target())
        .and_then(|()| tensor::check_with(kernel, &overrides(text), &target(), &modules));
    (sources, checked)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

#[test]
fn every_wrong_kernel_is_told_so() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensor_errors");
    let cases = files(&folder, "tw");
    assert!(!cases.is_empty());
    for case in cases {
        let name = case.file_stem().and_then(|s| s.to_str()).expect("names are plain").to_owned();
        let text = fs::read_to_string(&case).expect("the case can be read");
        let (sources, checked) = check(&format!("{name}.tw"), &text);
        let errors = checked.expect_err(&name);
        let told: Vec<String> = errors.iter().map(|e| render(e, &sources, false)).collect();
        insta::assert_snapshot!(name, told.join("\n\n"));
    }
}

/// The first code block behind a heading.
fn block<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, section) = page.split_once(heading).unwrap_or_else(|| panic!("no `{heading}`"));
    let (_, block) = section.split_once("```tilewright\n").expect("a block of source");
    block.split_once("```").expect("the block ends").0
}

#[test]
fn every_page_shows_its_error_and_its_fix() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let pages: Vec<PathBuf> = files(&folder, "md");
    let pages = pages.iter().filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("E02")));
    let mut count = 0;
    for path in pages {
        let code = path.file_stem().and_then(|s| s.to_str()).expect("names are plain");
        let page = fs::read_to_string(path).expect("the page can be read");
        assert!(page.starts_with(&format!("# {code}: ")), "{code}: the page begins with its code");
        let (_, wrong) = check(code, block(&page, "## Example"));
        let codes: Vec<&str> = wrong.expect_err(code).iter().map(|e| e.code).collect();
        assert_eq!(codes, [code]);
        let (sources, fixed) = check(code, block(&page, "## Fix"));
        if let Err(errors) = fixed {
            panic!("the fix of {code} is wrong: {}", render(&errors[0], &sources, false));
        }
        count += 1;
    }
    assert!(count >= 28, "the pages are where they are expected");
}
