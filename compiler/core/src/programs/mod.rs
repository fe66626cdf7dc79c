//! Programs of several kernels. AST → [`Program`]: calls of checked kernels, with the tensors that pass between them.
//!
//! ```text
//! program p {                                    call `T` of matmul: X → X, W → V, Y → T
//!     input X: i8[1, 64]; input V, W: ...    →   call `Y` of matmul: X → T, W → W, Y → Y
//!     T = matmul(X, V)                           one kernel with T.C, T, Y.C, Y, which says what is computed
//!     output Y = matmul(T, W) with fast
//! }
//! ```
//!
//! Every tensor that a call reads is there before it, with the type and the shape that the kernel's input has; every call
//! computes something that another one reads or the user takes. A call has the name of its first result; what its kernel
//! keeps to itself is named behind it.

mod error;

use std::collections::{BTreeMap, BTreeSet};

use tilewright_syntax::ast::{self, Ident, Item, KernelCall, NamedArg, ProgramStmt};
use tilewright_syntax::{Diagnostic, Span};

use crate::modules::{Modules, item_name};
use crate::tensor::check::{Kernels, MAX_KERNEL_ELEMENTS, check_inputs, parameters};
use crate::tensor::constants::bind_parameters;
use crate::tensor::join::Place;
use crate::tensor::print::type_of;
use crate::tensor::{Constants, Kernel, Tensor, TensorError, TensorId};

pub use error::{ProgramError, WrongType};

/// The schedule that a call may name for one that is made for its kernel.
const AUTOMATIC: &str = crate::schedule::auto::NAME;

/// A checked program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Computes what all calls do. Inputs and outputs are those of the program.
    pub kernel: Kernel,
    /// In the order in which they run.
    pub calls: Vec<Call>,
    /// In reach of the program: the target's names and its parameters.
    pub constants: Constants,
}

/// One kernel of a program, with the values of its parameters.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name of its first result.
    pub name: Ident,
    pub span: Span,
    pub kernel: Kernel,
    /// What the kernel's inputs and outputs are called in the program.
    pub tensors: BTreeMap<String, String>,
    /// None where one is to be made.
    pub schedule: Option<ast::Schedule>,
    /// In reach of the schedule.
    pub constants: Constants,
}

/// Checks a program. `params` has values for its parameters and, as `SCHEDULE.NAME`, for those of the schedules that its
/// calls name, where they count before what the calls say. `target` has the names that the target defines.
pub fn check(
    source: &ast::Composition,
    params: &[(String, i64)],
    target: &Constants,
    modules: &Modules,
) -> Result<Program, Vec<Diagnostic>> {
    let told = |errors: Vec<TensorError>| errors.iter().map(TensorError::diagnostic).collect::<Vec<_>>();
    let of_schedule = |(name, _): &&(String, i64)| {
        let schedules = modules.schedules(source.name.span.file);
        name.split_once('.').is_some_and(|(prefix, _)| schedules.iter().any(|s| s.name.name == prefix))
    };
    let (of_schedules, own): (Vec<_>, Vec<_>) = params.iter().partition(of_schedule);
    let own: Vec<(String, i64)> = own.into_iter().cloned().collect();
    let (kernel, constants) = check_inputs(&inputs_of(source), &own, target).map_err(told)?;
    let mut checker = Checker {
        source,
        modules,
        target,
        kernels: Kernels::new(target, modules),
        of_schedules,
        constants,
        program: Kernel { span: source.span, ..kernel },
        calls: Vec::new(),
        failed: BTreeSet::new(),
        read: BTreeSet::new(),
        errors: Vec::new(),
    };
    for stmt in &source.stmts {
        if let ProgramStmt::Call(call) = stmt {
            checker.call(call);
        }
    }
    checker.complete()
}

/// A kernel with the inputs of a program and nothing else.
fn inputs_of(source: &ast::Composition) -> ast::Kernel {
    let input = |stmt: &ProgramStmt| match stmt {
        ProgramStmt::Input(input) => Some(ast::KernelStmt::Input(input.clone())),
        ProgramStmt::Call(_) => None,
    };
    let stmts = source.stmts.iter().filter_map(input).collect();
    ast::Kernel { name: source.name.clone(), params: source.params.clone(), stmts, span: source.span }
}

/// Why a call could not be checked; empty if it only follows from an error that was told.
type Faults = Vec<Diagnostic>;

struct Checker<'a> {
    source: &'a ast::Composition,
    modules: &'a Modules,
    target: &'a Constants,
    kernels: Kernels<'a>,
    /// Values for parameters of schedules.
    of_schedules: Vec<&'a (String, i64)>,
    constants: Constants,
    /// What has been checked so far, as one kernel.
    program: Kernel,
    calls: Vec<Call>,
    /// Results of calls with an error: nothing is said about what reads them.
    failed: BTreeSet<String>,
    /// The tensors that some call reads.
    read: BTreeSet<TensorId>,
    errors: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn call(&mut self, call: &KernelCall) {
        let checked = self.names_are_free(call).and_then(|()| self.checked(call));
        if let Err(faults) = checked {
            self.failed.extend(call.results.iter().map(|r| r.name.clone()));
            faults.into_iter().for_each(|fault| self.tell(fault));
        }
    }

    /// Keeps what is wrong; an error of a kernel, which each of its calls would show, once.
    fn tell(&mut self, fault: Diagnostic) {
        let same = |told: &&Diagnostic| told.message == fault.message && told.labels.first() == fault.labels.first();
        if !self.errors.iter().any(|told| same(&told)) {
            self.errors.push(fault);
        }
    }

    fn checked(&mut self, call: &KernelCall) -> Result<(), Faults> {
        let source = self.kernel(&call.kernel).map_err(told)?;
        let arguments: Vec<Option<TensorId>> =
            call.inputs.iter().map(|name| self.tensor(name)).collect::<Result<_, _>>().map_err(told)?;
        let values = self.values(&call.params, (&source.name, &source.params))?;
        let in_call = |told: Vec<Diagnostic>| {
            told.into_iter().map(|d| d.secondary(call.span, "in this call")).collect::<Vec<_>>()
        };
        let constants = parameters(source, &values, self.target).map_err(in_call)?;
        let kernel = self.kernels.check(source, &values).map_err(in_call)?;
        counts_agree(call, source, &kernel).map_err(told)?;
        let arguments = arguments.into_iter().collect::<Option<Vec<_>>>().ok_or_else(Vec::new)?;
        let inputs: Vec<TensorId> = kernel.ids().filter(|id| kernel.tensor(*id).is_input()).collect();
        for ((name, id), input) in call.inputs.iter().zip(&arguments).zip(&inputs) {
            self.fits(name, *id, &kernel, kernel.tensor(*input)).map_err(told)?;
        }
        let (schedule, constants) = self.schedule(call, source, constants)?;
        self.append(call, kernel, &inputs, &arguments, (schedule, constants)).map_err(told)
    }

    /// The kernel that a call names.
    fn kernel(&self, name: &Ident) -> Result<&'a ast::Kernel, ProgramError> {
        let file = self.source.name.span.file;
        let kernels = self.modules.kernels(file);
        kernels.iter().find(|k| k.name.name == name.name).copied().ok_or_else(|| {
            let programs = self.modules.visible(file).into_iter().filter(|item| matches!(item, Item::Program(_)));
            let mut names = programs.filter_map(item_name);
            ProgramError::UnknownKernel {
                name: name.clone(),
                known: kernels.iter().map(|k| k.name.name.clone()).collect(),
                program: names.find(|n| n.name == name.name).map(|n| n.span),
            }
        })
    }

    /// The tensor that a call reads; none if an error was told about it.
    fn tensor(&self, name: &Ident) -> Result<Option<TensorId>, ProgramError> {
        if self.failed.contains(&name.name) {
            return Ok(None);
        }
        let is_named = |id: &TensorId| self.program.tensor(*id).name == name.name;
        if let Some(id) = self.program.ids().find(is_named) {
            return Ok(Some(id));
        }
        let results = self.source.stmts.iter().flat_map(results);
        if let Some(later) = results.into_iter().find(|result| result.name == name.name) {
            return Err(ProgramError::ReadTooEarly { name: name.clone(), computed: later.span });
        }
        let known = self.program.tensors.iter().map(|t| t.name.clone()).filter(|name| !name.contains('.')).collect();
        Err(ProgramError::UnknownTensor { name: name.clone(), program: self.source.name.name.clone(), known })
    }

    /// The values of a call's or a schedule's parameters.
    fn values(
        &self,
        given: &[NamedArg],
        (owner, params): (&Ident, &[ast::Param]),
    ) -> Result<Vec<(String, i64)>, Faults> {
        let mut values: Vec<(String, i64)> = Vec::new();
        for (at, arg) in given.iter().enumerate() {
            if let Some(first) = given[..at].iter().find(|first| first.name.name == arg.name.name) {
                let (name, first) = (arg.name.clone(), Some(first.name.span));
                return Err(told(ProgramError::NameTaken { name, what: "given", first }));
            }
            if !params.iter().any(|p| p.name.name == arg.name.name) {
                let known = params.iter().map(|p| p.name.name.clone()).collect();
                let (owner, declared) = (owner.name.clone(), owner.span);
                return Err(told(ProgramError::UnknownParameter { owner, name: arg.name.clone(), known, declared }));
            }
            let value = self.constants.eval(&arg.value).map_err(|error| vec![error.diagnostic()])?;
            values.push((arg.name.name.clone(), value));
        }
        Ok(values)
    }

    /// Checks that a tensor is what the kernel's input is.
    fn fits(&self, name: &Ident, id: TensorId, kernel: &Kernel, input: &Tensor) -> Result<(), ProgramError> {
        let tensor = self.program.tensor(id);
        if let Some(difference) = difference(tensor, input) {
            return Err(ProgramError::WrongType(Box::new(WrongType {
                tensor: tensor.name.clone(),
                found: type_of(tensor),
                input: input.name.clone(),
                kernel: kernel.name.clone(),
                expected: type_of(input),
                argument: name.span,
                declared: input.span,
                defined: tensor.span,
                difference,
            })));
        }
        match (tensor.outside, input.outside) {
            (Some(known), Some(value)) if known != value => Err(ProgramError::Outside {
                tensor: tensor.name.clone(),
                values: [known, value],
                argument: name.span,
                first: self.says_outside(tensor),
                second: input.span,
            }),
            _ => Ok(()),
        }
    }

    /// The input that says what stands outside of a tensor: the program's, or that of the first call to read it.
    fn says_outside(&self, tensor: &Tensor) -> Span {
        let of_call = |call: &Call| {
            let inputs = call.kernel.tensors.iter().filter(|t| t.is_input() && t.outside.is_some());
            inputs.into_iter().find(|t| call.tensors[&t.name] == tensor.name).map(|t| t.span)
        };
        self.calls.iter().find_map(of_call).unwrap_or(tensor.span)
    }

    /// The schedule of a call, with the constants in its reach; none where one is to be made.
    fn schedule(
        &self,
        call: &KernelCall,
        kernel: &ast::Kernel,
        constants: Constants,
    ) -> Result<(Option<ast::Schedule>, Constants), Faults> {
        let all = self.modules.schedules(self.source.name.span.file);
        let of_kernel = |s: &&ast::Schedule| self.modules.kernel_of(s).is_some_and(|k| k.name.span == kernel.name.span);
        let own: Vec<&ast::Schedule> = all.into_iter().filter(of_kernel).collect();
        let mut known: Vec<String> = own.iter().map(|s| s.name.name.clone()).collect();
        let found = match (&call.schedule, &own[..]) {
            (Some(with), _) => match own.iter().find(|s| s.name.name == with.name.name) {
                Some(found) => *found,
                None if with.name.name == AUTOMATIC => return Ok((None, constants)),
                None => {
                    known.push(AUTOMATIC.to_owned());
                    let (name, kernel) = (with.name.clone(), kernel.name.name.clone());
                    return Err(told(ProgramError::UnknownSchedule { name, kernel, known }));
                }
            },
            (None, []) => return Ok((None, constants)),
            (None, [only]) => *only,
            (None, [first, ..]) => {
                let (kernel, first) = (kernel.name.name.clone(), first.name.span);
                return Err(told(ProgramError::SeveralSchedules { kernel, call: call.span, first, known }));
            }
        };
        let mut values = match &call.schedule {
            Some(with) => self.values(&with.params, (&found.name, &found.params))?,
            None => Vec::new(),
        };
        let prefix = format!("{}.", found.name.name);
        let outer = self.of_schedules.iter();
        values.extend(outer.filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_owned(), *value))));
        let bound = bind_parameters(&found.name, &found.params, &values, &constants);
        let bound = bound.map_err(|errors| errors.iter().map(TensorError::diagnostic).collect::<Vec<_>>())?;
        Ok((Some(found.clone()), bound))
    }

    /// Results have names that nothing else has.
    fn names_are_free(&self, call: &KernelCall) -> Result<(), Faults> {
        for (at, name) in call.results.iter().enumerate() {
            let same = |other: &&Ident| other.name == name.name && other.span != name.span;
            let statements = self.source.stmts.iter().flat_map(names);
            let before = statements.take_while(|other| other.span.start < call.span.start);
            let tensor = before.chain(&call.results[..at]).find(same).map(|first| ("a tensor", Some(first.span)));
            let param = self.source.params.iter().find(|p| p.name.name == name.name);
            let constant = || self.constants.get(&name.name).map(|_| ("a constant", None));
            let taken = tensor.or(param.map(|p| ("a parameter", Some(p.name.span)))).or_else(constant);
            if let Some((what, first)) = taken {
                return Err(told(ProgramError::NameTaken { name: name.clone(), what, first }));
            }
        }
        Ok(())
    }

    /// Adds a checked call to the program.
    fn append(
        &mut self,
        call: &KernelCall,
        kernel: Kernel,
        inputs: &[TensorId],
        arguments: &[TensorId],
        (schedule, constants): (Option<ast::Schedule>, Constants),
    ) -> Result<(), ProgramError> {
        let name = &call.results[0];
        let mut results = call.results.iter();
        let place = |id: TensorId| match inputs.iter().position(|input| *input == id) {
            Some(at) => Place::Bound(arguments[at], Vec::new()),
            None if kernel.tensor(id).output => Place::New(results.next().expect("counted").clone()),
            None => {
                let Tensor { name: own, span, .. } = kernel.tensor(id);
                Place::New(Ident { name: format!("{}.{own}", name.name), span: *span })
            }
        };
        let places: Vec<Place> = kernel.ids().map(place).collect();
        let ids = self.program.append(&kernel, &places, None);
        let shown = |id: &TensorId| kernel.tensor(*id).is_input() || kernel.tensor(*id).output;
        let named =
            |id: TensorId| (kernel.tensor(id).name.clone(), self.program.tensor(ids[id.0 as usize]).name.clone());
        let tensors = kernel.ids().filter(shown).map(named).collect();
        for id in kernel.ids().filter(|id| kernel.tensor(*id).output) {
            self.program.tensors[ids[id.0 as usize].0 as usize].output = call.output;
        }
        self.read.extend(arguments);
        self.calls.push(Call { name: name.clone(), span: call.span, kernel, tensors, schedule, constants });
        Ok(())
    }

    fn complete(mut self) -> Result<Program, Vec<Diagnostic>> {
        if self.errors.is_empty() {
            self.errors.extend(self.unused().iter().map(ProgramError::diagnostic));
            self.errors.extend(self.too_large().as_ref().map(TensorError::diagnostic));
        }
        let Checker { program: kernel, calls, constants, errors, .. } = self;
        if errors.is_empty() { Ok(Program { kernel, calls, constants }) } else { Err(errors) }
    }

    /// Inputs and calls for nobody, and a program without an output.
    fn unused(&self) -> Vec<ProgramError> {
        let calls =
            || self.source.stmts.iter().filter_map(|s| if let ProgramStmt::Call(c) = s { Some(c) } else { None });
        if !calls().any(|call| call.output) {
            let Ident { name: program, span } = self.source.name.clone();
            let last = calls()
                .next_back()
                .map(|call| call.results.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", "));
            return vec![ProgramError::NoOutput { program, span, last }];
        }
        let is_read = |name: &Ident| self.program.find(&name.name).is_some_and(|id| self.read.contains(&id));
        let unused = |stmt: &ProgramStmt| match stmt {
            ProgramStmt::Input(input) => (!is_read(&input.name)).then(|| (input.name.clone(), true)),
            ProgramStmt::Call(call) => {
                (!call.output && !call.results.iter().any(is_read)).then(|| (call.results[0].clone(), false))
            }
        };
        let unused = self.source.stmts.iter().filter_map(unused);
        unused.map(|(name, input)| ProgramError::Unused { name, input }).collect()
    }

    fn too_large(&self) -> Option<TensorError> {
        let elements = self.program.tensors.iter().map(|t| t.shape.iter().product::<i64>());
        let Ident { name: kernel, span } = self.source.name.clone();
        (elements.sum::<i64>() > MAX_KERNEL_ELEMENTS).then_some(TensorError::KernelTooLarge { kernel, span })
    }
}

fn told(error: ProgramError) -> Faults {
    vec![error.diagnostic()]
}

/// The names that a statement introduces.
fn names(stmt: &ProgramStmt) -> Vec<&Ident> {
    match stmt {
        ProgramStmt::Input(input) => vec![&input.name],
        ProgramStmt::Call(call) => call.results.iter().collect(),
    }
}

fn results(stmt: &ProgramStmt) -> &[Ident] {
    match stmt {
        ProgramStmt::Input(_) => &[],
        ProgramStmt::Call(call) => &call.results,
    }
}

/// Checks that a call has a tensor for each input and a name for each output.
fn counts_agree(call: &KernelCall, source: &ast::Kernel, kernel: &Kernel) -> Result<(), ProgramError> {
    let names = |which: fn(&Tensor) -> bool| {
        kernel.tensors.iter().filter(|t| which(t)).map(|t| t.name.clone()).collect::<Vec<_>>()
    };
    let (inputs, outputs) = (names(Tensor::is_input), names(|t| t.output));
    let (takes, expected, found) = match (inputs.len(), outputs.len()) {
        (n, _) if n != call.inputs.len() => ("takes", counted(n, "tensor"), call.inputs.len()),
        (_, n) if n != call.results.len() => ("computes", counted(n, "tensor"), call.results.len()),
        _ => return Ok(()),
    };
    Err(ProgramError::Count {
        kernel: kernel.name.clone(),
        takes,
        expected,
        found,
        span: call.span,
        declared: source.name.span,
        form: format!("{} = {}({})", outputs.join(", "), kernel.name, inputs.join(", ")),
    })
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// How a tensor differs from the input that it is for, in words.
fn difference(tensor: &Tensor, input: &Tensor) -> Option<String> {
    if tensor.format() != input.format() {
        return Some(format!("pass an `{}` tensor", input.format()));
    }
    if tensor.shape.len() != input.shape.len() {
        let dimensions = counted(input.shape.len(), "dimension");
        return Some(format!("pass a tensor with {dimensions}, or give the input {}", tensor.shape.len()));
    }
    let mut dims = tensor.shape.iter().zip(&input.shape).enumerate();
    let (dim, (found, expected)) = dims.find(|(_, (a, b))| a != b)?;
    Some(format!("dimension {dim} is {found}, expected {expected}: set the kernel's parameters in the call"))
}
