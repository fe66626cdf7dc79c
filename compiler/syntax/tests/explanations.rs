//! The pages that explain errors say what is true: their headings, their examples and their fixes.

use std::collections::BTreeSet;

use tilewright_syntax::{Diagnostic, EXPLANATIONS, Explanation, Sources, explain, parse};

/// The fenced block under a heading.
fn block<'a>(page: &'a Explanation, heading: &str) -> &'a str {
    let section = page.text.split(&format!("\n## {heading}\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("{} has a section `{heading}`", page.code));
    let section = section.split("\n## ").next().unwrap();
    let body = section.split("\n```tilewright\n").nth(1);
    let body = body.unwrap_or_else(|| panic!("{} has a block under `{heading}`", page.code));
    body.split("\n```\n").next().unwrap()
}

fn parse_block(text: &str) -> Result<(), Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let file = sources.add("page.tw", text);
    parse(&sources, file).map(|_| ())
}

fn pages_of_this_stage() -> impl Iterator<Item = &'static Explanation> {
    EXPLANATIONS.iter().filter(|page| page.code.starts_with("E01"))
}

#[test]
fn headings_agree_with_the_registry() {
    for page in EXPLANATIONS {
        assert_eq!(page.text.lines().next().unwrap(), format!("# {}: {}", page.code, page.title));
    }
}

#[test]
fn codes_are_in_order_and_without_repetition() {
    assert!(EXPLANATIONS.windows(2).all(|pair| pair[0].code < pair[1].code));
}

#[test]
fn every_page_is_registered() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
    let names = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let pages: BTreeSet<String> = names.collect();
    let registered = EXPLANATIONS.iter().filter(|page| !page.internal).map(|page| format!("{}.md", page.code));
    assert_eq!(pages, registered.collect());
}

#[test]
fn internal_errors_share_one_text() {
    let body = |page: &Explanation| page.text.split_once("\n\n").map(|(_, body)| body);
    let texts: BTreeSet<_> = EXPLANATIONS.iter().filter(|page| page.internal).map(body).collect();
    assert_eq!(texts.len(), 1);
    assert!(texts.iter().flatten().all(|text| text.contains("report")));
}

#[test]
fn examples_give_exactly_their_error() {
    for page in pages_of_this_stage() {
        let errors = parse_block(block(page, "Example")).expect_err(page.code);
        assert_eq!(errors.iter().map(|e| e.code).collect::<Vec<_>>(), [page.code]);
    }
}

#[test]
fn fixes_are_accepted() {
    for page in pages_of_this_stage() {
        assert_eq!(parse_block(block(page, "Fix")), Ok(()), "{}", page.code);
    }
}

#[test]
fn codes_are_found_in_any_case() {
    assert_eq!(explain("e0102").map(|page| page.title), Some("syntax error"));
    assert_eq!(explain("E9999"), None);
    assert_eq!(explain(""), None);
}
