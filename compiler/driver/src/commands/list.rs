//! `tilewright list FILE`: what a file has: kernels, schedules, programs, definitions and tests, with their parameters.

use serde_json::{Value, json};
use tilewright_syntax::ast::{Ident, Item, Param};
use tilewright_syntax::{Sources, parse};

use crate::cli::ListArgs;
use crate::error::{Exit, Failure};
use crate::files;
use crate::report::{FAINT, HEADING};

/// What is listed of an item.
struct Entry {
    kind: &'static str,
    name: String,
    /// Names, and defaults as they are written.
    params: Vec<(String, Option<String>)>,
    /// What it is for.
    of: Option<String>,
}

/// The kinds in the order in which they are listed, with their headings.
const KINDS: [(&str, &str); 6] = [
    ("kernel", "kernels"),
    ("schedule", "schedules"),
    ("program", "programs"),
    ("function", "functions"),
    ("definition", "definitions"),
    ("test", "tests"),
];

pub fn run(args: &ListArgs, sources: &mut Sources) -> Result<Exit, Failure> {
    let file = files::read_program(&args.file, sources)?;
    let program = parse(sources, file)?;
    let entries: Vec<Entry> = program.items.iter().filter_map(|item| entry(item, sources)).collect();
    match args.json {
        true => files::print_data(&format!("{:#}\n", in_json(&sources.file(file).name, &entries)))?,
        false => files::print(&shown(&entries))?,
    }
    Ok(Exit::Success)
}

fn entry(item: &Item, sources: &Sources) -> Option<Entry> {
    let default = |param: &Param| param.default.as_ref().map(|e| sources.text(e.span).to_owned());
    let params = |params: &[Param]| params.iter().map(|p| (p.name.name.clone(), default(p))).collect();
    let plain = |params: &[Ident]| params.iter().map(|p| (p.name.clone(), None)).collect();
    let of = |name: &Ident| Some(name.name.clone());
    let (kind, name, params, of) = match item {
        Item::Kernel(kernel) => ("kernel", &kernel.name, params(&kernel.params), None),
        Item::Schedule(s) => ("schedule", &s.name, params(&s.params), of(&s.kernel)),
        Item::Program(program) => ("program", &program.name, params(&program.params), None),
        Item::Function(function) => ("function", &function.name, plain(&function.params), None),
        Item::Def(def) => ("definition", &def.name, params(&def.params), None),
        Item::Test(test) => ("test", &test.name, Vec::new(), of(&test.subject)),
        Item::Use(_) => return None,
    };
    Some(Entry { kind, name: name.name.clone(), params, of })
}

fn shown(entries: &[Entry]) -> String {
    let of_kind = |(kind, heading): (&str, &str)| {
        let mut lines = entries.iter().filter(|entry| entry.kind == kind).map(line).peekable();
        lines.peek()?;
        Some(format!("{HEADING}{heading}{HEADING:#}\n{}", lines.collect::<String>()))
    };
    KINDS.into_iter().filter_map(of_kind).collect::<Vec<_>>().join("\n")
}

fn line(Entry { name, params, of, .. }: &Entry) -> String {
    let params: Vec<String> = params
        .iter()
        .map(|(name, default)| match default {
            Some(default) => format!("{name} = {default}"),
            None => name.clone(),
        })
        .collect();
    let params = if params.is_empty() { String::new() } else { format!("({})", params.join(", ")) };
    let of = of.as_ref().map_or(String::new(), |of| format!(" {FAINT}for{FAINT:#} {of}"));
    format!("    {name}{params}{of}\n")
}

fn in_json(file: &str, entries: &[Entry]) -> Value {
    let param = |(name, default): &(String, Option<String>)| json!({"name": name, "default": default});
    let item = |entry: &Entry| {
        json!({
            "kind": entry.kind,
            "name": entry.name,
            "parameters": entry.params.iter().map(param).collect::<Vec<_>>(),
            "for": entry.of,
        })
    };
    json!({"version": 1, "file": file, "items": entries.iter().map(item).collect::<Vec<_>>()})
}
