//! The directives, one file each. A directive is a rewrite of a [`Schedule`] with its legality checks; its file's comment
//! shows before → after.

mod cache_read;
mod compute_at;
mod pragma;
mod reorder;
mod set_scope;
mod split;
mod tensorize;

use tilewright_syntax::ast::Ident;

use crate::schedule::args::Call;
use crate::schedule::{Schedule, ScheduleError};

/// A directive of the schedule language.
#[derive(Debug)]
pub struct Op {
    pub name: &'static str,
    /// How it is written.
    pub usage: &'static str,
    pub apply: fn(&mut Schedule, &Call) -> Result<(), ScheduleError>,
}

/// Every directive, in alphabetical order.
const OPS: [Op; 7] = [
    Op { name: "cache_read", usage: "NEW = TENSOR.cache_read(SCOPE[, READER...])", apply: cache_read::apply },
    Op { name: "compute_at", usage: "STAGE.compute_at(HOST, AXIS)", apply: compute_at::apply },
    Op { name: "pragma", usage: "STAGE.pragma([AXIS, ]dma_copy)", apply: pragma::apply },
    Op { name: "reorder", usage: "STAGE.reorder(AXIS, AXIS...)", apply: reorder::apply },
    Op { name: "set_scope", usage: "STAGE.set_scope(SCOPE)", apply: set_scope::apply },
    Op { name: "split", usage: "STAGE.split(AXIS, FACTOR) -> OUTER, INNER", apply: split::apply },
    Op { name: "tensorize", usage: "STAGE.tensorize(AXIS, gemm)", apply: tensorize::apply },
];

/// The names of all directives.
pub fn directive_names() -> Vec<&'static str> {
    OPS.iter().map(|op| op.name).collect()
}

pub(super) fn find(name: &Ident) -> Result<&'static Op, ScheduleError> {
    const TABLE: &[Op] = &OPS;
    TABLE
        .iter()
        .find(|op| op.name == name.name)
        .ok_or_else(|| ScheduleError::UnknownDirective { name: name.clone(), known: directive_names() })
}
