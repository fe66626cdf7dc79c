//! Error code → its explanation, as `tilewright explain` prints it.
//!
//! The texts are the pages of `docs/errors`, so that the book and the command say the same. A page has the form
//!
//! ````text
//! # E0101: title
//!
//! What the error means.
//!
//! ## Example
//!
//! ```tilewright
//! a program that gives exactly this error
//! ```
//!
//! ## Mend
//!
//! ```tilewright
//! a program that does not
//! ```
//! ````
//!
//! To add a code, write its page and add its line below, in order.

/// What an error code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// As diagnostics carry it: `E0101`.
    pub code: &'static str,
    /// The error in a few words; the page's heading repeats it.
    pub title: &'static str,
    /// The whole page, in Markdown.
    pub text: &'static str,
}

/// Lines `CODE: TITLE` → explanations with the texts of the pages.
macro_rules! explanations {
    ($($code:literal: $title:literal,)*) => {
        &[$(Explanation {
            code: $code,
            title: $title,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/", $code, ".md")),
        },)*]
    };
}

/// Every explanation, ordered by code.
pub const EXPLANATIONS: &[Explanation] = explanations! {
    "E0101": "unknown character",
    "E0102": "syntax error",
    "E0103": "number too large",
    "E0104": "nesting too deep",
    "E0105": "bracket without a partner",
    "E0106": "malformed number",
};

/// The explanation of a code, in capitals or not.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.code.eq_ignore_ascii_case(code))
}
