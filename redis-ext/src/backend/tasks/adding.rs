//! What goes into a queue, and when.

use std::time::Duration;

use crate::{
    backend::{BackendError, BackendErrorKind, Operation},
    task::{TaskId, Timestamp},
};

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
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{QueueName, backend::{NewTask, TaskBackend, UniqueLock}};
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (backend, queue) = (MemoryBackend::new(), QueueName::from_static("reindex"));
/// let lock = UniqueLock { digest: "shard-7".into(), ttl: Duration::from_secs(60) };
/// let tasks = [NewTask::new("7").unique(lock.clone()), NewTask::new("7").unique(lock)];
/// let answers = backend.enqueue(&queue, &tasks).await?;
/// assert!(answers[1].is_duplicate() && answers[1].id() == answers[0].id());
/// # Ok::<(), redis_ext::BackendError>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueLock {
    /// What the task must not share with another: a digest, which becomes part of a key.
    pub digest: String,
    /// The lock's life if nobody releases it.
    pub ttl: Duration,
}

/// When a scheduled task becomes ready.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::{QueueName, backend::{Due, NewTask, TaskBackend}};
/// use redis_ext_memory::MemoryBackend;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let (backend, queue) = (MemoryBackend::new(), QueueName::from_static("reports"));
/// backend.schedule(&queue, &[NewTask::new("2")], Due::In(Duration::from_secs(60))).await?;
/// assert_eq!(backend.inspect(&queue).await?.scheduled, 1);
/// # Ok::<(), redis_ext::BackendError>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// So long from now, by the backend's clock.
    In(Duration),
    /// At this time of the backend's clock.
    At(Timestamp),
}

/// The answer to enqueueing one task.
///
/// # Examples
/// See [`Enqueue`](crate::Enqueue).
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
