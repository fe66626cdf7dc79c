//! The text form: what a listing looks like, and what is said about a wrong one.

use tilewright_isa::{Config, Content, Program, Segment, text};

/// The copied matrix multiplication with a micro-op segment where its first instruction loads from, and an input.
fn matrix_multiply() -> Program {
    let bytes = include_bytes!("data/matrix-multiply.insns.bin");
    let mut program = Program::from_bytes(Config::default(), bytes).unwrap();
    let uops = Content::Uops(vec![0, 0x0040_0000]);
    program.segments.push(Segment { name: "micro-ops".to_string(), address: 0x12000, content: uops });
    program.segments.push(Segment { name: "X".to_string(), address: 0x1000, content: Content::Unknown(256) });
    program
}

#[test]
fn a_listing_is_readable() {
    let listing = text::print(&matrix_multiply());
    let shown: Vec<&str> = listing.lines().take(24).collect();
    insta::assert_snapshot!(shown.join("\n"));
}
