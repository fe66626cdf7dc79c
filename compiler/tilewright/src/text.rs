//! Numbers and indices as reports and messages show them.

/// An index of an array.
///
/// ```
/// assert_eq!(tilewright::index_text(&[0, 17]), "[0, 17]");
/// ```
pub fn index_text(at: &[usize]) -> String {
    format!("[{}]", at.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
}

/// A number with its digits in groups of three.
///
/// ```
/// assert_eq!(tilewright::grouped(66052), "66,052");
/// ```
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
