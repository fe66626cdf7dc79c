//! The library and the command use the words of their field.

use crate::{files, relative, root};

/// Words that have a better one: what to write instead.
const WORDS: [(&str, &str); 5] = [
    ("in the place of", "instead of"),
    (" behind ", "after"),
    ("mistake of the compiler", "internal compiler error"),
    ("Told {", "Reported"),
    ("shelf", "catalog"),
];

#[test]
fn better_words_are_used() {
    for folder in ["compiler/tilewright/src", "compiler/driver/src"] {
        for path in files(&root().join(folder), &[".rs"]) {
            let text = std::fs::read_to_string(&path).unwrap();
            for (line, code) in (1..).zip(text.lines()) {
                for (word, better) in WORDS {
                    assert!(!code.contains(word), "{}:{line} has `{word}`: write `{better}`", relative(&path));
                }
            }
        }
    }
}
