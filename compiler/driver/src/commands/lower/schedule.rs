//! `--emit schedule`: the schedules of all calls as a file that can be compiled, with what they come to as comments.

use std::path::{Component, Path, PathBuf};

use tilewright_core::pipeline::{Front, Scheduled};
use tilewright_core::schedule;
use tilewright_syntax::ast::{Ident, Text, UseSource};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span, Trivia, print};

use crate::cli::LowerArgs;
use crate::files;

/// The file. It names the files of the kernels as seen from where it is written, or from here if that is standard output.
pub fn source(
    (args, params): (&LowerArgs, &[(String, i64)]),
    front: &Front,
    scheduled: &Scheduled,
    sources: &Sources,
) -> Result<String, Vec<Diagnostic>> {
    let folder = args.output.parent().filter(|_| args.output != Path::new(files::STANDARD));
    let use_source = |id: FileId| {
        let name = &sources.file(id).name;
        match name.strip_prefix("std:") {
            Some(module) => UseSource::Module(Ident { name: module.to_owned(), span: Span::default() }),
            None => UseSource::File(Text { text: seen_from(folder, name), span: Span::default() }),
        }
    };
    let mut text = options_to_repeat(args, front, params);
    text.push_str(&print(&front.source(&use_source)?, &Trivia::default()));
    for (call, schedule) in front.calls().iter().zip(&scheduled.schedules) {
        let of_call = call.name().map_or(String::new(), |name| format!(" of `{name}`"));
        text.push_str(&format!("\n// The stages{of_call}, producers first:\n"));
        text.extend(schedule::print(schedule).lines().map(|line| format!("//     {line}\n")));
    }
    Ok(text)
}

/// The options without which the file is compiled for something else, as a comment; empty where there are none.
fn options_to_repeat(args: &LowerArgs, front: &Front, params: &[(String, i64)]) -> String {
    let params = front.params_to_repeat(params).into_iter().map(|(name, value)| format!(" -p {name}={value}"));
    let target = args.target.target.iter().map(|path| format!(" --target {}", path.display()));
    let options: String = params.chain(target).collect();
    if options.is_empty() { options } else { format!("// For{options}\n\n") }
}

/// The path of a file from a folder; where the two have nothing in common, and without a folder, the path as it is.
fn seen_from(folder: Option<&Path>, name: &str) -> String {
    let relative = folder.and_then(|folder| {
        let folder = if folder == Path::new("") { Path::new(".") } else { folder };
        let (folder, path) = (folder.canonicalize().ok()?, Path::new(name).canonicalize().ok()?);
        let (from, to): (Vec<Component>, Vec<Component>) = (folder.components().collect(), path.components().collect());
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let up = from[common..].iter().map(|_| Component::ParentDir);
        Some(up.chain(to[common..].iter().copied()).collect::<PathBuf>())
    });
    relative.map_or(name.to_owned(), |path| path.display().to_string())
}
