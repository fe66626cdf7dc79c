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
    "E0201": "no such parameter, or no value for it",
    "E0202": "not a constant",
    "E0203": "constant expression without a value",
    "E0204": "name taken",
    "E0205": "unknown element type",
    "E0206": "extent below 1",
    "E0207": "too many elements",
    "E0208": "too many steps",
    "E0209": "unknown name",
    "E0210": "tensor without indices",
    "E0211": "unknown tensor",
    "E0212": "tensor read before its definition",
    "E0213": "unknown function",
    "E0214": "wrong number of arguments",
    "E0215": "wrong number of indices",
    "E0216": "not an index",
    "E0217": "index too large",
    "E0218": "two extents for one axis",
    "E0219": "axis without extent",
    "E0220": "read outside of the array",
    "E0221": "type mismatch",
    "E0222": "number does not fit its type",
    "E0223": "shift amount out of range",
    "E0224": "division of values",
    "E0225": "reduction inside an expression",
    "E0226": "unknown reduction",
    "E0227": "kernel without output",
    "E0228": "clip to an empty range",
    "E0401": "syntax error in a loop program",
    "E0402": "text that is no part of a loop program",
    "E0403": "number out of range in a loop program",
    "E0404": "loop program nested too deeply",
    "E0405": "unknown name in a loop program",
    "E0406": "name declared twice in a loop program",
    "E0407": "index of a loop program that is not affine",
    "E0410": "loop program that breaks a rule",
    "E0601": "file that cannot be read",
    "E0602": "file that is not text",
    "E0603": "file too large",
    "E0604": "directory in the place of a file",
    "E0605": "file that cannot be written",
    "E0606": "bytes for a terminal",
    "E0610": "parameter without a number",
    "E0620": "malformed array file",
    "E0621": "array of another type",
    "E0622": "array of another shape",
    "E0623": "unknown input",
    "E0624": "unknown output",
    "E0625": "given twice",
    "E0630": "unknown pass",
    "E0631": "form that cannot be made",
    "E0632": "pass that breaks a rule",
    "E0640": "unknown error code",
    "E0650": "output that differs from the reference",
    "E0651": "memory that differs from the recording",
};

/// The explanation of a code, in capitals or not.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.code.eq_ignore_ascii_case(code))
}
