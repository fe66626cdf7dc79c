//! What is reported of numbers that were put into the format of a tensor.

use serde_json::{Value, json};
use tilewright::{Loss, TensorInfo};

use crate::report::{HEADING, grouped, short};

/// The line of a report: `· quantised  X: i8.q7[1, 256]   3 of 256 values clipped (1.2 %)   largest error 0.0039`.
pub fn line(loss: &Loss, tensor: &TensorInfo) -> String {
    let share = match loss.clipped {
        0 => String::new(),
        clipped => format!(" ({:.1} %)", clipped as f64 / loss.values as f64 * 100.0),
    };
    format!(
        "{HEADING}· quantised{HEADING:#}  {}: {}   {} of {} values clipped{share}   largest error {}\n",
        tensor.name,
        tensor.type_name(),
        grouped(loss.clipped as u64),
        grouped(loss.values as u64),
        short(loss.largest_error),
    )
}

/// The same as JSON.
pub fn json(loss: &Loss, tensor: &TensorInfo) -> Value {
    let Loss { values, clipped, largest_error } = loss;
    json!({
        "input": tensor.name, "type": tensor.type_name(), "values": values, "clipped": clipped,
        "largest_error": largest_error,
    })
}
