//! What names mean inside one definition: axes, constants and the tensors before it.

use std::cell::Cell;
use std::collections::BTreeSet;

use tilewright_syntax::Span;
use tilewright_syntax::ast::{self, Ident};

use super::function::Bound;
use super::names::Names;
use super::scan::OpenScan;
use super::{Checked, Fault};
use crate::affine::Interval;
use crate::modules::Modules;
use crate::tensor::constants::Constants;
use crate::tensor::error::TensorError;
use crate::tensor::{AxisId, Kernel, TensorId};

/// Everything in reach of a definition.
pub(super) struct Scope<'a> {
    pub constants: &'a Constants,
    /// The tensors before the definition, and the axes including its own.
    pub kernel: &'a Kernel,
    pub names: &'a Names<'a>,
    pub failed: &'a BTreeSet<String>,
    pub define: &'a ast::Define,
    /// The definition's axes, those of its reduction included.
    pub axes: &'a [AxisId],
    /// The scan around the definition, whose steps are its first axis.
    pub scan: Option<&'a OpenScan>,
    pub modules: &'a Modules,
    /// The function whose body is looked at, with its arguments; none outside of functions.
    pub bound: Option<&'a Bound<'a>>,
    /// How many calls of functions the definition has taken.
    pub calls: &'a Cell<u32>,
}

/// What a name without indices stands for.
pub(super) enum Meaning {
    Axis(AxisId),
    Constant(i64),
}

impl Scope<'_> {
    pub fn name(&self, name: &str, span: Span) -> Checked<Meaning> {
        if let Some(axis) = self.axes.iter().find(|a| self.kernel.axis(**a).name == name) {
            return Ok(Meaning::Axis(*axis));
        }
        if let Some(value) = self.constants.get(name) {
            return Ok(Meaning::Constant(value));
        }
        if self.failed.contains(name) {
            return Err(Fault::Consequence);
        }
        if let Some(tensor) = self.names.tensor(name) {
            let rank = self.rank(tensor);
            return Err(TensorError::WithoutIndices { name: name.to_owned(), rank, span }.into());
        }
        let axes = self.axes.iter().map(|a| self.kernel.axis(*a).name.as_str());
        let known = axes.chain(self.constants.names()).map(str::to_owned).collect();
        Err(TensorError::UnknownName { name: name.to_owned(), known, span }.into())
    }

    /// The tensor that a read names, which stands before the definition.
    pub fn tensor(&self, ident: &Ident) -> Checked<TensorId> {
        let Ident { name, span } = ident;
        if self.failed.contains(name) {
            return Err(Fault::Consequence);
        }
        if let Some(tensor) = self.names.tensor(name) {
            return Ok(tensor);
        }
        let own = &self.define.name;
        if own.name == *name {
            return Err(TensorError::ReadsItself { name: name.clone(), span: *span, defined: own.span }.into());
        }
        if let Some(later) = self.names.written(name) {
            return Err(TensorError::ReadTooEarly { name: name.clone(), span: *span, defined: later.span }.into());
        }
        let known = self.kernel.tensors.iter().map(|t| t.name.clone()).collect();
        Err(TensorError::UnknownTensor { name: name.clone(), known, span: *span }.into())
    }

    /// The tensor of a read that has an index for each of its dimensions.
    pub fn tensor_with_rank(&self, ident: &Ident, found: usize, span: Span) -> Checked<TensorId> {
        let id = self.tensor(ident)?;
        let (tensor, rank) = (self.kernel.tensor(id), self.rank(id));
        if rank != found {
            let (tensor, declared) = (tensor.name.clone(), tensor.span);
            return Err(TensorError::WrongIndexCount { tensor, rank, found, span, declared }.into());
        }
        Ok(id)
    }

    /// The index that a read does not write: the step, for tensors of the scan around it.
    pub fn step(&self, tensor: TensorId) -> Option<AxisId> {
        let scan = self.scan?;
        scan.tensors.contains(&tensor).then(|| self.axes[0])
    }

    /// How many indices a read of the tensor writes.
    pub fn rank(&self, tensor: TensorId) -> usize {
        self.written_shape(tensor).len()
    }

    /// The extents of the dimensions for which a read of the tensor writes indices.
    pub fn written_shape(&self, tensor: TensorId) -> &[i64] {
        let in_scan = self.scan.is_some_and(|scan| scan.tensors.contains(&tensor));
        &self.kernel.tensor(tensor).shape[usize::from(in_scan)..]
    }

    /// The values that an axis takes.
    pub fn range(&self, axis: AxisId) -> Interval {
        Interval::below(self.kernel.axis(axis).extent)
    }
}
