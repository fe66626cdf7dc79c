//! `A[i] = argmax(r: e)` → the greatest value, a tensor of its own, and the least index at which it stands.
//!
//! ```text
//! A[i] = argmax(r: X[i, r])     →     A_max[i] = max(r: X[i, r])
//!                                     A[i] = min(r: select(X[i, r] == A_max[i], r, n))
//! ```
//!
//! So of several that are equal the first counts. `argmin` is the same with the least value, `A_min`.

use tilewright_syntax::ast::{AxisDecl, CompareOp, Define, Expr, ExprKind, Ident};

use super::{Checked, Checker};
use crate::tensor::error::TensorError;
use crate::tensor::{Compute, Tensor};

/// The reductions that yield an index, and those that yield the value there.
pub(in crate::tensor) const INDICES: [(&str, &str); 2] = [("argmax", "max"), ("argmin", "min")];

/// A definition of an index, in parts.
struct Parts<'a> {
    define: &'a Define,
    axis: &'a AxisDecl,
    body: &'a Expr,
    /// The definition of the value that stands at the index.
    value: Define,
}

impl Checker<'_> {
    /// The tensors of a definition, the last of which has its name: one, or two where it is that of an index. `add` adds each.
    pub(super) fn defined(
        &mut self,
        define: &Define,
        add: &mut dyn FnMut(&mut Self, Tensor) -> Checked<()>,
    ) -> Checked<()> {
        let Some(parts) = parts(define)? else {
            let tensor = self.define(define)?;
            return add(self, tensor);
        };
        self.name_is_free(&define.name)?;
        let value = self.define(&parts.value)?;
        let reduced = value.compute().and_then(|c: &Compute| c.reduction.as_ref()?.axes.first().copied());
        let extent = reduced.map_or(1, |axis| self.kernel.axis(axis).extent);
        add(self, value)?;
        let index = self.define(&index(&parts, extent))?;
        add(self, index)
    }
}

fn parts(define: &Define) -> Checked<Option<Parts<'_>>> {
    let mut value = &define.value;
    while let ExprKind::Paren(inner) = &value.kind {
        value = inner;
    }
    let ExprKind::Reduce { op, axes, body } = &value.kind else { return Ok(None) };
    let Some((_, of_value)) = INDICES.into_iter().find(|(name, _)| *name == op.name) else { return Ok(None) };
    let [axis] = &axes[..] else {
        let (name, expected) = (op.name.clone(), "one axis and a value");
        return Err(TensorError::WrongArgumentCount { name, expected, found: axes.len(), span: value.span }.into());
    };
    let op = Ident { name: of_value.to_owned(), span: op.span };
    let name = Ident { name: format!("{}_{of_value}", define.name.name), span: define.name.span };
    let kind = ExprKind::Reduce { op, axes: vec![axis.clone()], body: body.clone() };
    let value = Define { output: false, name, value: Expr { kind, span: value.span }, ..define.clone() };
    Ok(Some(Parts { define, axis, body, value }))
}

/// The definition of the least index at which the value stands; `extent` is more than any.
fn index(parts: &Parts, extent: i64) -> Define {
    let Parts { define, axis, body, value } = parts;
    let span = body.span;
    let at = |kind: ExprKind| Expr { kind, span };
    let indices = define.axes.iter().map(|axis| at(ExprKind::Name(axis.name.name.clone()))).collect();
    let found = at(ExprKind::Index { tensor: value.name.clone(), indices });
    let equal = at(ExprKind::Compare { op: CompareOp::Equal, left: Box::new((*body).clone()), right: Box::new(found) });
    let chosen = at(ExprKind::Call {
        function: Ident { name: "select".to_owned(), span },
        format: None,
        settings: Vec::new(),
        args: vec![equal, at(ExprKind::Name(axis.name.name.clone())), at(ExprKind::Int(extent))],
        named: Vec::new(),
    });
    let op = Ident { name: "min".to_owned(), span };
    let declared = AxisDecl { extent: Some(at(ExprKind::Int(extent))), ..(*axis).clone() };
    let least = at(ExprKind::Reduce { op, axes: vec![declared], body: Box::new(chosen) });
    Define { value: least, ..(*define).clone() }
}
