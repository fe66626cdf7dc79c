//! The choices in an expression: what they compare, and the expression once some of them are known.

use super::{CompareOp, Scalar};

/// Says which of its values a choice takes, by what it compares; None where that is not known.
pub type Known<'a, L> = dyn FnMut(CompareOp, &Scalar<L>, &Scalar<L>) -> Option<bool> + 'a;

impl<L> Scalar<L> {
    /// Visits every choice with what it compares, outer ones first.
    pub fn choices<'a>(&'a self, visit: &mut dyn FnMut(CompareOp, &'a Scalar<L>, &'a Scalar<L>)) {
        match self {
            Scalar::Const { .. } | Scalar::Leaf(_) => {}
            Scalar::Binary { left, right, .. } => {
                left.choices(visit);
                right.choices(visit);
            }
            Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => value.choices(visit),
            Scalar::Select { op, parts } => {
                visit(*op, &parts.left, &parts.right);
                parts.each().into_iter().for_each(|part| part.choices(visit));
            }
        }
    }

    /// The same expression with one of its values in the place of each choice of which it is known which it takes.
    pub fn choose(&self, known: &mut Known<L>) -> Scalar<L>
    where
        L: Clone,
    {
        match self {
            Scalar::Const { .. } | Scalar::Leaf(_) => self.clone(),
            Scalar::Binary { op, left, right } => Scalar::binary(*op, left.choose(known), right.choose(known)),
            Scalar::Cast { to, mode, value } => Scalar::cast(*to, *mode, value.choose(known)),
            Scalar::Approx { approx, value } => Scalar::approx(approx.clone(), value.choose(known)),
            Scalar::Select { op, parts } => match known(*op, &parts.left, &parts.right) {
                Some(true) => parts.yes.choose(known),
                Some(false) => parts.no.choose(known),
                None => Scalar::select(*op, parts.rewrite(&mut |part| part.choose(known))),
            },
        }
    }
}
