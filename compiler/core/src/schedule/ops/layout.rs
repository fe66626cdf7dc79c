//! `W.layout(r, j)`: the order in which the tiles of a tensor lie in device memory, from the dimension whose tiles are
//! farthest apart to the one whose tiles are neighbours.
//!
//! ```text
//! before   input W: i8[256, 256] @dram                      tiles W[0, 0], W[0, 1], W[0, 2], ...
//! after    input W: i8[256, 256] @dram tile() order(1, 0)   tiles W[0, 0], W[1, 0], W[2, 0], ...
//! ```
//!
//! The runtime packs and unpacks arrays accordingly, so no value changes. A computed tensor's dimensions are called as its
//! axes are, an input's as the axes of its copies. What lies on chip is no matter of this directive: it takes over the order
//! of the tensor in device memory that it is loaded from or stored to, since a transfer that changes the order would be many.
//!
//! Checks: the tensor lies in device memory; each of its dimensions is named, and once; it was not said before.

use tilewright_syntax::ast::Ident;

use crate::schedule::args::{Call, resolve_tensor};
use crate::schedule::ops::cache_read::dimension_names;
use crate::schedule::{Schedule, ScheduleError, TileOrder};
use crate::tensor::TensorId;

pub fn apply(schedule: &mut Schedule, call: &Call) -> Result<(), ScheduleError> {
    call.expect_target(false)?;
    call.expect_results(0)?;
    call.expect_args(1..=usize::MAX)?;
    let tensor = resolve_tensor(schedule, call.subject)?;
    in_device_memory(schedule, tensor, call)?;
    if let Some(before) = schedule.tile_order(tensor) {
        let (span, first, stage) = (call.span(), before.span, call.subject.name.clone());
        return Err(ScheduleError::SaidTwice { span, first, stage, what: "laid out" });
    }
    let dims = named_dimensions(schedule, tensor, call)?;
    let shape = &schedule.kernel.tensor(tensor).shape;
    if dims.iter().filter(|d| shape[**d] > 1).is_sorted() {
        schedule.warnings.push(call.no_effect("its dimensions are already in this order".to_string(), None));
    }
    schedule.tile_orders.push(TileOrder { tensor, dims, span: call.span() });
    Ok(())
}

fn in_device_memory(schedule: &Schedule, tensor: TensorId, call: &Call) -> Result<(), ScheduleError> {
    let stage = schedule.stage_of(tensor).map(|s| schedule.stage(s));
    match stage.and_then(|s| s.scope_span.map(|span| (s.scope, span))) {
        Some((scope, place)) => {
            Err(ScheduleError::OrderOnChip { span: call.span(), tensor: call.subject.name.clone(), scope, place })
        }
        None => Ok(()),
    }
}

/// The dimensions that the arguments name, all of them and each once.
fn named_dimensions(schedule: &Schedule, tensor: TensorId, call: &Call) -> Result<Vec<usize>, ScheduleError> {
    let names = dimension_names(schedule, tensor);
    let mut dims: Vec<usize> = Vec::new();
    for at in 0..call.directive.args.len() {
        let Ident { name, span } = call.name(at, "the name of a dimension")?;
        let Some(dim) = names.iter().position(|n| *n == name) else {
            let (tensor, name) = (call.subject.name.clone(), Ident { name, span });
            return Err(ScheduleError::UnknownDimension { name, tensor, dims: names });
        };
        if let Some(first) = dims.iter().position(|d| *d == dim) {
            let first = call.directive.args[first].span;
            return Err(ScheduleError::AxisTwice { directive: "layout".to_string(), axis: name, first, second: span });
        }
        dims.push(dim);
    }
    match dims.len() == names.len() {
        true => Ok(dims),
        false => Err(ScheduleError::DimensionsMissing {
            span: call.span(),
            tensor: call.subject.name.clone(),
            missing: (0..names.len()).filter(|d| !dims.contains(d)).map(|d| names[d].clone()).collect(),
            dims: names,
        }),
    }
}
