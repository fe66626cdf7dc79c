//! A stream as an assembler program.

use tilewright_core::emit::{SegmentKind, Stream};
use tilewright_isa::encode::AtInsn;
use tilewright_isa::{Codec, Content, EncodeError, Program, Segment};
use tilewright_syntax::Diagnostic;

use crate::error::our_mistake;

/// The stream with its segments; micro-ops are listed, arrays have only their place and size.
pub fn assembler_program(stream: &Stream) -> Result<Program, Diagnostic> {
    let codec = Codec::new(&stream.config);
    let words = stream.uops.iter().map(|uop| codec.encode_uop(uop)).collect::<Result<Vec<u32>, _>>();
    let words = words.map_err(|error| refused(error.code(), error.to_string()))?;
    let segment = |s: &tilewright_core::emit::Segment| Segment {
        name: s.name.clone(),
        address: s.address.into(),
        content: match s.kind {
            SegmentKind::Tensor(_) => Content::Unknown(s.bytes as u64),
            SegmentKind::Uops => Content::Uops(words.clone()),
        },
    };
    let segments = stream.segments.iter().map(segment).collect();
    Program::new(stream.config, segments, &stream.insns)
        .map_err(|error: AtInsn<EncodeError>| refused(error.error.code(), error.to_string()))
}

/// A legal program fits its target, so an instruction that cannot be encoded is no fault of the user's.
fn refused(code: &'static str, message: String) -> Diagnostic {
    our_mistake(Diagnostic::error(code, message))
}
