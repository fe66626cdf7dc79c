//! What the cycle model must know of a machine: named numbers, presets, JSON → [`Timing`], checked.
//!
//! The presets are the two builds of VTA's hardware that were measured. Others follow the same rules with other
//! numbers; how far they are right then is up to whoever gives the numbers.

use crate::suggest::did_you_mean;
use serde_json::Value;
use thiserror::Error;

/// Why timing parameters are refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TimingError {
    #[error("unknown timing {name:?}: expected {}", Timing::NAMES.join(" or "))]
    UnknownName { name: String },
    #[error("timing must be a JSON object, but is {found}")]
    NotAnObject { found: String },
    #[error("timing: unknown key {key:?}{}", did_you_mean(.key, keys()))]
    UnknownKey { key: String },
    #[error("timing: {key} must be an integer, but is {found}")]
    NotANumber { key: String, found: String },
    #[error("timing: {key} must be from {min} to {max}, but is {value}")]
    Range { key: &'static str, value: u64, min: u64, max: u64 },
    #[error("timing: {key} must be a power of two, but is {value}")]
    PowerOfTwo { key: &'static str, value: u64 },
}

impl TimingError {
    /// The stable code that `explain` takes.
    pub fn code(&self) -> &'static str {
        match self {
            TimingError::UnknownName { .. } => "E0941",
            TimingError::NotAnObject { .. } | TimingError::NotANumber { .. } => "E0942",
            TimingError::UnknownKey { .. } => "E0943",
            TimingError::Range { .. } | TimingError::PowerOfTwo { .. } => "E0944",
        }
    }
}

/// The parameters of the cycle model. Times are in cycles unless their comment says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    /// Bytes of one beat on the memory bus; a power of two.
    pub bus_bytes: u64,
    /// Beats of the longest burst; a power of two. Bursts end at multiples of their longest length.
    pub burst_beats: u64,
    /// The counter that memory runs before it serves the first request after an idle cycle.
    pub read_latency: u64,
    /// Reads that may be granted and not yet have had their last beat.
    pub outstanding_reads: u64,
    /// Instructions that the queue of each module holds, the one that runs included.
    pub queue_depth: u64,
    /// What a GEMM takes beside its micro-ops.
    pub gemm_depth: u64,
    /// From one micro-op of a GEMM to the next.
    pub gemm_interval: u64,
    /// What an ALU instruction takes beside its micro-ops.
    pub alu_depth: u64,
    /// From one micro-op with an immediate to the next.
    pub alu_imm_interval: u64,
    /// From one micro-op with a register operand to the next.
    pub alu_reg_interval: u64,
    /// A LOAD or STORE that moves nothing, and FINISH.
    pub noop_cycles: u64,
    /// From the last beat of an INP, WGT or ACC load on the bus until the load is done.
    pub load_tail: u64,
    /// The same for UOP.
    pub uop_tail: u64,
    /// What a write burst takes beside its beats and its tensors.
    pub store_burst_cycles: u64,
    /// Between the tensors of a write burst, to read the next one.
    pub store_tensor_cycles: u64,
    /// The clock, in MHz; only for converting cycles to time.
    pub clock_mhz: u64,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing::DE10
    }
}

/// A parameter's key, its smallest and its largest value.
type Limits = (&'static str, u64, u64);

/// In the order of [`Timing::values`].
const LIMITS: [Limits; 16] = [
    ("bus_bytes", 1, 1 << 20),
    ("burst_beats", 1, 1 << 16),
    ("read_latency", 0, 1 << 20),
    ("outstanding_reads", 1, 1 << 16),
    ("queue_depth", 1, 1 << 20),
    ("gemm_depth", 1, 1 << 20),
    ("gemm_interval", 1, 64),
    ("alu_depth", 1, 1 << 20),
    ("alu_imm_interval", 1, 64),
    ("alu_reg_interval", 1, 64),
    ("noop_cycles", 1, 1 << 20),
    ("load_tail", 2, 1 << 20),
    ("uop_tail", 2, 1 << 20),
    ("store_burst_cycles", 0, 1 << 20),
    ("store_tensor_cycles", 0, 1 << 20),
    ("clock_mhz", 1, 1 << 20),
];

const POWERS_OF_TWO: [&str; 2] = ["bus_bytes", "burst_beats"];

impl Timing {
    /// The names of the presets, the default first.
    pub const NAMES: [&'static str; 2] = ["de10", "pynq"];

    /// The build for the DE10-Nano: bursts of 16 beats.
    pub const DE10: Timing = Timing {
        bus_bytes: 8,
        burst_beats: 16,
        read_latency: 16,
        outstanding_reads: 16,
        queue_depth: 512,
        gemm_depth: 6,
        gemm_interval: 1,
        alu_depth: 6,
        alu_imm_interval: 1,
        alu_reg_interval: 2,
        noop_cycles: 1,
        load_tail: 3,
        uop_tail: 2,
        store_burst_cycles: 3,
        store_tensor_cycles: 1,
        clock_mhz: 100,
    };

    /// The build for the Pynq: bursts of 256 beats.
    pub const PYNQ: Timing = Timing { burst_beats: 256, ..Timing::DE10 };

    /// The preset of this name.
    pub fn named(name: &str) -> Result<Timing, TimingError> {
        match name {
            "de10" => Ok(Timing::DE10),
            "pynq" => Ok(Timing::PYNQ),
            _ => Err(TimingError::UnknownName { name: name.to_owned() }),
        }
    }

    /// The preset that this is, if it is one.
    pub fn name(&self) -> Option<&'static str> {
        Timing::NAMES.into_iter().find(|name| Timing::named(name).as_ref() == Ok(self))
    }

    /// Reads an object with any of the parameters, or the name of a preset. `"preset"` in the object names the one
    /// that the other keys change; without it that is the default.
    pub fn from_value(value: &Value) -> Result<Timing, TimingError> {
        let members = match value {
            Value::String(name) => return Timing::named(name),
            Value::Object(members) => members,
            other => return Err(TimingError::NotAnObject { found: other.to_string() }),
        };
        let mut timing = match members.get(PRESET) {
            None => Timing::default(),
            Some(Value::String(name)) => Timing::named(name)?,
            Some(other) => return Err(TimingError::UnknownName { name: other.to_string() }),
        };
        for (key, value) in members.iter().filter(|(key, _)| *key != PRESET) {
            timing.set(key, value)?;
        }
        timing.check()?;
        Ok(timing)
    }

    /// Every parameter under its key, as [`Timing::from_value`] reads them.
    pub fn to_value(&self) -> Value {
        let values = self.values();
        LIMITS.iter().zip(values).map(|(&(key, ..), value)| (key.to_owned(), Value::from(value))).collect()
    }

    /// Checks every parameter against its limits.
    pub fn check(&self) -> Result<(), TimingError> {
        for (&(key, min, max), value) in LIMITS.iter().zip(self.values()) {
            if !(min..=max).contains(&value) {
                return Err(TimingError::Range { key, value, min, max });
            }
            if POWERS_OF_TWO.contains(&key) && !value.is_power_of_two() {
                return Err(TimingError::PowerOfTwo { key, value });
            }
        }
        Ok(())
    }

    /// Bytes of the longest burst.
    pub fn burst_bytes(&self) -> u64 {
        self.burst_beats * self.bus_bytes
    }

    /// Cycles in which GEMM issues so many micro-ops, one after the other.
    pub fn gemm_cycles(&self, uops: u64) -> u64 {
        uops * self.gemm_interval
    }

    /// Cycles in which ALU issues so many micro-ops with an immediate, and with a register.
    pub fn alu_cycles(&self, imm: u64, reg: u64) -> u64 {
        imm * self.alu_imm_interval + reg * self.alu_reg_interval
    }

    /// Cycles in which so many bytes come over the bus.
    pub fn read_cycles(&self, bytes: u64) -> u64 {
        bytes.div_ceil(self.bus_bytes)
    }

    /// Cycles that a store of so many bytes, in so many elements of OUT, takes in whole bursts.
    pub fn store_cycles(&self, bytes: u64, elements: u64) -> u64 {
        let bursts = bytes.div_ceil(self.burst_bytes());
        bytes.div_ceil(self.bus_bytes) + elements * self.store_tensor_cycles + bursts * self.store_burst_cycles
    }

    /// Seconds that so many cycles take at the clock.
    pub fn seconds(&self, cycles: u64) -> f64 {
        cycles as f64 / (self.clock_mhz as f64 * 1e6)
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), TimingError> {
        let Some(place) = LIMITS.iter().position(|(known, ..)| *known == key) else {
            return Err(TimingError::UnknownKey { key: key.to_owned() });
        };
        let number = value.as_u64();
        *self.values_mut()[place] =
            number.ok_or_else(|| TimingError::NotANumber { key: key.to_owned(), found: value.to_string() })?;
        Ok(())
    }

    fn values(mut self) -> [u64; 16] {
        self.values_mut().map(|value| *value)
    }

    fn values_mut(&mut self) -> [&mut u64; 16] {
        [
            &mut self.bus_bytes,
            &mut self.burst_beats,
            &mut self.read_latency,
            &mut self.outstanding_reads,
            &mut self.queue_depth,
            &mut self.gemm_depth,
            &mut self.gemm_interval,
            &mut self.alu_depth,
            &mut self.alu_imm_interval,
            &mut self.alu_reg_interval,
            &mut self.noop_cycles,
            &mut self.load_tail,
            &mut self.uop_tail,
            &mut self.store_burst_cycles,
            &mut self.store_tensor_cycles,
            &mut self.clock_mhz,
        ]
    }
}

const PRESET: &str = "preset";

/// The keys of a timing.
fn keys() -> impl Iterator<Item = &'static str> {
    LIMITS.iter().map(|(known, ..)| *known).chain([PRESET])
}
