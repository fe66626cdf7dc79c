//! Fenced blocks of a document: text → blocks with their captions, and the text with other contents in some of them.

use std::ops::Range;

/// A fenced block.
pub struct Block<'a> {
    /// The last line that stands before it and is not empty.
    pub caption: &'a str,
    /// The word behind the fence; empty where there is none.
    pub language: &'a str,
    /// What stands between the fences, each line with its end.
    pub content: &'a str,
    range: Range<usize>,
}

/// The blocks of a document, in order.
pub fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut found, mut caption, mut at) = (Vec::new(), "", 0);
    while at < text.len() {
        let line = line_at(text, at);
        at += line.len();
        if let Some(language) = line.strip_prefix("```") {
            let length = text[at..].find("```\n").expect("blocks are closed");
            let range = at..at + length;
            found.push(Block { caption, language: language.trim(), content: &text[range.clone()], range });
            at += length + "```\n".len();
        } else if !line.trim().is_empty() {
            caption = line.trim_end();
        }
    }
    found
}

fn line_at(text: &str, at: usize) -> &str {
    text[at..].split_inclusive('\n').next().expect("the text goes on")
}

/// The text with other contents in those blocks for which `content` has one.
pub fn with_contents(text: &str, mut content: impl FnMut(&Block) -> Option<String>) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for block in blocks(text) {
        if let Some(other) = content(&block) {
            out += &text[from..block.range.start];
            out += &other;
            from = block.range.end;
        }
    }
    out + &text[from..]
}

#[test]
fn blocks_have_captions_and_languages() {
    let text = "# T\nBefore:\n\n```loops\na\nb\n```\nx\n```\n```\n";
    let found: Vec<_> = blocks(text).iter().map(|b| (b.caption, b.language, b.content)).collect();
    assert_eq!(found, [("Before:", "loops", "a\nb\n"), ("x", "", "")]);
    let replaced = with_contents(text, |b| (b.language == "loops").then(|| "c\n".to_owned()));
    assert_eq!(replaced, text.replace("a\nb\n", "c\n"));
}
