//! When to claim, how much, and under which batch ID.

use std::num::NonZeroUsize;

use super::pace::Pace;
use crate::backend::{BatchId, Claim, MAX_BATCH};

/// Decides about claims so that never more is claimed than there is room for: free handlers and a bounded prefetch.
#[derive(Debug)]
pub(crate) struct Fetcher {
    concurrency: usize,
    prefetch: usize,
    pace: Pace,
    batches: u64,
    outstanding: Option<Outstanding>,
    /// The last claim was filled: there is probably more, and waiting for a push would be wrong.
    more_expected: bool,
}

/// The claim that is not answered yet. There is never more than one.
#[derive(Debug)]
enum Outstanding {
    /// Its call is under way.
    Sent,
    /// Its call failed. It may have been applied, so it is repeated, under its own ID, before any other.
    InDoubt(Claim),
}

impl Fetcher {
    pub(crate) fn new(concurrency: usize, prefetch: usize) -> Self {
        Self { concurrency, prefetch, pace: Pace::new(), batches: 0, outstanding: None, more_expected: true }
    }

    pub(crate) fn finished(&mut self, tasks: usize) {
        self.pace.finished(tasks);
    }

    /// A claim to be made now, if one is worth a call: no task is left to begin, or half of what may be held is free.
    /// `running` tasks have a handler, `queued` ones have none yet, `unsettled` ones are a burden all the same; no more
    /// than `places` are claimed.
    pub(crate) fn claim(&mut self, running: usize, queued: usize, unsettled: usize, places: usize) -> Option<Claim> {
        match self.outstanding {
            Some(Outstanding::Sent) => return None,
            Some(Outstanding::InDoubt(claim)) => {
                self.outstanding = Some(Outstanding::Sent);
                return Some(claim);
            }
            None => {}
        }
        let capacity = self.capacity();
        let room = NonZeroUsize::new(capacity.saturating_sub(running + queued + unsettled).min(places))?;
        let worthwhile = queued == 0 || room.get() * 2 >= capacity;
        (self.more_expected && worthwhile).then(|| self.new_claim(room))
    }

    /// A claim that waits for a push: the queue was empty when it was last looked at, and a handler is free.
    pub(crate) fn waiting_claim(
        &mut self,
        running: usize,
        queued: usize,
        unsettled: usize,
        places: usize,
    ) -> Option<Claim> {
        let held = running + queued + unsettled;
        if self.more_expected || self.outstanding.is_some() || held >= self.concurrency {
            return None;
        }
        NonZeroUsize::new((self.capacity() - held).min(places)).map(|room| self.new_claim(room))
    }

    fn capacity(&self) -> usize {
        self.concurrency + self.pace.ahead(self.prefetch)
    }

    fn new_claim(&mut self, max: NonZeroUsize) -> Claim {
        self.batches += 1;
        self.outstanding = Some(Outstanding::Sent);
        Claim { batch: BatchId(self.batches), max: max.min(const { NonZeroUsize::new(MAX_BATCH).unwrap() }) }
    }

    /// Notes how many tasks a claim gave.
    pub(crate) fn claimed(&mut self, claim: Claim, tasks: usize) {
        self.outstanding = None;
        self.more_expected = tasks >= claim.max.get();
    }

    /// Notes that a claim's call failed.
    pub(crate) fn failed(&mut self, claim: Claim) {
        self.outstanding = Some(Outstanding::InDoubt(claim));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = usize::MAX;

    fn max_of(claim: Option<Claim>) -> Option<usize> {
        claim.map(|claim| claim.max.get())
    }

    #[tokio::test]
    async fn no_more_is_claimed_than_there_is_room_for() {
        let mut fetcher = Fetcher::new(16, 512);
        for (running, queued, unsettled, places, max) in [
            (0, 0, 0, MANY, Some(16)),
            (10, 0, 0, MANY, Some(6)),
            (10, 6, 0, MANY, None),
            (0, 0, 16, MANY, None),
            (0, 0, 0, 3, Some(3)),
            (0, 0, 0, 0, None),
        ] {
            let claim = fetcher.claim(running, queued, unsettled, places);
            assert_eq!(max_of(claim), max);
            if let Some(claim) = claim {
                fetcher.claimed(claim, claim.max.get());
            }
        }
    }

    #[tokio::test]
    async fn a_claim_waits_for_a_push_only_after_the_queue_was_seen_empty() {
        let mut fetcher = Fetcher::new(4, 0);
        assert_eq!(max_of(fetcher.waiting_claim(0, 0, 0, MANY)), None);
        let claim = fetcher.claim(0, 0, 0, MANY).unwrap();
        fetcher.claimed(claim, 1);
        assert_eq!(max_of(fetcher.claim(1, 0, 0, MANY)), None);
        assert_eq!(max_of(fetcher.waiting_claim(4, 0, 0, MANY)), None);
        assert_eq!(max_of(fetcher.waiting_claim(1, 0, 0, MANY)), Some(3));
    }

    #[tokio::test]
    async fn no_claim_is_made_while_another_is_not_answered() {
        let mut fetcher = Fetcher::new(4, 0);
        let first = fetcher.claim(0, 0, 0, MANY).unwrap();
        assert_eq!(fetcher.claim(0, 0, 0, MANY), None);
        fetcher.claimed(first, 0);
        let waiting = fetcher.waiting_claim(0, 0, 0, MANY).unwrap();
        fetcher.failed(waiting);
        assert_eq!(fetcher.waiting_claim(0, 0, 0, MANY), None);
        assert_eq!(fetcher.claim(0, 0, 0, MANY), Some(waiting));
        assert_eq!(fetcher.waiting_claim(0, 0, 0, MANY), None, "the repeated claim is under way");
    }

    #[tokio::test]
    async fn a_failed_claim_is_repeated_under_its_own_id() {
        let mut fetcher = Fetcher::new(4, 0);
        let claim = fetcher.claim(0, 0, 0, MANY).unwrap();
        fetcher.failed(claim);
        assert_eq!(fetcher.claim(3, 0, 0, MANY), Some(claim));
        fetcher.claimed(claim, 4);
        assert_ne!(fetcher.claim(0, 0, 0, MANY).unwrap().batch, claim.batch);
    }
}
