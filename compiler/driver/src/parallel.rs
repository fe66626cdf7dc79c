//! A bar on standard error that shows how far work is, where that is a terminal.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use tilewright::parallel::{self, Progress};

use crate::interrupt;

/// Shows a bar for each stretch of work.
#[derive(Debug, Default)]
pub struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn with(&self, show: impl FnOnce(&mut Option<ProgressBar>)) {
        show(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

impl Progress for Bar {
    fn begin(&self, jobs: usize, what: &'static str) {
        let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} {msg}, {eta} left");
        let style = style.expect("the template is one");
        self.with(|bar| *bar = Some(ProgressBar::new(jobs as u64).with_style(style).with_message(what)));
    }

    fn step(&self) {
        self.with(|bar| bar.iter().for_each(|bar| bar.inc(1)));
    }

    fn stops(&self) -> bool {
        interrupt::asked()
    }

    fn end(&self) {
        self.with(|bar| bar.take().into_iter().for_each(|bar| bar.finish_and_clear()));
    }
}

/// Works on every job, on all cores, until an interrupt. `what` is what the bar counts.
pub fn run<J: Sync, R: Send>(jobs: &[J], what: &'static str, work: impl Fn(&J) -> R + Sync) -> Vec<Option<R>> {
    interrupt::stoppable(|| parallel::map_until(jobs, what, &Bar::default(), work))
}
