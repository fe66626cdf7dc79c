//! A program and the command line's choices → what the compiler makes of them, up to the instruction stream.

use std::path::Path;

use tilewright::{Options, complete};
use tilewright_isa::Config;
use tilewright_syntax::{Diagnostic, FileId, Sources};

use crate::cli::{Assignment, Choice};
use crate::error::{DriverError, Failure};
use crate::files;

/// What of a file is compiled, as the command line says it.
pub fn options(file: FileId, params: Vec<(String, i64)>, choice: &Choice, config: Config) -> Options {
    let Choice { program, schedule } = choice;
    Options { file, params, program: program.clone(), schedule: schedule.clone(), config, memory: None }
}

/// Reads a program and the files that it uses.
pub fn read_program(path: &Path, sources: &mut Sources) -> Result<FileId, Failure> {
    let file = files::read_program(path, sources)?;
    read_used(file, sources)?;
    Ok(file)
}

/// Reads the files that a program uses.
pub fn read_used(file: FileId, sources: &mut Sources) -> Result<(), Diagnostic> {
    complete(sources, file, &mut |path| {
        files::read_text(Path::new(path)).map_err(|error| match error {
            DriverError::Unreadable { reason, .. } => reason,
            error => error.to_string(),
        })
    })
}

/// The values of `-p` options.
pub fn params(given: &[Assignment], sources: &mut Sources) -> Result<Vec<(String, i64)>, DriverError> {
    let number = |assignment: &Assignment| match parse_number(&assignment.value) {
        Some(number) => Ok((assignment.name.clone(), number)),
        None => {
            let (_, span) = assignment.place("-p", sources);
            let Assignment { name, value } = assignment.clone();
            Err(DriverError::NotANumber { name, value, span })
        }
    };
    given.iter().map(number).collect()
}

/// A number as the language has it, with a sign if it is negative.
pub fn parse_number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (radix, digits) = match digits.strip_prefix("0x") {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{}", digits.replace('_', "")), radix).ok()
}

#[cfg(test)]
mod tests {
    use super::parse_number;

    #[test]
    fn numbers_are_those_of_the_language() {
        for (text, value) in
            [("0", 0), ("1_000", 1000), ("0x3e8", 1000), ("-5", -5), ("-0x10", -16), ("9223372036854775807", i64::MAX)]
        {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
        for text in ["", "-", "abc", "1.5", "_1", "--5", "+5", "0x", "9223372036854775808", "1e3", " 1"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }
}
