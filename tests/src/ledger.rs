//! Who ran which job when: the evidence that nothing was lost and nothing was repeated without need.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The runs of numbered jobs by numbered workers. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    runs: Vec<Run>,
    ended: usize,
}

/// A run that has begun, to be given back when it ends well.
#[derive(Debug)]
pub struct Begun(usize);

/// One run of one job.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Which job.
    pub job: usize,
    /// Who ran it.
    pub worker: usize,
    /// When it began.
    pub begun: Instant,
    /// When it ended; never, if its worker died.
    pub ended: Option<Instant>,
}

impl Ledger {
    /// Notes that a run begins.
    #[must_use]
    pub fn begin(&self, worker: usize, job: usize) -> Begun {
        let mut book = self.book();
        book.runs.push(Run { job, worker, begun: Instant::now(), ended: None });
        Begun(book.runs.len() - 1)
    }

    /// Notes that a run has ended well.
    pub fn end(&self, Begun(place): Begun) {
        let mut book = self.book();
        book.runs[place].ended = Some(Instant::now());
        book.ended += 1;
    }

    /// How many runs have ended well.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.book().ended
    }

    /// How many runs `worker` has ended well.
    #[must_use]
    pub fn ended_by(&self, worker: usize) -> usize {
        self.book().runs.iter().filter(|run| run.worker == worker && run.ended.is_some()).count()
    }

    /// The jobs below `jobs` of which no run has ended well.
    #[must_use]
    pub fn lost(&self, jobs: usize) -> Vec<usize> {
        let mut done = vec![false; jobs];
        for run in self.book().runs.iter().filter(|run| run.ended.is_some()) {
            done[run.job] = true;
        }
        (0..jobs).filter(|&job| !done[job]).collect()
    }

    /// The runs of each job that was run more than once, in order.
    #[must_use]
    pub fn repeated(&self) -> Vec<Vec<Run>> {
        let mut by_job = BTreeMap::<usize, Vec<Run>>::new();
        for run in &self.book().runs {
            by_job.entry(run.job).or_default().push(*run);
        }
        by_job.into_values().filter(|runs| runs.len() > 1).collect()
    }

    /// How many runs there were beyond the first of each job.
    #[must_use]
    pub fn duplicates(&self) -> usize {
        self.repeated().iter().map(|runs| runs.len() - 1).sum()
    }

    /// How long it took from the death of `worker` until each job that it was running was begun anew by another;
    /// nothing as long as some were not.
    #[must_use]
    pub fn recovery(&self, worker: usize, death: Instant) -> Option<Duration> {
        let book = self.book();
        let mut again = HashMap::<usize, Option<Instant>>::new();
        for run in book.runs.iter().filter(|run| run.worker == worker && run.ended.is_none()) {
            again.insert(run.job, None);
        }
        for run in book.runs.iter().filter(|run| run.worker != worker && run.begun > death) {
            if let Some(first @ None) = again.get_mut(&run.job) {
                *first = Some(run.begun);
            }
        }
        let times: Option<Vec<Instant>> = again.into_values().collect();
        times.map(|times| times.into_iter().max().map_or(Duration::ZERO, |last| last.duration_since(death)))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_and_what_was_repeated_is_told_apart() {
        let ledger = Ledger::default();
        ledger.end(ledger.begin(1, 0));
        let _never_ends = ledger.begin(1, 1);
        let death = Instant::now();
        assert_eq!((ledger.lost(3), ledger.recovery(1, death)), (vec![1, 2], None));
        ledger.end(ledger.begin(2, 1));
        assert!(ledger.recovery(1, death).is_some());
        assert_eq!((ledger.lost(2), ledger.ended(), ledger.duplicates()), (vec![], 2, 1));
        assert_eq!(ledger.repeated()[0].iter().map(|run| run.worker).collect::<Vec<_>>(), [1, 2]);
    }
}
