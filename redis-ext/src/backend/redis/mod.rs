//! The Redis backend: the operations of every role on a server.
//!
//! This file is the list of operations; each is made of a request, sent over the `link` or, if it waits, by a
//! `waiter`, and of the reading of its reply. `keys` is the map of the store, `lua/` holds the transitions.

mod cancel;
mod claim;
mod config;
mod debounce;
mod effects;
mod enqueue;
mod ids;
mod inspect;
mod io;
mod keys;
mod letters;
mod link;
mod recovery;
mod reply;
mod scripts;
mod server;
mod set;
mod waiter;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use self::config::RedisBackendBuilder;
use self::{
    io::IoThread,
    keys::Keys,
    link::Link,
    scripts::{JOIN, PROMOTE, RENEW, Request},
    set::Tracker,
    waiter::Waiters,
};
use super::{
    BackendError, BackendErrorKind, Claim, ClaimedBatch, CounterFloors, DeadLetters, Due, Enqueued, Lease, MAX_BATCH,
    NewTask, Operation, Page, Promoted, QueueStats, Recovered, Recovery, Retention, Selection, Settlement, TaskBackend,
};
use crate::{
    codec::millis,
    task::{QueueName, TaskId},
};

/// Everything on a Redis server, version 6.2 or later.
///
/// Clones share the connections and are cheap. The connection that all callers share lives on a thread of the
/// backend's own, so a clone works on any runtime and arbiter, and none of them takes the others' connection along
/// when it ends. A lost connection is made again for ever.
///
/// # Examples
/// ```no_run
/// use redis_ext::prelude::*;
///
/// # async fn connect() -> Result<(), redis_ext::Error> {
/// let backend = RedisBackend::connect("redis://127.0.0.1/").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisBackend {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    waiters: Arc<Waiters>,
    tracker: Arc<Tracker>,
    max_entry_bytes: usize,
    counter_floors: CounterFloors,
    io: IoThread,
}

impl RedisBackend {
    /// Connects to the server at `url`, such as `redis://user:password@host:6379/0`, with the default settings.
    ///
    /// # Errors
    /// As [`RedisBackendBuilder::connect`].
    ///
    /// # Examples
    /// ```
    /// use redis_ext::{BackendErrorKind, RedisBackend};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let error = RedisBackend::connect("http://127.0.0.1/").await.unwrap_err();
    /// assert_eq!(error.kind(), BackendErrorKind::Config);
    /// # });
    /// ```
    pub async fn connect(url: &str) -> Result<Self, BackendError> {
        Self::builder(url).connect().await
    }

    /// Settings for a connection to the server at `url`.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use redis_ext::RedisBackend;
    ///
    /// let builder = RedisBackend::builder("redis://:secret@127.0.0.1/").reconnect_wait(Duration::from_secs(1));
    /// assert!(!format!("{builder:?}").contains("secret"));
    /// ```
    pub fn builder(url: &str) -> RedisBackendBuilder {
        RedisBackendBuilder::new(url)
    }

    fn new(io: IoThread, link: Link, max_entry_bytes: usize) -> Self {
        let waiters = Waiters::new(link.clone());
        let counter_floors = CounterFloors::default();
        let tracker = Tracker::new(link.shared_settings());
        Self { inner: Arc::new(Inner { link, waiters, tracker, max_entry_bytes, counter_floors, io }) }
    }

    fn link(&self) -> &Link {
        &self.inner.link
    }

    fn counter_floors(&self) -> &CounterFloors {
        &self.inner.counter_floors
    }

    /// Scripts have room for so many arguments and no more; and a request of any size would hold up all others.
    fn check(&self, operation: Operation, tasks: &[NewTask]) -> Result<(), BackendError> {
        if tasks.len() > MAX_BATCH {
            let source = format!("{} tasks are too many for one call, which takes {MAX_BATCH}", tasks.len());
            return Err(BackendError::new(BackendErrorKind::TooLarge, operation).with_source(source));
        }
        NewTask::check_sizes(tasks, self.inner.max_entry_bytes, operation)
    }

    async fn lease(
        &self,
        operation: Operation,
        script: &'static redis::Script,
        lease: &Lease,
        ttl: Duration,
    ) -> Result<(), BackendError> {
        let mut request = Request::script(script, &[Keys::of(&lease.queue).workers()]);
        self.link().send(operation, request.arg(lease.worker.to_string()).arg(millis::of(ttl))).await.map(drop)
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackend").field("server", &self.link().settings().address).finish_non_exhaustive()
    }
}

#[async_trait]
impl TaskBackend for RedisBackend {
    async fn enqueue(&self, queue: &QueueName, tasks: &[NewTask]) -> Result<Vec<Enqueued>, BackendError> {
        self.check(Operation::Enqueue, tasks)?;
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let reply = self.link().send(Operation::Enqueue, &enqueue::enqueue_request(queue, tasks)).await?;
        enqueue::enqueued(Operation::Enqueue, tasks, reply)
    }

    async fn schedule(&self, queue: &QueueName, tasks: &[NewTask], due: Due) -> Result<Vec<Enqueued>, BackendError> {
        self.check(Operation::Schedule, tasks)?;
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let reply = self.link().send(Operation::Schedule, &enqueue::schedule_request(queue, tasks, due)).await?;
        enqueue::enqueued(Operation::Schedule, tasks, reply)
    }

    async fn promote(&self, queue: &QueueName, max: usize) -> Result<Promoted, BackendError> {
        let keys = Keys::of(queue);
        let mut request = Request::script(&PROMOTE, &[keys.ready(), keys.scheduled()]);
        request.arg(max.min(MAX_BATCH)).arg(enqueue::MEMBER_PREFIX_BYTES);
        let reply = self.link().send(Operation::Promote, &request).await?;
        let (moved, next_due): (usize, i64) = reply::read(Operation::Promote, reply)?;
        Ok(Promoted { moved, next_due: u64::try_from(next_due).ok().map(Duration::from_millis) })
    }

    async fn join(&self, lease: &Lease, ttl: Duration) -> Result<(), BackendError> {
        self.lease(Operation::Join, &JOIN, lease, ttl).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), BackendError> {
        self.lease(Operation::Renew, &RENEW, lease, ttl).await
    }

    async fn leave(&self, lease: &Lease) -> Result<usize, BackendError> {
        recovery::leave(self.link(), lease).await
    }

    async fn claim(&self, lease: &Lease, claim: Claim) -> Result<ClaimedBatch, BackendError> {
        let reply = self.link().send(Operation::Claim, &claim::claim_request(lease, claim)).await?;
        Ok(claim::answer(Operation::Claim, Some(claim.batch), reply)?.batch)
    }

    async fn claim_waiting(
        &self,
        lease: &Lease,
        claim: Claim,
        patience: Duration,
        stop: &CancellationToken,
    ) -> Result<ClaimedBatch, BackendError> {
        // A caller that drops this future ends the wait, which then still reads its replies.
        let stop = stop.child_token();
        let _stops_when_dropped = stop.clone().drop_guard();
        let wait = self.inner.waiters.clone().wait(lease.clone(), claim, patience, stop);
        let waited = tokio::spawn(wait).await;
        waited.unwrap_or_else(|error| Err(reply::unexpected(Operation::Claim, error)))
    }

    async fn settle(
        &self,
        lease: &Lease,
        settlements: &[Settlement],
        next: Option<Claim>,
    ) -> Result<ClaimedBatch, BackendError> {
        let request = claim::settle_request(lease, settlements, next);
        let mut replies = self.link().send_all(Operation::Settle, &request).await?;
        let last = replies.pop().ok_or_else(|| reply::unexpected(Operation::Settle, "the reply is empty"))?;
        Ok(claim::answer(Operation::Settle, next.map(|claim| claim.batch), last)?.batch)
    }

    async fn cancel(&self, queue: &QueueName, ids: &[TaskId]) -> Result<(), BackendError> {
        cancel::cancel(self.link(), queue, ids).await
    }

    async fn cancelled(&self, queue: &QueueName, ids: &[TaskId]) -> Result<Vec<TaskId>, BackendError> {
        cancel::cancelled(self.link(), queue, ids).await
    }

    async fn recover(
        &self,
        queue: &QueueName,
        rules: &Recovery,
        patience: Duration,
    ) -> Result<Recovered, BackendError> {
        recovery::recover(self.link(), queue, rules, patience).await
    }

    async fn dead_letters(&self, queue: &QueueName, page: Page) -> Result<DeadLetters, BackendError> {
        letters::list(self.link(), queue, page).await
    }

    async fn replay(&self, queue: &QueueName, which: &Selection) -> Result<usize, BackendError> {
        letters::replay(self.link(), queue, which).await
    }

    async fn delete_dead(&self, queue: &QueueName, which: &Selection) -> Result<usize, BackendError> {
        letters::delete(self.link(), queue, which).await
    }

    async fn trim_dead(&self, queue: &QueueName, retention: &Retention) -> Result<usize, BackendError> {
        letters::trim(self.link(), queue, retention).await
    }

    async fn inspect(&self, queue: &QueueName) -> Result<QueueStats, BackendError> {
        inspect::inspect(self.link(), queue).await
    }

    async fn pause(&self, queue: &QueueName) -> Result<(), BackendError> {
        let mut request = Request::command("SET");
        self.link().send(Operation::Pause, request.arg(Keys::of(queue).paused()).arg(1)).await.map(drop)
    }

    async fn resume(&self, queue: &QueueName) -> Result<(), BackendError> {
        let mut request = Request::command("DEL");
        self.link().send(Operation::Resume, request.arg(Keys::of(queue).paused())).await.map(drop)
    }
}
