//! Where the cycles of a program or of a recorded stream go, what bounds them, and what would save some: an artifact and a
//! timing → [`ProfileFigures`].
//!
//! | file | in → out |
//! |---|---|
//! | `figures` | profile → every figure, in the documented form |
//! | `source` | origins and charges → cycles beside the lines of the program |
//! | `loops` | statements and charges → cycles beside the loops of the legal program |
//! | `slots` | the legal program → what is double buffered in it |
//! | `advice` | answers and slots → what in a schedule would bring the gain |
//! | `compare` | two sets of figures → their differences |
//!
//! Reports, files and comparisons are all made from [`ProfileFigures`], so they cannot contradict each other.

mod advice;
mod compare;
mod figures;
mod loops;
mod slots;
mod source;

pub use compare::{Comparison, Measure, Row, compare};
pub use figures::*;
pub use loops::LoopLine;
pub use source::{Line, Part};

use tilewright_sim::Recording;
use tilewright_sim::profile::profile;

use crate::fault::{stopped, stopped_run};
use crate::time::{NamedTiming, timed_stream};
use crate::{Artifact, Result};

impl Artifact {
    /// Profiles the program. Time alone is simulated; no values are read or computed.
    ///
    /// # Errors
    /// A stream that stops is an internal compiler error.
    ///
    /// ```
    /// # use tilewright::{Options, Sources, compile};
    /// use tilewright::time::NamedTiming;
    /// # let mut sources = Sources::default();
    /// # sources.add("k.tw", "kernel k {
    /// #     input x: i32[1024]
    /// #     output y[i] = i8(x[i] + 2)
    /// # }");
    /// let artifact = compile(&sources, &Options::default()).unwrap();
    /// let figures = artifact.profile(&NamedTiming::default()).unwrap();
    /// assert!(figures.bound.cycles <= figures.cycles);
    /// let charged = figures.source.unwrap().into_iter().find(|line| line.text.contains("output y")).unwrap();
    /// assert!(charged.charge.critical > 0);
    /// ```
    pub fn profile(&self, timing: &NamedTiming) -> Result<ProfileFigures> {
        let stream = self.timed_stream();
        let profile = profile(&stream, &timing.timing).map_err(|stop| stopped_run(&stop))?;
        Ok(ProfileFigures::of(self.name(), &stream, Some(self), &profile, timing))
    }
}

/// Profiles a recorded stream, which has no source. `name` is what the figures call it.
///
/// # Errors
/// What stops the stream.
pub fn profile_recording(name: &str, recording: &Recording, timing: &NamedTiming) -> Result<ProfileFigures> {
    let stream = timed_stream(recording);
    let profile = profile(&stream, &timing.timing).map_err(|stop| vec![stopped(&stop)])?;
    Ok(ProfileFigures::of(name, &stream, None, &profile, timing))
}
