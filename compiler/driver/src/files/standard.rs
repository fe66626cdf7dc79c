//! Texts → standard output and standard error.
//!
//! Reports carry their colours as escapes, and nothing else in them reaches a terminal as one. Data, which are what a
//! program takes as well, go out as they are, unless a terminal is to show them.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use super::{STANDARD, fold, reason, write};
use crate::error::DriverError;

/// Writes a text to a file, or to standard output for `-`.
pub fn write_text_to(path: &Path, text: &str) -> Result<(), DriverError> {
    if path == Path::new(STANDARD) { print_data(text) } else { write(path, text.as_bytes()) }
}

/// Writes bytes to a file, or to standard output for `-`, but never to a terminal.
pub fn write_bytes_to(path: &Path, bytes: &[u8], what: &'static str) -> Result<(), DriverError> {
    if path != Path::new(STANDARD) {
        return write(path, bytes);
    }
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return Err(DriverError::BinaryToTerminal { what });
    }
    unless_closed(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Writes a report to standard output; its colours only where they are shown, and in lines that fit a terminal.
pub fn print(text: &str) -> Result<(), DriverError> {
    let mut out = anstream::stdout().lock();
    let folded = fold::columns().map(|columns| fold::folded(text, columns));
    let text = folded.as_deref().unwrap_or(text);
    unless_closed(out.write_all(with_colours(text).as_bytes()).and_then(|()| out.flush()))
}

/// Writes a text that is data to standard output.
pub fn print_data(text: &str) -> Result<(), DriverError> {
    let mut out = io::stdout().lock();
    let text = if out.is_terminal() { show_characters(text) } else { text.into() };
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes a text to standard error; its colours only where they are shown.
pub fn print_aside(text: &str) -> Result<(), DriverError> {
    let mut err = anstream::stderr().lock();
    unless_closed(err.write_all(with_colours(text).as_bytes()).and_then(|()| err.flush()))
}

/// A reader that has seen enough, as `head` has, is no error.
fn unless_closed(written: io::Result<()>) -> Result<(), DriverError> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(DriverError::Unwritable { to: "to standard output".to_owned(), reason: reason(&error) }),
        Ok(()) => Ok(()),
    }
}

/// The text with a picture instead of each character that would do something to a terminal.
pub fn show_characters(text: &str) -> Cow<'_, str> {
    match text.chars().any(|c| picture(c).is_some()) {
        true => text.chars().map(|c| picture(c).unwrap_or(c)).collect::<String>().into(),
        false => text.into(),
    }
}

/// As [`show_characters`], but for the escapes of colours.
fn with_colours(text: &str) -> Cow<'_, str> {
    let Some(start) = text.find('\u{1b}') else { return show_characters(text) };
    let (before, rest) = text.split_at(start);
    let mut out = show_characters(before).into_owned();
    for part in rest.split('\u{1b}').skip(1) {
        let colour = part.strip_prefix('[').and_then(|inner| {
            let end = inner.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            inner[end..].starts_with('m').then_some(end + 2)
        });
        let (colour, shown) = part.split_at(colour.unwrap_or(0));
        out.push(if colour.is_empty() { '␛' } else { '\u{1b}' });
        out.push_str(colour);
        out.push_str(&show_characters(shown));
    }
    out.into()
}

/// What stands for a control character, or for one that changes the direction of a text. Lines and tabs are none.
fn picture(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => None,
        '\0'..='\u{1f}' => char::from_u32('␀' as u32 + c as u32),
        '\u{7f}' => Some('␡'),
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some('\u{fffd}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_steer_a_terminal_are_shown() {
        assert_eq!(show_characters("a\x1b]0;x\x07b\r\n\tc\x7f\u{9b}\u{202e}"), "a␛]0;x␇b␍\n\tc␡\u{fffd}\u{fffd}");
        assert!(matches!(show_characters("plain\n"), Cow::Borrowed("plain\n")));
    }

    #[test]
    fn colours_alone_stay_escapes() {
        let text = "\x1b[1mhead\x1b[0m \x1b[2J\x1b]0;x\x07 \x1b[1;32mok\x1b[m\x1b";
        assert_eq!(with_colours(text), "\x1b[1mhead\x1b[0m ␛[2J␛]0;x␇ \x1b[1;32mok\x1b[m␛");
    }
}
