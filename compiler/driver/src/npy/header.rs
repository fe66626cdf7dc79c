//! The header of an array file, a Python literal → values. One pass, which goes no deeper than [`MAX_NESTING`].

use std::iter::Peekable;
use std::str::CharIndices;

/// Most brackets inside one another.
const MAX_NESTING: usize = 16;

/// A literal. Lists and dictionaries inside of the header describe records, which are not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Boolean(bool),
    /// As it is written.
    Number(String),
    Tuple(Vec<Value>),
    Other,
}

/// The entries of the dictionary that a text is.
pub fn entries(text: &str) -> Option<Vec<(Value, Value)>> {
    let mut reader = Reader { text, rest: text.char_indices().peekable() };
    reader.space();
    let entries = reader.dictionary(MAX_NESTING)?;
    reader.space();
    reader.rest.next().is_none().then_some(entries)
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Reader<'_> {
    fn space(&mut self) {
        while self.rest.next_if(|(_, c)| c.is_ascii_whitespace()).is_some() {}
    }

    /// Takes a character, and white space after it.
    fn takes(&mut self, wanted: char) -> bool {
        let found = self.rest.next_if(|(_, c)| *c == wanted).is_some();
        if found {
            self.space();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        let value = match self.rest.peek()?.1 {
            '{' => self.dictionary(depth).map(|_| Value::Other),
            '[' => self.list('[', ']', depth).map(|_| Value::Other),
            '(' => self.list('(', ')', depth).map(Value::Tuple),
            '\'' | '"' => self.string().map(Value::Text),
            _ => self.word(),
        };
        self.space();
        value
    }

    fn dictionary(&mut self, depth: usize) -> Option<Vec<(Value, Value)>> {
        let inner = depth.checked_sub(1)?;
        let mut entries = Vec::new();
        let mut more = self.takes('{');
        while more && !self.takes('}') {
            let key = self.value(inner)?;
            let value = if self.takes(':') { self.value(inner)? } else { return None };
            entries.push((key, value));
            more = self.takes(',');
            if !more {
                return self.takes('}').then_some(entries);
            }
        }
        more.then_some(entries)
    }

    fn list(&mut self, open: char, close: char, depth: usize) -> Option<Vec<Value>> {
        let inner = depth.checked_sub(1)?;
        let mut values = Vec::new();
        let mut more = self.takes(open);
        while more && !self.takes(close) {
            values.push(self.value(inner)?);
            more = self.takes(',');
            if !more {
                return self.takes(close).then_some(values);
            }
        }
        more.then_some(values)
    }

    /// A string in one line, in which a backslash makes what follows a part of it.
    fn string(&mut self) -> Option<String> {
        let (_, quote) = self.rest.next()?;
        let mut text = String::new();
        loop {
            match self.rest.next()?.1 {
                c if c == quote => return Some(text),
                '\n' => return None,
                '\\' => text.push(self.rest.next()?.1),
                c => text.push(c),
            }
        }
    }

    fn word(&mut self) -> Option<Value> {
        let start = self.rest.peek()?.0;
        while self.rest.next_if(|(_, c)| c.is_ascii_alphanumeric() || "+-._".contains(*c)).is_some() {}
        let end = self.rest.peek().map_or(self.text.len(), |(at, _)| *at);
        match &self.text[start..end] {
            "True" => Some(Value::Boolean(true)),
            "False" => Some(Value::Boolean(false)),
            "None" => Some(Value::Other),
            number if number.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit()) => {
                Some(Value::Number(number.to_owned()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_are_read() {
        let text = " {'a' : \"b\\'c\", 'n':(1, -2_0,),'t': True, 'r': [('x', '<i4'), {}], 'e': (), 'o': None, } \n";
        let number = |text: &str| Value::Number(text.to_owned());
        let value = [
            Value::Text("b'c".to_owned()),
            Value::Tuple(vec![number("1"), number("-2_0")]),
            Value::Boolean(true),
            Value::Other,
            Value::Tuple(Vec::new()),
            Value::Other,
        ];
        let keys = ["a", "n", "t", "r", "e", "o"].map(|key| Value::Text(key.to_owned()));
        assert_eq!(entries(text), Some(keys.into_iter().zip(value).collect()));
        assert_eq!(entries("{}"), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_dictionary_is_refused() {
        for text in [
            "",
            "{",
            "}",
            "{1}",
            "{1:}",
            "{1: 2",
            "{1: 2 3: 4}",
            "{,}",
            "{'a",
            "{'a\n': 1}",
            "{}{}",
            "{a: 1}",
            "[]",
            "{1: (2}}",
        ] {
            assert_eq!(entries(text), None, "{text}");
        }
    }

    #[test]
    fn brackets_cost_no_more_than_their_number() {
        for open in ["{", "[", "(", "{'a': ", "{1: [("] {
            assert_eq!(entries(&open.repeat(3_000)), None);
            assert_eq!(entries(&open.repeat(MAX_NESTING - 1)), None);
        }
        let nested = |depth: usize| format!("{{1: {}{}}}", "(".repeat(depth), ")".repeat(depth));
        assert!(entries(&nested(MAX_NESTING - 1)).is_some() && entries(&nested(MAX_NESTING)).is_none());
    }
}
