//! A queue that holds each content once.

use std::{fmt, time::Duration};

use super::{Debounce, Debouncer, Fired};
use crate::{Error, RedisTask, backend::DebounceBackend};

/// A first-in, first-out queue in which equal values are one: what `JsonTaskQueue` of the Python package is, on the same
/// data. It is a debouncer without a delay, from which values are taken whether their time has come or not.
///
/// # Errors
/// As those of [`Debouncer`].
///
/// # Cancel safety
/// As that of [`Debouncer`].
///
/// # Examples
/// ```
/// use redis_ext::{DedupQueue, RedisTask};
/// use redis_ext_memory::MemoryBackend;
///
/// #[derive(RedisTask)]
/// struct Crawl { url: String }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let queue = DedupQueue::new(MemoryBackend::new(), "crawl")?;
/// assert!(queue.push(&Crawl { url: "/a".into() }).await?);
/// assert!(!queue.push(&Crawl { url: "/a".into() }).await?);
/// assert_eq!(queue.pop(10).await?[0].url, "/a");
/// # Ok::<(), redis_ext::Error>(()) }).unwrap();
/// ```
pub struct DedupQueue<T>(Debouncer<T>);

impl<T: RedisTask> DedupQueue<T> {
    /// A queue at `key`.
    ///
    /// # Errors
    /// [`Error::Debounce`] when the key is not one.
    pub fn new(backend: impl DebounceBackend, key: impl Into<String>) -> Result<Self, Error> {
        Debouncer::new(backend, key, Debounce::after(Duration::ZERO)).map(Self)
    }

    /// Appends a value; `false` when an equal one is in the queue.
    pub async fn push(&self, value: &T) -> Result<bool, Error> {
        Ok(self.0.schedule(value).await?.is_new())
    }

    /// Takes up to `max` values, the oldest first; each goes to one caller. What does not decode goes to the quarantine,
    /// and the others are returned all the same.
    pub async fn pop(&self, max: usize) -> Result<Vec<T>, Error> {
        Ok(self.0.pop(max, true).await?.into_iter().map(Fired::into_inner).collect())
    }

    /// The next `max` values, which stay in the queue; without those that do not decode.
    pub async fn peek(&self, max: usize) -> Result<Vec<T>, Error> {
        Ok(self.0.peek(max).await?.into_iter().map(Fired::into_inner).collect())
    }

    /// Whether an equal value is in the queue.
    pub async fn contains(&self, value: &T) -> Result<bool, Error> {
        self.0.is_pending(value).await
    }

    /// Removes a value; the answer is whether it was there.
    pub async fn remove(&self, value: &T) -> Result<bool, Error> {
        self.0.cancel(value).await
    }

    /// How many values there are.
    pub async fn len(&self) -> Result<usize, Error> {
        self.0.pending_count().await
    }

    /// Whether there are none.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len().await? == 0)
    }

    /// Removes all values; the answer is how many.
    pub async fn clear(&self) -> Result<usize, Error> {
        self.0.clear().await
    }
}

impl<T> Clone for DedupQueue<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for DedupQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DedupQueue").field(&self.0.key).finish()
    }
}
