//! What a worker takes from a queue under its lease, and what it says became of it.

use std::{num::NonZeroUsize, time::Duration};

use super::DeadLetter;
use crate::task::{QueueName, TaskId, Timestamp, WorkerId};

/// One incarnation's stake in one queue.
///
/// # Examples
/// See [`TaskBackend`](crate::backend::TaskBackend).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The queue.
    pub queue: QueueName,
    /// The incarnation.
    pub worker: WorkerId,
}

/// A batch of claimed tasks: numbered by the incarnation that claims it, each higher than the one before.
///
/// # Examples
/// See [`TaskBackend`](crate::backend::TaskBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// A wish to claim tasks.
///
/// # Examples
/// See [`TaskBackend`](crate::backend::TaskBackend).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The ID that the batch is to have.
    pub batch: BatchId,
    /// The most tasks it may hold; more than [`MAX_BATCH`](super::MAX_BATCH) is taken as that.
    pub max: NonZeroUsize,
}

/// What a claim gave.
///
/// # Examples
/// See [`TaskBackend`](crate::backend::TaskBackend).
#[derive(Debug, Default)]
pub struct ClaimedBatch {
    /// The tasks, in the queue's order.
    pub tasks: Vec<Claimed>,
    /// The backend's time.
    pub at: Timestamp,
    /// Whether tasks of the queue are marked as cancelled, be it these or others: if not, nobody needs to ask. Without
    /// tasks it says nothing.
    pub any_cancelled: bool,
}

/// A task that belongs to this worker. It cannot be copied, and settling it takes it away: settling twice does not
/// compile.
///
/// ```compile_fail,E0382
/// # fn twice(task: redis_ext::backend::Claimed) {
/// let first = task.done();
/// let second = task.release();
/// # }
/// ```
#[derive(Debug)]
pub struct Claimed {
    entry: Vec<u8>,
    receipt: Receipt,
}

/// Where a claimed task lies in the store.
///
/// # Examples
/// See [`TaskBackend`](crate::backend::TaskBackend).
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The batch that it was claimed in.
    pub batch: BatchId,
    /// Its place within the batch, from 0.
    pub index: usize,
}

impl Claimed {
    /// A task just claimed; for backends.
    #[must_use]
    pub fn new(entry: Vec<u8>, batch: BatchId, index: usize) -> Self {
        Self { entry, receipt: Receipt { batch, index } }
    }

    /// What the queue held.
    #[must_use]
    pub fn entry(&self) -> &[u8] {
        &self.entry
    }

    /// The task is done and forgotten.
    #[must_use]
    pub fn done(self) -> Settlement {
        Settlement { receipt: self.receipt, disposition: Disposition::Done, unlock: None }
    }

    /// The task was cancelled: it is forgotten like one that is done, and the mark of its cancellation too.
    #[must_use]
    pub fn cancelled(self, id: TaskId) -> Settlement {
        Settlement { receipt: self.receipt, disposition: Disposition::Cancelled { id }, unlock: None }
    }

    /// The task is to be tried again after `delay` as `entry`, which holds its history so far.
    #[must_use]
    pub fn retry(self, id: TaskId, entry: Vec<u8>, delay: Duration) -> Settlement {
        Settlement { receipt: self.receipt, disposition: Disposition::Retry { id, entry, delay }, unlock: None }
    }

    /// The task is given up and kept as a dead letter.
    #[must_use]
    pub fn dead(self, letter: DeadLetter) -> Settlement {
        Settlement { receipt: self.receipt, disposition: Disposition::Dead(letter), unlock: None }
    }

    /// The task was not started, or its run was aborted by the worker: it goes back to the head of the queue as it is.
    #[must_use]
    pub fn release(self) -> Settlement {
        Settlement { receipt: self.receipt, disposition: Disposition::Release { entry: self.entry }, unlock: None }
    }
}

/// What became of a claimed task.
///
/// # Examples
/// See [`TaskBackend`](crate::backend::TaskBackend).
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settlement {
    /// Where the task lies.
    pub receipt: Receipt,
    /// Where it goes.
    pub disposition: Disposition,
    /// The unique lock to release, if the task still holds it: its digest, and the task's ID.
    pub unlock: Option<(String, TaskId)>,
}

impl Settlement {
    /// Releases a [`UniqueLock`](super::UniqueLock) in the same step, if `id` holds it.
    #[must_use]
    pub fn unlock(mut self, digest: impl Into<String>, id: TaskId) -> Self {
        self.unlock = Some((digest.into(), id));
        self
    }
}

/// Where a claimed task goes.
///
/// # Examples
/// See [`TaskBackend`](crate::backend::TaskBackend).
#[derive(Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Nowhere: it is done.
    Done,
    /// Nowhere: it was cancelled.
    Cancelled {
        /// The task's ID.
        id: TaskId,
    },
    /// To the scheduled tasks.
    Retry {
        /// The task's ID.
        id: TaskId,
        /// What is to be scheduled.
        entry: Vec<u8>,
        /// How long until it is due.
        delay: Duration,
    },
    /// To the dead letters.
    Dead(DeadLetter),
    /// To the head of the queue.
    Release {
        /// What the queue held.
        entry: Vec<u8>,
    },
}
