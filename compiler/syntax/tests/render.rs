//! How diagnostics are drawn, on texts that no renderer likes.

use proptest::prelude::*;
use tilewright_syntax::{Diagnostic, FileId, Sources, Span, render};

fn one_file(text: impl Into<String>) -> (Sources, FileId) {
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    (sources, file)
}

#[test]
fn every_part_of_a_diagnostic_is_drawn() {
    let (mut sources, file) = one_file("kernel k {\n\tC[i] = é + b\r\n}\n");
    let other = sources.add("other.tw", "schedule s for k {}");
    let diagnostic = Diagnostic::error("E0999", "the message")
        .secondary(Span::new(other, 9, 10), "in another file")
        .primary(Span::new(file, 19, 21), "the primary label")
        .secondary(Span::new(file, 7, 8), "the secondary label")
        .note("a reason")
        .help("a choice\nand another");
    insta::assert_snapshot!(render(&diagnostic, &sources, false));
}

#[test]
fn a_diagnostic_without_labels_has_a_message_only() {
    let diagnostic = Diagnostic::warning("E0999", "the message").help("a choice");
    insta::assert_snapshot!(render(&diagnostic, &Sources::default(), false));
}

#[test]
fn color_adds_escapes_only() {
    let (sources, file) = one_file("abc");
    let diagnostic = Diagnostic::error("E0999", "the message").primary(Span::new(file, 1, 2), "here");
    let colored = render(&diagnostic, &sources, true);
    assert!(colored.contains("\u{1b}["));
    assert!(!render(&diagnostic, &sources, false).contains('\u{1b}'));
}

#[test]
fn an_empty_file_and_its_end_can_be_shown() {
    let (sources, file) = one_file("");
    let diagnostic = Diagnostic::error("E0999", "the message").primary(Span::new(file, 0, 0), "here");
    insta::assert_snapshot!(render(&diagnostic, &sources, false));
}

#[test]
fn long_names_and_messages_are_cut() {
    let (sources, file) = one_file("abc");
    let name = "é".repeat(200_000);
    let diagnostic = Diagnostic::error("E0999", format!("there is no `{name}` here"))
        .primary(Span::new(file, 0, 3), format!("`{name}`"))
        .note("a b ".repeat(50_000))
        .help(format!("did you mean `{name}`?"));
    let text = render(&diagnostic, &sources, false);
    let cut = format!("`{}…`", "é".repeat(100));
    assert!(text.starts_with(&format!("error[E0999]: there is no {cut} here\n")), "{text}");
    assert!(text.contains(&format!("^^^ {cut}\n")) && text.ends_with(&format!("did you mean {cut}?")), "{text}");
    assert!(text.contains(&format!("{}…\n", "a b ".repeat(1000))), "{text}");

    let message = render(&Diagnostic::error("E0999", "- ".repeat(300)), &sources, false);
    assert_eq!(message, format!("error[E0999]: {}…", "- ".repeat(250)));
    let short = format!("{} {}", "a".repeat(100), "b".repeat(100));
    assert!(render(&Diagnostic::error("E0999", &*short), &sources, false).ends_with(&short));
}

#[test]
fn long_lines_are_cut_to_a_window() {
    let (sources, file) = one_file(format!("{} + {}\n", "a".repeat(200_000), "é\t".repeat(100_000)));
    let at = |start, end| Span::new(file, start, end);
    let diagnostics = [
        Diagnostic::error("E0999", "wide").primary(at(4, 199_990), "here"),
        Diagnostic::error("E0999", "far apart").primary(at(0, 1), "here").secondary(at(200_001, 200_002), "there"),
        Diagnostic::error("E0999", "inside").primary(at(0, 200_000), "here").secondary(at(100_000, 100_001), "there"),
        Diagnostic::error("E0999", "narrow").primary(at(300_000, 300_001), "here"),
    ];
    for diagnostic in diagnostics {
        let text = render(&diagnostic, &sources, false);
        assert!(text.len() < 3000, "{} has {} bytes", diagnostic.message, text.len());
        assert!(text.contains("here"), "{text}");
    }
}

#[test]
fn escapes_in_the_source_do_not_reach_the_terminal() {
    let (sources, file) = one_file("a \u{1b}[31m b");
    let diagnostic = Diagnostic::error("E0999", "the message").primary(Span::new(file, 0, 1), "here");
    assert!(!render(&diagnostic, &sources, false).contains('\u{1b}'));
}

proptest! {
    #[test]
    fn any_span_of_any_text_is_drawn(text in "[a-c\r\n\t é\u{1F600}\u{0}\u{301}]{0,40}", spans in prop::collection::vec((0usize..50, 0usize..50), 1..4)) {
        let (sources, file) = one_file(text);
        let start = Diagnostic::error("E0999", "the message");
        let diagnostic = spans.iter().fold(start, |d, (a, b)| d.secondary(Span::new(file, *a, *b), "here"));
        prop_assert!(render(&diagnostic, &sources, false).starts_with("error[E0999]: the message"));
    }
}

/// Only the lines that are drawn are looked at, and they keep their numbers.
#[test]
fn lines_far_behind_are_drawn_alone() {
    let (sources, file) = one_file("\n".repeat(1_000_000) + "abc def\n" + &"\n".repeat(1_000_000) + "ghi");
    let [near, far] = [(1_000_004, 1_000_007), (2_000_008, 2_000_011)].map(|(a, b)| Span::new(file, a, b));
    let diagnostic = Diagnostic::error("E0999", "the message").primary(near, "here").secondary(far, "and there");
    insta::assert_snapshot!(render(&diagnostic, &sources, false));
}
