//! Ways into a queue: what a task type's users call.

use std::{
    borrow::Borrow,
    future::Future,
    time::{Duration, SystemTime},
};

use sha2::{Digest, Sha256};

use super::{Backoff, Envelope, Overrides, QueueName, RedisTask, TaskId, Timestamp, Wire};
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

    /// Enqueues many tasks in their order, one round trip for each 512.
    ///
    /// # Errors
    /// Nothing is enqueued when a payload has no wire form. [`Error::EnqueueMany`] tells which tasks were enqueued
    /// before the backend failed.
    fn enqueue_many<B, I>(backend: &B, tasks: I) -> impl Future<Output = Result<Vec<Enqueued>, Error>> + Send
    where
        B: TaskBackend + ?Sized,
        I: IntoIterator,
        I::Item: Borrow<Self>,
    {
        let encoded: Result<Vec<_>, _> = tasks.into_iter().map(|task| task.borrow().with().encode()).collect();
        async move {
            let encoded = encoded?;
            let mut enqueued = Vec::with_capacity(encoded.len());
            for batch in encoded.chunks(MAX_BATCH) {
                match backend.enqueue(&Self::QUEUE, batch).await {
                    Ok(answers) => enqueued.extend(answers),
                    Err(source) => return Err(Error::EnqueueMany { enqueued, source }),
                }
            }
            Ok(enqueued)
        }
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
        let encoded = self.encode();
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

    fn encode(&self) -> Result<NewTask, Error> {
        let mut payload = Vec::with_capacity(128);
        let failed = |source: CodecError| Error::Encode { queue: self.queue.clone(), source };
        self.task.encode(&mut payload).map_err(failed)?;

        let id = TaskId::random();
        if T::OPTIONS.wire == Wire::Bare {
            if self.deadline.is_some() || self.unique_for.is_some() || self.overrides != Overrides::default() {
                return Err(Error::BareWire { queue: self.queue.clone() });
            }
            return Ok(NewTask { id, entry: payload, unique: None });
        }

        let mut envelope = Envelope::new(id, SystemTime::now().into(), &payload);
        envelope.deadline = self.deadline.map(Timestamp::from);
        envelope.overrides = self.overrides;
        let unique = match self.unique_for {
            None => None,
            Some(ttl) => Some(UniqueLock { digest: content_digest(&payload).map_err(failed)?, ttl }),
        };
        envelope.unique = unique.as_ref().map(|lock| lock.digest.as_str().into());
        Ok(NewTask { id, entry: envelope.to_entry(), unique })
    }
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
