//! Jobs → their results, worked on by all cores. A bar on standard error shows how far it is, where that is a terminal.
//!
//! Results stand in the order of their jobs, whatever the number of cores, and a job is taken up only when a core is free
//! for it, so that no more jobs than cores are at work at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

use indicatif::{ProgressBar, ProgressStyle};

/// As much as a main thread usually has, in bytes: what compiles there compiles here.
const STACK: usize = 8 << 20;

/// Works on every job. `what` is what the bar counts.
pub fn run<J: Sync, R: Send>(jobs: &[J], what: &'static str, work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    run_on(thread::available_parallelism().map_or(1, usize::from), jobs, what, work)
}

/// As [`run`], on so many threads, this one among them.
fn run_on<J: Sync, R: Send>(threads: usize, jobs: &[J], what: &'static str, work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let (next, done, bar) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(jobs.len())), bar(jobs.len(), what));
    let take_up = || {
        while let Some((at, job)) = job(jobs, &next) {
            let result = work(job);
            done.lock().expect("nobody fails while results are noted down").push((at, result));
            bar.inc(1);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            // Where the system gives no more threads, those that are there do the work.
            let _ = Builder::new().stack_size(STACK).spawn_scoped(scope, take_up);
        }
        take_up();
    });
    bar.finish_and_clear();
    let mut results = done.into_inner().expect("nobody fails while results are noted down");
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The next job that nobody has taken up.
fn job<'a, J>(jobs: &'a [J], next: &AtomicUsize) -> Option<(usize, &'a J)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, jobs.get(at)?))
}

fn bar(length: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} {msg}, {eta} left");
    ProgressBar::new(length as u64).with_style(style.expect("the template is one")).with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_their_jobs() {
        let jobs: Vec<u64> = (0..200).collect();
        let expected: Vec<u64> = jobs.iter().map(|n| n * n).collect();
        // The first jobs take longest, so that others overtake them.
        let work = |n: &u64| {
            thread::yield_now();
            (0..(200 - n) * 100).fold(n * n, |found, k| std::hint::black_box(found + k) - k)
        };
        for threads in [1, 2, 7, 1000] {
            assert_eq!(run_on(threads, &jobs, "squares", work), expected, "{threads} threads");
        }
        assert!(run_on(4, &[], "squares", work).is_empty());
    }

    #[test]
    fn every_job_is_done_once() {
        let counts: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
        run_on(5, &counts, "counts", |count| count.fetch_add(1, Ordering::Relaxed));
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }
}
