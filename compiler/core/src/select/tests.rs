//! Selection against the meaning of expressions, and the shapes that users rely on.

use super::*;
use crate::scalar::range::FULL;
use crate::scalar::{CompareOp, DType, SelectParts};
use proptest::prelude::*;

type Expr = Scalar<u32>;

/// The cheapest selection whose start, where it is an operand, may be overwritten.
fn select(request: &Request, may_overwrite: &dyn Fn(u32) -> bool) -> Result<Selection, Refusal> {
    let usable = |s: &Selection| match s.start {
        Start::Operand(k) => may_overwrite(k),
        Start::Zero => true,
    };
    let all = candidates(request)?;
    Ok(all.into_iter().find(usable).expect("every chain can begin with a cleared tile"))
}

fn x(k: u32) -> Expr {
    Scalar::Leaf(k)
}

fn int(value: i32) -> Expr {
    Scalar::int(value)
}

fn bin(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    Scalar::binary(op, a, b)
}

fn wrap8(e: Expr) -> Expr {
    Scalar::cast(DType::I8, CastMode::Wrap, e)
}

fn sat8(e: Expr) -> Expr {
    Scalar::cast(DType::I8, CastMode::Saturate, e)
}

fn clip(e: Expr, low: i32, high: i32) -> Expr {
    bin(BinaryOp::Min, bin(BinaryOp::Max, e, int(low)), int(high))
}

fn choose(op: CompareOp, left: Expr, right: Expr, yes: Expr, no: Expr) -> Expr {
    Scalar::select(op, SelectParts { left, right, yes, no })
}

fn full(_: u32) -> Interval {
    FULL
}

fn request(value: &Expr) -> Request<'_> {
    Request { value, range: &full, name: &|k| format!("x{k}"), low_bits: false, multiplier: false }
}

/// The best selection as text: `x0: shr 8; add x1`.
fn chosen(request: &Request) -> String {
    show(&select(request, &|_| true).unwrap())
}

fn show(selection: &Selection) -> String {
    let start = match selection.start {
        Start::Operand(k) => format!("x{k}"),
        Start::Zero => "0".into(),
    };
    let op = |op: &SelectedOp| {
        let name = format!("{:?}", op.opcode).to_lowercase();
        match op.operand {
            OpOperand::Imm(value) => format!("{name} {value}"),
            OpOperand::Operand(k) => format!("{name} x{k}"),
            OpOperand::Own => format!("{name} own"),
        }
    };
    format!("{start}: {}", selection.ops.iter().map(op).collect::<Vec<_>>().join("; "))
}

#[test]
fn a_requantised_convolution_is_four_operations() {
    let sum = bin(BinaryOp::Add, bin(BinaryOp::Shr, x(0), int(8)), x(1));
    let value = wrap8(clip(sum, 0, 127));
    assert_eq!(chosen(&request(&value)), "x0: shr 8; add x1; max 0; min 127");
}

#[test]
fn relu_after_saturation_needs_no_lower_bound_of_its_own() {
    let value = bin(BinaryOp::Max, sat8(x(0)), int(0));
    assert_eq!(chosen(&request(&value)), "x0: max 0; min 127");
}

#[test]
fn a_wrap_is_two_shifts_unless_the_range_or_the_store_makes_it_needless() {
    let value = wrap8(x(0));
    assert_eq!(chosen(&request(&value)), "x0: shr -24; shr 24");
    let stored = select(&Request { low_bits: true, ..request(&value) }, &|_| true).unwrap();
    assert_eq!(show(&stored), "x0: ");
    let small = |_| Interval::new(-5, 100);
    let proven = select(&Request { range: &small, ..request(&value) }, &|_| true).unwrap();
    assert_eq!(show(&proven), "x0: ");
}

#[test]
fn inner_wraps_vanish_where_only_the_low_bits_are_read() {
    let value = wrap8(bin(BinaryOp::Add, x(1), wrap8(bin(BinaryOp::Add, x(0), int(3)))));
    assert_eq!(chosen(&Request { low_bits: true, ..request(&value) }), "x0: add 3; add x1");
}

#[test]
fn products_become_shifts_and_additions_without_a_multiplier() {
    let by = |factor| bin(BinaryOp::Mul, x(0), int(factor));
    assert_eq!(chosen(&request(&by(16))), "x0: shr -4");
    assert_eq!(chosen(&request(&by(i32::MIN))), "x0: shr -31");
    assert_eq!(chosen(&request(&by(3))), "0: add x0; shr -1; add x0");
    let value = by(3);
    assert_eq!(chosen(&Request { multiplier: true, ..request(&value) }), "x0: mul 3");
    let difference = bin(BinaryOp::Sub, x(0), x(1));
    assert_eq!(chosen(&Request { multiplier: true, ..request(&difference) }), "x1: mul -1; add x0");
}

#[test]
fn constants_beyond_16_bits_are_built_or_added_in_parts() {
    let raised = bin(BinaryOp::Max, x(0), int(0x1234_5678));
    assert_eq!(chosen(&request(&raised)), "0: add 4660; shr -16; add 22136; max x0");
    let computed = bin(BinaryOp::Add, bin(BinaryOp::Shr, x(0), int(2)), int(65536));
    assert_eq!(chosen(&request(&computed)), "x0: shr 2; add 32767; add 32767; add 2");
    assert_eq!(chosen(&request(&int(-7))), "0: add -7");
    assert_eq!(chosen(&request(&int(0))), "0: ");
}

#[test]
fn a_start_that_must_be_kept_is_copied() {
    let value = bin(BinaryOp::Add, x(0), x(1));
    let kept = |keep: &'static [u32]| show(&select(&request(&value), &|k| !keep.contains(&k)).unwrap());
    assert_eq!(kept(&[]), "x0: add x1");
    assert_eq!(kept(&[0]), "x1: add x0");
    assert_eq!(kept(&[0, 1]), "0: add x0; add x1");
}

#[test]
fn a_shift_that_two_terms_share_is_done_once() {
    let twice = |k, by| bin(BinaryOp::Shl, x(k), int(by));
    let value = bin(BinaryOp::Add, twice(0, 3), twice(1, 1));
    assert_eq!(chosen(&request(&value)), "x0: shr -2; add x1; shr -1");
}

#[test]
fn choices_are_masks_or_extremes() {
    use CompareOp::*;
    let of = |op, right, yes, no| choose(op, x(0), right, yes, no);
    let cases = [
        (of(Less, int(0), int(0), x(0)), "x0: max 0"),
        (of(Greater, x(1), x(1), x(0)), "x0: min x1"),
        (of(Less, int(0), bin(BinaryOp::Shr, x(0), int(3)), x(0)), "0: add x0; shr 3; max x0"),
        (of(Less, int(0), int(-1), int(0)), "x0: shr 31"),
        (of(GreaterEqual, int(0), int(1), int(0)), "x0: shr 31; add 1"),
        (of(Less, int(5), int(-1), int(0)), "x0: max 4; min 5; add -5"),
    ];
    for (value, expected) in &cases {
        assert_eq!(chosen(&request(value)), *expected);
    }
    let byte = |_| Interval::new(0, 255);
    let masked = of(Less, int(7), int(0), x(1));
    let best = |value: &Expr, multiplier| {
        let request = Request { range: &byte, multiplier, ..request(value) };
        select(&request, &|_| true).unwrap()
    };
    assert_eq!(show(&best(&masked, false)), "x0: add -7; shr 31; shr -8; add 256; min x1");
    assert_eq!(show(&best(&masked, true)), "x0: max 6; min 7; add -6; mul x1");
    let numbers = of(Less, int(7), int(20), int(100));
    assert_eq!((best(&numbers, false).cost, best(&numbers, true).cost), (5, 4));
}

#[test]
fn errors_name_the_part_that_stands_in_the_way() {
    let cases = [
        (sat8(bin(BinaryOp::Mul, x(0), x(1))), "E0452", "`x0 * x1` needs a multiplication, and this target has none"),
        (
            choose(CompareOp::Less, x(0), int(0), int(0), x(1)),
            "E0452",
            "`select(x0 < 0, 0, x1)` needs a multiplication, and this target has none",
        ),
        (
            choose(CompareOp::Less, x(0), int(0), x(2), x(1)),
            "E0452",
            "`select(x0 < 0, x2, x1)` needs a multiplication, and this target has none",
        ),
        (
            bin(BinaryOp::Sub, x(0), sat8(x(1))),
            "E0454",
            "`x0 - sat8(x1)` subtracts a value, which takes a multiplication by -1, and this target has none",
        ),
    ];
    for (value, code, message) in cases {
        let error = cut(&request(&value), 9, &mut Selections::default(), &|_| true).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
}

/// The parts of an expression as text, numbered from `x9`.
fn parts(value: &Expr, multiplier: bool) -> Vec<String> {
    let request = Request { multiplier, ..request(value) };
    let parts = cut(&request, 9, &mut Selections::default(), &|_| true).unwrap();
    parts.iter().map(|part| show(&part.selection)).collect()
}

#[test]
fn a_computed_side_becomes_a_part() {
    let spread = |a, b| bin(BinaryOp::Shr, bin(BinaryOp::Add, x(a), x(b)), int(3));
    let value = bin(BinaryOp::Add, int(1), bin(BinaryOp::Max, spread(0, 1), spread(2, 3)));
    assert_eq!(parts(&value, false), ["x2: add x3; shr 3", "x0: add x1; shr 3; max x9; add 1"]);
    let large = wrap8(bin(BinaryOp::Min, spread(0, 1), int(1_000_000)));
    assert_eq!(parts(&large, false), ["0: add 15625; shr -6", "x0: add x1; shr 3; min x9; shr -24; shr 24"]);
}

#[test]
fn what_occurs_twice_is_computed_once() {
    // u * (100 - |u|), for a clipped u.
    let u = clip(x(0), -50, 50);
    let magnitude = bin(BinaryOp::Max, u.clone(), bin(BinaryOp::Mul, u.clone(), int(-1)));
    let value = bin(BinaryOp::Mul, u, bin(BinaryOp::Sub, int(100), magnitude));
    assert_eq!(parts(&value, true), ["x0: max -50; min 50", "0: add x9; mul -1; max x9; mul -1; add 100; mul x9"]);
}

#[test]
fn a_square_is_computed_in_place() {
    let offset = bin(BinaryOp::Add, clip(x(0), 0, 90), int(-7));
    let value = bin(BinaryOp::Mul, offset.clone(), offset);
    assert_eq!(parts(&value, true), ["x0: max 0; min 90; add -7; mul own"]);
}

#[test]
fn a_difference_from_an_operand_is_negated_twice() {
    let value = bin(BinaryOp::Sub, bin(BinaryOp::Shr, x(0), int(1)), x(1));
    assert_eq!(parts(&value, true), ["x0: shr 1; mul -1; add x1; mul -1"]);
}

#[test]
fn a_choice_between_values_is_a_product_with_a_mask() {
    let value = choose(CompareOp::Less, x(0), int(0), x(2), x(1));
    assert_eq!(parts(&value, true), ["x1: mul -1; add x2", "x0: shr 31; mul -1; mul x9; add x1"]);
}

/// Sums of more terms than the node limit lets associate still have their own order as a chain.
#[test]
fn the_limits_leave_a_chain_of_the_original_order() {
    let value = (1..40).fold(x(0), |sum, k| bin(BinaryOp::Add, sum, x(k)));
    let selection = select(&request(&value), &|_| true).unwrap();
    assert_eq!(selection.ops.len(), 39);
    assert_eq!(selection, select(&request(&value), &|_| true).unwrap());
}

fn arb_operand() -> impl Strategy<Value = Expr> {
    let constant = prop_oneof![-4i32..140, prop_oneof![Just(i32::MIN), Just(i32::MAX), Just(40_000)], any::<i32>()];
    prop_oneof![(0u32..3).prop_map(x), constant.prop_map(int)]
}

/// Expressions of which most have a chain: at each step the other side is an operand, now and then an expression.
fn arb_expr() -> impl Strategy<Value = Expr> {
    use BinaryOp::*;
    arb_operand().prop_recursive(6, 12, 2, |inner| {
        let ops = prop_oneof![Just(Add), Just(Sub), Just(Mul), Just(Min), Just(Max), Just(Shr), Just(Shl)];
        let other = prop_oneof![6 => arb_operand(), 1 => inner.clone()];
        prop_oneof![
            4 => (ops, inner.clone(), other, any::<bool>())
                .prop_map(|(op, a, b, swap)| if swap { bin(op, b, a) } else { bin(op, a, b) }),
            2 => (prop_oneof![Just(Shr), Just(Shl)], inner.clone(), 0i32..32).prop_map(|(op, a, k)| bin(op, a, int(k))),
            1 => inner.clone().prop_map(wrap8),
            2 => (prop::sample::select(&CompareOp::ALL[..]), inner.clone(), prop::array::uniform3(arb_operand()))
                .prop_map(|(op, left, [right, yes, no])| choose(op, left, right, yes, no)),
            1 => inner.prop_map(sat8),
        ]
    })
}

/// Expressions of any form, with choices between what is computed.
fn arb_tree() -> impl Strategy<Value = Expr> {
    use BinaryOp::*;
    arb_operand().prop_recursive(5, 20, 4, |inner| {
        let ops = prop_oneof![Just(Add), Just(Sub), Just(Mul), Just(Min), Just(Max), Just(Shr), Just(Shl)];
        prop_oneof![
            4 => (ops, inner.clone(), inner.clone()).prop_map(|(op, a, b)| bin(op, a, b)),
            1 => inner.clone().prop_map(|a| bin(Mul, a.clone(), a)),
            2 => (prop_oneof![Just(Shr), Just(Shl)], inner.clone(), 0i32..32).prop_map(|(op, a, k)| bin(op, a, int(k))),
            1 => inner.clone().prop_map(wrap8),
            1 => (prop::sample::select(&CompareOp::ALL[..]), prop::array::uniform4(inner.clone()))
                .prop_map(|(op, [left, right, yes, no])| choose(op, left, right, yes, no)),
            1 => inner.prop_map(sat8),
        ]
    })
}

fn arb_interval() -> impl Strategy<Value = Interval> {
    let ends = prop_oneof![
        Just((-128, 127)),
        (-300i64..300, -300i64..300),
        (any::<i32>(), any::<i32>()).prop_map(|(a, b)| (a.into(), b.into()))
    ];
    ends.prop_map(|(a, b)| Interval::new(a.min(b), a.max(b)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every candidate computes the expression on values in the operands' ranges, ends of the ranges included.
    #[test]
    fn selections_compute_the_expression(
        value in arb_expr(),
        ranges in prop::array::uniform3(arb_interval()),
        points in prop::collection::vec(prop::array::uniform3(prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64]), 24),
        low_bits: bool,
        multiplier: bool,
    ) {
        let range = |k: u32| ranges[k as usize];
        let request = Request { value: &value, range: &range, low_bits, multiplier, ..request(&value) };
        let Ok(found) = candidates(&request) else { return Ok(()) };
        for selection in &found {
            for point in &points {
                let operand = |k: u32| {
                    let r = range(k);
                    (r.min + ((r.max - r.min) as f64 * point[k as usize]) as i64) as i32
                };
                let (expected, got) = (value.eval(&mut |k| operand(*k)), selection.eval(&operand));
                let agree = if low_bits { expected as i8 == got as i8 } else { expected == got };
                prop_assert!(agree, "{}: expected {expected}, got {got}", show(selection));
            }
            // A tile may well be squared, which needs no copy of it.
            let starts_anew = |op: &SelectedOp| matches!(op.operand, OpOperand::Operand(k) if Start::Operand(k) == selection.start);
            prop_assert!(!selection.ops.iter().any(starts_anew), "{} reads its start again", show(selection));
        }
        prop_assert!(found.iter().any(|s| s.start == Start::Zero));
    }

    /// With a multiplier every expression has parts, which compute it one behind the other.
    #[test]
    fn parts_compute_the_expression(
        value in arb_tree(),
        points in prop::collection::vec(prop::array::uniform3(prop_oneof![any::<i32>(), -200..200i32]), 8),
    ) {
        let request = Request { multiplier: true, ..request(&value) };
        let parts = cut(&request, 3, &mut Selections::default(), &|_| true).unwrap();
        for point in &points {
            let mut known = point.to_vec();
            for part in &parts {
                let got = part.selection.eval(&|k| known[k as usize]);
                prop_assert_eq!(part.value.eval(&mut |k| known[*k as usize]), got);
                known.push(got);
            }
            prop_assert_eq!(Some(&value.eval(&mut |k| point[*k as usize])), known.last());
        }
    }
}
