//! Files → what each of them may name: its own items, and those that its `use` brings in.
//!
//! [`complete`] adds the files that a program uses to the sources, the standard library from inside this crate and others
//! through a reader that the caller gives; this crate opens no files. [`Modules::load`] parses what is there. A name means
//! what is visible in the file in which it stands, so definitions keep their meaning wherever they are used. `use` is not
//! passed on: a file sees the items of the files that it names, not what these use.

mod error;
mod library;

use std::collections::BTreeMap;

use tilewright_syntax::ast::{self, Ident, Item, ScheduleStmt, Use, UseSource};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span, parse};

pub use error::ModuleError;
pub use library::{LIBRARY, LibraryModule, documentation};

/// Gives the text of the file with a name, or why there is none.
pub type Reader<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

/// The files of a program, parsed.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    files: BTreeMap<FileId, File>,
}

#[derive(Clone, Debug)]
struct File {
    program: ast::Program,
    /// The file that each `use` names, by the place of the `use`.
    used: BTreeMap<Span, FileId>,
}

/// Adds all files that `file` uses, directly or through others, to the sources.
///
/// A file that does not parse uses nothing here; what is wrong with it is told by [`Modules::load`].
pub fn complete(sources: &mut Sources, file: FileId, read: &mut Reader) -> Result<(), Diagnostic> {
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        let Ok(program) = parse(sources, file) else { continue };
        for import in uses(&program) {
            let name = resolved(&sources.file(file).name, &import.source);
            if sources.find(&name).is_some() {
                continue;
            }
            let text = match &import.source {
                UseSource::Module(module) => library::text(module)?.to_owned(),
                UseSource::File(path) => read(&name).map_err(|reason| {
                    ModuleError::Unreadable { path: path.text.clone(), reason, span: path.span }.diagnostic()
                })?,
            };
            open.push(sources.add(name, text));
        }
    }
    Ok(())
}

/// Every `use` of a file, in order, those inside schedules and definitions included.
fn uses(program: &ast::Program) -> Vec<&Use> {
    let mut found = Vec::new();
    for item in &program.items {
        match item {
            Item::Use(import) => found.push(import),
            Item::Schedule(schedule) => uses_in(&schedule.stmts, &mut found),
            Item::Def(def) => uses_in(&def.stmts, &mut found),
            _ => {}
        }
    }
    found
}

fn uses_in<'a>(stmts: &'a [ScheduleStmt], found: &mut Vec<&'a Use>) {
    for stmt in stmts {
        match stmt {
            ScheduleStmt::Use(import) => found.push(import),
            ScheduleStmt::For(repeat) => uses_in(&repeat.stmts, found),
            _ => {}
        }
    }
}

/// The name in the sources of what a `use` in the file `from` names: paths start at the file's own folder.
fn resolved(from: &str, source: &UseSource) -> String {
    let path = match source {
        UseSource::Module(name) => return format!("std:{}", name.name),
        UseSource::File(path) if path.text.starts_with('/') => return path.text.clone(),
        UseSource::File(path) => &path.text,
    };
    let folder = from.rfind('/').map_or("", |end| &from[..end + 1]);
    let (root, folder) = match folder.strip_prefix('/') {
        Some(below) => ("/", below),
        None => ("", folder),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

impl Modules {
    /// Parses a file and all that it uses. The sources are as [`complete`] left them.
    pub fn load(sources: &Sources, file: FileId) -> Result<Modules, Vec<Diagnostic>> {
        let mut modules = Modules::default();
        modules.add(sources, file, &mut Vec::new())?;
        for file in modules.files.keys() {
            modules.names_are_there(*file)?;
        }
        Ok(modules)
    }

    /// `way` are the uses that led to the file.
    fn add(&mut self, sources: &Sources, file: FileId, way: &mut Vec<Span>) -> Result<(), Vec<Diagnostic>> {
        let program = parse(sources, file)?;
        let mut used = BTreeMap::new();
        for import in uses(&program) {
            let name = resolved(&sources.file(file).name, &import.source);
            let Some(target) = sources.find(&name) else { return Err(vec![absent(import).diagnostic()]) };
            if target == file || way.iter().any(|w| w.file == target) {
                let way = way.iter().copied().skip_while(|w| w.file != target).collect();
                return Err(vec![ModuleError::Circle { way, span: import.span }.diagnostic()]);
            }
            used.insert(import.span, target);
            if !self.files.contains_key(&target) {
                way.push(import.span);
                self.add(sources, target, way)?;
                way.pop();
            }
        }
        self.files.insert(file, File { program, used });
        Ok(())
    }

    fn names_are_there(&self, file: FileId) -> Result<(), Vec<Diagnostic>> {
        let module = &self.files[&file];
        for import in uses(&module.program) {
            let items = &self.files[&module.used[&import.span]].program.items;
            for name in &import.names {
                if !items.iter().any(|item| item_name(item).is_some_and(|n| n.name == name.name)) {
                    let known = items.iter().filter_map(item_name).map(|n| n.name.clone()).collect();
                    return Err(vec![ModuleError::NotThere { name: name.clone(), known }.diagnostic()]);
                }
            }
        }
        Ok(())
    }

    /// The file's own tree.
    pub fn program(&self, file: FileId) -> Option<&ast::Program> {
        self.files.get(&file).map(|file| &file.program)
    }

    /// The items that a file may name: its own, then those that it uses, in the order of the text.
    pub fn visible(&self, file: FileId) -> Vec<&Item> {
        let Some(own) = self.files.get(&file) else { return Vec::new() };
        let mut items: Vec<&Item> = own.program.items.iter().filter(|item| item_name(item).is_some()).collect();
        for item in &own.program.items {
            if let Item::Use(import) = item {
                items.extend(self.brought_in(import));
            }
        }
        items
    }

    /// The items that one `use` makes visible.
    fn brought_in(&self, import: &Use) -> Vec<&Item> {
        let Some(target) = self.files.get(&import.span.file).and_then(|file| file.used.get(&import.span)) else {
            return Vec::new();
        };
        let wanted = |item: &&Item| match item_name(item) {
            Some(name) => import.names.is_empty() || import.names.iter().any(|n| n.name == name.name),
            None => false,
        };
        self.files[target].program.items.iter().filter(wanted).collect()
    }

    /// The kernels that a file may name, its own first.
    pub fn kernels(&self, file: FileId) -> Vec<&ast::Kernel> {
        let items = self.visible(file).into_iter();
        items.filter_map(|item| if let Item::Kernel(kernel) = item { Some(kernel) } else { None }).collect()
    }

    /// The schedules that a file may name, its own first.
    pub fn schedules(&self, file: FileId) -> Vec<&ast::Schedule> {
        let items = self.visible(file).into_iter();
        items.filter_map(|item| if let Item::Schedule(schedule) = item { Some(schedule) } else { None }).collect()
    }

    /// The programs that a file may name, its own first.
    pub fn programs(&self, file: FileId) -> Vec<&ast::Composition> {
        let items = self.visible(file).into_iter();
        items.filter_map(|item| if let Item::Program(program) = item { Some(program) } else { None }).collect()
    }

    /// The kernel that a schedule is for: a name means what it means in the schedule's file.
    pub fn kernel_of(&self, schedule: &ast::Schedule) -> Option<&ast::Kernel> {
        let visible = self.kernels(schedule.kernel.span.file);
        visible.into_iter().find(|k| k.name.name == schedule.kernel.name)
    }

    /// The functions that a file may name.
    pub fn functions(&self, file: FileId) -> Vec<&ast::Function> {
        let items = self.visible(file).into_iter();
        items.filter_map(|item| if let Item::Function(function) = item { Some(function) } else { None }).collect()
    }

    /// The function that a name means where it stands.
    pub fn function(&self, name: &Ident) -> Option<&ast::Function> {
        self.functions(name.span.file).into_iter().find(|f| f.name.name == name.name)
    }

    /// The functions of all files.
    pub fn all_functions(&self) -> Vec<&ast::Function> {
        let items = self.files.values().flat_map(|file| &file.program.items);
        items.filter_map(|item| if let Item::Function(function) = item { Some(function) } else { None }).collect()
    }

    /// The definitions of directives that a file may name, those of `local` first, which are inside a schedule.
    pub fn defs(&self, file: FileId, local: &[&Use]) -> Vec<&ast::Def> {
        let local = local.iter().flat_map(|import| self.brought_in(import));
        local
            .chain(self.visible(file))
            .filter_map(|item| match item {
                Item::Def(found) => Some(found),
                _ => None,
            })
            .collect()
    }
}

fn absent(import: &Use) -> ModuleError {
    match &import.source {
        UseSource::Module(name) => library::unknown(name),
        UseSource::File(path) => {
            let reason = "it was not read".to_owned();
            ModuleError::Unreadable { path: path.text.clone(), reason, span: path.span }
        }
    }
}

/// What other items may call an item; a `use` has no name.
pub fn item_name(item: &Item) -> Option<&Ident> {
    match item {
        Item::Kernel(kernel) => Some(&kernel.name),
        Item::Schedule(schedule) => Some(&schedule.name),
        Item::Function(function) => Some(&function.name),
        Item::Def(def) => Some(&def.name),
        Item::Program(program) => Some(&program.name),
        Item::Test(_) | Item::Use(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilewright_syntax::ast::Text;

    #[test]
    fn paths_start_at_the_folder_of_the_file_that_names_them() {
        let cases = [
            ("a.tw", "b.tw", "b.tw"),
            ("x/a.tw", "b.tw", "x/b.tw"),
            ("x/y/a.tw", "../b.tw", "x/b.tw"),
            ("a.tw", "./x/../b.tw", "b.tw"),
            ("a.tw", "../b.tw", "../b.tw"),
            ("../a.tw", "../b.tw", "../../b.tw"),
            ("/x/a.tw", "b.tw", "/x/b.tw"),
            ("x/a.tw", "/b.tw", "/b.tw"),
        ];
        for (from, path, expected) in cases {
            let text = Text { text: path.to_owned(), span: Span::default() };
            assert_eq!(resolved(from, &UseSource::File(text)), expected, "{path} in {from}");
        }
    }
}
