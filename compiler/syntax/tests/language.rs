//! The page of the language has every construct: each token of the grammar stands in a line of the page and in an example, and
//! each example parses and is in canonical form.

use std::collections::BTreeSet;

use tilewright_syntax::{Sources, parse_with_trivia, print};

const GRAMMAR: &str = include_str!("../src/grammar.lalrpop");
const PAGE: &str = include_str!("../../../docs/language.md");

/// The keywords and symbols of the grammar; names, numbers, texts and separators have none of their own.
fn tokens() -> BTreeSet<&'static str> {
    let quoted = GRAMMAR.lines().filter(|line| line.contains("=> Token::")).filter_map(|line| line.split('"').nth(1));
    quoted.filter(|token| !["name", "number", "decimal", "text", "separator"].contains(token)).collect()
}

/// The examples, and what stands around them.
fn examples() -> (Vec<&'static str>, String) {
    let (mut examples, mut around) = (Vec::new(), String::new());
    for (at, part) in PAGE.split("```").enumerate() {
        match (at % 2, part.split_once('\n')) {
            (0, _) => around += part,
            (_, Some((language, text))) if language.starts_with("tilewright") => examples.push(text),
            (_, Some((language, _))) => panic!("a block of `{language}` is no example"),
            (_, None) => panic!("a block has lines"),
        }
    }
    (examples, around)
}

/// Whether a token stands somewhere in a text; a keyword stands by itself.
fn has(text: &str, token: &str) -> bool {
    let is_word = token.chars().all(char::is_alphanumeric);
    match is_word {
        true => text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == token),
        false => text.contains(token),
    }
}

#[test]
fn examples_parse_and_are_in_canonical_form() {
    for text in examples().0 {
        let mut sources = Sources::default();
        let file = sources.add("language.md", text);
        let parsed = parse_with_trivia(&sources, file).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        assert_eq!(print(&parsed.program, &parsed.trivia), text);
    }
}

#[test]
fn every_token_of_the_grammar_has_a_line_and_an_example() {
    let (examples, around) = examples();
    let lines: String = around.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(" ");
    assert!(tokens().is_superset(&BTreeSet::from(["scan", "->"])), "the grammar lists its tokens: {:?}", tokens());
    for token in tokens() {
        assert!(has(&lines, token), "no line of docs/language.md tells of `{token}`");
        assert!(examples.iter().any(|example| has(example, token)), "no example in docs/language.md has `{token}`");
    }
}
