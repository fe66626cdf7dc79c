//! The parser's list of acceptable terminals → words that a reader understands.

/// Groups of terminals that one phrase stands for, each used only where all of them are acceptable.
const PHRASES: &[(&str, &[&str])] = &[
    ("a statement", &["input", "output", "name"]),
    ("a statement", &["state", "next", "name"]),
    ("a statement", &["for", "use", "name"]),
    ("`kernel`, `schedule`, `fn`, `def`, `use`, `program` or `test`", ITEMS),
    ("an expression", &["name", "number", "decimal", "(", "-"]),
    ("an operator", &["<<", ">>", "+", "-", "*", "/", "%"]),
    ("the end of the statement", &["separator", "}"]),
];

/// What an item begins with.
const ITEMS: &[&str] = &["kernel", "schedule", "fn", "def", "use", "program", "test"];

/// What to call a terminal that no phrase covers.
fn describe_terminal(terminal: &str) -> String {
    match terminal {
        "name" => "a name".to_owned(),
        "number" => "a number".to_owned(),
        "decimal" => "a decimal number".to_owned(),
        "text" => "the path of a file".to_owned(),
        "separator" => "the end of the line".to_owned(),
        mark => format!("`{mark}`"),
    }
}

/// Joins the acceptable terminals, given as lalrpop quotes them, to `a, b or c`.
pub(crate) fn describe_expected(expected: &[String]) -> String {
    let mut terminals: Vec<&str> = expected.iter().map(|t| t.trim_matches('"')).collect();
    remove_unlikely(&mut terminals);
    let mut words = Vec::new();
    for (phrase, members) in PHRASES {
        if members.iter().all(|m| terminals.contains(m)) {
            words.push((*phrase).to_owned());
            terminals.retain(|t| !members.contains(t));
        }
    }
    words.extend(terminals.into_iter().map(describe_terminal));
    join(&words)
}

/// Leaves out what the grammar allows and nobody forgets.
fn remove_unlikely(terminals: &mut Vec<&str>) {
    let has = |terminal: &str| terminals.contains(&terminal);
    // A call could still become a reduction, and any name could become a call or an index.
    let (in_call, behind_name) = (has(",") && has(")"), has("+") && has("(") && has("["));
    let between_items = has("kernel");
    terminals.retain(|terminal| match *terminal {
        "<" | ":" | "<=" | ">" | ">=" | "==" | "!=" | "=" => !in_call,
        "(" | "[" | "." => !behind_name,
        "separator" => !between_items,
        _ => true,
    });
}

fn join(words: &[String]) -> String {
    match words {
        [] => "nothing more".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
