//! Files → what each of them may name: its own items, and those that its `use` brings in.
//!
//! [`complete`] adds the files that a program uses to the sources, the standard library from inside this crate and others
//! through a reader that the caller gives; this crate opens no files. [`Modules::load`] parses what is there. A name means
//! what is visible in the file in which it stands, so definitions keep their meaning wherever they are used. `use` is not
//! passed on: a file sees the items of the files that it names, not what these use.

mod error;
mod library;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tilewright_syntax::ast::{self, Ident, Item, ScheduleStmt, Use, UseSource};
use tilewright_syntax::{Diagnostic, FileId, Sources, Span, parse};

pub use error::ModuleError;
pub use library::{LIBRARY, LibraryModule, documentation};

/// Gives the text of the file with a name, or why there is none.
pub type Reader<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

/// The files of a program, parsed. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    files: Arc<BTreeMap<FileId, File>>,
}

#[derive(Debug)]
struct File {
    program: Arc<ast::Program>,
    /// The file that each `use` names, by the place of the `use`.
    used: BTreeMap<Span, FileId>,
    /// Which of the items have a name, in the order of the text.
    named: HashMap<String, Vec<usize>>,
    /// Which of the items bring in others.
    imports: Vec<usize>,
}

impl File {
    fn new(program: ast::Program, used: BTreeMap<Span, FileId>) -> File {
        let mut named: HashMap<String, Vec<usize>> = HashMap::new();
        let mut imports = Vec::new();
        for (at, item) in program.items.iter().enumerate() {
            match item_name(item) {
                Some(name) => named.entry(name.name.clone()).or_default().push(at),
                None if matches!(item, Item::Use(_)) => imports.push(at),
                None => {}
            }
        }
        File { program: Arc::new(program), used, named, imports }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Item> {
        self.named.get(name).into_iter().flatten().map(|at| &self.program.items[*at])
    }

    /// Every `use` outside of schedules and definitions, in the order of the text.
    fn imports(&self) -> impl Iterator<Item = &Use> {
        let items = self.imports.iter().map(|at| &self.program.items[*at]);
        items.filter_map(|item| if let Item::Use(import) = item { Some(import) } else { None })
    }
}

/// A file whose uses are being followed.
struct Open {
    file: FileId,
    program: ast::Program,
    /// Those that are still to be followed, the next one last.
    uses: Vec<Use>,
    used: BTreeMap<Span, FileId>,
    /// The use that led here; none for the first file.
    from: Option<Span>,
}

impl Open {
    fn new(sources: &Sources, file: FileId, from: Option<Span>) -> Result<Open, Vec<Diagnostic>> {
        let program = parse(sources, file)?;
        let uses = uses(&program).into_iter().rev().cloned().collect();
        Ok(Open { file, program, uses, used: BTreeMap::new(), from })
    }
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
        UseSource::Module(name) => return format!("{LIBRARY_PREFIX}{}", name.name),
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
    file_name(format!("{root}{}", parts.join("/")))
}

/// What stands in the sources before the name of a module of the library.
const LIBRARY_PREFIX: &str = "std:";

/// The name in the sources of a file, which is none of a module of the library, whatever the file is called.
pub fn file_name(path: String) -> String {
    if path.starts_with(LIBRARY_PREFIX) { format!("./{path}") } else { path }
}

impl Modules {
    /// Parses a file and all that it uses. The sources are as [`complete`] left them.
    pub fn load(sources: &Sources, file: FileId) -> Result<Modules, Vec<Diagnostic>> {
        let mut files = BTreeMap::new();
        // The files from the first one to the one at hand, since a chain of files may be longer than a stack is high.
        let mut way = vec![Open::new(sources, file, None)?];
        let mut places = HashMap::from([(file, 0)]);
        while let Some(open) = way.last_mut() {
            let Some(import) = open.uses.pop() else {
                places.remove(&open.file);
                files.extend(way.pop().map(|open| (open.file, File::new(open.program, open.used))));
                continue;
            };
            let name = resolved(&sources.file(open.file).name, &import.source);
            let Some(target) = sources.find(&name) else { return Err(vec![absent(&import).diagnostic()]) };
            if let Some(at) = places.get(&target) {
                let way = way[at + 1..].iter().filter_map(|open| open.from).collect();
                return Err(vec![ModuleError::Circle { way, span: import.span }.diagnostic()]);
            }
            open.used.insert(import.span, target);
            if !files.contains_key(&target) {
                places.insert(target, way.len());
                way.push(Open::new(sources, target, Some(import.span))?);
            }
        }
        let modules = Modules { files: Arc::new(files) };
        for file in modules.files.keys() {
            modules.names_are_there(*file)?;
        }
        Ok(modules)
    }

    fn names_are_there(&self, file: FileId) -> Result<(), Vec<Diagnostic>> {
        let module = &self.files[&file];
        for import in uses(&module.program) {
            let target = &self.files[&module.used[&import.span]];
            if let Some(name) = import.names.iter().find(|name| !target.named.contains_key(&name.name)) {
                let known = target.program.items.iter().filter_map(item_name).map(|n| n.name.clone()).collect();
                return Err(vec![ModuleError::NotThere { name: name.clone(), known }.diagnostic()]);
            }
        }
        Ok(())
    }

    /// The file's own tree.
    pub fn program(&self, file: FileId) -> Option<&Arc<ast::Program>> {
        self.files.get(&file).map(|file| &file.program)
    }

    /// The items that a file may name: its own, then those that it uses, in the order of the text.
    pub fn visible(&self, file: FileId) -> Vec<&Item> {
        let Some(own) = self.files.get(&file) else { return Vec::new() };
        let mut items: Vec<&Item> = own.program.items.iter().filter(|item| item_name(item).is_some()).collect();
        let mut whole = BTreeSet::new();
        for item in &own.program.items {
            if let Item::Use(import) = item
                // What brings in all of a file again brings in nothing.
                && (!import.names.is_empty() || whole.insert(own.used.get(&import.span)))
            {
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

    /// The items that a name may mean in a file, in the order of [`Modules::visible`], those of `local` first.
    fn named<'a>(&'a self, file: FileId, local: &[&Use], name: &str) -> Vec<&'a Item> {
        let own = self.files.get(&file);
        let brings = |import: &&Use| import.names.is_empty() || import.names.iter().any(|n| n.name == name);
        let target = |import: &Use| {
            let used = self.files.get(&import.span.file).and_then(|file| file.used.get(&import.span));
            used.map(|target| &self.files[target])
        };
        let imported = own.into_iter().flat_map(File::imports);
        let local = local.iter().copied().filter(brings).filter_map(target);
        let files = local.chain(own).chain(imported.filter(brings).filter_map(target));
        files.flat_map(|file| file.named(name)).collect()
    }

    /// The kernel that a name means where it stands.
    pub fn kernel(&self, name: &Ident) -> Option<&ast::Kernel> {
        let items = self.named(name.span.file, &[], &name.name).into_iter();
        items.filter_map(|item| if let Item::Kernel(kernel) = item { Some(kernel) } else { None }).next()
    }

    /// The definition of directives that a name means where it stands; those of `local` come first, which are inside of a
    /// schedule.
    pub fn def(&self, name: &Ident, local: &[&Use]) -> Option<&ast::Def> {
        let items = self.named(name.span.file, local, &name.name).into_iter();
        items.filter_map(|item| if let Item::Def(def) = item { Some(def) } else { None }).next()
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
        self.kernel(&schedule.kernel)
    }

    /// The functions that a file may name.
    pub fn functions(&self, file: FileId) -> Vec<&ast::Function> {
        let items = self.visible(file).into_iter();
        items.filter_map(|item| if let Item::Function(function) = item { Some(function) } else { None }).collect()
    }

    /// The function that a name means where it stands.
    pub fn function(&self, name: &Ident) -> Option<&ast::Function> {
        let items = self.named(name.span.file, &[], &name.name).into_iter();
        items.filter_map(|item| if let Item::Function(function) = item { Some(function) } else { None }).next()
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
            ("a.tw", "std:vta", "./std:vta"),
            ("a.tw", "./std:vta", "./std:vta"),
            ("./std:vta", "x/../std:vta", "./std:vta"),
        ];
        for (from, path, expected) in cases {
            let text = Text { text: path.to_owned(), span: Span::default() };
            assert_eq!(resolved(from, &UseSource::File(text)), expected, "{path} in {from}");
        }
    }
}
