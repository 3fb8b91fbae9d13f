//! What can be set about workers, and the defaults.

use std::time::Duration;

use super::{LeaseOptions, restarts::RestartBudget};
use crate::{
    QueueName,
    backend::{MAX_BATCH, Recovery, Retention},
};

/// How many tasks of one type a supervisor runs at once.
///
/// # Examples
/// ```
/// use redis_ext::{Concurrency, HandlerOptions};
///
/// let options = HandlerOptions::from(Concurrency::new(16));
/// assert_eq!(options.concurrency, 16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency(usize);

impl Concurrency {
    /// So many tasks at once; the supervisor refuses to start with 0.
    #[must_use]
    pub const fn new(tasks: usize) -> Self {
        Self(tasks)
    }

    pub(crate) const fn tasks(self) -> usize {
        self.0
    }
}

/// How one handler is run.
///
/// # Examples
/// ```
/// use redis_ext::{Concurrency, HandlerOptions, QueueName};
///
/// let low = QueueName::from_static("emails-low");
/// let options = HandlerOptions::from(Concurrency::new(2)).queue(low).prefetch(0);
/// assert_eq!(options.prefetch, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerOptions {
    /// How many tasks are run at once.
    pub concurrency: usize,
    /// How many more tasks may be claimed ahead at most. As many are as were finished in the last
    /// [`PREFETCH_AHEAD`](Self::PREFETCH_AHEAD) or so: slow tasks are left to other workers.
    pub prefetch: usize,
    /// The queue, when it is not the task type's own.
    pub queue: Option<QueueName>,
    /// The queue's share where a [limit](super::WorkerSupervisorBuilder::limit) makes queues compete.
    pub weight: u32,
    /// What a failed attempt means for the supervisor.
    pub error_policy: ErrorPolicy,
    /// How many crashes of the handler are put up with.
    pub restart_budget: RestartBudget,
}

/// What a failed attempt means for the supervisor; its task is retried or dies as ever.
///
/// # Examples
/// ```
/// use redis_ext::{HandlerOptions, worker::ErrorPolicy};
///
/// let as_in_python = HandlerOptions::new(1).error_policy(ErrorPolicy::StopOnFirst);
/// assert_ne!(as_in_python.error_policy, ErrorPolicy::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// Nothing: the work goes on.
    #[default]
    Retry,
    /// The supervisor shuts down in good order and returns the error as
    /// [`Error::TaskFailed`](crate::Error::TaskFailed), as `RedisWork` of the Python package stops. A payload that does
    /// not decode is a dead letter and stops nothing.
    StopOnFirst,
}

impl HandlerOptions {
    /// [`prefetch`](Self::prefetch) unless told otherwise.
    pub const DEFAULT_PREFETCH: usize = MAX_BATCH;
    /// [`weight`](Self::weight) unless told otherwise.
    pub const DEFAULT_WEIGHT: u32 = 1;
    /// How much work, measured in time, is claimed ahead.
    pub const PREFETCH_AHEAD: Duration = Duration::from_millis(20);

    /// The defaults, with so many tasks at once.
    #[must_use]
    pub fn new(concurrency: usize) -> Self {
        Self::from(Concurrency::new(concurrency))
    }

    /// Sets [`prefetch`](Self::prefetch).
    #[must_use]
    pub fn prefetch(mut self, tasks: usize) -> Self {
        self.prefetch = tasks;
        self
    }

    /// Sets [`weight`](Self::weight); 0 is taken as 1.
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        self.weight = weight.max(1);
        self
    }

    /// Sets [`error_policy`](Self::error_policy).
    #[must_use]
    pub fn error_policy(mut self, policy: ErrorPolicy) -> Self {
        self.error_policy = policy;
        self
    }

    /// Sets [`restart_budget`](Self::restart_budget).
    #[must_use]
    pub fn restart_budget(mut self, budget: RestartBudget) -> Self {
        self.restart_budget = budget;
        self
    }

    /// Sets [`queue`](Self::queue): the same task type may be handled from several queues.
    #[must_use]
    pub fn queue(mut self, queue: QueueName) -> Self {
        self.queue = Some(queue);
        self
    }
}

impl From<Concurrency> for HandlerOptions {
    fn from(Concurrency(concurrency): Concurrency) -> Self {
        Self {
            concurrency,
            prefetch: Self::DEFAULT_PREFETCH,
            queue: None,
            weight: Self::DEFAULT_WEIGHT,
            error_policy: ErrorPolicy::default(),
            restart_budget: RestartBudget::default(),
        }
    }
}

/// How a supervisor's workers hold on to tasks and let go of them; set through the
/// [builder](super::WorkerSupervisorBuilder).
///
/// # Examples
/// See [`WorkerSupervisorBuilder`](super::WorkerSupervisorBuilder).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WorkerOptions {
    /// How long tasks stay a worker's own, and what time it has to finish them.
    pub hold: LeaseOptions,
    /// How many threads handlers are spread over; 0 is the thread of the supervisor alone.
    pub arbiters: usize,
    /// What happens to the tasks of workers that died.
    pub recovery: Recovery,
    /// How many dead letters are kept.
    pub retention: Retention,
}
