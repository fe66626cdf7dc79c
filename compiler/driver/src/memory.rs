//! The limit of what runs take: what the command line says, or what the system has.

use crate::cli::MemoryOption;

/// The limit in bytes; none where nothing is said and the system does not tell what it has.
pub fn limit(option: &MemoryOption) -> Option<u64> {
    option.memory.or_else(available)
}

/// What the system could give out without taking it from others, where it says so.
fn available() -> Option<u64> {
    let known = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = known.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}
