//! The canonical form: what it looks like, that it means the same, and that it stays as it is.

mod random;

use proptest::prelude::*;
use tilewright_syntax::ast::Program;
use tilewright_syntax::{Parsed, Sources, Trivia, parse_with_trivia, print, render, without_spans};

fn parsed(text: &str) -> Parsed {
    let mut sources = Sources::default();
    let file = sources.add("test.tw", text);
    parse_with_trivia(&sources, file).unwrap_or_else(|errors| {
        let told: Vec<String> = errors.iter().map(|e| render(e, &sources, false)).collect();
        panic!("does not parse:\n{}\n{text}", told.join("\n"))
    })
}

fn comments(trivia: &Trivia) -> Vec<&str> {
    trivia.comments.iter().map(|c| c.text.as_str()).collect()
}

/// Formats, after checking that nothing but spacing changes, and nothing at all the second time.
fn format(text: &str) -> String {
    let before = parsed(text);
    let formatted = print(&before.program, &before.trivia);
    let after = parsed(&formatted);
    assert_eq!(without_spans(before.program), without_spans(after.program.clone()), "\n{text}\n{formatted}");
    assert_eq!(comments(&before.trivia), comments(&after.trivia), "\n{text}\n{formatted}");
    assert_eq!(print(&after.program, &after.trivia), formatted, "\n{text}");
    formatted
}

#[test]
fn examples_are_formatted() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dsl-examples");
    for entry in walkdir::WalkDir::new(folder) {
        let path = entry.unwrap().into_path();
        if path.extension().is_some_and(|e| e == "tw") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(format(&text), text, "{} is in canonical form", path.display());
        }
    }
}

#[test]
fn spacing_is_canonical() {
    let text = "kernel  k( n=4 ,m = 2*n,){input X:i8[ n,m ] outside 0;C[i,j<n]=sum( r,s<3 :X[i,r]*-(j+1) )>>2
    output Y[ i ] = X[i,0,]}schedule s for k{C.split( i,4 )->io,ii;B=C.cache_write(acc)
    C{set_scope(acc);reorder(a,b);}
    D{}}";
    insta::assert_snapshot!(format(text));
}

#[test]
fn comments_stay_where_they_were() {
    let text = "

// Above the file.


// Above the kernel.
kernel k( // behind the parenthesis
    n = 4, // the first parameter
    // Above the second parameter.
    m // the second parameter
) { // behind the brace

    // Above the input.
    input X: i8[n] // behind the input
    // Below the input.


    C[i] = X[i] // the first operand
        + 1 // the second operand
        // Above an operand.
        - f(a, // the first argument
            b // the second argument
            // Below the arguments.
        ) // behind the definition


    // At the end of the kernel.
} // behind the kernel
// Between items.

schedule s for k {
    C.split(i, 4) -> // behind the arrow
        io, // the first result
        ii // the second result
    C { set_scope(acc) // in a group
        reorder(a, b); unroll(c) // behind two directives

        // At the end of the group.
    }
    D { // an empty group
    }
    E { set_scope(acc); reorder(a, b) } // behind a group
}
// At the end of the file.";
    insta::assert_snapshot!(format(text));
}

#[test]
fn every_item_has_a_form() {
    let text = "use  vta:gemm_tiles,alu_chain
use \"conv.tw\"   // all of it

fn relu(x)=max( x,0 )
fn scaled( x,n )=x>>n // by a power of two
def tiles(C,i,j,f=BATCH)->io,ii{C.split(i,f)->io,ii;for k in 0..4{C.peel(ii,first=k)}
}
schedule s for k{use \"tiles.tw\":tiles;tiles(C,i,j)->io,ii
for s in[ X_buf,W_buf, ]{s.compute_at(C,ro);s{set_scope(inp)}}}
kernel k(h=4){scan t in 2*h{state s[j<h]:i8=0 // at first
z[j]=s[j]+1;next s[j]=i8(select(z[j]<3,z[j],0))}}
program two(p=1){input X:i8[4,p];T=k(X,h = p)with s(f=2);A,B=other(T,X)
output Y=k(A)   with t
output P , Q=k(B)}
test t for k{}
test first for two( p=3 )with s(f=2){X=[[1,-2],[3, 4 ]];W=\"w.npy\";b=3;Z=random;expect Y=[[7]]}
test u for two with s{expect Y=[]}";
    insta::assert_snapshot!(format(text));
}

#[test]
fn long_items_are_broken() {
    let name = "a_rather_long_name_of_a_tensor";
    let list = [name; 6].join(", ");
    let row = format!("[{}]", vec!["-128"; 40].join(", "));
    let text = format!(
        "use vta: {list}
        fn f({list}) = select({name} + {name} < {name} * {name}, {name} + {name}, {name})
        def d({list}) -> {list} {{ for {name} in [{list}] {{ d({list}) -> {list} }} }}
        kernel k {{ scan t in {name} {{ state {name}[{list}]: i8 = {name} + {name} + {name} + {name} }} }}
        program p {{ output {name}, B = {name}({list}) with {name}({name} = 1, {name} = 2, {name} = 3) }}
        test {name} for {name}({name} = 1) with {name}({name} = 1, {name} = 2, {name} = 3, {name} = 4) {{
            X = [[1, 2], [3, 4]]
            W = [{row}, {row}]
        }}"
    );
    let formatted = format(&text);
    assert!(formatted.lines().all(|line| line.len() <= 120), "{formatted}");
    insta::assert_snapshot!(formatted);
}

#[test]
fn comments_inside_items_stay_where_they_were() {
    let text = "use vta: // why
    gemm_tiles, // the first name
    alu_chain // the last
// Above a function.
fn f(x, // the first
    // Above the second.
    y) = // behind the mark
    x + y
def d(C, // the stage
    i) -> // results
    io, // the first
    ii { // behind the brace
    for // behind the word
    k in [ // the list
        A, // the first value
        B // the second
    ] { // behind the brace
        // Nothing.
    }
    d(C, i) // behind a call
}
program p {
    output // behind the word
    Y = // behind the mark
        conv(X, // the input
            h = // behind the name
            14 // the value
        ) // behind the call
        with rows( // behind the parenthesis
            th = 7
        )
}
test t for // the kernel
    conv( // its parameters
        h = 1
    ) // behind them
    with rows {
    X = [ // the rows
        [1, 2], // the first
        // Above the second.
        [3, 4]
        // At the end.
    ]
}";
    insta::assert_snapshot!(format(text));
}

#[test]
fn long_lines_are_broken() {
    let name = "a_rather_long_name_of_a_tensor";
    let list = [name; 6].join(", ");
    let text = format!(
        "kernel k({list}) {{
            C[i] = {name}[{list}] + {name}[{name}, i * {name} + {name}] * f({name}, {name}) - {name} << 2
            D[{list}] = sum(r, s < {name} + {name}, t < {name}: {name}[{name}, r] * {name}[{name}, s] * {name})
            E[i] = i8(({name} + {name}) * ({name} + {name} + {name} * {name}) + {name})
            input X: i8[{list}] outside 0
        }}
        schedule s for k {{
            C.reorder({list}, {name})
            C.fuse(a, b) -> {list}
            C {{ set_scope(acc); reorder({name}, {name}); compute_at({name}, {name}) }}
            E {{ reorder({list}) }}
        }}"
    );
    let formatted = format(&text);
    assert!(formatted.lines().all(|line| line.len() <= 120), "{formatted}");
    insta::assert_snapshot!(formatted);
}

#[test]
fn line_endings_and_tabs_are_normal() {
    assert_eq!(
        format("kernel k {\r\n\tC[i] = 1 // one \t\r\n\r\n\r\n\tD[i] = 2\r\n}"),
        "kernel k {\n    C[i] = 1 // one\n\n    D[i] = 2\n}\n"
    );
}

#[test]
fn files_without_items_keep_their_comments() {
    assert_eq!(format(""), "");
    assert_eq!(format("\n\n"), "");
    assert_eq!(format("\n// one\n\n\n// two"), "// one\n\n// two\n");
}

#[test]
fn large_files_and_lists_are_printed() {
    let list = vec!["a"; 100_000].join(", ");
    let text = format!("schedule s for k {{ C.reorder({list})\n{} }}", "C.unroll(a);".repeat(20_000));
    assert!(format(&text).lines().count() > 120_000);
}

#[test]
fn the_tallest_expressions_are_printed() {
    let chain = format!("kernel k {{ C[i] = 1{} }}", " + 1".repeat(511));
    let nest = format!("kernel k {{ C[i] = {}1{} }}", "f(1 + ".repeat(255), ")".repeat(255));
    assert!(format(&chain).contains("+ 1"));
    assert!(format(&nest).contains("f("));
}

#[test]
fn numbers_stay_as_they_are_written() {
    let text = "kernel k(n = 0x1000_0000) {\n    input X: i8[0xFf]\n    C[i] = X[i] + 1_000 + 1_0.5_0 + 007\n}\n";
    assert_eq!(format(text), text);
}

/// A program printed without knowledge of its comments still means the same.
fn means_the_same(program: Program) -> Result<(), TestCaseError> {
    let text = print(&program, &Trivia::default());
    let again = parsed(&text);
    prop_assert_eq!(&without_spans(program), &without_spans(again.program.clone()), "{}", text);
    prop_assert_eq!(print(&again.program, &again.trivia), text);
    Ok(())
}

proptest! {
    #[test]
    fn printed_programs_parse_to_the_same(program in random::program()) {
        means_the_same(program)?;
    }

    #[test]
    fn missing_parentheses_are_added(expr in random::bare_expr()) {
        let bare = random::kernel_of(expr.clone());
        let text = print(&bare, &Trivia::default());
        let expected = random::kernel_of(random::with_needed_parens(expr));
        prop_assert_eq!(without_spans(parsed(&text).program), expected, "{}", text);
    }

    #[test]
    fn comments_survive_wherever_they_are_put(
        program in random::program(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0usize..3), 1..12),
    ) {
        let text = random::with_comments(&print(&program, &Trivia::default()), &places);
        let formatted = format(&text);
        prop_assert_eq!(without_spans(parsed(&formatted).program), without_spans(program));
    }
}
