//! `test` blocks → cases: arrays for a kernel's inputs, and what its outputs must be.
//!
//! Every input has a value and every value fits in its tensor's type and shape; files are named here and read elsewhere.

use ndarray::{ArrayD, IxDyn};
use thiserror::Error;
use tilewright_syntax::ast::{self, Expr, Ident, TestStmt, TestValue, TestValueKind, Text};
use tilewright_syntax::{Diagnostic, Span, nearest};

use crate::tensor::{Array, Constants, Kernel, Tensor, TensorError, TensorId};

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
    /// What outputs must be; never random.
    pub expected: Vec<(TensorId, Given)>,
}

/// Why a test tests nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CaseError {
    #[error("there is no kernel or program `{}` to test", name.name)]
    UnknownSubject { name: Ident, known: Vec<String> },
    #[error("`{kernel}` has no {what} `{}`", name.name)]
    UnknownTensor { name: Ident, kernel: String, what: &'static str, known: Vec<String> },
    #[error("kernel `{kernel}` has no schedule `{}`", name.name)]
    UnknownSchedule { name: Ident, kernel: String, known: Vec<String> },
    #[error("program `{}` has no schedule of its own", program.name)]
    ScheduleOfProgram { name: Ident, program: Ident },
    #[error("`{}` is given twice", name.name)]
    Twice { name: Ident, first: Span },
    #[error("input `{name}` has no value")]
    Missing { name: String, test: Span, declared: Span },
    #[error("test `{}` expects nothing", name.name)]
    NothingExpected { name: Ident },
    #[error("the values of `{tensor}` do not fill its shape")]
    Shape { tensor: String, span: Span, found: String, expected: String, declared: Span },
    #[error("any values are no expectation")]
    RandomExpected { span: Span },
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
            CaseError::Missing { .. } => "E0393",
            CaseError::NothingExpected { .. } => "E0394",
            CaseError::Shape { .. } => "E0395",
            CaseError::RandomExpected { .. } => "E0396",
            CaseError::UnknownSchedule { .. } => "E0397",
            CaseError::ScheduleOfProgram { .. } => "E0398",
            CaseError::Value(error) => error.code(),
        }
    }

    /// The error as it is shown.
    pub fn diagnostic(&self) -> Diagnostic {
        if let CaseError::Value(error) = self {
            return error.diagnostic();
        }
        let d = Diagnostic::error(self.code(), self.to_string());
        let offer = |d: Diagnostic, name: &str, known: &[String], what: &str| match nearest(
            name,
            known.iter().map(String::as_str),
        ) {
            Some(near) => d.help(format!("did you mean `{near}`?")),
            None => d.help(format!("{what}: {}", known.join(", "))),
        };
        match self {
            CaseError::UnknownSubject { name, known } => {
                offer(d.primary(name.span, "nothing has this name"), &name.name, known, "kernels and programs here")
            }
            CaseError::UnknownTensor { name, what, known, .. } => offer(
                d.primary(name.span, format!("no {what} has this name")),
                &name.name,
                known,
                &format!("its {what}s"),
            ),
            CaseError::UnknownSchedule { name, known, .. } => offer(
                d.primary(name.span, "no schedule of the kernel has this name"),
                &name.name,
                known,
                "its schedules",
            ),
            CaseError::ScheduleOfProgram { name, program } => d
                .primary(name.span, "stands in the test")
                .secondary(program.span, "a program, whose calls name their schedules")
                .help("leave it out here, and write it behind the calls of the program"),
            CaseError::Twice { name, first } => {
                d.primary(name.span, "again").secondary(*first, "first here").help("leave one of them out")
            }
            CaseError::Missing { name, test, declared } => d
                .primary(*test, "gives it no value")
                .secondary(*declared, "declared here")
                .help(format!("for any values, write `{name} = random`")),
            CaseError::NothingExpected { name } => d
                .primary(name.span, "would hold whatever is computed")
                .help("say what an output must be: `expect Y = ...`"),
            CaseError::Shape { span, found, expected, declared, .. } => d
                .primary(*span, found)
                .secondary(*declared, expected)
                .help("one number alone fills an array of any shape"),
            CaseError::RandomExpected { span } => {
                d.primary(*span, "every value would do").help("write the values, or the name of a file")
            }
            CaseError::Value(_) => d,
        }
    }
}

/// Checks the statements of a test against the kernel that it is for. `constants` are those in reach of the kernel.
pub fn case(test: &ast::Test, kernel: &Kernel, constants: &Constants) -> Result<Case, CaseError> {
    let mut case = Case { inputs: Vec::new(), expected: Vec::new() };
    for (at, stmt) in test.stmts.iter().enumerate() {
        let same = |other: &&TestStmt| other.tensor.name == stmt.tensor.name;
        if let Some(first) = test.stmts[..at].iter().find(same) {
            return Err(CaseError::Twice { name: stmt.tensor.clone(), first: first.tensor.span });
        }
        let id = find(kernel, stmt)?;
        let given = given(&stmt.value, kernel.tensor(id), constants)?;
        match stmt.expect {
            true if matches!(given, Given::Random) => {
                return Err(CaseError::RandomExpected { span: stmt.value.span });
            }
            true => case.expected.push((id, given)),
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

fn find(kernel: &Kernel, stmt: &TestStmt) -> Result<TensorId, CaseError> {
    let (what, belongs): (_, fn(&Tensor) -> bool) =
        if stmt.expect { ("output", |t| t.output) } else { ("input", Tensor::is_input) };
    kernel.find(&stmt.tensor.name).filter(|id| belongs(kernel.tensor(*id))).ok_or_else(|| CaseError::UnknownTensor {
        name: stmt.tensor.clone(),
        kernel: kernel.name.clone(),
        what,
        known: kernel.tensors.iter().filter(|t| belongs(t)).map(|t| t.name.clone()).collect(),
    })
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
        (TestValueKind::List(_), []) => Err(wrong("a list, where a number stands".to_owned())),
        (TestValueKind::Fill(element), []) => {
            values.push(number(element, tensor, constants)?);
            Ok(())
        }
        (TestValueKind::Fill(_), [length, ..]) => Err(wrong(format!("a number, where a list of {length} stands"))),
        (TestValueKind::File(_) | TestValueKind::Random, _) => {
            Err(wrong("stands for a whole array, not for a part of one".to_owned()))
        }
    }
}

fn number(e: &Expr, tensor: &Tensor, constants: &Constants) -> Result<i32, CaseError> {
    let told = |error| CaseError::Value(Box::new(error));
    let number = constants.eval(e).map_err(told)?;
    let (min, max) = tensor.dtype.limits();
    match (min..=max).contains(&number) {
        true => Ok(number as i32),
        false => Err(told(TensorError::DoesNotFit { value: number, dtype: tensor.dtype, span: e.span, beside: None })),
    }
}
