//! Why a program cannot run on the accelerator, and what would help.

use thiserror::Error;
use tilewright_syntax::{Diagnostic, Span};

use crate::loops::ir::{Buffer, Origin, Scope};

/// A program that the target cannot run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LegalizeError {
    #[error("the GEMM core takes {operand} from `{}`, and `{buffer}` is in `{}`", expected.name(), scope.name())]
    OperandScope {
        operand: &'static str,
        buffer: String,
        scope: Scope,
        expected: Scope,
        origin: Origin,
        definition: Option<Span>,
    },
    #[error("nothing on the accelerator can compute `{buffer}` in `{}`", scope.name())]
    NoUnit { buffer: String, scope: Scope, origin: Origin, help: String },
    #[error("`{from}` in `{}` cannot be copied to `{to}` in `{}`", from_scope.name(), to_scope.name())]
    NoPath { from: String, from_scope: Scope, to: String, to_scope: Scope, origin: Origin, help: String },
    #[error("`{buffer}` is `{dtype}`, and the accelerator moves {allowed} here")]
    TransferType { buffer: String, dtype: &'static str, allowed: &'static str, origin: Origin },
    #[error("this moves a part of a tile: {reason}")]
    PartialTile { buffer: String, reason: String, origin: Origin, help: String },
    #[error("`{buffer}` would need two layouts")]
    LayoutConflict { buffer: String, first: String, second: String, first_origin: Origin, second_origin: Origin },
    #[error("`{buffer}` does not fit into `{}`", scope.name())]
    Capacity { buffer: String, scope: Scope, capacity: i64, needed: i64, alive: Vec<Resident>, origin: Origin },
    #[error("the loops of `{buffer}` cannot be turned into {what}: {reason}")]
    Shape { buffer: String, what: &'static str, reason: String, origin: Origin },
    #[error("the vector ALU cannot compute `{buffer}`: {reason}")]
    NotSelected { buffer: String, reason: String, origin: Origin },
    #[error("this program cannot be emitted: {reason}")]
    NotLegal { reason: String, origin: Origin },
    #[error("`{buffer}` reaches beyond the addresses of an instruction")]
    AddressRange { buffer: String, limit: i64, origin: Origin },
}

/// A buffer that is alive where another does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    pub name: String,
    pub bytes: i64,
    pub definition: Option<Span>,
    /// The directive that decides how much of it is alive.
    pub directive: Option<Span>,
}

impl LegalizeError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            LegalizeError::OperandScope { .. } => "E0501",
            LegalizeError::NoUnit { .. } => "E0502",
            LegalizeError::NoPath { .. } => "E0503",
            LegalizeError::TransferType { .. } => "E0504",
            LegalizeError::PartialTile { .. } => "E0505",
            LegalizeError::LayoutConflict { .. } => "E0506",
            LegalizeError::Capacity { .. } => "E0507",
            LegalizeError::Shape { .. } => "E0508",
            LegalizeError::NotSelected { .. } => "E0509",
            LegalizeError::AddressRange { .. } => "E0510",
            LegalizeError::NotLegal { .. } => "E0511",
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            LegalizeError::OperandScope { buffer, expected, origin, definition, .. } => {
                let d = at(d, *origin, "computed here", "asks for the GEMM core");
                let d = match definition {
                    Some(span) if Some(*span) != origin.tensor => {
                        d.secondary(*span, format!("`{buffer}` is this tensor"))
                    }
                    _ => d,
                };
                d.help(match expected {
                    Scope::Acc => format!("`{buffer}.set_scope(acc)`"),
                    scope => format!(
                        "`{buffer}_buf = {buffer}.cache_read({0})`, or `{buffer}.set_scope({0})` if it is computed",
                        scope.name()
                    ),
                })
            }
            LegalizeError::NoUnit { origin, help, .. } | LegalizeError::NoPath { origin, help, .. } => {
                at(d, *origin, "computed here", "with this directive").help(help)
            }
            LegalizeError::TransferType { origin, .. } => at(d, *origin, "copied here", "by this directive"),
            LegalizeError::PartialTile { origin, help, .. } => at(d, *origin, "moved here", "placed here").help(help),
            LegalizeError::LayoutConflict { first, second, first_origin, second_origin, .. } => {
                let d = at(d, *second_origin, &format!("here it is {second}"), "by this directive");
                match first_origin.tensor {
                    Some(span) => d.secondary(span, format!("here it is {first}")),
                    None => d,
                }
                .help("give one of the readers a copy of its own: `cache_read(SCOPE, READER)`")
            }
            LegalizeError::Capacity { .. } => self.capacity(d),
            LegalizeError::Shape { origin, .. } => at(d, *origin, "computed here", "shaped here"),
            LegalizeError::NotSelected { origin, .. } => at(d, *origin, "computed here", "by this directive")
                .help("the ALU has min, max, +, shifts and 16-bit constants, on one running value"),
            LegalizeError::AddressRange { limit, origin, .. } => at(d, *origin, "this tensor", "by this directive")
                .note(format!("all tensors of a program together have at most {limit} bytes")),
            LegalizeError::NotLegal { origin, .. } => at(d, *origin, "this tensor", "by this directive"),
        }
    }

    fn capacity(&self, d: Diagnostic) -> Diagnostic {
        let LegalizeError::Capacity { buffer, scope, capacity, needed, alive, origin } = self else { return d };
        let mut d = at(d, *origin, &format!("`{buffer}` needs {needed} bytes"), "decides how much of it is alive");
        let held: i64 = alive.iter().map(|r| r.bytes).sum();
        for resident in alive {
            if let Some(span) = resident.definition {
                d = d.secondary(span, format!("`{}` holds {} bytes", resident.name, resident.bytes));
            }
        }
        let others = match alive.len() {
            0 => "nothing else is alive there".to_string(),
            _ => format!("alive there: {}", alive.iter().map(Resident::describe).collect::<Vec<_>>().join(", ")),
        };
        d = d.note(format!("`{}` has {capacity} bytes; {others}; {} bytes in all", scope.name(), held + needed));
        let placed = match origin.directive {
            Some(_) => "compute it at a loop further inside",
            None => "compute it inside a loop of its reader",
        };
        d.help(format!(
            "{placed}: `{buffer}.compute_at(READER, AXIS)`, or split that loop so that less is read in one iteration"
        ))
    }
}

impl Resident {
    pub fn of(buffer: &Buffer, bytes: i64) -> Resident {
        Resident {
            name: buffer.name.clone(),
            bytes,
            definition: buffer.origin.tensor,
            directive: buffer.origin.directive,
        }
    }

    fn describe(&self) -> String {
        format!("`{}` ({} bytes)", self.name, self.bytes)
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
