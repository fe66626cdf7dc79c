//! The profile of a stream on a machine: configuration, instructions and [`Timing`] → where its cycles went, what bounds
//! them, which chain of instructions decided the end, and what the run would take if something were free.
//!
//! Everything follows from one simulated run with its tables, and from one more for each [`Question`]. Nothing is
//! estimated, and nothing is written: texts and files are the caller's.
//!
//! | file | in → out |
//! |---|---|
//! | `bound` | work and tables → the least cycles that the machine's parts need |
//! | `roofline` | stream and tables → operations per byte, attained and attainable |
//! | `overlap` | attribution → cycles in which modules are busy at the same time |
//! | `path` | attribution → the chain of states that ends with the run |
//! | `traffic` | reads → bytes by client, and how many of them are different ones |
//! | `charge` | attribution and path → cycles by instruction |
//! | `what_if` | stream → cycles on machines to which something is free |

mod bound;
mod charge;
mod overlap;
mod path;
mod roofline;
mod traffic;
mod what_if;

pub use bound::{Bound, Term};
pub use charge::{Charge, Kind, KindCharge, by_kind};
pub use overlap::Overlap;
pub use path::{Cause, Path, Step, Unit};
pub use roofline::{Limit, Roofline};
pub use traffic::Traffic;
pub use what_if::{Answer, Question};

use crate::cycles::{
    Attribution, Basis, CycleOptions, CycleReport, Tables, Timing, Totals, attribute, basis, simulate,
};
use crate::report::Stop;
use crate::tokens::TokenCounts;
use tilewright_isa::{Config, Insn};

/// What is profiled.
#[derive(Clone, Copy, Debug)]
pub struct TimedStream<'a> {
    pub config: &'a Config,
    pub insns: &'a [Insn],
    /// Tokens that an earlier run left in the counters.
    pub tokens_before: TokenCounts,
    /// Where the instructions lie in device memory, in bytes; see [`crate::cycles::insn_base`].
    pub insn_base: u64,
}

impl TimedStream<'_> {
    /// How the stream runs on the machine as it is.
    pub fn options(&self) -> CycleOptions {
        CycleOptions { tokens_before: self.tokens_before, insn_base: self.insn_base, ..CycleOptions::default() }
    }
}

/// Where the cycles of a run went, and why there are so many.
#[derive(Clone, Debug)]
pub struct Profile {
    pub report: CycleReport,
    pub basis: Basis,
    pub attribution: Attribution,
    pub bound: Bound,
    pub roofline: Roofline,
    pub overlap: Overlap,
    /// What each client read, in the order of [`crate::cycles::Client::ALL`].
    pub traffic: [Traffic; crate::cycles::CLIENTS],
    pub path: Path,
    /// By instruction.
    pub charges: Vec<Charge>,
    /// By gain, the largest first.
    pub answers: Vec<Answer>,
}

impl Profile {
    /// Fetch's totals, then those of the modules in the order of [`tilewright_isa::Module::ALL`]. Each sums to the
    /// cycles of the run.
    pub fn totals(&self) -> [Totals; 4] {
        let [load, compute, store] = &self.attribution.modules;
        [&self.attribution.fetch, load, compute, store].map(|spans| Totals::of(spans))
    }
}

/// Profiles a stream.
///
/// # Errors
/// What stops the stream on the machine as it is. A question whose run stops has no answer.
pub fn profile(stream: &TimedStream, timing: &Timing) -> Result<Profile, Stop> {
    let TimedStream { config, insns, .. } = *stream;
    let mut tables = Tables::new(insns.len());
    let options = stream.options();
    let report = simulate(config, insns, timing, &options, &mut tables)?;
    tables.finish(report.cycles);
    let attribution = attribute(insns, &tables, &report, timing, &options);
    let path = path::path(insns, &tables, &attribution, &report);
    let charges = charge::charges(insns.len(), &attribution, &path);
    let bound = Bound::of(insns, &tables, &report);
    Ok(Profile {
        basis: basis(config, insns, timing),
        roofline: Roofline::of(config, insns, &tables, timing, &bound, report.cycles),
        traffic: traffic::by_client(&tables, timing),
        overlap: Overlap::of(&attribution),
        answers: what_if::answers(stream, timing, &report),
        report,
        attribution,
        bound,
        path,
        charges,
    })
}
