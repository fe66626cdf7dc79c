//! Why a program cannot run on the accelerator, and what would help.

use std::ops::Range;

use thiserror::Error;
use tilewright_isa::limits::MAX_PAD;
use tilewright_syntax::{Diagnostic, Span};

use crate::loops::ir::{Buffer, Origin, Scope};
use crate::select::SelectError;

/// A program that the target cannot run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LegalizeError {
    #[error("the GEMM core takes {operand} from `{}`, and `{buffer}` is in `{}`", expected.name(), scope.name())]
    OperandScope {
        operand: &'static str,
        buffer: String,
        scope: Scope,
        expected: Scope,
        /// Whether both factors are in this buffer.
        both: bool,
        origin: Origin,
        definition: Option<Span>,
    },
    #[error("the accelerator cannot compute `{buffer}` in `{}`{}", scope.name(), from_operand(operand))]
    NoUnit {
        buffer: String,
        scope: Scope,
        /// The operand that is out of reach, where it is that, with its memory.
        operand: Option<(String, Scope)>,
        origin: Origin,
        help: String,
    },
    #[error("`{from}` in `{}` cannot be copied to `{to}` in `{}`", from_scope.name(), to_scope.name())]
    NoPath { from: String, from_scope: Scope, to: String, to_scope: Scope, origin: Origin, help: String },
    #[error("`{buffer}` is `{dtype}`, and the accelerator moves {allowed} here")]
    TransferType { buffer: String, dtype: &'static str, allowed: String, origin: Origin, help: String },
    #[error("this transfers part of a tile: {reason}")]
    PartialTile { buffer: String, reason: String, origin: Origin, help: String },
    #[error("conflicting layouts of `{buffer}`")]
    LayoutConflict {
        buffer: String,
        scope: Scope,
        first: String,
        second: String,
        first_origin: Origin,
        second_origin: Origin,
    },
    #[error("{}", stated_base(buffer, *scope, tiles, *depth, overlapped))]
    StatedBase {
        buffer: String,
        scope: Scope,
        /// What the buffer would hold.
        tiles: Range<i64>,
        /// The tiles of the scratchpad.
        depth: i64,
        overlapped: Option<(String, Range<i64>)>,
        /// The bases that are possible, each from the first to the last of a range.
        free: Vec<(i64, i64)>,
        origin: Origin,
    },
    #[error("`{}` does not fit into `{}`", needed.name, scope.name())]
    Capacity {
        needed: Resident,
        scope: Scope,
        capacity: i64,
        alive: Vec<Resident>,
        /// What would be enough, where one change is.
        change: Option<Change>,
        /// The stages that read it, in order.
        readers: Vec<Reader>,
        /// The buffers whose bases the text states, with these.
        stated: Vec<(String, i64)>,
        /// Whether it is alive for the whole program, and not just in an iteration of a loop.
        at_root: bool,
        origin: Origin,
    },
    #[error("the loops of `{buffer}` cannot be turned into {what}: {reason}")]
    Shape { buffer: String, what: &'static str, reason: String, origin: Origin, help: String },
    #[error("the vector ALU cannot compute `{buffer}`: {reason}")]
    NotSelected { buffer: String, reason: String, origin: Origin },
    #[error("the ALU cannot compute this: {error}")]
    Select { error: SelectError, origin: Origin },
    #[error("this program cannot be emitted: {reason}")]
    NotLegal { reason: String, origin: Origin },
    #[error("this program cannot be emitted: the padding on one side is {tiles}, and the field holds 0 to {MAX_PAD}")]
    PadTooLarge { tiles: i64, origin: Origin },
    #[error("`{buffer}` reaches beyond the addresses of an instruction")]
    AddressRange { buffer: String, limit: i64, origin: Origin },
}

/// A stage that reads a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// None where its result lies in the storage of another tensor.
    pub name: Option<String>,
    pub definition: Option<Span>,
}

/// A buffer that is alive where another does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    pub name: String,
    pub bytes: i64,
    /// How many copies of it there are, for iterations in turn or for virtual threads.
    pub copies: i64,
    pub definition: Option<Span>,
    /// The directive that determines how much of it is live.
    pub directive: Option<Span>,
}

/// A dimension of a buffer that is made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub buffer: String,
    /// None for its slots.
    pub dim: Option<usize>,
    /// Extents in elements, or slots.
    pub from: i64,
    pub to: i64,
}

impl Change {
    fn describe(&self) -> String {
        let Change { buffer, dim, from, to } = self;
        match dim {
            Some(dim) => format!("{to} instead of {from} elements of `{buffer}` in dimension {dim} at once"),
            None if *to == 1 => format!("`{buffer}` without `double_buffer` or `vthread`"),
            None => format!("{to} slots for `{buffer}` instead of {from}"),
        }
    }
}

impl LegalizeError {
    /// What a transfer of a border is called.
    pub const PADDED_LOAD: &'static str = "a padded load";

    /// Whether a transfer cannot write the border of an array.
    pub fn is_about_padding(&self) -> bool {
        match self {
            LegalizeError::Shape { what, .. } => *what == LegalizeError::PADDED_LOAD,
            LegalizeError::PadTooLarge { .. } => true,
            _ => false,
        }
    }

    /// The code of [`LegalizeError::Capacity`]: the program is right, and the machine too small for it.
    pub const CAPACITY: &'static str = "E0507";

    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            LegalizeError::OperandScope { .. } => "E0501",
            LegalizeError::NoUnit { .. } => "E0502",
            LegalizeError::NoPath { .. } => "E0503",
            LegalizeError::TransferType { .. } => "E0504",
            LegalizeError::PartialTile { .. } => "E0505",
            LegalizeError::LayoutConflict { .. } => "E0506",
            LegalizeError::Capacity { .. } => LegalizeError::CAPACITY,
            LegalizeError::StatedBase { .. } => "E0512",
            LegalizeError::Shape { .. } => "E0508",
            LegalizeError::NotSelected { .. } => "E0509",
            LegalizeError::Select { error, .. } => error.code(),
            LegalizeError::AddressRange { .. } => "E0510",
            LegalizeError::NotLegal { .. } | LegalizeError::PadTooLarge { .. } => "E0511",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            LegalizeError::OperandScope { .. } => self.operand_scope(d),
            LegalizeError::NoUnit { origin, help, .. } => {
                at(d, *origin, "computed here", "with this directive").help(help)
            }
            LegalizeError::NoPath { origin, help, .. } | LegalizeError::TransferType { origin, help, .. } => {
                at(d, *origin, "copied here", "by this directive").help(help)
            }
            LegalizeError::PartialTile { origin, help, .. } => at(d, *origin, "moved here", "placed here").help(help),
            LegalizeError::LayoutConflict { buffer, scope, first, second, first_origin, second_origin } => {
                let d = at(d, *second_origin, &format!("here it is {second}"), "by this directive");
                match first_origin.tensor {
                    Some(span) => d.secondary(span, format!("here it is {first}")),
                    None => d,
                }
                .help(match scope {
                    Scope::Dram | Scope::Acc => format!(
                        "what a product computes lies in one way: let the sum that reads `{buffer}` run over its last \
                         dimension, as it does where the product that computes it has its factors exchanged"
                    ),
                    _ => "give one of the readers a separate copy: `cache_read(SCOPE, READER)`".to_string(),
                })
            }
            LegalizeError::Capacity { .. } => self.capacity(d),
            LegalizeError::StatedBase { free, origin, .. } => {
                let d = at(d, *origin, "this base", "by this directive");
                match free.as_slice() {
                    [] => d.help("no base leaves room for it: make it smaller, or state fewer bases"),
                    free => d.help(format!("a base can be {}; without one, the buffer is placed", shown_bases(free))),
                }
            }
            LegalizeError::Shape { origin, help, .. } => at(d, *origin, "computed here", "shaped here").help(help),
            LegalizeError::NotSelected { origin, .. } => at(d, *origin, "computed here", "by this directive")
                .help("store what it computes in a buffer of its own"),
            LegalizeError::Select { error, origin, .. } => {
                at(d, *origin, "computed here", "by this directive").help(select_help(error))
            }
            LegalizeError::AddressRange { limit, origin, .. } => at(d, *origin, "this tensor", "by this directive")
                .note(format!("all tensors of a program together have at most {limit} bytes"))
                .help("process the data in several runs"),
            LegalizeError::NotLegal { origin, .. } | LegalizeError::PadTooLarge { origin, .. } => {
                at(d, *origin, "this tensor", "by this directive")
            }
        }
    }

    fn operand_scope(&self, d: Diagnostic) -> Diagnostic {
        let LegalizeError::OperandScope { buffer, scope, expected, both, origin, definition, .. } = self else {
            return d;
        };
        let d = at(d, *origin, "computed here", "asks for the GEMM core");
        let d = match definition {
            Some(span) if Some(*span) != origin.tensor => d.secondary(*span, format!("`{buffer}` is this tensor")),
            _ => d,
        };
        let name = expected.name();
        d.help(match (expected, scope) {
            _ if *both => format!(
                "both factors are `{buffer}`: give one of them a name in the kernel, `T[...] = {buffer}[...]`, and \
                 `T.set_scope({name})`"
            ),
            (Scope::Acc, _) => format!("put it there: `{buffer}.set_scope(acc)`"),
            (_, Scope::Dram) => format!("copy it there: `{buffer}_buf = {buffer}.cache_read({name})`"),
            _ => format!("write `{name}` instead of `{}` where its scope is set", scope.name()),
        })
    }

    fn capacity(&self, d: Diagnostic) -> Diagnostic {
        let LegalizeError::Capacity { needed, scope, capacity, alive, change, readers, stated, at_root, origin } = self
        else {
            return d;
        };
        let buffer = &needed.name;
        let needs = format!("`{buffer}` needs {}", needed.size());
        let mut d = at(d, *origin, &needs, "determines how much of it is live");
        let all = alive.iter().fold(needed.bytes, |sum, r| sum.saturating_add(r.bytes));
        for (reader, span) in readers.iter().filter_map(|r| Some((r, r.definition?))) {
            if Some(span) != origin.tensor && alive.iter().all(|r| r.definition != reader.definition) {
                d = d.secondary(span, format!("reads `{buffer}`"));
            }
        }
        for resident in alive {
            if let Some(span) = resident.definition {
                d = d.secondary(span, format!("`{}` holds {}", resident.name, resident.size()));
            }
        }
        let others = match alive.len() {
            0 => "nothing else is live there".to_string(),
            _ => format!("live there: {}", alive.iter().map(Resident::describe).collect::<Vec<_>>().join(", ")),
        };
        d = d.note(format!("`{}` has {capacity} bytes; {others}; {all} bytes in all", scope.name()));
        if !stated.is_empty() {
            let bases: Vec<String> = stated.iter().map(|(name, base)| format!("`{name}` at {base}")).collect();
            d = d.note(format!("the text states bases, around which there has to be room: {}", bases.join(", ")));
        }
        if let Some(change) = change {
            d = d.note(format!("the smallest change that fits: {}", change.describe()));
        }
        match (readers.as_slice(), at_root) {
            ([reader], true) => d.help(format!(
                "all of it is alive at once; compute only what one iteration of {0} reads: `{buffer}.compute_at({1}, \
                 AXIS)`, where needed behind `{1}.split(AXIS, FACTOR) -> OUTER, INNER`",
                reader.quoted(),
                reader.word()
            )),
            ([reader], false) => d.help(format!(
                "name a loop of {0} further inside, or make an iteration of this one read less: `{1}.split(AXIS, \
                 FACTOR) -> OUTER, INNER`, then `{buffer}.compute_at({1}, OUTER)`",
                reader.quoted(),
                reader.word()
            )),
            ([], _) => d.help(format!("no stage reads `{buffer}`: remove it")),
            _ => d.help(format!(
                "several stages read `{buffer}` ({}), and it is alive until the last of them; give each a copy of its \
                 own, or compute the earlier ones inside a loop of the last",
                readers.iter().map(Reader::quoted).collect::<Vec<_>>().join(", ")
            )),
        }
    }
}

fn stated_base(
    buffer: &str,
    scope: Scope,
    tiles: &Range<i64>,
    depth: i64,
    overlapped: &Option<(String, Range<i64>)>,
) -> String {
    let name = scope.name();
    match overlapped {
        Some((other, others)) => {
            format!("`{buffer}` (tiles {tiles:?}) overlaps `{other}` (tiles {others:?}) in `{name}`")
        }
        None => format!("`{buffer}` (tiles {tiles:?}) reaches beyond the {depth} tiles of `{name}`"),
    }
}

/// `0 to 3 or 8 to 12`.
fn shown_bases(free: &[(i64, i64)]) -> String {
    let range =
        |(first, last): &(i64, i64)| if first == last { first.to_string() } else { format!("{first} to {last}") };
    free.iter().map(range).collect::<Vec<_>>().join(" or ")
}

fn select_help(error: &SelectError) -> String {
    match error {
        SelectError::Multiplication { .. } | SelectError::Subtraction { .. } => {
            "the ALU has min, max, + and shifts; products are for the GEMM core".to_string()
        }
    }
}

impl Reader {
    fn word(&self) -> &str {
        self.name.as_deref().unwrap_or("READER")
    }

    fn quoted(&self) -> String {
        self.name.as_ref().map_or("its reader".to_string(), |name| format!("`{name}`"))
    }
}

fn from_operand(operand: &Option<(String, Scope)>) -> String {
    match operand {
        Some((name, scope)) => format!(" from `{name}` in `{}`", scope.name()),
        None => String::new(),
    }
}

impl Resident {
    pub fn of(buffer: &Buffer, bytes: i64) -> Resident {
        Resident {
            name: buffer.name.clone(),
            bytes,
            copies: buffer.shape[..buffer.copies].iter().product(),
            definition: buffer.origin.tensor,
            directive: buffer.origin.directive,
        }
    }

    fn describe(&self) -> String {
        format!("`{}` ({})", self.name, self.size())
    }

    /// `512 bytes`, `2 slots of 256 bytes`.
    fn size(&self) -> String {
        match self.copies {
            1 => format!("{} bytes", self.bytes),
            copies => format!("{copies} slots of {} bytes", self.bytes / copies),
        }
    }
}

/// Labels the tensor, and the directive where there is one.
fn at(d: Diagnostic, origin: Origin, tensor: &str, directive: &str) -> Diagnostic {
    match (origin.tensor, origin.directive) {
        (Some(t), Some(s)) => d.primary(s, directive).secondary(t, tensor),
        (Some(t), None) => d.primary(t, tensor),
        (None, Some(s)) => d.primary(s, directive),
        (None, None) => d,
    }
}
