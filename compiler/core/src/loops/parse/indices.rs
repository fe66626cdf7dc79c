//! Indices: text → canonical affine form, simplified with the extents of the loops.
//!
//! ```text
//! index   = product (("+" | "-") product)*
//! product = atom (("*" | "/" | "%") atom)*
//! atom    = NUMBER | LOOP | "-" atom | "(" index ")" | "clip" "(" index "," bound "," bound ")"
//! bound   = NUMBER | "-" NUMBER
//! ```

use tilewright_syntax::Span;

use super::error::{MAX_HEIGHT, ParseError};
use super::token::{Number, Token};
use super::{Outcome, Parser};
use crate::affine::Interval;
use crate::loops::ir::{Index, LoopId};
use crate::loops::verify::MAX_NUMBER;

impl Parser<'_> {
    pub(super) fn index(&mut self) -> Outcome<Index> {
        let start = self.span();
        let mut sum = self.product()?;
        for _ in 0..MAX_HEIGHT {
            sum = match self.peek() {
                Token::Plus => {
                    self.at += 1;
                    sum.plus(&self.product()?)
                }
                Token::Minus => {
                    self.at += 1;
                    sum.minus(&self.product()?)
                }
                _ => return Ok(sum),
            };
            self.check_numbers(&sum, start)?;
        }
        Err(ParseError::TooLong { span: self.span() })
    }

    fn product(&mut self) -> Outcome<Index> {
        let start = self.span();
        let mut product = self.atom()?;
        for _ in 0..MAX_HEIGHT {
            let operator = self.peek();
            if !matches!(operator, Token::Star | Token::Slash | Token::Percent) {
                return Ok(product);
            }
            self.at += 1;
            let operand = self.span();
            let right = self.atom()?;
            product = self.combine(operator, &product, &right, operand)?;
            self.check_numbers(&product, start)?;
        }
        Err(ParseError::TooLong { span: self.span() })
    }

    fn combine(&self, operator: Token<'_>, left: &Index, right: &Index, operand: Span) -> Outcome<Index> {
        let not_affine = |reason| Err(ParseError::NotAffine { reason, span: operand });
        if operator == Token::Star {
            return match (left.as_constant(), right.as_constant()) {
                (_, Some(factor)) => Ok(left.times(factor)),
                (Some(factor), None) => Ok(right.times(factor)),
                (None, None) => not_affine("one of two factors must be a constant"),
            };
        }
        let ranges = |v: LoopId| Interval::below(self.program.loop_var(v).extent);
        match right.as_constant() {
            Some(divisor) if divisor < 1 => not_affine("a divisor must be positive"),
            Some(divisor) if operator == Token::Slash => Ok(left.div(divisor, &ranges)),
            Some(divisor) => Ok(left.modulo(divisor, &ranges)),
            None => not_affine("a divisor must be a constant"),
        }
    }

    fn atom(&mut self) -> Outcome<Index> {
        match self.peek() {
            Token::Number(Number { suffix: None, .. }) => Ok(Index::constant(self.number(0, MAX_NUMBER)?)),
            Token::Name("clip") if self.peek_at(1) == Token::OpenParen => self.clip(),
            Token::Name(_) => Ok(Index::var(self.loop_var()?)),
            Token::Minus => {
                self.at += 1;
                Ok(self.nested(Parser::atom)?.times(-1))
            }
            Token::OpenParen => {
                self.at += 1;
                let index = self.nested(Parser::index)?;
                self.expect(Token::CloseParen)?;
                Ok(index)
            }
            _ => self.unexpected("an index"),
        }
    }

    /// `clip(index, least, greatest)`.
    fn clip(&mut self) -> Outcome<Index> {
        self.at += 2;
        let index = self.nested(Parser::index)?;
        self.expect(Token::Comma)?;
        let least = self.number(-MAX_NUMBER, MAX_NUMBER)?;
        self.expect(Token::Comma)?;
        let greatest = self.number(least, MAX_NUMBER)?;
        self.expect(Token::CloseParen)?;
        Ok(index.clip(Interval::new(least, greatest), &|v| Interval::below(self.program.loop_var(v).extent)))
    }

    /// Keeps numbers so small that affine arithmetic on them cannot overflow.
    fn check_numbers(&self, index: &Index, start: Span) -> Outcome {
        let numbers = index.terms().iter().map(|(_, c)| *c).chain([index.offset()]);
        match { numbers }.find(|n| n.unsigned_abs() > MAX_NUMBER as u64) {
            None => Ok(()),
            Some(n) => Err(ParseError::NumberRange {
                value: n.into(),
                least: -MAX_NUMBER,
                greatest: MAX_NUMBER,
                span: self.span_from(start),
            }),
        }
    }
}
