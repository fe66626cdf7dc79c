//! All of a file, for `check`: every kernel, every schedule with its directives, and every program.

use std::collections::HashSet;

use tilewright_isa::Config;
use tilewright_syntax::ast::{self, Ident, Item, ProgramStmt};
use tilewright_syntax::{Diagnostic, FileId, Sources};

use super::choice::{self, ChoiceError};
use super::{Front, Fronts, Request, executable, target_constants};
use crate::modules::Modules;
use crate::scalar::approx::Function;
use crate::schedule::Warning;
use crate::tensor::check::formula::real_function;
use crate::tensor::{self, Kernel, check_functions};

/// The function of one number that a file sees under a name, one that every program knows or one of its own, for `approx`.
pub fn function(sources: &Sources, file: FileId, name: &str, config: &Config) -> Result<Function, Vec<Diagnostic>> {
    let modules = Modules::load(sources, file)?;
    let target = target_constants(config);
    check_functions(&modules, &target)?;
    real_function(&modules, file, name, &target)
}

/// Once so many errors are found the rest of the file is not looked at: each may list all that the file has.
const MAX_ERRORS: usize = 100;

/// Checks every kernel of a file, and its schedules and programs down to legal loops. Returns the warnings.
///
/// A parameter counts where it is one, and everywhere if it is none, so that it is refused. A kernel that has no values for
/// its parameters is checked where a program calls it.
pub fn check(
    sources: &Sources,
    file: FileId,
    params: &[(String, i64)],
    config: &Config,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    executable(config)?;
    let modules = Modules::load(sources, file)?;
    let target = target_constants(config);
    check_functions(&modules, &target)?;
    let told = |e: ChoiceError| vec![e.diagnostic()];
    choice::names_are_unique(&modules, file).map_err(told)?;
    let everything = Everything { modules: &modules, file, params };
    let kernels = everything.kernels();
    if modules.kernels(file).is_empty() && modules.program(file).is_none_or(|program| program.items.is_empty()) {
        return Err(told(ChoiceError::NoKernel));
    }
    let fronts = Fronts { modules: &modules, file, config, completes: true };
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    // Returns whether to go on.
    let mut compile = |front: Result<Front, Vec<Diagnostic>>| {
        match front.and_then(|f| f.check().map_err(|e| e.diagnostics)) {
            Ok(found) => warnings.extend(found.iter().map(Warning::diagnostic)),
            Err(told) => errors.extend(told),
        }
        errors.len() < MAX_ERRORS
    };
    let mut checked: HashSet<&str> = HashSet::new();
    for source in modules.schedules(file) {
        checked.insert(&source.kernel.name);
        let goes_on = match choice::kernel_of(&modules, source) {
            Ok(kernel) if everything.is_only_called(kernel) => true,
            Ok(kernel) => compile(fronts.of_kernel((kernel, source), &everything.of_kernel(kernel, Some(source)))),
            Err(error) => compile(Err(told(error))),
        };
        if !goes_on {
            break;
        }
    }
    for program in modules.programs(file) {
        if !compile(fronts.of_program(program, &everything.of_program(program))) {
            break;
        }
    }
    let all = tensor::Kernels::new(&target, &modules);
    for kernel in kernels.iter().filter(|k| !checked.contains(&*k.name.name)) {
        let own = everything.of_kernel(kernel, None);
        if errors.len() < MAX_ERRORS && !all.is_right(kernel, &own) {
            errors.extend(all.check(kernel, &own).err().into_iter().flatten());
        }
    }
    errors.dedup();
    warnings.dedup();
    if errors.is_empty() { Ok(warnings) } else { Err(errors) }
}

/// Every kernel of the file itself, whatever schedules it has. A kernel takes the parameters that it has, and those that nothing
/// has, so that they are refused.
pub fn kernels(request: &Request) -> Result<Vec<Kernel>, Vec<Diagnostic>> {
    let Request { sources, file, params, config, .. } = *request;
    executable(config)?;
    let modules = Modules::load(sources, file)?;
    let (everything, target) = (Everything { modules: &modules, file, params }, target_constants(config));
    let own = choice::own_items(&modules, file)
        .filter_map(|i| if let Item::Kernel(kernel) = i { Some(kernel) } else { None });
    let (mut kernels, mut errors) = (Vec::new(), Vec::new());
    for kernel in own {
        match tensor::check_with(kernel, &everything.of_kernel(kernel, None), &target, &modules) {
            Ok(checked) => kernels.push(checked),
            Err(told) => errors.extend(told),
        }
    }
    errors.dedup();
    if errors.is_empty() { Ok(kernels) } else { Err(errors) }
}

/// A file with the values that were given for parameters.
struct Everything<'a> {
    modules: &'a Modules,
    file: FileId,
    params: &'a [(String, i64)],
}

impl<'a> Everything<'a> {
    /// The kernels that can be checked by themselves.
    fn kernels(&self) -> Vec<&'a ast::Kernel> {
        self.modules.kernels(self.file).into_iter().filter(|k| !self.is_only_called(k)).collect()
    }

    /// Whether a kernel has parameters without values, which a program gives it.
    fn is_only_called(&self, kernel: &ast::Kernel) -> bool {
        let given = |name: &str| self.params.iter().any(|(n, _)| n == name);
        kernel.params.iter().any(|p| p.default.is_none() && !given(&p.name.name))
            && self.called().any(|name| name.name == kernel.name.name)
    }

    /// The kernels that programs and other kernels call.
    fn called(&self) -> impl Iterator<Item = &'a Ident> {
        let in_programs = self.modules.programs(self.file).into_iter().flat_map(|program| &program.stmts);
        let in_programs =
            in_programs.filter_map(|s| if let ProgramStmt::Call(call) = s { Some(&call.kernel) } else { None });
        in_programs.chain(choice::components(self.modules, self.file))
    }

    fn of_kernel(&self, kernel: &ast::Kernel, schedule: Option<&ast::Schedule>) -> Vec<(String, i64)> {
        self.counting(&|name| match name.split_once('.') {
            None => has(&kernel.params, name),
            Some((prefix, _)) => schedule.is_some_and(|s| s.name.name == prefix),
        })
    }

    fn of_program(&self, program: &ast::Composition) -> Vec<(String, i64)> {
        self.counting(&|name| has(&program.params, name) || self.is_of_schedule(name))
    }

    /// The values for parameters that something has, and those for parameters that nothing has.
    fn counting(&self, has_it: &dyn Fn(&str) -> bool) -> Vec<(String, i64)> {
        self.params.iter().filter(|(name, _)| has_it(name) || !self.is_parameter(name)).cloned().collect()
    }

    fn is_parameter(&self, name: &str) -> bool {
        self.is_of_schedule(name)
            || self.modules.kernels(self.file).iter().any(|k| has(&k.params, name))
            || self.modules.programs(self.file).iter().any(|p| has(&p.params, name))
    }

    fn is_of_schedule(&self, name: &str) -> bool {
        let schedules = self.modules.schedules(self.file);
        name.split_once('.').is_some_and(|(prefix, _)| schedules.iter().any(|s| s.name.name == prefix))
    }
}

fn has(params: &[ast::Param], name: &str) -> bool {
    params.iter().any(|p| p.name.name == name)
}
