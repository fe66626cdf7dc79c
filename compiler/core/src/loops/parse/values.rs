//! Stored values: text → scalar expressions.
//!
//! ```text
//! value   = sum ((">>" | "<<") sum)*
//! sum     = product (("+" | "-") product)*
//! product = operand ("*" operand)*
//! operand = ["-"] NUMBER | BUFFER "[" indices "]" | "index" "(" index ")" | CAST "(" value ")"
//!         | ("min" | "max") "(" value "," value ")" | "(" value ")"
//!         | ("select_lt" | ...) "(" value "," value "," value "," value ")"
//! ```

use tilewright_syntax::Span;

use super::error::{MAX_HEIGHT, ParseError};
use super::token::{Number, Token};
use super::{Outcome, Parser};
use crate::loops::ir::{Leaf, Load};
use crate::loops::print::{cast_name, precedence, select_name};
use crate::scalar::quotient::Quotient;
use crate::scalar::{BinaryOp, CastMode, CompareOp, DType, Scalar, SelectParts};

/// A value and the height of its tree.
struct Tall {
    value: Scalar<Leaf>,
    height: usize,
}

impl Parser<'_> {
    pub(super) fn value(&mut self) -> Outcome<Scalar<Leaf>> {
        Ok(self.chain(0)?.value)
    }

    /// Operands joined by operators that bind at least as tightly as `least`.
    fn chain(&mut self, least: u8) -> Outcome<Tall> {
        let mut left = self.operand()?;
        while let Some(op) = operator(self.peek()).filter(|op| precedence(*op) >= least) {
            let span = self.span();
            self.at += 1;
            let right = self.chain(precedence(op) + 1)?;
            left = binary(op, left, right, span)?;
        }
        Ok(left)
    }

    fn operand(&mut self) -> Outcome<Tall> {
        match (self.peek(), self.peek_at(1)) {
            (Token::Number(_), _) | (Token::Minus, Token::Number(_)) => self.constant(),
            (Token::Name(_), Token::OpenBracket) => {
                let buffer = self.buffer()?;
                let indices = self.bracketed_indices()?;
                Ok(leaf(Leaf::Load(Load { buffer, indices })))
            }
            (Token::Name(function), Token::OpenParen) => self.call(function),
            (Token::OpenParen, _) => {
                self.at += 1;
                let value = self.nested(|p| p.chain(0))?;
                self.expect(Token::CloseParen)?;
                Ok(value)
            }
            _ => self.unexpected("a value"),
        }
    }

    fn constant(&mut self) -> Outcome<Tall> {
        let start = self.span();
        let negative = self.eat(Token::Minus);
        let Token::Number(Number { value, suffix }) = self.peek() else { return self.unexpected("a number") };
        self.at += 1;
        let dtype = suffix.unwrap_or(DType::I32);
        let value = if negative { -i128::from(value) } else { i128::from(value) };
        let (least, greatest) = dtype.limits();
        match i32::try_from(value) {
            Ok(value) if (least..=greatest).contains(&value.into()) => {
                Ok(Tall { value: Scalar::Const { value, dtype }, height: 1 })
            }
            _ => Err(ParseError::NumberRange { value, least, greatest, span: self.span_from(start) }),
        }
    }

    fn call(&mut self, function: &str) -> Outcome<Tall> {
        let span = self.span();
        if let Some(op) = CompareOp::ALL.into_iter().find(|op| select_name(*op) == function) {
            return self.select(op, span);
        }
        let (op, conversion) = (selection(function), conversion(function));
        if op.is_none() && conversion.is_none() && function != "index" {
            return self.unexpected("`min`, `max`, `index`, a `quotient_`, a `select_` or a conversion");
        }
        self.at += 2;
        let result = self.nested(|p| match (op, conversion) {
            (Some(op), _) => {
                let left = p.chain(0)?;
                p.expect(Token::Comma)?;
                let right = p.chain(0)?;
                binary(op, left, right, span)
            }
            (None, Some((to, mode))) => {
                let Tall { value, height } = p.chain(0)?;
                Ok(Tall { value: Scalar::cast(to, mode, value), height: taller(height, span)? })
            }
            (None, None) => Ok(leaf(Leaf::Index(p.index()?))),
        })?;
        self.expect(Token::CloseParen)?;
        Ok(result)
    }
}

impl Parser<'_> {
    /// `select_lt(left, right, yes, no)`, and so on.
    fn select(&mut self, op: CompareOp, span: Span) -> Outcome<Tall> {
        self.at += 2;
        let [left, right, yes, no] = self.nested(|p| {
            let first = p.chain(0)?;
            let mut next = || {
                p.expect(Token::Comma)?;
                p.chain(0)
            };
            Ok([first, next()?, next()?, next()?])
        })?;
        self.expect(Token::CloseParen)?;
        let height = [&left, &right, &yes, &no].map(|part| part.height).into_iter().max().unwrap_or(0);
        let parts = SelectParts { left: left.value, right: right.value, yes: yes.value, no: no.value };
        Ok(Tall { value: Scalar::select(op, parts), height: taller(height, span)? })
    }
}

fn operator(token: Token<'_>) -> Option<BinaryOp> {
    Some(match token {
        Token::Plus => BinaryOp::Add,
        Token::Minus => BinaryOp::Sub,
        Token::Star => BinaryOp::Mul,
        Token::Shr => BinaryOp::Shr,
        Token::Shl => BinaryOp::Shl,
        _ => return None,
    })
}

/// The operators that are written as calls.
fn selection(name: &str) -> Option<BinaryOp> {
    match name {
        "min" => Some(BinaryOp::Min),
        "max" => Some(BinaryOp::Max),
        name => Quotient::from_name(name).map(BinaryOp::Div),
    }
}

fn conversion(name: &str) -> Option<(DType, CastMode)> {
    let modes = [CastMode::Wrap, CastMode::Saturate, CastMode::Exact];
    let all = DType::ALL.into_iter().flat_map(|to| modes.map(|mode| (to, mode)));
    { all }.find(|(to, mode)| cast_name(*to, *mode) == name)
}

fn leaf(leaf: Leaf) -> Tall {
    Tall { value: Scalar::Leaf(leaf), height: 1 }
}

fn binary(op: BinaryOp, left: Tall, right: Tall, span: Span) -> Outcome<Tall> {
    let height = taller(left.height.max(right.height), span)?;
    Ok(Tall { value: Scalar::binary(op, left.value, right.value), height })
}

fn taller(height: usize, span: Span) -> Outcome<usize> {
    if height >= MAX_HEIGHT { Err(ParseError::TooLong { span }) } else { Ok(height + 1) }
}
