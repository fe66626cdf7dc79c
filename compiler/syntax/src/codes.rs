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
    "E0240": "comparison as a value",
    "E0241": "argument with a name",
    "E0242": "scan without a meaning",
    "E0301": "unknown directive",
    "E0302": "unknown stage",
    "E0303": "an input is no stage",
    "E0304": "unknown axis",
    "E0305": "an axis that is no loop any more",
    "E0306": "wrong arguments of a directive",
    "E0307": "an argument of another kind",
    "E0308": "a size below 1",
    "E0309": "unknown scope",
    "E0310": "a factor that does not divide",
    "E0311": "a name that is taken in the schedule",
    "E0312": "an axis twice in one directive",
    "E0313": "a scope that cannot hold the tensor",
    "E0314": "a copy that nobody would read",
    "E0315": "a reader that does not read",
    "E0316": "an axis that cannot hold the stage",
    "E0317": "a directive that breaks an earlier one",
    "E0318": "unknown pragma or intrinsic",
    "E0319": "a dma_copy that is no copy",
    "E0320": "a nest that is no GEMM",
    "E0321": "a thing said twice",
    "E0322": "a stage that is computed inline",
    "E0323": "a stage that cannot be computed inline",
    "E0324": "loops that cannot be fused",
    "E0330": "no kernel",
    "E0331": "no automatic schedule",
    "E0332": "unknown schedule",
    "E0333": "several schedules, and none chosen",
    "E0334": "a schedule for an unknown kernel",
    "E0335": "a name for two kernels or schedules",
    "E0336": "item without a meaning",
    "E0340": "a read outside of an array",
    "E0401": "syntax error in a loop program",
    "E0402": "text that is no part of a loop program",
    "E0403": "number out of range in a loop program",
    "E0404": "loop program nested too deeply",
    "E0405": "unknown name in a loop program",
    "E0406": "name declared twice in a loop program",
    "E0407": "index of a loop program that is not affine",
    "E0410": "loop program that breaks a rule",
    "E0450": "an expression that needs a temporary",
    "E0451": "a constant beyond 16 bits",
    "E0452": "a multiplication on a target without one",
    "E0453": "a shift by a computed amount",
    "E0454": "a subtraction on a target without multiplication",
    "E0460": "device memory is full",
    "E0461": "too many instructions",
    "E0462": "an array of another shape",
    "E0463": "an image of another size",
    "E0464": "an instruction with too many micro-ops",
    "E0501": "an operand in the wrong scratchpad",
    "E0502": "a computation that no unit can do",
    "E0503": "a copy without a path",
    "E0504": "a type that a transfer does not move",
    "E0505": "a part of a tile",
    "E0506": "two layouts for one tensor",
    "E0507": "a scratchpad that is too small",
    "E0508": "loops that are no operation on tiles",
    "E0509": "the value of an axis",
    "E0510": "too much device memory",
    "E0511": "a loop program that cannot be emitted",
    "E0601": "file that cannot be read",
    "E0602": "file that is not text",
    "E0603": "file too large",
    "E0604": "directory in the place of a file",
    "E0605": "file that cannot be written",
    "E0606": "bytes for a terminal",
    "E0607": "output that would replace an input",
    "E0608": "file in another form than source",
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
    "E0633": "target that is not the text's",
    "E0640": "unknown error code",
    "E0650": "output that differs from the reference",
    "E0651": "memory that differs from the recording",
    "E0652": "stream that does not order its work",
    "E0653": "cycles that differ from the hardware's",
    "E0660": "nothing to compare with",
    "E0661": "a file that holds no profile",
    "E0662": "a profile in another version",
    "E0670": "file name with another ending",
    "E0671": "range without a cycle",
    "E0672": "cycles outside of the run",
    "E0701": "a parameter that is too large",
    "E0702": "an element below one byte",
    "E0703": "a scratchpad of fewer than two elements",
    "E0704": "a micro-op of more than 32 bits",
    "E0705": "an instruction of more than 128 bits",
    "E0706": "a configuration that is no JSON object",
    "E0707": "an unknown key of a configuration",
    "E0708": "a key that stands twice",
    "E0709": "a value of another type",
    "E0710": "a value that contradicts the others",
    "E0711": "a value that does not fit its field",
    "E0712": "padding on bits that fields occupy",
    "E0721": "an unknown opcode",
    "E0722": "an unknown memory",
    "E0723": "an unknown ALU operation",
    "E0724": "bytes that are no whole number of instructions",
    "E0731": "a character that means nothing in assembler",
    "E0732": "something else was expected",
    "E0733": "an unknown name in assembler",
    "E0734": "a number out of range in assembler",
    "E0735": "a field that is stated twice",
    "E0736": "a field that is missing",
    "E0737": "an instruction of another module",
    "E0738": "a configuration that comes too late",
    "E0739": "a segment that is not as stated",
    "E0901": "segments that overlap",
    "E0902": "a segment beyond the last address",
    "E0903": "widths that cannot be executed",
    "E0904": "instructions that the host does not have",
    "E0911": "a deadlock",
    "E0912": "a stream that is too long to run",
    "E0921": "a transfer beyond a scratchpad",
    "E0922": "an address in no segment",
    "E0923": "a memory that cannot be loaded or stored",
    "E0924": "a store with pads",
    "E0925": "micro-ops beyond their buffer",
    "E0926": "an index beyond a scratchpad",
    "E0927": "a run that would take too long",
    "E0931": "a trace.json that is not one",
    "E0932": "a recording that needs too much memory",
    "E0933": "an image of another size",
    "E0934": "another number of instructions",
    "E0941": "unknown timing",
    "E0942": "a timing of another type",
    "E0943": "an unknown timing parameter",
    "E0944": "a timing parameter out of range",
    "W0801": "MUL is not everywhere",
    "W0802": "8-bit loads into the accumulator are not everywhere",
    "W0803": "a shift by values",
    "W0804": "a shift by more than 15",
    "W0805": "a shift by 32 or more",
    "W0806": "a store of what was only loaded",
    "W0807": "a count of zero",
    "W0808": "an index past a buffer",
    "W0809": "an ALU destination that comes again too soon",
    "W0810": "more tokens than a counter holds",
    "W0811": "FINISH before all work is done",
    "W0812": "a token that nobody posts",
    "W0813": "tokens that are left",
    "W0814": "a flag without a queue",
    "W0815": "a store with pads",
};

/// The explanation of a code, in capitals or not.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.code.eq_ignore_ascii_case(code))
}
