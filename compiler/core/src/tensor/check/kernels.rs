//! Kernels that are checked with the same modules for the same target: each once for every choice of its parameters, however
//! many others call it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tilewright_syntax::{Diagnostic, Span, ast};

use super::Checker;
use crate::modules::Modules;
use crate::tensor::{Constants, Kernel, TensorError};

#[derive(Debug)]
pub struct Kernels<'a> {
    pub(super) target: &'a Constants,
    pub(super) modules: &'a Modules,
    checked: RefCell<HashMap<Choice, Rc<Kernel>>>,
}

/// A kernel, by the place of its name, and values of its parameters.
type Choice = (Span, Vec<(String, i64)>);

impl<'a> Kernels<'a> {
    /// `target` has the names that the target defines (`BATCH`, `BLOCK_IN`, `BLOCK_OUT`).
    pub fn new(target: &'a Constants, modules: &'a Modules) -> Kernels<'a> {
        Kernels { target, modules, checked: RefCell::default() }
    }

    /// Checks a kernel. `overrides` replace the defaults of its parameters.
    pub fn check(&self, kernel: &ast::Kernel, overrides: &[(String, i64)]) -> Result<Kernel, Vec<Diagnostic>> {
        let told = |errors: Vec<TensorError>| errors.iter().map(TensorError::diagnostic).collect();
        self.called(kernel, overrides, &[]).map(Rc::unwrap_or_clone).map_err(told)
    }

    /// Checks a kernel that others call, whose names are `callers`.
    pub(super) fn called(
        &self,
        source: &ast::Kernel,
        overrides: &[(String, i64)],
        callers: &[Span],
    ) -> Result<Rc<Kernel>, Vec<TensorError>> {
        let key = (source.name.span, overrides.to_vec());
        if let Some(kernel) = self.checked.borrow().get(&key) {
            return Ok(kernel.clone());
        }
        let mut checker = Checker::new(source, overrides, self)?;
        checker.open_kernels.extend(callers);
        source.stmts.iter().for_each(|stmt| checker.statement(stmt));
        checker.output_exists();
        if !checker.errors.is_empty() {
            return Err(checker.errors);
        }
        let kernel = Rc::new(checker.kernel);
        self.checked.borrow_mut().insert(key, kernel.clone());
        Ok(kernel)
    }
}
