//! The directives, one file each. A directive is a rewrite of a [`Schedule`] with its legality checks; its file's comment
//! shows before → after.

mod bind;
mod cache_read;
mod cache_write;
mod compute_at;
mod compute_inline;
mod compute_root;
mod double_buffer;
mod fold_bias;
mod fuse;
mod layout;
mod peel;
mod pragma;
mod reindex;
mod reorder;
mod reverse_compute_at;
mod rolling_buffer;
mod run_ahead;
mod set_scope;
mod split;
mod tensorize;
mod tile;
mod unroll;

use std::ops::Range;

use tilewright_syntax::Span;
use tilewright_syntax::ast::Ident;

use crate::schedule::args::Call;
use crate::schedule::{Attach, Schedule, ScheduleError, StageAxisId, StageId, checks};

pub(super) use compute_inline::value_at;

/// A directive of the schedule language.
#[derive(Debug)]
pub struct Op {
    pub name: &'static str,
    /// How it is written.
    pub usage: &'static str,
    /// Which of its arguments are sizes, by position. The others are names, and those that are named are sizes.
    pub sizes: Range<usize>,
    pub apply: fn(&mut Schedule, &Call) -> Result<(), ScheduleError>,
}

/// Every directive, in alphabetical order.
const OPS: [Op; 22] = [
    Op { name: "bind", usage: "STAGE.bind(AXIS, vthread)", sizes: 0..0, apply: bind::apply },
    Op {
        name: "cache_read",
        usage: "NEW = TENSOR.cache_read(SCOPE[, READER...])",
        sizes: 0..0,
        apply: cache_read::apply,
    },
    Op { name: "cache_write", usage: "NEW = STAGE.cache_write(SCOPE)", sizes: 0..0, apply: cache_write::apply },
    Op { name: "compute_at", usage: "STAGE.compute_at(HOST, AXIS)", sizes: 0..0, apply: compute_at::apply },
    Op { name: "compute_inline", usage: "STAGE.compute_inline()", sizes: 0..0, apply: compute_inline::apply },
    Op { name: "compute_root", usage: "STAGE.compute_root()", sizes: 0..0, apply: compute_root::apply },
    Op { name: "double_buffer", usage: "STAGE.double_buffer([SLOTS])", sizes: 0..1, apply: double_buffer::apply },
    Op { name: "fold_bias", usage: "STAGE.fold_bias(SUM)", sizes: 0..0, apply: fold_bias::apply },
    Op { name: "fuse", usage: "STAGE.fuse(OUTER, INNER) -> FUSED", sizes: 0..0, apply: fuse::apply },
    Op { name: "layout", usage: "TENSOR.layout(DIMENSION, DIMENSION...)", sizes: 0..0, apply: layout::apply },
    Op { name: "peel", usage: "STAGE.peel(AXIS, FIRST[, LAST])", sizes: 1..3, apply: peel::apply },
    Op { name: "pragma", usage: "STAGE.pragma([AXIS, ]dma_copy or alu)", sizes: 0..0, apply: pragma::apply },
    Op { name: "reindex", usage: "NEW = TENSOR.reindex(SCOPE, READER)", sizes: 0..0, apply: reindex::apply },
    Op { name: "reorder", usage: "STAGE.reorder(AXIS, AXIS...)", sizes: 0..0, apply: reorder::apply },
    Op {
        name: "reverse_compute_at",
        usage: "STAGE.reverse_compute_at(HOST, AXIS)",
        sizes: 0..0,
        apply: reverse_compute_at::apply,
    },
    Op {
        name: "rolling_buffer",
        usage: "STAGE.rolling_buffer([HOST, AXIS])",
        sizes: 0..0,
        apply: rolling_buffer::apply,
    },
    Op { name: "run_ahead", usage: "STAGE.run_ahead([STEPS])", sizes: 0..1, apply: run_ahead::apply },
    Op { name: "set_scope", usage: "STAGE.set_scope(SCOPE)", sizes: 0..0, apply: set_scope::apply },
    Op {
        name: "split",
        usage: "STAGE.split(AXIS, FACTOR or parts = N) -> OUTER, INNER",
        sizes: 1..2,
        apply: split::apply,
    },
    Op { name: "tensorize", usage: "STAGE.tensorize(AXIS, gemm)", sizes: 0..0, apply: tensorize::apply },
    Op { name: "tile", usage: "STAGE.tile(Y, X, FY, FX) -> YO, XO, YI, XI", sizes: 2..4, apply: tile::apply },
    Op { name: "unroll", usage: "STAGE.unroll(AXIS)", sizes: 0..0, apply: unroll::apply },
];

/// The names of all directives.
fn directive_names() -> Vec<&'static str> {
    OPS.iter().map(|op| op.name).collect()
}

/// How each directive is written, by its name.
pub fn directive_usages() -> Vec<(&'static str, &'static str)> {
    OPS.iter().map(|op| (op.name, op.usage)).collect()
}

pub(super) fn find(name: &Ident) -> Result<&'static Op, ScheduleError> {
    const TABLE: &[Op] = &OPS;
    TABLE
        .iter()
        .find(|op| op.name == name.name)
        .ok_or_else(|| ScheduleError::UnknownDirective { name: name.clone(), known: directive_names() })
}

/// Lets the readers of a stage that no directive was said of compute its value, where they may; false where not.
pub(super) fn inline(schedule: &mut Schedule, stage: StageId, span: Span) -> bool {
    let may = checks::can_inline(schedule, stage).is_ok();
    may && compute_inline::into_readers(schedule, stage, span).is_ok()
}

/// Computes a stage in a loop, and warns if it was computed there `before`.
fn put(schedule: &mut Schedule, call: &Call, stage: StageId, attach: Attach, before: Option<Attach>) {
    let place = |at: &Attach| (at.stage, at.axis, at.follows);
    if let Some(same) = before.filter(|at| place(at) == place(&attach)) {
        let reason = format!("`{}` is already computed there", call.subject.name);
        schedule.warnings.push(call.no_effect(reason, Some((same.span, "specified here"))));
    }
    schedule.attach(stage, Some(attach));
}

/// Most axes of a stage, those that were split or fused since among them: directives search them.
pub(super) const MAX_AXES: usize = 1024;

/// Refuses names behind `->` that stand twice there or that the stage's axes have, and more axes than a stage may have.
fn names_are_free(schedule: &Schedule, stage: StageId, call: &Call) -> Result<(), ScheduleError> {
    let (tensor, stage) = (schedule.stage_name(stage), schedule.stage(stage));
    let results = &call.directive.results;
    if stage.axes.len() + results.len() > MAX_AXES {
        return Err(ScheduleError::TooManyAxes { span: call.span(), tensor: tensor.to_owned() });
    }
    for (at, name) in results.iter().enumerate() {
        let earlier = results[..at].iter().find(|r| r.name == name.name).map(|r| r.span);
        let axis = stage.axes.iter().find(|a| a.name == name.name).map(|a| a.span);
        if let Some(first) = earlier.or(axis) {
            return Err(ScheduleError::NameTaken { name: name.clone(), first });
        }
    }
    Ok(())
}

/// Refuses to take a loop of a tile apart; `does` says how the directive would.
fn outside_tile(
    schedule: &Schedule,
    stage: StageId,
    axis: StageAxisId,
    call: &Call,
    does: &str,
) -> Result<(), ScheduleError> {
    let s = schedule.stage(stage);
    match s.tensorize {
        Some(tile) if s.in_tile(axis) => {
            let reason = format!("{does} `{}`, a loop of the tile", s.axis(axis).name);
            Err(ScheduleError::BreaksEarlier { span: call.span(), earlier: tile.span, reason })
        }
        _ => Ok(()),
    }
}
