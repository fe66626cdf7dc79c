//! Jobs → their results, worked on by all cores.
//!
//! Results are in the order of their jobs, whatever the number of cores, and a job is taken up only when a core is free for
//! it, so that no more jobs than cores are at work at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

/// As much as a main thread usually has, in bytes: what compiles there compiles here.
const STACK: usize = 8 << 20;

/// Who is told how far work is, a progress bar for instance. `()` ignores it.
pub trait Progress: Sync {
    /// So many jobs begin; `what` is what they are, in the plural.
    fn begin(&self, _jobs: usize, _what: &'static str) {}
    /// A job is done; called on the thread that did it.
    fn step(&self) {}
    /// All of them are, or no more are to be.
    fn end(&self) {}
    /// Whether no further job is to begin, where work can stop before its end: [`map_until`].
    fn stops(&self) -> bool {
        false
    }
}

impl Progress for () {}

/// Works on every job, on as many threads as there are cores. `what` is what the jobs are, for the progress.
///
/// ```
/// use tilewright::parallel;
///
/// assert_eq!(parallel::map(&[1, 2, 3], "numbers", &(), |n| n * n), [1, 4, 9]);
/// ```
pub fn map<J: Sync, R: Send>(
    jobs: &[J],
    what: &'static str,
    progress: &dyn Progress,
    work: impl Fn(&J) -> R + Sync,
) -> Vec<R> {
    shown(jobs, what, progress, work, &|| false).into_iter().flatten().collect()
}

/// As [`map`], until the progress says that it stops. There is no result for jobs that were not begun.
pub fn map_until<J: Sync, R: Send>(
    jobs: &[J],
    what: &'static str,
    progress: &dyn Progress,
    work: impl Fn(&J) -> R + Sync,
) -> Vec<Option<R>> {
    shown(jobs, what, progress, work, &|| progress.stops())
}

/// The threads that work at a time.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn shown<J: Sync, R: Send>(
    jobs: &[J],
    what: &'static str,
    progress: &dyn Progress,
    work: impl Fn(&J) -> R + Sync,
    stops: &(dyn Fn() -> bool + Sync),
) -> Vec<Option<R>> {
    progress.begin(jobs.len(), what);
    let work = |job: &J| {
        let result = work(job);
        progress.step();
        result
    };
    let results = map_on(cores(), jobs, work, stops);
    progress.end();
    results
}

/// Works on the jobs, on so many threads, the caller's among them, until it stops.
fn map_on<J: Sync, R: Send>(
    threads: usize,
    jobs: &[J],
    work: impl Fn(&J) -> R + Sync,
    stops: &(dyn Fn() -> bool + Sync),
) -> Vec<Option<R>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(jobs.len())));
    let take_up = || {
        while !stops()
            && let Some((at, job)) = job(jobs, &next)
        {
            let result = work(job);
            done.lock().expect("nobody fails while results are noted down").push((at, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            // Where the system gives no more threads, those that are there do the work.
            let _ = Builder::new().stack_size(STACK).spawn_scoped(scope, take_up);
        }
        take_up();
    });
    let mut results: Vec<Option<R>> = jobs.iter().map(|_| None).collect();
    for (at, result) in done.into_inner().expect("nobody fails while results are noted down") {
        results[at] = Some(result);
    }
    results
}

/// The next job that nobody has taken up.
fn job<'a, J>(jobs: &'a [J], next: &AtomicUsize) -> Option<(usize, &'a J)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, jobs.get(at)?))
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
            let found = map_on(threads, &jobs, work, &|| false).into_iter().collect::<Option<Vec<_>>>();
            assert_eq!(found.as_ref(), Some(&expected), "{threads} threads");
        }
        assert!(map_on(4, &[], work, &|| false).is_empty());
    }

    #[test]
    fn every_job_is_done_once() {
        let counts: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
        map_on(5, &counts, |count| count.fetch_add(1, Ordering::Relaxed), &|| false);
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn jobs_that_were_begun_before_a_stop_have_results() {
        struct After(AtomicUsize);
        impl Progress for After {
            fn step(&self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            fn stops(&self) -> bool {
                self.0.load(Ordering::Relaxed) >= 3
            }
        }
        let jobs: Vec<usize> = (0..10_000).collect();
        let found = map_until(&jobs, "numbers", &After(AtomicUsize::new(0)), |n| {
            thread::yield_now();
            *n
        });
        let done: Vec<usize> = found.iter().flatten().copied().collect();
        assert!((3..10_000).contains(&done.len()), "{}", done.len());
        assert!(done.iter().all(|n| found[*n] == Some(*n)));
    }
}
