//! Interrupts: what is written aside is removed before the process ends; work that has results to show stops instead.
//!
//! Signals come to a thread of their own. It ends the process as the signal would, so that a shell sees which one it was.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::DriverError;

/// Files and folders that stand beside their places.
static ASIDE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Held while what stands aside moves to its places, so that an interrupt finds all of it there or nothing.
static MOVING: Mutex<()> = Mutex::new(());
/// Whether the work at hand looks at [`asked`].
static STOPPABLE: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);

/// A file or a folder that stands beside its place; an interrupt removes it.
#[derive(Debug)]
pub struct Aside(PathBuf);

impl Aside {
    /// Makes something and notes down where it is. No interrupt comes between the two.
    pub fn make<T>(make: impl FnOnce() -> io::Result<T>, path: impl FnOnce(&T) -> &Path) -> io::Result<(T, Aside)> {
        let mut aside = ASIDE.lock().unwrap_or_else(PoisonError::into_inner);
        let made = make()?;
        let path = path(&made).to_owned();
        aside.insert(path.clone());
        Ok((made, Aside(path)))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        ASIDE.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Keeps interrupts waiting. What happens meanwhile must not wait for anyone.
pub fn undisturbed() -> MutexGuard<'static, ()> {
    MOVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs work that looks at [`asked`] and has something to show when it stops. The second interrupt ends it all the same.
pub fn stoppable<T>(work: impl FnOnce() -> T) -> T {
    STOPPABLE.store(true, Ordering::Relaxed);
    let done = work();
    STOPPABLE.store(false, Ordering::Relaxed);
    done
}

/// Whether somebody wants the work to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Tells how far stoppable work came, where an interrupt stopped it.
pub fn told(done: usize, all: usize, what: &'static str) -> Result<(), DriverError> {
    if asked() { Err(DriverError::Interrupted { done, all, what }) } else { Ok(()) }
}

/// Begins to watch for interrupts. Where that cannot be done they end the process at once.
#[cfg(unix)]
pub fn watch() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;

    // A file that grows beyond its limit is then an error of the write, which is told.
    let _ = signal_hook::flag::register(SIGXFSZ, Default::default());
    // Whoever started the command may have asked for a signal to be ignored, as `nohup` does.
    let watched = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
    let Ok(mut signals) = Signals::new(watched) else { return };
    let _ = std::thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            if !STOPPABLE.load(Ordering::Relaxed) || ASKED.swap(true, Ordering::Relaxed) {
                end(signal);
            }
        }
    });
}

#[cfg(not(unix))]
pub fn watch() {}

/// Removes what stands aside and ends the process.
#[cfg(unix)]
fn end(signal: i32) {
    let _whole = undisturbed();
    // Nothing new is made while this is held.
    let aside = ASIDE.lock().unwrap_or_else(PoisonError::into_inner);
    for path in aside.iter() {
        let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Whether the process was started with this signal ignored, where the system tells it.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
