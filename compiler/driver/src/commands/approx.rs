//! `tilewright approx FUNCTION --q N`: every method of approximating a function, its errors and its cost.

use std::path::Path;

use tilewright::approx::{Function, Request, function_of, measured};
use tilewright_syntax::{Diagnostic, Sources, offered};

use crate::approx::{report, svg};
use crate::cli::ApproxArgs;
use crate::error::{DriverError, Exit, Failure};
use crate::exports::{self, Forms};
use crate::{files, target};

pub fn run(args: &ApproxArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let input = args.target.target.as_deref();
    let function = function(args, sources)?;
    // Both are options.
    let wrong_options = |errors: Vec<Diagnostic>| Failure::Usage(errors[0].message.clone());
    let request = Request::new(function, args.fraction, args.range).map_err(wrong_options)?;
    exports::check(&args.exports, input)?;
    let picture = args.svg.as_deref();
    picture.map_or(Ok(()), |path| check_picture(path, args))?;
    let config = target::read(input, sources)?;
    let methods = measured(&request, &config)?;
    if let Some(path) = picture {
        files::write(path, svg(&request, &methods).as_bytes())?;
    }
    let forms = Forms {
        csv: &|| report::csv(&methods),
        json: &|| report::json(&request, &methods),
        report: &|| report::table(&request, &methods),
    };
    exports::write(&args.exports, &forms)?;
    Ok(Exit::Success)
}

/// One that every program knows, or one of a file.
fn function(args: &ApproxArgs, sources: &mut Sources) -> Result<Function, Failure> {
    if let Some(path) = &args.from {
        let file = files::read_program(path, sources)?;
        let config = target::read(args.target.target.as_deref(), sources)?;
        return Ok(function_of(sources, file, &args.function, &config)?);
    }
    Function::from_name(&args.function).ok_or_else(|| {
        let known: Vec<String> = Function::ALL.iter().map(|function| function.name().to_owned()).collect();
        let offered = offered(&args.function, &known, "functions");
        Failure::Usage(format!(
            "no function `{}` is approximated; {offered}, or one of a file: --from FILE",
            args.function
        ))
    })
}

/// Refuses another kind of file, and one that the command reads or writes otherwise.
fn check_picture(path: &Path, args: &ApproxArgs) -> Result<(), Failure> {
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
        let endings = vec!["`.svg`".to_owned()];
        return Err(DriverError::WrongEnding { path: path.to_owned(), what: "a picture", endings }.into());
    }
    let others = [&args.exports.csv, &args.exports.json].into_iter().flatten().map(|path| &**path);
    Ok(files::check_outputs(&others.chain([path]).collect::<Vec<_>>(), args.target.target.as_deref())?)
}
