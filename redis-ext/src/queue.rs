//! The handle of a queue: what those who run a service look at and intervene with.
//!
//! [`Enqueue`](crate::Enqueue) is the way in and [`WorkerSupervisor`](crate::WorkerSupervisor) the way out; this is the view
//! from the side. It has no state of its own and leaves what lies between a queue and its workers, such as claims and leases,
//! to the [role](crate::backend::TaskBackend).

use std::{fmt, sync::Arc};

use crate::{
    BackendError, QueueName, RedisTask, TaskId,
    backend::{DeadLetters, Page, QueueStats, Selection, TaskBackend},
};

/// A queue as its operators see it: what it holds, its dead letters, a pause, a task to be cancelled.
///
/// It is a handle, cheap to clone and usable from any thread. It needs no worker and no actix System.
///
/// # Errors
/// Every call fails with the [`BackendError`] of the backend. What failed may be called again: no repetition does harm. A
/// call for many tasks that [may have been applied](BackendError::is_maybe_applied) may have been so for some of them.
///
/// # Cancel safety
/// A call whose future is dropped may or may not have had its effect.
///
/// # Examples
/// A task has died of a fault that has been repaired since:
/// ```
/// use redis_ext::{backend::Page, prelude::*};
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(Debug, RedisTask)]
/// struct Email { to: String }
///
/// # actix::System::new().block_on(async {
/// let backend = MemoryBackend::new();
/// # Email { to: "a@example.org".into() }.enqueue(&backend).await?;
/// # WorkerSupervisor::builder(backend.clone())
/// #     .handler_fn(Concurrency::new(1), |_: Task<Email>| async { Err(TaskError::fatal("no route to the mail server")) })
/// #     .start()?
/// #     .run_until_idle()
/// #     .await?;
/// let emails = Queue::of::<Email>(&backend);
/// assert_eq!(emails.stats().await?.dead, 1);
///
/// let dead = emails.dead_letters(Page::default()).await?;
/// let letter = &dead.letters[0];
/// assert_eq!(letter.decode::<Email>()?.to, "a@example.org");
/// assert_eq!(letter.errors, ["no route to the mail server"]);
///
/// emails.replay(letter.id).await?;
/// let stats = emails.stats().await?;
/// assert_eq!((stats.ready, stats.dead), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Queue {
    backend: Arc<dyn TaskBackend>,
    name: QueueName,
}

impl Queue {
    /// The queue that tasks of type `T` go to unless told otherwise, on a clone of `backend`: any that tasks are enqueued on,
    /// or an `Arc` of one. (From actix-web's `Data<dyn Backend>`, `into_inner` makes the `Arc`.)
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use redis_ext::prelude::*;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(RedisTask)]
    /// #[redis_task(queue = "emails")]
    /// struct Email { to: String }
    ///
    /// let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    /// assert_eq!(Queue::of::<Email>(&backend).name().as_str(), "emails");
    /// ```
    #[must_use]
    pub fn of<T: RedisTask>(backend: &(impl TaskBackend + Clone)) -> Self {
        Self::named(backend, T::QUEUE)
    }

    /// The queue of this name, whatever tasks it holds, on a clone of `backend`.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{Queue, QueueName};
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// for tenant in ["acme", "umbrella"] {
    ///     let queue = Queue::named(&MemoryBackend::new(), QueueName::new(format!("{tenant}:emails"))?);
    ///     println!("{}: {} tasks wait", queue.name(), queue.stats().await?.ready);
    /// }
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn named(backend: &(impl TaskBackend + Clone), name: QueueName) -> Self {
        Self { backend: Arc::new(backend.clone()), name }
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &QueueName {
        &self.name
    }

    /// Counts what the queue holds, all at one moment: a task on its way from one place to another is counted once.
    ///
    /// # Examples
    /// ```
    /// # use std::time::Duration;
    /// # use redis_ext::prelude::*;
    /// # use redis_ext_memory::MemoryBackend;
    /// # #[derive(RedisTask)] struct Email { to: String }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let backend = MemoryBackend::new();
    /// Email { to: "a@example.org".into() }.enqueue(&backend).await?;
    /// Email { to: "b@example.org".into() }.enqueue_in(&backend, Duration::from_secs(60)).await?;
    ///
    /// let stats = Queue::of::<Email>(&backend).stats().await?;
    /// assert_eq!((stats.ready, stats.scheduled, stats.claimed, stats.dead), (1, 1, 0, 0));
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn stats(&self) -> Result<QueueStats, BackendError> {
        self.backend.inspect(&self.name).await
    }

    /// A page of the dead letters, the latest first.
    ///
    /// # Examples
    /// All of them, page by page:
    /// ```
    /// # use redis_ext::{backend::Page, prelude::*};
    /// # use redis_ext_memory::MemoryBackend;
    /// # #[derive(RedisTask)] struct Email { to: String }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let backend = MemoryBackend::new();
    /// let emails = Queue::of::<Email>(&backend);
    /// let mut page = Page::default();
    /// loop {
    ///     let dead = emails.dead_letters(page).await?;
    ///     for letter in &dead.letters {
    ///         println!("{}: {letter}", letter.id);
    ///     }
    ///     page = page.next();
    ///     if page.offset >= dead.total {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn dead_letters(&self, page: Page) -> Result<DeadLetters, BackendError> {
        self.backend.dead_letters(&self.name, page).await
    }

    /// Moves dead letters back to the tail of the queue, as tasks that have not been tried yet, and takes their cancellations
    /// back; the answer is how many. IDs without a dead letter are passed over.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{TaskId, backend::Selection, prelude::*};
    /// # use redis_ext_memory::MemoryBackend;
    /// # #[derive(RedisTask)] struct Email { to: String }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let emails = Queue::of::<Email>(&MemoryBackend::new());
    /// # let (one, other) = (TaskId::random(), TaskId::random());
    /// emails.replay(one).await?; // an ID,
    /// emails.replay(vec![one, other]).await?; // several, or all that there are:
    /// assert_eq!(emails.replay(Selection::All).await?, 0);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn replay(&self, which: impl Into<Selection>) -> Result<usize, BackendError> {
        self.backend.replay(&self.name, &which.into()).await
    }

    /// Deletes dead letters for good; the answer is how many. Workers delete the oldest by themselves, as their
    /// [`Retention`](crate::backend::Retention) says.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::{backend::Selection, prelude::*};
    /// # use redis_ext_memory::MemoryBackend;
    /// # #[derive(RedisTask)] struct Email { to: String }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let emails = Queue::of::<Email>(&MemoryBackend::new());
    /// let deleted = emails.delete_dead(Selection::All).await?;
    /// assert_eq!(deleted, 0);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn delete_dead(&self, which: impl Into<Selection>) -> Result<usize, BackendError> {
        self.backend.delete_dead(&self.name, &which.into()).await
    }

    /// Stops all claims from the queue, by every worker of every process, until [`resume`](Self::resume). Tasks that are
    /// running go on, and tasks are enqueued as ever.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::prelude::*;
    /// # use redis_ext_memory::MemoryBackend;
    /// # #[derive(RedisTask)] struct Email { to: String }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let emails = Queue::of::<Email>(&MemoryBackend::new());
    /// emails.pause().await?;
    /// assert!(emails.stats().await?.paused);
    /// emails.resume().await?;
    /// assert!(!emails.stats().await?.paused);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn pause(&self) -> Result<(), BackendError> {
        self.backend.pause(&self.name).await
    }

    /// Ends a [pause](Self::pause); workers that wait are woken.
    pub async fn resume(&self) -> Result<(), BackendError> {
        self.backend.resume(&self.name).await
    }

    /// Cancels tasks, wherever they are: ready, scheduled or running. They are forgotten as if they were done, with neither a
    /// retry nor a dead letter.
    ///
    /// # Contract
    /// The call marks the IDs, for at least [`CANCELLATION_RETENTION`](crate::backend::CANCELLATION_RETENTION). A task that
    /// no worker has claimed is dropped when one does; until then it is counted and, if it is
    /// unique, stands in the way of its like. One that is running ends at the worker's
    /// next [heartbeat](crate::worker::WorkerSupervisorBuilder::heartbeat): a closure's future is dropped, while an actor and
    /// a blocking closure are told through [`Task::cancellation`](crate::Task::cancellation), and their result is ignored. A
    /// task that is quicker than that is done.
    ///
    /// Cancelling twice, or what is unknown, done or dead, does no harm. A bare payload has no ID before its first retry, and
    /// cannot be cancelled until then.
    ///
    /// # Examples
    /// ```
    /// # use redis_ext::prelude::*;
    /// # use redis_ext_memory::MemoryBackend;
    /// #[derive(RedisTask)]
    /// struct Report { month: u8 }
    ///
    /// # actix::System::new().block_on(async {
    /// let backend = MemoryBackend::new();
    /// let reports = Queue::of::<Report>(&backend);
    /// let report = Report { month: 2 }.enqueue(&backend).await?;
    /// reports.cancel(&[report.id()]).await?;
    ///
    /// WorkerSupervisor::builder(backend)
    ///     .handler_fn(Concurrency::new(1), |_: Task<Report>| async { panic!("it is not run") })
    ///     .start()?
    ///     .run_until_idle()
    ///     .await?;
    /// assert_eq!(reports.stats().await?.dead, 0);
    /// # Ok::<(), redis_ext::Error>(()) }).unwrap();
    /// ```
    pub async fn cancel(&self, ids: &[TaskId]) -> Result<(), BackendError> {
        self.backend.cancel(&self.name, ids).await
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("name", &self.name).finish_non_exhaustive()
    }
}
