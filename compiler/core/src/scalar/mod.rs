//! Scalar expressions and what they do to bits: the one place that states it. The tensor program, the loop IR and the
//! instruction selection share this type and differ only in their leaves.
//!
//! Every value is kept in an `i32` and lies in the range of its type. Arithmetic is done in `i32` and wraps there.

pub mod approx;
mod choices;
pub mod quotient;
pub mod range;

use tilewright_isa::AluOpcode;

use crate::scalar::approx::Approx;
use crate::scalar::quotient::Quotient;

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    I8,
    I32,
}

impl DType {
    pub const ALL: [DType; 2] = [DType::I8, DType::I32];

    /// The name in the source language.
    pub fn name(self) -> &'static str {
        match self {
            DType::I8 => "i8",
            DType::I32 => "i32",
        }
    }

    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Size in memory, in bytes.
    pub fn bytes(self) -> usize {
        match self {
            DType::I8 => 1,
            DType::I32 => 4,
        }
    }

    /// The least and the greatest value.
    pub fn limits(self) -> (i64, i64) {
        match self {
            DType::I8 => (i8::MIN.into(), i8::MAX.into()),
            DType::I32 => (i32::MIN.into(), i32::MAX.into()),
        }
    }
}

/// A binary operation on `i32` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BinaryOp {
    /// Wraps.
    Add,
    /// Wraps.
    Sub,
    /// Wraps.
    Mul,
    Min,
    Max,
    /// Arithmetic, by any amount: by a negative one to the left, and by 32 or more as one bit at a time, which leaves the sign,
    /// or zero to the left.
    Shr,
    /// A shift to the right by the negated amount.
    Shl,
    /// An integer quotient. The machine has none; passes put operations in its place.
    Div(Quotient),
}

impl BinaryOp {
    pub fn eval(self, a: i32, b: i32) -> i32 {
        match self {
            BinaryOp::Add => a.wrapping_add(b),
            BinaryOp::Sub => a.wrapping_sub(b),
            BinaryOp::Mul => a.wrapping_mul(b),
            BinaryOp::Min => a.min(b),
            BinaryOp::Max => a.max(b),
            BinaryOp::Shr => AluOpcode::Shr.eval(a, b),
            BinaryOp::Shl => AluOpcode::Shr.eval(a, b.wrapping_neg()),
            BinaryOp::Div(quotient) => quotient.eval(a, b),
        }
    }
}

/// A comparison of `i32` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CompareOp {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl CompareOp {
    pub const ALL: [CompareOp; 6] = [
        CompareOp::Less,
        CompareOp::LessEqual,
        CompareOp::Greater,
        CompareOp::GreaterEqual,
        CompareOp::Equal,
        CompareOp::NotEqual,
    ];

    /// The sign in the source language.
    pub fn symbol(self) -> &'static str {
        match self {
            CompareOp::Less => "<",
            CompareOp::LessEqual => "<=",
            CompareOp::Greater => ">",
            CompareOp::GreaterEqual => ">=",
            CompareOp::Equal => "==",
            CompareOp::NotEqual => "!=",
        }
    }

    pub fn eval(self, a: i32, b: i32) -> bool {
        match self {
            CompareOp::Less => a < b,
            CompareOp::LessEqual => a <= b,
            CompareOp::Greater => a > b,
            CompareOp::GreaterEqual => a >= b,
            CompareOp::Equal => a == b,
            CompareOp::NotEqual => a != b,
        }
    }
}

/// How a conversion treats a value that its type cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CastMode {
    /// Keeps the low bits: `i8(e)`.
    Wrap,
    /// Takes the nearest value of the type: `sat8(e)`.
    Saturate,
    /// Keeps the value, which is one of the type: `fits8(e)`. Only passes say so, of what they know was stored.
    Exact,
}

/// Converts a value to a type.
pub fn cast(to: DType, mode: CastMode, value: i32) -> i32 {
    match (to, mode) {
        (DType::I32, _) | (DType::I8, CastMode::Exact) => value,
        (DType::I8, CastMode::Wrap) => value as i8 as i32,
        (DType::I8, CastMode::Saturate) => value.clamp(i8::MIN.into(), i8::MAX.into()),
    }
}

/// An expression over leaves of type `L`: reads of tensors or buffers, values of axes or loops.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scalar<L> {
    Const {
        value: i32,
        dtype: DType,
    },
    Leaf(L),
    Binary {
        op: BinaryOp,
        left: Box<Scalar<L>>,
        right: Box<Scalar<L>>,
    },
    Cast {
        to: DType,
        mode: CastMode,
        value: Box<Scalar<L>>,
    },
    /// `if left op right { yes } else { no }`; both are computed.
    Select {
        op: CompareOp,
        parts: Box<SelectParts<L>>,
    },
    /// An approximated function of an `i32` value. The tensor program has it as a whole, since what it approximates matters
    /// there; below, it is expanded.
    Approx {
        approx: Approx,
        value: Box<Scalar<L>>,
    },
}

/// The operands of a choice: what is compared, and the values to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SelectParts<L> {
    pub left: Scalar<L>,
    pub right: Scalar<L>,
    pub yes: Scalar<L>,
    pub no: Scalar<L>,
}

impl<L> SelectParts<L> {
    /// All four, in the order in which they are written.
    pub fn each(&self) -> [&Scalar<L>; 4] {
        [&self.left, &self.right, &self.yes, &self.no]
    }

    fn rewrite<M>(&self, part: &mut dyn FnMut(&Scalar<L>) -> Scalar<M>) -> SelectParts<M> {
        let (left, right) = (part(&self.left), part(&self.right));
        SelectParts { left, right, yes: part(&self.yes), no: part(&self.no) }
    }
}

impl<L> Scalar<L> {
    pub fn int(value: i32) -> Scalar<L> {
        Scalar::Const { value, dtype: DType::I32 }
    }

    pub fn binary(op: BinaryOp, left: Scalar<L>, right: Scalar<L>) -> Scalar<L> {
        Scalar::Binary { op, left: Box::new(left), right: Box::new(right) }
    }

    pub fn cast(to: DType, mode: CastMode, value: Scalar<L>) -> Scalar<L> {
        Scalar::Cast { to, mode, value: Box::new(value) }
    }

    pub fn select(op: CompareOp, parts: SelectParts<L>) -> Scalar<L> {
        Scalar::Select { op, parts: Box::new(parts) }
    }

    pub fn approx(approx: Approx, value: Scalar<L>) -> Scalar<L> {
        Scalar::Approx { approx, value: Box::new(value) }
    }

    /// For a value that keeps the low 8 bits of another: that other, without conversions that leave these bits alone.
    pub fn untruncated(&self) -> &Scalar<L> {
        let Scalar::Cast { to: DType::I8, mode: CastMode::Wrap | CastMode::Exact, value } = self else { return self };
        let mut value = &**value;
        while let Scalar::Cast { to: DType::I32, value: inner, .. }
        | Scalar::Cast { mode: CastMode::Wrap | CastMode::Exact, value: inner, .. } = value
        {
            value = inner;
        }
        value
    }

    /// The least type of which the form says that it holds the value; `leaf` has those of what it reads.
    pub fn dtype(&self, leaf: &dyn Fn(&L) -> DType) -> DType {
        match self {
            Scalar::Const { dtype, .. } | Scalar::Cast { to: dtype, .. } => *dtype,
            Scalar::Leaf(l) => leaf(l),
            Scalar::Binary { op: BinaryOp::Min | BinaryOp::Max, left, right } => {
                left.dtype(leaf).max(right.dtype(leaf))
            }
            Scalar::Binary { op: BinaryOp::Shr, left, right } => match **right {
                Scalar::Const { value: 0.., .. } => left.dtype(leaf),
                _ => DType::I32,
            },
            Scalar::Binary { .. } => DType::I32,
            Scalar::Approx { value, .. } => value.dtype(leaf),
            Scalar::Select { parts, .. } => parts.yes.dtype(leaf).max(parts.no.dtype(leaf)),
        }
    }

    pub fn eval(&self, leaf: &mut dyn FnMut(&L) -> i32) -> i32 {
        match self {
            Scalar::Const { value, .. } => *value,
            Scalar::Leaf(l) => leaf(l),
            Scalar::Binary { op, left, right } => op.eval(left.eval(leaf), right.eval(leaf)),
            Scalar::Cast { to, mode, value } => cast(*to, *mode, value.eval(leaf)),
            Scalar::Select { op, parts } => {
                let [left, right, yes, no] = parts.each().map(|part| part.eval(leaf));
                if op.eval(left, right) { yes } else { no }
            }
            Scalar::Approx { approx, value } => approx.eval(value.eval(leaf)),
        }
    }

    /// The same expression over other leaves.
    pub fn map<M>(&self, leaf: &mut dyn FnMut(&L) -> M) -> Scalar<M> {
        match self {
            Scalar::Const { value, dtype } => Scalar::Const { value: *value, dtype: *dtype },
            Scalar::Leaf(l) => Scalar::Leaf(leaf(l)),
            Scalar::Binary { op, left, right } => Scalar::binary(*op, left.map(leaf), right.map(leaf)),
            Scalar::Cast { to, mode, value } => Scalar::cast(*to, *mode, value.map(leaf)),
            Scalar::Select { op, parts } => Scalar::select(*op, parts.rewrite(&mut |part| part.map(leaf))),
            Scalar::Approx { approx, value } => Scalar::approx(approx.clone(), value.map(leaf)),
        }
    }

    /// Shifted to the right by a constant, to the left by a negative one: in the direction that leaves the amount positive,
    /// and by no more than 31.
    fn shifted_right(self, amount: i64) -> Scalar<L> {
        match amount {
            0.. => Scalar::binary(BinaryOp::Shr, self, Scalar::int(amount.min(31) as i32)),
            -31..0 => Scalar::binary(BinaryOp::Shl, self, Scalar::int(-amount as i32)),
            _ => Scalar::int(0),
        }
    }

    /// The same expression with an expression in the place of each leaf. Shifts by amounts that become constants are written
    /// as those of constants are, with amounts of 0 to 31.
    pub fn flat_map<M>(&self, leaf: &mut dyn FnMut(&L) -> Scalar<M>) -> Scalar<M> {
        match self {
            Scalar::Const { value, dtype } => Scalar::Const { value: *value, dtype: *dtype },
            Scalar::Leaf(l) => leaf(l),
            Scalar::Binary { op, left, right } => {
                let (left, right) = (left.flat_map(leaf), right.flat_map(leaf));
                match (op, &right) {
                    (BinaryOp::Shr, Scalar::Const { value, .. }) => left.shifted_right(i64::from(*value)),
                    (BinaryOp::Shl, Scalar::Const { value, .. }) => left.shifted_right(-i64::from(*value)),
                    _ => Scalar::binary(*op, left, right),
                }
            }
            Scalar::Cast { to, mode, value } => Scalar::cast(*to, *mode, value.flat_map(leaf)),
            Scalar::Select { op, parts } => Scalar::select(*op, parts.rewrite(&mut |part| part.flat_map(leaf))),
            Scalar::Approx { approx, value } => Scalar::approx(approx.clone(), value.flat_map(leaf)),
        }
    }

    /// The same expression with operations in the place of approximated functions.
    pub fn expanded(&self) -> Scalar<L>
    where
        L: Clone,
    {
        match self {
            Scalar::Const { .. } | Scalar::Leaf(_) => self.clone(),
            Scalar::Binary { op, left, right } => Scalar::binary(*op, left.expanded(), right.expanded()),
            Scalar::Cast { to, mode, value } => Scalar::cast(*to, *mode, value.expanded()),
            Scalar::Select { op, parts } => Scalar::select(*op, parts.rewrite(&mut |part| part.expanded())),
            Scalar::Approx { approx, value } => approx.expand(&value.expanded()),
        }
    }

    /// How many operations there are with those of approximated functions, each written out as often as it is read.
    pub fn expanded_size(&self) -> usize {
        let operands = self.operands().into_iter().map(Scalar::expanded_size).fold(0, usize::saturating_add);
        match self {
            Scalar::Approx { approx, .. } => {
                let (own, reads) = approx.size();
                reads.saturating_mul(operands).saturating_add(own)
            }
            _ => operands.saturating_add(1),
        }
    }

    /// The number of operations on the longest way from the top to a leaf, and of all operations.
    pub fn height_and_size(&self) -> (usize, usize) {
        match self {
            Scalar::Const { .. } | Scalar::Leaf(_) => (0, 0),
            Scalar::Binary { left, right, .. } => {
                let ((l, a), (r, b)) = (left.height_and_size(), right.height_and_size());
                (l.max(r) + 1, a + b + 1)
            }
            Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => {
                let (height, size) = value.height_and_size();
                (height + 1, size + 1)
            }
            Scalar::Select { parts, .. } => {
                let operands = [&parts.left, &parts.right, &parts.yes, &parts.no].map(|part| part.height_and_size());
                let height = operands.iter().map(|(height, _)| height).max().unwrap_or(&0);
                (height + 1, operands.iter().map(|(_, size)| size).sum::<usize>() + 1)
            }
        }
    }

    /// Visits every leaf that is said to fit a type.
    pub fn fitting_leaves(&self, visit: &mut dyn FnMut(&L, DType)) {
        match self {
            Scalar::Const { .. } | Scalar::Leaf(_) => {}
            Scalar::Binary { left, right, .. } => [left, right].iter().for_each(|part| part.fitting_leaves(visit)),
            Scalar::Cast { to, mode, value } => match (mode, &**value) {
                (CastMode::Exact, Scalar::Leaf(leaf)) => visit(leaf, *to),
                (_, inner) => inner.fitting_leaves(visit),
            },
            Scalar::Approx { value, .. } => value.fitting_leaves(visit),
            Scalar::Select { parts, .. } => parts.each().into_iter().for_each(|part| part.fitting_leaves(visit)),
        }
    }

    /// What the outermost operation works on, from left to right.
    pub fn operands(&self) -> Vec<&Scalar<L>> {
        match self {
            Scalar::Const { .. } | Scalar::Leaf(_) => Vec::new(),
            Scalar::Binary { left, right, .. } => vec![left, right],
            Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => vec![value],
            Scalar::Select { parts, .. } => parts.each().to_vec(),
        }
    }

    /// As [`Scalar::operands`], for changes.
    pub fn operands_mut(&mut self) -> Vec<&mut Scalar<L>> {
        match self {
            Scalar::Const { .. } | Scalar::Leaf(_) => Vec::new(),
            Scalar::Binary { left, right, .. } => vec![left, right],
            Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => vec![value],
            Scalar::Select { parts, .. } => {
                let SelectParts { left, right, yes, no } = &mut **parts;
                vec![left, right, yes, no]
            }
        }
    }

    /// Whether a quotient is computed somewhere.
    pub fn has_quotient(&self) -> bool {
        let own = matches!(self, Scalar::Binary { op: BinaryOp::Div(_), .. });
        own || self.operands().into_iter().any(Scalar::has_quotient)
    }

    /// Visits every leaf from left to right.
    pub fn leaves<'a>(&'a self, visit: &mut dyn FnMut(&'a L)) {
        match self {
            Scalar::Const { .. } => {}
            Scalar::Leaf(l) => visit(l),
            Scalar::Binary { left, right, .. } => {
                left.leaves(visit);
                right.leaves(visit);
            }
            Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => value.leaves(visit),
            Scalar::Select { parts, .. } => parts.each().into_iter().for_each(|part| part.leaves(visit)),
        }
    }

    /// Changes every leaf, from left to right.
    pub fn leaves_mut(&mut self, change: &mut dyn FnMut(&mut L)) {
        match self {
            Scalar::Const { .. } => {}
            Scalar::Leaf(l) => change(l),
            Scalar::Binary { left, right, .. } => {
                left.leaves_mut(change);
                right.leaves_mut(change);
            }
            Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => value.leaves_mut(change),
            Scalar::Select { parts, .. } => {
                let SelectParts { left, right, yes, no } = &mut **parts;
                [left, right, yes, no].into_iter().for_each(|part| part.leaves_mut(change));
            }
        }
    }
}
