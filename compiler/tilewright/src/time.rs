//! A stream and a timing → a run in time, and whether the hardware took the same cycles.
//!
//! The hardware was measured in two builds, which differ in the length of their bursts; a run is compared only where its
//! timing is that of one of them. The clock does not count, as it changes no number of cycles.

use std::fmt;
use std::time::{Duration, Instant};

use tilewright_core::emit::Stream;
use tilewright_sim::cycles::{
    Basis, CycleReport, Observer, Tables, Timing, basis, insn_base, simulate as simulate_cycles,
};
use tilewright_sim::profile::TimedStream;
use tilewright_sim::{Recording, Stop, TokenCounts};

use crate::fault::{stopped, stopped_run};
use crate::{Artifact, Result};

/// A run in time that ended.
#[derive(Clone, Debug)]
pub struct Timed {
    pub report: CycleReport,
    /// The timing's name.
    pub timing: String,
    pub basis: Basis,
    /// In MHz.
    pub clock_mhz: u64,
    /// The time that the cycles take at the clock.
    pub seconds: f64,
    /// Cycles that the hardware took, where they are recorded for this timing.
    pub rtl_cycles: Option<u64>,
    /// The time that the simulation took on the host.
    pub host_time: Duration,
}

impl Timed {
    /// Whether the hardware took as many cycles; `None` where that is not known.
    pub fn equal(&self) -> Option<bool> {
        self.rtl_cycles.map(|cycles| cycles == self.report.cycles)
    }

    /// The share of the cycles in which GEMM issued micro-ops, resets not included; 0 for a run without cycles.
    pub fn gemm_utilisation(&self) -> f64 {
        self.report.gemm_utilisation()
    }

    /// `measured` if the hardware exists and was measured, `extrapolated` if its rules are applied to another one.
    pub fn basis_name(&self) -> &'static str {
        self.basis.name()
    }
}

impl Timed {
    fn new(
        report: CycleReport,
        stream: &TimedStream,
        rtl_cycles: Option<u64>,
        timing: &NamedTiming,
        host_time: Duration,
    ) -> Timed {
        Timed {
            clock_mhz: timing.timing.clock_mhz,
            seconds: timing.timing.seconds(report.cycles),
            report,
            timing: timing.name.clone(),
            basis: basis(stream.config, stream.insns, &timing.timing),
            rtl_cycles,
            host_time,
        }
    }
}

/// A timing and what people call it.
///
/// ```
/// use tilewright::time::NamedTiming;
///
/// assert_eq!(NamedTiming::preset("pynq").unwrap().timing.clock_mhz, 100);
/// assert_eq!(NamedTiming::preset("mars"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTiming {
    /// The preset's name; for another timing, where it comes from.
    pub name: String,
    pub timing: Timing,
}

impl NamedTiming {
    /// A timing that comes from `origin`, a file for instance. A preset keeps its own name.
    pub fn new(timing: Timing, origin: &str) -> NamedTiming {
        NamedTiming { name: timing.name().unwrap_or(origin).to_owned(), timing }
    }

    /// The timing of a board that was measured: `de10` or `pynq`.
    pub fn preset(name: &str) -> Option<NamedTiming> {
        Some(NamedTiming { name: name.to_owned(), timing: Timing::named(name).ok()? })
    }
}

impl Default for NamedTiming {
    fn default() -> NamedTiming {
        NamedTiming { name: Timing::NAMES[0].to_owned(), timing: Timing::default() }
    }
}

/// The cycles of a stream that are known, by timing.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<(Timing, CycleReport, Duration)>);

impl Artifact {
    /// Simulates the cycles of the program, which depend on no values; once for each timing.
    ///
    /// # Errors
    /// A stream that stops is an internal compiler error.
    ///
    /// ```
    /// # use tilewright::{Options, Sources, compile};
    /// use tilewright::time::NamedTiming;
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[4]
    /// #     output y[i] = i8(x[i] + 2)
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let timed = artifact.time(&NamedTiming::default()).unwrap();
    /// assert_eq!(timed.basis_name(), "measured");
    /// assert_eq!(timed.seconds, timed.report.cycles as f64 / 100e6);
    /// ```
    pub fn time(&self, timing: &NamedTiming) -> Result<Timed> {
        self.timed(timing).map_err(|stop| stopped_run(&stop))
    }

    pub(crate) fn timed(&self, timing: &NamedTiming) -> std::result::Result<Timed, Stop> {
        let times = || self.0.times.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = times().0.iter().find(|(known, ..)| *known == timing.timing).cloned();
        if let Some((_, report, host_time)) = known {
            return Ok(Timed::new(report, &self.timed_stream(), None, timing, host_time));
        }
        let timed = simulate_stream(&self.timed_stream(), None, timing, 1)?;
        times().0.push((timing.timing, timed.report.clone(), timed.host_time));
        Ok(timed)
    }

    /// The stream as it is run in time.
    pub fn timed_stream(&self) -> TimedStream<'_> {
        let Stream { config, insns, segments, .. } = self.stream();
        let extents = segments.iter().map(|segment| (segment.address.into(), segment.bytes as u64));
        TimedStream { config, insns, tokens_before: TokenCounts::default(), insn_base: insn_base(extents) }
    }
}

/// Simulates the cycles of a recorded stream `repeat` times, at least once; the host's time is the best.
///
/// # Errors
/// What stops the stream.
pub fn simulate(recording: &Recording, timing: &NamedTiming, repeat: u32) -> Result<Timed> {
    let timed = simulate_stream(&timed_stream(recording), rtl_cycles(recording, &timing.timing), timing, repeat);
    timed.map_err(|stop| vec![stopped(&stop)])
}

fn simulate_stream(
    stream: &TimedStream,
    rtl_cycles: Option<u64>,
    timing: &NamedTiming,
    repeat: u32,
) -> std::result::Result<Timed, Stop> {
    let timed = || -> std::result::Result<(CycleReport, Duration), Stop> {
        let start = Instant::now();
        let report = observe(stream, &timing.timing, &mut ())?;
        Ok((report, start.elapsed()))
    };
    let (report, mut host_time) = timed()?;
    for _ in 1..repeat {
        host_time = host_time.min(timed()?.1);
    }
    Ok(Timed::new(report, stream, rtl_cycles, timing, host_time))
}

/// When everything happened.
///
/// # Errors
/// What stops the stream.
pub fn tables(recording: &Recording, timing: &Timing) -> Result<Tables> {
    Ok(tables_and_report(&timed_stream(recording), timing)?.0)
}

/// When everything happened, and the figures.
///
/// # Errors
/// What stops the stream.
pub fn tables_and_report(stream: &TimedStream, timing: &Timing) -> Result<(Tables, CycleReport)> {
    let mut tables = Tables::new(stream.insns.len());
    let report = observe(stream, timing, &mut tables).map_err(|stop| vec![stopped(&stop)])?;
    tables.finish(report.cycles);
    Ok((tables, report))
}

fn observe(
    stream: &TimedStream,
    timing: &Timing,
    observer: &mut impl Observer,
) -> std::result::Result<CycleReport, Stop> {
    simulate_cycles(stream.config, stream.insns, timing, &stream.options(), observer)
}

/// What of a recording is run in time.
pub fn timed_stream(recording: &Recording) -> TimedStream<'_> {
    let insn_base = insn_base(recording.segments.iter().map(|segment| (segment.address, segment.bytes)));
    let Recording { config, insns, tokens_before, .. } = recording;
    TimedStream { config, insns, tokens_before: *tokens_before, insn_base }
}

fn rtl_cycles(recording: &Recording, timing: &Timing) -> Option<u64> {
    match at_default_clock(timing) {
        Timing::DE10 => recording.rtl_cycles.burst_beats_16,
        Timing::PYNQ => recording.rtl_cycles.burst_beats_256,
        _ => None,
    }
}

/// Whether recorded tables are made with this timing.
pub fn has_recorded_tables(timing: &Timing) -> bool {
    at_default_clock(timing) == Timing::DE10
}

fn at_default_clock(timing: &Timing) -> Timing {
    Timing { clock_mhz: Timing::DE10.clock_mhz, ..*timing }
}

/// What a recorded table of instructions says to simulated times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedTimes {
    Equal,
    /// The first instruction whose times differ, and the first of its times that does. Cycles as they stand in tables: -1
    /// for what did not happen.
    Differ {
        insn: usize,
        event: &'static str,
        recorded: i64,
        found: i64,
    },
    /// The table is none, from this line on, counted from 1.
    Malformed {
        line: usize,
    },
}

impl fmt::Display for RecordedTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordedTimes::Equal => f.write_str("every instruction is queued, started and done as in instructions.csv"),
            RecordedTimes::Differ { insn, event, recorded, found } => {
                let cycle = |cycle: &i64| match cycle {
                    -1 => "never".to_owned(),
                    cycle => format!("in cycle {cycle}"),
                };
                let (recorded, found) = (cycle(recorded), cycle(found));
                write!(f, "instruction {insn} is the first to differ: {event} {recorded} on the hardware, {found} here")
            }
            RecordedTimes::Malformed { line } => {
                write!(f, "instructions.csv is not a table of times: see its line {line}")
            }
        }
    }
}

const EVENTS: [&str; 3] = ["queued", "started", "done"];

/// Compares two tables of instructions, line by line.
pub fn compare_times(recorded: &str, found: &str) -> RecordedTimes {
    let (mut theirs, mut ours) = (recorded.lines(), found.lines());
    for line in 1.. {
        match (theirs.next(), ours.next()) {
            (None, None) => break,
            (theirs, ours) if theirs == ours => {}
            (theirs, ours) => return difference(theirs, ours).unwrap_or(RecordedTimes::Malformed { line }),
        }
    }
    RecordedTimes::Equal
}

/// The first time in which two rows of the same instruction differ; `None` if they are not that.
fn difference(recorded: Option<&str>, found: Option<&str>) -> Option<RecordedTimes> {
    let (recorded_row, found_row) = (row(recorded?)?, row(found?)?);
    let at = (0..EVENTS.len()).find(|&at| recorded_row.1[at] != found_row.1[at])?;
    let (insn, event) = (found_row.0, EVENTS[at]);
    let differ = RecordedTimes::Differ { insn, event, recorded: recorded_row.1[at], found: found_row.1[at] };
    (recorded_row.0 == insn).then_some(differ)
}

/// `index,module,queued,started,done` → index and times.
fn row(line: &str) -> Option<(usize, [i64; 3])> {
    let cells: Vec<&str> = line.split(',').collect();
    let [index, _, queued, started, done] = cells[..] else { return None };
    let times = [queued.parse().ok()?, started.parse().ok()?, done.parse().ok()?];
    Some((index.parse().ok()?, times))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "index,module,queued,started,done\n0,load,31,32,55\n1,compute,32,56,-1\n";

    #[test]
    fn equal_tables_are_equal() {
        assert_eq!(compare_times(TABLE, TABLE), RecordedTimes::Equal);
        assert_eq!(compare_times(&TABLE.replace('\n', "\r\n"), TABLE), RecordedTimes::Equal);
    }

    #[test]
    fn the_first_time_that_differs_is_found() {
        let differ = |recorded: &str| compare_times(recorded, TABLE);
        let (insn, event) = (0, "started");
        let expected = RecordedTimes::Differ { insn, event, recorded: 33, found: 32 };
        assert_eq!(differ(&TABLE.replace("32,55", "33,56").replace("56,-1", "57,58")), expected);
        let expected = RecordedTimes::Differ { insn: 1, event: "done", recorded: 70, found: -1 };
        assert_eq!(differ(&TABLE.replace("-1", "70")), expected);
        let text = "instruction 1 is the first to differ: done in cycle 70 on the hardware, never here";
        assert_eq!(expected.to_string(), text);
    }

    #[test]
    fn what_is_no_table_is_told_by_its_line() {
        let broken = [
            ("", 1),
            ("index\n", 1),
            ("index,module,queued,started,done\n0,load,31,32,55\n", 3),
            ("index,module,queued,started,done\n0,load,31,32\n", 2),
            ("index,module,queued,started,done\n0,load,31,32,later\n", 2),
            ("index,module,queued,started,done\n5,load,31,32,56\n", 2),
        ];
        for (table, line) in broken {
            assert_eq!(compare_times(table, TABLE), RecordedTimes::Malformed { line }, "{table}");
        }
    }
}
