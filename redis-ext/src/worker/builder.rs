//! Puts a supervisor together: handlers and settings in, a validated plan out.

use std::{future::Future, sync::Arc, time::Duration};

use super::{
    Concurrency, HandlerOptions, LeaseOptions, Precedence, WorkerOptions,
    handler::TaskHandler,
    runner::RunnerFactory,
    supervisor::{Plan, PlannedQueue, WorkerSupervisor},
    workers::Workers,
};
use crate::{
    Error, QueueName, RedisTask, Task, TaskError,
    backend::{DebounceKey, Recovery, Retention, TaskBackend},
};

/// Collects handlers and settings; made by [`WorkerSupervisor::builder`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::prelude::*;
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// struct Resize { width: u32 }
///
/// #[actix::main]
/// async fn main() -> Result<(), redis_ext::Error> {
///     let backend = MemoryBackend::new();
///     Resize { width: 640 }.enqueue(&backend).await?;
///     WorkerSupervisor::builder(backend)
///         .handler_fn(Concurrency::new(4), |task: Task<Resize>| async move {
///             println!("resizing to {} pixels", task.width);
///             Ok(())
///         })
///         .grace(Duration::from_secs(10))
///         .start()?
///         .run_until_idle()
///         .await
/// }
/// ```
/// Every setting, each of which has a default:
/// ```
/// use std::time::Duration;
/// use redis_ext::{HandlerOptions, prelude::*, worker::Precedence};
/// use redis_ext::backend::{Recovery, Retention};
/// use redis_ext_memory::MemoryBackend;
///
/// # #[derive(RedisTask)] struct Resize { width: u32 }
/// # #[derive(RedisTask)] struct Email { to: String }
/// # actix::System::new().block_on(async {
/// let workers = WorkerSupervisor::builder(MemoryBackend::new())
///     .handler_fn(HandlerOptions::new(16).weight(3), |email: Task<Email>| async move { Ok(drop(email)) })
///     .handler_blocking(HandlerOptions::new(2).prefetch(0), |resize: Task<Resize>| Ok(drop(resize)))
///     .limit(Concurrency::new(16), Precedence::Weighted)
///     .arbiters(2)
///     .lease(Duration::from_secs(10))
///     .heartbeat(Duration::from_secs(2))
///     .grace(Duration::from_secs(60))
///     .recovery(Recovery::default().poison_after(5))
///     .retention(Retention::default().count(1_000))
///     .start()?;
/// workers.shutdown().await
/// # }).unwrap();
/// ```
#[must_use = "no worker runs before `start`"]
pub struct WorkerSupervisorBuilder {
    backend: Arc<dyn TaskBackend>,
    options: WorkerOptions,
    limit: Option<(Concurrency, Precedence)>,
    queues: Vec<PlannedQueue>,
}

/// Why a supervisor or a scheduler cannot be started.
///
/// # Examples
/// ```
/// use redis_ext::{Error, prelude::*, worker::BuildError};
/// use redis_ext_memory::MemoryBackend;
///
/// let refused = WorkerSupervisor::builder(MemoryBackend::new()).start();
/// assert!(matches!(refused, Err(Error::Build(BuildError::NoHandler))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is nothing to do.
    #[error("the supervisor has no handler: add one with `handler` or `handler_fn` before `start`")]
    NoHandler,
    /// Two handlers would compete for the same tasks.
    #[error("the queue {0} has two handlers: give one of them another queue with `HandlerOptions::queue`")]
    TwoHandlers(QueueName),
    /// A handler that never runs anything.
    #[error("the handler of the queue {0} has a concurrency of 0: it must be at least 1")]
    NoConcurrency(QueueName),
    /// A limit under which nothing runs.
    #[error("the supervisor's limit is 0 tasks: it must be at least 1")]
    NoLimit,
    /// Leases would expire between two heartbeats, or never, or storm the backend.
    #[error(
        "a lease of {lease:?} with a heartbeat every {heartbeat:?} cannot work: the heartbeat must be at least {:?}, the lease at least twice as long, and at most {:?}",
        LeaseOptions::SHORTEST_HEARTBEAT,
        LeaseOptions::LONGEST_LEASE
    )]
    Lease {
        /// The lease asked for.
        lease: Duration,
        /// The heartbeat asked for.
        heartbeat: Duration,
    },
    /// A scheduler with nothing to dispatch.
    #[error("the scheduler has no debouncer: add one with `task`, `to_queue` or `to_recipient` before `start`")]
    NoDebouncer,
    /// Two ways for the same firings.
    #[error("the debouncer at {0} was added twice: its firings can go only one way")]
    TwoDispatches(DebounceKey),
    /// A key cannot be both a debouncer's and a queue's.
    #[error(
        "the debouncer at {0} dispatches to a queue of the same name: give it another key, such as {{{0}}}:debounce"
    )]
    KeyIsQueue(DebounceKey),
    /// A scheduler that never does anything.
    #[error("the scheduler's concurrency, or the time between its looks, is 0: both must be more")]
    IdleScheduler,
    /// There is no actix System to run in.
    #[error("no actix System is running: call `start` within `#[actix::main]` or `#[actix::test]`")]
    NoSystem,
}

impl WorkerSupervisorBuilder {
    pub(super) fn new(backend: Arc<dyn TaskBackend>) -> Self {
        Self { backend, options: WorkerOptions::default(), limit: None, queues: Vec::new() }
    }

    /// Handles tasks of type `T` with actors made by `factory`: as many as tasks are run at once, each on one task at
    /// a time. An actor that dies is replaced.
    ///
    /// When an attempt's time is up or it is aborted, its result is ignored and another actor takes the place; the
    /// handler's future itself goes on until it ends, as actix has no way to stop it, unless it watches
    /// [`Task::cancellation`].
    pub fn handler<T, A>(
        self,
        options: impl Into<HandlerOptions>,
        factory: impl Fn() -> A + Send + Sync + 'static,
    ) -> Self
    where
        T: RedisTask,
        A: TaskHandler<T>,
    {
        self.with_runner::<T>(options.into(), RunnerFactory::actors::<T, A>(factory))
    }

    /// Handles tasks of type `T` with an async closure, or an `async fn`. When an attempt's time is up or it is aborted, its
    /// future is dropped.
    ///
    /// # Contract
    /// - It takes a [`Task<T>`], which derefs to the payload, and names the type: `|task: Task<Email>| async move { … }`.
    /// - Its future ends in `Result<(), TaskError>`: an error of another type becomes a [`TaskError`] by `?`, or by
    ///   [`TaskError::new`].
    /// - The closure is shared by all threads that run handlers, so what it captures is `Send + Sync + 'static`; its future stays
    ///   on one thread and may hold an `Rc`. What a call's future uses up is cloned for each call, as below.
    ///
    /// For work that blocks there is [`handler_blocking`](Self::handler_blocking), for state that is changed an actor and
    /// [`handler`](Self::handler).
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use redis_ext::prelude::*;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(RedisTask)]
    /// struct Email { to: String }
    ///
    /// struct Outbox { directory: std::path::PathBuf }
    ///
    /// # actix::System::new().block_on(async {
    /// # let backend = MemoryBackend::new();
    /// # Email { to: "a@example.org".into() }.enqueue(&backend).await?;
    /// let outbox = Arc::new(Outbox { directory: std::env::temp_dir() });
    /// WorkerSupervisor::builder(backend)
    ///     .handler_fn(Concurrency::new(4), move |email: Task<Email>| {
    ///         let outbox = Arc::clone(&outbox);
    ///         async move {
    ///             let file = outbox.directory.join(email.id().to_string());
    ///             std::fs::write(file, &email.to)?; // an io::Error becomes a TaskError
    ///             Ok(())
    ///         }
    ///     })
    ///     .start()?
    ///     .run_until_idle()
    ///     .await
    /// # }).unwrap();
    /// ```
    pub fn handler_fn<T, F, R>(self, options: impl Into<HandlerOptions>, handler: F) -> Self
    where
        T: RedisTask,
        F: Fn(Task<T>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), TaskError>> + 'static,
    {
        self.with_runner::<T>(options.into(), RunnerFactory::closure(handler))
    }

    /// Handles tasks of type `T` with a closure that may block or compute for long: each call has a thread of tokio's
    /// blocking pool. Nothing can stop a call: when its time is up its result is ignored and another may begin beside
    /// it, and the process ends only when the call does, unless by [`std::process::exit`]. So a long one looks at
    /// [`Task::cancellation`] now and then.
    ///
    /// # Examples
    /// ```
    /// use redis_ext::prelude::*;
    /// use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(RedisTask)]
    /// struct Factor(u64);
    ///
    /// # actix::System::new().block_on(async {
    /// # let backend = MemoryBackend::new();
    /// # Factor(91).enqueue(&backend).await?;
    /// WorkerSupervisor::builder(backend)
    ///     .handler_blocking(Concurrency::new(2), |task: Task<Factor>| {
    ///         let factor = (2..task.0).find(|n| task.0 % n == 0);
    ///         println!("{factor:?}");
    ///         Ok(())
    ///     })
    ///     .start()?
    ///     .run_until_idle()
    ///     .await
    /// # }).unwrap();
    /// ```
    pub fn handler_blocking<T, F>(self, options: impl Into<HandlerOptions>, handler: F) -> Self
    where
        T: RedisTask,
        F: Fn(Task<T>) -> Result<(), TaskError> + Send + Sync + 'static,
    {
        self.with_runner::<T>(options.into(), RunnerFactory::blocking(handler))
    }

    fn with_runner<T: RedisTask>(mut self, options: HandlerOptions, runner: RunnerFactory) -> Self {
        let HandlerOptions { concurrency, prefetch, queue, weight, error_policy, restart_budget } = options;
        let queue = queue.unwrap_or(T::QUEUE);
        self.queues.push(PlannedQueue { queue, concurrency, prefetch, weight, error_policy, restart_budget, runner });
        self
    }

    /// How long a worker's tasks stay its own after its last sign of life: after this long others take them over.
    /// Default: [`LeaseOptions::DEFAULT_LEASE`].
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.hold.lease = lease;
        self
    }

    /// How often a worker gives a sign of life. Default: [`LeaseOptions::DEFAULT_HEARTBEAT`].
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.options.hold.heartbeat = every;
        self
    }

    /// How long running tasks may go on once a shutdown has begun; then they are aborted and go back to the queue.
    /// Default: [`LeaseOptions::DEFAULT_GRACE`].
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.hold.grace = grace;
        self
    }

    /// Spreads the handlers over this many threads of their own; 0, the default, runs them on the thread that calls
    /// [`start`](Self::start). The leases are renewed on that thread, so with threads of their own, handlers that
    /// block do not lose theirs.
    pub fn arbiters(mut self, threads: usize) -> Self {
        self.options.arbiters = threads;
        self
    }

    /// Runs no more than this many tasks at once, whatever the handlers' own concurrency adds up to; `precedence` says
    /// whose tasks go first. Without a limit each queue has its own concurrency, and none waits for another.
    pub fn limit(mut self, tasks: Concurrency, precedence: Precedence) -> Self {
        self.limit = Some((tasks, precedence));
        self
    }

    /// What happens to the tasks of workers that died.
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.options.recovery = recovery;
        self
    }

    /// How many dead letters are kept.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.options.retention = retention;
        self
    }

    /// Starts the workers in the current actix System. They wait for a backend that cannot be reached, and say so in
    /// the log.
    ///
    /// # Errors
    /// [`Error::Build`] when the parts do not fit together.
    pub fn start(self) -> Result<Workers, Error> {
        self.check()?;
        let Self { backend, options, limit, queues } = self;
        Ok(WorkerSupervisor::start(Plan { backend, options, limit, queues }))
    }

    fn check(&self) -> Result<(), BuildError> {
        if self.queues.is_empty() {
            return Err(BuildError::NoHandler);
        }
        if self.limit.is_some_and(|(limit, _)| limit.tasks() == 0) {
            return Err(BuildError::NoLimit);
        }
        self.options.hold.check()?;
        for (at, PlannedQueue { queue, concurrency, .. }) in self.queues.iter().enumerate() {
            if *concurrency == 0 {
                return Err(BuildError::NoConcurrency(queue.clone()));
            }
            if self.queues[..at].iter().any(|earlier| earlier.queue == *queue) {
                return Err(BuildError::TwoHandlers(queue.clone()));
            }
        }
        check_system()
    }
}

/// Whether there is an actix System to start actors in.
pub(crate) fn check_system() -> Result<(), BuildError> {
    if actix::System::try_current().is_none() || tokio::runtime::Handle::try_current().is_err() {
        return Err(BuildError::NoSystem);
    }
    Ok(())
}
