//! Expressions that are no chain of operations in one tile → parts that are, each in a tile of its own.
//!
//! ```text
//! (x0 >> 1) + max(x1, 0) * x1   →   x2 = max(x1, 0);  x3 = x2 * x1;  (x0 >> 1) + x3
//! ```
//!
//! What occurs several times becomes a part and is computed once. Where both sides of an operation are computed, the
//! smaller becomes a part. A choice between two computed values becomes a product with a mask. The parts stand in an order
//! in which each reads only operands and parts before it, and every one has a selection.

use std::collections::HashMap;

use super::{Refusal, Request, SelectError, Selection, Selections, display};
use crate::affine::Interval;
use crate::scalar::{BinaryOp, CompareOp, DType, Scalar, SelectParts};

/// The operations up to which an expression is tried as one chain, whatever its form. Beyond, only its form counts, since
/// saturation would cost more time than a part costs cycles.
const MAX_TRIED: usize = 48;
/// The operations up to which a choice inside of an expression is tried as one chain. Beyond, what it computes becomes parts: each
/// of the choices around it would try it again.
const MAX_CHOSEN: usize = 16;
/// After so many choices of one expression that are no chain as they are, the others become products with masks untried: finding
/// that a choice is none takes longer than all else.
const MAX_REFUSED: usize = 8;
/// The greatest sum of the immediates into which an addition is split.
const MAX_ADDED: i32 = 4 * 32_767;

type Value = Scalar<u32>;

/// A part of an expression, over operands and the parts before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub value: Scalar<u32>,
    /// The cheapest operations for it.
    pub selection: Selection,
}

impl Part {
    /// The least type of which the part's form says that it holds its values, whatever it reads.
    fn dtype(&self) -> DType {
        self.value.dtype(&|_| DType::I32)
    }
}

/// The parts of an expression, the whole as the last one. Part `k` is operand `first + k` in those behind it; `first` is
/// beyond all operands of the request. `usable` says whether a selection may compute the last part; all but it are free to
/// start as they like. One part, the expression itself, where that has a usable selection.
///
/// An error says which operation the machine lacks.
pub fn cut(
    request: &Request,
    first: u32,
    selections: &mut Selections,
    usable: &dyn Fn(&Selection) -> bool,
) -> Result<Vec<Part>, SelectError> {
    let value = request.value;
    let name = |k: u32| if k < first { (request.name)(k) } else { "a part".to_string() };
    let request = &Request { name: &name, ..*request };
    let mut cutter = Cutter {
        request,
        first,
        selections,
        uses: HashMap::new(),
        known: HashMap::new(),
        parts: Vec::new(),
        refused: 0,
    };
    if value.height_and_size().1 <= MAX_TRIED
        && let Some(selection) = cutter.last(value, usable)?
    {
        return Ok(vec![Part { value: value.clone(), selection }]);
    }
    cutter.count(value);
    let root = cutter.inlined(value)?;
    let (value, selection) = match cutter.last(&root, usable)? {
        Some(selection) => (root, selection),
        None => cutter.taken_apart(root, usable)?,
    };
    cutter.parts.push(Part { value, selection });
    Ok(cutter.parts)
}

struct Cutter<'a> {
    request: &'a Request<'a>,
    first: u32,
    selections: &'a mut Selections,
    /// How many different expressions contain an expression.
    uses: HashMap<Value, usize>,
    /// The operands that hold expressions which are parts.
    known: HashMap<Value, Value>,
    parts: Vec<Part>,
    /// Choices that were tried and are no chain.
    refused: usize,
}

impl Cutter<'_> {
    /// The cheapest usable selection of an expression over operands and parts, which may have to be right in its low bits
    /// only.
    fn selection(
        &mut self,
        value: &Value,
        low_bits: bool,
        usable: &dyn Fn(&Selection) -> bool,
    ) -> Result<Option<Selection>, SelectError> {
        let (parts, first, of_operand) = (&self.parts, self.first, self.request.range);
        let range = |k: u32| match k.checked_sub(first).and_then(|part| parts.get(part as usize)) {
            Some(part) => Interval::new(part.dtype().limits().0, part.dtype().limits().1),
            None => of_operand(k),
        };
        let request = Request { value, range: &range, low_bits, ..*self.request };
        match self.selections.candidates(&request) {
            Ok(found) => Ok(found.iter().find(|s| usable(s)).cloned()),
            Err(Refusal::Parts) => Ok(None),
            Err(Refusal::Error(error)) => Err(error),
        }
    }

    /// The selection of a part that others read.
    fn chain(&mut self, value: &Value) -> Result<Option<Selection>, SelectError> {
        self.selection(value, false, &|_| true)
    }

    /// The selection of the last part.
    fn last(&mut self, value: &Value, usable: &dyn Fn(&Selection) -> bool) -> Result<Option<Selection>, SelectError> {
        self.selection(value, self.request.low_bits, usable)
    }

    /// The last part of an expression that is no chain with a usable selection: its last operation, or a copy.
    fn taken_apart(
        &mut self,
        root: Value,
        usable: &dyn Fn(&Selection) -> bool,
    ) -> Result<(Value, Selection), SelectError> {
        let root = self.continued(root, usable)?;
        if let Some(selection) = self.last(&root, usable)? {
            return Ok((root, selection));
        }
        let whole = self.part(root)?;
        if let Some(part) = self.parts.pop() {
            let is_whole = whole == Scalar::Leaf(self.first + self.parts.len() as u32);
            match self.last(&part.value, usable)?.filter(|_| is_whole) {
                Some(selection) => return Ok((part.value, selection)),
                None => self.parts.push(part),
            }
        }
        match self.last(&whole, usable)? {
            Some(selection) => Ok((whole, selection)),
            None => Err(self.lacking(&whole)),
        }
    }

    /// The expression with a part in the place of what its last operation joins to an operand, where the last part may begin
    /// with that one: a sum goes on from what it has.
    fn continued(&mut self, root: Value, usable: &dyn Fn(&Selection) -> bool) -> Result<Value, SelectError> {
        let Scalar::Binary { op: op @ (BinaryOp::Add | BinaryOp::Min | BinaryOp::Max), left, right } = &root else {
            return Ok(root);
        };
        for (own, rest) in [(left, right), (right, left)] {
            let mut other = None;
            rest.leaves(&mut |k| other = Some(*k));
            let (Scalar::Leaf(k), Some(other)) = (&**own, other) else { continue };
            let like = Scalar::binary(*op, (**own).clone(), Scalar::Leaf(other));
            if *k != other && matches!(**rest, Scalar::Binary { .. }) && self.last(&like, usable)?.is_some() {
                let (op, own, rest) = (*op, (**own).clone(), (**rest).clone());
                return Ok(Scalar::binary(op, own, self.part(rest)?));
            }
        }
        Ok(root)
    }

    /// The error for an operation on operands that has no selection: only products are lacking anywhere.
    fn lacking(&self, value: &Value) -> SelectError {
        SelectError::Multiplication { expression: display(value, self.request.name) }
    }

    fn count(&mut self, value: &Value) {
        if is_operand(value) {
            return;
        }
        let uses = self.uses.entry(value.clone()).or_default();
        *uses += 1;
        if *uses > 1 {
            return;
        }
        match value {
            Scalar::Binary { left, right, .. } => {
                self.count(left);
                if left != right {
                    self.count(right);
                }
            }
            Scalar::Cast { value, .. } | Scalar::Approx { value, .. } => self.count(value),
            Scalar::Select { parts, .. } => parts.each().into_iter().for_each(|part| self.count(part)),
            Scalar::Const { .. } | Scalar::Leaf(_) => {}
        }
    }

    /// An expression as it stands inside of a chain: itself with parts in the place of what cannot stand there.
    fn chained(&mut self, value: &Value) -> Result<Value, SelectError> {
        match self.uses.get(value) {
            Some(2..) => self.operand(value),
            _ => self.inlined(value),
        }
    }

    /// The operand that holds an expression, a part of its own where it is none yet.
    fn operand(&mut self, value: &Value) -> Result<Value, SelectError> {
        if let Some(known) = self.known.get(value) {
            return Ok(known.clone());
        }
        let inlined = self.inlined(value)?;
        let operand = self.part(inlined)?;
        self.known.insert(value.clone(), operand.clone());
        Ok(operand)
    }

    fn inlined(&mut self, value: &Value) -> Result<Value, SelectError> {
        match value {
            Scalar::Const { .. } | Scalar::Leaf(_) => Ok(value.clone()),
            Scalar::Approx { .. } => self.inlined(&value.expanded()),
            Scalar::Cast { to, mode, value } => Ok(Scalar::cast(*to, *mode, self.chained(value)?)),
            Scalar::Binary { op: op @ (BinaryOp::Shr | BinaryOp::Shl), left, right } => {
                let left = self.chained(left)?;
                self.shifted(*op, left, (**right).clone())
            }
            Scalar::Binary { op, left, right } if left == right => {
                let side = self.chained(left)?;
                Ok(Scalar::binary(*op, side.clone(), side))
            }
            Scalar::Binary { op, left, right } => {
                let (left, right) = (self.chained(left)?, self.chained(right)?);
                self.joined(*op, left, right)
            }
            Scalar::Select { op, parts } => {
                let [left, right, yes, no] = parts.each().map(|part| self.chained(part));
                let parts = SelectParts { left: left?, right: right?, yes: yes?, no: no? };
                self.chosen(*op, parts)
            }
        }
    }

    /// A shift by a constant, or by an operand, to the right: a chain has no other.
    fn shifted(&mut self, op: BinaryOp, value: Value, amount: Value) -> Result<Value, SelectError> {
        match (op, amount) {
            (op, amount @ Scalar::Const { .. }) => Ok(Scalar::binary(op, value, amount)),
            (BinaryOp::Shl, amount) => Ok(Scalar::binary(BinaryOp::Shr, value, self.operand(&negated(amount))?)),
            (op, amount) => Ok(Scalar::binary(op, value, self.operand(&amount)?)),
        }
    }

    /// An operation on two sides, of which the smaller becomes a part where both are computed.
    fn joined(&mut self, op: BinaryOp, left: Value, right: Value) -> Result<Value, SelectError> {
        let size = |value: &Value| value.height_and_size().1;
        let (left, right) = match (is_operand(&left), is_operand(&right)) {
            (true, true) => (left, right),
            (false, true) => (left, self.second(op, right)?),
            (true, false) => (self.second(op, left)?, right),
            (false, false) if size(&left) < size(&right) => (self.part(left)?, right),
            (false, false) => (left, self.part(right)?),
        };
        // A chain cannot subtract an operand: it computes the negated difference.
        let subtracts = op == BinaryOp::Sub && !is_operand(&left) && matches!(right, Scalar::Leaf(_));
        if subtracts && self.request.multiplier {
            let difference = Scalar::binary(BinaryOp::Add, negated(left), right);
            return Ok(negated(difference));
        }
        Ok(Scalar::binary(op, left, right))
    }

    /// An operand beside a computed side: a constant that fits no immediate becomes a part.
    fn second(&mut self, op: BinaryOp, operand: Value) -> Result<Value, SelectError> {
        let Scalar::Const { value, .. } = operand else { return Ok(operand) };
        let is_immediate = match op {
            BinaryOp::Add | BinaryOp::Sub => (-MAX_ADDED..=MAX_ADDED).contains(&value),
            BinaryOp::Mul => i16::try_from(value).is_ok() || (value as u32).is_power_of_two(),
            _ => i16::try_from(value).is_ok(),
        };
        if is_immediate { Ok(operand) } else { self.operand_of_constant(operand) }
    }

    fn operand_of_constant(&mut self, constant: Value) -> Result<Value, SelectError> {
        if let Some(known) = self.known.get(&constant) {
            return Ok(known.clone());
        }
        let Some(selection) = self.chain(&constant)? else { return Err(self.lacking(&constant)) };
        let operand = self.pushed(constant.clone(), selection);
        self.known.insert(constant, operand.clone());
        Ok(operand)
    }

    /// A choice: as it is where that is a chain, and else with operands for what is computed.
    fn chosen(&mut self, op: CompareOp, parts: SelectParts<u32>) -> Result<Value, SelectError> {
        let whole = Scalar::select(op, parts.clone());
        if whole.height_and_size().1 <= MAX_CHOSEN && self.is_chain(&whole)? {
            return Ok(whole);
        }
        let SelectParts { left, right, yes, no } = parts;
        let (left, right, yes, no) = (self.part(left)?, self.part(right)?, self.part(yes)?, self.part(no)?);
        let whole = Scalar::select(op, SelectParts { left, right, yes, no });
        if self.is_chain(&whole)? { Ok(whole) } else { self.masked(whole) }
    }

    /// Whether a choice is a chain as it is, if that is still asked.
    fn is_chain(&mut self, choice: &Value) -> Result<bool, SelectError> {
        if self.refused >= MAX_REFUSED {
            return Ok(false);
        }
        let found = self.chain(choice)?.is_some();
        self.refused += usize::from(!found);
        Ok(found)
    }

    /// A choice between operands as a product: `no + select(left op right, 1, 0) * (yes - no)`.
    fn masked(&mut self, choice: Value) -> Result<Value, SelectError> {
        let Scalar::Select { op, parts } = choice else { return Ok(choice) };
        let SelectParts { left, right, yes, no } = *parts;
        let difference = self.part(Scalar::binary(BinaryOp::Sub, yes, no.clone()))?;
        let holds = Scalar::select(op, SelectParts { left, right, yes: Scalar::int(1), no: Scalar::int(0) });
        let holds = if self.chain(&holds)?.is_some() { holds } else { self.compared(holds)? };
        Ok(Scalar::binary(BinaryOp::Add, Scalar::binary(BinaryOp::Mul, holds, difference), no))
    }

    /// A mask of constants that fit no immediate, with these as operands.
    fn compared(&mut self, choice: Value) -> Result<Value, SelectError> {
        let Scalar::Select { op, parts } = choice else { return Ok(choice) };
        let SelectParts { left, right, yes, no } = *parts;
        let mut operand = |side: Value| match side {
            Scalar::Const { .. } => self.operand_of_constant(side),
            other => Ok(other),
        };
        let (left, right) = (operand(left)?, operand(right)?);
        Ok(Scalar::select(op, SelectParts { left, right, yes, no }))
    }

    /// The operand that holds an expression over operands. What is no chain is taken apart into single operations.
    fn part(&mut self, value: Value) -> Result<Value, SelectError> {
        if is_operand(&value) {
            return Ok(value);
        }
        if let Some(selection) = self.chain(&value)? {
            return Ok(self.pushed(value, selection));
        }
        let single = match value {
            Scalar::Cast { to, mode, value } => Scalar::cast(to, mode, self.part(*value)?),
            Scalar::Binary { op: op @ (BinaryOp::Shr | BinaryOp::Shl), left, right } => {
                let left = self.part(*left)?;
                self.shifted(op, left, *right)?
            }
            Scalar::Binary { op, left, right } => {
                let (left, right) = (self.part(*left)?, self.part(*right)?);
                let (left, right) = (self.second(op, left)?, self.second(op, right)?);
                Scalar::binary(op, left, right)
            }
            Scalar::Select { op, parts } => {
                let SelectParts { left, right, yes, no } = *parts;
                let (left, right, yes, no) = (self.part(left)?, self.part(right)?, self.part(yes)?, self.part(no)?);
                self.masked(Scalar::select(op, SelectParts { left, right, yes, no }))?
            }
            operand => operand,
        };
        match self.chain(&single)? {
            Some(selection) => Ok(self.pushed(single, selection)),
            None => Err(self.lacking(&single)),
        }
    }

    fn pushed(&mut self, value: Value, selection: Selection) -> Value {
        self.parts.push(Part { value, selection });
        Scalar::Leaf(self.first + self.parts.len() as u32 - 1)
    }
}

fn is_operand(value: &Value) -> bool {
    matches!(value, Scalar::Leaf(_) | Scalar::Const { .. })
}

fn negated(value: Value) -> Value {
    Scalar::binary(BinaryOp::Mul, value, Scalar::int(-1))
}
