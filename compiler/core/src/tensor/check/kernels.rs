//! Kernels that are checked with the same modules for the same target: each once for every choice of its parameters, however
//! many others call it, and whether it is right or not.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use tilewright_syntax::{Diagnostic, Span, ast};

use super::Checker;
use crate::modules::Modules;
use crate::tensor::{Constants, Kernel, TensorError};

#[derive(Debug)]
pub struct Kernels<'a> {
    pub(super) target: &'a Constants,
    pub(super) modules: &'a Modules,
    checked: RefCell<HashMap<Choice, Outcome>>,
    /// Tensors of the kernels that are kept.
    kept: Cell<usize>,
    /// The names of the kernels that are being checked, each called by the one before.
    open: RefCell<HashSet<Span>>,
}

/// What is known of a kernel.
#[derive(Debug)]
enum Outcome {
    /// Its errors have been told.
    Wrong,
    /// Nothing is wrong with it; the kernel itself is kept while not too many are.
    Right(Option<Rc<Kernel>>),
}

/// Most tensors of the kernels that are kept. Each of a chain of kernels has the tensors of all behind it.
const MAX_KEPT: usize = 1 << 16;

/// Stack that one kernel may take, and what is added where there is less, in bytes: a call takes a kernel deeper than the one
/// that calls it.
const STACK: [usize; 2] = [1 << 18, 1 << 22];

/// A kernel, by the place of its name, and values of its parameters.
type Choice = (Span, Vec<(String, i64)>);

impl<'a> Kernels<'a> {
    /// `target` has the names that the target defines (`BATCH`, `BLOCK_IN`, `BLOCK_OUT`).
    pub fn new(target: &'a Constants, modules: &'a Modules) -> Kernels<'a> {
        Kernels { target, modules, checked: RefCell::default(), kept: Cell::new(0), open: RefCell::default() }
    }

    /// Checks a kernel. `overrides` replace the defaults of its parameters. What is wrong with a kernel that it calls is told
    /// once; none of the errors may be left, where all of them have been.
    pub fn check(&self, kernel: &ast::Kernel, overrides: &[(String, i64)]) -> Result<Kernel, Vec<Diagnostic>> {
        let told = |errors: Vec<TensorError>| errors.iter().map(TensorError::diagnostic).collect();
        self.called(kernel, overrides).map(Rc::unwrap_or_clone).map_err(told)
    }

    /// Whether the kernel is being checked, so that a call of it leads back to it.
    pub(super) fn is_open(&self, source: &ast::Kernel) -> bool {
        self.open.borrow().contains(&source.name.span)
    }

    /// Checks a kernel, which another one may call.
    pub(super) fn called(
        &self,
        source: &ast::Kernel,
        overrides: &[(String, i64)],
    ) -> Result<Rc<Kernel>, Vec<TensorError>> {
        let key = (source.name.span, overrides.to_vec());
        match self.checked.borrow().get(&key) {
            Some(Outcome::Wrong) => return Err(Vec::new()),
            Some(Outcome::Right(Some(kernel))) => return Ok(kernel.clone()),
            Some(Outcome::Right(None)) | None => {}
        }
        let [least, more] = STACK;
        self.open.borrow_mut().insert(source.name.span);
        let checked = stacker::maybe_grow(least, more, || self.checked(source, overrides));
        self.open.borrow_mut().remove(&source.name.span);
        self.keep(key, checked.as_ref().ok());
        checked
    }

    /// Whether a kernel is known to be right.
    pub fn is_right(&self, source: &ast::Kernel, overrides: &[(String, i64)]) -> bool {
        let key = (source.name.span, overrides.to_vec());
        matches!(self.checked.borrow().get(&key), Some(Outcome::Right(_)))
    }

    fn keep(&self, key: Choice, kernel: Option<&Rc<Kernel>>) {
        let mut checked = self.checked.borrow_mut();
        let tensors = kernel.map_or(0, |kernel| kernel.tensors.len());
        if self.kept.get() + tensors > MAX_KEPT {
            checked.values_mut().for_each(|outcome| {
                if let Outcome::Right(kernel) = outcome {
                    *kernel = None;
                }
            });
            self.kept.set(0);
        }
        self.kept.set(self.kept.get() + tensors);
        let outcome = kernel.map_or(Outcome::Wrong, |kernel| Outcome::Right(Some(kernel.clone())));
        checked.insert(key, outcome);
    }

    fn checked(&self, source: &ast::Kernel, overrides: &[(String, i64)]) -> Result<Rc<Kernel>, Vec<TensorError>> {
        let mut checker = Checker::new(source, overrides, self)?;
        source.stmts.iter().for_each(|stmt| checker.statement(stmt));
        if !checker.is_full() {
            checker.output_exists();
        }
        match checker.errors.is_empty() && checker.failed.is_empty() {
            true => Ok(Rc::new(checker.kernel)),
            false => Err(checker.errors),
        }
    }
}
