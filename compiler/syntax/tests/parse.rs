//! What parses, and what its tree is; what is refused without harm to the stack.

use std::fmt::Write;

use proptest::prelude::*;
use tilewright_syntax::ast::{BinaryOp, Expr, ExprKind, Item, KernelStmt, Program, ScheduleStmt};
use tilewright_syntax::{Diagnostic, Sources, parse};

fn parse_str(text: &str) -> Result<Program, Vec<Diagnostic>> {
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    parse(&sources, file)
}

/// The value of the only definition in a kernel of one statement.
fn parse_expr(text: &str) -> Result<Expr, Vec<Diagnostic>> {
    let program = parse_str(&format!("kernel k {{ C[i] = {text} }}"))?;
    let [Item::Kernel(kernel)] = &program.items[..] else { panic!("one kernel") };
    let [KernelStmt::Define(define)] = &kernel.stmts[..] else { panic!("one definition") };
    Ok(define.value.clone())
}

/// An expression with every operation in brackets of its own.
fn shape(expr: &Expr) -> String {
    let list = |exprs: &[Expr]| exprs.iter().map(shape).collect::<Vec<_>>().join(" ");
    match &expr.kind {
        ExprKind::Int(value) => value.to_string(),
        ExprKind::Decimal(value) => value.to_string(),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Index { tensor, indices } => format!("[{} {}]", tensor.name, list(indices)),
        ExprKind::Call { function, format, settings, args, named } => {
            let format = format.as_ref().map(|f| format!(".{}", f.name)).unwrap_or_default();
            let named = named.iter().map(|arg| format!(" {}={}", arg.name.name, shape(&arg.value)));
            let settings = if settings.is_empty() { String::new() } else { format!("<{}>", list(settings)) };
            format!("({}{format}{settings} {}{})", function.name, list(args), named.collect::<String>())
        }
        ExprKind::Compare { op, left, right } => format!("({} {} {})", op.symbol(), shape(left), shape(right)),
        ExprKind::Reduce { op, axes, body } => {
            let mut text = format!("({}", op.name);
            for axis in axes {
                write!(text, " {}", axis.name.name).unwrap();
                axis.extent.iter().for_each(|e| write!(text, "<{}", shape(e)).unwrap());
            }
            format!("{text} : {})", shape(body))
        }
        ExprKind::Binary { op, left, right } => format!("({} {} {})", op.symbol(), shape(left), shape(right)),
        ExprKind::Negate(inner) => format!("(- {})", shape(inner)),
        ExprKind::Paren(inner) => format!("{{{}}}", shape(inner)),
    }
}

fn codes(result: Result<Program, Vec<Diagnostic>>) -> Vec<&'static str> {
    result.expect_err("must be refused").iter().map(|d| d.code).collect()
}

#[test]
fn examples_parse() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dsl-examples");
    let mut count = 0;
    for entry in walkdir::WalkDir::new(folder) {
        let path = entry.unwrap().into_path();
        if path.extension().is_some_and(|e| e == "tw") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(parse_str(&text).is_ok(), "{} parses", path.display());
            count += 1;
        }
    }
    assert!(count >= 2, "the examples are where they are expected");
}

#[test]
fn operators_bind_and_associate() {
    let cases = [
        ("a + b * c >> d - e", "(>> (+ a (* b c)) (- d e))"),
        ("a - b - c", "(- (- a b) c)"),
        ("a / b % c", "(% (/ a b) c)"),
        ("a << b >> c", "(>> (<< a b) c)"),
        ("-a * -b", "(* (- a) (- b))"),
        ("-0.50 + i32.q12(a, nearest)", "(+ (- 0.50) (i32.q12 a nearest))"),
        ("--a", "(- (- a))"),
        ("(a + b) * c", "(* {(+ a b)} c)"),
        ("f(a, b,) + X[i, j + 1]", "(+ (f a b) [X i (+ j 1)])"),
        ("sum(r, s < n + 1: X[r] + s)", "(sum r s<(+ n 1) : (+ [X r] s))"),
        ("g()", "(g )"),
        ("select(a + 1 < b >> 2, x, -y)", "(select (< (+ a 1) (>> b 2)) x (- y))"),
        ("f(a<=b, a>b, a>=b, a==b, a!=b)", "(f (<= a b) (> a b) (>= a b) (== a b) (!= a b))"),
        ("f(a, low = 1, high = g(b = 2))", "(f a low=1 high=(g  b=2))"),
        ("0x1F + 1_000", "(+ 31 1000)"),
        ("9223372036854775807", "9223372036854775807"),
    ];
    for (text, expected) in cases {
        assert_eq!(shape(&parse_expr(text).expect(text)), expected, "{text}");
    }
}

#[test]
fn a_binary_expression_spans_its_operands() {
    let expr = parse_expr("a + b").unwrap();
    assert!(matches!(expr.kind, ExprKind::Binary { op: BinaryOp::Add, .. }));
    let start = "kernel k { C[i] = ".len() as u32;
    assert_eq!((expr.span.start, expr.span.end), (start, start + 5));
}

#[test]
fn spans_cover_exactly_what_was_written() {
    let text = "kernel k ( n ) { input X : i8 [ n ] ; output C [ i ] = - f ( X [ i ] ) ; } // end
        schedule s for k { A = X . cache_read ( inp ) ; C . split ( i ) -> a , b ; C { unroll ( a ) ; } ; } // end";
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    let program = parse(&sources, file).unwrap();
    let [Item::Kernel(kernel), Item::Schedule(schedule)] = &program.items[..] else { panic!("two items") };
    let items: Vec<&str> = program.items.iter().map(|item| sources.text(item.span())).collect();
    assert!(items[0].starts_with("kernel k") && items[0].ends_with("; }"), "{}", items[0]);
    assert!(items[1].starts_with("schedule s") && items[1].ends_with("; }"), "{}", items[1]);
    let statements: Vec<&str> = kernel.stmts.iter().map(|s| sources.text(s.span())).collect();
    assert_eq!(statements, ["input X : i8 [ n ]", "output C [ i ] = - f ( X [ i ] )"]);
    let KernelStmt::Define(define) = &kernel.stmts[1] else { panic!("a definition") };
    assert_eq!(sources.text(define.value.span), "- f ( X [ i ] )");
    let statements: Vec<&str> = schedule.stmts.iter().map(|s| sources.text(s.span())).collect();
    assert_eq!(statements, ["A = X . cache_read ( inp )", "C . split ( i ) -> a , b", "C { unroll ( a ) ; }"]);
    let ScheduleStmt::Directive { call, .. } = &schedule.stmts[0] else { panic!("a directive") };
    assert_eq!(sources.text(call.span), "X . cache_read ( inp )");
    let ScheduleStmt::Group { calls, .. } = &schedule.stmts[2] else { panic!("a group") };
    assert_eq!(sources.text(calls[0].span), "unroll ( a )");
}

#[test]
fn newlines_end_statements_only_where_they_can() {
    let text = "schedule s(p = 2,) for k {
        A = X.cache_read(inp); B.tensorize(
            ii,
            gemm
        )
        C.split(i, 4)
            -> io,
               ii
        C
            .reorder(io, ii)
        C { set_scope(acc); reorder(a, b)
            unroll(a) }
        ;
    }";
    let program = parse_str(text).unwrap();
    let [Item::Schedule(schedule)] = &program.items[..] else { panic!("one schedule") };
    assert_eq!(schedule.stmts.len(), 5);
    let ScheduleStmt::Directive { target: None, call, .. } = &schedule.stmts[2] else { panic!("split") };
    assert_eq!(call.results.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["io", "ii"]);
    let ScheduleStmt::Group { calls, .. } = &schedule.stmts[4] else { panic!("group") };
    assert_eq!(calls.len(), 3);
}

#[test]
fn operators_at_line_edges_continue_the_statement() {
    let text = "kernel k {\n input X: i8[n]\n   outside 0\n C[i] = X[i] +\n 1\n   + 2\n\n D[i] =\n C[i]\n}";
    let program = parse_str(text).unwrap();
    let [Item::Kernel(kernel)] = &program.items[..] else { panic!("one kernel") };
    assert_eq!(kernel.stmts.len(), 3);
}

#[test]
fn empty_files_and_blocks_are_programs() {
    for text in ["", "\n", "// only a comment", "\u{feff}", "kernel k {}", "kernel k() {\r\n}\r\nschedule s for k { }"]
    {
        assert!(parse_str(text).is_ok(), "{text:?}");
    }
}

#[test]
fn a_separator_where_no_statement_ends_is_refused() {
    for text in ["kernel k { C[i;] = 1 }", "kernel k { C[i] = ; }", "kernel k { C[i] = f(1; 2) }"] {
        assert_eq!(codes(parse_str(text)), ["E0102"], "{text}");
    }
}

#[test]
fn deep_nests_are_refused() {
    let n = 200_000;
    let texts = [
        format!("{}1{}", "(".repeat(n), ")".repeat(n)),
        "(".repeat(n),
        format!("{}1{}", "f(".repeat(n), ")".repeat(n)),
        format!("{}1{}", "X[".repeat(n), "]".repeat(n)),
        format!("{}1{}", "sum(r: ".repeat(n), ")".repeat(n)),
        format!("{}1", "-".repeat(n)),
        format!("1{}", " + 1".repeat(n)),
        format!("1{}", " << 1".repeat(n)),
    ];
    for text in texts {
        let errors = parse_expr(&text).expect_err("too deep");
        assert_eq!(errors.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0104"], "{}", &text[..20]);
    }
}

#[test]
fn the_deepest_legal_expressions_parse() {
    let brackets = format!("{}1{}", "(".repeat(256), ")".repeat(256));
    assert!(parse_expr(&brackets).is_ok());
    let chain = format!("1{}", " + 1".repeat(511));
    assert!(parse_expr(&chain).is_ok());
    assert!(parse_expr(&format!("{chain} + 1")).is_err());
    assert!(parse_expr(&format!("({brackets})")).is_err());
}

#[test]
fn brackets_at_many_levels_of_braces_are_refused() {
    let text = "kernel k {".repeat(100_000);
    assert!(codes(parse_str(&text)).iter().all(|code| *code == "E0105"));
}

#[test]
fn every_faulty_statement_is_reported_once() {
    let text = "kernel k {\n C[i = 1\n}\nschedule s for k {\n C.split(i, 4)) -> a\n }";
    assert_eq!(codes(parse_str(text)), ["E0105", "E0105"]);
    let text = "kernel k {\n C[i] 1\n D[i] = # 2\n E[i] = 99999999999999999999\n F[i] = 1\n G[] = = 1\n}";
    assert_eq!(codes(parse_str(text)), ["E0102", "E0101", "E0103", "E0102"]);
}

#[test]
fn the_number_of_errors_is_bounded() {
    let text = format!("kernel k {{ {} }}", "C[i] 1;".repeat(10_000));
    assert_eq!(codes(parse_str(&text)).len(), 20);
}

/// Words that make syntax errors likely in every place.
fn soup() -> impl Strategy<Value = String> {
    let words = "kernel schedule input output for outside scan state next fn def use program test with in expect random \
                 k C X i 0 1 0x_ 99999999999999999999 { } ( ) [ ] , : ; . .. = == <= != > \"a.tw\" \" \
                 -> < << >> + - * / % \n // #é i8 sum( X[ C.split( ) ] } k{ s{";
    let word = prop::sample::select(words.split(' ').collect::<Vec<_>>());
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_in_order(text in prop_oneof![".{0,200}", soup()]) {
        let length = text.len() as u32;
        if let Err(errors) = parse_str(&text) {
            prop_assert!(!errors.is_empty());
            let starts: Vec<u32> = errors.iter().map(|e| e.labels[0].span.start).collect();
            prop_assert!(starts.is_sorted());
            prop_assert!(errors.iter().flat_map(|e| &e.labels).all(|l| l.span.start <= l.span.end && l.span.end <= length));
        }
    }
}
