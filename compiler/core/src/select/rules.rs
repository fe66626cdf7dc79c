//! The rewrite rules, as data: each has a name, a left side, a right side and, where it needs one, a named guard.
//!
//! How to write a rule:
//! - Both sides are equal for all 32-bit values that the guard lets through; arithmetic wraps. The property test in
//!   `tests.rs` runs every rule against the meaning of the expression.
//! - A guard asks the interval analysis ([`super::language`]) and says in its name what it proves. It never panics.
//! - A right side that needs arithmetic on constants is `derived` by a function, which returns `None` where the rule does
//!   not apply. Folding of constants itself is no rule: the analysis does it.
//! - A rule must not make terms grow without bound. Distribution asks for a constant, and a product is decomposed only
//!   where few bits are set.
//! - What the extraction does anyway needs no rule: it tries both operands of a commutative operation.

use std::sync::OnceLock;

use egg::{Applier, Id, PatternAst, Rewrite, Subst, Symbol, Var, rewrite};

use super::language::{Graph, Lane, Ranges, constant, fits_byte, shifts_exactly};

pub type Rule = Rewrite<Lane, Ranges>;

/// The bits that may be set in a factor which is made of shifts and additions: each one beyond the first costs a shift
/// and an addition.
const MAX_FACTOR_BITS: u32 = 4;

/// The rules for a machine with or without a multiplier, made once: their patterns are parsed.
pub fn shared(multiplier: bool) -> &'static [Rule] {
    static RULES: [OnceLock<Vec<Rule>>; 2] = [OnceLock::new(), OnceLock::new()];
    RULES[usize::from(multiplier)].get_or_init(|| rules(multiplier))
}

/// All rules for a machine. Without a multiplier, products with few bits set become shifts and additions.
pub fn rules(multiplier: bool) -> Vec<Rule> {
    let mut all = sums();
    all.extend(products());
    all.extend(shifts());
    all.extend(clips());
    all.extend(wraps());
    if !multiplier {
        all.push(derived("mul-by-few-bits", "(mul ?x ?c)", few_bits));
    }
    all
}

fn sums() -> Vec<Rule> {
    vec![
        rewrite!("add-commutes"; "(add ?a ?b)" => "(add ?b ?a)"),
        rewrite!("add-associates"; "(add (add ?a ?b) ?c)" => "(add ?a (add ?b ?c))"),
        rewrite!("add-zero"; "(add ?x 0)" => "?x"),
        rewrite!("add-self"; "(add ?x ?x)" => "(shr ?x -1)"),
        rewrite!("add-negated-self"; "(add ?x (mul ?x -1))" => "0"),
        derived("add-shares-shift", "(add (shr ?x ?j) (shr ?y ?k))", shared_shift),
    ]
}

fn products() -> Vec<Rule> {
    vec![
        rewrite!("mul-commutes"; "(mul ?a ?b)" => "(mul ?b ?a)"),
        rewrite!("mul-associates"; "(mul (mul ?a ?b) ?c)" => "(mul ?a (mul ?b ?c))"),
        rewrite!("mul-one"; "(mul ?x 1)" => "?x"),
        rewrite!("mul-distributes"; "(mul (add ?a ?b) ?c)" => "(add (mul ?a ?c) (mul ?b ?c))" if is_constant("?c")),
        derived("mul-is-shift", "(mul ?x ?c)", |graph, s| {
            let factor = constant(graph, at(s, "?c"))? as u32;
            factor.is_power_of_two().then(|| shifted(graph, at(s, "?x"), -(factor.trailing_zeros() as i32)))
        }),
        derived("shift-is-mul", "(shr ?x ?k)", |graph, s| {
            let left = constant(graph, at(s, "?k")).filter(|k| (-31..0).contains(k))?;
            let factor = graph.add(Lane::Const(1 << -left));
            Some(graph.add(Lane::Mul([at(s, "?x"), factor])))
        }),
    ]
}

fn shifts() -> Vec<Rule> {
    vec![
        rewrite!("shr-zero"; "(shr ?x 0)" => "?x"),
        derived("shr-of-shr", "(shr (shr ?x ?j) ?k)", |graph, s| {
            let (x, first, second) = (at(s, "?x"), constant(graph, at(s, "?j"))?, constant(graph, at(s, "?k"))?);
            let in_fields = -31..=31;
            match (first, second) {
                _ if !in_fields.contains(&first) || !in_fields.contains(&second) => None,
                (0.., 0..) => Some(shifted(graph, x, (first + second).min(31))),
                (..0, ..0) if first + second < -31 => Some(graph.add(Lane::Const(0))),
                (..0, ..0) => Some(shifted(graph, x, first + second)),
                (..0, 0..) if shifts_exactly(graph, x, first.unsigned_abs()) => Some(shifted(graph, x, first + second)),
                _ => None,
            }
        }),
    ]
}

fn clips() -> Vec<Rule> {
    vec![
        rewrite!("min-commutes"; "(min ?a ?b)" => "(min ?b ?a)"),
        rewrite!("max-commutes"; "(max ?a ?b)" => "(max ?b ?a)"),
        rewrite!("min-associates"; "(min (min ?a ?b) ?c)" => "(min ?a (min ?b ?c))"),
        rewrite!("max-associates"; "(max (max ?a ?b) ?c)" => "(max ?a (max ?b ?c))"),
        rewrite!("min-self"; "(min ?x ?x)" => "?x"),
        rewrite!("max-self"; "(max ?x ?x)" => "?x"),
        rewrite!("min-below"; "(min ?a ?b)" => "?a" if never_above("?a", "?b")),
        rewrite!("max-above"; "(max ?a ?b)" => "?a" if never_above("?b", "?a")),
        rewrite!("raise-first"; "(max (min ?x ?high) ?low)" => "(min (max ?x ?low) ?high)" if never_above("?low", "?high")),
        rewrite!("lower-first"; "(min (max ?x ?low) ?high)" => "(max (min ?x ?high) ?low)" if never_above("?low", "?high")),
    ]
}

fn wraps() -> Vec<Rule> {
    vec![
        rewrite!("wrap-of-byte"; "(wrap8 ?x)" => "?x" if fits_a_byte("?x")),
        rewrite!("wrap-is-shifts"; "(wrap8 ?x)" => "(shr (shr ?x -24) 24)"),
        rewrite!("wrap-of-sum"; "(wrap8 (add ?x (wrap8 ?y)))" => "(wrap8 (add ?x ?y))"),
        rewrite!("wrap-of-product"; "(wrap8 (mul ?x (wrap8 ?y)))" => "(wrap8 (mul ?x ?y))"),
    ]
}

/// Guard: all values of `a` are at most all values of `b`.
fn never_above(a: &str, b: &str) -> impl Fn(&mut Graph, Id, &Subst) -> bool + use<> {
    let (a, b) = (variable(a), variable(b));
    move |graph, _, s| graph[s[a]].data.max <= graph[s[b]].data.min
}

/// Guard: all values are values of `i8`.
fn fits_a_byte(x: &str) -> impl Fn(&mut Graph, Id, &Subst) -> bool + use<> {
    let x = variable(x);
    move |graph, _, s| fits_byte(graph, s[x])
}

/// Guard: there is one value only.
fn is_constant(x: &str) -> impl Fn(&mut Graph, Id, &Subst) -> bool + use<> {
    let x = variable(x);
    move |graph, _, s| constant(graph, s[x]).is_some()
}

/// `(x << j) + (y << k)`: the smaller shift is done once, after the addition.
fn shared_shift(graph: &mut Graph, s: &Subst) -> Option<Id> {
    let (j, k) = (constant(graph, at(s, "?j"))?, constant(graph, at(s, "?k"))?);
    let shared = j.max(k);
    if shared >= 0 {
        return None;
    }
    let (x, y) = (shifted(graph, at(s, "?x"), j - shared), shifted(graph, at(s, "?y"), k - shared));
    let sum = graph.add(Lane::Add([x, y]));
    Some(shifted(graph, sum, shared))
}

/// One step of Horner's scheme on the bits of a positive factor: `x·c` is `(x·(c - 1)) + x` for odd `c` and a shift of
/// `x·(c >> zeros)` for even ones. Only of an operand, because a computed `x` could not be added again.
fn few_bits(graph: &mut Graph, s: &Subst) -> Option<Id> {
    let (x, factor) = (at(s, "?x"), constant(graph, at(s, "?c"))?);
    let is_operand = graph[x].nodes.iter().any(|n| matches!(n, Lane::Operand(_)));
    if factor < 2 || factor.count_ones() > MAX_FACTOR_BITS || !is_operand {
        return None;
    }
    let zeros = factor.trailing_zeros();
    let odd = graph.add(Lane::Const(if zeros == 0 { factor - 1 } else { factor >> zeros }));
    let product = graph.add(Lane::Mul([x, odd]));
    Some(if zeros == 0 { graph.add(Lane::Add([product, x])) } else { shifted(graph, product, -(zeros as i32)) })
}

fn shifted(graph: &mut Graph, x: Id, amount: i32) -> Id {
    if amount == 0 {
        return x;
    }
    let amount = graph.add(Lane::Const(amount));
    graph.add(Lane::Shr([x, amount]))
}

/// A rule whose right side a function makes.
fn derived(name: &str, left: &str, right: fn(&mut Graph, &Subst) -> Option<Id>) -> Rule {
    let pattern: egg::Pattern<Lane> = left.parse().expect("the left side of a rule is a pattern");
    Rewrite::new(name, pattern, Derived(right)).expect("a derived right side binds no variables")
}

struct Derived(fn(&mut Graph, &Subst) -> Option<Id>);

impl Applier<Lane, Ranges> for Derived {
    fn apply_one(
        &self,
        graph: &mut Graph,
        class: Id,
        subst: &Subst,
        _: Option<&PatternAst<Lane>>,
        _: Symbol,
    ) -> Vec<Id> {
        let Some(right) = (self.0)(graph, subst) else { return Vec::new() };
        if graph.union(class, right) { vec![graph.find(class)] } else { Vec::new() }
    }
}

fn variable(name: &str) -> Var {
    name.parse().expect("a variable of a pattern starts with a question mark")
}

fn at(subst: &Subst, name: &str) -> Id {
    subst[variable(name)]
}
