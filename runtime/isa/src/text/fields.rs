//! Fields of an instruction in a text, in any order: each at most once, required ones at least once.

use super::cursor::Cursor;
use super::error::{TextError, TextErrorKind};
use super::lex::Token;

/// A field that an instruction has, by its name in the text.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

/// How a field's value is written; what it is worth lands in the values of [`Fields`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `name N`, with the largest N that the type holds; what the configuration allows is checked on encoding.
    Number(u128),
    /// `name N`, 16 bits, signed.
    Signed,
    /// `name BGN..END`
    Range,
    /// `name N (dst N src N wgt N)`; the flag says whether `wgt` exists. The parentheses may be left out.
    Loop { wgt: bool },
    /// The name alone.
    Flag,
}

/// The values of one instruction's fields. Four slots each: a range uses two, a loop its count and three factors.
pub(super) struct Fields<'s> {
    specs: &'s [Spec],
    values: Vec<Option<[u128; 4]>>,
}

impl<'s> Fields<'s> {
    /// Reads fields up to the end of the line.
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        insn: &'static str,
        specs: &'s [Spec],
    ) -> Result<Fields<'s>, TextError> {
        let mut fields = Fields { specs, values: vec![None; specs.len()] };
        let start = cursor.here();
        let names: Vec<&'static str> = specs.iter().map(|spec| spec.name).collect();
        while cursor.peek() != Token::EndOfLine {
            let here = cursor.here();
            let index = cursor.one_of(&format!("field of {insn}"), &names)?;
            if fields.values[index].is_some() {
                return Err(cursor.error_at(here, TextErrorKind::Twice { field: names[index].to_string() }));
            }
            fields.values[index] = Some(read_value(cursor, &specs[index])?);
        }
        let lacks = |(spec, value): &(&Spec, &Option<_>)| spec.required && value.is_none();
        let missing: Vec<&'static str> =
            specs.iter().zip(&fields.values).filter(lacks).map(|(spec, _)| spec.name).collect();
        if missing.is_empty() {
            Ok(fields)
        } else {
            Err(cursor.error_at(start.start..cursor.here().start, TextErrorKind::Missing { insn, missing }))
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.slots(name).is_some()
    }

    /// The value of a field, 0 where it is not stated. `slot` selects within a range or loop.
    pub(super) fn get(&self, name: &str, slot: usize) -> u128 {
        self.slots(name).map_or(0, |slots| slots[slot])
    }

    fn slots(&self, name: &str) -> Option<[u128; 4]> {
        self.specs.iter().zip(&self.values).find(|(spec, _)| spec.name == name).and_then(|(_, value)| *value)
    }
}

fn read_value(cursor: &mut Cursor<'_>, spec: &Spec) -> Result<[u128; 4], TextError> {
    let limit = u128::from(u32::MAX);
    match spec.shape {
        Shape::Flag => Ok([1, 0, 0, 0]),
        Shape::Number(max) => Ok([cursor.number(spec.name, max)?, 0, 0, 0]),
        Shape::Signed => Ok([cursor.signed(spec.name)? as u16 as u128, 0, 0, 0]),
        Shape::Range => {
            let begin = cursor.number("uop_bgn", limit)?;
            cursor.expect(Token::Range, "`..` and the end of the range")?;
            Ok([begin, cursor.number("uop_end", limit)?, 0, 0])
        }
        Shape::Loop { wgt } => {
            let mut slots = [cursor.number(spec.name, limit)?, 0, 0, 0];
            if cursor.eat(Token::Open) {
                read_factors(cursor, if wgt { &["dst", "src", "wgt"] } else { &["dst", "src"] }, &mut slots)?;
            }
            Ok(slots)
        }
    }
}

/// Factors up to the closing parenthesis, each at most once.
fn read_factors(cursor: &mut Cursor<'_>, names: &[&'static str], slots: &mut [u128; 4]) -> Result<(), TextError> {
    let mut stated = [false; 3];
    while !cursor.eat(Token::Close) {
        if cursor.peek() == Token::EndOfLine {
            return Err(cursor.expected("`)`"));
        }
        let here = cursor.here();
        let index = cursor.one_of("factor", names)?;
        if std::mem::replace(&mut stated[index], true) {
            return Err(cursor.error_at(here, TextErrorKind::Twice { field: names[index].to_string() }));
        }
        slots[index + 1] = cursor.number(names[index], u32::MAX.into())?;
    }
    Ok(())
}
