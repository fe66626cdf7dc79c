//! `--memory`: how much of it runs may take.

use clap::Args;

#[derive(Clone, Debug, Default, Args)]
pub struct MemoryOption {
    /// Most memory for the arrays of a run and its device memory, in bytes, or with K, M or G [default: what the machine has
    /// available]
    #[arg(long, value_name = "LIMIT", value_parser = size)]
    pub memory: Option<u64>,
}

/// A number of bytes, with what it is multiplied by.
fn size(text: &str) -> Result<u64, String> {
    let expected = || "expected a number of bytes, or one followed by K, M or G: `512M`".to_owned();
    let (digits, shift) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 10),
        None => match (text.strip_suffix(['M', 'm']), text.strip_suffix(['G', 'g'])) {
            (Some(digits), _) => (digits, 20),
            (None, Some(digits)) => (digits, 30),
            (None, None) => (text, 0),
        },
    };
    let number: u64 = digits.replace('_', "").parse().map_err(|_| expected())?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        let read = ["1", "4096", "16K", "2m", "3G", "1_000"].map(|text| size(text).unwrap());
        assert_eq!(read, [1, 4096, 16 << 10, 2 << 20, 3 << 30, 1000]);
        for text in ["", "0", "-1", "G", "1T", "1.5G", "99999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
