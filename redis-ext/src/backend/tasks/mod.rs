//! The task role: the life of a task, one operation a transition.
//!
//! ```text
//! enqueue ─→ ready ─ claim ─→ claimed ─ settle ─→ done
//!              ↑                 │ │ └──────────→ dead ─ replay ─→ ready
//!              │                 │ └─ settle ──→ scheduled (a retry)
//! schedule ─→ scheduled ─ promote ┘ └─ recover, leave ─→ ready
//! ```
//! `cancel` moves nothing: it marks tasks, wherever they are, and the worker that claims or runs one settles it as
//! cancelled.

mod adding;
mod claiming;
mod dead_letters;
mod recovery;

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use self::{
    adding::{Due, Enqueued, NewTask, UniqueLock},
    claiming::{BatchId, Claim, Claimed, ClaimedBatch, Disposition, Lease, Receipt, Settlement},
    dead_letters::{DeadLetter, DeadLetters, DeathReason, Page, Retention, Selection},
    recovery::{Crashed, Recovered, Recovery},
};
use super::BackendError;
use crate::task::{QueueName, TaskId};

/// The most items that one operation takes or gives.
pub const MAX_BATCH: usize = 512;

/// The most bytes of one entry unless the backend is told otherwise.
pub const DEFAULT_MAX_ENTRY_BYTES: usize = 1024 * 1024;

/// For how long a task that was cancelled is known to be, at least: 7 days from the cancellation, or from the last due
/// time among the tasks that were scheduled at that moment.
pub const CANCELLATION_RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a backend must do for tasks.
///
/// # Contract
/// - A ready queue is first in, first out. A claimed task belongs to one worker incarnation until it is settled or
///   the incarnation's lease has expired and someone recovered it.
/// - Entries are opaque bytes, except that [`recover`](Self::recover) rewrites them through
///   [`Envelope`](crate::task::Envelope).
/// - Slices hold at most [`MAX_BATCH`] items, but for the IDs of `cancel`, `replay` and `delete_dead`, which may be any
///   number.
/// - What happens to one task happens in one step, and so does a claim with all of its tasks. A call that spans several
///   batches, or more than [`MAX_BATCH`] tasks, may be applied in part when it fails. After an error that
///   [may have been applied](BackendError::is_maybe_applied), repeating the same call does no harm, except for
///   `enqueue` and `schedule`: what they repeat may be run twice. A [`UniqueLock`] prevents that as long as the task is
///   pending.
///
/// # Errors
/// [`BackendError`], of any kind that fits. Operations that take a [`Lease`] fail with
/// [`LeaseLost`](crate::BackendErrorKind::LeaseLost) when the incarnation has not joined or was recovered.
///
/// # Cancel safety
/// Dropping a call's future leaves it open whether the call was applied.
///
/// # Examples
/// What a worker does with one task, which fails at the first attempt:
/// ```
/// use std::{num::NonZeroUsize, time::Duration};
/// use redis_ext::{QueueName, backend::{BatchId, Claim, Lease, NewTask, TaskBackend, WorkerId}, task::Envelope};
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (backend, queue) = (MemoryBackend::new(), QueueName::from_static("emails"));
/// let task = NewTask::new(*br#"{"to": "a@example.org"}"#);
/// assert!(!backend.enqueue(&queue, &[task]).await?[0].is_duplicate());
///
/// let lease = Lease { queue: queue.clone(), worker: WorkerId::random() };
/// backend.join(&lease, Duration::from_secs(5)).await?;
/// let next = |batch| Claim { batch: BatchId(batch), max: NonZeroUsize::MIN };
/// let task = backend.claim(&lease, next(1)).await?.tasks.remove(0);
///
/// let tried = Envelope::parse(task.entry())?.next_attempt();
/// let (id, entry) = (tried.id, tried.to_entry());
/// let retry = task.retry(id, entry, Duration::ZERO);
/// assert!(backend.settle(&lease, &[retry], Some(next(2))).await?.tasks.is_empty());
///
/// assert_eq!(backend.promote(&queue, 100).await?.moved, 1);
/// let task = backend.claim(&lease, next(2)).await?.tasks.remove(0);
/// assert_eq!(Envelope::parse(task.entry())?.attempt, 1);
/// backend.settle(&lease, &[task.done()], None).await?;
/// assert_eq!(backend.leave(&lease).await?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
// Not in tests: mockall would copy it to a place where it makes no sense.
#[cfg_attr(
    not(test),
    diagnostic::on_unimplemented(
        message = "`{Self}` is not a backend",
        label = "not a backend that holds tasks",
        note = "a backend is what `RedisBackend::connect(url).await?` or `MemoryBackend::new()` gives, or an `Arc<dyn Backend>`",
        note = "it is passed as `&backend` to a call such as `enqueue`, and as `backend.clone()` to a builder or a handle that keeps it"
    )
)]
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait TaskBackend: Send + Sync + 'static {
    /// Adds tasks to the tail of the queue, in their order. A task whose [`UniqueLock`] is held by another is left
    /// out, and the answer names that other one. Fails with [`TooLarge`](crate::BackendErrorKind::TooLarge), and adds
    /// nothing, when an entry is over the backend's limit.
    async fn enqueue(&self, queue: &QueueName, tasks: &[NewTask]) -> Result<Vec<Enqueued>, BackendError>;

    /// The same for tasks that become ready only when `due` has come.
    async fn schedule(&self, queue: &QueueName, tasks: &[NewTask], due: Due) -> Result<Vec<Enqueued>, BackendError>;

    /// Moves up to `max` scheduled tasks that are due to the tail of the queue, the earliest first.
    async fn promote(&self, queue: &QueueName, max: usize) -> Result<Promoted, BackendError>;

    /// Makes an incarnation known to the queue, with a lease for `ttl` from now.
    async fn join(&self, lease: &Lease, ttl: Duration) -> Result<(), BackendError>;

    /// Extends the lease to `ttl` from now. An expired lease that nobody has begun to recover comes back to life.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), BackendError>;

    /// Ends the lease. What the incarnation still has claimed goes back to the head of the queue, unchanged and in
    /// order; the answer is how many tasks that were. Leaving twice is fine.
    async fn leave(&self, lease: &Lease) -> Result<usize, BackendError>;

    /// Claims up to `claim.max` tasks from the head of the queue. A repeated call with the same batch ID gives the
    /// tasks of the first. A paused or empty queue gives none, and so does a call that comes late: with a lower ID than
    /// that of a claim that gave tasks, or with the same when these are settled.
    async fn claim(&self, lease: &Lease, claim: Claim) -> Result<ClaimedBatch, BackendError>;

    /// The same, but when the queue is empty or paused, waits for a task until `patience` is over or `stop` is
    /// cancelled.
    ///
    /// # Cancel safety
    /// Cancel `stop` rather than drop the future: a dropped wait may leave tasks claimed until the incarnation
    /// leaves, repeats the claim, or loses its lease.
    async fn claim_waiting(
        &self,
        lease: &Lease,
        claim: Claim,
        patience: Duration,
        stop: &CancellationToken,
    ) -> Result<ClaimedBatch, BackendError>;

    /// Applies what became of claimed tasks and, in the same step, claims the next ones. Settling again what is
    /// settled changes nothing, so a call whose reply was lost is simply repeated. What is released goes to the head
    /// of the queue in the order in which it was claimed, whatever the order of `settlements`.
    async fn settle(
        &self,
        lease: &Lease,
        settlements: &[Settlement],
        next: Option<Claim>,
    ) -> Result<ClaimedBatch, BackendError>;

    /// Cancels tasks, wherever they are: ready, scheduled or running. They are forgotten as if they were done, with
    /// neither a retry nor a dead letter.
    ///
    /// # Contract
    /// The call marks the IDs, for at least [`CANCELLATION_RETENTION`], and moves nothing: workers ask for the marks, and settle
    /// marked tasks as [`Cancelled`](Disposition::Cancelled); see [`Queue::cancel`](crate::Queue::cancel). Until a marked task
    /// is gone it is counted, and it holds its [`UniqueLock`].
    ///
    /// Cancelling twice, or what is unknown, done or dead, does no harm; a [replay](Self::replay) takes the
    /// cancellation of a dead letter back. More than [`MAX_BATCH`] IDs are marked in several steps.
    async fn cancel(&self, queue: &QueueName, ids: &[TaskId]) -> Result<(), BackendError>;

    /// Which of these tasks are marked as cancelled, in the order of `ids`: what a worker asks for the tasks it has
    /// claimed when [`ClaimedBatch::any_cancelled`] says so, and for those that it runs now and then.
    async fn cancelled(&self, queue: &QueueName, ids: &[TaskId]) -> Result<Vec<TaskId>, BackendError>;

    /// Takes the tasks of expired incarnations back to the head of the queue, each counted as an attempt that
    /// crashed; those that crashed often enough go to the dead letters. One call does a bounded amount of work.
    ///
    /// Calls for a queue come more often than once in `patience`. Where one comes later, the store stood still, its
    /// clock jumped, or nobody was there: then for `patience` from this call on no lease counts as expired, as the
    /// renewals of the living may be on their way. [`Duration::ZERO`] recovers at once.
    async fn recover(&self, queue: &QueueName, rules: &Recovery, patience: Duration)
    -> Result<Recovered, BackendError>;

    /// A page of the dead letters, the latest first.
    async fn dead_letters(&self, queue: &QueueName, page: Page) -> Result<DeadLetters, BackendError>;

    /// Moves dead letters back to the tail of the queue, and takes their cancellations back; the answer is how many.
    async fn replay(&self, queue: &QueueName, which: &Selection) -> Result<usize, BackendError>;

    /// Deletes dead letters for good; the answer is how many.
    async fn delete_dead(&self, queue: &QueueName, which: &Selection) -> Result<usize, BackendError>;

    /// Deletes the oldest dead letters over the bounds, up to [`MAX_BATCH`] a call; the answer is how many.
    async fn trim_dead(&self, queue: &QueueName, retention: &Retention) -> Result<usize, BackendError>;

    /// Counts what the queue holds, all at one moment: a task on its way from one place to another is counted once.
    async fn inspect(&self, queue: &QueueName) -> Result<QueueStats, BackendError>;

    /// Stops all claims from the queue, by every worker, until [`resume`](Self::resume). Claimed tasks go on.
    async fn pause(&self, queue: &QueueName) -> Result<(), BackendError>;

    /// Ends a pause.
    async fn resume(&self, queue: &QueueName) -> Result<(), BackendError>;
}

/// What [`TaskBackend::promote`] did.
///
/// # Examples
/// See [`TaskBackend`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promoted {
    /// How many tasks became ready.
    pub moved: usize,
    /// How long until the next scheduled task is due; zero when some were left over.
    pub next_due: Option<Duration>,
}

/// What a queue holds.
///
/// # Examples
/// See [`Queue::stats`](crate::Queue::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStats {
    /// Tasks that wait for a worker.
    pub ready: usize,
    /// Tasks that belong to a worker and are not settled.
    pub claimed: usize,
    /// Tasks that wait for their time.
    pub scheduled: usize,
    /// Dead letters.
    pub dead: usize,
    /// Incarnations that hold a lease or left one behind.
    pub workers: usize,
    /// Whether the queue is paused.
    pub paused: bool,
}
