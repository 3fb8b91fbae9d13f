//! The outcomes that the backend does not know yet: collected, so that one call settles many.

use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{MAX_BATCH, Settlement};

/// An outcome waits no longer than this for others to be settled with. A crash reruns what finished within that time.
pub(crate) const SETTLE_WITHIN: Duration = Duration::from_millis(20);

/// Collects outcomes until they are worth a call, and keeps those whose call failed.
#[derive(Debug, Default)]
pub(crate) struct Settler {
    waiting: Vec<Settlement>,
    oldest: Option<Instant>,
}

impl Settler {
    pub(crate) fn push(&mut self, settlement: Settlement) {
        self.oldest.get_or_insert_with(Instant::now);
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
        match self.oldest {
            None => false,
            Some(oldest) => quiet || self.waiting.len() >= MAX_BATCH / 2 || oldest.elapsed() >= SETTLE_WITHIN,
        }
    }

    /// When they are due at the latest.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + SETTLE_WITHIN)
    }

    /// The outcomes for one call, the oldest first.
    pub(crate) fn take(&mut self) -> Vec<Settlement> {
        let later = self.waiting.split_off(self.waiting.len().min(MAX_BATCH));
        if later.is_empty() {
            self.oldest = None;
        }
        std::mem::replace(&mut self.waiting, later)
    }

    /// Takes back the outcomes of a call that failed.
    pub(crate) fn put_back(&mut self, mut failed: Vec<Settlement>) {
        if !failed.is_empty() {
            self.oldest = Some(Instant::now());
            failed.append(&mut self.waiting);
            self.waiting = failed;
        }
    }
}
