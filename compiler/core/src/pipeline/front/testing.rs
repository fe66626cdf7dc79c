//! The tests of a file. `test` blocks → what is tested, with arrays for its inputs and the schedules that it holds for.

use tilewright_isa::Config;
use tilewright_syntax::ast::{self, Ident, Item, NamedArg};
use tilewright_syntax::{Diagnostic, FileId, Sources};

use super::choice::{names_are_unique, own_items};
use super::{Front, Fronts, executable, function_test, target_constants};
use crate::cases::{self, Case, CaseError};
use crate::modules::Modules;
use crate::programs;
use crate::schedule::auto;
use crate::tensor::{self, Constants, Kernel, TensorError, check_functions};

/// A test of a file, checked, with the schedules that it holds for.
#[derive(Clone, Debug)]
pub struct Test {
    pub name: Ident,
    /// Computes what the kernel or program that is tested does.
    pub kernel: Kernel,
    pub case: Case,
    /// By name, at least one: where the kernel has none, the automatic one; for a program, those of its calls.
    pub schedules: Vec<(String, Front)>,
}

/// The tests of a file, in order. A test that names no schedule holds for every schedule of its kernel.
pub fn tests(sources: &Sources, file: FileId, config: &Config) -> Result<Vec<Test>, Vec<Diagnostic>> {
    executable(config)?;
    let modules = Modules::load(sources, file)?;
    check_functions(&modules, &target_constants(config))?;
    names_are_unique(&modules, file).map_err(|e| vec![e.diagnostic()])?;
    let tests =
        own_items(&modules, file).filter_map(|item| if let Item::Test(test) = item { Some(test) } else { None });
    let fronts = Fronts { modules: &modules, file, config, completes: true };
    tests.map(|test| fronts.test(test)).collect()
}

impl Fronts<'_> {
    fn test(&self, test: &ast::Test) -> Result<Test, Vec<Diagnostic>> {
        let subject = &test.subject.name;
        let (programs, kernels) = (self.modules.programs(self.file), self.modules.kernels(self.file));
        let functions = self.modules.functions(self.file);
        if let Some(program) = programs.iter().find(|p| p.name.name == *subject) {
            return self.test_of_program(program, test);
        }
        if let Some(kernel) = kernels.iter().find(|k| k.name.name == *subject) {
            return self.test_of_kernel(kernel, test);
        }
        if let Some(function) = functions.iter().find(|f| f.name.name == *subject) {
            return self.test_of_function(function, test);
        }
        let names = kernels.iter().map(|k| &k.name).chain(programs.iter().map(|p| &p.name));
        let known = names.chain(functions.iter().map(|f| &f.name)).map(|name| name.name.clone()).collect();
        Err(vec![CaseError::UnknownSubject { name: test.subject.clone(), known }.diagnostic()])
    }

    fn test_of_function(&self, function: &ast::Function, test: &ast::Test) -> Result<Test, Vec<Diagnostic>> {
        let told = |e: CaseError| vec![e.diagnostic()];
        let (source, test) = function_test::desugared(function, test).map_err(told)?;
        let target = target_constants(self.config);
        let kernel = tensor::check_with(&source, &[], &target, self.modules)?;
        let case = cases::case(&test, &kernel, &target).map_err(told)?;
        let schedules = vec![(auto::NAME.to_owned(), self.automatic(&source, &[])?)];
        Ok(Test { name: test.name, kernel, case, schedules })
    }

    fn test_of_program(&self, program: &ast::Composition, test: &ast::Test) -> Result<Test, Vec<Diagnostic>> {
        if let Some(with) = &test.schedule {
            let (name, program) = (with.name.clone(), program.name.clone());
            return Err(vec![CaseError::ScheduleOfProgram { name, program }.diagnostic()]);
        }
        let target = target_constants(self.config);
        let params = values(&test.params, "", &target)?;
        let checked = programs::check(program, &params, &target, self.modules)?;
        let case = cases::case(test, &checked.kernel, &checked.constants).map_err(|e| vec![e.diagnostic()])?;
        let front = self.with_schedules(checked)?;
        let (name, kernel) = (front.schedule_names().join(", "), front.kernel.clone());
        Ok(Test { name: test.name.clone(), kernel, case, schedules: vec![(name, front)] })
    }

    fn test_of_kernel(&self, kernel: &ast::Kernel, test: &ast::Test) -> Result<Test, Vec<Diagnostic>> {
        let target = target_constants(self.config);
        let mut params = values(&test.params, "", &target)?;
        let checked = tensor::check_with(kernel, &params, &target, self.modules)?;
        let constants = tensor::check::parameters(kernel, &params, &target)?;
        let case = cases::case(test, &checked, &constants).map_err(|e| vec![e.diagnostic()])?;
        let front = |schedule: &&ast::Schedule, params: &[(String, i64)]| {
            Ok((schedule.name.name.clone(), self.of_kernel((kernel, schedule), params)?))
        };
        let schedules = match &self.schedules_of((kernel, test), &mut params, &constants)?[..] {
            [] => vec![(auto::NAME.to_owned(), self.automatic(kernel, &params)?)],
            written => written.iter().map(|s| front(s, &params)).collect::<Result<_, Vec<Diagnostic>>>()?,
        };
        Ok(Test { name: test.name.clone(), kernel: checked, case, schedules })
    }

    /// The written schedules that a test holds for, none where the automatic one stands; adds their parameters to `params`.
    fn schedules_of(
        &self,
        (kernel, test): (&ast::Kernel, &ast::Test),
        params: &mut Vec<(String, i64)>,
        constants: &Constants,
    ) -> Result<Vec<&ast::Schedule>, Vec<Diagnostic>> {
        let mut found = self.modules.schedules(self.file);
        found.retain(|s| s.kernel.name == kernel.name.name);
        let Some(with) = &test.schedule else { return Ok(found) };
        let mut known: Vec<String> = found.iter().map(|s| s.name.name.clone()).collect();
        found.retain(|s| s.name.name == with.name.name);
        if found.is_empty() && with.name.name != auto::NAME {
            known.push(auto::NAME.to_owned());
            let (name, kernel) = (with.name.clone(), kernel.name.name.clone());
            return Err(vec![CaseError::UnknownSchedule { name, kernel, known }.diagnostic()]);
        }
        params.extend(values(&with.params, &format!("{}.", with.name.name), constants)?);
        Ok(found)
    }
}

/// The values of named arguments, each under its name behind `prefix`.
fn values(args: &[NamedArg], prefix: &str, constants: &Constants) -> Result<Vec<(String, i64)>, Vec<Diagnostic>> {
    let value = |arg: &NamedArg| Ok((format!("{prefix}{}", arg.name.name), constants.eval(&arg.value)?));
    args.iter().map(value).collect::<Result<_, TensorError>>().map_err(|error| vec![error.diagnostic()])
}
