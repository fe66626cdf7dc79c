//! The pages of directives, in `docs/directives`: each directive has one, in one form, and what the page shows before and after
//! the directive is what the command prints.
//!
//! A page has a program, whose schedule ends with the directive in a line of its own. Without that line, the program is that
//! *before* the directive. Blocks of output have captions such as ``Before, `tilewright lower FILE --emit loops`:``; of
//! loop programs, they leave out the statements with which both begin and end.

use std::path::PathBuf;

use tilewright_core::schedule::directive_usages;

use crate::markdown::{Block, blocks};
use crate::root;
use crate::shown::{hold, shown, where_different};

fn page(directive: &str) -> PathBuf {
    root().join(format!("docs/directives/{directive}.md"))
}

fn text(directive: &str) -> String {
    let path = page(directive);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The program without the last line of its schedule, which has to be the directive.
fn without_last_line(program: &str, directive: &str) -> String {
    let lines: Vec<&str> = program.lines().collect();
    let [before @ .., last, "}"] = lines.as_slice() else { panic!("the program ends with a schedule:\n{program}") };
    assert!(last.contains(&format!(".{directive}(")), "the schedule ends with the directive:\n{program}");
    format!("{}\n}}\n", before.join("\n"))
}

/// What a block of output has to hold; None for other blocks. Of loops that a page shows before and after, it is what the
/// directive changes.
fn output(block: &Block, directive: &str, program: &str, captions: &[String]) -> Option<String> {
    let (when, rest) = block.caption.split_once(", `tilewright ")?;
    let command = rest.strip_suffix("`:").unwrap_or_else(|| panic!("{} ends with the command", block.caption));
    let before = || shown(command, &without_last_line(program, directive));
    let after = || shown(command, program);
    let other = if when == "Before" { "After" } else { "Before" };
    let whole = !command.starts_with("lower") || !captions.contains(&format!("{other}, `tilewright {rest}"));
    Some(match (when, whole) {
        ("Before", true) => before(),
        ("Before", false) => where_different(&before(), &after()),
        ("After", true) => after(),
        ("After", false) => where_different(&after(), &before()),
        _ => panic!("{directive}: {when} is neither before nor after"),
    })
}

#[test]
fn each_directive_has_a_page_and_each_page_a_directive() {
    let files = std::fs::read_dir(root().join("docs/directives")).unwrap().map(|e| e.unwrap().file_name());
    let mut pages: Vec<String> = files.map(|name| name.into_string().unwrap()).collect();
    pages.sort();
    let mut wanted: Vec<String> = directive_usages().iter().map(|(name, _)| format!("{name}.md")).collect();
    wanted.sort();
    assert_eq!(pages, wanted);
}

#[test]
fn the_index_leads_to_each_page_with_its_usage() {
    let index = std::fs::read_to_string(root().join("docs/directives.md")).unwrap();
    for (name, usage) in directive_usages() {
        let line = format!("[`{usage}`](directives/{name}.md)");
        assert_eq!(index.matches(&line).count(), 1, "docs/directives.md has to have once: {line}");
    }
}

#[test]
fn pages_have_one_form() {
    for (name, usage) in directive_usages() {
        let text = text(name);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(format!("# `{usage}`").as_str()), "the first line of {name}.md");
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
        assert_eq!(headings, ["## Before and after", "## Good for", "## Refused"], "the headings of {name}.md");
        assert!(text.contains("\nTVM: "), "{name}.md says what it is in TVM");
        let refused = text.split("## Refused").nth(1).unwrap();
        assert!(refused.contains("](../errors/E0"), "{name}.md leads to the errors");
    }
}

#[test]
fn before_and_after_are_what_is_printed() {
    for (name, _) in directive_usages() {
        let mut program = None;
        let captions: Vec<String> = blocks(&text(name)).iter().map(|b| b.caption.to_owned()).collect();
        for when in ["Before, ", "After, "] {
            assert!(captions.iter().any(|c| c.starts_with(when)), "{name}.md shows no block `{when}`");
        }
        hold(&page(name), |block| {
            if block.language == "tilewright" {
                program = Some(block.content.to_owned());
                return None;
            }
            let program = program.as_ref().expect("the program stands first");
            output(block, name, program, &captions)
        });
    }
}
