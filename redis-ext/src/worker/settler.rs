//! The outcomes that the backend does not know yet: collected, so that one call settles many.
//!
//! A batch of which everything is settled at once costs the backend next to nothing; where neighbours still run, each
//! outcome has to be marked. So outcomes wait for their neighbours, but not for long.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::backend::{BatchId, MAX_BATCH, Settlement};

/// An outcome waits no longer than this for others to be settled with. A crash reruns what finished within that time.
pub(crate) const SETTLE_WITHIN: Duration = Duration::from_millis(20);

/// Collects outcomes until they are worth a call, and keeps those whose call failed.
#[derive(Debug, Default)]
pub(crate) struct Settler {
    waiting: Vec<Settlement>,
    /// None of them waits for longer than since then.
    oldest: Option<Instant>,
    batches: BTreeMap<BatchId, Progress>,
}

/// How far a claimed batch has come.
#[derive(Debug, Default)]
struct Progress {
    unfinished: usize,
    waiting: usize,
}

impl Settler {
    /// Notes that a batch of so many tasks was claimed, each of which will have an outcome.
    pub(crate) fn claimed(&mut self, batch: BatchId, tasks: usize) {
        self.batches.entry(batch).or_default().unfinished += tasks;
    }

    pub(crate) fn push(&mut self, settlement: Settlement) {
        self.oldest.get_or_insert_with(Instant::now);
        let progress = self.batches.entry(settlement.receipt.batch).or_default();
        progress.unfinished = progress.unfinished.saturating_sub(1);
        progress.waiting += 1;
        self.waiting.push(settlement);
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the outcomes should be settled now. `quiet`: nothing is running that could add to them.
    pub(crate) fn is_due(&self, quiet: bool) -> bool {
        !self.is_empty() && (self.cannot_wait(quiet) || self.whole_batches().1 >= MAX_BATCH / 2)
    }

    /// When they are due at the latest.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + SETTLE_WITHIN)
    }

    /// The outcomes for one call, the oldest first: of whole batches, unless others cannot wait.
    pub(crate) fn take(&mut self, quiet: bool) -> Vec<Settlement> {
        let taken: Vec<_> = if self.cannot_wait(quiet) {
            self.waiting.drain(..self.waiting.len().min(MAX_BATCH)).collect()
        } else {
            let (whole, outcomes) = self.whole_batches();
            if outcomes == self.waiting.len() {
                std::mem::take(&mut self.waiting)
            } else {
                self.waiting.extract_if(.., |outcome| whole.contains(&outcome.receipt.batch)).collect()
            }
        };
        for outcome in &taken {
            if let Some(progress) = self.batches.get_mut(&outcome.receipt.batch) {
                progress.waiting -= 1;
            }
        }
        self.batches.retain(|_, progress| progress.unfinished + progress.waiting > 0);
        if self.waiting.is_empty() {
            self.oldest = None;
        }
        taken
    }

    /// Takes back the outcomes of a call that failed.
    pub(crate) fn put_back(&mut self, mut failed: Vec<Settlement>) {
        if !failed.is_empty() {
            self.oldest = Some(Instant::now());
            for outcome in &failed {
                self.batches.entry(outcome.receipt.batch).or_default().waiting += 1;
            }
            failed.append(&mut self.waiting);
            self.waiting = failed;
        }
    }

    fn cannot_wait(&self, quiet: bool) -> bool {
        let overdue = self.oldest.is_some_and(|oldest| oldest.elapsed() >= SETTLE_WITHIN);
        quiet || overdue || self.waiting.len() >= MAX_BATCH
    }

    /// The earliest batches all of whose outcomes are waiting and fit into one call, and how many outcomes that are.
    fn whole_batches(&self) -> (Vec<BatchId>, usize) {
        let (mut whole, mut outcomes) = (Vec::new(), 0);
        for (batch, progress) in &self.batches {
            if progress.unfinished > 0 || progress.waiting == 0 {
                continue;
            }
            if outcomes + progress.waiting > MAX_BATCH {
                break;
            }
            outcomes += progress.waiting;
            whole.push(*batch);
        }
        (whole, outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Claimed;

    fn outcome(batch: u64, index: usize) -> Settlement {
        Claimed::new(Vec::new(), BatchId(batch), index).done()
    }

    fn settler_after(batches: &[(u64, usize)], finished: &[(u64, usize)]) -> Settler {
        let mut settler = Settler::default();
        batches.iter().for_each(|&(batch, tasks)| settler.claimed(BatchId(batch), tasks));
        for &(batch, tasks) in finished {
            (0..tasks).for_each(|index| settler.push(outcome(batch, index)));
        }
        settler
    }

    fn batches_of(taken: &[Settlement]) -> Vec<u64> {
        let mut batches: Vec<_> = taken.iter().map(|outcome| outcome.receipt.batch.0).collect();
        batches.dedup();
        batches
    }

    #[tokio::test(start_paused = true)]
    async fn the_outcomes_of_a_batch_wait_for_each_other() {
        let mut settler = settler_after(&[(1, 3), (2, 3)], &[(1, 3), (2, 2)]);
        assert_eq!(batches_of(&settler.take(false)), [1]);
        assert!(settler.take(false).is_empty());
        settler.push(outcome(2, 2));
        assert_eq!(settler.take(false).len(), 3);
        assert!(settler.is_empty() && settler.batches.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn no_outcome_waits_for_longer_than_its_time() {
        let mut settler = settler_after(&[(1, 3)], &[(1, 2)]);
        assert!(!settler.is_due(false));
        tokio::time::advance(SETTLE_WITHIN).await;
        assert!(settler.is_due(false));
        assert_eq!(settler.take(false).len(), 2);
        settler.push(outcome(1, 2));
        assert_eq!(settler.take(false).len(), 1, "the last one has nobody to wait for");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_when_nothing_runs() {
        let mut settler = settler_after(&[(1, 3)], &[(1, 2)]);
        assert!(settler.is_due(true));
        assert_eq!(settler.take(true).len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_what_it_can_hold_in_whole_batches() {
        let mut settler = settler_after(&[(1, 300), (2, 200), (3, 100)], &[(1, 300), (2, 200)]);
        assert!(settler.is_due(false));
        assert_eq!(settler.take(false).len(), 500);
        (0..100).for_each(|index| settler.push(outcome(3, index)));
        assert!(!settler.is_due(false), "few are not worth a call of their own");
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_settled_comes_first_the_next_time() {
        let mut settler = settler_after(&[(1, 2), (2, 1)], &[(1, 2)]);
        let failed = settler.take(false);
        settler.push(outcome(2, 0));
        settler.put_back(failed);
        assert_eq!(batches_of(&settler.take(false)), [1, 2]);
        assert!(settler.is_empty() && settler.batches.is_empty());
    }
}
