//! The standard library: modules in the language itself, inside the binary.

use tilewright_syntax::Diagnostic;
use tilewright_syntax::ast::Ident;

use super::ModuleError;

/// A module of the library: `use NAME`.
#[derive(Clone, Copy, Debug)]
pub struct LibraryModule {
    pub name: &'static str,
    /// Its source.
    pub text: &'static str,
}

/// Every module.
pub const LIBRARY: [LibraryModule; 1] = [LibraryModule { name: "vta", text: include_str!("../std/vta.tw") }];

pub(super) fn text(name: &Ident) -> Result<&'static str, Diagnostic> {
    let found = LIBRARY.iter().find(|module| module.name == name.name);
    found.map(|module| module.text).ok_or_else(|| unknown(name).diagnostic())
}

pub(super) fn unknown(name: &Ident) -> ModuleError {
    ModuleError::UnknownModule { name: name.clone(), known: LIBRARY.iter().map(|module| module.name).collect() }
}

/// The page that documents the library, in Markdown: for each definition its comment and its source.
pub fn documentation() -> String {
    let mut page = String::from(
        "# The standard library\n\nIdioms of VTA in Tilewright's own language, inside the binary: `use vta: NAME` in a file \
         or in a schedule makes them\nvisible. This page is generated from their source, which `tilewright std` prints.\n",
    );
    for module in LIBRARY {
        page.push_str(&format!("\n## `use {}`\n", module.name));
        for definition in module.text.split("\n\n").filter(|part| part.contains("\ndef ") || part.starts_with("def ")) {
            let (comment, source): (Vec<&str>, Vec<&str>) = definition.lines().partition(|l| l.starts_with("//"));
            let name = source[0].trim_start_matches("def ").split(['(', ' ']).next().unwrap_or_default();
            let comment: Vec<&str> = comment.iter().map(|l| l.trim_start_matches('/').trim()).collect();
            page.push_str(&format!("\n### {name}\n\n{}\n\n```text\n{}\n```\n", comment.join("\n"), source.join("\n")));
        }
    }
    page
}
