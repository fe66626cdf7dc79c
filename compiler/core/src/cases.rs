//! `test` blocks → cases: arrays for a kernel's inputs, and what its outputs must be.
//!
//! Every input has a value and every value fits in its tensor's type and shape; files are named here and read elsewhere.

use ndarray::{ArrayD, IxDyn};
use thiserror::Error;
use tilewright_syntax::ast::{self, Expr, Ident, TestStmt, TestValue, TestValueKind, Text};
use tilewright_syntax::{Diagnostic, Span};

use crate::tensor::{Array, Constants, Kernel, Number, Tensor, TensorError, TensorId};

/// The elements of an array in a test.
#[derive(Clone, Debug)]
pub enum Given {
    Values(Array),
    /// The path of an `.npy` file, as the test has it.
    File(Text),
    /// Any values.
    Random,
}

/// A test of a kernel.
#[derive(Clone, Debug)]
pub struct Case {
    /// Every input of the kernel.
    pub inputs: Vec<(TensorId, Given)>,
    pub expected: Vec<Expected>,
}

/// What an output must be.
#[derive(Clone, Debug)]
pub struct Expected {
    pub tensor: TensorId,
    /// Never random.
    pub given: Given,
    /// How far an element may be from what is given, as a number that the output denotes.
    pub within: Number,
}

/// Why a test tests nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CaseError {
    #[error("there is no kernel, program or function `{}` to test", name.name)]
    UnknownSubject { name: Ident, known: Vec<String> },
    #[error("`{kernel}` has no {what} `{}`", name.name)]
    UnknownTensor { name: Ident, kernel: String, what: &'static str, known: Vec<String> },
    #[error("kernel `{kernel}` has no schedule `{}`", name.name)]
    UnknownSchedule { name: Ident, kernel: String, known: Vec<String> },
    #[error("program `{}` has no schedule", program.name)]
    ScheduleOfProgram { name: Ident, program: Ident },
    #[error("`{}` is specified twice", name.name)]
    Twice { name: Ident, first: Span },
    #[error("input `{name}` has no value")]
    Missing { name: String, test: Span, declared: Span },
    #[error("test `{}` expects nothing", name.name)]
    NothingExpected { name: Ident },
    #[error("the values of `{tensor}` do not match its shape")]
    Shape { tensor: String, span: Span, found: String, expected: String, declared: Span },
    #[error("expectation needs concrete values")]
    RandomExpected { span: Span },
    #[error("argument `{name}` has no value")]
    MissingArgument { name: String, test: Span, declared: Span },
    #[error("a test of the function `{}` has {what}", function.name)]
    OfFunction { what: &'static str, span: Span, function: Ident, help: String },
    #[error("`{name}` is given a type")]
    TypeGiven { name: String, span: Span, declared: Span },
    #[error("the expectation names no output")]
    WithoutName { span: Span, outputs: Vec<String> },
    #[error("the tolerance is {value}")]
    Tolerance { value: Number, span: Span },
    #[error(transparent)]
    Value(Box<TensorError>),
}

impl CaseError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            CaseError::UnknownSubject { .. } => "E0390",
            CaseError::UnknownTensor { .. } => "E0391",
            CaseError::Twice { .. } => "E0392",
            CaseError::Missing { .. } | CaseError::MissingArgument { .. } => "E0393",
            CaseError::NothingExpected { .. } => "E0394",
            CaseError::Shape { .. } => "E0395",
            CaseError::RandomExpected { .. } => "E0396",
            CaseError::UnknownSchedule { .. } => "E0397",
            CaseError::ScheduleOfProgram { .. } => "E0398",
            CaseError::OfFunction { .. }
            | CaseError::TypeGiven { .. }
            | CaseError::WithoutName { .. }
            | CaseError::Tolerance { .. } => "E0399",
            CaseError::Value(error) => error.code(),
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        if let CaseError::Value(error) = self {
            return error.diagnostic();
        }
        let d = Diagnostic::error(self.code(), self.to_string());
        match self {
            CaseError::UnknownSubject { name, known } => d.primary(name.span, "nothing has this name").offer(
                &name.name,
                known,
                "kernels, programs and functions",
            ),
            CaseError::UnknownTensor { name, what, known, .. } => {
                d.primary(name.span, format!("no {what} has this name")).offer(&name.name, known, &format!("{what}s"))
            }
            CaseError::UnknownSchedule { name, known, .. } => {
                d.primary(name.span, "no schedule of the kernel has this name").offer(&name.name, known, "schedules")
            }
            CaseError::ScheduleOfProgram { name, program } => d
                .primary(name.span, "is in the test")
                .secondary(program.span, "a program, whose calls name their schedules")
                .help("leave it out here, and write it after the calls of the program"),
            CaseError::Twice { name, first } => {
                d.primary(name.span, "again").secondary(*first, "first here").help("leave one of them out")
            }
            CaseError::Missing { name, test, declared } => d
                .primary(*test, "gives it no value")
                .secondary(*declared, "declared here")
                .help(format!("for random values, write `{name} = random`")),
            CaseError::NothingExpected { name } => d
                .primary(name.span, "would pass whatever is computed")
                .help("say what an output must be: `expect Y = ...`"),
            CaseError::Shape { span, found, expected, declared, .. } => d
                .primary(*span, found)
                .secondary(*declared, expected)
                .help("a single number fills an array of any shape"),
            CaseError::RandomExpected { span } => {
                d.primary(*span, "any value would pass").help("write the values, or the name of a file")
            }
            form => form.of_form(d),
        }
    }

    /// What is said of statements that stand in the wrong kind of test, or say nothing there.
    fn of_form(&self, d: Diagnostic) -> Diagnostic {
        match self {
            CaseError::MissingArgument { name, test, declared } => d
                .primary(*test, "gives it no value")
                .secondary(*declared, "a parameter of the function")
                .help(format!("write `{name}: i32 = [1, 2, 3]`, or `{name} = 3` for a constant")),
            CaseError::OfFunction { span, function, help, .. } => {
                d.primary(*span, "is in the test").secondary(function.span, "defined here").help(help.clone())
            }
            CaseError::TypeGiven { span, declared, .. } => d
                .primary(*span, "only the test of a function has types")
                .secondary(*declared, "its type")
                .help("leave the type out"),
            CaseError::WithoutName { span, outputs } => d
                .primary(*span, "only the result of a function has no name")
                .help(format!("write `expect {} = ...`", outputs.first().map_or("Y", |name| name))),
            CaseError::Tolerance { span, .. } => {
                d.primary(*span, "negative").help("write how much values may differ: `within 0.02`")
            }
            _ => d,
        }
    }
}

/// Checks the statements of a test against the kernel that it is for. `constants` are those in reach of the kernel.
pub fn case(test: &ast::Test, kernel: &Kernel, constants: &Constants) -> Result<Case, CaseError> {
    let mut case = Case { inputs: Vec::new(), expected: Vec::new() };
    for (at, stmt) in test.stmts.iter().enumerate() {
        let name = named(kernel, stmt)?;
        let mut earlier = test.stmts[..at].iter().filter_map(|other| other.tensor.as_ref());
        if let Some(first) = earlier.find(|other| other.name == name.name) {
            return Err(CaseError::Twice { name: name.clone(), first: first.span });
        }
        let id = find(kernel, stmt, name)?;
        let given = given(&stmt.value, kernel.tensor(id), constants)?;
        match stmt.expect {
            true if matches!(given, Given::Random) => {
                return Err(CaseError::RandomExpected { span: stmt.value.span });
            }
            true => case.expected.push(Expected { tensor: id, given, within: within(stmt, constants)? }),
            false => case.inputs.push((id, given)),
        }
    }
    let without = |id: &TensorId| kernel.tensor(*id).is_input() && !case.inputs.iter().any(|(given, _)| given == id);
    if let Some(missing) = kernel.ids().find(without) {
        let tensor = kernel.tensor(missing);
        return Err(CaseError::Missing { name: tensor.name.clone(), test: test.name.span, declared: tensor.span });
    }
    if case.expected.is_empty() {
        return Err(CaseError::NothingExpected { name: test.name.clone() });
    }
    Ok(case)
}

fn named<'a>(kernel: &Kernel, stmt: &'a TestStmt) -> Result<&'a Ident, CaseError> {
    stmt.tensor.as_ref().ok_or_else(|| CaseError::WithoutName {
        span: stmt.span,
        outputs: kernel.tensors.iter().filter(|t| t.output).map(|t| t.name.clone()).collect(),
    })
}

fn within(stmt: &TestStmt, constants: &Constants) -> Result<Number, CaseError> {
    let Some(e) = &stmt.within else { return Ok(Number::from(0)) };
    let value = constants.number(e).map_err(|error| CaseError::Value(Box::new(error)))?;
    match value < Number::from(0) {
        true => Err(CaseError::Tolerance { value, span: e.span }),
        false => Ok(value),
    }
}

fn find(kernel: &Kernel, stmt: &TestStmt, name: &Ident) -> Result<TensorId, CaseError> {
    let (what, belongs): (_, fn(&Tensor) -> bool) =
        if stmt.expect { ("output", |t| t.output) } else { ("input", Tensor::is_input) };
    let id = kernel.find(&name.name).filter(|id| belongs(kernel.tensor(*id)));
    let id = id.ok_or_else(|| CaseError::UnknownTensor {
        name: name.clone(),
        kernel: kernel.name.clone(),
        what,
        known: kernel.tensors.iter().filter(|t| belongs(t)).map(|t| t.name.clone()).collect(),
    })?;
    match &stmt.dtype {
        Some(dtype) => {
            let (name, declared) = (name.name.clone(), kernel.tensor(id).span);
            Err(CaseError::TypeGiven { name, span: dtype.name.span, declared })
        }
        None => Ok(id),
    }
}

fn given(value: &TestValue, tensor: &Tensor, constants: &Constants) -> Result<Given, CaseError> {
    let shape: Vec<usize> = tensor.shape.iter().map(|n| *n as usize).collect();
    match &value.kind {
        TestValueKind::Random => Ok(Given::Random),
        TestValueKind::File(path) => Ok(Given::File(path.clone())),
        TestValueKind::Fill(value) => {
            let number = number(value, tensor, constants)?;
            Ok(Given::Values(ArrayD::from_elem(IxDyn(&shape), number)))
        }
        TestValueKind::List(_) => {
            let mut values = Vec::new();
            fill(value, &shape, tensor, constants, &mut values)?;
            let array = ArrayD::from_shape_vec(IxDyn(&shape), values);
            Ok(Given::Values(array.expect("each list has the length of its dimension")))
        }
    }
}

/// Appends the elements of nested lists, whose lengths are the extents of `shape`.
fn fill(
    value: &TestValue,
    shape: &[usize],
    tensor: &Tensor,
    constants: &Constants,
    values: &mut Vec<i32>,
) -> Result<(), CaseError> {
    let wrong = |found: String| CaseError::Shape {
        tensor: tensor.name.clone(),
        span: value.span,
        found,
        expected: format!("has the shape {:?}", tensor.shape),
        declared: tensor.span,
    };
    match (&value.kind, shape) {
        (TestValueKind::List(elements), [length, inner @ ..]) if elements.len() == *length => {
            elements.iter().try_for_each(|element| fill(element, inner, tensor, constants, values))
        }
        (TestValueKind::List(elements), [length, ..]) => {
            Err(wrong(format!("{} elements, where the dimension has {length}", elements.len())))
        }
        (TestValueKind::List(_), []) => Err(wrong("a list, where a number is expected".to_owned())),
        (TestValueKind::Fill(element), []) => {
            values.push(number(element, tensor, constants)?);
            Ok(())
        }
        (TestValueKind::Fill(_), [length, ..]) => Err(wrong(format!("a number, where a list of {length} is expected"))),
        (TestValueKind::File(_) | TestValueKind::Random, _) => {
            Err(wrong("means a whole array, not a part of one".to_owned()))
        }
    }
}

fn number(e: &Expr, tensor: &Tensor, constants: &Constants) -> Result<i32, CaseError> {
    let told = |error| CaseError::Value(Box::new(error));
    let number = constants.number(e).map_err(told)?;
    tensor.format().value(number, e.span, None).map_err(told)
}
