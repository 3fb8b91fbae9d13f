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

use std::{fmt, num::NonZeroUsize, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{BackendError, BackendErrorKind, Operation};
use crate::{
    CodecError, RedisTask,
    task::{Envelope, QueueName, TaskId, Timestamp, WorkerId},
};

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
/// - Slices hold at most [`MAX_BATCH`] items.
/// - What happens to one task happens in one step, and so does a claim with all of its tasks. A call that spans several
///   batches, or more than [`MAX_BATCH`] tasks, may be applied in part when it fails. After an error that
///   [may have been applied](BackendError::is_maybe_applied), repeating the same call does no harm, except for
///   `enqueue` and `schedule`, where repeated tasks without a [`UniqueLock`] may stand in the queue twice.
///
/// # Errors
/// [`BackendError`], of any kind that fits. Operations that take a [`Lease`] fail with
/// [`LeaseLost`](BackendErrorKind::LeaseLost) when the incarnation has not joined or was recovered.
///
/// # Cancel safety
/// Dropping a call's future leaves it open whether the call was applied.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait TaskBackend: Send + Sync + 'static {
    /// Adds tasks to the tail of the queue, in their order. A task whose [`UniqueLock`] is held by another is left
    /// out, and the answer names that other one. Fails with [`TooLarge`](BackendErrorKind::TooLarge), and adds
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
    /// The call marks the IDs, for at least [`CANCELLATION_RETENTION`]. A marked task leaves the queue when a worker
    /// claims it, which does not run it then; one that a worker has claimed already ends at the worker's next
    /// [heartbeat](crate::worker::WorkerSupervisorBuilder::heartbeat): a closure's future is dropped, while an actor
    /// and a blocking closure are told through [`Task::cancellation`](crate::Task::cancellation), and their result is
    /// ignored. A task that finishes before that has finished. Until a marked task is gone it is counted, and it holds
    /// its [`UniqueLock`].
    ///
    /// Cancelling twice, or what is unknown, done or dead, does no harm; a [replay](Self::replay) takes the
    /// cancellation of a dead letter back. A bare payload has no ID before its first retry and cannot be cancelled until
    /// then. More than [`MAX_BATCH`] IDs are marked in several steps.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::prelude::*;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(RedisTask)]
    /// struct Report { month: u8 }
    ///
    /// # actix::System::new().block_on(async {
    /// let backend = MemoryBackend::new();
    /// let report = Report { month: 2 }.enqueue(&backend).await?;
    /// backend.cancel(&Report::QUEUE, &[report.id()]).await?;
    ///
    /// WorkerSupervisor::builder(backend.clone())
    ///     .handler_fn(Concurrency::new(1), |_: Task<Report>| async { panic!("it is not run") })
    ///     .start()?
    ///     .run_until_idle()
    ///     .await?;
    /// assert_eq!(backend.inspect(&Report::QUEUE).await?.dead, 0);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    async fn cancel(&self, queue: &QueueName, ids: &[TaskId]) -> Result<(), BackendError>;

    /// Which of these tasks are marked as cancelled, in the order of `ids`: what a worker asks for the tasks it has
    /// claimed when [`ClaimedBatch::any_cancelled`] says so, and for those that it runs now and then.
    async fn cancelled(&self, queue: &QueueName, ids: &[TaskId]) -> Result<Vec<TaskId>, BackendError>;

    /// Takes the tasks of expired incarnations back to the head of the queue, each counted as an attempt that
    /// crashed; those that crashed often enough go to the dead letters. One call does a bounded amount of work.
    ///
    /// Calls for a queue come more often than once in `patience`. Where one comes later, the store stood still, its clock
    /// jumped, or nobody was there: then for `patience` from this call on no lease counts as expired, as the renewals of
    /// the living may be on their way. [`Duration::ZERO`] recovers at once.
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

/// A task about to be enqueued: its entry is what the queue will hold.
///
/// # Examples
/// ```
/// use redis_ext::backend::NewTask;
///
/// let foreign = NewTask::new(*b"{\"to\": \"a@example.org\"}");
/// assert!(foreign.unique.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTask {
    /// The ID, which the entry holds too if it is an envelope.
    pub id: TaskId,
    /// The bytes to be put into the queue.
    pub entry: Vec<u8>,
    /// Makes the task unique while it is pending.
    pub unique: Option<UniqueLock>,
}

impl NewTask {
    /// An entry of any form under a new ID, as other clients of the store push it.
    pub fn new(entry: impl Into<Vec<u8>>) -> Self {
        Self { id: TaskId::random(), entry: entry.into(), unique: None }
    }

    /// An entry that carries `id`.
    #[must_use]
    pub fn with_id(mut self, id: TaskId) -> Self {
        self.id = id;
        self
    }

    /// Only if no other task holds `lock`.
    #[must_use]
    pub fn unique(mut self, lock: UniqueLock) -> Self {
        self.unique = Some(lock);
        self
    }

    /// Checks the entries' sizes, as every backend does before it adds anything.
    ///
    /// # Errors
    /// [`TooLarge`](BackendErrorKind::TooLarge) for the first entry over `max_bytes`.
    pub fn check_sizes(tasks: &[Self], max_bytes: usize, operation: Operation) -> Result<(), BackendError> {
        match tasks.iter().map(|task| task.entry.len()).find(|&bytes| bytes > max_bytes) {
            None => Ok(()),
            Some(bytes) => Err(BackendError::new(BackendErrorKind::TooLarge, operation)
                .with_source(format!("an entry has {bytes} bytes, and the limit is {max_bytes}"))),
        }
    }
}

/// A lock that makes a task unique in its queue while it is pending: released when the task is done or dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueLock {
    /// What the task must not share with another: a digest, which becomes part of a key.
    pub digest: String,
    /// The lock's life if nobody releases it.
    pub ttl: Duration,
}

/// When a scheduled task becomes ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// So long from now, by the backend's clock.
    In(Duration),
    /// At this time of the backend's clock.
    At(Timestamp),
}

/// The answer to enqueueing one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    id: TaskId,
    duplicate: bool,
}

impl Enqueued {
    /// The task was enqueued under this ID.
    pub fn new(id: TaskId) -> Self {
        Self { id, duplicate: false }
    }

    /// The task was not enqueued, as this pending one has the same unique content.
    pub fn duplicate_of(id: TaskId) -> Self {
        Self { id, duplicate: true }
    }

    /// The ID of the task that is now pending.
    #[must_use]
    pub fn id(self) -> TaskId {
        self.id
    }

    /// Whether that is a task enqueued earlier.
    #[must_use]
    pub fn is_duplicate(self) -> bool {
        self.duplicate
    }
}

/// What [`TaskBackend::promote`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promoted {
    /// How many tasks became ready.
    pub moved: usize,
    /// How long until the next scheduled task is due; zero when some were left over.
    pub next_due: Option<Duration>,
}

/// One incarnation's stake in one queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The queue.
    pub queue: QueueName,
    /// The incarnation.
    pub worker: WorkerId,
}

/// A batch of claimed tasks: numbered by the incarnation that claims it, each higher than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// A wish to claim tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The ID that the batch is to have.
    pub batch: BatchId,
    /// The most tasks it may hold; more than [`MAX_BATCH`] is taken as that.
    pub max: NonZeroUsize,
}

/// What a claim gave.
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
    /// Releases a [`UniqueLock`] in the same step, if `id` holds it.
    #[must_use]
    pub fn unlock(mut self, digest: impl Into<String>, id: TaskId) -> Self {
        self.unlock = Some((digest.into(), id));
        self
    }
}

/// Where a claimed task goes.
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

/// The rules of recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// A task whose worker died this many times while it held the task, running or about to run, goes to the dead
    /// letters. Workers run a task on its last chance with nothing beside it in its lane, and one such task at a time in
    /// a process, so that its neighbours are not taken for the culprit.
    pub poison_after: u32,
}

impl Recovery {
    /// [`poison_after`](Self::poison_after) unless told otherwise.
    pub const DEFAULT_POISON_AFTER: u32 = 3;
}

impl Default for Recovery {
    fn default() -> Self {
        Self { poison_after: Self::DEFAULT_POISON_AFTER }
    }
}

/// What [`TaskBackend::recover`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// How many tasks went back to the queue.
    pub requeued: usize,
    /// How many went to the dead letters as poison.
    pub buried: usize,
    /// Whether there is more to recover.
    pub more: bool,
}

/// Why a task is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeathReason {
    /// It failed as often as it may.
    AttemptsExhausted,
    /// Its handler gave it up.
    Fatal,
    /// Its payload is not one of its type.
    Undecodable,
    /// Its envelope cannot be read: it is malformed or of a version unknown to the worker.
    Envelope,
    /// Its workers died too often while running it.
    Poison,
    /// Its deadline passed before it was run.
    DeadlinePassed,
}

impl fmt::Display for DeathReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AttemptsExhausted => "out of attempts",
            Self::Fatal => "given up by its handler",
            Self::Undecodable => "undecodable",
            Self::Envelope => "in an unreadable envelope",
            Self::Poison => "poison to its workers",
            Self::DeadlinePassed => "past its deadline",
        })
    }
}

/// A task that was given up, kept with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The task's ID; one made up if it had none.
    pub id: TaskId,
    /// Why it is dead.
    pub reason: DeathReason,
    /// The last attempt's error and what was behind it, outermost first.
    pub errors: Vec<String>,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it was enqueued, if that is known.
    pub enqueued_at: Option<Timestamp>,
    /// When it was given up, by the backend's clock; the backend fills it in.
    pub died_at: Timestamp,
    /// What a replay puts into the queue: for an entry that could not be read, its original bytes.
    pub entry: Vec<u8>,
}

impl DeadLetter {
    /// A dead letter about to be settled.
    #[must_use]
    pub fn new(id: TaskId, reason: DeathReason, errors: Vec<String>, entry: Vec<u8>) -> Self {
        Self { id, reason, errors, attempts: 0, enqueued_at: None, died_at: Timestamp::default(), entry }
    }

    /// The task within.
    ///
    /// # Errors
    /// [`CodecError`] when it is none of this type, as for a letter that is dead because of that.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{RedisTask, TaskId, backend::{DeadLetter, DeathReason}};
    ///
    /// #[derive(RedisTask)]
    /// struct Charge { cents: u32 }
    ///
    /// let entry = br#"{"cents": 250}"#.to_vec();
    /// let letter = DeadLetter::new(TaskId::random(), DeathReason::Fatal, vec!["no account".into()], entry);
    /// assert_eq!(letter.decode::<Charge>()?.cents, 250);
    /// assert_eq!(letter.to_string(), "given up by its handler after 0 attempts: no account");
    /// # Ok::<(), redis_ext::CodecError>(())
    /// ```
    pub fn decode<T: RedisTask>(&self) -> Result<T, CodecError> {
        T::decode(Envelope::parse(&self.entry).map_err(CodecError::new)?.payload())
    }

    /// With the history that its envelope holds.
    #[must_use]
    pub fn with_history(mut self, attempts: u32, enqueued_at: Option<Timestamp>) -> Self {
        self.attempts = attempts;
        self.enqueued_at = enqueued_at;
        self
    }
}

impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.attempts == 1 { "" } else { "s" };
        write!(f, "{} after {} attempt{plural}: {}", self.reason, self.attempts, self.errors.join(": "))
    }
}

/// Which part of the dead letters to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many of the latest to pass over.
    pub offset: usize,
    /// How many to list at most; more than [`MAX_BATCH`] is taken as that.
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { offset: 0, limit: 100 }
    }
}

/// A page of dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetters {
    /// The letters, the latest first.
    pub letters: Vec<DeadLetter>,
    /// How many there are in all.
    pub total: usize,
}

/// Which dead letters an operation is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those of these tasks, at most [`MAX_BATCH`]; IDs without a dead letter are passed over.
    Ids(Vec<TaskId>),
    /// All that there were when the operation began.
    All,
}

/// How many dead letters are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The most letters.
    pub count: usize,
    /// The greatest age.
    pub age: Duration,
    /// The most bytes of their entries and descriptions together.
    pub bytes: usize,
}

impl Retention {
    /// [`count`](Self::count) unless told otherwise.
    pub const DEFAULT_COUNT: usize = 100_000;
    /// [`age`](Self::age) unless told otherwise: 30 days.
    pub const DEFAULT_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
    /// [`bytes`](Self::bytes) unless told otherwise: 256 MiB.
    pub const DEFAULT_BYTES: usize = 256 * 1024 * 1024;
}

impl Default for Retention {
    fn default() -> Self {
        Self { count: Self::DEFAULT_COUNT, age: Self::DEFAULT_AGE, bytes: Self::DEFAULT_BYTES }
    }
}

/// What a queue holds.
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
