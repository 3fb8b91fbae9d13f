//! Puts a scheduler together: debouncers and where their firings go in, running tickers out.

use std::{sync::Arc, time::Duration};

use actix::Recipient;

use super::{
    Debounced, Debouncer, Fired, SchedulerOptions,
    dispatch::{self, Dispatch},
    scheduler::DebounceScheduler,
    schedulers::Schedulers,
};
use crate::{
    Error, QueueName, RedisTask,
    backend::{DebounceBackend, DebounceKey},
    worker::{BuildError, check_system},
};

/// Collects debouncers and settings; made by [`DebounceScheduler::builder`].
///
/// # Examples
/// Every setting, each of which has a default:
/// ```
/// use std::time::Duration;
/// use redis_ext::prelude::*;
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// #[redis_task(debounce = "2s")]
/// struct Reindex { shard: u32 }
///
/// # actix::System::new().block_on(async {
/// let scheduler = DebounceScheduler::builder(MemoryBackend::new())
///     .task::<Reindex>()
///     .concurrency(64)
///     .lease(Duration::from_secs(10))
///     .heartbeat(Duration::from_secs(2))
///     .repoll(Duration::from_millis(500))
///     .retry_after(Duration::from_secs(5))
///     .grace(Duration::from_secs(60))
///     .start()?;
/// scheduler.shutdown().await;
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
#[must_use = "nothing is dispatched before `start`"]
pub struct DebounceSchedulerBuilder {
    backend: Arc<dyn DebounceBackend>,
    options: SchedulerOptions,
    planned: Vec<Planned>,
}

/// One debouncer and what deals with its firings.
pub(super) struct Planned {
    pub(super) backend: Arc<dyn DebounceBackend>,
    pub(super) key: DebounceKey,
    queue: Option<QueueName>,
    dispatch: Box<dyn FnOnce(&SchedulerOptions) -> Dispatch>,
}

impl DebounceSchedulerBuilder {
    pub(super) fn new(backend: Arc<dyn DebounceBackend>) -> Self {
        Self { backend, options: SchedulerOptions::default(), planned: Vec::new() }
    }

    /// Puts what fires of a [`Debounced`] type into the type's queue.
    pub fn task<T: Debounced>(self) -> Self {
        let debouncer = Debouncer::<T>::shared(Arc::clone(&self.backend));
        self.to_queue(&debouncer)
    }

    /// Puts what fires of a debouncer into the queue of its type: in one step, so that nothing is lost between the two and
    /// nothing stands in the queue twice. Where payloads are accumulated, the task is a [`Burst`](super::Burst).
    ///
    /// With `unique_for` among the type's options, a firing waits while an earlier task of its content, or of its key, is
    /// in the queue or running: one active, one pending. It looks again every [`SchedulerOptions::HELD_RECHECK`].
    pub fn to_queue<T: RedisTask>(self, debouncer: &Debouncer<T>) -> Self {
        let dispatch = dispatch::to_queue(debouncer);
        self.plan(debouncer, Some(T::QUEUE), |_| dispatch)
    }

    /// Sends what fires of a debouncer to an actor, under a lease until it has answered: at least once. While it handles
    /// a firing, triggers of the same content give one more, after its answer.
    ///
    /// Unless the answer is `Ok(())`, the firing is due again after
    /// [`retry_after`](Self::retry_after), or as [`TaskError::retry_in`](crate::TaskError::retry_in) says; after
    /// [`TaskError::fatal`](crate::TaskError::fatal) it goes to the quarantine.
    pub fn to_recipient<T: RedisTask + Unpin>(self, debouncer: &Debouncer<T>, recipient: Recipient<Fired<T>>) -> Self {
        self.plan(debouncer, None, move |options| dispatch::to_recipient(recipient, options.retry_after))
    }

    fn plan<T>(
        mut self,
        debouncer: &Debouncer<T>,
        queue: Option<QueueName>,
        dispatch: impl FnOnce(&SchedulerOptions) -> Dispatch + 'static,
    ) -> Self {
        let (backend, key) = (Arc::clone(&debouncer.backend), debouncer.key.clone());
        self.planned.push(Planned { backend, key, queue, dispatch: Box::new(dispatch) });
        self
    }

    /// How many firings of one debouncer are dispatched at once. Default: [`SchedulerOptions::DEFAULT_CONCURRENCY`].
    pub fn concurrency(mut self, firings: usize) -> Self {
        self.options.concurrency = firings;
        self
    }

    /// How long claimed firings stay this scheduler's own after its last sign of life: after this long others take them
    /// over. Default: [`LeaseOptions::DEFAULT_LEASE`](crate::worker::LeaseOptions::DEFAULT_LEASE).
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.hold.lease = lease;
        self
    }

    /// How often the scheduler gives a sign of life. Default:
    /// [`LeaseOptions::DEFAULT_HEARTBEAT`](crate::worker::LeaseOptions::DEFAULT_HEARTBEAT).
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.options.hold.heartbeat = every;
        self
    }

    /// How often it looks for firings that it was not told of. Default: [`SchedulerOptions::DEFAULT_REPOLL`].
    pub fn repoll(mut self, every: Duration) -> Self {
        self.options.repoll = every;
        self
    }

    /// How long until a firing whose recipient failed is due again. Default: [`SchedulerOptions::DEFAULT_RETRY_AFTER`].
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.options.retry_after = wait;
        self
    }

    /// How long recipients may go on once a shutdown has begun; then their firings are given back. Default:
    /// [`LeaseOptions::DEFAULT_GRACE`](crate::worker::LeaseOptions::DEFAULT_GRACE).
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.hold.grace = grace;
        self
    }

    /// Starts the scheduler in the current actix System. It waits for a backend that cannot be reached, and says so in
    /// the log.
    ///
    /// # Errors
    /// [`Error::Build`] when the parts do not fit together.
    pub fn start(self) -> Result<Schedulers, Error> {
        self.check()?;
        let Self { options, planned, .. } = self;
        let planned = planned.into_iter().map(|one| {
            let dispatch = (one.dispatch)(&options);
            (one.backend, one.key, dispatch)
        });
        Ok(DebounceScheduler::start(options, planned.collect()))
    }

    fn check(&self) -> Result<(), BuildError> {
        let SchedulerOptions { hold, concurrency, repoll, .. } = self.options;
        if self.planned.is_empty() {
            return Err(BuildError::NoDebouncer);
        }
        if concurrency == 0 || repoll.is_zero() {
            return Err(BuildError::IdleScheduler);
        }
        hold.check()?;
        for (at, Planned { key, queue, .. }) in self.planned.iter().enumerate() {
            if queue.as_ref().is_some_and(|queue| queue.as_str() == key.as_str()) {
                return Err(BuildError::KeyIsQueue(key.clone()));
            }
            if self.planned[..at].iter().any(|earlier| earlier.key == *key) {
                return Err(BuildError::TwoDispatches(key.clone()));
            }
        }
        check_system()
    }
}
