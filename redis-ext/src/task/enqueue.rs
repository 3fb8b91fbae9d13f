//! Ways into a queue: what a task type's users call.

use std::{
    borrow::Borrow,
    future::Future,
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt as _, stream::FuturesOrdered};
use sha2::{Digest, Sha256};

use super::{Backoff, Envelope, Overrides, QueueName, RedisTask, TaskId, TaskIds, Timestamp, Wire};
use crate::{
    Error,
    backend::{Due, Enqueued, MAX_BATCH, NewTask, TaskBackend, UniqueLock},
    codec::CodecError,
};

/// Puts tasks into queues. Implemented for every [`RedisTask`].
///
/// # Errors
/// Every call fails with [`Error::Encode`] when the payload has no wire form, [`Error::BareWire`] when an option
/// needs an envelope that the type does without, and [`Error::Backend`] when the backend refuses, which says whether
/// the task may be enqueued all the same.
///
/// # Cancel safety
/// A call whose future is dropped may or may not have enqueued the task.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use redis_ext::prelude::*;
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// #[redis_task(unique_for = "1h")]
/// struct Reindex { shard: u32 }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let backend = MemoryBackend::new();
/// let first = Reindex { shard: 7 }.enqueue(&backend).await?;
/// let again = Reindex { shard: 7 }.enqueue(&backend).await?;
/// assert!(again.is_duplicate() && again.id() == first.id());
///
/// Reindex { shard: 8 }.enqueue_in(&backend, Duration::from_secs(60)).await?;
/// Reindex::enqueue_many(&backend, [Reindex { shard: 9 }, Reindex { shard: 10 }]).await?;
///
/// let stats = Queue::of::<Reindex>(&backend).stats().await?;
/// assert_eq!((stats.ready, stats.scheduled), (3, 1));
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
pub trait Enqueue: RedisTask {
    /// Enqueues the task to be run as soon as a worker is free.
    fn enqueue<B: TaskBackend + ?Sized>(&self, backend: &B) -> impl Future<Output = Result<Enqueued, Error>> + Send {
        self.with().enqueue(backend)
    }

    /// Enqueues the task to be run after `delay`. Workers look for what has become due every 100 ms.
    fn enqueue_in<B: TaskBackend + ?Sized>(
        &self,
        backend: &B,
        delay: Duration,
    ) -> impl Future<Output = Result<Enqueued, Error>> + Send {
        self.with().delay(delay).enqueue(backend)
    }

    /// Enqueues the task to be run at `time`, by the backend's clock.
    fn enqueue_at<B: TaskBackend + ?Sized>(
        &self,
        backend: &B,
        time: SystemTime,
    ) -> impl Future<Output = Result<Enqueued, Error>> + Send {
        self.with().at(time).enqueue(backend)
    }

    /// Enqueues many tasks, in groups of 512, of which two are under way at once. They keep their order, unless the connection is
    /// lost on the way.
    ///
    /// # Errors
    /// Nothing is enqueued when a payload has no wire form. [`Error::EnqueueMany`] tells which tasks were enqueued
    /// before the backend failed; the groups that were under way then may be enqueued, too.
    fn enqueue_many<B, I>(backend: &B, tasks: I) -> impl Future<Output = Result<Vec<Enqueued>, Error>> + Send
    where
        B: TaskBackend + ?Sized,
        I: IntoIterator,
        I::Item: Borrow<Self>,
    {
        let now = SystemTime::now().into();
        let ids = TaskIds::new(now);
        let encoded: Result<Vec<_>, _> =
            tasks.into_iter().map(|task| task.borrow().with().encode(ids.make(), now)).collect();
        async move { enqueue_in_groups(backend, &Self::QUEUE, &encoded?).await }
    }

    /// Enqueues this one task otherwise than its type says.
    ///
    /// # Examples
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use redis_ext::{Backoff, prelude::*};
    /// # use redis_ext_memory::MemoryBackend;
    ///
    /// #[derive(RedisTask)]
    /// struct Report { month: u8 }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let backend = MemoryBackend::new();
    /// Report { month: 2 }.with().queue("reports-low".parse()?).max_attempts(2).enqueue(&backend).await?;
    ///
    /// let (hour, now) = (Duration::from_secs(3600), SystemTime::now());
    /// Report { month: 3 }
    ///     .with()
    ///     .at(now + hour) // or `.delay(hour)`
    ///     .deadline(now + 2 * hour)
    ///     .timeout(Some(Duration::from_secs(30)))
    ///     .backoff(Backoff::fixed(Duration::from_secs(10)))
    ///     .unique_for(Some(2 * hour))
    ///     .enqueue(&backend)
    ///     .await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    fn with(&self) -> EnqueueWith<'_, Self> {
        EnqueueWith {
            task: self,
            queue: Self::QUEUE,
            due: None,
            deadline: None,
            unique_for: Self::OPTIONS.unique_for,
            overrides: Overrides::default(),
        }
    }
}

impl<T: RedisTask> Enqueue for T {}

/// A task about to be enqueued otherwise than its type says; made by [`Enqueue::with`].
///
/// # Examples
/// See [`Enqueue::with`].
#[derive(Debug)]
#[must_use = "nothing is enqueued before `enqueue` is awaited"]
pub struct EnqueueWith<'t, T> {
    task: &'t T,
    queue: QueueName,
    due: Option<Due>,
    deadline: Option<SystemTime>,
    unique_for: Option<Duration>,
    overrides: Overrides,
}

impl<T: RedisTask> EnqueueWith<'_, T> {
    /// Into this queue. A worker must handle the type there: see [`HandlerOptions::queue`](crate::HandlerOptions::queue).
    pub fn queue(mut self, queue: QueueName) -> Self {
        self.queue = queue;
        self
    }

    /// To be run after this long.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.due = Some(Due::In(delay));
        self
    }

    /// To be run at this time, by the backend's clock.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.due = Some(Due::At(time.into()));
        self
    }

    /// Not to be started after this time, by the backend's clock; then it goes to the dead letters.
    pub fn deadline(mut self, deadline: SystemTime) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// To be run this often at most, the first run included; 0 is taken as 1.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.overrides.max_attempts = Some(max_attempts.max(1));
        self
    }

    /// With this long for each attempt; `None` is for ever.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.overrides.timeout = Some(timeout.unwrap_or(Duration::ZERO));
        self
    }

    /// With this wait between attempts.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.overrides.backoff = Some(backoff);
        self
    }

    /// Not while one with the same content is pending, for this long at most; with `None` it is enqueued in any case.
    pub fn unique_for(mut self, unique_for: Option<Duration>) -> Self {
        self.unique_for = unique_for;
        self
    }

    /// Enqueues it. See [`Enqueue`] for errors and cancel safety.
    pub fn enqueue<B: TaskBackend + ?Sized>(
        self,
        backend: &B,
    ) -> impl Future<Output = Result<Enqueued, Error>> + Send + use<'_, T, B> {
        let encoded = self.encode(TaskId::random(), SystemTime::now().into());
        let Self { queue, due, .. } = self;
        async move {
            let task = [encoded?];
            let answers = match due {
                None => backend.enqueue(&queue, &task).await,
                Some(due) => backend.schedule(&queue, &task, due).await,
            };
            let [id] = task.map(|task| task.id);
            Ok(answers?.into_iter().next().unwrap_or(Enqueued::new(id)))
        }
    }

    fn encode(&self, id: TaskId, now: Timestamp) -> Result<NewTask, Error> {
        let failed = |source: CodecError| Error::Encode { queue: self.queue.clone(), source };
        let mut entry = Vec::with_capacity(Envelope::USUAL_BYTES * 2);
        if T::OPTIONS.wire == Wire::Bare {
            self.task.encode(&mut entry).map_err(failed)?;
            if self.deadline.is_some() || self.unique_for.is_some() || self.overrides != Overrides::default() {
                return Err(Error::BareWire { queue: self.queue.clone() });
            }
            return Ok(NewTask { id, entry, unique: None });
        }

        let unique = self.unique_for.map(|ttl| self.lock(ttl)).transpose().map_err(failed)?;
        let mut envelope = Envelope::new(id, now, b"");
        envelope.deadline = self.deadline.map(Timestamp::from);
        envelope.overrides = self.overrides;
        envelope.unique = unique.as_ref().map(|lock| lock.digest.as_str().into());
        // The payload is written into its place, as copying it there is a good part of what a small task costs.
        envelope.write_head(&mut entry);
        self.task.encode(&mut entry).map_err(failed)?;
        entry.push(b'}');
        Ok(NewTask { id, entry, unique })
    }

    fn lock(&self, ttl: Duration) -> Result<UniqueLock, CodecError> {
        let mut payload = Vec::new();
        self.task.encode(&mut payload)?;
        Ok(UniqueLock { digest: content_digest(&payload)?, ttl })
    }
}

/// How many groups of an [`Enqueue::enqueue_many`] are under way at once: the backend works on one while the next one
/// travels.
const GROUPS_UNDER_WAY: usize = 2;

/// Enqueues in groups of [`MAX_BATCH`], which are begun in their order.
async fn enqueue_in_groups<B: TaskBackend + ?Sized>(
    backend: &B,
    queue: &QueueName,
    tasks: &[NewTask],
) -> Result<Vec<Enqueued>, Error> {
    let mut enqueued = Vec::with_capacity(tasks.len());
    let mut groups = tasks.chunks(MAX_BATCH).map(|group| backend.enqueue(queue, group));
    let mut under_way: FuturesOrdered<_> = groups.by_ref().take(GROUPS_UNDER_WAY).collect();
    while let Some(answer) = under_way.next().await {
        match answer {
            Ok(answers) => {
                enqueued.extend(answers);
                under_way.extend(groups.next());
            }
            Err(source) => {
                // What was begun later may have come through, and no answer tells of it.
                let later = under_way.next().await;
                let may_be = later.is_some_and(|later| later.map_or_else(|error| error.is_maybe_applied(), |_| true));
                let source = if may_be { source.maybe_applied() } else { source };
                return Err(Error::EnqueueMany { enqueued, source });
            }
        }
    }
    Ok(enqueued)
}

/// The first 128 bits of the SHA-256 of the payload with the keys of its objects in order, in hexadecimal: two
/// payloads that differ only in the order of a map's keys are the same content.
pub(crate) fn content_digest(payload: &[u8]) -> Result<String, CodecError> {
    let mut value: serde_json::Value = serde_json::from_slice(payload).map_err(CodecError::new)?;
    value.sort_all_objects();
    let digest = Sha256::digest(value.to_string());
    Ok(digest[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_the_content_not_of_its_spelling() {
        let digest = |payload: &str| content_digest(payload.as_bytes()).unwrap();
        assert_eq!(digest(r#"{"a":1,"b":{"c":2,"d":3}}"#), digest(r#"{ "b": {"d":3,"c":2}, "a": 1 }"#));
        assert_ne!(digest(r#"{"a":[1,2]}"#), digest(r#"{"a":[2,1]}"#));
        assert_eq!(digest("null").len(), 32);
    }
}
