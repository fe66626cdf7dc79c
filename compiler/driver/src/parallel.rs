//! What standard error shows of work that takes longer than a second, where that is a terminal: how far it is, or how long it has
//! been going on.

use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tilewright::parallel::{self, Progress};

use crate::interrupt;

/// Work that ends sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the time is drawn again.
const TICK: Duration = Duration::from_millis(200);

/// A line that appears once the work has taken a second, and goes with the work.
#[derive(Debug)]
struct Late {
    bar: ProgressBar,
    /// Dropped when the work is over.
    work: Option<Sender<()>>,
    waiting: Option<JoinHandle<()>>,
}

impl Late {
    fn new(bar: ProgressBar, template: &str) -> Late {
        bar.set_draw_target(ProgressDrawTarget::hidden());
        bar.set_style(ProgressStyle::with_template(template).expect("the template is one"));
        let ((work, over), shown) = (mpsc::channel::<()>(), bar.clone());
        let wait = move || {
            if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // Nothing is drawn where standard error is no terminal.
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(TICK);
            }
        };
        // Where the system gives no thread, nothing is shown.
        let waiting = thread::Builder::new().spawn(wait).ok();
        Late { bar, work: Some(work), waiting }
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.work = None;
        if let Some(waiting) = self.waiting.take() {
            let _ = waiting.join();
        }
        self.bar.finish_and_clear();
    }
}

/// Shows a bar for each stretch of work.
#[derive(Debug, Default)]
pub struct Bar(Mutex<Option<Late>>);

impl Bar {
    fn with(&self, show: impl FnOnce(&mut Option<Late>)) {
        show(&mut self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

impl Progress for Bar {
    fn begin(&self, jobs: usize, what: &'static str) {
        let bar = ProgressBar::new(jobs as u64).with_message(what);
        self.with(|late| *late = Some(Late::new(bar, "{wide_bar} {pos} of {len} {msg}, {eta} left")));
    }

    fn step(&self) {
        self.with(|late| late.iter().for_each(|late| late.bar.inc(1)));
    }

    fn stops(&self) -> bool {
        interrupt::asked()
    }

    fn end(&self) {
        self.with(|late| drop(late.take()));
    }
}

/// Works on every job, on all cores, until an interrupt. `what` is what the bar counts.
pub fn run<J: Sync, R: Send>(jobs: &[J], what: &'static str, work: impl Fn(&J) -> R + Sync) -> Vec<Option<R>> {
    interrupt::stoppable(|| parallel::map_until(jobs, what, &Bar::default(), work))
}

/// Does work of which nobody knows how long it takes, and which writes nothing. `what` is what is done: `compiling k.tw`.
pub fn waiting<R>(what: String, work: impl FnOnce() -> R) -> R {
    let _shown = Late::new(ProgressBar::new_spinner().with_message(what), "{spinner} {wide_msg} {elapsed}");
    work()
}
