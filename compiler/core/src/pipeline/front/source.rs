//! A front as source again: every schedule with all of its directives as they were applied, in a file of its own that uses the
//! kernels where they are. Compiled for the same target, it gives the same bytes.
//!
//! ```text
//! def halves(C, i) -> io { C.split(i, 2) -> io, ii; C.unroll(ii) }        use "k.tw": k
//! schedule s(f = 4) for k {                                          →    schedule s for k {
//!     for stage in [A, B] { stage.set_scope(acc) }                            A.set_scope(acc)
//!     halves(Y, x) -> xo                                                      B.set_scope(acc)
//!     A.compute_at(Y, xo)                                                     Y.split(x, 2) -> xo, ii
//! }                                                                           ...
//! ```
//!
//! Calls of definitions are expanded and repetitions unrolled; sizes are numbers, but for those that the target alone gives. Each
//! call of a program has a schedule of its own, and the program's parameters default to the values for which it was compiled.
//! Parameters of a lone kernel stay those of its file.

use tilewright_syntax::ast::{self, Ident, Item, Param, ProgramStmt, Use, UseSource, With};
use tilewright_syntax::{Diagnostic, FileId, Span};

use super::{Call, Front, target_constants};
use crate::schedule;
use crate::schedule::integer;

impl Front {
    /// The schedules of all calls as a file; `source` says what a `use` names a file by.
    pub fn source(&self, source: &dyn Fn(FileId) -> UseSource) -> Result<ast::Program, Vec<Diagnostic>> {
        let mut items = self.uses(source);
        for call in &self.calls {
            items.push(Item::Schedule(self.schedule_source(call)?));
        }
        items.extend(self.composition_source().map(Item::Program));
        Ok(ast::Program { items })
    }

    /// A `use` for each file with kernels, in the order in which they are called.
    fn uses(&self, source: &dyn Fn(FileId) -> UseSource) -> Vec<Item> {
        let mut files: Vec<(FileId, Vec<Ident>)> = Vec::new();
        for kernel in self.calls.iter().map(|call| &call.kernel) {
            let file = kernel.span.file;
            let at = files.iter().position(|(known, _)| *known == file).unwrap_or(files.len());
            if at == files.len() {
                files.push((file, Vec::new()));
            }
            if files[at].1.iter().all(|name| name.name != kernel.name) {
                files[at].1.push(ident(&kernel.name));
            }
        }
        let import = |(file, names)| Item::Use(Use { source: source(file), names, span: Span::default() });
        files.into_iter().map(import).collect()
    }

    /// The parameters among these that the file does not state, so that it is compiled for the same with them: those of a lone
    /// kernel. Parameters of programs and of schedules are numbers in the file.
    pub fn params_to_repeat(&self, params: &[(String, i64)]) -> Vec<(String, i64)> {
        let lone = self.calls.iter().all(|call| call.place.is_none());
        params.iter().filter(|(name, _)| lone && !name.contains('.')).cloned().collect()
    }

    fn schedule_source(&self, call: &Call) -> Result<ast::Schedule, Vec<Diagnostic>> {
        let directives = schedule::directives(&call.schedule, &call.kernel, &self.modules, &call.constants)
            .map_err(|d| call.shown_in(vec![d]))?;
        let target = target_constants(&self.cx.config);
        let stmts = directives.iter().map(|directive| directive.resolved(&call.constants, &target));
        Ok(ast::Schedule {
            name: ident(&self.source_name(call)),
            params: Vec::new(),
            kernel: ident(&call.kernel.name),
            stmts: stmts.collect::<Result<_, _>>().map_err(|d| call.shown_in(vec![d]))?,
            span: Span::default(),
        })
    }

    /// The program with a schedule for each call, and with values for its parameters; none for a lone kernel.
    fn composition_source(&self) -> Option<ast::Composition> {
        let (mut program, constants) = self.composition.clone()?;
        for Param { name, default } in &mut program.params {
            *default = constants.get(&name.name).map(|value| integer(value, name.span)).or(default.take());
        }
        for stmt in &mut program.stmts {
            let ProgramStmt::Call(call) = stmt else { continue };
            let of_call = |own: &&Call| own.name() == call.results.first().map(|name| name.name.as_str());
            let schedule = self.calls.iter().find(of_call).map(|call| self.source_name(call));
            call.schedule = schedule.map(|name| With { name: ident(&name), params: Vec::new(), span: Span::default() });
        }
        Some(program)
    }

    /// The name of a call's schedule in a file that has those of all calls. A `use` of a kernel takes over a schedule of the
    /// kernel's name as well, so none has that.
    fn source_name(&self, call: &Call) -> String {
        let own = &call.schedule.name.name;
        let mut name = call.name().map_or(own.clone(), |call| format!("{own}_{call}"));
        while self.calls.iter().any(|call| call.kernel.name == name) {
            name.push_str("_applied");
        }
        name
    }
}

fn ident(name: &str) -> Ident {
    Ident { name: name.to_owned(), span: Span::default() }
}
