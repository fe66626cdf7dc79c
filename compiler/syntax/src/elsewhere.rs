//! Words and forms of TVM, Halide, Python and C that are not in the language → the form that is.
//!
//! They are looked up only where something is wrong already, so nothing here reserves a name.

use crate::lexer::Spanned;
use crate::token::Token;

/// What stands for a function that other languages have.
pub fn function_hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "abs" | "fabs" => "the absolute value is `max(x, -x)`",
        "relu" => "it is `max(x, 0)`",
        "clamp" => "values are clamped by `clip(x, low, high)`",
        "where" | "if_then_else" | "if" => "values are chosen by `select(a < b, x, y)`",
        "int8" | "s8" => "did you mean `i8`?",
        "int32" | "s32" | "int" => "did you mean `i32`?",
        "cast" | "astype" => "values are converted by `i8(x)`, `sat8(x)` and `i32(x)`",
        "saturating_cast" => "did you mean `sat8`?",
        "sigmoid" => "functions are approximated: `approx(sigmoid, quintic, 8)(x)`",
        "tanh" => "functions are approximated: `approx(tanh, quintic, 8)(x)`",
        _ => return number_hint(name),
    })
}

/// What stands for an element type that other languages have.
pub fn type_hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "int8" | "s8" => "did you mean `i8`?",
        "int32" | "s32" | "int" => "did you mean `i32`?",
        _ => return number_hint(name),
    })
}

/// What stands for a number that is no signed integer.
fn number_hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "f16" | "f32" | "f64" | "float" | "float16" | "float32" | "float64" | "double" | "half" | "bfloat16" => {
            "numbers with a fraction are integers in a format: `i32.q12` has 12 fraction bits"
        }
        "u8" | "uint8" | "u32" | "uint32" | "uint8_t" | "unsigned" => "all integers are signed",
        _ => return None,
    })
}

/// What stands for a directive that TVM or Halide has.
pub fn directive_hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "vectorize" => "a tile of the core is one operation: `tensorize(AXIS, gemm)` for products, nothing for the ALU",
        "parallel" | "prefetch" | "async" => {
            "loads, products and stores overlap: `X_buf.double_buffer(2)` or `C.bind(AXIS, vthread)`"
        }
        "store_at" | "store_root" | "hoist_storage" => {
            "a stage is stored where it is computed: `compute_at`; `rolling_buffer` keeps rows for the next iteration"
        }
        "store_in" => "memories are chosen by `set_scope`",
        "transform_layout" | "reorder_storage" => "the order of tiles in device memory is set by `layout`",
        "annotate" => "did you mean `pragma`?",
        _ => return None,
    })
}

/// What stands for a statement of another language; `found` is the byte of the token that is not expected in it.
pub(crate) fn statement_hint(statement: &[Spanned], found: usize) -> Option<String> {
    let tokens: Vec<Token> = statement.iter().map(|(_, token, _)| *token).collect();
    let at = statement.iter().position(|(start, ..)| *start == found)?;
    let word = |at: Option<usize>| match at.and_then(|at| tokens.get(at)) {
        Some(Token::Name(name)) => *name,
        _ => "",
    };
    if [Some(0), at.checked_sub(1), Some(at)].into_iter().any(|at| word(at) == "if") {
        return Some("there is no `if`: `select(a < b, x, y)` chooses a value".to_owned());
    }
    if [at.checked_sub(1), Some(at)].into_iter().any(|at| ["lambda", "te"].contains(&word(at))) {
        return Some("a tensor is defined by its elements: `Y[i] = max(X[i], 0)`".to_owned());
    }
    if let ([Token::Name(name), Token::OpenParen, Token::Name(index), ..], 1) = (&*tokens, at)
        && tokens.contains(&Token::Equals)
    {
        return Some(format!("indices are in square brackets: `{name}[{index}] = ...`"));
    }
    if let Some([Token::CloseParen, Token::Dot, Token::Name(next)]) =
        at.checked_sub(1).and_then(|n| tokens.get(n..n + 3))
    {
        return Some(format!("each directive is a statement of its own: `STAGE.{next}(...)`"));
    }
    call_of_a_stage(&tokens).map(|call| format!("write `{call}`"))
}

/// A call in TVM's form, `jo, ji = s[C].split(j, factor=16)`, in ours.
fn call_of_a_stage(tokens: &[Token]) -> Option<String> {
    let equals = tokens.iter().position(|token| *token == Token::Equals || *token == Token::OpenParen)?;
    let (results, call) = match tokens[equals] {
        Token::Equals => (names(&tokens[..equals])?, &tokens[equals + 1..]),
        _ => (Vec::new(), tokens),
    };
    match call {
        [
            Token::Name(_),
            Token::OpenBracket,
            Token::Name(stage),
            Token::CloseBracket,
            Token::Dot,
            Token::Name(what),
            Token::OpenParen,
            arguments @ ..,
        ] => Some(behind(&format!("{stage}.{what}({})", shown(arguments)), &results)),
        // Copies belong to a schedule there, and to what is copied here.
        [
            Token::Name(_),
            Token::Dot,
            Token::Name(what @ ("cache_read" | "cache_write")),
            Token::OpenParen,
            Token::Name(stage),
            Token::Comma,
            ..,
        ] => {
            let scope = if *what == "cache_read" { "inp" } else { "acc" };
            let results = if results.is_empty() { "COPY".to_owned() } else { results.join(", ") };
            Some(format!("{results} = {stage}.{what}({scope})"))
        }
        [Token::Name(stage), Token::Dot, Token::Name(what), Token::OpenParen, arguments @ ..] if results.len() > 1 => {
            Some(behind(&format!("{stage}.{what}({})", shown(arguments)), &results))
        }
        _ => None,
    }
}

/// The axes that a directive makes stand behind it.
fn behind(call: &str, results: &[&str]) -> String {
    if results.is_empty() { call.to_owned() } else { format!("{call} -> {}", results.join(", ")) }
}

/// `a, b`, and nothing else.
fn names<'a>(tokens: &[Token<'a>]) -> Option<Vec<&'a str>> {
    let name = |part: &[Token<'a>]| match part {
        [Token::Name(name)] => Some(*name),
        _ => None,
    };
    tokens.split(|token| *token == Token::Comma).map(name).collect()
}

/// The arguments up to the parenthesis that ends them, without `env.`, `s[...]` and names of parameters; dots where they are
/// anything else than names and numbers.
fn shown(tokens: &[Token]) -> String {
    let end = tokens.iter().position(|token| *token == Token::CloseParen).unwrap_or(tokens.len());
    let argument = |part: &[Token]| match part {
        [] => Some(String::new()),
        [Token::Name(name)]
        | [Token::Name(_), Token::OpenBracket, Token::Name(name), Token::CloseBracket]
        | [Token::Name("env"), Token::Dot, Token::Name(name)] => Some((*name).to_owned()),
        [Token::Int(n)] | [Token::Name("factor"), Token::Equals, Token::Int(n)] => Some(n.to_string()),
        [Token::Name("nparts"), Token::Equals, Token::Int(n)] => Some(format!("parts = {n}")),
        _ => None,
    };
    let arguments: Option<Vec<String>> = tokens[..end].split(|token| *token == Token::Comma).map(argument).collect();
    arguments.map_or("...".to_owned(), |arguments| arguments.join(", "))
}
