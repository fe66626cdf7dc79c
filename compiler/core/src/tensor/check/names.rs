//! The names of a kernel → what they stand for. Kernels may have as many as a file has lines, so none is looked for one by one.

use std::collections::HashMap;

use tilewright_syntax::ast::{self, Ident};

use super::defined_names;
use crate::tensor::{Kernel, TensorId};

/// What a kernel defines.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// Where each name is written first as one of a definition.
    written: HashMap<&'a str, &'a Ident>,
    /// The tensors that are there already.
    tensors: HashMap<String, TensorId>,
}

impl<'a> Names<'a> {
    pub fn new(source: &'a ast::Kernel) -> Names<'a> {
        let mut written = HashMap::new();
        for name in source.stmts.iter().flat_map(defined_names) {
            written.entry(&*name.name).or_insert(name);
        }
        Names { written, tensors: HashMap::new() }
    }

    /// Where a definition with this name is written first.
    pub fn written(&self, name: &str) -> Option<&'a Ident> {
        self.written.get(name).copied()
    }

    pub fn tensor(&self, name: &str) -> Option<TensorId> {
        self.tensors.get(name).copied()
    }

    /// Takes in the tensors that the kernel got since it had so many.
    pub fn add(&mut self, kernel: &Kernel, from: usize) {
        for (at, tensor) in kernel.tensors.iter().enumerate().skip(from) {
            self.tensors.entry(tensor.name.clone()).or_insert(TensorId(at as u32));
        }
    }
}
