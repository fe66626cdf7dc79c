//! Random programs, as trees with the parentheses that their text needs, and random places for comments in a text.

use proptest::prelude::*;
use proptest::sample::Index;
use tilewright_syntax::ast::{
    AxisDecl, BinaryOp, CompareOp, Component, Composition, Def, Define, Directive, Expr, ExprKind, For, ForValues,
    Function, Ident, Input, Item, Kernel, KernelCall, KernelStmt, NamedArg, Next, Param, Program, ProgramStmt, Scan,
    ScanStmt, Schedule, ScheduleStmt, State, Test, TestStmt, TestValue, TestValueKind, Text, TypeName, Use, UseSource,
    With,
};
use tilewright_syntax::{Decimal, Span};

const OPERATORS: [BinaryOp; 7] =
    [BinaryOp::Shl, BinaryOp::Shr, BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div, BinaryOp::Mod];

const COMPARISONS: [CompareOp; 6] = [
    CompareOp::Less,
    CompareOp::LessEqual,
    CompareOp::Greater,
    CompareOp::GreaterEqual,
    CompareOp::Equal,
    CompareOp::NotEqual,
];

fn span() -> Span {
    Span::default()
}

fn ident() -> impl Strategy<Value = Ident> {
    let name = prop_oneof![
        "[a-zA-Z_][a-z0-9_]{0,12}".prop_filter("keywords are no names", |name| !is_keyword(name)),
        Just("a_name_that_is_long_enough_to_break_lines_soon".to_owned()),
    ];
    name.prop_map(|name| Ident { name, span: span() })
}

fn is_keyword(name: &str) -> bool {
    const KEYWORDS: &str =
        "kernel schedule input output for outside scan state next fn def use program test with within";
    KEYWORDS.split(' ').any(|word| word == name)
}

fn node(kind: ExprKind) -> Expr {
    Expr { kind, span: span() }
}

/// Trees of any shape, whether or not a text without parentheses could mean them.
pub fn bare_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (0..=i64::MAX).prop_map(|value| node(ExprKind::Int(value))),
        (0..=i64::MAX, 1..=18u32).prop_map(|(digits, places)| node(ExprKind::Decimal(Decimal { digits, places }))),
        ident().prop_map(|ident| node(ExprKind::Name(ident.name))),
    ];
    leaf.prop_recursive(5, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4);
        let args = prop::collection::vec(prop_oneof![3 => inner.clone(), 1 => comparison(inner.clone())], 0..4).boxed();
        let named = prop::collection::vec(named_arg(inner.clone()), 0..2).boxed();
        let axes = prop::collection::vec(axis(inner.clone()), 1..4);
        prop_oneof![
            3 => (prop::sample::select(&OPERATORS[..]), inner.clone(), inner.clone()).prop_map(|(op, left, right)| {
                node(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) })
            }),
            1 => inner.clone().prop_map(|e| node(ExprKind::Negate(Box::new(e)))),
            1 => inner.clone().prop_map(|e| node(ExprKind::Paren(Box::new(e)))),
            1 => (ident(), list.clone()).prop_map(|(tensor, indices)| node(ExprKind::Index { tensor, indices })),
            1 => (ident(), prop::option::of(ident()), args.clone(), named.clone()).prop_map(|(function, format, args, named)| {
                node(ExprKind::Call { function, format: format.map(Box::new), settings: Vec::new(), args, named })
            }),
            1 => (ident(), prop::collection::vec(inner.clone(), 1..4), args, named).prop_map(|(function, settings, args, named)| {
                node(ExprKind::Call { function, format: None, settings, args, named })
            }),
            1 => (ident(), axes, inner).prop_map(|(op, axes, body)| {
                node(ExprKind::Reduce { op, axes, body: Box::new(body) })
            }),
        ]
    })
}

/// An argument of a call; nothing else holds comparisons.
fn comparison(operand: impl Strategy<Value = Expr> + Clone) -> impl Strategy<Value = Expr> {
    let op = prop::sample::select(&COMPARISONS[..]);
    (op, operand.clone(), operand)
        .prop_map(|(op, left, right)| node(ExprKind::Compare { op, left: Box::new(left), right: Box::new(right) }))
}

fn named_arg(value: impl Strategy<Value = Expr>) -> impl Strategy<Value = NamedArg> {
    (ident(), value).prop_map(|(name, value)| NamedArg { name, value })
}

fn axis(extent: impl Strategy<Value = Expr>) -> impl Strategy<Value = AxisDecl> {
    (ident(), prop::option::of(extent)).prop_map(|(name, extent)| AxisDecl { name, extent })
}

/// Shifts are 0, sums 1, products 2, everything else 3.
fn level(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::Binary { op: BinaryOp::Shl | BinaryOp::Shr, .. } => 0,
        ExprKind::Binary { op: BinaryOp::Add | BinaryOp::Sub, .. } => 1,
        ExprKind::Binary { .. } => 2,
        _ => 3,
    }
}

/// The tree that the text means which is printed for `expr`.
pub fn with_needed_parens(expr: Expr) -> Expr {
    let own = level(&expr);
    let at_least = |needed: u8, e: Expr| {
        let e = with_needed_parens(e);
        Box::new(if level(&e) < needed { node(ExprKind::Paren(Box::new(e))) } else { e })
    };
    let all = |list: Vec<Expr>| list.into_iter().map(with_needed_parens).collect();
    node(match expr.kind {
        ExprKind::Binary { op, left, right } => {
            ExprKind::Binary { op, left: at_least(own, *left), right: at_least(own + 1, *right) }
        }
        ExprKind::Negate(inner) => ExprKind::Negate(at_least(3, *inner)),
        ExprKind::Paren(inner) => ExprKind::Paren(at_least(0, *inner)),
        ExprKind::Index { tensor, indices } => ExprKind::Index { tensor, indices: all(indices) },
        ExprKind::Compare { op, left, right } => {
            ExprKind::Compare { op, left: at_least(0, *left), right: at_least(0, *right) }
        }
        ExprKind::Call { function, format, settings, args, named } => {
            let named = named.into_iter().map(|a| NamedArg { value: with_needed_parens(a.value), ..a });
            ExprKind::Call { function, format, settings: all(settings), args: all(args), named: named.collect() }
        }
        ExprKind::Reduce { op, axes, body } => {
            let axes = axes.into_iter().map(|a| AxisDecl { extent: a.extent.map(with_needed_parens), ..a });
            ExprKind::Reduce { op, axes: axes.collect(), body: at_least(0, *body) }
        }
        leaf @ (ExprKind::Int(_) | ExprKind::Decimal(_) | ExprKind::Name(_)) => leaf,
    })
}

fn expr() -> impl Strategy<Value = Expr> {
    bare_expr().prop_map(with_needed_parens)
}

/// A kernel with one definition.
pub fn kernel_of(value: Expr) -> Program {
    let name = |name: &str| Ident { name: name.to_owned(), span: span() };
    let define = Define { output: false, name: name("C"), axes: Vec::new(), value, span: span() };
    let stmts = vec![KernelStmt::Define(define)];
    Program { items: vec![Item::Kernel(Kernel { name: name("k"), params: Vec::new(), stmts, span: span() })] }
}

fn params() -> impl Strategy<Value = Vec<Param>> {
    let param = (ident(), prop::option::of(expr())).prop_map(|(name, default)| Param { name, default });
    prop::collection::vec(param, 0..4)
}

fn type_name() -> impl Strategy<Value = TypeName> {
    (ident(), prop::option::of(ident())).prop_map(|(name, format)| TypeName { name, format })
}

fn input() -> impl Strategy<Value = Input> {
    let dims = prop::collection::vec(expr(), 0..4);
    (ident(), type_name(), dims, prop::option::of(expr())).prop_map(|(name, dtype, dims, outside)| Input {
        name,
        dtype,
        dims,
        outside,
        span: span(),
    })
}

fn axes() -> impl Strategy<Value = Vec<AxisDecl>> {
    prop::collection::vec(axis(expr()), 0..4)
}

fn define() -> impl Strategy<Value = Define> {
    (ident(), axes(), expr()).prop_map(|(name, axes, value)| Define { output: false, name, axes, value, span: span() })
}

fn component() -> impl Strategy<Value = Component> {
    let part = prop_oneof![
        ident().prop_map(|name| node(ExprKind::Name(name.name))),
        (ident(), prop::collection::vec(expr(), 0..3))
            .prop_map(|(tensor, indices)| node(ExprKind::Index { tensor, indices })),
    ];
    let (results, inputs) = (prop::collection::vec(ident(), 1..3), prop::collection::vec(part, 0..3));
    (results, ident(), inputs, named_args()).prop_map(|(results, kernel, inputs, params)| Component {
        output: false,
        results,
        kernel,
        inputs,
        params,
        span: span(),
    })
}

fn kernel_statement() -> impl Strategy<Value = KernelStmt> {
    let scan = (ident(), expr(), prop::collection::vec(scan_statement(), 0..4))
        .prop_map(|(axis, steps, stmts)| KernelStmt::Scan(Scan { axis, steps, stmts, span: span() }));
    prop_oneof![
        2 => input().prop_map(KernelStmt::Input),
        2 => (any::<bool>(), define()).prop_map(|(output, define)| KernelStmt::Define(Define { output, ..define })),
        1 => (any::<bool>(), component())
            .prop_map(|(output, call)| KernelStmt::Component(Component { output, ..call })),
        1 => scan,
    ]
}

fn scan_statement() -> impl Strategy<Value = ScanStmt> {
    prop_oneof![
        (ident(), axes(), type_name(), expr()).prop_map(|(name, axes, dtype, value)| ScanStmt::State(State {
            name,
            axes,
            dtype,
            value,
            span: span()
        })),
        define().prop_map(ScanStmt::Define),
        component().prop_map(ScanStmt::Component),
        (ident(), axes(), expr()).prop_map(|(name, axes, value)| ScanStmt::Next(Next {
            name,
            axes,
            value,
            span: span()
        })),
    ]
}

fn named_args() -> impl Strategy<Value = Vec<NamedArg>> {
    prop::collection::vec(named_arg(expr()), 0..3)
}

fn directive() -> impl Strategy<Value = Directive> {
    let args = prop::collection::vec(expr(), 0..4);
    let results = prop::collection::vec(ident(), 0..4);
    (ident(), args, named_args(), results).prop_map(|(name, args, named, results)| Directive {
        name,
        args,
        named,
        results,
        span: span(),
    })
}

fn text() -> impl Strategy<Value = Text> {
    "[a-z_]{1,8}\\.(tw|npy)".prop_map(|text| Text { text, span: span() })
}

fn import() -> impl Strategy<Value = Use> {
    let source = prop_oneof![ident().prop_map(UseSource::Module), text().prop_map(UseSource::File)];
    (source, prop::collection::vec(ident(), 0..3)).prop_map(|(source, names)| Use { source, names, span: span() })
}

fn schedule_statement() -> impl Strategy<Value = ScheduleStmt> {
    plain_statement().prop_recursive(2, 8, 3, |inner| {
        let values = prop_oneof![
            prop::collection::vec(expr(), 0..3).prop_map(|list| ForValues::List(list, span())),
            (expr(), expr()).prop_map(|(start, end)| ForValues::Range(Box::new(start), Box::new(end))),
        ];
        (ident(), values, prop::collection::vec(inner, 0..3))
            .prop_map(|(variable, values, stmts)| ScheduleStmt::For(For { variable, values, stmts, span: span() }))
    })
}

fn plain_statement() -> impl Strategy<Value = ScheduleStmt> {
    prop_oneof![
        directive().prop_map(ScheduleStmt::Call),
        import().prop_map(ScheduleStmt::Use),
        (prop::option::of(ident()), ident(), directive()).prop_map(|(target, stage, call)| ScheduleStmt::Directive {
            target,
            stage,
            call
        }),
        (ident(), prop::collection::vec(directive(), 0..4)).prop_map(|(stage, calls)| ScheduleStmt::Group {
            stage,
            calls,
            span: span()
        }),
    ]
}

fn with() -> impl Strategy<Value = With> {
    (ident(), named_args()).prop_map(|(name, params)| With { name, params, span: span() })
}

fn program_statement() -> impl Strategy<Value = ProgramStmt> {
    let names = |least| prop::collection::vec(ident(), least..4);
    let call = (any::<bool>(), names(1), ident(), names(0), named_args(), prop::option::of(with()));
    prop_oneof![
        input().prop_map(ProgramStmt::Input),
        call.prop_map(|(output, results, kernel, inputs, params, schedule)| {
            ProgramStmt::Call(KernelCall { output, results, kernel, inputs, params, schedule, span: span() })
        }),
    ]
}

fn test_value() -> impl Strategy<Value = TestValue> {
    let value = |kind| TestValue { kind, span: span() };
    let is_random = |e: &Expr| matches!(&e.kind, ExprKind::Name(name) if name == "random");
    let leaf = prop_oneof![
        expr().prop_filter("a word of its own", move |e| !is_random(e)).prop_map(TestValueKind::Fill),
        text().prop_map(TestValueKind::File),
        Just(TestValueKind::Random),
    ];
    leaf.prop_map(value).prop_recursive(3, 16, 4, move |inner| {
        prop::collection::vec(inner, 0..4).prop_map(move |list| value(TestValueKind::List(list)))
    })
}

fn test_statement() -> impl Strategy<Value = TestStmt> {
    let dtype = prop::option::of(type_name());
    let given = (ident(), dtype, test_value()).prop_map(|(tensor, dtype, value)| TestStmt {
        expect: false,
        tensor: Some(tensor),
        dtype,
        value,
        within: None,
        span: span(),
    });
    let expected =
        (prop::option::of(ident()), test_value(), prop::option::of(expr())).prop_map(|(tensor, value, within)| {
            TestStmt { expect: true, tensor, dtype: None, value, within, span: span() }
        });
    prop_oneof![given, expected]
}

fn test() -> impl Strategy<Value = Test> {
    let stmts = prop::collection::vec(test_statement(), 0..4);
    (ident(), ident(), named_args(), prop::option::of(with()), stmts).prop_map(
        |(name, subject, params, schedule, stmts)| Test { name, subject, params, schedule, stmts, span: span() },
    )
}

fn item_beside_kernels() -> impl Strategy<Value = Item> {
    let names = || prop::collection::vec(ident(), 0..3);
    let directives = prop::collection::vec(schedule_statement(), 0..4);
    prop_oneof![
        (ident(), names(), expr()).prop_map(|(name, params, value)| Item::Function(Function {
            name,
            params,
            value,
            span: span()
        })),
        (ident(), params(), names(), directives).prop_map(|(name, params, results, stmts)| Item::Def(Def {
            name,
            params,
            results,
            stmts,
            span: span()
        })),
        import().prop_map(Item::Use),
        (ident(), params(), prop::collection::vec(program_statement(), 0..4))
            .prop_map(|(name, params, stmts)| Item::Program(Composition { name, params, stmts, span: span() })),
        test().prop_map(Item::Test),
    ]
}

/// Programs that a text can mean, without spans.
pub fn program() -> impl Strategy<Value = Program> {
    let item = prop_oneof![
        item_beside_kernels(),
        (ident(), params(), prop::collection::vec(kernel_statement(), 0..4))
            .prop_map(|(name, params, stmts)| Item::Kernel(Kernel { name, params, stmts, span: span() })),
        (ident(), params(), ident(), prop::collection::vec(schedule_statement(), 0..4)).prop_map(
            |(name, params, kernel, stmts)| Item::Schedule(Schedule { name, params, kernel, stmts, span: span() })
        ),
    ];
    prop::collection::vec(item, 0..3).prop_map(|items| Program { items })
}

/// The text with comments at some of the places where a newline changes nothing. Each place comes with whether the
/// comment gets a line of its own, and with how many blank lines follow.
pub fn with_comments(text: &str, places: &[(Index, bool, usize)]) -> String {
    let gaps = places_for_newlines(text);
    let mut chosen: Vec<(usize, bool, usize)> =
        places.iter().map(|(index, own_line, blank)| (gaps[index.index(gaps.len())], *own_line, *blank)).collect();
    chosen.sort();
    let mut out = String::new();
    let mut last = 0;
    for (number, (at, own_line, blank)) in chosen.into_iter().enumerate() {
        out.push_str(&text[last..at]);
        let before = if own_line { "\n" } else { " " };
        out.push_str(&format!("{before}// comment {number} {{ ( \" é\n{}", "\n".repeat(blank)));
        last = at;
    }
    out + &text[last..]
}

/// Byte positions at which a newline ends no statement that did not end there already.
fn places_for_newlines(text: &str) -> Vec<usize> {
    let mut depth = 0;
    let mut places = vec![0];
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            _ => {}
        }
        let after_word = text[at + 1..].starts_with([' ', ',', ':', ')', ']', '(', '[', '\n']);
        let is_part = text[at + 1..].starts_with('=') || text[..at].ends_with(['=', '<', '>', '!']);
        let is_mark = b"([,:={+*%;\n".contains(&byte) && !(byte == b'=' && is_part);
        let is_mark = is_mark || (byte == b'>' && text[..at].ends_with('-'));
        if is_mark || (depth > 0 && after_word) {
            places.push(at + 1);
        }
    }
    places
}
