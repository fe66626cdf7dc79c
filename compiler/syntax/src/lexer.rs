//! Text → tokens, comments and blank lines; every fault with its span, none of which stops the lexer.
//!
//! The newlines in the result are exactly the ends of statements: see [`layout`](crate::layout).

use logos::Logos;

use crate::error::SyntaxError;
use crate::span::{FileId, Span};
use crate::token::{LexFault, Token};
use crate::trivia::{Comment, Trivia};

/// A token and the bytes it covers.
pub(crate) type Spanned<'a> = (usize, Token<'a>, usize);

/// The outcome of lexing a whole file.
#[derive(Debug)]
pub(crate) struct Lexed<'a> {
    /// Without comments, with one newline for each run of them.
    pub tokens: Vec<Spanned<'a>>,
    pub trivia: Trivia,
    pub errors: Vec<SyntaxError>,
}

/// Splits a file into tokens. A character that is no token is left out; a bad number is replaced by 0.
pub(crate) fn lex(file: FileId, text: &str) -> Lexed<'_> {
    let skipped = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut lexed = Lexed { tokens: Vec::new(), trivia: Trivia::default(), errors: Vec::new() };
    let mut line_is_empty = true;
    for (token, range) in Token::lexer(&text[skipped..]).spanned() {
        let (start, end) = (range.start + skipped, range.end + skipped);
        let is_newline = &text[start..end] == "\n";
        match token {
            Ok(Token::Comment(comment)) => lexed.comment(file, start, comment, line_is_empty),
            Ok(token) => {
                if is_newline && line_is_empty {
                    lexed.trivia.blank_lines.push(start as u32);
                }
                if token == Token::OpenBrace {
                    lexed.trivia.braces.push(start as u32);
                }
                if token.number().is_some_and(|printed| printed != text[start..end]) {
                    lexed.trivia.notations.push((start as u32, text[start..end].to_owned()));
                }
                // One newline says as much as several, and files may have as many as bytes.
                if !(is_newline && lexed.tokens.last().is_some_and(|(_, last, _)| *last == Token::Newline)) {
                    lexed.tokens.push((start, token, end));
                }
            }
            Err(fault) => lexed.fault(fault, text, Span::new(file, start, end)),
        }
        line_is_empty = is_newline;
    }
    lexed
}

impl Lexed<'_> {
    fn comment(&mut self, file: FileId, start: usize, text: &str, own_line: bool) {
        let text = text.trim_end();
        let span = Span::new(file, start, start + text.len());
        self.trivia.comments.push(Comment { text: text.to_owned(), span, own_line });
    }

    fn fault(&mut self, fault: LexFault, text: &str, span: Span) {
        let slice = &text[span.start as usize..span.end as usize];
        match fault {
            LexFault::UnknownCharacter => self.unknown(slice, span),
            LexFault::NumberTooLarge => self.errors.push(SyntaxError::NumberTooLarge { span }),
            LexFault::MalformedNumber => {
                self.errors.push(SyntaxError::MalformedNumber { text: slice.to_owned(), span });
            }
        }
        if fault != LexFault::UnknownCharacter {
            self.tokens.push((span.start as usize, Token::Int(0), span.end as usize));
        }
    }

    /// Neighbouring unknown characters make one error.
    fn unknown(&mut self, slice: &str, span: Span) {
        if let Some(SyntaxError::UnknownCharacter { text, span: last }) = self.errors.last_mut()
            && last.end == span.start
        {
            text.push_str(slice);
            last.end = span.end;
            return;
        }
        self.errors.push(SyntaxError::UnknownCharacter { text: slice.to_owned(), span });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_newlines_is_one_token() {
        let lexed = lex(FileId(0), "a\n\n// c\n \nb\n\n");
        let tokens: Vec<Token> = lexed.tokens.iter().map(|(_, token, _)| *token).collect();
        assert_eq!(tokens, [Token::Name("a"), Token::Newline, Token::Name("b"), Token::Newline]);
        assert_eq!((lexed.trivia.blank_lines, lexed.trivia.comments.len()), (vec![2, 9, 12], 1));
    }
}
