//! Extents of a definition's axes: each is written as `axis < extent`, or is the size of every dimension that the axis
//! indexes by itself. An array with a value outside may be read further, or less far, where the extent is written.

use tilewright_syntax::ast::{self, AxisDecl, Expr, ExprKind, Ident};

use super::scope::Scope;
use super::{Checked, Checker};
use crate::tensor::error::{ExtentSource, TensorError};

impl Checker<'_> {
    /// The extent of each declared axis of a definition whose value is `body`, as far as something gives it: what is
    /// written, what is `known` of the first ones, or the dimensions that they index.
    pub(super) fn extents(
        &self,
        define: &ast::Define,
        declared: &[&AxisDecl],
        known: &[ExtentSource],
        body: &Expr,
    ) -> Checked<Vec<Option<i64>>> {
        let mut written = declared.iter().map(|axis| self.written_extent(axis)).collect::<Checked<Vec<_>>>()?;
        for (extent, known) in written.iter_mut().zip(known) {
            extent.get_or_insert_with(|| known.clone());
        }
        let scope = self.scope(define, &[]);
        let mut extents = Extents { scope, declared, sources: written };
        extents.visit(body)?;
        Ok(extents.sources.iter().map(|source| source.as_ref().map(|s| s.extent)).collect())
    }

    fn written_extent(&self, axis: &AxisDecl) -> Checked<Option<ExtentSource>> {
        let Some(e) = &axis.extent else { return Ok(None) };
        let extent = self.extent(e, || format!("the extent of axis `{}`", axis.name.name))?;
        Ok(Some(ExtentSource { extent, span: axis.name.span.to(e.span), dimension: None }))
    }
}

/// The first source found for each axis.
struct Extents<'a> {
    /// Without the axes, which have no extents before this has run.
    scope: Scope<'a>,
    declared: &'a [&'a AxisDecl],
    sources: Vec<Option<ExtentSource>>,
}

impl Extents<'_> {
    fn visit(&mut self, e: &Expr) -> Checked<()> {
        match &e.kind {
            ExprKind::Int(_) | ExprKind::Decimal(_) | ExprKind::Name(_) => Ok(()),
            ExprKind::Paren(inner) | ExprKind::Negate(inner) => self.visit(inner),
            ExprKind::Binary { left, right, .. } | ExprKind::Compare { left, right, .. } => {
                self.visit(left)?;
                self.visit(right)
            }
            ExprKind::Call { args, .. } => args.iter().try_for_each(|arg| self.visit(arg)),
            ExprKind::Reduce { body, .. } => self.visit(body),
            ExprKind::Index { tensor, indices } => self.visit_read(tensor, indices, e),
        }
    }

    fn visit_read(&mut self, ident: &Ident, indices: &[Expr], read: &Expr) -> Checked<()> {
        let id = self.scope.tensor_with_rank(ident, indices.len(), read.span)?;
        let (read, shape) = (self.scope.kernel.tensor(id), self.scope.written_shape(id).to_vec());
        let is_guarded = read.outside.is_some();
        for (dimension, (index, &extent)) in indices.iter().zip(&shape).enumerate() {
            let Some(axis) = self.plain_axis(index) else { continue };
            if is_guarded && self.is_written(axis) {
                continue;
            }
            let dimension = Some((dimension, ident.name.clone()));
            self.add(axis, ExtentSource { extent, span: index.span, dimension })?;
        }
        Ok(())
    }

    /// The position of the axis that an index consists of.
    fn plain_axis(&self, index: &Expr) -> Option<usize> {
        match &index.kind {
            ExprKind::Name(name) => self.declared.iter().position(|a| a.name.name == *name),
            ExprKind::Paren(inner) => self.plain_axis(inner),
            _ => None,
        }
    }

    fn is_written(&self, axis: usize) -> bool {
        self.sources[axis].as_ref().is_some_and(|source| source.dimension.is_none())
    }

    fn add(&mut self, axis: usize, source: ExtentSource) -> Checked<()> {
        match &self.sources[axis] {
            None => self.sources[axis] = Some(source),
            Some(first) if first.extent == source.extent => {}
            Some(first) => {
                let axis = self.declared[axis].name.name.clone();
                let sources = Box::new([first.clone(), source]);
                return Err(TensorError::ExtentConflict { axis, sources }.into());
            }
        }
        Ok(())
    }
}
