//! A kernel with `i32` outputs → one that yields their bytes, since the accelerator stores no more of a value than one.
//!
//! ```text
//! output y[i < 4] = x[i] * 3   →   y[i < 4] = x[i] * 3
//!                                  output y_0[i0] = i8(y[i0] >> 0);  output y_8[i0] = i8(y[i0] >> 8);  ...
//! ```

use tilewright_syntax::ast::{AxisDecl, BinaryOp, Define, Expr, ExprKind, Ident, Kernel, KernelStmt};

use crate::scalar::DType;
use crate::tensor::{self, TensorId};

/// How far to the right each byte of an `i32` stands.
const SHIFTS: [i64; 4] = [0, 8, 16, 24];

/// The kernel with its wide outputs in bytes; none if it has no such output.
pub(super) fn in_bytes(source: &Kernel, checked: &tensor::Kernel) -> Option<Kernel> {
    let wide = |name: &Ident| checked.find(&name.name).map(|id| checked.tensor(id)).filter(|t| t.dtype == DType::I32);
    let mut stmts = Vec::new();
    let mut bytes = Vec::new();
    for stmt in &source.stmts {
        let (names, inner) = match stmt {
            KernelStmt::Define(define) if define.output => {
                let inner = Define { output: false, ..define.clone() };
                (vec![&define.name], KernelStmt::Define(inner))
            }
            KernelStmt::Component(call) if call.output => {
                let inner = tilewright_syntax::ast::Component { output: false, ..call.clone() };
                (call.results.iter().collect(), KernelStmt::Component(inner))
            }
            other => (Vec::new(), other.clone()),
        };
        // The narrow ones among the results of a call would be lost, so such a call stays as it is.
        let ranks: Option<Vec<usize>> = names.iter().map(|name| Some(wide(name)?.shape.len())).collect();
        match ranks {
            Some(ranks) if !ranks.is_empty() => {
                stmts.push(inner);
                let each = names.into_iter().zip(ranks);
                bytes.extend(each.flat_map(|(name, rank)| SHIFTS.map(|shift| byte(source, name, rank, shift))));
            }
            _ => stmts.push(stmt.clone()),
        }
    }
    if bytes.is_empty() {
        return None;
    }
    stmts.append(&mut bytes);
    Some(Kernel { stmts, ..source.clone() })
}

/// The tensors of a kernel that leave it in bytes, each with the outputs that hold them, from the lowest on.
pub(super) fn parts(kernel: &tensor::Kernel) -> Vec<(TensorId, Vec<TensorId>)> {
    let byte = |id: TensorId, shift: &i64| {
        let found = kernel.find(&byte_name(&kernel.tensor(id).name, *shift))?;
        kernel.tensor(found).output.then_some(found)
    };
    let bytes = |id: TensorId| SHIFTS.iter().map(|shift| byte(id, shift)).collect::<Option<Vec<_>>>();
    kernel.ids().filter_map(|id| Some((id, bytes(id)?))).collect()
}

fn byte_name(tensor: &str, shift: i64) -> String {
    format!("{tensor}_{shift}")
}

/// Eight bits of each element of a tensor.
fn byte(source: &Kernel, tensor: &Ident, rank: usize, shift: i64) -> KernelStmt {
    let span = tensor.span;
    let expr = |kind| Expr { kind, span };
    let ident = |name: String| Ident { name, span };
    let taken = |name: &String| source.params.iter().any(|p| p.name.name == *name);
    let axis = |at: usize| {
        let mut names = std::iter::successors(Some(format!("i{at}")), |name| Some(format!("{name}_")));
        ident(names.find(|name| !taken(name)).unwrap_or_default())
    };
    let axes: Vec<Ident> = (0..rank).map(axis).collect();
    let indices = axes.iter().map(|a| expr(ExprKind::Name(a.name.clone()))).collect();
    let whole = expr(ExprKind::Index { tensor: tensor.clone(), indices });
    let (left, right) = (Box::new(whole), Box::new(expr(ExprKind::Int(shift))));
    let shifted = expr(ExprKind::Binary { op: BinaryOp::Shr, left, right });
    let (function, settings, args) = (ident("i8".into()), Vec::new(), vec![shifted]);
    let value = ExprKind::Call { function, format: None, settings, args, named: Vec::new() };
    KernelStmt::Define(Define {
        output: true,
        name: ident(byte_name(&tensor.name, shift)),
        axes: axes.into_iter().map(|name| AxisDecl { name, extent: None }).collect(),
        value: expr(value),
        span,
    })
}
